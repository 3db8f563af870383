/* JSON Schemas of messages and enums: the proto3 JSON mapping, as the door reads and writes it. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/map.h"
#include "base/text.h"
#include "contract/comment.h"
#include "contract/extensions.h"
#include "contract/field.h"
#include "contract/openapi_doc.h"
#include "contract/set.h"
#include "descriptor.atoll.h"
#include "pb/json.h"

enum { ONEOF_NAMES_MAX = 32 }; /* told at each member: the document must not grow quadratically */

/* A schema in two or three words; NULL: that member is left out. */
struct form {
    const char *type;
    const char *format;
    const char *pattern;
};

#define SIGNED "^-?[0-9]+$"
#define UNSIGNED "^[0-9]+$"

/* Types of fields. double, float, enums and messages take more than a row. */
static const struct form scalars[] = {
    [ATOLL_TYPE_INT64] = {"string", "int64", SIGNED},
    [ATOLL_TYPE_UINT64] = {"string", "uint64", UNSIGNED},
    [ATOLL_TYPE_INT32] = {"integer", "int32", NULL},
    [ATOLL_TYPE_FIXED64] = {"string", "uint64", UNSIGNED},
    [ATOLL_TYPE_FIXED32] = {"integer", "uint32", NULL},
    [ATOLL_TYPE_BOOL] = {"boolean", NULL, NULL},
    [ATOLL_TYPE_STRING] = {"string", NULL, NULL},
    [ATOLL_TYPE_BYTES] = {"string", NULL, NULL},
    [ATOLL_TYPE_UINT32] = {"integer", "uint32", NULL},
    [ATOLL_TYPE_SFIXED32] = {"integer", "int32", NULL},
    [ATOLL_TYPE_SFIXED64] = {"string", "int64", SIGNED},
    [ATOLL_TYPE_SINT32] = {"integer", "int32", NULL},
    [ATOLL_TYPE_SINT64] = {"string", "int64", SIGNED},
};

/* Messages with a JSON form of their own. */
static const struct well_known {
    const char *name; /* behind "google.protobuf." */
    int32_t wraps;    /* enum atoll_type of the value that stands for it; 0: see form */
    struct form form;
} well_known[] = {
    {"Any", 0, {"object", NULL, NULL}},
    {"BoolValue", ATOLL_TYPE_BOOL, {NULL, NULL, NULL}},
    {"BytesValue", ATOLL_TYPE_BYTES, {NULL, NULL, NULL}},
    {"DoubleValue", ATOLL_TYPE_DOUBLE, {NULL, NULL, NULL}},
    {"Duration", 0, {"string", "duration-seconds", "^-?[0-9]+(\\.[0-9]{1,9})?s$"}},
    {"Empty", 0, {"object", NULL, NULL}},
    {"FieldMask", 0, {"string", "field-mask", NULL}},
    {"FloatValue", ATOLL_TYPE_FLOAT, {NULL, NULL, NULL}},
    {"Int32Value", ATOLL_TYPE_INT32, {NULL, NULL, NULL}},
    {"Int64Value", ATOLL_TYPE_INT64, {NULL, NULL, NULL}},
    {"ListValue", 0, {"array", NULL, NULL}},
    {"StringValue", ATOLL_TYPE_STRING, {NULL, NULL, NULL}},
    {"Struct", 0, {"object", NULL, NULL}},
    {"Timestamp", 0, {"string", "date-time", NULL}},
    {"UInt32Value", ATOLL_TYPE_UINT32, {NULL, NULL, NULL}},
    {"UInt64Value", ATOLL_TYPE_UINT64, {NULL, NULL, NULL}},
    {"Value", 0, {NULL, NULL, NULL}},
};

static const struct well_known *find_well_known(const char *full_name)
{
    static const char package[] = "google.protobuf.";

    if (strncmp(full_name, package, sizeof(package) - 1) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(well_known) / sizeof(well_known[0]); i++) {
        if (strcmp(full_name + sizeof(package) - 1, well_known[i].name) == 0) {
            return &well_known[i];
        }
    }
    return NULL;
}

bool at_doc_is_well_known(const struct at_set_symbol *message)
{
    return find_well_known(message->full_name) != NULL;
}

