/* In the middle of an idle system: the echo service, which each member calls once. See idle.py. */
#include "echo.h"

int main(void)
{
    struct echo_shared *shared = echo_share();

    return shared == NULL ? 1 : echo_serve(shared, false);
}
