/* Streams: what both ends share. */
#include "libatoll/stream.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/text.h"
#include "call/call.h"
#include "call/deadlines.h"
#include "call/engine.h"
#include "call/stream.h"
#include "libatoll/limits.h"
#include "libatoll/method.h"
#include "libatoll/process.h"
#include "libatoll/serve.h"
#include "pb/codec.h"
#include "pb/fault.h"

enum { PENDING = -1 }; /* of a step: it cannot end yet. Never a status */

void at_streaming_init(struct atoll_stream *s, struct at_process *p)
{
    s->process = p;
    s->refs = 1;
    s->owned = true;
    at_arena_init(&s->sending, AT_LIB_STREAM_FIRST, AT_LIB_ARENA_MAX);
    at_arena_init(&s->receiving, AT_LIB_STREAM_FIRST, AT_LIB_ARENA_MAX);
    for (int i = 0; i < AT_OP_KINDS; i++) {
        s->ops[i].stream = s;
        s->ops[i].kind = (uint8_t)i;
    }
}

/* Forgets what was in it, and gives much memory back. */
static void empty(struct at_arena *a)
{
    if (a->taken_bytes > AT_LIB_ARENA_KEPT) {
        at_arena_deinit(a);
        at_arena_init(a, AT_LIB_STREAM_FIRST, AT_LIB_ARENA_MAX);
    }
    at_arena_reset(a);
}

void at_streaming_unref(struct atoll_stream *s)
{
    if (--s->refs > 0) {
        return;
    }
    at_arena_deinit(&s->sending);
    at_arena_deinit(&s->receiving);
    free(s->reason);
    free(s->trailers);
    free(s->initial);
    free(s->opening);
    if (s->serves) {
        at_context_deinit(s->call);
        free(s->call);
    }
#ifndef __clang_analyzer__ /* it cannot count references, and takes each for the last */
    free(s);
#endif
}

/* ---- the end ---- */

/* Operations are not looked at. */
static void mark_ended(struct atoll_stream *s, int status, struct at_bytes reason)
{
    s->ended = true;
    s->status = status;
    if (status != ATOLL_OK) {
        s->reason = malloc(reason.len + 1);
    }
    if (s->reason != NULL) {
        if (reason.len > 0) {
            memcpy(s->reason, reason.at, reason.len);
        }
        s->reason[reason.len] = '\0';
    }
    at_engine_unalarm(s->process->engine, &s->alarm);
}

__attribute__((format(printf, 3, 0))) static int mark_failed(struct atoll_stream *s, int status,
                                                             const char *format, va_list args)
{
    char what[AT_ENGINE_SENTENCE];
    struct at_text text;
    struct at_bytes reason;

    if (s->ended) {
        return s->status == ATOLL_OK ? status : s->status;
    }
    at_text_init(&text);
    at_text_addv(&text, format, args);
    reason = at_text_bytes(&text);
    s->failed = true;
    if (!s->serves && status == ATOLL_CANCELLED) {
        at_engine_cancel(s->process->engine, &s->pending, at_text_str(&text), what);
        reason = at_bytes_of(what);
    } else if (!s->serves) {
        at_engine_abandon(s->process->engine, &s->pending);
    }
    mark_ended(s, status, reason);
    at_text_deinit(&text);
    return status;
}

/* For steps, whose caller looks at all operations again. */
__attribute__((format(printf, 3, 4))) static int fail_in_step(struct atoll_stream *s, int status,
                                                              const char *format, ...)
{
    va_list args;

    va_start(args, format);
    status = mark_failed(s, status, format, args);
    va_end(args);
    return status;
}

int at_streaming_fail(struct atoll_stream *s, int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    status = mark_failed(s, status, format, args);
    va_end(args);
    at_streaming_progress(s);
    at_process_changed(s->process);
    return status;
}

void at_streaming_ended(struct atoll_stream *s, int status, struct at_bytes reason)
{
    if (!s->ended) {
        mark_ended(s, status, reason);
        at_streaming_progress(s);
    }
}

/* What a function returns that has nothing more to do with a stream that has ended. */
static int status_of_end(const struct atoll_stream *s)
{
    return s->status == ATOLL_OK ? ATOLL_STREAM_END : s->status;
}

/* ---- operations: one step of each kind, with the lock ---- */