bool at_doc_is_plain_text(const struct at_set_symbol *message)
{
    const struct well_known *known = find_well_known(message->full_name);

    return known != NULL && (known->wraps != 0 ||
                             (known->form.type != NULL && strcmp(known->form.type, "string") == 0));
}

static void put_form(struct at_doc *doc, const struct form *form)
{
    if (form->type != NULL) {
        at_doc_put_str(doc, "type", form->type);
    }
    if (form->format != NULL) {
        at_doc_put_str(doc, "format", form->format);
    }
    if (form->pattern != NULL) {
        at_doc_put_str(doc, "pattern", form->pattern);
    }
}

/* NaN and the infinities have no number in JSON. */
static void put_floating(struct at_doc *doc, const char *format)
{
    struct at_json_writer *w = doc->w;

    at_json_key(w, "anyOf");
    at_json_begin_array(w);
    at_json_begin_object(w);
    at_doc_put_str(doc, "type", "number");
    at_doc_put_str(doc, "format", format);
    at_json_end_object(w);
    at_json_begin_object(w);
    at_doc_put_str(doc, "type", "string");
    at_json_key(w, "enum");
    at_json_raw(w, AT_LIT("[\"NaN\", \"Infinity\", \"-Infinity\"]"));
    at_json_end_object(w);
    at_json_end_array(w);
}

static void put_scalar(struct at_doc *doc, int32_t type)
{
    if (type == ATOLL_TYPE_DOUBLE || type == ATOLL_TYPE_FLOAT) {
        put_floating(doc, type == ATOLL_TYPE_DOUBLE ? "double" : "float");
        return;
    }
    put_form(doc, &scalars[type]);
    if (type == ATOLL_TYPE_BYTES) {
        at_doc_put_str(doc, "contentEncoding", "base64");
    } else if (type == ATOLL_TYPE_UINT32 || type == ATOLL_TYPE_FIXED32) {
        at_json_key(doc->w, "minimum");
        at_json_u64(doc->w, 0);
        at_json_key(doc->w, "maximum");
        at_json_u64(doc->w, UINT32_MAX);
    }
}

/* Puts the type on the list of those to be described, once. */
static void refer(struct at_doc *doc, const struct at_set *set, const struct at_set_symbol *symbol)
{
    struct at_bytes name = at_bytes_of(symbol->full_name);
    struct at_doc_type *type;

    at_json_key(doc->w, "$ref");
    at_doc_clear(doc);
    at_text_addf(&doc->text, "#/components/schemas/%s", symbol->full_name);
    at_json_string(doc->w, at_text_bytes(&doc->text));
    at_doc_clear(doc);
    if (at_map_get(&doc->types, name) != NULL) {
        return;
    }
    type = at_arena_zalloc(doc->arena, 1, sizeof(*type));
    if (type == NULL || at_map_put(&doc->types, name, type) < 0) {
        doc->failed = true;
        return;
    }
    *type = (struct at_doc_type){.set = set, .symbol = symbol};
    *doc->type_end = type;
    doc->type_end = &type->next;
}

static void put_type(struct at_doc *doc, const struct at_set *set,
                     const struct at_set_symbol *symbol)
{
    const struct well_known *known = find_well_known(symbol->full_name);

    if (known != NULL) {
        if (known->wraps != 0) {
            put_scalar(doc, known->wraps);
        } else {
            put_form(doc, &known->form);
        }
    } else if (strcmp(symbol->full_name, "google.protobuf.NullValue") == 0) {
        at_doc_put_str(doc, "type", "null");
    } else {
        refer(doc, set, symbol);
    }
}

void at_doc_put_value(struct at_doc *doc, const struct at_set *set,
                      const struct google_protobuf_FieldDescriptorProto *f)
{
    const struct at_set_symbol *type = at_set_type_of(set, f);

    if (type == NULL) {
        put_scalar(doc, f->type);
    } else {
        put_type(doc, set, type);
    }
}

void at_doc_put_message_ref(struct at_doc *doc, const struct at_set *set,
                            const struct at_set_symbol *message)
{
    at_json_begin_object(doc->w);
    put_type(doc, set, message);
    at_json_end_object(doc->w);
}

