/* Promises of roles/supervisor/edges.h. */
#include "roles/supervisor/edges.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/socket.h"
#include "control/locks.h"
#include "control/message.h"
#include "control/service.h"
#include "plan/plan.h"

enum { CART, STOCK, PAYMENT, DOOR, PLAIN, SERVICES };

static const char *stock_contracts[] = {"shop.stock.v1.StockService", "shop.stock.v1.Admin"};
static const char *payment_contracts[] = {"shop.payment.v1.PaymentService"};
static uint32_t cart_uses[] = {STOCK};
static uint32_t listener_services[] = {STOCK};
static struct at_plan_listener listener = {.services = {listener_services, 1}};
static struct at_plan_service services[SERVICES] = {
    [CART] = {.name = "cart",
              .kind = AT_PLAN_SERVICE,
              .uses = {cart_uses, 1},
              .file = "atoll.yaml",
              .line = 3,
              .uses_line = 5},
    [STOCK] = {.name = "stock",
               .kind = AT_PLAN_SERVICE,
               .contracts = {stock_contracts, 2},
               .file = "atoll.yaml",
               .line = 9},
    [PAYMENT] = {.name = "payment", .kind = AT_PLAN_SERVICE, .contracts = {payment_contracts, 1}},
    [DOOR] = {.name = "door", .kind = AT_PLAN_GATEWAY},
    [PLAIN] = {.name = "plain", .kind = AT_PLAN_SERVICE},
};
static struct at_plan plan = {.system = "shop",
                              .services = services,
                              .service_count = SERVICES,
                              .listeners = &listener,
                              .listener_count = 1};

struct end {
    struct at_party party;
    int peer; /* the instance's end of its control socket */
};

struct scene {
    struct at_edges edges;
    struct at_message *message;
    char trouble[128];
    int waits;
    uint64_t now_ns;
    uint64_t due_ns; /* of the last on_later */
};

static void on_trouble(void *user, struct at_party *party, const char *reason)
{
    struct scene *s = user;

    (void)snprintf(s->trouble, sizeof(s->trouble), "%s: %s", party->name, reason);
}

static void on_wait(void *user, struct at_party *party)
{
    ((struct scene *)user)->waits++;
}

static void on_later(void *user, uint64_t due_ns)
{
    ((struct scene *)user)->due_ns = due_ns;
}

static uint64_t now_ns(void *user)
{
    return ((struct scene *)user)->now_ns;
}

static const struct at_edges_ops ops = {
    .on_trouble = on_trouble, .on_wait = on_wait, .on_later = on_later, .now_ns = now_ns};

static void begin(struct scene *s)
{
    *s = (struct scene){.message = calloc(1, sizeof(*s->message)), .now_ns = AT_SECOND_NS};
    CHECK(s->message != NULL);
    CHECK_INT(at_edges_init(&s->edges, &plan, 1, &ops, s), 0);
}

static void finish(struct scene *s)
{
    at_edges_deinit(&s->edges);
    free(s->message);
}

static void join_silent(struct scene *s, struct end *e, const char *name, uint32_t service,
                        uint64_t generation)
{
    int fds[2];

    CHECK_INT(at_socket_pair(fds), 0);
    CHECK_INT(at_fd_set_nonblocking(fds[0], 1), 0);
    CHECK_INT(at_fd_set_nonblocking(fds[1], 1), 0);
    *e = (struct end){
        .party = {.name = name, .service = service, .generation = generation, .sock = fds[0]},
        .peer = fds[1]};
    at_edges_join(&s->edges, &e->party);
}

static void join(struct scene *s, struct end *e, const char *name, uint32_t service,
                 uint64_t generation)
{
    join_silent(s, e, name, service, generation);
    CHECK_INT(at_edges_hello(&s->edges, &e->party, 0, 0), 0);
}

static void leave(struct scene *s, struct end *e, const char *reason)
{
    at_edges_leave(&s->edges, &e->party, reason);
    at_close(&e->party.sock);
    at_close(&e->peer);
}

static int want(struct scene *s, struct end *e, uint64_t request, const char *service,
                const char *contract, const char *have)
{
    struct at_service_want w = {.request = request,
                                .service = at_bytes_of(service),
                                .contract = at_bytes_of(contract),
                                .have = at_bytes_of(have)};

    return at_edges_want(&s->edges, &e->party, &w);
}

