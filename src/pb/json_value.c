#include "pb/json_value.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "pb/codec.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/limits.h"

enum { SHOWN_MAX = 40, EXPONENT_MAX = 100000 };

/* Where a value comes from. */
struct source {
    const struct atoll_message_desc *desc;
    const struct atoll_field_desc *field;
    struct at_arena *arena;
    char *why; /* AT_JSON_WHY_MAX */
};

enum integer_result { INTEGER_OK, INTEGER_NOT_WHOLE, INTEGER_TOO_BIG, INTEGER_NO_NUMBER };

static const char *type_name(uint8_t type)
{
    static const char *const names[] = {
        [ATOLL_TYPE_DOUBLE] = "double",     [ATOLL_TYPE_FLOAT] = "float",
        [ATOLL_TYPE_INT64] = "int64",       [ATOLL_TYPE_UINT64] = "uint64",
        [ATOLL_TYPE_INT32] = "int32",       [ATOLL_TYPE_FIXED64] = "fixed64",
        [ATOLL_TYPE_FIXED32] = "fixed32",   [ATOLL_TYPE_BOOL] = "bool",
        [ATOLL_TYPE_STRING] = "string",     [ATOLL_TYPE_MESSAGE] = "object",
        [ATOLL_TYPE_BYTES] = "base64",      [ATOLL_TYPE_UINT32] = "uint32",
        [ATOLL_TYPE_ENUM] = "enum",         [ATOLL_TYPE_SFIXED32] = "sfixed32",
        [ATOLL_TYPE_SFIXED64] = "sfixed64", [ATOLL_TYPE_SINT32] = "sint32",
        [ATOLL_TYPE_SINT64] = "sint64",
    };

    return type < sizeof(names) / sizeof(names[0]) && names[type] != NULL ? names[type] : "value";
}

/* The first characters of a text, safe to show. */
static void show(struct at_bytes text, char out[SHOWN_MAX + 4])
{
    size_t len = 0;

    for (size_t i = 0; i < text.len && len < SHOWN_MAX; i++) {
        out[len++] = (char)(text.at[i] >= 0x20 && text.at[i] < 0x7F ? text.at[i] : '?');
    }
    (void)snprintf(out + len, 4, "%s", len < text.len ? "..." : "");
}

static int refuse(struct source *s, struct at_bytes text, const char *what)
{
    char shown[SHOWN_MAX + 4];

    show(text, shown);
    (void)snprintf(s->why, AT_JSON_WHY_MAX, "%s %s", shown[0] == '\0' ? "\"\"" : shown, what);
    return AT_JSON_BAD_VALUE;
}

static int refuse_limit(struct source *s, struct at_bytes text)
{
    char what[48];
    const char *side = text.len > 0 && text.at[0] == '-' ? "under" : "over";

    (void)snprintf(what, sizeof(what), "is %s the %s limit", side, type_name(at_pb_type(s->field)));
    return refuse(s, text, what);
}

static int refuse_kind(struct source *s, const struct at_json_token *token)
{
    static const char *const kinds[] = {
        [AT_JSON_OBJECT] = "an object", [AT_JSON_ARRAY] = "a list", [AT_JSON_STRING] = "a string",
        [AT_JSON_NUMBER] = "a number",  [AT_JSON_TRUE] = "true",    [AT_JSON_FALSE] = "false",
        [AT_JSON_NULL] = "null",
    };
    const char *kind = token->kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[token->kind] : NULL;

    (void)snprintf(s->why, AT_JSON_WHY_MAX, "expected %s, got %s", type_name(at_pb_type(s->field)),
                   kind == NULL ? "something else" : kind);
    return AT_JSON_BAD_VALUE;
}

/* A number cut into its parts; the grammar was checked before. */
struct decimal {
    bool negative;
    const uint8_t *whole;
    size_t whole_len;
    const uint8_t *part; /* behind the point */
    size_t part_len;
    int64_t exponent;
};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* False: the text is no number of RFC 8259. */
static bool cut_decimal(struct at_bytes text, struct decimal *d)
{
    struct at_json_reader r;
    struct at_json_token token;
    const uint8_t *p;
    const uint8_t *end = text.at + text.len;
    bool negative_exponent = false;

    at_json_reader_init(&r, text);
    if (text.len == 0 || at_json_next(&r, &token) != AT_JSON_NUMBER || token.text.len != text.len) {
        return false;
    }
    *d = (struct decimal){.negative = text.at[0] == '-'};
    p = text.at + d->negative;
    d->whole = p;
    while (p < end && is_digit(*p)) {
        p++;
    }
    d->whole_len = (size_t)(p - d->whole);
    d->part = p < end && *p == '.' ? ++p : p;
    while (p < end && is_digit(*p)) {
        p++;
    }
    d->part_len = (size_t)(p - d->part);
    if (p < end) { /* e */
        p++;
        negative_exponent = *p == '-';
        p += *p == '-' || *p == '+';
    }
    for (; p < end && d->exponent < EXPONENT_MAX; p++) {
        d->exponent = d->exponent * 10 + (*p - '0');
    }
    d->exponent = negative_exponent ? -d->exponent : d->exponent;
    return true;
}

