#include "policy/resend.h"

#include <stddef.h>

static const char *const texts[] = {
    [AT_RESEND_YES] = "it is sent again",
    [AT_RESEND_MAY_HAVE_RUN] = "it may have run, so it is not sent again",
    [AT_RESEND_POISONOUS] = "three instances died with it, so it is not sent to a fourth",
    [AT_RESEND_ENDLESS] = "it lost its instance too often",
    [AT_RESEND_BUDGET_IS_OUT] = "too many calls to this service are being sent again already",
    [AT_RESEND_PINNED] = "a call to this instance is not sent to another",
};

const char *at_resend_verdict_text(enum at_resend_verdict verdict)
{
    return (size_t)verdict < sizeof(texts) / sizeof(texts[0]) ? texts[verdict] : "unknown";
}

void at_resend_budget_init(struct at_resend_budget *b)
{
    b->parts = AT_RESEND_BUDGET_MAX * AT_RESEND_PART;
}

void at_resend_budget_earn(struct at_resend_budget *b)
{
    if (b->parts < AT_RESEND_BUDGET_MAX * AT_RESEND_PART) {
        b->parts++;
    }
}

enum at_resend_verdict at_resend_judge(struct at_resend_budget *b, const struct at_resend_case *c)
{
    if (!c->taken) {
        return c->untaken_before + 1 >= AT_RESEND_UNTAKEN_MAX ? AT_RESEND_ENDLESS : AT_RESEND_YES;
    }
    if (!c->may_repeat) {
        return AT_RESEND_MAY_HAVE_RUN;
    }
    if (c->taken_before + 1 >= AT_RESEND_TAKEN_MAX) {
        return AT_RESEND_POISONOUS;
    }
    if (b->parts < AT_RESEND_PART) {
        return AT_RESEND_BUDGET_IS_OUT;
    }
    b->parts -= AT_RESEND_PART;
    return AT_RESEND_YES;
}
