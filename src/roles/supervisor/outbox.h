/*
 * Datagrams that wait for a slow reader, with a limit. Tries to send at once; what the socket does
 * not take is kept in order until at_outbox_flush().
 */
#ifndef AT_SUPERVISOR_OUTBOX_H
#define AT_SUPERVISOR_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "control/message.h"

struct at_outbox {
    struct at_list queue;
    size_t bytes; /* queued */
};

void at_outbox_init(struct at_outbox *o);
void at_outbox_deinit(struct at_outbox *o);
bool at_outbox_is_empty(const struct at_outbox *o);
enum {
    AT_OUTBOX_FDS_MAX = 3,     /* of one letter */
    AT_OUTBOX_FD_BYTES = 1024, /* what a waiting descriptor counts against the limit */
};

struct at_letter {
    const struct at_message_kind *kind;
    const void *message;
    const int *fds; /* stay the caller's */
    size_t fd_count;
};

/*
 * Sends or queues. -ENOBUFS: more than limit_bytes would wait; -ENOMEM; -errno of the socket.
 */
int at_outbox_put(struct at_outbox *o, int sock, const struct at_letter *letter,
                  size_t limit_bytes);
/* Would the letter be sent or queued within the limit? */
bool at_outbox_has_room(const struct at_outbox *o, const struct at_letter *letter,
                        size_t limit_bytes);
/* 0: all is out; -EAGAIN: the socket is full; -errno. */
int at_outbox_flush(struct at_outbox *o, int sock);

#endif
