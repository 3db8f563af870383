/* Who gets a thread when there are more requests than threads: this process calls, others serve. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <atoll/atoll.h>

#include "at_test.h"
#include "base/clock.h"
#include "libatoll/test_stage.h"
#include "test.atoll.h"

typedef struct test_call_v1_Request request;
typedef struct test_call_v1_Reply reply;

enum { CALLERS_MAX = 64, DEPTH = 4 };

struct caller {
    pthread_t thread;
    int calls;
    int depth;
    int failures;
    char reason[200];
};

static void *call_in_a_circle(void *user)
{
    struct caller *c = user;
    struct atoll_call *call = atoll_call_new();
    request in = {.depth = c->depth};
    reply out;

    for (int i = 0; i < c->calls; i++) {
        atoll_call_reset(call);
        atoll_call_set_timeout(call, 20 * AT_SECOND_NS);
        if (test_call_v1_Alpha_bounce(call, &in, &out) != ATOLL_OK || out.depth != c->depth) {
            c->failures++;
            (void)snprintf(c->reason, sizeof(c->reason), "%s", atoll_call_reason(call));
        }
    }
    atoll_call_free(call);
    return NULL;
}

/* How many calls of so many threads failed. */
static int call_from(int threads, int calls, int depth)
{
    struct caller callers[CALLERS_MAX];
    int failures = 0;

    for (int i = 0; i < threads; i++) {
        callers[i] = (struct caller){.calls = calls, .depth = depth};
        CHECK(pthread_create(&callers[i].thread, NULL, call_in_a_circle, &callers[i]) == 0);
    }
    for (int i = 0; i < threads; i++) {
        CHECK(pthread_join(callers[i].thread, NULL) == 0);
        failures += callers[i].failures;
        if (callers[i].failures > 0 && failures == callers[i].failures) {
            (void)printf("# %s\n", callers[i].reason);
        }
    }
    return failures;
}

TEST(calls_in_a_circle_finish_under_load_because_what_was_begun_goes_first)
{
    struct stage s;

    begin(&s);
    add_server(&s, "alpha", NULL);
    add_server(&s, "beta", NULL);
    CHECK_INT(call_from(16, 10, DEPTH), 0);
    CHECK_INT(call_from(CALLERS_MAX, 5, DEPTH), 0);
    end(&s);
}

TEST(so_they_do_when_handlers_are_few)
{
    struct stage s;

    begin(&s);
    add_server(&s, "alpha", "2");
    add_server(&s, "beta", "2");
    CHECK_INT(call_from(32, 5, DEPTH), 0);
    end(&s);
}

TEST(where_one_handler_runs_at_a_time_no_second_one_runs_inside_of_it)
{
    struct stage s;
    request in = {.depth = 2};
    reply out;

    begin(&s);
    add_server(&s, "alpha", "1");
    add_server(&s, "beta", "1");
    CHECK_INT(test_call_v1_Alpha_bounce(s.call, &in, &out), ATOLL_RESOURCE_EXHAUSTED);
    CHECK(strstr(atoll_call_reason(s.call), "circle") != NULL);
    in.depth = 1;
    CHECK_INT(test_call_v1_Alpha_bounce(s.call, &in, &out), ATOLL_OK);
    end(&s);
}

struct chats {
    struct atoll_call *calls[2];
    struct atoll_stream *streams[2];
};

static void hold_all_threads(struct chats *c)
{
    request in = {0};
    reply out;

    for (int i = 0; i < 2; i++) {
        c->calls[i] = atoll_call_new();
        CHECK_INT(test_call_v1_Alpha_chat_open(c->calls[i], &c->streams[i]), ATOLL_OK);
        CHECK_INT(test_call_v1_Alpha_chat_send(c->streams[i], &in), ATOLL_OK);
        CHECK_INT(test_call_v1_Alpha_chat_recv(c->streams[i], &out), ATOLL_OK);
    }
}

static void let_go(struct chats *c, int i)
{
    CHECK_INT(test_call_v1_Alpha_chat_finish(c->streams[i]), ATOLL_OK);
    atoll_call_free(c->calls[i]);
}

static void on_done(void *user, struct atoll_call *call, int status)
{
    (void)call;
    *(int *)user = status;
}

