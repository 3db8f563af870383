/*
 * What proto2 has: groups, defaults, required, closed enums, extensions. The tables are made from
 * descriptor sets that protoc wrote of testdata/legacy.proto and legacy_more.proto; sets that no
 * protoc writes are made here from text, with descriptor.proto as the contract of contracts.
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "pb/codec.h"
#include "pb/limits.h"
#include "pb/pbtext.h"
#include "pb/pool.h"
#include "pb/table.h"

enum { SET_MAX = 1 << 16 };

static struct at_diag diag;
static struct at_arena arena;

static struct at_bytes file(const char *path)
{
    static uint8_t room[3][SET_MAX];
    static int next;
    FILE *f = fopen(path, "rb");
    uint8_t *at = room[next++ % 3];
    size_t len;

    CHECK(f != NULL);
    len = fread(at, 1, SET_MAX, f);
    CHECK(len > 0 && len < SET_MAX);
    (void)fclose(f);
    return at_bytes_over(at, len);
}

static struct at_pool *legacy(void)
{
    struct at_pool *pool = at_pool_new();

    at_arena_init(&arena, 4096, 1 << 26);
    CHECK_INT(at_pool_add(pool, file(LEGACY_SET), &diag), 0);
    return pool;
}

static void end(struct at_pool *pool)
{
    at_pool_free(pool);
    at_arena_deinit(&arena);
}

static const struct atoll_message_desc *type(const struct at_pool *pool, const char *name)
{
    const struct atoll_message_desc *desc = at_pool_message(pool, at_bytes_of(name));

    CHECK(desc != NULL);
    return desc;
}

static const struct atoll_field_desc *field(const struct atoll_message_desc *desc, const char *name)
{
    const struct atoll_field_desc *f = at_pb_field_by_name(desc, at_bytes_of(name));

    if (f == NULL) {
        printf("# no field %s\n", name);
    }
    CHECK(f != NULL);
    return f;
}

/* Where the value of a field stands in a message. */
static const void *value(const struct atoll_message_desc *desc, const void *message,
                         const char *name)
{
    return (const uint8_t *)message + field(desc, name)->offset;
}

TEST(an_empty_message_holds_the_defaults_of_its_contract)
{
    struct at_pool *pool = legacy();
    const struct atoll_message_desc *desc = type(pool, "test.legacy.Defaults");
    void *m = malloc(desc->struct_size);
    const struct atoll_str *text;

#define IS(type, name, expected) CHECK(*(const type *)value(desc, m, name) == (expected))
    CHECK(desc->initial != NULL);
    at_pb_init(desc, m);
    IS(int32_t, "an_int32", -7);
    IS(int64_t, "an_int64", INT64_MIN);
    IS(uint32_t, "a_uint32", UINT32_MAX);
    IS(uint64_t, "a_uint64", UINT64_MAX);
    IS(int32_t, "a_sint32", INT32_MIN);
    IS(int64_t, "an_sfixed64", 16);
    IS(uint32_t, "a_fixed32", 8);
    IS(float, "a_float", 1.5e-3F);
    IS(double, "a_double", 1e300);
    IS(double, "up", (double)INFINITY);
    IS(float, "down", -INFINITY);
    CHECK(isnan(*(const double *)value(desc, m, "nothing")));
    IS(bool, "yes", true);
    IS(int32_t, "level", 5);
    IS(int32_t, "low", -1);
    IS(uintptr_t, "inner", 0);
    text = value(desc, m, "text");
    CHECK(at_bytes_equal(at_bytes_over(text->at, text->len), AT_LIT("say \"\\n\" \303\244")));
    text = value(desc, m, "raw");
    CHECK(at_bytes_equal(at_bytes_over(text->at, text->len), AT_LIT("\000\001\377 \"?\n\t'\\")));
    text = value(desc, m, "plain");
    CHECK(text->len == 0);
    for (size_t i = 0; i < desc->field_count; i++) {
        CHECK(!at_pb_has(at_pb_field(desc, i), m));
    }
    free(m);
    end(pool);
}

