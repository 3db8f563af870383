/*
 * Looking up fields, values, methods and extensions by number and by name, and numbers in ranges,
 * in sorted copies: a message of a hundred thousand fields is no attack.
 */
#ifndef AT_CONTRACT_INDEX_H
#define AT_CONTRACT_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

struct at_index_entry {
    int64_t number;
    struct at_bytes name;
    size_t at; /* index in the descriptor */
};

struct at_index {
    const struct at_index_entry *by_number;
    const struct at_index_entry *by_name;
    size_t count;
};

/* Sorts entries, which become the index's. 0, -ENOMEM. */
int at_index_make(struct at_arena *arena, struct at_index_entry *entries, size_t count,
                  struct at_index *ret);
/* The first one of that number or name; NULL: none. Those of one number stand in their order. */
const struct at_index_entry *at_index_number(const struct at_index *index, int64_t number);
const struct at_index_entry *at_index_name(const struct at_index *index, struct at_bytes name);

struct at_range {
    int64_t start;
    int64_t end; /* exclusive */
};

/* Sorts and merges; *ret_count says how many are left. */
void at_ranges_merge(struct at_range *ranges, size_t *count);
/* Is all of it in one of the merged ranges? */
bool at_ranges_cover(const struct at_range *ranges, size_t count, struct at_range part);

#endif
