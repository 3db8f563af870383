/* The ways of a field that a well-formed message of today's contract seldom takes. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
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

const uint8_t *at_pb_decoder_fail(struct at_pb_decoder *d, int result, const uint8_t *at)
{
    d->result = result;
    d->wrong = at;
    return NULL;
}

const uint8_t *at_pb_decoder_fail_varint(struct at_pb_decoder *d, const uint8_t *at)
{
    return at_pb_decoder_fail(d, at_pb_why(at, d->limit), at);
}

/* How many fields with this tag follow each other; p stands behind the first one's tag. */
static size_t count_run(const uint8_t *p, const uint8_t *end, uint32_t tag)
{
    struct at_pb_varint next = {p, tag};
    size_t n = 0;

    while (next.value == tag) {
        next = at_pb_get_length(next.behind, end);
        n++;
        if (next.behind == NULL || next.behind + next.value == end) {
            break;
        }
        next = at_pb_get_varint(next.behind + next.value, end);
        if (next.behind == NULL) {
            break;
        }
    }
    return n;
}

enum { GUESSED_BYTES_MAX = 4096 }; /* behind the first element: room that perhaps nobody needs */

/*
 * How many elements to make room for. Up to FEW they are guessed: as many as would fit if all were
 * about as long as the first, but not more than `most`; more are counted.
 */
static size_t expect(const uint8_t *p, const uint8_t *end, uint32_t tag, size_t most)
{
    enum { FEW = 16 };
    struct at_pb_varint first = at_pb_get_length(p, end);
    size_t len =
        (size_t)first.value - (size_t)first.value / 4 + 2; /* with its tag; some are shorter */
    size_t guess = first.behind == NULL ? 1 : (size_t)(end - p) / len + 1;

    if (guess > FEW) {
        return count_run(p, end, tag);
    }
    return guess < most ? guess : most;
}

uint8_t *at_pb_decoder_grow(struct at_pb_decoder *d, const struct atoll_field_desc *f,
                            struct at_pb_array *array, size_t size, const uint8_t *p)
{
    size_t most = 1 + GUESSED_BYTES_MAX / size;
    size_t expected = most < 4 ? most : 4;
    void *slot;
    int r;

    if ((f->tag & 7) == AT_PB_WIRE_LENGTH) {
        expected = expect(p, d->frames[d->depth].end, f->tag, most);
    }
    r = at_pb_array_append(array, size, expected, d->arena, &slot);
    if (r != 0) {
        (void)at_pb_decoder_fail(d, r, p);
        return NULL;
    }
    return slot;
}

uint8_t *at_pb_decoder_place(struct at_pb_decoder *d, const struct atoll_field_desc *f,
                             const uint8_t *p)
{
    const struct at_pb_frame *frame = &d->frames[d->depth];
    uint8_t *value = frame->message + f->offset;
    struct at_pb_array *array = (struct at_pb_array *)value;
    uint32_t *which = (uint32_t *)(frame->message + f->presence);
    size_t size = at_pb_value_size(frame->desc, f);

    switch (at_pb_form(f)) {
    case ATOLL_FORM_REPEATED:
    case ATOLL_FORM_PACKED:
    case ATOLL_FORM_MAP:
        if (array->count > 0 && array->count < at_pb_growth_of(array)->cap) {
            value = (uint8_t *)array->at + array->count++ * size;
        } else {
            value = at_pb_decoder_grow(d, f, array, size, p);
        }
        if (value != NULL) {
            memset(value, 0, size); /* also when what should stand there cannot be read */
        }
        break;
    case ATOLL_FORM_ONEOF:
        if (*which != at_pb_number(f)) {
            *which = at_pb_number(f);
            memset(value, 0, size); /* what another member left in the union */
        }
        break;
    case ATOLL_FORM_OPTIONAL: *(bool *)(frame->message + f->presence) = true; break;
    case ATOLL_FORM_IMPLICIT: break;
    }
    return value;
}

/* Adds whole fields, adjacent to the last ones or not, to what a message does not know. */
static bool keep(struct at_pb_decoder *d, const struct at_pb_frame *frame, const uint8_t *at,
                 const uint8_t *end)
{
    struct atoll_unknown **last =
        (struct atoll_unknown **)(frame->message + frame->desc->unknown_offset);
    struct atoll_unknown *piece;

    if (*last != NULL && (*last)->bytes.at + (*last)->bytes.len == (const char *)at) {
        (*last)->bytes.len += (size_t)(end - at);
        return true;
    }
    piece = at_arena_alloc(d->arena, sizeof(*piece), 8);
    if (piece == NULL) {
        (void)at_pb_decoder_fail(d, -ENOMEM, at < d->start || at > d->limit ? d->start : at);
        return false;
    }
    piece->bytes = (struct atoll_str){(const char *)at, (size_t)(end - at)};
    piece->next = *last == NULL ? piece : (*last)->next;
    if (*last != NULL) {
        (*last)->next = piece;
    }
    *last = piece;
    return true;
}

