/*
 * Decoding: one loop, one explicit stack of frames. A frame is a message that is being filled; the
 * input decides how many there are, up to AT_PB_DEPTH_MAX.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/limits.h"
#include "pb/table.h"
#include "pb/wire.h"

struct frame {
    const struct atoll_message_desc *desc;
    uint8_t *message;
    const uint8_t *end;
    const struct atoll_field_desc *field; /* of the frame below, through which we came here */
};

struct decoder {
    const uint8_t *start;
    struct at_arena *arena;
    int result;           /* why a step returned NULL */
    const uint8_t *wrong; /* where */
    const struct atoll_field_desc *wrong_field;
    size_t depth; /* of the frame in work */
    struct frame frames[AT_PB_DEPTH_MAX];
};

static const uint8_t *fail(struct decoder *d, int result, const uint8_t *at)
{
    d->result = result;
    d->wrong = at;
    return NULL;
}

/* How many fields with this tag follow each other; p stands behind the first one's tag. */
static size_t count_run(const uint8_t *p, const uint8_t *end, uint32_t tag)
{
    size_t n = 0;
    size_t len;
    uint64_t next = tag;

    while (next == tag) {
        p = at_pb_read_length(p, end, &len);
        n++;
        if (p == NULL || p + len == end) {
            break;
        }
        p = at_pb_read_varint(p + len, end, &next);
        if (p == NULL) {
            break;
        }
    }
    return n;
}

static void *append(struct decoder *d, const struct atoll_field_desc *f, struct at_pb_array *array,
                    const uint8_t *p, const uint8_t *end)
{
    const struct atoll_message_desc *desc = d->frames[d->depth].desc;
    size_t cap = array->at == NULL ? 0 : at_pb_growth_of(array)->cap;
    size_t expected = 4;
    void *slot;
    int r;

    if (array->count >= cap && (f->tag & 7) == AT_PB_WIRE_LENGTH) {
        expected = count_run(p, end, f->tag);
    }
    r = at_pb_array_append(array, at_pb_value_size(desc, f), expected, d->arena, &slot);
    if (r != 0) {
        d->result = r;
        d->wrong = p;
        return NULL;
    }
    return slot;
}

static inline void mark_present(const struct atoll_field_desc *f, uint8_t *message, uint8_t *value)
{
    if (at_pb_form(f) == ATOLL_FORM_OPTIONAL) {
        *(bool *)(message + f->presence) = true;
    } else if (at_pb_form(f) == ATOLL_FORM_ONEOF) {
        uint32_t *which = (uint32_t *)(message + f->presence);

        if (*which != at_pb_number(f)) {
            *which = at_pb_number(f);
            if (at_pb_type(f) == ATOLL_TYPE_MESSAGE) {
                *(void **)value = NULL; /* what another member left in the union */
            }
        }
    }
}

/* One varint as the value of a field of this type. */
static inline void store_varint(uint8_t type, uint64_t v, void *value)
{
    switch (type) {
    case ATOLL_TYPE_INT64:
    case ATOLL_TYPE_UINT64: memcpy(value, &v, 8); break;
    case ATOLL_TYPE_SINT64: *(int64_t *)value = at_pb_unzigzag(v); break;
    case ATOLL_TYPE_SINT32: *(int32_t *)value = (int32_t)at_pb_unzigzag((uint32_t)v); break;
    case ATOLL_TYPE_BOOL: *(bool *)value = v != 0; break;
    default: *(uint32_t *)value = (uint32_t)v; break; /* int32, uint32, enum: the low half */
    }
}

static const uint8_t *read_text(struct decoder *d, const struct atoll_field_desc *f,
                                const uint8_t *p, const uint8_t *end, struct atoll_str *value)
{
    const uint8_t *at = p;
    size_t len;

    p = at_pb_read_length(p, end, &len);
    if (p == NULL) {
        return fail(d, at_pb_why(at, end), at);
    }
    if (at_pb_type(f) == ATOLL_TYPE_STRING && !at_pb_is_utf8(p, len) &&
        (f->flags & ATOLL_FIELD_ANY_BYTES) == 0) {
        return fail(d, AT_PB_BAD_UTF8, p);
    }
    value->at = (const char *)p;
    value->len = len;
    return p + len;
}

