/*
 * The .atoll.h of a file: structs and enums. helpers.c adds what makes work with them easier,
 * service.c client functions and the vtables of servers.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "base/map.h"
#include "base/text.h"
#include "generator/emit.h"
#include "generator/model.h"
#include "pb/descriptor.h"

enum { ENUM_VALUE = 2, MESSAGE_ONEOFS = 8, FILE_SYNTAX = 12, FILE_PACKAGE = 2 };

/* "  * enum shop_v1_Kind *" behind a field whose C type does not say it. */
static void emit_note(const struct at_gen_field *f, struct at_text *out)
{
    if (f->proto->type == ATOLL_TYPE_ENUM) {
        at_text_addf(out, " /* enum %s */", f->of);
    } else if (f->proto->type == ATOLL_TYPE_BYTES) {
        at_text_add_str(out, " /* bytes */");
    } else if (f->form == ATOLL_FORM_MAP) {
        at_text_add_str(out, " /* map */");
    } else if (at_gen_is_message(f->proto) && f->form == ATOLL_FORM_IMPLICIT) {
        at_text_add_str(out, " /* NULL: absent */");
    }
    at_text_add_char(out, '\n');
}

static void emit_field(const struct at_gen_file *file, const struct at_gen_field *f,
                       const char *indent, struct at_text *out)
{
    bool message = at_gen_is_message(f->proto);
    const char *type = message ? f->of : at_gen_scalar_type(f);
    const char *mark = (f->flags & ATOLL_FIELD_DEPRECATED) != 0 ? " ATOLL_DEPRECATED" : "";

    at_gen_emit_comment(file, &f->path, indent, out);
    if (f->form >= ATOLL_FORM_REPEATED) {
        at_text_addf(out, "%sstruct {\n%s    %s%s *at;\n%s    size_t count;\n%s} %s%s;", indent,
                     indent, message ? "struct " : "", type, indent, indent, f->name, mark);
    } else {
        if (f->form == ATOLL_FORM_OPTIONAL) {
            at_text_addf(out, "%sbool %s;\n", indent, f->presence);
        }
        at_text_addf(out, "%s%s%s%s%s%s;", indent, message ? "struct " : "", type,
                     message ? " *" : " ", f->name, mark);
    }
    emit_note(f, out);
}

static void emit_oneof(const struct at_gen_file *file, const struct at_gen_message *m,
                       const struct at_gen_oneof *o, struct at_text *out)
{
    struct at_gen_path path = {&m->path, MESSAGE_ONEOFS, (int32_t)(o - m->oneofs)};

    at_gen_emit_comment(file, &path, "    ", out);
    at_text_addf(out, "    uint32_t %s; /* enum %s */\n    union {\n", o->case_name, o->tag);
    for (size_t i = 0; i < m->proto->fields.count; i++) {
        if (m->fields[i].oneof == o) {
            emit_field(file, &m->fields[i], "        ", out);
        }
    }
    at_text_addf(out, "    } %s;\n", o->name);
}

/* Is this the first member of its oneof? */
static bool is_first(const struct at_gen_message *m, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (m->fields[i].oneof == m->fields[at].oneof) {
            return false;
        }
    }
    return true;
}

/* Which member of a oneof is set: an enum beside the struct, for switch. */
static void emit_cases(const struct at_gen_message *m, struct at_text *out)
{
    for (size_t i = 0; i < m->proto->oneofs.count; i++) {
        const struct at_gen_oneof *o = &m->oneofs[i];

        if (o->name == NULL) {
            continue;
        }
        at_text_addf(out, "enum %s {\n    %s = 0,\n", o->tag, o->none);
        for (size_t k = 0; k < m->proto->fields.count; k++) {
            const struct at_gen_field *f = &m->fields[k];

            if (f->oneof == o) {
                at_text_addf(out, "    %s = %" PRId32 ",\n", f->number_name, f->proto->number);
            }
        }
        at_text_add_str(out, "};\n\n");
    }
}

static void emit_message(const struct at_gen_file *file, const struct at_gen_message *m,
                         struct at_text *out)
{
    emit_cases(m, out);
    at_gen_emit_comment(file, &m->path, "", out);
    at_text_addf(out, "struct %s%s {\n", m->is_deprecated ? "ATOLL_DEPRECATED " : "", m->c_name);
    for (size_t i = 0; i < m->proto->fields.count; i++) {
        const struct at_gen_field *f = &m->fields[i];

        if (f->oneof == NULL) {
            emit_field(file, f, "    ", out);
        } else if (is_first(m, i)) {
            emit_oneof(file, m, f->oneof, out);
        }
    }
    at_text_addf(out, "    struct atoll_unknown *%s;\n};\n", m->unknown_name);
    at_text_addf(out, "extern const struct atoll_message_desc %s_desc;\n\n", m->c_name);
}

static void emit_enum(const struct at_gen_file *file, const struct at_gen_enum *e,
                      struct at_text *out)
{
    at_gen_emit_comment(file, &e->path, "", out);
    at_text_addf(out, "enum %s%s {\n", e->is_deprecated ? "ATOLL_DEPRECATED " : "", e->c_name);
    for (size_t i = 0; i < e->proto->values.count; i++) {
        const struct at_proto_enum_value *v = &e->proto->values.at[i];
        struct at_gen_path path = {&e->path, ENUM_VALUE, (int32_t)i};
        bool deprecated = v->options != NULL && v->options->deprecated;

        at_gen_emit_comment(file, &path, "    ", out);
        at_text_addf(out, "    %s%s = ", e->names[i], deprecated ? " ATOLL_DEPRECATED" : "");
        if (v->number == INT32_MIN) {
            at_text_add_str(out, "-2147483647 - 1,\n");
        } else {
            at_text_addf(out, "%" PRId32 ",\n", v->number);
        }
    }
    at_text_addf(out, "};\nextern const struct atoll_enum_desc %s_desc;\n\n", e->c_name);
}

