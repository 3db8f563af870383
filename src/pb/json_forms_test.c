/*
 * JSON forms of google.protobuf's own messages, with tables from a pool and with generated ones,
 * which must not be told apart. FORMS_SET is the path of the descriptor set of forms.proto.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "any.atoll.h"
#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "duration.atoll.h"
#include "empty.atoll.h"
#include "field_mask.atoll.h"
#include "forms.atoll.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/limits.h"
#include "pb/pool.h"
#include "struct.atoll.h"
#include "timestamp.atoll.h"
#include "wrappers.atoll.h"

#define FORMS "test.forms.v1.Forms"
#define URL "type.googleapis.com/"

enum tables { OF_POOL, GENERATED, TABLES };

static struct at_pool *pool;
static struct at_arena arena;
static struct at_pb_fault fault;
static struct at_text printed;
static void *got;

static const struct atoll_message_desc *const generated[] = {
    &test_forms_v1_Forms_desc,         &google_protobuf_Any_desc,
    &google_protobuf_Duration_desc,    &google_protobuf_Empty_desc,
    &google_protobuf_FieldMask_desc,   &google_protobuf_Struct_desc,
    &google_protobuf_Value_desc,       &google_protobuf_ListValue_desc,
    &google_protobuf_Timestamp_desc,   &google_protobuf_DoubleValue_desc,
    &google_protobuf_BoolValue_desc,   &google_protobuf_Int32Value_desc,
    &google_protobuf_UInt64Value_desc, &google_protobuf_StringValue_desc,
};

static const struct atoll_message_desc *find(void *ctx, struct at_bytes name)
{
    const enum tables *tables = ctx;

    if (*tables == OF_POOL) {
        return at_pool_message(pool, name);
    }
    for (size_t i = 0; i < sizeof(generated) / sizeof(generated[0]); i++) {
        if (at_bytes_equal(at_bytes_of(generated[i]->full_name), name)) {
            return generated[i];
        }
    }
    return NULL;
}

static const struct atoll_message_desc *desc_of(enum tables tables, const char *name)
{
    const struct atoll_message_desc *desc = find(&tables, at_bytes_of(name));

    CHECK(desc != NULL);
    return desc;
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
    pool = at_pool_new();
    CHECK_INT(at_pool_add(pool, at_bytes_over(room, n), &diag), 0);
    at_arena_init(&arena, 4096, 1 << 28);
    at_text_init(&printed);
}

static void end(void)
{
    pool = at_pool_free(pool);
    at_arena_deinit(&arena);
    at_text_deinit(&printed);
}

static int read_as(enum tables tables, const char *name, struct at_bytes json, uint32_t flags)
{
    const struct atoll_message_desc *desc = desc_of(tables, name);
    struct at_json_types types = {find, &tables};
    struct at_json_how how = {.flags = flags, .types = &types, .fault = &fault};

    memset(&fault, 0, sizeof(fault));
    got = at_arena_zalloc(&arena, 1, desc->struct_size);
    CHECK(got != NULL);
    return at_json_read_message(&how, desc, json, &arena, got);
}

static int print_as(enum tables tables, const char *name, const void *message, uint32_t flags)
{
    struct at_json_types types = {find, &tables};
    struct at_json_how how = {.flags = flags, .types = &types, .fault = &fault};
    struct at_json_writer w;

    at_text_clear(&printed);
    at_json_writer_init(&w, &printed, 0);
    return at_json_write_message(&how, desc_of(tables, name), message, &w);
}

/* From JSON, to bytes and back, and to this JSON, the same with both tables. */
static void becomes_as(const char *name, const char *json, const char *expected, uint32_t flags)
{
    struct at_bytes wire[TABLES];

    for (enum tables t = OF_POOL; t < TABLES; t++) {
        const struct atoll_message_desc *desc = desc_of(t, name);
        int r = read_as(t, name, at_bytes_of(json), flags);

        if (r != 0) {
            at_test_fail(__FILE__, __LINE__, "%s is refused: %s", json, fault.what);
        }
        CHECK_INT(at_pb_encode_in_arena(desc, got, &arena, &wire[t]), 0);
        CHECK_INT(at_pb_decode(desc, wire[t], &arena, got, &fault), 0);
        r = print_as(t, name, got, 0);
        if (r != 0) {
            at_test_fail(__FILE__, __LINE__, "%s is not printed: %s", json, fault.what);
        }
        CHECK_STR(at_text_str(&printed), expected);
    }
    CHECK(at_bytes_equal(wire[OF_POOL], wire[GENERATED]));
}

static void becomes(const char *json, const char *expected)
{
    becomes_as(FORMS, json, expected, 0);
}

