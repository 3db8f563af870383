/* For tests: a book over a small configuration, and what it told. */
#ifndef AT_KEEPER_BOOK_FIXTURE_H
#define AT_KEEPER_BOOK_FIXTURE_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "call/call.h"
#include "control/locks.h"
#include "plan/locks.h"
#include "roles/keeper/book.h"
#include "roles/keeper/limits.h"

enum { TOLD_MAX = 2048, NOT_TOLD = 99 };
#define START_NS (1000 * AT_SECOND_NS)
#define WALL_NS (UINT64_C(1769860800) * AT_SECOND_NS)

struct told {
    uint32_t status; /* NOT_TOLD: still waits */
    uint64_t token;
    uint32_t flags;
    char reason[512];
};

struct fixture {
    struct at_locks_config config;
    struct at_locks_service services[2];
    struct at_locks_lock locks[4];
    uint32_t users[2];
    struct at_book *book;
    struct at_owner *order1; /* of "order", which may use everything */
    struct at_owner *order2;
    struct at_owner *cart1; /* of "cart", which may use "checkout" alone */
    struct told told[TOLD_MAX];
    uint64_t now;
    uint64_t next_op;
};

static inline void remember(void *user, void *tag, const struct at_book_answer *a)
{
    struct told *t = tag;

    (void)user;
    CHECK(t->status == NOT_TOLD); /* once */
    t->status = a->status;
    t->token = a->token;
    t->flags = a->flags;
    (void)snprintf(t->reason, sizeof(t->reason), "%s", a->reason);
}

static inline void begin_book(struct fixture *f, uint32_t starts)
{
    f->config.starts = starts;
    f->book = at_book_new(&f->config, f->now, WALL_NS + (f->now - START_NS), remember, f);
    CHECK(f->book != NULL);
    f->order1 = at_book_join(f->book, AT_LIT("order.1"), 0);
    f->order2 = at_book_join(f->book, AT_LIT("order.2"), 0);
    f->cart1 = at_book_join(f->book, AT_LIT("cart.1"), 1);
    CHECK(f->order1 != NULL && f->order2 != NULL && f->cart1 != NULL);
}

static inline void prepare(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    f->services[0] = (struct at_locks_service){"order", "atoll.yaml", 12};
    f->services[1] = (struct at_locks_service){"cart", "atoll.yaml", 20};
    f->users[1] = 1;
    f->locks[0] = (struct at_locks_lock){.name = "checkout", .services = {f->users, 2}};
    f->locks[1] = (struct at_locks_lock){
        .name = "leased", .lease_ns = 5 * AT_SECOND_NS, .services = {f->users, 1}};
    f->locks[2] =
        (struct at_locks_lock){.name = "printer", .permits = 3, .services = {f->users, 1}};
    f->locks[3] = (struct at_locks_lock){.name = "cart-*", .services = {f->users, 1}};
    f->config = (struct at_locks_config){.system = "shop",
                                         .services = f->services,
                                         .service_count = 2,
                                         .locks = f->locks,
                                         .lock_count = 4};
    f->now = START_NS;
    for (size_t i = 0; i < TOLD_MAX; i++) {
        f->told[i].status = NOT_TOLD;
    }
}

static inline void begin(struct fixture *f)
{
    prepare(f);
    begin_book(f, 0);
}

static inline void end(struct fixture *f)
{
    f->book = at_book_free(f->book);
}

/* Asks with the op i, told in f->told[i]. */
static inline struct told *ask(struct fixture *f, struct at_owner *o, int i,
                               struct at_locks_ask what, uint64_t give_up_ns)
{
    struct at_book_ask a = {.what = what, .give_up_ns = give_up_ns, .tag = &f->told[i]};

    a.what.op = (uint64_t)i;
    a.what.permits = what.permits == 0 ? 1 : what.permits;
    f->told[i].status = NOT_TOLD;
    at_book_ask(f->book, o, &a, f->now);
    return &f->told[i];
}

static inline struct told *lock(struct fixture *f, struct at_owner *o, int i, const char *name)
{
    return ask(f, o, i, (struct at_locks_ask){.name = at_bytes_of(name)}, 0);
}

static inline uint32_t unlock(struct fixture *f, struct at_owner *o, int i)
{
    struct at_text why;
    uint32_t status;

    at_text_init(&why);
    status = at_book_unlock(f->book, o, (uint64_t)i, f->now, &why);
    at_text_deinit(&why);
    return status;
}

#endif
