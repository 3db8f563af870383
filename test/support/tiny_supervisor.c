#include "tiny_supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/socket.h"
#include "control/service.h"

struct tiny_supervisor *tiny_new(void)
{
    struct tiny_supervisor *t = calloc(1, sizeof(*t));

    if (t != NULL) {
        t->version = AT_CONTROL_VERSION;
    }
    return t;
}

void tiny_free(struct tiny_supervisor *t)
{
    for (int i = 0; i < t->instance_count; i++) {
        at_close(&t->instances[i].fd);
    }
    free(t);
}

int tiny_add(struct tiny_supervisor *t, const char *service, const char *name, int *ret_fd)
{
    struct tiny_instance *in = &t->instances[t->instance_count];
    int pair[2];

    if (t->instance_count == TINY_INSTANCES || at_socket_pair(pair) < 0) {
        return -1;
    }
    *in = (struct tiny_instance){.fd = pair[0], .generation = (uint64_t)t->instance_count + 1};
    (void)snprintf(in->service, sizeof(in->service), "%s", service);
    (void)snprintf(in->name, sizeof(in->name), "%s", name);
    (void)at_fd_set_nonblocking(in->fd, 1);
    *ret_fd = pair[1];
    return t->instance_count++;
}

/* Waits a little for who does not read: with a thousand clients a server falls behind. */
static void say(int fd, const struct at_message_kind *kind, const void *message, const int *fds,
                size_t n)
{
    enum { TRIES = 50, TRY_MS = 100 };
    struct pollfd room = {.fd = fd, .events = POLLOUT};

    for (int i = 0; i < TRIES; i++) {
        if (at_message_send(fd, kind, message, fds, n) != -EAGAIN) {
            return;
        }
        (void)poll(&room, 1, TRY_MS);
    }
}

static bool serves(const struct tiny_instance *in, const char *contract)
{
    struct at_bytes rest = at_bytes_of(in->contracts);
    struct at_bytes line;

    while (in->ready && at_bytes_cut(&rest, '\n', &line)) {
        if (at_bytes_equal(line, at_bytes_of(contract))) {
            return true;
        }
    }
    return false;
}

static void say_apart(const struct tiny_instance *client, uint64_t request)
{
    struct at_service_edge edge = {.request = request,
                                   .state = AT_EDGE_FAILED,
                                   .reason = AT_LIT("they speak no common channel layout")};

    say(client->fd, &at_service_edge_kind, &edge, NULL, 0);
}

static bool is_joined(const struct tiny_supervisor *t, const struct tiny_want *want, int server)
{
    for (int k = 0; k < t->channel_count; k++) {
        const struct tiny_channel *c = &t->channels[k];

        if (c->id != 0 && c->client == want->instance && c->request == want->request &&
            c->server == server) {
            return true;
        }
    }
    return false;
}

static void introduce(struct tiny_supervisor *t, const struct tiny_want *want, int server)
{
    struct tiny_instance *c = &t->instances[want->instance];
    struct tiny_instance *s = &t->instances[server];
    struct at_service_open open = {.channel = ++t->next_channel,
                                   .request = want->request,
                                   .side = AT_SIDE_CLIENT,
                                   .peer_service = at_bytes_of(s->service),
                                   .peer_instance = at_bytes_of(s->name),
                                   .peer_generation = s->generation};
    uint32_t least = c->layout_min > s->layout_min ? c->layout_min : s->layout_min;
    int life[2];
    int bells[2];

#if AT_CONTROL_VERSION >= 2
    open.opened_ns = 1;
#endif
    open.layout = c->layout_max < s->layout_max ? c->layout_max : s->layout_max;
    if (t->layout_max != 0 && open.layout > t->layout_max) {
        open.layout = t->layout_max;
    }
    t->last_layout = open.layout;
    if (open.layout < least) {
        say_apart(c, want->request);
        return;
    }
    bells[0] = at_service_make_bell();
    bells[1] = at_service_make_bell();
    if (at_socket_pair(life) < 0 || t->channel_count == TINY_CHANNELS) {
        abort();
    }
    say(c->fd, &at_service_open_kind, &open, (int[]){life[0], bells[0], bells[1]}, 3);
    open.side = AT_SIDE_SERVER;
    open.request = 0;
    open.peer_service = at_bytes_of(c->service);
    open.peer_instance = at_bytes_of(c->name);
    open.flags = strcmp(c->service, "door") == 0 ? AT_OPEN_MAY_STATE_CALLER : 0;
    say(s->fd, &at_service_open_kind, &open, (int[]){life[1], bells[1], bells[0]}, 3);
    t->channels[t->channel_count++] = (struct tiny_channel){
        .id = open.channel, .request = want->request, .client = want->instance, .server = server};
    at_fd_close_all(life, 2);
    at_fd_close_all(bells, 2);
}

