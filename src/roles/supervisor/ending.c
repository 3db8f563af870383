/* The end of an instance's life: why, how, what is kept of it, and what comes next. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/log.h"
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

void at_instance_note_fault(struct at_instance *i, const char *reason)
{
    if (i->fault[0] == '\0') {
        (void)snprintf(i->fault, sizeof(i->fault), "%.500s", reason);
    }
}

void at_instance_kill(struct at_instance *i)
{
    if (i->cage.state != AT_CAGE_EMPTY) {
        int r = at_cage_kill(&i->cage);

        i->is_killed = true;
        at_timer_set(i->timer, at_instance_now(i) + AT_SUPER_KILL_GRACE_MS * AT_MILLISECOND_NS);
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
    at_instance_note_fault(i, reason);
    at_instance_end_control(i);
    at_instance_kill(i);
}

void at_instance_remember_loss(struct at_instance *i)
{
    struct at_loss *loss = &i->losses[i->loss_count++ % AT_SUPER_LOSSES_KEPT];

    loss->wall_ns = at_env_wall_ns(at_env_real());
    loss->lived_ns = at_instance_now(i) - i->started_ns;
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

void at_instance_clear(struct at_instance *i)
{
    i->end_io = at_io_remove(i->end_io);
    at_instance_unwatch_start(i);
    at_edges_leave(&i->system->edges, &i->party, i->last_exit);
    at_instance_end_control(i);
    if (i->cage.state != AT_CAGE_EMPTY && at_cage_destroy(&i->cage) != 0) {
        at_cage_let_go(&i->cage); /* the groups are taken over by the next life, or swept */
    }
    i->cage = (struct at_cage){0};
    if (i->pipes_told) {
        at_pipes_close(&i->pipes);
    } else if (i->pipes.out >= 0) {
        at_pipes_close(&i->old_pipes);
        i->old_pipes = i->pipes;
        i->pipes = (struct at_pipes){.out = -1, .err = -1};
    }
    i->pipes_told = false;
    i->said_hello = false;
    i->awaits_hello = false;
    i->is_killed = false;
    i->wait_status = -1;
    at_timer_set(i->timer, 0);
}

void at_instance_judge(struct at_instance *i, bool clean)
{
    struct at_life_exit end = {
        .now_ns = at_instance_now(i), .clean = clean, .was_ready = i->was_ready};
    struct at_life_verdict v;
    char why[sizeof(i->failed_why)];

    if (i->state == AT_LIFE_STOPPING) {
        at_instance_event(i, AT_LIFE_EXITED_DONE, i->last_exit);
        return;
    }
    at_life_judge(at_instance_plan(i), &i->history, &end, &v);
    i->next_start_ns = at_instance_now(i) + v.wait_ns;
    if (v.event == AT_LIFE_EXITED_DONE && i->has_started &&
        at_instance_plan(i)->ready == AT_PLAN_READY_EXEC) {
        i->was_ready = true; /* a short job: what waits for it may go on */
    }
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

void at_instance_take_for_dead(struct at_instance *i)
{
    (void)snprintf(i->last_exit, sizeof(i->last_exit),
                   "%s was killed and did not end within %d s, which only the kernel can hold up; "
                   "it is taken for ended",
                   i->name, AT_SUPER_KILL_GRACE_MS / 1000);
    at_log(AT_LOG_ERROR, "instance=%s pid=%d | %s", i->name, (int)i->cage.reaper_pid, i->last_exit);
    i->fault[0] = '\0';
    at_instance_remember_loss(i);
    at_instance_clear(i);
    at_instance_judge(i, false);
}

void at_instance_on_end(void *user, int fd, uint32_t events)
{
    struct at_instance *i = user;
    struct at_cage_end end;
    bool was_stopping = i->state == AT_LIFE_STOPPING;

    if (i->start_io != NULL) {
        /* Both came in one turn: first why it did not start. */
        at_instance_on_start(i, i->start_fd, 0);
    }
    at_cage_ended(&i->cage, reap(i), &end);
    describe_end(i, &end);
    if (!was_stopping) {
        at_log(AT_LOG_WARN, "instance=%s | %s", i->name, i->last_exit);
    }
    at_instance_remember_loss(i);
    at_instance_clear(i);
    at_instance_judge(i, end.known && end.signal == 0 && end.exit_code == 0 && !end.cage_killed);
}
