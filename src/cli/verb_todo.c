/* Verbs whose file has not landed yet. A row goes when its file comes. */
#include "cli/cli.h"

#define TODO(name)                                                                                 \
    int at_verb_##name(struct at_cli *cli)                                                         \
    {                                                                                              \
        return at_cli_fail(cli, AT_EXIT_FAILURE, "not built yet");                                 \
    }

TODO(call)
