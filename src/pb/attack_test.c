/*
 * What hostile input may cost: time that grows as the input does, memory within a bound per byte,
 * a stack that does not grow at all. The bounds are numbers here, so that a change that loosens one
 * shows. Time is compared between an input and one four times as long, never with a clock's value:
 * a slow machine or a sanitizer changes both.
 *
 * ATTACK_SET is the path of the descriptor set of attack.proto.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/limits.h"
#include "pb/pbtext.h"
#include "pb/pool.h"
#include "pb/table.h"
#include "pb/walk.h"

enum {
    MILLION = 1000000,
    STACK_MAX = 16384,
    GRANT = 1 << 30, /* of the arena: more than any of these may use */
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

static struct at_pool *pool;
static const struct atoll_message_desc *deep;
static const struct atoll_message_desc *leaf;
static struct at_arena arena;
static struct at_pb_fault fault;
static void *got;

static struct at_bytes read_set(void)
{
    static uint8_t room[1 << 16];
    FILE *f = fopen(ATTACK_SET, "re");
    size_t n;

    CHECK(f != NULL);
    n = fread(room, 1, sizeof(room), f);
    CHECK(n > 0 && n < sizeof(room) && fclose(f) == 0);
    return at_bytes_over(room, n);
}

static void begin(void)
{
    struct at_diag diag = {0};

    pool = at_pool_new();
    CHECK_INT(at_pool_add(pool, read_set(), &diag), 0);
    deep = at_pool_message(pool, at_bytes_of("test.attack.v1.Deep"));
    leaf = at_pool_message(pool, at_bytes_of("test.attack.v1.Leaf"));
    CHECK(deep != NULL && leaf != NULL);
    at_arena_init(&arena, 4096, GRANT);
    got = calloc(1, deep->struct_size);
    CHECK(got != NULL);
}

static void end(void)
{
    free(got);
    at_arena_deinit(&arena);
    at_pool_free(pool);
}

static int decode(struct at_bytes in)
{
    return at_pb_decode(deep, in, &arena, got, &fault);
}

static size_t count_of(uint32_t number)
{
    const struct atoll_field_desc *f = at_pb_field_by_number(deep, number);

    CHECK(f != NULL && at_pb_is_repeated(f));
    return ((const struct at_pb_array *)(const void *)((const char *)got + f->offset))->count;
}

/* An input, written from its end to its start: so a length is known when it is written. */
struct input {
    uint8_t *room;
    size_t cap;
    size_t len;
};

static struct input input_of(size_t cap)
{
    struct input in = {.room = malloc(cap), .cap = cap};

    CHECK(in.room != NULL);
    return in;
}

static struct at_bytes bytes_of(const struct input *in)
{
    return at_bytes_over(in->room + in->cap - in->len, in->len);
}

static void prepend(struct input *in, const void *at, size_t len)
{
    CHECK(in->cap - in->len >= len);
    in->len += len;
    memcpy(in->room + in->cap - in->len, at, len);
}

#define PREPEND(in, literal) prepend(in, literal, sizeof(literal) - 1)

static void prepend_varint(struct input *in, uint64_t v)
{
    uint8_t out[10];
    size_t n = 0;

    for (; v >= 0x80; v >>= 7) {
        out[n++] = (uint8_t)(v | 0x80);
    }
    out[n++] = (uint8_t)v;
    prepend(in, out, n);
}

/* n times the same bytes. */
static struct input repeated(size_t n, const char *at, size_t len)
{
    struct input in = input_of(n * len + 64);

    for (size_t i = 0; i < n; i++) {
        prepend(&in, at, len);
    }
    return in;
}

#define REPEATED(n, literal) repeated(n, literal, sizeof(literal) - 1)

/* n messages in field 1 of each other, below the outermost. */
static struct input nested_messages(size_t n)
{
    struct input in = input_of(n * 12 + 16);

    for (size_t i = 0; i < n; i++) {
        prepend_varint(&in, in.len);
        PREPEND(&in, "\x0A");
    }
    return in;
}

/*
 * n levels below the outermost: groups and messages by turns, a group the innermost. The ends of
 * all groups stand behind everything, so they are written first, and each length counts those that
 * are within.
 */
static struct input nested_groups(size_t n)
{
    struct input in = input_of(n * 12 + 16);
    size_t groups = (n + 1) / 2;
    size_t within = 0;

