/*
 * Which channel a call takes: the seats of a target's open channels, under the policy that the
 * supervisor named (policy/balance.h). For this room only.
 *
 * With one channel there is nothing to choose, and nothing of the policy is touched.
 */
#ifndef AT_CALL_CHOOSE_H
#define AT_CALL_CHOOSE_H

#include <stdbool.h>
#include <stdint.h>

#include "call/engine.h"
#include "control/limits.h"
#include "control/service.h"
#include "policy/balance.h"

struct at_link;
struct at_target;

struct at_seating {
    struct at_balance balance;
    struct at_balance_seat **seats; /* at_link.seat of the open channels */
    uint32_t count;
    uint32_t cap;
    uint32_t promised; /* channels being attached: there is room for their seats already */
    uint32_t replicas; /* of the plan; 0: not known */
    uint64_t chance;   /* state of what is passed as randomness: no secret */
    size_t key_len;
    char key[AT_CONTROL_KEY_MAX + 1];
};

/* What OPEN says of the policy and of this instance; makes room for its seat. 0, -ENOMEM. */
int at_choose_opened(struct at_target *t, struct at_link *l, const struct at_service_open *open);
/* The channel carries calls from now on. */
void at_choose_sit(struct at_target *t, struct at_link *l);
/* No more. Fine when it never did. */
void at_choose_leave(struct at_link *l);
void at_choose_deinit(struct at_target *t);
/* Would it take one more call now? */
bool at_choose_has_room(const struct at_link *l);
/* For this call; NULL: none has room. */
struct at_link *at_choose(struct at_target *t, struct at_pending *p, uint64_t now_ns);
/* The call has been sent over l; it was answered there with this status. */
void at_choose_sent(struct at_target *t, struct at_pending *p, uint64_t now_ns);
void at_choose_answered(struct at_link *l, const struct at_pending *p, uint32_t status,
                        uint64_t now_ns);

#endif