TEST(what_is_not_sent_has_its_default_and_stays_unsent)
{
    struct at_pool *pool = legacy();
    const struct atoll_message_desc *desc = type(pool, "test.legacy.Defaults");
    const struct atoll_message_desc *inner;
    void *m = malloc(desc->struct_size);
    struct at_bytes in = AT_LIT("\x0A\x00\xB2\x01\x00"); /* a wrong wire type, and an empty inner */
    struct at_bytes out = {0};

    CHECK_INT(at_pb_decode(desc, at_bytes_after(in, 2), &arena, m, NULL), 0);
    IS(int32_t, "an_int32", -7);
    inner = at_pb_message_of(desc, field(desc, "inner"));
    CHECK(*(const int32_t *)value(inner, *(void *const *)value(desc, m, "inner"), "depth") == 1);
    CHECK_INT(at_pb_encode_in_arena(desc, m, &arena, &out), 0);
    CHECK(at_bytes_equal(out, at_bytes_after(in, 2)));
    free(m);
    end(pool);
}

TEST(an_entry_without_its_value_has_the_default_of_its_type)
{
    struct at_pool *pool = legacy();
    const struct atoll_message_desc *desc = type(pool, "test.legacy.Defaults");
    const struct atoll_message_desc *entry = type(pool, "test.legacy.Defaults.LevelsEntry");
    const struct at_pb_array *levels;
    void *m = malloc(desc->struct_size);

    CHECK((desc->flags & ATOLL_MESSAGE_HAS_MAPS) != 0);
    CHECK_INT(at_pb_decode(desc, AT_LIT("\xAA\x01\x03\x0A\x01k"), &arena, m, NULL), 0);
    levels = value(desc, m, "levels");
    CHECK_INT((int)levels->count, 1);
    CHECK_INT(*(const int32_t *)value(entry, levels->at, "value"), 0);
    free(m);
    end(pool);
}

TEST(fields_are_as_proto2_says)
{
    struct at_pool *pool = legacy();
    const struct atoll_message_desc *desc = type(pool, "test.legacy.Legacy");

#define HAS_FLAGS(name, expected) CHECK_INT(field(desc, name)->flags, expected)
#define IS_KIND(name, form, type) CHECK_INT(field(desc, name)->kind, ATOLL_KIND(form, type))
    CHECK_INT((int)desc->flags, ATOLL_MESSAGE_HAS_REQUIRED);
    IS_KIND("id", OPTIONAL, INT32);
    HAS_FLAGS("id", ATOLL_FIELD_REQUIRED);
    IS_KIND("needed", IMPLICIT, MESSAGE);
    HAS_FLAGS("needed", ATOLL_FIELD_REQUIRED);
    IS_KIND("pair", IMPLICIT, GROUP);
    CHECK_INT((int)field(desc, "pair")->tag, 2 << 3 | 3);
    CHECK_STR(at_pb_sub(desc, field(desc, "pair"))->full_name, "test.legacy.Legacy.Pair");
    IS_KIND("item", REPEATED, GROUP);
    IS_KIND("loose", REPEATED, INT32);
    CHECK_INT((int)field(desc, "loose")->tag, 4 << 3);
    IS_KIND("tight", PACKED, INT32);
    CHECK_INT((int)field(desc, "tight")->tag, 5 << 3 | 2);
    IS_KIND("any_text", OPTIONAL, STRING);
    HAS_FLAGS("any_text", ATOLL_FIELD_ANY_BYTES);
    HAS_FLAGS("level", ATOLL_FIELD_CLOSED | ATOLL_FIELD_DEPRECATED);
    IS_KIND("levels", REPEATED, ENUM);
    HAS_FLAGS("levels", ATOLL_FIELD_CLOSED);
    CHECK(field(desc, "@odd") == field(desc, "odd_name"));
    CHECK_INT((int)type(pool, "test.legacy.Legacy.Needed")->flags,
              ATOLL_MESSAGE_HAS_REQUIRED | ATOLL_MESSAGE_DEPRECATED);
    CHECK_INT((int)type(pool, "test.legacy.Set")->flags, ATOLL_MESSAGE_SET);
    end(pool);
}

