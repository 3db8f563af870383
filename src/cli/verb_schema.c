/* atoll schema: the JSON Schema of atoll.yaml, or atoll.yaml(5), made from the key table. */
#include <stdio.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "cli/out.h"

int at_verb_schema(struct at_cli *cli)
{
    struct at_text text;
    int r = AT_EXIT_OK;

    at_text_init(&text);
    if (at_cli_has(cli, "man")) {
        at_config_man(&text);
        r = at_out_page(cli, &text);
        at_text_deinit(&text);
        return r;
    }
    at_config_schema(&text);
    if (text.failed || fputs(at_text_str(&text), cli->out) < 0) {
        r = at_cli_fail(cli, AT_EXIT_FAILURE, "the schema could not be written");
    }
    at_text_deinit(&text);
    return r;
}
