/* Parameters: what a request says in its path and in its query. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "contract/field.h"
#include "contract/limits.h"
#include "contract/openapi_doc.h"
#include "contract/set.h"
#include "descriptor.atoll.h"
#include "pb/json.h"
#include "pb/template.h"

/* As in JSON, but for null: a text stands for it by its name. */
static void put_text_value(struct at_doc *doc, const struct at_set *set,
                           const struct google_protobuf_FieldDescriptorProto *f)
{
    const struct at_set_symbol *type = at_set_type_of(set, f);

    if (type != NULL && strcmp(type->full_name, "google.protobuf.NullValue") == 0) {
        at_doc_put_str(doc, "type", "string");
        at_json_key(doc->w, "enum");
        at_json_raw(doc->w, AT_LIT("[\"NULL_VALUE\"]"));
    } else {
        at_doc_put_value(doc, set, f);
    }
}

/* ---- the path ---- */

/* The variable whose value the segment is a part of; NULL: none. */
static const struct at_template_variable *variable_at(const struct at_template *t, size_t segment)
{
    for (size_t i = 0; i < t->variable_count; i++) {
        if (segment >= t->variables[i].first && segment < t->variables[i].end) {
            return &t->variables[i];
        }
    }
    return NULL;
}

static size_t wild_count(const struct at_template *t, const struct at_template_variable *v)
{
    size_t n = 0;

    for (size_t i = v->first; i < v->end; i++) {
        n += t->segments[i].kind != AT_TEMPLATE_LITERAL;
    }
    return n;
}

/* As it stands in a rule, but in JSON's names: "item.itemId". */
static void add_json_path(struct at_doc *doc, const struct at_doc_binding *b, struct at_bytes path,
                          struct at_text *out)
{
    const struct at_set_symbol *owner = b->input;
    struct at_bytes name;
    bool first = true;

    while (at_bytes_cut(&path, '.', &name)) {
        const struct google_protobuf_FieldDescriptorProto *f = at_field_find(owner, name);

        if (!first) {
            at_text_add_char(out, '.');
        }
        first = false;
        at_text_add(out, at_field_json_name(f, doc->arena));
        owner = at_set_type_of(b->service->set, f);
    }
}

/*
 * What the parameter of a wild segment is called. A variable of several gets ".1", ".2" behind its
 * name, a segment of none is "segment.N": no field has such a name.
 */
static void add_name(struct at_doc *doc, const struct at_doc_binding *b, size_t segment,
                     struct at_text *out)
{
    const struct at_template_variable *v = variable_at(&b->path, segment);
    size_t number = 1;

    if (v == NULL) {
        at_text_addf(out, "segment.%zu", segment + 1);
        return;
    }
    add_json_path(doc, b, v->field, out);
    if (wild_count(&b->path, v) > 1) {
        for (size_t i = v->first; i < segment; i++) {
            number += b->path.segments[i].kind != AT_TEMPLATE_LITERAL;
        }
        at_text_addf(out, ".%zu", number);
    }
}

void at_doc_add_path_key(struct at_doc *doc, const struct at_doc_binding *first,
                         struct at_text *out)
{
    const struct at_template *t = &first->path;

    if (t->segment_count == 0) {
        at_text_add_char(out, '/');
    }
    for (size_t i = 0; i < t->segment_count; i++) {
        at_text_add_char(out, '/');
        if (t->segments[i].kind == AT_TEMPLATE_LITERAL) {
            at_text_add(out, t->segments[i].literal);
            continue;
        }
        at_text_add_char(out, '{');
        add_name(doc, first, i, out);
        at_text_add_char(out, '}');
    }
    if (t->verb.len > 0) {
        at_text_add_char(out, ':');
        at_text_add(out, t->verb);
    }
}

/* "shelves/{...}/books/{...}": how the segments of a variable make its value. */
static void add_pattern(const struct at_template *t, const struct at_template_variable *v,
                        struct at_text *out)
{
    for (size_t i = v->first; i < v->end; i++) {
        const struct at_template_segment *s = &t->segments[i];

        if (i > v->first) {
            at_text_add_char(out, '/');
        }
        if (s->kind == AT_TEMPLATE_LITERAL) {
            at_text_add(out, s->literal);
        } else {
            at_text_add_str(out, s->kind == AT_TEMPLATE_ONE ? "*" : "**");
        }
    }
}

