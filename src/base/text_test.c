#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"

static uint64_t duration(const char *s)
{
    uint64_t ns = 0;

    return at_text_parse_duration(at_bytes_of(s), &ns) ? ns : UINT64_MAX;
}

TEST(durations_are_sums_of_numbers_with_units)
{
    CHECK(duration("250ms") == 250000000U);
    CHECK(duration("1m30s") == 90000000000U);
    CHECK(duration("2h") == 7200000000000U);
    CHECK(duration("10us") == 10000U);
    CHECK(duration("10") == UINT64_MAX);
    CHECK(duration("") == UINT64_MAX);
    CHECK(duration("s") == UINT64_MAX);
    CHECK(duration("-1s") == UINT64_MAX);
    CHECK(duration("1x") == UINT64_MAX);
    CHECK(duration("99999999999999999h") == UINT64_MAX);
}

static uint64_t size_of(const char *s)
{
    uint64_t n = 0;

    return at_text_parse_size(at_bytes_of(s), &n) ? n : UINT64_MAX;
}

TEST(sizes_are_powers_of_1024)
{
    CHECK(size_of("64M") == 64U << 20);
    CHECK(size_of("64MiB") == 64U << 20);
    CHECK(size_of("64mb") == 64U << 20);
    CHECK(size_of("4096") == 4096);
    CHECK(size_of("1.5M") == UINT64_MAX);
    CHECK(size_of("12 M") == UINT64_MAX);
    CHECK(size_of("99999999999999999999T") == UINT64_MAX);
}

TEST(thousandths_take_up_to_three_decimals)
{
    uint64_t n = 0;

    CHECK(at_text_parse_milli(at_bytes_of("0.50"), &n) && n == 500);
    CHECK(at_text_parse_milli(at_bytes_of("2"), &n) && n == 2000);
    CHECK(at_text_parse_milli(at_bytes_of("1.005"), &n) && n == 1005);
    CHECK(!at_text_parse_milli(at_bytes_of("1.0005"), &n));
    CHECK(!at_text_parse_milli(at_bytes_of("1."), &n));
    CHECK(!at_text_parse_milli(at_bytes_of("x"), &n));
}

TEST(the_nearest_word_is_meant_and_a_far_one_is_not)
{
    static const char *const words[] = {"command", "environment", "restart", "uses"};

    CHECK_STR(at_text_nearest(at_bytes_of("comand"), words, 4), "command");
    CHECK_STR(at_text_nearest(at_bytes_of("enviroment"), words, 4), "environment");
    CHECK_STR(at_text_nearest(at_bytes_of("use"), words, 4), "uses");
    CHECK(at_text_nearest(at_bytes_of("zzz"), words, 4) == NULL);
    CHECK_STR(at_text_nearest(at_bytes_of("idd"), (const char *const[]){"id"}, 1), "id");
    CHECK(at_text_nearest(at_bytes_of("bogus"), (const char *const[]){"logs"}, 1) == NULL);
    CHECK_STR(at_text_nearest(at_bytes_of("uess"), words, 4), "uses");
    CHECK(at_text_nearest(at_bytes_of("buns"), words, 4) == NULL);
    CHECK(at_text_nearest(at_bytes_of("bus"), words, 4) == NULL);
    CHECK(at_text_nearest(at_bytes_of("envirnmetns"), words, 4) == NULL);
    CHECK(at_text_nearest(at_bytes_of(""), words, 4) == NULL);
}

static void check_visible(const char *in, const char *out)
{
    struct at_text t;

    at_text_init(&t);
    at_text_add_visible(&t, at_bytes_of(in));
    CHECK_STR(at_text_str(&t), out);
    at_text_deinit(&t);
}

