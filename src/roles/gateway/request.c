/* From a request's head and body to an answer of the door or a call to a service. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "call/call.h"
#include "loop/loop.h"
#include "net/net.h"
#include "pb/fault.h"
#include "pb/key.h"
#include "policy/balance.h"
#include "roles/gateway/door.h"
#include "roles/gateway/headers.h"
#include "roles/gateway/limits.h"
#include "roles/gateway/problem.h"
#include "roles/gateway/routes.h"
#include "roles/gateway/session_inner.h"
#include "roles/gateway/trace.h"
#include "roles/gateway/transcode.h"
#include "wire/http1.h"
#include "wire/http1_path.h"

static size_t keep_text(char *room, size_t cap, struct at_bytes b)
{
    size_t n = b.len < cap ? b.len : cap;

    if (n > 0) {
        memcpy(room, b.at, n);
    }
    return n;
}

void at_session_begin(struct at_session *s, const struct at_http1_request *r)
{
    struct at_bytes id = at_http1_field(r, AT_LIT("x-request-id"));

    s->keep_alive = r->keep_alive;
    s->minor_0 = r->minor == 0;
    s->is_head = at_bytes_equal(r->method, AT_LIT("HEAD"));
    s->protobuf = false;
    s->builtin = AT_BUILTIN_NONE;
    s->binding = NULL;
    s->began_ns = at_loop_now_ns(s->door->loop);
    s->method_len = keep_text(s->method, sizeof(s->method), r->method);
    s->path_len = keep_text(s->path, sizeof(s->path), r->target);
    at_trace_begin(&s->door->trace, at_http1_field(r, AT_LIT("traceparent")), &s->trace);
    at_trace_id_text(&s->trace, s->trace_id);
    if (!at_trace_is_request_id(id)) {
        id = at_bytes_over(s->trace_id, sizeof(s->trace_id));
    }
    s->request_id_len = keep_text(s->request_id, sizeof(s->request_id), id);
}

static int not_found(struct at_session *s)
{
    char detail[AT_GATEWAY_LOG_TEXT_MAX + 128];
    int n = snprintf(detail, sizeof(detail), "nothing is served at %.*s on this port",
                     (int)s->path_len, s->path);

    at_session_problem(s, (struct at_problem){.status = 404,
                                              .code = AT_STATUS_NOT_FOUND,
                                              .detail = at_bytes_over(detail, (size_t)n),
                                              .reason = AT_LIT("ROUTE_NOT_FOUND")});
    return 1;
}

static int verb_not_allowed(struct at_session *s, struct at_bytes allow)
{
    char detail[AT_GATEWAY_LOG_TEXT_MAX + 128];
    int n = snprintf(detail, sizeof(detail), "%.*s is not served here; %.*s %s", (int)s->method_len,
                     s->method, (int)(allow.len < 100 ? allow.len : 100), (const char *)allow.at,
                     at_bytes_index(allow, ',') < allow.len ? "are" : "is");

    at_session_problem_allow(s,
                             (struct at_problem){.status = 405,
                                                 .code = AT_STATUS_UNIMPLEMENTED,
                                                 .detail = at_bytes_over(detail, (size_t)n),
                                                 .reason = AT_LIT("METHOD_NOT_ALLOWED")},
                             allow);
    return 1;
}

static int no_streams(struct at_session *s)
{
    at_session_problem(
        s,
        (struct at_problem){.status = 501,
                            .code = AT_STATUS_UNIMPLEMENTED,
                            .detail = AT_LIT("this method streams, which the door does not do yet"),
                            .reason = AT_LIT("STREAMS_NOT_SERVED")});
    return 1;
}

static int route_builtin(struct at_session *s, struct at_bytes verb)
{
    if (at_bytes_equal(s->door->path, AT_LIT("/healthz"))) {
        s->builtin = AT_BUILTIN_ALIVE;
    } else if (at_bytes_equal(s->door->path, AT_LIT("/readyz"))) {
        s->builtin = AT_BUILTIN_READY;
    } else {
        return not_found(s);
    }
    if (!at_bytes_equal(verb, AT_LIT("GET")) && !at_bytes_equal(verb, AT_LIT("HEAD"))) {
        return verb_not_allowed(s, AT_LIT("GET, HEAD"));
    }
    return 0;
}

int at_session_route(struct at_session *s, const struct at_http1_request *r)
{
    struct at_door *door = s->door;
    int result = at_http1_path(r->target, door->path_room, sizeof(door->path_room), &door->path,
                               &door->query);

    if (result != AT_HTTP1_PATH_OK) {
        at_session_problem(s,
                           (struct at_problem){.status = 400,
                                               .code = AT_STATUS_INVALID_ARGUMENT,
                                               .detail = at_bytes_of(at_http1_path_reason(result)),
                                               .reason = AT_LIT("BAD_PATH")});
        return 1;
    }
    s->path_len = keep_text(s->path, sizeof(s->path), door->path);
    at_text_clear(&door->allow);
    result =
        at_routes_find(&s->listener->routes, r->method, door->path, &door->match, &door->allow);
    if (result == AT_ROUTES_NO_PATH) {
        return route_builtin(s, r->method);
    }
    if (result == AT_ROUTES_NO_VERB) {
        return verb_not_allowed(s, at_text_bytes(&door->allow));
    }
    s->binding = door->match.binding;
    return s->binding->method->client_streams || s->binding->method->server_streams ? no_streams(s)
                                                                                    : 0;
}

static void say_alive(struct at_session *s)
{
    at_session_reply(s, &(struct at_reply){.status = 200,
                                           .content_type = AT_LIT("application/json"),
                                           .body = AT_LIT("{\"status\":\"alive\"}\n")});
}

static void say_states(struct at_session *s)
{
    bool ready = at_door_tell_states(s->listener, &s->door->text);

    at_session_reply(s, &(struct at_reply){.status = ready ? 200 : 503,
                                           .code = ready ? AT_STATUS_OK : AT_STATUS_UNAVAILABLE,
                                           .content_type = AT_LIT("application/json"),
                                           .body = at_text_bytes(&s->door->text)});
}

static void say_ready(struct at_session *s)
{
    struct at_text waiting;

    if (at_bytes_equal(s->door->query, AT_LIT("verbose")) ||
        at_bytes_start_with(s->door->query, AT_LIT("verbose="))) {
        say_states(s);
        return;
    }
    at_text_init(&waiting);
    at_text_add_str(&waiting, "not ready: ");
    if (at_door_is_ready(s->listener, &waiting)) {
        at_session_reply(s, &(struct at_reply){.status = 200,
                                               .content_type = AT_LIT("application/json"),
                                               .body = AT_LIT("{\"status\":\"ready\"}\n")});
    } else {
        at_session_problem(s, (struct at_problem){.status = 503,
                                                  .code = AT_STATUS_UNAVAILABLE,
                                                  .detail = at_text_bytes(&waiting),
                                                  .reason = AT_LIT("NOT_READY")});
    }
    at_text_deinit(&waiting);
}

/* Two users or two keys: services would each take another one. 0, or 1: the answer was given. */
static int judge_headers(struct at_session *s, const struct at_http1_request *r)
{
    const char *twice = at_headers_twice(r);
    char detail[64];
    int n;

    if (twice == NULL) {
        return 0;
    }
    n = snprintf(detail, sizeof(detail), "the %s header is given more than once", twice);
    at_session_problem(s, (struct at_problem){.status = 400,
                                              .code = AT_STATUS_INVALID_ARGUMENT,
                                              .detail = at_bytes_over(detail, (size_t)n),
                                              .reason = AT_LIT("HEADER_TWICE")});
    return 1;
}

