/*
 * The checkout itself: which step follows which, and how it is undone. Knows neither sockets nor
 * SQLite: the steps and the record are functions that the caller gives, so that a test can stop it
 * anywhere.
 *
 * Every step may be done again: stock, payment and cart know the checkout by its id. So whoever
 * takes an interrupted checkout over simply does the step that its state names.
 */
#ifndef SHOP_ORDER_CHECKOUT_H
#define SHOP_ORDER_CHECKOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "order/store.h"

/*
 * Each gives an enum atoll_status, and writes o->reason when it is not ATOLL_OK. UNAVAILABLE,
 * DEADLINE_EXCEEDED and all codes that are not the service's own clear refusal mean: maybe it was
 * done, now or by an earlier attempt.
 */
struct checkout_steps {
    int (*read_cart)(void *user, struct order *o); /* fills lines and total */
    int (*reserve)(void *user, struct order *o);
    int (*charge)(void *user, struct order *o); /* fills payment_id */
    int (*take_out)(void *user, struct order *o);
    int (*refund)(void *user, struct order *o);
    int (*release)(void *user, struct order *o);
    /* Puts o on disk. 0 or -errno: then nothing more is done now. */
    int (*save)(void *user, const struct order *o, bool with_lines, bool may_retry);
    void *user;
};

/*
 * Goes on until the checkout is finished or cannot go on now (then a later run will). 0 or -errno
 * of save; o->state tells how far it came: PLACED and DONE are an order, FAILED has status and
 * reason, UNDO_* as well and is being undone.
 */
int checkout_run(struct order *o, const struct checkout_steps *steps);

/* Its client is gone: before the order was placed it is undone, afterwards it is finished. */
int checkout_abandon(struct order *o, const struct checkout_steps *steps);

/* Does this status tell of something that may pass, so that the same key may try again? */
bool checkout_is_open(int status);

#endif
