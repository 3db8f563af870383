#include "roles/supervisor/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/env.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/socket.h"
#include "control/anchor.h"
#include "control/limits.h"
#include "control/message.h"
#include "control/operator.h"
#include "plan/limits.h"
#include "plan/plan.h"
#include "plan/sealed.h"
#include "roles/supervisor/desk.h"
#include "roles/supervisor/edges.h"
#include "roles/supervisor/instance.h"
#include "roles/supervisor/life.h"
#include "roles/supervisor/limits.h"
#include "roles/supervisor/places.h"
#include "roles/supervisor/system.h"
#include "roles/supervisor/uids.h"
#include "roles/supervisor/vault.h"
#include "sandbox/sandbox.h"

#define UIDS_FILE "/var/lib/atoll/uids"

/* ---- the plan ---- */

/* Maps, judges and unpacks; s->plan. 0, AT_OPERATOR_BAD_PLAN with the diag. */
static int take_plan(struct at_system *s, struct at_diag *diag)
{
    struct at_bytes packed = {0};
    int r = at_sealed_map(s->contracts_fd, AT_PLAN_CONTRACTS_BYTES_MAX, &s->contracts);

    if (r == 0) {
        r = at_sealed_map(s->plan_fd, AT_PLAN_BYTES_MAX, &packed);
    }
    if (r < 0) {
        at_diag_set(diag, "the plan cannot be taken: %s",
                    r == -EPERM ? "its memory is not sealed" : strerrordesc_np(-r));
        return AT_OPERATOR_BAD_PLAN;
    }
    r = at_plan_unpack(packed, s->contracts.len, &s->plan, diag);
    at_sealed_unmap(&packed);
    if (r < 0) {
        at_diag_set(diag, "the plan cannot be taken: %s", strerrordesc_np(-r));
    }
    s->has_plan = r == 0;
    return r == 0 ? 0 : AT_OPERATOR_BAD_PLAN;
}

/* ---- the machine; each step adds its problems and goes on ---- */

struct judge {
    struct at_system *s;
    size_t problems;
    bool no_uids; /* their lock is held by another: one wait for it is enough */
    char first[AT_DIAG_TEXT_MAX];
};

static void object(struct judge *j, const char *service, const struct at_diag *diag)
{
    if (j->problems++ == 0) {
        (void)snprintf(j->first, sizeof(j->first), "%s", diag->what);
    }
    if (j->problems <= AT_SUPER_PROBLEMS_MAX) {
        at_desk_problem(j->s, service, diag);
    }
}

static int allot_uid(struct at_system *s, uint32_t service, struct at_diag *diag)
{
    const char *file = getenv("ATOLL_UIDS_FILE"); /* tests keep out of the machine's own */

    if (geteuid() != 0) {
        s->uids[service] = geteuid();
        return 0;
    }
    return at_uids_allot(file == NULL ? UIDS_FILE : file, AT_SUPER_UIDS_LOCK_MS,
                         s->plan.project_dir, s->plan.services[service].name, &s->uids[service],
                         diag);
}

static void prepare_services(struct judge *j)
{
    struct at_system *s = j->s;

    for (uint32_t i = 0; i < s->plan.service_count; i++) {
        const char *name = s->plan.services[i].name;
        struct at_diag diag = {0};
        int r;

        if (s->plan.services[i].replicas == 0) {
            continue;
        }
        if (s->role_dir[0] != '\0' && at_places_check_program(s, i, &diag) < 0) {
            object(j, name, &diag);
        }
        r = j->no_uids ? -ETIMEDOUT : allot_uid(s, i, &diag);
        if (r < 0 && !j->no_uids) {
            object(j, name, &diag);
        }
        j->no_uids = j->no_uids || r == -ETIMEDOUT;
        if (r == 0) {
            r = at_places_make_state(s, i, &diag);
            if (r < 0) {
                object(j, name, &diag);
            }
        }
    }
}

static void open_listeners(struct judge *j)
{
    struct at_system *s = j->s;

    for (size_t i = 0; i < s->plan.listener_count; i++) {
        const struct at_plan_listener *l = &s->plan.listeners[i];
        struct at_diag diag = {0};
        int r = s->listeners[i] >= 0 ? 0
                                     : at_socket_listen_tcp(l->address, (uint16_t)l->port,
                                                            &s->listeners[i], NULL, &diag);

        if (r < 0) {
            if (diag.what[0] == '\0') {
                at_diag_set(&diag, "cannot listen on %s:%u: %s", l->address, l->port,
                            strerrordesc_np(-r));
            }
            at_diag_place(&diag, l->file, (int)l->line, (int)l->col);
            object(j, "door", &diag);
        }
    }
}

