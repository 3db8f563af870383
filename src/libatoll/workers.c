/*
 * Threads of a server.
 *
 * A handler runs in place on the thread that took its request from the ring, and meanwhile nobody
 * watches: for a short handler that costs nothing. Four rules keep others from waiting for it:
 *   - before a handler whose method is usually slow, the watch is given to another thread;
 *   - while handlers run, one parked thread, the standby, looks every 2 ms; when the same handler
 *     still runs, it takes the watch over;
 *   - a handler of a pooled method runs while another thread watches, and never else;
 *   - a handler that waits for a nested call watches by itself, and wakes another thread for the
 *     requests that it finds meanwhile. So A calling B calling A goes on below threads_max.
 *
 * A request that comes back to a chain of calls which has a handler waiting here goes first, and may
 * have a thread beyond threads_max: the chain can only end when it is answered. Requests that begin a
 * chain wait until fewer than threads_max handlers run, so that what was begun is finished first.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/atoll.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/list.h"
#include "call/call.h"
#include "call/engine.h"
#include "libatoll/limits.h"
#include "libatoll/process.h"
#include "libatoll/serve.h"
#include "shm/channel.h"

static void *thread_main(void *user)
{
    struct at_worker *w = user;
    struct at_process *p = w->process;

    at_process_lock(p);
    at_workers_run(p, w);
    if (w->retired) {
        at_list_remove(&w->all); /* nobody joins it any more */
        p->serve->threads--;
        (void)pthread_detach(pthread_self());
        at_context_deinit(&w->call);
        free(w);
    }
    at_process_unlock(p);
    return NULL;
}

/* How many handlers may run now: more when some come back to chains that wait for them. */
static uint32_t threads_wanted(const struct at_serve *s)
{
    if (!at_list_is_empty(&s->back)) {
        return s->chain_max;
    }
    return s->running > s->threads_max ? s->running : s->threads_max;
}

void at_workers_add(struct at_process *p)
{
    struct at_serve *s = p->serve;
    struct at_worker *w;
    pthread_attr_t attr;

    /* One more than handlers may run: somebody must be left to watch. */
    if (s->threads > threads_wanted(s) || s->over) {
        return;
    }
    w = malloc(sizeof(*w));
    if (w == NULL) {
        s->alone = s->threads == 1;
        return;
    }
    memset(w, 0, offsetof(struct at_worker, call));
    w->process = p;
    at_context_init(&w->call, p);
    w->call.worker = w;
    if (pthread_attr_init(&attr) != 0) {
        free(w);
        return;
    }
    (void)pthread_attr_setstacksize(&attr, AT_LIB_STACK_BYTES);
    s->threads++;
    s->alone = false;
    at_list_append(&s->workers, &w->all);
    if (pthread_create(&w->thread, &attr, thread_main, w) != 0) {
        s->threads--;
        s->alone = s->threads == 1;
        at_list_remove(&w->all);
        free(w);
    }
    (void)pthread_attr_destroy(&attr);
}

/* Work or a free watch for one more thread. */
static void wake_or_add(struct at_process *p)
{
    struct at_serve *s = p->serve;

    at_list_foreach (it, &s->idle) {
        struct at_worker *w = at_container_of(it, struct at_worker, entry);

        if (!w->wanted) {
            w->wanted = true;
            at_park_wake(&w->park);
            return;
        }
    }
    at_workers_add(p);
}

bool at_workers_queued(const struct at_serve *s)
{
    return !at_list_is_empty(&s->queue) || !at_list_is_empty(&s->pooled) ||
           !at_list_is_empty(&s->back);
}

bool at_workers_held_by_streams(const struct at_serve *s)
{
    return s->running >= s->threads_max && s->streams >= s->running;
}

/* May the first that came back to its chain run? */
static bool may_come_back(const struct at_serve *s)
{
    return !at_list_is_empty(&s->back) && s->running < s->chain_max;
}

