/*
 * Streams of every kind against a model: random sizes, cancels, deadlines, slow readers, early ends
 * and lost channels, calls among them. What the model knows: which messages were given away, so which
 * may come, in which order and with which bytes; which ends are possible; what may be held.
 *
 * A run is its seed. ATOLL_STREAM_SEED and ATOLL_STREAM_STEPS make others and longer ones.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "call/link.h"
#include "call/test_stream.h"

enum { TALKS = 24, PATTERN = 6 << 20, STEPS = 20000, CHECK_EVERY = 400, SETTLING_MAX = 20000 };

/* One direction of a stream, at one end. */
struct way {
    uint32_t sent; /* messages that the engine took */
    uint32_t got;
    uint8_t *lent; /* malloc: queued, the engine's to read until it says so */
};

struct talk;

/* The server's end; the one before the last when its channel was lost. */
struct serving {
    struct at_list entry;
    struct at_incoming *in;
    struct talk *talk;
    struct way way;
    bool lost;
};

struct talk {
    struct client_end end; /* first: it is the user of the callbacks */
    struct world *world;
    struct serving *serving;
    struct way way;
    uint32_t id;
    uint64_t deadline_ns;
    uint32_t losses_before; /* of channels, and drains */
    bool used;
    bool lazy;  /* reads only when it must */
    bool ended; /* by the server … */
    uint32_t ended_with;
    uint32_t ended_after; /* … and so many messages */
    struct at_bytes metadata;
    uint8_t packed[16];
};

struct world {
    struct stage st;
    struct talk talks[TALKS];
    struct at_list servings;
    uint8_t *pattern;
    uint64_t random;
    uint32_t next_id;
    uint64_t channel;
    uint32_t losses;
    uint64_t messages;
    struct at_pending call;
    bool calling;
    uint32_t called;
};

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint32_t chance(struct world *w, uint32_t of)
{
    return (uint32_t)(next_random(&w->random) % of);
}

/* The i-th message of a stream in one direction: its own bytes, always the same. */
static struct at_bytes message_of(const struct world *w, uint32_t id, bool up, uint32_t i)
{
    static const uint32_t most[] = {1, 8, 64, 1000, 5000, 16400, 40000, 70000, 300000};
    uint64_t state = (uint64_t)id << 32 | (uint64_t)up << 31 | i;
    uint64_t r = next_random(&state);
    uint32_t len = (uint32_t)(next_random(&state) % most[r % 9]);

    if (r % 997 == 0) {
        len = AT_CALL_MESSAGE_MAX - len;
    }
    return at_bytes_over(w->pattern + next_random(&state) % (PATTERN - AT_CALL_MESSAGE_MAX), len);
}

/* --- what both ends do --- */

static void take_back(struct way *way)
{
    free(way->lent);
    way->lent = NULL;
}

/* Gives the next message away: a copy, so that whoever reads it too late is caught. */
static void send_next(struct world *w, struct at_engine *e, struct at_stream *s, struct way *way,
                      uint32_t id, bool up)
{
    struct at_bytes m = message_of(w, id, up, way->sent);
    bool close = up && chance(w, 8) == 0;
    int r;

    if (at_stream_is_sending(s)) {
        return;
    }
    take_back(way);
    way->lent = malloc(m.len + 1);
    memcpy(way->lent, m.at, m.len);
    r = at_stream_send(e, s, at_bytes_over(way->lent, m.len), close);
    way->sent += r >= 0;
    CHECK(r == 0 || r == AT_STREAM_QUEUED || r == -EPIPE);
    if (r != AT_STREAM_QUEUED) {
        take_back(way);
    }
}

static void read_next(struct world *w, struct at_engine *e, struct at_stream *s, struct way *way,
                      uint32_t id, bool up)
{
    struct at_bytes expected = message_of(w, id, up, way->got);
    struct at_bytes m;

    if (at_stream_peek(s, &m)) {
        ck_assert_msg(m.len == expected.len, "message %u of stream %u, %s: %zu bytes, expected %zu",
                      way->got, id, up ? "up" : "down", m.len, expected.len);
        CHECK(m.len == 0 || memcmp(m.at, expected.at, m.len) == 0);
        at_stream_consumed(e, s);
        way->got++;
        w->messages++;
    }
}

