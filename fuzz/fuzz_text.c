/*
 * The protobuf text format. Properties: what was read prints, on one line and on several, and both
 * are read back to a message that prints the same text and is as long on the wire; what is refused
 * says why, at a place in the text; a message from the wire prints, unknown fields included, and
 * without them is read back.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "any.atoll.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "everything.atoll.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json_message.h"
#include "pb/pbtext.h"
#include "two.atoll.h"

#define MUST(expr)                                                                                 \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { ARENA_MAX = 64 << 20 };

static const struct atoll_message_desc *const types[] = {
    &test_v1_Everything_desc,
    &test_v1_Two_desc,
    &test_v1_Scope_desc,
    &google_protobuf_Any_desc,
};

static const struct atoll_message_desc *find(void *ctx, struct at_bytes name)
{
    (void)ctx;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (at_bytes_equal(name, at_bytes_of(types[i]->full_name))) {
            return types[i];
        }
    }
    return NULL;
}

static const struct at_json_types known = {.find = find};

static void *message_of(const struct atoll_message_desc *desc, struct at_arena *arena)
{
    void *message = at_arena_zalloc(arena, 1, desc->struct_size);

    MUST(message != NULL);
    return message;
}

/*
 * Printed, read and printed again: the same text. Returns how long the message is on the wire; 0
 * also when Anys nest it deeper than can be printed.
 */
static size_t settle(const struct atoll_message_desc *desc, const void *message, uint32_t flags,
                     struct at_arena *arena)
{
    struct at_pbtext_how how = {.flags = flags, .types = &known};
    void *back = message_of(desc, arena);
    struct at_text first;
    struct at_text second;
    size_t size;
    int r;

    at_text_init(&first);
    at_text_init(&second);
    r = at_pbtext_write(&how, desc, message, &first);
    if (r != 0) {
        MUST(r == AT_PBTEXT_BAD_VALUE);
        at_text_deinit(&first);
        return 0;
    }
    MUST(at_pbtext_read(&how, desc, at_text_bytes(&first), arena, back) == 0);
    MUST(at_pbtext_write(&how, desc, back, &second) == 0);
    MUST(at_bytes_equal(at_text_bytes(&first), at_text_bytes(&second)));
    MUST(at_pb_size(desc, back, &size) == 0);
    at_text_deinit(&second);
    at_text_deinit(&first);
    return size;
}

static void try_text(const struct atoll_message_desc *desc, struct at_bytes in)
{
    struct at_pb_fault fault = {0};
    struct at_pbtext_how how = {.types = &known, .fault = &fault};
    struct at_arena arena;
    void *message;
    size_t size;
    int r;

    at_arena_init(&arena, 4096, ARENA_MAX);
    message = message_of(desc, &arena);
    r = at_pbtext_read(&how, desc, in, &arena, message);
    if (r > 0) {
        MUST(fault.what[0] != '\0' && fault.offset <= in.len && fault.line > 0 && fault.col > 0);
    }
    if (r == 0) {
        MUST(at_pb_size(desc, message, &size) == 0);
        MUST(settle(desc, message, 0, &arena) == settle(desc, message, AT_PBTEXT_ONE_LINE, &arena));
    }
    at_arena_deinit(&arena);
}

static void try_wire(const struct atoll_message_desc *desc, struct at_bytes in)
{
    struct at_pbtext_how how = {.flags = AT_PBTEXT_UNKNOWN};
    struct at_arena arena;
    struct at_text text;
    void *message;

    at_arena_init(&arena, 4096, ARENA_MAX);
    message = message_of(desc, &arena);
    if (at_pb_decode(desc, in, &arena, message, NULL) == 0) {
        at_text_init(&text);
        MUST(at_pbtext_write(&how, desc, message, &text) == 0);
        at_text_deinit(&text);
        MUST(settle(desc, message, 0, &arena) == settle(desc, message, AT_PBTEXT_ONE_LINE, &arena));
    }
    at_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct at_bytes in = at_bytes_over(data, size);

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        try_text(types[i], in);
        try_wire(types[i], in);
    }
    return 0;
}
