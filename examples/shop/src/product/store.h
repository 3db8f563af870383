/* Goods and promotions, in product.db: what the catalogue file says, ready to be searched. */
#ifndef SHOP_PRODUCT_STORE_H
#define SHOP_PRODUCT_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "common/catalogue.h"
#include "common/db.h"

enum {
    PRODUCT_PAGE_DEFAULT = 20,
    PRODUCT_PAGE_MAX = 100,
};

enum product_result {
    PRODUCT_OK = 0,
    PRODUCT_UNKNOWN_ITEM,
    PRODUCT_TOO_DEAR, /* the total does not fit into an int32 */
};

struct product_line {
    int32_t item_id;
    int32_t quantity;
    int32_t price;                  /* answer */
    int32_t discount;               /* answer; 0: no promotion applied */
    char name[SHOP_NAME_SIZE];      /* answer */
    char promotion[SHOP_NAME_SIZE]; /* answer: its name */
};

/* The file becomes what product.db holds. 0 or -errno. */
int product_open(struct shop_db *db, const char *directory, const struct shop_catalogue *catalogue);
int product_get(struct shop_db *db, int32_t item_id, struct shop_goods *ret);
/*
 * At most `room` goods with item_id > after whose name or category holds `query`, in order. *ret_total
 * counts all that match, on whatever page. 0 or -errno.
 */
int product_list(struct shop_db *db, const char *query, int32_t after, struct shop_goods *ret,
                 size_t room, size_t *ret_count, int32_t *ret_total);
/* PRODUCT_UNKNOWN_ITEM sets *ret_wrong to the line at fault. */
int product_quote(struct shop_db *db, struct product_line *lines, size_t count, int32_t *ret_total,
                  const struct product_line **ret_wrong);
/* "10% off", "3 for 2"; "" when the goods have none. */
void product_promotion_name(const struct shop_goods *g, char ret[SHOP_NAME_SIZE]);

#endif
