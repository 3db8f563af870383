/* One loop over a stack of open messages: nested types are not walked by recursion. */
#include "contract/describe.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "contract/comment.h"
#include "contract/describe_option.h"
#include "contract/field.h"
#include "contract/limits.h"
#include "contract/set.h"
#include "descriptor.atoll.h"
#include "pb/limits.h"
#include "pb/pbtext_value.h"

struct frame {
    const struct at_set_symbol *message;
    size_t next; /* among the children, which are sorted by what is around them */
};

struct writing {
    const struct at_describer *d;
    struct at_text *out;
    struct at_text comment;
    size_t level;
    const struct at_set_symbol **children; /* by parent, then in the order of declaration */
    size_t child_count;
    struct frame frames[AT_SET_NEST_MAX + 2];
    size_t depth;
    int result;
};

static void indent(struct writing *w)
{
    for (size_t i = 0; i < w->level; i++) {
        at_text_add_str(w->out, "  ");
    }
}

static void put_text(struct writing *w, struct atoll_str s)
{
    at_text_add(w->out, at_set_bytes(s));
}

/* What at_comment_add() left in w->comment, as lines of a comment. */
static void put_comment(struct writing *w)
{
    struct at_bytes rest = at_text_bytes(&w->comment);
    struct at_bytes line;

    while (at_bytes_cut(&rest, '\n', &line)) {
        indent(w);
        at_text_add_str(w->out, line.len == 0 ? "//" : "// ");
        at_text_add(w->out, line);
        at_text_add_char(w->out, '\n');
    }
    if (w->comment.failed) { /* which clearing would forget */
        w->result = -ENOMEM;
    }
    at_text_clear(&w->comment);
}

/* Statements. True: there were some. */
static bool put_options(struct writing *w, const struct atoll_message_desc *desc,
                        const void *options)
{
    size_t before = w->out->len;
    size_t count = 0;

    if (w->result == 0) {
        w->result = at_describe_options(w->d, desc, options, AT_OPTION_STATEMENTS, w->level, w->out,
                                        &count);
    }
    return w->out->len > before;
}

/* Without the package, when it is the same. */
static void put_type_name(struct writing *w, const struct at_set_file *from,
                          const struct at_set_symbol *type)
{
    struct at_bytes package = at_set_bytes(from->proto->package);
    struct at_bytes name = at_bytes_of(type->full_name);

    if (package.len > 0 && type->file->proto->package.len == package.len &&
        at_bytes_start_with(name, package)) {
        name = at_bytes_after(name, package.len + 1);
    }
    at_text_add(w->out, name);
}

static const char *const scalar_names[] = {
    [ATOLL_TYPE_DOUBLE] = "double",     [ATOLL_TYPE_FLOAT] = "float",
    [ATOLL_TYPE_INT64] = "int64",       [ATOLL_TYPE_UINT64] = "uint64",
    [ATOLL_TYPE_INT32] = "int32",       [ATOLL_TYPE_FIXED64] = "fixed64",
    [ATOLL_TYPE_FIXED32] = "fixed32",   [ATOLL_TYPE_BOOL] = "bool",
    [ATOLL_TYPE_STRING] = "string",     [ATOLL_TYPE_BYTES] = "bytes",
    [ATOLL_TYPE_UINT32] = "uint32",     [ATOLL_TYPE_SFIXED32] = "sfixed32",
    [ATOLL_TYPE_SFIXED64] = "sfixed64", [ATOLL_TYPE_SINT32] = "sint32",
    [ATOLL_TYPE_SINT64] = "sint64",
};

static void put_type(struct writing *w, const struct at_set_file *from,
                     const struct google_protobuf_FieldDescriptorProto *f)
{
    const struct at_set_symbol *type = at_set_type_of(w->d->set, f);

    if (type == NULL) {
        at_text_add_str(w->out, scalar_names[f->type]);
    } else {
        put_type_name(w, from, type);
    }
}

static const struct at_set_symbol *map_entry(struct writing *w,
                                             const struct google_protobuf_FieldDescriptorProto *f)
{
    const struct at_set_symbol *type = at_set_type_of(w->d->set, f);

    return type != NULL && type->kind == AT_SET_MESSAGE && at_set_is_map_entry(type) ? type : NULL;
}

