#include "call/engine.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/map.h"
#include "call/buffers.h"
#include "call/deadlines.h"
#include "call/limits.h"
#include "call/link.h"
#include "call/streams.h"
#include "call/target.h"
#include "call/upkeep.h"
#include "control/message.h"
#include "control/service.h"
#include "shm/channel.h"

enum { CONTROL_MESSAGES_PER_TURN = 64 };

void at_engine_serve(struct at_engine *e, struct at_bytes methods)
{
    e->methods = methods;
    e->method_count = 0;
    memset(e->streaming, 0, sizeof(e->streaming));
    for (size_t i = 0; i < methods.len; i++) {
        if (methods.at[i] == ' ' && e->method_count < AT_CALL_METHODS_MAX) {
            e->streaming[e->method_count / 8] |= (uint8_t)(1U << e->method_count % 8);
        }
        e->method_count += methods.at[i] == '\n';
    }
}

int at_engine_new(const struct at_engine_ops *ops, void *user, int control_fd,
                  struct at_bytes methods, struct at_engine **ret)
{
    struct at_engine *e = calloc(1, sizeof(*e));
    int r;

    if (e == NULL) {
        return -ENOMEM;
    }
    e->ops = ops;
    e->user = user;
    e->control = control_fd;
    at_engine_serve(e, methods);
    at_list_init(&e->hot);
    at_list_init(&e->dead);
    at_list_init(&e->due);
    at_list_init(&e->unshown);
    at_deadlines_init(&e->deadlines);
    at_list_init(&e->news);
    at_list_init(&e->spare);
    at_buffers_init(&e->buffers);
    at_map_init(&e->targets, 0);
    e->retry.kind = AT_DEADLINE_RETRY;
    e->message = malloc(sizeof(*e->message));
    r = e->message == NULL ? -ENOMEM : at_fd_set_nonblocking(control_fd, 1);
    if (r == 0) {
        r = ops->watch(user, control_fd, EPOLLIN, AT_WATCH_CONTROL, &e->watch_control);
    }
    if (r < 0) {
        at_buffers_deinit(&e->buffers);
        free(e->message);
        free(e);
        return r;
    }
    *ret = e;
    return 0;
}

static void free_dead(struct at_engine *e)
{
    while (!at_list_is_empty(&e->dead)) {
        at_link_free(at_container_of(e->dead.next, struct at_link, dead_entry));
    }
}

struct at_engine *at_engine_free(struct at_engine *e)
{
    if (e == NULL) {
        return NULL;
    }
    e->closing = true;
    for (uint32_t i = 0; i < e->link_cap; i++) {
        if (e->links[i] != NULL) {
            at_link_close(e->links[i], AT_LIT("this process stops calling"));
        }
    }
    at_client_free_targets(e);
    while (at_client_run_due(e)) {
    }
    free_dead(e);
    at_server_free_spare(e);
    if (e->watch_control != NULL) {
        e->ops->unwatch(e->user, e->control, e->watch_control);
    }
    at_deadlines_deinit(&e->deadlines);
    at_buffers_deinit(&e->buffers);
    free(e->links);
    free(e->generations);
    free(e->message);
    free(e);
    return NULL;
}

static struct at_link *link_of(const struct at_engine *e, uint64_t channel)
{
    for (uint32_t i = 0; i < e->link_cap; i++) {
        if (e->links[i] != NULL && e->links[i]->id == channel) {
            return e->links[i];
        }
    }
    return NULL;
}

static void on_open(struct at_engine *e, struct at_message *m)
{
    struct at_service_open open;
    struct at_link *l = NULL;

    int r;

    if (at_message_read(&at_service_open_kind, m, &open) != 0 ||
        (open.side != AT_SIDE_CLIENT && open.side != AT_SIDE_SERVER)) {
        return;
    }
    r = m->fd_count != 3 ? -EMFILE : at_link_new(e, &open, m, &l);
    if (r < 0) {
        at_link_refuse(e, &open, r);
        return;
    }
    r = open.side == AT_SIDE_CLIENT ? at_client_open(e, &open, l) : 0;
    if (r < 0) {
        at_link_free(l); /* -ENOENT: for a target that nobody wants */
    }
    if (r == -ENOMEM) {
        at_link_refuse(e, &open, r);
    }
}

static void on_edge(struct at_engine *e, struct at_message *m)
{
    struct at_service_edge edge;

    if (at_message_read(&at_service_edge_kind, m, &edge) == 0) {
        at_client_edge(e, &edge);
    }
}

