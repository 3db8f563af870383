/*
 * Decoding: one loop over the fields of the input, with the message in work in variables of its own
 * and the ones around it on an explicit stack; the input decides how many there are, up to
 * AT_PB_DEPTH_MAX. What this file does not do itself is in decode_rare.c.
 *
 * Why it looks as it does (docs/decisions/0018 has the figures): the field that most likely comes
 * next is known, so a tag is compared before it is looked up; form and type of a field are one
 * jump; whether a field stays within its message is asked once, at the next tag, because reading
 * on is safe up to the end of the whole input.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/decoder.h"
#include "pb/fault.h"
#include "pb/limits.h"
#include "pb/map.h"
#include "pb/required.h"
#include "pb/table.h"
#include "pb/wire.h"

#define UNLIKELY(x) __builtin_expect(!!(x), 0)

enum {
    NO_TAG = 7,
    KIND_ELEMENT = 0, /* in place of a type: a message that is an element of a list */
    KIND_PLAIN_END = ATOLL_FORM_OPTIONAL << 5, /* kinds below it have neither presence nor a list */
    FINISHED_BY_FLAGS =
        ATOLL_MESSAGE_HAS_MAPS | ATOLL_MESSAGE_HAS_REQUIRED | ATOLL_MESSAGE_MAP_ENTRY,
};

AT_PB_HOT void begin_message(const struct atoll_message_desc *desc, uint8_t *message)
{
    uint8_t *last = message + desc->struct_size - 16;

    if (UNLIKELY(desc->initial != NULL || desc->struct_size < 16)) {
        at_pb_init(desc, message);
        return;
    }
    for (; message < last; message += 16) {
        memset(message, 0, 16);
    }
    memset(last, 0, 16);
}

/* Room in the newest block, which is where nearly all of it comes from; else as the arena says. */
AT_PB_HOT void *take(struct at_arena *arena, size_t size)
{
    size_t pad = -(uintptr_t)arena->at & 7;

    if (UNLIKELY(size + pad > (size_t)(arena->end - arena->at))) {
        return at_arena_alloc(arena, size, 8);
    }
    arena->at += pad + size;
    return arena->at - size;
}

/* Where the number goes, and the place behind it; NULL: failed. */
AT_PB_HOT const uint8_t *read_number(struct at_pb_decoder *d, uint8_t type, const uint8_t *p,
                                     uint8_t *value)
{
    struct at_pb_varint n = at_pb_get_value(p, d->limit);

    if (UNLIKELY(n.behind == NULL)) {
        return at_pb_decoder_fail_varint(d, p);
    }
    switch (type) {
    case ATOLL_TYPE_INT64: memcpy(value, &n.value, 8); break;
    case ATOLL_TYPE_SINT64: *(int64_t *)value = at_pb_unzigzag(n.value); break;
    case ATOLL_TYPE_SINT32: *(int32_t *)value = (int32_t)at_pb_unzigzag((uint32_t)n.value); break;
    case ATOLL_TYPE_BOOL: *(bool *)value = n.value != 0; break;
    default: *(uint32_t *)value = (uint32_t)n.value; break; /* the low half */
    }
    return n.behind;
}

AT_PB_HOT const uint8_t *read_fixed(struct at_pb_decoder *d, size_t size, const uint8_t *p,
                                    uint8_t *value)
{
    if (UNLIKELY(size > (size_t)(d->limit - p))) {
        return at_pb_decoder_fail(d, AT_PB_TRUNCATED, p);
    }
    memcpy(value, p, size);
    return p + size;
}

AT_PB_HOT const uint8_t *read_text(struct at_pb_decoder *d, const struct atoll_field_desc *f,
                                   bool checked, const uint8_t *p, struct atoll_str *value)
{
    struct at_pb_varint n = at_pb_get_length(p, d->limit);

    if (UNLIKELY(n.behind == NULL)) {
        return at_pb_decoder_fail_varint(d, p);
    }
    value->at = (const char *)n.behind;
    value->len = (size_t)n.value;
    if (checked && UNLIKELY(!at_pb_is_ascii(n.behind, (size_t)n.value)) &&
        (f->flags & ATOLL_FIELD_ANY_BYTES) == 0 && !at_pb_is_wide_utf8(n.behind, (size_t)n.value)) {
        return at_pb_decoder_fail(d, AT_PB_BAD_UTF8, n.behind);
    }
    return n.behind + n.value;
}

/*
 * Where a nested message of type `sub` is filled: the element itself, or what the pointer at value
 * leads to, made when there is none. NULL: failed.
 */
