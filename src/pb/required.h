/* Required fields (proto2): is a message complete? */
#ifndef AT_PB_REQUIRED_H
#define AT_PB_REQUIRED_H

#include <stdbool.h>

#include <atoll/message.h>

#include "pb/fault.h"

/* Does the message have all that its own type requires? Messages below it are not looked at. */
bool at_pb_has_required(const struct atoll_message_desc *desc, const void *message);
/*
 * The message and all below it. 0; AT_PB_MISSING: a field is absent, which fault (may be NULL) then
 * names; AT_PB_TOO_DEEP.
 */
int at_pb_check_required(const struct atoll_message_desc *desc, const void *message,
                         struct at_pb_fault *fault);

#endif
