/* Streams: what their owners call, and how they come to a link and leave it. */
#include "call/stream.h"

#include <errno.h>
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
#include "call/methods.h"
#include "call/streams.h"
#include "control/service.h"
#include "shm/channel.h"
#include "shm/limits.h"

struct at_streams *at_streams_of(struct at_link *l)
{
    struct at_streams *ss;

    if (l->streams != NULL) {
        return l->streams;
    }
    ss = calloc(1, sizeof(*ss));
    if (ss == NULL) {
        return NULL;
    }
    ss->credit = AT_STREAM_CHANNEL_WINDOW;
    ss->window = AT_STREAM_CHANNEL_WINDOW;
    at_list_init(&ss->starved);
    at_list_init(&ss->hungry);
    at_list_init(&ss->owing);
    l->streams = ss;
    return ss;
}

/* --- callbacks --- */

static struct at_engine *engine_of(const struct at_stream *s)
{
    return s->link->engine; /* news come on links only */
}

void at_stream_tell(struct at_stream *s, uint8_t news)
{
    s->news_bits |= news;
    if (!at_list_is_linked(&s->news)) {
        at_list_append(&engine_of(s)->news, &s->news);
    }
}

static void run_one(struct at_stream *s)
{
    void (*callback)(void *user, struct at_stream *s) = NULL;
    bool sent = (s->news_bits & AT_NEWS_SENT) != 0;

    if (s->ops != NULL) {
        callback = sent ? s->ops->sent : s->ops->readable;
    }
    s->news_bits &= (uint8_t)~(sent ? AT_NEWS_SENT : AT_NEWS_READABLE);
    if (s->news_bits == 0) {
        at_list_remove(&s->news);
    }
    if (callback != NULL) {
        callback(s->user, s); /* s may be gone */
    }
}

bool at_streams_run(struct at_engine *e)
{
    struct at_list due;
    bool any = !at_list_is_empty(&e->news);

    at_list_init(&due); /* what callbacks cause waits for the next run: one stream cannot hold us */
    while (!at_list_is_empty(&e->news)) {
        struct at_list *it = e->news.next;

        at_list_remove(it);
        at_list_append(&due, it);
    }
    while (!at_list_is_empty(&due)) {
        run_one(at_container_of(due.next, struct at_stream, news));
    }
    return any;
}

/* --- on a link and off it --- */

int at_stream_number(struct at_link *l, const struct at_pending *p)
{
    static const char *const kinds[] = {" s", " c", " cs"};
    char name[256];

    if (l->layout < 2) {
        return -1;
    }
    if (at_streams_of(l) == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        int len = snprintf(name, sizeof(name), "%.*s%s", (int)p->request.method.len,
                           (const char *)p->request.method.at, kinds[i]);
        int number = len < 0 || (size_t)len >= sizeof(name)
                         ? -1
                         : at_methods_number(&l->methods, p->request.contract,
                                             at_bytes_over(name, (size_t)len));

        if (number >= 0) {
            return number;
        }
    }
    return -1;
}

void at_stream_begin(struct at_link *l, struct at_stream *s, int number)
{
    struct at_pending *p = s->pending;
    bool message = (s->open_flags & AT_STREAM_MESSAGE) != 0;

    s->link = l;
    s->call_id = p->call_id;
    s->credit = AT_STREAM_WINDOW;
    s->window = AT_STREAM_WINDOW;
    s->writing = AT_WRITING_OPENING;
    s->out = (struct at_outgoing){.stream = s, .meta = p->request.metadata};
    s->out.record = (struct at_record){.kind = AT_RECORD_REQUEST,
                                       .flags = AT_RECORD_STREAM,
                                       .call_id = p->call_id,
                                       .code = (uint16_t)number,
                                       .deadline_ns = p->request.deadline_ns,
                                       .span_id = p->request.span_id,
                                       .meta_len = (uint32_t)p->request.metadata.len};
    if (message) {
        s->out.body = p->request.payload;
        s->out.record.flags |= AT_RECORD_BODY;
        if (s->close_wanted && !s->has_message) {
            s->out.record.flags |= AT_RECORD_LAST;
        }
    }
    s->out.record.total_len = at_outgoing_total(&s->out);
    memcpy(s->out.record.trace_id, p->request.trace_id, sizeof(s->out.record.trace_id));
    (void)at_link_send(l, &s->out);
}

void at_stream_detach(struct at_stream *s)
{
    if (s->link == NULL) {
        return;
    }
    at_list_remove(&s->out.entry);
    at_list_remove(&s->starved);
    at_stream_uncount(s);
    at_stream_drop_coming(s);
    s->writing = AT_WRITING_NOTHING;
    s->link = NULL;
}

void at_stream_rewind(struct at_stream *s)
{
    s->opened = false;
    s->close_said = false;
}

void at_stream_retire(struct at_stream *s)
{
    at_stream_detach(s);
    at_list_remove(&s->news);
    s->news_bits = 0;
    s->over = true;
    s->has_message = false;
}

/* What was to be written is not any more. */
static void stop_sending(struct at_stream *s)
{
    at_list_remove(&s->out.entry);
    at_list_remove(&s->starved);
    s->writing = AT_WRITING_NOTHING;
    s->has_message = false;
    s->first_now = false;
}

void at_stream_cancelled(struct at_stream *s)
{
    s->over = true;
    stop_sending(s);
}

static void push(struct at_stream *s);

void at_stream_cut(struct at_stream *s)
{
    if (s->writing != AT_WRITING_RESPONSE) {
        stop_sending(s);
        push(s);
    }
}

void at_stream_free(struct at_engine *e, struct at_stream *s)
{
    if (s->freed != NULL) {
        *s->freed = true;
    }
    at_stream_retire(s);
    at_stream_release(e, s);
    free(s);
}

