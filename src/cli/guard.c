#include "cli/guard.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

/* Waits until fd takes PIPE_BUF bytes without blocking (pipe(7)); false: given up. */
static bool wait_for_room(const struct at_guard *g)
{
    struct pollfd fds[] = {
        {.fd = g->fd, .events = POLLOUT},
        {.fd = g->alarm_fd, .events = POLLIN},
    };

    while (poll(fds, 2, g->patience_ms) < 0) {
        if (errno != EINTR) {
            return false;
        }
    }
    return fds[0].revents != 0;
}

static ssize_t guarded_write(void *cookie, const char *at, size_t len)
{
    const struct at_guard *g = cookie;
    size_t done = 0;

    while (done < len) {
        size_t part = len - done < PIPE_BUF ? len - done : PIPE_BUF;
        ssize_t n;

        if (!wait_for_room(g)) {
            errno = EINTR;
            break;
        }
        n = write(g->fd, at + done, part);
        if (n < 0 && errno != EINTR) {
            break;
        }
        done += n < 0 ? 0 : (size_t)n;
    }
    return (ssize_t)done; /* fewer than len is an error to stdio (fopencookie(3)) */
}

FILE *at_guard_open(struct at_guard *g)
{
    FILE *f = fopencookie(g, "w", (cookie_io_functions_t){.write = guarded_write});

    if (f != NULL) {
        (void)setvbuf(f, NULL, _IOLBF, BUFSIZ);
    }
    return f;
}
