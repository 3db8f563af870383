#include "roles/gateway/access.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "at_test.h"
#include "base/fd.h"

static struct at_access_entry entry(void)
{
    return (struct at_access_entry){.method = AT_LIT("GET"),
                                    .path = AT_LIT("/cart"),
                                    .rpc = AT_LIT("shop.cart.v1.CartService/GetCart"),
                                    .trace_id = AT_LIT("4bf9"),
                                    .request_id = AT_LIT("r1"),
                                    .client = AT_LIT("[::1]:4711"),
                                    .status = 200,
                                    .code = "OK",
                                    .wall_ns = UINT64_C(1500000000000000000),
                                    .took_ns = 812345,
                                    .bytes_in = 100,
                                    .bytes_out = 200};
}

static struct at_access *access_to(int pipe_fds[2])
{
    struct at_access *a = calloc(1, sizeof(*a));

    CHECK_INT(pipe2(pipe_fds, O_CLOEXEC), 0);
    at_access_init(a, pipe_fds[1]);
    return a;
}

static void done_with(struct at_access *a, int pipe_fds[2])
{
    free(a);
    at_close(&pipe_fds[0]);
    at_close(&pipe_fds[1]);
}

TEST(a_request_is_one_line_of_logfmt)
{
    int fds[2];
    struct at_access *a = access_to(fds);
    struct at_access_entry e = entry();
    char line[1024] = "";

    at_access_add(a, &e);
    at_access_flush(a);
    CHECK(read(fds[0], line, sizeof(line) - 1) > 0);
    CHECK_STR(line, "time=2017-07-14T02:40:00.000Z level=info role=door msg=request method=GET "
                    "path=/cart status=200 code=OK rpc=shop.cart.v1.CartService/GetCart us=812 "
                    "in=100 out=200 trace_id=4bf9 request_id=r1 client=[::1]:4711\n");
    done_with(a, fds);
}

TEST(foreign_text_cannot_forge_a_line)
{
    int fds[2];
    struct at_access *a = access_to(fds);
    struct at_access_entry e = entry();
    char line[1024] = "";

    e.path = AT_LIT("/a b\"\n\x1b[31m level=error");
    e.why = AT_LIT("x=y");
    at_access_add(a, &e);
    at_access_flush(a);
    CHECK(read(fds[0], line, sizeof(line) - 1) > 0);
    CHECK(strstr(line, "path=\"/a b\\\"\\x0a\\x1b[31m level=error\"") != NULL);
    CHECK(strstr(line, "why=\"x=y\"\n") != NULL);
    done_with(a, fds);
}

TEST(long_text_is_cut)
{
    int fds[2];
    struct at_access *a = access_to(fds);
    struct at_access_entry e = entry();
    static char path[8000];

    memset(path, 1, sizeof(path));
    e.path = at_bytes_over(path, sizeof(path));
    e.why = e.path;
    at_access_add(a, &e);
    CHECK(a->len > 0 && a->len < 4096);
    done_with(a, fds);
}

TEST(a_reader_that_does_not_keep_up_costs_lines_and_is_told)
{
    int fds[2];
    struct at_access *a = access_to(fds);
    struct at_access_entry e = entry();
    static char in[1 << 20];
    ssize_t got;

    for (int i = 0; i < 2000; i++) {
        at_access_add(a, &e);
    }
    at_access_flush(a);
    CHECK(a->dropped > 0);
    got = read(fds[0], in, sizeof(in));
    CHECK(got > 0);
    for (ssize_t i = 0; i < got; i++) { /* none of those that came is torn */
        CHECK(in[i] != '\n' || i + 1 == got || strncmp(in + i + 1, "time=", 5) == 0);
    }
    CHECK(in[got - 1] == '\n');
    at_access_add(a, &e);
    at_access_flush(a);
    memset(in, 0, sizeof(in));
    CHECK(read(fds[0], in, sizeof(in) - 1) > 0);
    CHECK(strstr(in, "lines_dropped_before=") != NULL);
    CHECK_INT(a->dropped, 0);
    done_with(a, fds);
}

TEST_MAIN("roles/gateway/access")