AT_PB_HOT uint8_t *message_at(struct at_pb_decoder *d, const struct atoll_message_desc *sub,
                              bool element, const uint8_t *p, uint8_t *value)
{
    uint8_t *message = value;

    if (!element) {
        message = *(uint8_t **)value;
        if (message != NULL) {
            return message;
        }
        message = take(d->arena, sub->struct_size);
        if (UNLIKELY(message == NULL)) {
            (void)at_pb_decoder_fail(d, -ENOMEM, p);
            return NULL;
        }
        *(uint8_t **)value = message;
    }
    begin_message(sub, message);
    return message;
}

/*
 * The end of the nested message whose length or, of a group, content begins at p; *ret_p: where its
 * fields begin. NULL: failed.
 */
AT_PB_HOT const uint8_t *end_of_nested(struct at_pb_decoder *d, uint8_t type, const uint8_t *p,
                                       const uint8_t *end, const uint8_t **ret_p)
{
    struct at_pb_varint n;

    *ret_p = p;
    if (UNLIKELY(d->depth + 1 == AT_PB_DEPTH_MAX)) {
        return at_pb_decoder_fail(d, AT_PB_TOO_DEEP, p);
    }
    if (UNLIKELY(type == ATOLL_TYPE_GROUP)) {
        d->open_groups++;
        return end;
    }
    n = at_pb_get_length(p, d->limit);
    if (UNLIKELY(n.behind == NULL)) {
        return at_pb_decoder_fail_varint(d, p);
    }
    if (UNLIKELY(n.behind + n.value > end)) {
        return at_pb_decoder_fail(d, AT_PB_TRUNCATED, p);
    }
    *ret_p = n.behind;
    return n.behind + n.value;
}

/* The message in work. Only passed to functions that become part of the loop: it lives in registers. */
struct work {
    const struct atoll_message_desc *desc;
    uint8_t *message;
    const uint8_t *end;
    const struct atoll_field_desc *next; /* most likely the field that comes */
    const struct atoll_field_desc *last; /* of the table */
};

/* What a message without fields expects: a tag that is none. */
static const struct atoll_field_desc no_field = {.tag = UINT32_MAX};

/* The same at the beginning of a message. */
AT_PB_HOT void begin_first(struct work *w, const struct atoll_message_desc *desc, uint8_t *message,
                           const uint8_t *end)
{
    w->desc = desc;
    w->message = message;
    w->end = end;
    w->next = w->last = &no_field;
    if (__builtin_expect(desc->field_count > 0, 1)) {
        w->next = desc->fields;
        w->last = desc->fields + desc->field_count - 1;
    }
}

/* For functions outside of the loop, and for the time that a message below this one is in work. */
AT_PB_HOT struct at_pb_frame *save(struct at_pb_decoder *d, const struct work *w,
                                   const uint8_t *field_at)
{
    struct at_pb_frame *frame = &d->frames[d->depth];

    frame->desc = w->desc;
    frame->message = w->message;
    frame->end = w->end;
    frame->field_at = field_at;
    return frame;
}

AT_PB_HOT const uint8_t *go_down(struct at_pb_decoder *d, struct work *w,
                                 const struct atoll_field_desc *f, unsigned kind,
                                 const uint8_t *field_at, const uint8_t *p, uint8_t *value)
{
    const struct atoll_message_desc *sub = w->desc->types[f->of].message;
    uint8_t *message = message_at(d, sub, kind == KIND_ELEMENT, p, value);
    const uint8_t *end = NULL;
    struct at_pb_frame *frame;

    if (message != NULL) {
        end = end_of_nested(d, at_pb_type(f), p, w->end, &p);
    }
    if (UNLIKELY(end == NULL)) {
        return NULL;
    }
    frame = save(d, w, field_at);
    frame->field = f;
    frame->next = w->next;
    d->depth++;
    begin_first(w, sub, message, end);
    return p;
}

