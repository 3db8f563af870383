/*
 * The serving side of a link: puts requests together, judges them, sends answers.
 *
 * A request belongs to the owner from ops->request() until at_engine_answer(). When its peer dies
 * meanwhile, in->link becomes NULL and the answer goes nowhere.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/list.h"
#include "call/buffers.h"
#include "call/call.h"
#include "call/engine.h"
#include "call/limits.h"
#include "call/link.h"
#include "call/outgoing.h"
#include "call/streams.h"
#include "call/upkeep.h"
#include "control/service.h"
#include "shm/channel.h"
#include "shm/limits.h"

enum {
    SPARE_MAX = AT_CALL_SLOTS, /* as many as one channel may have in work need no malloc() */
    SPARE_LARGE_MAX = 32,      /* of those: with more room than SMALL_BYTES */
    SMALL_BYTES = 1024,
    ROOM_FIRST_BYTES = 256
};

/* Room of the small kind, for so many bytes. */
static int grow_small(struct at_incoming *in, uint32_t bytes)
{
    uint32_t cap = in->small_cap * 2 < ROOM_FIRST_BYTES ? ROOM_FIRST_BYTES : in->small_cap * 2;
    uint8_t *bigger;

    if (bytes > in->small_cap) {
        cap = cap < bytes ? bytes : cap;
        bigger = realloc(in->small, cap);
        if (bigger == NULL) {
            return -ENOMEM;
        }
        in->small = bigger;
        in->small_cap = cap;
    }
    in->room = in->small;
    in->room_cap = in->small_cap;
    return 0;
}

/*
 * Room for so many bytes that are here, of a message that is to have `total`: of a small one for no
 * more than has come. A buffer's pages cost nothing before they are written, so it has the full
 * length from the start.
 */
static int grow(struct at_engine *e, struct at_incoming *in, uint32_t bytes, uint32_t total)
{
    if (bytes <= in->room_cap) {
        return 0;
    }
    if (total <= AT_CALL_SMALL_BYTES) {
        return grow_small(in, bytes);
    }
    in->room = at_upkeep_buffer(e, total, &in->held);
    in->room_cap = in->room == NULL ? 0 : total;
    return in->room == NULL ? -ENOMEM : 0;
}

static void free_incoming(struct at_engine *e, struct at_incoming *in)
{
    at_buffers_give(&e->buffers, &in->held);
    free(in->small);
    free(in);
}

static struct at_incoming *take_incoming(struct at_engine *e, uint32_t bytes, uint32_t total)
{
    struct at_incoming *in;

    if (!at_list_is_empty(&e->spare)) {
        uint8_t *small;
        uint32_t cap;

        in = at_container_of(e->spare.next, struct at_incoming, entry);
        at_list_remove(&in->entry);
        e->spare_count--;
        small = in->small;
        cap = in->small_cap;
        memset(in, 0, offsetof(struct at_incoming, out));
        in->small = small;
        in->small_cap = cap;
    } else {
        in = calloc(1, sizeof(*in));
        if (in == NULL) {
            return NULL;
        }
    }
    at_list_init(&in->held);
    if (total <= AT_CALL_SMALL_BYTES) {
        in->room = in->small;
        in->room_cap = in->small_cap;
    }
    if (grow(e, in, bytes, total) < 0) {
        free_incoming(e, in);
        return NULL;
    }
    return in;
}

/* The client may not know yet that the stream is over: what is on its way is no lie. */
static void leave_stream_slot(struct at_link *l, const struct at_incoming *in)
{
    struct at_slot *s = &l->slots[in->call_id & UINT16_MAX];

    s->generation = (uint16_t)(in->call_id >> 16);
    s->late = true;
    s->closed = in->stream->peer_closed;
    at_stream_detach(in->stream);
}

/* Its slot is free again. */
static void leave_link(struct at_incoming *in)
{
    struct at_link *l = in->link;

    if (l != NULL) {
        if (in->stream != NULL) {
            leave_stream_slot(l, in);
        } else if (in->complete) {
            l->held_bytes -= in->total_len;
        } else {
            l->part_bytes -= in->got;
            l->parts--;
        }
        l->slots[in->call_id & UINT16_MAX].used = false;
        l->slots[in->call_id & UINT16_MAX].incoming = NULL;
        l->seat.load--;
        l->finished++;
        at_channel_set_credit(&l->channel, l->finished + AT_CALL_SLOTS);
        if (l->paused && l->held_bytes <= at_link_held_max(l) / 2) {
            l->paused = false;
            at_link_heat(l);
        }
        in->link = NULL;
    }
}

