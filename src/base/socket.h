/* Making sockets: the one place where listeners and socket pairs are created. All CLOEXEC. */
#ifndef AT_BASE_SOCKET_H
#define AT_BASE_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* SOCK_SEQPACKET Unix pair: keeps message borders, tells both ends of death at once. */
int at_socket_pair(int ret_fds[2]);
/*
 * TCP listener on "127.0.0.1", "::1" or "0.0.0.0" with SO_REUSEADDR, non-blocking. Port 0 lets the
 * kernel choose; *ret_port tells. -EADDRINUSE: diag names the holder when /proc tells who.
 */
int at_socket_listen_tcp(const char *address, uint16_t port, int *ret_fd, uint16_t *ret_port,
                         struct at_diag *diag);
/* Non-blocking connect to a numeric address; -EINPROGRESS counts as done. */
int at_socket_connect_tcp(const char *address, uint16_t port, int *ret_fd);
/* SEQPACKET listener at a path that must not exist; mode 0600. -ENAMETOOLONG over 107 bytes. */
int at_socket_listen_unix(const char *path, int *ret_fd);
/* Blocking connect to such a path. */
int at_socket_connect_unix(const char *path, int *ret_fd);
/*
 * Who listens on the TCP port: "pid 812 (nginx)" into out, by /proc/net/tcp{,6} and the
 * descriptors of processes we may look into. -ENOENT when it cannot be told.
 */
int at_socket_holder(uint16_t port, char *out, size_t cap);

#endif
