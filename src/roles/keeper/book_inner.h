/* What the files of the book share. */
#ifndef AT_KEEPER_BOOK_INNER_H
#define AT_KEEPER_BOOK_INNER_H

#include "base/list.h"
#include "base/map.h"
#include "call/deadlines.h"
#include "call/limits.h"
#include "roles/keeper/book.h"

enum { UNITS = 1 << 16 }; /* of a lock that is no semaphore: so many may share it */

enum claim_state { WAITING, HELD, LOST };

/* Something asked for. */
struct claim {
    struct at_list of_name; /* in holders or waiters; LOST: in none */
    struct at_list of_owner;
    struct named *named; /* NULL: LOST */
    struct at_owner *owner;
    struct at_deadline deadline; /* WAITING: gives up; HELD: its lease ends */
    uint64_t op;
    uint64_t context;
    uint64_t token;
    uint64_t since_ns; /* in this state */
    uint32_t units;
    uint32_t flags;      /* enum at_locks_flag, as asked */
    uint8_t state;       /* enum claim_state */
    bool by_lease;       /* LOST: so; else by a book that came too late */
    uint64_t lease_from; /* HELD: granted or renewed */
    void *tag;           /* WAITING */
};

/* A name that is held, waited for, or remembered because its mark is not its rule's. */
struct named {
    struct at_list entry; /* book->names */
    struct rule *rule;
    struct at_list holders;
    struct at_list waiters;
    uint32_t holder_count;
    uint32_t waiter_count;
    uint32_t free_units;
    bool marked;
    size_t len;
    char name[];
};

/* An entry of the configuration. */
struct rule {
    const struct at_locks_lock *lock;
    uint32_t units;
    bool doubt; /* names of it that are not in the book count as marked */
};

struct at_owner {
    struct at_list entry; /* book->owners */
    struct at_list claims;
    uint32_t claim_count;
    uint32_t service;
    char instance[AT_CALL_NAME_ROOM];
};

struct at_book {
    const struct at_locks_config *config;
    struct rule *rules;
    struct at_map by_name;
    struct at_list names;
    size_t name_count;
    struct at_list owners;
    size_t owner_count;
    struct at_deadlines deadlines;
    uint64_t grace_until_ns; /* 0: over */
    uint64_t next_token;
    uint64_t most_token; /* that is believed to have been granted */
    at_book_tell *tell;
    void *user;
};

/* book_text.c: sentences */
/* "held by order.2 for 3.2 s", "held by cart.1 and 2 others, 4 wait before it" … */
void at_book_describe(const struct at_book *book, const struct named *n, uint64_t now_ns,
                      struct at_text *out);
/* No such lock, or not for this service: the line to add. */
void at_book_explain_refusal(const struct at_book *book, const struct at_owner *owner,
                             struct at_bytes name, int rule, struct at_text *out);
/* Would the claim wait for itself? Then out says how. */
bool at_book_find_circle(const struct named *n, const struct claim *claim, struct at_text *out);
void at_book_explain_lost(const struct claim *claim, uint64_t now_ns, struct at_text *out);

#endif
