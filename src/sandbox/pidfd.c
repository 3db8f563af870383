#include "sandbox/pidfd.h"

#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>

/* The kernel's struct pidfd_info, first published size that holds the exit code (Linux 6.15). */
struct pidfd_info {
    uint64_t mask;
    uint64_t cgroup_id;
    uint32_t ids[11]; /* pid, tgid, ppid, and four uids, four gids */
    int32_t exit_code;
};

enum { INFO_EXIT = 1 << 3 };

int at_pidfd_exit_status(int pidfd, int *ret_status)
{
    struct pidfd_info info = {.mask = INFO_EXIT};

    if (ioctl(pidfd, _IOC(_IOC_READ | _IOC_WRITE, 0xFF, 11, sizeof(info)), &info) != 0) {
        return -errno;
    }
    if ((info.mask & INFO_EXIT) == 0) {
        return -ENODATA;
    }
    *ret_status = info.exit_code;
    return 0;
}