static int step_send(struct atoll_stream *s, struct at_streaming_op *op)
{
    int r;

    if (s->ended || s->engine == NULL) {
        return status_of_end(s);
    }
    if (op->given) {
        return at_stream_is_sending(s->engine) ? PENDING : ATOLL_OK;
    }
    r = at_stream_send(s->process->engine, s->engine, op->bytes, false);
    op->given = r == AT_STREAM_QUEUED;
    if (r >= 0 && s->closed) { /* that was asked for meanwhile */
        at_stream_close_send(s->process->engine, s->engine);
    }
    if (r == -EMSGSIZE) {
        return fail_in_step(s, ATOLL_RESOURCE_EXHAUSTED,
                            "a message for %s has %zu bytes; one may have %u: raise max_message of "
                            "the service in atoll.yaml (at most 64M), or send it in parts",
                            s->method, op->bytes.len, at_stream_message_max(s->engine));
    }
    if (r == -ENOMEM) {
        return fail_in_step(s, ATOLL_RESOURCE_EXHAUSTED, "no memory to send a message for %s",
                            s->method);
    }
    return r == 0 ? ATOLL_OK : PENDING; /* -EPIPE: that it has ended is about to be told */
}

static int step_recv(struct atoll_stream *s, struct at_streaming_op *op)
{
    if (s->failed || s->engine == NULL) {
        return status_of_end(s);
    }
    if (at_stream_peek(s->engine, &op->bytes)) {
        s->holds = true;
        return ATOLL_OK;
    }
    if (s->ended) {
        return status_of_end(s);
    }
    return s->serves && at_stream_is_drained(s->engine) ? ATOLL_STREAM_END : PENDING;
}

static bool takes_one_reply(const struct atoll_stream *s)
{
    return s->desc != NULL && (s->desc->flags & ATOLL_METHOD_SERVER_STREAMS) == 0;
}

static int step_finish(struct atoll_stream *s, struct at_streaming_op *op)
{
    while (!takes_one_reply(s) && at_stream_peek(s->engine, &op->bytes)) {
        at_stream_consumed(s->process->engine, s->engine);
    }
    if (takes_one_reply(s) && s->engine->whole > 1) {
        (void)fail_in_step(s, ATOLL_INTERNAL,
                           "the server sent more than one reply to %s; it is wrong", s->method);
    }
    if (!s->ended || s->status != ATOLL_OK || !takes_one_reply(s)) {
        return s->ended ? s->status : PENDING;
    }
    op->missing = !at_stream_peek(s->engine, &op->bytes);
    return ATOLL_OK;
}

static int step_gone(struct atoll_stream *s, struct at_streaming_op *op)
{
    (void)op;
    if (s->ended) {
        return s->status;
    }
    return s->process->serve != NULL && s->process->serve->stopping ? ATOLL_UNAVAILABLE : PENDING;
}

typedef int step_fn(struct atoll_stream *s, struct at_streaming_op *op);

static step_fn *const steps[AT_OP_KINDS] = {[AT_OP_SEND] = step_send,
                                            [AT_OP_RECV] = step_recv,
                                            [AT_OP_FINISH] = step_finish,
                                            [AT_OP_GONE] = step_gone};

static void end_op(struct at_process *p, struct at_streaming_op *op, int status)
{
    op->status = status;
    op->state = AT_OP_ENDED;
    if (op->is_async) {
        at_complete(p, &op->completion);
    } else if (at_list_is_linked(&op->waiter.entry)) {
        at_park_wake(&op->waiter.park);
    } else if (p->watched) {
        at_process_ring(p); /* perhaps it is its thread that watches */
    }
}

void at_streaming_progress(struct atoll_stream *s)
{
    bool ended;

    do { /* again when a step has failed the stream: that ends the others */
        ended = s->ended;
        for (size_t i = 0; i < AT_OP_KINDS; i++) {
            struct at_streaming_op *op = &s->ops[i];
            int status = op->state == AT_OP_UNDER_WAY ? steps[i](s, op) : PENDING;

            if (status != PENDING) {
                end_op(s->process, op, status);
            }
        }
    } while (s->ended != ended);
}

