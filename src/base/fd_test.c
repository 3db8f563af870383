#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/socket.h"

TEST(descriptors_travel_with_their_message)
{
    int pair[2];
    int pipes[2];
    int got[AT_FDS_PER_MESSAGE];
    size_t n = 0;
    size_t len = 0;
    char room[16];

    CHECK_INT(at_socket_pair(pair), 0);
    CHECK_INT(pipe2(pipes, O_CLOEXEC), 0);
    CHECK_INT(at_fd_send(pair[0], at_bytes_of("hi"), pipes, 2), 0);
    CHECK_INT(at_fd_receive(pair[1], room, sizeof(room), &len, got, &n), 0);
    CHECK_INT(len, 2);
    CHECK_INT(n, 2);
    CHECK_INT(write(got[1], "x", 1), 1);
    CHECK_INT(read(pipes[0], room, 1), 1);
    CHECK((fcntl(got[0], F_GETFD) & FD_CLOEXEC) != 0);
    at_fd_close_all(got, n);
    at_fd_close_all(pipes, 2);
    at_fd_close_all(pair, 2);
}

/* A TCP connection with more in its send buffer than its peer, who does not read, takes. */
static int make_lingering(int *ret_peer)
{
    static const struct linger long_time = {.l_onoff = 1, .l_linger = 20};
    static char bytes[65536];
    uint16_t port = 0;
    int listener = -1;
    int fd = -1;

    CHECK_INT(at_socket_listen_tcp("127.0.0.1", 0, &listener, &port, NULL), 0);
    CHECK_INT(at_socket_connect_tcp("127.0.0.1", port, &fd), 0);
    do {
        *ret_peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    } while (*ret_peer < 0 && errno == EAGAIN);
    CHECK(*ret_peer >= 0);
    while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
    CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_LINGER, &long_time, sizeof(long_time)), 0);
    CHECK_INT(at_fd_set_nonblocking(fd, 0), 0); /* with O_NONBLOCK it would not linger */
    at_close(&listener);
    return fd;
}

TEST(an_uninvited_socket_that_lingers_holds_nobody_up)
{
    int peer = -1;
    int fd = make_lingering(&peer);
    uint64_t before = at_now_ns();

    at_fd_discard(&fd);
    CHECK(at_now_ns() - before < AT_SECOND_NS);
    CHECK_INT(fd, -1);
    at_close(&peer);
}

TEST(a_socket_that_came_with_a_truncated_message_holds_nobody_up)
{
    int pair[2];
    int peer = -1;
    int fd = make_lingering(&peer);
    int got[AT_FDS_PER_MESSAGE];
    size_t n = 0;
    size_t len = 0;
    char room[4];
    uint64_t before;

    CHECK_INT(at_socket_pair(pair), 0);
    CHECK_INT(at_fd_send(pair[0], at_bytes_of("longer than four"), &fd, 1), 0);
    at_close(&fd);
    before = at_now_ns();
    CHECK_INT(at_fd_receive(pair[1], room, sizeof(room), &len, got, &n), -EMSGSIZE);
    CHECK(at_now_ns() - before < AT_SECOND_NS);
    at_fd_close_all(pair, 2);
    at_close(&peer);
}

TEST(a_listener_that_is_discarded_goes_on_at_its_other_owner)
{
    uint16_t port = 0;
    int listener = -1;
    int copy;
    int fd = -1;

    CHECK_INT(at_socket_listen_tcp("127.0.0.1", 0, &listener, &port, NULL), 0);
    copy = fcntl(listener, F_DUPFD_CLOEXEC, 3);
    at_fd_discard(&copy);
    CHECK_INT(at_socket_connect_tcp("127.0.0.1", port, &fd), 0);
    at_close(&fd);
    at_close(&listener);
}

TEST(a_truncated_message_leaves_no_descriptor_behind)
{
    int pair[2];
    int got[AT_FDS_PER_MESSAGE];
    size_t n = 0;
    size_t len = 0;
    char room[4];

    CHECK_INT(at_socket_pair(pair), 0);
    CHECK_INT(at_fd_send(pair[0], at_bytes_of("longer than four"), pair, 2), 0);
    CHECK_INT(at_fd_receive(pair[1], room, sizeof(room), &len, got, &n), -EMSGSIZE);
    at_fd_close_all(pair, 2); /* the fixture counts what is left */
}

TEST(more_descriptors_than_the_limit_are_refused_and_closed)
{
    int pair[2];
    int flood[AT_FDS_PER_MESSAGE + 4];
    int got[AT_FDS_PER_MESSAGE];
    size_t n = 0;
    size_t len = 0;
    char room[16];
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(flood))];
    } control = {0};
    struct iovec io = {.iov_base = room, .iov_len = 1};
    struct msghdr m = {.msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = control.room,
                       .msg_controllen = sizeof(control.room)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    CHECK_INT(at_socket_pair(pair), 0);
    for (size_t i = 0; i < sizeof(flood) / sizeof(flood[0]); i++) {
        flood[i] = pair[0];
    }
    CHECK_INT(at_fd_send(pair[0], at_bytes_of("x"), flood, AT_FDS_PER_MESSAGE + 1), -EINVAL);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(flood));
    memcpy(CMSG_DATA(c), flood, sizeof(flood));
    CHECK(sendmsg(pair[0], &m, 0) == 1);
    CHECK_INT(at_fd_receive(pair[1], room, sizeof(room), &len, got, &n), -EMSGSIZE);
    at_fd_close_all(pair, 2);
}

TEST(a_closed_peer_is_an_empty_message)
{
    int pair[2];
    int got[AT_FDS_PER_MESSAGE];
    size_t n = 1;
    size_t len = 1;
    char room[4];

    CHECK_INT(at_socket_pair(pair), 0);
    at_close(&pair[0]);
    CHECK_INT(at_fd_receive(pair[1], room, sizeof(room), &len, got, &n), 0);
    CHECK_INT(len, 0);
    CHECK_INT(n, 0);
    at_close(&pair[1]);
}

TEST(a_file_is_read_whole_or_refused_by_its_limit)
{
    char path[] = "/tmp/at-fd-test-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    char *at = NULL;
    size_t len = 0;

    CHECK(fd >= 0);
    at_close(&fd);
    CHECK_INT(at_fd_write_file(AT_FDCWD, path, at_bytes_of("0123456789"), 0600), 0);
    CHECK_INT(at_fd_read_file(AT_FDCWD, path, 10, &at, &len), 0);
    CHECK_STR(at, "0123456789");
    free(at);
    at = NULL;
    CHECK_INT(at_fd_read_file(AT_FDCWD, path, 9, &at, &len), -EFBIG);
    CHECK(at == NULL);
    CHECK_INT(at_fd_read_file(AT_FDCWD, "/nonexistent/x", 9, &at, &len), -ENOENT);
    WITH_EACH_ALLOCATION_FAILING({
        at = NULL;
        if (at_fd_read_file(AT_FDCWD, path, 100000, &at, &len) == 0) {
            free(at);
        }
    });
    CHECK_INT(unlink(path), 0);
}

TEST_MAIN("base/fd")