TEST(all_message_types_can_be_gone_through)
{
    struct at_pool *pool = legacy();
    const struct atoll_message_desc *desc = NULL;
    size_t n = 0;

    while ((desc = at_pool_next_message(pool, desc)) != NULL) {
        CHECK(at_pool_message(pool, at_bytes_of(desc->full_name)) == desc);
        n++;
    }
    CHECK_INT((int)n, 9);
    end(pool);
}

TEST(extensions_are_fields_of_what_they_extend)
{
    struct at_pool *pool = legacy();
    const struct atoll_message_desc *desc = type(pool, "test.legacy.Legacy");
    const struct atoll_message_desc *of = NULL;
    const struct atoll_field_desc *f = at_pool_extension(pool, AT_LIT("test.legacy.number"), &of);

    CHECK(f != NULL && of == desc && f == field(desc, "test.legacy.number"));
    CHECK_INT((int)at_pb_number(f), 101);
    IS_KIND("test.legacy.number", OPTIONAL, INT32);
    HAS_FLAGS("test.legacy.number", ATOLL_FIELD_EXTENSION);
    CHECK(f == field(desc, "[test.legacy.number]"));
    CHECK_STR((const char *)at_pb_json_name(desc, f).at, "[test.legacy.number]");
    IS_KIND("test.legacy.words", REPEATED, STRING);
    IS_KIND("test.legacy.Legacy.inside", IMPLICIT, MESSAGE);
    f = at_pool_extension(pool, AT_LIT("test.legacy.Legacy.Inside.of_set"), &of);
    CHECK(f != NULL && of == type(pool, "test.legacy.Set"));
    CHECK(at_pool_extension(pool, AT_LIT("test.legacy.none"), &of) == NULL);
    CHECK(at_pool_extension(pool, AT_LIT("test.legacy.Legacy"), &of) == NULL);
    CHECK(at_pool_message(pool, AT_LIT("test.legacy.number")) == NULL);
    CHECK(at_pool_find(pool, AT_LIT("test.legacy.Legacy")) == desc);
    CHECK(at_pool_enum(pool, AT_LIT("test.legacy.Level")) != NULL);
    CHECK(at_pool_enum(pool, AT_LIT("test.legacy.LEVEL_LOW")) == NULL);
    end(pool);
}

/* A Legacy with 1: 7, 9: {1: "y"}, extension 101: 3, 1000: LEVEL_LOW, 150: [-1, 1] packed. */
#define EXTENDED                                                                                   \
    "\x08\x07\x4A\x03\x0A\x01y\xA8\x06\x03\xB2\x09\x02\x01\x02"                                    \
    "\xC0\x3E\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"

TEST(extensions_that_come_later_join_the_message_that_is_there)
{
    struct at_pool *pool = legacy();
    const struct atoll_message_desc *desc = type(pool, "test.legacy.Legacy");
    struct at_bytes in = AT_LIT(EXTENDED);
    const struct atoll_field_desc *f;
    const struct at_pb_array *tight;
    struct at_bytes before = {0};
    struct at_bytes after = {0};
    void *m = malloc(desc->struct_size);
    uint32_t count = desc->field_count;

    CHECK_INT(at_pb_decode(desc, in, &arena, m, NULL), 0);
    CHECK(*(struct atoll_unknown **)((uint8_t *)m + desc->unknown_offset) != NULL);
    CHECK_INT(at_pb_encode_in_arena(desc, m, &arena, &before), 0);
    free(m);
    CHECK_INT(at_pool_add(pool, file(LEGACY_MORE_SET), &diag), 0);
    CHECK(desc == type(pool, "test.legacy.Legacy"));
    CHECK_INT((int)desc->field_count, (int)count + 4);
    m = malloc(desc->struct_size);
    CHECK_INT(at_pb_decode(desc, in, &arena, m, NULL), 0);
    CHECK(*(struct atoll_unknown **)((uint8_t *)m + desc->unknown_offset) == NULL);
    CHECK_INT(*(const int32_t *)value(desc, m, "test.legacy.number"), 3);
    CHECK_INT(*(const int32_t *)value(desc, m, "test.more.level"), -1);
    tight = value(desc, m, "test.more.tight");
    CHECK(tight->count == 2 && ((int32_t *)tight->at)[0] == -1);
    CHECK_INT(at_pb_encode_in_arena(desc, m, &arena, &after), 0);
    CHECK(at_bytes_equal(after, in) && before.len == after.len);
    f = field(desc, "[test.more.Scope.scope]");
    CHECK_STR(at_pb_sub(desc, f)->full_name, "test.more.Scope");
    IS_KIND("test.more.extra", REPEATED, GROUP);
    HAS_FLAGS("test.more.level", ATOLL_FIELD_EXTENSION | ATOLL_FIELD_CLOSED);
    free(m);
    end(pool);
}

