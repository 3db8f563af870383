#include "scribble.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "call/limits.h"

uint64_t scribble_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint32_t some(struct scribbler *s, uint32_t below)
{
    return (uint32_t)(scribble_random(&s->random) >> 11) % below;
}

/* Numbers at which judging goes wrong if it does. */
static uint32_t edge(struct scribbler *s)
{
    static const uint32_t edges[] = {0,
                                     1,
                                     63,
                                     64,
                                     65,
                                     255,
                                     256,
                                     AT_RECORD_PAYLOAD_MAX,
                                     AT_RECORD_PAYLOAD_MAX + 1,
                                     AT_RING_BYTES,
                                     AT_WINDOW_CHUNK,
                                     AT_WINDOW_BYTES,
                                     AT_CALL_MESSAGE_MAX,
                                     AT_CALL_MESSAGE_MAX + 1,
                                     INT32_MAX,
                                     UINT32_MAX - 63,
                                     UINT32_MAX};

    return some(s, 8) == 0 ? (uint32_t)scribble_random(&s->random)
                           : edges[some(s, sizeof(edges) / sizeof(edges[0]))];
}

/* A call that a server was asked for, else none. */
static uint32_t asked(struct scribbler *s)
{
    uint32_t i;
    uint32_t id;

    if (s->heard_count == 0) {
        return 0;
    }
    i = some(s, s->heard_count);
    id = s->heard[i];
    s->heard[i] = s->heard[--s->heard_count];
    return id;
}

void scribble_hear(struct scribbler *s)
{
    struct at_record r;

    for (int i = 0; i < 64 && at_channel_next(&s->channel, &r) == 0; i++) {
        if (r.kind == AT_RECORD_REQUEST &&
            s->heard_count < sizeof(s->heard) / sizeof(s->heard[0])) {
            s->heard[s->heard_count++] = r.call_id;
        }
        at_channel_consume(&s->channel, &r);
    }
    at_channel_tell(&s->channel);
}

/* Turns r into one that an engine takes, or takes for a while: of a call that there is. */
static void make_sense(struct scribbler *s, struct at_record *r)
{
    uint32_t slot = s->started % AT_CALL_SLOTS;

    r->total_len = r->len;
    r->flags = 0;
    if (s->serves) {
        r->call_id = asked(s);
        r->kind = r->call_id == 0 ? AT_RECORD_PING : AT_RECORD_RESPONSE;
        return;
    }
    r->kind = AT_RECORD_REQUEST;
    r->call_id = slot | (1 + s->started / AT_CALL_SLOTS % 60000) << 16;
    r->code = (uint16_t)some(s, 3);
    if (r->code == 1) { /* the method that streams */
        r->flags = AT_RECORD_STREAM | (r->len > 0 ? AT_RECORD_BODY : 0);
    }
    s->started++;
}

/* A record as it might be: right in most of its members. */
static struct at_record record(struct scribbler *s)
{
    static const uint8_t of_server[] = {AT_RECORD_RESPONSE, AT_RECORD_DATA,      AT_RECORD_MESSAGE,
                                        AT_RECORD_WINDOW,   AT_RECORD_PING,      AT_RECORD_RESPONSE,
                                        AT_RECORD_GOAWAY,   AT_RECORD_EXT_RETURN};
    static const uint8_t of_client[] = {AT_RECORD_REQUEST, AT_RECORD_DATA, AT_RECORD_MESSAGE,
                                        AT_RECORD_WINDOW,  AT_RECORD_PING, AT_RECORD_REQUEST,
                                        AT_RECORD_CANCEL,  AT_RECORD_END};
    uint32_t len = some(s, 64) == 0 ? some(s, AT_RECORD_PAYLOAD_MAX) : some(s, 100);
    struct at_record r = {.kind = (s->serves ? of_server : of_client)[some(s, 8)],
                          .len = len,
                          .total_len = len,
                          .call_id = some(s, 8) | (1 + some(s, 3)) << 16,
                          .code = (uint16_t)some(s, 3),
                          .flags = (uint8_t)(some(s, 3) == 0 ? some(s, 16) : 0)};

    if (s->calls && some(s, 1024) != 0) {
        make_sense(s, &r);
    }
    switch (some(s, s->calls ? 4096 : 64)) {
    case 0: r.total_len = edge(s); break;
    case 1: r.meta_len = some(s, 2) == 0 ? some(s, len + 1) : edge(s); break;
    case 2: r.offset = edge(s); break;
    case 3: r.call_id = edge(s); break;
    case 4: r.kind = (uint8_t)some(s, 256); break;
    case 5: r.ext_len = some(s, 4) == 0 ? edge(s) : 0; break;
    case 6: r.total_len = len + some(s, 100000); break;
    case 7: r.deadline_ns = scribble_random(&s->random); break;
    default: break;
    }
    return r;
}

