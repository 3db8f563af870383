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

/*
 * Has a meaning of its own in a string: the quote, the backslash, what is below a blank. For
 * writers (`del`) also DEL, which a terminal obeys.
 */
static inline bool at_json_is_special(uint8_t c, bool del)
{
    return c < 0x20 || c == '"' || c == '\\' || (del && c == 0x7F);
}

/* Not 0 when a byte of the eight is special or above 127. */
static inline uint64_t at_json_odd_of_8(uint64_t v, bool del)
{
    const uint64_t ones = 0x0101010101010101U;
    uint64_t quote = v ^ ones * '"';
    uint64_t backslash = v ^ ones * '\\';
    uint64_t odd = v | (v - ones * 0x20) | (quote - ones) | (backslash - ones);

    return (del ? odd | (v + ones) : odd) & ones << 7;
}

#if defined(__SSE2__)
/* A bit for each special byte of 16; *ret_high: a bit for each that is above 127. */
static inline uint32_t at_json_specials(const void *p, bool del, uint32_t *ret_high)
{
    __m128i v = _mm_loadu_si128(p);
    __m128i special =
        _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));

    special = _mm_or_si128(special, _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v));
    if (del) {
        special = _mm_or_si128(special, _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7F)));
    }
    *ret_high = (uint32_t)_mm_movemask_epi8(v);
    return (uint32_t)_mm_movemask_epi8(special);
}

static inline const uint8_t *at_json_plain_blocks(const uint8_t *p, const uint8_t *end, bool del,
                                                  bool *high)
{
    while (end - p >= 16) {
        uint32_t high_bits;
        uint32_t special = at_json_specials(p, del, &high_bits);

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
static inline const uint8_t *at_json_plain_blocks(const uint8_t *p, const uint8_t *end, bool del,
                                                  bool *high)
{
    (void)high;
    while (end - p >= 8) {
        uint64_t v;

        memcpy(&v, p, sizeof(v));
        if (at_json_odd_of_8(v, del) != 0) {
            break; /* the caller goes on byte by byte: correct, and slow beyond ASCII */
        }
        p += 8;
    }
    return p;
}
#endif

/* The first special byte in [p, end), or end. *high becomes true when one before it is above 127. */
static inline const uint8_t *at_json_plain_end(const uint8_t *p, const uint8_t *end, bool del,
                                               bool *high)
{
    p = at_json_plain_blocks(p, end, del, high);
    while (p < end && !at_json_is_special(*p, del)) {
        *high = *high || *p >= 0x80;
        p++;
    }
    return p;
}

/* Up to eight bytes as one word, blanks where there are none. */
static inline uint64_t at_json_load_few(const uint8_t *p, size_t n)
{
    uint32_t first;
    uint32_t last;

    if (n >= 4) {
        memcpy(&first, p, 4);
        memcpy(&last, p + n - 4, 4);
        return first | (uint64_t)last << 32;
    }
    return n == 0 ? 0x2020202020202020U
                  : 0x2020202020000000U | p[0] | (uint32_t)p[n / 2] << 8 | (uint32_t)p[n - 1] << 16;
}

/* Are the n bytes at p those at q, and ASCII that stands in a JSON string as it is? */
static inline bool at_json_is_plain_copy(const uint8_t *p, const uint8_t *q, size_t n)
{
    uint64_t a;
    uint64_t b;

    if (n < 8) {
        a = at_json_load_few(p, n);
        return a == at_json_load_few(q, n) && at_json_odd_of_8(a, false) == 0;
    }
    for (size_t i = 0; n - i > 8; i += 8) {
        memcpy(&a, p + i, 8);
        memcpy(&b, q + i, 8);
        if (a != b || at_json_odd_of_8(a, false) != 0) {
            return false;
        }
    }
    memcpy(&a, p + n - 8, 8);
    memcpy(&b, q + n - 8, 8);
    return a == b && at_json_odd_of_8(a, false) == 0;
}

static inline void at_json_copy_few(char *out, const uint8_t *p, size_t n)
{
    if (n >= 4) {
        uint32_t last;

        memcpy(&last, p + n - 4, 4);
        memcpy(out, p, 4);
        memcpy(out + n - 4, &last, 4);
    } else if (n > 0) {
        out[0] = (char)p[0];
        out[n / 2] = (char)p[n / 2];
        out[n - 1] = (char)p[n - 1];
    }
}

/*
 * Copies n bytes that need no escape and are ASCII. False: one is not, and what was written is of
 * no use. Pieces of 8 and less may overlap, so that there is no loop for the rest.
 */
static inline __attribute__((always_inline)) bool at_json_copy_plain(char *out, const uint8_t *p,
                                                                     size_t n)
{
    uint64_t v;
    size_t i = 0;

    if (n < 8) {
        at_json_copy_few(out, p, n);
        return at_json_odd_of_8(at_json_load_few(p, n), true) == 0;
    }
#if defined(__SSE2__)
    for (; n - i > 16; i += 16) {
        uint32_t high;

        if ((at_json_specials(p + i, true, &high) | high) != 0) {
            return false;
        }
        memcpy(out + i, p + i, 16);
    }
#endif
    for (; n - i > 8; i += 8) {
        memcpy(&v, p + i, 8);
        if (at_json_odd_of_8(v, true) != 0) {
            return false;
        }
        memcpy(out + i, &v, 8);
    }
    memcpy(&v, p + n - 8, 8);
    memcpy(out + n - 8, &v, 8);
    return at_json_odd_of_8(v, true) == 0;
}

#endif
