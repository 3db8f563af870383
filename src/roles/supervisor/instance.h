/*
 * One instance: its cage, its control socket, the pipes that it writes into, its life.
 *
 * The life table (life.h) says what an event means; this module does it and tells everybody who
 * must know: the anchor (vault.h), the operators (desk.h), the peers (edges.h), and the system, so
 * that what depends on it may start.
 */
#ifndef AT_SUPERVISOR_INSTANCE_H
#define AT_SUPERVISOR_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "control/anchor.h"
#include "control/limits.h"
#include "control/operator.h"
#include "loop/loop.h"
#include "plan/plan.h"
#include "roles/supervisor/edges.h"
#include "roles/supervisor/life.h"
#include "roles/supervisor/limits.h"
#include "sandbox/sandbox.h"

struct at_system;

struct at_loss {
    uint64_t wall_ns;
    uint64_t lived_ns;
    char reason[256];
};

/* Read ends of what a process writes; -1: none. */
struct at_pipes {
    int out;
    int err;
    uint64_t generation;
};

struct at_instance {
    struct at_system *system;
    uint32_t service;
    char name[AT_CONTROL_NAME_MAX];
    enum at_life_state state;
    struct at_life_history history;
    struct at_timer *timer; /* start deadline, settling, last breath, rest, or grace: by state */

    struct at_cage cage;
    struct at_io *end_io;   /* pidfd */
    struct at_io *start_io; /* while the cage is being built … */
    int start_fd;           /* … on a copy of its start_fd; see at_instance_unwatch_start() */
    int wait_status;        /* told by the anchor for an adopted one, else -1 */
    bool has_started;       /* exec succeeded in this life */
    bool was_ready;         /* in this life; or a job that was done before it had settled */
    bool is_killed;         /* by us: SIGKILL was sent */

    int control;
    struct at_io *control_io;
    bool said_hello;
    bool awaits_hello; /* adopted: what it said to the supervisor before us it will say again */
    struct at_party party;
    uint64_t message_window_ns; /* start of the second in which messages are counted */
    uint32_t messages;
    uint64_t broken_told_ns; /* when a line about its BROKENs was written; 0: never */
    uint32_t broken_untold;

    struct at_pipes pipes;     /* of this life */
    struct at_pipes old_pipes; /* of the last one, while telemetry has not got them */
    bool pipes_told;

    uint64_t generation;
    uint64_t started_ns;
    uint64_t ready_ns;
    uint64_t next_start_ns; /* BACKING_OFF */
    char fault[512];        /* why we end it or could not start it; empty: nothing */
    char last_exit[512];    /* how its last process ended */
    char failed_why[512];   /* FAILED: the whole sentence */
    struct at_loss losses[AT_SUPER_LOSSES_KEPT]; /* ring */
    uint32_t loss_count;
};

/* NULL: out of memory. */
struct at_instance *at_instance_new(struct at_system *s, uint32_t service, uint32_t number);
/* Closes everything; a process that runs goes on. NULL is accepted. */
struct at_instance *at_instance_free(struct at_instance *i);

const struct at_plan_service *at_instance_plan(const struct at_instance *i);
/* Runs one step of the life table. reason: a sentence for people, or NULL. */
void at_instance_event(struct at_instance *i, enum at_life_event event, const char *reason);
/* It broke a rule: kill it, with the reason; the restart policy goes on from there. */
void at_instance_drop(struct at_instance *i, const char *reason);
/* The system's grace was shortened while it is stopping. */
void at_instance_hurry(struct at_instance *i);
/* Takes a running (or ended) process over from the supervisor before. fds are taken. */
void at_instance_adopt(struct at_instance *i, const struct at_anchor_instance *record, int *fds,
                       size_t fd_count);
/* Says RESUME on the control socket of an adopted one. */
void at_instance_resume(struct at_instance *i);
/* The anchor reaped an orphan: remembers it when it is ours. */
void at_instance_reaped(struct at_instance *i, uint32_t pid, int status);
/* Hands the pipes of all instances to telemetry, which has just become ready. */
void at_instance_tell_pipes(struct at_instance *i, struct at_instance *telemetry);
/* Something waits for it: sends it when its control socket can be written. */
void at_instance_want_room(struct at_instance *i);
/* Messages from the control socket; see control.c. */
void at_instance_on_control(void *user, int fd, uint32_t events);
void at_instance_close_control(struct at_instance *i);
/* The same at the end of its life: nothing comes through the socket any more, for nobody. */
void at_instance_end_control(struct at_instance *i);

#endif