static void describe_segment(struct at_doc *doc, const struct at_doc_binding *b, size_t segment,
                             const struct at_template_variable *v)
{
    struct at_text *text = &doc->text;

    at_doc_clear(doc);
    if (v == NULL) {
        at_text_add_str(text, "Any segment; it sets no field.");
    } else {
        const struct at_doc_variable *to = &b->variables[v - b->path.variables];

        at_field_add_comment(to->owner, to->field, text);
        if (v->end - v->first > 1) {
            at_text_addf(text, "%sA part of the field `%.*s`, whose value is `",
                         text->len > 0 ? "\n\n" : "", (int)to->name.len, (const char *)to->name.at);
            add_pattern(&b->path, v, text);
            at_text_add_str(text, "`.");
        }
    }
    if (b->path.segments[segment].kind == AT_TEMPLATE_REST) {
        at_text_addf(text,
                     "%sThe rest of the path: any number of segments, also none; the slashes "
                     "between them are not escaped.",
                     text->len > 0 ? "\n\n" : "");
    }
    at_doc_put_description(doc);
}

static void put_segment(struct at_doc *doc, const struct at_doc_binding *first,
                        const struct at_doc_binding *b, size_t segment)
{
    const struct at_template_variable *v = variable_at(&b->path, segment);
    struct at_json_writer *w = doc->w;

    at_json_begin_object(w);
    at_doc_clear(doc);
    add_name(doc, first, segment, &doc->text);
    at_doc_put_bytes(doc, "name", at_text_bytes(&doc->text));
    at_doc_put_str(doc, "in", "path");
    at_json_key(w, "required");
    at_json_bool(w, true);
    describe_segment(doc, b, segment, v);
    at_json_key(w, "schema");
    at_json_begin_object(w);
    if (v != NULL && v->end - v->first == 1) {
        const struct google_protobuf_FieldDescriptorProto *f =
            b->variables[v - b->path.variables].field;

        put_text_value(doc, b->service->set, f);
    } else {
        at_doc_put_str(doc, "type", "string");
    }
    at_json_end_object(w);
    at_json_end_object(w);
}

/* ---- the query ---- */

struct frame {
    const struct at_set_symbol *message;
    size_t next;     /* field to look at */
    size_t name_len; /* of the names in front */
    size_t path_len;
};

struct walk {
    struct at_doc *doc;
    const struct at_doc_binding *b;
    struct frame frames[AT_OPENAPI_QUERY_NEST_MAX];
    size_t depth;
    size_t count;
    size_t looks;        /* fields looked at */
    struct at_text name; /* "item.itemId" */
    struct at_text path; /* "item.item_id" */
};

/* Does the path or the body say this already? */
static bool is_taken(const struct walk *w, const struct google_protobuf_FieldDescriptorProto *f)
{
    if (w->depth == 1 && f == w->b->body_field) {
        return true;
    }
    for (size_t i = 0; i < w->b->path.variable_count; i++) {
        const struct at_doc_variable *v = &w->b->variables[i];

        if (v->whole ? w->depth == 1 && v->field == f
                     : at_bytes_equal(v->name, at_text_bytes(&w->path))) {
            return true;
        }
    }
    return false;
}

static bool is_open(const struct walk *w, const struct at_set_symbol *message)
{
    for (size_t i = 0; i < w->depth; i++) {
        if (w->frames[i].message == message) {
            return true;
        }
    }
    return false;
}

static void push(struct walk *w, const struct at_set_symbol *message)
{
    if (w->depth < AT_OPENAPI_QUERY_NEST_MAX && !is_open(w, message)) {
        w->frames[w->depth++] =
            (struct frame){.message = message, .name_len = w->name.len, .path_len = w->path.len};
    }
}

