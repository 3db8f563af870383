#include "roles/supervisor/instance.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "control/message.h"
#include "control/operator.h"
#include "control/service.h"
#include "loop/loop.h"
#include "plan/plan.h"
#include "roles/supervisor/cage_spec.h"
#include "roles/supervisor/desk.h"
#include "roles/supervisor/edges.h"
#include "roles/supervisor/instance_inner.h"
#include "roles/supervisor/life.h"
#include "roles/supervisor/system.h"
#include "roles/supervisor/vault.h"
#include "sandbox/sandbox.h"
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
    i->start_fd = -1;
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

void at_pipes_close(struct at_pipes *p)
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
    at_instance_unwatch_start(i);
    i->timer = at_timer_remove(i->timer);
    if (i->cage.state != AT_CAGE_EMPTY) {
        at_cage_let_go(&i->cage);
    }
    at_pipes_close(&i->pipes);
    at_pipes_close(&i->old_pipes);
    free(i);
    return NULL;
}

const struct at_plan_service *at_instance_plan(const struct at_instance *i)
{
    return &i->system->plan.services[i->service];
}

uint64_t at_instance_now(const struct at_instance *i)
{
    return at_loop_now_ns(i->system->loop);
}

/* ---- what the life table asks for ---- */

static void announce(struct at_instance *i)
{
    i->was_ready = true;
    i->ready_ns = at_instance_now(i);
    at_timer_set(i->timer, 0);
    at_edges_set_failed(&i->system->edges, i->service, NULL);
    i->party.ready_ns = i->ready_ns;
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
        at_instance_kill(i);
    }
    if (!i->is_killed) {
        at_timer_set(i->timer, at_instance_now(i) + grace);
    }
}

static void rest(struct at_instance *i)
{
    at_timer_set(i->timer, i->next_start_ns);
}

static void settle(struct at_instance *i)
{
    struct at_system *s = i->system;

    at_timer_set(i->timer, 0);
    if (s->state != AT_LIFE_STOPPING) {
        at_system_judge_service(s, i->service);
    }
}

static void take_action(struct at_instance *i, enum at_life_action action)
{
    static void (*const actions[])(struct at_instance *) = {
        [AT_LIFE_DO_SPAWN] = at_instance_spawn,
        [AT_LIFE_DO_ANNOUNCE] = announce,
        [AT_LIFE_DO_TERM] = terminate,
        [AT_LIFE_DO_KILL] = at_instance_kill,
        [AT_LIFE_DO_REST] = rest,
        [AT_LIFE_DO_SETTLE] = settle,
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

static void on_start_timer(struct at_instance *i)
{
    char reason[128];

    if (i->has_started && at_instance_plan(i)->ready == AT_PLAN_READY_EXEC) {
        at_instance_event(i, AT_LIFE_SAID_READY, NULL); /* it has settled */
        return;
    }
    (void)snprintf(reason, sizeof(reason), "it was not ready within %.1f s of its start",
                   (double)at_instance_plan(i)->start_timeout_ns / 1e9);
    at_instance_note_fault(i, reason);
    at_instance_event(i, AT_LIFE_START_LATE, reason);
}

static void on_timer(void *user)
{
    struct at_instance *i = user;

    if (i->is_killed) {
        at_instance_take_for_dead(i);
        return;
    }
    switch (i->state) {
    case AT_LIFE_STARTING: on_start_timer(i); break;
    case AT_LIFE_BACKING_OFF: at_instance_event(i, AT_LIFE_REST_OVER, NULL); break;
    case AT_LIFE_STOPPING:
        at_instance_note_fault(i, "it did not stop within its grace period");
        at_log(AT_LOG_WARN, "instance=%s | did not stop within its grace period; killing it",
               i->name);
        at_instance_event(i, AT_LIFE_GRACE_OVER, NULL);
        break;
    case AT_LIFE_READY: at_instance_drop(i, "it closed its control socket and lives on"); break;
    case AT_LIFE_DOWN:
    case AT_LIFE_WAITING:
    case AT_LIFE_FAILED:
    case AT_LIFE_STATES: break;
    }
}

void at_instance_hurry(struct at_instance *i)
{
    uint64_t grace = i->system->grace_ns;

    if (i->state == AT_LIFE_STOPPING && grace != 0 && !i->is_killed) {
        at_timer_set(i->timer, at_instance_now(i) + grace);
    }
}
