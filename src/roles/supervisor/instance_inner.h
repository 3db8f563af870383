/* What the files of struct at_instance share: instance.c, birth.c, ending.c, succession.c. */
#ifndef AT_SUPERVISOR_INSTANCE_INNER_H
#define AT_SUPERVISOR_INSTANCE_INNER_H

#include <stdbool.h>
#include <stdint.h>

#include "roles/supervisor/instance.h"

uint64_t at_instance_now(const struct at_instance *i);
void at_pipes_close(struct at_pipes *p);

/* birth.c: makes the process; its failure is an event, too. */
void at_instance_spawn(struct at_instance *i);
/* Listens to its process and its control socket. -errno. */
int at_instance_watch(struct at_instance *i);
/* Becomes a party of the edges. */
void at_instance_join(struct at_instance *i);
/*
 * Removes the source of start_fd. It is on a copy because at_cage_finish() closes the cage's own:
 * children that are being made just then still hold it, so epoll would go on reporting it.
 */
void at_instance_unwatch_start(struct at_instance *i);
/* start_fd may be readable: hears how its start went. */
void at_instance_on_start(void *user, int fd, uint32_t events);

/* A plain program says nothing: it is ready when it has lived for a moment after its exec. */
void at_instance_settle(struct at_instance *i, uint64_t exec_ns);

/* ending.c: keeps the first reason why it is ended. */
void at_instance_note_fault(struct at_instance *i, const char *reason);
void at_instance_kill(struct at_instance *i);
/* Even SIGKILL did not end it in time: goes on as if it had. */
void at_instance_take_for_dead(struct at_instance *i);
/* The whole cage has ended. */
void at_instance_on_end(void *user, int fd, uint32_t events);
void at_instance_remember_loss(struct at_instance *i);
/* Takes everything of the old life away; pipes that telemetry has not got are kept for it. */
void at_instance_clear(struct at_instance *i);
/* What comes after an end: the restart rule decides. */
void at_instance_judge(struct at_instance *i, bool clean);

#endif
