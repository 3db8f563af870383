/*
 * Anchor ↔ supervisor: the store of what must outlive a supervisor.
 *
 * The anchor understands nothing of what it keeps: named entries, each a record of bytes and up to
 * AT_FDS_PER_MESSAGE descriptors. A new supervisor says RESTORE, gets every ENTRY in the order in
 * which the names first came, every EXITED that nobody heard, then RESTORED.
 *
 *   supervisor → anchor                    anchor → supervisor
 *   STORE    name, record (+ fds)          ENTRY    name, record (+ fds)
 *   DROP     name                          EXITED   pid, wait status of an orphan it reaped
 *   RESTORE                                RESTORED how many supervisors there have been
 *   FINISHED: nothing runs any more,
 *            leave with this exit code
 *
 * Names that supervisors use: "operator" (the connection that carried START), "starting" (struct
 * at_anchor_system, plan and contracts memfds: START was heard and is being worked on), "plan" (plan
 * and contracts memfds), "system" (struct at_anchor_system), "lock" (the locked file), "door/<n>" (a listener), "socket"
 * (control.sock), "reaper" (the directory of the roles' programs, and atoll-reaper opened: files
 * may be moved while a system runs), "instance/<name>" (struct at_anchor_instance with the descriptors in the order
 * of enum at_anchor_instance_fd). Both ends are one binary: no versions here, but a supervisor may
 * be a newer file than its anchor, so records grow only at their end, as messages do.
 */
#ifndef AT_CONTROL_ANCHOR_H
#define AT_CONTROL_ANCHOR_H

#include <stdint.h>

#include "base/bytes.h"
#include "control/message.h"

enum at_anchor_message {
    AT_ANCHOR_STORE = 129,
    AT_ANCHOR_DROP = 130,
    AT_ANCHOR_RESTORE = 131,
    AT_ANCHOR_FINISHED = 132,
    AT_ANCHOR_ENTRY = 133,
    AT_ANCHOR_EXITED = 134,
    AT_ANCHOR_RESTORED = 135,
};

/* STORE and ENTRY. STORE replaces what the name had, descriptors too. */
struct at_anchor_entry {
    struct at_bytes name;
    struct at_bytes record;
};

struct at_anchor_drop {
    struct at_bytes name;
};

struct at_anchor_restore {
    uint32_t pid;
};

struct at_anchor_finished {
    uint32_t code;
};

struct at_anchor_exited {
    uint32_t pid;
    uint32_t status; /* as wait(2) gives it */
};

struct at_anchor_restored {
    uint32_t supervisors; /* 1: you are the first */
    uint32_t anchor_pid;
    struct at_bytes last_end; /* how the one before you ended; empty for the first */
};

/* The record "system". */
struct at_anchor_system {
    uint64_t next_generation;
    uint64_t next_channel;
    uint64_t started_wall_ns;
    uint32_t flags; /* enum at_start_flags of START */
    uint64_t start_request;
    uint32_t state; /* enum at_life_state of the whole */
    struct at_bytes run_dir;
    uint32_t start_answered; /* START has had its RESULT */
    uint64_t grace_ns;       /* of DOWN; 0: each service's own */
    struct at_bytes uids;    /* of the services in the order of the plan, u32 little-endian each */
};

enum at_anchor_instance_fd {
    AT_ANCHOR_FD_PIDFD,
    AT_ANCHOR_FD_CONTROL, /* the supervisor's end */
    AT_ANCHOR_FD_STDOUT,  /* read ends */
    AT_ANCHOR_FD_STDERR,
    AT_ANCHOR_FD_CAGE, /* what sandbox keeps of the cage; may be absent */
};

/* The record of one instance. A descriptor that is absent has its bit clear in fd_mask. */
struct at_anchor_instance {
    struct at_bytes name; /* "cart.1" */
    uint64_t generation;
    uint32_t fd_mask; /* bit n: enum at_anchor_instance_fd n is among the fds, in that order */
    uint32_t state;   /* enum at_life_state */
    uint32_t pid;     /* the service's process, as seen by us */
    uint32_t reaper_pid;
    uint64_t started_ns; /* CLOCK_MONOTONIC */
    uint64_t ready_ns;   /* 0: not ready yet */
    uint32_t restarts;
    uint32_t early_exits;   /* exits before ready, in a row */
    struct at_bytes exits;  /* CLOCK_MONOTONIC of the last exits, u64 little-endian each */
    struct at_bytes cgroup; /* what sandbox needs to take the cage down */
    struct at_bytes contracts;
    struct at_bytes last_exit;
    uint64_t next_start_ns; /* BACKING_OFF */
};

/*
 * The other half of atolld: runs the supervisor on its end of the anchor's socket (which becomes
 * its own) until the system has ended. The exit code. Defined by roles/supervisor and called by
 * atolld's main, which is the anchor's; declared here because no role may include another.
 */
int at_supervisor_run(int anchor_fd);
/* The other thing that atolld can do: prints what this machine offers. The exit code. */
int at_supervisor_facts(void);

extern const struct at_message_kind at_anchor_store_kind;
extern const struct at_message_kind at_anchor_drop_kind;
extern const struct at_message_kind at_anchor_restore_kind;
extern const struct at_message_kind at_anchor_finished_kind;
extern const struct at_message_kind at_anchor_entry_kind;
extern const struct at_message_kind at_anchor_exited_kind;
extern const struct at_message_kind at_anchor_restored_kind;
extern const struct at_message_kind at_anchor_system_kind;
extern const struct at_message_kind at_anchor_instance_kind;

#endif
