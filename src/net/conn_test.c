#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "at_test.h"
#include "base/env.h"
#include "base/fd.h"
#include "base/socket.h"
#include "net/limits.h"
#include "net/net.h"

/* A stream over a socket pair, its peer, and what its callbacks were told. */
struct fixture {
    struct at_env env;
    struct at_loop *loop;
    struct at_net *net;
    struct at_conn *stream;
    int peer;
    char got[131072];
    size_t got_len;
    size_t take_max; /* of each on_input */
    int eofs;
    int gone;
    int deadlines;
    int drained;
};

/* The clock of the tests: moved by hand. */
static uint64_t now_ns = AT_SECOND_NS;

static uint64_t fake_now(struct at_env *env)
{
    return now_ns;
}

static size_t on_input(void *user, struct at_bytes in)
{
    struct fixture *f = user;
    size_t n = in.len < f->take_max ? in.len : f->take_max;

    memcpy(f->got + f->got_len, in.at, n);
    f->got_len += n;
    return n;
}

static void on_eof(void *user)
{
    ((struct fixture *)user)->eofs++;
}

static void on_drained(void *user)
{
    ((struct fixture *)user)->drained++;
}

static void on_deadline(void *user)
{
    ((struct fixture *)user)->deadlines++;
}

static void on_gone(void *user, int error)
{
    struct fixture *f = user;

    f->gone = error;
    f->stream = NULL;
}

static const struct at_conn_ops ops = {.on_input = on_input,
                                       .on_eof = on_eof,
                                       .on_drained = on_drained,
                                       .on_deadline = on_deadline,
                                       .on_gone = on_gone};

static struct at_env_ops fake_ops;

static struct fixture *set_up(void)
{
    struct fixture *f = calloc(1, sizeof(*f));
    int pair[2];

    fake_ops = *at_env_real()->ops;
    fake_ops.now_ns = fake_now;
    f->env.ops = &fake_ops;
    f->take_max = SIZE_MAX;
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    f->peer = pair[1];
    CHECK_INT(at_loop_new(&f->env, &f->loop), 0);
    CHECK_INT(at_net_new(f->loop, 10, &f->net), 0);
    CHECK_INT(at_conn_new(f->net, pair[0], &ops, f, &f->stream), 0);
    return f;
}

static void tear_down(struct fixture *f)
{
    (void)at_conn_close(f->stream);
    (void)at_net_free(f->net);
    (void)at_loop_free(f->loop);
    at_close(&f->peer);
    free(f);
}

static void turns(struct fixture *f, int n)
{
    for (int i = 0; i < n; i++) {
        CHECK_INT(at_loop_turn(f->loop, 0), 0);
    }
}

static void send_str(struct fixture *f, const char *s)
{
    CHECK_INT(write(f->peer, s, strlen(s)), strlen(s));
    turns(f, 1);
}

static void put(struct fixture *f, const void *at, size_t n)
{
    uint8_t *room = at_conn_room(f->stream, n);

    CHECK(room != NULL);
    memcpy(room, at, n);
    at_conn_wrote(f->stream, n);
}

TEST(input_reaches_its_owner)
{
    struct fixture *f = set_up();

    send_str(f, "hello");
    CHECK_BYTES(at_bytes_over(f->got, f->got_len), "hello");
    tear_down(f);
}

TEST(what_the_owner_leaves_comes_again_with_what_follows)
{
    struct fixture *f = set_up();

    f->take_max = 2;
    send_str(f, "abc");
    send_str(f, "def");
    f->take_max = SIZE_MAX;
    at_conn_resume(f->stream);
    CHECK_BYTES(at_bytes_over(f->got, f->got_len), "abcdef");
    tear_down(f);
}

TEST(a_stream_stops_reading_when_its_owner_takes_nothing)
{
    struct fixture *f = set_up();
    static char block[32768];
    size_t sent = 0;

    f->take_max = 0;
    for (int i = 0; i < 100; i++) {
        ssize_t n = write(f->peer, block, sizeof(block));

        sent += n > 0 ? (size_t)n : 0;
        turns(f, 4);
    }
    CHECK(sent < 1000000); /* socket buffer and what is kept, not 3 MiB */
    f->take_max = SIZE_MAX;
    at_conn_resume(f->stream);
    CHECK(f->got_len >= AT_NET_KEEP_BYTES);
    tear_down(f);
}