TEST(in_which_set_extensions_come_makes_no_difference)
{
    struct at_pool *later = legacy();
    struct at_pool *at_once = at_pool_new();
    const struct atoll_message_desc *a = type(later, "test.legacy.Legacy");
    const struct atoll_message_desc *b;

    CHECK_INT(at_pool_add(later, file(LEGACY_MORE_SET), &diag), 0);
    CHECK_INT(at_pool_add(at_once, file(LEGACY_MORE_SET), &diag), 0);
    b = type(at_once, "test.legacy.Legacy");
    CHECK(a->field_count == b->field_count && a->struct_size == b->struct_size);
    for (size_t i = 0; i < a->field_count; i++) {
        const struct atoll_field_desc *x = at_pb_field(a, i);
        const struct atoll_field_desc *y = at_pb_field(b, i);

        CHECK(x->tag == y->tag && x->kind == y->kind && x->offset == y->offset);
        CHECK(at_bytes_equal(at_pb_name(a, x), at_pb_name(b, y)));
    }
    at_pool_free(at_once);
    end(later);
}

/* 1: 7, 2: group {1: "l" 2: 3}, 3: group {1: 5}, 3: group {1: 6}, 9: {1: "y"} */
#define GROUPED "\x08\x07\x13\x0A\x01l\x10\x03\x14\x1B\x08\x05\x1C\x1B\x08\x06\x1C\x4A\x03\x0A\x01y"

TEST(groups_are_read_and_written)
{
    struct at_pool *pool = legacy();
    const struct atoll_message_desc *desc = type(pool, "test.legacy.Legacy");
    const struct atoll_message_desc *pair = at_pb_sub(desc, field(desc, "pair"));
    const struct atoll_message_desc *item = at_pb_sub(desc, field(desc, "item"));
    struct at_bytes in = AT_LIT(GROUPED);
    struct at_bytes out = {0};
    const struct at_pb_array *items;
    void *m = malloc(desc->struct_size);
    void *of_pair;

    CHECK_INT(at_pb_decode(desc, in, &arena, m, NULL), 0);
    of_pair = *(void *const *)value(desc, m, "pair");
    CHECK(of_pair != NULL && *(const int32_t *)value(pair, of_pair, "right") == 3);
    items = value(desc, m, "item");
    CHECK_INT((int)items->count, 2);
    CHECK_INT(
        *(const int32_t *)value(item, (const uint8_t *)items->at + item->struct_size, "number"), 6);
    CHECK_INT(at_pb_encode_in_arena(desc, m, &arena, &out), 0);
    CHECK(at_bytes_equal(out, in));
    free(m);
    end(pool);
}

/* A set from the text of a google.protobuf.FileDescriptorSet. */
static struct at_bytes set_of(const char *text)
{
    struct at_pool *contracts = at_pool_new();
    const struct atoll_message_desc *desc;
    struct at_pb_fault fault = {0};
    struct at_pbtext_how how = {.fault = &fault};
    struct at_bytes out = {0};
    void *m;

