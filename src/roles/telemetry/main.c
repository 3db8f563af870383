/* atoll-telemetry: drains what the services write into files. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/poll.h>

#include "base/env.h"
#include "base/fd.h"
#include "base/log.h"
#include "control/message.h"
#include "control/service.h"
#include "role/role.h"
#include "roles/telemetry/drain.h"
#include "roles/telemetry/limits.h"
#include "roles/telemetry/logfile.h"

struct telemetry {
    struct at_role *role;
    struct at_drain *drain;
    int dir; /* of the logs */
    struct at_message waiting;
};

static int start(void *user, struct at_role *role)
{
    struct telemetry *t = user;
    const char *path = getenv("STATE_DIRECTORY");

    t->role = role;
    t->dir = open(path == NULL ? "/state" : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (t->dir < 0) {
        at_log(AT_LOG_ERROR, "error=%d | the directory of the logs cannot be opened: %s", errno,
               strerror(errno));
        return -errno;
    }
    struct at_logfile_conf conf = {.env = at_env_real(),
                                   .dir = t->dir,
                                   .file_bytes = AT_LOG_FILE_BYTES,
                                   .files = AT_LOG_FILES};
    int r = at_drain_new(at_role_loop(role), &conf, &t->drain);

    return r < 0 ? r : at_role_ready(role, "draining");
}

static void take_pipes(struct telemetry *t, struct at_message *m)
{
    struct at_service_pipes pipes;

    if (at_message_unpack(&at_service_pipes_kind, m->body, &pipes) != 0) {
        at_log(AT_LOG_WARN, "| the supervisor's PIPES is malformed; it is ignored");
        return;
    }
    int out_fd = at_message_take_fd(m, 0);
    int r =
        at_drain_add(t->drain, pipes.instance, pipes.generation, out_fd, at_message_take_fd(m, 1));

    if (r < 0) {
        at_log(AT_LOG_ERROR, "instance=%.*s error=%d | what it writes cannot be kept: %s",
               (int)pipes.instance.len, (const char *)pipes.instance.at, -r, strerror(-r));
    }
}

static void message(void *user, struct at_message *m)
{
    if (m->type == AT_SERVICE_PIPES) {
        take_pipes(user, m);
    }
}

/*
 * The signal to stop may overtake PIPES that were sent before it, and those are the last words of a
 * service that never became ready.
 */
static void take_waiting_pipes(struct telemetry *t)
{
    struct pollfd p = {.fd = at_role_control_fd(t->role), .events = POLLIN};

    while (poll(&p, 1, 0) > 0 && at_message_receive(p.fd, &t->waiting) == 0) {
        message(t, &t->waiting);
        at_message_clear(&t->waiting);
    }
}

static void stop(void *user, uint64_t grace_ns)
{
    struct telemetry *t = user;

    take_waiting_pipes(t);
    at_drain_sweep(t->drain);
    at_role_stopped(t->role, 0);
}

static void end(void *user)
{
    struct telemetry *t = user;

    t->drain = at_drain_free(t->drain);
    at_close(&t->dir);
}

int main(void)
{
    static struct telemetry telemetry = {.dir = -1};

    return at_role_start(&(struct at_role_spec){.name = "telemetry",
                                                .user = &telemetry,
                                                .on_start = start,
                                                .on_stop = stop,
                                                .on_message = message,
                                                .on_end = end});
}
