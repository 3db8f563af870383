#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/list.h"
#include "loop/loop.h"
#include "net/inner.h"
#include "net/limits.h"
#include "net/net.h"

struct buffer {
    uint8_t *at;
    size_t from; /* first byte still needed */
    size_t len;  /* end of the bytes */
    size_t cap;
};

struct at_conn {
    struct at_net *net;
    struct at_list link; /* in net->finishing or net->dead */
    const struct at_conn_ops *ops;
    void *user;
    struct at_io *io;
    struct at_timer *timer;
    uint64_t armed_ns;    /* what the timer stands at; 0: not armed */
    uint64_t deadline_ns; /* the owner's; 0: none */
    uint64_t stall_ns;    /* when the peer must have taken something; 0: nothing is pending */
    struct buffer in;     /* only what the owner left */
    struct buffer out;
    size_t thrown_away; /* input since at_conn_finish() */
    int fd;
    uint32_t events; /* registered with the loop */
    bool corked;     /* a callback runs: output is sent when it returns */
    bool saw_eof;
    bool stopped; /* too much was kept: not reading */
    bool finishing;
    bool shut;
    bool dead;
};

static size_t held(const struct buffer *b)
{
    return b->len - b->from;
}

static void release(struct at_conn *s, struct buffer *b)
{
    at_net_count(s->net, -(ptrdiff_t)b->cap);
    free(b->at);
    *b = (struct buffer){0};
}

/* Little grows by doubling; much is made to measure, because all streams share one budget. */
static size_t next_cap(const struct buffer *b, size_t n)
{
    size_t need = b->len + n;
    size_t cap = b->cap == 0 ? 1024 : b->cap;

    if (need > AT_NET_KEEP_BYTES) {
        return (need + 4095) & ~(size_t)4095;
    }
    while (cap < need) {
        cap *= 2;
    }
    return cap;
}

/* Makes room for n more bytes at the end. */
static int reserve(struct at_conn *s, struct buffer *b, size_t n)
{
    size_t cap;
    uint8_t *at;

    if (b->cap - b->len >= n) {
        return 0;
    }
    if (b->at != NULL && b->from > 0) {
        memmove(b->at, b->at + b->from, held(b));
        b->len -= b->from;
        b->from = 0;
        if (b->cap - b->len >= n) {
            return 0;
        }
    }
    cap = next_cap(b, n);
    if (!at_net_may_grow(s->net, cap - b->cap)) {
        return -ENOMEM;
    }
    at = realloc(b->at, cap);
    if (at == NULL) {
        return -ENOMEM;
    }
    at_net_count(s->net, (ptrdiff_t)(cap - b->cap));
    b->at = at;
    b->cap = cap;
    return 0;
}

static void want_events(struct at_conn *s)
{
    uint32_t events = 0;

    if (!s->saw_eof && !s->stopped) {
        events |= EPOLLIN;
    }
    if (s->stall_ns != 0) {
        events |= EPOLLOUT;
    }
    if (events != s->events) {
        s->events = events;
        (void)at_io_change(s->io, events);
    }
}

/* The timer is moved lazily: it fires early rather than being set anew with every request. */
static void want_time(struct at_conn *s)
{
    uint64_t due = s->deadline_ns;

    if (s->stall_ns != 0 && (due == 0 || s->stall_ns < due)) {
        due = s->stall_ns;
    }
    if (due != 0 && (s->armed_ns == 0 || due < s->armed_ns)) {
        s->armed_ns = due;
        at_timer_set(s->timer, due);
    }
}

void at_net_bury(struct at_net *net)
{
    at_list_foreach_safe (it, &net->dead) {
        at_list_remove(it);
        free(at_container_of(it, struct at_conn, link));
    }
}

/* The struct stays until the next turn's work: our callers further up may still look at it. */
struct at_conn *at_conn_close(struct at_conn *stream)
{
    if (stream == NULL || stream->dead) {
        return NULL;
    }
    stream->dead = true;
    at_list_remove(&stream->link);
    stream->io = at_io_remove(stream->io);
    stream->timer = at_timer_remove(stream->timer);
    at_close(&stream->fd);
    release(stream, &stream->in);
    release(stream, &stream->out);
    stream->net->stream_count--;
    at_list_append(&stream->net->dead, &stream->link);
    return NULL;
}

