/*
 * JSON (RFC 8259): a pull tokenizer over a whole text, and a writer. No tree in between.
 *
 * The tokenizer refuses what the RFC refuses: numbers with leading zeros or a bare point, raw
 * control characters, ill-formed UTF-8, lone surrogates, trailing bytes. Tokens borrow the text.
 * The first error sticks: every later call returns AT_JSON_ERROR.
 */
#ifndef AT_PB_JSON_H
#define AT_PB_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/text.h"
#include "pb/fault.h"
#include "pb/limits.h"

enum at_json_kind {
    AT_JSON_ERROR,
    AT_JSON_END, /* the text is over and was well-formed */
    AT_JSON_OBJECT,
    AT_JSON_OBJECT_END,
    AT_JSON_ARRAY,
    AT_JSON_ARRAY_END,
    AT_JSON_KEY,
    AT_JSON_STRING,
    AT_JSON_NUMBER,
    AT_JSON_TRUE,
    AT_JSON_FALSE,
    AT_JSON_NULL,
};

struct at_json_token {
    enum at_json_kind kind;
    bool escaped;         /* KEY, STRING: text has escapes; see at_json_unescape() */
    struct at_bytes text; /* KEY, STRING: between the quotes. NUMBER: its characters */
};

/* Bits of a container stack: 1 is an object. */
struct at_json_nest {
    uint64_t bits[(AT_JSON_DEPTH_MAX + 63) / 64];
    uint32_t depth;
};

struct at_json_reader {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    const char *wrong; /* why it failed; NULL when it did not; static */
    const uint8_t *token_at;
    struct at_json_nest nest;
    uint8_t expects; /* inner state: what may come next */
};

void at_json_reader_init(struct at_json_reader *r, struct at_bytes text);
/* The next token; KEY comes before each member's value. */
enum at_json_kind at_json_next(struct at_json_reader *r, struct at_json_token *ret);
/*
 * Takes the next member's name and colon when the name is this one, spelled without escapes, as the
 * next token in an object. False: nothing was taken; at_json_next() says what is there.
 */
bool at_json_take_key(struct at_json_reader *r, struct at_bytes name);
/* Steps over the value whose first token was `first` (a container: to its end). False: error. */
bool at_json_skip(struct at_json_reader *r, const struct at_json_token *first);
/*
 * The characters of a KEY or STRING token in out, which holds text.len bytes (escapes only shrink).
 * Returns the length. Tokens with !escaped need no call: text is the string.
 */
size_t at_json_unescape(const struct at_json_token *token, uint8_t *out);
/* Line and column (from 1, in bytes) of the last token, or of the error. */
void at_json_place(const struct at_json_reader *r, int *ret_line, int *ret_col);

/*
 * Writes JSON into a growing text, with commas in their places. Ends valid when every begin has its
 * end; out->failed says whether memory ran out. indent: 0 is one line, else spaces per level.
 */
struct at_json_writer {
    struct at_text *out; /* borrowed */
    uint32_t indent;
    uint32_t depth;
    bool needs_comma;
    bool after_key;
};

void at_json_writer_init(struct at_json_writer *w, struct at_text *out, uint32_t indent);
void at_json_begin_object(struct at_json_writer *w);
void at_json_end_object(struct at_json_writer *w);
void at_json_begin_array(struct at_json_writer *w);
void at_json_end_array(struct at_json_writer *w);
void at_json_key(struct at_json_writer *w, const char *key);
/*
 * Ill-formed UTF-8 becomes U+FFFD, so that the output is always valid JSON. False: there was some;
 * who must not print what nobody sent refuses then.
 */
bool at_json_key_bytes(struct at_json_writer *w, struct at_bytes key);
bool at_json_string(struct at_json_writer *w, struct at_bytes text);
void at_json_str(struct at_json_writer *w, const char *text);
void at_json_i64(struct at_json_writer *w, int64_t value);
void at_json_u64(struct at_json_writer *w, uint64_t value);
/* Shortest form that reads back equal; NaN and the infinities as the strings of proto3 JSON. */
void at_json_double(struct at_json_writer *w, double value);
void at_json_float(struct at_json_writer *w, float value);
void at_json_bool(struct at_json_writer *w, bool value);
void at_json_null(struct at_json_writer *w);
/* A value that is JSON already. */
void at_json_raw(struct at_json_writer *w, struct at_bytes json);
/* Adds the characters of a JSON string, escaped, without quotes. False: as at_json_string(). */
bool at_json_escape(struct at_text *out, struct at_bytes text);

#endif
