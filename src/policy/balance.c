#include "policy/balance.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
    LATENCY_PARTS = 8,  /* the moving average goes an eighth of the way to a new value */
    LATENCY_FACTOR = 2, /* closer than that, two latencies are equal: chance makes them differ */
    SETTLE_STEPS = 64,  /* times that shares are reckoned anew over a window */
    PERCENT = 100,
};
/* Halved for each such time in which nothing was measured: one that was slow once, as most are at their
 * first call, is soon tried again; one that stays slow costs a few calls a second. */
static const uint64_t latency_fades_ns = 100000000;
static const uint64_t settle_least_ns = 1000000;

typedef int choose_fn(struct at_balance *b, const struct at_balance_ask *ask);

/* The finalizer of MurmurHash3, a bijection in which each bit moves every other. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    x ^= x >> 33;
    return x;
}

uint64_t at_balance_hash(struct at_bytes b)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ b.len;

    for (; b.len >= 8; b = at_bytes_after(b, 8)) {
        uint64_t word = 0;

        for (int i = 0; i < 8; i++) {
            word |= (uint64_t)b.at[i] << (8 * i);
        }
        h = mix(h ^ word);
    }
    for (size_t i = 0; i < b.len; i++) {
        h = (h ^ b.at[i]) * UINT64_C(0x100000001b3);
    }
    return mix(h);
}

void at_balance_set(struct at_balance *b, const struct at_balance_policy *policy)
{
    b->policy = *policy;
    if (b->policy.kind == AT_BALANCE_DEFAULT || b->policy.kind >= AT_BALANCE_KINDS) {
        b->policy.kind = AT_BALANCE_LEAST_REQUESTS;
    }
    if (b->policy.bound < AT_BALANCE_BOUND_MIN || b->policy.bound > AT_BALANCE_BOUND_MAX) {
        b->policy.bound = AT_BALANCE_BOUND;
    }
    b->settled = false;
}

void at_balance_changed(struct at_balance *b)
{
    b->settled = false;
}

/* ---- shares ---- */

static uint64_t age_of(const struct at_balance_seat *s, const struct at_balance_ask *ask,
                       uint64_t window_ns)
{
    if (s->ready_ns == 0) {
        return window_ns;
    }
    if (s->ready_ns >= ask->now_ns) {
        return 0;
    }
    return ask->now_ns - s->ready_ns < window_ns ? ask->now_ns - s->ready_ns : window_ns;
}

/* How much of its weight one has that is so old, in parts of AT_BALANCE_WHOLE. */
static uint32_t grown(uint64_t age_ns, uint64_t span_ns)
{
    uint64_t part;

    if (age_ns >= span_ns) {
        return AT_BALANCE_WHOLE;
    }
    part = (uint64_t)((double)age_ns / (double)span_ns * (double)AT_BALANCE_WHOLE);
    return part < AT_BALANCE_LEAST ? AT_BALANCE_LEAST : (uint32_t)part;
}

static void settle(struct at_balance *b, const struct at_balance_ask *ask)
{
    uint64_t window = b->policy.slow_start_ns;
    uint64_t step = window / SETTLE_STEPS;
    uint64_t oldest = 0;
    bool young = false;

    for (size_t i = 0; window > 0 && i < ask->count; i++) {
        uint64_t age = age_of(ask->seats[i], ask, window);

        oldest = age > oldest ? age : oldest;
        young = young || age < window;
    }
    b->even = true;
    for (size_t i = 0; i < ask->count; i++) {
        struct at_balance_seat *s = ask->seats[i];
        uint32_t weight = s->weight == 0 ? 1 : s->weight;

        weight = weight > AT_BALANCE_WEIGHT_MAX ? AT_BALANCE_WEIGHT_MAX : weight;
        s->share = weight * (window == 0 ? (uint32_t)AT_BALANCE_WHOLE
                                         : grown(age_of(s, ask, window), oldest));
        b->even = b->even && s->share == ask->seats[0]->share;
    }
    b->settled = true;
    step = step < settle_least_ns ? settle_least_ns : step;
    b->settle_again_ns = young ? ask->now_ns + step : 0;
}

/* ---- in turn ---- */

static size_t next_of(const struct at_balance_ask *ask, size_t i)
{
    return i + 1 < ask->count ? i + 1 : 0;
}

