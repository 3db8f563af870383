/*
 * Message to text format: one loop, one stack of frames. A frame is a message that is being printed,
 * or a run of unknown fields in wire form.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "pb/codec.h"
#include "pb/json_message.h"
#include "pb/limits.h"
#include "pb/map.h"
#include "pb/pbtext.h"
#include "pb/pbtext_value.h"
#include "pb/table.h"
#include "pb/wire.h"

struct frame {
    const struct atoll_message_desc *desc; /* NULL: unknown fields */
    const uint8_t *message;
    uint32_t field;                    /* index of the field in work */
    size_t element;                    /* of a repeated field: the next one */
    struct at_pb_array sorted;         /* of a map field: its entries by key */
    const struct atoll_unknown *piece; /* of the message: the last that was begun */
    struct at_bytes raw;               /* unknown fields: what is left of them */
    uint32_t nested;                   /* unknown fields: how deep in one another */
    bool braces;                       /* something was opened that ends with this frame */
};

enum { FRAMES_MAX = AT_PB_DEPTH_MAX + AT_PBTEXT_UNKNOWN_DEPTH_MAX + 2 };

struct printer {
    const struct at_pbtext_how *how;
    struct at_text *out;
    struct at_arena arena; /* what Anys hold */
    uint32_t level;        /* of indentation */
    bool begun;            /* there is output of ours */
    size_t depth;
    struct frame frames[FRAMES_MAX];
};

/* ---- lines ---- */

static void begin_line(struct printer *p)
{
    if ((p->how->flags & AT_PBTEXT_ONE_LINE) == 0) {
        for (uint32_t i = 0; i < p->level; i++) {
            at_text_add(p->out, AT_LIT("  "));
        }
    } else if (p->begun) {
        at_text_add_char(p->out, ' ');
    }
    p->begun = true;
}

static void end_line(struct printer *p)
{
    if ((p->how->flags & AT_PBTEXT_ONE_LINE) == 0) {
        at_text_add_char(p->out, '\n');
    }
}

static void open_brace(struct printer *p)
{
    at_text_add(p->out, AT_LIT(" {"));
    end_line(p);
    p->level++;
}

static void close_brace(struct printer *p)
{
    p->level--;
    begin_line(p);
    at_text_add_char(p->out, '}');
    end_line(p);
}

static void pop(struct printer *p)
{
    if (p->frames[--p->depth].braces) {
        close_brace(p);
    }
}

/* ---- unknown fields ---- */

static void push_raw(struct printer *p, struct at_bytes raw, uint32_t nested, bool braces)
{
    p->frames[p->depth++] = (struct frame){.raw = raw, .nested = nested, .braces = braces};
}

/* Bytes that a person would call a text. */
static bool is_text(struct at_bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        if ((b.at[i] < 0x20 && b.at[i] != '\n' && b.at[i] != '\t') || b.at[i] == 0x7F) {
            return false;
        }
    }
    return at_bytes_is_utf8(b);
}

/* Bytes that could be a message: whole fields up to their end. */
static bool is_message(struct at_bytes b)
{
    const uint8_t *p = b.at;
    const uint8_t *end = b.at + b.len;
    uint64_t tag;
    int why;

    while (p != NULL && p < end) {
        p = at_pb_read_varint(p, end, &tag);
        if (p == NULL || tag >> 3 == 0 || tag >> 3 > AT_PB_FIELD_NUMBER_MAX ||
            (tag & 7) == AT_PB_WIRE_GROUP_END) {
            return false;
        }
        p = at_pb_skip(p, end, tag, &why);
    }
    return p != NULL;
}

/* A length-delimited field: a text, a message, or bytes. What it was declared as is not known. */
static void put_raw_bytes(struct printer *p, struct at_bytes b, uint32_t nested)
{
    if (b.len > 0 && !is_text(b) && nested < AT_PBTEXT_UNKNOWN_DEPTH_MAX && is_message(b)) {
        open_brace(p);
        push_raw(p, b, nested + 1, true);
        return;
    }
    at_text_add(p->out, AT_LIT(": "));
    at_pbtext_write_string(b, true, p->out);
    end_line(p);
}

static void put_raw_group(struct printer *p, struct at_bytes b, uint32_t nested)
{
    if (nested < AT_PBTEXT_UNKNOWN_DEPTH_MAX) {
        open_brace(p);
        push_raw(p, b, nested + 1, true);
        return;
    }
    at_text_add(p->out, AT_LIT(": "));
    at_pbtext_write_string(b, false, p->out);
    end_line(p);
}

