/* Real processes: this one calls, others serve, a thread plays the supervisor. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atoll/atoll.h>
#include <atoll/codec.h>

#include "at_test.h"
#include "base/clock.h"
#include "libatoll/test_elder.h"
#include "libatoll/test_stage.h"
#include "test.atoll.h"
#include "tiny_supervisor.h"

static void test_done(void *user, struct atoll_call *call, int status)
{
    (void)call;
    *(int *)user = status;
}

TEST(a_handler_sees_who_calls_the_deadline_the_trace_and_the_metadata)
{
    struct stage s;
    struct test_call_v1_Reply out;
    uint64_t deadline = at_now_ns() + 5 * AT_SECOND_NS;

    begin(&s);
    add_server(&s, "alpha", NULL);
    atoll_call_set_deadline(s.call, deadline);
    CHECK_INT(atoll_call_set_metadata(s.call, "colour", "green"), 0);
    CHECK_INT(atoll_call_set_metadata(s.call, "Colour", "green"), -EINVAL);
    CHECK_INT(echo(s.call, "hello", &out), ATOLL_OK);
    CHECK(is(out.payload, "hello"));
    CHECK(is(out.caller, "asker"));
    CHECK(is(out.caller_instance, "asker.1"));
    CHECK(is(out.metadata, "green"));
    CHECK(out.deadline_ns == deadline);
    CHECK(memcmp(out.trace_id.at, atoll_call_trace_id(s.call), 16) == 0);
    CHECK_STR(atoll_call_reason(s.call), "");
    end(&s);
}

TEST(a_forked_child_is_told_that_it_cannot_call_and_leaves_its_parent_alone)
{
    struct stage s;
    struct test_call_v1_Reply out;
    pid_t child;
    int status;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(echo(s.call, "before", &out), ATOLL_OK);
    at_process_lock(s.call->process); /* as another thread may hold it */
    child = fork();
    if (child == 0) {
        bool good = echo(s.call, "child", &out) == ATOLL_UNAVAILABLE &&
                    strstr(atoll_call_reason(s.call), "forked") != NULL &&
                    atoll_call_new() == NULL && atoll_poll(0) == 0 && atoll_poll_fd() == -ECHILD;

        atoll_call_free(s.call);
        _exit(good ? 0 : 1);
    }
    at_process_unlock(s.call->process);
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(status, 0);
    CHECK_INT(echo(s.call, "after", &out), ATOLL_OK);
    end(&s);
}

TEST(messages_can_be_read_and_written_in_the_memory_of_a_context)
{
    struct stage s;
    struct test_call_v1_Request m = {.depth = 7};
    struct atoll_memory *memory;
    struct atoll_str wire;

    begin(&s);
    memory = atoll_call_memory(s.call);
    CHECK_STR(atoll_memory_reason(memory), "");
    CHECK_INT(atoll_encode(memory, &test_call_v1_Request_desc, &m, &wire), ATOLL_OK);
    m.depth = 0;
    CHECK_INT(atoll_decode(memory, &test_call_v1_Request_desc, wire, &m), ATOLL_OK);
    CHECK_INT(m.depth, 7);
    CHECK_INT(atoll_decode(memory, &test_call_v1_Request_desc, ATOLL_STR("\x0A"), &m),
              ATOLL_INVALID_ARGUMENT);
    CHECK(strstr(atoll_memory_reason(memory), "payload") != NULL);
    atoll_call_reset(s.call);
    CHECK_STR(atoll_memory_reason(memory), "");
    end(&s);
}

TEST(a_failure_carries_its_status_and_its_sentence)
{
    struct stage s;
    struct test_call_v1_Request in = {.fail = true};
    struct test_call_v1_Reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_echo(s.call, &in, &out), ATOLL_FAILED_PRECONDITION);
    CHECK_STR(atoll_call_reason(s.call), "asked to fail, number 42");
    CHECK_INT(test_call_v1_Alpha_lacking(s.call, &in, &out), ATOLL_UNIMPLEMENTED);
    CHECK(strstr(atoll_call_reason(s.call), "no handler") != NULL);
    end(&s);
}

