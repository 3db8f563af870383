/*
 * The checked plan: what the CLI makes of atoll.yaml and what the supervisor runs.
 *
 * It travels packed, in a sealed memfd (plan/sealed.h), beside a second one that holds the
 * contracts: FileDescriptorSets one behind another, of which each service has a slice. The
 * supervisor judges both as a stranger's bytes: at_plan_unpack() either gives a plan in which every
 * index, count, length and name is good, or refuses it. Nothing here knows YAML.
 *
 * Roles are services too (kind): `door` when the gateway listens, and `telemetry`. The packed form
 * has a version; records may grow at their end, and older readers skip what they do not know.
 *
 * Pure, not thread-safe; a struct at_plan is read-only once made.
 */
#ifndef AT_PLAN_PLAN_H
#define AT_PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

enum { AT_PLAN_VERSION = 1 };

enum at_plan_result {
    AT_PLAN_MALFORMED = 1, /* the bytes break the rules; the diag says which */
};

enum at_plan_kind {
    AT_PLAN_SERVICE = 1,
    AT_PLAN_GATEWAY = 2,   /* the role named "door" */
    AT_PLAN_TELEMETRY = 3, /* the role named "telemetry" */
    AT_PLAN_KEEPER = 4,    /* the role named "keeper", when locks are declared */
};

enum at_plan_restart {
    AT_PLAN_RESTART_NO = 1,
    AT_PLAN_RESTART_ON_FAILURE = 2, /* a signal or an exit status other than 0 */
    AT_PLAN_RESTART_ALWAYS = 3,
    AT_PLAN_RESTART_UNLESS_STOPPED = 4, /* as ALWAYS, but not after a stop by the operator */
};

enum at_plan_condition {
    AT_PLAN_STARTED = 1, /* exec succeeded */
    AT_PLAN_HEALTHY = 2, /* ready */
};

enum at_plan_ready {
    AT_PLAN_READY_HELLO = 1, /* ready when it says READY on its control socket */
    AT_PLAN_READY_EXEC = 2,  /* ready once it has lived for a moment after exec */
};

/* How calls are spread over instances; the numbers of policy/balance.h. */
enum at_plan_balance {
    AT_PLAN_LEAST_REQUESTS = 1,
    AT_PLAN_ROUND_ROBIN = 2,
    AT_PLAN_P2C = 3,
    AT_PLAN_HASH = 4,
};

struct at_plan_strings {
    const char **at;
    size_t count;
};

struct at_plan_indexes {
    uint32_t *at; /* indexes of services */
    size_t count;
};

struct at_plan_dependency {
    uint32_t service;   /* index */
    uint32_t condition; /* enum at_plan_condition */
};

struct at_plan_dependencies {
    struct at_plan_dependency *at;
    size_t count;
};

struct at_plan_numbers {
    uint32_t *at;
    size_t count;
};

#define AT_PLAN_ANYBODY UINT32_MAX /* at_plan_policy.from: whoever has none of its own */

/* What holds for calls from one service to another. */
struct at_plan_policy {
    uint32_t to;      /* index of a service */
    uint32_t from;    /* the same, or AT_PLAN_ANYBODY */
    uint32_t balance; /* enum at_plan_balance */
    uint32_t bound;   /* HASH: percent of its part that an instance may have; 0: the default */
    uint64_t slow_start_ns; /* 0: none */
    const char *key;        /* HASH: path of a field of the request, "cart.id"; else "" */
};

/* Strings are NUL-terminated and never NULL ("" when absent). Times are nanoseconds. */
struct at_plan_service {
    const char *name;
    uint32_t kind;               /* enum at_plan_kind */
    const char *executable;      /* absolute path; "" for roles: found by kind */
    struct at_plan_strings argv; /* argv[0] as written; at least one, none for roles */
    struct at_plan_strings env;  /* "NAME=value", its own only; ours are added at exec */
    const char *cwd;             /* absolute */
    struct at_plan_indexes uses; /* services it may call; sorted, no duplicates, not itself */
    struct at_plan_dependencies depends_on; /* acyclic; sorted by service */
    uint32_t restart;                       /* enum at_plan_restart */
    uint32_t restart_max;                   /* ON_FAILURE: give up after so many; 0: never */
    uint64_t backoff_min_ns;                /* the second restart in a row waits that long … */
    uint64_t backoff_max_ns;                /* … doubled each time, up to this */
    uint32_t backoff_exits;                 /* more exits than this … */
    uint64_t backoff_window_ns;             /* … within this: each is a bad one */
    uint64_t start_timeout_ns;              /* from exec to ready; > 0 */
    uint32_t stop_signal;                   /* 1..64 */
    uint64_t stop_grace_ns;                 /* from stop_signal to SIGKILL */
    uint32_t replicas;                      /* 1..AT_PLAN_REPLICAS_MAX; 0: defined but not run */
    uint64_t memory_bytes;                  /* limits per instance; 0: none */
    uint32_t cpu_milli;                     /* thousandths of a CPU; 0: none */
    uint32_t pids;                          /* 0: none */
    uint32_t nofile;                        /* > 0 */
    struct at_plan_strings contracts;       /* full names of the proto services it serves; sorted */
    uint64_t contract_offset;               /* its FileDescriptorSet in the contracts memfd … */
    uint64_t contract_bytes;                /* … ; 0: it has none */
    uint32_t ready;                         /* enum at_plan_ready */
    const char *file;                       /* where the configuration says it: "atoll.yaml" … */
    uint32_t line;                          /* … the service's own line, from 1; 0: built in */
    uint32_t uses_line;                     /* line of its `uses`; 0: it has none */
    uint32_t command_line;                  /* where its `command` stands; 0: nowhere */
    uint32_t command_col;
    struct at_plan_numbers weights; /* of its first instances; others have 1 */
    uint32_t max_message;           /* bytes of one message to or from it; 0: the default */
};

