/*
 * Encoding, backwards: the last byte first. When a nested message is finished its length is simply
 * how far we came, so no sizes are computed beforehand or remembered.
 *
 * Bytes go into a window, which is the caller's buffer as long as any field but a long text is sure
 * to fit. Then it is a small one of our own, which is emptied into the buffer as it fills; so only
 * one place asks whether there is room to the byte. Asked for a size alone, we empty it into
 * nothing.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/encoder.h"
#include "pb/limits.h"
#include "pb/required.h"
#include "pb/table.h"
#include "pb/wire.h"

#define UNLIKELY(x) __builtin_expect(!!(x), 0)

enum {
    LONG_TEXT = 128, /* longer ones are copied by the C library */
    FIELD_MAX =
        LONG_TEXT + 32, /* bytes that any other field may touch below the place to write at */
    WINDOW = 512,       /* bytes of our own window */
};

/* A message around the one in work. */
struct frame {
    const struct atoll_message_desc *desc;
    const uint8_t *message;
    const struct atoll_field_desc *field; /* through which we went down */
    size_t left;                          /* elements of its list that are still to do */
    size_t end;                           /* written() when the message below it began */
};

/* Where bytes go. Written: [real, end of the buffer), then what is in the window from p on. */
struct out {
    uint8_t *start; /* of the window */
    uint8_t *low;   /* above it there is room for any field but a long text */
    uint8_t *end;   /* of the window */
    uint8_t *real;  /* what was emptied of the window begins here; NULL: nothing is written */
    uint8_t *at;    /* beginning of the caller's buffer */
    size_t emptied; /* bytes that left the window, or the buffer's when it was the window */
    struct at_pb_refer *refer; /* NULL: everything is copied */
    int result;                /* why a step returned NULL */
    struct frame *frame; /* of the message in work: where the next one around a message goes */
    struct frame frames[AT_PB_DEPTH_MAX];
    uint8_t own[WINDOW];
};

static uint8_t *fail(struct out *o, int result)
{
    o->result = result;
    return NULL;
}

AT_PB_HOT size_t written(const struct out *o, const uint8_t *p)
{
    return o->emptied + (size_t)(o->end - p);
}

/* Empties the window. The new place to write at; NULL: no room. */
AT_PB_COLD static uint8_t *empty(struct out *o, const uint8_t *p)
{
    size_t n = (size_t)(o->end - p);

    o->emptied += n;
    if (o->end != o->own + WINDOW) { /* it was the buffer itself */
        o->real = o->end - n;
    } else if (o->real != NULL) {
        if (n > (size_t)(o->real - o->at)) {
            return fail(o, AT_PB_NO_ROOM);
        }
        o->real -= n;
        memcpy(o->real, p, n);
    }
    o->start = o->own;
    o->low = o->own + FIELD_MAX;
    o->end = o->own + WINDOW;
    return o->end;
}

/* Room for a field. NULL: there is none. */
AT_PB_HOT uint8_t *make_room(struct out *o, uint8_t *p)
{
    return UNLIKELY(p <= o->low) ? empty(o, p) : p;
}

AT_PB_HOT uint8_t *put_varint(uint8_t *p, uint64_t v)
{
    uint64_t w;
    unsigned spare;

    if (__builtin_expect(v < 0x80, 1)) {
        *--p = (uint8_t)v;
        return p;
    }
    if (v < 0x4000) {
        uint16_t two = (uint16_t)((v << 1 & 0x7F00) | (v & 0x7F) | 0x80);

        memcpy(p - 2, &two, 2);
        return p - 2;
    }
    if (v < 0x200000) {
        uint16_t two = (uint16_t)((v << 1 & 0x7F00) | (v & 0x7F) | 0x8080);

        p[-1] = (uint8_t)(v >> 14);
        memcpy(p - 3, &two, 2);
        return p - 3;
    }
    if (UNLIKELY(v >= (uint64_t)1 << 56)) { /* nine or ten bytes; ten when it is negative */
        *--p = (uint8_t)(v >> 63);
        p += v >> 63 == 0; /* not that one */
        *--p = (uint8_t)((v >> 56 & 0x7F) | (v >> 63 << 7));
        v = (v & 0x00FFFFFFFFFFFFFFU) | (uint64_t)1 << 56; /* eight bytes, none of them the last */
    }
    w = (v & 0x00FFFFFFF0000000U) << 4 | (v & 0x000000000FFFFFFFU);
    w = (w & 0x0FFFC0000FFFC000U) << 2 | (w & 0x00003FFF00003FFFU);
    w = (w & 0x3F803F803F803F80U) << 1 | (w & 0x007F007F007F007FU);
    if (UNLIKELY(v >= (uint64_t)1 << 56)) {
        w |= 0x8080808080808080U;
        memcpy(p - 8, &w, 8);
        return p - 8;
    }
    spare = (unsigned)__builtin_clzll(w) & ~7U; /* bits of the eight bytes that it does not need */
    w = (w | 0x8080808080808080U) << spare;
    /* The last byte has no continuation bit. */
    w &= 0x7FFFFFFFFFFFFFFFU;
    memcpy(p - 8, &w, 8);
    return p - (8 - spare / 8);
}

