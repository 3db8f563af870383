/* The .atoll.c of a file: the tables of messages and enums; service_tables.c has those of services. */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/map.h"
#include "base/text.h"
#include "generator/emit.h"
#include "generator/model.h"
#include "pb/descriptor.h"

static const char *const type_names[] = {
    [ATOLL_TYPE_DOUBLE] = "DOUBLE",     [ATOLL_TYPE_FLOAT] = "FLOAT",
    [ATOLL_TYPE_INT64] = "INT64",       [ATOLL_TYPE_UINT64] = "UINT64",
    [ATOLL_TYPE_INT32] = "INT32",       [ATOLL_TYPE_FIXED64] = "FIXED64",
    [ATOLL_TYPE_FIXED32] = "FIXED32",   [ATOLL_TYPE_BOOL] = "BOOL",
    [ATOLL_TYPE_STRING] = "STRING",     [ATOLL_TYPE_MESSAGE] = "MESSAGE",
    [ATOLL_TYPE_GROUP] = "GROUP",       [ATOLL_TYPE_BYTES] = "BYTES",
    [ATOLL_TYPE_UINT32] = "UINT32",     [ATOLL_TYPE_ENUM] = "ENUM",
    [ATOLL_TYPE_SFIXED32] = "SFIXED32", [ATOLL_TYPE_SFIXED64] = "SFIXED64",
    [ATOLL_TYPE_SINT32] = "SINT32",     [ATOLL_TYPE_SINT64] = "SINT64",
};

static const char *const form_names[] = {
    [ATOLL_FORM_IMPLICIT] = "IMPLICIT", [ATOLL_FORM_OPTIONAL] = "OPTIONAL",
    [ATOLL_FORM_ONEOF] = "ONEOF",       [ATOLL_FORM_REPEATED] = "REPEATED",
    [ATOLL_FORM_PACKED] = "PACKED",     [ATOLL_FORM_MAP] = "MAP",
};

static const char *const flag_names[] = {"DEPRECATED", "REQUIRED",  "ANY_BYTES",
                                         "CLOSED",     "EXTENSION", "SENSITIVE"};

static void emit_flags(uint8_t flags, struct at_text *out)
{
    const char *between = "";

    for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++) {
        if ((flags >> i & 1) != 0) {
            at_text_addf(out, "%sATOLL_FIELD_%s", between, flag_names[i]);
            between = " | ";
        }
    }
    at_text_add_str(out, flags == 0 ? "0" : "");
}

/* The parts of a table that are made of all fields together, by ascending number. */
struct table {
    const struct at_gen_message *message;
    const struct at_gen_field **fields;
    size_t count;
    struct at_map types; /* C name of a type to its place among the types of this table */
    size_t type_count;
    size_t text_len;
};

enum {
    C_STRING_MAX = 4095,      /* characters of a string literal that every compiler must take */
    FIELDS_SURELY_FIT = 2700, /* each takes at most 24 of the 65535 bytes of a struct */
};

static int emit_types(struct table *t, struct at_arena *arena, struct at_text *out)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct at_gen_field *f = t->fields[i];
        size_t *place;
        int r;

        if (f->of == NULL || at_map_get(&t->types, at_bytes_of(f->of)) != NULL) {
            continue;
        }
        place = at_arena_alloc(arena, sizeof(*place), 8);
        if (place == NULL) {
            return -ENOMEM;
        }
        *place = t->type_count;
        r = at_map_put(&t->types, at_bytes_of(f->of), place);
        if (r < 0) {
            return r;
        }
        if (t->type_count++ == 0) {
            at_text_addf(out, "static const union atoll_type_ref %s__types[] = {\n",
                         t->message->c_name);
        }
        at_text_addf(out, "    {.%s = &%s_desc},\n",
                     f->proto->type == ATOLL_TYPE_ENUM ? "enumeration" : "message", f->of);
    }
    at_text_add_str(out, t->type_count > 0 ? "};\n" : "");
    return 0;
}

static void emit_field(const struct table *t, const struct at_gen_field *f, struct at_text *out)
{
    const struct at_proto_field *p = f->proto;
    const size_t *of = f->of == NULL ? NULL : at_map_get(&t->types, at_bytes_of(f->of));

    at_text_addf(out, "    {%" PRIu32 ", offsetof(struct %s, %s),\n     ", at_proto_tag(p, f->form),
                 t->message->c_name, f->access);
    if (f->presence == NULL) {
        at_text_add_str(out, "0");
    } else {
        at_text_addf(out, "offsetof(struct %s, %s)", t->message->c_name, f->presence);
    }
    at_text_addf(out, ", %zu, ATOLL_KIND(%s, %s), ", of == NULL ? 0 : *of, form_names[f->form],
                 type_names[p->type]);
    emit_flags(f->flags, out);
    at_text_add_str(out, "},\n");
}

