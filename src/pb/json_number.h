/*
 * Numbers of JSON to and from text: exact both ways, without a locale, a global or an allocation.
 * Inner header of pb.
 *
 * Printing gives the shortest digits that read back equal, of those the nearest to the value, laid
 * out as ECMAScript does (RFC 8785 section 3.2.2.3), except that zero keeps its sign. Reading gives
 * the nearest value, ties to even.
 */
#ifndef AT_PB_JSON_NUMBER_H
#define AT_PB_JSON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

__extension__ typedef unsigned __int128 at_json_u128;

enum { AT_JSON_NUMBER_ROOM = 48 }; /* bytes that any number is printed in; more than it takes */

/* The end of the number of RFC 8259 section 6 that begins at p; NULL: there is none. */
const uint8_t *at_json_number_end(const uint8_t *p, const uint8_t *end);

/* Infinite when it is too large. text: a whole number of RFC 8259, ≤ AT_JSON_NUMBER_MAX bytes. */
double at_json_parse_double(struct at_bytes text);
float at_json_parse_float(struct at_bytes text);

/* Return the length, ≤ AT_JSON_NUMBER_ROOM; no NUL. value is finite. */
size_t at_json_print_double(double value, char *out);
size_t at_json_print_float(float value, char *out);
size_t at_json_print_u64(uint64_t value, char *out);
size_t at_json_print_i64(int64_t value, char *out);

/* 10^k is about (high × 2^64 + low) × 2^(at_json_log2_of_power(k) - 127), cut off below. */
struct at_json_power {
    uint64_t high;
    uint64_t low;
};

enum { AT_JSON_POWER_LOW = -342, AT_JSON_POWER_HIGH = 324 };

struct at_json_power at_json_power_of_ten(int k);

/* Is that exact? 5^55 is the last one with at most 128 bits. */
static inline bool at_json_power_is_exact(int k)
{
    return k >= 0 && k <= 55;
}

/* The whole part of log2(10^k), for |k| ≤ 1233. */
static inline int at_json_log2_of_power(int k)
{
    return (int)((int64_t)k * 1741647 >> 19);
}

#endif
