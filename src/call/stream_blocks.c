/*
 * Streams, what is held: messages in blocks, each with its frame in front, until their owner has
 * consumed them.
 *
 * A block is small and holds several messages, or is as large as the one message that it holds; that
 * one grows with what has come, not with what was announced. A whole message never moves. The first
 * block has the oldest message, so an empty one is kept only when it is the only one.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/list.h"
#include "call/link.h"
#include "call/stream.h"
#include "call/streams.h"
#include "shm/channel.h"

enum { SMALL_BLOCK = 4000, LARGE_BLOCK_FIRST = 32 << 10 };

struct at_stream_block {
    struct at_list entry; /* in stream->blocks */
    uint8_t *bytes;
    uint32_t cap;
    uint32_t filled;
    uint32_t consumed;
};

static struct at_stream_block *last_block(struct at_stream *s)
{
    return at_container_of(s->blocks.prev, struct at_stream_block, entry);
}

static void free_block(struct at_stream_block *b)
{
    at_list_remove(&b->entry);
    free(b->bytes);
    free(b);
}

void at_stream_drop_blocks(struct at_stream *s)
{
    if (s->blocks.next == NULL) {
        return; /* zeroed */
    }
    at_list_foreach_safe (it, &s->blocks) {
        struct at_stream_block *b = at_container_of(it, struct at_stream_block, entry);

        free(b->bytes);
        free(b);
    }
    at_list_init(&s->blocks);
    s->whole = 0;
    s->coming = false;
}

static int new_block(struct at_stream *s, uint32_t bytes)
{
    struct at_stream_block *b = calloc(1, sizeof(*b));
    uint32_t cap = bytes <= SMALL_BLOCK         ? (uint32_t)SMALL_BLOCK
                   : bytes <= LARGE_BLOCK_FIRST ? bytes
                                                : (uint32_t)LARGE_BLOCK_FIRST;

    if (b == NULL) {
        return -ENOMEM;
    }
    b->bytes = malloc(cap);
    if (b->bytes == NULL) {
        free(b);
        return -ENOMEM;
    }
    b->cap = cap;
    at_list_append(&s->blocks, &b->entry);
    return 0;
}

int at_stream_begin_message(struct at_stream *s, uint32_t len)
{
    struct at_stream_block *b = at_list_is_empty(&s->blocks) ? NULL : last_block(s);
    struct at_writer w;

    if (b == NULL || b->cap - b->filled < AT_STREAM_FRAME + len) {
        if (b != NULL && b->filled == 0) {
            free_block(b); /* kept for a small one: the first block is the one that is read */
        }
        if (new_block(s, AT_STREAM_FRAME + len) < 0) {
            return -ENOMEM;
        }
        b = last_block(s);
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
    struct at_stream_block *b = last_block(s);

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
    struct at_stream_block *b;
    uint32_t part = s->held - s->whole_held;

    if (!s->coming) {
        return;
    }
    b = last_block(s);
    b->filled -= part;
    s->held -= part;
    s->coming = false;
    if (b->filled == b->consumed) {
        free_block(b);
    }
}

bool at_stream_peek(const struct at_stream *s, struct at_bytes *ret)
{
    const struct at_stream_block *b;
    struct at_reader frame;

    if (s->whole == 0) {
        return false;
    }
    b = at_container_of(s->blocks.next, struct at_stream_block, entry);
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
    b = at_container_of(s->blocks.next, struct at_stream_block, entry);
    bytes = AT_STREAM_FRAME + (uint32_t)message.len;
    b->consumed += bytes;
    s->whole--;
    s->held -= bytes;
    s->whole_held -= bytes;
    if (b->consumed == b->filled) {
        b->consumed = 0;
        b->filled = 0;
        if (b->cap > SMALL_BLOCK || b->entry.next != &s->blocks) {
            free_block(b);
        }
    }
    if (s->link != NULL) {
        s->link->streams->held -= bytes;
        at_stream_settle(s, true);
    }
}
