/* atoll ps: the instances of the running system. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/oplink.h"
#include "cli/place.h"
#include "cli/rows.h"

/* For a shell: kill -9 $(atoll ps -q cart.1) */
static int print_pids(struct at_cli *cli, const struct at_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (at_rows_wanted(cli, &rows->at[i]) && rows->at[i].pid != 0) {
            fprintf(cli->out, "%u\n", rows->at[i].pid);
        }
    }
    return AT_EXIT_OK;
}

static int print_rows(struct at_cli *cli, struct at_oplink *link)
{
    struct at_rows rows;

    at_rows_init(&rows);
    int code = at_rows_ask(cli, link, &rows);

    if (code == AT_EXIT_OK) {
        code = at_rows_check_words(cli, &rows);
    }
    if (code == AT_EXIT_OK) {
        bool pids = cli->quiet && cli->output == AT_OUTPUT_TABLE;

        code = pids ? print_pids(cli, &rows) : at_rows_print(cli, &rows);
        if (cli->output == AT_OUTPUT_TABLE) {
            at_rows_say_walls(cli, link->welcome.walls_missing);
        }
    }
    at_rows_deinit(&rows);
    return code;
}

int at_verb_ps(struct at_cli *cli)
{
    struct at_place place;
    struct at_oplink link;
    int code = at_place_find(cli, &place);

    if (code != 0) {
        return code;
    }
    code = at_oplink_connect(cli, &place, &link);
    if (code == AT_EXIT_NOT_RUNNING && cli->output == AT_OUTPUT_JSON) {
        (void)fputs("[]\n", cli->out); /* so that a script need not ask twice */
    }
    cli->has_data = cli->has_data || code == AT_EXIT_NOT_RUNNING;
    if (code != 0) {
        return code;
    }
    at_oplink_warn_stranger(cli, &link, &place);
    code = print_rows(cli, &link);
    at_oplink_close(&link);
    return code;
}
