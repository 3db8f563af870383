/* The .atoll.h of a file: structs, enums, client functions and the vtables of servers. */
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

static const char *const scalar_types[] = {
    [ATOLL_TYPE_DOUBLE] = "double",           [ATOLL_TYPE_FLOAT] = "float",
    [ATOLL_TYPE_INT64] = "int64_t",           [ATOLL_TYPE_UINT64] = "uint64_t",
    [ATOLL_TYPE_INT32] = "int32_t",           [ATOLL_TYPE_FIXED64] = "uint64_t",
    [ATOLL_TYPE_FIXED32] = "uint32_t",        [ATOLL_TYPE_BOOL] = "bool",
    [ATOLL_TYPE_STRING] = "struct atoll_str", [ATOLL_TYPE_BYTES] = "struct atoll_str",
    [ATOLL_TYPE_UINT32] = "uint32_t",         [ATOLL_TYPE_ENUM] = "int32_t",
    [ATOLL_TYPE_SFIXED32] = "int32_t",        [ATOLL_TYPE_SFIXED64] = "int64_t",
    [ATOLL_TYPE_SINT32] = "int32_t",          [ATOLL_TYPE_SINT64] = "int64_t",
};

/* "  * enum shop_v1_Kind *" behind a field whose C type does not say it. */
static void emit_note(const struct at_gen_field *f, struct at_text *out)
{
    if (f->proto->type == ATOLL_TYPE_ENUM) {
        at_text_addf(out, " /* enum %s */", f->of);
    } else if (f->proto->type == ATOLL_TYPE_BYTES) {
        at_text_add_str(out, " /* bytes */");
    } else if (f->form == ATOLL_FORM_MAP) {
        at_text_add_str(out, " /* map */");
    } else if (f->proto->type == ATOLL_TYPE_MESSAGE && f->form == ATOLL_FORM_IMPLICIT) {
        at_text_add_str(out, " /* NULL: absent */");
    }
    at_text_add_char(out, '\n');
}

static void emit_field(const struct at_gen_file *file, const struct at_gen_field *f,
                       const char *indent, struct at_text *out)
{
    bool message = f->proto->type == ATOLL_TYPE_MESSAGE;
    const char *type = message ? f->of : scalar_types[f->proto->type];

    at_gen_emit_comment(file, &f->path, indent, out);
    if (f->form >= ATOLL_FORM_REPEATED) {
        at_text_addf(out, "%sstruct {\n%s    %s%s *at;\n%s    size_t count;\n%s} %s;", indent,
                     indent, message ? "struct " : "", type, indent, indent, f->name);
    } else {
        if (f->form == ATOLL_FORM_OPTIONAL) {
            at_text_addf(out, "%sbool %s;\n", indent, f->presence);
        }
        at_text_addf(out, "%s%s%s%s%s;", indent, message ? "struct " : "", type,
                     message ? " *" : " ", f->name);
    }
    emit_note(f, out);
}

