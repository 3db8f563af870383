#include "payment/store.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "at_test.h"
#include "common/shop_test.h"

struct bank {
    int answer;
    int asked;
};

static int ask(void *user, const struct payment_charge *c, char ret_reason[PAYMENT_REASON_SIZE])
{
    struct bank *bank = user;

    (void)c;
    bank->asked++;
    (void)snprintf(ret_reason, PAYMENT_REASON_SIZE, "%s", bank->answer == 0 ? "" : "no cover");
    return bank->answer;
}

static int charge(struct shop_test *t, struct bank *bank, const char *key, int32_t amount)
{
    char id[PAYMENT_ID_SIZE];
    char reason[PAYMENT_REASON_SIZE];
    int r = payment_charge(
        &t->db,
        &(struct payment_charge){.scope = "door", .key = key, .user = "ann", .amount = amount}, ask,
        bank, id, reason);

    if (r == PAYMENT_REFUSED) {
        CHECK_STR(reason, "no cover");
    }
    return r;
}

static int refund(struct shop_test *t, const char *scope, const char *key, int32_t *ret_amount)
{
    return payment_refund(
        &t->db, &(struct payment_charge){.scope = scope, .key = key, .user = "ann"}, ret_amount);
}

TEST(a_key_is_charged_once_however_often_it_comes)
{
    struct shop_test t;
    struct bank bank = {0};

    shop_test_begin(&t);
    CHECK_INT(payment_open(&t.db, t.directory), 0);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(charge(&t, &bank, "k", 995), PAYMENT_OK);
    }
    CHECK_INT(bank.asked, 1);
    CHECK_INT(charge(&t, &bank, "k", 996), PAYMENT_KEY_TAKEN);
    CHECK_INT(charge(&t, &bank, "l", 996), PAYMENT_OK);
    CHECK_INT(bank.asked, 2);
    shop_test_end(&t);
}

TEST(a_refusal_is_remembered_and_an_outage_is_not)
{
    struct shop_test t;
    struct bank bank = {.answer = PAYMENT_REFUSED};

    shop_test_begin(&t);
    CHECK_INT(payment_open(&t.db, t.directory), 0);
    CHECK_INT(charge(&t, &bank, "k", 995), PAYMENT_REFUSED);
    bank.answer = PAYMENT_BANK_DOWN;
    CHECK_INT(charge(&t, &bank, "l", 995), PAYMENT_BANK_DOWN);
    bank.answer = PAYMENT_OK;
    CHECK_INT(charge(&t, &bank, "k", 995), PAYMENT_REFUSED);
    CHECK_INT(charge(&t, &bank, "l", 995), PAYMENT_OK);
    shop_test_end(&t);
}

TEST(a_refund_returns_the_charge_once_and_keeps_a_late_charge_out)
{
    struct shop_test t;
    struct bank bank = {0};
    int32_t amount;

    shop_test_begin(&t);
    CHECK_INT(payment_open(&t.db, t.directory), 0);
    CHECK_INT(charge(&t, &bank, "k", 995), PAYMENT_OK);
    CHECK_INT(refund(&t, "door", "k", &amount), PAYMENT_OK);
    CHECK_INT(amount, 995);
    CHECK_INT(refund(&t, "door", "k", &amount), PAYMENT_OK);
    CHECK_INT(amount, 995);
    CHECK_INT(charge(&t, &bank, "k", 995), PAYMENT_RETURNED);
    CHECK_INT(refund(&t, "door", "never", &amount), PAYMENT_OK);
    CHECK_INT(amount, 0);
    CHECK_INT(charge(&t, &bank, "never", 995), PAYMENT_RETURNED);
    CHECK_INT(bank.asked, 1);
    shop_test_end(&t);
}

TEST(the_keys_of_the_door_are_not_those_of_the_checkout)
{
    struct shop_test t;
    struct bank bank = {0};
    int32_t amount;

    shop_test_begin(&t);
    CHECK_INT(payment_open(&t.db, t.directory), 0);
    CHECK_INT(charge(&t, &bank, "k", 995), PAYMENT_OK);
    CHECK_INT(refund(&t, "order", "k", &amount), PAYMENT_OK);
    CHECK_INT(amount, 0);
    shop_test_end(&t);
}

TEST(two_users_may_choose_the_same_key)
{
    struct payment_charge bobs = {.scope = "door", .key = "1", .user = "bob", .amount = 450};
    struct shop_test t;
    struct bank bank = {0};
    char id[PAYMENT_ID_SIZE];
    char reason[PAYMENT_REASON_SIZE];
    int32_t amount;

    shop_test_begin(&t);
    CHECK_INT(payment_open(&t.db, t.directory), 0);
    CHECK_INT(charge(&t, &bank, "1", 995), PAYMENT_OK);
    CHECK_INT(payment_charge(&t.db, &bobs, ask, &bank, id, reason), PAYMENT_OK);
    CHECK_INT(bank.asked, 2);
    CHECK_INT(refund(&t, "door", "1", &amount), PAYMENT_OK);
    CHECK_INT(amount, 995);
    CHECK_INT(payment_charge(&t.db, &bobs, ask, &bank, id, reason), PAYMENT_OK);
    CHECK_INT(bank.asked, 2);
    shop_test_end(&t);
}

TEST_MAIN("shop/payment")
