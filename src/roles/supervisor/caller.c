#include "roles/supervisor/caller.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/socket.h"
#include "control/message.h"
#include "control/service.h"
#include "loop/loop.h"
#include "roles/supervisor/edges.h"
#include "roles/supervisor/limits.h"
#include "roles/supervisor/system.h"

struct caller {
    struct at_list link;
    struct at_system *system;
    struct at_party party;
    struct at_io *io;
    struct at_timer *doom; /* closes it */
    int sock;
    bool said_hello;
};

static void close_caller(void *user)
{
    struct caller *c = user;

    at_edges_leave(&c->system->edges, &c->party, "the operator has left");
    c->io = at_io_remove(c->io);
    c->doom = at_timer_remove(c->doom);
    at_close(&c->sock);
    at_list_remove(&c->link);
    c->system->caller_count--;
    free(c);
}

void at_caller_doom(struct at_party *party)
{
    struct caller *c = at_container_of(party, struct caller, party);

    party->sock = -1; /* nothing more is said to it */
    at_timer_set(c->doom, at_loop_now_ns(c->system->loop));
}

static int welcome(struct caller *c, struct at_message *m)
{
    struct at_service_hello hello;
    struct at_service_refused refused = {
        .reason = AT_LIT("this supervisor speaks another version of the control protocol")};
    struct at_service_welcome w = {
        .version = AT_CONTROL_VERSION,
        .generation = c->party.generation,
        .system = at_bytes_of(c->system->plan.system),
        .service = AT_LIT("operator"),
        .instance = AT_LIT("operator"),
    };

    if (at_message_read(&at_service_hello_kind, m, &hello) != 0) {
        return AT_MESSAGE_MALFORMED;
    }
    if (hello.version_max < AT_CONTROL_VERSION_MIN || hello.version_min > AT_CONTROL_VERSION ||
        hello.contracts.len > 0) {
        (void)at_message_send(c->sock, &at_service_refused_kind, &refused, NULL, 0);
        return AT_MESSAGE_MALFORMED;
    }
    if (hello.version_max < w.version) {
        w.version = hello.version_max;
    }
    if (at_edges_hello(&c->system->edges, &c->party, hello.layout_min, hello.layout_max) != 0) {
        return AT_MESSAGE_MALFORMED;
    }
    c->said_hello = true;
    return at_message_send(c->sock, &at_service_welcome_kind, &w, NULL, 0);
}

static int take(struct caller *c, struct at_message *m)
{
    struct at_service_want want;
    struct at_service_broken broken;

    if (m->type == AT_SERVICE_HELLO) {
        return welcome(c, m);
    }
    if (m->type == AT_SERVICE_WANT && c->said_hello &&
        at_message_read(&at_service_want_kind, m, &want) == 0) {
        return at_edges_want(&c->system->edges, &c->party, &want);
    }
    if (m->type == AT_SERVICE_BROKEN && at_message_read(&at_service_broken_kind, m, &broken) == 0) {
        (void)at_edges_broken(&c->system->edges, &c->party, broken.channel, broken.reason);
        return 0;
    }
    return m->type == AT_SERVICE_WANT ? AT_MESSAGE_MALFORMED : 0;
}

void at_caller_want_room(struct at_party *party)
{
    struct caller *c = at_container_of(party, struct caller, party);

    if (c->io != NULL) {
        (void)at_io_change(c->io, EPOLLIN | EPOLLOUT);
    }
}

static void on_socket(void *user, int fd, uint32_t events)
{
    struct caller *c = user;
    struct at_message *m = c->system->message;
    int r;

    if ((events & EPOLLOUT) != 0 && at_edges_flush(&c->system->edges, &c->party)) {
        (void)at_io_change(c->io, EPOLLIN);
    }
    r = at_message_receive(fd, m);
    if (r == -EAGAIN) {
        return;
    }
    if (r == 0) {
        r = take(c, m);
        at_message_clear(m);
    }
    if (r != 0) {
        c->io = at_io_remove(c->io);
        at_caller_doom(&c->party);
    }
}

static int set_up(struct caller *c)
{
    int r = at_loop_add_timer(c->system->loop, close_caller, c, &c->doom);

    if (r == 0) {
        r = at_fd_set_nonblocking(c->sock, 1);
    }
    if (r == 0) {
        r = at_loop_add_io(c->system->loop, c->sock, EPOLLIN, on_socket, c, &c->io);
    }
    return r;
}

int at_caller_new(struct at_system *s, int *ret_fd)
{
    struct caller *c;
    int pair[2];
    int r;

    if (s->caller_count >= AT_SUPER_CALLERS_MAX) {
        return -ENOSPC;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return -ENOMEM;
    }
    r = at_socket_pair(pair);
    if (r < 0) {
        free(c);
        return at_up(r);
    }
    c->system = s;
    c->sock = pair[0];
    c->party = (struct at_party){.name = "operator",
                                 .service = AT_EDGES_OPERATOR,
                                 .generation = s->next_generation++,
                                 .sock = pair[0]};
    at_list_append(&s->callers, &c->link);
    s->caller_count++;
    at_edges_join(&s->edges, &c->party);
    r = set_up(c);
    if (r < 0) {
        close_caller(c);
        at_close(&pair[1]);
        return at_up(r);
    }
    *ret_fd = pair[1];
    return 0;
}

void at_caller_close_all(struct at_system *s)
{
    at_list_foreach_safe (it, &s->callers) {
        close_caller(at_container_of(it, struct caller, link));
    }
}