TEST(output_goes_out_when_flushed)
{
    struct fixture *f = set_up();
    char in[8] = "";

    put(f, "hi", 2);
    CHECK_INT(at_conn_pending(f->stream), 2);
    at_conn_flush(f->stream);
    CHECK_INT(at_conn_pending(f->stream), 0);
    CHECK_INT(f->drained, 1);
    CHECK_INT(read(f->peer, in, sizeof(in)), 2);
    CHECK_STR(in, "hi");
    tear_down(f);
}

TEST(a_peer_that_takes_nothing_is_dropped_after_the_stall_time)
{
    struct fixture *f = set_up();
    static char block[1 << 20];

    put(f, block, sizeof(block));
    at_conn_flush(f->stream);
    CHECK(at_conn_pending(f->stream) > 0);
    now_ns += AT_NET_STALL_NS - 1;
    turns(f, 1);
    CHECK_INT(f->gone, 0);
    now_ns += 1;
    turns(f, 1);
    CHECK_INT(f->gone, ETIMEDOUT);
    tear_down(f);
}

TEST(a_peer_that_reads_slowly_but_reads_is_borne)
{
    struct fixture *f = set_up();
    static char block[1 << 20];
    size_t read_bytes = 0;

    put(f, block, sizeof(block));
    at_conn_flush(f->stream);
    while (read_bytes < sizeof(block)) {
        ssize_t n = read(f->peer, block, 100000);

        CHECK(n > 0);
        read_bytes += (size_t)n;
        now_ns += AT_NET_STALL_NS / 2;
        turns(f, 1);
    }
    CHECK_INT(f->gone, 0);
    CHECK_INT(f->drained, 1);
    tear_down(f);
}

TEST(output_beyond_its_limit_is_refused)
{
    struct fixture *f = set_up();

    CHECK(at_conn_room(f->stream, AT_NET_OUT_BYTES + 1) == NULL);
    tear_down(f);
}

TEST(all_streams_share_one_budget_and_only_refusals_get_more)
{
    struct fixture *f = set_up();
    static char block[1 << 20];

    at_net_set_budget(f->net, 1 << 20);
    CHECK(at_net_has_room(f->net, 1 << 20));
    at_net_count(f->net, (1 << 20) - 100); /* a body that the owner keeps */
    CHECK(at_net_has_room(f->net, 100));
    CHECK(!at_net_has_room(f->net, 101));
    CHECK(at_conn_room(f->stream, sizeof(block)) == NULL);
    put(f, "503", 3);
    CHECK(!at_net_has_room(f->net, 0));
    at_conn_flush(f->stream);
    at_net_count(f->net, 100 - (1 << 20));
    put(f, block, sizeof(block) - 4096);
    CHECK(!at_net_has_room(f->net, 4097));
    f->stream = at_conn_close(f->stream);
    CHECK_INT(at_net_held(f->net), 0);
    tear_down(f);
}

TEST(input_that_would_pass_the_budget_ends_its_stream)
{
    struct fixture *f = set_up();

    at_net_set_budget(f->net, 8);
    f->take_max = 0;
    send_str(f, "not used yet");
    CHECK_INT(f->gone, ENOMEM);
    CHECK_INT(at_net_held(f->net), 0);
    tear_down(f);
}

TEST(half_closing_is_told_and_the_peer_can_still_be_answered)
{
    struct fixture *f = set_up();
    char in[8];

    CHECK_INT(shutdown(f->peer, SHUT_WR), 0);
    turns(f, 3);
    CHECK_INT(f->eofs, 1);
    CHECK(at_conn_saw_eof(f->stream));
    put(f, "hi", 2);
    at_conn_flush(f->stream);
    CHECK_INT(read(f->peer, in, sizeof(in)), 2);
    tear_down(f);
}

TEST(a_peer_that_vanishes_is_told)
{
    struct fixture *f = set_up();

    at_close(&f->peer);
    turns(f, 2);
    CHECK(f->gone != 0);
    tear_down(f);
}

TEST(the_deadline_fires_once_even_when_it_was_moved)
{
    struct fixture *f = set_up();

    at_conn_set_deadline(f->stream, now_ns + 10);
    at_conn_set_deadline(f->stream, now_ns + 100);
    now_ns += 50;
    turns(f, 1);
    CHECK_INT(f->deadlines, 0);
    now_ns += 50;
    turns(f, 2);
    CHECK_INT(f->deadlines, 1);
    tear_down(f);
}

