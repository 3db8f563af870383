#include "roles/gateway/session.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "at_test.h"
#include "base/fd.h"
#include "pb/pool.h"

/* One connection to a door whose clock is moved by hand. Nothing is behind it: no call is made. */
struct fixture {
    struct at_env env;
    struct at_door door;
    struct at_gateway_listener config;
    struct at_door_listener listener;
    struct at_pool *pool;
    int log;
    int client;
    char got[65536];
};

static struct at_env_ops fake_ops;
static uint64_t now_ns = AT_SECOND_NS;

static uint64_t fake_now(struct at_env *env)
{
    return now_ns;
}

static struct at_pool *read_pool(void)
{
    struct at_pool *pool = at_pool_new();
    struct at_diag diag;
    char *set = NULL;
    size_t len;

    CHECK(pool != NULL);
    CHECK_INT(at_fd_read_file(-100, getenv("STAGE_SET"), 1 << 20, &set, &len), 0);
    CHECK_INT(at_pool_add(pool, at_bytes_over(set, len), &diag), 0);
    free(set);
    return pool;
}

static void set_up_door(struct fixture *f)
{
    struct at_door *door = &f->door;

    fake_ops = *at_env_real()->ops;
    fake_ops.now_ns = fake_now;
    f->env.ops = &fake_ops;
    door->env = &f->env;
    at_list_init(&door->sessions);
    at_transcode_init(&door->transcode);
    at_text_init(&door->text);
    at_text_init(&door->allow);
    at_access_init(&door->access, f->log);
    at_trace_source_init(&door->trace, 1, 2);
    CHECK_INT(at_loop_new(door->env, &door->loop), 0);
    CHECK_INT(at_net_new(door->loop, 10, &door->net), 0);
}

static struct fixture *set_up(void)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct at_diag diag;
    int pair[2];

    f->log = open("/dev/null", O_WRONLY | O_CLOEXEC);
    f->pool = read_pool();
    set_up_door(f);
    f->listener = (struct at_door_listener){.door = &f->door, .config = &f->config};
    at_routes_init(&f->listener.routes, 7);
    CHECK_INT(at_routes_add(&f->listener.routes, at_pool_service_at(f->pool, 0), &diag), 0);
    at_routes_seal(&f->listener.routes);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    f->client = pair[1];
    at_session_open(&f->listener, pair[0]);
    return f;
}

static void pass(struct fixture *f, uint64_t ns)
{
    now_ns += ns;
    for (int i = 0; i < 3; i++) {
        CHECK_INT(at_loop_turn(f->door.loop, 0), 0);
    }
}

static void tear_down(struct fixture *f)
{
    at_session_close_all(&f->door);
    at_close(&f->client);
    pass(f, 0);
    CHECK_INT(at_net_held(f->door.net), 0);
    (void)at_net_free(f->door.net);
    (void)at_loop_free(f->door.loop);
    at_routes_deinit(&f->listener.routes);
    (void)at_pool_free(f->pool);
    at_transcode_deinit(&f->door.transcode);
    at_text_deinit(&f->door.text);
    at_text_deinit(&f->door.allow);
    at_close(&f->log);
    free(f);
}

static void say(struct fixture *f, const char *s)
{
    CHECK_INT(write(f->client, s, strlen(s)), strlen(s));
    pass(f, 0);
}

/* What came: "" for nothing, "END" for the end of the connection. */
static const char *heard(struct fixture *f)
{
    ssize_t n = read(f->client, f->got, sizeof(f->got) - 1);

    f->got[n > 0 ? n : 0] = 0;
    return n == 0 ? "END" : f->got;
}

static bool says(struct fixture *f, const char *start, const char *words)
{
    const char *all = heard(f);

    return strncmp(all, start, strlen(start)) == 0 && strstr(all, words) != NULL;
}

TEST(a_body_that_is_not_there_after_60_s_is_answered_408_however_it_trickles)
{
    struct fixture *f = set_up();

    say(f, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{");
    for (int i = 0; i < 5; i++) {
        pass(f, 10 * AT_SECOND_NS);
        say(f, " ");
    }
    pass(f, 10 * AT_SECOND_NS - 1);
    CHECK_STR(heard(f), "");
    pass(f, 1);
    CHECK(says(f, "HTTP/1.1 408 Request Timeout\r\n", "the body did not arrive within 60 s"));
    CHECK(strstr(f->got, "Connection: close\r\n") != NULL);
    CHECK_STR(heard(f), "END");
    tear_down(f);
}

TEST(headers_that_are_not_there_after_10_s_are_answered_408)
{
    struct fixture *f = set_up();

    say(f, "GET /healthz HTTP/1.1\r\nHo");
    pass(f, 10 * AT_SECOND_NS - 1);
    CHECK_STR(heard(f), "");
    pass(f, 1);
    CHECK(says(f, "HTTP/1.1 408 ", "the headers did not arrive within 10 s"));
    CHECK_STR(heard(f), "END");
    tear_down(f);
}

TEST(a_connection_is_closed_without_a_word_when_it_was_idle_for_60_s)
{
    struct fixture *f = set_up();

    say(f, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(says(f, "HTTP/1.1 200 OK\r\n", "alive"));
    pass(f, 59 * AT_SECOND_NS);
    say(f, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"); /* the time begins anew */
    CHECK(says(f, "HTTP/1.1 200 OK\r\n", "alive"));
    pass(f, 60 * AT_SECOND_NS - 1);
    CHECK_STR(heard(f), "");
    pass(f, 1);
    CHECK_STR(heard(f), "END");
    tear_down(f);
}

TEST(a_connection_that_never_says_anything_is_closed_after_10_s)
{
    struct fixture *f = set_up();

    pass(f, 10 * AT_SECOND_NS - 1);
    CHECK_STR(heard(f), "");
    pass(f, 1);
    CHECK_STR(heard(f), "END");
    tear_down(f);
}

TEST(a_body_over_the_budget_is_answered_503_with_when_to_come_again)
{
    struct fixture *f = set_up();

    at_net_set_budget(f->door.net, 20000);
    say(f, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 30000\r\n\r\n{");
    CHECK(says(f, "HTTP/1.1 503 Service Unavailable\r\n", "Retry-After: 5\r\n"));
    CHECK(strstr(f->got, "\"reason\":\"DOOR_OVERLOADED\"") != NULL);
    CHECK_STR(heard(f), "END");
    tear_down(f);
}

TEST(a_request_that_was_never_understood_gets_a_trace_id_of_its_own_in_answer_and_log)
{
    static const char *const bad[] = {
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 104857600\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        "\x16\x03\x01garbage\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct fixture *f = set_up();
        char logged[64] = " trace_id=";
        const char *id;

        say(f, bad[i]);
        CHECK(says(f, "HTTP/1.1 4", "\"trace_id\":\""));
        id = strstr(f->got, "\"trace_id\":\"") + strlen("\"trace_id\":\"");
        CHECK_INT(strspn(id, "0123456789abcdef"), AT_TRACE_ID_TEXT);
        memcpy(logged + strlen(logged), id, AT_TRACE_ID_TEXT);
        f->door.access.lines[f->door.access.len] = 0;
        CHECK(strstr(f->door.access.lines, logged) != NULL);
        CHECK(strstr(f->got, "traceparent: 00-") != NULL);
        tear_down(f);
    }
}

TEST_MAIN("roles/gateway/session")
