#include "pb/json_message.h"

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
#include "base/text.h"
#include "everything.atoll.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json.h"

#define ALL (&test_v1_Everything_desc)

static struct at_arena arena;
static struct at_pb_fault fault;
static struct test_v1_Everything got;
static char printed[8192];

static int read_with(const char *json, uint32_t flags)
{
    memset(&fault, 0, sizeof(fault));
    at_arena_deinit(&arena);
    at_arena_init(&arena, 1024, 1 << 26);
    return at_json_to_message(ALL, at_bytes_of(json), flags, &arena, &got, &fault);
}

static int read(const char *json)
{
    return read_with(json, 0);
}

static const char *print(const void *message, const struct atoll_message_desc *desc, uint32_t flags)
{
    struct at_text text;
    struct at_json_writer w;

    at_text_init(&text);
    at_json_writer_init(&w, &text, 0);
    CHECK_INT(at_json_from_message(desc, message, flags, &w), 0);
    CHECK(text.len < sizeof(printed));
    (void)snprintf(printed, sizeof(printed), "%s", at_text_str(&text));
    at_text_deinit(&text);
    return printed;
}

static void done(void)
{
    at_arena_deinit(&arena);
}

static void refused(const char *json, const char *field, const char *what)
{
    CHECK_INT(read(json), AT_JSON_BAD_VALUE);
    CHECK_STR(fault.field, field);
    CHECK_STR(fault.what, what);
}

TEST(json_comes_back_as_it_went)
{
    const char *json =
        "{\"aDouble\":1.5,\"aFloat\":-2.5,\"anInt64\":\"-9223372036854775808\","
        "\"aUint64\":\"18446744073709551615\",\"anInt32\":-2147483648,\"aFixed64\":\"1\","
        "\"aFixed32\":4294967295,\"aBool\":true,\"aString\":\"x\\ny\",\"nested\":{\"anInt32\":5},"
        "\"someBytes\":\"/wA=\",\"aUint32\":7,\"color\":\"COLOR_COLD\",\"anSfixed32\":-1,"
        "\"anSfixed64\":\"-2\",\"anSint32\":-3,\"anSint64\":\"-4\",\"maybeInt32\":0,"
        "\"maybeString\":\"\",\"text\":\"chosen\",\"int32s\":[1,-1],\"strings\":[\"a\",\"\"],"
        "\"items\":[{\"itemId\":1,\"remark\":\"r\"},{}],\"doubles\":[0.5,\"NaN\",\"-Infinity\"],"
        "\"colors\":[\"COLOR_RED\",99],\"counts\":{\"b\":2,\"a\":1},"
        "\"itemsById\":{\"-7\":{\"itemId\":3}},\"words\":{\"true\":\"yes\"}}";

    CHECK_INT(read(json), 0);
    CHECK_STR(print(&got, ALL, 0), json);
    done();
}

TEST(original_names_are_read_too_and_printed_on_demand)
{
    CHECK_INT(read("{\"an_int32\":1,\"items\":[{\"item_id\":2,\"note\":\"n\"}]}"), 0);
    CHECK_STR(print(&got, ALL, AT_JSON_ORIGINAL_NAMES),
              "{\"an_int32\":1,\"items\":[{\"item_id\":2,\"note\":\"n\"}]}");
    done();
}

TEST(fields_without_presence_are_printed_when_asked_for)
{
    struct test_v1_Everything_Item item = {0};

    CHECK_STR(print(&item, &test_v1_Everything_Item_desc, 0), "{}");
    CHECK_STR(print(&item, &test_v1_Everything_Item_desc, AT_JSON_PRINT_DEFAULTS),
              "{\"itemId\":0,\"quantity\":0,\"remark\":\"\"}");
    CHECK_INT(read("{}"), 0);
    CHECK(strstr(print(&got, ALL, AT_JSON_PRINT_DEFAULTS), "\"items\":[]") != NULL);
    CHECK(strstr(printed, "\"counts\":{}") != NULL && strstr(printed, "\"anInt64\":\"0\"") != NULL);
    CHECK(strstr(printed, "\"color\":\"COLOR_UNSPECIFIED\"") != NULL);
    CHECK(strstr(printed, "maybe") == NULL && strstr(printed, "nested") == NULL);
    CHECK(strstr(printed, "\"text\"") == NULL);
    done();
}

