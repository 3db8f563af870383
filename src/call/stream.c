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
#include "call/outgoing.h"
#include "call/streams.h"
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

void at_stream_stop_sending(struct at_stream *s)
{
    at_list_remove(&s->out.entry);
    at_list_remove(&s->starved);
    s->writing = AT_WRITING_NOTHING;
    s->has_message = false;
    s->first_now = false;
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

void at_stream_push(struct at_stream *s)
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
    at_stream_push(s);
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
    at_stream_push(s);
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
        at_stream_push(s);
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
