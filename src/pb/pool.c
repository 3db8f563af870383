/*
 * Building tables from descriptors. Three passes over what is added: every type gets its name and
 * an empty table, so that types may refer to each other in any order; then fields; then services.
 * Types nested in types are walked as a list that grows, not by recursion.
 */
#include "pb/pool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/map.h"
#include "pb/codec.h"
#include "pb/descriptor.h"
#include "pb/fault.h"
#include "pb/limits.h"
#include "pb/table.h"

/* A name in the pool: exactly one of message, enumeration and service. */
struct symbol {
    struct atoll_message_desc *message;
    struct atoll_enum_desc *enumeration;
    struct at_pool_service *service;
    const void *user; /* the table whose types it is at `place` of */
    uint16_t place;
};

/* A message type on its way in. */
struct declared {
    struct declared *next;
    const struct at_proto_message *proto;
    struct atoll_message_desc *desc;
    size_t depth;
    bool proto2;
};

struct service_node {
    struct service_node *next;
    struct at_pool_service service;
};

struct at_pool {
    struct at_arena arena;
    struct at_map symbols; /* full name to struct symbol */
    struct at_map files;   /* file name to struct at_bytes of its descriptor */
    size_t message_count;
    struct service_node *services;
    struct service_node **services_end;
};

/* One at_pool_add(). */
struct adding {
    struct at_pool *pool;
    struct at_diag *diag;
    struct declared *declared;
    struct declared **declared_end;
};

static struct at_bytes bytes(struct atoll_str s)
{
    return at_bytes_over(s.at, s.len);
}

