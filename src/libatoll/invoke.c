/* Unary calls: blocking, asynchronous (complete.c tells their end), and by bytes. */
#include "libatoll/invoke.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/list.h"
#include "call/buffers.h"
#include "call/call.h"
#include "call/engine.h"
#include "call/limits.h"
#include "libatoll/limits.h"
#include "libatoll/locks.h"
#include "libatoll/many.h"
#include "libatoll/method.h"
#include "libatoll/process.h"
#include "libatoll/stream.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/key.h"
#include "policy/balance.h"

void *at_invoke_reply_room(struct atoll_call *call, size_t len)
{
    if (len <= AT_CALL_SMALL_BYTES) {
        return at_arena_alloc(&call->arena, len, 16);
    }
    if (len > AT_LIB_ARENA_MAX || at_buffers_size(&call->held) > AT_LIB_ARENA_MAX - len) {
        return NULL;
    }
    return at_engine_buffer(call->process->engine, len, &call->held);
}

static void *reply_room(void *user, size_t len)
{
    return at_invoke_reply_room(user, len);
}

void at_invoke_ended(struct atoll_call *call)
{
    call->done = true;
    call->under_way = false;
    if (call->is_async) {
        at_complete(call->process, &call->completion);
    } else if (at_list_is_linked(&call->waiter.entry)) {
        at_park_wake(&call->waiter.park);
    }
}

/* Lock held; the context belongs to a thread that waits, so its memory may be used. */
static void on_reply(void *user, const struct at_call_result *result)
{
    struct atoll_call *call = user;

    call->status = (int)result->status;
    call->reply = result->payload;
    at_metadata_got(call, result->metadata);
    call->reason = "";
    if (result->status != AT_STATUS_OK) {
        const char *copy = at_arena_copy(&call->arena, result->reason);

        call->reason = copy == NULL ? "out of memory for the reason" : copy;
    }
    if (result->instance.len > 0 && result->instance.len < sizeof(call->peer)) {
        memcpy(call->peer, result->instance.at, result->instance.len);
        call->peer[result->instance.len] = '\0';
    }
    at_invoke_ended(call);
}

/* What encoding came to, and whether the contract allows the length. A status. */
static int judge_request(struct atoll_call *call, const struct atoll_method_desc *m, const void *in,
                         int r, size_t len)
{
    const struct atoll_message_desc *desc = m->input;
    uint32_t limit = at_method_max_request(m);

    if (r == -ENOMEM) {
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for the request");
    }
    if (r != 0) {
        __attribute__((uninitialized)) struct at_pb_fault fault; /* 600 bytes, written on failure */

        at_pb_explain_encode(desc, in, r, &fault);
        return at_context_fail(call, ATOLL_INVALID_ARGUMENT,
                               "this process made a request %s that cannot be sent: %s",
                               desc->full_name, fault.what);
    }
    if (limit != 0 && len > limit) {
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED,
                               "the request has %zu bytes; the contract of %s allows %u "
                               "(max_request_bytes)",
                               len, m->name, limit);
    }
    return ATOLL_OK;
}

int at_invoke_encode(struct atoll_call *call, const struct atoll_method_desc *m, const void *in,
                     struct at_bytes *ret)
{
    int r = at_pb_encode(m->input, in, call->room, sizeof(call->room), ret);

    if (r == AT_PB_NO_ROOM) {
        r = at_pb_encode_in_arena(m->input, in, &call->arena, ret);
    }
    return judge_request(call, m, in, r, r == 0 ? ret->len : 0);
}

int at_invoke_encode_pieces(struct atoll_call *call, const struct atoll_method_desc *m,
                            const void *in, struct at_pb_pieces *ret)
{
    int r = at_pb_encode(m->input, in, call->room, sizeof(call->room), &ret->one);

    if (r == AT_PB_NO_ROOM) {
        r = at_pb_encode_in_pieces(m->input, in, &call->arena, NULL, NULL, ret);
    } else {
        ret->at = &ret->one;
        ret->count = 1;
        ret->len = ret->one.len;
    }
    return judge_request(call, m, in, r, r == 0 ? ret->len : 0);
}

