#include "order/recovery.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <atoll/atoll.h>

#include "common/ask.h"
#include "order/calls.h"
#include "order/checkout.h"
#include "order/store.h"

enum {
    LOOK_EVERY_MS = 250,
    QUIET_MS = 1000, /* a resent request comes sooner, and goes on instead of undoing */
    AT_ONCE_MAX = 16,
    ROUND_MS = 1000, /* then who is first is asked anew: money may be owed by now */
    STEP_TIMEOUT_MS = 5000,
};

struct order_recovery {
    struct order_book *book;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool stop;
};

static void log_outcome(const struct order *o)
{
    static const char *const said[ORDER_STATES] = {
        [ORDER_DONE] = "finished",
        [ORDER_FAILED] = "undone",
    };

    (void)fprintf(stderr, "level=info event=checkout-taken-over checkout=%s result=\"%s\"\n", o->id,
                  said[o->state] != NULL ? said[o->state] : "not yet; trying again");
}

static bool is_final(const struct order *o)
{
    return o->state == ORDER_DONE || o->state == ORDER_FAILED;
}

/* With the lock of the checkout. */
static void take_over(struct order_recovery *rec, int64_t number)
{
    struct order_calls calls = {.book = rec->book, .call = atoll_call_new()};
    struct checkout_steps steps = order_calls_steps(&calls);
    struct order o;

    if (calls.call != NULL && order_reload(rec->book, number, &o) == 0 && !is_final(&o)) {
        atoll_call_set_timeout(calls.call, STEP_TIMEOUT_MS * UINT64_C(1000000));
        if (checkout_abandon(&o, &steps) == 0) {
            log_outcome(&o);
        }
    }
    atoll_call_free(calls.call);
}

/* Whatever came of it, and when somebody else is at it: the others are first next time. */
static void try_one(struct order_recovery *rec, int64_t number)
{
    int fd;

    if (order_lock(rec->book, number, &fd) == 0) {
        take_over(rec, number);
        (void)close(fd);
    }
    (void)order_touch(rec->book, number, shop_now_ms());
}

static bool must_stop(struct order_recovery *rec)
{
    bool stop;

    (void)pthread_mutex_lock(&rec->lock);
    stop = rec->stop;
    (void)pthread_mutex_unlock(&rec->lock);
    return stop;
}

static void rest(struct order_recovery *rec)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_EVERY_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    (void)pthread_mutex_lock(&rec->lock);
    while (!rec->stop && pthread_cond_timedwait(&rec->stopped, &rec->lock, &until) == 0) {
    }
    (void)pthread_mutex_unlock(&rec->lock);
}

static void *look(void *user)
{
    struct order_recovery *rec = user;
    int64_t found[AT_ONCE_MAX];
    size_t count;

    /* Rests first: the process says hello and ready in the meantime. */
    for (rest(rec); !must_stop(rec); rest(rec)) {
        int64_t began = shop_now_ms();

        if (order_orphans(rec->book, shop_now_ms(), QUIET_MS, found, AT_ONCE_MAX, &count) != 0) {
            continue;
        }
        for (size_t i = 0; i < count && !must_stop(rec) && shop_now_ms() - began < ROUND_MS; i++) {
            try_one(rec, found[i]);
        }
    }
    return NULL;
}

int order_recovery_start(struct order_book *book, struct order_recovery **ret)
{
    struct order_recovery *rec = calloc(1, sizeof(*rec));
    int r;

    if (rec == NULL) {
        return -ENOMEM;
    }
    rec->book = book;
    (void)pthread_mutex_init(&rec->lock, NULL);
    (void)pthread_cond_init(&rec->stopped, NULL);
    r = pthread_create(&rec->thread, NULL, look, rec);
    if (r != 0) {
        free(rec);
        return -r;
    }
    *ret = rec;
    return 0;
}

void order_recovery_stop(struct order_recovery *rec)
{
    (void)pthread_mutex_lock(&rec->lock);
    rec->stop = true;
    (void)pthread_cond_broadcast(&rec->stopped);
    (void)pthread_mutex_unlock(&rec->lock);
    (void)pthread_join(rec->thread, NULL);
    (void)pthread_cond_destroy(&rec->stopped);
    (void)pthread_mutex_destroy(&rec->lock);
    free(rec);
}
