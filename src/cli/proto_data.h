/*
 * Messages on the way into and out of `atoll proto decode` and `encode`: from a file or stdin, to
 * stdout, as they are or in hexadecimal or base64.
 */
#ifndef AT_CLI_PROTO_DATA_H
#define AT_CLI_PROTO_DATA_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/contracts.h"
#include "pb/pool.h"

/* What --input names ("-" and none: stdin), for messages. */
const char *at_proto_input_name(const struct at_cli *cli);
/* All of it. 0, or an exit code with the reason said. */
int at_proto_input_read(struct at_cli *cli, struct at_text *out);
/*
 * With --hex or --base64 the bytes that the text stands for, in place; else the text as it is. 0,
 * or an exit code with the reason and the place said. Blanks and line ends do not count.
 */
int at_proto_input_unpack(struct at_cli *cli, struct at_text *text);
/* Bytes to stdout: as they are, in --hex or --base64, or with -o json in an object. Exit code. */
int at_proto_output(struct at_cli *cli, struct at_bytes bytes);

/* Tables of all types of the contracts. 0, or an exit code with the reason said. */
int at_proto_pool(struct at_cli *cli, const struct at_contracts *c, struct at_pool **ret);

#endif
