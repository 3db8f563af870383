/*
 * Many clients of one server, each a process: what the crowd over libatoll and the raw one share.
 *
 * Every client connects, makes one call that counts nowhere, and waits for the start. Then it calls
 * at its own fixed times: client i of N at start + (k + i / N) * N / RATE seconds. It never calls
 * earlier to catch up, and a call that begins late is counted from its intended time as well.
 */
#ifndef AT_BENCH_CROWD_H
#define AT_BENCH_CROWD_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "measure.h"

enum { CROWD_MAX = 1000, CROWD_SETUP_MS = 60000, CROWD_SPARE_CALLS = 4 };

struct crowd_plan {
    size_t clients;
    uint64_t rate; /* calls a second, all clients together */
    struct bench_plan trial;
};

/* Times of one client's calls, in ns. */
struct crowd_sample {
    uint32_t took; /* since it called */
    uint32_t late; /* since it should have called */
};

struct crowd {
    _Atomic uint32_t ready;
    _Atomic uint32_t go; /* a futex */
    _Atomic uint32_t done;
    _Atomic uint32_t failed;
    _Atomic uint64_t cpu_ns; /* of the clients, since the start */
    uint64_t server_cpu_ns;
    uint64_t start_ns;
    size_t per_client;
    _Atomic uint32_t calls[CROWD_MAX];
    struct crowd_sample samples[];
};

static inline void *crowd_share(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return at == MAP_FAILED ? NULL : at;
}

static inline bool crowd_plan_read(int argc, char **argv, struct crowd_plan *ret)
{
    if (argc < 7) {
        (void)fprintf(stderr, "%s N RATE BYTES CPU-CLIENTS CPU-SERVER MILLISECONDS\n", argv[0]);
        return false;
    }
    ret->clients = strtoul(argv[1], NULL, 10);
    ret->rate = strtoul(argv[2], NULL, 10);
    return bench_plan_read(argc - 2, argv + 2, &ret->trial) && ret->rate > 0 && ret->clients > 0 &&
           ret->clients <= CROWD_MAX;
}

/* Some descriptors for each of a thousand channels. */
static inline void crowd_raise_files(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* Room for everybody's descriptors, and the page that all share; before any fork. */
static inline struct crowd *crowd_new(const struct crowd_plan *plan)
{
    size_t per_client =
        (size_t)(plan->rate * plan->trial.ms / 1000 / plan->clients) + CROWD_SPARE_CALLS;
    struct crowd *crowd = (struct crowd *)crowd_share(
        sizeof(*crowd) + plan->clients * per_client * sizeof(crowd->samples[0]));

    crowd_raise_files();
    if (crowd != NULL) {
        crowd->per_client = per_client;
    }
    bench_bound(plan->trial.ms + CROWD_SETUP_MS);
    return crowd;
}

static inline void crowd_futex(_Atomic uint32_t *word, int op, uint32_t value)
{
    (void)syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

/* Says that this client is set up, and waits until all are. */
static inline void crowd_await_start(struct crowd *crowd)
{
    atomic_fetch_add(&crowd->ready, 1);
    while (atomic_load(&crowd->go) == 0) {
        crowd_futex(&crowd->go, FUTEX_WAIT, 0);
    }
}

static inline void crowd_sleep_until(uint64_t ns)
{
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000U), .tv_nsec = (long)(ns % 1000000000U)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0) {
    }
}

/* One client's life after its channel is open. */
static inline bool crowd_keep_pace(struct crowd *crowd, const struct crowd_plan *plan, size_t index,
                                   bool (*ask)(void *user), void *user)
{
    struct crowd_sample *mine = &crowd->samples[index * crowd->per_client];
    uint64_t period = plan->clients * 1000000000U / plan->rate;
    uint64_t at = crowd->start_ns + period * index / plan->clients;
    uint64_t end = crowd->start_ns + plan->trial.ms * 1000000U;
    uint32_t n = 0;

    for (; at < end && n < crowd->per_client; at += period) {
        uint64_t begun;
        uint64_t ended;

        crowd_sleep_until(at);
        begun = bench_now();
        if (!ask(user)) {
            return false;
        }
        ended = bench_now();
        mine[n++] = (struct crowd_sample){.took = (uint32_t)(ended - begun),
                                          .late = (uint32_t)(ended - at)};
        atomic_store_explicit(&crowd->calls[index], n, memory_order_relaxed);
    }
    return true;
}

