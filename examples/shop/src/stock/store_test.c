#include "stock/store.h"

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "at_test.h"
#include "common/catalogue.h"
#include "common/db.h"
#include "common/shop_test.h"

static struct shop_goods goods[] = {
    {.item_id = 1, .price = 995, .stock = 40},
    {.item_id = 2, .price = 450, .stock = 6},
};
static const struct shop_catalogue catalogue = {.goods = goods, .count = 2};

static int reserve(struct shop_db *db, const char *id, int32_t first, int32_t second)
{
    struct stock_line lines[2] = {{.item_id = 1, .quantity = first},
                                  {.item_id = 2, .quantity = second}};
    const struct stock_line *wrong;

    return stock_reserve(
        db, &(struct stock_reservation){.id = id, .user = "ann", .lines = lines, .count = 2},
        &wrong);
}

static int take(struct shop_db *db, const char *id, const char *user, int32_t quantity)
{
    struct stock_line line = {.item_id = 1, .quantity = quantity};
    const struct stock_line *wrong;

    return stock_reserve(
        db,
        &(struct stock_reservation){
            .id = id, .user = user, .may_put_back = true, .lines = &line, .count = 1},
        &wrong);
}

static int32_t left(struct shop_db *db, int32_t item_id)
{
    int32_t available;
    int32_t price;

    CHECK_INT(stock_get(db, item_id, &available, &price), STOCK_OK);
    return available;
}

TEST(a_reservation_takes_all_lines_or_none)
{
    struct shop_test t;

    shop_test_begin(&t);
    CHECK_INT(stock_open(&t.db, t.directory, &catalogue), 0);
    CHECK_INT(reserve(&t.db, "a", 2, 3), STOCK_OK);
    CHECK_INT(left(&t.db, 1), 38);
    CHECK_INT(left(&t.db, 2), 3);
    CHECK_INT(reserve(&t.db, "b", 2, 4), STOCK_SHORT);
    CHECK_INT(left(&t.db, 1), 38);
    CHECK_INT(left(&t.db, 2), 3);
    shop_test_end(&t);
}

TEST(the_same_reservation_twice_takes_once)
{
    struct shop_test t;

    shop_test_begin(&t);
    CHECK_INT(stock_open(&t.db, t.directory, &catalogue), 0);
    CHECK_INT(reserve(&t.db, "a", 2, 3), STOCK_OK);
    CHECK_INT(reserve(&t.db, "a", 2, 3), STOCK_OK);
    CHECK_INT(left(&t.db, 1), 38);
    CHECK_INT(reserve(&t.db, "a", 2, 2), STOCK_KEY_TAKEN);
    CHECK_INT(take(&t.db, "a", "ann", 2), STOCK_KEY_TAKEN);
    CHECK_INT(left(&t.db, 1), 38);
    CHECK_INT(left(&t.db, 2), 3);
    shop_test_end(&t);
}

TEST(a_release_gives_back_once_and_keeps_a_late_reservation_out)
{
    struct shop_test t;

    shop_test_begin(&t);
    CHECK_INT(stock_open(&t.db, t.directory, &catalogue), 0);
    CHECK_INT(reserve(&t.db, "a", 2, 3), STOCK_OK);
    CHECK_INT(stock_release(&t.db, "a"), STOCK_OK);
    CHECK_INT(stock_release(&t.db, "a"), STOCK_OK);
    CHECK_INT(left(&t.db, 1), 40);
    CHECK_INT(reserve(&t.db, "a", 2, 3), STOCK_RELEASED);
    CHECK_INT(stock_release(&t.db, "late"), STOCK_OK);
    CHECK_INT(reserve(&t.db, "late", 2, 3), STOCK_RELEASED);
    CHECK_INT(left(&t.db, 1), 40);
    shop_test_end(&t);
}

TEST(a_user_puts_back_its_own_newest_reservation_and_never_a_checkout)
{
    struct shop_test t;
    int32_t quantity;
    int32_t available;

    shop_test_begin(&t);
    CHECK_INT(stock_open(&t.db, t.directory, &catalogue), 0);
    CHECK_INT(reserve(&t.db, "checkout", 1, 1), STOCK_OK);
    CHECK_INT(stock_put_back(&t.db, "ann", 1, &quantity, &available), STOCK_NONE);
    CHECK_INT(take(&t.db, "t1", "ann", 2), STOCK_OK);
    CHECK_INT(take(&t.db, "t2", "ann", 5), STOCK_OK);
    CHECK_INT(stock_put_back(&t.db, "bob", 1, &quantity, &available), STOCK_NONE);
    CHECK_INT(stock_put_back(&t.db, "ann", 1, &quantity, &available), STOCK_OK);
    CHECK_INT(quantity, 5);
    CHECK_INT(available, 37);
    CHECK_INT(stock_put_back(&t.db, "ann", 77, &quantity, &available), STOCK_UNKNOWN_ITEM);
    shop_test_end(&t);
}

