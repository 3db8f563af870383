#include "call/link.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/list.h"
#include "call/choose.h"
#include "call/deadlines.h"
#include "call/engine.h"
#include "call/limits.h"
#include "call/methods.h"
#include "call/outgoing.h"
#include "call/streams.h"
#include "call/target.h"
#include "call/upkeep.h"
#include "control/message.h"
#include "control/service.h"
#include "shm/channel.h"
#include "shm/limits.h"

void at_link_heat(struct at_link *l)
{
    if (l->state == AT_LINK_OPEN && !at_list_is_linked(&l->entry)) {
        at_list_append(&l->engine->hot, &l->entry);
    }
}

static uint64_t tag_of(const struct at_link *l, enum at_link_watch which)
{
    return (uint64_t)l->engine->generations[l->index] << 32 | (uint64_t)l->index << 2 |
           (uint64_t)which;
}

static int take_index(struct at_engine *e, struct at_link *l)
{
    uint32_t cap = e->link_cap == 0 ? 8 : e->link_cap * 2;
    struct at_link **links;
    uint32_t *generations;

    for (uint32_t i = 0; i < e->link_cap; i++) {
        if (e->links[i] == NULL) {
            e->links[i] = l;
            l->index = i;
            return 0;
        }
    }
    if (cap > AT_CALL_LINKS_MAX) {
        return -EMFILE;
    }
    links = realloc(e->links, cap * sizeof(struct at_link *));
    if (links == NULL) {
        return -ENOMEM;
    }
    e->links = links;
    generations = realloc(e->generations, cap * sizeof(uint32_t));
    if (generations == NULL) {
        return -ENOMEM;
    }
    e->generations = generations;
    memset(e->links + e->link_cap, 0, (cap - e->link_cap) * sizeof(struct at_link *));
    memset(e->generations + e->link_cap, 0, (cap - e->link_cap) * sizeof(uint32_t));
    l->index = e->link_cap;
    e->links[l->index] = l;
    e->link_cap = cap;
    return 0;
}

static void copy_name(char *to, struct at_bytes name)
{
    (void)snprintf(to, AT_CALL_NAME_ROOM, "%.*s", (int)name.len,
                   name.at == NULL ? "" : (const char *)name.at);
}

static int send_attach(struct at_link *l, int region_fd)
{
    struct at_attach attach = {.version_min = AT_LAYOUT_VERSION_MIN,
                               .version_max = AT_LAYOUT_VERSION,
                               .region_bytes = l->mine_bytes,
                               .slots = AT_CALL_SLOTS};

    if (l->side == AT_SIDE_SERVER) {
        attach.methods = l->engine->methods;
    }
    return at_message_send(l->lifeline, &at_attach_kind, &attach, &region_fd, 1);
}

/* Everything that can fail; at_link_free() undoes it. */
static int set_up(struct at_link *l)
{
    struct at_engine *e = l->engine;
    at_auto_close
    int region_fd = -1;
    int r = l->lifeline < 0 || l->bell_mine < 0 || l->bell_peer < 0 ? -EBADF : take_index(e, l);

    if (r < 0) {
        return r;
    }
    r = at_region_create(AT_RING_BYTES, l->id, l->layout, &l->mine, &region_fd);
    if (r < 0) {
        return r;
    }
    l->mine_bytes = (uint32_t)sizeof(struct at_region) + AT_RING_BYTES;
    if (l->side == AT_SIDE_SERVER) {
        atomic_store(&l->mine->credit, AT_CALL_SLOTS);
    }
    r = at_fd_set_nonblocking(l->lifeline, 1);
    if (r == 0) {
        r = send_attach(l, region_fd);
    }
    if (r == 0 || r == -EPIPE || r == -ECONNRESET) { /* already dead: the watch will tell */
        r = e->ops->watch(e->user, l->lifeline, EPOLLIN | EPOLLRDHUP, tag_of(l, AT_WATCH_LIFELINE),
                          &l->watch_lifeline);
    }
    if (r == 0) {
        l->deadline =
            (struct at_deadline){.at_ns = e->now_ns + AT_CALL_ATTACH_NS, .kind = AT_DEADLINE_LINK};
        r = at_deadlines_add(&e->deadlines, &l->deadline);
    }
    return r;
}

