/*
 * The engine of a process: its control socket, its channels, the calls that it makes and the
 * requests that it gets. No thread, no lock and no waiting inside: the owner watches descriptors
 * and the clock and calls in, one thread at a time. call.h (one loop) and libatoll (threads) are
 * such owners.
 *
 * The owner's turn:
 *   an event on a watched descriptor   at_engine_event(tag, events)
 *   always before sleeping             while (at_engine_run()) …; then at_engine_arm()
 *   sleeps no longer than              at_engine_next_deadline()
 *
 * Callbacks run inside at_engine_run() and at_engine_event() only; they may start and cancel
 * calls and answer requests, and must not call those two or free the engine.
 */
#ifndef AT_CALL_ENGINE_H
#define AT_CALL_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/list.h"
#include "base/map.h"
#include "call/buffers.h"
#include "call/call.h"
#include "call/deadlines.h"
#include "call/limits.h"
#include "call/outgoing.h"
#include "control/message.h"
#include "control/service.h"
#include "shm/channel.h"

struct at_engine;
struct at_link;
struct at_stream; /* call/stream.h */
struct at_target;

enum at_pending_state {
    AT_PENDING_IDLE,    /* not in the engine */
    AT_PENDING_WAITING, /* for a channel, or for room among a channel's calls */
    AT_PENDING_SENT,    /* has a slot */
    AT_PENDING_LOST,    /* its peer died; waits for the cause */
    AT_PENDING_DUE,     /* its result stands; done runs in the next at_engine_run() */
};

enum at_pending_key { AT_KEY_UNKNOWN, AT_KEY_NONE, AT_KEY_HASHED };

/* A call of ours. Lives in the caller; zeroed before first use. */
struct at_pending {
    struct at_call_request request; /* its bytes are borrowed until done runs */
    at_call_done *done;             /* the pending is out of the engine when it runs */
    void *user;
    /* Memory for a reply of len > 0 bytes, kept by the caller; NULL: there is none. */
    void *(*reply_room)(void *user, size_t len);

    struct at_list entry; /* in target->waiting, link->lost or engine->due */
    struct at_outgoing out;
    struct at_deadline deadline;
    struct at_target *target;
    struct at_link *link;
    struct at_stream *stream; /* NULL: no stream; at_stream_open() sets it */
    uint32_t call_id;
    uint8_t state;        /* enum at_pending_state */
    uint8_t verdict;      /* enum at_resend_verdict, when LOST */
    uint8_t taken_before; /* peers that died with it */
    uint8_t untaken_before;
    uint8_t hashed; /* enum at_pending_key */
    bool probe;     /* set by the caller: ends OK, unsent, as soon as an instance would take it */
    uint64_t hash;
    uint64_t pinned;  /* set by the caller: the channel that it goes to and no other; 0: any */
    uint64_t sent_ns; /* for policies that measure */
    uint8_t *reply;   /* being assembled */
    uint32_t reply_len;
    uint32_t reply_got;
    uint32_t reply_meta;
    uint32_t status;
    char *reason; /* malloc */
};

/* A request to us. Belongs to the engine; valid until answered. */
struct at_incoming {
    struct at_list entry;      /* the owner's while it has the request */
    struct at_link *link;      /* NULL: the peer is gone; answer all the same */
    struct at_link *orphan_of; /* … and this is its link, kept for the cancel word's sake */
    uint8_t *copy;             /* of what of an answer is not yet written */
    uint32_t call_id;
    uint16_t method; /* number in the table given to at_engine_new() */
    bool complete;   /* handed to the owner */
    bool answered;
    _Atomic bool cancelled;              /* see at_incoming_is_cancelled() */
    const _Atomic uint16_t *cancel_word; /* in the peer's region, mapped until this is answered */
    uint32_t cancel_value;               /* what it is then; none of a word in layout 1 */
    struct at_stream *stream;            /* NULL: no stream; dies with this when it is ended */
    uint64_t deadline_ns;
    uint8_t trace_id[16];
    uint64_t span_id;
    uint8_t *room; /* meta, then body: `small`, or in a buffer */
    uint32_t room_cap;
    uint8_t *small; /* malloc; stays when this is used again */
    uint32_t small_cap;
    struct at_list held;   /* buffers (call/buffers.h) of the request, and what the answer is in */
    struct at_arena arena; /* the same: taken over from the owner */
    uint32_t total_len;
    uint32_t meta_len;
    uint32_t got;
    bool may_state_caller;
    /* Written before they are looked at; not cleared when this is used again. */
    struct at_outgoing out; /* once it is answered */
    char caller_service[AT_CALL_NAME_ROOM];
    char caller_instance[AT_CALL_NAME_ROOM];
};

