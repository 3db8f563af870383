#include "cli/progress.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/rows.h"
#include "control/operator.h"
#include "pb/json.h"

enum { WIDTH_DEFAULT = 100, HEIGHT_DEFAULT = 24 };

static const char *const marks[AT_LIFE_STATES] = {
    [AT_LIFE_DOWN] = " ",
    [AT_LIFE_WAITING] = "\xc2\xb7",
    [AT_LIFE_STARTING] = "\xe2\x80\xa6",
    [AT_LIFE_READY] = "\xe2\x9c\x94",
    [AT_LIFE_STOPPING] = "\xe2\x80\xa6",
    [AT_LIFE_BACKING_OFF] = "\xe2\x86\xbb",
    [AT_LIFE_FAILED] = "\xe2\x9c\x98",
};

void at_progress_init(struct at_progress *p, struct at_cli *cli)
{
    *p = (struct at_progress){.cli = cli};
    p->live = cli->err_is_tty && !cli->quiet && cli->output == AT_OUTPUT_TABLE;
}

void at_progress_deinit(struct at_progress *p)
{
    free(p->rows);
    p->rows = NULL;
}

static void copy_name(char *out, struct at_bytes name)
{
    snprintf(out, AT_PROGRESS_NAME_MAX, "%.*s", (int)name.len,
             name.len == 0 ? "" : (const char *)name.at);
}

static struct at_progress_row *row_of(struct at_progress *p, struct at_bytes instance,
                                      struct at_bytes service)
{
    for (size_t i = 0; i < p->count; i++) {
        if (at_bytes_equal(at_bytes_of(p->rows[i].instance), instance)) {
            return &p->rows[i];
        }
    }
    if (instance.len >= AT_PROGRESS_NAME_MAX || p->count == AT_PROGRESS_ROWS_MAX) {
        return NULL;
    }
    if (p->count == p->cap) {
        size_t cap = p->cap == 0 ? 32 : p->cap * 2;
        struct at_progress_row *rows = realloc(p->rows, cap * sizeof(*rows));

        if (rows == NULL) {
            return NULL;
        }
        p->rows = rows;
        p->cap = cap;
    }
    struct at_progress_row *row = &p->rows[p->count++];

    *row = (struct at_progress_row){.state = AT_LIFE_DOWN};
    copy_name(row->instance, instance);
    copy_name(row->service, service);
    return row;
}

static void keep_reason(struct at_progress_row *row, struct at_bytes reason)
{
    struct at_text safe;

    at_text_init(&safe);
    at_text_add_visible(&safe, reason);
    snprintf(row->reason, sizeof(row->reason), "%s", at_text_str(&safe));
    at_text_deinit(&safe);
}

static size_t name_width(const struct at_progress *p)
{
    size_t width = 8;

    for (size_t i = 0; i < p->count; i++) {
        size_t len = strlen(p->rows[i].instance);
        width = len > width ? len : width;
    }
    return width;
}

static void screen(size_t *ret_width, size_t *ret_height)
{
    struct winsize w;

    *ret_width = WIDTH_DEFAULT;
    *ret_height = HEIGHT_DEFAULT;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 && w.ws_row > 2) {
        *ret_width = w.ws_col;
        *ret_height = w.ws_row;
    }
}

/* "cart.1 exited with code 1" beside "cart.1": without the name. */
const char *at_progress_cause(const struct at_progress_row *row)
{
    size_t len = strlen(row->instance);

    if (strncmp(row->reason, row->instance, len) == 0 && row->reason[len] == ' ') {
        return row->reason + len + 1;
    }
    return row->reason;
}

