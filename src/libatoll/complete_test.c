/* Ends of asynchronous calls as events and callbacks, asked for by one thread or many. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <atoll/atoll.h>

#include "at_test.h"
#include "base/clock.h"
#include "libatoll/test_stage.h"
#include "test.atoll.h"

struct asked {
    struct atoll_call *call;
    struct test_call_v1_Request in;
    struct test_call_v1_Reply out;
    int told;
};

static void ask(struct asked *a, const char *text)
{
    a->call = atoll_call_new();
    a->in = (struct test_call_v1_Request){.payload = {text, strlen(text)}};
    CHECK_INT(test_call_v1_Alpha_echo_async(a->call, &a->in, &a->out, NULL, a), ATOLL_OK);
}

TEST(an_event_has_the_tag_the_context_and_the_status)
{
    struct stage s;
    struct asked a = {0};
    struct atoll_event event;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(atoll_next(&event, 0), 0);
    CHECK_INT(atoll_next(NULL, 0), -EINVAL);
    ask(&a, "tagged");
    CHECK_INT(atoll_next(&event, 5000), 1);
    CHECK(event.tag == &a && event.call == a.call && event.stream == NULL);
    CHECK_INT(event.status, ATOLL_OK);
    CHECK_INT((int)event.kind, ATOLL_EVENT_CALL);
    CHECK(is(a.out.payload, "tagged"));
    a.in.fail = true; /* the context is free again */
    CHECK_INT(test_call_v1_Alpha_echo_async(a.call, &a.in, &a.out, NULL, NULL), ATOLL_OK);
    CHECK_INT(atoll_next(&event, 5000), 1);
    CHECK(event.tag == NULL);
    CHECK_INT(event.status, ATOLL_FAILED_PRECONDITION);
    CHECK_STR(atoll_call_reason(event.call), "asked to fail, number 42");
    CHECK_INT(atoll_next(&event, 0), 0);
    atoll_call_free(a.call);
    end(&s);
}

static void count(void *user, struct atoll_call *call, int status)
{
    (void)call;
    *(int *)user += status == ATOLL_OK;
}

TEST(callbacks_run_in_whichever_of_the_two_is_called_and_events_wait_for_theirs)
{
    struct stage s;
    struct asked a = {0};
    struct atoll_event event;
    struct test_call_v1_Request in = {0};
    struct test_call_v1_Reply out;
    struct pollfd p = {.events = POLLIN};
    int ran = 0;

    begin(&s);
    p.fd = atoll_poll_fd();
    add_server(&s, "alpha", NULL);
    ask(&a, "an event");
    CHECK_INT(test_call_v1_Alpha_echo_async(s.call, &in, &out, count, &ran), ATOLL_OK);
    while (ran == 0) {
        CHECK(poll(&p, 1, 5000) == 1);
        (void)atoll_poll(0);
    }
    while (atoll_next(&event, 0) == 0) { /* the descriptor stays readable until it is taken */
        CHECK(poll(&p, 1, 5000) == 1);
    }
    CHECK(event.tag == &a);
    CHECK_INT(test_call_v1_Alpha_echo_async(s.call, &in, &out, count, &ran), ATOLL_OK);
    CHECK_INT(atoll_post(&ran, 7), 0);
    CHECK_INT(atoll_next(&event, 5000), 1);
    CHECK(event.tag == &ran && event.status == 7 && event.kind == ATOLL_EVENT_POSTED);
    for (int i = 0; i < 5000 && ran < 2; i++) {
        CHECK_INT(atoll_next(&event, 1), 0);
    }
    CHECK_INT(ran, 2);
    CHECK_INT(atoll_post(NULL, 0), 0); /* left behind: it goes with the library */
    atoll_call_free(a.call);
    end(&s);
}

static int unused(struct atoll_call *call, const struct test_call_v1_Request *in,
                  struct test_call_v1_Reply *out)
{
    (void)in;
    (void)out;
    return atoll_unimplemented(call);
}

static void *serve_beta(void *user)
{
    static const struct test_call_v1_Beta beta = {.bounce = unused};
    struct atoll_service service = test_call_v1_Beta_with(&beta);

    *(int *)user = atoll_serve(&service, 1, NULL);
    return NULL;
}

