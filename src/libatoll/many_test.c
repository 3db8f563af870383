/* One request to several real server processes. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atoll/atoll.h>

#include "at_test.h"
#include "base/clock.h"
#include "libatoll/test_stage.h"
#include "test.atoll.h"

static const struct atoll_many first = {.size = sizeof(first), .rule = ATOLL_MANY_FIRST};
static const struct atoll_many quorum = {.size = sizeof(quorum), .rule = ATOLL_MANY_QUORUM};

typedef int to_many(struct atoll_call *call, const struct test_call_v1_Request *in,
                    const struct atoll_many *how);

static int with_answers(to_many *method, struct stage *s, const struct test_call_v1_Request *in,
                        const struct atoll_many *how, const struct atoll_answers **answers)
{
    int status = method(s->call, in, how);

    *answers = atoll_call_answers(s->call);
    return status;
}

static int ask(struct stage *s, const struct atoll_many *how, const struct atoll_answers **answers)
{
    struct test_call_v1_Request in = {.payload = ATOLL_STR("hello")};

    return with_answers(test_call_v1_Alpha_echo_to_many, s, &in, how, answers);
}

/* Until so many instances take calls. */
static void wait_for(struct stage *s, size_t count)
{
    const struct atoll_answers *answers = NULL;

    for (int i = 0; i < 2000 && (answers == NULL || answers->count != count); i++) {
        atoll_call_reset(s->call);
        (void)ask(s, NULL, &answers);
        (void)usleep(1000);
    }
    CHECK(answers != NULL && answers->count == count);
    atoll_call_reset(s->call);
}

static void begin_with(struct stage *s, int servers)
{
    begin(s);
    for (int i = 0; i < servers; i++) {
        (void)add_server(s, "alpha", NULL);
    }
    wait_for(s, (size_t)servers);
}

/* It has stopped when this returns, and not only been told to. */
static void stop_server(struct stage *s, int i)
{
    int status;

    CHECK_INT(kill(s->servers[i], SIGSTOP), 0);
    CHECK_INT(waitpid(s->servers[i], &status, WUNTRACED), s->servers[i]);
    CHECK(WIFSTOPPED(status));
}

static size_t count_status(const struct atoll_answers *answers, int status)
{
    size_t n = 0;

    for (size_t i = 0; i < answers->count; i++) {
        n += answers->at[i]->status == status;
        CHECK((answers->at[i]->status == ATOLL_OK) == (answers->at[i]->reply != NULL));
        CHECK((answers->at[i]->status == ATOLL_OK) == (answers->at[i]->reason[0] == '\0'));
    }
    return n;
}

TEST(every_instance_answers_once_and_is_named)
{
    struct stage s;
    const struct atoll_answers *answers;
    char name[32];

    begin_with(&s, 3);
    CHECK_INT(ask(&s, NULL, &answers), ATOLL_OK);
    CHECK_INT(answers->count, 3);
    CHECK_INT(answers->ok, 3);
    CHECK_INT(answers->replicas, 3);
    for (int i = 0; i < 3; i++) {
        const struct test_call_v1_Reply *reply = answers->at[i]->reply;

        (void)snprintf(name, sizeof(name), "alpha.%d", i + 1);
        CHECK_STR(answers->at[i]->instance, name);
        CHECK_INT(reply->pid, s.servers[i]);
        CHECK(is(reply->payload, "hello"));
        CHECK(memcmp(reply->trace_id.at, atoll_call_trace_id(s.call), 16) == 0);
    }
    end(&s);
}

TEST(the_first_answer_decides_and_the_rest_is_cancelled)
{
    struct stage s;
    const struct atoll_answers *answers;
    struct test_call_v1_Reply out;

    begin_with(&s, 3);
    stop_server(&s, 1);
    CHECK_INT(ask(&s, &first, &answers), ATOLL_OK);
    CHECK_INT(answers->count, 3);
    CHECK(answers->ok >= 1);
    CHECK_INT(answers->at[1]->status, ATOLL_CANCELLED);
    CHECK(strstr(answers->at[1]->reason, "decided without it") != NULL);
    CHECK_INT(kill(s.servers[1], SIGCONT), 0);
    CHECK_INT(echo(s.call, "and the context is good for more", &out), ATOLL_OK);
    end(&s);
}

