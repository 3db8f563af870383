/*
 * Reflection: vectors written out by hand, and every question that there is. That other people's
 * messages are the same bytes is for test/stories/test_reflection.py.
 */
#include "contract/reflection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "contract/rich_fixture.h"
#include "contract/set.h"
#include "descriptor.atoll.h"
#include "pb/codec.h"
#include "reflection_messages.atoll.h"

typedef struct grpc_reflection_v1_ServerReflectionRequest request_t;
typedef struct grpc_reflection_v1_ServerReflectionResponse response_t;

struct stage {
    struct rich rich;
    struct at_reflection r;
};

static void begin(struct stage *s)
{
    rich_load(&s->rich);
    CHECK_INT(at_reflection_init(&s->r, &s->rich.set, NULL, 0, &s->rich.arena), 0);
}

static void end(struct stage *s)
{
    at_arena_deinit(&s->rich.arena);
}

static struct at_bytes ask_bytes(struct stage *s, struct at_bytes request)
{
    struct at_bytes answer = {NULL, 0};

    CHECK_INT(at_reflection_answer(&s->r, request, &s->rich.arena, &answer), 0);
    return answer;
}

static response_t ask(struct stage *s, const request_t *request)
{
    struct at_bytes bytes = {NULL, 0};
    response_t out;

    CHECK_INT(at_pb_encode_in_arena(&grpc_reflection_v1_ServerReflectionRequest_desc, request,
                                    &s->rich.arena, &bytes),
              0);
    CHECK_INT(at_pb_decode(&grpc_reflection_v1_ServerReflectionResponse_desc, ask_bytes(s, bytes),
                           &s->rich.arena, &out, NULL),
              0);
    return out;
}

static response_t ask_symbol(struct stage *s, const char *name)
{
    request_t q = {.message_request_case = 4,
                   .message_request.file_containing_symbol = {name, strlen(name)}};

    return ask(s, &q);
}

static response_t ask_file(struct stage *s, const char *name)
{
    request_t q = {.message_request_case = 3,
                   .message_request.file_by_filename = {name, strlen(name)}};

    return ask(s, &q);
}

/* The name of the i-th file of an answer. */
static struct at_bytes file_name(struct stage *s, const response_t *a, size_t i)
{
    static struct google_protobuf_FileDescriptorProto file;
    const struct atoll_str *raw;

    CHECK_INT(a->message_response_case, 4);
    CHECK(i < a->message_response.file_descriptor_response->file_descriptor_proto.count);
    raw = &a->message_response.file_descriptor_response->file_descriptor_proto.at[i];
    CHECK_INT(at_pb_decode(&google_protobuf_FileDescriptorProto_desc,
                           at_bytes_over(raw->at, raw->len), &s->rich.arena, &file, NULL),
              0);
    return at_set_bytes(file.name);
}

TEST(a_request_and_its_answer_byte_by_byte)
{
    struct stage s;
    struct at_bytes got;

    begin(&s);
    got = ask_bytes(&s, AT_LIT("\x0A\x01h\x32\x03"
                               "a.b"));
    CHECK(at_bytes_equal(got, AT_LIT("\x0A\x01h"                 /* valid_host */
                                     "\x12\x08\x0A\x01h\x32\x03" /* original_request */
                                     "a.b"                       /* the type asked for */
                                     "\x3A\x1B\x08\x05\x12\x17"  /* error: NOT_FOUND */
                                     "there is no message a.b")));
    end(&s);
}

TEST(all_services_are_listed_or_those_that_the_server_names)
{
    static const char *const own[] = {"a.B", "c.D"};
    request_t q = {.message_request_case = 7, .message_request.list_services = ATOLL_STR("*")};
    struct stage s;
    response_t a;

    begin(&s);
    a = ask(&s, &q);
    CHECK_INT(a.message_response_case, 6);
    CHECK_INT(a.message_response.list_services_response->service.count, 1);
    CHECK_BYTES(at_set_bytes(a.message_response.list_services_response->service.at[0].name),
                "rich.v1.BookService");
    CHECK_INT(at_reflection_init(&s.r, &s.rich.set, own, 2, &s.rich.arena), 0);
    a = ask(&s, &q);
    CHECK_INT(a.message_response.list_services_response->service.count, 2);
    CHECK_BYTES(at_set_bytes(a.message_response.list_services_response->service.at[1].name), "c.D");
    end(&s);
}

TEST(a_file_comes_with_all_that_it_imports_and_comes_first)
{
    struct stage s;
    response_t a;

    begin(&s);
    a = ask_file(&s, "rich.proto");
    CHECK_BYTES(file_name(&s, &a, 0), "rich.proto");
    CHECK_INT(a.message_response.file_descriptor_response->file_descriptor_proto.count,
              s.rich.set.file_count);
    a = ask_file(&s, "old.proto");
    CHECK_INT(a.message_response.file_descriptor_response->file_descriptor_proto.count, 1);
    CHECK_BYTES(file_name(&s, &a, 0), "old.proto");
    a = ask_file(&s, "none.proto");
    CHECK_INT(a.message_response_case, 7);
    CHECK_INT(a.message_response.error_response->error_code, 5);
    end(&s);
}

