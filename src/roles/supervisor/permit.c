#include "roles/supervisor/permit.h"

#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"
#include "control/locks.h"
#include "control/service.h"
#include "plan/plan.h"
#include "roles/supervisor/edges.h"

static bool gateway_may_call(const struct at_plan *plan, uint32_t to)
{
    for (size_t i = 0; i < plan->listener_count; i++) {
        const struct at_plan_indexes *s = &plan->listeners[i].services;

        for (size_t k = 0; k < s->count; k++) {
            if (s->at[k] == to) {
                return true;
            }
        }
    }
    return false;
}

static bool may_lock(const struct at_plan *plan, uint32_t from, char *why, size_t cap)
{
    const struct at_plan_service *caller = &plan->services[from];

    (void)snprintf(why, cap,
                   "\"%s\" may not use any lock: add \"lock:NAME\" to `uses` of service %s (%s:%u)",
                   caller->name, caller->name, caller->file,
                   caller->uses_line != 0 ? caller->uses_line : caller->line);
    return at_plan_uses_locks(plan, from);
}

bool at_permit_call(const struct at_plan *plan, uint32_t from, uint32_t to, char *why, size_t cap)
{
    const struct at_plan_service *caller;
    uint32_t line;

    if (from == AT_EDGES_OPERATOR) {
        return true;
    }
    caller = &plan->services[from];
    if (caller->kind == AT_PLAN_GATEWAY) {
        (void)snprintf(why, cap,
                       "no listener of the gateway names \"%s\": add it to the services of a "
                       "listener under gateway.listen",
                       plan->services[to].name);
        return gateway_may_call(plan, to);
    }
    if (at_plan_may_call(plan, from, to)) {
        return true;
    }
    if (plan->services[to].kind == AT_PLAN_KEEPER) {
        return may_lock(plan, from, why, cap);
    }
    line = caller->uses_line != 0 ? caller->uses_line : caller->line;
    if (from == to) {
        (void)snprintf(why, cap, "\"%s\" cannot call itself through atoll", caller->name);
    } else if (caller->uses.count == 0) {
        (void)snprintf(why, cap,
                       "\"%s\" may not call \"%s\": it declares no such use; add `uses: [%s]` to "
                       "service %s (%s:%u)",
                       caller->name, plan->services[to].name, plan->services[to].name, caller->name,
                       caller->file, line);
    } else {
        (void)snprintf(why, cap,
                       "\"%s\" may not call \"%s\": it declares no such use; add \"%s\" to `uses` "
                       "of service %s (%s:%u)",
                       caller->name, plan->services[to].name, plan->services[to].name, caller->name,
                       caller->file, line);
    }
    return false;
}

int at_permit_find(const struct at_plan *plan, const struct at_service_want *want, char *why,
                   size_t cap)
{
    bool by_contract = want->contract.len > 0;
    struct at_bytes name = by_contract ? want->contract : want->service;
    int to =
        by_contract ? at_plan_provider(plan, want->contract) : at_plan_find(plan, want->service);

    if (by_contract && at_bytes_equal(name, AT_LIT(AT_LOCKS_CONTRACT))) {
        to = at_plan_role(plan, AT_PLAN_KEEPER);
        if (to < 0) {
            (void)snprintf(why, cap,
                           "\"%s\" declares no locks: add `locks: {NAME: {}}` to its "
                           "configuration, and \"lock:NAME\" to `uses` of the service",
                           plan->system);
        }
        return to;
    }
    if (to < 0) {
        (void)snprintf(why, cap,
                       by_contract ? "no service of \"%s\" serves the contract %.*s"
                                   : "\"%s\" has no service \"%.*s\"",
                       plan->system, (int)name.len, name.len == 0 ? "" : (const char *)name.at);
        return -1;
    }
    if (plan->services[to].kind != AT_PLAN_SERVICE || plan->services[to].contracts.count == 0) {
        (void)snprintf(why, cap, "\"%s\" serves no contract", plan->services[to].name);
        return -1;
    }
    return to;
}
