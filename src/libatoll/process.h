/*
 * A process that uses libatoll: one engine, one lock, and the watch.
 *
 * Whoever waits may take the watch: sleep in epoll for everybody. There is at most one watcher.
 * A blocking caller that finds the watch free takes it itself, so that a reply reaches it without
 * a switch of threads; otherwise it parks and is woken. While any caller waits, somebody watches:
 * a caller that leaves with the watch in hand wakes another parked one, else a worker.
 *
 * Everything here is called with the lock held unless said; sleeping gives it back meanwhile.
 */
#ifndef AT_LIBATOLL_PROCESS_H
#define AT_LIBATOLL_PROCESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <atoll/atoll.h>

#include "base/arena.h"
#include "base/list.h"
#include "call/engine.h"
#include "libatoll/limits.h"
#include "libatoll/spin.h"

struct at_many;
struct at_serve;
struct at_worker;

/* A thread asleep on a word of its own. */
struct at_park {
    _Atomic uint32_t woken;
};

/*
 * The lock of a process, taken and given back four times a call: a mutex that shows whether somebody
 * waits for it. 0: free; 1: taken; 2: taken, and perhaps wanted.
 */
struct at_lock {
    _Atomic uint32_t state;
};

void at_lock_wait(struct at_lock *lock);
void at_lock_wake(struct at_lock *lock);

static inline void at_lock_take(struct at_lock *lock)
{
    uint32_t expected = 0;

    if (!atomic_compare_exchange_strong_explicit(&lock->state, &expected, 1, memory_order_acquire,
                                                 memory_order_relaxed)) {
        at_lock_wait(lock);
    }
}

static inline void at_lock_give(struct at_lock *lock)
{
    if (atomic_exchange_explicit(&lock->state, 0, memory_order_release) == 2) {
        at_lock_wake(lock);
    }
}

/* By who has it. */
static inline bool at_lock_is_wanted(struct at_lock *lock)
{
    return atomic_load_explicit(&lock->state, memory_order_relaxed) == 2;
}

struct at_waiter {
    struct at_list entry; /* in process->waiting while parked */
    struct at_park park;
};

/* The end of something asynchronous, told once: see complete.c. */
struct at_completion {
    struct at_list entry; /* in process->done or process->events */
    /* Without the lock. event: to be filled, its tag stands; NULL: runs the callback. */
    void (*tell)(struct at_completion *c, struct atoll_event *event);
    bool tagged; /* there is no callback: an event of atoll_next() */
    void *user;  /* of the callback, or the tag */
};

struct at_process {
    struct at_lock lock;
    struct at_engine *engine;
    struct at_message *message;
    int control;
    int epoll;
    int bell;           /* eventfd: ends the watcher's sleep */
    int done_fd;        /* eventfd, level: callbacks are due; -1 until atoll_poll_fd() */
    int timer_fd;       /* the next deadline, for a foreign loop; -1 until then */
    int outer;          /* epoll over the three; -1 until then */
    bool outer_watches; /* the epoll is among them, see at_process_hand_over() */
    bool watched;       /* somebody sleeps in epoll */
    /* When that sleep ends by itself, and a second one (see at_workers_run()); UINT64_MAX: never */
    uint64_t watch_until_ns[2];
    uint8_t watchers;       /* which of the two there are: bits */
    uint64_t now_ns;        /* the clock, as it was read last: microseconds ago, or a sleep */
    uint32_t runs;          /* since then */
    struct at_list waiting; /* at_waiter */
    struct at_list done;    /* at_completion.entry: callbacks that are due */
    struct at_list events;  /* at_completion.entry: for atoll_next() */
    bool brisk;             /* more ends wait to be told, and telling them is quick work */
    uint32_t brisk_row;     /* how many were told within one tick of the coarse clock … */
    uint64_t brisk_tick_ns; /* … this one */
    uint32_t unshown;       /* calls started since what was started was shown */
    struct at_spin spin;    /* see look_around() */
    uint32_t awake_turns;   /* turns since epoll was asked last */
    uint32_t cpus;          /* of the machine */
    struct at_list parked;  /* pollers asleep without the watch: see complete.c */
    bool poller_watches;
    size_t pollers; /* threads in atoll_poll() and atoll_next() */
    size_t oneways; /* one-way calls under way */
    bool welcomed;
    bool ready_said;
    uint64_t generation;
    char refusal[256];
    struct at_serve *serve; /* NULL: no atoll_serve() runs */
    struct at_locks *locks; /* NULL: none was ever asked for */
    const char *contracts;  /* said in HELLO */
};