/* The JSON name stands apart only where it is another one. */
static bool has_json_name(const struct at_proto_field *p)
{
    return !at_bytes_equal(at_bytes_over(p->name.at, p->name.len),
                           at_bytes_over(p->json_name.at, p->json_name.len));
}

static void emit_names(struct table *t, struct at_text *out)
{
    at_text_addf(out, "static const struct atoll_field_name %s__names[] = {\n", t->message->c_name);
    for (size_t i = 0; i < t->count; i++) {
        const struct at_proto_field *p = t->fields[i]->proto;
        size_t name_at = t->text_len;
        size_t json_at = has_json_name(p) ? name_at + p->name.len + 1 : name_at;

        at_text_addf(out, "    {%zu, %zu, %zu, %zu},\n", name_at, json_at, p->name.len,
                     p->json_name.len);
        t->text_len = json_at + (has_json_name(p) ? p->json_name.len : p->name.len) + 1;
    }
    at_text_add_str(out, "};\n");
}

/* One name and the NUL behind it: as a string, or as single characters where it gets too long. */
static void emit_name(const struct table *t, struct atoll_str name, struct at_text *out)
{
    if (t->text_len <= C_STRING_MAX) {
        at_text_add_str(out, "\n    \"");
        at_gen_emit_escaped(at_bytes_over(name.at, name.len), out);
        at_text_add_str(out, "\\0\"");
        return;
    }
    at_text_add_str(out, "\n    ");
    for (size_t i = 0; i < name.len; i++) {
        at_text_addf(out, "%d,", name.at[i]);
    }
    at_text_add_str(out, "0,");
}

static void emit_text(const struct table *t, struct at_text *out)
{
    bool whole = t->text_len <= C_STRING_MAX;

    at_text_addf(out, "static const char %s__text[] =%s", t->message->c_name, whole ? "" : " {");
    for (size_t i = 0; i < t->count; i++) {
        const struct at_proto_field *p = t->fields[i]->proto;

        emit_name(t, p->name, out);
        if (has_json_name(p)) {
            emit_name(t, p->json_name, out);
        }
    }
    at_text_add_str(out, whole ? ";\n" : "\n};\n");
}

static int by_number(const void *a, const void *b)
{
    int32_t x = (*(const struct at_gen_field *const *)a)->proto->number;
    int32_t y = (*(const struct at_gen_field *const *)b)->proto->number;

    return (x > y) - (x < y);
}

static void emit_message_flags(const struct table *t, struct at_text *out)
{
    const struct at_proto_message_options *options = t->message->proto->options;
    bool maps = false;
    bool required = false;
    const struct {
        bool set;
        const char *name;
    } flags[] = {
        {options != NULL && options->map_entry, "MAP_ENTRY"},
        {options != NULL && options->deprecated, "DEPRECATED"},
        {options != NULL && options->message_set, "SET"},
    };
    const char *between = "";

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (flags[i].set) {
            at_text_addf(out, "%sATOLL_MESSAGE_%s", between, flags[i].name);
            between = " | ";
        }
    }
    for (size_t i = 0; i < t->count; i++) {
        maps = maps || t->fields[i]->form == ATOLL_FORM_MAP;
        required = required || (t->fields[i]->flags & ATOLL_FIELD_REQUIRED) != 0;
    }
    if (maps) {
        at_text_addf(out, "%sATOLL_MESSAGE_HAS_MAPS", between);
        between = " | ";
    }
    if (required) {
        at_text_addf(out, "%sATOLL_MESSAGE_HAS_REQUIRED", between);
        between = " | ";
    }
    at_text_add_str(out, between[0] == '\0' ? "0" : "");
}

static void emit_desc(const struct table *t, bool has_initial, struct at_text *out)
{
    const struct at_gen_message *m = t->message;
    const char *fields = t->count > 0 ? m->c_name : "NULL";
    size_t dense = 0;

    while (dense < t->count && t->fields[dense]->proto->number == (int32_t)dense + 1) {
        dense++;
    }
    at_text_addf(out,
                 "const struct atoll_message_desc %s_desc = {\n"
                 "    .size = sizeof(struct atoll_message_desc),\n"
                 "    .struct_size = sizeof(struct %s),\n"
                 "    .field_count = %zu,\n"
                 "    .dense_count = %zu,\n"
                 "    .unknown_offset = offsetof(struct %s, %s),\n"
                 "    .flags = ",
                 m->c_name, m->c_name, t->count, dense, m->c_name, m->unknown_name);
    emit_message_flags(t, out);
    at_text_addf(out,
                 ",\n"
                 "    .fields = %s%s,\n"
                 "    .types = %s%s,\n"
                 "    .initial = %s%s%s,\n"
                 "    .names = %s%s,\n"
                 "    .text = %s%s,\n"
                 "    .full_name = \"%s\",\n"
                 "};\n\n",
                 fields, t->count > 0 ? "__fields" : "", t->type_count > 0 ? m->c_name : "NULL",
                 t->type_count > 0 ? "__types" : "", has_initial ? "&" : "NULL",
                 has_initial ? m->c_name : "", has_initial ? "__initial" : "", fields,
                 t->count > 0 ? "__names" : "", fields, t->count > 0 ? "__text" : "", m->full_name);
}

