/* <atoll/codec.h> as a user's program sees it, without a system. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/codec.h>

#include "at_test.h"
#include "everything.atoll.h"

#define ALL (&test_v1_Everything_desc)

static struct atoll_memory *memory;

static void begin(size_t limit)
{
    memory = atoll_memory_new(limit);
    CHECK(memory != NULL);
    CHECK_STR(atoll_memory_reason(memory), "");
}

static bool is(struct atoll_str s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

TEST(a_message_goes_through_protobuf_and_json_and_back)
{
    struct test_v1_Everything m = {.an_int32 = 5, .a_string = ATOLL_STR("hi")};
    struct test_v1_Everything back;
    struct atoll_str wire = {0};
    struct atoll_str json = {0};

    begin(0);
    CHECK_INT(atoll_encode(memory, ALL, &m, &wire), ATOLL_OK);
    CHECK_INT(atoll_decode(memory, ALL, wire, &back), ATOLL_OK);
    CHECK(back.an_int32 == 5 && is(back.a_string, "hi"));
    CHECK_INT(atoll_to_json(memory, ALL, &back, NULL, &json), ATOLL_OK);
    CHECK_STR(json.at, "{\"anInt32\":5,\"aString\":\"hi\"}");
    CHECK_INT((int)json.len, (int)strlen(json.at));
    CHECK_INT(atoll_from_json(memory, ALL, json, NULL, &back), ATOLL_OK);
    CHECK(back.an_int32 == 5 && is(back.a_string, "hi"));
    CHECK_STR(atoll_memory_reason(memory), "");
    atoll_memory_free(memory);
}

TEST(what_is_wrong_has_a_status_and_a_reason)
{
    struct test_v1_Everything m = {.a_string = {"\xFF", 1}};
    struct atoll_str out;

    begin(0);
    CHECK_INT(atoll_decode(memory, ALL, ATOLL_STR("\x4A\x05x"), &m), ATOLL_INVALID_ARGUMENT);
    CHECK_STR(atoll_memory_reason(memory),
              "field a_string goes beyond the end of its message, at byte 1");
    CHECK_INT(atoll_from_json(memory, ALL, ATOLL_STR("{\"anInt32\":\"x\"}"), NULL, &m),
              ATOLL_INVALID_ARGUMENT);
    CHECK(strstr(atoll_memory_reason(memory), "anInt32") != NULL);
    m = (struct test_v1_Everything){.a_string = {"\xFF", 1}};
    CHECK_INT(atoll_encode(memory, ALL, &m, &out), ATOLL_INVALID_ARGUMENT);
    CHECK_STR(atoll_memory_reason(memory), "field a_string is not well-formed UTF-8");
    atoll_memory_reset(memory);
    CHECK_STR(atoll_memory_reason(memory), "");
    atoll_memory_free(memory);
}

TEST(the_results_of_one_memory_do_not_touch_each_other)
{
    static char text[3000];
    struct test_v1_Everything m = {.an_int32 = 5, .a_string = {text, sizeof(text)}};
    struct atoll_str wire[40];
    struct atoll_str json[40];

    memset(text, 'a', sizeof(text));
    begin(0);
    for (int i = 0; i < 40; i++) {
        CHECK_INT(atoll_encode(memory, ALL, &m, &wire[i]), ATOLL_OK);
        CHECK_INT(atoll_to_json(memory, ALL, &m, NULL, &json[i]), ATOLL_OK);
        CHECK(json[i].at[json[i].len] == '\0');
    }
    for (int i = 0; i < 40; i++) {
        struct test_v1_Everything back;

        CHECK(json[i].len == json[0].len && memcmp(json[i].at, json[0].at, json[0].len) == 0);
        CHECK_INT(atoll_decode(memory, ALL, wire[i], &back), ATOLL_OK);
        CHECK(back.a_string.len == sizeof(text) &&
              memcmp(back.a_string.at, text, sizeof(text)) == 0);
    }
    atoll_memory_free(memory);
}

TEST(a_string_that_is_not_utf8_gives_no_json_and_a_reason)
{
    struct test_v1_Everything m = {.a_string = {"\xFF", 1}};
    struct atoll_str json = {0};

    begin(0);
    CHECK_INT(atoll_to_json(memory, ALL, &m, NULL, &json), ATOLL_INVALID_ARGUMENT);
    CHECK_STR(atoll_memory_reason(memory),
              "field aString: is a string that is not UTF-8, as JSON must be");
    CHECK(json.at == NULL);
    atoll_memory_free(memory);
}

TEST(a_memory_that_is_used_again_takes_nothing_from_the_heap)
{
    static char text[10000];
    struct test_v1_Everything m = {.an_int32 = 5, .a_string = {text, sizeof(text)}};

    memset(text, 'a', sizeof(text));
    begin(0);
    for (int i = 0; i < 8; i++) {
        struct test_v1_Everything back;
        struct atoll_str wire;
        struct atoll_str json;

        fail_allocation(i < 4 ? 0 : 1); /* it has grown large enough by then */
        atoll_memory_reset(memory);
        CHECK_INT(atoll_encode(memory, ALL, &m, &wire), ATOLL_OK);
        CHECK_INT(atoll_decode(memory, ALL, wire, &back), ATOLL_OK);
        CHECK_INT(atoll_to_json(memory, ALL, &back, NULL, &json), ATOLL_OK);
        CHECK_INT(atoll_from_json(memory, ALL, json, NULL, &back), ATOLL_OK);
    }
    CHECK(!allocation_failed());
    fail_allocation(0);
    atoll_memory_free(memory);
}

