/* Bodies of HTTP/1.1 requests: counted by Content-Length, or chunked (RFC 9112 section 7.1). */
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "wire/http1.h"
#include "wire/limits.h"

enum state {
    DATA,      /* `left` bytes of the body or of a chunk */
    SIZE,      /* hex digits */
    EXTENSION, /* behind ';' up to CR */
    QUOTED,    /* in it, up to the closing quote: one that stays open is no extension */
    QUOTED_PAIR,
    SIZE_LF,
    DATA_CR,
    DATA_LF,
    TRAILER,       /* the first byte of a trailer line, or of the last line */
    TRAILER_NAME,  /* up to ':' */
    TRAILER_VALUE, /* up to CR */
    TRAILER_LF,
    LAST_LF,
    DONE,
};

void at_http1_body_init(struct at_http1_body *b, const struct at_http1_request *r,
                        uint64_t body_limit)
{
    *b = (struct at_http1_body){
        .left = r->content_length,
        .limit = body_limit,
        .chunked = r->chunked,
        .state = r->chunked ? SIZE : DATA,
    };
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int step_size(struct at_http1_body *b, uint8_t c)
{
    int digit = hex_value(c);

    if (digit >= 0) {
        if (++b->digits > AT_HTTP1_CHUNK_DIGITS) {
            return AT_HTTP1_BAD_CHUNK_SIZE;
        }
        b->left = b->left << 4 | (unsigned)digit;
        return AT_HTTP1_OK;
    }
    if (b->digits == 0 || (c != '\r' && c != ';')) {
        return AT_HTTP1_BAD_CHUNK_SIZE;
    }
    b->state = c == ';' ? EXTENSION : SIZE_LF;
    return AT_HTTP1_OK;
}

static int judge_extension(uint8_t c)
{
    return (c >= ' ' && c != 0x7f) || c == '\t' ? AT_HTTP1_OK : AT_HTTP1_BAD_CHUNK_EXTENSION;
}

static int step_extension(struct at_http1_body *b, uint8_t c)
{
    if (c == '\r') {
        b->state = SIZE_LF;
        return AT_HTTP1_OK;
    }
    b->state = c == '"' ? QUOTED : EXTENSION;
    return judge_extension(c);
}

static int step_quoted(struct at_http1_body *b, uint8_t c)
{
    b->state = c == '"' ? EXTENSION : c == '\\' ? QUOTED_PAIR : QUOTED;
    return judge_extension(c);
}

static int step_quoted_pair(struct at_http1_body *b, uint8_t c)
{
    b->state = QUOTED;
    return judge_extension(c);
}

/* The chunk line is complete: is its size bearable, and worth its line? (CVE-2023-39326) */
static int step_size_lf(struct at_http1_body *b, uint8_t c)
{
    uint64_t justified =
        16 + 2 * (b->left > AT_HTTP1_CHUNK_OVERHEAD ? AT_HTTP1_CHUNK_OVERHEAD : b->left);

    if (c != '\n') {
        return AT_HTTP1_BARE_CR;
    }
    if (b->left > b->limit) {
        return AT_HTTP1_BODY_TOO_LARGE;
    }
    b->limit -= b->left;
    b->overhead += b->line;
    b->overhead = b->overhead > justified ? b->overhead - (uint32_t)justified : 0;
    if (b->overhead > AT_HTTP1_CHUNK_OVERHEAD) {
        return AT_HTTP1_CHUNK_OVERHEAD_TOO_LARGE;
    }
    b->line = 0;
    b->digits = 0;
    b->state = b->left > 0 ? DATA : TRAILER;
    return AT_HTTP1_OK;
}

static int step_data_cr(struct at_http1_body *b, uint8_t c)
{
    b->state = DATA_LF;
    return c == '\r' ? AT_HTTP1_OK : AT_HTTP1_BAD_CHUNK_END;
}

static int step_data_lf(struct at_http1_body *b, uint8_t c)
{
    b->state = SIZE;
    b->line = 0;
    return c == '\n' ? AT_HTTP1_OK : AT_HTTP1_BAD_CHUNK_END;
}

static bool is_name_char(uint8_t c)
{
    return c > ' ' && c < 0x7f && c != ':';
}

static int step_trailer(struct at_http1_body *b, uint8_t c)
{
    if (c == '\r') {
        b->state = LAST_LF;
        return AT_HTTP1_OK;
    }
    b->state = TRAILER_NAME;
    return is_name_char(c) ? AT_HTTP1_OK : AT_HTTP1_BAD_TRAILER;
}

static int step_trailer_name(struct at_http1_body *b, uint8_t c)
{
    if (c == ':') {
        b->state = TRAILER_VALUE;
        return AT_HTTP1_OK;
    }
    return is_name_char(c) ? AT_HTTP1_OK : AT_HTTP1_BAD_TRAILER;
}

static int step_trailer_value(struct at_http1_body *b, uint8_t c)
{
    if (c == '\r') {
        b->state = TRAILER_LF;
        return AT_HTTP1_OK;
    }
    return (c >= ' ' && c != 0x7f) || c == '\t' ? AT_HTTP1_OK : AT_HTTP1_BAD_TRAILER;
}

static int step_trailer_lf(struct at_http1_body *b, uint8_t c)
{
    b->state = TRAILER;
    return c == '\n' ? AT_HTTP1_OK : AT_HTTP1_BARE_CR;
}

static int step_last_lf(struct at_http1_body *b, uint8_t c)
{
    b->state = DONE;
    return c == '\n' ? AT_HTTP1_OK : AT_HTTP1_BARE_CR;
}

static int (*const steps[])(struct at_http1_body *b, uint8_t c) = {
    [SIZE] = step_size,
    [EXTENSION] = step_extension,
    [QUOTED] = step_quoted,
    [QUOTED_PAIR] = step_quoted_pair,
    [SIZE_LF] = step_size_lf,
    [DATA_CR] = step_data_cr,
    [DATA_LF] = step_data_lf,
    [TRAILER] = step_trailer,
    [TRAILER_NAME] = step_trailer_name,
    [TRAILER_VALUE] = step_trailer_value,
    [TRAILER_LF] = step_trailer_lf,
    [LAST_LF] = step_last_lf,
};

static int check_line_length(const struct at_http1_body *b)
{
    if (b->state >= TRAILER) {
        return b->line > AT_HTTP1_TRAILER_BYTES ? AT_HTTP1_TRAILER_TOO_LARGE : AT_HTTP1_OK;
    }
    return b->line > AT_HTTP1_CHUNK_LINE_BYTES ? AT_HTTP1_BAD_CHUNK_EXTENSION : AT_HTTP1_OK;
}

int at_http1_body_read(struct at_http1_body *b, struct at_bytes in, size_t *ret_used,
                       struct at_bytes *ret_data)
{
    size_t at = 0;

    *ret_data = (struct at_bytes){in.at, 0};
    *ret_used = 0;
    while (at < in.len && b->state != DATA && b->state != DONE) {
        int r = check_line_length(b);

        if (r == AT_HTTP1_OK) {
            b->line++;
            r = steps[b->state](b, in.at[at++]);
        }
        if (r != AT_HTTP1_OK) {
            return r;
        }
    }
    if (b->state == DATA) {
        struct at_bytes rest = at_bytes_after(in, at);
        size_t n = rest.len < b->left ? rest.len : (size_t)b->left;

        *ret_data = at_bytes_before(rest, n);
        b->left -= n;
        at += n;
        if (b->left == 0) {
            b->state = b->chunked ? DATA_CR : DONE;
        }
    }
    *ret_used = at;
    return b->state == DONE ? AT_HTTP1_OK : AT_HTTP1_MORE;
}
