#include "contract/judge.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "contract/limits.h"
#include "contract/set.h"
#include "descriptor.atoll.h"
#include "pb/limits.h"

struct judging {
    const struct at_set *set;
    struct at_arena *arena;
    struct at_diag *diag;
    const struct at_set_symbol *symbol; /* what is being judged */
};

#define S(str) (int)(str).len, (str).at

static int refuse(struct judging *j, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(struct judging *j, const char *format, ...)
{
    char text[AT_DIAG_TEXT_MAX / 2];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    at_diag_set(j->diag, "%.*s: %s: %s", S(j->symbol->file->proto->name), j->symbol->full_name,
                text);
    return AT_SET_MALFORMED;
}

/* ---- words ---- */

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_identifier(struct at_bytes name)
{
    if (name.len == 0 || name.len > AT_SET_NAME_MAX || !is_letter(name.at[0])) {
        return false;
    }
    for (size_t i = 1; i < name.len; i++) {
        if (!is_letter(name.at[i]) && (name.at[i] < '0' || name.at[i] > '9')) {
            return false;
        }
    }
    return true;
}

static bool is_dotted(struct at_bytes name)
{
    struct at_bytes piece;

    if (name.len > AT_SET_NAME_MAX || (name.len > 0 && name.at[name.len - 1] == '.')) {
        return false;
    }
    while (at_bytes_cut(&name, '.', &piece)) {
        if (!is_identifier(piece)) {
            return false;
        }
    }
    return true;
}

/* Text that may be shown: UTF-8 without control characters. */
static bool is_plain(struct at_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < ' ' || text.at[i] == 0x7F) {
            return false;
        }
    }
    return at_bytes_is_utf8(text);
}

/* ---- files ---- */

static bool are_indexes(const int32_t *at, size_t count, size_t limit)
{
    for (size_t i = 0; i < count; i++) {
        if (at[i] < 0 || (size_t)at[i] >= limit) {
            return false;
        }
    }
    return true;
}

int at_judge_file(const struct at_set_file *file, struct at_diag *diag)
{
    const struct google_protobuf_FileDescriptorProto *f = file->proto;
    struct at_bytes name = at_set_bytes(f->name);

    if (name.len == 0 || name.len > AT_SET_NAME_MAX || !is_plain(name)) {
        at_diag_set(diag, "a file of the descriptor set has no usable name");
        return AT_SET_MALFORMED;
    }
    if (!is_dotted(at_set_bytes(f->package))) {
        at_diag_set(diag, "%.*s: its package is no name", S(f->name));
        return AT_SET_MALFORMED;
    }
    for (size_t i = 0; i < f->dependency.count; i++) {
        if (!is_plain(at_set_bytes(f->dependency.at[i]))) {
            at_diag_set(diag, "%.*s: an import has no usable name", S(f->name));
            return AT_SET_MALFORMED;
        }
    }
    if (!are_indexes(f->public_dependency.at, f->public_dependency.count, f->dependency.count) ||
        !are_indexes(f->weak_dependency.at, f->weak_dependency.count, f->dependency.count)) {
        at_diag_set(diag, "%.*s: its public or weak imports are none of its imports", S(f->name));
        return AT_SET_MALFORMED;
    }
    return 0;
}

/* ---- names and numbers that must not come twice ---- */

static int by_number(const void *a, const void *b)
{
    const int32_t *one = a;
    const int32_t *two = b;

    return (*one > *two) - (*one < *two);
}

static int by_text(const void *a, const void *b)
{
    const struct at_bytes *one = a;
    const struct at_bytes *two = b;

    return at_bytes_compare(*one, *two);
}

static int judge_names(struct judging *j, struct at_bytes *names, size_t count)
{
    qsort(names, count, sizeof(*names), by_text);
    for (size_t i = 0; i < count; i++) {
        if (!is_identifier(names[i])) {
            return refuse(j, "a name in it is none");
        }
        if (i > 0 && at_bytes_equal(names[i - 1], names[i])) {
            return refuse(j, "%.*s is declared twice", (int)names[i].len,
                          (const char *)names[i].at);
        }
    }
    return 0;
}

static int judge_numbers(struct judging *j, int32_t *numbers, size_t count)
{
    qsort(numbers, count, sizeof(*numbers), by_number);
    for (size_t i = 1; i < count; i++) {
        if (numbers[i - 1] == numbers[i]) {
            return refuse(j, "two fields have the number %d", numbers[i]);
        }
    }
    return 0;
}

