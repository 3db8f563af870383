/* Streams, without waiting: callbacks and events; streams that a service keeps. */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atoll/atoll.h>

#include "at_test.h"
#include "base/clock.h"
#include "libatoll/test_stage.h"
#include "test.atoll.h"

typedef struct test_call_v1_Request request;
typedef struct test_call_v1_Reply reply;

/* A chat by callbacks: each line is sent when the answer to the one before has come. */
struct chat {
    struct atoll_call *call;
    struct atoll_stream *stream;
    request in;
    reply out;
    int lines;
    int heard;
    int status; /* -1: not over */
};

static void on_finished(void *user, struct atoll_stream *stream, int status)
{
    struct chat *c = user;

    CHECK(stream == NULL);
    c->status = status;
}

static void on_sent(void *user, struct atoll_stream *stream, int status);

static void on_heard(void *user, struct atoll_stream *stream, int status)
{
    struct chat *c = user;

    if (status != ATOLL_OK) {
        CHECK_INT(test_call_v1_Alpha_chat_finish_async(stream, on_finished, c), ATOLL_OK);
        return;
    }
    c->heard++;
    CHECK_INT(c->out.handled, c->heard);
    if (c->heard == c->lines) {
        CHECK_INT(test_call_v1_Alpha_chat_close_send(stream), ATOLL_OK);
        CHECK_INT(test_call_v1_Alpha_chat_recv_async(stream, &c->out, on_heard, c), ATOLL_OK);
    } else {
        CHECK_INT(test_call_v1_Alpha_chat_send_async(stream, &c->in, on_sent, c), ATOLL_OK);
    }
}

static void on_sent(void *user, struct atoll_stream *stream, int status)
{
    struct chat *c = user;

    if (status == ATOLL_OK) {
        CHECK_INT(test_call_v1_Alpha_chat_recv_async(stream, &c->out, on_heard, c), ATOLL_OK);
    } else {
        CHECK_INT(test_call_v1_Alpha_chat_finish_async(stream, on_finished, c), ATOLL_OK);
    }
}

static void open_chat(struct chat *c, int lines)
{
    *c = (struct chat){.call = atoll_call_new(), .lines = lines, .status = -1};
    c->in.payload = ATOLL_STR("line");
    CHECK_INT(test_call_v1_Alpha_chat_open(c->call, &c->stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_chat_send_async(c->stream, &c->in, on_sent, c), ATOLL_OK);
}

TEST(streams_run_by_callbacks_in_a_foreign_loop)
{
    enum { CHATS = 8, LINES = 40 };
    struct stage s;
    struct chat chats[CHATS];
    struct pollfd p = {.events = POLLIN};
    int over = 0;

    begin(&s);
    p.fd = atoll_poll_fd();
    add_server(&s, "alpha", NULL);
    for (int i = 0; i < CHATS; i++) {
        open_chat(&chats[i], LINES);
    }
    while (over < CHATS) {
        CHECK(poll(&p, 1, 5000) == 1);
        (void)atoll_poll(0);
        over = 0;
        for (int i = 0; i < CHATS; i++) {
            over += chats[i].status >= 0;
        }
    }
    for (int i = 0; i < CHATS; i++) {
        CHECK_INT(chats[i].status, ATOLL_OK);
        CHECK_INT(chats[i].heard, LINES);
        atoll_call_free(chats[i].call);
    }
    end(&s);
}

TEST(operations_of_a_stream_are_told_as_events_and_one_of_each_kind_is_under_way)
{
    struct stage s;
    struct atoll_stream *stream;
    struct atoll_event event;
    request in = {.payload = ATOLL_STR("line")};
    reply out;
    reply other;
    int tag;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_chat_open(s.call, &stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_chat_recv_async(stream, &out, NULL, &tag), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_chat_recv_async(stream, &other, NULL, &tag),
              ATOLL_FAILED_PRECONDITION);
    CHECK_INT(test_call_v1_Alpha_chat_recv(stream, &other), ATOLL_FAILED_PRECONDITION);
    CHECK_INT(test_call_v1_Alpha_chat_finish(stream), ATOLL_FAILED_PRECONDITION);
    CHECK_INT(test_call_v1_Alpha_chat_send(stream, &in), ATOLL_OK); /* beside it */
    CHECK_INT(atoll_next(&event, 5000), 1);
    CHECK(event.tag == &tag && event.stream == stream && event.call == s.call);
    CHECK_INT((int)event.kind, ATOLL_EVENT_RECV);
    CHECK_INT(event.status, ATOLL_OK);
    CHECK(is(out.payload, "line"));
    CHECK_INT(test_call_v1_Alpha_chat_recv_async(stream, &out, NULL, &tag), ATOLL_OK);
    CHECK_INT(atoll_next(&event, 20), 0);
    atoll_stream_cancel(stream);
    CHECK_INT(atoll_next(&event, 5000), 1);
    CHECK_INT(event.status, ATOLL_CANCELLED);
    CHECK_INT(test_call_v1_Alpha_chat_finish(stream), ATOLL_CANCELLED);
    end(&s);
}

TEST(an_upload_is_finished_by_an_event_that_brings_its_reply)
{
    struct stage s;
    struct atoll_stream *stream;
    struct atoll_event event;
    request in = {.payload = ATOLL_STR("part")};
    reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_upload_open(s.call, &stream), ATOLL_OK);
    for (int i = 0; i < 20; i++) {
        CHECK_INT(test_call_v1_Alpha_upload_send_async(stream, &in, NULL, &in), ATOLL_OK);
        CHECK_INT(atoll_next(&event, 5000), 1);
        CHECK(event.tag == &in && event.stream == stream && event.call == s.call);
        CHECK_INT((int)event.kind, ATOLL_EVENT_SEND);
        CHECK_INT(event.status, ATOLL_OK);
    }
    CHECK_INT(test_call_v1_Alpha_upload_finish_async(stream, &out, NULL, &out), ATOLL_OK);
    CHECK_INT(atoll_next(&event, 5000), 1);
    CHECK(event.tag == &out && event.stream == NULL && event.call == s.call);
    CHECK_INT((int)event.kind, ATOLL_EVENT_FINISH);
    CHECK_INT(event.status, ATOLL_OK);
    CHECK_INT(out.handled, 20);
    CHECK_INT(out.depth, 80);
    end(&s);
}