void at_streaming_take_initial(struct atoll_stream *s)
{
    struct at_bytes initial = at_stream_metadata(s->engine);

    if (s->initial != NULL || initial.len == 0) {
        return;
    }
    s->initial = malloc(initial.len);
    if (s->initial != NULL) {
        memcpy(s->initial, initial.at, initial.len);
        s->initial_len = initial.len;
        s->call->got_initial = at_bytes_over(s->initial, s->initial_len);
    }
}

static void on_readable(void *user, struct at_stream *engine)
{
    struct atoll_stream *s = user;

    (void)engine;
    if (s->serves) {
        at_streaming_server_readable(s);
    } else {
        at_streaming_take_initial(s);
        at_streaming_progress(s);
    }
}

static void on_sent(void *user, struct at_stream *engine)
{
    (void)engine;
    at_streaming_progress(user);
}

const struct at_stream_ops at_streaming_engine_ops = {.readable = on_readable, .sent = on_sent};

/* ---- in the user's thread, without the lock ---- */

/* A message that is no such message. */
static int refuse_message(struct atoll_stream *s, const struct atoll_message_desc *desc,
                          const struct at_pb_fault *fault)
{
    int status;

    at_process_lock(s->process);
    if (s->serves) {
        status = at_streaming_fail(s, ATOLL_INVALID_ARGUMENT,
                                   "%s sent a message to %s that is no %s: %s (byte %zu); the "
                                   "caller is wrong",
                                   s->in == NULL ? "the caller" : s->in->caller_instance, s->method,
                                   desc->full_name, fault->what, fault->offset);
    } else {
        status = at_streaming_fail(s, ATOLL_INTERNAL,
                                   "%s sent a message of %s that is no %s: %s (byte %zu); the "
                                   "server is wrong",
                                   s->peer[0] == '\0' ? "the server" : s->peer, s->method,
                                   desc->full_name, fault->what, fault->offset);
    }
    at_process_unlock(s->process);
    return status;
}

static int fail(struct atoll_stream *s, int status, const char *text)
{
    at_process_lock(s->process);
    status = at_streaming_fail(s, status, "%s", text);
    at_process_unlock(s->process);
    return status;
}

static int conclude_recv(struct atoll_stream *s, struct at_streaming_op *op)
{
    const struct atoll_message_desc *desc;
    uint32_t limit;
    struct at_pb_fault fault;
    int r;

    if (op->status != ATOLL_OK || s->desc == NULL || op->message == NULL) {
        return op->status;
    }
    desc = s->serves ? s->desc->input : s->desc->output;
    limit = s->serves ? at_method_max_request(s->desc) : 0;
    if (limit != 0 && op->bytes.len > limit) {
        return fail(s, ATOLL_RESOURCE_EXHAUSTED,
                    "a message is larger than the contract allows (max_request_bytes)");
    }
    empty(&s->receiving);
    r = at_pb_decode(desc, op->bytes, &s->receiving, op->message, &fault);
    if (r == -ENOMEM) {
        return fail(s, ATOLL_RESOURCE_EXHAUSTED, "no memory for a message");
    }
    return r == 0 ? ATOLL_OK : refuse_message(s, desc, &fault);
}

/*
 * An operation that has ended is concluded in its thread. From take_up() on nobody lets go of what
 * it is about; false: somebody has. Lock held.
 */
static bool take_up(struct atoll_stream *s)
{
    s->concluding += s->engine != NULL;
    return s->engine != NULL;
}

/* Without the lock. */
static int conclude(struct atoll_stream *s, struct at_streaming_op *op)
{
    if (op->kind == AT_OP_RECV) {
        return conclude_recv(s, op);
    }
    return op->kind == AT_OP_FINISH ? at_streaming_conclude_finish(s, op) : op->status;
}

/* The place of the operation is free again. The stream, or NULL: it is gone. Lock held. */
static struct atoll_stream *put_down(struct atoll_stream *s, struct at_streaming_op *op, bool taken,
                                     int *status)
{
    struct atoll_stream *left;

    s->concluding -= taken;
    op->state = AT_OP_IDLE;
    if (*status != ATOLL_OK) {
        s->misuse = NULL; /* what failed last is what is asked about */
    }
    if (s->serves) {
        at_streaming_may_end(s);
    }
    left = s->owned ? s : NULL;
    if (left == NULL && op->kind == AT_OP_RECV && *status == ATOLL_OK) {
        *status = ATOLL_CANCELLED; /* the message has gone with the stream */
    }
    at_streaming_unref(s);
    return left;
}

