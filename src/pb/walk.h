/* Finding a place within a message, so that its field can be named. Inner header of pb. */
#ifndef AT_PB_WALK_H
#define AT_PB_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include <atoll/message.h>

#include "pb/fault.h"

/*
 * Looks at one message, not at those below it: the field meant, or NULL; of a list also which of
 * its elements.
 */
typedef const struct atoll_field_desc *at_pb_look(const struct atoll_message_desc *desc,
                                                  const void *message, size_t *ret_element);

/*
 * Looks at the message and all below it, each before its own fields' messages. AT_PB_OK: nothing
 * was found; `result`: fault (may be NULL) names the first field that was and says of it what the
 * result means; AT_PB_TOO_DEEP: fault names the field at which we gave up.
 */
int at_pb_walk(const struct atoll_message_desc *desc, const void *message, at_pb_look *look,
               int result, struct at_pb_fault *fault);

/*
 * Does the message, or one below it, have fields that its type does not know? True: ret->field is
 * the way to the first one that does, "" when it is the message itself. Not looked into: what
 * stands packed in a google.protobuf.Any, and what is deeper than may be sent.
 */
bool at_pb_find_unknown(const struct atoll_message_desc *desc, const void *message,
                        struct at_pb_fault *ret);

#endif