static void on_gone(struct at_engine *e, struct at_message *m)
{
    struct at_service_gone gone;
    struct at_link *l;

    if (at_message_read(&at_service_gone_kind, m, &gone) != 0) {
        return;
    }
    l = link_of(e, gone.channel);
    if (l != NULL && l->state != AT_LINK_DEAD) {
        at_link_dying(l);
        at_link_close(l, gone.reason);
    }
}

static void on_other(struct at_engine *e, struct at_message *m)
{
    bool resume = m->type == AT_SERVICE_RESUME;

    if (e->ops->other != NULL) {
        e->ops->other(e->user, m);
    }
    if (resume) {
        at_engine_want_again(e); /* behind the owner's new HELLO */
    }
}

typedef void on_message_fn(struct at_engine *e, struct at_message *m);

static on_message_fn *const on_message[] = {
    [AT_SERVICE_OPEN] = on_open,
    [AT_SERVICE_EDGE] = on_edge,
    [AT_SERVICE_GONE] = on_gone,
};

static void on_control(struct at_engine *e)
{
    for (int i = 0; i < CONTROL_MESSAGES_PER_TURN && !e->control_gone; i++) {
        int r = at_message_receive(e->control, e->message);

        if (r == -EAGAIN) {
            return;
        }
        if (r == AT_MESSAGE_MALFORMED) {
            if (e->message->type == AT_SERVICE_OPEN) {
                on_open(e, e->message); /* no descriptor was free for those that it brings */
            }
            continue; /* else from a newer supervisor, at worst: skip it */
        }
        if (r != 0) {
            e->control_gone = true;
            e->ops->unwatch(e->user, e->control, e->watch_control);
            e->watch_control = NULL;
            if (e->ops->control_lost != NULL) {
                e->ops->control_lost(e->user);
            }
            return;
        }
        if (e->message->type < sizeof(on_message) / sizeof(on_message[0]) &&
            on_message[e->message->type] != NULL) {
            on_message[e->message->type](e, e->message);
        } else {
            on_other(e, e->message);
        }
        at_message_clear(e->message);
    }
}

void at_engine_event(struct at_engine *e, uint64_t tag, uint32_t events)
{
    uint32_t index = (uint32_t)tag >> 2;
    struct at_link *l;

    if ((tag & 3) == AT_WATCH_CONTROL) {
        on_control(e);
        return;
    }
    l = index < e->link_cap ? e->links[index] : NULL;
    if (l == NULL || e->generations[index] != (uint32_t)(tag >> 32) || l->state == AT_LINK_DEAD) {
        return; /* an event of a channel that has been closed since */
    }
    if ((tag & 3) == AT_WATCH_LIFELINE) {
        at_link_lifeline(l);
    } else if (l->state == AT_LINK_OPEN) {
        at_link_rung(l);
    }
    (void)events;
}

static void expire(struct at_engine *e, struct at_deadline *d)
{
    at_deadlines_remove(&e->deadlines, d);
    if (d->kind == AT_DEADLINE_PENDING) {
        at_client_expired(e, at_container_of(d, struct at_pending, deadline));
    } else if (d->kind == AT_DEADLINE_LINK) {
        struct at_link *l = at_container_of(d, struct at_link, deadline);

        if (l->state == AT_LINK_ATTACHING) {
            at_link_break(l, AT_RULE_ATTACH);
        } else {
            at_link_close(l, (struct at_bytes){0});
        }
    } else if (d->kind == AT_DEADLINE_TARGET) {
        at_target_again(e, at_container_of(d, struct at_target, again));
    } else if (d->kind == AT_DEADLINE_UPKEEP) {
        at_upkeep_expired(e);
    } else if (d->kind == AT_DEADLINE_OWNER) {
        e->ops->alarm(e->user, d);
    } else {
        at_client_send_wants(e, false);
    }
}

int at_engine_alarm(struct at_engine *e, struct at_deadline *d)
{
    d->kind = AT_DEADLINE_OWNER;
    return at_deadlines_add(&e->deadlines, d);
}

void at_engine_unalarm(struct at_engine *e, struct at_deadline *d)
{
    at_deadlines_remove(&e->deadlines, d);
}

static bool run_deadlines(struct at_engine *e)
{
    bool any = false;
    struct at_deadline *d;

    while ((d = at_deadlines_first(&e->deadlines)) != NULL && d->at_ns <= e->now_ns) {
        expire(e, d);
        any = true;
    }
    return any;
}

static bool run_hot(struct at_engine *e)
{
    bool any = false;
    size_t n = 0;

    at_list_foreach (it, &e->hot) {
        n++;
    }
    for (; n > 0 && !at_list_is_empty(&e->hot); n--) {
        struct at_link *l = at_container_of(e->hot.next, struct at_link, entry);

        at_list_remove(&l->entry);
        any = at_link_drain(l) || any;
        if (l->state == AT_LINK_OPEN && !at_list_is_linked(&l->entry)) {
            at_list_append(&e->hot, &l->entry);
        }
    }
    return any;
}

