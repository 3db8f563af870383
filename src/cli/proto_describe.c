/* atoll proto describe: what the contracts declare, as a list or as a .proto writes it. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/contracts.h"
#include "cli/out.h"
#include "cli/proto.h"
#include "cli/proto_names.h"
#include "contract/describe.h"
#include "contract/field.h"
#include "contract/set.h"
#include "descriptor.atoll.h"
#include "pb/json.h"
#include "pb/pool.h"

static const char *kind_name(enum at_set_kind kind)
{
    switch (kind) {
    case AT_SET_MESSAGE: return "message";
    case AT_SET_ENUM: return "enum";
    case AT_SET_SERVICE: return "service";
    case AT_SET_EXTENSION: break;
    }
    return "extension";
}

/* ---- without a name ---- */

static const struct at_column list_columns[] = {
    {.title = "KIND", .field = "kind"},
    {.title = "NAME", .field = "name"},
    {.title = "FILE", .field = "file"},
};

static void list_kind(const struct at_contracts *c, enum at_set_kind kind, struct at_table *t)
{
    for (size_t i = 0; i < c->set.symbol_count; i++) {
        const struct at_set_symbol *s = &c->set.symbols[i];

        if (s->kind == kind && c->given[s->file->index] &&
            !(kind == AT_SET_MESSAGE && at_set_is_map_entry(s))) {
            at_table_text(t, kind_name(kind));
            at_table_text(t, s->full_name);
            at_table_text(t, c->shown[s->file->index]);
        }
    }
}

static int list(struct at_cli *cli, const struct at_contracts *c)
{
    struct at_table t;
    int code;

    at_table_init(&t, list_columns, sizeof(list_columns) / sizeof(list_columns[0]));
    list_kind(c, AT_SET_SERVICE, &t);
    list_kind(c, AT_SET_MESSAGE, &t);
    list_kind(c, AT_SET_ENUM, &t);
    list_kind(c, AT_SET_EXTENSION, &t);
    code = at_table_print(&t, cli);
    at_table_deinit(&t);
    return code;
}

/* ---- with one ---- */

/* What is described: a symbol, or a method of a service. */
struct subject {
    const struct at_set_symbol *symbol;
    bool is_method;
    size_t method;
};

/* "Service/Method" or "Service.Method", by parts as at_proto_find() takes them. */
static bool find_method(const struct at_contracts *c, const char *name, struct subject *ret)
{
    struct at_bytes word = at_bytes_of(name);
    size_t cut = word.len;
    size_t found = 0;

    while (cut > 0 && word.at[cut - 1] != '.' && word.at[cut - 1] != '/') {
        cut--;
    }
    if (cut == 0) {
        return false;
    }
    for (size_t i = 0; i < c->set.symbol_count; i++) {
        const struct at_set_symbol *s = &c->set.symbols[i];
        struct at_bytes full = at_bytes_of(s->full_name);
        struct at_bytes service = at_bytes_before(word, cut - 1);

        if (s->kind != AT_SET_SERVICE || full.len < service.len ||
            !at_bytes_equal(at_bytes_after(full, full.len - service.len), service) ||
            (full.len > service.len && full.at[full.len - service.len - 1] != '.')) {
            continue;
        }
        for (size_t m = 0; m < s->of.service->method.count; m++) {
            if (at_bytes_equal(at_set_bytes(s->of.service->method.at[m].name),
                               at_bytes_after(word, cut))) {
                *ret = (struct subject){.symbol = s, .is_method = true, .method = m};
                found++;
            }
        }
    }
    return found == 1;
}

static const struct google_protobuf_SourceCodeInfo_Location *
location_of(const struct subject *subject)
{
    struct at_set_path path;

    at_set_path_of(subject->symbol, &path);
    if (subject->is_method) {
        at_set_path_add(&path, AT_FIELD_IN_SERVICE, (int32_t)subject->method);
    }
    return at_set_location_of(subject->symbol->file, &path);
}

