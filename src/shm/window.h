/*
 * Window: memory beside the ring for messages larger than a record, in chunks that a side makes
 * when it first has such a message, and gives back when it has had none for a while.
 *
 * A writer makes its window (a memfd as sealed as a region, its memory charged to the writer) and
 * hands it over beside the channel. The reader maps it read-only and says so in `window_seen`; until
 * then, or when it never does, messages go through the ring as they always can. A record whose
 * ext_len is not 0 has its payload in the window instead of behind its head: always in the next
 * chunk in turn, at its beginning. So chunks are consumed in the order of the ring, and one number,
 * `window_taken`, is all that comes back.
 *
 *   writer:  NONE --offer--> OFFERED --window_seen--> SEEN --give back--> NONE
 *
 * To give a window back the writer says so in the ring (AT_RECORD_EXT_RETURN, with its number),
 * behind the last record that used it. A reader that sees the offer later than that leaves it. No
 * window is offered before the peer says that it holds none: a reader never has two.
 *
 * A peer that lies can spoil what it sends, or lose the memory that it pays for itself; whatever
 * else it says breaks a rule. A window of the peer's may change while it is read: what is read is a
 * copy, and only the copy is judged.
 */
#ifndef AT_SHM_WINDOW_H
#define AT_SHM_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/limits.h"

struct at_channel;
struct at_record;

/* What I write into. */
struct at_window_mine {
    uint8_t *at;      /* NULL: none */
    uint32_t number;  /* of the window that was offered last; counts up, never 0 then */
    uint32_t written; /* chunks that I filled, free running, from 0 in each window */
    uint32_t taken;   /* of those consumed; last judged value */
};

/* What I read from. */
struct at_window_peer {
    const uint8_t *at; /* NULL: none */
    uint32_t number;
    uint32_t returned; /* the number that the peer gave back last */
    uint32_t taken;    /* chunks consumed, perhaps not yet told */
    uint32_t told;
};

/*
 * Makes a window and maps it. The descriptor is to be sent to the peer, with the number
 * ch->window.number, and closed. 0, -EBUSY (there is one, or the peer still holds the last), -errno.
 */
int at_window_offer(struct at_channel *ch, int *ret_fd);
/* There is one and the peer reads from it. One load. */
bool at_window_is_open(const struct at_channel *ch);
/*
 * The next chunk, AT_WINDOW_CHUNK bytes to write to, then at_window_put(). 0, AT_CHANNEL_FULL (of
 * the window or the ring), AT_CHANNEL_BROKEN.
 */
int at_window_next(struct at_channel *ch, uint8_t **ret);
/* Writes r, whose payload of 1 to AT_WINDOW_CHUNK bytes stands in that chunk; r->len is ignored. */
void at_window_put(struct at_channel *ch, const struct at_record *r, uint32_t len);
/* Has the peer consumed all that was written into it? 0, AT_CHANNEL_FULL: not yet, _BROKEN. */
int at_window_is_consumed(struct at_channel *ch);
/* Writes that the window is given back, and unmaps it. 0, AT_CHANNEL_FULL, AT_CHANNEL_BROKEN. */
int at_window_give_back(struct at_channel *ch);
/* Unmaps it without a word: the offer could not be sent, or the channel ends. */
void at_window_drop(struct at_channel *ch);

/*
 * The peer's offer: judges and maps it, says that it is seen. The descriptor stays the caller's. 0,
 * also when it was given back meanwhile; -errno: it is left, which breaks nothing; AT_CHANNEL_BROKEN.
 */
int at_window_accept(struct at_channel *ch, int fd, uint32_t number);
/* AT_RECORD_EXT_RETURN came, with this number. 0, AT_CHANNEL_BROKEN. */
int at_window_returned(struct at_channel *ch, uint32_t number);
/* Unmaps the peer's: the channel ends. */
void at_window_leave(struct at_channel *ch);
/*
 * For channel.c: a record with ext_len was read. Judges it and sets r->len to the payload's length.
 * 0 or AT_CHANNEL_BROKEN.
 */
int at_window_judge(struct at_channel *ch, struct at_record *r);
/* The same: bytes of the record in work. */
const uint8_t *at_window_payload(const struct at_channel *ch);

#endif
