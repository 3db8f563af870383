/*
 * The calling side: targets, choice of a channel, resending, results.
 *
 * A call waits in its target's list until a channel has room for it; then it holds a slot of that
 * channel until the last byte of its reply. What becomes of it when its caller gives up: giveup.c.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/list.h"
#include "base/text.h"
#include "call/call.h"
#include "call/choose.h"
#include "call/deadlines.h"
#include "call/engine.h"
#include "call/limits.h"
#include "call/link.h"
#include "call/methods.h"
#include "call/outgoing.h"
#include "call/streams.h"
#include "call/target.h"
#include "policy/resend.h"
#include "shm/channel.h"

static void finish(struct at_engine *e, struct at_pending *p, const struct at_call_result *result)
{
    at_deadlines_remove(&e->deadlines, &p->deadline);
    at_list_remove(&p->entry);
    p->state = AT_PENDING_IDLE;
    p->link = NULL;
    p->target = NULL;
    if (p->stream != NULL) {
        at_stream_retire(p->stream);
        p->stream = NULL;
    }
    p->done(p->user, result);
}

void at_client_finish_later(struct at_engine *e, struct at_pending *p, uint32_t status,
                            const char *format, ...)
{
    struct at_text text;
    va_list args;

    at_text_init(&text);
    va_start(args, format);
    at_text_addv(&text, format, args);
    va_end(args);
    free(p->reason);
    p->reason = at_text_take(&text);
    p->status = status;
    p->state = AT_PENDING_DUE;
    if (p->stream != NULL) {
        at_stream_retire(p->stream);
    }
    p->link = NULL;
    at_deadlines_remove(&e->deadlines, &p->deadline);
    at_list_remove(&p->entry);
    at_list_append(&e->due, &p->entry);
}

bool at_client_run_due(struct at_engine *e)
{
    bool any = false;

    while (!at_list_is_empty(&e->due)) {
        struct at_pending *p = at_container_of(e->due.next, struct at_pending, entry);
        char *reason = p->reason;
        struct at_call_result result = {
            .status = p->status, .reason = at_bytes_of(reason == NULL ? "out of memory" : reason)};

        p->reason = NULL;
        finish(e, p, &result);
        free(reason);
        any = true;
    }
    return any;
}

void at_client_release_slot(struct at_link *l, uint32_t slot)
{
    struct at_slot *s = &l->slots[slot];

    if (s->owes_cancel) {
        l->cancels_owed--;
    }
    if (s->said_cancelled) {
        /* Generations come round, at full speed in a tenth of a second: a word that was left would
         * cancel another call. The next request is shown behind this. */
        at_channel_set_cancelled(&l->channel, slot);
        s->said_cancelled = false;
    }
    s->used = false;
    s->owes_cancel = false;
    s->stream = false;
    s->pending = NULL;
    at_slots_give(l, slot);
    l->seat.load--;
}

/* The link has no number for the method. */
static void no_method(struct at_link *l, struct at_pending *p, int number)
{
    struct at_engine *e = l->engine;
    bool streams = p->stream != NULL;

    if (streams && number == -ENOMEM) {
        at_client_finish_later(e, p, AT_STATUS_RESOURCE_EXHAUSTED, "no memory for a stream to %s",
                               l->peer_instance);
    } else if (streams && l->layout < 2) {
        at_client_finish_later(e, p, AT_STATUS_UNIMPLEMENTED,
                               "the channel to %s carries no streams: one end has an older atoll "
                               "library; build it anew",
                               l->peer_instance);
    } else {
        at_client_finish_later(
            e, p, AT_STATUS_UNIMPLEMENTED,
            "%s has no %smethod %.*s of %.*s: the caller knows another version of it",
            l->peer_instance, streams ? "streaming " : "", (int)p->request.method.len,
            (const char *)p->request.method.at, (int)p->request.contract.len,
            (const char *)p->request.contract.at);
    }
}

/* The request is longer than a message of the service may be. */
static void too_large(struct at_link *l, struct at_pending *p, size_t bytes)
{
    at_client_finish_later(l->engine, p, AT_STATUS_RESOURCE_EXHAUSTED,
                           "the request has %zu bytes; a message to %s may have %u: raise "
                           "max_message of %s in atoll.yaml (at most 64M), or stream it in parts",
                           bytes, l->peer_service, l->message_max, l->peer_service);
}

