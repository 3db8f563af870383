/* Two engines in one process, introduced to each other as a supervisor does it. */
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "at_test.h"
#include "call/link.h"
#include "call/test_owner.h"

static const char contract[] = "shop.stock.v1.StockService";
static const char methods[] =
    "shop.stock.v1.StockService/GetItem\nshop.stock.v1.StockService/Take\n";

struct outcome {
    int times;
    uint32_t status;
    char reason[512];
    size_t payload_len;
    uint8_t *payload;
    uint8_t *room;
};

static void on_done(void *user, const struct at_call_result *result)
{
    struct outcome *o = user;

    o->times++;
    o->status = result->status;
    (void)snprintf(o->reason, sizeof(o->reason), "%.*s", (int)result->reason.len,
                   result->reason.at == NULL ? "" : (const char *)result->reason.at);
    o->payload_len = result->payload.len;
    o->payload = (uint8_t *)(uintptr_t)result->payload.at;
}

static void *reply_room(void *user, size_t len)
{
    struct outcome *o = user;

    free(o->room);
    o->room = malloc(len);
    return o->room;
}

struct call {
    struct at_pending p;
    struct outcome out;
};

static void start(struct test_owner *client, struct call *c, const char *method,
                  struct at_bytes payload, uint64_t timeout_ns)
{
    memset(c, 0, sizeof(*c));
    c->p.done = on_done;
    c->p.reply_room = reply_room;
    c->p.user = &c->out;
    c->p.request = (struct at_call_request){.contract = at_bytes_of(contract),
                                            .method = at_bytes_of(method),
                                            .payload = payload,
                                            .deadline_ns = test_now(client) + timeout_ns};
    CHECK_INT(at_engine_start(client->engine, &c->p, test_now(client)), 0);
    CHECK_INT(c->out.times, 0);
}

static void echo(struct test_owner *o, struct at_incoming *in)
{
    at_engine_answer(o->engine, in, AT_STATUS_OK, (struct at_bytes){0}, at_incoming_body(in), 0);
}

struct world {
    struct test_owner client;
    struct test_owner server;
};

static void world_init(struct world *w)
{
    CHECK_INT(test_owner_init(&w->client, ""), 0);
    CHECK_INT(test_owner_init(&w->server, methods), 0);
    w->server.on_request = echo;
}

static void world_deinit(struct world *w)
{
    test_owner_deinit(&w->client);
    test_owner_deinit(&w->server);
}

static void turn_both(struct world *w, int times)
{
    for (int i = 0; i < times; i++) {
        test_turn(&w->client, 0);
        test_turn(&w->server, 0);
    }
}

static void connect_world(struct world *w)
{
    CHECK_INT(test_introduce(&w->client, 1, &w->server, 7, "stock.1", NULL), 0);
    turn_both(w, 3);
}

TEST(a_call_waits_for_an_instance_and_is_answered)
{
    struct world w;
    struct call c;

    world_init(&w);
    start(&w.client, &c, "GetItem", AT_LIT("hello"), AT_SECOND_NS);
    turn_both(&w, 2);
    CHECK_INT(c.out.times, 0);
    connect_world(&w);
    turn_both(&w, 3);
    CHECK_INT(c.out.times, 1);
    CHECK_INT(c.out.status, AT_STATUS_OK);
    CHECK_INT(c.out.payload_len, 5);
    CHECK(memcmp(c.out.payload, "hello", 5) == 0);
    free(c.out.room);
    world_deinit(&w);
}

TEST(slots_grow_as_calls_are_in_flight_and_no_further_than_a_channel_allows)
{
    enum { CALLS = AT_CALL_SLOTS + 20 };
    static struct call calls[CALLS];
    struct world w;
    const struct at_link *link;
    int done = 0;

    world_init(&w);
    w.server.on_request = NULL; /* it keeps them */
    start(&w.client, &calls[0], "GetItem", AT_LIT("one"), 60 * AT_SECOND_NS);
    connect_world(&w);
    link = calls[0].p.link;
    CHECK(link != NULL && link->slot_count > 0 && link->slot_count < 16);
    for (int i = 1; i < CALLS; i++) {
        start(&w.client, &calls[i], "GetItem", AT_LIT("more"), 60 * AT_SECOND_NS);
    }
    CHECK_INT(link->slot_count, AT_CALL_SLOTS);
    CHECK_INT(calls[CALLS - 1].p.state, AT_PENDING_WAITING);
    w.server.on_request = echo;
    for (int i = 0; i < 50; i++) {
        turn_both(&w, 1);
        while (!at_list_is_empty(&w.server.requests)) {
            struct at_incoming *in =
                at_container_of(w.server.requests.next, struct at_incoming, entry);

            at_list_remove(&in->entry);
            echo(&w.server, in);
        }
    }
    for (int i = 0; i < CALLS; i++) {
        done += calls[i].out.times;
        free(calls[i].out.room);
    }
    CHECK_INT(done, CALLS);
    CHECK_INT(link->slot_count, AT_CALL_SLOTS);
    world_deinit(&w);
}

