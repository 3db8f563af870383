/* The tokenizer. `expects` says what may stand next; containers are bits on a small stack. */
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "pb/json.h"
#include "pb/json_number.h"
#include "pb/json_scan.h"
#include "pb/limits.h"

enum expects {
    VALUE,
    FIRST_KEY,     /* or '}' */
    KEY,           /* behind a comma */
    FIRST_ELEMENT, /* or ']' */
    COMMA,         /* or the end of the container */
    NOTHING,       /* the text is over */
};

void at_json_reader_init(struct at_json_reader *r, struct at_bytes text)
{
    *r = (struct at_json_reader){
        .start = text.at, .at = text.at, .token_at = text.at, .expects = VALUE};
    r->end = text.len == 0 ? text.at : text.at + text.len;
}

static enum at_json_kind fail(struct at_json_reader *r, const uint8_t *at, const char *why)
{
    r->wrong = why;
    r->token_at = at;
    return AT_JSON_ERROR;
}

static bool in_object(const struct at_json_reader *r)
{
    uint32_t top = r->nest.depth - 1;

    return (r->nest.bits[top / 64] >> (top % 64) & 1) != 0;
}

static void value_done(struct at_json_reader *r)
{
    r->expects = r->nest.depth == 0 ? NOTHING : COMMA;
}

static enum at_json_kind open(struct at_json_reader *r, bool object)
{
    uint32_t top = r->nest.depth;

    if (top == AT_JSON_DEPTH_MAX) {
        return fail(r, r->at, "nested deeper than 256 levels");
    }
    r->nest.bits[top / 64] &= ~(1ULL << (top % 64));
    r->nest.bits[top / 64] |= (uint64_t)object << (top % 64);
    r->nest.depth++;
    r->at++;
    r->expects = object ? FIRST_KEY : FIRST_ELEMENT;
    return object ? AT_JSON_OBJECT : AT_JSON_ARRAY;
}

static enum at_json_kind close(struct at_json_reader *r)
{
    bool object = in_object(r);

    if (*r->at != (object ? '}' : ']')) {
        return fail(r, r->at, object ? "expected ',' or '}'" : "expected ',' or ']'");
    }
    r->at++;
    r->nest.depth--;
    value_done(r);
    return object ? AT_JSON_OBJECT_END : AT_JSON_ARRAY_END;
}

