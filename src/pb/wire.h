/*
 * Reading the protobuf wire format: varints, tags, and stepping over a field. Pure.
 *
 * Readers return the place behind what they read, or NULL; at_pb_why() then says why.
 */
#ifndef AT_PB_WIRE_H
#define AT_PB_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

enum at_pb_wire {
    AT_PB_WIRE_VARINT = 0,
    AT_PB_WIRE_FIXED64 = 1,
    AT_PB_WIRE_LENGTH = 2,
    AT_PB_WIRE_GROUP = 3,
    AT_PB_WIRE_GROUP_END = 4,
    AT_PB_WIRE_FIXED32 = 5,
};

enum { AT_PB_VARINT_MAX = 10 }; /* bytes of the longest varint */

const uint8_t *at_pb_read_long_varint(const uint8_t *p, const uint8_t *end, uint64_t *ret);

static inline const uint8_t *at_pb_read_varint(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
    if (__builtin_expect(p < end && *p < 0x80, 1)) {
        *ret = *p;
        return p + 1;
    }
    if (end - p >= 2 && p[1] < 0x80) {
        *ret = (uint64_t)(p[0] & 0x7F) | (uint64_t)p[1] << 7;
        return p + 2;
    }
    return at_pb_read_long_varint(p, end, ret);
}

/* A length prefix and that many bytes, borrowed. */
static inline const uint8_t *at_pb_read_length(const uint8_t *p, const uint8_t *end, size_t *ret)
{
    uint64_t len;

    p = at_pb_read_varint(p, end, &len);
    if (p == NULL || len > (uint64_t)(end - p)) {
        return NULL;
    }
    *ret = (size_t)len;
    return p;
}

/* Steps over the value behind `tag`; a group to its end. *ret_result is set when NULL. */
const uint8_t *at_pb_skip(const uint8_t *p, const uint8_t *end, uint64_t tag, int *ret_result);
/* Why a varint or a length at p could not be read: an at_pb_result. */
int at_pb_why(const uint8_t *p, const uint8_t *end);

/* Well-formed UTF-8, quick for ASCII. */
static inline bool at_pb_is_utf8(const uint8_t *p, size_t len)
{
    uint64_t high = 0;
    size_t i = 0;

    for (; i + 8 <= len; i += 8) {
        uint64_t word;

        memcpy(&word, p + i, 8);
        high |= word;
    }
    for (; i < len; i++) {
        high |= p[i];
    }
    return (high & 0x8080808080808080U) == 0 || at_bytes_is_utf8(at_bytes_over(p, len));
}

static inline uint64_t at_pb_zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t at_pb_unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

#endif
