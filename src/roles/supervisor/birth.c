/* The birth of an instance: pipes, control socket, cage. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/socket.h"
#include "control/operator.h"
#include "loop/loop.h"
#include "plan/plan.h"
#include "roles/supervisor/cage_spec.h"
#include "roles/supervisor/desk.h"
#include "roles/supervisor/edges.h"
#include "roles/supervisor/instance.h"
#include "roles/supervisor/instance_inner.h"
#include "roles/supervisor/life.h"
#include "roles/supervisor/limits.h"
#include "roles/supervisor/system.h"
#include "roles/supervisor/vault.h"
#include "sandbox/sandbox.h"

enum { SPEC_ARENA_FIRST = 4096, SPEC_ARENA_MAX = 8 << 20 };

static int make_pipe(const struct at_instance *i, int *ret_read, int *ret_write)
{
    int fds[2];
    uid_t uid = i->system->uids[i->service];

    if (pipe2(fds, O_CLOEXEC) < 0) {
        return -errno;
    }
    /* The service may open /dev/stdout anew: the pipe belongs to it. */
    if (geteuid() == 0 && fchown(fds[1], uid, (gid_t)uid) < 0) {
        int r = -errno;

        at_fd_close_all(fds, 2);
        return r;
    }
    (void)at_fd_set_nonblocking(fds[0], 1);
    *ret_read = fds[0];
    *ret_write = fds[1];
    return 0;
}

struct birth {
    int control; /* the instance's ends */
    int out;
    int err;
};

static void close_birth(struct birth *b)
{
    at_close(&b->control);
    at_close(&b->out);
    at_close(&b->err);
}

/* Telemetry writes its own log where ours goes: nobody else could read it when it fails. */
static int make_ends(struct at_instance *i, struct birth *b)
{
    bool is_telemetry = at_instance_plan(i)->kind == AT_PLAN_TELEMETRY;
    bool has_reader = at_plan_role(&i->system->plan, AT_PLAN_TELEMETRY) >= 0;
    int pair[2];
    int r = at_socket_pair(pair);

    *b = (struct birth){.control = -1, .out = -1, .err = -1};
    if (r < 0) {
        return at_up(r);
    }
    i->control = pair[0];
    b->control = pair[1];
    at_fd_refuse_rights(i->control); /* instances never send any */
    r = at_fd_set_nonblocking(i->control, 1);
    if (r < 0) {
        return at_up(r);
    }
    if (is_telemetry || !has_reader) {
        b->out = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        b->err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        return b->out < 0 || b->err < 0 ? -errno : 0;
    }
    r = make_pipe(i, &i->pipes.out, &b->out);
    if (r == 0) {
        r = make_pipe(i, &i->pipes.err, &b->err);
    }
    i->pipes.generation = i->generation;
    return r;
}

static int begin_cage(struct at_instance *i, struct birth *b, struct at_diag *diag)
{
    struct at_arena arena;
    struct at_cage_spec spec;
    int r;

    at_arena_init(&arena, SPEC_ARENA_FIRST, SPEC_ARENA_MAX);
    r = at_cage_spec_make(i, b->control, b->out, b->err, &arena, &spec);
    if (r == 0) {
        r = at_cage_begin(i->system->sandbox, &spec, &i->cage, diag);
    }
    at_arena_deinit(&arena);
    return r;
}

static void on_started(struct at_instance *i)
{
    i->has_started = true;
    at_vault_store_instance(i);
    at_desk_event(i->system, i, AT_EVENT_STATE, NULL);
    at_instance_settle(i, at_instance_now(i));
    at_system_touch(i->system);
}

void at_instance_settle(struct at_instance *i, uint64_t exec_ns)
{
    if (at_instance_plan(i)->ready == AT_PLAN_READY_EXEC && !i->is_killed) {
        at_timer_set(i->timer, exec_ns + AT_SUPER_SETTLE_MS * AT_MILLISECOND_NS);
    }
}

void at_instance_on_start(void *user, int fd, uint32_t events)
{
    struct at_instance *i = user;
    struct at_diag diag = {0};
    int r = at_cage_finish(&i->cage, &diag);

    if (r == AT_CAGE_NOT_YET) {
        return;
    }
    at_instance_unwatch_start(i);
    if (r == 0) {
        on_started(i);
        return;
    }
    at_instance_note_fault(i, diag.what[0] != '\0' ? diag.what : strerrordesc_np(-r));
}

void at_instance_unwatch_start(struct at_instance *i)
{
    i->start_io = at_io_remove(i->start_io);
    at_close(&i->start_fd);
}

int at_instance_watch(struct at_instance *i)
{
    struct at_loop *loop = i->system->loop;
    int r = at_loop_add_io(loop, i->cage.pidfd, EPOLLIN, at_instance_on_end, i, &i->end_io);

    if (r == 0 && i->cage.start_fd >= 0) {
        i->start_fd = fcntl(i->cage.start_fd, F_DUPFD_CLOEXEC, 3);
        r = i->start_fd < 0
                ? -errno
                : at_loop_add_io(loop, i->start_fd, EPOLLIN, at_instance_on_start, i, &i->start_io);
    }
    if (r == 0 && i->control >= 0) {
        r = at_loop_add_io(loop, i->control, EPOLLIN, at_instance_on_control, i, &i->control_io);
    }
    return r;
}

void at_instance_join(struct at_instance *i)
{
    i->party = (struct at_party){.name = i->name,
                                 .service = i->service,
                                 .generation = i->generation,
                                 .ready_ns = i->ready_ns,
                                 .sock = i->control};
    at_edges_join(&i->system->edges, &i->party);
}

static void pass_pipes_to_telemetry(struct at_instance *i)
{
    struct at_instance *telemetry = at_system_role(i->system, AT_PLAN_TELEMETRY);

    if (telemetry != NULL && telemetry->state == AT_LIFE_READY) {
        at_instance_tell_pipes(i, telemetry);
    }
}

/* There is no process: the first time it will not work again either; later the rule decides. */
static void spawn_failed(struct at_instance *i, int error, const struct at_diag *diag)
{
    bool first = i->history.exit_count == 0;

    (void)snprintf(i->last_exit, sizeof(i->last_exit), "%s could not be started: %.400s", i->name,
                   diag->what[0] != '\0' ? diag->what : strerrordesc_np(-error));
    at_log(AT_LOG_ERROR, "instance=%s | %s", i->name, i->last_exit);
    at_instance_remember_loss(i);
    at_instance_clear(i);
    if (first) {
        at_instance_event(i, AT_LIFE_SPAWN_FAILED, i->last_exit);
    } else {
        at_instance_judge(i, false);
    }
}

void at_instance_spawn(struct at_instance *i)
{
    struct birth b;
    struct at_diag diag = {0};
    int r;

    i->generation = i->system->next_generation++;
    i->started_ns = at_instance_now(i);
    i->ready_ns = 0;
    i->has_started = false;
    i->was_ready = false;
    i->fault[0] = '\0';
    r = make_ends(i, &b);
    if (r == 0) {
        r = begin_cage(i, &b, &diag);
    }
    close_birth(&b);
    if (r == 0) {
        at_instance_join(i);
        r = at_instance_watch(i);
        if (r < 0) {
            at_instance_drop(i, strerrordesc_np(-r));
        }
        if (!i->is_killed) {
            at_timer_set(i->timer, i->started_ns + at_instance_plan(i)->start_timeout_ns);
        }
        at_vault_store_instance(i);
        pass_pipes_to_telemetry(i);
        return;
    }
    spawn_failed(i, r, &diag);
}
