/* The order service: answers for checkouts, and takes over those whose process died. */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "common/ask.h"
#include "order.atoll.h"
#include "order/calls.h"
#include "order/checkout.h"
#include "order/recovery.h"
#include "order/store.h"

enum {
    LOCK_POLL_NS = 2000000,
    LOCK_WAIT_MS = 8000, /* when the caller has no deadline */
    WAITERS_MAX = 2,     /* one checkout sent many times must not put all threads to sleep */
};

static struct order_book book;
static atomic_int waiters;

static uint64_t monotonic_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static int wait_until_free(struct atoll_call *call, int64_t number, int *ret_fd)
{
    const struct timespec pause = {.tv_nsec = LOCK_POLL_NS};
    uint64_t deadline = atoll_call_deadline(call);
    int r;

    if (deadline == 0) {
        deadline = monotonic_ns() + LOCK_WAIT_MS * UINT64_C(1000000);
    }
    while ((r = order_lock(&book, number, ret_fd)) == -EAGAIN && monotonic_ns() < deadline) {
        (void)nanosleep(&pause, NULL);
    }
    return r;
}

/* Another request with the same key, or a recovery, may be at work on it: its outcome is ours. */
static int take_lock(struct atoll_call *call, int64_t number, int *ret_fd)
{
    int r = order_lock(&book, number, ret_fd);

    if (r == -EAGAIN) {
        if (atomic_fetch_add(&waiters, 1) < WAITERS_MAX) {
            r = wait_until_free(call, number, ret_fd);
        }
        (void)atomic_fetch_sub(&waiters, 1);
    }
    if (r == -EAGAIN) {
        return atoll_fail(call, ATOLL_UNAVAILABLE,
                          "the checkout is still under way; ask again with the same key");
    }
    return r == 0 ? ATOLL_OK : shop_fail_store(call, r);
}

static int run(struct atoll_call *call, struct order *o)
{
    struct order_calls calls = {.call = call, .book = &book};
    struct checkout_steps steps = order_calls_steps(&calls);
    int fd;
    int status = take_lock(call, o->number, &fd);
    int r;

    if (status != ATOLL_OK) {
        return status;
    }
    r = order_reload(&book, o->number, o);
    if (r == 0) {
        r = checkout_run(o, &steps);
    }
    (void)close(fd);
    if (r == 0) {
        return ATOLL_OK;
    }
    return atoll_fail(
        call, ATOLL_UNAVAILABLE,
        "the database failed: %s; ask again with the same key: what was done is being "
        "undone",
        r < 0 ? strerror(-r) : "the checkout is gone");
}

/* The order, or why there is none. */
static int place(struct atoll_call *call, const struct order_key *key, struct order *o)
{
    char id[SHOP_ID_SIZE];
    int status;
    int r;

    for (int attempt = 0;; attempt++) {
        shop_random_id(id);
        r = order_begin(&book, key, id, shop_now_ms(), o);
        if (r == ORDER_BUSY) {
            return atoll_fail(call, ATOLL_ABORTED, "another checkout of %s is under way; try again",
                              key->user);
        }
        if (r < 0) {
            return shop_fail_store(call, r);
        }
        status = run(call, o);
        if (status != ATOLL_OK) {
            return status;
        }
        /* An earlier attempt under this key failed for a reason that may have passed. */
        if (r == ORDER_KNOWN && o->state == ORDER_FAILED && checkout_is_open(o->status) &&
            attempt == 0) {
            continue;
        }
        break;
    }
    if (o->state == ORDER_PLACED || o->state == ORDER_DONE) {
        return ATOLL_OK;
    }
    if (o->state == ORDER_FAILED) {
        return atoll_fail(call, o->status, "%s", o->reason);
    }
    return atoll_fail(call, ATOLL_UNAVAILABLE, "%s; what was done is being undone", o->reason);
}

static int ask_key(struct atoll_call *call, char ret[SHOP_KEY_SIZE], bool *ret_stand_in)
{
    const uint8_t *trace = atoll_call_trace_id(call);
    size_t n = 0;
    int status = shop_ask_key(call, (struct atoll_str){0}, ret);

    *ret_stand_in = ret[0] == '\0';
    if (status == ATOLL_OK && *ret_stand_in) {
        n = (size_t)snprintf(ret, SHOP_KEY_SIZE, "trace:");
        for (size_t i = 0; i < 16; i++, n += 2) {
            (void)snprintf(ret + n, SHOP_KEY_SIZE - n, "%02x", trace[i]);
        }
    }
    return status;
}

