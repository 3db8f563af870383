/*
 * Neighbours that are one version apart. Built three times: this process and its supervisor speak
 * today's version of the conversation and of the channel's layout and the server the next one, the
 * other way round, and all of them the next.
 */
#include "libatoll/test_stage.h"

#ifndef EXPECTED_LAYOUT
#define EXPECTED_LAYOUT 2
#endif

TEST(a_service_of_one_version_is_called_by_a_program_of_another)
{
    struct stage s;
    struct test_call_v1_Reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    for (int i = 0; i < 10; i++) {
        CHECK_INT(echo(s.call, "hello", &out), ATOLL_OK);
        CHECK(is(out.payload, "hello"));
        CHECK(is(out.caller_instance, "asker.1"));
    }
    CHECK_INT((long)s.tiny->last_layout, EXPECTED_LAYOUT);
    end(&s);
}

TEST(a_new_supervisor_of_another_version_is_greeted_again)
{
    struct stage s;
    struct test_call_v1_Reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(echo(s.call, "before", &out), ATOLL_OK);
    (void)pthread_mutex_lock(&s.lock);
    tiny_resume(s.tiny);
    (void)pthread_mutex_unlock(&s.lock);
    CHECK_INT(echo(s.call, "after", &out), ATOLL_OK);
    add_server(&s, "alpha", NULL);
    kill_server(&s, 0);
    CHECK_INT(echo(s.call, "the second", &out), ATOLL_OK);
    end(&s);
}

TEST_MAIN("libatoll/versions")