static const uint32_t event_kinds[AT_OP_KINDS] = {[AT_OP_SEND] = ATOLL_EVENT_SEND,
                                                  [AT_OP_RECV] = ATOLL_EVENT_RECV,
                                                  [AT_OP_FINISH] = ATOLL_EVENT_FINISH,
                                                  [AT_OP_GONE] = ATOLL_EVENT_GONE};

static void tell(struct at_completion *c, struct atoll_event *event)
{
    struct at_streaming_op *op = at_container_of(c, struct at_streaming_op, completion);
    struct atoll_stream *s = op->stream;
    struct at_process *p = s->process;
    atoll_stream_done *done = op->on_done;
    struct atoll_call *call = s->call;
    void *user = c->user;
    uint32_t kind = event_kinds[op->kind];
    struct atoll_stream *left;
    bool taken;
    int status;

    at_process_lock(p);
    taken = take_up(s);
    at_process_unlock(p);
    status = taken || op->status != ATOLL_OK ? conclude(s, op) : ATOLL_CANCELLED;
    at_process_lock(p);
    left = put_down(s, op, taken, &status);
    at_process_unlock(p);
    if (event != NULL) {
        event->kind = kind;
        event->status = status;
        event->call = call;
        event->stream = left;
    } else {
        done(user, left, status);
    }
}

/* Does this thread run the handler whose context that is? */
static bool is_handler(const struct atoll_call *call)
{
    return call != NULL && call->worker != NULL && call->process->serve != NULL &&
           pthread_equal(call->worker->thread, pthread_self()) != 0;
}

/* The handler's thread begins to wait, or has. Lock held. */
static void tell_serve(struct atoll_stream *s, bool begins)
{
    if (s->serves) {
        at_serve_streaming(s->process, begins);
    } else {
        at_serve_nested(s->process, s->call->worker, begins);
    }
}

/* Lock held. As at_process_wait(), for an operation. */
static void wait_for(struct atoll_stream *s, struct at_streaming_op *op)
{
    struct at_process *p = s->process;
    bool nested = is_handler(s->call);
    uint64_t begun = nested ? at_now_ns() : 0;

    if (nested) {
        tell_serve(s, true);
    }
    while (op->state == AT_OP_UNDER_WAY) {
        if (!p->watched) {
            at_process_watch(p, at_serve_watch_limit(p, 0));
            if (p->serve != NULL) {
                (void)at_workers_kick(p);
            }
        } else {
            at_process_park(p, &op->waiter, 0);
        }
    }
    if (nested) {
        tell_serve(s, false);
        s->call->waited_ns += at_now_ns() - begun;
    }
    if (!at_process_pass_watch(p) && p->serve != NULL && !p->watched && !nested) {
        at_serve_kick(p);
    }
}

int at_streaming_check(const struct atoll_stream *s)
{
    if (s == NULL) {
        return ATOLL_INVALID_ARGUMENT;
    }
    return at_process_is_forked() ? ATOLL_UNAVAILABLE : ATOLL_OK;
}

int at_streaming_misused(struct atoll_stream *s, int status, const char *why)
{
    at_process_lock(s->process);
    s->misuse = why;
    at_process_unlock(s->process);
    return status;
}

static const char *const busy_texts[AT_OP_KINDS] = {
    [AT_OP_SEND] = "a message of this stream is still being sent: one at a time",
    [AT_OP_RECV] = "a message of this stream is already being received: one at a time",
    [AT_OP_FINISH] = "the stream is already being finished",
    [AT_OP_GONE] = "atoll_stream_gone_async() is already under way for this stream"};

/* The message before is no longer in use. */
static void let_go(struct atoll_stream *s)
{
    if (s->holds && s->engine != NULL) {
        s->holds = false;
        at_stream_consumed(s->process->engine, s->engine);
    }
}

