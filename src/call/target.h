/* What a process calls: one contract, its channels, its waiting calls. For this room only. */
#ifndef AT_CALL_TARGET_H
#define AT_CALL_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/list.h"
#include "call/choose.h"
#include "call/deadlines.h"
#include "call/engine.h"
#include "call/limits.h"
#include "policy/resend.h"

struct at_target {
    struct at_bytes contract;  /* name[] */
    uint64_t request;          /* of the WANT */
    struct at_seating seating; /* its open channels */
    struct at_list waiting;    /* at_pending.entry, first come first served */
    struct at_list pinned;     /* at_pending.entry: for their own channel to have room */
    uint32_t edge;             /* enum at_edge_state, or 0: nothing said yet */
    char service[AT_CALL_NAME_ROOM];
    char *reason;             /* of the edge; malloc, may be NULL */
    bool unsent;              /* WANT did not go out yet */
    bool lost;                /* a channel ended, and WANT has not been said often enough since */
    uint64_t not_before_ns;   /* WANT is not said again earlier */
    uint64_t backoff_ns;      /* from that time to the next */
    struct at_deadline again; /* when WANT is said again */
    struct at_resend_budget budget;
    char name[];
};

/* Finds it, or makes it and says WANT. NULL: out of memory. */
struct at_target *at_target_find(struct at_engine *e, struct at_bytes contract);
/* "stock" when the supervisor has told, else the contract. Not NUL-terminated. */
const char *at_target_name(const struct at_target *t, int *ret_len);
/* The status with which a call is refused at once, or 0. */
uint32_t at_target_refusal(const struct at_target *t);
/* Ends a call with that status and the supervisor's reason. */
void at_target_refuse(struct at_engine *e, struct at_target *t, struct at_pending *p,
                      uint32_t status);
/* A channel of it ended: the supervisor may believe that it still is, or has forgotten it. */
void at_target_lost(struct at_engine *e, struct at_target *t);
/* A call waits: after a loss WANT is said again at once when its time has come. */
void at_target_urge(struct at_engine *e, struct at_target *t);
/* t->again is due. */
void at_target_again(struct at_engine *e, struct at_target *t);
/* The result is told in the next run: a done function never runs inside at_engine_start(). */
void at_client_finish_later(struct at_engine *e, struct at_pending *p, uint32_t status,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
