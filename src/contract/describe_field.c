/* Fields as a .proto writes them, and what else stands in a message. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "base/text.h"
#include "contract/comment.h"
#include "contract/describe_inner.h"
#include "contract/describe_option.h"
#include "contract/field.h"
#include "contract/set.h"
#include "descriptor.atoll.h"
#include "pb/limits.h"
#include "pb/pbtext_value.h"

void at_describe_indent(struct at_describe_work *w)
{
    for (size_t i = 0; i < w->level; i++) {
        at_text_add_str(w->out, "  ");
    }
}

void at_describe_text(struct at_describe_work *w, struct atoll_str s)
{
    at_text_add(w->out, at_set_bytes(s));
}

void at_describe_comment(struct at_describe_work *w)
{
    struct at_bytes rest = at_text_bytes(&w->comment);
    struct at_bytes line;

    while (at_bytes_cut(&rest, '\n', &line)) {
        at_describe_indent(w);
        at_text_add_str(w->out, line.len == 0 ? "//" : "// ");
        at_text_add(w->out, line);
        at_text_add_char(w->out, '\n');
    }
    if (w->comment.failed) { /* which clearing would forget */
        w->result = -ENOMEM;
    }
    at_text_clear(&w->comment);
}

bool at_describe_statements(struct at_describe_work *w, const struct atoll_message_desc *desc,
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

void at_describe_type_name(struct at_describe_work *w, const struct at_set_file *from,
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

static void put_type(struct at_describe_work *w, const struct at_set_file *from,
                     const struct google_protobuf_FieldDescriptorProto *f)
{
    const struct at_set_symbol *type = at_set_type_of(w->d->set, f);

    if (type == NULL) {
        at_text_add_str(w->out, scalar_names[f->type]);
    } else {
        at_describe_type_name(w, from, type);
    }
}

static const struct at_set_symbol *map_entry(struct at_describe_work *w,
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

static void put_default(struct at_describe_work *w,
                        const struct google_protobuf_FieldDescriptorProto *f)
{
    if (f->type == ATOLL_TYPE_STRING) {
        at_pbtext_write_string(at_set_bytes(f->default_value), true, w->out);
    } else if (f->type == ATOLL_TYPE_BYTES) { /* stands there escaped */
        at_text_add_char(w->out, '"');
        at_describe_text(w, f->default_value);
        at_text_add_char(w->out, '"');
    } else {
        at_describe_text(w, f->default_value);
    }
}

/* " [default = 5, json_name = "x", deprecated = true]" */
static void put_brackets(struct at_describe_work *w,
                         const struct google_protobuf_FieldDescriptorProto *f)
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

void at_describe_field(struct at_describe_work *w, const struct at_set_file *file,
                       const struct google_protobuf_FieldDescriptorProto *f)
{
    const struct at_set_symbol *entry = map_entry(w, f);

    at_describe_comment(w);
    at_describe_indent(w);
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
    at_describe_text(w, f->name);
    at_text_addf(w->out, " = %" PRId32, f->number);
    put_brackets(w, f);
    at_text_add_str(w->out, f->type == ATOLL_TYPE_GROUP ? "; // a group on the wire\n" : ";\n");
}

/* ---- messages ---- */

/* The members of a oneof stand together, where the first of them was declared. */
static void put_oneof(struct at_describe_work *w, const struct at_set_symbol *s, int32_t index,
                      size_t first)
{
    const struct google_protobuf_DescriptorProto *m = s->of.message;

    at_comment_add_in(s, AT_FIELD_IN_ONEOFS, (size_t)index, &w->comment);
    at_describe_comment(w);
    at_describe_indent(w);
    at_text_add_str(w->out, "oneof ");
    at_describe_text(w, m->oneof_decl.at[index].name);
    at_text_add_str(w->out, " {\n");
    w->level++;
    (void)at_describe_statements(w, &google_protobuf_OneofOptions_desc,
                                 m->oneof_decl.at[index].options);
    for (size_t i = first; i < m->field.count; i++) {
        if (at_field_is_in_oneof(&m->field.at[i]) && m->field.at[i].oneof_index == index) {
            at_comment_add_in(s, AT_FIELD_IN_MESSAGE, i, &w->comment);
            at_describe_field(w, s->file, &m->field.at[i]);
        }
    }
    w->level--;
    at_describe_indent(w);
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

/* A group whose type is declared with it, in the same message, and so is shown as one thing. */
static bool is_group_of(const struct at_describe_work *w, const struct at_set_symbol *message,
                        const struct google_protobuf_FieldDescriptorProto *f)
{
    return f->type == GOOGLE_PROTOBUF_FIELD_DESCRIPTOR_PROTO_TYPE_GROUP &&
           !at_field_is_in_oneof(f) && at_set_type_of(w->d->set, f)->parent == message;
}

bool at_describe_group(struct at_describe_work *w, const struct at_set_symbol *type)
{
    const struct at_set_symbol *s = type->parent;

    for (size_t i = 0; s != NULL && !s->file->proto3 && i < s->of.message->field.count; i++) {
        const struct google_protobuf_FieldDescriptorProto *f = &s->of.message->field.at[i];

        if (is_group_of(w, s, f) && at_set_type_of(w->d->set, f) == type) {
            at_comment_add_in(s, AT_FIELD_IN_MESSAGE, i, &w->comment);
            at_describe_comment(w);
            at_describe_indent(w);
            at_text_addf(w->out, "%sgroup ", label_of(s->file, f));
            at_describe_text(w, type->of.message->name);
            at_text_addf(w->out, " = %" PRId32, f->number);
            put_brackets(w, f);
            return true;
        }
    }
    return false;
}

static void put_all_fields(struct at_describe_work *w, const struct at_set_symbol *s)
{
    const struct google_protobuf_DescriptorProto *m = s->of.message;

    for (size_t i = 0; i < m->field.count; i++) {
        if (is_group_of(w, s, &m->field.at[i])) {
            continue; /* stands with the types */
        }
        if (!at_field_is_in_oneof(&m->field.at[i])) {
            at_comment_add_in(s, AT_FIELD_IN_MESSAGE, i, &w->comment);
            at_describe_field(w, s->file, &m->field.at[i]);
        } else if (is_first_of_oneof(m, i)) {
            put_oneof(w, s, m->field.at[i].oneof_index, i);
        }
    }
}

void at_describe_range(struct at_describe_work *w, const char *before, int32_t start, int32_t end,
                       int32_t max)
{
    at_text_addf(w->out, "%s%" PRId32, before, start);
    if (end >= max && end != start) {
        at_text_add_str(w->out, " to max");
    } else if (end != start) {
        at_text_addf(w->out, " to %" PRId32, end);
    }
}

void at_describe_reserved_names(struct at_describe_work *w, const struct atoll_str *names,
                                size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i == 0) {
            at_describe_indent(w);
        }
        at_text_add_str(w->out, i == 0 ? "reserved " : ", ");
        at_pbtext_write_string(at_set_bytes(names[i]), true, w->out);
    }
    if (count > 0) {
        at_text_add_str(w->out, ";\n");
    }
}

static void put_ranges(struct at_describe_work *w, const struct google_protobuf_DescriptorProto *m)
{
    for (size_t i = 0; i < m->extension_range.count; i++) {
        at_describe_indent(w);
        at_describe_range(w, "extensions ", m->extension_range.at[i].start,
                          m->extension_range.at[i].end - 1, AT_PB_FIELD_NUMBER_MAX);
        at_text_add_str(w->out, ";\n");
    }
    for (size_t i = 0; i < m->reserved_range.count; i++) {
        if (i == 0) {
            at_describe_indent(w);
        }
        at_describe_range(w, i == 0 ? "reserved " : ", ", m->reserved_range.at[i].start,
                          m->reserved_range.at[i].end - 1, AT_PB_FIELD_NUMBER_MAX);
    }
    if (m->reserved_range.count > 0) {
        at_text_add_str(w->out, ";\n");
    }
    at_describe_reserved_names(w, m->reserved_name.at, m->reserved_name.count);
}

void at_describe_fields(struct at_describe_work *w, const struct at_set_symbol *message)
{
    put_all_fields(w, message);
    put_ranges(w, message->of.message);
}
