/*
 * For tests: an owner of an engine with an epoll of its own, and the supervisor's part: the other
 * end of its control socket, from which channels are handed out.
 */
#ifndef AT_CALL_TEST_OWNER_H
#define AT_CALL_TEST_OWNER_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/socket.h"
#include "call/engine.h"

struct test_owner {
    struct at_engine *engine;
    int epoll;
    int control;    /* the engine's end */
    int supervisor; /* our end */
    void (*on_request)(struct test_owner *o, struct at_incoming *in);
    void (*on_stream)(struct test_owner *o, struct at_incoming *in);
    struct at_list requests; /* when there is no on_request, or no on_stream */
    int others;
    int cancelled;
    uint32_t max_message;          /* of the channels that it is given; 0: the default */
    uint64_t skew_ns;              /* added to the clock */
    struct at_service_open policy; /* of a client: what OPEN says of balancing */
};

static inline int test_watch(void *user, int fd, uint32_t events, uint64_t tag, void **ret)
{
    struct test_owner *o = user;
    struct epoll_event ev = {.events = events, .data.u64 = tag};

    *ret = o;
    return epoll_ctl(o->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static inline void test_unwatch(void *user, int fd, void *handle)
{
    struct test_owner *o = user;

    (void)handle;
    (void)epoll_ctl(o->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static inline void test_request(void *user, struct at_incoming *in)
{
    struct test_owner *o = user;

    if (o->on_request != NULL) {
        o->on_request(o, in);
    } else {
        at_list_append(&o->requests, &in->entry);
    }
}

static inline void test_stream(void *user, struct at_incoming *in)
{
    struct test_owner *o = user;

    if (o->on_stream != NULL) {
        o->on_stream(o, in);
    } else {
        at_list_append(&o->requests, &in->entry);
    }
}

static inline void test_cancelled(void *user, struct at_incoming *in)
{
    struct test_owner *o = user;

    (void)in;
    o->cancelled++;
}

static inline void test_other(void *user, struct at_message *m)
{
    struct test_owner *o = user;

    (void)m;
    o->others++;
}

static inline uint64_t test_now(const struct test_owner *o)
{
    return at_now_ns() + o->skew_ns;
}

static inline int test_owner_init(struct test_owner *o, const char *methods)
{
    static const struct at_engine_ops ops = {.watch = test_watch,
                                             .unwatch = test_unwatch,
                                             .request = test_request,
                                             .stream = test_stream,
                                             .cancelled = test_cancelled,
                                             .other = test_other};
    int pair[2];

    *o = (struct test_owner){.epoll = epoll_create1(EPOLL_CLOEXEC)};
    at_list_init(&o->requests);
    if (o->epoll < 0 || at_socket_pair(pair) < 0) {
        return -1;
    }
    o->control = pair[0];
    o->supervisor = pair[1];
    return at_engine_new(&ops, o, o->control, at_bytes_of(methods), &o->engine);
}

static inline void test_owner_deinit(struct test_owner *o)
{
    o->engine = at_engine_free(o->engine);
    at_close(&o->epoll);
    at_close(&o->control);
    at_close(&o->supervisor);
}

/* One turn: runs everything, then waits for at most timeout_ms. */
static inline void test_turn(struct test_owner *o, int timeout_ms)
{
    struct epoll_event events[16];
    int n;

    do {
        while (at_engine_run(o->engine, test_now(o))) {
        }
    } while (!at_engine_arm(o->engine));
    n = epoll_wait(o->epoll, events, 16, timeout_ms);
    for (int i = 0; i < n; i++) {
        at_engine_event(o->engine, events[i].data.u64, events[i].events);
    }
    while (at_engine_run(o->engine, test_now(o))) {
    }
}

/* What the engine said to the supervisor, skipping nothing. 0 or as at_message_receive(). */
static inline int test_heard(struct test_owner *o, struct at_message *m)
{
    (void)at_fd_set_nonblocking(o->supervisor, 1);
    return at_message_receive(o->supervisor, m);
}

struct test_channel {
    int lifeline[2];
    int bell[2];
};

static inline int test_say_open(struct test_owner *o, const struct at_service_open *open,
                                const int fds[3])
{
    return at_message_send(o->supervisor, &at_service_open_kind, open, fds, 3);
}

/* Hands both sides a channel of this layout, as a supervisor does. Of a side that is NULL the
 * lifeline and the bells stay in *ret. */
static inline int test_introduce_with(struct test_owner *client, uint64_t request,
                                      struct test_owner *server, uint64_t channel,
                                      const char *server_name, struct test_channel *ret,
                                      uint32_t layout)
{
    struct test_channel c;
    char service[32];
    int r;

    (void)snprintf(service, sizeof(service), "%.*s", (int)strcspn(server_name, "."), server_name);
    r = at_socket_pair(c.lifeline);
    c.bell[0] = at_service_make_bell();
    c.bell[1] = at_service_make_bell();
    if (r == 0 && client != NULL) {
        r = test_say_open(client,
                          &(struct at_service_open){.channel = channel,
                                                    .request = request,
                                                    .side = AT_SIDE_CLIENT,
                                                    .peer_service = at_bytes_of(service),
                                                    .peer_instance = at_bytes_of(server_name),
                                                    .balance = client->policy.balance,
                                                    .bound = client->policy.bound,
                                                    .slow_start_ns = client->policy.slow_start_ns,
                                                    .key = client->policy.key,
                                                    .weight = client->policy.weight,
                                                    .replicas = client->policy.replicas,
                                                    .ready_ns = client->policy.ready_ns,
                                                    .max_message = client->max_message,
                                                    .layout = layout},
                          (int[]){c.lifeline[0], c.bell[0], c.bell[1]});
    }
    if (r == 0 && server != NULL) {
        r = test_say_open(server,
                          &(struct at_service_open){.channel = channel,
                                                    .side = AT_SIDE_SERVER,
                                                    .peer_service = AT_LIT("order"),
                                                    .peer_instance = AT_LIT("order.1"),
                                                    .max_message = server->max_message,
                                                    .layout = layout},
                          (int[]){c.lifeline[1], c.bell[1], c.bell[0]});
    }
    if (ret != NULL && (client == NULL || server == NULL)) {
        at_close(&c.lifeline[client == NULL ? 1 : 0]);
        *ret = c; /* the end that nobody has yet, and both bells */
        return r;
    }
    at_close(&c.lifeline[0]);
    at_close(&c.lifeline[1]);
    at_close(&c.bell[0]);
    at_close(&c.bell[1]);
    return r;
}

static inline int test_introduce(struct test_owner *client, uint64_t request,
                                 struct test_owner *server, uint64_t channel,
                                 const char *server_name, struct test_channel *ret)
{
    return test_introduce_with(client, request, server, channel, server_name, ret,
                               AT_LAYOUT_VERSION);
}

#endif
