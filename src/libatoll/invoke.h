/* What every way of calling shares. */
#ifndef AT_LIBATOLL_INVOKE_H
#define AT_LIBATOLL_INVOKE_H

#include <stddef.h>
#include <stdint.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/bytes.h"
#include "call/call.h"
#include "pb/codec.h"

struct at_process;

/* May the context be used now? A status, and a reason unless the context is in use. */
int at_invoke_check_use(struct atoll_call *call);
/* May a call be made with this context now, and is there such a method that does not stream? A
 * status; the reason is said where the context may be touched. */
int at_invoke_check(struct atoll_call *call, const struct atoll_service_desc *service,
                    size_t method, const struct atoll_method_desc **ret);
/* Says what was wrong with arguments that name no method, or no place. A status. */
int at_invoke_misused(struct atoll_call *call, const struct atoll_service_desc *service,
                      size_t method);
/* Into the context's memory, within the method's limit. A status. */
int at_invoke_encode(struct atoll_call *call, const struct atoll_method_desc *m, const void *in,
                     struct at_bytes *ret);
/* The same in pieces, for which the message's own memory must live as long as the call. */
int at_invoke_encode_pieces(struct atoll_call *call, const struct atoll_method_desc *m,
                            const void *in, struct at_pb_pieces *ret);
/* Names, deadline, trace and whether it may be repeated; not payload and metadata. */
void at_invoke_request(const struct atoll_call *call, const struct atoll_service_desc *service,
                       const struct atoll_method_desc *m, struct at_call_request *ret);

/* For a reply of len bytes, in the context's memory; NULL: there is none. Lock held. */
void *at_invoke_reply_room(struct atoll_call *call, size_t len);
void at_invoke_set_payload(struct at_call_request *r, const struct at_pb_pieces *payload);
/* Status and reason stand: whoever waits for the context's call hears of it. Lock held. */
void at_invoke_ended(struct atoll_call *call);
/* Until then; the deadline is that of call->pending.request. Lock held. */
void at_invoke_wait(struct at_process *p, struct atoll_call *call);

/* When a call ends that is made now and whose method has this default (0: none); absolute. */
uint64_t at_invoke_deadline(const struct atoll_call *call, uint64_t timeout_ns);

#endif
