#include "cli/rows.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/oplink.h"
#include "cli/out.h"
#include "control/message.h"
#include "control/operator.h"
#include "plan/plan.h"

enum { ARENA_FIRST = 4096, ARENA_MAX = 8 << 20, NEAR_MAX = 512 };

static const struct at_column columns[] = {
    {.title = "SERVICE", .field = "service"},
    {.title = "INSTANCE", .field = "instance"},
    {.title = "STATE", .field = "state"},
    {.title = "PID", .field = "pid", .right = true},
    {.field = "reaper_pid"},
    {.field = "uid"},
    {.title = "UPTIME", .field = "uptime_ns", .right = true},
    {.title = "RESTARTS", .field = "restarts", .right = true},
    {.title = "CPU", .field = "cpu_ns", .right = true},
    {.field = "cpu_limit_milli"},
    {.title = "MEM", .field = "memory_bytes", .right = true},
    {.title = "LIMIT", .field = "memory_limit_bytes", .right = true},
    {.title = "TASKS", .field = "tasks", .right = true},
    {.field = "tasks_limit"},
    {.field = "kind"},
    {.title = "LAST EXIT", .field = "last_exit"},
    {.field = "walls_missing"},
};

void at_rows_init(struct at_rows *rows)
{
    *rows = (struct at_rows){.count = 0};
    at_arena_init(&rows->arena, ARENA_FIRST, ARENA_MAX);
}

void at_rows_deinit(struct at_rows *rows)
{
    free(rows->at);
    at_arena_deinit(&rows->arena);
}

static bool grow(struct at_rows *rows)
{
    size_t cap = rows->cap == 0 ? 32 : rows->cap * 2;
    struct at_operator_row *at;

    if (rows->count < rows->cap) {
        return true;
    }
    at = rows->count >= AT_ROWS_MAX ? NULL : realloc(rows->at, cap * sizeof(*at));
    if (at == NULL) {
        rows->failed = true;
        return false;
    }
    rows->at = at;
    rows->cap = cap;
    return true;
}

void at_rows_take(void *user, struct at_message *message)
{
    struct at_rows *rows = user;
    struct at_operator_row row;

    if (message->type != AT_OPERATOR_ROW && rows->on_other != NULL) {
        rows->on_other(rows->user, message);
    }
    if (message->type != AT_OPERATOR_ROW ||
        at_message_unpack(&at_operator_row_kind, message->body, &row) != 0 || !grow(rows)) {
        return;
    }
    struct at_bytes *all[] = {&row.service, &row.instance, &row.walls_missing, &row.last_exit,
                              &row.contracts};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char *copy = at_arena_copy(&rows->arena, *all[i]);

        if (copy == NULL) {
            rows->failed = true;
            return;
        }
        all[i]->at = (const uint8_t *)copy;
    }
    rows->at[rows->count++] = row;
}

int at_rows_ask(struct at_cli *cli, struct at_oplink *link, struct at_rows *rows)
{
    struct at_operator_ps ps = {.request = at_oplink_request(link)};
    uint64_t deadline = at_oplink_deadline(cli, 10 * AT_SECOND_NS);
    struct at_answer answer;
    int r = at_oplink_send(link, &at_operator_ps_kind, &ps, NULL, 0);

    if (r == 0) {
        r = at_oplink_finish(link, ps.request, deadline, at_rows_take, rows, &answer);
    }
    int code = at_oplink_verdict(cli, r, &answer);

    if (code == AT_EXIT_OK && rows->failed) {
        code = at_cli_fail(cli, AT_EXIT_FAILURE, "out of memory");
    }
    return code;
}

bool at_rows_match(const struct at_operator_row *row, struct at_bytes name)
{
    return at_bytes_equal(row->service, name) || at_bytes_equal(row->instance, name);
}

bool at_rows_wanted(const struct at_cli *cli, const struct at_operator_row *row)
{
    for (size_t i = 0; i < cli->word_count; i++) {
        if (at_rows_match(row, at_bytes_of(cli->words[i]))) {
            return true;
        }
    }
    return cli->word_count == 0;
}

