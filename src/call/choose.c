#include "call/choose.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/list.h"
#include "call/call.h"
#include "call/engine.h"
#include "call/link.h"
#include "call/target.h"
#include "control/service.h"
#include "policy/balance.h"
#include "shm/channel.h"

enum { SEATS_FIRST = 4 };

static struct at_link *link_of(struct at_balance_seat *seat)
{
    return at_container_of(seat, struct at_link, seat);
}

static int make_room(struct at_seating *s)
{
    uint32_t cap = s->cap == 0 ? (uint32_t)SEATS_FIRST : s->cap * 2;
    struct at_balance_seat **bigger;

    if (s->count + s->promised < s->cap) {
        return 0;
    }
    bigger = realloc(s->seats, cap * sizeof(struct at_balance_seat *));
    if (bigger == NULL) {
        return -ENOMEM;
    }
    s->seats = bigger;
    s->cap = cap;
    return 0;
}

static void set_policy(struct at_seating *s, const struct at_service_open *open)
{
    struct at_balance_policy policy = {
        .kind = open->balance, .bound = open->bound, .slow_start_ns = open->slow_start_ns};

    s->replicas = open->replicas;
    s->key_len = open->key.len < sizeof(s->key) ? open->key.len : 0;
    if (s->key_len > 0) {
        memcpy(s->key, open->key.at, s->key_len);
    }
    at_balance_set(&s->balance, &policy);
}

int at_choose_opened(struct at_target *t, struct at_link *l, const struct at_service_open *open)
{
    struct at_seating *s = &t->seating;
    int r = make_room(s);

    if (r < 0) {
        return r;
    }
    set_policy(s, open);
    s->promised++;
    l->seat_index = AT_SEAT_PROMISED;
    l->seat.identity = at_balance_hash(at_bytes_of(l->peer_instance));
    l->seat.weight = open->weight;
    l->seat.ready_ns = open->ready_ns;
    return 0;
}

void at_choose_sit(struct at_target *t, struct at_link *l)
{
    struct at_seating *s = &t->seating;

    s->promised--;
    l->seat_index = s->count;
    s->seats[s->count++] = &l->seat;
    at_balance_changed(&s->balance);
}

void at_choose_leave(struct at_link *l)
{
    struct at_seating *s = l->target == NULL ? NULL : &l->target->seating;

    if (s == NULL || l->seat_index == AT_SEAT_NONE) {
        return;
    }
    if (l->seat_index == AT_SEAT_PROMISED) {
        s->promised--;
    } else { /* the others keep their turn */
        for (uint32_t i = l->seat_index + 1; i < s->count; i++) {
            s->seats[i - 1] = s->seats[i];
            link_of(s->seats[i])->seat_index = i - 1;
        }
        s->count--;
        at_balance_changed(&s->balance);
    }
    l->seat_index = AT_SEAT_NONE;
}

void at_choose_deinit(struct at_target *t)
{
    free(t->seating.seats);
    t->seating.seats = NULL;
    t->seating.count = 0;
}

bool at_choose_has_room(const struct at_link *l)
{
    uint32_t room;

    if (l->draining || !at_slots_left(l) || l->rule != AT_RULE_NONE) {
        return false;
    }
    /* Credit is the peer's word: lying only starves or floods itself, within our slots. */
    room = at_channel_peer_credit(&l->channel) - l->started;
    return (int32_t)room > 0;
}

static bool seat_has_room(const struct at_balance_seat *seat)
{
    return at_choose_has_room((
        const struct at_link *)(const void *)((const char *)seat - offsetof(struct at_link, seat)));
}

static bool seat_has_room_for_streams(const struct at_balance_seat *seat)
{
    const struct at_link *l =
        (const struct at_link *)(const void *)((const char *)seat - offsetof(struct at_link, seat));

    return l->layout >= 2 && at_choose_has_room(l);
}

/* While a service is being updated some of its instances carry no streams. When none does, any may
 * have the call: it says so. */
static bool some_stream(const struct at_seating *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (link_of(s->seats[i])->layout >= 2) {
            return true;
        }
    }
    return false;
}

/* splitmix64 */
static uint64_t next_chance(struct at_seating *s)
{
    uint64_t x = s->chance += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static bool has_hash(const struct at_seating *s, struct at_pending *p)
{
    if (p->hashed == AT_KEY_UNKNOWN) {
        bool has = p->request.key != NULL &&
                   p->request.key(&p->request, at_bytes_over(s->key, s->key_len), &p->hash);

        p->hashed = has ? AT_KEY_HASHED : AT_KEY_NONE;
    }
    return p->hashed == AT_KEY_HASHED;
}

static struct at_link *choose_among(struct at_target *t, struct at_pending *p, uint64_t now_ns)
{
    struct at_seating *s = &t->seating;
    struct at_balance_ask ask = {
        .seats = s->seats, .count = s->count, .has_room = seat_has_room, .now_ns = now_ns};
    int i;

    if (p->stream != NULL && some_stream(s)) {
        ask.has_room = seat_has_room_for_streams;
    }
    if (s->balance.policy.kind == AT_BALANCE_P2C) {
        ask.random = next_chance(s);
    } else if (s->balance.policy.kind == AT_BALANCE_HASH) {
        ask.has_hash = has_hash(s, p);
        ask.hash = p->hash;
    }
    i = at_balance_choose(&s->balance, &ask);
    return i < 0 ? NULL : link_of(s->seats[i]);
}

struct at_link *at_choose(struct at_target *t, struct at_pending *p, uint64_t now_ns)
{
    if (t->seating.count == 1) {
        struct at_link *l = link_of(t->seating.seats[0]);

        return at_choose_has_room(l) ? l : NULL;
    }
    return t->seating.count == 0 ? NULL : choose_among(t, p, now_ns);
}

void at_choose_sent(struct at_target *t, struct at_pending *p, uint64_t now_ns)
{
    if (t->seating.balance.policy.kind == AT_BALANCE_P2C) {
        p->sent_ns = now_ns;
    }
}

void at_choose_answered(struct at_link *l, const struct at_pending *p, uint32_t status,
                        uint64_t now_ns)
{
    if (status == AT_STATUS_OK && p->sent_ns != 0 && now_ns >= p->sent_ns &&
        l->target->seating.balance.policy.kind == AT_BALANCE_P2C) {
        at_balance_measured(&l->seat, now_ns - p->sent_ns, now_ns);
    }
}
