/* The context of a call: memory, deadline, trace, metadata, reason. */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/list.h"
#include "call/buffers.h"
#include "call/call.h"
#include "call/engine.h"
#include "libatoll/limits.h"
#include "libatoll/locks.h"
#include "libatoll/many.h"
#include "libatoll/process.h"

/* splitmix64: ids must differ, not be secret; so one syscall per context, not per call. */
static uint64_t next_random(struct atoll_call *call)
{
    uint64_t z = call->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void at_context_init(struct atoll_call *call, struct at_process *p)
{
    memset(call, 0, offsetof(struct atoll_call, room));
    call->process = p;
    call->caller = "";
    call->reason = "";
    at_arena_init(&call->arena, AT_LIB_ARENA_FIRST, AT_LIB_ARENA_MAX);
    at_list_init(&call->held);
    call->memory.life = at_now_ns();
}

static void give_buffers(struct atoll_call *call)
{
    if (!at_list_is_empty(&call->held)) {
        at_buffers_give(at_process_is_forked() ? NULL : at_engine_buffers(call->process->engine),
                        &call->held);
    }
}

void at_context_deinit(struct atoll_call *call)
{
    give_buffers(call);
    at_arena_deinit(&call->arena);
}

void at_context_clear(struct atoll_call *call)
{
    give_buffers(call);
    if (call->arena.taken_bytes > AT_LIB_ARENA_KEPT) {
        at_arena_deinit(&call->arena);
        at_arena_init(&call->arena, AT_LIB_ARENA_FIRST, AT_LIB_ARENA_MAX);
    }
    at_arena_reset(&call->arena);
    call->memory.reason = "";
    call->memory.life++;
    call->reason = "";
    call->status = ATOLL_OK;
    memset(call->sent, 0, sizeof(call->sent));
    call->initial_sent = false;
    call->got_initial = (struct at_bytes){0};
    call->got_trailers = (struct at_bytes){0};
    call->answers = NULL;
    call->waited_ns = 0;
    call->deadline_ns = 0;
}

static void new_trace(struct atoll_call *call)
{
    uint64_t id[2] = {next_random(call), next_random(call)};

    memcpy(call->trace_id, id, sizeof(call->trace_id));
    call->span_id = next_random(call);
}

static struct atoll_call *new_context(struct at_process *p)
{
    struct atoll_call *call = malloc(sizeof(*call));

    if (call == NULL) {
        return NULL;
    }
    at_context_init(call, p);
    if (getrandom(&call->random, sizeof(call->random), GRND_NONBLOCK) < 0) {
        call->random = at_now_ns() ^ (uintptr_t)call;
    }
    return call;
}

struct atoll_call *atoll_call_new(void)
{
    struct at_process *p;
    struct atoll_call *call;
    int r = at_process_get("", &p);

    if (r < 0) {
        errno = -r;
        return NULL;
    }
    call = new_context(p);
    if (call != NULL) {
        new_trace(call);
    }
    return call;
}

struct atoll_call *atoll_call_new_child(const struct atoll_call *parent)
{
    struct atoll_call *call;

    if (parent == NULL || at_process_is_forked()) {
        errno = parent == NULL ? EINVAL : ECHILD;
        return NULL;
    }
    call = new_context(parent->process);
    if (call != NULL) {
        memcpy(call->trace_id, parent->trace_id, sizeof(call->trace_id));
        call->span_id = parent->span_id;
        call->deadline_ns = parent->deadline_ns;
    }
    return call;
}

void atoll_call_free(struct atoll_call *call)
{
    if (call == NULL) {
        return;
    }
    if ((call->busy || call->stream != NULL) && !at_process_is_forked()) {
        at_process_lock(call->process);
        if (call->stream != NULL) {
            at_streaming_discard(call->stream);
        }
        at_many_abandon(call);
        at_engine_abandon(call->process->engine, &call->pending);
        at_locks_left(call);
        call->under_way = false;
        at_list_remove(&call->completion.entry);
        at_process_changed(call->process);
        at_process_unlock(call->process);
    }
    at_context_deinit(call);
    free(call);
}

void atoll_call_reset(struct atoll_call *call)
{
    if (call == NULL || call->busy || call->worker != NULL || call->in != NULL ||
        call->stream != NULL) {
        return; /* a handler's context holds its request, another's an open stream what it sent */
    }
    at_context_clear(call);
    new_trace(call);
}

uint64_t atoll_call_deadline(const struct atoll_call *call)
{
    return call->deadline_ns;
}

void atoll_call_set_deadline(struct atoll_call *call, uint64_t deadline_ns)
{
    if (deadline_ns != 0 && (call->deadline_ns == 0 || deadline_ns < call->deadline_ns)) {
        call->deadline_ns = deadline_ns;
    }
}

void atoll_call_set_timeout(struct atoll_call *call, uint64_t timeout_ns)
{
    uint64_t now = at_now_ns();

    atoll_call_set_deadline(call, timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns);
}

const uint8_t *atoll_call_trace_id(const struct atoll_call *call)
{
    return call->trace_id;
}

const char *atoll_call_caller(const struct atoll_call *call)
{
    return call->caller;
}

const char *atoll_call_caller_instance(const struct atoll_call *call)
{
    return call->in == NULL ? "" : call->in->caller_instance;
}

bool atoll_call_cancelled(const struct atoll_call *call)
{
    return call->in != NULL && at_incoming_is_cancelled(call->in);
}

void *atoll_alloc(struct atoll_call *call, size_t size)
{
    return at_arena_alloc(&call->arena, size, 16);
}

struct atoll_str atoll_copy(struct atoll_call *call, const char *at, size_t len)
{
    const char *copy = at_arena_copy(&call->arena, at_bytes_over(at, len));

    return (struct atoll_str){.at = copy, .len = copy == NULL ? 0 : len};
}

__attribute__((format(printf, 2, 0))) static const char *
format_into(struct atoll_call *call, const char *format, va_list args, size_t *ret_len)
{
    va_list again;
    char *text;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    text = len < 0 ? NULL : at_arena_alloc(&call->arena, (size_t)len + 1, 1);
    if (text == NULL) {
        *ret_len = 0;
        return NULL;
    }
    (void)vsnprintf(text, (size_t)len + 1, format, args);
    *ret_len = (size_t)len;
    return text;
}

struct atoll_str atoll_printf(struct atoll_call *call, const char *format, ...)
{
    struct atoll_str s;
    va_list args;

    va_start(args, format);
    s.at = format_into(call, format, args, &s.len);
    va_end(args);
    return s;
}

__attribute__((format(printf, 3, 0))) static int fail(struct atoll_call *call, int status,
                                                      const char *format, va_list args)
{
    size_t len;
    const char *text = format_into(call, format, args, &len);

    call->status = status;
    call->reason = text == NULL ? "out of memory for the reason" : text;
    return status;
}

int atoll_fail(struct atoll_call *call, int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    status = fail(call, status, format, args);
    va_end(args);
    return status;
}

int at_context_fail(struct atoll_call *call, int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    status = fail(call, status, format, args);
    va_end(args);
    return status;
}

int atoll_unimplemented(struct atoll_call *call)
{
    return at_context_fail(call, ATOLL_UNIMPLEMENTED, "the service has no handler for this method");
}

const char *atoll_call_reason(const struct atoll_call *call)
{
    const char *reason = atoll_stream_reason(call->stream);

    if (reason[0] == '\0' && call->reason[0] == '\0') {
        reason = atoll_stream_reason(call->served);
    }
    return reason[0] == '\0' ? call->reason : reason;
}

const char *atoll_status_name(int status)
{
    return at_status_name((uint32_t)status);
}

const char *atoll_version(void)
{
    return ATOLL_VERSION;
}
