/*
 * Which instance gets the next call?
 *
 * Each instance that can be called has a seat, with its weight, the calls under way on it and what
 * is remembered of it. at_balance_choose() picks a seat by the policy of the service:
 *
 *   least requests   the fewest calls under way for its weight; among equals in turn. The default
 *   round robin      in turn, each as often as its weight says, evenly spread (smooth)
 *   p2c              two by chance (by weight), of those the one with less to do and, where they
 *                    differ clearly, the faster one
 *   hash             the same key goes to the same instance: rendezvous (highest score of key and
 *                    name), past those that have more than their bound of the calls under way
 *
 * A share is a weight while it grows: with slow start a new instance begins with a tenth of its
 * weight, and grows with its age as compared with the oldest (or the window, if that is shorter).
 * So a system that has just started as a whole splits evenly.
 *
 * Pure: no clock, no I/O, no allocation, no chance of its own. Not thread-safe.
 */
#ifndef AT_POLICY_BALANCE_H
#define AT_POLICY_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Numbers on the wire (control/service.h): never reused. */
enum at_balance_kind {
    AT_BALANCE_DEFAULT = 0,
    AT_BALANCE_LEAST_REQUESTS = 1,
    AT_BALANCE_ROUND_ROBIN = 2,
    AT_BALANCE_P2C = 3,
    AT_BALANCE_HASH = 4,
    AT_BALANCE_KINDS
};

enum {
    AT_BALANCE_WEIGHT_MAX = 1000, /* shares that overflow; finer ones nobody can tell apart */
    AT_BALANCE_WHOLE = 256,       /* share of weight 1 that has grown */
    AT_BALANCE_LEAST = 26,        /* … and that has just begun: a tenth */
    AT_BALANCE_BOUND = 125,       /* percent of its part of the calls that one may have, … */
    AT_BALANCE_BOUND_MIN = 101,   /* … at least: with 100 nothing would stay where it belongs */
    AT_BALANCE_BOUND_MAX = 10000, /* … at most: sums that overflow */
    AT_BALANCE_BOUND_FLOOR = 8,   /* calls under way that are no load: a short burst for one key
                                      stays together */
};

struct at_balance_policy {
    uint32_t kind;          /* enum at_balance_kind; an unknown one is the default */
    uint32_t bound;         /* HASH: percent; 0: AT_BALANCE_BOUND */
    uint64_t slow_start_ns; /* 0: none */
};

/* Zeroed, then the first four set; load is kept by the owner. */
struct at_balance_seat {
    uint64_t identity; /* at_balance_hash() of the instance's name: a restarted one gets its keys */
    uint64_t ready_ns; /* since when it serves; 0: long ago */
    uint32_t weight;   /* 0: 1 */
    uint32_t load;     /* calls under way */
    uint32_t share;    /* weight while it grows; the rest is at_balance's own */
    int64_t credit;    /* of smooth turns */
    uint64_t latency_ns;
    uint64_t measured_ns;
};

struct at_balance {
    struct at_balance_policy policy;
    uint32_t turn;
    bool settled;             /* shares stand */
    bool even;                /* all shares are equal */
    uint64_t settle_again_ns; /* 0: they have grown */
};

struct at_balance_ask {
    struct at_balance_seat *const *seats;
    size_t count;
    bool (*has_room)(const struct at_balance_seat *seat);
    uint64_t now_ns;
    uint64_t random;
    uint64_t hash;
    bool has_hash; /* false: HASH falls back to least requests */
};

/* A good 64-bit hash, the same in every process: of names, and of keys. */
uint64_t at_balance_hash(struct at_bytes b);

/* Sets the policy; seats keep what is remembered of them. */
void at_balance_set(struct at_balance *b, const struct at_balance_policy *policy);
/* A seat came or went, or its weight has changed. */
void at_balance_changed(struct at_balance *b);
/* Index of the chosen seat, or -1: none has room. Its load is the caller's to raise. */
int at_balance_choose(struct at_balance *b, const struct at_balance_ask *ask);
/* A call took so long there and was answered OK. For P2C; others need not be told. */
void at_balance_measured(struct at_balance_seat *seat, uint64_t took_ns, uint64_t now_ns);

#endif
