/* A peer that lies about calls: each lie ends its channel with a rule, and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "at_test.h"
#include "call/test_liar.h"

static const char methods[] = "a.B/C\n";

struct lie {
    const char *what;
    struct at_record records[3]; /* the last one breaks the rule */
    enum at_channel_rule rule;
};

#define REQUEST(...) {.kind = AT_RECORD_REQUEST, __VA_ARGS__}
#define RESPONSE(...) {.kind = AT_RECORD_RESPONSE, __VA_ARGS__}
#define DATA(...) {.kind = AT_RECORD_DATA, __VA_ARGS__}

enum { SLOT_BEYOND = AT_CALL_SLOTS, OVER = AT_CALL_MESSAGE_MAX + 1 };

static const struct lie to_servers[] = {
    {"kind 0", {{.kind = 0}}, AT_RULE_KIND},
    {"kind 11", {{.kind = AT_RECORD_KINDS}}, AT_RULE_KIND},
    {"kind 255", {{.kind = 255}}, AT_RULE_KIND},
    {"a response", {RESPONSE(.call_id = 1)}, AT_RULE_KIND},
    {"goaway", {{.kind = AT_RECORD_GOAWAY}}, AT_RULE_KIND},
    {"credit for no stream", {{.kind = AT_RECORD_WINDOW, .total_len = 1}}, AT_RULE_CALL_ID},
    {"a slot beyond the table", {REQUEST(.call_id = SLOT_BEYOND)}, AT_RULE_CALL_ID},
    {"a slot in use", {REQUEST(.call_id = 3), REQUEST(.call_id = 3)}, AT_RULE_CALL_ID},
    {"a slot in use, next generation",
     {REQUEST(.call_id = 3), REQUEST(.call_id = 3 | 1 << 16)},
     AT_RULE_CALL_ID},
    {"data for no call", {DATA(.len = 1, .call_id = 7)}, AT_RULE_CALL_ID},
    {"data for a whole request",
     {REQUEST(.call_id = 3), DATA(.len = 1, .call_id = 3)},
     AT_RULE_CALL_ID},
    {"data from the wrong place",
     {REQUEST(.call_id = 3, .len = 1, .total_len = 9), DATA(.len = 1, .call_id = 3, .offset = 2)},
     AT_RULE_MESSAGE},
    {"more data than said",
     {REQUEST(.call_id = 3, .len = 1, .total_len = 9), DATA(.len = 9, .call_id = 3, .offset = 1)},
     AT_RULE_MESSAGE},
    {"empty data",
     {REQUEST(.call_id = 3, .len = 1, .total_len = 9), DATA(.len = 0, .call_id = 3, .offset = 1)},
     AT_RULE_MESSAGE},
    {"longer than its total", {REQUEST(.len = 2, .total_len = 1)}, AT_RULE_MESSAGE},
    {"nothing of something", {REQUEST(.len = 0, .total_len = 1)}, AT_RULE_MESSAGE},
    {"metadata longer than all",
     {REQUEST(.len = 1, .total_len = 1, .meta_len = 2)},
     AT_RULE_MESSAGE},
    {"metadata over the limit",
     {REQUEST(.len = 1, .total_len = AT_CALL_META_MAX + 1, .meta_len = AT_CALL_META_MAX + 1)},
     AT_RULE_MESSAGE},
    {"begins in the middle", {REQUEST(.len = 1, .total_len = 2, .offset = 1)}, AT_RULE_MESSAGE},
    {"over the message limit", {REQUEST(.len = 1, .total_len = OVER)}, AT_RULE_MESSAGE_SIZE},
    {"4 GiB", {REQUEST(.len = 1, .total_len = UINT32_MAX)}, AT_RULE_MESSAGE_SIZE},
};

/* The client has one call in flight: slot 0, generation 1. */
enum { CALL = 0 | 1 << 16 };