TEST(a_quorum_is_more_than_half_or_what_is_asked_for)
{
    struct atoll_many three = {sizeof(three), ATOLL_MANY_QUORUM, 3};
    struct atoll_many four = {sizeof(four), ATOLL_MANY_QUORUM, 4};
    struct stage s;
    const struct atoll_answers *answers;

    begin_with(&s, 3);
    stop_server(&s, 2);
    CHECK_INT(ask(&s, &quorum, &answers), ATOLL_OK);
    CHECK_INT(answers->ok, 2);
    CHECK_INT(answers->at[2]->status, ATOLL_CANCELLED);
    atoll_call_set_timeout(s.call, 150 * AT_MILLISECOND_NS);
    CHECK_INT(ask(&s, &three, &answers), ATOLL_DEADLINE_EXCEEDED);
    CHECK_INT(answers->ok, 2);
    CHECK_INT(answers->at[2]->status, ATOLL_DEADLINE_EXCEEDED);
    CHECK(strstr(atoll_call_reason(s.call), "2 of 3 instances answered OK, 3 needed; alpha.3: ") !=
          NULL);
    CHECK_INT(kill(s.servers[2], SIGCONT), 0);
    atoll_call_reset(s.call);
    CHECK_INT(ask(&s, &four, &answers), ATOLL_UNAVAILABLE); /* at once */
    CHECK(answers == NULL);
    CHECK(strstr(atoll_call_reason(s.call), "4 answers are needed, and 3 of 3") != NULL);
    end(&s);
}

TEST(failures_are_told_by_instance_and_an_unreachable_quorum_at_once)
{
    struct test_call_v1_Request in = {.fail = true};
    struct stage s;
    const struct atoll_answers *answers;

    begin_with(&s, 3);
    CHECK_INT(with_answers(test_call_v1_Alpha_echo_to_many, &s, &in, NULL, &answers),
              ATOLL_FAILED_PRECONDITION);
    CHECK_INT(count_status(answers, ATOLL_FAILED_PRECONDITION), 3);
    CHECK_STR(answers->at[0]->reason, "asked to fail, number 42");
    CHECK(strstr(atoll_call_reason(s.call), "alpha.1: asked to fail") != NULL);
    CHECK_INT(with_answers(test_call_v1_Alpha_echo_to_many, &s, &in, &first, &answers),
              ATOLL_FAILED_PRECONDITION);
    stop_server(&s, 0);
    CHECK_INT(with_answers(test_call_v1_Alpha_echo_to_many, &s, &in, &quorum, &answers),
              ATOLL_FAILED_PRECONDITION);
    CHECK_INT(answers->at[0]->status, ATOLL_CANCELLED); /* two failed: its answer is no use */
    CHECK_INT(kill(s.servers[0], SIGCONT), 0);
    end(&s);
}

/* A file that is not there: whoever finds it so kills itself, which is one of them. */
static void kill_one(struct test_call_v1_Request *in, char *room, size_t cap)
{
    (void)snprintf(room, cap, "/tmp/at-many-%d", (int)getpid());
    (void)unlink(room);
    in->exit_first = (struct atoll_str){.at = room, .len = strlen(room)};
}

TEST(an_instance_that_dies_with_the_request_has_failed_and_nobody_is_asked_in_its_place)
{
    struct test_call_v1_Request in = {0};
    struct stage s;
    const struct atoll_answers *answers;
    char path[64];

    begin_with(&s, 3);
    kill_one(&in, path, sizeof(path));
    CHECK_INT(with_answers(test_call_v1_Alpha_repeat_to_many, &s, &in, NULL, &answers),
              ATOLL_UNAVAILABLE);
    CHECK_INT(answers->count, 3);
    CHECK_INT(count_status(answers, ATOLL_OK), 2);
    CHECK_INT(count_status(answers, ATOLL_UNAVAILABLE), 1);
    CHECK(strstr(atoll_call_reason(s.call), "is not sent to another") != NULL);
    wait_for(&s, 2);
    (void)unlink(path);
    CHECK_INT(with_answers(test_call_v1_Alpha_echo_to_many, &s, &in, &first, &answers), ATOLL_OK);
    CHECK_INT(answers->count, 2);
    (void)unlink(path);
    end(&s);
}

TEST(with_no_instance_ready_it_waits_for_the_first_until_its_deadline)
{
    struct stage s;
    const struct atoll_answers *answers = (const struct atoll_answers *)"set";

    begin(&s);
    atoll_call_set_timeout(s.call, 50 * AT_MILLISECOND_NS);
    CHECK_INT(ask(&s, NULL, &answers), ATOLL_DEADLINE_EXCEEDED);
    CHECK(answers == NULL);
    CHECK(strstr(atoll_call_reason(s.call), "no instance of") != NULL);
    atoll_call_reset(s.call);
    (void)add_server(&s, "alpha", NULL);
    CHECK_INT(ask(&s, NULL, &answers), ATOLL_OK);
    CHECK_INT(answers->count, 1);
    end(&s);
}

static void on_done(void *user, struct atoll_call *call, int status)
{
    (void)call;
    *(int *)user = status;
}

