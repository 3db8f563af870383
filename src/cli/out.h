/*
 * Data on stdout: tables for people, JSON for programs, from the same rows.
 *
 * The JSON of a verb is a contract: `-o json` is one array (or one object), `-o jsonl` one object a
 * line; fields are only ever added.
 */
#ifndef AT_CLI_OUT_H
#define AT_CLI_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/text.h"
#include "cli/cli.h"
#include "pb/json.h"

/* Writes a text and a line end to cli->out. AT_EXIT_OK, or AT_EXIT_FAILURE when that failed. */
int at_out_line(struct at_cli *cli, const struct at_text *text);

/*
 * Text for people, as it is; with -o json an object with it as "text". AT_EXIT_OK, or
 * AT_EXIT_FAILURE.
 */
int at_out_page(struct at_cli *cli, const struct at_text *text);

/* The lines of text as a JSON array of strings; empty ones are left out. */
void at_out_json_lines(struct at_json_writer *j, struct at_bytes lines);

enum at_cell_kind {
    AT_CELL_NULL,
    AT_CELL_TEXT,
    AT_CELL_U64,
    AT_CELL_MILLI,
    AT_CELL_BOOL,
    AT_CELL_LIST, /* lines: an array of strings in JSON */
};

struct at_column {
    const char *title; /* "PID"; NULL: only in JSON */
    const char *field; /* "pid"; NULL: only in the table */
    bool right;        /* align right */
};

struct at_cell {
    enum at_cell_kind kind;
    uint64_t number; /* of U64, MILLI and BOOL */
    char *value;     /* of TEXT and LIST; owned */
    char *shown;     /* what the table shows when that differs; owned; NULL: the value */
    const char *colour;
};

struct at_table {
    const struct at_column *columns;
    size_t column_count;
    struct at_cell *cells; /* row after row */
    size_t cell_count;
    size_t cell_cap;
    bool failed; /* out of memory */
};

void at_table_init(struct at_table *t, const struct at_column *columns, size_t count);
void at_table_deinit(struct at_table *t);
/* Cells come in the order of the columns, row after row. Values are copied. */
void at_table_text(struct at_table *t, const char *value);
void at_table_bytes(struct at_table *t, struct at_bytes value);
/* One string a line; no bytes give an empty array. */
void at_table_list(struct at_table *t, struct at_bytes lines);
/* shown: what people see instead ("3.1M"); NULL: the number. */
void at_table_u64(struct at_table *t, uint64_t value, const char *shown);
void at_table_milli(struct at_table *t, uint64_t milli, const char *shown);
void at_table_bool(struct at_table *t, bool value);
/* null in JSON, "-" in the table. */
void at_table_null(struct at_table *t);
/* Colours the last cell: an SGR code such as "32"; static storage. */
void at_table_colour(struct at_table *t, const char *sgr);
size_t at_table_rows(const struct at_table *t);
/* As text for a terminal or pipe; widths count characters, not bytes. */
void at_table_render(const struct at_table *t, bool colour, struct at_text *out);
/* In the form that cli->output asks for. AT_EXIT_OK, or AT_EXIT_FAILURE. */
int at_table_print(const struct at_table *t, struct at_cli *cli);

#endif
