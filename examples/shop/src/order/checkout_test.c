#include "order/checkout.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include <atoll/atoll.h>

#include "at_test.h"
#include "order/store.h"

/* A world in which every call is counted, can be refused, and can be where the process dies. */
struct world {
    bool reserved;
    bool released;
    bool charged;
    bool refunded;
    bool emptied;
    int answer[6];  /* by step */
    int dies_after; /* so many effects and saves; 0: never */
    int events;
    int disk_full_at; /* the state that cannot be saved; 0: none */
    struct order disk;
};

enum { READ, RESERVE, CHARGE, TAKE_OUT, REFUND, RELEASE };

static bool dies(struct world *w)
{
    return w->dies_after != 0 && ++w->events >= w->dies_after;
}

static int act(struct world *w, int step, struct order *o, bool *effect)
{
    if (w->dies_after != 0 && w->events >= w->dies_after) {
        return ATOLL_UNAVAILABLE;
    }
    if (w->answer[step] != ATOLL_OK) {
        (void)snprintf(o->reason, sizeof(o->reason), "step %d says no", step);
        return w->answer[step];
    }
    *effect = true;
    (void)dies(w);
    return ATOLL_OK;
}

static int read_cart(void *user, struct order *o)
{
    bool ignored;

    o->count = 1;
    o->total = 1990;
    return act(user, READ, o, &ignored);
}

static int reserve(void *user, struct order *o)
{
    struct world *w = user;

    return w->released ? ATOLL_ABORTED : act(w, RESERVE, o, &w->reserved);
}

static int charge(void *user, struct order *o)
{
    struct world *w = user;

    return w->refunded ? ATOLL_FAILED_PRECONDITION : act(w, CHARGE, o, &w->charged);
}

static int take_out(void *user, struct order *o)
{
    struct world *w = user;

    return act(w, TAKE_OUT, o, &w->emptied);
}

static int refund(void *user, struct order *o)
{
    struct world *w = user;

    return act(w, REFUND, o, &w->refunded);
}

static int release(void *user, struct order *o)
{
    struct world *w = user;

    return act(w, RELEASE, o, &w->released);
}

static int save(void *user, const struct order *o, bool with_lines, bool may_retry)
{
    struct world *w = user;

    (void)with_lines;
    (void)may_retry;
    if (w->dies_after != 0 && w->events >= w->dies_after) {
        return -EIO; /* dead: nothing reaches the disk */
    }
    if (o->state == w->disk_full_at) {
        return -EIO;
    }
    w->disk = *o;
    return dies(w) ? -EIO : 0;
}

static struct checkout_steps steps_of(struct world *w)
{
    return (struct checkout_steps){.read_cart = read_cart,
                                   .reserve = reserve,
                                   .charge = charge,
                                   .take_out = take_out,
                                   .refund = refund,
                                   .release = release,
                                   .save = save,
                                   .user = w};
}

static int run(struct world *w, struct order *o)
{
    struct checkout_steps s = steps_of(w);

    *o = (struct order){.state = ORDER_STARTED};
    w->disk = *o;
    return checkout_run(o, &s);
}

/* Charged and not returned exactly when there is an order; goods the same. */
static bool books_are_right(const struct world *w)
{
    bool placed = w->disk.state == ORDER_DONE;
    bool paid = w->charged && !w->refunded;
    bool held = w->reserved && !w->released;

    return (placed || w->disk.state == ORDER_FAILED) && paid == placed && held == placed &&
           w->emptied == placed;
}

static struct world w;
static struct order o;

TEST(a_checkout_reserves_charges_records_and_empties_the_cart)
{
    w = (struct world){0};
    CHECK_INT(run(&w, &o), 0);
    CHECK_INT(o.state, ORDER_DONE);
    CHECK_INT(o.status, ATOLL_OK);
    CHECK(books_are_right(&w));
}

TEST(a_refused_charge_puts_the_goods_back_and_says_why)
{
    w = (struct world){.answer = {[CHARGE] = ATOLL_FAILED_PRECONDITION}};
    CHECK_INT(run(&w, &o), 0);
    CHECK_INT(o.state, ORDER_FAILED);
    CHECK_INT(o.status, ATOLL_FAILED_PRECONDITION);
    CHECK_STR(o.reason, "step 2 says no");
    CHECK(w.released && !w.refunded);
    CHECK(books_are_right(&w));
}

