/*
 * One request to all instances of a service: encoded once, sent to each that takes calls when the
 * call begins, decided by all, the first or a quorum of the answers; what is still out then is
 * cancelled.
 *
 * Two steps. While no instance is ready, the context's own pending waits for one as a probe, which
 * ends with the same reasons as any call. Then each instance gets a pending that is pinned to its
 * channel: it is never sent anywhere else, and never twice.
 */
#include "libatoll/many.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/list.h"
#include "call/call.h"
#include "call/engine.h"
#include "call/limits.h"
#include "libatoll/invoke.h"
#include "libatoll/limits.h"
#include "libatoll/process.h"
#include "pb/codec.h"
#include "pb/fault.h"

/* One instance's part. */
struct part {
    struct at_pending pending;
    struct at_many *many;
    struct at_bytes reply; /* when OK, not decoded yet */
    bool over;
    char name[AT_CALL_NAME_ROOM];
};

/* In the context's memory. */
struct at_many {
    struct atoll_call *call;
    const struct atoll_method_desc *method;
    struct at_pb_pieces payload;
    uint32_t rule;   /* enum atoll_many_rule */
    uint32_t quorum; /* as asked for; 0: a majority */
    uint32_t need;   /* answers that are OK, for the call to be */
    struct part *parts;
    uint32_t count;
    uint32_t over;
    uint32_t good;
    bool decided;
    struct atoll_answer *answers;
    const struct atoll_answer **list; /* of them */
    struct atoll_answers result;
};

static void set_reason(struct at_many *m, uint32_t i, struct at_bytes reason)
{
    const char *copy = at_arena_copy(&m->call->arena, reason);

    m->answers[i].reason = copy == NULL ? "out of memory for the reason" : copy;
}

static void *reply_room(void *user, size_t len)
{
    const struct part *part = user;

    return at_invoke_reply_room(part->many->call, len);
}

/* The whole ends: told like any other call of the context. */
static void finish(struct at_many *m)
{
    struct atoll_call *call = m->call;

    m->decided = true;
    call->many = NULL;
    call->pending.probe = false;
    at_invoke_ended(call);
}

static bool can_decide(const struct at_many *m)
{
    uint32_t out = m->count - m->over;

    return out == 0 || (m->rule != ATOLL_MANY_ALL && m->good >= m->need) ||
           (m->rule == ATOLL_MANY_QUORUM && m->good + out < m->need);
}

/* Gives up on what is still out. */
static void give_up(struct at_many *m, const char *why)
{
    for (uint32_t i = 0; i < m->count; i++) {
        if (!m->parts[i].over) {
            at_engine_abandon(m->call->process->engine, &m->parts[i].pending);
            m->parts[i].over = true;
            m->answers[i].status = ATOLL_CANCELLED;
            m->answers[i].reason = why;
        }
    }
}

static void part_over(struct part *part, const struct at_call_result *result)
{
    struct at_many *m = part->many;
    uint32_t i = (uint32_t)(part - m->parts);

    part->over = true;
    m->over++;
    m->answers[i].status = (int)result->status;
    if (result->status == AT_STATUS_OK) {
        part->reply = result->payload;
        m->good++;
    } else {
        set_reason(m, i, result->reason);
    }
}

/* at_call_done of a part. */
static void on_part(void *user, const struct at_call_result *result)
{
    struct part *part = user;
    struct at_many *m = part->many;

    part_over(part, result);
    if (!m->decided && can_decide(m)) {
        give_up(m, "the call was decided without it");
        finish(m);
    }
}

static void fail(struct at_many *m, int status, const char *reason)
{
    m->call->status = status;
    m->call->reason = reason;
    finish(m);
}

/* Room for the answers of n instances, known by name. 0, -ENOMEM. */
static int make_parts(struct at_many *m, const struct at_engine_instance *list, uint32_t n)
{
    struct at_arena *arena = &m->call->arena;

    m->parts = at_arena_zalloc(arena, n, sizeof(*m->parts));
    m->answers = at_arena_zalloc(arena, n, sizeof(*m->answers));
    m->list = at_arena_zalloc(arena, n, sizeof(*m->list));
    if (m->parts == NULL || m->answers == NULL || m->list == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct part *part = &m->parts[i];

        part->many = m;
        memcpy(part->name, list[i].name, sizeof(part->name));
        part->pending.request = m->call->pending.request;
        part->pending.pinned = list[i].channel;
        part->pending.done = on_part;
        part->pending.reply_room = reply_room;
        part->pending.user = part;
        m->answers[i] = (struct atoll_answer){.instance = part->name, .reason = ""};
        m->list[i] = &m->answers[i];
    }
    m->count = n;
    return 0;
}

/* How many good answers the rule wants. */
static uint32_t needed(const struct at_many *m, uint32_t count, uint32_t replicas)
{
    uint32_t all = replicas > count ? replicas : count;

    if (m->rule == ATOLL_MANY_QUORUM) {
        return m->quorum != 0 ? m->quorum : all / 2 + 1;
    }
    return m->rule == ATOLL_MANY_FIRST ? 1 : count;
}

