#include "roles/supervisor/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/socket.h"
#include "control/anchor.h"
#include "control/limits.h"
#include "control/message.h"
#include "control/operator.h"
#include "control/service.h"
#include "loop/loop.h"
#include "plan/plan.h"
#include "roles/supervisor/cage_spec.h"
#include "roles/supervisor/desk.h"
#include "roles/supervisor/edges.h"
#include "roles/supervisor/life.h"
#include "roles/supervisor/limits.h"
#include "roles/supervisor/system.h"
#include "roles/supervisor/vault.h"
#include "sandbox/sandbox.h"

enum { SPEC_ARENA_FIRST = 4096, SPEC_ARENA_MAX = 8 << 20 };

static void on_timer(void *user);

struct at_instance *at_instance_new(struct at_system *s, uint32_t service, uint32_t number)
{
    struct at_instance *i = calloc(1, sizeof(*i));

    if (i == NULL) {
        return NULL;
    }
    i->system = s;
    i->service = service;
    i->state = AT_LIFE_DOWN;
    i->control = -1;
    i->wait_status = -1;
    i->pipes = (struct at_pipes){.out = -1, .err = -1};
    i->old_pipes = i->pipes;
    (void)snprintf(i->name, sizeof(i->name), "%s.%u", s->plan.services[service].name, number);
    if (at_loop_add_timer(s->loop, on_timer, i, &i->timer) < 0) {
        free(i);
        return NULL;
    }
    return i;
}

static void close_pipes(struct at_pipes *p)
{
    at_close(&p->out);
    at_close(&p->err);
}

struct at_instance *at_instance_free(struct at_instance *i)
{
    if (i == NULL) {
        return NULL;
    }
    at_edges_leave(&i->system->edges, &i->party, "the supervisor leaves");
    at_instance_close_control(i);
    i->end_io = at_io_remove(i->end_io);
    i->start_io = at_io_remove(i->start_io);
    i->timer = at_timer_remove(i->timer);
    if (i->cage.state != AT_CAGE_EMPTY) {
        at_cage_let_go(&i->cage);
    }
    close_pipes(&i->pipes);
    close_pipes(&i->old_pipes);
    free(i);
    return NULL;
}

const struct at_plan_service *at_instance_plan(const struct at_instance *i)
{
    return &i->system->plan.services[i->service];
}

static uint64_t now_of(const struct at_instance *i)
{
    return at_loop_now_ns(i->system->loop);
}

/* ---- the end of a life ---- */

static void note_fault(struct at_instance *i, const char *reason)
{
    if (i->fault[0] == '\0') {
        (void)snprintf(i->fault, sizeof(i->fault), "%.500s", reason);
    }
}

static void kill_now(struct at_instance *i)
{
    if (i->cage.state != AT_CAGE_EMPTY) {
        int r = at_cage_kill(&i->cage);

        i->is_killed = true;
        if (r < 0 && r != -ESRCH) {
            at_log(AT_LOG_ERROR, "instance=%s error=%s | could not be killed", i->name,
                   strerrordesc_np(-r));
        }
    }
}

void at_instance_drop(struct at_instance *i, const char *reason)
{
    if (i->cage.state == AT_CAGE_EMPTY || i->is_killed) {
        return;
    }
    at_log(AT_LOG_WARN, "instance=%s | ending it: %s", i->name, reason);
    note_fault(i, reason);
    at_instance_close_control(i);
    kill_now(i);
}

static void remember_loss(struct at_instance *i)
{
    struct at_loss *loss = &i->losses[i->loss_count++ % AT_SUPER_LOSSES_KEPT];

    loss->wall_ns = at_env_wall_ns(at_env_real());
    loss->lived_ns = now_of(i) - i->started_ns;
    (void)snprintf(loss->reason, sizeof(loss->reason), "%.*s", (int)sizeof(loss->reason) - 1,
                   i->last_exit);
}

