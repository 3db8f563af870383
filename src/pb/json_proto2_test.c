/*
 * JSON of what only proto2 has: required fields, defaults, closed enums, groups, extensions; with
 * tables made at run time. PROTO2_SET is the path of the descriptor set of proto2.proto.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
#include "pb/pool.h"

#define EXTRA "[test.proto2.v1.extra]"
#define NOTES "[test.proto2.v1.notes]"
#define INNER "[test.proto2.v1.Scope.inner]"

static struct at_pool *pool;
static const struct atoll_message_desc *legacy;
static struct at_arena arena;
static struct at_pb_fault fault;
static struct at_text printed;
static void *got;

static void begin(void)
{
    static uint8_t room[1 << 16];
    struct at_diag diag = {0};
    FILE *f = fopen(PROTO2_SET, "re");
    size_t n;

    CHECK(f != NULL);
    n = fread(room, 1, sizeof(room), f);
    CHECK(n > 0 && n < sizeof(room) && fclose(f) == 0);
    pool = at_pool_new();
    CHECK_INT(at_pool_add(pool, at_bytes_over(room, n), &diag), 0);
    legacy = at_pool_message(pool, AT_LIT("test.proto2.v1.Legacy"));
    CHECK(legacy != NULL);
    at_arena_init(&arena, 4096, 1 << 24);
    at_text_init(&printed);
    got = calloc(1, legacy->struct_size);
    CHECK(got != NULL);
}

static void end(void)
{
    free(got);
    pool = at_pool_free(pool);
    at_arena_deinit(&arena);
    at_text_deinit(&printed);
}

static int read_with(const char *json, uint32_t flags)
{
    memset(&fault, 0, sizeof(fault));
    return at_json_to_message(legacy, at_bytes_of(json), flags, &arena, got, &fault);
}

static const char *print(uint32_t flags)
{
    struct at_json_writer w;

    at_text_clear(&printed);
    at_json_writer_init(&w, &printed, 0);
    CHECK_INT(at_json_from_message(legacy, got, flags, &w), 0);
    return at_text_str(&printed);
}

/* From JSON, to bytes and back, and to this JSON. */
static void becomes(const char *json, uint32_t flags, const char *expected)
{
    struct at_bytes wire;
    int r = read_with(json, flags);

    if (r != 0) {
        at_test_fail(__FILE__, __LINE__, "%s is refused: %s", json, fault.what);
    }
    CHECK_INT(at_pb_encode_in_arena(legacy, got, &arena, &wire), 0);
    CHECK_INT(at_pb_decode(legacy, wire, &arena, got, &fault), 0);
    CHECK_STR(print(0), expected);
}

static void stays(const char *json)
{
    becomes(json, 0, json);
}

static void refused(const char *json, const char *what)
{
    CHECK_INT(read_with(json, 0), AT_JSON_BAD_VALUE);
    CHECK_STR(fault.what, what);
}

/* proto2 lets a string hold any bytes; JSON does not, and nothing is put in their place. */
TEST(a_string_that_is_not_utf8_has_no_json)
{
    static const struct {
        const char *wire;
        const char *what;
    } bad[] = {
        {"\x08\x01\x6A\x02\xFF\xFE", "field text: is a string that is not UTF-8, as JSON must be"},
        {"\x08\x01\x6A\x0C"
         "12345678901\xC3",
         "field text: is a string that is not UTF-8, as JSON must be"},
        {"\x08\x01\x52\x07\x08\x01\x6A\x03\xED\xA0\x80",
         "field nested.text: is a string that is not UTF-8, as JSON must be"},
        {"\x08\x01\xAA\x06\x01"
         "a\xAA\x06\x01\x80",
         "field " NOTES "[1]: is a string that is not UTF-8, as JSON must be"},
        {"\x08\x01\x4A\x05\x0A\x01\xFF\x10\x03",
         "field kindByName[0]: has a key that is not UTF-8, as JSON must be"},
    };
    struct at_json_writer w;
    struct at_json_how how = {.fault = &fault};

    begin();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_INT(at_pb_decode(legacy, at_bytes_of(bad[i].wire), &arena, got, &fault), 0);
        for (uint32_t indent = 0; indent <= 2; indent += 2) {
            at_text_clear(&printed);
            at_json_writer_init(&w, &printed, indent);
            CHECK_INT(at_json_write_message(&how, legacy, got, &w), AT_JSON_BAD_VALUE);
            CHECK_STR(fault.what, bad[i].what);
        }
    }
    stays("{\"id\":1,\"text\":\"\xC3\xA4\\n\xF0\x9F\x90\x9A\"}");
    end();
}

