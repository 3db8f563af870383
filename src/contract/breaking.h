/*
 * Which changes from an old set of contracts to a new one break somebody.
 *
 * Three kinds of users are told apart (enum at_breaks in finding.h): peers that speak the binary
 * encoding and call methods; clients that speak JSON or REST; programs built from the contract.
 * A finding says which of them it breaks. Types and services are matched by full name, fields by
 * number, enum values by number, methods by name, extensions by name.
 *
 * The rules are those of buf's categories FILE, WIRE_JSON and WIRE with the same names, and a few
 * of our own (FIELD_SAME_NUMBER, FIELD_NUMBER_NO_REUSE, ENUM_VALUE_SAME_NUMBER, TYPE_SAME_FILE,
 * RPC_SAME_HTTP). One change is one finding: where buf has three rules for a deleted field, the
 * one that breaks the most is reported. Where we differ:
 *  - a deleted service or method breaks the wire too: calls to it fail;
 *  - a move between oneofs breaks the wire only when fields can now exclude each other that could
 *    not before, or the other way round (as the language guide of protobuf says);
 *  - an idempotency level may become stronger; only a weaker one breaks those who resend;
 *  - PACKAGE_…_NO_DELETE, the features of editions and the options of Java's strings are left out.
 *
 * Pure; for the command line, and for deploys that want to know before they switch:
 *
 *     at_set_load(&arena, contracts_of_the_running_version, &old, &diag);
 *     at_set_load(&arena, contracts_of_the_next_version, &now, &diag);
 *     at_findings_init(&found, &arena);
 *     options.given = files with the services it serves: a program carries what it calls, too;
 *     options.against = AT_BREAKS_WIRE | AT_BREAKS_JSON: who is built from it is no matter then;
 *     at_breaking(&old, &now, &options, &found);     found.count == 0: old callers may stay
 */
#ifndef AT_CONTRACT_BREAKING_H
#define AT_CONTRACT_BREAKING_H

#include <stdbool.h>
#include <stddef.h>

#include "contract/finding.h"
#include "contract/set.h"

struct at_breaking_options {
    const bool *given; /* by index of old file: what these declare; NULL: all but standard ones */
    unsigned against;  /* enum at_breaks: only what breaks one of these; 0: all */
    const char *const *except; /* names of rules to leave out */
    size_t except_count;
};

/*
 * Appends to out, sorted. A finding points into the new set, or where nothing is left there into
 * the old one (in_old). 0, -ENOMEM. The arena of `out` is also used for working.
 */
int at_breaking(const struct at_set *old, const struct at_set *now,
                const struct at_breaking_options *options, struct at_findings *out);

/* All rules: i from 0 until NULL. */
const struct at_rule *at_breaking_rule_at(size_t i);

#endif
