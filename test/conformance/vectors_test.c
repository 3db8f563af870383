/*
 * Replays vectors.txt: requests of protobuf's conformance runner with the answers that it accepted.
 * So what the runner found right once stays right, without the runner.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "answer.h"
#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "conformance.atoll.h"
#include "pb/codec.h"

enum { CASES_MIN = 2000, VECTORS_MAX = 4 << 20, ARENA_MAX = 256 << 20 };

struct vector {
    struct at_bytes name;
    struct conformance_ConformanceRequest request;
    char wanted; /* p, j or t */
    char how;    /* ' ': with the answer; '!': it is not read; '?': it is not written */
    struct at_bytes answer;
};

static char *vectors;
static size_t vectors_len;

static void read_vectors(void)
{
    FILE *in = fopen(VECTORS, "rbe");

    vectors = malloc(VECTORS_MAX);
    CHECK(in != NULL && vectors != NULL);
    vectors_len = fread(vectors, 1, VECTORS_MAX, in);
    CHECK(vectors_len > 0 && vectors_len < VECTORS_MAX);
    (void)fclose(in);
}

static int hex(uint8_t c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Undoes \xNN, in place. */
static struct at_bytes unescape(struct at_bytes b)
{
    uint8_t *out;
    size_t len = 0;

    if (b.len == 0) {
        return b;
    }
    out = (uint8_t *)vectors + ((const char *)b.at - vectors);
    for (size_t i = 0; i < b.len; i++) {
        if (b.at[i] == '\\') {
            CHECK(i + 3 < b.len && b.at[i + 1] == 'x');
            out[len++] = (uint8_t)(hex(b.at[i + 2]) << 4 | hex(b.at[i + 3]));
            i += 3;
        } else {
            out[len++] = b.at[i];
        }
    }
    return at_bytes_over(out, len);
}

static void set_payload(struct conformance_ConformanceRequest *request, char format,
                        struct at_bytes payload)
{
    struct atoll_str text = {(const char *)payload.at, payload.len};

    request->payload_case = format == 'p'   ? conformance_ConformanceRequest_protobuf_payload_number
                            : format == 'j' ? conformance_ConformanceRequest_json_payload_number
                                            : conformance_ConformanceRequest_text_payload_number;
    request->payload.protobuf_payload = text;
}

/* "3ji {…}" or "=". */
static void parse_input(struct at_bytes input, struct vector *v)
{
    size_t blank = at_bytes_index(input, ' ');

    if (at_bytes_equal(input, AT_LIT("="))) {
        return; /* as the vector before */
    }
    CHECK(blank >= 2 && blank < input.len);
    v->request = (struct conformance_ConformanceRequest){
        .message_type = input.at[0] == '2'
                            ? ATOLL_STR("protobuf_test_messages.proto2.TestAllTypesProto2")
                            : ATOLL_STR("protobuf_test_messages.proto3.TestAllTypesProto3")};
    for (size_t i = 2; i < blank; i++) {
        if (input.at[i] == 'i') {
            v->request.test_category = CONFORMANCE_JSON_IGNORE_UNKNOWN_PARSING_TEST;
        } else {
            v->request.print_unknown_fields = true;
        }
    }
    set_payload(&v->request, (char)input.at[1], unescape(at_bytes_after(input, blank + 1)));
}

static void parse(struct at_bytes line, struct vector *v)
{
    struct at_bytes input;
    struct at_bytes answer;

    CHECK(at_bytes_cut(&line, '\t', &v->name) && at_bytes_cut(&line, '\t', &input));
    answer = line;
    CHECK(answer.len >= 2);
    parse_input(input, v);
    v->wanted = (char)answer.at[0];
    v->how = (char)answer.at[1];
    v->answer = unescape(at_bytes_after(answer, 2));
    v->request.requested_output_format = v->wanted == 'p'   ? CONFORMANCE_PROTOBUF
                                         : v->wanted == 'j' ? CONFORMANCE_JSON
                                                            : CONFORMANCE_TEXT_FORMAT;
}

/* Which member of the response has to be set. */
static uint32_t member_of(const struct vector *v)
{
    if (v->how == '!') {
        return conformance_ConformanceResponse_parse_error_number;
    }
    if (v->how == '?') {
        return conformance_ConformanceResponse_serialize_error_number;
    }
    return v->wanted == 'p'   ? conformance_ConformanceResponse_protobuf_payload_number
           : v->wanted == 'j' ? conformance_ConformanceResponse_json_payload_number
                              : conformance_ConformanceResponse_text_payload_number;
}

static bool is_answered(struct answerer *a, const struct vector *v, struct at_arena *arena)
{
    struct conformance_ConformanceResponse said;
    struct at_bytes request;
    struct at_bytes response;
    uint32_t number = member_of(v);

    CHECK_INT(
        at_pb_encode_in_arena(&conformance_ConformanceRequest_desc, &v->request, arena, &request),
        0);
    CHECK(answer_request(a, request, arena, &response));
    CHECK_INT(at_pb_decode(&conformance_ConformanceResponse_desc, response, arena, &said, NULL), 0);
    return said.result_case == number &&
           (v->how != ' ' || at_bytes_equal(at_bytes_over(said.result.protobuf_payload.at,
                                                          said.result.protobuf_payload.len),
                                            v->answer));
}

/* Is there a line `tables NAME # why` in the exclusions? */
static bool is_excluded(const char *exclusions, const char *tables, struct at_bytes name)
{
    char line[256];

    (void)snprintf(line, sizeof(line), "\n%s %.*s ", tables, (int)name.len, (const char *)name.at);
    return strstr(exclusions, line) != NULL;
}

static bool is_text(const struct vector *v)
{
    return v->wanted == 't' ||
           v->request.payload_case == conformance_ConformanceRequest_text_payload_number;
}

static void replay(enum tables tables)
{
    static const char *const kinds[] = {[TABLES_OF_POOL] = "pool",
                                        [TABLES_GENERATED] = "generated",
                                        [TABLES_IN_LIBRARY] = "library"};
    char exclusions[16384] = "";
    FILE *in = fopen(EXCLUSIONS, "rbe");
    struct answerer a;
    struct at_arena arena;
    struct at_bytes rest;
    struct at_bytes line;
    struct vector v = {0};
    size_t cases = 0;
    size_t wrong = 0;

    CHECK(in != NULL && fread(exclusions, 1, sizeof(exclusions) - 1, in) > 0);
    (void)fclose(in);
    read_vectors();
    CHECK(answerer_init(&a, tables, CONFORMANCE_SET));
    at_arena_init(&arena, 65536, ARENA_MAX);
    rest = at_bytes_over(vectors, vectors_len);
    while (at_bytes_cut(&rest, '\n', &line)) {
        if (line.len == 0 || line.at[0] == '#') {
            continue;
        }
        parse(line, &v);
        at_arena_reset(&arena);
        if (tables == TABLES_IN_LIBRARY && is_text(&v)) {
            continue;
        }
        cases++;
        if (!is_excluded(exclusions, kinds[tables], v.name) && !is_answered(&a, &v, &arena)) {
            (void)fprintf(stderr, "# %.*s\n", (int)v.name.len, (const char *)v.name.at);
            wrong++;
        }
    }
    at_arena_deinit(&arena);
    answerer_deinit(&a);
    free(vectors);
    CHECK(cases > CASES_MIN);
    if (wrong > 0) {
        at_test_fail(__FILE__, __LINE__,
                     "%zu of %zu answers are not those on record (named on stderr); if they are "
                     "meant, let the runner judge them: test/conformance/run --record",
                     wrong, cases);
    }
}

TEST(tables_made_at_run_time_answer_as_the_conformance_runner_accepted)
{
    replay(TABLES_OF_POOL);
}

TEST(generated_tables_answer_as_the_conformance_runner_accepted)
{
    replay(TABLES_GENERATED);
}

TEST(the_library_answers_as_the_conformance_runner_accepted)
{
    replay(TABLES_IN_LIBRARY);
}

TEST_MAIN("conformance")