TEST(a_corked_engine_wakes_its_peer_once_for_all_that_it_shows)
{
    enum { CALLS = 40 };
    struct world w;
    struct call c[CALLS];
    struct epoll_event events[4];

    world_init(&w);
    start(&w.client, &c[0], "GetItem", AT_LIT("first"), AT_SECOND_NS);
    connect_world(&w);
    turn_both(&w, 3);
    CHECK_INT(c[0].out.times, 1);
    free(c[0].out.room);
    at_engine_cork(w.client.engine);
    CHECK(at_engine_arm(w.server.engine));
    for (int i = 0; i < CALLS; i++) {
        start(&w.client, &c[i], "GetItem", AT_LIT("more"), AT_SECOND_NS);
    }
    CHECK_INT(epoll_wait(w.server.epoll, events, 4, 0), 0);
    at_engine_show(w.client.engine);
    CHECK_INT(epoll_wait(w.server.epoll, events, 4, 0), 1);
    at_engine_show(w.client.engine);
    CHECK_INT(epoll_wait(w.server.epoll, events, 4, 0), 0);
    at_engine_event(w.server.engine, events[0].data.u64, events[0].events);
    turn_both(&w, 3);
    for (int i = 0; i < CALLS; i++) {
        CHECK_INT(c[i].out.times, 1);
        free(c[i].out.room);
    }
    world_deinit(&w);
}

TEST(messages_of_every_size_up_to_the_limit_come_back_whole)
{
    static const size_t sizes[] = {0, 1, 64, 16319, 16320, 16321, 100000, 4 << 20};
    uint8_t *big = malloc(4 << 20);
    struct world w;

    world_init(&w);
    for (size_t i = 0; i < 4 << 20; i++) {
        big[i] = (uint8_t)(i * 7 + i / 251);
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct call c;

        start(&w.client, &c, "GetItem", at_bytes_over(big, sizes[i]), 60 * AT_SECOND_NS);
        if (i == 0) {
            connect_world(&w);
        }
        for (int n = 0; n < 3000 && c.out.times == 0; n++) {
            turn_both(&w, 1);
        }
        CHECK_INT(c.out.times, 1);
        CHECK_INT(c.out.status, AT_STATUS_OK);
        CHECK(c.out.payload_len == sizes[i]);
        CHECK(sizes[i] == 0 || memcmp(c.out.payload, big, sizes[i]) == 0);
        free(c.out.room);
    }
    free(big);
    world_deinit(&w);
}

TEST(a_small_call_does_not_wait_for_a_large_one)
{
    static uint8_t big[4 << 20];
    struct world w;
    struct call large[2];
    struct call small;

    world_init(&w);
    for (int i = 0; i < 2; i++) {
        start(&w.client, &large[i], "GetItem", at_bytes_over(big, sizeof(big)), 60 * AT_SECOND_NS);
        if (i == 0) {
            connect_world(&w);
        }
    }
    start(&w.client, &small, "GetItem", AT_LIT("x"), 60 * AT_SECOND_NS);
    turn_both(&w, 8);
    CHECK_INT(small.out.status, AT_STATUS_OK);
    CHECK_INT(small.out.times, 1);
    CHECK_INT(large[0].out.times + large[1].out.times, 0);
    for (int n = 0; n < 3000 && large[0].out.times + large[1].out.times < 2; n++) {
        turn_both(&w, 1);
    }
    for (int i = 0; i < 2; i++) {
        CHECK_INT(large[i].out.status, AT_STATUS_OK);
        CHECK_INT(large[i].out.payload_len, sizeof(big));
        free(large[i].out.room);
    }
    free(small.out.room);
    world_deinit(&w);
}

TEST(more_calls_than_slots_wait_their_turn_and_all_are_answered)
{
    static struct call calls[1000];
    static size_t numbers[1000]; /* requests are borrowed until they are answered */
    struct world w;

    world_init(&w);
    for (size_t i = 0; i < 1000; i++) {
        numbers[i] = i;
        start(&w.client, &calls[i], "Take", at_bytes_over(&numbers[i], sizeof(i)),
              60 * AT_SECOND_NS);
    }
    connect_world(&w);
    turn_both(&w, 60);
    for (size_t i = 0; i < 1000; i++) {
        CHECK_INT(calls[i].out.times, 1);
        CHECK_INT(calls[i].out.status, AT_STATUS_OK);
        CHECK(memcmp(calls[i].out.payload, &i, sizeof(i)) == 0);
        free(calls[i].out.room);
    }
    world_deinit(&w);
}