/* Some instance is ready: the request goes to each. */
static void send_to_all(struct at_many *m)
{
    struct at_engine_instance list[AT_LIB_MANY_MAX];
    struct at_engine *e = m->call->process->engine;
    uint32_t replicas;
    size_t n =
        at_engine_instances(e, m->call->pending.request.contract, list, AT_LIB_MANY_MAX, &replicas);

    if (n > AT_LIB_MANY_MAX) {
        fail(m, ATOLL_RESOURCE_EXHAUSTED, "the service has more instances than one call may reach");
        return;
    }
    m->need = needed(m, (uint32_t)n, replicas);
    m->result.replicas = replicas > n ? replicas : (uint32_t)n;
    if (n < m->need || n == 0) {
        (void)at_context_fail(m->call, ATOLL_UNAVAILABLE,
                              "%u answers are needed, and %zu of %zu instances can be asked",
                              m->need, n, m->result.replicas);
        finish(m);
        return;
    }
    if (make_parts(m, list, (uint32_t)n) < 0) {
        fail(m, ATOLL_RESOURCE_EXHAUSTED, "no memory for the call");
        return;
    }
    for (uint32_t i = 0; i < m->count; i++) {
        if (at_engine_start(e, &m->parts[i].pending, at_process_now(m->call->process)) < 0) {
            part_over(&m->parts[i],
                      &(struct at_call_result){.status = AT_STATUS_RESOURCE_EXHAUSTED,
                                               .reason = AT_LIT("no memory for the call")});
        }
    }
    if (can_decide(m)) { /* none could be started: the others tell later */
        give_up(m, "the call was decided without it");
        finish(m);
    }
}

/* at_call_done of the probe. */
static void on_probe(void *user, const struct at_call_result *result)
{
    struct at_many *m = user;
    const char *copy;

    if (result->status == AT_STATUS_OK) {
        send_to_all(m);
        return;
    }
    copy = at_arena_copy(&m->call->arena, result->reason);
    fail(m, (int)result->status, copy == NULL ? "out of memory for the reason" : copy);
}

void at_many_abandon(struct atoll_call *call)
{
    struct at_many *m = call->many;

    if (m != NULL) {
        at_engine_abandon(call->process->engine, &call->pending);
        give_up(m, "");
        call->pending.probe = false;
        call->many = NULL;
        m->decided = true;
    }
}

void at_many_cancel(struct atoll_call *call)
{
    struct at_many *m = call->many;

    at_engine_abandon(call->process->engine, &call->pending);
    give_up(m, "cancelled by its caller");
    fail(m, ATOLL_CANCELLED, "cancelled by its caller");
}

/* ---- what the caller gets ---- */

/* The reply as its struct. */
static void decode(struct at_many *m, uint32_t i)
{
    __attribute__((uninitialized)) struct at_pb_fault fault; /* 600 bytes, written on failure */
    const struct atoll_message_desc *desc = m->method->output;
    struct atoll_answer *a = &m->answers[i];
    void *out = at_arena_zalloc(&m->call->arena, 1, desc->struct_size);
    int r =
        out == NULL ? -ENOMEM : at_pb_decode(desc, m->parts[i].reply, &m->call->arena, out, &fault);

    if (r == 0) {
        a->reply = out;
        return;
    }
    m->good--;
    a->status = r == -ENOMEM ? ATOLL_RESOURCE_EXHAUSTED : ATOLL_INTERNAL;
    a->reason = "no memory for the reply";
    if (r != -ENOMEM) {
        const char *text = at_arena_printf(&m->call->arena, "its reply is no %s: %s (byte %zu)",
                                           desc->full_name, fault.what, fault.offset);

        a->reason = text == NULL ? "its reply is malformed" : text;
    }
}

/* The first that failed by itself, by name; else the first that was given up. */
static uint32_t first_failed(const struct at_many *m)
{
    uint32_t found = m->count;

    for (uint32_t i = 0; i < m->count; i++) {
        if (m->answers[i].status != ATOLL_OK &&
            (found == m->count || (m->answers[found].status == ATOLL_CANCELLED &&
                                   m->answers[i].status != ATOLL_CANCELLED))) {
            found = i;
        }
    }
    return found;
}

/* Decodes what came and sums up. Without the lock, in the thread that is told. A status. */
static int conclude(struct at_many *m)
{
    struct atoll_call *call = m->call;
    uint32_t failed;

    for (uint32_t i = 0; i < m->count; i++) {
        if (m->answers[i].status == ATOLL_OK) {
            decode(m, i);
        }
    }
    m->result.at = m->list;
    m->result.count = m->count;
    m->result.ok = m->good;
    call->answers = m->count == 0 ? NULL : &m->result;
    if (m->count == 0 || call->status != ATOLL_OK) {
        return call->status; /* nobody was asked, or it was cancelled */
    }
    if (m->good >= m->need) {
        return ATOLL_OK;
    }
    failed = first_failed(m);
    return at_context_fail(call, m->answers[failed].status,
                           "%u of %u instances answered OK, %u "
                           "needed; %s: %s",
                           m->good, m->count, m->need, m->answers[failed].instance,
                           m->answers[failed].reason);
}

