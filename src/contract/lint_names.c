/* Lint of what stands in files: names, and what some things may not be. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "contract/finding.h"
#include "contract/lint_rules.h"
#include "contract/set.h"
#include "contract/thing.h"
#include "contract/words.h"
#include "descriptor.atoll.h"

#define B(bytes) (int)(bytes).len, (const char *)(bytes).at

/* "write foo_bar"; a name that cannot be made better keeps the advice of the rule. */
static const char *instead(struct at_lint_run *run, const char *better)
{
    return better == NULL || better[0] == '\0' ? NULL
                                               : at_findings_text(run->out, "write %s", better);
}

static void want_pascal(struct at_lint_run *run, const struct at_thing *t)
{
    struct at_bytes name = at_thing_name(t);

    if (!at_word_is_pascal(name)) {
        at_lint_say(run, t, instead(run, at_word_to_pascal(run->out->arena, name)),
                    "the name is not in PascalCase");
    }
}

static void want_lower_snake(struct at_lint_run *run, const struct at_thing *t)
{
    struct at_bytes name = at_thing_name(t);

    if (!at_word_is_lower_snake(name)) {
        at_lint_say(run, t, instead(run, at_word_to_lower_snake(run->out->arena, name)),
                    "the name is not in lower_snake_case");
    }
}

void at_lint_message_pascal(struct at_lint_run *run, const struct at_thing *t)
{
    want_pascal(run, t);
}

void at_lint_enum_pascal(struct at_lint_run *run, const struct at_thing *t)
{
    want_pascal(run, t);
}

void at_lint_service_pascal(struct at_lint_run *run, const struct at_thing *t)
{
    want_pascal(run, t);
}

void at_lint_rpc_pascal(struct at_lint_run *run, const struct at_thing *t)
{
    want_pascal(run, t);
}

/* A group is a field whose name protoc makes from the type's: there is nothing to choose. */
void at_lint_field_snake(struct at_lint_run *run, const struct at_thing *t)
{
    if (t->of.field->type != ATOLL_TYPE_GROUP) {
        want_lower_snake(run, t);
    }
}

void at_lint_oneof_snake(struct at_lint_run *run, const struct at_thing *t)
{
    want_lower_snake(run, t);
}

void at_lint_value_snake(struct at_lint_run *run, const struct at_thing *t)
{
    struct at_bytes name = at_thing_name(t);

    if (!at_word_is_upper_snake(name)) {
        at_lint_say(run, t, instead(run, at_word_to_upper_snake(run->out->arena, name)),
                    "the name is not in UPPER_SNAKE_CASE");
    }
}

void at_lint_value_prefix(struct at_lint_run *run, const struct at_thing *t)
{
    struct at_bytes name = at_thing_name(t);
    const char *prefix = at_word_to_upper_snake(run->out->arena, at_set_name_of(t->symbol));

    if (prefix == NULL) {
        run->out->failed = true;
        return;
    }
    prefix = at_findings_text(run->out, "%s_", prefix);
    if (!at_bytes_start_with(name, at_bytes_of(prefix))) {
        const char *upper = at_word_to_upper_snake(run->out->arena, name);

        at_lint_say(run, t,
                    upper == NULL ? NULL : at_findings_text(run->out, "write %s%s", prefix, upper),
                    "the name does not begin with %s", prefix);
    }
}

void at_lint_zero_suffix(struct at_lint_run *run, const struct at_thing *t)
{
    static const char suffix[] = "_UNSPECIFIED";
    struct at_bytes name = at_thing_name(t);
    struct at_bytes end =
        at_bytes_after(name, name.len < sizeof(suffix) - 1 ? 0 : name.len - (sizeof(suffix) - 1));

    if (t->of.value->number == 0 && !at_bytes_equal(end, at_bytes_of(suffix))) {
        const char *prefix = at_word_to_upper_snake(run->out->arena, at_set_name_of(t->symbol));

        at_lint_say(run, t,
                    prefix == NULL ? NULL
                                   : at_findings_text(run->out, "write %s%s", prefix, suffix),
                    "the name of the value 0 does not end with %s", suffix);
    }
}

