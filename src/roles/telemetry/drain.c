#include "roles/telemetry/drain.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h> // IWYU pragma: keep: EPOLLIN
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/fd.h"
#include "base/list.h"
#include "loop/loop.h"
#include "roles/telemetry/cutter.h"
#include "roles/telemetry/limits.h"
#include "roles/telemetry/logfile.h"

enum { STREAM_OUT = 0, STREAM_ERR = 1, SWEEP_READS = 64 };

/* The log of an instance; lives as long as one of its streams does. */
struct diary {
    struct at_list link;
    struct at_logfile file;
    size_t streams;
};

struct stream {
    struct at_list link;
    struct at_drain *drain;
    struct diary *log;
    struct at_io *io;
    int fd;
    int which; /* STREAM_OUT, STREAM_ERR */
    uint64_t generation;
    struct at_cutter cutter;
    uint64_t held_since_ns; /* when the unfinished line began; 0: there is none */
    uint64_t credit_bytes;  /* what it may still write before lines are dropped */
    uint64_t credit_ns;     /* when that was true */
};

struct at_drain {
    struct at_loop *loop;
    struct at_logfile_conf conf;
    struct at_list streams;
    struct at_list logs;
    size_t stream_count;
    struct at_timer *timer;
    bool timer_set;
    char buffer[AT_LOG_READ_MAX];
};

static struct stream *stream_of(struct at_list *link)
{
    return at_container_of(link, struct stream, link);
}

static struct diary *diary_of(struct at_list *link)
{
    return at_container_of(link, struct diary, link);
}

static uint64_t wall(const struct at_drain *d)
{
    return at_env_wall_ns(d->conf.env);
}

/* The timer runs only while a line is unfinished or a loss is not owned up to. */
static void arm(struct at_drain *d)
{
    if (!d->timer_set) {
        at_timer_set(d->timer, at_loop_now_ns(d->loop) + AT_LOG_NOTE_NS);
        d->timer_set = true;
    }
}

static void refill(struct stream *s, uint64_t now)
{
    uint64_t passed = now - s->credit_ns;

    if (passed >= 2 * AT_SECOND_NS) {
        s->credit_bytes = AT_LOG_BURST_BYTES;
    } else {
        s->credit_bytes += passed * AT_LOG_RATE_BYTES / AT_SECOND_NS;
        if (s->credit_bytes > AT_LOG_BURST_BYTES) {
            s->credit_bytes = AT_LOG_BURST_BYTES;
        }
    }
    s->credit_ns = now;
}

static void write_piece(void *user, struct at_bytes text, bool goes_on)
{
    static const char *const names[2][2] = {{"stdout", "stdout+"}, {"stderr", "stderr+"}};
    struct stream *s = user;
    uint64_t now = at_loop_now_ns(s->drain->loop);

    if (s->credit_bytes < text.len + 1) {
        at_logfile_drop(&s->log->file, text.len + 1);
        arm(s->drain);
        return;
    }
    s->credit_bytes -= text.len + 1;
    at_logfile_add(&s->log->file, wall(s->drain), now, names[s->which][goes_on ? 1 : 0], text);
}

static void drop_log(struct diary *log, uint64_t now)
{
    at_list_remove(&log->link);
    at_logfile_deinit(&log->file, now);
    free(log);
}

static void end_stream(struct stream *s)
{
    struct at_drain *d = s->drain;
    uint64_t now = at_loop_now_ns(d->loop);

    at_cutter_flush(&s->cutter, false);
    at_cutter_deinit(&s->cutter);
    at_io_remove(s->io);
    at_close(&s->fd);
    at_logfile_flush(&s->log->file, wall(d), now);
    at_list_remove(&s->link);
    d->stream_count--;
    if (--s->log->streams == 0) {
        drop_log(s->log, now);
    }
    free(s);
}

/* One read. false: the stream has nothing more now, or has ended (and is gone). */
static bool read_once(struct stream *s)
{
    struct at_drain *d = s->drain;
    ssize_t n = read(s->fd, d->buffer, sizeof(d->buffer));
    uint64_t now = at_loop_now_ns(d->loop);

    if (n < 0 && errno == EINTR) {
        return true;
    }
    if (n < 0 && errno == EAGAIN) {
        return false;
    }
    if (n <= 0) {
        end_stream(s);
        return false;
    }
    refill(s, now);
    at_cutter_add(&s->cutter, at_bytes_over(d->buffer, (size_t)n));
    /* Losses of a flood are told once a second, by the timer. */
    if (s->log->file.waiting.len > 0) {
        at_logfile_flush(&s->log->file, wall(d), now);
    }
    s->held_since_ns = at_cutter_holds(&s->cutter) ? now : 0;
    if (s->held_since_ns != 0 || at_logfile_owes(&s->log->file)) {
        arm(d);
    }
    return true;
}

static void on_readable(void *user, int fd, uint32_t events)
{
    (void)read_once(user);
}

