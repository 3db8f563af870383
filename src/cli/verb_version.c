/* atoll version: what this build is. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/out.h"

int at_verb_version(struct at_cli *cli)
{
    if (cli->output == AT_OUTPUT_TABLE) {
        fprintf(cli->out, "atoll %s\n", ATOLL_VERSION);
        return AT_EXIT_OK;
    }
    struct at_json j;

    at_json_init(&j);
    at_json_open(&j, NULL, '{');
    at_json_string(&j, "version", ATOLL_VERSION);
    at_json_close(&j, '}');
    return at_json_finish(&j, cli);
}
