#include "cli/findings.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/contracts.h"
#include "cli/out.h"
#include "contract/finding.h"
#include "pb/json.h"

enum { RULES_MAX = 256 };

static const struct {
    unsigned bit;
    const char *name;
} classes[] = {{AT_BREAKS_WIRE, "wire"}, {AT_BREAKS_JSON, "json"}, {AT_BREAKS_SOURCE, "source"}};

enum { CLASSES = sizeof(classes) / sizeof(classes[0]) };

/* ---- --except ---- */

static int unknown_rule(struct at_cli *cli, const struct at_rule *(*rule_at)(size_t),
                        const char *name)
{
    const char *names[RULES_MAX];
    const struct at_rule *rule;
    size_t count = 0;

    while (count < RULES_MAX && (rule = rule_at(count)) != NULL) {
        names[count++] = rule->name;
    }
    const char *near = at_text_nearest(at_bytes_of(name), names, count);

    at_cli_fail(cli, AT_EXIT_USAGE, "there is no rule \"%s\"%s%s%s", name,
                near == NULL ? "" : "; did you mean ", near == NULL ? "" : near,
                near == NULL ? "" : "?");
    fprintf(cli->err, "All rules: atoll proto %s --list\n", cli->words[0]);
    return AT_EXIT_USAGE;
}

int at_findings_except(struct at_cli *cli, const struct at_rule *(*rule_at)(size_t),
                       const char **names, size_t *ret_count)
{
    size_t count = 0;

    while (count < AT_CLI_OPTIONS_MAX &&
           (names[count] = at_cli_value_at(cli, "except", count)) != NULL) {
        const struct at_rule *rule;
        size_t i = 0;

        while ((rule = rule_at(i)) != NULL && strcmp(rule->name, names[count]) != 0) {
            i++;
        }
        if (rule == NULL) {
            return unknown_rule(cli, rule_at, names[count]);
        }
        count++;
    }
    *ret_count = count;
    return 0;
}

/* ---- showing ---- */

struct showing {
    struct at_cli *cli;
    const struct at_contracts *now;
    const struct at_contracts *old;
};

static const char *path_of(const struct showing *s, const struct at_finding *f)
{
    return f->in_old && s->old != NULL ? s->old->shown[f->file->index]
                                       : s->now->shown[f->file->index];
}

static void add_classes(struct at_text *out, unsigned breaks)
{
    const char *separator = "";

    for (size_t i = 0; i < CLASSES; i++) {
        if ((breaks & classes[i].bit) != 0) {
            at_text_addf(out, "%s%s", separator, classes[i].name);
            separator = ", ";
        }
    }
}

/* "cart.proto:7:3: field shop.cart.v1.Item.count: was int32 and is now string" and why. */
static void add_lines(const struct showing *s, const struct at_finding *f, struct at_text *out)
{
    const char *bold = s->cli->out_colour ? "\033[1m" : "";
    const char *plain = s->cli->out_colour ? "\033[0m" : "";
    struct at_text raw;

    at_text_init(&raw);
    at_text_addf(&raw, "%s:", path_of(s, f));
    if (f->line > 0) {
        at_text_addf(&raw, "%d:%d:", f->line, f->col);
    }
    at_text_add_str(out, bold);
    at_text_add_visible(out, at_text_bytes(&raw));
    at_text_add_str(out, plain);
    at_text_clear(&raw);
    at_text_addf(&raw, " %s%s: %s", f->in_old ? "old " : "", f->subject, f->what);
    at_text_add_visible(out, at_text_bytes(&raw));
    at_text_addf(out, " (%s)\n    %s", f->rule->name, f->rule->why);
    at_text_clear(&raw);
    at_text_addf(&raw, "; %s", f->advice);
    at_text_add_visible(out, at_text_bytes(&raw));
    if (f->breaks != 0) {
        at_text_add_str(out, "\n    breaks: ");
        add_classes(out, f->breaks);
    }
    at_text_add_char(out, '\n');
    out->failed = out->failed || raw.failed;
    at_text_deinit(&raw);
}

static void json_str(struct at_json_writer *j, const char *key, const char *value)
{
    at_json_key(j, key);
    at_json_str(j, value);
}

