/* atoll status: a service, or the system, on a page, as systemctl status does. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/logprint.h"
#include "cli/logset.h"
#include "cli/oplink.h"
#include "cli/out.h"
#include "cli/place.h"
#include "cli/rows.h"
#include "control/message.h"
#include "control/operator.h"
#include "pb/json.h"
#include "plan/limits.h"

enum {
    LINES_DEFAULT = 10,
    EDGES_MAX = 1024,
    LOSSES_MAX = 64,
    ARENA_FIRST = 4096,
    ARENA_MAX = 1 << 20
};

struct page {
    struct at_cli *cli;
    struct at_place place;
    struct at_oplink link;
    struct at_rows rows;
    struct at_arena arena;
    struct at_operator_peer edges[EDGES_MAX];
    size_t edge_count;
    struct at_operator_loss losses[LOSSES_MAX];
    size_t loss_count;
    size_t lines; /* of the log */
};

/* ---- asking ---- */

static struct at_bytes keep(struct page *p, struct at_bytes b)
{
    return at_bytes_of(at_arena_copy(&p->arena, b));
}

static void take(void *user, struct at_message *m)
{
    struct page *p = user;
    struct at_operator_peer edge;
    struct at_operator_loss loss;

    at_rows_take(&p->rows, m);
    if (m->type == AT_OPERATOR_PEER && p->edge_count < EDGES_MAX &&
        at_message_unpack(&at_operator_peer_kind, m->body, &edge) == 0) {
        edge.from = keep(p, edge.from);
        edge.to = keep(p, edge.to);
        p->edges[p->edge_count++] = edge;
    }
    if (m->type == AT_OPERATOR_LOSS && p->loss_count < LOSSES_MAX &&
        at_message_unpack(&at_operator_loss_kind, m->body, &loss) == 0) {
        loss.instance = keep(p, loss.instance);
        loss.reason = keep(p, loss.reason);
        p->losses[p->loss_count++] = loss;
    }
}

static int ask(struct page *p, const char *name)
{
    struct at_operator_status status = {.request = at_oplink_request(&p->link),
                                        .service = at_bytes_of(name)};
    uint64_t deadline = at_oplink_deadline(p->cli, 10 * AT_SECOND_NS);
    struct at_answer answer;
    int r = at_oplink_send(&p->link, &at_operator_status_kind, &status, NULL, 0);

    if (r == 0) {
        r = at_oplink_finish(&p->link, status.request, deadline, take, p, &answer);
    }
    return at_oplink_verdict(p->cli, r, &answer);
}

/* ---- showing ---- */

static void put(struct page *p, const char *label, const char *text)
{
    struct at_text safe;

    if (text[0] == '\0') {
        return;
    }
    at_text_init(&safe);
    at_text_add_visible(&safe, at_bytes_of(text));
    fprintf(p->cli->out, "%10s%s %s\n", label, label[0] == '\0' ? " " : ":", at_text_str(&safe));
    at_text_deinit(&safe);
}

static void put_lines(struct page *p, const char *label, struct at_bytes lines)
{
    struct at_bytes line;

    while (at_bytes_cut(&lines, '\n', &line)) {
        char text[1024];

        snprintf(text, sizeof(text), "%.*s", (int)line.len, (const char *)line.at);
        put(p, label, text);
        label = "";
    }
}

static void put_head(struct page *p, const char *name, uint32_t state, const char *rest)
{
    const char *sgr = p->cli->out_colour ? at_rows_state_colour(state) : NULL;

    fprintf(p->cli->out, "%s%s%s\xe2\x97\x8f%s %s - %s%s\n", sgr == NULL ? "" : "\033[",
            sgr == NULL ? "" : sgr, sgr == NULL ? "" : "m", sgr == NULL ? "" : "\033[0m", name,
            at_life_state_name(state), rest);
}

/* Uses and users, from the edges. */
static void put_edges(struct page *p, const char *label, bool outgoing, struct at_bytes service)
{
    struct at_text text;

    at_text_init(&text);
    for (size_t i = 0; i < p->edge_count; i++) {
        struct at_bytes mine = outgoing ? p->edges[i].from : p->edges[i].to;
        struct at_bytes other = outgoing ? p->edges[i].to : p->edges[i].from;

        if (at_bytes_equal(mine, service)) {
            at_text_add_str(&text, text.len == 0 ? "" : ", ");
            at_text_add(&text, other);
            at_text_addf(&text, " (%u channel%s)", p->edges[i].channels,
                         p->edges[i].channels == 1 ? "" : "s");
        }
    }
    put(p, label, at_text_str(&text));
    at_text_deinit(&text);
}

