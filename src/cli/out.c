#include "cli/out.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checks.h"
#include "base/text.h"
#include "cli/cli.h"
#include "pb/json.h"

int at_out_line(struct at_cli *cli, const struct at_text *text)
{
    cli->has_data = true;
    bool good = !text->failed && fprintf(cli->out, "%s\n", at_text_str(text)) > 0;

    return good && fflush(cli->out) == 0 ? AT_EXIT_OK : AT_EXIT_FAILURE;
}

int at_out_page(struct at_cli *cli, const struct at_text *text)
{
    struct at_text object;
    struct at_json_writer j;

    if (cli->output == AT_OUTPUT_TABLE) {
        bool good = !text->failed && fputs(at_text_str(text), cli->out) >= 0;

        return good ? AT_EXIT_OK : AT_EXIT_FAILURE;
    }
    at_text_init(&object);
    at_json_writer_init(&j, &object, 0);
    at_json_begin_object(&j);
    at_json_key(&j, "text");
    at_json_string(&j, at_text_bytes(text));
    at_json_end_object(&j);
    object.failed = object.failed || text->failed;
    int code = at_out_line(cli, &object);

    at_text_deinit(&object);
    return code;
}

void at_table_init(struct at_table *t, const struct at_column *columns, size_t count)
{
    *t = (struct at_table){.columns = columns, .column_count = count};
}

void at_table_deinit(struct at_table *t)
{
    for (size_t i = 0; i < t->cell_count; i++) {
        free(t->cells[i].value);
        free(t->cells[i].shown);
    }
    free(t->cells);
    *t = (struct at_table){.columns = NULL};
}

static void add_cell(struct at_table *t, struct at_cell cell)
{
    if (t->cell_count == t->cell_cap) {
        size_t cap = t->cell_cap == 0 ? 64 : t->cell_cap * 2;
        struct at_cell *cells = realloc(t->cells, cap * sizeof(*cells));

        if (cells == NULL) {
            t->failed = true;
            free(cell.value);
            free(cell.shown);
            return;
        }
        t->cells = cells;
        t->cell_cap = cap;
    }
    t->cells[t->cell_count++] = cell;
}

void at_table_bytes(struct at_table *t, struct at_bytes value)
{
    char *copy = malloc(value.len + 1);

    if (copy == NULL) {
        t->failed = true;
        return;
    }
    if (value.len > 0) {
        memcpy(copy, value.at, value.len);
    }
    copy[value.len] = '\0';
    add_cell(t, (struct at_cell){.kind = AT_CELL_TEXT, .value = copy});
}

void at_table_list(struct at_table *t, struct at_bytes lines)
{
    size_t before = t->cell_count;

    at_table_bytes(t, lines);
    if (t->cell_count > before) {
        t->cells[before].kind = AT_CELL_LIST;
    }
}

void at_table_text(struct at_table *t, const char *value)
{
    at_table_bytes(t, at_bytes_of(value));
}

static void add_number(struct at_table *t, enum at_cell_kind kind, uint64_t value,
                       const char *shown)
{
    char *copy = shown == NULL ? NULL : strdup(shown);

    if (shown != NULL && copy == NULL) {
        t->failed = true;
        return;
    }
    add_cell(t, (struct at_cell){.kind = kind, .number = value, .shown = copy});
}

void at_table_u64(struct at_table *t, uint64_t value, const char *shown)
{
    add_number(t, AT_CELL_U64, value, shown);
}

void at_table_milli(struct at_table *t, uint64_t milli, const char *shown)
{
    add_number(t, AT_CELL_MILLI, milli, shown);
}

void at_table_bool(struct at_table *t, bool value)
{
    add_number(t, AT_CELL_BOOL, value, NULL);
}

void at_table_null(struct at_table *t)
{
    add_number(t, AT_CELL_NULL, 0, NULL);
}

void at_table_colour(struct at_table *t, const char *sgr)
{
    if (t->cell_count > 0 && !t->failed) {
        t->cells[t->cell_count - 1].colour = sgr;
    }
}

size_t at_table_rows(const struct at_table *t)
{
    return t->column_count == 0 ? 0 : t->cell_count / t->column_count;
}

/* What people see in the cell, made safe for a terminal. */
static void add_shown(struct at_text *out, const struct at_cell *c)
{
    switch (c->kind) {
    case AT_CELL_NULL: at_text_add_char(out, '-'); return;
    case AT_CELL_BOOL: at_text_add_str(out, c->number != 0 ? "yes" : "no"); return;
    case AT_CELL_TEXT:
    case AT_CELL_LIST:
        at_text_add_visible(out, at_bytes_of(c->value[0] == '\0' ? "-" : c->value));
        return;
    case AT_CELL_U64:
    case AT_CELL_MILLI: break;
    }
    if (c->shown != NULL) {
        at_text_add_visible(out, at_bytes_of(c->shown));
    } else if (c->kind == AT_CELL_MILLI) {
        at_text_addf(out, "%llu.%03u", (unsigned long long)(c->number / 1000),
                     (unsigned)(c->number % 1000));
    } else {
        at_text_addf(out, "%llu", (unsigned long long)c->number);
    }
}

/* Characters, not bytes: continuation bytes of UTF-8 do not count. */
static size_t width_of(struct at_bytes b)
{
    size_t n = 0;

    for (size_t i = 0; i < b.len; i++) {
        n += (b.at[i] & 0xc0) != 0x80;
    }
    return n;
}

static size_t column_width(const struct at_table *t, size_t column, struct at_text *out)
{
    size_t width = strlen(t->columns[column].title);
    struct at_text cell;

    at_text_init(&cell);
    for (size_t i = column; i < t->cell_count; i += t->column_count) {
        at_text_clear(&cell);
        add_shown(&cell, &t->cells[i]);
        out->failed = out->failed || cell.failed;
        size_t w = width_of(at_text_bytes(&cell));
        width = w > width ? w : width;
    }
    at_text_deinit(&cell);
    return width;
}