TEST(int32_ends_where_int32_ends)
{
    CHECK_INT(read("{\"anInt32\":2147483647}"), 0);
    CHECK_INT(got.an_int32, INT32_MAX);
    CHECK_INT(read("{\"anInt32\":-2147483648}"), 0);
    refused("{\"anInt32\":2147483648}", "anInt32",
            "field anInt32: 2147483648 is over the int32 limit");
    refused("{\"anInt32\":-2147483649}", "anInt32",
            "field anInt32: -2147483649 is under the int32 limit");
    refused("{\"aUint32\":4294967296}", "aUint32",
            "field aUint32: 4294967296 is over the uint32 limit");
    refused("{\"aUint32\":-1}", "aUint32", "field aUint32: -1 is under the uint32 limit");
    done();
}

TEST(sixty_four_bit_numbers_are_exact_as_number_and_as_string)
{
    CHECK_INT(read("{\"anInt64\":9223372036854775807,\"aUint64\":18446744073709551615}"), 0);
    CHECK(got.an_int64 == INT64_MAX && got.a_uint64 == UINT64_MAX);
    CHECK_INT(read("{\"anInt64\":\"-9223372036854775808\",\"aUint64\":\"9007199254740993\"}"), 0);
    CHECK(got.an_int64 == INT64_MIN && got.a_uint64 == 9007199254740993);
    refused("{\"anInt64\":\"9223372036854775808\"}", "anInt64",
            "field anInt64: 9223372036854775808 is over the int64 limit");
    refused("{\"aUint64\":18446744073709551616}", "aUint64",
            "field aUint64: 18446744073709551616 is over the uint64 limit");
    done();
}

TEST(whole_numbers_may_be_written_with_point_or_exponent)
{
    CHECK_INT(
        read("{\"anInt32\":1.0,\"aUint32\":12e2,\"anSint32\":-1200e-2,\"anInt64\":\"0e99999\"}"),
        0);
    CHECK(got.an_int32 == 1 && got.a_uint32 == 1200 && got.an_sint32 == -12 && got.an_int64 == 0);
    refused("{\"anInt32\":1.5}", "anInt32", "field anInt32: 1.5 is not a whole number");
    refused("{\"anInt32\":1e400}", "anInt32", "field anInt32: 1e400 is over the int32 limit");
    refused("{\"anInt32\":1e-1}", "anInt32", "field anInt32: 1e-1 is not a whole number");
    refused("{\"anInt32\":1e999999999}", "anInt32",
            "field anInt32: 1e999999999 is over the int32 limit");
    refused("{\"anInt32\":\"\"}", "anInt32", "field anInt32: \"\" is not a number");
    refused("{\"anInt32\":\" 1\"}", "anInt32", "field anInt32:  1 is not a number");
    refused("{\"anInt32\":\"1x\"}", "anInt32", "field anInt32: 1x is not a number");
    done();
}

TEST(a_number_that_a_double_cannot_hold_is_refused)
{
    refused("{\"aDouble\":1e400}", "aDouble", "field aDouble: 1e400 is over the double limit");
    refused("{\"aFloat\":-3.5e38}", "aFloat", "field aFloat: -3.5e38 is under the float limit");
    CHECK_INT(read("{\"aDouble\":1e-400,\"aFloat\":\"Infinity\"}"), 0);
    CHECK(got.a_double == 0 && isinf(got.a_float));
    done();
}

TEST(wrong_types_are_named)
{
    refused("{\"anInt32\":true}", "anInt32", "field anInt32: expected int32, got true");
    refused("{\"anInt32\":[1]}", "anInt32", "field anInt32: expected int32, got a list");
    refused("{\"aString\":5}", "aString", "field aString: expected string, got a number");
    refused("{\"aBool\":\"true\"}", "aBool", "field aBool: expected bool, got a string");
    refused("{\"aBool\":0}", "aBool", "field aBool: expected bool, got a number");
    refused("{\"nested\":[]}", "nested", "field nested: expected an object");
    refused("{\"items\":{}}", "items", "field items: expected a list");
    refused("{\"items\":[{},5]}", "items[1]", "field items[1]: expected an object");
    refused("{\"int32s\":[1,null]}", "int32s[1]", "field int32s[1]: null cannot stand in a list");
    refused("{\"counts\":[]}", "counts", "field counts: expected an object");
    refused("{\"counts\":{\"a\":null}}", "counts[0]",
            "field counts[0]: null cannot stand in a map");
    refused("{\"itemsById\":{\"x\":{}}}", "itemsById[0]",
            "field itemsById[0]: x is no whole number in plain digits");
    refused("[]", "", "expected an object");
    refused("5", "", "expected an object");
    done();
}

