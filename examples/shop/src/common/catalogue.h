/*
 * The catalogue file: what the shop sells. Each line is
 *
 *   itemId,name,category,price,stock,promotion
 *
 * price in cents; promotion is empty, "10%" (off), or "3:1" (of every 3 pieces 1 is free). The
 * first line is the heading. Names hold no commas.
 */
#ifndef SHOP_COMMON_CATALOGUE_H
#define SHOP_COMMON_CATALOGUE_H

#include <stddef.h>
#include <stdint.h>

enum { SHOP_NAME_SIZE = 64, SHOP_CATALOGUE_MAX = 100000 };

struct shop_goods {
    int32_t item_id;
    int32_t price;
    int32_t stock;
    int32_t percent; /* off; 0: no such promotion */
    int32_t buy;     /* of every so many … */
    int32_t free;    /* … so many are free; 0: no such promotion */
    char name[SHOP_NAME_SIZE];
    char category[SHOP_NAME_SIZE];
};

struct shop_catalogue {
    struct shop_goods *goods; /* by rising item_id */
    size_t count;
};

/* 0; -errno when the file cannot be read; -EINVAL with a line on stderr naming file and line. */
int shop_catalogue_read(const char *path, struct shop_catalogue *ret);
void shop_catalogue_free(struct shop_catalogue *c);
/* NULL: no such item. */
const struct shop_goods *shop_catalogue_find(const struct shop_catalogue *c, int32_t item_id);

/* What the promotion takes off this many pieces, rounded down; 0: none applies. */
int64_t shop_discount(const struct shop_goods *g, int32_t quantity);

#endif
