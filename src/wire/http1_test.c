#include "wire/http1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"

static struct at_http1_request request;

/* Scan and parse of the whole; -1: the scan consumed another length than expected. */
static int read_head(struct at_bytes in)
{
    struct at_http1_scan scan = {0};
    size_t len = 0;
    int r = at_http1_scan(&scan, in, &len);

    return r != AT_HTTP1_OK
               ? r
               : at_http1_parse(at_bytes_before(in, len), AT_HTTP1_BODY_BYTES, &request);
}

static int read_str(const char *in)
{
    return read_head(at_bytes_of(in));
}

static int with_fields(const char *fields)
{
    char text[4096];

    (void)snprintf(text, sizeof(text), "POST /x HTTP/1.1\r\nHost: h\r\n%s\r\n", fields);
    return read_str(text);
}

TEST(a_plain_request_is_read)
{
    CHECK_INT(read_str("GET /a?b=c HTTP/1.1\r\nHost: h:80\r\nX-A:  b c \t\r\n\r\n"), AT_HTTP1_OK);
    CHECK_BYTES(request.method, "GET");
    CHECK_BYTES(request.target, "/a?b=c");
    CHECK_BYTES(request.host, "h:80");
    CHECK_INT(request.minor, 1);
    CHECK(request.keep_alive);
    CHECK(!request.chunked);
    CHECK_INT(request.content_length, 0);
    CHECK_INT(request.field_count, 2);
    CHECK_BYTES(at_http1_field(&request, AT_LIT("x-a")), "b c");
    CHECK(at_http1_field(&request, AT_LIT("x-b")).at == NULL);
}

TEST(every_shorter_prefix_says_more)
{
    static const char whole[] = "\r\nPOST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n";

    for (size_t n = 0; n < sizeof(whole) - 1; n++) {
        CHECK_INT(read_head(at_bytes_over(whole, n)), AT_HTTP1_MORE);
    }
    CHECK_INT(read_str(whole), AT_HTTP1_OK);
}

