/*
 * The pool on descriptor sets. Input: two bytes, the length of a set; the set; bytes for a message.
 *
 * Properties of a set that is taken: its tables keep every promise of message.h (fields ascend and
 * are found by number and by their names; places lie within the struct and do not meet, but for
 * members of a oneof); to add it again changes nothing; its files added one by one make the same
 * tables, if each can be taken before the next; an empty message encodes to nothing. For
 * the first types: what decodes encodes, to bytes that decode to the same; deterministic encoding
 * gives the same bytes twice.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "pb/codec.h"
#include "pb/descriptor.h"
#include "pb/pool.h"
#include "pb/table.h"

#define MUST(expr)                                                                                 \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { ARENA_MAX = 16 << 20, TYPES_MAX = 32, STRUCT_MAX = 1 << 16 };

/* Marks bytes of a struct as taken. */
static void take(uint8_t *map, const struct atoll_message_desc *desc, uint32_t at, size_t size)
{
    MUST(at <= desc->struct_size && size <= desc->struct_size - at);
    for (size_t i = 0; i < size; i++) {
        MUST(map[at + i] == 0);
        map[at + i] = 1;
    }
}

static void judge_places(const struct atoll_message_desc *desc)
{
    static uint8_t map[STRUCT_MAX];

    if (desc->struct_size > sizeof(map)) {
        return;
    }
    memset(map, 0, desc->struct_size);
    take(map, desc, desc->unknown_offset, sizeof(struct atoll_unknown *));
    for (size_t i = 0; i < desc->field_count; i++) {
        const struct atoll_field_desc *f = at_pb_field(desc, i);
        size_t size =
            at_pb_is_repeated(f) ? sizeof(struct at_pb_array) : at_pb_scalar_size(at_pb_type(f));

        MUST(f->offset % (size < 8 ? size : 8) == 0);
        if (at_pb_form(f) == ATOLL_FORM_ONEOF) {
            MUST(f->offset + size <= desc->struct_size && f->presence % 4 == 0);
            MUST(f->presence + 4 <= desc->struct_size);
            continue;
        }
        take(map, desc, f->offset, size);
        if (at_pb_form(f) == ATOLL_FORM_OPTIONAL) {
            take(map, desc, f->presence, sizeof(bool));
        }
    }
}

static void judge_fields(const struct atoll_message_desc *desc)
{
    uint32_t before = 0;

    MUST(desc->dense_count <= desc->field_count);
    for (size_t i = 0; i < desc->field_count; i++) {
        const struct atoll_field_desc *f = at_pb_field(desc, i);
        struct at_bytes name = at_pb_name(desc, f);

        MUST(at_pb_number(f) > before);
        before = at_pb_number(f);
        MUST(at_pb_field_by_number(desc, before) == f && at_pb_index(desc, f) == i);
        MUST(name.len > 0 && name.at[name.len] == '\0');
        MUST(at_pb_field_by_name(desc, name) != NULL);
        MUST(at_pb_field_by_name(desc, at_pb_json_name(desc, f)) != NULL);
        MUST(at_pb_form(f) <= ATOLL_FORM_MAP && at_pb_type(f) >= 1 && at_pb_type(f) <= 18);
        if (at_pb_is_message(f)) {
            MUST(at_pb_sub(desc, f)->full_name[0] != '\0');
        }
        MUST(!at_pb_is_map(f) ||
             (at_pb_sub(desc, f)->field_count == 2 && at_pb_sub(desc, f)->dense_count == 2));
        MUST(at_pb_type(f) != ATOLL_TYPE_ENUM || at_pb_enum_of(desc, f)->value_count > 0);
        MUST(at_pb_field_by_number(desc, before + 1) == NULL || i + 1 < desc->field_count);
    }
}

static bool is_ok(int result)
{
    return result == 0 || result == -ENOMEM || result == AT_PB_MISSING;
}

static void judge_empty(const struct atoll_message_desc *desc, struct at_arena *arena)
{
    void *m = at_arena_alloc(arena, desc->struct_size, 8);
    struct at_bytes out = {0};
    int r;

    if (m == NULL) {
        return;
    }
    at_pb_init(desc, m);
    r = at_pb_encode_in_arena(desc, m, arena, &out);
    MUST(is_ok(r));
    /* Entries of maps always go out with both their fields. */
    MUST(r != 0 || out.len == 0 || (desc->flags & ATOLL_MESSAGE_MAP_ENTRY) != 0);
}

static void try_message(const struct atoll_message_desc *desc, struct at_bytes in,
                        struct at_arena *arena)
{
    void *m = at_arena_alloc(arena, desc->struct_size, 8);
    struct at_bytes first = {0};
    struct at_bytes again = {0};
    int r;

