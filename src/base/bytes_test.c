#include "base/bytes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"

TEST(a_piece_is_cut_at_each_separator_and_the_end_is_told)
{
    struct at_bytes rest = at_bytes_of("a,,bc");
    struct at_bytes piece;

    CHECK(at_bytes_cut(&rest, ',', &piece));
    CHECK_BYTES(piece, "a");
    CHECK(at_bytes_cut(&rest, ',', &piece));
    CHECK_BYTES(piece, "");
    CHECK(at_bytes_cut(&rest, ',', &piece));
    CHECK_BYTES(piece, "bc");
    CHECK(!at_bytes_cut(&rest, ',', &piece));
}

TEST(numbers_hold_exactly_to_their_limits)
{
    uint64_t u;
    int64_t i;

    CHECK(at_bytes_to_u64(at_bytes_of("18446744073709551615"), &u) && u == UINT64_MAX);
    CHECK(!at_bytes_to_u64(at_bytes_of("18446744073709551616"), &u));
    CHECK(!at_bytes_to_u64(at_bytes_of("99999999999999999999999"), &u));
    CHECK(!at_bytes_to_u64(at_bytes_of(""), &u));
    CHECK(!at_bytes_to_u64(at_bytes_of("+1"), &u));
    CHECK(!at_bytes_to_u64(at_bytes_of("1 "), &u));
    CHECK(at_bytes_to_i64(at_bytes_of("-9223372036854775808"), &i) && i == INT64_MIN);
    CHECK(!at_bytes_to_i64(at_bytes_of("-9223372036854775809"), &i));
    CHECK(at_bytes_to_i64(at_bytes_of("9223372036854775807"), &i) && i == INT64_MAX);
    CHECK(!at_bytes_to_i64(at_bytes_of("9223372036854775808"), &i));
    CHECK(!at_bytes_to_i64(at_bytes_of("-"), &i));
}

static bool utf8(const char *s)
{
    return at_bytes_is_utf8(at_bytes_of(s));
}

TEST(utf8_takes_every_scalar_value_and_nothing_else)
{
    CHECK(utf8("plain ascii that is longer than eight bytes"));
    CHECK(utf8("\xC2\x80 \xDF\xBF \xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xF0\x90\x80\x80"));
    CHECK(utf8("\xF4\x8F\xBF\xBF"));
    CHECK(!utf8("\xC0\x80"));         /* overlong NUL */
    CHECK(!utf8("\xC1\xBF"));         /* overlong */
    CHECK(!utf8("\xE0\x9F\xBF"));     /* overlong */
    CHECK(!utf8("\xF0\x8F\xBF\xBF")); /* overlong */
    CHECK(!utf8("\xED\xA0\x80"));     /* surrogate */
    CHECK(!utf8("\xF4\x90\x80\x80")); /* above U+10FFFF */
    CHECK(!utf8("\xF5\x80\x80\x80"));
    CHECK(!utf8("\x80"));
    CHECK(!utf8("12345678\xE2\x82")); /* cut short, behind the eight-byte path */
}

TEST(a_reader_that_ran_out_stays_failed_and_yields_zeros)
{
    static const uint8_t three[] = {1, 2, 3};
    struct at_reader r = at_reader_over(three, sizeof(three));

    CHECK(at_read_be(&r, 2) == 0x0102);
    CHECK(at_reader_left(&r) == 1);
    CHECK(at_read_le(&r, 2) == 0);
    CHECK(r.failed);
    CHECK(at_read_le(&r, 1) == 0); /* one byte is left, but the reader has failed for good */
}

TEST(a_sized_field_over_its_limit_fails_the_reader)
{
    uint8_t room[32];
    struct at_writer w = at_writer_over(room, sizeof(room));
    struct at_reader r;

    at_write_sized(&w, at_bytes_of("four"));
    r = at_reader_over(room, w.len);
    CHECK_BYTES(at_read_sized(&r, 4), "four");
    r = at_reader_over(room, w.len);
    CHECK(at_read_sized(&r, 3).len == 0);
    CHECK(r.failed);
}

TEST(a_writer_never_passes_the_end_of_its_buffer)
{
    uint8_t room[4] = {0};
    struct at_writer w = at_writer_over(room, 3);

    at_write_be(&w, 0x0102, 2);
    at_write_le(&w, 0x0304, 2);
    CHECK(w.failed);
    CHECK(at_writer_bytes(&w).len == 0);
    CHECK_INT(room[3], 0);
}

TEST(crc32c_matches_the_vectors_of_rfc_3720_b_4)
{
    uint8_t block[32];

    memset(block, 0, sizeof(block));
    CHECK(at_bytes_crc32c(at_bytes_over(block, 32)) == 0x8A9136AAU);
    memset(block, 0xFF, sizeof(block));
    CHECK(at_bytes_crc32c(at_bytes_over(block, 32)) == 0x62A8AB43U);
    for (uint8_t i = 0; i < 32; i++) {
        block[i] = i;
    }
    CHECK(at_bytes_crc32c(at_bytes_over(block, 32)) == 0x46DD794EU);
}

TEST(comparing_puts_the_shorter_prefix_first)
{
    CHECK(at_bytes_compare(at_bytes_of("ab"), at_bytes_of("abc")) < 0);
    CHECK(at_bytes_compare(at_bytes_of("b"), at_bytes_of("abc")) > 0);
    CHECK(at_bytes_compare(at_bytes_of(""), at_bytes_of("")) == 0);
    CHECK(at_bytes_equal_nocase(at_bytes_of("Content-Length"), at_bytes_of("content-lENGTH")));
    CHECK(!at_bytes_equal_nocase(at_bytes_of("\xC4"), at_bytes_of("\xE4")));
}

TEST_MAIN("base/bytes")