static int make_sandbox(struct at_system *s, const char *reaper, struct at_diag *diag)
{
    int r = at_sandbox_new(s->plan.system, reaper, getenv("ATOLL_CGROUP"), &s->sandbox, diag);

    if (r < 0 && diag->what[0] == '\0') {
        at_diag_set(diag, "cages cannot be made on this machine: %s", strerrordesc_np(-r));
    }
    return r;
}

static int name_reaper(struct at_system *s, char *out, size_t cap, struct at_diag *diag)
{
    int r = at_places_find_roles(s, diag);

    if (r < 0) {
        s->role_dir[0] = '\0';
        return r;
    }
    (void)snprintf(out, cap, "%s/atoll-reaper", s->role_dir);
    return 0;
}

static int find_sandbox(struct at_system *s, struct at_diag *diag)
{
    char reaper[PATH_MAX + 16];
    int r = name_reaper(s, reaper, sizeof(reaper), diag);

    return r < 0 ? r : make_sandbox(s, reaper, diag);
}

/* For supervisors after us, who may find it elsewhere, or not at all. */
static void store_reaper(struct at_system *s)
{
    char reaper[PATH_MAX + 16];
    at_auto_close
    int fd = -1;

    (void)snprintf(reaper, sizeof(reaper), "%s/atoll-reaper", s->role_dir);
    fd = open(reaper, O_PATH | O_CLOEXEC);
    if (fd >= 0) {
        at_vault_store(s, "reaper", at_bytes_of(s->role_dir), &fd, 1);
    }
}

static void open_desk(struct judge *j)
{
    struct at_system *s = j->s;
    struct at_diag diag = {0};
    char path[PATH_MAX + 16];
    int r = 0;

    (void)snprintf(path, sizeof(path), "%s/control.sock", s->run_dir);
    if (s->listen_fd < 0) {
        (void)unlink(path); /* of a system that was killed; the lock is ours now */
        r = at_socket_listen_unix(path, &s->listen_fd);
    }
    if (r == 0) {
        r = at_desk_open(s);
    }
    if (r < 0) {
        at_diag_set(&diag, "cannot listen on %.900s: %s", path, strerrordesc_np(-r));
        object(j, "", &diag);
    }
}

/* What belongs to a plan in memory. */
static int make_tables(struct at_system *s)
{
    int r;

    s->uids = calloc(s->plan.service_count + 1, sizeof(uid_t));
    if (s->uids == NULL) {
        return -ENOMEM;
    }
    r = at_edges_init(&s->edges, &s->plan, s->supervisors, &at_system_edges_ops, s);
    return r == 0 ? at_system_make_instances(s) : r;
}

static void store_listeners(struct at_system *s)
{
    for (size_t i = 0; i < s->plan.listener_count; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "door/%zu", i);
        at_vault_store(s, name, (struct at_bytes){0}, &s->listeners[i], 1);
    }
}

static void store_all(struct at_system *s)
{
    int plan[] = {s->plan_fd, s->contracts_fd};

    at_vault_store(s, "plan", (struct at_bytes){0}, plan, 2);
    at_vault_store(s, "lock", (struct at_bytes){0}, &s->lock_fd, 1);
    at_vault_store(s, "folder", (struct at_bytes){0}, &s->folder_fd, 1);
    at_vault_store(s, "socket", (struct at_bytes){0}, &s->listen_fd, 1);
    store_listeners(s);
    store_reaper(s);
}

/* 0, or an enum at_operator_code with the sentence in text. */
static int prepare(struct at_system *s, char *text, size_t cap)
{
    struct judge j = {.s = s};
    struct at_diag diag = {0};

    if (find_sandbox(s, &diag) < 0) {
        object(&j, "", &diag);
    } else {
        at_sandbox_sweep(s->sandbox); /* what a killed system left behind */
    }
    prepare_services(&j);
    open_listeners(&j);
    open_desk(&j);
    if (j.problems == 0) {
        return 0;
    }
    if (j.problems == 1) {
        (void)snprintf(text, cap, "%s", j.first);
    } else {
        (void)snprintf(text, cap, "%.800s, and %zu more", j.first, j.problems - 1);
    }
    return AT_OPERATOR_CANNOT;
}