static int hex(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* At the opening quote; token->text becomes what is between the quotes. */
/* Four hex digits, or a number above 0xFFFF. */
static uint32_t hex4(const uint8_t *p, const uint8_t *end)
{
    uint32_t v = 0;

    if (end - p < 4) {
        return UINT32_MAX;
    }
    for (size_t i = 0; i < 4; i++) {
        int digit = hex(p[i]);

        if (digit < 0) {
            return UINT32_MAX;
        }
        v = v << 4 | (uint32_t)digit;
    }
    return v;
}

static bool is_surrogate(uint32_t v, uint32_t first)
{
    return v >= first && v < first + 0x400;
}

/* Behind "\u"; NULL: ill-formed or a lone surrogate. */
static const uint8_t *check_unicode(const uint8_t *p, const uint8_t *end)
{
    uint32_t v = hex4(p, end);

    if (v > 0xFFFF || is_surrogate(v, 0xDC00)) {
        return NULL;
    }
    if (!is_surrogate(v, 0xD800)) {
        return p + 4;
    }
    if (end - p < 10 || p[4] != '\\' || p[5] != 'u' || !is_surrogate(hex4(p + 6, end), 0xDC00)) {
        return NULL;
    }
    return p + 10;
}

/* Behind a backslash; NULL: no escape. */
static const uint8_t *check_escape(const uint8_t *p, const uint8_t *end)
{
    if (p < end && *p == 'u') {
        return check_unicode(p + 1, end);
    }
    return p < end && *p != '\0' && strchr("\"\\/bfnrt", *p) != NULL ? p + 1 : NULL;
}

static bool read_string(struct at_json_reader *r, struct at_json_token *token)
{
    const uint8_t *begin = r->at + 1;
    const uint8_t *p = begin;
    bool high = false; /* is any byte above 127? */

    token->escaped = false;
    for (;;) {
        p = at_json_plain_end(p, r->end, false, &high);
        if (p == r->end) {
            return fail(r, r->at, "the string has no end"), false;
        }
        if (*p == '"') {
            break;
        }
        if (*p < 0x20) {
            return fail(r, p, "a control character in a string must be escaped"), false;
        }
        token->escaped = true;
        p = check_escape(p + 1, r->end);
        if (p == NULL) {
            return fail(r, r->at,
                        "the string has an escape that is none, or half a surrogate pair"),
                   false;
        }
    }
    token->text = at_bytes_over(begin, (size_t)(p - begin));
    if (high && !at_bytes_is_utf8(token->text)) {
        return fail(r, r->at, "the string is not well-formed UTF-8"), false;
    }
    r->at = p + 1;
    return true;
}

static enum at_json_kind read_number(struct at_json_reader *r, struct at_json_token *token)
{
    const uint8_t *p = at_json_number_end(r->at, r->end);

    if (p == NULL) {
        return fail(r, r->at, "ill-formed number");
    }
    if (p - r->at > AT_JSON_NUMBER_MAX) {
        return fail(r, r->at, "a number of more than 400 characters");
    }
    token->text = at_bytes_over(r->at, (size_t)(p - r->at));
    r->at = p;
    value_done(r);
    return AT_JSON_NUMBER;
}

static enum at_json_kind read_word(struct at_json_reader *r)
{
    static const struct {
        struct at_bytes text;
        enum at_json_kind kind;
    } words[] = {
        {{(const uint8_t *)"true", 4}, AT_JSON_TRUE},
        {{(const uint8_t *)"false", 5}, AT_JSON_FALSE},
        {{(const uint8_t *)"null", 4}, AT_JSON_NULL},
    };
    struct at_bytes rest = at_bytes_over(r->at, (size_t)(r->end - r->at));

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (at_bytes_start_with(rest, words[i].text)) {
            r->at += words[i].text.len;
            value_done(r);
            return words[i].kind;
        }
    }
    return fail(r, r->at, "expected a value");
}

static enum at_json_kind read_value(struct at_json_reader *r, struct at_json_token *token)
{
    uint8_t c = *r->at;

    if (c == '"') {
        if (!read_string(r, token)) {
            return AT_JSON_ERROR;
        }
        value_done(r);
        return AT_JSON_STRING;
    }
    if (c == '{' || c == '[') {
        return open(r, c == '{');
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        return read_number(r, token);
    }
    return read_word(r);
}

static const uint8_t *blanks_end(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }
    return p;
}

static void skip_blanks(struct at_json_reader *r)
{
    r->at = blanks_end(r->at, r->end);
}

static enum at_json_kind read_key(struct at_json_reader *r, struct at_json_token *token)
{
    if (*r->at != '"') {
        return fail(r, r->at, "expected a name in quotes");
    }
    if (!read_string(r, token)) {
        return AT_JSON_ERROR;
    }
    skip_blanks(r);
    if (r->at == r->end || *r->at != ':') {
        return fail(r, r->at, "expected ':' behind the name");
    }
    r->at++;
    r->expects = VALUE;
    return AT_JSON_KEY;
}

static enum at_json_kind next(struct at_json_reader *r, struct at_json_token *token)
{
    uint8_t expects = r->expects;