/* The value of a field that is no message, in the wire type that its tag says. */
static inline __attribute__((always_inline)) const uint8_t *
read_value(struct decoder *d, const struct atoll_field_desc *f, const uint8_t *p,
           const uint8_t *end, void *value)
{
    const uint8_t *at = p;
    uint64_t v;
    size_t size = 4;

    switch (at_pb_type(f)) {
    case ATOLL_TYPE_STRING:
    case ATOLL_TYPE_BYTES: return read_text(d, f, p, end, value);
    case ATOLL_TYPE_DOUBLE:
    case ATOLL_TYPE_FIXED64:
    case ATOLL_TYPE_SFIXED64: size = 8; __attribute__((fallthrough));
    case ATOLL_TYPE_FLOAT:
    case ATOLL_TYPE_FIXED32:
    case ATOLL_TYPE_SFIXED32:
        if (size > (size_t)(end - p)) {
            return fail(d, AT_PB_TRUNCATED, at);
        }
        memcpy(value, p, size);
        return p + size;
    default:
        p = at_pb_read_varint(p, end, &v);
        if (p == NULL) {
            return fail(d, at_pb_why(at, end), at);
        }
        store_varint(at_pb_type(f), v, value);
        return p;
    }
}

static bool is_scalar(uint8_t type)
{
    return type != ATOLL_TYPE_STRING && type != ATOLL_TYPE_BYTES && type != ATOLL_TYPE_MESSAGE &&
           type != ATOLL_TYPE_GROUP;
}

static uint32_t scalar_wire(uint8_t type)
{
    switch (type) {
    case ATOLL_TYPE_DOUBLE:
    case ATOLL_TYPE_FIXED64:
    case ATOLL_TYPE_SFIXED64: return AT_PB_WIRE_FIXED64;
    case ATOLL_TYPE_FLOAT:
    case ATOLL_TYPE_FIXED32:
    case ATOLL_TYPE_SFIXED32: return AT_PB_WIRE_FIXED32;
    default: return AT_PB_WIRE_VARINT;
    }
}

/* How many varints the bytes hold, or 0 when the last one is not complete. */
static size_t count_varints(const uint8_t *p, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        n += p[i] < 0x80;
    }
    return len > 0 && p[len - 1] >= 0x80 ? 0 : n;
}

/* All values of one packed field behind its tag. */
static const uint8_t *read_packed(struct decoder *d, const struct atoll_field_desc *f,
                                  const uint8_t *p, const uint8_t *end, struct at_pb_array *array)
{
    const uint8_t *at = p;
    size_t size = at_pb_scalar_size(at_pb_type(f));
    bool is_varint = scalar_wire(at_pb_type(f)) == AT_PB_WIRE_VARINT;
    size_t len;
    size_t n;

    p = at_pb_read_length(p, end, &len);
    if (p == NULL) {
        return fail(d, at_pb_why(at, end), at);
    }
    n = is_varint ? count_varints(p, len) : len / size;
    if (len > 0 && (n == 0 || (!is_varint && n * size != len))) {
        return fail(d, is_varint ? AT_PB_TRUNCATED : AT_PB_BAD_LENGTH, p);
    }
    end = p + len;
    while (p < end) {
        void *slot;
        int r = at_pb_array_append(array, size, n--, d->arena, &slot);

        if (r != 0) {
            return fail(d, r, p);
        }
        p = read_value(d, f, p, end, slot);
        if (p == NULL) {
            array->count--;
            return NULL;
        }
    }
    return p;
}

/* Keeps the bytes of a field that the table does not know. */
static const uint8_t *keep_unknown(struct decoder *d, const struct frame *frame,
                                   const uint8_t *field_at, const uint8_t *p, uint64_t tag)
{
    struct atoll_unknown **last =
        (struct atoll_unknown **)(frame->message + frame->desc->unknown_offset);
    struct atoll_unknown *piece;
    int result;

    p = at_pb_skip(p, frame->end, tag, &result);
    if (p == NULL) {
        return fail(d, result, field_at);
    }
    if (*last != NULL && (*last)->bytes.at + (*last)->bytes.len == (const char *)field_at) {
        (*last)->bytes.len += (size_t)(p - field_at);
        return p;
    }
    piece = at_arena_alloc(d->arena, sizeof(*piece), 8);
    if (piece == NULL) {
        return fail(d, -ENOMEM, field_at);
    }
    piece->bytes = (struct atoll_str){(const char *)field_at, (size_t)(p - field_at)};
    piece->next = *last == NULL ? piece : (*last)->next;
    if (*last != NULL) {
        (*last)->next = piece;
    }
    *last = piece;
    return p;
}

