#include "pb/wire.h"

#include <stddef.h>
#include <stdint.h>

#include "pb/codec.h"
#include "pb/limits.h"

struct at_pb_varint at_pb_get_long_varint(const uint8_t *p, const uint8_t *end)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 7 * AT_PB_VARINT_MAX && p < end; shift += 7) {
        uint64_t byte = *p++;

        value |= (byte & 0x7F) << shift;
        if (byte < 0x80) {
            return (struct at_pb_varint){p, value};
        }
    }
    return (struct at_pb_varint){NULL, 0};
}

int at_pb_why(const uint8_t *p, const uint8_t *end)
{
    size_t left = p == NULL ? 0 : (size_t)(end - p);
    size_t i = 0;

    while (i < AT_PB_VARINT_MAX && i < left && p[i] >= 0x80) {
        i++;
    }
    return i == AT_PB_VARINT_MAX ? AT_PB_BAD_VARINT : AT_PB_TRUNCATED;
}

/* Over a value that is not a group; NULL: it is not complete. */
static const uint8_t *skip_value(const uint8_t *p, const uint8_t *end, uint64_t wire)
{
    uint64_t ignored;
    size_t len = wire == AT_PB_WIRE_FIXED64 ? 8 : 4;

    if (wire == AT_PB_WIRE_VARINT) {
        return at_pb_read_varint(p, end, &ignored);
    }
    if (wire == AT_PB_WIRE_LENGTH) {
        p = at_pb_read_length(p, end, &len);
        return p == NULL ? NULL : p + len;
    }
    return len > (size_t)(end - p) ? NULL : p + len;
}

static bool is_tag(uint64_t tag)
{
    return tag >> 3 != 0 && tag >> 3 <= AT_PB_FIELD_NUMBER_MAX && (tag & 7) <= AT_PB_WIRE_FIXED32;
}

const uint8_t *at_pb_skip_within(const uint8_t *p, const uint8_t *end, uint64_t tag, size_t levels,
                                 int *ret_result)
{
    __attribute__((uninitialized)) uint64_t open[AT_PB_DEPTH_MAX - 1]; /* numbers of open groups */
    size_t depth = 0;

    for (;;) {
        const uint8_t *at = p;

        if (!is_tag(tag)) {
            *ret_result = AT_PB_BAD_TAG;
            return NULL;
        }
        if ((tag & 7) == AT_PB_WIRE_GROUP) {
            if (depth == levels || depth == sizeof(open) / sizeof(open[0])) {
                *ret_result = AT_PB_TOO_DEEP;
                return NULL;
            }
            open[depth++] = tag >> 3;
        } else if ((tag & 7) == AT_PB_WIRE_GROUP_END) {
            if (depth == 0 || open[depth - 1] != tag >> 3) {
                *ret_result = AT_PB_BAD_GROUP;
                return NULL;
            }
            depth--;
        } else {
            p = skip_value(at, end, tag & 7);
            if (p == NULL) {
                *ret_result = at_pb_why(at, end);
                return NULL;
            }
        }
        if (depth == 0) {
            return p;
        }
        at = p;
        p = at_pb_read_varint(at, end, &tag);
        if (p == NULL) {
            *ret_result = at_pb_why(at, end);
            return NULL;
        }
        tag = at_pb_tag_is_long(at, p) ? 0 : tag;
    }
}

const uint8_t *at_pb_skip(const uint8_t *p, const uint8_t *end, uint64_t tag, int *ret_result)
{
    return at_pb_skip_within(p, end, tag, AT_PB_DEPTH_MAX - 1, ret_result);
}
