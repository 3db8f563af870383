#include "cli/load.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/config.h"

enum { PROFILES_MAX = 32 };

/* Names on the command line that the files do not have are exit code 4, mistakes in them are 2. */
static int code_of(const struct at_config_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++) {
        if (!errors->at[i].warning &&
            (errors->at[i].code != AT_CONFIG_UNKNOWN_NAME || errors->at[i].file[0] != '\0')) {
            return AT_EXIT_USAGE;
        }
    }
    return AT_EXIT_UNKNOWN;
}

static void print_errors(struct at_cli *cli, bool warn, const struct at_config_errors *errors)
{
    struct at_text text;

    for (size_t i = 0; i < errors->count; i++) {
        const struct at_config_error *e = &errors->at[i];
        struct at_cli_problem problem = {.line = e->line, .col = e->col};

        if (!e->warning) {
            (void)snprintf(problem.message, sizeof(problem.message), "%s", e->message);
            (void)snprintf(problem.hint, sizeof(problem.hint), "%s", e->hint);
            (void)snprintf(problem.file, sizeof(problem.file), "%s", e->file);
            at_cli_note(cli, &problem);
        }
    }
    at_text_init(&text);
    if (errors->wrong > 0 || (warn && !cli->quiet)) {
        at_config_errors_print(errors, &text);
        (void)fputs(at_text_str(&text), cli->err);
    }
    at_text_deinit(&text);
}

static int read_files(struct at_cli *cli, struct at_config_options *options, struct at_load *ret,
                      struct at_config_errors *errors)
{
    const char *profiles[PROFILES_MAX];

    options->profiles = profiles;
    while (options->profile_count < PROFILES_MAX &&
           (profiles[options->profile_count] =
                at_cli_value_at(cli, "profile", options->profile_count)) != NULL) {
        options->profile_count++;
    }
    int r = at_config_load(options, &ret->config, errors);

    options->profiles = NULL;
    return r == 0 ? at_config_plan(ret->config, &ret->files, errors) : r;
}

static void find_place(struct at_load *load)
{
    (void)snprintf(load->place.system, sizeof(load->place.system), "%s",
                   at_config_name(load->config));
    (void)snprintf(load->place.project_dir, sizeof(load->place.project_dir), "%s",
                   at_config_project_dir(load->config));
}

int at_load(struct at_cli *cli, const char *const *services, size_t count, bool warn,
            struct at_load *ret)
{
    struct at_config_errors errors;
    struct at_config_options options = {.files = cli->files,
                                        .file_count = cli->file_count,
                                        .name = cli->project,
                                        .services = services,
                                        .service_count = count,
                                        .environ = (const char *const *)environ};
    int code = 0;

    *ret = (struct at_load){.files = {.plan_fd = -1, .contracts_fd = -1}};
    at_config_errors_init(&errors);
    int r = read_files(cli, &options, ret, &errors);

    print_errors(cli, warn, &errors);
    if (r > 0) {
        code = r == AT_CONFIG_NO_FILE ? AT_EXIT_USAGE : code_of(&errors);
    } else if (r < 0) {
        code = at_cli_fail(cli, AT_EXIT_FAILURE, "the plan cannot be made: %s", strerror(-r));
    }
    at_config_errors_deinit(&errors);
    if (code != 0) {
        at_load_deinit(ret);
        return code;
    }
    find_place(ret);
    return 0;
}

void at_load_deinit(struct at_load *load)
{
    load->config = at_config_free(load->config);
    at_close(&load->files.plan_fd);
    at_close(&load->files.contracts_fd);
}