TEST(every_kind_of_name_leads_to_its_file)
{
    static const struct {
        const char *name;
        const char *file;
    } rows[] = {
        {"rich.v1.Book", "rich.proto"},
        {"rich.v1.Book.isbn", "rich.proto"},
        {"rich.v1.Everything.payload", "rich.proto"},
        {"rich.v1.Tree.Leaf.Colour", "rich.proto"},
        {"rich.v1.Tree.Leaf.COLOUR_UNSPECIFIED", "rich.proto"},
        {"rich.v1.KIND_PAPER", "rich.proto"},
        {"rich.v1.BookService", "rich.proto"},
        {"rich.v1.BookService.GetBook", "rich.proto"},
        {"rich.old.BIG", "old.proto"},
        {"rich.old.remark", "old.proto"},
        {"rich.old.Legacy.inner", "old.proto"},
        {"google.protobuf.Timestamp", "google/protobuf/timestamp.proto"},
    };
    struct stage s;

    begin(&s);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        response_t a = ask_symbol(&s, rows[i].name);

        CHECK_BYTES(file_name(&s, &a, 0), rows[i].file);
    }
    end(&s);
}

TEST(names_that_do_not_exist_are_not_found)
{
    static const char *const names[] = {"",
                                        ".",
                                        "rich",
                                        "rich.v1",
                                        "rich.v1.Nothing",
                                        "rich.v1.Book.nothing",
                                        "rich.v1.Kind.KIND_PAPER",
                                        "rich.v1.BookService.Nothing",
                                        "KIND_PAPER"};
    struct stage s;

    begin(&s);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        response_t a = ask_symbol(&s, names[i]);

        CHECK_INT(a.message_response_case, 7);
        CHECK_INT(a.message_response.error_response->error_code, 5);
    }
    end(&s);
}

TEST(a_long_name_is_told_up_to_a_whole_character)
{
    static const char said[] = "nothing here is called ";
    char name[2000];
    struct stage s;

    begin(&s);
    for (size_t shift = 0; shift < 4; shift++) {
        response_t a;
        struct at_bytes told;

        memset(name, 'a', shift);
        for (size_t i = shift; i < sizeof(name) - 1; i++) {
            name[i] = "\xF0\x9F\x8C\xB4"[(i - shift) % 4]; /* a palm tree */
        }
        name[shift + (sizeof(name) - 1 - shift) / 4 * 4] = '\0';
        a = ask_symbol(&s, name);
        CHECK_INT(a.message_response_case, 7);
        told = at_set_bytes(a.message_response.error_response->error_message);
        CHECK(at_bytes_is_utf8(told));
        CHECK_INT(told.len, sizeof(said) - 1 + (shift == 0 ? 1024 : 1020 + shift));
    }
    end(&s);
}

TEST(extensions_are_found_by_number_and_counted)
{
    struct grpc_reflection_v1_ExtensionRequest which = {
        .containing_type = ATOLL_STR("rich.old.Legacy"), .extension_number = 101};
    request_t by_number = {.message_request_case = 5,
                           .message_request.file_containing_extension = &which};
    request_t all = {.message_request_case = 6,
                     .message_request.all_extension_numbers_of_type = ATOLL_STR("rich.old.Legacy")};
    const struct grpc_reflection_v1_ExtensionNumberResponse *numbers;
    struct stage s;
    response_t a;

    begin(&s);
    a = ask(&s, &by_number);
    CHECK_BYTES(file_name(&s, &a, 0), "old.proto");
    which.extension_number = 103;
    CHECK_INT(ask(&s, &by_number).message_response_case, 7);
    which.containing_type = ATOLL_STR("rich.old.Size"); /* no message */
    CHECK_INT(ask(&s, &by_number).message_response_case, 7);

    a = ask(&s, &all);
    CHECK_INT(a.message_response_case, 5);
    numbers = a.message_response.all_extension_numbers_response;
    CHECK_BYTES(at_set_bytes(numbers->base_type_name), "rich.old.Legacy");
    CHECK_INT(numbers->extension_number.count, 3);
    CHECK(numbers->extension_number.at[0] == 100 && numbers->extension_number.at[1] == 101 &&
          numbers->extension_number.at[2] == 102);
    all.message_request.all_extension_numbers_of_type = ATOLL_STR("rich.v1.Book");
    a = ask(&s, &all); /* a message without extensions has none: no failure */
    CHECK_INT(a.message_response.all_extension_numbers_response->extension_number.count, 0);
    end(&s);
}