static const struct lie to_clients[] = {
    {"a request", {REQUEST(.call_id = 1)}, AT_RULE_KIND},
    {"a cancel", {{.kind = AT_RECORD_CANCEL}}, AT_RULE_KIND},
    {"a reply to no call", {RESPONSE(.call_id = 1 | 1 << 16)}, AT_RULE_CALL_ID},
    {"a reply of another generation", {RESPONSE(.call_id = 2 << 16)}, AT_RULE_CALL_ID},
    {"a reply beyond the table", {RESPONSE(.call_id = SLOT_BEYOND | 1 << 16)}, AT_RULE_CALL_ID},
    {"a reply twice", {RESPONSE(.call_id = CALL), RESPONSE(.call_id = CALL)}, AT_RULE_CALL_ID},
    {"a reply within a reply",
     {RESPONSE(.call_id = CALL, .len = 1, .total_len = 5), RESPONSE(.call_id = CALL)},
     AT_RULE_CALL_ID},
    {"data before the reply", {DATA(.call_id = CALL, .len = 1)}, AT_RULE_CALL_ID},
    {"more data than said",
     {RESPONSE(.call_id = CALL, .len = 1, .total_len = 5),
      DATA(.call_id = CALL, .len = 5, .offset = 1)},
     AT_RULE_MESSAGE},
    {"data from the wrong place",
     {RESPONSE(.call_id = CALL, .len = 1, .total_len = 5),
      DATA(.call_id = CALL, .len = 1, .offset = 0)},
     AT_RULE_MESSAGE},
    {"longer than its total",
     {RESPONSE(.call_id = CALL, .len = 2, .total_len = 1)},
     AT_RULE_MESSAGE},
    {"over the limit",
     {RESPONSE(.call_id = CALL, .len = 1, .total_len = OVER)},
     AT_RULE_MESSAGE_SIZE},
};

static void expect_caught(struct liar *l, const struct lie *lie)
{
    char reason[256] = "";
    char expected[256];

    ck_assert_msg(liar_is_caught(l, reason, sizeof(reason)), "not caught: %s", lie->what);
    (void)snprintf(expected, sizeof(expected), "broke the channel: %s",
                   at_channel_rule_text(lie->rule));
    ck_assert_msg(strstr(reason, expected) != NULL, "%s: %s", lie->what, reason);
}

static void tell(struct liar *l, const struct lie *lie)
{
    for (int i = 0; i < 3 && (i == 0 || lie->records[i].kind != 0); i++) {
        liar_say(l, lie->records[i]);
    }
}

static void answer_all(struct test_owner *o)
{
    while (!at_list_is_empty(&o->requests)) {
        struct at_incoming *in = at_container_of(o->requests.next, struct at_incoming, entry);

        at_list_remove(&in->entry);
        at_engine_answer(o->engine, in, AT_STATUS_OK, (struct at_bytes){0}, (struct at_bytes){0},
                         0);
    }
}

TEST(a_client_that_lies_to_a_server_loses_its_channel)
{
    for (size_t i = 0; i < sizeof(to_servers) / sizeof(to_servers[0]); i++) {
        struct test_owner server;
        struct liar l;

        CHECK_INT(test_owner_init(&server, methods), 0);
        CHECK_INT(liar_meet(&l, &server, true, 0, 7), 0);
        CHECK_INT(liar_attach(&l, 7, ""), 0);
        tell(&l, &to_servers[i]);
        expect_caught(&l, &to_servers[i]);
        answer_all(&server); /* requests that came before the lie: answered to nobody */
        liar_leave(&l);
        test_owner_deinit(&server);
    }
}

struct outcome {
    int times;
    uint32_t status;
    char room[64];
};

static void on_done(void *user, const struct at_call_result *result)
{
    struct outcome *o = user;

    o->times++;
    o->status = result->status;
}

static void *reply_room(void *user, size_t len)
{
    struct outcome *o = user;

    return len > sizeof(o->room) ? NULL : o->room;
}

static void start(struct test_owner *client, struct at_pending *p, struct outcome *o)
{
    *o = (struct outcome){0};
    *p = (struct at_pending){.done = on_done, .reply_room = reply_room, .user = o};
    p->request = (struct at_call_request){.contract = AT_LIT("a.B"),
                                          .method = AT_LIT("C"),
                                          .deadline_ns = at_now_ns() + AT_SECOND_NS};
    CHECK_INT(at_engine_start(client->engine, p, at_now_ns()), 0);
}

TEST(a_server_that_lies_to_a_client_loses_its_channel_and_the_call_ends)
{
    for (size_t i = 0; i < sizeof(to_clients) / sizeof(to_clients[0]); i++) {
        struct test_owner client;
        struct at_pending p;
        struct outcome o;
        struct liar l;

        CHECK_INT(test_owner_init(&client, ""), 0);
        start(&client, &p, &o);
        CHECK_INT(liar_meet(&l, &client, false, 1, 7), 0);
        CHECK_INT(liar_attach(&l, 7, methods), 0);
        atomic_store(&l.mine->taken, l.channel.peer->tail); /* it has the request */
        tell(&l, &to_clients[i]);
        expect_caught(&l, &to_clients[i]);
        test_turn(&client, 0);
        CHECK_INT(o.times, 1);
        liar_leave(&l);
        test_owner_deinit(&client);
    }
}