static struct at_pb_pieces one_piece(struct at_bytes b)
{
    return (struct at_pb_pieces){.one = b, .count = 1, .len = b.len};
}

void at_invoke_set_payload(struct at_call_request *r, const struct at_pb_pieces *payload)
{
    if (payload->count > 1) {
        r->payload = (struct at_bytes){.len = payload->len};
        r->pieces = payload->at;
        r->piece_count = payload->count;
    } else {
        r->payload = payload->count == 1 ? payload->one : (struct at_bytes){0};
        r->pieces = NULL;
    }
}

/* When a call ends that is made now and whose method has this default; absolute. */
uint64_t at_invoke_deadline(const struct atoll_call *call, uint64_t timeout_ns)
{
    uint64_t now;

    if (call->deadline_ns != 0) {
        return call->deadline_ns;
    }
    now = at_now_ns();
    if (timeout_ns == 0) {
        timeout_ns = AT_LIB_DEADLINE_NS;
    }
    return timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
}

/* at_call_key: by the message while it is there, else as it was encoded. */
static bool key_of(const struct at_call_request *r, struct at_bytes path, uint64_t *ret_hash)
{
    struct at_pb_key key;
    bool has = r->key_message != NULL
                   ? at_pb_key_of_message(r->key_desc, r->key_message, path, &key)
                   : at_pb_key_of_wire(r->key_desc, r->payload, path, &key);

    *ret_hash = has ? at_balance_hash(key.bytes) : 0;
    return has;
}

void at_invoke_request(const struct atoll_call *call, const struct atoll_service_desc *service,
                       const struct atoll_method_desc *m, struct at_call_request *ret)
{
    *ret = (struct at_call_request){
        .contract = at_bytes_of(service->full_name),
        .method = at_bytes_of(m->name),
        .deadline_ns = at_invoke_deadline(call, at_method_timeout(m)),
        .span_id = call->span_id,
        .may_repeat = m->idempotency != ATOLL_IDEMPOTENCY_UNKNOWN,
        /* Before its first message a stream of the client has nothing to go by. */
        .key = (m->flags & ATOLL_METHOD_CLIENT_STREAMS) == 0 ? key_of : NULL,
        .key_desc = m->input,
    };
    memcpy(ret->trace_id, call->trace_id, sizeof(ret->trace_id));
}

/* Puts call->pending.request in. Lock held. A status; then, when OK, done will be told. */
static int start(struct atoll_call *call, const struct at_pb_pieces *payload)
{
    struct at_process *process = call->process;
    struct at_pending *p = &call->pending;
    bool held_back = call->is_async && process->brisk && ++process->unshown < AT_LIB_BATCH_MAX;
    int r;

    call->done = false;
    call->peer[0] = '\0';
    p->done = on_reply;
    p->reply_room = reply_room;
    p->user = call;
    at_invoke_set_payload(&p->request, payload);
    p->request.metadata = at_metadata_sent(call, ATOLL_METADATA);
    call->got_initial = (struct at_bytes){0};
    call->got_trailers = (struct at_bytes){0};
    r = at_engine_start(process->engine, p, held_back ? process->now_ns : at_process_now(process));
    if (r == -ENOMEM) {
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for the call");
    }
    if (r < 0) {
        return at_context_fail(call, ATOLL_INVALID_ARGUMENT, "\"%.*s\" is no name of a service",
                               (int)(p->request.contract.len > 300 ? 300 : p->request.contract.len),
                               (const char *)p->request.contract.at);
    }
    call->under_way = true;
    if (!held_back) {
        at_process_changed(process);
    }
    return ATOLL_OK;
}

void at_invoke_wait(struct at_process *p, struct atoll_call *call)
{
    uint64_t begun;

    if (call->worker == NULL || p->serve == NULL) {
        at_process_wait(p, call, call->pending.request.deadline_ns);
        return;
    }
    begun = at_now_ns();
    at_serve_nested(p, call->worker, true);
    at_process_wait(p, call, call->pending.request.deadline_ns);
    at_serve_nested(p, call->worker, false);
    call->waited_ns += at_now_ns() - begun;
}