/* "cart.1   ready         41 ms   reason", cut at width characters (it holds no wide ones). */
static void add_row(struct at_text *out, const struct at_progress *p,
                    const struct at_progress_row *row, size_t width)
{
    char took[32] = "";
    char line[1024];

    if (row->took_ns != 0 && row->state == AT_LIFE_READY) {
        at_text_format_duration(row->took_ns, took, sizeof(took));
    }
    int n = snprintf(line, sizeof(line), "%-*s  %-11s %8s  %s", (int)name_width(p), row->instance,
                     at_life_state_name(row->state), took,
                     row->state == AT_LIFE_READY ? "" : at_progress_cause(row));
    size_t len = n < 0 ? 0 : (size_t)n;

    len = len < sizeof(line) ? len : sizeof(line) - 1;
    len = len > width ? width : len;
    while (len > 0 && (line[len - 1] == ' ' || (line[len] & 0xc0) == 0x80)) {
        len--;
    }
    at_text_add(out, at_bytes_over(line, len));
}

static void draw(struct at_progress *p)
{
    struct at_text out;
    size_t width;
    size_t height;

    screen(&width, &height);
    if (p->count + 2 > height) {
        p->live = false; /* it does not fit: lines from now on */
        p->settled = true;
        return;
    }
    at_text_init(&out);
    if (p->drawn_lines > 0) {
        at_text_addf(&out, "\033[%zuA", p->drawn_lines);
    }
    for (size_t i = 0; i < p->count; i++) {
        const char *sgr = p->cli->err_colour ? at_rows_state_colour(p->rows[i].state) : NULL;

        at_text_addf(&out, "\r\033[2K %s%s%s%s%s ", sgr == NULL ? "" : "\033[",
                     sgr == NULL ? "" : sgr, sgr == NULL ? "" : "m", marks[p->rows[i].state],
                     sgr == NULL ? "" : "\033[0m");
        add_row(&out, p, &p->rows[i], width - 4);
        at_text_add_char(&out, '\n');
    }
    (void)fputs(at_text_str(&out), p->cli->err);
    (void)fflush(p->cli->err);
    p->drawn_lines = p->count;
    at_text_deinit(&out);
}

/* Is it the first time, since it was ready, that this ends it? */
static bool is_news(struct at_progress_row *row)
{
    uint64_t hash = at_bytes_hash(at_bytes_of(row->reason), 0);

    for (size_t i = 0; i < row->cause_count; i++) {
        if (row->causes[i] == hash) {
            return false;
        }
    }
    if (row->cause_count < AT_PROGRESS_CAUSES_MAX) {
        row->causes[row->cause_count++] = hash;
        return true;
    }
    return false;
}

/* In a pipe only what ends a wait or needs a reader is a line. */
static void tell(struct at_progress *p, struct at_progress_row *row, bool changed)
{
    char took[32];

    if (row->state == AT_LIFE_READY && changed) {
        at_text_format_duration(row->took_ns, took, sizeof(took));
        at_cli_say(p->cli, "%-*s  ready%s  %s", (int)name_width(p), row->instance,
                   row->restarts > 0 ? " again" : "", took);
        row->cause_count = 0;
    } else if (row->state == AT_LIFE_FAILED || row->state == AT_LIFE_BACKING_OFF ||
               (row->reason[0] != '\0' && changed &&
                (row->state == AT_LIFE_DOWN || row->state == AT_LIFE_STARTING))) {
        if (!is_news(row) && !p->cli->verbose) {
            return;
        }
        at_cli_say(p->cli, "%-*s  %s: %s", (int)name_width(p), row->instance,
                   row->state == AT_LIFE_STARTING ? "starting again"
                                                  : at_life_state_name(row->state),
                   at_progress_cause(row));
    } else if (p->cli->verbose && changed) {
        at_cli_say(p->cli, "%-*s  %s%s%s", (int)name_width(p), row->instance,
                   at_life_state_name(row->state), row->reason[0] == '\0' ? "" : ": ",
                   at_progress_cause(row));
    }
}