TEST(a_reply_to_a_call_that_still_waits_for_room_is_a_lie)
{
    static const uint8_t large[3 * AT_RECORD_PAYLOAD_MAX];
    struct test_owner client;
    struct at_pending p[2];
    struct outcome o[2];
    struct liar l;
    const struct lie lie = {"a reply too early",
                            {RESPONSE(.call_id = 1 | 1 << 16)}, /* the second call's, empty */
                            AT_RULE_CALL_ID};

    CHECK_INT(test_owner_init(&client, ""), 0);
    start(&client, &p[0], &o[0]);
    p[0].request.payload =
        at_bytes_over(large, sizeof(large)); /* the ring has room for two thirds */
    CHECK_INT(liar_meet(&l, &client, false, 1, 7), 0);
    CHECK_INT(liar_attach(&l, 7, methods), 0);
    start(&client, &p[1], &o[1]);
    CHECK(at_list_is_linked(&p[1].out.entry));
    tell(&l, &lie);
    expect_caught(&l, &lie);
    CHECK(!at_list_is_linked(&p[1].out.entry)); /* it is its caller's again, perhaps freed */
    at_engine_abandon(client.engine, &p[0]);
    at_engine_abandon(client.engine, &p[1]);
    liar_leave(&l);
    test_owner_deinit(&client);
}

TEST(a_wrong_attach_message_ends_the_channel)
{
    struct at_attach good = {
        .version_min = 1, .version_max = AT_LAYOUT_VERSION, .region_bytes = LIAR_REGION};
    struct at_attach bad[4] = {good, good, good, good};

    bad[0].version_min = AT_LAYOUT_VERSION + 1;
    bad[0].version_max = AT_LAYOUT_VERSION + 1;
    bad[1].version_max = AT_LAYOUT_VERSION_MIN - 1;
    bad[2].region_bytes = 4096;
    bad[3].region_bytes = UINT32_MAX;
    for (int i = 0; i < 5; i++) { /* the last: no descriptor */
        struct test_owner server;
        struct liar l;
        char reason[256];
        int fd;

        CHECK_INT(test_owner_init(&server, methods), 0);
        CHECK_INT(liar_meet(&l, &server, true, 0, 7), 0);
        CHECK_INT(at_region_create(AT_RING_BYTES, 7, AT_LAYOUT_VERSION, &l.mine, &fd), 0);
        CHECK_INT(liar_send_attach(&l, i < 4 ? &bad[i] : &good, i < 4 ? fd : -1), 0);
        at_close(&fd);
        test_turn(&server, 0);
        test_turn(&server, 0);
        CHECK(liar_is_caught(&l, reason, sizeof(reason)));
        liar_leave(&l);
        test_owner_deinit(&server);
    }
}

TEST(a_peer_that_never_attaches_is_dropped)
{
    struct test_owner server;
    struct liar l;
    char reason[256];

    CHECK_INT(test_owner_init(&server, methods), 0);
    CHECK_INT(liar_meet(&l, &server, true, 0, 7), 0);
    test_turn(&server, 0);
    CHECK(!liar_is_caught(&l, reason, sizeof(reason)));
    server.skew_ns = 6 * AT_SECOND_NS;
    test_turn(&server, 0);
    CHECK(liar_is_caught(&l, reason, sizeof(reason)));
    liar_leave(&l);
    test_owner_deinit(&server);
}

TEST(descriptors_that_come_uninvited_are_closed)
{
    struct test_owner server;
    struct liar l;
    int pair[2];

    CHECK_INT(test_owner_init(&server, methods), 0);
    CHECK_INT(liar_meet(&l, &server, true, 0, 7), 0);
    CHECK_INT(liar_attach(&l, 7, ""), 0);
    CHECK_INT(at_socket_pair(pair), 0);
    CHECK_INT(at_fd_send(l.lifeline, AT_LIT("\x09\0\0\0"), pair, 2), 0);
    test_turn(&server, 0);
    at_close(&pair[0]);
    at_close(&pair[1]); /* the fixture counts what is left */
    liar_say(&l, (struct at_record){.kind = AT_RECORD_PING});
    liar_leave(&l);
    test_owner_deinit(&server);
}

