#include "answer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/codec.h>
#include <atoll/message.h>

#include "any.atoll.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "conformance.atoll.h"
#include "duration.atoll.h"
#include "field_mask.atoll.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/pbtext.h"
#include "pb/pool.h"
#include "struct.atoll.h"
#include "test_messages_proto2.atoll.h"
#include "test_messages_proto3.atoll.h"
#include "timestamp.atoll.h"
#include "wrappers.atoll.h"

#define REQUEST(member) conformance_ConformanceRequest_##member##_payload_number
#define RESULT(member) conformance_ConformanceResponse_##member##_number

enum { SET_MAX = 1 << 20 };

/* One test on its way through. */
struct question {
    struct answerer *answerer;
    const struct conformance_ConformanceRequest *asked;
    const struct atoll_message_desc *desc;
    void *message;
    struct at_arena *arena;
    struct atoll_memory *memory; /* TABLES_IN_LIBRARY */
    struct at_pb_fault fault;
    struct conformance_ConformanceResponse said;
};

static struct at_bytes bytes_of(struct atoll_str s)
{
    return at_bytes_over(s.at, s.len);
}

static void say(struct question *q, uint32_t member, struct at_bytes text)
{
    q->said.result_case = member;
    q->said.result.parse_error.at = (const char *)text.at;
    q->said.result.parse_error.len = text.len;
}

static void say_result(struct question *q, uint32_t member, int result)
{
    const char *what = result < 0 ? "out of memory" : q->fault.what;

    say(q, member, at_bytes_of(what[0] != '\0' ? what : "refused"));
}

/* Those that the tests ask for by name or put into an Any. */
static const struct atoll_message_desc *const generated[] = {
    &protobuf__test__messages_proto2_TestAllTypesProto2_desc,
    &protobuf__test__messages_proto3_TestAllTypesProto3_desc,
    &google_protobuf_Any_desc,
    &google_protobuf_BoolValue_desc,
    &google_protobuf_BytesValue_desc,
    &google_protobuf_DoubleValue_desc,
    &google_protobuf_Duration_desc,
    &google_protobuf_FieldMask_desc,
    &google_protobuf_FloatValue_desc,
    &google_protobuf_Int32Value_desc,
    &google_protobuf_Int64Value_desc,
    &google_protobuf_ListValue_desc,
    &google_protobuf_StringValue_desc,
    &google_protobuf_Struct_desc,
    &google_protobuf_Timestamp_desc,
    &google_protobuf_UInt32Value_desc,
    &google_protobuf_UInt64Value_desc,
    &google_protobuf_Value_desc,
};

static const struct atoll_message_desc *find_table(void *answerer, struct at_bytes name)
{
    const struct answerer *a = answerer;

    if (a->tables == TABLES_OF_POOL) {
        return at_pool_message(a->pool, name);
    }
    for (size_t i = 0; i < sizeof(generated) / sizeof(generated[0]); i++) {
        if (at_bytes_equal(name, at_bytes_of(generated[i]->full_name))) {
            return generated[i];
        }
    }
    return NULL;
}

/* Where the types come from that an Any names. */
static struct at_json_types types_of(const struct question *q)
{
    return (struct at_json_types){.find = find_table, .ctx = q->answerer};
}

/* ---- in ---- */

static int read_protobuf(struct question *q)
{
    return at_pb_decode(q->desc, bytes_of(q->asked->payload.protobuf_payload), q->arena, q->message,
                        &q->fault);
}

static int read_json(struct question *q)
{
    bool lenient = q->asked->test_category == CONFORMANCE_JSON_IGNORE_UNKNOWN_PARSING_TEST;
    struct at_json_types types = types_of(q);
    struct at_json_how how = {
        .flags = lenient ? AT_JSON_IGNORE_UNKNOWN : 0, .types = &types, .fault = &q->fault};

    return at_json_read_message(&how, q->desc, bytes_of(q->asked->payload.json_payload), q->arena,
                                q->message);
}

