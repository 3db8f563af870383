#include "base/socket.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "bytes.h"
#include "error.h"

enum { LISTEN_BACKLOG = 1024, PROC_NET_LINE_MAX = 512 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

int at_socket_pair(int ret_fds[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) < 0 ? -errno : 0;
}

static int parse_address(const char *text, uint16_t port, union address *ret, socklen_t *ret_len)
{
    *ret = (union address){0};
    if (inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons(port);
        *ret_len = sizeof(ret->v4);
        return 0;
    }
    if (inet_pton(AF_INET6, text, &ret->v6.sin6_addr) == 1) {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons(port);
        *ret_len = sizeof(ret->v6);
        return 0;
    }
    return -EINVAL;
}

static uint16_t port_of(const union address *a)
{
    return ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

static void explain_bind(struct at_diag *diag, const char *address, uint16_t port, int error)
{
    char holder[128];

    if (error == EADDRINUSE && at_socket_holder(port, holder, sizeof(holder)) == 0) {
        at_diag_set(diag, "cannot listen on %s:%u: the port is held by %s", address, port, holder);
    } else {
        at_diag_set(diag, "cannot listen on %s:%u: %s", address, port, strerrordesc_np(error));
    }
    if (error == EADDRINUSE) {
        at_diag_hint(diag, "stop that process, or choose another port for this listener");
    }
}

int at_socket_listen_tcp(const char *address, uint16_t port, int *ret_fd, uint16_t *ret_port,
                         struct at_diag *diag)
{
    at_auto_close
    int fd = -1;
    union address a;
    socklen_t len;
    int on = 1;

    if (parse_address(address, port, &a, &len) < 0) {
        at_diag_set(diag, "\"%s\" is not a numeric IPv4 or IPv6 address", address);
        return -EINVAL;
    }
    fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, &a.any, len) < 0 || listen(fd, LISTEN_BACKLOG) < 0) {
        int error = errno;

        explain_bind(diag, address, port, error);
        return -error;
    }
    if (getsockname(fd, &a.any, &len) < 0) {
        return -errno;
    }
    if (ret_port != NULL) {
        *ret_port = port_of(&a);
    }
    *ret_fd = at_take_fd(&fd);
    return 0;
}

int at_socket_connect_tcp(const char *address, uint16_t port, int *ret_fd)
{
    at_auto_close
    int fd = -1;
    union address a;
    socklen_t len;

    if (parse_address(address, port, &a, &len) < 0) {
        return -EINVAL;
    }
    fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, &a.any, len) < 0 && errno != EINPROGRESS) {
        return -errno;
    }
    *ret_fd = at_take_fd(&fd);
    return 0;
}

static int unix_address(const char *path, union address *ret)
{
    *ret = (union address){.un = {.sun_family = AF_UNIX}};
    if (strlen(path) >= sizeof(ret->un.sun_path)) {
        return -ENAMETOOLONG;
    }
    memcpy(ret->un.sun_path, path, strlen(path) + 1);
    return 0;
}

int at_socket_listen_unix(const char *path, int *ret_fd)
{
    at_auto_close
    int fd = -1;
    union address a;
    mode_t old;
    int r = unix_address(path, &a);

    if (r < 0) {
        return r;
    }
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    old = umask(0177);
    r = bind(fd, &a.any, sizeof(a.un)) < 0 ? -errno : 0;
    (void)umask(old);
    if (r < 0) {
        return r;
    }
    if (listen(fd, LISTEN_BACKLOG) < 0) {
        return -errno;
    }
    *ret_fd = at_take_fd(&fd);
    return 0;
}

int at_socket_connect_unix(const char *path, int *ret_fd)
{
    at_auto_close
    int fd = -1;
    union address a;
    int r = unix_address(path, &a);

    if (r < 0) {
        return r;
    }
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, &a.any, sizeof(a.un)) < 0) {
        return -errno;
    }
    *ret_fd = at_take_fd(&fd);
    return 0;
}

/* The inode of the listening socket (state 0A) on port, from one /proc/net/tcp table; 0: none. */
static unsigned long listener_inode(const char *table, uint16_t port)
{
    FILE *f = fopen(table, "re");
    char line[PROC_NET_LINE_MAX];
    unsigned long found = 0;

    if (f == NULL) {
        return 0;
    }
    while (found == 0 && fgets(line, sizeof(line), f) != NULL) {
        struct at_bytes rest = at_bytes_of(line);
        struct at_bytes field;
        struct at_bytes local = {0};
        uint64_t inode = 0;
        bool listening = false;

        for (int i = 0; at_bytes_cut(&rest, ' ', &field);) {
            if (field.len == 0) {
                continue;
            }
            if (i == 1) {
                local = field;
            } else if (i == 3) {
                listening = at_bytes_equal(field, AT_LIT("0A"));
            } else if (i == 9) {
                (void)at_bytes_to_u64(field, &inode);
            }
            i++;
        }
        if (listening && local.len > 4) {
            char hex[5];

            (void)snprintf(hex, sizeof(hex), "%04X", port);
            if (at_bytes_equal(at_bytes_after(local, local.len - 4), at_bytes_of(hex))) {
                found = inode;
            }
        }
    }
    (void)fclose(f);
    return found;
}

/* Does the process hold a descriptor whose link reads as wanted? */
static bool holds(const char *pid, const char *wanted)
{
    char path[64];
    DIR *dir;
    const struct dirent *e;
    bool found = false;
    int at;

    (void)snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
    dir = opendir(path);
    if (dir == NULL) {
        return false;
    }
    at = dirfd(dir);
    while (!found && at >= 0 && (e = readdir(dir)) != NULL) {
        char link[64];
        ssize_t n = readlinkat(at, e->d_name, link, sizeof(link) - 1);

        if (n > 0) {
            link[n] = '\0';
            found = strcmp(link, wanted) == 0;
        }
    }
    (void)closedir(dir);
    return found;
}

static void describe_process(const char *pid, char *out, size_t cap)
{
    char path[64];
    at_auto_free
    char *name = NULL;
    size_t len = 0;

    (void)snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
    if (at_fd_read_file(AT_FDCWD, path, 64, &name, &len) < 0) {
        (void)snprintf(out, cap, "pid %s", pid);
        return;
    }
    name[strcspn(name, "\n")] = '\0';
    (void)snprintf(out, cap, "pid %s (%s)", pid, name);
}

int at_socket_holder(uint16_t port, char *out, size_t cap)
{
    unsigned long inode = listener_inode("/proc/net/tcp", port);
    char wanted[64];
    const struct dirent *e;
    DIR *proc;
    int r = -ENOENT;

    if (inode == 0) {
        inode = listener_inode("/proc/net/tcp6", port);
    }
    if (inode == 0) {
        return -ENOENT;
    }
    (void)snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
    proc = opendir("/proc");
    if (proc == NULL) {
        return -errno;
    }
    while (r != 0 && (e = readdir(proc)) != NULL) {
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && holds(e->d_name, wanted)) {
            describe_process(e->d_name, out, cap);
            r = 0;
        }
    }
    (void)closedir(proc);
    return r;
}
