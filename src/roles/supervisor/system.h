/*
 * The supervisor's state: one struct, passed down. Who owns what:
 *
 *   vault.h      what the anchor keeps for the next supervisor
 *   start.h      START: judge the plan, prepare the machine, or say everything that is wrong
 *   instance.h   one instance: cage, control socket, pipes, life
 *   edges.h      who wants whom, channels; permit.h: who may
 *   desk.h       operators and what they are told; requests.c: what they ask
 *   system.c     the whole: order of starting and stopping, and the end
 */
#ifndef AT_SUPERVISOR_SYSTEM_H
#define AT_SUPERVISOR_SYSTEM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/list.h"
#include "control/message.h"
#include "control/operator.h"
#include "loop/loop.h"
#include "plan/limits.h"
#include "plan/plan.h"
#include "roles/supervisor/edges.h"
#include "sandbox/sandbox.h"

struct at_instance;

struct at_system {
    struct at_loop *loop;
    struct at_message *message; /* the one buffer for what is received */
    int anchor_sock;            /* -1: the anchor is dead */
    struct at_io *anchor_io;
    uint32_t anchor_pid;
    uint32_t supervisors; /* 1: the first */

    bool has_plan;
    struct at_plan plan;
    struct at_bytes contracts; /* mapped */
    int plan_fd;
    int contracts_fd;
    struct at_sandbox *sandbox;
    char role_dir[PATH_MAX]; /* where atoll-gateway and friends lie */
    uid_t *uids;             /* per service */

    struct at_instance **instances; /* by service, then number */
    size_t instance_count;
    struct at_edges edges;
    uint64_t next_generation;

    enum at_life_state state; /* of the whole */
    char why_down[256];       /* why it is stopping */
    uint64_t started_wall_ns;
    uint64_t grace_ns; /* DOWN may shorten every service's own; 0: theirs */
    char run_dir[PATH_MAX];
    int lock_fd;
    int folder_fd; /* .atoll/lock of the project */
    int listen_fd; /* control.sock */
    struct at_io *listen_io;
    int listeners[AT_PLAN_LISTENERS_MAX]; /* the gateway's; -1: none */

    struct at_list operators;
    size_t operator_count;
    struct at_list callers;
    size_t caller_count;
    uint64_t event_sequence;
    uint32_t start_flags;
    uint64_t start_request;
    bool start_answered;
    struct at_timer *advance_timer; /* due: at_system_advance() */
    struct at_timer *edges_timer;   /* due: at_system_tick_edges() */
    uint64_t edges_due_ns;          /* 0: not set */
    int exit_code;
};

/* Makes the instances of the plan, all DOWN. -ENOMEM. */
int at_system_make_instances(struct at_system *s);
/* Wants every instance up. */
void at_system_up(struct at_system *s);
/* Stops everything in reverse order of dependencies; the loop stops when all is gone. */
void at_system_down(struct at_system *s, const char *why);
/* Something changed: at the end of this turn, start and stop what may be now. Cheap, any time. */
void at_system_touch(struct at_system *s);
/* For the loop's timer that at_system_touch() arms. */
void at_system_advance(void *user);
/* For the loop's timer that the edges ask for. */
void at_system_tick_edges(void *user);
/* What the edges ask of the owners of their parties; user is the struct at_system. */
extern const struct at_edges_ops at_system_edges_ops;
/* Is the service wholly ready? (or started, when that is enough) */
bool at_system_is_there(const struct at_system *s, uint32_t service, enum at_plan_condition how);
/*
 * An instance settled: the service has failed when one of it failed and no other is left that runs
 * or will be started again. Who wants it hears so.
 */
void at_system_judge_service(struct at_system *s, uint32_t service);
/* The first instance of the role, or NULL. */
struct at_instance *at_system_role(const struct at_system *s, enum at_plan_kind kind);
/* Takes control.sock, cages' groups and the run directory away. */
void at_system_clear(struct at_system *s);

#endif
