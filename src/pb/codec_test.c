#include "pb/codec.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "everything.atoll.h"
#include "pb/fault.h"
#include "pb/limits.h"

#define ALL (&test_v1_Everything_desc)

enum { ARENA_MAX = 1 << 28 };

static struct at_arena arena;
static struct at_pb_fault fault;
static struct test_v1_Everything got;

static void begin(void)
{
    at_arena_init(&arena, 1024, ARENA_MAX);
    memset(&fault, 0, sizeof(fault));
}

static int decode(const void *at, size_t len)
{
    return at_pb_decode(ALL, at_bytes_over(at, len), &arena, &got, &fault);
}

/* decode("\x08\x01") */
#define DECODE(literal) decode(literal, sizeof(literal) - 1)

static struct at_bytes encode(const struct test_v1_Everything *m)
{
    struct at_bytes b = {0};

    CHECK_INT(at_pb_encode_in_arena(ALL, m, &arena, &b), 0);
    return b;
}

static bool is(struct atoll_str s, const char *text)
{
    return at_bytes_equal(at_bytes_over(s.at, s.len), at_bytes_of(text));
}

static struct test_v1_Everything full(void)
{
    static int32_t int32s[] = {0, 1, -1, INT32_MAX, INT32_MIN};
    static struct atoll_str strings[] = {{"a", 1}, {"", 0}, {"\xC3\xA4", 2}};
    static struct test_v1_Everything_Item items[] = {{.item_id = 1}, {0}, {.note = {"n", 1}}};
    static double doubles[] = {0.5, -0.0, 1e300};
    static int32_t colors[] = {TEST_V1_COLOR_RED, 77, TEST_V1_COLOR_COLD};
    static int64_t sint64s[] = {INT64_MIN, -1, 0, INT64_MAX};
    static bool bools[] = {true, false, true};
    static uint32_t fixed32s[] = {0, UINT32_MAX};
    static struct test_v1_Everything_CountsEntry counts[] = {{.key = {"x", 1}, .value = 7},
                                                             {.value = 0}};
    static struct test_v1_Everything nested = {.an_int32 = 5};

    return (struct test_v1_Everything){
        .a_double = 1.5,
        .a_float = -2.5F,
        .an_int64 = INT64_MIN,
        .a_uint64 = UINT64_MAX,
        .an_int32 = INT32_MIN,
        .a_fixed64 = UINT64_MAX - 1,
        .a_fixed32 = UINT32_MAX - 1,
        .a_bool = true,
        .a_string = ATOLL_STR("hello"),
        .nested = &nested,
        .some_bytes = {"\xFF\x00", 2},
        .a_uint32 = UINT32_MAX,
        .color = TEST_V1_COLOR_COLD,
        .an_sfixed32 = INT32_MIN,
        .an_sfixed64 = INT64_MIN,
        .an_sint32 = INT32_MIN,
        .an_sint64 = INT64_MIN,
        .has_maybe_int32 = true,
        .has_maybe_string = true,
        .payload_case = test_v1_Everything_text_number,
        .payload = {.text = ATOLL_STR("chosen")},
        .int32s = {int32s, 5},
        .loose_int32s = {int32s, 5},
        .strings = {strings, 3},
        .items = {items, 3},
        .doubles = {doubles, 3},
        .colors = {colors, 3},
        .sint64s = {sint64s, 4},
        .bools = {bools, 3},
        .blobs = {strings, 3},
        .fixed32s = {fixed32s, 2},
        .counts = {counts, 2},
    };
}