/*
 * Has the caller lost interest, or died? By any thread and without a lock, from ops->request() until
 * the answer: one load of what the caller says itself, one of what the engine has found out.
 */
static inline bool at_incoming_is_cancelled(const struct at_incoming *in)
{
    return atomic_load_explicit((_Atomic bool *)(uintptr_t)&in->cancelled, memory_order_relaxed) ||
           (in->cancel_word != NULL &&
            atomic_load_explicit((_Atomic uint16_t *)(uintptr_t)in->cancel_word,
                                 memory_order_relaxed) == in->cancel_value);
}

static inline struct at_bytes at_incoming_meta(const struct at_incoming *in)
{
    return at_bytes_over(in->room, in->meta_len);
}

static inline struct at_bytes at_incoming_body(const struct at_incoming *in)
{
    return at_bytes_over(in->total_len == 0 ? NULL : in->room + in->meta_len,
                         in->total_len - in->meta_len);
}

struct at_engine_ops {
    /* Watch fd for these epoll events; *ret_handle goes to unwatch. 0 or -errno. */
    int (*watch)(void *user, int fd, uint32_t events, uint64_t tag, void **ret_handle);
    void (*unwatch)(void *user, int fd, void *handle);
    /* A request is complete. NULL: this process serves nothing. */
    void (*request)(void *user, struct at_incoming *in);
    /*
     * A stream was opened: in->stream, with its metadata but perhaps no message yet; the owner sets
     * in->stream->ops and user. NULL: this process serves no streams.
     */
    void (*stream)(void *user, struct at_incoming *in);
    /* A request or stream that the owner has not answered was cancelled; may be NULL. */
    void (*cancelled)(void *user, struct at_incoming *in);
    /* A deadline of the owner's own, see at_engine_alarm(), has passed. */
    void (*alarm)(void *user, struct at_deadline *d);
    /* A message on the control socket that is not about channels; may be NULL. */
    void (*other)(void *user, struct at_message *m);
    /* The control socket was closed by its other end; may be NULL. */
    void (*control_lost)(void *user);
};

/*
 * The control socket stays the caller's and becomes non-blocking. methods: what this process
 * serves, one "full.Service/Method" a line, numbers from 0; borrowed for the engine's life. Behind
 * a method that streams stands a blank and then "c" when its client streams, "s" when its server
 * does, "cs" when both do: a peer without streams never finds it.
 */
int at_engine_new(const struct at_engine_ops *ops, void *user, int control_fd,
                  struct at_bytes methods, struct at_engine **ret);
/* Serves these methods from now on; channels opened before keep their table. */
void at_engine_serve(struct at_engine *e, struct at_bytes methods);
/* Calls of ours end CANCELLED. Requests that the owner has must have been answered. */
struct at_engine *at_engine_free(struct at_engine *e);

/* What the clock says now: before at_engine_event() when time has passed since the last run, because
 * deadlines of what the event begins (a new channel) count from it. */
void at_engine_tell_time(struct at_engine *e, uint64_t now_ns);
void at_engine_event(struct at_engine *e, uint64_t tag, uint32_t events);
/* Moves records, runs what is due. True when anything happened: call again before sleeping. */
bool at_engine_run(struct at_engine *e, uint64_t now_ns);
/*
 * From now on requests and answers become visible to peers in at_engine_show() and at_engine_arm()
 * only. For owners that start or answer many calls in a turn: a peer that sleeps is woken once, not
 * by each of them.
 */
void at_engine_cork(struct at_engine *e);
/* Shows what was written since. Costs nothing when there is nothing. */
void at_engine_show(struct at_engine *e);
/*
 * The same, but the bell that must be rung for it, if any, is left to the owner: with a lock in hand
 * it would wake one that runs into the lock. True: ring it, by any thread, then say that it has been.
 */
struct at_engine_bell {
    struct at_link *link;
    int fd;
};
bool at_engine_show_silently(struct at_engine *e, struct at_engine_bell *ret);
void at_engine_bell_rung(const struct at_engine_bell *bell);
/* Are there records or results to run, on channels that are not armed? A few loads. */
bool at_engine_has_work(const struct at_engine *e);
/*
 * May what the process waits for come from another CPU: are there channels that are not armed, few
 * enough to be looked at again and again, and does a peer of theirs run elsewhere, as it says?
 */
