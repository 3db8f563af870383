/*
 * The OpenAPI document of testdata/rich.proto, piece by piece. That documents are valid as a whole,
 * and that the door keeps to them, is for test/stories/test_openapi.py.
 */
#include "contract/openapi.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "contract/rich_fixture.h"
#include "contract/set.h"
#include "descriptor.atoll.h"
#include "pb/codec.h"
#include "pb/json.h"

struct stage {
    struct rich rich;
    struct at_openapi_service service;
    struct at_openapi in;
    struct at_text out;
    size_t left_out;
};

static void begin(struct stage *s)
{
    rich_load(&s->rich);
    s->service = (struct at_openapi_service){
        .set = &s->rich.set, .service = rich_symbol(&s->rich, "rich.v1.BookService")};
    s->in = (struct at_openapi){.services = &s->service, .service_count = 1, .title = "books"};
    at_text_init(&s->out);
}

static int write(struct stage *s, struct at_arena *arena)
{
    struct at_json_writer w;

    at_text_clear(&s->out);
    at_json_writer_init(&w, &s->out, 0);
    return at_openapi_write(&s->in, arena, &w, &s->left_out);
}

static void end(struct stage *s)
{
    at_text_deinit(&s->out);
    at_arena_deinit(&s->rich.arena);
}

static void check_has(struct stage *s, const char *piece, bool has)
{
    if ((strstr(at_text_str(&s->out), piece) != NULL) != has) {
        at_test_fail(__FILE__, __LINE__, "the document %s %s", has ? "lacks" : "has", piece);
    }
}

#define HAS(s, piece) check_has(s, piece, true)
#define LACKS(s, piece) check_has(s, piece, false)

/* The JSON value behind a key that stands in the document once, up to where it ends. */
static void value_of(struct stage *s, const char *key, char *out, size_t cap)
{
    const char *at = strstr(at_text_str(&s->out), key);
    struct at_json_reader r;
    struct at_json_token token;

    CHECK(at != NULL);
    at += strlen(key);
    at_json_reader_init(&r, at_bytes_over(at, strlen(at)));
    (void)at_json_next(&r, &token);
    CHECK(at_json_skip(&r, &token));
    (void)snprintf(out, cap, "%.*s", (int)((const char *)r.at - at), at);
}

static void check_value(struct stage *s, const char *key, const char *expected)
{
    char got[8192];

    value_of(s, key, got, sizeof(got));
    CHECK_STR(got, expected);
}

TEST(the_document_is_json_with_a_title_and_the_version_of_its_packages)
{
    struct at_json_reader r;
    struct at_json_token token;
    struct stage s;

    begin(&s);
    CHECK_INT(write(&s, &s.rich.arena), 0);
    at_json_reader_init(&r, at_text_bytes(&s.out));
    CHECK_INT(at_json_next(&r, &token), AT_JSON_OBJECT);
    CHECK(at_json_skip(&r, &token));
    CHECK_INT(at_json_next(&r, &token), AT_JSON_END);
    HAS(&s, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"books\",\"version\":\"v1\",");
    HAS(&s, "\"tags\":[{\"name\":\"rich.v1.BookService\",\"description\":\"Books on shelves.\"}]");
    s.in.version = "2.5";
    CHECK_INT(write(&s, &s.rich.arena), 0);
    HAS(&s, "\"version\":\"2.5\"");
    end(&s);
}

TEST(a_variable_of_several_segments_becomes_a_parameter_for_each_wild_one)
{
    struct stage s;

    begin(&s);
    CHECK_INT(write(&s, &s.rich.arena), 0);
    HAS(&s, "\"/v1/shelves/{name.1}/books/{name.2}\":{\"get\":{");
    HAS(&s, "{\"name\":\"name.1\",\"in\":\"path\",\"required\":true,\"description\":\"What it is "
            "called.\\n\\nA part of the field `name`, whose value is "
            "`shelves/*/books/*`.\",\"schema\":{\"type\":\"string\"}}");
    /* The other fields are in the query. */
    HAS(&s, "{\"name\":\"shortName\",\"in\":\"query\",\"schema\":{\"type\":\"string\"}}");
    HAS(&s, "\"/v1/rest/{text}\"");
    HAS(&s, "any number of segments, also none");
    end(&s);
}

