/* Limits of a channel, each with the attack it stops. Also its fixed sizes. */
#ifndef AT_SHM_LIMITS_H
#define AT_SHM_LIMITS_H

enum {
    AT_RING_BYTES = 32768,     /* default ring: an idle channel costs two of these */
    AT_RING_BYTES_MIN = 32768, /* two records of the largest size: a smaller ring would stall us */
    AT_RING_BYTES_MAX = 1 << 22,        /* a peer cannot make us map more */
    AT_RECORD_ALIGN = 64,               /* records never share a cache line */
    AT_RECORD_PAYLOAD_MAX = 16384 - 64, /* a longer record is refused: bounds one copy */
};

#endif