static void stays(const char *json)
{
    becomes(json, json);
}

static void refused(const char *json, const char *what)
{
    for (enum tables t = OF_POOL; t < TABLES; t++) {
        int r = read_as(t, FORMS, at_bytes_of(json), 0);

        if (r != AT_JSON_BAD_VALUE) {
            at_test_fail(__FILE__, __LINE__, "%s gives %d", json, r);
        }
        CHECK_STR(fault.what, what);
    }
}

/* The same text in one field is refused, whatever the words. */
static void each_refused(const char *field, const char *const *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char json[256];

        (void)snprintf(json, sizeof(json), "{\"%s\":%s}", field, values[i]);
        if (read_as(OF_POOL, FORMS, at_bytes_of(json), 0) != AT_JSON_BAD_VALUE) {
            at_test_fail(__FILE__, __LINE__, "%s is read", json);
        }
        CHECK(fault.what[0] != '\0');
    }
}

#define EACH_REFUSED(field, ...)                                                                   \
    do {                                                                                           \
        static const char *const values_[] = {__VA_ARGS__};                                        \
        each_refused(field, values_, sizeof(values_) / sizeof(values_[0]));                        \
    } while (0)

TEST(timestamps_are_rfc_3339)
{
    begin();
    stays("{\"time\":\"1970-01-01T00:00:00Z\"}");
    stays("{\"time\":\"0001-01-01T00:00:00Z\"}");
    stays("{\"time\":\"9999-12-31T23:59:59.999999999Z\"}");
    stays("{\"time\":\"2024-02-29T12:34:56.500Z\"}");
    stays("{\"time\":\"1969-12-31T23:59:59.000001Z\"}");
    becomes("{\"time\":\"2026-01-01T00:30:00.10+01:00\"}",
            "{\"time\":\"2025-12-31T23:30:00.100Z\"}");
    becomes("{\"time\":\"1969-12-31T16:00:00-08:00\"}", "{\"time\":\"1970-01-01T00:00:00Z\"}");
    becomes("{\"time\":\"2000-03-01T00:00:00.000000010Z\"}",
            "{\"time\":\"2000-03-01T00:00:00.000000010Z\"}");
    stays("{\"times\":[\"1900-03-01T00:00:00Z\",\"2000-02-29T00:00:00Z\"]}");
    becomes("{\"time\":null}", "{}");
    refused("{\"time\":5}", "field time: expected a time like \"2026-01-31T23:59:59Z\"");
    refused("{\"time\":\"noon\"}",
            "field time: noon is no time like 2026-01-31T23:59:59.5Z of the years 0001 to 9999");
    EACH_REFUSED("time", "\"0000-01-01T00:00:00Z\"", "\"10000-01-01T00:00:00Z\"",
                 "\"0001-01-01T00:00:00+00:01\"", "\"9999-12-31T23:59:59-00:01\"",
                 "\"2026-01-01T00:00:00\"", "\"2026-01-01 00:00:00Z\"", "\"2026-01-01t00:00:00Z\"",
                 "\"2026-01-01T00:00:00z\"", "\"2026-02-29T00:00:00Z\"", "\"2026-13-01T00:00:00Z\"",
                 "\"2026-00-01T00:00:00Z\"", "\"2026-04-31T00:00:00Z\"", "\"2026-01-01T24:00:00Z\"",
                 "\"2026-01-01T00:60:00Z\"", "\"2026-01-01T00:00:60Z\"",
                 "\"2026-01-01T00:00:00.Z\"", "\"2026-01-01T00:00:00.1234567890Z\"",
                 "\"2026-01-01T00:00:00+1:00\"", "\"2026-01-01T00:00:00+24:00\"",
                 "\"2026-01-01T00:00:00Z \"", "\"\"", "{}", "[]");
    end();
}

TEST(durations_are_seconds_with_an_s)
{
    begin();
    stays("{\"span\":\"0s\"}");
    stays("{\"span\":\"1.500s\"}");
    stays("{\"span\":\"-0.000000001s\"}");
    stays("{\"span\":\"315576000000.999999999s\"}");
    stays("{\"span\":\"-315576000000.999999999s\"}");
    becomes("{\"span\":\"-1.5s\"}", "{\"span\":\"-1.500s\"}");
    becomes("{\"span\":\"00.1s\"}", "{\"span\":\"0.100s\"}");
    stays("{\"spans\":{\"a\":\"3s\",\"b\":\"0.000010s\"}}");
    refused("{\"spans\":{\"a\":1}}", "field spans[0]: expected a duration like \"1.5s\"");
    EACH_REFUSED("span", "\"1\"", "\"s\"", "\".5s\"", "\"1.s\"", "\"1.5\"", "\"+1s\"", "\"1.5S\"",
                 "\"--1s\"", "\"1.1234567890s\"", "\"315576000001s\"", "\"-315576000001s\"",
                 "\"99999999999999999999s\"", "\"1s \"", "1");
    end();
}

