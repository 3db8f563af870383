#include "roles/supervisor/system.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "control/operator.h"
#include "loop/loop.h"
#include "plan/limits.h"
#include "plan/plan.h"
#include "roles/supervisor/caller.h"
#include "roles/supervisor/desk.h"
#include "roles/supervisor/edges.h"
#include "roles/supervisor/instance.h"
#include "roles/supervisor/life.h"
#include "roles/supervisor/places.h"
#include "roles/supervisor/vault.h"
#include "sandbox/sandbox.h"

int at_system_make_instances(struct at_system *s)
{
    size_t count = 0;

    for (size_t i = 0; i < s->plan.service_count; i++) {
        count += s->plan.services[i].replicas;
    }
    s->instances = calloc(count + 1, sizeof(struct at_instance *));
    if (s->instances == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < s->plan.service_count; i++) {
        for (uint32_t n = 1; n <= s->plan.services[i].replicas; n++) {
            struct at_instance *instance = at_instance_new(s, i, n);

            if (instance == NULL) {
                return -ENOMEM;
            }
            s->instances[s->instance_count++] = instance;
        }
    }
    return 0;
}

struct at_instance *at_system_role(const struct at_system *s, enum at_plan_kind kind)
{
    for (size_t i = 0; i < s->instance_count; i++) {
        if (at_instance_plan(s->instances[i])->kind == (uint32_t)kind) {
            return s->instances[i];
        }
    }
    return NULL;
}

void at_system_touch(struct at_system *s)
{
    at_timer_set(s->advance_timer, at_loop_now_ns(s->loop));
}

static void on_trouble(void *user, struct at_party *party, const char *reason)
{
    if (party->service == AT_EDGES_OPERATOR) {
        at_caller_doom(party);
    } else {
        at_instance_drop(at_container_of(party, struct at_instance, party), reason);
    }
}

static void on_wait(void *user, struct at_party *party)
{
    if (party->service == AT_EDGES_OPERATOR) {
        at_caller_want_room(party);
    } else {
        at_instance_want_room(at_container_of(party, struct at_instance, party));
    }
}

static void on_later(void *user, uint64_t due_ns)
{
    struct at_system *s = user;

    if (s->edges_due_ns == 0 || due_ns < s->edges_due_ns) {
        s->edges_due_ns = due_ns;
        at_timer_set(s->edges_timer, due_ns);
    }
}

static uint64_t now_ns(void *user)
{
    return at_loop_now_ns(((struct at_system *)user)->loop);
}

void at_system_tick_edges(void *user)
{
    struct at_system *s = user;
    uint64_t next;

    s->edges_due_ns = 0;
    next = at_edges_tick(&s->edges);
    if (next != 0) {
        on_later(s, next);
    }
}

const struct at_edges_ops at_system_edges_ops = {
    .on_trouble = on_trouble, .on_wait = on_wait, .on_later = on_later, .now_ns = now_ns};

/* ---- up ---- */

/* A job that ran and ended well, and is not to be started again: what waits for it may go on. */
static bool has_done_its_work(const struct at_instance *i)
{
    return i->state == AT_LIFE_DOWN && i->has_started && i->was_ready;
}

bool at_system_is_there(const struct at_system *s, uint32_t service, enum at_plan_condition how)
{
    for (size_t i = 0; i < s->instance_count; i++) {
        const struct at_instance *instance = s->instances[i];

        if (instance->service != service || instance->state == AT_LIFE_READY ||
            has_done_its_work(instance)) {
            continue;
        }
        if (how != AT_PLAN_STARTED || !instance->has_started) {
            return false;
        }
    }
    return true;
}

static bool may_start(const struct at_system *s, const struct at_instance *i)
{
    const struct at_plan_dependencies *d = &at_instance_plan(i)->depends_on;

    for (size_t k = 0; k < d->count; k++) {
        if (!at_system_is_there(s, d->at[k].service, (enum at_plan_condition)d->at[k].condition)) {
            return false;
        }
    }
    return true;
}

static void start_what_may(struct at_system *s)
{
    for (size_t i = 0; i < s->instance_count; i++) {
        if (s->instances[i]->state == AT_LIFE_WAITING && may_start(s, s->instances[i])) {
            at_instance_event(s->instances[i], AT_LIFE_DEPS_MET, NULL);
        }
    }
}

static bool is_pending(const struct at_instance *i)
{
    return i->state == AT_LIFE_WAITING || i->state == AT_LIFE_STARTING ||
           i->state == AT_LIFE_BACKING_OFF;
}

/* START is answered once: when all is ready, or as soon as something has failed. */
static void answer_start(struct at_system *s)
{
    bool pending = false;

    if (s->start_answered) {
        return;
    }
    for (size_t i = 0; i < s->instance_count; i++) {
        if (s->instances[i]->state == AT_LIFE_FAILED) {
            s->start_answered = true;
            at_vault_store_system(s);
            at_desk_answer_start(s, AT_OPERATOR_NOT_READY, s->instances[i]->failed_why);
            return;
        }
        pending = pending || is_pending(s->instances[i]);
    }
    if (!pending) {
        s->start_answered = true;
        s->state = AT_LIFE_READY;
        at_vault_store_system(s);
        at_desk_event(s, NULL, AT_EVENT_SYSTEM, NULL);
        at_desk_answer_start(s, AT_OPERATOR_OK, "");
    }
}

