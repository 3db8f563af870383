/* A service that nobody calls: what linking libatoll costs. */
#include <atoll/atoll.h>

#include "idle.atoll.h"

static int echo(struct atoll_call *call, const struct bench_idle_v1_EchoRequest *in,
                struct bench_idle_v1_EchoResponse *out)
{
    out->body = in->body;
    return ATOLL_OK;
}

int main(void)
{
    return bench_idle_v1_IdleService_serve(&(struct bench_idle_v1_IdleService){.echo = echo});
}
