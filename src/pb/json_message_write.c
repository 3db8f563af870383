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
static int put(struct printer *p, const struct atoll_field_desc *f, const void *value)
{
    const void *message = value;

    if (f->type != ATOLL_TYPE_MESSAGE) {
        at_json_write_scalar(f, value, (p->flags & AT_JSON_ENUM_NUMBERS) != 0, p->out);
        return 0;
    }
    if (f->mode != ATOLL_MODE_REPEATED) {
        message = *(const void *const *)value;
    }
    if (message == NULL) { /* a map entry without a value: the value is an empty message */
        at_json_begin_object(p->out);
        at_json_end_object(p->out);
        return 0;
    }
    return push(p, f->of.message, message);
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
    bool map = (f->flags & ATOLL_FIELD_MAP) != 0;
    const uint8_t *element;

    if (frame->element == array->count) {
        close_repeated(p, frame, map);
        return 0;
    }
    element = (const uint8_t *)array->at + frame->element++ * at_pb_value_size(f);
    if (map) {
        const struct atoll_field_desc *key = at_pb_field(f->of.message, 0);

        f = at_pb_field(f->of.message, 1);
        at_json_write_key(key, element + key->offset, p->out);
        element += f->offset;
    }
    return put(p, f, element);
}

static bool is_printed(const struct printer *p, const struct frame *frame,
                       const struct atoll_field_desc *f)
{
    if (frame->bare || at_pb_has(f, frame->message)) {
        return true;
    }
    return (p->flags & AT_JSON_PRINT_DEFAULTS) != 0 &&
           (f->mode == ATOLL_MODE_REPEATED ||
            (f->mode == ATOLL_MODE_IMPLICIT && f->type != ATOLL_TYPE_MESSAGE));
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

        at_json_key_bytes(p->out, at_bytes_over(original ? f->name : f->json_name,
                                                original ? f->name_len : f->json_name_len));
    }
    if (f->mode == ATOLL_MODE_REPEATED) {
        frame->in_repeated = true;
        frame->element = 0;
        if ((f->flags & ATOLL_FIELD_MAP) != 0) {
            at_json_begin_object(p->out);
        } else {
            at_json_begin_array(p->out);
        }
        return 0;
    }
    frame->field++;
    if (frame->bare && f->mode != ATOLL_MODE_IMPLICIT && !at_pb_has(f, frame->message)) {
        at_json_null(p->out);
        return 0;
    }
    if (frame->bare && f->type == ATOLL_TYPE_MESSAGE && *(const void *const *)value == NULL) {
        at_json_null(p->out);
        return 0;
    }
    return put(p, f, value);
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
    uint32_t index =
        (uint32_t)((size_t)((const char *)field - (const char *)desc->fields) / desc->field_stride);

    p.out = out;
    p.flags = flags;
    p.depth = 1;
    p.frames[0] = (struct frame){
        .desc = desc, .message = message, .field = index, .end = index + 1, .bare = true};
    return run(&p);
}
