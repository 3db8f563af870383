/*
 * The service's end of a stream: from its arrival to the handler, and to its end, which the handler
 * says by returning or, when it kept the stream, anybody by atoll_stream_end(). A kept stream has
 * no thread: only its memory and its context, which is why each has a context of its own.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/list.h"
#include "call/call.h"
#include "call/engine.h"
#include "call/limits.h"
#include "call/stream.h"
#include "libatoll/process.h"
#include "libatoll/serve.h"
#include "libatoll/stream.h"

enum { KEPT = 101 }; /* what keep() returns: no status, and nothing that a handler returns else */

static const struct at_bytes nothing;

static bool takes_one_request(const struct atoll_stream *s)
{
    return (s->desc->flags & ATOLL_METHOD_CLIENT_STREAMS) == 0;
}

static bool makes_one_reply(const struct atoll_stream *s)
{
    return (s->desc->flags & ATOLL_METHOD_SERVER_STREAMS) == 0;
}

/* ---- the end ---- */

/* The engine's part of the end. The reply, when there is one, is encoded. Lock held. */
static void end_in_engine(struct atoll_stream *s, int status, struct at_bytes reply,
                          struct at_bytes reason)
{
    struct at_process *p = s->process;
    struct atoll_call *call = s->call;

    if (s->engine == NULL) {
        return;
    }
    at_metadata_send_initial(call, s->engine);
    if (status == ATOLL_OK && makes_one_reply(s)) {
        (void)at_stream_send(p->engine, s->engine, reply, false); /* it goes ahead of the end */
    }
    at_stream_end(p->engine, s->in, (uint32_t)status, at_metadata_sent(call, ATOLL_TRAILER),
                  at_bytes_before(reason, AT_CALL_REASON_MAX));
    at_engine_unalarm(p->engine, &s->alarm);
    s->engine = NULL;
    s->in = NULL;
    call->in = NULL;
    call->caller = "";
}

/* It is over for the user as well. Lock held. */
static void end_now(struct atoll_stream *s)
{
    struct at_process *p = s->process;
    struct at_bytes reason = at_bytes_of(s->call->reason);

    if (reason.len == 0 && s->reason != NULL) {
        reason = at_bytes_of(s->reason);
    } else if (reason.len == 0 && s->misuse != NULL) {
        reason = at_bytes_of(s->misuse);
    }
    end_in_engine(s, s->end_status, s->end_reply, s->end_status == ATOLL_OK ? nothing : reason);
    at_list_remove(&s->entry);
    s->owned = false;
    at_streaming_ended(s, s->end_status, reason);
    at_process_changed(p);
    at_streaming_unref(s);
    if (p->serve != NULL && p->serve->stopping) {
        at_process_ring(p); /* perhaps the last that a drain waited for */
    }
}

static bool is_busy(const struct atoll_stream *s)
{
    bool busy = s->in_handler || s->concluding > 0;

    for (size_t i = 0; i < AT_OP_KINDS; i++) {
        busy = busy || s->ops[i].state != AT_OP_IDLE;
    }
    return busy;
}

/*
 * The caller is gone, and nothing of the stream is under way: its slot goes to the next call at once,
 * however long the service takes to look at what it keeps. What it holds of it stays.
 */
static void leave_channel(struct atoll_stream *s)
{
    if (at_stream_leave(s->in, (uint32_t)s->status,
                        at_bytes_of(s->reason == NULL ? "" : s->reason))) {
        s->failed = true; /* nothing more is received */
        at_process_changed(s->process);
    }
}

void at_streaming_may_end(struct atoll_stream *s)
{
    if (s->end_ready && !s->in_handler && s->concluding == 0 && s->owned) {
        end_now(s);
    } else if (s->deserted && s->kept && !s->end_wanted && s->engine != NULL && !is_busy(s)) {
        leave_channel(s);
    }
}

/* Encodes the reply; without the lock. */
static int prepare_end(struct atoll_stream *s, int status)
{
    if (status == ATOLL_STREAM_END) { /* as its loop of recv() or send() ended: all went well */
        status = ATOLL_OK;
    }
    if (status < 0 || status > ATOLL_UNAUTHENTICATED) {
        status = at_context_fail(s->call, ATOLL_INTERNAL,
                                 "the handler of %s ended its stream with %d: no status", s->method,
                                 status);
    }
    if (status == ATOLL_OK && makes_one_reply(s)) {
        status = at_handle_encode(s->call, s->desc, s->out_message, &s->end_reply);
    }
    return status;
}

