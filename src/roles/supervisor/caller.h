/*
 * Callers: pseudo-instances through which an operator calls services (`atoll call`). Each is a
 * control socket of its own that may want every service and serves none.
 */
#ifndef AT_SUPERVISOR_CALLER_H
#define AT_SUPERVISOR_CALLER_H

struct at_system;
struct at_party;

/* Makes one; *ret_fd is the end to hand over (the caller's). -ENOSPC: too many; -errno. */
int at_caller_new(struct at_system *s, int *ret_fd);
/* It cannot be told something: it is closed at the end of this turn. */
void at_caller_doom(struct at_party *party);
/* Something waits for it: sends it when its socket can be written. */
void at_caller_want_room(struct at_party *party);
void at_caller_close_all(struct at_system *s);

#endif
