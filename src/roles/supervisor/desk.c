#include "roles/supervisor/desk.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/list.h"
#include "control/limits.h"
#include "control/message.h"
#include "control/operator.h"
#include "loop/loop.h"
#include "plan/plan.h"
#include "roles/supervisor/caller.h"
#include "roles/supervisor/instance.h"
#include "roles/supervisor/limits.h"
#include "roles/supervisor/operator_conn.h"
#include "roles/supervisor/outbox.h"
#include "roles/supervisor/rows.h"
#include "roles/supervisor/start.h"
#include "roles/supervisor/system.h"
#include "roles/supervisor/vault.h"
#include "sandbox/sandbox.h"

static void on_socket(void *user, int fd, uint32_t events);

/* ---- connections ---- */

/* It is freed at the end of the turn, so that whoever walks over the list may close one. */
static void drop(struct at_operator_conn *c)
{
    c->io = at_io_remove(c->io);
    at_timer_set(c->doom, at_loop_now_ns(c->system->loop));
    c->doomed = true;
}

static void close_conn(void *user)
{
    struct at_operator_conn *c = user;
    struct at_system *s = c->system;
    bool was_first = c->is_first;

    c->io = at_io_remove(c->io);
    c->doom = at_timer_remove(c->doom);
    at_outbox_deinit(&c->outbox);
    at_close(&c->sock);
    at_list_remove(&c->link);
    s->operator_count--;
    free(c);
    if (!was_first) {
        return;
    }
    at_vault_drop(s, "operator");
    if ((s->start_flags & AT_START_DETACHED) == 0) {
        at_system_down(s, "the terminal that started it has closed");
    }
}

static int add_conn(struct at_system *s, int sock, struct at_operator_conn **ret)
{
    struct at_operator_conn *c = calloc(1, sizeof(*c));
    int r;

    if (c == NULL) {
        return -ENOMEM;
    }
    c->system = s;
    c->sock = sock;
    at_outbox_init(&c->outbox);
    r = at_loop_add_timer(s->loop, close_conn, c, &c->doom);
    if (r == 0) {
        r = at_fd_set_nonblocking(sock, 1);
    }
    if (r == 0) {
        r = at_loop_add_io(s->loop, sock, EPOLLIN, on_socket, c, &c->io);
    }
    if (r < 0) {
        c->doom = at_timer_remove(c->doom);
        free(c);
        return at_up(r);
    }
    at_list_append(&s->operators, &c->link);
    s->operator_count++;
    *ret = c;
    return 0;
}

int at_desk_take_first(struct at_system *s, int fd)
{
    struct at_operator_conn *c = NULL;
    int r = add_conn(s, fd, &c);

    if (c == NULL) {
        at_close(&fd);
        return r;
    }
    c->is_first = true;
    c->said_hello = true; /* an earlier supervisor may have greeted it; it is ours anyway */
    c->watch_request = s->start_request;
    return 0;
}

/* Only root and the user who runs the system may talk to it. */
static bool is_allowed(int sock)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);

    return getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
           (cred.uid == 0 || cred.uid == geteuid());
}

/* Says why, to somebody whose HELLO may be under way still: nothing waits for it. */
static void turn_away(const struct at_system *s, int sock)
{
    char text[160];
    struct at_operator_result result = {.code = AT_OPERATOR_REFUSED};

    (void)snprintf(text, sizeof(text),
                   "%zu operators are connected; at most %d. End one of them: whoever keeps a "
                   "connection to control.sock",
                   s->operator_count, AT_SUPER_OPERATORS_MAX + AT_SUPER_OPERATORS_SPARE);
    result.text = at_bytes_of(text);
    (void)at_message_send(sock, &at_operator_result_kind, &result, NULL, 0);
}

static void on_accept(void *user, int fd, uint32_t events)
{
    struct at_system *s = user;
    struct at_operator_conn *c;
    int sock = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (sock < 0) {
        return;
    }
    if (!is_allowed(sock)) {
        at_close(&sock);
    } else if (s->operator_count >= AT_SUPER_OPERATORS_MAX + AT_SUPER_OPERATORS_SPARE) {
        turn_away(s, sock);
        at_close(&sock);
    } else if (add_conn(s, sock, &c) < 0) {
        at_close(&sock);
    }
}

int at_desk_open(struct at_system *s)
{
    return at_loop_add_io(s->loop, s->listen_fd, EPOLLIN, on_accept, s, &s->listen_io);
}

void at_desk_close(struct at_system *s)
{
    uint64_t deadline = at_now_ns() + AT_SUPER_FLUSH_MS * AT_MILLISECOND_NS;

    at_list_foreach_safe (it, &s->operators) {
        struct at_operator_conn *c = at_container_of(it, struct at_operator_conn, link);
        struct pollfd p = {.fd = c->sock, .events = POLLOUT};

        while (!c->doomed && at_outbox_flush(&c->outbox, c->sock) == -EAGAIN &&
               poll(&p, 1, at_until_ms(deadline, at_now_ns())) > 0) {
        }
        c->is_first = false;
        close_conn(c);
    }
}

/* ---- answers ---- */