static void give_back(struct at_engine *e, struct at_incoming *in)
{
    leave_link(in);
    if (in->stream != NULL) {
        at_stream_free(e, in->stream);
        in->stream = NULL;
    }
    if (in->orphan_of != NULL) {
        at_link_unkeep(in->orphan_of);
        in->orphan_of = NULL;
    }
    if (in->copy != NULL) {
        free(in->copy);
        in->copy = NULL;
    }
    at_arena_deinit(&in->arena);
    at_buffers_give(&e->buffers, &in->held);
    in->room = NULL;
    if (e->spare_count >= (in->small_cap > SMALL_BYTES ? SPARE_LARGE_MAX : SPARE_MAX)) {
        free_incoming(e, in);
        return;
    }
    at_list_insert_after(&e->spare, &in->entry);
    e->spare_count++;
}

void at_server_free_spare(struct at_engine *e)
{
    at_list_foreach_safe (it, &e->spare) {
        struct at_incoming *in = at_container_of(it, struct at_incoming, entry);

        free_incoming(e, in);
    }
}

void at_server_written(struct at_link *l, struct at_outgoing *out)
{
    struct at_incoming *in = at_container_of(out, struct at_incoming, out);

    l->engine->unsent--;
    give_back(l->engine, in);
}

void at_server_give_back(struct at_engine *e, struct at_incoming *in)
{
    give_back(e, in);
}

static void orphan(struct at_link *l, struct at_incoming *in)
{
    in->link = NULL;
    in->orphan_of = l;
    l->orphans++;
}

void at_server_stream_ended(struct at_stream *s)
{
    struct at_incoming *in = s->in;
    struct at_link *l = in->link;

    l->engine->unsent--;
    if (in->answered) {
        give_back(l->engine, in);
    } else { /* at_engine_end_streams(): its owner has it still */
        leave_link(in);
        orphan(l, in);
    }
}

/* What is not yet written cannot be kept: the channel ends in the next drain. */
static void give_answer_up(struct at_link *l, struct at_incoming *in)
{
    l->rule = AT_RULE_LAST;
    in->out.meta = (struct at_bytes){0};
    in->out.body = (struct at_bytes){0};
    in->out.pieces = NULL;
    in->out.begun = false;
    at_list_remove(&in->out.entry);
    at_link_heat(l);
}

/* The ring is full: keeps what the owner's memory holds. */
static void keep_copy(struct at_link *l, struct at_incoming *in)
{
    struct at_bytes meta = in->out.meta;
    struct at_bytes body = in->out.body;
    size_t total = meta.len + body.len;

    in->copy = malloc(total == 0 ? 1 : total);
    if (in->copy == NULL) {
        give_answer_up(l, in);
        return;
    }
    if (meta.len > 0) {
        memcpy(in->copy, meta.at, meta.len);
    }
    if (body.len > 0) {
        memcpy(in->copy + meta.len, body.at, body.len);
    }
    in->out.meta = at_bytes_over(in->copy, meta.len);
    in->out.body = at_bytes_over(in->copy + meta.len, body.len);
}

/* The same by taking the memory over; only the metadata may lie elsewhere. */
static void keep_memory(struct at_link *l, struct at_incoming *in, struct at_arena *arena,
                        struct at_list *buffers)
{
    struct at_bytes meta = in->out.meta;

    in->arena = *arena;
    *arena = (struct at_arena){0};
    at_buffers_move(buffers, &in->held);
    if (meta.len > 0 && in->out.written < meta.len) {
        in->out.meta.at = (const uint8_t *)at_arena_copy(&in->arena, meta);
        if (in->out.meta.at == NULL) {
            give_answer_up(l, in);
        }
    }
}

static bool is_too_large(const struct at_link *l, const struct at_answer *a)
{
    return l != NULL && (a->body.len > l->message_max || a->meta.len > AT_CALL_META_MAX);
}

