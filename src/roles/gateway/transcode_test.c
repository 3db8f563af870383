#include "roles/gateway/transcode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "base/fd.h"
#include "pb/codec.h"
#include "pb/pool.h"

/* The contract of test/stage, compiled by protoc: its path comes from meson. */
struct fixture {
    struct at_pool *pool;
    struct at_routes routes;
    struct at_transcode transcode;
    struct at_match match;
    struct at_text allow;
    struct at_pb_fault fault;
    struct at_bytes out;
};

static struct at_pool *read_pool(void)
{
    struct at_pool *pool = at_pool_new();
    struct at_diag diag;
    char *set = NULL;
    size_t len;

    CHECK(pool != NULL);
    CHECK_INT(at_fd_read_file(-100, getenv("STAGE_SET"), 1 << 20, &set, &len), 0);
    CHECK_INT(at_pool_add(pool, at_bytes_over(set, len), &diag), 0);
    free(set);
    return pool;
}

static struct fixture *set_up(void)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct at_diag diag = {.line = 0};

    f->pool = read_pool();
    at_routes_init(&f->routes, 7);
    CHECK_INT(at_routes_add(&f->routes, at_pool_service_at(f->pool, 0), &diag), 0);
    at_routes_seal(&f->routes);
    at_transcode_init(&f->transcode);
    at_text_init(&f->allow);
    return f;
}

static void tear_down(struct fixture *f)
{
    at_text_deinit(&f->allow);
    at_transcode_deinit(&f->transcode);
    at_routes_deinit(&f->routes);
    (void)at_pool_free(f->pool);
    free(f);
}

static int find(struct fixture *f, const char *verb, const char *path)
{
    at_text_clear(&f->allow);
    return at_routes_find(&f->routes, at_bytes_of(verb), at_bytes_of(path), &f->match, &f->allow);
}

static int request(struct fixture *f, const char *verb, const char *path, const char *query,
                   const char *body)
{
    CHECK_INT(find(f, verb, path), AT_ROUTES_FOUND);
    return at_transcode_request(&f->transcode,
                                &(struct at_transcode_source){.match = &f->match,
                                                              .query = at_bytes_of(query),
                                                              .body = at_bytes_of(body)},
                                &f->out, &f->fault);
}

TEST(a_literal_path_is_found_before_a_template)
{
    struct fixture *f = set_up();

    CHECK_INT(find(f, "GET", "/echo"), AT_ROUTES_FOUND);
    CHECK(f->match.binding->path.literal);
    CHECK_INT(find(f, "GET", "/echo/x"), AT_ROUTES_FOUND);
    CHECK_BYTES(f->match.values[0], "x");
    CHECK_INT(find(f, "HEAD", "/echo/x"), AT_ROUTES_FOUND);
    CHECK_INT(find(f, "POST", "/test.door.v1.EchoService/Numbers"), AT_ROUTES_FOUND);
    CHECK(f->match.binding->plain);
    tear_down(f);
}

TEST(what_is_not_served_is_told_apart)
{
    struct fixture *f = set_up();

    CHECK_INT(find(f, "GET", "/nothing"), AT_ROUTES_NO_PATH);
    CHECK_INT(find(f, "DELETE", "/echo"), AT_ROUTES_NO_VERB);
    CHECK_STR(at_text_str(&f->allow), "GET, HEAD, POST");
    CHECK_INT(find(f, "get", "/echo"), AT_ROUTES_NO_VERB);
    CHECK_INT(find(f, "DELETE", "/echo/x"), AT_ROUTES_NO_VERB);
    CHECK_STR(at_text_str(&f->allow), "GET, HEAD");
    tear_down(f);
}

TEST(the_second_of_two_equal_bindings_is_reported_and_not_served)
{
    struct fixture *f = set_up();
    struct at_diag diag = {.line = 0};
    size_t literals = f->routes.literals.used;
    size_t templates = f->routes.template_count;

    CHECK(templates > 0);
    CHECK_INT(at_routes_add(&f->routes, at_pool_service_at(f->pool, 0), &diag), -EEXIST);
    CHECK(strstr(diag.what, "is bound to both") != NULL);
    CHECK_INT(f->routes.literals.used, literals);
    CHECK_INT(f->routes.template_count, templates);
    tear_down(f);
}