/* The value of one field; w may be a message below afterwards. kind: a type, or KIND_ELEMENT. */
AT_PB_HOT const uint8_t *read_value(struct at_pb_decoder *d, struct work *w,
                                    const struct atoll_field_desc *f, unsigned kind,
                                    const uint8_t *field_at, const uint8_t *p, uint8_t *value)
{
    switch (kind) {
    case ATOLL_TYPE_STRING: return read_text(d, f, true, p, (struct atoll_str *)value);
    case ATOLL_TYPE_BYTES: return read_text(d, f, false, p, (struct atoll_str *)value);
    case ATOLL_TYPE_DOUBLE:
    case ATOLL_TYPE_FIXED64:
    case ATOLL_TYPE_SFIXED64: return read_fixed(d, 8, p, value);
    case ATOLL_TYPE_FLOAT:
    case ATOLL_TYPE_FIXED32:
    case ATOLL_TYPE_SFIXED32: return read_fixed(d, 4, p, value);
    case ATOLL_TYPE_INT64:
    case ATOLL_TYPE_UINT64: return read_number(d, ATOLL_TYPE_INT64, p, value);
    case ATOLL_TYPE_INT32:
    case ATOLL_TYPE_UINT32: return read_number(d, ATOLL_TYPE_INT32, p, value);
    case ATOLL_TYPE_ENUM:
        if (UNLIKELY((f->flags & ATOLL_FIELD_CLOSED) != 0)) {
            (void)save(d, w, field_at);
            return at_pb_decoder_closed(d, f, field_at, p);
        }
        return read_number(d, ATOLL_TYPE_INT32, p, value);
    case ATOLL_TYPE_SINT64: return read_number(d, ATOLL_TYPE_SINT64, p, value);
    case ATOLL_TYPE_SINT32: return read_number(d, ATOLL_TYPE_SINT32, p, value);
    case ATOLL_TYPE_BOOL: return read_number(d, ATOLL_TYPE_BOOL, p, value);
    default: return go_down(d, w, f, kind, field_at, p, value); /* messages and groups */
    }
}

/*
 * Where the value of a field with presence, or of an element of a list, goes; *kind becomes what to
 * read there. NULL: it is read already, up to *p, or that failed and *p is NULL.
 */
AT_PB_HOT uint8_t *place(struct at_pb_decoder *d, struct work *w, const struct atoll_field_desc *f,
                         unsigned *kind, const uint8_t *field_at, const uint8_t **p)
{
    uint8_t *value = w->message + f->offset;
    struct at_pb_array *array = (struct at_pb_array *)value;
    unsigned form = *kind >> 5;

    *kind &= 0x1F;
    if (form >= ATOLL_FORM_REPEATED && at_pb_is_message(f)) {
        size_t size = w->desc->types[f->of].message->struct_size;

        w->next = f;
        *kind = KIND_ELEMENT;
        if (__builtin_expect(array->count > 0 && array->count < at_pb_growth_of(array)->cap, 1)) {
            return (uint8_t *)array->at + array->count++ * size;
        }
        (void)save(d, w, field_at);
        value = at_pb_decoder_grow(d, f, array, size, *p);
    } else if (UNLIKELY((f->flags & ATOLL_FIELD_CLOSED) != 0)) {
        (void)save(d, w, field_at);
        *p = at_pb_decoder_closed(d, f, field_at, *p);
        return NULL;
    } else if (form == ATOLL_FORM_OPTIONAL) {
        *(bool *)(w->message + f->presence) = true;
        return value;
    } else if (form == ATOLL_FORM_PACKED) {
        (void)save(d, w, field_at);
        *p = at_pb_decoder_packed(d, f, *p);
        return NULL;
    } else {
        (void)save(d, w, field_at);
        value = at_pb_decoder_place(d, f, *p);
        w->next = form == ATOLL_FORM_REPEATED ? f : w->next;
    }
    if (UNLIKELY(value == NULL)) {
        *p = NULL;
    }
    return value;
}

/* The message in work has ended at p. False: it failed, or the whole is read. */
AT_PB_HOT bool go_up(struct at_pb_decoder *d, struct work *w, const uint8_t *p)
{
    const struct at_pb_frame *frame;

    if (UNLIKELY(p > w->end || d->open_groups > 0)) {
        (void)save(d, w, p);
        if (!at_pb_decoder_may_end(d, p)) {
            return false;
        }
    }
    if (UNLIKELY((w->desc->flags & FINISHED_BY_FLAGS) != 0)) {
        (void)save(d, w, p);
        if (!at_pb_decoder_finish(d)) {
            return false;
        }
    }
    if (d->depth == 0) {
        return false;
    }
    frame = &d->frames[--d->depth];
    w->desc = frame->desc;
    w->message = frame->message;
    w->end = frame->end;
    w->next = frame->next;
    w->last = w->desc->fields + w->desc->field_count - 1;
    return true;
}

/* A tag of more than one byte. */
AT_PB_HOT struct at_pb_varint long_tag(const struct at_pb_decoder *d, const uint8_t *p)
{
    struct at_pb_varint tag = at_pb_get_varint(p, d->limit);

    if (UNLIKELY(tag.value == no_field.tag || at_pb_tag_is_long(p, tag.behind))) {
        tag.value = NO_TAG; /* has wire type 7 too, and nobody expects it */
    }
    return tag;
}

/* The field with this tag, nearly always the expected one. NULL: not known, or not in this form. */
AT_PB_HOT const struct atoll_field_desc *field_of(const struct work *w, uint64_t tag)
{
    const struct atoll_field_desc *f = w->next;

    if (UNLIKELY(f->tag != tag)) {
        f = at_pb_find(w->desc, (uint32_t)(tag >> 3));
        if (UNLIKELY(f == NULL || f->tag != tag)) {
            return NULL;
        }
    }
    return f;
}

