#include "pb/pbtext_token.h"

#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int hex_digit(uint8_t c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct at_pbtext_lexer at_pbtext_lexer_over(struct at_bytes text)
{
    return (struct at_pbtext_lexer){
        .start = text.at, .at = text.at, .end = text.len == 0 ? text.at : text.at + text.len};
}

static void skip_blanks(struct at_pbtext_lexer *l)
{
    while (l->at < l->end) {
        if (*l->at == '#') {
            const uint8_t *line = memchr(l->at, '\n', (size_t)(l->end - l->at));

            l->at = line == NULL ? l->end : line;
        } else if (is_blank(*l->at)) {
            l->at++;
        } else {
            return;
        }
    }
}

static struct at_pbtext_token token_of(const struct at_pbtext_lexer *l, enum at_pbtext_kind kind,
                                       const uint8_t *from)
{
    return (struct at_pbtext_token){kind, at_bytes_over(from, (size_t)(l->at - from)), from};
}

static struct at_pbtext_token fail(struct at_pbtext_lexer *l, const uint8_t *at, const char *why)
{
    l->wrong = why;
    l->at = l->end;
    return (struct at_pbtext_token){.kind = AT_PBTEXT_ERROR, .at = at};
}

static void skip_digits(struct at_pbtext_lexer *l)
{
    while (l->at < l->end && is_digit(*l->at)) {
        l->at++;
    }
}

/* Behind the digits before the point; false: an exponent without digits. */
static bool skip_fraction(struct at_pbtext_lexer *l)
{
    if (l->at < l->end && *l->at == '.') {
        l->at++;
        skip_digits(l);
    }
    if (l->at < l->end && (*l->at | 0x20) == 'e') {
        l->at++;
        if (l->at < l->end && (*l->at == '+' || *l->at == '-')) {
            l->at++;
        }
        if (l->at == l->end || !is_digit(*l->at)) {
            return false;
        }
        skip_digits(l);
    }
    return true;
}

static bool is_octal(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p >= '0' && *p <= '7') {
        p++;
    }
    return p == end;
}

static struct at_pbtext_token hex_number(struct at_pbtext_lexer *l, const uint8_t *from)
{
    l->at += 2;
    if (l->at == l->end || hex_digit(*l->at) < 0) {
        return fail(l, from, "a number in hexadecimal needs a digit behind 0x");
    }
    while (l->at < l->end && hex_digit(*l->at) >= 0) {
        l->at++;
    }
    return token_of(l, AT_PBTEXT_HEX, from);
}

/* Digits, a point, an exponent, an f. */
static struct at_pbtext_token decimal_number(struct at_pbtext_lexer *l, const uint8_t *from)
{
    const uint8_t *whole;

    skip_digits(l);
    whole = l->at;
    if (!skip_fraction(l)) {
        return fail(l, from, "an exponent needs a digit");
    }
    if (l->at == whole && *from == '0' && whole - from > 1) {
        return is_octal(from, whole) ? token_of(l, AT_PBTEXT_OCTAL, from)
                                     : fail(l, from, "a number with 0 in front has digits to 7");
    }
    if (*from == '0' && whole - from > 1) {
        return fail(l, from, "a number with a point has no 0 in front");
    }
    if (l->at < l->end && (*l->at | 0x20) == 'f') {
        l->at++;
        return token_of(l, AT_PBTEXT_FLOAT, from);
    }
    return token_of(l, l->at == whole ? AT_PBTEXT_DECIMAL : AT_PBTEXT_FLOAT, from);
}

static struct at_pbtext_token number(struct at_pbtext_lexer *l)
{
    const uint8_t *from = l->at;
    bool hex = *from == '0' && l->end - from > 1 && (from[1] | 0x20) == 'x';
    struct at_pbtext_token token = hex ? hex_number(l, from) : decimal_number(l, from);

    if (token.kind != AT_PBTEXT_ERROR && l->at < l->end &&
        (is_letter(*l->at) || is_digit(*l->at) || *l->at == '.')) {
        return fail(l, from, "a number must be followed by a blank or a sign");
    }
    return token;
}

static struct at_pbtext_token string(struct at_pbtext_lexer *l)
{
    const uint8_t *from = l->at++;
    struct at_pbtext_token token;

    while (l->at < l->end && *l->at != *from) {
        if (*l->at == '\n' || *l->at == '\0') {
            return fail(l, l->at, "a string ends on its own line; write \\n in it");
        }
        l->at += *l->at == '\\' && l->end - l->at > 1 && l->at[1] != '\n' ? 2 : 1;
    }
    if (l->at >= l->end) {
        return fail(l, from, "a string is not closed");
    }
    token = token_of(l, AT_PBTEXT_STRING, from + 1);
    token.at = from;
    l->at++;
    return token;
}

struct at_pbtext_token at_pbtext_next(struct at_pbtext_lexer *l)
{
    const uint8_t *from;

    skip_blanks(l);
    from = l->at;
    if (l->wrong != NULL) {
        return (struct at_pbtext_token){.kind = AT_PBTEXT_ERROR, .at = from};
    }
    if (from == l->end) {
        return token_of(l, AT_PBTEXT_END, from);
    }
    if (is_letter(*from)) {
        while (l->at < l->end && (is_letter(*l->at) || is_digit(*l->at))) {
            l->at++;
        }
        return token_of(l, AT_PBTEXT_NAME, from);
    }
    if (is_digit(*from) || (*from == '.' && l->end - from > 1 && is_digit(from[1]))) {
        return number(l);
    }
    if (*from == '"' || *from == '\'') {
        return string(l);
    }
    if (*from != '\0' && strchr(":;,-{}<>[]", *from) != NULL) {
        l->at++;
        return token_of(l, AT_PBTEXT_SIGN, from);
    }
    return fail(l, from, "this character has no meaning here");
}