TEST(times_out_of_range_are_not_printed)
{
    struct google_protobuf_Timestamp time = {0};
    struct google_protobuf_Duration span = {0};
    struct test_forms_v1_Forms forms = {.time = &time, .span = &span};

    begin();
    time.seconds = 253402300800;
    CHECK_INT(print_as(GENERATED, FORMS, &forms, 0), AT_JSON_BAD_VALUE);
    CHECK_STR(fault.what, "field time: is a time outside of the years 0001 to 9999");
    time.seconds = -62135596801;
    CHECK_INT(print_as(GENERATED, FORMS, &forms, 0), AT_JSON_BAD_VALUE);
    time.seconds = 0;
    time.nanos = 1000000000;
    CHECK_INT(print_as(GENERATED, FORMS, &forms, 0), AT_JSON_BAD_VALUE);
    time.nanos = -1;
    CHECK_INT(print_as(GENERATED, FORMS, &forms, 0), AT_JSON_BAD_VALUE);
    time.nanos = 0;
    span.seconds = 315576000001;
    CHECK_INT(print_as(GENERATED, FORMS, &forms, 0), AT_JSON_BAD_VALUE);
    span.seconds = 1;
    span.nanos = -1;
    CHECK_INT(print_as(GENERATED, FORMS, &forms, 0), AT_JSON_BAD_VALUE);
    CHECK_STR(fault.what,
              "field span: is a duration of more than 315576000000 seconds or of two signs");
    end();
}

TEST(wrappers_are_their_value_and_null_is_none)
{
    begin();
    stays("{\"aDouble\":0,\"aFloat\":1.5,\"anInt64\":\"-9\",\"aUint64\":\"9\",\"anInt32\":-1,"
          "\"aUint32\":0,\"aBool\":false,\"aString\":\"\",\"someBytes\":\"AQI=\"}");
    becomes("{\"aDouble\":null,\"aBool\":null,\"someBytes\":null}", "{}");
    stays("{\"int32s\":[0,1]}");
    refused("{\"int32s\":[0,null]}", "field int32s[1]: null cannot stand in a list");
    refused("{\"aBool\":\"true\"}", "field aBool: expected bool, got a string");
    refused("{\"anInt32\":{\"value\":1}}", "field anInt32: expected int32, got an object");
    refused("{\"aUint32\":-1}", "field aUint32: -1 is under the uint32 limit");
    end();
}

TEST(a_struct_is_any_object_a_value_any_value)
{
    begin();
    stays("{\"object\":{}}");
    stays("{\"object\":{\"a\":null,\"b\":1.5,\"c\":\"x\",\"d\":true,\"e\":[1,[],{}],\"f\":{\"g\":{}"
          "}}}");
    stays("{\"value\":null}");
    stays("{\"value\":-0}");
    stays("{\"value\":\"NaN\"}"); /* text */
    stays("{\"value\":[null,[null],{\"\":null}]}");
    stays("{\"values\":[null,1,\"\"],\"valuesById\":{\"1\":null,\"-2\":{\"x\":[]}}}");
    stays("{\"list\":[]}");
    becomes("{\"list\":null,\"object\":null}", "{}");
    refused("{\"list\":{}}", "field list: expected a list");
    refused("{\"object\":[]}", "field object: expected an object");
    refused("{\"object\":{\"a\":{\"b\":[1,1e400]}}}",
            "field object[0][0][1]: 1e400 is over the double limit");
    becomes_as("google.protobuf.Value", " [1] ", "[1]", 0);
    becomes_as("google.protobuf.Value", "null", "null", 0);
    becomes_as("google.protobuf.Struct", "{\"a\":{}}", "{\"a\":{}}", 0);
    end();
}

TEST(a_value_that_json_has_not_is_not_printed)
{
    struct google_protobuf_Value value = {0};
    struct test_forms_v1_Forms forms = {.value = &value};

    begin();
    CHECK_INT(print_as(GENERATED, FORMS, &forms, 0), AT_JSON_BAD_VALUE);
    CHECK_STR(fault.what, "field value: is a google.protobuf.Value that holds nothing");
    CHECK_INT(read_as(GENERATED, "google.protobuf.Value", AT_LIT("2"), 0), 0);
    value = *(struct google_protobuf_Value *)got;
    memcpy((uint8_t *)&value + at_pb_field_by_number(&google_protobuf_Value_desc, 2)->offset,
           &(double){__builtin_nan("")}, sizeof(double));
    CHECK_INT(print_as(GENERATED, FORMS, &forms, 0), AT_JSON_BAD_VALUE);
    CHECK_STR(fault.what, "field value: is a google.protobuf.Value, which has no NaN or infinity");
    end();
}

