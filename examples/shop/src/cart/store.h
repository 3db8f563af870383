/*
 * Who is about to buy what, in cart.db.
 *
 * Prices and quantities in stock are asked elsewhere, between two transactions; the revision of a
 * cart says whether it is still the one that the question was about.
 */
#ifndef SHOP_CART_STORE_H
#define SHOP_CART_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "common/db.h"

enum { CART_LINES_MAX = 200 }; /* different items in one cart: bounds a reply and a checkout */

enum cart_result {
    CART_OK = 0,
    CART_CHANGED,   /* another request was faster: read again */
    CART_REPEAT,    /* that key has added the same before: nothing to do */
    CART_KEY_TAKEN, /* that key has added something else */
    CART_FULL,
    CART_NONE, /* the item is not in the cart */
};

struct cart_line {
    int32_t item_id;
    int32_t quantity;
};

struct cart {
    int64_t revision;
    size_t count;
    struct cart_line lines[CART_LINES_MAX];
};

struct cart_addition {
    const char *user;
    const char *key; /* NULL: none */
    struct cart_line line;
    int64_t revision; /* of the cart that was judged */
};

int cart_open(struct shop_db *db, const char *directory);
/* Lines in the order they were added. A user without a cart has an empty one. 0 or -errno. */
int cart_read(struct shop_db *db, const char *user, struct cart *ret);
/* The caller has made sure that the sum of quantities fits. */
int cart_add(struct shop_db *db, const struct cart_addition *a);
/* Has this key added this before? CART_OK: no. CART_REPEAT, CART_KEY_TAKEN. */
int cart_known(struct shop_db *db, const struct cart_addition *a);
/* CART_OK, CART_NONE. */
int cart_remove(struct shop_db *db, const char *user, int32_t item_id);
/* Once per checkout id: repeats are CART_OK and change nothing. */
int cart_take_out(struct shop_db *db, const char *checkout_id, const char *user,
                  const struct cart_line *lines, size_t count);

#endif
