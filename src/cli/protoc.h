/*
 * protoc as a child process: .proto files into a FileDescriptorSet with their imports and the
 * places of everything in them. What protoc finds wrong is said as our own diags are.
 */
#ifndef AT_CLI_PROTOC_H
#define AT_CLI_PROTOC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/text.h"
#include "cli/cli.h"

/* One .proto that was asked for. */
struct at_protoc_input {
    const char *path;  /* absolute, without links */
    const char *shown; /* as the user would write it */
    const char *name;  /* what others import it by: relative to root */
    const char *root;  /* absolute */
    bool named;        /* itself; not only a folder that it is in */
};

struct at_protoc_inputs {
    struct at_protoc_input *at; /* in the order of their shown paths; in the arena */
    size_t count;
};

/*
 * The .proto files that a path names: itself, or all below it when it is a folder (not in hidden
 * ones). A file's root is the first --proto-path that it lies in; else the folder above the one
 * that its package names; else the folder given, or that of the file. 0, or an exit code with all
 * said.
 */
int at_protoc_collect(struct at_cli *cli, struct at_arena *arena, const char *path,
                      struct at_protoc_inputs *inputs);
/*
 * Appends the set to out. 0; AT_EXIT_USAGE: protoc is missing or refused a file; AT_EXIT_FAILURE;
 * everything is said.
 */
int at_protoc_run(struct at_cli *cli, struct at_arena *arena, const struct at_protoc_inputs *inputs,
                  struct at_text *out);

#endif