TEST(goods_that_are_not_there_cost_nothing)
{
    w = (struct world){.answer = {[RESERVE] = ATOLL_ABORTED}};
    CHECK_INT(run(&w, &o), 0);
    CHECK_INT(o.state, ORDER_FAILED);
    CHECK_INT(o.status, ATOLL_ABORTED);
    CHECK(books_are_right(&w));
}

TEST(a_charge_of_unknown_outcome_is_returned_before_the_goods_go_back)
{
    w = (struct world){.answer = {[CHARGE] = ATOLL_DEADLINE_EXCEEDED}};
    CHECK_INT(run(&w, &o), 0);
    CHECK_INT(o.state, ORDER_FAILED);
    CHECK(w.refunded && w.released);
}

TEST(what_cannot_be_undone_now_is_undone_later)
{
    struct checkout_steps s = steps_of(&w);

    w = (struct world){.answer = {[CHARGE] = ATOLL_UNAVAILABLE, [REFUND] = ATOLL_UNAVAILABLE}};
    CHECK_INT(run(&w, &o), 0);
    CHECK_INT(o.state, ORDER_UNDO_CHARGE);
    CHECK_INT(o.status, ATOLL_UNAVAILABLE);
    w.answer[REFUND] = ATOLL_OK;
    o = w.disk;
    CHECK_INT(checkout_run(&o, &s), 0);
    CHECK_INT(o.state, ORDER_FAILED);
    CHECK_STR(o.reason, "step 2 says no");
    CHECK(w.refunded && w.released);
}

TEST(an_order_stands_even_when_the_cart_cannot_be_emptied_yet)
{
    w = (struct world){.answer = {[TAKE_OUT] = ATOLL_UNAVAILABLE}};
    CHECK_INT(run(&w, &o), 0);
    CHECK_INT(o.state, ORDER_PLACED);
    CHECK_INT(o.status, ATOLL_OK);
}

TEST(death_at_any_moment_leaves_books_that_a_resend_or_the_recovery_makes_right)
{
    for (int refuses = 0; refuses < 2; refuses++) {
        for (int resend = 0; resend < 2; resend++) {
            int died = 1;

            for (int n = 1; died; n++) {
                struct checkout_steps s = steps_of(&w);

                w = (struct world){.dies_after = n};
                w.answer[CHARGE] = refuses ? ATOLL_FAILED_PRECONDITION : ATOLL_OK;
                (void)run(&w, &o);
                died = w.events >= n;
                w.dies_after = 0;
                o = w.disk;
                CHECK_INT(resend ? checkout_run(&o, &s) : checkout_abandon(&o, &s), 0);
                CHECK(books_are_right(&w));
            }
        }
    }
}

/* A first attempt was done, its process died, and the second one hears something else. */
static void resend(int state, int step, int status)
{
    struct checkout_steps s = steps_of(&w);

    w = (struct world){.reserved = true, .charged = state == ORDER_CHARGING};
    w.answer[step] = status;
    o = (struct order){.state = state, .total = 1990, .count = 1};
    w.disk = o;
    CHECK_INT(checkout_run(&o, &s), 0);
    CHECK_INT(o.state, ORDER_FAILED);
    CHECK_INT(o.status, status);
    CHECK(books_are_right(&w));
}

TEST(only_the_own_refusal_of_a_service_means_that_nothing_was_done)
{
    for (int status = 1; status <= ATOLL_UNAUTHENTICATED; status++) {
        if (status != ATOLL_FAILED_PRECONDITION) {
            resend(ORDER_CHARGING, CHARGE, status);
        }
        if (status != ATOLL_ABORTED && status != ATOLL_NOT_FOUND) {
            resend(ORDER_RESERVING, RESERVE, status);
        }
    }
}

TEST(an_order_that_is_on_disk_stands_when_its_last_record_cannot_be_written)
{
    w = (struct world){.disk_full_at = ORDER_DONE};
    CHECK_INT(run(&w, &o), 0);
    CHECK_INT(o.state, ORDER_PLACED);
    CHECK_INT(w.disk.state, ORDER_PLACED);
    w = (struct world){.disk_full_at = ORDER_PLACED};
    CHECK_INT(run(&w, &o), -EIO);
    CHECK_INT(w.disk.state, ORDER_CHARGING);
}

TEST(every_state_has_its_step_or_is_an_end)
{
    for (int state = 1; state < ORDER_STATES; state++) {
        struct checkout_steps s = steps_of(&w);

        w = (struct world){0};
        o = (struct order){.state = state, .total = 1};
        CHECK_INT(checkout_run(&o, &s), 0);
        CHECK(o.state == ORDER_DONE || o.state == ORDER_FAILED);
    }
}

TEST_MAIN("shop/checkout")
