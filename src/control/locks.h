/*
 * Library ↔ keeper: named locks and semaphores (roles/keeper).
 *
 * These travel as payload of ordinary calls to the contract AT_LOCKS_CONTRACT, over a channel like
 * any other; only the messages inside are packed by tables as on a control socket, so that libatoll
 * needs no generated code. Who asks is known by the channel.
 *
 *   Session   at_locks_session   is answered only when it is refused: its end is the end of the
 *                                owner, which the channel tells. What else comes over a channel is
 *                                looked at behind its Session.
 *   Lock      at_locks_ask       at_locks_grant, or a status with its reason
 *   Unlock    at_locks_of        nothing; FAILED_PRECONDITION: it was not held any more
 *   Renew     at_locks_of        the same: the lease begins again
 *   Repaired  at_locks_of        the same: the mark of the dead owner goes
 *   Show      nothing            the operator alone: lines of text, see at_book_show()
 *
 * A lock is named by `op`, a number of the library's choice, once in its process's life: so what was
 * granted to a caller that had just given up can be given back.
 */
#ifndef AT_CONTROL_LOCKS_H
#define AT_CONTROL_LOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "control/message.h"

#define AT_LOCKS_CONTRACT "atoll.locks.v1.Locks"
/* The keeper's table of methods: enum at_locks_method is the number of the line. */
#define AT_LOCKS_METHODS                                                                           \
    AT_LOCKS_CONTRACT "/Session\n" AT_LOCKS_CONTRACT "/Lock\n" AT_LOCKS_CONTRACT                   \
                      "/Unlock\n" AT_LOCKS_CONTRACT "/Renew\n" AT_LOCKS_CONTRACT                   \
                      "/Repaired\n" AT_LOCKS_CONTRACT "/Show\n"

enum at_locks_method {
    AT_LOCKS_SESSION,
    AT_LOCKS_LOCK,
    AT_LOCKS_UNLOCK,
    AT_LOCKS_RENEW,
    AT_LOCKS_REPAIRED,
    AT_LOCKS_SHOW,
    AT_LOCKS_METHOD_COUNT,
};

enum {
    AT_LOCKS_NAME_MAX = 64,          /* a name that fills tables and sentences */
    AT_LOCKS_CLAIMS_MAX = 256,       /* held and asked for by one process: a loop that only locks */
    AT_LOCKS_HELD_BYTES_MAX = 32768, /* all of them in a Session */
};

enum at_locks_flag {
    AT_LOCKS_SHARED = 1,   /* beside others that ask for the same */
    AT_LOCKS_TRY = 2,      /* refuse rather than wait */
    AT_LOCKS_BLOCKING = 4, /* the asker does nothing else meanwhile: circles can be found */
    AT_LOCKS_OWNER_DIED =
        8, /* of a grant: an owner did not give it back, and nobody has repaired */
};

struct at_locks_session {
    struct at_bytes held; /* what a keeper before granted: at_locks_next_held() */
};

struct at_locks_held {
    uint64_t op;
    uint64_t token;
    uint64_t context;
    uint32_t permits;
    uint32_t flags; /* SHARED, OWNER_DIED */
    struct at_bytes name;
};

struct at_locks_ask {
    uint64_t op;
    uint64_t
        context; /* of the call that asks: the same number is never in two places; 0: unknown */
    uint32_t permits; /* of a semaphore; a lock has 1 */
    uint32_t flags;
    struct at_bytes name;
};

struct at_locks_grant {
    uint64_t token;
    uint32_t flags; /* OWNER_DIED */
};

struct at_locks_of {
    uint64_t op;
};

extern const struct at_message_kind at_locks_session_kind;
extern const struct at_message_kind at_locks_held_kind;
extern const struct at_message_kind at_locks_ask_kind;
extern const struct at_message_kind at_locks_grant_kind;
extern const struct at_message_kind at_locks_of_kind;

/* Payload of a call → the struct, which borrows. 0 or AT_MESSAGE_MALFORMED. */
int at_locks_read(const struct at_message_kind *kind, struct at_bytes payload, void *ret);
/* One more behind what w holds. */
void at_locks_add_held(struct at_writer *w, const struct at_locks_held *held);
/* Takes the next one off. false: there is none, or r->failed. */
bool at_locks_next_held(struct at_reader *r, struct at_locks_held *ret);
/* A name of a lock: 1 to AT_LOCKS_NAME_MAX of a-z A-Z 0-9 . _ - / : */
bool at_locks_is_name(struct at_bytes name);

#endif