/* --- the server --- */

static void free_serving(struct serving *v)
{
    take_back(&v->way);
    at_list_remove(&v->entry);
    if (v->talk->serving == v) {
        v->talk->serving = NULL;
    }
    free(v);
}

static void on_server_sent(void *user, struct at_stream *s)
{
    struct serving *v = user;

    CHECK(!at_stream_is_sending(s));
    take_back(&v->way);
}

static void on_model_stream(struct test_owner *o, struct at_incoming *in)
{
    static const struct at_stream_ops ops = {.sent = on_server_sent};
    struct world *w = at_container_of(at_container_of(o, struct stage, server), struct world, st);
    struct serving *v = calloc(1, sizeof(*v));
    struct at_bytes id;

    CHECK(at_metadata_get(at_incoming_meta(in), AT_LIT("id"), &id));
    for (int i = 0; i < TALKS; i++) {
        if (w->talks[i].used && memcmp(&w->talks[i].id, id.at, 4) == 0) {
            v->talk = &w->talks[i];
        }
    }
    if (v->talk == NULL) { /* its client has given it up */
        free(v);
        at_stream_end(o->engine, in, AT_STATUS_OK, (struct at_bytes){0}, (struct at_bytes){0});
        return;
    }
    CHECK(v->talk->serving == NULL || v->talk->serving->lost);
    v->talk->serving = v;
    v->talk->ended = false;
    v->in = in;
    in->stream->ops = &ops;
    in->stream->user = v;
    at_list_append(&w->servings, &v->entry);
}

static void end_serving(struct world *w, struct serving *v, uint32_t status)
{
    struct talk *t = v->talk;
    struct at_bytes trailers = chance(w, 2) == 0 ? t->metadata : (struct at_bytes){0};

    if (t->serving == v && !v->lost) {
        t->ended = true;
        t->ended_with = status;
        t->ended_after = v->way.sent;
    }
    at_stream_end(w->st.server.engine, v->in, status, trailers, AT_LIT("as the model likes"));
    free_serving(v);
}

static void look_after_cancelled(struct world *w)
{
    at_list_foreach (it, &w->servings) {
        struct serving *v = at_container_of(it, struct serving, entry);

        v->lost = v->lost || at_incoming_is_cancelled(v->in);
    }
}

static void server_step(struct world *w)
{
    struct at_engine *e = w->st.server.engine;
    struct serving *v = NULL;
    uint32_t n = 0;
    struct at_stream *s;

    look_after_cancelled(w);
    at_list_foreach (it, &w->servings) {
        if (chance(w, ++n) == 0) {
            v = at_container_of(it, struct serving, entry);
        }
    }
    if (v == NULL) {
        return;
    }
    s = v->in->stream;
    switch (chance(w, 12)) {
    case 0:
        if (chance(w, 6) == 0 || v->lost) {
            end_serving(w, v, chance(w, 3) == 0 ? AT_STATUS_ABORTED : AT_STATUS_OK);
        }
        break;
    case 1: (void)at_stream_first_metadata(e, s, v->talk->metadata, chance(w, 2) == 0); break;
    case 2:
    case 3:
    case 4:
    case 5: send_next(w, e, s, &v->way, v->talk->id, false); break;
    default:
        for (uint32_t i = v->talk->lazy ? chance(w, 30) == 0 : chance(w, 4); i > 0; i--) {
            read_next(w, e, s, &v->way, v->talk->id, true);
        }
    }
}

/* --- the client --- */

static void on_client_sent(void *user, struct at_stream *s)
{
    struct talk *t = user;

    CHECK(!at_stream_is_sending(s));
    take_back(&t->way);
}

static void on_client_done(void *user, const struct at_call_result *result)
{
    struct talk *t = user;
    uint64_t now = test_now(&t->world->st.client);

    t->end.done++;
    t->end.status = result->status;
    CHECK_INT(t->end.done, 1);
    if (result->status == AT_STATUS_DEADLINE_EXCEEDED) {
        CHECK(t->deadline_ns != 0 && now >= t->deadline_ns);
    } else if (result->status == AT_STATUS_UNAVAILABLE) {
        CHECK(t->world->losses > t->losses_before);
    } else {
        CHECK(t->ended);
        CHECK_INT(result->status, t->ended_with);
    }
}

