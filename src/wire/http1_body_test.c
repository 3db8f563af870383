#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "wire/http1.h"

static char got[65536];
static size_t got_len;
static size_t rest_len;

/* Reads `in` in steps of at most `step` bytes, collecting the data. */
static int read_body(struct at_http1_request request, struct at_bytes in, size_t step,
                     uint64_t limit)
{
    struct at_http1_body body;
    int r = AT_HTTP1_MORE;

    at_http1_body_init(&body, &request, limit);
    got_len = 0;
    for (size_t at = 0; at < in.len && r == AT_HTTP1_MORE;) {
        struct at_bytes data;
        size_t used;

        r = at_http1_body_read(&body, at_bytes_before(at_bytes_after(in, at), step), &used, &data);
        CHECK(used > 0 || r != AT_HTTP1_MORE);
        if (r <= AT_HTTP1_MORE) {
            if (data.len > 0) {
                memcpy(got + got_len, data.at, data.len);
            }
            got_len += data.len;
            at += used;
            rest_len = in.len - at;
        }
    }
    return r;
}

static const struct at_http1_request chunked = {.chunked = true};

static int read_chunked(const char *in)
{
    int whole = read_body(chunked, at_bytes_of(in), SIZE_MAX, 4096);

    CHECK_INT(read_body(chunked, at_bytes_of(in), 1, 4096), whole);
    return whole;
}

TEST(a_counted_body_ends_after_its_length)
{
    CHECK_INT(read_body((struct at_http1_request){.content_length = 5}, AT_LIT("helloGET"), 2, 99),
              AT_HTTP1_OK);
    CHECK_BYTES(at_bytes_over(got, got_len), "hello");
    CHECK_INT(rest_len, 3);
}

TEST(a_body_of_length_0_is_complete_at_once)
{
    struct at_http1_request none = {0};
    struct at_http1_body body;
    struct at_bytes data;
    size_t used;

    at_http1_body_init(&body, &none, 99);
    CHECK_INT(at_http1_body_read(&body, AT_LIT("GET"), &used, &data), AT_HTTP1_OK);
    CHECK_INT(used, 0);
    at_http1_body_init(&body, &none, 99);
    CHECK_INT(at_http1_body_read(&body, (struct at_bytes){0}, &used, &data), AT_HTTP1_OK);
}

TEST(chunks_are_joined)
{
    CHECK_INT(read_chunked("5\r\nhello\r\n00A;x=\"y\"\r\n, everyone\r\n0\r\n\r\nGET"), AT_HTTP1_OK);
    CHECK_BYTES(at_bytes_over(got, got_len), "hello, everyone");
    CHECK_INT(rest_len, 3);
}

TEST(trailers_are_read_and_dropped)
{
    CHECK_INT(read_chunked("1\r\na\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n"), AT_HTTP1_OK);
    CHECK_BYTES(at_bytes_over(got, got_len), "a");
}

TEST(every_shorter_prefix_of_a_chunked_body_says_more)
{
    static const char whole[] = "5;e=1\r\nhello\r\n0\r\nT: x\r\n\r\n";

    for (size_t n = 0; n < sizeof(whole) - 1; n++) {
        CHECK_INT(read_body(chunked, at_bytes_over(whole, n), SIZE_MAX, 99), AT_HTTP1_MORE);
    }
}

TEST(odd_chunk_sizes_are_refused)
{
    static const char *const bad[] = {"\r\n",   "g\r\n",   "-1\r\n",
                                      "+1\r\n", "0x5\r\n", " 5\r\n",
                                      "5 \r\n", "5\t\r\n", "00000000000000005\r\n"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_INT(read_chunked(bad[i]), AT_HTTP1_BAD_CHUNK_SIZE);
    }
    CHECK_INT(read_chunked("5\nhello"), AT_HTTP1_BAD_CHUNK_SIZE);
    CHECK_INT(read_chunked("5\rhello"), AT_HTTP1_BARE_CR);
}

