/* The text format of what only proto2 has, and of Any, with tables made at run time. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json_message.h"
#include "pb/pbtext.h"
#include "pb/pool.h"

enum { SET_MAX = 65536 };

static struct at_pool *pool;
static struct at_arena arena;
static struct at_pb_fault fault;
static const struct atoll_message_desc *two;
static void *got;
static char printed[4096];

static const struct atoll_message_desc *find(void *ctx, struct at_bytes name)
{
    return at_pool_message(ctx, name);
}

static void setup(void)
{
    char *set = malloc(SET_MAX);
    FILE *in = fopen(TWO_SET, "rbe");
    size_t len;

    CHECK(set != NULL && in != NULL);
    len = fread(set, 1, SET_MAX, in);
    (void)fclose(in);
    pool = at_pool_new();
    CHECK_INT(at_pool_add(pool, at_bytes_over(set, len), NULL), 0);
    free(set);
    two = at_pool_message(pool, AT_LIT("test.v1.Two"));
    CHECK(two != NULL);
    at_arena_init(&arena, 4096, 1 << 26);
    got = at_arena_zalloc(&arena, 1, two->struct_size);
}

static void done(void)
{
    at_arena_deinit(&arena);
    pool = at_pool_free(pool);
}

static int read(const char *text)
{
    struct at_json_types types = {find, pool};
    struct at_pbtext_how how = {.types = &types, .fault = &fault};

    memset(&fault, 0, sizeof(fault));
    return at_pbtext_read(&how, two, at_bytes_of(text), &arena, got);
}

static const char *print(uint32_t flags, bool with_types)
{
    struct at_json_types types = {find, pool};
    struct at_pbtext_how how = {.flags = flags | AT_PBTEXT_ONE_LINE,
                                .types = with_types ? &types : NULL};
    struct at_text text;

    at_text_init(&text);
    CHECK_INT(at_pbtext_write(&how, two, got, &text), 0);
    CHECK(text.len < sizeof(printed));
    (void)snprintf(printed, sizeof(printed), "%s", at_text_str(&text));
    at_text_deinit(&text);
    return printed;
}

static const char *through(const char *text)
{
    if (read(text) != 0) {
        CHECK_STR(fault.what, "");
    }
    return print(0, true);
}

static void refused(const char *text, const char *what)
{
    CHECK_INT(read(text), AT_PBTEXT_BAD_VALUE);
    CHECK_STR(fault.what, what);
}

TEST(a_group_goes_by_the_name_of_its_type)
{
    setup();
    CHECK_STR(through("needed: 1 Pair { left: 1 } Step: <at: 2> Step [{at: 3}, {at: 4}]"),
              "needed: 1 Pair { left: 1 } Step { at: 2 } Step { at: 3 } Step { at: 4 }");
    CHECK_STR(through("needed: 1 pair { right: 0 }"), "needed: 1 Pair { right: 0 }");
    done();
}

TEST(extensions_stand_in_brackets)
{
    setup();
    CHECK_STR(through("[test.v1.height]: 7 needed: 1 [test.v1.tags]: ['a', 'b'] "
                      "[ test.v1 . inner ] { needed: 2 } [test.v1.Scope.scope] { Detail {} }"),
              "needed: 1 [test.v1.height]: 7 [test.v1.tags]: \"a\" [test.v1.tags]: \"b\" "
              "[test.v1.inner] { needed: 2 } [test.v1.Scope.scope] { Detail { } }");
    refused("needed: 1 height: 7", "line 1, column 11: test.v1.Two has no field \"height\"");
    CHECK_INT(read("[test.v1.hei ght]: 7 needed: 1"), AT_PBTEXT_BAD_TEXT);
    refused("[needed]: 1", "line 1, column 1: test.v1.Two has no field \"needed\"");
    done();
}

TEST(what_is_required_must_be_there)
{
    setup();
    refused("loose: 'a'", "line 1, column 11: field needed: is required and not there");
    refused("needed: 1 Step {}", "line 1, column 17: field step[0].at: is required and not there");
    refused("needed: 1 [test.v1.inner] {}",
            "line 1, column 28: field test.v1.inner.needed: is required and not there");
    done();
}

TEST(a_closed_enum_takes_only_its_own_numbers)
{
    setup();
    CHECK_STR(through("needed: 1 shape: 1 shapes: [2, SHAPE_ROUND]"),
              "needed: 1 shape: SHAPE_ROUND shapes: SHAPE_FLAT shapes: SHAPE_ROUND");
    refused("needed: 1 shape: 3", "line 1, column 18: field shape: 3 is no value of test.v1.Shape");
    done();
}

TEST(strings_of_proto2_may_be_any_bytes)
{
    setup();
    CHECK_STR(through("needed: 1 loose: '\\xff\\u00e4'"), "needed: 1 loose: \"\\377\xc3\xa4\"");
    done();
}

TEST(secrets_are_masked_on_demand)
{
    setup();
    CHECK_STR(through("needed: 1 secret: 'x'"), "needed: 1 secret: \"x\"");
    CHECK_STR(print(AT_PBTEXT_MASK_SENSITIVE, true), "needed: 1 secret: \"***\"");
    done();
}

TEST(an_any_is_read_and_printed_expanded_when_its_type_is_known)
{
    static const char text[] =
        "needed: 1 any { [type.googleapis.com/test.v1.Two] { needed: 2 any { "
        "[a.b/c/test.v1.Scope] { } } } }";

    setup();
    CHECK_STR(through(text), text);
    CHECK_STR(print(0, false), "needed: 1 any { type_url: \"type.googleapis.com/test.v1.Two\" "
                               "value: \"\\010\\002J\\025\\n\\023a.b/c/test.v1.Scope\" }");
    CHECK_STR(through(printed), text);
    CHECK_STR(through("needed: 1 any { type_url: 'a/test.v1.Two' value: '\\377' }"),
              "needed: 1 any { type_url: \"a/test.v1.Two\" value: \"\\377\" }");
    CHECK_STR(through("needed: 1 any { [a/%2F~!$&()*+,;=/test.v1.Scope] {} }"),
              "needed: 1 any { [a/%2F~!$&()*+,;=/test.v1.Scope] { } }");
    CHECK_STR(through("needed: 1 any { type_url: 'a/b c' }"),
              "needed: 1 any { type_url: \"a/b c\" }");
    done();
}

TEST(an_any_that_cannot_be_is_refused)
{
    setup();
    refused("needed: 1 any { [a/test.v1.None] {} }",
            "line 1, column 17: field any: the type of this Any is not known here");
    refused("needed: 1 any { [a/%2z/test.v1.Scope] {} }",
            "line 1, column 17: field any: the type of this Any is not known here");
    refused("needed: 1 any { [a/] {} }",
            "line 1, column 17: field any: the type of this Any is not known here");
    refused("needed: 1 [a/test.v1.Two] {}",
            "line 1, column 11: only google.protobuf.Any can hold a message of any type");
    refused("needed: 1 any { type_url: 'x' [a/test.v1.Scope] {} }",
            "line 1, column 31: field any: this Any has a content already");
    refused("needed: 1 any { [a/test.v1.Scope] {} value: 'x' }",
            "line 1, column 45: field any.value: is there twice");
    refused("needed: 1 any { [a/test.v1.Two] {} }",
            "line 1, column 34: field any.value.needed: is required and not there");
    CHECK_INT(read("needed: 1 any { [a/test.v1.Two] 5 }"), AT_PBTEXT_BAD_TEXT);
    done();
}

static int decode(const char *wire, size_t len)
{
    return at_pb_decode(two, at_bytes_over(wire, len), &arena, got, NULL);
}

TEST(what_a_closed_enum_did_not_know_is_printed_as_unknown)
{
    setup();
    CHECK_INT(decode("\x08\x01\x10\x07", 4), 0);
    CHECK_STR(print(AT_PBTEXT_UNKNOWN, true), "needed: 1 2: 7");
    done();
}

TEST_MAIN("pb/pbtext_two")