static void say(struct scribbler *s)
{
    static uint8_t payload[AT_RECORD_PAYLOAD_MAX];
    struct at_record r = record(s);

    payload[some(s, sizeof(payload))] = (uint8_t)some(s, 256);
    bool full =
        at_channel_put(&s->channel, &r, at_bytes_over(payload, r.len), (struct at_bytes){0}) != 0;

    if (full || some(s, 2) == 0) {
        atomic_store(&s->channel.mine->tail, s->channel.tail);
        s->channel.published = s->channel.tail;
    }
    if (full) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 20000},
                        NULL); /* the victim may need this CPU */
    }
}

/* Lengths that are right when they are judged and wrong when they are used, if they are read twice. */
static void flip(struct scribbler *s)
{
    uint32_t at = some(s, AT_RING_BYTES / AT_RECORD_ALIGN) * AT_RECORD_ALIGN;
    volatile struct at_record *r =
        (volatile struct at_record *)(uintptr_t)(s->channel.mine->ring + at);

    for (int i = 0; i < 16; i++) {
        r->len = i % 2 == 0 ? 8 : edge(s);
        r->total_len = i % 2 == 0 ? 8 : edge(s);
        r->ext_len = i % 4 == 0 ? edge(s) : 0;
    }
}

static void spoil_words(struct scribbler *s)
{
    struct at_region *m = s->channel.mine;

    switch (some(s, 12)) {
    case 0: atomic_store(&m->tail, edge(s)); break;
    case 1: atomic_store(&m->tail, atomic_load(&m->tail) + edge(s)); break;
    case 2: atomic_store(&m->taken, edge(s)); break;
    case 3: atomic_store(&m->taken, atomic_load(&m->taken) + edge(s)); break;
    case 4: atomic_store(&m->waiting, edge(s)); break;
    case 5: atomic_store(&m->cpu, edge(s)); break;
    case 6: atomic_store(&m->credit, edge(s)); break;
    case 7: atomic_store(&m->window_taken, edge(s)); break;
    case 8: atomic_store(&m->window_seen, edge(s)); break;
    case 9: atomic_store(&m->cancelled[some(s, AT_CHANNEL_SLOTS)], (uint16_t)edge(s)); break;
    default: memset((uint8_t *)m + 32, (int)some(s, 256), 4096 - 32); break;
    }
}

static void spoil_bytes(struct scribbler *s)
{
    uint32_t at = some(s, AT_RING_BYTES - 64);

    memset(s->channel.mine->ring + at, (int)some(s, 256), some(s, 64));
    if (s->window != NULL) {
        at = some(s, AT_WINDOW_BYTES - 64);
        memset(s->window + at, (int)some(s, 256), some(s, 64));
    }
}

/* As honest as need be to be listened to again. */
static void agree(struct scribbler *s)
{
    const struct at_region *peer = s->channel.peer;

    s->channel.peer_taken = atomic_load((_Atomic uint32_t *)(uintptr_t)&peer->taken);
    s->channel.tail = s->channel.peer_taken & ~(uint32_t)(AT_RECORD_ALIGN - 1);
    s->channel.published = s->channel.tail;
    s->channel.rule = AT_RULE_NONE;
    atomic_store(&s->channel.mine->tail, s->channel.tail);
    atomic_store(&s->channel.mine->taken, atomic_load((_Atomic uint32_t *)(uintptr_t)&peer->tail));
    atomic_store(&s->channel.mine->credit, 256);
}

void scribble(struct scribbler *s)
{
    uint32_t dice = s->calls && some(s, 32) != 0 ? 0 : some(s, 1024);
    uint16_t forgiven =
        atomic_load((_Atomic uint16_t *)(uintptr_t)&s->channel.peer->cancelled[SCRIBBLE_WORD]);

    if (forgiven != s->forgiven) {
        s->forgiven = forgiven;
        agree(s);
        atomic_store(&s->channel.mine->cancelled[SCRIBBLE_WORD], forgiven);
    }
    if (dice < 1018) {
        say(s);
    } else if (dice < 1020) {
        flip(s);
    } else if (dice < 1022) {
        spoil_bytes(s);
    } else if (dice < 1023) {
        spoil_words(s);
    }
}
