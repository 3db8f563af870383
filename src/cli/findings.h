/* How `atoll proto` shows findings: sentences for people, objects for programs. */
#ifndef AT_CLI_FINDINGS_H
#define AT_CLI_FINDINGS_H

#include <stddef.h>

#include "cli/cli.h"
#include "cli/contracts.h"
#include "contract/finding.h"

/*
 * The rules that --except names: fills in names[0..AT_CLI_OPTIONS_MAX). 0, or AT_EXIT_USAGE when
 * there is no such rule. rule_at: all rules, i from 0 until NULL.
 */
int at_findings_except(struct at_cli *cli, const struct at_rule *(*rule_at)(size_t),
                       const char **names, size_t *ret_count);

/* The rules as a table, for --list. An exit code. */
int at_findings_list(struct at_cli *cli, const struct at_rule *(*rule_at)(size_t));

/*
 * Writes them to stdout. now: the contracts that were looked at; old: those they were compared
 * with, or NULL. AT_EXIT_OK when there are none, else AT_EXIT_FAILURE.
 */
int at_findings_print(struct at_cli *cli, const struct at_findings *list,
                      const struct at_contracts *now, const struct at_contracts *old);

#endif