    CHECK_INT(at_pool_add(contracts, file(DESCRIPTOR_SET), &diag), 0);
    desc = type(contracts, "google.protobuf.FileDescriptorSet");
    m = at_arena_alloc(&arena, desc->struct_size, 8);
    if (at_pbtext_read(&how, desc, at_bytes_of(text), &arena, m) != 0) {
        at_test_fail(__FILE__, __LINE__, "%s", fault.what);
    }
    CHECK_INT(at_pb_encode_in_arena(desc, m, &arena, &out), 0);
    out = at_bytes_over(at_arena_copy(&arena, out), out.len);
    at_pool_free(contracts);
    return out;
}

/* What at_pool_add() says of a file with this text; "" when it takes it. */
static const char *judged(const char *text)
{
    static char all[8192];
    struct at_pool *pool = at_pool_new();
    int r;

    at_arena_init(&arena, 4096, 1 << 26);
    diag = (struct at_diag){0};
    (void)snprintf(all, sizeof(all), "file { name: 'f' %s }", text);
    r = at_pool_add(pool, set_of(all), &diag);
    CHECK(r == 0 || r == -EBADMSG);
    CHECK((r == 0) == (diag.what[0] == '\0'));
    end(pool);
    return diag.what;
}

#define FIELD(rest) "field { name: 'f' number: 1 label: LABEL_OPTIONAL " rest " }"
#define IN_M(text) "message_type { name: 'M' " text " }"

TEST(a_plain_contract_of_text_is_taken)
{
    CHECK_STR(judged(IN_M(FIELD("type: TYPE_INT32"))), "");
    CHECK_STR(judged(IN_M(FIELD("type: TYPE_INT32 default_value: '-5'"))), "");
    CHECK_STR(judged(IN_M(FIELD("type: TYPE_BYTES default_value: '\\\\x41\\\\101\\\\n'"))), "");
}

TEST(defaults_that_are_no_value_of_their_type_are_refused)
{
    static const char *const wrong[][2] = {
        {"TYPE_INT32", "2147483648"},
        {"TYPE_INT32", ""},
        {"TYPE_INT32", "1.0"},
        {"TYPE_UINT32", "-1"},
        {"TYPE_UINT32", "4294967296"},
        {"TYPE_INT64", "9223372036854775808"},
        {"TYPE_UINT64", "18446744073709551616"},
        {"TYPE_DOUBLE", "one"},
        {"TYPE_DOUBLE", ""},
        {"TYPE_FLOAT", "Infinity"},
        {"TYPE_BOOL", "1"},
        {"TYPE_BYTES", "\\\\"},
        {"TYPE_BYTES", "\\\\x"},
        {"TYPE_BYTES", "\\\\400"},
        {"TYPE_BYTES", "\\\\q"},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[256];

        (void)snprintf(text, sizeof(text), IN_M(FIELD("type: %s default_value: '%s'")), wrong[i][0],
                       wrong[i][1]);
        CHECK_STR(judged(text), "the default value of M.f is no value of its type");
    }
    CHECK_STR(judged("enum_type { name: 'E' value { name: 'A' number: 0 } }"
                     "enum_type { name: 'F' value { name: 'B' number: 0 } }" IN_M(
                         FIELD("type: TYPE_ENUM type_name: '.E' default_value: 'B'"))),
              "B is the default value of f, but no value of E");
    CHECK_STR(judged("syntax: 'proto3' " IN_M(FIELD("type: TYPE_INT32 default_value: '1'"))),
              "field f of M has a default value that it cannot have");
    CHECK_STR(judged(IN_M(FIELD("type: TYPE_MESSAGE type_name: '.M' default_value: ''"))),
              "field f of M has a default value that it cannot have");
}

