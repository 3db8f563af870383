/*
 * What attackers send as JSON: depth, endless digits, colliding and duplicate names, half
 * characters, and whatever makes others take quadratic time. The wide message is made at run time.
 */
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
#include "base/error.h"
#include "base/text.h"
#include "pb/codec.h"
#include "pb/descriptor.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/limits.h"
#include "pb/pool.h"

/* FORMS_SET is the path of the descriptor set of forms.proto. */
#define FORMS "test.forms.v1.Forms"
#define URL "type.googleapis.com/"

enum { MILLION = 1000000, WIDE = 16000, GRANT = 1 << 30 };

static struct at_pool *pool;
static struct at_arena arena;
static struct at_pb_fault fault;
static struct at_text text;
static void *got;

static const struct atoll_message_desc *find(void *ctx, struct at_bytes name)
{
    (void)ctx;
    return at_pool_message(pool, name);
}

static const struct at_json_types types = {find, NULL};

/* f0 … f19999, int32, and e, an enum of as many values V0 …, and a list of it. */
static struct at_bytes wide_set(void)
{
    struct at_proto_message message = {.name = ATOLL_STR("Wide")};
    struct at_proto_enum values = {.name = ATOLL_STR("Many")};
    struct at_proto_file file = {.name = ATOLL_STR("wide.proto"),
                                 .package = ATOLL_STR("test"),
                                 .syntax = ATOLL_STR("proto3"),
                                 .messages = {&message, 1},
                                 .enums = {&values, 1}};
    struct at_proto_file_set set = {0};
    struct atoll_str name;
    struct at_bytes bytes;

    message.fields.at = at_arena_zalloc(&arena, WIDE + 1, sizeof(*message.fields.at));
    values.values.at = at_arena_zalloc(&arena, WIDE, sizeof(*values.values.at));
    CHECK(message.fields.at != NULL && values.values.at != NULL);
    message.fields.count = WIDE + 1;
    values.values.count = WIDE;
    for (int32_t i = 0; i < WIDE; i++) {
        char *field = at_arena_printf(&arena, "f%d", i);
        char *value = at_arena_printf(&arena, "V%d", i);

        CHECK(field != NULL && value != NULL);
        message.fields.at[i] = (struct at_proto_field){.name = {field, strlen(field)},
                                                       .json_name = {field, strlen(field)},
                                                       .number = i + 1,
                                                       .label = AT_PROTO_OPTIONAL,
                                                       .type = ATOLL_TYPE_INT32};
        values.values.at[i] =
            (struct at_proto_enum_value){.name = {value, strlen(value)}, .number = i};
    }
    message.fields.at[WIDE] = (struct at_proto_field){.name = ATOLL_STR("es"),
                                                      .json_name = ATOLL_STR("es"),
                                                      .number = WIDE + 1,
                                                      .label = AT_PROTO_REPEATED,
                                                      .type = ATOLL_TYPE_ENUM,
                                                      .type_name = ATOLL_STR(".test.Many")};
    CHECK_INT(at_pb_encode_in_arena(&at_proto_file_desc, &file, &arena, &bytes), 0);
    name = (struct atoll_str){(const char *)bytes.at, bytes.len};
    set.files.at = &name;
    set.files.count = 1;
    CHECK_INT(at_pb_encode_in_arena(&at_proto_file_set_desc, &set, &arena, &bytes), 0);
    return bytes;
}

static void begin(void)
{
    static uint8_t room[1 << 16];
    struct at_diag diag = {0};
    FILE *f = fopen(FORMS_SET, "re");
    size_t n;

    CHECK(f != NULL);
    n = fread(room, 1, sizeof(room), f);
    CHECK(n > 0 && n < sizeof(room) && fclose(f) == 0);
    at_arena_init(&arena, 1 << 20, GRANT);
    pool = at_pool_new();
    CHECK_INT(at_pool_add(pool, at_bytes_over(room, n), &diag), 0);
    CHECK_INT(at_pool_add(pool, wide_set(), &diag), 0);
    at_arena_reset(&arena);
    at_text_init(&text);
    got = malloc(1 << 20);
    CHECK(got != NULL);
}

static void end(void)
{
    free(got);
    at_text_deinit(&text);
    at_arena_deinit(&arena);
    pool = at_pool_free(pool);
}

