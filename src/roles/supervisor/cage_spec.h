/* From the plan to a cage: command line, environment, descriptors, limits of one instance. */
#ifndef AT_SUPERVISOR_CAGE_SPEC_H
#define AT_SUPERVISOR_CAGE_SPEC_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "roles/supervisor/instance.h"
#include "sandbox/sandbox.h"

struct at_system;

/* The program of a role: "<role_dir>/atoll-gateway"; NULL for a user's service. */
const char *at_cage_spec_role(const struct at_system *s, enum at_plan_kind kind, char *out,
                              size_t cap);
/* The directory that its instances may write: "<project>/.atoll/state/<service>". */
void at_cage_spec_state_dir(const struct at_system *s, uint32_t service, char *out, size_t cap);
/*
 * Fills *ret with what begins the cage; everything it points to lives in the arena. control, out,
 * err: the instance's ends (out and err may be -1). -ENOMEM.
 */
int at_cage_spec_make(const struct at_instance *i, int control, int out, int err,
                      struct at_arena *arena, struct at_cage_spec *ret);

#endif
