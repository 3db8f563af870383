/* Reading a command line by the tables of verbs.c. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "cli/cli.h"

enum { CANDIDATES_MAX = 64 };

struct parse {
    struct at_cli *cli;
    int argc;
    char **argv;
    int at;          /* the argument being read */
    bool words_only; /* "--" was seen */
};

static const struct at_cli_option no_options[] = {{.name = NULL}};

static size_t count_options(const struct at_cli_option *table)
{
    size_t n = 0;

    while (table[n].name != NULL) {
        n++;
    }
    return n;
}

/* In the verb's table first: `logs -f` follows, `atoll -f FILE logs` names a file. */
static const struct at_cli_option *find_long(const struct at_cli *cli, struct at_bytes name)
{
    const struct at_cli_option *tables[] = {cli->verb == NULL ? no_options : cli->verb->options,
                                            at_cli_global_options()};

    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (size_t i = 0; i < count_options(tables[t]); i++) {
            if (at_bytes_equal(name, at_bytes_of(tables[t][i].name))) {
                return &tables[t][i];
            }
        }
    }
    return NULL;
}

static const struct at_cli_option *find_letter(const struct at_cli *cli, char letter)
{
    const struct at_cli_option *tables[] = {cli->verb == NULL ? no_options : cli->verb->options,
                                            at_cli_global_options()};

    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (size_t i = 0; i < count_options(tables[t]); i++) {
            if (tables[t][i].letter == letter) {
                return &tables[t][i];
            }
        }
    }
    return NULL;
}

static int usage_hint(struct at_cli *cli)
{
    if (cli->verb == NULL) {
        (void)fputs("Try: atoll help\n", cli->err);
    } else {
        fprintf(cli->err, "Usage: atoll %s %s\nTry: atoll help %s\n", cli->verb->name,
                cli->verb->usage, cli->verb->name);
    }
    return AT_EXIT_USAGE;
}

static int unknown_long(struct at_cli *cli, struct at_bytes name)
{
    const char *candidates[CANDIDATES_MAX];
    size_t n = 0;
    const struct at_cli_option *tables[] = {cli->verb == NULL ? no_options : cli->verb->options,
                                            at_cli_global_options()};

    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (size_t i = 0; i < count_options(tables[t]) && n < CANDIDATES_MAX; i++) {
            candidates[n++] = tables[t][i].name;
        }
    }
    const char *near = at_text_nearest(name, candidates, n);

    at_cli_fail(cli, AT_EXIT_USAGE, "there is no flag --%.*s%s%s%s", (int)name.len,
                (const char *)name.at, near == NULL ? "" : "; did you mean --",
                near == NULL ? "" : near, near == NULL ? "" : "?");
    return usage_hint(cli);
}

static int unknown_verb(struct at_cli *cli, const char *word)
{
    const char *candidates[CANDIDATES_MAX];
    size_t n = 0;

    for (const struct at_cli_verb *v = at_cli_verbs(); v->name != NULL && n < CANDIDATES_MAX; v++) {
        candidates[n++] = v->name;
    }
    const char *near = at_text_nearest(at_bytes_of(word), candidates, n);

    at_cli_fail(cli, AT_EXIT_USAGE, "there is no verb \"%s\"%s%s%s", word,
                near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
                near == NULL ? "" : "\"?");
    return usage_hint(cli);
}

static bool is_choice(const char *choices, const char *value)
{
    struct at_bytes rest = at_bytes_of(choices);
    struct at_bytes piece;

    while (at_bytes_cut(&rest, '|', &piece)) {
        if (at_bytes_equal(piece, at_bytes_of(value))) {
            return true;
        }
    }
    return false;
}

static int keep(struct at_cli *cli, const struct at_cli_option *option, const char *value)
{
    if (option->choice != NULL && !is_choice(option->choice, value)) {
        at_cli_fail(cli, AT_EXIT_USAGE, "--%s is one of %s, not \"%s\"", option->name,
                    option->choice, value);
        return usage_hint(cli);
    }
    if (cli->given_count == AT_CLI_OPTIONS_MAX) {
        return at_cli_fail(cli, AT_EXIT_USAGE, "more than %d flags on one command line",
                           AT_CLI_OPTIONS_MAX);
    }
    cli->given[cli->given_count++] = (struct at_cli_given){.option = option, .value = value};
    return 0;
}

