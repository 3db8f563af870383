/* Limits of the gateway: what one stranger may cost. HTTP's own are in wire/limits.h. */
#ifndef AT_GATEWAY_LIMITS_H
#define AT_GATEWAY_LIMITS_H

#include "base/clock.h"

enum {
    AT_GATEWAY_STREAMS_MAX = 10000,      /* connections at once; also bounded by RLIMIT_NOFILE */
    AT_GATEWAY_FDS_SPARE = 64,           /* descriptors kept for channels, log and contracts */
    AT_GATEWAY_METADATA_BYTES = 16000,   /* headers passed on to a service; fits AT_CALL_META_MAX */
    AT_GATEWAY_REQUEST_ID_MAX = 128,     /* X-Request-Id: log lines of any length */
    AT_GATEWAY_ARENA_BYTES = 64 << 20,   /* memory while one message is transcoded */
    AT_GATEWAY_JSON_BYTES = 32 << 20,    /* one answer as JSON */
    AT_GATEWAY_ROUTES_BYTES = 16 << 20,  /* tables made from contracts */
    AT_GATEWAY_ROUTES_MAX = 65536,       /* bindings per door */
    AT_GATEWAY_LOG_BYTES = 16384,        /* access lines that wait to be written */
    AT_GATEWAY_LOG_TEXT_MAX = 256,       /* a path or header in an access line */
    AT_GATEWAY_CHUNK_BYTES = 65536,      /* longer answers are sent in chunks of this size */
    AT_GATEWAY_BODY_FIRST_BYTES = 16384, /* a body buffer begins so and grows with what arrived */
    AT_GATEWAY_OUT_PAUSE_BYTES = 65536,  /* answers not read yet: pipelining without reading */
    AT_GATEWAY_HELD_BYTES = 256 << 20,   /* all connections: heads, bodies and answers in memory */
    AT_GATEWAY_HELD_PART = 2,            /* at most this part (1/2) of the door's memory limit */
    AT_GATEWAY_SPARED_BYTES = 4096,      /* answers up to here are given without a look at that */
    AT_GATEWAY_RETRY_S = 5,              /* Retry-After when it is used up */
};

/* Seconds. The tests build a door that is in a hurry, by smaller ones. */
#ifndef AT_GATEWAY_BODY_S
#define AT_GATEWAY_BODY_S 60 /* for a whole body: slow bodies */
#endif
#ifndef AT_GATEWAY_IDLE_S
#define AT_GATEWAY_IDLE_S 60 /* between requests: idle connections */
#endif
#define AT_GATEWAY_HEAD_NS (10 * AT_SECOND_NS) /* for a whole head: slowloris */
#define AT_GATEWAY_BODY_NS (AT_GATEWAY_BODY_S * AT_SECOND_NS)
#define AT_GATEWAY_IDLE_NS (AT_GATEWAY_IDLE_S * AT_SECOND_NS)
#define AT_GATEWAY_HALF_CLOSED_NS (2 * AT_SECOND_NS) /* a call whose client only may still listen */
#define AT_GATEWAY_DEADLINE_MAX_NS (600 * AT_SECOND_NS) /* calls that a client wants to hang */
#define AT_GATEWAY_DEADLINE_MIN_NS AT_MILLISECOND_NS

#endif
