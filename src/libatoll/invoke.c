/* Calling: blocking, asynchronous, and by bytes. */
#include "libatoll/invoke.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/list.h"
#include "call/call.h"
#include "call/engine.h"
#include "libatoll/limits.h"
#include "libatoll/method.h"
#include "libatoll/process.h"
#include "pb/codec.h"
#include "pb/fault.h"

static void *reply_room(void *user, size_t len)
{
    struct atoll_call *call = user;

    return at_arena_alloc(&call->arena, len, 16);
}

/* Lock held; the context belongs to a thread that waits, so its memory may be used. */
static void on_reply(void *user, const struct at_call_result *result)
{
    struct atoll_call *call = user;
    struct at_process *p = call->process;

    call->status = (int)result->status;
    call->reply = result->payload;
    call->reason = "";
    if (result->status != AT_STATUS_OK) {
        const char *copy = at_arena_copy(&call->arena, result->reason);

        call->reason = copy == NULL ? "out of memory for the reason" : copy;
    }
    if (result->instance.len > 0 && result->instance.len < sizeof(call->peer)) {
        memcpy(call->peer, result->instance.at, result->instance.len);
        call->peer[result->instance.len] = '\0';
    }
    call->done = true;
    if (call->on_done != NULL) {
        uint64_t one = 1;

        at_list_append(&p->done, &call->done_entry);
        if (p->done_fd >= 0) {
            (void)!write(p->done_fd, &one, sizeof(one));
        }
        if (p->pollers > 0) {
            (void)at_process_pass_watch(p);
            at_process_ring(p);
        }
    } else if (at_list_is_linked(&call->waiter.entry)) {
        at_park_wake(&call->waiter.park);
    }
}

int at_invoke_encode(struct atoll_call *call, const struct atoll_method_desc *m, const void *in,
                     struct at_bytes *ret)
{
    const struct atoll_message_desc *desc = m->input;
    uint32_t limit = at_method_max_request(m);
    int r = at_pb_encode(desc, in, call->room, sizeof(call->room), ret);

    if (r == AT_PB_NO_ROOM) {
        r = at_pb_encode_in_arena(desc, in, &call->arena, ret);
    }
    if (r == -ENOMEM) {
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for the request");
    }
    if (r != 0) {
        struct at_pb_fault fault;

        at_pb_explain_encode(desc, in, r, &fault);
        return at_context_fail(call, ATOLL_INVALID_ARGUMENT,
                               "this process made a request %s that cannot be sent: %s",
                               desc->full_name, fault.what);
    }
    if (limit != 0 && ret->len > limit) {
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED,
                               "the request has %zu bytes; the contract of %s allows %u "
                               "(max_request_bytes)",
                               ret->len, m->name, limit);
    }
    return ATOLL_OK;
}

/* When a call ends that is made now and whose method has this default; absolute. */
static uint64_t deadline_of(const struct atoll_call *call, uint64_t timeout_ns)
{
    uint64_t now = at_now_ns();

    if (call->deadline_ns != 0) {
        return call->deadline_ns;
    }
    if (timeout_ns == 0) {
        timeout_ns = AT_LIB_DEADLINE_NS;
    }
    return timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
}

void at_invoke_request(const struct atoll_call *call, const struct atoll_service_desc *service,
                       const struct atoll_method_desc *m, struct at_call_request *ret)
{
    *ret = (struct at_call_request){
        .contract = at_bytes_of(service->full_name),
        .method = at_bytes_of(m->name),
        .deadline_ns = deadline_of(call, at_method_timeout(m)),
        .span_id = call->span_id,
        .may_repeat = m->idempotency != ATOLL_IDEMPOTENCY_UNKNOWN,
    };
    memcpy(ret->trace_id, call->trace_id, sizeof(ret->trace_id));
}

/* Puts call->pending.request in. Lock held. A status; then, when OK, done will be told. */
static int start(struct atoll_call *call, struct at_bytes payload)
{
    struct at_pending *p = &call->pending;
    int r;

    call->done = false;
    call->peer[0] = '\0';
    p->done = on_reply;
    p->reply_room = reply_room;
    p->user = call;
    p->request.payload = payload;
    p->request.metadata = at_bytes_over(call->metadata, call->metadata_len);
    r = at_engine_start(call->process->engine, p, at_now_ns());
    if (r == -ENOMEM) {
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for the call");
    }
    if (r < 0) {
        return at_context_fail(call, ATOLL_INVALID_ARGUMENT, "\"%.*s\" is no name of a service",
                               (int)(p->request.contract.len > 300 ? 300 : p->request.contract.len),
                               (const char *)p->request.contract.at);
    }
    at_process_changed(call->process);
    return ATOLL_OK;
}