/* Another service with one rule, as a second team would bind it. */
static int add_stranger(struct fixture *f, const char *verb, const char *path, struct at_diag *diag)
{
    static struct at_pool_method method; /* the bindings point to it */
    static struct at_pool_service service;
    static struct at_pool_http rule;

    service = *at_pool_service_at(f->pool, 0);
    method = service.methods[0];
    rule = method.http[0];
    rule.verb = verb;
    rule.path = path;
    rule.body = "";
    rule.response_body = "";
    service.full_name = "other.v1.Service";
    service.methods = &method;
    service.method_count = 1;
    method.full_name = "other.v1.Service/Steal";
    method.service = &service;
    method.http = &rule;
    method.http_count = 1;
    return at_routes_add(&f->routes, &service, diag);
}

TEST(two_services_with_equal_templates_are_reported_and_the_first_is_served)
{
    struct fixture *f = set_up();
    struct at_diag diag = {.line = 0};

    CHECK_INT(add_stranger(f, "GET", "/echo/{part.id}", &diag), -EEXIST);
    CHECK(strstr(diag.what,
                 "GET /echo/{part.id} is bound to both test.door.v1.EchoService/Echo and "
                 "other.v1.Service/Steal: the first one is served") != NULL);
    CHECK_INT(add_stranger(f, "GET", "/files/{payload=*}", &diag), -EEXIST); /* the plain path */
    CHECK(strstr(diag.what, "/files") == NULL); /* one segment is not any number of them */
    at_routes_seal(&f->routes);
    CHECK_INT(find(f, "GET", "/echo/x"), AT_ROUTES_FOUND);
    CHECK(strcmp(f->match.binding->method->full_name, "other.v1.Service/Steal") != 0);
    tear_down(f);
}

TEST(path_query_and_body_fill_the_message)
{
    struct fixture *f = set_up();

    CHECK_INT(request(f, "POST", "/echo", "", "{\"payload\":\"a\",\"i32\":1}"), AT_TRANSCODE_OK);
    CHECK_BYTES(f->out, "\x0a\x01"
                        "a\x10\x01");
    CHECK_INT(request(f, "GET", "/echo/a", "i32=1", ""), AT_TRANSCODE_OK);
    CHECK_BYTES(f->out, "\x0a\x01"
                        "a\x10\x01");
    CHECK_INT(request(f, "GET", "/echo", "tags=x&tags=y", ""), AT_TRANSCODE_OK);
    CHECK_BYTES(f->out, "\x42\x01x\x42\x01y");
    CHECK_INT(request(f, "PUT", "/parts/p", "i32=1", "{\"quantity\":3}"), AT_TRANSCODE_OK);
    CHECK_BYTES(f->out, "\x10\x01\x4a\x05\x0a\x01p\x10\x03");
    tear_down(f);
}

TEST(a_field_that_is_said_twice_is_refused_with_its_name)
{
    struct fixture *f = set_up();

    CHECK_INT(request(f, "GET", "/echo/a", "payload=b", ""), AT_TRANSCODE_BAD);
    CHECK_STR(f->fault.field, "payload");
    CHECK_INT(request(f, "PUT", "/parts/p", "part.quantity=1", "{}"), AT_TRANSCODE_BAD);
    CHECK_STR(f->fault.field, "part.quantity");
    CHECK_INT(request(f, "POST", "/echo", "i32=1", "{}"), AT_TRANSCODE_BAD);
    CHECK_STR(f->fault.field, "i32");
    CHECK_INT(request(f, "GET", "/echo", "", "{\"i32\":1}"), AT_TRANSCODE_BAD);
    CHECK_INT(request(f, "GET", "/echo", "", " {} "), AT_TRANSCODE_OK);
    CHECK_INT(request(f, "GET", "/echo", "", "{ \n}\n"), AT_TRANSCODE_OK);
    CHECK_INT(request(f, "GET", "/echo", "", "}{"), AT_TRANSCODE_BAD);
    tear_down(f);
}