TEST(a_request_waits_longer_than_a_second_for_a_handler_of_a_stream_to_end)
{
    struct stage s;
    struct chats chats;
    struct atoll_call *later = NULL;
    request in = {0};
    reply out;
    int status = -1;
    uint64_t begun;

    begin(&s);
    add_server(&s, "alpha", "2");
    hold_all_threads(&chats);
    later = atoll_call_new();
    begun = at_now_ns();
    CHECK_INT(test_call_v1_Alpha_echo_async(later, &in, &out, on_done, &status), ATOLL_OK);
    while (at_now_ns() - begun < 1300 * AT_MILLISECOND_NS) {
        (void)atoll_poll(50);
        CHECK_INT(status, -1);
    }
    let_go(&chats, 0);
    while (status < 0) {
        (void)atoll_poll(-1);
    }
    CHECK_INT(status, ATOLL_OK);
    atoll_call_free(later);
    let_go(&chats, 1);
    end(&s);
}

TEST(a_request_that_no_stream_made_room_for_says_at_its_deadline_what_to_do)
{
    struct stage s;
    struct chats chats;
    reply out;
    bool told = false;

    begin(&s);
    add_server(&s, "alpha", "2");
    hold_all_threads(&chats);
    for (int i = 0; i < 10 && !told; i++) { /* a busy machine may let us give up first */
        atoll_call_reset(s.call);
        atoll_call_set_timeout(s.call, AT_SECOND_NS / 10);
        CHECK_INT(echo(s.call, "nobody is free", &out), ATOLL_DEADLINE_EXCEEDED);
        told = strstr(atoll_call_reason(s.call),
                      "all 2 threads (threads_max) are held by handlers of open streams; raise "
                      "threads_max, or keep streams with atoll_stream_keep()") != NULL;
    }
    CHECK(told);
    let_go(&chats, 0);
    atoll_call_reset(s.call);
    CHECK_INT(echo(s.call, "free again", &out), ATOLL_OK);
    let_go(&chats, 1);
    end(&s);
}

TEST(a_nested_call_out_of_a_stream_comes_back_though_streams_hold_all_threads)
{
    struct stage s;
    struct chats chats;
    request in = {.depth = 4};
    reply out;

    begin(&s);
    add_server(&s, "alpha", "2");
    add_server(&s, "beta", "2");
    hold_all_threads(&chats);
    CHECK_INT(test_call_v1_Alpha_chat_send(chats.streams[0], &in), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_chat_recv(chats.streams[0], &out), ATOLL_OK);
    let_go(&chats, 0);
    let_go(&chats, 1);
    end(&s);
}

static void *call_on_and_on(void *user)
{
    struct caller *c = user;
    struct atoll_call *call = atoll_call_new();
    reply out;

    for (int i = 0; i < c->calls; i++) {
        atoll_call_reset(call);
        c->failures += echo(call, "hello", &out) != ATOLL_OK;
    }
    atoll_call_free(call);
    return NULL;
}

static long switches(void)
{
    struct rusage r;

    CHECK_INT(getrusage(RUSAGE_SELF, &r), 0);
    return r.ru_nvcsw;
}

TEST(a_caller_among_many_is_woken_when_its_reply_is_there_and_hardly_else)
{
    enum { CALLS = 6400 };
    static const int threads[] = {1, 4, 16, CALLERS_MAX};
    struct stage s;
    struct caller callers[CALLERS_MAX];
    reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(echo(s.call, "ready?", &out), ATOLL_OK);
    for (size_t k = 0; k < sizeof(threads) / sizeof(threads[0]); k++) {
        int n = threads[k];
        long before = switches();
        double per_call;

        for (int i = 0; i < n; i++) {
            callers[i] = (struct caller){.calls = CALLS / n};
            CHECK(pthread_create(&callers[i].thread, NULL, call_on_and_on, &callers[i]) == 0);
        }
        for (int i = 0; i < n; i++) {
            CHECK(pthread_join(callers[i].thread, NULL) == 0);
            CHECK_INT(callers[i].failures, 0);
        }
        per_call = (double)(switches() - before) / (double)CALLS;
        CHECK(per_call < 4); /* 1 to 2 when the machine is free, the test's supervisor counted in */
    }
    end(&s);
}

TEST_MAIN("libatoll/workers")
