/* The writer: commas, quotes, escapes, numbers. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "pb/json.h"
#include "pb/json_number.h"
#include "pb/json_put.h"
#include "pb/json_scan.h"

void at_json_writer_init(struct at_json_writer *w, struct at_text *out, uint32_t indent)
{
    *w = (struct at_json_writer){.out = out, .indent = indent};
}

void at_json_begin_object(struct at_json_writer *w)
{
    at_json_open(w, '{');
}

void at_json_end_object(struct at_json_writer *w)
{
    at_json_close(w, '}');
}

void at_json_begin_array(struct at_json_writer *w)
{
    at_json_open(w, '[');
}

void at_json_end_array(struct at_json_writer *w)
{
    at_json_close(w, ']');
}

static size_t utf8_len(const uint8_t *p, size_t left)
{
    size_t len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;

    return len <= left && at_bytes_is_utf8(at_bytes_over(p, len)) ? len : 0;
}

static void escape_one(struct at_text *out, uint8_t c)
{
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    char letter = (char)c;

    if (c != '"' && c != '\\') {
        letter = (char)(c < 0x20 ? letters[c] : '\0');
    }
    if (letter != '\0') {
        char pair[2] = {'\\', letter};

        at_text_add(out, at_bytes_over(pair, 2));
    } else {
        at_text_addf(out, "\\u%04x", c);
    }
}

/* The same with each byte that is no part of a well-formed character replaced. */
static void escape_ill_formed(struct at_text *out, struct at_bytes text)
{
    for (size_t i = 0; i < text.len;) {
        uint8_t c = text.at[i];
        size_t n = c < 0x80 ? 1 : utf8_len(text.at + i, text.len - i);

        if (n == 0) {
            at_text_add_str(out, "\xEF\xBF\xBD");
            n = 1;
        } else if (at_json_is_special(c, true)) {
            escape_one(out, c);
        } else {
            at_text_add(out, at_bytes_over(text.at + i, n));
        }
        i += n;
    }
}

static void escape_from(struct at_text *out, struct at_bytes text, const uint8_t *stop)
{
    const uint8_t *p = text.at;
    const uint8_t *end = text.at + text.len;
    bool high = false;

    for (;;) {
        at_text_add(out, at_bytes_over(p, (size_t)(stop - p)));
        if (stop == end) {
            return;
        }
        escape_one(out, *stop);
        p = stop + 1;
        stop = at_json_plain_end(p, end, true, &high);
    }
}

bool at_json_escape(struct at_text *out, struct at_bytes text)
{
    bool high = false;
    const uint8_t *stop;

    if (text.len == 0) {
        return true;
    }
    stop = at_json_plain_end(text.at, text.at + text.len, true, &high);
    if ((high || stop < text.at + text.len) && !at_bytes_is_utf8(text)) {
        escape_ill_formed(out, text);
        return false;
    }
    escape_from(out, text, stop);
    return true;
}

/* A string in quotes at p, which has room for it as long as nothing needs an escape. */
static bool quoted(struct at_json_writer *w, struct at_bytes text, char *p)
{
    bool well_formed;

    *p = '"';
    if (at_json_copy_plain(p + 1, text.at, text.len)) {
        p[text.len + 1] = '"';
        at_json_text_end(w->out, p + text.len + 2);
        return true;
    }
    at_json_text_end(w->out, p + 1);
    well_formed = at_json_escape(w->out, text);
    at_text_add_char(w->out, '"');
    return well_formed;
}

bool at_json_key_bytes(struct at_json_writer *w, struct at_bytes key)
{
    char *p = at_json_value_room(w, key.len + 2);
    bool well_formed = true;

    if (p != NULL) {
        well_formed = quoted(w, key, p);
        p = at_json_room(w->out, 2);
    }
    if (p != NULL) {
        p[0] = ':';
        p[1] = ' ';
        at_json_text_end(w->out, p + (w->indent == 0 ? 1 : 2));
    }
    w->after_key = true;
    w->needs_comma = false;
    return well_formed;
}

void at_json_key(struct at_json_writer *w, const char *key)
{
    at_json_key_bytes(w, at_bytes_of(key));
}

bool at_json_string(struct at_json_writer *w, struct at_bytes text)
{
    char *p = at_json_value_room(w, text.len + 2);
    bool well_formed = p == NULL || quoted(w, text, p);

    w->needs_comma = true;
    return well_formed;
}

void at_json_str(struct at_json_writer *w, const char *text)
{
    at_json_string(w, at_bytes_of(text));
}

void at_json_raw(struct at_json_writer *w, struct at_bytes json)
{
    char *p = at_json_value_room(w, json.len);

    if (p != NULL) {
        if (json.len > 0) {
            memcpy(p, json.at, json.len);
        }
        at_json_text_end(w->out, p + json.len);
    }
    w->needs_comma = true;
}

void at_json_i64(struct at_json_writer *w, int64_t value)
{
    char *p = at_json_value_room(w, AT_JSON_NUMBER_ROOM);

    if (p != NULL) {
        at_json_value_end(w, p + at_json_print_i64(value, p));
    }
}

void at_json_u64(struct at_json_writer *w, uint64_t value)
{
    char *p = at_json_value_room(w, AT_JSON_NUMBER_ROOM);

    if (p != NULL) {
        at_json_value_end(w, p + at_json_print_u64(value, p));
    }
}

/* NaN and the infinities; false: the value is finite. */
static bool odd_double(struct at_json_writer *w, double value)
{
    if (isnan(value)) {
        at_json_str(w, "NaN");
        return true;
    }
    if (isinf(value)) {
        at_json_str(w, value < 0 ? "-Infinity" : "Infinity");
        return true;
    }
    return false;
}

void at_json_double(struct at_json_writer *w, double value)
{
    char *p;

    if (odd_double(w, value)) {
        return;
    }
    p = at_json_value_room(w, AT_JSON_NUMBER_ROOM);
    if (p != NULL) {
        at_json_value_end(w, p + at_json_print_double(value, p));
    }
}

void at_json_float(struct at_json_writer *w, float value)
{
    char *p;

    if (odd_double(w, (double)value)) {
        return;
    }
    p = at_json_value_room(w, AT_JSON_NUMBER_ROOM);
    if (p != NULL) {
        at_json_value_end(w, p + at_json_print_float(value, p));
    }
}

void at_json_bool(struct at_json_writer *w, bool value)
{
    at_json_raw(w, value ? AT_LIT("true") : AT_LIT("false"));
}

void at_json_null(struct at_json_writer *w)
{
    at_json_raw(w, AT_LIT("null"));
}
