/* State of atoll_serve(), for the files of this room. The lock of the process guards all of it. */
#ifndef AT_LIBATOLL_SERVE_H
#define AT_LIBATOLL_SERVE_H

#include "libatoll/process.h"

struct at_method {
    const struct atoll_method_desc *desc;
    const struct atoll_service_desc *service;
    const void *handlers;
    uint64_t usual_ns; /* moving average of its own time, nested waits not counted; 0: not known */
    uint32_t runs;
    bool pooled; /* always by another thread than the one that watches */
};

struct at_worker {
    struct at_list entry; /* in serve->idle while parked */
    struct at_list all;   /* in serve->workers; not of the thread of atoll_serve() */
    struct at_process *process;
    pthread_t thread;
    struct at_park park;
    const struct atoll_call *serving; /* the context of its handler; NULL: none runs */
    uint32_t nested;                  /* in how many nested calls it waits: 0 or 1 */
    bool wanted;                      /* woken for work */
    bool retired;                     /* superfluous for long: it ends */
    struct atoll_call call;
};

struct at_serve {
    struct at_method *methods;
    uint32_t method_count;
    char *names;     /* "full.Service/Method" lines */
    char *contracts; /* full names, one a line */
    uint32_t threads_max;
    uint32_t threads;      /* that exist, this one too */
    uint32_t running;      /* handlers */
    uint32_t chain_max;    /* of those, with requests that come back to a chain of theirs */
    uint32_t nested;       /* of those: in nested calls, or waiting in their streams … */
    uint32_t in_streams;   /* … these */
    uint32_t streams;      /* of those that run: of streams */
    struct at_list queue;  /* at_incoming.entry: whole requests, first come first served */
    struct at_list pooled; /* the same, of pooled methods */
    struct at_list back;   /* the same, come back to a chain that has a handler here: go first */
    struct at_worker *handoff; /* to be woken for those as soon as the lock is free */
    bool all_pooled;
    bool pairs;               /* all are: two threads watch, see may_watch() */
    uint32_t watchers;        /* threads of at_workers_run() that watch */
    bool alone;               /* another thread could not be made */
    struct at_list idle;      /* at_worker.entry: parked; the first is the standby */
    struct at_list workers;   /* at_worker.all */
    struct at_list kept;      /* atoll_stream.entry: streams without a thread */
    struct at_deadline drain; /* of a stop: then streams are ended */
    bool streams_ended;
    struct at_worker *self; /* of the thread of atoll_serve() */
    uint64_t signs;         /* of life: handlers and nested calls begun and ended */
    uint64_t stall_signs;   /* as of stalled_at_ns */
    uint64_t stalled_at_ns; /* since then nothing happened, and all threads are in nested calls */
    uint64_t look_ns;       /* streams hold all threads: then a deadline is to be judged; 0: none */
    uint64_t held_back_ns;  /* usual time of the handlers whose answers are not shown yet */
    bool stale;             /* handlers ran since the process's clock was read */
    bool ticking;           /* the standby looks every AT_LIB_TICK_NS */
    bool stopping;
    bool over; /* drained: every thread ends */
    uint64_t stop_by_ns;
    int signal_fd;
};

/* Runs requests, watches, parks, until the end. Lock held. */
void at_workers_run(struct at_process *p, struct at_worker *w);
/* Another thread; fewer than wanted is no error. Lock held. */
void at_workers_add(struct at_process *p);
/* A request is whole: it waits for its turn. Wakes nobody. */
void at_workers_queue(struct at_process *p, struct at_incoming *in);
/* Are handlers of streams all that threads_max admits? */
bool at_workers_held_by_streams(const struct at_serve *s);
/* Somebody for what is queued. False: nothing is, or it must wait for a handler to end. */
bool at_workers_kick(struct at_process *p);
/* Is there a request that no thread has taken? */
bool at_workers_queued(const struct at_serve *s);
/*
 * Chooses a thread for the first pooled request. It is to be woken without the lock, which it would
 * only run into: at_workers_take_handoff() before the lock is given back, at_workers_wake() behind.
 */
void at_workers_hand_off(struct at_process *p);
struct at_worker *at_workers_take_handoff(struct at_process *p);
void at_workers_wake(struct at_worker *w); /* NULL is fine */
/* While a handler runs and nobody watches, somebody looks whether it runs for long. */
void at_workers_standby(struct at_process *p);
/* Waits for the threads that are not stuck in a handler. Lock held, given back meanwhile. */
void at_workers_end(struct at_process *p);
/* The caller's name, for its handler. */
void at_handle_set_caller(struct atoll_call *call);
/* A request into the context's memory; a reply out of it, perhaps of a stream that has outlived
 * atoll_serve() and its table. A status. */
int at_handle_decode(struct atoll_call *call, const struct at_method *m, struct at_bytes body,
                     void **ret);
int at_handle_encode(struct atoll_call *call, const struct atoll_method_desc *m, const void *out,
                     struct at_bytes *ret);
/* Decodes, calls the handler, encodes. Without the lock; what *ret points to lives in the context
 * and in its request. */
void at_handle(struct atoll_call *call, const struct at_method *m, struct at_answer *ret);

#endif