static void on_hello(struct tiny_supervisor *t, int i)
{
    struct tiny_instance *in = &t->instances[i];
    struct at_service_hello hello;
    struct at_service_welcome welcome = {.generation = in->generation,
                                         .system = AT_LIT("test"),
                                         .service = at_bytes_of(in->service),
                                         .instance = at_bytes_of(in->name),
                                         .config = in->config};

    if (at_message_read(&at_service_hello_kind, &t->message, &hello) != 0) {
        return;
    }
    welcome.version =
        hello.version_max < (uint32_t)t->version ? hello.version_max : (uint32_t)t->version;
    in->layout_min = hello.layout_max == 0 ? 1 : hello.layout_min;
    in->layout_max = hello.layout_max == 0 ? 1 : hello.layout_max;
    (void)snprintf(in->contracts, sizeof(in->contracts), "%.*s", (int)hello.contracts.len,
                   hello.contracts.at == NULL ? "" : (const char *)hello.contracts.at);
    say(in->fd, &at_service_welcome_kind, &welcome, NULL, 0);
}

static void on_ready(struct tiny_supervisor *t, int i)
{
    if (t->instances[i].ready) {
        return;
    }
    t->instances[i].ready = true;
    for (int k = 0; k < t->want_count; k++) {
        if (serves(&t->instances[i], t->wants[k].contract) && !is_joined(t, &t->wants[k], i)) {
            introduce(t, &t->wants[k], i);
        }
    }
}

static void on_want(struct tiny_supervisor *t, int i)
{
    struct tiny_want *w = t->wants;
    struct at_service_want want;
    bool any = false;

    if (at_message_read(&at_service_want_kind, &t->message, &want) != 0) {
        return;
    }
    while (w < t->wants + t->want_count && (w->instance != i || w->request != want.request)) {
        w++; /* perhaps it is said again */
    }
    if (w == t->wants + TINY_WANTS) {
        return;
    }
    t->want_count += w == t->wants + t->want_count;
    *w = (struct tiny_want){.instance = i, .request = want.request};
    (void)snprintf(w->contract, sizeof(w->contract), "%.*s", (int)want.contract.len,
                   (const char *)want.contract.at);
    (void)snprintf(t->last_reason, sizeof(t->last_reason), "%.*s", (int)want.have.len,
                   want.have.at == NULL ? "" : (const char *)want.have.at);
    for (int k = 0; k < t->instance_count; k++) {
        if (t->instances[k].fd >= 0 && serves(&t->instances[k], w->contract)) {
            any = true;
            if (!is_joined(t, w, k)) {
                introduce(t, w, k);
            }
        }
    }
    if (!any) {
        struct at_service_edge edge = {.request = want.request,
                                       .state = AT_EDGE_WAITING,
                                       .reason = AT_LIT("no instance is ready yet")};

        say(t->instances[i].fd, &at_service_edge_kind, &edge, NULL, 0);
    }
}

static void on_end(struct tiny_supervisor *t, int i)
{
    char reason[96];

    (void)snprintf(reason, sizeof(reason), "%s was killed by signal 9", t->instances[i].name);
    at_close(&t->instances[i].fd);
    t->instances[i].ready = false;
    for (int k = 0; k < t->channel_count; k++) {
        struct at_service_gone gone = {.channel = t->channels[k].id, .reason = at_bytes_of(reason)};
        int other = t->channels[k].client == i ? t->channels[k].server : t->channels[k].client;

        if (t->channels[k].id != 0 && (t->channels[k].client == i || t->channels[k].server == i) &&
            t->instances[other].fd >= 0) {
            say(t->instances[other].fd, &at_service_gone_kind, &gone, NULL, 0);
        }
        if (t->channels[k].client == i || t->channels[k].server == i) {
            t->channels[k].id = 0;
        }
    }
}

