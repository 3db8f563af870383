/*
 * Link: one channel at work, with the calls on it. For the files of this room only.
 *
 *   ATTACHING --(both regions exchanged)--> OPEN --(lifeline ends)--> DYING --(cause, or time)--> DEAD
 *
 * DYING: what the peer had published was still read; calls that it may have taken wait a moment
 * for the supervisor to say how it died. DEAD links are freed at the end of the engine's turn.
 */
#ifndef AT_CALL_LINK_H
#define AT_CALL_LINK_H

#include "call/buffers.h"
#include "call/engine.h"
#include "call/methods.h"
#include "policy/balance.h"

enum at_link_state { AT_LINK_ATTACHING, AT_LINK_OPEN, AT_LINK_DYING, AT_LINK_DEAD };
enum at_link_watch { AT_WATCH_CONTROL = 0, AT_WATCH_BELL = 1, AT_WATCH_LIFELINE = 2 };

/* One side's view of a call slot. */
struct at_slot {
    union {
        struct at_pending *pending;   /* client: NULL while used: the caller has gone (zombie) */
        struct at_incoming *incoming; /* server */
    };
    uint32_t skip; /* client, zombie: bytes of the reply still to come; unused: the next free + 1 */
    uint16_t generation;
    bool used : 1;
    bool owes_cancel : 1;    /* client, zombie: CANCEL did not fit yet */
    bool said_cancelled : 1; /* client, zombie: its cancel word stands */
    bool stream : 1;         /* client: what uses it is a stream */
    bool late : 1;   /* server, unused: its last stream's client may not know yet that it is over */
    bool closed : 1; /* … and has said END */
};

/* at_link.seat_index without a seat; PROMISED: there is room for one. */
#define AT_SEAT_NONE UINT32_MAX
#define AT_SEAT_PROMISED (UINT32_MAX - 1)

struct at_link {
    struct at_engine *engine;
    struct at_list entry;      /* in engine->hot when hot */
    struct at_list of_unshown; /* in engine->unshown while corked records wait in its ring */
    struct at_list dead_entry;
    uint64_t id;
    uint32_t index; /* in engine->links */
    uint8_t side;
    uint8_t state;
    uint16_t layout;          /* of both regions */
    uint32_t message_max;     /* body of one message, both ways */
    bool draining;            /* the server said GOAWAY */
    bool paused;              /* too many request bytes held */
    bool owes_goaway;         /* GOAWAY did not fit yet */
    bool owes_return;         /* what gives the window back did not fit yet */
    bool window_used;         /* since upkeep looked last */
    uint8_t windows_made;     /* of this channel, up to AT_CALL_WINDOW_DOUBLINGS */
    uint64_t window_until_ns; /* unused until then: given back */
    uint8_t rule; /* enum at_channel_rule that writing found broken; acted on by the drain */
    uint32_t cancels_owed;
    uint32_t flags;
    uint32_t rung_at; /* head + peer_taken when the bell rang last */
    uint32_t idle_rings;
    int lifeline;
    int bell_mine;
    int bell_peer;
    void *watch_bell;
    void *watch_lifeline;
    struct at_region *mine; /* until attached */
    uint32_t mine_bytes;
    struct at_channel channel;
    struct at_list out; /* struct at_outgoing; in turn, but see let_small_pass() of outgoing.c */
    struct at_streams *streams; /* NULL: there never was one */
    struct at_list lost;        /* pendings that wait for the cause */
    struct at_deadline deadline;
    struct at_slot *slots; /* slots.c */
    uint32_t slot_count;   /* that exist; AT_CALL_SLOTS at most */
    uint32_t free_slot;    /* client: the first that is free + 1; 0: none of those that exist */
    struct at_balance_seat seat; /* its load: slots in use, of either side */
    uint32_t seat_index;         /* in target->seating.seats, or AT_SEAT_* */
    /* client */
    struct at_target *target;
    struct at_methods methods; /* the server's */
    uint32_t started;
    /* server */
    uint32_t finished;
    size_t held_bytes; /* of whole requests that are not answered yet */
    size_t part_bytes; /* of half ones, as far as they have come */
    uint32_t parts;    /* half ones */
    uint32_t orphans;  /* unanswered requests of the lost peer, whose memory they read, and bells */
    bool gone;         /* at_link_free() has run, and only orphans keep this */
    char peer_service[AT_CALL_NAME_ROOM];
    char peer_instance[AT_CALL_NAME_ROOM];
};

