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
