/* One loop over a stack of open messages: nested types are not walked by recursion. */
#include "contract/describe.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/text.h"
#include "contract/comment.h"
#include "contract/describe_inner.h"
#include "contract/describe_option.h"
#include "contract/field.h"
#include "contract/set.h"
#include "descriptor.atoll.h"

/* ---- what a symbol holds ---- */

static void open_message(struct at_describe_work *w, const struct at_set_symbol *s)
{
    if (!at_describe_group(w, s)) {
        at_comment_add_of(s, &w->comment);
        at_describe_comment(w);
        at_describe_indent(w);
        at_text_add_str(w->out, "message ");
        at_describe_text(w, s->of.message->name);
    }
    at_text_add_str(w->out, " {\n");
    w->level++;
    if (at_describe_statements(w, &google_protobuf_MessageOptions_desc, s->of.message->options) &&
        s->of.message->field.count > 0) {
        at_text_add_char(w->out, '\n');
    }
    at_describe_fields(w, s);
}

/* ---- the others ---- */

static void put_value(struct at_describe_work *w, const struct at_set_symbol *s, size_t i)
{
    const struct google_protobuf_EnumValueDescriptorProto *v = &s->of.enumeration->value.at[i];
    size_t before;
    size_t count = 0;

    at_comment_add_in(s, AT_FIELD_IN_ENUM, i, &w->comment);
    at_describe_comment(w);
    at_describe_indent(w);
    at_describe_text(w, v->name);
    at_text_addf(w->out, " = %" PRId32, v->number);
    before = w->out->len;
    at_text_add_str(w->out, " [");
    if (w->result == 0) {
        w->result = at_describe_options(w->d, &google_protobuf_EnumValueOptions_desc, v->options,
                                        AT_OPTION_BRACKETS, 0, w->out, &count);
    }
    if (count > 0) {
        at_text_add_char(w->out, ']');
    } else if (!w->out->failed) {
        w->out->len = before;
    }
    at_text_add_str(w->out, ";\n");
}

static void put_enum(struct at_describe_work *w, const struct at_set_symbol *s)
{
    const struct google_protobuf_EnumDescriptorProto *e = s->of.enumeration;

    at_comment_add_of(s, &w->comment);
    at_describe_comment(w);
    at_describe_indent(w);
    at_text_add_str(w->out, "enum ");
    at_describe_text(w, e->name);
    at_text_add_str(w->out, " {\n");
    w->level++;
    if (at_describe_statements(w, &google_protobuf_EnumOptions_desc, e->options)) {
        at_text_add_char(w->out, '\n');
    }
    for (size_t i = 0; i < e->value.count; i++) {
        put_value(w, s, i);
    }
    for (size_t i = 0; i < e->reserved_range.count; i++) {
        if (i == 0) {
            at_describe_indent(w);
        }
        at_describe_range(w, i == 0 ? "reserved " : ", ", e->reserved_range.at[i].start,
                          e->reserved_range.at[i].end, INT32_MAX);
    }
    if (e->reserved_range.count > 0) {
        at_text_add_str(w->out, ";\n");
    }
    at_describe_reserved_names(w, e->reserved_name.at, e->reserved_name.count);
    w->level--;
    at_describe_indent(w);
    at_text_add_str(w->out, "}\n");
}

static void put_extension(struct at_describe_work *w, const struct at_set_symbol *s)
{
    const struct google_protobuf_FieldDescriptorProto *f = s->of.extension;

    at_describe_indent(w);
    at_text_add_str(w->out, "extend ");
    at_describe_type_name(w, s->file, at_set_find(w->d->set, at_set_bytes(f->extendee)));
    at_text_add_str(w->out, " {\n");
    w->level++;
    at_comment_add_of(s, &w->comment);
    at_describe_field(w, s->file, f);
    w->level--;
    at_describe_indent(w);
    at_text_add_str(w->out, "}\n");
}

static void put_method(struct at_describe_work *w, const struct at_set_symbol *s, size_t i)
{
    const struct google_protobuf_MethodDescriptorProto *m = &s->of.service->method.at[i];
    size_t before;

    at_comment_add_in(s, AT_FIELD_IN_SERVICE, i, &w->comment);
    at_describe_comment(w);
    at_describe_indent(w);
    at_text_add_str(w->out, "rpc ");
    at_describe_text(w, m->name);
    at_text_add_str(w->out, m->client_streaming ? "(stream " : "(");
    at_describe_type_name(w, s->file, at_set_find(w->d->set, at_set_bytes(m->input_type)));
    at_text_add_str(w->out, m->server_streaming ? ") returns (stream " : ") returns (");
    at_describe_type_name(w, s->file, at_set_find(w->d->set, at_set_bytes(m->output_type)));
    at_text_add_char(w->out, ')');
    before = w->out->len;
    at_text_add_str(w->out, " {\n");
    w->level++;
    bool any = at_describe_statements(w, &google_protobuf_MethodOptions_desc, m->options);
    w->level--;
    if (any) {
        at_describe_indent(w);
        at_text_add_str(w->out, "}\n");
    } else if (!w->out->failed) {
        w->out->len = before;
        at_text_add_str(w->out, ";\n");
    }
}

