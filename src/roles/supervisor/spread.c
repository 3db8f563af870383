#include "roles/supervisor/spread.h"

#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "control/limits.h"
#include "control/service.h"
#include "plan/limits.h"
#include "plan/plan.h"
#include "policy/balance.h"
#include "roles/supervisor/edges.h"

_Static_assert((int)AT_PLAN_LEAST_REQUESTS == (int)AT_BALANCE_LEAST_REQUESTS &&
                   (int)AT_PLAN_ROUND_ROBIN == (int)AT_BALANCE_ROUND_ROBIN &&
                   (int)AT_PLAN_P2C == (int)AT_BALANCE_P2C &&
                   (int)AT_PLAN_HASH == (int)AT_BALANCE_HASH,
               "one number, one policy");
_Static_assert((int)AT_PLAN_KEY_MAX <= (int)AT_CONTROL_KEY_MAX &&
                   (int)AT_PLAN_WEIGHT_MAX <= (int)AT_BALANCE_WEIGHT_MAX &&
                   (int)AT_PLAN_BOUND_MIN == (int)AT_BALANCE_BOUND_MIN &&
                   (int)AT_PLAN_BOUND_MAX == (int)AT_BALANCE_BOUND_MAX,
               "what a plan may say can be told");
_Static_assert(AT_PLAN_ANYBODY == AT_EDGES_OPERATOR, "an operator has no edge of its own");

/* "stock.2" → 2; 0: it has none. */
static uint64_t number_of(const char *instance)
{
    const char *dot = strrchr(instance, '.');
    uint64_t n = 0;

    return dot != NULL && at_bytes_to_u64(at_bytes_of(dot + 1), &n) ? n : 0;
}

void at_spread_tell(const struct at_plan *plan, uint32_t from, const struct at_party *server,
                    struct at_service_open *open)
{
    const struct at_plan_service *to = &plan->services[server->service];
    const struct at_plan_policy *p = at_plan_policy_of(plan, from, server->service);
    uint64_t number = number_of(server->name);

    open->replicas = to->replicas;
    open->ready_ns = server->ready_ns;
    open->weight = number >= 1 && number <= to->weights.count ? to->weights.at[number - 1] : 1;
    if (p != NULL) {
        open->balance = p->balance;
        open->bound = p->bound;
        open->slow_start_ns = p->slow_start_ns;
        open->key = at_bytes_of(p->key);
    }
}
