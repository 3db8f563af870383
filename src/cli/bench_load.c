/* See bench_load.h. */
#include "cli/bench_load.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/histogram.h"

enum {
    BACKLOG_MAX = 1 << 20, /* calls that are due and wait for a free slot */
    BURST_MAX = 256,       /* calls begun in a row before those that ended are looked at */
};

struct at_bench_run {
    const struct at_bench_way *way;
    const struct at_bench_load *load;
    struct at_bench_result *result;
    uint64_t *due_ns; /* of each slot's call */
    uint32_t *free;   /* slots without a call */
    uint32_t free_count;
    uint64_t end_ns; /* nothing is begun after it */
    /* open loop */
    uint64_t random;
    double next_ns;    /* when the next call is due */
    uint64_t *backlog; /* due times, a ring */
    uint32_t backlog_first;
    uint32_t backlog_count;
};

double at_bench_gap(uint64_t *state, double rate)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    double u;

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    u = ((double)(z >> 11) + 1) / 9007199254740993.0; /* in (0, 1] */
    return -log(u) * 1e9 / rate;
}

static void begin(struct at_bench_run *run, uint64_t due_ns)
{
    uint32_t slot = run->free[--run->free_count];

    run->due_ns[slot] = due_ns;
    run->way->start(run->way->user, run, slot);
}

void at_bench_ended(struct at_bench_run *run, uint32_t slot, int status, const char *reason)
{
    struct at_bench_result *r = run->result;
    uint64_t now = at_now_ns();

    r->calls++;
    r->statuses[status >= 0 && status < AT_BENCH_STATUSES ? status : 2]++;
    if (status == 0) {
        at_histogram_add(&r->latency, now > run->due_ns[slot] ? now - run->due_ns[slot] : 0);
    } else if (r->reason[0] == '\0' && reason != NULL) {
        (void)snprintf(r->reason, sizeof(r->reason), "%s", reason);
    }
    run->free[run->free_count++] = slot;
}

/* Calls that are due go into the backlog. */
static void collect_due(struct at_bench_run *run, uint64_t now)
{
    uint64_t *backlog = run->backlog;

    if (backlog == NULL) {
        return; /* a closed loop's */
    }
    while (run->next_ns <= (double)now && run->next_ns < (double)run->end_ns) {
        if (run->backlog_count == BACKLOG_MAX) {
            run->result->unsent++;
        } else {
            backlog[(run->backlog_first + run->backlog_count++) % BACKLOG_MAX] =
                (uint64_t)run->next_ns;
        }
        run->next_ns += at_bench_gap(&run->random, run->load->rate);
    }
}

/* From the backlog into free slots. */
static void feed_open(struct at_bench_run *run, uint64_t now)
{
    const uint64_t *backlog = run->backlog;

    collect_due(run, now);
    for (int i = 0; i < BURST_MAX && run->backlog_count > 0 && run->free_count > 0; i++) {
        uint64_t due = backlog[run->backlog_first];

        run->backlog_first = (run->backlog_first + 1) % BACKLOG_MAX;
        run->backlog_count--;
        begin(run, due);
    }
}

static void feed_closed(struct at_bench_run *run, uint64_t now)
{
    for (uint32_t i = 0; i < BURST_MAX && run->free_count > 0; i++) {
        begin(run, i == 0 ? now : at_now_ns());
    }
}

/* Until when the way may sleep. */
static uint64_t sleep_limit(const struct at_bench_run *run, uint64_t now)
{
    bool open = run->load->rate > 0;

    if (run->free_count > 0 && (!open || run->backlog_count > 0)) {
        return now; /* there is something to begin */
    }
    if (open && run->next_ns < (double)run->end_ns) {
        return (uint64_t)run->next_ns;
    }
    return run->end_ns;
}

static int drive(struct at_bench_run *run, uint64_t patience_ns)
{
    bool open = run->load->rate > 0;
    uint64_t now = at_now_ns();
    uint32_t slots = run->load->concurrency;

    while (now < run->end_ns) {
        if (open) {
            feed_open(run, now);
        } else {
            feed_closed(run, now);
        }
        if (!run->way->turn(run->way->user, run, sleep_limit(run, now), open)) {
            return -EIO;
        }
        now = at_now_ns();
    }
    if (open) {
        feed_open(run, run->end_ns); /* what the last turn slept through was due as well */
    }
    run->result->unsent += run->backlog_count;
    while (run->free_count < slots && now < run->end_ns + patience_ns) {
        if (!run->way->turn(run->way->user, run, run->end_ns + patience_ns, false)) {
            return -EIO;
        }
        now = at_now_ns();
    }
    run->result->lost = slots - run->free_count;
    return 0;
}

int at_bench_run_load(const struct at_bench_way *way, const struct at_bench_load *load,
                      uint64_t patience_ns, struct at_bench_result *ret)
{
    struct at_bench_run run = {.way = way,
                               .load = load,
                               .result = ret,
                               .random = load->seed,
                               .free_count = load->concurrency};
    uint64_t begun;
    int r = -ENOMEM;

    memset(ret, 0, sizeof(*ret));
    run.due_ns = calloc(load->concurrency, sizeof(*run.due_ns));
    run.free = calloc(load->concurrency, sizeof(*run.free));
    run.backlog = load->rate > 0 ? calloc(BACKLOG_MAX, sizeof(*run.backlog)) : NULL;
    if (run.due_ns != NULL && run.free != NULL && (load->rate <= 0 || run.backlog != NULL)) {
        for (uint32_t i = 0; i < load->concurrency; i++) {
            run.free[i] = load->concurrency - 1 - i;
        }
        begun = at_now_ns();
        run.end_ns = begun + load->duration_ns;
        run.next_ns = (double)begun;
        if (load->rate > 0) {
            run.next_ns += at_bench_gap(&run.random, load->rate);
        }
        r = drive(&run, patience_ns);
        ret->took_ns = at_now_ns() - begun;
    }
    free(run.due_ns);
    free(run.free);
    free(run.backlog);
    return r;
}