static int take_turn(struct at_balance *b, const struct at_balance_ask *ask, size_t i)
{
    b->turn = (uint32_t)next_of(ask, i);
    return (int)i;
}

/* Has x less to do for its share than y? Equal: 0. */
static int compare_load(const struct at_balance_seat *x, const struct at_balance_seat *y)
{
    uint64_t left = (uint64_t)x->load * y->share;
    uint64_t right = (uint64_t)y->load * x->share;

    return (left > right) - (left < right);
}

/* Of those with room, and with as little to do as `like` (NULL: all): smooth turns by share. */
static int smooth_turn(const struct at_balance_ask *ask, const struct at_balance_seat *like)
{
    int64_t total = 0;
    int best = -1;

    for (size_t i = 0; i < ask->count; i++) {
        struct at_balance_seat *s = ask->seats[i];

        if ((like != NULL && compare_load(s, like) != 0) || !ask->has_room(s)) {
            continue;
        }
        s->credit += s->share;
        total += s->share;
        if (best < 0 || s->credit > ask->seats[best]->credit) {
            best = (int)i;
        }
    }
    if (best >= 0) {
        ask->seats[best]->credit -= total;
    }
    return best;
}

static int choose_round_robin(struct at_balance *b, const struct at_balance_ask *ask)
{
    size_t i = b->turn < ask->count ? b->turn : 0;

    if (!b->even) {
        return smooth_turn(ask, NULL);
    }
    for (size_t n = 0; n < ask->count; n++, i = next_of(ask, i)) {
        if (ask->has_room(ask->seats[i])) {
            return take_turn(b, ask, i);
        }
    }
    return -1;
}

static int choose_least_requests(struct at_balance *b, const struct at_balance_ask *ask)
{
    size_t i = b->turn < ask->count ? b->turn : 0;
    struct at_balance_seat like;
    int best = -1;

    for (size_t n = 0; n < ask->count; n++, i = next_of(ask, i)) {
        const struct at_balance_seat *s = ask->seats[i];

        if ((best < 0 || compare_load(s, ask->seats[best]) < 0) && ask->has_room(s)) {
            best = (int)i;
        }
    }
    if (best < 0) {
        return -1;
    }
    if (b->even) {
        return take_turn(b, ask, (size_t)best);
    }
    like = *ask->seats[best];
    return smooth_turn(ask, &like);
}

/* ---- two by chance ---- */

/* One of n, from 32 bits of chance; n < 2^32. */
static uint64_t pick(uint32_t chance, uint64_t n)
{
    return (chance * n) >> 32;
}

/* A seat by chance and share, but not `but` (count: any). */
static size_t draw(const struct at_balance *b, const struct at_balance_ask *ask, uint32_t chance,
                   size_t but)
{
    uint64_t total = 0;
    uint64_t at;
    size_t i;

    if (b->even) {
        i = (size_t)pick(chance, ask->count - (but < ask->count));
        return i + (but <= i);
    }
    for (i = 0; i < ask->count; i++) {
        total += i == but ? 0 : ask->seats[i]->share;
    }
    at = pick(chance, total);
    for (i = 0; i < ask->count; i++) {
        uint64_t share = i == but ? 0 : ask->seats[i]->share;

        if (at < share) {
            break;
        }
        at -= share;
    }
    return i;
}

/* What is known of its latency still; 0: nothing. */
static double latency_of(const struct at_balance_seat *s, uint64_t now_ns)
{
    uint64_t halvings = now_ns > s->measured_ns ? (now_ns - s->measured_ns) / latency_fades_ns : 0;

    return halvings > 40 ? 0 : (double)(s->latency_ns >> halvings);
}

static bool is_better(const struct at_balance_seat *x, const struct at_balance_seat *y,
                      uint64_t now_ns)
{
    double slow_x = latency_of(x, now_ns);
    double slow_y = latency_of(y, now_ns);

    if (slow_x < slow_y * (double)LATENCY_FACTOR && slow_y < slow_x * (double)LATENCY_FACTOR) {
        return compare_load(x, y) < 0;
    }
    if (slow_x == 0 || slow_y == 0) { /* one is not known: load alone tells */
        return compare_load(x, y) < 0;
    }
    return slow_x * (1 + (double)x->load * (double)AT_BALANCE_WHOLE / x->share) <
           slow_y * (1 + (double)y->load * (double)AT_BALANCE_WHOLE / y->share);
}

