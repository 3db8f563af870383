/*
 * The protobuf text format. Properties: what was read prints, on one line and on several, and both
 * are read back to a message of the same length that prints the same text; what is refused says why,
 * at a place in the text;
 * a message from the wire prints, unknown fields included, and without them is read back.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "everything.atoll.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json_message.h"
#include "pb/pbtext.h"

#define MUST(expr)                                                                                 \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#define ALL (&test_v1_Everything_desc)

enum { ARENA_MAX = 64 << 20 };

/* Printed, read and printed again: the same text. Returns how long the message is on the wire. */
static size_t settle(const void *message, uint32_t flags, struct at_arena *arena)
{
    struct at_pbtext_how how = {.flags = flags};
    struct test_v1_Everything back;
    struct at_text first;
    struct at_text second;
    size_t size;

    at_text_init(&first);
    at_text_init(&second);
    MUST(at_pbtext_write(&how, ALL, message, &first) == 0);
    MUST(at_pbtext_read(&how, ALL, at_text_bytes(&first), arena, &back) == 0);
    MUST(at_pbtext_write(&how, ALL, &back, &second) == 0);
    MUST(at_bytes_equal(at_text_bytes(&first), at_text_bytes(&second)));
    MUST(at_pb_size(ALL, &back, &size) == 0);
    at_text_deinit(&second);
    at_text_deinit(&first);
    return size;
}

static void try_text(struct at_bytes in)
{
    struct at_pb_fault fault = {0};
    struct at_pbtext_how how = {.fault = &fault};
    struct test_v1_Everything m;
    struct at_arena arena;
    size_t size;
    int r;

    at_arena_init(&arena, 4096, ARENA_MAX);
    r = at_pbtext_read(&how, ALL, in, &arena, &m);
    if (r > 0) {
        MUST(fault.what[0] != '\0' && fault.offset <= in.len && fault.line > 0 && fault.col > 0);
    }
    if (r == 0) {
        MUST(at_pb_size(ALL, &m, &size) == 0);
        MUST(size == settle(&m, 0, &arena));
        MUST(size == settle(&m, AT_PBTEXT_ONE_LINE, &arena));
    }
    at_arena_deinit(&arena);
}

static void try_wire(struct at_bytes in)
{
    struct at_pbtext_how how = {.flags = AT_PBTEXT_UNKNOWN};
    struct test_v1_Everything m;
    struct at_arena arena;
    struct at_text text;

    at_arena_init(&arena, 4096, ARENA_MAX);
    if (at_pb_decode(ALL, in, &arena, &m, NULL) == 0) {
        at_text_init(&text);
        MUST(at_pbtext_write(&how, ALL, &m, &text) == 0);
        at_text_deinit(&text);
        MUST(settle(&m, 0, &arena) == settle(&m, AT_PBTEXT_ONE_LINE, &arena));
    }
    at_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct at_bytes in = at_bytes_over(data, size);

    try_text(in);
    try_wire(in);
    return 0;
}