static void wait_for_reply(struct at_process *p, struct atoll_call *call)
{
    uint64_t begun;

    if (call->worker == NULL || p->serve == NULL) {
        at_process_wait(p, call, call->pending.request.deadline_ns);
        return;
    }
    begun = at_now_ns();
    at_serve_nested(p, true);
    at_process_wait(p, call, call->pending.request.deadline_ns);
    at_serve_nested(p, false);
    call->waited_ns += at_now_ns() - begun;
}

/* What call->pending.request says, with this payload; waits. */
static int invoke(struct atoll_call *call, struct at_bytes payload)
{
    struct at_process *p = call->process;
    int status;

    call->on_done = NULL;
    call->busy = true;
    at_process_lock(p);
    status = start(call, payload);
    if (status == ATOLL_OK) {
        wait_for_reply(p, call);
        status = call->status;
    }
    at_process_unlock(p);
    call->busy = false;
    return status;
}

static int check_use(struct atoll_call *call)
{
    if (at_process_is_forked()) {
        call->status = ATOLL_UNAVAILABLE;
        call->reason = "this process was forked from a service and cannot use its channels: call "
                       "from the parent, or execute a program";
        return ATOLL_UNAVAILABLE;
    }
    if (call->busy) {
        return ATOLL_FAILED_PRECONDITION; /* the reason belongs to the call in flight */
    }
    return ATOLL_OK;
}

static int decode(struct atoll_call *call, const struct atoll_method_desc *m, void *out)
{
    struct at_pb_fault fault;
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
        return ATOLL_INVALID_ARGUMENT;
    }
    status = check_use(call);
    if (status != ATOLL_OK) {
        return status;
    }
    *ret = at_method_at(service, method);
    return at_method_streams(*ret) ? at_stream_not_carried(call, service, *ret) : ATOLL_OK;
}

int atoll_invoke(struct atoll_call *call, const struct atoll_service_desc *service, size_t method,
                 const void *in, void *out)
{
    const struct atoll_method_desc *m;
    struct at_bytes payload;
    int status = at_invoke_check(call, service, method, &m);

    if (status != ATOLL_OK) {
        return status;
    }
    status = at_invoke_encode(call, m, in, &payload);
    if (status == ATOLL_OK) {
        at_invoke_request(call, service, m, &call->pending.request);
        status = invoke(call, payload);
    }
    return status == ATOLL_OK ? decode(call, m, out) : status;
}

int atoll_invoke_bytes(struct atoll_call *call, const char *service, const char *method,
                       const void *in, size_t in_len, const void **ret_out, size_t *ret_len)
{
    int status;

    if (call == NULL || service == NULL || method == NULL || ret_out == NULL || ret_len == NULL) {
        return ATOLL_INVALID_ARGUMENT;
    }
    status = check_use(call);
    if (status != ATOLL_OK) {
        return status;
    }
    call->pending.request = (struct at_call_request){.contract = at_bytes_of(service),
                                                     .method = at_bytes_of(method),
                                                     .deadline_ns = deadline_of(call, 0),
                                                     .span_id = call->span_id};
    memcpy(call->pending.request.trace_id, call->trace_id, sizeof(call->trace_id));
    status = invoke(call, at_bytes_over(in, in_len));
    if (status == ATOLL_OK) {
        *ret_out = call->reply.at;
        *ret_len = call->reply.len;
    }
    return status;
}

int atoll_invoke_async(struct atoll_call *call, const struct atoll_service_desc *service,
                       size_t method, const void *in, void *out, atoll_done *done, void *user)
{
    struct at_process *p;
    struct at_bytes payload;
    int status;

    if (done == NULL) {
        return ATOLL_INVALID_ARGUMENT;
    }
    status = at_invoke_check(call, service, method, &call->method);
    if (status != ATOLL_OK) {
        return status;
    }
    status = at_invoke_encode(call, call->method, in, &payload);
    if (status != ATOLL_OK) {
        return status;
    }
    p = call->process;
    call->on_done = done;
    call->user = user;
    call->out = out;
    call->busy = true;
    at_process_lock(p);
    at_invoke_request(call, service, call->method, &call->pending.request);
    status = start(call, payload);
    if (status == ATOLL_OK && p->pollers == 0 && !p->watched && p->done_fd >= 0) {
        uint64_t one = 1;

        /* Nobody sleeps for us: let the foreign loop come by, which arms and sets the timer. */
        (void)!write(p->done_fd, &one, sizeof(one));
    }
    at_process_unlock(p);
    if (status != ATOLL_OK) {
        call->busy = false;
    }
    return status;
}