static bool begins_pooled(const struct at_serve *s, const struct at_list *queue)
{
    return !at_list_is_empty(queue) &&
           s->methods[at_container_of(queue->next, struct at_incoming, entry)->method].pooled;
}

void at_workers_hand_off(struct at_process *p)
{
    struct at_serve *s = p->serve;

    if (s->handoff != NULL || !((s->running < s->threads_max && !at_list_is_empty(&s->pooled)) ||
                                (s->running < s->chain_max && begins_pooled(s, &s->back)))) {
        return;
    }
    at_list_foreach (it, &s->idle) {
        struct at_worker *w = at_container_of(it, struct at_worker, entry);

        if (!w->wanted) {
            w->wanted = true;
            s->handoff = w;
            return;
        }
    }
    at_workers_add(p);
}

struct at_worker *at_workers_take_handoff(struct at_process *p)
{
    struct at_worker *w = p->serve == NULL ? NULL : p->serve->handoff;

    if (w != NULL) {
        p->serve->handoff = NULL;
    }
    return w;
}

void at_workers_wake(struct at_worker *w)
{
    if (w != NULL) {
        at_park_wake(&w->park);
    }
}

bool at_workers_kick(struct at_process *p)
{
    struct at_serve *s = p->serve;

    /* At the limit with all in nested calls: somebody must judge whether it is a circle. */
    if (at_workers_queued(s) &&
        (s->running < s->threads_max || s->nested >= s->running || may_come_back(s))) {
        wake_or_add(p);
        return true;
    }
    return false;
}

void at_workers_standby(struct at_process *p)
{
    struct at_serve *s = p->serve;

    if (s->ticking) {
        return;
    }
    if (at_list_is_empty(&s->idle)) {
        at_workers_add(p); /* it ticks as soon as it has parked */
        return;
    }
    s->ticking = true;
    at_park_wake(&at_container_of(s->idle.next, struct at_worker, entry)->park);
}

/* True: take the watch, the handler that was running two looks ago still is. */
static bool look(struct at_process *p, uint64_t *signs, int *quiet)
{
    struct at_serve *s = p->serve;
    bool same = s->signs == *signs;

    *signs = s->signs;
    if (same && !p->watched && s->running > 0) {
        return true;
    }
    *quiet = same ? *quiet + 1 : 0;
    if (*quiet > AT_LIB_IDLE_TICKS) {
        s->ticking = false;
    }
    return false;
}

/* True: nobody needed this thread for long, and it is not the standby: it may end. */
static bool is_superfluous(const struct at_serve *s, const struct at_worker *w, uint64_t since_ns)
{
    return w != s->self && s->idle.next != &w->entry && !w->wanted && !s->over &&
           at_now_ns() - since_ns >= AT_LIB_RETIRE_NS;
}

static void park(struct at_process *p, struct at_worker *w)
{
    struct at_serve *s = p->serve;
    uint64_t signs = s->signs;
    uint64_t since_ns = at_now_ns();
    int quiet = 0;

    at_engine_show(p->engine);
    w->wanted = false;
    at_list_append(&s->idle, &w->entry);
    if (s->idle.next == &w->entry && s->running > 0) {
        s->ticking = true;
    }
    while (!w->wanted && !s->over && !w->retired) {
        bool first = s->idle.next == &w->entry;
        bool standby = first && s->ticking;
        uint64_t limit_ns = first || w == s->self ? 0 : AT_LIB_RETIRE_NS;

        if (s->stopping) { /* who watches may be a thread of the program's, which ends nothing */
            limit_ns = AT_LIB_TICK_NS;
        }
        atomic_store_explicit(&w->park.woken, 0, memory_order_relaxed);
        at_process_unlock(p);
        at_park_wait(&w->park, standby ? AT_LIB_TICK_NS : limit_ns);
        at_process_lock(p);
        w->retired = is_superfluous(s, w, since_ns);
        if (standby && look(p, &signs, &quiet)) {
            s->ticking = false;
            break;
        }
        if (s->stopping) {
            break;
        }
    }
    at_list_remove(&w->entry);
    if (s->idle.next != &s->idle && s->ticking) {
        /* The next in line is the standby now and must know it. */
        at_park_wake(&at_container_of(s->idle.next, struct at_worker, entry)->park);
    } else if (at_list_is_empty(&s->idle)) {
        s->ticking = false;
    }
}