TEST(null_is_a_value_where_the_type_says_so)
{
    begin();
    becomes("{\"nothing\":null}", "{}");
    becomes("{\"nothing\":\"NULL_VALUE\"}", "{}");
    stays("{\"nothings\":[null,null],\"nothingByName\":{\"a\":null}}");
    stays("{\"chosenNothing\":null}");
    becomes("{\"chosenNothing\":\"NULL_VALUE\"}", "{\"chosenNothing\":null}");
    stays("{\"chosenValue\":null}");
    becomes("{\"chosenTime\":null,\"chosenText\":\"a\"}", "{\"chosenText\":\"a\"}");
    refused("{\"chosenText\":\"a\",\"chosenNothing\":null}",
            "field chosenNothing: chosenText is there already, only one of them may be");
    end();
}

TEST(a_field_mask_is_one_string_of_camel_case_paths)
{
    begin();
    stays("{\"mask\":\"\"}");
    stays("{\"mask\":\"foo,barBaz.x1\"}");
    refused("{\"mask\":\"foo,bar_baz\"}",
            "field mask: bar_baz is no path of a field mask like fooBar.baz");
    EACH_REFUSED("mask", "\",\"", "\"a,\"", "\",a\"", "\"a b\"", "\"a, b\"", "\"\\u00e4\"", "[]",
                 "{\"paths\":[]}");
    end();
}

TEST(keys_of_whole_numbers_are_digits_and_perhaps_a_sign)
{
    static const char *const bad[] = {"10E0", "1.0", "1e2", "0.0", "",   "-",    "+",   "--1",
                                      "+-1",  " 1",  "1 ",  "0x1", "1_", "true", "NaN", "\\u0000"};
    char json[128];

    begin();
    stays("{\"valuesById\":{\"0\":1,\"-2147483648\":2,\"2147483647\":3}}");
    stays("{\"nothingById\":{\"0\":null,\"18446744073709551615\":null}}");
    becomes("{\"valuesById\":{\"-0\":1,\"01\":2,\"+2\":3,\"-003\":4,\"\\u0034\":5}}",
            "{\"valuesById\":{\"0\":1,\"1\":2,\"2\":3,\"-3\":4,\"4\":5}}");
    becomes("{\"nothingById\":{\"+0\":null,\"007\":null}}",
            "{\"nothingById\":{\"0\":null,\"7\":null}}");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(json, sizeof(json), "{\"valuesById\":{\"%s\":1}}", bad[i]);
        CHECK_INT(read_as(GENERATED, FORMS, at_bytes_of(json), 0), AT_JSON_BAD_VALUE);
        snprintf(json, sizeof(json), "{\"nothingById\":{\"%s\":null}}", bad[i]);
        CHECK_INT(read_as(GENERATED, FORMS, at_bytes_of(json), 0), AT_JSON_BAD_VALUE);
    }
    refused("{\"valuesById\":{\"10E0\":1}}",
            "field valuesById[0]: 10E0 is no whole number in plain digits");
    refused("{\"valuesById\":{\"2147483648\":1}}",
            "field valuesById[0]: 2147483648 is over the int32 limit");
    refused("{\"valuesById\":{\"-2147483649\":1}}",
            "field valuesById[0]: -2147483649 is under the int32 limit");
    refused("{\"nothingById\":{\"18446744073709551616\":null}}",
            "field nothingById[0]: 18446744073709551616 is over the uint64 limit");
    EACH_REFUSED("nothingById", "{\"-0\":null}", "{\"-1\":null}", "{\"-00\":null}");
    refused("{\"valuesById\":{\"1\":1,\"+1\":2}}", "field valuesById: has a key twice");
    end();
}

TEST(a_mask_that_would_not_come_back_is_not_printed)
{
    static const char *const bad[] = {"fooBar", "foo_3_bar", "foo__bar", "foo_", "a b", "", "F"};

    begin();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct atoll_str path = {bad[i], strlen(bad[i])};
        struct google_protobuf_FieldMask mask = {.paths = {&path, 1}};
        struct test_forms_v1_Forms forms = {.mask = &mask};

        CHECK_INT(print_as(GENERATED, FORMS, &forms, 0), AT_JSON_BAD_VALUE);
    }
    CHECK_STR(fault.what, "field mask: F is no path that JSON could give back as it was");
    end();
}

