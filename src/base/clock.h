/* Time in nanoseconds. Deadlines are absolute CLOCK_MONOTONIC; 0 means "none was set". */
#ifndef AT_BASE_CLOCK_H
#define AT_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define AT_MICROSECOND_NS UINT64_C(1000)
#define AT_MILLISECOND_NS UINT64_C(1000000)
#define AT_SECOND_NS UINT64_C(1000000000)

/* CLOCK_MONOTONIC. Code that must run in a simulator asks its struct at_env instead. */
uint64_t at_now_ns(void);
/*
 * The same clock as of the last tick of the kernel, milliseconds ago: a quarter of the price, for
 * who only asks whether much time has passed.
 */
uint64_t at_now_coarse_ns(void);
/* Milliseconds from now to deadline for poll(): rounded up, 0 when it passed, at most one day. */
int at_until_ms(uint64_t deadline_ns, uint64_t now_ns);
/* RFC 3339 in UTC with milliseconds, "2026-01-31T12:00:00.123Z"; out holds at least 32. */
void at_time_format(uint64_t wall_ns, char *out, size_t cap);

#endif