static uint64_t digit_at(const struct decimal *d, size_t i)
{
    if (i < d->whole_len) {
        return (uint64_t)(d->whole[i] - '0');
    }
    return i - d->whole_len < d->part_len ? (uint64_t)(d->part[i - d->whole_len] - '0') : 0;
}

/* "5", "-1", "1e3", "2.0" as sign and size. */
static enum integer_result to_integer(struct at_bytes text, bool *ret_negative, uint64_t *ret)
{
    struct decimal d;
    int64_t point;
    size_t digits;
    size_t i = 0;
    uint64_t v = 0;

    if (!cut_decimal(text, &d)) {
        return INTEGER_NO_NUMBER;
    }
    point = (int64_t)d.whole_len + d.exponent; /* digits before the point */
    digits = d.whole_len + d.part_len;
    while (i < digits && digit_at(&d, i) == 0) {
        i++;
    }
    if (i == digits) {
        point = 0; /* zero, whatever the exponent */
    }
    for (; (int64_t)i < point; i++) {
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit_at(&d, i), &v)) {
            return INTEGER_TOO_BIG;
        }
    }
    for (; i < digits; i++) {
        if (digit_at(&d, i) != 0) {
            return INTEGER_NOT_WHOLE;
        }
    }
    *ret_negative = d.negative;
    *ret = v;
    return INTEGER_OK;
}

static int read_signed(struct source *s, struct at_bytes text, uint64_t limit, int64_t *ret)
{
    bool negative = false;
    uint64_t v = 0;

    switch (to_integer(text, &negative, &v)) {
    case INTEGER_OK: break;
    case INTEGER_TOO_BIG: return refuse_limit(s, text);
    case INTEGER_NOT_WHOLE: return refuse(s, text, "is not a whole number");
    case INTEGER_NO_NUMBER: return refuse(s, text, "is not a number");
    }
    if (v > limit + negative) {
        return refuse_limit(s, text);
    }
    *ret = negative ? (int64_t)(0 - v) : (int64_t)v;
    return AT_JSON_OK;
}

static int read_unsigned(struct source *s, struct at_bytes text, uint64_t limit, uint64_t *ret)
{
    bool negative = false;

    switch (to_integer(text, &negative, ret)) {
    case INTEGER_OK: break;
    case INTEGER_TOO_BIG: return refuse_limit(s, text);
    case INTEGER_NOT_WHOLE: return refuse(s, text, "is not a whole number");
    case INTEGER_NO_NUMBER: return refuse(s, text, "is not a number");
    }
    return *ret > limit || (negative && *ret != 0) ? refuse_limit(s, text) : AT_JSON_OK;
}

static int read_integer(struct source *s, struct at_bytes text, void *value)
{
    int64_t i = 0;
    uint64_t u = 0;
    int r;

    switch (at_pb_type(s->field)) {
    case ATOLL_TYPE_INT64:
    case ATOLL_TYPE_SINT64:
    case ATOLL_TYPE_SFIXED64:
        r = read_signed(s, text, INT64_MAX, &i);
        memcpy(value, &i, 8);
        return r;
    case ATOLL_TYPE_UINT64:
    case ATOLL_TYPE_FIXED64:
        r = read_unsigned(s, text, UINT64_MAX, &u);
        memcpy(value, &u, 8);
        return r;
    case ATOLL_TYPE_UINT32:
    case ATOLL_TYPE_FIXED32:
        r = read_unsigned(s, text, UINT32_MAX, &u);
        *(uint32_t *)value = (uint32_t)u;
        return r;
    default:
        r = read_signed(s, text, INT32_MAX, &i);
        *(int32_t *)value = (int32_t)i;
        return r;
    }
}

static bool odd_number(struct at_bytes text, double *ret)
{
    if (at_bytes_equal(text, AT_LIT("NaN"))) {
        *ret = (double)NAN;
    } else if (at_bytes_equal(text, AT_LIT("Infinity"))) {
        *ret = (double)INFINITY;
    } else if (at_bytes_equal(text, AT_LIT("-Infinity"))) {
        *ret = -(double)INFINITY;
    } else {
        return false;
    }
    return true;
}

