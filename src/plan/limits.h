/* Limits of a plan: it is judged as a stranger's bytes. Each line: what it stops. */
#ifndef AT_PLAN_LIMITS_H
#define AT_PLAN_LIMITS_H

#include <stdint.h>

#define AT_PLAN_DURATION_MAX_NS UINT64_C(31536000000000000) /* a year: sums that overflow */

enum {
    AT_PLAN_BYTES_MAX = 4 << 20,            /* a plan that eats the supervisor's memory */
    AT_PLAN_MEMORY_MAX = 16 << 20,          /* a small plan that unpacks to a huge one */
    AT_PLAN_CONTRACTS_BYTES_MAX = 64 << 20, /* descriptor sets that fill the machine */
    AT_PLAN_SERVICES_MAX = 256,             /* quadratic work over services; roles included */
    AT_PLAN_NAME_MAX = 40,             /* a name that overflows cgroup, socket and host names */
    AT_PLAN_REPLICAS_MAX = 64,         /* a fork bomb by configuration */
    AT_PLAN_INSTANCES_MAX = 1024,      /* the same, over all services */
    AT_PLAN_ARGS_MAX = 256,            /* argument lists beyond execve's */
    AT_PLAN_ENV_MAX = 512,             /* the same for the environment */
    AT_PLAN_STRING_MAX = 32768,        /* one argument or variable that fills memory */
    AT_PLAN_PATH_MAX = 4095,           /* a path that no system call takes */
    AT_PLAN_CONTRACTS_MAX = 128,       /* contract names of one service */
    AT_PLAN_CONTRACT_NAME_MAX = 255,   /* names that do not fit a control message */
    AT_PLAN_LISTENERS_MAX = 13,        /* one WELCOME carries 16 descriptors, some are others */
    AT_PLAN_CPU_MILLI_MAX = 1 << 20,   /* a CPU quota that overflows the kernel's */
    AT_PLAN_PIDS_MAX = 1 << 22,        /* beyond the kernel's own pid ceiling */
    AT_PLAN_ADDRESS_MAX = 45,          /* longer than any numeric address */
    AT_PLAN_MESSAGE_MIN = 65536,       /* a limit of messages that only refuses */
    AT_PLAN_MESSAGE_MAX = 64 << 20,    /* one message that fills the memory of both ends */
    AT_PLAN_NOFILE_MIN = 16,           /* a service that cannot even start */
    AT_PLAN_NOFILE_MAX = 1 << 20,      /* beyond the kernel's own default ceiling */
    AT_PLAN_POLICIES_MAX = 4096,       /* policies that eat the supervisor's memory and time */
    AT_PLAN_WEIGHT_MAX = 1000,         /* shares that overflow in policy/balance.c */
    AT_PLAN_KEY_MAX = 127,             /* a path of fields that does not fit a control message */
    AT_PLAN_KEY_DEPTH_MAX = 8,         /* the same, that costs a walk with every call */
    AT_PLAN_BOUND_MIN = 101,           /* percent: with 100 no key would stay with its instance */
    AT_PLAN_BOUND_MAX = 10000,         /* percent: sums that overflow in policy/balance.c */
    AT_PLAN_LOCKS_MAX = 256,           /* a keeper that searches for ever */
    AT_PLAN_LOCK_NAME_MAX = 64,        /* a name that fills tables and sentences */
    AT_PLAN_PERMITS_MAX = 65535,       /* of one semaphore: sums that overflow */
    AT_PLAN_LOCKS_BYTES_MAX = 60000,   /* a slice that does not fit a control message */
    AT_PLAN_GATEWAY_BYTES_MAX = 60000, /* a slice that does not fit a control message */
};

#endif
