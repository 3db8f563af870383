#include "roles/gateway/session.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/text.h"
#include "call/call.h"
#include "loop/loop.h"
#include "net/net.h"
#include "roles/gateway/door.h"
#include "roles/gateway/limits.h"
#include "roles/gateway/problem.h"
#include "roles/gateway/session_inner.h"
#include "roles/gateway/trace.h"
#include "wire/http1.h"
#include "wire/limits.h"

static void recount(struct at_session *s)
{
    size_t now = s->head.cap + s->body.cap;

    if (now != s->counted) {
        at_net_count(s->door->net, (ptrdiff_t)(now - s->counted));
        s->counted = now;
    }
}

void at_session_drop_kept(struct at_session *s)
{
    if (s->counted > 0) {
        at_text_deinit(&s->head);
        at_text_deinit(&s->body);
        recount(s);
    }
}

static void destroy(struct at_session *s)
{
    struct at_door *door = s->door;

    at_list_remove(&s->link);
    if (s->gone) {
        (void)at_conn_close(s->stream);
    } else {
        (void)at_conn_finish(s->stream);
    }
    at_session_drop_kept(s);
    free(s);
    at_door_session_ended(door);
}

void at_session_hold(struct at_session *s)
{
    s->holds++;
}

void at_session_let_go(struct at_session *s)
{
    if (--s->holds == 0 && s->over) {
        destroy(s);
    }
}

/* Nobody listens any more: the call is told, and the session ends. */
static void abandon(struct at_session *s)
{
    s->gone = true;
    s->over = true;
    if (s->call != NULL) {
        at_call_cancel(s->call);
    }
}

static void time_out(struct at_session *s, const char *detail)
{
    s->keep_alive = false;
    at_session_problem(s, (struct at_problem){.status = 408,
                                              .code = AT_STATUS_DEADLINE_EXCEEDED,
                                              .detail = at_bytes_of(detail),
                                              .reason = AT_LIT("CLIENT_TOO_SLOW")});
}

/* A request that was never understood has no ids of its own: the door makes them. */
static void forget_request(struct at_session *s)
{
    at_trace_begin(&s->door->trace, (struct at_bytes){0}, &s->trace);
    at_trace_id_text(&s->trace, s->trace_id);
    memcpy(s->request_id, s->trace_id, sizeof(s->trace_id));
    s->request_id_len = sizeof(s->trace_id);
    s->method_len = 0;
    s->path_len = 0;
    s->keep_alive = false;
    s->minor_0 = false;
    s->is_head = false;
    s->binding = NULL;
    s->began_ns = at_loop_now_ns(s->door->loop);
}

/* Input ended before the request did. */
static void cut_short(struct at_session *s)
{
    if (s->phase == AT_SESSION_IDLE) {
        s->over = true;
        return;
    }
    if (s->phase == AT_SESSION_HEAD) {
        forget_request(s);
    }
    s->keep_alive = false;
    at_session_problem(
        s, (struct at_problem){.status = 400,
                               .code = AT_STATUS_INVALID_ARGUMENT,
                               .detail = s->phase == AT_SESSION_HEAD
                                             ? AT_LIT("the connection ended inside the headers")
                                             : AT_LIT("the connection ended inside the body"),
                               .reason = AT_LIT("INCOMPLETE_REQUEST")});
}

/* The body is not here yet: remember the head, and read on. */
static void await_body(struct at_session *s, struct at_bytes head)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const struct at_http1_request *r = &s->door->request;

    if (!at_net_has_room(s->door->net, head.len + (size_t)r->content_length)) {
        at_session_overloaded(s, AT_LIT("the door holds as much as it may for its clients: this "
                                        "body was not taken, nothing was called"));
        return;
    }
    at_text_add(&s->head, head);
    recount(s);
    if (s->head.failed) {
        abandon(s);
        return;
    }
    at_http1_body_init(&s->reader, r, AT_HTTP1_BODY_BYTES);
    s->phase = AT_SESSION_BODY;
    at_conn_set_deadline(s->stream, at_loop_now_ns(s->door->loop) + AT_GATEWAY_BODY_NS);
    if (r->expect_continue) {
        uint8_t *room = at_conn_room(s->stream, sizeof(go_on) - 1);

        if (room != NULL) {
            memcpy(room, go_on, sizeof(go_on) - 1);
            at_conn_wrote(s->stream, sizeof(go_on) - 1);
        }
    }
}