TEST(every_kind_of_field_comes_back_as_it_went)
{
    struct test_v1_Everything in = full();
    struct at_bytes b;

    begin();
    b = encode(&in);
    CHECK_INT(decode(b.at, b.len), 0);
    CHECK(got.a_double == 1.5 && got.a_float == -2.5F);
    CHECK(got.an_int64 == INT64_MIN && got.a_uint64 == UINT64_MAX && got.an_int32 == INT32_MIN);
    CHECK(got.a_fixed64 == UINT64_MAX - 1 && got.a_fixed32 == UINT32_MAX - 1);
    CHECK(got.a_bool && is(got.a_string, "hello") && got.a_uint32 == UINT32_MAX);
    CHECK(got.color == TEST_V1_COLOR_COLD && got.nested->an_int32 == 5);
    CHECK(got.an_sfixed32 == INT32_MIN && got.an_sfixed64 == INT64_MIN);
    CHECK(got.an_sint32 == INT32_MIN && got.an_sint64 == INT64_MIN);
    CHECK(got.some_bytes.len == 2 && memcmp(got.some_bytes.at, "\xFF\x00", 2) == 0);
    CHECK(got.has_maybe_int32 && got.maybe_int32 == 0 && got.has_maybe_string);
    CHECK(!got.has_maybe_bool && got.payload_case == 32 && is(got.payload.text, "chosen"));
    CHECK(got.int32s.count == 5 && got.int32s.at[4] == INT32_MIN && got.loose_int32s.count == 5);
    CHECK(got.strings.count == 3 && is(got.strings.at[2], "\xC3\xA4"));
    CHECK(got.items.count == 3 && is(got.items.at[2].note, "n"));
    CHECK(got.doubles.at[2] == 1e300 && got.colors.at[1] == 77 && got.sint64s.at[0] == INT64_MIN);
    CHECK(got.bools.count == 3 && !got.bools.at[1] && got.fixed32s.at[1] == UINT32_MAX);
    CHECK(got.counts.count == 2 && got.counts.at[0].value == 7 && got.unknown_fields == NULL);
    at_arena_deinit(&arena);
}

TEST(encoding_what_was_decoded_gives_the_same_bytes)
{
    struct test_v1_Everything in = full();
    struct at_bytes b;
    struct at_bytes again;

    begin();
    b = encode(&in);
    CHECK_INT(decode(b.at, b.len), 0);
    again = encode(&got);
    CHECK(at_bytes_equal(b, again));
    at_arena_deinit(&arena);
}

TEST(zero_is_not_sent_but_a_zero_with_presence_is)
{
    struct test_v1_Everything in = {.has_maybe_bool = true, .payload_case = 31};

    begin();
    CHECK(at_bytes_equal(encode(&in), AT_LIT("\xB8\x01\x00\xF8\x01\x00")));
    in = (struct test_v1_Everything){0};
    CHECK_INT((int)encode(&in).len, 0);
    at_arena_deinit(&arena);
}

TEST(minus_zero_is_not_zero)
{
    struct test_v1_Everything in = {.a_double = -0.0};

    begin();
    CHECK_INT((int)encode(&in).len, 9);
    at_arena_deinit(&arena);
}

TEST(packed_and_unpacked_are_both_read)
{
    begin();
    /* int32s (41) unpacked, then packed; loose_int32s (42) packed, then unpacked */
    CHECK_INT(DECODE("\xC8\x02\x01\xCA\x02\x02\x02\x03\xD2\x02\x02\x04\x05\xD0\x02\x06"), 0);
    CHECK(got.int32s.count == 3 && got.int32s.at[0] == 1 && got.int32s.at[2] == 3);
    CHECK(got.loose_int32s.count == 3 && got.loose_int32s.at[2] == 6);
    /* an empty packed list is a list of none */
    CHECK_INT(DECODE("\xCA\x02\x00"), 0);
    CHECK(got.int32s.count == 0);
    at_arena_deinit(&arena);
}

TEST(packed_values_that_do_not_fill_their_length_are_refused)
{
    begin();
    CHECK_INT(DECODE("\xEA\x02\x07xxxxxxx"), AT_PB_BAD_LENGTH);
    CHECK_INT(DECODE("\xCA\x02\x02\x01\x80"), AT_PB_TRUNCATED);
    at_arena_deinit(&arena);
}

TEST(of_a_oneof_the_last_member_stays)
{
    begin();
    CHECK_INT(DECODE("\x82\x02\x01t\xF8\x01\x05"), 0);
    CHECK(got.payload_case == 31 && got.payload.number == 5);
    /* item, then other_item, then item: a new one, nothing is merged across */
    CHECK_INT(DECODE("\x8A\x02\x02\x08\x01\x92\x02\x02\x08\x02\x8A\x02\x02\x10\x03"), 0);
    CHECK(got.payload_case == 33 && got.payload.item->item_id == 0);
    CHECK(got.payload.item->quantity == 3);
    /* the same member twice merges */
    CHECK_INT(DECODE("\x8A\x02\x02\x08\x01\x8A\x02\x02\x10\x03"), 0);
    CHECK(got.payload.item->item_id == 1 && got.payload.item->quantity == 3);
    at_arena_deinit(&arena);
}