TEST(one_byte_at_a_time_finds_the_same_head)
{
    static const char whole[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\nrest";
    struct at_http1_scan scan = {0};
    size_t len = 0;
    size_t n = 0;

    while (at_http1_scan(&scan, at_bytes_over(whole, n), &len) == AT_HTTP1_MORE) {
        n++;
    }
    CHECK_INT(n, sizeof(whole) - 1 - 4);
    CHECK_INT(len, n);
}

TEST(what_follows_the_head_is_left_alone)
{
    struct at_http1_scan scan = {0};
    size_t len = 0;

    CHECK_INT(at_http1_scan(&scan, AT_LIT("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET "), &len),
              AT_HTTP1_OK);
    CHECK_INT(len, 27);
}

TEST(bytes_that_cannot_begin_a_method_are_refused_at_once)
{
    CHECK_INT(read_str("\x16\x03\x01"), AT_HTTP1_BAD_START);
    CHECK_INT(read_str(" GET"), AT_HTTP1_BAD_START);
}

TEST(a_bare_lf_is_refused_wherever_it_stands)
{
    CHECK_INT(read_str("GET / HTTP/1.1\nHost: h\r\n\r\n"), AT_HTTP1_BARE_LF);
    CHECK_INT(read_str("GET / HTTP/1.1\r\nHost: h\n\r\n"), AT_HTTP1_BARE_LF);
    CHECK_INT(read_str("GET / HTTP/1.1\r\nHost: h\r\n\n"), AT_HTTP1_BARE_LF);
    CHECK_INT(read_str("\nGET / HTTP/1.1\r\n"), AT_HTTP1_BARE_LF);
}

TEST(a_bare_cr_is_refused_wherever_it_stands)
{
    CHECK_INT(read_str("GET / HTTP/1.1\r\r\nHost: h\r\n\r\n"), AT_HTTP1_BARE_CR);
    CHECK_INT(read_str("GET / HT\rTP/1.1\r\nHost: h\r\n\r\n"), AT_HTTP1_BARE_CR);
    CHECK_INT(with_fields("X: a\rb\r\n"), AT_HTTP1_BARE_CR);
}

TEST(a_request_line_has_exactly_three_parts)
{
    CHECK_INT(read_str("GET /\r\n\r\n"), AT_HTTP1_BAD_VERSION);
    CHECK_INT(read_str("GET  / HTTP/1.1\r\n\r\n"), AT_HTTP1_BAD_TARGET);
    CHECK_INT(read_str("GET /  HTTP/1.1\r\n\r\n"), AT_HTTP1_BAD_VERSION);
    CHECK_INT(read_str("GET / HTTP/1.1 \r\n\r\n"), AT_HTTP1_BAD_VERSION);
    CHECK_INT(read_str("G@T / HTTP/1.1\r\n\r\n"), AT_HTTP1_BAD_METHOD);
    CHECK_INT(read_str("\r\n\r\n"), AT_HTTP1_BAD_METHOD);
    CHECK_INT(read_str("GET /#f HTTP/1.1\r\n\r\n"), AT_HTTP1_BAD_TARGET);
    CHECK_INT(read_str("GET /\xc3\xa4 HTTP/1.1\r\n\r\n"), AT_HTTP1_BAD_TARGET);
    CHECK_INT(read_str("GET / http/1.1\r\n\r\n"), AT_HTTP1_BAD_VERSION);
}

TEST(other_versions_are_told_apart)
{
    CHECK_INT(read_str("PRI * HTTP/2.0\r\n\r\n"), AT_HTTP1_VERSION_UNKNOWN);
    CHECK_INT(at_http1_status(AT_HTTP1_VERSION_UNKNOWN), 505);
    CHECK_INT(read_str("GET / HTTP/1.0\r\n\r\n"), AT_HTTP1_OK);
    CHECK(!request.keep_alive);
    CHECK_INT(read_str("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), AT_HTTP1_OK);
    CHECK(request.keep_alive);
    CHECK_INT(read_str("GET / HTTP/1.7\r\nHost: h\r\n\r\n"), AT_HTTP1_OK);
    CHECK_INT(request.minor, 1);
}

TEST(connection_close_is_heard_among_other_options)
{
    CHECK_INT(with_fields("Connection: foo, CLOSE\r\n"), AT_HTTP1_OK);
    CHECK(!request.keep_alive);
}

TEST(malformed_header_lines_are_refused)
{
    CHECK_INT(with_fields(" folded: x\r\n"), AT_HTTP1_FOLDED);
    CHECK_INT(with_fields("A: b\r\n\tc\r\n"), AT_HTTP1_FOLDED);
    CHECK_INT(with_fields(": x\r\n"), AT_HTTP1_EMPTY_NAME);
    CHECK_INT(with_fields("NoColon\r\n"), AT_HTTP1_NO_COLON);
    CHECK_INT(with_fields("A : b\r\n"), AT_HTTP1_BLANK_BEFORE_COLON);
    CHECK_INT(with_fields("A\t: b\r\n"), AT_HTTP1_BLANK_BEFORE_COLON);
    CHECK_INT(with_fields("A b: c\r\n"), AT_HTTP1_BAD_NAME);
    CHECK_INT(with_fields("A\x80: c\r\n"), AT_HTTP1_BAD_NAME);
    CHECK_INT(with_fields("A: b\x01\r\n"), AT_HTTP1_BAD_VALUE);
    CHECK_INT(with_fields("A: b\x7f\r\n"), AT_HTTP1_BAD_VALUE);
}

TEST(nul_is_refused_in_names_and_values)
{
    CHECK_INT(read_head(AT_LIT("GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n")),
              AT_HTTP1_BAD_VALUE);
    CHECK_INT(read_head(AT_LIT("GET / HTTP/1.1\r\nHost: h\r\nA\0: c\r\n\r\n")), AT_HTTP1_BAD_NAME);
    CHECK_INT(read_head(AT_LIT("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n")), AT_HTTP1_BAD_TARGET);
}

TEST(the_two_ways_to_say_a_length_exclude_each_other)
{
    CHECK_INT(with_fields("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
              AT_HTTP1_BOTH_LENGTHS);
    CHECK_INT(with_fields("transfer-encoding: chunked\r\ncontent-length: 0\r\n"),
              AT_HTTP1_BOTH_LENGTHS);
    CHECK_INT(at_http1_status(AT_HTTP1_BOTH_LENGTHS), 400);
}

TEST(a_content_length_is_one_plain_decimal_number)
{
    static const char *const bad[] = {"+5", "-1",   "0x5", "5 ,5", "5,5",
                                      "",   "5\t5", "5 5", "1e3",  "99999999999999999999"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char field[64];

        (void)snprintf(field, sizeof(field), "Content-Length: %s\r\n", bad[i]);
        CHECK_INT(with_fields(field), AT_HTTP1_BAD_LENGTH);
    }
    CHECK_INT(with_fields("Content-Length: 5\r\nContent-Length: 5\r\n"), AT_HTTP1_LENGTH_TWICE);
    CHECK_INT(with_fields("Content-Length: 5\r\ncontent-length: 6\r\n"), AT_HTTP1_LENGTH_TWICE);
    CHECK_INT(with_fields("Content-Length: 5\r\n"), AT_HTTP1_OK);
    CHECK_INT(request.content_length, 5);
}

TEST(a_length_over_the_limit_is_refused_before_the_body_comes)
{
    CHECK_INT(with_fields("Content-Length: 4194304\r\n"), AT_HTTP1_OK);
    CHECK_INT(with_fields("Content-Length: 4194305\r\n"), AT_HTTP1_BODY_TOO_LARGE);
    CHECK_INT(with_fields("Content-Length: 999999999999999999\r\n"), AT_HTTP1_BODY_TOO_LARGE);
    CHECK_INT(at_http1_status(AT_HTTP1_BODY_TOO_LARGE), 413);
}

TEST(a_transfer_encoding_is_exactly_chunked)
{
    static const char *const bad[] = {"chunked, identity", "identity",  "xchunked", "chunked,",
                                      "gzip, chunked",     "chunked;x", "",         "\"chunked\"",
                                      "chunk ed"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char field[64];

        (void)snprintf(field, sizeof(field), "Transfer-Encoding: %s\r\n", bad[i]);
        CHECK_INT(with_fields(field), AT_HTTP1_BAD_CODING);
    }
    CHECK_INT(with_fields("Transfer-Encoding: \x0b"
                          "chunked\r\n"),
              AT_HTTP1_BAD_VALUE);
    CHECK_INT(with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
              AT_HTTP1_BAD_CODING);
    CHECK_INT(read_str("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
              AT_HTTP1_BAD_CODING);
    CHECK_INT(with_fields("Transfer-Encoding: Chunked\r\n"), AT_HTTP1_OK);
    CHECK(request.chunked);
}

TEST(the_host_is_given_exactly_once_and_well_formed)
{
    CHECK_INT(read_str("GET / HTTP/1.1\r\nA: b\r\n\r\n"), AT_HTTP1_HOST_MISSING);
    CHECK_INT(with_fields("Host: h\r\n"), AT_HTTP1_HOST_TWICE);
    CHECK_INT(read_str("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), AT_HTTP1_BAD_HOST);
    CHECK_INT(read_str("GET / HTTP/1.1\r\nHost: u@h\r\n\r\n"), AT_HTTP1_BAD_HOST);
    CHECK_INT(read_str("GET / HTTP/1.1\r\nHost: h:8x\r\n\r\n"), AT_HTTP1_BAD_HOST);
    CHECK_INT(read_str("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), AT_HTTP1_BAD_HOST);
    CHECK_INT(read_str("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), AT_HTTP1_OK);
    CHECK_INT(read_str("GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n"), AT_HTTP1_OK);
    CHECK_INT(read_str("GET / HTTP/1.1\r\nHost:\r\n\r\n"), AT_HTTP1_OK);
}

TEST(the_only_expectation_is_100_continue)
{
    CHECK_INT(with_fields("Expect: 100-Continue\r\n"), AT_HTTP1_OK);
    CHECK(request.expect_continue);
    CHECK_INT(with_fields("Expect: tea\r\n"), AT_HTTP1_BAD_EXPECTATION);
    CHECK_INT(at_http1_status(AT_HTTP1_BAD_EXPECTATION), 417);
    CHECK_INT(read_str("GET / HTTP/1.0\r\nExpect: tea\r\n\r\n"), AT_HTTP1_OK);
}

/* "GET /" + n letters + " HTTP/1.1\r\nHost: h\r\n\r\n"; the caller frees. */
static char *long_target(size_t n)
{
    char *text = calloc(1, n + 64);

    memcpy(text, "GET /", 5);
    memset(text + 5, 'a', n);
    memcpy(text + 5 + n, " HTTP/1.1\r\nHost: h\r\n\r\n", 23);
    return text;
}

TEST(a_request_line_over_its_limit_is_414)
{
    size_t fits = AT_HTTP1_LINE_BYTES - strlen("GET / HTTP/1.1\r");
    char *text = long_target(fits);

    CHECK_INT(read_str(text), AT_HTTP1_OK);
    free(text);
    text = long_target(fits + 1);
    CHECK_INT(read_str(text), AT_HTTP1_TARGET_TOO_LONG);
    text[AT_HTTP1_LINE_BYTES + 1] = 0; /* already when no line end has come */
    CHECK_INT(read_str(text), AT_HTTP1_TARGET_TOO_LONG);
    CHECK_INT(at_http1_status(AT_HTTP1_TARGET_TOO_LONG), 414);
    free(text);
}

TEST(a_head_over_its_limits_is_431)
{
    size_t cap = AT_HTTP1_HEAD_BYTES + 65536;
    char *text = calloc(1, cap);
    int len = snprintf(text, cap, "GET / HTTP/1.1\r\nHost: h\r\nA: ");

    memset(text + len, 'x', AT_HTTP1_HEAD_BYTES);
    CHECK_INT(read_str(text), AT_HTTP1_HEAD_TOO_LARGE);
    /* header names around the 8-bit and 16-bit borders (CVE-2021-40346) */
    for (size_t n = 255; n <= 270; n++) {
        len = snprintf(text, cap, "GET / HTTP/1.1\r\nHost: h\r\n");
        memset(text + len, 'n', n);
        (void)snprintf(text + len + n, 64, ": v\r\nContent-Length: 7\r\n\r\n");
        CHECK_INT(read_str(text), AT_HTTP1_OK);
        CHECK_INT(request.fields[1].name.len, n);
        CHECK_INT(request.content_length, 7);
    }
    for (size_t n = 65534; n <= 65536; n++) {
        len = snprintf(text, cap, "GET / HTTP/1.1\r\nHost: h\r\n");
        memset(text + len, 'n', n);
        (void)snprintf(text + len + n, 64, ": v\r\n\r\n");
        CHECK_INT(read_str(text), AT_HTTP1_HEAD_TOO_LARGE);
    }
    CHECK_INT(at_http1_status(AT_HTTP1_HEAD_TOO_LARGE), 431);
    free(text);
}

TEST(more_headers_than_the_limit_are_431)
{
    char text[8192];

    for (int n = AT_HTTP1_FIELDS_MAX - 1; n <= AT_HTTP1_FIELDS_MAX; n++) {
        int len = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: h\r\n");

        for (int i = 0; i < n; i++) {
            len += snprintf(text + len, sizeof(text) - len, "A%d: b\r\n", i);
        }
        (void)snprintf(text + len, sizeof(text) - len, "\r\n");
        CHECK_INT(read_str(text), n < AT_HTTP1_FIELDS_MAX ? AT_HTTP1_OK : AT_HTTP1_TOO_MANY_FIELDS);
    }
    CHECK_INT(at_http1_status(AT_HTTP1_TOO_MANY_FIELDS), 431);
}

TEST(every_result_has_a_status_and_a_sentence)
{
    for (int r = 0; r < AT_HTTP1_RESULTS; r++) {
        CHECK(at_http1_status(r) >= 200 && at_http1_status(r) <= 505);
        CHECK(at_http1_reason(r) != NULL && strlen(at_http1_reason(r)) > 1);
    }
}

TEST_MAIN("wire/http1")