/* The wait status of the cage's pid 1, or -1 when another process is its parent. */
static int reap(struct at_instance *i)
{
    siginfo_t info = {0};

    if (waitid(P_PIDFD, (id_t)i->cage.pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0) {
        return i->wait_status;
    }
    return info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8 : info.si_status & 0x7f;
}

/* Everything of the old life goes; pipes that telemetry has not got are kept for it. */
static void clear_life(struct at_instance *i)
{
    i->end_io = at_io_remove(i->end_io);
    i->start_io = at_io_remove(i->start_io);
    at_edges_leave(&i->system->edges, &i->party, i->last_exit);
    at_instance_close_control(i);
    if (i->cage.state != AT_CAGE_EMPTY && at_cage_destroy(&i->cage) != 0) {
        at_cage_let_go(&i->cage); /* the groups are taken over by the next life, or swept */
    }
    i->cage = (struct at_cage){0};
    if (i->pipes_told) {
        close_pipes(&i->pipes);
    } else if (i->pipes.out >= 0) {
        close_pipes(&i->old_pipes);
        i->old_pipes = i->pipes;
        i->pipes = (struct at_pipes){.out = -1, .err = -1};
    }
    i->pipes_told = false;
    i->said_hello = false;
    i->is_killed = false;
    i->wait_status = -1;
    at_timer_set(i->timer, 0);
}

static void judge_end(struct at_instance *i, bool clean)
{
    struct at_life_exit end = {.now_ns = now_of(i), .clean = clean, .was_ready = i->was_ready};
    struct at_life_verdict v;
    char why[sizeof(i->failed_why)];

    if (i->state == AT_LIFE_STOPPING) {
        at_instance_event(i, AT_LIFE_EXITED_DONE, i->last_exit);
        return;
    }
    at_life_judge(at_instance_plan(i), &i->history, &end, &v);
    i->next_start_ns = now_of(i) + v.wait_ns;
    if (v.why[0] == '\0') {
        at_instance_event(i, v.event, i->last_exit);
        return;
    }
    (void)snprintf(why, sizeof(why), "%.300s; not started again: %s", i->last_exit, v.why);
    at_instance_event(i, v.event, why);
}

static void describe_end(struct at_instance *i, const struct at_cage_end *end)
{
    char text[256];

    at_cage_end_text(end, text, sizeof(text));
    if (i->fault[0] == '\0') {
        (void)snprintf(i->last_exit, sizeof(i->last_exit), "%s %s", i->name, text);
    } else if (i->is_killed) {
        (void)snprintf(i->last_exit, sizeof(i->last_exit), "%s was ended by the supervisor: %.400s",
                       i->name, i->fault);
    } else {
        (void)snprintf(i->last_exit, sizeof(i->last_exit), "%s: %.400s", i->name, i->fault);
    }
    i->fault[0] = '\0';
}

static void on_start(void *user, int fd, uint32_t events);

static void on_end(void *user, int fd, uint32_t events)
{
    struct at_instance *i = user;
    struct at_cage_end end;
    bool was_stopping = i->state == AT_LIFE_STOPPING;

    if (i->start_io != NULL) {
        on_start(i, i->cage.start_fd, 0); /* both came in one turn: first why it did not start */
    }
    at_cage_ended(&i->cage, reap(i), &end);
    describe_end(i, &end);
    if (!was_stopping) {
        at_log(AT_LOG_WARN, "instance=%s | %s", i->name, i->last_exit);
    }
    remember_loss(i);
    clear_life(i);
    judge_end(i, end.known && end.signal == 0 && end.exit_code == 0 && !end.cage_killed);
}

/* ---- the beginning of a life ---- */

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
    if (at_instance_plan(i)->ready == AT_PLAN_READY_EXEC) {
        at_instance_event(i, AT_LIFE_SAID_READY, NULL);
    }
    at_system_touch(i->system);
}