TEST(an_any_says_its_type_and_then_its_members)
{
    begin();
    stays("{\"any\":{}}");
    stays("{\"any\":{\"@type\":\"" URL FORMS "\"}}");
    stays("{\"any\":{\"@type\":\"" URL FORMS "\",\"anInt32\":3,\"nested\":{\"aBool\":true}}}");
    becomes("{\"any\":{\"anInt32\":3,\"nested\":{},\"@type\":\"x.org/a/" FORMS "\"}}",
            "{\"any\":{\"@type\":\"x.org/a/" FORMS "\",\"anInt32\":3,\"nested\":{}}}");
    becomes("{\"any\":{\"nested\":{\"any\":{\"aBool\":true,\"\\u0040type\":\"" URL FORMS
            "\"}},\"@type\":\"" URL FORMS "\"}}",
            "{\"any\":{\"@type\":\"" URL FORMS "\",\"nested\":{\"any\":{\"@type\":\"" URL FORMS
            "\",\"aBool\":true}}}}");
    stays("{\"anys\":[{},{\"@type\":\"" URL FORMS "\",\"aBool\":true},{}]}");
    end();
}

TEST(the_contents_of_an_any_and_the_text_may_share_one_arena)
{
    static const char json[] =
        "{\"anys\":[{\"@type\":\"" URL FORMS "\",\"nested\":{\"any\":{\"@type\":\"" URL FORMS
        "\",\"aBool\":true}}},{\"@type\":\"" URL FORMS "\"}]}";
    enum tables tables = OF_POOL;
    struct at_json_types types = {find, &tables};
    struct at_json_how how = {.types = &types};
    struct at_json_writer w;

    begin();
    CHECK_INT(read_as(tables, FORMS, at_bytes_of(json), 0), 0);
    at_text_deinit(&printed);
    how.scratch = &arena;
    CHECK(at_arena_alloc(&arena, 1 << 16, 1) != NULL); /* a block that is large enough */
    at_arena_reset(&arena);
    CHECK_INT(read_as(tables, FORMS, at_bytes_of(json), 0), 0);
    at_text_init_in(&printed, &arena);
    at_json_writer_init(&w, &printed, 0);
    fail_allocation(1);
    CHECK_INT(at_json_write_message(&how, desc_of(tables, FORMS), got, &w), 0);
    CHECK(!allocation_failed());
    fail_allocation(0);
    CHECK_STR(at_text_str(&printed), json);
    end();
}

TEST(what_has_a_form_of_its_own_stands_in_value)
{
    begin();
    stays("{\"any\":{\"@type\":\"" URL "google.protobuf.Duration\",\"value\":\"1.500s\"}}");
    stays("{\"any\":{\"@type\":\"" URL "google.protobuf.Int32Value\",\"value\":7}}");
    stays("{\"any\":{\"@type\":\"" URL "google.protobuf.Struct\",\"value\":{\"a\":[1,{}]}}}");
    stays("{\"any\":{\"@type\":\"" URL "google.protobuf.Value\",\"value\":null}}");
    stays("{\"any\":{\"@type\":\"" URL "google.protobuf.FieldMask\",\"value\":\"a,bC\"}}");
    becomes("{\"any\":{\"value\":{\"aBool\":true,\"@type\":\"" URL FORMS "\"},\"@type\":\"" URL
            "google.protobuf.Any\"}}",
            "{\"any\":{\"@type\":\"" URL "google.protobuf.Any\",\"value\":{\"@type\":\"" URL FORMS
            "\",\"aBool\":true}}}");
    stays("{\"any\":{\"@type\":\"" URL "google.protobuf.Empty\"}}");
    becomes("{\"any\":{\"@type\":\"" URL "google.protobuf.Empty\",\"value\":{}}}",
            "{\"any\":{\"@type\":\"" URL "google.protobuf.Empty\"}}");
    refused("{\"any\":{\"@type\":\"" URL "google.protobuf.Duration\",\"value\":\"1\"}}",
            "field any: 1 is no duration like 1.5s of at most 315576000000 seconds");
    refused("{\"any\":{\"@type\":\"" URL "google.protobuf.Duration\"}}",
            "field any: has no \"value\", which this type needs");
    refused("{\"any\":{\"@type\":\"" URL
            "google.protobuf.Duration\",\"value\":\"1s\",\"value\":\"1s\"}}",
            "field any: \"value\" is there twice");
    refused("{\"any\":{\"@type\":\"" URL "google.protobuf.Duration\",\"valve\":\"1s\"}}",
            "google.protobuf.Duration has no field \"valve\"");
    end();
}