static void begin_talk(struct world *w, struct talk *t)
{
    static const struct at_stream_ops ops = {.readable = client_readable, .sent = on_client_sent};
    static const char *const methods[] = {"Up", "Down", "Both"};
    struct at_writer writer = at_writer_over(t->packed, sizeof(t->packed));
    uint32_t flags = 0;

    *t = (struct talk){.world = w, .used = true, .id = ++w->next_id, .lazy = chance(w, 4) == 0};
    at_metadata_add(&writer, AT_LIT("id"), at_bytes_over(&t->id, 4));
    t->metadata = at_writer_bytes(&writer);
    t->losses_before = w->losses;
    t->end.p.done = on_client_done;
    t->end.p.user = t;
    t->end.s.ops = &ops;
    t->end.s.user = t;
    t->deadline_ns =
        chance(w, 3) == 0 ? test_now(&w->st.client) + (uint64_t)chance(w, 300) * 1000000 : 0;
    t->end.p.request = (struct at_call_request){.contract = at_bytes_of(stream_contract),
                                                .method = at_bytes_of(methods[chance(w, 3)]),
                                                .metadata = t->metadata,
                                                .deadline_ns = t->deadline_ns,
                                                .may_repeat = chance(w, 2) == 0};
    if (chance(w, 2) == 0) {
        t->end.p.request.payload = message_of(w, t->id, true, 0);
        t->way.sent = 1;
        flags = AT_STREAM_MESSAGE | (chance(w, 2) == 0 ? AT_STREAM_CLOSE : 0);
    }
    CHECK_INT(
        at_stream_open(w->st.client.engine, &t->end.p, &t->end.s, flags, test_now(&w->st.client)),
        0);
}

/* All that came is read; when it went well, that is all that was sent. */
static void finish_talk(struct world *w, struct talk *t)
{
    struct at_engine *e = w->st.client.engine;

    while (!at_stream_is_drained(&t->end.s)) {
        read_next(w, e, &t->end.s, &t->way, t->id, false);
    }
    if (t->end.done == 1 && t->end.status == AT_STATUS_OK) {
        CHECK_INT(t->way.got, t->ended_after);
    }
    if (t->serving != NULL) { /* it may go on for a while without us */
        t->serving->lost = true;
    }
    at_stream_release(e, &t->end.s);
    take_back(&t->way);
}

/* The server's owner of it, or of one that was before a loss: it ends in its own time. */
static struct serving *serving_of(struct world *w, const struct talk *t)
{
    at_list_foreach (it, &w->servings) {
        struct serving *v = at_container_of(it, struct serving, entry);

        if (v->talk == t) {
            return v;
        }
    }
    return NULL;
}

static void client_step(struct world *w)
{
    struct talk *t = &w->talks[chance(w, TALKS)];
    struct at_engine *e = w->st.client.engine;

    if (!t->used) {
        begin_talk(w, t);
        return;
    }
    if (t->end.done > 0) {
        struct serving *v = serving_of(w, t);

        if (v == NULL) {
            finish_talk(w, t);
            t->used = false;
        } else {
            end_serving(w, v, AT_STATUS_OK); /* its owner hears of the cancel in the end */
        }
        return;
    }
    switch (chance(w, 12)) {
    case 0:
        if (chance(w, 12) == 0 && serving_of(w, t) == NULL) {
            at_engine_abandon(e, &t->end.p);
            finish_talk(w, t);
            t->used = false;
        } else if (chance(w, 12) == 0) {
            at_engine_abandon(e, &t->end.p);
            t->end.done = 2;
        }
        break;
    case 1:
        if (chance(w, 4) == 0) {
            at_stream_close_send(e, &t->end.s);
        }
        break;
    case 2:
    case 3:
    case 4:
    case 5: send_next(w, e, &t->end.s, &t->way, t->id, true); break;
    default:
        for (uint32_t i = t->lazy ? chance(w, 30) == 0 : chance(w, 4); i > 0; i--) {
            read_next(w, e, &t->end.s, &t->way, t->id, false);
        }
    }
}

