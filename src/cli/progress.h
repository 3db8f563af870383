/*
 * What `up` shows while services become ready: on a terminal a table that is drawn over itself, in
 * a pipe a line for each change that matters, with -o jsonl an object for each event. All of it is
 * talk, on stderr, but for the objects.
 */
#ifndef AT_CLI_PROGRESS_H
#define AT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/cli.h"
#include "control/operator.h"

enum {
    AT_PROGRESS_NAME_MAX = 96,
    AT_PROGRESS_REASON_MAX = 512,
    AT_PROGRESS_ROWS_MAX = 2048, /* a supervisor that makes up instances */
    AT_PROGRESS_CAUSES_MAX = 8,  /* different causes of one instance that are told */
};

struct at_progress_row {
    char instance[AT_PROGRESS_NAME_MAX];
    char service[AT_PROGRESS_NAME_MAX];
    uint32_t state; /* enum at_life_state */
    uint32_t kind;
    uint32_t restarts;
    uint64_t took_ns;
    uint32_t early_ends;       /* in a row, each before it was ready */
    uint64_t starting_ns;      /* when its process was made */
    uint64_t longest_start_ns; /* of those that ended early */
    bool was_ready;
    bool is_culprit; /* it failed, or could not stay up, before everything was ready */
    uint64_t causes[AT_PROGRESS_CAUSES_MAX]; /* hashes of what was told since it was ready */
    size_t cause_count;
    char reason[AT_PROGRESS_REASON_MAX];
};

struct at_progress {
    struct at_cli *cli;
    struct at_progress_row *rows;
    size_t count;
    size_t cap;
    bool live;          /* draw over itself */
    bool settled;       /* the table stands; from now on changes are lines */
    size_t drawn_lines; /* of the table, above the cursor */
};

void at_progress_init(struct at_progress *p, struct at_cli *cli);
void at_progress_deinit(struct at_progress *p);
/* Takes an event in and shows it. */
void at_progress_event(struct at_progress *p, const struct at_operator_event *e);
/* The table stays as it is. */
void at_progress_settle(struct at_progress *p);
/* Its reason without its own name before it. */
const char *at_progress_cause(const struct at_progress_row *row);
/* Rows that are ready, of those that are services or roles. */
size_t at_progress_ready(const struct at_progress *p);

#endif