TEST(an_any_that_nobody_can_read_is_refused_with_its_reason)
{
    begin();
    refused("{\"any\":{\"aBool\":true}}",
            "field any: has no \"@type\", so nobody knows what it is");
    refused("{\"any\":{\"@type\":5}}", "field any: \"@type\" must be a string");
    refused("{\"any\":{\"@type\":\"shop.v1.Item\"}}",
            "field any: shop.v1.Item is no type URL like type.googleapis.com/shop.v1.Item");
    refused("{\"anys\":[{},{\"@type\":\"" URL "shop.v1.Item\",\"x\":1}]}",
            "field anys[1]: shop.v1.Item is a type that is not known here: the contract must "
            "contain it");
    refused("{\"any\":{\"@type\":\"" URL FORMS "\",\"@type\":\"" URL FORMS "\"}}",
            "field any: \"@type\" is there twice");
    refused("{\"any\":{\"@type\":\"" URL FORMS "\",\"aBool\":1}}",
            "field any.aBool: expected bool, got a number");
    CHECK_INT(at_json_to_message(&test_forms_v1_Forms_desc,
                                 at_bytes_of("{\"any\":{\"@type\":\"" URL FORMS "\"}}"), 0, &arena,
                                 got, &fault),
              AT_JSON_BAD_VALUE);
    end();
}

TEST(an_any_that_does_not_hold_what_it_says_is_not_printed)
{
    struct google_protobuf_Any any = {.type_url = ATOLL_STR(URL FORMS),
                                      .value = ATOLL_STR("\x0A\x05")};
    struct test_forms_v1_Forms forms = {.any = &any};

    begin();
    CHECK_INT(print_as(GENERATED, FORMS, &forms, 0), AT_JSON_BAD_VALUE);
    CHECK(strstr(fault.what, "field any: holds what is no " FORMS) != NULL);
    any = (struct google_protobuf_Any){.type_url = ATOLL_STR(URL "shop.v1.Item")};
    CHECK_INT(print_as(GENERATED, FORMS, &forms, 0), AT_JSON_BAD_VALUE);
    CHECK_STR(fault.what, "field any: shop.v1.Item is a type that is not known here: the contract "
                          "must contain it");
    any = (struct google_protobuf_Any){.value = ATOLL_STR("x")};
    CHECK_INT(print_as(GENERATED, FORMS, &forms, 0), AT_JSON_BAD_VALUE);
    end();
}

/* head, n times over, with what is the middle, and tail as often. */
static struct at_bytes nest(const char *head, const char *middle, const char *tail, size_t n)
{
    struct at_text t;
    struct at_bytes b;

    at_text_init(&t);
    for (size_t i = 0; i < n; i++) {
        at_text_add_str(&t, head);
    }
    at_text_add_str(&t, middle);
    for (size_t i = 0; i < n; i++) {
        at_text_add_str(&t, tail);
    }
    b = at_bytes_over(at_arena_copy(&arena, at_text_bytes(&t)), t.len);
    at_text_deinit(&t);
    return b;
}

/* What is read can be sent: nesting is counted as on the wire, where a Value takes three levels. */
TEST(values_nest_as_deep_as_their_bytes_may)
{
    size_t deepest = 0;

    begin();
    for (size_t n = 1; n < 120; n++) {
        struct at_bytes json = nest("{\"a\":", "1", "}", n);
        struct at_bytes wire;

        if (read_as(OF_POOL, "google.protobuf.Value", json, 0) != 0) {
            CHECK(strstr(fault.what, "is nested deeper than 100 messages") != NULL);
            break;
        }
        CHECK_INT(
            at_pb_encode_in_arena(desc_of(OF_POOL, "google.protobuf.Value"), got, &arena, &wire),
            0);
        deepest = n;
    }
    CHECK(deepest >= 32 && deepest <= 34);
    CHECK_INT(read_as(OF_POOL, "google.protobuf.Value", nest("[", "1", "]", 100000), 0),
              AT_JSON_BAD_VALUE);
    end();
}

