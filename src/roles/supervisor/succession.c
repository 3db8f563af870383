/* From one supervisor to the next, and from instances to telemetry: what is handed over. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/log.h"
#include "control/anchor.h"
#include "control/operator.h"
#include "control/service.h"
#include "loop/loop.h"
#include "plan/plan.h"
#include "roles/supervisor/cage_spec.h"
#include "roles/supervisor/desk.h"
#include "roles/supervisor/edges.h"
#include "roles/supervisor/instance.h"
#include "roles/supervisor/instance_inner.h"
#include "roles/supervisor/life.h"
#include "roles/supervisor/outbox.h"
#include "roles/supervisor/system.h"
#include "roles/supervisor/vault.h"
#include "sandbox/sandbox.h"

/* ---- pipes ---- */

static void send_pipes(const struct at_instance *i, const struct at_pipes *p,
                       struct at_instance *telemetry)
{
    struct at_service_pipes message = {.service = at_bytes_of(at_instance_plan(i)->name),
                                       .instance = at_bytes_of(i->name),
                                       .generation = p->generation};
    int fds[] = {p->out, p->err};

    at_edges_say(
        &i->system->edges, &telemetry->party,
        &(struct at_letter){
            .kind = &at_service_pipes_kind, .message = &message, .fds = fds, .fd_count = 2});
}

void at_instance_tell_pipes(struct at_instance *i, struct at_instance *telemetry)
{
    if (i->old_pipes.out >= 0) {
        send_pipes(i, &i->old_pipes, telemetry);
        at_pipes_close(&i->old_pipes);
    }
    if (i->pipes.out >= 0) {
        send_pipes(i, &i->pipes, telemetry);
        i->pipes_told = true;
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
    i->awaits_hello = true;
    at_instance_join(i);
    r = at_instance_watch(i);
    if (r < 0) {
        at_instance_drop(i, strerrordesc_np(-r));
    } else if (!i->has_started) {
        at_instance_drop(i, "its start was cut short by the death of the supervisor");
    } else if (i->state == AT_LIFE_READY && i->said_hello) {
        i->party.is_ready = true;
    } else if (i->state == AT_LIFE_STARTING) {
        at_timer_set(i->timer, at_instance_now(i) + at_instance_plan(i)->start_timeout_ns);
        at_instance_settle(i, at_instance_now(i));
    } else if (i->state == AT_LIFE_STOPPING) {
        at_timer_set(i->timer, at_instance_now(i) + at_instance_plan(i)->stop_grace_ns);
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
    i->has_started = i->was_ready;
    i->next_start_ns = record->next_start_ns;
    i->history.restarts = record->restarts;
    i->history.bad_exits = record->early_exits;
    at_life_unpack_exits(&i->history, record->exits);
    copy_text(i->last_exit, sizeof(i->last_exit), record->last_exit);
    copy_text(i->failed_why, sizeof(i->failed_why), record->last_exit);
    if (pidfd >= 0) {
        go_on(i, pidfd, record_fd, record);
    } else if (i->state == AT_LIFE_BACKING_OFF) {
        at_timer_set(i->timer, i->next_start_ns);
    } else if (i->state == AT_LIFE_STARTING || i->state == AT_LIFE_READY) {
        i->state = AT_LIFE_WAITING; /* it died with the supervisor: its next life begins */
    } else if (i->state == AT_LIFE_STOPPING) {
        i->state = AT_LIFE_DOWN;
    }
}

void at_instance_resume(struct at_instance *i)
{
    struct at_service_resume resume = {.supervisor = i->system->supervisors};

    /* A program that only calls speaks, too; one that knows nothing of atoll does not mind. */
    if (i->control >= 0 && i->cage.state != AT_CAGE_EMPTY) {
        at_edges_say(&i->system->edges, &i->party,
                     &(struct at_letter){.kind = &at_service_resume_kind, .message = &resume});
    }
}

void at_instance_reaped(struct at_instance *i, uint32_t pid, int status)
{
    if (i->cage.state != AT_CAGE_EMPTY && (uint32_t)i->cage.reaper_pid == pid) {
        i->wait_status = status;
    }
}