/* A library that speaks layout 1 knows nothing but the default. */
static uint32_t message_max_of(const struct at_service_open *open, uint32_t layout)
{
    if (layout < 2 || open->max_message == 0) {
        return AT_CALL_MESSAGE_MAX;
    }
    return open->max_message < AT_CALL_MESSAGE_MOST ? open->max_message : AT_CALL_MESSAGE_MOST;
}

/*
 * The layout that OPEN says, when it is one of ours. An older supervisor says none: it means layout
 * 1, and its doorbells hold 0, so that a ring would wake nobody: ours is made to hold 1.
 */
static int agree(struct at_link *l, const struct at_service_open *open)
{
    uint32_t layout = open->layout == 0 ? 1 : open->layout;
    uint64_t one = 1;

    if (layout < AT_LAYOUT_VERSION_MIN || layout > AT_LAYOUT_VERSION) {
        return -EPROTO;
    }
    if (open->layout == 0) {
        (void)!write(l->bell_mine, &one, sizeof(one));
    }
    l->layout = (uint16_t)layout;
    l->message_max = message_max_of(open, layout);
    return 0;
}

int at_link_new(struct at_engine *e, const struct at_service_open *open, struct at_message *m,
                struct at_link **ret)
{
    struct at_link *l = calloc(1, sizeof(*l));
    int r;

    if (l == NULL) {
        return -ENOMEM;
    }
    l->engine = e;
    l->id = open->channel;
    l->seat_index = AT_SEAT_NONE;
    l->index = UINT32_MAX;
    l->side = (uint8_t)open->side;
    l->flags = open->flags;
    l->state = AT_LINK_ATTACHING;
    l->lifeline = at_message_take_fd(m, 0);
    l->bell_mine = at_message_take_fd(m, 1);
    l->bell_peer = at_message_take_fd(m, 2);
    copy_name(l->peer_service, open->peer_service);
    copy_name(l->peer_instance, open->peer_instance);
    at_list_init(&l->out);
    at_list_init(&l->lost);
    at_methods_init(&l->methods);
    r = agree(l, open);
    if (r == 0) {
        r = set_up(l);
    }
    if (r < 0) {
        at_link_free(l);
        return r;
    }
    *ret = l;
    return 0;
}

static void unwatch(struct at_link *l)
{
    struct at_engine *e = l->engine;

    if (l->watch_lifeline != NULL) {
        e->ops->unwatch(e->user, l->lifeline, l->watch_lifeline);
        l->watch_lifeline = NULL;
    }
    if (l->watch_bell != NULL) {
        e->ops->unwatch(e->user, l->bell_mine, l->watch_bell);
        l->watch_bell = NULL;
    }
}

static void release(struct at_link *l)
{
    if (l->channel.mine != NULL) {
        at_channel_deinit(&l->channel);
    } else {
        at_region_release(l->mine, l->mine_bytes);
    }
    at_close(&l->bell_peer); /* perhaps it was to be rung without the owner's lock */
    free(l->slots);
    free(l->streams);
    free(l);
}

void at_link_free(struct at_link *l)
{
    struct at_engine *e = l->engine;

    unwatch(l);
    at_deadlines_remove(&e->deadlines, &l->deadline);
    at_list_remove(&l->entry);
    at_choose_leave(l);
    at_list_remove(&l->of_unshown);
    at_list_remove(&l->dead_entry);
    if (l->index != UINT32_MAX) {
        e->links[l->index] = NULL;
        e->generations[l->index]++;
    }
    at_upkeep_leave(l);
    at_close(&l->lifeline);
    at_close(&l->bell_mine);
    at_methods_deinit(&l->methods);
    l->gone = true;
    if (l->orphans == 0 || e->closing) {
        release(l);
    }
}

void at_link_unkeep(struct at_link *l)
{
    l->orphans--;
    if (l->gone && l->orphans == 0) {
        release(l);
    }
}