/* ---- how it is called ---- */

static bool is_rule(uint32_t rule)
{
    return rule == ATOLL_MANY_ALL || rule == ATOLL_MANY_FIRST || rule == ATOLL_MANY_QUORUM;
}

static struct at_many *make(struct atoll_call *call, const struct atoll_method_desc *method,
                            const struct atoll_many *how)
{
    struct at_many *m = at_arena_zalloc(&call->arena, 1, sizeof(*m));

    if (m == NULL) {
        (void)at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for the call");
        return NULL;
    }
    m->call = call;
    m->method = method;
    m->rule = how == NULL ? (uint32_t)ATOLL_MANY_ALL : how->rule;
    m->quorum = how == NULL ? 0 : how->quorum;
    return m;
}

/* Checks and encodes. What is ready to be started, or NULL and a status. */
static struct at_many *prepare(struct atoll_call *call, const struct atoll_service_desc *service,
                               size_t method, const void *in, const struct atoll_many *how,
                               int *ret_status)
{
    const struct atoll_method_desc *desc;
    struct at_many *m;

    *ret_status = at_invoke_check(call, service, method, &desc);
    if (*ret_status != ATOLL_OK) {
        return NULL;
    }
    call->answers = NULL;
    if (how != NULL && (how->size < sizeof(*how) || !is_rule(how->rule))) {
        *ret_status = at_context_fail(call, ATOLL_INVALID_ARGUMENT,
                                      "struct atoll_many needs its size and a rule");
        return NULL;
    }
    m = make(call, desc, how);
    *ret_status = m == NULL ? call->status : at_invoke_encode_pieces(call, desc, in, &m->payload);
    if (*ret_status != ATOLL_OK) {
        return NULL;
    }
    at_invoke_request(call, service, desc, &call->pending.request);
    at_invoke_set_payload(&call->pending.request, &m->payload);
    call->pending.request.metadata = at_metadata_sent(call, ATOLL_METADATA);
    call->pending.request.key = NULL;
    return m;
}

/* Lock held. */
static int start(struct at_many *m)
{
    struct atoll_call *call = m->call;
    struct at_process *p = call->process;
    int r = 0;

    call->many = m;
    call->status = ATOLL_OK;
    call->reason = "";
    call->done = false;
    call->peer[0] = '\0';
    call->under_way = true;
    if (at_engine_can_call(p->engine, call->pending.request.contract)) {
        send_to_all(m);
    } else {
        call->pending.done = on_probe;
        call->pending.user = m;
        call->pending.probe = true;
        r = at_engine_start(p->engine, &call->pending, at_process_now(p));
    }
    if (r < 0) {
        call->many = NULL;
        call->pending.probe = false;
        call->under_way = false;
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for the call");
    }
    at_process_changed(p);
    return ATOLL_OK;
}

int atoll_invoke_many(struct atoll_call *call, const struct atoll_service_desc *service,
                      size_t method, const void *in, const struct atoll_many *how)
{
    struct at_process *p;
    int status;
    struct at_many *m = prepare(call, service, method, in, how, &status);

    if (m == NULL) {
        return status;
    }
    p = call->process;
    call->is_async = false;
    call->busy = true;
    at_process_lock(p);
    status = start(m);
    if (status == ATOLL_OK) {
        at_invoke_wait(p, call);
    }
    at_process_unlock(p);
    call->busy = false;
    return status == ATOLL_OK ? conclude(m) : status;
}

/* Without the lock, in the thread that is told. */
static void tell(struct at_completion *c, struct atoll_event *event)
{
    struct atoll_call *call = at_container_of(c, struct atoll_call, completion);
    int status = conclude(call->told_many);

    call->busy = false;
    if (event != NULL) {
        event->kind = ATOLL_EVENT_CALL;
        event->status = status;
        event->call = call;
    } else {
        call->on_done(c->user, call, status); /* may free the context */
    }
}

int atoll_invoke_many_async(struct atoll_call *call, const struct atoll_service_desc *service,
                            size_t method, const void *in, const struct atoll_many *how,
                            atoll_done *done, void *user)
{
    struct at_process *p;
    int status;
    struct at_many *m = prepare(call, service, method, in, how, &status);

    if (m == NULL) {
        return status;
    }
    p = call->process;
    call->is_async = true;
    call->on_done = done;
    call->completion = (struct at_completion){.tell = tell, .tagged = done == NULL, .user = user};
    call->told_many = m;
    call->busy = true;
    at_process_lock(p);
    status = start(m);
    if (status == ATOLL_OK) {
        at_complete_begun(p);
    }
    at_process_unlock(p);
    if (status != ATOLL_OK) {
        call->busy = false;
    }
    return status;
}

const struct atoll_answers *atoll_call_answers(const struct atoll_call *call)
{
    return call == NULL || call->busy ? NULL : call->answers;
}
