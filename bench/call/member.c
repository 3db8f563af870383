/*
 * A member of an idle system: it calls the hub once, so that there is a channel, and then serves a
 * contract of its own that nobody calls. idle.py builds one program of this for each member, with
 * -DMEMBER=N, as a program says by its sections what it serves.
 */
#include <stddef.h>

#include <atoll/atoll.h>

#include "echo.atoll.h"
#include "member.atoll.h"

#define JOIN(a, b, c) a##b##c
#define NAME(a, b, c) JOIN(a, b, c)
#define SERVICE NAME(bench_member_v1_Member, MEMBER, Service)
#define SERVE NAME(bench_member_v1_Member, MEMBER, Service_serve)

static int wait_for_nobody(struct atoll_call *call, const struct bench_member_v1_Nothing *in,
                           struct bench_member_v1_Nothing *out)
{
    (void)call;
    (void)in;
    (void)out;
    return ATOLL_OK;
}

static int greet_hub(void)
{
    struct bench_echo_v1_EchoRequest in = {.payload = {.at = "x", .len = 1}};
    struct bench_echo_v1_EchoResponse out;
    struct atoll_call *call = atoll_call_new();
    int status;

    if (call == NULL) {
        return ATOLL_UNAVAILABLE;
    }
    status = bench_echo_v1_EchoService_echo(call, &in, &out);
    atoll_call_free(call);
    return status;
}

int main(void)
{
    if (greet_hub() != ATOLL_OK) {
        return 1;
    }
    return SERVE(&(struct SERVICE){.idle = wait_for_nobody});
}
