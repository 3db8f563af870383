/*
 * The protobuf codec, and the pool that builds tables from descriptors. Properties: what decodes
 * encodes, to exactly the size that was said, and decoding that gives the same bytes again; cutting
 * the input in two at a field and merging the halves gives what the whole gives; generated and
 * dynamic tables agree; its JSON is read back to the same bytes when it had no unknown fields.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "everything.atoll.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/pool.h"

#define MUST(expr)                                                                                 \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#define ALL (&test_v1_Everything_desc)

enum { ARENA_MAX = 64 << 20 };

static struct at_bytes encode(const struct atoll_message_desc *desc, const void *message,
                              struct at_arena *arena)
{
    struct at_bytes wire;
    size_t size;

    MUST(at_pb_size(desc, message, &size) == 0);
    MUST(at_pb_encode_in_arena(desc, message, arena, &wire) == 0);
    MUST(wire.len == size);
    return wire;
}

static void try_json(const struct test_v1_Everything *m, struct at_bytes wire,
                     struct at_arena *arena)
{
    struct test_v1_Everything back;
    struct at_text text;
    struct at_json_writer w;
    struct at_text again;

    at_text_init(&text);
    at_json_writer_init(&w, &text, 0);
    MUST(at_json_from_message(ALL, m, 0, &w) == 0);
    MUST(at_json_to_message(ALL, at_text_bytes(&text), 0, arena, &back, NULL) == 0);
    at_text_init(&again);
    at_json_writer_init(&w, &again, 0);
    MUST(at_json_from_message(ALL, &back, 0, &w) == 0);
    MUST(at_bytes_equal(at_text_bytes(&text), at_text_bytes(&again)));
    at_text_deinit(&again);
    at_text_deinit(&text);
    (void)wire;
}

static void try_dynamic(struct at_bytes in, int expected, struct at_bytes wire)
{
    static struct at_pool *pool;
    const struct atoll_message_desc *desc;
    struct at_arena arena;
    void *message;
    int r;

    if (pool == NULL) {
        pool = at_pool_new();
        MUST(at_pool_add(pool,
                         at_bytes_over(test_v1_EverythingService_desc.contract,
                                       test_v1_EverythingService_desc.contract_len),
                         NULL) == 0);
    }
    desc = at_pool_message(pool, AT_LIT("test.v1.Everything"));
    at_arena_init(&arena, 4096, ARENA_MAX);
    message = at_arena_zalloc(&arena, 1, desc->struct_size);
    r = at_pb_decode(desc, in, &arena, message, NULL);
    MUST(r == expected);
    if (r == 0) {
        MUST(at_bytes_equal(encode(desc, message, &arena), wire));
    }
    at_arena_deinit(&arena);
}

/* The first field alone, then the rest: the same as both at once. */
static void try_split(struct at_bytes in, struct at_bytes wire, struct at_arena *arena)
{
    struct test_v1_Everything halves;

    for (size_t cut = 1; cut < in.len && cut < 16; cut++) {
        if (at_pb_decode(ALL, at_bytes_before(in, cut), arena, &halves, NULL) == 0) {
            if (at_pb_merge(ALL, at_bytes_after(in, cut), arena, &halves, NULL) == 0) {
                MUST(at_bytes_equal(encode(ALL, &halves, arena), wire));
            }
            return;
        }
    }
}

static void try_message(struct at_bytes in)
{
    struct test_v1_Everything a;
    struct test_v1_Everything b;
    struct at_pb_fault fault;
    struct at_arena arena;
    struct at_bytes wire = {0};
    int r;

    at_arena_init(&arena, 4096, ARENA_MAX);
    r = at_pb_decode(ALL, in, &arena, &a, &fault);
    if (r > 0) {
        MUST(fault.offset <= in.len && fault.what[0] != '\0');
    }
    if (r == 0) {
        wire = encode(ALL, &a, &arena);
        MUST(at_pb_decode(ALL, wire, &arena, &b, NULL) == 0);
        MUST(at_bytes_equal(encode(ALL, &b, &arena), wire));
        try_split(in, wire, &arena);
        try_json(&a, wire, &arena);
    }
    if (r >= 0) {
        try_dynamic(in, r, wire);
    }
    at_arena_deinit(&arena);
}

static void try_pool(struct at_bytes in)
{
    struct at_pool *pool = at_pool_new();
    struct at_diag diag = {0};
    int r = at_pool_add(pool, in, &diag);

    MUST(r == 0 || r == -12 || diag.what[0] != '\0');
    if (r == 0) {
        const struct at_pool_service *s;

        for (size_t i = 0; (s = at_pool_service_at(pool, i)) != NULL; i++) {
            MUST(at_pool_find_service(pool, at_bytes_of(s->full_name)) == s);
            for (size_t j = 0; j < s->method_count; j++) {
                MUST(s->methods[j].input != NULL && s->methods[j].output != NULL);
            }
        }
    }
    at_pool_free(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct at_bytes in = at_bytes_over(data, size);

    try_message(in);
    try_pool(in);
    return 0;
}
