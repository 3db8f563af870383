/* Scalars to JSON. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "base/text.h"
#include "pb/codec.h"
#include "pb/json.h"
#include "pb/json_base64.h"
#include "pb/json_number.h"
#include "pb/json_put.h"
#include "pb/json_scan.h"
#include "pb/json_value.h"
#include "pb/json_wkt.h"

static void write_bytes(const struct atoll_str *text, struct at_json_writer *out)
{
    size_t len = at_json_base64_len(text->len);
    char *p = at_json_value_room(out, len + 2);

    if (p != NULL) {
        *p++ = '"';
        at_json_write_base64(at_bytes_over(text->at, text->len), p);
        p[len] = '"';
        at_json_value_end(out, p + len + 1);
    }
}

static void write_enum(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                       int32_t number, bool enum_numbers, struct at_json_writer *out)
{
    const char *name = enum_numbers ? NULL : at_pb_enum_name(at_pb_enum_of(desc, field), number);

    if (number == 0 && at_json_is_null_value(desc, field)) {
        at_json_null(out);
    } else if (name == NULL) {
        at_json_i64(out, number);
    } else {
        at_json_str(out, name);
    }
}

/* The characters of a whole number or a bool, without quotes. */
static size_t print_plain(uint8_t type, const void *value, char *out)
{
    static const char words[2][8] = {"false", "true"};

    switch (type) {
    case ATOLL_TYPE_BOOL:
        memcpy(out, words[*(const uint8_t *)value != 0], sizeof(words[0]));
        return *(const uint8_t *)value != 0 ? 4 : 5;
    case ATOLL_TYPE_UINT32:
    case ATOLL_TYPE_FIXED32: return at_json_print_u64(*(const uint32_t *)value, out);
    case ATOLL_TYPE_UINT64:
    case ATOLL_TYPE_FIXED64: return at_json_print_u64(*(const uint64_t *)value, out);
    case ATOLL_TYPE_INT64:
    case ATOLL_TYPE_SINT64:
    case ATOLL_TYPE_SFIXED64: return at_json_print_i64(*(const int64_t *)value, out);
    default: return at_json_print_i64(*(const int32_t *)value, out);
    }
}

static bool is_quoted(uint8_t type)
{
    return type == ATOLL_TYPE_INT64 || type == ATOLL_TYPE_UINT64 || type == ATOLL_TYPE_SINT64 ||
           type == ATOLL_TYPE_FIXED64 || type == ATOLL_TYPE_SFIXED64;
}

bool at_json_write_scalar(const struct atoll_message_desc *desc,
                          const struct atoll_field_desc *field, const void *value,
                          bool enum_numbers, struct at_json_writer *out)
{
    uint8_t type = at_pb_type(field);
    const struct atoll_str *text = value;
    char *p;

    switch (type) {
    case ATOLL_TYPE_STRING: return at_json_string(out, at_bytes_over(text->at, text->len));
    case ATOLL_TYPE_BYTES: write_bytes(text, out); return true;
    case ATOLL_TYPE_DOUBLE: at_json_double(out, *(const double *)value); return true;
    case ATOLL_TYPE_FLOAT: at_json_float(out, *(const float *)value); return true;
    case ATOLL_TYPE_ENUM:
        write_enum(desc, field, *(const int32_t *)value, enum_numbers, out);
        return true;
    default: break;
    }
    p = at_json_value_room(out, AT_JSON_NUMBER_ROOM + 2);
    if (p == NULL) {
        return true;
    }
    *p = '"';
    p += is_quoted(type);
    p += print_plain(type, value, p);
    *p = '"';
    at_json_value_end(out, p + is_quoted(type));
    return true;
}

/* Types whose members are written in one go, and how much room their value takes at most. */
static bool has_quick_form(uint8_t type)
{
    const uint32_t quick = ~(1U << ATOLL_TYPE_BYTES | 1U << ATOLL_TYPE_ENUM |
                             1U << ATOLL_TYPE_MESSAGE | 1U << ATOLL_TYPE_GROUP);

    return (quick >> type & 1) != 0;
}

/* The value at p, where there is room for it. NULL: it needs the long way. */
static char *put_value(uint8_t type, const void *value, char *p)
{
    const struct atoll_str *text = value;

    switch (type) {
    case ATOLL_TYPE_STRING:
        *p = '"';
        if (!at_json_copy_plain(p + 1, (const uint8_t *)text->at, text->len)) {
            return NULL;
        }
        p += text->len + 1;
        *p = '"';
        return p + 1;
    case ATOLL_TYPE_DOUBLE:
        return isfinite(*(const double *)value)
                   ? p + at_json_print_double(*(const double *)value, p)
                   : NULL;
    case ATOLL_TYPE_FLOAT:
        return isfinite(*(const float *)value) ? p + at_json_print_float(*(const float *)value, p)
                                               : NULL;
    default: break;
    }
    *p = '"';
    p += is_quoted(type);
    p += print_plain(type, value, p);
    *p = '"';
    return p + is_quoted(type);
}

bool at_json_write_member(const struct atoll_message_desc *desc,
                          const struct atoll_field_desc *field, const void *value,
                          struct at_json_writer *out)
{
    const struct atoll_field_name *name = &desc->names[at_pb_index(desc, field)];
    uint8_t type = at_pb_type(field);
    size_t bound = type == ATOLL_TYPE_STRING ? ((const struct atoll_str *)value)->len + 2
                                             : AT_JSON_NUMBER_ROOM + 2;
    char *p;

    if (out->indent != 0 || !has_quick_form(type)) {
        return false;
    }
    p = at_json_room(out->out, name->json_len + bound + 5);
    if (p == NULL) {
        return true; /* whoever owns the text asks */
    }
    *p = ',';
    p += out->needs_comma;
    *p++ = '"';
    if (!at_json_copy_plain(p, (const uint8_t *)desc->text + name->json_at, name->json_len)) {
        at_json_text_end(out->out, out->out->at + out->out->len); /* as if nothing had been tried */
        return false;
    }
    p += name->json_len;
    *p++ = '"';
    *p++ = ':';
    p = put_value(type, value, p);
    if (p == NULL) {
        at_json_text_end(out->out, out->out->at + out->out->len);
        return false;
    }
    at_json_value_end(out, p);
    return true;
}

bool at_json_write_key(const struct atoll_field_desc *field, const void *value,
                       struct at_json_writer *out)
{
    const struct atoll_str *text = value;
    char plain[AT_JSON_NUMBER_ROOM];

    if (at_pb_type(field) == ATOLL_TYPE_STRING) {
        return at_json_key_bytes(out, at_bytes_over(text->at, text->len));
    }
    return at_json_key_bytes(out,
                             at_bytes_over(plain, print_plain(at_pb_type(field), value, plain)));
}