TEST(a_method_the_server_lacks_is_unimplemented_and_both_names_are_said)
{
    struct world w;
    struct call c;

    world_init(&w);
    start(&w.client, &c, "Juggle", AT_LIT(""), AT_SECOND_NS);
    connect_world(&w);
    turn_both(&w, 2);
    CHECK_INT(c.out.status, AT_STATUS_UNIMPLEMENTED);
    CHECK(strstr(c.out.reason, "Juggle") != NULL && strstr(c.out.reason, contract) != NULL);
    world_deinit(&w);
}

TEST(a_deadline_without_an_instance_says_what_was_missing)
{
    struct world w;
    struct call c;

    world_init(&w);
    start(&w.client, &c, "GetItem", AT_LIT(""), AT_SECOND_NS);
    turn_both(&w, 1);
    CHECK(at_engine_next_deadline(w.client.engine) != 0);
    w.client.skew_ns = 2 * AT_SECOND_NS;
    turn_both(&w, 1);
    CHECK_INT(c.out.times, 1);
    CHECK_INT(c.out.status, AT_STATUS_DEADLINE_EXCEEDED);
    CHECK(strstr(c.out.reason, "no instance of") != NULL);
    world_deinit(&w);
}

TEST(who_gives_up_is_told_whether_the_request_was_taken)
{
    struct world w;
    struct call c[3];
    char said[AT_ENGINE_SENTENCE];

    world_init(&w);
    w.server.on_request = NULL; /* keeps what it takes */
    CHECK_INT(at_engine_want(w.client.engine, at_bytes_of(contract)), 0);
    connect_world(&w);
    start(&w.client, &c[0], "Take", AT_LIT("x"), AT_SECOND_NS);
    start(&w.client, &c[1], "GetItem", AT_LIT("y"), 60 * AT_SECOND_NS);
    turn_both(&w, 1);
    CHECK(!at_list_is_empty(&w.server.requests));
    at_engine_cancel(w.client.engine, &c[1].p, "enough", said);
    CHECK_STR(said, "enough; stock.1 had taken GetItem");
    start(&w.client, &c[1], "GetItem", AT_LIT("y"), 60 * AT_SECOND_NS);
    start(&w.client, &c[2], "Take", AT_LIT("z"), AT_SECOND_NS);
    at_engine_cancel(w.client.engine, &c[1].p, "enough", said); /* the server had no turn */
    CHECK_STR(said, "enough; stock.1 had not taken GetItem");
    at_engine_cancel(w.client.engine, &c[1].p, "again", said); /* it is out already */
    CHECK_STR(said, "again");
    w.client.skew_ns = 2 * AT_SECOND_NS;
    test_turn(&w.client, 0);
    CHECK_STR(c[0].out.reason, "stock.1 had taken Take and did not answer before the deadline");
    CHECK_STR(c[2].out.reason,
              "stock.1 did not take Take before the deadline: it does not read its "
              "channel (stopped, or too busy)");
    CHECK_INT(c[2].out.status, AT_STATUS_DEADLINE_EXCEEDED);
    turn_both(&w, 2);
    at_list_foreach_safe (it, &w.server.requests) {
        struct at_incoming *in = at_container_of(it, struct at_incoming, entry);

        CHECK(at_incoming_is_cancelled(in)); /* also those that it took too late */
        at_list_remove(it);
        echo(&w.server, in);
    }
    turn_both(&w, 2);
    CHECK_INT(w.client.engine->links[0]->seat.load, 0);
    world_deinit(&w);
}

TEST(a_call_whose_deadline_has_passed_is_not_sent)
{
    struct world w;
    struct call c;

    world_init(&w);
    w.server.on_request = NULL;
    CHECK_INT(at_engine_want(w.client.engine, at_bytes_of(contract)), 0);
    connect_world(&w);
    start(&w.client, &c, "Take", AT_LIT("x"), 0);
    CHECK_INT(w.client.engine->links[0]->seat.load, 0);
    turn_both(&w, 2);
    CHECK_INT(c.out.times, 1);
    CHECK_INT(c.out.status, AT_STATUS_DEADLINE_EXCEEDED);
    CHECK_STR(c.out.reason,
              "the deadline of Take had passed before the call began: nothing was sent");
    CHECK(at_list_is_empty(&w.server.requests));
    world_deinit(&w);
}

/* Its caller would say so too, and cancel it: that one's clock stands still. */
TEST(a_request_whose_deadline_passed_in_the_ring_is_refused_and_not_handed_on)
{
    struct world w;
    struct call c;

    world_init(&w);
    w.server.on_request = NULL; /* keeps what it takes */
    CHECK_INT(at_engine_want(w.client.engine, at_bytes_of(contract)), 0);
    connect_world(&w);
    start(&w.client, &c, "Take", AT_LIT("x"), 10 * AT_SECOND_NS);
    w.server.skew_ns = 11 * AT_SECOND_NS;
    turn_both(&w, 2);
    CHECK(at_list_is_empty(&w.server.requests));
    CHECK_INT(c.out.times, 1);
    CHECK_INT(c.out.status, AT_STATUS_DEADLINE_EXCEEDED);
    CHECK(strstr(c.out.reason, "the deadline had passed before it was started") != NULL);
    CHECK_INT(w.client.engine->links[0]->seat.load, 0);
    free(c.out.room);
    world_deinit(&w);
}

