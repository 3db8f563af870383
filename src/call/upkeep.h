/*
 * Upkeep: what large messages make a process take, and what brings it back.
 *
 * A channel gets a window (shm/window.h) with its first message that is larger than a record, and
 * whoever gets one, a buffer (call/buffers.h). A second after something of this kind was used last it is given back: one deadline for all of it,
 * which stands only while there is something to give back, so an idle process is woken once more
 * and then never again.
 */
#ifndef AT_CALL_UPKEEP_H
#define AT_CALL_UPKEEP_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "control/message.h"
#include "shm/channel.h"

struct at_engine;
struct at_link;

/* The second kind of message on a lifeline: my window (descriptor). */
extern const struct at_message_kind at_window_kind;
struct at_window_offer {
    uint32_t number;
};

/*
 * The link has a message for which a window is worth while: makes and offers one, unless there is
 * one, or the peer is too old, or the process has enough, or memory is short. Then the ring carries
 * it, as it does until the peer has answered.
 */
void at_upkeep_want_window(struct at_link *l);
/* The peer's offer. 0, a rule, or -errno: the channel goes on without. */
int at_upkeep_offered(struct at_link *l, struct at_message *m);
/* AT_RECORD_EXT_RETURN. */
int at_upkeep_returned(struct at_link *l, const struct at_record *r);
/* Writes that the window is given back, as soon as there is room for it. */
void at_upkeep_pay(struct at_link *l);
/* The link is freed. */
void at_upkeep_leave(struct at_link *l);
/* As at_buffers_take(), and looks after it when it has come back. */
void *at_upkeep_buffer(struct at_engine *e, size_t len, struct at_list *holder);
/* The deadline passed. */
void at_upkeep_expired(struct at_engine *e);

#endif