static int emit_message(const struct at_gen_file *file, const struct at_gen_message *m,
                        struct at_text *out)
{
    struct table t = {.message = m, .count = m->proto->fields.count};
    int r;

    t.fields = at_arena_zalloc(file->run->arena, t.count, sizeof(*t.fields));
    if (t.fields == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < t.count; i++) {
        t.fields[i] = &m->fields[i];
    }
    qsort(t.fields, t.count, sizeof(*t.fields), by_number);
    at_map_init(&t.types, 0);
    r = emit_types(&t, file->run->arena, out);
    if (r == 0 && t.count > 0) {
        if (t.count > FIELDS_SURELY_FIT) {
            at_text_addf(out,
                         "_Static_assert(sizeof(struct %s) <= 65535, \"too many fields: a table "
                         "has 16 bits for the place of one\");\n",
                         m->c_name);
        }
        at_text_addf(out, "static const struct atoll_field_desc %s__fields[] = {\n", m->c_name);
        for (size_t i = 0; i < t.count; i++) {
            emit_field(&t, t.fields[i], out);
        }
        at_text_add_str(out, "};\n");
        emit_names(&t, out);
        emit_text(&t, out);
    }
    r = r == 0 ? at_gen_emit_initial(file, m, out) : r;
    if (r >= 0) {
        emit_desc(&t, r > 0, out);
        r = 0;
    }
    at_map_deinit(&t.types);
    return r;
}

static int emit_enum(const struct at_gen_file *file, const struct at_gen_enum *e,
                     struct at_text *out)
{
    size_t n = e->proto->values.count;
    const struct at_proto_enum_value **sorted =
        at_arena_zalloc(file->run->arena, n, sizeof(*sorted));

    if (sorted == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) { /* insertion keeps aliases in their order */
        size_t at = i;

        for (; at > 0 && sorted[at - 1]->number > e->proto->values.at[i].number; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = &e->proto->values.at[i];
    }
    at_text_addf(out, "static const struct atoll_enum_value %s__values[] = {\n", e->c_name);
    for (size_t i = 0; i < n; i++) {
        at_text_addf(out, "    {%s, \"%.*s\"},\n", e->names[sorted[i] - e->proto->values.at],
                     (int)sorted[i]->name.len, sorted[i]->name.at);
    }
    at_text_addf(out,
                 "};\n"
                 "const struct atoll_enum_desc %s_desc = {\n"
                 "    .size = sizeof(struct atoll_enum_desc),\n"
                 "    .full_name = \"%s\",\n"
                 "    .values = %s__values,\n"
                 "    .value_count = %zu,\n"
                 "};\n\n",
                 e->c_name, e->full_name, e->c_name, n);
    return 0;
}

static void emit_extension(const struct at_gen_message *m, struct at_text *out)
{
    at_text_addf(out,
                 "const struct atoll_extension_desc %s = {\n"
                 "    .size = sizeof(struct atoll_extension_desc),\n"
                 "    .flags = 0,\n"
                 "    .extendee = &%s_desc,\n"
                 "    .holder = &%s_desc,\n"
                 "};\n\n",
                 m->extension->desc_name, m->extension->extendee, m->c_name);
}

int at_gen_source(const struct at_gen_file *file, struct at_text *out)
{
    size_t services = file->input->proto->services.count;
    int r = 0;

    at_gen_emit_opening(file, out);
    at_text_addf(out, "#include \"%s.atoll.h\"\n\n%s#include <stddef.h>\n\n", file->stem,
                 at_gen_needs_math(file) ? "#include <math.h>\n" : "");
    if (file->names_deprecated) {
        at_text_add_str(out, AT_GEN_QUIET_BEGIN);
    }
    for (const struct at_gen_enum *e = file->enums; r == 0 && e != NULL; e = e->next) {
        r = emit_enum(file, e, out);
    }
    for (const struct at_gen_message *m = file->messages; r == 0 && m != NULL; m = m->next) {
        r = emit_message(file, m, out);
    }
    for (const struct at_gen_message *m = file->messages; r == 0 && m != NULL; m = m->next) {
        if (m->extension != NULL) {
            emit_extension(m, out);
        }
    }
    if (r == 0 && services > 0) {
        r = at_gen_emit_contract(file, out);
    }
    for (size_t i = 0; r == 0 && i < services; i++) {
        at_gen_emit_service_table(&file->services[i], out);
    }
    if (file->names_deprecated) {
        at_text_add_str(out, AT_GEN_QUIET_END);
    }
    return r == 0 && out->failed ? -ENOMEM : r;
}