static void put_query(struct walk *w, const struct at_set_symbol *owner,
                      const struct google_protobuf_FieldDescriptorProto *f)
{
    struct at_doc *doc = w->doc;

    w->count++;
    at_json_begin_object(doc->w);
    at_doc_put_bytes(doc, "name", at_text_bytes(&w->name));
    at_doc_put_str(doc, "in", "query");
    at_doc_clear(doc);
    at_field_add_comment(owner, f, &doc->text);
    at_doc_put_description(doc);
    if (w->depth == 1 && at_field_is_required(f)) {
        at_json_key(doc->w, "required");
        at_json_bool(doc->w, true);
    }
    at_doc_put_deprecated(doc, f->options != NULL && f->options->deprecated);
    at_json_key(doc->w, "schema");
    at_json_begin_object(doc->w);
    if (at_field_is_repeated(f)) {
        at_doc_put_str(doc, "type", "array");
        at_json_key(doc->w, "items");
        at_json_begin_object(doc->w);
    }
    put_text_value(doc, w->b->service->set, f);
    if (at_field_is_repeated(f)) {
        at_json_end_object(doc->w);
    }
    at_json_end_object(doc->w);
    at_json_end_object(doc->w);
}

static void cut(struct at_text *text, size_t len)
{
    text->len = len;
    if (text->at != NULL) {
        text->at[len] = '\0';
    }
}

static void step(struct walk *w, struct frame *frame)
{
    const struct google_protobuf_FieldDescriptorProto *f =
        &frame->message->of.message->field.at[frame->next++];
    const struct at_set_symbol *type = at_set_type_of(w->b->service->set, f);
    bool message = type != NULL && type->kind == AT_SET_MESSAGE;

    cut(&w->name, frame->name_len);
    cut(&w->path, frame->path_len);
    if (w->depth > 1) {
        at_text_add_char(&w->name, '.');
        at_text_add_char(&w->path, '.');
    }
    at_text_add(&w->name, at_field_json_name(f, w->doc->arena));
    at_text_add(&w->path, at_set_bytes(f->name));
    if (is_taken(w, f)) {
        return;
    }
    if (!message || (!at_field_is_repeated(f) && at_doc_is_plain_text(type))) {
        put_query(w, frame->message, f);
    } else if (!at_field_is_repeated(f) && !at_doc_is_well_known(type)) {
        push(w, type);
    }
}

/* Each parameter that is not a message, also within messages; a type within itself once. */
static void put_queries(struct at_doc *doc, const struct at_doc_binding *b)
{
    struct walk w = {.doc = doc, .b = b};

    at_text_init(&w.name);
    at_text_init(&w.path);
    push(&w, b->input);
    while (w.depth > 0 && w.count < AT_OPENAPI_QUERY_MAX && w.looks < AT_OPENAPI_QUERY_LOOKS_MAX) {
        struct frame *frame = &w.frames[w.depth - 1];

        if (frame->next == frame->message->of.message->field.count) {
            w.depth--;
        } else {
            w.looks++;
            step(&w, frame);
        }
    }
    doc->failed = doc->failed || w.name.failed || w.path.failed;
    at_text_deinit(&w.name);
    at_text_deinit(&w.path);
}

void at_doc_put_parameters(struct at_doc *doc, const struct at_doc_binding *first,
                           const struct at_doc_binding *b)
{
    bool queries = !at_bytes_equal(b->rule.body, AT_LIT("*"));
    bool wild = false;

    for (size_t i = 0; i < b->path.segment_count; i++) {
        wild = wild || b->path.segments[i].kind != AT_TEMPLATE_LITERAL;
    }
    if (!wild && (!queries || b->input->of.message->field.count == 0)) {
        return;
    }
    at_json_key(doc->w, "parameters");
    at_json_begin_array(doc->w);
    for (size_t i = 0; i < b->path.segment_count; i++) {
        if (b->path.segments[i].kind != AT_TEMPLATE_LITERAL) {
            put_segment(doc, first, b, i);
        }
    }
    if (queries) {
        put_queries(doc, b);
    }
    at_json_end_array(doc->w);
}