struct at_pbtext_token at_pbtext_peek(const struct at_pbtext_lexer *l)
{
    struct at_pbtext_lexer copy = *l;

    return at_pbtext_next(&copy);
}

bool at_pbtext_is(const struct at_pbtext_token *token, char sign)
{
    return token->kind == AT_PBTEXT_SIGN && token->text.at[0] == (uint8_t)sign;
}

bool at_pbtext_in_bracket_name(uint8_t c)
{
    return is_letter(c) || is_digit(c) || (c != '\0' && strchr(".-/~!$&()*+,;=%", c) != NULL);
}

bool at_pbtext_is_percent_escape(struct at_bytes b)
{
    return b.len >= 3 && b.at[0] == '%' && hex_digit(b.at[1]) >= 0 && hex_digit(b.at[2]) >= 0;
}

static bool is_word(uint8_t c)
{
    return is_letter(c) || is_digit(c);
}

size_t at_pbtext_bracket_name(struct at_pbtext_lexer *l, char *out, size_t cap)
{
    size_t len = 0;

    for (;;) {
        const uint8_t *from = l->at;

        skip_blanks(l);
        if (l->at == l->end) {
            l->wrong = "a name in brackets is not closed";
            return 0;
        }
        if (*l->at == ']') {
            l->at++;
            l->wrong = len == 0 ? "a name in brackets is empty" : NULL;
            return len;
        }
        if (!at_pbtext_in_bracket_name(*l->at)) {
            l->wrong = "this character cannot stand in a name in brackets";
            return 0;
        }
        if (l->at != from && len > 0 && is_word((uint8_t)out[len - 1]) && is_word(*l->at)) {
            l->wrong = "the words of a name in brackets need a dot between them";
            return 0;
        }
        if (len == cap) {
            l->wrong = "a name in brackets is too long";
            return 0;
        }
        out[len++] = (char)*l->at++;
    }
}

/* ---- escapes ---- */

struct unescape {
    const uint8_t *at;
    const uint8_t *end;
    uint8_t *out;
    size_t len;
};

/* Up to `most` digits of the base; *ret_count how many there were. */
static uint32_t digits(struct unescape *u, int base, int most, int *ret_count)
{
    uint32_t value = 0;
    int count = 0;

    while (count < most && u->at < u->end && hex_digit(*u->at) >= 0 && hex_digit(*u->at) < base) {
        value = value * (uint32_t)base + (uint32_t)hex_digit(*u->at++);
        count++;
    }
    *ret_count = count;
    return value;
}

static const char *put_byte(struct unescape *u, int base, int most)
{
    int count;
    uint32_t value = digits(u, base, most, &count);

    if (count == 0) {
        return "\\x needs a hexadecimal digit";
    }
    if (value > 0xFF) {
        return "an octal escape is over \\377";
    }
    u->out[u->len++] = (uint8_t)value;
    return NULL;
}

static const char *put_char(struct unescape *u, int most)
{
    int count;
    uint32_t c = digits(u, 16, most, &count);
    uint8_t *out = u->out + u->len;

    if (count != most) {
        return most == 4 ? "\\u needs 4 hexadecimal digits" : "\\U needs 8 hexadecimal digits";
    }
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) {
        return "this number is no Unicode character";
    }
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        u->len += 1;
    } else if (c < 0x800) {
        out[0] = (uint8_t)(0xC0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3F));
        u->len += 2;
    } else if (c < 0x10000) {
        out[0] = (uint8_t)(0xE0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (c & 0x3F));
        u->len += 3;
    } else {
        out[0] = (uint8_t)(0xF0 | c >> 18);
        out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3F));
        out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        out[3] = (uint8_t)(0x80 | (c & 0x3F));
        u->len += 4;
    }
    return NULL;
}

/* Behind a backslash. */
static const char *put_escape(struct unescape *u)
{
    static const char names[] = "abfnrtv?\\'\"";
    static const char values[] = "\a\b\f\n\r\t\v?\\'\"";
    const char *simple;
    uint8_t c;

    if (u->at == u->end) {
        return "a backslash needs a character behind it";
    }
    c = *u->at;
    if (c >= '0' && c <= '7') {
        return put_byte(u, 8, 3);
    }
    u->at++;
    if ((c | 0x20) == 'x') {
        return put_byte(u, 16, 2);
    }
    if ((c | 0x20) == 'u') {
        return put_char(u, c == 'u' ? 4 : 8);
    }
    simple = c == '\0' ? NULL : strchr(names, c);
    if (simple == NULL) {
        return "this escape does not exist";
    }
    u->out[u->len++] = (uint8_t)values[simple - names];
    return NULL;
}

const char *at_pbtext_unescape(struct at_bytes text, uint8_t *out, size_t *ret_len,
                               const uint8_t **ret_at)
{
    struct unescape u = {.at = text.at, .end = text.at + text.len, .out = out};

    while (u.at < u.end) {
        const uint8_t *from = u.at;
        const char *wrong;

        if (*u.at != '\\') {
            u.out[u.len++] = *u.at++;
            continue;
        }
        u.at++;
        wrong = put_escape(&u);
        if (wrong != NULL) {
            *ret_at = from;
            return wrong;
        }
    }
    *ret_len = u.len;
    return NULL;
}

void at_pbtext_place(const struct at_pbtext_lexer *l, const uint8_t *at, int *ret_line,
                     int *ret_col)
{
    const uint8_t *line = l->start;

    *ret_line = 1;
    for (const uint8_t *p = l->start; p < at; p++) {
        if (*p == '\n') {
            (*ret_line)++;
            line = p + 1;
        }
    }
    *ret_col = (int)(at - line) + 1;
}