TEST(a_late_answer_finds_its_slot_a_zombie_and_the_channel_lives_on)
{
    struct world w;
    struct call c;
    struct call d;
    struct at_incoming *in;

    world_init(&w);
    w.server.on_request = NULL;
    start(&w.client, &c, "GetItem", AT_LIT("x"), AT_SECOND_NS);
    connect_world(&w);
    turn_both(&w, 2);
    CHECK(!at_list_is_empty(&w.server.requests));
    w.client.skew_ns = 2 * AT_SECOND_NS;
    turn_both(&w, 2);
    CHECK_INT(c.out.status, AT_STATUS_DEADLINE_EXCEEDED);
    CHECK(strstr(c.out.reason, "stock.1") != NULL);
    CHECK_INT(w.server.cancelled, 1);
    in = at_container_of(w.server.requests.next, struct at_incoming, entry);
    at_list_remove(&in->entry);
    echo(&w.server, in);
    w.server.on_request = echo;
    turn_both(&w, 2);
    CHECK_INT(c.out.times, 1);
    start(&w.client, &d, "GetItem", AT_LIT("y"), AT_SECOND_NS);
    turn_both(&w, 3);
    CHECK_INT(d.out.status, AT_STATUS_OK);
    free(d.out.room);
    world_deinit(&w);
}

TEST(an_edge_that_is_denied_ends_waiting_calls_with_its_reason)
{
    struct world w;
    struct call c;
    struct at_service_edge edge = {.request = 1,
                                   .state = AT_EDGE_DENIED,
                                   .service = AT_LIT("stock"),
                                   .reason = AT_LIT("add stock to cart's uses")};

    world_init(&w);
    start(&w.client, &c, "GetItem", AT_LIT("x"), AT_SECOND_NS);
    CHECK_INT(at_message_send(w.client.supervisor, &at_service_edge_kind, &edge, NULL, 0), 0);
    turn_both(&w, 2);
    CHECK_INT(c.out.status, AT_STATUS_PERMISSION_DENIED);
    CHECK_STR(c.out.reason, "stock: add stock to cart's uses");
    start(&w.client, &c, "GetItem", AT_LIT("x"), AT_SECOND_NS);
    turn_both(&w, 1);
    CHECK_INT(c.out.status, AT_STATUS_PERMISSION_DENIED);
    world_deinit(&w);
}

TEST(a_request_that_the_dead_peer_never_took_goes_to_the_next_instance)
{
    struct world w;
    struct call c;

    world_init(&w);
    start(&w.client, &c, "Take", AT_LIT("first"), 10 * AT_SECOND_NS);
    connect_world(&w);
    turn_both(&w, 3);
    free(c.out.room);
    start(&w.client, &c, "Take", AT_LIT("again"), 10 * AT_SECOND_NS);
    test_turn(&w.client, 0); /* written; the server never has its turn */
    test_owner_deinit(&w.server);
    test_turn(&w.client, 0);
    CHECK_INT(c.out.times, 0);
    CHECK_INT(test_owner_init(&w.server, methods), 0);
    w.server.on_request = echo;
    CHECK_INT(test_introduce(&w.client, 1, &w.server, 8, "stock.1", NULL), 0);
    turn_both(&w, 4);
    CHECK_INT(c.out.times, 1);
    CHECK_INT(c.out.status, AT_STATUS_OK);
    free(c.out.room);
    world_deinit(&w);
}

static struct at_incoming *taken(struct test_owner *server)
{
    struct at_incoming *in = at_container_of(server->requests.next, struct at_incoming, entry);

    CHECK(!at_list_is_empty(&server->requests));
    at_list_remove(&in->entry);
    return in;
}

TEST(a_request_that_the_dead_peer_had_taken_is_unavailable_with_the_cause)
{
    struct world w;
    struct call c;
    struct at_service_gone gone = {.channel = 7,
                                   .reason = AT_LIT("stock.1 was killed by signal 9")};
    struct at_incoming *in;

    world_init(&w);
    w.server.on_request = NULL;
    start(&w.client, &c, "Take", AT_LIT("x"), 10 * AT_SECOND_NS);
    connect_world(&w);
    turn_both(&w, 3);
    in = taken(&w.server);
    w.server.engine = at_engine_free(w.server.engine);
    free(in->room);
    free(in);
    test_turn(&w.client, 0);
    CHECK_INT(c.out.times, 0); /* waits a moment for the cause */
    CHECK_INT(at_message_send(w.client.supervisor, &at_service_gone_kind, &gone, NULL, 0), 0);
    test_turn(&w.client, 0);
    test_turn(&w.client, 0);
    CHECK_INT(c.out.times, 1);
    CHECK_INT(c.out.status, AT_STATUS_UNAVAILABLE);
    CHECK(strstr(c.out.reason, "killed by signal 9") != NULL);
    CHECK(strstr(c.out.reason, "Take") != NULL);
    world_deinit(&w);
}

