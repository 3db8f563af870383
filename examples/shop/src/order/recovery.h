/*
 * A thread that looks for checkouts whose process died and finishes or undoes them. Every instance
 * runs one; the lock of the checkout decides who does it.
 */
#ifndef SHOP_ORDER_RECOVERY_H
#define SHOP_ORDER_RECOVERY_H

#include "order/store.h"

struct order_recovery;

/* 0 or -errno. The book has to outlive it. */
int order_recovery_start(struct order_book *book, struct order_recovery **ret);
/* Waits for the checkout it is at. */
void order_recovery_stop(struct order_recovery *recovery);

#endif
