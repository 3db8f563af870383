/* Streams, the end of a server's: by its owner, by its client's cancel, when a drain is over. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/list.h"
#include "call/call.h"
#include "call/engine.h"
#include "call/limits.h"
#include "call/link.h"
#include "call/metadata.h"
#include "call/stream.h"
#include "call/streams.h"
#include "control/service.h"
#include "shm/channel.h"

void at_stream_cancelled(struct at_stream *s)
{
    s->over = true;
    at_stream_stop_sending(s);
    at_stream_stop_waiting(s);
}

void at_stream_cut(struct at_stream *s)
{
    if (s->writing != AT_WRITING_RESPONSE) {
        at_stream_stop_sending(s);
        at_stream_push(s);
    }
}

/*
 * First metadata that did not go yet, the mark, trailers: into room of the stream's own when there
 * is any of them. False: out of memory.
 */
static bool pack_end(struct at_stream *s, struct at_bytes trailers, struct at_bytes reason)
{
    struct at_bytes first = at_bytes_over(s->first, s->first_done ? 0 : s->first_len);
    size_t cap = first.len + trailers.len + reason.len + AT_METADATA_TRAILERS.len + 3;
    bool any = first.len > 0 || trailers.len > 0;
    struct at_bytes packed;
    struct at_writer w;

    s->end_meta = reason;
    if (!any) {
        return true;
    }
    s->end_copy = malloc(cap);
    if (s->end_copy == NULL) {
        return false;
    }
    w = at_writer_over(s->end_copy, cap);
    at_write_bytes(&w, reason);
    at_write_bytes(&w, first);
    at_metadata_add(&w, AT_METADATA_TRAILERS, (struct at_bytes){0});
    at_write_bytes(&w, trailers);
    packed = at_bytes_after(at_writer_bytes(&w), reason.len);
    s->end_meta = s->end_status == AT_STATUS_OK ? packed : at_bytes_over(s->end_copy, reason.len);
    s->end_body = s->end_status == AT_STATUS_OK ? (struct at_bytes){0} : packed;
    return true;
}

/* What of the owner's memory is not written yet becomes ours. False: out of memory. */
static bool keep(struct at_stream *s)
{
    if (s->has_message && s->message.len > 0) {
        s->copy = malloc(s->message.len);
        if (s->copy == NULL) {
            return false;
        }
        memcpy(s->copy, s->message.at, s->message.len);
        s->message.at = s->copy;
        if (s->writing == AT_WRITING_MESSAGE) {
            s->out.body = s->message;
        }
    }
    if (s->end_copy == NULL && s->end_meta.len > 0) {
        s->end_copy = malloc(s->end_meta.len);
        if (s->end_copy == NULL) {
            return false;
        }
        memcpy(s->end_copy, s->end_meta.at, s->end_meta.len);
        s->end_meta.at = s->end_copy;
        if (s->writing == AT_WRITING_RESPONSE) {
            s->out.meta = s->end_meta;
        }
    }
    return true;
}

/* The link cannot carry the end: it ends itself in its next drain. */
static void give_up(struct at_stream *s)
{
    at_stream_stop_sending(s);
    s->link->rule = AT_RULE_LAST;
    at_link_heat(s->link);
}

/* Begins the end. s may be gone after that. */
static void end(struct at_stream *s, uint32_t status, struct at_bytes trailers,
                struct at_bytes reason)
{
    bool gone = false;

    if (status != AT_STATUS_OK || s->over) {
        at_stream_stop_sending(s);
    }
    s->over = true;
    at_stream_stop_waiting(s);
    s->end_wanted = true;
    s->end_status = (uint16_t)status;
    s->link->engine->unsent++;
    if (!pack_end(s, trailers, status == AT_STATUS_OK ? (struct at_bytes){0} : reason)) {
        give_up(s);
        return;
    }
    s->freed = &gone;
    at_stream_push(s);
    if (gone) {
        return;
    }
    s->freed = NULL;
    if (s->link != NULL && !keep(s)) {
        give_up(s);
    }
}

void at_stream_end_with(struct at_engine *e, struct at_incoming *in, uint32_t status,
                        struct at_bytes trailers, struct at_bytes reason, uint8_t flags)
{
    struct at_stream *s = in->stream;
    char text[160];

    in->answered = true;
    s->ops = NULL;
    if (s->expelled && in->link != NULL) {
        return; /* its RESPONSE is on the way */
    }
    if (in->link == NULL) {
        at_server_give_back(e, in);
        return;
    }
    if (trailers.len + s->first_len + AT_METADATA_TRAILERS.len + 3 > AT_CALL_META_MAX) {
        (void)snprintf(text, sizeof(text),
                       "%zu bytes of trailers and %u of metadata; the limit is %d", trailers.len,
                       s->first_len, AT_CALL_META_MAX);
        status = AT_STATUS_RESOURCE_EXHAUSTED;
        reason = at_bytes_of(text);
        trailers = (struct at_bytes){0};
        s->first_len = 0;
    }
    s->end_flags = flags;
    end(s, status, trailers, at_bytes_before(reason, AT_CALL_REASON_MAX));
}

void at_stream_end(struct at_engine *e, struct at_incoming *in, uint32_t status,
                   struct at_bytes trailers, struct at_bytes reason)
{
    at_stream_end_with(e, in, status, trailers, reason, 0);
}

/* The end of a stream that its owner still has. */
static void end_first(struct at_incoming *in, uint32_t status, struct at_bytes reason)
{
    struct at_stream *s = in->stream;

    s->expelled = true;
    at_list_remove(&s->news);
    s->news_bits = 0;
    atomic_store_explicit(&in->cancelled, true, memory_order_relaxed);
    s->over = true;
    end(s, status, (struct at_bytes){0}, reason);
}

bool at_stream_leave(struct at_incoming *in, uint32_t status, struct at_bytes reason)
{
    if (in->link == NULL || in->answered || in->stream->expelled) {
        return false;
    }
    end_first(in, status, at_bytes_before(reason, AT_CALL_REASON_MAX));
    if (in->link == NULL) { /* nothing counts any more what it holds, so it holds little */
        at_stream_drop_later(in->stream);
    }
    return true;
}

static void expel(struct at_engine *e, struct at_incoming *in, struct at_bytes reason)
{
    end_first(in, AT_STATUS_UNAVAILABLE, reason);
    if (e->ops->cancelled != NULL) {
        e->ops->cancelled(e->user, in);
    }
}

void at_engine_end_streams(struct at_engine *e, struct at_bytes reason)
{
    for (uint32_t i = 0; i < e->link_cap; i++) {
        struct at_link *l = e->links[i];

        if (l == NULL || l->side != AT_SIDE_SERVER || l->state != AT_LINK_OPEN) {
            continue;
        }
        for (uint32_t k = 0; k < l->slot_count; k++) {
            struct at_incoming *in = l->slots[k].incoming;

            if (in != NULL && in->stream != NULL && !in->answered && !in->stream->expelled) {
                expel(e, in, reason);
            }
        }
    }
}
