/* Streams between two engines in one process. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "call/link.h"
#include "call/test_stream.h"

static uint8_t big[AT_CALL_MESSAGE_MAX];

static void fill_big(void)
{
    for (size_t i = 0; i < sizeof(big); i++) {
        big[i] = (uint8_t)(i * 7 + i / 251);
    }
}

TEST(messages_go_both_ways_in_order_and_the_end_brings_status_and_trailers)
{
    uint8_t packed[64];
    struct at_writer w = at_writer_over(packed, sizeof(packed));
    struct at_bytes metadata;
    struct at_bytes value;
    struct stage st;
    struct client_end c;
    struct at_incoming *in;

    at_metadata_add(&w, AT_LIT("colour"), AT_LIT("red"));
    metadata = at_writer_bytes(&w);
    stage_init(&st);
    open_with(&st, &c, "Both", (struct at_bytes){0}, 0, metadata);
    CHECK_INT(at_stream_send(st.client.engine, &c.s, AT_LIT("one"), false), 0);
    CHECK_INT(at_stream_send(st.client.engine, &c.s, AT_LIT(""), false), 0);
    stage_turn(&st, 1);
    in = server_end(&st);
    CHECK(at_metadata_get(at_incoming_meta(in), AT_LIT("colour"), &value));
    CHECK(next_is(st.server.engine, in->stream, AT_LIT("one")));
    CHECK(next_is(st.server.engine, in->stream, AT_LIT("")));
    CHECK(!at_stream_peek(in->stream, &value));
    CHECK(!at_stream_is_drained(in->stream));
    CHECK_INT(at_stream_first_metadata(st.server.engine, in->stream, metadata, true), 0);
    stage_turn(&st, 1);
    CHECK_INT(c.readable, 1);
    CHECK(at_metadata_get(at_stream_metadata(&c.s), AT_LIT("colour"), &value));
    CHECK_INT(at_stream_send(st.server.engine, in->stream, AT_LIT("uno"), false), 0);
    CHECK_INT(at_stream_send(st.client.engine, &c.s, AT_LIT("two"), true), 0);
    CHECK_INT(at_stream_send(st.client.engine, &c.s, AT_LIT("three"), false), -EPIPE);
    stage_turn(&st, 1);
    CHECK(next_is(st.client.engine, &c.s, AT_LIT("uno")));
    CHECK(next_is(st.server.engine, in->stream, AT_LIT("two")));
    CHECK(at_stream_is_drained(in->stream));
    CHECK_INT(at_stream_send(st.server.engine, in->stream, AT_LIT("due"), false), 0);
    at_stream_end(st.server.engine, in, AT_STATUS_OK, metadata, AT_LIT("not said when OK"));
    stage_turn(&st, 1);
    CHECK_INT(c.done, 1);
    CHECK_INT(c.status, AT_STATUS_OK);
    CHECK_STR(c.reason, "");
    CHECK(at_metadata_get(at_bytes_over(c.trailers, c.trailers_len), AT_LIT("colour"), &value));
    CHECK(next_is(st.client.engine, &c.s, AT_LIT("due"))); /* what came before the end stays */
    CHECK(at_stream_is_drained(&c.s));
    CHECK_INT(at_stream_send(st.client.engine, &c.s, AT_LIT("late"), false), -EPIPE);
    at_stream_release(st.client.engine, &c.s);
    stage_deinit(&st);
}

TEST(the_one_message_of_a_server_stream_comes_with_its_opening)
{
    struct stage st;
    struct client_end c;
    struct at_incoming *in;

    stage_init(&st);
    open_with(&st, &c, "Down", AT_LIT("which"), AT_STREAM_MESSAGE | AT_STREAM_CLOSE,
              (struct at_bytes){0});
    test_turn(&st.server, 0);
    in = server_end(&st);
    CHECK_INT(server_link(&st)->channel.head, 128); /* one record of head and payload */
    CHECK(next_is(st.server.engine, in->stream, AT_LIT("which")));
    CHECK(at_stream_is_drained(in->stream));
    at_stream_end(st.server.engine, in, AT_STATUS_NOT_FOUND, (struct at_bytes){0}, AT_LIT("none"));
    stage_turn(&st, 1);
    CHECK_INT(c.done, 1);
    CHECK_INT(c.status, AT_STATUS_NOT_FOUND);
    CHECK_STR(c.reason, "none");
    at_stream_release(st.client.engine, &c.s);
    stage_deinit(&st);
}