/* "repeated ", "optional ": what stands in front of the type. */
static const char *label_of(const struct at_set_file *file,
                            const struct google_protobuf_FieldDescriptorProto *f)
{
    if (f->label == GOOGLE_PROTOBUF_FIELD_DESCRIPTOR_PROTO_LABEL_REPEATED) {
        return "repeated ";
    }
    if (f->label == GOOGLE_PROTOBUF_FIELD_DESCRIPTOR_PROTO_LABEL_REQUIRED) {
        return "required ";
    }
    return f->proto3_optional || (!file->proto3 && !f->has_oneof_index) ? "optional " : "";
}

static void put_default(struct writing *w, const struct google_protobuf_FieldDescriptorProto *f)
{
    if (f->type == ATOLL_TYPE_STRING) {
        at_pbtext_write_string(at_set_bytes(f->default_value), true, w->out);
    } else if (f->type == ATOLL_TYPE_BYTES) { /* stands there escaped */
        at_text_add_char(w->out, '"');
        put_text(w, f->default_value);
        at_text_add_char(w->out, '"');
    } else {
        put_text(w, f->default_value);
    }
}

/* " [default = 5, json_name = "x", deprecated = true]" */
static void put_brackets(struct writing *w, const struct google_protobuf_FieldDescriptorProto *f)
{
    struct google_protobuf_FieldDescriptorProto bare = *f;
    struct at_bytes json = at_set_bytes(f->json_name);
    size_t before = w->out->len;
    size_t count = 0;

    at_text_add_str(w->out, " [");
    if (f->has_default_value) {
        at_text_add_str(w->out, "default = ");
        put_default(w, f);
        count++;
    }
    bare.json_name = (struct atoll_str){NULL, 0};
    if (json.len > 0 && !at_bytes_equal(json, at_field_json_name(&bare, w->d->arena))) {
        at_text_addf(w->out, "%sjson_name = ", count > 0 ? ", " : "");
        at_pbtext_write_string(json, true, w->out);
        count++;
    }
    if (w->result == 0) {
        w->result = at_describe_options(w->d, &google_protobuf_FieldOptions_desc, f->options,
                                        AT_OPTION_BRACKETS, 0, w->out, &count);
    }
    if (count == 0) {
        w->out->len = w->out->failed ? w->out->len : before;
        return;
    }
    at_text_add_char(w->out, ']');
}

static void put_field(struct writing *w, const struct at_set_file *file,
                      const struct google_protobuf_FieldDescriptorProto *f)
{
    const struct at_set_symbol *entry = map_entry(w, f);

    put_comment(w);
    indent(w);
    if (entry != NULL) {
        const struct google_protobuf_DescriptorProto *m = entry->of.message;
        size_t key = m->field.at[0].number == 1 ? 0 : 1;

        at_text_add_str(w->out, "map<");
        put_type(w, file, &m->field.at[key]);
        at_text_add_str(w->out, ", ");
        put_type(w, file, &m->field.at[1 - key]);
        at_text_add_char(w->out, '>');
    } else {
        at_text_add_str(w->out, label_of(file, f));
        put_type(w, file, f);
    }
    at_text_add_char(w->out, ' ');
    put_text(w, f->name);
    at_text_addf(w->out, " = %" PRId32, f->number);
    put_brackets(w, f);
    at_text_add_str(w->out, f->type == ATOLL_TYPE_GROUP ? "; // a group on the wire\n" : ";\n");
}

/* ---- messages ---- */

/* The members of a oneof stand together, where the first of them was declared. */
static void put_oneof(struct writing *w, const struct at_set_symbol *s, int32_t index, size_t first)
{
    const struct google_protobuf_DescriptorProto *m = s->of.message;

    at_comment_add_in(s, AT_FIELD_IN_ONEOFS, (size_t)index, &w->comment);
    put_comment(w);
    indent(w);
    at_text_add_str(w->out, "oneof ");
    put_text(w, m->oneof_decl.at[index].name);
    at_text_add_str(w->out, " {\n");
    w->level++;
    (void)put_options(w, &google_protobuf_OneofOptions_desc, m->oneof_decl.at[index].options);
    for (size_t i = first; i < m->field.count; i++) {
        if (at_field_is_in_oneof(&m->field.at[i]) && m->field.at[i].oneof_index == index) {
            at_comment_add_in(s, AT_FIELD_IN_MESSAGE, i, &w->comment);
            put_field(w, s->file, &m->field.at[i]);
        }
    }
    w->level--;
    indent(w);
    at_text_add_str(w->out, "}\n");
}