TEST(a_server_that_grants_no_credit_gets_no_call)
{
    struct test_owner client;
    struct at_pending p;
    struct outcome o;
    struct liar l;

    CHECK_INT(test_owner_init(&client, ""), 0);
    start(&client, &p, &o);
    CHECK_INT(liar_meet(&l, &client, false, 1, 7), 0);
    CHECK_INT(liar_attach(&l, 7, methods), 0);
    at_engine_abandon(client.engine, &p); /* it only said WANT */
    start(&client, &p, &o);
    atomic_store(&l.mine->credit, 1);
    test_turn(&client, 0);
    {
        struct at_pending q;
        struct outcome oq;

        start(&client, &q, &oq);
        test_turn(&client, 0);
        CHECK_INT(oq.times, 0);
        at_engine_abandon(client.engine, &q);
    }
    at_engine_abandon(client.engine, &p);
    liar_leave(&l);
    test_owner_deinit(&client);
}

TEST(a_flood_of_requests_stops_in_the_senders_ring)
{
    enum { PART = AT_RECORD_PAYLOAD_MAX, TOTAL = AT_CALL_MESSAGE_MAX };
    struct test_owner server;
    struct liar l;
    uint32_t sent = 0;
    int stuck = 0;
    uint32_t call_id = 0;

    CHECK_INT(test_owner_init(&server, methods), 0);
    CHECK_INT(liar_meet(&l, &server, true, 0, 7), 0);
    CHECK_INT(liar_attach(&l, 7, ""), 0);
    while (stuck < 5 && call_id < AT_CALL_SLOTS) {
        uint32_t len = TOTAL - sent < PART ? TOTAL - sent : PART;
        uint32_t tail = l.channel.tail;

        liar_say(&l, (struct at_record){.kind = sent == 0 ? AT_RECORD_REQUEST : AT_RECORD_DATA,
                                        .call_id = call_id,
                                        .len = len,
                                        .total_len = TOTAL,
                                        .offset = sent});
        stuck = l.channel.tail == tail ? stuck + 1 : 0;
        sent += stuck == 0 ? len : 0;
        if (sent == TOTAL) {
            sent = 0;
            call_id++;
        }
    }
    CHECK_INT(stuck, 5);
    CHECK(call_id <= 4); /* of 256 slots with 4 MiB each */
    answer_all(&server);
    test_turn(&server, 0);
    test_turn(&server, 0);
    CHECK(at_channel_has_records(&l.channel)); /* its answers came */
    answer_all(&server);
    liar_leave(&l);
    test_turn(&server, 0);
    answer_all(&server);
    test_owner_deinit(&server);
}

/* An honest server beside the liar, called through the victim client. */
static void open_to_honest(struct test_owner *client, struct test_owner *server)
{
    CHECK_INT(test_owner_init(server, methods), 0);
    CHECK_INT(test_introduce(client, 1, server, 9, "good.1", NULL), 0);
    for (int i = 0; i < 3; i++) {
        test_turn(server, 0);
        test_turn(client, 0);
    }
}

/* One call of at most 50 ms, which the honest server, if any, answers. */
static uint32_t call_once(struct test_owner *client, struct test_owner *server, int *ret_turns)
{
    struct at_pending p = {.done = on_done, .reply_room = reply_room};
    struct outcome o = {0};

    p.user = &o;
    p.request = (struct at_call_request){.contract = AT_LIT("a.B"),
                                         .method = AT_LIT("C"),
                                         .deadline_ns = at_now_ns() + AT_SECOND_NS / 20};
    CHECK_INT(at_engine_start(client->engine, &p, at_now_ns()), 0);
    for (*ret_turns = 0; o.times == 0; (*ret_turns)++) {
        test_turn(client, 0);
        if (server != NULL) {
            test_turn(server, 0);
            answer_all(server);
        }
    }
    return o.status;
}

/* What the victim rings: nobody reads it, it is as full as writing makes it, and it may block. */
static void spoil_bell(const struct liar *l)
{
    uint64_t most = UINT64_MAX - 2;
    uint64_t one = 1;

    CHECK_INT(fcntl(l->bell_mine, F_SETFL, O_NONBLOCK), 0);
    CHECK_INT(write(l->bell_mine, &most, sizeof(most)), 8);
    CHECK_INT(write(l->bell_mine, &one, sizeof(one)), -1);
    CHECK_INT(errno, EAGAIN);
    CHECK_INT(fcntl(l->bell_mine, F_SETFL, 0), 0);
}

