/*
 * One visitor after the other, in a thread of its own: browses, fills a cart, changes its mind,
 * checks out. It keeps its own account of what it did and compares every answer with it.
 */
#ifndef SHOP_TRAFFIC_VISITOR_H
#define SHOP_TRAFFIC_VISITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "traffic/http.h"
#include "traffic/tally.h"

enum {
    TRAFFIC_GOODS_MAX = 4096,
    VISITOR_LINES_MAX = 12, /* a cart that a person fills */
    VISITOR_ORDERS_MAX = 4096,
};

struct traffic_goods {
    int32_t item_id;
    int32_t price;
    int32_t percent;
    int32_t buy;
    int32_t free;
    int64_t before; /* in stock when the run began */
};

struct traffic_order {
    char id[64];
    char user[64];
    int64_t total;
};

struct traffic {
    const char *shop; /* address of cart, order and product */
    const char *stock;
    const char *run; /* makes users and keys of this run unlike those of others */
    uint64_t seed;
    uint64_t end_ns;      /* CLOCK_MONOTONIC */
    uint64_t interval_ns; /* between two actions of one visitor */
    uint32_t patience_ms; /* how long something is tried again */
    struct tally *tally;
    struct traffic_goods goods[TRAFFIC_GOODS_MAX];
    size_t goods_count;
};

struct visitor_line {
    size_t goods; /* index */
    int32_t quantity;
};

struct visitor {
    struct traffic *traffic;
    unsigned number;
    uint64_t dice;
    unsigned session;
    unsigned keys; /* so many idempotency keys were used */
    char user[64];
    bool declined; /* the bank refuses this user */
    size_t count;
    struct visitor_line lines[VISITOR_LINES_MAX];
    struct http shop;
    struct http stock;
    int64_t sold[TRAFFIC_GOODS_MAX]; /* by index of goods */
    struct traffic_order orders[VISITOR_ORDERS_MAX];
    size_t order_count;
};

/* Reads the catalogue and the quantities through the surface, page by page. false: said why. */
bool traffic_read_catalogue(struct traffic *t);
/* Visits until the run ends; then looks at each of its orders once more. */
void visitor_run(struct visitor *v);
/* Nothing oversold, as far as the surface shows: what is left = what there was - what was sold. */
void traffic_check_stock(struct traffic *t, struct visitor *const *visitors, size_t count);

#endif
