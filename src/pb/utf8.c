/*
 * UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. Steps over ASCII eight
 * bytes at a time, over all else a character at a time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

bool at_pb_is_wide_utf8(const uint8_t *p, size_t len)
{
    const uint8_t *end = p + len;

    while (p < end) {
        size_t n;

        if (end - p >= 8) {
            uint64_t high = at_pb_load8(p) & 0x8080808080808080U;

            if (high == 0) {
                p += 8;
                continue;
            }
            p += (size_t)__builtin_ctzll(high) / 8;
        }
        n = *p < 0x80 ? 1 : wide_at(p, (size_t)(end - p));
        if (n == 0) {
            return false;
        }
        p += n;
    }
    return true;
}
