/* What net.c and stream.c share. Not for other rooms. */
#ifndef AT_NET_INNER_H
#define AT_NET_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "net/limits.h"
#include "net/net.h"

struct at_net {
    struct at_loop *loop;
    struct at_list finishing; /* streams nobody owns any more */
    struct at_list dead;      /* closed streams, freed by the next one that is made or closed */
    size_t held;              /* bytes in buffers of streams and with their owners */
    size_t held_max;          /* the budget */
    size_t streams_max;
    size_t stream_count;
    int reserve_fd; /* given up to be able to accept, and refuse, when no descriptor is left */
    uint8_t input[AT_NET_READ_BYTES];
};

/* False: the budget and what is spared for refusals are used up. */
bool at_net_may_grow(const struct at_net *net, size_t n);
/* Frees what at_conn_close() left behind. */
void at_net_bury(struct at_net *net);
/* Closes what at_conn_finish() left to us. */
void at_net_drop_finishing(struct at_net *net);

#endif
