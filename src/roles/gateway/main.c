/* atoll-gateway: the door. HTTP/1.1 from outside, calls to services inside. */
#include "role/role.h"
#include "roles/gateway/door.h"

int main(void)
{
    static struct at_door door;

    return at_role_start(&(struct at_role_spec){
        .name = "atoll-gateway",
        .user = &door,
        .on_start = at_door_start,
        .on_stop = at_door_stop,
        .on_end = at_door_end,
    });
}