TEST(two_encodings_behind_each_other_are_the_merge_of_the_messages)
{
    begin();
    CHECK_INT(DECODE("\x28\x01\x5A\x02\x28\x07\xCA\x02\x01\x01"
                     "\x28\x02\x5A\x02\x40\x01\xCA\x02\x01\x02"),
              0);
    CHECK(got.an_int32 == 2 && got.nested->an_int32 == 7 && got.nested->a_bool);
    CHECK(got.int32s.count == 2 && got.int32s.at[1] == 2);
    at_arena_deinit(&arena);
}

TEST(each_shorter_prefix_is_cut_at_a_field_or_refused)
{
    struct test_v1_Everything in = full();
    struct at_bytes b;

    begin();
    b = encode(&in);
    for (size_t i = 0; i < b.len; i++) {
        int r = decode(b.at, i);

        CHECK(r == AT_PB_OK || r == AT_PB_TRUNCATED);
        CHECK(r == AT_PB_OK || fault.offset <= i);
    }
    at_arena_deinit(&arena);
}

TEST(a_varint_of_ten_bytes_is_read_and_a_longer_one_refused)
{
    begin();
    CHECK_INT(DECODE("\x18\x85\x80\x80\x80\x80\x80\x80\x80\x80\x00"), 0);
    CHECK(got.an_int64 == 5);
    CHECK_INT(DECODE("\x18\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), 0);
    CHECK(got.an_int64 == -1);
    CHECK_INT(DECODE("\x18\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"), 0); /* 70 bits */
    CHECK(got.an_int64 == -1);
    CHECK_INT(DECODE("\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), AT_PB_BAD_VARINT);
    CHECK_STR(fault.field, "an_int64");
    CHECK_INT(DECODE("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), AT_PB_BAD_VARINT);
    at_arena_deinit(&arena);
}

TEST(a_32_bit_field_takes_the_low_half_as_every_protobuf_does)
{
    begin();
    CHECK_INT(DECODE("\x28\x80\x80\x80\x80\x10"), 0); /* 2^32 */
    CHECK(got.an_int32 == 0);
    CHECK_INT(DECODE("\x68\xFF\xFF\xFF\xFF\x1F"), 0); /* 2^33 - 1 */
    CHECK(got.a_uint32 == UINT32_MAX);
    CHECK_INT(DECODE("\x40\x80\x80\x80\x80\x10"), 0); /* a bool of 2^32 */
    CHECK(got.a_bool);
    at_arena_deinit(&arena);
}

TEST(impossible_tags_are_refused)
{
    begin();
    CHECK_INT(DECODE("\x00\x01"), AT_PB_BAD_TAG);                     /* number 0 */
    CHECK_INT(DECODE("\x0E\x01"), AT_PB_BAD_TAG);                     /* wire type 6 */
    CHECK_INT(DECODE("\x0F\x01"), AT_PB_BAD_TAG);                     /* wire type 7 */
    CHECK_INT(DECODE("\x80\x80\x80\x80\x10\x01"), AT_PB_BAD_TAG);     /* number 2^29 */
    CHECK_INT(DECODE("\xA8\x80\x80\x80\x10\x01"), AT_PB_BAD_TAG);     /* field 5 plus 2^29 */
    CHECK_INT(DECODE("\xA8\x80\x80\x80\x00\x01"), 0);                 /* field 5 in 5 bytes */
    CHECK_INT(DECODE("\xA8\x80\x80\x80\x80\x00\x01"), AT_PB_BAD_TAG); /* in 6 bytes */
    CHECK_INT(DECODE("\xA3\x06\xA8\x80\x80\x80\x80\x00\x01\xA4\x06"),
              AT_PB_BAD_TAG);                         /* in an unknown group */
    CHECK_INT(DECODE("\xF8\xFF\xFF\xFF\x0F\x01"), 0); /* 2^29 - 1 is the last one */
    at_arena_deinit(&arena);
}

/* n messages within each other, the innermost empty. */
static struct at_bytes nested(size_t n)
{
    struct at_bytes inner = {0};

    for (size_t i = 1; i < n; i++) {
        uint8_t *at = at_arena_alloc(&arena, inner.len + 8, 1);
        struct at_writer w = at_writer_over(at, inner.len + 8);

        at_write_be(&w, 0x5A, 1);
        if (inner.len >= 0x80) {
            at_write_be(&w, (inner.len & 0x7F) | 0x80, 1);
        }
        at_write_be(&w, inner.len < 0x80 ? inner.len : inner.len >> 7, 1);
        at_write_bytes(&w, inner);
        inner = at_writer_bytes(&w);
    }
    return inner;
}

TEST(a_hundred_messages_deep_is_read_and_one_more_refused)
{
    struct at_bytes b;

    begin();
    b = nested(AT_PB_DEPTH_MAX);
    CHECK_INT(decode(b.at, b.len), 0);
    b = nested(AT_PB_DEPTH_MAX + 1);
    CHECK_INT(decode(b.at, b.len), AT_PB_TOO_DEEP);
    CHECK(strncmp(fault.field, "nested.nested.", 14) == 0);
    at_arena_deinit(&arena);
}

TEST(a_message_that_holds_itself_is_not_encoded_for_ever)
{
    struct test_v1_Everything in = {0};
    char room[4096];
    struct at_bytes b;
    size_t size;

    in.nested = &in;
    CHECK_INT(at_pb_size(ALL, &in, &size), AT_PB_TOO_DEEP);
    CHECK_INT(at_pb_encode(ALL, &in, room, sizeof(room), &b), AT_PB_TOO_DEEP);
}

TEST(lengths_up_to_2_to_the_64_are_refused_where_they_stand)
{
    begin();
    CHECK_INT(DECODE("\x4A\xFF\xFF\xFF\xFF\x07x"), AT_PB_TRUNCATED); /* 2^31 - 1 */
    CHECK_INT(DECODE("\x4A\x80\x80\x80\x80\x08x"), AT_PB_TRUNCATED); /* 2^31 */
    CHECK_INT(DECODE("\x4A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), AT_PB_TRUNCATED);
    CHECK_STR(fault.field, "a_string");
    CHECK_INT((int)fault.offset, 1);
    /* Nothing of it is read: the bytes are not there. */
    CHECK_INT(decode("", (size_t)AT_PB_MESSAGE_MAX + 1), AT_PB_TOO_BIG);
    at_arena_deinit(&arena);
}

TEST(an_error_says_byte_field_and_element)
{
    begin();
    CHECK_INT(DECODE("\xE2\x02\x02\x08\x01\xE2\x02\x03\x1A\x01\xFF"), AT_PB_BAD_UTF8);
    CHECK_STR(fault.field, "items[1].note");
    CHECK_INT((int)fault.offset, 10);
    CHECK_STR(fault.what, "field items[1].note is not well-formed UTF-8, at byte 10");
    at_arena_deinit(&arena);
}

TEST(strings_are_checked_for_utf8_and_bytes_are_not)
{
    begin();
    CHECK_INT(DECODE("\x4A\x02\xC0\x80"), AT_PB_BAD_UTF8);     /* overlong NUL */
    CHECK_INT(DECODE("\x4A\x03\xED\xA0\x80"), AT_PB_BAD_UTF8); /* a surrogate */
    CHECK_INT(DECODE("\x4A\x01\x00"), 0);                      /* NUL is a character */
    CHECK_INT(DECODE("\x62\x02\xC0\x80"), 0);
    got = (struct test_v1_Everything){.a_string = {"\xFF", 1}};
    CHECK_INT(at_pb_encode_in_arena(ALL, &got, &arena, &(struct at_bytes){0}), AT_PB_BAD_UTF8);
    at_arena_deinit(&arena);
}

/* What is said of a message that cannot be encoded. */
static const char *why_not(const struct test_v1_Everything *m, int expected)
{
    struct at_bytes b;
    uint8_t room[4096];
    int r = at_pb_encode(ALL, m, room, sizeof(room), &b);

    CHECK_INT(r, expected);
    at_pb_explain_encode(ALL, m, r, &fault);
    return fault.what;
}

TEST(a_string_that_cannot_be_sent_is_named_by_its_path)
{
    struct atoll_str bad = {"x\xFF", 2};
    struct atoll_str strings[] = {ATOLL_STR("\xC3\xA4"), bad};
    struct test_v1_Everything_Item items[] = {{.item_id = 1}, {.note = bad}};
    struct test_v1_Everything_WordsEntry words[] = {{.value = ATOLL_STR("fine")}, {.value = bad}};
    struct test_v1_Everything m = {.a_string = bad};
    struct test_v1_Everything around = {.nested = &m};

    CHECK_STR(why_not(&m, AT_PB_BAD_UTF8), "field a_string is not well-formed UTF-8");
    CHECK_STR(fault.field, "a_string");
    CHECK_STR(why_not(&around, AT_PB_BAD_UTF8), "field nested.a_string is not well-formed UTF-8");
    m = (struct test_v1_Everything){.has_maybe_string = true, .maybe_string = bad};
    CHECK_STR(why_not(&m, AT_PB_BAD_UTF8), "field maybe_string is not well-formed UTF-8");
    m = (struct test_v1_Everything){.strings = {strings, 2}};
    CHECK_STR(why_not(&m, AT_PB_BAD_UTF8), "field strings[1] is not well-formed UTF-8");
    m = (struct test_v1_Everything){.items = {items, 2}};
    CHECK_STR(why_not(&around, AT_PB_BAD_UTF8),
              "field nested.items[1].note is not well-formed UTF-8");
    m = (struct test_v1_Everything){.words = {words, 2}};
    CHECK_STR(why_not(&m, AT_PB_BAD_UTF8), "field words[1].value is not well-formed UTF-8");
}

TEST(a_string_that_is_not_sent_is_not_blamed)
{
    struct atoll_str bad = {"x\xFF", 2};
    struct test_v1_Everything m = {.maybe_string = bad, .payload.text = bad, .some_bytes = bad};
    struct test_v1_Everything below = {.a_string = bad};
    struct at_bytes b;
    uint8_t room[64];

    m.payload_case = test_v1_Everything_number_number; /* and no text stands there any more */
    m.payload.number = 7;
    CHECK_INT(at_pb_encode(ALL, &m, room, sizeof(room), &b), 0);
    m.nested = &below;
    CHECK_STR(why_not(&m, AT_PB_BAD_UTF8), "field nested.a_string is not well-formed UTF-8");
}

TEST(what_no_single_field_is_to_blame_for_is_said_of_the_message)
{
    struct test_v1_Everything m = {.an_int32 = 1};

    m.nested = &m;
    CHECK(strstr(why_not(&m, AT_PB_TOO_DEEP), "field nested.nested.nested") != NULL);
    CHECK(strstr(fault.what, "is nested deeper than 100 messages") != NULL);
    m.nested = NULL;
    at_pb_explain_encode(ALL, &m, AT_PB_TOO_BIG, &fault);
    CHECK_STR(fault.what, "the message test.v1.Everything is longer than 2147483647 bytes");
    CHECK_STR(fault.field, "");
    at_pb_explain_encode(ALL, &m, -ENOMEM, &fault);
    CHECK_STR(fault.what, "the message test.v1.Everything does not fit into the memory granted");
    at_pb_explain_encode(ALL, &m, AT_PB_BAD_UTF8, &fault); /* mended meanwhile */
    CHECK_STR(fault.what, "the message test.v1.Everything is not well-formed UTF-8");
}

TEST(what_is_encoded_into_an_arena_takes_the_end_of_its_room_and_no_more)
{
    struct test_v1_Everything in = full();
    struct at_arena_room room;
    struct at_bytes first;
    struct at_bytes b;

    at_arena_init(&arena, 4096, ARENA_MAX);
    first = encode(&in); /* no memory yet: measured */
    room = at_arena_room(&arena);
    b = encode(&in);
    CHECK(at_bytes_equal(first, b));
    CHECK(b.at + b.len == (const uint8_t *)room.at + room.len);
    CHECK(at_arena_room(&arena).at == room.at && at_arena_room(&arena).len == room.len - b.len);
    for (int i = 0; i < 40; i++) { /* into what is left of a block and into new ones */
        CHECK(at_bytes_equal(first, encode(&in)) && at_bytes_equal(first, b));
    }
    at_arena_deinit(&arena);
}

TEST(unknown_fields_of_every_wire_type_are_kept_and_sent_again)
{
    static const char unknown[] = "\xB8\x3E\x05" /* 999: varint */
                                  "\xB9\x3E"
                                  "12345678" /* fixed64 */
                                  "\xBA\x3E\x03"
                                  "abc"                      /* bytes */
                                  "\xBB\x3E\x08\x01\xBC\x3E" /* group */
                                  "\xBD\x3E"
                                  "1234"; /* fixed32 */
    struct at_bytes b;
    size_t n = sizeof(unknown) - 1;
    char with_known[64];

    begin();
    CHECK_INT(decode(unknown, n), 0);
    CHECK(at_bytes_equal(encode(&got), at_bytes_over(unknown, n)));
    /* scattered among known ones they are gathered behind, in their order */
    memcpy(with_known, unknown, 3);
    memcpy(with_known + 3, "\x28\x07", 2);
    memcpy(with_known + 5, unknown + 3, n - 3);
    CHECK_INT(decode(with_known, n + 2), 0);
    b = encode(&got);
    CHECK(at_bytes_equal(at_bytes_before(b, 2), AT_LIT("\x28\x07")));
    CHECK(at_bytes_equal(at_bytes_after(b, 2), at_bytes_over(unknown, n)));
    at_arena_deinit(&arena);
}

TEST(a_known_field_in_another_wire_type_is_kept_as_unknown)
{
    begin();
    CHECK_INT(DECODE("\x2A\x01x"), 0); /* an_int32 as bytes */
    CHECK(got.an_int32 == 0);
    CHECK(at_bytes_equal(encode(&got), AT_LIT("\x2A\x01x")));
    at_arena_deinit(&arena);
}

TEST(groups_must_end_as_they_began)
{
    char deep[2 * 101 + 1];

    begin();
    CHECK_INT(DECODE("\xBB\x3E\x08\x01"), AT_PB_TRUNCATED);
    CHECK_INT(DECODE("\xBB\x3E\xC4\x3E"), AT_PB_BAD_GROUP);
    CHECK_INT(DECODE("\xBC\x3E"), AT_PB_BAD_GROUP);
    for (size_t i = 0; i < 101; i++) {
        memcpy(deep + 2 * i, "\xBB\x3E", 2);
    }
    CHECK_INT(decode(deep, 202), AT_PB_TOO_DEEP);
    at_arena_deinit(&arena);
}

TEST(a_million_unknown_fields_cost_linear_time)
{
    enum { N = 1000000 };
    uint8_t *in = malloc(5 * N);
    size_t count = 0;
    const struct atoll_unknown *piece;

    begin();
    CHECK(in != NULL);
    for (size_t i = 0; i < N; i++) { /* each behind a known one: a piece of its own */
        memcpy(in + 5 * i, "\xB8\x3E\x05\x28\x01", 5);
    }
    CHECK_INT(decode(in, 5 * N), 0);
    piece = got.unknown_fields;
    do {
        count++;
        piece = piece->next;
    } while (piece != got.unknown_fields);
    CHECK_INT((int)count, N);
    CHECK_INT((int)encode(&got).len, 3 * N + 2);
    free(in);
    at_arena_deinit(&arena);
}

TEST(an_arena_that_is_full_is_an_error_and_not_a_crash)
{
    uint8_t in[3000];

    at_arena_init(&arena, 64, 4096);
    for (size_t i = 0; i < sizeof(in); i += 3) { /* three bytes in, an Item out */
        memcpy(in + i, "\xE2\x02\x00", 3);
    }
    CHECK_INT(decode(in, sizeof(in)), -ENOMEM);
    at_arena_deinit(&arena);
}

TEST(when_the_nth_allocation_fails_so_does_the_call)
{
    struct test_v1_Everything in = full();
    uint8_t room[2048];
    struct at_bytes b;

    CHECK_INT(at_pb_encode(ALL, &in, room, sizeof(room), &b), 0);
    WITH_EACH_ALLOCATION_FAILING({
        int r;

        at_arena_init(&arena, 64, ARENA_MAX);
        r = decode(b.at, b.len);
        CHECK(r == 0 || r == -ENOMEM);
        at_arena_deinit(&arena);
    });
}

TEST(the_size_is_exact_and_a_byte_less_is_no_room)
{
    struct test_v1_Everything in = full();
    uint8_t room[2048];
    struct at_bytes b;
    size_t size;

    CHECK_INT(at_pb_size(ALL, &in, &size), 0);
    CHECK_INT(at_pb_encode(ALL, &in, room, size, &b), 0);
    CHECK(b.at == room && b.len == size);
    for (size_t cap = 0; cap < size; cap++) {
        CHECK_INT(at_pb_encode(ALL, &in, room, cap, &b), AT_PB_NO_ROOM);
    }
}

TEST(a_list_in_pieces_is_one_list)
{
    uint8_t in[400];
    size_t len = 0;

    begin();
    for (size_t i = 0; i < 50; i++) {
        memcpy(in + len, "\xE2\x02\x02\x08", 4);
        in[len + 4] = (uint8_t)i;
        memcpy(in + len + 5, "\x28\x01", 2); /* an_int32 between them */
        len += i % 3 == 0 ? 7 : 5;
    }
    CHECK_INT(decode(in, len), 0);
    CHECK_INT((int)got.items.count, 50);
    for (int i = 0; i < 50; i++) {
        CHECK_INT(got.items.at[i].item_id, i);
    }
    at_arena_deinit(&arena);
}

TEST_MAIN("pb/codec")
