/* See histogram.h. Below 64 each value has its own bucket; above, the first 7 bits choose it. */
#include "base/histogram.h"

#include <stddef.h>
#include <stdint.h>

#define STEPS (UINT64_C(1) << AT_HISTOGRAM_STEP_BITS)

static size_t bucket_of(uint64_t value)
{
    uint32_t shift;

    if (value < STEPS) {
        return (size_t)value;
    }
    if (value >> AT_HISTOGRAM_VALUE_BITS != 0) {
        return AT_HISTOGRAM_BUCKETS - 1;
    }
    shift = 63U - (uint32_t)__builtin_clzll(value) - AT_HISTOGRAM_STEP_BITS;
    return (size_t)(((uint64_t)(shift + 1) << AT_HISTOGRAM_STEP_BITS) + (value >> shift) - STEPS);
}

uint64_t at_histogram_edge(size_t bucket)
{
    uint64_t step = bucket & (STEPS - 1);
    uint32_t power = (uint32_t)(bucket >> AT_HISTOGRAM_STEP_BITS);

    return power == 0 ? step : ((STEPS + step + 1) << (power - 1)) - 1;
}

void at_histogram_add(struct at_histogram *h, uint64_t value)
{
    if (h->count == 0 || value < h->min) {
        h->min = value;
    }
    if (value > h->max) {
        h->max = value;
    }
    h->count++;
    h->sum += (double)value;
    h->buckets[bucket_of(value)]++;
}

/* ceil(count × per_100k / 100,000), at least 1, without overflow. */
static uint64_t rank_of(uint64_t count, uint32_t per_100k)
{
    uint64_t whole = count / 100000 * per_100k;
    uint64_t rest = count % 100000 * per_100k;
    uint64_t rank = whole + (rest + 99999) / 100000;

    return rank == 0 ? 1 : rank;
}

uint64_t at_histogram_at(const struct at_histogram *h, uint32_t per_100k)
{
    uint64_t left = rank_of(h->count, per_100k > 100000 ? 100000 : per_100k);

    for (size_t i = 0; i < AT_HISTOGRAM_BUCKETS; i++) {
        if (h->buckets[i] >= left) {
            uint64_t edge = i == AT_HISTOGRAM_BUCKETS - 1 ? h->max : at_histogram_edge(i);

            return edge < h->max ? edge : h->max;
        }
        left -= h->buckets[i];
    }
    return h->max;
}