TEST(a_method_that_streams_is_not_called_as_one_that_does_not_nor_the_reverse)
{
    struct stage s;
    struct test_call_v1_Request in = {.depth = 1};
    struct test_call_v1_Reply out;
    struct atoll_stream *stream = NULL;
    const void *reply;
    size_t len;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(atoll_invoke(s.call, &test_call_v1_Alpha_desc, 6, &in, &out), ATOLL_INVALID_ARGUMENT);
    CHECK_STR(atoll_call_reason(s.call),
              "test.call.v1.Alpha/Watch streams: it is called with atoll_stream_open()");
    CHECK_INT(atoll_invoke_oneway(s.call, &test_call_v1_Alpha_desc, 7, &in),
              ATOLL_INVALID_ARGUMENT);
    CHECK_STR(atoll_call_reason(s.call),
              "test.call.v1.Alpha/Upload streams: it is called with atoll_stream_open()");
    CHECK_INT(atoll_invoke_bytes(s.call, "test.call.v1.Alpha", "Watch", "", 0, &reply, &len),
              ATOLL_UNIMPLEMENTED); /* somebody who does not know that it streams */
    CHECK_INT(atoll_stream_open(s.call, &test_call_v1_Alpha_desc, 0, &in, &stream),
              ATOLL_INVALID_ARGUMENT);
    CHECK(stream == NULL);
    CHECK(strstr(atoll_call_reason(s.call), "Echo does not stream") != NULL);
    CHECK_INT(atoll_stream_open(s.call, &test_call_v1_Alpha_desc, 6, NULL, &stream),
              ATOLL_INVALID_ARGUMENT);
    CHECK(strstr(atoll_call_reason(s.call), "takes one request") != NULL);
    CHECK_INT(atoll_stream_open(s.call, &test_call_v1_Alpha_desc, 7, &in, &stream),
              ATOLL_INVALID_ARGUMENT);
    CHECK(strstr(atoll_call_reason(s.call), "atoll_stream_send") != NULL);
    CHECK_INT(test_call_v1_Alpha_watch_recv(NULL, &out), ATOLL_INVALID_ARGUMENT);
    CHECK_INT(test_call_v1_Alpha_watch_finish(NULL), ATOLL_INVALID_ARGUMENT);
    CHECK_INT(echo(s.call, "all the same", &out), ATOLL_OK);
    end(&s);
}

TEST(the_contract_says_how_long_a_call_may_take_when_the_caller_does_not)
{
    struct stage s;
    struct test_call_v1_Request in = {.sleep_ms = 2000};
    struct test_call_v1_Reply out;
    uint64_t begun;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(echo(s.call, "there", &out), ATOLL_OK);
    begun = at_now_ns();
    CHECK_INT(test_call_v1_Alpha_quick(s.call, &in, &out), ATOLL_DEADLINE_EXCEEDED);
    CHECK(at_now_ns() - begun < AT_SECOND_NS);
    atoll_call_reset(s.call);
    atoll_call_set_timeout(s.call, 5 * AT_SECOND_NS); /* the caller's own counts */
    in.sleep_ms = 100;
    CHECK_INT(test_call_v1_Alpha_quick(s.call, &in, &out), ATOLL_OK);
    end(&s);
}

TEST(a_request_larger_than_the_contract_allows_is_refused_at_both_ends)
{
    static const char big[200] = {0};
    struct stage s;
    struct test_call_v1_Request in = {.payload = {big, 90}};
    struct test_call_v1_Reply out;
    const char wire[203] = {0x0A, (char)0xC8, 0x01}; /* payload: 200 bytes */
    const void *reply;
    size_t len;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_small(s.call, &in, &out), ATOLL_OK);
    in.payload.len = 98; /* and two bytes before it */
    CHECK_INT(test_call_v1_Alpha_small(s.call, &in, &out), ATOLL_OK);
    in.payload.len = 99;
    CHECK_INT(test_call_v1_Alpha_small(s.call, &in, &out), ATOLL_RESOURCE_EXHAUSTED);
    CHECK_STR(atoll_call_reason(s.call),
              "the request has 101 bytes; the contract of Small allows 100 (max_request_bytes)");
    CHECK_INT(
        atoll_invoke_bytes(s.call, "test.call.v1.Alpha", "Small", wire, sizeof(wire), &reply, &len),
        ATOLL_RESOURCE_EXHAUSTED);
    CHECK_STR(atoll_call_reason(s.call), "asker.1 sent a request of 203 bytes; the contract of "
                                         "Small allows 100 (max_request_bytes)");
    end(&s);
}