    if (m == NULL || at_pb_decode(desc, in, arena, m, NULL) != 0) {
        return;
    }
    r = at_pb_encode_in_arena(desc, m, arena, &first);
    MUST(is_ok(r) && r != AT_PB_MISSING); /* decoding would have said so */
    if (r != 0 || at_pb_decode(desc, first, arena, m, NULL) == -ENOMEM ||
        at_pb_encode_in_arena(desc, m, arena, &again) == -ENOMEM) {
        return;
    }
    MUST(at_bytes_equal(first, again));
    if (at_pb_encode_sorted(desc, m, arena, &first) == 0 &&
        at_pb_encode_sorted(desc, m, arena, &again) == 0) {
        MUST(at_bytes_equal(first, again));
    }
}

static bool is_same_field(const struct atoll_message_desc *of_a, const struct atoll_field_desc *a,
                          const struct atoll_message_desc *of_b, const struct atoll_field_desc *b)
{
    return a->tag == b->tag && a->kind == b->kind && a->flags == b->flags && a->of == b->of &&
           a->offset == b->offset && a->presence == b->presence &&
           at_bytes_equal(at_pb_name(of_a, a), at_pb_name(of_b, b)) &&
           at_bytes_equal(at_pb_json_name(of_a, a), at_pb_json_name(of_b, b)) &&
           (!at_pb_is_message(a) ||
            strcmp(at_pb_sub(of_a, a)->full_name, at_pb_sub(of_b, b)->full_name) == 0);
}

static void judge_same(const struct at_pool *pool, const struct at_pool *other)
{
    const struct atoll_message_desc *a = NULL;

    while ((a = at_pool_next_message(pool, a)) != NULL) {
        const struct atoll_message_desc *b = at_pool_message(other, at_bytes_of(a->full_name));

        MUST(b != NULL && a->struct_size == b->struct_size && a->field_count == b->field_count);
        MUST(a->flags == b->flags && (a->initial == NULL) == (b->initial == NULL));
        for (size_t i = 0; i < a->field_count; i++) {
            MUST(is_same_field(a, at_pb_field(a, i), b, at_pb_field(b, i)));
        }
    }
}

/* Each file as a set of its own. */
static void try_in_pieces(const struct at_pool *pool, struct at_bytes set)
{
    struct at_pool *other = at_pool_new();
    struct at_proto_file_set files;
    struct at_arena arena;
    int r;

    at_arena_init(&arena, 4096, ARENA_MAX);
    r = at_pb_decode(&at_proto_file_set_desc, set, &arena, &files, NULL);
    for (size_t i = 0; r == 0 && i < files.files.count; i++) {
        struct at_proto_file_set one = {.files = {&files.files.at[i], 1}};
        struct at_bytes bytes = {0};

        r = at_pb_encode_in_arena(&at_proto_file_set_desc, &one, &arena, &bytes);
        r = r == 0 ? at_pool_add(other, bytes, NULL) : r;
    }
    if (r == 0) {
        judge_same(pool, other);
        judge_same(other, pool);
    }
    at_arena_deinit(&arena);
    at_pool_free(other);
}

static void judge(struct at_pool *pool, struct at_bytes set, struct at_bytes message)
{
    const struct atoll_message_desc *desc = NULL;
    struct at_diag diag = {0};
    size_t n = 0;

    while ((desc = at_pool_next_message(pool, desc)) != NULL && n++ < TYPES_MAX) {
        struct at_arena arena;

        MUST(at_pool_message(pool, at_bytes_of(desc->full_name)) == desc);
        judge_fields(desc);
        judge_places(desc);
        at_arena_init(&arena, 4096, ARENA_MAX);
        judge_empty(desc, &arena);
        try_message(desc, message, &arena);
        at_arena_deinit(&arena);
    }
    try_in_pieces(pool, set);
    MUST(at_pool_add(pool, set, &diag) != -EBADMSG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct at_diag diag = {0};
    struct at_pool *pool;
    size_t len;
    int r;

    if (size < 2) {
        return 0;
    }
    len = (size_t)data[0] << 8 | data[1];
    len = len < size - 2 ? len : size - 2;
    pool = at_pool_new();
    r = at_pool_add(pool, at_bytes_over(data + 2, len), &diag);
    MUST(r == 0 || r == -ENOMEM || (r == -EBADMSG && diag.what[0] != '\0'));
    if (r == 0) {
        judge(pool, at_bytes_over(data + 2, len), at_bytes_over(data + 2 + len, size - 2 - len));
    }
    at_pool_free(pool);
    return 0;
}
