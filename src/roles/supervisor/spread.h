/* What a caller is told of how its calls are spread over the instances of a service. */
#ifndef AT_SUPERVISOR_SPREAD_H
#define AT_SUPERVISOR_SPREAD_H

#include <stdint.h>

#include "control/service.h"
#include "plan/plan.h"
#include "roles/supervisor/edges.h"

/* Fills in what OPEN says of it to instances of `from` (or AT_EDGES_OPERATOR); borrows the plan. */
void at_spread_tell(const struct at_plan *plan, uint32_t from, const struct at_party *server,
                    struct at_service_open *open);

#endif
