/*
 * Streams, what is held: messages in blocks, each with its frame in front, until their owner has
 * consumed them.
 *
 * A block is small and holds several messages, or is as large as the one message that it holds; that
 * one grows with what has come, not with what was announced. A whole message never moves. The first
 * block has the oldest message, so an empty one is kept only when it is the last.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "call/link.h"
#include "call/stream.h"
#include "call/streams.h"
#include "shm/channel.h"

enum { SMALL_BLOCK = 4000, LARGE_BLOCK_FIRST = 32 << 10 };

struct at_stream_block {
    struct at_stream_block *next;
    uint8_t *bytes;
    uint32_t cap;
    uint32_t filled;
    uint32_t consumed;
};

static void drop_first(struct at_stream *s)
{
    struct at_stream_block *b = s->first_block;

    s->first_block = b->next;
    if (s->first_block == NULL) {
        s->last_block = NULL;
    }
    free(b->bytes);
    free(b);
}

void at_stream_drop_blocks(struct at_stream *s)
{
    while (s->first_block != NULL) {
        drop_first(s);
    }
    s->whole = 0;
    s->coming = false;
}

void at_stream_drop_later(struct at_stream *s)
{
    struct at_stream_block *kept = s->first_block;

    if (kept == NULL) {
        return;
    }
    while (kept->next != NULL) {
        struct at_stream_block *b = kept->next;

        kept->next = b->next;
        free(b->bytes);
        free(b);
    }
    s->last_block = kept;
    s->whole = s->whole > 0 ? 1 : 0;
}

/* An empty block behind the others. */
static int add_block(struct at_stream *s)
{
    struct at_stream_block *b = calloc(1, sizeof(*b));

    if (b == NULL) {
        return -ENOMEM;
    }
    if (s->last_block == NULL) {
        s->first_block = b;
    } else {
        s->last_block->next = b;
    }
    s->last_block = b;
    return 0;
}

/* Room in a block that is empty, for a message that has so many bytes with its frame. */
static int make_room(struct at_stream_block *b, uint32_t bytes)
{
    uint32_t cap = bytes <= SMALL_BLOCK         ? (uint32_t)SMALL_BLOCK
                   : bytes <= LARGE_BLOCK_FIRST ? bytes
                                                : (uint32_t)LARGE_BLOCK_FIRST;
    uint8_t *room = malloc(cap);

    if (room == NULL) {
        return -ENOMEM;
    }
    free(b->bytes);
    b->bytes = room;
    b->cap = cap;
    return 0;
}

int at_stream_begin_message(struct at_stream *s, uint32_t len)
{
    struct at_stream_block *b = s->last_block;
    uint32_t bytes = AT_STREAM_FRAME + len;
    struct at_writer w;

    if (b == NULL || b->cap - b->filled < bytes) {
        if ((b == NULL || b->filled > 0) && add_block(s) < 0) {
            return -ENOMEM;
        }
        b = s->last_block;
        if (make_room(b, bytes) < 0) {
            return -ENOMEM;
        }
    }
    w = at_writer_over(b->bytes + b->filled, AT_STREAM_FRAME);
    at_write_be(&w, 0, 1); /* not compressed */
    at_write_be(&w, len, 4);
    b->filled += AT_STREAM_FRAME;
    s->coming = true;
    s->coming_left = len;
    return 0;
}

int at_stream_add_bytes(struct at_stream *s, uint32_t from, uint32_t len)
{
    struct at_stream_block *b = s->last_block;

    if (len > b->cap - b->filled) { /* it has the block for itself */
        uint32_t all = b->filled + s->coming_left;
        uint32_t cap = b->cap * 2 < b->filled + len ? b->filled + len : b->cap * 2;
        uint8_t *bigger;

        cap = cap > all ? all : cap;
        bigger = realloc(b->bytes, cap);
        if (bigger == NULL) {
            return -ENOMEM;
        }
        b->bytes = bigger;
        b->cap = cap;
    }
    at_channel_copy(&s->link->channel, from, b->bytes + b->filled, len);
    b->filled += len;
    s->coming_left -= len;
    return 0;
}

void at_stream_drop_coming(struct at_stream *s)
{
    uint32_t part = s->held - s->whole_held;

    if (s->coming) {
        s->last_block->filled -= part;
        s->held -= part;
        s->coming = false;
    }
}

bool at_stream_peek(const struct at_stream *s, struct at_bytes *ret)
{
    const struct at_stream_block *b;
    struct at_reader frame;

    if (s->whole == 0) {
        return false;
    }
    b = s->first_block;
    frame = at_reader_over(b->bytes + b->consumed + 1, 4);
    *ret = at_bytes_over(b->bytes + b->consumed + AT_STREAM_FRAME, (size_t)at_read_be(&frame, 4));
    return true;
}

void at_stream_consumed(struct at_engine *e, struct at_stream *s)
{
    struct at_stream_block *b;
    struct at_bytes message;
    uint32_t bytes;

    (void)e;
    if (!at_stream_peek(s, &message)) {
        return;
    }
    b = s->first_block;
    bytes = AT_STREAM_FRAME + (uint32_t)message.len;
    b->consumed += bytes;
    s->whole--;
    s->held -= bytes;
    s->whole_held -= bytes;
    if (b->consumed == b->filled) {
        b->consumed = 0;
        b->filled = 0;
        if (b->cap > SMALL_BLOCK || b->next != NULL) {
            drop_first(s);
        }
    }
    if (s->link != NULL) {
        s->link->streams->held -= bytes;
        at_stream_settle(s, true);
    }
}
