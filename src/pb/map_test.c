#include "pb/map.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/table.h"

enum { ARENA_MAX = 1 << 30, MANY = 100000 };

/* An entry of a map with keys of any type; value says which one it is. */
struct entry {
    union {
        bool yes;
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        struct atoll_str text;
    } key;
    int64_t value;
};

static struct atoll_field_desc fields[2];
static const struct atoll_message_desc desc = {
    .size = sizeof(desc), .struct_size = sizeof(struct entry), .field_count = 2, .fields = fields};
static struct at_arena arena;

static void begin(uint8_t key_type)
{
    at_arena_init(&arena, 4096, ARENA_MAX);
    fields[0] = (struct atoll_field_desc){.tag = 1 << 3,
                                          .offset = offsetof(struct entry, key),
                                          .kind = ATOLL_FORM_IMPLICIT << 5 | key_type};
    fields[1] = (struct atoll_field_desc){.tag = 2 << 3,
                                          .offset = offsetof(struct entry, value),
                                          .kind = ATOLL_KIND(IMPLICIT, INT64)};
}

static struct at_pb_array over(struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        entries[i].value = (int64_t)i;
    }
    return (struct at_pb_array){entries, count};
}

static void merge(struct at_pb_array *map)
{
    CHECK_INT(at_pb_merge_map(&desc, map, &arena), 0);
}

/* "0 3 2": the values of what is left */
static const char *left(const struct at_pb_array *map)
{
    static char out[256];
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < map->count; i++) {
        len += (size_t)snprintf(out + len, sizeof(out) - len, "%s%d", i == 0 ? "" : " ",
                                (int)((struct entry *)map->at)[i].value);
    }
    return out;
}

/* Numbers as keys of the type that begin() was told. */
static struct at_pb_array numbers(const int64_t *keys, size_t count)
{
    struct entry *entries = at_arena_zalloc(&arena, count, sizeof(*entries));

    for (size_t i = 0; i < count; i++) {
        entries[i].key.i64 = keys[i]; /* little-endian: also the 32 bits, and the bool */
    }
    return over(entries, count);
}

static const uint8_t number_types[] = {
    ATOLL_TYPE_INT32,   ATOLL_TYPE_SINT32,  ATOLL_TYPE_SFIXED32, ATOLL_TYPE_UINT32,
    ATOLL_TYPE_INT64,   ATOLL_TYPE_SINT64,  ATOLL_TYPE_SFIXED64, ATOLL_TYPE_UINT64,
    ATOLL_TYPE_FIXED64, ATOLL_TYPE_FIXED32,
};
enum { NUMBER_TYPES = sizeof(number_types) / sizeof(number_types[0]) };

TEST(of_equal_keys_the_last_stays_and_the_others_keep_their_order)
{
    for (size_t i = 0; i < NUMBER_TYPES; i++) {
        struct at_pb_array map;

        begin(number_types[i]);
        map = numbers((const int64_t[]){5, 1, 5, -1, 1, 7}, 6);
        merge(&map);
        CHECK_STR(left(&map), "2 3 4 5");
        at_arena_deinit(&arena);
    }
}

TEST(the_same_is_true_of_truth_values)
{
    struct at_pb_array map;

    begin(ATOLL_TYPE_BOOL);
    map = numbers((const int64_t[]){1, 0, 1, 0, 0}, 5);
    merge(&map);
    CHECK_STR(left(&map), "2 4");
    at_arena_deinit(&arena);
}

TEST(the_same_is_true_of_texts_whatever_bytes_they_have)
{
    struct entry entries[] = {
        {.key.text = ATOLL_STR("a")},  {.key.text = {NULL, 0}},      {.key.text = ATOLL_STR("a\0")},
        {.key.text = ATOLL_STR("ab")}, {.key.text = ATOLL_STR("a")}, {.key.text = ATOLL_STR("")},
    };
    struct at_pb_array map = over(entries, 6);

    begin(ATOLL_TYPE_STRING);
    merge(&map);
    CHECK_STR(left(&map), "2 3 4 5");
    at_arena_deinit(&arena);
}

