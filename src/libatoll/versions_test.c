/*
 * Neighbours that are one version apart. Built twice: this process, its supervisor and their peers
 * speak version 1 and the server 2, and the other way round.
 */
#include "libatoll/test_stage.h"

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
