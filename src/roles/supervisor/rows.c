#include "roles/supervisor/rows.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "control/limits.h"
#include "control/operator.h"
#include "loop/loop.h"
#include "plan/plan.h"
#include "roles/supervisor/edges.h"
#include "roles/supervisor/instance.h"
#include "roles/supervisor/limits.h"
#include "roles/supervisor/operator_conn.h"
#include "roles/supervisor/permit.h"
#include "roles/supervisor/system.h"
#include "sandbox/cgroup.h"
#include "sandbox/sandbox.h"

void at_rows_missing_walls(const struct at_system *s, struct at_text *out)
{
    const struct at_sandbox_facts *facts = at_sandbox_facts(s->sandbox);
    const char *wall;

    for (size_t i = 0; (wall = at_sandbox_missing(facts, i)) != NULL; i++) {
        at_text_addf(out, "%s%s", i == 0 ? "" : "\n", wall);
    }
}

enum { STAT_BYTES_MAX = 4096 };
enum { STAT_USER = 14, STAT_SYSTEM = 15, STAT_THREADS = 20, STAT_PAGES = 24, STAT_FIELDS };

/* Numbers of /proc/PID/stat by their place in proc(5); words and negative ones stay 0. */
static bool read_stat(pid_t pid, uint64_t *fields)
{
    char path[64];
    at_auto_free
    char *text = NULL;
    size_t len = 0;
    const char *rest;
    struct at_bytes left;
    struct at_bytes word;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (pid <= 0 || at_fd_read_file(AT_FDCWD, path, STAT_BYTES_MAX, &text, &len) < 0) {
        return false;
    }
    rest = strrchr(text, ')'); /* the name in parentheses may hold anything */
    if (rest == NULL || rest[1] != ' ') {
        return false;
    }
    left = at_bytes_of(rest + 2);
    for (int i = 3; i < STAT_FIELDS && at_bytes_cut(&left, ' ', &word); i++) {
        if (!at_bytes_to_u64(word, &fields[i])) {
            fields[i] = 0;
        }
    }
    return true;
}

/* Without groups there is still what /proc says of the service process itself. */
static void add_process_usage(pid_t pid, struct at_operator_row *row)
{
    uint64_t fields[STAT_FIELDS] = {0};

    if (read_stat(pid, fields)) {
        row->memory_bytes = fields[STAT_PAGES] * (uint64_t)sysconf(_SC_PAGESIZE);
        row->cpu_ns = (fields[STAT_USER] + fields[STAT_SYSTEM]) *
                      (AT_SECOND_NS / (uint64_t)sysconf(_SC_CLK_TCK));
        row->pids = (uint32_t)fields[STAT_THREADS];
    }
}

static void add_usage(const struct at_instance *i, struct at_operator_row *row)
{
    struct at_usage usage = {0};

    if (i->cage.state == AT_CAGE_EMPTY) {
        return;
    }
    if (at_cage_usage(&i->cage, &usage) != 0) {
        add_process_usage(i->cage.service_pid, row);
        return;
    }
    row->memory_bytes = usage.has_memory ? usage.memory_bytes : 0;
    row->cpu_ns = usage.has_cpu ? usage.cpu_ns : 0;
    row->pids = usage.has_pids ? (uint32_t)usage.pids : 0;
}

static void add_process(const struct at_instance *i, struct at_operator_row *row)
{
    uint64_t since = i->ready_ns != 0 ? i->ready_ns : i->started_ns;
    uint64_t now = at_loop_now_ns(i->system->loop);

    if (i->cage.state == AT_CAGE_EMPTY) {
        return;
    }
    row->pid = (uint32_t)i->cage.service_pid;
    row->reaper_pid = (uint32_t)i->cage.reaper_pid;
    row->uptime_ns = now > since ? now - since : 0;
}

static void tell_row(struct at_operator_conn *c, uint64_t request, const struct at_instance *i,
                     struct at_bytes walls)
{
    const struct at_plan_service *p = at_instance_plan(i);
    struct at_text contracts;
    struct at_operator_row row = {
        .request = request,
        .service = at_bytes_of(p->name),
        .instance = at_bytes_of(i->name),
        .kind = p->kind,
        .state = i->state,
        .uid = i->system->uids[i->service],
        .restarts = i->history.restarts,
        .memory_limit_bytes = p->memory_bytes,
        .cpu_limit_milli = p->cpu_milli,
        .pids_limit = p->pids,
        .walls_missing = walls,
        .last_exit = at_bytes_of(i->state == AT_LIFE_FAILED ? i->failed_why : i->last_exit),
        .channels = (uint32_t)i->party.channel_count,
    };

