/* A peer that lies about streams: each lie ends its channel with a rule, and nothing else. */
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "call/test_liar.h"
#include "call/test_stream.h"

/* Numbers of stream_methods. */
enum { CALL, UP, DOWN, BOTH };

/* Slot 0, generation 1: the client's first call is this one. */
enum { ID = 0 | 1 << 16, OTHER = 5 | 1 << 16, FULL = AT_RECORD_PAYLOAD_MAX };

struct lie {
    const char *what;
    struct at_record records[7]; /* the last one breaks the rule */
    enum at_channel_rule rule;
};

#define REQUEST(...) {.kind = AT_RECORD_REQUEST, __VA_ARGS__}
#define OPEN_AS(id, method)                                                                        \
    {.kind = AT_RECORD_REQUEST, .flags = AT_RECORD_STREAM, .call_id = (id), .code = (method)}
#define OPEN(...) OPEN_WITH(0, __VA_ARGS__)
#define MESSAGE_FOR(id) {.kind = AT_RECORD_MESSAGE, .flags = AT_RECORD_BODY, .call_id = (id)}
#define OPEN_WITH(more, ...)                                                                       \
    {.kind = AT_RECORD_REQUEST,                                                                    \
     .flags = AT_RECORD_STREAM | (more),                                                           \
     .call_id = ID,                                                                                \
     .code = BOTH,                                                                                 \
     __VA_ARGS__}
#define MESSAGE(...)                                                                               \
    {.kind = AT_RECORD_MESSAGE, .flags = AT_RECORD_BODY, .call_id = ID, __VA_ARGS__}
#define MESSAGE_WITH(more, ...)                                                                    \
    {.kind = AT_RECORD_MESSAGE, .flags = (more), .call_id = ID, __VA_ARGS__}
#define DATA(...) {.kind = AT_RECORD_DATA, .call_id = ID, __VA_ARGS__}
#define END(...) {.kind = AT_RECORD_END, .call_id = ID, __VA_ARGS__}
#define WINDOW(n, ...) {.kind = AT_RECORD_WINDOW, .call_id = ID, .total_len = (n), __VA_ARGS__}
#define CHANNEL(n) {.kind = AT_RECORD_WINDOW, .call_id = AT_CALL_ID_CHANNEL, .total_len = (n)}
#define RESPONSE(...) {.kind = AT_RECORD_RESPONSE, .call_id = ID, __VA_ARGS__}
#define BYTES(n) .len = (n), .total_len = (n)

