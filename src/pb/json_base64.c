#include "pb/json_base64.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum { NO_DIGIT = 0x80 };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Six bits; more: it is no digit. */
static uint32_t value_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26U;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52U;
    }
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : NO_DIGIT;
}

/* Without the one or two '=' that fill the last four characters. False: they stand elsewhere. */
static bool cut_padding(struct at_bytes *text)
{
    size_t len = text->len;

    while (text->len > 0 && text->at[text->len - 1] == '=' && len - text->len < 2) {
        text->len--;
    }
    return text->len % 4 != 1 && (text->len == len || len % 4 == 0);
}

bool at_json_read_base64(struct at_bytes text, uint8_t *out, size_t *ret_len)
{
    uint32_t wrong = 0;
    uint32_t rest = 0;
    size_t whole;
    uint8_t *p = out;

    if (!cut_padding(&text)) {
        return false;
    }
    whole = text.len / 4 * 4;
    for (size_t i = 0; i < whole; i += 4) {
        uint32_t a = value_of(text.at[i]);
        uint32_t b = value_of(text.at[i + 1]);
        uint32_t c = value_of(text.at[i + 2]);
        uint32_t d = value_of(text.at[i + 3]);

        wrong |= a | b | c | d;
        *p++ = (uint8_t)(a << 2 | b >> 4);
        *p++ = (uint8_t)(b << 4 | c >> 2);
        *p++ = (uint8_t)(c << 6 | d);
    }
    for (size_t i = whole; i < text.len; i++) {
        wrong |= value_of(text.at[i]);
        rest = rest << 6 | value_of(text.at[i]);
    }
    if (text.len - whole == 2) {
        *p++ = (uint8_t)(rest >> 4);
    } else if (text.len - whole == 3) {
        *p++ = (uint8_t)(rest >> 10);
        *p++ = (uint8_t)(rest >> 2);
    }
    *ret_len = (size_t)(p - out);
    return (wrong & NO_DIGIT) == 0;
}

void at_json_write_base64(struct at_bytes bytes, char *out)
{
    for (size_t i = 0; i < bytes.len; i += 3) {
        const uint8_t *p = bytes.at + i;
        size_t left = bytes.len - i;
        uint32_t v =
            (uint32_t)p[0] << 16 | (left > 1 ? (uint32_t)p[1] << 8 : 0) | (left > 2 ? p[2] : 0);

        *out++ = digits[v >> 18];
        *out++ = digits[v >> 12 & 63];
        *out++ = (char)(left > 1 ? digits[v >> 6 & 63] : '=');
        *out++ = (char)(left > 2 ? digits[v & 63] : '=');
    }
}
