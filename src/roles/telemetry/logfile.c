#include "roles/telemetry/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/text.h"
#include "roles/telemetry/limits.h"

enum { FILE_MODE = 0640 };

static bool is_file_name(struct at_bytes name)
{
    if (name.len == 0 || name.len > AT_LOG_INSTANCE_NAME_MAX || name.at[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_' || c == '.';
        if (!good) {
            return false;
        }
    }
    return true;
}

int at_logfile_init(struct at_logfile *l, const struct at_logfile_conf *conf, struct at_bytes name)
{
    if (!is_file_name(name)) {
        return -EINVAL;
    }
    *l = (struct at_logfile){.conf = conf, .file = -1};
    memcpy(l->name, name.at, name.len);
    l->name[name.len] = '\0';
    at_text_init(&l->waiting);
    return 0;
}

/* n == 0: the file being written. */
static void path_of(const struct at_logfile *l, uint32_t n, char *out, size_t cap)
{
    if (n == 0) {
        snprintf(out, cap, "%s.log", l->name);
    } else {
        snprintf(out, cap, "%s.log.%" PRIu32, l->name, n);
    }
}

static void close_file(struct at_logfile *l)
{
    if (l->file >= 0) {
        l->conf->env->ops->close(l->conf->env, l->file);
        l->file = -1;
    }
}

/* Where the file ends, and whether with a whole line (a telemetry that died may have torn one). */
static int find_end(struct at_logfile *l)
{
    struct at_env *env = l->conf->env;
    uint64_t low = 0;
    uint64_t high = l->conf->file_bytes + 1;
    char last = '\n';

    /* The environment has no stat; a file of ours is no longer than file_bytes. */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        char byte;
        ssize_t n = env->ops->pread(env, l->file, &byte, 1, middle);
        if (n < 0) {
            return (int)n;
        }
        if (n == 0) {
            high = middle;
        } else {
            last = byte;
            low = middle + 1;
        }
    }
    l->end = low;
    if (low > 0) {
        ssize_t n = env->ops->pread(env, l->file, &last, 1, low - 1);
        if (n < 0) {
            return (int)n;
        }
    }
    l->mend = low > 0 && last != '\n';
    return 0;
}

static int open_file(struct at_logfile *l)
{
    char path[AT_LOG_INSTANCE_NAME_MAX + 32];
    struct at_env *env = l->conf->env;

    if (l->file >= 0) {
        return 0;
    }
    path_of(l, 0, path, sizeof(path));
    int file = env->ops->open(env, l->conf->dir, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                              FILE_MODE);
    if (file < 0) {
        return file;
    }
    l->file = file;
    int r = find_end(l);
    if (r < 0) {
        close_file(l);
    }
    return r;
}

/* .log.3 → .log.4, …, .log → .log.1; the oldest goes. Files that are missing are no trouble. */
static int rotate(struct at_logfile *l)
{
    char from[AT_LOG_INSTANCE_NAME_MAX + 32];
    char to[AT_LOG_INSTANCE_NAME_MAX + 32];
    struct at_env *env = l->conf->env;

    path_of(l, l->conf->files - 1, to, sizeof(to));
    int r = env->ops->unlink(env, l->conf->dir, to);
    if (r < 0 && r != -ENOENT) {
        return r;
    }
    for (uint32_t n = l->conf->files - 1; n > 0; n--) {
        path_of(l, n - 1, from, sizeof(from));
        path_of(l, n, to, sizeof(to));
        r = env->ops->rename(env, l->conf->dir, from, to);
        if (r < 0 && r != -ENOENT) {
            return r;
        }
    }
    close_file(l);
    return open_file(l);
}

/* What could be written stays; `mend` keeps a torn line from being continued by another. */
static int write_at_end(struct at_logfile *l, struct at_bytes b)
{
    struct at_env *env = l->conf->env;

    while (b.len > 0) {
        ssize_t n = env->ops->pwrite(env, l->file, b.at, b.len, l->end);
        if (n == -EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0 ? -EIO : (int)n;
        }
        l->end += (size_t)n;
        b = at_bytes_after(b, (size_t)n);
        l->mend = b.len > 0;
    }
    return 0;
}