TEST(a_request_for_nothing_is_answered_and_one_that_is_none_is_refused)
{
    static const uint8_t unknown[] = {0x42, 1, 'x'}; /* field 8 */
    static const uint8_t broken[] = {0x22, 5, 'x'};
    struct at_bytes answer = {NULL, 0};
    request_t empty = {.message_request_case = 0};
    struct stage s;
    response_t a;

    begin(&s);
    a = ask(&s, &empty);
    CHECK_INT(a.message_response.error_response->error_code, 3);
    (void)ask_bytes(&s, at_bytes_over(unknown, sizeof(unknown)));
    CHECK_INT(
        at_reflection_answer(&s.r, at_bytes_over(broken, sizeof(broken)), &s.rich.arena, &answer),
        AT_REFLECTION_MALFORMED);
    for (size_t n = 1; n < sizeof(broken); n++) {
        CHECK_INT(at_reflection_answer(&s.r, at_bytes_over(broken, n), &s.rich.arena, &answer),
                  AT_REFLECTION_MALFORMED);
    }
    end(&s);
}

TEST(a_tag_that_goes_beyond_the_message_it_is_in_is_refused)
{
    /* An ExtensionRequest of one byte, which begins a tag of two; then nothing to step over. */
    static const uint8_t requests[][4] = {{0x2A, 1, 0x91, 0x03},
                                          {0x2A, 1, 0x92, 0x03},
                                          {0x2A, 1, 0x93, 0x03},
                                          {0x2A, 1, 0x95, 0x03},
                                          {0x2A, 1, 0x90, 0x03}};
    struct at_bytes answer = {NULL, 0};
    struct stage s;

    begin(&s);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        uint8_t *exact = malloc(sizeof(requests[i])); /* so that a sanitizer sees its end */

        CHECK(exact != NULL);
        memcpy(exact, requests[i], sizeof(requests[i]));
        CHECK_INT(at_reflection_answer(&s.r, at_bytes_over(exact, sizeof(requests[i])),
                                       &s.rich.arena, &answer),
                  AT_REFLECTION_MALFORMED);
        free(exact);
    }
    end(&s);
}

TEST(reflection_tells_of_itself_and_its_messages_are_those_of_its_contract)
{
    struct rich own;
    struct at_reflection r;
    struct at_diag diag = {.line = 0};
    const struct at_set_symbol *v1;
    const struct at_set_symbol *alpha;

    at_arena_init(&own.arena, 1 << 14, AT_SET_MEMORY_MAX);
    CHECK_INT(at_set_load(&own.arena, at_reflection_own_set(), &own.set, &diag), 0);
    CHECK_INT(at_reflection_init(&r, &own.set, NULL, 0, &own.arena), 0);
    CHECK_INT(r.service_count, 2);
    v1 = rich_symbol(&own, "grpc.reflection.v1.ServerReflectionRequest");
    alpha = rich_symbol(&own, "grpc.reflection.v1alpha.ServerReflectionRequest");
    CHECK_INT(v1->of.message->field.count, alpha->of.message->field.count);
    for (size_t i = 0; i < own.set.symbol_count; i++) {
        const struct at_set_symbol *s = &own.set.symbols[i];
        const struct atoll_message_desc *const ours[] = {
            &grpc_reflection_v1_ServerReflectionRequest_desc,
            &grpc_reflection_v1_ExtensionRequest_desc,
            &grpc_reflection_v1_ServerReflectionResponse_desc,
            &grpc_reflection_v1_FileDescriptorResponse_desc,
            &grpc_reflection_v1_ExtensionNumberResponse_desc,
            &grpc_reflection_v1_ListServiceResponse_desc,
            &grpc_reflection_v1_ServiceResponse_desc,
            &grpc_reflection_v1_ErrorResponse_desc,
        };

        for (size_t k = 0; k < sizeof(ours) / sizeof(ours[0]); k++) {
            if (strcmp(s->full_name, ours[k]->full_name) != 0) {
                continue;
            }
            CHECK_INT(ours[k]->field_count, s->of.message->field.count);
            for (size_t i2 = 0; i2 < s->of.message->field.count; i2++) {
                const struct google_protobuf_FieldDescriptorProto *f = &s->of.message->field.at[i2];
                const struct atoll_field_desc *g =
                    at_pb_field_by_number(ours[k], (uint32_t)f->number);

                CHECK(g != NULL && at_pb_type(g) == f->type);
                CHECK(at_bytes_equal(at_pb_name(ours[k], g), at_set_bytes(f->name)));
            }
        }
    }
    at_arena_deinit(&own.arena);
}

TEST(a_failing_allocation_is_told)
{
    static const uint8_t request[] = {0x22, 12,  'r', 'i', 'c', 'h', '.',
                                      'v',  '1', '.', 'B', 'o', 'o', 'k'};
    struct stage s;

    begin(&s);
    for (long n = 1;; n++) {
        struct at_arena small;
        struct at_bytes answer = {NULL, 0};
        struct at_reflection again;
        int r;

        at_arena_init(&small, 64, 1 << 24);
        fail_allocation(n);
        r = at_reflection_init(&again, &s.rich.set, NULL, 0, &small);
        if (r == 0) {
            r = at_reflection_answer(&again, at_bytes_over(request, sizeof(request)), &small,
                                     &answer);
        }
        bool failed = allocation_failed();
        fail_allocation(0);
        CHECK_INT(r, failed ? -ENOMEM : 0);
        at_arena_deinit(&small);
        if (!failed) {
            break;
        }
    }
    end(&s);
}

TEST_MAIN("contract/reflection")