static void on_start(void *user, int fd, uint32_t events)
{
    struct at_instance *i = user;
    struct at_diag diag = {0};
    int r = at_cage_finish(&i->cage, &diag);

    if (r == AT_CAGE_NOT_YET) {
        return;
    }
    i->start_io = at_io_remove(i->start_io);
    if (r == 0) {
        on_started(i);
        return;
    }
    note_fault(i, diag.what[0] != '\0' ? diag.what : strerrordesc_np(-r));
}

static int watch(struct at_instance *i)
{
    struct at_loop *loop = i->system->loop;
    int r = at_loop_add_io(loop, i->cage.pidfd, EPOLLIN, on_end, i, &i->end_io);

    if (r == 0 && i->cage.start_fd >= 0) {
        r = at_loop_add_io(loop, i->cage.start_fd, EPOLLIN, on_start, i, &i->start_io);
    }
    if (r == 0 && i->control >= 0) {
        r = at_loop_add_io(loop, i->control, EPOLLIN, at_instance_on_control, i, &i->control_io);
    }
    return r;
}

static void join_edges(struct at_instance *i)
{
    i->party = (struct at_party){
        .name = i->name, .service = i->service, .generation = i->generation, .sock = i->control};
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
    remember_loss(i);
    clear_life(i);
    if (first) {
        at_instance_event(i, AT_LIFE_SPAWN_FAILED, i->last_exit);
    } else {
        judge_end(i, false);
    }
}

static void spawn(struct at_instance *i)
{
    struct birth b;
    struct at_diag diag = {0};
    int r;

    i->generation = i->system->next_generation++;
    i->started_ns = now_of(i);
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
        join_edges(i);
        r = watch(i);
        if (r < 0) {
            at_instance_drop(i, strerrordesc_np(-r));
        }
        at_timer_set(i->timer, i->started_ns + at_instance_plan(i)->start_timeout_ns);
        at_vault_store_instance(i);
        pass_pipes_to_telemetry(i);
        return;
    }
    spawn_failed(i, r, &diag);
}

/* ---- what the life table asks for ---- */

static void announce(struct at_instance *i)
{
    i->was_ready = true;
    i->ready_ns = now_of(i);
    at_timer_set(i->timer, 0);
    at_edges_set_failed(&i->system->edges, i->service, NULL);
    if (i->said_hello) {
        at_edges_ready(&i->system->edges, &i->party);
    }
    if (at_instance_plan(i)->kind == AT_PLAN_TELEMETRY) {
        for (size_t k = 0; k < i->system->instance_count; k++) {
            at_instance_tell_pipes(i->system->instances[k], i);
        }
    }
}

static void terminate(struct at_instance *i)
{
    const struct at_plan_service *p = at_instance_plan(i);
    uint64_t grace = i->system->grace_ns != 0 ? i->system->grace_ns : p->stop_grace_ns;
    struct at_service_stop stop = {.grace_ns = grace};

    i->party.is_ready = false;
    if (i->said_hello && i->control >= 0) {
        (void)at_message_send(i->control, &at_service_stop_kind, &stop, NULL, 0);
    }
    if (!i->has_started || at_cage_signal(&i->cage, (int)p->stop_signal) < 0) {
        kill_now(i);
    }
    at_timer_set(i->timer, now_of(i) + grace);
}

static void rest(struct at_instance *i)
{
    at_timer_set(i->timer, i->next_start_ns);
}

static void settle(struct at_instance *i)
{
    struct at_system *s = i->system;

    at_timer_set(i->timer, 0);
    if (i->state == AT_LIFE_FAILED && s->state != AT_LIFE_STOPPING) {
        at_edges_set_failed(&s->edges, i->service, i->failed_why);
    }
}

static void take_action(struct at_instance *i, enum at_life_action action)
{
    static void (*const actions[])(struct at_instance *) = {
        [AT_LIFE_DO_SPAWN] = spawn,    [AT_LIFE_DO_ANNOUNCE] = announce,
        [AT_LIFE_DO_TERM] = terminate, [AT_LIFE_DO_KILL] = kill_now,
        [AT_LIFE_DO_REST] = rest,      [AT_LIFE_DO_SETTLE] = settle,
        [AT_LIFE_CANNOT] = NULL,
    };

    if (actions[action] != NULL) {
        actions[action](i);
    }
}

