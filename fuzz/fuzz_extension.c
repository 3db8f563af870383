/*
 * Extensions among the unknown fields of a message, plain ones and those of a message set.
 * Properties: what is read and set again reads the same; an extension is there when it has bytes;
 * clearing takes all of it and nothing else, so that setting and clearing again changes nothing.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/extension.h"

#define MUST(expr)                                                                                 \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { ARENA_MAX = 16 << 20 };

/* message M { int32 id = 1; extensions 2 to max; }, also as a message set of nothing */
struct m {
    int32_t id;
    struct atoll_unknown *unknown;
};

/* repeated sint32 list = 2; */
struct list {
    struct {
        int32_t *at;
        size_t count;
    } list;
    struct atoll_unknown *unknown;
};

/* M inner = 3; */
struct inner {
    struct m *inner;
    struct atoll_unknown *unknown;
};

static const struct atoll_field_name names[] = {{0, 0, 1, 1}};

#define DESC(s, count, f, t, options)                                                              \
    {.size = sizeof(struct atoll_message_desc),                                                    \
     .struct_size = sizeof(struct s),                                                              \
     .field_count = (count),                                                                       \
     .unknown_offset = offsetof(struct s, unknown),                                                \
     .flags = (options),                                                                           \
     .fields = (f),                                                                                \
     .types = (t),                                                                                 \
     .names = names,                                                                               \
     .text = "f",                                                                                  \
     .full_name = #s}

static const struct atoll_field_desc m_fields[] = {
    {1 << 3, offsetof(struct m, id), 0, 0, ATOLL_KIND(IMPLICIT, INT32), 0}};
static const struct atoll_message_desc m_desc = DESC(m, 1, m_fields, NULL, 0);
static const struct atoll_message_desc set_desc = DESC(m, 0, m_fields, NULL, ATOLL_MESSAGE_SET);
static const struct atoll_field_desc list_fields[] = {
    {2 << 3, offsetof(struct list, list), 0, 0, ATOLL_KIND(REPEATED, SINT32), 0}};
static const struct atoll_message_desc list_desc = DESC(list, 1, list_fields, NULL, 0);
static const union atoll_type_ref types[] = {{.message = &m_desc}};
static const struct atoll_field_desc inner_fields[] = {
    {3 << 3 | 2, offsetof(struct inner, inner), 0, 0, ATOLL_KIND(IMPLICIT, MESSAGE), 0}};
static const struct atoll_message_desc inner_desc = DESC(inner, 1, inner_fields, types, 0);

static const struct atoll_extension_desc extensions[] = {
    {sizeof(struct atoll_extension_desc), 0, &m_desc, &list_desc},
    {sizeof(struct atoll_extension_desc), 0, &m_desc, &inner_desc},
    {sizeof(struct atoll_extension_desc), 0, &set_desc, &inner_desc},
};

static struct at_bytes encode(const struct atoll_message_desc *desc, const void *message,
                              struct at_arena *arena)
{
    struct at_bytes out = {0};

    MUST(at_pb_encode_in_arena(desc, message, arena, &out) == 0);
    return out;
}

static void try_extension(const struct atoll_extension_desc *x, struct at_bytes in,
                          struct at_arena *arena)
{
    union {
        struct list list;
        struct inner inner;
    } holder, again;
    struct at_bytes bytes;
    struct at_bytes rest;
    struct m m;
    bool had;

    if (at_pb_decode(x->extendee, in, arena, &m, NULL) != 0) {
        return;
    }
    had = at_pb_extension_has(x, &m);
    if (at_pb_extension_get(x, &m, arena, &holder, NULL) != 0) {
        MUST(had);
        return;
    }
    bytes = encode(x->holder, &holder, arena);
    MUST(had || bytes.len == 0);
    MUST(at_pb_extension_set(x, &m, arena, &holder) == 0);
    MUST(at_pb_extension_has(x, &m) == (bytes.len > 0));
    MUST(at_pb_extension_get(x, &m, arena, &again, NULL) == 0);
    MUST(at_bytes_equal(encode(x->holder, &again, arena), bytes));
    MUST(at_pb_extension_clear(x, &m, arena) == 0 && !at_pb_extension_has(x, &m));
    rest = encode(x->extendee, &m, arena);
    MUST(at_pb_extension_set(x, &m, arena, &holder) == 0);
    MUST(at_pb_extension_clear(x, &m, arena) == 0);
    MUST(at_bytes_equal(encode(x->extendee, &m, arena), rest));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
        struct at_arena arena;

        at_arena_init(&arena, 4096, ARENA_MAX);
        try_extension(&extensions[i], at_bytes_over(data, size), &arena);
        at_arena_deinit(&arena);
    }
    return 0;
}