/* The other side hears of it. */
static void end_channel(struct tiny_supervisor *t, int i, const struct at_service_broken *broken)
{
    for (int k = 0; k < t->channel_count; k++) {
        struct tiny_channel *c = &t->channels[k];
        struct at_service_gone gone = {.channel = c->id, .reason = broken->reason};

        if (c->id == broken->channel && (c->client == i || c->server == i)) {
            int other = c->client == i ? c->server : c->client;

            say(t->instances[other].fd, &at_service_gone_kind, &gone, NULL, 0);
            c->id = 0;
        }
    }
}

static void on_broken(struct tiny_supervisor *t, int i)
{
    struct at_service_broken broken;

    if (at_message_read(&at_service_broken_kind, &t->message, &broken) == 0) {
        t->broken++;
        (void)snprintf(t->last_reason, sizeof(t->last_reason), "%.*s", (int)broken.reason.len,
                       (const char *)broken.reason.at);
        end_channel(t, i, &broken);
    }
}

static void receive(struct tiny_supervisor *t, int i)
{
    int r = at_message_receive(t->instances[i].fd, &t->message);

    if (r == AT_MESSAGE_CLOSED) {
        on_end(t, i);
        return;
    }
    if (r != 0) {
        return;
    }
    switch (t->message.type) {
    case AT_SERVICE_HELLO: on_hello(t, i); break;
    case AT_SERVICE_READY: on_ready(t, i); break;
    case AT_SERVICE_WANT: on_want(t, i); break;
    case AT_SERVICE_BROKEN: on_broken(t, i); break;
    case AT_SERVICE_STOPPING: t->stopping++; break;
    default: break;
    }
    at_message_clear(&t->message);
}

void tiny_turn(struct tiny_supervisor *t, int timeout_ms)
{
    struct pollfd fds[TINY_INSTANCES];

    for (int i = 0; i < t->instance_count; i++) {
        fds[i] = (struct pollfd){.fd = t->instances[i].fd, .events = POLLIN};
    }
    if (poll(fds, (nfds_t)t->instance_count, timeout_ms) > 0) {
        for (int i = 0; i < t->instance_count; i++) {
            if (fds[i].revents != 0) {
                receive(t, i);
            }
        }
    }
}

void tiny_stop(struct tiny_supervisor *t, int instance, uint64_t grace_ns)
{
    struct at_service_stop stop = {.grace_ns = grace_ns};

    say(t->instances[instance].fd, &at_service_stop_kind, &stop, NULL, 0);
}

void tiny_resume(struct tiny_supervisor *t)
{
    struct at_service_resume resume = {.supervisor = 2};

    t->want_count = 0;
    for (int i = 0; i < t->instance_count; i++) {
        t->instances[i].ready = false;
        if (t->instances[i].fd >= 0) {
            say(t->instances[i].fd, &at_service_resume_kind, &resume, NULL, 0);
        }
    }
}

static void become(int fd)
{
    enum { CONTROL = 3 };

    (void)dup2(fd, CONTROL);
    (void)fcntl(CONTROL, F_SETFD, 0); /* it may have been there already */
    (void)close_range(CONTROL + 1, ~0U, 0);
    (void)setenv("ATOLL_CONTROL_FD", "3", 1);
}

pid_t tiny_spawn(int fd, int (*body)(void *user), void *user)
{
    pid_t pid = fork();

    if (pid == 0) {
        become(fd);
        exit(body(user));
    }
    (void)close(fd);
    return pid;
}

pid_t tiny_exec(int fd, const char *path, const char *const *argv)
{
    pid_t pid = fork();

    if (pid == 0) {
        become(fd);
        (void)execv(path, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    (void)close(fd);
    return pid;
}
