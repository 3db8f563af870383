/* The service behind the door: says what it hears. */
#include <atoll/atoll.h>

#include "echo.atoll.h"

static int echo(struct atoll_call *call, const struct bench_door_v1_EchoRequest *in,
                struct bench_door_v1_EchoResponse *out)
{
    (void)call;
    out->payload = in->payload;
    return ATOLL_OK;
}

int main(void)
{
    return bench_door_v1_EchoService_serve(&(struct bench_door_v1_EchoService){.echo = echo});
}