static void send_over(struct at_link *l, struct at_pending *p)
{
    size_t bytes = p->stream != NULL && p->stream->message.len > p->request.payload.len
                       ? p->stream->message.len
                       : p->request.payload.len;
    int number = p->stream == NULL
                     ? at_methods_number(&l->methods, p->request.contract, p->request.method)
                     : at_stream_number(l, p);
    uint32_t slot;
    struct at_slot *s;

    if (number < 0) {
        no_method(l, p, number);
        return;
    }
    if (bytes > l->message_max) {
        too_large(l, p, bytes);
        return;
    }
    if (at_slots_take(l, &slot) < 0) {
        at_client_finish_later(l->engine, p, AT_STATUS_RESOURCE_EXHAUSTED,
                               "no memory for the call");
        return;
    }
    s = &l->slots[slot];
    s->used = true;
    s->pending = p;
    s->generation = s->generation == UINT16_MAX ? 1 : (uint16_t)(s->generation + 1); /* never 0 */
    l->started++;
    l->seat.load++;
    p->link = l;
    p->state = AT_PENDING_SENT;
    p->call_id = slot | (uint32_t)s->generation << 16;
    p->reply_len = 0;
    p->reply_got = 0;
    if (p->stream != NULL) {
        s->stream = true;
        at_stream_begin(l, p->stream, number);
        at_link_heat(l);
        return;
    }
    p->out = (struct at_outgoing){.meta = p->request.metadata,
                                  .body = p->request.payload,
                                  .pieces = p->request.pieces,
                                  .piece_count = p->request.piece_count};
    p->out.record = (struct at_record){
        .kind = AT_RECORD_REQUEST,
        .call_id = p->call_id,
        .code = (uint16_t)number,
        .deadline_ns = p->request.deadline_ns,
        .span_id = p->request.span_id,
        .total_len = (uint32_t)(p->request.metadata.len + p->request.payload.len),
        .meta_len = (uint32_t)p->request.metadata.len};
    memcpy(p->out.record.trace_id, p->request.trace_id, sizeof(p->out.record.trace_id));
    (void)at_link_send(l, &p->out);
    at_link_heat(l);
}

/* Those that wait for a channel of their own. */
static void pump_pinned(struct at_engine *e, struct at_target *t)
{
    at_list_foreach_safe (it, &t->pinned) {
        struct at_pending *p = at_container_of(it, struct at_pending, entry);
        struct at_link *l = p->link;

        if (l->draining || l->rule != AT_RULE_NONE) {
            at_client_finish_later(e, p, AT_STATUS_UNAVAILABLE, "%s is stopping", l->peer_instance);
        } else if (at_choose_has_room(l)) {
            at_list_remove(&p->entry);
            send_over(l, p);
        }
    }
}

void at_client_pump(struct at_engine *e, struct at_target *t)
{
    if (!at_list_is_empty(&t->pinned)) {
        pump_pinned(e, t);
    }
    while (!at_list_is_empty(&t->waiting)) {
        struct at_pending *p = at_container_of(t->waiting.next, struct at_pending, entry);
        struct at_link *l = at_choose(t, p, e->now_ns);

        if (l == NULL) {
            return;
        }
        if (p->probe) {
            at_client_finish_later(e, p, AT_STATUS_OK, "%s", "");
            continue;
        }
        at_list_remove(&p->entry);
        send_over(l, p);
        at_choose_sent(t, p, e->now_ns);
    }
}

/* A call for one channel alone: it waits there, or ends with it. */
static void start_pinned(struct at_engine *e, struct at_target *t, struct at_pending *p)
{
    struct at_link *l = NULL;

    for (uint32_t i = 0; i < t->seating.count && l == NULL; i++) {
        l = at_container_of(t->seating.seats[i], struct at_link, seat);
        l = l->id == p->pinned ? l : NULL;
    }
    if (l == NULL) {
        at_client_finish_later(e, p, AT_STATUS_UNAVAILABLE,
                               "the instance ended before it took the call");
        return;
    }
    p->link = l;
    at_list_append(&t->pinned, &p->entry);
    pump_pinned(e, t);
}

int at_engine_start(struct at_engine *e, struct at_pending *p, uint64_t now_ns)
{
    struct at_target *t;
    uint32_t status;

    e->now_ns = now_ns;
    if (e->closing) {
        return -ESHUTDOWN; /* a done function that calls again */
    }
    if (p->request.metadata.len > AT_CALL_META_MAX || p->request.contract.len == 0 ||
        p->request.contract.len > 255) {
        return -EMSGSIZE;
    }
    t = at_target_find(e, p->request.contract);
    if (t == NULL) {
        return -ENOMEM;
    }
    p->deadline =
        (struct at_deadline){.at_ns = p->request.deadline_ns, .kind = AT_DEADLINE_PENDING};
    if (p->request.deadline_ns != 0 && at_deadlines_add(&e->deadlines, &p->deadline) < 0) {
        return -ENOMEM;
    }
    p->target = t;
    p->link = NULL;
    p->taken_before = 0;
    p->untaken_before = 0;
    p->hashed = AT_KEY_UNKNOWN;
    p->sent_ns = 0;
    p->state = AT_PENDING_WAITING;
    p->entry = (struct at_list){0};
    if (p->request.deadline_ns != 0 && p->request.deadline_ns <= now_ns) {
        at_client_too_late(e, p);
        return 0;
    }
    if (p->pinned != 0) {
        start_pinned(e, t, p);
        return 0;
    }
    status = at_target_refusal(t);
    if (status != 0) {
        at_target_refuse(e, t, p, status);
        return 0;
    }
    at_list_append(&t->waiting, &p->entry);
    at_client_pump(e, t);
    at_target_urge(e, t);
    return 0;
}

