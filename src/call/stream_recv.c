/* Streams, reading: each record that comes is judged, and becomes part of a message or the end. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "call/call.h"
#include "call/limits.h"
#include "call/link.h"
#include "call/stream.h"
#include "call/streams.h"
#include "control/service.h"
#include "shm/channel.h"

int at_stream_find(struct at_link *l, uint32_t call_id, struct at_stream **ret)
{
    uint32_t slot = call_id & UINT16_MAX;
    struct at_slot *at = slot < l->slot_count ? &l->slots[slot] : NULL;

    *ret = NULL;
    if (at == NULL) {
        return AT_RULE_CALL_ID;
    }
    if (l->side == AT_SIDE_SERVER && at->incoming != NULL) {
        if (at->incoming->call_id != call_id) {
            return AT_RULE_CALL_ID;
        }
        *ret = at->incoming->stream;
        return *ret == NULL ? AT_RULE_STREAM : AT_RULE_NONE;
    }
    if (l->side == AT_SIDE_SERVER) {
        return at->late && at->generation == call_id >> 16 ? AT_RULE_NONE : AT_RULE_CALL_ID;
    }
    if (!at->used || at->generation != call_id >> 16) {
        return AT_RULE_CALL_ID;
    }
    if (!at->stream) {
        return AT_RULE_STREAM;
    }
    *ret = at->pending == NULL ? NULL : at->pending->stream;
    return at->skip > 0 ? AT_RULE_CLOSED : AT_RULE_NONE;
}

int at_stream_judge(const struct at_link *l, const struct at_record *r)
{
    bool body = (r->flags & AT_RECORD_BODY) != 0;

    /* Metadata must be whole in the first record: until then nobody could say whose it is. */
    if (r->offset != 0 || r->len > r->total_len || r->meta_len > r->len ||
        (r->len == 0 && r->total_len > 0) || r->meta_len > AT_CALL_META_MAX ||
        (!body && (r->total_len != r->meta_len || (r->flags & AT_RECORD_LAST) != 0))) {
        return AT_RULE_MESSAGE;
    }
    return r->total_len - r->meta_len > l->message_max ? AT_RULE_MESSAGE_SIZE : AT_RULE_NONE;
}

/* Takes so many bytes off the credit that was given. A rule. */
static int use_credit(struct at_link *l, struct at_stream *s, uint32_t bytes)
{
    if (bytes > l->streams->window || (s != NULL && bytes > s->window)) {
        return AT_RULE_CREDIT;
    }
    l->streams->window -= bytes;
    if (s != NULL) {
        s->window -= bytes;
    }
    return AT_RULE_NONE;
}

static void count(struct at_stream *s, uint32_t bytes)
{
    s->held += bytes;
    s->link->streams->held += bytes;
}

/* A record of the message that comes was added. */
static void after_bytes(struct at_stream *s)
{
    if (s->coming && s->coming_left == 0) {
        s->coming = false;
        s->whole++;
        s->whole_held = s->held;
        s->committed = true;
        s->peer_closed = s->peer_closed || s->coming_last;
        at_stream_tell(s, AT_NEWS_READABLE);
    }
    at_stream_settle(s, false);
}

int at_stream_take_first(struct at_stream *s, const struct at_record *r)
{
    uint32_t bytes = AT_STREAM_FRAME + (r->len - r->meta_len);
    int rule;

    if ((r->flags & AT_RECORD_BODY) == 0) {
        return AT_RULE_NONE;
    }
    rule = use_credit(s->link, s, bytes);
    if (rule != AT_RULE_NONE) {
        return rule;
    }
    s->coming_last = (r->flags & AT_RECORD_LAST) != 0;
    s->coming_offset = r->len;
    if (at_stream_begin_message(s, r->total_len - r->meta_len) < 0) {
        return AT_RULE_LAST; /* out of memory: this channel ends */
    }
    count(s, AT_STREAM_FRAME);
    if (at_stream_add_bytes(s, r->meta_len, r->len - r->meta_len) < 0) {
        return AT_RULE_LAST;
    }
    count(s, r->len - r->meta_len);
    after_bytes(s);
    return AT_RULE_NONE;
}

/* Client: the server's first metadata. */
static int take_metadata(struct at_stream *s, const struct at_record *r)
{
    if (r->meta_len > 0) {
        if (s->first_done) {
            return AT_RULE_MESSAGE;
        }
        s->first = malloc(r->meta_len);
        if (s->first == NULL) {
            return AT_RULE_LAST;
        }
        s->first_len = r->meta_len;
        at_channel_copy(&s->link->channel, 0, s->first, r->meta_len);
        at_stream_tell(s, AT_NEWS_READABLE);
    }
    s->first_done = true;
    s->committed = true;
    return AT_RULE_NONE;
}

/* Has the client said END? Of a stream that is over and gone the slot remembers it. */
static bool is_closed(const struct at_link *l, const struct at_stream *s, uint32_t call_id)
{
    return s != NULL ? s->peer_closed : l->slots[call_id & UINT16_MAX].closed;
}

