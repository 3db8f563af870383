/* Streams: what their owners call. Not carried yet: opening says so. */
#include "call/stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "call/engine.h"

int at_stream_open(struct at_engine *e, struct at_pending *p, struct at_stream *s, uint32_t flags,
                   uint64_t now_ns)
{
    (void)e;
    (void)p;
    (void)s;
    (void)flags;
    (void)now_ns;
    return -ESHUTDOWN;
}

void at_stream_release(struct at_engine *e, struct at_stream *s)
{
    (void)e;
    (void)s;
}

int at_stream_send(struct at_engine *e, struct at_stream *s, struct at_bytes message, bool close)
{
    (void)e;
    (void)s;
    (void)message;
    (void)close;
    return -EPIPE;
}

bool at_stream_is_sending(const struct at_stream *s)
{
    (void)s;
    return false;
}

void at_stream_close_send(struct at_engine *e, struct at_stream *s)
{
    (void)e;
    (void)s;
}

int at_stream_first_metadata(struct at_engine *e, struct at_stream *s, struct at_bytes packed,
                             bool now)
{
    (void)e;
    (void)s;
    (void)packed;
    (void)now;
    return -EPIPE;
}

bool at_stream_peek(const struct at_stream *s, struct at_bytes *ret)
{
    (void)s;
    (void)ret;
    return false;
}

void at_stream_consumed(struct at_engine *e, struct at_stream *s)
{
    (void)e;
    (void)s;
}

bool at_stream_is_drained(const struct at_stream *s)
{
    (void)s;
    return true;
}

struct at_bytes at_stream_metadata(const struct at_stream *s)
{
    (void)s;
    return (struct at_bytes){0};
}

void at_stream_end(struct at_engine *e, struct at_incoming *in, uint32_t status,
                   struct at_bytes trailers, struct at_bytes reason)
{
    (void)e;
    (void)in;
    (void)status;
    (void)trailers;
    (void)reason;
}

void at_engine_end_streams(struct at_engine *e, struct at_bytes reason)
{
    (void)e;
    (void)reason;
}