/* True: all of it is written, or goes nowhere; the engine owns `in` again. */
static bool answer(struct at_engine *e, struct at_incoming *in, const struct at_answer *a)
{
    struct at_link *l = in->link;

    in->answered = true;
    if (l == NULL) {
        give_back(e, in);
        return true;
    }
    in->out = (struct at_outgoing){
        .meta = a->meta, .body = a->body, .pieces = a->pieces, .piece_count = a->piece_count};
    in->out.record = (struct at_record){.kind = AT_RECORD_RESPONSE,
                                        .flags = a->flags,
                                        .call_id = in->call_id,
                                        .code = (uint16_t)a->status,
                                        .total_len = (uint32_t)(a->meta.len + a->body.len),
                                        .meta_len = (uint32_t)a->meta.len,
                                        .span_id = in->span_id};
    e->unsent++;
    return at_link_send(l, &in->out);
}

static void answer_too_large(struct at_engine *e, struct at_incoming *in, const struct at_answer *a)
{
    struct at_answer refusal = {.status = AT_STATUS_RESOURCE_EXHAUSTED};
    char text[240];

    if (a->meta.len > AT_CALL_META_MAX) {
        (void)snprintf(text, sizeof(text), "the answer has %zu bytes of metadata; %d are allowed",
                       a->meta.len, AT_CALL_META_MAX);
    } else {
        (void)snprintf(text, sizeof(text),
                       "the answer has %zu bytes; a message of this service may have %u: raise its "
                       "max_message in atoll.yaml (at most 64M), or stream it in parts",
                       a->body.len, in->link->message_max);
    }
    refusal.meta = at_bytes_of(text);
    if (!answer(e, in, &refusal)) {
        keep_copy(in->link, in);
    }
}

bool at_engine_answer_with(struct at_engine *e, struct at_incoming *in, const struct at_answer *a,
                           struct at_arena *arena, struct at_list *buffers)
{
    if (is_too_large(in->link, a)) {
        answer_too_large(e, in, a);
        return false;
    }
    if (answer(e, in, a)) {
        return false;
    }
    keep_memory(in->link, in, arena, buffers);
    return true;
}

void at_engine_answer(struct at_engine *e, struct at_incoming *in, uint32_t status,
                      struct at_bytes meta, struct at_bytes body, uint8_t flags)
{
    struct at_answer a = {.status = status, .flags = flags, .meta = meta, .body = body};

    if (is_too_large(in->link, &a)) {
        answer_too_large(e, in, &a);
    } else if (!answer(e, in, &a)) {
        keep_copy(in->link, in);
    }
}

static void refuse(struct at_engine *e, struct at_incoming *in, uint32_t status, const char *reason,
                   uint8_t flags)
{
    if (in->stream != NULL) {
        at_stream_end_with(e, in, status, (struct at_bytes){0}, at_bytes_of(reason), flags);
        return;
    }
    at_engine_answer(e, in, status, at_bytes_of(reason), (struct at_bytes){0}, flags);
}

/* No more of it will come: the held bytes count it from now on. */
static void end_part(struct at_link *l, struct at_incoming *in)
{
    in->complete = true;
    in->total_len = in->got; /* less than was announced when it was cancelled */
    l->parts--;
    l->part_bytes -= in->got;
    l->held_bytes += in->got;
}

/* May its owner have it? Else it was refused. */
static bool admit(struct at_link *l, struct at_incoming *in, bool served)
{
    struct at_engine *e = l->engine;

    if (!served || in->method >= e->method_count) {
        refuse(e, in, AT_STATUS_UNIMPLEMENTED, "the method is not in this instance's table", 0);
    } else if (e->going_away) {
        refuse(e, in, AT_STATUS_UNAVAILABLE, "the instance is stopping", AT_RECORD_NOT_EXECUTED);
    } else if (in->deadline_ns != 0 && in->deadline_ns <= e->now_ns) {
        refuse(e, in, AT_STATUS_DEADLINE_EXCEEDED, "the deadline had passed before it was started",
               0);
    } else {
        memcpy(in->caller_service, l->peer_service, sizeof(in->caller_service));
        memcpy(in->caller_instance, l->peer_instance, sizeof(in->caller_instance));
        in->may_state_caller = (l->flags & AT_OPEN_MAY_STATE_CALLER) != 0;
        return true;
    }
    return false;
}

/* All of the request is here. */
static void dispatch(struct at_link *l, struct at_incoming *in)
{
    struct at_engine *e = l->engine;

    end_part(l, in);
    l->paused = l->held_bytes > at_link_held_max(l);
    if (admit(l, in, e->ops->request != NULL)) {
        e->ops->request(e->user, in);
    }
}

