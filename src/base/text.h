/*
 * Growing text, and small services around text: durations, sizes, "did you mean".
 *
 * A struct at_text that failed to grow stays failed and keeps what it had; ask `failed` at the end.
 */
#ifndef AT_BASE_TEXT_H
#define AT_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct at_arena;

struct at_text {
    char *at; /* NUL-terminated once anything was added; NULL before */
    size_t len;
    size_t cap;
    struct at_arena *arena; /* whose memory it is; NULL: the heap's */
    bool failed;
};

void at_text_init(struct at_text *t);
/*
 * Takes its memory from the arena (borrowed), growing in place as long as its room is the newest
 * there. The string must not outlive the arena; at_text_take() gives back the room it does not need.
 */
void at_text_init_in(struct at_text *t, struct at_arena *arena);
void at_text_deinit(struct at_text *t);
/* Empties, keeps the memory and clears `failed`. */
void at_text_clear(struct at_text *t);
void at_text_add(struct at_text *t, struct at_bytes b);
void at_text_add_str(struct at_text *t, const char *s);
void at_text_add_char(struct at_text *t, char c);
void at_text_addf(struct at_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void at_text_addv(struct at_text *t, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Room for n bytes at the end (uninitialised), counted in len; NULL when failed. */
char *at_text_claim(struct at_text *t, size_t n);
struct at_bytes at_text_bytes(const struct at_text *t);
/* The string, "" when empty. Borrowed. */
const char *at_text_str(const struct at_text *t);
/* Hands the string over (malloc, the caller frees; or the arena's) and empties t. NULL when failed. */
char *at_text_take(struct at_text *t);
/*
 * Adds b so that a terminal is safe: printable UTF-8 as it is; ESC, other controls and ill-formed
 * bytes as \xNN; tab stays.
 */
void at_text_add_visible(struct at_text *t, struct at_bytes b);

/* "250ms", "3s", "1m30s", "2h", "10us"; a bare number is refused. */
bool at_text_parse_duration(struct at_bytes b, uint64_t *ret_ns);
/* "64M", "64MiB", "64mb", "512k", "1g", "100b", "4096": powers of 1024, as Compose. */
bool at_text_parse_size(struct at_bytes b, uint64_t *ret_bytes);
/* "0.50" → 500 (thousandths); up to three decimals. */
bool at_text_parse_milli(struct at_bytes b, uint64_t *ret_milli);
/* "41 ms", "1.2 s", "350 us": for people. out holds at least 32. */
void at_text_format_duration(uint64_t ns, char *out, size_t cap);
/* "3.1M", "64M", "812K": for people. */
void at_text_format_size(uint64_t bytes, char *out, size_t cap);
/* The candidate at most 2 edits, and less than half of the word, away from word; or NULL. */
const char *at_text_nearest(struct at_bytes word, const char *const *candidates, size_t n);

#endif
