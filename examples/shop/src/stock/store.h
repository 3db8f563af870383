/*
 * What is in stock and who holds how much of it, in stock.db.
 *
 * available + everything held = the initial quantity, always. A reservation is all lines or none,
 * in one transaction. An id that was released stays known for ever, so a reservation that arrives
 * late (its sender died meanwhile, and was cleaned up after) takes nothing.
 */
#ifndef SHOP_STOCK_STORE_H
#define SHOP_STOCK_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/catalogue.h"
#include "common/db.h"

enum {
    STOCK_LOW = 5, /* an alarm is raised when fewer than these are left */
};

enum stock_result {
    STOCK_OK = 0,
    STOCK_UNKNOWN_ITEM, /* line->item_id */
    STOCK_SHORT,        /* line->left are there */
    STOCK_RELEASED,     /* that reservation was put back already */
    STOCK_NONE,         /* the user holds none */
    STOCK_KEY_TAKEN,    /* a repeat that asks for something else than the first time */
};

struct stock_line {
    int32_t item_id;
    int32_t quantity; /* > 0 */
    int32_t left;     /* answer: how many are left afterwards */
    bool now_low;     /* answer: this reservation brought it under STOCK_LOW */
};

struct stock_reservation {
    const char *id;
    const char *user;
    bool may_put_back; /* taken by the user itself, not by a checkout */
    struct stock_line *lines;
    size_t count;
};

/* New goods get their quantity from the catalogue, known ones keep theirs. 0 or -errno. */
int stock_open(struct shop_db *db, const char *directory, const struct shop_catalogue *catalogue);
int stock_get(struct shop_db *db, int32_t item_id, int32_t *ret_available, int32_t *ret_price);
/* STOCK_UNKNOWN_ITEM and STOCK_SHORT set *ret_wrong to the line at fault. */
int stock_reserve(struct shop_db *db, const struct stock_reservation *r,
                  const struct stock_line **ret_wrong);
/* Repeats and unknown ids are STOCK_OK. */
int stock_release(struct shop_db *db, const char *id);
/* The user's newest reservation of the item goes back. STOCK_NONE, STOCK_UNKNOWN_ITEM. */
int stock_put_back(struct shop_db *db, const char *user, int32_t item_id, int32_t *ret_quantity,
                   int32_t *ret_available);

#endif
