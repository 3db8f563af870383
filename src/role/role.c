/* The skeleton of a role: control socket, log, loop, and the protocol around them. */
#include "role/role.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "control/message.h"
#include "control/service.h"
#include "loop/loop.h"

enum { CONTROL_FD_DEFAULT = 3, WELCOME_TIMEOUT_MS = 10000, NAME_ROOM = 80 };

struct at_role {
    const struct at_role_spec *spec;
    struct at_loop *loop;
    struct at_io *io;     /* of the control socket; NULL once given away */
    struct at_io *end_io; /* of a copy of it: hears only its end, once it was given away */
    int end_fd;
    struct at_message *message;
    int control_fd;
    bool said_ready;
    bool stopping;
    uint64_t generation;
    char ready_status[NAME_ROOM];
    char system[NAME_ROOM];
    char instance[NAME_ROOM];
    uint8_t *config;
    size_t config_len;
    int fds[AT_FDS_PER_MESSAGE]; /* of WELCOME */
    size_t fd_count;
};

/* ---- hello and welcome ---- */

static int find_control_fd(void)
{
    const char *text = getenv("ATOLL_CONTROL_FD");
    uint64_t fd = CONTROL_FD_DEFAULT;

    if (text != NULL && (!at_bytes_to_u64(at_bytes_of(text), &fd) || fd > 1 << 20)) {
        return -EINVAL;
    }
    if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0) {
        return -errno;
    }
    return (int)fd;
}

static int say_hello(struct at_role *role)
{
    struct at_service_hello hello = {
        .version_min = AT_CONTROL_VERSION_MIN,
        .version_max = AT_CONTROL_VERSION,
        .library = at_bytes_of(role->spec->name),
        .contracts = at_bytes_of(role->spec->contracts),
        .generation = role->generation,
        .layout_min = AT_LAYOUT_VERSION_MIN,
        .layout_max = AT_LAYOUT_VERSION,
    };

    return at_message_send(role->control_fd, &at_service_hello_kind, &hello, NULL, 0);
}

static void copy_name(char *out, struct at_bytes b)
{
    (void)snprintf(out, NAME_ROOM, "%.*s", (int)b.len, b.at == NULL ? "" : (const char *)b.at);
}

/* What WELCOME says is kept once: after RESUME only generation may be new. */
static int take_welcome(struct at_role *role, struct at_message *m)
{
    struct at_service_welcome w;

    if (at_message_read(&at_service_welcome_kind, m, &w) != 0) {
        return -EPROTO;
    }
    if (role->generation != 0) {
        role->generation = w.generation;
        return 0;
    }
    role->config = malloc(w.config.len + 1);
    if (role->config == NULL) {
        return -ENOMEM;
    }
    if (w.config.len > 0) {
        memcpy(role->config, w.config.at, w.config.len);
    }
    role->config_len = w.config.len;
    role->generation = w.generation;
    copy_name(role->system, w.system);
    copy_name(role->instance, w.instance);
    role->fd_count = m->fd_count;
    for (size_t i = 0; i < role->fd_count; i++) {
        role->fds[i] = at_message_take_fd(m, i);
    }
    return 0;
}

/* One message before WELCOME: 0 welcomed, -EAGAIN go on waiting, another error ends the role. */
static int take_first(struct at_role *role)
{
    struct at_message *m = role->message;
    struct at_service_refused refused;
    int r;

    if (m->type == AT_SERVICE_WELCOME) {
        return take_welcome(role, m);
    }
    if (m->type == AT_SERVICE_RESUME) {
        r = say_hello(role);
        return r < 0 ? r : -EAGAIN;
    }
    if (m->type == AT_SERVICE_REFUSED &&
        at_message_read(&at_service_refused_kind, m, &refused) == 0) {
        at_log(AT_LOG_ERROR, "reason=\"%.*s\" | the supervisor refused us; ending",
               (int)refused.reason.len,
               refused.reason.len == 0 ? "" : (const char *)refused.reason.at);
        return -EPERM;
    }
    return -EAGAIN;
}

