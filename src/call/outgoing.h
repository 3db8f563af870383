/*
 * Outgoing: a message on its way into a channel, and the queue of those that wait for room in it.
 * For the files of this room, and for engine.h, whose calls and answers carry one each.
 */
#ifndef AT_CALL_OUTGOING_H
#define AT_CALL_OUTGOING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/list.h"
#include "shm/channel.h"

struct at_link;
struct at_stream;

struct at_outgoing {
    struct at_list entry;     /* in link->out while not all of it is written */
    struct at_stream *stream; /* NULL: a call or its answer */
    struct at_record record;  /* of the first record */
    struct at_bytes meta;
    struct at_bytes body;          /* its `at` is NULL when it stands in … */
    const struct at_bytes *pieces; /* … these; NULL: it is in one. Theirs is memory of the owner */
    size_t piece_count;
    size_t piece;        /* in work; it begins … */
    size_t piece_at;     /* … here in the body */
    bool begun;          /* the first record is written */
    uint32_t written;    /* bytes of meta and body */
    uint64_t last_start; /* position (channel.written) of the record written last */
};

/* Bytes of meta and body. */
static inline uint32_t at_outgoing_total(const struct at_outgoing *o)
{
    return (uint32_t)(o->meta.len + o->body.len);
}

/*
 * Writes what waits in link->out as far as there is room; publishes nothing. When the room ends, or
 * the peer broke a rule (link->rule then says which), the link becomes hot.
 */
void at_outgoing_write(struct at_link *l);

#endif