struct at_plan_listener {
    const char *address; /* numeric: "127.0.0.1", "::1", "0.0.0.0", "::" */
    uint32_t port;       /* 1..65535; 0: the kernel chooses */
    struct at_plan_indexes services;
    const char *file;
    uint32_t line;
    uint32_t col; /* from 1; 0: unknown */
};

/* A lock or semaphore that services may use; "cart-*" declares every name that begins so. */
struct at_plan_lock {
    const char *name;
    uint32_t permits;                /* of a semaphore; 0: a lock */
    uint64_t lease_ns;               /* after that it is given to who waits; 0: never */
    struct at_plan_indexes services; /* that may use it; sorted, perhaps none */
    const char *file;
    uint32_t line;
    uint32_t col;
};

struct at_plan {
    struct at_arena arena; /* owns everything below */
    const char *system;
    const char *project_dir; /* absolute, without symlinks */
    uint64_t deadline_ns;    /* of the gateway's calls that set none; > 0 */
    struct at_plan_service *services;
    size_t service_count;
    struct at_plan_listener *listeners;
    size_t listener_count;
    struct at_plan_policy *policies; /* sorted by `to`, then `from`; no duplicates */
    size_t policy_count;
    struct at_plan_lock *locks;
    size_t lock_count;
};

/* Empty, with an arena. Always safe to deinit. */
void at_plan_init(struct at_plan *plan);
void at_plan_deinit(struct at_plan *plan);

/*
 * Every rule of this header and of plan/limits.h; contracts_bytes is the size of the contracts
 * memfd. 0, or AT_PLAN_MALFORMED and *diag (may be NULL) says what is wrong.
 */
int at_plan_check(const struct at_plan *plan, uint64_t contracts_bytes, struct at_diag *diag);
/* Appends the packed plan to out. 0; -ENOMEM; -EMSGSIZE over AT_PLAN_BYTES_MAX. Does not check. */
int at_plan_pack(const struct at_plan *plan, struct at_text *out);
/*
 * Judges and unpacks into *ret, which owns copies of everything (the caller deinits it). 0;
 * AT_PLAN_MALFORMED with *diag (may be NULL); -ENOMEM. *ret is touched on success only.
 */
int at_plan_unpack(struct at_bytes in, uint64_t contracts_bytes, struct at_plan *ret,
                   struct at_diag *diag);

/* A DNS-label-like name: a-z first, then a-z 0-9 '-', not '-' last, ≤ AT_PLAN_NAME_MAX. */
bool at_plan_is_name(struct at_bytes name);
/* Full name of a proto service: identifiers with '.' between, ≤ AT_PLAN_CONTRACT_NAME_MAX. */
bool at_plan_is_contract(struct at_bytes name);
/* Path of a field: identifiers with '.' between, ≤ AT_PLAN_KEY_MAX, ≤ AT_PLAN_KEY_DEPTH_MAX. */
bool at_plan_is_key(struct at_bytes path);
/* Would the two listeners take the same port? Wildcard addresses take every address. */
bool at_plan_listeners_clash(const struct at_plan_listener *a, const struct at_plan_listener *b);
/* Variables that the supervisor sets itself: a service's own may not take their names. */
bool at_plan_is_reserved_variable(struct at_bytes name);
/* Names that no service may take: door, telemetry, keeper, operator. */
bool at_plan_is_reserved_name(struct at_bytes name);
/* Index of the service, or -1. */
int at_plan_find(const struct at_plan *plan, struct at_bytes name);
/* Index of the (first) service that serves the contract, or -1. */
int at_plan_provider(const struct at_plan *plan, struct at_bytes contract);
/* Does `uses` of service `from` hold service `to`? */
bool at_plan_may_call(const struct at_plan *plan, uint32_t from, uint32_t to);
/* What holds for calls of service `from` (or AT_PLAN_ANYBODY) to `to`; NULL: nothing but defaults. */
const struct at_plan_policy *at_plan_policy_of(const struct at_plan *plan, uint32_t from,
                                               uint32_t to);
/* A name of a lock, or such a name and '*' behind it: ≤ AT_PLAN_LOCK_NAME_MAX. */
bool at_plan_is_lock(struct at_bytes name);
/* Does any lock name the service? */
bool at_plan_uses_locks(const struct at_plan *plan, uint32_t service);
/* Index of the first service of that kind, or -1. */
int at_plan_role(const struct at_plan *plan, enum at_plan_kind kind);

#endif