TEST(a_full_doorbell_that_was_made_blocking_blocks_no_caller)
{
    struct test_owner client;
    struct test_owner server;
    struct at_pending first;
    struct outcome o;
    struct liar l;
    uint64_t begun = at_now_ns();
    int turns;

    CHECK_INT(test_owner_init(&client, ""), 0);
    start(&client, &first, &o);
    CHECK_INT(liar_meet(&l, &client, false, 1, 7), 0);
    spoil_bell(&l);
    CHECK_INT(liar_attach(&l, 7, methods), 0);
    at_engine_abandon(client.engine, &first);
    for (uint32_t i = 1; i <= 6; i++) {
        atomic_store(&l.mine->waiting, i << 2 | 3); /* "I sleep: ring me" */
        if (i == 4) {
            open_to_honest(&client, &server);
        }
        CHECK_INT(call_once(&client, i < 4 ? NULL : &server, &turns),
                  i < 4 ? AT_STATUS_DEADLINE_EXCEEDED : AT_STATUS_OK);
    }
    CHECK(l.channel.peer->tail != 0); /* the first ones did go to the liar */
    CHECK(at_now_ns() - begun < AT_SECOND_NS);
    liar_leave(&l);
    test_owner_deinit(&client);
    test_owner_deinit(&server);
}

TEST(a_full_doorbell_that_was_made_blocking_blocks_no_server)
{
    struct test_owner server;
    struct liar l;

    CHECK_INT(test_owner_init(&server, methods), 0);
    CHECK_INT(liar_meet(&l, &server, true, 0, 7), 0);
    spoil_bell(&l);
    CHECK_INT(liar_attach(&l, 7, ""), 0);
    for (uint32_t i = 0; i < 10; i++) {
        struct at_record r = {.kind = AT_RECORD_REQUEST, .call_id = i};

        atomic_store(&l.mine->waiting, (i + 1) << 2 | 3);
        liar_say(&l, r);
        answer_all(&server);
        test_turn(&server, 0);
    }
    CHECK(at_channel_has_records(&l.channel)); /* its answers */
    liar_leave(&l);
    test_owner_deinit(&server);
}

static void storm(const struct liar *l)
{
    uint64_t nothing = 0;

    CHECK_INT(write(l->bell_victim, &nothing, sizeof(nothing)), 8);
}

TEST(a_peer_that_only_rings_is_dropped_and_delays_nobody)
{
    struct test_owner client;
    struct test_owner server;
    struct at_pending first;
    struct outcome o;
    struct liar l;
    char reason[256] = "";
    int turns;
    int calls = 0;

    CHECK_INT(test_owner_init(&client, ""), 0);
    start(&client, &first, &o);
    CHECK_INT(liar_meet(&l, &client, false, 1, 7), 0);
    CHECK_INT(liar_attach(&l, 7, methods), 0);
    at_engine_abandon(client.engine, &first);
    atomic_store(&l.mine->credit, 1); /* spent: calls go to the other one */
    open_to_honest(&client, &server);
    for (int i = 0; i <= AT_CALL_IDLE_RINGS_MAX + 2; i++) {
        storm(&l);
        test_turn(&client, 0);
        if (i % 100 == 0) {
            storm(&l);
            CHECK_INT(call_once(&client, &server, &turns), AT_STATUS_OK);
            CHECK(turns <= 4);
            calls++;
        }
    }
    CHECK(calls >= 10);
    CHECK(liar_is_caught(&l, reason, sizeof(reason)));
    CHECK(strstr(reason, "without having written anything") != NULL);
    CHECK_INT(call_once(&client, &server, &turns), AT_STATUS_OK);
    liar_leave(&l);
    test_owner_deinit(&client);
    test_owner_deinit(&server);
}

