/*
 * Calls that nobody waits for. What a call needs while it is under way lives apart from the context
 * it was made with, which is free at once.
 *
 * While the request has no channel yet, its caller stays and drives the engine: a program that only
 * makes such calls has nobody else who would.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "call/call.h"
#include "call/engine.h"
#include "libatoll/invoke.h"
#include "libatoll/limits.h"
#include "libatoll/process.h"

struct oneway {
    struct at_pending pending;
    struct at_process *process;
    struct atoll_call *call; /* while its caller still looks; else NULL */
    bool done;
    void *reply;
    uint8_t bytes[]; /* metadata, then payload */
};

/* For a reply that nobody reads; without room it would become an error. */
static void *reply_room(void *user, size_t len)
{
    struct oneway *o = user;

    free(o->reply);
    o->reply = malloc(len);
    return o->reply;
}

static void discard(struct oneway *o)
{
    free(o->reply);
    free(o);
}

/* Lock held. */
static void on_done(void *user, const struct at_call_result *result)
{
    struct oneway *o = user;

    o->process->oneways--;
    o->done = true;
    if (o->call == NULL) {
        discard(o);
    } else if (result->instance.len == 0) { /* nobody answered: it did not go */
        (void)at_context_fail(o->call, (int)result->status, "%.*s", (int)result->reason.len,
                              (const char *)result->reason.at);
    }
}

static struct oneway *make(struct atoll_call *call, const struct atoll_service_desc *service,
                           const struct atoll_method_desc *m, struct at_bytes payload)
{
    struct at_bytes metadata = at_metadata_sent(call, ATOLL_METADATA);
    struct oneway *o = calloc(1, sizeof(*o) + metadata.len + payload.len);

    if (o == NULL) {
        return NULL;
    }
    o->process = call->process;
    o->call = call;
    at_invoke_request(call, service, m, &o->pending.request);
    if (metadata.len > 0) {
        memcpy(o->bytes, metadata.at, metadata.len);
    }
    if (payload.len > 0) {
        memcpy(o->bytes + metadata.len, payload.at, payload.len);
    }
    o->pending.request.metadata = at_bytes_over(o->bytes, metadata.len);
    o->pending.request.payload = at_bytes_over(o->bytes + metadata.len, payload.len);
    o->pending.done = on_done;
    o->pending.reply_room = reply_room;
    o->pending.user = o;
    return o;
}

static bool is_on_its_way(const struct oneway *o)
{
    return o->done || o->pending.state == AT_PENDING_SENT || o->pending.state == AT_PENDING_LOST;
}

/* Until it is in a channel or has failed. Lock held. */
static void see_it_off(struct at_process *p, struct atoll_call *call, struct oneway *o)
{
    uint64_t limit = o->pending.request.deadline_ns;
    bool nested = call->worker != NULL && p->serve != NULL;

    if (is_on_its_way(o)) {
        return;
    }
    if (nested) {
        at_serve_nested(p, call->worker, true);
    }
    while (!is_on_its_way(o)) {
        if (!p->watched) {
            at_process_watch(p, at_serve_watch_limit(p, limit));
        } else {
            at_process_park(p, &call->waiter, at_now_ns() + AT_LIB_TICK_NS);
            (void)at_engine_run(p->engine, at_process_now(p));
            at_engine_show(p->engine);
        }
    }
    if (nested) {
        at_serve_nested(p, call->worker, false);
    }
    if (!at_process_pass_watch(p) && p->serve != NULL && !p->watched && !nested) {
        at_serve_kick(p);
    }
}

static int send_off(struct at_process *p, struct atoll_call *call, struct oneway *o)
{
    int status = ATOLL_OK;
    int r = 0;

    if (p->oneways >= AT_LIB_ONEWAYS_MAX) {
        free(o);
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED,
                               "%d one-way calls are under way; wait until some have ended",
                               AT_LIB_ONEWAYS_MAX);
    }
    r = at_engine_start(p->engine, &o->pending, at_process_now(p));
    if (r < 0) {
        free(o);
        return r == -ENOMEM
                   ? at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for the call")
                   : at_context_fail(call, ATOLL_INVALID_ARGUMENT, "the call cannot be made: %s",
                                     strerrordesc_np(-r));
    }
    p->oneways++;
    at_process_changed(p);
    see_it_off(p, call, o);
    o->call = NULL;
    if (o->done) {
        status = call->status;
        discard(o);
    }
    return status;
}

int atoll_invoke_oneway(struct atoll_call *call, const struct atoll_service_desc *service,
                        size_t method, const void *in)
{
    const struct atoll_method_desc *m;
    struct at_bytes payload;
    struct oneway *o;
    int status = at_invoke_check(call, service, method, &m);

    if (status != ATOLL_OK) {
        return status;
    }
    call->status = ATOLL_OK;
    call->reason = "";
    status = at_invoke_encode(call, m, in, &payload);
    if (status != ATOLL_OK) {
        return status;
    }
    o = make(call, service, m, payload);
    if (o == NULL) {
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for the call");
    }
    at_process_lock(call->process);
    status = send_off(call->process, call, o);
    at_process_unlock(call->process);
    return status;
}