TEST(a_method_that_may_be_repeated_is_sent_again_though_it_was_taken)
{
    struct world w;
    struct call c;
    struct at_incoming *in;

    world_init(&w);
    w.server.on_request = NULL;
    start(&w.client, &c, "GetItem", AT_LIT("x"), 10 * AT_SECOND_NS);
    c.p.request.may_repeat = true;
    connect_world(&w);
    turn_both(&w, 3);
    in = taken(&w.server);
    w.server.engine = at_engine_free(w.server.engine);
    free(in->room);
    free(in);
    test_owner_deinit(&w.server);
    CHECK_INT(test_owner_init(&w.server, methods), 0);
    w.server.on_request = echo;
    CHECK_INT(test_introduce(&w.client, 1, &w.server, 8, "stock.1", NULL), 0);
    turn_both(&w, 4);
    CHECK_INT(c.out.status, AT_STATUS_OK);
    CHECK_INT(c.out.times, 1);
    free(c.out.room);
    world_deinit(&w);
}

TEST(a_request_that_kills_whoever_takes_it_is_not_sent_to_a_fourth)
{
    struct world w;
    struct call c;
    int deaths = 0;

    world_init(&w);
    start(&w.client, &c, "GetItem", AT_LIT("poison"), 10 * AT_SECOND_NS);
    c.p.request.may_repeat = true;
    while (c.out.times == 0 && deaths < 10) {
        struct at_incoming *in;

        w.server.on_request = NULL;
        CHECK_INT(test_introduce(&w.client, 1, &w.server, (uint64_t)(20 + deaths), "stock.1", NULL),
                  0);
        turn_both(&w, 3);
        in = taken(&w.server);
        test_owner_deinit(&w.server);
        free(in->room);
        free(in);
        deaths++;
        CHECK_INT(test_owner_init(&w.server, methods), 0);
        test_turn(&w.client, 0);
        w.client.skew_ns += AT_SECOND_NS / 2;
        test_turn(&w.client, 0);
    }
    CHECK_INT(deaths, 3);
    CHECK_INT(c.out.status, AT_STATUS_UNAVAILABLE);
    CHECK(strstr(c.out.reason, "three instances died") != NULL);
    world_deinit(&w);
}

TEST(a_draining_server_is_not_chosen_and_what_it_refuses_goes_elsewhere)
{
    struct world w;
    struct test_owner other;
    struct call c;

    world_init(&w);
    CHECK_INT(test_owner_init(&other, methods), 0);
    other.on_request = echo;
    start(&w.client, &c, "Take", AT_LIT("x"), 10 * AT_SECOND_NS);
    connect_world(&w);
    turn_both(&w, 3);
    free(c.out.room);
    start(&w.client, &c, "Take", AT_LIT("y"), 10 * AT_SECOND_NS);
    at_engine_go_away(w.server.engine);
    turn_both(&w, 3);
    CHECK_INT(c.out.times, 0);
    CHECK_INT(test_introduce(&w.client, 1, &other, 9, "stock.2", NULL), 0);
    for (int i = 0; i < 4; i++) {
        test_turn(&w.client, 0);
        test_turn(&other, 0);
    }
    CHECK_INT(c.out.status, AT_STATUS_OK);
    free(c.out.room);
    test_owner_deinit(&other);
    world_deinit(&w);
}

TEST(a_full_ring_only_delays_the_word_that_a_server_goes_away)
{
    static const uint8_t big[AT_RECORD_PAYLOAD_MAX]; /* two of them fill a ring */
    struct world w;
    struct call c[3];

    world_init(&w);
    w.server.on_request = NULL;
    for (int i = 0; i < 3; i++) {
        start(&w.client, &c[i], "GetItem", AT_LIT("x"), 10 * AT_SECOND_NS);
    }
    connect_world(&w);
    turn_both(&w, 3);
    for (int i = 0; i < 3; i++) {
        at_engine_answer(w.server.engine, taken(&w.server), AT_STATUS_OK, (struct at_bytes){0},
                         at_bytes_over(big, sizeof(big)), 0);
    }
    at_engine_go_away(w.server.engine);
    CHECK(at_engine_can_call(w.client.engine, at_bytes_of(contract)));
    turn_both(&w, 4);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(c[i].out.status, AT_STATUS_OK);
        CHECK_INT(c[i].out.payload_len, sizeof(big));
        free(c[i].out.room);
    }
    CHECK(!at_engine_can_call(w.client.engine, at_bytes_of(contract)));
    world_deinit(&w);
}

