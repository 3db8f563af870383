/* Talk on stderr: how every verb says what it does and what went wrong. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

static const char *paint(const struct at_cli *cli, const char *code)
{
    return cli->err_colour ? code : "";
}

const struct at_cli_verb *at_cli_find_verb(const char *name)
{
    for (const struct at_cli_verb *v = at_cli_verbs(); v->name != NULL; v++) {
        if (strcmp(v->name, name) == 0) {
            return v;
        }
    }
    return NULL;
}

/* What we say may quote a file or a service's last words: made safe for the terminal. */
static void write_visible(struct at_cli *cli, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void write_visible(struct at_cli *cli, const char *format, va_list args)
{
    struct at_text raw;
    struct at_text safe;
    struct at_bytes rest;
    struct at_bytes line;

    at_text_init(&raw);
    at_text_init(&safe);
    at_text_addv(&raw, format, args);
    rest = at_text_bytes(&raw);
    for (bool first = true; at_bytes_cut(&rest, '\n', &line); first = false) {
        if (!first) {
            at_text_add_char(&safe, '\n');
        }
        at_text_add_visible(&safe, line);
    }
    (void)fputs(at_text_str(&safe), cli->err);
    at_text_deinit(&safe);
    at_text_deinit(&raw);
}

void at_cli_say(struct at_cli *cli, const char *format, ...)
{
    va_list args;

    if (cli->quiet) {
        return;
    }
    va_start(args, format);
    write_visible(cli, format, args);
    va_end(args);
    (void)fputc('\n', cli->err);
}

int at_cli_fail(struct at_cli *cli, int code, const char *format, ...)
{
    va_list args;

    fprintf(cli->err, "%satoll%s%s:%s ", paint(cli, "\033[1;31m"), cli->verb == NULL ? "" : " ",
            cli->verb == NULL ? "" : cli->verb->name, paint(cli, "\033[0m"));
    va_start(args, format);
    write_visible(cli, format, args);
    va_end(args);
    (void)fputc('\n', cli->err);
    struct at_cli_problem problem = {.line = 0};

    va_start(args, format);
    (void)vsnprintf(problem.message, sizeof(problem.message), format, args);
    va_end(args);
    at_cli_note(cli, &problem);
    return code;
}

void at_cli_note(struct at_cli *cli, const struct at_cli_problem *problem)
{
    if (cli->problem_count < AT_CLI_PROBLEMS_MAX) {
        cli->problems[cli->problem_count++] = *problem;
    }
}

/* One printf-like step so that the diag's texts pass through the same filter. */
static void write_plain(struct at_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void write_plain(struct at_cli *cli, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_visible(cli, format, args);
    va_end(args);
    (void)fputc('\n', cli->err);
}

static void note_diag(struct at_cli *cli, const struct at_diag *diag)
{
    struct at_cli_problem problem = {.line = diag->line, .col = diag->col};

    (void)snprintf(problem.message, sizeof(problem.message), "%.*s",
                   (int)sizeof(problem.message) - 1, diag->what);
    (void)snprintf(problem.hint, sizeof(problem.hint), "%.*s", (int)sizeof(problem.hint) - 1,
                   diag->hint);
    (void)snprintf(problem.file, sizeof(problem.file), "%.*s", (int)sizeof(problem.file) - 1,
                   diag->file);
    at_cli_note(cli, &problem);
}

int at_cli_diag(struct at_cli *cli, int code, const struct at_diag *diag)
{
    note_diag(cli, diag);
    if (diag->file[0] != '\0' && diag->line > 0) {
        write_plain(cli, "%s:%d:%d: %s", diag->file, diag->line, diag->col, diag->what);
    } else if (diag->file[0] != '\0') {
        write_plain(cli, "%s: %s", diag->file, diag->what);
    } else {
        at_cli_fail(cli, code, "%s", diag->what);
        cli->problem_count -= cli->problem_count < AT_CLI_PROBLEMS_MAX ? 1 : 0; /* noted above */
    }
    if (diag->hint[0] != '\0') {
        write_plain(cli, "  %s", diag->hint);
    }
    return code;
}