/* Keys of JSON are strings; what they may look like depends on the type. */
static void put_map(struct at_doc *doc, const struct at_set *set, const struct at_set_symbol *entry)
{
    const struct google_protobuf_DescriptorProto *m = entry->of.message;
    int32_t key = m->field.at[0].number == 1 ? m->field.at[0].type : m->field.at[1].type;
    const struct google_protobuf_FieldDescriptorProto *value =
        &m->field.at[m->field.at[0].number == 1 ? 1 : 0];
    const char *pattern = key == ATOLL_TYPE_STRING        ? NULL
                          : key == ATOLL_TYPE_BOOL        ? "^(true|false)$"
                          : scalars[key].format[0] == 'u' ? UNSIGNED
                                                          : SIGNED;

    at_doc_put_str(doc, "type", "object");
    if (pattern != NULL) {
        at_json_key(doc->w, "propertyNames");
        at_json_begin_object(doc->w);
        at_doc_put_str(doc, "pattern", pattern);
        at_json_end_object(doc->w);
    }
    at_json_key(doc->w, "additionalProperties");
    at_json_begin_object(doc->w);
    at_doc_put_value(doc, set, value);
    at_json_end_object(doc->w);
}

static void put_field_type(struct at_doc *doc, const struct at_set *set,
                           const struct google_protobuf_FieldDescriptorProto *f)
{
    const struct at_set_symbol *type = at_set_type_of(set, f);

    if (!at_field_is_repeated(f)) {
        at_doc_put_value(doc, set, f);
        return;
    }
    if (type != NULL && type->kind == AT_SET_MESSAGE && at_set_is_map_entry(type)) {
        put_map(doc, set, type);
        return;
    }
    at_doc_put_str(doc, "type", "array");
    at_json_key(doc->w, "items");
    at_json_begin_object(doc->w);
    at_doc_put_value(doc, set, f);
    at_json_end_object(doc->w);
}

/* NULL: no memory. */
static const struct at_doc_oneofs *find_oneofs(struct at_doc *doc,
                                               const struct google_protobuf_DescriptorProto *m)
{
    uintptr_t id = (uintptr_t)m; /* not the name: sets may use one twice */
    struct at_bytes key = at_bytes_over(&id, sizeof(id));
    struct at_doc_oneofs *o = at_map_get(&doc->oneofs, key);

    if (o != NULL) {
        return o;
    }
    o = at_arena_zalloc(doc->arena, 1, sizeof(*o));
    if (o == NULL) {
        return NULL;
    }
    o->first = at_arena_zalloc(doc->arena, m->oneof_decl.count, sizeof(*o->first));
    o->next = at_arena_zalloc(doc->arena, m->field.count, sizeof(*o->next));
    if (o->first == NULL || o->next == NULL || at_map_put(&doc->oneofs, key, o) < 0) {
        return NULL;
    }
    for (size_t i = m->field.count; i-- > 0;) {
        if (at_field_is_in_oneof(&m->field.at[i])) {
            o->next[i] = o->first[m->field.at[i].oneof_index];
            o->first[m->field.at[i].oneof_index] = (uint32_t)i + 1;
        }
    }
    return o;
}

/* "At most one of card and cash is set (oneof payload)." */
static void add_oneof(struct at_doc *doc, const struct google_protobuf_DescriptorProto *m,
                      const struct google_protobuf_FieldDescriptorProto *f)
{
    const struct at_doc_oneofs *oneofs;
    const char *before = "";
    size_t told = 0;

    if (!at_field_is_in_oneof(f)) {
        return;
    }
    oneofs = find_oneofs(doc, m);
    if (oneofs == NULL) {
        doc->failed = true;
        return;
    }
    at_text_add_str(&doc->text, doc->text.len > 0 ? "\n\nAt most one of " : "At most one of ");
    for (uint32_t i = oneofs->first[f->oneof_index]; i != 0 && told < ONEOF_NAMES_MAX;
         i = oneofs->next[i - 1]) {
        at_text_addf(&doc->text, "%s`", before);
        at_text_add(&doc->text, at_field_json_name(&m->field.at[i - 1], doc->arena));
        at_text_add_char(&doc->text, '`');
        before = ", ";
        told++;
    }
    at_text_addf(
        &doc->text, "%s is set (oneof %.*s).", told == ONEOF_NAMES_MAX ? " and others" : "",
        (int)m->oneof_decl.at[f->oneof_index].name.len, m->oneof_decl.at[f->oneof_index].name.at);
}

