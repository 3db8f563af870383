#include "pb/pbtext.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "everything.atoll.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/limits.h"

#define ALL (&test_v1_Everything_desc)

static struct at_arena arena;
static struct at_pb_fault fault;
static struct test_v1_Everything got;
static char printed[16384];

static int read_bytes(struct at_bytes text)
{
    struct at_pbtext_how how = {.fault = &fault};

    memset(&fault, 0, sizeof(fault));
    at_arena_deinit(&arena);
    at_arena_init(&arena, 1024, 1 << 26);
    return at_pbtext_read(&how, ALL, text, &arena, &got);
}

static int read(const char *text)
{
    return read_bytes(at_bytes_of(text));
}

static const char *print(uint32_t flags)
{
    struct at_pbtext_how how = {.flags = flags};
    struct at_text text;

    at_text_init(&text);
    CHECK_INT(at_pbtext_write(&how, ALL, &got, &text), 0);
    CHECK(text.len < sizeof(printed));
    (void)snprintf(printed, sizeof(printed), "%s", at_text_str(&text));
    at_text_deinit(&text);
    return printed;
}

/* Read and printed on one line. */
static const char *through(const char *text)
{
    CHECK_INT(read(text), 0);
    return print(AT_PBTEXT_ONE_LINE);
}

static void refused(const char *text, int result, const char *what)
{
    CHECK_INT(read(text), result);
    CHECK_STR(fault.what, what);
}

static void done(void)
{
    at_arena_deinit(&arena);
}

static const char all[] =
    "a_double: 1.5 a_float: -2.5 an_int64: -9223372036854775808 a_uint64: 18446744073709551615 "
    "an_int32: -2147483648 a_fixed64: 1 a_fixed32: 4294967295 a_bool: true a_string: \"x\\ny\" "
    "nested { an_int32: 5 nested { } } some_bytes: \"\\377\\000\" a_uint32: 7 color: COLOR_COLD "
    "an_sfixed32: -1 an_sfixed64: -2 an_sint32: -3 an_sint64: -4 maybe_int32: 0 "
    "maybe_string: \"\" maybe_bool: false item { item_id: 9 } int32s: 1 int32s: -1 "
    "loose_int32s: 4 strings: \"a\" strings: \"\" items { item_id: 1 note: \"r\" } items { } "
    "doubles: 0.5 doubles: nan doubles: -inf colors: COLOR_RED colors: 99 sint64s: -7 "
    "bools: true blobs: \"b\" fixed32s: 8 counts { key: \"\" value: 0 } "
    "counts { key: \"b\" value: 2 } items_by_id { key: -7 value { item_id: 3 } } "
    "words { key: true value: \"yes\" }";

TEST(text_comes_back_as_it_went)
{
    CHECK_STR(through(all), all);
    done();
}

TEST(on_several_lines_each_field_has_its_own_and_messages_are_indented)
{
    CHECK_INT(read("an_int32: 5 nested { nested { a_bool: true } } items { } int32s: [1, 2]"), 0);
    CHECK_STR(print(0), "an_int32: 5\n"
                        "nested {\n"
                        "  nested {\n"
                        "    a_bool: true\n"
                        "  }\n"
                        "}\n"
                        "int32s: 1\n"
                        "int32s: 2\n"
                        "items {\n"
                        "}\n");
    CHECK_INT(read(printed), 0);
    done();
}

TEST(both_brackets_lists_separators_and_comments_are_read)
{
    CHECK_STR(
        through("nested: < an_int32: 1; > # a comment, an_int32: 2\n"
                "items: [{item_id: 1}, <item_id:2,>], int32s: [] int32s: [3,4];#end"),
        "nested { an_int32: 1 } int32s: 3 int32s: 4 items { item_id: 1 } items { item_id: 2 }");
    CHECK_STR(through(""), "");
    CHECK_STR(through("\t\v\f\r\n #"), "");
    done();
}

TEST(of_equal_keys_the_last_stays_and_keys_are_printed_in_order)
{
    CHECK_STR(through("items_by_id { key: 2 value { item_id: 1 } } items_by_id { key: -1 } "
                      "items_by_id { value { quantity: 3 } key: 2 } counts [{}, {value: 5}]"),
              "counts { key: \"\" value: 5 } items_by_id { key: -1 value { } } "
              "items_by_id { key: 2 value { quantity: 3 } }");
    done();
}