AT_PB_HOT uint8_t *put_tag(uint8_t *p, uint32_t tag)
{
    if (__builtin_expect(tag < 0x80, 1)) {
        *--p = (uint8_t)tag;
        return p;
    }
    return put_varint(p, tag);
}

/* A number or length, and in front of it the tag. */
AT_PB_HOT uint8_t *put_tagged(uint8_t *p, uint32_t tag, uint64_t v)
{
    if (__builtin_expect((v | tag) < 0x80, 1)) {
        p[-1] = (uint8_t)v;
        p[-2] = (uint8_t)tag;
        return p - 2;
    }
    return put_tag(put_varint(p, v), tag);
}

/* The number that goes out for a field of this type. */
AT_PB_HOT uint64_t load_number(unsigned type, const uint8_t *value)
{
    switch (type) {
    case ATOLL_TYPE_INT64:
    case ATOLL_TYPE_UINT64: return at_pb_load8(value);
    case ATOLL_TYPE_SINT64: return at_pb_zigzag(*(const int64_t *)value);
    case ATOLL_TYPE_SINT32: return (uint32_t)at_pb_zigzag(*(const int32_t *)value);
    case ATOLL_TYPE_BOOL: return *value != 0;
    case ATOLL_TYPE_UINT32: return at_pb_load4(value);
    default: return (uint64_t)(int64_t)*(const int32_t *)value; /* int32, enum: sign-extended */
    }
}

/*
 * Copies up to LONG_TEXT bytes and says whether all of them are ASCII. Loads and stores overlap,
 * which costs less than a loop over the last bytes.
 */
AT_PB_HOT bool copy_text(uint8_t *to, const uint8_t *from, size_t len)
{
    uint64_t all = 0;

    if (len >= 8) {
        const uint8_t *last = from + len - 8;

        all = at_pb_load8(last);
        memcpy(to + len - 8, &all, 8);
        for (; from < last; from += 8, to += 8) {
            uint64_t w = at_pb_load8(from);

            all |= w;
            memcpy(to, &w, 8);
        }
    } else if (len >= 4) {
        uint32_t first = at_pb_load4(from);
        uint32_t last = at_pb_load4(from + len - 4);

        memcpy(to, &first, 4);
        memcpy(to + len - 4, &last, 4);
        all = first | last;
    } else if (len > 0) {
        uint8_t first = from[0];
        uint8_t middle = from[len / 2];
        uint8_t last = from[len - 1];

        to[0] = first;
        to[len / 2] = middle;
        to[len - 1] = last;
        all = (uint64_t)(first | middle | last);
    }
    return (all & 0x8080808080808080U) == 0;
}

/* The same bytes where they are; the buffer goes on below as if they were not there. */
static uint8_t *put_reference(struct out *o, uint8_t *p, const void *at, size_t len)
{
    struct at_pb_refer *refer = o->refer;

    p = empty(o, p);
    if (p == NULL) {
        return NULL;
    }
    if (refer->made != NULL) {
        refer->made[refer->count] =
            (struct at_pb_reference){.text = at_bytes_over(at, len), .before = o->real};
    }
    refer->count++;
    refer->bytes += len;
    o->emptied += len;
    return p;
}

