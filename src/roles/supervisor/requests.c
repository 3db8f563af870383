/* What operators ask: one function for each request of control/operator.h. */
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
#include "base/fd.h"
#include "base/text.h"
#include "control/limits.h"
#include "control/message.h"
#include "control/operator.h"
#include "plan/plan.h"
#include "roles/supervisor/caller.h"
#include "roles/supervisor/desk.h"
#include "roles/supervisor/instance.h"
#include "roles/supervisor/limits.h"
#include "roles/supervisor/operator_conn.h"
#include "roles/supervisor/rows.h"
#include "roles/supervisor/start.h"
#include "roles/supervisor/system.h"
#include "roles/supervisor/vault.h"

static struct at_text missing_walls(const struct at_system *s)
{
    struct at_text t;

    at_text_init(&t);
    if (s->sandbox != NULL) {
        at_rows_missing_walls(s, &t);
    }
    return t;
}

static int on_hello(struct at_operator_conn *c, struct at_message *m)
{
    struct at_system *s = c->system;
    struct at_operator_hello hello;
    struct at_text walls;
    struct at_operator_welcome w = {
        .version = AT_OPERATOR_VERSION,
        .anchor_pid = s->anchor_pid,
        .supervisor_pid = (uint32_t)getpid(),
        .supervisors = s->supervisors,
        .program = AT_LIT("atolld " ATOLL_VERSION),
        .started_wall_ns = s->started_wall_ns,
        .run_dir = at_bytes_of(s->run_dir),
        .state = s->state,
    };

    if (at_message_read(&at_operator_hello_kind, m, &hello) != 0) {
        return AT_MESSAGE_MALFORMED;
    }
    if (hello.version_max < AT_OPERATOR_VERSION_MIN || hello.version_min > AT_OPERATOR_VERSION) {
        at_desk_answer(c, 0, AT_OPERATOR_REFUSED,
                       "this atoll and the running atolld are of releases too far apart");
        return 0;
    }
    if (hello.version_max < w.version) {
        w.version = hello.version_max;
    }
    if (s->has_plan) {
        w.system = at_bytes_of(s->plan.system);
        w.project = at_bytes_of(s->plan.project_dir);
    }
    walls = missing_walls(s);
    w.walls_missing = at_bytes_before(at_text_bytes(&walls), AT_CONTROL_LIST_MAX);
    c->said_hello = true;
    at_desk_say(c, &at_operator_welcome_kind, &w, -1);
    at_text_deinit(&walls);
    return 0;
}

static int on_start(struct at_operator_conn *c, struct at_message *m)
{
    struct at_system *s = c->system;
    struct at_operator_start start;
    char text[AT_CONTROL_REASON_MAX] = "";
    int code;

    if (at_message_read(&at_operator_start_kind, m, &start) != 0 || start.request == 0) {
        return AT_MESSAGE_MALFORMED;
    }
    if (!c->is_first || s->has_plan || m->fd_count != 2) {
        at_desk_answer(c, start.request, AT_OPERATOR_REFUSED, "this atolld already runs a system");
        return 0;
    }
    s->start_request = start.request;
    s->start_flags = start.flags;
    c->watch_request = start.request;
    code = at_start_new(s, at_message_take_fd(m, 0), at_message_take_fd(m, 1), text, sizeof(text));
    at_desk_start_ended(s, code, text);
    return 0;
}

static int on_ps(struct at_operator_conn *c, struct at_message *m)
{
    struct at_operator_ps ps;

    if (at_message_read(&at_operator_ps_kind, m, &ps) != 0) {
        return AT_MESSAGE_MALFORMED;
    }
    at_rows_tell_all(c, ps.request);
    at_desk_answer(c, ps.request, AT_OPERATOR_OK, "");
    return 0;
}

