/* atoll help: made from the same tables as the parser. */
#include <stdio.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/out.h"

int at_verb_help(struct at_cli *cli)
{
    const struct at_cli_verb *verb = NULL;
    struct at_text text;

    if (cli->word_count > 0) {
        verb = at_cli_find_verb(cli->words[0]);
        if (verb == NULL) {
            return at_cli_fail(cli, AT_EXIT_USAGE, "there is no verb \"%s\"; see: atoll help",
                               cli->words[0]);
        }
    }
    at_text_init(&text);
    int code;

    if (at_cli_has(cli, "man")) {
        if (verb != NULL) {
            at_help_man_verb(&text, verb);
        } else {
            at_help_man(&text);
        }
        code = at_out_page(cli, &text);
    } else if (cli->output != AT_OUTPUT_TABLE) {
        at_help_json(&text, verb);
        code = at_out_line(cli, &text);
    } else {
        if (verb != NULL) {
            at_help_verb(&text, verb, cli->out_colour);
        } else {
            at_help_overview(&text, cli->out_colour);
        }
        code = at_out_page(cli, &text);
    }
    at_text_deinit(&text);
    return code;
}
