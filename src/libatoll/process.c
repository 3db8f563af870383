#include "libatoll/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/list.h"
#include "call/engine.h"
#include "control/message.h"
#include "control/service.h"
#include "libatoll/limits.h"
#include "libatoll/locks.h"
#include "libatoll/serve.h"
#include "libatoll/spin.h"

enum { TAG_BELL = 3, TAG_SIGNAL = 7 }; /* engine tags never end in binary 11 */

/* The one global of the library: its API has no handle, so the process has one engine. */
static pthread_mutex_t the_lock = PTHREAD_MUTEX_INITIALIZER;
static struct at_process *the_process;
/* A page of its own that holds 1, and 0 in every fork of this process: the kernel wipes it. */
static uint8_t *_Atomic the_mark;

static int watch(void *user, int fd, uint32_t events, uint64_t tag, void **ret_handle)
{
    struct at_process *p = user;
    struct epoll_event ev = {.events = events, .data.u64 = tag};

    *ret_handle = p; /* anything but NULL */
    return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static void unwatch(void *user, int fd, void *handle)
{
    struct at_process *p = user;

    (void)handle;
    (void)epoll_ctl(p->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static void on_request(void *user, struct at_incoming *in)
{
    at_serve_request(user, in);
}

static void on_stream(void *user, struct at_incoming *in)
{
    at_streaming_arrived(user, in);
}

static void on_cancelled(void *user, struct at_incoming *in)
{
    at_serve_cancelled(user, in);
}

static void on_control_lost(void *user)
{
    at_serve_stop(user, 0); /* nobody supervises us any more */
}

static void on_welcome(struct at_process *p, const struct at_message *m)
{
    struct at_service_welcome w;

    if (at_message_read(&at_service_welcome_kind, m, &w) == 0) {
        p->generation = w.generation;
        p->welcomed = true;
    }
}

static void on_refused(struct at_process *p, const struct at_message *m)
{
    struct at_service_refused refused;

    if (at_message_read(&at_service_refused_kind, m, &refused) == 0) {
        (void)snprintf(p->refusal, sizeof(p->refusal), "%.*s", (int)refused.reason.len,
                       refused.reason.at == NULL ? "" : (const char *)refused.reason.at);
    }
}

static void on_stop(struct at_process *p, const struct at_message *m)
{
    struct at_service_stop stop;

    if (at_message_read(&at_service_stop_kind, m, &stop) == 0) {
        at_serve_stop(p, stop.grace_ns);
    }
}

static void on_resume(struct at_process *p, const struct at_message *m)
{
    (void)m;
    (void)at_process_hello(p);
    if (p->ready_said) {
        (void)at_process_ready(p);
    }
}

typedef void on_message_fn(struct at_process *p, const struct at_message *m);

static on_message_fn *const on_message[] = {
    [AT_SERVICE_WELCOME] = on_welcome,
    [AT_SERVICE_REFUSED] = on_refused,
    [AT_SERVICE_STOP] = on_stop,
    [AT_SERVICE_RESUME] = on_resume,
};

static void on_other(void *user, struct at_message *m)
{
    if (m->type < sizeof(on_message) / sizeof(on_message[0]) && on_message[m->type] != NULL) {
        on_message[m->type](user, m);
    }
}

static const struct at_engine_ops ops = {.watch = watch,
                                         .unwatch = unwatch,
                                         .request = on_request,
                                         .stream = on_stream,
                                         .cancelled = on_cancelled,
                                         .alarm = at_streaming_alarm,
                                         .other = on_other,
                                         .control_lost = on_control_lost};

int at_process_hello(struct at_process *p)
{
    struct at_service_hello hello = {.version_min = AT_CONTROL_VERSION_MIN,
                                     .version_max = AT_CONTROL_VERSION,
                                     .library = AT_LIT("libatoll " ATOLL_VERSION),
                                     .contracts = at_bytes_of(p->contracts),
                                     .generation = p->generation,
                                     .layout_min = AT_LAYOUT_VERSION_MIN,
                                     .layout_max = AT_LAYOUT_VERSION};

#if AT_CONTROL_VERSION >= 2
    hello.build = AT_LIT("next");
#endif
    return at_message_send(p->control, &at_service_hello_kind, &hello, NULL, 0);
}

int at_process_ready(struct at_process *p)
{
    struct at_service_ready ready = {.status = AT_LIT("serving")};

    p->ready_said = true;
    return at_message_send(p->control, &at_service_ready_kind, &ready, NULL, 0);
}

/* The number in ATOLL_CONTROL_FD, when it is a socket of ours. */
static int find_control(void)
{
    const char *text = getenv("ATOLL_CONTROL_FD");
    uint64_t number;

    if (text == NULL || !at_bytes_to_u64(at_bytes_of(text), &number) || number > INT32_MAX) {
        return -ENOTCONN;
    }
    /* A program that the service starts must not speak for it. */
    return fcntl((int)number, F_SETFD, FD_CLOEXEC) < 0 ? -ENOTCONN : (int)number;
}

/* Before there is an engine: only WELCOME, REFUSED and RESUME can come. */
static int await_welcome(struct at_process *p)
{
    uint64_t deadline = at_now_ns() + AT_LIB_WELCOME_NS;

    while (!p->welcomed && p->refusal[0] == '\0') {
        struct pollfd wait = {.fd = p->control, .events = POLLIN};
        uint64_t now = at_now_ns();
        int r;

        if (now >= deadline) {
            return -ETIMEDOUT;
        }
        r = poll(&wait, 1, at_until_ms(deadline, now));
        if (r < 0 && errno != EINTR) {
            return -errno;
        }
        if (r <= 0) {
            continue;
        }
        r = at_message_receive(p->control, p->message);
        if (r == AT_MESSAGE_CLOSED) {
            return -ENOTCONN;
        }
        if (r < 0 && r != -EAGAIN) {
            return r;
        }
        if (r == 0) {
            on_other(p, p->message);
            at_message_clear(p->message);
        }
    }
    return p->refusal[0] != '\0' ? -EACCES : 0;
}

static int add_fd(int epoll, int fd, uint64_t tag)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.u64 = tag}; /* never read */

    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int set_up(struct at_process *p)
{
    int r;

    p->control = find_control();
    if (p->control < 0) {
        return p->control;
    }
    p->message = malloc(sizeof(*p->message));
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    p->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->message == NULL) {
        return -ENOMEM;
    }
    if (p->epoll < 0 || p->bell < 0) {
        return -errno;
    }
    r = add_fd(p->epoll, p->bell, TAG_BELL);
    if (r == 0) {
        r = at_process_hello(p);
    }
    if (r == 0) {
        r = await_welcome(p);
    }
    if (r == 0) {
        r = at_engine_new(&ops, p, p->control, (struct at_bytes){0}, &p->engine);
    }
    if (r == 0) {
        at_engine_cork(p->engine); /* see at_process_changed() */
    }
    free(p->message);
    p->message = NULL;
    return r;
}

static void tear_down(struct at_process *p)
{
    at_warden_free(p);
    p->engine = at_engine_free(p->engine);
    at_locks_free(p);
    at_complete_free_all(p);
    at_close(&p->epoll);
    at_close(&p->bell);
    at_close(&p->done_fd);
    at_close(&p->timer_fd);
    at_close(&p->outer);
    free(p);
}

static int make(const char *contracts, struct at_process **ret)
{
    struct at_process *p = calloc(1, sizeof(*p));
    int r;

    if (p == NULL) {
        return -ENOMEM;
    }
    p->epoll = -1;
    p->bell = -1;
    p->done_fd = -1;
    p->timer_fd = -1;
    p->outer = -1;
    p->contracts = contracts;
    p->watch_until_ns[0] = UINT64_MAX;
    p->watch_until_ns[1] = UINT64_MAX;
    p->cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
    at_list_init(&p->waiting);
    at_list_init(&p->done);
    at_list_init(&p->events);
    at_list_init(&p->parked);
    r = set_up(p);
    /* A refused process stays, so that its reason can be told. */
    if (r < 0 && r != -EACCES) {
        tear_down(p);
        return r;
    }
    *ret = p;
    return 0;
}

bool at_process_is_forked(void)
{
    const uint8_t *mark = atomic_load_explicit(&the_mark, memory_order_acquire);

    return mark != NULL && *mark == 0;
}

/* Without the page (no memory) forks go unnoticed, which is no reason to refuse to work. */
static void mark_process(void)
{
    uint8_t *page;

    if (atomic_load_explicit(&the_mark, memory_order_relaxed) != NULL) {
        return;
    }
    page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return;
    }
    if (madvise(page, (size_t)sysconf(_SC_PAGESIZE), MADV_WIPEONFORK) == 0) {
        *page = 1;
        atomic_store_explicit(&the_mark, page, memory_order_release);
    }
}