static struct at_service_open expect_open(struct scene *s, const struct end *e)
{
    struct at_service_open open = {0};

    CHECK_INT(at_message_receive(e->peer, s->message), 0);
    CHECK_INT(at_message_read(&at_service_open_kind, s->message, &open), 0);
    CHECK_INT((long)s->message->fd_count, 3);
    at_message_clear(s->message);
    return open;
}

static struct at_service_edge expect_edge(struct scene *s, const struct end *e, uint32_t state)
{
    struct at_service_edge edge = {0};

    CHECK_INT(at_message_receive(e->peer, s->message), 0);
    CHECK_INT(at_message_read(&at_service_edge_kind, s->message, &edge), 0);
    CHECK_INT((long)edge.state, (long)state);
    return edge;
}

static struct at_service_gone expect_gone(struct scene *s, const struct end *e)
{
    struct at_service_gone gone = {0};

    CHECK_INT(at_message_receive(e->peer, s->message), 0);
    CHECK_INT(at_message_read(&at_service_gone_kind, s->message, &gone), 0);
    return gone;
}

static void expect_silence(struct scene *s, const struct end *e)
{
    CHECK_INT(at_message_receive(e->peer, s->message), -EAGAIN);
}

static bool holds(struct at_bytes text, const char *word)
{
    return memmem(text.at, text.len, word, strlen(word)) != NULL;
}

TEST(a_want_is_answered_with_a_channel_to_each_ready_instance_now_and_later)
{
    struct scene s;
    struct end cart;
    struct end stock1;
    struct end stock2;
    struct at_service_open at_client;
    struct at_service_open at_server;

    begin(&s);
    join(&s, &cart, "cart.1", CART, 1);
    join(&s, &stock1, "stock.1", STOCK, 2);
    join(&s, &stock2, "stock.2", STOCK, 3);
    at_edges_ready(&s.edges, &stock1.party);
    CHECK_INT(want(&s, &cart, 7, "stock", "", ""), 0);
    at_client = expect_open(&s, &cart);
    CHECK_INT((long)at_client.request, 7);
    CHECK_INT((long)at_client.side, AT_SIDE_CLIENT);
    at_server = expect_open(&s, &stock1);
    CHECK_INT((long)at_server.side, AT_SIDE_SERVER);
    CHECK_BYTES(at_server.peer_instance, "cart.1");
    CHECK_INT((long)at_server.flags, 0);
    CHECK(at_server.channel == at_client.channel);
    expect_silence(&s, &stock2);
    at_edges_ready(&s.edges, &stock2.party);
    CHECK(expect_open(&s, &cart).channel == expect_open(&s, &stock2).channel);
    CHECK_INT((long)at_edges_count(&s.edges, CART, STOCK), 2);
    leave(&s, &stock1, "x");
    leave(&s, &stock2, "x");
    leave(&s, &cart, "x");
    finish(&s);
}

TEST(the_caller_hears_how_its_calls_are_spread_and_what_each_instance_weighs)
{
    static uint32_t weights[] = {3};
    static struct at_plan_policy policies[] = {
        {.to = STOCK, .from = CART, .balance = AT_PLAN_HASH, .bound = 150, .key = "cart.id"},
        {.to = STOCK,
         .from = AT_PLAN_ANYBODY,
         .balance = AT_PLAN_P2C,
         .slow_start_ns = 9,
         .key = ""}};
    struct scene s;
    struct end cart;
    struct end operator;
    struct end stock[2];
    struct at_service_open open;

    begin(&s);
    plan.policies = policies;
    plan.policy_count = 2;
    services[STOCK].weights = (struct at_plan_numbers){weights, 1};
    services[STOCK].replicas = 2;
    services[STOCK].max_message = 16 << 20;
    join(&s, &cart, "cart.1", CART, 1);
    join(&s, &operator, "operator", AT_EDGES_OPERATOR, 2);
    join(&s, &stock[0], "stock.1", STOCK, 3);
    join(&s, &stock[1], "stock.2", STOCK, 4);
    stock[1].party.ready_ns = 77;
    at_edges_ready(&s.edges, &stock[0].party);
    at_edges_ready(&s.edges, &stock[1].party);
    CHECK_INT(want(&s, &cart, 5, "stock", "", ""), 0);
    open = expect_open(&s, &cart);
    CHECK_INT(open.balance, AT_PLAN_HASH);
    CHECK_INT(open.bound, 150);
    CHECK_INT(open.slow_start_ns, 0);
    CHECK_INT(open.weight, 3);
    CHECK_INT(open.replicas, 2);
    CHECK_INT(open.max_message, 16 << 20);
    CHECK_INT(expect_open(&s, &stock[0]).max_message, 16 << 20); /* both ends hear the same */
    open = expect_open(&s, &cart);
    CHECK(holds(open.key, "cart.id"));
    CHECK_INT(open.weight, 1);
    CHECK_INT(open.ready_ns, 77);
    CHECK_INT(want(&s, &operator, 5, "stock", "", ""), 0);
    open = expect_open(&s, &operator);
    CHECK_INT(open.balance, AT_PLAN_P2C);
    CHECK_INT(open.slow_start_ns, 9);
    CHECK_INT(open.key.len, 0);
    leave(&s, &cart, "ended");
    leave(&s, &operator, "ended");
    leave(&s, &stock[0], "ended");
    leave(&s, &stock[1], "ended");
    plan.policy_count = 0;
    services[STOCK].max_message = 0;
    finish(&s);
}

