#include "generator/names.h"

#include <stddef.h>
#include <stdint.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/map.h"
#include "names.atoll.h"
#include "names_two.atoll.h"
#include "plain.atoll.h"

static struct at_arena arena;

static void snake(const char *from, const char *to)
{
    CHECK_STR(at_gen_snake(&arena, at_bytes_of(from), false), to);
}

TEST(method_names_become_snake_case)
{
    at_arena_init(&arena, 1024, 1 << 16);
    snake("GetItem", "get_item");
    snake("HTTPGet", "http_get");
    snake("getURL", "get_url");
    snake("V1Get", "v1_get");
    snake("get_item", "get_item");
    snake("A", "a");
    CHECK_STR(at_gen_snake(&arena, at_bytes_of("shop.cart.v1.CartItem"), true),
              "SHOP_CART_V1_CART_ITEM");
    at_arena_deinit(&arena);
}

TEST(a_name_that_is_taken_gets_an_underscore)
{
    struct at_map used;

    at_arena_init(&arena, 1024, 1 << 16);
    at_map_init(&used, 0);
    CHECK_STR(at_gen_claim(&arena, &used, "class"), "class_");
    CHECK_STR(at_gen_claim(&arena, &used, "class_"), "class__");
    CHECK_STR(at_gen_claim(&arena, &used, "x"), "x");
    CHECK_STR(at_gen_claim(&arena, &used, "x"), "x_");
    at_map_deinit(&used);
    at_arena_deinit(&arena);
}

static void type(const char *from, const char *to)
{
    CHECK_STR(at_gen_c_name(&arena, at_bytes_of(from)), to);
}

TEST(names_of_types_differ_wherever_full_names_differ)
{
    at_arena_init(&arena, 1024, 1 << 16);
    type(".shop.v1.Item", "shop_v1_Item");
    type("Item", "Item");
    type(".a.b_c", "a_b__c");
    type(".a_b.c", "a__b_c");
    type(".a.b.c", "a_b_c");
    type(".a_b_c", "a__b__c");
    type(".M.N", "M_N");
    type(".M_N", "M__N");
    type(".a._b", "a_0__b");
    type(".a_.b", "a___b");
    type(".a.b_", "a_b__");
    type("_", "__");
    type("int", "int_");
    type("stat", "stat_");
    type(".a.int", "a_int");
    at_arena_deinit(&arena);
}

TEST(two_packages_and_a_file_without_one_go_into_one_program)
{
    struct test_names_v1_Names a = {.int_ = 1};
    struct test_names__v1_Names b = {.other = &a};
    struct stat_ s = {.stat = NULL};
    struct FILE_ f = {.FILE = NULL};
    struct Item item = {.Item = NULL, .has_Plain = true, .Plain = linux_};

    CHECK(b.other->int_ == 1 && s.stat == NULL && f.FILE == NULL);
    CHECK(item.Plain == 3 && EOF_ == 1 && PLAIN == 2);
    CHECK_STR(test_names_v1_Names_desc.full_name, "test.names.v1.Names");
    CHECK_STR(test_names__v1_Names_desc.full_name, "test.names_v1.Names");
    CHECK_STR(test_names__v1_Names__Service_desc.full_name, "test.names_v1.Names_Service");
}

TEST(names_that_are_the_same_in_capitals_stay_apart)
{
    CHECK(TEST_NAMES_V1_CASE_A == 0 && TEST_NAMES_V1_CASE_A_ == 0 && TEST_NAMES_V1_CASE_A__ == 0);
    CHECK(TEST_NAMES_V1_CASE_KIND_A == 1);
}

TEST(helpers_of_a_message_and_of_one_inside_of_it_stay_apart)
{
    struct test_names_v1_Helpers outer = {0};
    struct test_names_v1_Helpers_set inner = {0};

    test_names_v1_Helpers_set_x(&outer, 1);
    test_names_v1_Helpers_set_set_x(&outer, 2);
    test_names_v1_Helpers_set_set_x_(&inner, 3);
    CHECK(outer.has_x && outer.x == 1 && outer.has_set_x && outer.set_x == 2);
    CHECK(inner.has_x && inner.x == 3);
    test_names_v1_Helpers_set_none(&outer, 4);
    CHECK_INT(outer.payload_case, test_names_v1_Helpers_none_number);
    CHECK_INT(outer.payload.none, 4);
    switch ((enum test_names_v1_Helpers_payload_case)outer.payload_case) {
    case test_names_v1_Helpers_payload_none:
    case test_names_v1_Helpers_empty_number:
    case test_names_v1_Helpers_payload_none_number: CHECK(false); break;
    case test_names_v1_Helpers_none_number: break;
    }
}

