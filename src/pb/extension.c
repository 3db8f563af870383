#include "pb/extension.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/wire.h"

/* What an item of a message set is on the wire: group 1 of { int32 type_id = 2; bytes message = 3 } */
enum {
    ITEM_BEGIN = 1 << 3 | AT_PB_WIRE_GROUP,
    ITEM_END = 1 << 3 | AT_PB_WIRE_GROUP_END,
    ITEM_TYPE_ID = 2 << 3 | AT_PB_WIRE_VARINT,
    ITEM_MESSAGE = 3 << 3 | AT_PB_WIRE_LENGTH,
    ITEM_OVERHEAD = 4 + 2 * AT_PB_VARINT_MAX, /* most bytes around the message of an item */
};

/* The unknown fields of a message, one by one. */
struct walk {
    const struct atoll_unknown *last; /* of the ring */
    const struct atoll_unknown *piece;
    const uint8_t *at; /* in the piece */
};

static struct atoll_unknown **ring_of(const struct atoll_extension_desc *extension, void *message)
{
    return (struct atoll_unknown **)((uint8_t *)message + extension->extendee->unknown_offset);
}

static struct walk walk_over(const struct atoll_extension_desc *extension, const void *message)
{
    const struct atoll_unknown *last =
        *(struct atoll_unknown *const *)((const uint8_t *)message +
                                         extension->extendee->unknown_offset);
    struct walk w = {.last = last, .piece = last == NULL ? NULL : last->next};

    w.at = w.piece == NULL ? NULL : (const uint8_t *)w.piece->bytes.at;
    return w;
}

static bool next_piece(struct walk *w)
{
    if (w->piece == w->last) {
        return false;
    }
    w->piece = w->piece->next;
    w->at = (const uint8_t *)w->piece->bytes.at;
    return true;
}

/*
 * The next field with its tag. What a program put there that is no field goes as one, up to the
 * end of its piece. False: all is done.
 */
static bool next_field(struct walk *w, struct at_bytes *ret)
{
    const uint8_t *end;
    const uint8_t *p;
    uint64_t tag;
    int ignored;

    if (w->piece == NULL) {
        return false;
    }
    while (w->at == (const uint8_t *)w->piece->bytes.at + w->piece->bytes.len) {
        if (!next_piece(w)) {
            return false;
        }
    }
    end = (const uint8_t *)w->piece->bytes.at + w->piece->bytes.len;
    p = at_pb_read_varint(w->at, end, &tag);
    p = p == NULL ? NULL : at_pb_skip(p, end, tag, &ignored);
    *ret = at_bytes_over(w->at, (size_t)((p == NULL ? end : p) - w->at));
    w->at += ret->len;
    return true;
}

static uint32_t number_of(const struct atoll_extension_desc *extension)
{
    return at_pb_number(at_pb_field(extension->holder, 0));
}

/* Reads an item of a set: its type id, and its message, which is empty when it has none. */
static bool open_item(struct at_bytes field, uint64_t *ret_id, struct at_bytes *ret_message)
{
    const uint8_t *p = field.at;
    const uint8_t *end = field.at + field.len;
    uint64_t tag = 0;
    size_t len;
    int ignored;

    *ret_id = 0;
    *ret_message = at_bytes_over(NULL, 0);
    p = at_pb_read_varint(p, end, &tag);
    if (p == NULL || tag != ITEM_BEGIN) {
        return false;
    }
    while (p != NULL) {
        p = at_pb_read_varint(p, end, &tag);
        if (p == NULL || tag == ITEM_END) {
            break;
        }
        if (tag == ITEM_TYPE_ID) {
            p = at_pb_read_varint(p, end, ret_id);
        } else if (tag == ITEM_MESSAGE) {
            p = at_pb_read_length(p, end, &len);
            *ret_message = at_bytes_over(p, p == NULL ? 0 : len);
            p = p == NULL ? NULL : p + len;
        } else {
            p = at_pb_skip(p, end, tag, &ignored);
        }
    }
    return p != NULL;
}

static bool is_set(const struct atoll_extension_desc *extension)
{
    return (extension->extendee->flags & ATOLL_MESSAGE_SET) != 0;
}

static bool is_it(const struct atoll_extension_desc *extension, struct at_bytes field)
{
    struct at_bytes message;
    uint64_t tag;
    uint64_t id;

    if (is_set(extension) && open_item(field, &id, &message)) {
        return id == number_of(extension);
    }
    return at_pb_read_varint(field.at, field.at + field.len, &tag) != NULL &&
           tag >> 3 == number_of(extension);
}

bool at_pb_extension_has(const struct atoll_extension_desc *extension, const void *message)
{
    struct walk w = walk_over(extension, message);
    struct at_bytes field;

    while (next_field(&w, &field)) {
        if (is_it(extension, field)) {
            return true;
        }
    }
    return false;
}

/* The field in the form that the holder has it; at has room for it and ITEM_OVERHEAD. */
static uint8_t *write_field(const struct atoll_extension_desc *extension, struct at_bytes field,
                            uint8_t *at)
{
    uint64_t id;
    struct at_bytes from = field;

    if (is_set(extension) && open_item(field, &id, &from)) {
        at = at_pb_write_varint(at, at_pb_field(extension->holder, 0)->tag);
        at = at_pb_write_varint(at, from.len);
    }
    if (from.len > 0) {
        memcpy(at, from.at, from.len);
    }
    return at + from.len;
}