/* Sends until the last one stays queued. */
static void send_until_full(struct stage *st, struct at_stream *s, struct at_bytes message)
{
    int r = 0;

    for (int i = 0; i < 100000 && !at_stream_is_sending(s); i++) {
        r = at_stream_send(st->client.engine, s, message, false);
        CHECK(r >= 0);
        stage_turn(st, r == 0 ? 0 : 2);
    }
    CHECK(at_stream_is_sending(s));
    CHECK_INT(at_stream_send(st->client.engine, s, message, false), -EBUSY);
}

TEST(a_slow_reader_stops_its_writer_and_nobody_else)
{
    struct at_bytes kib = at_bytes_over(big, 1024 - AT_STREAM_FRAME);
    struct stage st;
    struct client_end slow;
    struct client_end quick;
    struct at_incoming *a;
    struct at_incoming *b;

    fill_big();
    stage_init(&st);
    a = meet(&st, &slow, "Both");
    b = meet(&st, &quick, "Both");
    send_until_full(&st, &slow.s, kib);
    CHECK_INT(a->stream->whole, AT_STREAM_WINDOW / 1024);
    CHECK_INT(a->stream->held, AT_STREAM_WINDOW);
    CHECK(at_stream_is_sending(&slow.s));
    for (int i = 0; i < 300; i++) {
        CHECK_INT(at_stream_send(st.client.engine, &quick.s, kib, false), 0);
        stage_turn(&st, 1);
        CHECK(next_is(st.server.engine, b->stream, kib));
    }
    CHECK_INT(a->stream->whole, AT_STREAM_WINDOW / 1024);
    slow.sent = 0;
    while (a->stream->whole > 0) {
        CHECK(next_is(st.server.engine, a->stream, kib));
    }
    stage_turn(&st, 2);
    CHECK_INT(slow.sent, 1);
    CHECK(next_is(st.server.engine, a->stream, kib));
    end_ok(&st, a);
    end_ok(&st, b);
    stage_turn(&st, 1);
    CHECK_INT(slow.done + quick.done, 2);
    at_stream_release(st.client.engine, &slow.s);
    at_stream_release(st.client.engine, &quick.s);
    stage_deinit(&st);
}

TEST(a_message_larger_than_a_window_passes_when_nothing_else_can_be_consumed)
{
    static const size_t sizes[] = {AT_STREAM_WINDOW - 5, AT_STREAM_WINDOW - 4, 300000,
                                   AT_CALL_MESSAGE_MAX};
    struct stage st;
    struct client_end c;
    struct at_incoming *in;

    fill_big();
    stage_init(&st);
    in = meet(&st, &c, "Both");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct at_bytes m = at_bytes_over(big, sizes[i]);
        int sent = c.sent;
        bool queued = at_stream_send(st.client.engine, &c.s, m, false) == AT_STREAM_QUEUED;

        CHECK(queued);
        for (int n = 0; n < 1000 && c.sent == sent; n++) {
            stage_turn(&st, 1);
        }
        stage_turn(&st, 1);
        CHECK(next_is(st.server.engine, in->stream, m));
        CHECK_INT(server_link(&st)->streams->pool_used, in->stream->share);
    }
    CHECK_INT(at_stream_send(st.client.engine, &c.s, at_bytes_over(big, AT_CALL_MESSAGE_MAX + 1UL),
                             false),
              -EMSGSIZE);
    end_ok(&st, in);
    stage_turn(&st, 1);
    CHECK_INT(c.done, 1);
    CHECK_INT(server_link(&st)->streams->pool_used, 0);
    CHECK_INT(server_link(&st)->streams->held, 0);
    at_stream_release(st.client.engine, &c.s);
    stage_deinit(&st);
}