static void on_timer(void *user)
{
    struct at_drain *d = user;
    uint64_t now = at_loop_now_ns(d->loop);
    bool again = false;

    d->timer_set = false;
    at_list_foreach (link, &d->streams) {
        struct stream *s = stream_of(link);

        if (s->held_since_ns != 0 && now - s->held_since_ns >= AT_LOG_PARTIAL_NS) {
            refill(s, now);
            at_cutter_flush(&s->cutter, true);
            s->held_since_ns = 0;
        }
        again = again || s->held_since_ns != 0;
    }
    at_list_foreach (link, &d->logs) {
        struct diary *log = diary_of(link);

        at_logfile_flush(&log->file, wall(d), now);
        again = again || at_logfile_owes(&log->file);
    }
    if (again) {
        arm(d);
    }
}

int at_drain_new(struct at_loop *loop, const struct at_logfile_conf *conf, struct at_drain **ret)
{
    struct at_drain *d = calloc(1, sizeof(*d));

    if (d == NULL) {
        return -ENOMEM;
    }
    d->loop = loop;
    d->conf = *conf;
    at_list_init(&d->streams);
    at_list_init(&d->logs);
    int r = at_loop_add_timer(loop, on_timer, d, &d->timer);

    if (r < 0) {
        free(d);
        return r;
    }
    *ret = d;
    return 0;
}

struct at_drain *at_drain_free(struct at_drain *drain)
{
    if (drain == NULL) {
        return NULL;
    }
    at_list_foreach_safe (link, &drain->streams) {
        end_stream(stream_of(link));
    }
    at_timer_remove(drain->timer);
    free(drain);
    return NULL;
}

static struct diary *find_log(struct at_drain *d, struct at_bytes instance)
{
    at_list_foreach (link, &d->logs) {
        if (at_bytes_equal(at_bytes_of(diary_of(link)->file.name), instance)) {
            return diary_of(link);
        }
    }
    return NULL;
}

static int get_log(struct at_drain *d, struct at_bytes instance, struct diary **ret)
{
    struct diary *log = find_log(d, instance);

    if (log == NULL) {
        log = calloc(1, sizeof(*log));
        int r = log == NULL ? -ENOMEM : at_logfile_init(&log->file, &d->conf, instance);
        if (r < 0) {
            free(log);
            return r;
        }
        at_list_append(&d->logs, &log->link);
    }
    *ret = log;
    return 0;
}

static bool is_drained(const struct at_drain *d, const struct diary *log, uint64_t generation,
                       int which)
{
    at_list_foreach (link, &d->streams) {
        const struct stream *s = stream_of(link);

        if (s->log == log && s->generation == generation && s->which == which) {
            return true;
        }
    }
    return false;
}

/* Takes fd. */
static int add_stream(struct at_drain *d, struct diary *log, uint64_t generation, int which, int fd)
{
    struct stream *s = NULL;
    int r = 0;

    if (fd < 0) {
        return 0;
    }
    if (is_drained(d, log, generation, which)) {
        at_close(&fd);
        return 0;
    }
    if (d->stream_count >= AT_LOG_STREAMS_MAX) {
        r = -ENOSPC;
    } else {
        s = calloc(1, sizeof(*s));
        r = s == NULL ? -ENOMEM : at_fd_set_nonblocking(fd, 1);
    }
    if (r == 0) {
        r = at_loop_add_io(d->loop, fd, EPOLLIN, on_readable, s, &s->io);
    }
    if (r < 0) {
        free(s);
        at_close(&fd);
        return r;
    }
    s->drain = d;
    s->log = log;
    s->fd = fd;
    s->which = which;
    s->generation = generation;
    s->credit_bytes = AT_LOG_BURST_BYTES;
    s->credit_ns = at_loop_now_ns(d->loop);
    at_cutter_init(&s->cutter, write_piece, s);
    at_list_append(&d->streams, &s->link);
    d->stream_count++;
    log->streams++;
    return 0;
}

int at_drain_add(struct at_drain *drain, struct at_bytes instance, uint64_t generation, int out_fd,
                 int err_fd)
{
    struct diary *log;
    int r = get_log(drain, instance, &log);

    if (r < 0) {
        at_close(&out_fd);
        at_close(&err_fd);
        return r;
    }
    r = add_stream(drain, log, generation, STREAM_OUT, out_fd);
    int second = add_stream(drain, log, generation, STREAM_ERR, err_fd);

    if (log->streams == 0) {
        drop_log(log, at_loop_now_ns(drain->loop));
    }
    return r < 0 ? r : second;
}

void at_drain_sweep(struct at_drain *drain)
{
    at_list_foreach_safe (link, &drain->streams) {
        struct stream *s = stream_of(link);

        /* Bounded: a service that still writes must not keep us from ending. */
        for (int i = 0; i < SWEEP_READS && read_once(s); i++) {
        }
    }
}

size_t at_drain_streams(const struct at_drain *drain)
{
    return drain->stream_count;
}
