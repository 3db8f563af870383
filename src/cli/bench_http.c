/*
 * Calls of a bench through the gateway: HTTP/1.1 with JSON, one kept connection for each slot, and
 * of an answer only what tells whether it was one.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/socket.h"
#include "base/text.h"
#include "cli/bench_load.h"
#include "cli/bench_way.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/pool.h"
#include "plan/plan.h"

enum {
    HEAD_MAX = 16384, /* of an answer; the gateway's are below 1 KiB */
    BLOCK = 65536,
    EVENTS = 64,
};

struct conn {
    int fd;
    uint32_t number;
    bool busy;
    size_t sent;         /* of the request */
    struct at_text head; /* what came, until the head is whole */
    size_t left;         /* of the body, once it is */
    bool in_body;
    int status; /* gRPC's, by what the head says */
};

struct http {
    struct at_bench_run *run;
    struct at_text request;
    struct conn *conns;
    uint32_t conn_count;
    int epoll;
    char address[64];
    uint16_t port;
    uint8_t block[BLOCK];
};

/* What the gateway answers for each status of gRPC, read backwards. */
static const struct {
    int http;
    int grpc;
} codes[] = {
    {200, 0}, {400, 3}, {401, 16}, {403, 7},  {404, 5},  {409, 10},
    {429, 8}, {499, 1}, {500, 13}, {501, 12}, {503, 14}, {504, 4},
};

static int status_of(int http)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].http == http) {
            return codes[i].grpc;
        }
    }
    return 2;
}

static int dial(struct http *h, struct conn *c)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    int r = at_socket_connect_tcp(h->address, h->port, &c->fd);

    if (r == 0 && epoll_ctl(h->epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0) {
        r = -errno;
    }
    return r;
}

/* The connection is of no more use; the call on it ends like this. */
static void break_off(struct http *h, struct conn *c, const char *why)
{
    at_close(&c->fd);
    at_text_clear(&c->head);
    c->in_body = false;
    if (c->busy) {
        c->busy = false;
        at_bench_ended(h->run, c->number, 14, why);
    }
}

static void push(struct http *h, struct conn *c)
{
    struct at_bytes request = at_text_bytes(&h->request);

    while (c->busy && c->sent < request.len) {
        ssize_t n = send(c->fd, request.at + c->sent, request.len - c->sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            if (errno != EAGAIN) {
                break_off(h, c, "the gateway closed the connection");
            }
            return;
        }
        c->sent += (size_t)n;
    }
}

static void start(void *user, struct at_bench_run *run, uint32_t slot)
{
    struct http *h = user;
    struct conn *c = &h->conns[slot];

    h->run = run;
    c->busy = true;
    c->sent = 0;
    if (c->fd < 0 && dial(h, c) < 0) {
        break_off(h, c, "the gateway takes no connection");
        return;
    }
    push(h, c);
}

static void answered(struct http *h, struct conn *c)
{
    char reason[AT_BENCH_REASON_MAX];
    struct at_bytes line =
        at_bytes_before(at_text_bytes(&c->head), at_bytes_index(at_text_bytes(&c->head), '\r'));

    (void)snprintf(reason, sizeof(reason), "%.*s", (int)at_bytes_before(line, 200).len,
                   (const char *)line.at);
    at_text_clear(&c->head);
    c->in_body = false;
    c->busy = false;
    at_bench_ended(h->run, c->number, c->status, c->status == 0 ? NULL : reason);
}

/* "HTTP/1.1 200 OK" and Content-Length. False: it is no such head. */
static bool read_head(struct conn *c, struct at_bytes head)
{
    struct at_bytes rest = head;
    struct at_bytes line;
    struct at_bytes name;
    uint64_t number;
    bool has_length = false;

    if (!at_bytes_cut(&rest, '\n', &line) || line.len < 12 ||
        !at_bytes_to_u64(at_bytes_before(at_bytes_after(line, 9), 3), &number)) {
        return false;
    }
    c->status = status_of((int)number);
    c->left = 0;
    while (at_bytes_cut(&rest, '\n', &line)) {
        line = at_bytes_before(line, at_bytes_index(line, '\r'));
        if (at_bytes_cut(&line, ':', &name) &&
            at_bytes_equal_nocase(name, AT_LIT("content-length"))) {
            has_length = at_bytes_to_u64(at_bytes_trim(line), &number);
            c->left = (size_t)number;
        }
    }
    return has_length;
}

/* Takes what came. False: the connection was broken off. */
static bool take(struct http *h, struct conn *c, struct at_bytes got)
{
    if (!c->in_body) {
        const char *end;
        size_t before = c->head.len;
        size_t head_len;

        at_text_add(&c->head, at_bytes_before(got, HEAD_MAX));
        end = c->head.failed ? NULL : strstr(at_text_str(&c->head), "\r\n\r\n");
        if (end == NULL) {
            if (c->head.failed || c->head.len >= HEAD_MAX) {
                break_off(h, c, "the gateway's answer has no end of its head");
                return false;
            }
            return true;
        }
        head_len = (size_t)(end - at_text_str(&c->head)) + 4;
        if (!c->busy || !read_head(c, at_bytes_before(at_text_bytes(&c->head), head_len))) {
            break_off(h, c, "the gateway's answer is not what it should be");
            return false;
        }
        c->in_body = true;
        got = at_bytes_after(got, head_len - before);
    }
    c->left -= got.len < c->left ? got.len : c->left;
    if (c->left == 0) {
        answered(h, c);
    }
    return true;
}

