/* Stands in for pb/json.c until it lands; then this file goes. */
#include <inttypes.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/text.h"
#include "pb/json.h"

static void before(struct at_json_writer *w)
{
    if (w->needs_comma && !w->after_key) {
        at_text_add_char(w->out, ',');
    }
    w->needs_comma = true;
    w->after_key = false;
}

static void open_one(struct at_json_writer *w, char c)
{
    before(w);
    at_text_add_char(w->out, c);
    w->needs_comma = false;
}

static void close_one(struct at_json_writer *w, char c)
{
    at_text_add_char(w->out, c);
    w->needs_comma = true;
}

void at_json_writer_init(struct at_json_writer *w, struct at_text *out, uint32_t indent)
{
    *w = (struct at_json_writer){.out = out, .indent = indent};
}

void at_json_begin_object(struct at_json_writer *w)
{
    open_one(w, '{');
}

void at_json_end_object(struct at_json_writer *w)
{
    close_one(w, '}');
}

void at_json_begin_array(struct at_json_writer *w)
{
    open_one(w, '[');
}

void at_json_end_array(struct at_json_writer *w)
{
    close_one(w, ']');
}

static void quoted(struct at_json_writer *w, struct at_bytes b)
{
    at_text_add_char(w->out, '"');
    for (size_t i = 0; i < b.len; i++) {
        uint8_t c = b.at[i];

        if (c == '"' || c == '\\') {
            at_text_addf(w->out, "\\%c", c);
        } else if (c < 0x20) {
            at_text_addf(w->out, "\\u%04x", c);
        } else {
            at_text_add_char(w->out, (char)c);
        }
    }
    at_text_add_char(w->out, '"');
}

void at_json_key(struct at_json_writer *w, const char *key)
{
    before(w);
    quoted(w, at_bytes_of(key));
    at_text_add_char(w->out, ':');
    w->after_key = true;
}

void at_json_string(struct at_json_writer *w, struct at_bytes text)
{
    before(w);
    quoted(w, text);
}

void at_json_str(struct at_json_writer *w, const char *text)
{
    at_json_string(w, at_bytes_of(text));
}

void at_json_u64(struct at_json_writer *w, uint64_t value)
{
    before(w);
    at_text_addf(w->out, "%" PRIu64, value);
}

void at_json_double(struct at_json_writer *w, double value)
{
    before(w);
    at_text_addf(w->out, "%g", value);
}

void at_json_bool(struct at_json_writer *w, bool value)
{
    before(w);
    at_text_add_str(w->out, value ? "true" : "false");
}

void at_json_null(struct at_json_writer *w)
{
    before(w);
    at_text_add_str(w->out, "null");
}
