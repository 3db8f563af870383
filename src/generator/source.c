/* The .atoll.c of a file: tables, thunks into the vtables, and the contract as an ELF section. */
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
#include "pb/wire.h"

static const char *const type_names[] = {
    [ATOLL_TYPE_DOUBLE] = "DOUBLE",     [ATOLL_TYPE_FLOAT] = "FLOAT",
    [ATOLL_TYPE_INT64] = "INT64",       [ATOLL_TYPE_UINT64] = "UINT64",
    [ATOLL_TYPE_INT32] = "INT32",       [ATOLL_TYPE_FIXED64] = "FIXED64",
    [ATOLL_TYPE_FIXED32] = "FIXED32",   [ATOLL_TYPE_BOOL] = "BOOL",
    [ATOLL_TYPE_STRING] = "STRING",     [ATOLL_TYPE_MESSAGE] = "MESSAGE",
    [ATOLL_TYPE_BYTES] = "BYTES",       [ATOLL_TYPE_UINT32] = "UINT32",
    [ATOLL_TYPE_ENUM] = "ENUM",         [ATOLL_TYPE_SFIXED32] = "SFIXED32",
    [ATOLL_TYPE_SFIXED64] = "SFIXED64", [ATOLL_TYPE_SINT32] = "SINT32",
    [ATOLL_TYPE_SINT64] = "SINT64",
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
    C_STRING_MAX = 4095, /* characters of a string literal that every compiler must take */
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
            at_text_addf(out, "static const union atoll_type_ref %s_types[] = {\n",
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

/* Text of a .proto inside of a C string: what is not plainly itself as three octal digits. */
static void emit_escaped(struct at_bytes text, struct at_text *out)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];

        if (c >= ' ' && c < 0x7F && c != '"' && c != '\\' && c != '?') {
            at_text_add_char(out, (char)c);
        } else {
            at_text_addf(out, "\\%03o", c);
        }
    }
}

/* The JSON name stands apart only where it is another one. */
static bool has_json_name(const struct at_proto_field *p)
{
    return !at_bytes_equal(at_bytes_over(p->name.at, p->name.len),
                           at_bytes_over(p->json_name.at, p->json_name.len));
}

static void emit_names(struct table *t, struct at_text *out)
{
    at_text_addf(out, "static const struct atoll_field_name %s_names[] = {\n", t->message->c_name);
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
        emit_escaped(at_bytes_over(name.at, name.len), out);
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

    at_text_addf(out, "static const char %s_text[] =%s", t->message->c_name, whole ? "" : " {");
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

static void emit_desc(const struct table *t, struct at_text *out)
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
                 "    .names = %s%s,\n"
                 "    .text = %s%s,\n"
                 "    .full_name = \"%s\",\n"
                 "};\n\n",
                 fields, t->count > 0 ? "_fields" : "", t->type_count > 0 ? m->c_name : "NULL",
                 t->type_count > 0 ? "_types" : "", fields, t->count > 0 ? "_names" : "", fields,
                 t->count > 0 ? "_text" : "", m->full_name);
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
        at_text_addf(out, "static const struct atoll_field_desc %s_fields[] = {\n", m->c_name);
        for (size_t i = 0; i < t.count; i++) {
            emit_field(&t, t.fields[i], out);
        }
        at_text_add_str(out, "};\n");
        emit_names(&t, out);
        emit_text(&t, out);
    }
    if (r == 0) {
        emit_desc(&t, out);
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
    at_text_addf(out, "static const struct atoll_enum_value %s_values[] = {\n", e->c_name);
    for (size_t i = 0; i < n; i++) {
        at_text_addf(out, "    {%s%.*s, \"%.*s\"},\n", e->prefix, (int)sorted[i]->name.len,
                     sorted[i]->name.at, (int)sorted[i]->name.len, sorted[i]->name.at);
    }
    at_text_addf(out,
                 "};\n"
                 "const struct atoll_enum_desc %s_desc = {\n"
                 "    .size = sizeof(struct atoll_enum_desc),\n"
                 "    .full_name = \"%s\",\n"
                 "    .values = %s_values,\n"
                 "    .value_count = %zu,\n"
                 "};\n\n",
                 e->c_name, e->full_name, e->c_name, n);
    return 0;
}