static bool serves_trace(const struct at_worker *w, const struct at_incoming *in)
{
    return w->nested > 0 && w->serving != NULL &&
           memcmp(w->serving->trace_id, in->trace_id, sizeof(in->trace_id)) == 0;
}

/* Is the request part of a chain that has a handler here, which waits in a nested call? */
static bool comes_back(const struct at_serve *s, const struct at_incoming *in)
{
    if (s->nested == s->in_streams) {
        return false;
    }
    at_list_foreach (it, &s->workers) {
        if (serves_trace(at_container_of(it, struct at_worker, all), in)) {
            return true;
        }
    }
    return serves_trace(s->self, in);
}

void at_workers_queue(struct at_process *p, struct at_incoming *in)
{
    struct at_serve *s = p->serve;

    if (s->running >= s->threads_max && comes_back(s, in)) {
        at_list_append(&s->back, &in->entry);
    } else {
        at_list_append(s->methods[in->method].pooled ? &s->pooled : &s->queue, &in->entry);
    }
}

static void refuse(struct at_process *p, struct at_incoming *in, uint32_t status,
                   const char *reason, uint8_t flags)
{
    at_list_remove(&in->entry);
    if (in->stream != NULL) {
        at_streaming_refuse(in, status, reason);
    } else {
        at_engine_answer(p->engine, in, status, at_bytes_of(reason), (struct at_bytes){0}, flags);
    }
    at_process_changed(p);
}

/*
 * Is there no time left? While streams hold all threads that is said a little early: nobody but us
 * knows, and the reason must arrive before the caller gives up.
 */
static bool is_expired(const struct at_serve *s, const struct at_incoming *in, uint64_t now)
{
    uint64_t early = at_workers_held_by_streams(s) ? AT_LIB_EARLY_NS : 0;

    return in->deadline_ns != 0 && in->deadline_ns <= now + early;
}

/* Will the request not run: expired, cancelled, too late? */
static bool is_hopeless(const struct at_process *p, const struct at_incoming *in, uint64_t now)
{
    return at_incoming_is_cancelled(in) || is_expired(p->serve, in, now) || p->serve->stopping;
}

static void drop_expired(struct at_process *p, struct at_incoming *in)
{
    const struct at_serve *s = p->serve;
    char text[160];

    if (at_workers_held_by_streams(s)) {
        (void)snprintf(text, sizeof(text),
                       "all %u threads (threads_max) are held by handlers of open streams; raise "
                       "threads_max, or keep streams with atoll_stream_keep()",
                       s->threads_max);
    } else {
        (void)snprintf(text, sizeof(text),
                       "the deadline passed while %u handlers ran (threads_max is %u)", s->running,
                       s->threads_max);
    }
    refuse(p, in, AT_STATUS_DEADLINE_EXCEEDED, text, 0);
}

static void drop(struct at_process *p, struct at_incoming *in, uint64_t now)
{
    if (at_incoming_is_cancelled(in)) {
        refuse(p, in, AT_STATUS_CANCELLED, "cancelled before it was started", 0);
    } else if (is_expired(p->serve, in, now)) {
        drop_expired(p, in);
    } else {
        refuse(p, in, AT_STATUS_UNAVAILABLE, "the instance is stopping", AT_RECORD_NOT_EXECUTED);
    }
}

static bool drop_hopeless(struct at_process *p, struct at_incoming *in, uint64_t now)
{
    if (!is_hopeless(p, in, now)) {
        return false;
    }
    drop(p, in, now);
    return true;
}

