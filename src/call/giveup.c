/*
 * The calling side, when a caller gives up: at its deadline, or because it cancels. The slot stays
 * behind as a zombie: nobody else may use it before the server has finished with it.
 *
 * Who gives up wants to know whether the handler may have run. The ring tells: what the server did
 * not read has not run, and the cancel word, which stands before the ring is asked, keeps it from
 * running later.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/list.h"
#include "call/call.h"
#include "call/deadlines.h"
#include "call/engine.h"
#include "call/limits.h"
#include "call/link.h"
#include "call/streams.h"
#include "call/target.h"
#include "shm/channel.h"

const char *at_client_method(const struct at_pending *p, int *ret_len)
{
    *ret_len = p->request.method.len > 128 ? 128 : (int)p->request.method.len;
    return (const char *)p->request.method.at;
}

bool at_client_was_never_taken(const struct at_link *l, const struct at_pending *p)
{
    uint32_t total = p->out.record.total_len;
    const struct at_stream *s = p->stream;

    if (s != NULL) {
        return !s->opened || (!s->committed && l->channel.mine != NULL &&
                              at_channel_is_untaken(&l->channel, s->first_start));
    }
    return !p->out.begun || p->out.written < total || l->channel.mine == NULL ||
           at_channel_is_untaken(&l->channel, p->out.last_start);
}

static void leave_slot(struct at_pending *p)
{
    struct at_link *l = p->link;
    uint32_t slot = p->call_id & UINT16_MAX;

    bool shown = p->stream == NULL ? p->out.begun : p->stream->opened;

    if (p->stream != NULL) {
        at_stream_detach(p->stream);
    }
    if (!shown) {
        at_list_remove(&p->out.entry);
        l->started--; /* it never was shown to the server */
        at_client_release_slot(l, slot);
        return;
    }
    at_list_remove(&p->out.entry); /* half written: CANCEL makes the server forget the half */
    l->slots[slot].pending = NULL;
    l->slots[slot].skip = p->reply_len - p->reply_got;
    if (l->state == AT_LINK_OPEN && p->reply_len == 0) {
        if (l->layout >= 2) {
            at_channel_set_cancelled(&l->channel, p->call_id);
            l->slots[slot].said_cancelled = true;
        }
        at_link_small(l, AT_RECORD_CANCEL, p->call_id);
    }
}

/* The same. True: the server had taken it, so the handler may have run, or runs. */
static bool leave_taken(struct at_pending *p)
{
    struct at_link *l = p->link;

    leave_slot(p);
    /*
     * The server says what it has read, then looks at the cancel word, then runs. We have written
     * the word and now read what it has read: one of us sees the other's.
     */
    atomic_thread_fence(memory_order_seq_cst);
    return p->reply_len > 0 || !at_client_was_never_taken(l, p);
}

static void take_out(struct at_engine *e, struct at_pending *p)
{
    at_deadlines_remove(&e->deadlines, &p->deadline);
    at_list_remove(&p->entry);
    free(p->reason);
    p->reason = NULL;
    p->state = AT_PENDING_IDLE;
    p->link = NULL;
    if (p->stream != NULL) {
        at_stream_retire(p->stream);
        p->stream = NULL;
    }
}

void at_engine_abandon(struct at_engine *e, struct at_pending *p)
{
    if (p->state == AT_PENDING_SENT) {
        leave_slot(p);
    }
    if (p->state != AT_PENDING_IDLE) {
        take_out(e, p);
    }
}

void at_engine_cancel(struct at_engine *e, struct at_pending *p, const char *why,
                      char ret[AT_ENGINE_SENTENCE])
{
    const struct at_link *l = p->link;
    int len;
    const char *method = at_client_method(p, &len);

    if (p->state == AT_PENDING_SENT) {
        const char *had = leave_taken(p) ? "had" : "had not";

        (void)snprintf(ret, AT_ENGINE_SENTENCE, "%s; %s %s taken %.*s", why, l->peer_instance, had,
                       len, method);
    } else if (p->state == AT_PENDING_WAITING) {
        (void)snprintf(ret, AT_ENGINE_SENTENCE, "%s; %.*s was not sent yet", why, len, method);
    } else {
        (void)snprintf(ret, AT_ENGINE_SENTENCE, "%s", why);
    }
    if (p->state != AT_PENDING_IDLE) {
        take_out(e, p);
    }
}