/* The media type without its parameters. */
static struct at_bytes media_type(struct at_bytes value)
{
    return at_bytes_trim(at_bytes_before(value, at_bytes_index(value, ';')));
}

static bool is_protobuf(struct at_bytes type)
{
    return at_bytes_equal_nocase(type, AT_LIT("application/protobuf")) ||
           at_bytes_equal_nocase(type, AT_LIT("application/x-protobuf"));
}

/*
 * Only what is surely not JSON is refused: curl -d calls JSON a form, and meaning it well costs
 * nothing here. 0, or 1 when the answer was given.
 */
static int judge_type(struct at_session *s, const struct at_http1_request *r)
{
    struct at_bytes coding = at_http1_field(r, AT_LIT("content-encoding"));
    struct at_bytes type = media_type(at_http1_field(r, AT_LIT("content-type")));
    const char *why = NULL;

    if (coding.len > 0 && !at_bytes_equal_nocase(coding, AT_LIT("identity"))) {
        why = "bodies with a Content-Encoding are not taken: send it as it is";
    } else if (is_protobuf(type)) {
        s->protobuf = s->binding->plain;
        why = s->protobuf ? NULL : "protobuf is taken at /package.Service/Method only, JSON here";
    } else if (at_bytes_start_with(type, AT_LIT("multipart/")) ||
               at_bytes_start_with(type, AT_LIT("image/")) ||
               at_bytes_start_with(type, AT_LIT("application/xml"))) {
        why = "the body must be JSON";
    }
    if (why == NULL) {
        return 0;
    }
    at_session_problem(s, (struct at_problem){.status = 415,
                                              .code = AT_STATUS_INVALID_ARGUMENT,
                                              .detail = at_bytes_of(why),
                                              .reason = AT_LIT("UNSUPPORTED_MEDIA_TYPE")});
    return 1;
}

