/*
 * Limits and life cycle of a group of processes, by whatever this machine has. Three back ends
 * behind one interface:
 *
 *   v2      the unified tree holds limits and life cycle (cgroup.kill)
 *   hybrid  limits in the v1 trees (memory, cpu, pids), life cycle in the v2 tree
 *   none    rlimits only; the group is the cage's pid namespace
 *
 * Groups lie below the caller's own group, as atoll/<system>/<instance>; at the end every one of
 * them is removed again, the empty parents too. Not thread-safe: one owner.
 */
#ifndef AT_SANDBOX_CGROUP_H
#define AT_SANDBOX_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* 0 in a field: no limit of that kind. */
struct at_limits {
    uint64_t memory_bytes;
    uint64_t cpu_milli; /* 500: half a processor */
    uint64_t pids;      /* processes and threads */
    uint64_t nofile;    /* open descriptors per process */
};

/* Positive results of this room, besides AT_CAGE_NOT_YET. */
enum at_cgroup_result { AT_CGROUP_BUSY = 2, AT_CGROUP_UNSUPPORTED = 3 };

enum at_cgroup_kind { AT_CGROUP_NONE, AT_CGROUP_HYBRID, AT_CGROUP_V2 };
/* The trees a group may lie in; v2 uses AT_TREE_LIFE alone. */
enum at_cgroup_tree { AT_TREE_LIFE, AT_TREE_MEMORY, AT_TREE_CPU, AT_TREE_PIDS, AT_TREES };

struct at_cgroup_ops;

enum { AT_CGROUP_PATH_MAX = 1024 };

/* What at_cgroup_detect() found: where our groups may lie. No descriptors, no memory. */
struct at_cgroup_host {
    const struct at_cgroup_ops *ops;
    enum at_cgroup_kind kind;
    /* Directory under which atoll/<system>/<instance> is made, per tree; "" when there is none. */
    char base[AT_TREES][AT_CGROUP_PATH_MAX];
    bool can_memory;
    bool can_cpu;
    bool can_pids;
    char why[256]; /* why it is not more than this; "" when nothing is missing */
};

/* One instance's groups. */
struct at_cgroup {
    const struct at_cgroup_host *host;
    int dir[AT_TREES]; /* -1: no group in that tree */
    char system[64];
    char instance[80];
    uint64_t oom_kills_before; /* of an earlier life of the same group */
};

struct at_usage {
    bool has_memory;
    uint64_t memory_bytes;
    uint64_t memory_peak_bytes;
    uint64_t oom_kills; /* processes killed for exceeding memory_bytes */
    bool has_cpu;
    uint64_t cpu_ns; /* consumed so far by all processes of the group */
    uint64_t throttled_count;
    uint64_t throttled_ns;
    bool has_pids;
    uint64_t pids;
    uint64_t pids_refused; /* forks refused by the pids limit */
};

/*
 * Looks at /proc/self/mountinfo, /proc/self/cgroup and the file systems behind them. forced: NULL,
 * or "none", "hybrid", "v2" (ATOLL_CGROUP, for tests). Never fails: the worst is "none". -EINVAL
 * for another word, -ENOENT when the forced one does not exist here; ret is then "none".
 */
int at_cgroup_detect(const char *forced, struct at_cgroup_host *ret);
/*
 * v2 gives limits only to children of a group without processes. Where our own group was delegated
 * to us (an ordinary user under systemd-run --user --scope -p Delegate=yes), moves the processes of
 * it, all ours, one level down into `atoll-own`, so that it can. Else nothing happens. Call it
 * before the first at_cgroup_open().
 */
void at_cgroup_make_room(struct at_cgroup_host *host);
/* "cgroup v2", "cgroup v1 + v2 (hybrid)", "none". Static. */
const char *at_cgroup_name(const struct at_cgroup_host *host);
/*
 * The i-th sentence about what this back end cannot hold, NULL when there is no such: for up, ps
 * and doctor. Borrowed from host.
 */
const char *at_cgroup_missing(const struct at_cgroup_host *host, size_t i);

/*
 * Makes (or takes over) the groups of an instance and sets its limits. Left-over processes of an
 * earlier life in the same group are killed first. A limit that the back end cannot hold is no
 * error: see at_cgroup_missing(). 0, or -errno with ret_diag saying which file refused what.
 */
int at_cgroup_open(const struct at_cgroup_host *host, const char *system, const char *instance,
                   const struct at_limits *limits, struct at_cgroup *ret, struct at_diag *ret_diag);
/* Finds the groups of a running instance again, after a restart of the supervisor. */
int at_cgroup_adopt(const struct at_cgroup_host *host, const char *system, const char *instance,
                    struct at_cgroup *ret);
/* SIGKILL to every process of the group at once. AT_CGROUP_UNSUPPORTED: this back end cannot. */
int at_cgroup_kill(struct at_cgroup *g);
/* 0 and whether it has processes; AT_CGROUP_UNSUPPORTED; -errno. */
int at_cgroup_populated(const struct at_cgroup *g, bool *ret);
/* What it has used. AT_CGROUP_UNSUPPORTED with the back end "none". */
int at_cgroup_usage(const struct at_cgroup *g, struct at_usage *ret);
/* Closes the descriptors; the groups stay. */
void at_cgroup_close(struct at_cgroup *g);
/*
 * Removes the groups (parents too when empty) and closes. AT_CGROUP_BUSY while processes are
 * dying in them: nothing was closed then, ask again.
 */
int at_cgroup_remove(struct at_cgroup *g);
/* Kills and removes every group of the system, known or not. For the end of `up` and for sweeps. */
int at_cgroup_sweep(const struct at_cgroup_host *host, const char *system);

#endif
