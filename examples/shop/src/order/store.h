/*
 * The durable record of checkouts, in order.db. Each state says what is to be done next, and is
 * on disk before it is done:
 *
 *   STARTED → RESERVING → CHARGING → PLACED → DONE
 *                │            │
 *                ▼            ▼
 *   FAILED ← UNDO_RESERVE ← UNDO_CHARGE
 *
 * From PLACED on the order exists. A process that dies leaves the checkout in its state; whoever
 * takes its lock goes on from there. The lock is one byte of a file, held by an open file
 * description: the kernel lets go of it when the process dies, however it dies.
 */
#ifndef SHOP_ORDER_STORE_H
#define SHOP_ORDER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/catalogue.h"
#include "common/db.h"

enum {
    ORDER_ID_SIZE = 33, /* 16 random bytes in hexadecimal */
    ORDER_LINES_MAX = 200,
    ORDER_TEXT_SIZE = 160,
    ORDER_STAND_IN_LIFE_MS = 15000, /* longer than any request is sent again */
    ORDER_MONEY_FIRST_MS = 60000,   /* a refund goes before what waits at most so much longer */
};

enum order_state {
    ORDER_STAY = 0, /* no state: wait where you are */
    ORDER_STARTED,
    ORDER_RESERVING,
    ORDER_CHARGING,
    ORDER_PLACED,
    ORDER_DONE,
    ORDER_UNDO_CHARGE,
    ORDER_UNDO_RESERVE,
    ORDER_FAILED,
    ORDER_STATES,
};

enum order_result {
    ORDER_OK = 0,
    ORDER_KNOWN,   /* that key is known: here is its checkout */
    ORDER_BUSY,    /* another checkout of the user is under way */
    ORDER_UNKNOWN, /* no such order */
};

struct order_line {
    int32_t item_id;
    int32_t quantity;
    int32_t price;
    int32_t discount; /* of the promotion */
    char promotion[SHOP_NAME_SIZE];
};

struct order {
    int64_t number; /* of the row and of the lock */
    char id[ORDER_ID_SIZE];
    char user[128];
    int state;
    int32_t total;
    int64_t created_ms; /* CLOCK_REALTIME */
    char payment_id[64];
    int status; /* why it failed: enum atoll_status; 0: it did not */
    char reason[ORDER_TEXT_SIZE];
    size_t count;
    struct order_line lines[ORDER_LINES_MAX];
};

struct order_book {
    struct shop_db db;
    char locks[4096]; /* path of the lock file */
};

struct order_key {
    const char *user;
    const char *key;
    bool stand_in; /* not the user's own key: forgotten after ORDER_STAND_IN_LIFE_MS */
};

int order_open(struct order_book *book, const char *directory);
void order_close(struct order_book *book);

/* A new checkout under fresh_id: ORDER_OK. ORDER_KNOWN fills *ret as well, ORDER_BUSY does not. */
int order_begin(struct order_book *book, const struct order_key *key, const char *fresh_id,
                int64_t now_ms, struct order *ret);
/* Reads it again, by number. */
int order_reload(struct order_book *book, int64_t number, struct order *ret);
/* A placed order. ORDER_UNKNOWN: no such, or a checkout that was not (yet) placed. */
int order_get(struct order_book *book, const char *id, struct order *ret);
/*
 * Writes state, total, payment, status and reason, and the lines when with_lines is set. A checkout
 * that fails for a passing reason (may_retry) lets go of its key.
 */
int order_save(struct order_book *book, const struct order *o, bool with_lines, bool may_retry,
               int64_t now_ms);
/*
 * Numbers of unfinished checkouts that nobody touched for so long, those first that wait longest;
 * money that is owed counts as waiting ORDER_MONEY_FIRST_MS longer. At most `room`.
 */
int order_orphans(struct order_book *book, int64_t now_ms, int64_t quiet_ms, int64_t *ret,
                  size_t room, size_t *ret_count);
/* It was looked at and has to wait: others are first now. Finished ones stay as they are. */
int order_touch(struct order_book *book, int64_t number, int64_t now_ms);

/* The lock of one checkout: *ret_fd is closed to let go. 0, -EAGAIN: another has it, -errno. */
int order_lock(const struct order_book *book, int64_t number, int *ret_fd);

#endif