/* Have all threads been in nested calls for long, with nothing begun or ended meanwhile? */
static bool is_stalled(struct at_serve *s, uint64_t now)
{
    if (s->signs != s->stall_signs || s->nested < s->running || s->in_streams > 0) {
        s->stall_signs = s->signs;
        s->stalled_at_ns = now;
    }
    return now - s->stalled_at_ns >= AT_LIB_STALL_NS;
}

/* Every thread waits, and more there may not be: those that came back, or all, are refused. */
static void refuse_list(struct at_process *p, struct at_list *queue, bool stalled)
{
    struct at_serve *s = p->serve;
    char text[160];

    (void)snprintf(text, sizeof(text),
                   stalled ? "all %u threads have been waiting in nested calls for a second; raise "
                             "threads_max or break the circle of services"
                           : "the call comes back in a circle and all %u threads wait in nested "
                             "calls; raise threads_max or break the circle of services",
                   s->running);
    at_list_foreach_safe (it, queue) {
        refuse(p, at_container_of(it, struct at_incoming, entry), AT_STATUS_RESOURCE_EXHAUSTED,
               text, 0);
    }
}

/* Who waits without a thread while streams hold all: when must the next deadline be judged? */
static void set_look(struct at_process *p, uint64_t next_ns)
{
    struct at_serve *s = p->serve;

    s->look_ns = 0;
    if (next_ns != 0 && at_workers_held_by_streams(s)) {
        s->look_ns = next_ns - AT_LIB_EARLY_NS;
        if (p->watched && at_process_sleeps_beyond(p, s->look_ns)) {
            at_process_ring(p);
        }
    }
}

/* No thread is free: what need not wait for one is answered now, wherever it stands. */
static void sweep(struct at_process *p, uint64_t now)
{
    struct at_serve *s = p->serve;
    struct at_list *const queues[] = {&s->queue, &s->pooled, &s->back};
    bool stalled = is_stalled(s, now);
    bool stuck = s->nested >= s->running;
    uint64_t next_ns = 0;

    for (int i = 0; i < 3; i++) {
        at_list_foreach_safe (it, queues[i]) {
            struct at_incoming *in = at_container_of(it, struct at_incoming, entry);

            if (drop_hopeless(p, in, now)) {
                continue;
            }
            if (in->deadline_ns != 0 && (next_ns == 0 || in->deadline_ns < next_ns)) {
                next_ns = in->deadline_ns;
            }
            if (stuck && queues[i] != &s->back && comes_back(s, in)) {
                at_list_remove(&in->entry);
                at_list_append(&s->back, &in->entry);
            }
        }
        if (stalled) {
            refuse_list(p, queues[i], true);
        }
    }
    if (stuck && s->running >= s->chain_max) {
        refuse_list(p, &s->back, false);
    }
    set_look(p, next_ns);
}

struct timing {
    uint64_t begun_ns;
    bool timed;
};

/*
 * The clock before a handler: read when this run is to be timed. That is each run of a method that
 * is not known to be fast, and of the others one in a while.
 */
static struct timing begin_run(struct at_process *p, struct at_method *m)
{
    struct timing t = {.timed = m->usual_ns == 0 || m->usual_ns > AT_LIB_FAST_NS ||
                                ++m->runs % AT_LIB_TIMED == 0};

    if (t.timed && p->serve->stale) {
        p->serve->stale = false;
        (void)at_process_now(p);
    }
    t.begun_ns = p->now_ns;
    return t;
}

/* Behind it. The coarse clock sees when a fast method was slow for once. */
static void end_run(struct at_process *p, struct at_method *m, struct timing t, uint64_t waited_ns)
{
    /* Who was preempted once looks slow once: a method is slow when several runs in a row are. */
    uint64_t most = m->usual_ns == 0 ? AT_LIB_SLOW_NS - 1 : 3 * AT_LIB_SLOW_NS;
    uint64_t own;

    if (!t.timed && at_now_coarse_ns() <= p->now_ns) {
        p->serve->stale = true;
        return;
    }
    p->serve->stale = false;
    own = at_process_now(p) - t.begun_ns;
    if (t.timed) {
        own = own > waited_ns ? own - waited_ns : 0;
        if (own > most) {
            own = most;
        }
        m->usual_ns = m->usual_ns == 0 ? own + 1 : m->usual_ns - m->usual_ns / 8 + own / 8;
    }
}

