/*
 * JSON. Properties: what the tokenizer accepts can be written again, the writing is accepted and
 * writes the same (so both agree on the meaning); a message read from JSON is the same after a trip
 * through JSON, in whatever dress, and after one through protobuf; an error has a place inside of
 * the text. Any, Struct and the like too; and the canonical text of a message is one text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "any.atoll.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "duration.atoll.h"
#include "empty.atoll.h"
#include "everything.atoll.h"
#include "forms.atoll.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "struct.atoll.h"
#include "wrappers.atoll.h"

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

static const struct atoll_message_desc *find(void *ctx, struct at_bytes name)
{
    static const struct atoll_message_desc *const known[] = {
        &test_v1_Everything_desc,         &test_forms_v1_Forms_desc,    &google_protobuf_Any_desc,
        &google_protobuf_Duration_desc,   &google_protobuf_Struct_desc, &google_protobuf_Value_desc,
        &google_protobuf_Int32Value_desc, &google_protobuf_Empty_desc,
    };

    (void)ctx;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (at_bytes_equal(at_bytes_of(known[i]->full_name), name)) {
            return known[i];
        }
    }
    return NULL;
}

static const struct at_json_types types = {find, NULL};

/* Also with options that change the text: then the text is JSON all the same. */
static void print(const struct atoll_message_desc *desc, const void *message, uint32_t flags,
                  uint32_t indent, struct at_text *out)
{
    struct at_json_how how = {.flags = flags, .types = &types};
    struct at_json_writer w;
    struct at_text again;

    at_text_init(out);
    at_json_writer_init(&w, out, indent);
    MUST(at_json_write_message(&how, desc, message, &w) == 0);
    MUST(rewrite(at_text_bytes(out), &again, indent));
    MUST(at_bytes_equal(at_text_bytes(out), at_text_bytes(&again)));
    at_text_deinit(&again);
}

/* What is read from this text prints as that text, straight and after a trip through protobuf. */
static void check_same(const struct atoll_message_desc *desc, struct at_bytes json,
                       struct at_bytes expected, struct at_arena *arena)
{
    struct at_json_how how = {.types = &types};
    void *message = at_arena_zalloc(arena, 1, desc->struct_size);
    struct at_bytes wire;
    struct at_text text;

    MUST(message != NULL);
    MUST(at_json_read_message(&how, desc, json, arena, message) == 0);
    print(desc, message, 0, 0, &text);
    MUST(at_bytes_equal(at_text_bytes(&text), expected));
    at_text_deinit(&text);
    MUST(at_pb_encode_in_arena(desc, message, arena, &wire) == 0);
    MUST(at_pb_decode(desc, wire, arena, message, NULL) == 0);
    print(desc, message, 0, 0, &text);
    MUST(at_bytes_equal(at_text_bytes(&text), expected));
    at_text_deinit(&text);
}

static void try_message(const struct atoll_message_desc *desc, struct at_bytes in, uint32_t flags)
{
    struct at_pb_fault fault;
    struct at_json_how how = {.flags = flags, .types = &types, .fault = &fault};
    struct at_arena arena;
    struct at_text first;
    struct at_text pretty;
    void *message;
    int r;

    at_arena_init(&arena, 4096, ARENA_MAX);
    message = at_arena_zalloc(&arena, 1, desc->struct_size);
    MUST(message != NULL);
    r = at_json_read_message(&how, desc, in, &arena, message);
    if (r > 0) {
        MUST(fault.offset <= in.len && fault.line > 0 && fault.col > 0 && fault.what[0] != '\0');
    }
    if (r == 0) {
        print(desc, message, 0, 0, &first);
        print(desc, message, AT_JSON_ORIGINAL_NAMES | AT_JSON_ENUM_NUMBERS | AT_JSON_PRINT_DEFAULTS,
              2, &pretty);
        check_same(desc, at_text_bytes(&first), at_text_bytes(&first), &arena);
        check_same(desc, at_text_bytes(&pretty), at_text_bytes(&first), &arena);
        at_text_deinit(&first);
        at_text_deinit(&pretty);
    }
    at_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct at_bytes in = at_bytes_over(data, size);

    try_tokens(in);
    try_message(&test_v1_Everything_desc, in, 0);
    try_message(&test_v1_Everything_desc, in, AT_JSON_IGNORE_UNKNOWN);
    try_message(&test_forms_v1_Forms_desc, in, 0);
    try_message(&google_protobuf_Value_desc, in, 0);
    return 0;
}
