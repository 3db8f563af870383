#include "loop/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/fd.h"
#include "loop/limits.h"

struct at_io {
    struct at_loop *loop;
    struct at_io *next_dead; /* in loop->dead once removed: freed at the end of the turn */
    at_io_fn *fn;
    void *user;
    int fd;
};

struct at_timer {
    struct at_loop *loop;
    at_timer_fn *fn;
    void *user;
    uint64_t deadline_ns;
    size_t slot; /* place in the heap, from 1; 0: disarmed */
};

struct signal_handler {
    at_signal_fn *fn;
    void *user;
};

struct at_loop {
    struct at_env *env;
    int epoll_fd;
    int wake_fd;
    int signal_fd;
    struct at_io *wake_io;
    struct at_io *signal_io;
    sigset_t signals;
    struct signal_handler handlers[AT_LOOP_SIGNAL_MAX + 1];
    struct at_timer **heap; /* heap[1..heap_used], earliest first */
    size_t heap_used;
    size_t heap_cap;
    size_t timer_count; /* existing timers: the heap always has room for all of them */
    struct at_io *dead;
    at_turn_fn *turn_fn;
    void *turn_user;
    uint64_t now_ns;
    bool stopped;
    int stop_code;
};

static void on_wake(void *user, int fd, uint32_t events)
{
    uint64_t count;

    (void)!read(fd, &count, sizeof(count));
}

int at_loop_new(struct at_env *env, struct at_loop **ret)
{
    struct at_loop *loop = calloc(1, sizeof(*loop));
    int r;

    if (loop == NULL) {
        return -ENOMEM;
    }
    loop->env = env;
    loop->signal_fd = -1;
    loop->wake_fd = -1;
    (void)sigemptyset(&loop->signals);
    loop->now_ns = at_env_now_ns(env);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        r = -errno;
        goto fail;
    }
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0) {
        r = -errno;
        goto fail;
    }
    r = at_loop_add_io(loop, loop->wake_fd, EPOLLIN, on_wake, loop, &loop->wake_io);
    if (r < 0) {
        goto fail;
    }
    *ret = loop;
    return 0;
fail:
    (void)at_loop_free(loop);
    return r;
}

static void bury(struct at_loop *loop)
{
    while (loop->dead != NULL) {
        struct at_io *io = loop->dead;

        loop->dead = io->next_dead;
        free(io);
    }
}

struct at_loop *at_loop_free(struct at_loop *loop)
{
    if (loop == NULL) {
        return NULL;
    }
    (void)at_io_remove(loop->wake_io);
    (void)at_io_remove(loop->signal_io);
    bury(loop);
    at_close(&loop->wake_fd);
    at_close(&loop->signal_fd);
    at_close(&loop->epoll_fd);
    free(loop->heap);
    free(loop);
    return NULL;
}

int at_loop_add_io(struct at_loop *loop, int fd, uint32_t events, at_io_fn *fn, void *user,
                   struct at_io **ret)
{
    struct at_io *io = calloc(1, sizeof(*io));
    struct epoll_event event = {.events = events, .data.ptr = io};

    if (io == NULL) {
        return -ENOMEM;
    }
    *io = (struct at_io){.loop = loop, .fn = fn, .user = user, .fd = fd};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        int r = -errno;

        free(io);
        return r;
    }
    *ret = io;
    return 0;
}

int at_io_change(struct at_io *io, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = io};

    return epoll_ctl(io->loop->epoll_fd, EPOLL_CTL_MOD, io->fd, &event) < 0 ? -errno : 0;
}