static bool is_name_char(uint8_t c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

/* An identifier, or identifiers with dots between them. */
static bool is_name(struct at_bytes b, bool with_dots)
{
    bool first = true;

    for (size_t i = 0; i < b.len; i++) {
        if (b.at[i] == '.' && with_dots && !first) {
            first = true;
        } else if (!is_name_char(b.at[i], first)) {
            return false;
        } else {
            first = false;
        }
    }
    return !first;
}

#define REFUSE(a, ...) (at_diag_set((a)->diag, __VA_ARGS__), -EBADMSG)

static int add_symbol(struct adding *a, const char *name, struct symbol symbol)
{
    struct at_pool *pool = a->pool;
    struct symbol *kept;

    if (at_map_get(&pool->symbols, at_bytes_of(name)) != NULL) {
        return REFUSE(a, "the contract declares %s twice, in two ways", name);
    }
    kept = at_arena_alloc(&pool->arena, sizeof(*kept), 8);
    if (kept == NULL) {
        return -ENOMEM;
    }
    *kept = symbol;
    return at_map_put(&pool->symbols, at_bytes_of(name), kept);
}

/* "scope.name" in *ret. */
static int full_name(struct adding *a, const char *scope, struct atoll_str name, const char **ret)
{
    if (!is_name(bytes(name), false)) {
        return REFUSE(a, "in %s of the contract a name is no identifier",
                      scope[0] == '\0' ? "a file" : scope);
    }
    *ret = at_arena_printf(&a->pool->arena, "%s%s%.*s", scope, scope[0] == '\0' ? "" : ".",
                           (int)name.len, name.at);
    return *ret == NULL ? -ENOMEM : 0;
}

static int by_value(const void *a, const void *b)
{
    int32_t x = ((const struct atoll_enum_value *)a)->number;
    int32_t y = ((const struct atoll_enum_value *)b)->number;

    return (x > y) - (x < y);
}

static int add_enum(struct adding *a, const char *scope, const struct at_proto_enum *proto)
{
    struct at_arena *arena = &a->pool->arena;
    struct atoll_enum_desc *desc = at_arena_zalloc(arena, 1, sizeof(*desc));
    struct atoll_enum_value *values =
        at_arena_zalloc(arena, proto->values.count, sizeof(struct atoll_enum_value));
    int r;

    if (desc == NULL || values == NULL) {
        return -ENOMEM;
    }
    desc->size = sizeof(*desc);
    desc->values = values;
    desc->value_count = proto->values.count;
    r = full_name(a, scope, proto->name, &desc->full_name);
    for (size_t i = 0; r == 0 && i < proto->values.count; i++) {
        values[i].number = proto->values.at[i].number;
        r = full_name(a, "", proto->values.at[i].name, &values[i].name);
    }
    if (r < 0) {
        return r;
    }
    qsort(values, proto->values.count, sizeof(*values), by_value);
    return add_symbol(a, desc->full_name, (struct symbol){.enumeration = desc});
}

static int add_message(struct adding *a, const char *scope, const struct at_proto_message *proto,
                       size_t depth, bool proto2)
{
    struct at_arena *arena = &a->pool->arena;
    struct declared *d = at_arena_zalloc(arena, 1, sizeof(*d));
    struct atoll_message_desc *desc = at_arena_zalloc(arena, 1, sizeof(*desc));
    int r;

    if (d == NULL || desc == NULL) {
        return -ENOMEM;
    }
    r = full_name(a, scope, proto->name, &desc->full_name);
    if (r < 0) {
        return r;
    }
    if (depth > AT_POOL_NEST_MAX || a->pool->message_count == AT_POOL_MESSAGES_MAX ||
        proto->fields.count > AT_POOL_FIELDS_MAX) {
        return REFUSE(a,
                      "%s is nested deeper than %d types, or one of more than %d, or has more "
                      "than %d fields",
                      desc->full_name, AT_POOL_NEST_MAX, AT_POOL_MESSAGES_MAX, AT_POOL_FIELDS_MAX);
    }
    a->pool->message_count++;
    desc->size = sizeof(*desc);
    if (proto->options != NULL && proto->options->map_entry) {
        desc->flags |= ATOLL_MESSAGE_MAP_ENTRY;
    }
    if (proto->options != NULL && proto->options->deprecated) {
        desc->flags |= ATOLL_MESSAGE_DEPRECATED;
    }
    *d = (struct declared){NULL, proto, desc, depth, proto2};
    *a->declared_end = d;
    a->declared_end = &d->next;
    return add_symbol(a, desc->full_name, (struct symbol){.message = desc});
}

/* First pass: all types of a file, the nested ones too. */
static int declare_types(struct adding *a, const struct at_proto_file *file, const char *package)
{
    struct declared **mine = a->declared_end;
    bool proto2 = at_proto_is_proto2(file);
    int r = 0;

    for (size_t i = 0; r == 0 && i < file->enums.count; i++) {
        r = add_enum(a, package, &file->enums.at[i]);
    }
    for (size_t i = 0; r == 0 && i < file->messages.count; i++) {
        r = add_message(a, package, &file->messages.at[i], 1, proto2);
    }
    for (const struct declared *d = *mine; r == 0 && d != NULL; d = d->next) {
        for (size_t i = 0; r == 0 && i < d->proto->enums.count; i++) {
            r = add_enum(a, d->desc->full_name, &d->proto->enums.at[i]);
        }
        for (size_t i = 0; r == 0 && i < d->proto->nested.count; i++) {
            r = add_message(a, d->desc->full_name, &d->proto->nested.at[i], d->depth + 1, proto2);
        }
    }
    return r;
}

static struct symbol *find(const struct at_pool *pool, struct at_bytes name)
{
    return at_map_get(&pool->symbols, name);
}

/* A type as descriptors name it: with a dot in front. */
static struct symbol *find_type(const struct at_pool *pool, struct atoll_str name)
{
    return name.len > 1 && name.at[0] == '.' ? find(pool, at_bytes_after(bytes(name), 1)) : NULL;
}

/* A message's table in the making: the arrays that become its own. */
struct table {
    const struct at_proto_field **protos; /* by ascending number */
    struct atoll_field_desc *fields;
    struct atoll_field_name *names;
    union atoll_type_ref *types;
    char *text;
    size_t count;
    size_t type_count;
    size_t text_len;
};

/* Types of a table are few or many; a symbol remembers its place in the table in work. */
static uint16_t place_of(struct table *t, struct symbol *s)
{
    if (s->user != t->fields) {
        s->user = t->fields;
        s->place = (uint16_t)t->type_count;
        if (s->message != NULL) {
            t->types[t->type_count++].message = s->message;
        } else {
            t->types[t->type_count++].enumeration = s->enumeration;
        }
    }
    return s->place;
}

static int resolve_type(struct adding *a, const struct declared *d, const struct at_proto_field *p,
                        struct table *t, struct atoll_field_desc *f)
{
    struct symbol *s;

    if (p->type != ATOLL_TYPE_MESSAGE && p->type != ATOLL_TYPE_ENUM) {
        return 0;
    }
    s = find_type(a->pool, p->type_name);
    if (s == NULL || (p->type == ATOLL_TYPE_MESSAGE && s->message == NULL) ||
        (p->type == ATOLL_TYPE_ENUM && s->enumeration == NULL)) {
        return REFUSE(a, "the type of %s.%.*s is not part of the contract", d->desc->full_name,
                      (int)p->name.len, p->name.at);
    }
    f->of = place_of(t, s);
    if (p->type == ATOLL_TYPE_MESSAGE && (s->message->flags & ATOLL_MESSAGE_MAP_ENTRY) != 0 &&
        f->kind >> 5 == ATOLL_FORM_REPEATED) {
        f->kind = ATOLL_KIND(MAP, MESSAGE);
    }
    return 0;
}

/* What protoc writes when the .proto gives no json_name: "item_id" becomes "itemId". */
static size_t lower_camel(struct atoll_str name, char *out)
{
    size_t len = 0;
    bool raise = false;

    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];

        if (c == '_') {
            raise = true;
            continue;
        }
        out[len++] = (char)(raise && c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
        raise = false;
    }
    return len;
}