void at_net_drop_finishing(struct at_net *net)
{
    at_list_foreach_safe (it, &net->finishing) {
        (void)at_conn_close(at_container_of(it, struct at_conn, link));
    }
}

static void lose(struct at_conn *s, int error)
{
    bool owned = !s->finishing;

    (void)at_conn_close(s);
    if (owned) {
        s->ops->on_gone(s->user, error);
    }
}

static void end_output(struct at_conn *s)
{
    if (s->finishing && !s->shut) {
        s->shut = true;
        (void)shutdown(s->fd, SHUT_WR);
        if (s->saw_eof) {
            (void)at_conn_close(s);
            return;
        }
        at_conn_set_deadline(s, at_loop_now_ns(s->net->loop) + AT_NET_LINGER_NS);
    }
}

void at_conn_flush(struct at_conn *stream)
{
    struct buffer *out = &stream->out;
    bool had = held(out) > 0;
    bool stalled = stream->stall_ns != 0;
    bool moved = false;

    while (!stream->dead && held(out) > 0) {
        ssize_t n = send(stream->fd, out->at + out->from, held(out), MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno != EAGAIN) {
            lose(stream, errno);
            return;
        }
        if (n < 0) {
            break;
        }
        out->from += (size_t)n;
        moved = true;
    }
    if (stream->dead) {
        return;
    }
    if (held(out) == 0) {
        out->from = 0;
        out->len = 0;
        stream->stall_ns = 0;
        if (out->cap > AT_NET_OUT_KEPT_BYTES) {
            release(stream, out);
        }
    } else if (moved || !stalled) {
        stream->stall_ns = at_loop_now_ns(stream->net->loop) + AT_NET_STALL_NS;
    }
    want_events(stream);
    want_time(stream);
    if (held(out) == 0) {
        end_output(stream);
        if (had && !stream->finishing && stream->ops->on_drained != NULL) {
            stream->ops->on_drained(stream->user);
        }
    }
}

/* Runs a callback with output held together, then sends it. */
static void uncork(struct at_conn *s)
{
    s->corked = false;
    if (!s->dead && held(&s->out) > 0) {
        at_conn_flush(s);
    } else if (!s->dead) {
        end_output(s);
    }
}

static int keep(struct at_conn *s, struct at_bytes rest)
{
    if (s->in.at != NULL) {
        s->in.from = s->in.len - rest.len; /* it lies there already */
        if (rest.len == 0) {
            release(s, &s->in);
        }
        return 0;
    }
    if (rest.len == 0) {
        return 0;
    }
    if (reserve(s, &s->in, rest.len) < 0 || s->in.at == NULL) {
        return -ENOMEM;
    }
    memcpy(s->in.at, rest.at, rest.len);
    s->in.len = rest.len;
    return 0;
}

/* Offers input to the owner and keeps what it leaves. */
static void deliver(struct at_conn *s, struct at_bytes in)
{
    size_t used;

    if (s->finishing) {
        s->thrown_away += in.len;
        if (s->thrown_away > AT_NET_LINGER_BYTES) {
            (void)at_conn_close(s);
        }
        return;
    }
    s->corked = true;
    used = s->ops->on_input(s->user, in);
    if (!s->dead && !s->finishing) {
        if (keep(s, at_bytes_after(in, used)) < 0) {
            lose(s, ENOMEM);
            return;
        }
        s->stopped = held(&s->in) >= AT_NET_KEEP_BYTES;
        want_events(s);
    }
    uncork(s);
}

static void take_eof(struct at_conn *s)
{
    s->saw_eof = true;
    want_events(s);
    if (s->finishing) {
        if (s->shut) {
            (void)at_conn_close(s);
        }
        return;
    }
    s->corked = true;
    s->ops->on_eof(s->user);
    uncork(s);
}