int at_engine_lifeline(const struct at_pending *p)
{
    return p->state == AT_PENDING_SENT && p->link->state == AT_LINK_OPEN ? p->link->lifeline : -1;
}

/* Back in front of the line, for another or the restarted instance. */
static void again(struct at_pending *p)
{
    p->link = NULL;
    p->state = AT_PENDING_WAITING;
    at_list_insert_after(&p->target->waiting, &p->entry);
}

/* A call whose channel l has ended, or that l's server gave back unexecuted. */
static void lose(struct at_link *l, struct at_pending *p, bool taken)
{
    struct at_engine *e = l->engine;
    struct at_resend_case c = {.taken = taken,
                               .may_repeat = p->request.may_repeat,
                               .taken_before = p->taken_before,
                               .untaken_before = p->untaken_before};

    at_list_remove(&p->out.entry);
    if (p->stream != NULL) {
        c.may_repeat = c.may_repeat && !p->stream->committed;
        at_stream_detach(p->stream);
        at_stream_rewind(p->stream);
    }
    if (e->closing) {
        at_client_finish_later(e, p, AT_STATUS_CANCELLED, "this process stops calling");
        return;
    }
    p->verdict =
        (uint8_t)(p->pinned != 0 ? AT_RESEND_PINNED : at_resend_judge(&p->target->budget, &c));
    if (p->verdict == AT_RESEND_YES) {
        p->taken_before += taken;
        p->untaken_before += !taken;
        again(p);
    } else if (taken) {
        p->state = AT_PENDING_LOST;
        at_list_append(&l->lost, &p->entry);
    } else {
        at_client_finish_later(e, p, AT_STATUS_UNAVAILABLE, "%s ended before it took the call: %s",
                               l->peer_instance,
                               at_resend_verdict_text((enum at_resend_verdict)p->verdict));
    }
}

/* Those that still waited for room on it. */
static void lose_pinned(struct at_link *l)
{
    at_list_foreach_safe (it, &l->target->pinned) {
        struct at_pending *p = at_container_of(it, struct at_pending, entry);

        if (p->link == l) {
            at_client_finish_later(l->engine, p, AT_STATUS_UNAVAILABLE,
                                   "%s ended before it took the call", l->peer_instance);
        }
    }
}

void at_client_lost(struct at_link *l)
{
    for (uint32_t i = 0; i < l->slot_count && l->seat.load > 0; i++) {
        struct at_slot *s = &l->slots[i];
        struct at_pending *p = s->pending;

        if (s->used) {
            at_client_release_slot(l, i);
            if (p != NULL) {
                lose(l, p, !at_client_was_never_taken(l, p));
            }
        }
    }
    if (l->target != NULL) {
        lose_pinned(l);
        at_client_pump(l->engine, l->target);
    }
}

void at_client_cause(struct at_link *l, struct at_bytes reason)
{
    while (!at_list_is_empty(&l->lost)) {
        struct at_pending *p = at_container_of(l->lost.next, struct at_pending, entry);
        const char *verdict = at_resend_verdict_text((enum at_resend_verdict)p->verdict);
        int method_len;
        const char *method = at_client_method(p, &method_len);

        if (reason.len > 0) {
            at_client_finish_later(l->engine, p, AT_STATUS_UNAVAILABLE,
                                   "%.*s, after %s had taken %.*s; %s", (int)reason.len,
                                   (const char *)reason.at, l->peer_instance, method_len, method,
                                   verdict);
        } else {
            at_client_finish_later(l->engine, p, AT_STATUS_UNAVAILABLE,
                                   "%s closed its channel after it had taken %.*s; %s",
                                   l->peer_instance, method_len, method, verdict);
        }
    }
}

