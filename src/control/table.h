/* How the message tables of this room are written; for its .c files only. */
#ifndef AT_CONTROL_TABLE_H
#define AT_CONTROL_TABLE_H

#include <stddef.h>

#include "control/message.h"

#define U32_AT(message, member) {AT_FIELD_U32, offsetof(struct message, member), 0}
#define U64_AT(message, member) {AT_FIELD_U64, offsetof(struct message, member), 0}
#define BYTES_AT(message, member, max) {AT_FIELD_BYTES, offsetof(struct message, member), (max)}

/* message: the struct's name; number: on the wire; fds: descriptors it may carry; then fields. */
#define KIND_OF(message, number, fds, ...)                                                         \
    static const struct at_field message##_fields[] = {__VA_ARGS__};                               \
    _Static_assert(sizeof(message##_fields) / sizeof(struct at_field) <= AT_MESSAGE_FIELDS_MAX,    \
                   "too many fields");                                                             \
    const struct at_message_kind message##_kind = {.type = (number),                               \
                                                   .field_count = sizeof(message##_fields) /       \
                                                                  sizeof(struct at_field),         \
                                                   .fds_max = (fds),                               \
                                                   .name = #number,                                \
                                                   .fields = message##_fields,                     \
                                                   .struct_size = sizeof(struct message)}

#endif
