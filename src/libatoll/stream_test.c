/* Streams, waiting: this process calls, real processes serve. Asynchronous: stream_async_test.c. */
#include <errno.h>
#include <pthread.h>
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
#include "tiny_supervisor.h"

typedef struct test_call_v1_Request request;
typedef struct test_call_v1_Reply reply;

static struct atoll_str text(const char *s)
{
    return (struct atoll_str){.at = s, .len = strlen(s)};
}

TEST(a_server_streams_and_its_messages_come_in_order_until_it_ends)
{
    struct stage s;
    request in = {.payload = text("tick"), .depth = 500};
    struct atoll_stream *stream;
    reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_watch_open(s.call, &in, &stream), ATOLL_OK);
    CHECK(atoll_stream_call(stream) == s.call);
    for (int i = 1; i <= 500; i++) {
        CHECK_INT(test_call_v1_Alpha_watch_recv(stream, &out), ATOLL_OK);
        CHECK_INT(out.handled, i);
        CHECK(is(out.payload, "tick"));
        CHECK(out.deadline_ns == 0); /* nobody set one */
    }
    CHECK_INT(test_call_v1_Alpha_watch_recv(stream, &out), ATOLL_STREAM_END);
    CHECK_INT(test_call_v1_Alpha_watch_recv(stream, &out), ATOLL_STREAM_END);
    CHECK_STR(atoll_stream_reason(stream), "");
    CHECK_INT(test_call_v1_Alpha_watch_finish(stream), ATOLL_OK);
    CHECK_STR(atoll_call_reason(s.call), "");
    CHECK_INT(echo(s.call, "and the context is free", &out), ATOLL_OK);
    end(&s);
}

TEST(what_was_not_received_is_skipped_when_a_stream_is_finished)
{
    struct stage s;
    request in = {.payload = text("tick"), .depth = 5000};
    struct atoll_stream *stream;
    reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_watch_open(s.call, &in, &stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_watch_recv(stream, &out), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_watch_recv(stream, NULL), ATOLL_OK); /* skips one */
    CHECK_INT(test_call_v1_Alpha_watch_recv(stream, &out), ATOLL_OK);
    CHECK_INT(out.handled, 3);
    CHECK_INT(test_call_v1_Alpha_watch_finish(stream), ATOLL_OK);
    end(&s);
}

