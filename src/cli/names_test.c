#include "cli/names.h"

#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/error.h"
#include "pb/pool.h"
#include "plan/plan.h"

/* A FileDescriptorSet, written by hand: each part is its tag, its length and its bytes. */
struct bytes {
    uint8_t at[1024];
    size_t len;
};

static void add_part(struct bytes *out, uint8_t number, const void *at, size_t len)
{
    CHECK(len < 128 && out->len + len + 2 <= sizeof(out->at));
    out->at[out->len++] = (uint8_t)(number << 3 | 2);
    out->at[out->len++] = (uint8_t)len;
    memcpy(out->at + out->len, at, len);
    out->len += len;
}

static void add_text(struct bytes *out, uint8_t number, const char *text)
{
    add_part(out, number, text, strlen(text));
}

/* package P; message M {} service S { rpc A(M) returns (M); rpc B(M) returns (M); } */
static void add_file(struct bytes *set, const char *file, const char *package, const char *service,
                     const char *type, const char *const *methods)
{
    struct bytes f = {.len = 0};
    struct bytes message = {.len = 0};
    struct bytes s = {.len = 0};

    add_text(&f, 1, file);
    add_text(&f, 2, package);
    add_text(&message, 1, "M");
    add_part(&f, 4, message.at, message.len);
    add_text(&s, 1, service);
    for (; *methods != NULL; methods++) {
        struct bytes m = {.len = 0};

        add_text(&m, 1, *methods);
        add_text(&m, 2, type);
        add_text(&m, 3, type);
        add_part(&s, 2, m.at, m.len);
    }
    add_part(&f, 6, s.at, s.len);
    add_text(&f, 12, "proto3");
    add_part(set, 1, f.at, f.len);
}

static struct at_pool *make_pool(void)
{
    static const char *const stock[] = {"GetItem", "Reserve", NULL};
    static const char *const cart[] = {"GetItem", "AddItem", NULL};
    struct at_pool *pool = at_pool_new();
    struct bytes set = {.len = 0};
    struct at_diag diag;

    add_file(&set, "s.proto", "a.stock", "StockService", ".a.stock.M", stock);
    add_file(&set, "c.proto", "a.cart", "CartService", ".a.cart.M", cart);
    CHECK(pool != NULL);
    CHECK_INT(at_pool_add(pool, at_bytes_over(set.at, set.len), &diag), 0);
    return pool;
}

static void check_means(const char *name, const char *full)
{
    struct at_pool *pool = make_pool();
    const struct at_pool_method *found[4];
    const char *contracts[] = {"a.stock.StockService"};
    struct at_plan_service service = {.name = "inventory", .contracts = {contracts, 1}};
    struct at_plan plan = {.services = &service, .service_count = 1};

    CHECK(at_names_resolve(pool, &plan, at_bytes_of(name), found, 4) == 1);
    CHECK_STR(found[0]->full_name, full);
    at_pool_free(pool);
}

static size_t count(const char *name)
{
    struct at_pool *pool = make_pool();
    const struct at_pool_method *found[4];
    size_t n = at_names_resolve(pool, NULL, at_bytes_of(name), found, 4);

    at_pool_free(pool);
    return n;
}

TEST(a_short_name_that_is_unique_is_enough)
{
    check_means("Reserve", "a.stock.StockService/Reserve");
    check_means("stock.GetItem", "a.stock.StockService/GetItem");
    check_means("cart.getitem", "a.cart.CartService/GetItem");
    check_means("a.cart.CartService/GetItem", "a.cart.CartService/GetItem");
    check_means("a.cart.CartService.GetItem", "a.cart.CartService/GetItem");
}

TEST(the_name_of_the_service_in_the_configuration_counts_too)
{
    check_means("inventory.GetItem", "a.stock.StockService/GetItem");
}

TEST(a_name_that_fits_several_methods_is_not_guessed)
{
    CHECK(count("GetItem") == 2);
    CHECK(count("a.GetItem") == 2);
}

TEST(a_name_that_fits_nothing_is_unknown_and_the_nearest_is_named)
{
    struct at_pool *pool = make_pool();

    CHECK(count("Nothing") == 0);
    CHECK(count("inventory.GetItem") == 0); /* without a plan */
    CHECK(count("") == 0);
    CHECK(count(".") == 0);
    CHECK_STR(at_names_nearest(pool, AT_LIT("stock.Reserv")), "a.stock.StockService/Reserve");
    CHECK(at_names_nearest(pool, AT_LIT("stock.Somethingelse")) == NULL);
    at_pool_free(pool);
}

TEST_MAIN("cli/names")