static int wait_for_welcome(struct at_role *role)
{
    uint64_t deadline = at_now_ns() + WELCOME_TIMEOUT_MS * AT_MILLISECOND_NS;

    for (;;) {
        struct pollfd p = {.fd = role->control_fd, .events = POLLIN};
        int n = poll(&p, 1, at_until_ms(deadline, at_now_ns()));
        int r;

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0 ? -ETIMEDOUT : -errno;
        }
        r = at_message_receive(role->control_fd, role->message);
        if (r == -EAGAIN) {
            continue;
        }
        if (r != 0) {
            return r < 0 ? r : -EPIPE;
        }
        r = take_first(role);
        at_message_clear(role->message);
        if (r != -EAGAIN) {
            return r;
        }
    }
}

/* ---- while it runs ---- */

static void stop_now(struct at_role *role, uint64_t grace_ns)
{
    if (role->stopping) {
        return;
    }
    role->stopping = true;
    if (role->spec->on_stop == NULL) {
        at_role_stopped(role, 0);
    } else {
        role->spec->on_stop(role->spec->user, grace_ns);
    }
}

static void resume(struct at_role *role)
{
    struct at_service_ready ready = {.status = at_bytes_of(role->ready_status)};
    int r = say_hello(role);

    if (r == 0 && role->said_ready) {
        r = at_message_send(role->control_fd, &at_service_ready_kind, &ready, NULL, 0);
    }
    if (r < 0) {
        at_log(AT_LOG_WARN, "error=%s | could not greet the new supervisor", strerrordesc_np(-r));
        return;
    }
    if (role->spec->on_resume != NULL) {
        role->spec->on_resume(role->spec->user);
    }
}

void at_role_message(void *user, struct at_message *message)
{
    struct at_role *role = user;
    struct at_service_stop stop;

    switch (message->type) {
    case AT_SERVICE_STOP:
        if (at_message_read(&at_service_stop_kind, message, &stop) == 0) {
            stop_now(role, stop.grace_ns);
        }
        break;
    case AT_SERVICE_RESUME: resume(role); break;
    case AT_SERVICE_WELCOME: (void)take_welcome(role, message); break;
    default:
        if (role->spec->on_message != NULL) {
            role->spec->on_message(role->spec->user, message);
        }
        break;
    }
    at_message_clear(message);
}

static void on_control(void *user, int fd, uint32_t events)
{
    struct at_role *role = user;

    for (;;) {
        int r = at_message_receive(fd, role->message);

        if (r == -EAGAIN) {
            return;
        }
        if (r != 0) {
            at_log(AT_LOG_WARN, "error=%s | nobody supervises us any more; ending",
                   r < 0 ? strerrordesc_np(-r) : "closed");
            role->io = at_io_remove(role->io);
            stop_now(role, 0);
            return;
        }
        at_role_message(role, role->message);
        if (role->io == NULL) {
            return;
        }
    }
}

static void on_signal(void *user, int signal)
{
    stop_now(user, 0);
}

static int set_up(struct at_role *role)
{
    int r = at_loop_new(at_env_real(), &role->loop);

    if (r < 0) {
        return at_up(r);
    }
    r = at_loop_add_signal(role->loop, SIGTERM, on_signal, role);
    if (r == 0) {
        r = at_loop_add_signal(role->loop, SIGINT, on_signal, role);
    }
    if (r == 0) {
        r = at_fd_set_nonblocking(role->control_fd, 1);
    }
    if (r == 0) {
        r = at_loop_add_io(role->loop, role->control_fd, EPOLLIN, on_control, role, &role->io);
    }
    return r < 0 ? at_up(r) : 0;
}

