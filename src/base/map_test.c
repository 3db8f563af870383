#include "base/map.h"

#include <errno.h>
#include <stdio.h>

#include "at_test.h"
#include "base/bytes.h"

static int numbers[1000];

static struct at_bytes key_of(int i, char *room, size_t cap)
{
    int n = snprintf(room, cap, "key-%d", i);

    return at_bytes_over(room, (size_t)n);
}

TEST(what_was_put_is_found_and_what_was_removed_is_not)
{
    struct at_map m;
    char room[32];

    at_map_init(&m, 7);
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(at_map_put(&m, key_of(i, room, sizeof(room)), &numbers[i]), 0);
    }
    for (int i = 0; i < 1000; i += 3) {
        CHECK(at_map_remove(&m, key_of(i, room, sizeof(room))) == &numbers[i]);
    }
    for (int i = 0; i < 1000; i++) {
        CHECK(at_map_get(&m, key_of(i, room, sizeof(room))) == (i % 3 == 0 ? NULL : &numbers[i]));
    }
    at_map_deinit(&m);
}

TEST(the_walk_meets_every_entry_once)
{
    struct at_map m;
    char room[32];
    size_t pos = 0;
    size_t met = 0;

    at_map_init(&m, 0);
    for (int i = 0; i < 100; i++) {
        CHECK_INT(at_map_put(&m, key_of(i, room, sizeof(room)), &numbers[i]), 0);
    }
    while (at_map_next(&m, &pos) != NULL) {
        met++;
    }
    CHECK_INT(met, 100);
    at_map_deinit(&m);
}

TEST(the_empty_key_is_a_key)
{
    struct at_map m;

    at_map_init(&m, 1);
    CHECK(at_map_get(&m, at_bytes_of("")) == NULL);
    CHECK_INT(at_map_put(&m, at_bytes_of(""), &numbers[1]), 0);
    CHECK(at_map_get(&m, at_bytes_of("")) == &numbers[1]);
    at_map_deinit(&m);
}

TEST(a_failed_put_leaves_the_map_as_it_was)
{
    WITH_EACH_ALLOCATION_FAILING({
        struct at_map m;
        int r = 0;

        at_map_init(&m, 0);
        for (int i = 0; i < 20 && r == 0; i++) {
            char room[32];
            size_t used = m.used;

            r = at_map_put(&m, key_of(i, room, sizeof(room)), &numbers[i]);
            CHECK(r == 0 || (r == -ENOMEM && m.used == used));
            CHECK((at_map_get(&m, key_of(i, room, sizeof(room))) != NULL) == (r == 0));
        }
        at_map_deinit(&m);
    });
}

TEST_MAIN("base/map")