/* ---- fields ---- */

static int judge_type(struct judging *j, const struct google_protobuf_FieldDescriptorProto *f)
{
    bool message = f->type == ATOLL_TYPE_MESSAGE || f->type == ATOLL_TYPE_GROUP;
    enum at_set_kind want = message ? AT_SET_MESSAGE : AT_SET_ENUM;
    const struct at_set_symbol *type;

    if (!f->has_type || f->type < ATOLL_TYPE_DOUBLE || f->type > ATOLL_TYPE_SINT64) {
        return refuse(j, "the field %.*s has an unknown type", S(f->name));
    }
    if (!message && f->type != ATOLL_TYPE_ENUM) {
        return f->type_name.len == 0 ? 0 : refuse(j, "the field %.*s has two types", S(f->name));
    }
    if (f->type_name.len == 0 || f->type_name.at[0] != '.') {
        return refuse(j, "the type of the field %.*s is not resolved", S(f->name));
    }
    type = at_set_type_of(j->set, f);
    if (type == NULL) {
        int r = refuse(j, "the type %.*s of the field %.*s is not in the set", S(f->type_name),
                       S(f->name));

        at_diag_hint(j->diag, "make the set with protoc --include_imports");
        return r;
    }
    return type->kind == want ? 0
                              : refuse(j, "the type %.*s of the field %.*s is of another kind",
                                       S(f->type_name), S(f->name));
}

static int judge_field(struct judging *j, const struct google_protobuf_FieldDescriptorProto *f,
                       size_t oneof_count)
{
    if (!is_identifier(at_set_bytes(f->name))) {
        return refuse(j, "a field has no usable name");
    }
    if (f->number < 1 || f->number > AT_PB_FIELD_NUMBER_MAX) {
        return refuse(j, "the field %.*s has the number %d", S(f->name), f->number);
    }
    if (!f->has_label || f->label < 1 || f->label > 3) {
        return refuse(j, "the field %.*s has no label", S(f->name));
    }
    if (f->has_oneof_index && (f->oneof_index < 0 || (size_t)f->oneof_index >= oneof_count)) {
        return refuse(j, "the field %.*s is in a oneof that is not there", S(f->name));
    }
    if (!is_plain(at_set_bytes(f->json_name)) ||
        !at_bytes_is_utf8(at_set_bytes(f->default_value))) {
        return refuse(j, "the JSON name or the default of the field %.*s is no text", S(f->name));
    }
    return judge_type(j, f);
}

/* Fields and oneofs of a message share a space of names. */
static int judge_unique_fields(struct judging *j, const struct google_protobuf_DescriptorProto *m)
{
    size_t fields = m->field.count;
    size_t n = fields + m->oneof_decl.count;
    struct at_bytes *names = at_arena_zalloc(j->arena, n + 1, sizeof(*names));
    int32_t *numbers = at_arena_zalloc(j->arena, fields + 1, sizeof(*numbers));
    int r;

    if (names == NULL || numbers == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < fields; i++) {
        names[i] = at_set_bytes(m->field.at[i].name);
        numbers[i] = m->field.at[i].number;
    }
    for (size_t i = fields; i < n; i++) {
        names[i] = at_set_bytes(m->oneof_decl.at[i - fields].name);
    }
    r = judge_names(j, names, n);
    return r != 0 ? r : judge_numbers(j, numbers, fields);
}

/* ---- messages ---- */

static bool is_map_key(int32_t type)
{
    return type != ATOLL_TYPE_DOUBLE && type != ATOLL_TYPE_FLOAT && type != ATOLL_TYPE_GROUP &&
           type != ATOLL_TYPE_MESSAGE && type != ATOLL_TYPE_BYTES && type != ATOLL_TYPE_ENUM;
}

static int judge_map_entry(struct judging *j, const struct google_protobuf_DescriptorProto *m)
{
    if (j->symbol->parent == NULL || m->field.count != 2 || m->field.at[0].number != 1 ||
        m->field.at[1].number != 2 || !is_map_key(m->field.at[0].type) ||
        m->field.at[1].type == ATOLL_TYPE_GROUP || m->field.at[0].label != 1 ||
        m->field.at[1].label != 1 || m->nested_type.count != 0 || m->enum_type.count != 0) {
        return refuse(j, "it says that it is a map entry, and is none");
    }
    return 0;
}