/* Calls one after the other from a foreign loop; how often it was woken for nothing. */
static int loop_for_nothing(struct stage *s, int calls)
{
    struct test_call_v1_Request in = {0};
    struct test_call_v1_Reply out;
    struct pollfd p = {.fd = atoll_poll_fd(), .events = POLLIN};
    int ran = 0;
    int empty = 0;

    for (int i = 1; i <= calls; i++) {
        CHECK_INT(test_call_v1_Alpha_echo_async(s->call, &in, &out, count, &ran), ATOLL_OK);
        while (ran < i) {
            CHECK(poll(&p, 1, 5000) == 1);
            empty += atoll_poll(0) == 0;
        }
        atoll_call_reset(s->call);
    }
    return empty;
}

TEST(a_foreign_loop_is_woken_for_ends_and_not_for_what_a_serving_thread_takes)
{
    struct stage s;
    pthread_t server;
    int result = -1;

    begin(&s);
    add_server(&s, "alpha", NULL);
    (void)loop_for_nothing(&s, 10);
    CHECK(pthread_create(&server, NULL, serve_beta, &result) == 0);
    (void)usleep(50000); /* it watches */
    CHECK(loop_for_nothing(&s, 200) <= 20);
    (void)pthread_mutex_lock(&s.lock);
    tiny_stop(s.tiny, 0, AT_SECOND_NS);
    (void)pthread_mutex_unlock(&s.lock);
    (void)pthread_join(server, NULL);
    CHECK_INT(result, 0);
    end(&s);
}

enum { THREADS = 4, CALLS = 200 };

struct crowd {
    struct asked asked[CALLS];
    _Atomic int told;
    _Atomic int wrong;
};

static void *take_events(void *user)
{
    struct crowd *crowd = user;
    struct atoll_event event;

    while (atoll_next(&event, -1) == 1 && event.kind != ATOLL_EVENT_POSTED) {
        struct asked *a = event.tag;

        crowd->wrong += event.status != ATOLL_OK || event.call != a->call || a->told++ != 0;
        crowd->told++;
        if (crowd->told % 2 == 0) { /* what an event names belongs to the thread that got it */
            atoll_call_free(a->call);
            a->call = NULL;
        }
    }
    return NULL;
}

TEST(many_threads_share_the_events_and_each_comes_once)
{
    static struct crowd crowd;
    struct stage s;
    pthread_t threads[THREADS];

    begin(&s);
    add_server(&s, "alpha", NULL);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, take_events, &crowd) == 0);
    }
    for (int i = 0; i < CALLS; i++) {
        ask(&crowd.asked[i], "shared");
    }
    for (int i = 0; i < 10000 && crowd.told < CALLS; i++) {
        (void)usleep(1000);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK_INT(atoll_post(NULL, 0), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    CHECK_INT(crowd.told, CALLS);
    CHECK_INT(crowd.wrong, 0);
    for (int i = 0; i < CALLS; i++) {
        atoll_call_free(crowd.asked[i].call);
    }
    end(&s);
}

static void *cancel_soon(void *user)
{
    (void)usleep(50000);
    atoll_call_cancel(user);
    return NULL;
}

TEST(a_call_that_waits_in_one_thread_is_cancelled_from_another)
{
    struct stage s;
    struct test_call_v1_Request in = {.sleep_ms = 3000};
    struct test_call_v1_Reply out;
    pthread_t canceller;
    uint64_t begun;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(echo(s.call, "warm", &out), ATOLL_OK);
    atoll_call_cancel(s.call); /* nothing is under way */
    atoll_call_cancel(NULL);
    begun = at_now_ns();
    CHECK(pthread_create(&canceller, NULL, cancel_soon, s.call) == 0);
    CHECK_INT(test_call_v1_Alpha_echo(s.call, &in, &out), ATOLL_CANCELLED);
    CHECK(at_now_ns() - begun < AT_SECOND_NS);
    (void)pthread_join(canceller, NULL);
    CHECK_STR(atoll_call_reason(s.call), "cancelled by its caller; alpha.1 had taken Echo");
    CHECK_INT(echo(s.call, "again", &out), ATOLL_OK);
    end(&s);
}

TEST(an_event_of_a_context_that_is_freed_first_does_not_come)
{
    struct stage s;
    struct asked a = {0};
    struct atoll_event event;

    begin(&s);
    add_server(&s, "alpha", NULL);
    ask(&a, "forgotten");
    atoll_call_free(a.call);
    ask(&a, "forgotten when it had ended");
    atoll_call_cancel(a.call);
    atoll_call_free(a.call);
    CHECK_INT(atoll_next(&event, 20), 0);
    end(&s);
}

TEST_MAIN("libatoll/complete")
