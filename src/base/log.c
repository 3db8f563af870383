#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"

enum { LINE_MAX_BYTES = 2048 };

/* The sink is one of the few globals (style: main.c and the log sink); set before threads start. */
static const char *log_role = "atoll";
static enum at_log_level log_least = AT_LOG_INFO;
static _Atomic unsigned long log_lost; /* lines that a full pipe did not take */

void at_log_init(const char *role, enum at_log_level least)
{
    log_role = role;
    log_least = least;
}

static size_t begin_line(char line[LINE_MAX_BYTES], const char *level)
{
    char when[32];
    int n;

    at_time_format(at_env_wall_ns(at_env_real()), when, sizeof(when));
    n = snprintf(line, LINE_MAX_BYTES, "time=%s level=%s role=%s ", when, level, log_role);
    return n < 0 ? 0 : (size_t)n;
}

void at_log_catch_up(void)
{
    unsigned long lost = atomic_load_explicit(&log_lost, memory_order_relaxed);
    char line[LINE_MAX_BYTES];
    size_t len;
    int n;

    if (lost == 0 || !atomic_compare_exchange_strong(&log_lost, &lost, 0)) {
        return;
    }
    len = begin_line(line, "warn");
    n = snprintf(line + len, sizeof(line) - len,
                 "lines_lost=%lu | the reader of this log did not keep up\n", lost);
    len += n < 0 ? 0 : (size_t)n;
    if (write(STDERR_FILENO, line, len) < 0) {
        atomic_fetch_add(&log_lost, lost);
    }
}

void at_log(enum at_log_level level, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char line[LINE_MAX_BYTES];
    va_list args;
    size_t start;
    size_t len;
    int n;

    if (level < log_least) {
        return;
    }
    at_log_catch_up();
    start = begin_line(line, names[level]);
    va_start(args, format);
    n = vsnprintf(line + start, sizeof(line) - start - 1, format, args);
    va_end(args);
    len = start + (n < 0 ? 0 : (size_t)n);
    if (len > sizeof(line) - 2) {
        len = sizeof(line) - 2;
    }
    for (size_t i = start; i < len; i++) {
        if ((unsigned char)line[i] < 0x20) {
            line[i] = ' ';
        }
    }
    line[len] = '\n';
    if (write(STDERR_FILENO, line, len + 1) < 0 && errno == EAGAIN) {
        atomic_fetch_add(&log_lost, 1);
    }
}
