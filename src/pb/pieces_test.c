/* Encoding into pieces: the same bytes as ever, with the long texts where they are. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "everything.atoll.h"
#include "pb/codec.h"

#define ALL (&test_v1_Everything_desc)

enum { LONG = AT_PB_REFER_MIN, LONGEST = 3 * LONG };

static char text[LONGEST];

static void begin(struct at_arena *arena)
{
    memset(text, 'x', sizeof(text));
    at_arena_init(arena, 1024, 1 << 24);
}

static struct at_bytes joined(struct at_arena *arena, const struct at_pb_pieces *pieces)
{
    uint8_t *to = at_arena_alloc(arena, pieces->len + 1, 1);
    size_t len = 0;

    CHECK(to != NULL);
    for (size_t i = 0; i < pieces->count; i++) {
        CHECK(pieces->at[i].len > 0);
        memcpy(to + len, pieces->at[i].at, pieces->at[i].len);
        len += pieces->at[i].len;
    }
    CHECK_INT(len, pieces->len);
    return at_bytes_over(to, len);
}

/* How many pieces are the message's own text. */
static size_t referred(const struct at_pb_pieces *pieces)
{
    size_t n = 0;

    for (size_t i = 0; i < pieces->count; i++) {
        const char *at = (const char *)pieces->at[i].at;

        n += at >= text && at < text + sizeof(text);
    }
    return n;
}

/* Checks the bytes against the plain encoder; how many texts were referred to. */
static size_t check(const struct test_v1_Everything *m, at_pb_may_refer *may)
{
    struct at_arena arena;
    struct at_pb_pieces pieces;
    struct at_bytes plain;
    struct at_bytes both;
    size_t n;

    at_arena_init(&arena, 1024, 1 << 24);
    CHECK_INT(at_pb_encode_in_arena(ALL, m, &arena, &plain), 0);
    CHECK_INT(at_pb_encode_in_pieces(ALL, m, &arena, may, NULL, &pieces), 0);
    both = joined(&arena, &pieces);
    CHECK(at_bytes_equal(plain, both));
    n = referred(&pieces);
    at_arena_deinit(&arena);
    return n;
}

static bool never(void *user, const void *at, size_t len)
{
    (void)user;
    (void)at;
    CHECK(len >= AT_PB_REFER_MIN);
    return false;
}

TEST(a_long_text_is_referred_to_wherever_it_stands)
{
    static struct atoll_str strings[] = {{text, LONG}, {"short", 5}, {text, LONGEST}};
    static struct test_v1_Everything inner = {.an_int32 = 5, .some_bytes = {text, LONG}};
    static struct test_v1_Everything middle = {.nested = &inner, .a_string = {text, LONG + 1}};
    struct at_arena arena;
    struct test_v1_Everything m = {.some_bytes = {text, LONG}};

    begin(&arena);
    CHECK_INT(check(&m, NULL), 1);
    m = (struct test_v1_Everything){.a_string = {text, LONG}, .a_uint32 = 7};
    CHECK_INT(check(&m, NULL), 1);
    m = (struct test_v1_Everything){.nested = &middle, .an_int32 = -1, .a_uint32 = 9};
    CHECK_INT(check(&m, NULL), 2);
    m.strings = (__typeof__(m.strings)){strings, 3};
    m.some_bytes = (struct atoll_str){text, LONG};
    CHECK_INT(check(&m, NULL), 5);
    at_arena_deinit(&arena);
}

TEST(what_is_shorter_or_may_not_be_referred_to_is_copied)
{
    static struct atoll_str strings[] = {{text, LONG - 1}, {text, LONG - 1}};
    struct at_arena arena;
    struct test_v1_Everything m = {.some_bytes = {text, LONG - 1}};

    begin(&arena);
    CHECK_INT(check(&m, NULL), 0);
    m.strings = (__typeof__(m.strings)){strings, 2};
    CHECK_INT(check(&m, NULL), 0);
    m.some_bytes.len = LONGEST;
    CHECK_INT(check(&m, never), 0);
    CHECK_INT(check(&m, NULL), 1);
    m = (struct test_v1_Everything){0};
    CHECK_INT(check(&m, NULL), 0);
    m.an_int32 = 1;
    CHECK_INT(check(&m, NULL), 0);
    at_arena_deinit(&arena);
}

TEST(lengths_around_the_limits_of_varints_and_windows_are_right)
{
    struct at_arena arena;
    struct test_v1_Everything inner = {.an_int32 = 1};
    struct test_v1_Everything m = {.nested = &inner};

    begin(&arena);
    for (size_t pad = 0; pad < 700; pad += 7) {
        inner.some_bytes = (struct atoll_str){text, LONG + pad};
        m.a_string = (struct atoll_str){text, pad};
        CHECK_INT(check(&m, NULL), 1);
    }
    at_arena_deinit(&arena);
}

TEST(a_long_string_that_is_not_utf8_is_refused_all_the_same)
{
    struct at_arena arena;
    struct at_pb_pieces pieces;
    struct test_v1_Everything m = {.a_string = {text, LONG}};

    begin(&arena);
    text[LONG / 2] = (char)0xFF;
    CHECK_INT(at_pb_encode_in_pieces(ALL, &m, &arena, NULL, NULL, &pieces), AT_PB_BAD_UTF8);
    CHECK_INT(pieces.count, 0);
    at_arena_deinit(&arena);
}

static void encode_some(void)
{
    struct at_arena arena;
    struct at_pb_pieces pieces;
    struct test_v1_Everything m = {.some_bytes = {text, LONG}, .an_int32 = 1};
    int r;

    at_arena_init(&arena, 64, 1 << 24);
    r = at_pb_encode_in_pieces(ALL, &m, &arena, NULL, NULL, &pieces);
    CHECK(r == 0 || r == -ENOMEM);
    at_arena_deinit(&arena);
}

TEST(without_memory_it_says_so)
{
    WITH_EACH_ALLOCATION_FAILING(encode_some());
}

TEST(an_arena_without_room_is_no_memory)
{
    struct test_v1_Everything m = {.some_bytes = {text, LONG}, .an_int32 = 1};

    for (size_t limit = 64; limit < 400; limit += 16) {
        struct at_arena arena;
        struct at_pb_pieces pieces;
        int r;

        at_arena_init(&arena, 64, limit);
        r = at_pb_encode_in_pieces(ALL, &m, &arena, NULL, NULL, &pieces);
        CHECK(r == 0 || r == -ENOMEM);
        at_arena_deinit(&arena);
    }
}

TEST_MAIN("pb/pieces")