TEST(two_contracts_of_one_service_are_two_wants_but_the_same_want_twice_is_one)
{
    struct scene s;
    struct end cart;
    struct end stock;

    begin(&s);
    join(&s, &cart, "cart.1", CART, 1);
    join(&s, &stock, "stock.1", STOCK, 2);
    at_edges_ready(&s.edges, &stock.party);
    CHECK_INT(want(&s, &cart, 1, "", stock_contracts[0], ""), 0);
    CHECK_INT(want(&s, &cart, 2, "", stock_contracts[1], ""), 0);
    CHECK_INT(want(&s, &cart, 3, "", stock_contracts[1], ""), 0);
    CHECK_INT((long)expect_open(&s, &cart).request, 1);
    CHECK_INT((long)expect_open(&s, &cart).request, 2);
    expect_silence(&s, &cart);
    leave(&s, &stock, "x");
    leave(&s, &cart, "x");
    finish(&s);
}

TEST(the_keeper_is_for_those_whose_uses_name_a_lock)
{
    static struct at_plan_service keeper = {.name = "keeper", .kind = AT_PLAN_KEEPER};
    static uint32_t users[] = {STOCK};
    static struct at_plan_lock lock = {.name = "one", .services = {users, 1}};
    struct at_plan_service plain = services[PLAIN];
    struct scene s;
    struct end cart;
    struct end stock;
    struct end keepers;

    begin(&s);
    join(&s, &cart, "cart.1", CART, 1);
    CHECK_INT(want(&s, &cart, 1, "", AT_LOCKS_CONTRACT, ""), 0);
    CHECK(holds(expect_edge(&s, &cart, AT_EDGE_UNKNOWN).reason, "declares no locks: add"));
    services[PLAIN] = keeper;
    plan.locks = &lock;
    plan.lock_count = 1;
    join(&s, &stock, "stock.1", STOCK, 2);
    join(&s, &keepers, "keeper.1", PLAIN, 3);
    at_edges_ready(&s.edges, &keepers.party);
    CHECK_INT(want(&s, &cart, 2, "", AT_LOCKS_CONTRACT, ""), 0);
    CHECK(holds(expect_edge(&s, &cart, AT_EDGE_DENIED).reason,
                "add \"lock:NAME\" to `uses` of service cart (atoll.yaml:5)"));
    CHECK_INT(want(&s, &stock, 1, "", AT_LOCKS_CONTRACT, ""), 0);
    CHECK_INT((long)expect_open(&s, &stock).request, 1);
    leave(&s, &keepers, "x");
    leave(&s, &stock, "x");
    leave(&s, &cart, "x");
    services[PLAIN] = plain;
    plan.lock_count = 0;
    finish(&s);
}

