/* Large messages between two engines: through windows, in pieces, given back, and lied about. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "at_test.h"
#include "call/buffers.h"
#include "call/link.h"
#include "call/test_liar.h"
#include "call/test_owner.h"
#include "call/upkeep.h"

static const char contract[] = "a.B";
static const char methods[] = "a.B/C\n";

enum { LARGE = 3 << 20 };

static uint8_t payload[LARGE + 100];

struct call {
    struct at_pending p;
    struct test_owner *owner;
    struct at_list held;
    int times;
    uint32_t status;
    struct at_bytes got;
    char reason[256];
};

static void on_done(void *user, const struct at_call_result *result)
{
    struct call *c = user;

    c->times++;
    c->status = result->status;
    c->got = result->payload;
    (void)snprintf(c->reason, sizeof(c->reason), "%.*s", (int)result->reason.len,
                   result->reason.at == NULL ? "" : (const char *)result->reason.at);
}

static void *reply_room(void *user, size_t len)
{
    struct call *c = user;

    return at_engine_buffer(c->owner->engine, len, &c->held);
}

static void start(struct test_owner *client, struct call *c, struct at_bytes body)
{
    memset(c, 0, sizeof(*c));
    at_list_init(&c->held);
    c->owner = client;
    c->p.done = on_done;
    c->p.reply_room = reply_room;
    c->p.user = c;
    c->p.request = (struct at_call_request){.contract = at_bytes_of(contract),
                                            .method = AT_LIT("C"),
                                            .payload = body,
                                            .deadline_ns = test_now(client) + 9 * AT_SECOND_NS};
    CHECK_INT(at_engine_start(client->engine, &c->p, test_now(client)), 0);
}

static void end(struct call *c)
{
    at_buffers_give(at_engine_buffers(c->owner->engine), &c->held);
}

/* Answers in pieces that lie in the request and in an arena, as a handler's answer does. */
static void echo(struct test_owner *o, struct at_incoming *in)
{
    struct at_bytes body = at_incoming_body(in);
    struct at_list none;
    struct at_arena arena;
    struct at_bytes *pieces;

    at_list_init(&none);
    at_arena_init(&arena, 64, 1 << 20);
    pieces = at_arena_alloc(&arena, 3 * sizeof(*pieces), 8);
    CHECK(pieces != NULL);
    pieces[0] = at_bytes_before(body, body.len / 3);
    pieces[1] = at_bytes_over(at_arena_copy(&arena, AT_LIT("between")), 7);
    pieces[2] = at_bytes_after(body, body.len / 3);
    (void)at_engine_answer_with(
        o->engine, in,
        &(struct at_answer){.body = {.len = body.len + 7}, .pieces = pieces, .piece_count = 3},
        &arena, &none);
    at_arena_deinit(&arena);
}

struct world {
    struct test_owner client;
    struct test_owner server;
};

static void turn_both(struct world *w, int times)
{
    for (int i = 0; i < times; i++) {
        test_turn(&w->client, 0);
        test_turn(&w->server, 0);
    }
}

static void world_init_with(struct world *w, uint32_t max_message, uint32_t layout)
{
    for (size_t i = 0; i < sizeof(payload); i++) {
        payload[i] = (uint8_t)(i * 31 >> 3);
    }
    CHECK_INT(test_owner_init(&w->client, ""), 0);
    CHECK_INT(test_owner_init(&w->server, methods), 0);
    w->server.on_request = echo;
    w->client.max_message = max_message;
    w->server.max_message = max_message;
    CHECK_INT(at_engine_want(w->client.engine, at_bytes_of(contract)), 0);
    CHECK_INT(test_introduce_with(&w->client, 1, &w->server, 7, "b.1", NULL,
                                  layout == 0 ? AT_LAYOUT_VERSION : layout),
              0);
    turn_both(w, 3);
}

static void world_init(struct world *w)
{
    world_init_with(w, 0, 0);
}

static void world_deinit(struct world *w)
{
    test_owner_deinit(&w->client);
    test_owner_deinit(&w->server);
}

