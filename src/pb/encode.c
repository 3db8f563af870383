/*
 * Encoding, backwards: the last byte first. When a nested message is finished its length is simply
 * how far we came, so no sizes are computed beforehand or remembered. One body serves two uses:
 * with `dry` nothing is written and only the count remains.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/limits.h"
#include "pb/table.h"
#include "pb/wire.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

struct out {
    uint8_t *end; /* of the buffer */
    size_t cap;
    size_t len; /* bytes at the end that are written */
    int result;
    bool dry;
};

struct frame {
    const struct atoll_message_desc *desc;
    const uint8_t *message;
    size_t end;    /* out->len when this message began, that is: ended */
    uint32_t next; /* fields below this index are still to do; field next - 1 is in work */
    size_t left;   /* elements of the repeated messages in work that are still to do */
};

/* Where the next n bytes go, or NULL: no room (or dry). */
ALWAYS_INLINE uint8_t *claim(struct out *o, size_t n)
{
    if (o->dry) {
        o->len += n;
        return NULL;
    }
    if (__builtin_expect(n > o->cap - o->len, 0)) {
        o->result = AT_PB_NO_ROOM;
        return NULL;
    }
    o->len += n;
    return o->end - o->len;
}

ALWAYS_INLINE size_t varint_size(uint64_t v)
{
    return ((size_t)(63 - __builtin_clzll(v | 1)) * 9 + 73) / 64;
}

ALWAYS_INLINE void put_varint(struct out *o, uint64_t v)
{
    size_t n = __builtin_expect(v < 0x80, 1) ? 1 : varint_size(v);
    uint8_t *p = claim(o, n);

    if (p == NULL) {
        return;
    }
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p = (uint8_t)v;
}

ALWAYS_INLINE void put_bytes(struct out *o, const void *at, size_t len)
{
    uint8_t *p = claim(o, len);

    if (p != NULL && len > 0) {
        memcpy(p, at, len);
    }
}

ALWAYS_INLINE uint64_t load_varint(uint8_t type, const void *value)
{
    switch (type) {
    case ATOLL_TYPE_INT64:
    case ATOLL_TYPE_UINT64: return *(const uint64_t *)value;
    case ATOLL_TYPE_SINT64: return at_pb_zigzag(*(const int64_t *)value);
    case ATOLL_TYPE_SINT32: return (uint32_t)at_pb_zigzag(*(const int32_t *)value);
    case ATOLL_TYPE_BOOL: return *(const uint8_t *)value != 0;
    case ATOLL_TYPE_UINT32: return *(const uint32_t *)value;
    default: return (uint64_t)(int64_t)*(const int32_t *)value; /* int32, enum: sign-extended */
    }
}

/*
 * A value without its tag; false: it is the zero of its type and `zero_too` is not set, so nothing
 * was written.
 */
ALWAYS_INLINE bool put_value(struct out *o, const struct atoll_field_desc *f, const void *value,
                             bool zero_too)
{
    const struct atoll_str *text = value;
    uint64_t v;

    switch (at_pb_type(f)) {
    case ATOLL_TYPE_STRING:
    case ATOLL_TYPE_BYTES:
        if (text->len == 0 && !zero_too) {
            return false;
        }
        if (!o->dry && at_pb_type(f) == ATOLL_TYPE_STRING &&
            !at_pb_is_utf8((const uint8_t *)text->at, text->len) &&
            (f->flags & ATOLL_FIELD_ANY_BYTES) == 0) {
            o->result = AT_PB_BAD_UTF8;
        }
        put_bytes(o, text->at, text->len);
        put_varint(o, text->len);
        return true;
    case ATOLL_TYPE_DOUBLE:
    case ATOLL_TYPE_FIXED64:
    case ATOLL_TYPE_SFIXED64:
        if (*(const uint64_t *)value == 0 && !zero_too) {
            return false;
        }
        put_bytes(o, value, 8);
        return true;
    case ATOLL_TYPE_FLOAT:
    case ATOLL_TYPE_FIXED32:
    case ATOLL_TYPE_SFIXED32:
        if (*(const uint32_t *)value == 0 && !zero_too) {
            return false;
        }
        put_bytes(o, value, 4);
        return true;
    default:
        v = load_varint(at_pb_type(f), value);
        if (v == 0 && !zero_too) {
            return false;
        }
        put_varint(o, v);
        return true;
    }
}

static inline __attribute__((always_inline)) void
put_repeated(struct out *o, const struct atoll_field_desc *f, const struct at_pb_array *array)
{
    size_t size = at_pb_scalar_size(at_pb_type(f));
    bool packed = at_pb_form(f) == ATOLL_FORM_PACKED;
    size_t end = o->len;

    for (size_t i = array->count; i > 0 && o->result == AT_PB_OK; i--) {
        (void)put_value(o, f, (const uint8_t *)array->at + (i - 1) * size, true);
        if (!packed) {
            put_varint(o, f->tag);
        }
    }
    if (packed && array->count > 0) {
        put_varint(o, o->len - end);
        put_varint(o, f->tag);
    }
}