static void put_raw_number(struct printer *p, const uint8_t *at, const uint8_t *end, uint64_t wire)
{
    struct at_reader r = at_reader_over(at, (size_t)(end - at));
    uint64_t v = 0;

    if (wire == AT_PB_WIRE_VARINT) {
        (void)at_pb_read_varint(at, end, &v);
        at_text_addf(p->out, ": %" PRIu64, v);
    } else if (wire == AT_PB_WIRE_FIXED32) {
        at_text_addf(p->out, ": 0x%08" PRIx64, at_read_le(&r, 4));
    } else {
        at_text_addf(p->out, ": 0x%016" PRIx64, at_read_le(&r, 8));
    }
    end_line(p);
}

/* The next unknown field. Its bytes are whole: they were stepped over before. */
static void step_raw(struct printer *p, struct frame *frame)
{
    const uint8_t *end = frame->raw.at + frame->raw.len;
    uint64_t tag = 0;
    const uint8_t *at = frame->raw.len == 0 ? NULL : at_pb_read_varint(frame->raw.at, end, &tag);
    const uint8_t *behind;
    uint64_t wire = tag & 7;
    uint32_t nested = frame->nested;
    size_t len = 0;
    int why;

    behind = at == NULL || wire == AT_PB_WIRE_GROUP_END ? NULL : at_pb_skip(at, end, tag, &why);
    if (behind == NULL) {
        pop(p);
        return;
    }
    frame->raw = at_bytes_over(behind, (size_t)(end - behind));
    begin_line(p);
    at_text_addf(p->out, "%" PRIu64, tag >> 3);
    if (wire == AT_PB_WIRE_GROUP) {
        put_raw_group(p, at_bytes_over(at, (size_t)(behind - at)), nested);
    } else if (wire == AT_PB_WIRE_LENGTH) {
        at = at_pb_read_length(at, behind, &len);
        put_raw_bytes(p, at_bytes_over(at, len), nested);
    } else {
        put_raw_number(p, at, behind, wire);
    }
}

/* Behind the fields that have names: the pieces of the ring, the first one first. */
static void step_unknown(struct printer *p, struct frame *frame)
{
    const struct atoll_unknown *last =
        *(const struct atoll_unknown *const *)(frame->message + frame->desc->unknown_offset);

    if ((p->how->flags & AT_PBTEXT_UNKNOWN) == 0 || last == NULL || frame->piece == last) {
        pop(p);
        return;
    }
    frame->piece = frame->piece == NULL ? last->next : frame->piece->next;
    push_raw(p, at_bytes_over(frame->piece->bytes.at, frame->piece->bytes.len), 0, false);
}

/* ---- messages ---- */

static int push(struct printer *p, const struct atoll_message_desc *desc, const void *message,
                bool braces)
{
    if (p->depth >= AT_PB_DEPTH_MAX) {
        return AT_PBTEXT_BAD_VALUE;
    }
    p->frames[p->depth++] = (struct frame){.desc = desc, .message = message, .braces = braces};
    return 0;
}

/* What an Any holds, when its type is known and its value is one; NULL: print its two fields. */
static const void *open_any(struct printer *p, const struct atoll_message_desc *desc,
                            const uint8_t *message, struct at_bytes *ret_url,
                            const struct atoll_message_desc **ret_of)
{
    const struct atoll_field_desc *fields[2];
    const struct atoll_str *value;
    struct at_bytes name;
    void *held;

    if (p->how->types == NULL || !at_pbtext_any_fields(desc, &fields[0], &fields[1])) {
        return NULL;
    }
    value = (const struct atoll_str *)(message + fields[0]->offset);
    *ret_url = at_bytes_over(value->at, value->len);
    value = (const struct atoll_str *)(message + fields[1]->offset);
    name = at_pbtext_type_name(*ret_url);
    *ret_of = name.len == 0 ? NULL : p->how->types->find(p->how->types->ctx, name);
    held = *ret_of == NULL ? NULL : at_arena_alloc(&p->arena, (*ret_of)->struct_size, 8);
    if (held == NULL ||
        at_pb_decode(*ret_of, at_bytes_over(value->at, value->len), &p->arena, held, NULL) != 0) {
        return NULL;
    }
    return held;
}

static int begin_message(struct printer *p, const struct atoll_message_desc *desc,
                         const uint8_t *message, bool braces)
{
    const struct atoll_message_desc *of = NULL;
    struct at_bytes url;
    int r = push(p, desc, message, braces);
    const void *held = r == 0 ? open_any(p, desc, message, &url, &of) : NULL;

    if (held == NULL) {
        return r;
    }
    p->frames[p->depth - 1].field = desc->field_count; /* instead of its own fields */
    begin_line(p);
    at_text_add_char(p->out, '[');
    at_text_add(p->out, url);
    at_text_add_char(p->out, ']');
    open_brace(p);
    return push(p, of, held, true);
}

