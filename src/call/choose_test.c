/* One caller and several servers in one process: who is called under each policy, and what becomes
 * of calls while the set changes. */
#include "call/choose.h"

#include <sys/socket.h>

#include "at_test.h"
#include "call/link.h"
#include "call/target.h"
#include "call/test_owner.h"

enum { SERVERS_MAX = 24, CALLS_MAX = 600 };

static const char contract[] = "shop.stock.v1.StockService";
static const char methods[] = "shop.stock.v1.StockService/GetItem\n";

struct server {
    struct test_owner owner;
    char name[16];
    bool up;
    uint32_t answered;
};

struct call {
    struct at_pending p;
    int times;
    uint32_t status;
    char instance[32];
    char reason[256];
    uint8_t room[64];
};

static struct test_owner client;
static struct server servers[SERVERS_MAX];
static uint32_t server_count;
static uint64_t next_channel = 1;
static int key_asked;

static void on_done(void *user, const struct at_call_result *result)
{
    struct call *c = user;

    c->times++;
    c->status = result->status;
    (void)snprintf(c->instance, sizeof(c->instance), "%.*s", (int)result->instance.len,
                   result->instance.at == NULL ? "" : (const char *)result->instance.at);
    (void)snprintf(c->reason, sizeof(c->reason), "%.*s", (int)result->reason.len,
                   result->reason.at == NULL ? "" : (const char *)result->reason.at);
}

static void *reply_room(void *user, size_t len)
{
    struct call *c = user;

    return len <= sizeof(c->room) ? c->room : NULL;
}

static void echo(struct test_owner *o, struct at_incoming *in)
{
    at_container_of(o, struct server, owner)->answered++;
    at_engine_answer(o->engine, in, AT_STATUS_OK, (struct at_bytes){0}, at_incoming_body(in), 0);
}

/* The first byte of the payload is the key; 0: there is none. */
static bool first_byte(const struct at_call_request *r, struct at_bytes path, uint64_t *ret)
{
    key_asked++;
    CHECK(at_bytes_equal(path, AT_LIT("cart.id")));
    *ret = at_balance_hash(at_bytes_before(r->payload, 1));
    return r->payload.at[0] != 0;
}

static void start_with(struct call *c, const uint8_t *byte, uint64_t pinned, bool probe)
{
    memset(c, 0, sizeof(*c));
    c->p.done = on_done;
    c->p.reply_room = reply_room;
    c->p.user = c;
    c->p.pinned = pinned;
    c->p.probe = probe;
    c->p.request = (struct at_call_request){.contract = at_bytes_of(contract),
                                            .method = AT_LIT("GetItem"),
                                            .payload = at_bytes_over(byte, 1),
                                            .deadline_ns = test_now(&client) + 20 * AT_SECOND_NS,
                                            .key = first_byte};
    CHECK_INT(at_engine_start(client.engine, &c->p, test_now(&client)), 0);
}

static void start(struct call *c, const uint8_t *byte)
{
    start_with(c, byte, 0, false);
}

static void turn_all(int times)
{
    for (int i = 0; i < times; i++) {
        test_turn(&client, 0);
        for (uint32_t s = 0; s < server_count; s++) {
            if (servers[s].up) {
                test_turn(&servers[s].owner, 0);
            }
        }
    }
}

static struct server *add_server(void)
{
    struct server *s = &servers[server_count++];

    CHECK(server_count <= SERVERS_MAX);
    CHECK_INT(test_owner_init(&s->owner, methods), 0);
    s->owner.on_request = echo;
    s->up = true;
    (void)snprintf(s->name, sizeof(s->name), "stock.%u", server_count);
    CHECK_INT(test_introduce(&client, 1, &s->owner, next_channel++, s->name, NULL), 0);
    return s;
}

static void world_init(uint32_t kind, uint32_t count, const uint32_t *weights)
{
    server_count = 0;
    CHECK_INT(test_owner_init(&client, ""), 0);
    CHECK_INT(at_engine_want(client.engine, at_bytes_of(contract)), 0);
    client.policy =
        (struct at_service_open){.balance = kind, .key = AT_LIT("cart.id"), .replicas = count};
    for (uint32_t i = 0; i < count; i++) {
        client.policy.weight = weights == NULL ? 0 : weights[i];
        (void)add_server();
    }
    turn_all(3);
}

/* Its requests must have been answered; its peers see it go. */
static void end_server(struct server *s)
{
    while (!at_list_is_empty(&s->owner.requests)) {
        struct at_incoming *in = at_container_of(s->owner.requests.next, struct at_incoming, entry);

        at_list_remove(&in->entry);
        at_engine_answer(s->owner.engine, in, AT_STATUS_OK, (struct at_bytes){0},
                         (struct at_bytes){0}, 0);
    }
    test_owner_deinit(&s->owner);
    s->up = false;
}

/* As kill -9: whatever it had taken is not answered. */
static void kill_server(struct server *s)
{
    for (uint32_t i = 0; i < s->owner.engine->link_cap; i++) {
        if (s->owner.engine->links[i] != NULL) {
            (void)shutdown(s->owner.engine->links[i]->lifeline, SHUT_RDWR);
        }
    }
    for (int i = 0; i < 3; i++) {
        test_turn(&client, 0);
    }
    test_turn(&s->owner, 0);
    end_server(s);
}

