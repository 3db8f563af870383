/*
 * A hostile peer of a channel: it attaches, and then its region and its window for large messages
 * hold whatever the input says, written by the input's steps and, meanwhile, by a second thread.
 * Property: the engine ends each
 * step in bounded time; whatever the peer did, either its channel still works or it was reported
 * and closed; and afterwards an honest call over a new channel of the same engine succeeds.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "call/test_liar.h"
#include "call/upkeep.h"
#include "shm/window.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(expr)                                                                                 \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static const char methods[] = "a.B/C\n";

struct outcome {
    int times;
    uint32_t status;
    uint8_t *room;
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

    free(o->room);
    o->room = malloc(len);
    return o->room;
}

/* Reads what it got, so that the sanitizer sees every byte, and sends it back. */
static void answer(struct test_owner *o, struct at_incoming *in)
{
    struct at_bytes body = at_incoming_body(in);
    uint32_t sum = 0;

    for (size_t i = 0; i < body.len; i++) {
        sum += body.at[i];
    }
    at_engine_answer(o->engine, in, sum % 2 == 0 ? AT_STATUS_OK : AT_STATUS_INTERNAL,
                     (struct at_bytes){0}, body, 0);
}

static const uint8_t large[100000]; /* worth a window */

static void start(struct test_owner *o, struct at_pending *p, struct outcome *out, bool may_repeat,
                  struct at_bytes payload)
{
    *p = (struct at_pending){.done = on_done, .reply_room = reply_room, .user = out};
    p->request = (struct at_call_request){.contract = AT_LIT("a.B"),
                                          .method = AT_LIT("C"),
                                          .payload = payload,
                                          .deadline_ns = test_now(o) + 3600 * AT_SECOND_NS,
                                          .may_repeat = may_repeat};
    MUST(at_engine_start(o->engine, p, test_now(o)) == 0);
}

struct scribbler {
    struct at_region *region;
    uint8_t *window; /* NULL: none */
    _Atomic bool stop;
    uint32_t seed;
};

/* Changes words of the region while the engine reads them. */
static void *scribble(void *user)
{
    struct scribbler *s = user;
    uint32_t x = s->seed | 1;

    while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
        _Atomic uint32_t *words = (_Atomic uint32_t *)(void *)s->region->ring;

        x = x * 1664525U + 1013904223U;
        atomic_store_explicit(&words[(x >> 8) % (AT_RING_BYTES / 4)], x >> (x & 31),
                              memory_order_relaxed);
        if (s->window != NULL) {
            ((volatile uint8_t *)s->window)[(x >> 8) % AT_WINDOW_BYTES] = (uint8_t)x;
        }
        if ((x & 0xff00) == 0) {
            atomic_store_explicit(&s->region->tail, (x >> 16) & ~63U, memory_order_relaxed);
        }
    }
    return NULL;
}

static void run_victim(struct test_owner *o)
{
    for (int i = 0; i < 4; i++) {
        (void)at_engine_run(o->engine, test_now(o));
    }
    if (at_engine_arm(o->engine)) {
        test_turn(o, 0);
    }
}

/* A record in a place of its own, whatever it says. */
static void say(struct liar *l, struct at_record record)
{
    l->channel.tail = atomic_load(&l->mine->tail) & ~63U;
    l->channel.peer_taken = l->channel.tail;
    l->channel.published = ~l->channel.tail;
    liar_say(l, record);
}

static struct at_record any_record(struct at_reader *r)
{
    struct at_record record = {.kind = (uint8_t)at_read_le(r, 1) % 12};

    record.call_id = (uint32_t)at_read_le(r, 1) | (uint32_t)at_read_le(r, 1) % 3 << 16;
    record.len = (uint32_t)at_read_le(r, 2) % (AT_RECORD_PAYLOAD_MAX + 1);
    record.total_len = record.len + (uint32_t)at_read_le(r, 1) * 64;
    record.meta_len = (uint32_t)at_read_le(r, 1);
    record.offset = (uint32_t)at_read_le(r, 1);
    record.code = (uint16_t)at_read_le(r, 1) % 3;
    record.flags = (uint8_t)at_read_le(r, 1);
    return record;
}

/* The same with its payload in the window, often where it may be. */
static struct at_record any_chunk(struct at_reader *r)
{
    struct at_record record = any_record(r);
    uint32_t at = (uint32_t)at_read_le(r, 1);

    record.ext_len = (uint32_t)at_read_le(r, 2);
    record.ext_off = at < 0xF0 ? at % AT_WINDOW_CHUNKS * AT_WINDOW_CHUNK : at << 24;
    record.total_len = record.ext_len + record.total_len - record.len;
    record.len = 0;
    return record;
}