    for (size_t i = 0; i < groups; i++) {
        PREPEND(&in, "\x14");
    }
    for (size_t i = 0; i < n; i++) {
        if (i % 2 == 0) {
            PREPEND(&in, "\x13");
            within++;
        } else {
            prepend_varint(&in, in.len - groups + within);
            PREPEND(&in, "\x0A");
        }
    }
    return in;
}

static struct input unknown_groups(size_t n)
{
    struct input in = input_of(n * 4);

    for (size_t i = 0; i < n; i++) {
        PREPEND(&in, "\xC4\x3E"); /* 1000, its end */
    }
    for (size_t i = 0; i < n; i++) {
        PREPEND(&in, "\xC3\x3E");
    }
    return in;
}

/* n messages round what is there. */
static struct input within_messages(size_t n, struct input content)
{
    struct input in = input_of(content.len + n * 12);

    prepend(&in, content.room + content.cap - content.len, content.len);
    free(content.room);
    for (size_t i = 0; i < n; i++) {
        prepend_varint(&in, in.len);
        PREPEND(&in, "\x0A");
    }
    return in;
}

static int decode_and_free(struct input in)
{
    int r = decode(bytes_of(&in));

    free(in.room);
    return r;
}

/* --- depth --- */

TEST(a_hundred_levels_below_a_message_are_read_and_one_more_refused)
{
    begin();
    CHECK_INT(decode_and_free(nested_messages(100)), 0);
    CHECK_INT(decode_and_free(nested_messages(101)), AT_PB_TOO_DEEP);
    CHECK_INT(decode_and_free(unknown_groups(100)), 0);
    CHECK_INT(decode_and_free(unknown_groups(101)), AT_PB_TOO_DEEP);
    end();
}

TEST(groups_and_messages_share_the_hundred_levels)
{
    begin();
    CHECK_INT(decode_and_free(nested_groups(100)), 0);
    CHECK_INT(decode_and_free(nested_groups(101)), AT_PB_TOO_DEEP);
    CHECK_INT(decode_and_free(within_messages(60, unknown_groups(40))), 0);
    CHECK_INT(decode_and_free(within_messages(60, unknown_groups(41))), AT_PB_TOO_DEEP);
    end();
}

/* Entries go out with key and value; at the last level an empty value would be one too many. */
TEST(what_is_read_at_the_last_level_can_be_sent_and_read_again)
{
    struct input in = input_of(2000);
    struct at_bytes out;
    struct at_bytes again;

    begin();
    PREPEND(&in, "\x32\x00"); /* by_id, an entry with nothing in it: level 100 */
    in = within_messages(99, in);
    CHECK_INT(decode(bytes_of(&in)), 0);
    CHECK_INT(at_pb_encode_in_arena(deep, got, &arena, &out), 0);
    CHECK_INT(decode(out), 0);
    CHECK_INT(at_pb_encode_in_arena(deep, got, &arena, &again), 0);
    CHECK(at_bytes_equal(out, again));
    free(in.room);
    end();
}

TEST(a_hundred_thousand_levels_are_refused_at_the_limit)
{
    begin();
    CHECK_INT(decode_and_free(unknown_groups(100000)), AT_PB_TOO_DEEP);
    CHECK(fault.offset < 1000);
    CHECK_INT(decode_and_free(nested_messages(100000)), AT_PB_TOO_DEEP);
    CHECK(fault.offset < 1000);
    CHECK_INT(decode_and_free(nested_groups(100000)), AT_PB_TOO_DEEP);
    CHECK(fault.offset < 1000);
    end();
}

/* --- lengths and counts --- */

TEST(lengths_far_beyond_the_input_take_no_memory)
{
    static const uint64_t lengths[] = {1U << 31, (1U << 31) - 1, UINT64_C(1) << 32,
                                       UINT64_C(1) << 63, UINT64_MAX};
    static const uint8_t fields[] = {1, 3, 4, 5, 6, 7, 8, 9, 11, 12, 15};

    begin();
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        for (size_t j = 0; j < sizeof(fields); j++) {
            struct input in = input_of(64);

            PREPEND(&in, "x");
            prepend_varint(&in, lengths[i]);
            prepend_varint(&in, (uint64_t)fields[j] << 3 | 2);
            CHECK_INT(decode(bytes_of(&in)), AT_PB_TRUNCATED);
            /* and one level down, where the length is within the input but not the message */
            prepend_varint(&in, in.len);
            PREPEND(&in, "\x0A");
            CHECK_INT(decode_and_free(in), AT_PB_TRUNCATED);
        }
    }
    CHECK(arena.taken_bytes < 1 << 16);
    end();
}

