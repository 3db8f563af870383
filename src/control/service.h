/*
 * Supervisor ↔ instance: every message on the control socket that an instance inherits.
 *
 * The socket is SOCK_SEQPACKET; its number is in ATOLL_CONTROL_FD (3 unless said). One datagram =
 * one message = head + fields in order (control/message.h). A reader takes the fields it knows and
 * ignores what a newer version added behind them; a missing newer field reads as 0 or empty. So a
 * field may be added at the end, and nothing may be removed or change its meaning.
 *
 *   instance → supervisor           supervisor → instance
 *   HELLO   versions, contracts     WELCOME (+ fds)  or  REFUSED
 *   READY
 *   WANT    a service               OPEN (+ fds) for each of its ready instances, now and later;
 *                                   EDGE when there is none or never will be
 *   BROKEN  channel, reason         GONE  channel, reason (the peer died; how). What was BROKEN is
 *                                   opened again: once a second, at the next WANT or by itself
 *   STOPPING                        STOP  drain, then exit
 *                                   PIPES (+ fds) to telemetry only: what an instance writes
 *                                   RESUME: a new supervisor took over; say HELLO again, READY when
 *                                   it was said before, and WANT again (with what you still have)
 *
 * OPEN hands both sides what a channel needs (shm/channel.h); after that the supervisor is off the
 * data path. Who the peer is, is what OPEN says: the supervisor vouches for it.
 */
#ifndef AT_CONTROL_SERVICE_H
#define AT_CONTROL_SERVICE_H

#include <stdint.h>

#include "base/bytes.h"
#include "control/message.h"

/* Versions of this conversation that this build speaks. */
#ifndef AT_CONTROL_VERSION
#define AT_CONTROL_VERSION 1
#endif
#define AT_CONTROL_VERSION_MIN 1

/*
 * Layouts of a channel's regions (shm/channel.h) that this build speaks. HELLO says the range, the
 * supervisor chooses for each channel the highest that both ends speak, OPEN says it. Saying neither
 * means layout 1.
 */
#ifndef AT_LAYOUT_VERSION
#define AT_LAYOUT_VERSION 2
#endif
#define AT_LAYOUT_VERSION_MIN 1

enum at_service_message {
    AT_SERVICE_HELLO = 1,
    AT_SERVICE_WELCOME = 2,
    AT_SERVICE_REFUSED = 3,
    AT_SERVICE_READY = 4,
    AT_SERVICE_WANT = 5,
    AT_SERVICE_OPEN = 6,
    AT_SERVICE_EDGE = 7,
    AT_SERVICE_GONE = 8,
    AT_SERVICE_BROKEN = 9,
    AT_SERVICE_STOP = 10,
    AT_SERVICE_STOPPING = 11,
    AT_SERVICE_RESUME = 12,
    AT_SERVICE_PIPES = 13,
};

struct at_service_hello {
    uint32_t version_min;
    uint32_t version_max;
    struct at_bytes library;   /* "libatoll 0.1.0" */
    struct at_bytes contracts; /* full names of the services it serves, one a line */
    uint64_t generation;       /* 0 at start; after RESUME: the one that WELCOME gave */
    uint32_t layout_min;       /* of channels; 0, 0: an older library, which speaks 1 */
    uint32_t layout_max;
#if AT_CONTROL_VERSION >= 2 /* for the test of neighbours that are one version apart */
    struct at_bytes build;
#endif
};

/* Fds: for roles, the listeners in the order of the configuration, then what `config` names. */
struct at_service_welcome {
    uint32_t version; /* the highest both speak */
    uint64_t generation;
    struct at_bytes system;
    struct at_bytes service;
    struct at_bytes instance; /* "cart.1" */
    struct at_bytes config;   /* roles only: their slice of the plan, packed */
};

struct at_service_refused {
    struct at_bytes reason;
};

struct at_service_ready {
    struct at_bytes status; /* free text */
};

/*
 * One of service or contract is given. Stays in force; said again after RESUME, and after a channel
 * of it has ended, because not every supervisor opens one that was given up unasked.
 */
struct at_service_want {
    uint64_t request;         /* chosen by the asker, not 0 */
    struct at_bytes service;  /* "stock" */
    struct at_bytes contract; /* "shop.stock.v1.StockService" */
    struct at_bytes have;     /* when said again: channel ids still open, decimal, one a line */
};