static void put_use(struct page *p, const struct at_operator_row *row)
{
    char cpu[32];
    char memory[32] = "";
    char limit[32] = "";
    struct at_text text;

    at_text_init(&text);
    at_text_format_duration(row->cpu_ns, cpu, sizeof(cpu));
    at_text_format_size(row->memory_bytes, memory, sizeof(memory));
    at_text_format_size(row->memory_limit_bytes, limit, sizeof(limit));
    if (row->cpu_ns != 0) {
        at_text_addf(&text, "CPU %s  ", cpu);
    }
    if (row->memory_bytes != 0) {
        at_text_addf(&text, "memory %s%s%s  ", memory, row->memory_limit_bytes == 0 ? "" : " of ",
                     row->memory_limit_bytes == 0 ? "" : limit);
    }
    if (row->pids != 0) {
        at_text_addf(&text, "tasks %u", row->pids);
    }
    put(p, "", at_text_str(&text));
    at_text_deinit(&text);
}

static void put_instance(struct page *p, const struct at_operator_row *row)
{
    char uptime[32];
    char text[256];
    struct at_text exit;

    at_text_format_duration(row->uptime_ns, uptime, sizeof(uptime));
    if (row->pid != 0) {
        snprintf(text, sizeof(text), "%s for %s, pid %u (reaper %u), uid %u, restarts %u",
                 at_life_state_name(row->state), uptime, row->pid, row->reaper_pid, row->uid,
                 row->restarts);
    } else {
        snprintf(text, sizeof(text), "%s, restarts %u", at_life_state_name(row->state),
                 row->restarts);
    }
    put(p, (const char *)row->instance.at, text);
    put_use(p, row);
    if (row->last_exit.len > 0) {
        at_text_init(&exit);
        at_text_add_str(&exit, "last exit: ");
        at_text_add(&exit, row->last_exit);
        put(p, "", at_text_str(&exit));
        at_text_deinit(&exit);
    }
}

static void put_losses(struct page *p)
{
    for (size_t i = 0; i < p->loss_count; i++) {
        const struct at_operator_loss *l = &p->losses[i];
        char when[40];
        char lived[32];
        char text[1200];

        at_time_format(l->wall_ns, when, sizeof(when));
        at_text_format_duration(l->lived_ns, lived, sizeof(lived));
        snprintf(text, sizeof(text), "%s %.*s lived %s: %.*s", when, (int)l->instance.len,
                 (const char *)l->instance.at, lived, (int)l->reason.len,
                 (const char *)l->reason.at);
        put(p, i == 0 ? "Ends" : "", text);
    }
}

static int open_log(struct page *p, const char *const *names, struct at_logset **ret)
{
    char dir[AT_PLAN_PATH_MAX + 32];
    struct at_logset_conf conf = {
        .dir = dir, .names = names, .name_count = 1, .has_tail = true, .tail = p->lines};
    int r = at_place_logs(&p->place, dir, sizeof(dir));

    return r == 0 ? at_logset_open(&conf, ret) : r;
}

static void put_log(struct page *p, const char *name)
{
    const char *const names[] = {name};
    struct at_logset *set = NULL;

    if (p->lines == 0 || open_log(p, names, &set) != 0) {
        return;
    }
    struct at_logprint print = {
        .cli = p->cli, .prefix = true, .timestamps = true, .width = at_logset_width(set)};

    (void)fputc('\n', p->cli->out);
    (void)at_logprint_all(&print, set);
    at_logset_close(set);
}