static int read_as(const char *name, struct at_bytes json, uint32_t flags)
{
    const struct atoll_message_desc *desc = at_pool_message(pool, at_bytes_of(name));
    struct at_json_how how = {.flags = flags, .types = &types, .fault = &fault};

    CHECK(desc != NULL && desc->struct_size <= 1 << 20);
    at_arena_reset(&arena);
    return at_json_read_message(&how, desc, json, &arena, got);
}

/* n times a piece, into text. */
static void add_times(const char *piece, size_t n)
{
    size_t len = strlen(piece);
    char *p = at_text_claim(&text, n * len);

    CHECK(p != NULL);
    for (size_t i = 0; i < n; i++) {
        memcpy(p + i * len, piece, len);
    }
}

static struct at_bytes times(const char *head, const char *piece, size_t n, const char *tail)
{
    at_text_clear(&text);
    at_text_add_str(&text, head);
    add_times(piece, n);
    at_text_add_str(&text, tail);
    return at_text_bytes(&text);
}

TEST(a_million_levels_are_refused_wherever_they_stand)
{
    begin();
    CHECK(read_as(FORMS, times("{\"nothing\":", "[", MILLION, ""), 0) > 0);
    CHECK_INT(read_as(FORMS, times("{\"x\":", "[", MILLION, ""), AT_JSON_IGNORE_UNKNOWN),
              AT_JSON_BAD_TEXT);
    CHECK_INT(read_as(FORMS, times("", "{\"nested\":", MILLION, ""), 0), AT_JSON_BAD_VALUE);
    CHECK_INT(read_as("google.protobuf.Value", times("", "[", MILLION, ""), 0), AT_JSON_BAD_VALUE);
    CHECK_INT(read_as("google.protobuf.Value", times("", "{\"a\":", MILLION, ""), 0),
              AT_JSON_BAD_VALUE);
    CHECK(read_as(FORMS, times("", "{\"any\":{\"a\":", MILLION, ""), 0) > 0);
    CHECK(read_as(FORMS,
                  times("", "{\"any\":{\"@type\":\"" URL FORMS "\",\"any\":", MILLION / 10, ""),
                  0) > 0);
    end();
}

TEST(numbers_out_of_range_are_refused_and_not_infinite)
{
    begin();
    CHECK_INT(read_as(FORMS, at_bytes_of("{\"aDouble\":1e400}"), 0), AT_JSON_BAD_VALUE);
    CHECK_INT(read_as(FORMS, at_bytes_of("{\"aDouble\":\"-1e400\"}"), 0), AT_JSON_BAD_VALUE);
    CHECK_INT(read_as(FORMS, at_bytes_of("{\"aFloat\":1e39}"), 0), AT_JSON_BAD_VALUE);
    CHECK_INT(read_as(FORMS, at_bytes_of("{\"anInt32\":1e999999999999999999999}"), 0),
              AT_JSON_BAD_VALUE);
    CHECK_INT(read_as("google.protobuf.Value", at_bytes_of("1e400"), 0), AT_JSON_BAD_VALUE);
    CHECK_INT(read_as(FORMS, at_bytes_of("{\"aDouble\":1e-400}"), 0), 0);
    end();
}

TEST(a_hundred_million_digits_are_refused)
{
    begin();
    CHECK_INT(read_as(FORMS, times("{\"anInt64\":", "7", 100 * MILLION, "}"), 0), AT_JSON_BAD_TEXT);
    CHECK_INT(read_as(FORMS, times("{\"anInt64\":\"", "7", 100 * MILLION, "\"}"), 0),
              AT_JSON_BAD_VALUE);
    CHECK(strlen(fault.what) < sizeof(fault.what));
    end();
}

TEST(half_a_character_is_refused_in_keys_and_values)
{
    static const char *const bad[] = {
        "{\"aString\":\"\\ud800\"}",        "{\"aString\":\"\\udc00\"}",
        "{\"aString\":\"\\ud800\\ud800\"}", "{\"aString\":\"\\ud800x\"}",
        "{\"aString\":\"\xED\xA0\x80\"}",   "{\"\\ud800\":1}",
        "{\"object\":{\"\\udfff\":1}}",     "{\"spans\":{\"\\ud800\":\"1s\"}}",
        "{\"aString\":\"\xC0\xAF\"}",       "{\"aString\":\"\xF4\x90\x80\x80\"}",
    };

    begin();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_INT(read_as(FORMS, at_bytes_of(bad[i]), AT_JSON_IGNORE_UNKNOWN), AT_JSON_BAD_TEXT);
    }
    end();
}

