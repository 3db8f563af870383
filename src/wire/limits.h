/* Limits of the codecs: what a stranger's bytes may cost. */
#ifndef AT_WIRE_LIMITS_H
#define AT_WIRE_LIMITS_H

enum {
    AT_HTTP1_FIELDS_MAX = 100,             /* header lines: floods of tiny headers */
    AT_HTTP1_LINE_BYTES = 8192,            /* request line: endless URIs */
    AT_HTTP1_HEAD_BYTES = 32768,           /* whole head: slow, endless headers */
    AT_HTTP1_BODY_BYTES = 4 * 1024 * 1024, /* body: memory per request */
    AT_HTTP1_CHUNK_OVERHEAD = 16384,       /* chunk lines beyond twice the data: extension abuse */
    AT_HTTP1_CHUNK_LINE_BYTES = 4096,      /* one chunk line: an endless extension */
    AT_HTTP1_TRAILER_BYTES = 8192,         /* trailers, which nobody reads */
    AT_HTTP1_CHUNK_DIGITS = 16,            /* hex digits of a chunk size: integer overflow */
    AT_HTTP1_QUERY_FIELDS_MAX = 256,       /* query parameters: floods of tiny ones */
};

#endif
