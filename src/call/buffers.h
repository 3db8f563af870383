/*
 * Buffers: memory for messages too large for the allocator to keep warm. Fresh pages cost more than
 * the copy that fills them, so a process keeps what it used, up to a bound, for as long as upkeep.h
 * looks after it; what comes back later goes to the system.
 *
 * A taken buffer is in its holder's list: a request's, or a context's, and goes back with the list.
 * Any thread.
 */
#ifndef AT_CALL_BUFFERS_H
#define AT_CALL_BUFFERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"

struct at_buffers {
    pthread_mutex_t lock;
    struct at_list kept; /* the one used last is the first */
    size_t kept_bytes;
    bool keeps; /* somebody will look after what is kept */
};

void at_buffers_init(struct at_buffers *b);
void at_buffers_deinit(struct at_buffers *b);
/* len > 0 bytes, aligned to 64, not zeroed, put into the list. From now on b keeps. NULL: no memory. */
void *at_buffers_take(struct at_buffers *b, size_t len, struct at_list *holder);
/* All of the list, which is empty then. b == NULL: to the system; a fork may do that. */
void at_buffers_give(struct at_buffers *b, struct at_list *holder);
/* Are these len bytes all within one buffer of the list? */
bool at_buffers_hold(const struct at_list *holder, const void *at, size_t len);
/* Sum of the list. */
size_t at_buffers_size(const struct at_list *holder);
/* Moves all of `from` to `to`. */
void at_buffers_move(struct at_list *from, struct at_list *to);
/* Gives to the system what was not used since the last time. False: nothing is kept, and nothing
 * will be before the next is taken. */
bool at_buffers_tidy(struct at_buffers *b);

#endif
