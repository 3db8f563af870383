/*
 * The thread that keeps the Session of a process that holds locks.
 *
 * When the keeper dies its successor waits a moment for those who hold something. The program may be
 * computing then, and nobody watches its channels; so somebody must. In all other times the thread
 * sleeps on the channel's lifeline and on a bell of its own, and takes part in nothing: the watch
 * stays with the callers.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "call/engine.h"
#include "libatoll/locks.h"
#include "libatoll/process.h"

enum { STACK_BYTES = 128 << 10 };
#define LOOK_AGAIN_NS (100 * AT_MILLISECOND_NS)

struct at_warden {
    pthread_t thread;
    int bell;
    bool idle; /* sleeps on the bell alone */
    bool over;
};

static void ring(const struct at_warden *w)
{
    uint64_t one = 1;

    (void)!write(w->bell, &one, sizeof(one));
}

/* Until the channel of the Session ends (true) or the bell rings. Lock held, given back meanwhile. */
static bool sleep_well(struct at_process *p, struct at_warden *w)
{
    int lifeline = p->locks->count == 0 ? -1 : at_engine_lifeline(&p->locks->session);
    struct pollfd wait[2] = {{.fd = w->bell, .events = POLLIN}, {.fd = -1, .events = POLLRDHUP}};
    uint64_t count;

    if (lifeline >= 0) {
        wait[1].fd = fcntl(lifeline, F_DUPFD_CLOEXEC, 3); /* the engine may close its own */
    }
    w->idle = wait[1].fd < 0;
    at_process_unlock(p);
    (void)poll(wait, 2, -1);
    (void)!read(w->bell, &count, sizeof(count));
    at_close(&wait[1].fd);
    at_process_lock(p);
    w->idle = false;
    return wait[1].revents != 0;
}

/*
 * The Session is gone: sees that the engine runs until there is another, or nothing is held. At least
 * once, for the engine may not have noticed yet.
 */
static void bring_up(struct at_process *p, const struct at_warden *w, bool is_news)
{
    struct at_waiter waiter = {0};

    while (!w->over && p->locks->count > 0 &&
           (is_news || at_engine_lifeline(&p->locks->session) < 0)) {
        is_news = false;
        if (p->watched) {
            at_process_park(p, &waiter, at_now_ns() + LOOK_AGAIN_NS);
        } else {
            at_process_watch(p, 0);
        }
    }
    if (!at_process_pass_watch(p) && p->serve != NULL && !p->watched) {
        at_serve_kick(p); /* a thread that serves parked because we watched */
    }
}

static void *run(void *user)
{
    struct at_process *p = user;
    struct at_warden *w;

    at_process_lock(p);
    w = p->locks->warden;
    while (!w->over) {
        bool is_news = sleep_well(p, w);

        bring_up(p, w, is_news);
    }
    at_process_unlock(p);
    return NULL;
}

/* Signals are for the program's own threads. */
static int make_thread(struct at_process *p, struct at_warden *w)
{
    pthread_attr_t attr;
    sigset_t all;
    sigset_t old;
    int r;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES);
    r = pthread_create(&w->thread, &attr, run, p);
    (void)pthread_attr_destroy(&attr);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return r;
}

void at_warden_need(struct at_process *p)
{
    struct at_warden *w = p->locks->warden;

    if (w != NULL) {
        if (w->idle) {
            ring(w);
        }
        return;
    }
    w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return;
    }
    w->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->locks->warden = w;
    if (w->bell < 0 || make_thread(p, w) != 0) {
        p->locks->warden = NULL;
        at_close(&w->bell);
        free(w);
    }
}

void at_warden_look(struct at_process *p)
{
    if (p->locks->warden != NULL) {
        ring(p->locks->warden);
    }
}

void at_warden_free(struct at_process *p)
{
    struct at_warden *w = p->locks == NULL ? NULL : p->locks->warden;

    if (w == NULL) {
        return;
    }
    at_process_lock(p);
    w->over = true;
    ring(w);
    at_process_ring(p); /* perhaps it watches */
    at_process_unlock(p);
    (void)pthread_join(w->thread, NULL);
    p->locks->warden = NULL;
    at_close(&w->bell);
    free(w);
}
