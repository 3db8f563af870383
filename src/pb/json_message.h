/*
 * protobuf's JSON mapping (protobuf.dev/programming-guides/json) between messages and JSON, in one
 * pass each way, without a tree; proto2 and proto3, generated tables and those of a pool.
 *
 * Reading accepts lowerCamel and original field names, 64-bit integers as numbers or strings, enum
 * names (in any case) or numbers, base64 and base64url with or without padding, null as "absent".
 * Writing prints lowerCamel names, 64-bit integers as strings, enum names (numbers without a name as
 * numbers), bytes as base64, the shortest digits of a double. Timestamp, Duration, FieldMask, the
 * wrappers, Struct, Value, ListValue, NullValue and Any have their forms; extensions that the table
 * knows are members "[pkg.name]". Unknown fields of the wire have no JSON form and are left out.
 *
 * Nothing here is shared between threads; what is read may be freed with its arena.
 */
#ifndef AT_PB_JSON_MESSAGE_H
#define AT_PB_JSON_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/fault.h"
#include "pb/json.h"

enum at_json_read_flags {
    AT_JSON_IGNORE_UNKNOWN =
        1, /* members and names of enum values that are not known: as if absent */
};

enum at_json_write_flags {
    AT_JSON_PRINT_DEFAULTS = 1, /* fields without presence also when 0, false or empty */
    AT_JSON_ORIGINAL_NAMES = 2, /* item_id instead of itemId */
    AT_JSON_ENUM_NUMBERS = 4,
    AT_JSON_MASK_SENSITIVE = 8, /* fields marked (atoll.field).sensitive are "***" */
};

enum at_json_result {
    AT_JSON_OK = 0,
    AT_JSON_BAD_TEXT = 1,  /* not JSON */
    AT_JSON_BAD_VALUE = 2, /* JSON, but not this message */
};

/*
 * Where the types come from that a google.protobuf.Any names. find is given the part of the type
 * URL behind the last slash, "shop.cart.v1.Cart", and answers NULL when it knows none of that name.
 */
struct at_json_types {
    const struct atoll_message_desc *(*find)(void *ctx, struct at_bytes full_name);
    void *ctx;
};

/* How to read or to write; all zero: strictly, by the rules, without Any. */
struct at_json_how {
    uint32_t flags;                    /* enum at_json_read_flags or at_json_write_flags */
    const struct at_json_types *types; /* NULL: an Any with a content is refused */
    struct at_pb_fault *fault;         /* NULL: nobody wants to know */
    struct at_arena *scratch;          /* to write: for the contents of Any; NULL: the heap */
};

/* The four ways between JSON and messages, as the four below that take only flags. */
int at_json_read_message(const struct at_json_how *how, const struct atoll_message_desc *desc,
                         struct at_bytes json, struct at_arena *arena, void *message);
int at_json_read_field(const struct at_json_how *how, const struct atoll_message_desc *desc,
                       const struct atoll_field_desc *field, struct at_bytes json,
                       struct at_arena *arena, void *message);
/* fault->what says why an Any could not be written; its places are 0. */
int at_json_write_message(const struct at_json_how *how, const struct atoll_message_desc *desc,
                          const void *message, struct at_json_writer *out);
int at_json_write_field(const struct at_json_how *how, const struct atoll_message_desc *desc,
                        const struct atoll_field_desc *field, const void *message,
                        struct at_json_writer *out);

/*
 * JSON text into a message of desc->struct_size bytes, made empty first. Strings without escapes borrow
 * the text, everything else lives in the arena. 0, an at_json_result with fault filled in (may be
 * NULL): "field quantity: 2147483648 is over the int32 limit", or -ENOMEM.
 */
int at_json_to_message(const struct atoll_message_desc *desc, struct at_bytes json, uint32_t flags,
                       struct at_arena *arena, void *message, struct at_pb_fault *fault);

/*
 * The value of one field from JSON text, into a message that exists (for `body: "item"`): the text
 * is what would stand behind the colon. fault names places inside of the text: "quantity", not
 * "item.quantity".
 */
int at_json_to_field(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                     struct at_bytes json, uint32_t flags, struct at_arena *arena, void *message,
                     struct at_pb_fault *fault);

/*
 * One scalar field from plain text, as it stands in a path or query ("5", "true", "KIND_ADD"), or
 * one whose JSON is a scalar ("2026-01-31T23:59:59Z", "1.5s", "fooBar,baz", a wrapper's value);
 * a repeated scalar field gets one more element. path names the field through sub-messages
 * ("item.id"), which are made on the way. AT_JSON_BAD_VALUE: no such field (what says so and names
 * the nearest), not a scalar, or no value of its type. The text may be borrowed.
 */
int at_json_set_from_text(const struct atoll_message_desc *desc, struct at_bytes path,
                          struct at_bytes text, struct at_arena *arena, void *message,
                          struct at_pb_fault *fault);

/* The message as one JSON object. 0; -ENOMEM; AT_JSON_BAD_VALUE: nested deeper than the limit. */
int at_json_from_message(const struct atoll_message_desc *desc, const void *message, uint32_t flags,
                         struct at_json_writer *out);
/* One field's value alone (for response_body). */
int at_json_from_field(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                       const void *message, uint32_t flags, struct at_json_writer *out);

#endif