/* Lock held. */
static void begin(struct atoll_stream *s, struct at_streaming_op *op,
                  const struct at_streaming_how *how)
{
    struct at_process *p = s->process;

    if (op->kind == AT_OP_RECV || op->kind == AT_OP_FINISH) {
        let_go(s);
    }
    op->given = false;
    op->is_async = how->is_async;
    op->on_done = how->done;
    op->completion = (struct at_completion){
        .tell = tell, .tagged = how->is_async && how->done == NULL, .user = how->user};
    op->state = AT_OP_UNDER_WAY;
    s->refs++;
    /* A program that only sends must learn sometimes what the other end says. */
    if (op->kind == AT_OP_SEND && !p->watched && ++s->sends % AT_LIB_SENDS_A_LOOK == 0) {
        (void)at_engine_run(p->engine, at_process_now(p));
    }
    at_streaming_progress(s);
    at_process_changed(p);
    if (how->is_async) {
        at_complete_begun(p);
    }
}

int at_streaming_operate(struct atoll_stream *s, enum at_streaming_op_kind kind, void *message,
                         struct at_bytes bytes, const struct at_streaming_how *how)
{
    struct at_process *p = s->process;
    struct at_streaming_op *op = &s->ops[kind];
    bool taken;
    int status;

    at_process_lock(p);
    if (op->state != AT_OP_IDLE) {
        s->misuse = busy_texts[kind];
        at_process_unlock(p);
        return ATOLL_FAILED_PRECONDITION; /* the one under way owns the message */
    }
    s->misuse = NULL;
    op->message = message;
    op->bytes = bytes;
    begin(s, op, how);
    if (how->is_async) {
        at_process_unlock(p);
        return ATOLL_OK;
    }
    wait_for(s, op);
    taken = take_up(s);
    at_process_unlock(p);
    status = taken || op->status != ATOLL_OK ? conclude(s, op) : ATOLL_CANCELLED;
    at_process_lock(p);
    (void)put_down(s, op, taken, &status);
    at_process_unlock(p);
    return status;
}

/* ---- sending ---- */

static int encode(struct atoll_stream *s, const void *message, struct at_bytes *ret)
{
    const struct atoll_message_desc *desc = s->serves ? s->desc->output : s->desc->input;
    uint32_t limit = s->serves ? 0 : at_method_max_request(s->desc);
    struct at_pb_fault fault;
    int status = ATOLL_OK;
    int r;

    empty(&s->sending);
    r = at_pb_encode_in_arena(desc, message, &s->sending, ret);
    if (r == 0 && (limit == 0 || ret->len <= limit)) {
        return ATOLL_OK;
    }
    at_process_lock(s->process);
    if (r == -ENOMEM) {
        status = at_streaming_fail(s, ATOLL_RESOURCE_EXHAUSTED, "no memory for a message for %s",
                                   s->method);
    } else if (r == 0) {
        status = at_streaming_fail(s, ATOLL_RESOURCE_EXHAUSTED,
                                   "a message has %zu bytes; the contract of %s allows %u "
                                   "(max_request_bytes)",
                                   ret->len, s->method, limit);
    } else {
        at_pb_explain_encode(desc, message, r, &fault);
        status = at_streaming_fail(s, s->serves ? ATOLL_INTERNAL : ATOLL_INVALID_ARGUMENT,
                                   "this process made a message %s for %s that cannot be sent: %s",
                                   desc->full_name, s->method, fault.what);
    }
    at_process_unlock(s->process);
    return status;
}

/* May a message be sent now? The memory of the last one is free then. */
static int check_send(struct atoll_stream *s)
{
    int status = at_streaming_check(s);

    if (status != ATOLL_OK) {
        return status;
    }
    at_process_lock(s->process);
    s->misuse = NULL;
    if (s->ops[AT_OP_SEND].state != AT_OP_IDLE) {
        status = ATOLL_FAILED_PRECONDITION;
        s->misuse = busy_texts[AT_OP_SEND];
    } else if (s->closed) {
        status = ATOLL_FAILED_PRECONDITION;
        s->misuse = "sending was closed: by atoll_stream_close_send(), or since the method takes "
                    "one request";
    } else if (s->ended) {
        status = status_of_end(s);
    } else if (s->serves) {
        at_metadata_send_initial(s->call, s->engine);
    }
    at_process_unlock(s->process);
    return status;
}