static const struct lie to_servers[] = {
    {"a stream of a call", {OPEN_AS(ID, CALL)}, AT_RULE_STREAM},
    {"a call of a stream", {REQUEST(.call_id = ID, .code = BOTH)}, AT_RULE_STREAM},
    {"generation 0", {OPEN_AS(3, BOTH)}, AT_RULE_CALL_ID},
    {"a slot beyond the table", {OPEN_AS(AT_CALL_SLOTS | 1 << 16, BOTH)}, AT_RULE_CALL_ID},
    {"opened twice", {OPEN(), OPEN()}, AT_RULE_CALL_ID},
    {"opened over a call", {REQUEST(.call_id = ID), OPEN()}, AT_RULE_CALL_ID},
    {"a message without its mark", {OPEN(BYTES(4))}, AT_RULE_MESSAGE},
    {"the last of none", {OPEN_WITH(AT_RECORD_LAST, .len = 0)}, AT_RULE_MESSAGE},
    {"metadata by halves", {OPEN(.len = 1, .total_len = 9, .meta_len = 9)}, AT_RULE_MESSAGE},
    {"begins in the middle", {OPEN(.offset = 1)}, AT_RULE_MESSAGE},
    {"longer than its total",
     {OPEN_WITH(AT_RECORD_BODY, .len = 2, .total_len = 1)},
     AT_RULE_MESSAGE},
    {"nothing of something", {OPEN_WITH(AT_RECORD_BODY, .total_len = 1)}, AT_RULE_MESSAGE},
    {"an opening over the limit",
     {OPEN_WITH(AT_RECORD_BODY, .len = 1, .total_len = AT_CALL_MESSAGE_MAX + 1)},
     AT_RULE_MESSAGE_SIZE},
    {"a message for no stream", {MESSAGE()}, AT_RULE_CALL_ID},
    {"a message of another generation", {OPEN(), MESSAGE_FOR(2 << 16)}, AT_RULE_CALL_ID},
    {"a message for a call", {REQUEST(.call_id = ID), MESSAGE()}, AT_RULE_STREAM},
    {"a message over the limit",
     {OPEN(), MESSAGE(.len = 1, .total_len = AT_CALL_MESSAGE_MAX + 1)},
     AT_RULE_MESSAGE_SIZE},
    {"4 GiB", {OPEN(), MESSAGE(.len = 1, .total_len = UINT32_MAX)}, AT_RULE_MESSAGE_SIZE},
    {"metadata with a message", {OPEN(), MESSAGE(BYTES(4), .meta_len = 2)}, AT_RULE_MESSAGE},
    {"a message that says nothing", {OPEN(), MESSAGE_WITH(0, .len = 0)}, AT_RULE_MESSAGE},
    {"a message within a message",
     {OPEN(), MESSAGE(.len = 1, .total_len = 9), MESSAGE()},
     AT_RULE_MESSAGE},
    {"data without a message", {OPEN(), DATA(.len = 1)}, AT_RULE_CALL_ID},
    {"data behind a message", {OPEN(), MESSAGE(BYTES(4)), DATA(.len = 1)}, AT_RULE_CALL_ID},
    {"empty data", {OPEN(), MESSAGE(.len = 1, .total_len = 9), DATA(.offset = 1)}, AT_RULE_MESSAGE},
    {"data from the wrong place",
     {OPEN(), MESSAGE(.len = 1, .total_len = 9), DATA(.len = 1, .offset = 2)},
     AT_RULE_MESSAGE},
    {"more data than said",
     {OPEN(), MESSAGE(.len = 1, .total_len = 9), DATA(.len = 9, .offset = 1)},
     AT_RULE_MESSAGE},
    {"end twice", {OPEN(), END(), END()}, AT_RULE_CLOSED},
    {"end behind the last",
     {OPEN_WITH(AT_RECORD_BODY | AT_RECORD_LAST, .len = 0), END()},
     AT_RULE_CLOSED},
    {"a message behind the end", {OPEN(), END(), MESSAGE()}, AT_RULE_CLOSED},
    {"a message behind the last",
     {OPEN(), MESSAGE_WITH(AT_RECORD_BODY | AT_RECORD_LAST, .len = 0), MESSAGE()},
     AT_RULE_CLOSED},
    {"the end within a message",
     {OPEN(), MESSAGE(.len = 1, .total_len = 9), END()},
     AT_RULE_MESSAGE},
    {"the end of a call", {REQUEST(.call_id = ID), END()}, AT_RULE_STREAM},
    {"the end of nothing", {END()}, AT_RULE_CALL_ID},
    {"an end with a payload", {OPEN(), END(BYTES(4))}, AT_RULE_MESSAGE},
    {"credit of nothing", {OPEN(), WINDOW(0, .len = 0)}, AT_RULE_WINDOW},
    {"credit beyond bounds", {OPEN(), WINDOW(INT32_MAX, .len = 0)}, AT_RULE_WINDOW},
    {"credit beyond bounds by and by",
     {OPEN(), WINDOW(1 << 30, .len = 0), WINDOW(1 << 30, .len = 0)},
     AT_RULE_WINDOW},
    {"credit to a call", {REQUEST(.call_id = ID), WINDOW(1, .len = 0)}, AT_RULE_STREAM},
    {"credit with a payload", {OPEN(), WINDOW(4, .len = 4)}, AT_RULE_MESSAGE},
    {"credit of nothing for the channel", {OPEN(), CHANNEL(0)}, AT_RULE_WINDOW},
    {"credit beyond bounds for the channel", {OPEN(), CHANNEL(UINT32_MAX)}, AT_RULE_WINDOW},
    {"credit for a channel without streams", {CHANNEL(1)}, AT_RULE_WINDOW},
    {"more than its credit",
     {OPEN(), MESSAGE(BYTES(FULL)), MESSAGE(BYTES(FULL)), MESSAGE(BYTES(FULL)),
      MESSAGE(BYTES(FULL)), MESSAGE(BYTES(237)), MESSAGE()},
     AT_RULE_CREDIT},
    {"the server's part", {OPEN(), RESPONSE()}, AT_RULE_KIND},
};

