/* Words of the protobuf text format. Inner header of pb. Pure: tokens borrow the text. */
#ifndef AT_PB_PBTEXT_TOKEN_H
#define AT_PB_PBTEXT_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum at_pbtext_kind {
    AT_PBTEXT_ERROR, /* `wrong` says why */
    AT_PBTEXT_END,
    AT_PBTEXT_NAME,    /* a name, also true, inf … */
    AT_PBTEXT_DECIMAL, /* 0, 7, 12 */
    AT_PBTEXT_OCTAL,   /* 017 */
    AT_PBTEXT_HEX,     /* 0x1F */
    AT_PBTEXT_FLOAT,   /* 1.5, .5, 1e9, 2f */
    AT_PBTEXT_STRING,  /* text is what is between the quotes */
    AT_PBTEXT_SIGN,    /* one of : ; , - { } < > [ ], the only character of text */
};

struct at_pbtext_token {
    enum at_pbtext_kind kind;
    struct at_bytes text;
    const uint8_t *at; /* where it begins, a string at its quote */
};

struct at_pbtext_lexer {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    const char *wrong; /* why the last token is an error; static */
};

struct at_pbtext_lexer at_pbtext_lexer_over(struct at_bytes text);
struct at_pbtext_token at_pbtext_next(struct at_pbtext_lexer *l);
/* The next token without taking it. */
struct at_pbtext_token at_pbtext_peek(const struct at_pbtext_lexer *l);
/* Is it this sign? */
bool at_pbtext_is(const struct at_pbtext_token *token, char sign);
/*
 * The name behind a '[', up to and with its ']': "pkg.name", "type.googleapis.com/pkg.Name". Blanks
 * inside are left out. Writes at most cap bytes; 0: it is none, `wrong` says why.
 */
size_t at_pbtext_bracket_name(struct at_pbtext_lexer *l, char *out, size_t cap);
/* What the domain of a type URL may have; names need letters, digits, '_' and '.'. */
bool at_pbtext_in_bracket_name(uint8_t c);
/* Does it begin with "%2F" or the like? */
bool at_pbtext_is_percent_escape(struct at_bytes b);
/*
 * The characters of a STRING token in out, which holds text.len bytes (escapes only shrink). NULL
 * and *ret_len; else why an escape is wrong, static, with *ret_at the escape.
 */
const char *at_pbtext_unescape(struct at_bytes text, uint8_t *out, size_t *ret_len,
                               const uint8_t **ret_at);
/* Line and column of a place, from 1, in bytes. */
void at_pbtext_place(const struct at_pbtext_lexer *l, const uint8_t *at, int *ret_line,
                     int *ret_col);

#endif
