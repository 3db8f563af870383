/*
 * Hash map from bytes to pointer. Keys are copied, values are the caller's. Open addressing with a
 * random seed per map, so that a peer cannot choose colliding keys. Not thread-safe.
 */
#ifndef AT_BASE_MAP_H
#define AT_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct at_map_entry {
    struct at_bytes key; /* owned by the map; at == NULL: free slot */
    void *value;
};

struct at_map {
    struct at_map_entry *entries;
    size_t cap;  /* power of two, or 0 */
    size_t used; /* live entries */
    uint64_t seed;
};

/* seed: random where strangers choose keys (at_env_random), 0 where only we do. */
void at_map_init(struct at_map *m, uint64_t seed);
void at_map_deinit(struct at_map *m);
/* NULL when absent. */
void *at_map_get(const struct at_map *m, struct at_bytes key);
/* The entry, whose key stays where it is as long as it is in the map; NULL when absent. */
const struct at_map_entry *at_map_find(const struct at_map *m, struct at_bytes key);
/* Adds or replaces. 0, or -ENOMEM with the map unchanged. value must not be NULL. */
int at_map_put(struct at_map *m, struct at_bytes key, void *value);
/* Removes and returns the value; NULL when absent. */
void *at_map_remove(struct at_map *m, struct at_bytes key);
/* Walks in no useful order; start with *pos = 0; NULL at the end. Do not change the map meanwhile. */
const struct at_map_entry *at_map_next(const struct at_map *m, size_t *pos);

#endif