/* Streams of ours that are open on this channel. */
static uint32_t count_streams(const struct at_link *l)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < l->slot_count; i++) {
        n += l->slots[i].used && l->slots[i].stream && l->slots[i].pending != NULL;
    }
    return n;
}

void at_engine_say_wait(const struct at_pending *p, char ret[AT_ENGINE_SENTENCE])
{
    const struct at_target *t = p->target;
    char who[AT_CALL_NAME_ROOM + 320];
    uint32_t streams = 0;
    int len;
    const char *name = at_target_name(t, &len);

    if (p->link == NULL && t->seating.count == 0) {
        (void)snprintf(ret, AT_ENGINE_SENTENCE, "no instance of %.*s was ready", len, name);
        return;
    }
    if (p->link != NULL) {
        (void)snprintf(who, sizeof(who), "%s", p->link->peer_instance);
        streams = count_streams(p->link);
    } else {
        (void)snprintf(who, sizeof(who), "every instance of %.*s", len, name);
        for (uint32_t i = 0; i < t->seating.count; i++) {
            streams += count_streams(at_container_of(t->seating.seats[i], struct at_link, seat));
        }
    }
    if (streams == 0) {
        (void)snprintf(ret, AT_ENGINE_SENTENCE, "%s had as many calls as it admits", who);
    } else {
        (void)snprintf(ret, AT_ENGINE_SENTENCE,
                       "%s had as many calls as it admits, with %u streams of this process open "
                       "(a channel to an instance carries %d calls and streams at once)",
                       who, streams, AT_CALL_SLOTS);
    }
}

static void expired_waiting(struct at_engine *e, struct at_pending *p)
{
    const char *why = p->link == NULL && p->target->seating.count == 0 ? p->target->reason : NULL;
    char wait[AT_ENGINE_SENTENCE];
    int len;
    const char *method = at_client_method(p, &len);

    at_engine_say_wait(p, wait);
    at_client_finish_later(e, p, AT_STATUS_DEADLINE_EXCEEDED, "%s %s the deadline of %.*s%s%s",
                           wait,
                           p->link == NULL && p->target->seating.count == 0 ? "before" : "until",
                           len, method, why == NULL ? "" : ": ", why == NULL ? "" : why);
}

static void expired_sent(struct at_engine *e, struct at_pending *p)
{
    char instance[AT_CALL_NAME_ROOM];
    int len;
    const char *method = at_client_method(p, &len);

    memcpy(instance, p->link->peer_instance, sizeof(instance));
    if (leave_taken(p)) {
        at_client_finish_later(e, p, AT_STATUS_DEADLINE_EXCEEDED,
                               "%s had taken %.*s and did not %s before the deadline", instance,
                               len, method, p->stream == NULL ? "answer" : "end it");
    } else {
        at_client_finish_later(e, p, AT_STATUS_DEADLINE_EXCEEDED,
                               "%s did not take %.*s before the deadline: it does not read its "
                               "channel (stopped, or too busy)",
                               instance, len, method);
    }
}

void at_client_expired(struct at_engine *e, struct at_pending *p)
{
    int name_len;
    const char *name = at_target_name(p->target, &name_len);
    int len;
    const char *method = at_client_method(p, &len);

    if (p->state == AT_PENDING_SENT) {
        expired_sent(e, p);
    } else if (p->state == AT_PENDING_LOST) {
        at_client_finish_later(e, p, AT_STATUS_UNAVAILABLE, "%.*s died after it had taken %.*s",
                               name_len, name, len, method);
    } else {
        expired_waiting(e, p);
    }
}

void at_client_too_late(struct at_engine *e, struct at_pending *p)
{
    int len;
    const char *method = at_client_method(p, &len);

    at_client_finish_later(
        e, p, AT_STATUS_DEADLINE_EXCEEDED,
        "the deadline of %.*s had passed before the call began: nothing was sent", len, method);
}
