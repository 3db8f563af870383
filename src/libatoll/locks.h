/*
 * The locks of this process: what it holds and asks for, and its Session with the keeper.
 *
 * The Session is a call that the keeper does not answer: while it is under way the keeper knows that
 * we live. When it ends (the keeper died, the channel broke) it is begun again with a list of what
 * is held, so that a restarted keeper learns of it.
 *
 * A claim is one lock, from being asked for until the keeper has confirmed that it is given back.
 * It outlives the context that asks: a grant that crosses with the end of waiting is given back.
 * The lock of the process guards all of this.
 */
#ifndef AT_LIBATOLL_LOCKS_H
#define AT_LIBATOLL_LOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include <atoll/atoll.h>

#include "base/list.h"
#include "call/engine.h"
#include "call/limits.h"
#include "control/locks.h"
#include "libatoll/process.h"

enum { AT_CLAIM_PAYLOAD = 160, AT_CLAIM_REPLY = 64 };

struct at_claim {
    struct at_list entry; /* locks->claims */
    struct at_process *process;
    struct at_pending pending; /* one request after another */
    struct atoll_call *call;   /* that waits for its end; NULL: nobody does */
    struct atoll_lock *ret;    /* of the user, when a Lock is under way */
    uint64_t id;
    uint64_t token;
    uint64_t context; /* that asked */
    uint32_t permits;
    uint32_t flags; /* of the keeper: SHARED, OWNER_DIED */
    uint8_t doing;  /* enum at_locks_method, while pending is under way */
    bool held;
    bool leaving; /* its end is asked for: the user has no right to it any more */
    size_t name_len;
    size_t payload_len;
    char name[AT_LOCKS_NAME_MAX];
    uint8_t payload[AT_CLAIM_PAYLOAD];
    uint8_t reply[AT_CLAIM_REPLY];
};

struct at_locks {
    struct at_list claims;
    size_t count;
    uint64_t last_id;
    struct at_pending session;
    uint8_t *list; /* payload of the Session under way */
    struct at_warden *warden;
    uint8_t refusal[AT_CALL_REASON_MAX]; /* the reply to a Session */
};

/* The state, made when it is first needed, with a Session under way. NULL: out of memory. */
struct at_locks *at_locks_get(struct at_process *p);
/* How many are asked for and not held yet, once these may be too many. */
size_t at_locks_asked(const struct at_process *p);
/* A claim to be asked for; NULL: out of memory. */
struct at_claim *at_locks_add(struct at_process *p, struct at_bytes name);
/* The claim of that number, unless it is being given back; else NULL. */
struct at_claim *at_locks_find(const struct at_process *p, uint64_t id);
/* Begins what the claim's request says about the method; c->call is told its end. 0, -errno. */
int at_locks_begin(struct at_claim *c, enum at_locks_method method, uint64_t deadline_ns);
/* It never was under way: frees it. */
void at_locks_drop(struct at_claim *c);

/*
 * warden.c: a thread of a process that holds locks. It sleeps until the channel to the keeper ends,
 * and sees that the Session is begun anew in time, while the program may be anywhere.
 */
/* Something is held: there must be one. Without memory for a thread there is none. */
void at_warden_need(struct at_process *p);
/* The Session ended: the channel that it sleeps on is another one soon. */
void at_warden_look(struct at_process *p);
/* Ends it. Without the lock. */
void at_warden_free(struct at_process *p);

/* The context does not wait any more for the lock that it asked for, if it did. */
void at_locks_left(struct atoll_call *call);
/* When the engine has ended. */
void at_locks_free(struct at_process *p);

#endif
