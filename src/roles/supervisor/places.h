/* Directories and files of a system on this machine: run directory with its lock, state, programs. */
#ifndef AT_SUPERVISOR_PLACES_H
#define AT_SUPERVISOR_PLACES_H

#include <stdint.h>

#include "base/error.h"

struct at_system;

enum at_places_result {
    AT_PLACES_BUSY = 1, /* somebody else has it; the diag names the pid */
};

/*
 * Makes and locks the run directory; s->run_dir and s->lock_fd. The lock lives as long as any copy
 * of the descriptor does: the anchor holds one. 0, AT_PLACES_BUSY, -errno.
 */
int at_places_lock(struct at_system *s, struct at_diag *diag);
/*
 * Locks .atoll of the project, where state, uids and logs lie: one system at a time. s->folder_fd,
 * held as the other lock. 0; AT_PLACES_BUSY: the diag names who holds it; -errno.
 */
int at_places_lock_folder(struct at_system *s, struct at_diag *diag);
/* Nothing happens when it is not held. */
void at_places_unlock_folder(struct at_system *s);
/* Finds where the roles' programs lie: s->role_dir. -ENOENT with a sentence. */
int at_places_find_roles(struct at_system *s, struct at_diag *diag);
/* Is the program of the service there and executable? */
int at_places_check_program(struct at_system *s, uint32_t service, struct at_diag *diag);
/*
 * Makes its state directory, which belongs to its uid. One that belongs to another uid (the project
 * was moved or copied) is handed over with everything in it that belonged to that one.
 */
int at_places_make_state(struct at_system *s, uint32_t service, struct at_diag *diag);

#endif