/* All of it in a row, as one encoding of the holder. at == NULL: out of memory. */
static struct at_bytes gather(const struct atoll_extension_desc *extension, const void *message,
                              struct at_arena *arena)
{
    struct walk w = walk_over(extension, message);
    struct at_bytes field;
    struct at_bytes only = {0};
    size_t len = 0;
    uint8_t *all;
    uint8_t *end;

    while (next_field(&w, &field)) {
        if (is_it(extension, field)) {
            only = len == 0 ? field : at_bytes_over(NULL, 0);
            len += field.len + ITEM_OVERHEAD;
        }
    }
    if (only.at != NULL && !is_set(extension)) {
        return only;
    }
    all = at_arena_alloc(arena, len + 1, 1);
    if (all == NULL) {
        return at_bytes_over(NULL, 0);
    }
    end = all;
    w = walk_over(extension, message);
    while (next_field(&w, &field)) {
        if (is_it(extension, field)) {
            end = write_field(extension, field, end);
        }
    }
    return at_bytes_over(all, (size_t)(end - all));
}

int at_pb_extension_get(const struct atoll_extension_desc *extension, const void *message,
                        struct at_arena *arena, void *holder, struct at_pb_fault *fault)
{
    struct at_bytes all;

    at_pb_init(extension->holder, holder);
    if (!at_pb_extension_has(extension, message)) {
        return AT_PB_OK;
    }
    all = gather(extension, message, arena);
    return all.at == NULL ? -ENOMEM : at_pb_merge(extension->holder, all, arena, holder, fault);
}

static int add_piece(struct atoll_unknown **last, struct at_bytes bytes, struct at_arena *arena)
{
    struct atoll_unknown *piece;

    if (*last != NULL && (const uint8_t *)(*last)->bytes.at + (*last)->bytes.len == bytes.at) {
        (*last)->bytes.len += bytes.len;
        return 0;
    }
    piece = at_arena_alloc(arena, sizeof(*piece), 8);
    if (piece == NULL) {
        return -ENOMEM;
    }
    piece->bytes = (struct atoll_str){(const char *)bytes.at, bytes.len};
    piece->next = *last == NULL ? piece : (*last)->next;
    if (*last != NULL) {
        (*last)->next = piece;
    }
    *last = piece;
    return 0;
}

/* A new ring of what is not the extension. */
static int others(const struct atoll_extension_desc *extension, const void *message,
                  struct at_arena *arena, struct atoll_unknown **ret_last)
{
    struct walk w = walk_over(extension, message);
    struct at_bytes field;
    int r = 0;

    *ret_last = NULL;
    while (r == 0 && next_field(&w, &field)) {
        if (!is_it(extension, field)) {
            r = add_piece(ret_last, field, arena);
        }
    }
    return r;
}

/* What the holder encodes to, in the form that the extendee has it. */
static int encode(const struct atoll_extension_desc *extension, const void *holder,
                  struct at_arena *arena, struct at_bytes *ret)
{
    const uint8_t *p;
    uint8_t *item;
    uint8_t *end;
    uint64_t tag;
    size_t len;
    int r = at_pb_encode_in_arena(extension->holder, holder, arena, ret);

    if (r != 0 || ret->len == 0 || !is_set(extension)) {
        return r;
    }
    p = at_pb_read_varint(ret->at, ret->at + ret->len, &tag);
    p = p == NULL ? NULL : at_pb_read_length(p, ret->at + ret->len, &len);
    item = p == NULL ? NULL : at_arena_alloc(arena, len + ITEM_OVERHEAD, 1);
    if (item == NULL) {
        return -ENOMEM;
    }
    end = at_pb_write_varint(item, ITEM_BEGIN);
    end = at_pb_write_varint(end, ITEM_TYPE_ID);
    end = at_pb_write_varint(end, number_of(extension));
    end = at_pb_write_varint(end, ITEM_MESSAGE);
    end = at_pb_write_varint(end, len);
    memcpy(end, p, len);
    end = at_pb_write_varint(end + len, ITEM_END);
    *ret = at_bytes_over(item, (size_t)(end - item));
    return AT_PB_OK;
}

int at_pb_extension_set(const struct atoll_extension_desc *extension, void *message,
                        struct at_arena *arena, const void *holder)
{
    struct atoll_unknown *ring;
    struct at_bytes bytes = {0};
    int r = encode(extension, holder, arena, &bytes);

    r = r == 0 ? others(extension, message, arena, &ring) : r;
    if (r == 0 && bytes.len > 0) {
        r = add_piece(&ring, bytes, arena);
    }
    if (r == 0) {
        *ring_of(extension, message) = ring;
    }
    return r;
}

int at_pb_extension_clear(const struct atoll_extension_desc *extension, void *message,
                          struct at_arena *arena)
{
    struct atoll_unknown *ring;
    int r = others(extension, message, arena, &ring);

    if (r == 0) {
        *ring_of(extension, message) = ring;
    }
    return r;
}
