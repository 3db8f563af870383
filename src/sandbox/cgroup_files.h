/*
 * The files of control groups: reading and writing them, and what differs between v1 and v2.
 * Inside this room only.
 */
#ifndef AT_SANDBOX_CGROUP_FILES_H
#define AT_SANDBOX_CGROUP_FILES_H

#include <stdint.h>

#include "base/error.h"
#include "sandbox/cgroup.h"

/* Where our own processes step aside in a delegated v2 group; see at_cgroup_make_room(). */
#define AT_CGROUP_OWN_DIR "atoll-own"

struct at_cgroup_ops {
    const char *name;
    /* Lets limits through from this directory to its children (v2); errors show when limits are set. */
    void (*enable)(const struct at_cgroup_host *host, int dir);
    int (*set_limits)(struct at_cgroup *g, const struct at_limits *limits,
                      struct at_diag *ret_diag);
    void (*usage)(const struct at_cgroup *g, struct at_usage *ret);
};

extern const struct at_cgroup_ops at_cgroup_v2_ops;
extern const struct at_cgroup_ops at_cgroup_hybrid_ops;
extern const struct at_cgroup_ops at_cgroup_none_ops;

int at_cgroup_write(int dir, const char *file, const char *text);
/* A file that holds one number; "max" is UINT64_MAX. */
int at_cgroup_read_number(int dir, const char *file, uint64_t *ret);
/* The number behind `key ` in a file of "key number" lines; -ENOENT when there is no such line. */
int at_cgroup_read_key(int dir, const char *file, const char *key, uint64_t *ret);

/* Where the kernel says things are; what at_cgroup_parse() finds. "" for what is not there. */
struct at_cgroup_map {
    char v2[AT_CGROUP_PATH_MAX];      /* our own group in the unified tree */
    char v2_root[AT_CGROUP_PATH_MAX]; /* its mount point */
    char v1[AT_TREES][AT_CGROUP_PATH_MAX];
};

/* The texts of /proc/self/mountinfo and /proc/self/cgroup. Pure. Bad lines are skipped. */
void at_cgroup_parse(const char *mountinfo, const char *cgroups, struct at_cgroup_map *ret);

/* Which controllers the base of a v2 host gives to its children: sets can_*. */
void at_cgroup_v2_look(struct at_cgroup_host *host);

#endif