TEST(a_client_streams_and_gets_one_reply)
{
    static char big[100000];
    struct stage s;
    struct atoll_stream *stream;
    request part = {.payload = {big, sizeof(big)}};
    reply out = {0};

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_upload_open(s.call, &stream), ATOLL_OK);
    for (int i = 0; i < 50; i++) {
        CHECK_INT(test_call_v1_Alpha_upload_send(stream, &part), ATOLL_OK);
    }
    CHECK_INT(test_call_v1_Alpha_upload_finish(stream, &out), ATOLL_OK);
    CHECK_INT(out.handled, 50);
    CHECK_INT(out.depth, 50 * (int)sizeof(big));
    CHECK_INT(test_call_v1_Alpha_upload_open(s.call, &stream), ATOLL_OK); /* of nothing */
    CHECK_INT(test_call_v1_Alpha_upload_close_send(stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_upload_close_send(stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_upload_send(stream, &part), ATOLL_FAILED_PRECONDITION);
    CHECK_INT(test_call_v1_Alpha_upload_finish(stream, &out), ATOLL_OK);
    CHECK_INT(out.handled, 0);
    CHECK_INT(test_call_v1_Alpha_upload_open(s.call, &stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_upload_finish(stream, NULL), ATOLL_OK); /* not wanted */
    end(&s);
}

TEST(both_stream_and_each_message_may_wait_for_the_other)
{
    struct stage s;
    struct atoll_stream *stream;
    char line[32];
    reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_chat_open(s.call, &stream), ATOLL_OK);
    for (int i = 1; i <= 200; i++) {
        request in = {0};

        (void)snprintf(line, sizeof(line), "line %d", i);
        in.payload = text(line);
        CHECK_INT(test_call_v1_Alpha_chat_send(stream, &in), ATOLL_OK);
        CHECK_INT(test_call_v1_Alpha_chat_recv(stream, &out), ATOLL_OK);
        CHECK(is(out.payload, line));
        CHECK_INT(out.handled, i);
    }
    CHECK_INT(test_call_v1_Alpha_chat_close_send(stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_chat_recv(stream, &out), ATOLL_STREAM_END);
    CHECK_INT(test_call_v1_Alpha_chat_finish(stream), ATOLL_OK);
    end(&s);
}

struct sender {
    struct atoll_stream *stream;
    int count;
    int failures;
};

static void *send_many(void *user)
{
    struct sender *me = user;
    static const char big[3000];
    request in = {.payload = {big, sizeof(big)}};

    for (int i = 0; i < me->count; i++) {
        me->failures += test_call_v1_Alpha_chat_send(me->stream, &in) != ATOLL_OK;
    }
    me->failures += test_call_v1_Alpha_chat_close_send(me->stream) != ATOLL_OK;
    return NULL;
}

TEST(one_thread_sends_while_another_receives_on_many_streams_at_once)
{
    enum { STREAMS = 4, LINES = 300 };
    struct stage s;
    struct sender senders[STREAMS];
    struct atoll_call *calls[STREAMS];
    pthread_t threads[STREAMS];
    reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    for (int i = 0; i < STREAMS; i++) {
        senders[i] = (struct sender){.count = LINES};
        calls[i] = atoll_call_new();
        CHECK_INT(test_call_v1_Alpha_chat_open(calls[i], &senders[i].stream), ATOLL_OK);
        CHECK(pthread_create(&threads[i], NULL, send_many, &senders[i]) == 0);
    }
    for (int i = 0; i < STREAMS; i++) {
        for (int k = 1; k <= LINES; k++) {
            CHECK_INT(test_call_v1_Alpha_chat_recv(senders[i].stream, &out), ATOLL_OK);
            CHECK_INT(out.handled, k);
        }
        CHECK_INT(test_call_v1_Alpha_chat_recv(senders[i].stream, &out), ATOLL_STREAM_END);
    }
    for (int i = 0; i < STREAMS; i++) {
        (void)pthread_join(threads[i], NULL);
        CHECK_INT(senders[i].failures, 0);
        CHECK_INT(test_call_v1_Alpha_chat_finish(senders[i].stream), ATOLL_OK);
        atoll_call_free(calls[i]);
    }
    end(&s);
}

TEST(messages_that_came_before_a_failure_are_received_and_then_its_reason)
{
    struct stage s;
    request in = {.payload = text("tick"), .depth = 3, .fail = true};
    struct atoll_stream *stream;
    reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_watch_open(s.call, &in, &stream), ATOLL_OK);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(test_call_v1_Alpha_watch_recv(stream, &out), ATOLL_OK);
    }
    CHECK_INT(test_call_v1_Alpha_watch_recv(stream, &out), ATOLL_FAILED_PRECONDITION);
    CHECK_STR(atoll_stream_reason(stream), "asked to fail, number 42");
    CHECK_STR(atoll_call_reason(s.call), "asked to fail, number 42");
    CHECK_INT(test_call_v1_Alpha_watch_finish(stream), ATOLL_FAILED_PRECONDITION);
    CHECK_STR(atoll_call_reason(s.call), "asked to fail, number 42");
    end(&s);
}

TEST(a_handler_that_fails_in_the_middle_ends_the_sending)
{
    struct stage s;
    struct atoll_stream *stream;
    request part = {.fail = true};
    reply out;
    int status = ATOLL_OK;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_upload_open(s.call, &stream), ATOLL_OK);
    for (int i = 0; i < 10000 && status == ATOLL_OK; i++) {
        status = test_call_v1_Alpha_upload_send(stream, &part);
        (void)usleep(100);
    }
    CHECK_INT(status, ATOLL_FAILED_PRECONDITION);
    CHECK_INT(test_call_v1_Alpha_upload_finish(stream, &out), ATOLL_FAILED_PRECONDITION);
    CHECK_STR(atoll_call_reason(s.call), "asked to fail, number 42");
    end(&s);
}

static void *cancel_stream_soon(void *user)
{
    (void)usleep(50000);
    atoll_stream_cancel(user);
    return NULL;
}

/* Until the server says that so many of its streams have lost their callers. */
static int wait_for_lost(int lost)
{
    struct atoll_call *call = atoll_call_new();
    reply out = {0};

    for (int i = 0; i < 300 && out.lost < lost; i++) {
        CHECK_INT(echo(call, "who is lost?", &out), ATOLL_OK);
        atoll_call_reset(call);
        (void)usleep(10000);
    }
    atoll_call_free(call);
    return out.lost;
}