/* A tag that is not what the table expects: packed otherwise than declared, or unknown. */
static const uint8_t *read_odd(struct decoder *d, const struct atoll_field_desc *f,
                               const uint8_t *field_at, const uint8_t *p, uint64_t tag)
{
    const struct frame *frame = &d->frames[d->depth];
    void *slot;

    if (f == NULL || !at_pb_is_repeated(f) || !is_scalar(at_pb_type(f)) || tag > UINT32_MAX) {
        return keep_unknown(d, frame, field_at, p, tag);
    }
    if ((tag & 7) == AT_PB_WIRE_LENGTH) {
        return read_packed(d, f, p, frame->end, (struct at_pb_array *)(frame->message + f->offset));
    }
    if ((tag & 7) != scalar_wire(at_pb_type(f))) {
        return keep_unknown(d, frame, field_at, p, tag);
    }
    slot = append(d, f, (struct at_pb_array *)(frame->message + f->offset), p, frame->end);
    return slot == NULL ? NULL : read_value(d, f, p, frame->end, slot);
}

/* Opens a frame for a nested message; value is its pointer, or the element itself. */
static const uint8_t *enter(struct decoder *d, const struct atoll_field_desc *f, const uint8_t *p,
                            const uint8_t *end, void *value)
{
    const uint8_t *at = p;
    const struct atoll_message_desc *of = at_pb_sub(d->frames[d->depth].desc, f);
    struct frame *frame = &d->frames[d->depth + 1];
    size_t len;
    void *message = value;

    if (at_pb_is_repeated(f)) {
        at_pb_init(of, message);
    } else {
        message = *(void **)value;
    }
    p = at_pb_read_length(p, end, &len);
    if (p == NULL) {
        return fail(d, at_pb_why(at, end), at);
    }
    if (d->depth + 1 == AT_PB_DEPTH_MAX) {
        return fail(d, AT_PB_TOO_DEEP, at);
    }
    if (message == NULL) {
        message = at_arena_alloc(d->arena, of->struct_size, 8);
        if (message == NULL) {
            return fail(d, -ENOMEM, at);
        }
        at_pb_init(of, message);
        *(void **)value = message;
    }
    *frame = (struct frame){of, message, p + len, f};
    d->depth++;
    return p;
}

/* A field with presence, or one more of a repeated one: where its value goes. NULL: d->result. */
static uint8_t *place(struct decoder *d, const struct atoll_field_desc *f, uint8_t *message,
                      const uint8_t *p, const uint8_t *end)
{
    uint8_t *value = message + f->offset;

    if (!at_pb_is_repeated(f)) {
        mark_present(f, message, value);
        return value;
    }
    value = append(d, f, (struct at_pb_array *)value, p, end);
    if (value != NULL &&
        (at_pb_type(f) == ATOLL_TYPE_STRING || at_pb_type(f) == ATOLL_TYPE_BYTES)) {
        *(struct atoll_str *)value = (struct atoll_str){0};
    }
    return value;
}

/* One field whose tag is as the table expects. *ret_entered: it opened a frame. */
static inline __attribute__((always_inline)) const uint8_t *
read_field(struct decoder *d, const struct atoll_field_desc *f, const struct frame *frame,
           const uint8_t *p, bool *ret_entered)
{
    uint8_t *value = frame->message + f->offset;

    if (at_pb_form(f) != ATOLL_FORM_IMPLICIT) {
        if (at_pb_form(f) == ATOLL_FORM_PACKED) {
            return read_packed(d, f, p, frame->end, (struct at_pb_array *)value);
        }
        value = place(d, f, frame->message, p, frame->end);
        if (value == NULL) {
            return NULL;
        }
    }
    if (at_pb_type(f) == ATOLL_TYPE_MESSAGE) {
        *ret_entered = true;
        return enter(d, f, p, frame->end, value);
    }
    return read_value(d, f, p, frame->end, value);
}

/*
 * The fields of one message, until it ends or a nested one begins. The frame is a copy: the
 * compiler may keep it in registers, which it must not do with what d points to.
 */
