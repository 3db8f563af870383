#include "pb/json_wkt.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "pb/codec.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/json_time.h"
#include "pb/json_value.h"
#include "pb/table.h"

enum shape { SINGULAR, ONEOF, LIST, MAP };

/* A field that the message must have for its JSON form. */
struct need {
    uint8_t number;
    uint8_t type; /* enum atoll_type; 0: no more fields */
    uint8_t shape;
};

struct known {
    const char *name; /* behind "google.protobuf." */
    enum at_json_wkt kind;
    struct need needs[6];
};

// clang-format off
static const struct known known[] = {
    {"Any", AT_JSON_ANY, {{1, ATOLL_TYPE_STRING, SINGULAR}, {2, ATOLL_TYPE_BYTES, SINGULAR}}},
    {"BoolValue", AT_JSON_WRAPPER, {{1, ATOLL_TYPE_BOOL, SINGULAR}}},
    {"BytesValue", AT_JSON_WRAPPER, {{1, ATOLL_TYPE_BYTES, SINGULAR}}},
    {"DoubleValue", AT_JSON_WRAPPER, {{1, ATOLL_TYPE_DOUBLE, SINGULAR}}},
    {"Duration", AT_JSON_DURATION, {{1, ATOLL_TYPE_INT64, SINGULAR}, {2, ATOLL_TYPE_INT32, SINGULAR}}},
    {"Empty", AT_JSON_EMPTY, {{0}}},
    {"FieldMask", AT_JSON_FIELD_MASK, {{1, ATOLL_TYPE_STRING, LIST}}},
    {"FloatValue", AT_JSON_WRAPPER, {{1, ATOLL_TYPE_FLOAT, SINGULAR}}},
    {"Int32Value", AT_JSON_WRAPPER, {{1, ATOLL_TYPE_INT32, SINGULAR}}},
    {"Int64Value", AT_JSON_WRAPPER, {{1, ATOLL_TYPE_INT64, SINGULAR}}},
    {"ListValue", AT_JSON_LIST_VALUE, {{1, ATOLL_TYPE_MESSAGE, LIST}}},
    {"StringValue", AT_JSON_WRAPPER, {{1, ATOLL_TYPE_STRING, SINGULAR}}},
    {"Struct", AT_JSON_STRUCT, {{1, ATOLL_TYPE_MESSAGE, MAP}}},
    {"Timestamp", AT_JSON_TIMESTAMP, {{1, ATOLL_TYPE_INT64, SINGULAR}, {2, ATOLL_TYPE_INT32, SINGULAR}}},
    {"UInt32Value", AT_JSON_WRAPPER, {{1, ATOLL_TYPE_UINT32, SINGULAR}}},
    {"UInt64Value", AT_JSON_WRAPPER, {{1, ATOLL_TYPE_UINT64, SINGULAR}}},
    {"Value", AT_JSON_VALUE, {
        {AT_JSON_VALUE_NULL, ATOLL_TYPE_ENUM, ONEOF},
        {AT_JSON_VALUE_NUMBER, ATOLL_TYPE_DOUBLE, ONEOF},
        {AT_JSON_VALUE_STRING, ATOLL_TYPE_STRING, ONEOF},
        {AT_JSON_VALUE_BOOL, ATOLL_TYPE_BOOL, ONEOF},
        {AT_JSON_VALUE_STRUCT, ATOLL_TYPE_MESSAGE, ONEOF},
        {AT_JSON_VALUE_LIST, ATOLL_TYPE_MESSAGE, ONEOF}}},
};
// clang-format on

static bool has_shape(enum atoll_form form, uint8_t shape)
{
    switch (form) {
    case ATOLL_FORM_IMPLICIT:
    case ATOLL_FORM_OPTIONAL: return shape == SINGULAR;
    case ATOLL_FORM_ONEOF: return shape == ONEOF;
    case ATOLL_FORM_REPEATED: return shape == LIST;
    case ATOLL_FORM_MAP: return shape == MAP;
    case ATOLL_FORM_PACKED: break;
    }
    return false;
}

static bool has_what(const struct atoll_message_desc *desc, const struct known *k)
{
    size_t n = sizeof(k->needs) / sizeof(k->needs[0]);

    for (size_t i = 0; i < n && k->needs[i].type != 0; i++) {
        const struct atoll_field_desc *f = at_pb_find(desc, k->needs[i].number);

        if (f == NULL || at_pb_type(f) != k->needs[i].type ||
            !has_shape(at_pb_form(f), k->needs[i].shape)) {
            return false;
        }
    }
    return true;
}

