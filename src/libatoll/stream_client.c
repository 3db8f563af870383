/* The caller's end of a stream: to open, to close, to finish it. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/list.h"
#include "call/call.h"
#include "call/engine.h"
#include "call/stream.h"
#include "libatoll/invoke.h"
#include "libatoll/limits.h"
#include "libatoll/method.h"
#include "libatoll/process.h"
#include "libatoll/stream.h"
#include "pb/codec.h"
#include "pb/fault.h"

/* Lock held. */
static void on_done(void *user, const struct at_call_result *result)
{
    struct atoll_stream *s = user;
    struct at_bytes trailers = result->metadata;

    if (trailers.len > 0) {
        s->trailers = malloc(trailers.len);
    }
    if (s->trailers != NULL) {
        memcpy(s->trailers, trailers.at, trailers.len);
        s->trailers_len = trailers.len;
    }
    if (result->instance.len > 0 && result->instance.len < sizeof(s->peer)) {
        memcpy(s->peer, result->instance.at, result->instance.len);
        s->peer[result->instance.len] = '\0';
    }
    at_streaming_take_initial(s);
    at_streaming_ended(s, (int)result->status, result->reason);
}

static void discard(struct atoll_stream *s)
{
    s->serves = false;
    at_streaming_unref(s);
}

/* Metadata and first message, which the engine borrows for as long as the stream lives. */
static int set_opening(struct atoll_stream *s, struct at_bytes metadata, struct at_bytes first)
{
    s->opening = malloc(metadata.len + first.len + 1);
    if (s->opening == NULL) {
        return -ENOMEM;
    }
    if (metadata.len > 0) {
        memcpy(s->opening, metadata.at, metadata.len);
    }
    if (first.len > 0) {
        memcpy(s->opening + metadata.len, first.at, first.len);
    }
    s->pending.request.metadata = at_bytes_over(s->opening, metadata.len);
    s->pending.request.payload = at_bytes_over(s->opening + metadata.len, first.len);
    return 0;
}

/* Of a stream nobody else has yet. */
static int refuse(struct atoll_call *call, struct atoll_stream *s, int r)
{
    int status;

    if (r == -ENOMEM) {
        status = at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for a stream");
    } else if (r == -EMSGSIZE) {
        status = at_context_fail(
            call, ATOLL_INVALID_ARGUMENT,
            "\"%.*s\" is no name of a service, or there is too much metadata",
            (int)(s->pending.request.contract.len > 300 ? 300 : s->pending.request.contract.len),
            (const char *)s->pending.request.contract.at);
    } else {
        status = at_context_fail(call, ATOLL_UNAVAILABLE, "the stream cannot be opened: %s",
                                 strerrordesc_np(-r));
    }
    if (s != NULL) {
        discard(s);
    }
    return status;
}

/* s->pending.request says what is called. first.at == NULL: messages follow. */
static int open_stream(struct atoll_call *call, struct atoll_stream *s,
                       const struct at_bytes *first, struct atoll_stream **ret)
{
    static const struct at_bytes nothing;
    struct at_process *p = call->process;
    uint64_t now = at_now_ns();
    int r =
        set_opening(s, at_metadata_sent(call, ATOLL_METADATA), first == NULL ? nothing : *first);

    if (r < 0) {
        return refuse(call, s, r);
    }
    s->pending.done = on_done;
    s->pending.user = s;
    s->own.ops = &at_streaming_engine_ops;
    s->own.user = s;
    s->engine = &s->own;
    s->call = call;
    s->closed = first != NULL;
    call->status = ATOLL_OK;
    call->reason = "";
    call->got_initial = nothing;
    call->got_trailers = nothing;
    at_process_lock(p);
    r = at_stream_open(p->engine, &s->pending, &s->own,
                       first == NULL ? 0 : AT_STREAM_MESSAGE | AT_STREAM_CLOSE, now);
    if (r == 0) {
        call->stream = s;
        if (s->pending.request.deadline_ns == 0) {
            s->alarm.at_ns = now + AT_LIB_DEADLINE_NS;
            (void)at_engine_alarm(p->engine, &s->alarm); /* without it, it waits for ever */
        }
        at_process_changed(p);
        at_complete_begun(p);
    }
    at_process_unlock(p);
    if (r < 0) {
        return refuse(call, s, r);
    }
    *ret = s;
    return ATOLL_OK;
}

/* May this context open a stream now? */
static int check(struct atoll_call *call)
{
    int status = at_invoke_check_use(call);

    if (status == ATOLL_OK && call->stream != NULL) {
        status = at_context_fail(call, ATOLL_FAILED_PRECONDITION,
                                 "the context has an open stream; finish it, or take another");
    }
    return status;
}