/* RFC 3339. */
static struct atoll_str time_text(struct atoll_call *call, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm = {0};
    char text[32];

    (void)gmtime_r(&seconds, &tm);
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    return atoll_printf(call, "%s.%03dZ", text, (int)(ms % 1000));
}

static int answer(struct atoll_call *call, const struct order *o,
                  struct shop_order_v1_GetOrderResponse *out)
{
    *out = (struct shop_order_v1_GetOrderResponse){
        .success = true,
        .id = shop_str(call, o->id),
        .user_id = shop_str(call, o->user),
        .total_price = o->total,
        .payment_id = shop_str(call, o->payment_id),
        .created_at = time_text(call, o->created_ms),
    };
    out->items.at = atoll_alloc(call, (o->count + 1) * sizeof(*out->items.at));
    out->promotions.at = atoll_alloc(call, (o->count + 1) * sizeof(*out->promotions.at));
    if (out->items.at == NULL || out->promotions.at == NULL) {
        return atoll_fail(call, ATOLL_RESOURCE_EXHAUSTED, "out of memory");
    }
    for (size_t i = 0; i < o->count; i++) {
        const struct order_line *line = &o->lines[i];

        out->items.at[out->items.count++] = (struct shop_order_v1_OrderItem){
            .item_id = line->item_id, .quantity = line->quantity, .price = line->price};
        if (line->discount > 0) {
            out->promotions.at[out->promotions.count++] =
                (struct shop_order_v1_OrderPromotion){.item_id = line->item_id,
                                                      .name = shop_str(call, line->promotion),
                                                      .discount = line->discount};
        }
    }
    return ATOLL_OK;
}

static int place_order(struct atoll_call *call, const struct shop_order_v1_PlaceOrderRequest *in,
                       struct shop_order_v1_PlaceOrderResponse *out)
{
    struct shop_order_v1_GetOrderResponse reply;
    struct order o;
    char user[SHOP_USER_SIZE];
    char key[SHOP_KEY_SIZE];
    struct order_key order_key = {.user = user, .key = key};
    struct atoll_str in_body = in->checkout == NULL ? (struct atoll_str){0} : in->checkout->user_id;
    int status = shop_ask_user(call, in->user_id, in_body, user);

    if (status == ATOLL_OK) {
        status = ask_key(call, key, &order_key.stand_in);
    }
    if (status == ATOLL_OK) {
        status = place(call, &order_key, &o);
    }
    if (status == ATOLL_OK) {
        status = answer(call, &o, &reply);
    }
    if (status != ATOLL_OK) {
        return status;
    }
    *out = (struct shop_order_v1_PlaceOrderResponse){
        .success = true,
        .id = reply.id,
        .user_id = reply.user_id,
        .items = {.at = reply.items.at, .count = reply.items.count},
        .total_price = reply.total_price,
        .promotions = {.at = reply.promotions.at, .count = reply.promotions.count},
        .payment_id = reply.payment_id,
        .created_at = reply.created_at,
    };
    return ATOLL_OK;
}

static int get_order(struct atoll_call *call, const struct shop_order_v1_GetOrderRequest *in,
                     struct shop_order_v1_GetOrderResponse *out)
{
    struct order o;
    char id[ORDER_ID_SIZE];
    int r = ORDER_UNKNOWN;

    if (in->id.len < sizeof(id) && shop_ask_text(call, "id", in->id, id, sizeof(id)) == ATOLL_OK) {
        r = order_get(&book, id, &o);
    }
    if (r == ORDER_UNKNOWN) {
        return atoll_fail(call, ATOLL_NOT_FOUND, "there is no order %.*s", (int)in->id.len,
                          in->id.at == NULL ? "" : in->id.at);
    }
    return r < 0 ? shop_fail_store(call, r) : answer(call, &o, out);
}

int main(void)
{
    struct order_recovery *recovery;
    int r;

    if (order_open(&book, NULL) != 0) {
        return EXIT_FAILURE;
    }
    if (order_recovery_start(&book, &recovery) != 0) {
        (void)fprintf(stderr, "level=error doing=\"start the recovery thread\"\n");
        order_close(&book);
        return EXIT_FAILURE;
    }
    r = shop_order_v1_OrderService_serve(&(struct shop_order_v1_OrderService){
        .place_order = place_order,
        .get_order = get_order,
    });
    order_recovery_stop(recovery);
    order_close(&book);
    return r;
}