TEST(a_peer_that_keeps_its_ring_full_delays_nobody)
{
    static const struct at_record ping = {.kind = AT_RECORD_PING};
    struct test_owner client;
    struct test_owner server;
    struct at_pending first;
    struct outcome o;
    struct liar l;
    char reason[256];
    int turns;

    CHECK_INT(test_owner_init(&client, ""), 0);
    start(&client, &first, &o);
    CHECK_INT(liar_meet(&l, &client, false, 1, 7), 0);
    CHECK_INT(liar_attach(&l, 7, methods), 0);
    at_engine_abandon(client.engine, &first);
    atomic_store(&l.mine->credit, 1);
    open_to_honest(&client, &server);
    for (int i = 0; i < 100; i++) {
        while (at_channel_put(&l.channel, &ping, (struct at_bytes){0}, (struct at_bytes){0}) == 0) {
        }
        at_channel_publish(&l.channel);
        storm(&l);
        CHECK_INT(call_once(&client, &server, &turns), AT_STATUS_OK);
        CHECK(turns <= 4);
    }
    CHECK(!liar_is_caught(&l, reason, sizeof(reason))); /* idle talk breaks no rule */
    liar_leave(&l);
    test_owner_deinit(&client);
    test_owner_deinit(&server);
}

static void say_part(struct liar *l, uint32_t call_id, uint32_t len, uint32_t offset)
{
    liar_say(l, (struct at_record){.kind = offset == 0 ? AT_RECORD_REQUEST : AT_RECORD_DATA,
                                   .call_id = call_id,
                                   .len = len,
                                   .total_len = AT_CALL_MESSAGE_MAX,
                                   .offset = offset});
}

TEST(half_requests_are_few_on_a_channel)
{
    struct test_owner server;
    struct liar l;
    char reason[256];

    CHECK_INT(test_owner_init(&server, methods), 0);
    CHECK_INT(liar_meet(&l, &server, true, 0, 7), 0);
    CHECK_INT(liar_attach(&l, 7, ""), 0);
    for (uint32_t i = 0; i < AT_CALL_PARTS_MAX; i++) {
        say_part(&l, i, 1, 0);
    }
    CHECK(!liar_is_caught(&l, reason, sizeof(reason)));
    liar_say(&l, (struct at_record){.kind = AT_RECORD_CANCEL, .call_id = 0});
    say_part(&l, 100, 1, 0); /* in the place of what was cancelled */
    CHECK(!liar_is_caught(&l, reason, sizeof(reason)));
    say_part(&l, 101, 1, 0);
    CHECK(liar_is_caught(&l, reason, sizeof(reason)));
    liar_leave(&l);
    test_owner_deinit(&server);
}

TEST(half_requests_count_with_whole_ones_that_wait_for_an_answer)
{
    enum { PART = AT_RECORD_PAYLOAD_MAX, TOTAL = AT_CALL_MESSAGE_MAX, WHOLE = 4 };
    struct test_owner server;
    struct liar l;
    char reason[256];

    CHECK_INT(test_owner_init(&server, methods), 0);
    CHECK_INT(liar_meet(&l, &server, true, 0, 7), 0);
    CHECK_INT(liar_attach(&l, 7, ""), 0);
    for (uint32_t i = 0; i < AT_CALL_PARTS_MAX; i++) {
        for (uint32_t at = 0; at < TOTAL - 1; at += PART) {
            say_part(&l, i, TOTAL - 1 - at < PART ? TOTAL - 1 - at : PART, at);
        }
    }
    CHECK(!liar_is_caught(&l, reason, sizeof(reason)));
    for (uint32_t i = 0; i < WHOLE; i++) {
        liar_say(&l, (struct at_record){
                         .kind = AT_RECORD_REQUEST, .call_id = 9 + i, .len = 2, .total_len = 2});
    }
    CHECK(liar_is_caught(&l, reason, sizeof(reason)));
    answer_all(&server);
    liar_leave(&l);
    test_owner_deinit(&server);
}

TEST(data_of_a_cancelled_request_is_a_lie)
{
    struct test_owner server;
    struct liar l;
    char reason[256];

    CHECK_INT(test_owner_init(&server, methods), 0);
    CHECK_INT(liar_meet(&l, &server, true, 0, 7), 0);
    CHECK_INT(liar_attach(&l, 7, ""), 0);
    say_part(&l, 3, 1, 0);
    liar_say(&l, (struct at_record){.kind = AT_RECORD_CANCEL, .call_id = 3});
    say_part(&l, 3, 1, 1);
    CHECK(liar_is_caught(&l, reason, sizeof(reason)));
    CHECK(at_list_is_empty(&server.requests));
    liar_leave(&l);
    test_owner_deinit(&server);
}

TEST_MAIN("call/hostile")