enum at_json_wkt at_json_wkt_find(const struct atoll_message_desc *desc)
{
    const char *name = desc->full_name + strlen("google.protobuf.");

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, name) == 0) {
            return has_what(desc, &known[i]) ? known[i].kind : AT_JSON_PLAIN;
        }
    }
    return AT_JSON_PLAIN;
}

static bool is_enum_of(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                       const char *full_name)
{
    const struct atoll_enum_desc *of = at_pb_enum_of(desc, field);

    return of != NULL && strcmp(of->full_name, full_name) == 0;
}

bool at_json_is_null_value(const struct atoll_message_desc *desc,
                           const struct atoll_field_desc *field)
{
    return is_enum_of(desc, field, "google.protobuf.NullValue");
}

bool at_json_takes_null(const struct atoll_message_desc *desc, const struct atoll_field_desc *field)
{
    const struct atoll_message_desc *of = at_pb_message_of(desc, field);

    return of != NULL ? at_json_wkt_of(of) == AT_JSON_VALUE : at_json_is_null_value(desc, field);
}

/* The two fields of a Timestamp or a Duration. */
static struct at_json_time time_of(const struct atoll_message_desc *desc, const void *message)
{
    const uint8_t *m = message;

    return (struct at_json_time){*(const int64_t *)(m + at_json_wkt_field(desc, 1)->offset),
                                 *(const int32_t *)(m + at_json_wkt_field(desc, 2)->offset)};
}

static void set_time(const struct atoll_message_desc *desc, uint8_t *message, struct at_json_time t)
{
    const struct atoll_field_desc *seconds = at_json_wkt_field(desc, 1);
    const struct atoll_field_desc *nanos = at_json_wkt_field(desc, 2);

    at_json_set_present(seconds, message);
    at_json_set_present(nanos, message);
    *(int64_t *)(message + seconds->offset) = t.seconds;
    *(int32_t *)(message + nanos->offset) = t.nanos;
}

static int read_timestamp(const struct atoll_message_desc *desc, struct at_bytes text,
                          struct at_json_source *s, void *message)
{
    struct at_json_time t;

    if (!at_json_parse_timestamp(text, &t)) {
        return at_json_refuse_text(
            s, text, "is no time like 2026-01-31T23:59:59.5Z of the years 0001 to 9999");
    }
    set_time(desc, message, t);
    return 0;
}

static int read_duration(const struct atoll_message_desc *desc, struct at_bytes text,
                         struct at_json_source *s, void *message)
{
    struct at_json_time t;

    if (!at_json_parse_duration(text, &t)) {
        return at_json_refuse_text(s, text,
                                   "is no duration like 1.5s of at most 315576000000 seconds");
    }
    set_time(desc, message, t);
    return 0;
}

static int read_mask(const struct atoll_message_desc *desc, struct at_bytes text,
                     struct at_json_source *s, void *message)
{
    const struct atoll_field_desc *paths = at_json_wkt_field(desc, 1);
    struct at_pb_array *array = (struct at_pb_array *)((uint8_t *)message + paths->offset);
    const uint8_t *p = text.at;
    const uint8_t *end = text.len == 0 ? p : p + text.len;
    char *room;

    if (text.len == 0) {
        return 0;
    }
    room = at_arena_alloc(s->names.arena, text.len * 2, 1);
    if (room == NULL) {
        return -ENOMEM;
    }
    for (;;) {
        struct at_bytes path =
            at_bytes_before(at_bytes_over(p, (size_t)(end - p)),
                            at_bytes_index(at_bytes_over(p, (size_t)(end - p)), ','));
        size_t len = at_json_mask_to_snake(path, room);
        void *slot;
        int r;

        if (len == SIZE_MAX) {
            return at_json_refuse_text(s, path, "is no path of a field mask like fooBar.baz");
        }
        r = at_pb_array_append(array, sizeof(struct atoll_str), 4, s->names.arena, &slot);
        if (r != 0) {
            return r < 0 ? r : at_json_refuse(s, "has more paths than the limit of 16777216");
        }
        *(struct atoll_str *)slot = (struct atoll_str){room, len};
        room += len;
        p += path.len;
        if (p == end) {
            return 0;
        }
        p++; /* the comma; a path must follow */
    }
}

/* What all kinds with a text form share; wrappers are told apart before. */
static int read_text(enum at_json_wkt kind, const struct atoll_message_desc *desc,
                     struct at_bytes text, struct at_json_source *s, void *message)
{
    if (kind == AT_JSON_TIMESTAMP) {
        return read_timestamp(desc, text, s, message);
    }
    return kind == AT_JSON_DURATION ? read_duration(desc, text, s, message)
                                    : read_mask(desc, text, s, message);
}