/* ---- kept by their service ---- */

TEST(kept_streams_are_served_without_a_thread_each)
{
    enum { STREAMS = 200 };
    struct stage s;
    struct atoll_call *calls[STREAMS];
    struct atoll_stream *streams[STREAMS];
    request in = {.payload = ATOLL_STR("line")};
    reply out;

    begin(&s);
    add_server(&s, "alpha", "2");
    for (int i = 0; i < STREAMS; i++) {
        calls[i] = atoll_call_new();
        CHECK_INT(test_call_v1_Alpha_keep_open(calls[i], &streams[i]), ATOLL_OK);
    }
    for (int round = 1; round <= 3; round++) {
        for (int i = 0; i < STREAMS; i++) {
            CHECK_INT(test_call_v1_Alpha_keep_send(streams[i], &in), ATOLL_OK);
        }
        for (int i = 0; i < STREAMS; i++) {
            CHECK_INT(test_call_v1_Alpha_keep_recv(streams[i], &out), ATOLL_OK);
            CHECK_INT(out.handled, round);
        }
    }
    CHECK_INT(echo(s.call, "how many threads?", &out), ATOLL_OK);
    CHECK_INT(out.kept, STREAMS);
    CHECK(out.threads <= 5);
    for (int i = 0; i < STREAMS; i++) {
        CHECK_INT(test_call_v1_Alpha_keep_finish(streams[i]), ATOLL_OK);
        atoll_call_free(calls[i]);
    }
    for (int i = 0; i < 300 && out.kept > 0; i++) {
        CHECK_INT(echo(s.call, "all gone?", &out), ATOLL_OK);
        (void)usleep(10000);
    }
    CHECK_INT(out.kept, 0);
    end(&s);
}

TEST(the_reply_of_a_kept_stream_lives_until_its_end)
{
    struct stage s;
    struct atoll_stream *stream;
    request in = {.payload = ATOLL_STR("part")};
    reply out;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(atoll_call_set_metadata(s.call, "back-t", "behind"), 0);
    CHECK_INT(test_call_v1_Alpha_collect_open(s.call, &stream), ATOLL_OK);
    for (int i = 0; i < 50; i++) {
        CHECK_INT(test_call_v1_Alpha_collect_send(stream, &in), ATOLL_OK);
    }
    CHECK_INT(test_call_v1_Alpha_collect_finish(stream, &out), ATOLL_OK);
    CHECK_INT(out.handled, 50);
    CHECK_INT(out.depth, 200);
    CHECK_STR(atoll_call_trailer(s.call, "back-t"), "behind");
    end(&s);
}

