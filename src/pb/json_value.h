/* One scalar of a message from its JSON or plain text form. Inner header of pb. */
#ifndef AT_PB_JSON_VALUE_H
#define AT_PB_JSON_VALUE_H

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/json.h"

enum { AT_JSON_WHY_MAX = 192 };

/*
 * desc is the message that has the field.
 *
 * Stores what the token says at value, which has room for the field's type. Strings without escapes
 * borrow the token's text. 0; -ENOMEM; AT_JSON_BAD_VALUE with why as the end of a sentence that
 * begins with the field's name: "2147483648 is over the int32 limit".
 */
int at_json_read_scalar(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                        const struct at_json_token *token, struct at_arena *arena, void *value,
                        char why[AT_JSON_WHY_MAX]);
/* The same from plain text: a map key, a part of a path or of a query. */
int at_json_read_text(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                      struct at_bytes text, struct at_arena *arena, void *value,
                      char why[AT_JSON_WHY_MAX]);
/* A string token without its escapes; allocates only when it has some. 0 or -ENOMEM. */
int at_json_token_string(const struct at_json_token *token, struct at_arena *arena,
                         struct atoll_str *ret);
/* A value as a JSON value. */
void at_json_write_scalar(const struct atoll_message_desc *desc,
                          const struct atoll_field_desc *field, const void *value,
                          bool enum_numbers, struct at_json_writer *out);
/* A map key: always a string. */
void at_json_write_key(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                       const void *value, struct at_json_writer *out);

#endif
