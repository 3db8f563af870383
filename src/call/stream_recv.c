/*
 * Streams, reading: messages are put together in blocks, each with its frame in front, and credit
 * goes back when their owner has consumed them.
 *
 * A block is small and holds several messages, or is as large as the one message that it holds; that
 * one grows with what has come, not with what was announced. A whole message never moves.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/list.h"
#include "call/limits.h"
#include "call/link.h"
#include "call/stream.h"
#include "call/streams.h"
#include "control/service.h"
#include "shm/channel.h"

enum { SMALL_BLOCK = 4000, LARGE_BLOCK_FIRST = 32 << 10 };

struct at_stream_block {
    struct at_list entry; /* in stream->blocks */
    uint8_t *bytes;
    uint32_t cap;
    uint32_t filled;
    uint32_t consumed;
};

static struct at_stream_block *last_block(struct at_stream *s)
{
    return at_container_of(s->blocks.prev, struct at_stream_block, entry);
}

static void free_block(struct at_stream_block *b)
{
    at_list_remove(&b->entry);
    free(b->bytes);
    free(b);
}

void at_stream_drop_blocks(struct at_stream *s)
{
    while (s->blocks.next != NULL && !at_list_is_empty(&s->blocks)) {
        free_block(last_block(s));
    }
    s->whole = 0;
    s->coming = false;
}

static int new_block(struct at_stream *s, uint32_t bytes)
{
    struct at_stream_block *b = calloc(1, sizeof(*b));
    uint32_t cap = bytes <= SMALL_BLOCK         ? (uint32_t)SMALL_BLOCK
                   : bytes <= LARGE_BLOCK_FIRST ? bytes
                                                : (uint32_t)LARGE_BLOCK_FIRST;

    if (b == NULL) {
        return -ENOMEM;
    }
    b->bytes = malloc(cap);
    if (b->bytes == NULL) {
        free(b);
        return -ENOMEM;
    }
    b->cap = cap;
    at_list_append(&s->blocks, &b->entry);
    return 0;
}

/* The frame of a message of len bytes, where there is room for all of it or for nothing else. */
static int begin_message(struct at_stream *s, uint32_t len)
{
    struct at_stream_block *b = at_list_is_empty(&s->blocks) ? NULL : last_block(s);
    struct at_writer w;

    if (b == NULL || b->cap - b->filled < AT_STREAM_FRAME + len) {
        if (b != NULL && b->filled == 0) {
            free_block(b); /* kept for a small one: the first block is the one that is read */
        }
        if (new_block(s, AT_STREAM_FRAME + len) < 0) {
            return -ENOMEM;
        }
        b = last_block(s);
    }
    w = at_writer_over(b->bytes + b->filled, AT_STREAM_FRAME);
    at_write_be(&w, 0, 1); /* not compressed */
    at_write_be(&w, len, 4);
    b->filled += AT_STREAM_FRAME;
    s->coming = true;
    s->coming_left = len;
    return 0;
}

/* The next bytes of the message that comes: payload bytes [from, from + len) of the record. */
static int add_bytes(struct at_stream *s, uint32_t from, uint32_t len)
{
    struct at_stream_block *b = last_block(s);

    if (len > b->cap - b->filled) { /* it has the block for itself */
        uint32_t all = b->filled + s->coming_left;
        uint32_t cap = b->cap * 2 < b->filled + len ? b->filled + len : b->cap * 2;
        uint8_t *bigger;

        cap = cap > all ? all : cap;
        bigger = realloc(b->bytes, cap);
        if (bigger == NULL) {
            return -ENOMEM;
        }
        b->bytes = bigger;
        b->cap = cap;
    }
    at_channel_copy(&s->link->channel, from, b->bytes + b->filled, len);
    b->filled += len;
    s->coming_left -= len;
    return 0;
}

