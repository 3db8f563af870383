/* Verbs whose file has not landed yet. A row goes when its file comes. */
#include "cli/cli.h"

#define TODO(name)                                                                                 \
    int at_verb_##name(struct at_cli *cli)                                                         \
    {                                                                                              \
        return at_cli_fail(cli, AT_EXIT_FAILURE, "not built yet");                                 \
    }

TODO(call)
TODO(config)
TODO(schema)

/* The configuration has not landed either. */
#include "cli/config.h"

__attribute__((weak)) int at_config_load(const struct at_config_options *options,
                                         struct at_config **ret, struct at_config_errors *errors)
{
    return -1;
}

__attribute__((weak)) int at_config_plan(struct at_config *config, struct at_config_files *ret,
                                         struct at_config_errors *errors)
{
    return -1;
}

__attribute__((weak)) struct at_config *at_config_free(struct at_config *config)
{
    return NULL;
}

__attribute__((weak)) const char *at_config_name(const struct at_config *config)
{
    return "";
}

__attribute__((weak)) const char *at_config_project_dir(const struct at_config *config)
{
    return "";
}

__attribute__((weak)) const struct at_plan *at_config_plan_view(const struct at_config *config)
{
    return NULL;
}

__attribute__((weak)) void at_config_errors_init(struct at_config_errors *errors)
{
}

__attribute__((weak)) void at_config_errors_deinit(struct at_config_errors *errors)
{
}

__attribute__((weak)) void at_config_errors_print(const struct at_config_errors *errors,
                                                  struct at_text *out)
{
}

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "plan/limits.h"

__attribute__((weak)) int at_config_identify(const struct at_config_options *options,
                                             char *out_name, char *out_dir)
{
    const char *slash;

    if (getcwd(out_dir, AT_PLAN_PATH_MAX) == NULL) {
        return -1;
    }
    slash = strrchr(out_dir, '/');
    snprintf(out_name, AT_PLAN_NAME_MAX + 1, "%s",
             options->name != NULL ? options->name : slash + 1);
    return access("atoll.yaml", R_OK) == 0 ? 0 : AT_CONFIG_NO_FILE;
}
