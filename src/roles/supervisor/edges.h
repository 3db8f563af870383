/*
 * Who talks to whom: parties (instances, and operators that call), what they want, and the channels
 * between them. Checks every edge against the plan, opens channels when both ends are there, and
 * tells the survivor when one is gone.
 *
 * Touches nothing but control sockets. A party that does not read its socket, or asks for too much,
 * is reported through on_trouble, in the middle of the work: the owner notes it and drops it later.
 *
 * A channel that one end calls BROKEN is opened again by itself, and at once when the client WANTs
 * again, but not within AT_SUPER_REOPEN_MS of its last opening: whoever breaks channels in a loop
 * costs the other end, and us, one in that time.
 *
 * A channel's id is the server's generation in the upper half, so that after a change of supervisors
 * the ids that a client still has tell whom they lead to.
 */
#ifndef AT_SUPERVISOR_EDGES_H
#define AT_SUPERVISOR_EDGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/list.h"
#include "control/service.h"
#include "plan/plan.h"
#include "roles/supervisor/outbox.h"

#define AT_EDGES_OPERATOR UINT32_MAX /* `service` of a party that is no instance */

struct at_party {
    struct at_list link;
    struct at_list wants;
    struct at_list as_client; /* channels */
    struct at_list as_server;
    size_t want_count;
    size_t channel_count;
    size_t broken_count; /* channels that it, as client, called BROKEN */
    const char *name;    /* "cart.1"; borrowed */
    uint32_t service;    /* index in the plan, or AT_EDGES_OPERATOR */
    uint64_t generation;
    uint32_t layout_min;     /* of channels that it speaks; see at_edges_hello() */
    uint32_t layout_max;     /* 0: it has not said HELLO to us, no channel is opened yet */
    bool is_ready;           /* may be opened to */
    uint64_t ready_ns;       /* since when */
    int sock;                /* control socket; stays the owner's */
    struct at_outbox outbox; /* what the socket does not take; see at_edges_ops.on_wait */
};

struct at_edges_ops {
    /* It does not read, or breaks rules. Called in the middle of the work: note it, drop it later. */
    void (*on_trouble)(void *user, struct at_party *party, const char *reason);
    /* Something waits in its outbox: call at_edges_flush() when the socket can be written. */
    void (*on_wait)(void *user, struct at_party *party);
    /* Call at_edges_tick() at that time; an earlier one that was asked for stays. */
    void (*on_later)(void *user, uint64_t due_ns);
    uint64_t (*now_ns)(void *user);
};

struct at_edges {
    struct at_list parties;
    const struct at_plan *plan;
    char **failed; /* per service: why it was given up on, or NULL */
    uint64_t serial;
    struct at_list pauses; /* of broken channels */
    const struct at_edges_ops *ops;
    void *user;
};

/* serial: no channel id may repeat in the system's life; pass the count of supervisors. -ENOMEM. */
int at_edges_init(struct at_edges *edges, const struct at_plan *plan, uint32_t supervisor,
                  const struct at_edges_ops *ops, void *user);
/* Every party must have left. */
void at_edges_deinit(struct at_edges *edges);

/* name, service, generation and sock are set; the rest is initialised here. */
void at_edges_join(struct at_edges *edges, struct at_party *party);
/* Forgets its wants; the other ends of its channels hear GONE with the reason. Twice is fine. */
void at_edges_leave(struct at_edges *edges, struct at_party *party, const char *reason);
/*
 * The party's HELLO, first or said again to a new supervisor: the channel layouts that it speaks; 0, 0:
 * only layout 1. What waited for that is opened. 0; AT_MESSAGE_MALFORMED: no such range.
 */
int at_edges_hello(struct at_edges *edges, struct at_party *party, uint32_t layout_min,
                   uint32_t layout_max);
/* Says something to the party, in order with what already waits for it. */
void at_edges_say(struct at_edges *edges, struct at_party *party, const struct at_letter *letter);
/* Sends what waits. true: nothing waits any more. */
bool at_edges_flush(struct at_edges *edges, struct at_party *party);
/* The party serves from now on: whoever wants its service hears OPEN. */
void at_edges_ready(struct at_edges *edges, struct at_party *party);
/* 0; AT_MESSAGE_MALFORMED: it breaks the rules; -ENOMEM. */
int at_edges_want(struct at_edges *edges, struct at_party *party,
                  const struct at_service_want *want);
/* The party says that the other end broke the rules: both forget the channel. The other's name, or
 * NULL when there is no such channel. */
const char *at_edges_broken(struct at_edges *edges, struct at_party *party, uint64_t channel,
                            struct at_bytes reason);
/* Opens again what was broken and may be by now. When to call it next; 0: nothing waits. */
uint64_t at_edges_tick(struct at_edges *edges);
/* Given up on (reason), or to be expected again (NULL). Whoever wants it hears EDGE. */
void at_edges_set_failed(struct at_edges *edges, uint32_t service, const char *reason);
/* Channels from instances of one service to instances of another. */
uint32_t at_edges_count(const struct at_edges *edges, uint32_t from, uint32_t to);

#endif