/* Bytes of any length, where the window may be too small for them. */
AT_PB_COLD static uint8_t *put_bytes(struct out *o, uint8_t *p, const void *at, size_t len)
{
    if (o->refer != NULL && len >= AT_PB_REFER_MIN &&
        (o->refer->may == NULL || o->refer->may(o->refer->user, at, len))) {
        return put_reference(o, p, at, len);
    }
    if (len > (size_t)(p - o->start)) {
        p = empty(o, p);
        if (p == NULL) {
            return NULL;
        }
    }
    if (len <= (size_t)(p - o->start)) {
        p -= len;
        memcpy(p, at, len);
        return p;
    }
    if (o->real != NULL) {
        if (len > (size_t)(o->real - o->at)) {
            return fail(o, AT_PB_NO_ROOM);
        }
        o->real -= len;
        memcpy(o->real, at, len);
    }
    o->emptied += len;
    return p;
}

/* May a text that is not all ASCII go out? */
static bool is_sendable(const struct atoll_field_desc *f, const struct atoll_str *text)
{
    return at_pb_type(f) != ATOLL_TYPE_STRING || (f->flags & ATOLL_FIELD_ANY_BYTES) != 0 ||
           at_pb_is_wide_utf8((const uint8_t *)text->at, text->len);
}

AT_PB_COLD static uint8_t *put_long_text(struct out *o, uint8_t *p,
                                         const struct atoll_field_desc *f,
                                         const struct atoll_str *text)
{
    if (!is_sendable(f, text)) {
        return fail(o, AT_PB_BAD_UTF8);
    }
    p = put_bytes(o, p, text->at, text->len);
    return p == NULL ? NULL : make_room(o, p);
}

/* The text, its length and tag. */
AT_PB_HOT uint8_t *put_text(struct out *o, uint8_t *p, const struct atoll_field_desc *f,
                            const struct atoll_str *text)
{
    size_t len = text->len;

    if (UNLIKELY(len > LONG_TEXT)) {
        p = put_long_text(o, p, f, text);
        return p == NULL ? NULL : put_tagged(p, f->tag, len);
    }
    p -= len;
    if (UNLIKELY(!copy_text(p, (const uint8_t *)text->at, len)) && !is_sendable(f, text)) {
        return fail(o, AT_PB_BAD_UTF8);
    }
    return put_tagged(p, f->tag, len);
}

/* One element of any type but messages, with its tag unless it is packed. NULL: failed. */
static uint8_t *put_element(struct out *o, uint8_t *p, const struct atoll_field_desc *f,
                            const uint8_t *value, bool packed)
{
    unsigned type = at_pb_type(f);

    p = make_room(o, p);
    if (UNLIKELY(p == NULL)) {
        return NULL;
    }
    switch (type) {
    case ATOLL_TYPE_STRING:
    case ATOLL_TYPE_BYTES: return put_text(o, p, f, (const struct atoll_str *)value);
    case ATOLL_TYPE_DOUBLE:
    case ATOLL_TYPE_FIXED64:
    case ATOLL_TYPE_SFIXED64: p = memcpy(p - 8, value, 8); break;
    case ATOLL_TYPE_FLOAT:
    case ATOLL_TYPE_FIXED32:
    case ATOLL_TYPE_SFIXED32: p = memcpy(p - 4, value, 4); break;
    default: p = put_varint(p, load_number(type, value)); break;
    }
    return packed ? p : put_tag(p, f->tag);
}

/* A list of anything but messages. NULL: failed. */
static uint8_t *put_list(struct out *o, uint8_t *p, const struct atoll_field_desc *f,
                         const struct at_pb_array *array)
{
    bool packed = at_pb_form(f) == ATOLL_FORM_PACKED;
    size_t size = at_pb_scalar_size(at_pb_type(f));
    size_t end = written(o, p);

    for (size_t i = array->count; i > 0; i--) {
        p = put_element(o, p, f, (const uint8_t *)array->at + (i - 1) * size, packed);
        if (p == NULL) {
            return NULL;
        }
    }
    if (!packed) {
        return p;
    }
    p = make_room(o, p);
    return p == NULL ? NULL : put_tagged(p, f->tag, written(o, p) - end);
}

