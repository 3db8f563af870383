/*
 * A neighbour that wants all of a CPU: `hog CPU MILLISECONDS` says "hog" once it turns, and ends by
 * itself, or with who started it.
 */
#include "measure.h"

int main(int argc, char **argv)
{
    uint64_t end;

    if (argc < 3) {
        (void)fprintf(stderr, "hog CPU MILLISECONDS\n");
        return 2;
    }
    end = bench_now() + strtoul(argv[2], NULL, 10) * 1000000U;
    bench_bound_child(strtoul(argv[2], NULL, 10));
    bench_pin((int)strtol(argv[1], NULL, 10));
    printf("hog\n");
    (void)fflush(stdout);
    while (bench_now() < end) {
        for (volatile int i = 0; i < 10000; i++) {
        }
    }
    return 0;
}