TEST(an_undeclared_edge_is_denied_with_the_line_to_add)
{
    struct scene s;
    struct end cart;
    struct end payment;
    struct at_service_edge edge;

    begin(&s);
    join(&s, &cart, "cart.1", CART, 1);
    join(&s, &payment, "payment.1", PAYMENT, 2);
    at_edges_ready(&s.edges, &payment.party);
    CHECK_INT(want(&s, &cart, 1, "payment", "", ""), 0);
    edge = expect_edge(&s, &cart, AT_EDGE_DENIED);
    CHECK(holds(edge.reason, "add \"payment\" to `uses` of service cart (atoll.yaml:5)"));
    CHECK_INT(want(&s, &payment, 1, "stock", "", ""), 0);
    edge = expect_edge(&s, &payment, AT_EDGE_DENIED);
    CHECK(holds(edge.reason, "uses: [stock]"));
    leave(&s, &payment, "x");
    leave(&s, &cart, "x");
    finish(&s);
}

TEST(what_nobody_serves_is_unknown)
{
    struct scene s;
    struct end cart;

    begin(&s);
    join(&s, &cart, "cart.1", CART, 1);
    CHECK_INT(want(&s, &cart, 1, "", "shop.ghost.v1.Ghost", ""), 0);
    CHECK(holds(expect_edge(&s, &cart, AT_EDGE_UNKNOWN).reason, "shop.ghost.v1.Ghost"));
    CHECK_INT(want(&s, &cart, 1, "ghost", "", ""), 0);
    CHECK(holds(expect_edge(&s, &cart, AT_EDGE_UNKNOWN).reason, "no service \"ghost\""));
    CHECK_INT(want(&s, &cart, 1, "plain", "", ""), 0);
    CHECK(holds(expect_edge(&s, &cart, AT_EDGE_UNKNOWN).reason, "serves no contract"));
    leave(&s, &cart, "x");
    finish(&s);
}

TEST(the_gateway_calls_what_its_listeners_name_and_may_state_the_caller)
{
    struct scene s;
    struct end door;
    struct end stock;

    begin(&s);
    join(&s, &door, "door.1", DOOR, 1);
    join(&s, &stock, "stock.1", STOCK, 2);
    at_edges_ready(&s.edges, &stock.party);
    CHECK_INT(want(&s, &door, 1, "stock", "", ""), 0);
    (void)expect_open(&s, &door);
    CHECK_INT((long)expect_open(&s, &stock).flags, AT_OPEN_MAY_STATE_CALLER);
    CHECK_INT(want(&s, &door, 2, "payment", "", ""), 0);
    CHECK(holds(expect_edge(&s, &door, AT_EDGE_DENIED).reason, "gateway.listen"));
    leave(&s, &stock, "x");
    leave(&s, &door, "x");
    finish(&s);
}

TEST(an_operator_may_call_everything)
{
    struct scene s;
    struct end op;
    struct end payment;

    begin(&s);
    join(&s, &op, "operator", AT_EDGES_OPERATOR, 1);
    join(&s, &payment, "payment.1", PAYMENT, 2);
    at_edges_ready(&s.edges, &payment.party);
    CHECK_INT(want(&s, &op, 1, "payment", "", ""), 0);
    (void)expect_open(&s, &op);
    CHECK_BYTES(expect_open(&s, &payment).peer_service, "operator");
    leave(&s, &payment, "x");
    leave(&s, &op, "x");
    finish(&s);
}

TEST(the_survivor_hears_how_its_peer_died_and_gets_a_channel_to_the_next_life)
{
    struct scene s;
    struct end cart;
    struct end stock;
    struct at_service_open open;

    begin(&s);
    join(&s, &cart, "cart.1", CART, 1);
    CHECK_INT(want(&s, &cart, 1, "stock", "", ""), 0);
    (void)expect_edge(&s, &cart, AT_EDGE_WAITING);
    join(&s, &stock, "stock.1", STOCK, 2);
    at_edges_ready(&s.edges, &stock.party);
    open = expect_open(&s, &cart);
    leave(&s, &stock, "stock.1 was killed by signal 9");
    CHECK_BYTES(expect_gone(&s, &cart).reason, "stock.1 was killed by signal 9");
    (void)expect_edge(&s, &cart, AT_EDGE_WAITING);
    join(&s, &stock, "stock.1", STOCK, 3);
    at_edges_ready(&s.edges, &stock.party);
    CHECK(expect_open(&s, &cart).channel != open.channel);
    leave(&s, &cart, "cart.1 exited");
    (void)expect_open(&s, &stock);
    CHECK_BYTES(expect_gone(&s, &stock).reason, "cart.1 exited");
    leave(&s, &stock, "x");
    finish(&s);
}