void at_desk_say(struct at_operator_conn *c, const struct at_message_kind *kind,
                 const void *message, int fd)
{
    bool was_empty = at_outbox_is_empty(&c->outbox);
    struct at_letter letter = {
        .kind = kind, .message = message, .fds = &fd, .fd_count = fd < 0 ? 0 : 1};
    int r;

    if (c->doomed) {
        return;
    }
    r = at_outbox_put(&c->outbox, c->sock, &letter,
                      kind == &at_operator_event_kind ? AT_SUPER_EVENTS_BYTES_MAX
                                                      : AT_SUPER_OUTBOX_BYTES_MAX);
    if (r == -ENOBUFS && kind == &at_operator_event_kind) {
        return; /* it sees the gap */
    }
    if (r < 0) {
        drop(c);
    } else if (was_empty && !at_outbox_is_empty(&c->outbox)) {
        (void)at_io_change(c->io, EPOLLIN | EPOLLOUT);
    }
}

void at_desk_answer(struct at_operator_conn *c, uint64_t request, enum at_operator_code code,
                    const char *text)
{
    struct at_operator_result result = {
        .request = request,
        .code = code,
        .text = at_bytes_before(at_bytes_of(text), AT_CONTROL_REASON_MAX),
    };

    at_desk_say(c, &at_operator_result_kind, &result, -1);
}

static struct at_operator_conn *first_conn(struct at_system *s)
{
    at_list_foreach (it, &s->operators) {
        struct at_operator_conn *c = at_container_of(it, struct at_operator_conn, link);

        if (c->is_first && !c->doomed) {
            return c;
        }
    }
    return NULL;
}

void at_desk_watch_first(struct at_system *s)
{
    struct at_operator_conn *c = first_conn(s);

    if (c != NULL) {
        c->watch_request = s->start_request;
    }
}

void at_desk_answer_start(struct at_system *s, enum at_operator_code code, const char *text)
{
    struct at_operator_conn *c = first_conn(s);

    if (c != NULL) {
        at_desk_answer(c, s->start_request, code, text);
    }
}

void at_desk_start_ended(struct at_system *s, int code, const char *text)
{
    if (code == AT_OPERATOR_OK) {
        return; /* answered when everything is ready */
    }
    s->start_answered = true;
    at_desk_answer_start(s, (enum at_operator_code)code, text);
    s->exit_code = 1;
    at_system_down(s, "it could not be started");
}

void at_desk_answer_down(struct at_system *s)
{
    at_list_foreach (it, &s->operators) {
        struct at_operator_conn *c = at_container_of(it, struct at_operator_conn, link);

        if (c->down_request != 0) {
            at_desk_answer(c, c->down_request, AT_OPERATOR_OK, "");
        }
    }
}

void at_desk_problem(struct at_system *s, const char *service, const struct at_diag *diag)
{
    struct at_operator_conn *c = first_conn(s);
    struct at_operator_problem problem = {
        .request = s->start_request,
        .service = at_bytes_of(service),
        .file = at_bytes_of(diag->file),
        .line = (uint32_t)diag->line,
        .col = (uint32_t)diag->col,
        .what = at_bytes_of(diag->what),
        .hint = at_bytes_of(diag->hint),
    };

    if (c != NULL) {
        at_desk_say(c, &at_operator_problem_kind, &problem, -1);
    }
}

static void fill_event(struct at_operator_event *e, const struct at_instance *i)
{
    const struct at_plan_service *p = at_instance_plan(i);
    uint64_t now = at_loop_now_ns(i->system->loop);

    e->service = at_bytes_of(p->name);
    e->instance = at_bytes_of(i->name);
    e->kind = p->kind;
    e->state = i->state;
    e->pid = i->cage.state == AT_CAGE_EMPTY ? 0 : (uint32_t)i->cage.service_pid;
    e->restarts = i->history.restarts;
    e->took_ns = i->state == AT_LIFE_READY ? now - i->started_ns : 0;
    e->next_start_ns =
        i->state == AT_LIFE_BACKING_OFF && i->next_start_ns > now ? i->next_start_ns - now : 0;
}

void at_desk_event(struct at_system *s, const struct at_instance *i, uint32_t type,
                   const char *reason)
{
    struct at_operator_event e = {
        .sequence = ++s->event_sequence,
        .wall_ns = at_env_wall_ns(at_env_real()),
        .type = type,
        .state = s->state,
        .reason = at_bytes_before(at_bytes_of(reason), AT_CONTROL_REASON_MAX),
    };

    if (i != NULL) {
        fill_event(&e, i);
    }
    at_list_foreach (it, &s->operators) {
        struct at_operator_conn *c = at_container_of(it, struct at_operator_conn, link);

        if (c->watch_request != 0) {
            e.request = c->watch_request;
            at_desk_say(c, &at_operator_event_kind, &e, -1);
        }
    }
}

static void on_socket(void *user, int fd, uint32_t events)
{
    struct at_operator_conn *c = user;
    struct at_message *m = c->system->message;
    int r;

    if ((events & EPOLLOUT) != 0) {
        r = at_outbox_flush(&c->outbox, fd);
        if (r == 0) {
            (void)at_io_change(c->io, EPOLLIN);
        } else if (r != -EAGAIN) {
            drop(c);
            return;
        }
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) {
        return;
    }
    r = at_message_receive(fd, m);
    if (r == -EAGAIN) {
        return;
    }
    if (r == 0) {
        r = at_requests_take(c, m);
        at_message_clear(m);
    }
    if (r != 0) {
        drop(c);
    }
}