/* --- calls and channels --- */

static void on_call_done(void *user, const struct at_call_result *result)
{
    struct world *w = user;

    CHECK(result->status == AT_STATUS_OK || w->losses > 0);
    w->calling = false;
    w->called++;
}

static void answer_call(struct test_owner *o, struct at_incoming *in)
{
    at_engine_answer(o->engine, in, AT_STATUS_OK, (struct at_bytes){0}, (struct at_bytes){0}, 0);
}

static void call_step(struct world *w)
{
    if (!w->calling) {
        w->calling = true;
        w->call = (struct at_pending){.done = on_call_done, .user = w};
        w->call.request =
            (struct at_call_request){.contract = at_bytes_of(stream_contract),
                                     .method = AT_LIT("Call"),
                                     .payload = at_bytes_over(w->pattern, chance(w, 100000)),
                                     .deadline_ns = test_now(&w->st.client) + 60 * AT_SECOND_NS};
        CHECK_INT(at_engine_start(w->st.client.engine, &w->call, test_now(&w->st.client)), 0);
    }
}

static void pass_time(struct world *w, uint64_t ns)
{
    w->st.client.skew_ns += ns;
    w->st.server.skew_ns += ns;
}

static void connect_model(struct world *w)
{
    CHECK_INT(test_introduce(&w->st.client, 1, &w->st.server, ++w->channel, "b.1", NULL), 0);
}

/* The supervisor says that the server died, and introduces its successor. */
static void lose_channel(struct world *w)
{
    struct at_service_gone gone = {.channel = w->channel, .reason = AT_LIT("b.1 was killed")};

    w->losses++;
    CHECK_INT(at_message_send(w->st.client.supervisor, &at_service_gone_kind, &gone, NULL, 0), 0);
    stage_turn(&w->st, 3);
    look_after_cancelled(w);
    connect_model(w);
    stage_turn(&w->st, 3);
}

/* --- what must hold --- */

static struct at_link *link_of(struct test_owner *o, uint64_t channel)
{
    struct at_link *l = NULL;

    for (uint32_t i = 0; i < o->engine->link_cap && (l == NULL || l->id != channel); i++) {
        l = o->engine->links[i];
    }
    if (l == NULL || l->id != channel) {
        ck_abort_msg("there is no channel");
        abort();
    }
    return l;
}

static void check_held(const struct at_link *l)
{
    if (l->streams != NULL) {
        CHECK(l->streams->pool_used <= AT_STREAM_POOL);
        CHECK(l->streams->held <= AT_STREAM_CHANNEL_WINDOW + l->streams->pool_used);
    }
}

static void check_stream(const struct at_stream *s)
{
    if (s->link != NULL) {
        CHECK(s->held + s->window <= AT_STREAM_WINDOW + s->share);
    }
}

/* Both ends have read all: what one may send is what the other expects. */
static void check_credit(const struct at_stream *sender, const struct at_stream *reader)
{
    if (!reader->peer_closed && !reader->over && !sender->over && reader->owed_window == 0) {
        CHECK_INT(sender->credit, reader->window);
    }
}

static bool is_settled(const struct at_link *a, const struct at_link *b)
{
    return a->channel.tail == b->channel.head && b->channel.tail == a->channel.head &&
           !at_link_owes(a) && !at_link_owes(b);
}

static void check_all(struct world *w)
{
    struct at_link *c = link_of(&w->st.client, w->channel);
    struct at_link *s = link_of(&w->st.server, w->channel);

    for (int i = 0; i < SETTLING_MAX && !is_settled(c, s); i++) {
        stage_turn(&w->st, 1);
    }
    CHECK(is_settled(c, s));
    check_held(c);
    check_held(s);
    for (int i = 0; i < TALKS; i++) {
        struct talk *t = &w->talks[i];

        if (t->used && t->serving != NULL && t->end.s.link != NULL && t->serving->in->link == s) {
            check_stream(&t->end.s);
            check_stream(t->serving->in->stream);
            check_credit(&t->end.s, t->serving->in->stream);
            check_credit(t->serving->in->stream, &t->end.s);
        }
    }
    if (c->streams != NULL && s->streams != NULL) {
        CHECK_INT(c->streams->credit, s->streams->window);
        CHECK_INT(s->streams->credit, c->streams->window);
    }
}