TEST(a_service_that_was_given_up_on_says_so_to_who_waits_and_who_asks_later)
{
    struct scene s;
    struct end cart;

    begin(&s);
    join(&s, &cart, "cart.1", CART, 1);
    CHECK_INT(want(&s, &cart, 1, "stock", "", ""), 0);
    (void)expect_edge(&s, &cart, AT_EDGE_WAITING);
    at_edges_set_failed(&s.edges, STOCK, "stock.1 exited with code 3");
    CHECK_BYTES(expect_edge(&s, &cart, AT_EDGE_FAILED).reason, "stock.1 exited with code 3");
    CHECK_INT(want(&s, &cart, 2, "stock", "", ""), 0);
    (void)expect_edge(&s, &cart, AT_EDGE_FAILED);
    at_edges_set_failed(&s.edges, STOCK, NULL);
    CHECK_INT(want(&s, &cart, 3, "stock", "", ""), 0);
    (void)expect_edge(&s, &cart, AT_EDGE_WAITING);
    leave(&s, &cart, "x");
    finish(&s);
}

/* What a client has is told by ids; what is missing is opened, what is dead is told. */
TEST(a_new_supervisor_takes_over_the_channels_that_both_ends_still_have)
{
    struct scene s;
    struct end cart;
    struct end stock1;
    struct end stock2;
    char have[64];
    uint64_t id = ((uint64_t)2 << 32) | 77;

    begin(&s);
    join(&s, &cart, "cart.1", CART, 1);
    join(&s, &stock1, "stock.1", STOCK, 2);
    join(&s, &stock2, "stock.2", STOCK, 3);
    at_edges_ready(&s.edges, &stock1.party);
    at_edges_ready(&s.edges, &stock2.party);
    (void)snprintf(have, sizeof(have), "%llu\n%llu\nx\n", (unsigned long long)id,
                   (unsigned long long)((uint64_t)99 << 32));
    CHECK_INT(want(&s, &cart, 1, "stock", "", have), 0);
    CHECK((long)expect_gone(&s, &cart).channel == ((long)99 << 32));
    CHECK_BYTES(expect_open(&s, &cart).peer_instance, "stock.2");
    expect_silence(&s, &cart);
    expect_silence(&s, &stock1);
    leave(&s, &stock1, "gone");
    CHECK(expect_gone(&s, &cart).channel == id);
    leave(&s, &stock2, "x");
    leave(&s, &cart, "x");
    finish(&s);
}

TEST(a_broken_channel_is_forgotten_by_both)
{
    struct scene s;
    struct end cart;
    struct end stock;
    struct at_service_open open;

    begin(&s);
    join(&s, &cart, "cart.1", CART, 1);
    join(&s, &stock, "stock.1", STOCK, 2);
    at_edges_ready(&s.edges, &stock.party);
    CHECK_INT(want(&s, &cart, 1, "stock", "", ""), 0);
    (void)expect_open(&s, &stock);
    open = expect_open(&s, &cart);
    CHECK(at_edges_broken(&s.edges, &stock.party, open.channel + 1, AT_LIT("?")) == NULL);
    CHECK_STR(at_edges_broken(&s.edges, &stock.party, open.channel, AT_LIT("tail ran")), "cart.1");
    CHECK(holds(expect_gone(&s, &cart).reason, "tail ran"));
    CHECK_INT((long)at_edges_count(&s.edges, CART, STOCK), 0);
    CHECK(holds(expect_edge(&s, &cart, AT_EDGE_WAITING).reason, "tail ran"));
    leave(&s, &stock, "x");
    leave(&s, &cart, "x");
    finish(&s);
}

/* One round: cart calls its channel broken. Its id. */
static uint64_t break_one(struct scene *s, struct end *cart, const struct end *stock)
{
    struct at_service_open open;

    (void)expect_open(s, stock);
    open = expect_open(s, cart);
    CHECK_STR(at_edges_broken(&s->edges, &cart->party, open.channel, AT_LIT("?")), "stock.1");
    CHECK(expect_gone(s, stock).channel == open.channel);
    (void)expect_edge(s, cart, AT_EDGE_WAITING);
    return open.channel;
}

