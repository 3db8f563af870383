#include "pb/required.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/limits.h"
#include "pb/table.h"

/* A message on the way down: which field, and which of its elements, is looked at. */
struct frame {
    const struct atoll_message_desc *desc;
    const uint8_t *message;
    size_t field;
    size_t element;
};

static bool is_there(const struct atoll_field_desc *f, const uint8_t *message)
{
    if (at_pb_is_message(f)) {
        return *(const void *const *)(message + f->offset) != NULL;
    }
    return at_pb_form(f) != ATOLL_FORM_OPTIONAL || *(const bool *)(message + f->presence);
}

static const struct atoll_field_desc *first_missing(const struct atoll_message_desc *desc,
                                                    const uint8_t *message)
{
    if ((desc->flags & ATOLL_MESSAGE_HAS_REQUIRED) == 0) {
        return NULL;
    }
    for (size_t i = 0; i < desc->field_count; i++) {
        const struct atoll_field_desc *f = at_pb_field(desc, i);

        if ((f->flags & ATOLL_FIELD_REQUIRED) != 0 && !is_there(f, message)) {
            return f;
        }
    }
    return NULL;
}

bool at_pb_has_required(const struct atoll_message_desc *desc, const void *message)
{
    return first_missing(desc, message) == NULL;
}

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

static size_t add_step(char *out, size_t len, const struct frame *frame,
                       const struct atoll_field_desc *f)
{
    struct at_bytes name = at_pb_name(frame->desc, f);
    int n = 0;

    if (len < AT_PB_FIELD_PATH_MAX - 1) {
        n = snprintf(out + len, AT_PB_FIELD_PATH_MAX - len, "%s%.*s", len == 0 ? "" : ".",
                     (int)name.len, (const char *)name.at);
        len += n < 0 ? 0 : (size_t)n;
    }
    if (at_pb_is_repeated(f) && len < AT_PB_FIELD_PATH_MAX - 1) {
        n = snprintf(out + len, AT_PB_FIELD_PATH_MAX - len, "[%zu]", frame->element - 1);
        len += n < 0 ? 0 : (size_t)n;
    }
    return len;
}

static void explain(const struct frame *frames, size_t depth,
                    const struct atoll_field_desc *missing, struct at_pb_fault *fault)
{
    size_t len = 0;

    *fault = (struct at_pb_fault){0};
    for (size_t i = 0; i < depth; i++) {
        len = add_step(fault->field, len, &frames[i], at_pb_field(frames[i].desc, frames[i].field));
    }
    (void)add_step(fault->field, len, &frames[depth], missing);
    (void)snprintf(fault->what, sizeof(fault->what), "field %s %s", fault->field,
                   at_pb_result_text(AT_PB_MISSING));
}

int at_pb_check_required(const struct atoll_message_desc *desc, const void *message,
                         struct at_pb_fault *fault)
{
    __attribute__((uninitialized)) struct frame frames[AT_PB_DEPTH_MAX];
    size_t depth = 0;

    frames[0] = (struct frame){desc, message, 0, 0};
    for (;;) {
        struct frame *frame = &frames[depth];
        const struct atoll_field_desc *missing = NULL;
        const uint8_t *below;

        if (frame->field == 0 && frame->element == 0) {
            missing = first_missing(frame->desc, frame->message);
        }
        if (missing != NULL) {
            if (fault != NULL) {
                explain(frames, depth, missing, fault);
            }
            return AT_PB_MISSING;
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
            return AT_PB_TOO_DEEP;
        }
        frames[depth] = (struct frame){
            at_pb_sub(frame->desc, at_pb_field(frame->desc, frame->field)), below, 0, 0};
    }
}
