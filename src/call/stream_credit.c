/* Streams, credit that a reader gives: to each of its streams, out of their pool, to the channel. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/list.h"
#include "call/limits.h"
#include "call/link.h"
#include "call/stream.h"
#include "call/streams.h"
#include "shm/channel.h"
#include "shm/limits.h"

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

void at_streams_settle(struct at_link *l)
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

/* First come, first served: else what needs much would wait for ever behind what needs less. */
static bool is_its_turn(const struct at_stream *s)
{
    const struct at_list *hungry = &s->link->streams->hungry;

    return at_list_is_empty(hungry) || hungry->next == &s->hungry;
}

/* How much the stream may have in flight or hold, all told; *ret_must: it waits for it. */
static uint32_t goal_of(struct at_stream *s, bool consumed, bool *ret_must)
{
    uint32_t whole_message = s->held + s->coming_left;

    /* Nothing that its owner could consume, and the message does not fit: without more, never. */
    *ret_must = s->coming && s->whole_held == 0 && s->window < s->coming_left;
    if (*ret_must && whole_message > AT_STREAM_WINDOW) {
        if (is_its_turn(s) && pool_has(s, share_of(whole_message), at_link_stream_pool(s->link))) {
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
            return;
        }
    }
}

void at_stream_settle(struct at_stream *s, bool consumed)
{
    struct at_link *l = s->link;

    if (l->state == AT_LINK_OPEN) {
        bool waited = at_list_is_linked(&s->hungry);

        if (settle_one(s, consumed) || (waited && !at_list_is_linked(&s->hungry))) {
            feed_hungry(l);
        }
    }
    at_streams_settle(l);
}

void at_stream_stop_waiting(struct at_stream *s)
{
    at_list_remove(&s->hungry);
    if (s->link->state == AT_LINK_OPEN) {
        feed_hungry(s->link);
    }
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
        at_streams_settle(l);
    }
}