TEST(a_broken_channel_is_opened_again_once_a_second_whoever_asks)
{
    struct scene s;
    struct end cart;
    struct end stock;
    struct at_service_open open;

    begin(&s);
    join(&s, &cart, "cart.1", CART, 1);
    join(&s, &stock, "stock.1", STOCK, 2);
    at_edges_ready(&s.edges, &stock.party);
    CHECK_INT(want(&s, &cart, 1, "stock", "", ""), 0);
    (void)break_one(&s, &cart, &stock);
    CHECK(s.due_ns == 2 * AT_SECOND_NS);
    for (int i = 0; i < 10; i++) { /* a storm */
        CHECK_INT(want(&s, &cart, 1, "stock", "", ""), 0);
        (void)expect_edge(&s, &cart, AT_EDGE_WAITING);
    }
    expect_silence(&s, &stock);
    CHECK(at_edges_tick(&s.edges) == 2 * AT_SECOND_NS);
    s.now_ns = 2 * AT_SECOND_NS;
    CHECK(at_edges_tick(&s.edges) == 0); /* by itself */
    (void)break_one(&s, &cart, &stock);
    s.now_ns = 3 * AT_SECOND_NS;
    CHECK_INT(want(&s, &cart, 1, "stock", "", ""), 0); /* asked for again, before the tick */
    (void)expect_open(&s, &stock);
    open = expect_open(&s, &cart);
    CHECK(at_edges_tick(&s.edges) == 0);
    expect_silence(&s, &stock);
    s.now_ns = 10 * AT_SECOND_NS; /* it worked for long: no rest */
    CHECK_STR(at_edges_broken(&s.edges, &stock.party, open.channel, AT_LIT("?")), "cart.1");
    (void)expect_gone(&s, &cart);
    (void)expect_edge(&s, &cart, AT_EDGE_WAITING);
    CHECK(at_edges_tick(&s.edges) == 0);
    (void)break_one(&s, &cart, &stock);
    leave(&s, &stock, "x");
    CHECK(at_edges_tick(&s.edges) == 0);
    leave(&s, &cart, "x");
    finish(&s);
}

TEST(who_breaks_channels_in_a_loop_is_blamed_for_the_full_outbox_of_its_server)
{
    struct scene s;
    struct end cart;
    struct end stock;

    begin(&s);
    join(&s, &cart, "cart.1", CART, 1);
    join(&s, &stock, "stock.1", STOCK, 2);
    at_edges_ready(&s.edges, &stock.party);
    CHECK_INT(want(&s, &cart, 1, "stock", "", ""), 0);
    for (int i = 0; i < 100000 && s.trouble[0] == '\0'; i++) {
        struct at_service_open open = expect_open(&s, &cart);

        (void)at_edges_broken(&s.edges, &cart.party, open.channel, AT_LIT("?"));
        (void)expect_edge(&s, &cart, AT_EDGE_WAITING);
        s.now_ns += AT_SECOND_NS;
        (void)at_edges_tick(&s.edges);
    }
    CHECK_STR(s.trouble,
              "cart.1: it breaks channels to stock.1 faster than that can take new ones");
    leave(&s, &cart, "x");
    leave(&s, &stock, "x");
    finish(&s);
}

TEST(a_party_that_never_reads_is_reported_and_nobody_waits_for_it)
{
    struct scene s;
    struct end cart;

    begin(&s);
    join(&s, &cart, "cart.1", CART, 1);
    for (int i = 0; i < 100000 && s.trouble[0] == '\0'; i++) {
        CHECK_INT(want(&s, &cart, 1, "stock", "", ""), 0);
    }
    CHECK_STR(s.trouble, "cart.1: it does not read its control socket");
    CHECK(s.waits > 100);
    leave(&s, &cart, "x");
    finish(&s);
}

TEST(what_a_full_socket_does_not_take_comes_later_in_order)
{
    struct scene s;
    struct end cart;
    uint64_t said = 0;
    uint64_t heard = 0;

    begin(&s);
    join(&s, &cart, "cart.1", CART, 1);
    while (s.waits < 10) {
        CHECK_INT(want(&s, &cart, ++said, "stock", "", ""), 0);
    }
    CHECK(!at_edges_flush(&s.edges, &cart.party));
    while (heard < said) {
        CHECK(expect_edge(&s, &cart, AT_EDGE_WAITING).request == ++heard);
        (void)at_edges_flush(&s.edges, &cart.party);
    }
    CHECK(at_edges_flush(&s.edges, &cart.party));
    expect_silence(&s, &cart);
    leave(&s, &cart, "x");
    finish(&s);
}

