/*
 * JSON. Properties: what the tokenizer accepts can be written again, the writing is accepted and
 * writes the same (so both agree on the meaning); a message read from JSON is the same after a trip
 * through JSON and after one through protobuf; an error has a place inside of the text.
 */
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
#include "pb/json.h"
#include "pb/json_message.h"

#define MUST(expr)                                                                                 \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { ARENA_MAX = 64 << 20 };

static void write_token(struct at_json_writer *w, const struct at_json_token *token)
{
    uint8_t *plain = malloc(token->text.len + 1);
    struct at_bytes text = token->text;

    if ((token->kind == AT_JSON_KEY || token->kind == AT_JSON_STRING) && token->escaped) {
        text = at_bytes_over(plain, at_json_unescape(token, plain));
        MUST(text.len <= token->text.len && at_bytes_is_utf8(text));
    }
    switch (token->kind) {
    case AT_JSON_OBJECT: at_json_begin_object(w); break;
    case AT_JSON_OBJECT_END: at_json_end_object(w); break;
    case AT_JSON_ARRAY: at_json_begin_array(w); break;
    case AT_JSON_ARRAY_END: at_json_end_array(w); break;
    case AT_JSON_KEY: at_json_key_bytes(w, text); break;
    case AT_JSON_STRING: at_json_string(w, text); break;
    case AT_JSON_NUMBER: at_json_raw(w, text); break;
    case AT_JSON_TRUE: at_json_bool(w, true); break;
    case AT_JSON_FALSE: at_json_bool(w, false); break;
    case AT_JSON_NULL: at_json_null(w); break;
    case AT_JSON_END:
    case AT_JSON_ERROR: abort();
    }
    free(plain);
}

/* Reads and writes again; false: not JSON. */
static bool rewrite(struct at_bytes in, struct at_text *out, uint32_t indent)
{
    struct at_json_reader r;
    struct at_json_token token;
    struct at_json_writer w;
    int line;
    int col;

    at_text_init(out);
    at_json_writer_init(&w, out, indent);
    at_json_reader_init(&r, in);
    while (at_json_next(&r, &token) != AT_JSON_END) {
        if (token.kind == AT_JSON_ERROR) {
            MUST(r.token_at >= r.start && r.token_at <= r.end && r.wrong != NULL);
            at_json_place(&r, &line, &col);
            MUST(line > 0 && col > 0);
            return false;
        }
        write_token(&w, &token);
    }
    return true;
}

static void try_tokens(struct at_bytes in)
{
    struct at_text first;
    struct at_text pretty;
    struct at_text second;

    if (rewrite(in, &first, 0)) {
        MUST(rewrite(at_text_bytes(&first), &pretty, 3));
        MUST(rewrite(at_text_bytes(&pretty), &second, 0));
        MUST(at_bytes_equal(at_text_bytes(&first), at_text_bytes(&second)));
        at_text_deinit(&pretty);
        at_text_deinit(&second);
    }
    at_text_deinit(&first);
}

static void print(const void *message, uint32_t flags, struct at_text *out)
{
    struct at_json_writer w;

    at_text_init(out);
    at_json_writer_init(&w, out, 0);
    MUST(at_json_from_message(&test_v1_Everything_desc, message, flags, &w) == 0);
}

static void try_message(struct at_bytes in, uint32_t flags)
{
    const struct atoll_message_desc *desc = &test_v1_Everything_desc;
    struct test_v1_Everything a;
    struct test_v1_Everything b;
    struct at_pb_fault fault;
    struct at_arena arena;
    struct at_bytes wire;
    struct at_text first;
    struct at_text second;
    int r;

    at_arena_init(&arena, 4096, ARENA_MAX);
    r = at_json_to_message(desc, in, flags, &arena, &a, &fault);
    if (r > 0) {
        MUST(fault.offset <= in.len && fault.line > 0 && fault.col > 0 && fault.what[0] != '\0');
    }
    if (r == 0) {
        print(&a, 0, &first);
        MUST(at_json_to_message(desc, at_text_bytes(&first), 0, &arena, &b, NULL) == 0);
        print(&b, 0, &second);
        MUST(at_bytes_equal(at_text_bytes(&first), at_text_bytes(&second)));
        at_text_deinit(&second);
        MUST(at_pb_encode_in_arena(desc, &a, &arena, &wire) == 0);
        MUST(at_pb_decode(desc, wire, &arena, &b, NULL) == 0);
        print(&b, 0, &second);
        MUST(at_bytes_equal(at_text_bytes(&first), at_text_bytes(&second)));
        at_text_deinit(&second);
        at_text_deinit(&first);
    }
    at_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct at_bytes in = at_bytes_over(data, size);

    try_tokens(in);
    try_message(in, 0);
    try_message(in, AT_JSON_IGNORE_UNKNOWN);
    return 0;
}