TEST(a_one_way_call_arrives_and_nobody_waits_for_it)
{
    struct stage s;
    struct test_call_v1_Request in = {0};
    struct test_call_v1_Reply out;
    uint64_t begun;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_echo_oneway(s.call, &in), ATOLL_OK); /* waits for its channel */
    in.sleep_ms = 500;
    begun = at_now_ns();
    CHECK_INT(test_call_v1_Alpha_echo_oneway(s.call, &in), ATOLL_OK);
    CHECK(at_now_ns() - begun < AT_SECOND_NS / 4);
    in = (struct test_call_v1_Request){.fail = true}; /* what becomes of it is not told */
    CHECK_INT(test_call_v1_Alpha_echo_oneway(s.call, &in), ATOLL_OK);
    CHECK_STR(atoll_call_reason(s.call), "");
    out.handled = 0;
    for (int i = 1; i < 1000 && out.handled < i + 3; i++) {
        CHECK_INT(echo(s.call, "after them", &out), ATOLL_OK);
        if (out.handled == i + 3) {
            break;
        }
        CHECK(i < 999);
    }
    end(&s);
}

TEST(a_program_made_by_an_older_generator_works_with_this_library)
{
    static const struct elder_method methods[] = {
        ELDER_METHOD("Bounce", NULL),
        ELDER_METHOD("Echo", NULL),
    };
    static const struct atoll_service_desc service = ELDER_SERVICE(methods);
    struct stage s;
    struct test_call_v1_Request in = {.payload = ATOLL_STR("from last year")};
    struct test_call_v1_Reply out;

    begin(&s);
    add_server(&s, "elder", NULL); /* serves with such a table, too */
    CHECK_INT(atoll_invoke(s.call, &service, 1, &in, &out), ATOLL_OK);
    CHECK(is(out.payload, "from last year"));
    CHECK_INT(atoll_invoke(s.call, &service, 0, &in, &out), ATOLL_OK);
    CHECK_INT(atoll_invoke_oneway(s.call, &service, 1, &in), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_quick(s.call, &in, &out), ATOLL_UNIMPLEMENTED);
    end(&s);
}

TEST(a_one_way_call_takes_it_when_memory_is_refused)
{
    struct stage s;
    struct test_call_v1_Request in = {.depth = 1};
    struct test_call_v1_Reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(echo(s.call, "there", &out), ATOLL_OK);
    WITH_EACH_ALLOCATION_FAILING({
        int status = test_call_v1_Alpha_echo_oneway(s.call, &in);

        CHECK(status == ATOLL_OK || status == ATOLL_RESOURCE_EXHAUSTED);
    });
    CHECK_INT(test_call_v1_Alpha_echo_oneway(s.call, &in), ATOLL_OK);
    CHECK_INT(echo(s.call, "still there", &out), ATOLL_OK);
    end(&s);
}

TEST(a_one_way_call_that_cannot_go_says_why)
{
    struct stage s;
    struct test_call_v1_Request in = {.depth = 1};

    begin(&s);
    atoll_call_set_timeout(s.call, AT_SECOND_NS / 20);
    CHECK_INT(test_call_v1_Alpha_echo_oneway(s.call, &in), ATOLL_DEADLINE_EXCEEDED);
    CHECK(strstr(atoll_call_reason(s.call), "no instance") != NULL);
    CHECK_INT(atoll_invoke_oneway(s.call, &test_call_v1_Alpha_desc, 99, &in),
              ATOLL_INVALID_ARGUMENT);
    CHECK_INT(atoll_invoke_oneway(NULL, &test_call_v1_Alpha_desc, 0, &in), ATOLL_INVALID_ARGUMENT);
    end(&s);
}

