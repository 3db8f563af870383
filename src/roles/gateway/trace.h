/*
 * Who a request is in traces and logs: W3C trace context and X-Request-Id.
 *
 * Ids come from a generator seeded once with randomness: they must be unique, not secret.
 */
#ifndef AT_GATEWAY_TRACE_H
#define AT_GATEWAY_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct at_trace_source {
    uint64_t state[2];
};

struct at_trace {
    uint8_t trace_id[16];
    uint64_t span_id; /* of the call that the door makes */
    uint8_t flags;
};

void at_trace_source_init(struct at_trace_source *s, uint64_t seed_a, uint64_t seed_b);
/*
 * Takes the trace of a traceparent header ("00-<32 hex>-<16 hex>-<2 hex>"), or begins a new one when
 * it is absent or malformed, as W3C Trace Context section 3.2 asks. The span is always new.
 */
void at_trace_begin(struct at_trace_source *s, struct at_bytes traceparent, struct at_trace *ret);

enum { AT_TRACE_ID_TEXT = 32, AT_TRACE_PARENT_TEXT = 55 };
/* Lower-case hex without NUL. */
void at_trace_id_text(const struct at_trace *t, char out[AT_TRACE_ID_TEXT]);
void at_trace_parent_text(const struct at_trace *t, char out[AT_TRACE_PARENT_TEXT]);
/* Visible ASCII only and at most AT_GATEWAY_REQUEST_ID_MAX of it, else it is not taken. */
bool at_trace_is_request_id(struct at_bytes id);

#endif
