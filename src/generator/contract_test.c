/*
 * Two versions of a contract talk to each other: old.proto is what a service was built with last
 * year, new.proto what its peer has today.
 */
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "new.atoll.h"
#include "old.atoll.h"
#include "pb/codec.h"
#include "pb/json_message.h"

static struct at_arena arena;

static struct at_bytes encode(const struct atoll_message_desc *desc, const void *message)
{
    struct at_bytes b = {0};

    CHECK_INT(at_pb_encode_in_arena(desc, message, &arena, &b), 0);
    return b;
}

static struct test_change_new_Order order(void)
{
    static struct test_change_new_Order_Line lines[] = {{.item_id = 1, .quantity = 2},
                                                        {.item_id = 3, .quantity = 4}};
    static struct test_change_new_Order_Address address = {.street = {"Hafen 1", 7}};
    static int64_t stamps[] = {1, -1};

    return (struct test_change_new_Order){.id = 7,
                                          .user = ATOLL_STR("u"),
                                          .lines = {lines, 2},
                                          .kind = TEST_CHANGE_NEW_ORDER_KIND_GIFT,
                                          .voucher = ATOLL_STR("V"),
                                          .address = &address,
                                          .stamps = {stamps, 2}};
}

TEST(an_old_reader_understands_what_it_knows)
{
    struct test_change_new_Order in = order();
    struct test_change_old_Order out;

    at_arena_init(&arena, 1024, 1 << 20);
    CHECK_INT(at_pb_decode(&test_change_old_Order_desc, encode(&test_change_new_Order_desc, &in),
                           &arena, &out, NULL),
              0);
    CHECK(out.id == 7 && out.lines.count == 2 && out.lines.at[1].item_id == 3);
    CHECK_INT(out.kind, 2); /* a number that has no name here */
    at_arena_deinit(&arena);
}

TEST(what_an_old_service_passes_on_is_still_whole)
{
    struct test_change_new_Order in = order();
    struct test_change_old_Order between;
    struct test_change_new_Order out;
    struct at_bytes sent;
    struct at_bytes passed;

    at_arena_init(&arena, 1024, 1 << 20);
    sent = encode(&test_change_new_Order_desc, &in);
    CHECK_INT(at_pb_decode(&test_change_old_Order_desc, sent, &arena, &between, NULL), 0);
    between.id = 8; /* it changed what it knows */
    passed = encode(&test_change_old_Order_desc, &between);
    CHECK_INT(at_pb_decode(&test_change_new_Order_desc, passed, &arena, &out, NULL), 0);
    CHECK(out.id == 8 && out.lines.at[0].quantity == 2 && out.lines.at[1].quantity == 4);
    CHECK(out.kind == TEST_CHANGE_NEW_ORDER_KIND_GIFT && out.unknown_fields == NULL);
    CHECK(out.voucher.len == 1 && out.stamps.count == 2 && out.stamps.at[1] == -1);
    CHECK(out.address != NULL && out.address->street.len == 7);
    at_arena_deinit(&arena);
}

TEST(a_new_reader_sees_what_an_old_one_did_not_send_as_zero)
{
    struct test_change_old_Order in = {.id = 7, .kind = TEST_CHANGE_OLD_ORDER_KIND_PLAIN};
    struct test_change_new_Order out;

    at_arena_init(&arena, 1024, 1 << 20);
    CHECK_INT(at_pb_decode(&test_change_new_Order_desc, encode(&test_change_old_Order_desc, &in),
                           &arena, &out, NULL),
              0);
    CHECK(out.id == 7 && out.voucher.len == 0 && out.address == NULL && out.stamps.count == 0);
    at_arena_deinit(&arena);
}

TEST(a_table_of_next_year_with_more_at_its_end_is_read_for_what_is_known)
{
    struct {
        struct atoll_message_desc now;
        uint64_t added[3];
    } next = {.now = test_change_old_Order_desc, .added = {1, 2, 3}};
    struct test_change_old_Order in = {.id = 7, .user = ATOLL_STR("u")};
    struct test_change_old_Order out;
    struct at_bytes b;

    next.now.size = sizeof(next);
    at_arena_init(&arena, 1024, 1 << 20);
    b = encode(&next.now, &in);
    CHECK(at_bytes_equal(b, encode(&test_change_old_Order_desc, &in)));
    CHECK_INT(at_pb_decode(&next.now, b, &arena, &out, NULL), 0);
    CHECK(out.id == 7 && out.user.len == 1);
    CHECK_INT(at_json_to_message(&next.now, at_bytes_of("{\"kind\":1}"), 0, &arena, &out, NULL), 0);
    CHECK_INT(out.kind, 1);
    at_arena_deinit(&arena);
}

TEST_MAIN("generator/contract")