TEST(required_fields_must_be_there)
{
    begin();
    stays("{\"id\":0}");
    refused("{}", "field id: is required and not there");
    refused("{\"id\":null}", "field id: is required and not there");
    refused("{\"id\":1,\"nested\":{\"count\":1}}", "field nested.id: is required and not there");
    end();
}

TEST(defaults_are_not_printed_and_what_equals_one_is)
{
    begin();
    CHECK_INT(read_with("{\"id\":1}", 0), 0);
    CHECK_STR(print(AT_JSON_PRINT_DEFAULTS),
              "{\"id\":1,\"kinds\":[],\"piece\":[],\"kindByName\":{}}");
    stays("{\"id\":1,\"count\":42,\"kind\":\"KIND_ADD\",\"text\":\"hello\"}");
    stays("{\"id\":1,\"count\":0,\"text\":\"\"}");
    end();
}

TEST(a_closed_enum_has_the_values_that_it_declares)
{
    begin();
    stays("{\"id\":1,\"kind\":\"KIND_NONE\",\"kinds\":[\"KIND_ADD\",\"KIND_NONE\"]}");
    becomes("{\"id\":1,\"kinds\":[3,\"0\",\"kind_add\"]}", 0,
            "{\"id\":1,\"kinds\":[\"KIND_ADD\",\"KIND_NONE\",\"KIND_ADD\"]}");
    refused("{\"id\":1,\"kind\":7}", "field kind: 7 is no value of test.proto2.v1.Legacy.Kind");
    refused("{\"id\":1,\"kinds\":[3,7]}",
            "field kinds[1]: 7 is no value of test.proto2.v1.Legacy.Kind");
    becomes("{\"id\":1,\"kind\":7,\"kinds\":[7,3,\"X\"],\"kindByName\":{\"a\":7,\"b\":3},"
            "\"chosen\":\"X\",\"number\":5}",
            AT_JSON_IGNORE_UNKNOWN,
            "{\"id\":1,\"kinds\":[\"KIND_ADD\"],\"kindByName\":{\"b\":\"KIND_ADD\"},\"number\":5}");
    end();
}

TEST(a_value_that_is_stepped_over_leaves_the_default)
{
    const struct atoll_field_desc *kind;

    begin();
    kind = at_pb_field_by_name(legacy, AT_LIT("kind"));
    CHECK(kind != NULL);
    CHECK_INT(read_with("{\"id\":1,\"kind\":7}", AT_JSON_IGNORE_UNKNOWN), 0);
    CHECK(!at_pb_has(kind, got));
    CHECK_INT(*(const int32_t *)(const void *)((const char *)got + kind->offset), 3);
    end();
}

TEST(groups_are_objects_under_their_name_in_lower_case)
{
    begin();
    stays("{\"id\":1,\"part\":{\"name\":\"a\"},\"piece\":[{\"size\":1},{}]}");
    refused("{\"id\":1,\"Part\":{}}",
            "test.proto2.v1.Legacy has no field \"Part\"; did you mean \"part\"?");
    end();
}

TEST(extensions_are_members_in_brackets)
{
    begin();
    stays("{\"id\":1,\"" EXTRA "\":5,\"" NOTES "\":[\"a\",\"\"],\"" INNER "\":{\"depth\":2}}");
    refused("{\"id\":1,\"" EXTRA "\":\"x\"}", "field " EXTRA ": x is not a number");
    CHECK_INT(read_with("{\"id\":1,\"[test.proto2.v1.none]\":5}", 0), AT_JSON_BAD_VALUE);
    CHECK_INT(read_with("{\"id\":1,\"extra\":5}", 0), AT_JSON_BAD_VALUE);
    CHECK_INT(read_with("{\"id\":1,\"test.proto2.v1.extra\":5}", 0), AT_JSON_BAD_VALUE);
    CHECK_INT(read_with("{\"id\":1,\"" EXTRA "\":5}", 0), 0);
    CHECK_STR(print(AT_JSON_ORIGINAL_NAMES), "{\"id\":1,\"" EXTRA "\":5}");
    end();
}

TEST_MAIN("pb/json_proto2")
