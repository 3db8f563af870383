/* Limits of calls, each with the attack or accident it stops. */
#ifndef AT_CALL_LIMITS_H
#define AT_CALL_LIMITS_H

#include <stdint.h>

#include "shm/limits.h"

enum {
    AT_CALL_MESSAGE_MAX = 4 << 20,      /* body of one message, unless the service's max_message
                                         says otherwise: bounds what a peer makes us hold */
    AT_CALL_MESSAGE_MOST = 64 << 20,    /* what it may say at most */
    AT_CALL_META_MAX = 16 << 10,        /* metadata of one message: fits the first record */
    AT_CALL_REASON_MAX = 1024,          /* a reason: it goes into logs and answers */
    AT_CALL_SLOTS = AT_CHANNEL_SLOTS,   /* calls in flight on one channel */
    AT_CALL_ATTACH_METHODS_MAX = 60000, /* names in an attach message: one datagram */
    AT_CALL_METHODS_MAX = 4096,         /* entries of one method table */
    AT_CALL_NAME_ROOM = 65,             /* a name of control's 64 bytes and a NUL */
    AT_CALL_LINKS_MAX = 4096,           /* channels of one process: descriptors are finite */
    AT_CALL_HELD_MAX = 8 << 20,         /* request bytes of one channel not answered yet: then we
                                         stop reading it, so a flood stays in the sender's ring; two
                                         messages of the service, when those are more */
    AT_CALL_PARTS_MAX = 4,              /* half requests at once on one channel: an honest sender
                                         has one, and a small one or a cancelled one beside it */
    AT_CALL_RECORDS_PER_TURN = 64, /* records of one channel in a row: it cannot starve others */
    AT_STREAM_WINDOW_FAST =
        256 << 10, /* what a busy stream may have in flight, while there is …  */
    AT_STREAM_POOL = 2 * AT_CALL_MESSAGE_MAX, /* … credit beyond the windows, for all streams of a
                                         * channel: a message larger than a window is let in whole,
                                         * others wait for theirs. So streams of one channel make us
                                         * hold no more than all windows and this */
    AT_CALL_LOOKED_AT_MAX = 4,     /* channels watched by looking: more would take too long */
    AT_CALL_IDLE_RINGS_MAX = 1000, /* rings in a row for nothing: it would keep us awake */
    AT_CALL_KEPT_BYTES = 8 << 20,  /* buffers of large messages that a process keeps to use again */
    AT_CALL_SMALL_BYTES = 16384,   /* a message that is longer gets a buffer of those */
    AT_CALL_WINDOWS_MAX = 8, /* windows that one process writes into: 4 MiB; the other channels'
                                large messages go through their rings */
};

#define AT_CALL_LAST_WORDS_NS UINT64_C(100000000)  /* wait so long for the cause of a death */
#define AT_CALL_ATTACH_NS UINT64_C(5000000000)     /* a peer that never attaches is dropped */
#define AT_CALL_WANT_FIRST_NS UINT64_C(1000000000) /* a lost channel is asked for again, first … */
#define AT_CALL_WANT_LAST_NS                                                                       \
    UINT64_C(30000000000)                      /* … and doubling up to this: no storm of WANTs */
#define AT_CALL_UPKEEP_NS UINT64_C(1000000000) /* memory unused for so long is given back */
/* A reader that keeps a window mapped after it was given back leaves its memory charged to us: so
 * only so many are made at once, and one more in each such time, */
#define AT_CALL_WINDOW_EVERY_NS UINT64_C(15000000000)
#define AT_CALL_WINDOW_DOUBLINGS 12 /* and each one of a channel stays unused for twice as long */
#define AT_CALL_RETRY_NS UINT64_C(50000000) /* the control socket was full: try again */

#endif