/* The ring leads forward, so its place is made first. NULL: no room. */
AT_PB_COLD static uint8_t *put_unknown(struct out *o, uint8_t *p, const struct atoll_unknown *last)
{
    const struct atoll_unknown *piece = last;
    size_t total = 0;
    uint8_t *to;

    do {
        piece = piece->next;
        total += piece->bytes.len;
    } while (piece != last);
    if (total > (size_t)(p - o->start)) {
        p = empty(o, p);
        if (p == NULL || (o->real != NULL && total > (size_t)(o->real - o->at))) {
            return fail(o, AT_PB_NO_ROOM);
        }
        o->emptied += total;
        to = o->real == NULL ? NULL : o->real - total;
        o->real = to;
    } else {
        p -= total;
        to = p;
    }
    for (piece = last->next; to != NULL; piece = piece->next) {
        memcpy(to, piece->bytes.at, piece->bytes.len);
        to = piece == last ? NULL : to + piece->bytes.len;
    }
    return p;
}

/* The message in work. Only passed to functions that become part of the loop: it lives in registers. */
struct work {
    const struct atoll_message_desc *desc;
    const uint8_t *message;
    const struct atoll_field_desc *field; /* this one and those behind it are done */
    const struct atoll_field_desc *first; /* of the table */
};

/* Begins with a message, at its end. NULL: failed. */
AT_PB_HOT uint8_t *begin(struct out *o, struct work *w, uint8_t *p,
                         const struct atoll_message_desc *desc, const uint8_t *message)
{
    const struct atoll_unknown *unknown =
        *(const struct atoll_unknown *const *)(message + desc->unknown_offset);

    w->desc = desc;
    w->message = message;
    /* A message without fields may have no array to point behind. */
    w->first = desc->fields;
    w->field = desc->field_count == 0 ? desc->fields : desc->fields + desc->field_count;
    if (UNLIKELY((desc->flags & ATOLL_MESSAGE_HAS_REQUIRED) != 0) &&
        !at_pb_has_required(desc, message)) {
        return fail(o, AT_PB_MISSING);
    }
    return UNLIKELY(unknown != NULL) ? put_unknown(o, p, unknown) : p;
}

/*
 * Does a value of zero go out? Where presence says so; and in entries of maps, as from everybody
 * else, though it means the same.
 */
AT_PB_HOT bool sends_zero(const struct work *w, const struct atoll_field_desc *f)
{
    return f->kind >= ATOLL_FORM_OPTIONAL << 5 || (w->desc->flags & ATOLL_MESSAGE_MAP_ENTRY) != 0;
}

AT_PB_HOT uint8_t *put_number(const struct work *w, const struct atoll_field_desc *f, uint8_t *p,
                              uint64_t v)
{
    if (v == 0 && !sends_zero(w, f)) {
        return p;
    }
    return put_tagged(p, f->tag, v);
}

AT_PB_HOT uint8_t *put_fixed(const struct work *w, const struct atoll_field_desc *f, uint8_t *p,
                             uint64_t v, size_t size)
{
    if (v == 0 && !sends_zero(w, f)) {
        return p;
    }
    memcpy(p - size, &v, size);
    return put_tag(p - size, f->tag);
}

AT_PB_HOT bool is_absent(const struct work *w, const struct atoll_field_desc *f)
{
    const uint8_t *presence = w->message + f->presence;

    switch (f->kind >> 5) {
    case ATOLL_FORM_OPTIONAL: return *presence == 0;
    case ATOLL_FORM_ONEOF: return *(const uint32_t *)presence != at_pb_number(f);
    case ATOLL_FORM_IMPLICIT: return false;
    default: return ((const struct at_pb_array *)(w->message + f->offset))->count == 0;
    }
}

/* The message to begin with for this field: of a list the last one. *ret_left: how many are before. */
AT_PB_HOT const uint8_t *message_of(const struct work *w, const struct atoll_field_desc *f,
                                    size_t *ret_left)
{
    const uint8_t *value = w->message + f->offset;
    const struct at_pb_array *array = (const struct at_pb_array *)value;

    *ret_left = 0;
    if (f->kind < ATOLL_FORM_REPEATED << 5) {
        return *(const uint8_t *const *)value;
    }
    *ret_left = array->count - 1;
    return (const uint8_t *)array->at + *ret_left * w->desc->types[f->of].message->struct_size;
}

