/*
 * Sings before each trial: is the machine as it was? In some ten milliseconds,
 *
 *   canary CPU-A CPU-B      prints "canary spin_ns=… eventfd_ns=… pingpong_ns=…"
 *
 * spin      the time of a loop of fixed work, the best of several: the clock of the core
 * eventfd   a round trip of two threads on CPU-A over eventfds: system calls and switches
 * pingpong  a round trip of one word between CPU-A and CPU-B, both spinning: are the two cores
 *           siblings, neighbours, or far apart today? 0 when they are the same CPU.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "measure.h"

enum { TURNS = 8, WORK = 20000, BELLS = 60, WORDS = 300 };

struct bird {
    int cpu;
    int up;
    int down;
    bool words; /* else eventfds */
    _Alignas(128) _Atomic uint32_t ping;
    _Alignas(128) _Atomic uint32_t pong;
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a == 0 || b < a ? b : a;
}

static uint64_t spin(void)
{
    uint64_t best = 0;

    for (int turn = 0; turn < TURNS; turn++) {
        uint64_t begin = bench_now();
        uint64_t x = begin | 1;

        for (int i = 0; i < WORK; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            __asm__ volatile("" : "+r"(x));
        }
        best = smaller(best, bench_now() - begin);
    }
    return best;
}

static void answer_words(struct bird *b)
{
    for (uint32_t i = 1; i <= TURNS * WORDS; i++) {
        while (atomic_load_explicit(&b->ping, memory_order_acquire) != i) {
        }
        atomic_store_explicit(&b->pong, i, memory_order_release);
    }
}

static void answer_bells(struct bird *b)
{
    uint64_t one = 1;

    for (int i = 0; i < TURNS * BELLS; i++) {
        if (read(b->up, &one, sizeof(one)) < 0 || write(b->down, &one, sizeof(one)) < 0) {
            exit(1);
        }
    }
}

static void *answer(void *user)
{
    struct bird *b = user;

    bench_pin(b->cpu);
    if (b->words) {
        answer_words(b);
    } else {
        answer_bells(b);
    }
    return NULL;
}

static uint64_t ask_words(struct bird *b)
{
    uint64_t best = 0;
    uint32_t i = 0;

    for (int turn = 0; turn < TURNS; turn++) {
        uint64_t begin = bench_now();

        for (int k = 0; k < WORDS; k++) {
            atomic_store_explicit(&b->ping, ++i, memory_order_release);
            while (atomic_load_explicit(&b->pong, memory_order_acquire) != i) {
            }
        }
        best = smaller(best, (bench_now() - begin) / WORDS);
    }
    return best;
}

static uint64_t ask_bells(struct bird *b)
{
    uint64_t best = 0;
    uint64_t one = 1;

    for (int turn = 0; turn < TURNS; turn++) {
        uint64_t begin = bench_now();

        for (int k = 0; k < BELLS; k++) {
            if (write(b->up, &one, sizeof(one)) < 0 || read(b->down, &one, sizeof(one)) < 0) {
                exit(1);
            }
        }
        best = smaller(best, (bench_now() - begin) / BELLS);
    }
    return best;
}

static uint64_t with_another(struct bird *b, uint64_t (*ask)(struct bird *b))
{
    uint64_t best;
    pthread_t thread;

    if (pthread_create(&thread, NULL, answer, b) != 0) {
        exit(1);
    }
    best = ask(b);
    (void)pthread_join(thread, NULL);
    return best;
}

int main(int argc, char **argv)
{
    struct bird bird = {.up = eventfd(0, EFD_CLOEXEC), .down = eventfd(0, EFD_CLOEXEC)};
    uint64_t speed;
    uint64_t bells;
    uint64_t words = 0;
    int other;

    if (argc < 3 || bird.up < 0 || bird.down < 0) {
        (void)fprintf(stderr, "canary CPU-A CPU-B\n");
        return 2;
    }
    bird.cpu = (int)strtol(argv[1], NULL, 10);
    other = (int)strtol(argv[2], NULL, 10);
    bench_bound(0);
    bench_pin(bird.cpu);
    speed = spin();
    bells = with_another(&bird, ask_bells);
    if (other != bird.cpu) {
        bird.cpu = other;
        bird.words = true;
        words = with_another(&bird, ask_words);
    }
    printf("canary spin_ns=%llu eventfd_ns=%llu pingpong_ns=%llu\n", (unsigned long long)speed,
           (unsigned long long)bells, (unsigned long long)words);
    return 0;
}