/* The text has room for both names of every field; see make_table(). */
static void add_names(struct table *t, size_t i)
{
    const struct at_proto_field *p = t->protos[i];
    struct atoll_field_name *n = &t->names[i];
    char *json = t->text + t->text_len + p->name.len + 1;
    size_t json_len = p->json_name.len;

    memcpy(t->text + t->text_len, p->name.at, p->name.len);
    if (json_len > 0) {
        memcpy(json, p->json_name.at, json_len);
    } else {
        json_len = lower_camel(p->name, json);
    }
    *n = (struct atoll_field_name){
        .name_at = (uint32_t)t->text_len,
        .json_at = (uint32_t)(t->text_len + p->name.len + 1),
        .name_len = (uint16_t)p->name.len,
        .json_len = (uint16_t)json_len,
    };
    t->text_len += p->name.len + 1 + json_len + 1;
}

static int judge_field(struct adding *a, const struct declared *d, const struct at_proto_field *p)
{
    if (!is_name(bytes(p->name), false) || p->name.len > UINT16_MAX ||
        p->json_name.len > UINT16_MAX || p->number < 1 || p->number > AT_PB_FIELD_NUMBER_MAX ||
        p->type < 1 || p->type > ATOLL_TYPE_SINT64 || p->label < AT_PROTO_OPTIONAL ||
        p->label > AT_PROTO_REPEATED ||
        (p->has_oneof_index &&
         (p->oneof_index < 0 || (size_t)p->oneof_index >= d->proto->oneofs.count))) {
        return REFUSE(a, "a field of %s has an impossible name, number, type or label",
                      d->desc->full_name);
    }
    return 0;
}

static int fill_field(struct adding *a, const struct declared *d, struct table *t, size_t i)
{
    const struct at_proto_field *p = t->protos[i];
    struct atoll_field_desc *f = &t->fields[i];
    uint8_t form = at_proto_form(p, d->proto2);

    f->tag = at_proto_tag(p, form);
    f->kind = (uint8_t)(form << 5 | p->type);
    f->flags = at_proto_flags(p, d->proto2);
    add_names(t, i);
    return resolve_type(a, d, p, t, f);
}

static uint32_t take_room(struct atoll_message_desc *desc, size_t size, size_t align)
{
    uint32_t offset = (uint32_t)((desc->struct_size + align - 1) & ~(align - 1));

    desc->struct_size = offset + (uint32_t)size;
    return offset;
}

