/*
 * HTTP and JSON to protobuf and back, by a binding and the contract's tables.
 *
 * What a request says twice is refused: a field is set by the path, by the query or by the body.
 * A struct at_transcode is scratch memory: results live until the next call with it.
 */
#ifndef AT_GATEWAY_TRANSCODE_H
#define AT_GATEWAY_TRANSCODE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "pb/fault.h"
#include "roles/gateway/routes.h"

struct at_transcode {
    struct at_arena arena;
    struct at_text json;
};

void at_transcode_init(struct at_transcode *t);
void at_transcode_deinit(struct at_transcode *t);

enum at_transcode_result {
    AT_TRANSCODE_OK = 0,
    AT_TRANSCODE_BAD = 1,      /* the client's fault: *fault says where and why */
    AT_TRANSCODE_LIE = 2,      /* the service's fault: its answer is not what its contract says */
    AT_TRANSCODE_BIG = 3,      /* more memory than one message may take */
    AT_TRANSCODE_FORMLESS = 4, /* the service's fault: its answer has no JSON form */
};

struct at_transcode_source {
    const struct at_match *match;
    struct at_bytes query; /* still encoded */
    struct at_bytes body;
    bool protobuf; /* the body is the message as it goes over the wire */
};

/* The request message's bytes. */
int at_transcode_request(struct at_transcode *t, const struct at_transcode_source *source,
                         struct at_bytes *ret, struct at_pb_fault *fault);
/* The answer as JSON: fields without presence are printed even when 0, false or empty. */
int at_transcode_response(struct at_transcode *t, const struct at_binding *binding,
                          struct at_bytes payload, struct at_bytes *ret, struct at_pb_fault *fault);

#endif
