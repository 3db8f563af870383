/*
 * Operators: connections on control.sock and the one that carried START. Answers are queued, with
 * a limit; an operator that does not read loses events (it sees a gap) and in the end its
 * connection. Nothing here waits for an operator.
 */
#ifndef AT_SUPERVISOR_DESK_H
#define AT_SUPERVISOR_DESK_H

#include <stdint.h>

#include "control/operator.h"

struct at_system;
struct at_instance;
struct at_diag;

/* Takes the connection that carries (or carried) START; fd is taken. -errno: it is closed. */
int at_desk_take_first(struct at_system *s, int fd);
/* s->start_request is known: the connection that carried START hears events from now on. */
void at_desk_watch_first(struct at_system *s);
/* Accepts on s->listen_fd from now on. */
int at_desk_open(struct at_system *s);
/* Sends what is queued, waiting a moment, and closes every connection. */
void at_desk_close(struct at_system *s);

/* To everybody who watches. reason may be NULL. */
void at_desk_event(struct at_system *s, const struct at_instance *i, uint32_t type,
                   const char *reason);
/* Once everything is ready or something failed: answers START. */
void at_desk_answer_start(struct at_system *s, enum at_operator_code code, const char *text);
/* START could not be followed (an enum at_operator_code): says so and ends. OK: nothing yet. */
void at_desk_start_ended(struct at_system *s, int code, const char *text);
void at_desk_problem(struct at_system *s, const char *service, const struct at_diag *diag);
/* The whole is down: answers who asked for it. */
void at_desk_answer_down(struct at_system *s);

#endif
