/*
 * Looking for the end of a run of plain characters in a JSON string, 16 or 8 bytes at a time. Inner
 * header of pb. Reads nothing beyond `end`.
 */
#ifndef AT_PB_JSON_SCAN_H
#define AT_PB_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Has a meaning of its own in a string: the quote, the backslash, what is below a blank. */
static inline bool at_json_is_special(uint8_t c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

#if defined(__SSE2__)
/* A bit for each special byte of 16; *ret_high: a bit for each that is above 127. */
static inline uint32_t at_json_specials(const uint8_t *p, uint32_t *ret_high)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v);

    *ret_high = (uint32_t)_mm_movemask_epi8(v);
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control));
}

static inline const uint8_t *at_json_plain_blocks(const uint8_t *p, const uint8_t *end, bool *high)
{
    while (end - p >= 16) {
        uint32_t high_bits;
        uint32_t special = at_json_specials(p, &high_bits);

        if (special != 0) {
            *high = *high || (high_bits & ((special & -special) - 1)) != 0;
            return p + __builtin_ctz(special);
        }
        *high = *high || high_bits != 0;
        p += 16;
    }
    return p;
}
#else
/* Non-zero when a byte of the eight is special; stops there, the caller looks for the byte. */
static inline uint64_t at_json_specials(uint64_t v)
{
    const uint64_t ones = 0x0101010101010101U;
    uint64_t quote = v ^ ones * '"';
    uint64_t backslash = v ^ ones * '\\';

    return (((v - ones * 0x20) & ~v) | ((quote - ones) & ~quote) |
            ((backslash - ones) & ~backslash)) &
           ones << 7;
}

static inline const uint8_t *at_json_plain_blocks(const uint8_t *p, const uint8_t *end, bool *high)
{
    while (end - p >= 8) {
        uint64_t v;

        memcpy(&v, p, sizeof(v));
        if (at_json_specials(v) != 0) {
            break;
        }
        *high = *high || (v & 0x8080808080808080U) != 0;
        p += 8;
    }
    return p;
}
#endif

/* The first special byte in [p, end), or end. *high becomes true when one before it is above 127. */
static inline const uint8_t *at_json_plain_end(const uint8_t *p, const uint8_t *end, bool *high)
{
    p = at_json_plain_blocks(p, end, high);
    while (p < end && !at_json_is_special(*p)) {
        *high = *high || *p >= 0x80;
        p++;
    }
    return p;
}

#endif