static int judge_ranges(struct judging *j, const struct google_protobuf_DescriptorProto *m)
{
    for (size_t i = 0; i < m->reserved_range.count; i++) {
        if (m->reserved_range.at[i].start < 1 ||
            m->reserved_range.at[i].end <= m->reserved_range.at[i].start) {
            return refuse(j, "a range of reserved numbers is none");
        }
    }
    for (size_t i = 0; i < m->extension_range.count; i++) {
        if (m->extension_range.at[i].start < 1 ||
            m->extension_range.at[i].end <= m->extension_range.at[i].start) {
            return refuse(j, "a range of extension numbers is none");
        }
    }
    for (size_t i = 0; i < m->reserved_name.count; i++) {
        if (!is_plain(at_set_bytes(m->reserved_name.at[i]))) {
            return refuse(j, "a reserved name is none");
        }
    }
    return 0;
}

static int judge_message(struct judging *j)
{
    const struct google_protobuf_DescriptorProto *m = j->symbol->of.message;
    int r = judge_ranges(j, m);

    for (size_t i = 0; r == 0 && i < m->field.count; i++) {
        r = judge_field(j, &m->field.at[i], m->oneof_decl.count);
    }
    if (r == 0 && at_set_is_map_entry(j->symbol)) {
        r = judge_map_entry(j, m);
    }
    return r != 0 ? r : judge_unique_fields(j, m);
}

static int judge_enum(struct judging *j)
{
    const struct google_protobuf_EnumDescriptorProto *e = j->symbol->of.enumeration;
    struct at_bytes *names = at_arena_zalloc(j->arena, e->value.count + 1, sizeof(*names));

    if (names == NULL) {
        return -ENOMEM;
    }
    if (e->value.count == 0) {
        return refuse(j, "the enum has no value");
    }
    for (size_t i = 0; i < e->value.count; i++) {
        names[i] = at_set_bytes(e->value.at[i].name);
    }
    for (size_t i = 0; i < e->reserved_range.count; i++) {
        if (e->reserved_range.at[i].end < e->reserved_range.at[i].start) {
            return refuse(j, "a range of reserved numbers is none");
        }
    }
    for (size_t i = 0; i < e->reserved_name.count; i++) {
        if (!is_plain(at_set_bytes(e->reserved_name.at[i]))) {
            return refuse(j, "a reserved name is none");
        }
    }
    return judge_names(j, names, e->value.count);
}

/* ---- services and extensions ---- */

static bool is_message(const struct at_set *set, struct atoll_str name)
{
    const struct at_set_symbol *s =
        name.len == 0 || name.at[0] != '.' ? NULL : at_set_find(set, at_set_bytes(name));

    return s != NULL && s->kind == AT_SET_MESSAGE;
}

static int judge_service(struct judging *j)
{
    const struct google_protobuf_ServiceDescriptorProto *s = j->symbol->of.service;
    struct at_bytes *names = at_arena_zalloc(j->arena, s->method.count + 1, sizeof(*names));

    if (names == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < s->method.count; i++) {
        const struct google_protobuf_MethodDescriptorProto *m = &s->method.at[i];

        names[i] = at_set_bytes(m->name);
        if (!is_message(j->set, m->input_type) || !is_message(j->set, m->output_type)) {
            int r = refuse(j, "a method takes or gives a type that is not in the set");

            at_diag_hint(j->diag, "make the set with protoc --include_imports");
            return r;
        }
    }
    return judge_names(j, names, s->method.count);
}

static int judge_extension(struct judging *j)
{
    const struct google_protobuf_FieldDescriptorProto *f = j->symbol->of.extension;

    return is_message(j->set, f->extendee) ? judge_field(j, f, 0)
                                           : refuse(j, "it extends a type that is not in the set");
}

int at_judge_set(const struct at_set *set, struct at_arena *arena, struct at_diag *diag)
{
    static int (*const judges[])(struct judging *) = {
        [AT_SET_MESSAGE] = judge_message,
        [AT_SET_ENUM] = judge_enum,
        [AT_SET_SERVICE] = judge_service,
        [AT_SET_EXTENSION] = judge_extension,
    };
    struct judging j = {.set = set, .arena = arena, .diag = diag};
    int r = 0;

    for (size_t i = 0; r == 0 && i < set->symbol_count; i++) {
        j.symbol = &set->symbols[i];
        if (!is_identifier(at_set_name_of(j.symbol))) {
            r = refuse(&j, "its name is none");
        }
        r = r == 0 ? judges[j.symbol->kind](&j) : r;
    }
    return r;
}