TEST(a_call_to_a_service_that_is_not_ready_waits_for_it)
{
    struct stage s;
    struct test_call_v1_Reply out;

    begin(&s);
    atoll_call_set_timeout(s.call, AT_SECOND_NS / 20);
    CHECK_INT(echo(s.call, "nobody", &out), ATOLL_DEADLINE_EXCEEDED);
    CHECK(strstr(atoll_call_reason(s.call), "no instance") != NULL);
    atoll_call_reset(s.call);
    add_server(&s, "alpha", NULL);
    CHECK_INT(echo(s.call, "somebody", &out), ATOLL_OK);
    end(&s);
}

TEST(a_call_that_goes_in_a_circle_is_answered_below_the_limit_and_refused_above)
{
    struct stage s;
    struct test_call_v1_Request in = {.depth = 6};
    struct test_call_v1_Reply out;

    begin(&s);
    add_server(&s, "alpha", "4");
    add_server(&s, "beta", "4");
    CHECK_INT(test_call_v1_Alpha_bounce(s.call, &in, &out), ATOLL_OK);
    CHECK_INT(out.depth, 6); /* none was cancelled */
    in.depth = 30;           /* 16 of alpha's handlers: 4 times as many as threads_max */
    CHECK_INT(test_call_v1_Alpha_bounce(s.call, &in, &out), ATOLL_OK);
    in.depth = 40;
    CHECK_INT(test_call_v1_Alpha_bounce(s.call, &in, &out), ATOLL_RESOURCE_EXHAUSTED);
    CHECK(strstr(atoll_call_reason(s.call), "circle") != NULL);
    in.depth = 6;
    CHECK_INT(test_call_v1_Alpha_bounce(s.call, &in, &out), ATOLL_OK);
    end(&s);
}

struct shouter {
    pthread_t thread;
    int failures;
};

static void *shout(void *user)
{
    struct shouter *me = user;
    struct atoll_call *call = atoll_call_new();
    struct test_call_v1_Reply out;
    char text[32];

    for (int i = 0; i < 200; i++) {
        (void)snprintf(text, sizeof(text), "%p %d", user, i);
        me->failures += echo(call, text, &out) != ATOLL_OK || !is(out.payload, text);
        atoll_call_reset(call);
    }
    atoll_call_free(call);
    return NULL;
}

TEST(many_threads_call_at_once_and_each_gets_its_own_reply)
{
    struct stage s;
    struct shouter shouters[6] = {0};

    begin(&s);
    add_server(&s, "alpha", NULL);
    add_server(&s, "alpha", NULL);
    for (int i = 0; i < 6; i++) {
        CHECK(pthread_create(&shouters[i].thread, NULL, shout, &shouters[i]) == 0);
    }
    for (int i = 0; i < 6; i++) {
        (void)pthread_join(shouters[i].thread, NULL);
        CHECK_INT(shouters[i].failures, 0);
    }
    end(&s);
}

static void *sleep_in_handler(void *user)
{
    struct test_call_v1_Request in = {.sleep_ms = 400};
    struct test_call_v1_Reply out;
    struct atoll_call *call = atoll_call_new();
    int status = test_call_v1_Alpha_echo(call, &in, &out);

    if (user != NULL) {
        *(int *)user = status;
    }
    atoll_call_free(call);
    return NULL;
}

TEST(a_handler_that_blocks_does_not_hold_up_the_others)
{
    struct stage s;
    struct test_call_v1_Reply out;
    pthread_t sleeper;
    uint64_t begun;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(echo(s.call, "warm", &out), ATOLL_OK);
    CHECK(pthread_create(&sleeper, NULL, sleep_in_handler, NULL) == 0);
    (void)usleep(50000);
    begun = at_now_ns();
    CHECK_INT(echo(s.call, "quick", &out), ATOLL_OK);
    CHECK(at_now_ns() - begun < 250 * AT_MILLISECOND_NS);
    (void)pthread_join(sleeper, NULL);
    end(&s);
}