static int judge_request(const struct at_link *l, const struct at_record *r)
{
    if (r->offset != 0 || r->len > r->total_len || r->meta_len > r->total_len ||
        (r->len == 0 && r->total_len > 0) || r->meta_len > AT_CALL_META_MAX) {
        return AT_RULE_MESSAGE;
    }
    return r->total_len - r->meta_len > l->message_max ? AT_RULE_MESSAGE_SIZE : AT_RULE_NONE;
}

/* So many bytes more of a request are here. */
static int more(struct at_link *l, struct at_incoming *in, uint32_t len)
{
    in->got += len;
    l->part_bytes += len;
    if (l->held_bytes + l->part_bytes > at_link_unanswered_max(l)) {
        return AT_RULE_MESSAGE_SIZE;
    }
    if (in->got == in->total_len) {
        dispatch(l, in);
    }
    return AT_RULE_NONE;
}

static bool does_stream(const struct at_engine *e, uint16_t method)
{
    return method < AT_CALL_METHODS_MAX && (e->streaming[method / 8] >> method % 8 & 1) != 0;
}

/* What a request's first record says of it. */
static void fill_in(struct at_link *l, struct at_incoming *in, const struct at_record *r)
{
    in->link = l;
    in->call_id = r->call_id;
    in->cancel_word = at_channel_cancel_word(&l->channel, r->call_id);
    in->cancel_value = l->layout >= 2 ? r->call_id >> 16 : UINT32_MAX;
    in->method = r->code;
    in->deadline_ns = r->deadline_ns;
    in->span_id = r->span_id;
    memcpy(in->trace_id, r->trace_id, sizeof(in->trace_id));
    in->meta_len = r->meta_len;
    l->slots[r->call_id & UINT16_MAX].used = true;
    l->slots[r->call_id & UINT16_MAX].late = false;
    l->slots[r->call_id & UINT16_MAX].incoming = in;
    l->seat.load++;
}

static bool is_used(const struct at_link *l, uint32_t slot)
{
    return slot < l->slot_count && l->slots[slot].used;
}

static int judge_opening(const struct at_link *l, const struct at_record *r)
{
    uint32_t slot = r->call_id & UINT16_MAX;
    int rule = l->layout < 2 ? (int)AT_RULE_KIND : at_stream_judge(l, r);

    if (rule != AT_RULE_NONE) {
        return rule;
    }
    if (slot >= AT_CALL_SLOTS || is_used(l, slot) || r->call_id >> 16 == 0) {
        return AT_RULE_CALL_ID;
    }
    return r->code < l->engine->method_count && !does_stream(l->engine, r->code) ? AT_RULE_STREAM
                                                                                 : AT_RULE_NONE;
}

/* The link has taken the opening in. */
static int take_stream(struct at_link *l, struct at_incoming *in, const struct at_record *r)
{
    struct at_engine *e = l->engine;
    struct at_stream *s = in->stream;
    int rule;

    s->in = in;
    s->link = l;
    s->call_id = r->call_id;
    s->credit = AT_STREAM_WINDOW;
    s->window = AT_STREAM_WINDOW;
    in->complete = true;
    in->total_len = r->meta_len;
    fill_in(l, in, r);
    at_channel_copy(&l->channel, 0, in->room, r->meta_len);
    rule = at_stream_take_first(s, r);
    at_channel_consume(&l->channel, r);
    /* Also when a rule was broken: the link ends with its requests, which the owner then knows. */
    if (admit(l, in, e->ops->stream != NULL)) {
        e->ops->stream(e->user, in);
    }
    return rule;
}

static int take_opening(struct at_link *l, const struct at_record *r)
{
    struct at_incoming *in;
    int rule = judge_opening(l, r);

    if (rule != AT_RULE_NONE) {
        return rule;
    }
    in = at_streams_of(l) == NULL || at_slots_reach(l, r->call_id & UINT16_MAX) < 0
             ? NULL
             : take_incoming(l->engine, r->meta_len, r->meta_len);
    if (in == NULL) {
        return AT_RULE_LAST; /* out of memory, as in at_server_take() */
    }
    in->stream = calloc(1, sizeof(*in->stream));
    if (in->stream == NULL) {
        free_incoming(l->engine, in);
        return AT_RULE_LAST;
    }
    return take_stream(l, in, r);
}

