/*
 * HTTP/1.1 messages, RFC 9112, for a server: strict, without I/O, clock or memory of its own.
 *
 * Strict because two readers that disagree about where a message ends are how requests are
 * smuggled: whatever RFC 9112 lets a recipient forgive (bare LF, folded lines, blanks before the
 * colon, two length headers) is refused here. After any error the connection must be closed: the
 * place of the next message is unknown.
 *
 * A request is read in three steps: at_http1_scan() finds the end of the head, at_http1_parse()
 * reads it, at_http1_body_read() cuts the body out of what follows. Splitting the input anywhere
 * gives the same results (fuzz/fuzz_http1.c).
 */
#ifndef AT_WIRE_HTTP1_H
#define AT_WIRE_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "wire/limits.h"

enum at_http1_result {
    AT_HTTP1_OK = 0,
    AT_HTTP1_MORE = 1,
    /* errors: at_http1_status() and at_http1_reason() say what to answer */
    AT_HTTP1_BARE_LF = 2,
    AT_HTTP1_BARE_CR,
    AT_HTTP1_BAD_START,
    AT_HTTP1_BAD_METHOD,
    AT_HTTP1_BAD_TARGET,
    AT_HTTP1_BAD_VERSION,
    AT_HTTP1_VERSION_UNKNOWN,
    AT_HTTP1_FOLDED,
    AT_HTTP1_EMPTY_NAME,
    AT_HTTP1_NO_COLON,
    AT_HTTP1_BLANK_BEFORE_COLON,
    AT_HTTP1_BAD_NAME,
    AT_HTTP1_BAD_VALUE,
    AT_HTTP1_BOTH_LENGTHS,
    AT_HTTP1_BAD_LENGTH,
    AT_HTTP1_LENGTH_TWICE,
    AT_HTTP1_BAD_CODING,
    AT_HTTP1_HOST_MISSING,
    AT_HTTP1_HOST_TWICE,
    AT_HTTP1_BAD_HOST,
    AT_HTTP1_BAD_EXPECTATION,
    AT_HTTP1_TARGET_TOO_LONG,
    AT_HTTP1_HEAD_TOO_LARGE,
    AT_HTTP1_TOO_MANY_FIELDS,
    AT_HTTP1_BODY_TOO_LARGE,
    AT_HTTP1_BAD_CHUNK_SIZE,
    AT_HTTP1_BAD_CHUNK_EXTENSION,
    AT_HTTP1_BAD_CHUNK_END,
    AT_HTTP1_CHUNK_OVERHEAD_TOO_LARGE,
    AT_HTTP1_BAD_TRAILER,
    AT_HTTP1_TRAILER_TOO_LARGE,
    AT_HTTP1_RESULTS, /* count */
};

/* The HTTP status that answers an error: 400, 413, 414, 417, 431 or 505. */
unsigned at_http1_status(int result);
/* A sentence for the client: which rule was broken. */
const char *at_http1_reason(int result);
/* "Not Found" for 404; "Status" for what we never send. */
const char *at_http1_phrase(unsigned status);

struct at_http1_field {
    struct at_bytes name; /* as sent; compare without case */
    struct at_bytes value;
};

/* The head of a request. Everything borrows from the bytes that were parsed. */
struct at_http1_request {
    struct at_bytes method;
    struct at_bytes target;
    struct at_bytes host; /* of the Host header; empty when HTTP/1.0 sent none */
    uint8_t minor;        /* HTTP/1.minor: 0 or 1 */
    bool keep_alive;
    bool chunked;
    bool expect_continue;
    uint64_t content_length; /* 0 when chunked or when none was given */
    size_t field_count;
    struct at_http1_field fields[AT_HTTP1_FIELDS_MAX];
};

/* How far the search for the end of the head came. Zeroed: nothing seen. */
struct at_http1_scan {
    uint32_t line_at; /* where the line being looked at begins */
    uint32_t seen;    /* no line end before this offset that was not looked at */
    uint32_t lines;
};

/*
 * Looks at `in`, which begins at the same byte every time and only grows. OK: the head is the first
 * *ret_len bytes. A head that breaks the line rules or limits is refused as soon as it shows.
 */
int at_http1_scan(struct at_http1_scan *s, struct at_bytes in, size_t *ret_len);
/*
 * Reads a head that at_http1_scan() found, with its empty line. body_limit bounds Content-Length.
 * OK or an error; *ret is complete only when OK.
 */
int at_http1_parse(struct at_bytes head, uint64_t body_limit, struct at_http1_request *ret);
/* Value of the first field with that name (any case), or no bytes (at == NULL) when absent. */
struct at_bytes at_http1_field(const struct at_http1_request *r, struct at_bytes name);

/* Cuts a body out of a connection's bytes. */
struct at_http1_body {
    uint64_t left;     /* of the body, or of the current chunk */
    uint64_t limit;    /* of data still acceptable */
    uint32_t overhead; /* chunk lines beyond what the data justifies */
    uint32_t line;     /* bytes of the current chunk line or of all trailers */
    uint8_t state;     /* private */
    uint8_t digits;    /* of the chunk size so far */
    bool chunked;
};

void at_http1_body_init(struct at_http1_body *b, const struct at_http1_request *r,
                        uint64_t body_limit);
/*
 * Takes from the front of `in`: *ret_used bytes are done with, *ret_data of them (borrowed, perhaps
 * empty) are data. OK: the body is complete. MORE: call again with what follows, at once when not
 * all was used. Otherwise an error.
 */
int at_http1_body_read(struct at_http1_body *b, struct at_bytes in, size_t *ret_used,
                       struct at_bytes *ret_data);

/* What is sent back. Writers fail their struct at_writer when the room is too small. */
struct at_http1_response {
    uint16_t status;
    bool keep_alive;
    bool to_minor_0; /* the client spoke HTTP/1.0: keep-alive must be said */
    bool chunked;    /* instead of content_length */
    uint64_t content_length;
    struct at_bytes content_type; /* empty: no such header */
    struct at_bytes date;         /* IMF-fixdate; empty: no such header */
    const struct at_http1_field *fields;
    size_t field_count;
};

/* No response head needs more room than this. */
size_t at_http1_response_room(const struct at_http1_response *r);
/* Control characters in field values become blanks: an answer cannot be split. */
void at_http1_write_response(struct at_writer *w, const struct at_http1_response *r);
enum { AT_HTTP1_CHUNK_ROOM = 24 }; /* beyond the data, for either of the next two */
void at_http1_write_chunk(struct at_writer *w, struct at_bytes data); /* not empty */
void at_http1_write_last_chunk(struct at_writer *w);
/* "Sun, 06 Nov 1994 08:49:37 GMT", 29 bytes and a NUL; seconds since 1970. */
void at_http1_format_date(uint64_t seconds, char out[30]);

#endif
