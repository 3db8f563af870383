/* Limits of the keeper, each with the attack or accident it stops. */
#ifndef AT_KEEPER_LIMITS_H
#define AT_KEEPER_LIMITS_H

#include <stdint.h>

enum {
    AT_KEEPER_NAMES_MAX = 4096,   /* names in use at once: a pattern lets services invent them */
    AT_KEEPER_WAITERS_MAX = 1024, /* for one lock: a queue that nobody will see the end of */
    AT_KEEPER_OWNERS_MAX = 4096,  /* processes: as many as a process may have channels */
    AT_KEEPER_PARKED_MAX = 256,   /* requests of one channel before its Session */
    AT_KEEPER_CIRCLE_MAX = 32,    /* locks in a circle that is looked for */
    AT_KEEPER_SHOWN_MAX = 1000,   /* lines told to an operator at once */
};

/* After a keeper's death its locks are promised to those who say that they hold them; nothing new
 * is granted so long. Stories in a hurry build it shorter. */
#ifndef AT_KEEPER_GRACE_NS
#define AT_KEEPER_GRACE_NS UINT64_C(2000000000)
#endif
/* So far ahead of the clock a token may be that an owner asserts: it may have been set back a little,
 * and a liar must not carry the tokens of all away. */
#define AT_KEEPER_AHEAD_US UINT64_C(3600000000)

#endif
