/* For the benches of this folder: pin, time, and one line of result. */
#ifndef AT_BENCH_MEASURE_H
#define AT_BENCH_MEASURE_H

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t bench_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
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

static inline int bench_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* "NAME median_ns=… p99_ns=… calls=…" */
static inline void bench_report(const char *name, uint64_t *samples, size_t n)
{
    if (n == 0) {
        printf("%s median_ns=0 p99_ns=0 calls=0\n", name);
        return;
    }
    qsort(samples, n, sizeof(*samples), bench_compare);
    printf("%s median_ns=%llu p99_ns=%llu calls=%zu\n", name, (unsigned long long)samples[n / 2],
           (unsigned long long)samples[n - 1 - n / 100], n);
    (void)fflush(stdout);
}

enum { BENCH_SAMPLES = 4 << 20 };

#endif
