/* Limits of a channel, each with the attack it stops. Also its fixed sizes. */
#ifndef AT_SHM_LIMITS_H
#define AT_SHM_LIMITS_H

enum {
    AT_RING_BYTES = 32768,     /* default ring: an idle channel costs two of these */
    AT_RING_BYTES_MIN = 32768, /* two records of the largest size: a smaller ring would stall us */
    AT_RING_BYTES_MAX = 1 << 22,         /* a peer cannot make us map more */
    AT_RECORD_ALIGN = 64,                /* records never share a cache line */
    AT_RECORD_PAYLOAD_MAX = 16384 - 64,  /* a longer record is refused: bounds one copy */
    AT_CHANNEL_SLOTS = 256,              /* calls in flight: a region has a word for each */
    AT_STREAM_WINDOW = 64 << 10,         /* a stream's credit at its start, each direction */
    AT_STREAM_CHANNEL_WINDOW = 17 << 20, /* and of all streams of a channel: every slot's window and
                                          * 1 MiB for credit on its way, so that slow readers never
                                          * take from others what those were promised */
    AT_WINDOW_CHUNK = 32768,             /* of a window for large messages: bounds one copy */
    AT_WINDOW_CHUNKS = 16,               /* a peer may fill so many before we have read one */
    AT_WINDOW_BYTES = AT_WINDOW_CHUNK * AT_WINDOW_CHUNKS, /* the only size: no peer makes us map
                                                           * more */
};

#endif
