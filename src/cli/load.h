/* The configuration as `up` and `call` need it: loaded, planned, its mistakes said on stderr. */
#ifndef AT_CLI_LOAD_H
#define AT_CLI_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/cli.h"
#include "cli/config.h"
#include "cli/place.h"

struct at_load {
    struct at_config *config;
    struct at_config_files files;
    struct at_place place;
};

/*
 * By -f, -p, --profile and the environment; with names only those services and what they need.
 * warn: say warnings too (never with -q). 0 and *ret, which the caller deinits; or an exit code:
 * AT_EXIT_UNKNOWN for names that do not exist, AT_EXIT_USAGE for mistakes in the files.
 */
int at_load(struct at_cli *cli, const char *const *services, size_t count, bool warn,
            struct at_load *ret);
void at_load_deinit(struct at_load *load);

#endif
