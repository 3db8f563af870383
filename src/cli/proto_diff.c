/* atoll proto diff: which changes of contracts break whom. */
#include <stddef.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/contracts.h"
#include "cli/findings.h"
#include "cli/proto.h"
#include "contract/breaking.h"
#include "contract/finding.h"

/* Whoever cares for JSON cares for the wire too, and whoever builds from it for everything. */
static unsigned against_of(struct at_cli *cli)
{
    const char *level = at_cli_value(cli, "against");

    if (level != NULL && strcmp(level, "wire") == 0) {
        return AT_BREAKS_WIRE;
    }
    return level != NULL && strcmp(level, "json") == 0 ? AT_BREAKS_WIRE | AT_BREAKS_JSON
                                                       : AT_BREAKS_ALL;
}

static int compare(struct at_cli *cli, const struct at_contracts *old, struct at_contracts *now,
                   struct at_breaking_options *options)
{
    struct at_findings findings;

    options->given = old->given;
    options->against = against_of(cli);
    at_findings_init(&findings, &now->arena);
    if (at_breaking(&old->set, &now->set, options, &findings) < 0) {
        return at_cli_fail(cli, AT_EXIT_FAILURE, "out of memory: the contracts are too big");
    }
    return at_findings_print(cli, &findings, now, old);
}

int at_proto_diff(struct at_cli *cli, const char *const *words, size_t count)
{
    const char *except[AT_CLI_OPTIONS_MAX];
    struct at_breaking_options options = {.except = except};
    struct at_contracts old;
    struct at_contracts now;
    int code;

    if (at_cli_has(cli, "list")) {
        return at_findings_list(cli, at_breaking_rule_at);
    }
    if (count == 0) {
        return at_cli_fail(cli, AT_EXIT_USAGE,
                           "what is compared? atoll proto diff OLD [NEW], see atoll help proto");
    }
    code = at_findings_except(cli, at_breaking_rule_at, except, &options.except_count);
    code = code == 0 ? at_contracts_read(cli, words, 1, &old) : code;
    if (code != 0) {
        return code;
    }
    code = at_contracts_read(cli, words + 1, count - 1, &now);
    if (code == 0) {
        code = compare(cli, &old, &now, &options);
        at_contracts_deinit(&now);
    }
    at_contracts_deinit(&old);
    return code;
}
