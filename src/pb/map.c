/*
 * Equal keys are found in one of three ways: not at all when the keys ascend, as those of a careful
 * sender do; by comparing when they are few; else through a table of hashes. A peer can choose keys
 * that collide there. So the work that looking up may cost is bounded by what reading the keys
 * cost; past that the keys are sorted. The outcome is the same either way.
 */
#include "pb/map.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "pb/codec.h"
#include "pb/limits.h"
#include "pb/table.h"

enum {
    FEW = 12,              /* entries that are compared each with each */
    PENDING = INT32_MAX,   /* at_pb_growth.merged: noted, to be merged when all is read */
    PROBES_PER_ENTRY = 8,  /* look-ups may cost this many comparisons of a key on average */
    BYTES_PER_STEP = 16,   /* of text: comparing them costs as much as looking at a slot */
    TEXT_PREFIX_BYTES = 8, /* of a text key, that sorting holds at hand */
};

#define INDEX_MASK ((uint32_t)0x1FFFFFF) /* of an index + 1 */
_Static_assert(AT_PB_COUNT_MAX <= INDEX_MASK, "an index fits into a slot");

/* The entries of a map, and where and how their key stands in each. */
struct entries {
    uint8_t *at;
    size_t step;
    size_t count;
    uint32_t key_offset;
    uint8_t key_type; /* enum atoll_type */
};

static struct entries entries_of(const struct atoll_message_desc *entry,
                                 const struct at_pb_array *map)
{
    const struct atoll_field_desc *key = at_pb_field(entry, 0);

    return (struct entries){.at = map->at,
                            .step = entry->struct_size,
                            .count = map->count,
                            .key_offset = key->offset,
                            .key_type = at_pb_type(key)};
}

static bool is_text(const struct entries *e)
{
    return e->key_type == ATOLL_TYPE_STRING;
}

static const struct atoll_str *text_at(const struct entries *e, size_t i)
{
    return (const struct atoll_str *)(e->at + i * e->step + e->key_offset);
}

/* A key that is a number, such that unsigned order is the order of the keys. */
static uint64_t number_at(const struct entries *e, size_t i)
{
    const void *key = e->at + i * e->step + e->key_offset;

    switch (e->key_type) {
    case ATOLL_TYPE_BOOL: return *(const uint8_t *)key != 0;
    case ATOLL_TYPE_UINT32:
    case ATOLL_TYPE_FIXED32: return *(const uint32_t *)key;
    case ATOLL_TYPE_UINT64:
    case ATOLL_TYPE_FIXED64: return *(const uint64_t *)key;
    case ATOLL_TYPE_INT64:
    case ATOLL_TYPE_SINT64:
    case ATOLL_TYPE_SFIXED64: return *(const uint64_t *)key ^ (uint64_t)INT64_MIN;
    default: return (uint64_t)(int64_t)*(const int32_t *)key ^ (uint64_t)INT64_MIN;
    }
}