TEST(paths_that_differ_in_names_of_variables_are_one_path)
{
    struct stage s;

    begin(&s);
    CHECK_INT(write(&s, &s.rich.arena), 0);
    HAS(&s, "\"/v1/books/{shortName}\":{\"get\":{");
    LACKS(&s, "\"/v1/books/{book.isbn}\"");
    /* The PUT of it calls its parameter as the path does, and says where it goes. */
    HAS(&s,
        "\"operationId\":\"rich.v1.BookService.PutBook\",\"x-atoll-idempotency\":\"IDEMPOTENT\","
        "\"parameters\":[{\"name\":\"shortName\",\"in\":\"path\"");
    end(&s);
}

TEST(a_query_reaches_into_messages_and_into_recursive_ones_once)
{
    struct stage s;

    begin(&s);
    CHECK_INT(write(&s, &s.rich.arena), 0);
    HAS(&s, "{\"name\":\"dryRun\",\"in\":\"query\",\"schema\":{\"type\":\"boolean\"}}");
    HAS(&s, "{\"name\":\"filter.since\",\"in\":\"query\",\"schema\":{\"type\":\"string\","
            "\"format\":\"int64\",\"pattern\":\"^-?[0-9]+$\"}}");
    HAS(&s, "{\"name\":\"filter.words\",\"in\":\"query\",\"schema\":{\"type\":\"array\",\"items\":"
            "{\"type\":\"string\"}}}");
    HAS(&s, "{\"name\":\"filter.kind\",\"in\":\"query\",\"schema\":{\"$ref\":"
            "\"#/components/schemas/rich.v1.Kind\"}}");
    HAS(&s, "{\"name\":\"filter.at\",\"in\":\"query\",\"schema\":{\"type\":\"string\","
            "\"format\":\"date-time\"}}");
    LACKS(&s, "\"filter.inner.since\"");
    LACKS(&s, "\"filter.labels\""); /* maps and lists of messages have no text form */
    LACKS(&s, "\"filter.others\"");
    LACKS(&s, "\"book.isbn\",\"in\":\"query\""); /* the body sets it */
    end(&s);
}

TEST(bodies_and_answers_are_the_message_or_a_field_of_it)
{
    struct stage s;

    begin(&s);
    CHECK_INT(write(&s, &s.rich.arena), 0);
    HAS(&s, "\"requestBody\":{\"content\":{\"application/json\":{\"schema\":{\"$ref\":"
            "\"#/components/schemas/rich.v1.Book\"}}}},\"responses\":{\"200\":{\"description\":"
            "\"The method answered.\",\"content\":{\"application/json\":{\"schema\":{\"anyOf\":["
            "{\"$ref\":\"#/components/schemas/rich.v1.Book\"},{\"type\":\"null\"}]}}}}");
    /* What the path sets is not in the body. */
    HAS(&s, "\"/v1/everything/{number}:check\":{\"post\":{");
    HAS(&s, "\"requestBody\":{\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\","
            "\"properties\":{\"small\":");
    end(&s);
}

TEST(every_method_has_a_plain_path_unless_only_rules_are_wanted)
{
    struct stage s;

    begin(&s);
    CHECK_INT(write(&s, &s.rich.arena), 0);
    HAS(&s, "\"/rich.v1.BookService/GetBook\":{\"post\":{");
    HAS(&s, "\"operationId\":\"rich.v1.BookService.GetBook.rpc\"");
    HAS(&s, "\"application/protobuf\":{}");
    HAS(&s, "\"operationId\":\"rich.v1.BookService.GetBook\"");
    HAS(&s, "\"operationId\":\"rich.v1.BookService.GetBook.2\"");
    s.in.rules_only = true;
    CHECK_INT(write(&s, &s.rich.arena), 0);
    LACKS(&s, "\"/rich.v1.BookService/GetBook\"");
    LACKS(&s, "application/protobuf");
    HAS(&s, "\"operationId\":\"rich.v1.BookService.GetBook\"");
    end(&s);
}