TEST(a_stream_is_cancelled_from_another_thread_and_both_ends_wake_up)
{
    struct stage s;
    request in = {.payload = text("tick"), .depth = 1};
    struct atoll_stream *stream;
    pthread_t canceller;
    reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_chat_open(s.call, &stream), ATOLL_OK);
    in.depth = 0;
    CHECK_INT(test_call_v1_Alpha_chat_send(stream, &in), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_chat_recv(stream, &out), ATOLL_OK);
    CHECK(pthread_create(&canceller, NULL, cancel_stream_soon, stream) == 0);
    CHECK_INT(test_call_v1_Alpha_chat_recv(stream, &out), ATOLL_CANCELLED);
    (void)pthread_join(canceller, NULL);
    CHECK_STR(atoll_stream_reason(stream), "cancelled by its caller; alpha.1 had taken Chat");
    CHECK_INT(test_call_v1_Alpha_chat_send(stream, &in), ATOLL_CANCELLED);
    CHECK_INT(test_call_v1_Alpha_chat_finish(stream), ATOLL_CANCELLED);
    CHECK_INT(wait_for_lost(1), 1); /* it waited for the next line */
    in.depth = -1;
    CHECK_INT(test_call_v1_Alpha_watch_open(s.call, &in, &stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_watch_recv(stream, &out), ATOLL_OK);
    atoll_call_cancel(s.call); /* what is under way with the context */
    CHECK_INT(test_call_v1_Alpha_watch_finish(stream), ATOLL_CANCELLED);
    CHECK_INT(wait_for_lost(2), 2); /* it waited for room */
    CHECK_INT(test_call_v1_Alpha_watch_open(s.call, &in, &stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_watch_recv(stream, &out), ATOLL_OK);
    atoll_call_free(s.call); /* and its stream with it */
    s.call = atoll_call_new();
    CHECK_INT(wait_for_lost(3), 3);
    end(&s);
}

TEST(a_stream_ends_at_its_deadline_at_both_ends_and_nested_calls_inherit_it)
{
    struct stage s;
    struct atoll_stream *stream;
    uint64_t deadline = at_now_ns() + AT_SECOND_NS / 4;
    request in = {.payload = text("in time"), .depth = 1};
    reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    atoll_call_set_deadline(s.call, deadline);
    CHECK_INT(test_call_v1_Alpha_chat_open(s.call, &stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_chat_send(stream, &in), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_chat_recv(stream, &out), ATOLL_OK);
    CHECK(out.deadline_ns == deadline);
    CHECK_INT(test_call_v1_Alpha_chat_recv(stream, &out), ATOLL_DEADLINE_EXCEEDED);
    CHECK(at_now_ns() >= deadline);
    CHECK(at_now_ns() < deadline + AT_SECOND_NS);
    CHECK_INT(test_call_v1_Alpha_chat_finish(stream), ATOLL_DEADLINE_EXCEEDED);
    atoll_call_reset(s.call);
    CHECK_INT(wait_for_lost(1), 1);
    end(&s);
}

TEST(metadata_travels_ahead_of_the_messages_and_behind_them)
{
    struct stage s;
    struct atoll_stream *stream;
    request in = {.depth = 1};
    reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(atoll_call_set_metadata(s.call, "back-i", "ahead"), 0);
    CHECK_INT(atoll_call_set_metadata(s.call, "back-t", "behind"), 0);
    CHECK_INT(test_call_v1_Alpha_watch_open(s.call, &in, &stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_watch_recv(stream, &out), ATOLL_OK);
    CHECK_STR(atoll_call_initial(s.call, "back-i"), "ahead");
    CHECK_INT(test_call_v1_Alpha_watch_finish(stream), ATOLL_OK);
    CHECK_STR(atoll_call_initial(s.call, "back-i"), "ahead");
    CHECK_STR(atoll_call_trailer(s.call, "back-t"), "behind");
    in.depth = 0; /* no message to go ahead of */
    in.fail = true;
    CHECK_INT(test_call_v1_Alpha_watch_open(s.call, &in, &stream), ATOLL_OK);
    CHECK(atoll_call_trailer(s.call, "back-t") == NULL);
    CHECK_INT(test_call_v1_Alpha_watch_finish(stream), ATOLL_FAILED_PRECONDITION);
    CHECK_STR(atoll_call_initial(s.call, "back-i"), "ahead");
    CHECK_STR(atoll_call_trailer(s.call, "back-t"), "behind");
    CHECK_STR(atoll_call_reason(s.call), "asked to fail, number 42");
    end(&s);
}

TEST(unary_calls_may_be_made_with_the_context_of_an_open_stream_but_no_second_stream)
{
    struct stage s;
    struct atoll_stream *stream;
    struct atoll_stream *second;
    request in = {.depth = 2};
    struct atoll_call *child;
    reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_watch_open(s.call, &in, &stream), ATOLL_OK);
    CHECK_INT(echo(s.call, "meanwhile", &out), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_watch_open(s.call, &in, &second), ATOLL_FAILED_PRECONDITION);
    CHECK(strstr(atoll_call_reason(s.call), "open stream") != NULL);
    child = atoll_call_new_child(s.call);
    CHECK(memcmp(atoll_call_trace_id(child), atoll_call_trace_id(s.call), 16) == 0);
    CHECK_INT(test_call_v1_Alpha_watch_open(child, &in, &second), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_watch_finish(second), ATOLL_OK);
    atoll_call_free(child);
    atoll_call_reset(s.call); /* does nothing while the stream is open */
    CHECK_INT(test_call_v1_Alpha_watch_finish(stream), ATOLL_OK);
    end(&s);
}

TEST(who_misuses_a_stream_is_told_in_a_sentence)
{
    struct stage s;
    struct atoll_stream *stream = NULL;
    const void *bytes;
    request in = {0};
    reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(atoll_stream_open(s.call, &test_call_v1_Alpha_desc, 99, NULL, &stream),
              ATOLL_INVALID_ARGUMENT);
    CHECK(strstr(atoll_call_reason(s.call), "there is none with number 99") != NULL);
    CHECK_INT(atoll_invoke(s.call, &test_call_v1_Alpha_desc, 98, &in, &out),
              ATOLL_INVALID_ARGUMENT);
    CHECK(strstr(atoll_call_reason(s.call), "there is none with number 98") != NULL);
    CHECK_INT(test_call_v1_Alpha_chat_open(s.call, &stream), ATOLL_OK);
    CHECK_INT(atoll_stream_send(stream, NULL), ATOLL_INVALID_ARGUMENT);
    CHECK(strstr(atoll_stream_reason(stream), "no message") != NULL);
    CHECK_INT(atoll_stream_recv_bytes(stream, &bytes, NULL), ATOLL_INVALID_ARGUMENT);
    CHECK(strstr(atoll_stream_reason(stream), "no place") != NULL);
    CHECK_INT(atoll_stream_keep(stream), ATOLL_FAILED_PRECONDITION);
    CHECK(strstr(atoll_stream_reason(stream), "atoll_stream_keep()") != NULL);
    CHECK_INT(atoll_stream_gone_async(stream, NULL, NULL), ATOLL_FAILED_PRECONDITION);
    CHECK(strstr(atoll_call_reason(s.call), "atoll_stream_gone_async()") != NULL);
    CHECK_INT(atoll_stream_recv_async(stream, &out, NULL, NULL), ATOLL_OK);
    CHECK_STR(atoll_stream_reason(stream), "");
    CHECK_INT(test_call_v1_Alpha_chat_recv(stream, &out), ATOLL_FAILED_PRECONDITION);
    CHECK(strstr(atoll_stream_reason(stream), "already being received") != NULL);
    CHECK_INT(test_call_v1_Alpha_chat_finish(stream), ATOLL_FAILED_PRECONDITION);
    CHECK(strstr(atoll_stream_reason(stream), "under way") != NULL);
    CHECK_INT(test_call_v1_Alpha_chat_close_send(stream), ATOLL_OK);
    CHECK_STR(atoll_stream_reason(stream), "");
    CHECK_INT(test_call_v1_Alpha_chat_send(stream, &in), ATOLL_FAILED_PRECONDITION);
    CHECK(strstr(atoll_stream_reason(stream), "sending was closed") != NULL);
    CHECK(strstr(atoll_call_reason(s.call), "sending was closed") != NULL);
    while (test_call_v1_Alpha_chat_finish(stream) == ATOLL_FAILED_PRECONDITION) {
        struct atoll_event event;

        CHECK_INT(atoll_next(&event, 1000), 1);
    }
    CHECK_STR(atoll_call_reason(s.call), "");
    end(&s);
}

TEST(a_context_in_use_says_so)
{
    struct stage s;
    struct atoll_event event;
    request in = {.sleep_ms = 50};
    reply out;
    reply other;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(atoll_invoke_async(s.call, &test_call_v1_Alpha_desc, 0, &in, &out, NULL, NULL),
              ATOLL_OK);
    CHECK_INT(echo(s.call, "at once", &other), ATOLL_FAILED_PRECONDITION);
    CHECK(strstr(atoll_call_reason(s.call), "under way") != NULL);
    CHECK_INT(atoll_next(&event, 5000), 1);
    CHECK_INT(event.status, ATOLL_OK);
    CHECK_STR(atoll_call_reason(s.call), "");
    end(&s);
}

TEST(a_handler_may_return_what_its_loop_ended_with)
{
    struct stage s;
    struct atoll_stream *stream;
    request in = {.payload = text("as it ended"), .sleep_ms = -1};
    reply out = {0};

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_upload_open(s.call, &stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_upload_send(stream, &in), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_upload_finish(stream, &out), ATOLL_OK);
    CHECK_INT(out.handled, 1);
    end(&s);
}

TEST(a_message_that_is_none_ends_the_stream_and_says_whose_fault_it_is)
{
    struct stage s;
    struct atoll_stream *stream;
    request wrong = {.exit_first = {"\xFF", 1}};
    struct test_call_v1_Odd odd;
    reply out;
    struct atoll_method_desc method = test_call_v1_Alpha_desc.methods[8];
    struct atoll_service_desc desc = test_call_v1_Alpha_desc;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_chat_open(s.call, &stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_chat_send(stream, &wrong), ATOLL_INVALID_ARGUMENT);
    CHECK(strstr(atoll_stream_reason(stream), "this process made a message") != NULL);
    CHECK_INT(test_call_v1_Alpha_chat_finish(stream), ATOLL_INVALID_ARGUMENT);
    CHECK_INT(atoll_stream_open_bytes(s.call, "test.call.v1.Alpha", "Chat", NULL, 0, &stream),
              ATOLL_OK);
    CHECK_INT(atoll_stream_send_bytes(stream, "\x0a\xff", 2), ATOLL_OK);
    CHECK_INT(atoll_stream_recv(stream, NULL), ATOLL_INVALID_ARGUMENT);
    CHECK(strstr(atoll_stream_reason(stream), "the caller is wrong") != NULL);
    CHECK(strstr(atoll_stream_reason(stream), "asker.1") != NULL);
    CHECK_INT(atoll_stream_finish(stream, NULL), ATOLL_INVALID_ARGUMENT);
    method.output = &test_call_v1_Odd_desc; /* our version of the contract has another reply */
    desc.methods = &method;
    CHECK_INT(atoll_stream_open(s.call, &desc, 0, NULL, &stream), ATOLL_OK);
    wrong = (request){.payload = text("five!")};
    CHECK_INT(test_call_v1_Alpha_chat_send(stream, &wrong), ATOLL_OK);
    CHECK_INT(atoll_stream_recv(stream, &odd), ATOLL_INTERNAL);
    CHECK(strstr(atoll_stream_reason(stream), "the server is wrong") != NULL);
    CHECK_INT(atoll_stream_finish(stream, NULL), ATOLL_INTERNAL);
    CHECK_INT(echo(s.call, "the channel lives", &out), ATOLL_OK);
    end(&s);
}

TEST(streams_of_bytes_serve_tools_that_know_methods_by_name)
{
    struct stage s;
    struct atoll_stream *stream;
    const void *bytes;
    size_t len;
    char in[] = {0x18, 2}; /* depth: 2 */
    reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(
        atoll_stream_open_bytes(s.call, "test.call.v1.Alpha", "Watch", in, sizeof(in), &stream),
        ATOLL_OK);
    CHECK_INT(atoll_stream_recv_bytes(stream, &bytes, &len), ATOLL_OK);
    CHECK(len == 2 && memcmp(bytes, "\x48\x01", 2) == 0); /* handled: 1 */
    CHECK_INT(atoll_stream_recv_bytes(stream, &bytes, &len), ATOLL_OK);
    CHECK_INT(atoll_stream_recv_bytes(stream, &bytes, &len), ATOLL_STREAM_END);
    CHECK_INT(atoll_stream_finish(stream, NULL), ATOLL_OK);
    CHECK_INT(atoll_stream_open_bytes(s.call, "test.call.v1.Alpha", "Upload", NULL, 0, &stream),
              ATOLL_OK);
    CHECK_INT(atoll_stream_send_bytes(stream, "\x0a\x01x", 3), ATOLL_OK);
    CHECK_INT(atoll_stream_send(stream, &out), ATOLL_INVALID_ARGUMENT);
    CHECK_INT(atoll_stream_close_send(stream), ATOLL_OK);
    CHECK_INT(atoll_stream_recv_bytes(stream, &bytes, &len), ATOLL_OK);
    CHECK(len == 4 && memcmp(bytes, "\x40\x01\x48\x01", 4) == 0); /* depth: 1, handled: 1 */
    CHECK_INT(atoll_stream_finish(stream, NULL), ATOLL_OK);
    CHECK_INT(atoll_stream_open_bytes(s.call, "test.call.v1.Alpha", "Missing", NULL, 0, &stream),
              ATOLL_OK);
    CHECK_INT(atoll_stream_finish(stream, NULL), ATOLL_UNIMPLEMENTED);
    CHECK(strstr(atoll_call_reason(s.call), "Missing") != NULL);
    end(&s);
}

TEST(a_service_without_a_handler_says_so_for_a_stream_as_well)
{
    struct stage s;
    struct atoll_stream *stream;
    request in = {0};
    reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(atoll_call_set_metadata(s.call, "colour", "green"), 0);
    CHECK_INT(test_call_v1_Alpha_nobody_open(s.call, &in, &stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_nobody_recv(stream, &out), ATOLL_UNIMPLEMENTED);
    CHECK(strstr(atoll_stream_reason(stream), "no handler") != NULL);
    CHECK_INT(test_call_v1_Alpha_nobody_finish(stream), ATOLL_UNIMPLEMENTED);
    end(&s);
}

TEST(a_stream_waits_for_its_service_as_long_as_its_deadline)
{
    struct stage s;
    struct atoll_stream *stream;
    request in = {.depth = 1};
    reply out;

    begin(&s);
    atoll_call_set_timeout(s.call, AT_SECOND_NS / 20);
    CHECK_INT(test_call_v1_Alpha_watch_open(s.call, &in, &stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_watch_recv(stream, &out), ATOLL_DEADLINE_EXCEEDED);
    CHECK(strstr(atoll_stream_reason(stream), "no instance") != NULL);
    CHECK_INT(test_call_v1_Alpha_watch_finish(stream), ATOLL_DEADLINE_EXCEEDED);
    atoll_call_reset(s.call);
    CHECK_INT(test_call_v1_Alpha_watch_open(s.call, &in, &stream), ATOLL_OK);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_watch_recv(stream, &out), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_watch_finish(stream), ATOLL_OK);
    end(&s);
}

TEST(a_killed_server_ends_its_streams_with_the_reason)
{
    struct stage s;
    struct atoll_stream *stream;
    request in = {.payload = text("tick")};
    reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_chat_open(s.call, &stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_chat_send(stream, &in), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_chat_recv(stream, &out), ATOLL_OK);
    kill_server(&s, 0);
    CHECK_INT(test_call_v1_Alpha_chat_recv(stream, &out), ATOLL_UNAVAILABLE);
    CHECK(strstr(atoll_stream_reason(stream), "alpha.1 was killed by signal 9") != NULL);
    CHECK_INT(test_call_v1_Alpha_chat_send(stream, &in), ATOLL_UNAVAILABLE);
    CHECK_INT(test_call_v1_Alpha_chat_finish(stream), ATOLL_UNAVAILABLE);
    end(&s);
}

/* What Echo says of its process, as soon as f likes it. */
static reply wait_until(bool (*f)(const reply *out))
{
    struct atoll_call *call = atoll_call_new();
    reply out = {0};
    bool good = false;

    for (int i = 0; i < 300 && !good; i++) {
        atoll_call_reset(call);
        CHECK_INT(echo(call, "how are you?", &out), ATOLL_OK);
        good = f(&out);
        (void)usleep(good ? 0 : 10000);
    }
    CHECK(good);
    atoll_call_free(call);
    return out;
}

static bool keeps_one(const reply *out)
{
    return out->kept == 1;
}

static bool lost_both(const reply *out)
{
    return out->kept == 0 && out->lost == 2;
}

TEST(streams_that_fill_a_channel_are_named_and_leave_it_with_their_caller)
{
    enum { SLOTS = 256 };
    struct stage s;
    struct atoll_call *calls[SLOTS];
    struct atoll_stream *streams[SLOTS];
    struct atoll_stream *last;
    reply out = {0};

    begin(&s);
    add_server(&s, "alpha", NULL);
    for (int i = 0; i < SLOTS; i++) {
        calls[i] = atoll_call_new();
        CHECK_INT(atoll_call_set_metadata(calls[i], "quiet", "yes"), 0);
        CHECK_INT(test_call_v1_Alpha_keep_open(calls[i], &streams[i]), ATOLL_OK);
    }
    atoll_call_set_timeout(s.call, 30 * AT_MILLISECOND_NS);
    CHECK_INT(echo(s.call, "no room", &out), ATOLL_DEADLINE_EXCEEDED);
    CHECK(strstr(atoll_call_reason(s.call), "with 256 streams of this process open") != NULL);
    CHECK_INT(test_call_v1_Alpha_keep_open(s.call, &last), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_keep_finish(last), ATOLL_DEADLINE_EXCEEDED);
    for (int i = 0; i < SLOTS; i++) {
        atoll_stream_cancel(streams[i]);
        CHECK_INT(test_call_v1_Alpha_keep_finish(streams[i]), ATOLL_CANCELLED);
        atoll_call_free(calls[i]);
    }
    atoll_call_reset(s.call);
    CHECK_INT(echo(s.call, "the service has ended none of them", &out), ATOLL_OK);
    CHECK(out.kept > 0);
    CHECK_INT(atoll_call_set_metadata(s.call, "quiet", "end"), 0);
    CHECK_INT(test_call_v1_Alpha_keep_open(s.call, &last), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_keep_finish(last), ATOLL_OK);
    CHECK_INT(echo(s.call, "now it has", &out), ATOLL_OK);
    CHECK_INT(out.kept, 0);
    CHECK(out.lost > 0);
    end(&s);
}

TEST(a_killed_caller_costs_the_service_nothing_but_its_streams)
{
    struct stage s;
    int caller;

    begin(&s);
    add_server(&s, "alpha", NULL);
    caller = add_server(&s, "caller", NULL);
    (void)wait_until(keeps_one);
    kill_server(&s, caller);
    (void)wait_until(lost_both);
    end(&s);
}

TEST(a_reader_that_does_not_read_stops_its_writer)
{
    static char big[4000];
    struct stage s;
    struct atoll_stream *stream;
    request in = {.payload = {big, sizeof(big)}, .depth = -1};
    reply out = {0};
    int before;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_watch_open(s.call, &in, &stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_watch_recv(stream, &out), ATOLL_OK);
    for (int i = 0, same = 0; same < 5; i++) { /* each call also takes what has come */
        before = out.sent;
        CHECK(i < 1000);
        CHECK_INT(echo(s.call, "how far?", &out), ATOLL_OK);
        same = out.sent == before ? same + 1 : 0;
        (void)usleep(2000);
    }
    CHECK(out.sent < 256); /* less than a MiB */
    for (int i = 2; i < 2000; i++) {
        CHECK_INT(test_call_v1_Alpha_watch_recv(stream, &out), ATOLL_OK);
        CHECK_INT(out.handled, i);
    }
    atoll_stream_cancel(stream);
    CHECK_INT(test_call_v1_Alpha_watch_finish(stream), ATOLL_CANCELLED);
    end(&s);
}

TEST(handlers_that_wait_in_streams_do_not_hold_up_calls_below_the_limit)
{
    struct stage s;
    struct atoll_stream *streams[2];
    struct atoll_call *calls[2];
    request in = {0};
    reply out;

    begin(&s);
    add_server(&s, "alpha", "2");
    for (int i = 0; i < 2; i++) {
        calls[i] = atoll_call_new();
        CHECK_INT(test_call_v1_Alpha_chat_open(calls[i], &streams[i]), ATOLL_OK);
        CHECK_INT(test_call_v1_Alpha_chat_send(streams[i], &in), ATOLL_OK);
        CHECK_INT(test_call_v1_Alpha_chat_recv(streams[i], &out), ATOLL_OK);
        if (i == 0) {
            CHECK_INT(echo(s.call, "the other handler is free", &out), ATOLL_OK);
        }
    }
    atoll_call_set_timeout(s.call, AT_SECOND_NS / 20);
    CHECK_INT(echo(s.call, "none is", &out), ATOLL_DEADLINE_EXCEEDED);
    atoll_call_reset(s.call);
    CHECK_INT(test_call_v1_Alpha_chat_finish(streams[0]), ATOLL_OK);
    CHECK_INT(echo(s.call, "free again", &out), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_chat_finish(streams[1]), ATOLL_OK);
    atoll_call_free(calls[0]);
    atoll_call_free(calls[1]);
    end(&s);
}

TEST(a_service_that_is_asked_to_stop_lets_streams_end_and_ends_the_rest_before_its_time_is_up)
{
    struct stage s;
    struct atoll_stream *stream;
    request in = {0};
    reply out;
    uint64_t begun;
    int status;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_chat_open(s.call, &stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_chat_send(stream, &in), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_chat_recv(stream, &out), ATOLL_OK);
    begun = at_now_ns();
    (void)pthread_mutex_lock(&s.lock);
    tiny_stop(s.tiny, s.server_index[0], 400 * AT_MILLISECOND_NS);
    (void)pthread_mutex_unlock(&s.lock);
    (void)usleep(100000);
    CHECK_INT(test_call_v1_Alpha_chat_send(stream, &in), ATOLL_OK); /* it goes on meanwhile */
    CHECK_INT(test_call_v1_Alpha_chat_recv(stream, &out), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_chat_recv(stream, &out), ATOLL_UNAVAILABLE);
    CHECK(at_now_ns() - begun >= 290 * AT_MILLISECOND_NS);
    CHECK(strstr(atoll_stream_reason(stream), "stopping") != NULL);
    CHECK_INT(test_call_v1_Alpha_chat_finish(stream), ATOLL_UNAVAILABLE);
    CHECK(waitpid(s.servers[0], &status, 0) == s.servers[0]);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    s.servers[0] = 0;
    end(&s);
}

TEST(a_peer_whose_library_knows_no_streams_is_named)
{
    struct stage s;
    struct atoll_stream *stream;
    request in = {.depth = 1};
    reply out;

    begin(&s);
    (void)pthread_mutex_lock(&s.lock);
    s.tiny->layout_max = 1;
    (void)pthread_mutex_unlock(&s.lock);
    add_server(&s, "alpha", NULL);
    CHECK_INT(echo(s.call, "calls work", &out), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_watch_open(s.call, &in, &stream), ATOLL_OK);
    (void)test_call_v1_Alpha_watch_recv(stream, &out);
    CHECK(strstr(atoll_stream_reason(stream), "carries no streams") != NULL);
    CHECK_INT(test_call_v1_Alpha_watch_recv(stream, &out), ATOLL_UNIMPLEMENTED);
    CHECK_INT(test_call_v1_Alpha_watch_finish(stream), ATOLL_UNIMPLEMENTED);
    end(&s);
}

static int watch(struct stage *s, int messages)
{
    struct atoll_stream *stream;
    request in = {.payload = text("tick"), .depth = messages};
    reply out;
    int status = test_call_v1_Alpha_watch_open(s->call, &in, &stream);
    int last = status;

    if (status == ATOLL_OK) {
        while ((last = test_call_v1_Alpha_watch_recv(stream, &out)) == ATOLL_OK) {
        }
        status = test_call_v1_Alpha_watch_finish(stream);
        CHECK(last == ATOLL_STREAM_END ? status == ATOLL_OK : status == last);
    }
    return status;
}

static int upload_two(struct stage *s)
{
    struct atoll_stream *stream;
    request in = {.payload = text("part")};
    reply out;
    int status = test_call_v1_Alpha_upload_open(s->call, &stream);

    if (status == ATOLL_OK) {
        (void)test_call_v1_Alpha_upload_send(stream, &in);
        (void)test_call_v1_Alpha_upload_send(stream, &in);
        status = test_call_v1_Alpha_upload_finish(stream, &out);
        CHECK(status != ATOLL_OK || out.handled == 2);
    }
    return status;
}

/* A message that cannot be kept costs its channel, which is asked for again after a second. */
TEST(streams_take_it_when_memory_is_refused)
{
    struct stage s;
    int messages = getenv("ATOLL_SOAK") == NULL ? 0 : 2;
    int status = 0;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(watch(&s, messages), ATOLL_OK);
    WITH_EACH_ALLOCATION_FAILING({
        status = watch(&s, messages);
        CHECK(status == ATOLL_OK || status == ATOLL_RESOURCE_EXHAUSTED ||
              status == ATOLL_UNAVAILABLE);
    });
    CHECK_INT(status, ATOLL_OK);
    if (messages == 0) {
        end(&s);
        return;
    }
    CHECK_INT(status, ATOLL_OK);
    WITH_EACH_ALLOCATION_FAILING({
        status = upload_two(&s);
        CHECK(status == ATOLL_OK || status == ATOLL_RESOURCE_EXHAUSTED ||
              status == ATOLL_UNAVAILABLE);
    });
    CHECK_INT(status, ATOLL_OK);
    end(&s);
}

TEST_MAIN("libatoll/stream")
