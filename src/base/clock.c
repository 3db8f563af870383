#include "base/clock.h"

#include <stdint.h>
#include <stdio.h>
#include <time.h>

uint64_t at_now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * AT_SECOND_NS + (uint64_t)t.tv_nsec;
}

uint64_t at_now_coarse_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (uint64_t)t.tv_sec * AT_SECOND_NS + (uint64_t)t.tv_nsec;
}

int at_until_ms(uint64_t deadline_ns, uint64_t now_ns)
{
    const uint64_t day_ms = 86400000;
    uint64_t ms;

    if (deadline_ns <= now_ns) {
        return 0;
    }
    ms = (deadline_ns - now_ns - 1) / AT_MILLISECOND_NS + 1;
    return (int)(ms < day_ms ? ms : day_ms);
}

void at_time_format(uint64_t wall_ns, char *out, size_t cap)
{
    time_t s = (time_t)(wall_ns / AT_SECOND_NS);
    struct tm tm = {0};

    (void)gmtime_r(&s, &tm);
    (void)snprintf(out, cap, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                   (unsigned)(wall_ns / AT_MILLISECOND_NS % 1000));
}