static int order_texts(const struct atoll_str *a, const struct atoll_str *b)
{
    size_t len = a->len < b->len ? a->len : b->len;
    int order = len == 0 ? 0 : memcmp(a->at, b->at, len);

    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static int order(const struct entries *e, size_t i, size_t j)
{
    uint64_t a;
    uint64_t b;

    if (is_text(e)) {
        return order_texts(text_at(e, i), text_at(e, j));
    }
    a = number_at(e, i);
    b = number_at(e, j);
    return (a > b) - (a < b);
}

static bool is_equal(const struct entries *e, size_t i, size_t j)
{
    if (is_text(e)) {
        const struct atoll_str *a = text_at(e, i);
        const struct atoll_str *b = text_at(e, j);

        return a->len == b->len && (a->len == 0 || memcmp(a->at, b->at, a->len) == 0);
    }
    return number_at(e, i) == number_at(e, j);
}

static bool is_ascending(const struct entries *e)
{
    for (size_t i = 1; i < e->count; i++) {
        if (order(e, i - 1, i) >= 0) {
            return false;
        }
    }
    return true;
}

/* The entries that stay are gathered at the end while they are looked through from there. */
static void keep(const struct entries *e, size_t i, size_t *first)
{
    *first -= 1;
    if (*first != i) {
        memcpy(e->at + *first * e->step, e->at + i * e->step, e->step);
    }
}

static size_t bring_forward(const struct entries *e, size_t first)
{
    if (first > 0) {
        memmove(e->at, e->at + first * e->step, (e->count - first) * e->step);
    }
    return e->count - first;
}

static size_t merge_few(const struct entries *e)
{
    size_t first = e->count;

    for (size_t i = e->count; i-- > 0;) {
        size_t j = first;

        while (j < e->count && !is_equal(e, i, j)) {
            j++;
        }
        if (j == e->count) {
            keep(e, i, &first);
        }
    }
    return bring_forward(e, first);
}

static uint64_t mix(uint64_t h)
{
    h *= UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 32;
}

static uint64_t hash_at(const struct entries *e, size_t i)
{
    const struct atoll_str *text;
    uint64_t h;
    uint64_t word;
    size_t at = 0;

    if (!is_text(e)) {
        return mix(number_at(e, i));
    }
    text = text_at(e, i);
    h = text->len;
    for (; at + sizeof(word) <= text->len; at += sizeof(word)) {
        memcpy(&word, text->at + at, sizeof(word));
        h = mix(h ^ word);
    }
    if (at < text->len) {
        word = 0;
        memcpy(&word, text->at + at, text->len - at);
        h = mix(h ^ word);
    }
    return mix(h);
}

/* Steps of work that it costs at most to compare the key with another. */
static size_t cost_of(const struct entries *e, size_t i)
{
    return 1 + (is_text(e) ? text_at(e, i)->len / BYTES_PER_STEP : 0);
}

/*
 * Which entries stay, as a bit each; found with a table of 1 << bits slots. A slot holds the index of
 * an entry + 1, and above it some bits of the hash, so that few entries are looked at in vain.
 * False: the work allowed is used up.
 */
static bool mark_by_hash(const struct entries *e, uint32_t *slots, unsigned bits, uint64_t *stays)
{
    size_t mask = ((size_t)1 << bits) - 1;
    size_t left = 0;

    for (size_t i = e->count; i-- > 0;) {
        uint64_t hash = hash_at(e, i);
        size_t slot = (size_t)(hash >> (64 - bits)) & mask;
        uint32_t mark = (uint32_t)hash & ~INDEX_MASK;
        size_t cost = cost_of(e, i);
        bool found = false;

        left += PROBES_PER_ENTRY * cost;
        for (; slots[slot] != 0 && !found; slot = (slot + 1) & mask) {
            bool alike = (slots[slot] & ~INDEX_MASK) == mark;
            size_t step = alike ? cost : 1;

            if (step > left) {
                return false;
            }
            left -= step;
            found = alike && is_equal(e, i, (slots[slot] & INDEX_MASK) - 1);
        }
        if (!found) {
            slots[slot] = mark | (uint32_t)(i + 1);
            stays[i / 64] |= (uint64_t)1 << i % 64;
        }
    }
    return true;
}

/* An entry when sorting; head: the number, or the first bytes of the text. */
struct item {
    uint64_t head;
    uint32_t index;
};

static uint64_t head_at(const struct entries *e, size_t i)
{
    const struct atoll_str *text;
    uint64_t head = 0;

    if (!is_text(e)) {
        return number_at(e, i);
    }
    text = text_at(e, i);
    for (size_t at = 0; at < TEXT_PREFIX_BYTES; at++) {
        head = head << 8 | (at < text->len ? (uint8_t)text->at[at] : 0);
    }
    return head;
}

static int order_items(const struct entries *e, const struct item *a, const struct item *b)
{
    if (a->head != b->head) {
        return a->head < b->head ? -1 : 1;
    }
    return is_text(e) ? order_texts(text_at(e, a->index), text_at(e, b->index)) : 0;
}

/* Merges two neighbouring runs of `from` into `to`; of equal items the left ones come first. */
static void merge_runs(const struct entries *e, const struct item *from, struct item *to,
                       const size_t bounds[3])
{
    size_t left = bounds[0];
    size_t right = bounds[1];

    for (size_t out = bounds[0]; out < bounds[2]; out++) {
        bool take_left = left < bounds[1] &&
                         (right == bounds[2] || order_items(e, &from[left], &from[right]) <= 0);

        to[out] = take_left ? from[left++] : from[right++];
    }
}

/*
 * Merge sort, from runs of one upwards: no stack, stable, and a step compares no more bytes of text
 * than it moves, so that long keys cannot make it slower than n log n in the bytes of all keys.
 * NULL: out of memory.
 */
static struct item *sort(const struct entries *e, struct at_arena *arena)
{
    struct item *from = at_arena_zalloc(arena, e->count, sizeof(*from));
    struct item *to = at_arena_zalloc(arena, e->count, sizeof(*to));

    if (from == NULL || to == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < e->count; i++) {
        from[i] = (struct item){head_at(e, i), (uint32_t)i};
    }
    for (size_t run = 1; run < e->count; run *= 2) {
        struct item *swap = from;

        for (size_t at = 0; at < e->count; at += 2 * run) {
            size_t middle = at + run < e->count ? at + run : e->count;
            size_t end = middle + run < e->count ? middle + run : e->count;

            merge_runs(e, from, to, (const size_t[]){at, middle, end});
        }
        from = to;
        to = swap;
    }
    return from;
}

static bool mark_by_sorting(const struct entries *e, uint64_t *stays, struct at_arena *arena)
{
    const struct item *items = sort(e, arena);

    if (items == NULL) {
        return false;
    }
    for (size_t i = 0; i < e->count; i++) {
        if (i + 1 == e->count || order_items(e, &items[i], &items[i + 1]) != 0) {
            stays[items[i].index / 64] |= (uint64_t)1 << items[i].index % 64;
        }
    }
    return true;
}

static int merge_many(const struct entries *e, struct at_arena *arena, size_t *ret_count)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(e->count) + 1; /* twice to four times as many */
    size_t words = (e->count + 63) / 64;
    uint64_t *stays = at_arena_zalloc(arena, words, sizeof(*stays));
    uint32_t *slots = at_arena_zalloc(arena, (size_t)1 << bits, sizeof(*slots));
    size_t first = e->count;

    if (stays == NULL || slots == NULL) {
        return -ENOMEM;
    }
    if (!mark_by_hash(e, slots, bits, stays)) {
        memset(stays, 0, words * sizeof(*stays));
        if (!mark_by_sorting(e, stays, arena)) {
            return -ENOMEM;
        }
    }
    for (size_t i = e->count; i-- > 0;) {
        if ((stays[i / 64] >> i % 64 & 1) != 0) {
            keep(e, i, &first);
        }
    }
    *ret_count = bring_forward(e, first);
    return 0;
}

