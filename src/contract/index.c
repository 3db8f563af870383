#include "contract/index.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"

static int by_number(const void *a, const void *b)
{
    const struct at_index_entry *one = a;
    const struct at_index_entry *two = b;

    if (one->number != two->number) {
        return one->number < two->number ? -1 : 1;
    }
    return (one->at > two->at) - (one->at < two->at);
}

static int by_name(const void *a, const void *b)
{
    const struct at_index_entry *one = a;
    const struct at_index_entry *two = b;
    int r = at_bytes_compare(one->name, two->name);

    return r != 0 ? r : (one->at > two->at) - (one->at < two->at);
}

int at_index_make(struct at_arena *arena, struct at_index_entry *entries, size_t count,
                  struct at_index *ret)
{
    struct at_index_entry *copy = at_arena_zalloc(arena, count + 1, sizeof(*copy));

    if (copy == NULL) {
        return -ENOMEM;
    }
    if (count > 0) {
        memcpy(copy, entries, count * sizeof(*copy));
        qsort(entries, count, sizeof(*entries), by_number);
        qsort(copy, count, sizeof(*copy), by_name);
    }
    *ret = (struct at_index){.by_number = entries, .by_name = copy, .count = count};
    return 0;
}

const struct at_index_entry *at_index_number(const struct at_index *index, int64_t number)
{
    size_t low = 0;
    size_t high = index->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (index->by_number[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < index->count && index->by_number[low].number == number ? &index->by_number[low]
                                                                        : NULL;
}

const struct at_index_entry *at_index_name(const struct at_index *index, struct at_bytes name)
{
    size_t low = 0;
    size_t high = index->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (at_bytes_compare(index->by_name[middle].name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < index->count && at_bytes_equal(index->by_name[low].name, name)
               ? &index->by_name[low]
               : NULL;
}

static int by_start(const void *a, const void *b)
{
    const struct at_range *one = a;
    const struct at_range *two = b;

    return (one->start > two->start) - (one->start < two->start);
}

void at_ranges_merge(struct at_range *ranges, size_t *count)
{
    size_t kept = 0;

    if (*count == 0) {
        return;
    }
    qsort(ranges, *count, sizeof(*ranges), by_start);
    for (size_t i = 1; i < *count; i++) {
        if (ranges[i].start <= ranges[kept].end) {
            ranges[kept].end = ranges[i].end > ranges[kept].end ? ranges[i].end : ranges[kept].end;
        } else {
            ranges[++kept] = ranges[i];
        }
    }
    *count = kept + 1;
}

bool at_ranges_cover(const struct at_range *ranges, size_t count, struct at_range part)
{
    size_t low = 0;
    size_t high = count;

    while (low < high) { /* the first that begins behind the start */
        size_t middle = low + (high - low) / 2;

        if (ranges[middle].start <= part.start) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && ranges[low - 1].end >= part.end;
}