static int accept_attach(struct at_link *l, struct at_message *m)
{
    struct at_attach attach;
    const struct at_region *peer;
    enum at_channel_rule rule = AT_RULE_ATTACH;
    int r = at_message_read(&at_attach_kind, m, &attach);

    if (r != 0 || m->fd_count != 1 || attach.version_min > l->layout ||
        attach.version_max < l->layout) {
        at_link_break(l, AT_RULE_ATTACH);
        return 0;
    }
    r = at_region_accept(m->fds[0], attach.region_bytes, l->id, l->layout, &peer, &rule);
    if (r == AT_CHANNEL_BROKEN) {
        at_link_break(l, rule);
        return 0;
    }
    if (r < 0) {
        return r;
    }
    at_channel_init(&l->channel, l->mine, l->mine_bytes, peer, attach.region_bytes);
    l->channel.ring_fd = l->bell_peer;
    if (l->side == AT_SIDE_CLIENT) {
        r = at_methods_read(&l->methods, attach.methods);
        if (r == AT_MESSAGE_MALFORMED) {
            at_link_break(l, AT_RULE_ATTACH);
            return 0;
        }
    }
    if (r == 0) {
        r = l->engine->ops->watch(l->engine->user, l->bell_mine, EPOLLIN | EPOLLET,
                                  tag_of(l, AT_WATCH_BELL), &l->watch_bell);
    }
    if (r < 0) {
        return r;
    }
    at_deadlines_remove(&l->engine->deadlines, &l->deadline);
    l->state = AT_LINK_OPEN;
    at_link_heat(l);
    if (l->engine->going_away && l->side == AT_SIDE_SERVER) {
        at_link_small(l, AT_RECORD_GOAWAY, 0);
    }
    at_client_attached(l);
    return 0;
}

static void report_broken(struct at_engine *e, uint64_t channel, const char *text)
{
    struct at_service_broken broken = {.channel = channel, .reason = at_bytes_of(text)};

    (void)at_message_send(e->control, &at_service_broken_kind, &broken, NULL, 0);
}

static void fail(struct at_link *l, int error)
{
    char text[AT_CALL_REASON_MAX];

    (void)snprintf(text, sizeof(text), "the channel cannot be used: %s", strerrordesc_np(-error));
    report_broken(l->engine, l->id, text);
    at_link_close(l, at_bytes_of(text));
}

void at_link_lifeline(struct at_link *l)
{
    struct at_message *m = l->engine->message;
    int r = at_message_receive(l->lifeline, m);

    if (r == -EAGAIN) {
        return;
    }
    if (r == AT_MESSAGE_MALFORMED) {
        at_link_break(l, AT_RULE_ATTACH);
        return;
    }
    if (r != 0) {
        at_link_dying(l);
        return;
    }
    if (l->state == AT_LINK_ATTACHING && m->type == AT_ATTACH) {
        r = accept_attach(l, m);
        if (r < 0) {
            fail(l, r);
        }
    } else if (l->state == AT_LINK_OPEN && m->type == AT_WINDOW) {
        r = at_upkeep_offered(l, m);
        if (r > 0) {
            at_link_break(l, (enum at_channel_rule)r);
        }
    }
    at_message_clear(m); /* later kinds are from a newer peer: ignored, descriptors closed */
}

static void put_small(struct at_link *l, const struct at_record *r, int *ret)
{
    *ret = at_channel_put(&l->channel, r, (struct at_bytes){0}, (struct at_bytes){0});
    if (*ret == AT_CHANNEL_BROKEN) {
        l->rule = (uint8_t)l->channel.rule;
        at_link_heat(l);
    }
}

void at_link_small(struct at_link *l, uint8_t kind, uint32_t call_id)
{
    struct at_record r = {.kind = kind, .call_id = call_id};
    int x;

    put_small(l, &r, &x);
    if (x == AT_CHANNEL_FULL && kind == AT_RECORD_CANCEL) {
        l->slots[call_id & UINT16_MAX].owes_cancel = true;
        l->cancels_owed++;
        at_link_heat(l);
    } else if (x == AT_CHANNEL_FULL && kind == AT_RECORD_GOAWAY) {
        l->owes_goaway = true;
        at_link_heat(l);
    }
    at_channel_publish(&l->channel);
}

static void pay_goaway(struct at_link *l)
{
    struct at_record r = {.kind = AT_RECORD_GOAWAY};
    int x;

    put_small(l, &r, &x);
    l->owes_goaway = x != 0;
}

