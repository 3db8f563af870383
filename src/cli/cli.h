/*
 * The command line: one table of verbs makes the parser, the help, the man page atoll(1) and the
 * shell completion, so that they cannot differ.
 *
 * stdout is data, stderr is talk. A verb gets a struct at_cli, with its flags already parsed and
 * checked against its table, and returns an exit code. It writes data with cli->out, talk with
 * at_cli_say() and errors with at_cli_fail() or at_cli_diag(); it never calls exit().
 */
#ifndef AT_CLI_CLI_H
#define AT_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"

enum at_cli_exit {
    AT_EXIT_OK = 0,
    AT_EXIT_FAILURE = 1,
    AT_EXIT_USAGE = 2,       /* the command line or the configuration is wrong */
    AT_EXIT_NOT_RUNNING = 3, /* the system is not running (as systemctl is-active) */
    AT_EXIT_UNKNOWN = 4,     /* a service, instance or method of that name does not exist */
    AT_EXIT_TIMEOUT = 5,
    AT_EXIT_NOT_READY = 6, /* up: a service did not become ready; everything was stopped again */
    AT_EXIT_CALL = 64,     /* call: 64 + the gRPC status code */
    AT_EXIT_INTERRUPTED = 130,
};

enum at_cli_output { AT_OUTPUT_TABLE, AT_OUTPUT_JSON, AT_OUTPUT_JSONL };

enum {
    AT_CLI_PROBLEMS_MAX = 32, /* told as JSON; all of them are on stderr */
    AT_CLI_OPTIONS_MAX = 256, /* flags on one command line */
    AT_CLI_WORDS_MAX = 1024,  /* names on one command line */
};

/* One flag. A table of them ends with name == NULL. */
struct at_cli_option {
    const char *name;   /* "tail": --tail */
    char letter;        /* 'n': -n; 0: none */
    const char *value;  /* what help calls its value ("N"); NULL: a switch */
    const char *env;    /* the variable that stands in for it, or NULL; a switch: "1" is on */
    const char *what;   /* one sentence */
    const char *choice; /* allowed values, separated by '|', or NULL: any */
};

struct at_cli_example {
    const char *command;
    const char *what;
};

struct at_cli_exit_note {
    int code;
    const char *what;
};

struct at_cli;
typedef int at_cli_verb_fn(struct at_cli *cli);

enum at_cli_words {
    AT_WORDS_NONE,     /* completion offers nothing */
    AT_WORDS_SERVICES, /* names of services of the configuration */
    AT_WORDS_METHODS,
    AT_WORDS_VERBS,
    AT_WORDS_SHELLS,
    AT_WORDS_PROTO, /* commands of `atoll proto`, then files */
};

struct at_cli_verb {
    const char *name;
    const char *summary; /* one line, no full stop */
    const char *usage;   /* behind "atoll NAME": "[SERVICE...]", or "" */
    const char *about;   /* paragraphs, separated by an empty line */
    const struct at_cli_option *options;
    const struct at_cli_example *examples; /* end with command == NULL; NULL: none */
    const struct at_cli_exit_note *exits;  /* end with what == NULL; beyond 0, 1 and 2 */
    enum at_cli_words words;
    size_t words_min;
    size_t words_max; /* more is a usage error */
    at_cli_verb_fn *run;
    void (*add_man)(struct at_text *out); /* sections of its own manual page; NULL: none */
};

struct at_cli_given {
    const struct at_cli_option *option;
    const char *value; /* "" for a switch; borrowed from argv or the environment */
};

/* What went wrong, kept for programs. */
struct at_cli_problem {
    char message[512];
    char hint[256];
    char file[256]; /* empty: no place */
    int line;
    int col;
};

struct at_cli {
    const struct at_cli_verb *verb;
    const char *program; /* argv[0] */
    FILE *out;           /* data */
    FILE *err;           /* talk */
    bool out_is_tty;     /* live tables are welcome */
    bool err_is_tty;
    bool out_colour;
    bool err_colour;
    bool quiet;
    bool verbose;
    enum at_cli_output output;
    uint64_t timeout_ns;  /* 0: the verb's own default */
    const char *project;  /* -p: the system's name instead of the file's; NULL: not given */
    const char *files[8]; /* -f, in order */
    size_t file_count;    /* 0: look for atoll.yaml */
    const char *words[AT_CLI_WORDS_MAX];
    size_t word_count;
    struct at_cli_given given[AT_CLI_OPTIONS_MAX];
    size_t given_count;
    bool has_data; /* stdout has its JSON already; see at_cli_finish() */
    struct at_cli_problem problems[AT_CLI_PROBLEMS_MAX];
    size_t problem_count;
};

/* The tables; the verb table ends with name == NULL. */
const struct at_cli_verb *at_cli_verbs(void);
const struct at_cli_option *at_cli_global_options(void);
/* NULL when there is none. */
const struct at_cli_verb *at_cli_find_verb(const char *name);

/*
 * Reads a command line into *cli, whose out, err and the four terminal flags are already set.
 * 0, or AT_EXIT_USAGE with the message on cli->err. argv is borrowed for the life of *cli.
 * `atoll` alone and `--help` give the verb help, `--version` the verb version.
 */
int at_cli_parse(struct at_cli *cli, int argc, char **argv);
/* Was the flag given (by its long name), on the command line or by its variable? */
bool at_cli_has(const struct at_cli *cli, const char *name);
/* The last value given, or NULL. */
const char *at_cli_value(const struct at_cli *cli, const char *name);
/* The i-th value given, or NULL. */
const char *at_cli_value_at(const struct at_cli *cli, const char *name, size_t i);

/* Talk on stderr, a line; not with -q. */
void at_cli_say(struct at_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "atoll VERB: message" on stderr; returns code, so: return at_cli_fail(cli, AT_EXIT_…, "…"). */
int at_cli_fail(struct at_cli *cli, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A diag as "file:line:col: what" and its hint on stderr; returns code. */
int at_cli_diag(struct at_cli *cli, int code, const struct at_diag *diag);

/* Keeps what went wrong for at_cli_finish(); at_cli_fail() and at_cli_diag() do so themselves. */
void at_cli_note(struct at_cli *cli, const struct at_cli_problem *problem);
/*
 * After the verb: with -o json (or jsonl) a failure that left no data on stdout is an object there,
 * so that stdout is JSON whatever happens: {"error": {code, exit_code, message, problems}}.
 */
void at_cli_finish(struct at_cli *cli, int code);

/* The verbs. Each lives in verb_NAME.c; its row stands in verbs.c. */
at_cli_verb_fn at_verb_init, at_verb_up, at_verb_down, at_verb_ps, at_verb_logs, at_verb_status,
    at_verb_call, at_verb_bench, at_verb_config, at_verb_schema, at_verb_doctor, at_verb_version,
    at_verb_help, at_verb_completion, at_verb_proto, at_verb_openapi, at_verb_locks;

#endif
