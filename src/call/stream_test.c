/* Streams between two engines in one process. */
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

TEST_MAIN("call/stream")