int at_pb_merge_map(const struct atoll_message_desc *entry, struct at_pb_array *map,
                    struct at_arena *arena)
{
    struct entries e = entries_of(entry, map);

    if (is_ascending(&e)) {
        return 0;
    }
    if (e.count <= FEW) {
        map->count = merge_few(&e);
        return 0;
    }
    return merge_many(&e, arena, &map->count);
}

/* Puts the entries where the items say, along the cycles of the permutation. */
static void permute(const struct entries *e, struct item *items, void *hand)
{
    for (size_t start = 0; start < e->count; start++) {
        size_t at = start;

        if (items[start].index == start) {
            continue;
        }
        memcpy(hand, e->at + start * e->step, e->step);
        while (items[at].index != start) {
            size_t next = items[at].index;

            memcpy(e->at + at * e->step, e->at + next * e->step, e->step);
            items[at].index = (uint32_t)at;
            at = next;
        }
        memcpy(e->at + at * e->step, hand, e->step);
        items[at].index = (uint32_t)at;
    }
}

int at_pb_sort_map(const struct atoll_message_desc *entry, struct at_pb_array *map,
                   struct at_arena *arena)
{
    struct entries e = entries_of(entry, map);
    struct item *items;
    void *hand;
    int r;

    if (is_ascending(&e)) {
        return 0;
    }
    r = at_pb_merge_map(entry, map, arena);
    if (r < 0) {
        return r;
    }
    e.count = map->count;
    items = sort(&e, arena);
    hand = at_arena_alloc(arena, e.step, 8);
    if (items == NULL || hand == NULL) {
        return -ENOMEM;
    }
    permute(&e, items, hand);
    return 0;
}

struct at_pb_noted_map {
    struct at_pb_noted_map *before;
    const struct atoll_message_desc *entry;
    struct at_pb_array *map;
};

static int note(struct at_pb_maps *maps, const struct atoll_message_desc *entry,
                struct at_pb_array *map, struct at_arena *arena)
{
    struct at_pb_noted_map *n = at_arena_alloc(arena, sizeof(*n), 8);

    if (n == NULL) {
        return -ENOMEM;
    }
    *n = (struct at_pb_noted_map){maps->last, entry, map};
    maps->last = n;
    at_pb_growth_of(map)->merged = PENDING;
    return 0;
}

static int merge(const struct atoll_message_desc *entry, struct at_pb_array *map,
                 struct at_arena *arena)
{
    int r = at_pb_merge_map(entry, map, arena);

    if (r == 0) {
        at_pb_growth_of(map)->merged = (uint32_t)map->count;
    }
    return r;
}

int at_pb_maps_note(struct at_pb_maps *maps, const struct atoll_message_desc *desc, void *message,
                    bool moves, struct at_arena *arena)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < desc->field_count; i++) {
        const struct atoll_field_desc *f = at_pb_field(desc, i);
        struct at_pb_array *map = (struct at_pb_array *)((uint8_t *)message + f->offset);

        if (!at_pb_is_map(f) || map->count < 2 || at_pb_growth_of(map)->merged == PENDING ||
            at_pb_growth_of(map)->merged == map->count) {
            continue;
        }
        r = moves ? merge(at_pb_sub(desc, f), map, arena)
                  : note(maps, at_pb_sub(desc, f), map, arena);
    }
    return r;
}

int at_pb_maps_finish(struct at_pb_maps *maps, struct at_arena *arena)
{
    int r = 0;

    while (r == 0 && maps->last != NULL) {
        r = merge(maps->last->entry, maps->last->map, arena);
        maps->last = r == 0 ? maps->last->before : maps->last;
    }
    at_pb_maps_forget(maps);
    return r;
}

void at_pb_maps_forget(struct at_pb_maps *maps)
{
    for (; maps->last != NULL; maps->last = maps->last->before) {
        at_pb_growth_of(maps->last->map)->merged = 0;
    }
}
