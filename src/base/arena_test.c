#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#include "at_test.h"
#include "base/bytes.h"

TEST(allocations_are_aligned_and_do_not_overlap)
{
    struct at_arena a;
    char *before = NULL;

    at_arena_init(&a, 64, 1 << 20);
    for (size_t i = 1; i < 200; i++) {
        char *p = at_arena_alloc(&a, i, 8);

        CHECK(p != NULL && (uintptr_t)p % 8 == 0);
        memset(p, (int)i, i);
        CHECK(before == NULL || before[i - 2] == (char)(i - 1));
        before = p;
    }
    at_arena_deinit(&a);
}

TEST(the_limit_holds_to_the_byte_and_reset_gives_room_back)
{
    struct at_arena a;

    at_arena_init(&a, 64, 256);
    CHECK(at_arena_alloc(&a, 257, 1) == NULL);
    CHECK(at_arena_alloc(&a, SIZE_MAX, 1) == NULL);
    CHECK(at_arena_alloc(&a, 256, 1) != NULL);
    CHECK(at_arena_alloc(&a, 1, 1) == NULL);
    at_arena_reset(&a);
    CHECK(at_arena_alloc(&a, 256, 1) != NULL);
    at_arena_deinit(&a);
}

TEST(a_count_that_overflows_is_refused)
{
    struct at_arena a;

    at_arena_init(&a, 64, SIZE_MAX);
    CHECK(at_arena_zalloc(&a, SIZE_MAX / 2, 3) == NULL);
    at_arena_deinit(&a);
}

TEST(text_is_copied_with_its_nul)
{
    struct at_arena a;

    at_arena_init(&a, 64, 4096);
    CHECK_STR(at_arena_copy(&a, at_bytes_of("abc")), "abc");
    CHECK_STR(at_arena_printf(&a, "%d-%s", 7, "x"), "7-x");
    at_arena_deinit(&a);
}

TEST(what_an_arena_holds_lies_within_one_of_its_blocks)
{
    struct at_arena a;
    char other[16];
    char *first;
    char *second;

    at_arena_init(&a, 64, 4096);
    CHECK(!at_arena_holds(&a, other, 1));
    first = at_arena_alloc(&a, 64, 1);
    second = at_arena_alloc(&a, 128, 1);
    CHECK(first != NULL && second != NULL);
    CHECK(at_arena_holds(&a, first, 64) && at_arena_holds(&a, second, 128));
    CHECK(at_arena_holds(&a, first + 63, 1) && !at_arena_holds(&a, first + 1, 64));
    CHECK(!at_arena_holds(&a, first - 1, 1) && !at_arena_holds(&a, other, sizeof(other)));
    CHECK(!at_arena_holds(&a, first, SIZE_MAX) && !at_arena_holds(&a, NULL, 0));
    at_arena_deinit(&a);
    CHECK(!at_arena_holds(&a, first, 1));
}

TEST(the_newest_allocation_grows_and_shrinks_where_it_is)
{
    struct at_arena a;
    char *first;
    char *second;

    at_arena_init(&a, 64, 4096);
    CHECK(!at_arena_resize(&a, NULL, 0, 0));
    first = at_arena_alloc(&a, 10, 1);
    CHECK(first != NULL && at_arena_resize(&a, first, 10, 20));
    second = at_arena_alloc(&a, 10, 1);
    CHECK(second == first + 20);
    CHECK(!at_arena_resize(&a, first, 20, 21)); /* it is not the newest any more */
    CHECK(!at_arena_resize(&a, second, 10, 45) && at_arena_resize(&a, second, 10, 44));
    CHECK(at_arena_resize(&a, second, 44, 0) && at_arena_alloc(&a, 1, 1) == second);
    at_arena_deinit(&a);
}

TEST(the_end_of_the_free_room_can_be_taken_until_the_arena_is_reset)
{
    struct at_arena a;
    struct at_arena_room room;
    char *p;

    at_arena_init(&a, 64, 4096);
    CHECK(at_arena_room(&a).at == NULL && at_arena_room(&a).len == 0);
    p = at_arena_alloc(&a, 10, 1);
    room = at_arena_room(&a);
    CHECK(room.at == p + 10 && room.len == 54);
    at_arena_take_end(&a, 50);
    CHECK(at_arena_room(&a).at == p + 10 && at_arena_room(&a).len == 4);
    CHECK(at_arena_alloc(&a, 4, 1) == p + 10 && at_arena_holds(&a, p + 14, 50));
    at_arena_reset(&a);
    CHECK(at_arena_room(&a).at == p && at_arena_room(&a).len == 64);
    at_arena_deinit(&a);
}

TEST(out_of_memory_is_null)
{
    WITH_EACH_ALLOCATION_FAILING({
        struct at_arena a;

        at_arena_init(&a, 64, 4096);
        for (int i = 0; i < 8; i++) {
            (void)at_arena_alloc(&a, 100, 1);
        }
        at_arena_deinit(&a);
    });
}

TEST_MAIN("base/arena")
