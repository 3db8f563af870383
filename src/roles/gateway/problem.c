#include "roles/gateway/problem.h"

#include <stdint.h>

#include "base/text.h"
#include "call/call.h"
#include "pb/json.h"
#include "wire/http1.h"

unsigned at_problem_http_status(uint32_t code)
{
    static const uint16_t statuses[] = {
        [AT_STATUS_OK] = 200,
        [AT_STATUS_CANCELLED] = 499,
        [AT_STATUS_UNKNOWN] = 500,
        [AT_STATUS_INVALID_ARGUMENT] = 400,
        [AT_STATUS_DEADLINE_EXCEEDED] = 504,
        [AT_STATUS_NOT_FOUND] = 404,
        [AT_STATUS_ALREADY_EXISTS] = 409,
        [AT_STATUS_PERMISSION_DENIED] = 403,
        [AT_STATUS_RESOURCE_EXHAUSTED] = 429,
        [AT_STATUS_FAILED_PRECONDITION] = 400,
        [AT_STATUS_ABORTED] = 409,
        [AT_STATUS_OUT_OF_RANGE] = 400,
        [AT_STATUS_UNIMPLEMENTED] = 501,
        [AT_STATUS_INTERNAL] = 500,
        [AT_STATUS_UNAVAILABLE] = 503,
        [AT_STATUS_DATA_LOSS] = 500,
        [AT_STATUS_UNAUTHENTICATED] = 401,
    };

    return code < sizeof(statuses) / sizeof(statuses[0]) ? statuses[code] : 500;
}

static void write_violation(const struct at_problem *p, struct at_json_writer *w)
{
    at_json_key(w, "errors");
    at_json_begin_array(w);
    at_json_begin_object(w);
    if (p->field.len > 0) {
        at_json_key(w, "field");
        at_json_string(w, p->field);
    }
    at_json_key(w, "detail");
    at_json_string(w, p->detail);
    if (p->line > 0) {
        at_json_key(w, "line");
        at_json_i64(w, p->line);
        at_json_key(w, "column");
        at_json_i64(w, p->col);
    }
    at_json_end_object(w);
    at_json_end_array(w);
}

void at_problem_write(const struct at_problem *p, struct at_text *out)
{
    struct at_json_writer w;

    at_text_clear(out);
    at_json_writer_init(&w, out, 0);
    at_json_begin_object(&w);
    at_json_key(&w, "type"); /* RFC 9457 section 4.2.1: the title is the status phrase */
    at_json_str(&w, "about:blank");
    at_json_key(&w, "title");
    at_json_str(&w, at_http1_phrase(p->status));
    at_json_key(&w, "status");
    at_json_u64(&w, p->status);
    at_json_key(&w, "detail");
    at_json_string(&w, p->detail);
    at_json_key(&w, "instance");
    at_json_string(&w, p->instance);
    at_json_key(&w, "code");
    at_json_str(&w, at_status_name(p->code));
    at_json_key(&w, "reason");
    if (p->reason.len > 0) {
        at_json_string(&w, p->reason);
    } else {
        at_json_str(&w, at_status_name(p->code));
    }
    if (p->trace_id.len > 0) {
        at_json_key(&w, "trace_id");
        at_json_string(&w, p->trace_id);
    }
    if (p->field.len > 0 || p->line > 0) {
        write_violation(p, &w);
    }
    at_json_end_object(&w);
    at_text_add_char(out, '\n');
}
