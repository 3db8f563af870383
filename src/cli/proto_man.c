/* The rules of `atoll proto check` and `diff` in atoll-proto(1), from the tables that apply them. */
#include <stddef.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/help.h"
#include "cli/proto.h"
#include "contract/breaking.h"
#include "contract/finding.h"
#include "contract/lint.h"

enum { TEXT_MAX = 1024 };

static void add_rules(struct at_text *out, const struct at_rule *(*rule_at)(size_t))
{
    const struct at_rule *rule;

    for (size_t i = 0; (rule = rule_at(i)) != NULL; i++) {
        char text[TEXT_MAX];

        at_text_addf(out, ".TP\n\\fB%s\\fR\n", rule->name);
        (void)snprintf(text, sizeof(text), "%s%s%s%s; %s.",
                       (rule->breaks & AT_BREAKS_WIRE) != 0 ? "wire: " : "",
                       (rule->breaks & AT_BREAKS_JSON) != 0 ? "json: " : "",
                       (rule->breaks & AT_BREAKS_SOURCE) != 0 ? "source: " : "", rule->why,
                       rule->advice);
        at_help_roff(out, text);
    }
}

void at_proto_man(struct at_text *out)
{
    at_text_add_str(out, ".SH \"RULES OF CHECK\"\n");
    add_rules(out, at_lint_rule_at);
    at_text_add_str(out, ".SH \"RULES OF DIFF\"\nEach with those whom it breaks.\n");
    add_rules(out, at_breaking_rule_at);
}