TEST(large_messages_that_nobody_consumes_share_a_pool_and_small_ones_need_none)
{
    struct at_bytes m = at_bytes_over(big, AT_CALL_MESSAGE_MAX);
    struct stage st;
    struct client_end c[4];
    struct at_incoming *in[4];

    fill_big();
    stage_init(&st);
    for (int i = 0; i < 4; i++) {
        in[i] = meet(&st, &c[i], "Both");
        if (i < 3) {
            CHECK_INT(at_stream_send(st.client.engine, &c[i].s, m, false), AT_STREAM_QUEUED);
        }
    }
    stage_turn(&st, 2000);
    CHECK_INT(in[0]->stream->whole + in[1]->stream->whole, 2);
    CHECK_INT(in[2]->stream->whole, 0);
    CHECK(server_link(&st)->streams->pool_used <= AT_STREAM_POOL);
    CHECK_INT(at_stream_send(st.client.engine, &c[3].s, AT_LIT("small"), false), 0);
    stage_turn(&st, 1);
    CHECK(next_is(st.server.engine, in[3]->stream, AT_LIT("small")));
    CHECK(next_is(st.server.engine, in[1]->stream, m));
    stage_turn(&st, 1000);
    CHECK(next_is(st.server.engine, in[2]->stream, m));
    for (int i = 0; i < 4; i++) {
        end_ok(&st, in[i]);
    }
    stage_turn(&st, 2);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(c[i].done, 1);
        at_stream_release(st.client.engine, &c[i].s);
    }
    CHECK_INT(server_link(&st)->streams->pool_used, 0);
    stage_deinit(&st);
}

/* A handler may work for long on what it has consumed: others need not wait for its end. */
TEST(a_stream_whose_large_message_was_consumed_gives_its_share_back_while_it_lives)
{
    struct at_bytes m = at_bytes_over(big, AT_CALL_MESSAGE_MAX);
    struct stage st;
    struct client_end c[3];
    struct at_incoming *in[3];

    fill_big();
    stage_init(&st);
    for (int i = 0; i < 3; i++) {
        in[i] = meet(&st, &c[i], "Up");
        CHECK_INT(at_stream_send(st.client.engine, &c[i].s, m, true), AT_STREAM_QUEUED);
        stage_turn(&st, 600);
        CHECK_INT(in[i]->stream->whole, i < 2); /* two fill the pool */
    }
    CHECK(next_is(st.server.engine, in[0]->stream, m));
    CHECK(at_stream_is_drained(in[0]->stream));
    CHECK_INT(in[0]->stream->share, 0);
    stage_turn(&st, 600);
    CHECK(next_is(st.server.engine, in[2]->stream, m));
    for (int i = 0; i < 3; i++) {
        CHECK_INT(c[i].done, 0);
        end_ok(&st, in[i]);
        stage_turn(&st, 2);
        CHECK_INT(c[i].status, AT_STATUS_OK);
        at_stream_release(st.client.engine, &c[i].s);
    }
    CHECK_INT(server_link(&st)->streams->pool_used, 0);
    stage_deinit(&st);
}

/* Who waits for the pool and loses interest does not stand in the way of who waits behind. */
TEST(a_stream_that_is_over_waits_for_nothing)
{
    struct at_bytes m = at_bytes_over(big, AT_CALL_MESSAGE_MAX);
    struct stage st;
    struct client_end c[4];
    struct at_incoming *in[4];

    fill_big();
    stage_init(&st);
    for (int i = 0; i < 4; i++) {
        in[i] = meet(&st, &c[i], "Both");
        CHECK_INT(
            at_stream_send(st.client.engine, &c[i].s, i < 3 ? m : at_bytes_over(big, 90000), false),
            AT_STREAM_QUEUED);
        stage_turn(&st, i < 2 ? 600 : 20);
    }
    CHECK_INT(in[0]->stream->whole + in[1]->stream->whole, 2);
    CHECK_INT(in[3]->stream->whole, 0); /* small enough, but not its turn */
    at_engine_abandon(st.client.engine, &c[2].p);
    stage_turn(&st, 1); /* its handler goes on */
    CHECK(next_is(st.server.engine, in[0]->stream, m));
    stage_turn(&st, 50);
    CHECK(next_is(st.server.engine, in[3]->stream, at_bytes_over(big, 90000)));
    for (int i = 0; i < 4; i++) {
        end_ok(&st, in[i]);
        stage_turn(&st, 2);
        at_stream_release(st.client.engine, &c[i].s);
    }
    CHECK_INT(server_link(&st)->streams->pool_used, 0);
    stage_deinit(&st);
}

