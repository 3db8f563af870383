/*
 * The plan of one cage, made by the parent (plan.c) and carried out by the child between clone and
 * exec (child.c). The child only reads it: no allocation, no formatting, no library state.
 */
#ifndef AT_SANDBOX_BUILD_H
#define AT_SANDBOX_BUILD_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "sandbox/limits.h"
#include "sandbox/record.h"
#include "sandbox/sandbox.h"

enum at_entry_kind {
    AT_ENTRY_DIR,
    AT_ENTRY_LINK,   /* `from` is the text of the link */
    AT_ENTRY_FILE,   /* `from` is the content */
    AT_ENTRY_DEVICE, /* `from` is the device outside, bound when we may not make it */
    AT_ENTRY_BIND,
    AT_ENTRY_MASK, /* an empty, read-only directory over `to`, when `to` exists */
    AT_ENTRY_SELF, /* `to` of the new root bound on itself, so that it stays writable */
    AT_ENTRY_KINDS,
};

/* One thing in the new root. Paths inside have no leading slash. */
struct at_entry {
    enum at_entry_kind kind;
    const char *to;
    const char *from;
    mode_t mode;
    unsigned major;
    unsigned minor;
    bool writable;
    bool optional;
    bool is_file; /* BIND: what to make as the mount point */
};

struct at_build {
    bool own_user_namespace;
    bool limits_by_rlimit;
    uid_t uid;
    gid_t gid;
    const char *uid_map; /* lines for /proc/self/{uid,gid}_map; NULL when root makes the cage */
    const char *gid_map;
    const char *hostname;
    const char *working_dir;
    struct at_limits limits;
    int join[AT_TREES]; /* open cgroup.procs to write "0" to; -1: none */
    struct at_entry *entries;
    size_t entry_count;
    const char *root_options;    /* of the tmpfs */
    const char *const *writable; /* absolute paths inside where Landlock allows writing */
    size_t writable_count;
    int landlock_abi;
    const struct sock_fprog *filter;
    /* Descriptors: moves[i].from becomes number moves[i].to. */
    struct at_cage_fd moves[AT_CAGE_FDS_MAX + 8];
    size_t move_count;
    size_t status_move; /* indexes into moves */
    size_t reaper_move;
    int fd_end; /* every number from here on is closed in the service */
    int status_fd;
    int reaper_fd;
    char **reaper_argv;
    char **envp;
    const char *detail; /* what the failing step was at; for the report */
};

/* A program found and opened. */
struct at_program {
    int fd;          /* O_PATH */
    bool is_script;  /* "#!": must be executed by path */
    char path[4096]; /* outside = inside */
};

/* Child side: carries the plan out and executes the reaper. Returns only by _exit. */
void at_build_run(struct at_build *b) __attribute__((noreturn));

struct at_build_fds {
    const struct at_program *program;
    int null_fd;
    int record_fd;
};

/*
 * Parent side. Everything allocated comes from arena; it and the spec must outlive b. The caller
 * has set uid, gid, join, filter, status_fd and reaper_fd of b.
 */
int at_build_plan(const struct at_sandbox_facts *facts, const struct at_cage_spec *spec,
                  const struct at_build_fds *fds, struct at_arena *arena, struct at_build *b,
                  struct at_diag *ret_diag);
/* Finds argv[0] of the spec as the service's uid would. Closed by the caller. */
int at_program_open(const struct at_cage_spec *spec, uid_t uid, gid_t gid, struct at_program *ret,
                    struct at_diag *ret_diag);
/* The state directory exists, is the uid's, and can be written. */
int at_state_dir_check(const struct at_cage_spec *spec, uid_t uid, struct at_diag *ret_diag);
/* "mounting the private /proc": what was being done in a step. Static. */
const char *at_step_text(enum at_step step);
/* The sentence for a report of the child. */
void at_step_diag(const struct at_cage *cage, const struct at_step_report *report,
                  struct at_diag *ret_diag);

/* Compiles the filter. The instructions are the caller's to free. */
int at_seccomp_compile(struct sock_fprog *ret);
/* The Landlock version of this kernel; 0: none. */
int at_landlock_abi(void);
/* Child side: restricts the calling process. 0, -errno. */
int at_landlock_apply(int abi, const char *const *writable, size_t n);

#endif
