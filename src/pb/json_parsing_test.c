/*
 * JSONTestSuite's parsing tests (test/json/parsing.txt): what every parser must accept, what it
 * must refuse, and what we chose where it may choose. JSON_PARSING is the file.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/text.h"
#include "pb/json.h"

enum { CASES_MAX = 400, LINE_MAX_BYTES = 8192 };

struct vector {
    char name[96];
    struct at_text text;
};

/* What we chose for the cases in which a parser may choose, and why. */
static const struct {
    const char *name;
    bool accept;
    const char *why;
} choices[] = {
/* The text says a number, however large; whether it fits is for the field that it goes to. */
#define ANY_NUMBER(name) {"i_number_" name, true, "a number is judged by its field"}
    ANY_NUMBER("double_huge_neg_exp"),
    ANY_NUMBER("huge_exp"),
    ANY_NUMBER("neg_int_huge_exp"),
    ANY_NUMBER("pos_double_huge_exp"),
    ANY_NUMBER("real_neg_overflow"),
    ANY_NUMBER("real_pos_overflow"),
    ANY_NUMBER("real_underflow"),
    ANY_NUMBER("too_big_neg_int"),
    ANY_NUMBER("too_big_pos_int"),
    ANY_NUMBER("very_big_negative_int"),
/* Half a surrogate pair is no character, so it has no UTF-8 form that a peer would take. */
#define NO_CHARACTER(name) {name, false, "half a surrogate pair is no character"}
    NO_CHARACTER("i_object_key_lone_2nd_surrogate"),
    NO_CHARACTER("i_string_1st_surrogate_but_2nd_missing"),
    NO_CHARACTER("i_string_1st_valid_surrogate_2nd_invalid"),
    NO_CHARACTER("i_string_incomplete_surrogate_and_escape_valid"),
    NO_CHARACTER("i_string_incomplete_surrogate_pair"),
    NO_CHARACTER("i_string_incomplete_surrogates_escape_valid"),
    NO_CHARACTER("i_string_invalid_lonely_surrogate"),
    NO_CHARACTER("i_string_invalid_surrogate"),
    NO_CHARACTER("i_string_inverted_surrogates_U+1D11E"),
    NO_CHARACTER("i_string_lone_second_surrogate"),
/* RFC 8259 section 8.1: between systems JSON is UTF-8. */
#define NOT_UTF8(name) {name, false, "JSON is UTF-8"}
    NOT_UTF8("i_string_UTF-16LE_with_BOM"),
    NOT_UTF8("i_string_UTF-8_invalid_sequence"),
    NOT_UTF8("i_string_UTF8_surrogate_U+D800"),
    NOT_UTF8("i_string_invalid_utf-8"),
    NOT_UTF8("i_string_iso_latin_1"),
    NOT_UTF8("i_string_lone_utf8_continuation_byte"),
    NOT_UTF8("i_string_not_in_unicode_range"),
    NOT_UTF8("i_string_overlong_sequence_2_bytes"),
    NOT_UTF8("i_string_overlong_sequence_6_bytes"),
    NOT_UTF8("i_string_overlong_sequence_6_bytes_null"),
    NOT_UTF8("i_string_truncated-utf-8"),
    NOT_UTF8("i_string_utf16BE_no_BOM"),
    NOT_UTF8("i_string_utf16LE_no_BOM"),
    {"i_structure_500_nested_arrays", false, "AT_JSON_DEPTH_MAX is 256"},
    {"i_structure_UTF-8_BOM_empty_object", false, "section 8.1: no byte order mark"},
};

static struct vector vectors[CASES_MAX];
static size_t count;

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c);

    CHECK(at != NULL);
    return (int)(at - digits);
}

/* "100*5b7b" */
static void unpack_piece(char *piece, struct at_text *out)
{
    char *star = strchr(piece, '*');
    long times = star == NULL ? 1 : strtol(piece, NULL, 10);
    const char *hex = star == NULL ? piece : star + 1;

    for (long i = 0; i < times; i++) {
        for (const char *p = hex; *p != '\0'; p += 2) {
            at_text_add_char(out, (char)(hex_digit(p[0]) << 4 | hex_digit(p[1])));
        }
    }
}

static void unpack(char *packed, struct at_text *out)
{
    char *rest = NULL;

    at_text_init(out);
    if (strcmp(packed, "-") == 0) {
        return;
    }
    for (char *p = strtok_r(packed, "+", &rest); p != NULL; p = strtok_r(NULL, "+", &rest)) {
        unpack_piece(p, out);
    }
    CHECK(!out->failed);
}

static void load(void)
{
    FILE *f = fopen(JSON_PARSING, "re");
    char line[LINE_MAX_BYTES];

    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f) != NULL) {
        char *space = strchr(line, ' ');

        CHECK(strchr(line, '\n') != NULL);
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#') {
            continue;
        }
        CHECK(space != NULL && count < CASES_MAX);
        *space = '\0';
        CHECK(strlen(line) < sizeof(vectors[count].name));
        memcpy(vectors[count].name, line, strlen(line) + 1);
        unpack(space + 1, &vectors[count++].text);
    }
    (void)fclose(f);
}

static void unload(void)
{
    while (count > 0) {
        at_text_deinit(&vectors[--count].text);
    }
}

static bool accepts(const struct vector *v)
{
    struct at_json_reader r;
    struct at_json_token token;
    enum at_json_kind kind;

    at_json_reader_init(&r, at_text_bytes(&v->text));
    do {
        kind = at_json_next(&r, &token);
    } while (kind != AT_JSON_END && kind != AT_JSON_ERROR);
    return kind == AT_JSON_END;
}

/* All vectors of a letter are accepted, or refused; names those that are not. */
static void all_of(char letter, bool expected, size_t how_many)
{
    struct at_text wrong;
    size_t seen = 0;

    load();
    at_text_init(&wrong);
    for (size_t i = 0; i < count; i++) {
        if (vectors[i].name[0] != letter) {
            continue;
        }
        seen++;
        if (accepts(&vectors[i]) != expected) {
            at_text_addf(&wrong, "%s ", vectors[i].name);
        }
    }
    CHECK_STR(at_text_str(&wrong), "");
    CHECK_INT(seen, how_many);
    at_text_deinit(&wrong);
    unload();
}

TEST(what_a_parser_must_accept_is_accepted)
{
    all_of('y', true, 95);
}

TEST(what_a_parser_must_refuse_is_refused)
{
    all_of('n', false, 188);
}

TEST(where_a_parser_may_choose_it_does_as_written_down)
{
    enum { CHOICES = sizeof(choices) / sizeof(choices[0]) };
    size_t seen = 0;

    load();
    for (size_t i = 0; i < count; i++) {
        size_t j = 0;

        if (vectors[i].name[0] != 'i') {
            continue;
        }
        while (j < CHOICES && strcmp(vectors[i].name, choices[j].name) != 0) {
            j++;
        }
        CHECK(j < CHOICES);
        seen++;
        if (accepts(&vectors[i]) != choices[j].accept) {
            at_test_fail(__FILE__, __LINE__, "%s: %s", vectors[i].name, choices[j].why);
        }
    }
    CHECK_INT(seen, CHOICES);
    unload();
}

TEST_MAIN("pb/json_parsing")