static bool is_first_of_oneof(const struct google_protobuf_DescriptorProto *m, size_t field)
{
    for (size_t i = 0; i < field; i++) {
        if (at_field_is_in_oneof(&m->field.at[i]) &&
            m->field.at[i].oneof_index == m->field.at[field].oneof_index) {
            return false;
        }
    }
    return true;
}

static void put_fields(struct writing *w, const struct at_set_symbol *s)
{
    const struct google_protobuf_DescriptorProto *m = s->of.message;

    for (size_t i = 0; i < m->field.count; i++) {
        if (!at_field_is_in_oneof(&m->field.at[i])) {
            at_comment_add_in(s, AT_FIELD_IN_MESSAGE, i, &w->comment);
            put_field(w, s->file, &m->field.at[i]);
        } else if (is_first_of_oneof(m, i)) {
            put_oneof(w, s, m->field.at[i].oneof_index, i);
        }
    }
}

/* end: the last number that belongs to the range. */
static void put_range(struct writing *w, const char *before, int32_t start, int32_t end,
                      int32_t max)
{
    at_text_addf(w->out, "%s%" PRId32, before, start);
    if (end >= max && end != start) {
        at_text_add_str(w->out, " to max");
    } else if (end != start) {
        at_text_addf(w->out, " to %" PRId32, end);
    }
}

static void put_reserved_names(struct writing *w, const struct atoll_str *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i == 0) {
            indent(w);
        }
        at_text_add_str(w->out, i == 0 ? "reserved " : ", ");
        at_pbtext_write_string(at_set_bytes(names[i]), true, w->out);
    }
    if (count > 0) {
        at_text_add_str(w->out, ";\n");
    }
}

static void put_ranges(struct writing *w, const struct google_protobuf_DescriptorProto *m)
{
    for (size_t i = 0; i < m->extension_range.count; i++) {
        indent(w);
        put_range(w, "extensions ", m->extension_range.at[i].start,
                  m->extension_range.at[i].end - 1, AT_PB_FIELD_NUMBER_MAX);
        at_text_add_str(w->out, ";\n");
    }
    for (size_t i = 0; i < m->reserved_range.count; i++) {
        if (i == 0) {
            indent(w);
        }
        put_range(w, i == 0 ? "reserved " : ", ", m->reserved_range.at[i].start,
                  m->reserved_range.at[i].end - 1, AT_PB_FIELD_NUMBER_MAX);
    }
    if (m->reserved_range.count > 0) {
        at_text_add_str(w->out, ";\n");
    }
    put_reserved_names(w, m->reserved_name.at, m->reserved_name.count);
}

static void open_message(struct writing *w, const struct at_set_symbol *s)
{
    at_comment_add_of(s, &w->comment);
    put_comment(w);
    indent(w);
    at_text_add_str(w->out, "message ");
    put_text(w, s->of.message->name);
    at_text_add_str(w->out, " {\n");
    w->level++;
    if (put_options(w, &google_protobuf_MessageOptions_desc, s->of.message->options) &&
        s->of.message->field.count > 0) {
        at_text_add_char(w->out, '\n');
    }
    put_fields(w, s);
    put_ranges(w, s->of.message);
}

/* ---- the others ---- */

