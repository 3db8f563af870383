#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"

enum { LINE_MAX_BYTES = 2048 };

/* The sink is one of the few globals (style: main.c and the log sink); set before threads start. */
static const char *log_role = "atoll";
static enum at_log_level log_least = AT_LOG_INFO;

void at_log_init(const char *role, enum at_log_level least)
{
    log_role = role;
    log_least = least;
}

void at_log(enum at_log_level level, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char line[LINE_MAX_BYTES];
    char when[32];
    va_list args;
    size_t start;
    size_t len;
    int n;

    if (level < log_least) {
        return;
    }
    at_time_format(at_env_wall_ns(at_env_real()), when, sizeof(when));
    n = snprintf(line, sizeof(line), "time=%s level=%s role=%s ", when, names[level], log_role);
    start = n < 0 ? 0 : (size_t)n;
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
    (void)!write(STDERR_FILENO, line, len + 1);
}