static void put_service(struct at_describe_work *w, const struct at_set_symbol *s)
{
    at_comment_add_of(s, &w->comment);
    at_describe_comment(w);
    at_describe_indent(w);
    at_text_add_str(w->out, "service ");
    at_describe_text(w, s->of.service->name);
    at_text_add_str(w->out, " {\n");
    w->level++;
    (void)at_describe_statements(w, &google_protobuf_ServiceOptions_desc, s->of.service->options);
    for (size_t i = 0; i < s->of.service->method.count; i++) {
        if (i > 0) {
            at_text_add_char(w->out, '\n');
        }
        put_method(w, s, i);
    }
    w->level--;
    at_describe_indent(w);
    at_text_add_str(w->out, "}\n");
}

/* ---- what is in what ---- */

static int by_parent(const void *a, const void *b)
{
    const struct at_set_symbol *x = *(const struct at_set_symbol *const *)a;
    const struct at_set_symbol *y = *(const struct at_set_symbol *const *)b;

    if (x->parent != y->parent) {
        return x->parent < y->parent ? -1 : 1; /* all stand in one array */
    }
    return (x > y) - (x < y);
}

static int find_children(struct at_describe_work *w)
{
    const struct at_set *set = w->d->set;

    w->children =
        at_arena_zalloc(w->d->arena, set->symbol_count + 1, sizeof(const struct at_set_symbol *));
    if (w->children == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < set->symbol_count; i++) {
        const struct at_set_symbol *s = &set->symbols[i];

        if (s->parent != NULL && !(s->kind == AT_SET_MESSAGE && at_set_is_map_entry(s))) {
            w->children[w->child_count++] = s;
        }
    }
    if (w->child_count > 1) {
        qsort(w->children, w->child_count, sizeof(w->children[0]), by_parent);
    }
    return 0;
}

static size_t first_child(const struct at_describe_work *w, const struct at_set_symbol *parent)
{
    size_t low = 0;
    size_t high = w->child_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (w->children[middle]->parent < parent) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void push(struct at_describe_work *w, const struct at_set_symbol *s)
{
    if (w->depth == sizeof(w->frames) / sizeof(w->frames[0])) {
        return; /* cannot be: at_set_load() takes no deeper ones */
    }
    open_message(w, s);
    w->frames[w->depth++] = (struct at_describe_frame){.message = s, .next = first_child(w, s)};
}

static void put_symbol(struct at_describe_work *w, const struct at_set_symbol *s)
{
    switch (s->kind) {
    case AT_SET_MESSAGE: push(w, s); break;
    case AT_SET_ENUM: put_enum(w, s); break;
    case AT_SET_SERVICE: put_service(w, s); break;
    case AT_SET_EXTENSION: put_extension(w, s); break;
    }
}

static void run(struct at_describe_work *w)
{
    while (w->depth > 0 && w->result == 0) {
        struct at_describe_frame *frame = &w->frames[w->depth - 1];

        if (frame->next < w->child_count && w->children[frame->next]->parent == frame->message) {
            at_text_add_char(w->out, '\n');
            put_symbol(w, w->children[frame->next++]);
            continue;
        }
        w->depth--;
        w->level--;
        at_describe_indent(w);
        at_text_add_str(w->out, "}\n");
    }
}

static int finish(struct at_describe_work *w)
{
    if (w->out->failed || w->comment.failed) {
        w->result = -ENOMEM;
    }
    at_text_deinit(&w->comment);
    return w->result;
}

int at_describe(const struct at_describer *d, const struct at_set_symbol *symbol,
                struct at_text *out)
{
    struct at_describe_work w = {.d = d, .out = out};

    at_text_init(&w.comment);
    w.result = find_children(&w);
    if (w.result == 0) {
        put_symbol(&w, symbol);
        run(&w);
    }
    return finish(&w);
}

int at_describe_method(const struct at_describer *d, const struct at_set_symbol *service,
                       size_t index, struct at_text *out)
{
    struct at_describe_work w = {.d = d, .out = out};

    at_text_init(&w.comment);
    put_method(&w, service, index);
    return finish(&w);
}