TEST(a_kept_stream_learns_that_its_caller_is_gone_and_that_the_service_stops)
{
    struct stage s;
    struct atoll_stream *stream;
    request in = {0};
    reply out;
    uint64_t begun;
    int status;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(test_call_v1_Alpha_keep_open(s.call, &stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_keep_send(stream, &in), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_keep_recv(stream, &out), ATOLL_OK);
    atoll_stream_cancel(stream);
    CHECK_INT(test_call_v1_Alpha_keep_finish(stream), ATOLL_CANCELLED);
    out.kept = 1;
    for (int i = 0; i < 300 && out.kept > 0; i++) {
        CHECK_INT(echo(s.call, "gone?", &out), ATOLL_OK);
        (void)usleep(10000);
    }
    CHECK_INT(out.kept, 0);
    CHECK_INT(test_call_v1_Alpha_keep_open(s.call, &stream), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_keep_send(stream, &in), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_keep_recv(stream, &out), ATOLL_OK);
    begun = at_now_ns();
    (void)pthread_mutex_lock(&s.lock);
    tiny_stop(s.tiny, s.server_index[0], 4 * AT_SECOND_NS);
    (void)pthread_mutex_unlock(&s.lock);
    CHECK_INT(test_call_v1_Alpha_keep_recv(stream, &out), ATOLL_UNAVAILABLE);
    CHECK(at_now_ns() - begun < AT_SECOND_NS); /* it said its end at once */
    CHECK_INT(test_call_v1_Alpha_keep_finish(stream), ATOLL_UNAVAILABLE);
    CHECK(waitpid(s.servers[0], &status, 0) == s.servers[0]);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    s.servers[0] = 0;
    end(&s);
}

TEST(a_kept_stream_may_be_ended_when_its_service_has_stopped)
{
    struct stage s;
    struct atoll_stream *stream;
    reply out = {0};
    int status;

    begin(&s);
    add_server(&s, "alpha", "late");
    CHECK_INT(test_call_v1_Alpha_collect_open(s.call, &stream), ATOLL_OK);
    for (int i = 0; i < 300 && out.kept == 0; i++) {
        CHECK_INT(echo(s.call, "kept?", &out), ATOLL_OK);
        (void)usleep(10000);
    }
    CHECK_INT(out.kept, 1);
    (void)pthread_mutex_lock(&s.lock);
    tiny_stop(s.tiny, s.server_index[0], 100 * AT_MILLISECOND_NS);
    (void)pthread_mutex_unlock(&s.lock);
    CHECK_INT(test_call_v1_Alpha_collect_finish(stream, &out), ATOLL_UNAVAILABLE);
    CHECK(waitpid(s.servers[0], &status, 0) == s.servers[0]);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    s.servers[0] = 0;
    end(&s);
}

/* ---- many threads ---- */

enum { THREADS = 4, CROWD = 16, ROUNDS = 25 };

struct talker {
    struct atoll_call *call;
    struct atoll_stream *stream;
    request in;
    reply out;
    int rounds;
    int status; /* -1: not over */
};

struct crowd {
    struct talker talkers[CROWD];
    _Atomic int over;
    _Atomic int wrong;
};

static void step(struct crowd *crowd, struct talker *t, const struct atoll_event *event)
{
    int status = ATOLL_OK;

    if (event->kind == ATOLL_EVENT_FINISH) {
        t->status = event->status;
        crowd->over++;
        return;
    }
    if (event->status != ATOLL_OK || t->rounds == ROUNDS) {
        status = test_call_v1_Alpha_keep_finish_async(t->stream, NULL, t);
    } else if (event->kind == ATOLL_EVENT_SEND) {
        status = test_call_v1_Alpha_keep_recv_async(t->stream, &t->out, NULL, t);
    } else {
        crowd->wrong += t->out.handled != ++t->rounds;
        status = test_call_v1_Alpha_keep_send_async(t->stream, &t->in, NULL, t);
    }
    crowd->wrong += status != ATOLL_OK;
}

static void *take_events(void *user)
{
    struct crowd *crowd = user;
    struct atoll_event event;

    while (atoll_next(&event, -1) == 1 && event.kind != ATOLL_EVENT_POSTED) {
        step(crowd, event.tag, &event);
    }
    return NULL;
}

TEST(many_threads_run_many_streams_by_events_and_some_are_cancelled_meanwhile)
{
    static struct crowd crowd;
    struct stage s;
    pthread_t threads[THREADS];

    begin(&s);
    add_server(&s, "alpha", NULL);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, take_events, &crowd) == 0);
    }
    for (int i = 0; i < CROWD; i++) {
        struct talker *t = &crowd.talkers[i];

        t->call = atoll_call_new();
        t->status = -1;
        t->in.payload = ATOLL_STR("line");
        CHECK_INT(test_call_v1_Alpha_keep_open(t->call, &t->stream), ATOLL_OK);
        CHECK_INT(test_call_v1_Alpha_keep_send_async(t->stream, &t->in, NULL, t), ATOLL_OK);
        if (i % 4 == 3) {
            atoll_call_cancel(t->call); /* any thread, at any time */
        }
    }
    for (int i = 0; i < 10000 && crowd.over < CROWD; i++) {
        (void)usleep(1000);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK_INT(atoll_post(NULL, 0), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    CHECK_INT(crowd.over, CROWD);
    CHECK_INT(crowd.wrong, 0);
    for (int i = 0; i < CROWD; i++) {
        struct talker *t = &crowd.talkers[i];

        CHECK_INT(t->status, i % 4 == 3 ? ATOLL_CANCELLED : ATOLL_OK);
        atoll_call_free(t->call);
    }
    end(&s);
}

TEST_MAIN("libatoll/stream_async")