void at_instance_event(struct at_instance *i, enum at_life_event event, const char *reason)
{
    struct at_life_step step = at_life_step(i->state, event);
    bool changes = (enum at_life_state)step.to != i->state || step.action == AT_LIFE_DO_SPAWN;

    if (step.action == AT_LIFE_CANNOT) {
        at_log(AT_LOG_ERROR, "instance=%s state=\"%s\" event=%s | cannot happen; ignored", i->name,
               at_life_state_name(i->state), at_life_event_name(event));
        return;
    }
    i->state = (enum at_life_state)step.to;
    if (i->state == AT_LIFE_FAILED && reason != NULL) {
        (void)snprintf(i->failed_why, sizeof(i->failed_why), "%.500s", reason);
    }
    if (changes) {
        at_desk_event(i->system, i, AT_EVENT_STATE, reason);
    }
    take_action(i, (enum at_life_action)step.action);
    if (changes) {
        at_vault_store_instance(i);
        at_system_touch(i->system);
    }
}

static void on_timer(void *user)
{
    struct at_instance *i = user;
    char reason[128];

    switch (i->state) {
    case AT_LIFE_STARTING:
        (void)snprintf(reason, sizeof(reason), "it was not ready within %.1f s of its start",
                       (double)at_instance_plan(i)->start_timeout_ns / 1e9);
        note_fault(i, reason);
        at_instance_event(i, AT_LIFE_START_LATE, reason);
        break;
    case AT_LIFE_BACKING_OFF: at_instance_event(i, AT_LIFE_REST_OVER, NULL); break;
    case AT_LIFE_STOPPING:
        note_fault(i, "it did not stop within its grace period");
        at_log(AT_LOG_WARN, "instance=%s | did not stop within its grace period; killing it",
               i->name);
        at_instance_event(i, AT_LIFE_GRACE_OVER, NULL);
        break;
    case AT_LIFE_DOWN:
    case AT_LIFE_WAITING:
    case AT_LIFE_READY:
    case AT_LIFE_FAILED:
    case AT_LIFE_STATES: break;
    }
}

/* ---- pipes ---- */

static bool send_pipes(const struct at_instance *i, const struct at_pipes *p,
                       struct at_instance *telemetry)
{
    struct at_service_pipes message = {.service = at_bytes_of(at_instance_plan(i)->name),
                                       .instance = at_bytes_of(i->name),
                                       .generation = p->generation};
    int fds[] = {p->out, p->err};

    return at_message_send(telemetry->control, &at_service_pipes_kind, &message, fds, 2) == 0;
}

void at_instance_tell_pipes(struct at_instance *i, struct at_instance *telemetry)
{
    if (i->old_pipes.out >= 0 && send_pipes(i, &i->old_pipes, telemetry)) {
        close_pipes(&i->old_pipes);
    }
    if (i->pipes.out >= 0) {
        i->pipes_told = send_pipes(i, &i->pipes, telemetry);
    }
}

/* ---- from one supervisor to the next ---- */

static void take_fds(struct at_instance *i, uint32_t mask, int *fds, size_t fd_count,
                     int *ret_pidfd, int *ret_record)
{
    int *const places[] = {
        [AT_ANCHOR_FD_PIDFD] = ret_pidfd,      [AT_ANCHOR_FD_CONTROL] = &i->control,
        [AT_ANCHOR_FD_STDOUT] = &i->pipes.out, [AT_ANCHOR_FD_STDERR] = &i->pipes.err,
        [AT_ANCHOR_FD_CAGE] = ret_record,
    };
    size_t next = 0;

    for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
        if ((mask & 1U << k) != 0 && next < fd_count) {
            *places[k] = at_take_fd(&fds[next++]);
        }
    }
}

