/*
 * Functions that a header offers beside its structs, for what is easily forgotten or tedious by hand:
 * setting a value together with its presence, making messages and growing lists, extensions. All
 * are static inline: a program has those that it uses.
 */
#include <stddef.h>

#include <atoll/message.h>

#include "base/text.h"
#include "generator/emit.h"
#include "generator/model.h"
#include "pb/descriptor.h"

static const char *mark(const struct at_gen_message *m, const struct at_gen_field *f)
{
    return m->is_deprecated || (f->flags & ATOLL_FIELD_DEPRECATED) != 0 ? "ATOLL_DEPRECATED " : "";
}

/* "struct shop_v1_Item *", "int32_t ". */
static void emit_type(const struct at_gen_field *f, struct at_text *out)
{
    if (at_gen_is_message(f->proto)) {
        at_text_addf(out, "struct %s *", f->of);
    } else {
        at_text_addf(out, "%s ", at_gen_scalar_type(f));
    }
}

static void emit_presence(const struct at_gen_field *f, struct at_text *out)
{
    if (f->form == ATOLL_FORM_OPTIONAL) {
        at_text_addf(out, "    m->%s = true;\n", f->presence);
    } else if (f->form == ATOLL_FORM_ONEOF) {
        at_text_addf(out, "    m->%s = %s;\n", f->presence, f->number_name);
    }
}

static void emit_setter(const struct at_gen_message *m, const struct at_gen_field *f,
                        struct at_text *out)
{
    at_text_addf(out, "%sstatic inline void %s(\n    struct %s *m, ", mark(m, f), f->setter,
                 m->c_name);
    emit_type(f, out);
    at_text_add_str(out, "value)\n{\n");
    emit_presence(f, out);
    at_text_addf(out, "    m->%s = value;\n}\n\n", f->access);
}

/* One more element of a list. */
static void emit_adder(const struct at_gen_message *m, const struct at_gen_field *f,
                       struct at_text *out)
{
    bool message = at_gen_is_message(f->proto);

    at_text_addf(out, "%sstatic inline ", mark(m, f));
    if (message) {
        at_text_addf(out,
                     "struct %s *%s(\n"
                     "    struct atoll_memory *memory, struct %s *m)\n"
                     "{\n"
                     "    return ATOLL_CAST(struct %s *,\n"
                     "        atoll_append_message(memory, &m->%s, &%s_desc));\n"
                     "}\n\n",
                     f->of, f->maker, m->c_name, f->of, f->access, f->of);
        return;
    }
    at_text_addf(out, "bool %s(\n    struct atoll_memory *memory, struct %s *m, ", f->maker,
                 m->c_name);
    emit_type(f, out);
    at_text_addf(out,
                 "value)\n"
                 "{\n"
                 "    %s *at = ATOLL_CAST(%s *,\n"
                 "        atoll_append(memory, &m->%s, sizeof(*at)));\n\n"
                 "    if (at != NULL) {\n"
                 "        *at = value;\n"
                 "    }\n"
                 "    return at != NULL;\n"
                 "}\n\n",
                 at_gen_scalar_type(f), at_gen_scalar_type(f), f->access);
}

/* The message that a field points to. */
static void emit_maker(const struct at_gen_message *m, const struct at_gen_field *f,
                       struct at_text *out)
{
    at_text_addf(out,
                 "%sstatic inline struct %s *%s(\n"
                 "    struct atoll_memory *memory, struct %s *m)\n"
                 "{\n"
                 "    struct %s *made = ATOLL_CAST(struct %s *, atoll_new(memory, &%s_desc));\n\n"
                 "    if (made == NULL) {\n"
                 "        return NULL;\n"
                 "    }\n",
                 mark(m, f), f->of, f->maker, m->c_name, f->of, f->of, f->of);
    emit_presence(f, out);
    at_text_addf(out,
                 "    m->%s = made;\n"
                 "    return made;\n"
                 "}\n\n",
                 f->access);
}