int at_process_get(const char *contracts, struct at_process **ret)
{
    int r = 0;

    if (at_process_is_forked()) {
        return -ECHILD; /* before the lock: perhaps nobody is left to give it back */
    }
    (void)pthread_mutex_lock(&the_lock);
    mark_process();
    if (the_process == NULL) {
        r = make(contracts, &the_process);
    }
    *ret = the_process;
    (void)pthread_mutex_unlock(&the_lock);
    return r < 0 ? r : (*ret)->engine == NULL ? -EACCES : 0;
}

void at_process_end(void)
{
    (void)pthread_mutex_lock(&the_lock);
    if (the_process != NULL) {
        tear_down(the_process);
        the_process = NULL;
    }
    (void)pthread_mutex_unlock(&the_lock);
}

void at_process_ring(struct at_process *p)
{
    uint64_t one = 1;

    (void)!write(p->bell, &one, sizeof(one));
}

void at_process_changed(struct at_process *p)
{
    uint64_t next;

    p->unshown = 0;
    at_engine_show(p->engine);
    if (!p->watched) {
        return;
    }
    next = at_engine_next_deadline(p->engine);
    if (!at_engine_arm(p->engine) || (next != 0 && at_process_sleeps_beyond(p, next))) {
        at_process_ring(p);
    }
}

