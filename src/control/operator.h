/*
 * Operator ↔ supervisor: what `atoll` says to a running system, and hears from it.
 *
 * SOCK_SEQPACKET, one datagram = one message (control/message.h); fields are only added at the end.
 * `atoll up` makes a socket pair, passes one end to atolld (ATOLL_OPERATOR_FD) and talks on the
 * other; every other verb connects to control.sock in the run directory (at_operator_socket_path).
 *
 *   operator → supervisor                  supervisor → operator
 *   HELLO   versions                       WELCOME  or  RESULT with a code other than 0 (refused)
 *   START   (+ plan, contracts memfds)     PROBLEM … (what is wrong, all at once), EVENT …,
 *                                          then RESULT: 0 = every instance is ready
 *   PS                                     ROW for each instance, then RESULT
 *   STATUS  a service                      ROW, PEER and LOSS lines of it, then RESULT
 *   WATCH                                  ROW for each instance, then EVENT … until either closes
 *   DOWN                                   EVENT …, then RESULT, then the socket closes
 *   CALLER                                 CALLER (+ a control socket, HELLO still to be said), RESULT
 *
 * Every request carries a number of the operator's choice, and every answer carries it back. The
 * connection that carried START hears EVENTs without asking; when it closes before DOWN and START
 * did not say AT_START_DETACHED, that means DOWN (Ctrl-C, a closed terminal).
 *
 * When a supervisor is replaced, the connection that carried START goes on (an EVENT of type SYSTEM
 * says so); connections to control.sock close, and whoever watches connects again.
 */
#ifndef AT_CONTROL_OPERATOR_H
#define AT_CONTROL_OPERATOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "control/message.h"

#ifndef AT_OPERATOR_VERSION
#define AT_OPERATOR_VERSION 1
#endif
#define AT_OPERATOR_VERSION_MIN 1

enum at_operator_message {
    AT_OPERATOR_HELLO = 65,
    AT_OPERATOR_WELCOME = 66,
    AT_OPERATOR_START = 67,
    AT_OPERATOR_PS = 68,
    AT_OPERATOR_STATUS = 69,
    AT_OPERATOR_WATCH = 70,
    AT_OPERATOR_DOWN = 71,
    AT_OPERATOR_CALL = 72,
    AT_OPERATOR_RESULT = 73,
    AT_OPERATOR_PROBLEM = 74,
    AT_OPERATOR_EVENT = 75,
    AT_OPERATOR_ROW = 76,
    AT_OPERATOR_PEER = 77,
    AT_OPERATOR_LOSS = 78,
    AT_OPERATOR_CALLER = 79,
};

/* Where an instance is in its life. The name is what log, `ps` and the console show. */
enum at_life_state {
    AT_LIFE_DOWN = 1,     /* not started, or stopped, or ended by itself and not to be restarted */
    AT_LIFE_WAITING = 2,  /* for what it depends on */
    AT_LIFE_STARTING = 3, /* its process exists, it is not ready yet */
    AT_LIFE_READY = 4,    /* serving */
    AT_LIFE_STOPPING = 5, /* asked to stop, draining */
    AT_LIFE_BACKING_OFF = 6, /* exited; will be started again at a known time */
    AT_LIFE_FAILED = 7,      /* given up on; the reason says why */
    AT_LIFE_STATES,
};
/* "ready", "backing off" …; "?" for other numbers. Static. */
const char *at_life_state_name(uint32_t state);

enum at_operator_code {
    AT_OPERATOR_OK = 0,
    AT_OPERATOR_REFUSED = 1,   /* not understood, not allowed, or wrong version: text says */
    AT_OPERATOR_BUSY = 2,      /* START: this system already runs; text names its pid */
    AT_OPERATOR_BAD_PLAN = 3,  /* START: PROBLEMs say what */
    AT_OPERATOR_CANNOT = 4,    /* START: the machine does not let us; PROBLEMs say what */
    AT_OPERATOR_NOT_READY = 5, /* START: an instance failed before everything was ready */
    AT_OPERATOR_UNKNOWN = 6,   /* no such service */
    AT_OPERATOR_STOPPED = 7,   /* the system was stopped meanwhile */
};

struct at_operator_hello {
    uint32_t version_min;
    uint32_t version_max;
    struct at_bytes client; /* "atoll 0.1.0" */
};

struct at_operator_welcome {
    uint32_t version; /* the highest both speak */
    uint32_t anchor_pid;
    uint32_t supervisor_pid;
    uint32_t supervisors;     /* how many there have been: 1 = it never died */
    struct at_bytes program;  /* "atolld 0.1.0" */
    struct at_bytes system;   /* empty before START */
    uint64_t started_wall_ns; /* 0 before START */
    struct at_bytes project;  /* project directory */
    struct at_bytes run_dir;  /* /run/atoll/shop */
    uint32_t state;           /* enum at_life_state of the whole: STARTING, READY, STOPPING … */
    struct at_bytes walls_missing; /* fences this machine cannot give, one a line; empty: none */
};

enum at_start_flags {
    AT_START_DETACHED = 1, /* go on when this connection closes */
};