static void check_echo(const struct call *c, size_t len)
{
    CHECK_INT(c->times, 1);
    CHECK_INT(c->status, AT_STATUS_OK);
    CHECK_INT(c->got.len, len + 7);
    CHECK(memcmp(c->got.at, payload, len / 3) == 0);
    CHECK(memcmp(c->got.at + len / 3, "between", 7) == 0);
    CHECK(memcmp(c->got.at + len / 3 + 7, payload + len / 3, len - len / 3) == 0);
}

static void call_and_check(struct world *w, size_t len)
{
    struct call c;

    start(&w->client, &c, at_bytes_over(payload, len));
    for (int i = 0; i < 1000 && c.times == 0; i++) {
        turn_both(w, 1);
    }
    check_echo(&c, len);
    end(&c);
}

static int mapped_windows(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    int n = 0;

    CHECK(maps != NULL);
    while (fgets(line, sizeof(line), maps) != NULL) {
        n += strstr(line, "atoll-window") != NULL;
    }
    (void)fclose(maps);
    return n;
}

TEST(messages_of_every_size_come_back_as_they_went)
{
    static const size_t sizes[] = {1,     16319, 16320, 16321,  20000,   32767, 32768,
                                   32769, 65536, 70000, 524288, 1 << 20, LARGE};
    struct world w;

    world_init(&w);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            call_and_check(&w, sizes[i]);
        }
    }
    world_deinit(&w);
}

TEST(a_window_is_made_with_the_first_large_message_of_each_side_and_not_before)
{
    struct world w;

    world_init(&w);
    call_and_check(&w, 1000);
    CHECK_INT(mapped_windows(), 0);
    call_and_check(&w, 100000);
    CHECK_INT(mapped_windows(), 4); /* one each way, at both ends */
    call_and_check(&w, LARGE);
    CHECK_INT(mapped_windows(), 4);
    world_deinit(&w);
    CHECK_INT(mapped_windows(), 0);
}

static void pass_time(struct world *w, uint64_t ns)
{
    w->client.skew_ns += ns;
    w->server.skew_ns += ns;
    turn_both(w, 3);
}

TEST(what_large_messages_took_is_given_back_when_they_have_ended_and_nobody_is_woken_again)
{
    struct world w;

    world_init(&w);
    for (int round = 0; round < 3; round++) {
        call_and_check(&w, 100000);
        CHECK_INT(mapped_windows(), 4);
        CHECK(w.client.engine->buffers.kept_bytes > 0);
        pass_time(&w, AT_CALL_UPKEEP_NS);
        CHECK_INT(mapped_windows(), 4);
        pass_time(&w, (AT_CALL_UPKEEP_NS << round) - AT_CALL_UPKEEP_NS / 2);
        CHECK_INT(mapped_windows(), 4); /* each one stays for twice as long as the one before */
        pass_time(&w, AT_CALL_UPKEEP_NS / 2);
        CHECK_INT(mapped_windows(), 0);
        pass_time(&w, AT_CALL_UPKEEP_NS);
        CHECK_INT(w.client.engine->buffers.kept_bytes, 0);
        CHECK_INT(w.server.engine->buffers.kept_bytes, 0);
        CHECK_INT(w.client.engine->windows, 0);
        pass_time(&w, AT_CALL_UPKEEP_NS);
        CHECK_INT(at_engine_next_deadline(w.client.engine), 0);
        CHECK_INT(at_engine_next_deadline(w.server.engine), 0);
    }
    world_deinit(&w);
}

TEST(what_is_used_stays)
{
    struct world w;

    world_init(&w);
    for (int i = 0; i < 5; i++) {
        call_and_check(&w, 100000);
        CHECK_INT(mapped_windows(), 4);
        pass_time(&w, AT_CALL_UPKEEP_NS);
        CHECK_INT(mapped_windows(), 4);
    }
    world_deinit(&w);
}