TEST(whole_numbers_may_be_decimal_octal_and_hexadecimal)
{
    CHECK_STR(through("an_int32: 017 an_int64: 0xfF a_uint64: 0XFFFFFFFFFFFFFFFF an_sint32: -0x1 "
                      "an_sint64: - # the sign may stand apart\n 2 a_bool: 01 color: -5"),
              "an_int64: 255 a_uint64: 18446744073709551615 an_int32: 15 a_bool: true "
              "color: COLOR_COLD an_sint32: -1 an_sint64: -2");
    done();
}

TEST(numbers_beyond_their_type_are_refused)
{
    refused(
        "an_int32: 2147483648", AT_PBTEXT_BAD_VALUE,
        "line 1, column 11: field an_int32: 2147483648 does not fit into the type of the field");
    CHECK_INT(read("an_int32: -2147483649"), AT_PBTEXT_BAD_VALUE);
    CHECK_INT(read("an_int64: 9223372036854775808"), AT_PBTEXT_BAD_VALUE);
    CHECK_INT(read("an_int64: -9223372036854775809"), AT_PBTEXT_BAD_VALUE);
    CHECK_INT(read("a_uint32: 4294967296"), AT_PBTEXT_BAD_VALUE);
    CHECK_INT(read("a_uint64: 18446744073709551616"), AT_PBTEXT_BAD_VALUE);
    CHECK_INT(read("a_uint64: 0x10000000000000000"), AT_PBTEXT_BAD_VALUE);
    CHECK_INT(read("a_bool: 2"), AT_PBTEXT_BAD_VALUE);
    refused("a_uint32: -1", AT_PBTEXT_BAD_VALUE,
            "line 1, column 12: field a_uint32: 1 stands behind a minus, but the type has no "
            "negative numbers");
    refused("an_int32: 1.0", AT_PBTEXT_BAD_VALUE,
            "line 1, column 11: field an_int32: 1.0 is not a whole number");
    done();
}

TEST(numbers_with_a_point_take_every_form)
{
    CHECK_INT(read("doubles: [.5, 1., 1.5e3, 2E-1, 3f, 1.5F, 7, inf, -Infinity, 1e999, -0]"), 0);
    CHECK_INT(got.doubles.count, 11);
    for (size_t i = 0; i < got.doubles.count; i++) {
        static const double expected[] = {0.5, 1,        1500,      0.2,      3,   1.5,
                                          7,   HUGE_VAL, -HUGE_VAL, HUGE_VAL, -0.0};

        CHECK(got.doubles.at[i] == expected[i]);
    }
    CHECK(signbit(got.doubles.at[10]));
    CHECK_INT(read("a_float: 3.4028235e+38 a_double: -NaN"), 0);
    CHECK(got.a_float == FLT_MAX && isnan(got.a_double) && !signbit(got.a_double));
    CHECK_INT(read("a_float: 3.4028235e+39"), 0);
    CHECK(isinf(got.a_float));
    done();
}

TEST(what_is_no_number_is_refused)
{
    static const char *const wrong[] = {"1x",  "1e",   "0x",  "08",    "00.5", "1.2.3", "0xg",
                                        "1f2", "1..2", "1e+", "--1",   "+1",   "tru",   "\"1\"",
                                        "0x1", "010",  "-",   "1 - 2", ".",    ""};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[64];

        (void)snprintf(text, sizeof(text), "a_double: %s", wrong[i]);
        CHECK(read(text) > 0);
    }
    memset(printed, '1', sizeof(printed));
    memcpy(printed, "a_double: ", 10);
    printed[10 + AT_PBTEXT_NUMBER_MAX] = '\0';
    CHECK_INT(read(printed), AT_PBTEXT_BAD_VALUE);
    printed[10 + AT_PBTEXT_NUMBER_MAX - 1] = '\0';
    CHECK_INT(read(printed), 0);
    done();
}

TEST(bools_have_six_names_and_two_numbers)
{
    CHECK_INT(read("bools: [true, True, t, 1, false, False, f, 0]"), 0);
    CHECK_INT(got.bools.count, 8);
    for (size_t i = 0; i < 8; i++) {
        CHECK(got.bools.at[i] == (i < 4));
    }
    refused("a_bool: TRUE", AT_PBTEXT_BAD_VALUE,
            "line 1, column 9: field a_bool: TRUE is neither true nor false");
    done();
}

