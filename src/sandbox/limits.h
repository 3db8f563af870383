/* Limits of this room; each line says which attack or accident it stops. */
#ifndef AT_SANDBOX_LIMITS_H
#define AT_SANDBOX_LIMITS_H

enum {
    AT_CAGE_FD_NUMBER_MAX = 60,      /* a target beyond our own descriptors in the child */
    AT_CAGE_FD_HIGH = 64,            /* where the child keeps what it still needs */
    AT_CAGE_ENTRIES_MAX = 160,       /* a root made of endless binds */
    AT_CAGE_PLAN_BYTES = 256 * 1024, /* one instance's plan filling the supervisor's memory */
    AT_CAGE_PLAN_FIRST_BYTES = 32 * 1024,
    AT_CAGE_ARGS_MAX = 1024,          /* an argument list of endless words */
    AT_CAGE_ROOT_BYTES_MIB = 64,      /* /tmp filling the machine's memory */
    AT_CAGE_ROOT_INODES = 16384,      /* /tmp filling the kernel's memory with empty files */
    AT_SECCOMP_BYTES_MAX = 32 * 1024, /* the kernel's own limit: 4096 instructions */
    AT_CGROUP_FILE_MAX = 16 * 1024,   /* a kernel file that never ends */
    AT_CGROUP_NAME_MAX = 63,          /* a name that becomes a path */
    AT_MOUNTINFO_MAX = 1024 * 1024,   /* a machine with endless mounts */
    AT_CGROUP_SWEEP_MAX = 4096,       /* groups of one system */
};

#endif