TEST(fields_keep_their_names_and_helpers_give_way)
{
    struct test_names_v1_Names m = {.int_ = 1,
                                    .has_class_ = true,
                                    .class_ = 2,
                                    .has_class = true,
                                    .has_x = ATOLL_STR("field"),
                                    .has_x_ = true,
                                    .x = ATOLL_STR("x"),
                                    .unknown_fields = 6,
                                    .default_case_ = test_names_v1_Names_private__number,
                                    .default_ = {.private_ = 7},
                                    .default_case = 10};

    CHECK(m.unknown_fields_ == NULL && m.default_.private_ == 7);
    CHECK_INT(TEST_NAMES_V1_NAMES_LOWEST, INT32_MIN);
}

static int get(struct atoll_call *call, const struct test_names_v1_Empty *in,
               struct test_names_v1_Names *out)
{
    out->count = 5;
    return ATOLL_NOT_FOUND;
}

TEST(a_handler_is_reached_through_the_table)
{
    const struct test_names_v1_Names__Service handlers = {.get = get};
    const struct atoll_service service = test_names_v1_Names__Service_with(&handlers);
    struct test_names_v1_Empty in = {0};
    struct test_names_v1_Names out = {0};

    CHECK_STR(service.desc->full_name, "test.names.v1.Names_Service");
    CHECK_STR(service.desc->methods[3].name, "Get");
    CHECK_INT(service.desc->methods[3].invoke(service.handlers, NULL, &in, &out), ATOLL_NOT_FOUND);
    CHECK_INT(out.count, 5);
}

/* What libatoll would do; these tests stand below it. */
int atoll_unimplemented(struct atoll_call *call)
{
    return ATOLL_UNIMPLEMENTED;
}

int atoll_serve(const struct atoll_service *services, size_t count,
                const struct atoll_serve_options *options)
{
    return 0;
}

int atoll_invoke(struct atoll_call *call, const struct atoll_service_desc *service, size_t method,
                 const void *in, void *out)
{
    return (int)method;
}

int atoll_invoke_async(struct atoll_call *call, const struct atoll_service_desc *service,
                       size_t method, const void *in, void *out, atoll_done *done, void *user)
{
    return (int)method + 100;
}

TEST(a_missing_handler_answers_unimplemented)
{
    const struct test_names_v1_Names__Service handlers = {0};

    CHECK_INT(test_names_v1_Names__Service_desc.methods[0].invoke(&handlers, NULL, NULL, NULL),
              ATOLL_UNIMPLEMENTED);
}

/* What the function below was called with last. */
static struct {
    const char *what;
    size_t method;
    const void *message;
} last;

static struct atoll_stream *const some_stream = (struct atoll_stream *)(void *)&last;

int atoll_invoke_oneway(struct atoll_call *call, const struct atoll_service_desc *service,
                        size_t method, const void *in)
{
    return (int)method + 200;
}

int atoll_stream_open(struct atoll_call *call, const struct atoll_service_desc *service,
                      size_t method, const void *in, struct atoll_stream **ret)
{
    last.what = "open";
    last.method = method;
    last.message = in;
    *ret = some_stream;
    return ATOLL_OK;
}

int atoll_stream_send(struct atoll_stream *stream, const void *message)
{
    last.what = "send";
    last.message = message;
    return ATOLL_OK;
}

int atoll_stream_recv(struct atoll_stream *stream, void *message)
{
    last.what = "recv";
    last.message = message;
    return ATOLL_STREAM_END;
}

int atoll_stream_close_send(struct atoll_stream *stream)
{
    last.what = "close_send";
    return ATOLL_OK;
}

int atoll_stream_finish(struct atoll_stream *stream, void *out)
{
    last.what = "finish";
    last.message = out;
    return ATOLL_OK;
}

