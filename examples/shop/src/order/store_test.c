#include "order/store.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "at_test.h"
#include "common/db.h"
#include "common/shop_test.h"

struct fixture {
    struct shop_test t;
    struct order_book book;
    struct order order;
};

static void begin(struct fixture *f)
{
    shop_test_begin(&f->t);
    CHECK_INT(order_open(&f->book, f->t.directory), 0);
}

static void end(struct fixture *f)
{
    order_close(&f->book);
    shop_test_end(&f->t);
}

static int start(struct fixture *f, const char *key, const char *id, int64_t now_ms)
{
    return order_begin(&f->book, &(struct order_key){.user = "ann", .key = key}, id, now_ms,
                       &f->order);
}

static void finish(struct fixture *f, int state, bool may_retry, int64_t now_ms)
{
    f->order.state = state;
    CHECK_INT(order_save(&f->book, &f->order, false, may_retry, now_ms), 0);
}

static struct fixture f;

TEST(a_key_finds_its_checkout_again)
{
    begin(&f);
    CHECK_INT(start(&f, "k", "id1", 1), ORDER_OK);
    CHECK_INT(f.order.state, ORDER_STARTED);
    f.order.state = ORDER_RESERVING;
    f.order.total = 1990;
    f.order.count = 1;
    f.order.lines[0] = (struct order_line){
        .item_id = 1, .quantity = 2, .price = 1000, .discount = 10, .promotion = "deal"};
    CHECK_INT(order_save(&f.book, &f.order, true, false, 2), 0);
    CHECK_INT(start(&f, "k", "id2", 3), ORDER_KNOWN);
    CHECK_STR(f.order.id, "id1");
    CHECK_INT(f.order.count, 1);
    CHECK_INT(f.order.lines[0].price, 1000);
    CHECK_STR(f.order.lines[0].promotion, "deal");
    end(&f);
}

TEST(a_user_has_one_checkout_at_a_time)
{
    begin(&f);
    CHECK_INT(start(&f, "k", "id1", 1), ORDER_OK);
    CHECK_INT(start(&f, "l", "id2", 1), ORDER_BUSY);
    finish(&f, ORDER_DONE, false, 2);
    CHECK_INT(start(&f, "l", "id2", 3), ORDER_OK);
    end(&f);
}

TEST(a_failure_that_may_pass_lets_go_of_its_key_and_a_refusal_keeps_it)
{
    begin(&f);
    CHECK_INT(start(&f, "k", "id1", 1), ORDER_OK);
    finish(&f, ORDER_FAILED, true, 2);
    CHECK_INT(start(&f, "k", "id2", 3), ORDER_OK);
    finish(&f, ORDER_FAILED, false, 4);
    CHECK_INT(start(&f, "k", "id3", 5), ORDER_KNOWN);
    end(&f);
}

TEST(a_stand_in_for_a_key_is_forgotten_after_a_while)
{
    struct order_key key = {.user = "ann", .key = "trace", .stand_in = true};

    begin(&f);
    CHECK_INT(order_begin(&f.book, &key, "id1", 1000, &f.order), ORDER_OK);
    finish(&f, ORDER_DONE, false, 1000);
    CHECK_INT(order_begin(&f.book, &key, "id2", 1000 + ORDER_STAND_IN_LIFE_MS, &f.order),
              ORDER_KNOWN);
    CHECK_INT(order_begin(&f.book, &key, "id2", 1001 + ORDER_STAND_IN_LIFE_MS, &f.order), ORDER_OK);
    end(&f);
}

TEST(only_a_placed_order_can_be_looked_up)
{
    begin(&f);
    CHECK_INT(start(&f, "k", "id1", 1), ORDER_OK);
    CHECK_INT(order_get(&f.book, "id1", &f.order), ORDER_UNKNOWN);
    finish(&f, ORDER_PLACED, false, 2);
    CHECK_INT(order_get(&f.book, "id1", &f.order), ORDER_OK);
    CHECK_INT(order_get(&f.book, "id9", &f.order), ORDER_UNKNOWN);
    end(&f);
}

