/*
 * Load on one method: how many calls, when each is due, how long each took. What carries the calls
 * (a channel, the gateway's HTTP) is a struct of functions.
 *
 * Closed loop: `concurrency` calls are always under way. Open loop: calls are due at times of a
 * Poisson process whatever becomes of those before them, and each is timed from when it was due, so
 * that a service that stalls is charged for everybody who would have waited meanwhile.
 *
 * One thread. Times are CLOCK_MONOTONIC ns.
 */
#ifndef AT_CLI_BENCH_LOAD_H
#define AT_CLI_BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"

enum {
    AT_BENCH_SLOTS_MAX = 65536, /* calls under way: each has a context of 10 KiB */
    AT_BENCH_STATUSES = 17,     /* gRPC's */
    AT_BENCH_REASON_MAX = 512,
};

struct at_bench_load {
    double rate;          /* calls per second, open loop; 0: closed */
    uint32_t concurrency; /* closed: always under way; open: at most */
    uint64_t duration_ns;
    uint64_t seed; /* of the times of the open loop */
};

struct at_bench_result {
    struct at_histogram latency; /* of calls that ended OK */
    uint64_t calls;              /* that ended */
    uint64_t statuses[AT_BENCH_STATUSES];
    uint64_t unsent; /* open loop: due, but as many as allowed were under way until the end */
    uint64_t lost;   /* no end came within the deadline and a second more */
    uint64_t took_ns;
    char reason[AT_BENCH_REASON_MAX]; /* of the first failure; empty: none */
};

struct at_bench_run;

/* How calls travel. Slots are numbered from 0. */
struct at_bench_way {
    const char *name; /* "channel" */
    void *user;
    /* Begins the slot's call; its end is told by at_bench_ended() inside turn(), or inside start()
     * when it fails at once. */
    void (*start)(void *user, struct at_bench_run *run, uint32_t slot);
    /* Sleeps until a call ends or until_ns; told all that ended. exact: until_ns matters to the
     * microsecond. False: it cannot go on. */
    bool (*turn)(void *user, struct at_bench_run *run, uint64_t until_ns, bool exact);
};

/* For ways: the slot's call ended with this status; reason may be NULL. */
void at_bench_ended(struct at_bench_run *run, uint32_t slot, int status, const char *reason);

/*
 * Runs the load and waits for what is under way, at most patience_ns longer than the duration. 0 and
 * *ret; -ENOMEM; -EIO: the way could not go on.
 */
int at_bench_run_load(const struct at_bench_way *way, const struct at_bench_load *load,
                      uint64_t patience_ns, struct at_bench_result *ret);

/* The next gap of a Poisson process of that many a second, in ns; state: any seed. Pure. */
double at_bench_gap(uint64_t *state, double rate);

#endif
