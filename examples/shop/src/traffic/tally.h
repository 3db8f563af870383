/* What all visitors did and what came of it. Shared by threads; everything goes through add/note. */
#ifndef SHOP_TRAFFIC_TALLY_H
#define SHOP_TRAFFIC_TALLY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum traffic_op {
    OP_LIST,
    OP_PRODUCT,
    OP_STOCK,
    OP_ADD,
    OP_REMOVE,
    OP_CART,
    OP_CHECKOUT,
    OP_ORDER,
    OP_COUNT,
};

struct op_kind {
    const char *name;
    const char *method;
    bool may_repeat; /* the contract's idempotency_level allows it */
};

extern const struct op_kind op_kinds[OP_COUNT];

struct op_count {
    uint64_t done;    /* answered 2xx */
    uint64_t refused; /* answered 4xx: a no is an answer */
    uint64_t failed;  /* 5xx, or no answer: each attempt counts */
    uint64_t given_up;
    uint64_t total_us; /* of the attempts that were answered */
    uint64_t max_us;
};

enum { TALLY_WRONG_MAX = 20, TALLY_TEXT_SIZE = 240 };

struct tally {
    pthread_mutex_t lock;
    struct op_count ops[OP_COUNT];
    uint64_t orders;
    bool read_files; /* the services' own, not only what they answer */
    uint64_t wrong;  /* answers and books that are not as they must be */
    char wrong_text[TALLY_WRONG_MAX][TALLY_TEXT_SIZE];
    char failed_text[TALLY_WRONG_MAX][TALLY_TEXT_SIZE]; /* of methods that may be repeated */
    uint64_t failed_repeatable;
};

enum tally_outcome { TALLY_DONE, TALLY_REFUSED, TALLY_FAILED, TALLY_GIVEN_UP };

void tally_add(struct tally *t, enum traffic_op op, enum tally_outcome outcome, uint64_t us);
void tally_order(struct tally *t);
/* A finding. */
void tally_wrong(struct tally *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What was heard when a method that may be repeated failed. */
void tally_failure(struct tally *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tally_print(const struct tally *t, FILE *out);
void tally_print_json(const struct tally *t, FILE *out);

#endif
