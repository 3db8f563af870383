/*
 * atoll proto: a family of commands about contracts. Each lives in a proto_NAME.c and has a row in
 * proto.c; the flags of all of them stand in verbs.c, each saying whose it is.
 */
#ifndef AT_CLI_PROTO_H
#define AT_CLI_PROTO_H

#include <stddef.h>

#include "base/text.h"
#include "cli/cli.h"

/* words: those behind the command's name. Returns an exit code. */
typedef int at_proto_fn(struct at_cli *cli, const char *const *words, size_t count);

struct at_proto_command {
    const char *name;
    const char *usage;        /* behind "atoll proto NAME" */
    const char *const *flags; /* the long names of the flags that it takes; ends with NULL */
    size_t words_min;
    size_t words_max;
    at_proto_fn *run;
};

/* The names of the commands with a blank between them, for completion. */
void at_proto_add_names(struct at_text *out);

/* The rules of check and diff, as sections of atoll-proto(1). */
void at_proto_man(struct at_text *out);

at_proto_fn at_proto_check, at_proto_diff, at_proto_describe, at_proto_decode, at_proto_encode;

#endif