static struct atoll_stream *new_stream(struct atoll_call *call)
{
    struct atoll_stream *s = calloc(1, sizeof(*s));

    if (s != NULL) {
        at_streaming_init(s, call->process);
    }
    return s;
}

int atoll_stream_open(struct atoll_call *call, const struct atoll_service_desc *service,
                      size_t method, const void *in, struct atoll_stream **ret)
{
    const struct atoll_method_desc *m;
    struct atoll_stream *s;
    struct at_bytes first = {0};
    bool one_request;
    int status;

    if (ret != NULL) {
        *ret = NULL;
    }
    if (call == NULL) {
        return ATOLL_INVALID_ARGUMENT;
    }
    status = check(call);
    if (status != ATOLL_OK) {
        return status;
    }
    if (service == NULL || ret == NULL || method >= service->method_count) {
        return at_invoke_misused(call, service, method);
    }
    m = at_method_at(service, method);
    if (!at_method_streams(m)) {
        return at_context_fail(call, ATOLL_INVALID_ARGUMENT,
                               "%s/%s does not stream: call it with atoll_invoke()",
                               service->full_name, m->name);
    }
    one_request = (m->flags & ATOLL_METHOD_CLIENT_STREAMS) == 0;
    if (one_request != (in != NULL)) {
        return at_context_fail(call, ATOLL_INVALID_ARGUMENT,
                               one_request ? "%s/%s takes one request, which is missing"
                                           : "%s/%s takes its requests from atoll_stream_send()",
                               service->full_name, m->name);
    }
    if (one_request) {
        status = at_invoke_encode(call, m, in, &first);
        if (status != ATOLL_OK) {
            return status;
        }
    }
    s = new_stream(call);
    if (s == NULL) {
        return refuse(call, NULL, -ENOMEM);
    }
    s->desc = m;
    s->method = m->name;
    at_invoke_request(call, service, m, &s->pending.request);
    if (call->deadline_ns == 0 && at_method_timeout(m) == 0) {
        s->pending.request.deadline_ns = 0; /* a stream may live for long */
    }
    return open_stream(call, s, one_request ? &first : NULL, ret);
}

int atoll_stream_open_bytes(struct atoll_call *call, const char *service, const char *method,
                            const void *in, size_t in_len, struct atoll_stream **ret)
{
    struct atoll_stream *s;
    struct at_bytes first = at_bytes_over(in, in_len);
    int status;

    if (ret != NULL) {
        *ret = NULL;
    }
    if (call == NULL) {
        return ATOLL_INVALID_ARGUMENT;
    }
    status = check(call);
    if (status != ATOLL_OK) {
        return status;
    }
    if (service == NULL || method == NULL || ret == NULL) {
        return at_context_fail(call, ATOLL_INVALID_ARGUMENT,
                               "no service, no method, or no place for the stream was given");
    }
    s = new_stream(call);
    if (s == NULL) {
        return refuse(call, NULL, -ENOMEM);
    }
    s->method = method;
    s->pending.request = (struct at_call_request){.contract = at_bytes_of(service),
                                                  .method = at_bytes_of(method),
                                                  .deadline_ns = call->deadline_ns,
                                                  .span_id = call->span_id};
    memcpy(s->pending.request.trace_id, call->trace_id, sizeof(call->trace_id));
    return open_stream(call, s, in == NULL ? NULL : &first, ret);
}

void at_streaming_client_alarm(struct atoll_stream *s)
{
    char wait[AT_ENGINE_SENTENCE];

    if (s->pending.state == AT_PENDING_WAITING) {
        at_engine_say_wait(&s->pending, wait);
        (void)at_streaming_fail(s, ATOLL_UNAVAILABLE,
                                "%s for 10 seconds: none took the stream of %s; set a deadline to "
                                "wait longer",
                                wait, s->method);
    }
}

/* Lock held. A message that still waits for its turn goes first: then its step closes. */
static void close_sending(struct atoll_stream *s)
{
    const struct at_streaming_op *sending = &s->ops[AT_OP_SEND];

    if (s->closed) {
        return;
    }
    s->closed = true;
    if (!s->ended && (sending->state != AT_OP_UNDER_WAY || sending->given)) {
        at_stream_close_send(s->process->engine, s->engine);
    }
}

int atoll_stream_close_send(struct atoll_stream *stream)
{
    int status = at_streaming_check(stream);

    if (status != ATOLL_OK) {
        return status;
    }
    at_process_lock(stream->process);
    stream->misuse = NULL;
    if (stream->serves) {
        status = ATOLL_FAILED_PRECONDITION;
        stream->misuse = "a service closes by its handler's return, or atoll_stream_end()";
    } else {
        close_sending(stream);
        at_process_changed(stream->process);
        status = stream->ended ? stream->status : ATOLL_OK;
    }
    at_process_unlock(stream->process);
    return status;
}