static void scratch_name(char *out, size_t cap)
{
    (void)snprintf(out, cap, "/tmp/atoll-test-%d", (int)getpid());
    (void)unlink(out);
}

TEST(a_request_that_a_killed_process_had_taken_is_unavailable_and_says_why)
{
    struct stage s;
    char path[64];
    struct test_call_v1_Request in = {0};
    struct test_call_v1_Reply out;

    scratch_name(path, sizeof(path));
    in.exit_first = (struct atoll_str){.at = path, .len = strlen(path)};
    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_echo(s.call, &in, &out), ATOLL_UNAVAILABLE);
    CHECK(strstr(atoll_call_reason(s.call), "alpha.1 was killed by signal 9") != NULL);
    CHECK(strstr(atoll_call_reason(s.call), "Echo") != NULL);
    (void)unlink(path);
    end(&s);
}

TEST(a_method_that_may_be_repeated_survives_the_death_of_its_server)
{
    struct stage s;
    char path[64];
    struct test_call_v1_Request in = {0};
    struct test_call_v1_Reply out;

    scratch_name(path, sizeof(path));
    in.exit_first = (struct atoll_str){.at = path, .len = strlen(path)};
    begin(&s);
    add_server(&s, "alpha", NULL);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_repeat(s.call, &in, &out), ATOLL_OK);
    (void)unlink(path);
    end(&s);
}

TEST(a_request_that_a_killed_process_never_took_goes_to_the_restarted_one)
{
    struct stage s;
    struct test_call_v1_Reply out;
    pid_t first;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(echo(s.call, "warm", &out), ATOLL_OK);
    first = out.pid;
    CHECK(kill(s.servers[0], SIGSTOP) == 0); /* takes nothing any more */
    (void)usleep(20000);
    {
        struct test_call_v1_Request in = {0};
        struct test_call_v1_Reply late;
        int status = -1;
        struct atoll_call *call = atoll_call_new();

        CHECK_INT(
            atoll_invoke_async(call, &test_call_v1_Alpha_desc, 0, &in, &late, test_done, &status),
            ATOLL_OK);
        kill_server(&s, 0);
        add_server(&s, "alpha", NULL);
        while (status < 0) {
            (void)atoll_poll(100);
        }
        CHECK_INT(status, ATOLL_OK);
        CHECK(late.pid != first);
        atoll_call_free(call);
    }
    end(&s);
}

TEST(what_a_stopped_server_did_not_take_in_time_is_known_and_never_runs)
{
    struct stage s;
    struct test_call_v1_Reply out;
    struct test_call_v1_Request in = {0};
    struct atoll_call *call;
    int status = -1;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(echo(s.call, "warm", &out), ATOLL_OK);
    CHECK_INT(out.handled, 1);
    call = atoll_call_new();
    atoll_call_set_timeout(call, 50 * AT_MILLISECOND_NS);
    in.sleep_ms = 400;
    CHECK_INT(test_call_v1_Alpha_echo(call, &in, &out), ATOLL_DEADLINE_EXCEEDED);
    CHECK(strstr(atoll_call_reason(call), "alpha.1 had taken Echo") != NULL);
    in.sleep_ms = 0;
    CHECK(kill(s.servers[0], SIGSTOP) == 0);
    (void)usleep(20000);
    for (int i = 0; i < 3; i++) {
        atoll_call_reset(call);
        atoll_call_set_timeout(call, 20 * AT_MILLISECOND_NS);
        CHECK_INT(test_call_v1_Alpha_echo(call, &in, &out), ATOLL_DEADLINE_EXCEEDED);
        CHECK(strstr(atoll_call_reason(call), "alpha.1 did not take Echo before") != NULL);
    }
    atoll_call_reset(call);
    CHECK_INT(atoll_invoke_async(call, &test_call_v1_Alpha_desc, 0, &in, &out, test_done, &status),
              ATOLL_OK);
    atoll_call_cancel(call);
    CHECK_INT(atoll_poll(1000), 1);
    CHECK_INT(status, ATOLL_CANCELLED);
    CHECK_STR(atoll_call_reason(call), "cancelled by its caller; alpha.1 had not taken Echo");
    CHECK(kill(s.servers[0], SIGCONT) == 0);
    CHECK_INT(echo(s.call, "awake", &out), ATOLL_OK);
    CHECK_INT(out.handled, 3); /* the first, the slow one, this one */
    atoll_call_reset(call);
    atoll_call_set_deadline(call, 1);
    CHECK_INT(echo(call, "too late", &out), ATOLL_DEADLINE_EXCEEDED);
    CHECK(strstr(atoll_call_reason(call), "had passed before the call began") != NULL);
    atoll_call_free(call);
    end(&s);
}