TEST(a_body_where_none_is_taken_is_refused_with_where_the_fields_belong)
{
    struct fixture *f = set_up();

    CHECK_INT(request(f, "POST", "/echo/p:shout", "", "{\"i32\":1}"), AT_TRANSCODE_BAD);
    CHECK_STR(
        f->fault.what,
        "this method takes no body: send i32, i64, u32, u64, flag, kind, tags, raw and number "
        "in the query; payload is in the path");
    tear_down(f);
}

TEST(a_fault_in_a_body_that_is_one_field_names_what_the_client_wrote)
{
    struct fixture *f = set_up();

    CHECK_INT(request(f, "PUT", "/parts/p", "", "{\"quantity\":\"x\"}"), AT_TRANSCODE_BAD);
    CHECK_STR(f->fault.field, "quantity");
    CHECK_INT(request(f, "PUT", "/parts/p", "", "{\n \"quantitty\":1}"), AT_TRANSCODE_BAD);
    CHECK_STR(f->fault.field, "quantitty");
    CHECK(strstr(f->fault.what, "did you mean \"quantity\"?") != NULL);
    CHECK_INT(f->fault.line, 2);
    CHECK_INT(f->fault.col, 2);
    tear_down(f);
}

TEST(a_second_value_of_a_singular_field_in_the_query_is_refused)
{
    struct fixture *f = set_up();
    static const char *const twice[][2] = {
        {"i32=2&i32=3", "i32"},
        {"i32=2&tags=a&i32=2", "i32"},
        {"part.id=a&part.quantity=1&part.id=b", "part.id"},
    };

    for (size_t i = 0; i < sizeof(twice) / sizeof(twice[0]); i++) {
        CHECK_INT(request(f, "GET", "/echo", twice[i][0], ""), AT_TRANSCODE_BAD);
        CHECK_STR(f->fault.field, twice[i][1]);
        CHECK(strstr(f->fault.what, "more than once") != NULL);
    }
    CHECK_INT(request(f, "GET", "/echo", "tags=a&tags=b&i32=1&i64=1&part.id=a&part.quantity=1", ""),
              AT_TRANSCODE_OK);
    tear_down(f);
}

TEST(a_query_parameter_without_a_name_is_told)
{
    struct fixture *f = set_up();

    CHECK_INT(request(f, "GET", "/echo", "=1", ""), AT_TRANSCODE_BAD);
    CHECK(strstr(f->fault.what, "a parameter without a name") != NULL);
    tear_down(f);
}

TEST(more_query_parameters_than_the_limit_are_refused)
{
    struct fixture *f = set_up();
    char query[2048] = "";

    for (int i = 0; i < 257; i++) {
        memcpy(query + strlen(query), "tags=x&", 8);
    }
    CHECK_INT(request(f, "GET", "/echo", query, ""), AT_TRANSCODE_BAD);
    CHECK(strstr(f->fault.what, "256") != NULL);
    query[strlen(query) - 7] = 0;
    CHECK_INT(request(f, "GET", "/echo", query, ""), AT_TRANSCODE_OK);
    tear_down(f);
}

TEST(answers_print_what_has_no_presence_and_leave_out_what_has)
{
    struct fixture *f = set_up();

    CHECK_INT(find(f, "GET", "/echo"), AT_ROUTES_FOUND);
    CHECK_INT(at_transcode_response(&f->transcode, f->match.binding, AT_LIT("\x10\x07"), &f->out,
                                    &f->fault),
              AT_TRANSCODE_OK);
    CHECK_BYTES(f->out,
                "{\"payload\":\"\",\"i32\":7,\"i64\":\"0\",\"u32\":0,\"u64\":\"0\",\"flag\":"
                "false,\"kind\":\"KIND_UNSPECIFIED\",\"tags\":[],\"raw\":\"\",\"number\":0}");
    CHECK_INT(at_transcode_response(&f->transcode, f->match.binding, AT_LIT("\x0a\x07"), &f->out,
                                    &f->fault),
              AT_TRANSCODE_LIE);
    tear_down(f);
}