TEST(a_service_that_allows_larger_messages_has_a_larger_pool)
{
    enum { LARGE = 24 << 20 };
    uint8_t *bytes = calloc(1, LARGE + 1);
    struct stage st;
    struct client_end c[3];
    struct at_incoming *in[3];

    bytes[LARGE - 1] = 7;
    stage_init_with(&st, LARGE);
    for (int i = 0; i < 3; i++) {
        in[i] = meet(&st, &c[i], "Up");
        CHECK_INT(at_stream_send(st.client.engine, &c[i].s, at_bytes_over(bytes, LARGE + 1), false),
                  -EMSGSIZE);
        CHECK_INT(at_stream_send(st.client.engine, &c[i].s, at_bytes_over(bytes, LARGE), true),
                  AT_STREAM_QUEUED);
    }
    for (int i = 0;
         i < 10000 && in[0]->stream->whole + in[1]->stream->whole + in[2]->stream->whole < 2; i++) {
        stage_turn(&st, 1);
    }
    for (int i = 0; i < 3; i++) {
        for (int n = 0; n < 10000 && in[i]->stream->whole == 0; n++) {
            stage_turn(&st, 1);
        }
        CHECK(next_is(st.server.engine, in[i]->stream, at_bytes_over(bytes, LARGE)));
        CHECK(at_stream_is_drained(in[i]->stream));
        end_ok(&st, in[i]);
    }
    stage_turn(&st, 2);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(c[i].status, AT_STATUS_OK);
        at_stream_release(st.client.engine, &c[i].s);
    }
    stage_deinit(&st);
    free(bytes);
}

/* So much memory is held as credit was used, even when a message has no bytes of its own. */
TEST(empty_messages_cost_no_more_memory_than_their_credit)
{
    struct stage st;
    struct client_end c;
    struct at_incoming *in;

    stage_init(&st);
    in = meet(&st, &c, "Both");
    send_until_full(&st, &c.s, (struct at_bytes){0});
    CHECK_INT(in->stream->whole, AT_STREAM_WINDOW / AT_STREAM_FRAME);
    CHECK(in->stream->held <= AT_STREAM_WINDOW);
    for (uint32_t n = in->stream->whole; n > 0; n--) {
        CHECK(next_is(st.server.engine, in->stream, (struct at_bytes){0}));
    }
    end_ok(&st, in);
    stage_turn(&st, 1);
    at_stream_release(st.client.engine, &c.s);
    stage_deinit(&st);
}

TEST(calls_pass_between_the_records_of_streams)
{
    struct stage st;
    struct client_end c[3];
    struct at_incoming *in[3];
    struct at_pending call = {0};
    struct client_end answer = {0};

    fill_big();
    stage_init(&st);
    for (int i = 0; i < 3; i++) {
        in[i] = meet(&st, &c[i], "Both");
        CHECK_INT(at_stream_send(st.client.engine, &c[i].s, at_bytes_over(big, 1 << 20), false),
                  AT_STREAM_QUEUED);
    }
    call.done = client_done;
    call.user = &answer;
    call.request = (struct at_call_request){.contract = at_bytes_of(stream_contract),
                                            .method = AT_LIT("Call"),
                                            .deadline_ns = test_now(&st.client) + AT_SECOND_NS};
    CHECK_INT(at_engine_start(st.client.engine, &call, test_now(&st.client)), 0);
    stage_turn(&st, 3); /* of well over a hundred that the streams need */
    at_engine_answer(st.server.engine, server_end(&st), AT_STATUS_OK, (struct at_bytes){0},
                     (struct at_bytes){0}, 0);
    stage_turn(&st, 2);
    CHECK_INT(answer.done, 1);
    stage_turn(&st, 600);
    for (int i = 0; i < 3; i++) {
        CHECK(next_is(st.server.engine, in[i]->stream, at_bytes_over(big, 1 << 20)));
        end_ok(&st, in[i]);
    }
    stage_turn(&st, 2);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(c[i].status, AT_STATUS_OK);
        at_stream_release(st.client.engine, &c[i].s);
    }
    stage_deinit(&st);
}