TEST(references_to_what_is_not_there_are_refused)
{
    CHECK_STR(judged(IN_M(FIELD("type: TYPE_GROUP type_name: '.X'"))),
              "the type of M.f is not part of the contract");
    CHECK_STR(judged(IN_M(FIELD("type: TYPE_MESSAGE type_name: '.X'"))),
              "the type of M.f is not part of the contract");
    CHECK_STR(judged("enum_type { name: 'E' value { name: 'A' number: 0 } }" IN_M(
                  FIELD("type: TYPE_ENUM type_name: '.A'"))),
              "the type of M.f is not part of the contract");
    CHECK_STR(judged(IN_M(FIELD("type: TYPE_ENUM type_name: '.M.f'"))),
              "the type of M.f is not part of the contract");
    CHECK_STR(judged(IN_M(FIELD("type: TYPE_INT32 oneof_index: 0"))),
              "field f of M has a place in a oneof that it cannot have");
    CHECK_STR(judged(IN_M(FIELD("type: TYPE_INT32 oneof_index: -1"))),
              "field f of M has a place in a oneof that it cannot have");
    CHECK_STR(judged("extension { name: 'e' number: 1 label: LABEL_OPTIONAL type: TYPE_INT32 "
                     "extendee: '.X' }"),
              "the message that e extends is not part of the contract");
    CHECK_STR(judged(IN_M(FIELD("type: TYPE_INT32 extendee: '.M'"))),
              "field f of M has a message that it extends, and is no extension");
}

#define EXTENSION(rest)                                                                            \
    "extension { name: 'e' extendee: '.M' number: 5 label: LABEL_OPTIONAL " rest " }"

TEST(extensions_that_cannot_be_are_refused)
{
    CHECK_STR(judged(IN_M("extension_range { start: 5 end: 6 }") EXTENSION("type: TYPE_INT32")),
              "");
    CHECK_STR(judged(IN_M("extension_range { start: 4 end: 5 }") EXTENSION("type: TYPE_INT32")),
              "e has the number 5, which M does not give to extensions");
    CHECK_STR(judged(IN_M("extension_range { start: 5 end: 5 }")),
              "M has an impossible range of extension numbers: 5 to 5");
    CHECK_STR(judged(IN_M("extension_range { start: 0 end: 5 }")),
              "M has an impossible range of extension numbers: 0 to 5");
    CHECK_STR(judged(IN_M("extension_range { start: 5 end: 6 }"
                          "extension { name: 'e' extendee: '.M' number: 5 label: LABEL_REQUIRED "
                          "type: TYPE_INT32 }")),
              "the extension M.e is required or in a oneof: no extension may be");
    CHECK_STR(judged(IN_M("extension_range { start: 5 end: 6 } oneof_decl { name: 'o' }")
                         EXTENSION("type: TYPE_INT32 oneof_index: 0")),
              "the extension e is required or in a oneof: no extension may be");
    CHECK_STR(judged(IN_M("extension_range { start: 5 end: 6 }"
                          "options { message_set_wire_format: true }") EXTENSION("type: "
                                                                                 "TYPE_INT32")),
              "e extends M, a set of messages, but is no optional message");
    CHECK_STR(judged(IN_M("options { message_set_wire_format: true }" FIELD("type: TYPE_INT32"))),
              "M is a set of messages, but has fields of its own");
    CHECK_STR(judged(IN_M("extension_range { start: 1 end: 6 }" FIELD(
                  "type: TYPE_INT32") "extension { name: 'e' extendee: '.M' number: 1 "
                                      "label: LABEL_OPTIONAL type: TYPE_INT32 }")),
              "M has two fields with number 1");
}

TEST(names_that_are_taken_are_refused)
{
    CHECK_STR(judged(IN_M(FIELD("type: TYPE_INT32") FIELD("type: TYPE_INT32"))),
              "the contract declares M.f twice, in two ways");
    CHECK_STR(judged(IN_M(FIELD("type: TYPE_INT32") "nested_type { name: 'f' }")),
              "the contract declares M.f twice, in two ways");
    CHECK_STR(judged("enum_type { name: 'E' value { name: 'A' number: 0 } "
                     "value { name: 'A' number: 1 } }"),
              "the contract declares A twice, in two ways");
    CHECK_STR(judged("service { name: 'S' method { name: 'm' input_type: '.M' output_type: '.M' } "
                     "method { name: 'm' input_type: '.M' output_type: '.M' } }" IN_M("")),
              "the contract declares S.m twice, in two ways");
    CHECK_STR(judged("enum_type { name: 'E' }"), "the enum E has no values");
    CHECK_STR(judged("syntax: 'proto3' " IN_M("field { name: 'f' number: 1 label: LABEL_REQUIRED "
                                              "type: TYPE_INT32 }")),
              "field f of M has the label required, which proto3 does not have");
    CHECK_STR(judged(IN_M(FIELD("type: TYPE_INT32 json_name: 'a\\nb'"))),
              "field f of M has an impossible JSON name");
}

