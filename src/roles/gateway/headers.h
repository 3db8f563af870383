/*
 * Which headers of a request go on to the service, as metadata of the call: all end-to-end headers,
 * in lower case. What only the door may say (atoll-*, forwarded addresses) and what belongs to the
 * connection or to the door's own work is left out.
 */
#ifndef AT_GATEWAY_HEADERS_H
#define AT_GATEWAY_HEADERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "wire/http1.h"

enum at_headers_result {
    AT_HEADERS_OK = 0,
    AT_HEADERS_TOO_BIG = 1, /* more than AT_GATEWAY_METADATA_BYTES */
};

/* Packs as call/metadata.h says; request_id is added as x-request-id. */
int at_headers_pack(const struct at_http1_request *r, struct at_bytes request_id,
                    struct at_writer *out);

/* Name of a header that says who asks or which request it is, and came twice; NULL: none. */
const char *at_headers_twice(const struct at_http1_request *r);

enum at_headers_timeout {
    AT_HEADERS_NO_TIMEOUT = 0,
    AT_HEADERS_TIMEOUT = 1,
    AT_HEADERS_BAD_TIMEOUT = 2,
};
/*
 * What the client says about time: `atoll-timeout: 250ms` or gRPC's `grpc-timeout: 250m`. *ret_ns is
 * brought within AT_GATEWAY_DEADLINE_MIN_NS and _MAX_NS.
 */
int at_headers_timeout(const struct at_http1_request *r, uint64_t *ret_ns);

#endif
