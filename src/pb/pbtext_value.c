#include "pb/pbtext_value.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "pb/codec.h"
#include "pb/json_number.h"
#include "pb/limits.h"
#include "pb/pbtext.h"
#include "pb/pbtext_token.h"
#include "pb/wire.h"

void at_pbtext_show(struct at_bytes text, char out[AT_PBTEXT_SHOWN_MAX + 4])
{
    size_t len = 0;

    for (size_t i = 0; i < text.len && len < AT_PBTEXT_SHOWN_MAX; i++) {
        out[len++] = (char)(text.at[i] >= 0x20 && text.at[i] < 0x7F ? text.at[i] : '?');
    }
    (void)snprintf(out + len, 4, "%s", len < text.len ? "..." : "");
}

static int refuse(struct at_pbtext_source *s, const struct at_pbtext_token *token, const char *what)
{
    char shown[AT_PBTEXT_SHOWN_MAX + 4];

    s->bad_at = token->at;
    if (token->kind == AT_PBTEXT_ERROR) {
        return AT_PBTEXT_BAD_TEXT;
    }
    at_pbtext_show(token->text, shown);
    if (token->kind == AT_PBTEXT_END) {
        (void)snprintf(shown, sizeof(shown), "the end of the text");
    }
    (void)snprintf(s->why, AT_PBTEXT_WHY_MAX, "%s%s%s %s",
                   token->kind == AT_PBTEXT_STRING ? "\"" : "", shown,
                   token->kind == AT_PBTEXT_STRING ? "\"" : "", what);
    return AT_PBTEXT_BAD_VALUE;
}

struct at_bytes at_pbtext_type_name(struct at_bytes url)
{
    size_t from = url.len;

    for (size_t i = 0; i < url.len; i++) {
        if (!at_pbtext_in_bracket_name(url.at[i])) {
            return (struct at_bytes){0};
        }
        if (url.at[i] == '%' && !at_pbtext_is_percent_escape(at_bytes_after(url, i))) {
            return (struct at_bytes){0};
        }
        from = url.at[i] == '/' ? i + 1 : from;
    }
    return url.len > AT_PBTEXT_NAME_MAX ? (struct at_bytes){0} : at_bytes_after(url, from);
}

bool at_pbtext_any_fields(const struct atoll_message_desc *desc,
                          const struct atoll_field_desc **url,
                          const struct atoll_field_desc **value)
{
    *url = at_pb_field_by_number(desc, 1);
    *value = at_pb_field_by_number(desc, 2);
    return strcmp(desc->full_name, "google.protobuf.Any") == 0 && *url != NULL && *value != NULL &&
           (*url)->kind == ATOLL_KIND(IMPLICIT, STRING) &&
           (*value)->kind == ATOLL_KIND(IMPLICIT, BYTES);
}

struct at_bytes at_pbtext_group_name(const struct atoll_message_desc *of)
{
    const char *dot = strrchr(of->full_name, '.');

    return at_bytes_of(dot == NULL ? of->full_name : dot + 1);
}

/* ---- whole numbers ---- */

static bool to_u64(const struct at_pbtext_token *token, uint64_t *ret)
{
    uint64_t base = token->kind == AT_PBTEXT_HEX ? 16 : token->kind == AT_PBTEXT_OCTAL ? 8 : 10;
    uint64_t v = 0;

    for (size_t i = token->kind == AT_PBTEXT_HEX ? 2 : 0; i < token->text.len; i++) {
        uint8_t c = token->text.at[i];
        uint64_t digit = c <= '9' ? (uint64_t)(c - '0') : (uint64_t)((c | 0x20) - 'a' + 10);

        if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit, &v)) {
            return false;
        }
    }
    *ret = v;
    return true;
}