TEST(after_a_new_supervisor_everything_is_wanted_again_with_what_is_open)
{
    struct world w;
    struct call c;
    struct at_message *m = malloc(sizeof(*m));
    struct at_service_resume resume = {.supervisor = 2};
    struct at_service_want want;

    world_init(&w);
    start(&w.client, &c, "Take", AT_LIT("x"), 10 * AT_SECOND_NS);
    connect_world(&w);
    turn_both(&w, 3);
    CHECK_INT(test_heard(&w.client, m), 0);
    at_message_clear(m);
    CHECK_INT(at_message_send(w.client.supervisor, &at_service_resume_kind, &resume, NULL, 0), 0);
    turn_both(&w, 1);
    CHECK_INT(w.client.others, 1);
    CHECK_INT(test_heard(&w.client, m), 0);
    CHECK_INT(at_message_read(&at_service_want_kind, m, &want), 0);
    CHECK_INT(want.request, 1);
    CHECK_BYTES(want.contract, contract);
    CHECK_BYTES(want.have, "7\n");
    at_message_clear(m);
    free(m);
    free(c.out.room);
    world_deinit(&w);
}

/* Did the client say WANT since? What it had, in ret_have[32]; BROKENs are added up. */
static bool hears_want(struct test_owner *client, char *ret_have, int *ret_broken)
{
    struct at_message *m = malloc(sizeof(*m));
    struct at_service_want want;
    struct at_service_broken broken;
    bool heard = false;

    while (m != NULL && test_heard(client, m) == 0) {
        *ret_broken += at_message_read(&at_service_broken_kind, m, &broken) == 0;
        if (at_message_read(&at_service_want_kind, m, &want) == 0) {
            heard = true;
            (void)snprintf(ret_have, 32, "%.*s", (int)want.have.len,
                           want.have.at == NULL ? "" : (const char *)want.have.at);
        }
        at_message_clear(m);
    }
    free(m);
    return heard;
}

/* A channel whose other end is held by nobody's engine; the other's lifeline and bells. */
static void introduce_absent(struct test_owner *client, uint64_t channel, struct test_channel *ret)
{
    CHECK_INT(test_introduce(client, 1, NULL, channel, "stock.9", ret), 0);
    test_turn(client, 0);
    test_turn(client, 0);
}

static void leave_absent(struct test_channel *c)
{
    at_close(&c->lifeline[1]);
    at_close(&c->bell[0]);
    at_close(&c->bell[1]);
}

TEST(a_channel_whose_peer_did_not_attach_is_asked_for_again_with_what_is_open)
{
    struct test_channel absent;
    struct world w;
    struct call c;
    struct call d;
    char have[32];
    int broken = 0;

    world_init(&w);
    start(&w.client, &c, "GetItem", AT_LIT("x"), 60 * AT_SECOND_NS);
    CHECK(hears_want(&w.client, have, &broken));
    CHECK_STR(have, "");
    introduce_absent(&w.client, 8, &absent);
    w.client.skew_ns = 5100 * AT_MILLISECOND_NS;
    turn_both(&w, 1);
    CHECK(hears_want(&w.client, have, &broken)); /* a call waits: at once */
    CHECK_STR(have, "");
    CHECK_INT(broken, 1);
    leave_absent(&absent);
    connect_world(&w);
    turn_both(&w, 3);
    CHECK_INT(c.out.status, AT_STATUS_OK);
    introduce_absent(&w.client, 9, &absent);
    w.client.skew_ns = 11 * AT_SECOND_NS;
    turn_both(&w, 1);
    CHECK(hears_want(&w.client, have, &broken)); /* it was planned when the first one ended */
    CHECK_STR(have, "7\n9\n");
    CHECK_INT(broken, 2);
    w.client.skew_ns = 13 * AT_SECOND_NS;
    turn_both(&w, 1);
    CHECK(hears_want(&w.client, have, &broken)); /* no call waits: a second later */
    CHECK_STR(have, "7\n");
    leave_absent(&absent);
    start(&w.client, &d, "GetItem", AT_LIT("x"), AT_SECOND_NS);
    turn_both(&w, 3);
    CHECK_INT(d.out.status, AT_STATUS_OK);
    free(c.out.room);
    free(d.out.room);
    world_deinit(&w);
}