TEST(a_name_that_comes_twice_is_refused_on_every_level)
{
    static const char *const bad[] = {
        "{\"aBool\":true,\"aBool\":true}",
        "{\"aBool\":true,\"a_bool\":false}",
        "{\"aBool\":null,\"aBool\":true}",
        "{\"aBool\":true,\"\\u0061Bool\":true}",
        "{\"nested\":{},\"nested\":{}}",
        "{\"spans\":{\"a\":\"1s\",\"b\":\"1s\",\"a\":\"1s\"}}",
        "{\"spans\":{\"a\":\"1s\",\"\\u0061\":\"1s\"}}",
        "{\"spans\":{},\"spans\":{}}",
        "{\"object\":{\"a\":1,\"a\":2}}",
        "{\"value\":{\"x\":{\"a\":1,\"a\":1}}}",
        "{\"valuesById\":{\"1\":1,\"1.0\":2}}",
        "{\"any\":{\"@type\":\"" URL FORMS "\",\"aBool\":true,\"aBool\":true}}",
    };

    begin();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (read_as(FORMS, at_bytes_of(bad[i]), 0) != AT_JSON_BAD_VALUE) {
            at_test_fail(__FILE__, __LINE__, "%s is read", bad[i]);
        }
    }
    end();
}

/* --- time --- */