/* Begins with the message, or the last of the messages, that the field holds. NULL: failed. */
AT_PB_HOT uint8_t *go_down(struct out *o, struct work *w, const struct atoll_field_desc *f,
                           uint8_t *p)
{
    struct frame *frame = o->frame;
    const uint8_t *below = message_of(w, f, &frame->left);

    if (below == NULL) { /* an entry at the last level has no room for a value */
        return (w->desc->flags & ATOLL_MESSAGE_MAP_ENTRY) != 0 &&
                       frame < &o->frames[AT_PB_DEPTH_MAX - 1]
                   ? put_tagged(p, f->tag, 0)
                   : p;
    }
    if (UNLIKELY(frame == &o->frames[AT_PB_DEPTH_MAX - 1])) {
        return fail(o, AT_PB_TOO_DEEP);
    }
    o->frame = frame + 1;
    if (UNLIKELY(at_pb_type(f) == ATOLL_TYPE_GROUP)) {
        p = put_varint(p, f->tag + AT_PB_WIRE_GROUP_END - AT_PB_WIRE_GROUP);
    }
    frame->desc = w->desc;
    frame->message = w->message;
    frame->field = f;
    frame->end = written(o, p);
    return begin(o, w, p, w->desc->types[f->of].message, below);
}

/* The field in work, when it has to be sent; w may be a message below afterwards. NULL: failed. */
AT_PB_HOT uint8_t *put_value(struct out *o, struct work *w, const struct atoll_field_desc *f,
                             size_t type, uint8_t *p)
{
    const uint8_t *value = w->message + f->offset;

    switch (type) {
    case ATOLL_TYPE_STRING:
    case ATOLL_TYPE_BYTES:
        if (((const struct atoll_str *)value)->len == 0 && !sends_zero(w, f)) {
            return p;
        }
        return put_text(o, p, f, (const struct atoll_str *)value);
    case ATOLL_TYPE_DOUBLE:
    case ATOLL_TYPE_FIXED64:
    case ATOLL_TYPE_SFIXED64: return put_fixed(w, f, p, at_pb_load8(value), 8);
    case ATOLL_TYPE_FLOAT:
    case ATOLL_TYPE_FIXED32:
    case ATOLL_TYPE_SFIXED32: return put_fixed(w, f, p, at_pb_load4(value), 4);
    case ATOLL_TYPE_INT64:
    case ATOLL_TYPE_UINT64: return put_number(w, f, p, load_number(ATOLL_TYPE_INT64, value));
    case ATOLL_TYPE_SINT64: return put_number(w, f, p, load_number(ATOLL_TYPE_SINT64, value));
    case ATOLL_TYPE_SINT32: return put_number(w, f, p, load_number(ATOLL_TYPE_SINT32, value));
    case ATOLL_TYPE_UINT32: return put_number(w, f, p, load_number(ATOLL_TYPE_UINT32, value));
    case ATOLL_TYPE_BOOL: return put_number(w, f, p, load_number(ATOLL_TYPE_BOOL, value));
    case ATOLL_TYPE_MESSAGE:
    case ATOLL_TYPE_GROUP: return go_down(o, w, f, p);
    default: return put_number(w, f, p, load_number(ATOLL_TYPE_INT32, value));
    }
}

/*
 * The message in work is complete: what stands in front of it, and on with the element before it,
 * or with the message around it. NULL: failed.
 */
AT_PB_HOT uint8_t *finish(struct out *o, struct work *w, uint8_t *p)
{
    struct frame *frame = o->frame - 1;
    const struct atoll_field_desc *f = frame->field;

    p = make_room(o, p);
    if (UNLIKELY(p == NULL)) {
        return NULL;
    }
    if (__builtin_expect(at_pb_type(f) != ATOLL_TYPE_GROUP, 1)) {
        p = put_tagged(p, f->tag, written(o, p) - frame->end);
    } else {
        p = put_tag(p, f->tag);
    }
    if (frame->left > 0) {
        frame->left--;
        if (UNLIKELY(at_pb_type(f) == ATOLL_TYPE_GROUP)) {
            p = put_varint(p, f->tag + AT_PB_WIRE_GROUP_END - AT_PB_WIRE_GROUP);
        }
        frame->end = written(o, p);
        return begin(o, w, p, w->desc, w->message - w->desc->struct_size);
    }
    w->desc = frame->desc;
    w->message = frame->message;
    w->first = frame->desc->fields;
    w->field = f;
    o->frame = frame;
    return p;
}

