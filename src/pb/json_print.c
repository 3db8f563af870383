/*
 * Printing numbers. Doubles and floats by Schubfach (R. Giulietti, "The Schubfach way to render
 * doubles", 2020): scale the value and the two ends of the interval that rounds to it by one power
 * of ten, so that the shortest decimal in it is one of four candidates; no loop, no big numbers.
 * The scaled numbers are cut to two bits behind the point, the last of them sticky; the paper
 * proves that 126 bits of the power are enough for that with doubles, so also with floats.
 */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "pb/json_number.h"

enum {
    DOUBLE_BITS = 52, /* stored ones of the significand */
    DOUBLE_BIAS = 1075,
    FLOAT_BITS = 23,
    FLOAT_BIAS = 150,
    PLAIN_MAX = 21, /* digits before the point without an exponent, as in ECMAScript */
    PLAIN_MIN = -6, /* zeros behind the point without an exponent */
};

/* digits × 10^exponent */
struct decimal {
    uint64_t digits;
    int exponent;
};

/* significand × 2^exponent; lopsided: the next smaller value is only half as far away. */
struct binary {
    uint64_t significand;
    int exponent;
    bool lopsided;
};

static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233"
                            "34353637383940414243444546474849505152535455565758596061626364656667"
                            "6869707172737475767778798081828384858687888990919293949596979899";

/* How many digits it has; 0 has one. */
static size_t count_digits(uint64_t v)
{
    static const uint64_t powers[] = {
        0,
        10U,
        100U,
        1000U,
        10000U,
        100000U,
        1000000U,
        10000000U,
        100000000U,
        1000000000U,
        10000000000U,
        100000000000U,
        1000000000000U,
        10000000000000U,
        100000000000000U,
        1000000000000000U,
        10000000000000000U,
        100000000000000000U,
        1000000000000000000U,
        10000000000000000000U,
    };
    size_t bits = 64U - (unsigned)__builtin_clzll(v | 1);
    size_t n = bits * 1233 >> 12; /* log10(2) is 1233 / 4096, a little too small */

    return n + (v >= powers[n]);
}

/* The digits of v, of which there are n. */
static void put_digits(uint64_t v, size_t n, char *out)
{
    while (v >= 100) {
        n -= 2;
        memcpy(out + n, pairs + v % 100 * 2, 2);
        v /= 100;
    }
    if (v >= 10) {
        memcpy(out, pairs + v * 2, 2);
    } else {
        *out = (char)('0' + v);
    }
}

size_t at_json_print_u64(uint64_t value, char *out)
{
    size_t n = count_digits(value);

    put_digits(value, n, out);
    return n;
}

size_t at_json_print_i64(int64_t value, char *out)
{
    if (value >= 0) {
        return at_json_print_u64((uint64_t)value, out);
    }
    out[0] = '-';
    return 1 + at_json_print_u64(0 - (uint64_t)value, out + 1);
}

/* The high word of power × v, whose lowest bit says whether something was cut off. */
static uint64_t scale(struct at_json_power power, uint64_t v)
{
    at_json_u128 low = (at_json_u128)power.low * v;
    at_json_u128 high = (at_json_u128)power.high * v + (uint64_t)(low >> 64);

    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* Both candidates may be inside of the interval: the nearer one, or the even one. */
static uint64_t nearer(uint64_t s, uint64_t scaled)
{
    uint64_t middle = 4 * s + 2;

    return s + (scaled > middle || (scaled == middle && (s & 1) != 0));
}

static struct decimal shortest(struct binary b)
{
    uint64_t odd = b.significand & 1; /* an end of the interval belongs to an even value */
    int k = (int)(((int64_t)b.exponent * 1262611 - (b.lopsided ? 524031 : 0)) >> 22);
    int h = b.exponent + at_json_log2_of_power(-k) + 1;
    struct at_json_power power = at_json_power_of_ten(-k);
    uint64_t lower;
    uint64_t scaled;
    uint64_t upper;
    uint64_t s;
    bool down;
    bool up;

    if (!at_json_power_is_exact(-k)) { /* the proof takes powers rounded up */
        power.low++;
        power.high += power.low == 0;
    }
    lower = scale(power, (4 * b.significand - 2 + b.lopsided) << h) + odd;
    scaled = scale(power, 4 * b.significand << h);
    upper = scale(power, (4 * b.significand + 2) << h) - odd;
    s = scaled / 4;
    if (s >= 10) { /* one digit less will do when exactly one of the two is inside */
        uint64_t tens = s / 10;

        down = lower <= 40 * tens;
        up = 40 * tens + 40 <= upper;
        if (down != up) {
            return (struct decimal){tens + up, k + 1};
        }
    }
    down = lower <= 4 * s;
    up = 4 * s + 4 <= upper;
    return (struct decimal){down != up ? s + up : nearer(s, scaled), k};
}

static struct decimal without_zeros(struct decimal d)
{
    static const struct {
        uint64_t power;
        int zeros;
    } steps[] = {{100000000, 8}, {10000, 4}, {100, 2}, {10, 1}};

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (d.digits % steps[i].power == 0) {
            d.digits /= steps[i].power;
            d.exponent += steps[i].zeros;
        }
    }
    return d;
}

