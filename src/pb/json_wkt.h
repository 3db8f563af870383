/*
 * Messages of google/protobuf/ that have a JSON form of their own. Inner header of pb.
 *
 * They are known by their full name and by their fields: a descriptor set is input, and one that
 * calls something else google.protobuf.Timestamp gets the JSON of an ordinary message.
 */
#ifndef AT_PB_JSON_WKT_H
#define AT_PB_JSON_WKT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/json.h"
#include "pb/json_value.h"
#include "pb/table.h"

enum at_json_wkt {
    AT_JSON_PLAIN, /* an object with a member per field */
    AT_JSON_EMPTY, /* the same, known because an Any shows it without a value */
    AT_JSON_TIMESTAMP,
    AT_JSON_DURATION,
    AT_JSON_FIELD_MASK,
    AT_JSON_WRAPPER,
    AT_JSON_STRUCT,
    AT_JSON_VALUE,
    AT_JSON_LIST_VALUE,
    AT_JSON_ANY,
};

/* Numbers of the fields of google.protobuf.Value. */
enum at_json_value_field {
    AT_JSON_VALUE_NULL = 1,
    AT_JSON_VALUE_NUMBER = 2,
    AT_JSON_VALUE_STRING = 3,
    AT_JSON_VALUE_BOOL = 4,
    AT_JSON_VALUE_STRUCT = 5,
    AT_JSON_VALUE_LIST = 6,
};

enum at_json_wkt at_json_wkt_find(const struct atoll_message_desc *desc);

static inline enum at_json_wkt at_json_wkt_of(const struct atoll_message_desc *desc)
{
    return desc->full_name[0] == 'g' && strncmp(desc->full_name, "google.protobuf.", 16) == 0
               ? at_json_wkt_find(desc)
               : AT_JSON_PLAIN;
}

/* A field of a message whose kind is known, so that it is there. */
static inline const struct atoll_field_desc *
at_json_wkt_field(const struct atoll_message_desc *desc, uint32_t number)
{
    const struct atoll_field_desc *f = at_pb_find(desc, number);

    return f != NULL ? f : desc->fields;
}

/* google.protobuf.NullValue, whose one value is null. */
bool at_json_is_null_value(const struct atoll_message_desc *desc,
                           const struct atoll_field_desc *field);

/* Is the field's value null where others have none: a NullValue or a Value? */
bool at_json_takes_null(const struct atoll_message_desc *desc,
                        const struct atoll_field_desc *field);

/*
 * The kinds whose JSON form is one scalar: Timestamp, Duration, FieldMask and the wrappers. message
 * is an empty one. 0; -ENOMEM; AT_JSON_BAD_VALUE with s->why.
 */
int at_json_read_wkt(enum at_json_wkt kind, const struct atoll_message_desc *desc,
                     const struct at_json_token *token, struct at_json_source *s, void *message);
/* The same from plain text, of a path or a query. */
int at_json_read_wkt_text(enum at_json_wkt kind, const struct atoll_message_desc *desc,
                          struct at_bytes text, struct at_json_source *s, void *message);
/* Why a string has no JSON form. */
#define AT_JSON_NO_UTF8 "is a string that is not UTF-8, as JSON must be"

/* 0, or AT_JSON_BAD_VALUE with why: the message has no JSON form. */
int at_json_write_wkt(enum at_json_wkt kind, const struct atoll_message_desc *desc,
                      const void *message, struct at_json_writer *out, char why[AT_JSON_WHY_MAX]);

#endif