/* The child's main: an exit code. */
static inline int crowd_ask(struct crowd *crowd, const struct crowd_plan *plan, size_t index,
                            bool (*ask)(void *user), void *user)
{
    uint64_t cpu;
    bool good;

    bench_bound_child(plan->trial.ms + CROWD_SETUP_MS);
    bench_pin(plan->trial.cpu_client);
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    if (!ask(user)) {
        atomic_fetch_add(&crowd->failed, 1);
        return 1;
    }
    crowd_await_start(crowd);
    cpu = bench_clock(CLOCK_PROCESS_CPUTIME_ID);
    good = crowd_keep_pace(crowd, plan, index, ask, user);
    atomic_fetch_add(&crowd->cpu_ns, bench_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    atomic_fetch_add(good ? &crowd->done : &crowd->failed, 1);
    return good ? 0 : 1;
}

static inline uint64_t crowd_cpu_of(pid_t pid)
{
    clockid_t clock;

    return clock_getcpuclockid(pid, &clock) == 0 ? bench_clock(clock) : 0;
}

/* Waits until the counter says n; runs turn (a part of a second) meanwhile. False: too late, or failed. */
static inline bool crowd_await(const struct crowd *crowd, const _Atomic uint32_t *counter, size_t n,
                               uint64_t ms, void (*turn)(void *user), void *user)
{
    uint64_t end = bench_now() + ms * 1000000U;

    while (atomic_load(counter) < n) {
        if (atomic_load(&crowd->failed) > 0 || bench_now() > end) {
            (void)fprintf(stderr, "crowd: %u of %zu after %llu ms, %u failed\n",
                          atomic_load(counter), n, (unsigned long long)ms,
                          atomic_load(&crowd->failed));
            return false;
        }
        if (turn != NULL) {
            turn(user);
        } else {
            (void)usleep(10000);
        }
    }
    return true;
}

/* Until all clients are set up, then starts them, then until all are done. */
static inline bool crowd_wait(struct crowd *crowd, const struct crowd_plan *plan, pid_t server,
                              void (*turn)(void *user), void *user)
{
    uint64_t cpu;

    if (!crowd_await(crowd, &crowd->ready, plan->clients, CROWD_SETUP_MS, turn, user)) {
        return false;
    }
    crowd->start_ns = bench_now() + 50000000U;
    cpu = crowd_cpu_of(server);
    atomic_store(&crowd->go, 1);
    crowd_futex(&crowd->go, FUTEX_WAKE, INT32_MAX);
    if (!crowd_await(crowd, &crowd->done, plan->clients, 2 * plan->trial.ms + 10000, turn, user)) {
        return false;
    }
    crowd->server_cpu_ns = crowd_cpu_of(server) - cpu;
    return true;
}

/* Prints the line of the whole crowd; the first fifth of each client's calls warms up. */
static inline int crowd_report(const char *name, const struct crowd *crowd,
                               const struct crowd_plan *plan)
{
    size_t room = plan->clients * crowd->per_client;
    uint32_t *took = (uint32_t *)malloc(room * sizeof(*took));
    uint32_t *late = (uint32_t *)malloc(room * sizeof(*late));
    size_t all = 0;
    size_t n = 0;

    if (took == NULL || late == NULL) {
        free(took);
        free(late);
        return 1;
    }
    for (size_t i = 0; i < plan->clients; i++) {
        uint32_t calls = atomic_load(&crowd->calls[i]);

        all += calls;
        for (uint32_t k = calls / 5; k < calls; k++) {
            took[n] = crowd->samples[i * crowd->per_client + k].took;
            late[n++] = crowd->samples[i * crowd->per_client + k].late;
        }
    }
    if (n > 0) {
        qsort(took, n, sizeof(*took), bench_compare);
        qsort(late, n, sizeof(*late), bench_compare);
        printf("%s median_ns=%u p99_ns=%u late_median_ns=%u late_p99_ns=%u calls=%zu cpu_ns=%.0f "
               "server_cpu_ns=%.0f\n",
               name, took[n / 2], took[n - 1 - n / 100], late[n / 2], late[n - 1 - n / 100], n,
               (double)(crowd->cpu_ns + crowd->server_cpu_ns) / (double)all,
               (double)crowd->server_cpu_ns / (double)all);
    }
    free(took);
    free(late);
    return n > 0 && fflush(stdout) == 0 ? 0 : 1;
}

/* Ends processes that we started, all at once, and waits for them. */
static inline void crowd_end(const pid_t *pids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (pids[i] > 0) {
            (void)kill(pids[i], SIGKILL);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (pids[i] > 0) {
            (void)waitpid(pids[i], NULL, 0);
        }
    }
}

#endif
