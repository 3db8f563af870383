/*
 * Skeleton of a role (gateway, telemetry, …): an ordinary instance, written with our rooms.
 *
 *   int main(void)
 *   {
 *       static struct door door;                       // the role's state, one struct
 *       return at_role_start(&(struct at_role_spec){
 *           .name = "door", .user = &door, .on_start = start, .on_stop = stop});
 *   }
 *
 * at_role_start() takes the control socket (ATOLL_CONTROL_FD), says HELLO, waits for WELCOME, sets
 * up the log and a loop, calls on_start, and runs the loop until at_role_stopped(). The rest is
 * the protocol of control/service.h:
 *
 *   STOP, SIGTERM, SIGINT   on_stop: take nothing new, finish, then at_role_stopped()
 *   RESUME                  HELLO again, READY again when it was said, then on_resume
 *   the socket closes       nobody supervises us any more: as STOP with no grace
 *   anything else           on_message (OPEN, EDGE, GONE, PIPES …)
 *
 * Who reads the control socket: the role, unless on_start gave it to at_calls_new() with
 * at_role_message as on_other and said so with at_role_gave_control(). Everything belongs to the
 * thread of at_role_start().
 */
#ifndef AT_ROLE_ROLE_H
#define AT_ROLE_ROLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "control/message.h"
#include "loop/loop.h"

struct at_role;

struct at_role_spec {
    const char *name;      /* of the program, for the log before WELCOME */
    const char *contracts; /* full names it serves, one a line; NULL: none */
    void *user;
    /*
     * WELCOME was received: make sources on the loop, then say at_role_ready() (here or later).
     * Negative: the role ends with that error in its log and exit code 1.
     */
    int (*on_start)(void *user, struct at_role *role);
    /* Called once. Must lead to at_role_stopped(); NULL: stops at once. grace_ns 0: no grace. */
    void (*on_stop)(void *user, uint64_t grace_ns);
    /* Messages the skeleton does not know; what is not taken out is closed. May be NULL. */
    void (*on_message)(void *user, struct at_message *message);
    /* A new supervisor has heard HELLO and READY from us; say WANT again. May be NULL. */
    void (*on_resume)(void *user);
    /* The loop has ended: give everything back. May be NULL. */
    void (*on_end)(void *user);
};

/* Runs the role. The exit code for main: 0 after a stop, 1 when it could not start or lost the loop. */
int at_role_start(const struct at_role_spec *spec);

struct at_loop *at_role_loop(struct at_role *role);
/* Stays the role's: do not close. */
int at_role_control_fd(const struct at_role *role);
/* From WELCOME; borrowed for the role's life. */
struct at_bytes at_role_config(const struct at_role *role);
const char *at_role_system(const struct at_role *role);
const char *at_role_instance(const struct at_role *role);
uint64_t at_role_generation(const struct at_role *role);
/* Takes descriptor i of WELCOME (yours from now on); -1 when there is none or it was taken. */
int at_role_take_fd(struct at_role *role, size_t i);

/* Says READY with a free text. 0, or -errno when the supervisor is not there (RESUME repeats it). */
int at_role_ready(struct at_role *role, const char *status);
/* Sends one message of control/service.h. -EAGAIN: the socket is full. */
int at_role_send(struct at_role *role, const struct at_message_kind *kind, const void *message);
/* From now on somebody else reads the control socket and hands the rest to at_role_message(). */
void at_role_gave_control(struct at_role *role);
/* For at_calls_new(): user is the struct at_role. Handles STOP and RESUME, passes the rest on. */
void at_role_message(void *user, struct at_message *message);
/* Ends the loop: at_role_start() returns code. */
void at_role_stopped(struct at_role *role, int code);

#endif