/* What call->pending.request says, with this payload; waits. */
static int invoke(struct atoll_call *call, const struct at_pb_pieces *payload)
{
    struct at_process *p = call->process;
    int status;

    call->is_async = false;
    call->busy = true;
    at_process_lock(p);
    status = start(call, payload);
    if (status == ATOLL_OK) {
        at_invoke_wait(p, call);
        status = call->status;
    }
    at_process_unlock(p);
    call->busy = false;
    return status;
}

/* The reason belongs to the call in flight, which writes it again when it ends. */
static int refuse_busy(struct atoll_call *call)
{
    at_process_lock(call->process);
    if (call->under_way && call->pending.done == on_reply) {
        call->reason =
            "the context has a call under way; wait for its end, or take another context";
    }
    at_process_unlock(call->process);
    return ATOLL_FAILED_PRECONDITION;
}

int at_invoke_check_use(struct atoll_call *call)
{
    if (at_process_is_forked()) {
        call->status = ATOLL_UNAVAILABLE;
        call->reason = "this process was forked from a service and cannot use its channels: call "
                       "from the parent, or execute a program";
        return ATOLL_UNAVAILABLE;
    }
    return call->busy ? refuse_busy(call) : ATOLL_OK;
}

int at_invoke_misused(struct atoll_call *call, const struct atoll_service_desc *service,
                      size_t method)
{
    int status = call == NULL ? ATOLL_INVALID_ARGUMENT : at_invoke_check_use(call);

    if (status != ATOLL_OK) {
        return status;
    }
    if (service == NULL || method < service->method_count) {
        return at_context_fail(call, ATOLL_INVALID_ARGUMENT,
                               "no service, or no place for the result was given");
    }
    return at_context_fail(call, ATOLL_INVALID_ARGUMENT,
                           "%s has %zu methods, numbered from 0: there is none with number %zu",
                           service->full_name, service->method_count, method);
}

static int decode(struct atoll_call *call, const struct atoll_method_desc *m, void *out)
{
    __attribute__((uninitialized)) struct at_pb_fault fault; /* 600 bytes, written on failure */
    int r = at_pb_decode(m->output, call->reply, &call->arena, out, &fault);

    if (r == 0) {
        return ATOLL_OK;
    }
    if (r == -ENOMEM) {
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for the reply");
    }
    return at_context_fail(
        call, ATOLL_INTERNAL,
        "%s sent a reply to %s that is no %s: %s (byte %zu); the server is wrong", call->peer,
        m->name, m->output->full_name, fault.what, fault.offset);
}

int at_invoke_check(struct atoll_call *call, const struct atoll_service_desc *service,
                    size_t method, const struct atoll_method_desc **ret)
{
    int status;

    if (call == NULL || service == NULL || method >= service->method_count) {
        return at_invoke_misused(call, service, method);
    }
    status = at_invoke_check_use(call);
    if (status != ATOLL_OK) {
        return status;
    }
    *ret = at_method_at(service, method);
    if (!at_method_streams(*ret)) {
        return ATOLL_OK;
    }
    return at_context_fail(call, ATOLL_INVALID_ARGUMENT,
                           "%s/%s streams: it is called with atoll_stream_open()",
                           service->full_name, (*ret)->name);
}

int atoll_invoke(struct atoll_call *call, const struct atoll_service_desc *service, size_t method,
                 const void *in, void *out)
{
    const struct atoll_method_desc *m = NULL;
    struct at_pb_pieces payload;
    int status = at_invoke_check(call, service, method, &m);

    if (status != ATOLL_OK || m == NULL) { /* there is one when the status is OK */
        return status;
    }
    status = at_invoke_encode_pieces(call, m, in, &payload);
    if (status == ATOLL_OK) {
        at_invoke_request(call, service, m, &call->pending.request);
        call->pending.request.key_message = in;
        status = invoke(call, &payload);
    }
    return status == ATOLL_OK ? decode(call, m, out) : status;
}