/* *ret_start: where in the file b begins. */
static int write_lines(struct at_logfile *l, struct at_bytes b, uint64_t *ret_start)
{
    int r = open_file(l);

    if (r == 0 && l->end > 0 && l->end + b.len > l->conf->file_bytes) {
        r = rotate(l);
    }
    if (r == 0 && l->mend) {
        r = write_at_end(l, AT_LIT("\n"));
    }
    *ret_start = l->end;
    return r == 0 ? write_at_end(l, b) : r;
}

static void format_line(struct at_text *t, uint64_t wall_ns, const char *stream,
                        struct at_bytes text)
{
    char when[40];

    at_time_format(wall_ns, when, sizeof(when));
    at_text_addf(t, "%s %s ", when, stream);
    at_text_add_visible(t, text);
    at_text_add_char(t, '\n');
}

bool at_logfile_owes(const struct at_logfile *l)
{
    return l->lost_lines > 0;
}

/* Puts the line that owns up to a loss; 0 once it is on file. */
static int own_up(struct at_logfile *l, uint64_t wall_ns)
{
    struct at_text t;
    char text[256];
    uint64_t start;

    if (l->lost_lines == 0) {
        return 0;
    }
    if (l->lost_error == 0) {
        snprintf(text, sizeof(text),
                 "%" PRIu64 " lines (%" PRIu64 " bytes) were dropped: written faster than %d MiB/s",
                 l->lost_lines, l->lost_bytes, AT_LOG_RATE_BYTES >> 20);
    } else {
        snprintf(text, sizeof(text), "%" PRIu64 " lines (%" PRIu64 " bytes) were lost: %s",
                 l->lost_lines, l->lost_bytes, strerror(l->lost_error));
    }
    at_text_init(&t);
    format_line(&t, wall_ns, "atoll", at_bytes_of(text));
    int r = t.failed ? -ENOMEM : write_lines(l, at_text_bytes(&t), &start);

    at_text_deinit(&t);
    if (r == 0) {
        l->lost_lines = 0;
        l->lost_bytes = 0;
        l->lost_error = 0;
    }
    return r;
}

static uint64_t count_lines(struct at_bytes b)
{
    uint64_t n = 0;

    for (size_t i = 0; i < b.len; i++) {
        n += b.at[i] == '\n';
    }
    return n;
}

static void lose(struct at_logfile *l, uint64_t lines, size_t bytes, int error)
{
    l->lost_lines += lines;
    l->lost_bytes += bytes;
    if (error != 0) {
        l->lost_error = error;
    }
}

void at_logfile_drop(struct at_logfile *l, size_t bytes)
{
    lose(l, 1, bytes, 0);
}

void at_logfile_flush(struct at_logfile *l, uint64_t wall_ns, uint64_t now_ns)
{
    if (l->waiting.len == 0 && l->lost_lines == 0) {
        return;
    }
    struct at_bytes rest = at_text_bytes(&l->waiting);
    int r = -EAGAIN;

    if (l->retry_ns == 0 || now_ns >= l->retry_ns) {
        r = own_up(l, wall_ns);
        uint64_t start = l->end;
        if (r == 0) {
            r = write_lines(l, rest, &start);
            rest = at_bytes_after(rest, l->end - start);
        }
        l->retry_ns = r == 0 ? 0 : now_ns + AT_LOG_RETRY_NS;
    }
    if (r != 0 && rest.len > 0) {
        lose(l, count_lines(rest), rest.len, r == -EAGAIN ? l->lost_error : -r);
    }
    if (l->waiting.cap > AT_LOG_WRITE_BUFFER_MAX / 4) {
        at_text_deinit(&l->waiting);
        at_text_init(&l->waiting);
    } else {
        at_text_clear(&l->waiting);
    }
}

void at_logfile_add(struct at_logfile *l, uint64_t wall_ns, uint64_t now_ns, const char *stream,
                    struct at_bytes text)
{
    size_t before = l->waiting.len;

    format_line(&l->waiting, wall_ns, stream, text);
    if (l->waiting.failed) {
        l->waiting.len = before;
        l->waiting.failed = false;
        lose(l, 1, text.len, ENOMEM);
        return;
    }
    if (l->waiting.len > AT_LOG_WRITE_BUFFER_MAX / 2) {
        at_logfile_flush(l, wall_ns, now_ns);
    }
}

void at_logfile_deinit(struct at_logfile *l, uint64_t now_ns)
{
    l->retry_ns = 0;
    at_logfile_flush(l, at_env_wall_ns(l->conf->env), now_ns);
    close_file(l);
    at_text_deinit(&l->waiting);
}