TEST(nothing_visible_can_command_a_terminal)
{
    check_visible("caf\xC3\xA9\tok", "caf\xC3\xA9\tok");
    check_visible("\x1b[2J", "\\x1b[2J");
    check_visible("a\r\nb", "a\\x0d\\x0ab");
    check_visible("\xC2\x9B", "\\xc2\\x9b"); /* C1 CSI */
    check_visible("\xE2\x80\xAE"
                  "evil",
                  "\\xe2\\x80\\xaeevil"); /* right-to-left override */
    check_visible("\xFF", "\\xff");
}

TEST(a_text_that_could_not_grow_stays_failed)
{
    WITH_EACH_ALLOCATION_FAILING({
        struct at_text t;

        at_text_init(&t);
        for (int i = 0; i < 50; i++) {
            at_text_addf(&t, "%d,", i);
        }
        CHECK(t.failed == allocation_failed());
        at_text_deinit(&t);
    });
}

TEST(a_taken_string_belongs_to_the_taker)
{
    struct at_text t;
    char *taken;

    at_text_init(&t);
    taken = at_text_take(&t);
    CHECK_STR(taken, "");
    free(taken);
    at_text_add_str(&t, "abc");
    taken = at_text_take(&t);
    CHECK_STR(taken, "abc");
    CHECK(t.at == NULL);
    free(taken);
}

/* "0,1,2,…", so that it grows many times. */
static void count_to(struct at_text *t, int n)
{
    for (int i = 0; i < n; i++) {
        at_text_addf(t, "%d,", i);
    }
}

TEST(a_text_in_an_arena_grows_in_place_and_gives_back_what_it_does_not_need)
{
    struct at_arena a;
    struct at_text t;
    char *before;
    char *taken;

    at_arena_init(&a, 4096, 1 << 16);
    before = at_arena_alloc(&a, 1, 1);
    at_text_init_in(&t, &a);
    count_to(&t, 100);
    taken = at_text_take(&t);
    CHECK(taken == before + 1 && strlen(taken) == 290 && t.at == NULL);
    CHECK(at_arena_alloc(&a, 1, 1) == taken + 291);
    count_to(&t, 10);
    CHECK(t.at == taken + 292);
    at_text_deinit(&t);
    CHECK(at_arena_alloc(&a, 1, 1) == taken + 292);
    at_arena_deinit(&a);
}

TEST(a_text_in_an_arena_moves_when_others_take_memory_meanwhile)
{
    struct at_arena a;
    struct at_text t;
    struct at_text same;

    at_arena_init(&a, 64, 1 << 20);
    at_text_init_in(&t, &a);
    at_text_init(&same);
    for (int i = 0; i < 200; i++) {
        char *other = at_arena_alloc(&a, 9, 1);

        CHECK(other != NULL);
        memset(other, 'x', 9);
        at_text_addf(&t, "%d,", i);
        at_text_addf(&same, "%d,", i);
    }
    CHECK_STR(at_text_str(&t), at_text_str(&same));
    at_text_deinit(&same);
    at_text_deinit(&t);
    at_arena_deinit(&a);
}

TEST(a_text_uses_its_arena_up_to_the_limit_and_fails_beyond)
{
    static const char bytes[1000];
    struct at_arena a;
    struct at_text t;

    at_arena_init(&a, 64, 1000);
    at_text_init_in(&t, &a);
    at_text_add(&t, at_bytes_over(bytes, 600));
    at_text_add(&t, at_bytes_over(bytes, 399));
    CHECK(!t.failed && t.len == 999);
    at_text_add_char(&t, 'x');
    CHECK(t.failed && at_text_take(&t) == NULL);
    at_text_deinit(&t);
    at_arena_deinit(&a);
    WITH_EACH_ALLOCATION_FAILING({
        at_arena_init(&a, 64, 4096);
        at_text_init_in(&t, &a);
        count_to(&t, 100);
        CHECK(t.failed || strlen(at_text_str(&t)) == 290);
        at_text_deinit(&t);
        at_arena_deinit(&a);
    });
}

TEST_MAIN("base/text")
