/*
 * Which bindings the door makes of the services, in its order (roles/gateway/routes.c), and which
 * of them a document can hold: one operation for each path and verb, where paths are the same that
 * differ only in the names of their variables.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/map.h"
#include "base/text.h"
#include "contract/field.h"
#include "contract/http_rule.h"
#include "contract/openapi_doc.h"
#include "contract/set.h"
#include "descriptor.atoll.h"
#include "pb/template.h"

struct finding {
    struct at_doc *doc;
    struct at_map shapes; /* of a path to the first struct at_doc_binding of it */
    struct at_doc_binding **end;
    struct at_doc_binding **group_end;
    struct at_text text;
};

static void clear(struct finding *f)
{
    f->doc->failed = f->doc->failed || f->text.failed; /* which clearing would forget */
    at_text_clear(&f->text);
}

/* Why something is left out, put together in the arena. */
static const char *because(struct finding *f, const char *before, const char *what,
                           const char *behind)
{
    const char *why = at_arena_printf(f->doc->arena, "%s%s%s", before, what, behind);

    f->doc->failed = f->doc->failed || why == NULL;
    return why == NULL ? "" : why;
}

/* The name as an arena string, with marks around it. */
static const char *shown(struct finding *f, struct at_bytes b)
{
    const char *s = at_arena_printf(f->doc->arena, "%.*s", (int)b.len, (const char *)b.at);

    f->doc->failed = f->doc->failed || s == NULL;
    return s == NULL ? "" : s;
}

/* ---- fields that a rule names ---- */

static bool is_message(const struct google_protobuf_FieldDescriptorProto *f)
{
    return f->type == GOOGLE_PROTOBUF_FIELD_DESCRIPTOR_PROTO_TYPE_MESSAGE ||
           f->type == GOOGLE_PROTOBUF_FIELD_DESCRIPTOR_PROTO_TYPE_GROUP;
}

/* Walks "item.id" down. False: no such field, or none that a path can set. */
static bool find_variable(struct finding *f, struct at_doc_binding *b, size_t i)
{
    struct at_doc_variable *v = &b->variables[i];
    const struct at_set *set = b->service->set;
    const struct at_set_symbol *owner = b->input;
    struct at_bytes rest = b->path.variables[i].field;
    struct at_bytes name;

    clear(f);
    v->whole = at_bytes_index(rest, '.') == rest.len;
    while (at_bytes_cut(&rest, '.', &name)) {
        v->owner = owner;
        v->field = owner == NULL ? NULL : at_field_find(owner, name);
        if (v->field == NULL) {
            return false;
        }
        if (f->text.len > 0) {
            at_text_add_char(&f->text, '.');
        }
        at_text_add(&f->text, at_set_bytes(v->field->name));
        owner = is_message(v->field) && !at_field_is_repeated(v->field)
                    ? at_set_type_of(set, v->field)
                    : NULL;
    }
    v->name = at_bytes_of(shown(f, at_text_bytes(&f->text)));
    return !is_message(v->field) ||
           (!at_field_is_repeated(v->field) && at_doc_is_plain_text(at_set_type_of(set, v->field)));
}

/* Why the door does not serve the rule, or never with success. NULL: it does. */
static const char *judge_rule(struct finding *f, struct at_doc_binding *b)
{
    const struct at_http_rule *rule = &b->rule;
    struct at_diag diag = {.line = 0};

    if (rule->verb.len == 0) {
        return "the rule has no path";
    }
    if (at_template_compile(rule->path, &b->path, &diag) < 0) {
        return because(f, "", diag.what, "");
    }
    for (size_t i = 0; i < b->path.variable_count; i++) {
        if (!find_variable(f, b, i)) {
            return because(f, "the path names ", shown(f, b->path.variables[i].field),
                           ", which is no field that a path can set");
        }
    }
    if (rule->body.len > 0 && !at_bytes_equal(rule->body, AT_LIT("*"))) {
        b->body_field = at_field_find(b->input, rule->body);
        if (b->body_field == NULL) {
            return because(f, "body names ", shown(f, rule->body),
                           ", which the request does not have");
        }
    }
    if (rule->response_body.len > 0) {
        b->response_field = at_field_find(b->output, rule->response_body);
        if (b->response_field == NULL) {
            return because(f, "response_body names ", shown(f, rule->response_body),
                           ", which the answer does not have");
        }
    }
    return NULL;
}

/* ---- places in the document ---- */

/* What a path matches, whatever its variables are called: equal for paths that are one in OpenAPI. */
static void shape_of(const struct at_template *path, struct at_text *out)
{
    for (size_t i = 0; i < path->segment_count; i++) {
        bool literal = path->segments[i].kind == AT_TEMPLATE_LITERAL;

        at_text_add_str(out, literal ? "/=" : "/*");
        if (literal) {
            at_text_add(out, path->segments[i].literal);
        }
    }
    at_text_add_char(out, ':');
    at_text_add(out, path->verb);
}

