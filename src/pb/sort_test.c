/* Deterministic encoding: equal messages give equal bytes. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "everything.atoll.h"
#include "pb/codec.h"
#include "pb/json_message.h"

#define ALL (&test_v1_Everything_desc)

static struct at_arena arena;

static void begin(void)
{
    at_arena_init(&arena, 4096, 1 << 26);
}

static struct test_v1_Everything *read(const char *json)
{
    struct test_v1_Everything *m = at_arena_alloc(&arena, sizeof(*m), 8);

    CHECK(m != NULL);
    CHECK_INT(at_json_to_message(ALL, at_bytes_of(json), 0, &arena, m, NULL), 0);
    return m;
}

static struct at_bytes sorted(struct test_v1_Everything *m)
{
    struct at_bytes out = {0};

    CHECK_INT(at_pb_encode_sorted(ALL, m, &arena, &out), 0);
    return out;
}

TEST(maps_in_any_order_and_at_any_depth_encode_to_the_same_bytes)
{
    struct test_v1_Everything *a;
    struct test_v1_Everything *b;

    begin();
    a = read("{\"counts\":{\"b\":1,\"a\":2,\"\":3},\"words\":{\"true\":\"t\",\"false\":\"f\"},"
             "\"itemsById\":{\"-1\":{\"itemId\":1},\"7\":{},\"0\":{\"quantity\":2}},"
             "\"nested\":{\"counts\":{\"z\":1,\"y\":2},\"nested\":{\"words\":{\"true\":\"\","
             "\"false\":\"\"}}}}");
    b = read("{\"nested\":{\"nested\":{\"words\":{\"false\":\"\",\"true\":\"\"}},"
             "\"counts\":{\"y\":2,\"z\":1}},\"counts\":{\"\":3,\"a\":2,\"b\":1},"
             "\"itemsById\":{\"0\":{\"quantity\":2},\"7\":{},\"-1\":{\"itemId\":1}},"
             "\"words\":{\"false\":\"f\",\"true\":\"t\"}}");
    CHECK(at_bytes_equal(sorted(a), sorted(b)));
    CHECK(a->counts.at[0].key.len == 0 && a->counts.at[2].key.at[0] == 'b');
    CHECK_INT(a->items_by_id.at[0].key, -1);
    CHECK(!a->words.at[0].key);
    at_arena_deinit(&arena);
}

TEST(of_equal_keys_the_last_is_encoded)
{
    struct test_v1_Everything_CountsEntry entries[] = {
        {.key = ATOLL_STR("b"), .value = 1}, {.key = ATOLL_STR("a")}, {.key = ATOLL_STR("b")}};
    struct test_v1_Everything m = {.counts = {entries, 3}};

    begin();
    CHECK(at_bytes_equal(sorted(&m), AT_LIT("\xEA\x03\x05\x0A\x01"
                                            "a\x10\x00\xEA\x03\x05\x0A\x01"
                                            "b\x10\x00")));
    at_arena_deinit(&arena);
}

TEST(a_message_without_maps_needs_no_memory_to_be_sorted)
{
    struct test_v1_Everything_Item items[100] = {{.item_id = 1}};
    struct test_v1_Everything m = {.items = {items, 100}};
    struct at_arena none;

    at_arena_init(&none, 64, 0);
    CHECK_INT(at_pb_sort_maps(ALL, &m, &none), 0);
}

TEST(a_message_that_contains_itself_is_refused)
{
    struct test_v1_Everything m = {.nested = &m};

    begin();
    CHECK_INT(at_pb_sort_maps(ALL, &m, &arena), AT_PB_TOO_DEEP);
    at_arena_deinit(&arena);
}

TEST_MAIN("pb/sort")