TEST(what_is_used_again_and_again_does_not_put_off_the_look_after_the_rest)
{
    struct at_list held;
    struct world w;
    uint64_t due;

    world_init(&w);
    at_list_init(&held);
    at_engine_tell_time(w.client.engine, test_now(&w.client));
    CHECK(at_engine_buffer(w.client.engine, LARGE, &held) != NULL);
    due = at_engine_next_deadline(w.client.engine);
    CHECK(due != 0);
    w.client.skew_ns += AT_CALL_UPKEEP_NS / 2;
    at_engine_tell_time(w.client.engine, test_now(&w.client));
    CHECK(at_engine_buffer(w.client.engine, LARGE, &held) != NULL);
    CHECK_INT(at_engine_next_deadline(w.client.engine), due);
    at_buffers_give(at_engine_buffers(w.client.engine), &held);
    world_deinit(&w);
}

TEST(a_peer_of_layout_1_gets_no_window_and_all_messages)
{
    struct world w;

    world_init_with(&w, 16 << 20, 1);
    call_and_check(&w, 100000);
    call_and_check(&w, LARGE);
    CHECK_INT(mapped_windows(), 0);
    world_deinit(&w);
}

/* A call of so many bytes; what became of it. */
static struct call outcome_of(struct world *w, const uint8_t *at, size_t len)
{
    struct call c;

    start(&w->client, &c, at_bytes_over(at, len));
    for (int i = 0; i < 2000 && c.times == 0; i++) {
        turn_both(w, 1);
    }
    CHECK_INT(c.times, 1);
    end(&c);
    return c;
}

TEST(a_request_over_the_limit_is_refused_with_size_limit_and_what_to_change)
{
    static const struct {
        uint32_t configured;
        uint32_t layout;
        size_t limit;
    } cases[] = {{0, 0, AT_CALL_MESSAGE_MAX},
                 {65536, 0, 65536},
                 {8 << 20, 0, 8 << 20},
                 {8 << 20, 1, AT_CALL_MESSAGE_MAX}, /* its library knows only that */
                 {UINT32_MAX, 0, AT_CALL_MESSAGE_MOST}};
    uint8_t *big = calloc(1, AT_CALL_MESSAGE_MOST + 1);

    CHECK(big != NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        struct call c;
        char number[32];

        world_init_with(&w, cases[i].configured, cases[i].layout);
        c = outcome_of(&w, big, cases[i].limit + 1);
        CHECK_INT(c.status, AT_STATUS_RESOURCE_EXHAUSTED);
        (void)snprintf(number, sizeof(number), " %zu bytes", cases[i].limit + 1);
        CHECK(strstr(c.reason, number) != NULL);
        (void)snprintf(number, sizeof(number), " %zu:", cases[i].limit);
        CHECK(strstr(c.reason, number) != NULL);
        CHECK(strstr(c.reason, "max_message of b in atoll.yaml") != NULL);
        c = outcome_of(&w, big, 1000);
        CHECK_INT(c.status, AT_STATUS_OK);
        world_deinit(&w);
    }
    free(big);
}

TEST(an_answer_over_the_limit_is_refused_with_size_limit_and_what_to_change)
{
    struct world w;
    struct call c;

    world_init_with(&w, 65536, 0);
    c = outcome_of(&w, payload, 65536 - 6); /* the answer has 7 more */
    CHECK_INT(c.status, AT_STATUS_RESOURCE_EXHAUSTED);
    CHECK(strstr(c.reason, "65537 bytes") != NULL && strstr(c.reason, "65536") != NULL);
    CHECK(strstr(c.reason, "max_message in atoll.yaml") != NULL);
    c = outcome_of(&w, payload, 65536 - 7);
    CHECK_INT(c.status, AT_STATUS_OK);
    world_deinit(&w);
}