static void refuse_message(struct at_session *s, int result, const struct at_pb_fault *fault)
{
    if (result == AT_TRANSCODE_BIG) {
        at_session_problem(
            s, (struct at_problem){.status = 413,
                                   .code = AT_STATUS_RESOURCE_EXHAUSTED,
                                   .detail = AT_LIT("the message takes more memory than one may"),
                                   .reason = AT_LIT("MESSAGE_TOO_LARGE")});
        return;
    }
    at_session_problem(s, (struct at_problem){.status = 400,
                                              .code = AT_STATUS_INVALID_ARGUMENT,
                                              .detail = at_bytes_of(fault->what),
                                              .reason = AT_LIT("BAD_MESSAGE"),
                                              .field = at_bytes_of(fault->field),
                                              .line = fault->line,
                                              .col = fault->col});
}

/* The log and the client hear which side was wrong, and in which field. */
static void blame_service(struct at_session *s, int result, const struct at_pb_fault *fault)
{
    bool big = result == AT_TRANSCODE_BIG;
    const char *what = result == AT_TRANSCODE_FORMLESS ? "has no JSON form: "
                       : big                           ? "takes more memory than one may"
                                                       : "is not what its contract says: ";
    char detail[AT_PB_WHAT_MAX + 512];
    int n = snprintf(detail, sizeof(detail), "the answer of %.380s %s%s",
                     s->binding->method->full_name, what, big ? "" : fault->what);

    at_session_problem(s, (struct at_problem){.status = 500,
                                              .code = AT_STATUS_INTERNAL,
                                              .detail = at_bytes_over(detail, (size_t)n),
                                              .reason = AT_LIT("BAD_ANSWER"),
                                              .field = at_bytes_of(fault->field)});
}

/* The service's words; those of the door for a service that gave none. */
static void pass_failure(struct at_session *s, const struct at_call_result *result)
{
    char instead[512];
    struct at_bytes detail = result->reason;

    if (detail.len == 0) {
        int n = snprintf(instead, sizeof(instead), "%.380s answered %s without a reason",
                         s->binding->method->full_name, at_status_name(result->status));

        detail = at_bytes_over(instead, (size_t)n);
    }
    at_session_problem(s, (struct at_problem){.status = at_problem_http_status(result->status),
                                              .code = result->status,
                                              .detail = detail});
}

static void answer_call(struct at_session *s, const struct at_call_result *result)
{
    struct at_pb_fault fault = {.offset = 0};
    struct at_bytes body = result->payload;
    int r = AT_TRANSCODE_OK;

    if (result->status != AT_STATUS_OK) {
        pass_failure(s, result);
        return;
    }
    if (!s->protobuf) {
        r = at_transcode_response(&s->door->transcode, s->binding, result->payload, &body, &fault);
    }
    if (r != AT_TRANSCODE_OK) {
        blame_service(s, r, &fault);
        return;
    }
    if (body.len > AT_GATEWAY_SPARED_BYTES && !at_net_has_room(s->door->net, body.len)) {
        at_session_overloaded(s, AT_LIT("the call was made, but its answer is more than the door "
                                        "can hold now for its clients"));
        return;
    }
    at_session_reply(s,
                     &(struct at_reply){.status = 200,
                                        .content_type = s->protobuf ? AT_LIT("application/protobuf")
                                                                    : AT_LIT("application/json"),
                                        .body = body});
}