TEST(a_list_ends_at_the_count_limit_packed_or_not)
{
    struct input in = input_of(AT_PB_COUNT_MAX + 64);

    begin();
    memset(in.room, 0, in.cap);
    in.len = AT_PB_COUNT_MAX;
    prepend_varint(&in, AT_PB_COUNT_MAX);
    PREPEND(&in, "\x42");
    CHECK_INT(decode(bytes_of(&in)), 0);
    CHECK_INT(count_of(8), AT_PB_COUNT_MAX);
    /* One more, of the other form, in front; then as one longer packed field. */
    at_arena_reset(&arena);
    PREPEND(&in, "\x40\x01");
    CHECK_INT(decode(bytes_of(&in)), AT_PB_TOO_MANY);
    at_arena_reset(&arena);
    in.len = AT_PB_COUNT_MAX + 1;
    prepend_varint(&in, AT_PB_COUNT_MAX + 1);
    PREPEND(&in, "\x42");
    CHECK_INT(decode_and_free(in), AT_PB_TOO_MANY);
    CHECK_STR(fault.field, "bools[0]"); /* nothing of it is stored */
    end();
}

TEST(unknown_fields_are_found_wherever_they_are)
{
    const struct {
        struct at_bytes in;
        const char *where; /* NULL: there are none */
    } rows[] = {
        {{NULL, 0}, NULL},
        {AT_LIT("\x22\x00\x22\x00"), NULL},
        {AT_LIT("\x22\x00\xC0\x3E\x05"), ""},
        {AT_LIT("\x22\x00\x22\x03\xC0\x3E\x05"), "leaves[1]"},
        {AT_LIT("\x0A\x05\x22\x03\xC0\x3E\x05"), "deep.leaves[0]"},
    };

    begin();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_INT(decode(rows[i].in), 0);
        CHECK_INT(at_pb_find_unknown(deep, got, &fault), rows[i].where != NULL);
        CHECK_STR(rows[i].where == NULL ? "" : fault.field,
                  rows[i].where == NULL ? "" : rows[i].where);
    }
    end();
}

/* --- memory --- */

/* How many bytes of memory one byte of input takes, when it is this a million times. */
static double amplification(const char *at, size_t len)
{
    struct input in = repeated(MILLION, at, len);
    double per_byte;

    CHECK_INT(decode(bytes_of(&in)), 0);
    per_byte = (double)arena.taken_bytes / (double)in.len;
    free(in.room);
    return per_byte;
}

#define AMPLIFICATION(literal) amplification(literal, sizeof(literal) - 1)

TEST(a_million_unknown_fields_in_a_row_take_one_note)
{
    begin();
    CHECK(AMPLIFICATION("\xC0\x3E\x05") < 0.01);
    CHECK(AMPLIFICATION("\xC3\x3E\x08\x01\xC4\x3E") < 0.01);
    end();
}

/*
 * A list of structs is the dearest: two bytes make one. What is left for its doubling and the
 * arena's is a factor of four; the grant of the arena is the last word.
 */
TEST(a_million_empty_values_take_no_more_than_their_structs)
{
    begin();
    CHECK(AMPLIFICATION("\x1A\x00") <= 4 * sizeof(struct atoll_str) / 2.0);
    at_arena_reset(&arena);
    CHECK(AMPLIFICATION("\x22\x00") <= 4 * (double)leaf->struct_size / 2.0);
    end();
}

/* A message with a list of structs as large as a table allows. */
enum { LARGE = 65528 };
static const struct atoll_message_desc large_desc = {
    .size = sizeof(large_desc), .full_name = "Large", .struct_size = LARGE};
static const union atoll_type_ref large_types[] = {{.message = &large_desc}};
static const struct atoll_field_desc large_fields[] = {
    {1 << 3 | 2, 8, 0, 0, ATOLL_KIND(REPEATED, MESSAGE), 0},
    {2 << 3 | 3, 24, 0, 0, ATOLL_KIND(REPEATED, GROUP), 0},
};
static const struct atoll_message_desc large_list_desc = {.size = sizeof(large_list_desc),
                                                          .full_name = "LargeList",
                                                          .struct_size = 40,
                                                          .field_count = 2,
                                                          .fields = large_fields,
                                                          .types = large_types};

