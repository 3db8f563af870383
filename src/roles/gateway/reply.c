/* Answers: written to the stream in one piece, and logged. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/env.h"
#include "base/text.h"
#include "call/call.h"
#include "loop/loop.h"
#include "net/net.h"
#include "roles/gateway/access.h"
#include "roles/gateway/door.h"
#include "roles/gateway/limits.h"
#include "roles/gateway/problem.h"
#include "roles/gateway/session_inner.h"
#include "roles/gateway/trace.h"
#include "wire/http1.h"

static struct at_bytes trace_id(const struct at_session *s)
{
    return at_bytes_over(s->trace_id, sizeof(s->trace_id));
}

static struct at_bytes rpc_of(const struct at_session *s)
{
    return s->binding == NULL ? (struct at_bytes){0} : at_bytes_of(s->binding->method->full_name);
}

static void log_request(struct at_session *s, const struct at_reply *r, size_t bytes_out)
{
    struct at_door *door = s->door;

    at_access_add(&door->access, &(struct at_access_entry){
                                     .method = at_bytes_over(s->method, s->method_len),
                                     .path = at_bytes_over(s->path, s->path_len),
                                     .rpc = rpc_of(s),
                                     .trace_id = trace_id(s),
                                     .request_id = at_bytes_over(s->request_id, s->request_id_len),
                                     .client = at_bytes_over(s->client, s->client_len),
                                     .why = r->why,
                                     .status = r->status,
                                     .code = at_status_name(r->code),
                                     .wall_ns = at_env_wall_ns(door->env),
                                     .took_ns = at_env_now_ns(door->env) - s->began_ns,
                                     .bytes_in = s->bytes_in,
                                     .bytes_out = bytes_out,
                                 });
}

void at_session_log_gone(struct at_session *s)
{
    log_request(s,
                &(struct at_reply){.status = 499,
                                   .code = AT_STATUS_CANCELLED,
                                   .why = AT_LIT("the client has gone")},
                0);
}

static void write_body(struct at_writer *w, struct at_bytes body, bool chunked)
{
    if (!chunked) {
        at_write_bytes(w, body);
        return;
    }
    while (body.len > 0) {
        at_http1_write_chunk(w, at_bytes_before(body, AT_GATEWAY_CHUNK_BYTES));
        body = at_bytes_after(body, AT_GATEWAY_CHUNK_BYTES);
    }
    at_http1_write_last_chunk(w);
}

static size_t body_room(struct at_bytes body, bool chunked)
{
    return chunked ? body.len + (body.len / AT_GATEWAY_CHUNK_BYTES + 2) * AT_HTTP1_CHUNK_ROOM
                   : body.len;
}

/* Ready for the next request on this connection, or done with it. */
static void conclude(struct at_session *s)
{
    s->phase = AT_SESSION_IDLE;
    s->scan = (struct at_http1_scan){0};
    s->binding = NULL;
    s->bytes_in = 0;
    s->over = s->over || !s->keep_alive;
    at_session_drop_kept(s);
    at_conn_set_deadline(s->stream, at_loop_now_ns(s->door->loop) + AT_GATEWAY_IDLE_NS);
}

void at_session_reply(struct at_session *s, const struct at_reply *r)
{
    char parent[AT_TRACE_PARENT_TEXT];
    bool chunked = r->body.len > AT_GATEWAY_CHUNK_BYTES && !s->minor_0;
    struct at_http1_field fields[4];
    char retry[12];
    struct at_http1_response head = {
        .status = (uint16_t)r->status,
        .to_minor_0 = s->minor_0,
        .chunked = chunked,
        .content_length = r->body.len,
        .content_type = r->content_type,
        .date = at_door_date(s->door),
        .fields = fields,
    };
    struct at_writer w;
    size_t room;
    uint8_t *at;

    if (s->request_id_len > 0) {
        fields[head.field_count++] = (struct at_http1_field){
            AT_LIT("X-Request-Id"), at_bytes_over(s->request_id, s->request_id_len)};
        fields[head.field_count++] =
            (struct at_http1_field){AT_LIT("traceparent"), at_bytes_over(parent, sizeof(parent))};
    }
    if (r->allow.len > 0) {
        fields[head.field_count++] = (struct at_http1_field){AT_LIT("Allow"), r->allow};
    }
    if (r->retry_after_s > 0) {
        int n = snprintf(retry, sizeof(retry), "%u", r->retry_after_s);

        fields[head.field_count++] =
            (struct at_http1_field){AT_LIT("Retry-After"), at_bytes_over(retry, (size_t)n)};
    }
    room = at_http1_response_room(&head) + body_room(r->body, chunked);
    at = at_conn_room(s->stream, room);
    w = at_writer_over(at, room);
    s->keep_alive = s->keep_alive && !s->door->draining;
    head.keep_alive = s->keep_alive;
    at_trace_parent_text(&s->trace, parent);
    if (at == NULL) {
        s->gone = true; /* no memory for an answer: all that is left is to hang up */
        s->over = true;
        at_session_log_gone(s);
        conclude(s);
        return;
    }
    at_http1_write_response(&w, &head);
    if (!s->is_head) {
        write_body(&w, r->body, chunked);
    }
    at_conn_wrote(s->stream, w.len);
    log_request(s, r, w.len);
    conclude(s);
}

void at_session_problem_allow(struct at_session *s, struct at_problem p, struct at_bytes allow)
{
    struct at_text *text = &s->door->text;

    p.instance = at_bytes_over(s->path, s->path_len);
    p.trace_id = s->request_id_len > 0 ? trace_id(s) : (struct at_bytes){0};
    at_problem_write(&p, text);
    at_session_reply(s, &(struct at_reply){
                            .status = p.status,
                            .code = p.code,
                            .content_type = AT_LIT("application/problem+json"),
                            .body = at_text_bytes(text),
                            .allow = allow,
                            .why = p.detail,
                            .retry_after_s = p.retry_after_s,
                        });
}

void at_session_problem(struct at_session *s, struct at_problem p)
{
    at_session_problem_allow(s, p, (struct at_bytes){0});
}

void at_session_overloaded(struct at_session *s, struct at_bytes detail)
{
    s->keep_alive = false;
    at_session_problem(s, (struct at_problem){.status = 503,
                                              .code = AT_STATUS_UNAVAILABLE,
                                              .detail = detail,
                                              .reason = AT_LIT("DOOR_OVERLOADED"),
                                              .retry_after_s = AT_GATEWAY_RETRY_S});
}

static uint32_t code_of(unsigned status)
{
    switch (status) {
    case 408: return AT_STATUS_DEADLINE_EXCEEDED;
    case 413: return AT_STATUS_RESOURCE_EXHAUSTED;
    case 431: return AT_STATUS_RESOURCE_EXHAUSTED;
    case 505: return AT_STATUS_UNIMPLEMENTED;
    default: return AT_STATUS_INVALID_ARGUMENT;
    }
}

void at_session_refuse(struct at_session *s, int http1_result)
{
    unsigned status = at_http1_status(http1_result);

    s->keep_alive = false;
    at_session_problem(
        s, (struct at_problem){
               .status = status,
               .code = code_of(status),
               .detail = at_bytes_of(at_http1_reason(http1_result)),
               .reason = status == 400 ? AT_LIT("MALFORMED_REQUEST") : AT_LIT("OVER_HTTP_LIMIT"),
           });
}