static void pull(struct http *h, struct conn *c)
{
    while (c->fd >= 0) {
        ssize_t n = recv(c->fd, h->block, sizeof(h->block), 0);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n <= 0) {
            break_off(h, c, "the gateway closed the connection");
            return;
        }
        if (!take(h, c, at_bytes_over(h->block, (size_t)n))) {
            return;
        }
    }
}

static bool turn(void *user, struct at_bench_run *run, uint64_t until_ns, bool exact)
{
    struct http *h = user;
    struct epoll_event events[EVENTS];
    uint64_t now = at_now_ns();
    uint64_t wait = until_ns > now ? until_ns - now : 0;
    struct timespec limit = {.tv_sec = (time_t)(wait / AT_SECOND_NS),
                             .tv_nsec = (long)(wait % AT_SECOND_NS)};
    int n = epoll_pwait2(h->epoll, events, EVENTS, &limit, NULL);

    (void)exact;
    h->run = run;
    for (int i = 0; i < n; i++) {
        struct conn *c = events[i].data.ptr;

        push(h, c);
        pull(h, c);
    }
    return n >= 0 || errno == EINTR;
}

void at_bench_http_close(struct at_bench_way *way)
{
    struct http *h = way->user;

    if (h == NULL) {
        return;
    }
    for (uint32_t i = 0; i < h->conn_count; i++) {
        at_close(&h->conns[i].fd);
        at_text_deinit(&h->conns[i].head);
    }
    at_close(&h->epoll);
    free(h->conns);
    at_text_deinit(&h->request);
    free(h);
    way->user = NULL;
}

/* The gateway's listener that serves it, or NULL. */
static const struct at_plan_listener *find_listener(const struct at_bench_target *t)
{
    const struct at_plan *plan = at_config_plan_view(t->callee->load.config);

    for (size_t i = 0; i < plan->listener_count; i++) {
        const struct at_plan_listener *l = &plan->listeners[i];

        for (size_t k = 0; k < l->services.count; k++) {
            if (l->services.at[k] == t->service && l->port != 0) {
                return l;
            }
        }
    }
    return NULL;
}

static int make_request(struct http *h, const struct at_bench_target *t)
{
    struct at_json_types types = {at_pool_find, t->method->service->pool};
    struct at_pb_fault fault = {.line = 0};
    struct at_json_how how = {.types = &types, .fault = &fault};
    struct at_json_writer j;
    struct at_text json;
    int r;

    at_text_init(&json);
    at_json_writer_init(&j, &json, 0);
    r = at_json_write_message(&how, t->method->input, t->message, &j);
    if (r == 0) {
        at_text_addf(&h->request,
                     "POST /%s/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     t->method->service->full_name, t->method->name, h->address, json.len);
        at_text_add(&h->request, at_text_bytes(&json));
        r = json.failed || h->request.failed ? -ENOMEM : 0;
    }
    at_text_deinit(&json);
    return r == 0 ? 0
                  : at_cli_fail(t->callee->cli, AT_EXIT_FAILURE, "the request has no JSON form: %s",
                                r < 0 ? strerror(-r) : fault.what);
}

static int set_up(struct http *h, const struct at_bench_target *t, uint32_t slots)
{
    const struct at_plan_listener *listener = find_listener(t);
    int r = 0;

    if (listener == NULL) {
        return at_cli_fail(t->callee->cli, AT_EXIT_UNKNOWN,
                           "no listener of the gateway with a fixed port serves %s; name its "
                           "service in gateway.listen, or leave http out of --transport",
                           t->method->service->full_name);
    }
    /* What listens everywhere listens here too. */
    (void)snprintf(h->address, sizeof(h->address), "%s",
                   strcmp(listener->address, "0.0.0.0") == 0 ? "127.0.0.1"
                   : strcmp(listener->address, "::") == 0    ? "::1"
                                                             : listener->address);
    h->port = (uint16_t)listener->port;
    h->epoll = epoll_create1(EPOLL_CLOEXEC);
    h->conns = calloc(slots, sizeof(*h->conns));
    h->conn_count = h->conns == NULL ? 0 : slots;
    r = h->epoll < 0 ? -errno : h->conns == NULL ? -ENOMEM : 0;
    for (uint32_t i = 0; i < h->conn_count; i++) {
        h->conns[i].fd = -1;
        h->conns[i].number = i;
        at_text_init(&h->conns[i].head);
    }
    for (uint32_t i = 0; r == 0 && i < h->conn_count; i++) {
        r = dial(h, &h->conns[i]);
    }
    if (r < 0) {
        return at_cli_fail(t->callee->cli, AT_EXIT_FAILURE,
                           "no %u connections to the gateway at %s port %u: %s", slots, h->address,
                           h->port, strerror(-r));
    }
    return make_request(h, t);
}

int at_bench_http_open(const struct at_bench_target *t, uint32_t slots, struct at_bench_way *ret)
{
    struct http *h = calloc(1, sizeof(*h));
    int code;

    if (h == NULL) {
        return at_cli_fail(t->callee->cli, AT_EXIT_FAILURE, "out of memory");
    }
    h->epoll = -1;
    at_text_init(&h->request);
    *ret = (struct at_bench_way){.name = "http", .user = h, .start = start, .turn = turn};
    code = set_up(h, t, slots);
    if (code != 0) {
        at_bench_http_close(ret);
    }
    return code;
}
