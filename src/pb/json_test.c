#include "pb/json.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/text.h"
#include "pb/limits.h"

/* Reads to the end; AT_JSON_END when all is well. */
static enum at_json_kind read_bytes(struct at_bytes text, struct at_json_reader *r)
{
    struct at_json_token token;
    enum at_json_kind kind;

    at_json_reader_init(r, text);
    do {
        kind = at_json_next(r, &token);
    } while (kind != AT_JSON_END && kind != AT_JSON_ERROR);
    CHECK_INT(at_json_next(r, &token), kind); /* both stay */
    return kind;
}

static bool is_json(const char *text)
{
    struct at_json_reader r;

    return read_bytes(at_bytes_of(text), &r) == AT_JSON_END;
}

TEST(what_rfc_8259_allows_is_read)
{
    static const char *const good[] = {
        "0",
        "-0",
        "1",
        "-1",
        "10",
        "1.5",
        "-0.25",
        "1e5",
        "1E5",
        "1e+5",
        "1e-5",
        "0e0",
        "0.0e-0",
        "1e400",
        "123456789012345678901234567890",
        "\"\"",
        "\"a\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u0000\"",
        "\"\\u00e4\"",
        "\"\\uD83D\\uDE00\"",
        "\"\xC3\xA4\"",
        "\"\xF0\x9F\x98\x80\"",
        "\"\x7F\"",
        "true",
        "false",
        "null",
        "[]",
        "{}",
        "[[]]",
        "[{}]",
        "{\"\":{}}",
        "[1,2]",
        "{\"a\":1,\"a\":2}",
        " [ 1 , 2 ] ",
        "\t\n\r 1",
        "{ \"a\" : [ ] }",
        "[null,true,false]",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_msg(is_json(good[i]), "refused: %s", good[i]);
    }
}

TEST(what_rfc_8259_does_not_allow_is_refused)
{
    static const char *const bad[] = {
        "",
        " ",
        "-",
        "+1",
        "01",
        "-01",
        "00",
        ".5",
        "1.",
        "1.e5",
        "1e",
        "1e+",
        "0x10",
        "1 2",
        "1,",
        "NaN",
        "Infinity",
        "-Infinity",
        "nan",
        "True",
        "nul",
        "nulll",
        "truefalse",
        "'a'",
        "a",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\a\"",
        "\"\\u\"",
        "\"\\u12\"",
        "\"\\u12G4\"",
        "\"\\x41\"",
        "\"\\uD800\"",
        "\"\\uDC00\"",
        "\"\\uD800x\"",
        "\"\\uD800\\u0041\"",
        "\"\\uDC00\\uD800\"",
        "\"\t\"",
        "\"\n\"",
        "\"\x01\"",
        "\"\xFF\"",
        "\"\xC0\x80\"",
        "\"\xE0\x80\x80\"",
        "\"\xF0\x80\x80\x80\"",
        "\"\xED\xA0\x80\"",
        "\"\xF4\x90\x80\x80\"",
        "\"\xC3\"",
        "\xEF\xBB\xBF"
        "1",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{",
        "}",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\":1]",
        "{\"a\":}",
        "{\"a\":1 \"b\":2}",
        "[]]",
        "{}{}",
        "// c\n1",
        "/* c */1",
        "1 // c",
        "\f1",
        "\v1",
        "\xC2\xA0"
        "1",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(!is_json(bad[i]), "accepted: %s", bad[i]);
    }
}

TEST(a_nul_byte_is_refused_everywhere)
{
    static const struct at_bytes bad[] = {
        {(const uint8_t *)"\0", 1},
        {(const uint8_t *)"1\0", 2},
        {(const uint8_t *)"\0"
                          "1",
         2},
        {(const uint8_t *)"[\0]", 3},
        {(const uint8_t *)"\"a\0b\"", 5},
        {(const uint8_t *)"\"\\\0\"", 4},
    };
    struct at_json_reader r;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_INT(read_bytes(bad[i], &r), AT_JSON_ERROR);
    }
}

TEST(a_million_brackets_are_refused_at_the_limit)
{
    enum { N = 1000000 };
    uint8_t *text = malloc(N);
    struct at_json_reader r;
    int line;
    int col;

    CHECK(text != NULL);
    memset(text, '[', N);
    CHECK_INT(read_bytes(at_bytes_over(text, N), &r), AT_JSON_ERROR);
    at_json_place(&r, &line, &col);
    CHECK_INT(col, AT_JSON_DEPTH_MAX + 1);
    free(text);
}

TEST(each_shorter_prefix_is_refused)
{
    const char *text = "{\"a\":[1.5e-3,\"\\u00e4\\ud83d\\ude00 \xC3\xA4\",{\"b\":null}],\"c\":-0}";
    struct at_json_reader r;

    CHECK(is_json(text));
    for (size_t i = 0; i < strlen(text); i++) {
        CHECK_INT(read_bytes(at_bytes_over(text, i), &r), AT_JSON_ERROR);
    }
}

