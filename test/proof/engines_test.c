/*
 * Two engines, each in a thread of its own, over one channel: calls of all sizes, given up at any
 * moment. For ThreadSanitizer, which sees both ends here. 4,000 calls; AT_PROOF_CALLS.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "at_test.h"
#include "call/link.h"
#include "call/test_owner.h"
#include "scribble.h"

enum { CALLS = 4000, AT_ONCE = 32, LONGEST = 300000, QUIET_TURNS = 400 };

static char payload[LONGEST]; /* nobody writes it */

static size_t some_length(uint64_t *random)
{
    uint64_t r = scribble_random(random) >> 8;

    return r % 64 == 0 ? r / 64 % LONGEST : r % 8 == 0 ? r / 64 % 20000 : r / 64 % 300;
}

struct server {
    struct test_owner o;
    uint64_t random;
    unsigned long answered;
    _Atomic bool over;
};

static void *serve(void *user)
{
    struct server *s = user;

    while (!atomic_load(&s->over)) {
        test_turn(&s->o, 1);
        while (!at_list_is_empty(&s->o.requests)) {
            struct at_incoming *in = at_container_of(s->o.requests.next, struct at_incoming, entry);

            at_list_remove(&in->entry);
            (void)at_incoming_is_cancelled(in);
            at_engine_answer(s->o.engine, in, AT_STATUS_OK, (struct at_bytes){0},
                             at_bytes_over(payload, some_length(&s->random)), 0);
            s->answered++;
        }
    }
    return NULL;
}

struct call {
    struct at_pending p;
    bool under_way;
    bool done;
    char *room;
    unsigned long *ended;
};

static void on_done(void *user, const struct at_call_result *result)
{
    struct call *c = user;

    CHECK_INT(result->status, AT_STATUS_OK);
    c->done = true;
    (*c->ended)++;
}

static void *reply_room(void *user, size_t len)
{
    struct call *c = user;

    free(c->room);
    c->room = malloc(len);
    return c->room;
}

static void start(struct test_owner *o, struct call *c, uint64_t *random)
{
    c->done = false;
    c->under_way = true;
    c->p = (struct at_pending){.done = on_done, .reply_room = reply_room, .user = c};
    c->p.request = (struct at_call_request){.contract = AT_LIT("a.B"),
                                            .method = AT_LIT("C"),
                                            .payload = at_bytes_over(payload, some_length(random)),
                                            .deadline_ns = at_now_ns() + 60 * AT_SECOND_NS};
    CHECK_INT(at_engine_start(o->engine, &c->p, at_now_ns()), 0);
}

/* Calls, and gives one in sixteen up. */
static void call_all(struct test_owner *o, struct call *calls, unsigned long count,
                     unsigned long *gone)
{
    uint64_t random = 77;
    unsigned long started = 0;
    unsigned long ended = 0;

    while (ended + *gone < count) {
        for (int i = 0; i < AT_ONCE; i++) {
            struct call *c = &calls[i];

            c->ended = &ended;
            if (c->under_way && !c->done && scribble_random(&random) % 16 == 0) {
                at_engine_abandon(o->engine, &c->p);
                c->done = true;
                (*gone)++;
            }
            if ((!c->under_way || c->done) && started < count) {
                started++;
                start(o, c, &random);
            }
        }
        test_turn(o, 1);
    }
}

/* When the server has finished with all that was given up, no slot and no cancel word is left. */
static void look_for_remains(struct test_owner *o)
{
    struct at_link *l = o->engine->links[0];

    for (int i = 0; i < QUIET_TURNS && l->seat.load > 0; i++) {
        test_turn(o, 5);
    }
    CHECK_INT(l->seat.load, 0);
    for (int i = 0; i < AT_CHANNEL_SLOTS; i++) {
        CHECK_INT(atomic_load(&l->channel.mine->cancelled[i]), 0);
    }
}

TEST(two_engines_in_two_threads_lose_no_call)
{
    const char *text = getenv("AT_PROOF_CALLS");
    unsigned long count = text == NULL ? CALLS : strtoul(text, NULL, 10);
    struct server *s = calloc(1, sizeof(*s));
    struct call *calls = calloc(AT_ONCE, sizeof(*calls));
    struct test_owner client;
    pthread_t thread;
    unsigned long gone = 0;

    CHECK(s != NULL && calls != NULL);
    s->random = 5;
    CHECK_INT(test_owner_init(&s->o, "a.B/C\n"), 0);
    CHECK_INT(test_owner_init(&client, ""), 0);
    CHECK_INT(at_engine_want(client.engine, AT_LIT("a.B")), 0);
    CHECK_INT(test_introduce(&client, 1, &s->o, 7, "s.1", NULL), 0);
    CHECK_INT(pthread_create(&thread, NULL, serve, s), 0);
    call_all(&client, calls, count, &gone);
    look_for_remains(&client);
    atomic_store(&s->over, true);
    (void)pthread_join(thread, NULL);
    (void)printf("# %lu calls, %lu given up, %lu answered\n", count, gone, s->answered);
    for (int i = 0; i < AT_ONCE; i++) {
        free(calls[i].room);
    }
    test_owner_deinit(&client);
    test_owner_deinit(&s->o);
    free(calls);
    free(s);
}

TEST_MAIN("proof/engines")