/* Places in the struct. A oneof has one place for all its members and one for its number. */
static int lay_out(struct adding *a, const struct declared *d, const struct table *t)
{
    struct place {
        uint32_t value; /* 0: none yet; offset 0 is the unknown fields' */
        uint32_t number;
    } *oneofs = at_arena_zalloc(&a->pool->arena, d->proto->oneofs.count, sizeof(*oneofs));
    struct atoll_message_desc *desc = d->desc;

    if (oneofs == NULL) {
        return -ENOMEM;
    }
    desc->unknown_offset = take_room(desc, sizeof(struct atoll_unknown *), 8);
    for (size_t i = 0; i < t->count; i++) {
        struct atoll_field_desc *f = &t->fields[i];
        size_t size = at_pb_scalar_size(at_pb_type(f));

        if (at_pb_is_repeated(f)) {
            f->offset = take_room(desc, sizeof(struct at_pb_array), 8);
        } else if (at_pb_form(f) == ATOLL_FORM_ONEOF) {
            struct place *o = &oneofs[t->protos[i]->oneof_index];

            if (o->value == 0) {
                o->value = take_room(desc, sizeof(struct atoll_str), 8);
                o->number = take_room(desc, sizeof(uint32_t), 4);
            }
            f->offset = o->value;
            f->presence = o->number;
        } else {
            f->offset = take_room(desc, size, size < 8 ? size : 8);
            if (at_pb_form(f) == ATOLL_FORM_OPTIONAL) {
                f->presence = take_room(desc, sizeof(bool), 1);
            }
        }
    }
    (void)take_room(desc, 0, 8);
    return 0;
}

static int by_number(const void *a, const void *b)
{
    int32_t x = (*(const struct at_proto_field *const *)a)->number;
    int32_t y = (*(const struct at_proto_field *const *)b)->number;

    return (x > y) - (x < y);
}

/* Judges the fields and brings them in order. Groups are left to the unknown fields. */
static int make_table(struct adding *a, const struct declared *d, struct table *t)
{
    struct at_arena *arena = &a->pool->arena;
    size_t n = d->proto->fields.count;
    size_t text = 0;

    *t = (struct table){
        .protos = at_arena_zalloc(arena, n, sizeof(*t->protos)),
        .fields = at_arena_zalloc(arena, n, sizeof(*t->fields)),
        .names = at_arena_zalloc(arena, n, sizeof(*t->names)),
        .types = at_arena_zalloc(arena, n, sizeof(*t->types)),
    };
    if (t->protos == NULL || t->fields == NULL || t->names == NULL || t->types == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        const struct at_proto_field *p = &d->proto->fields.at[i];
        int r = judge_field(a, d, p);

        if (r < 0) {
            return r;
        }
        if (p->type != ATOLL_TYPE_GROUP) {
            t->protos[t->count++] = p;
            text += p->name.len + (p->json_name.len > 0 ? p->json_name.len : p->name.len) + 2;
        }
    }
    if (text > UINT32_MAX) {
        return REFUSE(a, "the names of the fields of %s are too long", d->desc->full_name);
    }
    t->text = at_arena_zalloc(arena, 1, text);
    qsort(t->protos, t->count, sizeof(*t->protos), by_number);
    for (size_t i = 1; i < t->count; i++) {
        if (t->protos[i]->number == t->protos[i - 1]->number) {
            return REFUSE(a, "%s has two fields with number %" PRId32, d->desc->full_name,
                          t->protos[i]->number);
        }
    }
    return t->text == NULL ? -ENOMEM : 0;
}