TEST(what_is_left_out_says_why)
{
    struct stage s;

    begin(&s);
    CHECK_INT(write(&s, &s.rich.arena), 0);
    CHECK_INT(s.left_out, 6);
    LACKS(&s, "\"/v1/watch\":");
    LACKS(&s, "\"/rich.v1.BookService/Watch\":");
    HAS(&s, "{\"method\":\"rich.v1.BookService/Watch\",\"verb\":\"GET\",\"path\":\"/v1/watch\","
            "\"why\":\"the method streams");
    HAS(&s, "\"verb\":\"LIST\",\"path\":\"/v1/everything\",\"why\":\"OpenAPI has no place for the "
            "verb LIST\"");
    HAS(&s, "\"path\":\"/v1/bad/{nowhere}\",\"why\":\"the path names nowhere, which is no field "
            "that a path can set\"");
    HAS(&s, "\"path\":\"/v1/tree/{tree}\",\"why\":\"the path names tree,");
    HAS(&s, "\"path\":\"/v1/books/{text}\",\"why\":\"the same verb and path is described as "
            "rich.v1.BookService.GetBook\"");
    HAS(&s, "\"/v1/when/{when}\""); /* a timestamp can stand in a path */
    end(&s);
}

TEST(scalars_are_described_as_json_has_them)
{
    static const struct {
        const char *name;
        const char *schema;
    } rows[] = {
        {"number", "{\"anyOf\":[{\"type\":\"number\",\"format\":\"double\"},{\"type\":\"string\","
                   "\"enum\":[\"NaN\", \"Infinity\", \"-Infinity\"]}]}"},
        {"i64", "{\"type\":\"string\",\"format\":\"int64\",\"pattern\":\"^-?[0-9]+$\"}"},
        {"u64", "{\"type\":\"string\",\"format\":\"uint64\",\"pattern\":\"^[0-9]+$\"}"},
        {"f32",
         "{\"type\":\"integer\",\"format\":\"uint32\",\"minimum\":0,\"maximum\":4294967295}"},
        {"yes", "{\"type\":\"boolean\"}"},
        {"raw", "{\"type\":\"string\",\"contentEncoding\":\"base64\"}"},
        {"s32", "{\"type\":\"integer\",\"format\":\"int32\"}"},
        {"maybe", "{\"type\":\"integer\",\"format\":\"int32\"}"},
        {"card",
         "{\"type\":\"string\",\"description\":\"At most one of `card`, `cash` is set (oneof "
         "payload).\"}"},
        {"many", "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"format\":\"uint64\","
                 "\"pattern\":\"^[0-9]+$\"}}"},
        {"byNumber", "{\"type\":\"object\",\"propertyNames\":{\"pattern\":\"^-?[0-9]+$\"},"
                     "\"additionalProperties\":{\"$ref\":\"#/components/schemas/rich.v1.Book\"}}"},
        {"when", "{\"type\":\"string\",\"format\":\"date-time\"}"},
        {"object", "{\"type\":\"object\"}"},
        {"value", "{}"},
        {"list", "{\"type\":\"array\"}"},
        {"wrapped", "{\"type\":\"string\",\"format\":\"int64\",\"pattern\":\"^-?[0-9]+$\"}"},
        {"nothing", "{\"type\":\"null\"}"},
        {"tree", "{\"$ref\":\"#/components/schemas/rich.v1.Tree\"}"},
        {"@other", "{\"type\":\"string\",\"deprecated\":true}"},
    };
    struct stage s;

    begin(&s);
    CHECK_INT(write(&s, &s.rich.arena), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char at[64];
        const char *schemas = strstr(at_text_str(&s.out), "\"rich.v1.Everything\":{");
        char got[1024];
        struct stage part = s;

        CHECK(schemas != NULL);
        part.out.at += schemas - s.out.at;
        (void)snprintf(at, sizeof(at), "\"%s\":", rows[i].name);
        value_of(&part, at, got, sizeof(got));
        CHECK_STR(got, rows[i].schema);
    }
    end(&s);
}