/* Behind the digits: "e+21". */
static size_t put_exponent(int exponent, char *out)
{
    out[0] = 'e';
    out[1] = exponent < 0 ? '-' : '+';
    return 2 + at_json_print_u64((uint64_t)(exponent < 0 ? -exponent : exponent), out + 2);
}

/* Pieces are copied whole, 20 bytes each, with what follows written over the surplus. */
static size_t lay_out(struct decimal d, char *out)
{
    enum { COPIED = 20 };
    char digits[2 * COPIED];
    int len = (int)count_digits(d.digits);
    int point = len + d.exponent; /* digits before the point */

    put_digits(d.digits, (size_t)len, digits);
    if (point > 0 && point <= PLAIN_MAX) {
        memcpy(out, digits, COPIED);
        if (d.exponent >= 0) {
            memset(out + len, '0', (size_t)d.exponent);
            return (size_t)point;
        }
        out[point] = '.';
        memcpy(out + point + 1, digits + point, COPIED);
        return (size_t)len + 1;
    }
    if (point > PLAIN_MIN && point <= 0) {
        size_t zeros = (size_t)(2 - point); /* with the point */

        memset(out, '0', zeros);
        out[1] = '.';
        memcpy(out + zeros, digits, COPIED);
        return zeros + (size_t)len;
    }
    out[0] = digits[0];
    if (len == 1) {
        return 1 + put_exponent(point - 1, out + 1);
    }
    out[1] = '.';
    memcpy(out + 2, digits + 1, COPIED);
    return (size_t)len + 1 + put_exponent(point - 1, out + len + 1);
}

/* Of a positive finite number. */
static size_t print(struct binary b, char *out)
{
    uint64_t below = b.exponent <= 0 && b.exponent > -64 ? (1ULL << -b.exponent) - 1 : 0;

    if (b.exponent <= 0 && b.exponent > -64 && (b.significand & below) == 0 &&
        b.significand >> -b.exponent != 0) {
        return at_json_print_u64(b.significand >> -b.exponent, out); /* a whole number */
    }
    return lay_out(without_zeros(shortest(b)), out);
}

/* The parts of a number that has `bits` stored ones in its significand. */
static struct binary take_apart(uint64_t stored, int bits, int bias)
{
    uint64_t fraction = stored & ((1ULL << bits) - 1);
    int exponent = (int)(stored >> bits);

    if (exponent == 0) {
        return (struct binary){fraction, 1 - bias, false};
    }
    return (struct binary){fraction | 1ULL << bits, exponent - bias, fraction == 0 && exponent > 1};
}

size_t at_json_print_double(double value, char *out)
{
    uint64_t stored;
    bool negative = signbit(value) != 0;

    memcpy(&stored, &value, sizeof(stored));
    stored &= INT64_MAX;
    out[0] = '-';
    out += negative;
    if (stored == 0) {
        out[0] = '0';
        return 1 + (size_t)negative;
    }
    return (size_t)negative + print(take_apart(stored, DOUBLE_BITS, DOUBLE_BIAS), out);
}

size_t at_json_print_float(float value, char *out)
{
    uint32_t stored;
    bool negative = signbit(value) != 0;

    memcpy(&stored, &value, sizeof(stored));
    stored &= INT32_MAX;
    out[0] = '-';
    out += negative;
    if (stored == 0) {
        out[0] = '0';
        return 1 + (size_t)negative;
    }
    return (size_t)negative + print(take_apart(stored, FLOAT_BITS, FLOAT_BIAS), out);
}