static void on_done(void *user, const struct at_call_result *result)
{
    struct at_session *s = user;

    s->call = NULL;
    if (s->gone) {
        at_session_log_gone(s);
        return;
    }
    at_session_hold(s);
    answer_call(s, result);
    at_session_go_on(s);
    at_session_let_go(s);
}

static void no_memory(struct at_session *s)
{
    at_session_problem(s, (struct at_problem){.status = 503,
                                              .code = AT_STATUS_UNAVAILABLE,
                                              .detail = AT_LIT("the door is out of memory"),
                                              .reason = AT_LIT("OUT_OF_MEMORY")});
}

/* at_call_key: of the transcoded request. */
static bool key_of(const struct at_call_request *r, struct at_bytes path, uint64_t *ret_hash)
{
    struct at_pb_key key;
    bool has = at_pb_key_of_wire(r->key_desc, r->payload, path, &key);

    *ret_hash = has ? at_balance_hash(key.bytes) : 0;
    return has;
}

static void start_call(struct at_session *s, const struct at_http1_request *r,
                       struct at_bytes payload)
{
    struct at_door *door = s->door;
    struct at_writer metadata = at_writer_over(door->metadata, sizeof(door->metadata));
    const struct at_pool_method *method = s->binding->method;
    uint64_t timeout_ns = method->timeout_ns != 0 ? method->timeout_ns : door->config.deadline_ns;
    struct at_call_request call = {.contract = s->binding->contract,
                                   .method = s->binding->name,
                                   .payload = payload,
                                   .span_id = s->trace.span_id,
                                   .key = key_of,
                                   .key_desc = method->input,
                                   .may_repeat = method->idempotency != 0};
    int result;

    if (method->max_request_bytes != 0 && payload.len > method->max_request_bytes) {
        at_session_problem(
            s, (struct at_problem){.status = 413,
                                   .code = AT_STATUS_RESOURCE_EXHAUSTED,
                                   .detail = AT_LIT("the request is larger than the contract of "
                                                    "the method allows (max_request_bytes)"),
                                   .reason = AT_LIT("MESSAGE_TOO_LARGE")});
        return;
    }

    if (at_headers_timeout(r, &timeout_ns) == AT_HEADERS_BAD_TIMEOUT) {
        at_session_problem(
            s, (struct at_problem){.status = 400,
                                   .code = AT_STATUS_INVALID_ARGUMENT,
                                   .detail = AT_LIT("atoll-timeout must be like 250ms or 3s, "
                                                    "grpc-timeout like 250m or 3S"),
                                   .reason = AT_LIT("BAD_TIMEOUT")});
        return;
    }
    if (at_headers_pack(r, at_bytes_over(s->request_id, s->request_id_len), &metadata) !=
        AT_HEADERS_OK) {
        at_session_problem(
            s, (struct at_problem){.status = 431,
                                   .code = AT_STATUS_RESOURCE_EXHAUSTED,
                                   .detail = AT_LIT("the headers are more than a service takes"),
                                   .reason = AT_LIT("HEADERS_TOO_LARGE")});
        return;
    }
    call.metadata = at_writer_bytes(&metadata);
    call.deadline_ns = s->began_ns + timeout_ns;
    memcpy(call.trace_id, s->trace.trace_id, sizeof(call.trace_id));
    s->phase = AT_SESSION_CALLING;
    at_conn_set_deadline(s->stream, 0);
    result = at_call_start(door->calls, &call, on_done, s, &s->call);
    if (result < 0) {
        s->call = NULL;
        no_memory(s);
    }
}

void at_session_run(struct at_session *s, const struct at_http1_request *r, struct at_bytes body)
{
    struct at_door *door = s->door;
    struct at_pb_fault fault;
    struct at_bytes payload;
    int result;

    if (s->builtin != AT_BUILTIN_NONE) {
        (s->builtin == AT_BUILTIN_ALIVE ? say_alive : say_ready)(s);
        return;
    }
    if (judge_headers(s, r) != 0 || judge_type(s, r) != 0) {
        return;
    }
    result = at_transcode_request(
        &door->transcode,
        &(struct at_transcode_source){
            .match = &door->match, .query = door->query, .body = body, .protobuf = s->protobuf},
        &payload, &fault);
    if (result != AT_TRANSCODE_OK) {
        refuse_message(s, result, &fault);
        return;
    }
    start_call(s, r, payload);
}