TEST(a_channel_that_its_server_gave_up_while_the_caller_slept_is_asked_for_by_the_next_call)
{
    struct test_channel absent;
    struct at_service_gone gone = {.channel = 8, .reason = AT_LIT("stock.1 gave it up")};
    struct world w;
    struct call c;
    char have[32];
    int broken = 0;

    world_init(&w);
    start(&w.client, &c, "GetItem", AT_LIT("x"), AT_SECOND_NS / 10);
    CHECK(hears_want(&w.client, have, &broken));
    w.client.skew_ns = AT_SECOND_NS;
    while (at_engine_run(w.client.engine, test_now(&w.client))) {
    }
    CHECK_INT(c.out.status, AT_STATUS_DEADLINE_EXCEEDED);
    /* Nobody runs the client; meanwhile all of this happens. */
    CHECK_INT(test_introduce(&w.client, 1, NULL, 8, "stock.1", &absent), 0);
    leave_absent(&absent);
    CHECK_INT(at_message_send(w.client.supervisor, &at_service_gone_kind, &gone, NULL, 0), 0);
    w.client.skew_ns = 20 * AT_SECOND_NS;
    start(&w.client, &c, "GetItem", AT_LIT("x"), AT_SECOND_NS);
    turn_both(&w, 2);
    CHECK(hears_want(&w.client, have, &broken));
    connect_world(&w);
    turn_both(&w, 3);
    CHECK_INT(c.out.status, AT_STATUS_OK);
    free(c.out.room);
    world_deinit(&w);
}

TEST(a_channel_that_cannot_be_set_up_is_called_broken_and_asked_for_again)
{
    struct rlimit all;
    struct test_channel absent;
    struct world w;
    struct call c;
    char have[32];
    int broken = 0;

    CHECK_INT(getrlimit(RLIMIT_NOFILE, &all), 0);
    world_init(&w);
    start(&w.client, &c, "GetItem", AT_LIT("x"), 600 * AT_SECOND_NS);
    CHECK(hears_want(&w.client, have, &broken));
    for (int room = 0; room < 4; room++) { /* three descriptors and a region: none, some, not all */
        struct rlimit few = all;
        int next;

        CHECK_INT(test_introduce(&w.client, 1, NULL, 8 + (uint64_t)room, "stock.1", &absent), 0);
        next = dup(w.client.epoll);
        CHECK(next >= 0);
        (void)close(next);
        few.rlim_cur = (rlim_t)(next + room);
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
        turn_both(&w, 1);
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &all), 0);
        leave_absent(&absent);
        w.client.skew_ns += 40 * AT_SECOND_NS;
        turn_both(&w, 1);
        CHECK(hears_want(&w.client, have, &broken));
        CHECK_INT(broken, room + 1);
    }
    connect_world(&w);
    turn_both(&w, 3);
    CHECK_INT(c.out.status, AT_STATUS_OK);
    free(c.out.room);
    world_deinit(&w);
}

TEST(channels_that_end_again_and_again_are_asked_for_ever_more_seldom)
{
    static const uint64_t gaps[] = {0, 1, 2, 4, 8, 16, 30, 30}; /* seconds */
    enum { TIMES = sizeof(gaps) / sizeof(gaps[0]) };
    struct test_channel absent;
    struct world w;
    struct call c;
    char have[32];
    int broken = 0;
    int n = 0;
    uint64_t last = 0;

    world_init(&w);
    start(&w.client, &c, "GetItem", AT_LIT("x"), 1000 * AT_SECOND_NS);
    CHECK(hears_want(&w.client, have, &broken));
    for (uint64_t tenth = 0; tenth < 1000; tenth++) {
        uint64_t before;

        w.client.skew_ns = tenth * AT_SECOND_NS / 10;
        before = test_now(&w.client);
        introduce_absent(&w.client, 8 + tenth, &absent);
        leave_absent(&absent);
        turn_both(&w, 1);
        if (hears_want(&w.client, have, &broken)) {
            CHECK(n < TIMES && test_now(&w.client) - last >= gaps[n] * AT_SECOND_NS);
            last = before;
            n++;
        }
    }
    CHECK(n >= TIMES - 1); /* a slow machine adds to each gap */
    at_engine_abandon(w.client.engine, &c.p);
    world_deinit(&w);
}

/* One call from beginning to end, whatever fails on the way; it ends exactly once. */
static void call_without_memory(const uint8_t *payload, size_t len)
{
    struct world w = {.client = {.epoll = -1, .control = -1, .supervisor = -1},
                      .server = {.epoll = -1, .control = -1, .supervisor = -1}};
    struct call c;
    int r = test_owner_init(&w.client, "");

    if (r == 0) {
        r = test_owner_init(&w.server, methods);
    }
    if (r == 0) {
        w.server.on_request = echo;
        memset(&c, 0, sizeof(c));
        c.p.done = on_done;
        c.p.reply_room = reply_room;
        c.p.user = &c.out;
        c.p.request = (struct at_call_request){.contract = at_bytes_of(contract),
                                               .method = AT_LIT("GetItem"),
                                               .payload = at_bytes_over(payload, len),
                                               .deadline_ns = test_now(&w.client) + AT_SECOND_NS};
        r = at_engine_start(w.client.engine, &c.p, test_now(&w.client));
        CHECK(r == 0 || r == -ENOMEM);
    }
    if (r == 0) {
        (void)test_introduce(&w.client, 1, &w.server, 7, "stock.1", NULL);
        turn_both(&w, 12);
        w.client.skew_ns = 9 * AT_SECOND_NS;
        turn_both(&w, 2);
        CHECK_INT(c.out.times, 1);
        free(c.out.room);
    }
    world_deinit(&w);
}