struct at_io *at_io_remove(struct at_io *io)
{
    if (io != NULL) {
        (void)epoll_ctl(io->loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
        io->fn = NULL;
        io->next_dead = io->loop->dead;
        io->loop->dead = io;
    }
    return NULL;
}

static void heap_place(struct at_loop *loop, size_t slot, struct at_timer *timer)
{
    loop->heap[slot] = timer;
    timer->slot = slot;
}

static void heap_rise(struct at_loop *loop, size_t slot, struct at_timer *timer)
{
    while (slot > 1 && loop->heap[slot / 2]->deadline_ns > timer->deadline_ns) {
        heap_place(loop, slot, loop->heap[slot / 2]);
        slot /= 2;
    }
    heap_place(loop, slot, timer);
}

static void heap_sink(struct at_loop *loop, size_t slot, struct at_timer *timer)
{
    for (;;) {
        size_t child = slot * 2;

        if (child > loop->heap_used) {
            break;
        }
        if (child < loop->heap_used &&
            loop->heap[child + 1]->deadline_ns < loop->heap[child]->deadline_ns) {
            child++;
        }
        if (loop->heap[child]->deadline_ns >= timer->deadline_ns) {
            break;
        }
        heap_place(loop, slot, loop->heap[child]);
        slot = child;
    }
    heap_place(loop, slot, timer);
}

static void heap_remove(struct at_loop *loop, struct at_timer *timer)
{
    size_t slot = timer->slot;
    struct at_timer *last = loop->heap[loop->heap_used--];

    timer->slot = 0;
    if (last == timer) {
        return;
    }
    if (slot > 1 && loop->heap[slot / 2]->deadline_ns > last->deadline_ns) {
        heap_rise(loop, slot, last);
    } else {
        heap_sink(loop, slot, last);
    }
}

int at_loop_add_timer(struct at_loop *loop, at_timer_fn *fn, void *user, struct at_timer **ret)
{
    struct at_timer *timer;

    if (loop->timer_count + 2 > loop->heap_cap) {
        size_t cap = loop->heap_cap == 0 ? 16 : loop->heap_cap * 2;
        struct at_timer **bigger = realloc(loop->heap, cap * sizeof(*bigger));

        if (bigger == NULL) {
            return -ENOMEM;
        }
        loop->heap = bigger;
        loop->heap_cap = cap;
    }
    timer = calloc(1, sizeof(*timer));
    if (timer == NULL) {
        return -ENOMEM;
    }
    *timer = (struct at_timer){.loop = loop, .fn = fn, .user = user};
    loop->timer_count++;
    *ret = timer;
    return 0;
}

void at_timer_set(struct at_timer *timer, uint64_t deadline_ns)
{
    struct at_loop *loop = timer->loop;

    if (timer->slot != 0) {
        heap_remove(loop, timer);
    }
    timer->deadline_ns = deadline_ns;
    if (deadline_ns != 0) {
        heap_rise(loop, ++loop->heap_used, timer);
    }
}

struct at_timer *at_timer_remove(struct at_timer *timer)
{
    if (timer != NULL) {
        at_timer_set(timer, 0);
        timer->loop->timer_count--;
        free(timer);
    }
    return NULL;
}

static void on_signal(void *user, int fd, uint32_t events)
{
    struct at_loop *loop = user;
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        const struct signal_handler *h;

        if (info.ssi_signo > AT_LOOP_SIGNAL_MAX) {
            continue;
        }
        h = &loop->handlers[info.ssi_signo];
        if (h->fn != NULL) {
            h->fn(h->user, (int)info.ssi_signo);
        }
    }
}

int at_loop_add_signal(struct at_loop *loop, int signal, at_signal_fn *fn, void *user)
{
    int fd;

    if (signal < 1 || signal > AT_LOOP_SIGNAL_MAX) {
        return -EINVAL;
    }
    (void)sigaddset(&loop->signals, signal);
    if (sigprocmask(SIG_BLOCK, &loop->signals, NULL) < 0) {
        return -errno;
    }
    fd = signalfd(loop->signal_fd, &loop->signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        return -errno;
    }
    loop->signal_fd = fd;
    loop->handlers[signal] = (struct signal_handler){.fn = fn, .user = user};
    if (loop->signal_io != NULL) {
        return 0;
    }
    return at_loop_add_io(loop, fd, EPOLLIN, on_signal, loop, &loop->signal_io);
}

void at_loop_on_turn(struct at_loop *loop, at_turn_fn *fn, void *user)
{
    loop->turn_fn = fn;
    loop->turn_user = user;
}

uint64_t at_loop_now_ns(const struct at_loop *loop)
{
    return loop->now_ns;
}

uint64_t at_loop_next_deadline(const struct at_loop *loop)
{
    return loop->heap_used == 0 ? 0 : loop->heap[1]->deadline_ns;
}

static int wait_ms(const struct at_loop *loop, int timeout_ms)
{
    int due;

    if (loop->heap_used == 0) {
        return timeout_ms;
    }
    due = at_until_ms(loop->heap[1]->deadline_ns, loop->now_ns);
    return timeout_ms >= 0 && timeout_ms < due ? timeout_ms : due;
}

static void run_timers(struct at_loop *loop)
{
    /* One that sets itself to the past again has its next turn after the descriptors' events. */
    size_t n = loop->heap_used;

    while (n-- > 0 && loop->heap_used > 0 && loop->heap[1]->deadline_ns <= loop->now_ns) {
        struct at_timer *timer = loop->heap[1];

        heap_remove(loop, timer);
        timer->fn(timer->user);
    }
}

int at_loop_turn(struct at_loop *loop, int timeout_ms)
{
    struct epoll_event events[AT_LOOP_EVENTS_PER_TURN];
    int n;

    loop->now_ns = at_env_now_ns(loop->env);
    n = epoll_wait(loop->epoll_fd, events, AT_LOOP_EVENTS_PER_TURN, wait_ms(loop, timeout_ms));
    if (n < 0 && errno != EINTR) {
        return -errno;
    }
    loop->now_ns = at_env_now_ns(loop->env);
    for (int i = 0; i < n; i++) {
        struct at_io *io = events[i].data.ptr;

        if (io->fn != NULL) {
            io->fn(io->user, io->fd, events[i].events);
        }
    }
    run_timers(loop);
    if (loop->turn_fn != NULL) {
        loop->turn_fn(loop->turn_user);
    }
    bury(loop);
    return 0;
}

int at_loop_run(struct at_loop *loop)
{
    loop->stopped = false;
    while (!loop->stopped) {
        int r = at_loop_turn(loop, -1);

        if (r < 0) {
            return r;
        }
    }
    return loop->stop_code;
}

void at_loop_stop(struct at_loop *loop, int code)
{
    loop->stopped = true;
    loop->stop_code = code;
}

void at_loop_wake(struct at_loop *loop)
{
    uint64_t one = 1;

    (void)!write(loop->wake_fd, &one, sizeof(one));
}

int at_loop_fd(const struct at_loop *loop)
{
    return loop->epoll_fd;
}
