#include "libatoll/spin.h"

#include <stdint.h>

#include "libatoll/limits.h"

static void stop(struct at_spin *s)
{
    s->budget_ns = 0;
    s->rest = s->next_rest == 0 ? AT_LIB_SPIN_REST_FIRST : s->next_rest;
    s->next_rest = s->rest * 2 > AT_LIB_SPIN_REST_LAST ? AT_LIB_SPIN_REST_LAST : s->rest * 2;
}

void at_spin_slept(struct at_spin *s, uint64_t took_ns)
{
    uint64_t wait_ns;

    /* The shortest, but slowly up again, for machines change. */
    s->wake_ns += s->wake_ns / 16;
    if (s->wake_ns == 0 || took_ns < s->wake_ns) {
        s->wake_ns = took_ns;
    }
    if (s->wake_ns > AT_LIB_SPIN_MAX_NS) {
        s->wake_ns = AT_LIB_SPIN_MAX_NS;
    }
    wait_ns = took_ns > s->wake_ns ? took_ns - s->wake_ns : 0;
    wait_ns = wait_ns > AT_LIB_SPIN_FAR_NS ? AT_LIB_SPIN_FAR_NS : wait_ns; /* one long pause */
    s->wait_ns = s->wait_ns - s->wait_ns / 4 + wait_ns / 4;
    if (s->rest > 0) {
        s->rest--;
    } else if (s->budget_ns == 0 && s->wait_ns < s->wake_ns) {
        s->budget_ns = s->wake_ns;
    }
}

void at_spin_hit(struct at_spin *s)
{
    s->next_rest = 0;
    s->budget_ns = s->budget_ns * 2 > s->wake_ns ? s->wake_ns : s->budget_ns * 2;
}

void at_spin_missed(struct at_spin *s, uint64_t took_ns)
{
    if (took_ns > s->budget_ns + AT_LIB_SPIN_STOLEN_NS) {
        stop(s); /* somebody else had this CPU meanwhile: it is not ours to burn */
        return;
    }
    s->budget_ns /= 2;
    if (s->budget_ns < AT_LIB_SPIN_MIN_NS) {
        stop(s);
    }
}