static const struct lie to_clients[] = {
    {"a message for no stream", {MESSAGE_FOR(OTHER)}, AT_RULE_CALL_ID},
    {"a message of another generation", {MESSAGE_FOR(2 << 16)}, AT_RULE_CALL_ID},
    {"the last of a server",
     {MESSAGE_WITH(AT_RECORD_BODY | AT_RECORD_LAST, .len = 0)},
     AT_RULE_MESSAGE},
    {"metadata behind a message", {MESSAGE(), MESSAGE(BYTES(4), .meta_len = 4)}, AT_RULE_MESSAGE},
    {"metadata twice",
     {MESSAGE_WITH(0, BYTES(4), .meta_len = 4), MESSAGE_WITH(0, BYTES(4), .meta_len = 4)},
     AT_RULE_MESSAGE},
    {"a message that says nothing", {MESSAGE_WITH(0, .len = 0)}, AT_RULE_MESSAGE},
    {"a message over the limit",
     {MESSAGE(.len = 1, .total_len = AT_CALL_MESSAGE_MAX + 1)},
     AT_RULE_MESSAGE_SIZE},
    {"the client's part", {END()}, AT_RULE_KIND},
    {"a response with a message", {RESPONSE(BYTES(4))}, AT_RULE_MESSAGE_SIZE},
    {"trailers over the limit",
     {RESPONSE(.code = AT_STATUS_ABORTED, .len = 1, .total_len = AT_CALL_META_MAX + 1)},
     AT_RULE_MESSAGE_SIZE},
    {"success within a message", {MESSAGE(.len = 1, .total_len = 9), RESPONSE()}, AT_RULE_MESSAGE},
    {"a message within the response",
     {RESPONSE(.len = 1, .total_len = 9, .meta_len = 9), MESSAGE()},
     AT_RULE_CLOSED},
    {"a message behind the response", {RESPONSE(), MESSAGE()}, AT_RULE_CALL_ID},
    {"credit behind the response", {RESPONSE(), WINDOW(1, .len = 0)}, AT_RULE_CALL_ID},
    {"data without a message", {DATA(.len = 1)}, AT_RULE_CALL_ID},
    {"credit of nothing", {WINDOW(0, .len = 0)}, AT_RULE_WINDOW},
    {"credit beyond bounds", {WINDOW(INT32_MAX, .len = 0)}, AT_RULE_WINDOW},
    {"credit beyond bounds for the channel", {CHANNEL(INT32_MAX)}, AT_RULE_WINDOW},
    {"more than its credit",
     {MESSAGE(BYTES(FULL)), MESSAGE(BYTES(FULL)), MESSAGE(BYTES(FULL)), MESSAGE(BYTES(FULL)),
      MESSAGE(BYTES(238))},
     AT_RULE_CREDIT},
};

static void tell(struct liar *l, const struct lie *lie)
{
    for (int i = 0; i < 7 && lie->records[i].kind != 0; i++) {
        liar_say(l, lie->records[i]);
    }
}

static void expect_caught(struct liar *l, const struct lie *lie)
{
    char reason[256] = "";
    char expected[256];

    ck_assert_msg(liar_is_caught(l, reason, sizeof(reason)), "not caught: %s", lie->what);
    (void)snprintf(expected, sizeof(expected), "broke the channel: %s",
                   at_channel_rule_text(lie->rule));
    ck_assert_msg(strstr(reason, expected) != NULL, "%s: %s", lie->what, reason);
}