void at_engine_tell_time(struct at_engine *e, uint64_t now_ns)
{
    e->now_ns = now_ns;
}

bool at_engine_run(struct at_engine *e, uint64_t now_ns)
{
    bool any;

    e->now_ns = now_ns;
    any = run_deadlines(e);
    any = run_hot(e) || any;
    any = at_streams_run(e) || any;
    any = at_client_run_due(e) || any;
    free_dead(e);
    return any;
}

void at_engine_cork(struct at_engine *e)
{
    e->corked = true;
}

void at_engine_show(struct at_engine *e)
{
    while (!at_list_is_empty(&e->unshown)) {
        struct at_link *l = at_container_of(e->unshown.next, struct at_link, of_unshown);

        at_list_remove(&l->of_unshown);
        at_channel_publish(&l->channel);
    }
}

bool at_engine_show_silently(struct at_engine *e, struct at_engine_bell *ret)
{
    struct at_link *l;

    if (at_list_is_empty(&e->unshown) || e->unshown.next != e->unshown.prev) {
        at_engine_show(e); /* several: as always */
        return false;
    }
    l = at_container_of(e->unshown.next, struct at_link, of_unshown);
    at_list_remove(&l->of_unshown);
    if (!at_channel_publish_silently(&l->channel)) {
        return false;
    }
    l->orphans++;
    *ret = (struct at_engine_bell){.link = l, .fd = l->bell_peer};
    return true;
}

void at_engine_bell_rung(const struct at_engine_bell *bell)
{
    at_link_unkeep(bell->link);
}

static bool has_work(const struct at_link *l)
{
    return l->rule != AT_RULE_NONE || (!l->paused && at_channel_has_records(&l->channel));
}

bool at_engine_has_work(const struct at_engine *e)
{
    at_list_foreach (it, &e->hot) {
        if (has_work(at_container_of(it, struct at_link, entry))) {
            return true;
        }
    }
    return !at_list_is_empty(&e->due) || !at_list_is_empty(&e->news);
}

bool at_engine_is_apart(const struct at_engine *e)
{
    bool apart = false;
    int n = 0;

    at_list_foreach (it, &e->hot) {
        const struct at_link *l = at_container_of(it, struct at_link, entry);

        if (++n > AT_CALL_LOOKED_AT_MAX || at_link_owes(l)) {
            return false;
        }
        /* Who has not said anything yet has not said where it runs. */
        apart = apart || (l->channel.peer_tail != 0 && at_channel_is_apart(&l->channel));
    }
    return apart;
}

bool at_engine_arm(struct at_engine *e)
{
    bool quiet = at_list_is_empty(&e->due) && at_list_is_empty(&e->news);

    at_engine_show(e);

    at_list_foreach_safe (it, &e->hot) {
        struct at_link *l = at_container_of(it, struct at_link, entry);
        uint32_t bits = l->paused ? 0 : AT_WAIT_RECORDS;

        if (at_link_owes(l)) {
            bits |= AT_WAIT_ROOM;
        }
        if (!has_work(l) && at_channel_arm(&l->channel, bits)) {
            at_list_remove(&l->entry);
        } else {
            quiet = false;
        }
    }
    return quiet;
}

void *at_engine_buffer(struct at_engine *e, size_t len, struct at_list *holder)
{
    return at_upkeep_buffer(e, len, holder);
}

struct at_buffers *at_engine_buffers(struct at_engine *e)
{
    return &e->buffers;
}

uint64_t at_engine_next_deadline(const struct at_engine *e)
{
    const struct at_deadline *d = at_deadlines_first(&e->deadlines);

    if (!at_list_is_empty(&e->due) || !at_list_is_empty(&e->news)) {
        return 1; /* long past */
    }
    return d == NULL ? 0 : d->at_ns;
}

void at_engine_go_away(struct at_engine *e)
{
    e->going_away = true;
    for (uint32_t i = 0; i < e->link_cap; i++) {
        struct at_link *l = e->links[i];

        if (l != NULL && l->side == AT_SIDE_SERVER && l->state == AT_LINK_OPEN) {
            at_link_small(l, AT_RECORD_GOAWAY, 0);
        }
    }
}

size_t at_engine_unsent(const struct at_engine *e)
{
    return e->unsent;
}

void at_engine_want_again(struct at_engine *e)
{
    at_client_send_wants(e, true);
}
