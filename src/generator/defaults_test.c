/* Defaults of proto2 in generated messages, and groups in generated structs. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* the contract has some on purpose */

#include <math.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "legacy.atoll.h"
#include "pb/codec.h"

static bool is(struct atoll_str s, const char *text, size_t len)
{
    return s.len == len && memcmp(s.at, text, len) == 0;
}

static void check_defaults(const struct test_legacy_Defaults *m)
{
    CHECK(m->an_int32 == -7 && m->an_int64 == INT64_MIN && m->a_uint32 == UINT32_MAX);
    CHECK(m->a_uint64 == UINT64_MAX && m->a_sint32 == INT32_MIN && m->an_sfixed64 == 16);
    CHECK(m->a_fixed32 == 8 && m->a_float == 1.5e-3F && m->a_double == 1e300);
    CHECK(isinf(m->up) && m->up > 0 && isinf(m->down) && m->down < 0 && isnan(m->nothing));
    CHECK(m->yes && is(m->text, "say \"\\n\" \303\244", 11));
    CHECK(is(m->raw, "\000\001\377 \"?\n\t'\\", 10));
    CHECK(m->level == TEST_LEGACY_LEVEL_HIGH && m->low == TEST_LEGACY_LEVEL_LOW);
    CHECK(m->plain.len == 0 && m->either_case == test_legacy_Defaults_either_none);
    CHECK(m->inner == NULL && m->numbers.count == 0 && m->unknown_fields == NULL);
}

TEST(a_generated_message_begins_with_its_defaults_and_nothing_is_set)
{
    struct test_legacy_Defaults m;

    memset(&m, 0xA5, sizeof(m));
    at_pb_init(&test_legacy_Defaults_desc, &m); /* what test_legacy_Defaults_init() does */
    check_defaults(&m);
    CHECK(!m.has_an_int32 && !m.has_a_double && !m.has_yes && !m.has_text && !m.has_level);
}

TEST(what_the_wire_does_not_say_has_its_default)
{
    struct test_legacy_Defaults m;
    struct at_arena arena;
    struct at_bytes out;

    at_arena_init(&arena, 1024, 1 << 20);
    CHECK_INT(at_pb_decode(&test_legacy_Defaults_desc, (struct at_bytes){0}, &arena, &m, NULL), 0);
    check_defaults(&m);
    CHECK_INT(
        at_pb_decode(&test_legacy_Defaults_desc, at_bytes_over("\x08\x05", 2), &arena, &m, NULL),
        0);
    CHECK(m.has_an_int32 && m.an_int32 == 5 && m.an_int64 == INT64_MIN && !m.has_an_int64);
    CHECK_INT(at_pb_encode_in_arena(&test_legacy_Defaults_desc, &m, &arena, &out), 0);
    CHECK(at_bytes_equal(out, at_bytes_over("\x08\x05", 2))); /* a default is not sent */
    at_arena_deinit(&arena);
}

TEST(a_group_is_a_message_in_its_struct)
{
    struct test_legacy_Legacy_Pair pair = {.has_right = true, .right = 7};
    struct test_legacy_Legacy_Item items[] = {{.has_number = true, .number = 1},
                                              {.has_number = true, .number = 2}};
    struct test_legacy_Legacy_Needed needed = {.has_why = true};
    struct test_legacy_Legacy m = {
        .has_id = true, .id = 1, .pair = &pair, .item = {items, 2}, .needed = &needed};
    static const char wire[] =
        "\x08\x01\x13\x10\x07\x14\x1b\x08\x01\x1c\x1b\x08\x02\x1c\x4a\x02\x0a";
    struct test_legacy_Legacy back;
    struct at_arena arena;
    struct at_bytes out;

    at_arena_init(&arena, 1024, 1 << 20);
    CHECK_INT(at_pb_encode_in_arena(&test_legacy_Legacy_desc, &m, &arena, &out), 0);
    CHECK(at_bytes_equal(out, at_bytes_over(wire, sizeof(wire))));
    CHECK_INT(at_pb_decode(&test_legacy_Legacy_desc, out, &arena, &back, NULL), 0);
    CHECK(back.pair != NULL && back.pair->right == 7 && back.item.count == 2);
    CHECK_INT(back.item.at[1].number, 2);
    at_arena_deinit(&arena);
}

TEST_MAIN("generator/defaults")