/* What the functions of an extension take and give: the value of its only field. */
static void emit_value(const struct at_gen_field *f, const char *name, struct at_text *out)
{
    if (f->form >= ATOLL_FORM_REPEATED && at_gen_is_message(f->proto)) {
        at_text_addf(out, "struct %s *%s, size_t count", f->of, name);
    } else if (f->form >= ATOLL_FORM_REPEATED) {
        at_text_addf(out, "%s *%s, size_t count", at_gen_scalar_type(f), name);
    } else {
        emit_type(f, out);
        at_text_add_str(out, name);
    }
}

static void emit_extension_set(const struct at_gen_message *m, struct at_text *out)
{
    const struct at_gen_extension *x = m->extension;
    const struct at_gen_field *f = &m->fields[0];

    at_text_addf(out,
                 "%sstatic inline int %s(\n"
                 "    struct atoll_memory *memory, struct %s *m, ",
                 mark(m, f), x->set_name, x->extendee);
    emit_value(f, "value", out);
    at_text_addf(out,
                 ")\n"
                 "{\n"
                 "    struct %s holder;\n\n"
                 "    atoll_init(&%s_desc, &holder);\n",
                 m->c_name, m->c_name);
    if (f->form >= ATOLL_FORM_REPEATED) {
        at_text_add_str(out, "    holder.value.at = value;\n    holder.value.count = count;\n");
    } else {
        at_text_add_str(out,
                        f->form == ATOLL_FORM_OPTIONAL ? "    holder.has_value = true;\n" : "");
        at_text_add_str(out, "    holder.value = value;\n");
    }
    at_text_addf(out,
                 "    return atoll_extension_set(memory, &%s, m, &holder);\n"
                 "}\n\n",
                 x->desc_name);
}

/* Reading gives the holder: value, presence and default stand in it. */
static void emit_extension(const struct at_gen_message *m, struct at_text *out)
{
    const struct at_gen_extension *x = m->extension;
    const char *deprecated = mark(m, &m->fields[0]);

    at_text_addf(out, "extern const struct atoll_extension_desc %s;\n\n", x->desc_name);
    at_text_addf(out,
                 "%sstatic inline bool %s(const struct %s *m)\n"
                 "{\n"
                 "    return atoll_extension_has(&%s, m);\n"
                 "}\n\n",
                 deprecated, x->has_name, x->extendee, x->desc_name);
    at_text_addf(out,
                 "%sstatic inline int %s(\n"
                 "    struct atoll_memory *memory, const struct %s *m, struct %s *ret)\n"
                 "{\n"
                 "    return atoll_extension_get(memory, &%s, m, ret);\n"
                 "}\n\n",
                 deprecated, x->get_name, x->extendee, m->c_name, x->desc_name);
    emit_extension_set(m, out);
    at_text_addf(out,
                 "%sstatic inline int %s(\n"
                 "    struct atoll_memory *memory, struct %s *m)\n"
                 "{\n"
                 "    return atoll_extension_clear(memory, &%s, m);\n"
                 "}\n\n",
                 deprecated, x->clear_name, x->extendee, x->desc_name);
}

void at_gen_emit_helpers(const struct at_gen_message *m, struct at_text *out)
{
    if (m->is_entry) {
        return;
    }
    if (m->extension != NULL) {
        emit_extension(m, out);
        return;
    }
    at_text_addf(out,
                 "%sstatic inline void %s(\n"
                 "    struct %s *m)\n"
                 "{\n"
                 "    atoll_init(&%s_desc, m);\n"
                 "}\n\n",
                 m->is_deprecated ? "ATOLL_DEPRECATED " : "", m->init_name, m->c_name, m->c_name);
    for (size_t i = 0; i < m->proto->fields.count; i++) {
        const struct at_gen_field *f = &m->fields[i];

        if (f->setter != NULL) {
            emit_setter(m, f, out);
        }
        if (f->maker != NULL && f->form >= ATOLL_FORM_REPEATED) {
            emit_adder(m, f, out);
        } else if (f->maker != NULL) {
            emit_maker(m, f, out);
        }
    }
}