bool at_engine_is_apart(const struct at_engine *e);
/* Announces sleep on every channel. False: something came meanwhile, run again. */
bool at_engine_arm(struct at_engine *e);
/* As at_buffers_take(), of this process. */
void *at_engine_buffer(struct at_engine *e, size_t len, struct at_list *holder);
/* To give them back to. */
struct at_buffers *at_engine_buffers(struct at_engine *e);
/* 0: none; else absolute, perhaps past. */
uint64_t at_engine_next_deadline(const struct at_engine *e);

/* ops->alarm() runs when d->at_ns has come; d is the owner's and in no heap then. 0, -ENOMEM. */
int at_engine_alarm(struct at_engine *e, struct at_deadline *d);
/* Not any more; nothing happens when it is not set. */
void at_engine_unalarm(struct at_engine *e, struct at_deadline *d);

/* Puts the call in; done runs later, never before this returns. 0, -ENOMEM, -EMSGSIZE; -ESHUTDOWN
 * while the engine is being freed. */
int at_engine_start(struct at_engine *e, struct at_pending *p, uint64_t now_ns);
/* As a first call would, without one: its instances are asked for. 0, -ENOMEM. */
int at_engine_want(struct at_engine *e, struct at_bytes contract);
/* Is there a channel to an instance of it that takes calls? */
bool at_engine_can_call(const struct at_engine *e, struct at_bytes contract);

/* An instance that takes calls, for calls that are pinned to it. */
struct at_engine_instance {
    uint64_t channel; /* for at_pending.pinned */
    char name[AT_CALL_NAME_ROOM];
};
/*
 * The instances of it that take calls now, at most max, by name. How many there are, perhaps more
 * than max. ret_replicas: how many the plan has; 0: not known.
 */
size_t at_engine_instances(const struct at_engine *e, struct at_bytes contract,
                           struct at_engine_instance *ret, size_t max, uint32_t *ret_replicas);
/* The descriptor whose hanging up tells that the instance which has the call is gone; -1: none has
 * it. Borrowed, and closed by the engine. */
int at_engine_lifeline(const struct at_pending *p);
/* Takes the call out without running done; fine on an idle one. */
void at_engine_abandon(struct at_engine *e, struct at_pending *p);
enum { AT_ENGINE_SENTENCE = 640 };
/* The same, and says what an instance knows of it, behind `why`: "cancelled; stock.1 had taken Take".
 * When it says that none had taken it, none of this library's will run it. */
void at_engine_cancel(struct at_engine *e, struct at_pending *p, const char *why,
                      char ret[AT_ENGINE_SENTENCE]);
/* Why a call that has no slot waits: a sentence without its end, for "… within 10 seconds". */
void at_engine_say_wait(const struct at_pending *p, char ret[AT_ENGINE_SENTENCE]);

struct at_answer {
    uint32_t status;
    uint8_t flags; /* enum at_record_flags */
    struct at_bytes meta;
    struct at_bytes body;          /* its `at` is NULL when it stands in … */
    const struct at_bytes *pieces; /* … these; NULL: it is in one */
    size_t piece_count;
};
/*
 * As at_engine_answer(), without a copy when it cannot be written at once: body and pieces must lie
 * in the arena, in the buffers or in the request, and arena and buffers become the engine's then.
 * True: they did, and are empty (the arena is to be initialised).
 */
bool at_engine_answer_with(struct at_engine *e, struct at_incoming *in, const struct at_answer *a,
                           struct at_arena *arena, struct at_list *buffers);
/*
 * Answers; the engine owns `in` again. meta is response metadata, or the reason when status is not
 * OK; body is then packed metadata, as at_call_result.metadata. flags: enum at_record_flags. Never
 * fails: too large an answer becomes RESOURCE_EXHAUSTED. Not for streams: at_stream_end().
 */
void at_engine_answer(struct at_engine *e, struct at_incoming *in, uint32_t status,
                      struct at_bytes meta, struct at_bytes body, uint8_t flags);
/* Tells every client to send no new calls here. */
void at_engine_go_away(struct at_engine *e);
/* Answers that are not yet in their rings. */
size_t at_engine_unsent(const struct at_engine *e);
/* Says WANT again for everything (after RESUME and a new HELLO). at_engine does it by itself. */
void at_engine_want_again(struct at_engine *e);

#endif
