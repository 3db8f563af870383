/*
 * An echo over a Unix stream socket: the least that anybody pays who does not share memory. Each
 * request is one write; replies that have come together are read together.
 */
#include <errno.h>

#include "peer.h"

static char *buffer;
static size_t have; /* bytes read and not yet used */

static bool write_all(int fd, const char *at, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* Until a whole message is there. */
static bool fill(const struct peer_at *at)
{
    size_t room = at->plan.bytes * (at->plan.flight + 1);

    while (have < at->plan.bytes) {
        ssize_t n = read(at->fd, buffer + have, room - have);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        have += (size_t)n;
    }
    return true;
}

static bool open_buffer(const struct peer_at *at)
{
    buffer = malloc(at->plan.bytes * (at->plan.flight + 1));
    return buffer != NULL;
}

static void serve(const struct peer_at *at)
{
    if (!open_buffer(at)) {
        return;
    }
    while (fill(at)) {
        size_t whole = have / at->plan.bytes * at->plan.bytes;

        if (!write_all(at->fd, buffer, whole)) {
            return;
        }
        memmove(buffer, buffer + whole, have - whole);
        have -= whole;
    }
}

static bool send_one(const struct peer_at *at, const char *payload)
{
    return write_all(at->fd, payload, at->plan.bytes);
}

static bool receive(const struct peer_at *at)
{
    if (!fill(at)) {
        return false;
    }
    have -= at->plan.bytes; /* all messages are alike: none is moved */
    return true;
}

int main(int argc, char **argv)
{
    return peer_main(argc, argv,
                     &(struct peer){.name = "unix",
                                    .serve = serve,
                                    .open = open_buffer,
                                    .send = send_one,
                                    .receive = receive});
}