    at_text_init(&contracts);
    for (size_t k = 0; k < p->contracts.count; k++) {
        at_text_addf(&contracts, "%s%s", k == 0 ? "" : "\n", p->contracts.at[k]);
    }
    row.contracts = at_bytes_before(at_text_bytes(&contracts), AT_CONTROL_CONTRACTS_MAX);
    add_process(i, &row);
    add_usage(i, &row);
    at_desk_say(c, &at_operator_row_kind, &row, -1);
    at_text_deinit(&contracts);
}

/* The rows of one name, or of all when it is empty; how many there were. */
static size_t tell_rows(struct at_operator_conn *c, uint64_t request, struct at_bytes name)
{
    struct at_system *s = c->system;
    struct at_text walls;
    size_t n = 0;

    at_text_init(&walls);
    if (s->sandbox != NULL) {
        at_rows_missing_walls(s, &walls);
    }
    for (size_t k = 0; k < s->instance_count; k++) {
        const struct at_instance *i = s->instances[k];

        if (name.len == 0 || at_bytes_equal(name, at_bytes_of(i->name)) ||
            at_bytes_equal(name, at_bytes_of(at_instance_plan(i)->name))) {
            tell_row(c, request, i, at_bytes_before(at_text_bytes(&walls), AT_CONTROL_LIST_MAX));
            n++;
        }
    }
    at_text_deinit(&walls);
    return n;
}

void at_rows_tell_all(struct at_operator_conn *c, uint64_t request)
{
    (void)tell_rows(c, request, (struct at_bytes){0});
}

static void tell_losses(struct at_operator_conn *c, uint64_t request, const struct at_instance *i)
{
    uint32_t kept = i->loss_count < AT_SUPER_LOSSES_KEPT ? i->loss_count : AT_SUPER_LOSSES_KEPT;

    for (uint32_t n = 1; n <= kept; n++) {
        const struct at_loss *l = &i->losses[(i->loss_count - n) % AT_SUPER_LOSSES_KEPT];
        struct at_operator_loss loss = {
            .request = request,
            .instance = at_bytes_of(i->name),
            .wall_ns = l->wall_ns,
            .lived_ns = l->lived_ns,
            .reason = at_bytes_of(l->reason),
        };

        at_desk_say(c, &at_operator_loss_kind, &loss, -1);
    }
}

static void tell_peer(struct at_operator_conn *c, uint64_t request, uint32_t from, uint32_t to)
{
    const struct at_plan *plan = &c->system->plan;
    struct at_operator_peer peer = {
        .request = request,
        .from = at_bytes_of(plan->services[from].name),
        .to = at_bytes_of(plan->services[to].name),
        .channels = at_edges_count(&c->system->edges, from, to),
    };
    char why[AT_CONTROL_REASON_MAX];

    if (from != to && plan->services[to].kind == AT_PLAN_SERVICE &&
        at_permit_call(plan, from, to, why, sizeof(why))) {
        at_desk_say(c, &at_operator_peer_kind, &peer, -1);
    }
}

bool at_rows_tell_service(struct at_operator_conn *c, uint64_t request, struct at_bytes name)
{
    struct at_system *s = c->system;
    size_t dot = at_bytes_index(name, '.');
    int service;

    if (!s->has_plan || name.len == 0 || tell_rows(c, request, name) == 0) {
        return false;
    }
    service = at_plan_find(&s->plan, at_bytes_before(name, dot));
    for (uint32_t k = 0; service >= 0 && k < s->plan.service_count; k++) {
        tell_peer(c, request, (uint32_t)service, k);
        tell_peer(c, request, k, (uint32_t)service);
    }
    for (size_t k = 0; k < s->instance_count; k++) {
        const struct at_instance *i = s->instances[k];

        if (at_bytes_equal(name, at_bytes_of(i->name)) ||
            at_bytes_equal(name, at_bytes_of(at_instance_plan(i)->name))) {
            tell_losses(c, request, i);
        }
    }
    return true;
}