static int take_lock(struct at_system *s, char *text, size_t cap)
{
    struct at_diag diag = {0};
    int r = at_places_lock(s, &diag);

    if (r == AT_PLACES_BUSY) {
        s->run_dir[0] = '\0'; /* it is the other one's */
    }
    if (r == 0) {
        r = at_places_lock_folder(s, &diag);
    }
    if (r == 0) {
        return 0;
    }
    at_desk_problem(s, "", &diag);
    (void)snprintf(text, cap, "%s", diag.what);
    return r == AT_PLACES_BUSY ? AT_OPERATOR_BUSY : AT_OPERATOR_CANNOT;
}

/* From a plan that was judged to instances on their way. */
static int start_plan(struct at_system *s, char *text, size_t cap)
{
    int code = take_lock(s, text, cap);

    if (code != 0) {
        return code;
    }
    if (make_tables(s) < 0) {
        (void)snprintf(text, cap, "out of memory");
        return AT_OPERATOR_CANNOT;
    }
    code = prepare(s, text, cap);
    if (code != 0) {
        return code;
    }
    s->started_wall_ns = at_env_wall_ns(at_env_real());
    store_all(s);
    at_system_up(s);
    at_vault_drop(s, "starting");
    return AT_OPERATOR_OK;
}

static int judge_plan(struct at_system *s, char *text, size_t cap)
{
    struct at_diag diag = {0};
    int code = take_plan(s, &diag);

    if (code != 0) {
        at_desk_problem(s, "", &diag);
        (void)snprintf(text, cap, "%s", diag.what);
    }
    return code;
}

int at_start_new(struct at_system *s, int plan_fd, int contracts_fd, char *text, size_t cap)
{
    int code;

    s->plan_fd = plan_fd;
    s->contracts_fd = contracts_fd;
    at_vault_store_starting(s);
    code = judge_plan(s, text, cap);
    return code != 0 ? code : start_plan(s, text, cap);
}

/* ---- after the death of a supervisor ---- */

static struct at_kept *find(struct at_kept_list *kept, const char *name)
{
    for (size_t i = 0; i < kept->count; i++) {
        if (at_bytes_equal(kept->at[i].name, at_bytes_of(name))) {
            return &kept->at[i];
        }
    }
    return NULL;
}

static int take_kept_fd(struct at_kept_list *kept, const char *name, size_t i)
{
    struct at_kept *k = find(kept, name);

    return k != NULL && i < k->fd_count ? at_take_fd(&k->fds[i]) : -1;
}

static int restore_system(struct at_system *s, struct at_kept_list *kept, const char *name)
{
    const struct at_kept *k = find(kept, name);
    struct at_anchor_system record;
    uint16_t type;
    struct at_bytes body;

    if (k == NULL || at_message_open(k->record, &type, &body) != 0 ||
        at_message_unpack(&at_anchor_system_kind, body, &record) != 0) {
        return -EPROTO;
    }
    s->next_generation = record.next_generation;
    s->started_wall_ns = record.started_wall_ns;
    s->start_flags = record.flags;
    s->start_request = record.start_request;
    s->start_answered = record.start_answered != 0;
    s->grace_ns = record.grace_ns;
    s->state = (enum at_life_state)record.state;
    (void)snprintf(s->run_dir, sizeof(s->run_dir), "%.*s", (int)record.run_dir.len,
                   record.run_dir.len == 0 ? "" : (const char *)record.run_dir.at);
    return 0;
}

static void restore_fds(struct at_system *s, struct at_kept_list *kept)
{
    s->lock_fd = take_kept_fd(kept, "lock", 0);
    s->folder_fd = take_kept_fd(kept, "folder", 0);
    s->listen_fd = take_kept_fd(kept, "socket", 0);
    for (size_t i = 0; i < s->plan.listener_count; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "door/%zu", i);
        s->listeners[i] = take_kept_fd(kept, name, 0);
    }
}

int at_start_again(struct at_system *s, struct at_kept_list *kept, char *text, size_t cap)
{
    int code;

    s->plan_fd = take_kept_fd(kept, "starting", 0);
    s->contracts_fd = take_kept_fd(kept, "starting", 1);
    if (restore_system(s, kept, "starting") < 0) {
        (void)snprintf(text, cap, "a supervisor died while it started the system");
        return AT_OPERATOR_CANNOT;
    }
    at_desk_watch_first(s);
    code = judge_plan(s, text, cap);
    if (code != 0) {
        return code;
    }
    restore_fds(s, kept);
    return start_plan(s, text, cap);
}