ALWAYS_INLINE void put_unknown(struct out *o, const struct frame *frame)
{
    const struct atoll_unknown *last =
        *(const struct atoll_unknown *const *)(frame->message + frame->desc->unknown_offset);
    const struct atoll_unknown *piece = last;
    size_t total = 0;
    uint8_t *p;

    if (__builtin_expect(last == NULL, 1)) {
        return;
    }
    do {
        total += piece->bytes.len;
        piece = piece->next;
    } while (piece != last);
    p = claim(o, total);
    if (p == NULL) {
        return;
    }
    do {
        piece = piece->next;
        memcpy(p, piece->bytes.at, piece->bytes.len);
        p += piece->bytes.len;
    } while (piece != last);
}

ALWAYS_INLINE bool is_set(const struct atoll_field_desc *f, const uint8_t *message)
{
    if (at_pb_form(f) == ATOLL_FORM_OPTIONAL) {
        return *(message + f->presence) != 0;
    }
    return *(const uint32_t *)(message + f->presence) == at_pb_number(f);
}

/*
 * The field in work: a value is written, or the nested message to begin with is returned (the last
 * element of repeated ones); NULL: the field is done.
 */
ALWAYS_INLINE const uint8_t *put_field(struct out *o, struct frame *frame,
                                       const struct atoll_field_desc *f)
{
    const uint8_t *value = frame->message + f->offset;

    if (at_pb_is_repeated(f)) {
        const struct at_pb_array *array = (const struct at_pb_array *)value;

        if (at_pb_type(f) != ATOLL_TYPE_MESSAGE) {
            put_repeated(o, f, array);
            return NULL;
        }
        if (array->count == 0) {
            return NULL;
        }
        frame->left = array->count - 1;
        return (const uint8_t *)array->at + frame->left * at_pb_value_size(frame->desc, f);
    }
    if (at_pb_form(f) != ATOLL_FORM_IMPLICIT && !is_set(f, frame->message)) {
        return NULL;
    }
    if (at_pb_type(f) == ATOLL_TYPE_MESSAGE) {
        frame->left = 0;
        return *(const uint8_t *const *)value;
    }
    if (put_value(o, f, value, at_pb_form(f) != ATOLL_FORM_IMPLICIT)) {
        put_varint(o, f->tag);
    }
    return NULL;
}

/* The nested message is complete: its length and tag, and the element before it, or NULL. */
ALWAYS_INLINE const uint8_t *close_nested(struct out *o, struct frame *parent, size_t end)
{
    const struct atoll_field_desc *f = at_pb_field(parent->desc, parent->next - 1);
    const struct at_pb_array *array = (const struct at_pb_array *)(parent->message + f->offset);

    put_varint(o, o->len - end);
    put_varint(o, f->tag);
    if (parent->left == 0) {
        return NULL;
    }
    parent->left--;
    return (const uint8_t *)array->at + parent->left * at_pb_value_size(parent->desc, f);
}

ALWAYS_INLINE int encode(struct out *o, const struct atoll_message_desc *desc,
                         const uint8_t *message)
{
    __attribute__((uninitialized)) struct frame frames[AT_PB_DEPTH_MAX];
    struct frame *frame = frames;

    *frame = (struct frame){desc, message, 0, desc->field_count, 0};
    put_unknown(o, frame);
    for (;;) {
        const struct atoll_field_desc *f;
        const uint8_t *nested;

        if (__builtin_expect(o->result != AT_PB_OK, 0)) {
            return o->result;
        }
        if (frame->next > 0) {
            f = at_pb_field(frame->desc, frame->next - 1);
            nested = put_field(o, frame, f);
        } else if (frame == frames) {
            return o->len > AT_PB_MESSAGE_MAX ? AT_PB_TOO_BIG : AT_PB_OK;
        } else {
            size_t end = frame->end;

            frame--;
            f = at_pb_field(frame->desc, frame->next - 1);
            nested = close_nested(o, frame, end);
        }
        if (nested == NULL) {
            frame->next--;
            continue;
        }
        if (frame == &frames[AT_PB_DEPTH_MAX - 1]) {
            return AT_PB_TOO_DEEP;
        }
        desc = at_pb_sub(frame->desc, f);
        frame++;
        *frame = (struct frame){desc, nested, o->len, desc->field_count, 0};
        put_unknown(o, frame);
    }
}

int at_pb_encode(const struct atoll_message_desc *desc, const void *message, void *at, size_t cap,
                 struct at_bytes *ret)
{
    struct out o = {.end = (uint8_t *)at + cap, .cap = cap, .dry = false};
    int r = encode(&o, desc, message);

    if (r == AT_PB_OK) {
        *ret = at_bytes_over(o.end - o.len, o.len);
    }
    return r;
}

int at_pb_size(const struct atoll_message_desc *desc, const void *message, size_t *ret)
{
    struct out o = {.dry = true};
    int r = encode(&o, desc, message);

    if (r == AT_PB_OK) {
        *ret = o.len;
    }
    return r;
}

int at_pb_encode_in_arena(const struct atoll_message_desc *desc, const void *message,
                          struct at_arena *arena, struct at_bytes *ret)
{
    size_t len;
    void *at;
    int r = at_pb_size(desc, message, &len);

    if (r != AT_PB_OK) {
        return r;
    }
    at = at_arena_alloc(arena, len, 1);
    return at == NULL ? -ENOMEM : at_pb_encode(desc, message, at, len, ret);
}
