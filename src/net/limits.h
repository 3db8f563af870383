/* Limits of streams: what one connection, and all of them, may cost. */
#ifndef AT_NET_LIMITS_H
#define AT_NET_LIMITS_H

#include "base/clock.h"

enum {
    AT_NET_READ_BYTES = 65536,       /* taken from one stream per turn: one busy peer */
    AT_NET_KEEP_BYTES = 65536,       /* input kept while its owner is busy: endless pipelining */
    AT_NET_OUT_BYTES = 34 << 20,     /* output not yet taken: one answer and what went before it */
    AT_NET_SPARED_PART = 8,          /* 1/8 of the budget more is for refusals only */
    AT_NET_OUT_KEPT_BYTES = 4096,    /* output buffer that an idle stream may hold on to */
    AT_NET_ACCEPTS_PER_TURN = 16,    /* connections taken at once: a flood starves the others */
    AT_NET_LINGER_BYTES = 256 << 20, /* thrown away while a refused peer still sends */
};

#define AT_NET_STALL_NS (30 * AT_SECOND_NS)       /* no byte taken for so long: slow readers */
#define AT_NET_LINGER_NS (5 * AT_SECOND_NS)       /* time to hear why it was refused */
#define AT_NET_ACCEPT_REST_NS (AT_SECOND_NS / 10) /* pause when no descriptor is left at all */

#endif