TEST(messages_of_64_MiB_go_where_they_are_allowed)
{
    size_t len = AT_CALL_MESSAGE_MOST - 7;
    uint8_t *big = calloc(1, len);
    struct world w;
    struct call c;

    CHECK(big != NULL);
    big[len - 1] = 7;
    world_init_with(&w, AT_CALL_MESSAGE_MOST, 0);
    c = outcome_of(&w, big, len);
    CHECK_INT(c.status, AT_STATUS_OK);
    CHECK_INT(c.got.len, AT_CALL_MESSAGE_MOST);
    world_deinit(&w);
    free(big);
}

TEST(no_descriptor_for_a_window_means_the_ring_carries_all)
{
    struct world w;
    struct rlimit before;
    struct rlimit none;

    world_init(&w);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
    call_and_check(&w, LARGE);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
    CHECK_INT(mapped_windows(), 0);
    call_and_check(&w, 100000);
    CHECK_INT(mapped_windows(), 4);
    world_deinit(&w);
}

TEST(a_process_with_enough_windows_uses_the_ring)
{
    struct world w;

    world_init(&w);
    w.client.engine->windows = AT_CALL_WINDOWS_MAX;
    call_and_check(&w, 1 << 20);
    CHECK_INT(mapped_windows(), 2); /* the server's */
    w.client.engine->windows = 0;
    world_deinit(&w);
}

TEST(no_more_windows_are_made_in_a_time_than_readers_that_keep_them_may_cost)
{
    struct world w;

    world_init(&w);
    w.client.engine->windows_spent_at_ns = test_now(&w.client);
    w.client.engine->windows_spent = AT_CALL_WINDOWS_MAX;
    call_and_check(&w, 1 << 20);
    CHECK_INT(mapped_windows(), 2); /* the server's */
    w.client.skew_ns += AT_CALL_WINDOW_EVERY_NS + AT_SECOND_NS;
    call_and_check(&w, 1 << 20);
    CHECK_INT(w.client.engine->windows, 1);
    CHECK_INT(w.client.engine->windows_spent, AT_CALL_WINDOWS_MAX);
    world_deinit(&w);
}

TEST(a_message_without_a_window_and_in_pieces_comes_whole)
{
    struct world w;
    struct call c;
    struct at_bytes pieces[40];
    size_t at = 0;

    world_init(&w);
    w.client.engine->windows = AT_CALL_WINDOWS_MAX;
    for (int i = 0; i < 40; i++) {
        pieces[i] = at_bytes_over(payload + at, i % 3 == 0 ? 20000 : 1 + (size_t)i * 13);
        at += pieces[i].len;
    }
    start(&w.client, &c, (struct at_bytes){0});
    at_engine_abandon(w.client.engine, &c.p);
    c.p.request.payload = (struct at_bytes){.len = at};
    c.p.request.pieces = pieces;
    c.p.request.piece_count = 40;
    CHECK_INT(at_engine_start(w.client.engine, &c.p, test_now(&w.client)), 0);
    for (int i = 0; i < 1000 && c.times == 0; i++) {
        turn_both(&w, 1);
    }
    check_echo(&c, at);
    end(&c);
    w.client.engine->windows = 0;
    world_deinit(&w);
}

TEST(small_messages_pass_a_large_one_and_all_are_right)
{
    enum { SMALL = 30 };
    struct world w;
    struct call large[2];
    struct call small[SMALL];
    int left = SMALL + 2;

    world_init(&w);
    call_and_check(&w, 100000);
    start(&w.client, &large[0], at_bytes_over(payload, LARGE));
    start(&w.client, &large[1], at_bytes_over(payload, 200000));
    for (int i = 0; i < SMALL; i++) {
        start(&w.client, &small[i], at_bytes_over(payload, (size_t)i * 100));
    }
    for (int i = 0; i < 1000 && left > 0; i++) {
        turn_both(&w, 1);
        left = (large[0].times == 0) + (large[1].times == 0);
        for (int k = 0; k < SMALL; k++) {
            left += small[k].times == 0;
        }
    }
    check_echo(&large[0], LARGE);
    check_echo(&large[1], 200000);
    end(&large[0]);
    end(&large[1]);
    for (int i = 0; i < SMALL; i++) {
        check_echo(&small[i], (size_t)i * 100);
        end(&small[i]);
    }
    world_deinit(&w);
}