/* A field of the message in frames[depth] that is not known, or not in this form. */
AT_PB_COLD static const uint8_t *read_odd(struct at_pb_decoder *d, struct at_pb_varint tag,
                                          const uint8_t *field_at)
{
    const struct at_pb_frame *frame = &d->frames[d->depth];
    uint32_t number = tag.value > UINT32_MAX ? 0 : (uint32_t)(tag.value >> 3);
    const struct atoll_field_desc *f;
    const uint8_t *p;

    d->wrong_field = NULL;
    if (tag.behind == NULL) {
        return at_pb_decoder_fail_varint(d, field_at);
    }
    f = at_pb_find(frame->desc, number);
    p = at_pb_decoder_odd(d, f, tag.value, field_at, tag.behind);
    d->wrong_field = p == NULL ? f : NULL;
    return p;
}

/* A known field, behind its tag; w may be a message below afterwards. NULL: failed. */
AT_PB_HOT const uint8_t *read_field(struct at_pb_decoder *d, struct work *w,
                                    const struct atoll_field_desc *f, const uint8_t *field_at,
                                    const uint8_t *p)
{
    uint8_t *value = w->message + f->offset;
    unsigned kind = f->kind;

    w->next = f == w->last ? f : f + 1;
    if (UNLIKELY(kind >= KIND_PLAIN_END)) {
        value = place(d, w, f, &kind, field_at, &p);
        if (UNLIKELY(value == NULL)) {
            return p;
        }
    }
    return read_value(d, w, f, kind, field_at, p, value);
}

static int decode(struct at_pb_decoder *d, const struct atoll_message_desc *desc, uint8_t *message,
                  const uint8_t *p)
{
    struct work w;

    begin_first(&w, desc, message, d->limit);
    for (;;) {
        const struct atoll_field_desc *f;
        const uint8_t *field_at = p;
        struct at_pb_varint tag;

        if (UNLIKELY(p >= w.end)) {
            if (!go_up(d, &w, p)) {
                return d->result;
            }
            continue;
        }
        tag = (struct at_pb_varint){p + 1, *p};
        if (UNLIKELY(tag.value >= 0x80)) {
            tag = long_tag(d, p);
        }
        f = field_of(&w, tag.value);
        if (UNLIKELY(f == NULL)) {
            (void)save(d, &w, field_at);
            p = read_odd(d, tag, field_at);
            w.end = d->group_ended ? p : w.end;
        } else {
            p = read_field(d, &w, f, field_at, tag.behind);
        }
        if (UNLIKELY(p == NULL)) {
            (void)save(d, &w, field_at);
            d->wrong_field = f == NULL ? d->wrong_field : f;
            return d->result;
        }
    }
}

int at_pb_merge(const struct atoll_message_desc *desc, struct at_bytes in, struct at_arena *arena,
                void *message, struct at_pb_fault *fault)
{
    /* Zeroing the frames of a hundred messages would cost more than decoding a small one. */
    __attribute__((uninitialized)) struct at_pb_decoder d;

    d.start = in.len == 0 ? (const uint8_t *)"" : in.at; /* in.at may be NULL */
    d.limit = d.start + in.len;
    d.arena = arena;
    d.wrong_field = NULL;
    d.maps = (struct at_pb_maps){0};
    d.result = AT_PB_OK;
    d.open_groups = 0;
    d.group_ended = false;
    d.unnamed = false;
    d.incomplete = false;
    d.depth = 0;
    if (UNLIKELY(in.len > AT_PB_MESSAGE_MAX)) {
        d.frames[0].desc = desc;
        (void)at_pb_decoder_fail(&d, AT_PB_TOO_BIG, d.start);
    } else if (decode(&d, desc, message, d.start) == AT_PB_OK) {
        if (__builtin_expect(d.maps.last == NULL && !d.incomplete, 1)) {
            return AT_PB_OK;
        }
        d.frames[0].desc = desc;
        d.wrong = d.start;
        d.result = at_pb_maps_finish(&d.maps, arena);
    }
    at_pb_maps_forget(&d.maps);
    if (d.result == AT_PB_OK) {
        return at_pb_check_required(desc, message, fault);
    }
    if (fault != NULL) {
        at_pb_decoder_explain(&d, fault);
    }
    return d.result;
}

int at_pb_decode(const struct atoll_message_desc *desc, struct at_bytes in, struct at_arena *arena,
                 void *message, struct at_pb_fault *fault)
{
    begin_message(desc, message);
    return at_pb_merge(desc, in, arena, message, fault);
}
