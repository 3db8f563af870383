/*
 * Where the commands about contracts get them from: .proto files and folders of them (protoc reads
 * them), descriptor sets in files, programs made with protoc-gen-atoll, and the system of
 * atoll.yaml with all its services.
 */
#ifndef AT_CLI_CONTRACTS_H
#define AT_CLI_CONTRACTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "cli/cli.h"
#include "contract/set.h"

struct at_contracts {
    struct at_arena arena; /* of the set; callers may use it too */
    struct at_text bytes;  /* the FileDescriptorSet, which at_pool_add() takes as well */
    struct at_set set;
    bool *given;        /* by index of file: asked for; false: it was only imported */
    const char **shown; /* by index of file: its path for people; its name when it has none */
};

/*
 * Reads what the paths name, all of one kind: .proto files and folders (with the -I of the command
 * line, cli option "proto-path"), or descriptor sets and programs. No path: the system of
 * atoll.yaml. 0 and *ret, which the caller deinits; or an exit code, with everything said:
 * AT_EXIT_USAGE when an input is wrong, AT_EXIT_FAILURE when we could not do our work.
 */
int at_contracts_read(struct at_cli *cli, const char *const *paths, size_t count,
                      struct at_contracts *ret);
void at_contracts_deinit(struct at_contracts *c);

#endif