static void emit_thunk(const struct at_gen_service *s, const struct at_gen_method *m,
                       struct at_text *out)
{
    at_text_addf(out,
                 "static int invoke_%s_%s(const void *handlers,\n"
                 "    struct atoll_call *call, const void *in, void *out)\n"
                 "{\n",
                 s->c_name, m->name);
    if (m->is_unary) {
        at_text_addf(out,
                     "    const struct %s *h =\n"
                     "        (const struct %s *)handlers;\n\n"
                     "    return h->%s == NULL ? atoll_unimplemented(call)\n"
                     "        : h->%s(call, (const struct %s *)in,\n"
                     "            (struct %s *)out);\n"
                     "}\n\n",
                     s->c_name, s->c_name, m->name, m->name, m->input, m->output);
    } else {
        at_text_add_str(out, "    (void)handlers;\n    (void)in;\n    (void)out;\n"
                             "    return atoll_unimplemented(call);\n}\n\n");
    }
}

static void emit_method(const struct at_gen_service *s, const struct at_gen_method *m,
                        struct at_text *out)
{
    static const char *const idempotency[] = {"ATOLL_IDEMPOTENCY_UNKNOWN", "ATOLL_NO_SIDE_EFFECTS",
                                              "ATOLL_IDEMPOTENT"};
    int32_t level = m->proto->options == NULL ? 0 : m->proto->options->idempotency;

    at_text_addf(out,
                 "    {.size = sizeof(struct atoll_method_desc),\n"
                 "     .name = \"%.*s\",\n"
                 "     .input = &%s_desc,\n"
                 "     .output = &%s_desc,\n"
                 "     .flags = %s%s%s,\n"
                 "     .idempotency = %s,\n"
                 "     .invoke = invoke_%s_%s},\n",
                 (int)m->proto->name.len, m->proto->name.at, m->input, m->output,
                 m->proto->client_streams ? "ATOLL_METHOD_CLIENT_STREAMS" : "0",
                 m->proto->server_streams ? " | " : "",
                 m->proto->server_streams ? "ATOLL_METHOD_SERVER_STREAMS" : "",
                 idempotency[level >= 0 && level <= 2 ? level : 0], s->c_name, m->name);
}

static void emit_service(const struct at_gen_service *s, struct at_text *out)
{
    size_t n = s->proto->methods.count;

    for (size_t i = 0; i < n; i++) {
        emit_thunk(s, &s->methods[i], out);
    }
    if (n > 0) {
        at_text_addf(out, "static const struct atoll_method_desc %s_methods[] = {\n", s->c_name);
        for (size_t i = 0; i < n; i++) {
            emit_method(s, &s->methods[i], out);
        }
        at_text_add_str(out, "};\n");
    }
    at_text_addf(out,
                 "const struct atoll_service_desc %s_desc = {\n"
                 "    .size = sizeof(struct atoll_service_desc),\n"
                 "    .full_name = \"%s\",\n"
                 "    .methods = %s%s,\n"
                 "    .method_count = %zu,\n"
                 "    .contract = contract,\n"
                 "    .contract_len = sizeof(contract),\n"
                 "};\n\n",
                 s->c_name, s->full_name, n > 0 ? s->c_name : "NULL", n > 0 ? "_methods" : "", n);
}

/* Marks the file and everything it imports; inputs stand behind what they import. */
static void mark_needed(struct at_gen_run *run, const struct at_gen_input *wanted)
{
    for (size_t i = run->input_count; i-- > 0;) {
        struct at_gen_input *input = &run->inputs[i];

        input->needed = input->needed || input == wanted;
        for (size_t j = 0; input->needed && j < input->proto->dependencies.count; j++) {
            struct atoll_str name = input->proto->dependencies.at[j];

            for (size_t k = 0; k < i; k++) {
                struct atoll_str other = run->inputs[k].proto->name;

                run->inputs[k].needed =
                    run->inputs[k].needed || at_bytes_equal(at_bytes_over(name.at, name.len),
                                                            at_bytes_over(other.at, other.len));
            }
        }
    }
}