static void put_default(struct at_doc *doc, const struct at_set *set,
                        const struct google_protobuf_FieldDescriptorProto *f)
{
    struct at_bytes value = at_set_bytes(f->default_value);
    bool bare = scalars[f->type <= ATOLL_TYPE_SINT64 ? f->type : 0].type != NULL &&
                scalars[f->type].type[0] != 's'; /* integer and boolean stand without quotes */

    (void)set;
    if (!f->has_default_value || f->type == ATOLL_TYPE_BYTES) {
        return; /* bytes stand there as C would write them, not as base64 */
    }
    if (f->type == ATOLL_TYPE_DOUBLE || f->type == ATOLL_TYPE_FLOAT) {
        if (at_bytes_equal(value, AT_LIT("nan"))) {
            value = AT_LIT("NaN");
        } else if (at_bytes_equal(value, AT_LIT("inf"))) {
            value = AT_LIT("Infinity");
        } else if (at_bytes_equal(value, AT_LIT("-inf"))) {
            value = AT_LIT("-Infinity");
        } else {
            bare = true;
        }
    }
    at_json_key(doc->w, "default");
    if (bare && at_field_is_json_scalar(value)) {
        at_json_raw(doc->w, value);
    } else {
        at_json_string(doc->w, value);
    }
}

void at_doc_put_field(struct at_doc *doc, const struct at_set *set,
                      const struct at_set_symbol *owner,
                      const struct google_protobuf_FieldDescriptorProto *f)
{
    at_json_begin_object(doc->w);
    put_field_type(doc, set, f);
    at_doc_clear(doc);
    at_field_add_comment(owner, f, &doc->text);
    if (owner->kind == AT_SET_MESSAGE) {
        add_oneof(doc, owner->of.message, f);
    }
    at_doc_put_description(doc);
    at_doc_put_deprecated(doc, f->options != NULL && f->options->deprecated);
    if (at_field_behaves(f, AT_FIELD_OUTPUT_ONLY)) {
        at_json_key(doc->w, "readOnly");
        at_json_bool(doc->w, true);
    }
    if (at_field_behaves(f, AT_FIELD_INPUT_ONLY)) {
        at_json_key(doc->w, "writeOnly");
        at_json_bool(doc->w, true);
    }
    put_default(doc, set, f);
    at_json_end_object(doc->w);
}

/* Does the path set the whole field? Then it is not expected in the body. */
static bool is_in_path(const struct at_doc_binding *b,
                       const struct google_protobuf_FieldDescriptorProto *f)
{
    for (size_t i = 0; b != NULL && i < b->path.variable_count; i++) {
        if (b->variables[i].whole && b->variables[i].field == f) {
            return true;
        }
    }
    return false;
}

static void put_required(struct at_doc *doc, const struct google_protobuf_DescriptorProto *m,
                         const struct at_doc_binding *b)
{
    bool any = false;

    for (size_t i = 0; i < m->field.count; i++) {
        if (!at_field_is_required(&m->field.at[i]) || is_in_path(b, &m->field.at[i])) {
            continue;
        }
        if (!any) {
            at_json_key(doc->w, "required");
            at_json_begin_array(doc->w);
            any = true;
        }
        at_json_string(doc->w, at_field_json_name(&m->field.at[i], doc->arena));
    }
    if (any) {
        at_json_end_array(doc->w);
    }
}

static void put_extensions(struct at_doc *doc, const struct at_set *set,
                           const struct at_set_symbol *message)
{
    struct at_extension_list list = at_extensions_of(at_doc_extensions(doc, set), message);

    for (size_t i = 0; i < list.count; i++) {
        const struct at_set_symbol *extension = list.at[i].symbol;

        at_doc_clear(doc);
        at_text_addf(&doc->text, "[%s]", extension->full_name);
        at_json_key_bytes(doc->w, at_text_bytes(&doc->text));
        at_doc_put_field(doc, set, extension, extension->of.extension);
    }
}

