/*
 * START: judges plan and contracts, prepares the machine (lock, uids, directories, listeners,
 * sandbox), and tells everything that stands in the way at once. Either the system runs, or
 * nothing of it is left.
 */
#ifndef AT_SUPERVISOR_START_H
#define AT_SUPERVISOR_START_H

#include "base/bytes.h"
#include "control/operator.h"
#include "roles/supervisor/vault.h"

struct at_system;

/*
 * plan_fd and contracts_fd are taken. 0: the instances are on their way; else an enum
 * at_operator_code with a sentence in text, after PROBLEMs went to the operator.
 */
int at_start_new(struct at_system *s, int plan_fd, int contracts_fd, char *text, size_t cap);
/* A supervisor died over START: the same again, with what it had got hold of. */
int at_start_again(struct at_system *s, struct at_kept_list *kept, char *text, size_t cap);
/* After the death of a supervisor: the system from what the anchor kept. -errno: cannot go on. */
int at_start_resume(struct at_system *s, struct at_kept_list *kept);

#endif