TEST(strings_side_by_side_are_one_and_escapes_are_undone)
{
    CHECK_INT(
        read("a_string: 'it''s ' # comment\n \"\\\"one\\\"\"\n'\\u00e4\\U0001F600\\x41\\101'"), 0);
    CHECK_BYTES(at_bytes_over(got.a_string.at, got.a_string.len),
                "its \"one\"\xc3\xa4\xf0\x9f\x98\x80"
                "AA");
    CHECK_INT(read("some_bytes: '\\a\\b\\f\\n\\r\\t\\v\\?\\\\\\'\\\"\\0\\00\\377\\xF\\XfF'"), 0);
    CHECK_INT(got.some_bytes.len, 16);
    CHECK(memcmp(got.some_bytes.at, "\a\b\f\n\r\t\v?\\'\"\0\0\377\x0f\xff", 16) == 0);
    done();
}

TEST(wrong_strings_are_refused_at_their_place)
{
    static const char *const wrong[] = {"'a\nb'",    "'\\u12'",     "'\\U0000123'",
                                        "'\\uD800'", "'\\uDFFF'",   "'\\U00110000'",
                                        "'\\x'",     "'\\400'",     "'\\ud801\\udc37'",
                                        "'\\'",      "'a\"",        "'\xc3'",
                                        "'\\300'",   "'a' '\\xc0'", "name",
                                        "'\\\n'",    "5",           "{}"};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[64];

        (void)snprintf(text, sizeof(text), "a_string: %s", wrong[i]);
        CHECK(read(text) > 0);
    }
    CHECK(read_bytes(at_bytes_over("a_string: 'a\0b'", 15)) > 0);
    refused("a_string: 'a\\q'", AT_PBTEXT_BAD_TEXT,
            "line 1, column 13: field a_string: this escape does not exist");
    refused("a_string:\n 'open", AT_PBTEXT_BAD_TEXT,
            "line 2, column 2: field a_string: a string is not closed");
    refused("a_string: 'a' '\\xff'", AT_PBTEXT_BAD_VALUE,
            "line 1, column 11: field a_string: \"a\" is not well-formed UTF-8");
    CHECK_INT(read("some_bytes: '\\xff'"), 0);
    done();
}

TEST(printed_strings_are_safe_on_a_terminal)
{
    CHECK_STR(through("a_string: '\\033[2J\\177\\u009b\\u00a0\\u00e4\\0'"),
              "a_string: \"\\033[2J\\177\\302\\233\xc2\xa0\xc3\xa4\\000\"");
    CHECK_STR(through("some_bytes: '\\u00e4'"), "some_bytes: \"\\303\\244\"");
    done();
}

TEST(a_field_that_can_be_there_once_is_refused_the_second_time)
{
    refused("an_int32: 0 an_int32: 0", AT_PBTEXT_BAD_VALUE,
            "line 1, column 23: field an_int32: is there twice");
    CHECK_INT(read("nested {} nested {}"), AT_PBTEXT_BAD_VALUE);
    CHECK_INT(read("maybe_bool: true maybe_bool: true"), AT_PBTEXT_BAD_VALUE);
    refused("item {} number: 1", AT_PBTEXT_BAD_VALUE,
            "line 1, column 17: field number: belongs to a oneof that has another member already");
    refused("nested { items { item_id: 1 } items { item_id: 1, item_id: 2 } }", AT_PBTEXT_BAD_VALUE,
            "line 1, column 60: field nested.items[1].item_id: is there twice");
    done();
}

TEST(an_unknown_name_is_refused_with_the_nearest_known_one)
{
    refused("nested { a_boll: true }", AT_PBTEXT_BAD_VALUE,
            "line 1, column 10: field nested: test.v1.Everything has no field \"a_boll\"; did you "
            "mean \"a_bool\"?");
    refused("color: COLOR_BLUE", AT_PBTEXT_BAD_VALUE,
            "line 1, column 8: field color: COLOR_BLUE is no value of test.v1.Color");
    refused("[pkg . # blanks may stand here\n ext]: 1", AT_PBTEXT_BAD_VALUE,
            "line 1, column 1: test.v1.Everything has no field \"pkg.ext\"");
    CHECK_INT(read("anInt32: 1"), AT_PBTEXT_BAD_VALUE); /* JSON's name */
    CHECK_INT(read("5: 1"), AT_PBTEXT_BAD_TEXT);        /* numbers are only printed */
    done();
}

