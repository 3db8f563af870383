#include "call/upkeep.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fd.h"
#include "base/list.h"
#include "call/buffers.h"
#include "call/deadlines.h"
#include "call/engine.h"
#include "call/limits.h"
#include "call/link.h"
#include "control/message.h"
#include "shm/channel.h"
#include "shm/window.h"

static const struct at_field fields[] = {
    {AT_FIELD_U32, offsetof(struct at_window_offer, number), 0},
};

const struct at_message_kind at_window_kind = {.type = AT_WINDOW,
                                               .field_count = sizeof(fields) / sizeof(fields[0]),
                                               .fds_max = 1,
                                               .name = "WINDOW",
                                               .fields = fields,
                                               .struct_size = sizeof(struct at_window_offer)};

/* Sees to it that the deadline stands, at this time or before. */
static int watch_over(struct at_engine *e, uint64_t at_ns)
{
    if (at_deadline_is_added(&e->upkeep) && e->upkeep.at_ns <= at_ns) {
        return 0;
    }
    at_deadlines_remove(&e->deadlines, &e->upkeep);
    e->upkeep = (struct at_deadline){.at_ns = at_ns, .kind = AT_DEADLINE_UPKEEP};
    return at_deadlines_add(&e->deadlines, &e->upkeep);
}

/* May the process make one more window? It counts then. */
static bool spend(struct at_engine *e)
{
    uint64_t back = (e->now_ns - e->windows_spent_at_ns) / AT_CALL_WINDOW_EVERY_NS;

    if (back > 0) {
        e->windows_spent -= back < e->windows_spent ? (uint32_t)back : e->windows_spent;
        e->windows_spent_at_ns = e->now_ns;
    }
    if (e->windows_spent >= AT_CALL_WINDOWS_MAX) {
        return false;
    }
    e->windows_spent++;
    return true;
}

static void drop(struct at_link *l)
{
    if (l->channel.window.at != NULL) {
        at_window_drop(&l->channel);
        l->engine->windows--;
    }
}

void at_upkeep_want_window(struct at_link *l)
{
    struct at_engine *e = l->engine;
    struct at_window_offer offer;
    at_auto_close
    int fd = -1;

    if (l->layout < 2 || l->channel.window.at != NULL || e->windows >= AT_CALL_WINDOWS_MAX ||
        !spend(e)) {
        return;
    }
    if (at_window_offer(&l->channel, &fd) < 0) {
        e->windows_spent--;
        return;
    }
    e->windows++;
    l->window_used = true;
    offer.number = l->channel.window.number;
    if (watch_over(e, e->now_ns + AT_CALL_UPKEEP_NS) < 0 ||
        at_message_send(l->lifeline, &at_window_kind, &offer, &fd, 1) < 0) {
        drop(l);
    }
}

int at_upkeep_offered(struct at_link *l, struct at_message *m)
{
    struct at_window_offer offer;

    if (l->layout < 2 || m->fd_count != 1 || at_message_read(&at_window_kind, m, &offer) != 0) {
        return AT_RULE_CHUNK;
    }
    return at_window_accept(&l->channel, m->fds[0], offer.number) == AT_CHANNEL_BROKEN
               ? (int)l->channel.rule
               : 0;
}

int at_upkeep_returned(struct at_link *l, const struct at_record *r)
{
    uint32_t number = r->call_id;

    at_channel_consume(&l->channel, r);
    return at_window_returned(&l->channel, number) == AT_CHANNEL_BROKEN ? (int)l->channel.rule
                                                                        : AT_RULE_NONE;
}

void at_upkeep_pay(struct at_link *l)
{
    int x = at_window_give_back(&l->channel);

    l->owes_return = x == AT_CHANNEL_FULL;
    if (x == 0) {
        l->engine->windows--;
    } else {
        l->rule = x == AT_CHANNEL_BROKEN ? (uint8_t)l->channel.rule : l->rule;
        at_link_heat(l);
    }
}

void at_upkeep_leave(struct at_link *l)
{
    drop(l);
}

/* When to look again after the link's window; UINT64_MAX: it has none. */
static uint64_t look_after(struct at_link *l, uint64_t now_ns)
{
    int x;

    if (l->channel.window.at == NULL || l->state != AT_LINK_OPEN || l->owes_return) {
        return UINT64_MAX;
    }
    if (l->window_used) {
        l->window_used = false;
        l->window_until_ns = now_ns + (AT_CALL_UPKEEP_NS << l->windows_made);
    }
    if (now_ns < l->window_until_ns) {
        return l->window_until_ns;
    }
    x = at_list_is_empty(&l->out) ? at_window_is_consumed(&l->channel) : AT_CHANNEL_FULL;
    if (x == AT_CHANNEL_BROKEN) {
        l->rule = (uint8_t)l->channel.rule;
        at_link_heat(l);
    } else if (x == 0) {
        if (l->windows_made < AT_CALL_WINDOW_DOUBLINGS) {
            l->windows_made++;
        }
        at_upkeep_pay(l);
        at_channel_publish(&l->channel);
    }
    l->window_until_ns = now_ns + (AT_CALL_UPKEEP_NS << l->windows_made);
    return x == AT_CHANNEL_FULL ? l->window_until_ns : UINT64_MAX;
}

void *at_upkeep_buffer(struct at_engine *e, size_t len, struct at_list *holder)
{
    (void)watch_over(e, e->now_ns + AT_CALL_UPKEEP_NS); /* without memory: the next one does it */
    return at_buffers_take(&e->buffers, len, holder);
}

void at_upkeep_expired(struct at_engine *e)
{
    uint64_t next = at_buffers_tidy(&e->buffers) ? e->now_ns + AT_CALL_UPKEEP_NS : UINT64_MAX;

    for (uint32_t i = 0; i < e->link_cap; i++) {
        uint64_t again = e->links[i] == NULL ? UINT64_MAX : look_after(e->links[i], e->now_ns);

        next = again < next ? again : next;
    }
    if (next != UINT64_MAX) {
        (void)watch_over(e, next); /* cannot fail: its place in the heap has just become free */
    }
}
