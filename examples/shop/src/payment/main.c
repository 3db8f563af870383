/*
 * The payment service. The bank is a stand-in that can be told to fail:
 *   - users whose id begins with "declined" have no cover;
 *   - users whose id begins with "bank-down" find the bank closed;
 *   - SHOP_BANK=declines or SHOP_BANK=down in the environment does so for everybody.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "common/ask.h"
#include "common/db.h"
#include "payment.atoll.h"
#include "payment/store.h"

static struct shop_db db;

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static int ask_bank(void *user, const struct payment_charge *c,
                    char ret_reason[PAYMENT_REASON_SIZE])
{
    const char *mood = getenv("SHOP_BANK");

    (void)user;
    if (begins(c->user, "bank-down") || (mood != NULL && strcmp(mood, "down") == 0)) {
        (void)snprintf(ret_reason, PAYMENT_REASON_SIZE, "the bank does not answer");
        return PAYMENT_BANK_DOWN;
    }
    if (begins(c->user, "declined") || (mood != NULL && strcmp(mood, "declines") == 0)) {
        (void)snprintf(ret_reason, PAYMENT_REASON_SIZE,
                       "the bank refuses %d cents: no cover on the account of %s", c->amount,
                       c->user);
        return PAYMENT_REFUSED;
    }
    return PAYMENT_OK;
}

/* The door's visitors and each service have keys of their own. */
static const char *scope_of(const struct atoll_call *call)
{
    const char *caller = atoll_call_caller(call);

    return *caller == '\0' ? "door" : caller;
}

static int tell(struct atoll_call *call, int result, const char *reason)
{
    switch ((enum payment_result)result) {
    case PAYMENT_OK: return ATOLL_OK;
    case PAYMENT_REFUSED: return atoll_fail(call, ATOLL_FAILED_PRECONDITION, "%s", reason);
    case PAYMENT_KEY_TAKEN:
        return atoll_fail(call, ATOLL_ALREADY_EXISTS,
                          "that Idempotency-Key was used for another amount");
    case PAYMENT_RETURNED:
        return atoll_fail(call, ATOLL_ABORTED,
                          "the charge of that Idempotency-Key was returned; use a new key");
    case PAYMENT_BANK_DOWN:
        return atoll_fail(call, ATOLL_UNAVAILABLE, "%s; nothing was charged", reason);
    default: return shop_fail_store(call, result);
    }
}

static int charge(struct atoll_call *call, const struct shop_payment_v1_ChargeRequest *in,
                  struct shop_payment_v1_ChargeResponse *out)
{
    char user[SHOP_USER_SIZE];
    char key[SHOP_KEY_SIZE];
    char id[PAYMENT_ID_SIZE];
    char reason[PAYMENT_REASON_SIZE];
    int status = shop_ask_user(call, in->user_id, (struct atoll_str){0}, user);

    if (status == ATOLL_OK) {
        status = shop_ask_key(call, in->idempotency_key, key);
    }
    if (status == ATOLL_OK) {
        status = shop_ask_positive(call, "amount", in->amount);
    }
    if (status == ATOLL_OK && key[0] == '\0') {
        status = atoll_fail(call, ATOLL_INVALID_ARGUMENT,
                            "the header Idempotency-Key is missing: without it a repeated request "
                            "would charge twice");
    }
    if (status == ATOLL_OK) {
        status =
            tell(call,
                 payment_charge(
                     &db,
                     &(struct payment_charge){
                         .scope = scope_of(call), .key = key, .user = user, .amount = in->amount},
                     ask_bank, NULL, id, reason),
                 reason);
    }
    if (status != ATOLL_OK) {
        return status;
    }
    *out = (struct shop_payment_v1_ChargeResponse){
        .success = true,
        .payment_id = shop_str(call, id),
        .user_id = shop_str(call, user),
        .amount = in->amount,
    };
    return ATOLL_OK;
}

static int refund(struct atoll_call *call, const struct shop_payment_v1_RefundRequest *in,
                  struct shop_payment_v1_RefundResponse *out)
{
    char user[SHOP_USER_SIZE];
    char key[SHOP_KEY_SIZE];
    int status = shop_insiders_only(call);
    int r;

    if (status == ATOLL_OK) {
        status = shop_ask_text(call, "userId", in->user_id, user, sizeof(user));
    }
    if (status == ATOLL_OK) {
        status = shop_ask_key(call, in->idempotency_key, key);
    }
    if (status == ATOLL_OK && (key[0] == '\0' || user[0] == '\0')) {
        status = atoll_fail(call, ATOLL_INVALID_ARGUMENT, "%s is missing",
                            key[0] == '\0' ? "idempotencyKey" : "userId");
    }
    if (status != ATOLL_OK) {
        return status;
    }
    r = payment_refund(&db,
                       &(struct payment_charge){.scope = scope_of(call), .key = key, .user = user},
                       &out->amount);
    return r == 0 ? ATOLL_OK : shop_fail_store(call, r);
}

int main(void)
{
    int r;

    if (payment_open(&db, NULL) != 0) {
        return EXIT_FAILURE;
    }
    r = shop_payment_v1_PaymentService_serve(&(struct shop_payment_v1_PaymentService){
        .charge = charge,
        .refund = refund,
    });
    shop_db_close(&db);
    return r;
}