TEST(types_are_described_once_with_their_comments)
{
    struct stage s;

    begin(&s);
    CHECK_INT(write(&s, &s.rich.arena), 0);
    check_value(&s, "\"rich.v1.Kind\":",
                "{\"description\":\"- `KIND_PAPER`: On paper.\\n- `KIND_TAPE` (deprecated)\","
                "\"anyOf\":[{\"type\":\"string\",\"enum\":[\"KIND_UNSPECIFIED\",\"KIND_PAPER\","
                "\"KIND_TAPE\"]},{\"type\":\"integer\",\"format\":\"int32\",\"description\":\"The "
                "number of a value that this contract has no name for.\"}]}");
    check_value(&s, "\"rich.v1.Book\":",
                "{\"type\":\"object\",\"properties\":{\"isbn\":{\"type\":\"string\"},\"kind\":{"
                "\"$ref\":\"#/components/schemas/rich.v1.Kind\",\"description\":\"How it is "
                "made.\"},\"sequels\":{\"type\":\"array\",\"items\":{\"$ref\":"
                "\"#/components/schemas/rich.v1.Book\"}}}}");
    HAS(&s, "\"description\":\"Finds one.\\n\\nNOT_FOUND: there is none.\"");
    LACKS(&s, "\"google.protobuf.Timestamp\":");
    end(&s);
}

TEST(proto2_has_required_defaults_and_extensions)
{
    struct stage s;

    begin(&s);
    CHECK_INT(write(&s, &s.rich.arena), 0);
    check_value(
        &s, "\"rich.old.Legacy\":",
        "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\",\"format\":\"int32\"},"
        "\"name\":{\"type\":\"string\",\"default\":\"no \\\"name\\\"\"},"
        "\"ratio\":{\"anyOf\":[{\"type\":\"number\",\"format\":\"double\"},{\"type\":\"string\","
        "\"enum\":[\"NaN\", \"Infinity\", \"-Infinity\"]}],\"default\":\"Infinity\"},"
        "\"big\":{\"type\":\"string\",\"format\":\"int64\",\"pattern\":\"^-?[0-9]+$\","
        "\"default\":\"-5\"},"
        "\"size\":{\"$ref\":\"#/components/schemas/rich.old.Size\",\"default\":\"BIG\"},"
        "\"on\":{\"type\":\"boolean\",\"default\":true},"
        "\"raw\":{\"type\":\"string\",\"contentEncoding\":\"base64\"},"
        "\"part\":{\"type\":\"array\",\"items\":{\"$ref\":"
        "\"#/components/schemas/rich.old.Legacy.Part\"}},"
        "\"packed\":{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"format\":\"int32\"}},"
        "\"[rich.old.remark]\":{\"type\":\"string\",\"description\":\"A remark.\"},"
        "\"[rich.old.Legacy.inner]\":{\"type\":\"string\"},"
        "\"[rich.old.sizes]\":{\"type\":\"array\",\"items\":{\"$ref\":"
        "\"#/components/schemas/rich.old.Size\"}}},\"required\":[\"id\"]}");
    check_value(&s, "\"rich.old.Size\":", "{\"type\":\"string\",\"enum\":[\"SMALL\",\"BIG\"]}");
    end(&s);
}

