/* Looking up by number and by name, and ranges of numbers. */
#include "contract/index.h"

#include <errno.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"

TEST(what_is_in_an_index_is_found_by_number_and_by_name)
{
    struct at_arena arena;
    struct at_index_entry entries[] = {
        {7, AT_LIT("seven"), 0}, {-1, AT_LIT("minus"), 1}, {3, AT_LIT("three"), 2}};
    struct at_index index;

    at_arena_init(&arena, 64, 1 << 16);
    CHECK_INT(at_index_make(&arena, entries, 3, &index), 0);
    CHECK_INT(at_index_number(&index, 7)->at, 0);
    CHECK_INT(at_index_number(&index, -1)->at, 1);
    CHECK_INT(at_index_number(&index, 3)->at, 2);
    CHECK(at_index_number(&index, 4) == NULL);
    CHECK(at_index_number(&index, INT64_MIN) == NULL);
    CHECK(at_index_number(&index, INT64_MAX) == NULL);
    CHECK_INT(at_index_name(&index, AT_LIT("minus"))->number, -1);
    CHECK_INT(at_index_name(&index, AT_LIT("three"))->number, 3);
    CHECK(at_index_name(&index, AT_LIT("thre")) == NULL);
    CHECK(at_index_name(&index, AT_LIT("")) == NULL);
    at_arena_deinit(&arena);
}

TEST(of_several_with_one_number_the_first_declared_is_found)
{
    struct at_arena arena;
    struct at_index_entry entries[] = {
        {1, AT_LIT("b"), 0}, {0, AT_LIT("x"), 1}, {1, AT_LIT("a"), 2}, {1, AT_LIT("c"), 3}};
    struct at_index index;

    at_arena_init(&arena, 64, 1 << 16);
    CHECK_INT(at_index_make(&arena, entries, 4, &index), 0);
    CHECK_BYTES(at_index_number(&index, 1)->name, "b");
    at_arena_deinit(&arena);
}

TEST(an_empty_index_holds_nothing)
{
    struct at_arena arena;
    struct at_index_entry none[1];
    struct at_index index;

    at_arena_init(&arena, 64, 1 << 16);
    CHECK_INT(at_index_make(&arena, none, 0, &index), 0);
    CHECK(at_index_number(&index, 0) == NULL);
    CHECK(at_index_name(&index, AT_LIT("a")) == NULL);
    at_arena_deinit(&arena);
    at_arena_init(&arena, 64, 0);
    CHECK_INT(at_index_make(&arena, none, 0, &index), -ENOMEM);
    at_arena_deinit(&arena);
}

TEST(ranges_that_touch_or_overlap_become_one)
{
    struct at_range ranges[] = {{10, 20}, {1, 3}, {3, 5}, {15, 30}, {40, 41}, {2, 3}};
    size_t count = 6;

    at_ranges_merge(ranges, &count);
    CHECK_INT(count, 3);
    CHECK_INT(ranges[0].start, 1);
    CHECK_INT(ranges[0].end, 5);
    CHECK_INT(ranges[1].start, 10);
    CHECK_INT(ranges[1].end, 30);
    CHECK_INT(ranges[2].start, 40);
}

TEST(a_part_is_covered_only_by_one_merged_range_that_holds_all_of_it)
{
    struct at_range ranges[] = {{1, 5}, {10, 30}};

    CHECK(at_ranges_cover(ranges, 2, (struct at_range){1, 5}));
    CHECK(at_ranges_cover(ranges, 2, (struct at_range){29, 30}));
    CHECK(!at_ranges_cover(ranges, 2, (struct at_range){0, 1}));
    CHECK(!at_ranges_cover(ranges, 2, (struct at_range){4, 6}));
    CHECK(!at_ranges_cover(ranges, 2, (struct at_range){5, 6}));
    CHECK(!at_ranges_cover(ranges, 2, (struct at_range){4, 11}));
    CHECK(!at_ranges_cover(ranges, 2, (struct at_range){30, 31}));
    CHECK(!at_ranges_cover(ranges, 0, (struct at_range){1, 2}));
}

TEST_MAIN("contract/index")
