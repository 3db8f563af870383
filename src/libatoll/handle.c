/* One request through one handler: bytes in, bytes out. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "call/engine.h"
#include "call/limits.h"
#include "call/metadata.h"
#include "libatoll/method.h"
#include "libatoll/process.h"
#include "libatoll/serve.h"
#include "pb/codec.h"
#include "pb/fault.h"

/* The caller as the supervisor vouches for it, or as a gateway may state it. */
void at_handle_set_caller(struct atoll_call *call)
{
    struct at_bytes stated;

    call->caller = call->in->caller_service;
    if (call->in->may_state_caller &&
        at_metadata_get(at_incoming_meta(call->in), AT_METADATA_CALLER, &stated)) {
        const char *copy = at_arena_copy(&call->arena, stated);

        call->caller = copy == NULL ? "" : copy;
    }
}

int at_handle_decode(struct atoll_call *call, const struct at_method *m, struct at_bytes body,
                     void **ret)
{
    const struct atoll_message_desc *desc = m->desc->input;
    void *in = at_arena_alloc(&call->arena, desc->struct_size, 16);
    uint32_t limit = at_method_max_request(m->desc);
    __attribute__((uninitialized)) struct at_pb_fault fault; /* 600 bytes, written on failure */
    int r;

    if (limit != 0 && body.len > limit) {
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED,
                               "%s sent a request of %zu bytes; the contract of %s allows %u "
                               "(max_request_bytes)",
                               call->in->caller_instance, body.len, m->desc->name, limit);
    }
    r = in == NULL ? -ENOMEM : at_pb_decode(desc, body, &call->arena, in, &fault);
    if (r == -ENOMEM) {
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for the request");
    }
    if (r != 0) {
        return at_context_fail(call, ATOLL_INVALID_ARGUMENT,
                               "%s sent a request to %s that is no %s: %s (byte %zu); the caller "
                               "is wrong",
                               call->in->caller_instance, m->desc->name, desc->full_name,
                               fault.what, fault.offset);
    }
    *ret = in;
    return ATOLL_OK;
}

int at_handle_encode(struct atoll_call *call, const struct at_method *m, const void *out,
                     struct at_bytes *ret)
{
    const struct atoll_message_desc *desc = m->desc->output;
    int r = at_pb_encode(desc, out, call->room, sizeof(call->room), ret);

    if (r == AT_PB_NO_ROOM) {
        r = at_pb_encode_in_arena(desc, out, &call->arena, ret);
    }
    if (r == -ENOMEM) {
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for the reply");
    }
    if (r != 0) {
        struct at_pb_fault fault;

        at_pb_explain_encode(desc, out, r, &fault);
        return at_context_fail(call, ATOLL_INTERNAL,
                               "the handler of %s made a %s that cannot be sent: %s; the server is "
                               "wrong",
                               m->desc->name, desc->full_name, fault.what);
    }
    return ATOLL_OK;
}

static int run(struct atoll_call *call, const struct at_method *m, struct at_bytes *ret)
{
    void *in = NULL;
    void *out;
    int status;

    status = at_handle_decode(call, m, at_incoming_body(call->in), &in);
    if (status != ATOLL_OK) {
        return status;
    }
    out = at_arena_zalloc(&call->arena, 1, m->desc->output->struct_size);
    if (out == NULL) {
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for the reply");
    }
    call->reason = "";
    status = m->desc->invoke(m->handlers, call, in, out);
    if (status < 0 || status > ATOLL_UNAUTHENTICATED) {
        return at_context_fail(call, ATOLL_INTERNAL, "the handler of %s returned %d: no status",
                               m->desc->name, status);
    }
    return status == ATOLL_OK ? at_handle_encode(call, m, out, ret) : status;
}

void at_handle(struct atoll_call *call, const struct at_method *m, struct at_bytes *ret_meta,
               struct at_bytes *ret_body)
{
    at_handle_set_caller(call);
    *ret_body = (struct at_bytes){0};
    *ret_meta = (struct at_bytes){0};
    call->status = run(call, m, ret_body);
    *ret_meta = at_metadata_of_answer(call);
    if (call->status != ATOLL_OK) {
        *ret_body = *ret_meta;
        *ret_meta = at_bytes_before(at_bytes_of(call->reason), AT_CALL_REASON_MAX);
    }
}