TEST(servers_stand_at_the_top_and_at_operations_where_they_differ)
{
    static const char *const two[] = {"http://a", "http://b"};
    struct at_openapi_service services[2];
    struct stage s;

    begin(&s);
    s.service.servers = two;
    s.service.server_count = 2;
    CHECK_INT(write(&s, &s.rich.arena), 0);
    HAS(&s, "\"servers\":[{\"url\":\"http://a\"},{\"url\":\"http://b\"}],\"tags\"");
    LACKS(&s, "\"servers\":[{\"url\":\"http://a\"},{\"url\":\"http://b\"}],\"parameters\"");
    services[0] = s.service;
    services[1] = s.service;
    services[1].server_count = 1;
    s.in.services = services;
    s.in.service_count = 2;
    CHECK_INT(write(&s, &s.rich.arena), 0);
    HAS(&s, "\"servers\":[{\"url\":\"http://a\"},{\"url\":\"http://b\"}],\"tags\"");
    HAS(&s, "\"servers\":[{\"url\":\"http://a\"},{\"url\":\"http://b\"}],\"parameters\"");
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
        fail_allocation(n);
        r = write(&s, &small);
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

/*
 * t.proto: message A0 { A1 a = 1; A1 b = 2; … 64 fields }, A1 { A2 … }, … A9 { }, and a service
 * with rpc M(A0) returns (A0) at GET /x. Without an end 64^8 fields would be looked at.
 */
static struct at_bytes multiplied(struct at_arena *arena)
{
    enum { TYPES = 10, FIELDS = 64 };
    static const char rule[] = "\x82\xd3\xe4\x93\x02\x04\x12\x02/x";
    struct google_protobuf_DescriptorProto *types = at_arena_zalloc(arena, TYPES, sizeof(*types));
    struct atoll_unknown http = {.next = &http, .bytes = {rule, sizeof(rule) - 1}};
    struct google_protobuf_MethodOptions options = {.unknown_fields = &http};
    struct google_protobuf_MethodDescriptorProto method = {.name = ATOLL_STR("M"),
                                                           .has_name = true,
                                                           .input_type = ATOLL_STR(".A0"),
                                                           .has_input_type = true,
                                                           .output_type = ATOLL_STR(".A0"),
                                                           .has_output_type = true,
                                                           .options = &options};
    struct google_protobuf_ServiceDescriptorProto service = {
        .name = ATOLL_STR("S"), .has_name = true, .method = {&method, 1}};
    struct google_protobuf_FileDescriptorProto file = {.name = ATOLL_STR("t.proto"),
                                                       .has_name = true,
                                                       .message_type = {types, TYPES},
                                                       .service = {&service, 1}};
    struct google_protobuf_FileDescriptorSet set = {.file = {&file, 1}};
    struct at_bytes bytes;

    for (int i = 0; i < TYPES; i++) {
        char *name = at_arena_printf(arena, ".A%d", i + 1);
        struct google_protobuf_FieldDescriptorProto *f = at_arena_zalloc(arena, FIELDS, sizeof(*f));

        types[i].name = (struct atoll_str){at_arena_printf(arena, "A%d", i), 2};
        types[i].has_name = true;
        types[i].field.at = f;
        types[i].field.count = i + 1 < TYPES ? FIELDS : 0;
        for (int k = 0; k < FIELDS; k++) {
            char *field = at_arena_printf(arena, "f%d", k);

            f[k] = (struct google_protobuf_FieldDescriptorProto){
                .name = {field, strlen(field)},
                .has_name = true,
                .number = k + 1,
                .has_number = true,
                .label = 1,
                .has_label = true,
                .type = ATOLL_TYPE_MESSAGE,
                .has_type = true,
                .type_name = {name, strlen(name)},
                .has_type_name = true,
            };
        }
    }
    CHECK_INT(at_pb_encode_in_arena(&google_protobuf_FileDescriptorSet_desc, &set, arena, &bytes),
              0);
    return bytes;
}

TEST(types_that_multiply_in_a_query_are_looked_at_only_so_far)
{
    struct at_arena arena;
    struct stage s = {.left_out = 0};
    struct at_diag diag = {.line = 0};

    at_arena_init(&arena, 4096, 1 << 24);
    CHECK_INT(at_set_load(&arena, multiplied(&arena), &s.rich.set, &diag), 0);
    s.service = (struct at_openapi_service){.set = &s.rich.set,
                                            .service = at_set_find(&s.rich.set, AT_LIT("S"))};
    s.in = (struct at_openapi){.services = &s.service, .service_count = 1, .title = "x"};
    at_text_init(&s.out);
    CHECK_INT(write(&s, &arena), 0);
    HAS(&s, "\"/x\":");
    at_text_deinit(&s.out);
    at_arena_deinit(&arena);
}

/*
 * t.proto: message M { oneof o0 {} oneof o1 {} … } with `fields` fields f0, f1, …, which are in the
 * oneofs by turns; and a service with rpc M(M) returns (M) at GET /x.
 */
static struct at_bytes taking_turns(struct at_arena *arena, int fields, int oneofs)
{
    struct google_protobuf_FieldDescriptorProto *f =
        at_arena_zalloc(arena, (size_t)fields, sizeof(*f));
    struct google_protobuf_OneofDescriptorProto *o =
        at_arena_zalloc(arena, (size_t)oneofs, sizeof(*o));
    struct google_protobuf_DescriptorProto m = {.name = ATOLL_STR("M"),
                                                .has_name = true,
                                                .field = {f, (size_t)fields},
                                                .oneof_decl = {o, (size_t)oneofs}};
    struct google_protobuf_MethodDescriptorProto method = {.name = ATOLL_STR("M"),
                                                           .has_name = true,
                                                           .input_type = ATOLL_STR(".M"),
                                                           .has_input_type = true,
                                                           .output_type = ATOLL_STR(".M"),
                                                           .has_output_type = true};
    struct google_protobuf_ServiceDescriptorProto service = {
        .name = ATOLL_STR("S"), .has_name = true, .method = {&method, 1}};
    struct google_protobuf_FileDescriptorProto file = {.name = ATOLL_STR("t.proto"),
                                                       .has_name = true,
                                                       .message_type = {&m, 1},
                                                       .service = {&service, 1}};
    struct google_protobuf_FileDescriptorSet set = {.file = {&file, 1}};
    struct at_bytes bytes;

    for (int i = 0; i < oneofs; i++) {
        char *name = at_arena_printf(arena, "o%d", i);

        o[i].name = (struct atoll_str){name, strlen(name)};
        o[i].has_name = true;
    }
    for (int i = 0; i < fields; i++) {
        char *name = at_arena_printf(arena, "f%d", i);

        f[i] = (struct google_protobuf_FieldDescriptorProto){
            .name = {name, strlen(name)},
            .has_name = true,
            .number = i + 1,
            .has_number = true,
            .label = 1,
            .has_label = true,
            .type = ATOLL_TYPE_INT32,
            .has_type = true,
            .oneof_index = i % oneofs,
            .has_oneof_index = true,
        };
    }
    CHECK_INT(at_pb_encode_in_arena(&google_protobuf_FileDescriptorSet_desc, &set, arena, &bytes),
              0);
    return bytes;
}

static void write_turns(struct stage *s, struct at_arena *arena, int fields, int oneofs)
{
    struct at_diag diag = {.line = 0};

    CHECK_INT(at_set_load(arena, taking_turns(arena, fields, oneofs), &s->rich.set, &diag), 0);
    s->service = (struct at_openapi_service){.set = &s->rich.set,
                                             .service = at_set_find(&s->rich.set, AT_LIT("S"))};
    s->in = (struct at_openapi){.services = &s->service, .service_count = 1, .title = "x"};
    CHECK_INT(write(s, arena), 0);
}

TEST(each_member_of_a_oneof_names_the_first_members_of_its_own)
{
    struct at_arena arena;
    struct stage s = {.left_out = 0};

    at_arena_init(&arena, 4096, 1 << 28);
    at_text_init(&s.out);
    write_turns(&s, &arena, 6, 2);
    HAS(&s, "\"f0\":{\"type\":\"integer\",\"format\":\"int32\",\"description\":"
            "\"At most one of `f0`, `f2`, `f4` is set (oneof o0).\"}");
    HAS(&s, "\"f5\":{\"type\":\"integer\",\"format\":\"int32\",\"description\":"
            "\"At most one of `f1`, `f3`, `f5` is set (oneof o1).\"}");
    write_turns(&s, &arena, 68, 2);
    HAS(&s, "`f61`, `f63` and others is set (oneof o1).");
    LACKS(&s, "`f65`");
    at_text_deinit(&s.out);
    at_arena_deinit(&arena);
}

TEST(as_many_oneofs_as_fields_are_told_without_a_look_at_each_for_each)
{
    enum { MANY = 50000 };
    struct at_arena arena;
    struct stage s = {.left_out = 0};

    at_arena_init(&arena, 4096, 1 << 28);
    at_text_init(&s.out);
    write_turns(&s, &arena, MANY, MANY);
    HAS(&s, "At most one of `f49999` is set (oneof o49999).");
    at_text_deinit(&s.out);
    at_arena_deinit(&arena);
}

TEST_MAIN("contract/openapi")