TEST(the_limit_of_the_memory_holds)
{
    static char text[100000];
    struct test_v1_Everything m = {.some_bytes = {text, sizeof(text)}};
    struct atoll_str out;

    begin(50000);
    CHECK(atoll_memory_alloc(memory, 100) != NULL && atoll_memory_alloc(memory, 60000) == NULL);
    CHECK_INT(atoll_encode(memory, ALL, &m, &out), ATOLL_RESOURCE_EXHAUSTED);
    CHECK(strstr(atoll_memory_reason(memory), "limit") != NULL);
    CHECK_INT(atoll_to_json(memory, ALL, &m, NULL, &out), ATOLL_RESOURCE_EXHAUSTED);
    atoll_memory_free(memory);
    atoll_memory_free(NULL);
}

TEST(json_goes_by_the_options_given)
{
    struct atoll_json_options options = {
        .size = sizeof(options), .flags = ATOLL_JSON_ORIGINAL_NAMES | ATOLL_JSON_ENUM_NUMBERS};
    struct test_v1_Everything m = {.an_int32 = 5, .color = TEST_V1_COLOR_RED};
    struct atoll_str json;
    char expected[64];

    begin(0);
    CHECK_INT(atoll_to_json(memory, ALL, &m, &options, &json), ATOLL_OK);
    (void)snprintf(expected, sizeof(expected), "{\"an_int32\":5,\"color\":%d}", TEST_V1_COLOR_RED);
    CHECK_STR(json.at, expected);
    CHECK_INT(atoll_from_json(memory, ALL, ATOLL_STR("{\"none\":1}"), &options, &m),
              ATOLL_INVALID_ARGUMENT);
    options.flags = ATOLL_JSON_IGNORE_UNKNOWN;
    CHECK_INT(atoll_from_json(memory, ALL, ATOLL_STR("{\"none\":1}"), &options, &m), ATOLL_OK);
    options.size = sizeof(options.size); /* of a caller that knew no flags */
    CHECK_INT(atoll_from_json(memory, ALL, ATOLL_STR("{\"none\":1}"), &options, &m),
              ATOLL_INVALID_ARGUMENT);
    atoll_memory_free(memory);
}

