/*
 * Reading numbers. The first 19 digits times a power of ten that is known to 128 bits give two
 * bounds of the value. When both round to the same double, that is it; else (about one random
 * number in 2^60, and ties of more than 19 digits) the C library decides, in the "C" locale.
 */
#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "json_powers.h"
#include "pb/json_number.h"
#include "pb/limits.h"

_Static_assert(sizeof(powers) / sizeof(powers[0]) == AT_JSON_POWER_HIGH - AT_JSON_POWER_LOW + 1,
               "the table and its bounds");

enum {
    DIGITS_MAX = 19, /* any so many fit into 64 bits */
    EXPONENT_CAP = 100000,
    EXACT_MAX = 22, /* 10^22 is the last power of ten that is a double */
};

/* (digits to digits + 1) × 10^exponent; exact: no more than digits. */
struct decimal {
    uint64_t digits;
    int exponent;
    bool exact;
    bool negative;
};

/* A binary format. */
struct format {
    int bits; /* of the significand, with the hidden one */
    int bias; /* the stored exponent of 1.0 */
};

/* A number of 192 bits, and whether there is something behind them. */
struct wide {
    uint64_t high;
    uint64_t middle;
    uint64_t low;
    bool more;
};

struct at_json_power at_json_power_of_ten(int k)
{
    return powers[k - AT_JSON_POWER_LOW];
}

static const uint8_t *digits_end(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }
    return p;
}

const uint8_t *at_json_number_end(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *from;

    p += p < end && *p == '-';
    from = p;
    p = digits_end(p, end);
    if (p == from || (*from == '0' && p > from + 1)) {
        return NULL;
    }
    if (p < end && *p == '.') {
        from = p + 1;
        p = digits_end(from, end);
        if (p == from) {
            return NULL;
        }
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        from = p;
        p = digits_end(from, end);
        if (p == from) {
            return NULL;
        }
    }
    return p;
}

/* Takes digits in; `behind` is 1 behind the point. */
static const uint8_t *take_digits(struct decimal *d, int *have, const uint8_t *p,
                                  const uint8_t *end, int behind)
{
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        if (*have < DIGITS_MAX) {
            d->digits = d->digits * 10 + (uint64_t)(*p - '0');
            *have += d->digits != 0;
            d->exponent -= behind;
        } else {
            d->exact = d->exact && *p == '0';
            d->exponent += 1 - behind;
        }
    }
    return p;
}

static int take_exponent(const uint8_t *p, const uint8_t *end)
{
    int exponent = 0;
    bool negative = *p == '-';

    for (p += *p == '-' || *p == '+'; p < end && exponent < EXPONENT_CAP; p++) {
        exponent = exponent * 10 + (*p - '0');
    }
    return negative ? -exponent : exponent;
}

static struct decimal take_apart(struct at_bytes text)
{
    struct decimal d = {.exact = true, .negative = text.at[0] == '-'};
    const uint8_t *end = text.at + text.len;
    const uint8_t *p = text.at + d.negative;
    int have = 0;

    p = take_digits(&d, &have, p, end, 0);
    if (p < end && *p == '.') {
        p = take_digits(&d, &have, p + 1, end, 1);
    }
    if (p < end) { /* e */
        d.exponent += take_exponent(p + 1, end);
    }
    return d;
}

/* Rounds v × 2^exponent, v's highest or second highest bit set, to what is stored of it. */
static uint64_t round_to(struct format f, struct wide v, int exponent)
{
    int top = 63 - __builtin_clzll(v.high);
    int stored = exponent + 128 + top + f.bias; /* as the exponent of a normal number */
    int shift = top + 1 - f.bits + (stored < 1 ? 1 - stored : 0);
    uint64_t significand;
    uint64_t rest;
    uint64_t half;

    if (shift > 64) {
        return 0;
    }
    if (stored >= 2 * f.bias + 1) {
        return (uint64_t)(2 * f.bias + 1) << (f.bits - 1);
    }
    significand = shift == 64 ? 0 : v.high >> shift;
    rest = shift == 64 ? v.high : v.high & ((1ULL << shift) - 1);
    half = 1ULL << (shift - 1);
    if (rest > half ||
        (rest == half && (v.middle != 0 || v.low != 0 || v.more || (significand & 1) != 0))) {
        significand++; /* a carry walks on into the exponent, as it should */
    }
    return significand + ((uint64_t)(stored < 1 ? 1 : stored) << (f.bits - 1)) -
           (1ULL << (f.bits - 1));
}

