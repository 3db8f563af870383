#include "echo.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "../codec/count.h"

static const uint64_t TIMEOUT_NS = 5000000000U;

/* Handlers have no user pointer. */
static struct echo_shared *server_shared;

bool echo_counts_allocations(void)
{
    return bench_allocations != NULL;
}

uint64_t echo_allocations(void)
{
    return bench_allocations == NULL ? 0 : bench_allocations();
}

struct echo_shared *echo_share(void)
{
    struct echo_shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return shared == MAP_FAILED ? NULL : shared;
}

/* A call that lacks something is none that we may show. */
static int echo(struct atoll_call *call, const struct bench_echo_v1_EchoRequest *in,
                struct bench_echo_v1_EchoResponse *out)
{
    static const uint8_t no_trace[16];

    if (atoll_call_caller(call)[0] == '\0' || atoll_call_deadline(call) == 0 ||
        memcmp(atoll_call_trace_id(call), no_trace, sizeof(no_trace)) == 0) {
        return atoll_fail(call, ATOLL_INTERNAL, "no caller, deadline or trace");
    }
    if (bench_allocations != NULL) {
        server_shared->allocations = echo_allocations();
    }
    out->payload = in->payload;
    return ATOLL_OK;
}

int echo_serve(struct echo_shared *shared, bool pooled)
{
    struct bench_echo_v1_EchoService handlers = {.echo = echo};
    struct atoll_service service = bench_echo_v1_EchoService_with(&handlers);
    struct atoll_serve_options options = {.size = sizeof(options), .pooled = pooled};

    server_shared = shared;
    return atoll_serve(&service, 1, &options);
}

bool echo_caller_init(struct echo_caller *c, const char *payload, size_t bytes)
{
    *c =
        (struct echo_caller){.call = atoll_call_new(), .in.payload = {.at = payload, .len = bytes}};
    return c->call != NULL;
}

void echo_caller_deinit(struct echo_caller *c)
{
    if (c->call != NULL) {
        atoll_call_free(c->call);
        c->call = NULL;
    }
}

void echo_caller_prepare(struct echo_caller *c)
{
    atoll_call_reset(c->call);
    atoll_call_set_timeout(c->call, TIMEOUT_NS);
}

bool echo_caller_judge(const struct echo_caller *c, int status)
{
    if (status == ATOLL_OK && c->out.payload.len == c->in.payload.len &&
        memcmp(c->out.payload.at, c->in.payload.at, 1) == 0) {
        return true;
    }
    (void)fprintf(stderr, "call: status %d: %s\n", status, atoll_call_reason(c->call));
    return false;
}

bool echo_caller_call(struct echo_caller *c)
{
    echo_caller_prepare(c);
    return echo_caller_judge(c, bench_echo_v1_EchoService_echo(c->call, &c->in, &c->out));
}
