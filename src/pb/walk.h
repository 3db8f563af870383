/* Finding a place within a message, so that its field can be named. Inner header of pb. */
#ifndef AT_PB_WALK_H
#define AT_PB_WALK_H

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

#endif