/* Behind the name of a field. NULL: a map entry without a value, which is an empty message. */
static int put_message(struct printer *p, const struct atoll_message_desc *desc,
                       const uint8_t *message)
{
    open_brace(p);
    if (message == NULL) {
        close_brace(p);
        return 0;
    }
    return begin_message(p, desc, message, true);
}

static void put_name(struct printer *p, const struct atoll_message_desc *desc,
                     const struct atoll_field_desc *f)
{
    bool extension = (f->flags & ATOLL_FIELD_EXTENSION) != 0;

    begin_line(p);
    if (extension) {
        at_text_add_char(p->out, '[');
    }
    at_text_add(p->out, at_pb_type(f) == ATOLL_TYPE_GROUP && !extension
                            ? at_pbtext_group_name(at_pb_sub(desc, f))
                            : at_pb_name(desc, f));
    if (extension) {
        at_text_add_char(p->out, ']');
    }
}

/* One value with its name: of the field, or of an element. */
static int put(struct printer *p, const struct atoll_message_desc *desc,
               const struct atoll_field_desc *f, const uint8_t *value)
{
    put_name(p, desc, f);
    if ((f->flags & ATOLL_FIELD_SENSITIVE) != 0 &&
        (p->how->flags & AT_PBTEXT_MASK_SENSITIVE) != 0) {
        at_text_add(p->out, AT_LIT(": \"***\""));
        end_line(p);
        return 0;
    }
    if (at_pb_is_message(f)) {
        return put_message(p, at_pb_sub(desc, f),
                           at_pb_is_repeated(f) ? value : *(const uint8_t *const *)value);
    }
    at_text_add(p->out, AT_LIT(": "));
    at_pbtext_write_scalar(desc, f, value, p->out);
    end_line(p);
    return 0;
}

/* A copy of the map's entries by ascending key, so that equal maps are equal texts. */
static int sort_map(struct printer *p, const struct atoll_message_desc *entry,
                    const struct at_pb_array *map, struct at_pb_array *ret)
{
    ret->count = map->count;
    ret->at = at_arena_alloc(&p->arena, map->count * entry->struct_size, 8);
    if (ret->at == NULL) {
        return -ENOMEM;
    }
    memcpy(ret->at, map->at, map->count * entry->struct_size);
    return at_pb_sort_map(entry, ret, &p->arena);
}

static int step_repeated(struct printer *p, struct frame *frame, const struct atoll_field_desc *f)
{
    const struct atoll_message_desc *desc = frame->desc;
    const struct at_pb_array *array = (const struct at_pb_array *)(frame->message + f->offset);
    const uint8_t *value;
    int r = 0;

    if (frame->element == array->count) {
        frame->field++;
        frame->element = 0;
        return 0;
    }
    if (at_pb_is_map(f)) {
        if (frame->element == 0) {
            r = sort_map(p, at_pb_sub(desc, f), array, &frame->sorted);
        }
        array = &frame->sorted;
    }
    if (r != 0 || frame->element >= array->count) { /* sorting leaves one of equal keys */
        frame->field += r == 0;
        frame->element = 0;
        return r;
    }
    value = (const uint8_t *)array->at + frame->element++ * at_pb_value_size(desc, f);
    return put(p, desc, f, value);
}

static int step_field(struct printer *p, struct frame *frame)
{
    const struct atoll_message_desc *desc = frame->desc;
    const struct atoll_field_desc *f = at_pb_field(desc, frame->field);
    const uint8_t *value = frame->message + f->offset;

    if (at_pb_is_repeated(f)) {
        return step_repeated(p, frame, f);
    }
    frame->field++;
    /* Key and value of a map entry are always there. */
    return at_pb_has(f, frame->message) || (desc->flags & ATOLL_MESSAGE_MAP_ENTRY) != 0
               ? put(p, desc, f, value)
               : 0;
}

int at_pbtext_write(const struct at_pbtext_how *how, const struct atoll_message_desc *desc,
                    const void *message, struct at_text *out)
{
    __attribute__((uninitialized)) struct printer p;
    int r;

    p.how = how;
    p.out = out;
    p.level = 0;
    p.begun = false;
    p.depth = 0;
    at_arena_init(&p.arena, 1024, AT_PBTEXT_ANY_BYTES_MAX);
    r = begin_message(&p, desc, message, false);
    while (r == 0 && p.depth > 0 && !out->failed) {
        struct frame *frame = &p.frames[p.depth - 1];

        if (frame->desc == NULL) {
            step_raw(&p, frame);
        } else if (frame->field < frame->desc->field_count) {
            r = step_field(&p, frame);
        } else {
            step_unknown(&p, frame);
        }
    }
    at_arena_deinit(&p.arena);
    return r == 0 && out->failed ? -ENOMEM : r;
}
