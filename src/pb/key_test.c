#include "pb/key.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "base/arena.h"
#include "everything.atoll.h"
#include "pb/codec.h"

#define ALL (&test_v1_Everything_desc)

static const char *why_not(const char *path)
{
    struct at_pb_key_path p;
    const struct atoll_message_desc *of;
    struct at_bytes piece;

    return at_pb_key_resolve(ALL, at_bytes_of(path), &p, &piece, &of);
}

TEST(a_path_leads_to_an_integer_bool_enum_string_or_bytes_and_to_nothing_else)
{
    static const char *const good[] = {"an_int64",
                                       "a_fixed32",
                                       "a_bool",
                                       "a_string",
                                       "some_bytes",
                                       "color",
                                       "anInt32",
                                       "nested.a_string",
                                       "item.note",
                                       "number",
                                       "text",
                                       "maybe_int32",
                                       "nested.nested.nested.nested.nested.nested.nested.a_bool"};
    static const char *const bad[] = {
        "",
        "nobody",
        "a_double",
        "a_float",
        "nested",
        "item",
        "int32s",
        "strings",
        "counts",
        "items",
        "a_string.x",
        "items.note",
        "nested.",
        ".a_string",
        "nested..color",
        "counts.key",
        "nested.nested.nested.nested.nested.nested.nested.nested.color"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK(why_not(good[i]) == NULL);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(why_not(bad[i]) != NULL);
    }
}

/* The same from the struct and from the wire; its bytes. */
static struct at_bytes both(const struct test_v1_Everything *m, const char *path,
                            struct at_pb_key *ret)
{
    static uint8_t room[65536];
    struct at_bytes wire = {0};
    struct at_pb_key other;

    CHECK_INT(at_pb_encode(ALL, m, room, sizeof(room), &wire), 0);
    CHECK(at_pb_key_of_message(ALL, m, at_bytes_of(path), ret));
    CHECK(at_pb_key_of_wire(ALL, wire, at_bytes_of(path), &other));
    CHECK(at_bytes_equal(ret->bytes, other.bytes));
    return ret->bytes;
}

static uint64_t number(struct at_bytes b)
{
    uint64_t n = 0;

    CHECK_INT(b.len, 8);
    for (size_t i = 0; i < 8; i++) {
        n |= (uint64_t)b.at[i] << (8 * i);
    }
    return n;
}

TEST(struct_and_wire_give_the_same_key_for_every_type_and_value)
{
    static const int64_t values[] = {0, 1, -1, 77, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    struct at_pb_key k;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        int64_t v = values[i];
        struct test_v1_Everything_Item item = {.item_id = (int32_t)v, .note = {"n", 1}};
        struct test_v1_Everything inner = {.an_int64 = v, .a_string = {"in", 2}};
        struct test_v1_Everything m = {.an_int64 = v,
                                       .a_uint64 = (uint64_t)v,
                                       .an_int32 = (int32_t)v,
                                       .a_fixed64 = (uint64_t)v,
                                       .a_fixed32 = (uint32_t)v,
                                       .a_bool = v != 0,
                                       .a_string = {"some", (size_t)(i % 5)},
                                       .some_bytes = {"\0\1", (size_t)(i % 3)},
                                       .a_uint32 = (uint32_t)v,
                                       .color = (int32_t)v,
                                       .an_sfixed32 = (int32_t)v,
                                       .an_sfixed64 = v,
                                       .an_sint32 = (int32_t)v,
                                       .an_sint64 = v,
                                       .has_maybe_int32 = i % 2 == 0,
                                       .maybe_int32 = (int32_t)v,
                                       .nested = &inner};

        CHECK(number(both(&m, "an_int64", &k)) == (uint64_t)v);
        CHECK(number(both(&m, "a_uint64", &k)) == (uint64_t)v);
        CHECK(number(both(&m, "an_int32", &k)) == (uint64_t)(int64_t)(int32_t)v);
        CHECK(number(both(&m, "an_sint32", &k)) == (uint64_t)(int64_t)(int32_t)v);
        CHECK(number(both(&m, "an_sfixed32", &k)) == (uint64_t)(int64_t)(int32_t)v);
        CHECK(number(both(&m, "color", &k)) == (uint64_t)(int64_t)(int32_t)v);
        CHECK(number(both(&m, "a_uint32", &k)) == (uint32_t)v);
        CHECK(number(both(&m, "a_fixed32", &k)) == (uint32_t)v);
        CHECK(number(both(&m, "a_fixed64", &k)) == (uint64_t)v);
        CHECK(number(both(&m, "an_sfixed64", &k)) == (uint64_t)v);
        CHECK(number(both(&m, "an_sint64", &k)) == (uint64_t)v);
        CHECK(number(both(&m, "a_bool", &k)) == (v != 0));
        CHECK_INT(both(&m, "a_string", &k).len, i % 5);
        CHECK_INT(both(&m, "some_bytes", &k).len, i % 3);
        CHECK(number(both(&m, "maybe_int32", &k)) ==
              (i % 2 == 0 ? (uint64_t)(int64_t)(int32_t)v : 0));
        CHECK(number(both(&m, "nested.an_int64", &k)) == (uint64_t)v);
        CHECK_INT(both(&m, "nested.nested.a_string", &k).len, 0); /* absent on the way */
        CHECK(number(both(&m, "item.item_id", &k)) == 0);
        m.payload_case = 33;
        m.payload.item = &item;
        CHECK(number(both(&m, "item.item_id", &k)) == (uint64_t)(int64_t)(int32_t)v);
        CHECK(number(both(&m, "other_item.item_id", &k)) == 0);
    }
}