static void add_json(const struct at_contracts *c, const struct subject *subject, int32_t line,
                     const struct at_text *text, struct at_text *out)
{
    const struct at_set_symbol *s = subject->symbol;
    struct at_json_writer w;
    struct at_text name;

    at_text_init(&name);
    at_text_add_str(&name, s->full_name);
    if (subject->is_method) {
        at_text_add_char(&name, '/');
        at_text_add(&name, at_set_bytes(s->of.service->method.at[subject->method].name));
    }
    at_json_writer_init(&w, out, 0);
    at_json_begin_object(&w);
    at_json_key(&w, "kind");
    at_json_str(&w, subject->is_method ? "method" : kind_name(s->kind));
    at_json_key(&w, "name");
    at_json_string(&w, at_text_bytes(&name));
    at_json_key(&w, "file");
    at_json_str(&w, c->shown[s->file->index]);
    at_json_key(&w, "line");
    if (line > 0) {
        at_json_i64(&w, line);
    } else {
        at_json_null(&w);
    }
    at_json_key(&w, "text");
    at_json_string(&w, at_text_bytes(text));
    at_json_end_object(&w);
    out->failed = out->failed || name.failed;
    at_text_deinit(&name);
}

/* A comment or a default may hold anything. */
static void add_visible_lines(struct at_bytes text, struct at_text *out)
{
    struct at_bytes line;
    bool first = true;

    while (at_bytes_cut(&text, '\n', &line)) {
        if (!first) {
            at_text_add_char(out, '\n');
        }
        first = false;
        at_text_add_visible(out, line);
    }
}

static int print(struct at_cli *cli, const struct at_contracts *c, const struct subject *subject,
                 const struct at_text *text)
{
    const struct google_protobuf_SourceCodeInfo_Location *l = location_of(subject);
    int32_t line = l != NULL && l->span.count > 0 ? l->span.at[0] + 1 : 0;
    struct at_text out;
    int code;

    at_text_init(&out);
    if (cli->output != AT_OUTPUT_TABLE) {
        add_json(c, subject, line, text, &out);
    } else {
        at_text_addf(&out, "// %s", c->shown[subject->symbol->file->index]);
        if (line > 0) {
            at_text_addf(&out, ":%d", line);
        }
        at_text_add_str(&out, "\n\n");
        add_visible_lines(at_text_bytes(text), &out);
    }
    cli->has_data = true;
    code = at_out_line(cli, &out);
    at_text_deinit(&out);
    return code;
}

static int describe(struct at_cli *cli, struct at_contracts *c, const struct subject *subject)
{
    struct at_pool *pool = at_pool_new();
    struct at_describer d = {.set = &c->set, .arena = &c->arena};
    struct at_text text;
    int code;
    int r;

    /* Only custom options want tables: where these cannot be made, they are shown by number. */
    if (pool != NULL && at_pool_add(pool, at_text_bytes(&c->bytes), NULL) == 0) {
        d.pool = pool;
    }
    at_text_init(&text);
    r = subject->is_method ? at_describe_method(&d, subject->symbol, subject->method, &text)
                           : at_describe(&d, subject->symbol, &text);
    code = r < 0 ? at_cli_fail(cli, AT_EXIT_FAILURE, "out of memory: the contracts are too big")
                 : print(cli, c, subject, &text);
    at_text_deinit(&text);
    (void)at_pool_free(pool);
    return code;
}

int at_proto_describe(struct at_cli *cli, const char *const *words, size_t count)
{
    struct at_proto_words split;
    struct subject subject = {.symbol = NULL};
    struct at_contracts c;
    int code = at_proto_split(cli, words, count, &split);

    code = code == 0 ? at_contracts_read(cli, split.paths, split.path_count, &c) : code;
    if (code != 0) {
        return code;
    }
    if (split.name == NULL) {
        code = list(cli, &c);
    } else {
        if (!find_method(&c, split.name, &subject)) {
            subject.symbol = at_proto_find(cli, &c, split.name, false, &code);
        }
        code = subject.symbol == NULL ? code : describe(cli, &c, &subject);
    }
    at_contracts_deinit(&c);
    return code;
}