TEST(signs_that_do_not_belong_where_they_stand_are_refused)
{
    static const char *const wrong[] = {
        "an_int32 1",     "an_int32:: 1",
        "an_int32: [1]",  "int32s: [1,]",
        "int32s: [,1]",   "int32s: [1 2]",
        "int32s: 1, , ",  ",",
        "; an_int32: 1",  "nested { ",
        "nested { >",     "nested < }",
        "nested: 5",      "nested 5",
        "nested {}}",     "}",
        "items [{}, {}",  "items [{},, {}]",
        "items: [[{}]]",  "nested { an_int32: }",
        "an_int32: {}",   "[",
        "[]: 1",          "[a",
        "[a\"b]: 1",      "[a/b] {}",
        "int32s: [1; 2]", "an_int32: 1,;",
        "$: 1",           "an_int32: 1 \x01",
        "an_int32: 5e",   "counts: \"a\"",
        "an_int32 = 1",   "[type.googleapis.com/test.v1.Everything] {}",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (read(wrong[i]) <= 0) {
            CHECK_STR(wrong[i], "is refused");
        }
        CHECK(fault.what[0] != '\0' && fault.line == 1 && fault.offset <= strlen(wrong[i]));
    }
    refused("an_int32: 1\nnested {\n  a_bool true\n}", AT_PBTEXT_BAD_TEXT,
            "line 3, column 10: field nested.a_bool: expected a colon, found true");
    done();
}

/* Opens n messages within one another. */
static const char *nested(size_t n)
{
    static char text[AT_PB_DEPTH_MAX * 16];
    size_t len = 0;

    CHECK(n * 9 < sizeof(text));
    for (size_t i = 0; i < n; i++) {
        memcpy(text + len, "nested{", 7);
        len += 7;
    }
    memset(text + len, '}', n);
    text[len + n] = '\0';
    return text;
}

TEST(messages_deeper_than_the_limit_are_refused)
{
    CHECK_INT(read(nested(AT_PB_DEPTH_MAX - 1)), 0);
    (void)print(AT_PBTEXT_ONE_LINE);
    CHECK_INT(read(nested(AT_PB_DEPTH_MAX)), AT_PBTEXT_BAD_VALUE);
    CHECK(strstr(fault.what, "is nested deeper than 100 messages") != NULL);
    done();
}

TEST(a_name_in_brackets_has_a_limit)
{
    char text[AT_PBTEXT_NAME_MAX + 16];

    memset(text, 'a', sizeof(text));
    text[0] = '[';
    memcpy(text + 1 + AT_PBTEXT_NAME_MAX, "]:1", 4);
    CHECK_INT(read(text), AT_PBTEXT_BAD_VALUE);
    memcpy(text + 1 + AT_PBTEXT_NAME_MAX, "a]:1", 5);
    CHECK_INT(read(text), AT_PBTEXT_BAD_TEXT);
    done();
}

static void decode(const void *wire, size_t len)
{
    at_arena_deinit(&arena);
    at_arena_init(&arena, 1024, 1 << 26);
    CHECK_INT(at_pb_decode(ALL, at_bytes_over(wire, len), &arena, &got, NULL), 0);
}

TEST(unknown_fields_are_printed_by_number_on_demand)
{
    static const char wire[] = "\x28\x07"                          /* an_int32: 7 */
                               "\xa8\x06\x96\x01"                  /* 101: a number */
                               "\xad\x06\x01\x00\x00\x00"          /* 101: 32 bits */
                               "\xa9\x06\x02\0\0\0\0\0\0\0"        /* 101: 64 bits */
                               "\xaa\x06\x05hello"                 /* 101: a text */
                               "\xaa\x06\x02\x08\x01"              /* 101: a message */
                               "\xaa\x06\x02\xff\xff"              /* 101: neither */
                               "\xaa\x06\x00"                      /* 101: nothing */
                               "\xab\x06\x0b\x10\x02\x0c\xac\x06"; /* 101: a group with a group */

    decode(wire, sizeof(wire) - 1);
    CHECK_STR(print(AT_PBTEXT_ONE_LINE), "an_int32: 7");
    CHECK_STR(print(AT_PBTEXT_ONE_LINE | AT_PBTEXT_UNKNOWN),
              "an_int32: 7 101: 150 101: 0x00000001 101: 0x0000000000000002 101: \"hello\" "
              "101 { 1: 1 } 101: \"\\377\\377\" 101: \"\" 101 { 1 { 2: 2 } }");
    CHECK_STR(print(AT_PBTEXT_UNKNOWN), "an_int32: 7\n"
                                        "101: 150\n"
                                        "101: 0x00000001\n"
                                        "101: 0x0000000000000002\n"
                                        "101: \"hello\"\n"
                                        "101 {\n"
                                        "  1: 1\n"
                                        "}\n"
                                        "101: \"\\377\\377\"\n"
                                        "101: \"\"\n"
                                        "101 {\n"
                                        "  1 {\n"
                                        "    2: 2\n"
                                        "  }\n"
                                        "}\n");
    done();
}

