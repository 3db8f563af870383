/*
 * Reading the protobuf wire format: varints, tags, and stepping over a field. Pure.
 *
 * Two ways to the same values: at_pb_read_…() return the place behind what they read, or NULL;
 * at_pb_get_…() give place and value in two registers, for the decoder's inner loop, where a value
 * whose address was taken would live in memory. at_pb_why() says why one of them gave NULL.
 */
#ifndef AT_PB_WIRE_H
#define AT_PB_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

/* For inner loops: a call would cost more than what is called. */
#define AT_PB_HOT static inline __attribute__((always_inline))
#define AT_PB_COLD __attribute__((noinline, cold))

enum at_pb_wire {
    AT_PB_WIRE_VARINT = 0,
    AT_PB_WIRE_FIXED64 = 1,
    AT_PB_WIRE_LENGTH = 2,
    AT_PB_WIRE_GROUP = 3,
    AT_PB_WIRE_GROUP_END = 4,
    AT_PB_WIRE_FIXED32 = 5,
};

enum {
    AT_PB_VARINT_MAX = 10, /* bytes of the longest varint */
    AT_PB_TAG_BYTES_MAX = 5,
};

struct at_pb_varint {
    const uint8_t *behind; /* NULL: not complete, or longer than 10 bytes */
    uint64_t value;
};

/* Byte by byte. Bits of the tenth byte above the 64th are dropped, as libprotobuf does. */
struct at_pb_varint at_pb_get_long_varint(const uint8_t *p, const uint8_t *end);

AT_PB_HOT uint64_t at_pb_load8(const void *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    return v;
}

AT_PB_HOT uint32_t at_pb_load4(const void *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return v;
}

/* For tags and lengths: nearly all have one byte, the rest two. */
AT_PB_HOT struct at_pb_varint at_pb_get_varint(const uint8_t *p, const uint8_t *end)
{
    if (__builtin_expect(p < end && *p < 0x80, 1)) {
        return (struct at_pb_varint){p + 1, *p};
    }
    if (end - p >= 2 && p[1] < 0x80) {
        return (struct at_pb_varint){p + 2, (uint64_t)(p[0] & 0x7F) | (uint64_t)p[1] << 7};
    }
    return at_pb_get_long_varint(p, end);
}

/* A tag has 32 bits: zeros above them make it no tag, as everywhere. behind may be NULL. */
AT_PB_HOT bool at_pb_tag_is_long(const uint8_t *p, const uint8_t *behind)
{
    return behind != NULL && behind - p > AT_PB_TAG_BYTES_MAX;
}

/* For values: from four bytes on eight at once, so that their number is no branch to guess. */
AT_PB_HOT struct at_pb_varint at_pb_get_value(const uint8_t *p, const uint8_t *end)
{
    uint64_t w;
    uint64_t stops;

    if (__builtin_expect(p < end && *p < 0x80, 1)) {
        return (struct at_pb_varint){p + 1, *p};
    }
    if (end - p < 8) {
        return at_pb_get_long_varint(p, end);
    }
    w = at_pb_load8(p);
    if ((w & 0x8000) == 0) {
        return (struct at_pb_varint){p + 2, (w & 0x7F) | (w >> 1 & 0x3F80)};
    }
    if ((w & 0x800000) == 0) {
        return (struct at_pb_varint){p + 3, (w & 0x7F) | (w >> 1 & 0x3F80) | (w >> 2 & 0x1FC000)};
    }
    stops = ~w & 0x8080808080808080U;
    if (__builtin_expect(stops == 0, 0)) {
        return at_pb_get_long_varint(p, end);
    }
    w &= (stops ^ (stops - 1)) & 0x7F7F7F7F7F7F7F7FU; /* up to the first byte that ends it */
    w = (w & 0x7F007F007F007F00U) >> 1 | (w & 0x007F007F007F007FU);
    w = (w & 0x3FFF00003FFF0000U) >> 2 | (w & 0x00003FFF00003FFFU);
    w = (w & 0x0FFFFFFF00000000U) >> 4 | (w & 0x000000000FFFFFFFU);
    return (struct at_pb_varint){p + ((size_t)__builtin_ctzll(stops) >> 3) + 1, w};
}

/* A length prefix; that many bytes are there. */
AT_PB_HOT struct at_pb_varint at_pb_get_length(const uint8_t *p, const uint8_t *end)
{
    struct at_pb_varint n = at_pb_get_varint(p, end);

    if (__builtin_expect(n.behind == NULL || n.value > (uint64_t)(end - n.behind), 0)) {
        return (struct at_pb_varint){NULL, 0};
    }
    return n;
}

static inline const uint8_t *at_pb_read_varint(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
    struct at_pb_varint n = at_pb_get_varint(p, end);

    if (n.behind != NULL) {
        *ret = n.value;
    }
    return n.behind;
}

/* A length prefix and that many bytes, borrowed. */
static inline const uint8_t *at_pb_read_length(const uint8_t *p, const uint8_t *end, size_t *ret)
{
    struct at_pb_varint n = at_pb_get_length(p, end);

    if (n.behind != NULL) {
        *ret = (size_t)n.value;
    }
    return n.behind;
}

/*
 * Steps over the value behind `tag`; a group to its end, with groups up to `levels` deep in each
 * other. *ret_result is set when NULL.
 */
const uint8_t *at_pb_skip_within(const uint8_t *p, const uint8_t *end, uint64_t tag, size_t levels,
                                 int *ret_result);
/* The same with as many levels as a whole message may have. */
const uint8_t *at_pb_skip(const uint8_t *p, const uint8_t *end, uint64_t tag, int *ret_result);
/* Why a varint or a length at p could not be read: an at_pb_result. */
int at_pb_why(const uint8_t *p, const uint8_t *end);

/* No byte above 0x7F. Loads overlap, which costs less than a loop over the last bytes. */
AT_PB_HOT bool at_pb_is_ascii(const uint8_t *p, size_t len)
{
    uint64_t all = 0;

    if (__builtin_expect(len >= 8, 1)) {
        all = at_pb_load8(p) | at_pb_load8(p + len - 8);
        for (size_t i = 8; i + 8 < len; i += 8) {
            all |= at_pb_load8(p + i);
        }
    } else if (len >= 4) {
        all = at_pb_load4(p) | at_pb_load4(p + len - 4);
    } else {
        for (size_t i = 0; i < len; i++) {
            all |= p[i];
        }
    }
    return (all & 0x8080808080808080U) == 0;
}

/* Well-formed UTF-8, for text that is known not to be all ASCII. */
bool at_pb_is_wide_utf8(const uint8_t *p, size_t len);

/* Well-formed UTF-8, quick for ASCII. */
static inline bool at_pb_is_utf8(const uint8_t *p, size_t len)
{
    return at_pb_is_ascii(p, len) || at_pb_is_wide_utf8(p, len);
}

AT_PB_HOT uint64_t at_pb_zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

AT_PB_HOT int64_t at_pb_unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* Forwards, to where AT_PB_VARINT_MAX bytes are free; the place behind it. */
static inline uint8_t *at_pb_write_varint(uint8_t *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) {
        *p++ = (uint8_t)(v | 0x80);
    }
    *p++ = (uint8_t)v;
    return p;
}

#endif