TEST(functions_of_a_stream_say_which_method_and_pass_on_what_they_get)
{
    struct atoll_stream *s = NULL;
    struct test_names_v1_Empty in = {0};
    struct test_names_v1_Names out = {0};
    struct test_names_v1_Empty empty = {0};

    CHECK_INT(test_names_v1_Names__Service_get_server_recv_open(NULL, &s), ATOLL_OK);
    CHECK(last.method == 5 && last.message == NULL && s == some_stream);
    CHECK_INT(test_names_v1_Names__Service_get_server_recv_send(s, &in), ATOLL_OK);
    CHECK(last.message == &in);
    CHECK_INT(test_names_v1_Names__Service_get_server_recv_finish(s, &out), ATOLL_OK);
    CHECK(last.message == &out);
    /* GetOneway has no function of that name to itself: Get's comes first. */
    CHECK_INT(test_names_v1_Names__Service_get_oneway(NULL, &in), 203);
    CHECK_INT(test_names_v1_Names__Service_get_oneway_open(NULL, &in, &s), ATOLL_OK);
    CHECK(last.method == 6 && last.message == &in);
    CHECK_INT(test_names_v1_Names__Service_get_oneway_recv(s, &out), ATOLL_STREAM_END);
    CHECK_INT(test_names_v1_Names__Service_get_oneway_finish(s), ATOLL_OK);
    CHECK(last.message == NULL);
    CHECK_INT(test_names_v1_Names__Service_assert__open(NULL, &s), ATOLL_OK);
    CHECK_INT((int)last.method, 7);
    CHECK_INT(test_names_v1_Names__Service_assert__close_send(s), ATOLL_OK);
    CHECK_INT(test_names_v1_Names__Service_assert__server_send(s, &out), ATOLL_OK);
    CHECK(last.message == &out);
    CHECK_INT(test_names_v1_Names__Service_assert__server_recv(s, &empty), ATOLL_STREAM_END);
    CHECK_INT(test_names_v1_Names__Service_assert_open(NULL, &in, &empty), 8);
}

static int watch(struct atoll_call *call, const struct test_names_v1_Empty *in,
                 struct atoll_stream *out)
{
    return in != NULL && out == some_stream ? ATOLL_OK : ATOLL_INTERNAL;
}

static int upload(struct atoll_call *call, struct atoll_stream *in, struct test_names_v1_Names *out)
{
    return in == some_stream && out != NULL ? ATOLL_ABORTED : ATOLL_INTERNAL;
}

static int chat(struct atoll_call *call, struct atoll_stream *both)
{
    return both == some_stream ? ATOLL_CANCELLED : ATOLL_INTERNAL;
}

TEST(handlers_of_streams_are_reached_through_the_table)
{
    const struct test_names_v1_Names__Service handlers = {
        .get_server_recv = upload, .get_oneway = watch, .assert_ = chat};
    const struct test_names_v1_Names__Service none = {0};
    const struct atoll_method_desc *m = test_names_v1_Names__Service_desc.methods;
    struct test_names_v1_Names out = {0};

    CHECK(m[5].invoke == NULL && m[6].invoke == NULL && m[0].stream == NULL);
    CHECK_INT((int)m[5].flags, ATOLL_METHOD_CLIENT_STREAMS);
    CHECK_INT((int)m[7].flags, ATOLL_METHOD_CLIENT_STREAMS | ATOLL_METHOD_SERVER_STREAMS);
    CHECK_INT(m[5].stream(&handlers, NULL, some_stream, NULL, &out), ATOLL_ABORTED);
    CHECK_INT(m[6].stream(&handlers, NULL, some_stream, &out, NULL), ATOLL_OK);
    CHECK_INT(m[7].stream(&handlers, NULL, some_stream, NULL, NULL), ATOLL_CANCELLED);
    CHECK_INT(m[7].stream(&none, NULL, some_stream, NULL, NULL), ATOLL_UNIMPLEMENTED);
}

TEST(client_functions_call_their_own_method)
{
    struct test_names_v1_Empty in = {0};
    struct test_names_v1_Names out = {0};
    struct test_names_v1_Empty none = {0};

    CHECK_INT(test_names_v1_Names__Service_serve_(NULL, &in, &none), 0);
    CHECK_INT(test_names_v1_Names__Service_delete_(NULL, &in, &none), 2);
    CHECK_INT(test_names_v1_Names__Service_get_async(NULL, &in, &out, NULL, NULL), 103);
    CHECK_INT(test_names_v1_Names__Service_get_async_(NULL, &in, &out), 4);
}

TEST_MAIN("generator/names")
