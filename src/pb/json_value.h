/* One scalar of a message from and to its JSON or plain text form. Inner header of pb. */
#ifndef AT_PB_JSON_VALUE_H
#define AT_PB_JSON_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/json.h"
#include "pb/json_names.h"

enum { AT_JSON_WHY_MAX = 192, AT_JSON_SHOWN_ROOM = 44 };

/* More than enum at_json_result, for inside: an enum has no such value; the caller may skip it. */
enum { AT_JSON_UNKNOWN_VALUE = 3 };

/*
 * Where values go and what was wrong with one: the end of a sentence that begins with the field's
 * name, "2147483648 is over the int32 limit". A zeroed one with names.arena set is ready.
 */
struct at_json_source {
    struct at_json_names names;
    char why[AT_JSON_WHY_MAX];
};

/* The first characters of a text, safe to show on a terminal, "..." behind when there are more. */
void at_json_show(struct at_bytes text, char out[AT_JSON_SHOWN_ROOM]);
/* Both return AT_JSON_BAD_VALUE; the second says "TEXT what". */
int at_json_refuse(struct at_json_source *s, const char *why);
int at_json_refuse_text(struct at_json_source *s, struct at_bytes text, const char *what);

/*
 * desc is the message that has the field.
 *
 * Stores what the token says at value, which has room for the field's type. Strings without escapes
 * borrow the token's text. 0; -ENOMEM; AT_JSON_BAD_VALUE or AT_JSON_UNKNOWN_VALUE with s->why.
 */
int at_json_read_scalar(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                        const struct at_json_token *token, struct at_json_source *s, void *value);
/* The same for a map key: a whole number is nothing but digits and perhaps a sign. */
int at_json_read_key(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                     struct at_bytes text, struct at_json_source *s, void *value);
/* The same from plain text: a part of a path or of a query, a wrapper's value. */
int at_json_read_text(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                      struct at_bytes text, struct at_json_source *s, void *value);
/* A string token without its escapes; allocates only when it has some. 0 or -ENOMEM. */
int at_json_token_string(const struct at_json_token *token, struct at_arena *arena,
                         struct atoll_str *ret);
/* Notes that a field with presence is there; of the others that says its value. */
static inline void at_json_set_present(const struct atoll_field_desc *field, void *message)
{
    uint8_t *presence = (uint8_t *)message + field->presence;

    if (at_pb_form(field) == ATOLL_FORM_OPTIONAL) {
        *(bool *)presence = true;
    } else if (at_pb_form(field) == ATOLL_FORM_ONEOF) {
        *(uint32_t *)(void *)presence = at_pb_number(field);
    }
}

/* A value as a JSON value. False: it is a string that is not UTF-8, which has no JSON form. */
bool at_json_write_scalar(const struct atoll_message_desc *desc,
                          const struct atoll_field_desc *field, const void *value,
                          bool enum_numbers, struct at_json_writer *out);
/*
 * A member with its JSON name, in one go. False: nothing was written, as it needs the long way
 * (an escape, a new line, NaN, an enum …).
 */
bool at_json_write_member(const struct atoll_message_desc *desc,
                          const struct atoll_field_desc *field, const void *value,
                          struct at_json_writer *out);
/* A map key: always a string. False: as at_json_write_scalar(). */
bool at_json_write_key(const struct atoll_field_desc *field, const void *value,
                       struct at_json_writer *out);

#endif