/*
 * Before the next handler runs, may answers be held back, so that who waits for several is woken
 * once? While there is more to do which is usually done at once.
 */
static bool may_hold_back(const struct at_process *p, const struct at_method *last)
{
    struct at_serve *s = p->serve;
    const struct at_method *next;

    if (at_list_is_empty(&s->queue) || s->stopping) {
        s->held_back_ns = 0;
        return false;
    }
    next = &s->methods[at_container_of(s->queue.next, struct at_incoming, entry)->method];
    s->held_back_ns += last->usual_ns;
    if (next->usual_ns == 0 || s->held_back_ns + next->usual_ns > AT_LIB_BATCH_NS) {
        s->held_back_ns = 0;
        return false;
    }
    return true;
}

/* A large answer is written out of the context's memory, which the engine then has. */
static void give_answer(struct at_process *p, struct atoll_call *call, struct at_incoming *in,
                        const struct at_answer *answer)
{
    bool in_arena = answer->status == ATOLL_OK && answer->body.len > sizeof(call->room);

    if (!in_arena) {
        at_engine_answer(p->engine, in, answer->status, answer->meta, answer->body, 0);
    } else if (at_engine_answer_with(p->engine, in, answer, &call->arena, &call->held)) {
        at_arena_init(&call->arena, AT_LIB_ARENA_FIRST, AT_LIB_ARENA_MAX);
    }
}

/* Before a handler runs in place: who watches meanwhile, should it take long? */
static void see_to_watch(struct at_process *p, const struct at_method *m)
{
    if (at_process_pass_watch(p)) {
        return;
    }
    if (m->usual_ns > AT_LIB_SLOW_NS && !p->watched) {
        wake_or_add(p);
    } else {
        at_workers_standby(p);
    }
}

/* The first request of a queue. */
static void run_first(struct at_process *p, struct at_worker *w, struct at_list *queue)
{
    struct at_serve *s = p->serve;
    struct at_incoming *in = at_container_of(queue->next, struct at_incoming, entry);
    struct at_method *m = &s->methods[in->method];
    struct atoll_call *call = &w->call;
    struct at_worker *handoff;
    struct at_engine_bell bell;
    struct at_answer answer;
    bool rings;
    struct timing timing = begin_run(p, m);

    at_list_remove(&in->entry);
    s->running++;
    s->signs++;
    at_workers_hand_off(p); /* more of them: each thread wakes the next */
    if (!p->watched) {
        see_to_watch(p, m);
    } else if (s->pairs) {
        at_process_changed(p); /* perhaps we have read; from now on the other hears the bells */
    }
    if (in->stream != NULL) {
        at_workers_wake(at_workers_take_handoff(p));
        s->streams++;
        at_streaming_run(p, w, in);
        s->streams--;
        s->stale = true;
        s->running--;
        s->signs++;
        return;
    }
    at_context_clear(call);
    call->in = in;
    w->serving = call;
    call->deadline_ns = in->deadline_ns;
    memcpy(call->trace_id, in->trace_id, sizeof(call->trace_id));
    call->span_id = in->span_id;
    handoff = at_workers_take_handoff(p);
    at_process_unlock(p);
    at_workers_wake(handoff);
    at_handle(call, m, &answer);
    at_process_lock(p);
    w->serving = NULL;
    call->in = NULL;
    call->caller = "";
    give_answer(p, call, in, &answer);
    rings = m->pooled && at_engine_show_silently(p->engine, &bell);
    if (m->pooled || !may_hold_back(p, m)) {
        at_process_changed(p);
    }
    end_run(p, m, timing, call->waited_ns);
    s->running--;
    s->signs++;
    if (rings) { /* who is woken may come back before we do, and not find the lock taken */
        at_process_unlock(p);
        at_channel_ring(bell.fd);
        at_process_lock(p);
        at_engine_bell_rung(&bell);
    }
}