/* The value of an option that wants one: what stands behind it, or the next argument. */
static int take_value(struct parse *p, const struct at_cli_option *option, const char *attached)
{
    if (attached != NULL) {
        return keep(p->cli, option, attached);
    }
    if (p->at + 1 >= p->argc) {
        at_cli_fail(p->cli, AT_EXIT_USAGE, "--%s needs a value: --%s %s", option->name,
                    option->name, option->value);
        return usage_hint(p->cli);
    }
    p->at++;
    return keep(p->cli, option, p->argv[p->at]);
}

static int read_long(struct parse *p, const char *arg)
{
    struct at_bytes name = at_bytes_of(arg);
    size_t eq = at_bytes_index(name, '=');
    const char *attached = eq < name.len ? arg + eq + 1 : NULL;

    name = at_bytes_before(name, eq);
    const struct at_cli_option *option = find_long(p->cli, name);

    if (option == NULL) {
        return unknown_long(p->cli, name);
    }
    if (option->value != NULL) {
        return take_value(p, option, attached);
    }
    if (attached != NULL) {
        at_cli_fail(p->cli, AT_EXIT_USAGE, "--%s takes no value", option->name);
        return usage_hint(p->cli);
    }
    return keep(p->cli, option, "");
}

static int read_letters(struct parse *p, const char *letters)
{
    while (*letters != '\0') {
        const struct at_cli_option *option = find_letter(p->cli, *letters);

        if (option == NULL) {
            at_cli_fail(p->cli, AT_EXIT_USAGE, "there is no flag -%c", *letters);
            return usage_hint(p->cli);
        }
        letters++;
        if (option->value != NULL) {
            const char *attached = *letters == '=' ? letters + 1 : letters;

            return take_value(p, option, *letters == '\0' ? NULL : attached);
        }
        int r = keep(p->cli, option, "");
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

static int read_word(struct parse *p, const char *word)
{
    struct at_cli *cli = p->cli;

    if (cli->verb == NULL) {
        cli->verb = at_cli_find_verb(word);
        return cli->verb == NULL ? unknown_verb(cli, word) : 0;
    }
    if (cli->word_count == AT_CLI_WORDS_MAX) {
        return at_cli_fail(cli, AT_EXIT_USAGE, "more than %d names on one command line",
                           AT_CLI_WORDS_MAX);
    }
    cli->words[cli->word_count++] = word;
    return 0;
}

static int read_argument(struct parse *p)
{
    const char *arg = p->argv[p->at];

    if (p->words_only || arg[0] != '-' || arg[1] == '\0') {
        return read_word(p, arg);
    }
    if (strcmp(arg, "--") == 0) {
        p->words_only = true;
        return 0;
    }
    return arg[1] == '-' ? read_long(p, arg + 2) : read_letters(p, arg + 1);
}

static bool env_is_on(const char *value)
{
    return value[0] != '\0' && strcmp(value, "0") != 0 && strcmp(value, "false") != 0;
}

/* The environment stands in for flags that were not given. */
static int read_environment(struct at_cli *cli, const struct at_cli_option *table)
{
    for (size_t i = 0; i < count_options(table); i++) {
        const char *value = table[i].env == NULL ? NULL : getenv(table[i].env);

        if (value == NULL || value[0] == '\0' || at_cli_has(cli, table[i].name)) {
            continue;
        }
        if (table[i].value == NULL && !env_is_on(value)) {
            continue;
        }
        int r = keep(cli, &table[i], table[i].value == NULL ? "" : value);
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

static int apply_timeout(struct at_cli *cli)
{
    const char *value = at_cli_value(cli, "timeout");

    if (value == NULL || at_text_parse_duration(at_bytes_of(value), &cli->timeout_ns)) {
        return 0;
    }
    uint64_t bare;
    bool is_number = at_bytes_to_u64(at_bytes_of(value), &bare);

    at_cli_fail(cli, AT_EXIT_USAGE,
                "--timeout: \"%s\" is no duration such as 500ms, 3s or 1m30s%s%s%s", value,
                is_number ? "; did you mean " : "", is_number ? value : "", is_number ? "s?" : "");
    return usage_hint(cli);
}

static void apply_colour(struct at_cli *cli)
{
    const char *no = getenv("NO_COLOR");
    const char *force = getenv("CLICOLOR_FORCE");
    const char *term = getenv("TERM");
    bool dumb = term == NULL || strcmp(term, "dumb") == 0;

    cli->out_colour = cli->out_is_tty && !dumb;
    cli->err_colour = cli->err_is_tty && !dumb;
    if (force != NULL && env_is_on(force)) {
        cli->out_colour = true;
        cli->err_colour = true;
    }
    if ((no != NULL && no[0] != '\0') || at_cli_has(cli, "no-color")) {
        cli->out_colour = false;
        cli->err_colour = false;
    }
}

static enum at_cli_output output_of(const char *value)
{
    if (value != NULL && strcmp(value, "json") == 0) {
        return AT_OUTPUT_JSON;
    }
    return value != NULL && strcmp(value, "jsonl") == 0 ? AT_OUTPUT_JSONL : AT_OUTPUT_TABLE;
}

static int apply_globals(struct at_cli *cli)
{
    const char *output = at_cli_value(cli, "output");
    const char *file;

    cli->quiet = at_cli_has(cli, "quiet");
    cli->verbose = at_cli_has(cli, "verbose");
    cli->project = at_cli_value(cli, "project");
    cli->output = output_of(output);
    for (size_t i = 0; (file = at_cli_value_at(cli, "file", i)) != NULL; i++) {
        if (i == sizeof(cli->files) / sizeof(cli->files[0])) {
            return at_cli_fail(cli, AT_EXIT_USAGE, "--file may be given at most %zu times", i);
        }
        cli->files[cli->file_count++] = file;
    }
    apply_colour(cli);
    return apply_timeout(cli);
}

static int check_words(struct at_cli *cli)
{
    if (cli->word_count < cli->verb->words_min) {
        at_cli_fail(cli, AT_EXIT_USAGE, "something is missing");
        return usage_hint(cli);
    }
    if (cli->word_count > cli->verb->words_max) {
        at_cli_fail(cli, AT_EXIT_USAGE, "\"%s\" is one word too many",
                    cli->words[cli->verb->words_max]);
        return usage_hint(cli);
    }
    return 0;
}

/* `atoll up --help` is `atoll help up`; `atoll --version` is `atoll version`. */
static void redirect(struct at_cli *cli)
{
    if (at_cli_has(cli, "help")) {
        cli->word_count = 0;
        if (cli->verb != NULL) {
            cli->words[cli->word_count++] = cli->verb->name;
        }
        cli->verb = at_cli_find_verb("help");
    } else if (cli->verb == NULL) {
        cli->verb = at_cli_find_verb(at_cli_has(cli, "version") ? "version" : "help");
    }
}

/* In what form the mistake in the command line is wanted: whoever made it may have said so. */
static int refuse(struct at_cli *cli, int argc, char **argv, int code)
{
    const char *value = getenv("ATOLL_OUTPUT");

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--output=", 9) == 0) {
            value = argv[i] + 9;
        } else if ((strcmp(argv[i], "-o") == 0 || strcmp(argv[i], "--output") == 0) &&
                   i + 1 < argc) {
            value = argv[i + 1];
        } else if (strncmp(argv[i], "-o", 2) == 0) {
            value = argv[i] + (argv[i][2] == '=' ? 3 : 2);
        }
    }
    cli->output = output_of(value);
    return code;
}

int at_cli_parse(struct at_cli *cli, int argc, char **argv)
{
    struct parse p = {.cli = cli, .argc = argc, .argv = argv};

    cli->program = argc > 0 ? argv[0] : "atoll";
    for (p.at = 1; p.at < argc; p.at++) {
        int r = read_argument(&p);
        if (r != 0) {
            return refuse(cli, argc, argv, r);
        }
    }
    redirect(cli);
    int r = read_environment(cli, cli->verb->options);
    if (r == 0) {
        r = read_environment(cli, at_cli_global_options());
    }
    if (r == 0) {
        r = apply_globals(cli);
    }
    if (r == 0) {
        r = check_words(cli);
    }
    return r == 0 ? 0 : refuse(cli, argc, argv, r);
}

const char *at_cli_value_at(const struct at_cli *cli, const char *name, size_t i)
{
    for (size_t g = 0; g < cli->given_count; g++) {
        if (strcmp(cli->given[g].option->name, name) == 0 && i-- == 0) {
            return cli->given[g].value;
        }
    }
    return NULL;
}

const char *at_cli_value(const struct at_cli *cli, const char *name)
{
    const char *last = NULL;

    for (size_t g = 0; g < cli->given_count; g++) {
        if (strcmp(cli->given[g].option->name, name) == 0) {
            last = cli->given[g].value;
        }
    }
    return last;
}

bool at_cli_has(const struct at_cli *cli, const char *name)
{
    return at_cli_value(cli, name) != NULL;
}