/* A whole number with |v| ≤ limit; a negative one of signed types ≤ limit + 1. */
static int read_whole(struct at_pbtext_source *s, uint64_t limit, bool is_signed, uint64_t *ret)
{
    struct at_pbtext_token token = at_pbtext_next(s->lexer);
    bool negative = at_pbtext_is(&token, '-');
    uint64_t v;

    if (negative) {
        token = at_pbtext_next(s->lexer);
    }
    if (token.kind != AT_PBTEXT_DECIMAL && token.kind != AT_PBTEXT_OCTAL &&
        token.kind != AT_PBTEXT_HEX) {
        return refuse(s, &token, "is not a whole number");
    }
    if (negative && !is_signed) {
        return refuse(s, &token, "stands behind a minus, but the type has no negative numbers");
    }
    if (!to_u64(&token, &v) || v > limit + negative) {
        return refuse(s, &token, "does not fit into the type of the field");
    }
    *ret = negative ? 0 - v : v;
    return 0;
}

static int read_integer(struct at_pbtext_source *s, uint8_t type, void *value)
{
    bool wide = type == ATOLL_TYPE_INT64 || type == ATOLL_TYPE_SINT64 ||
                type == ATOLL_TYPE_SFIXED64 || type == ATOLL_TYPE_UINT64 ||
                type == ATOLL_TYPE_FIXED64;
    bool is_signed = type != ATOLL_TYPE_UINT64 && type != ATOLL_TYPE_FIXED64 &&
                     type != ATOLL_TYPE_UINT32 && type != ATOLL_TYPE_FIXED32;
    uint64_t limit = wide ? (is_signed ? INT64_MAX : UINT64_MAX)
                          : (is_signed ? (uint64_t)INT32_MAX : UINT32_MAX);
    uint64_t v = 0;
    int r = read_whole(s, limit, is_signed, &v);

    if (wide) {
        memcpy(value, &v, 8);
    } else {
        *(uint32_t *)value = (uint32_t)v;
    }
    return r;
}

/* ---- numbers with a point ---- */

static bool odd_number(struct at_bytes name, double *ret)
{
    if (at_bytes_equal_nocase(name, AT_LIT("inf")) ||
        at_bytes_equal_nocase(name, AT_LIT("infinity"))) {
        *ret = (double)INFINITY;
        return true;
    }
    *ret = (double)NAN;
    return at_bytes_equal_nocase(name, AT_LIT("nan"));
}

/* As RFC 8259 writes it: digits on both sides of a point, no f. */
static struct at_bytes plain_number(struct at_bytes text, char copy[AT_PBTEXT_NUMBER_MAX + 1])
{
    size_t len = 0;

    if (text.at[0] == '.') {
        copy[len++] = '0';
    }
    for (size_t i = 0; i < text.len; i++) {
        bool digit_next = i + 1 < text.len && text.at[i + 1] >= '0' && text.at[i + 1] <= '9';

        if ((text.at[i] | 0x20) != 'f' && (text.at[i] != '.' || digit_next)) {
            copy[len++] = (char)text.at[i];
        }
    }
    return at_bytes_over(copy, len);
}

static int read_float(struct at_pbtext_source *s, bool single, void *value)
{
    struct at_pbtext_token token = at_pbtext_next(s->lexer);
    bool negative = at_pbtext_is(&token, '-');
    char copy[AT_PBTEXT_NUMBER_MAX + 1];
    struct at_bytes plain = {0};
    double v = 0;

    if (negative) {
        token = at_pbtext_next(s->lexer);
    }
    if (token.kind == AT_PBTEXT_NAME) {
        if (!odd_number(token.text, &v)) {
            return refuse(s, &token, "is not a number");
        }
        negative = negative && !isnan(v); /* there is one NaN only */
    } else if (token.kind != AT_PBTEXT_DECIMAL && token.kind != AT_PBTEXT_FLOAT) {
        return refuse(s, &token, "is not a decimal number");
    } else if (token.text.len >= AT_PBTEXT_NUMBER_MAX) {
        return refuse(s, &token, "is a number of too many digits");
    } else {
        plain = plain_number(token.text, copy);
    }
    if (single) {
        float f = plain.len > 0 ? at_json_parse_float(plain) : (float)v;

        *(float *)value = negative ? -f : f;
    } else {
        v = plain.len > 0 ? at_json_parse_double(plain) : v;
        *(double *)value = negative ? -v : v;
    }
    return 0;
}

/* ---- names ---- */

