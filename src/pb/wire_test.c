/* The wire's small things: numbers of every length, UTF-8, and where the encoder's window ends. */
#include "pb/wire.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"

static size_t write_varint(uint8_t *p, uint64_t v)
{
    size_t n = 0;

    for (; v >= 0x80; v >>= 7) {
        p[n++] = (uint8_t)(v | 0x80);
    }
    p[n++] = (uint8_t)v;
    return n;
}

TEST(numbers_of_every_length_are_read_with_and_without_room_behind_them)
{
    for (unsigned bits = 0; bits < 64; bits++) {
        for (int delta = -1; delta <= 1; delta++) {
            uint64_t v = ((uint64_t)1 << bits) + (uint64_t)(int64_t)delta;
            uint8_t room[32];
            size_t n;

            memset(room, 0xFF, sizeof(room));
            n = write_varint(room, v);
            for (size_t end = n; end <= sizeof(room); end++) {
                struct at_pb_varint a = at_pb_get_value(room, room + end);
                struct at_pb_varint b = at_pb_get_varint(room, room + end);

                CHECK(a.behind == room + n && a.value == v);
                CHECK(b.behind == room + n && b.value == v);
            }
            for (size_t end = 0; end < n; end++) {
                CHECK(at_pb_get_value(room, room + end).behind == NULL);
            }
        }
    }
}

/* A number of its own in a message of one field, and a text of any length in one of another. */
struct number {
    struct atoll_unknown *unknown;
    uint64_t value;
    struct atoll_str text;
};

static const struct atoll_field_desc fields[] = {
    {1 << 3, offsetof(struct number, value), 0, 0, ATOLL_KIND(IMPLICIT, UINT64), 0},
    {2 << 3 | 2, offsetof(struct number, text), 0, 0, ATOLL_KIND(IMPLICIT, STRING), 0},
};
static const struct atoll_message_desc number_desc = {.size = sizeof(number_desc),
                                                      .struct_size = sizeof(struct number),
                                                      .field_count = 2,
                                                      .dense_count = 2,
                                                      .fields = fields,
                                                      .full_name = "t.Number"};

TEST(numbers_of_every_length_are_written)
{
    for (unsigned bits = 0; bits < 64; bits++) {
        for (int delta = 0; delta <= 1; delta++) {
            struct number m = {.value = ((uint64_t)1 << bits) - (uint64_t)delta};
            uint8_t expected[16] = {1 << 3};
            size_t n = m.value == 0 ? 0 : 1 + write_varint(expected + 1, m.value);
            uint8_t wide[512];
            struct at_bytes b;

            CHECK_INT(at_pb_encode(&number_desc, &m, wide, sizeof(wide), &b), 0);
            CHECK(at_bytes_equal(b, at_bytes_over(expected, n)));
            CHECK_INT(at_pb_encode(&number_desc, &m, wide, n, &b), 0); /* through our own window */
            CHECK(at_bytes_equal(b, at_bytes_over(expected, n)));
        }
    }
}

TEST(texts_of_every_length_fit_into_buffers_of_every_size)
{
    static char text[700];
    static uint8_t room[1200];

    memset(text, 'x', sizeof(text));
    for (size_t len = 0; len < sizeof(text); len += len < 40 ? 1 : 37) {
        struct number m = {.value = 300, .text = {text, len}};
        struct at_bytes b;
        size_t size;

        CHECK_INT(at_pb_size(&number_desc, &m, &size), 0);
        for (size_t cap = size == 0 ? 0 : size - 1; cap < size + 400; cap++) {
            struct number again;
            struct at_arena arena;

            room[cap] = 0xA5;
            CHECK_INT(at_pb_encode(&number_desc, &m, room, cap, &b),
                      cap < size ? AT_PB_NO_ROOM : 0);
            CHECK(room[cap] == 0xA5);
            if (cap < size) {
                continue;
            }
            CHECK(b.len == size && b.at + b.len == room + cap);
            at_arena_init(&arena, 64, 1024);
            CHECK_INT(at_pb_decode(&number_desc, b, &arena, &again, NULL), 0);
            CHECK(again.value == 300 && again.text.len == len &&
                  (len == 0 || memcmp(again.text.at, text, len) == 0));
            at_arena_deinit(&arena);
        }
    }
}

TEST(unknown_fields_and_long_texts_pass_by_the_window)
{
    static char text[3000];
    static uint8_t room[8192];
    struct atoll_unknown piece = {.bytes = {text, sizeof(text)}};
    struct number m = {.value = 1, .text = {text, sizeof(text)}, .unknown = &piece};
    struct at_bytes b;
    size_t size;

    memset(text, 'y', sizeof(text));
    piece.next = &piece;
    CHECK_INT(at_pb_size(&number_desc, &m, &size), 0);
    CHECK_INT((int)size, 2 + 1 + 2 + 3000 + 3000);
    for (size_t cap = size - 1; cap < size + 600; cap++) {
        CHECK_INT(at_pb_encode(&number_desc, &m, room, cap, &b), cap < size ? AT_PB_NO_ROOM : 0);
        if (cap >= size) {
            CHECK(b.len == size && b.at[0] == 1 << 3 && b.at[2] == (2 << 3 | 2) &&
                  memcmp(b.at + 5, text, sizeof(text)) == 0);
        }
    }
}

TEST(ascii_is_told_from_all_else_at_every_place)
{
    uint8_t text[70];

    for (size_t len = 0; len <= sizeof(text); len++) {
        memset(text, 0x7F, sizeof(text));
        CHECK(at_pb_is_ascii(text, len));
        for (size_t i = 0; i < len; i++) {
            text[i] = 0x80;
            CHECK(!at_pb_is_ascii(text, len));
            text[i] = 0x7F;
        }
    }
}

/* The slow one of base/ is the measure; of lead bytes all, of the others those at the limits. */
TEST(utf8_is_judged_as_the_rfc_says)
{
    static const uint8_t others[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    enum { N = sizeof(others) };

    for (size_t i = 0; i < 256 * N * N * N; i++) {
        uint8_t text[16] = "aaaaaaaaaaaaaaa";
        size_t at = i % 9;
        size_t rest = i / 256;

        text[at] = (uint8_t)(i % 256);
        for (size_t j = 1; j <= 3; j++, rest /= N) {
            text[at + j] = others[rest % N];
        }
        for (size_t len = at + 1; len <= sizeof(text); len += 3) {
            CHECK(at_pb_is_utf8(text, len) == at_bytes_is_utf8(at_bytes_over(text, len)));
        }
    }
}

TEST_MAIN("pb/wire")
