/* The steps of a checkout as calls to the other services. */
#ifndef SHOP_ORDER_CALLS_H
#define SHOP_ORDER_CALLS_H

#include <atoll/atoll.h>

#include "order/checkout.h"
#include "order/store.h"

struct order_calls {
    struct atoll_call *call; /* its deadline and trace are those of every step */
    struct order_book *book;
};

/* calls has to live as long as the steps are used. */
struct checkout_steps order_calls_steps(struct order_calls *calls);

#endif