/* A value of a packed closed enum that has no name: a field of its own among the unknown ones. */
static bool keep_element(struct at_pb_decoder *d, const struct atoll_field_desc *f, uint64_t value)
{
    uint8_t *at = at_arena_alloc(d->arena, (size_t)2 * AT_PB_VARINT_MAX, 1);
    uint8_t *p;

    if (at == NULL) {
        (void)at_pb_decoder_fail(d, -ENOMEM, d->start);
        return false;
    }
    p = at_pb_write_varint(at, (uint64_t)at_pb_number(f) << 3 | AT_PB_WIRE_VARINT);
    p = at_pb_write_varint(p, value);
    return keep(d, &d->frames[d->depth], at, p);
}

static bool is_named(const struct at_pb_frame *frame, const struct atoll_field_desc *f, uint64_t v)
{
    return (f->flags & ATOLL_FIELD_CLOSED) == 0 ||
           at_pb_enum_name(at_pb_enum_of(frame->desc, f), (int32_t)v) != NULL;
}

static void store(uint8_t type, uint64_t v, uint8_t *value)
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

/* How many varints the bytes hold, or 0 when the last one is not complete. */
static size_t count_varints(const uint8_t *p, size_t len)
{
    size_t n = 0;
    size_t i = 0;

    for (; i + 8 <= len; i += 8) {
        uint64_t ends = ~at_pb_load8(p + i) >> 7 & 0x0101010101010101U;

        n += ends * 0x0101010101010101U >> 56;
    }
    for (; i < len; i++) {
        n += p[i] < 0x80;
    }
    return len > 0 && p[len - 1] >= 0x80 ? 0 : n;
}

static bool reserve(struct at_pb_decoder *d, struct at_pb_array *array, size_t size, size_t n,
                    const uint8_t *at)
{
    int r = at_pb_array_reserve(array, size, n, d->arena);

    if (r != 0) {
        (void)at_pb_decoder_fail(d, r, at);
    }
    return r == 0;
}