static void add_object(const struct showing *s, const struct at_finding *f,
                       struct at_json_writer *j)
{
    at_json_begin_object(j);
    json_str(j, "rule", f->rule->name);
    if (s->old != NULL) {
        at_json_key(j, "breaks");
        at_json_begin_array(j);
        for (size_t i = 0; i < CLASSES; i++) {
            if ((f->breaks & classes[i].bit) != 0) {
                at_json_str(j, classes[i].name);
            }
        }
        at_json_end_array(j);
        json_str(j, "side", f->in_old ? "old" : "new");
    }
    json_str(j, "file", path_of(s, f));
    at_json_key(j, "line");
    at_json_i64(j, f->line);
    at_json_key(j, "col");
    at_json_i64(j, f->col);
    json_str(j, "subject", f->subject);
    json_str(j, "message", f->what);
    json_str(j, "why", f->rule->why);
    json_str(j, "advice", f->advice);
    at_json_end_object(j);
}

static void add_json(const struct showing *s, const struct at_findings *list, struct at_text *out)
{
    struct at_json_writer j;

    at_json_writer_init(&j, out, 0);
    at_json_begin_array(&j);
    for (size_t i = 0; i < list->count; i++) {
        add_object(s, &list->at[i], &j);
    }
    at_json_end_array(&j);
}

static void add_all(const struct showing *s, const struct at_findings *list, struct at_text *out)
{
    struct at_json_writer j;

    switch (s->cli->output) {
    case AT_OUTPUT_JSON:
        add_json(s, list, out);
        at_text_add_char(out, '\n');
        return;
    case AT_OUTPUT_JSONL:
        for (size_t i = 0; i < list->count; i++) {
            at_json_writer_init(&j, out, 0);
            add_object(s, &list->at[i], &j);
            at_text_add_char(out, '\n');
        }
        return;
    case AT_OUTPUT_TABLE: break;
    }
    for (size_t i = 0; i < list->count; i++) {
        add_lines(s, &list->at[i], out);
    }
}

static const struct at_column list_columns[] = {
    {.title = "RULE", .field = "rule"},
    {.title = "BREAKS", .field = "breaks"},
    {.title = "WHY", .field = "why"},
};

int at_findings_list(struct at_cli *cli, const struct at_rule *(*rule_at)(size_t))
{
    const struct at_rule *rule;
    struct at_table t;
    int code;

    at_table_init(&t, list_columns, sizeof(list_columns) / sizeof(list_columns[0]));
    for (size_t i = 0; (rule = rule_at(i)) != NULL; i++) {
        struct at_text breaks;

        at_text_init(&breaks);
        add_classes(&breaks, rule->breaks);
        at_table_text(&t, rule->name);
        if (rule->breaks == 0) {
            at_table_null(&t);
        } else {
            at_table_text(&t, at_text_str(&breaks));
        }
        at_table_text(&t, rule->why);
        at_text_deinit(&breaks);
    }
    code = at_table_print(&t, cli);
    at_table_deinit(&t);
    return code;
}

static size_t count_given(const struct at_contracts *c)
{
    size_t count = 0;

    for (size_t i = 0; i < c->set.file_count; i++) {
        count += c->given[i] ? 1 : 0;
    }
    return count;
}

static void say_total(const struct showing *s, const struct at_findings *list)
{
    size_t files = count_given(s->now);

    if (list->count > 0) {
        at_cli_say(s->cli, "%zu finding%s%s", list->count, list->count == 1 ? "" : "s",
                   list->more ? ", and more that are not shown" : "");
    } else {
        at_cli_say(s->cli, "%zu file%s: %s", files, files == 1 ? "" : "s",
                   s->old == NULL ? "nothing to find" : "nothing breaks");
    }
}

int at_findings_print(struct at_cli *cli, const struct at_findings *list,
                      const struct at_contracts *now, const struct at_contracts *old)
{
    struct showing s = {.cli = cli, .now = now, .old = old};
    struct at_text text;
    int code = list->count == 0 ? AT_EXIT_OK : AT_EXIT_FAILURE;

    at_text_init(&text);
    add_all(&s, list, &text);
    if (text.failed || fputs(at_text_str(&text), cli->out) < 0) {
        code = at_cli_fail(cli, AT_EXIT_FAILURE, "the findings could not be written");
    } else {
        cli->has_data = true;
        say_total(&s, list);
    }
    at_text_deinit(&text);
    return code;
}
