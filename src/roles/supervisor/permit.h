/* Who may call whom, by the plan alone, and the sentence when not: which line would allow it. */
#ifndef AT_SUPERVISOR_PERMIT_H
#define AT_SUPERVISOR_PERMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/service.h"
#include "plan/plan.h"

/* May an instance of `from` (or AT_EDGES_OPERATOR) call service `to`? false: the sentence in why. */
bool at_permit_call(const struct at_plan *plan, uint32_t from, uint32_t to, char *why, size_t cap);
/* Index of the service that the WANT means, or -1 and the sentence in why. */
int at_permit_find(const struct at_plan *plan, const struct at_service_want *want, char *why,
                   size_t cap);

#endif