TEST(it_is_told_by_callback_and_by_event_and_can_be_cancelled)
{
    struct test_call_v1_Request in = {.payload = ATOLL_STR("x")};
    struct stage s;
    struct atoll_event event;
    const struct atoll_answers *answers;
    int status = -1;

    begin_with(&s, 3);
    CHECK_INT(test_call_v1_Alpha_echo_to_many_async(s.call, &in, NULL, on_done, &status), 0);
    while (status == -1) {
        (void)atoll_poll(1000);
    }
    CHECK_INT(status, ATOLL_OK);
    answers = atoll_call_answers(s.call);
    CHECK_INT(answers->ok, 3);
    CHECK_INT(test_call_v1_Alpha_echo_to_many_async(s.call, &in, &quorum, NULL, &s), 0);
    CHECK_INT(atoll_next(&event, 1000), 1);
    CHECK(event.kind == ATOLL_EVENT_CALL && event.tag == &s && event.call == s.call);
    CHECK_INT(event.status, ATOLL_OK);
    answers = atoll_call_answers(event.call);
    CHECK(answers->ok >= 2);
    in.sleep_ms = 10000;
    CHECK_INT(test_call_v1_Alpha_echo_to_many_async(s.call, &in, NULL, NULL, &s), 0);
    CHECK_INT(ask(&s, NULL, &answers), ATOLL_FAILED_PRECONDITION); /* it is in use */
    atoll_call_cancel(s.call);
    CHECK_INT(atoll_next(&event, 1000), 1);
    CHECK_INT(event.status, ATOLL_CANCELLED);
    answers = atoll_call_answers(s.call);
    CHECK_INT(count_status(answers, ATOLL_CANCELLED), 3);
    CHECK_INT(test_call_v1_Alpha_echo_to_many_async(s.call, &in, NULL, NULL, &s), 0);
    end(&s); /* frees a context that is under way */
}

TEST(mistakes_of_the_caller_are_told)
{
    struct test_call_v1_Request in = {0};
    struct atoll_many wrong = {sizeof(wrong), 7, 0};
    struct atoll_many small = {4, ATOLL_MANY_ALL, 0};
    struct stage s;
    const struct atoll_answers *answers;

    begin(&s);
    CHECK_INT(ask(&s, &wrong, &answers), ATOLL_INVALID_ARGUMENT);
    CHECK_INT(ask(&s, &small, &answers), ATOLL_INVALID_ARGUMENT);
    CHECK_INT(atoll_invoke_many(s.call, &test_call_v1_Alpha_desc, 6, &in, NULL),
              ATOLL_INVALID_ARGUMENT); /* Watch streams */
    CHECK_INT(atoll_invoke_many(s.call, &test_call_v1_Alpha_desc, 99, &in, NULL),
              ATOLL_INVALID_ARGUMENT);
    CHECK_INT(atoll_invoke_many(NULL, &test_call_v1_Alpha_desc, 0, &in, NULL),
              ATOLL_INVALID_ARGUMENT);
    end(&s);
}

TEST(large_messages_reach_all_and_come_back)
{
    static char big[300000];
    struct test_call_v1_Request in = {.payload = {.at = big, .len = sizeof(big)}};
    struct stage s;
    const struct atoll_answers *answers;

    memset(big, 'b', sizeof(big));
    begin_with(&s, 3);
    CHECK_INT(with_answers(test_call_v1_Alpha_echo_to_many, &s, &in, NULL, &answers), ATOLL_OK);
    for (int i = 0; i < 3; i++) {
        const struct test_call_v1_Reply *reply = answers->at[i]->reply;

        CHECK(reply->payload.len == sizeof(big) &&
              memcmp(reply->payload.at, big, sizeof(big)) == 0);
    }
    end(&s);
}

TEST(killed_at_any_moment_each_instance_is_accounted_for)
{
    struct stage s;
    const struct atoll_answers *answers;

    begin_with(&s, 6);
    for (int round = 0; round < 60; round++) {
        int status;

        if (round % 12 == 5) {
            (void)kill(s.servers[round / 12], SIGKILL);
        }
        status = ask(&s, round % 2 == 0 ? NULL : &first, &answers);
        CHECK(answers != NULL && answers->count >= 1 && answers->count <= 6);
        CHECK(status == ATOLL_OK || status == ATOLL_UNAVAILABLE);
        CHECK_INT(count_status(answers, ATOLL_OK) + count_status(answers, ATOLL_UNAVAILABLE) +
                      count_status(answers, ATOLL_CANCELLED),
                  answers->count);
        CHECK_INT(count_status(answers, ATOLL_OK), answers->ok);
        CHECK(answers->ok >= 1); /* alpha.6 lives */
        CHECK(status == ATOLL_OK || round % 2 == 0);
        atoll_call_reset(s.call);
    }
    wait_for(&s, 1);
    end(&s);
}

TEST_MAIN("libatoll/many")
