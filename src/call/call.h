/*
 * One call, any path: choose an instance, send, wait, resend when that is safe.
 *
 * A struct at_calls is a process's whole calling side: its control socket, its channels, its calls
 * in flight. libatoll wraps it for threads; the gateway drives it from its loop. This header is the
 * part for one event loop; call/ also holds what libatoll needs for blocking callers.
 *
 * Deadlines are absolute CLOCK_MONOTONIC and never 0 here. A call waits for an instance that is not
 * ready yet until its deadline. A request that its peer provably did not consume, or of an
 * idempotent method, goes to another or the restarted instance; anything else that loses its peer
 * ends AT_STATUS_UNAVAILABLE with the reason.
 */
#ifndef AT_CALL_CALL_H
#define AT_CALL_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "control/service.h"
#include "loop/loop.h"

/* gRPC's status codes; the same numbers as enum atoll_status. */
enum at_status {
    AT_STATUS_OK = 0,
    AT_STATUS_CANCELLED = 1,
    AT_STATUS_UNKNOWN = 2,
    AT_STATUS_INVALID_ARGUMENT = 3,
    AT_STATUS_DEADLINE_EXCEEDED = 4,
    AT_STATUS_NOT_FOUND = 5,
    AT_STATUS_ALREADY_EXISTS = 6,
    AT_STATUS_PERMISSION_DENIED = 7,
    AT_STATUS_RESOURCE_EXHAUSTED = 8,
    AT_STATUS_FAILED_PRECONDITION = 9,
    AT_STATUS_ABORTED = 10,
    AT_STATUS_OUT_OF_RANGE = 11,
    AT_STATUS_UNIMPLEMENTED = 12,
    AT_STATUS_INTERNAL = 13,
    AT_STATUS_UNAVAILABLE = 14,
    AT_STATUS_DATA_LOSS = 15,
    AT_STATUS_UNAUTHENTICATED = 16,
};
const char *at_status_name(uint32_t status);

struct at_calls;
struct at_call_pending; /* a call in flight; dies when its done function has run */

struct at_call_request;
/*
 * A request's key: a hash of the field at the path, the same for the same value from every process.
 * Asked at most once, and only when there is a choice that goes by a field. false: it has no such
 * field, and goes to the least loaded instance.
 */
typedef bool at_call_key(const struct at_call_request *request, struct at_bytes path,
                         uint64_t *ret_hash);

struct at_call_request {
    struct at_bytes contract; /* full name of the proto service */
    struct at_bytes method;   /* "GetItem" */
    struct at_bytes payload;  /* protobuf; copied before at_call_start() returns */
    /* For owners of engines: the payload in pieces, borrowed until done runs; payload.at is NULL
     * then, payload.len their sum. NULL: it is in one. */
    const struct at_bytes *pieces;
    size_t piece_count;
    struct at_bytes metadata; /* packed key/value pairs: at_metadata_* of call/metadata.h */
    struct at_bytes caller;   /* stated caller (gateways only), else empty */
    uint64_t deadline_ns;     /* absolute */
    uint8_t trace_id[16];
    uint64_t span_id;
    bool may_repeat;         /* the method's idempotency_level allows it */
    at_call_key *key;        /* NULL: it has none */
    const void *key_desc;    /* for `key`; both borrowed until done runs */
    const void *key_message; /* NULL: see payload */
};

struct at_call_result {
    uint32_t status;         /* enum at_status */
    struct at_bytes payload; /* when OK; borrowed during the callback */
    struct at_bytes reason;  /* when not OK: a sentence; borrowed during the callback */
    /* Of the response, packed: what was sent first and the trailers; see at_metadata_split(). */
    struct at_bytes metadata;
    struct at_bytes instance; /* who answered, "stock.1"; empty when nobody did; borrowed */
};

typedef void at_call_done(void *user, const struct at_call_result *result);

/*
 * The calling side over a control socket whose HELLO/WELCOME has been exchanged. Messages on the
 * socket that are not about channels go to on_other (RESUME, STOP, …; may be NULL). The socket
 * stays the caller's. libatoll and the gateway both begin here.
 */
typedef void at_calls_other(void *user, struct at_message *message);
int at_calls_new(struct at_loop *loop, int control_fd, at_calls_other *on_other, void *user,
                 struct at_calls **ret);
struct at_calls *at_calls_free(struct at_calls *calls); /* pending calls end CANCELLED */

/*
 * Serves as well, on the same loop: `request` gets whole requests, which are answered with
 * at_calls_answer(), within the call or later. `cancelled`: nobody waits any more for one that is
 * not answered yet; it is to be answered all the same, but not within this call. One whose channel
 * is gone has no link then. methods: as at_engine_new()'s; borrowed.
 */
struct at_incoming;
struct at_calls_serving {
    struct at_bytes methods;
    void (*request)(void *user, struct at_incoming *in);
    void (*cancelled)(void *user, struct at_incoming *in);
};
void at_calls_serve(struct at_calls *calls, const struct at_calls_serving *serving);
/* As at_engine_answer(). */
void at_calls_answer(struct at_calls *calls, struct at_incoming *in, uint32_t status,
                     struct at_bytes meta, struct at_bytes body, uint8_t flags);

/* Asks for the contract's instances before the first call wants one. 0, -ENOMEM. */
int at_calls_want(struct at_calls *calls, struct at_bytes contract);
/* Would a call to the contract find a ready instance now? */
bool at_calls_can_call(const struct at_calls *calls, struct at_bytes contract);

/* 0: done will run exactly once, never before this returns. -ENOMEM, -EMSGSIZE: it will not. */
int at_call_start(struct at_calls *calls, const struct at_call_request *request, at_call_done *done,
                  void *user, struct at_call_pending **ret);
/* done runs with CANCELLED before this returns; the peer is told. */
void at_call_cancel(struct at_call_pending *call);

#endif