TEST(a_want_of_nothing_is_malformed)
{
    struct scene s;
    struct end cart;

    begin(&s);
    join(&s, &cart, "cart.1", CART, 1);
    CHECK_INT(want(&s, &cart, 0, "stock", "", ""), AT_MESSAGE_MALFORMED);
    CHECK_INT(want(&s, &cart, 1, "", "", ""), AT_MESSAGE_MALFORMED);
    leave(&s, &cart, "x");
    finish(&s);
}

struct actor {
    struct end end;
    bool is_there;
    bool wants;
    bool ready;
};

enum { CLIENTS = 4, SERVERS = 4, ACTORS = CLIENTS + SERVERS };

static void drain(struct scene *s, const struct end *e)
{
    while (at_message_receive(e->peer, s->message) == 0) {
        at_message_clear(s->message);
    }
}

static void act(struct scene *s, struct actor *a, size_t i, uint64_t dice, uint64_t generation)
{
    bool is_server = i >= CLIENTS;

    if (!a->is_there) {
        join(s, &a->end, is_server ? "stock.n" : "cart.n", is_server ? STOCK : CART, generation);
        a->is_there = true;
    } else if (dice % 4 == 0) {
        leave(s, &a->end, "gone");
        a->is_there = false;
        a->wants = false;
        a->ready = false;
    } else if (is_server) {
        at_edges_ready(&s->edges, &a->end.party);
        a->ready = true;
    } else {
        CHECK_INT(want(s, &a->end, dice | 1, "stock", "", ""), 0);
        a->wants = true;
    }
}

/* Whatever comes and goes: who wants is joined with each that is ready, once, and with nobody else. */
TEST(channels_are_exactly_the_pairs_of_who_wants_and_who_is_ready)
{
    struct scene s;
    static struct actor actors[ACTORS];
    uint64_t dice = 88172645463325252U;

    begin(&s);
    for (uint64_t turn = 1; turn < 3000; turn++) {
        size_t i;
        uint32_t wanting = 0;
        uint32_t ready = 0;

        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        i = dice % ACTORS;
        act(&s, &actors[i], i, dice >> 8, turn);
        for (i = 0; i < ACTORS; i++) {
            wanting += actors[i].wants ? 1 : 0;
            ready += actors[i].ready ? 1 : 0;
            if (actors[i].is_there) {
                drain(&s, &actors[i].end);
            }
        }
        CHECK_INT((long)at_edges_count(&s.edges, CART, STOCK), (long)(wanting * ready));
    }
    for (size_t i = 0; i < ACTORS; i++) {
        if (actors[i].is_there) {
            leave(&s, &actors[i].end, "end");
        }
    }
    CHECK_STR(s.trouble, "");
    finish(&s);
}

static void walk_through(struct scene *s)
{
    struct end cart;
    struct end stock;

    join(s, &cart, "cart.1", CART, 1);
    join(s, &stock, "stock.1", STOCK, 2);
    (void)want(s, &cart, 1, "stock", "", "");
    at_edges_ready(&s->edges, &stock.party);
    leave(s, &stock, "x");
    leave(s, &cart, "x");
}

TEST(no_failed_allocation_leaves_a_descriptor_or_a_table_behind)
{
    struct scene s;

    begin(&s);
    WITH_EACH_ALLOCATION_FAILING(walk_through(&s));
    finish(&s);
}

