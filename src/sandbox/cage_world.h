/*
 * For the tests of cages: a project directory, a state directory, copies of the reaper and of the
 * probe where every user may execute them, and one call that runs a verb of the probe in a cage.
 */
#ifndef AT_SANDBOX_CAGE_WORLD_H
#define AT_SANDBOX_CAGE_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "sandbox/sandbox.h"

enum { WORLD_UID = 300005, WORLD_OUT_MAX = 64 * 1024 };

struct world {
    char top[64]; /* /tmp/atoll-cage-XXXXXX */
    char project[96];
    char state[128];
    char reaper[96];
    char system[64];
    uid_t uid;
    struct at_sandbox *sandbox;
    /* What the next cage gets; reset by nothing, so a test sets what it needs once. */
    struct at_cage_spec spec;
    const char *argv[16];
    struct at_diag diag;
};

struct outcome {
    int r; /* of at_cage_start() */
    struct at_cage_end end;
    struct at_usage usage;
    bool has_usage;
    char out[WORLD_OUT_MAX];
};

/* forced: back end, or NULL. The caller's user; root gives the cages WORLD_UID. */
void world_open(struct world *w, const char *forced);
void world_close(struct world *w);
/* ("create", "/usr/x", NULL): argv of the probe, after its name. */
void world_args(struct world *w, const char *verb, ...) __attribute__((sentinel));
/* Starts a cage and reads what it writes until it ends; reaps and destroys it. */
void world_run(struct world *w, struct outcome *o);
/* Starts a cage whose standard output is *ret_out; true when it runs. */
bool world_start(struct world *w, struct at_cage *cage, int *ret_out);
/* Waits for the end, reads how, destroys (patiently). */
void world_end(struct at_cage *cage, struct outcome *o);
/* Reads until the text comes or the other side closes; what came is in out. */
bool world_read_until(int fd, const char *text, char *out, size_t cap);
/* "name=value" is a line of the output. */
bool says(const struct outcome *o, const char *line);
/* A line starts with this. */
bool says_start(const struct outcome *o, const char *start);
/* No directory of the world's system is left in any tree. */
bool world_groups_are_gone(const struct world *w);
void world_write(const char *path, const char *content, mode_t mode);

#endif