int at_server_take(struct at_link *l, const struct at_record *r)
{
    uint32_t slot = r->call_id & UINT16_MAX;
    struct at_incoming *in;
    int rule;

    if ((r->flags & AT_RECORD_STREAM) != 0) {
        return take_opening(l, r);
    }
    rule = does_stream(l->engine, r->code) ? (int)AT_RULE_STREAM : judge_request(l, r);
    if (rule != AT_RULE_NONE) {
        return rule;
    }
    if (slot >= AT_CALL_SLOTS || is_used(l, slot)) {
        return AT_RULE_CALL_ID;
    }
    if (l->parts >= AT_CALL_PARTS_MAX && r->len < r->total_len) {
        return AT_RULE_MESSAGE_SIZE;
    }
    in = at_slots_reach(l, slot) < 0 ? NULL : take_incoming(l->engine, r->len, r->total_len);
    if (in == NULL) {
        return AT_RULE_LAST; /* out of memory: end this channel, its other calls may be resent */
    }
    fill_in(l, in, r);
    in->total_len = r->total_len;
    at_channel_copy(&l->channel, 0, in->room, r->len);
    at_channel_consume(&l->channel, r);
    l->parts++;
    return more(l, in, r->len);
}

/* The request in progress that call_id names, or NULL. */
static struct at_incoming *incoming_of(const struct at_link *l, uint32_t call_id)
{
    uint32_t slot = call_id & UINT16_MAX;
    struct at_incoming *in = slot < l->slot_count ? l->slots[slot].incoming : NULL;

    return in != NULL && in->call_id == call_id ? in : NULL;
}

int at_server_take_data(struct at_link *l, const struct at_record *r)
{
    struct at_incoming *in = incoming_of(l, r->call_id);

    if (in == NULL || in->complete) { /* a stream's, or cancelled, which is as good */
        return at_stream_take_data(l, r);
    }
    if (r->len == 0 || r->offset != in->got || r->len > in->total_len - in->got) {
        return AT_RULE_MESSAGE;
    }
    if (grow(l->engine, in, in->got + r->len, in->total_len) < 0) {
        return AT_RULE_LAST; /* as in at_server_take() */
    }
    at_channel_copy(&l->channel, 0, in->room + in->got, r->len);
    at_channel_consume(&l->channel, r);
    return more(l, in, r->len);
}

void at_server_cancel(struct at_link *l, uint32_t call_id)
{
    struct at_engine *e = l->engine;
    struct at_incoming *in = incoming_of(l, call_id);

    if (in != NULL && in->stream != NULL && in->stream->end_wanted) {
        at_stream_cut(in->stream);
        return;
    }
    if (in == NULL || in->answered) {
        return; /* it crossed our answer */
    }
    atomic_store_explicit(&in->cancelled, true, memory_order_relaxed);
    if (!in->complete) {
        end_part(l, in);
        refuse(e, in, AT_STATUS_CANCELLED, "cancelled before it was whole", 0);
    } else {
        if (in->stream != NULL) {
            at_stream_cancelled(in->stream);
        }
        if (e->ops->cancelled != NULL) {
            e->ops->cancelled(e->user, in);
        }
    }
}

/* A stream whose peer is gone. */
static void lose_stream(struct at_engine *e, struct at_incoming *in)
{
    struct at_stream *s = in->stream;

    e->unsent -= s->end_wanted ? 1 : 0;
    at_stream_retire(s);
}

void at_server_lost(struct at_link *l)
{
    struct at_engine *e = l->engine;

    for (uint32_t i = 0; i < l->slot_count && l->seat.load > 0; i++) {
        struct at_incoming *in = l->slots[i].incoming;

        if (in == NULL) {
            continue;
        }
        l->slots[i].incoming = NULL;
        l->slots[i].used = false;
        l->seat.load--;
        in->link = NULL;
        if (in->stream != NULL) {
            lose_stream(e, in);
        } else if (in->answered) {
            at_list_remove(&in->out.entry);
            e->unsent--;
        }
        if (in->answered) {
            give_back(e, in);
        } else if (!in->complete) {
            give_back(e, in);
        } else {
            orphan(l, in);
            atomic_store_explicit(&in->cancelled, true, memory_order_relaxed);
            if (e->ops->cancelled != NULL) {
                e->ops->cancelled(e->user, in);
            }
        }
    }
}