#define WIRE(literal, path, key)                                                                   \
    at_pb_key_of_wire(ALL, at_bytes_over(literal, sizeof(literal) - 1), AT_LIT(path), key)

TEST(of_a_field_that_comes_twice_the_last_counts_and_oneofs_displace_each_other)
{
    struct at_pb_key k;

    CHECK(WIRE("\x28\x01\x28\x07", "an_int32", &k));
    CHECK(number(k.bytes) == 7);
    CHECK(WIRE("\x5A\x02\x28\x01\x5A\x02\x20\x05", "nested.an_int32", &k)); /* merged */
    CHECK(number(k.bytes) == 1);
    CHECK(WIRE("\x8A\x02\x02\x08\x09\xF8\x01\x05", "item.item_id", &k)); /* item, then number */
    CHECK(number(k.bytes) == 0);
    CHECK(WIRE("\xF8\x01\x05\x8A\x02\x02\x08\x09", "item.item_id", &k));
    CHECK(number(k.bytes) == 9);
    CHECK(WIRE("", "a_string", &k));
    CHECK_INT(k.bytes.len, 0);
}

TEST(what_is_no_message_gives_no_key_and_nothing_behind_it_is_read)
{
    static const char whole[] = "\x4A\x03"
                                "abc"
                                "\x5A\x04\x4A\x02xy\x28\xFF\x01";
    static const char *const paths[] = {"a_string", "nested.a_string", "an_int32"};

    for (size_t n = 0; n < sizeof(whole); n++) {
        char *exact = malloc(n + 1);

        memcpy(exact, whole, n);
        for (size_t i = 0; i < 3; i++) {
            struct at_pb_key k;

            (void)at_pb_key_of_wire(ALL, at_bytes_over(n == 0 ? NULL : exact, n),
                                    at_bytes_of(paths[i]), &k);
        }
        free(exact);
    }
    for (uint32_t seed = 1; seed < 20000; seed++) {
        uint8_t bytes[24];
        uint32_t x = seed * 2654435761U;
        struct at_pb_key k;

        for (size_t i = 0; i < sizeof(bytes); i++) {
            x = x * 1664525U + 1013904223U;
            bytes[i] = (uint8_t)(x >> 24);
        }
        bytes[0] = seed % 3 == 0 ? 0x5A : bytes[0];
        (void)at_pb_key_of_wire(ALL, at_bytes_over(bytes, sizeof(bytes)), AT_LIT("nested.a_string"),
                                &k);
    }
}

TEST_MAIN("pb/key")
