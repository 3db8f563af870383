#include <string.h>

#include "at_test.h"
#include "wire/http1.h"

static char room[1024];

static struct at_bytes written(const struct at_http1_response *r)
{
    size_t needed = at_http1_response_room(r);
    struct at_writer w;

    CHECK(needed <= sizeof(room));
    w = at_writer_over(room, needed);
    at_http1_write_response(&w, r);
    CHECK(!w.failed);
    return at_writer_bytes(&w);
}

TEST(a_response_is_written)
{
    struct at_http1_field id = {AT_LIT("X-Request-Id"), AT_LIT("7")};
    struct at_http1_response r = {
        .status = 200,
        .keep_alive = true,
        .content_length = 12,
        .content_type = AT_LIT("application/json"),
        .date = AT_LIT("Sun, 06 Nov 1994 08:49:37 GMT"),
        .fields = &id,
        .field_count = 1,
    };

    CHECK_BYTES(written(&r), "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                             "Content-Type: application/json\r\nContent-Length: 12\r\n"
                             "X-Request-Id: 7\r\n\r\n");
}

TEST(the_end_of_a_connection_is_said)
{
    struct at_http1_response r = {.status = 431};

    CHECK_BYTES(written(&r), "HTTP/1.1 431 Request Header Fields Too Large\r\n"
                             "Content-Length: 0\r\nConnection: close\r\n\r\n");
}

TEST(no_length_goes_with_100_and_204)
{
    struct at_http1_response go_on = {.status = 100};
    struct at_http1_response nothing = {.status = 204, .keep_alive = true};

    CHECK_BYTES(written(&go_on), "HTTP/1.1 100 Continue\r\n\r\n");
    CHECK_BYTES(written(&nothing), "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST(an_old_client_hears_keep_alive)
{
    struct at_http1_response r = {.status = 200, .keep_alive = true, .to_minor_0 = true};

    CHECK_BYTES(written(&r),
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
}

TEST(a_value_cannot_split_the_response)
{
    struct at_http1_field evil = {AT_LIT("A"), AT_LIT("b\r\nX: y\0")};
    struct at_http1_response r = {
        .status = 200, .keep_alive = true, .fields = &evil, .field_count = 1};

    CHECK_BYTES(written(&r), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: b  X: y \r\n\r\n");
}

TEST(chunks_are_framed)
{
    struct at_http1_response r = {.status = 200, .keep_alive = true, .chunked = true};
    struct at_writer w = at_writer_over(room, sizeof(room));

    CHECK_BYTES(written(&r), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    at_http1_write_chunk(&w, AT_LIT("abcdefghijklmnopq"));
    at_http1_write_last_chunk(&w);
    CHECK_BYTES(at_writer_bytes(&w), "11\r\nabcdefghijklmnopq\r\n0\r\n\r\n");
}

TEST(a_room_that_is_too_small_fails_the_writer)
{
    struct at_http1_response r = {.status = 200, .content_length = UINT64_MAX};
    struct at_writer w = at_writer_over(room, 20);

    at_http1_write_response(&w, &r);
    CHECK(w.failed);
}

TEST(every_status_we_send_fits_its_room)
{
    for (unsigned status = 100; status < 600; status++) {
        struct at_http1_response r = {.status = (uint16_t)status, .content_length = UINT64_MAX};

        CHECK(written(&r).len > 0);
    }
}

TEST(dates_are_in_the_form_of_rfc_9110)
{
    char out[30];

    at_http1_format_date(784111777, out);
    CHECK_STR(out, "Sun, 06 Nov 1994 08:49:37 GMT");
    at_http1_format_date(0, out);
    CHECK_STR(out, "Thu, 01 Jan 1970 00:00:00 GMT");
    at_http1_format_date(951782399, out);
    CHECK_STR(out, "Mon, 28 Feb 2000 23:59:59 GMT");
    at_http1_format_date(951782400, out);
    CHECK_STR(out, "Tue, 29 Feb 2000 00:00:00 GMT");
}

TEST_MAIN("wire/http1_write")
