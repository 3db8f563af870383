/* atoll-keeper: named locks and semaphores for services. */
#include "control/locks.h"
#include "role/role.h"
#include "roles/keeper/keeper.h"

int main(void)
{
    static struct at_keeper keeper;

    return at_role_start(&(struct at_role_spec){
        .name = "atoll-keeper",
        .contracts = AT_LOCKS_CONTRACT,
        .user = &keeper,
        .on_start = at_keeper_start,
        .on_stop = at_keeper_stop,
        .on_end = at_keeper_end,
    });
}