/* The worst state of the instances says how the service is. */
static uint32_t state_of_all(const struct page *p, size_t *ret_ready)
{
    static const uint8_t badness[AT_LIFE_STATES] = {
        [AT_LIFE_READY] = 1,    [AT_LIFE_DOWN] = 2,     [AT_LIFE_WAITING] = 3,
        [AT_LIFE_STARTING] = 4, [AT_LIFE_STOPPING] = 5, [AT_LIFE_BACKING_OFF] = 6,
        [AT_LIFE_FAILED] = 7,
    };
    uint32_t worst = p->rows.count == 0 ? AT_LIFE_DOWN : AT_LIFE_READY;

    *ret_ready = 0;
    for (size_t i = 0; i < p->rows.count; i++) {
        uint32_t state = p->rows.at[i].state < AT_LIFE_STATES ? p->rows.at[i].state : AT_LIFE_DOWN;

        *ret_ready += state == AT_LIFE_READY;
        worst = badness[state] > badness[worst] ? state : worst;
    }
    return worst;
}

static void show_service(struct page *p, const char *name)
{
    size_t ready;
    char rest[64];
    uint32_t state = state_of_all(p, &ready);

    snprintf(rest, sizeof(rest), " (%zu of %zu ready)", ready, p->rows.count);
    put_head(p, name, state, rest);
    put(p, "System", p->place.system);
    put(p, "Project", p->place.project_dir);
    if (p->rows.count > 0) {
        struct at_bytes service = p->rows.at[0].service;

        put_lines(p, "Serves", p->rows.at[0].contracts);
        put_edges(p, "Uses", true, service);
        put_edges(p, "Used by", false, service);
        put_lines(p, "No wall", p->rows.at[0].walls_missing);
    }
    for (size_t i = 0; i < p->rows.count; i++) {
        put_instance(p, &p->rows.at[i]);
    }
    put_losses(p);
    put_log(p, name);
}

static void show_system(struct page *p)
{
    const struct at_operator_welcome *w = &p->link.welcome;
    char text[256];
    char since[40];
    char up[32];
    uint64_t now = at_env_wall_ns(at_env_real());

    put_head(p, p->place.system, w->state, "");
    put(p, "Project", p->place.project_dir);
    at_time_format(w->started_wall_ns, since, sizeof(since));
    at_text_format_duration(now > w->started_wall_ns ? now - w->started_wall_ns : 0, up,
                            sizeof(up));
    snprintf(text, sizeof(text), "%s, for %s", since, up);
    put(p, "Since", text);
    snprintf(text, sizeof(text), "%.*s, anchor pid %u, supervisor pid %u%s", (int)w->program.len,
             (const char *)w->program.at, w->anchor_pid, w->supervisor_pid,
             w->supervisors > 1 ? " (not the first)" : "");
    put(p, "Runtime", text);
    put_lines(p, "No wall", w->walls_missing);
    (void)fputc('\n', p->cli->out);
}

/* ---- JSON ---- */

static void key_bytes(struct at_json_writer *j, const char *key, struct at_bytes value)
{
    at_json_key(j, key);
    at_json_string(j, value);
}

static void key_u64(struct at_json_writer *j, const char *key, uint64_t value)
{
    at_json_key(j, key);
    at_json_u64(j, value);
}

static void add_instances(struct at_json_writer *j, const struct page *p)
{
    at_json_key(j, "instances");
    at_json_begin_array(j);
    for (size_t i = 0; i < p->rows.count; i++) {
        const struct at_operator_row *row = &p->rows.at[i];

        at_json_begin_object(j);
        key_bytes(j, "service", row->service);
        key_bytes(j, "instance", row->instance);
        at_json_key(j, "state");
        at_json_str(j, at_life_state_name(row->state));
        key_u64(j, "pid", row->pid);
        key_u64(j, "reaper_pid", row->reaper_pid);
        key_u64(j, "uid", row->uid);
        key_u64(j, "uptime_ns", row->uptime_ns);
        key_u64(j, "restarts", row->restarts);
        key_u64(j, "cpu_ns", row->cpu_ns);
        key_u64(j, "memory_bytes", row->memory_bytes);
        key_u64(j, "memory_limit_bytes", row->memory_limit_bytes);
        key_u64(j, "tasks", row->pids);
        at_json_key(j, "contracts");
        at_out_json_lines(j, row->contracts);
        at_json_key(j, "walls_missing");
        at_out_json_lines(j, row->walls_missing);
        key_bytes(j, "last_exit", row->last_exit);
        at_json_end_object(j);
    }
    at_json_end_array(j);
}

