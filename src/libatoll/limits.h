/* Limits of the library, each with what it stops. */
#ifndef AT_LIBATOLL_LIMITS_H
#define AT_LIBATOLL_LIMITS_H

#include <stdint.h>

enum {
    AT_LIB_ARENA_FIRST = 4096,    /* most calls need no second block */
    AT_LIB_SENDS_A_LOOK = 16,     /* messages sent in a row before the rings are looked at */
    AT_LIB_STREAM_FIRST = 512,    /* the same of each direction of a stream: there may be many */
    AT_LIB_ARENA_MAX = 256 << 20, /* what one call's replies may take in all */
    AT_LIB_MEMORY_MAX = 64 << 20, /* of atoll_memory_new() without a limit of its own */
    AT_LIB_ARENA_KEPT = 65536,    /* a context gives more than that back when it is cleared */
    AT_LIB_ENCODE_ROOM = 1024,    /* a message that fits is encoded without the arena */
    AT_LIB_THREADS_DEFAULT = 16,  /* handlers at once */
    AT_LIB_THREADS_MAX = 1024,    /* a mistaken option cannot make a fork bomb */
    AT_LIB_CHAIN_FACTOR = 4,      /* times threads_max: handlers, with those of chains begun here */
    AT_LIB_STACK_BYTES = 1 << 20, /* of a handler's thread; touched only as far as used */
    AT_LIB_EVENTS_PER_WAIT = 8,   /* taken from epoll at once */
    AT_LIB_METADATA_MAX = 8192,   /* packed metadata set by the user */
    AT_LIB_LIST_FIRST = 8,        /* elements that a list has room for when it begins to grow */
    AT_LIB_MANY_MAX = 64,         /* instances that one call may reach: as many as a plan has */
    AT_LIB_ONEWAYS_MAX = 4096,    /* calls nobody waits for: a loop of them must not eat memory */
    AT_LIB_RUNS_A_LOOK = 16,      /* turns without sleep before the clock is read again */
    AT_LIB_TIMED = 16,            /* of so many runs of a fast handler one is timed */
    AT_LIB_BRISK_ROW = 16,   /* ends told in a row before what they start may be shown at once */
    AT_LIB_BATCH_MAX = 64,   /* calls started, or answered, before they are shown */
    AT_LIB_AWAKE_TURNS = 64, /* turns without sleep before epoll is asked what else there is */
    AT_LIB_SPIN_REST_FIRST = 64,  /* sleeps between two attempts to do without, and … */
    AT_LIB_SPIN_REST_LAST = 4096, /* … doubling up to this: a guess that fails costs nothing */
    AT_LIB_SPIN_LOOKS = 8,        /* at the rings between two at the clock */
    AT_LIB_LOCKS_ASKED_MAX = 192, /* locks waited for at once: giving back needs a free slot too */
    AT_LIB_IDLE_TICKS = 8,        /* quiet ticks before the standby thread sleeps deeply */
};

#define AT_LIB_DEADLINE_NS UINT64_C(10000000000) /* of a call that sets none */
#define AT_LIB_WELCOME_NS UINT64_C(30000000000)  /* a supervisor that does not answer HELLO */
#define AT_LIB_GRACE_NS UINT64_C(10000000000)    /* drain after a signal */
#define AT_LIB_TICK_NS UINT64_C(2000000)         /* a handler that runs longer loses the watch */
#define AT_LIB_RETIRE_NS UINT64_C(5000000000)    /* a thread that nobody needed for so long ends */
#define AT_LIB_STALL_NS UINT64_C(1000000000)     /* all threads in nested calls, no sign of life */
#define AT_LIB_EARLY_NS UINT64_C(10000000)       /* before a deadline, so that the reason arrives */
#define AT_LIB_SPIN_MAX_NS UINT64_C(50000)       /* spent awake before a sleep, at most */
#define AT_LIB_SPIN_MIN_NS UINT64_C(500)         /* shorter looks are not worth their start */
#define AT_LIB_SPIN_STOLEN_NS UINT64_C(50000)    /* so much over the budget: others had the CPU */
#define AT_LIB_SPIN_FAR_NS UINT64_C(200000)      /* waits beyond this all count the same */
#define AT_LIB_FAST_NS UINT64_C(2000)            /* a handler this fast is not timed each time */
#define AT_LIB_BATCH_NS                                                                            \
    UINT64_C(20000) /* handlers' usual time for which answers may be held back */
#define AT_LIB_SLOW_NS UINT64_C(200000) /* a method this slow gives the watch away first */

#endif
