/* The ways between JSON and messages that take options. */
#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/json.h"
#include "pb/json_message.h"

int at_json_read_message(const struct at_json_how *how, const struct atoll_message_desc *desc,
                         struct at_bytes json, struct at_arena *arena, void *message)
{
    return at_json_to_message(desc, json, how->flags, arena, message, how->fault);
}

int at_json_read_field(const struct at_json_how *how, const struct atoll_message_desc *desc,
                       const struct atoll_field_desc *field, struct at_bytes json,
                       struct at_arena *arena, void *message)
{
    return at_json_to_field(desc, field, json, how->flags, arena, message, how->fault);
}

int at_json_write_message(const struct at_json_how *how, const struct atoll_message_desc *desc,
                          const void *message, struct at_json_writer *out)
{
    return at_json_from_message(desc, message, how->flags, out);
}

int at_json_write_field(const struct at_json_how *how, const struct atoll_message_desc *desc,
                        const struct atoll_field_desc *field, const void *message,
                        struct at_json_writer *out)
{
    return at_json_from_field(desc, field, message, how->flags, out);
}