/* A stream whose handler did not run. Lock held. */
static void drop(struct atoll_stream *s, int status, const char *reason)
{
    end_in_engine(s, status, nothing, at_bytes_of(reason));
    s->owned = false;
    at_streaming_unref(s);
}

void at_streaming_refuse(struct at_incoming *in, uint32_t status, const char *reason)
{
    drop(in->stream->user, (int)status, reason);
}

/* ---- the beginning ---- */

static struct atoll_stream *make(struct at_process *p, struct at_incoming *in,
                                 struct at_method *method)
{
    struct atoll_stream *s = calloc(1, sizeof(*s));
    struct atoll_call *call = s == NULL ? NULL : malloc(sizeof(*call));

    if (call == NULL) {
        free(s);
        return NULL;
    }
    at_streaming_init(s, p);
    at_context_init(call, p);
    s->serves = true;
    s->call = call;
    s->in = in;
    s->engine = in->stream;
    s->served_method = method;
    s->desc = method->desc;
    s->method = method->desc->name;
    in->stream->ops = &at_streaming_engine_ops;
    in->stream->user = s;
    call->in = in;
    call->served = s;
    call->deadline_ns = in->deadline_ns;
    call->span_id = in->span_id;
    memcpy(call->trace_id, in->trace_id, sizeof(call->trace_id));
    if (in->deadline_ns != 0) {
        s->alarm.at_ns = in->deadline_ns;
        (void)at_engine_alarm(p->engine, &s->alarm); /* without it the caller's own end counts */
    }
    return s;
}

static bool is_queued(const struct atoll_stream *s)
{
    return at_list_is_linked(&s->in->entry);
}

void at_streaming_server_readable(struct atoll_stream *s)
{
    struct at_bytes message;

    if (s->started || s->engine == NULL) {
        at_streaming_progress(s);
    } else if (is_queued(s)) {
        return;
    } else if (!takes_one_request(s) || at_stream_peek(s->engine, &message)) {
        at_workers_queue(s->process, s->in);
    } else if (at_stream_is_drained(s->engine)) {
        drop(s, ATOLL_INVALID_ARGUMENT, "the caller closed the stream without its request");
    }
}

void at_streaming_arrived(struct at_process *p, struct at_incoming *in)
{
    struct at_serve *serve = p->serve;
    struct atoll_stream *s;

    if (serve == NULL || in->method >= serve->method_count) {
        at_stream_end(p->engine, in, AT_STATUS_UNIMPLEMENTED, nothing,
                      AT_LIT("the process does not serve"));
        return;
    }
    s = make(p, in, &serve->methods[in->method]);
    if (s == NULL) {
        at_stream_end(p->engine, in, AT_STATUS_RESOURCE_EXHAUSTED, nothing,
                      AT_LIT("no memory for a stream"));
        return;
    }
    at_streaming_server_readable(s);
}

/* ---- the other end is gone ---- */

static void lose(struct atoll_stream *s, int status, const char *reason)
{
    if (s->started) {
        at_streaming_ended(s, status, at_bytes_of(reason));
        s->deserted = true;
        at_streaming_may_end(s);
    } else if (!is_queued(s)) {
        drop(s, status, reason);
    } /* else it is dropped when its turn comes */
}

void at_streaming_cancelled(struct at_process *p, struct at_incoming *in)
{
    struct atoll_stream *s = in->stream->user;

    if (in->deadline_ns != 0 && in->deadline_ns <= at_now_ns()) {
        lose(s, ATOLL_DEADLINE_EXCEEDED, "the deadline of the stream has passed");
    } else if (p->serve != NULL && p->serve->streams_ended) {
        lose(s, ATOLL_UNAVAILABLE, "the instance is stopping");
    } else {
        lose(s, ATOLL_CANCELLED, "the caller has cancelled the stream, or is gone");
    }
}

void at_streaming_server_alarm(struct atoll_stream *s)
{
    lose(s, ATOLL_DEADLINE_EXCEEDED, "the deadline of the stream has passed");
}

/* ---- the handler ---- */

/* Without the lock. */
static int handle(struct atoll_stream *s)
{
    struct atoll_call *call = s->call;
    const struct at_method *m = s->served_method;
    struct at_bytes request;
    int status;

    at_handle_set_caller(call);
    if (takes_one_request(s)) {
        at_process_lock(s->process);
        s->holds = at_stream_peek(s->engine, &request); /* it lives as long as the stream */
        at_process_unlock(s->process);
        status = at_handle_decode(call, m, request, &s->in_message);
        if (status != ATOLL_OK) {
            return status;
        }
    }
    if (makes_one_reply(s)) {
        s->out_message = at_arena_zalloc(&call->arena, 1, s->desc->output->struct_size);
        if (s->out_message == NULL) {
            return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for the reply");
        }
    }
    return s->desc->stream(m->handlers, call, s, s->in_message, s->out_message);
}