/* Second pass. */
static int fill_message(struct adding *a, const struct declared *d)
{
    struct atoll_message_desc *desc = d->desc;
    struct table t;
    int r = make_table(a, d, &t);

    for (size_t i = 0; r == 0 && i < t.count; i++) {
        r = fill_field(a, d, &t, i);
        if (at_pb_is_map(&t.fields[i])) {
            desc->flags |= ATOLL_MESSAGE_HAS_MAPS;
        }
        if ((t.fields[i].flags & ATOLL_FIELD_REQUIRED) != 0) {
            desc->flags |= ATOLL_MESSAGE_HAS_REQUIRED;
        }
    }
    r = r == 0 ? lay_out(a, d, &t) : r;
    if (r < 0) {
        return r;
    }
    desc->fields = t.fields;
    desc->types = t.types;
    desc->names = t.names;
    desc->text = t.text;
    desc->field_count = (uint32_t)t.count;
    while (desc->dense_count < t.count &&
           at_pb_number(&t.fields[desc->dense_count]) == desc->dense_count + 1) {
        desc->dense_count++;
    }
    return 0;
}

static bool is_key_type(uint8_t type)
{
    return type != ATOLL_TYPE_MESSAGE && type != ATOLL_TYPE_GROUP && type != ATOLL_TYPE_DOUBLE &&
           type != ATOLL_TYPE_FLOAT && type != ATOLL_TYPE_BYTES && type != ATOLL_TYPE_ENUM;
}

/* Map entries are read by position: the key is field 1 and the value field 2. */
static int judge_map_entry(struct adding *a, const struct atoll_message_desc *desc)
{
    bool ok = desc->field_count == 2 && desc->dense_count == 2;

    if ((desc->flags & ATOLL_MESSAGE_MAP_ENTRY) == 0) {
        return 0;
    }
    for (size_t i = 0; ok && i < 2; i++) {
        enum atoll_form form = at_pb_form(&desc->fields[i]);

        ok = form == ATOLL_FORM_IMPLICIT || form == ATOLL_FORM_OPTIONAL;
    }
    ok = ok && is_key_type(at_pb_type(&desc->fields[0]));
    return ok ? 0 : REFUSE(a, "%s is no map entry: it needs a key and a value", desc->full_name);
}

static int fill_http(struct adding *a, const struct at_proto_http_rule *rule,
                     struct at_pool_http *ret)
{
    enum { GET = 2, PUT = 3, POST = 4, DELETE = 5, PATCH = 6, CUSTOM = 8 };
    const struct {
        uint32_t number;
        struct atoll_str verb;
        struct atoll_str path;
    } patterns[] = {
        {GET, {"GET", 3}, rule->get},
        {PUT, {"PUT", 3}, rule->put},
        {POST, {"POST", 4}, rule->post},
        {DELETE, {"DELETE", 6}, rule->delete_},
        {PATCH, {"PATCH", 5}, rule->patch},
        {CUSTOM, rule->custom == NULL ? (struct atoll_str){0} : rule->custom->kind,
         rule->custom == NULL ? (struct atoll_str){0} : rule->custom->path},
    };
    struct at_arena *arena = &a->pool->arena;

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        if (patterns[i].number == rule->pattern) {
            *ret = (struct at_pool_http){
                .verb = at_arena_copy(arena, bytes(patterns[i].verb)),
                .path = at_arena_copy(arena, bytes(patterns[i].path)),
                .body = at_arena_copy(arena, bytes(rule->body)),
                .response_body = at_arena_copy(arena, bytes(rule->response_body)),
            };
            return ret->verb == NULL || ret->path == NULL || ret->body == NULL ||
                           ret->response_body == NULL
                       ? -ENOMEM
                       : 0;
        }
    }
    return REFUSE(a, "a google.api.http rule has no path");
}

static int fill_rules(struct adding *a, const struct at_proto_http_rule *rule,
                      struct at_pool_method *m)
{
    size_t n = 1 + rule->additional.count;
    struct at_pool_http *http = at_arena_zalloc(&a->pool->arena, n, sizeof(*http));
    int r;

    if (n > AT_POOL_HTTP_RULES_MAX) {
        return REFUSE(a, "%s has more than %d HTTP rules", m->full_name, AT_POOL_HTTP_RULES_MAX);
    }
    if (http == NULL) {
        return -ENOMEM;
    }
    r = fill_http(a, rule, &http[0]);
    for (size_t i = 1; r == 0 && i < n; i++) {
        r = fill_http(a, &rule->additional.at[i - 1], &http[i]);
    }
    m->http = http;
    m->http_count = n;
    return r;
}