static void add_padded(struct at_text *out, struct at_bytes text, size_t width, bool right,
                       bool last)
{
    size_t have = width_of(text);
    size_t pad = width > have ? width - have : 0;

    if (right) {
        at_text_addf(out, "%*s", (int)pad, "");
    }
    at_text_add(out, text);
    if (!right && !last) {
        at_text_addf(out, "%*s", (int)pad, "");
    }
}

static size_t last_titled(const struct at_table *t)
{
    size_t last = 0;

    for (size_t c = 0; c < t->column_count; c++) {
        last = t->columns[c].title != NULL ? c : last;
    }
    return last;
}

/* row == SIZE_MAX: the titles. */
static void render_row(const struct at_table *t, size_t row, const size_t *widths, bool colour,
                       struct at_text *out)
{
    size_t last = last_titled(t);
    struct at_text cell;

    at_text_init(&cell);
    for (size_t c = 0; c <= last; c++) {
        const struct at_column *column = &t->columns[c];
        const char *sgr = row == SIZE_MAX ? "1" : t->cells[row * t->column_count + c].colour;

        if (column->title == NULL) {
            continue;
        }
        at_text_clear(&cell);
        if (row == SIZE_MAX) {
            at_text_add_str(&cell, column->title);
        } else {
            add_shown(&cell, &t->cells[row * t->column_count + c]);
        }
        out->failed = out->failed || cell.failed;
        if (colour && sgr != NULL) {
            at_text_addf(out, "\033[%sm", sgr);
        }
        add_padded(out, at_text_bytes(&cell), widths[c], column->right, c == last);
        at_text_add_str(out, colour && sgr != NULL ? "\033[0m" : "");
        at_text_add_str(out, c == last ? "\n" : "  ");
    }
    at_text_deinit(&cell);
}

void at_table_render(const struct at_table *t, bool colour, struct at_text *out)
{
    size_t widths[32] = {0};

    at_check(t->column_count <= sizeof(widths) / sizeof(widths[0]));
    if (t->failed) {
        out->failed = true;
        return;
    }
    for (size_t c = 0; c < t->column_count; c++) {
        widths[c] = t->columns[c].title == NULL ? 0 : column_width(t, c, out);
    }
    render_row(t, SIZE_MAX, widths, colour, out);
    for (size_t row = 0; row < at_table_rows(t); row++) {
        render_row(t, row, widths, colour, out);
    }
}

void at_out_json_lines(struct at_json_writer *j, struct at_bytes lines)
{
    struct at_bytes line;

    at_json_begin_array(j);
    while (at_bytes_cut(&lines, '\n', &line)) {
        if (line.len > 0) {
            at_json_string(j, line);
        }
    }
    at_json_end_array(j);
}

static void cell_to_json(const struct at_cell *cell, struct at_json_writer *j)
{
    switch (cell->kind) {
    case AT_CELL_NULL: at_json_null(j); break;
    case AT_CELL_TEXT: at_json_str(j, cell->value); break;
    case AT_CELL_U64: at_json_u64(j, cell->number); break;
    case AT_CELL_MILLI: at_json_double(j, (double)cell->number / 1000.0); break;
    case AT_CELL_BOOL: at_json_bool(j, cell->number != 0); break;
    case AT_CELL_LIST: at_out_json_lines(j, at_bytes_of(cell->value)); break;
    }
}

static void row_to_json(const struct at_table *t, size_t row, struct at_json_writer *j)
{
    at_json_begin_object(j);
    for (size_t c = 0; c < t->column_count; c++) {
        if (t->columns[c].field != NULL) {
            at_json_key(j, t->columns[c].field);
            cell_to_json(&t->cells[row * t->column_count + c], j);
        }
    }
    at_json_end_object(j);
}

static int print_lines(const struct at_table *t, struct at_cli *cli)
{
    int code = AT_EXIT_OK;
    struct at_text text;

    at_text_init(&text);
    for (size_t row = 0; row < at_table_rows(t) && code == AT_EXIT_OK; row++) {
        struct at_json_writer j;

        at_text_clear(&text);
        at_json_writer_init(&j, &text, 0);
        row_to_json(t, row, &j);
        code = at_out_line(cli, &text);
    }
    at_text_deinit(&text);
    return code;
}

static int print_array(const struct at_table *t, struct at_cli *cli)
{
    struct at_text text;
    struct at_json_writer j;

    at_text_init(&text);
    at_json_writer_init(&j, &text, 0);
    at_json_begin_array(&j);
    for (size_t row = 0; row < at_table_rows(t); row++) {
        row_to_json(t, row, &j);
    }
    at_json_end_array(&j);
    int code = at_out_line(cli, &text);

    at_text_deinit(&text);
    return code;
}

static int print_table(const struct at_table *t, struct at_cli *cli)
{
    struct at_text text;

    at_text_init(&text);
    at_table_render(t, cli->out_colour, &text);
    bool good = !text.failed && fputs(at_text_str(&text), cli->out) >= 0;

    at_text_deinit(&text);
    return good ? AT_EXIT_OK : AT_EXIT_FAILURE;
}

int at_table_print(const struct at_table *t, struct at_cli *cli)
{
    if (t->failed) {
        return at_cli_fail(cli, AT_EXIT_FAILURE, "out of memory");
    }
    switch (cli->output) {
    case AT_OUTPUT_JSON: return print_array(t, cli);
    case AT_OUTPUT_JSONL: return print_lines(t, cli);
    case AT_OUTPUT_TABLE: break;
    }
    return print_table(t, cli);
}