/* Includes the header made from input, once, unless it is our own. */
static int include_file(const struct at_gen_file *file, struct at_gen_input *input,
                        struct at_map *included, struct at_text *out)
{
    const char *stem;

    if (input == NULL || input == file->input) {
        return 0;
    }
    stem = at_gen_stem(file->run, input->proto->name);
    if (stem == NULL) {
        return -ENOMEM;
    }
    if (at_map_get(included, at_bytes_of(stem)) != NULL) {
        return 0;
    }
    at_text_addf(out, "#include \"%s.atoll.h\"\n", stem);
    return at_map_put(included, at_bytes_of(stem), input);
}

static int include_type(const struct at_gen_file *file, struct atoll_str type,
                        struct at_map *included, struct at_text *out)
{
    return include_file(file, at_map_get(&file->run->types, at_bytes_over(type.at, type.len)),
                        included, out);
}

/* Who includes this file gets what it imports publicly. */
static int include_public(const struct at_gen_file *file, struct at_map *included,
                          struct at_text *out)
{
    const struct at_proto_file *proto = file->input->proto;
    int r = 0;

    for (size_t i = 0; r == 0 && i < proto->public_dependencies.count; i++) {
        size_t at = (size_t)proto->public_dependencies.at[i];

        if (at < proto->dependencies.count) {
            r = include_file(file, at_gen_find_input(file->run, proto->dependencies.at[at]),
                             included, out);
        }
    }
    return r;
}

static int emit_includes(const struct at_gen_file *file, struct at_text *out)
{
    struct at_map included;
    int r;

    at_map_init(&included, 0);
    at_text_add_str(out, "#include <atoll/codec.h>\n\n");
    r = include_public(file, &included, out);
    for (const struct at_gen_message *m = file->messages; m != NULL; m = m->next) {
        if (r == 0 && m->extension != NULL) {
            r = include_type(file, m->extension->extendee_type, &included, out);
        }
        for (size_t i = 0; r == 0 && i < m->proto->fields.count; i++) {
            if (m->fields[i].of != NULL) {
                r = include_type(file, m->fields[i].proto->type_name, &included, out);
            }
        }
    }
    for (size_t i = 0; i < file->input->proto->services.count; i++) {
        const struct at_gen_service *s = &file->services[i];

        for (size_t j = 0; r == 0 && j < s->proto->methods.count; j++) {
            r = include_type(file, s->methods[j].proto->input, &included, out);
            r = r == 0 ? include_type(file, s->methods[j].proto->output, &included, out) : r;
        }
    }
    if (included.used > 0) {
        at_text_add_char(out, '\n');
    }
    at_map_deinit(&included);
    return r;
}

/*
 * The name of the file, and where that leaves out what tells it from another (a_b.proto, a/b.proto,
 * a.b.proto), a sum over all of it.
 */
static void emit_guard(const struct at_gen_file *file, struct at_text *out)
{
    struct atoll_str name = file->input->proto->name;
    uint32_t sum = 2166136261U; /* FNV-1a */
    bool plain = true;

    at_text_add_str(out, "ATOLL_MADE_FROM_");
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool keep = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        sum = (sum ^ (uint8_t)c) * 16777619U;
        plain = plain && (keep || c == '/' || (c == '.' && name.len - i == sizeof("proto")));
        at_text_add_char(out, (char)(keep ? c : '_'));
    }
    if (!plain) {
        at_text_addf(out, "_%08" PRIx32, sum);
    }
    at_text_add_char(out, '\n');
}

/* What the .proto says about itself: above its syntax, and above its package. */
static void emit_file_comments(const struct at_gen_file *file, struct at_text *out)
{
    struct at_gen_path syntax = {NULL, FILE_SYNTAX, -1};
    struct at_gen_path package = {NULL, FILE_PACKAGE, -1};

    at_text_add_char(out, '\n');
    at_gen_emit_comment(file, &syntax, "", out);
    at_gen_emit_comment(file, &package, "", out);
}

static void emit_types(const struct at_gen_file *file, struct at_text *out)
{
    for (const struct at_gen_message *m = file->messages; m != NULL; m = m->next) {
        at_text_addf(out, "struct %s;\n%s", m->c_name, m->next == NULL ? "\n" : "");
    }
    for (const struct at_gen_enum *e = file->enums; e != NULL; e = e->next) {
        emit_enum(file, e, out);
    }
    for (const struct at_gen_message *m = file->messages; m != NULL; m = m->next) {
        emit_message(file, m, out);
    }
}

int at_gen_header(const struct at_gen_file *file, struct at_text *out)
{
    int r;

    at_gen_emit_opening(file, out);
    emit_file_comments(file, out);
    at_text_add_str(out, "#ifndef ");
    emit_guard(file, out);
    at_text_add_str(out, "#define ");
    emit_guard(file, out);
    at_text_add_char(out, '\n');
    r = emit_includes(file, out);
    if (r < 0) {
        return r;
    }
    at_text_add_str(out, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    if (file->names_deprecated) {
        at_text_add_str(out, AT_GEN_QUIET_BEGIN);
    }
    emit_types(file, out);
    for (const struct at_gen_message *m = file->messages; m != NULL; m = m->next) {
        at_gen_emit_helpers(m, out);
    }
    for (size_t i = 0; i < file->input->proto->services.count; i++) {
        at_gen_emit_service(file, &file->services[i], out);
    }
    if (file->names_deprecated) {
        at_text_add_str(out, AT_GEN_QUIET_END);
    }
    at_text_add_str(out, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
    return out->failed ? -ENOMEM : 0;
}
