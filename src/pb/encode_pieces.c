/*
 * Encoding into pieces: a pass that measures and finds the texts that are long, then one that
 * writes the rest. Each text leaves a cut in what is written, and joining puts it there.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/encoder.h"

/* Texts and the pieces of the buffer between them, in the order of the message. */
static void join(const struct at_pb_refer *refer, struct at_bytes buffer, struct at_pb_pieces *ret)
{
    const uint8_t *at = buffer.at;

    for (size_t i = refer->count; i > 0; i--) {
        const struct at_pb_reference *r = &refer->made[i - 1];

        if (r->before > at) {
            ret->at[ret->count++] = at_bytes_over(at, (size_t)(r->before - at));
            at = r->before;
        }
        ret->at[ret->count++] = r->text;
    }
    if (buffer.at + buffer.len > at) {
        ret->at[ret->count++] = at_bytes_over(at, (size_t)(buffer.at + buffer.len - at));
    }
}

/* The message measured: `len` bytes, of which refer->bytes are referred to. */
static int encode_referring(const struct atoll_message_desc *desc, const void *message,
                            struct at_arena *arena, struct at_pb_refer *refer, size_t len,
                            struct at_pb_pieces *ret)
{
    size_t count = refer->count;
    size_t own = len - refer->bytes;
    uint8_t *room = at_arena_alloc(arena, own, 1);
    struct at_bytes buffer = {0};
    int r;

    refer->made = at_arena_alloc(arena, count * sizeof(*refer->made), 8);
    ret->at = at_arena_alloc(arena, (2 * count + 1) * sizeof(*ret->at), 8);
    if (room == NULL || refer->made == NULL || ret->at == NULL) {
        return -ENOMEM;
    }
    refer->count = 0;
    r = at_pb_encode_referring(desc, message, room, own, refer, &buffer);
    if (r == AT_PB_OK) {
        ret->len = len;
        join(refer, buffer, ret);
    }
    return r;
}

/* What at_arena_room() gives, but no more than makes a copy cheaper than a reference. */
static struct at_arena_room little_room(const struct at_arena *arena)
{
    struct at_arena_room room = at_arena_room(arena);

    if (room.len > AT_PB_REFER_MIN) {
        room.at = (uint8_t *)room.at + (room.len - AT_PB_REFER_MIN);
        room.len = AT_PB_REFER_MIN;
    }
    return room;
}

int at_pb_encode_in_pieces(const struct atoll_message_desc *desc, const void *message,
                           struct at_arena *arena, at_pb_may_refer *may, void *user,
                           struct at_pb_pieces *ret)
{
    struct at_pb_refer refer = {.may = may, .user = user};
    struct at_arena_room room = little_room(arena);
    struct at_bytes one = {0};
    size_t len = 0;
    uint8_t *at;
    int r = AT_PB_NO_ROOM;

    *ret = (struct at_pb_pieces){0};
    if (room.len > 0) {
        r = at_pb_encode(desc, message, room.at, room.len, &one);
    }
    if (r == AT_PB_OK) {
        at_arena_take_end(arena, one.len);
    } else if (r == AT_PB_NO_ROOM) {
        r = at_pb_size_referring(desc, message, &refer, &len);
        if (r == AT_PB_OK && refer.count > 0) {
            return encode_referring(desc, message, arena, &refer, len, ret);
        }
        at = r == AT_PB_OK ? at_arena_alloc(arena, len, 1) : NULL;
        if (r == AT_PB_OK) {
            r = at == NULL ? -ENOMEM : at_pb_encode(desc, message, at, len, &one);
        }
    }
    if (r != AT_PB_OK || one.len == 0) {
        return r;
    }
    ret->one = one;
    ret->at = &ret->one;
    ret->count = 1;
    ret->len = one.len;
    return 0;
}