static int read_text(struct question *q)
{
    struct at_json_types types = types_of(q);
    struct at_pbtext_how how = {.types = &types, .fault = &q->fault};

    return at_pbtext_read(&how, q->desc, bytes_of(q->asked->payload.text_payload), q->arena,
                          q->message);
}

/* ---- out ---- */

static void write_protobuf(struct question *q)
{
    struct at_bytes wire;
    int r = at_pb_encode_in_arena(q->desc, q->message, q->arena, &wire);

    if (r != 0) {
        say_result(q, RESULT(serialize_error), r);
        return;
    }
    say(q, RESULT(protobuf_payload), wire);
}

/* Hands a text over to the arena, as the payload. */
static void say_text(struct question *q, uint32_t member, struct at_text *text, int result)
{
    char *copy = at_arena_copy(q->arena, at_text_bytes(text));

    if (result != 0 || text->failed || copy == NULL) {
        say_result(q, RESULT(serialize_error), result);
    } else {
        say(q, member, at_bytes_over(copy, text->len));
    }
    at_text_deinit(text);
}

static void write_json(struct question *q)
{
    struct at_json_types types = types_of(q);
    struct at_json_how how = {.types = &types, .fault = &q->fault};
    struct at_json_writer w;
    struct at_text text;
    int r;

    at_text_init(&text);
    at_json_writer_init(&w, &text, 0);
    r = at_json_write_message(&how, q->desc, q->message, &w);
    say_text(q, RESULT(json_payload), &text, r);
}

static void write_text(struct question *q)
{
    struct at_json_types types = types_of(q);
    struct at_pbtext_how how = {.flags = q->asked->print_unknown_fields ? AT_PBTEXT_UNKNOWN : 0,
                                .types = &types};
    struct at_text text;
    int r;

    at_text_init(&text);
    r = at_pbtext_write(&how, q->desc, q->message, &text);
    say_text(q, RESULT(text_payload), &text, r);
}

/* ---- the same through the library ---- */

static const struct atoll_message_desc *find_for_library(void *answerer, struct atoll_str name)
{
    return find_table(answerer, bytes_of(name));
}

static struct atoll_json_options library_options(const struct question *q)
{
    bool lenient = q->asked->test_category == CONFORMANCE_JSON_IGNORE_UNKNOWN_PARSING_TEST;

    return (struct atoll_json_options){.size = sizeof(struct atoll_json_options),
                                       .flags = lenient ? ATOLL_JSON_IGNORE_UNKNOWN : 0,
                                       .find = find_for_library,
                                       .user = q->answerer};
}

/* The reason of a failure, where the rooms leave it. */
static int library_result(struct question *q, int status)
{
    (void)snprintf(q->fault.what, sizeof(q->fault.what), "%s", atoll_memory_reason(q->memory));
    return status;
}

static int library_read_protobuf(struct question *q)
{
    return library_result(
        q, atoll_decode(q->memory, q->desc, q->asked->payload.protobuf_payload, q->message));
}

static int library_read_json(struct question *q)
{
    struct atoll_json_options options = library_options(q);

    return library_result(q, atoll_from_json(q->memory, q->desc, q->asked->payload.json_payload,
                                             &options, q->message));
}

static void library_say(struct question *q, uint32_t member, int status, struct atoll_str payload)
{
    char *copy = status == 0 ? at_arena_copy(q->arena, bytes_of(payload)) : NULL;

    if (copy == NULL) {
        say_result(q, RESULT(serialize_error), library_result(q, status));
        return;
    }
    say(q, member, at_bytes_over(copy, payload.len));
}

static void library_write_protobuf(struct question *q)
{
    struct atoll_str wire = {0};
    int status = atoll_encode(q->memory, q->desc, q->message, &wire);

    library_say(q, RESULT(protobuf_payload), status, wire);
}

static void library_write_json(struct question *q)
{
    struct atoll_json_options options = library_options(q);
    struct atoll_str json = {0};
    int status = atoll_to_json(q->memory, q->desc, q->message, &options, &json);

    library_say(q, RESULT(json_payload), status, json);
}

/* ---- the question as a whole ---- */

