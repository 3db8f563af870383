/* Declarations of testdata/rich.proto as they are shown. */
#include "contract/describe.h"

#include <errno.h>
#include <string.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "contract/rich_fixture.h"
#include "contract/set.h"
#include "pb/pool.h"

struct stage {
    struct rich rich;
    struct at_pool *pool;
    struct at_describer d;
    struct at_text out;
};

static void begin(struct stage *s)
{
    struct at_diag diag = {.line = 0};

    rich_load(&s->rich);
    s->pool = at_pool_new();
    CHECK(s->pool != NULL);
    CHECK_INT(at_pool_add(s->pool, rich_bytes(), &diag), 0);
    s->d = (struct at_describer){.set = &s->rich.set, .pool = s->pool, .arena = &s->rich.arena};
    at_text_init(&s->out);
}

static void end(struct stage *s)
{
    at_text_deinit(&s->out);
    (void)at_pool_free(s->pool);
    at_arena_deinit(&s->rich.arena);
}

static void check_shown(const char *name, const char *expected)
{
    struct stage s;

    begin(&s);
    CHECK_INT(at_describe(&s.d, rich_symbol(&s.rich, name), &s.out), 0);
    CHECK_STR(at_text_str(&s.out), expected);
    end(&s);
}

TEST(nested_types_and_what_is_reserved)
{
    check_shown("rich.v1.Tree", "message Tree {\n"
                                "  Tree left = 1;\n"
                                "  repeated Tree more = 2;\n"
                                "  Tree.Leaf leaf = 3;\n"
                                "  reserved 4, 6 to 8, 100 to max;\n"
                                "  reserved \"bark\", \"root\";\n"
                                "\n"
                                "  message Leaf {\n"
                                "    Tree.Leaf.Colour colour = 1;\n"
                                "\n"
                                "    enum Colour {\n"
                                "      COLOUR_UNSPECIFIED = 0;\n"
                                "    }\n"
                                "  }\n"
                                "}\n");
}

TEST(proto2_with_labels_defaults_groups_and_extensions)
{
    check_shown("rich.old.Legacy", "message Legacy {\n"
                                   "  required int32 id = 1;\n"
                                   "  optional string name = 2 [default = \"no \\\"name\\\"\"];\n"
                                   "  optional double ratio = 3 [default = inf];\n"
                                   "  optional int64 big = 4 [default = -5];\n"
                                   "  optional Size size = 5 [default = BIG];\n"
                                   "  optional bool on = 6 [default = true];\n"
                                   "  optional bytes raw = 7 [default = \"\\001x\"];\n"
                                   "  repeated int32 packed = 9 [packed = true];\n"
                                   "  extensions 100 to 199;\n"
                                   "  extensions 1000 to max;\n"
                                   "\n"
                                   "  repeated group Part = 8 {\n"
                                   "    optional int32 count = 1;\n"
                                   "  }\n"
                                   "\n"
                                   "  extend Legacy {\n"
                                   "    optional string inner = 101;\n"
                                   "  }\n"
                                   "}\n");
    check_shown("rich.old.Size", "enum Size {\n"
                                 "  SMALL = 1;\n"
                                 "  BIG = 2;\n"
                                 "  reserved 5 to 7;\n"
                                 "  reserved \"HUGE\";\n"
                                 "}\n");
    check_shown("rich.old.remark", "extend Legacy {\n"
                                   "  // A remark.\n"
                                   "  optional string remark = 100;\n"
                                   "}\n");
}

TEST(comments_and_deprecated_values)
{
    check_shown("rich.v1.Kind", "enum Kind {\n"
                                "  KIND_UNSPECIFIED = 0;\n"
                                "  // On paper.\n"
                                "  KIND_PAPER = 1;\n"
                                "  KIND_TAPE = 2 [deprecated = true];\n"
                                "}\n");
}

TEST(a_method_shows_its_options_by_name_or_without_their_declaration_by_number)
{
    struct stage s;

    begin(&s);
    CHECK_INT(at_describe_method(&s.d, rich_symbol(&s.rich, "rich.v1.BookService"), 1, &s.out), 0);
    CHECK_STR(at_text_str(&s.out),
              "rpc PutBook(PutBookRequest) returns (PutBookResponse) {\n"
              "  option idempotency_level = IDEMPOTENT;\n"
              "  option (google.api.http) = { put: \"/v1/books/{book.isbn}\" body: \"book\" "
              "response_body: \"book\" };\n"
              "}\n");
    s.d.pool = NULL;
    at_text_clear(&s.out);
    CHECK_INT(at_describe_method(&s.d, rich_symbol(&s.rich, "rich.v1.BookService"), 3, &s.out), 0);
    CHECK_STR(at_text_str(&s.out), "rpc Watch(google.protobuf.Empty) returns (stream Book) {\n"
                                   "  // option whose declaration is not known here: 72295728 { 2: "
                                   "\"/v1/watch\" }\n"
                                   "}\n");
    end(&s);
}

TEST(a_failing_allocation_is_told)
{
    struct stage s;

    begin(&s);
    for (long n = 1;; n++) {
        struct at_arena small;
        int r;

        at_arena_init(&small, 64, 1 << 24);
        at_text_deinit(&s.out);
        s.d.arena = &small;
        fail_allocation(n);
        r = at_describe(&s.d, rich_symbol(&s.rich, "rich.v1.BookService"), &s.out);
        bool failed = allocation_failed();
        fail_allocation(0);
        CHECK_INT(r, failed ? -ENOMEM : 0);
        at_arena_deinit(&small);
        if (!failed) {
            break;
        }
    }
    end(&s);
}

TEST_MAIN("contract/describe")
