#include "cart/store.h"

#include <stdint.h>

#include "at_test.h"
#include "common/shop_test.h"

static int add(struct shop_test *t, const char *key, int32_t item_id, int32_t quantity)
{
    struct cart c;
    struct cart_addition a = {
        .user = "ann", .key = key, .line = {.item_id = item_id, .quantity = quantity}};

    CHECK_INT(cart_read(&t->db, "ann", &c), 0);
    a.revision = c.revision;
    return cart_add(&t->db, &a);
}

static int32_t quantity_of(struct shop_test *t, int32_t item_id)
{
    struct cart c;

    CHECK_INT(cart_read(&t->db, "ann", &c), 0);
    for (size_t i = 0; i < c.count; i++) {
        if (c.lines[i].item_id == item_id) {
            return c.lines[i].quantity;
        }
    }
    return 0;
}

TEST(additions_add_up_and_a_removal_takes_the_whole_line)
{
    struct shop_test t;

    shop_test_begin(&t);
    CHECK_INT(cart_open(&t.db, t.directory), 0);
    CHECK_INT(add(&t, NULL, 1, 2), CART_OK);
    CHECK_INT(add(&t, NULL, 1, 3), CART_OK);
    CHECK_INT(quantity_of(&t, 1), 5);
    CHECK_INT(cart_remove(&t.db, "bob", 1), CART_NONE);
    CHECK_INT(cart_remove(&t.db, "ann", 1), CART_OK);
    CHECK_INT(cart_remove(&t.db, "ann", 1), CART_NONE);
    CHECK_INT(quantity_of(&t, 1), 0);
    shop_test_end(&t);
}

TEST(a_key_adds_once_and_only_what_it_added_first)
{
    struct shop_test t;

    shop_test_begin(&t);
    CHECK_INT(cart_open(&t.db, t.directory), 0);
    CHECK_INT(add(&t, "k", 1, 2), CART_OK);
    CHECK_INT(add(&t, "k", 1, 2), CART_REPEAT);
    CHECK_INT(add(&t, "k", 1, 3), CART_KEY_TAKEN);
    CHECK_INT(quantity_of(&t, 1), 2);
    shop_test_end(&t);
}

TEST(an_addition_to_a_cart_that_changed_meanwhile_is_not_made)
{
    struct shop_test t;
    struct cart c;

    shop_test_begin(&t);
    CHECK_INT(cart_open(&t.db, t.directory), 0);
    CHECK_INT(cart_read(&t.db, "ann", &c), 0);
    CHECK_INT(add(&t, NULL, 1, 2), CART_OK);
    CHECK_INT(cart_add(&t.db, &(struct cart_addition){.user = "ann",
                                                      .line = {.item_id = 1, .quantity = 1},
                                                      .revision = c.revision}),
              CART_CHANGED);
    shop_test_end(&t);
}

TEST(a_cart_holds_so_many_different_items_and_no_more)
{
    struct shop_test t;

    shop_test_begin(&t);
    CHECK_INT(cart_open(&t.db, t.directory), 0);
    for (int32_t i = 1; i <= CART_LINES_MAX; i++) {
        CHECK_INT(add(&t, NULL, i, 1), CART_OK);
    }
    CHECK_INT(add(&t, NULL, CART_LINES_MAX + 1, 1), CART_FULL);
    CHECK_INT(add(&t, NULL, 7, 1), CART_OK);
    shop_test_end(&t);
}

TEST(a_checkout_takes_what_was_ordered_once_and_leaves_what_came_later)
{
    struct shop_test t;
    const struct cart_line ordered[] = {{.item_id = 1, .quantity = 2},
                                        {.item_id = 2, .quantity = 1}};

    shop_test_begin(&t);
    CHECK_INT(cart_open(&t.db, t.directory), 0);
    CHECK_INT(add(&t, NULL, 1, 2), CART_OK);
    CHECK_INT(add(&t, NULL, 2, 1), CART_OK);
    CHECK_INT(add(&t, NULL, 1, 3), CART_OK);
    CHECK_INT(cart_take_out(&t.db, "c1", "ann", ordered, 2), CART_OK);
    CHECK_INT(cart_take_out(&t.db, "c1", "ann", ordered, 2), CART_OK);
    CHECK_INT(quantity_of(&t, 1), 3);
    CHECK_INT(quantity_of(&t, 2), 0);
    shop_test_end(&t);
}

TEST_MAIN("shop/cart")
