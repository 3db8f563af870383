/*
 * Extensions of generated messages: among the unknown fields of the message, read and written as a
 * holder, a message whose only field is the extension. (In tables made at run time extensions are
 * fields as all others.)
 *
 * In a message set (message_set_wire_format) an extension goes by another form, which is seen to.
 */
#ifndef AT_PB_EXTENSION_H
#define AT_PB_EXTENSION_H

#include <stdbool.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "pb/fault.h"

bool at_pb_extension_has(const struct atoll_extension_desc *extension, const void *message);
/*
 * Into holder, which is made empty first and stays so when the message does not have the
 * extension. Borrows from what the message was decoded from. 0, an at_pb_result with fault (may be
 * NULL), -ENOMEM.
 */
int at_pb_extension_get(const struct atoll_extension_desc *extension, const void *message,
                        struct at_arena *arena, void *holder, struct at_pb_fault *fault);
/*
 * In place of what the message has of it; an empty holder takes it off. The holder may go
 * afterwards. 0, an at_pb_result, -ENOMEM; then the message is unchanged.
 */
int at_pb_extension_set(const struct atoll_extension_desc *extension, void *message,
                        struct at_arena *arena, const void *holder);
/* Takes it off. 0; -ENOMEM with the message unchanged. */
int at_pb_extension_clear(const struct atoll_extension_desc *extension, void *message,
                          struct at_arena *arena);

#endif
