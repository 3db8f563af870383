/* The writer: commas, quotes, escapes, numbers. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "pb/json.h"
#include "pb/json_number.h"
#include "pb/json_scan.h"

void at_json_writer_init(struct at_json_writer *w, struct at_text *out, uint32_t indent)
{
    *w = (struct at_json_writer){.out = out, .indent = indent};
}

static void new_line(struct at_json_writer *w)
{
    size_t n = (size_t)w->depth * w->indent;
    char *room;

    if (w->indent == 0) {
        return;
    }
    room = at_text_claim(w->out, n + 1);
    if (room != NULL) {
        room[0] = '\n';
        memset(room + 1, ' ', n);
    }
}

/* Before a value or a key. */
static void before(struct at_json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->needs_comma) {
        at_text_add_char(w->out, ',');
    }
    if (w->depth > 0) {
        new_line(w);
    }
}

static void begin(struct at_json_writer *w, char c)
{
    before(w);
    at_text_add_char(w->out, c);
    w->depth++;
    w->needs_comma = false;
}

static void end(struct at_json_writer *w, char c)
{
    w->depth--;
    if (w->needs_comma) {
        new_line(w);
    }
    at_text_add_char(w->out, c);
    w->needs_comma = true;
}

void at_json_begin_object(struct at_json_writer *w)
{
    begin(w, '{');
}

void at_json_end_object(struct at_json_writer *w)
{
    end(w, '}');
}

void at_json_begin_array(struct at_json_writer *w)
{
    begin(w, '[');
}

void at_json_end_array(struct at_json_writer *w)
{
    end(w, ']');
}

/* Is what follows to be printed as it is? DEL is escaped too: a terminal obeys it. */
static const uint8_t *plain_end(const uint8_t *p, const uint8_t *end, bool *high)
{
    const uint8_t *stop = at_json_plain_end(p, end, high);
    const uint8_t *del = stop > p ? memchr(p, 0x7F, (size_t)(stop - p)) : NULL;

    return del == NULL ? stop : del;
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
        } else if (at_json_is_special(c) || c == 0x7F) {
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
        stop = plain_end(p, end, &high);
    }
}

void at_json_escape(struct at_text *out, struct at_bytes text)
{
    bool high = false;
    const uint8_t *stop;

    if (text.len == 0) {
        return;
    }
    stop = plain_end(text.at, text.at + text.len, &high);
    if ((high || stop < text.at + text.len) && !at_bytes_is_utf8(text)) {
        escape_ill_formed(out, text);
    } else {
        escape_from(out, text, stop);
    }
}

static void quoted(struct at_text *out, struct at_bytes text)
{
    bool high = false;
    const uint8_t *end = text.len == 0 ? text.at : text.at + text.len;
    char *room;

    if (plain_end(text.at, end, &high) < end || (high && !at_bytes_is_utf8(text))) {
        at_text_add_char(out, '"');
        at_json_escape(out, text);
        at_text_add_char(out, '"');
        return;
    }
    room = at_text_claim(out, text.len + 2);
    if (room != NULL) {
        room[0] = '"';
        if (text.len > 0) {
            memcpy(room + 1, text.at, text.len);
        }
        room[text.len + 1] = '"';
    }
}

void at_json_key_bytes(struct at_json_writer *w, struct at_bytes key)
{
    before(w);
    quoted(w->out, key);
    at_text_add(w->out, w->indent == 0 ? AT_LIT(":") : AT_LIT(": "));
    w->after_key = true;
    w->needs_comma = false;
}

void at_json_key(struct at_json_writer *w, const char *key)
{
    at_json_key_bytes(w, at_bytes_of(key));
}

void at_json_string(struct at_json_writer *w, struct at_bytes text)
{
    before(w);
    quoted(w->out, text);
    w->needs_comma = true;
}

void at_json_str(struct at_json_writer *w, const char *text)
{
    at_json_string(w, at_bytes_of(text));
}

void at_json_raw(struct at_json_writer *w, struct at_bytes json)
{
    before(w);
    at_text_add(w->out, json);
    w->needs_comma = true;
}

void at_json_i64(struct at_json_writer *w, int64_t value)
{
    char digits[AT_JSON_NUMBER_ROOM];

    at_json_raw(w, at_bytes_over(digits, at_json_print_i64(value, digits)));
}

void at_json_u64(struct at_json_writer *w, uint64_t value)
{
    char digits[AT_JSON_NUMBER_ROOM];

    at_json_raw(w, at_bytes_over(digits, at_json_print_u64(value, digits)));
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
    char digits[AT_JSON_NUMBER_ROOM];

    if (!odd_double(w, value)) {
        at_json_raw(w, at_bytes_over(digits, at_json_print_double(value, digits)));
    }
}

void at_json_float(struct at_json_writer *w, float value)
{
    char digits[AT_JSON_NUMBER_ROOM];

    if (!odd_double(w, (double)value)) {
        at_json_raw(w, at_bytes_over(digits, at_json_print_float(value, digits)));
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