TEST(an_any_nests_in_others_up_to_its_limit)
{
    const struct atoll_message_desc *desc;
    uint8_t outer[0x4000 + 44];
    struct at_bytes wire;

    begin();
    desc = desc_of(OF_POOL, "google.protobuf.Any");
    CHECK_INT(read_as(OF_POOL, "google.protobuf.Any",
                      nest("{\"@type\":\"" URL "google.protobuf.Any\",\"value\":", "{}", "}",
                           AT_JSON_ANY_DEPTH_MAX),
                      0),
              0);
    CHECK_INT(print_as(OF_POOL, "google.protobuf.Any", got, 0), 0);
    CHECK_INT(at_pb_encode_in_arena(desc, got, &arena, &wire), 0);
    CHECK(wire.len > 0x7F && wire.len < 0x4000);
    /* In one more, which is longer than a length of one byte. */
    memcpy(outer, "\x0A\x27" URL "google.protobuf.Any\x12", 42);
    outer[42] = (uint8_t)(wire.len | 0x80);
    outer[43] = (uint8_t)(wire.len >> 7);
    memcpy(outer + 44, wire.at, wire.len);
    CHECK_INT(at_pb_decode(desc, at_bytes_over(outer, 44 + wire.len), &arena, got, NULL), 0);
    CHECK_INT(print_as(OF_POOL, "google.protobuf.Any", got, 0), AT_JSON_BAD_VALUE);
    CHECK_INT(read_as(OF_POOL, "google.protobuf.Any",
                      nest("{\"@type\":\"" URL "google.protobuf.Any\",\"value\":", "{}", "}",
                           AT_JSON_ANY_DEPTH_MAX + 1),
                      0),
              AT_JSON_BAD_VALUE);
    end();
}

/* An empty Any in as many others as asked. */
static struct google_protobuf_Any nested_any(size_t others)
{
    struct google_protobuf_Any any = {0};

    for (size_t i = 0; i < others; i++) {
        struct at_bytes bytes;

        CHECK_INT(at_pb_encode_in_arena(&google_protobuf_Any_desc, &any, &arena, &bytes), 0);
        any = (struct google_protobuf_Any){.type_url = ATOLL_STR(URL "google.protobuf.Any"),
                                           .value = {(const char *)bytes.at, bytes.len}};
    }
    return any;
}

TEST(an_any_that_nests_too_deep_to_be_read_is_not_printed)
{
    struct google_protobuf_Any any[AT_JSON_ANY_DEPTH_MAX + 2];
    struct test_forms_v1_Forms forms = {0};
    size_t n = AT_JSON_ANY_DEPTH_MAX;

    begin();
    any[0] = nested_any(n);
    CHECK_INT(print_as(GENERATED, "google.protobuf.Any", &any[0], 0), 0);
    CHECK_INT(read_as(GENERATED, "google.protobuf.Any", at_text_bytes(&printed), 0), 0);
    any[0] = nested_any(n + 1);
    CHECK_INT(print_as(GENERATED, "google.protobuf.Any", &any[0], 0), AT_JSON_BAD_VALUE);
    CHECK(strstr(fault.what, ".value: is an Any within more than 20 others") != NULL);
    any[0] = nested_any(90);
    forms.any = &any[0];
    CHECK_INT(print_as(GENERATED, FORMS, &forms, 0), AT_JSON_BAD_VALUE);
    CHECK(strstr(fault.what, "field any.value.") != NULL);
    CHECK(strstr(fault.what, ".value: is an Any within more than 20 others") != NULL);
    for (size_t i = 0; i < n + 2; i++) { /* beside each other they may be as many as they are */
        any[i] = nested_any(n);
    }
    forms = (struct test_forms_v1_Forms){.anys = {any, n + 2}};
    CHECK_INT(print_as(GENERATED, FORMS, &forms, 0), 0);
    CHECK_INT(read_as(GENERATED, FORMS, at_text_bytes(&printed), 0), 0);
    end();
}

/* The message alone, or as much of a larger one as a field that holds it. */
static void has_no_json(const char *name, const void *message, const char *what)
{
    fault = (struct at_pb_fault){0};
    CHECK_INT(print_as(GENERATED, name, message, 0), AT_JSON_BAD_VALUE);
    CHECK_STR(fault.what, what);
}

TEST(forms_with_text_that_is_not_utf8_are_not_printed)
{
    struct google_protobuf_StringValue text = {.value = ATOLL_STR("a\xFFz")};
    struct google_protobuf_Value value = {.kind_case = 3, .kind.string_value = ATOLL_STR("\xC3")};
    struct google_protobuf_Struct_FieldsEntry entry = {.key = ATOLL_STR("\xED\xA0\x80"),
                                                       .value = &value};
    struct google_protobuf_Struct object = {.fields = {&entry, 1}};
    struct google_protobuf_Any any = {.type_url = ATOLL_STR("\xFE/" FORMS)};
    struct test_forms_v1_Forms forms = {.a_string = &text};

    begin();
    has_no_json(FORMS, &forms, "field aString: is a string that is not UTF-8, as JSON must be");
    has_no_json("google.protobuf.StringValue", &text,
                "is a string that is not UTF-8, as JSON must be");
    forms = (struct test_forms_v1_Forms){.value = &value};
    has_no_json(FORMS, &forms, "field value: is a string that is not UTF-8, as JSON must be");
    forms = (struct test_forms_v1_Forms){.object = &object};
    has_no_json(FORMS, &forms, "field object[0]: has a key that is not UTF-8, as JSON must be");
    forms = (struct test_forms_v1_Forms){.anys = {&any, 1}};
    has_no_json(FORMS, &forms, "field anys[0]: has a type URL that is not UTF-8, as JSON must be");
    has_no_json("google.protobuf.Any", &any, "has a type URL that is not UTF-8, as JSON must be");
    end();
}