TEST(unknown_fields_are_refused_by_name_and_place_or_stepped_over)
{
    refused("{\"items\":[{\"itemid\":1}]}", "items[0].itemid",
            "test.v1.Everything.Item has no field \"itemid\"; did you mean \"itemId\"?");
    CHECK_INT(fault.line, 1);
    CHECK_INT(fault.col, 12);
    refused("{\"zzz\":1}", "zzz", "test.v1.Everything has no field \"zzz\"");
    CHECK_INT(read_with("{\"zzz\":{\"a\":[1,{}]},\"anInt32\":4}", AT_JSON_IGNORE_UNKNOWN), 0);
    CHECK_INT(got.an_int32, 4);
    CHECK_INT(read_with("{\"zzz\":{\"a\":[1,}}", AT_JSON_IGNORE_UNKNOWN), AT_JSON_BAD_TEXT);
    done();
}

TEST(a_field_may_be_there_once)
{
    refused("{\"anInt32\":1,\"anInt32\":2}", "anInt32", "field anInt32: is there twice");
    refused("{\"anInt32\":1,\"an_int32\":2}", "anInt32", "field anInt32: is there twice");
    refused("{\"nested\":{\"anInt32\":1,\"anInt32\":1}}", "nested.anInt32",
            "field nested.anInt32: is there twice");
    refused("{\"number\":1,\"text\":\"a\"}", "text",
            "field text: number is there already, only one of them may be");
    done();
}

TEST(a_key_of_a_map_may_be_there_once)
{
    refused("{\"counts\":{\"a\":1,\"b\":1,\"a\":2}}", "counts", "field counts: has a key twice");
    refused("{\"counts\":{\"a\":1,\"\\u0061\":2}}", "counts", "field counts: has a key twice");
    refused("{\"itemsById\":{\"7\":{},\"7\":{}}}", "itemsById", "field itemsById: has a key twice");
    done();
}

TEST(null_is_absent)
{
    CHECK_INT(read("{\"anInt32\":null,\"nested\":null,\"items\":null,\"maybeInt32\":null,"
                   "\"text\":null,\"number\":3}"),
              0);
    CHECK(!got.has_maybe_int32 && got.nested == NULL && got.payload_case == 31);
    done();
}

TEST(bytes_are_base64_of_both_alphabets_padded_or_not)
{
    CHECK_INT(read("{\"blobs\":[\"+/8=\",\"-_8\",\"\",\"QUJD\",\"QQ==\",\"QQ\"]}"), 0);
    CHECK_STR(print(&got, ALL, 0),
              "{\"blobs\":[\"+/8=\",\"+/8=\",\"\",\"QUJD\",\"QQ==\",\"QQ==\"]}");
    refused("{\"someBytes\":\"Q\"}", "someBytes", "field someBytes: Q is not base64");
    refused("{\"someBytes\":\"QQ=\"}", "someBytes", "field someBytes: QQ= is not base64");
    refused("{\"someBytes\":\"Q=Q=\"}", "someBytes", "field someBytes: Q=Q= is not base64");
    refused("{\"someBytes\":\"Q Q=\"}", "someBytes", "field someBytes: Q Q= is not base64");
    done();
}

TEST(enums_are_names_or_numbers)
{
    CHECK_INT(read("{\"colors\":[\"COLOR_RED\",2,-5,\"77\"]}"), 0);
    CHECK_STR(print(&got, ALL, 0),
              "{\"colors\":[\"COLOR_RED\",\"COLOR_GREEN\",\"COLOR_COLD\",77]}");
    CHECK_STR(print(&got, ALL, AT_JSON_ENUM_NUMBERS), "{\"colors\":[1,2,-5,77]}");
    refused("{\"color\":\"RED\"}", "color", "field color: RED is no value of test.v1.Color");
    refused("{\"color\":1.5}", "color", "field color: 1.5 is not a whole number");
    done();
}

