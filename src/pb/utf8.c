/*
 * UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. Steps over ASCII eight
 * bytes at a time, over all else a character at a time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "pb/wire.h"

static bool continues(uint8_t c)
{
    return (c & 0xC0) == 0x80;
}

/* Bytes of the well-formed character at p that is not ASCII; 0: it is none. */
static size_t wide_at(const uint8_t *p, size_t left)
{
    uint8_t lead = p[0];

    if (left < 2 || lead < 0xC2 || !continues(p[1])) {
        return 0;
    }
    if (lead < 0xE0) {
        return 2;
    }
    if (left < 3 || !continues(p[2])) {
        return 0;
    }
    if (lead < 0xF0) {
        bool bad = (lead == 0xE0 && p[1] < 0xA0) || (lead == 0xED && p[1] >= 0xA0);

        return bad ? 0 : 3;
    }
    if (left < 4 || lead > 0xF4 || !continues(p[3]) || (lead == 0xF0 && p[1] < 0x90) ||
        (lead == 0xF4 && p[1] >= 0x90)) {
        return 0;
    }
    return 4;
}

/* The high bits of the next bytes, at most eight; of a longer text the last ones are read over. */
static uint64_t high_bits(const uint8_t *p, size_t left, size_t len)
{
    uint64_t w = 0;

    if (left >= 8) {
        w = at_pb_load8(p);
    } else if (len >= 8) {
        w = at_pb_load8(p + left - 8) >> (64 - 8 * left);
    } else {
        memcpy(&w, p, left);
    }
    return w & 0x8080808080808080U;
}

bool at_pb_is_wide_utf8(const uint8_t *p, size_t len)
{
    size_t left = len;

    while (left > 0) {
        uint64_t high = high_bits(p, left, len);
        size_t n = left < 8 ? left : 8;

        if (high != 0) {
            size_t ascii = (size_t)__builtin_ctzll(high) / 8;

            n = wide_at(p + ascii, left - ascii);
            if (n == 0) {
                return false;
            }
            n += ascii;
        }
        p += n;
        left -= n;
    }
    return true;
}