#define TWO_FIELDS(one, two)                                                                       \
    IN_M("field { name: '" one "' number: 2 label: LABEL_OPTIONAL type: TYPE_INT32 json_name: "    \
         "'x' } field { name: '" two "' number: 1 label: LABEL_OPTIONAL type: TYPE_INT32 }")

TEST(fields_of_proto3_with_one_name_in_json_are_refused_and_those_of_proto2_are_not)
{
    CHECK_STR(judged("syntax: 'proto3' " TWO_FIELDS("foo_bar", "fooBar")),
              "M has fields foo_bar and fooBar, which are one name in JSON");
    CHECK_STR(judged("syntax: 'proto3' " TWO_FIELDS("a_1", "a1")),
              "M has fields a_1 and a1, which are one name in JSON");
    CHECK_STR(judged("syntax: 'proto3' " TWO_FIELDS("a_", "a")),
              "M has fields a_ and a, which are one name in JSON");
    CHECK_STR(judged("syntax: 'proto3' " TWO_FIELDS("a", "ab")), "");
    CHECK_STR(judged("syntax: 'proto3' " TWO_FIELDS("fooBar", "foobar")), "");
    CHECK_STR(judged(TWO_FIELDS("foo_bar", "fooBar")), "");
}

#define ENTRY(key, value)                                                                          \
    IN_M("options { map_entry: true }"                                                             \
         "field { name: 'key' number: 1 label: LABEL_OPTIONAL type: " key " }"                     \
         "field { name: 'value' number: 2 label: " value " }")

TEST(map_entries_have_a_key_and_a_value_and_nothing_else)
{
    static const char *const no = "M is no map entry: it needs a key and a value";

    CHECK_STR(judged(ENTRY("TYPE_STRING", "LABEL_OPTIONAL type: TYPE_INT32")), "");
    CHECK_STR(judged(ENTRY("TYPE_DOUBLE", "LABEL_OPTIONAL type: TYPE_INT32")), no);
    CHECK_STR(judged(ENTRY("TYPE_BYTES", "LABEL_OPTIONAL type: TYPE_INT32")), no);
    CHECK_STR(judged(ENTRY("TYPE_STRING", "LABEL_REPEATED type: TYPE_INT32")), no);
    CHECK_STR(judged(ENTRY("TYPE_STRING", "LABEL_REQUIRED type: TYPE_INT32")), no);
    CHECK_STR(judged(ENTRY("TYPE_STRING", "LABEL_OPTIONAL type: TYPE_GROUP type_name: '.M'")), no);
    CHECK_STR(judged("enum_type { name: 'E' value { name: 'A' number: 1 } }" ENTRY(
                  "TYPE_STRING", "LABEL_OPTIONAL type: TYPE_ENUM type_name: '.E'")),
              "the values of the map M are an enum that does not begin with 0");
    CHECK_STR(judged(IN_M("options { map_entry: true }")), no);
    CHECK_STR(judged(IN_M("options { map_entry: true } extension_range { start: 3 end: 4 }"
                          "field { name: 'key' number: 1 label: LABEL_OPTIONAL type: TYPE_INT32 }"
                          "field { name: 'value' number: 2 label: LABEL_OPTIONAL type: TYPE_BOOL }"
                          "extension { name: 'e' extendee: '.M' number: 3 label: LABEL_OPTIONAL "
                          "type: TYPE_INT32 }")),
              no);
}