TEST(an_element_that_comes_alone_takes_no_room_for_others)
{
    static const struct at_bytes alone[] = {
        /* an element, and then something else as long as fifteen of them */
        {(const uint8_t *)"\x0A\x00\x1A\x1E"
                          "123456789012345678901234567890",
         34},
        {(const uint8_t *)"\x13\x14", 2},
    };

    for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
        uint64_t message[5];

        begin();
        at_arena_deinit(&arena);
        at_arena_init(&arena, 64, 1 << 24);
        CHECK_INT(at_pb_decode(&large_list_desc, alone[i], &arena, message, &fault), 0);
        CHECK(arena.taken_bytes < 2 * LARGE);
        end();
    }
}

TEST(values_by_turns_with_others_take_no_more)
{
    begin();
    /* unknown, known, unknown, …: each unknown one needs a note of its own */
    CHECK(AMPLIFICATION("\xC0\x3E\x05\x68\x01") <= 4 * sizeof(struct atoll_unknown) / 5.0);
    at_arena_reset(&arena);
    CHECK(AMPLIFICATION("\x22\x00\x1A\x00\x68\x01") <=
          4 * (double)(leaf->struct_size + sizeof(struct atoll_str)) / 6.0);
    at_arena_reset(&arena);
    /* the members of a oneof by turns: each time the other one is forgotten */
    CHECK(AMPLIFICATION("\x4A\x00\x52\x00") <= 4 * (double)leaf->struct_size / 2.0);
    end();
}

TEST(the_grant_of_the_arena_ends_every_flood)
{
    static const char *const floods[] = {"\x1A\x00", "\x22\x00",         "\x2A\x00",
                                         "\x32\x00", "\x4A\x00\x52\x00", "\xC0\x3E\x05\x68\x01"};
    enum { SMALL = 1 << 16 };

    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        struct input in = repeated(100000, floods[i], i < 4 ? 2 : i < 5 ? 4 : 5);

        begin();
        at_arena_deinit(&arena);
        at_arena_init(&arena, 64, SMALL);
        CHECK_INT(decode_and_free(in), -ENOMEM);
        CHECK(arena.taken_bytes <= SMALL);
        end();
    }
}

/* --- time --- */