/* As a string of proto2 may: the same contract with strings that are not checked. */
TEST(an_answer_with_a_string_that_is_not_utf8_is_refused_with_its_field)
{
    struct fixture *f = set_up();
    struct atoll_field_desc fields[64];
    struct atoll_message_desc out;
    struct at_pool_method method;
    struct at_binding binding;

    CHECK_INT(find(f, "GET", "/echo"), AT_ROUTES_FOUND);
    binding = *f->match.binding;
    method = *binding.method;
    out = *method.output;
    CHECK(out.field_count <= sizeof(fields) / sizeof(fields[0]));
    memcpy(fields, out.fields, out.field_count * sizeof(fields[0]));
    for (size_t i = 0; i < out.field_count; i++) {
        fields[i].flags |= ATOLL_FIELD_ANY_BYTES;
    }
    out.fields = fields;
    method.output = &out;
    binding.method = &method;
    CHECK_INT(at_transcode_response(&f->transcode, &binding, AT_LIT("\x0a\x02\xff\xfe"), &f->out,
                                    &f->fault),
              AT_TRANSCODE_FORMLESS);
    CHECK_STR(f->fault.field, "payload");
    CHECK_STR(f->fault.what, "field payload: is a string that is not UTF-8, as JSON must be");
    CHECK_INT(
        at_transcode_response(&f->transcode, &binding, AT_LIT("\x0a\x01z"), &f->out, &f->fault),
        AT_TRANSCODE_OK);
    tear_down(f);
}

TEST(routes_that_do_not_fit_in_memory_leave_nothing_behind)
{
    struct at_pool *pool = read_pool();

    WITH_EACH_ALLOCATION_FAILING({
        struct at_routes routes;
        struct at_diag diag;
        int r;

        at_routes_init(&routes, 7);
        r = at_routes_add(&routes, at_pool_service_at(pool, 0), &diag);
        CHECK(r == 0 || r == -ENOMEM);
        at_routes_deinit(&routes);
    });
    (void)at_pool_free(pool);
}

TEST(a_message_that_does_not_fit_in_memory_is_too_big_not_wrong)
{
    struct fixture *f = set_up();

    CHECK_INT(find(f, "POST", "/echo"), AT_ROUTES_FOUND);
    WITH_EACH_ALLOCATION_FAILING({
        struct at_transcode t;
        struct at_bytes out;
        int r;

        at_transcode_init(&t);
        r = at_transcode_request(&t,
                                 &(struct at_transcode_source){
                                     .match = &f->match, .body = AT_LIT("{\"payload\":\"x\"}")},
                                 &out, &f->fault);
        CHECK(r == AT_TRANSCODE_OK || r == AT_TRANSCODE_BIG);
        r = at_transcode_response(&t, f->match.binding, AT_LIT("\x10\x07"), &out, &f->fault);
        CHECK(r == AT_TRANSCODE_OK || r == AT_TRANSCODE_BIG);
        at_transcode_deinit(&t);
    });
    tear_down(f);
}

TEST(a_request_that_lacks_a_required_field_is_told_which)
{
    struct fixture *f = set_up();
    struct at_binding binding;
    struct at_pool_method method;
    struct atoll_message_desc desc;
    struct atoll_field_desc fields[16];

    /* The same contract, but `part` is required. */
    CHECK_INT(find(f, "GET", "/echo"), AT_ROUTES_FOUND);
    binding = *f->match.binding;
    method = *binding.method;
    desc = *method.input;
    CHECK(desc.field_count <= 16);
    memcpy(fields, desc.fields, desc.field_count * sizeof(fields[0]));
    fields[at_pb_index(&desc, at_pb_field_by_name(&desc, AT_LIT("part")))].flags |=
        ATOLL_FIELD_REQUIRED;
    desc.flags |= ATOLL_MESSAGE_HAS_REQUIRED;
    desc.fields = fields;
    method.input = &desc;
    binding.method = &method;
    f->match.binding = &binding;
    CHECK_INT(at_transcode_request(
                  &f->transcode,
                  &(struct at_transcode_source){.match = &f->match, .query = AT_LIT("payload=x")},
                  &f->out, &f->fault),
              AT_TRANSCODE_BAD);
    CHECK_STR(f->fault.field, "part");
    CHECK_STR(f->fault.what, "field part is required and absent");
    tear_down(f);
}

TEST_MAIN("roles/gateway/transcode")