void at_streaming_run(struct at_process *p, struct at_worker *w, struct at_incoming *in)
{
    struct atoll_stream *s = in->stream->user;
    int status;

    s->started = true;
    s->in_handler = true;
    s->call->worker = w;
    w->serving = s->call;
    at_process_unlock(p);
    status = handle(s);
    at_process_lock(p);
    if ((status != KEPT || !s->kept) && !s->end_wanted) {
        s->end_wanted = true;
        at_process_unlock(p);
        status = prepare_end(s, status);
        at_process_lock(p);
        s->end_status = status;
        s->end_ready = true;
    }
    s->in_handler = false;
    s->call->worker = NULL;
    w->serving = NULL;
    at_streaming_may_end(s);
}

int atoll_stream_keep(struct atoll_stream *stream)
{
    struct at_process *p;
    int status = at_streaming_check(stream);

    if (status != ATOLL_OK) {
        return status;
    }
    p = stream->process;
    at_process_lock(p);
    status = ATOLL_FAILED_PRECONDITION;
    if (!stream->serves || !stream->in_handler || p->serve == NULL) {
        stream->misuse = "atoll_stream_keep() is for the handler of the stream, while it runs";
    } else {
        status = KEPT;
        if (!stream->kept) {
            stream->kept = true;
            at_list_append(&p->serve->kept, &stream->entry);
        }
    }
    at_process_unlock(p);
    return status;
}

void atoll_stream_end(struct atoll_stream *stream, int status)
{
    struct at_process *p;
    bool mine;

    if (at_streaming_check(stream) != ATOLL_OK) {
        return;
    }
    p = stream->process;
    at_process_lock(p);
    mine = stream->serves && stream->kept && !stream->end_wanted;
    stream->end_wanted = stream->end_wanted || mine;
    at_process_unlock(p);
    if (!mine) {
        return;
    }
    status = prepare_end(stream, status);
    at_process_lock(p);
    stream->end_status = status;
    stream->end_ready = true;
    at_streaming_may_end(stream); /* it is gone now, or when nobody uses it any more */
    at_process_unlock(p);
}

int atoll_stream_gone_async(struct atoll_stream *stream, atoll_stream_done *done, void *user)
{
    struct at_streaming_how how = {.is_async = true, .done = done, .user = user};
    int status = at_streaming_check(stream);

    if (status == ATOLL_OK && !stream->serves) {
        status = at_streaming_misused(stream, ATOLL_FAILED_PRECONDITION,
                                      "atoll_stream_gone_async() is for the service's end");
    }
    return status == ATOLL_OK ? at_streaming_operate(stream, AT_OP_GONE, NULL, nothing, &how)
                              : status;
}

/* ---- the end of serving ---- */

void at_streaming_stop(struct at_process *p, uint64_t grace_ns)
{
    struct at_serve *serve = p->serve;

    at_list_foreach_safe (it, &serve->kept) {
        at_streaming_progress(at_container_of(it, struct atoll_stream, entry));
    }
    serve->drain.at_ns = at_now_ns() + grace_ns - grace_ns / 4;
    (void)at_engine_alarm(p->engine, &serve->drain);
}

void at_streaming_drain(struct at_process *p)
{
    p->serve->streams_ended = true;
    at_engine_end_streams(p->engine, AT_LIT("the instance is stopping"));
}

/* Does a thread of the program's own decode what one of them has received? */
static bool somebody_reads(const struct at_process *p)
{
    at_list_foreach (it, &p->serve->kept) {
        if (at_container_of(it, struct atoll_stream, entry)->concluding > 0) {
            return true;
        }
    }
    return false;
}

void at_streaming_forget(struct at_process *p)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    while (somebody_reads(
        p)) { /* it decodes one message and does not wait for anything but the lock */
        at_process_unlock(p);
        (void)nanosleep(&moment, NULL);
        at_process_lock(p);
    }
    at_engine_unalarm(p->engine, &p->serve->drain);
    at_list_foreach_safe (it, &p->serve->kept) {
        struct atoll_stream *s = at_container_of(it, struct atoll_stream, entry);

        end_in_engine(s, ATOLL_UNAVAILABLE, nothing, AT_LIT("the instance has stopped"));
        at_streaming_ended(s, ATOLL_UNAVAILABLE, AT_LIT("the service has stopped"));
        at_list_remove(&s->entry);
    }
}