void atoll_cancel(struct atoll_call *call)
{
    struct at_process *p;

    if (call == NULL || !call->busy || call->on_done == NULL || at_process_is_forked()) {
        return;
    }
    p = call->process;
    at_process_lock(p);
    if (!call->done) {
        struct at_call_result result = {.status = AT_STATUS_CANCELLED,
                                        .reason = AT_LIT("cancelled by its caller")};

        at_engine_abandon(p->engine, &call->pending);
        on_reply(call, &result);
        at_process_changed(p);
    }
    at_process_unlock(p);
}

/* Runs what is due. Lock held, given back around each. */
static int run_done(struct at_process *p)
{
    int n = 0;

    while (!at_list_is_empty(&p->done)) {
        struct atoll_call *call = at_container_of(p->done.next, struct atoll_call, done_entry);
        int status = call->status;

        at_list_remove(&call->done_entry);
        at_process_unlock(p);
        if (status == ATOLL_OK) {
            status = decode(call, call->method, call->out);
        }
        call->busy = false;
        call->on_done(call->user, call, status); /* may free the context */
        n++;
        at_process_lock(p);
    }
    return n;
}

/* Everything is announced and the timer is set: a foreign loop may sleep now. */
static void settle_for_foreign_loop(struct at_process *p)
{
    struct itimerspec when = {0};
    uint64_t next;
    uint64_t one = 1;

    while (!p->watched && !at_engine_arm(p->engine)) {
        if (!at_engine_run(p->engine, at_now_ns())) {
            break;
        }
    }
    next = at_engine_next_deadline(p->engine);
    if (next != 0) {
        when.it_value.tv_sec = (time_t)(next / AT_SECOND_NS);
        when.it_value.tv_nsec = (long)(next % AT_SECOND_NS);
    }
    (void)timerfd_settime(p->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    (void)!read(p->done_fd, &one, sizeof(one));
    if (!at_list_is_empty(&p->done)) {
        one = 1;
        (void)!write(p->done_fd, &one, sizeof(one));
    }
}

int atoll_poll(int timeout_ms)
{
    struct at_process *p;
    struct at_waiter waiter = {0};
    uint64_t limit;
    int n;

    if (at_process_get("", &p) < 0) {
        return 0;
    }
    limit = timeout_ms < 0 ? 0 : at_now_ns() + (uint64_t)timeout_ms * AT_MILLISECOND_NS;
    at_process_lock(p);
    p->pollers++;
    for (;;) {
        n = run_done(p);
        if (n > 0) {
            break;
        }
        if (p->watched) {
            at_process_park(p, &waiter, limit);
        } else {
            at_process_watch(p, limit);
        }
        if (at_list_is_empty(&p->done) && limit != 0 && at_now_ns() >= limit) {
            break;
        }
    }
    p->pollers--;
    if (p->done_fd >= 0) {
        settle_for_foreign_loop(p);
    }
    if (!at_process_pass_watch(p) && p->serve != NULL) {
        at_serve_kick(p);
    }
    at_process_unlock(p);
    return n;
}

static int add(int outer, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

    return epoll_ctl(outer, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int make_outer(struct at_process *p)
{
    int r;

    p->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    p->outer = epoll_create1(EPOLL_CLOEXEC);
    if (p->done_fd < 0 || p->timer_fd < 0 || p->outer < 0) {
        r = -errno;
    } else {
        r = add(p->outer, p->epoll);
        r = r == 0 ? add(p->outer, p->done_fd) : r;
        r = r == 0 ? add(p->outer, p->timer_fd) : r;
    }
    if (r < 0) {
        at_close(&p->done_fd);
        at_close(&p->timer_fd);
        at_close(&p->outer);
    }
    return r;
}

int atoll_poll_fd(void)
{
    struct at_process *p;
    int r = at_process_get("", &p);

    if (r < 0) {
        return r;
    }
    at_process_lock(p);
    r = p->outer >= 0 ? 0 : make_outer(p);
    if (r == 0) {
        settle_for_foreign_loop(p);
        r = p->outer;
    }
    at_process_unlock(p);
    return r;
}