TEST(chunk_sizes_that_overflow_are_too_large)
{
    CHECK_INT(read_chunked("ffffffffffffffff\r\n"), AT_HTTP1_BODY_TOO_LARGE);
    CHECK_INT(read_chunked("8000000000000000\r\n"), AT_HTTP1_BODY_TOO_LARGE);
    CHECK_INT(read_chunked("1001\r\n"), AT_HTTP1_BODY_TOO_LARGE);
}

TEST(the_limit_counts_all_chunks_together)
{
    CHECK_INT(read_body(chunked, AT_LIT("3\r\nabc\r\n3\r\nabc\r\n"), SIZE_MAX, 5),
              AT_HTTP1_BODY_TOO_LARGE);
}

TEST(bare_line_ends_inside_a_chunked_body_are_refused)
{
    CHECK_INT(read_chunked("5;a\nb\r\nhello\r\n"), AT_HTTP1_BAD_CHUNK_EXTENSION);
    CHECK_INT(read_chunked("5\r\nhello\n0\r\n\r\n"), AT_HTTP1_BAD_CHUNK_END);
    CHECK_INT(read_chunked("5\r\nhelloX\r\n"), AT_HTTP1_BAD_CHUNK_END);
    CHECK_INT(read_chunked("0\r\nA: b\n\r\n"), AT_HTTP1_BAD_TRAILER);
    CHECK_INT(read_chunked("0\r\n\n"), AT_HTTP1_BAD_TRAILER);
    CHECK_INT(read_chunked("0\r\n\rX"), AT_HTTP1_BARE_CR);
    CHECK_INT(read_chunked("0\r\nA : b\r\n\r\n"), AT_HTTP1_BAD_TRAILER);
    CHECK_INT(read_chunked("0\r\n A: b\r\n\r\n"), AT_HTTP1_BAD_TRAILER);
}

TEST(an_extension_with_an_open_quote_is_refused)
{
    CHECK_INT(read_chunked("2;a=\"b\r\nhi\r\n0\r\n\r\n"), AT_HTTP1_BAD_CHUNK_EXTENSION);
    CHECK_INT(read_chunked("2;a=\"b\\\"\r\nhi\r\n0\r\n\r\n"), AT_HTTP1_BAD_CHUNK_EXTENSION);
    CHECK_INT(read_chunked("2;a=\"b\\\r\nhi\r\n0\r\n\r\n"), AT_HTTP1_BAD_CHUNK_EXTENSION);
    CHECK_INT(read_chunked("2;a=\"b\";c=\"\\\"\\\\\";d\r\nhi\r\n0\r\n\r\n"), AT_HTTP1_OK);
    CHECK_BYTES(at_bytes_over(got, got_len), "hi");
}

TEST(extensions_may_not_outweigh_the_data)
{
    char *text = calloc(1, 200000);
    size_t len = 0;

    for (int i = 0; i < 20; i++) { /* 1 byte of data behind 2 KB of extension each time */
        len += (size_t)snprintf(text + len, 99, "1;");
        memset(text + len, 'x', 2000);
        len += 2000;
        len += (size_t)snprintf(text + len, 99, "\r\na\r\n");
    }
    CHECK_INT(read_chunked(text), AT_HTTP1_CHUNK_OVERHEAD_TOO_LARGE);
    free(text);
}

TEST(honest_one_byte_chunks_are_borne)
{
    char *text = calloc(1, 200000);
    size_t len = 0;

    for (int i = 0; i < 4000; i++) {
        len += (size_t)snprintf(text + len, 99, "1\r\na\r\n");
    }
    (void)snprintf(text + len, 99, "0\r\n\r\n");
    CHECK_INT(read_chunked(text), AT_HTTP1_OK);
    CHECK_INT(got_len, 4000);
    free(text);
}

TEST(one_endless_extension_or_trailer_is_cut)
{
    char *text = calloc(1, 20000);

    (void)snprintf(text, 99, "1;");
    memset(text + 2, 'x', 15000);
    CHECK_INT(read_chunked(text), AT_HTTP1_BAD_CHUNK_EXTENSION);
    (void)snprintf(text, 99, "0\r\nA:");
    memset(text + 5, 'x', 15000);
    CHECK_INT(read_chunked(text), AT_HTTP1_TRAILER_TOO_LARGE);
    free(text);
}

TEST_MAIN("wire/http1_body")