/* Stopped, and nothing runs or waits to be sent, or time is up. */
static bool is_over(struct at_process *p)
{
    struct at_serve *s = p->serve;

    if (s->stopping && !s->over &&
        ((s->running == 0 && !at_workers_queued(s) && at_list_is_empty(&s->kept) &&
          at_engine_unsent(p->engine) == 0) ||
         at_now_ns() >= s->stop_by_ns)) {
        s->over = true;
        at_list_foreach (it, &s->idle) {
            at_park_wake(&at_container_of(it, struct at_worker, entry)->park);
        }
        at_process_ring(p);
    }
    return s->over;
}

/* Of which requests a thread may run the first now; NULL: of none. */
static struct at_list *next_queue(const struct at_process *p)
{
    struct at_serve *s = p->serve;
    /* A pooled one while somebody watches; or when there is no memory for another thread. */
    bool pooled_too = p->watched || s->alone;

    if (may_come_back(s) && (pooled_too || !begins_pooled(s, &s->back))) {
        return &s->back;
    }
    if (s->running >= s->threads_max) {
        return NULL;
    }
    if (!at_list_is_empty(&s->queue)) {
        return &s->queue;
    }
    return !at_list_is_empty(&s->pooled) && pooled_too ? &s->pooled : NULL;
}

/*
 * One thread watches. Where all methods are pooled, two sleep in the same epoll: a bell wakes one
 * of them, which reads and runs the handler itself, and the other hears the next. So no request is
 * handed over. Never beside a caller, which only its own bell may wake.
 */
static bool may_watch(const struct at_process *p)
{
    const struct at_serve *s = p->serve;

    return !p->watched || (s->pairs && s->watchers == 1 && (p->watchers == 1 || p->watchers == 2));
}

void at_workers_run(struct at_process *p, struct at_worker *w)
{
    struct at_serve *s = p->serve;

    (void)at_process_now(p);
    while (!is_over(p) && !w->retired) {
        struct at_list *queue = next_queue(p);

        if (s->running >= s->threads_max || s->stopping) {
            sweep(p, at_process_now(p));
            queue = next_queue(p);
        } else if (queue != NULL &&
                   drop_hopeless(p, at_container_of(queue->next, struct at_incoming, entry),
                                 p->now_ns)) {
            continue;
        }
        if (queue != NULL) {
            run_first(p, w, queue);
        } else if (may_watch(p)) {
            at_workers_hand_off(p);
            s->watchers++;
            at_process_watch(p, at_serve_watch_limit(p, s->stopping ? s->stop_by_ns : 0));
            s->watchers--;
        } else {
            park(p, w);
            (void)at_process_now(p);
        }
    }
    at_engine_show(p->engine);
    if (s->over && p->watched) {
        at_process_ring(p); /* the other of two that watched */
    }
    (void)at_process_pass_watch(p); /* callers on other threads wait on, and nobody else watches */
}

void at_workers_end(struct at_process *p)
{
    /* Nobody is added or retires any more: it is over. */
    at_list_foreach (it, &p->serve->workers) {
        struct at_worker *w = at_container_of(it, struct at_worker, all);

        at_park_wake(&w->park);
        at_process_unlock(p);
        (void)pthread_join(w->thread, NULL);
        at_process_lock(p);
    }
    /* Only now: one of them may have been about to wake another. */
    at_list_foreach_safe (it, &p->serve->workers) {
        struct at_worker *w = at_container_of(it, struct at_worker, all);

        at_context_deinit(&w->call);
        free(w);
    }
}