/* Returns how much of `in` was used; 0: more is needed, or the session is over. */
static size_t take_head(struct at_session *s, struct at_bytes in)
{
    struct at_http1_request *r = &s->door->request;
    size_t head_len = 0;
    size_t body_len;
    int result;

    if (s->phase == AT_SESSION_IDLE) {
        s->phase = AT_SESSION_HEAD;
        at_conn_set_deadline(s->stream, at_loop_now_ns(s->door->loop) + AT_GATEWAY_HEAD_NS);
    }
    result = at_http1_scan(&s->scan, in, &head_len);
    if (result == AT_HTTP1_MORE) {
        if (!at_net_has_room(s->door->net, in.len)) {
            forget_request(s);
            at_session_overloaded(s, AT_LIT("the door holds as much as it may for its clients: "
                                            "these headers came in pieces and were not kept"));
        }
        return 0;
    }
    if (result == AT_HTTP1_OK) {
        result = at_http1_parse(at_bytes_before(in, head_len), AT_HTTP1_BODY_BYTES, r);
    }
    if (result != AT_HTTP1_OK) {
        forget_request(s);
        at_session_refuse(s, result);
        return 0;
    }
    at_session_begin(s, r);
    if (!r->chunked && r->content_length <= in.len - head_len) {
        body_len = (size_t)r->content_length;
        s->bytes_in = head_len + body_len;
        if (at_session_route(s, r) == 0) {
            at_session_run(s, r, at_bytes_over(in.at + head_len, body_len));
        }
        return head_len + body_len;
    }
    s->bytes_in = head_len;
    s->keep_alive = false; /* should the route not exist: the body is not waited for */
    if (at_session_route(s, r) == 0) {
        s->keep_alive = r->keep_alive;
        await_body(s, at_bytes_before(in, head_len));
    }
    return head_len;
}

static void run_kept(struct at_session *s)
{
    struct at_http1_request *r = &s->door->request;
    struct at_bytes head = at_text_bytes(&s->head);

    /* Both went well when the head came; the scratch that they filled has been used since. */
    if (at_http1_parse(head, AT_HTTP1_BODY_BYTES, r) == AT_HTTP1_OK &&
        at_session_route(s, r) == 0) {
        at_session_run(s, r, at_text_bytes(&s->body));
    }
    at_session_drop_kept(s);
}

/* By how much the kept body grows, at most. */
static size_t growth(const struct at_text *body, size_t n)
{
    return body->len + n < body->cap ? 0 : body->len + 2 * n + 1;
}

static size_t take_body(struct at_session *s, struct at_bytes in)
{
    struct at_bytes data;
    size_t used;
    int result = at_http1_body_read(&s->reader, in, &used, &data);

    if (result > AT_HTTP1_MORE) {
        at_session_refuse(s, result);
        return 0;
    }
    if (!at_net_has_room(s->door->net, growth(&s->body, data.len))) {
        at_session_overloaded(s, AT_LIT("the door holds as much as it may for its clients: the "
                                        "body was dropped, nothing was called"));
        return 0;
    }
    at_text_add(&s->body, data);
    recount(s);
    s->bytes_in += used;
    if (s->body.failed) {
        abandon(s);
    } else if (result == AT_HTTP1_OK) {
        run_kept(s);
    }
    return used;
}

static size_t on_input(void *user, struct at_bytes in)
{
    struct at_session *s = user;
    size_t used = 0;

    at_session_hold(s);
    while (!s->over && used < in.len && s->phase != AT_SESSION_CALLING) {
        struct at_bytes rest = at_bytes_over(in.at + used, in.len - used);
        size_t n;

        if (at_conn_pending(s->stream) > AT_GATEWAY_OUT_PAUSE_BYTES) {
            s->paused = true;
            break;
        }
        n = s->phase == AT_SESSION_BODY ? take_body(s, rest) : take_head(s, rest);
        if (n == 0) {
            break;
        }
        used += n;
    }
    if (!s->over && !s->paused && s->phase != AT_SESSION_CALLING && at_conn_saw_eof(s->stream)) {
        cut_short(s);
    }
    at_session_let_go(s);
    return used;
}

static void on_eof(void *user)
{
    struct at_session *s = user;

    at_session_hold(s);
    if (s->phase == AT_SESSION_CALLING) {
        /* It may have closed only its sending side and wait for the answer, or be gone altogether:
         * that cannot be told apart, so the call goes on, but not for long. */
        at_conn_set_deadline(s->stream, at_loop_now_ns(s->door->loop) + AT_GATEWAY_HALF_CLOSED_NS);
    } else if (!s->paused) {
        cut_short(s);
    }
    at_session_let_go(s);
}

