/* What count.so tells: how often this process asked for memory. NULL: it is not preloaded. */
#ifndef AT_BENCH_COUNT_H
#define AT_BENCH_COUNT_H

extern unsigned long bench_allocations(void) __attribute__((weak));

#endif