/* A server of one thread, which a handler has for a while: what comes meanwhile stands in line. */
struct line {
    struct stage stage;
    struct atoll_call *calls[2]; /* the one that runs, the one behind it */
    struct test_call_v1_Reply outs[2];
    int status[2];
};

static void stand_in_line(struct line *l, uint64_t timeout_ns)
{
    struct test_call_v1_Reply out;

    begin(&l->stage);
    add_server(&l->stage, "alpha", "1");
    CHECK_INT(echo(l->stage.call, "warm", &out), ATOLL_OK);
    for (int i = 0; i < 2; i++) {
        struct test_call_v1_Request in = {.sleep_ms = i == 0 ? 200 : 0};

        l->status[i] = -1;
        l->calls[i] = atoll_call_new();
        atoll_call_set_timeout(l->calls[i], i == 0 ? 10 * AT_SECOND_NS : timeout_ns);
        CHECK_INT(atoll_invoke_async(l->calls[i], &test_call_v1_Alpha_desc, 0, &in, &l->outs[i],
                                     test_done, &l->status[i]),
                  ATOLL_OK);
        (void)atoll_poll(0);
        (void)usleep(20000);
    }
    CHECK(l->status[0] < 0 && l->status[1] < 0);
}

/* How the second ended; only the handlers of "warm", the first and "last" have run. */
static void line_ends(struct line *l, int status)
{
    struct test_call_v1_Reply out;

    while (l->status[0] < 0 || l->status[1] < 0) {
        (void)atoll_poll(100);
    }
    CHECK_INT(l->status[0], ATOLL_OK);
    CHECK_INT(l->status[1], status);
    CHECK_INT(echo(l->stage.call, "last", &out), ATOLL_OK);
    CHECK_INT(out.handled, 3);
    for (int i = 0; i < 2; i++) {
        atoll_call_free(l->calls[i]);
    }
    end(&l->stage);
}

TEST(a_request_whose_deadline_passes_while_it_stands_in_line_never_runs)
{
    struct line l;

    stand_in_line(&l, 80 * AT_MILLISECOND_NS);
    (void)usleep(250000); /* not polling: nobody here gives up and cancels it */
    line_ends(&l, ATOLL_DEADLINE_EXCEEDED);
}

TEST(a_request_that_is_cancelled_while_it_stands_in_line_never_runs)
{
    struct line l;

    stand_in_line(&l, 10 * AT_SECOND_NS);
    atoll_call_cancel(l.calls[1]);
    line_ends(&l, ATOLL_CANCELLED);
}

TEST(asynchronous_calls_run_in_a_foreign_loop)
{
    enum { N = 20 };
    struct stage s;
    struct atoll_call *calls[N];
    struct test_call_v1_Reply outs[N];
    int status[N];
    int fd;
    int done = 0;

    begin(&s);
    fd = atoll_poll_fd();
    CHECK(fd >= 0);
    add_server(&s, "alpha", NULL);
    for (int i = 0; i < N; i++) {
        struct test_call_v1_Request in = {0};

        status[i] = -1;
        calls[i] = atoll_call_new();
        CHECK_INT(atoll_invoke_async(calls[i], &test_call_v1_Alpha_desc, 0, &in, &outs[i],
                                     test_done, &status[i]),
                  ATOLL_OK);
    }
    atoll_call_cancel(calls[3]);
    while (done < N) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        CHECK(poll(&p, 1, 5000) == 1);
        done += atoll_poll(0);
    }
    for (int i = 0; i < N; i++) {
        CHECK_INT(status[i], i == 3 ? ATOLL_CANCELLED : ATOLL_OK);
        atoll_call_free(calls[i]);
    }
    end(&s);
}

