/*
 * How the end of something asynchronous reaches the program: a callback inside atoll_poll(), or an
 * event out of atoll_next(). Both may be called by any number of threads; each end is told once,
 * to one of them. What was decoded is decoded in that thread.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <atoll/atoll.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/list.h"
#include "call/engine.h"
#include "libatoll/limits.h"
#include "libatoll/process.h"
#include "libatoll/serve.h"

/* A thread in atoll_poll() or atoll_next(). */
struct poller {
    struct at_waiter waiter;
    struct at_list entry; /* in process->parked while it sleeps without the watch */
    bool takes_events;
};

/* Somebody who takes such ends and is asleep wakes up; others come by themselves. */
static void wake_poller(struct at_process *p, bool tagged)
{
    at_list_foreach (it, &p->parked) {
        struct poller *poller = at_container_of(it, struct poller, entry);

        if (poller->takes_events || !tagged) {
            at_list_remove(it);
            at_park_wake(&poller->waiter.park);
            return;
        }
    }
    if (p->poller_watches && p->watched) {
        at_process_ring(p);
    }
}

void at_complete(struct at_process *p, struct at_completion *c)
{
    uint64_t one = 1;

    at_list_append(c->tagged ? &p->events : &p->done, &c->entry);
    if (p->done_fd >= 0) {
        (void)!write(p->done_fd, &one, sizeof(one));
    }
    wake_poller(p, c->tagged);
}

void at_complete_begun(struct at_process *p)
{
    uint64_t one = 1;

    if (p->pollers == 0 && !p->watched && p->done_fd >= 0) {
        /* Nobody sleeps for us: let the foreign loop come by, which arms and sets the timer. */
        (void)!write(p->done_fd, &one, sizeof(one));
    }
}

/*
 * Before an end is told: may what its teller starts wait for those behind it, so that the peer is
 * woken once? Only while there are some and many were told within one tick of the clock.
 */
static void judge_briskness(struct at_process *p, const struct at_list *rest)
{
    uint64_t tick_ns = at_now_coarse_ns();

    p->brisk_row = tick_ns == p->brisk_tick_ns ? p->brisk_row + 1 : 0;
    p->brisk_tick_ns = tick_ns;
    p->brisk = p->brisk_row >= AT_LIB_BRISK_ROW && !at_list_is_empty(rest);
    if (!p->brisk) {
        at_process_changed(p); /* what was held back */
    }
}

/* Runs the callbacks that are due. Lock held, given back around each. */
static int run_done(struct at_process *p)
{
    int n = 0;

    while (!at_list_is_empty(&p->done)) {
        struct at_completion *c = at_container_of(p->done.next, struct at_completion, entry);

        at_list_remove(&c->entry);
        judge_briskness(p, &p->done);
        at_process_unlock(p);
        c->tell(c, NULL); /* may free what c is in */
        n++;
        at_process_lock(p);
    }
    return n;
}