TEST(a_cancel_at_any_moment_is_seen_at_once_and_frees_the_slot)
{
    struct stage st;
    struct client_end c;

    fill_big();
    stage_init(&st);
    for (int moment = 0; moment < 40; moment++) {
        struct at_incoming *in;

        open_stream(&st, &c, "Both");
        (void)at_stream_send(st.client.engine, &c.s, at_bytes_over(big, 300000), moment % 2 == 0);
        test_turn(&st.server, 0);
        in = server_end(&st);
        (void)at_stream_send(st.server.engine, in->stream, at_bytes_over(big, 200000), false);
        stage_turn(&st, moment / 2);
        at_engine_abandon(st.client.engine, &c.p);
        CHECK(at_incoming_is_cancelled(in)); /* in one load: no turn in between */
        CHECK_INT(at_stream_send(st.client.engine, &c.s, AT_LIT("x"), false), -EPIPE);
        at_stream_release(st.client.engine, &c.s);
        stage_turn(&st, 2);
        CHECK_INT(st.server.cancelled, moment + 1);
        CHECK_INT(at_stream_send(st.server.engine, in->stream, AT_LIT("x"), false), -EPIPE);
        at_stream_end(st.server.engine, in, AT_STATUS_CANCELLED, (struct at_bytes){0},
                      AT_LIT("as you like"));
        stage_turn(&st, 2);
        CHECK_INT(client_link(&st)->seat.load, 0);
        CHECK_INT(c.done, 0);
    }
    CHECK_INT(client_link(&st)->streams->held + server_link(&st)->streams->held, 0);
    CHECK_INT(client_link(&st)->streams->pool_used + server_link(&st)->streams->pool_used, 0);
    stage_deinit(&st);
}

TEST(a_server_that_ends_early_gets_what_is_on_its_way_dropped_and_the_channel_its_credit)
{
    struct stage st;
    struct client_end c;

    fill_big();
    stage_init(&st);
    for (int i = 0; i < 600; i++) { /* together more than the channel's window */
        struct at_incoming *in = meet(&st, &c, "Up");

        (void)at_stream_send(st.client.engine, &c.s, at_bytes_over(big, 60000), false);
        at_stream_end(st.server.engine, in, AT_STATUS_ABORTED, (struct at_bytes){0},
                      AT_LIT("enough"));
        stage_turn(&st, 3);
        CHECK_INT(c.done, 1);
        CHECK_INT(c.status, AT_STATUS_ABORTED);
        at_stream_release(st.client.engine, &c.s);
    }
    CHECK_INT(client_link(&st)->seat.load, 0);
    CHECK(client_link(&st)->streams->credit > AT_STREAM_CHANNEL_WINDOW - (2 << 20));
    stage_deinit(&st);
}

TEST(a_stream_ends_at_its_deadline_and_the_server_hears_of_it)
{
    struct stage st;
    struct client_end c;
    struct at_incoming *in;

    stage_init(&st);
    in = meet(&st, &c, "Both");
    CHECK_INT(at_stream_send(st.server.engine, in->stream, AT_LIT("before"), false), 0);
    test_turn(&st.client, 0);
    st.client.skew_ns = 61 * AT_SECOND_NS;
    test_turn(&st.client, 0);
    CHECK_INT(c.done, 1);
    CHECK_INT(c.status, AT_STATUS_DEADLINE_EXCEEDED);
    CHECK(at_incoming_is_cancelled(in));
    CHECK(next_is(st.client.engine, &c.s, AT_LIT("before")));
    end_ok(&st, in);
    stage_turn(&st, 2);
    CHECK_INT(client_link(&st)->seat.load, 0);
    at_stream_release(st.client.engine, &c.s);
    stage_deinit(&st);
}

/* Ends the server's process; its owner's requests are as they were. */
static void kill_server(struct stage *st, struct at_incoming *in)
{
    if (in != NULL) {
        at_stream_end(st->server.engine, in, AT_STATUS_OK, (struct at_bytes){0},
                      (struct at_bytes){0});
    }
    test_owner_deinit(&st->server);
    CHECK_INT(test_owner_init(&st->server, stream_methods), 0);
    CHECK_INT(test_introduce(&st->client, 1, &st->server, 8, "b.2", NULL), 0);
    test_turn(&st->client, 0);
    st->client.skew_ns += AT_CALL_LAST_WORDS_NS;
    stage_turn(st, 4);
}

TEST(a_stream_that_its_dead_peer_never_read_is_opened_at_another)
{
    struct stage st;
    struct client_end c;
    struct at_incoming *in;

    stage_init(&st);
    open_with(&st, &c, "Down", AT_LIT("which"), AT_STREAM_MESSAGE | AT_STREAM_CLOSE,
              (struct at_bytes){0});
    kill_server(&st, NULL);
    in = server_end(&st);
    CHECK(next_is(st.server.engine, in->stream, AT_LIT("which")));
    CHECK(at_stream_is_drained(in->stream));
    end_ok(&st, in);
    stage_turn(&st, 1);
    CHECK_INT(c.done, 1);
    CHECK_INT(c.status, AT_STATUS_OK);
    at_stream_release(st.client.engine, &c.s);
    stage_deinit(&st);
}