TEST(a_finished_stream_sends_what_is_pending_and_throws_input_away)
{
    struct fixture *f = set_up();
    char in[8];

    put(f, "bye", 3);
    f->stream = at_conn_finish(f->stream);
    CHECK_INT(read(f->peer, in, sizeof(in)), 3);
    CHECK_INT(read(f->peer, in, sizeof(in)), 0);
    send_str(f, "late");
    CHECK_INT(f->got_len, 0);
    CHECK_INT(at_net_stream_count(f->net), 1);
    CHECK_INT(shutdown(f->peer, SHUT_WR), 0);
    turns(f, 2);
    CHECK_INT(at_net_stream_count(f->net), 0);
    tear_down(f);
}

TEST(a_finished_stream_is_closed_in_the_end_even_when_the_peer_stays)
{
    struct fixture *f = set_up();

    f->stream = at_conn_finish(f->stream);
    now_ns += AT_NET_LINGER_NS;
    turns(f, 1);
    CHECK_INT(at_net_stream_count(f->net), 0);
    tear_down(f);
}

TEST(a_finished_stream_takes_the_time_that_a_slow_reader_needs)
{
    struct fixture *f = set_up();
    static char block[1 << 20];
    size_t got = 0;
    ssize_t n;

    put(f, block, sizeof(block));
    f->stream = at_conn_finish(f->stream);
    do {
        now_ns += AT_NET_LINGER_NS * 2;
        turns(f, 1);
        n = read(f->peer, block, 100000);
        got += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    CHECK_INT(got, sizeof(block));
    tear_down(f);
}

static void count_accepted(void *user, int fd)
{
    int *count = user;

    at_close(&fd);
    (*count)++;
}

TEST(without_a_free_descriptor_connections_are_refused_and_the_loop_rests)
{
    struct fixture *f = set_up();
    struct at_listener *listener = NULL;
    struct rlimit old;
    struct rlimit low;
    struct at_diag diag;
    uint16_t port;
    int count = 0;
    int client = -1;
    int fd;
    char in;

    CHECK_INT(at_socket_listen_tcp("127.0.0.1", 0, &fd, &port, &diag), 0);
    CHECK_INT(at_listener_new(f->net, fd, count_accepted, &count, &listener), 0);
    CHECK_INT(at_socket_connect_tcp("127.0.0.1", port, &client), 0);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = (struct rlimit){.rlim_cur = (rlim_t)client + 1, .rlim_max = old.rlim_max};
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &low), 0);
    turns(f, 1);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), 0);
    CHECK_INT(count, 0);
    CHECK(recv(client, &in, 1, 0) < 0 && errno == ECONNRESET);
    at_close(&client);
    CHECK_INT(at_socket_connect_tcp("127.0.0.1", port, &client), 0);
    turns(f, 1);
    CHECK_INT(count, 1);
    at_close(&client);
    (void)at_listener_free(listener);
    tear_down(f);
}

TEST(more_streams_than_the_limit_are_refused)
{
    struct fixture *f = set_up();
    struct at_listener *listener = NULL;
    struct at_diag diag;
    struct at_net *none;
    uint16_t port;
    int count = 0;
    int client;
    int fd;
    char in;

    CHECK_INT(at_net_new(f->loop, 0, &none), 0);
    CHECK_INT(at_socket_listen_tcp("127.0.0.1", 0, &fd, &port, &diag), 0);
    CHECK_INT(at_listener_new(none, fd, count_accepted, &count, &listener), 0);
    CHECK_INT(at_socket_connect_tcp("127.0.0.1", port, &client), 0);
    turns(f, 1);
    CHECK_INT(count, 0);
    CHECK(recv(client, &in, 1, 0) < 0 && errno == ECONNRESET);
    at_close(&client);
    (void)at_listener_free(listener);
    (void)at_net_free(none);
    tear_down(f);
}

TEST(an_allocation_that_fails_leaves_nothing_behind)
{
    struct fixture *f = set_up();
    int pair[2];

    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    WITH_EACH_ALLOCATION_FAILING({
        struct at_conn *s = NULL;
        int r = at_conn_new(f->net, pair[0], &ops, f, &s);

        CHECK(r == 0 || r == -ENOMEM);
        if (r == 0) {
            (void)at_conn_close(s);
        }
    });
    at_close(&pair[1]);
    tear_down(f);
}

TEST_MAIN("net/conn")