static int read_bool(struct at_pbtext_source *s, bool *value)
{
    static const struct {
        const char *name;
        bool value;
    } names[] = {{"true", true},   {"True", true},   {"t", true},
                 {"false", false}, {"False", false}, {"f", false}};
    struct at_pbtext_token token = at_pbtext_next(s->lexer);
    uint64_t v = 2;

    for (size_t i = 0; token.kind == AT_PBTEXT_NAME && i < sizeof(names) / sizeof(names[0]); i++) {
        if (at_bytes_equal(token.text, at_bytes_of(names[i].name))) {
            *value = names[i].value;
            return 0;
        }
    }
    if ((token.kind != AT_PBTEXT_DECIMAL && token.kind != AT_PBTEXT_OCTAL &&
         token.kind != AT_PBTEXT_HEX) ||
        !to_u64(&token, &v) || v > 1) {
        return refuse(s, &token, "is neither true nor false");
    }
    *value = v == 1;
    return 0;
}

static int read_enum(struct at_pbtext_source *s, const struct atoll_enum_desc *desc, bool closed,
                     int32_t *value)
{
    struct at_pbtext_token token = at_pbtext_peek(s->lexer);
    char what[AT_PBTEXT_WHY_MAX - AT_PBTEXT_SHOWN_MAX - 8];
    uint64_t v = 0;
    int r;

    (void)snprintf(what, sizeof(what), "is no value of %s", desc->full_name);
    if (token.kind == AT_PBTEXT_NAME) {
        (void)at_pbtext_next(s->lexer);
        return at_pb_enum_number(desc, token.text, value) ? 0 : refuse(s, &token, what);
    }
    r = read_whole(s, INT32_MAX, true, &v);
    *value = (int32_t)(uint32_t)v;
    if (r == 0 && closed && at_pb_enum_name(desc, *value) == NULL) {
        return refuse(s, &token, what);
    }
    return r;
}

/* ---- strings ---- */

/* Bytes of the strings that stand side by side; SIZE_MAX: the next token is none. */
static size_t room_for_strings(const struct at_pbtext_lexer *lexer)
{
    struct at_pbtext_lexer ahead = *lexer;
    size_t room = SIZE_MAX;
    struct at_pbtext_token token = at_pbtext_next(&ahead);

    while (token.kind == AT_PBTEXT_STRING) {
        room = (room == SIZE_MAX ? 0 : room) + token.text.len;
        token = at_pbtext_next(&ahead);
    }
    return room;
}

static int read_string(struct at_pbtext_source *s, bool utf8, struct atoll_str *value)
{
    struct at_pbtext_token token = at_pbtext_peek(s->lexer);
    struct at_pbtext_token first = token;
    size_t room = room_for_strings(s->lexer);
    uint8_t *out;

    if (room == SIZE_MAX) {
        (void)at_pbtext_next(s->lexer);
        return refuse(s, &token, "is not a string in quotes");
    }
    out = at_arena_alloc(s->arena, room + 1, 1);
    if (out == NULL) {
        return -ENOMEM;
    }
    *value = (struct atoll_str){(const char *)out, 0};
    for (; token.kind == AT_PBTEXT_STRING; token = at_pbtext_peek(s->lexer)) {
        size_t len = 0;

        (void)at_pbtext_next(s->lexer);
        s->lexer->wrong = at_pbtext_unescape(token.text, out + value->len, &len, &s->bad_at);
        if (s->lexer->wrong != NULL) {
            return AT_PBTEXT_BAD_TEXT;
        }
        value->len += len;
    }
    if (utf8 && !at_pb_is_utf8(out, value->len)) {
        return refuse(s, &first, "is not well-formed UTF-8");
    }
    return 0;
}

int at_pbtext_read_scalar(struct at_pbtext_source *s, const struct atoll_message_desc *desc,
                          const struct atoll_field_desc *field, void *value)
{
    switch (at_pb_type(field)) {
    case ATOLL_TYPE_STRING:
        return read_string(s, (field->flags & ATOLL_FIELD_ANY_BYTES) == 0, value);
    case ATOLL_TYPE_BYTES: return read_string(s, false, value);
    case ATOLL_TYPE_BOOL: return read_bool(s, value);
    case ATOLL_TYPE_FLOAT: return read_float(s, true, value);
    case ATOLL_TYPE_DOUBLE: return read_float(s, false, value);
    case ATOLL_TYPE_ENUM:
        return read_enum(s, at_pb_enum_of(desc, field), (field->flags & ATOLL_FIELD_CLOSED) != 0,
                         value);
    default: return read_integer(s, at_pb_type(field), value);
    }
}