static void on_drained(void *user)
{
    struct at_session *s = user;

    if (s->paused) {
        at_session_hold(s);
        s->paused = false;
        at_conn_resume(s->stream);
        if (!s->over && s->phase == AT_SESSION_IDLE && at_conn_saw_eof(s->stream)) {
            s->over = true;
        }
        at_session_let_go(s);
    }
}

static void on_deadline(void *user)
{
    struct at_session *s = user;
    char late[64];

    at_session_hold(s);
    switch (s->phase) {
    case AT_SESSION_HEAD:
        forget_request(s);
        time_out(s, "the headers did not arrive within 10 s");
        break;
    case AT_SESSION_BODY:
        (void)snprintf(late, sizeof(late), "the body did not arrive within %d s",
                       AT_GATEWAY_BODY_S);
        time_out(s, late);
        break;
    case AT_SESSION_CALLING: abandon(s); break;
    case AT_SESSION_IDLE:
    default:
        if (at_conn_pending(s->stream) > 0) { /* still reading an answer, and not too slowly */
            at_conn_set_deadline(s->stream, at_loop_now_ns(s->door->loop) + AT_GATEWAY_IDLE_NS);
        } else {
            s->over = true;
        }
        break;
    }
    at_session_let_go(s);
}

static void on_gone(void *user, int error)
{
    struct at_session *s = user;

    at_session_hold(s);
    s->stream = NULL;
    abandon(s);
    at_session_let_go(s);
}

static const struct at_conn_ops ops = {.on_input = on_input,
                                       .on_eof = on_eof,
                                       .on_drained = on_drained,
                                       .on_deadline = on_deadline,
                                       .on_gone = on_gone};

void at_session_go_on(struct at_session *s)
{
    if (!s->over) {
        at_conn_flush(s->stream);
    }
    if (!s->over) {
        at_conn_resume(s->stream); /* what was pipelined meanwhile */
    }
    if (!s->over && s->phase == AT_SESSION_IDLE && !s->paused && at_conn_saw_eof(s->stream)) {
        s->over = true;
    }
}

/* "192.0.2.1:4711" or "[2001:db8::1]:4711"; nothing when it is neither. */
static size_t client_text(int fd, char room[AT_SESSION_CLIENT_MAX])
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t len = sizeof(peer);
    char host[INET6_ADDRSTRLEN];
    int n = 0;

    if (getpeername(fd, &peer.any, &len) < 0) {
        return 0;
    }
    if (peer.any.sa_family == AF_INET &&
        inet_ntop(AF_INET, &peer.v4.sin_addr, host, sizeof(host)) != NULL) {
        n = snprintf(room, AT_SESSION_CLIENT_MAX, "%s:%u", host, ntohs(peer.v4.sin_port));
    } else if (peer.any.sa_family == AF_INET6 &&
               inet_ntop(AF_INET6, &peer.v6.sin6_addr, host, sizeof(host)) != NULL) {
        n = snprintf(room, AT_SESSION_CLIENT_MAX, "[%s]:%u", host, ntohs(peer.v6.sin6_port));
    }
    return n > 0 ? (size_t)n : 0;
}

void at_session_open(struct at_door_listener *listener, int fd)
{
    struct at_session *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        at_close(&fd);
        return;
    }
    s->door = listener->door;
    s->listener = listener;
    s->client_len = client_text(fd, s->client);
    at_text_init(&s->head);
    at_text_init(&s->body);
    if (at_conn_new(s->door->net, fd, &ops, s, &s->stream) < 0) {
        at_close(&fd);
        free(s);
        return;
    }
    at_list_append(&s->door->sessions, &s->link);
    at_conn_set_deadline(s->stream, at_loop_now_ns(s->door->loop) + AT_GATEWAY_HEAD_NS);
}

void at_session_drain_all(struct at_door *door)
{
    at_list_foreach_safe (it, &door->sessions) {
        struct at_session *s = at_container_of(it, struct at_session, link);

        if (s->phase == AT_SESSION_IDLE) {
            at_session_hold(s);
            s->over = true;
            at_session_let_go(s);
        }
    }
}

void at_session_close_all(struct at_door *door)
{
    at_list_foreach_safe (it, &door->sessions) {
        struct at_session *s = at_container_of(it, struct at_session, link);

        at_session_hold(s);
        abandon(s);
        at_session_let_go(s);
    }
}
