/* Generated tables refer to libatoll, which stands above the rooms that are tested here. */
#include <atoll/atoll.h>

int atoll_unimplemented(struct atoll_call *call)
{
    return ATOLL_UNIMPLEMENTED;
}
