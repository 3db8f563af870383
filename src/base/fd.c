#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "bytes.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* younger than the headers we build with */
#endif

void at_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
    errno = saved;
}

/* Listeners are let be: what they accept would inherit it, and they never linger themselves. */
static bool may_linger(int fd)
{
    int domain = AF_UNIX;
    int listens = 0;
    socklen_t len = sizeof(domain);

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 || domain == AF_UNIX) {
        return false;
    }
    len = sizeof(listens);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 || listens == 0;
}

void at_fd_discard(int *fd)
{
    static const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int saved = errno;

    if (*fd >= 0 && may_linger(*fd)) {
        (void)setsockopt(*fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    at_close(fd);
    errno = saved;
}

void at_fd_discard_all(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        at_fd_discard(&fds[i]);
    }
}

void at_fd_refuse_rights(int sock)
{
    int no = 0;

    (void)setsockopt(sock, SOL_SOCKET, SO_PASSRIGHTS, &no, sizeof(no)); /* ENOPROTOOPT is fine */
}

int at_fd_read_all(int fd, void *at, size_t len)
{
    uint8_t *p = at;

    while (len > 0) {
        ssize_t n = read(fd, p, len);

        if (n == 0) {
            return -EPIPE;
        }
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int at_fd_write_all(int fd, const void *at, size_t len)
{
    const uint8_t *p = at;

    while (len > 0) {
        ssize_t n = write(fd, p, len);

        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Grows *buffer so that at least one byte beside the NUL fits behind used. */
static int make_room(char **buffer, size_t *cap, size_t used, size_t limit)
{
    size_t wanted = *cap == 0 ? 4096 : *cap * 2;
    char *bigger;

    if (used + 1 < *cap) {
        return 0;
    }
    if (wanted > limit + 2) {
        wanted = limit + 2;
    }
    bigger = realloc(*buffer, wanted);
    if (bigger == NULL) {
        return -ENOMEM;
    }
    *buffer = bigger;
    *cap = wanted;
    return 0;
}

int at_fd_read_file(int dir, const char *path, size_t limit, char **ret_at, size_t *ret_len)
{
    at_auto_close
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    at_auto_free
    char *buffer = NULL;
    size_t cap = 0;
    size_t used = 0;

    if (fd < 0) {
        return -errno;
    }
    for (;;) {
        ssize_t n;
        int r = make_room(&buffer, &cap, used, limit);

        if (r < 0) {
            return at_up(r);
        }
        n = read(fd, buffer + used, cap - used - 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        if (n == 0) {
            break;
        }
        used += (size_t)n;
        if (used > limit) {
            return -EFBIG;
        }
    }
    buffer[used] = '\0';
    *ret_at = buffer;
    *ret_len = used;
    buffer = NULL;
    return 0;
}

int at_fd_write_file(int dir, const char *path, struct at_bytes content, mode_t mode)
{
    at_auto_close
    int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    if (fd < 0) {
        return -errno;
    }
    return at_fd_write_all(fd, content.at, content.len);
}

int at_fd_set_nonblocking(int fd, int on)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0) {
        return -errno;
    }
    flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

union fd_control {
    struct cmsghdr align;
    char room[CMSG_SPACE(AT_FDS_PER_MESSAGE * sizeof(int))];
};

int at_fd_send(int sock, struct at_bytes message, const int *fds, size_t n)
{
    union fd_control control = {0};
    struct iovec io = {.iov_base = (void *)(uintptr_t)message.at, .iov_len = message.len};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
    ssize_t sent;

    if (n > AT_FDS_PER_MESSAGE) {
        return -EINVAL;
    }
    if (n > 0) {
        struct cmsghdr *c;

        m.msg_control = control.room;
        m.msg_controllen = CMSG_SPACE(n * sizeof(int));
        c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    }
    do {
        sent = sendmsg(sock, &m, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        return -errno;
    }
    return (size_t)sent == message.len ? 0 : -EMSGSIZE;
}

/* Copies the descriptors of one control message out; what does not fit is discarded. */
static size_t collect(const struct cmsghdr *c, int *fds, size_t have)
{
    size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

    for (size_t i = 0; i < n; i++) {
        int fd;

        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
        if (have < AT_FDS_PER_MESSAGE) {
            fds[have++] = fd;
        } else {
            at_fd_discard(&fd);
        }
    }
    return have;
}

int at_fd_receive(int sock, void *at, size_t cap, size_t *ret_len, int *fds, size_t *ret_n)
{
    union fd_control control;
    struct iovec io = {.iov_base = at, .iov_len = cap};
    struct msghdr m = {.msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = control.room,
                       .msg_controllen = sizeof(control.room)};
    size_t have = 0;
    ssize_t got;

    do {
        got = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return -errno;
    }
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            have = collect(c, fds, have);
        }
    }
    if ((m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        at_fd_discard_all(fds, have);
        *ret_len = (m.msg_flags & MSG_TRUNC) != 0 ? 0 : (size_t)got;
        *ret_n = 0;
        return -EMSGSIZE;
    }
    *ret_len = (size_t)got;
    *ret_n = have;
    return 0;
}

void at_fd_close_all(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        at_close(&fds[i]);
    }
}

int at_fd_move_up(int *fd, int min)
{
    int moved = fcntl(*fd, F_DUPFD_CLOEXEC, min);

    if (moved < 0) {
        return -errno;
    }
    at_close(fd);
    *fd = moved;
    return 0;
}