enum at_service_side { AT_SIDE_CLIENT = 1, AT_SIDE_SERVER = 2 };
enum at_service_open_flags {
    AT_OPEN_MAY_STATE_CALLER = 1, /* the peer (a gateway) may state another caller's identity */
};

/*
 * Fds: lifeline (SEQPACKET), my doorbell to wait on, the peer's doorbell to ring: eventfds from
 * at_service_make_bell(). Who gets them does not check that: the supervisor vouches for them.
 */
struct at_service_open {
    uint64_t channel; /* unique in the system's life */
    uint64_t request; /* of the WANT; 0 on the server's side */
    uint32_t side;    /* enum at_service_side: mine */
    uint32_t flags;
    struct at_bytes peer_service;
    struct at_bytes peer_instance;
    uint64_t peer_generation;
    uint32_t layout; /* of both regions; 0: an older supervisor, which means 1 */
    /* To the client: how its calls are spread over the instances (policy/balance.h). It holds for
     * all channels of the WANT, from the latest OPEN on. */
    uint32_t balance;       /* enum at_balance_kind; 0: the default */
    uint32_t bound;         /* of HASH, percent; 0: the default */
    uint64_t slow_start_ns; /* 0: none */
    struct at_bytes key;    /* of HASH: the path of the request's field, "cart.id" */
    uint32_t weight;        /* of this instance; 0: 1 */
    uint32_t replicas;      /* instances that the plan has of the service; 0: not said */
    uint64_t ready_ns;      /* since when this one serves, CLOCK_MONOTONIC; 0: long ago */
    uint32_t max_message;   /* bytes of one message on this channel, both ways; 0: the default */
#if AT_CONTROL_VERSION >= 2
    uint64_t opened_ns;
#endif
};

enum at_edge_state {
    AT_EDGE_WAITING = 1, /* declared, but no instance is ready yet: keep waiting */
    AT_EDGE_DENIED = 2,  /* not in `uses`: PERMISSION_DENIED, with the line to add */
    AT_EDGE_UNKNOWN = 3, /* nobody serves that contract: UNIMPLEMENTED */
    AT_EDGE_FAILED = 4,  /* the service was given up on: UNAVAILABLE, with its last words */
};

struct at_service_edge {
    uint64_t request;
    uint32_t state;
    struct at_bytes service;
    struct at_bytes reason; /* a sentence for people */
};

struct at_service_gone {
    uint64_t channel;
    struct at_bytes reason; /* "stock.1 was killed by signal 9" */
};

struct at_service_broken {
    uint64_t channel;
    struct at_bytes reason; /* which rule the peer broke */
};

struct at_service_stop {
    uint64_t grace_ns;
};

struct at_service_stopping {
    struct at_bytes reason;
};

struct at_service_resume {
    uint64_t supervisor; /* count of supervisors so far */
};

/*
 * To the telemetry role: read ends of an instance's stdout and stderr, non-blocking. Said again
 * after telemetry was restarted: the pipes outlive their reader and keep what was not read. End of
 * file means that the process and all its children are gone. Telemetry writes its files into its
 * state directory (STATE_DIRECTORY), which for it is <project>/.atoll/logs.
 */
struct at_service_pipes {
    struct at_bytes service;
    struct at_bytes instance;
    uint64_t generation; /* of the process that writes: a restarted instance has new pipes */
};

/*
 * A doorbell, as shm/channel.h wants it: an eventfd that holds 1 and is never read, so that a ring,
 * a write of 0, wakes and can never block. The descriptor, or -errno.
 */
int at_service_make_bell(void);

extern const struct at_message_kind at_service_hello_kind;
extern const struct at_message_kind at_service_welcome_kind;
extern const struct at_message_kind at_service_refused_kind;
extern const struct at_message_kind at_service_ready_kind;
extern const struct at_message_kind at_service_want_kind;
extern const struct at_message_kind at_service_open_kind;
extern const struct at_message_kind at_service_edge_kind;
extern const struct at_message_kind at_service_gone_kind;
extern const struct at_message_kind at_service_broken_kind;
extern const struct at_message_kind at_service_stop_kind;
extern const struct at_message_kind at_service_stopping_kind;
extern const struct at_message_kind at_service_resume_kind;
extern const struct at_message_kind at_service_pipes_kind;

#endif