/* A hundred groups within one another, all unknown. */
TEST(unknown_groups_are_opened_to_a_depth_and_then_shown_as_bytes)
{
    uint8_t wire[2 * 90 * 2];
    size_t len = 0;

    for (size_t i = 0; i < 90; i++) {
        wire[len++] = 0xab;
        wire[len++] = 0x06;
    }
    for (size_t i = 0; i < 90; i++) {
        wire[len++] = 0xac;
        wire[len++] = 0x06;
    }
    decode(wire, len);
    (void)print(AT_PBTEXT_ONE_LINE | AT_PBTEXT_UNKNOWN);
    CHECK(strstr(printed,
                 "101 { 101 { 101 { 101 { 101 { 101 { 101 { 101 { 101 { 101 { 101: \"\\253") ==
          printed);
    done();
}

static int read_all(void)
{
    struct at_pbtext_how how = {.fault = &fault};

    at_arena_deinit(&arena);
    at_arena_init(&arena, 64, 1 << 26);
    return at_pbtext_read(&how, ALL, at_bytes_of(all), &arena, &got);
}

static int print_all(void)
{
    struct at_pbtext_how how = {0};
    struct at_text text;
    int r;

    at_text_init(&text);
    r = at_pbtext_write(&how, ALL, &got, &text);
    at_text_deinit(&text);
    return r;
}

TEST(without_memory_reading_and_printing_say_so)
{
    int r;

    WITH_EACH_ALLOCATION_FAILING({
        r = read_all();
        CHECK(r == 0 || r == -ENOMEM);
    });
    CHECK_INT(r, 0);
    WITH_EACH_ALLOCATION_FAILING({
        r = print_all();
        CHECK(r == 0 || r == -ENOMEM);
    });
    CHECK_INT(r, 0);
    done();
}

/* message Wide { Wide inner = 1; int32 x = 2; … 65 fields in all }: more than 64 need memory. */
struct wide {
    struct atoll_unknown *unknown;
    struct wide *inner;
    int32_t x;
};

static struct atoll_message_desc wide_desc(union atoll_type_ref *self)
{
    enum { FIELDS = 65 };
    static struct atoll_field_desc fields[FIELDS];
    static struct atoll_field_name names[FIELDS];

    for (uint32_t i = 0; i < FIELDS; i++) {
        fields[i] = (struct atoll_field_desc){.tag = (i + 1) << 3,
                                              .offset = offsetof(struct wide, x),
                                              .kind = ATOLL_KIND(IMPLICIT, INT32)};
        names[i] = (struct atoll_field_name){.name_at = sizeof("inner"), .name_len = 1};
    }
    fields[0] = (struct atoll_field_desc){.tag = 1 << 3 | 2,
                                          .offset = offsetof(struct wide, inner),
                                          .kind = ATOLL_KIND(IMPLICIT, MESSAGE)};
    names[0].name_at = 0;
    names[0].name_len = sizeof("inner") - 1;
    return (struct atoll_message_desc){.size = sizeof(struct atoll_message_desc),
                                       .struct_size = sizeof(struct wide),
                                       .field_count = FIELDS,
                                       .dense_count = FIELDS,
                                       .fields = fields,
                                       .types = self,
                                       .names = names,
                                       .text = "inner\0x",
                                       .full_name = "Wide"};
}

TEST(what_was_read_before_memory_ran_out_can_be_looked_at)
{
    struct at_pbtext_how how = {0};
    union atoll_type_ref self;
    struct atoll_message_desc desc = wide_desc(&self);
    struct wide wide;
    int r = -ENOMEM;

    self.message = &desc;
    for (size_t limit = 64; r != 0; limit += 8) {
        size_t len;

        at_arena_deinit(&arena);
        at_arena_init(&arena, 64, limit);
        r = at_pbtext_read(&how, &desc, AT_LIT("inner { inner { x: 1 } }"), &arena, &wide);
        CHECK(r == 0 || r == -ENOMEM);
        CHECK_INT(at_pb_size(&desc, &wide, &len), 0);
    }
    done();
}

TEST(every_shorter_prefix_is_read_or_refused_with_a_reason)
{
    for (size_t n = 0; n < sizeof(all) - 1; n++) {
        int r = read_bytes(at_bytes_over(all, n));

        CHECK(r == 0 || r == AT_PBTEXT_BAD_TEXT || r == AT_PBTEXT_BAD_VALUE);
        CHECK((r == 0) == (fault.what[0] == '\0'));
    }
    done();
}

TEST_MAIN("pb/pbtext")