static void end_all(struct test_owner *o)
{
    while (!at_list_is_empty(&o->requests)) {
        struct at_incoming *in = at_container_of(o->requests.next, struct at_incoming, entry);

        at_list_remove(&in->entry);
        CHECK(at_incoming_is_cancelled(in));
        if (in->stream != NULL) {
            CHECK_INT(at_stream_send(o->engine, in->stream, AT_LIT("to nobody"), false), -EPIPE);
            at_stream_end(o->engine, in, AT_STATUS_OK, (struct at_bytes){0}, (struct at_bytes){0});
        } else {
            at_engine_answer(o->engine, in, AT_STATUS_OK, (struct at_bytes){0},
                             (struct at_bytes){0}, 0);
        }
    }
}

TEST(a_client_that_lies_about_streams_loses_its_channel)
{
    for (size_t i = 0; i < sizeof(to_servers) / sizeof(to_servers[0]); i++) {
        struct test_owner server;
        struct liar l;

        CHECK_INT(test_owner_init(&server, stream_methods), 0);
        CHECK_INT(liar_meet(&l, &server, true, 0, 7), 0);
        CHECK_INT(liar_attach(&l, 7, ""), 0);
        tell(&l, &to_servers[i]);
        expect_caught(&l, &to_servers[i]);
        end_all(&server);
        liar_leave(&l);
        test_owner_deinit(&server);
    }
}

TEST(a_server_that_lies_about_streams_loses_its_channel_and_the_stream_ends)
{
    for (size_t i = 0; i < sizeof(to_clients) / sizeof(to_clients[0]); i++) {
        struct stage st;
        struct client_end c;
        struct liar l;

        CHECK_INT(test_owner_init(&st.client, ""), 0);
        open_stream(&st, &c, "Both");
        CHECK_INT(liar_meet(&l, &st.client, false, 1, 7), 0);
        CHECK_INT(liar_attach(&l, 7, stream_methods), 0);
        atomic_store(&l.mine->taken, l.channel.peer->tail); /* it has the opening */
        tell(&l, &to_clients[i]);
        expect_caught(&l, &to_clients[i]);
        test_turn(&st.client, 0);
        CHECK_INT(c.done, 1);
        at_stream_release(st.client.engine, &c.s);
        liar_leave(&l);
        test_owner_deinit(&st.client);
    }
}

TEST(where_layout_1_was_agreed_streams_are_a_lie)
{
    static const struct lie lies[] = {
        {"an opening", {OPEN()}, AT_RULE_KIND},
        {"a message", {REQUEST(.call_id = ID), MESSAGE()}, AT_RULE_KIND},
        {"an end", {REQUEST(.call_id = ID), END()}, AT_RULE_KIND},
        {"credit", {CHANNEL(1)}, AT_RULE_KIND},
    };

    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct test_owner server;
        struct liar l;

        CHECK_INT(test_owner_init(&server, stream_methods), 0);
        CHECK_INT(liar_meet_with(&l, &server, true, 0, 7, 1), 0);
        CHECK_INT(liar_attach(&l, 7, ""), 0);
        tell(&l, &lies[i]);
        expect_caught(&l, &lies[i]);
        end_all(&server);
        liar_leave(&l);
        test_owner_deinit(&server);
    }
}

/* What a client sends before it can know that its stream is over is no lie; what follows END is. */
TEST(what_crosses_the_end_of_a_stream_is_dropped_and_counted)
{
    static const struct lie behind = {"a message behind the end", {MESSAGE()}, AT_RULE_CLOSED};
    struct test_owner server;
    struct at_incoming *in;
    struct liar l;

    CHECK_INT(test_owner_init(&server, stream_methods), 0);
    CHECK_INT(liar_meet(&l, &server, true, 0, 7), 0);
    CHECK_INT(liar_attach(&l, 7, ""), 0);
    liar_say(&l, (struct at_record)OPEN());
    in = at_container_of(server.requests.next, struct at_incoming, entry);
    at_list_remove(&in->entry);
    at_stream_end(server.engine, in, AT_STATUS_OK, (struct at_bytes){0}, (struct at_bytes){0});
    liar_say(&l, (struct at_record)MESSAGE(.len = 1000, .total_len = 2000));
    liar_say(&l, (struct at_record)DATA(.len = 1000, .offset = 1000));
    liar_say(&l, (struct at_record)WINDOW(100, .len = 0));
    liar_say(&l, (struct at_record)END());
    CHECK_INT(server.engine->links[0]->state, AT_LINK_OPEN);
    CHECK_INT(server.engine->links[0]->streams->window, AT_STREAM_CHANNEL_WINDOW - 2005);
    tell(&l, &behind);
    expect_caught(&l, &behind);
    liar_leave(&l);
    test_owner_deinit(&server);
}