static int fill_method(struct adding *a, const struct at_pool_service *service,
                       const struct at_proto_method *proto, struct at_pool_method *m)
{
    const struct symbol *input = find_type(a->pool, proto->input);
    const struct symbol *output = find_type(a->pool, proto->output);
    int r = full_name(a, "", proto->name, &m->name);

    if (r < 0) {
        return r;
    }
    m->full_name = at_arena_printf(&a->pool->arena, "%s/%s", service->full_name, m->name);
    if (m->full_name == NULL) {
        return -ENOMEM;
    }
    if (input == NULL || input->message == NULL || output == NULL || output->message == NULL) {
        return REFUSE(a, "a message of method %s is not part of the contract", m->full_name);
    }
    m->service = service;
    m->input = input->message;
    m->output = output->message;
    m->client_streams = proto->client_streams;
    m->server_streams = proto->server_streams;
    if (proto->options == NULL) {
        return 0;
    }
    m->deprecated = proto->options->deprecated;
    if (proto->options->idempotency == ATOLL_NO_SIDE_EFFECTS ||
        proto->options->idempotency == ATOLL_IDEMPOTENT) {
        m->idempotency = (uint32_t)proto->options->idempotency;
    }
    return proto->options->http == NULL ? 0 : fill_rules(a, proto->options->http, m);
}

/* Third pass. */
static int add_service(struct adding *a, const char *package, const char *file,
                       const struct at_proto_service *proto)
{
    struct at_arena *arena = &a->pool->arena;
    struct service_node *node = at_arena_zalloc(arena, 1, sizeof(*node));
    struct at_pool_method *methods = at_arena_zalloc(arena, proto->methods.count, sizeof(*methods));
    int r;

    if (node == NULL || methods == NULL) {
        return -ENOMEM;
    }
    node->service.file = file;
    node->service.methods = methods;
    node->service.method_count = proto->methods.count;
    r = full_name(a, package, proto->name, &node->service.full_name);
    for (size_t i = 0; r == 0 && i < proto->methods.count; i++) {
        r = fill_method(a, &node->service, &proto->methods.at[i], &methods[i]);
    }
    r = r == 0 ? add_symbol(a, node->service.full_name, (struct symbol){.service = &node->service})
               : r;
    if (r == 0) {
        *a->pool->services_end = node;
        a->pool->services_end = &node->next;
    }
    return r;
}

/* Decodes one file of the set; *ret_new is NULL for one that the pool has already. */
static int take_file(struct adding *a, struct atoll_str raw, const struct at_proto_file **ret_new)
{
    struct at_arena *arena = &a->pool->arena;
    struct at_proto_file *file = at_arena_zalloc(arena, 1, sizeof(*file));
    struct at_bytes *copy = at_arena_alloc(arena, sizeof(*copy), 8);
    struct at_pb_fault fault = {0};
    const struct at_bytes *known;
    int r;

    if (file == NULL || copy == NULL) {
        return -ENOMEM;
    }
    r = at_pb_decode(&at_proto_file_desc, bytes(raw), arena, file, &fault);
    if (r < 0) {
        return r;
    }
    if (r > 0) {
        return REFUSE(a, "a file of the contract is damaged: %s", fault.what);
    }
    if (file->package.len > 0 && !is_name(bytes(file->package), true)) {
        return REFUSE(a, "a file of the contract has an impossible package name");
    }
    known = at_map_get(&a->pool->files, bytes(file->name));
    *ret_new = known == NULL ? file : NULL;
    if (known == NULL) {
        *copy = bytes(raw);
        return at_map_put(&a->pool->files, bytes(file->name), copy);
    }
    if (!at_bytes_equal(*known, bytes(raw))) {
        return REFUSE(a, "the contract has two different files named %.*s", (int)file->name.len,
                      file->name.at);
    }
    return 0;
}

struct named_file {
    const struct at_proto_file *proto;
    const char *package;
};

