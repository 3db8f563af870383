/* How names are written. */
#include "contract/words.h"

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"

TEST(lower_snake_case_is_small_words_with_one_underscore_between)
{
    static const char *const yes[] = {"a", "a1", "foo_bar", "foo_2", "v1beta1", "a_b_c"};
    static const char *const no[] = {"", "_", "_a", "a_", "a__b", "A", "fooBar", "foo-bar", "\xc3"};

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        CHECK(at_word_is_lower_snake(at_bytes_of(yes[i])));
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        CHECK(!at_word_is_lower_snake(at_bytes_of(no[i])));
    }
}

TEST(upper_snake_case_is_the_same_in_capitals)
{
    CHECK(at_word_is_upper_snake(AT_LIT("FOO_BAR_2")));
    CHECK(!at_word_is_upper_snake(AT_LIT("FOO_Bar")));
    CHECK(!at_word_is_upper_snake(AT_LIT("FOO_")));
    CHECK(!at_word_is_upper_snake(AT_LIT("")));
}

TEST(pascal_case_begins_with_a_capital_and_has_no_underscore)
{
    CHECK(at_word_is_pascal(AT_LIT("Foo")));
    CHECK(at_word_is_pascal(AT_LIT("FooBar2")));
    CHECK(at_word_is_pascal(AT_LIT("HTTPServer")));
    CHECK(!at_word_is_pascal(AT_LIT("foo")));
    CHECK(!at_word_is_pascal(AT_LIT("Foo_Bar")));
    CHECK(!at_word_is_pascal(AT_LIT("2Foo")));
    CHECK(!at_word_is_pascal(AT_LIT("")));
}

TEST(a_better_name_keeps_the_words)
{
    static const struct {
        const char *name;
        const char *lower;
        const char *upper;
        const char *pascal;
    } rows[] = {
        {"fooBar", "foo_bar", "FOO_BAR", "FooBar"},
        {"FooBar", "foo_bar", "FOO_BAR", "FooBar"},
        {"foo_bar", "foo_bar", "FOO_BAR", "FooBar"},
        {"FOO_BAR", "foo_bar", "FOO_BAR", "FooBar"},
        {"HTTPServer", "http_server", "HTTP_SERVER", "HTTPServer"},
        {"HTTPStatus2", "http_status2", "HTTP_STATUS2", "HTTPStatus2"},
        {"__foo__bar_", "foo_bar", "FOO_BAR", "FooBar"},
        {"v1Beta", "v1_beta", "V1_BETA", "V1Beta"},
        {"foo.bar-baz", "foo_bar_baz", "FOO_BAR_BAZ", "FooBarBaz"},
        {"a", "a", "A", "A"},
        {"___", "", "", ""},
        {"", "", "", ""},
    };
    struct at_arena arena;

    at_arena_init(&arena, 64, 1 << 16);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct at_bytes name = at_bytes_of(rows[i].name);

        CHECK_STR(at_word_to_lower_snake(&arena, name), rows[i].lower);
        CHECK_STR(at_word_to_upper_snake(&arena, name), rows[i].upper);
        CHECK_STR(at_word_to_pascal(&arena, name), rows[i].pascal);
    }
    at_arena_deinit(&arena);
}

TEST(a_better_name_is_good_and_stays_as_it_is)
{
    static const char *const names[] = {"fooBar", "HTTPServer2", "_x", "A1B2", "aBCDe", "X__y"};
    struct at_arena arena;

    at_arena_init(&arena, 64, 1 << 16);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *lower = at_word_to_lower_snake(&arena, at_bytes_of(names[i]));

        CHECK(at_word_is_lower_snake(at_bytes_of(lower)));
        CHECK_STR(at_word_to_lower_snake(&arena, at_bytes_of(lower)), lower);
    }
    at_arena_deinit(&arena);
}

TEST(no_memory_is_no_name)
{
    struct at_arena arena;

    at_arena_init(&arena, 64, 0);
    CHECK(at_word_to_lower_snake(&arena, AT_LIT("fooBar")) == NULL);
    CHECK(at_word_to_pascal(&arena, AT_LIT("fooBar")) == NULL);
    at_arena_deinit(&arena);
}

TEST_MAIN("contract/words")