/* All of the reply is here, in p->reply. The slot is free again. */
static void complete(struct at_link *l, struct at_pending *p, uint32_t status, uint8_t flags)
{
    struct at_engine *e = l->engine;
    struct at_call_result result = {
        .status = status <= AT_STATUS_UNAUTHENTICATED ? status : (uint32_t)AT_STATUS_UNKNOWN};
    struct at_bytes meta = at_bytes_over(p->reply, p->reply_meta);

    if ((flags & AT_RECORD_NOT_EXECUTED) != 0 && status == AT_STATUS_UNAVAILABLE &&
        (p->stream == NULL || !p->stream->committed)) {
        lose(l, p, false);
        return;
    }
    at_resend_budget_earn(&p->target->budget);
    at_choose_answered(l, p, status, e->now_ns);
    result.instance = at_bytes_of(l->peer_instance);
    if (status == AT_STATUS_OK) {
        result.metadata = meta;
        result.payload = at_bytes_over(p->reply_len == 0 ? NULL : p->reply + p->reply_meta,
                                       p->reply_len - p->reply_meta);
    } else {
        result.reason = meta;
        result.metadata = at_bytes_over(p->reply_len == 0 ? NULL : p->reply + p->reply_meta,
                                        p->reply_len - p->reply_meta);
    }
    if (p->stream != NULL) {
        result.metadata = at_stream_trailers(p->stream, result.metadata);
    }
    finish(e, p, &result);
}

/* Is some of it still to be written, be it only the record of an empty one? Streams: see there. */
static bool is_unwritten(const struct at_pending *p)
{
    return p->stream == NULL && (!p->out.begun || p->out.written < p->out.record.total_len);
}

/* The slot that a reply record is for, or NULL: there is no such call. */
static struct at_slot *slot_of(struct at_link *l, uint32_t call_id)
{
    uint32_t slot = call_id & UINT16_MAX;

    if (slot >= l->slot_count || !l->slots[slot].used ||
        l->slots[slot].generation != call_id >> 16) {
        return NULL;
    }
    return &l->slots[slot];
}

int at_client_take(struct at_link *l, const struct at_record *r)
{
    struct at_slot *s = slot_of(l, r->call_id);
    struct at_pending *p = s == NULL ? NULL : s->pending;

    if (s == NULL || s->skip != 0 || (p != NULL && is_unwritten(p))) {
        return AT_RULE_CALL_ID;
    }
    if (r->offset != 0 || r->len > r->total_len || r->meta_len > r->total_len ||
        (r->len == 0 && r->total_len > 0) || r->meta_len > AT_CALL_META_MAX) {
        return AT_RULE_MESSAGE;
    }
    if (r->total_len - r->meta_len > l->message_max) {
        return AT_RULE_MESSAGE_SIZE;
    }
    if (s->stream) {
        int rule = at_stream_judge_response(p == NULL ? NULL : p->stream, r);

        if (rule != AT_RULE_NONE) {
            return rule;
        }
    }
    if (p != NULL && r->total_len > 0) {
        p->reply = s->stream ? at_stream_response_room(p->stream, r->total_len)
                             : p->reply_room(p->user, r->total_len);
        if (p->reply == NULL) {
            s->pending = NULL;
            at_client_finish_later(l->engine, p, AT_STATUS_RESOURCE_EXHAUSTED,
                                   "no memory for a reply of %u bytes from %s", r->total_len,
                                   l->peer_instance);
            p = NULL;
        } else {
            at_channel_copy(&l->channel, 0, p->reply, r->len);
        }
    }
    at_channel_consume(&l->channel, r);
    if (r->len < r->total_len) {
        s->skip = r->total_len - r->len; /* also of a live call: at_client_take_data() reads it */
        if (p != NULL) {
            p->reply_len = r->total_len;
            p->reply_got = r->len;
            p->reply_meta = r->meta_len;
            p->status = r->code | (uint32_t)r->flags << 16;
        }
        return AT_RULE_NONE;
    }
    at_client_release_slot(l, r->call_id & UINT16_MAX);
    if (p != NULL) {
        p->reply_len = r->total_len;
        p->reply_meta = r->meta_len;
        complete(l, p, r->code, r->flags);
    }
    return AT_RULE_NONE;
}

int at_client_take_data(struct at_link *l, const struct at_record *r)
{
    struct at_slot *s = slot_of(l, r->call_id);
    struct at_pending *p = s == NULL ? NULL : s->pending;

    if (s != NULL && s->stream && s->skip == 0) {
        return at_stream_take_data(l, r);
    }
    if (s == NULL || s->skip == 0) {
        return AT_RULE_CALL_ID;
    }
    if (r->len == 0 || r->len > s->skip || (p != NULL && r->offset != p->reply_got)) {
        return AT_RULE_MESSAGE;
    }
    if (p != NULL) {
        at_channel_copy(&l->channel, 0, p->reply + p->reply_got, r->len);
        p->reply_got += r->len;
    }
    at_channel_consume(&l->channel, r);
    s->skip -= r->len;
    if (s->skip == 0) {
        at_client_release_slot(l, r->call_id & UINT16_MAX);
        if (p != NULL) {
            complete(l, p, p->status & UINT16_MAX, (uint8_t)(p->status >> 16));
        }
    }
    return AT_RULE_NONE;
}
