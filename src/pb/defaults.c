/* default_value of FieldDescriptorProto: text, in the form that descriptor.proto describes. */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/descriptor.h"
#include "pb/json_number.h"
#include "pb/limits.h"

static bool is_signed_within(struct at_bytes text, int64_t low, int64_t high, int64_t *ret)
{
    return at_bytes_to_i64(text, ret) && *ret >= low && *ret <= high;
}

static bool put_integer(uint8_t type, struct at_bytes text, void *value)
{
    int64_t i = 0;
    uint64_t u = 0;
    bool ok;

    switch (type) {
    case ATOLL_TYPE_INT64:
    case ATOLL_TYPE_SINT64:
    case ATOLL_TYPE_SFIXED64:
        ok = at_bytes_to_i64(text, &i);
        memcpy(value, &i, sizeof(i));
        return ok;
    case ATOLL_TYPE_UINT64:
    case ATOLL_TYPE_FIXED64:
        ok = at_bytes_to_u64(text, &u);
        memcpy(value, &u, sizeof(u));
        return ok;
    case ATOLL_TYPE_UINT32:
    case ATOLL_TYPE_FIXED32:
        ok = at_bytes_to_u64(text, &u) && u <= UINT32_MAX;
        *(uint32_t *)value = (uint32_t)u;
        return ok;
    default:
        ok = is_signed_within(text, INT32_MIN, INT32_MAX, &i);
        *(int32_t *)value = (int32_t)i;
        return ok;
    }
}

static bool to_double(struct at_bytes text, double *ret)
{
    if (at_bytes_equal(text, AT_LIT("inf")) || at_bytes_equal(text, AT_LIT("-inf"))) {
        *ret = text.at[0] == '-' ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    if (at_bytes_equal(text, AT_LIT("nan")) || at_bytes_equal(text, AT_LIT("-nan"))) {
        *ret = (double)NAN;
        return true;
    }
    if (text.len == 0 || text.len > AT_JSON_NUMBER_MAX ||
        at_json_number_end(text.at, text.at + text.len) != text.at + text.len) {
        return false;
    }
    *ret = at_json_parse_double(text);
    return true;
}

static bool put_float(uint8_t type, struct at_bytes text, void *value)
{
    double d;

    if (!to_double(text, &d)) {
        return false;
    }
    if (type == ATOLL_TYPE_DOUBLE) {
        memcpy(value, &d, sizeof(d));
    } else {
        *(float *)value = isfinite(d) ? at_json_parse_float(text) : (float)d;
    }
    return true;
}

static bool put_bool(struct at_bytes text, bool *value)
{
    *value = at_bytes_equal(text, AT_LIT("true"));
    return *value || at_bytes_equal(text, AT_LIT("false"));
}

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* Up to `most` digits of the base at *at; false: there are none, or the number is no byte. */
static bool take_digits(struct at_bytes text, size_t *at, int base, size_t most, uint8_t *ret)
{
    size_t n = 0;
    int v = 0;

    for (; n < most && *at < text.len && digit_of(text.at[*at]) < base; n++) {
        v = v * base + digit_of(text.at[(*at)++]);
    }
    *ret = (uint8_t)v;
    return n > 0 && v <= UINT8_MAX;
}

/* What stands behind a backslash at *at, as in C. */
static bool take_escape(struct at_bytes text, size_t *at, uint8_t *ret)
{
    static const char letters[] = "abfnrtv\\'\"?";
    static const char means[] = "\a\b\f\n\r\t\v\\'\"?";
    const char *letter;

    if (*at == text.len || text.at[*at] == '\0') {
        return false;
    }
    if (text.at[*at] == 'x' || text.at[*at] == 'X') {
        *at += 1;
        return take_digits(text, at, 16, 2, ret);
    }
    letter = strchr(letters, text.at[*at]);
    if (letter == NULL) {
        return take_digits(text, at, 8, 3, ret);
    }
    *at += 1;
    *ret = (uint8_t)means[letter - letters];
    return true;
}

/* Bytes are written as in a string of C; a string as it is. */
static int put_text(const struct at_proto_field *p, struct at_arena *arena, struct atoll_str *value)
{
    struct at_bytes text = at_bytes_over(p->default_value.at, p->default_value.len);
    uint8_t *out = at_arena_alloc(arena, text.len + 1, 1);
    size_t len = 0;

    if (out == NULL) {
        return -ENOMEM;
    }
    for (size_t at = 0; at < text.len;) {
        uint8_t c = text.at[at++];

        if (c == '\\' && p->type == ATOLL_TYPE_BYTES && !take_escape(text, &at, &c)) {
            return -EBADMSG;
        }
        out[len++] = c;
    }
    *value = (struct atoll_str){(const char *)out, len};
    return 0;
}

int at_proto_default(const struct at_proto_field *f, struct at_arena *arena, void *value)
{
    struct at_bytes text = at_bytes_over(f->default_value.at, f->default_value.len);
    bool ok;

    switch (f->type) {
    case ATOLL_TYPE_STRING:
    case ATOLL_TYPE_BYTES: return put_text(f, arena, value);
    case ATOLL_TYPE_DOUBLE:
    case ATOLL_TYPE_FLOAT: ok = put_float((uint8_t)f->type, text, value); break;
    case ATOLL_TYPE_BOOL: ok = put_bool(text, value); break;
    case ATOLL_TYPE_ENUM:
    case ATOLL_TYPE_MESSAGE:
    case ATOLL_TYPE_GROUP: return -EINVAL;
    default: ok = put_integer((uint8_t)f->type, text, value); break;
    }
    return ok ? 0 : -EBADMSG;
}