static int build(struct adding *a, struct named_file *files, size_t count)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        if (files[i].proto != NULL) {
            files[i].package = at_arena_copy(&a->pool->arena, bytes(files[i].proto->package));
            r = files[i].package == NULL ? -ENOMEM
                                         : declare_types(a, files[i].proto, files[i].package);
        }
    }
    for (const struct declared *d = a->declared; r == 0 && d != NULL; d = d->next) {
        r = fill_message(a, d);
    }
    for (const struct declared *d = a->declared; r == 0 && d != NULL; d = d->next) {
        r = judge_map_entry(a, d->desc);
    }
    for (size_t i = 0; r == 0 && i < count; i++) {
        const struct at_proto_file *f = files[i].proto;
        const char *name = f == NULL ? NULL : at_arena_copy(&a->pool->arena, bytes(f->name));

        if (f != NULL && name == NULL) {
            return -ENOMEM;
        }
        for (size_t j = 0; f != NULL && r == 0 && j < f->services.count; j++) {
            r = add_service(a, files[i].package, name, &f->services.at[j]);
        }
    }
    return r;
}

int at_pool_add(struct at_pool *pool, struct at_bytes set, struct at_diag *diag)
{
    struct adding a = {.pool = pool, .diag = diag};
    struct at_proto_file_set files;
    struct named_file *named;
    struct at_pb_fault fault = {0};
    char *copy = at_arena_copy(&pool->arena, set);
    int r;

    if (copy == NULL) {
        return -ENOMEM;
    }
    a.declared_end = &a.declared;
    r = at_pb_decode(&at_proto_file_set_desc, at_bytes_over(copy, set.len), &pool->arena, &files,
                     &fault);
    if (r > 0) {
        return REFUSE(&a, "the contract is no FileDescriptorSet: %s", fault.what);
    }
    if (r == 0 && (files.files.count == 0 || files.unknown != NULL)) {
        return REFUSE(&a, "the contract is no FileDescriptorSet: %s",
                      files.files.count == 0 ? "it has no files" : "it has other fields");
    }
    named = r < 0 ? NULL : at_arena_zalloc(&pool->arena, files.files.count, sizeof(*named));
    if (named == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; r == 0 && i < files.files.count; i++) {
        r = take_file(&a, files.files.at[i], &named[i].proto);
    }
    return r == 0 ? build(&a, named, files.files.count) : r;
}

struct at_pool *at_pool_new(void)
{
    struct at_pool *pool = calloc(1, sizeof(*pool));

    if (pool == NULL) {
        return NULL;
    }
    at_arena_init(&pool->arena, 1 << 14, AT_POOL_BYTES_MAX);
    at_map_init(&pool->symbols, (uint64_t)(uintptr_t)pool);
    at_map_init(&pool->files, (uint64_t)(uintptr_t)pool);
    pool->services_end = &pool->services;
    return pool;
}

struct at_pool *at_pool_free(struct at_pool *pool)
{
    if (pool != NULL) {
        at_map_deinit(&pool->symbols);
        at_map_deinit(&pool->files);
        at_arena_deinit(&pool->arena);
        free(pool);
    }
    return NULL;
}

const struct atoll_message_desc *at_pool_message(const struct at_pool *pool, struct at_bytes name)
{
    const struct symbol *s = find(pool, name);

    return s == NULL ? NULL : s->message;
}

const struct atoll_enum_desc *at_pool_enum(const struct at_pool *pool, struct at_bytes name)
{
    const struct symbol *s = find(pool, name);

    return s == NULL ? NULL : s->enumeration;
}

const struct at_pool_service *at_pool_find_service(const struct at_pool *pool, struct at_bytes name)
{
    const struct symbol *s = find(pool, name);

    return s == NULL ? NULL : s->service;
}

const struct at_pool_service *at_pool_service_at(const struct at_pool *pool, size_t i)
{
    const struct service_node *node = pool->services;

    while (node != NULL && i > 0) {
        node = node->next;
        i--;
    }
    return node == NULL ? NULL : &node->service;
}
