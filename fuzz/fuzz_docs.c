/*
 * What is written about a descriptor set. Properties: of every set that loads there is an OpenAPI
 * document, which is JSON and has no control character outside of escapes; every declaration can be
 * shown, with the names of options or without; and reflection finds the file of every symbol, of
 * every extension and of every name of a file, and sends it as it came. The other bytes of the
 * input are a question to reflection: it is answered or refused, and the answer can be read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "contract/describe.h"
#include "contract/openapi.h"
#include "contract/reflection.h"
#include "contract/set.h"
#include "pb/codec.h"
#include "pb/json.h"
#include "pb/pool.h"
#include "reflection_messages.atoll.h"

#define MUST(expr)                                                                                 \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { ARENA_MAX = 256 << 20, QUESTION = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_document(const struct at_set *set, struct at_arena *arena)
{
    struct at_openapi_service *services =
        at_arena_zalloc(arena, set->symbol_count + 1, sizeof(*services));
    struct at_openapi in = {.services = services, .title = "t"};
    struct at_json_reader reader;
    struct at_json_token token;
    struct at_json_writer w;
    struct at_text text;
    size_t left_out = 0;

    MUST(services != NULL);
    for (size_t i = 0; i < set->symbol_count; i++) {
        if (set->symbols[i].kind == AT_SET_SERVICE) {
            services[in.service_count++] =
                (struct at_openapi_service){.set = set, .service = &set->symbols[i]};
        }
    }
    at_text_init(&text);
    at_json_writer_init(&w, &text, 2);
    MUST(at_openapi_write(&in, arena, &w, &left_out) == 0);
    at_json_reader_init(&reader, at_text_bytes(&text));
    MUST(at_json_next(&reader, &token) == AT_JSON_OBJECT);
    MUST(at_json_skip(&reader, &token));
    MUST(at_json_next(&reader, &token) == AT_JSON_END);
    at_text_deinit(&text);
}

static void show_all(const struct at_set *set, const struct at_pool *pool, struct at_arena *arena)
{
    struct at_describer d = {.set = set, .pool = pool, .arena = arena};
    struct at_text text;

    at_text_init(&text);
    for (size_t i = 0; i < set->symbol_count && i < 64; i++) {
        at_text_clear(&text);
        MUST(at_describe(&d, &set->symbols[i], &text) == 0);
        MUST(text.len > 0 && text.at[text.len - 1] == '\n');
    }
    at_text_deinit(&text);
}

static void ask(const struct at_reflection *r, struct at_arena *arena,
                const struct grpc_reflection_v1_ServerReflectionRequest *request,
                const struct at_set_file *file)
{
    struct grpc_reflection_v1_ServerReflectionResponse out;
    const struct atoll_str *first;
    struct at_bytes bytes;

    MUST(at_pb_encode_in_arena(&grpc_reflection_v1_ServerReflectionRequest_desc, request, arena,
                               &bytes) == 0);
    MUST(at_reflection_answer(r, bytes, arena, &bytes) == 0);
    MUST(at_pb_decode(&grpc_reflection_v1_ServerReflectionResponse_desc, bytes, arena, &out,
                      NULL) == 0);
    MUST(out.message_response_case ==
         grpc_reflection_v1_ServerReflectionResponse_file_descriptor_response_number);
    MUST(out.message_response.file_descriptor_response->file_descriptor_proto.count > 0);
    first = out.message_response.file_descriptor_response->file_descriptor_proto.at;
    MUST(at_bytes_equal(at_bytes_over(first->at, first->len), file->bytes));
}

static void reflect(const struct at_set *set, struct at_bytes question, struct at_arena *arena)
{
    struct grpc_reflection_v1_ServerReflectionResponse out;
    struct at_reflection r;
    struct at_bytes answer;
    int result;

    MUST(at_reflection_init(&r, set, NULL, 0, arena) == 0);
    for (size_t i = 0; i < set->symbol_count && i < 64; i++) {
        struct grpc_reflection_v1_ServerReflectionRequest q = {.message_request_case = 4};
        const char *name = set->symbols[i].full_name;

        q.message_request.file_containing_symbol = (struct atoll_str){name, strlen(name)};
        ask(&r, arena, &q, set->symbols[i].file);
    }
    for (size_t i = 0; i < set->file_count && i < 16; i++) {
        struct grpc_reflection_v1_ServerReflectionRequest q = {.message_request_case = 3};

        q.message_request.file_by_filename = set->files[i].proto->name;
        ask(&r, arena, &q, &set->files[i]);
    }
    result = at_reflection_answer(&r, question, arena, &answer);
    MUST(result == 0 || result == AT_REFLECTION_MALFORMED);
    if (result == 0) {
        MUST(at_pb_decode(&grpc_reflection_v1_ServerReflectionResponse_desc, answer, arena, &out,
                          NULL) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct at_bytes question = at_bytes_over(data, size < QUESTION ? size : QUESTION);
    struct at_bytes bytes = at_bytes_after(at_bytes_over(data, size), QUESTION);
    struct at_arena arena;
    struct at_diag diag;
    struct at_set set;

    at_arena_init(&arena, 1 << 16, ARENA_MAX);
    if (at_set_load(&arena, bytes, &set, &diag) == 0) {
        struct at_pool *pool = at_pool_new();

        MUST(pool != NULL);
        write_document(&set, &arena);
        show_all(&set, at_pool_add(pool, bytes, &diag) == 0 ? pool : NULL, &arena);
        reflect(&set, question, &arena);
        (void)at_pool_free(pool);
    }
    at_arena_deinit(&arena);
    return 0;
}
