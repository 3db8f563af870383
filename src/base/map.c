#include "base/map.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

void at_map_init(struct at_map *m, uint64_t seed)
{
    *m = (struct at_map){.seed = seed};
}

void at_map_deinit(struct at_map *m)
{
    for (size_t i = 0; i < m->cap; i++) {
        free((void *)(uintptr_t)m->entries[i].key.at);
    }
    free(m->entries);
    m->entries = NULL;
    m->cap = 0;
    m->used = 0;
}

/* The slot that holds key, or the free slot where it belongs. cap > 0. */
static size_t slot_of(const struct at_map *m, struct at_bytes key)
{
    size_t i = (size_t)at_bytes_hash(key, m->seed) & (m->cap - 1);

    while (m->entries[i].key.at != NULL && !at_bytes_equal(m->entries[i].key, key)) {
        i = (i + 1) & (m->cap - 1);
    }
    return i;
}

void *at_map_get(const struct at_map *m, struct at_bytes key)
{
    return m->cap == 0 ? NULL : m->entries[slot_of(m, key)].value;
}

const struct at_map_entry *at_map_find(const struct at_map *m, struct at_bytes key)
{
    const struct at_map_entry *e = m->cap == 0 ? NULL : &m->entries[slot_of(m, key)];

    return e == NULL || e->key.at == NULL ? NULL : e;
}

static int resize(struct at_map *m, size_t cap)
{
    struct at_map bigger = {.cap = cap, .used = m->used, .seed = m->seed};

    bigger.entries = calloc(cap, sizeof(*bigger.entries));
    if (bigger.entries == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < m->cap; i++) {
        if (m->entries[i].key.at != NULL) {
            bigger.entries[slot_of(&bigger, m->entries[i].key)] = m->entries[i];
        }
    }
    free(m->entries);
    *m = bigger;
    return 0;
}

int at_map_put(struct at_map *m, struct at_bytes key, void *value)
{
    uint8_t *copy;
    size_t i;

    if (m->used + 1 > m->cap / 4 * 3) {
        int r = resize(m, m->cap == 0 ? 8 : m->cap * 2);

        if (r < 0) {
            return r;
        }
    }
    i = slot_of(m, key);
    if (m->entries[i].key.at != NULL) {
        m->entries[i].value = value;
        return 0;
    }
    copy = malloc(key.len == 0 ? 1 : key.len);
    if (copy == NULL) {
        return -ENOMEM;
    }
    if (key.len > 0) {
        memcpy(copy, key.at, key.len);
    }
    m->entries[i] = (struct at_map_entry){.key = {.at = copy, .len = key.len}, .value = value};
    m->used++;
    return 0;
}

/* Closes the gap at i: later members of the same run move up (Knuth, algorithm R). */
static void close_gap(struct at_map *m, size_t i)
{
    size_t j = i;

    for (;;) {
        size_t home;

        j = (j + 1) & (m->cap - 1);
        if (m->entries[j].key.at == NULL) {
            return;
        }
        home = (size_t)at_bytes_hash(m->entries[j].key, m->seed) & (m->cap - 1);
        if (((j - home) & (m->cap - 1)) >= ((j - i) & (m->cap - 1))) {
            m->entries[i] = m->entries[j];
            m->entries[j] = (struct at_map_entry){0};
            i = j;
        }
    }
}

void *at_map_remove(struct at_map *m, struct at_bytes key)
{
    void *value;
    size_t i;

    if (m->cap == 0) {
        return NULL;
    }
    i = slot_of(m, key);
    if (m->entries[i].key.at == NULL) {
        return NULL;
    }
    value = m->entries[i].value;
    free((void *)(uintptr_t)m->entries[i].key.at);
    m->entries[i] = (struct at_map_entry){0};
    m->used--;
    close_gap(m, i);
    return value;
}

const struct at_map_entry *at_map_next(const struct at_map *m, size_t *pos)
{
    while (*pos < m->cap) {
        const struct at_map_entry *e = &m->entries[(*pos)++];

        if (e->key.at != NULL) {
            return e;
        }
    }
    return NULL;
}