static void emit_oneof(const struct at_gen_file *file, const struct at_gen_message *m,
                       const struct at_gen_oneof *o, struct at_text *out)
{
    at_text_addf(out, "    uint32_t %s; /* number of the member that is set; 0: none */\n",
                 o->case_name);
    at_text_add_str(out, "    union {\n");
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

/* #define shop_v1_Pay_card_CASE … would clash; the numbers are an enum beside the struct. */
static void emit_cases(const struct at_gen_message *m, struct at_text *out)
{
    size_t n = 0;

    for (size_t i = 0; i < m->proto->fields.count; i++) {
        const struct at_gen_field *f = &m->fields[i];

        if (f->oneof != NULL) {
            at_text_addf(out, "%s    %s_%s_number = %" PRId32, n == 0 ? "enum {\n" : ",\n",
                         m->c_name, f->name, f->proto->number);
            n++;
        }
    }
    if (n > 0) {
        at_text_add_str(out, ",\n};\n\n");
    }
}

static void emit_message(const struct at_gen_file *file, const struct at_gen_message *m,
                         struct at_text *out)
{
    emit_cases(m, out);
    at_gen_emit_comment(file, &m->path, "", out);
    at_text_addf(out, "struct %s {\n", m->c_name);
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
    enum { ENUM_VALUE = 2 };

    at_gen_emit_comment(file, &e->path, "", out);
    at_text_addf(out, "enum %s {\n", e->c_name);
    for (size_t i = 0; i < e->proto->values.count; i++) {
        const struct at_proto_enum_value *v = &e->proto->values.at[i];
        struct at_gen_path path = {&e->path, ENUM_VALUE, (int32_t)i};

        at_gen_emit_comment(file, &path, "    ", out);
        if (v->number == INT32_MIN) {
            at_text_addf(out, "    %s%.*s = -2147483647 - 1,\n", e->prefix, (int)v->name.len,
                         v->name.at);
        } else {
            at_text_addf(out, "    %s%.*s = %" PRId32 ",\n", e->prefix, (int)v->name.len,
                         v->name.at, v->number);
        }
    }
    at_text_addf(out, "};\nextern const struct atoll_enum_desc %s_desc;\n\n", e->c_name);
}

static void emit_client(const struct at_gen_file *file, const struct at_gen_service *s, size_t i,
                        struct at_text *out)
{
    const struct at_gen_method *m = &s->methods[i];

    at_gen_emit_comment(file, &m->path, "", out);
    at_text_addf(out,
                 "static inline int %s_%s(struct atoll_call *call,\n"
                 "    const struct %s *in,\n"
                 "    struct %s *out)\n"
                 "{\n"
                 "    return atoll_invoke(call, &%s_desc, %zu, in, out);\n"
                 "}\n\n",
                 s->c_name, m->name, m->input, m->output, s->c_name, i);
    at_text_addf(out,
                 "static inline int %s_%s_async(struct atoll_call *call,\n"
                 "    const struct %s *in,\n"
                 "    struct %s *out, atoll_done *done, void *user)\n"
                 "{\n"
                 "    return atoll_invoke_async(call, &%s_desc, %zu, in, out, done, user);\n"
                 "}\n\n",
                 s->c_name, m->name, m->input, m->output, s->c_name, i);
}

static void emit_vtable(const struct at_gen_file *file, const struct at_gen_service *s,
                        struct at_text *out)
{
    size_t members = 0;

    at_text_addf(out, "/* Handlers of %s; a NULL one answers UNIMPLEMENTED. */\n", s->full_name);
    at_text_addf(out, "struct %s {\n", s->c_name);
    for (size_t i = 0; i < s->proto->methods.count; i++) {
        const struct at_gen_method *m = &s->methods[i];

        if (!m->is_unary) {
            at_text_addf(out, "    /* %.*s streams and cannot be served from here yet */\n",
                         (int)m->proto->name.len, m->proto->name.at);
            continue;
        }
        at_gen_emit_comment(file, &m->path, "    ", out);
        at_text_addf(out,
                     "    int (*%s)(struct atoll_call *call,\n"
                     "        const struct %s *in,\n"
                     "        struct %s *out);\n",
                     m->name, m->input, m->output);
        members++;
    }
    if (members == 0) {
        at_text_add_str(out, "    int no_methods;\n");
    }
    at_text_add_str(out, "};\n\n");
}

static void emit_service(const struct at_gen_file *file, const struct at_gen_service *s,
                         struct at_text *out)
{
    at_text_addf(out, "extern const struct atoll_service_desc %s_desc;\n\n", s->c_name);
    at_gen_emit_comment(file, &s->path, "", out);
    emit_vtable(file, s, out);
    at_text_addf(out,
                 "/* For atoll_serve(), where one program serves several. */\n"
                 "static inline struct atoll_service %s_with(\n"
                 "    const struct %s *handlers)\n"
                 "{\n"
                 "    struct atoll_service service = {&%s_desc, handlers};\n\n"
                 "    ATOLL_NOTE_SERVED(\"%s\");\n"
                 "    return service;\n"
                 "}\n\n",
                 s->c_name, s->c_name, s->c_name, s->full_name);
    at_text_addf(out,
                 "/* atoll_serve() with this service alone and default options. */\n"
                 "static inline int %s_serve(const struct %s *handlers)\n"
                 "{\n"
                 "    struct atoll_service service = %s_with(handlers);\n\n"
                 "    return atoll_serve(&service, 1, NULL);\n"
                 "}\n\n",
                 s->c_name, s->c_name, s->c_name);
    for (size_t i = 0; i < s->proto->methods.count; i++) {
        if (s->methods[i].is_unary) {
            emit_client(file, s, i, out);
        }
    }
}

/* Includes the header that declares the type, once, unless it is our own. */
static int include_type(const struct at_gen_file *file, struct atoll_str type,
                        struct at_map *included, struct at_text *out)
{
    struct at_gen_input *input = at_map_get(&file->run->types, at_bytes_over(type.at, type.len));
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

static int emit_includes(const struct at_gen_file *file, struct at_text *out)
{
    struct at_map included;
    int r = 0;

    at_map_init(&included, 0);
    at_text_addf(out, "#include <atoll/%s.h>\n\n",
                 file->input->proto->services.count > 0 ? "atoll" : "message");
    for (const struct at_gen_message *m = file->messages; m != NULL; m = m->next) {
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

static void emit_guard(const struct at_gen_file *file, struct at_text *out)
{
    struct atoll_str name = file->input->proto->name;

    at_text_add_str(out, "ATOLL_MADE_FROM_");
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool keep = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        at_text_add_char(out, (char)(keep ? c : '_'));
    }
    at_text_add_char(out, '\n');
}

int at_gen_header(const struct at_gen_file *file, struct at_text *out)
{
    int r;

    at_gen_emit_opening(file, out);
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
    for (const struct at_gen_message *m = file->messages; m != NULL; m = m->next) {
        at_text_addf(out, "struct %s;\n%s", m->c_name, m->next == NULL ? "\n" : "");
    }
    for (const struct at_gen_enum *e = file->enums; e != NULL; e = e->next) {
        emit_enum(file, e, out);
    }
    for (const struct at_gen_message *m = file->messages; m != NULL; m = m->next) {
        emit_message(file, m, out);
    }
    for (size_t i = 0; i < file->input->proto->services.count; i++) {
        emit_service(file, &file->services[i], out);
    }
    at_text_add_str(out, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
    return out->failed ? -ENOMEM : 0;
}