static void pay_cancels(struct at_link *l)
{
    for (uint32_t i = 0; i < l->slot_count && l->cancels_owed > 0; i++) {
        struct at_slot *s = &l->slots[i];
        struct at_record r = {.kind = AT_RECORD_CANCEL,
                              .call_id = i | (uint32_t)s->generation << 16};
        int x;

        if (!s->owes_cancel) {
            continue;
        }
        put_small(l, &r, &x);
        if (x != 0) {
            return;
        }
        s->owes_cancel = false;
        l->cancels_owed--;
    }
}

bool at_link_owes(const struct at_link *l)
{
    return !at_list_is_empty(&l->out) || l->cancels_owed > 0 || l->owes_goaway || l->owes_return ||
           at_streams_owe(l);
}

/* Short debts first: the peer forgets a half message before the next one begins. */
static bool pay(struct at_link *l)
{
    if (l->owes_goaway) {
        pay_goaway(l);
    }
    if (l->cancels_owed > 0) {
        pay_cancels(l);
    }
    if (l->owes_return) {
        at_upkeep_pay(l);
    }
    at_streams_pay(l);
    return l->cancels_owed == 0 && !l->owes_goaway;
}

void at_link_flush(struct at_link *l)
{
    if (pay(l)) {
        at_outgoing_write(l);
    } else {
        at_link_heat(l); /* so that the next sleep waits for room */
    }
    at_link_show(l);
}

void at_link_show(struct at_link *l)
{
    if (l->engine->corked) {
        if (!at_list_is_linked(&l->of_unshown)) {
            at_list_append(&l->engine->unshown, &l->of_unshown);
        }
    } else {
        at_channel_publish(&l->channel);
    }
}

bool at_link_send(struct at_link *l, struct at_outgoing *out)
{
    at_list_append(&l->out, &out->entry);
    if (l->out.next == &out->entry) {
        at_link_flush(l);
    }
    return l->out.prev != &out->entry; /* an address only: written out, an answer is gone */
}

/*
 * An honest peer rings after it wrote, or after it read what we wrote: between two of its rings our
 * own cursors have moved. One that only rings costs a look a time, and then its channel.
 */
void at_link_rung(struct at_link *l)
{
    uint32_t moved = l->channel.head + l->channel.peer_taken;

    l->idle_rings = moved == l->rung_at ? l->idle_rings + 1 : 0;
    l->rung_at = moved;
    at_channel_disarm(&l->channel);
    if (l->idle_rings > AT_CALL_IDLE_RINGS_MAX) {
        at_link_break(l, AT_RULE_BELL);
    } else {
        at_link_heat(l);
    }
}

typedef int take_fn(struct at_link *l, const struct at_record *r);

static int take_cancel(struct at_link *l, const struct at_record *r)
{
    uint32_t call_id = r->call_id;

    at_channel_consume(&l->channel, r);
    at_server_cancel(l, call_id);
    return AT_RULE_NONE;
}

static int take_goaway(struct at_link *l, const struct at_record *r)
{
    at_channel_consume(&l->channel, r);
    l->draining = true;
    return AT_RULE_NONE;
}

static int take_ping(struct at_link *l, const struct at_record *r)
{
    at_channel_consume(&l->channel, r);
    return AT_RULE_NONE;
}

/* What each side may send: [receiving side is the client][kind]. */
static take_fn *const takers[2][AT_RECORD_KINDS] = {
    {
        [AT_RECORD_REQUEST] = at_server_take,
        [AT_RECORD_DATA] = at_server_take_data,
        [AT_RECORD_END] = at_stream_take_end,
        [AT_RECORD_WINDOW] = at_stream_take_window,
        [AT_RECORD_CANCEL] = take_cancel,
        [AT_RECORD_EXT_RETURN] = at_upkeep_returned,
        [AT_RECORD_PING] = take_ping,
        [AT_RECORD_MESSAGE] = at_stream_take_message,
    },
    {
        [AT_RECORD_RESPONSE] = at_client_take,
        [AT_RECORD_DATA] = at_client_take_data,
        [AT_RECORD_WINDOW] = at_stream_take_window,
        [AT_RECORD_GOAWAY] = take_goaway,
        [AT_RECORD_EXT_RETURN] = at_upkeep_returned,
        [AT_RECORD_PING] = take_ping,
        [AT_RECORD_MESSAGE] = at_stream_take_message,
    },
};

