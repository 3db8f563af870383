/* atoll config: every mistake with its place, and the resolved file. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "cli/out.h"
#include "plan/plan.h"

enum { PROFILES_MAX = 64 };

struct run {
    struct at_cli *cli;
    struct at_config_errors errors;
    struct at_config *config;
};

/* Mistakes and warnings: for people on stderr, as JSON on stdout when a program asked. */
static void print_errors(struct run *run, bool as_data)
{
    struct at_text text;

    at_text_init(&text);
    if (as_data) {
        at_config_errors_json(&run->errors, &text);
    } else {
        at_config_errors_print(&run->errors, &text);
    }
    (void)fputs(at_text_str(&text), as_data ? run->cli->out : run->cli->err);
    run->cli->has_data = run->cli->has_data || as_data;
    at_text_deinit(&text);
}

static void print_names_json(struct run *run, const struct at_plan *plan)
{
    const char *comma = "";
    struct at_text text;

    at_text_init(&text);
    at_text_add_char(&text, '[');
    for (size_t i = 0; i < plan->service_count; i++) {
        if (plan->services[i].kind == AT_PLAN_SERVICE) {
            at_text_addf(&text, "%s\"%s\"", comma, plan->services[i].name); /* [a-z0-9_-] */
            comma = ",";
        }
    }
    at_text_add_char(&text, ']');
    (void)at_out_line(run->cli, &text);
    at_text_deinit(&text);
}

static void print_names(struct run *run)
{
    const struct at_plan *plan = at_config_plan_view(run->config);

    if (run->cli->output == AT_OUTPUT_JSON) {
        print_names_json(run, plan);
        return;
    }
    for (size_t i = 0; i < plan->service_count; i++) {
        if (plan->services[i].kind == AT_PLAN_SERVICE) {
            (void)fprintf(run->cli->out, "%s\n", plan->services[i].name);
        }
    }
}

static void print_config(struct run *run)
{
    struct at_text text;

    at_text_init(&text);
    if (run->cli->output == AT_OUTPUT_TABLE) {
        at_config_print_yaml(run->config, &text);
    } else {
        at_config_print_json(run->config, &text);
    }
    (void)fputs(at_text_str(&text), run->cli->out);
    at_text_deinit(&text);
}

/* Contracts are read too, so that a check finds what `up` would. */
static int load(struct run *run, const struct at_config_options *options, bool check)
{
    int r = at_config_load(options, &run->config, &run->errors);

    if (r == 0 && check) {
        struct at_config_files files = {-1, -1};

        r = at_config_plan(run->config, &files, &run->errors);
        at_close(&files.plan_fd);
        at_close(&files.contracts_fd);
    }
    return r;
}

static int finish(struct run *run, int r, bool check)
{
    bool as_data = (check || r != 0) && run->cli->output != AT_OUTPUT_TABLE;

    if (r < 0) {
        return at_cli_fail(run->cli, AT_EXIT_FAILURE, "%s", strerror(-r));
    }
    print_errors(run, as_data);
    if (r != 0) {
        return AT_EXIT_USAGE;
    }
    if (at_cli_has(run->cli, "services")) {
        print_names(run);
    } else if (!check && (!run->cli->quiet || run->cli->output != AT_OUTPUT_TABLE)) {
        print_config(run);
    }
    return AT_EXIT_OK;
}

int at_verb_config(struct at_cli *cli)
{
    const char *profiles[PROFILES_MAX];
    bool check = at_cli_has(cli, "check");
    struct run run = {.cli = cli};
    struct at_config_options options = {
        .files = cli->file_count > 0 ? cli->files : NULL,
        .file_count = cli->file_count,
        .name = cli->project,
        .profiles = profiles,
        .environ = (const char *const *)environ,
    };
    int r;

    while (options.profile_count < PROFILES_MAX &&
           at_cli_value_at(cli, "profile", options.profile_count) != NULL) {
        profiles[options.profile_count] = at_cli_value_at(cli, "profile", options.profile_count);
        options.profile_count++;
    }
    at_config_errors_init(&run.errors);
    r = finish(&run, load(&run, &options, check), check);
    run.config = at_config_free(run.config);
    at_config_errors_deinit(&run.errors);
    return r;
}
