/*
 * May a request that lost its peer be sent again?
 *
 * What the peer provably never took may: it cannot have run. What it took may only when its method
 * may be repeated, and then not for ever: a request that kills whoever takes it must not walk
 * through all instances, and after a crash of a busy service the second wave must not be larger
 * than the first. So each call has a few tries, and all calls to one service share a budget that
 * finished calls earn back (a tenth of a try each).
 *
 * Pure: no clock, no I/O, no allocation.
 */
#ifndef AT_POLICY_RESEND_H
#define AT_POLICY_RESEND_H

#include <stdbool.h>
#include <stdint.h>

enum {
    AT_RESEND_TAKEN_MAX = 3,    /* peers that may die with one request: stops a poisonous one */
    AT_RESEND_UNTAKEN_MAX = 32, /* peers that may die before they took it: stops an endless loop */
    AT_RESEND_BUDGET_MAX = 256, /* tries saved up: the second wave after a crash is no larger */
    AT_RESEND_PART = 10,        /* finished calls that earn one try */
};

struct at_resend_budget {
    uint32_t parts; /* AT_RESEND_PART of them are a try */
};

/* What is known of the request. */
struct at_resend_case {
    bool taken;      /* the dead peer may have taken it */
    bool may_repeat; /* its method's idempotency_level allows it */
    uint8_t taken_before;
    uint8_t untaken_before; /* earlier losses of the same call */
};

enum at_resend_verdict {
    AT_RESEND_YES = 0,
    AT_RESEND_MAY_HAVE_RUN,  /* at most once: the method does not say that it may be repeated */
    AT_RESEND_POISONOUS,     /* AT_RESEND_TAKEN_MAX peers died with it */
    AT_RESEND_ENDLESS,       /* AT_RESEND_UNTAKEN_MAX peers died before they took it */
    AT_RESEND_BUDGET_IS_OUT, /* too many calls to the service are being sent again */
    AT_RESEND_PINNED,        /* it is a call to this instance and no other */
};

/* Full. */
void at_resend_budget_init(struct at_resend_budget *b);
/* A call to the service ended with an answer. */
void at_resend_budget_earn(struct at_resend_budget *b);
/* Judges, and pays when the verdict is YES for a request that was taken. */
enum at_resend_verdict at_resend_judge(struct at_resend_budget *b, const struct at_resend_case *c);
/* "it may have run, so it is not sent again" …; static, never NULL. */
const char *at_resend_verdict_text(enum at_resend_verdict verdict);

#endif