static bool has_place(struct at_bytes verb)
{
    static const char *const verbs[] = {"GET",     "PUT",  "POST",  "DELETE",
                                        "OPTIONS", "HEAD", "PATCH", "TRACE"};

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (at_bytes_equal(verb, at_bytes_of(verbs[i]))) {
            return true;
        }
    }
    return false;
}

static const char *place(struct finding *f, struct at_doc_binding *b)
{
    struct at_doc_binding *first;
    struct at_doc_binding *last = NULL;

    if (!has_place(b->rule.verb)) {
        return because(f, "OpenAPI has no place for the verb ", shown(f, b->rule.verb), "");
    }
    clear(f);
    shape_of(&b->path, &f->text);
    first = at_map_get(&f->shapes, at_text_bytes(&f->text));
    if (first == NULL) {
        if (at_map_put(&f->shapes, at_text_bytes(&f->text), b) < 0) {
            f->doc->failed = true;
            return NULL;
        }
        *f->group_end = b;
        f->group_end = &b->next_group;
        return NULL;
    }
    for (struct at_doc_binding *it = first; it != NULL; it = it->next_verb) {
        if (at_bytes_equal(it->rule.verb, b->rule.verb)) {
            clear(f);
            at_text_addf(&f->text, "%s.%.*s", it->service->service->full_name,
                         (int)it->method->name.len, it->method->name.at);
            return because(f, "the same verb and path is described as ", at_text_str(&f->text), "");
        }
        last = it;
    }
    last->next_verb = b;
    return NULL;
}

static void keep(struct finding *f, const struct at_doc_binding *b, bool judged)
{
    struct at_doc_binding *kept = at_arena_alloc(f->doc->arena, sizeof(*kept), 8);

    if (kept == NULL) {
        f->doc->failed = true;
        return;
    }
    *kept = *b;
    if (kept->method->client_streaming || kept->method->server_streaming) {
        kept->left_out = "the method streams, which the door does not carry yet: it answers 501";
    } else if (!judged) {
        kept->left_out = judge_rule(f, kept);
    }
    if (kept->left_out == NULL) {
        kept->left_out = place(f, kept);
    }
    f->doc->left_out += kept->left_out != NULL;
    *f->end = kept;
    f->end = &kept->next;
}

static void add_plain(struct finding *f, const struct at_doc_binding *base)
{
    struct at_doc_binding b = *base;
    const char *path = at_arena_printf(f->doc->arena, "/%s/%.*s", b.service->service->full_name,
                                       (int)b.method->name.len, b.method->name.at);

    if (path == NULL) {
        f->doc->failed = true;
        return;
    }
    b.rule = (struct at_http_rule){
        .verb = AT_LIT("POST"), .path = at_bytes_of(path), .body = AT_LIT("*")};
    keep(f, &b, false);
}

static int add_method(struct finding *f, const struct at_openapi_service *service, size_t index)
{
    const struct google_protobuf_MethodDescriptorProto *m =
        &service->service->of.service->method.at[index];
    struct at_doc_binding b = {
        .service = service,
        .method = m,
        .method_index = index,
        .input = at_set_find(service->set, at_set_bytes(m->input_type)),
        .output = at_set_find(service->set, at_set_bytes(m->output_type)),
    };
    struct at_http_rule *rules = NULL;
    size_t count = 0;
    int r = at_http_rules_of(m, f->doc->arena, &rules, &count);

    if (r < 0) {
        return r;
    }
    if (!f->doc->in->rules_only) {
        add_plain(f, &b);
    }
    if (r == AT_HTTP_RULE_MALFORMED) {
        b.left_out = "its google.api.http option is malformed";
        b.number = 1;
        keep(f, &b, true);
        return 0;
    }
    for (size_t i = 0; i < count && !f->doc->failed; i++) {
        b.number = i + 1;
        b.rule = rules[i];
        keep(f, &b, false);
    }
    return 0;
}

int at_doc_find_bindings(struct at_doc *doc)
{
    struct finding f = {.doc = doc, .end = &doc->bindings, .group_end = &doc->groups};
    int r = 0;

    at_map_init(&f.shapes, 0);
    at_text_init(&f.text);
    for (size_t i = 0; i < doc->in->service_count; i++) {
        const struct at_openapi_service *s = &doc->in->services[i];

        for (size_t m = 0; r == 0 && m < s->service->of.service->method.count; m++) {
            r = add_method(&f, s, m);
        }
    }
    if (f.text.failed || doc->failed) {
        r = -ENOMEM;
    }
    at_text_deinit(&f.text);
    at_map_deinit(&f.shapes);
    return r;
}