TEST(what_is_not_json_is_said_with_its_place)
{
    CHECK_INT(read("{\n \"anInt32\": 01}"), AT_JSON_BAD_TEXT);
    CHECK_STR(fault.what, "line 2, column 13: ill-formed number");
    CHECK_STR(fault.field, "anInt32");
    CHECK_INT(read("{} x"), AT_JSON_BAD_TEXT);
    CHECK_INT(read(""), AT_JSON_BAD_TEXT);
    CHECK_INT(read("{\"aString\":\"\\ud800\"}"), AT_JSON_BAD_TEXT);
    done();
}

TEST(each_shorter_prefix_is_refused)
{
    const char *json = "{\"items\":[{\"itemId\":1},{}],\"counts\":{\"a\":1},\"text\":\"\\u00e4\"}";

    CHECK_INT(read(json), 0);
    for (size_t i = 0; i < strlen(json); i++) {
        CHECK_INT(at_json_to_message(ALL, at_bytes_over(json, i), 0, &arena, &got, &fault),
                  AT_JSON_BAD_TEXT);
    }
    done();
}

TEST(deep_json_is_refused_at_a_hundred_messages)
{
    enum { N = 1000000 };
    char *json = malloc(10 * N + 1);

    CHECK(json != NULL);
    for (size_t i = 0; i < N; i++) {
        memcpy(json + 10 * i, "{\"nested\":", 10);
    }
    json[10 * N] = '\0';
    CHECK_INT(read(json), AT_JSON_BAD_VALUE);
    CHECK(strstr(fault.what, "deeper than 100 messages") != NULL);
    free(json);
    done();
}

TEST(when_the_nth_allocation_fails_so_does_the_call)
{
    const char *json = "{\"items\":[{\"itemId\":1},{},{\"remark\":\"\\n\"}],\"counts\":{\"a\":1},"
                       "\"nested\":{\"strings\":[\"\\u00e4\"]},\"someBytes\":\"QUJD\"}";

    WITH_EACH_ALLOCATION_FAILING({
        int r;

        at_arena_init(&arena, 64, 1 << 20);
        r = at_json_to_message(ALL, at_bytes_of(json), 0, &arena, &got, &fault);
        CHECK(r == 0 || r == -ENOMEM);
        at_arena_deinit(&arena);
    });
}

TEST(printing_without_memory_is_an_error)
{
    CHECK_INT(read("{\"aString\":\"abc\",\"counts\":{\"a\":1},\"itemsById\":{\"1\":{}}}"), 0);
    WITH_EACH_ALLOCATION_FAILING({
        struct at_text text;
        struct at_json_writer w;
        int r;

        at_text_init(&text);
        at_json_writer_init(&w, &text, 2);
        r = at_json_from_message(ALL, &got, 0, &w);
        CHECK(r == -ENOMEM || (r == 0 && !text.failed));
        at_text_deinit(&text);
    });
    done();
}