static void take_event(struct at_process *p, const struct epoll_event *ev)
{
    if (ev->data.u64 == TAG_SIGNAL) {
        at_serve_stop(p, AT_LIB_GRACE_NS);
    } else if (ev->data.u64 != TAG_BELL) { /* the bell only had to end the sleep */
        at_engine_event(p->engine, ev->data.u64, ev->events);
    }
}

uint64_t at_process_now(struct at_process *p)
{
    p->now_ns = at_now_ns();
    return p->now_ns;
}

/* What that writes, answers to hopeless requests and calls that had to wait for room, is shown. */
static void run(struct at_process *p, uint64_t now_ns)
{
    (void)at_engine_run(p->engine, now_ns);
    at_engine_show(p->engine);
}

/* Takes what epoll has; sleeps for it until `until` (0: without limit) when `sleep` says so. */
static void take_events(struct at_process *p, uint64_t until, bool sleep)
{
    struct epoll_event events[AT_LIB_EVENTS_PER_WAIT];
    struct at_worker *handoff;
    int place = p->watchers & 1;
    int wait_ms = 0;
    int n;

    p->awake_turns = 0;
    p->watched = true;
    p->watchers |= (uint8_t)(1 << place);
    p->watch_until_ns[place] = until == 0 ? UINT64_MAX : until;
    handoff = at_workers_take_handoff(p);
    at_process_unlock(p);
    at_workers_wake(handoff);
    if (sleep) {
        wait_ms = until == 0 ? -1 : at_until_ms(until, at_now_ns());
    }
    n = epoll_wait(p->epoll, events, AT_LIB_EVENTS_PER_WAIT, wait_ms);
    at_process_lock(p);
    p->watchers &= (uint8_t)~(1 << place);
    p->watch_until_ns[place] = UINT64_MAX;
    p->watched = p->watchers != 0;
    at_engine_tell_time(p->engine, at_process_now(p)); /* we may have slept for long */
    for (int i = 0; i < n; i++) {
        take_event(p, &events[i]);
    }
}

