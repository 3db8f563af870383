/*
 * Descriptors: clean-up by attribute, hand-over by name, and passing them over Unix sockets.
 *
 * A descriptor lives in an `at_auto_close int` until at_take_fd() hands it on. Every descriptor we
 * make is CLOEXEC.
 */
#ifndef AT_BASE_FD_H
#define AT_BASE_FD_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

#include "base/bytes.h"

enum { AT_FDS_PER_MESSAGE = 16 }; /* more in one message is a flood (D-Bus chose the same) */

/* Closes *fd unless it is negative, and sets it to -1. Keeps errno. */
void at_close(int *fd);
#define at_auto_close __attribute__((cleanup(at_close)))

static inline void at_free_pointer(void *p)
{
    free(*(void **)p);
}
#define at_auto_free __attribute__((cleanup(at_free_pointer)))

/* Moves the descriptor out: returns *fd and leaves -1. */
static inline int at_take_fd(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

/* Reads or writes all of it, over EINTR and short counts. 0; -EPIPE at end of file; -errno. */
int at_fd_read_all(int fd, void *at, size_t len);
int at_fd_write_all(int fd, const void *at, size_t len);
/*
 * Reads a whole file into a fresh buffer with a NUL behind it (the caller frees). -EFBIG when it
 * holds more than limit bytes.
 */
int at_fd_read_file(int dir, const char *path, size_t limit, char **ret_at, size_t *ret_len);
/* Creates or replaces a small file in place; mode applies to a new one. */
int at_fd_write_file(int dir, const char *path, struct at_bytes content, mode_t mode);
/* Sets or clears O_NONBLOCK. */
int at_fd_set_nonblocking(int fd, int on);

/* One datagram with n ≤ AT_FDS_PER_MESSAGE descriptors, which stay the caller's. MSG_NOSIGNAL. */
int at_fd_send(int sock, struct at_bytes message, const int *fds, size_t n);
/*
 * Receives one datagram into at[0..cap). *ret_len is its size, 0 means the peer has closed.
 * Descriptors (CLOEXEC) go to fds[0..AT_FDS_PER_MESSAGE) and their number to *ret_n; they are the
 * caller's. A truncated datagram or truncated descriptors: everything received is discarded,
 * -EMSGSIZE. *ret_len is its size when only descriptors are missing (none was
 * free here), else 0. Honours O_NONBLOCK: -EAGAIN.
 */
int at_fd_receive(int sock, void *at, size_t cap, size_t *ret_len, int *fds, size_t *ret_n);
/*
 * Closes a descriptor that a peer sent and nobody took, and sets it to -1. The peer chose what it
 * is: a TCP connection with SO_LINGER would hold close() for as long as the peer likes, so its
 * unsent bytes are thrown away instead. Negative ones are left alone; errno is kept.
 */
void at_fd_discard(int *fd);
/* The same for fds[0..n). */
void at_fd_discard_all(int *fds, size_t n);
/*
 * From now on the kernel refuses descriptors that the other end of this Unix socket sends (Linux
 * 6.16; older ones deliver them, to be discarded).
 */
void at_fd_refuse_rights(int sock);
/* Closes fds[0..n). */
void at_fd_close_all(int *fds, size_t n);
/* Moves a descriptor to the lowest free number ≥ min (CLOEXEC) and closes the old one. */
int at_fd_move_up(int *fd, int min);

#endif
