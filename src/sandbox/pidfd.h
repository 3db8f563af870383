/*
 * Process descriptors beyond what libc has. Linux 6.15 tells the exit status of a process that is
 * not our child, also after its parent has reaped it.
 */
#ifndef AT_SANDBOX_PIDFD_H
#define AT_SANDBOX_PIDFD_H

/* As from waitpid(2). -ENODATA: it lives, or nobody can tell; -errno when the kernel is too old. */
int at_pidfd_exit_status(int pidfd, int *ret_status);

#endif