    if (r->wrong != NULL) {
        return AT_JSON_ERROR;
    }
    skip_blanks(r);
    r->token_at = r->at;
    if (r->at == r->end) {
        return expects == NOTHING ? AT_JSON_END : fail(r, r->at, "the text ends too early");
    }
    if (expects == NOTHING) {
        return fail(r, r->at, "something stands behind the end of the value");
    }
    if (expects == COMMA) {
        if (*r->at != ',') {
            return close(r);
        }
        r->at++;
        skip_blanks(r);
        r->token_at = r->at;
        if (r->at == r->end) {
            return fail(r, r->at, "the text ends too early");
        }
        expects = in_object(r) ? KEY : VALUE;
    } else if ((expects == FIRST_KEY && *r->at == '}') ||
               (expects == FIRST_ELEMENT && *r->at == ']')) {
        return close(r);
    }
    return expects == KEY || expects == FIRST_KEY ? read_key(r, token) : read_value(r, token);
}

enum at_json_kind at_json_next(struct at_json_reader *r, struct at_json_token *ret)
{
    *ret = (struct at_json_token){0};
    ret->kind = next(r, ret);
    return ret->kind;
}

bool at_json_take_key(struct at_json_reader *r, struct at_bytes name)
{
    const uint8_t *p = blanks_end(r->at, r->end);
    const uint8_t *begin;

    if (r->expects == COMMA && p < r->end && *p == ',') {
        p = blanks_end(p + 1, r->end);
    } else if (r->expects != FIRST_KEY) {
        return false;
    }
    begin = p;
    if ((size_t)(r->end - p) < name.len + 3 || *p != '"' || p[name.len + 1] != '"' ||
        !at_json_is_plain_copy(p + 1, name.at, name.len)) {
        return false;
    }
    p = blanks_end(p + name.len + 2, r->end);
    if (r->wrong != NULL || p == r->end || *p != ':') {
        return false;
    }
    r->token_at = begin;
    r->at = p + 1;
    r->expects = VALUE;
    return true;
}

bool at_json_skip(struct at_json_reader *r, const struct at_json_token *first)
{
    struct at_json_token token;
    uint32_t depth = r->nest.depth;

    if (first->kind != AT_JSON_OBJECT && first->kind != AT_JSON_ARRAY) {
        return first->kind != AT_JSON_ERROR;
    }
    while (r->nest.depth >= depth) {
        if (at_json_next(r, &token) == AT_JSON_ERROR) {
            return false;
        }
    }
    return true;
}

static size_t put_utf8(uint8_t *out, uint32_t v)
{
    if (v < 0x80) {
        out[0] = (uint8_t)v;
        return 1;
    }
    if (v < 0x800) {
        out[0] = (uint8_t)(0xC0 | v >> 6);
        out[1] = (uint8_t)(0x80 | (v & 0x3F));
        return 2;
    }
    if (v < 0x10000) {
        out[0] = (uint8_t)(0xE0 | v >> 12);
        out[1] = (uint8_t)(0x80 | (v >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (v & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | v >> 18);
    out[1] = (uint8_t)(0x80 | (v >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (v >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (v & 0x3F));
    return 4;
}

static uint8_t plain_escape(uint8_t c)
{
    switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return c;
    }
}

size_t at_json_unescape(const struct at_json_token *token, uint8_t *out)
{
    const uint8_t *p = token->text.at;
    const uint8_t *end = p + token->text.len;
    size_t len = 0;

    while (p < end) {
        uint32_t v;

        if (*p != '\\') {
            out[len++] = *p++;
            continue;
        }
        p++;
        if (*p != 'u') {
            out[len++] = plain_escape(*p++);
            continue;
        }
        v = hex4(p + 1, end);
        p += 5;
        if (is_surrogate(v, 0xD800)) {
            v = 0x10000 + ((v - 0xD800) << 10) + (hex4(p + 2, end) - 0xDC00);
            p += 6;
        }
        len += put_utf8(out + len, v);
    }
    return len;
}

void at_json_place(const struct at_json_reader *r, int *ret_line, int *ret_col)
{
    int line = 1;
    int col = 1;

    for (const uint8_t *p = r->start; p < r->token_at; p++) {
        if (*p == '\n') {
            line++;
            col = 1;
        } else {
            col++;
        }
    }
    *ret_line = line;
    *ret_col = col;
}