/* --- and what nobody thought of --- */

static uint64_t state;

static uint32_t any(uint32_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % below;
}

/* What the liar has said in a slot. */
struct said {
    uint32_t id;
    uint32_t left; /* of the message in progress */
    uint32_t offset;
    bool open;
    bool closed;
};

static uint32_t some_length(void)
{
    static const uint32_t lengths[] = {0, 1, 4, 200, 3000, 20000};

    return lengths[any(6)];
}

/* Puts a message into r, or the next part of the one in progress. */
static void say_message(struct at_record *r, struct said *s)
{
    uint32_t most = any(2) == 0 ? FULL : 100;

    if (s->left > 0) {
        r->kind = AT_RECORD_DATA;
        r->offset = s->offset;
        r->len = s->left < most ? s->left : most;
    } else {
        r->flags |= AT_RECORD_BODY;
        r->total_len = some_length();
        r->len = r->total_len < most ? r->total_len : most;
        s->left = r->total_len;
        s->offset = 0;
    }
    s->left -= r->len;
    s->offset += r->len;
}

/* What an honest client would say next, if it minded no credit. */
static struct at_record client_record(struct said *s, bool used)
{
    struct at_record r = {.call_id = s->id, .code = BOTH};

    if (!used) {
        *s = (struct said){.id = s->id + (1 << 16), .open = true};
        r = (struct at_record){
            .kind = AT_RECORD_REQUEST, .flags = AT_RECORD_STREAM, .call_id = s->id, .code = BOTH};
        if (any(2) == 0) {
            say_message(&r, s);
        }
    } else if (any(6) == 0 || (s->closed && any(12) > 0)) {
        r.kind = AT_RECORD_WINDOW;
        r.total_len = 1 + any(60000);
        r.call_id = any(4) == 0 ? AT_CALL_ID_CHANNEL : r.call_id;
    } else if (s->closed || any(60) == 0) {
        r.kind = AT_RECORD_CANCEL;
        s->closed = true;
        s->left = 0;
    } else if (s->left == 0 && any(20) == 0) {
        r.kind = AT_RECORD_END;
        s->closed = true;
    } else {
        r.kind = AT_RECORD_MESSAGE;
        say_message(&r, s);
    }
    return r;
}

static struct at_record server_record(struct said *s)
{
    struct at_record r = {.call_id = s->id};

    if (any(6) == 0) {
        r.kind = AT_RECORD_WINDOW;
        r.total_len = 1 + any(60000);
        r.call_id = any(4) == 0 ? AT_CALL_ID_CHANNEL : r.call_id;
    } else if (s->left == 0 && any(100) == 0) {
        r.kind = AT_RECORD_RESPONSE;
        r.code = (uint16_t)any(3);
    } else {
        r.kind = AT_RECORD_MESSAGE;
        say_message(&r, s);
    }
    return r;
}

/* One word of it becomes another, which may be a lie. */
static void twist(struct at_record *r)
{
    switch (any(7)) {
    case 0: r->kind = (uint8_t)any(AT_RECORD_KINDS + 1); break;
    case 1: r->flags ^= (uint8_t)(1U << any(4)); break;
    case 2: r->call_id = any(2) == 0 ? r->call_id ^ 1U << any(32) : any(6) | 1 << 16; break;
    case 3: r->total_len += any(2) == 0 ? some_length() : any(AT_CALL_MESSAGE_MAX + 2); break;
    case 4: r->len = r->len > 0 ? any(r->len) : 1; break;
    case 5: r->offset += any(3) - 1; break;
    default: r->meta_len = any(r->len + 2);
    }
}

/* What an owner does with a stream, at times. */
static void use_stream(struct at_engine *e, struct at_stream *s)
{
    static const uint8_t bytes[30000];
    struct at_bytes m;

    if (at_stream_peek(s, &m) && any(2) == 0) {
        at_stream_consumed(e, s);
    }
    if (any(3) == 0) {
        (void)at_stream_send(e, s, at_bytes_over(bytes, any(sizeof(bytes))), any(5) == 0);
    }
}