TEST(names_of_enum_values_that_are_not_known_are_skipped_on_demand)
{
    begin();
    becomes_as(FORMS,
               "{\"nothing\":\"X\",\"nothings\":[null,\"X\"],\"nothingByName\":{\"a\":\"X\","
               "\"b\":null},\"chosenNothing\":\"X\",\"any\":{\"x\":[],\"@type\":\"" URL
               "google.protobuf.Int32Value\",\"value\":1}}",
               "{\"any\":{\"@type\":\"" URL
               "google.protobuf.Int32Value\",\"value\":1},\"nothings\":[null],"
               "\"nothingByName\":{\"b\":null}}",
               AT_JSON_IGNORE_UNKNOWN);
    refused("{\"nothing\":\"X\"}", "field nothing: X is no value of google.protobuf.NullValue");
    end();
}

TEST(a_path_or_query_gives_forms_that_are_text)
{
    const struct atoll_message_desc *desc = &test_forms_v1_Forms_desc;
    struct test_forms_v1_Forms forms;

    begin();
    at_pb_init(desc, &forms);
#define SET(path, text)                                                                            \
    at_json_set_from_text(desc, at_bytes_of(path), at_bytes_of(text), &arena, &forms, &fault)
    CHECK_INT(SET("time", "2026-01-01T00:00:00Z"), 0);
    CHECK_INT(SET("span", "2s"), 0);
    CHECK_INT(SET("mask", "aB,c"), 0);
    CHECK_INT(SET("aBool", "true"), 0);
    CHECK_INT(SET("nested.anInt64", "-5"), 0);
    CHECK_INT(SET("span", "3s"), 0);
    CHECK_INT(print_as(GENERATED, FORMS, &forms, 0), 0);
    CHECK_STR(at_text_str(&printed),
              "{\"time\":\"2026-01-01T00:00:00Z\",\"span\":\"3s\",\"mask\":\"aB,c\","
              "\"aBool\":true,\"nested\":{\"anInt64\":\"-5\"}}");
    CHECK_INT(SET("time", "now"), AT_JSON_BAD_VALUE);
    CHECK_INT(SET("any", "{}"), AT_JSON_BAD_VALUE);
    CHECK_INT(SET("times", "2026-01-01T00:00:00Z"), AT_JSON_BAD_VALUE);
    end();
}

TEST(each_shorter_prefix_is_refused)
{
    const char *json = "{\"any\":{\"aBool\":true,\"@type\":\"" URL FORMS "\"},\"time\":"
                       "\"2026-01-01T00:00:00Z\",\"value\":{\"a\":[1,null]}}";

    begin();
    CHECK_INT(read_as(OF_POOL, FORMS, at_bytes_of(json), 0), 0);
    for (size_t i = 0; i < strlen(json); i++) {
        CHECK(read_as(OF_POOL, FORMS, at_bytes_over(json, i), 0) > 0);
    }
    end();
}

static void go_through(const char *json)
{
    static struct test_forms_v1_Forms forms;
    enum tables tables = GENERATED;
    struct at_json_types types = {find, &tables};
    struct at_json_how how = {.types = &types};
    int r;

    at_arena_deinit(&arena);
    at_arena_init(&arena, 64, 1 << 20);
    at_text_deinit(&printed);
    r = at_json_read_message(&how, &test_forms_v1_Forms_desc, at_bytes_of(json), &arena, &forms);
    r = r == 0 ? print_as(GENERATED, FORMS, &forms, 0) : r;
    CHECK(r == 0 || r == -ENOMEM);
    CHECK(r == 0 || allocation_failed());
}

TEST(when_the_nth_allocation_fails_so_does_the_call)
{
    const char *json = "{\"any\":{\"nested\":{\"any\":{}},\"@type\":\"" URL FORMS "\"},\"mask\":"
                       "\"a,b\",\"value\":{\"a\":[1,null]},\"spans\":{\"a\":\"1s\"},"
                       "\"int32s\":[1,2,3],\"object\":{\"b\":1,\"a\":{}}}";

    begin();
    WITH_EACH_ALLOCATION_FAILING(go_through(json));
    end();
}

TEST_MAIN("pb/json_forms")