int atoll_invoke_bytes(struct atoll_call *call, const char *service, const char *method,
                       const void *in, size_t in_len, const void **ret_out, size_t *ret_len)
{
    struct at_pb_pieces payload = one_piece(at_bytes_over(in, in_len));
    int status;

    if (call == NULL) {
        return ATOLL_INVALID_ARGUMENT;
    }
    status = at_invoke_check_use(call);
    if (status != ATOLL_OK) {
        return status;
    }
    if (service == NULL || method == NULL || ret_out == NULL || ret_len == NULL) {
        return at_context_fail(call, ATOLL_INVALID_ARGUMENT,
                               "no service, no method, or no place for the result was given");
    }
    call->pending.request = (struct at_call_request){.contract = at_bytes_of(service),
                                                     .method = at_bytes_of(method),
                                                     .deadline_ns = at_invoke_deadline(call, 0),
                                                     .span_id = call->span_id};
    memcpy(call->pending.request.trace_id, call->trace_id, sizeof(call->trace_id));
    status = invoke(call, &payload);
    if (status == ATOLL_OK) {
        *ret_out = call->reply.at;
        *ret_len = call->reply.len;
    }
    return status;
}

/* Without the lock, in the thread that is told. */
static void tell(struct at_completion *c, struct atoll_event *event)
{
    struct atoll_call *call = at_container_of(c, struct atoll_call, completion);
    int status = call->status;

    if (status == ATOLL_OK) {
        status = decode(call, call->method, call->out);
    }
    call->busy = false;
    if (event != NULL) {
        event->kind = ATOLL_EVENT_CALL;
        event->status = status;
        event->call = call;
    } else {
        call->on_done(c->user, call, status); /* may free the context */
    }
}

int atoll_invoke_async(struct atoll_call *call, const struct atoll_service_desc *service,
                       size_t method, const void *in, void *out, atoll_done *done, void *user)
{
    struct at_process *p;
    struct at_pb_pieces payload;
    int status;

    status = at_invoke_check(call, service, method, &call->method);
    if (status != ATOLL_OK) {
        return status;
    }
    status = at_invoke_encode_pieces(call, call->method, in, &payload);
    if (status != ATOLL_OK) {
        return status;
    }
    p = call->process;
    call->is_async = true;
    call->on_done = done;
    call->completion = (struct at_completion){.tell = tell, .tagged = done == NULL, .user = user};
    call->out = out;
    call->busy = true;
    at_process_lock(p);
    at_invoke_request(call, service, call->method, &call->pending.request);
    call->pending.request.key_message = in;
    status = start(call, &payload);
    if (status == ATOLL_OK) {
        at_complete_begun(p);
    }
    at_process_unlock(p);
    if (status != ATOLL_OK) {
        call->busy = false;
    }
    return status;
}

void atoll_call_cancel(struct atoll_call *call)
{
    struct at_process *p;
    struct atoll_stream *stream;

    if (call == NULL || at_process_is_forked()) {
        return;
    }
    p = call->process;
    at_process_lock(p);
    stream = call->stream;
    if (stream != NULL) {
        (void)at_streaming_fail(stream, ATOLL_CANCELLED, "cancelled by its caller");
    }
    if (call->under_way && call->many != NULL) {
        at_many_cancel(call);
        at_process_changed(p);
    } else if (call->under_way) {
        char reason[AT_ENGINE_SENTENCE];
        struct at_call_result result = {.status = AT_STATUS_CANCELLED};

        at_engine_cancel(p->engine, &call->pending, "cancelled by its caller", reason);
        result.reason = at_bytes_of(reason);
        at_locks_left(call);
        on_reply(call, &result);
        at_process_changed(p);
    }
    if (call->done && !call->is_async && p->watched) {
        at_process_ring(p); /* perhaps its own thread watches */
    }
    at_process_unlock(p);
}