TEST(unfinished_checkouts_are_found_when_they_are_quiet_or_from_the_future)
{
    int64_t found[4];
    size_t count;

    begin(&f);
    CHECK_INT(start(&f, "k", "id1", 1000), ORDER_OK);
    CHECK_INT(order_orphans(&f.book, 1500, 1000, found, 4, &count), 0);
    CHECK_INT(count, 0);
    CHECK_INT(order_orphans(&f.book, 2000, 1000, found, 4, &count), 0);
    CHECK_INT(count, 1);
    CHECK_INT(found[0], f.order.number);
    CHECK_INT(order_orphans(&f.book, 500, 1000, found, 4, &count), 0);
    CHECK_INT(count, 1);
    finish(&f, ORDER_DONE, false, 2000);
    CHECK_INT(order_orphans(&f.book, 9000, 1000, found, 4, &count), 0);
    CHECK_INT(count, 0);
    end(&f);
}

static int64_t stuck(const char *user, int state, int64_t now_ms)
{
    struct order_key key = {.user = user, .key = "k"};

    CHECK_INT(order_begin(&f.book, &key, user, now_ms, &f.order), ORDER_OK);
    finish(&f, state, false, now_ms);
    return f.order.number;
}

TEST(a_refund_does_not_wait_behind_checkouts_that_are_stuck)
{
    int64_t found[4];
    int64_t numbers[6];
    char user[] = "a";
    size_t count;
    int64_t owed;

    begin(&f);
    for (size_t i = 0; i < 6; i++, user[0]++) {
        numbers[i] = stuck(user, ORDER_PLACED, 1000);
    }
    owed = stuck("owed", ORDER_UNDO_CHARGE, 2000);
    CHECK_INT(order_orphans(&f.book, 9000, 1000, found, 4, &count), 0);
    CHECK_INT(count, 4);
    CHECK_INT(found[0], owed);
    CHECK_INT(found[1], numbers[0]);
    CHECK_INT(order_orphans(&f.book, 1500, 0, found, 4, &count), 0); /* the clock was set back */
    CHECK_INT(found[0], owed);
    end(&f);
}

TEST(checkouts_that_stay_are_looked_at_in_turn_even_when_money_is_owed)
{
    int64_t found[2];
    bool looked_at[6] = {false};
    int64_t first;
    size_t count;

    begin(&f);
    first = stuck("a", ORDER_UNDO_CHARGE, 1000);
    CHECK_INT(stuck("b", ORDER_UNDO_CHARGE, 1000), first + 1);
    CHECK_INT(stuck("c", ORDER_UNDO_CHARGE, 1000), first + 2);
    CHECK_INT(stuck("d", ORDER_UNDO_RESERVE, 1000), first + 3);
    CHECK_INT(stuck("e", ORDER_PLACED, 1000), first + 4);
    CHECK_INT(stuck("f", ORDER_DONE, 1000), first + 5);
    for (int64_t now = 2000; now < 2000 + 2 * ORDER_MONEY_FIRST_MS; now += 5000) {
        CHECK_INT(order_orphans(&f.book, now, 1000, found, 2, &count), 0);
        for (size_t i = 0; i < count; i++) {
            looked_at[found[i] - first] = true;
            CHECK_INT(order_touch(&f.book, found[i], now), 0);
        }
    }
    for (size_t i = 0; i < 5; i++) {
        CHECK(looked_at[i]);
    }
    CHECK(!looked_at[5]);
    end(&f);
}

/* The kernel's promise that recovery is built on. */
TEST(the_lock_of_a_checkout_ends_with_the_process_that_held_it)
{
    int ready[2];
    char byte;
    pid_t child;
    int fd;

    begin(&f);
    CHECK_INT(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        int mine;

        if (order_lock(&f.book, 7, &mine) == 0 && write(ready[1], "x", 1) == 1) {
            (void)pause();
        }
        _exit(1);
    }
    CHECK_INT(read(ready[0], &byte, 1), 1);
    CHECK_INT(order_lock(&f.book, 7, &fd), -EAGAIN);
    CHECK_INT(order_lock(&f.book, 8, &fd), 0);
    (void)close(fd);
    CHECK_INT(kill(child, SIGKILL), 0);
    CHECK_INT(waitpid(child, NULL, 0), child);
    CHECK_INT(order_lock(&f.book, 7, &fd), 0);
    (void)close(fd);
    (void)close(ready[0]);
    (void)close(ready[1]);
    end(&f);
}

TEST(a_thread_of_the_same_process_does_not_get_the_lock_either)
{
    int fd;
    int other;

    begin(&f);
    CHECK_INT(order_lock(&f.book, 7, &fd), 0);
    CHECK_INT(order_lock(&f.book, 7, &other), -EAGAIN);
    (void)close(fd);
    end(&f);
}

TEST_MAIN("shop/order")
