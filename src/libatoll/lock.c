/* Named locks and semaphores: the public face of locks.h. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <atoll/atoll.h>

#include "base/bytes.h"
#include "base/list.h"
#include "call/call.h"
#include "call/engine.h"
#include "control/locks.h"
#include "libatoll/invoke.h"
#include "libatoll/limits.h"
#include "libatoll/locks.h"
#include "libatoll/process.h"

struct wish {
    struct at_bytes name;
    uint32_t flags; /* enum at_locks_flag */
    uint32_t permits;
};

/* A number for the context as it is now: it differs from those of all others, and from its own
 * before it was reset, as far as circles need it. */
static uint64_t number_of(const struct atoll_call *call)
{
    uint64_t n = (uint64_t)(uintptr_t)call * UINT64_C(0x9e3779b97f4a7c15) + call->memory.life;

    return n == 0 ? 1 : n;
}

/* By its members, not by the whole: programs of today must not lose them when the struct grows. */
static int read_options(struct atoll_call *call, const char *name,
                        const struct atoll_lock_options *o, struct wish *ret)
{
    uint32_t flags = 0;

    *ret = (struct wish){.name = at_bytes_of(name), .permits = 1};
    if (o != NULL && o->size >= offsetof(struct atoll_lock_options, flags) + sizeof(o->flags)) {
        flags = o->flags;
    }
    if (o != NULL && o->size >= offsetof(struct atoll_lock_options, permits) + sizeof(o->permits) &&
        o->permits != 0) {
        ret->permits = o->permits;
    }
    ret->flags = ((flags & ATOLL_LOCK_SHARED) != 0 ? AT_LOCKS_SHARED : 0) |
                 ((flags & ATOLL_LOCK_TRY) != 0 ? AT_LOCKS_TRY : 0);
    if (!at_locks_is_name(ret->name) ||
        (flags & ~(uint32_t)(ATOLL_LOCK_SHARED | ATOLL_LOCK_TRY)) != 0) {
        return at_context_fail(call, ATOLL_INVALID_ARGUMENT,
                               "a lock has a name of 1 to %d characters of a-z A-Z 0-9 . _ - / :, "
                               "and its options only flags of options",
                               AT_LOCKS_NAME_MAX);
    }
    return ATOLL_OK;
}

/* ---- beginning and waiting; lock held ---- */

static int fail_begin(struct atoll_call *call)
{
    return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for the lock");
}

/* The context waits for the claim's end from now on. A status. */
static int begin(struct atoll_call *call, struct at_claim *c, enum at_locks_method method)
{
    call->done = false;
    call->peer[0] = '\0';
    c->call = call;
    call->pending.request.deadline_ns = at_invoke_deadline(call, 0); /* until when it waits */
    if (at_locks_begin(c, method, call->pending.request.deadline_ns) < 0) {
        c->call = NULL;
        return fail_begin(call);
    }
    call->asking = c;
    call->under_way = true;
    at_process_changed(call->process);
    return ATOLL_OK;
}

static int ask(struct atoll_call *call, const struct wish *wish, struct atoll_lock *ret)
{
    struct at_process *p = call->process;
    struct at_claim *c;
    int status;

    if (p->locks != NULL && p->locks->count >= AT_LOCKS_CLAIMS_MAX) {
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED,
                               "this process holds or waits for %d locks: that is the most",
                               AT_LOCKS_CLAIMS_MAX);
    }
    if (at_locks_asked(p) >= AT_LIB_LOCKS_ASKED_MAX) {
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED,
                               "this process waits for %d locks: that is the most",
                               AT_LIB_LOCKS_ASKED_MAX);
    }
    c = at_locks_get(p) == NULL ? NULL : at_locks_add(p, wish->name);
    if (c == NULL) {
        return fail_begin(call);
    }
    c->ret = ret;
    c->flags = wish->flags | (call->is_async ? 0 : AT_LOCKS_BLOCKING);
    c->permits = wish->permits;
    c->context = number_of(call);
    status = begin(call, c, AT_LOCKS_LOCK);
    if (status != ATOLL_OK) {
        at_locks_drop(c);
    }
    return status;
}

static int wait(struct atoll_call *call)
{
    at_invoke_wait(call->process, call);
    return call->status;
}

