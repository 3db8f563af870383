/*
 * Sings before each trial: is the machine as it was, and ours alone? In some ten milliseconds,
 *
 *   canary CPU-A CPU-B   prints "canary waited_percent=… spin_ns=… eventfd_ns=… pingpong_ns=…"
 *
 * waited    how much of some milliseconds of work on both CPUs was spent waiting for the CPU, by the
 *           scheduler's own account, on the worse of the two: is there a neighbour?
 * spin      the time of a loop of fixed work meanwhile, on CPU-A: the clock of the core
 * eventfd   a round trip of two threads on CPU-A over eventfds: system calls and switches
 * pingpong  a round trip of one word between CPU-A and CPU-B, both spinning: are the two cores
 *           siblings, neighbours, or far apart today? 0 when they are the same CPU.
 *
 * Times are medians of some turns.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "measure.h"

enum { TURNS = 9, WORK = 20000, WORK_TURNS = 120, BELLS = 60, WORDS = 300 };

/* What one thread found. */
struct song {
    uint32_t times[WORK_TURNS]; /* ns */
    double waited_percent;
};

struct bird {
    int cpu;
    int up;
    int down;
    struct song song;
    _Alignas(128) _Atomic uint32_t ping;
    _Alignas(128) _Atomic uint32_t pong;
};

static uint32_t median(uint32_t *times, size_t n)
{
    qsort(times, n, sizeof(*times), bench_compare);
    return times[n / 2];
}

/* ns that this thread was ready and did not run; 0 when the kernel does not tell. */
static uint64_t waited(void)
{
    FILE *f = fopen("/proc/thread-self/schedstat", "re");
    char line[128] = "";
    char *rest = line;
    uint64_t found;

    if (f == NULL) {
        return 0;
    }
    if (fgets(line, sizeof(line), f) == NULL) {
        line[0] = '\0';
    }
    (void)fclose(f);
    (void)strtoull(line, &rest, 10); /* the time it ran */
    found = strtoull(rest, NULL, 10);
    return found;
}

static uint32_t spin(void)
{
    uint64_t begin = bench_now();
    uint64_t x = begin | 1;

    for (int i = 0; i < WORK; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        __asm__ volatile("" : "+r"(x));
    }
    return (uint32_t)(bench_now() - begin);
}

static void *work(void *user)
{
    struct bird *b = user;
    uint64_t waited_before;
    uint64_t begin;

    bench_pin(b->cpu);
    waited_before = waited();
    begin = bench_now();
    for (int i = 0; i < WORK_TURNS; i++) {
        b->song.times[i] = spin();
    }
    b->song.waited_percent =
        100.0 * (double)(waited() - waited_before) / (double)(bench_now() - begin);
    return NULL;
}

static void *answer_words(void *user)
{
    struct bird *b = user;

    bench_pin(b->cpu);
    for (uint32_t i = 1; i <= TURNS * WORDS; i++) {
        while (atomic_load_explicit(&b->ping, memory_order_acquire) != i) {
        }
        atomic_store_explicit(&b->pong, i, memory_order_release);
    }
    return NULL;
}

static void *answer_bells(void *user)
{
    struct bird *b = user;
    uint64_t one = 1;

    bench_pin(b->cpu);
    for (int i = 0; i < TURNS * BELLS; i++) {
        if (read(b->up, &one, sizeof(one)) < 0 || write(b->down, &one, sizeof(one)) < 0) {
            exit(1);
        }
    }
    return NULL;
}

static uint32_t ask_words(struct bird *b)
{
    uint32_t times[TURNS];
    uint32_t i = 0;

    for (int turn = 0; turn < TURNS; turn++) {
        uint64_t begin = bench_now();

        for (int k = 0; k < WORDS; k++) {
            atomic_store_explicit(&b->ping, ++i, memory_order_release);
            while (atomic_load_explicit(&b->pong, memory_order_acquire) != i) {
            }
        }
        times[turn] = (uint32_t)((bench_now() - begin) / WORDS);
    }
    return median(times, TURNS);
}

static uint32_t ask_bells(struct bird *b)
{
    uint32_t times[TURNS];
    uint64_t one = 1;

    for (int turn = 0; turn < TURNS; turn++) {
        uint64_t begin = bench_now();

        for (int k = 0; k < BELLS; k++) {
            if (write(b->up, &one, sizeof(one)) < 0 || read(b->down, &one, sizeof(one)) < 0) {
                exit(1);
            }
        }
        times[turn] = (uint32_t)((bench_now() - begin) / BELLS);
    }
    return median(times, TURNS);
}

static pthread_t start(void *(*body)(void *user), struct bird *b)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, body, b) != 0) {
        exit(1);
    }
    return thread;
}

int main(int argc, char **argv)
{
    struct bird a = {.up = eventfd(0, EFD_CLOEXEC), .down = eventfd(0, EFD_CLOEXEC)};
    struct bird b = {.up = -1, .down = -1};
    uint32_t bells;
    uint32_t words = 0;
    pthread_t other;

    if (argc < 3 || a.up < 0 || a.down < 0) {
        (void)fprintf(stderr, "canary CPU-A CPU-B\n");
        return 2;
    }
    a.cpu = (int)strtol(argv[1], NULL, 10);
    b.cpu = (int)strtol(argv[2], NULL, 10);
    bench_bound(0);
    bench_pin(a.cpu);
    if (a.cpu != b.cpu) {
        other = start(answer_words, &b);
        words = ask_words(&b);
        (void)pthread_join(other, NULL);
        other = start(work, &b);
        (void)work(&a);
        (void)pthread_join(other, NULL);
    } else {
        (void)work(&a);
    }
    other = start(answer_bells, &a);
    bells = ask_bells(&a);
    (void)pthread_join(other, NULL);
    printf("canary waited_percent=%.1f spin_ns=%u eventfd_ns=%u pingpong_ns=%u\n",
           a.song.waited_percent > b.song.waited_percent ? a.song.waited_percent
                                                         : b.song.waited_percent,
           median(a.song.times, WORK_TURNS), bells, words);
    return 0;
}
