/* What the files of this room know of struct at_sandbox. */
#ifndef AT_SANDBOX_ROOM_H
#define AT_SANDBOX_ROOM_H

#include <linux/filter.h>
#include <sys/types.h>

#include "sandbox/sandbox.h"

struct at_sandbox {
    struct at_sandbox_facts facts;
    char system[64];
    int reaper_fd; /* O_PATH: opened once, so that a later change of the file does not matter */
    int null_fd;
    uid_t uid; /* the caller's */
    gid_t gid;
    struct sock_fprog filter;
};

#endif
