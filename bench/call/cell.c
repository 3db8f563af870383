/*
 * The yardstick of a call: two processes, shared memory, and a futex each way. Nothing else: no
 * header, no check, no deadline, no encoding. Every round trip is timed.
 *
 *   cell BYTES CPU-A CPU-B MILLISECONDS
 */
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

enum { ROOM = 1 << 16 };

struct side {
    _Alignas(128) _Atomic uint32_t seq;
    _Alignas(128) char room[ROOM];
};

static struct side *sides;
static char private_room[ROOM];

static void futex(_Atomic uint32_t *word, int op, uint32_t value)
{
    (void)syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

static void put(struct side *to, size_t bytes)
{
    memcpy(to->room, private_room, bytes);
    atomic_fetch_add(&to->seq, 1);
    futex(&to->seq, FUTEX_WAKE, 1);
}

static void get(struct side *from, uint32_t *seen, size_t bytes)
{
    while (atomic_load(&from->seq) == *seen) {
        futex(&from->seq, FUTEX_WAIT, *seen);
    }
    (*seen)++;
    memcpy(private_room, from->room, bytes);
}

int main(int argc, char **argv)
{
    size_t bytes = argc > 4 ? strtoul(argv[1], NULL, 10) : 64;
    uint64_t *samples = malloc(BENCH_SAMPLES * sizeof(*samples));
    uint64_t begin;
    uint64_t end;
    uint32_t seen = 0;
    size_t n = 0;
    pid_t pid;

    if (argc < 5 || bytes == 0 || bytes > ROOM || samples == NULL) {
        (void)fprintf(stderr, "cell BYTES CPU-A CPU-B MILLISECONDS\n");
        return 2;
    }
    sides =
        mmap(NULL, 2 * sizeof(*sides), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sides == MAP_FAILED) {
        return 1;
    }
    pid = fork();
    if (pid == 0) {
        bench_pin((int)strtol(argv[3], NULL, 10));
        for (;;) {
            get(&sides[0], &seen, bytes);
            if (private_room[0] == 'Q') {
                _exit(0);
            }
            put(&sides[1], bytes);
        }
    }
    bench_pin((int)strtol(argv[2], NULL, 10));
    memset(private_room, 'x', bytes);
    begin = bench_now();
    end = begin + strtoul(argv[4], NULL, 10) * 1000000U;
    for (uint64_t a = begin, b; a < end && n < BENCH_SAMPLES; a = b) {
        put(&sides[0], bytes);
        get(&sides[1], &seen, bytes);
        b = bench_now();
        if (a - begin > (end - begin) / 5) { /* the first fifth warms up */
            samples[n++] = b - a;
        }
    }
    private_room[0] = 'Q';
    put(&sides[0], bytes);
    (void)waitpid(pid, NULL, 0);
    bench_report("cell", samples, n);
    return 0;
}