static int read_float(struct source *s, struct at_bytes text, void *value)
{
    bool single = at_pb_type(s->field) == ATOLL_TYPE_FLOAT;
    char copy[AT_JSON_NUMBER_MAX + 1];
    struct decimal d;
    double v;

    if (odd_number(text, &v)) {
        if (single) {
            *(float *)value = (float)v;
        } else {
            *(double *)value = v;
        }
        return AT_JSON_OK;
    }
    if (!cut_decimal(text, &d)) {
        return refuse(s, text, "is not a number");
    }
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (single) {
        *(float *)value = strtof(copy, NULL);
        return isinf(*(float *)value) ? refuse_limit(s, text) : AT_JSON_OK;
    }
    *(double *)value = strtod(copy, NULL);
    return isinf(*(double *)value) ? refuse_limit(s, text) : AT_JSON_OK;
}

static int base64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (is_digit(c)) {
        return c - '0' + 52;
    }
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static int read_base64(struct source *s, struct at_bytes text, struct atoll_str *value)
{
    struct at_bytes rest = text;
    uint8_t *out = at_arena_alloc(s->arena, text.len / 4 * 3 + 3, 1);
    uint32_t bits = 0;
    size_t have = 0;
    size_t len = 0;

    if (out == NULL) {
        return -ENOMEM;
    }
    while (rest.len > 0 && rest.at[rest.len - 1] == '=' && text.len - rest.len < 2) {
        rest.len--;
    }
    if (rest.len % 4 == 1 || (rest.len < text.len && text.len % 4 != 0)) {
        return refuse(s, text, "is not base64");
    }
    for (size_t i = 0; i < rest.len; i++) {
        int digit = base64_digit(rest.at[i]);

        if (digit < 0) {
            return refuse(s, text, "is not base64");
        }
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[len++] = (uint8_t)(bits >> have);
        }
    }
    *value = (struct atoll_str){(const char *)out, len};
    return AT_JSON_OK;
}

static int read_enum(struct source *s, struct at_bytes text, int32_t *value)
{
    const struct atoll_enum_desc *desc = at_pb_enum_of(s->desc, s->field);

    if (at_pb_enum_number(desc, text, value)) {
        return AT_JSON_OK;
    }
    if (text.len > 0 && (is_digit(text.at[0]) || text.at[0] == '-')) {
        return read_integer(s, text, value);
    }
    (void)refuse(s, text, "is no value of ");
    (void)snprintf(s->why + strlen(s->why), AT_JSON_WHY_MAX - strlen(s->why), "%s",
                   desc->full_name);
    return AT_JSON_BAD_VALUE;
}

static int read_text(struct source *s, struct at_bytes text, void *value)
{
    switch (at_pb_type(s->field)) {
    case ATOLL_TYPE_STRING:
        *(struct atoll_str *)value = (struct atoll_str){(const char *)text.at, text.len};
        return AT_JSON_OK;
    case ATOLL_TYPE_BYTES: return read_base64(s, text, value);
    case ATOLL_TYPE_ENUM: return read_enum(s, text, value);
    case ATOLL_TYPE_DOUBLE:
    case ATOLL_TYPE_FLOAT: return read_float(s, text, value);
    case ATOLL_TYPE_BOOL:
        *(bool *)value = at_bytes_equal(text, AT_LIT("true"));
        return *(bool *)value || at_bytes_equal(text, AT_LIT("false"))
                   ? AT_JSON_OK
                   : refuse(s, text, "is neither true nor false");
    default: return read_integer(s, text, value);
    }
}

int at_json_token_string(const struct at_json_token *token, struct at_arena *arena,
                         struct atoll_str *ret)
{
    uint8_t *out;

    *ret = (struct atoll_str){(const char *)token->text.at, token->text.len};
    if (!token->escaped) {
        return 0;
    }
    out = at_arena_alloc(arena, token->text.len, 1);
    if (out == NULL) {
        return -ENOMEM;
    }
    ret->len = at_json_unescape(token, out);
    ret->at = (const char *)out;
    return 0;
}

int at_json_read_scalar(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                        const struct at_json_token *token, struct at_arena *arena, void *value,
                        char why[AT_JSON_WHY_MAX])
{
    uint8_t type = at_pb_type(field);
    struct source s = {desc, field, arena, why};
    struct atoll_str text;
    int r;

    if (type == ATOLL_TYPE_BOOL) {
        if (token->kind != AT_JSON_TRUE && token->kind != AT_JSON_FALSE) {
            return refuse_kind(&s, token);
        }
        *(bool *)value = token->kind == AT_JSON_TRUE;
        return AT_JSON_OK;
    }
    if (token->kind == AT_JSON_NUMBER) {
        return type == ATOLL_TYPE_STRING || type == ATOLL_TYPE_BYTES ? refuse_kind(&s, token)
               : type == ATOLL_TYPE_ENUM ? read_integer(&s, token->text, value)
                                         : read_text(&s, token->text, value);
    }
    if (token->kind != AT_JSON_STRING) {
        return refuse_kind(&s, token);
    }
    r = at_json_token_string(token, arena, &text);
    return r < 0 ? r : read_text(&s, at_bytes_over(text.at, text.len), value);
}