/* What <atoll/codec.h> works in. */
struct atoll_memory {
    struct at_arena arena;
    const char *reason; /* of the last failure; in the arena, or static; NULL: none */
    uint64_t life;      /* another one after each reset: no list outlives it, see list.c */
};

/* Pairs of metadata, packed as call/metadata.h says; in the context's memory. */
struct at_packed {
    uint8_t *at;
    size_t len;
    size_t cap;
};

struct atoll_call {
    struct at_process *process;
    struct at_worker *worker; /* of a handler; NULL: a root context */
    union {
        struct at_arena arena;
        struct atoll_memory memory; /* begins with the arena */
    };
    struct at_list held; /* buffers (call/buffers.h) of large replies */
    struct at_pending pending;
    struct at_incoming *in;              /* the request being served */
    struct at_many *many;                /* under way to many instances */
    struct at_many *told_many;           /* the same, until it is told */
    const struct atoll_answers *answers; /* of the last one that ended */
    struct atoll_stream *stream;         /* opened with it and not finished */
    struct atoll_stream *served;         /* whose handler's context it is */
    const char *caller;                  /* "" in a root */
    uint64_t deadline_ns;                /* 0: none */
    uint64_t waited_ns;                  /* in nested calls */
    uint64_t random;                     /* of a root: state of its trace ids */
    uint8_t trace_id[16];
    uint64_t span_id;
    int status; /* of the last call, or as failed */
    const char *reason;
    struct at_bytes reply;
    char peer[AT_CALL_NAME_ROOM]; /* who answered last */
    bool busy;                    /* a call is in flight; of the thread that has the context */
    bool under_way;               /* the engine has it; the lock guards it */
    bool done;
    bool is_async;
    struct at_claim *asking; /* a lock, see locks.h; NULL: none */
    struct at_waiter waiter;
    /* asynchronous calls */
    struct at_completion completion;
    atoll_done *on_done; /* NULL: told by an event */
    void *out;
    const struct atoll_method_desc *method;
    struct at_packed sent[3];     /* by enum atoll_metadata_part: what the user has set */
    bool initial_sent;            /* ATOLL_INITIAL has gone */
    struct at_bytes got_initial;  /* of the last call; in the context's memory */
    struct at_bytes got_trailers; /* the same */
    uint8_t room[AT_LIB_ENCODE_ROOM];
};

/*
 * The process's engine, said hello to the supervisor. The first call sets it up and says these
 * contracts (borrowed; full names, one a line); without the lock. 0, -ECHILD (a fork), -ENOTCONN (not started by atoll), -EACCES (refused: process->refusal), -errno.
 */
int at_process_get(const char *contracts, struct at_process **ret);
/*
 * Is this a fork of the process that set the library up? Its sockets, channels and locks are the
 * parent's: nothing here may be used, not even a lock. One load; in any thread and signal handler.
 */
bool at_process_is_forked(void);
/* For tests: takes the engine down so that the next use sets up a new one. Without the lock. */
void at_process_end(void);

static inline void at_process_lock(struct at_process *p)
{
    at_lock_take(&p->lock);
}

static inline void at_process_unlock(struct at_process *p)
{
    at_lock_give(&p->lock);
}

/* Nobody watches, or one thread of at_workers_run() alone: runs what is there, else sleeps until
 * something comes or limit_ns (0: none). */
