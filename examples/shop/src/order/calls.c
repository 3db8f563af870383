#include "order/calls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "cart.atoll.h"
#include "common/ask.h"
#include "order/checkout.h"
#include "order/store.h"
#include "payment.atoll.h"
#include "stock.atoll.h"

static struct atoll_str borrow(const char *text)
{
    return (struct atoll_str){.at = text, .len = strlen(text)};
}

static int fail(struct order *o, int status, const char *reason)
{
    (void)snprintf(o->reason, sizeof(o->reason), "%s", reason);
    return status;
}

/* A failed call's reason goes into the record. */
static int passed(struct order_calls *c, struct order *o, int status)
{
    return status == ATOLL_OK ? ATOLL_OK : fail(o, status, atoll_call_reason(c->call));
}

static void copy_discount(struct order *o, const struct shop_cart_v1_CartPromotion *p)
{
    for (size_t i = 0; i < o->count; i++) {
        if (o->lines[i].item_id == p->item_id) {
            o->lines[i].discount = p->discount;
            (void)snprintf(o->lines[i].promotion, sizeof(o->lines[i].promotion), "%.*s",
                           (int)p->name.len, p->name.at == NULL ? "" : p->name.at);
        }
    }
}

static int read_cart(void *user, struct order *o)
{
    struct order_calls *c = user;
    struct shop_cart_v1_GetCartRequest request = {.user_id = borrow(o->user)};
    struct shop_cart_v1_GetCartResponse cart = {0};
    int status = shop_cart_v1_CartService_get_cart(c->call, &request, &cart);

    if (status != ATOLL_OK) {
        return passed(c, o, status);
    }
    if (cart.items.count == 0) {
        return fail(o, ATOLL_FAILED_PRECONDITION, "the cart is empty: there is nothing to order");
    }
    if (cart.items.count > ORDER_LINES_MAX) {
        return fail(o, ATOLL_FAILED_PRECONDITION, "the cart holds too many different items");
    }
    for (size_t i = 0; i < cart.items.count; i++) {
        o->lines[i] = (struct order_line){.item_id = cart.items.at[i].item_id,
                                          .quantity = cart.items.at[i].quantity,
                                          .price = cart.items.at[i].price};
    }
    o->count = cart.items.count;
    o->total = cart.total_price;
    for (size_t i = 0; i < cart.promotions.count; i++) {
        copy_discount(o, &cart.promotions.at[i]);
    }
    return ATOLL_OK;
}

static int reserve(void *user, struct order *o)
{
    struct order_calls *c = user;
    struct shop_stock_v1_ReserveRequest_Line lines[ORDER_LINES_MAX];
    struct shop_stock_v1_ReserveRequest request = {
        .reservation_id = borrow(o->id),
        .user_id = borrow(o->user),
        .lines = {.at = lines, .count = o->count},
    };
    struct shop_stock_v1_ReserveResponse reply;

    for (size_t i = 0; i < o->count; i++) {
        lines[i] = (struct shop_stock_v1_ReserveRequest_Line){.item_id = o->lines[i].item_id,
                                                              .quantity = o->lines[i].quantity};
    }
    return passed(c, o, shop_stock_v1_StockService_reserve(c->call, &request, &reply));
}

static int charge(void *user, struct order *o)
{
    struct order_calls *c = user;
    struct shop_payment_v1_ChargeRequest request = {
        .user_id = borrow(o->user),
        .amount = o->total,
        .idempotency_key = borrow(o->id),
    };
    struct shop_payment_v1_ChargeResponse reply = {0};
    int status = shop_payment_v1_PaymentService_charge(c->call, &request, &reply);

    if (status != ATOLL_OK) {
        return passed(c, o, status);
    }
    (void)snprintf(o->payment_id, sizeof(o->payment_id), "%.*s", (int)reply.payment_id.len,
                   reply.payment_id.at == NULL ? "" : reply.payment_id.at);
    return ATOLL_OK;
}

static int take_out(void *user, struct order *o)
{
    struct order_calls *c = user;
    struct shop_cart_v1_TakeOutRequest_Line lines[ORDER_LINES_MAX];
    struct shop_cart_v1_TakeOutRequest request = {
        .checkout_id = borrow(o->id),
        .user_id = borrow(o->user),
        .lines = {.at = lines, .count = o->count},
    };
    struct shop_cart_v1_TakeOutResponse reply;

    for (size_t i = 0; i < o->count; i++) {
        lines[i] = (struct shop_cart_v1_TakeOutRequest_Line){.item_id = o->lines[i].item_id,
                                                             .quantity = o->lines[i].quantity};
    }
    return passed(c, o, shop_cart_v1_CartService_take_out(c->call, &request, &reply));
}

static int refund(void *user, struct order *o)
{
    struct order_calls *c = user;
    struct shop_payment_v1_RefundRequest request = {.idempotency_key = borrow(o->id),
                                                    .user_id = borrow(o->user)};
    struct shop_payment_v1_RefundResponse reply;

    return passed(c, o, shop_payment_v1_PaymentService_refund(c->call, &request, &reply));
}

static int release(void *user, struct order *o)
{
    struct order_calls *c = user;
    struct shop_stock_v1_ReleaseRequest request = {.reservation_id = borrow(o->id)};
    struct shop_stock_v1_ReleaseResponse reply;

    return passed(c, o, shop_stock_v1_StockService_release(c->call, &request, &reply));
}

static int save(void *user, const struct order *o, bool with_lines, bool may_retry)
{
    struct order_calls *c = user;

    return order_save(c->book, o, with_lines, may_retry, shop_now_ms());
}

struct checkout_steps order_calls_steps(struct order_calls *calls)
{
    return (struct checkout_steps){
        .read_cart = read_cart,
        .reserve = reserve,
        .charge = charge,
        .take_out = take_out,
        .refund = refund,
        .release = release,
        .save = save,
        .user = calls,
    };
}