TEST(a_stream_of_which_a_message_went_or_came_ends_with_its_peer_and_says_so)
{
    for (int what = 0; what < 2; what++) {
        struct stage st;
        struct client_end c;
        struct at_incoming *in = NULL;

        stage_init(&st);
        open_stream(&st, &c, "Both");
        c.p.request.may_repeat = true;
        if (what == 0) { /* given back as sent: nobody could send it again */
            CHECK_INT(at_stream_send(st.client.engine, &c.s, AT_LIT("gone"), false), 0);
            kill_server(&st, NULL);
        } else {
            stage_turn(&st, 1);
            in = server_end(&st);
            CHECK_INT(at_stream_send(st.server.engine, in->stream, AT_LIT("came"), false), 0);
            test_turn(&st.client, 0);
            test_owner_deinit(&st.server); /* dies with it */
            at_stream_release(NULL, in->stream);
            free(in->stream);
            free(in->small);
            free(in);
            CHECK_INT(test_owner_init(&st.server, stream_methods), 0);
            test_turn(&st.client, 0);
            st.client.skew_ns += 2 * AT_CALL_LAST_WORDS_NS;
            test_turn(&st.client, 0);
        }
        CHECK_INT(c.done, 1);
        CHECK_INT(c.status, AT_STATUS_UNAVAILABLE);
        CHECK(strstr(c.reason, "b.1") != NULL);
        CHECK(strstr(c.reason, "Both") != NULL);
        if (what > 0) {
            CHECK(next_is(st.client.engine, &c.s, AT_LIT("came")));
        }
        at_stream_release(st.client.engine, &c.s);
        stage_deinit(&st);
    }
}

TEST(a_client_that_dies_cancels_its_streams)
{
    struct stage st;
    struct client_end c;
    struct at_incoming *in;

    stage_init(&st);
    in = meet(&st, &c, "Both");
    CHECK_INT(at_stream_send(st.client.engine, &c.s, AT_LIT("last words"), false), 0);
    test_owner_deinit(&st.client);
    CHECK_INT(c.done, 1);
    CHECK_INT(c.status, AT_STATUS_CANCELLED);
    at_stream_release(NULL, &c.s);
    test_turn(&st.server, 0);
    test_turn(&st.server, 0);
    CHECK_INT(st.server.cancelled, 1);
    CHECK(at_incoming_is_cancelled(in));
    CHECK(next_is(st.server.engine, in->stream, AT_LIT("last words")));
    CHECK(at_stream_is_drained(in->stream));
    end_ok(&st, in);
    test_owner_deinit(&st.server);
}

TEST(a_draining_server_lets_streams_run_until_the_grace_is_over)
{
    struct stage st;
    struct client_end running;
    struct client_end late;
    struct at_incoming *in;

    stage_init(&st);
    in = meet(&st, &running, "Both");
    open_stream(&st, &late, "Both"); /* in the ring before the server goes away */
    at_engine_go_away(st.server.engine);
    stage_turn(&st, 2);
    CHECK_INT(running.done + late.done, 0); /* the late one waits for another instance */
    CHECK(late.s.link == NULL);
    CHECK_INT(at_stream_send(st.client.engine, &running.s, AT_LIT("still"), false), 0);
    stage_turn(&st, 1);
    CHECK(next_is(st.server.engine, in->stream, AT_LIT("still")));
    at_engine_end_streams(st.server.engine, AT_LIT("b.1 is stopping, and its grace is over"));
    CHECK_INT(st.server.cancelled, 1);
    CHECK(at_incoming_is_cancelled(in));
    (void)at_stream_send(st.client.engine, &running.s, AT_LIT("crosses it"), false);
    stage_turn(&st, 2);
    CHECK_INT(running.done, 1);
    CHECK_INT(running.status, AT_STATUS_UNAVAILABLE);
    CHECK_STR(running.reason, "b.1 is stopping, and its grace is over");
    CHECK_INT(at_engine_unsent(st.server.engine), 0);
    end_ok(&st, in); /* to nobody */
    at_engine_abandon(st.client.engine, &late.p);
    at_stream_release(st.client.engine, &running.s);
    at_stream_release(st.client.engine, &late.s);
    stage_deinit(&st);
}