static void copy_text(char *out, size_t cap, struct at_bytes b)
{
    (void)snprintf(out, cap, "%.*s", (int)b.len, b.len == 0 ? "" : (const char *)b.at);
}

static void go_on(struct at_instance *i, int pidfd, int record_fd,
                  const struct at_anchor_instance *record)
{
    int r = at_cage_adopt(i->system->sandbox, i->name, pidfd, record_fd, (pid_t)record->reaper_pid,
                          (pid_t)record->pid, &i->cage);

    if (r < 0) {
        at_log(AT_LOG_ERROR, "instance=%s error=%s | could not be taken over; starting it anew",
               i->name, strerrordesc_np(-r));
        i->state = AT_LIFE_WAITING;
        i->cage = (struct at_cage){0};
        return;
    }
    i->has_started = record->pid != 0;
    i->said_hello = i->was_ready && at_instance_plan(i)->ready == AT_PLAN_READY_HELLO;
    join_edges(i);
    r = watch(i);
    if (r < 0) {
        at_instance_drop(i, strerrordesc_np(-r));
    }
    if (!i->has_started) {
        at_instance_drop(i, "its start was cut short by the death of the supervisor");
    } else if (i->state == AT_LIFE_READY && i->said_hello) {
        i->party.is_ready = true;
    } else if (i->state == AT_LIFE_STARTING) {
        at_timer_set(i->timer, now_of(i) + at_instance_plan(i)->start_timeout_ns);
    } else if (i->state == AT_LIFE_STOPPING) {
        at_timer_set(i->timer, now_of(i) + at_instance_plan(i)->stop_grace_ns);
    }
}

void at_instance_adopt(struct at_instance *i, const struct at_anchor_instance *record, int *fds,
                       size_t fd_count)
{
    int pidfd = -1;
    int record_fd = -1;

    take_fds(i, record->fd_mask, fds, fd_count, &pidfd, &record_fd);
    i->state = record->state >= AT_LIFE_DOWN && record->state < AT_LIFE_STATES
                   ? (enum at_life_state)record->state
                   : AT_LIFE_WAITING;
    i->generation = record->generation;
    i->pipes.generation = record->generation;
    i->started_ns = record->started_ns;
    i->ready_ns = record->ready_ns;
    i->was_ready = record->ready_ns != 0;
    i->next_start_ns = record->next_start_ns;
    i->history.restarts = record->restarts;
    i->history.bad_exits = record->early_exits;
    at_life_unpack_exits(&i->history, record->exits);
    copy_text(i->last_exit, sizeof(i->last_exit), record->last_exit);
    copy_text(i->failed_why, sizeof(i->failed_why), record->last_exit);
    if (pidfd >= 0) {
        go_on(i, pidfd, record_fd, record);
    } else if (i->state == AT_LIFE_BACKING_OFF) {
        rest(i);
    } else if (i->state == AT_LIFE_STARTING || i->state == AT_LIFE_READY) {
        i->state = AT_LIFE_WAITING; /* it died with the supervisor: its next life begins */
    } else if (i->state == AT_LIFE_STOPPING) {
        i->state = AT_LIFE_DOWN;
    } else if (i->state == AT_LIFE_FAILED) {
        at_edges_set_failed(&i->system->edges, i->service, i->failed_why);
    }
}

void at_instance_resume(struct at_instance *i)
{
    struct at_service_resume resume = {.supervisor = i->system->supervisors};

    if (i->control >= 0 && i->cage.state != AT_CAGE_EMPTY &&
        at_instance_plan(i)->ready == AT_PLAN_READY_HELLO) {
        (void)at_message_send(i->control, &at_service_resume_kind, &resume, NULL, 0);
    }
}

void at_instance_reaped(struct at_instance *i, uint32_t pid, int status)
{
    if (i->cage.state != AT_CAGE_EMPTY && (uint32_t)i->cage.reaper_pid == pid) {
        i->wait_status = status;
    }
}
