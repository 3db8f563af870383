/*
 * The yardsticks of a call: two processes, shared memory, and one way to wake each other. Nothing
 * else: no header, no check, no deadline, no encoding. A message is copied in by who sends it and
 * copied out by who gets it.
 *
 *   cell CELL BYTES CPU-CLIENT CPU-SERVER MILLISECONDS
 *
 * CELL is how the other side is waited for and woken: 0 it spins; 3 a futex; 5 it spins a little
 * (not where both share a CPU), yields a little, then a futex; 6 an eventfd each way, read; 7 eventfds under edge-triggered
 * epoll, never read.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "measure.h"

enum { ROOM = (1 << 20) + 64, SPINS = 200, YIELDS = 20 };

struct side {
    _Alignas(128) _Atomic uint32_t seq;
    _Alignas(128) _Atomic uint32_t asleep; /* cell 5: who reads this side sleeps, wake it */
    _Alignas(128) char room[ROOM];
};

/* One end: writes to its own side, reads the other. */
struct end {
    struct side *mine;
    struct side *theirs;
    char *message;
    size_t bytes;
    uint32_t seen;
    int spins; /* before it yields */
    int ring;  /* eventfd that wakes the other end */
    int bell;  /* the one that wakes this end */
    int epoll; /* with bell in it */
};

struct way {
    const char *number;
    void (*wake)(struct end *e);
    void (*await)(struct end *e);
};

static void pause_cpu(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static bool is_there(const struct end *e)
{
    return atomic_load_explicit(&e->theirs->seq, memory_order_acquire) != e->seen;
}

static void futex(_Atomic uint32_t *word, int op, uint32_t value)
{
    (void)syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

static void wake_nobody(struct end *e)
{
    (void)e;
}

static void await_spinning(struct end *e)
{
    while (!is_there(e)) {
        pause_cpu();
    }
}

static void wake_futex(struct end *e)
{
    futex(&e->mine->seq, FUTEX_WAKE, 1);
}

static void await_futex(struct end *e)
{
    while (!is_there(e)) {
        futex(&e->theirs->seq, FUTEX_WAIT, e->seen);
    }
}

static void wake_sleeper(struct end *e)
{
    if (atomic_load(&e->mine->asleep) != 0) {
        futex(&e->mine->seq, FUTEX_WAKE, 1);
    }
}

static void await_patiently(struct end *e)
{
    for (int i = 0; i < e->spins && !is_there(e); i++) {
        pause_cpu();
    }
    for (int i = 0; i < YIELDS && !is_there(e); i++) {
        (void)sched_yield();
    }
    /* The word lies in the other's side only because both sides are one mapping here. */
    while (!is_there(e)) {
        atomic_store(&e->theirs->asleep, 1);
        futex(&e->theirs->seq, FUTEX_WAIT, e->seen);
        atomic_store(&e->theirs->asleep, 0);
    }
}

static void wake_eventfd(struct end *e)
{
    uint64_t one = 1;

    while (write(e->ring, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

static void await_eventfd(struct end *e)
{
    uint64_t count;

    while (!is_there(e)) {
        if (read(e->bell, &count, sizeof(count)) < 0 && errno != EINTR) {
            _exit(1);
        }
    }
}

static void await_epoll(struct end *e)
{
    struct epoll_event event;

    while (!is_there(e)) {
        (void)epoll_wait(e->epoll, &event, 1, -1);
    }
}

static const struct way ways[] = {
    {"0", wake_nobody, await_spinning},   {"3", wake_futex, await_futex},
    {"5", wake_sleeper, await_patiently}, {"6", wake_eventfd, await_eventfd},
    {"7", wake_eventfd, await_epoll},
};

static void put(struct end *e, const struct way *way)
{
    memcpy(e->mine->room, e->message, e->bytes);
    atomic_fetch_add(&e->mine->seq, 1);
    way->wake(e);
}

static void get(struct end *e, const struct way *way)
{
    way->await(e);
    e->seen++;
    memcpy(e->message, e->theirs->room, e->bytes);
}

static bool open_end(struct end *e, struct side *mine, struct side *theirs, const int *bells)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};

    e->mine = mine;
    e->theirs = theirs;
    e->ring = bells[0];
    e->bell = bells[1];
    e->epoll = epoll_create1(EPOLL_CLOEXEC);
    e->message = malloc(ROOM);
    if (e->epoll < 0 || e->message == NULL || epoll_ctl(e->epoll, EPOLL_CTL_ADD, e->bell, &event)) {
        return false;
    }
    memset(e->message, 'x', ROOM);
    return true;
}

static int spins_for(const struct bench_plan *plan)
{
    return plan->cpu_client >= 0 && plan->cpu_client == plan->cpu_server ? 0 : SPINS;
}

static void serve(struct side *sides, const int *bells, const struct bench_plan *plan,
                  const struct way *way)
{
    struct end e = {.bytes = plan->bytes, .spins = spins_for(plan)};

    bench_bound_child(plan->ms);
    bench_pin(plan->cpu_server);
    if (!open_end(&e, &sides[1], &sides[0], (int[]){bells[1], bells[0]})) {
        _exit(1);
    }
    for (;;) {
        get(&e, way);
        put(&e, way);
    }
}

static bool ask(struct side *sides, const int *bells, const struct bench_plan *plan,
                const struct way *way, pid_t server)
{
    struct end e = {.bytes = plan->bytes, .spins = spins_for(plan)};
    struct bench_meter meter;
    char name[16];
    uint64_t a;
    uint64_t b;

    bench_pin(plan->cpu_client);
    if (!bench_meter_init(&meter) || !open_end(&e, &sides[0], &sides[1], bells)) {
        return false;
    }
    bench_meter_also(&meter, server);
    bench_meter_start(&meter, plan->ms);
    b = bench_now();
    do {
        a = b;
        put(&e, way);
        get(&e, way);
        b = bench_now();
    } while (bench_meter_note(&meter, a, b));
    (void)snprintf(name, sizeof(name), "cell%s", way->number);
    bench_meter_report(name, &meter);
    printf("\n");
    return fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    const struct way *way = NULL;
    struct bench_plan plan;
    struct side *sides;
    int bells[2];
    bool good;
    pid_t pid;

    for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++) {
        way = strcmp(ways[i].number, argv[1]) == 0 ? &ways[i] : way;
    }
    if (way == NULL) {
        (void)fprintf(stderr, "cell 0|3|5|6|7 BYTES CPU-CLIENT CPU-SERVER MILLISECONDS\n");
        return 2;
    }
    if (!bench_plan_read(argc - 1, argv + 1, &plan) || plan.bytes > ROOM) {
        return 2;
    }
    sides =
        mmap(NULL, 2 * sizeof(*sides), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bells[0] = eventfd(0, EFD_CLOEXEC);
    bells[1] = eventfd(0, EFD_CLOEXEC);
    if (sides == MAP_FAILED || bells[0] < 0 || bells[1] < 0) {
        return 1;
    }
    bench_bound(plan.ms);
    pid = fork();
    if (pid == 0) {
        serve(sides, bells, &plan, way);
    }
    good = pid > 0 && ask(sides, bells, &plan, way, pid);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    return good ? 0 : 1;
}