static void world_deinit(void)
{
    for (uint32_t i = 0; i < server_count; i++) {
        if (servers[i].up) {
            end_server(&servers[i]);
        }
    }
    test_owner_deinit(&client);
}

/* One after another; how many each server answered is in `answered`. */
static void call_in_turn(int calls, uint8_t key)
{
    for (int i = 0; i < calls; i++) {
        struct call c;

        start(&c, &key);
        for (int n = 0; n < 100 && c.times == 0; n++) {
            turn_all(1);
        }
        CHECK_INT(c.times, 1);
        CHECK_INT(c.status, AT_STATUS_OK);
    }
}

TEST(by_default_calls_go_to_the_idlest_in_turn_and_no_key_is_asked_for)
{
    key_asked = 0;
    world_init(AT_BALANCE_DEFAULT, 3, NULL);
    call_in_turn(9, 'a');
    for (int i = 0; i < 3; i++) {
        CHECK_INT(servers[i].answered, 3);
    }
    CHECK_INT(key_asked, 0);
    world_deinit();
}

TEST(turns_go_by_the_weights_that_the_supervisor_says)
{
    static const uint32_t weights[] = {3, 1, 1};

    world_init(AT_BALANCE_ROUND_ROBIN, 3, weights);
    call_in_turn(20, 'a');
    CHECK_INT(servers[0].answered, 12);
    CHECK_INT(servers[1].answered, 4);
    world_deinit();
}

TEST(two_by_chance_reach_everybody_and_measure)
{
    world_init(AT_BALANCE_P2C, 3, NULL);
    for (int i = 0; i < 60; i++) {
        call_in_turn(1, 'a');
        client.skew_ns += AT_SECOND_NS; /* what one was slow by is forgotten by then */
    }
    for (int i = 0; i < 3; i++) {
        CHECK(servers[i].answered > 4);
        CHECK(client.engine->links[i]->seat.measured_ns != 0);
    }
    world_deinit();
}

TEST(a_key_stays_with_its_instance_is_asked_once_and_returns_to_the_restarted_one)
{
    struct server *home = NULL;
    uint32_t before;

    key_asked = 0;
    world_init(AT_BALANCE_HASH, 3, NULL);
    call_in_turn(10, 'k');
    CHECK_INT(key_asked, 10);
    for (int i = 0; i < 3; i++) {
        if (servers[i].answered > 0) {
            CHECK(home == NULL);
            home = &servers[i];
        }
    }
    CHECK_INT(home->answered, 10);
    kill_server(home);
    call_in_turn(5, 'k'); /* elsewhere, all at one place */
    before = home->answered;
    home->up = true;
    home->answered = 0;
    CHECK_INT(test_owner_init(&home->owner, methods), 0);
    home->owner.on_request = echo;
    CHECK_INT(test_introduce(&client, 1, &home->owner, next_channel++, home->name, NULL), 0);
    turn_all(3);
    call_in_turn(5, 'k');
    CHECK_INT(home->answered, 5);
    CHECK_INT(before, 10);
    world_deinit();
}

TEST(a_request_without_the_field_goes_to_the_idlest)
{
    world_init(AT_BALANCE_HASH, 3, NULL);
    call_in_turn(9, 0);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(servers[i].answered, 3);
    }
    world_deinit();
}

TEST(the_latest_open_tells_the_policy)
{
    world_init(AT_BALANCE_HASH, 2, NULL);
    client.policy.balance = AT_BALANCE_DEFAULT;
    (void)add_server();
    turn_all(3);
    call_in_turn(9, 'k');
    CHECK_INT(servers[0].answered, 3);
    world_deinit();
}

TEST(a_pinned_call_goes_to_its_own_instance_or_ends_with_it)
{
    struct at_engine_instance list[4];
    struct call c;
    struct call lost;
    uint32_t replicas;

    world_init(AT_BALANCE_DEFAULT, 3, NULL);
    CHECK_INT(at_engine_instances(client.engine, at_bytes_of(contract), list, 4, &replicas), 3);
    CHECK_INT(replicas, 3);
    CHECK(strcmp(list[0].name, "stock.1") == 0 && strcmp(list[2].name, "stock.3") == 0);
    for (int i = 0; i < 6; i++) {
        start_with(&c, (const uint8_t *)"x", list[1].channel, false);
        turn_all(3);
        CHECK_INT(c.status, AT_STATUS_OK);
        CHECK(strcmp(c.instance, "stock.2") == 0);
    }
    servers[1].owner.on_request = NULL; /* it keeps what it takes */
    start_with(&lost, (const uint8_t *)"x", list[1].channel, false);
    lost.p.request.may_repeat = true;
    turn_all(2);
    kill_server(&servers[1]);
    start_with(&c, (const uint8_t *)"x", list[1].channel, false);
    test_turn(&client, 150);
    turn_all(2);
    CHECK_INT(lost.times, 1);
    CHECK_INT(lost.status, AT_STATUS_UNAVAILABLE);
    CHECK_INT(c.times, 1);
    CHECK_INT(c.status, AT_STATUS_UNAVAILABLE);
    CHECK(strstr(c.reason, "ended before it took the call") != NULL);
    CHECK_INT(servers[0].answered + servers[2].answered, 0);
    world_deinit();
}