static void expect_unimplemented(struct stage *st, const char *method, const char *why)
{
    struct client_end c;

    open_stream(st, &c, method);
    stage_turn(st, 3);
    CHECK_INT(c.done, 1);
    CHECK_INT(c.status, AT_STATUS_UNIMPLEMENTED);
    ck_assert_msg(strstr(c.reason, why) != NULL, "%s", c.reason);
    at_stream_release(st->client.engine, &c.s);
}

TEST(what_cannot_stream_is_unimplemented_with_the_reason)
{
    struct stage st;

    stage_init(&st);
    expect_unimplemented(&st, "Call", "no streaming method Call");
    expect_unimplemented(&st, "None", "no streaming method None");
    stage_deinit(&st);
    CHECK_INT(test_owner_init(&st.client, ""), 0);
    CHECK_INT(test_owner_init(&st.server, stream_methods), 0);
    CHECK_INT(at_engine_want(st.client.engine, at_bytes_of(stream_contract)), 0);
    CHECK_INT(test_introduce_with(&st.client, 1, &st.server, 7, "b.1", NULL, 1), 0);
    stage_turn(&st, 3);
    expect_unimplemented(&st, "Both", "older atoll library");
    stage_deinit(&st);
}

/* A server that answers whatever comes at once, and with all that there is. */
static void answer_all(struct stage *st)
{
    uint8_t packed[] = {1, 'k', 0, 1, 'v'};

    while (!at_list_is_empty(&st->server.requests)) {
        struct at_incoming *in = server_end(st);
        struct at_engine *e = st->server.engine;

        (void)at_stream_first_metadata(e, in->stream, at_bytes_over(packed, sizeof(packed)), false);
        at_stream_consumed(e, in->stream);
        (void)at_stream_send(e, in->stream, at_bytes_over(big, 70000), false);
        at_stream_end(e, in, AT_STATUS_OK, at_bytes_over(packed, sizeof(packed)),
                      (struct at_bytes){0});
    }
}

TEST(streams_go_to_those_instances_of_a_service_that_carry_them)
{
    struct stage st;
    struct test_owner elder;

    stage_init(&st);
    CHECK_INT(test_owner_init(&elder, stream_methods), 0);
    CHECK_INT(test_introduce_with(&st.client, 1, &elder, 8, "b.2", NULL, 1), 0);
    stage_turn(&st, 1);
    test_turn(&elder, 0);
    stage_turn(&st, 1);
    for (int i = 0; i < 5; i++) {
        struct client_end c;
        struct at_incoming *in = meet(&st, &c, "Both");

        end_ok(&st, in);
        stage_turn(&st, 1);
        CHECK_INT(c.status, AT_STATUS_OK);
        at_stream_release(st.client.engine, &c.s);
    }
    stage_deinit(&st);
    test_owner_deinit(&elder);
}

static void stream_without_memory(void)
{
    static const struct at_stream_ops ops = {.readable = client_readable};
    struct stage st = {.client = {.epoll = -1, .control = -1, .supervisor = -1},
                       .server = {.epoll = -1, .control = -1, .supervisor = -1}};
    struct client_end c = {.p.done = client_done, .p.user = &c, .s.ops = &ops, .s.user = &c};
    int r = test_owner_init(&st.client, "");

    if (r == 0) {
        r = test_owner_init(&st.server, stream_methods);
    }
    if (r == 0) {
        c.p.request = (struct at_call_request){.contract = at_bytes_of(stream_contract),
                                               .method = AT_LIT("Both"),
                                               .deadline_ns = test_now(&st.client) + AT_SECOND_NS};
        r = at_stream_open(st.client.engine, &c.p, &c.s, 0, test_now(&st.client));
        CHECK(r == 0 || r == -ENOMEM);
    }
    if (r == 0) {
        (void)test_introduce(&st.client, 1, &st.server, 7, "b.1", NULL);
        stage_turn(&st, 4);
        (void)at_stream_send(st.client.engine, &c.s, at_bytes_over(big, 40000), true);
        stage_turn(&st, 4);
        answer_all(&st);
        stage_turn(&st, 6);
        st.client.skew_ns = 9 * AT_SECOND_NS;
        stage_turn(&st, 2);
        answer_all(&st);
        CHECK_INT(c.done, 1);
        at_stream_release(st.client.engine, &c.s);
    }
    stage_deinit(&st);
}

TEST(wherever_memory_ends_a_stream_ends_and_nothing_is_lost)
{
    WITH_EACH_ALLOCATION_FAILING(stream_without_memory());
}

TEST_MAIN("call/stream")