static inline __attribute__((always_inline)) const uint8_t *
read_fields(struct decoder *d, const struct frame frame, const uint8_t *p)
{
    bool entered = false;

    while (p != frame.end && !entered) {
        const struct atoll_field_desc *f;
        const uint8_t *field_at = p;
        uint64_t tag;

        p = at_pb_read_varint(p, frame.end, &tag);
        if (__builtin_expect(p == NULL, 0)) {
            d->wrong_field = NULL;
            return fail(d, at_pb_why(field_at, frame.end), field_at);
        }
        f = at_pb_find(frame.desc, (uint32_t)(tag >> 3));
        if (__builtin_expect(f != NULL && f->tag == tag, 1)) {
            p = read_field(d, f, &frame, p, &entered);
        } else {
            p = read_odd(d, f, field_at, p, tag);
        }
        if (__builtin_expect(p == NULL, 0)) {
            d->wrong_field = f;
            return NULL;
        }
    }
    return p;
}

static int decode(struct decoder *d, const uint8_t *p)
{
    for (;;) {
        p = read_fields(d, d->frames[d->depth], p);
        if (__builtin_expect(p == NULL, 0)) {
            return d->result;
        }
        while (p == d->frames[d->depth].end) {
            if (d->depth == 0) {
                return AT_PB_OK;
            }
            d->depth--;
        }
    }
}

static size_t add_step(char *out, size_t len, const struct frame *frame,
                       const struct atoll_field_desc *f)
{
    struct at_bytes name = at_pb_name(frame->desc, f);
    int n;

    if (len >= AT_PB_FIELD_PATH_MAX - 1) {
        return len;
    }
    n = snprintf(out + len, AT_PB_FIELD_PATH_MAX - len, "%s%.*s", len == 0 ? "" : ".",
                 (int)name.len, (const char *)name.at);
    len += n < 0 ? 0 : (size_t)n;
    if (at_pb_is_repeated(f) && len < AT_PB_FIELD_PATH_MAX - 1) {
        size_t count = ((const struct at_pb_array *)(frame->message + f->offset))->count;

        n = snprintf(out + len, AT_PB_FIELD_PATH_MAX - len, "[%zu]", count > 0 ? count - 1 : 0);
        len += n < 0 ? 0 : (size_t)n;
    }
    return len;
}

static void explain(const struct decoder *d, struct at_pb_fault *fault)
{
    size_t len = 0;

    *fault = (struct at_pb_fault){.offset = (size_t)(d->wrong - d->start)};
    for (size_t i = 1; i <= d->depth; i++) {
        len = add_step(fault->field, len, &d->frames[i - 1], d->frames[i].field);
    }
    if (d->wrong_field != NULL) {
        len = add_step(fault->field, len, &d->frames[d->depth], d->wrong_field);
    }
    (void)snprintf(fault->what, sizeof(fault->what), "%s%s %s, at byte %zu",
                   len == 0 ? "the message " : "field ",
                   len == 0 ? d->frames[0].desc->full_name : fault->field,
                   at_pb_result_text(d->result), fault->offset);
}

int at_pb_merge(const struct atoll_message_desc *desc, struct at_bytes in, struct at_arena *arena,
                void *message, struct at_pb_fault *fault)
{
    /* Zeroing the frames of a hundred messages would cost more than decoding a small one. */
    __attribute__((uninitialized)) struct decoder d;
    int r;

    if (in.len == 0) {
        return AT_PB_OK; /* in.at may be NULL */
    }
    d.start = in.at;
    d.arena = arena;
    d.depth = 0;
    d.result = AT_PB_OK;
    d.wrong = in.at;
    d.wrong_field = NULL;
    d.frames[0] = (struct frame){desc, message, in.at + in.len, NULL};
    r = d.result = in.len > AT_PB_MESSAGE_MAX ? AT_PB_TOO_BIG : decode(&d, in.at);
    if (r != AT_PB_OK && fault != NULL) {
        explain(&d, fault);
    }
    return r;
}

int at_pb_decode(const struct atoll_message_desc *desc, struct at_bytes in, struct at_arena *arena,
                 void *message, struct at_pb_fault *fault)
{
    at_pb_init(desc, message);
    return at_pb_merge(desc, in, arena, message, fault);
}
