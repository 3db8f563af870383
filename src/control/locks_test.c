/* Promises of control/locks.h. */
#include "control/locks.h"

#include <stdint.h>
#include <string.h>

#include "at_test.h"
#include "base/bytes.h"
#include "control/message.h"

TEST(what_is_held_comes_back_in_order)
{
    uint8_t room[1024];
    struct at_writer w = at_writer_over(room, sizeof(room));
    struct at_locks_held held = {.op = 1, .token = 77, .permits = 2, .name = AT_LIT("printer")};
    struct at_locks_held got;
    struct at_reader r;

    at_locks_add_held(&w, &held);
    held = (struct at_locks_held){.op = 9, .flags = AT_LOCKS_SHARED, .name = AT_LIT("cart-7")};
    at_locks_add_held(&w, &held);
    CHECK(!w.failed);
    r = at_reader_over(room, w.len);
    CHECK(at_locks_next_held(&r, &got));
    CHECK_INT(got.op, 1);
    CHECK_INT(got.token, 77);
    CHECK_INT(got.permits, 2);
    CHECK_BYTES(got.name, "printer");
    CHECK(at_locks_next_held(&r, &got));
    CHECK_INT(got.flags, AT_LOCKS_SHARED);
    CHECK(!at_locks_next_held(&r, &got));
    CHECK(!r.failed);
    /* Every shorter prefix: what is whole is read, never more. */
    for (size_t len = 0; len < w.len; len++) {
        uint8_t copy[1024];
        int n = 0;

        memcpy(copy, room, len);
        r = at_reader_over(copy, len);
        while (at_locks_next_held(&r, &got)) {
            n++;
        }
        CHECK(n <= 1);
    }
}

TEST(a_payload_of_another_kind_is_refused)
{
    uint8_t room[64];
    struct at_writer w = at_writer_over(room, sizeof(room));
    struct at_locks_of of = {.op = 3};
    struct at_locks_ask ask;

    CHECK_INT(at_message_pack(&at_locks_of_kind, &of, &w), 0);
    CHECK_INT(at_locks_read(&at_locks_of_kind, at_writer_bytes(&w), &of), 0);
    CHECK_INT(of.op, 3);
    CHECK_INT(at_locks_read(&at_locks_ask_kind, at_writer_bytes(&w), &ask), AT_MESSAGE_MALFORMED);
    CHECK_INT(at_locks_read(&at_locks_of_kind, at_bytes_of(NULL), &of), AT_MESSAGE_MALFORMED);
}

TEST(names_are_judged)
{
    static const char *const good[] = {"a", "checkout", "cart-17", "a/b:c.d_E"};
    static const char *const bad[] = {"", "a b", "a*", "\xc3\xa4", "a\n"};
    char longest[AT_LOCKS_NAME_MAX + 2];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK(at_locks_is_name(at_bytes_of(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(!at_locks_is_name(at_bytes_of(bad[i])));
    }
    memset(longest, 'x', sizeof(longest));
    CHECK(at_locks_is_name(at_bytes_over(longest, AT_LOCKS_NAME_MAX)));
    CHECK(!at_locks_is_name(at_bytes_over(longest, AT_LOCKS_NAME_MAX + 1)));
    CHECK(!at_locks_is_name(at_bytes_over("a\0b", 3)));
}

TEST_MAIN("control/locks")