int at_json_read_wkt(enum at_json_wkt kind, const struct atoll_message_desc *desc,
                     const struct at_json_token *token, struct at_json_source *s, void *message)
{
    struct atoll_str text;
    int r;

    if (kind == AT_JSON_WRAPPER) {
        const struct atoll_field_desc *f = at_json_wkt_field(desc, 1);

        at_json_set_present(f, message);
        return at_json_read_scalar(desc, f, token, s, (uint8_t *)message + f->offset);
    }
    if (token->kind != AT_JSON_STRING) {
        return at_json_refuse(
            s, kind == AT_JSON_TIMESTAMP  ? "expected a time like \"2026-01-31T23:59:59Z\""
               : kind == AT_JSON_DURATION ? "expected a duration like \"1.5s\""
                                          : "expected a field mask like \"fooBar,baz\"");
    }
    r = at_json_token_string(token, s->names.arena, &text);
    return r != 0 ? r : read_text(kind, desc, at_bytes_over(text.at, text.len), s, message);
}

int at_json_read_wkt_text(enum at_json_wkt kind, const struct atoll_message_desc *desc,
                          struct at_bytes text, struct at_json_source *s, void *message)
{
    if (kind == AT_JSON_WRAPPER) {
        const struct atoll_field_desc *f = at_json_wkt_field(desc, 1);

        at_json_set_present(f, message);
        return at_json_read_text(desc, f, text, s, (uint8_t *)message + f->offset);
    }
    return read_text(kind, desc, text, s, message);
}

static int refuse_path(struct at_bytes path, char why[AT_JSON_WHY_MAX])
{
    char shown[AT_JSON_SHOWN_ROOM];

    at_json_show(path, shown);
    (void)snprintf(why, AT_JSON_WHY_MAX, "%s is no path that JSON could give back as it was",
                   shown[0] == '\0' ? "\"\"" : shown);
    return AT_JSON_BAD_VALUE;
}

static int write_mask(const struct atoll_message_desc *desc, const void *message,
                      struct at_json_writer *out, char why[AT_JSON_WHY_MAX])
{
    const struct atoll_field_desc *paths = at_json_wkt_field(desc, 1);
    const struct at_pb_array *array =
        (const struct at_pb_array *)((const uint8_t *)message + paths->offset);
    const struct atoll_str *path = array->at;

    at_json_raw(out, AT_LIT("\""));
    for (size_t i = 0; i < array->count; i++) {
        size_t before = out->out->len;
        char *room;
        size_t len;

        if (i > 0) {
            at_text_add_char(out->out, ',');
            before++;
        }
        room = at_text_claim(out->out, path[i].len);
        if (room == NULL) {
            return 0; /* whoever owns the text asks */
        }
        len = at_json_mask_to_camel(at_bytes_over(path[i].at, path[i].len), room);
        if (len == SIZE_MAX) {
            return refuse_path(at_bytes_over(path[i].at, path[i].len), why);
        }
        out->out->len = before + len;
    }
    at_text_add_char(out->out, '"');
    return 0;
}

int at_json_write_wkt(enum at_json_wkt kind, const struct atoll_message_desc *desc,
                      const void *message, struct at_json_writer *out, char why[AT_JSON_WHY_MAX])
{
    char text[AT_JSON_TIME_ROOM];
    size_t len;

    if (kind == AT_JSON_WRAPPER) {
        const struct atoll_field_desc *f = at_json_wkt_field(desc, 1);

        if (!at_json_write_scalar(desc, f, (const uint8_t *)message + f->offset, false, out)) {
            (void)snprintf(why, AT_JSON_WHY_MAX, "%s", AT_JSON_NO_UTF8);
            return AT_JSON_BAD_VALUE;
        }
        return 0;
    }
    if (kind == AT_JSON_FIELD_MASK) {
        return write_mask(desc, message, out, why);
    }
    len = kind == AT_JSON_TIMESTAMP ? at_json_print_timestamp(time_of(desc, message), text)
                                    : at_json_print_duration(time_of(desc, message), text);
    if (len == 0) {
        (void)snprintf(why, AT_JSON_WHY_MAX, "%s",
                       kind == AT_JSON_TIMESTAMP
                           ? "is a time outside of the years 0001 to 9999"
                           : "is a duration of more than 315576000000 seconds or of two signs");
        return AT_JSON_BAD_VALUE;
    }
    at_json_string(out, at_bytes_over(text, len));
    return 0;
}