TEST(an_error_says_line_and_column)
{
    struct at_json_reader r;
    int line;
    int col;

    CHECK_INT(read_bytes(at_bytes_of("{\n  \"a\": 1,\n  \"b\": 01\n}"), &r), AT_JSON_ERROR);
    at_json_place(&r, &line, &col);
    CHECK_INT(line, 3);
    CHECK_INT(col, 8);
    CHECK_STR(r.wrong, "ill-formed number");
}

TEST(a_number_of_endless_digits_is_refused)
{
    char text[AT_JSON_NUMBER_MAX + 2];

    memset(text, '1', sizeof(text));
    text[AT_JSON_NUMBER_MAX + 1] = '\0';
    CHECK(!is_json(text));
    text[AT_JSON_NUMBER_MAX] = '\0';
    CHECK(is_json(text));
}

TEST(escapes_become_characters)
{
    struct at_json_reader r;
    struct at_json_token token;
    uint8_t out[64];

    at_json_reader_init(
        &r,
        at_bytes_of("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e4\\u20AC\\uD83D\\uDE00\\u0000z\""));
    CHECK_INT(at_json_next(&r, &token), AT_JSON_STRING);
    CHECK(token.escaped);
    CHECK(at_bytes_equal(at_bytes_over(out, at_json_unescape(&token, out)),
                         AT_LIT("\"\\/\b\f\n\r\tA\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\0z")));
}

TEST(a_value_can_be_stepped_over_whole)
{
    struct at_json_reader r;
    struct at_json_token token;

    at_json_reader_init(&r, at_bytes_of("{\"a\":[[{\"x\":[]}],2],\"b\":3}"));
    CHECK_INT(at_json_next(&r, &token), AT_JSON_OBJECT);
    CHECK_INT(at_json_next(&r, &token), AT_JSON_KEY);
    CHECK_INT(at_json_next(&r, &token), AT_JSON_ARRAY);
    CHECK(at_json_skip(&r, &token));
    CHECK_INT(at_json_next(&r, &token), AT_JSON_KEY);
    CHECK_BYTES(token.text, "b");
}

static struct at_text text;
static struct at_json_writer writer;

static void begin(uint32_t indent)
{
    at_text_init(&text);
    at_json_writer_init(&writer, &text, indent);
}

TEST(commas_stand_between_values_and_nowhere_else)
{
    begin(0);
    at_json_begin_object(&writer);
    at_json_key(&writer, "a");
    at_json_begin_array(&writer);
    at_json_i64(&writer, INT64_MIN);
    at_json_u64(&writer, UINT64_MAX);
    at_json_begin_object(&writer);
    at_json_end_object(&writer);
    at_json_end_array(&writer);
    at_json_key(&writer, "b");
    at_json_null(&writer);
    at_json_key(&writer, "c");
    at_json_bool(&writer, true);
    at_json_end_object(&writer);
    CHECK_STR(at_text_str(&text),
              "{\"a\":[-9223372036854775808,18446744073709551615,{}],\"b\":null,\"c\":true}");
    at_text_deinit(&text);
}

TEST(indented_output_is_for_people)
{
    begin(2);
    at_json_begin_object(&writer);
    at_json_key(&writer, "a");
    at_json_begin_array(&writer);
    at_json_i64(&writer, 1);
    at_json_i64(&writer, 2);
    at_json_end_array(&writer);
    at_json_key(&writer, "b");
    at_json_begin_array(&writer);
    at_json_end_array(&writer);
    at_json_end_object(&writer);
    CHECK_STR(at_text_str(&text), "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": []\n}");
    at_text_deinit(&text);
}

TEST(strings_are_escaped_and_always_valid)
{
    begin(0);
    at_json_string(&writer, AT_LIT("a\"b\\c\n\x01\x7F\xC3\xA4\xFF\0z"));
    CHECK_STR(at_text_str(&text), "\"a\\\"b\\\\c\\n\\u0001\\u007f\xC3\xA4\xEF\xBF\xBD\\u0000z\"");
    CHECK(is_json(at_text_str(&text)));
    at_text_deinit(&text);
}

static const char *written(double value)
{
    static char copy[64];

    begin(0);
    at_json_double(&writer, value);
    (void)snprintf(copy, sizeof(copy), "%s", at_text_str(&text));
    at_text_deinit(&text);
    return copy;
}

TEST(numbers_take_their_shortest_form_that_reads_back)
{
    CHECK_STR(written(0.1), "0.1");
    CHECK_STR(written(-0.0), "-0");
    CHECK_STR(written(1e300), "1e+300");
    CHECK_STR(written(0.1 + 0.2), "0.30000000000000004");
    CHECK(strtod(written(DBL_MIN), NULL) == DBL_MIN && strtod(written(DBL_MAX), NULL) == DBL_MAX);
    CHECK_STR(written((double)NAN), "\"NaN\"");
    CHECK_STR(written(-(double)INFINITY), "\"-Infinity\"");
    begin(0);
    at_json_float(&writer, 0.1F);
    CHECK_STR(at_text_str(&text), "0.1");
    at_text_deinit(&text);
}

TEST_MAIN("pb/json")