/* ---- the end ---- */

static struct at_bytes keep(struct atoll_call *call, const uint8_t *at, size_t len)
{
    const char *copy = len == 0 ? NULL : at_arena_copy(&call->arena, at_bytes_over(at, len));

    return copy == NULL ? (struct at_bytes){0} : at_bytes_over(copy, len);
}

static int decode_reply(struct atoll_stream *s, struct at_streaming_op *op)
{
    struct atoll_call *call = s->call;
    const struct atoll_message_desc *desc = s->desc->output;
    struct at_pb_fault fault;
    int r;

    call->reply = keep(call, op->bytes.at, op->bytes.len);
    r = op->bytes.len > 0 && call->reply.at == NULL
            ? -ENOMEM
            : at_pb_decode(desc, call->reply, &call->arena, op->message, &fault);
    if (r == 0) {
        return ATOLL_OK;
    }
    if (r == -ENOMEM) {
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for the reply");
    }
    return at_context_fail(
        call, ATOLL_INTERNAL,
        "%s sent a reply to %s that is no %s: %s (byte %zu); the server is wrong", s->peer,
        s->method, desc->full_name, fault.what, fault.offset);
}

int at_streaming_conclude_finish(struct atoll_stream *s, struct at_streaming_op *op)
{
    struct atoll_call *call = s->call;
    struct at_process *p = s->process;
    int status = op->status;
    const char *reason = s->reason;

    call->status = status;
    call->reason = "";
    call->got_initial = keep(call, s->initial, s->initial_len);
    call->got_trailers = keep(call, s->trailers, s->trailers_len);
    if (status != ATOLL_OK) {
        reason = reason == NULL ? NULL : at_arena_copy(&call->arena, at_bytes_of(reason));
        call->reason = reason == NULL ? "out of memory for the reason" : reason;
    } else if (op->missing) {
        status = at_context_fail(call, ATOLL_INTERNAL,
                                 "%s ended %s without a reply; the server "
                                 "is wrong",
                                 s->peer, s->method);
    } else if (op->message != NULL && op->bytes.at != NULL && s->desc != NULL) {
        status = decode_reply(s, op);
    }
    at_process_lock(p);
    at_stream_release(p->engine, &s->own);
    s->engine = NULL;
    s->owned = false;
    s->call = NULL;
    call->stream = NULL;
    at_process_changed(p);
    at_streaming_unref(s); /* the user's */
    at_process_unlock(p);
    return status;
}

/* Nothing else may be under way: what it is about would be gone. */
static int begin_finish(struct atoll_stream *s)
{
    int status = at_streaming_check(s);

    if (status != ATOLL_OK) {
        return status;
    }
    at_process_lock(s->process);
    s->misuse = NULL;
    if (s->serves) {
        status = ATOLL_FAILED_PRECONDITION;
        s->misuse = "a service ends by its handler's return, or atoll_stream_end()";
    } else if (s->ops[AT_OP_SEND].state != AT_OP_IDLE || s->ops[AT_OP_RECV].state != AT_OP_IDLE) {
        status = ATOLL_FAILED_PRECONDITION;
        s->misuse = "something of this stream is under way: it is finished when that has ended; "
                    "atoll_stream_cancel() ends it";
    } else {
        close_sending(s);
    }
    at_process_unlock(s->process);
    return status;
}

int atoll_stream_finish(struct atoll_stream *stream, void *out)
{
    static const struct at_streaming_how waits;
    int status = begin_finish(stream);

    return status == ATOLL_OK
               ? at_streaming_operate(stream, AT_OP_FINISH, out, (struct at_bytes){0}, &waits)
               : status;
}

int atoll_stream_finish_async(struct atoll_stream *stream, void *out, atoll_stream_done *done,
                              void *user)
{
    struct at_streaming_how how = {.is_async = true, .done = done, .user = user};
    int status = begin_finish(stream);

    return status == ATOLL_OK
               ? at_streaming_operate(stream, AT_OP_FINISH, out, (struct at_bytes){0}, &how)
               : status;
}

void at_streaming_discard(struct atoll_stream *s)
{
    struct at_process *p = s->process;

    at_engine_abandon(p->engine, &s->pending);
    at_stream_release(p->engine, &s->own);
    at_engine_unalarm(p->engine, &s->alarm);
    for (size_t i = 0; i < AT_OP_KINDS; i++) {
        at_list_remove(&s->ops[i].completion.entry); /* nobody is told any more */
    }
    s->call->stream = NULL;
    s->refs = 1;
    at_streaming_unref(s);
}