TEST(a_full_name_has_a_limit)
{
    char *text = malloc(AT_POOL_NAME_MAX + 100);
    int n = snprintf(text, 64, "message_type { name: '");

    memset(text + n, 'a', AT_POOL_NAME_MAX + 1);
    (void)snprintf(text + n + AT_POOL_NAME_MAX + 1, 8, "' }");
    CHECK_STR(judged(text), "the contract has a full name of more than 4096 bytes");
    free(text);
}

TEST(ranges_of_extensions_have_a_limit)
{
    static char text[(AT_POOL_RANGES_MAX + 1) * 40 + 100];
    static char set[sizeof(text) + 100];
    struct at_pool *pool = at_pool_new();
    size_t n = (size_t)snprintf(text, 64, "message_type { name: 'M'");

    for (int i = 0; i <= AT_POOL_RANGES_MAX; i++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "extension_range{start:%d end:%d}", i + 1,
                              i + 2);
    }
    at_arena_init(&arena, 4096, 1 << 26);
    (void)snprintf(set, sizeof(set), "file { name: 'f' %s } }", text);
    CHECK_INT(at_pool_add(pool, set_of(set), &diag), -EBADMSG);
    CHECK_STR(diag.what, "M has more than 1024 ranges of extension numbers");
    end(pool);
}

TEST(services_have_a_limit)
{
    enum { EACH = 32 };
    char *text = malloc((size_t)EACH * (AT_POOL_SERVICES_MAX + 2));
    struct at_pool *pool = at_pool_new();
    size_t n = (size_t)snprintf(text, EACH, "file { name: 'f'");

    at_arena_init(&arena, 4096, 1 << 26);
    for (int i = 0; i <= AT_POOL_SERVICES_MAX; i++) {
        n += (size_t)snprintf(text + n, EACH, " service { name: 'S%d' }", i);
    }
    (void)snprintf(text + n, EACH, " }");
    CHECK_INT(at_pool_add(pool, set_of(text), &diag), -EBADMSG);
    CHECK_STR(diag.what, "the contract has more than 4096 services");
    free(text);
    end(pool);
}

TEST(the_contract_of_contracts_reads_itself)
{
    struct at_pool *pool = at_pool_new();
    struct at_bytes set = file(DESCRIPTOR_SET);
    const struct atoll_message_desc *desc;
    struct at_bytes out = {0};
    void *m;

    at_arena_init(&arena, 4096, 1 << 26);
    CHECK_INT(at_pool_add(pool, set, &diag), 0);
    desc = type(pool, "google.protobuf.FileDescriptorSet");
    m = at_arena_alloc(&arena, desc->struct_size, 8);
    CHECK_INT(at_pb_decode(desc, set, &arena, m, NULL), 0);
    CHECK_INT(at_pb_encode_in_arena(desc, m, &arena, &out), 0);
    CHECK(at_bytes_equal(out, set));
    end(pool);
}

TEST(damage_to_a_set_of_proto2_is_refused_or_read_but_never_trusted)
{
    struct at_bytes good = file(LEGACY_SET);
    uint8_t *copy = malloc(good.len);

    for (size_t i = 0; i < good.len; i++) {
        struct at_pool *pool = at_pool_new();
        int r;

        memcpy(copy, good.at, good.len);
        copy[i] ^= (uint8_t)(1 + i % 255);
        r = at_pool_add(pool, at_bytes_over(copy, good.len), &diag);
        CHECK(r == 0 || r == -EBADMSG || r == -ENOMEM);
        at_pool_free(pool);
    }
    free(copy);
}

TEST(when_the_nth_allocation_fails_so_does_the_call_with_extensions_too)
{
    struct at_bytes first = file(LEGACY_SET);
    struct at_bytes second = file(LEGACY_MORE_SET);

    WITH_EACH_ALLOCATION_FAILING({
        struct at_pool *pool = at_pool_new();

        if (pool != NULL) {
            int r = at_pool_add(pool, first, &diag);

            r = r == 0 ? at_pool_add(pool, second, &diag) : r;
            CHECK(r == 0 || r == -ENOMEM);
        }
        at_pool_free(pool);
    });
}

TEST_MAIN("pb/pool_legacy")