static void restore_instance(struct at_instance *i, struct at_kept_list *kept)
{
    char name[AT_CONTROL_NAME_MAX * 2];
    struct at_kept *k;
    struct at_anchor_instance record;
    uint16_t type;
    struct at_bytes body;

    (void)snprintf(name, sizeof(name), "instance/%s", i->name);
    k = find(kept, name);
    if (k == NULL || at_message_open(k->record, &type, &body) != 0 ||
        at_message_unpack(&at_anchor_instance_kind, body, &record) != 0) {
        at_instance_event(i, AT_LIFE_WANT_UP, NULL);
        return;
    }
    if (record.generation >= i->system->next_generation) {
        i->system->next_generation = record.generation + 1;
    }
    at_instance_adopt(i, &record, k->fds, k->fd_count);
}

/* The reaper that was opened at the start, wherever it lies by now. */
static int restore_sandbox(struct at_system *s, struct at_kept_list *kept, struct at_diag *diag)
{
    const struct at_kept *k = find(kept, "reaper");
    char reaper[64];

    if (k == NULL || k->fd_count != 1 || k->record.len >= sizeof(s->role_dir)) {
        return find_sandbox(s, diag);
    }
    (void)snprintf(s->role_dir, sizeof(s->role_dir), "%.*s", (int)k->record.len,
                   k->record.len == 0 ? "" : (const char *)k->record.at);
    (void)snprintf(reaper, sizeof(reaper), "/proc/self/fd/%d", k->fds[0]);
    return make_sandbox(s, reaper, diag);
}

/* As they were allotted at the start: the file may have changed since. */
static int restore_uids(struct at_system *s, struct at_kept_list *kept, struct at_diag *diag)
{
    const struct at_kept *k = find(kept, "system");
    struct at_anchor_system record;
    uint16_t type;
    struct at_bytes body;
    int r = 0;

    if (k != NULL && at_message_open(k->record, &type, &body) == 0 &&
        at_message_unpack(&at_anchor_system_kind, body, &record) == 0 &&
        at_vault_unpack_uids(s, record.uids) == 0) {
        return 0;
    }
    for (uint32_t i = 0; r == 0 && i < s->plan.service_count; i++) {
        r = allot_uid(s, i, diag);
    }
    return r;
}

int at_start_resume(struct at_system *s, struct at_kept_list *kept)
{
    struct at_diag diag = {0};
    struct at_instance *telemetry;
    int r;

    s->plan_fd = take_kept_fd(kept, "plan", 0);
    s->contracts_fd = take_kept_fd(kept, "plan", 1);
    r = restore_system(s, kept, "system");
    if (r == 0 && take_plan(s, &diag) != 0) {
        r = -EPROTO;
    }
    if (r == 0) {
        restore_fds(s, kept);
        r = make_tables(s);
    }
    if (r == 0) {
        r = restore_sandbox(s, kept, &diag);
    }
    if (r == 0) {
        r = restore_uids(s, kept, &diag);
    }
    if (r == 0 && s->listen_fd >= 0) {
        r = at_desk_open(s);
    }
    if (r < 0) {
        at_log(AT_LOG_ERROR, "error=%s what=\"%s\" | cannot take the system over",
               strerrordesc_np(-r), diag.what);
        return r;
    }
    for (size_t i = 0; i < s->instance_count; i++) {
        restore_instance(s->instances[i], kept);
    }
    for (size_t i = 0; i < kept->exit_count; i++) {
        at_vault_tell_exit(s, &kept->exits[i]);
    }
    for (uint32_t i = 0; i < s->plan.service_count; i++) {
        at_system_judge_service(s, i);
    }
    for (size_t i = 0; i < s->instance_count; i++) {
        at_instance_resume(s->instances[i]);
    }
    telemetry = at_system_role(s, AT_PLAN_TELEMETRY);
    for (size_t i = 0;
         telemetry != NULL && telemetry->state == AT_LIFE_READY && i < s->instance_count; i++) {
        at_instance_tell_pipes(s->instances[i], telemetry); /* what it has it leaves alone */
    }
    at_system_touch(s);
    return 0;
}