static const uint8_t *read_packed_varints(struct at_pb_decoder *d, const struct atoll_field_desc *f,
                                          const uint8_t *p, size_t len, struct at_pb_array *array)
{
    const struct at_pb_frame *frame = &d->frames[d->depth];
    const uint8_t *end = p + len;
    uint8_t type = at_pb_type(f);
    size_t size = at_pb_scalar_size(type);
    size_t n = count_varints(p, len);

    if (n == 0) {
        return at_pb_decoder_fail(d, AT_PB_TRUNCATED, p);
    }
    if (!reserve(d, array, size, n, p)) {
        return NULL;
    }
    while (p < end) {
        struct at_pb_varint v = at_pb_get_value(p, end);

        if (v.behind == NULL) {
            return at_pb_decoder_fail_varint(d, p);
        }
        if (is_named(frame, f, v.value)) {
            store(type, v.value, (uint8_t *)array->at + array->count++ * size);
        } else if (!keep_element(d, f, (uint64_t)(int64_t)(int32_t)v.value)) {
            return NULL;
        }
        p = v.behind;
    }
    return p;
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

static bool is_scalar(uint8_t type)
{
    return type != ATOLL_TYPE_STRING && type != ATOLL_TYPE_BYTES && type != ATOLL_TYPE_MESSAGE &&
           type != ATOLL_TYPE_GROUP;
}

const uint8_t *at_pb_decoder_packed(struct at_pb_decoder *d, const struct atoll_field_desc *f,
                                    const uint8_t *p)
{
    const struct at_pb_frame *frame = &d->frames[d->depth];
    struct at_pb_array *array = (struct at_pb_array *)(frame->message + f->offset);
    struct at_pb_varint len = at_pb_get_length(p, d->limit);
    size_t size = at_pb_scalar_size(at_pb_type(f));

    if (len.behind == NULL) {
        return at_pb_decoder_fail_varint(d, p);
    }
    p = len.behind;
    if (p > frame->end || len.value > (size_t)(frame->end - p)) {
        return at_pb_decoder_fail(d, AT_PB_TRUNCATED, p);
    }
    if (len.value == 0) {
        return p;
    }
    if (scalar_wire(at_pb_type(f)) == AT_PB_WIRE_VARINT) {
        return read_packed_varints(d, f, p, (size_t)len.value, array);
    }
    if (len.value % size != 0) {
        return at_pb_decoder_fail(d, AT_PB_BAD_LENGTH, p);
    }
    if (!reserve(d, array, size, (size_t)len.value / size, p)) {
        return NULL;
    }
    memcpy((uint8_t *)array->at + array->count * size, p, (size_t)len.value);
    array->count += (size_t)len.value / size;
    return p + len.value;
}

/* One varint or fixed-width value into a list or a field. */
static const uint8_t *read_scalar(struct at_pb_decoder *d, const struct atoll_field_desc *f,
                                  const uint8_t *field_at, const uint8_t *p)
{
    const struct at_pb_frame *frame = &d->frames[d->depth];
    size_t size = at_pb_scalar_size(at_pb_type(f));
    struct at_pb_varint v = {p + size, 0};
    uint8_t *value;

    if (scalar_wire(at_pb_type(f)) == AT_PB_WIRE_VARINT) {
        v = at_pb_get_value(p, frame->end);
    } else if (size > (size_t)(frame->end - p)) {
        return at_pb_decoder_fail(d, AT_PB_TRUNCATED, p);
    }
    if (v.behind == NULL) {
        return at_pb_decoder_fail_varint(d, p);
    }
    if (!is_named(frame, f, v.value)) {
        d->unnamed |= (frame->desc->flags & ATOLL_MESSAGE_MAP_ENTRY) != 0;
        return keep(d, frame, field_at, v.behind) ? v.behind : NULL;
    }
    value = at_pb_decoder_place(d, f, p);
    if (value == NULL) {
        return NULL;
    }
    if (scalar_wire(at_pb_type(f)) == AT_PB_WIRE_VARINT) {
        store(at_pb_type(f), v.value, value);
    } else {
        memcpy(value, p, size);
    }
    return v.behind;
}

const uint8_t *at_pb_decoder_closed(struct at_pb_decoder *d, const struct atoll_field_desc *f,
                                    const uint8_t *field_at, const uint8_t *p)
{
    return at_pb_form(f) == ATOLL_FORM_PACKED ? at_pb_decoder_packed(d, f, p)
                                              : read_scalar(d, f, field_at, p);
}

static bool is_group(const struct at_pb_decoder *d)
{
    return d->depth > 0 && at_pb_type(d->frames[d->depth - 1].field) == ATOLL_TYPE_GROUP;
}

const uint8_t *at_pb_decoder_odd(struct at_pb_decoder *d, const struct atoll_field_desc *f,
                                 uint64_t tag, const uint8_t *field_at, const uint8_t *p)
{
    const struct at_pb_frame *frame = &d->frames[d->depth];
    uint32_t wire = (uint32_t)tag & 7;
    int result;

    if (p > frame->end) { /* tags are read up to the end of all, not of the message in work */
        return at_pb_decoder_fail(d, AT_PB_TRUNCATED, field_at);
    }
    if (wire == AT_PB_WIRE_GROUP_END && is_group(d) &&
        tag >> 3 == at_pb_number(d->frames[d->depth - 1].field)) {
        d->group_ended = true;
        return p;
    }
    if (f != NULL && tag <= UINT32_MAX && at_pb_is_repeated(f) && is_scalar(at_pb_type(f))) {
        if (wire == AT_PB_WIRE_LENGTH) {
            return at_pb_decoder_packed(d, f, p);
        }
        if (wire == scalar_wire(at_pb_type(f))) {
            return read_scalar(d, f, field_at, p);
        }
    }
    p = at_pb_skip_within(p, frame->end, tag, AT_PB_DEPTH_MAX - 1 - d->depth, &result);
    if (p == NULL) {
        return at_pb_decoder_fail(d, result, field_at);
    }
    return keep(d, frame, field_at, p) ? p : NULL;
}

/* Finds the field that goes beyond the end of the message in work: only its fault needs to know. */
static void blame(struct at_pb_decoder *d)
{
    const struct at_pb_frame *frame = &d->frames[d->depth];
    struct at_pb_varint tag;
    const uint8_t *p = d->start;
    int ignored;

    if (d->depth > 0) {
        tag = at_pb_get_varint(d->frames[d->depth - 1].field_at, d->limit);
        p = is_group(d) ? tag.behind : at_pb_get_length(tag.behind, d->limit).behind;
    }
    while (p != NULL && p < frame->end) {
        tag = at_pb_get_varint(p, d->limit);
        if (tag.behind == NULL) {
            break;
        }
        (void)at_pb_decoder_fail(d, AT_PB_TRUNCATED, tag.behind);
        d->wrong_field = at_pb_find(frame->desc, (uint32_t)(tag.value >> 3));
        p = at_pb_skip(tag.behind, d->limit, tag.value, &ignored);
    }
}

bool at_pb_decoder_may_end(struct at_pb_decoder *d, const uint8_t *p)
{
    if (p > d->frames[d->depth].end) {
        (void)at_pb_decoder_fail(d, AT_PB_TRUNCATED, d->frames[d->depth].end);
        blame(d);
        return false;
    }
    if (!is_group(d)) {
        return true;
    }
    if (!d->group_ended) {
        (void)at_pb_decoder_fail(d, AT_PB_TRUNCATED, p);
        return false;
    }
    d->group_ended = false;
    d->open_groups--;
    return true;
}

/* A map's entry that is complete: defaults for what did not come. */
static bool finish_entry(struct at_pb_decoder *d)
{
    const struct at_pb_frame *entry = &d->frames[d->depth];
    const struct at_pb_frame *frame = entry - 1;
    const struct atoll_field_desc *f = at_pb_find(entry->desc, 2);
    void **value = f == NULL ? NULL : (void **)(entry->message + f->offset);
    bool unnamed = d->unnamed;

    d->unnamed = false;
    if (f == NULL || d->depth == 0 || !at_pb_is_map(frame->field)) {
        return true; /* an entry alone: somebody looks at a map through its entries */
    }
    if (at_pb_is_message(f) && *value == NULL && d->depth + 1 < AT_PB_DEPTH_MAX) {
        *value = at_arena_alloc(d->arena, at_pb_sub(entry->desc, f)->struct_size, 8);
        if (*value == NULL) {
            (void)at_pb_decoder_fail(d, -ENOMEM, frame->field_at);
            return false;
        }
        at_pb_init(at_pb_sub(entry->desc, f), *value);
        d->incomplete |= !at_pb_has_required(at_pb_sub(entry->desc, f), *value);
    }
    if (unnamed) {
        /* A value without a name, the last one or not: the whole entry is unknown. */
        ((struct at_pb_array *)(frame->message + frame->field->offset))->count--;
        return keep(d, frame, frame->field_at, entry->end);
    }
    return true;
}

bool at_pb_decoder_finish(struct at_pb_decoder *d)
{
    const struct at_pb_frame *frame = &d->frames[d->depth];
    uint32_t flags = frame->desc->flags;
    bool in_list = d->depth > 0 && at_pb_is_repeated(frame[-1].field);
    int r;

    if ((flags & ATOLL_MESSAGE_HAS_REQUIRED) != 0 &&
        !at_pb_has_required(frame->desc, frame->message)) {
        d->incomplete = true; /* perhaps: another piece of it may follow */
    }
    if ((flags & ATOLL_MESSAGE_HAS_MAPS) != 0) {
        r = at_pb_maps_note(&d->maps, frame->desc, frame->message, in_list, d->arena);
        if (r != 0) {
            (void)at_pb_decoder_fail(d, r, frame->end);
            return false;
        }
    }
    return (flags & ATOLL_MESSAGE_MAP_ENTRY) == 0 || finish_entry(d);
}

static size_t add_step(char *out, size_t len, const struct at_pb_frame *frame,
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

void at_pb_decoder_explain(const struct at_pb_decoder *d, struct at_pb_fault *fault)
{
    size_t len = 0;

    *fault = (struct at_pb_fault){.offset = (size_t)(d->wrong - d->start)};
    for (size_t i = 0; i < d->depth; i++) {
        len = add_step(fault->field, len, &d->frames[i], d->frames[i].field);
    }
    if (d->wrong_field != NULL) {
        len = add_step(fault->field, len, &d->frames[d->depth], d->wrong_field);
    }
    (void)snprintf(fault->what, sizeof(fault->what), "%s%s %s, at byte %zu",
                   len == 0 ? "the message " : "field ",
                   len == 0 ? d->frames[0].desc->full_name : fault->field,
                   at_pb_result_text(d->result), fault->offset);
}
