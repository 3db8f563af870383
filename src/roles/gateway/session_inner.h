/* What session.c (the connection), request.c (what is wanted) and reply.c (what is said) share. */
#ifndef AT_GATEWAY_SESSION_INNER_H
#define AT_GATEWAY_SESSION_INNER_H

#include "roles/gateway/problem.h"
#include "roles/gateway/session.h"

enum at_session_phase { AT_SESSION_IDLE, AT_SESSION_HEAD, AT_SESSION_BODY, AT_SESSION_CALLING };

/* What the door answers by itself. */
enum at_session_builtin { AT_BUILTIN_NONE, AT_BUILTIN_ALIVE, AT_BUILTIN_READY };

enum { AT_SESSION_METHOD_MAX = 32, AT_SESSION_CLIENT_MAX = 56 /* "[IPv6]:PORT" and a NUL */ };

struct at_session {
    struct at_list link; /* in door->sessions */
    struct at_door *door;
    struct at_door_listener *listener;
    struct at_conn *stream; /* NULL: the connection is gone */
    unsigned holds;         /* callers further up that still look at this struct */
    bool over;              /* ends when nobody holds it */
    bool gone;              /* the client will not hear an answer */
    bool paused;            /* it does not read its answers: no more requests are taken */
    enum at_session_phase phase;

    struct at_http1_scan scan;
    struct at_http1_body reader;
    struct at_text head; /* a copy while the body is still coming */
    struct at_text body;
    size_t counted; /* what head and body take of the budget */
    size_t client_len;
    char client[AT_SESSION_CLIENT_MAX]; /* its address, for the log */

    /* The request being worked on. */
    enum at_session_builtin builtin;
    const struct at_binding *binding;
    struct at_call_pending *call;
    bool keep_alive;
    bool minor_0;
    bool is_head;
    bool protobuf; /* in and out */
    struct at_trace trace;
    uint64_t began_ns;
    uint64_t bytes_in;
    size_t request_id_len;
    size_t method_len;
    size_t path_len;
    char request_id[AT_GATEWAY_REQUEST_ID_MAX];
    char trace_id[AT_TRACE_ID_TEXT];
    char method[AT_SESSION_METHOD_MAX];
    char path[AT_GATEWAY_LOG_TEXT_MAX];
};

/* reply.c: each answers the request, logs it, and leaves the session IDLE or over. */

struct at_reply {
    unsigned status;
    uint32_t code; /* enum at_status */
    struct at_bytes content_type;
    struct at_bytes body;
    struct at_bytes allow;  /* of 405; may be empty */
    struct at_bytes why;    /* for the log */
    unsigned retry_after_s; /* 0: none */
};

void at_session_reply(struct at_session *s, const struct at_reply *r);
/* p needs status, code and detail; what the session knows is filled in. */
void at_session_problem(struct at_session *s, struct at_problem p);
/* The same with an Allow header. */
void at_session_problem_allow(struct at_session *s, struct at_problem p, struct at_bytes allow);
/* The connection cannot go on: an at_http1_result. */
void at_session_refuse(struct at_session *s, int http1_result);
/* 503: what strangers make the door hold is at its limit; the connection ends. */
void at_session_overloaded(struct at_session *s, struct at_bytes detail);
/* A line in the access log for a request whose client is gone. */
void at_session_log_gone(struct at_session *s);

/* request.c */

/* Head known: takes flags, ids and names from it. */
void at_session_begin(struct at_session *s, const struct at_http1_request *r);
/* Finds out what is meant: 0, or 1 when that failed and the answer was given. */
int at_session_route(struct at_session *s, const struct at_http1_request *r);
/* The body is complete and route said 0 for the same request: answers, or starts the call. */
void at_session_run(struct at_session *s, const struct at_http1_request *r, struct at_bytes body);

/* session.c */

/* Lets go of the head and body that were kept. */
void at_session_drop_kept(struct at_session *s);
void at_session_hold(struct at_session *s);
void at_session_let_go(struct at_session *s);
/* The call of a session has ended and its answer is written: on with the connection. */
void at_session_go_on(struct at_session *s);

#endif