static int unknown(struct at_cli *cli, const struct at_rows *rows, const char *word)
{
    const char *names[NEAR_MAX];
    size_t n = 0;

    for (size_t i = 0; i < rows->count && n + 2 <= NEAR_MAX; i++) {
        names[n++] = (const char *)rows->at[i].service.at;
        names[n++] = (const char *)rows->at[i].instance.at;
    }
    const char *near = at_text_nearest(at_bytes_of(word), names, n);

    return at_cli_fail(cli, AT_EXIT_UNKNOWN, "there is no service or instance \"%s\"%s%s%s", word,
                       near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
                       near == NULL ? "" : "\"?");
}

int at_rows_check_words(struct at_cli *cli, const struct at_rows *rows)
{
    for (size_t w = 0; w < cli->word_count; w++) {
        bool found = false;

        for (size_t i = 0; i < rows->count && !found; i++) {
            found = at_rows_match(&rows->at[i], at_bytes_of(cli->words[w]));
        }
        if (!found) {
            return unknown(cli, rows, cli->words[w]);
        }
    }
    return 0;
}

const char *at_rows_state_colour(uint32_t state)
{
    static const char *const colours[] = {
        [AT_LIFE_READY] = "32",       [AT_LIFE_STARTING] = "33", [AT_LIFE_STOPPING] = "33",
        [AT_LIFE_BACKING_OFF] = "33", [AT_LIFE_FAILED] = "31",   [AT_LIFE_STATES] = NULL,
    };

    return state < AT_LIFE_STATES ? colours[state] : NULL;
}

void at_rows_say_walls(struct at_cli *cli, struct at_bytes walls)
{
    struct at_bytes wall;

    while (at_bytes_cut(&walls, '\n', &wall)) {
        if (wall.len > 0) {
            at_cli_say(cli, "wall missing: %.*s", (int)wall.len, (const char *)wall.at);
        }
    }
}

static void add_u64(struct at_table *t, uint64_t value)
{
    if (value == 0) {
        at_table_null(t);
    } else {
        at_table_u64(t, value, NULL);
    }
}

static void add_size(struct at_table *t, uint64_t bytes)
{
    char shown[32];

    if (bytes == 0) {
        at_table_null(t);
        return;
    }
    at_text_format_size(bytes, shown, sizeof(shown));
    at_table_u64(t, bytes, shown);
}

static void add_duration(struct at_table *t, uint64_t ns)
{
    char shown[32];

    if (ns == 0) {
        at_table_null(t);
        return;
    }
    at_text_format_duration(ns, shown, sizeof(shown));
    at_table_u64(t, ns, shown);
}

static void add_text(struct at_table *t, struct at_bytes b)
{
    if (b.len == 0) {
        at_table_null(t);
    } else {
        at_table_bytes(t, b);
    }
}

static void add_row(struct at_table *t, const struct at_operator_row *row)
{
    at_table_bytes(t, row->service);
    at_table_bytes(t, row->instance);
    at_table_text(t, at_life_state_name(row->state));
    at_table_colour(t, at_rows_state_colour(row->state));
    add_u64(t, row->pid);
    add_u64(t, row->reaper_pid);
    at_table_u64(t, row->uid, NULL);
    add_duration(t, row->uptime_ns);
    at_table_u64(t, row->restarts, NULL);
    add_duration(t, row->cpu_ns);
    add_u64(t, row->cpu_limit_milli);
    add_size(t, row->memory_bytes);
    add_size(t, row->memory_limit_bytes);
    add_u64(t, row->pids);
    add_u64(t, row->pids_limit);
    at_table_text(t, row->kind == AT_PLAN_SERVICE ? "service" : "role");
    add_text(t, row->last_exit);
    at_table_list(t, row->walls_missing);
}

int at_rows_print(struct at_cli *cli, const struct at_rows *rows)
{
    struct at_table t;

    at_table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < rows->count; i++) {
        if (at_rows_wanted(cli, &rows->at[i])) {
            add_row(&t, &rows->at[i]);
        }
    }
    int code = at_table_print(&t, cli);

    at_table_deinit(&t);
    return code;
}