static void use_server(struct test_owner *o)
{
    at_list_foreach_safe (it, &o->requests) {
        struct at_incoming *in = at_container_of(it, struct at_incoming, entry);

        if (in->stream != NULL) {
            use_stream(o->engine, in->stream);
        }
        if (any(20) != 0) {
            continue;
        }
        at_list_remove(it);
        if (in->stream != NULL) {
            at_stream_end(o->engine, in, any(2), (struct at_bytes){0}, AT_LIT("enough"));
        } else {
            at_engine_answer(o->engine, in, AT_STATUS_OK, (struct at_bytes){0},
                             (struct at_bytes){0}, 0);
        }
    }
}

static int rounds(int otherwise)
{
    const char *text = getenv("ATOLL_HOSTILE_ROUNDS");

    return text == NULL ? otherwise : (int)strtol(text, NULL, 10);
}

static uint64_t said_in_all;

static void say_some(struct liar *l, struct at_record r)
{
    if (any(150) == 0) {
        twist(&r);
    }
    said_in_all++;
    liar_say(l, r);
    atomic_store(&l->mine->taken, l->channel.peer->tail); /* it reads without looking */
}

TEST(whatever_a_client_says_costs_its_channel_at_most)
{
    int total = rounds(100);

    state = 1;
    for (int i = total; i > 0; i--) {
        struct said said[4] = {{.id = 0}, {.id = 1}, {.id = 2}, {.id = 3}};
        struct test_owner server;
        struct liar l;

        CHECK_INT(test_owner_init(&server, stream_methods), 0);
        CHECK_INT(liar_meet(&l, &server, true, 0, 7), 0);
        CHECK_INT(liar_attach(&l, 7, ""), 0);
        for (int n = 0; n < 300 && server.engine->links[0] != NULL; n++) {
            const struct at_link *link = server.engine->links[0];
            uint32_t k = any(4);

            say_some(&l, client_record(&said[k], k < link->slot_count && link->slots[k].used));
            use_server(&server);
        }
        liar_leave(&l);
        test_turn(&server, 0);
        end_all(&server);
        test_owner_deinit(&server);
    }
    (void)printf("# %d channels, %llu records\n", total, (unsigned long long)said_in_all);
    CHECK(said_in_all > (uint64_t)total * 30); /* it was believed for a while */
}

TEST(whatever_a_server_says_costs_its_channel_at_most)
{
    int total = rounds(100);

    state = 2;
    for (int i = total; i > 0; i--) {
        struct said said[4] = {
            {.id = 1 << 16}, {.id = 1 | 1 << 16}, {.id = 2 | 1 << 16}, {.id = 3 | 1 << 16}};
        struct stage st;
        struct client_end c[4];
        struct liar l;

        CHECK_INT(test_owner_init(&st.client, ""), 0);
        for (int k = 0; k < 4; k++) {
            open_stream(&st, &c[k], "Both");
        }
        CHECK_INT(liar_meet(&l, &st.client, false, 1, 7), 0);
        CHECK_INT(liar_attach(&l, 7, stream_methods), 0);
        for (int n = 0; n < 300 && st.client.engine->links[0] != NULL; n++) {
            say_some(&l, server_record(&said[any(4)]));
            for (int k = 0; k < 4; k++) {
                use_stream(st.client.engine, &c[k].s);
                if (any(200) == 0) {
                    at_engine_abandon(st.client.engine, &c[k].p);
                }
            }
        }
        liar_leave(&l);
        test_turn(&st.client, 0);
        for (int k = 0; k < 4; k++) {
            CHECK(c[k].done <= 1);
            at_engine_abandon(st.client.engine, &c[k].p);
            at_stream_release(st.client.engine, &c[k].s);
        }
        test_owner_deinit(&st.client);
    }
    (void)printf("# %d channels, %llu records\n", total, (unsigned long long)said_in_all);
    CHECK(said_in_all > (uint64_t)total * 30);
}

TEST_MAIN("call/stream_hostile")
