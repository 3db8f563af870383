/*
 * atoll doctor: what this machine offers, without starting anything. The facts come from
 * `atolld --facts`, one a line: "state<TAB>name<TAB>text<TAB>advice", where state is ok, missing
 * or note. What we can see ourselves is added.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/place.h"

enum { FACTS_MAX = 65536 };

static const struct at_column columns[] = {
    {.title = "CHECK", .field = "name"},
    {.title = "STATE", .field = "state"},
    {.title = "WHAT", .field = "text"},
    {.field = "advice"},
};

static void add_fact(struct at_table *t, struct at_bytes name, struct at_bytes state,
                     struct at_bytes text, struct at_bytes advice)
{
    at_table_bytes(t, name);
    at_table_bytes(t, state);
    at_table_colour(t, at_bytes_equal(state, AT_LIT("ok"))        ? "32"
                       : at_bytes_equal(state, AT_LIT("missing")) ? "31"
                                                                  : "33");
    at_table_bytes(t, text);
    if (advice.len == 0) {
        at_table_null(t);
    } else {
        at_table_bytes(t, advice);
    }
}

static void add_program(struct at_table *t, const char *name)
{
    char path[PATH_MAX];
    char looked[512];
    char text[PATH_MAX + 64];

    if (at_place_program(name, path, sizeof(path), looked, sizeof(looked)) == 0) {
        add_fact(t, at_bytes_of(name), AT_LIT("ok"), at_bytes_of(path), at_bytes_of(""));
        return;
    }
    snprintf(text, sizeof(text), "not in %s", looked);
    add_fact(t, at_bytes_of(name), AT_LIT("missing"), at_bytes_of(text),
             AT_LIT("Install atoll completely, or set ATOLL_LIBEXEC to where its programs are."));
}

/* The text that `atolld --facts` prints. 0, -errno. */
static int read_facts(const char *program, struct at_text *out)
{
    int pipes[2];
    int status = 0;

    if (pipe2(pipes, O_CLOEXEC) < 0) {
        return -errno;
    }
    (void)fflush(NULL);
    pid_t pid = fork();

    if (pid == 0) {
        char *const argv[] = {(char *)(uintptr_t)"atolld", (char *)(uintptr_t)"--facts", NULL};

        dup2(pipes[1], STDOUT_FILENO);
        execv(program, argv);
        _exit(127);
    }
    at_close(&pipes[1]);
    while (pid > 0 && out->len < FACTS_MAX) {
        char *room = at_text_claim(out, 4096);
        ssize_t n = room == NULL ? 0 : read(pipes[0], room, 4096);

        out->len -= room == NULL ? 0 : 4096 - (size_t)(n > 0 ? n : 0);
        if (n <= 0 && !(n < 0 && errno == EINTR)) {
            break;
        }
    }
    at_close(&pipes[0]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return -ECHILD;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPROTO;
}

/* *ret_missing: a wall is missing. */
static int add_facts(struct at_table *t)
{
    char program[PATH_MAX];
    char looked[512];
    struct at_text text;

    if (at_place_program("atolld", program, sizeof(program), looked, sizeof(looked)) < 0) {
        return -ENOENT;
    }
    at_text_init(&text);
    int r = read_facts(program, &text);
    struct at_bytes rest = at_text_bytes(&text);
    struct at_bytes line;

    while (r == 0 && at_bytes_cut(&rest, '\n', &line)) {
        struct at_bytes state = at_bytes_of("");
        struct at_bytes name = state;
        struct at_bytes what = state;
        struct at_bytes advice = state;

        at_bytes_cut(&line, '\t', &state);
        at_bytes_cut(&line, '\t', &name);
        at_bytes_cut(&line, '\t', &what);
        at_bytes_cut(&line, '\t', &advice);
        if (name.len > 0) {
            add_fact(t, name, state, what, advice);
        }
    }
    at_text_deinit(&text);
    return r;
}

/* People get the advice below the table, where it has room. */
static void print_advice(struct at_cli *cli, const struct at_table *t)
{
    for (size_t row = 0; row < at_table_rows(t); row++) {
        const struct at_cell *cells = &t->cells[row * t->column_count];

        if (cells[3].kind == AT_CELL_TEXT) {
            fprintf(cli->out, "\n%s: %s\n", cells[0].value, cells[3].value);
        }
    }
}

int at_verb_doctor(struct at_cli *cli)
{
    static const char *const programs[] = {"atolld", "atoll-reaper", "atoll-gateway",
                                           "atoll-telemetry", "atoll-keeper"};
    struct at_table t;

    at_table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        add_program(&t, programs[i]);
    }
    int r = add_facts(&t);

    if (r < 0 && r != -ENOENT) {
        at_cli_fail(cli, 0, "atolld --facts says nothing useful; the list is short");
    }
    int code = at_table_print(&t, cli);

    if (code == AT_EXIT_OK && cli->output == AT_OUTPUT_TABLE) {
        print_advice(cli, &t);
    }
    at_table_deinit(&t);
    return code;
}
