/*
 * The life of an instance as a table, and the rule by which it is started again. Pure: time is
 * passed in, nothing is done here; the caller performs the action that the table names.
 *
 *   DOWN -> WAITING -> STARTING -> READY -> STOPPING -> DOWN
 *                         |  ^       |
 *                         v  |       v          exits go through at_life_judge(), which makes one
 *                      BACKING_OFF  FAILED      of the four EXITED events of it
 *
 * The rule (defaults come with the plan): the first restart is at once. An exit before ready, and
 * an exit when there were more than `exits_max` within the window, is a bad one; the second bad
 * exit in a row waits backoff_min, the next twice that, and so on. When the wait would pass
 * backoff_max the instance has failed. A good exit (of an instance that was ready) starts over.
 */
#ifndef AT_SUPERVISOR_LIFE_H
#define AT_SUPERVISOR_LIFE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "control/operator.h"
#include "plan/plan.h"

enum at_life_event {
    AT_LIFE_WANT_UP,
    AT_LIFE_DEPS_MET,      /* everything it depends on is there */
    AT_LIFE_SAID_READY,    /* or, for those that say nothing, lived on for a moment after exec */
    AT_LIFE_START_LATE,    /* not ready within its start timeout */
    AT_LIFE_SPAWN_FAILED,  /* there is no process; first start, or will never work */
    AT_LIFE_EXITED_NOW,    /* start again at once */
    AT_LIFE_EXITED_LATER,  /* start again after a rest */
    AT_LIFE_EXITED_DONE,   /* its work is done: not to be started again */
    AT_LIFE_EXITED_FAILED, /* given up on */
    AT_LIFE_REST_OVER,
    AT_LIFE_WANT_DOWN,
    AT_LIFE_GRACE_OVER,
    AT_LIFE_EVENTS,
};

enum at_life_action {
    AT_LIFE_DO_NOTHING,
    AT_LIFE_DO_SPAWN,
    AT_LIFE_DO_ANNOUNCE, /* it is ready: tell who waits */
    AT_LIFE_DO_TERM,     /* ask it to stop, arm the grace timer */
    AT_LIFE_DO_KILL,
    AT_LIFE_DO_REST,   /* arm the back-off timer */
    AT_LIFE_DO_SETTLE, /* it will not run again by itself: tell who waits */
    AT_LIFE_CANNOT,    /* cannot happen: our own mistake */
};

struct at_life_step {
    uint8_t to;     /* enum at_life_state */
    uint8_t action; /* enum at_life_action */
};

/* The row for (state, event). */
struct at_life_step at_life_step(enum at_life_state state, enum at_life_event event);
const char *at_life_event_name(enum at_life_event event);

enum { AT_LIFE_EXITS_KEPT = 64 };

/* What is remembered of an instance's ends. All zero at first. */
struct at_life_history {
    uint32_t restarts;
    uint32_t bad_exits;                    /* in a row */
    uint32_t exit_count;                   /* of exits_ns in use */
    uint64_t exits_ns[AT_LIFE_EXITS_KEPT]; /* CLOCK_MONOTONIC, oldest first */
};

struct at_life_exit {
    uint64_t now_ns;
    bool clean;     /* exited with 0 */
    bool was_ready; /* had said ready in this life */
};

struct at_life_verdict {
    enum at_life_event event; /* one of the four EXITED_* */
    uint64_t wait_ns;         /* EXITED_LATER: how long */
    char why[160];            /* DONE and FAILED: a sentence; else empty */
};

/* Decides, and writes the exit into the history (restarts too when it is to be started again). */
void at_life_judge(const struct at_plan_service *policy, struct at_life_history *history,
                   const struct at_life_exit *end, struct at_life_verdict *ret);

/* The exits as bytes for the anchor (u64 little-endian each), and back; junk is ignored. */
struct at_bytes at_life_pack_exits(const struct at_life_history *history, uint8_t *room,
                                   size_t cap);
void at_life_unpack_exits(struct at_life_history *history, struct at_bytes packed);

#endif
