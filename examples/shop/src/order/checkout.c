#include "order/checkout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <atoll/atoll.h>

#include "order/store.h"

bool checkout_is_open(int status)
{
    static const bool is_definite[] = {
        [ATOLL_OK] = true,
        [ATOLL_INVALID_ARGUMENT] = true,
        [ATOLL_NOT_FOUND] = true,
        [ATOLL_ALREADY_EXISTS] = true,
        [ATOLL_PERMISSION_DENIED] = true,
        [ATOLL_FAILED_PRECONDITION] = true,
        [ATOLL_ABORTED] = true,
        [ATOLL_OUT_OF_RANGE] = true,
        [ATOLL_UNIMPLEMENTED] = true,
    };

    return status < 0 || (size_t)status >= sizeof(is_definite) || !is_definite[status];
}

static int read_cart(const struct checkout_steps *s, struct order *o)
{
    return s->read_cart(s->user, o);
}

static int reserve(const struct checkout_steps *s, struct order *o)
{
    return s->reserve(s->user, o);
}

static int charge(const struct checkout_steps *s, struct order *o)
{
    /* Goods that promotions made free need no bank. */
    return o->total == 0 ? ATOLL_OK : s->charge(s->user, o);
}

static int take_out(const struct checkout_steps *s, struct order *o)
{
    return s->take_out(s->user, o);
}

static int refund(const struct checkout_steps *s, struct order *o)
{
    return o->total == 0 ? ATOLL_OK : s->refund(s->user, o);
}

static int release(const struct checkout_steps *s, struct order *o)
{
    return s->release(s->user, o);
}

/*
 * What each state does, and where it goes when that went well, was refused, or went otherwise.
 *
 * Refused is only what the service itself says of this very checkout, and says again each time: the
 * bank's no, goods that are not there. Any other answer (not permitted, no such method, a request
 * that cannot be read) may be that to a second attempt whose first one was done, and is undone.
 */
#define IS(status) (UINT32_C(1) << (status))

static const struct {
    int (*run)(const struct checkout_steps *s, struct order *o);
    enum order_state done;
    enum order_state refused;
    enum order_state other;
    uint32_t refusals;
} table[ORDER_STATES] = {
    // clang-format off
    [ORDER_STARTED]      = { read_cart, ORDER_RESERVING,    ORDER_FAILED,       ORDER_FAILED, 0 },
    [ORDER_RESERVING]    = { reserve,   ORDER_CHARGING,     ORDER_FAILED,       ORDER_UNDO_RESERVE,
                             IS(ATOLL_ABORTED) | IS(ATOLL_NOT_FOUND) },
    [ORDER_CHARGING]     = { charge,    ORDER_PLACED,       ORDER_UNDO_RESERVE, ORDER_UNDO_CHARGE,
                             IS(ATOLL_FAILED_PRECONDITION) },
    [ORDER_PLACED]       = { take_out,  ORDER_DONE,         ORDER_STAY,         ORDER_STAY, 0 },
    [ORDER_UNDO_CHARGE]  = { refund,    ORDER_UNDO_RESERVE, ORDER_STAY,         ORDER_STAY, 0 },
    [ORDER_UNDO_RESERVE] = { release,   ORDER_FAILED,       ORDER_STAY,         ORDER_STAY, 0 },
    // clang-format on
};

static enum order_state after(int state, int status)
{
    if (status == ATOLL_OK) {
        return table[state].done;
    }
    return status > 0 && status < 32 && (table[state].refusals & IS(status)) != 0
               ? table[state].refused
               : table[state].other;
}

static bool is_undoing(int state)
{
    return state == ORDER_UNDO_CHARGE || state == ORDER_UNDO_RESERVE;
}

int checkout_run(struct order *o, const struct checkout_steps *steps)
{
    while (o->state > 0 && o->state < ORDER_STATES && table[o->state].run != NULL) {
        bool starts = o->state == ORDER_STARTED;
        char reason[ORDER_TEXT_SIZE];
        enum order_state next;
        int status;
        int r;

        (void)snprintf(reason, sizeof(reason), "%s", o->reason);
        status = table[o->state].run(steps, o);
        next = after(o->state, status);
        if (is_undoing(o->state) || o->state == ORDER_PLACED) {
            /* What went wrong first is what the client hears. */
            (void)snprintf(o->reason, sizeof(o->reason), "%s", reason);
        } else if (status != ATOLL_OK) {
            o->status = status;
        }
        if (next == ORDER_STAY) {
            return 0;
        }
        o->state = next;
        r = steps->save(steps->user, o, starts && next == ORDER_RESERVING,
                        checkout_is_open(o->status));
        if (r != 0 && next == ORDER_DONE) {
            o->state = ORDER_PLACED; /* what is on disk: the order stands all the same */
            return 0;
        }
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

int checkout_abandon(struct order *o, const struct checkout_steps *steps)
{
    int r;

    if (o->state == ORDER_STARTED || o->state == ORDER_RESERVING || o->state == ORDER_CHARGING) {
        o->state = o->state == ORDER_STARTED ? ORDER_FAILED : ORDER_UNDO_CHARGE;
        o->status = ATOLL_UNAVAILABLE;
        (void)snprintf(o->reason, sizeof(o->reason),
                       "the checkout was interrupted and undone; nothing was charged");
        r = steps->save(steps->user, o, false, true);
        if (r != 0) {
            return r;
        }
    }
    return checkout_run(o, steps);
}