enum { AT_ENGINE_TARGETS_LATELY = 8 };

struct at_engine {
    const struct at_engine_ops *ops;
    void *user;
    int control;
    void *watch_control;
    struct at_bytes methods;
    uint32_t method_count;
    uint8_t streaming[AT_CALL_METHODS_MAX / 8]; /* a bit for each method: it streams */
    struct at_link **links;                     /* by index; NULL: free */
    uint32_t *generations; /* of the index: a late event of a freed link is recognised */
    uint32_t link_cap;
    struct at_list hot;     /* links that are not armed */
    struct at_list dead;    /* links to be freed */
    struct at_list due;     /* pendings whose result stands */
    struct at_list news;    /* streams with callbacks that are due */
    struct at_list unshown; /* links with records that their peers do not see yet */
    struct at_map targets;
    struct at_target *targets_lately[AT_ENGINE_TARGETS_LATELY]; /* by where the name lies */
    uint64_t next_request;
    struct at_deadlines deadlines;
    struct at_deadline upkeep; /* see upkeep.h */
    struct at_buffers buffers;
    uint32_t windows_spent; /* see AT_CALL_WINDOW_EVERY_NS */
    uint64_t windows_spent_at_ns;
    uint32_t windows;           /* that channels of this process write into */
    struct at_deadline retry;   /* control messages that did not fit */
    struct at_message *message; /* room to receive; 64 KiB, touched only as far as used */
    struct at_list spare;       /* incomings to use again */
    size_t spare_count;
    size_t unsent;
    uint64_t now_ns;
    bool want_unsent;
    bool control_gone;
    bool going_away;
    bool closing; /* at_engine_free() */
    bool corked;
};

enum at_deadline_kind {
    AT_DEADLINE_PENDING,
    AT_DEADLINE_LINK,
    AT_DEADLINE_RETRY,
    AT_DEADLINE_TARGET,
    AT_DEADLINE_OWNER,
    AT_DEADLINE_UPKEEP,
};

/* slots.c. Makes the slots up to this one, which is below AT_CALL_SLOTS. 0, -ENOMEM. */
int at_slots_reach(struct at_link *l, uint32_t slot);
/* Client: is there a free one? */
static inline bool at_slots_left(const struct at_link *l)
{
    return l->free_slot != 0 || l->slot_count < AT_CALL_SLOTS;
}
/* One of those that are left. 0, -ENOMEM. */
int at_slots_take(struct at_link *l, uint32_t *ret);
void at_slots_give(struct at_link *l, uint32_t slot);

/* Request bytes of one channel that are not answered yet: with more we stop reading it. */
static inline size_t at_link_held_max(const struct at_link *l)
{
    return l->message_max <= AT_CALL_HELD_MAX / 2 ? AT_CALL_HELD_MAX : 2 * (size_t)l->message_max;
}

/* Bytes that whole and half requests of one channel make us hold. */
static inline size_t at_link_unanswered_max(const struct at_link *l)
{
    size_t half = l->message_max > AT_CALL_MESSAGE_MAX ? l->message_max : AT_CALL_MESSAGE_MAX;

    return at_link_held_max(l) + 2 * half;
}

/* Credit of its streams beyond their windows. */
static inline uint32_t at_link_stream_pool(const struct at_link *l)
{
    return l->message_max <= AT_STREAM_POOL / 2 ? AT_STREAM_POOL : 2 * l->message_max;
}

/* link.c */
int at_link_new(struct at_engine *e, const struct at_service_open *open, struct at_message *m,
                struct at_link **ret);
