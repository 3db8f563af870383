/*
 * Which field kept a message from being encoded. The encoder keeps no path and goes backwards; so
 * this goes through the message once more, and names the first offending field from its beginning.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <atoll/message.h>

#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/required.h"
#include "pb/table.h"
#include "pb/walk.h"
#include "pb/wire.h"

/* The first of the field's strings that is not UTF-8; count when all are. */
static size_t first_bad(const struct atoll_field_desc *f, const uint8_t *message, size_t *ret_count)
{
    const struct at_pb_array *array = (const struct at_pb_array *)(message + f->offset);
    const struct atoll_str *text = (const struct atoll_str *)(message + f->offset);
    size_t i = 0;

    *ret_count = at_pb_has(f, message) ? 1 : 0;
    if (at_pb_is_repeated(f)) {
        text = array->at;
        *ret_count = array->count;
    }
    while (i < *ret_count && at_pb_is_utf8((const uint8_t *)text[i].at, text[i].len)) {
        i++;
    }
    return i;
}

static const struct atoll_field_desc *look(const struct atoll_message_desc *desc,
                                           const void *message, size_t *ret_element)
{
    for (size_t i = 0; i < desc->field_count; i++) {
        const struct atoll_field_desc *f = at_pb_field(desc, i);
        size_t count;

        if (at_pb_type(f) != ATOLL_TYPE_STRING || (f->flags & ATOLL_FIELD_ANY_BYTES) != 0) {
            continue;
        }
        *ret_element = first_bad(f, message, &count);
        if (*ret_element < count) {
            return f;
        }
    }
    return NULL;
}

/* Of the depth alone. */
static const struct atoll_field_desc *look_away(const struct atoll_message_desc *desc,
                                                const void *message, size_t *ret_element)
{
    return NULL;
}

void at_pb_explain_encode(const struct atoll_message_desc *desc, const void *message, int result,
                          struct at_pb_fault *fault)
{
    int found = AT_PB_OK;

    if (result == AT_PB_BAD_UTF8) {
        found = at_pb_walk(desc, message, look, result, fault);
    } else if (result == AT_PB_MISSING) {
        found = at_pb_check_required(desc, message, fault);
    } else if (result == AT_PB_TOO_DEEP) {
        found = at_pb_walk(desc, message, look_away, result, fault);
    }
    if (found == AT_PB_OK) {
        *fault = (struct at_pb_fault){0};
        (void)snprintf(fault->what, sizeof(fault->what), "the message %s %s", desc->full_name,
                       at_pb_result_text(result));
    }
}