/* Nobody sends any more, everybody reads: every stream comes to its end. */
static void wind_up(struct world *w)
{
    struct at_engine *e = w->st.server.engine;
    bool any = true;

    for (int i = 0; i < 5000 && any; i++) {
        stage_turn(&w->st, 1);
        look_after_cancelled(w);
        any = w->calling || !at_list_is_empty(&w->servings);
        at_list_foreach_safe (it, &w->servings) {
            struct serving *v = at_container_of(it, struct serving, entry);

            read_next(w, e, v->in->stream, &v->way, v->talk->id, true);
            if (at_stream_is_drained(v->in->stream) && !at_stream_is_sending(v->in->stream)) {
                uint32_t all = v->talk->way.sent;

                CHECK(v->lost || v->way.got == all);
                end_serving(w, v, AT_STATUS_OK);
            }
        }
        for (int k = 0; k < TALKS; k++) {
            struct talk *t = &w->talks[k];

            any = any || t->used;
            if (t->used && t->end.done == 0) {
                at_stream_close_send(w->st.client.engine, &t->end.s);
                read_next(w, w->st.client.engine, &t->end.s, &t->way, t->id, false);
            } else if (t->used && serving_of(w, t) == NULL) {
                finish_talk(w, t);
                t->used = false;
            }
        }
    }
    CHECK(!any);
    check_all(w);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void step(struct world *w)
{
    switch (chance(w, 16)) {
    case 0:
    case 1: test_turn(&w->st.client, 0); break;
    case 2:
    case 3: test_turn(&w->st.server, 0); break;
    case 4: call_step(w); break;
    case 5:
        pass_time(w, (uint64_t)chance(w, 3) * 1000000);
        if (chance(w, 200) == 0) {
            lose_channel(w);
        } else if (chance(w, 200) == 0) {
            w->losses++;
            at_engine_end_streams(w->st.server.engine, AT_LIT("the grace is over"));
        }
        break;
    case 6:
    case 7:
    case 8:
    case 9:
    case 10: server_step(w); break;
    default: client_step(w);
    }
}

TEST(streams_of_every_kind_do_what_a_simple_model_says)
{
    uint64_t seed = number("ATOLL_STREAM_SEED", 1);
    uint64_t steps = number("ATOLL_STREAM_STEPS", STEPS);
    struct world *w = calloc(1, sizeof(*w));

    w->random = seed;
    w->pattern = malloc(PATTERN);
    for (uint32_t i = 0; i < PATTERN; i++) {
        w->pattern[i] = (uint8_t)(i * 7 + i / 251 + i / 65521);
    }
    at_list_init(&w->servings);
    CHECK_INT(test_owner_init(&w->st.client, ""), 0);
    CHECK_INT(test_owner_init(&w->st.server, stream_methods), 0);
    w->st.server.on_stream = on_model_stream;
    w->st.server.on_request = answer_call;
    CHECK_INT(at_engine_want(w->st.client.engine, at_bytes_of(stream_contract)), 0);
    connect_model(w);
    stage_turn(&w->st, 3);
    (void)printf("# seed %" PRIu64 ", %" PRIu64 " steps\n", seed, steps);
    for (uint64_t i = 0; i < steps; i++) {
        step(w);
        if (i % CHECK_EVERY == 0) {
            check_all(w);
        }
    }
    wind_up(w);
    CHECK_INT(link_of(&w->st.client, w->channel)->seat.load, 0);
    (void)printf("# %u streams, %" PRIu64 " messages, %u calls, %u channels lost\n", w->next_id,
                 w->messages, w->called, w->losses);
    stage_deinit(&w->st);
    free(w->pattern);
    free(w);
}

TEST_MAIN("call/stream_model")