void at_process_watch(struct at_process *p, uint64_t limit_ns);
/* After anything that changed channels: shows it to the peers, and to whoever watches. */
void at_process_changed(struct at_process *p);
/* Reads the clock into p->now_ns. */
uint64_t at_process_now(struct at_process *p);
/* Is nobody who watches going to wake by then? */
static inline bool at_process_sleeps_beyond(const struct at_process *p, uint64_t ns)
{
    return ns < p->watch_until_ns[0] && ns < p->watch_until_ns[1];
}
/* Ends the watcher's sleep. */
void at_process_ring(struct at_process *p);
/* Sleeps until woken or limit_ns (0: none); w is in p->waiting meanwhile. */
void at_process_park(struct at_process *p, struct at_waiter *w, uint64_t limit_ns);
/* Waits until *done. worker: the thread runs a handler. */
void at_process_wait(struct at_process *p, struct atoll_call *call, uint64_t limit_ns);
/* The watch is free and I go away: let another parked caller have it. False: there is none. */
bool at_process_pass_watch(struct at_process *p);
/*
 * Who sleeps on the epoll beside the watcher: a foreign loop does, unless this process serves. Then a
 * thread of ours watches or soon will, and a descriptor that is ready until that one has run would
 * only make the loop spin; it hears of what has ended. After p->serve was set or cleared.
 */
void at_process_hand_over(struct at_process *p);
int at_process_hello(struct at_process *p);
int at_process_ready(struct at_process *p);

void at_park_wait(struct at_park *park, uint64_t timeout_ns); /* without the lock; 0: no limit */
void at_park_wake(struct at_park *park);

/* complete.c */
/* c has ended: it is told by the next thread that asks. */
void at_complete(struct at_process *p, struct at_completion *c);
/* Something asynchronous was begun: a foreign loop must come by when nobody watches. */
void at_complete_begun(struct at_process *p);
/* The engine goes: nobody asks any more. */
void at_complete_free_all(struct at_process *p);

/* context.c */
void at_context_init(struct atoll_call *call, struct at_process *p);
void at_context_deinit(struct atoll_call *call);
/* Memory goes back but for one block; what a served request or a call left is forgotten. */
void at_context_clear(struct atoll_call *call);
/* Sets status and reason; the text is copied into the context. Returns status. */
int at_context_fail(struct atoll_call *call, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* metadata.c */
struct at_bytes at_metadata_sent(const struct atoll_call *call, enum atoll_metadata_part part);
/* Both parts of a handler's answer, as the engine takes them. */
struct at_bytes at_metadata_of_answer(struct atoll_call *call);
/* Both parts of the answer to a call of ours; they must live as long as the context's memory. */
void at_metadata_got(struct atoll_call *call, struct at_bytes packed);

struct at_stream;
/* What the handler wanted to say ahead goes with what is sent next in its stream. Lock held. */
void at_metadata_send_initial(struct atoll_call *call, struct at_stream *stream);

/* stream.c: ops->alarm of the engine, for deadlines of streams. */
void at_streaming_alarm(void *user, struct at_deadline *d);
/* stream_client.c: the context is freed, and the stream with it. Lock held. */
void at_streaming_discard(struct atoll_stream *s);
/* stream_server.c; lock held. A stream was opened; was cancelled, or its client is gone. */
void at_streaming_arrived(struct at_process *p, struct at_incoming *in);
void at_streaming_cancelled(struct at_process *p, struct at_incoming *in);
/* Its handler will not run. */
void at_streaming_refuse(struct at_incoming *in, uint32_t status, const char *reason);
/* Runs its handler; gives the lock back meanwhile. */
void at_streaming_run(struct at_process *p, struct at_worker *w, struct at_incoming *in);
/* A drain begins: kept streams are told, and shortly before the grace is over all are ended. */
void at_streaming_stop(struct at_process *p, uint64_t grace_ns);
void at_streaming_drain(struct at_process *p);
/* Serving is over: the engine forgets the streams that nobody has ended. */
void at_streaming_forget(struct at_process *p);

/* serve.c */
void at_serve_request(struct at_process *p, struct at_incoming *in);
void at_serve_cancelled(struct at_process *p, struct at_incoming *in);
/* There may be work or a free watch: wake or make a worker. */
void at_serve_kick(struct at_process *p);
/* Handlers that run and do not wait in a nested call. */
uint32_t at_serve_busy(const struct at_process *p);
/* How long a waiting caller may watch before it kicks again. */
uint64_t at_serve_watch_limit(const struct at_process *p, uint64_t limit_ns);
/* A nested wait of this thread's handler ended (or begins): it counts as a sign of life. */
void at_serve_nested(struct at_process *p, struct at_worker *w, bool begins);
/* The same of a handler that waits for the other end of its stream, which is no nested call. */
void at_serve_streaming(struct at_process *p, bool begins);
void at_serve_stop(struct at_process *p, uint64_t grace_ns);

#endif
