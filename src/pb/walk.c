/* Down and up again through a message, with frames of our own: its depth is not ours. */
#include "pb/walk.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/limits.h"
#include "pb/table.h"

static const struct atoll_field_desc here; /* found: the message itself, not one of its fields */

/* A message on the way down: which field, and which of its elements, is looked at. */
struct frame {
    const struct atoll_message_desc *desc;
    const uint8_t *message;
    size_t field;
    size_t element; /* the one behind it */
};

/* The next message below this one, or NULL when there is none left. */
static const uint8_t *next_below(struct frame *frame)
{
    for (; frame->field < frame->desc->field_count; frame->field++) {
        const struct atoll_field_desc *f = at_pb_field(frame->desc, frame->field);
        const uint8_t *value = frame->message + f->offset;
        const struct at_pb_array *array = (const struct at_pb_array *)value;

        if (!at_pb_is_message(f)) {
            continue;
        }
        if (at_pb_is_repeated(f) && frame->element < array->count) {
            return (const uint8_t *)array->at +
                   frame->element++ * at_pb_sub(frame->desc, f)->struct_size;
        }
        if (!at_pb_is_repeated(f) && frame->element++ == 0 && at_pb_has(f, frame->message) &&
            *(const uint8_t *const *)value != NULL) {
            return *(const uint8_t *const *)value;
        }
        frame->element = 0;
    }
    return NULL;
}

/* element: SIZE_MAX when the field is no list. */
static size_t add_step(char *out, size_t len, struct at_bytes name, size_t element)
{
    int n = 0;

    if (len < AT_PB_FIELD_PATH_MAX - 1) {
        n = snprintf(out + len, AT_PB_FIELD_PATH_MAX - len, "%s%.*s", len == 0 ? "" : ".",
                     (int)name.len, (const char *)name.at);
        len += n < 0 ? 0 : (size_t)n;
    }
    if (element != SIZE_MAX && len < AT_PB_FIELD_PATH_MAX - 1) {
        n = snprintf(out + len, AT_PB_FIELD_PATH_MAX - len, "[%zu]", element);
        len += n < 0 ? 0 : (size_t)n;
    }
    return len;
}

/* The field that a frame stands at. */
static size_t add_frame(char *out, size_t len, const struct frame *frame)
{
    const struct atoll_field_desc *f = at_pb_field(frame->desc, frame->field);

    return add_step(out, len, at_pb_name(frame->desc, f),
                    at_pb_is_repeated(f) ? frame->element - 1 : SIZE_MAX);
}

/* found: in the message below the last frame; NULL: what the last frame stands at is meant. */
static void explain(const struct frame *frames, size_t depth, const struct atoll_field_desc *found,
                    size_t element, int result, struct at_pb_fault *fault)
{
    size_t len = 0;

    if (fault == NULL) {
        return;
    }
    *fault = (struct at_pb_fault){0};
    for (size_t i = 0; i < depth; i++) {
        len = add_frame(fault->field, len, &frames[i]);
    }
    if (found != NULL && found != &here) {
        (void)add_step(fault->field, len, at_pb_name(frames[depth].desc, found),
                       at_pb_is_repeated(found) ? element : SIZE_MAX);
    }
    (void)snprintf(fault->what, sizeof(fault->what), "field %s %s", fault->field,
                   at_pb_result_text(result));
}

int at_pb_walk(const struct atoll_message_desc *desc, const void *message, at_pb_look *look,
               int result, struct at_pb_fault *fault)
{
    __attribute__((uninitialized)) struct frame frames[AT_PB_DEPTH_MAX];
    size_t depth = 0;

    frames[0] = (struct frame){desc, message, 0, 0};
    for (;;) {
        struct frame *frame = &frames[depth];
        const struct atoll_field_desc *found = NULL;
        const uint8_t *below;
        size_t element = 0;

        if (frame->field == 0 && frame->element == 0) {
            found = look(frame->desc, frame->message, &element);
        }
        if (found != NULL) {
            explain(frames, depth, found, element, result, fault);
            return result;
        }
        below = next_below(frame);
        if (below == NULL && depth == 0) {
            return AT_PB_OK;
        }
        if (below == NULL) {
            depth--;
            continue;
        }
        if (++depth == AT_PB_DEPTH_MAX) {
            explain(frames, depth, NULL, 0, AT_PB_TOO_DEEP, fault);
            return AT_PB_TOO_DEEP;
        }
        frames[depth] = (struct frame){
            at_pb_sub(frame->desc, at_pb_field(frame->desc, frame->field)), below, 0, 0};
    }
}

static const struct atoll_field_desc *look_for_unknown(const struct atoll_message_desc *desc,
                                                       const void *message, size_t *ret_element)
{
    const void *const *unknown = (const void *)((const uint8_t *)message + desc->unknown_offset);

    *ret_element = 0;
    return *unknown == NULL ? NULL : &here;
}

bool at_pb_find_unknown(const struct atoll_message_desc *desc, const void *message,
                        struct at_pb_fault *ret)
{
    enum { FOUND = AT_PB_MISSING }; /* any result that is not AT_PB_TOO_DEEP */

    return at_pb_walk(desc, message, look_for_unknown, FOUND, ret) == FOUND;
}