void at_doc_put_message(struct at_doc *doc, const struct at_set *set,
                        const struct at_set_symbol *message, const struct at_doc_binding *b)
{
    const struct google_protobuf_DescriptorProto *m = message->of.message;

    at_json_begin_object(doc->w);
    at_doc_put_str(doc, "type", "object");
    at_doc_clear(doc);
    at_comment_add_of(message, &doc->text);
    at_doc_put_description(doc);
    at_json_key(doc->w, "properties");
    at_json_begin_object(doc->w);
    for (size_t i = 0; i < m->field.count; i++) {
        if (!is_in_path(b, &m->field.at[i])) {
            at_json_key_bytes(doc->w, at_field_json_name(&m->field.at[i], doc->arena));
            at_doc_put_field(doc, set, message, &m->field.at[i]);
        }
    }
    put_extensions(doc, set, message);
    at_json_end_object(doc->w);
    put_required(doc, m, b);
    at_doc_put_deprecated(doc, m->options != NULL && m->options->deprecated);
    at_json_end_object(doc->w);
}

/* The comment of the enum, and those of its values as a list. */
static void describe_enum(struct at_doc *doc, const struct at_set_symbol *symbol)
{
    const struct google_protobuf_EnumDescriptorProto *e = symbol->of.enumeration;
    struct at_text one;

    at_doc_clear(doc);
    at_comment_add_of(symbol, &doc->text);
    at_text_init(&one);
    for (size_t i = 0; i < e->value.count; i++) {
        const struct google_protobuf_EnumValueDescriptorProto *v = &e->value.at[i];
        bool deprecated = v->options != NULL && v->options->deprecated;

        doc->failed = doc->failed || one.failed;
        at_text_clear(&one);
        at_comment_add_in(symbol, AT_FIELD_IN_ENUM, i, &one);
        if (one.len == 0 && !deprecated) {
            continue;
        }
        at_text_addf(&doc->text, "%s- `%.*s`%s%s", doc->text.len > 0 ? "\n" : "", (int)v->name.len,
                     v->name.at, deprecated ? " (deprecated)" : "", one.len > 0 ? ": " : "");
        at_text_add(&doc->text, at_text_bytes(&one));
    }
    doc->failed = doc->failed || one.failed;
    at_text_deinit(&one);
    at_doc_put_description(doc);
}

static void put_names(struct at_doc *doc, const struct google_protobuf_EnumDescriptorProto *e)
{
    at_doc_put_str(doc, "type", "string");
    at_json_key(doc->w, "enum");
    at_json_begin_array(doc->w);
    for (size_t i = 0; i < e->value.count; i++) {
        at_json_string(doc->w, at_set_bytes(e->value.at[i].name));
    }
    at_json_end_array(doc->w);
}

/* A number without a name passes through an open enum (proto3), and is printed as one. */
static void put_enum(struct at_doc *doc, const struct at_set_symbol *symbol)
{
    const struct google_protobuf_EnumDescriptorProto *e = symbol->of.enumeration;

    at_json_begin_object(doc->w);
    describe_enum(doc, symbol);
    if (symbol->file->proto3) {
        at_json_key(doc->w, "anyOf");
        at_json_begin_array(doc->w);
        at_json_begin_object(doc->w);
        put_names(doc, e);
        at_json_end_object(doc->w);
        at_json_begin_object(doc->w);
        at_doc_put_str(doc, "type", "integer");
        at_doc_put_str(doc, "format", "int32");
        at_doc_put_str(doc, "description",
                       "The number of a value that this contract has no name for.");
        at_json_end_object(doc->w);
        at_json_end_array(doc->w);
    } else {
        put_names(doc, e);
    }
    at_doc_put_deprecated(doc, e->options != NULL && e->options->deprecated);
    at_json_end_object(doc->w);
}

void at_doc_put_types(struct at_doc *doc)
{
    for (const struct at_doc_type *t = doc->first_type; t != NULL && !doc->failed; t = t->next) {
        at_json_key(doc->w, t->symbol->full_name);
        if (t->symbol->kind == AT_SET_ENUM) {
            put_enum(doc, t->symbol);
        } else {
            at_doc_put_message(doc, t->set, t->symbol, NULL);
        }
    }
}