TEST(a_call_given_up_in_the_middle_of_a_window_leaves_the_channel_in_order)
{
    struct world w;
    struct call c;

    world_init(&w);
    call_and_check(&w, 100000);
    for (int turns = 0; turns < 12; turns++) {
        start(&w.client, &c, at_bytes_over(payload, LARGE));
        for (int i = 0; i < turns; i++) {
            test_turn(i % 2 == 0 ? &w.server : &w.client, 0);
        }
        at_engine_abandon(w.client.engine, &c.p);
        end(&c);
        call_and_check(&w, 70000);
    }
    world_deinit(&w);
}

TEST(a_server_that_is_gone_leaves_nothing_of_its_windows)
{
    struct world w;
    struct call c;

    world_init(&w);
    call_and_check(&w, 100000);
    start(&w.client, &c, at_bytes_over(payload, LARGE));
    test_turn(&w.server, 0);
    test_owner_deinit(&w.server);
    for (int i = 0; i < 3; i++) {
        test_turn(&w.client, 0);
    }
    w.client.skew_ns += AT_CALL_LAST_WORDS_NS;
    test_turn(&w.client, 0);
    test_turn(&w.client, 0);
    CHECK_INT(mapped_windows(), 0);
    CHECK_INT(w.client.engine->windows, 0);
    at_engine_abandon(w.client.engine, &c.p);
    end(&c);
    test_owner_deinit(&w.client);
}

/* A victim that serves, and a liar that has handed it a window. */
static void liar_with_window(struct test_owner *server, struct liar *l)
{
    struct at_window_offer offer;
    int fd;

    CHECK_INT(test_owner_init(server, methods), 0);
    server->on_request = echo;
    CHECK_INT(liar_meet(l, server, true, 0, 7), 0);
    CHECK_INT(liar_attach(l, 7, ""), 0);
    CHECK_INT(at_window_offer(&l->channel, &fd), 0);
    offer.number = l->channel.window.number;
    CHECK_INT(at_message_send(l->lifeline, &at_window_kind, &offer, &fd, 1), 0);
    (void)close(fd);
    test_turn(server, 0);
    test_turn(server, 0);
    CHECK(at_window_is_open(&l->channel));
}

static void expect_caught(struct liar *l, enum at_channel_rule rule)
{
    char reason[256] = "";

    CHECK(liar_is_caught(l, reason, sizeof(reason)));
    CHECK(strstr(reason, at_channel_rule_text(rule)) != NULL);
    CHECK_INT(mapped_windows(), 1); /* the liar's own */
}

TEST(a_peer_that_names_another_chunk_loses_its_channel_and_its_window)
{
    static const struct at_record lies[] = {
        {.kind = AT_RECORD_REQUEST, .call_id = 1, .total_len = 9, .ext_len = 9, .ext_off = 64},
        {.kind = AT_RECORD_REQUEST, .call_id = 1, .total_len = 9, .ext_len = UINT32_MAX},
        {.kind = AT_RECORD_REQUEST, .call_id = 1, .total_len = 9, .ext_len = 9, .len = 9},
        {.kind = AT_RECORD_EXT_RETURN},
    };

    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct test_owner server;
        struct liar l;

        liar_with_window(&server, &l);
        liar_say(&l, lies[i]);
        expect_caught(&l, AT_RULE_CHUNK);
        liar_leave(&l);
        test_owner_deinit(&server);
    }
}