TEST(an_asynchronous_call_ends_at_its_deadline_in_a_foreign_loop)
{
    struct stage s;
    struct test_call_v1_Request in = {0};
    struct test_call_v1_Reply out;
    struct pollfd p = {.events = POLLIN};
    int status = -1;

    begin(&s);
    p.fd = atoll_poll_fd();
    atoll_call_set_timeout(s.call, AT_SECOND_NS / 20);
    CHECK_INT(
        atoll_invoke_async(s.call, &test_call_v1_Alpha_desc, 0, &in, &out, test_done, &status),
        ATOLL_OK);
    while (status < 0) {
        CHECK(poll(&p, 1, 5000) == 1);
        (void)atoll_poll(0);
    }
    CHECK_INT(status, ATOLL_DEADLINE_EXCEEDED);
    end(&s);
}

TEST(a_handler_learns_that_its_caller_has_given_up)
{
    struct stage s;
    struct test_call_v1_Request in = {.sleep_ms = 3000};
    struct test_call_v1_Reply out;
    int seen = 0;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(echo(s.call, "warm", &out), ATOLL_OK);
    atoll_call_set_timeout(s.call, AT_SECOND_NS / 20);
    CHECK_INT(test_call_v1_Alpha_echo(s.call, &in, &out), ATOLL_DEADLINE_EXCEEDED);
    for (int i = 0; i < 100 && seen == 0; i++) {
        atoll_call_reset(s.call);
        CHECK_INT(echo(s.call, "did it notice?", &out), ATOLL_OK);
        seen = out.depth;
        (void)usleep(10000);
    }
    CHECK_INT(seen, 1); /* long before its three seconds */
    end(&s);
}

TEST(a_server_that_is_asked_to_stop_finishes_what_runs_and_ends_with_zero)
{
    struct stage s;
    pthread_t sleeper;
    int status;
    struct test_call_v1_Reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(echo(s.call, "warm", &out), ATOLL_OK);
    CHECK(pthread_create(&sleeper, NULL, sleep_in_handler, NULL) == 0);
    (void)usleep(50000);
    CHECK(kill(s.servers[0], SIGTERM) == 0);
    CHECK(waitpid(s.servers[0], &status, 0) == s.servers[0]);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    s.servers[0] = 0;
    (void)pthread_join(sleeper, NULL);
    (void)pthread_mutex_lock(&s.lock);
    CHECK_INT(s.tiny->stopping, 1);
    (void)pthread_mutex_unlock(&s.lock);
    end(&s);
}

static int refuse_bounce(struct atoll_call *call, const struct test_call_v1_Request *in,
                         struct test_call_v1_Reply *out)
{
    (void)in;
    (void)out;
    return atoll_fail(call, ATOLL_UNAVAILABLE, "only there to be served");
}

static void *serve_beta(void *user)
{
    static const struct test_call_v1_Beta beta = {.bounce = refuse_bounce};
    struct atoll_service service = test_call_v1_Beta_with(&beta);

    *(int *)user = atoll_serve(&service, 1, NULL);
    return NULL;
}

TEST(a_caller_gets_its_reply_though_its_process_ends_to_serve_meanwhile)
{
    struct stage s;
    struct test_call_v1_Reply out;
    pthread_t server;
    pthread_t caller;
    int result = -1;
    int status = -1;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(echo(s.call, "warm", &out), ATOLL_OK);
    CHECK(pthread_create(&server, NULL, serve_beta, &result) == 0);
    (void)usleep(50000); /* it watches */
    CHECK(pthread_create(&caller, NULL, sleep_in_handler, &status) == 0);
    (void)usleep(50000);
    (void)pthread_mutex_lock(&s.lock);
    tiny_stop(s.tiny, 0, AT_SECOND_NS);
    (void)pthread_mutex_unlock(&s.lock);
    (void)pthread_join(server, NULL);
    CHECK_INT(result, 0);
    (void)pthread_join(caller, NULL);
    CHECK_INT(status, ATOLL_OK);
    end(&s);
}

