/* What net.c and stream.c share. Not for other rooms. */
#ifndef AT_NET_INNER_H
#define AT_NET_INNER_H

#include "base/list.h"
#include "net/limits.h"
#include "net/net.h"

struct at_net {
    struct at_loop *loop;
    struct at_list finishing; /* streams nobody owns any more */
    struct at_list dead;      /* closed streams, freed by the next one that is made or closed */
    size_t streams_max;
    size_t stream_count;
    int reserve_fd; /* given up to be able to accept, and refuse, when no descriptor is left */
    uint8_t input[AT_NET_READ_BYTES];
};

/* Frees what at_stream_close() left behind. */
void at_net_bury(struct at_net *net);
/* Closes what at_stream_finish() left to us. */
void at_net_drop_finishing(struct at_net *net);

#endif