static const struct {
    uint32_t payload;
    int (*read)(struct question *q);
    int (*read_in_library)(struct question *q); /* NULL: it cannot */
} readers[] = {
    {REQUEST(protobuf), read_protobuf, library_read_protobuf},
    {REQUEST(json), read_json, library_read_json},
    {REQUEST(text), read_text, NULL},
};

static const struct {
    int32_t format;
    void (*write)(struct question *q);
    void (*write_in_library)(struct question *q); /* NULL: it cannot */
} writers[] = {
    {CONFORMANCE_PROTOBUF, write_protobuf, library_write_protobuf},
    {CONFORMANCE_JSON, write_json, library_write_json},
    {CONFORMANCE_TEXT_FORMAT, write_text, NULL},
};

/* True when the message was read. */
static bool read_payload(struct question *q)
{
    int (*read)(struct question *q) = NULL;
    int r;

    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        if (readers[i].payload == q->asked->payload_case) {
            read = q->memory != NULL ? readers[i].read_in_library : readers[i].read;
        }
    }
    if (read == NULL) {
        say(q, RESULT(skipped), AT_LIT("there is no reader for this format"));
        return false;
    }
    r = read(q);
    if (r != 0) {
        say_result(q, RESULT(parse_error), r);
    }
    return r == 0;
}

static void write_payload(struct question *q)
{
    void (*write)(struct question *q) = NULL;

    for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
        if (writers[i].format == q->asked->requested_output_format) {
            write = q->memory != NULL ? writers[i].write_in_library : writers[i].write;
        }
    }
    if (write == NULL) {
        say(q, RESULT(skipped), AT_LIT("there is no writer for this format"));
        return;
    }
    write(q);
}

static void answer(struct question *q)
{
    struct at_bytes name = bytes_of(q->asked->message_type);

    if (at_bytes_equal(name, AT_LIT("conformance.FailureSet"))) {
        say(q, RESULT(protobuf_payload), (struct at_bytes){0}); /* the list is the runner's */
        return;
    }
    q->desc = find_table(q->answerer, name);
    if (q->desc == NULL) {
        say(q, RESULT(skipped), AT_LIT("there is no table of this name"));
        return;
    }
    q->message = at_arena_zalloc(q->arena, 1, q->desc->struct_size);
    if (q->message == NULL) {
        say(q, RESULT(runtime_error), AT_LIT("out of memory"));
    } else if (read_payload(q)) {
        write_payload(q);
    }
}

bool answer_request(struct answerer *a, struct at_bytes request, struct at_arena *arena,
                    struct at_bytes *ret)
{
    struct conformance_ConformanceRequest asked;
    struct question q = {.answerer = a, .asked = &asked, .arena = arena};

    if (at_pb_decode(&conformance_ConformanceRequest_desc, request, arena, &asked, NULL) != 0) {
        return false;
    }
    q.memory = a->tables == TABLES_IN_LIBRARY ? atoll_memory_new(0) : NULL;
    answer(&q);
    atoll_memory_free(q.memory);
    return at_pb_encode_in_arena(&conformance_ConformanceResponse_desc, &q.said, arena, ret) == 0;
}

/* ---- tables ---- */

static bool add_set(struct at_pool *pool, const char *path)
{
    char *set = malloc(SET_MAX);
    FILE *in = fopen(path, "rbe");
    struct at_diag diag = {0};
    size_t len = set != NULL && in != NULL ? fread(set, 1, SET_MAX, in) : 0;
    int r = pool != NULL && len > 0 && len < SET_MAX
                ? at_pool_add(pool, at_bytes_over(set, len), &diag)
                : -1;

    if (r != 0) {
        (void)fprintf(stderr, "cannot take the descriptor set %s: %s\n", path, diag.what);
    }
    if (in != NULL) {
        (void)fclose(in);
    }
    free(set);
    return r == 0;
}

bool answerer_init(struct answerer *a, enum tables tables, const char *set_path)
{
    *a = (struct answerer){.pool = at_pool_new(), .tables = tables};
    return add_set(a->pool, set_path);
}

void answerer_deinit(struct answerer *a)
{
    a->pool = at_pool_free(a->pool);
}