/* Hands the victim a window, or what is none. */
static void offer_window(struct liar *l, uint32_t number)
{
    struct at_window_offer offer = {.number = number};
    int fd = -1;

    if (l->channel.window.at != NULL || at_window_offer(&l->channel, &fd) < 0) {
        fd = dup(l->bell_mine);
    }
    (void)at_message_send(l->lifeline, &at_window_kind, &offer, &fd, 1);
    (void)close(fd);
    test_turn(l->victim, 0);
}

/* One step of the input: what the liar does to its region. Returns the bytes it used. */
static size_t step(struct liar *l, struct at_reader *r)
{
    uint32_t op = (uint32_t)at_read_le(r, 1);
    uint32_t at;
    uint32_t len;

    switch (op % 12) {
    case 0: atomic_store(&l->mine->tail, (uint32_t)at_read_le(r, 4)); break;
    case 1: atomic_store(&l->mine->taken, (uint32_t)at_read_le(r, 4)); break;
    case 2: atomic_store(&l->mine->waiting, (uint32_t)at_read_le(r, 4)); break;
    case 3: atomic_store(&l->mine->credit, (uint32_t)at_read_le(r, 4)); break;
    case 4: /* raw bytes anywhere in the ring */
        at = (uint32_t)at_read_le(r, 2) % AT_RING_BYTES;
        len = (uint32_t)at_read_le(r, 1);
        for (uint32_t i = 0; i < len; i++) {
            l->mine->ring[(at + i) % AT_RING_BYTES] = (uint8_t)at_read_le(r, 1);
        }
        break;
    case 5: /* says that it has consumed everything */
        atomic_store(&l->mine->taken,
                     atomic_load((_Atomic uint32_t *)(uintptr_t)&l->channel.peer->tail));
        break;
    case 6: atomic_store(&l->mine->window_seen, (uint32_t)at_read_le(r, 1)); break;
    case 7: atomic_store(&l->mine->window_taken, (uint32_t)at_read_le(r, 1)); break;
    case 8: offer_window(l, (uint32_t)at_read_le(r, 1)); break;
    case 9: say(l, any_chunk(r)); break;
    default: say(l, any_record(r)); break;
    }
    return at_reader_left(r);
}

/* After all that, an honest peer is served (or serves) as ever. */
static void honest_call(struct test_owner *victim, bool victim_serves)
{
    struct test_owner peer;
    struct test_owner *client = victim_serves ? &peer : victim;
    struct test_owner *server = victim_serves ? victim : &peer;
    struct at_pending p;
    struct outcome out = {0};

    MUST(test_owner_init(&peer, victim_serves ? "" : methods) == 0);
    peer.on_request = answer;
    start(client, &p, &out, true, AT_LIT("payload"));
    MUST(test_introduce(client, 1, server, 8, "honest.1", NULL) == 0);
    for (int i = 0; i < 500 && out.times == 0; i++) {
        test_turn(client, 0);
        test_turn(server, 0);
    }
    MUST(out.times == 1);
    free(out.room);
    test_owner_deinit(&peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct at_reader r = at_reader_over(data, size);
    uint32_t how = (uint32_t)at_read_le(&r, 1);
    bool victim_serves = (how & 1) != 0;
    struct test_owner victim;
    struct scribbler s = {.seed = how};
    struct outcome out[4] = {{0}};
    struct at_pending pendings[4];
    pthread_t thread;
    struct liar l;
    size_t left = size;

    MUST(test_owner_init(&victim, victim_serves ? methods : "") == 0);
    victim.on_request = answer;
    for (int i = 0; i < 4 && !victim_serves; i++) {
        start(&victim, &pendings[i], &out[i], i % 2 == 0,
              (how & 8) != 0 ? at_bytes_over(large, sizeof(large)) : AT_LIT("payload"));
    }
    MUST(liar_meet(&l, &victim, victim_serves, 1, 7) == 0);
    MUST(liar_attach(&l, 7, methods) == 0);
    s.region = l.mine;
    if ((how & 4) != 0) {
        offer_window(&l, 1);
        s.window = l.channel.window.at;
    }
    if ((how & 2) != 0) {
        MUST(pthread_create(&thread, NULL, scribble, &s) == 0);
    }
    for (int i = 0; i < 64 && left > 0; i++) {
        left = step(&l, &r);
        run_victim(&victim);
    }
    atomic_store(&s.stop, true);
    if ((how & 2) != 0) {
        (void)pthread_join(thread, NULL);
    }
    liar_leave(&l);
    test_turn(&victim, 0);
    honest_call(&victim, victim_serves);
    victim.skew_ns = 7200 * AT_SECOND_NS; /* whatever waits for a cause or an answer ends now */
    test_turn(&victim, 0);
    test_turn(&victim, 0);
    for (int i = 0; i < 4 && !victim_serves; i++) {
        MUST(out[i].times == 1);
        free(out[i].room);
    }
    test_owner_deinit(&victim);
    return 0;
}
