#include "roles/gateway/headers.h"

#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "call/metadata.h"
#include "roles/gateway/limits.h"
#include "wire/http1.h"

enum { NAME_MAX_BYTES = 255 };

/* Lower case, sorted by nothing: each is compared once by length first. */
static const char *const left_out[] = {
    /* of this connection, RFC 9110 section 7.6.1 */
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    "content-length", "expect", "host", "http2-settings", "proxy-authorization",
    "proxy-authenticate",
    /* about the body, which the service sees as a message */
    "content-type", "content-encoding", "accept", "accept-encoding",
    /* the door's own work */
    "traceparent", "x-request-id", "grpc-timeout",
    /* only a proxy that we trust could say these, and none is configured */
    "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port",
    "x-forwarded-prefix", "x-real-ip", "x-original-url", "x-rewrite-url"};

static bool is_left_out(struct at_bytes name)
{
    if (name.len == 0 || name.at == NULL || at_bytes_start_with(name, AT_LIT("atoll-"))) {
        return true;
    }
    for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
        const char *s = left_out[i];

        if (s[0] == (char)name.at[0] && at_bytes_equal(name, at_bytes_of(s))) {
            return true;
        }
    }
    return false;
}

/* Connection: a, b names further headers that end here. */
static bool is_hop_by_hop(struct at_bytes connection, struct at_bytes name)
{
    struct at_bytes option;

    while (at_bytes_cut(&connection, ',', &option)) {
        if (at_bytes_equal_nocase(at_bytes_trim(option), name)) {
            return true;
        }
    }
    return false;
}

static struct at_bytes lower(struct at_bytes name, uint8_t room[NAME_MAX_BYTES])
{
    if (name.len > NAME_MAX_BYTES) {
        return (struct at_bytes){0};
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];

        room[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
    }
    return at_bytes_over(room, name.len);
}

int at_headers_pack(const struct at_http1_request *r, struct at_bytes request_id,
                    struct at_writer *out)
{
    struct at_bytes connection = at_http1_field(r, AT_LIT("connection"));

    at_metadata_add(out, AT_LIT("x-request-id"), request_id);
    for (size_t i = 0; i < r->field_count; i++) {
        uint8_t room[NAME_MAX_BYTES];
        struct at_bytes name = lower(r->fields[i].name, room);

        if (!at_metadata_is_key(name) || is_left_out(name) || is_hop_by_hop(connection, name)) {
            continue;
        }
        at_metadata_add(out, name, r->fields[i].value);
    }
    return out->failed ? AT_HEADERS_TOO_BIG : AT_HEADERS_OK;
}

const char *at_headers_twice(const struct at_http1_request *r)
{
    static const char *const single[] = {"X-User-Id", "Idempotency-Key"};

    for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
        size_t seen = 0;

        for (size_t j = 0; j < r->field_count; j++) {
            seen += at_bytes_equal_nocase(r->fields[j].name, at_bytes_of(single[i]));
        }
        if (seen > 1) {
            return single[i];
        }
    }
    return NULL;
}

/* gRPC over HTTP/2, "Timeout": at most 8 digits and a unit. */
static bool parse_grpc_timeout(struct at_bytes b, uint64_t *ret_ns)
{
    static const struct {
        char unit;
        uint64_t ns;
    } units[] = {{'H', 3600 * AT_SECOND_NS}, {'M', 60 * AT_SECOND_NS}, {'S', AT_SECOND_NS},
                 {'m', AT_MILLISECOND_NS},   {'u', AT_MICROSECOND_NS}, {'n', 1}};
    uint64_t n;

    if (b.len < 2 || b.len > 9 || !at_bytes_to_u64(at_bytes_before(b, b.len - 1), &n)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if ((char)b.at[b.len - 1] == units[i].unit) {
            *ret_ns = n * units[i].ns; /* 99999999 hours are 3.6e20 ns: clamped below */
            if (n > UINT64_MAX / units[i].ns) {
                *ret_ns = UINT64_MAX;
            }
            return true;
        }
    }
    return false;
}

int at_headers_timeout(const struct at_http1_request *r, uint64_t *ret_ns)
{
    struct at_bytes ours = at_http1_field(r, AT_LIT("atoll-timeout"));
    struct at_bytes grpc = at_http1_field(r, AT_LIT("grpc-timeout"));
    uint64_t ns;

    if (ours.at == NULL && grpc.at == NULL) {
        return AT_HEADERS_NO_TIMEOUT;
    }
    if (ours.at != NULL ? !at_text_parse_duration(ours, &ns) : !parse_grpc_timeout(grpc, &ns)) {
        return AT_HEADERS_BAD_TIMEOUT;
    }
    if (ns < AT_GATEWAY_DEADLINE_MIN_NS) {
        ns = AT_GATEWAY_DEADLINE_MIN_NS;
    }
    *ret_ns = ns > AT_GATEWAY_DEADLINE_MAX_NS ? AT_GATEWAY_DEADLINE_MAX_NS : ns;
    return AT_HEADERS_TIMEOUT;
}
