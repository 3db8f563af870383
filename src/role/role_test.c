/* Promises of role/role.h, with the test as the supervisor on the other end of the socket. */
#include "role/role.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/fd.h"
#include "base/socket.h"
#include "control/message.h"
#include "control/service.h"

struct probe {
    struct at_role *role;
    int exit_code;
    bool refuse_start;
};

static int start(void *user, struct at_role *role)
{
    struct probe *p = user;
    struct at_bytes config = at_role_config(role);
    int fd = at_role_take_fd(role, 0);

    p->role = role;
    p->exit_code = at_bytes_equal(config, AT_LIT("slice")) && fd >= 0 ? 0 : 9;
    at_close(&fd);
    if (p->refuse_start) {
        return -EINVAL;
    }
    return at_role_ready(role, "warm");
}

static void stop(void *user, uint64_t grace_ns)
{
    struct probe *p = user;

    at_role_stopped(p->role, p->exit_code + (grace_ns == 5 ? 40 : 0));
}

struct scene {
    int sock; /* the supervisor's end */
    pid_t pid;
    struct at_message *message;
};

static struct scene play(bool refuse_start)
{
    struct scene s = {.message = calloc(1, sizeof(*s.message))};
    int fds[2];

    CHECK(s.message != NULL);
    CHECK_INT(at_socket_pair(fds), 0);
    s.pid = fork();
    CHECK(s.pid >= 0);
    if (s.pid == 0) {
        static struct probe probe;
        char number[16];

        probe.refuse_start = refuse_start;
        (void)snprintf(number, sizeof(number), "%d", fds[1]);
        (void)setenv("ATOLL_CONTROL_FD", number, 1);
        at_close(&fds[0]);
        free(s.message);
        at_close(&(int){STDERR_FILENO}); /* its log is not ours */
        _exit(at_role_start(&(struct at_role_spec){
            .name = "probe", .user = &probe, .on_start = start, .on_stop = stop}));
    }
    at_close(&fds[1]);
    s.sock = fds[0];
    return s;
}

static void expect(struct scene *s, uint16_t type)
{
    CHECK_INT(at_message_receive(s->sock, s->message), 0);
    CHECK_INT(s->message->type, type);
}

static void welcome(struct scene *s, uint64_t generation)
{
    struct at_service_welcome w = {.version = 1,
                                   .generation = generation,
                                   .system = AT_LIT("shop"),
                                   .instance = AT_LIT("probe.1"),
                                   .config = AT_LIT("slice")};

    CHECK_INT(at_message_send(s->sock, &at_service_welcome_kind, &w, &s->sock, 1), 0);
}

static int end(struct scene *s)
{
    int status = 0;

    CHECK_INT(waitpid(s->pid, &status, 0), s->pid);
    at_close(&s->sock);
    free(s->message);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void tell_stop(struct scene *s)
{
    struct at_service_stop stop_message = {.grace_ns = 5};

    CHECK_INT(at_message_send(s->sock, &at_service_stop_kind, &stop_message, NULL, 0), 0);
}

TEST(it_says_hello_takes_the_welcome_says_ready_and_stops_when_told)
{
    struct scene s = play(false);
    struct at_service_ready ready;

    expect(&s, AT_SERVICE_HELLO);
    welcome(&s, 3);
    expect(&s, AT_SERVICE_READY);
    CHECK_INT(at_message_read(&at_service_ready_kind, s.message, &ready), 0);
    CHECK_BYTES(ready.status, "warm");
    tell_stop(&s);
    CHECK_INT(end(&s), 40);
}

TEST(after_resume_it_says_hello_and_ready_again_with_its_generation)
{
    struct scene s = play(false);
    struct at_service_hello hello;
    struct at_service_resume resume = {.supervisor = 2};

    expect(&s, AT_SERVICE_HELLO);
    welcome(&s, 3);
    expect(&s, AT_SERVICE_READY);
    CHECK_INT(at_message_send(s.sock, &at_service_resume_kind, &resume, NULL, 0), 0);
    expect(&s, AT_SERVICE_HELLO);
    CHECK_INT(at_message_read(&at_service_hello_kind, s.message, &hello), 0);
    CHECK_INT((long)hello.generation, 3);
    expect(&s, AT_SERVICE_READY);
    welcome(&s, 3);
    tell_stop(&s);
    CHECK_INT(end(&s), 40);
}

TEST(a_resume_before_the_welcome_is_answered_with_hello)
{
    struct scene s = play(false);
    struct at_service_resume resume = {.supervisor = 2};

    expect(&s, AT_SERVICE_HELLO);
    CHECK_INT(at_message_send(s.sock, &at_service_resume_kind, &resume, NULL, 0), 0);
    expect(&s, AT_SERVICE_HELLO);
    welcome(&s, 1);
    expect(&s, AT_SERVICE_READY);
    tell_stop(&s);
    CHECK_INT(end(&s), 40);
}

TEST(sigterm_stops_it_as_stop_does)
{
    struct scene s = play(false);

    expect(&s, AT_SERVICE_HELLO);
    welcome(&s, 1);
    expect(&s, AT_SERVICE_READY);
    CHECK_INT(kill(s.pid, SIGTERM), 0);
    CHECK_INT(end(&s), 0);
}

TEST(it_ends_when_nobody_supervises_it_any_more)
{
    struct scene s = play(false);

    expect(&s, AT_SERVICE_HELLO);
    welcome(&s, 1);
    expect(&s, AT_SERVICE_READY);
    at_close(&s.sock);
    CHECK_INT(end(&s), 0);
}

TEST(garbage_and_unknown_messages_do_not_stop_it_from_being_welcomed)
{
    struct scene s = play(false);
    struct at_service_open open = {.channel = 1};

    expect(&s, AT_SERVICE_HELLO);
    CHECK_INT(at_message_send(s.sock, &at_service_open_kind, &open, &s.sock, 1), 0);
    welcome(&s, 1);
    expect(&s, AT_SERVICE_READY);
    tell_stop(&s);
    CHECK_INT(end(&s), 40);
}

TEST(refused_or_unable_to_start_it_ends_with_1)
{
    struct scene s = play(false);
    struct at_service_refused refused = {.reason = AT_LIT("no")};

    expect(&s, AT_SERVICE_HELLO);
    CHECK_INT(at_message_send(s.sock, &at_service_refused_kind, &refused, NULL, 0), 0);
    CHECK_INT(end(&s), 1);
    s = play(true);
    expect(&s, AT_SERVICE_HELLO);
    welcome(&s, 1);
    CHECK_INT(end(&s), 1);
}

TEST_MAIN("role/role")
