#include "pb/required.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/walk.h"

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

static const struct atoll_field_desc *look(const struct atoll_message_desc *desc,
                                           const void *message, size_t *ret_element)
{
    *ret_element = 0;
    return first_missing(desc, message);
}

int at_pb_check_required(const struct atoll_message_desc *desc, const void *message,
                         struct at_pb_fault *fault)
{
    return at_pb_walk(desc, message, look, AT_PB_MISSING, fault);
}
