/* One request through one handler: bytes in, bytes out. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "call/buffers.h"
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

/* What encoding the answer came to. A status. */
static int judge(struct atoll_call *call, const struct atoll_method_desc *m, const void *out, int r)
{
    const struct atoll_message_desc *desc = m->output;

    if (r == -ENOMEM) {
        return at_context_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for the reply");
    }
    if (r != 0) {
        __attribute__((uninitialized)) struct at_pb_fault fault; /* 600 bytes, written on failure */

        at_pb_explain_encode(desc, out, r, &fault);
        return at_context_fail(call, ATOLL_INTERNAL,
                               "the handler of %s made a %s that cannot be sent: %s; the server is "
                               "wrong",
                               m->name, desc->full_name, fault.what);
    }
    return ATOLL_OK;
}

int at_handle_encode(struct atoll_call *call, const struct atoll_method_desc *m, const void *out,
                     struct at_bytes *ret)
{
    const struct atoll_message_desc *desc = m->output;
    int r = at_pb_encode(desc, out, call->room, sizeof(call->room), ret);

    if (r == AT_PB_NO_ROOM) {
        r = at_pb_encode_in_arena(desc, out, &call->arena, ret);
    }
    return judge(call, m, out, r);
}

/* Does it live as long as the context's memory, whatever becomes of what the handler owns? */
static bool may_refer(void *user, const void *at, size_t len)
{
    const struct atoll_call *call = user;

    return at_arena_holds(&call->arena, at, len) || at_buffers_hold(&call->held, at, len) ||
           at_buffers_hold(&call->in->held, at, len);
}

/* What is long in the answer is referred to where it is, in the request or the context. */
static int encode_pieces(struct atoll_call *call, const struct at_method *m, const void *out,
                         struct at_answer *ret)
{
    const struct atoll_message_desc *desc = m->desc->output;
    struct at_pb_pieces pieces;
    int r = at_pb_encode(desc, out, call->room, sizeof(call->room), &ret->body);

    if (r != AT_PB_NO_ROOM) {
        return judge(call, m->desc, out, r);
    }
    r = at_pb_encode_in_pieces(desc, out, &call->arena, may_refer, call, &pieces);
    if (r == 0 && pieces.count > 1) {
        ret->body = (struct at_bytes){.len = pieces.len};
        ret->pieces = pieces.at;
        ret->piece_count = pieces.count;
    } else if (r == 0) {
        ret->body = pieces.one;
    }
    return judge(call, m->desc, out, r);
}

static int run(struct atoll_call *call, const struct at_method *m, struct at_answer *ret)
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
    return status == ATOLL_OK ? encode_pieces(call, m, out, ret) : status;
}

void at_handle(struct atoll_call *call, const struct at_method *m, struct at_answer *ret)
{
    struct at_bytes meta;

    at_handle_set_caller(call);
    *ret = (struct at_answer){0};
    call->status = run(call, m, ret);
    meta = at_metadata_of_answer(call);
    if (call->status != ATOLL_OK) {
        *ret = (struct at_answer){
            .meta = at_bytes_before(at_bytes_of(call->reason), AT_CALL_REASON_MAX), .body = meta};
    } else {
        ret->meta = meta;
    }
    ret->status = (uint32_t)call->status;
}