/* Where the first byte in the window is. NULL: o->result. */
static uint8_t *encode_into(struct out *o, const struct atoll_message_desc *desc,
                            const uint8_t *message)
{
    struct work w;
    uint8_t *p;

    o->result = AT_PB_OK;
    o->frame = o->frames;
    o->emptied = 0;
    o->real = NULL;
    p = begin(o, &w, o->end, desc, message);
    while (__builtin_expect(p != NULL, 1)) {
        const struct atoll_field_desc *f;
        size_t type;

        if (UNLIKELY(w.field == w.first)) {
            if (o->frame == o->frames) {
                return p;
            }
            p = finish(o, &w, p);
            continue;
        }
        f = --w.field;
        type = f->kind;
        if (UNLIKELY(type >= ATOLL_FORM_OPTIONAL << 5)) {
            type &= 0x1F;
            if (is_absent(&w, f)) {
                continue;
            }
            if (f->kind >= ATOLL_FORM_REPEATED << 5 && !at_pb_is_message(f)) {
                p = put_list(o, p, f, (const struct at_pb_array *)(w.message + f->offset));
                continue;
            }
        }
        p = make_room(o, p);
        if (UNLIKELY(p == NULL)) {
            break;
        }
        p = put_value(o, &w, f, type, p);
    }
    return NULL;
}

int at_pb_encode_referring(const struct atoll_message_desc *desc, const void *message, void *at,
                           size_t cap, struct at_pb_refer *refer, struct at_bytes *ret)
{
    __attribute__((uninitialized)) struct out o;
    uint8_t *begin = at == NULL ? o.own : at; /* cap is 0 then */
    uint8_t *end = begin + cap;
    uint8_t *p;

    o.refer = refer;
    o.start = o.at = begin;
    o.low = cap > FIELD_MAX ? begin + FIELD_MAX : end;
    o.end = end;
    p = encode_into(&o, desc, message);
    if (p != NULL && UNLIKELY(o.end != end)) {
        p = empty(&o, p) == NULL ? NULL : o.real;
    }
    if (p == NULL) {
        return o.result;
    }
    *ret = at_bytes_over(at == NULL ? NULL : p, (size_t)(end - p));
    return ret->len > AT_PB_MESSAGE_MAX ? AT_PB_TOO_BIG : AT_PB_OK;
}

int at_pb_encode(const struct atoll_message_desc *desc, const void *message, void *at, size_t cap,
                 struct at_bytes *ret)
{
    return at_pb_encode_referring(desc, message, at, cap, NULL, ret);
}

int at_pb_size_referring(const struct atoll_message_desc *desc, const void *message,
                         struct at_pb_refer *refer, size_t *ret)
{
    __attribute__((uninitialized)) struct out o;
    uint8_t *p;

    o.refer = refer;
    o.start = o.at = o.own;
    o.low = o.own + FIELD_MAX;
    o.end = o.own + WINDOW;
    p = encode_into(&o, desc, message);
    if (p == NULL) {
        return o.result;
    }
    *ret = written(&o, p);
    return *ret > AT_PB_MESSAGE_MAX ? AT_PB_TOO_BIG : AT_PB_OK;
}

int at_pb_size(const struct atoll_message_desc *desc, const void *message, size_t *ret)
{
    return at_pb_size_referring(desc, message, NULL, ret);
}

int at_pb_encode_in_arena(const struct atoll_message_desc *desc, const void *message,
                          struct at_arena *arena, struct at_bytes *ret)
{
    struct at_arena_room room = at_arena_room(arena);
    size_t len = 0;
    void *at;
    int r = AT_PB_NO_ROOM;

    if (room.len > 0) {
        r = at_pb_encode(desc, message, room.at, room.len, ret);
    }
    if (r == AT_PB_OK) {
        at_arena_take_end(arena, ret->len);
        return r;
    }
    if (r == AT_PB_NO_ROOM) {
        r = at_pb_size(desc, message, &len);
    }
    if (r != AT_PB_OK) {
        return r;
    }
    at = at_arena_alloc(arena, len, 1);
    return at == NULL ? -ENOMEM : at_pb_encode(desc, message, at, len, ret);
}