/* May this thread burn a moment? Not where a peer or a thread of ours could use it. */
static bool may_look_around(const struct at_process *p)
{
    return p->cpus > 1 && !p->watched && at_serve_busy(p) < p->cpus &&
           at_engine_is_apart(p->engine);
}

/*
 * Looks at the rings for a moment, for a peer that answers sooner than we could fall asleep and be
 * woken. True: something came. The lock is held: who wants it ends the look.
 */
static bool look_around(struct at_process *p)
{
    uint64_t begun_ns = at_process_now(p);

    for (;;) {
        for (int i = 0; i < AT_LIB_SPIN_LOOKS; i++) {
            if (at_engine_has_work(p->engine)) {
                at_spin_hit(&p->spin);
                return true;
            }
            at_spin_relax();
        }
        if (at_lock_is_wanted(&p->lock)) {
            return false;
        }
        if (at_process_now(p) - begun_ns >= p->spin.budget_ns) {
            at_spin_missed(&p->spin, p->now_ns - begun_ns);
            return false;
        }
    }
}

/* There is something to do at once. */
static void stay_awake(struct at_process *p)
{
    at_workers_wake(at_workers_take_handoff(p));
    if (++p->awake_turns >= AT_LIB_AWAKE_TURNS) {
        take_events(p, 0, false); /* the busy must not keep us from hearing the others */
    }
    /* A reply that is here already needs no clock; but time may not stand still for ever. */
    run(p, ++p->runs % AT_LIB_RUNS_A_LOOK == 0 ? at_process_now(p) : p->now_ns);
}

void at_process_watch(struct at_process *p, uint64_t limit_ns)
{
    uint64_t until = limit_ns;
    uint64_t next;
    uint64_t begun_ns = 0;

    at_engine_show(p->engine);
    if (at_engine_has_work(p->engine)) {
        stay_awake(p);
        return;
    }
    if (may_look_around(p)) {
        at_workers_wake(at_workers_take_handoff(p));
        if (p->spin.budget_ns > 0 && look_around(p)) {
            stay_awake(p);
            return;
        }
        begun_ns = at_process_now(p);
    }
    if (!at_engine_arm(p->engine)) {
        stay_awake(p);
        return;
    }
    next = at_engine_next_deadline(p->engine);
    if (next != 0 && (until == 0 || next < until)) {
        until = next;
    }
    take_events(p, until, true);
    if (begun_ns != 0) {
        at_spin_slept(&p->spin, p->now_ns - begun_ns);
    }
    run(p, p->now_ns);
}

void at_process_park(struct at_process *p, struct at_waiter *w, uint64_t limit_ns)
{
    uint64_t now = limit_ns == 0 ? 0 : at_now_ns();

    atomic_store_explicit(&w->park.woken, 0, memory_order_relaxed);
    at_list_append(&p->waiting, &w->entry);
    at_process_unlock(p);
    if (limit_ns == 0 || limit_ns > now) {
        at_park_wait(&w->park, limit_ns == 0 ? 0 : limit_ns - now);
    }
    at_process_lock(p);
    at_list_remove(&w->entry);
}

bool at_process_pass_watch(struct at_process *p)
{
    if (p->watched || at_list_is_empty(&p->waiting)) {
        return false;
    }
    at_park_wake(&at_container_of(p->waiting.next, struct at_waiter, entry)->park);
    return true;
}

void at_process_wait(struct at_process *p, struct atoll_call *call, uint64_t limit_ns)
{
    while (!call->done) {
        if (!p->watched) {
            at_process_watch(p, at_serve_watch_limit(p, limit_ns));
            if (p->serve != NULL) {
                at_serve_kick(p);
            }
        } else {
            at_process_park(p, &call->waiter, limit_ns);
            run(p, at_process_now(p)); /* perhaps the deadline woke us */
        }
    }
    if (!at_process_pass_watch(p) && p->serve != NULL && !p->watched && call->worker == NULL) {
        at_serve_kick(p);
    }
}