static int check(struct atoll_call *call, const void *other)
{
    int status = call == NULL || other == NULL ? ATOLL_INVALID_ARGUMENT : ATOLL_OK;

    if (status == ATOLL_OK) {
        status = at_invoke_check_use(call);
    }
    if (status == ATOLL_OK) {
        call->status = ATOLL_OK;
        call->reason = "";
    }
    return status;
}

/* ---- public ---- */

int atoll_lock_with(struct atoll_call *call, const char *name,
                    const struct atoll_lock_options *options, struct atoll_lock *ret)
{
    struct wish wish;
    int status = ret == NULL ? ATOLL_INVALID_ARGUMENT : check(call, name);

    if (status == ATOLL_OK) {
        status = read_options(call, name, options, &wish);
    }
    if (status != ATOLL_OK) {
        return status;
    }
    *ret = (struct atoll_lock){0};
    call->is_async = false;
    call->busy = true;
    at_process_lock(call->process);
    status = ask(call, &wish, ret);
    if (status == ATOLL_OK) {
        status = wait(call);
    }
    at_process_unlock(call->process);
    call->busy = false;
    return status;
}

int atoll_lock(struct atoll_call *call, const char *name, struct atoll_lock *ret)
{
    return atoll_lock_with(call, name, NULL, ret);
}

/* Without the lock, in the thread that is told. */
static void tell(struct at_completion *c, struct atoll_event *event)
{
    struct atoll_call *call = at_container_of(c, struct atoll_call, completion);

    call->busy = false;
    if (event != NULL) {
        event->kind = ATOLL_EVENT_CALL;
        event->status = call->status;
        event->call = call;
    } else {
        call->on_done(c->user, call, call->status); /* may free the context */
    }
}

int atoll_lock_async(struct atoll_call *call, const char *name,
                     const struct atoll_lock_options *options, struct atoll_lock *ret,
                     atoll_done *done, void *user)
{
    struct wish wish;
    int status = ret == NULL ? ATOLL_INVALID_ARGUMENT : check(call, name);

    if (status == ATOLL_OK) {
        status = read_options(call, name, options, &wish);
    }
    if (status != ATOLL_OK) {
        return status;
    }
    *ret = (struct atoll_lock){0};
    call->is_async = true;
    call->on_done = done;
    call->completion = (struct at_completion){.tell = tell, .tagged = done == NULL, .user = user};
    call->busy = true;
    at_process_lock(call->process);
    status = ask(call, &wish, ret);
    if (status == ATOLL_OK) {
        at_complete_begun(call->process);
    }
    at_process_unlock(call->process);
    call->busy = status == ATOLL_OK;
    return status;
}

/* Unlock, Renew, Repaired. */
static int change(struct atoll_call *call, const struct atoll_lock *lock,
                  enum at_locks_method method)
{
    struct at_claim *c;
    int status = check(call, lock);

    if (status != ATOLL_OK) {
        return status;
    }
    call->is_async = false;
    call->busy = true;
    at_process_lock(call->process);
    c = at_locks_find(call->process, lock->id);
    if (c == NULL) {
        status = at_context_fail(call, ATOLL_FAILED_PRECONDITION,
                                 "it is not held by this process: it was given back before, or "
                                 "never had");
    } else if (c->pending.state != AT_PENDING_IDLE) {
        status = at_context_fail(call, ATOLL_FAILED_PRECONDITION,
                                 "another thread is giving it back or renewing it just now");
    } else {
        c->leaving = method == AT_LOCKS_UNLOCK;
        status = begin(call, c, method);
        c->leaving = c->leaving && status == ATOLL_OK;
        if (status == ATOLL_OK) {
            status = wait(call);
        }
    }
    at_process_unlock(call->process);
    call->busy = false;
    return status;
}

int atoll_unlock(struct atoll_call *call, const struct atoll_lock *lock)
{
    return change(call, lock, AT_LOCKS_UNLOCK);
}

int atoll_lock_renew(struct atoll_call *call, const struct atoll_lock *lock)
{
    return change(call, lock, AT_LOCKS_RENEW);
}

int atoll_lock_repaired(struct atoll_call *call, const struct atoll_lock *lock)
{
    return change(call, lock, AT_LOCKS_REPAIRED);
}
