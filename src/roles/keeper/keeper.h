/*
 * The keeper of named locks: requests of channels in, the book asked, answers out.
 *
 * An owner is a channel on which a Session stands; its end is the owner's. What comes over a channel
 * before its Session (requests that a library sends again to a restarted keeper come first) waits
 * for it. One loop, one thread.
 */
#ifndef AT_KEEPER_KEEPER_H
#define AT_KEEPER_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "call/call.h"
#include "loop/loop.h"
#include "plan/locks.h"
#include "role/role.h"

struct at_book;

struct at_keeper {
    struct at_role *role;
    struct at_calls *calls;
    struct at_timer *timer;
    struct at_book *book;
    struct at_locks_config config;
    struct at_list sessions; /* struct session */
    struct at_list early;    /* at_incoming.entry: of channels without a Session */
    struct at_list ended;    /* at_incoming.entry: cancelled, still to be answered */
    size_t over;             /* sessions that ended, still to be taken out */
    bool ending;
};

/* For struct at_role_spec; user is a struct at_keeper. */
int at_keeper_start(void *user, struct at_role *role);
void at_keeper_stop(void *user, uint64_t grace_ns);
void at_keeper_end(void *user);

#endif
