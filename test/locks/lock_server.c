/* A service that locks "one" when it is asked with depth 1, and gives it back with depth 2. */
#include <atoll/atoll.h>

#include "test.atoll.h"

static struct atoll_lock held;

static int echo(struct atoll_call *call, const struct test_call_v1_Request *in,
                struct test_call_v1_Reply *out)
{
    int status = in->depth == 1   ? atoll_lock(call, "one", &held)
                 : in->depth == 2 ? atoll_unlock(call, &held)
                                  : ATOLL_OK;

    out->payload = in->payload;
    return status == ATOLL_OK ? ATOLL_OK : atoll_fail(call, status, "%s", atoll_call_reason(call));
}

int main(void)
{
    struct test_call_v1_Alpha alpha = {.echo = echo};
    struct atoll_service service = test_call_v1_Alpha_with(&alpha);

    return atoll_serve(&service, 1, NULL);
}
