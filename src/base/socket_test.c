#include "base/socket.h"

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "at_test.h"
#include "base/error.h"
#include "base/fd.h"

TEST(a_port_in_use_names_its_holder)
{
    struct at_diag diag = {0};
    char me[64];
    uint16_t port = 0;
    int first = -1;
    int second = -1;

    CHECK_INT(at_socket_listen_tcp("127.0.0.1", 0, &first, &port, NULL), 0);
    CHECK(port != 0);
    CHECK_INT(at_socket_listen_tcp("127.0.0.1", port, &second, NULL, &diag), -EADDRINUSE);
    (void)snprintf(me, sizeof(me), "pid %d", (int)getpid());
    ck_assert_msg(strstr(diag.what, me) != NULL, "got \"%s\"", diag.what);
    CHECK(diag.hint[0] != '\0');
    at_close(&first);
}

TEST(an_address_that_is_a_name_is_refused_with_a_sentence)
{
    struct at_diag diag = {0};
    int fd = -1;

    CHECK_INT(at_socket_listen_tcp("localhost", 0, &fd, NULL, &diag), -EINVAL);
    CHECK(strstr(diag.what, "\"localhost\"") != NULL);
}

TEST(ipv6_listens_too)
{
    int fd = -1;
    uint16_t port = 0;
    int r = at_socket_listen_tcp("::1", 0, &fd, &port, NULL);

    CHECK(r == 0 || r == -EADDRNOTAVAIL || r == -EAFNOSUPPORT); /* a host may lack IPv6 */
    at_close(&fd);
}

TEST(a_unix_socket_is_its_owners_alone_and_an_overlong_path_is_refused)
{
    char path[200];
    int fd = -1;
    int client = -1;

    (void)snprintf(path, sizeof(path), "/tmp/at-socket-test-%d", (int)getpid());
    CHECK_INT(at_socket_listen_unix(path, &fd), 0);
    CHECK_INT(at_socket_connect_unix(path, &client), 0);
    CHECK_INT(at_socket_listen_unix(path, &client), -EADDRINUSE);
    at_close(&fd);
    at_close(&client);
    CHECK_INT(unlink(path), 0);
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    CHECK_INT(at_socket_listen_unix(path, &fd), -ENAMETOOLONG);
}

TEST_MAIN("base/socket")