TEST(calls_go_on_under_a_new_supervisor)
{
    struct stage s;
    struct test_call_v1_Reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(echo(s.call, "before", &out), ATOLL_OK);
    (void)pthread_mutex_lock(&s.lock);
    tiny_resume(s.tiny);
    (void)pthread_mutex_unlock(&s.lock);
    for (int i = 0; i < 20; i++) {
        CHECK_INT(echo(s.call, "after", &out), ATOLL_OK);
        (void)usleep(1000);
    }
    end(&s);
}

TEST(bytes_that_are_no_request_are_the_callers_fault)
{
    struct stage s;
    const void *reply;
    size_t len;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(atoll_invoke_bytes(s.call, "test.call.v1.Alpha", "Echo", "\x0a\xff", 2, &reply, &len),
              ATOLL_INVALID_ARGUMENT);
    CHECK(strstr(atoll_call_reason(s.call), "asker.1") != NULL);
    CHECK(strstr(atoll_call_reason(s.call), "the caller is wrong") != NULL);
    CHECK_INT(atoll_invoke_bytes(s.call, "test.call.v1.Alpha", "Missing", "", 0, &reply, &len),
              ATOLL_UNIMPLEMENTED);
    CHECK(strstr(atoll_call_reason(s.call), "Missing") != NULL);
    CHECK(strstr(atoll_call_reason(s.call), "test.call.v1.Alpha") != NULL);
    CHECK_INT(atoll_invoke_bytes(s.call, "test.call.v1.Alpha", "Echo", "", 0, &reply, &len),
              ATOLL_OK);
    end(&s);
}

TEST(a_message_that_cannot_be_sent_names_the_field_and_whose_fault_it_is)
{
    struct stage s;
    struct test_call_v1_Request in = {.exit_first = {"\xFF", 1}};
    struct test_call_v1_Reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_echo(s.call, &in, &out), ATOLL_INVALID_ARGUMENT);
    CHECK_STR(atoll_call_reason(s.call),
              "this process made a request test.call.v1.Request that cannot be sent: field "
              "exit_first is not well-formed UTF-8");
    in.exit_first = (struct atoll_str){0};
    CHECK_INT(atoll_call_set_metadata(s.call, "colour", "\xFF"), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_echo(s.call, &in, &out), ATOLL_INTERNAL);
    CHECK_STR(atoll_call_reason(s.call),
              "the handler of Echo made a test.call.v1.Reply that cannot be sent: field metadata "
              "is not well-formed UTF-8; the server is wrong");
    end(&s);
}

TEST(bytes_that_are_no_reply_are_the_servers_fault)
{
    struct stage s;
    struct test_call_v1_Request in = {0};
    struct test_call_v1_Odd odd;
    /* The caller's version of the contract has another reply. */
    struct atoll_method_desc method = test_call_v1_Alpha_desc.methods[0];
    struct atoll_service_desc desc = test_call_v1_Alpha_desc;

    method.output = &test_call_v1_Odd_desc;
    desc.methods = &method;
    begin(&s);
    add_server(&s, "alpha", NULL);
    in.payload = ATOLL_STR("five!");
    CHECK_INT(atoll_invoke(s.call, &desc, 0, &in, &odd), ATOLL_INTERNAL);
    CHECK(strstr(atoll_call_reason(s.call), "alpha.1") != NULL);
    CHECK(strstr(atoll_call_reason(s.call), "the server is wrong") != NULL);
    end(&s);
}

TEST(outside_of_atoll_there_is_no_context_and_serving_says_why)
{
    struct test_call_v1_Alpha alpha = {0};
    struct atoll_service service = test_call_v1_Alpha_with(&alpha);

    (void)unsetenv("ATOLL_CONTROL_FD");
    CHECK(atoll_call_new() == NULL);
    CHECK_INT(atoll_serve(&service, 1, NULL), 1);
    CHECK(atoll_poll_fd() < 0);
}

TEST_MAIN("libatoll/libatoll")