static int send(struct atoll_stream *s, const void *message, const struct at_streaming_how *how)
{
    struct at_bytes bytes;
    int status = check_send(s);

    if (status == ATOLL_OK && message == NULL) {
        status = at_streaming_misused(s, ATOLL_INVALID_ARGUMENT, "there is no message to send");
    }
    if (status == ATOLL_OK && s->desc == NULL) {
        status = at_streaming_misused(s, ATOLL_INVALID_ARGUMENT,
                                      "a stream of bytes sends with atoll_stream_send_bytes()");
    }
    if (status == ATOLL_OK) {
        status = encode(s, message, &bytes);
    }
    return status == ATOLL_OK ? at_streaming_operate(s, AT_OP_SEND, NULL, bytes, how) : status;
}

int atoll_stream_send(struct atoll_stream *stream, const void *message)
{
    static const struct at_streaming_how waits;

    return send(stream, message, &waits);
}

int atoll_stream_send_async(struct atoll_stream *stream, const void *message,
                            atoll_stream_done *done, void *user)
{
    struct at_streaming_how how = {.is_async = true, .done = done, .user = user};

    return send(stream, message, &how);
}

int atoll_stream_send_bytes(struct atoll_stream *stream, const void *in, size_t in_len)
{
    static const struct at_streaming_how waits;
    int status = check_send(stream);

    if (status == ATOLL_OK && in == NULL && in_len > 0) {
        status = at_streaming_misused(stream, ATOLL_INVALID_ARGUMENT, "there are no bytes to send");
    }
    return status == ATOLL_OK
               ? at_streaming_operate(stream, AT_OP_SEND, NULL, at_bytes_over(in, in_len), &waits)
               : status;
}

/* ---- receiving ---- */

static int recv(struct atoll_stream *s, void *message, const struct at_streaming_how *how)
{
    int status = at_streaming_check(s);

    return status == ATOLL_OK
               ? at_streaming_operate(s, AT_OP_RECV, message, (struct at_bytes){0}, how)
               : status;
}

int atoll_stream_recv(struct atoll_stream *stream, void *message)
{
    static const struct at_streaming_how waits;

    return recv(stream, message, &waits);
}

int atoll_stream_recv_async(struct atoll_stream *stream, void *message, atoll_stream_done *done,
                            void *user)
{
    struct at_streaming_how how = {.is_async = true, .done = done, .user = user};

    return recv(stream, message, &how);
}

int atoll_stream_recv_bytes(struct atoll_stream *stream, const void **ret_out, size_t *ret_len)
{
    static const struct at_streaming_how waits;
    int status = at_streaming_check(stream);

    if (status == ATOLL_OK && (ret_out == NULL || ret_len == NULL)) {
        status = at_streaming_misused(stream, ATOLL_INVALID_ARGUMENT,
                                      "there is no place for what is received");
    }
    if (status == ATOLL_OK) {
        status = recv(stream, NULL, &waits);
    }
    if (status == ATOLL_OK) {
        struct at_bytes bytes = stream->ops[AT_OP_RECV].bytes;

        *ret_out = bytes.at;
        *ret_len = bytes.len;
    }
    return status;
}

/* ---- about a stream ---- */

struct atoll_call *atoll_stream_call(const struct atoll_stream *stream)
{
    return stream == NULL ? NULL : stream->call;
}

const char *atoll_stream_reason(const struct atoll_stream *stream)
{
    const char *reason = "";

    if (at_streaming_check(stream) != ATOLL_OK) {
        return reason;
    }
    at_process_lock(stream->process);
    if (stream->misuse != NULL) {
        reason = stream->misuse;
    } else if (stream->ended && stream->status != ATOLL_OK) {
        reason = stream->reason == NULL ? "out of memory for the reason" : stream->reason;
    }
    at_process_unlock(stream->process);
    return reason;
}

void atoll_stream_cancel(struct atoll_stream *stream)
{
    if (at_streaming_check(stream) != ATOLL_OK) {
        return;
    }
    at_process_lock(stream->process);
    (void)at_streaming_fail(stream, ATOLL_CANCELLED, "cancelled by %s",
                            stream->serves ? "its service" : "its caller");
    at_process_unlock(stream->process);
}

void at_streaming_alarm(void *user, struct at_deadline *d)
{
    struct at_process *p = user;
    struct atoll_stream *s = at_container_of(d, struct atoll_stream, alarm);

    if (p->serve != NULL && d == &p->serve->drain) {
        at_streaming_drain(p);
    } else if (s->serves) {
        at_streaming_server_alarm(s);
    } else {
        at_streaming_client_alarm(s);
    }
}