static void print_json(struct at_progress *p, const struct at_operator_event *e)
{
    static const char *const types[] = {"?", "state", "note", "system"};
    struct at_text text;
    struct at_json_writer j;
    char when[40];

    at_time_format(e->wall_ns, when, sizeof(when));
    at_text_init(&text);
    at_json_writer_init(&j, &text, 0);
    at_json_begin_object(&j);
    at_json_key(&j, "time");
    at_json_str(&j, when);
    at_json_key(&j, "type");
    at_json_str(&j, types[e->type <= AT_EVENT_SYSTEM ? e->type : 0]);
    at_json_key(&j, "service");
    at_json_string(&j, e->service);
    at_json_key(&j, "instance");
    at_json_string(&j, e->instance);
    at_json_key(&j, "state");
    at_json_str(&j, at_life_state_name(e->state));
    at_json_key(&j, "pid");
    at_json_u64(&j, e->pid);
    at_json_key(&j, "restarts");
    at_json_u64(&j, e->restarts);
    at_json_key(&j, "took_ns");
    at_json_u64(&j, e->took_ns);
    at_json_key(&j, "reason");
    at_json_string(&j, e->reason);
    at_json_end_object(&j);
    (void)at_out_line(p->cli, &text);
    p->cli->has_data = false; /* a failure is one more object */
    at_text_deinit(&text);
}

/* Ends before ready are counted, and how long the start had taken by then. */
static void count_end(struct at_progress_row *row, uint32_t before, bool has_reason)
{
    uint64_t now = at_now_ns();
    bool is_new_life = row->state == AT_LIFE_STARTING && (before != row->state || has_reason);

    if (row->state == AT_LIFE_READY) {
        row->early_ends = 0;
        row->longest_start_ns = 0;
    } else if (before == AT_LIFE_STARTING && has_reason &&
               (row->state == AT_LIFE_STARTING || row->state == AT_LIFE_BACKING_OFF)) {
        uint64_t took = now - row->starting_ns;

        row->early_ends++;
        row->longest_start_ns = took > row->longest_start_ns ? took : row->longest_start_ns;
    }
    if (is_new_life) {
        row->starting_ns = now;
    }
}

static void take(struct at_progress_row *row, const struct at_operator_event *e)
{
    uint32_t before = row->state;
    bool has_reason = e->type == AT_EVENT_STATE && e->reason.len > 0;

    row->state = e->state < AT_LIFE_STATES ? e->state : AT_LIFE_DOWN;
    row->kind = e->kind;
    row->restarts = e->restarts;
    row->took_ns = e->took_ns;
    row->was_ready = row->was_ready || row->state == AT_LIFE_READY;
    count_end(row, before, has_reason);
    /* Stopping everything after a failure must not hide whose failure it was, and why. */
    if (!row->is_culprit || row->state == AT_LIFE_FAILED || row->state == AT_LIFE_READY ||
        (has_reason && (row->state == AT_LIFE_STARTING || row->state == AT_LIFE_BACKING_OFF))) {
        keep_reason(row, e->reason);
    }
    row->is_culprit =
        row->state != AT_LIFE_READY && (row->is_culprit || row->state == AT_LIFE_FAILED ||
                                        row->state == AT_LIFE_BACKING_OFF || row->early_ends > 0);
}

void at_progress_event(struct at_progress *p, const struct at_operator_event *e)
{
    if (p->cli->output == AT_OUTPUT_JSONL) {
        print_json(p, e);
    }
    if (e->type == AT_EVENT_SYSTEM) {
        if (p->cli->verbose && e->reason.len > 0) {
            at_cli_say(p->cli, "%.*s", (int)e->reason.len, (const char *)e->reason.at);
        }
        return;
    }
    struct at_progress_row *row = row_of(p, e->instance, e->service);

    if (row == NULL) {
        return;
    }
    uint32_t before = row->state;

    take(row, e);
    if (p->live && !p->settled) {
        draw(p);
    } else {
        tell(p, row, row->state != before);
    }
}

void at_progress_settle(struct at_progress *p)
{
    p->settled = true;
    p->drawn_lines = 0;
}

size_t at_progress_ready(const struct at_progress *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->count; i++) {
        n += p->rows[i].state == AT_LIFE_READY;
    }
    return n;
}
