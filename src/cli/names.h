/*
 * Which method a name on the command line means: a full name, or a short one that is unique in the
 * system, where the first word may also be the name of the service in atoll.yaml.
 */
#ifndef AT_CLI_NAMES_H
#define AT_CLI_NAMES_H

#include <stddef.h>

#include "base/bytes.h"
#include "pb/pool.h"
#include "plan/plan.h"

enum { AT_NAMES_MATCHES_MAX = 64, AT_NAMES_WORD_MAX = 600 };

/*
 * Writes at most cap matches and returns how many there are: 1 is an answer, 0 is unknown, more is
 * ambiguous. plan may be NULL.
 */
size_t at_names_resolve(const struct at_pool *pool, const struct at_plan *plan,
                        struct at_bytes name, const struct at_pool_method **ret, size_t cap);
/* The full name nearest to what was written, or NULL. */
const char *at_names_nearest(const struct at_pool *pool, struct at_bytes name);

#endif