static double seconds(void)
{
    struct timespec t;

    CHECK_INT(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A way to spend time on an input of size n, and what it must give. */
struct effort {
    const char *name;
    const char *message;
    void (*make)(size_t n); /* into text */
    uint32_t flags;
    size_t n;
    int expected;
};

static double quickest(const struct effort *e, size_t n)
{
    double best = 1e9;

    at_text_clear(&text);
    e->make(n);
    CHECK(!text.failed);
    for (int i = 0; i < 3; i++) {
        double start = seconds();
        int r = read_as(e->message, at_text_bytes(&text), e->flags);
        double took = seconds() - start;

        if (r != e->expected) {
            at_test_fail(__FILE__, __LINE__, "%s gives %d: %s", e->name, r, fault.what);
        }
        best = took < best ? took : best;
    }
    return best;
}

/* Four times the input: four times the time, eight with caches and noise; quadratic were sixteen. */
static void check_linear(const struct effort *e)
{
    double ratio = 0;

    for (int i = 0; i < 5; i++) {
        double once = quickest(e, e->n);

        ratio = quickest(e, 4 * e->n) / (once > 1e-6 ? once : 1e-6);
        if (ratio < 10) {
            return;
        }
    }
    at_test_fail(__FILE__, __LINE__, "%s: four times the input takes %.1f times as long", e->name,
                 ratio);
}

/* Pieces with a number, a comma between them. */
static void add_numbered(const char *head, const char *piece, size_t n, const char *tail,
                         size_t (*number)(size_t i, size_t n))
{
    at_text_add_str(&text, head);
    for (size_t i = 0; i < n; i++) {
        char one[96];
        char digits[24];
        const char *hole = strchr(piece, '#');

        (void)snprintf(digits, sizeof(digits), "%zu", number(i, n));
        (void)snprintf(one, sizeof(one), "%s%.*s%s%s", i == 0 ? "" : ",", (int)(hole - piece),
                       piece, digits, hole + 1);
        at_text_add_str(&text, one);
    }
    at_text_add_str(&text, tail);
}

static size_t backwards(size_t i, size_t n)
{
    return n - 1 - i;
}

static size_t scattered(size_t i, size_t n)
{
    (void)n;
    return i * 2654435761U % 4294967291U;
}

static void fields_backwards(size_t n)
{
    add_numbered("{", "\"f#\":1", n, "}", backwards);
}

static void unknown_fields(size_t n)
{
    add_numbered("{", "\"g#\":1", n, "}", scattered);
}

static size_t last_values(size_t i, size_t n)
{
    (void)n;
    return WIDE - 1 - i % 100;
}

static void enum_names(size_t n)
{
    add_numbered("{\"es\":[", "\"V#\"", n, "]}", last_values);
}

static void enum_names_in_lower_case(size_t n)
{
    add_numbered("{\"es\":[", "\"v#\"", n, "]}", last_values);
}

static void no_enum_names(size_t n)
{
    add_numbered("{\"es\":[", "\"W#\"", n, "]}", scattered);
}

static void map_keys(size_t n)
{
    add_numbered("{\"spans\":{", "\"#\":\"1s\"", n, "}}", scattered);
}

static void map_numbers(size_t n)
{
    add_numbered("{\"valuesById\":{", "\"#\":1", n, "}}", backwards);
}

/* Keys that share a long beginning and their length: the dearest to compare. */
static void similar_keys(size_t n)
{
    add_numbered("{\"object\":{", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa#\":null",
                 n, "}}", scattered);
}

static void escapes(size_t n)
{
    at_text_add_str(&text, "{\"aString\":\"");
    add_times("\\u007f\\\"", n);
    at_text_add_str(&text, "\"}");
}

static void deletes(size_t n)
{
    at_text_add_str(&text, "{\"aString\":\"");
    add_times("\x7F", n);
    at_text_add_str(&text, "\"}");
}

static void paths(size_t n)
{
    at_text_add_str(&text, "{\"mask\":\"a");
    add_times(",bC", n);
    at_text_add_str(&text, "\"}");
}

/* Any in Any to the limit, each with its type at the end, around a list of n. */
static void types_at_the_end(size_t n)
{
    for (int i = 0; i < AT_JSON_ANY_DEPTH_MAX - 1; i++) {
        at_text_add_str(&text, "{\"value\":");
    }
    at_text_add_str(&text, "{\"int32s\":[1");
    add_times(",2", n);
    at_text_add_str(&text, "],\"@type\":\"" URL FORMS "\"}");
    for (int i = 0; i < AT_JSON_ANY_DEPTH_MAX - 1; i++) {
        at_text_add_str(&text, ",\"@type\":\"" URL "google.protobuf.Any\"}");
    }
}

TEST(no_order_of_names_and_no_choice_of_keys_costs_more_than_linear_time)
{
    static const struct effort efforts[] = {
        {"fields backwards", "test.Wide", fields_backwards, 0, WIDE / 4, 0},
        {"unknown fields", "test.Wide", unknown_fields, AT_JSON_IGNORE_UNKNOWN, WIDE, 0},
        {"enum names", "test.Wide", enum_names, 0, WIDE, 0},
        {"enum names in lower case", "test.Wide", enum_names_in_lower_case, 0, WIDE, 0},
        {"no enum names", "test.Wide", no_enum_names, AT_JSON_IGNORE_UNKNOWN, WIDE, 0},
        {"map keys", FORMS, map_keys, 0, 100000, 0},
        {"map numbers", FORMS, map_numbers, 0, 25000, 0},
        {"similar keys", FORMS, similar_keys, 0, 25000, 0},
        {"escapes", FORMS, escapes, 0, MILLION / 4, 0},
        {"DEL", FORMS, deletes, 0, MILLION / 4, 0},
        {"paths", FORMS, paths, 0, MILLION / 16, 0},
        {"types at the end", "google.protobuf.Any", types_at_the_end, 0, 20000, 0},
    };

    begin();
    for (size_t i = 0; i < sizeof(efforts) / sizeof(efforts[0]); i++) {
        check_linear(&efforts[i]);
    }
    end();
}

/* How long a string of n of these takes to print. */
static double print_time(const char *piece, size_t n)
{
    struct at_text string;
    struct at_text out;
    double best = 1e9;

    at_text_init(&string);
    at_text_init(&out);
    for (size_t i = 0; i < n; i++) {
        at_text_add_str(&string, piece);
    }
    for (int i = 0; i < 3; i++) {
        struct at_json_writer w;
        double start = seconds();

        at_text_clear(&out);
        at_json_writer_init(&w, &out, 0);
        at_json_string(&w, at_text_bytes(&string));
        best = seconds() - start < best ? seconds() - start : best;
    }
    CHECK(!out.failed && !string.failed);
    at_text_deinit(&string);
    at_text_deinit(&out);
    return best;
}

TEST(no_string_costs_more_than_linear_time_to_print)
{
    static const char *const pieces[] = {
        "\x7F", "\"", "\x01", "\xFF", "\xC3\xA4", "a", "\xE2\x82\xAC\\", "aaaaaaaaaaaaaaaaa\xF0"};

    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        double ratio = 100;

        for (int tries = 0; tries < 5 && ratio >= 10; tries++) {
            double once = print_time(pieces[i], MILLION / 16);

            ratio = print_time(pieces[i], MILLION / 4) / (once > 1e-6 ? once : 1e-6);
        }
        if (ratio >= 10) {
            at_test_fail(__FILE__, __LINE__, "piece %zu: four times the text, %.1f times the time",
                         i, ratio);
        }
    }
}

TEST_MAIN("pb/json_attack")
