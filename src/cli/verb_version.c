/* atoll version: what this build is. */
#include <stdio.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "pb/json.h"

int at_verb_version(struct at_cli *cli)
{
    if (cli->output == AT_OUTPUT_TABLE) {
        fprintf(cli->out, "atoll %s\n", ATOLL_VERSION);
        return AT_EXIT_OK;
    }
    struct at_text text;
    struct at_json_writer j;

    at_text_init(&text);
    at_json_writer_init(&j, &text, 0);
    at_json_begin_object(&j);
    at_json_key(&j, "version");
    at_json_str(&j, ATOLL_VERSION);
    at_json_end_object(&j);
    int code = at_out_line(cli, &text);

    at_text_deinit(&text);
    return code;
}