TEST(a_second_window_beside_a_used_one_or_a_file_that_is_none_costs_the_channel)
{
    for (int what = 0; what < 4; what++) {
        struct at_window_offer offer = {.number = 5};
        struct test_owner server;
        struct liar l;
        int fd;

        liar_with_window(&server, &l);
        liar_say(&l, (struct at_record){
                         .kind = AT_RECORD_REQUEST, .call_id = 1, .total_len = 9, .ext_len = 9});
        fd = what == 0 ? dup(l.lifeline) : dup(l.bell_mine);
        CHECK_INT(at_message_send(l.lifeline, &at_window_kind, &offer, &fd, what == 2 ? 0 : 1), 0);
        (void)close(fd);
        test_turn(&server, 0);
        expect_caught(&l, AT_RULE_CHUNK);
        liar_leave(&l);
        test_owner_deinit(&server);
    }
}

struct scribbler {
    uint8_t *at;
    _Atomic bool stop;
};

static void *scribble(void *user)
{
    struct scribbler *s = user;

    for (uint32_t i = 0; !atomic_load(&s->stop); i++) {
        ((volatile uint8_t *)s->at)[i * 61 % AT_WINDOW_BYTES] = (uint8_t)i;
    }
    return NULL;
}

/* TSan would see the scribbler race with the copy, which is what this is about. */
#if !defined(__SANITIZE_THREAD__)
TEST(a_window_rewritten_while_it_is_read_changes_what_is_copied_and_nothing_else)
{
    struct test_owner server;
    struct liar l;
    struct scribbler s;
    pthread_t thread;

    liar_with_window(&server, &l);
    s = (struct scribbler){.at = l.channel.window.at};
    CHECK_INT(pthread_create(&thread, NULL, scribble, &s), 0);
    for (uint32_t i = 0; i < 300; i++) {
        struct at_record r = {
            .kind = AT_RECORD_REQUEST, .call_id = i % 200, .total_len = AT_WINDOW_CHUNK};
        struct at_record got;
        uint8_t *to;

        CHECK_INT(at_window_next(&l.channel, &to), 0);
        at_window_put(&l.channel, &r, AT_WINDOW_CHUNK);
        at_channel_publish(&l.channel);
        test_turn(&server, 0);
        while (at_channel_next(&l.channel, &got) == 0) {
            at_channel_consume(&l.channel, &got);
        }
        at_channel_tell(&l.channel);
    }
    atomic_store(&s.stop, true);
    (void)pthread_join(thread, NULL);
    CHECK(!liar_is_caught(&l, NULL, 0));
    liar_leave(&l);
    test_owner_deinit(&server);
}
#endif

TEST(a_reader_that_takes_what_was_never_written_loses_its_channel)
{
    struct test_owner client;
    struct liar l;
    struct call c;
    struct at_message *m = malloc(sizeof(*m));
    struct at_window_offer offer;

    CHECK(m != NULL);
    CHECK_INT(test_owner_init(&client, ""), 0);
    CHECK_INT(at_engine_want(client.engine, at_bytes_of(contract)), 0);
    CHECK_INT(liar_meet(&l, &client, false, 1, 7), 0);
    CHECK_INT(liar_attach(&l, 7, methods), 0);
    start(&client, &c, at_bytes_over(payload, LARGE));
    CHECK_INT(at_message_receive(l.lifeline, m), 0);
    CHECK_INT(at_message_read(&at_window_kind, m, &offer), 0);
    at_message_clear(m);
    atomic_store(&l.mine->window_seen, offer.number);
    atomic_store(&l.mine->window_taken, 1000);
    for (int i = 0; i < 4; i++) { /* the two records of the ring: it goes on in the window */
        struct at_record r;

        while (at_channel_next(&l.channel, &r) == 0 && r.ext_len == 0) {
            at_channel_consume(&l.channel, &r);
        }
        at_channel_tell(&l.channel);
        test_turn(&client, 0);
    }
    {
        char reason[256] = "";

        CHECK(liar_is_caught(&l, reason, sizeof(reason)));
        CHECK(strstr(reason, at_channel_rule_text(AT_RULE_TAKEN_RANGE)) != NULL);
    }
    CHECK_INT(mapped_windows(), 0);
    at_engine_abandon(client.engine, &c.p);
    end(&c);
    free(m);
    liar_leave(&l);
    test_owner_deinit(&client);
}

TEST_MAIN("call/large")
