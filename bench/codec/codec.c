/*
 * The codec bench: `codec CPU ROUNDS MICROSECONDS` prints "MESSAGE OPERATION PEER ns ns ns …", the
 * time of one operation in each round. In a round every peer has its turn before the next operation
 * begins, so a neighbour on the machine hits all of them. First every peer must give the samples
 * back byte by byte.
 *
 * `codec allocations`, with count.so preloaded: "MESSAGE OPERATION PEER n", calls of malloc and the
 * like in one operation.
 */
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "count.h"
#include "peers.h"

enum {
    ROUNDS_MAX = 1000,
    WARM_UPS = 4, /* until an arena that keeps its newest block has one that is large enough */
};

enum operation { DECODE, ENCODE, FROM_JSON, TO_JSON, OPERATIONS };

static const struct peer *const peers[] = {
    &peer_atoll, &peer_protobuf_c, &peer_protobuf_c_malloc, &peer_nanopb,
    &peer_cpp,   &peer_cpp_reused, &peer_atoll_public};

enum { PEERS = sizeof(peers) / sizeof(peers[0]) };

static const char *const messages[SAMPLES] = {"flat", "cart", "order"};
static const char *const operations[OPERATIONS] = {"decode", "encode", "from-json", "to-json"};
static struct sample samples[SAMPLES];
static double times[SAMPLES][OPERATIONS][PEERS][ROUNDS_MAX];

/* Of this thread's own time: what others do on the CPU meanwhile is not counted. */
static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static bool offers(const struct peer *p, enum operation op)
{
    return op == DECODE || op == ENCODE || p->from_json != NULL;
}

static bool run(const struct peer *p, int message, enum operation op)
{
    const uint8_t *wire;
    const char *json;

    switch (op) {
    case DECODE: return p->decode(message) != 0;
    case ENCODE: return p->encode(message, &wire) != 0;
    case FROM_JSON: return p->from_json(message) != 0;
    default: return p->to_json(message, &json) != 0;
    }
}

static void must(bool holds, const struct peer *p, int message, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "codec: %s, %s: %s\n", p->name, messages[message], what);
        exit(1);
    }
}

static void check(const struct peer *p)
{
    for (int m = 0; m < SAMPLES; m++) {
        const uint8_t *wire = NULL;
        const char *json = NULL;
        size_t len = p->encode(m, &wire);

        must(len == samples[m].len && memcmp(wire, samples[m].bytes, len) == 0, p, m,
             "what it encodes is not what it decoded");
        must(p->decode(m) != 0, p, m, "it cannot decode");
        if (p->to_json != NULL) {
            len = p->to_json(m, &json);
            must(len == samples[m].json_len && memcmp(json, samples[m].json, len) == 0, p, m,
                 "its JSON is not that of C++ protobuf");
            must(p->from_json(m) != 0, p, m, "it cannot read JSON");
        }
    }
}

/* How often to repeat, so that a turn takes about this long. */
static long turns(const struct peer *p, int message, enum operation op, double turn_ns)
{
    double begun = now_ns();
    long n = 0;

    while (now_ns() - begun < turn_ns) {
        (void)run(p, message, op);
        n++;
    }
    return n;
}

static double measure(const struct peer *p, int message, enum operation op, long n)
{
    const uint8_t *wire;
    double begun = now_ns();

    if (op == DECODE) {
        for (long i = 0; i < n; i++) {
            (void)p->decode(message);
        }
    } else if (op == ENCODE) {
        for (long i = 0; i < n; i++) {
            (void)p->encode(message, &wire);
        }
    } else {
        for (long i = 0; i < n; i++) {
            (void)run(p, message, op);
        }
    }
    return (now_ns() - begun) / (double)n;
}

static void measure_all(int rounds, double turn_ns)
{
    static long repeat[SAMPLES][OPERATIONS][PEERS];

    for (int round = -1; round < rounds; round++) {
        for (int m = 0; m < SAMPLES; m++) {
            for (int op = 0; op < OPERATIONS; op++) {
                for (size_t p = 0; p < PEERS; p++) {
                    if (!offers(peers[p], (enum operation)op)) {
                        continue;
                    }
                    if (round < 0) {
                        repeat[m][op][p] = turns(peers[p], m, (enum operation)op, turn_ns) + 1;
                    } else {
                        times[m][op][p][round] =
                            measure(peers[p], m, (enum operation)op, repeat[m][op][p]);
                    }
                }
            }
        }
    }
}

static void print(int rounds)
{
    for (int m = 0; m < SAMPLES; m++) {
        for (int op = 0; op < OPERATIONS; op++) {
            for (size_t p = 0; p < PEERS; p++) {
                if (!offers(peers[p], (enum operation)op)) {
                    continue;
                }
                printf("%s;%s;%s;", messages[m], operations[op], peers[p]->name);
                for (int round = 0; round < rounds; round++) {
                    printf("%.2f ", times[m][op][p][round]);
                }
                printf("\n");
            }
        }
    }
}

static int print_allocations(void)
{
    if (bench_allocations == NULL) {
        (void)fprintf(stderr, "codec: count.so is not preloaded\n");
        return 1;
    }
    for (int m = 0; m < SAMPLES; m++) {
        for (int op = 0; op < OPERATIONS; op++) {
            for (size_t p = 0; p < PEERS; p++) {
                unsigned long before;

                if (!offers(peers[p], (enum operation)op)) {
                    continue;
                }
                for (int i = 0; i < WARM_UPS; i++) {
                    (void)run(peers[p], m, (enum operation)op);
                }
                before = bench_allocations();
                (void)run(peers[p], m, (enum operation)op);
                printf("%s;%s;%s;%lu\n", messages[m], operations[op], peers[p]->name,
                       bench_allocations() - before);
            }
        }
    }
    return 0;
}

static void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0) {
        perror("codec: sched_setaffinity");
        exit(1);
    }
}

int main(int argc, char **argv)
{
    make_samples(samples);
    for (size_t p = 0; p < PEERS; p++) {
        peers[p]->setup(samples);
        check(peers[p]);
    }
    for (int m = 0; m < SAMPLES; m++) {
        printf("%s;bytes;;%zu %zu\n", messages[m], samples[m].len, samples[m].json_len);
    }
    if (argc == 2 && strcmp(argv[1], "allocations") == 0) {
        return print_allocations();
    }
    if (argc == 4) {
        long cpu = strtol(argv[1], NULL, 10);
        long rounds = strtol(argv[2], NULL, 10);
        double turn_ns = strtod(argv[3], NULL) * 1e3;

        if (cpu >= 0 && rounds > 0 && rounds <= ROUNDS_MAX && turn_ns > 0) {
            pin((int)cpu);
            measure_all((int)rounds, turn_ns);
            print((int)rounds);
            return 0;
        }
    }
    (void)fprintf(stderr, "usage: codec CPU ROUNDS MICROSECONDS | codec allocations\n");
    return 2;
}