/* Fds: the plan (plan/plan.h) and the contracts, both sealed SHRINK|GROW|WRITE|SEAL. */
struct at_operator_start {
    uint64_t request;
    uint32_t flags; /* enum at_start_flags */
};

struct at_operator_ps {
    uint64_t request;
};

struct at_operator_status {
    uint64_t request;
    struct at_bytes service; /* "stock" or "stock.1" */
};

struct at_operator_watch {
    uint64_t request;
};

struct at_operator_down {
    uint64_t request;
    uint64_t grace_ns; /* instead of each service's own stop_grace_period; 0: theirs. Said again
                          while stopping it shortens what is left: 1 kills at once */
};

struct at_operator_call {
    uint64_t request;
};

/* Ends the answer to one request. */
struct at_operator_result {
    uint64_t request;
    uint32_t code;        /* enum at_operator_code */
    struct at_bytes text; /* a sentence when code is not 0 */
};

/* Something START found wrong: a struct at_diag. Any number, before the RESULT. */
struct at_operator_problem {
    uint64_t request;
    struct at_bytes service; /* may be empty */
    struct at_bytes file;
    uint32_t line;
    uint32_t col;
    struct at_bytes what;
    struct at_bytes hint;
};

enum at_operator_event_type {
    AT_EVENT_STATE = 1,  /* an instance changed its state */
    AT_EVENT_NOTE = 2,   /* a sentence about the instance; the state did not change */
    AT_EVENT_SYSTEM = 3, /* about the whole: all ready, stopping, a new supervisor took over */
};

struct at_operator_event {
    uint64_t request;  /* of WATCH, START or DOWN */
    uint64_t sequence; /* counts up; a gap means that events were dropped because you read slowly */
    uint64_t wall_ns;
    uint32_t type; /* enum at_operator_event_type */
    struct at_bytes service;
    struct at_bytes instance;
    uint32_t state;         /* enum at_life_state, after the event */
    uint32_t pid;           /* as seen here; 0: none */
    uint32_t restarts;      /* so far */
    uint64_t took_ns;       /* READY: since its process was made */
    uint64_t next_start_ns; /* BACKING_OFF: how long until it is started again */
    struct at_bytes reason; /* why, a sentence; may be empty */
    uint32_t kind;          /* of the service: as plan says (a role or a user's service) */
};

struct at_operator_row {
    uint64_t request;
    struct at_bytes service;
    struct at_bytes instance;
    uint32_t kind;
    uint32_t state;      /* enum at_life_state */
    uint32_t pid;        /* the service's process as seen here; 0: none or not told */
    uint32_t reaper_pid; /* pid 1 of its cage as seen here */
    uint32_t uid;
    uint32_t restarts;
    uint64_t uptime_ns; /* since it became what it is: READY or STARTING; 0 when it does not run */
    uint64_t memory_bytes;
    uint64_t memory_limit_bytes; /* 0: none */
    uint64_t cpu_ns;             /* used since it started */
    uint32_t cpu_limit_milli;    /* thousandths of a CPU; 0: none */
    uint32_t pids;               /* processes and threads */
    uint32_t pids_limit;
    struct at_bytes walls_missing; /* one a line; empty: every wall stands */
    struct at_bytes last_exit;     /* how its last process ended, a sentence; may be empty */
    uint32_t channels;             /* open now */
    struct at_bytes contracts;     /* what it serves, one a line */
};

/* STATUS: an edge of the service. */
struct at_operator_peer {
    uint64_t request;
    struct at_bytes from;
    struct at_bytes to;
    uint32_t channels;
};

/* STATUS: an end of one of its processes, newest first. */
struct at_operator_loss {
    uint64_t request;
    struct at_bytes instance;
    uint64_t wall_ns;
    uint64_t lived_ns;
    struct at_bytes reason;
};

/* Fd: a control socket of the pseudo-instance "operator": set ATOLL_CONTROL_FD to it. */
struct at_operator_caller {
    uint64_t request;
};

extern const struct at_message_kind at_operator_hello_kind;
extern const struct at_message_kind at_operator_welcome_kind;
extern const struct at_message_kind at_operator_start_kind;
extern const struct at_message_kind at_operator_ps_kind;
extern const struct at_message_kind at_operator_status_kind;
extern const struct at_message_kind at_operator_watch_kind;
extern const struct at_message_kind at_operator_down_kind;
extern const struct at_message_kind at_operator_call_kind;
extern const struct at_message_kind at_operator_result_kind;
extern const struct at_message_kind at_operator_problem_kind;
extern const struct at_message_kind at_operator_event_kind;
extern const struct at_message_kind at_operator_row_kind;
extern const struct at_message_kind at_operator_peer_kind;
extern const struct at_message_kind at_operator_loss_kind;
extern const struct at_message_kind at_operator_caller_kind;

/*
 * Where systems of this user run: /run/atoll for root, else $XDG_RUNTIME_DIR/atoll, else
 * /tmp/atoll-UID/atoll. -ENAMETOOLONG.
 */
int at_operator_run_root(char *out, size_t cap);
/* "<run root>/<system>/control.sock". -EINVAL: not a system's name. */
int at_operator_socket_path(const char *system, char *out, size_t cap);

#endif
