/*
 * Scalars from JSON. Exact: an integer is one whatever its spelling ("1e2", "2.0"), and what does
 * not fit is refused with its limit.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/json.h"
#include "pb/json_base64.h"
#include "pb/json_message.h"
#include "pb/json_names.h"
#include "pb/json_number.h"
#include "pb/json_value.h"
#include "pb/limits.h"

enum { EXPONENT_MAX = 100000 };

/* A field whose value is wanted. */
struct wanted {
    const struct atoll_message_desc *desc;
    const struct atoll_field_desc *field;
    struct at_json_source *s;
    bool is_key; /* of a map: plain digits, and no sign in front of an unsigned one */
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

void at_json_show(struct at_bytes text, char out[AT_JSON_SHOWN_ROOM])
{
    enum { SHOWN_MAX = AT_JSON_SHOWN_ROOM - 4 };
    size_t len = 0;

    for (size_t i = 0; i < text.len && len < SHOWN_MAX; i++) {
        out[len++] = (char)(text.at[i] >= 0x20 && text.at[i] < 0x7F ? text.at[i] : '?');
    }
    (void)snprintf(out + len, 4, "%s", len < text.len ? "..." : "");
}

int at_json_refuse(struct at_json_source *s, const char *why)
{
    (void)snprintf(s->why, sizeof(s->why), "%s", why);
    return AT_JSON_BAD_VALUE;
}

int at_json_refuse_text(struct at_json_source *s, struct at_bytes text, const char *what)
{
    char shown[AT_JSON_SHOWN_ROOM];

    at_json_show(text, shown);
    (void)snprintf(s->why, sizeof(s->why), "%s %.140s", shown[0] == '\0' ? "\"\"" : shown, what);
    return AT_JSON_BAD_VALUE;
}

static int refuse_limit(const struct wanted *w, struct at_bytes text)
{
    char what[48];
    const char *side = text.len > 0 && text.at[0] == '-' ? "under" : "over";

    (void)snprintf(what, sizeof(what), "is %s the %s limit", side, type_name(at_pb_type(w->field)));
    return at_json_refuse_text(w->s, text, what);
}

static int refuse_kind(const struct wanted *w, const struct at_json_token *token)
{
    static const char *const kinds[] = {
        [AT_JSON_OBJECT] = "an object", [AT_JSON_ARRAY] = "a list", [AT_JSON_STRING] = "a string",
        [AT_JSON_NUMBER] = "a number",  [AT_JSON_TRUE] = "true",    [AT_JSON_FALSE] = "false",
        [AT_JSON_NULL] = "null",
    };
    const char *kind = token->kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[token->kind] : NULL;

    (void)snprintf(w->s->why, sizeof(w->s->why), "expected %s, got %s",
                   type_name(at_pb_type(w->field)), kind == NULL ? "something else" : kind);
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

/* All of the text is a number of RFC 8259. */
static bool is_number(struct at_bytes text)
{
    return text.len > 0 && text.len <= AT_JSON_NUMBER_MAX &&
           at_json_number_end(text.at, text.at + text.len) == text.at + text.len;
}

/* False: the text is no number. */
static bool cut_decimal(struct at_bytes text, struct decimal *d)
{
    const uint8_t *p;
    const uint8_t *end = text.at + text.len;
    bool negative_exponent = false;

    if (!is_number(text)) {
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

/* "-12": one to nineteen digits and nothing else, which is what integers nearly always are. */
static bool quick_integer(struct at_bytes text, bool *ret_negative, uint64_t *ret)
{
    bool negative = text.len > 0 && text.at[0] == '-';
    size_t digits = text.len - negative;
    uint64_t v = 0;

    if (digits == 0 || digits > 19 || (text.at[negative] == '0' && digits > 1)) {
        return false;
    }
    for (size_t i = negative; i < text.len; i++) {
        if (!is_digit(text.at[i])) {
            return false;
        }
        v = v * 10 + (uint64_t)(text.at[i] - '0');
    }
    *ret_negative = negative;
    *ret = v;
    return true;
}

/* "-12", "+12", "012": how C++ protobuf reads the key of a map, too. */
static enum integer_result key_to_integer(struct at_bytes text, bool *ret_negative, uint64_t *ret)
{
    size_t i = text.len > 0 && (text.at[0] == '-' || text.at[0] == '+');
    uint64_t v = 0;

    if (i == text.len || text.len > AT_JSON_NUMBER_MAX) {
        return INTEGER_NO_NUMBER;
    }
    *ret_negative = text.at[0] == '-';
    for (; i < text.len && is_digit(text.at[i]); i++) {
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(text.at[i] - '0'), &v)) {
            return INTEGER_TOO_BIG;
        }
    }
    *ret = v;
    return i == text.len ? INTEGER_OK : INTEGER_NO_NUMBER;
}

/* "5", "-1", "1e3", "2.0" as sign and size. */
static enum integer_result to_integer(const struct wanted *w, struct at_bytes text,
                                      bool *ret_negative, uint64_t *ret)
{
    struct decimal d;
    int64_t point;
    size_t digits;
    size_t i = 0;
    uint64_t v = 0;

    if (quick_integer(text, ret_negative, ret)) {
        return INTEGER_OK;
    }
    if (w->is_key) {
        return key_to_integer(text, ret_negative, ret);
    }
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

static int refuse_number(const struct wanted *w, struct at_bytes text)
{
    return at_json_refuse_text(
        w->s, text, w->is_key ? "is no whole number in plain digits" : "is not a number");
}

static int read_signed(const struct wanted *w, struct at_bytes text, uint64_t limit, int64_t *ret)
{
    bool negative = false;
    uint64_t v = 0;

    switch (to_integer(w, text, &negative, &v)) {
    case INTEGER_OK: break;
    case INTEGER_TOO_BIG: return refuse_limit(w, text);
    case INTEGER_NOT_WHOLE: return at_json_refuse_text(w->s, text, "is not a whole number");
    case INTEGER_NO_NUMBER: return refuse_number(w, text);
    }
    if (v > limit + negative) {
        return refuse_limit(w, text);
    }
    *ret = negative ? (int64_t)(0 - v) : (int64_t)v;
    return AT_JSON_OK;
}

static int read_unsigned(const struct wanted *w, struct at_bytes text, uint64_t limit,
                         uint64_t *ret)
{
    bool negative = false;

    switch (to_integer(w, text, &negative, ret)) {
    case INTEGER_OK: break;
    case INTEGER_TOO_BIG: return refuse_limit(w, text);
    case INTEGER_NOT_WHOLE: return at_json_refuse_text(w->s, text, "is not a whole number");
    case INTEGER_NO_NUMBER: return refuse_number(w, text);
    }
    /* -0 is 0, but peers take no key like that. */
    return *ret > limit || (negative && (*ret != 0 || w->is_key)) ? refuse_limit(w, text)
                                                                  : AT_JSON_OK;
}

static int read_integer(const struct wanted *w, struct at_bytes text, void *value)
{
    int64_t i = 0;
    uint64_t u = 0;
    int r;

    switch (at_pb_type(w->field)) {
    case ATOLL_TYPE_INT64:
    case ATOLL_TYPE_SINT64:
    case ATOLL_TYPE_SFIXED64:
        r = read_signed(w, text, INT64_MAX, &i);
        memcpy(value, &i, 8);
        return r;
    case ATOLL_TYPE_UINT64:
    case ATOLL_TYPE_FIXED64:
        r = read_unsigned(w, text, UINT64_MAX, &u);
        memcpy(value, &u, 8);
        return r;
    case ATOLL_TYPE_UINT32:
    case ATOLL_TYPE_FIXED32:
        r = read_unsigned(w, text, UINT32_MAX, &u);
        *(uint32_t *)value = (uint32_t)u;
        return r;
    default:
        r = read_signed(w, text, INT32_MAX, &i);
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

static int read_double(const struct wanted *w, struct at_bytes text, double *value)
{
    if (odd_number(text, value)) {
        return AT_JSON_OK;
    }
    if (!is_number(text)) {
        return at_json_refuse_text(w->s, text, "is not a number");
    }
    *value = at_json_parse_double(text);
    return isinf(*value) ? refuse_limit(w, text) : AT_JSON_OK;
}

static int read_float(const struct wanted *w, struct at_bytes text, float *value)
{
    double odd;

    if (odd_number(text, &odd)) {
        *value = (float)odd;
        return AT_JSON_OK;
    }
    if (!is_number(text)) {
        return at_json_refuse_text(w->s, text, "is not a number");
    }
    *value = at_json_parse_float(text);
    return isinf(*value) ? refuse_limit(w, text) : AT_JSON_OK;
}

static int read_bytes(struct at_json_source *s, struct at_bytes text, struct atoll_str *value)
{
    uint8_t *out = at_arena_alloc(s->names.arena, at_json_base64_room(text.len), 1);

    if (out == NULL) {
        return -ENOMEM;
    }
    *value = (struct atoll_str){.at = (const char *)out};
    return at_json_read_base64(text, out, &value->len)
               ? AT_JSON_OK
               : at_json_refuse_text(s, text, "is not base64");
}

/* Has the enum a value for it? An open one holds any number. */
static int check_enum(const struct wanted *w, struct at_bytes text, int32_t number)
{
    const struct atoll_enum_desc *of = at_pb_enum_of(w->desc, w->field);
    char what[AT_JSON_WHY_MAX];

    if ((w->field->flags & ATOLL_FIELD_CLOSED) == 0 || at_pb_enum_name(of, number) != NULL) {
        return AT_JSON_OK;
    }
    (void)snprintf(what, sizeof(what), "is no value of %s", of->full_name);
    (void)at_json_refuse_text(w->s, text, what);
    return AT_JSON_UNKNOWN_VALUE;
}

/* A number that is not known may be stepped over: then the field keeps what it had. */
static int read_enum_number(const struct wanted *w, struct at_bytes text, int32_t *value)
{
    int32_t number = 0;
    int r = read_integer(w, text, &number);

    r = r == AT_JSON_OK ? check_enum(w, text, number) : r;
    *value = r == AT_JSON_OK ? number : *value;
    return r;
}

static int read_enum(const struct wanted *w, struct at_bytes text, int32_t *value)
{
    const struct atoll_enum_desc *of = at_pb_enum_of(w->desc, w->field);
    char what[AT_JSON_WHY_MAX];

    if (at_json_find_enum(&w->s->names, of, text, value)) {
        return AT_JSON_OK;
    }
    if (text.len > 0 && (is_digit(text.at[0]) || text.at[0] == '-')) {
        return read_enum_number(w, text, value);
    }
    (void)snprintf(what, sizeof(what), "is no value of %s", of->full_name);
    (void)at_json_refuse_text(w->s, text, what);
    return AT_JSON_UNKNOWN_VALUE;
}

static int read_text(const struct wanted *w, struct at_bytes text, void *value)
{
    switch (at_pb_type(w->field)) {
    case ATOLL_TYPE_STRING:
        *(struct atoll_str *)value = (struct atoll_str){(const char *)text.at, text.len};
        return AT_JSON_OK;
    case ATOLL_TYPE_BYTES: return read_bytes(w->s, text, value);
    case ATOLL_TYPE_ENUM: return read_enum(w, text, value);
    case ATOLL_TYPE_DOUBLE: return read_double(w, text, value);
    case ATOLL_TYPE_FLOAT: return read_float(w, text, value);
    case ATOLL_TYPE_BOOL:
        *(bool *)value = at_bytes_equal(text, AT_LIT("true"));
        return *(bool *)value || at_bytes_equal(text, AT_LIT("false"))
                   ? AT_JSON_OK
                   : at_json_refuse_text(w->s, text, "is neither true nor false");
    default: return read_integer(w, text, value);
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

static int read_number(const struct wanted *w, const struct at_json_token *token, void *value)
{
    switch (at_pb_type(w->field)) {
    case ATOLL_TYPE_BOOL:
    case ATOLL_TYPE_STRING:
    case ATOLL_TYPE_BYTES: return refuse_kind(w, token);
    case ATOLL_TYPE_ENUM: return read_enum_number(w, token->text, value);
    default: return read_text(w, token->text, value);
    }
}

int at_json_read_scalar(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                        const struct at_json_token *token, struct at_json_source *s, void *value)
{
    struct wanted w = {desc, field, s, false};
    struct atoll_str text;
    int r;

    if (token->kind == AT_JSON_NUMBER) {
        return read_number(&w, token, value);
    }
    if (token->kind == AT_JSON_STRING && at_pb_type(field) != ATOLL_TYPE_BOOL) {
        r = at_json_token_string(token, s->names.arena, &text);
        return r < 0 ? r : read_text(&w, at_bytes_over(text.at, text.len), value);
    }
    if ((token->kind == AT_JSON_TRUE || token->kind == AT_JSON_FALSE) &&
        at_pb_type(field) == ATOLL_TYPE_BOOL) {
        *(bool *)value = token->kind == AT_JSON_TRUE;
        return AT_JSON_OK;
    }
    return refuse_kind(&w, token);
}

static int read_plain(const struct wanted *w, struct at_bytes text, void *value)
{
    if (at_pb_type(w->field) == ATOLL_TYPE_STRING && !at_bytes_is_utf8(text)) {
        return at_json_refuse_text(w->s, text, "is not well-formed UTF-8");
    }
    return read_text(w, text, value);
}

int at_json_read_key(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                     struct at_bytes text, struct at_json_source *s, void *value)
{
    struct wanted w = {desc, field, s, true};

    return read_plain(&w, text, value);
}

int at_json_read_text(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                      struct at_bytes text, struct at_json_source *s, void *value)
{
    struct wanted w = {desc, field, s, false};

    return read_plain(&w, text, value);
}
