/*
 * What nginx proxies to: the least an HTTP/1.1 server can do. One thread, epoll, keep-alive; every
 * request with a Content-Length is answered with the body it brought.
 *
 *   origin PORT
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024, BUFFER_BYTES = 16384 };

struct connection {
    size_t len;
    char in[BUFFER_BYTES];
};

/* Length of head and body of a complete request, or 0. */
static size_t complete(const struct connection *c, size_t *ret_head)
{
    const char *end = memmem(c->in, c->len, "\r\n\r\n", 4);
    const char *at = end == NULL ? NULL : strcasestr(c->in, "content-length:");
    size_t body = at == NULL || at > end ? 0 : strtoul(at + 15, NULL, 10);

    if (end == NULL) {
        return 0;
    }
    *ret_head = (size_t)(end - c->in) + 4;
    return c->len < *ret_head + body ? 0 : *ret_head + body;
}

static int answer(int fd, struct connection *c)
{
    char out[BUFFER_BYTES + 256];
    size_t head;
    size_t whole;

    c->in[c->len] = 0;
    while ((whole = complete(c, &head)) > 0) {
        size_t body = whole - head;
        int n = snprintf(out, 256,
                         "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                         "%zu\r\n\r\n",
                         body);

        memcpy(out + n, c->in + head, body);
        if (write(fd, out, (size_t)n + body) < 0) {
            return -1;
        }
        c->len -= whole;
        memmove(c->in, c->in + whole, c->len);
        c->in[c->len] = 0;
    }
    return 0;
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 512) < 0) {
        perror("origin");
        exit(1);
    }
    return fd;
}

static struct connection *connections[CONNECTIONS_MAX];

static void welcome(int epoll, int listening)
{
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    int on = 1;

    if (fd < 0 || fd >= CONNECTIONS_MAX) {
        (void)close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    connections[fd] = calloc(1, sizeof(struct connection));
}

static void serve(int fd)
{
    struct connection *c = connections[fd];
    ssize_t got = read(fd, c->in + c->len, BUFFER_BYTES - 1 - c->len);

    c->len += got > 0 ? (size_t)got : 0;
    if ((got < 0 && errno == EAGAIN) || (got > 0 && answer(fd, c) == 0)) {
        return;
    }
    free(c);
    connections[fd] = NULL;
    (void)close(fd);
}

int main(int argc, char **argv)
{
    int listening = listen_on((uint16_t)strtoul(argc > 1 ? argv[1] : "0", NULL, 10));
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listening};

    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, listening, &event);
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(epoll, events, 64, -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listening) {
                welcome(epoll, listening);
            } else {
                serve(events[i].data.fd);
            }
        }
    }
}
