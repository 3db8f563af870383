#include "product/store.h"

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "at_test.h"
#include "common/catalogue.h"
#include "common/shop_test.h"

static struct shop_goods goods[] = {
    {.item_id = 1, .price = 995, .name = "Enamel mug", .category = "kitchen"},
    {.item_id = 2, .price = 450, .buy = 3, .free = 1, .name = "Tea towel", .category = "kitchen"},
    {.item_id = 3, .price = 333, .percent = 10, .name = "Knife", .category = "tools"},
    {.item_id = 7, .price = 1200000000, .name = "Piano", .category = "living"},
};

static void begin(struct shop_test *t)
{
    shop_test_begin(t);
    CHECK_INT(
        product_open(&t->db, t->directory, &(struct shop_catalogue){.goods = goods, .count = 4}),
        0);
}

static void end(struct shop_test *t)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "%s/product.db", t->directory);
    shop_db_close(&t->db);
    (void)unlink(path);
    shop_test_end(t);
}

TEST(a_quote_is_price_times_quantity_less_the_promotions)
{
    struct shop_test t;
    struct product_line lines[] = {{.item_id = 1, .quantity = 2},
                                   {.item_id = 2, .quantity = 7},
                                   {.item_id = 3, .quantity = 1}};
    const struct product_line *wrong;
    int32_t total;

    begin(&t);
    CHECK_INT(product_quote(&t.db, lines, 3, &total, &wrong), PRODUCT_OK);
    CHECK_INT(lines[0].discount, 0);
    CHECK_INT(lines[1].discount, 900);
    CHECK_STR(lines[1].promotion, "3 for 2");
    CHECK_INT(lines[2].discount, 33);
    CHECK_STR(lines[2].promotion, "10% off");
    CHECK_INT(total, 2 * 995 + 7 * 450 - 900 + 333 - 33);
    end(&t);
}

TEST(a_total_above_an_int32_is_refused)
{
    struct shop_test t;
    struct product_line lines[] = {{.item_id = 7, .quantity = 1}, {.item_id = 7, .quantity = 1}};
    struct product_line many = {.item_id = 1, .quantity = INT32_MAX};
    const struct product_line *wrong;
    int32_t total;

    begin(&t);
    CHECK_INT(product_quote(&t.db, lines, 1, &total, &wrong), PRODUCT_OK);
    CHECK_INT(product_quote(&t.db, lines, 2, &total, &wrong), PRODUCT_TOO_DEAR);
    CHECK_INT(product_quote(&t.db, &many, 1, &total, &wrong), PRODUCT_TOO_DEAR);
    end(&t);
}

TEST(an_unknown_item_is_named)
{
    struct shop_test t;
    struct product_line lines[] = {{.item_id = 1, .quantity = 1}, {.item_id = 9, .quantity = 1}};
    const struct product_line *wrong;
    int32_t total;

    begin(&t);
    CHECK_INT(product_quote(&t.db, lines, 2, &total, &wrong), PRODUCT_UNKNOWN_ITEM);
    CHECK_INT(wrong->item_id, 9);
    end(&t);
}

TEST(pages_follow_each_other_and_a_search_counts_what_matches)
{
    struct shop_test t;
    struct shop_goods page[4];
    size_t count;
    int32_t total;

    begin(&t);
    CHECK_INT(product_list(&t.db, "", 0, page, 3, &count, &total), 0);
    CHECK_INT(count, 3);
    CHECK_INT(total, 4);
    CHECK_INT(product_list(&t.db, "", page[2].item_id, page, 3, &count, &total), 0);
    CHECK_INT(count, 1);
    CHECK_INT(page[0].item_id, 7);
    CHECK_INT(product_list(&t.db, "KITCH", 0, page, 4, &count, &total), 0);
    CHECK_INT(count, 2);
    CHECK_INT(total, 2);
    CHECK_INT(product_list(&t.db, "towel", 0, page, 4, &count, &total), 0);
    CHECK_INT(count, 1);
    CHECK_INT(page[0].buy, 3);
    end(&t);
}

TEST(goods_that_left_the_catalogue_are_no_longer_sold)
{
    struct shop_test t;
    struct shop_goods g;

    begin(&t);
    shop_db_close(&t.db);
    CHECK_INT(
        product_open(&t.db, t.directory, &(struct shop_catalogue){.goods = goods, .count = 2}), 0);
    CHECK_INT(product_get(&t.db, 2, &g), PRODUCT_OK);
    CHECK_STR(g.name, "Tea towel");
    CHECK_INT(product_get(&t.db, 3, &g), PRODUCT_UNKNOWN_ITEM);
    end(&t);
}

TEST_MAIN("shop/product")
