/*
 * The struct image that an empty message of proto2 begins with: the defaults that its .proto
 * declares, and for enums without one the value that the .proto names first.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "base/map.h"
#include "base/text.h"
#include "generator/emit.h"
#include "generator/model.h"
#include "pb/descriptor.h"

/* A default by the type of its field. */
union value {
    double d;
    float f;
    int64_t i64;
    uint64_t u64;
    int32_t i32;
    uint32_t u32;
    bool b;
    struct atoll_str s;
};

/* Members of a oneof share their place, so that none can hold its default there. */
static bool can_have(const struct at_gen_field *f)
{
    return f->form == ATOLL_FORM_OPTIONAL &&
           (f->proto->has_default_value || f->proto->type == ATOLL_TYPE_ENUM);
}

static bool find_enum(const struct at_gen_file *file, const struct at_gen_field *f, int32_t *ret)
{
    const struct at_proto_enum *e = at_map_get(
        &file->run->enums, at_bytes_over(f->proto->type_name.at, f->proto->type_name.len));
    struct atoll_str name = f->proto->default_value;

    if (e == NULL || e->values.count == 0) {
        return false;
    }
    if (!f->proto->has_default_value) {
        *ret = e->values.at[0].number;
        return true;
    }
    for (size_t i = 0; i < e->values.count; i++) {
        struct atoll_str other = e->values.at[i].name;

        if (at_bytes_equal(at_bytes_over(name.at, name.len), at_bytes_over(other.at, other.len))) {
            *ret = e->values.at[i].number;
            return true;
        }
    }
    return false;
}

static int find(const struct at_gen_file *file, const struct at_gen_field *f, union value *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (f->proto->type == ATOLL_TYPE_ENUM) {
        return find_enum(file, f, &ret->i32) ? 0 : -EBADMSG;
    }
    return at_proto_default(f->proto, file->run->arena, ret);
}

static void emit_real(double d, int digits, const char *suffix, struct at_text *out)
{
    char text[64];

    if (isnan(d)) {
        at_text_addf(out, "%sNAN", suffix[0] == '\0' ? "(double)" : "");
    } else if (isinf(d)) {
        at_text_addf(out, "%s%sINFINITY", d < 0 ? "-" : "", suffix[0] == '\0' ? "(double)" : "");
    } else {
        (void)snprintf(text, sizeof(text), "%.*g", digits, d);
        at_text_addf(out, "%s%s%s", text, strpbrk(text, ".e") == NULL ? ".0" : "", suffix);
    }
}

static void emit_i64(int64_t i, struct at_text *out)
{
    if (i == INT64_MIN) {
        at_text_add_str(out, "INT64_MIN");
    } else {
        at_text_addf(out, "INT64_C(%" PRId64 ")", i);
    }
}

static void emit_i32(int32_t i, struct at_text *out)
{
    if (i == INT32_MIN) {
        at_text_add_str(out, "INT32_MIN");
    } else {
        at_text_addf(out, "%" PRId32, i);
    }
}

static void emit_value(const struct at_gen_field *f, const union value *v, struct at_text *out)
{
    enum { FLOAT_DIGITS = 9, DOUBLE_DIGITS = 17 };

    switch (f->proto->type) {
    case ATOLL_TYPE_DOUBLE: emit_real(v->d, DOUBLE_DIGITS, "", out); break;
    case ATOLL_TYPE_FLOAT: emit_real((double)v->f, FLOAT_DIGITS, "F", out); break;
    case ATOLL_TYPE_INT64:
    case ATOLL_TYPE_SINT64:
    case ATOLL_TYPE_SFIXED64: emit_i64(v->i64, out); break;
    case ATOLL_TYPE_UINT64:
    case ATOLL_TYPE_FIXED64: at_text_addf(out, "UINT64_C(%" PRIu64 ")", v->u64); break;
    case ATOLL_TYPE_UINT32:
    case ATOLL_TYPE_FIXED32: at_text_addf(out, "%" PRIu32 "U", v->u32); break;
    case ATOLL_TYPE_BOOL: at_text_add_str(out, v->b ? "true" : "false"); break;
    case ATOLL_TYPE_STRING:
    case ATOLL_TYPE_BYTES:
        at_text_add_str(out, "{\"");
        at_gen_emit_escaped(at_bytes_over(v->s.at, v->s.len), out);
        at_text_addf(out, "\", %zu}", v->s.len);
        break;
    default: emit_i32(v->i32, out); break;
    }
}

/* Is it the same as no default? By its bits, the others of which are 0: -0.0 is a default. */
static bool is_zero(const struct at_gen_field *f, const union value *v)
{
    return f->proto->type == ATOLL_TYPE_STRING || f->proto->type == ATOLL_TYPE_BYTES ? v->s.len == 0
                                                                                     : v->u64 == 0;
}

bool at_gen_needs_math(const struct at_gen_file *file)
{
    for (const struct at_gen_message *m = file->messages; m != NULL; m = m->next) {
        for (size_t i = 0; i < m->proto->fields.count; i++) {
            const struct at_proto_field *f = m->fields[i].proto;

            if ((f->type == ATOLL_TYPE_FLOAT || f->type == ATOLL_TYPE_DOUBLE) &&
                at_bytes_index(at_bytes_over(f->default_value.at, f->default_value.len), 'n') <
                    f->default_value.len) { /* "inf", "nan" */
                return true;
            }
        }
    }
    return false;
}

int at_gen_emit_initial(const struct at_gen_file *file, const struct at_gen_message *m,
                        struct at_text *out)
{
    bool some = false;

    for (size_t i = 0; i < m->proto->fields.count; i++) {
        const struct at_gen_field *f = &m->fields[i];
        union value value;
        int r = can_have(f) ? find(file, f, &value) : 0;

        if (r < 0) {
            return r;
        }
        if (!can_have(f) || is_zero(f, &value)) {
            continue;
        }
        if (!some) {
            at_text_addf(out, "static const struct %s %s__initial = {\n", m->c_name, m->c_name);
            some = true;
        }
        at_text_addf(out, "    .%s = ", f->access);
        emit_value(f, &value, out);
        at_text_add_str(out, ",\n");
    }
    at_text_add_str(out, some ? "};\n" : "");
    return some ? 1 : 0;
}