static void put_value(struct writing *w, const struct at_set_symbol *s, size_t i)
{
    const struct google_protobuf_EnumValueDescriptorProto *v = &s->of.enumeration->value.at[i];
    size_t before;
    size_t count = 0;

    at_comment_add_in(s, AT_FIELD_IN_ENUM, i, &w->comment);
    put_comment(w);
    indent(w);
    put_text(w, v->name);
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

static void put_enum(struct writing *w, const struct at_set_symbol *s)
{
    const struct google_protobuf_EnumDescriptorProto *e = s->of.enumeration;

    at_comment_add_of(s, &w->comment);
    put_comment(w);
    indent(w);
    at_text_add_str(w->out, "enum ");
    put_text(w, e->name);
    at_text_add_str(w->out, " {\n");
    w->level++;
    if (put_options(w, &google_protobuf_EnumOptions_desc, e->options)) {
        at_text_add_char(w->out, '\n');
    }
    for (size_t i = 0; i < e->value.count; i++) {
        put_value(w, s, i);
    }
    for (size_t i = 0; i < e->reserved_range.count; i++) {
        if (i == 0) {
            indent(w);
        }
        put_range(w, i == 0 ? "reserved " : ", ", e->reserved_range.at[i].start,
                  e->reserved_range.at[i].end, INT32_MAX);
    }
    if (e->reserved_range.count > 0) {
        at_text_add_str(w->out, ";\n");
    }
    put_reserved_names(w, e->reserved_name.at, e->reserved_name.count);
    w->level--;
    indent(w);
    at_text_add_str(w->out, "}\n");
}

static void put_extension(struct writing *w, const struct at_set_symbol *s)
{
    const struct google_protobuf_FieldDescriptorProto *f = s->of.extension;

    indent(w);
    at_text_add_str(w->out, "extend ");
    put_type_name(w, s->file, at_set_find(w->d->set, at_set_bytes(f->extendee)));
    at_text_add_str(w->out, " {\n");
    w->level++;
    at_comment_add_of(s, &w->comment);
    put_field(w, s->file, f);
    w->level--;
    indent(w);
    at_text_add_str(w->out, "}\n");
}

static void put_method(struct writing *w, const struct at_set_symbol *s, size_t i)
{
    const struct google_protobuf_MethodDescriptorProto *m = &s->of.service->method.at[i];
    size_t before;

    at_comment_add_in(s, AT_FIELD_IN_SERVICE, i, &w->comment);
    put_comment(w);
    indent(w);
    at_text_add_str(w->out, "rpc ");
    put_text(w, m->name);
    at_text_add_str(w->out, m->client_streaming ? "(stream " : "(");
    put_type_name(w, s->file, at_set_find(w->d->set, at_set_bytes(m->input_type)));
    at_text_add_str(w->out, m->server_streaming ? ") returns (stream " : ") returns (");
    put_type_name(w, s->file, at_set_find(w->d->set, at_set_bytes(m->output_type)));
    at_text_add_char(w->out, ')');
    before = w->out->len;
    at_text_add_str(w->out, " {\n");
    w->level++;
    bool any = put_options(w, &google_protobuf_MethodOptions_desc, m->options);
    w->level--;
    if (any) {
        indent(w);
        at_text_add_str(w->out, "}\n");
    } else if (!w->out->failed) {
        w->out->len = before;
        at_text_add_str(w->out, ";\n");
    }
}

static void put_service(struct writing *w, const struct at_set_symbol *s)
{
    at_comment_add_of(s, &w->comment);
    put_comment(w);
    indent(w);
    at_text_add_str(w->out, "service ");
    put_text(w, s->of.service->name);
    at_text_add_str(w->out, " {\n");
    w->level++;
    (void)put_options(w, &google_protobuf_ServiceOptions_desc, s->of.service->options);
    for (size_t i = 0; i < s->of.service->method.count; i++) {
        if (i > 0) {
            at_text_add_char(w->out, '\n');
        }
        put_method(w, s, i);
    }
    w->level--;
    indent(w);
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

static int find_children(struct writing *w)
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

static size_t first_child(const struct writing *w, const struct at_set_symbol *parent)
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

static void push(struct writing *w, const struct at_set_symbol *s)
{
    if (w->depth == sizeof(w->frames) / sizeof(w->frames[0])) {
        return; /* cannot be: at_set_load() takes no deeper ones */
    }
    open_message(w, s);
    w->frames[w->depth++] = (struct frame){.message = s, .next = first_child(w, s)};
}

static void put_symbol(struct writing *w, const struct at_set_symbol *s)
{
    switch (s->kind) {
    case AT_SET_MESSAGE: push(w, s); break;
    case AT_SET_ENUM: put_enum(w, s); break;
    case AT_SET_SERVICE: put_service(w, s); break;
    case AT_SET_EXTENSION: put_extension(w, s); break;
    }
}

static void run(struct writing *w)
{
    while (w->depth > 0 && w->result == 0) {
        struct frame *frame = &w->frames[w->depth - 1];

        if (frame->next < w->child_count && w->children[frame->next]->parent == frame->message) {
            at_text_add_char(w->out, '\n');
            put_symbol(w, w->children[frame->next++]);
            continue;
        }
        w->depth--;
        w->level--;
        indent(w);
        at_text_add_str(w->out, "}\n");
    }
}

static int finish(struct writing *w)
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
    struct writing w = {.d = d, .out = out};

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
    struct writing w = {.d = d, .out = out};

    at_text_init(&w.comment);
    put_method(&w, service, index);
    return finish(&w);
}