void at_stream_drop_coming(struct at_stream *s)
{
    struct at_stream_block *b;
    uint32_t part = s->held - s->whole_held;

    if (!s->coming) {
        return;
    }
    b = last_block(s);
    b->filled -= part;
    s->held -= part;
    s->coming = false;
    if (b->filled == b->consumed) {
        free_block(b);
    }
}

/* --- credit --- */

/* True: written; else it is owed. */
static bool put_window(struct at_link *l, uint32_t call_id, uint32_t bytes)
{
    struct at_record r = {.kind = AT_RECORD_WINDOW, .call_id = call_id, .total_len = bytes};
    int x = at_channel_put(&l->channel, &r, (struct at_bytes){0}, (struct at_bytes){0});

    if (x == AT_CHANNEL_BROKEN) {
        l->rule = (uint8_t)l->channel.rule;
    }
    if (x != 0) {
        at_link_heat(l);
    }
    return x == 0;
}

bool at_streams_owe(const struct at_link *l)
{
    return l->streams != NULL &&
           (l->streams->owed_window > 0 || !at_list_is_empty(&l->streams->owing));
}

void at_streams_pay(struct at_link *l)
{
    struct at_streams *ss = l->streams;

    if (ss == NULL) {
        return;
    }
    if (ss->owed_window > 0 && put_window(l, AT_CALL_ID_CHANNEL, ss->owed_window)) {
        ss->owed_window = 0;
    }
    while (!at_list_is_empty(&ss->owing)) {
        struct at_stream *s = at_container_of(ss->owing.next, struct at_stream, owing);

        if (!put_window(l, s->call_id, s->owed_window)) {
            return;
        }
        s->owed_window = 0;
        at_list_remove(&s->owing);
    }
}

static void grant(struct at_stream *s, uint32_t bytes)
{
    struct at_link *l = s->link;

    s->window += bytes;
    s->owed_window += bytes;
    if (at_list_is_linked(&s->owing)) {
        return;
    }
    if (put_window(l, s->call_id, s->owed_window)) {
        s->owed_window = 0;
        at_link_show(l);
    } else {
        at_list_append(&l->streams->owing, &s->owing);
    }
}

/* Gives credit of the channel back when enough has come together. */
static void settle_channel(struct at_link *l)
{
    struct at_streams *ss = l->streams;
    int64_t owed = (int64_t)AT_STREAM_CHANNEL_WINDOW + ss->pool_used - ss->window - ss->held;

    if (owed < AT_STREAM_CHANNEL_STEP || l->state != AT_LINK_OPEN) {
        return;
    }
    ss->window += (uint32_t)owed;
    ss->owed_window += (uint32_t)owed;
    if (put_window(l, AT_CALL_ID_CHANNEL, ss->owed_window)) {
        ss->owed_window = 0;
        at_link_show(l);
    }
}

static uint32_t share_of(uint32_t bytes)
{
    return bytes > AT_STREAM_WINDOW ? bytes - AT_STREAM_WINDOW : 0;
}

static void set_share(struct at_stream *s, uint32_t share)
{
    struct at_streams *ss = s->link->streams;

    ss->pool_used = ss->pool_used - s->share + share;
    s->share = share;
}

static bool pool_has(const struct at_stream *s, uint32_t share, uint32_t cap)
{
    return s->link->streams->pool_used - s->share + share <= cap;
}

/* How much the stream may have in flight or hold, all told; *ret_must: it waits for it. */
static uint32_t goal_of(struct at_stream *s, bool consumed, bool *ret_must)
{
    uint32_t whole_message = s->held + s->coming_left;

    /* Nothing that its owner could consume, and the message does not fit: without more, never. */
    *ret_must = s->coming && s->whole_held == 0 && s->window < s->coming_left;
    if (*ret_must && whole_message > AT_STREAM_WINDOW) {
        if (pool_has(s, share_of(whole_message), at_link_stream_pool(s->link))) {
            at_list_remove(&s->hungry);
            return whole_message;
        }
        if (!at_list_is_linked(&s->hungry)) {
            at_list_append(&s->link->streams->hungry, &s->hungry);
        }
        return AT_STREAM_WINDOW + s->share;
    }
    at_list_remove(&s->hungry);
    if (consumed && s->window < AT_STREAM_WINDOW / 2 &&
        pool_has(s, share_of(AT_STREAM_WINDOW_FAST), at_link_stream_pool(s->link) / 2)) {
        return AT_STREAM_WINDOW_FAST;
    }
    return AT_STREAM_WINDOW;
}