/* The file without its source info: field 9 is a third of it and nothing a running system needs. */
static int add_bare_file(struct at_bytes file, struct at_text *out)
{
    enum { SOURCE_INFO = 9 };
    const uint8_t *p = file.at;
    const uint8_t *end = file.at + file.len;

    while (p < end) {
        const uint8_t *field = p;
        uint64_t tag;
        int ignored;

        p = at_pb_read_varint(p, end, &tag);
        p = p == NULL ? NULL : at_pb_skip(p, end, tag, &ignored);
        if (p == NULL) {
            return -EBADMSG;
        }
        if (tag >> 3 != SOURCE_INFO) {
            at_text_add(out, at_bytes_over(field, (size_t)(p - field)));
        }
    }
    return out->failed ? -ENOMEM : 0;
}

static void add_varint(struct at_text *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) {
        at_text_add_char(out, (char)(v | 0x80));
    }
    at_text_add_char(out, (char)v);
}

/* A FileDescriptorSet: field 1 for each file. */
static int make_contract(struct at_gen_run *run, const struct at_gen_input *input,
                         struct at_text *out)
{
    struct at_text bare;
    int r = 0;

    at_text_init(&bare);
    for (size_t i = 0; i < run->input_count; i++) {
        run->inputs[i].needed = false;
    }
    mark_needed(run, input);
    for (size_t i = 0; r == 0 && i < run->input_count; i++) {
        if (!run->inputs[i].needed) {
            continue;
        }
        at_text_clear(&bare);
        r = add_bare_file(run->inputs[i].bytes, &bare);
        at_text_add_char(out, 1 << 3 | AT_PB_WIRE_LENGTH);
        add_varint(out, bare.len);
        at_text_add(out, at_text_bytes(&bare));
    }
    at_text_deinit(&bare);
    return r == 0 && out->failed ? -ENOMEM : r;
}

static int emit_contract(const struct at_gen_file *file, struct at_text *out)
{
    struct at_text contract;
    int r;

    at_text_init(&contract);
    r = make_contract(file->run, file->input, &contract);
    at_text_add_str(out,
                    "/* The contract as a google.protobuf.FileDescriptorSet. Sets concatenate, so\n"
                    " * the section is one set however many files a program is made of. */\n"
                    "#if defined(__GNUC__) && defined(__ELF__)\n"
                    "__attribute__((section(\".atoll.contract\"), used, aligned(1)))\n"
                    "#if defined(__clang__) /* whose address sanitizer pads what it watches */\n"
                    "__attribute__((no_sanitize(\"address\")))\n"
                    "#endif\n"
                    "#endif\n"
                    "static const unsigned char contract[] = {");
    for (size_t i = 0; r == 0 && i < contract.len; i++) {
        at_text_addf(out, "%s%u,", i % 24 == 0 ? "\n    " : "", (unsigned char)contract.at[i]);
    }
    at_text_add_str(out, "\n};\n\n");
    at_text_deinit(&contract);
    return r;
}

int at_gen_source(const struct at_gen_file *file, struct at_text *out)
{
    size_t services = file->input->proto->services.count;
    int r = 0;

    at_gen_emit_opening(file, out);
    at_text_addf(out, "#include \"%s.atoll.h\"\n\n#include <stddef.h>\n\n", file->stem);
    for (const struct at_gen_enum *e = file->enums; r == 0 && e != NULL; e = e->next) {
        r = emit_enum(file, e, out);
    }
    for (const struct at_gen_message *m = file->messages; r == 0 && m != NULL; m = m->next) {
        r = emit_message(file, m, out);
    }
    if (r == 0 && services > 0) {
        r = emit_contract(file, out);
    }
    for (size_t i = 0; r == 0 && i < services; i++) {
        emit_service(&file->services[i], out);
    }
    return r == 0 && out->failed ? -ENOMEM : r;
}