static void read_some(struct at_conn *s)
{
    struct at_net *net = s->net;
    bool into_kept = s->in.at != NULL;
    uint8_t *at = net->input;
    size_t cap = sizeof(net->input);
    ssize_t n;

    if (into_kept) {
        cap = AT_NET_KEEP_BYTES / 4;
        if (reserve(s, &s->in, cap) < 0) {
            lose(s, ENOMEM);
            return;
        }
        at = s->in.at + s->in.len;
    }
    n = recv(s->fd, at, cap, 0);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            lose(s, errno);
        }
        return;
    }
    if (n == 0) {
        take_eof(s);
        return;
    }
    if (into_kept) {
        s->in.len += (size_t)n;
        deliver(s, at_bytes_over(s->in.at + s->in.from, held(&s->in)));
    } else {
        deliver(s, at_bytes_over(at, (size_t)n));
    }
}

static void on_ready(void *user, int fd, uint32_t events)
{
    struct at_conn *s = user;

    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0) {
        int error = 0;
        socklen_t len = sizeof(error);

        (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
        lose(s, error == 0 ? EPIPE : error);
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        at_conn_flush(s);
    }
    if (!s->dead && (events & EPOLLIN) != 0 && !s->saw_eof) {
        read_some(s);
    }
}

static void on_time(void *user)
{
    struct at_conn *s = user;
    uint64_t now = at_loop_now_ns(s->net->loop);

    s->armed_ns = 0;
    if (s->stall_ns != 0 && s->stall_ns <= now) {
        lose(s, ETIMEDOUT);
        return;
    }
    if (s->deadline_ns != 0 && s->deadline_ns <= now) {
        s->deadline_ns = 0;
        if (s->finishing) {
            (void)at_conn_close(s);
            return;
        }
        s->corked = true;
        s->ops->on_deadline(s->user);
        uncork(s);
    }
    if (!s->dead) {
        want_time(s);
    }
}

int at_conn_new(struct at_net *net, int fd, const struct at_conn_ops *ops, void *user,
                struct at_conn **ret)
{
    struct at_conn *s = calloc(1, sizeof(*s));
    int r;

    at_net_bury(net);
    if (s == NULL) {
        return -ENOMEM;
    }
    s->net = net;
    s->ops = ops;
    s->user = user;
    s->fd = fd;
    s->events = EPOLLIN;
    r = at_loop_add_timer(net->loop, on_time, s, &s->timer);
    if (r == 0) {
        r = at_loop_add_io(net->loop, fd, EPOLLIN, on_ready, s, &s->io);
    }
    if (r < 0) {
        (void)at_timer_remove(s->timer);
        free(s);
        return r;
    }
    net->stream_count++;
    *ret = s;
    return 0;
}

struct at_conn *at_conn_finish(struct at_conn *stream)
{
    if (stream == NULL || stream->dead || stream->finishing) {
        return NULL;
    }
    stream->finishing = true;
    stream->stopped = false;
    release(stream, &stream->in);
    at_list_append(&stream->net->finishing, &stream->link);
    stream->deadline_ns = 0; /* until all is sent the stall time guards it, then the linger time */
    want_events(stream);
    if (!stream->corked) {
        uncork(stream);
    }
    return NULL;
}

uint8_t *at_conn_room(struct at_conn *stream, size_t n)
{
    if (stream->dead || held(&stream->out) > AT_NET_OUT_BYTES ||
        n > AT_NET_OUT_BYTES - held(&stream->out) || reserve(stream, &stream->out, n) < 0) {
        return NULL;
    }
    return stream->out.at + stream->out.len;
}

void at_conn_wrote(struct at_conn *stream, size_t n)
{
    stream->out.len += n;
}

size_t at_conn_pending(const struct at_conn *stream)
{
    return held(&stream->out);
}

void at_conn_resume(struct at_conn *stream)
{
    if (stream->dead || stream->finishing) {
        return;
    }
    if (held(&stream->in) > 0) {
        deliver(stream, at_bytes_over(stream->in.at + stream->in.from, held(&stream->in)));
    } else {
        stream->stopped = false;
        want_events(stream);
    }
}

void at_conn_set_deadline(struct at_conn *stream, uint64_t deadline_ns)
{
    if (!stream->dead) {
        stream->deadline_ns = deadline_ns;
        want_time(stream);
    }
}

bool at_conn_saw_eof(const struct at_conn *stream)
{
    return stream->saw_eof;
}