/* The first event, if any. Lock held, given back around it. */
static bool take_event(struct at_process *p, struct atoll_event *ret)
{
    struct at_completion *c;

    if (at_list_is_empty(&p->events)) {
        return false;
    }
    c = at_container_of(p->events.next, struct at_completion, entry);
    at_list_remove(&c->entry);
    judge_briskness(p, &p->events);
    at_process_unlock(p);
    *ret = (struct atoll_event){.tag = c->user};
    c->tell(c, ret);
    at_process_lock(p);
    return true;
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
    /* Where this process serves, its own threads keep the deadlines. */
    next = p->outer_watches ? at_engine_next_deadline(p->engine) : 0;
    if (next != 0) {
        when.it_value.tv_sec = (time_t)(next / AT_SECOND_NS);
        when.it_value.tv_nsec = (long)(next % AT_SECOND_NS);
    }
    (void)timerfd_settime(p->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    (void)!read(p->done_fd, &one, sizeof(one));
    if (!at_list_is_empty(&p->done) || !at_list_is_empty(&p->events)) {
        one = 1;
        (void)!write(p->done_fd, &one, sizeof(one));
    }
}

/*
 * Runs callbacks until at least one ran, or, where events are asked for, until there is one. How
 * many callbacks ran and, in *event, which was the first event.
 */
static int poll_until(struct at_process *p, int timeout_ms, struct atoll_event *event, bool *ret)
{
    uint64_t limit = timeout_ms < 0 ? 0 : at_now_ns() + (uint64_t)timeout_ms * AT_MILLISECOND_NS;
    struct poller me = {.takes_events = event != NULL};
    int n = 0;

    p->pollers++;
    for (;;) {
        n += run_done(p);
        *ret = event != NULL && take_event(p, event);
        if (*ret || (event == NULL && n > 0)) {
            break;
        }
        if (p->watched) {
            at_list_append(&p->parked, &me.entry);
            at_process_park(p, &me.waiter, limit);
            at_list_remove(&me.entry);
        } else {
            p->poller_watches = true;
            at_process_watch(p, limit);
            p->poller_watches = false;
            if (p->serve != NULL) { /* requests that it found are others' to run */
                (void)at_workers_kick(p);
            }
        }
        if (at_list_is_empty(&p->done) && (event == NULL || at_list_is_empty(&p->events)) &&
            limit != 0 && at_now_ns() >= limit) {
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
    return n;
}

int atoll_poll(int timeout_ms)
{
    struct at_process *p;
    bool event;
    int n;

    if (at_process_get("", &p) < 0) {
        return 0;
    }
    at_process_lock(p);
    n = poll_until(p, timeout_ms, NULL, &event);
    at_process_unlock(p);
    return n;
}

int atoll_next(struct atoll_event *event, int timeout_ms)
{
    struct at_process *p;
    bool any;
    int r = event == NULL ? -EINVAL : at_process_get("", &p);

    if (r < 0) {
        return r;
    }
    at_process_lock(p);
    (void)poll_until(p, timeout_ms, event, &any);
    at_process_unlock(p);
    return any ? 1 : 0;
}

/* An event of the program's own. */
struct posted {
    struct at_completion completion;
    int status;
};

static void tell_posted(struct at_completion *c, struct atoll_event *event)
{
    struct posted *posted = at_container_of(c, struct posted, completion);

    event->kind = ATOLL_EVENT_POSTED;
    event->status = posted->status;
    free(posted);
}

int atoll_post(void *tag, int status)
{
    struct posted *posted;
    struct at_process *p;
    int r = at_process_get("", &p);

    if (r < 0) {
        return r;
    }
    posted = calloc(1, sizeof(*posted));
    if (posted == NULL) {
        return -ENOMEM;
    }
    posted->completion = (struct at_completion){.tell = tell_posted, .tagged = true, .user = tag};
    posted->status = status;
    at_process_lock(p);
    at_complete(p, &posted->completion);
    at_process_unlock(p);
    return 0;
}

void at_complete_free_all(struct at_process *p)
{
    at_list_foreach_safe (it, &p->events) {
        struct at_completion *c = at_container_of(it, struct at_completion, entry);

        at_list_remove(it);
        if (c->tell == tell_posted) {
            free(at_container_of(c, struct posted, completion));
        }
    }
}

static int add(int outer, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

    return epoll_ctl(outer, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

void at_process_hand_over(struct at_process *p)
{
    bool watches = p->serve == NULL;

    if (p->outer < 0 || watches == p->outer_watches) {
        return;
    }
    if (watches) {
        p->outer_watches = add(p->outer, p->epoll) == 0;
    } else {
        p->outer_watches = epoll_ctl(p->outer, EPOLL_CTL_DEL, p->epoll, NULL) < 0;
    }
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
        p->outer_watches = false;
        at_process_hand_over(p);
        r = p->outer_watches || p->serve != NULL ? 0 : -ENOMEM;
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
