/* Message to JSON: one loop, one stack of frames; a frame is a message that is being printed. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/json_value.h"
#include "pb/limits.h"
#include "pb/table.h"

struct frame {
    const struct atoll_message_desc *desc;
    const uint8_t *message;
    uint32_t field;   /* index of the field in work */
    uint32_t end;     /* fields from here on are not ours to print */
    size_t element;   /* of a repeated field: the next one */
    bool in_repeated; /* the list or map of the field is open */
    bool bare;        /* prints a field's value alone: no braces, no name */
};

struct printer {
    struct at_json_writer *out;
    uint32_t flags;
    size_t depth;
    struct frame frames[AT_PB_DEPTH_MAX];
};

static int push(struct printer *p, const struct atoll_message_desc *desc, const void *message)
{
    if (p->depth == AT_PB_DEPTH_MAX) {
        return AT_JSON_BAD_VALUE;
    }
    p->frames[p->depth++] =
        (struct frame){.desc = desc, .message = message, .end = desc->field_count};
    at_json_begin_object(p->out);
    return 0;
}

/* A value that is there: of the field, or of an element. */
static int put(struct printer *p, const struct atoll_message_desc *desc,
               const struct atoll_field_desc *f, const void *value)
{
    const void *message = value;

    if (!at_pb_is_message(f)) {
        at_json_write_scalar(desc, f, value, (p->flags & AT_JSON_ENUM_NUMBERS) != 0, p->out);
        return 0;
    }
    if (!at_pb_is_repeated(f)) {
        message = *(const void *const *)value;
    }
    if (message == NULL) { /* a map entry without a value: the value is an empty message */
        at_json_begin_object(p->out);
        at_json_end_object(p->out);
        return 0;
    }
    return push(p, at_pb_sub(desc, f), message);
}

static void close_repeated(struct printer *p, struct frame *frame, bool map)
{
    if (map) {
        at_json_end_object(p->out);
    } else {
        at_json_end_array(p->out);
    }
    frame->in_repeated = false;
    frame->field++;
}

static int step_element(struct printer *p, struct frame *frame, const struct atoll_field_desc *f)
{
    const struct at_pb_array *array = (const struct at_pb_array *)(frame->message + f->offset);
    const struct atoll_message_desc *desc = frame->desc;
    bool map = at_pb_is_map(f);
    const uint8_t *element;

    if (frame->element == array->count) {
        close_repeated(p, frame, map);
        return 0;
    }
    element = (const uint8_t *)array->at + frame->element++ * at_pb_value_size(desc, f);
    if (map) {
        const struct atoll_field_desc *key;

        desc = at_pb_sub(desc, f);
        key = at_pb_field(desc, 0);
        f = at_pb_field(desc, 1);
        at_json_write_key(desc, key, element + key->offset, p->out);
        element += f->offset;
    }
    return put(p, desc, f, element);
}

static bool is_printed(const struct printer *p, const struct frame *frame,
                       const struct atoll_field_desc *f)
{
    if (frame->bare || at_pb_has(f, frame->message)) {
        return true;
    }
    return (p->flags & AT_JSON_PRINT_DEFAULTS) != 0 &&
           (at_pb_is_repeated(f) || (at_pb_form(f) == ATOLL_FORM_IMPLICIT && !at_pb_is_message(f)));
}

static int step_field(struct printer *p, struct frame *frame, const struct atoll_field_desc *f)
{
    const uint8_t *value = frame->message + f->offset;

    if (!is_printed(p, frame, f)) {
        frame->field++;
        return 0;
    }
    if (!frame->bare) {
        bool original = (p->flags & AT_JSON_ORIGINAL_NAMES) != 0;

        at_json_key_bytes(p->out,
                          original ? at_pb_name(frame->desc, f) : at_pb_json_name(frame->desc, f));
    }
    if (at_pb_is_repeated(f)) {
        frame->in_repeated = true;
        frame->element = 0;
        if (at_pb_is_map(f)) {
            at_json_begin_object(p->out);
        } else {
            at_json_begin_array(p->out);
        }
        return 0;
    }
    frame->field++;
    if (frame->bare && at_pb_form(f) != ATOLL_FORM_IMPLICIT && !at_pb_has(f, frame->message)) {
        at_json_null(p->out);
        return 0;
    }
    if (frame->bare && at_pb_is_message(f) && *(const void *const *)value == NULL) {
        at_json_null(p->out);
        return 0;
    }
    return put(p, frame->desc, f, value);
}

static int run(struct printer *p)
{
    int r = 0;

    while (r == 0 && p->depth > 0) {
        struct frame *frame = &p->frames[p->depth - 1];

        if (frame->field == frame->end) {
            if (!frame->bare) {
                at_json_end_object(p->out);
            }
            p->depth--;
        } else if (frame->in_repeated) {
            r = step_element(p, frame, at_pb_field(frame->desc, frame->field));
        } else {
            r = step_field(p, frame, at_pb_field(frame->desc, frame->field));
        }
    }
    return r == 0 && p->out->out->failed ? -ENOMEM : r;
}

int at_json_from_message(const struct atoll_message_desc *desc, const void *message, uint32_t flags,
                         struct at_json_writer *out)
{
    __attribute__((uninitialized)) struct printer p;
    int r;

    p.out = out;
    p.flags = flags;
    p.depth = 0;
    r = push(&p, desc, message);
    return r == 0 ? run(&p) : r;
}

int at_json_from_field(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                       const void *message, uint32_t flags, struct at_json_writer *out)
{
    __attribute__((uninitialized)) struct printer p;
    uint32_t index = (uint32_t)at_pb_index(desc, field);

    p.out = out;
    p.flags = flags;
    p.depth = 1;
    p.frames[0] = (struct frame){
        .desc = desc, .message = message, .field = index, .end = index + 1, .bare = true};
    return run(&p);
}
