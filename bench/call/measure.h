/*
 * For the programs of this folder, C and C++: what is asked of one, pinning, time, CPU time of all
 * who take part, and one line of result.
 *
 * Every program is PROGRAM BYTES CPU-CLIENT CPU-SERVER MILLISECONDS [FLIGHT]: one client, one
 * server, FLIGHT calls outstanding. The first fifth of the time warms up and counts nowhere.
 */
#ifndef AT_BENCH_MEASURE_H
#define AT_BENCH_MEASURE_H

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { BENCH_SAMPLES = 4 << 20, BENCH_OTHERS = 4, BENCH_GRACE_SECONDS = 20 };

struct bench_plan {
    size_t bytes;
    int cpu_client; /* < 0: anywhere */
    int cpu_server;
    uint64_t ms;
    size_t flight;
};

struct bench_meter {
    uint64_t warm; /* when measuring begins, when it ends */
    uint64_t end;
    uint64_t wall_begin; /* 0: still warming up */
    uint64_t wall_end;
    uint64_t cpu_begin;
    uint64_t cpu_end;
    uint64_t calls;
    uint32_t *samples;
    size_t n;
    pid_t others[BENCH_OTHERS]; /* whose CPU time counts beside this process's */
    size_t other_count;
};

static inline uint64_t bench_clock(clockid_t clock)
{
    struct timespec t;

    if (clock_gettime(clock, &t) != 0) {
        return 0;
    }
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static inline uint64_t bench_now(void)
{
    return bench_clock(CLOCK_MONOTONIC);
}

/* cpu < 0: anywhere. */
static inline void bench_pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    if (cpu >= 0) {
        CPU_SET((size_t)cpu, &set);
        if (sched_setaffinity(0, sizeof(set), &set) != 0) {
            perror("sched_setaffinity");
            exit(1);
        }
    }
}

/* What `perf report --sort comm` shows. */
static inline void bench_name(const char *name)
{
    (void)prctl(PR_SET_NAME, name);
}

/* Nobody waits for ever: the process ends by itself some time after the trial should have. */
static inline void bench_bound(uint64_t ms)
{
    (void)alarm((unsigned)(ms / 1000 + BENCH_GRACE_SECONDS));
}

/* The same for a child, which also goes when its parent goes. */
static inline void bench_bound_child(uint64_t ms)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    bench_bound(ms);
}

static inline bool bench_plan_read(int argc, char **argv, struct bench_plan *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (argc < 5) {
        (void)fprintf(stderr, "%s BYTES CPU-CLIENT CPU-SERVER MILLISECONDS [FLIGHT]\n", argv[0]);
        return false;
    }
    ret->bytes = strtoul(argv[1], NULL, 10);
    ret->cpu_client = (int)strtol(argv[2], NULL, 10);
    ret->cpu_server = (int)strtol(argv[3], NULL, 10);
    ret->ms = strtoul(argv[4], NULL, 10);
    ret->flight = argc > 5 ? strtoul(argv[5], NULL, 10) : 1;
    if (ret->bytes == 0 || ret->ms == 0 || ret->flight == 0) {
        (void)fprintf(stderr, "%s: BYTES, MILLISECONDS and FLIGHT are at least 1\n", argv[0]);
        return false;
    }
    return true;
}

static inline bool bench_meter_init(struct bench_meter *m)
{
    memset(m, 0, sizeof(*m));
    m->samples = (uint32_t *)malloc(BENCH_SAMPLES * sizeof(*m->samples));
    if (m->samples == NULL) {
        return false;
    }
    memset(m->samples, 1, BENCH_SAMPLES * sizeof(*m->samples)); /* no page faults later */
    return true;
}

/* The CPU time of this process counts too. */
static inline void bench_meter_also(struct bench_meter *m, pid_t pid)
{
    if (pid > 0 && m->other_count < BENCH_OTHERS) {
        m->others[m->other_count++] = pid;
    }
}

static inline uint64_t bench_meter_cpu(const struct bench_meter *m)
{
    uint64_t sum = bench_clock(CLOCK_PROCESS_CPUTIME_ID);

    for (size_t i = 0; i < m->other_count; i++) {
        clockid_t clock;

        if (clock_getcpuclockid(m->others[i], &clock) == 0) {
            sum += bench_clock(clock);
        }
    }
    return sum;
}

static inline void bench_meter_start(struct bench_meter *m, uint64_t ms)
{
    uint64_t now = bench_now();

    m->warm = now + ms * 200000U;
    m->end = now + ms * 1000000U;
}

/* One call lasted from a to b. False: time is up, begin no other. */
static inline bool bench_meter_note(struct bench_meter *m, uint64_t a, uint64_t b)
{
    uint64_t took = b - a;

    if (m->wall_begin == 0) {
        if (b >= m->warm) {
            m->cpu_begin = bench_meter_cpu(m);
            m->wall_begin = bench_now();
        }
        return true;
    }
    if (m->wall_end != 0) {
        return false;
    }
    m->calls++;
    if (m->n < BENCH_SAMPLES) {
        m->samples[m->n++] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    }
    if (b < m->end) {
        return true;
    }
    m->wall_end = b;
    m->cpu_end = bench_meter_cpu(m);
    return false;
}

static inline int bench_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* The line "NAME median_ns=… p99_ns=… calls=… cpu_ns=… rate=…", without its end. */
static inline void bench_meter_report(const char *name, struct bench_meter *m)
{
    uint64_t calls = m->calls > 0 ? m->calls : 1;
    uint64_t wall = m->wall_end > m->wall_begin ? m->wall_end - m->wall_begin : 1;
    size_t n = m->n;

    qsort(m->samples, n, sizeof(*m->samples), bench_compare);
    printf("%s median_ns=%u p99_ns=%u calls=%llu cpu_ns=%.0f rate=%.0f", name,
           n == 0 ? 0 : m->samples[n / 2], n == 0 ? 0 : m->samples[n - 1 - n / 100],
           (unsigned long long)m->calls, (double)(m->cpu_end - m->cpu_begin) / (double)calls,
           (double)m->calls * 1e9 / (double)wall);
    free(m->samples);
}

#endif