/* ---- writing ---- */

/* Bytes of a character at p that may be shown as it is: no control, also none of U+0080–009F. */
static size_t visible(const uint8_t *p, const uint8_t *end)
{
    size_t len = *p < 0x80 ? 1 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4;

    if (len == 1) {
        return *p >= 0x20 && *p != 0x7F;
    }
    if ((size_t)(end - p) < len || !at_bytes_is_utf8(at_bytes_over(p, len)) ||
        (p[0] == 0xC2 && p[1] < 0xA0)) {
        return 0;
    }
    return len;
}

void at_pbtext_write_string(struct at_bytes b, bool as_text, struct at_text *out)
{
    static const char plain[] = "\n\r\t\"\\";
    static const char names[] = "nrt\"\\";
    const uint8_t *end = b.len == 0 ? b.at : b.at + b.len;

    at_text_add_char(out, '"');
    for (const uint8_t *p = b.at; p < end;) {
        const char *simple = *p == '\0' ? NULL : strchr(plain, *p);
        size_t len = visible(p, end);

        if (simple != NULL) {
            at_text_add_char(out, '\\');
            at_text_add_char(out, names[simple - plain]);
            p++;
        } else if (len == 1 || (len > 1 && as_text)) {
            at_text_add(out, at_bytes_over(p, len));
            p += len;
        } else {
            at_text_addf(out, "\\%03o", *p++);
        }
    }
    at_text_add_char(out, '"');
}

static void write_float(double v, bool single, struct at_text *out)
{
    char text[AT_JSON_NUMBER_ROOM];

    if (isnan(v)) {
        at_text_add_str(out, "nan");
    } else if (isinf(v)) {
        at_text_add_str(out, v < 0 ? "-inf" : "inf");
    } else {
        size_t len = single ? at_json_print_float((float)v, text) : at_json_print_double(v, text);

        at_text_add(out, at_bytes_over(text, len));
    }
}

void at_pbtext_write_scalar(const struct atoll_message_desc *desc,
                            const struct atoll_field_desc *field, const void *value,
                            struct at_text *out)
{
    const struct atoll_str *string = value;
    const char *name;

    switch (at_pb_type(field)) {
    case ATOLL_TYPE_STRING:
    case ATOLL_TYPE_BYTES:
        at_pbtext_write_string(at_bytes_over(string->at, string->len),
                               at_pb_type(field) == ATOLL_TYPE_STRING, out);
        break;
    case ATOLL_TYPE_DOUBLE: write_float(*(const double *)value, false, out); break;
    case ATOLL_TYPE_FLOAT: write_float((double)*(const float *)value, true, out); break;
    case ATOLL_TYPE_BOOL:
        at_text_add_str(out, *(const uint8_t *)value != 0 ? "true" : "false");
        break;
    case ATOLL_TYPE_ENUM:
        name = at_pb_enum_name(at_pb_enum_of(desc, field), *(const int32_t *)value);
        if (name != NULL) {
            at_text_add_str(out, name);
        } else {
            at_text_addf(out, "%" PRId32, *(const int32_t *)value);
        }
        break;
    case ATOLL_TYPE_UINT32:
    case ATOLL_TYPE_FIXED32: at_text_addf(out, "%" PRIu32, *(const uint32_t *)value); break;
    case ATOLL_TYPE_UINT64:
    case ATOLL_TYPE_FIXED64: at_text_addf(out, "%" PRIu64, *(const uint64_t *)value); break;
    case ATOLL_TYPE_INT64:
    case ATOLL_TYPE_SINT64:
    case ATOLL_TYPE_SFIXED64: at_text_addf(out, "%" PRId64, *(const int64_t *)value); break;
    default: at_text_addf(out, "%" PRId32, *(const int32_t *)value); break;
    }
}