void at_lint_first_zero(struct at_lint_run *run, const struct at_thing *t)
{
    const struct google_protobuf_EnumDescriptorProto *e = t->symbol->of.enumeration;

    if (e->value.at[0].number != 0) {
        at_lint_say(run, t, NULL, "its first value is %d and not 0", e->value.at[0].number);
    }
}

void at_lint_no_alias(struct at_lint_run *run, const struct at_thing *t)
{
    const struct google_protobuf_EnumDescriptorProto *e = t->symbol->of.enumeration;

    if (e->options != NULL && e->options->allow_alias) {
        at_lint_say(run, t, NULL, "it allows two names for one number");
    }
}

void at_lint_not_required(struct at_lint_run *run, const struct at_thing *t)
{
    if (t->of.field->label == GOOGLE_PROTOBUF_FIELD_DESCRIPTOR_PROTO_LABEL_REQUIRED) {
        at_lint_say(run, t, NULL, "the field is required");
    }
}

void at_lint_service_suffix(struct at_lint_run *run, const struct at_thing *t)
{
    static const char suffix[] = "Service";
    struct at_bytes name = at_thing_name(t);
    size_t len = sizeof(suffix) - 1;

    if (name.len < len ||
        !at_bytes_equal(at_bytes_after(name, name.len - len), at_bytes_of(suffix))) {
        at_lint_say(run, t, at_findings_text(run->out, "write %.*sService", B(name)),
                    "the name does not end with Service");
    }
}

/* "GetItemRequest" and "StockServiceGetItemRequest" are the names for GetItem of StockService. */
static void want_name(struct at_lint_run *run, const struct at_thing *t, struct atoll_str type,
                      const char *suffix, const char *what)
{
    struct at_bytes name = at_thing_name(t);
    struct at_bytes service = at_set_name_of(t->symbol);
    struct at_bytes short_name = at_set_bytes(type);
    const char *plain = at_findings_text(run->out, "%.*s%s", B(name), suffix);
    const char *full = at_findings_text(run->out, "%.*s%s", B(service), plain);

    for (size_t dot; (dot = at_bytes_index(short_name, '.')) < short_name.len;) {
        short_name = at_bytes_after(short_name, dot + 1);
    }
    if (!at_bytes_equal(short_name, at_bytes_of(plain)) &&
        !at_bytes_equal(short_name, at_bytes_of(full))) {
        at_lint_say(run, t, at_findings_text(run->out, "name it %s or %s", plain, full),
                    "its %s is called %.*s", what, B(short_name));
    }
}

void at_lint_request_name(struct at_lint_run *run, const struct at_thing *t)
{
    want_name(run, t, t->of.method->input_type, "Request", "request");
}

void at_lint_response_name(struct at_lint_run *run, const struct at_thing *t)
{
    want_name(run, t, t->of.method->output_type, "Response", "response");
}

static void want_unique(struct at_lint_run *run, const struct at_thing *t, struct atoll_str type,
                        const char *what)
{
    const struct at_set_symbol *symbol = at_set_find(run->set, at_set_bytes(type));
    uint32_t uses = symbol == NULL ? 0 : run->uses[symbol - run->set->symbols];

    if (uses > 1) {
        at_lint_say(run, t, NULL, "its %s %s is used in %u places as request or response", what,
                    symbol->full_name, uses);
    }
}

void at_lint_unique(struct at_lint_run *run, const struct at_thing *t)
{
    want_unique(run, t, t->of.method->input_type, "request");
    if (!at_bytes_equal(at_set_bytes(t->of.method->input_type),
                        at_set_bytes(t->of.method->output_type))) {
        want_unique(run, t, t->of.method->output_type, "response");
    }
}