TEST(a_map_without_entries_or_with_one_stays_as_it_is)
{
    struct at_pb_array map = {NULL, 0};
    struct entry one = {.value = 0};

    begin(ATOLL_TYPE_STRING);
    merge(&map);
    CHECK_INT((int)map.count, 0);
    map = over(&one, 1);
    merge(&map);
    CHECK_INT((int)map.count, 1);
    CHECK(arena.taken_bytes == 0);
    at_arena_deinit(&arena);
}

TEST(ascending_keys_cost_no_memory)
{
    int64_t keys[100];
    struct at_pb_array map;
    size_t taken;

    begin(ATOLL_TYPE_SINT64);
    for (int i = 0; i < 100; i++) {
        keys[i] = i - 50;
    }
    map = numbers(keys, 100);
    taken = arena.taken_bytes - (size_t)(arena.end - arena.at);
    merge(&map);
    CHECK(arena.taken_bytes - (size_t)(arena.end - arena.at) == taken);
    CHECK_INT((int)map.count, 100);
    at_arena_deinit(&arena);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* What the rule says, by the simplest means: the last index of each key in a range below `keys`. */
static void check_against_the_rule(const struct at_pb_array *map, const int64_t *of, size_t count,
                                   size_t keys)
{
    const struct entry *entries = map->at;
    int64_t *last = calloc(keys, sizeof(*last));
    int64_t before = -1;
    size_t left_over = 0;

    for (size_t i = 0; i < count; i++) {
        left_over += last[of[i]] == 0;
        last[of[i]] = (int64_t)i + 1;
    }
    CHECK_INT((int)map->count, (int)left_over);
    for (size_t i = 0; i < map->count; i++) {
        CHECK(entries[i].value > before);
        before = entries[i].value;
        CHECK(last[of[before]] == before + 1);
    }
    free(last);
}

TEST(a_hundred_thousand_keys_in_any_order_end_as_the_rule_says)
{
    static int64_t keys[MANY];
    static const size_t ranges[] = {1, 7, 1000, MANY, MANY * 4};

    for (size_t r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++) {
        uint32_t state = 1;
        struct at_pb_array map;

        begin(ATOLL_TYPE_INT32);
        for (size_t i = 0; i < MANY; i++) {
            state = state * 1664525 + 1013904223;
            keys[i] = state % ranges[r];
        }
        map = numbers(keys, MANY);
        merge(&map);
        check_against_the_rule(&map, keys, MANY, ranges[r]);
        at_arena_deinit(&arena);
    }
}

/* The number that mix(x) in map.c makes `to` of. */
static uint64_t unmix(uint64_t to)
{
    uint64_t inverse = UINT64_C(0x9E3779B97F4A7C15);

    for (int i = 0; i < 6; i++) { /* Newton: twice as many right bits each time */
        inverse *= 2 - UINT64_C(0x9E3779B97F4A7C15) * inverse;
    }
    to ^= to >> 32;
    return to * inverse;
}

TEST(keys_chosen_to_collide_end_the_same_and_do_not_take_long)
{
    struct entry *entries;
    struct at_pb_array map;
    uint64_t began = now_ns();

    begin(ATOLL_TYPE_UINT64);
    entries = at_arena_zalloc(&arena, MANY, sizeof(*entries));
    for (size_t i = 0; i < MANY; i++) { /* each key twice, all in one slot of the table */
        entries[i].key.u64 = unmix(UINT64_C(0xABCDEF) << 40 | (i / 2 * 7919 % MANY));
    }
    map = over(entries, MANY);
    merge(&map);
    CHECK_INT((int)map.count, MANY / 2);
    for (size_t i = 0; i < map.count; i++) {
        CHECK(((struct entry *)map.at)[i].value == (int64_t)(2 * i + 1));
    }
    CHECK(now_ns() - began < UINT64_C(2000000000)); /* each with each would be ten times as long */
    at_arena_deinit(&arena);
}

TEST(long_keys_that_differ_at_their_end_do_not_take_long)
{
    enum { KEYS = 2000, LONG = 10000 };
    char *texts = malloc((size_t)KEYS * LONG);
    struct entry *entries;
    struct at_pb_array map;
    uint64_t began;

    begin(ATOLL_TYPE_STRING);
    memset(texts, 'x', (size_t)KEYS * LONG);
    entries = at_arena_zalloc(&arena, (size_t)KEYS, sizeof(*entries));
    for (size_t i = 0; i < KEYS; i++) {
        char *text = texts + i * LONG;

        (void)snprintf(text + LONG - 8, 8, "%07zu", i * 1999 % KEYS);
        entries[i].key.text = (struct atoll_str){text, LONG};
    }
    map = over(entries, KEYS);
    began = now_ns();
    CHECK_INT(at_pb_sort_map(&desc, &map, &arena), 0);
    CHECK_INT((int)map.count, KEYS);
    for (size_t i = 1; i < KEYS; i++) {
        CHECK(memcmp(((struct entry *)map.at)[i - 1].key.text.at,
                     ((struct entry *)map.at)[i].key.text.at, LONG) < 0);
    }
    CHECK(now_ns() - began < UINT64_C(2000000000));
    free(texts);
    at_arena_deinit(&arena);
}

TEST(sorted_numbers_ascend_by_value)
{
    struct at_pb_array map;

    begin(ATOLL_TYPE_SINT32);
    map = numbers((const int64_t[]){3, -2, 0, -2, INT32_MIN, INT32_MAX}, 6);
    CHECK_INT(at_pb_sort_map(&desc, &map, &arena), 0);
    CHECK_STR(left(&map), "4 3 2 0 5");
    map = numbers((const int64_t[]){3, 1, 2}, 3);
    fields[0].kind = ATOLL_KIND(IMPLICIT, UINT64);
    ((struct entry *)map.at)[1].key.u64 = UINT64_MAX;
    CHECK_INT(at_pb_sort_map(&desc, &map, &arena), 0);
    CHECK_STR(left(&map), "2 0 1");
    at_arena_deinit(&arena);
}

TEST(sorted_texts_ascend_by_their_bytes_and_short_before_long)
{
    struct entry entries[] = {{.key.text = ATOLL_STR("b")},   {.key.text = ATOLL_STR("ab\xFF")},
                              {.key.text = ATOLL_STR("")},    {.key.text = ATOLL_STR("12345678z")},
                              {.key.text = ATOLL_STR("ab")},  {.key.text = ATOLL_STR("12345678")},
                              {.key.text = ATOLL_STR("ab\0")}};
    struct at_pb_array map = over(entries, 7);

    begin(ATOLL_TYPE_STRING);
    CHECK_INT(at_pb_sort_map(&desc, &map, &arena), 0);
    CHECK_STR(left(&map), "2 5 3 4 6 1 0");
    at_arena_deinit(&arena);
}

TEST(without_memory_the_map_is_unchanged)
{
    int64_t keys[50];
    struct at_pb_array map;
    struct at_arena none;

    begin(ATOLL_TYPE_INT64);
    at_arena_init(&none, 64, 0);
    for (int i = 0; i < 50; i++) {
        keys[i] = 50 - i / 2;
    }
    map = numbers(keys, 50);
    CHECK_INT(at_pb_merge_map(&desc, &map, &none), -12);
    CHECK_INT((int)map.count, 50);
    CHECK_INT(at_pb_sort_map(&desc, &map, &none), -12);
    CHECK_INT((int)map.count, 50);
    at_arena_deinit(&none);
    at_arena_deinit(&arena);
}

/* A message with two maps and a number, to note. */
struct holder {
    struct at_pb_array first;
    struct at_pb_array second;
    int64_t number;
};

static const union atoll_type_ref holder_types[] = {{.message = &desc}};
static const struct atoll_field_desc holder_fields[] = {
    {1 << 3 | 2, offsetof(struct holder, first), 0, 0, ATOLL_KIND(MAP, MESSAGE), 0},
    {2 << 3, offsetof(struct holder, number), 0, 0, ATOLL_KIND(IMPLICIT, INT64), 0},
    {3 << 3 | 2, offsetof(struct holder, second), 0, 0, ATOLL_KIND(MAP, MESSAGE), 0},
};
static const struct atoll_message_desc holder_desc = {.size = sizeof(holder_desc),
                                                      .struct_size = sizeof(struct holder),
                                                      .field_count = 3,
                                                      .flags = ATOLL_MESSAGE_HAS_MAPS,
                                                      .fields = holder_fields,
                                                      .types = holder_types};

static void add(struct at_pb_array *map, int64_t key)
{
    void *slot = NULL;

    CHECK_INT(at_pb_array_append(map, sizeof(struct entry), 1, &arena, &slot), 0);
    *(struct entry *)slot = (struct entry){.key.i64 = key, .value = (int64_t)map->count - 1};
}

TEST(a_message_that_comes_in_pieces_is_merged_once_at_the_end)
{
    struct holder h = {0};
    struct at_pb_maps maps = {0};
    struct at_pb_noted_map *noted;

    begin(ATOLL_TYPE_INT64);
    add(&h.first, 1);
    add(&h.first, 1);
    CHECK_INT(at_pb_maps_note(&maps, &holder_desc, &h, false, &arena), 0);
    CHECK_INT((int)h.first.count, 2);
    noted = maps.last;
    CHECK(noted != NULL);
    for (int i = 0; i < 100; i++) {
        add(&h.first, 1);
        CHECK_INT(at_pb_maps_note(&maps, &holder_desc, &h, false, &arena), 0);
        CHECK(maps.last == noted);
    }
    CHECK_INT(at_pb_maps_finish(&maps, &arena), 0);
    CHECK_STR(left(&h.first), "101");
    CHECK_INT(at_pb_maps_note(&maps, &holder_desc, &h, false, &arena), 0);
    CHECK(maps.last == NULL); /* nothing came since */
    at_arena_deinit(&arena);
}

TEST(maps_that_were_not_merged_for_want_of_memory_are_merged_the_next_time)
{
    struct holder h = {0};
    struct at_pb_maps maps = {0};
    struct at_arena none;

    begin(ATOLL_TYPE_INT64);
    at_arena_init(&none, 64, 0);
    for (int64_t i = 0; i < 100; i++) {
        add(&h.first, i % 2);
        add(&h.second, i % 3);
    }
    CHECK_INT(at_pb_maps_note(&maps, &holder_desc, &h, false, &arena), 0);
    CHECK_INT(at_pb_maps_finish(&maps, &none), -ENOMEM);
    CHECK(maps.last == NULL);
    CHECK_INT((int)h.first.count, 100);
    CHECK_INT((int)h.second.count, 100);
    CHECK_INT(at_pb_maps_note(&maps, &holder_desc, &h, false, &arena), 0);
    CHECK_INT(at_pb_maps_finish(&maps, &arena), 0);
    CHECK_STR(left(&h.first), "98 99");
    CHECK_STR(left(&h.second), "97 98 99");
    at_arena_deinit(&none);
    at_arena_deinit(&arena);
}

TEST(maps_of_an_input_that_cannot_be_read_are_merged_with_the_next_one)
{
    struct holder h = {0};
    struct at_pb_maps maps = {0};

    begin(ATOLL_TYPE_INT64);
    add(&h.first, 1);
    add(&h.first, 1);
    CHECK_INT(at_pb_maps_note(&maps, &holder_desc, &h, false, &arena), 0);
    at_pb_maps_forget(&maps);
    CHECK_INT((int)h.first.count, 2);
    CHECK_INT(at_pb_maps_note(&maps, &holder_desc, &h, false, &arena), 0);
    CHECK_INT(at_pb_maps_finish(&maps, &arena), 0);
    CHECK_STR(left(&h.first), "1");
    at_arena_deinit(&arena);
}

TEST(an_element_of_a_list_is_merged_at_once)
{
    struct holder h = {0};
    struct at_pb_maps maps = {0};

    begin(ATOLL_TYPE_INT64);
    for (int64_t i = 0; i < 5; i++) {
        add(&h.first, i % 2);
        add(&h.second, i);
    }
    CHECK_INT(at_pb_maps_note(&maps, &holder_desc, &h, true, &arena), 0);
    CHECK(maps.last == NULL);
    CHECK_STR(left(&h.first), "3 4");
    CHECK_STR(left(&h.second), "0 1 2 3 4");
    at_arena_deinit(&arena);
}

TEST_MAIN("pb/map")