/* v + high × 2^64 + low; one bit of room is left in v for it. */
static bool add(struct wide *v, uint64_t high, uint64_t low)
{
    uint64_t carry = __builtin_add_overflow(v->low, low, &v->low);
    bool over = __builtin_add_overflow(v->middle, carry, &v->middle);

    over = __builtin_add_overflow(v->middle, high, &v->middle) || over;
    return __builtin_add_overflow(v->high, (uint64_t)over, &v->high);
}

/* What is stored of d in this format, without the sign. False: the two bounds do not agree. */
static bool convert(struct format f, const struct decimal *d, uint64_t *ret)
{
    struct at_json_power g;
    struct wide lower;
    struct wide upper;
    at_json_u128 product;
    uint64_t m;
    int zeros;
    int exponent;
    bool exact = d->exact && at_json_power_is_exact(d->exponent);

    if (d->digits == 0 || d->exponent < AT_JSON_POWER_LOW) { /* also 19 digits are below half of
                                                                the smallest double */
        *ret = 0;
        return true;
    }
    if (d->exponent > AT_JSON_POWER_HIGH) {
        *ret = (uint64_t)(2 * f.bias + 1) << (f.bits - 1);
        return true;
    }
    g = at_json_power_of_ten(d->exponent);
    zeros = __builtin_clzll(d->digits);
    m = d->digits << zeros;
    exponent = at_json_log2_of_power(d->exponent) - 127 - zeros;
    product = (at_json_u128)m * g.low;
    lower = (struct wide){.low = (uint64_t)product, .more = !exact};
    product = (at_json_u128)m * g.high + (uint64_t)(product >> 64);
    lower.middle = (uint64_t)product;
    lower.high = (uint64_t)(product >> 64);
    *ret = round_to(f, lower, exponent);
    if (exact) {
        return true;
    }
    /* The value is below (m + 1 if digits were cut) × (g + 1), m in its place. */
    upper = lower;
    if (add(&upper, 0, m - 1)) {
        return false;
    }
    if (!d->exact) {
        uint64_t unit = 1ULL << zeros; /* 1 in the place of m; cut digits leave zeros ≤ 4 */

        product = (at_json_u128)g.low * unit;
        if (add(&upper, (uint64_t)(product >> 64), (uint64_t)product)) {
            return false;
        }
        product = (at_json_u128)g.high * unit;
        if (add(&upper, (uint64_t)product, 0) ||
            __builtin_add_overflow(upper.high, (uint64_t)(product >> 64), &upper.high) ||
            add(&upper, 0, unit)) {
            return false;
        }
    }
    return round_to(f, upper, exponent) == *ret;
}

/* The C library's answer. newlocale() of "C" gives a constant: it allocates and takes nothing. */
static void ask_libc(struct at_bytes text, double *ret_double, float *ret_float)
{
    char copy[AT_JSON_NUMBER_MAX + 1];
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);

    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (ret_double != NULL) {
        *ret_double = strtod_l(copy, NULL, c);
    } else {
        *ret_float = strtof_l(copy, NULL, c);
    }
    freelocale(c);
}

double at_json_parse_double(struct at_bytes text)
{
    static const double exact[EXACT_MAX + 1] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    };
    struct decimal d = take_apart(text);
    uint64_t stored;
    double v;

    if (d.exact && d.digits <= 1ULL << 53 && d.exponent >= -EXACT_MAX && d.exponent <= EXACT_MAX) {
        v = (double)d.digits; /* both exact, so one operation rounds once (Clinger 1990) */
        v = d.exponent < 0 ? v / exact[-d.exponent] : v * exact[d.exponent];
        return d.negative ? -v : v;
    }
    if (!convert((struct format){53, 1023}, &d, &stored)) {
        ask_libc(text, &v, NULL);
        return v;
    }
    stored |= (uint64_t)d.negative << 63;
    memcpy(&v, &stored, sizeof(v));
    return v;
}

float at_json_parse_float(struct at_bytes text)
{
    struct decimal d = take_apart(text);
    uint64_t stored;
    uint32_t low;
    float v;

    if (!convert((struct format){24, 127}, &d, &stored)) {
        ask_libc(text, NULL, &v);
        return v;
    }
    low = (uint32_t)stored | (uint32_t)d.negative << 31;
    memcpy(&v, &low, sizeof(v));
    return v;
}