static int on_status(struct at_operator_conn *c, struct at_message *m)
{
    struct at_operator_status status;
    char text[256];

    if (at_message_read(&at_operator_status_kind, m, &status) != 0) {
        return AT_MESSAGE_MALFORMED;
    }
    if (at_rows_tell_service(c, status.request, status.service)) {
        at_desk_answer(c, status.request, AT_OPERATOR_OK, "");
        return 0;
    }
    (void)snprintf(text, sizeof(text), "\"%s\" has no service or instance \"%.*s\"",
                   c->system->has_plan ? c->system->plan.system : "", (int)status.service.len,
                   status.service.len == 0 ? "" : (const char *)status.service.at);
    at_desk_answer(c, status.request, AT_OPERATOR_UNKNOWN, text);
    return 0;
}

static int on_watch(struct at_operator_conn *c, struct at_message *m)
{
    struct at_operator_watch watch;

    if (at_message_read(&at_operator_watch_kind, m, &watch) != 0 || watch.request == 0) {
        return AT_MESSAGE_MALFORMED;
    }
    if (c->system->operator_count > AT_SUPER_OPERATORS_MAX && !c->is_first) {
        char text[160];

        (void)snprintf(
            text, sizeof(text),
            "%zu operators are connected; only %d may watch, the other places are for ps, "
            "status and down: end one that watches",
            c->system->operator_count, AT_SUPER_OPERATORS_MAX);
        at_desk_answer(c, watch.request, AT_OPERATOR_REFUSED, text);
        return 0;
    }
    at_rows_tell_all(c, watch.request);
    c->watch_request = watch.request;
    return 0;
}

static int on_down(struct at_operator_conn *c, struct at_message *m)
{
    struct at_operator_down down;

    if (at_message_read(&at_operator_down_kind, m, &down) != 0 || down.request == 0) {
        return AT_MESSAGE_MALFORMED;
    }
    c->down_request = down.request;
    if (c->watch_request == 0) {
        c->watch_request = down.request;
    }
    if (down.grace_ns != 0) {
        c->system->grace_ns = down.grace_ns;
    }
    at_system_down(c->system, "the operator asked for it");
    return 0;
}

static int on_call(struct at_operator_conn *c, struct at_message *m)
{
    struct at_operator_call call;
    struct at_operator_caller caller;
    char full[160];
    int fd = -1;
    int r;

    if (at_message_read(&at_operator_call_kind, m, &call) != 0) {
        return AT_MESSAGE_MALFORMED;
    }
    r = c->system->has_plan ? at_caller_new(c->system, &fd) : -ENOENT;
    if (r < 0) {
        (void)snprintf(
            full, sizeof(full),
            "%zu operators are calling; at most %d at once. End some of them: atoll call, "
            "atoll bench",
            c->system->caller_count, AT_SUPER_CALLERS_MAX);
        at_desk_answer(c, call.request, AT_OPERATOR_REFUSED,
                       r == -ENOSPC ? full : strerrordesc_np(-r));
        return 0;
    }
    caller.request = call.request;
    at_desk_say(c, &at_operator_caller_kind, &caller, fd);
    at_close(&fd);
    at_desk_answer(c, call.request, AT_OPERATOR_OK, "");
    return 0;
}

int at_requests_take(struct at_operator_conn *c, struct at_message *m)
{
    static const struct {
        uint16_t type;
        int (*take)(struct at_operator_conn *c, struct at_message *m);
    } takers[] = {
        {AT_OPERATOR_HELLO, on_hello},   {AT_OPERATOR_START, on_start}, {AT_OPERATOR_PS, on_ps},
        {AT_OPERATOR_STATUS, on_status}, {AT_OPERATOR_WATCH, on_watch}, {AT_OPERATOR_DOWN, on_down},
        {AT_OPERATOR_CALL, on_call},
    };

    if (!c->said_hello && m->type != AT_OPERATOR_HELLO) {
        return AT_MESSAGE_MALFORMED;
    }
    for (size_t i = 0; i < sizeof(takers) / sizeof(takers[0]); i++) {
        if (takers[i].type == m->type) {
            return takers[i].take(c, m);
        }
    }
    at_desk_answer(c, 0, AT_OPERATOR_REFUSED, "this atolld does not know that request");
    return 0;
}