static void add_history(struct at_json_writer *j, const struct page *p)
{
    at_json_key(j, "edges");
    at_json_begin_array(j);
    for (size_t i = 0; i < p->edge_count; i++) {
        at_json_begin_object(j);
        key_bytes(j, "from", p->edges[i].from);
        key_bytes(j, "to", p->edges[i].to);
        key_u64(j, "channels", p->edges[i].channels);
        at_json_end_object(j);
    }
    at_json_end_array(j);
    at_json_key(j, "ends");
    at_json_begin_array(j);
    for (size_t i = 0; i < p->loss_count; i++) {
        char when[40];

        at_time_format(p->losses[i].wall_ns, when, sizeof(when));
        at_json_begin_object(j);
        key_bytes(j, "instance", p->losses[i].instance);
        key_bytes(j, "time", at_bytes_of(when));
        key_u64(j, "lived_ns", p->losses[i].lived_ns);
        key_bytes(j, "reason", p->losses[i].reason);
        at_json_end_object(j);
    }
    at_json_end_array(j);
}

static void add_system(struct at_json_writer *j, const struct page *p)
{
    const struct at_operator_welcome *w = &p->link.welcome;
    char when[40];

    at_time_format(w->started_wall_ns, when, sizeof(when));
    key_bytes(j, "system", at_bytes_of(p->place.system));
    key_bytes(j, "project", at_bytes_of(p->place.project_dir));
    at_json_key(j, "state");
    at_json_str(j, at_life_state_name(w->state));
    key_bytes(j, "since", at_bytes_of(when));
    key_u64(j, "anchor_pid", w->anchor_pid);
    key_u64(j, "supervisor_pid", w->supervisor_pid);
    key_u64(j, "supervisors", w->supervisors);
    at_json_key(j, "walls_missing");
    at_out_json_lines(j, w->walls_missing);
}

static int print_json(struct page *p)
{
    struct at_text text;
    struct at_json_writer j;

    at_text_init(&text);
    at_json_writer_init(&j, &text, 0);
    at_json_begin_object(&j);
    add_system(&j, p);
    add_instances(&j, p);
    add_history(&j, p);
    at_json_end_object(&j);
    int code = at_out_line(p->cli, &text);

    at_text_deinit(&text);
    return code;
}

static int show(struct page *p)
{
    const char *name = p->cli->word_count == 0 ? NULL : p->cli->words[0];
    int code = name == NULL ? at_rows_ask(p->cli, &p->link, &p->rows) : ask(p, name);

    if (code != AT_EXIT_OK) {
        return code;
    }
    if (p->cli->output != AT_OUTPUT_TABLE) {
        return print_json(p);
    }
    if (name != NULL) {
        show_service(p, name);
        return AT_EXIT_OK;
    }
    show_system(p);
    return at_rows_print(p->cli, &p->rows);
}

/* Its logs are shown too: those of the folder that it runs from. */
static void adopt_project(struct page *p)
{
    struct at_bytes project = p->link.welcome.project;

    if (project.len > 0 && project.len < sizeof(p->place.project_dir)) {
        (void)snprintf(p->place.project_dir, sizeof(p->place.project_dir), "%s",
                       (const char *)project.at);
    }
}

int at_verb_status(struct at_cli *cli)
{
    const char *lines = at_cli_value(cli, "lines");
    uint64_t n = LINES_DEFAULT;

    if (lines != NULL && (!at_bytes_to_u64(at_bytes_of(lines), &n) || n > AT_LOGSET_TAIL_MAX)) {
        return at_cli_fail(cli, AT_EXIT_USAGE, "--lines: \"%s\" is no number", lines);
    }
    struct page *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        return at_cli_fail(cli, AT_EXIT_FAILURE, "out of memory");
    }
    p->cli = cli;
    p->lines = (size_t)n;
    int code = at_place_find(cli, &p->place);

    if (code == 0) {
        code = at_oplink_connect(cli, &p->place, &p->link);
    }
    if (code == 0) {
        at_oplink_warn_stranger(cli, &p->link, &p->place);
        adopt_project(p);
        at_rows_init(&p->rows);
        at_arena_init(&p->arena, ARENA_FIRST, ARENA_MAX);
        code = show(p);
        at_arena_deinit(&p->arena);
        at_rows_deinit(&p->rows);
        at_oplink_close(&p->link);
    }
    free(p);
    return code;
}