static void set_closed(struct at_link *l, struct at_stream *s, uint32_t call_id)
{
    if (s != NULL) {
        s->peer_closed = true;
    } else {
        l->slots[call_id & UINT16_MAX].closed = true;
    }
}

/* Nobody waits for it any more: it is counted, and the credit goes back to the channel. */
static int drop(struct at_link *l, struct at_stream *s, const struct at_record *r, uint32_t bytes)
{
    int rule = use_credit(l, s, bytes);

    if (rule == AT_RULE_NONE) {
        if ((r->flags & AT_RECORD_LAST) != 0 && r->kind == AT_RECORD_MESSAGE) {
            set_closed(l, s, r->call_id);
        }
        at_channel_consume(&l->channel, r);
        at_streams_settle(l);
    }
    return rule;
}

int at_stream_take_message(struct at_link *l, const struct at_record *r)
{
    bool to_server = l->side == AT_SIDE_SERVER;
    struct at_stream *s;
    int rule = l->layout < 2 ? (int)AT_RULE_KIND : at_stream_find(l, r->call_id, &s);

    if (rule == AT_RULE_NONE) {
        rule = at_stream_judge(l, r);
    }
    if (rule == AT_RULE_NONE && (r->total_len == 0 && (r->flags & AT_RECORD_BODY) == 0)) {
        rule = AT_RULE_MESSAGE; /* says nothing */
    }
    if (rule == AT_RULE_NONE && (to_server ? r->meta_len > 0 : (r->flags & AT_RECORD_LAST) != 0)) {
        rule = AT_RULE_MESSAGE;
    }
    if (rule == AT_RULE_NONE && to_server && is_closed(l, s, r->call_id)) {
        rule = AT_RULE_CLOSED;
    }
    if (rule != AT_RULE_NONE) {
        return rule;
    }
    if (s == NULL || s->over) {
        uint32_t frame = (r->flags & AT_RECORD_BODY) != 0 ? (uint32_t)AT_STREAM_FRAME : 0;

        return drop(l, s, r, frame + r->len - r->meta_len);
    }
    if (s->coming) {
        return AT_RULE_MESSAGE;
    }
    if (!to_server) {
        rule = s->opened ? take_metadata(s, r) : (int)AT_RULE_CALL_ID;
    }
    if (rule == AT_RULE_NONE) {
        rule = at_stream_take_first(s, r);
    }
    if (rule == AT_RULE_NONE) {
        at_channel_consume(&l->channel, r);
    }
    return rule;
}

int at_stream_take_data(struct at_link *l, const struct at_record *r)
{
    struct at_stream *s;
    int rule = at_stream_find(l, r->call_id, &s);

    if (rule != AT_RULE_NONE) {
        return AT_RULE_CALL_ID;
    }
    if (r->len == 0) {
        return AT_RULE_MESSAGE;
    }
    if (s == NULL || s->over) {
        return drop(l, s, r, r->len);
    }
    if (!s->coming) {
        return AT_RULE_CALL_ID;
    }
    if (r->offset != s->coming_offset || r->len > s->coming_left) {
        return AT_RULE_MESSAGE;
    }
    rule = use_credit(l, s, r->len);
    if (rule != AT_RULE_NONE) {
        return rule;
    }
    if (at_stream_add_bytes(s, 0, r->len) < 0) {
        return AT_RULE_LAST;
    }
    s->coming_offset += r->len;
    count(s, r->len);
    at_channel_consume(&l->channel, r);
    after_bytes(s);
    return AT_RULE_NONE;
}

int at_stream_take_end(struct at_link *l, const struct at_record *r)
{
    struct at_stream *s;
    int rule = l->layout < 2 ? (int)AT_RULE_KIND : at_stream_find(l, r->call_id, &s);

    if (rule == AT_RULE_NONE && r->len != 0) {
        rule = AT_RULE_MESSAGE;
    }
    if (rule == AT_RULE_NONE && is_closed(l, s, r->call_id)) {
        rule = AT_RULE_CLOSED;
    }
    if (rule == AT_RULE_NONE && s != NULL && !s->over && s->coming) {
        rule = AT_RULE_MESSAGE;
    }
    if (rule != AT_RULE_NONE) {
        return rule;
    }
    at_channel_consume(&l->channel, r);
    set_closed(l, s, r->call_id);
    if (s != NULL && !s->over) {
        at_stream_tell(s, AT_NEWS_READABLE);
        at_stream_settle(s, false);
    }
    return AT_RULE_NONE;
}

int at_stream_judge_response(const struct at_stream *s, const struct at_record *r)
{
    if (s != NULL && !s->opened) {
        return AT_RULE_CALL_ID;
    }
    if (s != NULL && s->coming && r->code == AT_STATUS_OK) {
        return AT_RULE_MESSAGE;
    }
    if (r->total_len - r->meta_len > (r->code == AT_STATUS_OK ? 0 : AT_CALL_META_MAX)) {
        return AT_RULE_MESSAGE_SIZE;
    }
    return AT_RULE_NONE;
}