/* One record. 0 or an at_channel_rule that was broken, or -1: there is none. */
static int take_one(struct at_link *l)
{
    struct at_record r;
    take_fn *take;
    int x = at_channel_next(&l->channel, &r);

    if (x != 0) {
        return x == AT_CHANNEL_EMPTY ? -1 : (int)l->channel.rule;
    }
    take = r.kind < AT_RECORD_KINDS ? takers[l->side == AT_SIDE_CLIENT][r.kind] : NULL;
    return take == NULL ? AT_RULE_KIND : take(l, &r);
}

bool at_link_drain(struct at_link *l)
{
    int n = 0;
    int x = l->rule;

    while (x == AT_RULE_NONE && n < AT_CALL_RECORDS_PER_TURN && !l->paused) {
        x = take_one(l);
        n += x >= 0;
    }
    if (x > AT_RULE_NONE) {
        at_link_break(l, (enum at_channel_rule)x);
        return true;
    }
    if (n > 0) {
        at_channel_tell(&l->channel);
    }
    if (at_link_owes(l)) {
        at_link_flush(l);
    }
    if (n > 0 && l->target != NULL) {
        at_client_pump(l->engine, l->target);
    }
    return n > 0;
}

void at_link_break(struct at_link *l, enum at_channel_rule rule)
{
    char text[AT_CALL_REASON_MAX];

    (void)snprintf(text, sizeof(text), "%s broke the channel: %s", l->peer_instance,
                   at_channel_rule_text(rule));
    report_broken(l->engine, l->id, text);
    at_link_close(l, at_bytes_of(text));
}

void at_link_refuse(struct at_engine *e, const struct at_service_open *open, int error)
{
    char text[AT_CALL_REASON_MAX];

    (void)snprintf(text, sizeof(text), "the channel cannot be set up: %s", strerrordesc_np(-error));
    report_broken(e, open->channel, text);
    if (open->side == AT_SIDE_CLIENT) {
        at_client_refused(e, open->request);
    }
}

/* Out of every list but the dead's; its calls moved or waiting for the cause. */
static void detach(struct at_link *l, uint8_t state)
{
    l->state = state;
    unwatch(l);
    at_deadlines_remove(&l->engine->deadlines, &l->deadline);
    at_list_remove(&l->entry);
    at_choose_leave(l);
    at_list_remove(&l->of_unshown);
    if (l->side == AT_SIDE_SERVER) {
        at_server_lost(l);
    } else {
        at_client_lost(l);
    }
}

void at_link_dying(struct at_link *l)
{
    struct at_engine *e = l->engine;

    if (l->state == AT_LINK_DYING) {
        return; /* the cause is being waited for */
    }
    /* What it had published counts. Bounded: a liar may close its lifeline and go on writing. */
    for (uint32_t i = 0; l->state == AT_LINK_OPEN && i <= l->channel.peer_ring_bytes >> 12; i++) {
        l->paused = false;
        if (!at_link_drain(l)) {
            break;
        }
    }
    if (l->state == AT_LINK_DEAD) {
        return;
    }
    detach(l, AT_LINK_DYING);
    if (at_list_is_empty(&l->lost)) {
        at_link_close(l, (struct at_bytes){0});
        return;
    }
    l->deadline =
        (struct at_deadline){.at_ns = e->now_ns + AT_CALL_LAST_WORDS_NS, .kind = AT_DEADLINE_LINK};
    if (at_deadlines_add(&e->deadlines, &l->deadline) < 0) {
        at_link_close(l, (struct at_bytes){0});
    }
}

void at_link_close(struct at_link *l, struct at_bytes reason)
{
    if (l->state == AT_LINK_DEAD) {
        return;
    }
    if (l->state != AT_LINK_DYING) {
        detach(l, AT_LINK_DYING);
    }
    l->state = AT_LINK_DEAD;
    at_deadlines_remove(&l->engine->deadlines, &l->deadline);
    at_client_cause(l, reason);
    if (l->target != NULL) {
        at_target_lost(l->engine, l->target);
    }
    at_list_append(&l->engine->dead, &l->dead_entry);
}
