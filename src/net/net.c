#include "net/net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h> // NOLINT(misc-include-cleaner): IPPROTO_TCP
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/list.h"
#include "loop/loop.h"
#include "net/inner.h"
#include "net/limits.h"

struct at_listener {
    struct at_net *net;
    struct at_io *io;
    struct at_timer *rest;
    at_listener_fn *fn;
    void *user;
    int fd;
};

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int at_net_new(struct at_loop *loop, size_t streams_max, struct at_net **ret)
{
    struct at_net *net = malloc(sizeof(*net));

    if (net == NULL) {
        return -ENOMEM;
    }
    net->loop = loop;
    net->streams_max = streams_max;
    net->stream_count = 0;
    net->held = 0;
    net->held_max = SIZE_MAX / 2;
    at_list_init(&net->finishing);
    at_list_init(&net->dead);
    net->reserve_fd = open_reserve();
    *ret = net;
    return 0;
}

struct at_net *at_net_free(struct at_net *net)
{
    if (net == NULL) {
        return NULL;
    }
    at_net_drop_finishing(net);
    at_net_bury(net);
    at_close(&net->reserve_fd);
    free(net);
    return NULL;
}

void at_net_set_budget(struct at_net *net, size_t most)
{
    net->held_max = most < SIZE_MAX / 2 ? most : SIZE_MAX / 2;
}

size_t at_net_held(const struct at_net *net)
{
    return net->held;
}

void at_net_count(struct at_net *net, ptrdiff_t n)
{
    net->held += (size_t)n;
}

bool at_net_has_room(const struct at_net *net, size_t n)
{
    return net->held <= net->held_max && n <= net->held_max - net->held;
}

bool at_net_may_grow(const struct at_net *net, size_t n)
{
    size_t wall = net->held_max + net->held_max / AT_NET_SPARED_PART;

    return net->held <= wall && n <= wall - net->held;
}

size_t at_net_stream_count(const struct at_net *net)
{
    return net->stream_count;
}

static void refuse(int fd)
{
    /* A reset instead of TIME_WAIT: a flood must not leave anything behind. */
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    at_close(&fd);
}

/*
 * No descriptor is left. The connection waiting in the backlog would make epoll report it for ever,
 * so the reserve is spent on taking and refusing it; without a reserve we look away for a moment.
 */
static void survive_exhaustion(struct at_listener *l)
{
    struct at_net *net = l->net;

    if (net->reserve_fd >= 0) {
        int fd;

        at_close(&net->reserve_fd);
        fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            refuse(fd);
        }
        net->reserve_fd = open_reserve();
    }
    if (net->reserve_fd < 0) {
        (void)at_io_change(l->io, 0);
        at_timer_set(l->rest, at_loop_now_ns(net->loop) + AT_NET_ACCEPT_REST_NS);
    }
}

static void on_rested(void *user)
{
    struct at_listener *l = user;

    if (l->net->reserve_fd < 0) {
        l->net->reserve_fd = open_reserve();
    }
    (void)at_io_change(l->io, EPOLLIN);
}

static void on_acceptable(void *user, int listening, uint32_t events)
{
    struct at_listener *l = user;

    for (int i = 0; i < AT_NET_ACCEPTS_PER_TURN; i++) {
        int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        int on = 1;

        if (fd < 0) {
            int error = errno;

            if (error == ECONNABORTED || error == EINTR) {
                continue;
            }
            if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
                survive_exhaustion(l);
            }
            return;
        }
        if (l->net->stream_count >= l->net->streams_max) {
            refuse(fd);
            continue;
        }
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        l->fn(l->user, fd);
    }
}

int at_listener_new(struct at_net *net, int fd, at_listener_fn *fn, void *user,
                    struct at_listener **ret)
{
    struct at_listener *l = calloc(1, sizeof(*l));
    int r;

    if (l == NULL) {
        return -ENOMEM;
    }
    *l = (struct at_listener){.net = net, .fn = fn, .user = user, .fd = fd};
    r = at_loop_add_timer(net->loop, on_rested, l, &l->rest);
    if (r == 0) {
        r = at_loop_add_io(net->loop, fd, EPOLLIN, on_acceptable, l, &l->io);
    }
    if (r < 0) {
        l->fd = -1;
        (void)at_listener_free(l);
        return r;
    }
    *ret = l;
    return 0;
}

struct at_listener *at_listener_free(struct at_listener *listener)
{
    if (listener != NULL) {
        (void)at_io_remove(listener->io);
        (void)at_timer_remove(listener->rest);
        at_close(&listener->fd);
        free(listener);
    }
    return NULL;
}
