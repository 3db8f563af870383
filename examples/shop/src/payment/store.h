/*
 * What was charged, in payment.db: at most one charge per idempotency key, for ever.
 *
 * A key belongs to its user, in the scope of who used it (the door's keys are not the checkout's):
 * two users who choose the same key never hear of each other. A refund of
 * a key that is not known yet is remembered: the charge that arrives late is refused.
 */
#ifndef SHOP_PAYMENT_STORE_H
#define SHOP_PAYMENT_STORE_H

#include <stdint.h>

#include "common/db.h"

enum { PAYMENT_ID_SIZE = 40, PAYMENT_REASON_SIZE = 160 };

enum payment_result {
    PAYMENT_OK = 0,
    PAYMENT_REFUSED,   /* by the bank; reason says why. A repeat hears the same. */
    PAYMENT_KEY_TAKEN, /* the user used that key with another amount */
    PAYMENT_RETURNED,  /* that key was refunded: it cannot be charged again */
    PAYMENT_BANK_DOWN, /* nothing was charged; reason says why */
};

struct payment_charge {
    const char *scope;
    const char *key;
    const char *user;
    int32_t amount; /* cents, > 0 */
};

/*
 * The third party. It says PAYMENT_OK, PAYMENT_REFUSED or PAYMENT_BANK_DOWN, and in the last two
 * cases writes the reason.
 */
typedef int payment_bank(void *user, const struct payment_charge *c,
                         char ret_reason[PAYMENT_REASON_SIZE]);

int payment_open(struct shop_db *db, const char *directory);
/* One of payment_result, or -errno. ret_id: of the charge; ret_reason: when it did not go well. */
int payment_charge(struct shop_db *db, const struct payment_charge *c, payment_bank *bank,
                   void *bank_user, char ret_id[PAYMENT_ID_SIZE],
                   char ret_reason[PAYMENT_REASON_SIZE]);
/* c->amount is 0. PAYMENT_OK; *ret_amount is what that had been (also for a repeat), or 0. */
int payment_refund(struct shop_db *db, const struct payment_charge *c, int32_t *ret_amount);

#endif