/* Gives the stream what it should have; true: the pool has got something back. */
static bool settle_one(struct at_stream *s, bool consumed)
{
    uint32_t before = s->share;
    uint32_t now;
    uint32_t goal;
    bool must;

    if (s->peer_closed) {
        s->window = 0; /* it will not be used */
        at_list_remove(&s->hungry);
    } else if (!s->over) {
        goal = goal_of(s, consumed, &must);
        now = s->window + s->held;
        if (goal > now && (must || goal - now >= goal / 2)) {
            set_share(s, share_of(goal));
            grant(s, goal - now);
        }
    }
    now = share_of(s->window + s->held);
    if (now < s->share) {
        set_share(s, now);
    }
    return s->share < before;
}

static void feed_hungry(struct at_link *l)
{
    while (!at_list_is_empty(&l->streams->hungry)) {
        struct at_stream *s = at_container_of(l->streams->hungry.next, struct at_stream, hungry);

        (void)settle_one(s, false);
        if (at_list_is_linked(&s->hungry)) {
            return; /* first come, first served: else a large one would wait for ever */
        }
    }
}

static void settle(struct at_stream *s, bool consumed)
{
    struct at_link *l = s->link;

    if (l->state == AT_LINK_OPEN && settle_one(s, consumed)) {
        feed_hungry(l);
    }
    settle_channel(l);
}

void at_stream_uncount(struct at_stream *s)
{
    struct at_link *l = s->link;

    at_list_remove(&s->hungry);
    at_list_remove(&s->owing);
    s->owed_window = 0;
    l->streams->held -= s->held;
    set_share(s, 0);
    if (l->state == AT_LINK_OPEN) {
        feed_hungry(l);
        settle_channel(l);
    }
}

/* --- what owners do --- */

bool at_stream_peek(const struct at_stream *s, struct at_bytes *ret)
{
    const struct at_stream_block *b;
    struct at_reader frame;

    if (s->whole == 0) {
        return false;
    }
    b = at_container_of(s->blocks.next, struct at_stream_block, entry);
    frame = at_reader_over(b->bytes + b->consumed + 1, 4);
    *ret = at_bytes_over(b->bytes + b->consumed + AT_STREAM_FRAME, (size_t)at_read_be(&frame, 4));
    return true;
}

void at_stream_consumed(struct at_engine *e, struct at_stream *s)
{
    struct at_stream_block *b;
    struct at_bytes message;
    uint32_t bytes;

    (void)e;
    if (!at_stream_peek(s, &message)) {
        return;
    }
    b = at_container_of(s->blocks.next, struct at_stream_block, entry);
    bytes = AT_STREAM_FRAME + (uint32_t)message.len;
    b->consumed += bytes;
    s->whole--;
    s->held -= bytes;
    s->whole_held -= bytes;
    if (b->consumed == b->filled) {
        b->consumed = 0;
        b->filled = 0;
        if (b->cap > SMALL_BLOCK || b->entry.next != &s->blocks) {
            free_block(b);
        }
    }
    if (s->link != NULL) {
        s->link->streams->held -= bytes;
        settle(s, true);
    }
}

/* --- what comes --- */

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
    settle(s, false);
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
    if (begin_message(s, r->total_len - r->meta_len) < 0) {
        return AT_RULE_LAST; /* out of memory: this channel ends */
    }
    count(s, AT_STREAM_FRAME);
    if (add_bytes(s, r->meta_len, r->len - r->meta_len) < 0) {
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
        settle_channel(l);
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
    if (add_bytes(s, 0, r->len) < 0) {
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
        settle(s, false);
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
