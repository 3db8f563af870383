/*
 * Maps in the order of their keys, through a whole message: what deterministic encoding needs
 * beside ascending field numbers. One loop, one stack of frames; a frame is a message in work.
 */
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/limits.h"
#include "pb/map.h"
#include "pb/table.h"

struct frame {
    const struct atoll_message_desc *desc;
    uint8_t *message;
    uint32_t field; /* index of the one in work */
    size_t element; /* of a repeated one: how many are done */
};

/* Does anything in the field have fields of its own? Of entries only the value can. */
static bool has_inside(const struct atoll_message_desc *desc, const struct atoll_field_desc *f)
{
    return at_pb_is_message(f) &&
           (!at_pb_is_map(f) || at_pb_is_message(at_pb_field(at_pb_sub(desc, f), 1)));
}

/* The next message within the field in work; NULL: there is no more, the field is done. */
static uint8_t *next_within(struct frame *frame, const struct atoll_field_desc *f)
{
    uint8_t *value = frame->message + f->offset;

    if (at_pb_is_repeated(f)) {
        const struct at_pb_array *array = (const struct at_pb_array *)value;

        return frame->element == array->count
                   ? NULL
                   : (uint8_t *)array->at + frame->element++ * at_pb_value_size(frame->desc, f);
    }
    if (frame->element++ > 0 || !at_pb_has(f, frame->message)) {
        return NULL;
    }
    return *(uint8_t **)value;
}

int at_pb_sort_maps(const struct atoll_message_desc *desc, void *message, struct at_arena *arena)
{
    __attribute__((uninitialized)) struct frame frames[AT_PB_DEPTH_MAX];
    size_t depth = 1;

    frames[0] = (struct frame){.desc = desc, .message = message};
    while (depth > 0) {
        struct frame *frame = &frames[depth - 1];
        const struct atoll_field_desc *f;
        uint8_t *within;

        if (frame->field == frame->desc->field_count) {
            depth--;
            continue;
        }
        f = at_pb_field(frame->desc, frame->field);
        if (at_pb_is_map(f) && frame->element == 0) {
            int r = at_pb_sort_map(at_pb_sub(frame->desc, f),
                                   (struct at_pb_array *)(frame->message + f->offset), arena);

            if (r < 0) {
                return r;
            }
        }
        within = has_inside(frame->desc, f) ? next_within(frame, f) : NULL;
        if (within == NULL) {
            frame->field++;
            frame->element = 0;
            continue;
        }
        if (depth == AT_PB_DEPTH_MAX) {
            return AT_PB_TOO_DEEP;
        }
        frames[depth++] = (struct frame){.desc = at_pb_sub(frame->desc, f), .message = within};
    }
    return AT_PB_OK;
}

int at_pb_encode_sorted(const struct atoll_message_desc *desc, void *message,
                        struct at_arena *arena, struct at_bytes *ret)
{
    int r = at_pb_sort_maps(desc, message, arena);

    return r == AT_PB_OK ? at_pb_encode_in_arena(desc, message, arena, ret) : r;
}