TEST(a_call_ends_once_whichever_allocation_fails)
{
    static const uint8_t payload[100000];

    WITH_EACH_ALLOCATION_FAILING(call_without_memory(payload, 10));
    WITH_EACH_ALLOCATION_FAILING(call_without_memory(payload, sizeof(payload)));
}

TEST(credit_is_given_back_with_every_answer)
{
    struct world w;
    struct call c;

    world_init(&w);
    start(&w.client, &c, "GetItem", AT_LIT("x"), AT_SECOND_NS);
    connect_world(&w);
    for (int i = 0; i < 3 * AT_CALL_SLOTS; i++) {
        turn_both(&w, 1);
        free(c.out.room);
        start(&w.client, &c, "GetItem", AT_LIT("x"), AT_SECOND_NS);
        turn_both(&w, 2);
        CHECK_INT(c.out.status, AT_STATUS_OK);
        CHECK_INT(c.out.times, 1);
    }
    free(c.out.room);
    world_deinit(&w);
}

/* The handler's thread looks at this while no thread of the engine runs. */
TEST(a_handler_sees_in_one_load_that_its_call_was_cancelled_and_while_the_peer_dies)
{
    struct world w;
    struct call c;
    struct at_incoming *in;

    world_init(&w);
    w.server.on_request = NULL;
    CHECK_INT(at_engine_want(w.client.engine, at_bytes_of(contract)), 0);
    connect_world(&w);
    for (int round = 0; round < 2; round++) {
        start(&w.client, &c, "GetItem", (struct at_bytes){0}, AT_SECOND_NS);
        turn_both(&w, 2);
        in = taken(&w.server);
        CHECK(!at_incoming_is_cancelled(in));
        at_engine_abandon(w.client.engine, &c.p);
        CHECK(at_incoming_is_cancelled(in)); /* no turn of the server in between */
        test_turn(&w.server, 0);
        CHECK_INT(w.server.cancelled, round + 1);
        if (round == 1) {
            test_owner_deinit(
                &w.client); /* the region that the word is in: kept for this request */
            test_turn(&w.server, 0);
            test_turn(&w.server, 0);
            CHECK(w.server.engine->links[0] == NULL);
            CHECK(at_incoming_is_cancelled(in));
        }
        at_engine_answer(w.server.engine, in, AT_STATUS_CANCELLED, (struct at_bytes){0},
                         (struct at_bytes){0}, 0);
        if (round == 0) {
            turn_both(&w, 2);
        }
    }
    test_owner_deinit(&w.server);
}

/* Doorbells at 0 and no layout in OPEN: what a supervisor hands out that knows of neither. */
TEST(channels_of_an_older_supervisor_wake_and_have_layout_1)
{
    struct at_service_open open = {.channel = 7,
                                   .request = 1,
                                   .side = AT_SIDE_CLIENT,
                                   .peer_service = AT_LIT("x"),
                                   .peer_instance = AT_LIT("x.1")};
    struct test_owner client;
    struct epoll_event ev;
    uint64_t nothing = 0;
    int life[2];
    int bell[2] = {eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    CHECK_INT(test_owner_init(&client, ""), 0);
    CHECK_INT(at_engine_want(client.engine, AT_LIT("a.B")), 0);
    CHECK_INT(at_socket_pair(life), 0);
    CHECK_INT(test_say_open(&client, &open, (int[]){life[0], bell[0], bell[1]}), 0);
    test_turn(&client, 0);
    ev = (struct epoll_event){.events = EPOLLIN | EPOLLET};
    CHECK_INT(epoll_ctl(epoll, EPOLL_CTL_ADD, bell[0], &ev), 0);
    CHECK_INT(epoll_wait(epoll, &ev, 1, 0), 1);
    CHECK_INT(write(bell[0], &nothing, sizeof(nothing)), sizeof(nothing));
    CHECK_INT(epoll_wait(epoll, &ev, 1, 0), 1);
    CHECK_INT(client.engine->links[0]->layout, 1);
    open.channel = 8;
    open.layout = AT_LAYOUT_VERSION + 1; /* not asked for: no channel */
    CHECK_INT(test_say_open(&client, &open, (int[]){life[0], bell[0], bell[1]}), 0);
    test_turn(&client, 0);
    CHECK(client.engine->links[1] == NULL);
    at_fd_close_all(life, 2);
    at_fd_close_all(bell, 2);
    at_close(&epoll);
    test_owner_deinit(&client);
}

TEST_MAIN("call/engine")
