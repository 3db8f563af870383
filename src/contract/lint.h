/*
 * Lint: what makes contracts hard to use, to generate code from, or to change.
 *
 * The rules are those that buf calls STANDARD (version 2 of its configuration), with the same
 * names, so that a project may move between the two; and IMPORT_NO_WEAK. PROTOVALIDATE is left
 * out: it judges the options of a library that we do not have. A comment before a declaration
 * switches a rule off for it and for everything in it:
 *
 *     // atoll:lint:ignore ENUM_VALUE_PREFIX
 *
 * buf:lint:ignore means the same. Comments are known only where the set has source info.
 */
#ifndef AT_CONTRACT_LINT_H
#define AT_CONTRACT_LINT_H

#include <stdbool.h>
#include <stddef.h>

#include "contract/finding.h"
#include "contract/set.h"

struct at_lint_options {
    const bool *given;         /* by index of file: lint these; NULL: all but standard ones */
    const char *const *except; /* names of rules to leave out */
    size_t except_count;
};

/* Appends to out, sorted. 0, -ENOMEM. The arena of `out` is also used for working. */
int at_lint(const struct at_set *set, const struct at_lint_options *options,
            struct at_findings *out);

/* All rules: i from 0 until NULL. */
const struct at_rule *at_lint_rule_at(size_t i);

#endif