/* --- the client's owner --- */

int at_stream_open(struct at_engine *e, struct at_pending *p, struct at_stream *s, uint32_t flags,
                   uint64_t now_ns)
{
    const struct at_stream_ops *ops = s->ops;
    void *user = s->user;
    int r;

    if (p->request.metadata.len > AT_RECORD_PAYLOAD_MAX) {
        return -EMSGSIZE;
    }
    *s = (struct at_stream){.ops = ops, .user = user, .pending = p, .open_flags = (uint8_t)flags};
    at_list_init(&s->blocks);
    s->close_wanted = (flags & AT_STREAM_CLOSE) != 0;
    p->stream = s;
    p->out = (struct at_outgoing){0};
    r = at_engine_start(e, p, now_ns);
    if (r < 0) {
        s->over = true;
        p->stream = NULL;
    }
    return r;
}

void at_stream_release(struct at_engine *e, struct at_stream *s)
{
    (void)e;
    at_stream_drop_blocks(s);
    free(s->copy);
    free(s->first);
    free(s->end_copy);
    s->copy = NULL;
    s->first = NULL;
    s->first_len = 0;
    s->end_copy = NULL;
}

uint8_t *at_stream_response_room(struct at_stream *s, uint32_t len)
{
    free(s->end_copy);
    s->end_copy = malloc(len);
    return s->end_copy;
}

struct at_bytes at_stream_trailers(struct at_stream *s, struct at_bytes packed)
{
    struct at_bytes first;
    struct at_bytes trailers;

    at_metadata_split(packed, &first, &trailers);
    if (first.len > 0 && !s->first_done) {
        s->first = malloc(first.len);
        if (s->first != NULL) {
            memcpy(s->first, first.at, first.len);
            s->first_len = (uint32_t)first.len;
        }
    }
    s->first_done = true;
    return trailers;
}

/* --- both owners --- */

/* Lets what is new to be written go as far as it can. s may be gone after that. */
static void push(struct at_stream *s)
{
    struct at_link *l = s->link;

    if (l != NULL && at_stream_next(s) && l->out.next == &s->out.entry) {
        at_link_flush(l);
    }
}

uint32_t at_stream_message_max(const struct at_stream *s)
{
    return s->link == NULL ? AT_CALL_MESSAGE_MOST : s->link->message_max;
}

int at_stream_send(struct at_engine *e, struct at_stream *s, struct at_bytes message, bool close)
{
    (void)e;
    if (s->over || s->close_wanted || s->end_wanted) {
        return -EPIPE;
    }
    if (s->has_message) {
        return -EBUSY;
    }
    if (message.len > at_stream_message_max(s)) {
        return -EMSGSIZE;
    }
    s->has_message = true;
    s->message = message;
    s->close_wanted = close && s->pending != NULL;
    s->at_once = true;
    push(s);
    s->at_once = false;
    return s->has_message ? (int)AT_STREAM_QUEUED : 0;
}

bool at_stream_is_sending(const struct at_stream *s)
{
    return s->has_message;
}

void at_stream_close_send(struct at_engine *e, struct at_stream *s)
{
    (void)e;
    if (s->over || s->close_wanted || s->pending == NULL) {
        return;
    }
    s->close_wanted = true;
    if (s->writing == AT_WRITING_MESSAGE && !s->out.begun) {
        s->out.record.flags |= AT_RECORD_LAST;
    }
    push(s);
}

int at_stream_first_metadata(struct at_engine *e, struct at_stream *s, struct at_bytes packed,
                             bool now)
{
    (void)e;
    if (s->over || s->end_wanted || s->in == NULL || s->first_done || s->first != NULL) {
        return -EPIPE;
    }
    if (s->has_message) {
        return -EBUSY;
    }
    if (packed.len > AT_RECORD_PAYLOAD_MAX) {
        return -EMSGSIZE;
    }
    if (packed.len == 0) {
        return 0;
    }
    s->first = malloc(packed.len);
    if (s->first == NULL) {
        return -ENOMEM;
    }
    memcpy(s->first, packed.at, packed.len);
    s->first_len = (uint32_t)packed.len;
    s->first_now = now;
    if (now) {
        push(s);
    }
    return 0;
}

bool at_stream_is_drained(const struct at_stream *s)
{
    return s->whole == 0 && (s->over || s->peer_closed);
}

struct at_bytes at_stream_metadata(const struct at_stream *s)
{
    return at_bytes_over(s->first, s->pending == NULL ? 0 : s->first_len);
}

/* --- the server's owner --- */

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
    stop_sending(s);
    s->link->rule = AT_RULE_LAST;
    at_link_heat(s->link);
}

/* Begins the end. s may be gone after that. */
static void end(struct at_stream *s, uint32_t status, struct at_bytes trailers,
                struct at_bytes reason)
{
    bool gone = false;

    if (status != AT_STATUS_OK || s->over) {
        stop_sending(s);
    }
    s->over = true;
    s->end_wanted = true;
    s->end_status = (uint16_t)status;
    s->link->engine->unsent++;
    if (!pack_end(s, trailers, status == AT_STATUS_OK ? (struct at_bytes){0} : reason)) {
        give_up(s);
        return;
    }
    s->freed = &gone;
    push(s);
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

static void expel(struct at_engine *e, struct at_incoming *in, struct at_bytes reason)
{
    struct at_stream *s = in->stream;

    s->expelled = true;
    at_list_remove(&s->news);
    s->news_bits = 0;
    atomic_store_explicit(&in->cancelled, true, memory_order_relaxed);
    s->over = true;
    end(s, AT_STATUS_UNAVAILABLE, (struct at_bytes){0}, reason);
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