static double seconds(void)
{
    struct timespec t;

    CHECK_INT(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The quickest of some runs: neighbours and the first touch of memory only add. */
static double quickest(struct input (*make)(size_t n), size_t n)
{
    struct input in = make(n);
    double best = 1e9;

    for (int i = 0; i < 5; i++) {
        double start = seconds();
        int r = decode(bytes_of(&in));
        double took = seconds() - start;

        CHECK_INT(r, 0);
        best = took < best ? took : best;
        at_arena_reset(&arena);
    }
    free(in.room);
    return best;
}

/*
 * Four times the input: four times the time, eight with caches and noise; quadratic were sixteen.
 * Retried, because a neighbour on the machine may hit one side alone.
 */
static void check_linear(struct input (*make)(size_t n), size_t n)
{
    double ratio = 0;

    begin();
    for (int i = 0; i < 5; i++) {
        double once = quickest(make, n);

        ratio = quickest(make, 4 * n) / (once > 1e-6 ? once : 1e-6);
        if (ratio < 10) {
            break;
        }
    }
    if (ratio >= 10) {
        at_test_fail(__FILE__, __LINE__, "four times the input takes %.1f times as long", ratio);
    }
    end();
}

static struct input many_unknown(size_t n)
{
    return REPEATED(n, "\xC0\x3E\x05");
}

static struct input unknown_by_turns(size_t n)
{
    return REPEATED(n, "\xC0\x3E\x05\x68\x01");
}

static struct input many_strings(size_t n)
{
    return REPEATED(n, "\x1A\x00");
}

static struct input many_leaves(size_t n)
{
    return REPEATED(n, "\x22\x00");
}

static struct input lists_by_turns(size_t n)
{
    return REPEATED(n, "\x1A\x00\x22\x00\x38\x01\x22\x00\x22\x00");
}

static struct input many_merges(size_t n)
{
    return REPEATED(n, "\x0A\x02\x68\x01");
}

static struct input growing_merges(size_t n)
{
    return REPEATED(n, "\x0A\x02\x1A\x00"); /* one more string each time */
}

static struct input same_key(size_t n)
{
    return REPEATED(n, "\x2A\x05\x0A\x01k\x10\x01");
}

/* An entry of by_id, without a value. */
static void prepend_entry(struct input *in, uint64_t key)
{
    size_t before = in->len;

    prepend_varint(in, key);
    PREPEND(in, "\x08");
    prepend_varint(in, in->len - before);
    PREPEND(in, "\x32");
}

static struct input other_keys(size_t n)
{
    struct input in = input_of(n * 13);

    for (uint64_t i = 0; i < n; i++) {
        prepend_entry(&in, i);
    }
    return in;
}

/* Keys that are equal in their low halves: for hashes that drop bits. */
static struct input far_keys(size_t n)
{
    struct input in = input_of(n * 13);

    for (uint64_t i = 0; i < n; i++) {
        prepend_entry(&in, i << 40 | i >> 24);
    }
    return in;
}

/* Half of the input is a map within a sub-message, the other half merges nothing into it. */
static struct input merges_over_a_map(size_t n)
{
    struct input in = input_of(n * 16);
    size_t merges = n;
    size_t before;

    for (size_t i = 0; i < merges; i++) {
        PREPEND(&in, "\x0A\x00");
    }
    before = in.len;
    for (uint64_t i = 0; i < n; i++) {
        prepend_entry(&in, i);
    }
    prepend_varint(&in, in.len - before);
    PREPEND(&in, "\x0A");
    return in;
}

/* A sub-message that comes again and again, with one more entry of its map each time. */
static struct input merges_with_entries(size_t n)
{
    struct input in = input_of(n * 16);

    for (uint64_t i = 0; i < n; i++) {
        size_t before = in.len;

        prepend_entry(&in, i);
        prepend_varint(&in, in.len - before);
        PREPEND(&in, "\x0A");
    }
    return in;
}

/* A list of messages with required fields, in a message that is merged again and again. */
static struct input merges_over_required(size_t n)
{
    struct input in = input_of(n * 16);
    size_t before;

    for (size_t i = 0; i < n; i++) {
        PREPEND(&in, "\x5A\x00");
    }
    before = in.len;
    for (size_t i = 0; i < n; i++) {
        PREPEND(&in, "\x1A\x02\x08\x01");
    }
    PREPEND(&in, "\x08\x01");
    prepend_varint(&in, in.len - before);
    PREPEND(&in, "\x5A");
    return in;
}

TEST(a_million_unknown_fields_cost_linear_time)
{
    check_linear(many_unknown, MILLION / 4);
    check_linear(unknown_by_turns, MILLION / 4);
}

TEST(a_million_elements_cost_linear_time)
{
    check_linear(many_strings, MILLION / 4);
    check_linear(many_leaves, MILLION / 4);
    check_linear(lists_by_turns, MILLION / 20);
}

TEST(one_sub_message_in_a_million_pieces_costs_linear_time)
{
    check_linear(many_merges, MILLION / 4);
    check_linear(growing_merges, MILLION / 4);
}

TEST(a_million_entries_of_one_map_cost_linear_time)
{
    check_linear(same_key, MILLION / 4);
    check_linear(other_keys, MILLION / 16);
    check_linear(far_keys, MILLION / 16);
}

TEST(merging_a_message_again_and_again_does_not_look_through_its_maps_each_time)
{
    check_linear(merges_over_a_map, MILLION / 100);
    check_linear(merges_with_entries, MILLION / 100);
}

TEST(merging_a_message_again_and_again_does_not_look_through_its_lists_each_time)
{
    check_linear(merges_over_required, MILLION / 100);
}

/* --- schemas --- */

/*
 * A FileDescriptorSet: the content of one FileDescriptorProto, which this makes a set of by putting
 * its name and the two lengths in front.
 */
static struct input as_set(struct input in)
{
    PREPEND(&in, "\x0A\x01"
                 "f");
    prepend_varint(&in, in.len);
    PREPEND(&in, "\x0A");
    return in;
}

/* "n123", and its length and the tag of field 1. */
static void prepend_name(struct input *in, size_t i)
{
    char name[24];
    int n = snprintf(name, sizeof(name), "n%zu", i);

    prepend(in, name, (size_t)n);
    prepend_varint(in, (uint64_t)n);
    PREPEND(in, "\x0A");
}

static struct input many_types(size_t n)
{
    struct input in = input_of(n * 32 + 64);

    for (size_t i = 0; i < n; i++) {
        size_t before = in.len;

        prepend_name(&in, i);
        prepend_varint(&in, in.len - before);
        PREPEND(&in, "\x22"); /* message_type */
    }
    return as_set(in);
}

/* One message of n optional int32 fields, the highest number first. */
static struct input many_fields(size_t n)
{
    struct input in = input_of(n * 32 + 64);

    for (size_t i = 1; i <= n; i++) {
        size_t before = in.len;

        PREPEND(&in, "\x20\x01\x28\x08"); /* label, type: bool, so that the struct holds them all */
        prepend_varint(&in, i);
        PREPEND(&in, "\x18");
        prepend_name(&in, i);
        prepend_varint(&in, in.len - before);
        PREPEND(&in, "\x12"); /* field */
    }
    prepend_name(&in, 0);
    prepend_varint(&in, in.len);
    PREPEND(&in, "\x22");
    return as_set(in);
}

/* One enum of n values; every second one is an alias. */
static struct input many_values(size_t n)
{
    struct input in = input_of(n * 32 + 64);

    for (size_t i = 0; i < n; i++) {
        size_t before = in.len;

        prepend_varint(&in, i / 2);
        PREPEND(&in, "\x10");
        prepend_name(&in, i + 1);
        prepend_varint(&in, in.len - before);
        PREPEND(&in, "\x12"); /* value */
    }
    prepend_name(&in, 0);
    prepend_varint(&in, in.len);
    PREPEND(&in, "\x2A"); /* enum_type */
    return as_set(in);
}

static double pool_time(struct input (*make)(size_t n), size_t n)
{
    struct input in = make(n);
    double best = 1e9;

    for (int i = 0; i < 3; i++) {
        struct at_pool *p = at_pool_new();
        struct at_diag diag = {0};
        double start = seconds();
        int r = at_pool_add(p, bytes_of(&in), &diag);
        double took = seconds() - start;

        if (r != 0) {
            at_test_fail(__FILE__, __LINE__, "%d: %s", r, diag.what);
        }
        best = took < best ? took : best;
        at_pool_free(p);
    }
    free(in.room);
    return best;
}

TEST(a_schema_takes_time_as_it_is_long)
{
    static struct input (*const makers[])(size_t n) = {many_types, many_fields, many_values};

    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
        double ratio = 0;

        for (int tries = 0; tries < 5 && (tries == 0 || ratio >= 10); tries++) {
            ratio = pool_time(makers[i], 32000) / pool_time(makers[i], 8000);
        }
        if (ratio >= 10) {
            at_test_fail(__FILE__, __LINE__, "four times schema %zu takes %.1f times as long", i,
                         ratio);
        }
    }
}

/* --- stack --- */

struct on_a_stack {
    void (*run)(void);
    uint8_t *stack;
    size_t size;
};

static void *perform(void *arg)
{
    ((struct on_a_stack *)arg)->run();
    return NULL;
}

/* Runs it on a stack of its own and returns how many bytes of that were ever written. */
static size_t stack_used(void (*run)(void))
{
    struct on_a_stack s = {.run = run, .size = 1 << 16};
    pthread_attr_t attr;
    pthread_t thread;
    size_t untouched = 0;

    s.stack = mmap(NULL, s.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(s.stack != MAP_FAILED);
    memset(s.stack, 0xA7, s.size);
    CHECK_INT(pthread_attr_init(&attr), 0);
    CHECK_INT(pthread_attr_setstack(&attr, s.stack, s.size), 0);
    CHECK_INT(pthread_create(&thread, &attr, perform, &s), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    (void)pthread_attr_destroy(&attr);
    while (untouched < s.size && s.stack[untouched] == 0xA7) {
        untouched++;
    }
    CHECK_INT(munmap(s.stack, s.size), 0);
    return s.size - untouched;
}

static void nothing(void)
{
}

static struct at_bytes deep_input;
static struct at_text deep_json;
static struct at_text deep_text;

static void decode_deep(void)
{
    if (at_pb_decode(deep, deep_input, &arena, got, &fault) != 0) {
        abort();
    }
}

static void encode_deep(void)
{
    struct at_bytes out;

    if (at_pb_encode_in_arena(deep, got, &arena, &out) != 0 || !at_bytes_equal(out, deep_input)) {
        abort();
    }
}

static void sort_deep(void)
{
    if (at_pb_sort_maps(deep, got, &arena) != 0) {
        abort();
    }
}

static void write_deep_text(void)
{
    at_text_clear(&deep_text);
    if (at_pbtext_write(&(struct at_pbtext_how){0}, deep, got, &deep_text) != 0) {
        abort();
    }
}

static void read_deep_text(void)
{
    if (at_pbtext_read(&(struct at_pbtext_how){0}, deep, at_text_bytes(&deep_text), &arena, got) !=
        0) {
        abort();
    }
}

static void print_deep(void)
{
    struct at_json_writer w;

    at_text_clear(&deep_json);
    at_json_writer_init(&w, &deep_json, 0);
    if (at_json_from_message(deep, got, 0, &w) != 0) {
        abort();
    }
}

static void read_deep(void)
{
    if (at_json_to_message(deep, at_text_bytes(&deep_json), 0, &arena, got, &fault) != 0) {
        abort();
    }
}

/* Four pages, whatever the input: frames of a hundred levels stand in it, and nothing more. */
static void check_stack(struct input in)
{
    static void (*const steps[])(void) = {decode_deep,    encode_deep, sort_deep,   print_deep,
                                          read_deep,      encode_deep, decode_deep, write_deep_text,
                                          read_deep_text, encode_deep};
    size_t own;

    begin();
    at_text_init(&deep_json);
    at_text_init(&deep_text);
    deep_input = bytes_of(&in);
    own = stack_used(nothing);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        size_t used = stack_used(steps[i]);

        if (used - own > STACK_MAX) {
            at_test_fail(__FILE__, __LINE__, "step %zu takes %zu bytes of stack", i, used - own);
        }
    }
    at_text_deinit(&deep_text);
    at_text_deinit(&deep_json);
    free(in.room);
    end();
}

TEST(a_hundred_levels_are_read_and_written_on_a_small_stack)
{
    if (!SANITIZED) { /* those need more stack for themselves */
        check_stack(nested_messages(100));
        check_stack(nested_groups(100));
    }
}

/* --- allocation --- */

TEST(when_the_nth_allocation_fails_no_way_through_the_codec_breaks)
{
    struct input in = input_of(2000);

    for (int i = 0; i < 20; i++) {
        prepend_varint(&in, in.len);
        PREPEND(&in, "\x0A");
    }
    for (int i = 0; i < 20; i++) {
        PREPEND(&in, "\x1A\x01x\x22\x02\x08\x01\xC0\x3E\x05");
        prepend_entry(&in, (uint64_t)i % 7);
    }
    begin();
    WITH_EACH_ALLOCATION_FAILING({
        struct at_text text;
        struct at_json_writer w;
        struct at_bytes out;
        int r;

        at_arena_deinit(&arena);
        at_arena_init(&arena, 64, GRANT);
        at_text_init(&text);
        at_json_writer_init(&w, &text, 0);
        r = decode(bytes_of(&in));
        r = r == 0 ? at_pb_merge(deep, bytes_of(&in), &arena, got, &fault) : r;
        r = r == 0 ? at_pb_encode_sorted(deep, got, &arena, &out) : r;
        r = r == 0 ? at_pbtext_write(&(struct at_pbtext_how){0}, deep, got, &text) : r;
        r = r == 0 && text.failed ? -ENOMEM : r;
        r = r == 0 ? at_pbtext_read(&(struct at_pbtext_how){0}, deep, at_text_bytes(&text), &arena,
                                    got)
                   : r;
        at_text_clear(&text);
        r = r == 0 ? at_json_from_message(deep, got, 0, &w) : r;
        r = r == 0 && text.failed ? -ENOMEM : r;
        r = r == 0 ? at_json_to_message(deep, at_text_bytes(&text), 0, &arena, got, &fault) : r;
        CHECK_INT(r, r == 0 || !allocation_failed() ? 0 : -ENOMEM);
        at_text_deinit(&text);
    });
    free(in.room);
    end();
}

TEST_MAIN("pb/attack")