static int choose_p2c(struct at_balance *b, const struct at_balance_ask *ask)
{
    size_t first = draw(b, ask, (uint32_t)ask->random, ask->count);
    size_t second;

    if (ask->count == 1) {
        return ask->has_room(ask->seats[0]) ? 0 : -1;
    }
    second = draw(b, ask, (uint32_t)(ask->random >> 32), first);
    if (!ask->has_room(ask->seats[first])) {
        first = second;
    } else if (ask->has_room(ask->seats[second]) &&
               is_better(ask->seats[second], ask->seats[first], ask->now_ns)) {
        return (int)second;
    }
    if (ask->has_room(ask->seats[first])) {
        return (int)first;
    }
    return choose_least_requests(b, ask); /* both are full: somebody may not be */
}

/* ---- by key ---- */

/* -ln(h / 2^64): with -ln(h) / share, the least wins in proportion to shares. No libm. */
static double minus_ln(uint64_t h)
{
    static const double ln2 = 0.69314718055994530942;
    int zeros = h == 0 ? 63 : __builtin_clzll(h);
    double m = (double)((h << zeros) | 1) * 0x1p-64; /* [0.5, 1] */
    double s = (m - 1) / (m + 1);
    double s2 = s * s;
    double series = 1 + s2 * (1.0 / 3 + s2 * (1.0 / 5 + s2 * (1.0 / 7 + s2 * (1.0 / 9 + s2 / 11))));

    return zeros * ln2 - 2 * s * series;
}

/* May it have one more of all the calls? */
static bool is_within(const struct at_balance *b, const struct at_balance_seat *s, uint64_t calls,
                      uint64_t shares)
{
    if (s->load < AT_BALANCE_BOUND_FLOOR) {
        return true;
    }
    return (double)s->load * (double)PERCENT * (double)shares <
           (double)b->policy.bound * (double)(calls + 1) * s->share;
}

static int choose_hash(struct at_balance *b, const struct at_balance_ask *ask)
{
    uint64_t calls = 0;
    uint64_t shares = 0;
    double least = 0;
    uint64_t most = 0;
    int best = -1;

    if (!ask->has_hash) {
        return choose_least_requests(b, ask);
    }
    for (size_t i = 0; i < ask->count; i++) {
        calls += ask->seats[i]->load;
        shares += ask->seats[i]->share;
    }
    for (size_t i = 0; i < ask->count; i++) {
        const struct at_balance_seat *s = ask->seats[i];
        uint64_t score = mix(ask->hash ^ s->identity);
        double cost = b->even ? 0 : minus_ln(score) / s->share;

        if ((best < 0 || (b->even ? score > most : cost < least)) &&
            is_within(b, s, calls, shares) && ask->has_room(s)) {
            best = (int)i;
            most = score;
            least = cost;
        }
    }
    return best >= 0 ? best : choose_least_requests(b, ask);
}

int at_balance_choose(struct at_balance *b, const struct at_balance_ask *ask)
{
    static choose_fn *const choosers[AT_BALANCE_KINDS] = {
        [AT_BALANCE_DEFAULT] = choose_least_requests,
        [AT_BALANCE_LEAST_REQUESTS] = choose_least_requests,
        [AT_BALANCE_ROUND_ROBIN] = choose_round_robin,
        [AT_BALANCE_P2C] = choose_p2c,
        [AT_BALANCE_HASH] = choose_hash,
    };

    if (ask->count == 0) {
        return -1;
    }
    if (!b->settled || (b->settle_again_ns != 0 && ask->now_ns >= b->settle_again_ns)) {
        settle(b, ask);
    }
    return choosers[b->policy.kind](b, ask);
}

void at_balance_measured(struct at_balance_seat *seat, uint64_t took_ns, uint64_t now_ns)
{
    if (seat->measured_ns == 0) {
        seat->latency_ns = took_ns;
    } else {
        uint64_t kept = seat->latency_ns - seat->latency_ns / LATENCY_PARTS;

        seat->latency_ns = kept + took_ns / LATENCY_PARTS;
    }
    seat->measured_ns = now_ns;
}