static int begin(struct at_role *role)
{
    int r;

    role->control_fd = find_control_fd();
    if (role->control_fd < 0) {
        at_log(AT_LOG_ERROR, "program=%s | not started by atoll: no control socket",
               role->spec->name);
        return role->control_fd;
    }
    r = say_hello(role);
    if (r == 0) {
        r = wait_for_welcome(role);
    }
    if (r == 0) {
        r = set_up(role);
    }
    if (r == 0) {
        r = role->spec->on_start(role->spec->user, role);
    }
    if (r < 0) {
        at_log(AT_LOG_ERROR, "error=%s | could not start", strerrordesc_np(-r));
    }
    return r;
}

static void end(struct at_role *role)
{
    if (role->loop != NULL && role->spec->on_end != NULL) {
        role->spec->on_end(role->spec->user);
    }
    role->io = at_io_remove(role->io);
    role->end_io = at_io_remove(role->end_io);
    at_close(&role->end_fd);
    (void)at_loop_free(role->loop);
    at_fd_close_all(role->fds, role->fd_count);
    at_close(&role->control_fd);
    free(role->message);
    free(role->config);
    free(role);
}

int at_role_start(const struct at_role_spec *spec)
{
    struct at_role *role = calloc(1, sizeof(*role));
    int code = 1;

    at_log_init(spec->name, getenv("ATOLL_DEBUG") == NULL ? AT_LOG_INFO : AT_LOG_DEBUG);
    (void)signal(SIGPIPE, SIG_IGN);
    if (role == NULL) {
        return 1;
    }
    role->spec = spec;
    role->control_fd = -1;
    role->end_fd = -1;
    role->message = malloc(sizeof(*role->message));
    if (role->message != NULL && begin(role) == 0) {
        code = at_loop_run(role->loop);
    }
    end(role);
    return code < 0 ? 1 : code;
}

/* ---- what a role asks ---- */

struct at_loop *at_role_loop(struct at_role *role)
{
    return role->loop;
}

int at_role_control_fd(const struct at_role *role)
{
    return role->control_fd;
}

struct at_bytes at_role_config(const struct at_role *role)
{
    return at_bytes_over(role->config, role->config_len);
}

const char *at_role_system(const struct at_role *role)
{
    return role->system;
}

const char *at_role_instance(const struct at_role *role)
{
    return role->instance;
}

uint64_t at_role_generation(const struct at_role *role)
{
    return role->generation;
}

int at_role_take_fd(struct at_role *role, size_t i)
{
    return i < role->fd_count ? at_take_fd(&role->fds[i]) : -1;
}

int at_role_ready(struct at_role *role, const char *status)
{
    struct at_service_ready ready = {.status = at_bytes_of(role->ready_status)};

    role->said_ready = true;
    (void)snprintf(role->ready_status, sizeof(role->ready_status), "%s", status);
    ready.status = at_bytes_of(role->ready_status);
    return at_role_send(role, &at_service_ready_kind, &ready);
}

int at_role_send(struct at_role *role, const struct at_message_kind *kind, const void *message)
{
    return at_message_send(role->control_fd, kind, message, NULL, 0);
}

static void on_end_of_control(void *user, int fd, uint32_t events)
{
    struct at_role *role = user;

    at_log(AT_LOG_WARN, "nobody supervises us any more; ending");
    role->end_io = at_io_remove(role->end_io);
    stop_now(role, 0);
}

void at_role_gave_control(struct at_role *role)
{
    int r;

    role->io = at_io_remove(role->io);
    role->end_fd = fcntl(role->control_fd, F_DUPFD_CLOEXEC, 3);
    r = role->end_fd < 0 ? -errno
                         : at_loop_add_io(role->loop, role->end_fd, EPOLLRDHUP, on_end_of_control,
                                          role, &role->end_io);
    if (r < 0) {
        at_log(AT_LOG_WARN, "error=%s | shall not hear when nobody supervises us any more",
               strerrordesc_np(-r));
    }
}

void at_role_stopped(struct at_role *role, int code)
{
    at_loop_stop(role->loop, code);
}
