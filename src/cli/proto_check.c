/* atoll proto check: lint of contracts. */
#include <stddef.h>

#include "cli/cli.h"
#include "cli/contracts.h"
#include "cli/findings.h"
#include "cli/proto.h"
#include "contract/finding.h"
#include "contract/lint.h"

static int check(struct at_cli *cli, struct at_contracts *c, const char *const *except,
                 size_t except_count)
{
    struct at_lint_options options = {
        .given = c->given, .except = except, .except_count = except_count};
    struct at_findings findings;

    at_findings_init(&findings, &c->arena);
    if (at_lint(&c->set, &options, &findings) < 0) {
        return at_cli_fail(cli, AT_EXIT_FAILURE, "out of memory: the contracts are too big");
    }
    return at_findings_print(cli, &findings, c, NULL);
}

int at_proto_check(struct at_cli *cli, const char *const *words, size_t count)
{
    const char *except[AT_CLI_OPTIONS_MAX];
    size_t except_count = 0;
    struct at_contracts c;

    if (at_cli_has(cli, "list")) {
        return at_findings_list(cli, at_lint_rule_at);
    }
    int code = at_findings_except(cli, at_lint_rule_at, except, &except_count);

    code = code == 0 ? at_contracts_read(cli, words, count, &c) : code;
    if (code != 0) {
        return code;
    }
    code = check(cli, &c, except, except_count);
    at_contracts_deinit(&c);
    return code;
}
