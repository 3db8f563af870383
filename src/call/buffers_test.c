#include "call/buffers.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "at_test.h"
#include "call/limits.h"

TEST(a_buffer_that_came_back_is_used_again_for_what_fits_into_it)
{
    struct at_buffers b;
    struct at_list holder;
    void *first;

    at_buffers_init(&b);
    at_list_init(&holder);
    first = at_buffers_take(&b, 1 << 20, &holder);
    CHECK(first != NULL && (uintptr_t)first % 64 == 0);
    memset(first, 1, 1 << 20);
    at_buffers_give(&b, &holder);
    CHECK(at_list_is_empty(&holder));
    CHECK(at_buffers_take(&b, 900000, &holder) == first);
    CHECK(at_buffers_take(&b, 900000, &holder) != first);
    at_buffers_give(&b, &holder);
    CHECK(at_buffers_take(&b, 2 << 20, &holder) != first);
    at_buffers_give(&b, &holder);
    at_buffers_deinit(&b);
}

TEST(no_more_is_kept_than_the_bound)
{
    struct at_buffers b;
    struct at_list holder;

    at_buffers_init(&b);
    at_list_init(&holder);
    for (int i = 0; i < 20; i++) {
        CHECK(at_buffers_take(&b, 1 << 20, &holder) != NULL);
    }
    CHECK(at_buffers_size(&holder) >= 20 << 20);
    at_buffers_give(&b, &holder);
    CHECK(b.kept_bytes <= AT_CALL_KEPT_BYTES && b.kept_bytes > AT_CALL_KEPT_BYTES / 2);
    CHECK(at_buffers_take(&b, AT_CALL_KEPT_BYTES + 1, &holder) != NULL);
    at_buffers_give(&b, &holder);
    CHECK(b.kept_bytes <= AT_CALL_KEPT_BYTES);
    at_buffers_deinit(&b);
}

TEST(what_is_kept_makes_way_for_what_is_too_large_for_it)
{
    struct at_buffers b;
    struct at_list holder;

    at_buffers_init(&b);
    at_list_init(&holder);
    for (int i = 0; i < 7; i++) {
        CHECK(at_buffers_take(&b, 1 << 20, &holder) != NULL);
    }
    at_buffers_give(&b, &holder);
    CHECK(at_buffers_take(&b, AT_CALL_KEPT_BYTES / 2, &holder) != NULL);
    CHECK(b.kept_bytes <= AT_CALL_KEPT_BYTES / 2 && b.kept_bytes > 0);
    CHECK(at_buffers_take(&b, AT_CALL_KEPT_BYTES + 1, &holder) != NULL);
    CHECK_INT(b.kept_bytes, 0);
    at_buffers_give(&b, &holder);
    at_buffers_deinit(&b);
}

TEST(what_was_not_used_between_two_looks_goes_back_to_the_system)
{
    struct at_buffers b;
    struct at_list holder;

    at_buffers_init(&b);
    at_list_init(&holder);
    CHECK(at_buffers_take(&b, 100000, &holder) != NULL);
    at_buffers_give(&b, &holder);
    CHECK(at_buffers_tidy(&b));
    CHECK(at_buffers_take(&b, 100000, &holder) != NULL);
    at_buffers_give(&b, &holder);
    CHECK(at_buffers_tidy(&b));
    CHECK(!at_buffers_tidy(&b));
    CHECK_INT(b.kept_bytes, 0);
    at_buffers_deinit(&b);
}

TEST(when_nobody_looks_any_more_nothing_is_kept)
{
    struct at_buffers b;
    struct at_list holder;

    at_buffers_init(&b);
    at_list_init(&holder);
    CHECK(at_buffers_take(&b, 100000, &holder) != NULL);
    CHECK(!at_buffers_tidy(&b)); /* it is still out */
    at_buffers_give(&b, &holder);
    CHECK_INT(b.kept_bytes, 0);
    at_buffers_deinit(&b);
}

TEST(a_buffer_holds_its_bytes_and_no_others)
{
    struct at_buffers b;
    struct at_list holder;
    struct at_list other;
    char *at;

    at_buffers_init(&b);
    at_list_init(&holder);
    at_list_init(&other);
    at = at_buffers_take(&b, 70000, &holder);
    CHECK(at != NULL);
    CHECK(at_buffers_hold(&holder, at, 70000));
    CHECK(at_buffers_hold(&holder, at + 69999, 1));
    CHECK(!at_buffers_hold(&holder, at - 1, 2));
    CHECK(!at_buffers_hold(&holder, at, (size_t)1 << 20));
    CHECK(!at_buffers_hold(&holder, at, SIZE_MAX));
    CHECK(!at_buffers_hold(&other, at, 1));
    at_buffers_move(&holder, &other);
    CHECK(at_list_is_empty(&holder) && at_buffers_hold(&other, at, 70000));
    at_buffers_give(NULL, &other);
    at_buffers_deinit(&b);
}

TEST(a_length_beyond_all_memory_is_refused)
{
    struct at_buffers b;
    struct at_list holder;

    at_buffers_init(&b);
    at_list_init(&holder);
    CHECK(at_buffers_take(&b, SIZE_MAX, &holder) == NULL);
    CHECK(at_buffers_take(&b, SIZE_MAX / 2, &holder) == NULL);
    CHECK(at_list_is_empty(&holder));
    at_buffers_deinit(&b);
}

static void *use(void *user)
{
    struct at_list holder;

    at_list_init(&holder);
    for (int i = 0; i < 300; i++) {
        uint8_t *at = at_buffers_take(user, 20000 + (size_t)i * 100, &holder);

        CHECK(at != NULL);
        at[0] = 1;
        at[19999] = 1;
        at_buffers_give(user, &holder);
        (void)at_buffers_tidy(user);
    }
    return NULL;
}

TEST(threads_may_take_and_give_at_once)
{
    struct at_buffers b;
    pthread_t threads[4];

    at_buffers_init(&b);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, use, &b), 0);
    }
    for (int i = 0; i < 4; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    }
    at_buffers_deinit(&b);
}

TEST_MAIN("call/buffers")