TEST(a_pinned_call_waits_for_room_on_its_own_channel_and_holds_up_nobody)
{
    static struct call calls[AT_CALL_SLOTS + 2];
    struct at_engine_instance list[4];
    struct call other;
    uint32_t replicas;
    uint32_t waiting = 0;

    world_init(AT_BALANCE_DEFAULT, 2, NULL);
    (void)at_engine_instances(client.engine, at_bytes_of(contract), list, 4, &replicas);
    servers[0].owner.on_request = NULL;
    for (uint32_t i = 0; i < AT_CALL_SLOTS + 2; i++) {
        start_with(&calls[i], (const uint8_t *)"x", list[0].channel, false);
        waiting += calls[i].p.state == AT_PENDING_WAITING;
    }
    CHECK(waiting >= 2);
    start(&other, (const uint8_t *)"y");
    turn_all(3);
    CHECK_INT(other.status, AT_STATUS_OK);
    CHECK(strcmp(other.instance, "stock.2") == 0);
    kill_server(&servers[0]);
    test_turn(&client, 150);
    turn_all(2);
    for (uint32_t i = 0; i < AT_CALL_SLOTS + 2; i++) {
        CHECK_INT(calls[i].times, 1);
        CHECK_INT(calls[i].status, AT_STATUS_UNAVAILABLE);
    }
    world_deinit();
}

TEST(a_probe_ends_when_an_instance_would_take_a_call_and_sends_nothing)
{
    struct call c;

    world_init(AT_BALANCE_DEFAULT, 0, NULL);
    start_with(&c, (const uint8_t *)"x", 0, true);
    turn_all(3);
    CHECK_INT(c.times, 0);
    (void)add_server();
    turn_all(3);
    CHECK_INT(c.times, 1);
    CHECK_INT(c.status, AT_STATUS_OK);
    CHECK_INT(servers[0].answered, 0);
    world_deinit();
}

/*
 * Instances come, are drained and are killed while calls are under way. Half of the servers keep
 * what they take for a while, so that kills hit taken calls too.
 */
static void churn(uint32_t kind)
{
    static struct call calls[CALLS_MAX];
    static uint8_t keys[CALLS_MAX];
    uint32_t ok = 0;
    uint32_t dead = 0;
    uint32_t answered = 0;
    uint32_t taken = 0; /* by those that were killed */

    memset(servers, 0, sizeof(servers));
    world_init(kind, 3, NULL);
    for (uint32_t i = 0; i < CALLS_MAX; i++) {
        keys[i] = (uint8_t)(1 + i % 50);
        start(&calls[i], &keys[i]);
        if (i % 5 == 0) {
            turn_all(1);
        }
        if (i % 60 == 20) {
            struct server *s = add_server();

            s->owner.on_request = i % 120 == 20 ? NULL : echo;
        } else if (i % 60 == 40) {
            struct server *s = &servers[i / 60];

            turn_all(1);
            if (i % 180 == 40) { /* drained: what it has it answers */
                at_engine_go_away(s->owner.engine);
                turn_all(2);
                s->owner.on_request = echo;
                turn_all(2);
                end_server(s);
            } else {
                at_list_foreach (it, &s->owner.requests) {
                    taken++;
                }
                kill_server(s);
            }
        }
    }
    for (uint32_t i = 0; i < server_count; i++) {
        struct test_owner *o = &servers[i].owner;

        o->on_request = echo;
        while (servers[i].up && !at_list_is_empty(&o->requests)) {
            struct at_incoming *in = at_container_of(o->requests.next, struct at_incoming, entry);

            at_list_remove(&in->entry);
            echo(o, in);
        }
    }
    turn_all(20);
    test_turn(&client, 150); /* what was lost waits for its cause so long */
    turn_all(5);
    for (uint32_t i = 0; i < CALLS_MAX; i++) {
        CHECK_INT(calls[i].times, 1);
        ok += calls[i].status == AT_STATUS_OK;
        dead += calls[i].status == AT_STATUS_UNAVAILABLE;
    }
    for (uint32_t i = 0; i < server_count; i++) {
        answered += servers[i].answered;
    }
    CHECK_INT(ok + dead, CALLS_MAX);
    CHECK_INT(dead, taken);                    /* none but what a dead one had taken */
    CHECK(taken > 0 && answered <= CALLS_MAX); /* and none ran twice */
    world_deinit();
}

TEST(no_call_is_lost_or_runs_twice_while_instances_come_drain_and_die)
{
    for (uint32_t kind = AT_BALANCE_LEAST_REQUESTS; kind < AT_BALANCE_KINDS; kind++) {
        churn(kind);
    }
}

TEST_MAIN("call/choose")
