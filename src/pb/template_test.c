#include "pb/template.h"

#include <stdio.h>
#include <string.h>

#include "at_test.h"

static struct at_template tmpl;
static struct at_bytes values[AT_TEMPLATE_VARIABLES_MAX];

static int compile(const char *text)
{
    struct at_diag diag = {.line = 0};
    int r = at_template_compile(at_bytes_of(text), &tmpl, &diag);

    CHECK(r == 0 || diag.what[0] != 0);
    return r;
}

static bool matches(const char *template, const char *path)
{
    static struct at_template_path split;

    CHECK_INT(compile(template), 0);
    CHECK(at_template_split(at_bytes_of(path), &split));
    return at_template_match(&tmpl, &split, values);
}

TEST(literals_match_themselves)
{
    CHECK(matches("/v1/cart", "/v1/cart"));
    CHECK(tmpl.literal);
    CHECK(!matches("/v1/cart", "/v1/cart/"));
    CHECK(!matches("/v1/cart", "/v1"));
    CHECK(!matches("/v1/cart", "/v1/Cart"));
    CHECK(matches("/", "/"));
}

TEST(a_variable_takes_one_segment_that_is_not_empty)
{
    CHECK(matches("/stock/{item_id}", "/stock/42"));
    CHECK(!tmpl.literal);
    CHECK_INT(tmpl.variable_count, 1);
    CHECK_BYTES(tmpl.variables[0].field, "item_id");
    CHECK_BYTES(values[0], "42");
    CHECK(!matches("/stock/{item_id}", "/stock/"));
    CHECK(!matches("/stock/{item_id}", "/stock"));
    CHECK(!matches("/stock/{item_id}", "/stock/1/2"));
}

TEST(a_variable_may_span_a_pattern)
{
    CHECK(matches("/v1/{name=shelves/*}/books/{book.id}", "/v1/shelves/7/books/9"));
    CHECK_BYTES(values[0], "shelves/7");
    CHECK_BYTES(values[1], "9");
    CHECK_BYTES(tmpl.variables[1].field, "book.id");
    CHECK(!matches("/v1/{name=shelves/*}", "/v1/racks/7"));
}

TEST(two_stars_take_the_rest)
{
    CHECK(matches("/files/{path=**}", "/files/a/b/c"));
    CHECK_BYTES(values[0], "a/b/c");
    CHECK(matches("/files/{path=**}", "/files"));
    CHECK_BYTES(values[0], "");
    CHECK(matches("/files/{path=x/**}", "/files/x/y/z"));
    CHECK_BYTES(values[0], "x/y/z");
    CHECK(matches("/*/end", "/anything/end"));
    CHECK(matches("/**", "/"));
}

TEST(a_verb_stands_behind_the_last_segment)
{
    CHECK(matches("/v1/items/{id}:move", "/v1/items/42:move"));
    CHECK_BYTES(values[0], "42");
    CHECK(!matches("/v1/items/{id}:move", "/v1/items/42"));
    CHECK(!matches("/v1/items/{id}:move", "/v1/items/:move"));
    CHECK(matches("/v1/{path=**}:move", "/v1/a/b:move"));
    CHECK_BYTES(values[0], "a/b");
    CHECK(matches("/v1/items/{id}", "/v1/items/42:move"));
    CHECK_BYTES(values[0], "42:move");
}

TEST(malformed_templates_are_refused_with_their_column)
{
    static const char *const bad[] = {
        "",      "a",         "/a//b", "/{",     "/{}", "/{a",     "/{a=}", "/a}",      "/{a{b}}",
        "/**/b", "/{a=**}/b", "/a:",   "/a:b:c", "/a/", "/{a=b}c", "/a?b",  "/{a=b{c}}"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(compile(bad[i]) < 0, "%s was taken", bad[i]);
    }
}

TEST(templates_and_paths_over_their_limits_are_refused)
{
    static struct at_template_path split;
    char text[1024] = "";

    for (int i = 0; i < AT_TEMPLATE_SEGMENTS_MAX; i++) {
        (void)snprintf(text + strlen(text), 8, "/s");
    }
    CHECK_INT(compile(text), 0);
    CHECK(at_template_split(at_bytes_of(text), &split));
    (void)snprintf(text + strlen(text), 8, "/s");
    CHECK(compile(text) < 0);
    CHECK(!at_template_split(at_bytes_of(text), &split));
    text[0] = 0;
    for (int i = 0; i <= AT_TEMPLATE_VARIABLES_MAX; i++) {
        (void)snprintf(text + strlen(text), 8, "/{a}");
    }
    CHECK(compile(text) < 0);
}

static int order(const char *a, const char *b)
{
    struct at_template first;

    CHECK_INT(compile(a), 0);
    first = tmpl;
    CHECK_INT(compile(b), 0);
    return at_template_compare(&first, &tmpl);
}

TEST(the_more_exact_template_comes_first)
{
    CHECK(order("/a/b", "/a/{x}") < 0);
    CHECK(order("/a/{x}", "/a/{x=**}") < 0);
    CHECK(order("/{x}/b", "/a/{x}") > 0);
    CHECK(order("/a/{x}:v", "/a/{x}") < 0);
    CHECK(order("/a/{x}/b", "/a/{x=**}") < 0);
    CHECK_INT(order("/a/{x}", "/a/{y}"), 0);
}

TEST_MAIN("pb/template")