TEST(one_field_can_be_read_and_printed_alone)
{
    const struct atoll_field_desc *items = at_pb_field_by_name(ALL, at_bytes_of("items"));
    const struct atoll_field_desc *nested = at_pb_field_by_name(ALL, at_bytes_of("nested"));
    struct at_text text;
    struct at_json_writer w;

    CHECK_INT(read("{\"anInt32\":1}"), 0);
    CHECK_INT(
        at_json_to_field(ALL, items, at_bytes_of("[{\"itemId\":9}]"), 0, &arena, &got, &fault), 0);
    CHECK_INT(
        at_json_to_field(ALL, nested, at_bytes_of(" {\"aBool\":true} "), 0, &arena, &got, &fault),
        0);
    CHECK(got.an_int32 == 1 && got.items.at[0].item_id == 9 && got.nested->a_bool);
    CHECK_INT(
        at_json_to_field(ALL, items, at_bytes_of("[{\"itemId\":true}]"), 0, &arena, &got, &fault),
        AT_JSON_BAD_VALUE);
    CHECK_STR(fault.field, "[1].itemId"); /* inside of the text: nobody wrote "items" */
    CHECK_INT(
        at_json_to_field(ALL, nested, at_bytes_of("{\n\"aBol\":true}"), 0, &arena, &got, &fault),
        AT_JSON_BAD_VALUE);
    CHECK_STR(fault.field, "aBol");
    CHECK_INT(fault.line, 2);
    CHECK_INT(fault.col, 1);
    CHECK_INT(at_json_to_field(ALL, nested, at_bytes_of("{\"aBool\":7}"), 0, &arena, &got, &fault),
              AT_JSON_BAD_VALUE);
    CHECK_STR(fault.field, "aBool");
    CHECK_INT(at_json_to_field(ALL, nested, at_bytes_of("7"), 0, &arena, &got, &fault),
              AT_JSON_BAD_VALUE);
    CHECK_STR(fault.field, "");
    CHECK_STR(fault.what, "expected an object");
    CHECK_INT(at_json_to_field(ALL, nested, at_bytes_of("{} 1"), 0, &arena, &got, &fault),
              AT_JSON_BAD_TEXT);
    at_text_init(&text);
    at_json_writer_init(&w, &text, 0);
    CHECK_INT(at_json_from_field(ALL, items, &got, 0, &w), 0);
    CHECK_STR(at_text_str(&text), "[{\"itemId\":9},{}]");
    at_text_clear(&text);
    at_json_writer_init(&w, &text, 0);
    got.nested = NULL;
    CHECK_INT(at_json_from_field(ALL, nested, &got, 0, &w), 0);
    CHECK_STR(at_text_str(&text), "null");
    at_text_deinit(&text);
    done();
}

static int set(const char *path, const char *value)
{
    return at_json_set_from_text(ALL, at_bytes_of(path), at_bytes_of(value), &arena, &got, &fault);
}

TEST(path_and_query_set_fields_from_plain_text)
{
    CHECK_INT(read("{}"), 0);
    CHECK_INT(set("anInt32", "-5"), 0);
    CHECK_INT(set("a_string", "plain \" text"), 0);
    CHECK_INT(set("nested.color", "COLOR_RED"), 0);
    CHECK_INT(set("nested.aBool", "true"), 0);
    CHECK_INT(set("item.itemId", "3"), 0);
    CHECK_INT(set("int32s", "1"), 0);
    CHECK_INT(set("int32s", "2"), 0);
    CHECK_INT(set("maybeInt32", "0"), 0);
    CHECK_STR(
        print(&got, ALL, 0),
        "{\"anInt32\":-5,\"aString\":\"plain \\\" text\",\"nested\":{\"aBool\":true,\"color\":"
        "\"COLOR_RED\"},\"maybeInt32\":0,\"item\":{\"itemId\":3},\"int32s\":[1,2]}");
    CHECK_INT(set("anInt32", "2147483648"), AT_JSON_BAD_VALUE);
    CHECK_STR(fault.what, "field anInt32: 2147483648 is over the int32 limit");
    CHECK_INT(set("anInt3", "1"), AT_JSON_BAD_VALUE);
    CHECK_STR(fault.what, "test.v1.Everything has no field \"anInt3\"; did you mean \"anInt32\"?");
    CHECK_INT(set("nested", "1"), AT_JSON_BAD_VALUE);
    CHECK_INT(set("aString.x", "1"), AT_JSON_BAD_VALUE);
    CHECK_INT(set("", "1"), AT_JSON_BAD_VALUE);
    CHECK_INT(set("aBool", "yes"), AT_JSON_BAD_VALUE);
    CHECK_STR(fault.what, "field aBool: yes is neither true nor false");
    CHECK_INT(set("aString", "\xFF"), AT_JSON_BAD_VALUE);
    done();
}

TEST(a_text_that_is_refused_leaves_the_message_as_it_was)
{
    CHECK_INT(read("{\"item\":{\"itemId\":3},\"int32s\":[1]}"), 0);
    CHECK_INT(set("number", "x"), AT_JSON_BAD_VALUE);
    CHECK_INT(set("text", "\xFF"), AT_JSON_BAD_VALUE);
    CHECK_INT(set("int32s", "x"), AT_JSON_BAD_VALUE);
    CHECK_STR(print(&got, ALL, 0), "{\"item\":{\"itemId\":3},\"int32s\":[1]}");
    CHECK_INT(set("number", "7"), 0);
    CHECK_STR(print(&got, ALL, 0), "{\"number\":7,\"int32s\":[1]}");
    done();
}

TEST_MAIN("pb/json_message")