TEST(sorted_maps_make_equal_messages_equal_bytes)
{
    struct test_v1_Everything a;
    struct test_v1_Everything b;
    struct atoll_str of_a;
    struct atoll_str of_b;

    begin(0);
    CHECK_INT(atoll_from_json(memory, ALL, ATOLL_STR("{\"counts\":{\"x\":1,\"y\":2}}"), NULL, &a),
              ATOLL_OK);
    CHECK_INT(atoll_from_json(memory, ALL, ATOLL_STR("{\"counts\":{\"y\":2,\"x\":1}}"), NULL, &b),
              ATOLL_OK);
    CHECK_INT(atoll_sort_maps(memory, ALL, &a), ATOLL_OK);
    CHECK_INT(atoll_sort_maps(memory, ALL, &b), ATOLL_OK);
    CHECK_INT(atoll_encode(memory, ALL, &a, &of_a), ATOLL_OK);
    CHECK_INT(atoll_encode(memory, ALL, &b, &of_b), ATOLL_OK);
    CHECK(of_a.len == of_b.len && memcmp(of_a.at, of_b.at, of_a.len) == 0);
    atoll_memory_free(memory);
}

/* extend test.v1.Everything { optional test.v1.Everything.Item item = 200; } */
struct holder {
    struct test_v1_Everything_Item *item;
    struct atoll_unknown *unknown;
};
static const union atoll_type_ref types[] = {{.message = &test_v1_Everything_Item_desc}};
static const struct atoll_field_desc fields[] = {{200 << 3 | 2, offsetof(struct holder, item), 0, 0,
                                                  ATOLL_KIND(IMPLICIT, MESSAGE),
                                                  ATOLL_FIELD_EXTENSION}};
static const struct atoll_field_name names[] = {{0, 5, 4, 6}};
static const struct atoll_message_desc holder_desc = {
    .size = sizeof(holder_desc),
    .struct_size = sizeof(struct holder),
    .field_count = 1,
    .unknown_offset = offsetof(struct holder, unknown),
    .fields = fields,
    .types = types,
    .names = names,
    .text = "item\0[item]",
    .full_name = "holder",
};
static const struct atoll_extension_desc extension = {sizeof(extension), 0, ALL, &holder_desc};

TEST(an_extension_is_set_read_and_cleared)
{
    struct test_v1_Everything m;
    struct test_v1_Everything_Item item = {.item_id = 9};
    struct holder holder = {.item = &item};
    struct atoll_str wire;

    begin(0);
    atoll_init(ALL, &m);
    CHECK(!atoll_extension_has(&extension, &m));
    CHECK_INT(atoll_extension_set(memory, &extension, &m, &holder), ATOLL_OK);
    CHECK_INT(atoll_encode(memory, ALL, &m, &wire), ATOLL_OK);
    CHECK_INT(atoll_decode(memory, ALL, wire, &m), ATOLL_OK);
    CHECK(atoll_extension_has(&extension, &m));
    CHECK_INT(atoll_extension_get(memory, &extension, &m, &holder), ATOLL_OK);
    CHECK(holder.item != &item && holder.item->item_id == 9);
    CHECK_INT(atoll_extension_clear(memory, &extension, &m), ATOLL_OK);
    CHECK(!atoll_extension_has(&extension, &m) && m.unknown_fields == NULL);
    atoll_memory_free(memory);
}

TEST(when_the_nth_allocation_fails_so_does_the_function)
{
    struct test_v1_Everything m = {.an_int32 = 5, .a_string = ATOLL_STR("hi")};

    WITH_EACH_ALLOCATION_FAILING({
        struct atoll_memory *mine = atoll_memory_new(0);
        struct atoll_str wire;
        struct atoll_str json;

        if (mine != NULL) {
            int status = atoll_encode(mine, ALL, &m, &wire);

            CHECK(status == ATOLL_OK || status == ATOLL_RESOURCE_EXHAUSTED);
            status = atoll_to_json(mine, ALL, &m, NULL, &json);
            CHECK(status == ATOLL_OK || status == ATOLL_RESOURCE_EXHAUSTED);
        }
        atoll_memory_free(mine);
    });
}

TEST_MAIN("libatoll/codec")