TEST(the_alarm_is_raised_when_the_quantity_falls_under_the_mark_and_only_then)
{
    struct shop_test t;
    struct stock_line line = {.item_id = 2, .quantity = 2};
    struct stock_reservation r = {.id = "a", .user = "ann", .lines = &line, .count = 1};
    const struct stock_line *wrong;

    shop_test_begin(&t);
    CHECK_INT(stock_open(&t.db, t.directory, &catalogue), 0);
    CHECK_INT(stock_reserve(&t.db, &r, &wrong), STOCK_OK);
    CHECK(line.now_low);
    CHECK_INT(line.left, 4);
    r.id = "b";
    CHECK_INT(stock_reserve(&t.db, &r, &wrong), STOCK_OK);
    CHECK(!line.now_low);
    shop_test_end(&t);
}

TEST(a_restart_keeps_the_quantities_and_takes_the_new_price)
{
    struct shop_test t;
    struct shop_goods dearer[] = {{.item_id = 1, .price = 1000, .stock = 40}};
    int32_t available;
    int32_t price;

    shop_test_begin(&t);
    CHECK_INT(stock_open(&t.db, t.directory, &catalogue), 0);
    CHECK_INT(reserve(&t.db, "a", 2, 3), STOCK_OK);
    shop_db_close(&t.db);
    CHECK_INT(stock_open(&t.db, t.directory, &(struct shop_catalogue){.goods = dearer, .count = 1}),
              0);
    CHECK_INT(stock_get(&t.db, 1, &available, &price), STOCK_OK);
    CHECK_INT(available, 38);
    CHECK_INT(price, 1000);
    CHECK_INT(stock_get(&t.db, 9, &available, &price), STOCK_UNKNOWN_ITEM);
    shop_test_end(&t);
}

TEST(a_release_that_has_no_memory_for_it_does_not_say_that_it_was_done)
{
    struct shop_test t;
    int failed = 0;

    shop_test_begin(&t);
    CHECK_INT(stock_open(&t.db, t.directory, &catalogue), 0);
    CHECK_INT(sqlite3_db_config(t.db.handle, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0), SQLITE_OK);
    CHECK_INT(reserve(&t.db, "warm", 1, 1), STOCK_OK);
    CHECK_INT(stock_release(&t.db, "warm"), STOCK_OK);
    for (int n = 0; n < 100; n++) {
        char id[32];
        int r;

        (void)snprintf(id, sizeof(id), "reservation-%d", n);
        CHECK_INT(reserve(&t.db, id, 2, 3), STOCK_OK);
        (void)sqlite3_hard_heap_limit64(sqlite3_memory_used() + (sqlite3_int64)n * 4000);
        r = stock_release(&t.db, id);
        (void)sqlite3_hard_heap_limit64(0);
        CHECK_INT(left(&t.db, 1), r == STOCK_OK ? 40 : 38);
        failed += r != STOCK_OK;
        CHECK_INT(stock_release(&t.db, id), STOCK_OK);
        CHECK_INT(left(&t.db, 1), 40);
    }
    CHECK(failed > 0 && failed < 100);
    shop_test_end(&t);
}

TEST(a_transaction_that_could_not_be_rolled_back_does_not_block_what_comes_after)
{
    struct shop_test t;

    shop_test_begin(&t);
    CHECK_INT(stock_open(&t.db, t.directory, &catalogue), 0);
    CHECK_INT(sqlite3_exec(t.db.handle, "BEGIN IMMEDIATE; UPDATE items SET available = 0", NULL,
                           NULL, NULL),
              SQLITE_OK);
    CHECK_INT(reserve(&t.db, "a", 2, 3), STOCK_OK);
    CHECK_INT(left(&t.db, 1), 38);
    shop_test_end(&t);
}

TEST_MAIN("shop/stock")