TEST(a_channel_gets_the_highest_layout_that_both_ends_speak)
{
    static const struct {
        uint32_t client[2];
        uint32_t server[2];
        uint32_t agreed;
    } cases[] = {{{0, 0}, {0, 0}, 1}, {{1, 2}, {0, 0}, 1}, {{0, 0}, {1, 9}, 1},
                 {{1, 3}, {2, 5}, 3}, {{2, 5}, {1, 3}, 3}, {{4, 4}, {1, 9}, 4}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene s;
        struct end cart;
        struct end stock;

        begin(&s);
        join_silent(&s, &cart, "cart.1", CART, 1);
        join_silent(&s, &stock, "stock.1", STOCK, 2);
        CHECK_INT(at_edges_hello(&s.edges, &cart.party, cases[i].client[0], cases[i].client[1]), 0);
        CHECK_INT(at_edges_hello(&s.edges, &stock.party, cases[i].server[0], cases[i].server[1]),
                  0);
        at_edges_ready(&s.edges, &stock.party);
        CHECK_INT(want(&s, &cart, 1, "stock", "", ""), 0);
        CHECK_INT((long)expect_open(&s, &cart).layout, (long)cases[i].agreed);
        CHECK_INT((long)expect_open(&s, &stock).layout, (long)cases[i].agreed);
        leave(&s, &stock, "x");
        leave(&s, &cart, "x");
        finish(&s);
    }
}

TEST(who_has_no_layout_in_common_is_told_both_ranges_and_reaches_who_has)
{
    struct scene s;
    struct end cart;
    struct end old;
    struct end fresh;
    struct at_service_edge edge;

    begin(&s);
    join_silent(&s, &cart, "cart.1", CART, 1);
    join(&s, &old, "stock.1", STOCK, 2);
    join_silent(&s, &fresh, "stock.2", STOCK, 3);
    CHECK_INT(at_edges_hello(&s.edges, &cart.party, 2, 3), 0);
    CHECK_INT(at_edges_hello(&s.edges, &fresh.party, 3, 4), 0);
    at_edges_ready(&s.edges, &old.party);
    CHECK_INT(want(&s, &cart, 1, "stock", "", ""), 0);
    edge = expect_edge(&s, &cart, AT_EDGE_FAILED);
    CHECK(holds(edge.reason, "cart.1 speaks channel layouts 2 to 3 and stock.1 1 to 1"));
    at_edges_ready(&s.edges, &fresh.party);
    CHECK_INT((long)expect_open(&s, &cart).layout, 3);
    expect_silence(&s, &old);
    leave(&s, &fresh, "x");
    (void)expect_gone(&s, &cart);
    (void)expect_edge(&s, &cart, AT_EDGE_WAITING);
    at_edges_ready(&s.edges, &old.party);
    (void)expect_edge(&s, &cart, AT_EDGE_FAILED);
    leave(&s, &old, "x");
    leave(&s, &cart, "x");
    finish(&s);
}

TEST(a_range_that_is_none_breaks_the_rules)
{
    struct scene s;
    struct end cart;

    begin(&s);
    join_silent(&s, &cart, "cart.1", CART, 1);
    CHECK_INT(at_edges_hello(&s.edges, &cart.party, 2, 1), AT_MESSAGE_MALFORMED);
    CHECK_INT(at_edges_hello(&s.edges, &cart.party, 0, 1), AT_MESSAGE_MALFORMED);
    CHECK_INT(at_edges_hello(&s.edges, &cart.party, 1, 0), AT_MESSAGE_MALFORMED);
    leave(&s, &cart, "x");
    finish(&s);
}

TEST(who_was_taken_over_gets_new_channels_once_it_has_said_what_it_speaks)
{
    struct scene s;
    struct end cart;
    struct end stock;

    begin(&s);
    join_silent(&s, &cart, "cart.1", CART, 1);
    join_silent(&s, &stock, "stock.1", STOCK, 2);
    stock.party.is_ready = true; /* an earlier supervisor saw that */
    CHECK_INT(want(&s, &cart, 1, "stock", "", ""), 0);
    (void)expect_edge(&s, &cart, AT_EDGE_WAITING);
    CHECK_INT(at_edges_hello(&s.edges, &stock.party, 1, 2), 0);
    expect_silence(&s, &cart);
    CHECK_INT(at_edges_hello(&s.edges, &cart.party, 2, 2), 0);
    CHECK_INT((long)expect_open(&s, &cart).layout, 2);
    CHECK_INT((long)expect_open(&s, &stock).layout, 2);
    CHECK_INT(at_edges_hello(&s.edges, &cart.party, 2, 2), 0); /* twice: nothing new */
    expect_silence(&s, &cart);
    leave(&s, &stock, "x");
    leave(&s, &cart, "x");
    finish(&s);
}

TEST_MAIN("supervisor/edges")
