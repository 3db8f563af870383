#include "roles/gateway/headers.h"

#include <string.h>

#include "at_test.h"
#include "base/clock.h"
#include "call/metadata.h"
#include "roles/gateway/limits.h"

static struct at_http1_request request;
static uint8_t room[AT_GATEWAY_METADATA_BYTES];
static struct at_bytes packed;

static void add(const char *name, const char *value)
{
    request.fields[request.field_count++] =
        (struct at_http1_field){at_bytes_of(name), at_bytes_of(value)};
}

static int pack(void)
{
    struct at_writer w = at_writer_over(room, sizeof(room));
    int r = at_headers_pack(&request, AT_LIT("id-1"), &w);

    packed = at_writer_bytes(&w);
    return r;
}

static struct at_bytes get(const char *key)
{
    struct at_bytes value = {NULL, 0};

    (void)at_metadata_get(packed, at_bytes_of(key), &value);
    return value;
}

TEST(end_to_end_headers_go_on_in_lower_case)
{
    add("X-User-Id", "ann");
    add("Idempotency-Key", "k1");
    add("tracestate", "a=b");
    CHECK_INT(pack(), AT_HEADERS_OK);
    CHECK_BYTES(get("x-user-id"), "ann");
    CHECK_BYTES(get("idempotency-key"), "k1");
    CHECK_BYTES(get("tracestate"), "a=b");
    CHECK_BYTES(get("x-request-id"), "id-1");
}

TEST(what_only_the_door_may_say_is_stripped)
{
    add("Atoll-Caller", "root");
    add("X-Forwarded-For", "1.2.3.4");
    add("X-Real-IP", "1.2.3.4");
    add("X-Request-Id", "other");
    add("traceparent", "x");
    add("Host", "h");
    add("Content-Length", "1");
    CHECK_INT(pack(), AT_HEADERS_OK);
    CHECK_INT(packed.len, 1 + strlen("x-request-id") + 2 + strlen("id-1"));
}

TEST(headers_of_the_connection_are_stripped)
{
    add("Connection", "close, X-Local");
    add("X-Local", "1");
    add("Keep-Alive", "1");
    CHECK_INT(pack(), AT_HEADERS_OK);
    CHECK(get("x-local").at == NULL);
    CHECK(get("connection").at == NULL);
    CHECK(get("keep-alive").at == NULL);
}

TEST(names_that_metadata_does_not_know_are_left_out)
{
    add("X-A!", "1");
    add(":caller", "root");
    CHECK_INT(pack(), AT_HEADERS_OK);
    CHECK(get("x-a!").at == NULL);
    CHECK(get(":caller").at == NULL);
}

TEST(more_headers_than_a_service_takes_are_refused)
{
    static char value[AT_GATEWAY_METADATA_BYTES];

    memset(value, 'v', sizeof(value) - 1);
    add("x-a", value);
    CHECK_INT(pack(), AT_HEADERS_TOO_BIG);
}

TEST(a_second_user_or_idempotency_key_is_seen_in_any_case_and_with_any_value)
{
    add("X-User-Id", "ann");
    add("Idempotency-Key", "k1");
    add("Accept-Language", "de");
    add("Accept-Language", "en");
    CHECK(at_headers_twice(&request) == NULL);
    add("idempotency-key", "k1");
    CHECK_STR(at_headers_twice(&request), "Idempotency-Key");
    add("x-user-id", "bob");
    CHECK_STR(at_headers_twice(&request), "X-User-Id");
}

static int timeout_of(const char *name, const char *value, uint64_t *ret)
{
    request.field_count = 0;
    add(name, value);
    return at_headers_timeout(&request, ret);
}

TEST(timeouts_are_read_in_both_forms_and_bounded)
{
    uint64_t ns = 0;

    CHECK_INT(at_headers_timeout(&request, &ns), AT_HEADERS_NO_TIMEOUT);
    CHECK_INT(timeout_of("Atoll-Timeout", "250ms", &ns), AT_HEADERS_TIMEOUT);
    CHECK_INT(ns, 250 * AT_MILLISECOND_NS);
    CHECK_INT(timeout_of("grpc-timeout", "3S", &ns), AT_HEADERS_TIMEOUT);
    CHECK_INT(ns, 3 * AT_SECOND_NS);
    CHECK_INT(timeout_of("grpc-timeout", "99999999H", &ns), AT_HEADERS_TIMEOUT);
    CHECK_INT(ns, AT_GATEWAY_DEADLINE_MAX_NS);
    CHECK_INT(timeout_of("grpc-timeout", "1n", &ns), AT_HEADERS_TIMEOUT);
    CHECK_INT(ns, AT_GATEWAY_DEADLINE_MIN_NS);
}

TEST(malformed_timeouts_are_refused)
{
    static const char *const bad[] = {"", "5", "S", "123456789S", "-1S", "5x", "1.5S"};
    uint64_t ns;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_INT(timeout_of("grpc-timeout", bad[i], &ns), AT_HEADERS_BAD_TIMEOUT);
    }
    CHECK_INT(timeout_of("atoll-timeout", "soon", &ns), AT_HEADERS_BAD_TIMEOUT);
}

TEST_MAIN("roles/gateway/headers")