int at_json_read_text(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                      struct at_bytes text, struct at_arena *arena, void *value,
                      char why[AT_JSON_WHY_MAX])
{
    struct source s = {desc, field, arena, why};

    if (at_pb_type(field) == ATOLL_TYPE_STRING && !at_bytes_is_utf8(text)) {
        return refuse(&s, text, "is not well-formed UTF-8");
    }
    return read_text(&s, text, value);
}

static void write_base64(const struct atoll_str *text, struct at_json_writer *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *p = (const uint8_t *)text->at;
    char *room;

    at_json_raw(out, AT_LIT("\""));
    room = at_text_claim(out->out, (text->len + 2) / 3 * 4);
    for (size_t i = 0; room != NULL && i < text->len; i += 3) {
        size_t left = text->len - i;
        uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                     (left > 2 ? p[i + 2] : 0);

        *room++ = digits[v >> 18];
        *room++ = digits[v >> 12 & 63];
        *room++ = (char)(left > 1 ? digits[v >> 6 & 63] : '=');
        *room++ = (char)(left > 2 ? digits[v & 63] : '=');
    }
    at_text_add_char(out->out, '"');
}

static void write_enum(const struct atoll_enum_desc *desc, int32_t number, bool enum_numbers,
                       struct at_json_writer *out)
{
    const char *name = enum_numbers ? NULL : at_pb_enum_name(desc, number);

    if (name == NULL) {
        at_json_i64(out, number);
    } else {
        at_json_str(out, name);
    }
}

void at_json_write_scalar(const struct atoll_message_desc *desc,
                          const struct atoll_field_desc *field, const void *value,
                          bool enum_numbers, struct at_json_writer *out)
{
    const struct atoll_str *text = value;
    char number[24];

    switch (at_pb_type(field)) {
    case ATOLL_TYPE_STRING: at_json_string(out, at_bytes_over(text->at, text->len)); break;
    case ATOLL_TYPE_BYTES: write_base64(text, out); break;
    case ATOLL_TYPE_DOUBLE: at_json_double(out, *(const double *)value); break;
    case ATOLL_TYPE_FLOAT: at_json_float(out, *(const float *)value); break;
    case ATOLL_TYPE_BOOL: at_json_bool(out, *(const uint8_t *)value != 0); break;
    case ATOLL_TYPE_ENUM:
        write_enum(at_pb_enum_of(desc, field), *(const int32_t *)value, enum_numbers, out);
        break;
    case ATOLL_TYPE_UINT32:
    case ATOLL_TYPE_FIXED32: at_json_u64(out, *(const uint32_t *)value); break;
    case ATOLL_TYPE_UINT64:
    case ATOLL_TYPE_FIXED64:
        (void)snprintf(number, sizeof(number), "\"%" PRIu64 "\"", *(const uint64_t *)value);
        at_json_raw(out, at_bytes_of(number));
        break;
    case ATOLL_TYPE_INT64:
    case ATOLL_TYPE_SINT64:
    case ATOLL_TYPE_SFIXED64:
        (void)snprintf(number, sizeof(number), "\"%" PRId64 "\"", *(const int64_t *)value);
        at_json_raw(out, at_bytes_of(number));
        break;
    default: at_json_i64(out, *(const int32_t *)value); break;
    }
}

void at_json_write_key(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                       const void *value, struct at_json_writer *out)
{
    struct at_text text;
    struct at_json_writer plain;
    struct at_bytes b;

    if (at_pb_type(field) == ATOLL_TYPE_STRING) {
        at_json_key_bytes(out, at_bytes_over(((const struct atoll_str *)value)->at,
                                             ((const struct atoll_str *)value)->len));
        return;
    }
    at_text_init(&text);
    at_json_writer_init(&plain, &text, 0);
    at_json_write_scalar(desc, field, value, true, &plain);
    b = at_text_bytes(&text);
    if (b.len > 1 && b.at[0] == '"') {
        b = at_bytes_over(b.at + 1, b.len - 2);
    }
    at_json_key_bytes(out, b);
    out->out->failed = out->out->failed || text.failed;
    at_text_deinit(&text);
}
