/*
 * The book of locks: who holds what, who waits, in which order. A state machine without I/O: time is
 * passed in, answers go out through one function.
 *
 * A lock is a number of units: a semaphore has its permits; a lock has UNITS, of which an exclusive
 * owner takes all and a shared one takes one. Whoever asks is a claim of an owner (a process, by its
 * channel); claims on one name are served strictly in order.
 *
 *   - An owner that ends frees what it holds, at once. Unless it held it shared, the lock is marked:
 *     everybody who gets it from now on is told OWNER_DIED, until one says `repaired`.
 *   - With a lease, a claim that is older is taken away as soon as somebody waits. That marks too.
 *     The late owner hears so when it gives the lock back, and knows by its token.
 *   - Tokens are one larger with each grant, over all names. They begin at the microseconds of the
 *     wall clock, so those of a restarted book are larger too: a grant takes longer than that.
 *   - A book that follows a dead one knows nothing. For AT_KEEPER_GRACE_NS it grants nothing and
 *     listens to owners that assert what they hold; after that, what nobody asserted is free, and
 *     marked, for its owner may have died as well.
 */
#ifndef AT_KEEPER_BOOK_H
#define AT_KEEPER_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/text.h"
#include "call/call.h"
#include "control/locks.h"
#include "plan/locks.h"

struct at_book;
struct at_owner;

struct at_book_answer {
    uint32_t status;    /* enum at_status */
    uint64_t token;     /* of a grant */
    uint32_t flags;     /* AT_LOCKS_OWNER_DIED */
    const char *reason; /* when not OK; borrowed during the call */
};

/* Of a claim that was asked for with this tag; exactly once. Must not call the book. */
typedef void at_book_tell(void *user, void *tag, const struct at_book_answer *answer);

struct at_book_ask {
    struct at_locks_ask what; /* borrowed */
    uint64_t give_up_ns;      /* answered DEADLINE_EXCEEDED then; 0: never */
    void *tag;
};

/*
 * config is borrowed for the book's life. wall_ns: of the clock on the wall, where tokens begin.
 * NULL: out of memory.
 */
struct at_book *at_book_new(const struct at_locks_config *config, uint64_t now_ns, uint64_t wall_ns,
                            at_book_tell *tell, void *user);
/* Nobody is told anything any more. NULL is accepted; NULL. */
struct at_book *at_book_free(struct at_book *book);

/* instance: "order.2". service: index in the config. NULL: out of memory, or too many. */
struct at_owner *at_book_join(struct at_book *book, struct at_bytes instance, uint32_t service);
/* It is gone. Those of its claims that wait are told CANCELLED. */
void at_book_leave(struct at_book *book, struct at_owner *owner, uint64_t now_ns);

/* Grants, queues or refuses: tag is told now or later. */
void at_book_ask(struct at_book *book, struct at_owner *owner, const struct at_book_ask *ask,
                 uint64_t now_ns);
/* A book before this one granted it. false: it is too late for that, or another holds it. */
bool at_book_assert(struct at_book *book, struct at_owner *owner, const struct at_locks_held *held,
                    uint64_t now_ns);
/* Gives back; one that waits is told CANCELLED. The status, with its reason in *ret. */
uint32_t at_book_unlock(struct at_book *book, struct at_owner *owner, uint64_t op, uint64_t now_ns,
                        struct at_text *ret);
/* The lease begins again. */
uint32_t at_book_renew(struct at_book *book, struct at_owner *owner, uint64_t op, uint64_t now_ns,
                       struct at_text *ret);
/* What the dead owner left is in order again. */
uint32_t at_book_repaired(struct at_book *book, struct at_owner *owner, uint64_t op,
                          uint64_t now_ns, struct at_text *ret);
/* Whoever waits with this tag does not any more: told CANCELLED. false: nobody waits so. */
bool at_book_cancel(struct at_book *book, const void *tag, uint64_t now_ns);

/* What is due by then. */
void at_book_tick(struct at_book *book, uint64_t now_ns);
/* When at_book_tick() has something to do; 0: never. */
uint64_t at_book_next(const struct at_book *book);

/*
 * A line for each claim that holds or waits: name, tab, "held" or "waits", tab, instance, tab, for
 * how many ns, tab, token or 0, tab, units of tab all, tab, "died" when marked, newline.
 */
void at_book_show(const struct at_book *book, uint64_t now_ns, struct at_text *out);

#endif