void at_link_free(struct at_link *l);
/* An orphan was answered. */
void at_link_unkeep(struct at_link *l);
/* The lifeline is readable or ended. */
void at_link_lifeline(struct at_link *l);
/* Reads records until empty or budget; true when any. */
bool at_link_drain(struct at_link *l);
/* Something waits for room in the ring. */
bool at_link_owes(const struct at_link *l);
/* Writes what waits in link->out as far as there is room; publishes. */
void at_link_flush(struct at_link *l);
/*
 * Queues a message behind those that wait, and writes what fits. True: all is written; an answer's
 * `out` is gone then.
 */
bool at_link_send(struct at_link *l, struct at_outgoing *out);
/* Shows what was written, at once or with all else of this turn. */
void at_link_show(struct at_link *l);
void at_link_heat(struct at_link *l);
/* Our doorbell rang. */
void at_link_rung(struct at_link *l);
/* The peer broke a rule: tell the supervisor, fail or move its calls, close. */
void at_link_break(struct at_link *l, enum at_channel_rule rule);
/* OPEN could not be followed, error is -errno: tell the supervisor and ask again in a while. */
void at_link_refuse(struct at_engine *e, const struct at_service_open *open, int error);
/* The lifeline ended: read the rest, then wait for the cause. */
void at_link_dying(struct at_link *l);
/* Closes for good; reason: a sentence on how the peer ended. */
void at_link_close(struct at_link *l, struct at_bytes reason);
void at_link_small(struct at_link *l, uint8_t kind, uint32_t call_id);

/* client.c */
int at_client_take(struct at_link *l, const struct at_record *r);      /* RESPONSE */
int at_client_take_data(struct at_link *l, const struct at_record *r); /* DATA */
void at_client_attached(struct at_link *l);
void at_client_lost(struct at_link *l);
void at_client_cause(struct at_link *l, struct at_bytes reason);
void at_client_pump(struct at_engine *e, struct at_target *t);
bool at_client_run_due(struct at_engine *e);
/* The slot is free for another call. */
void at_client_release_slot(struct at_link *l, uint32_t slot);
void at_client_refused(struct at_engine *e, uint64_t request);
int at_client_open(struct at_engine *e, const struct at_service_open *open, struct at_link *l);
void at_client_edge(struct at_engine *e, const struct at_service_edge *edge);
void at_client_send_wants(struct at_engine *e, bool all);
void at_client_free_targets(struct at_engine *e);

/* giveup.c */
/* Its deadline has come. */
void at_client_expired(struct at_engine *e, struct at_pending *p);
/* Its deadline had, before it began. */
void at_client_too_late(struct at_engine *e, struct at_pending *p);
/* Has the peer of l, on which p has a slot, provably not taken it? */
bool at_client_was_never_taken(const struct at_link *l, const struct at_pending *p);
/* For sentences: not NUL-terminated. */
const char *at_client_method(const struct at_pending *p, int *ret_len);

/* server.c */
int at_server_take(struct at_link *l, const struct at_record *r);      /* REQUEST */
int at_server_take_data(struct at_link *l, const struct at_record *r); /* DATA */
void at_server_cancel(struct at_link *l, uint32_t call_id);
void at_server_lost(struct at_link *l);
void at_server_written(struct at_link *l, struct at_outgoing *out);
/* The RESPONSE of a stream is in the ring; s is gone. */
void at_server_stream_ended(struct at_stream *s);
/* The owner is done with a stream that is on no link any more. */
void at_server_give_back(struct at_engine *e, struct at_incoming *in);
void at_server_free_spare(struct at_engine *e);

/* attach.c */
extern const struct at_message_kind at_attach_kind;
enum { AT_ATTACH = 1, AT_WINDOW = 2 };
struct at_attach {
    uint32_t version_min; /* of the layout */
    uint32_t version_max;
    uint32_t region_bytes;
    uint32_t slots;
    struct at_bytes methods; /* the server's */
};

#endif