void at_system_up(struct at_system *s)
{
    s->state = AT_LIFE_STARTING;
    at_vault_store_system(s);
    for (size_t i = 0; i < s->instance_count; i++) {
        at_instance_event(s->instances[i], AT_LIFE_WANT_UP, NULL);
    }
    at_system_touch(s);
}

void at_system_judge_service(struct at_system *s, uint32_t service)
{
    const char *why = NULL;

    for (size_t i = 0; i < s->instance_count; i++) {
        const struct at_instance *instance = s->instances[i];

        if (instance->service != service || instance->state == AT_LIFE_DOWN) {
            continue;
        }
        if (instance->state != AT_LIFE_FAILED) {
            return;
        }
        why = why == NULL ? instance->failed_why : why;
    }
    if (why != NULL) {
        at_edges_set_failed(&s->edges, service, why);
    }
}

/* ---- down ---- */

static bool depends_on(const struct at_plan_service *p, uint32_t service)
{
    for (size_t k = 0; k < p->depends_on.count; k++) {
        if (p->depends_on.at[k].service == service) {
            return true;
        }
    }
    return false;
}

/* Must `later` wait for `first` to be down? The door goes first; who drains may still have locks to give
 * back; telemetry hears the last words. */
static bool stops_after(const struct at_instance *later, const struct at_instance *first)
{
    const struct at_plan_service *l = at_instance_plan(later);
    const struct at_plan_service *f = at_instance_plan(first);

    if (l->kind == AT_PLAN_TELEMETRY) {
        return f->kind != AT_PLAN_TELEMETRY;
    }
    if (l->kind == AT_PLAN_KEEPER) {
        return f->kind == AT_PLAN_SERVICE || f->kind == AT_PLAN_GATEWAY;
    }
    if (f->kind == AT_PLAN_GATEWAY) {
        return l->kind != AT_PLAN_GATEWAY;
    }
    return depends_on(f, later->service);
}

static bool may_stop(const struct at_system *s, const struct at_instance *i)
{
    for (size_t k = 0; k < s->instance_count; k++) {
        if (s->instances[k]->state != AT_LIFE_DOWN && stops_after(i, s->instances[k])) {
            return false;
        }
    }
    return true;
}

static void end_system(struct at_system *s)
{
    at_caller_close_all(s);
    at_system_clear(s);
    at_desk_event(s, NULL, AT_EVENT_SYSTEM, "everything is stopped");
    at_desk_answer_down(s);
    at_desk_close(s);
    at_vault_finished(s, s->exit_code);
    at_loop_stop(s->loop, s->exit_code);
}

static void stop_what_may(struct at_system *s)
{
    bool all_down = true;

    for (size_t i = 0; i < s->instance_count; i++) {
        struct at_instance *instance = s->instances[i];

        if (is_pending(instance) || instance->state == AT_LIFE_FAILED ||
            (instance->state == AT_LIFE_READY && may_stop(s, instance))) {
            at_instance_event(instance, AT_LIFE_WANT_DOWN, NULL);
        }
        all_down = all_down && instance->state == AT_LIFE_DOWN;
    }
    if (all_down) {
        end_system(s);
    }
}

void at_system_down(struct at_system *s, const char *why)
{
    if (s->state == AT_LIFE_STOPPING) {
        for (size_t i = 0; i < s->instance_count; i++) {
            at_instance_hurry(s->instances[i]);
        }
        return;
    }
    s->state = AT_LIFE_STOPPING;
    (void)snprintf(s->why_down, sizeof(s->why_down), "%s", why);
    at_log(AT_LOG_INFO, "reason=\"%s\" | stopping the system", why);
    at_vault_store_system(s);
    at_desk_event(s, NULL, AT_EVENT_SYSTEM, why);
    if (!s->start_answered && s->start_request != 0) {
        s->start_answered = true;
        at_desk_answer_start(s, AT_OPERATOR_STOPPED, why);
    }
    at_system_touch(s);
}

void at_system_advance(void *user)
{
    struct at_system *s = user;

    if (s->state == AT_LIFE_STOPPING) {
        stop_what_may(s);
        return;
    }
    start_what_may(s);
    answer_start(s);
}

void at_system_clear(struct at_system *s)
{
    char path[PATH_MAX + 32];
    char *slash;

    s->listen_io = at_io_remove(s->listen_io);
    at_close(&s->listen_fd);
    for (size_t i = 0; i < AT_PLAN_LISTENERS_MAX; i++) {
        at_close(&s->listeners[i]);
    }
    if (s->sandbox != NULL) {
        at_sandbox_sweep(s->sandbox);
        s->sandbox = at_sandbox_free(s->sandbox);
    }
    at_places_unlock_folder(s);
    if (s->run_dir[0] == '\0' || s->lock_fd < 0) {
        return;
    }
    (void)snprintf(path, sizeof(path), "%s/control.sock", s->run_dir);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/lock", s->run_dir);
    (void)unlink(path);
    (void)rmdir(s->run_dir);
    at_close(&s->lock_fd);
    slash = strrchr(s->run_dir, '/');
    if (slash != NULL && slash != s->run_dir) {
        *slash = '\0';
        (void)rmdir(s->run_dir); /* the last system of this user takes the root of them along */
        slash = strrchr(s->run_dir, '/');
        if (slash != NULL && strncmp(s->run_dir, "/tmp/atoll-", 11) == 0) {
            *slash = '\0';
            (void)rmdir(s->run_dir);
        }
    }
    s->run_dir[0] = '\0';
}
