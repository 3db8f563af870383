/* The pool's second pass: a message's fields, in the order of their numbers, and their places. */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/descriptor.h"
#include "pb/limits.h"
#include "pb/pool_inner.h"
#include "pb/table.h"

/* A table in the making: the arrays that become the message's own, and where each field is from. */
struct table {
    struct at_pool_type *type;
    struct at_pool_field *sources; /* by ascending number */
    struct atoll_field_desc *fields;
    struct atoll_field_name *names;
    union atoll_type_ref *types;
    char *text;
    size_t count;
    size_t type_count;
    size_t text_len;
};

static bool is_message(const struct at_proto_field *p)
{
    return p->type == ATOLL_TYPE_MESSAGE || p->type == ATOLL_TYPE_GROUP;
}

static bool has_control_chars(struct atoll_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((uint8_t)text.at[i] < ' ' || text.at[i] == 0x7F) {
            return true;
        }
    }
    return false;
}

/* What is wrong with the declaration of a field by itself; NULL: nothing. */
static const char *fault_of(const struct at_pool_type *type, const struct at_pool_field *source)
{
    const struct at_proto_field *p = source->proto;

    if (p->number < 1 || p->number > AT_PB_FIELD_NUMBER_MAX || p->type < 1 ||
        p->type > ATOLL_TYPE_SINT64 || p->label < AT_PROTO_OPTIONAL ||
        p->label > AT_PROTO_REPEATED) {
        return "an impossible number, type or label";
    }
    if (p->json_name.len > AT_POOL_NAME_MAX || has_control_chars(p->json_name)) {
        return "an impossible JSON name";
    }
    if ((p->extendee.len > 0) != (source->extension != NULL)) {
        return "a message that it extends, and is no extension";
    }
    if (p->has_oneof_index &&
        (p->oneof_index < 0 || (size_t)p->oneof_index >= type->proto->oneofs.count ||
         p->label != AT_PROTO_OPTIONAL)) {
        return "a place in a oneof that it cannot have";
    }
    if (p->label == AT_PROTO_REQUIRED && !source->proto2) {
        return "the label required, which proto3 does not have";
    }
    if (p->has_default_value &&
        (!source->proto2 || is_message(p) || p->label == AT_PROTO_REPEATED)) {
        return "a default value that it cannot have";
    }
    return NULL;
}

/* Names must be free among all that the message declares; extensions have got theirs before. */
static int judge_field(struct at_pool_adding *a, const struct at_pool_type *type,
                       const struct at_pool_field *source)
{
    const char *fault = fault_of(type, source);

    if (fault != NULL) {
        bool named = at_pool_is_name(at_pool_bytes(source->proto->name), false);

        return AT_POOL_REFUSE(a, "%s %.*s of %s has %s",
                              source->extension == NULL ? "field" : "extension",
                              named ? (int)source->proto->name.len : 1,
                              named ? source->proto->name.at : "?", type->desc.full_name, fault);
    }
    return 0;
}

static int claim_name(struct at_pool_adding *a, const struct at_pool_type *type,
                      const struct at_proto_field *p)
{
    const char *name;
    int r = at_pool_full_name(a, type->desc.full_name, p->name, &name);

    return r == 0 ? at_pool_add_symbol(a, name, (struct at_pool_symbol){0}) : r;
}

/* Types of a table are few or many; a symbol remembers its place in the table in work. */
static uint16_t place_of(struct table *t, struct at_pool_symbol *s)
{
    if (s->user != t->fields) {
        s->user = t->fields;
        s->place = (uint16_t)t->type_count;
        if (s->type != NULL) {
            t->types[t->type_count++].message = &s->type->desc;
        } else {
            t->types[t->type_count++].enumeration = &s->enumeration->desc;
        }
    }
    return s->place;
}

static int resolve_type(struct at_pool_adding *a, struct table *t, const struct at_proto_field *p,
                        struct atoll_field_desc *f)
{
    struct at_pool_symbol *s;

    if (!is_message(p) && p->type != ATOLL_TYPE_ENUM) {
        return 0;
    }
    s = at_pool_symbol_of_type(a->pool, p->type_name);
    if (s == NULL || (is_message(p) && s->type == NULL) ||
        (p->type == ATOLL_TYPE_ENUM && (s->enumeration == NULL || s->is_value))) {
        return AT_POOL_REFUSE(a, "the type of %s.%.*s is not part of the contract",
                              t->type->desc.full_name, (int)p->name.len, p->name.at);
    }
    f->of = place_of(t, s);
    if (p->type == ATOLL_TYPE_MESSAGE && (s->type->desc.flags & ATOLL_MESSAGE_MAP_ENTRY) != 0 &&
        at_pb_is_repeated(f)) {
        f->kind = ATOLL_KIND(MAP, MESSAGE);
    }
    return 0;
}

/* The next letter of what protoc writes when the .proto gives no json_name; -1: the end. */
static int next_camel(struct atoll_str name, size_t *at)
{
    bool raise = false;
    char c;

    while (*at < name.len && name.at[*at] == '_') {
        raise = true;
        *at += 1;
    }
    if (*at == name.len) {
        return -1;
    }
    c = name.at[*at];
    *at += 1;
    return raise && c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
}

/* "item_id" becomes "itemId". */
static size_t lower_camel(struct atoll_str name, char *out)
{
    size_t len = 0;
    size_t at = 0;

    for (int c = next_camel(name, &at); c >= 0; c = next_camel(name, &at)) {
        out[len++] = (char)c;
    }
    return len;
}

static int order_camel(const struct at_pool_field *a, const struct at_pool_field *b)
{
    size_t i = 0;
    size_t j = 0;
    int x;
    int y;

    do {
        x = next_camel(a->proto->name, &i);
        y = next_camel(b->proto->name, &j);
    } while (x == y && x >= 0);
    return x - y;
}

/* Of equal ones the one that is declared first. */
static int by_camel(const void *a, const void *b)
{
    const struct at_pool_field *x = a;
    const struct at_pool_field *y = b;
    int r = order_camel(x, y);

    return r != 0 ? r : (x->proto > y->proto) - (x->proto < y->proto);
}

/*
 * proto3 takes no two fields with one JSON name, even when json_name gives them others. Every
 * libprotobuf refuses these; older ones also what differs in case alone, newer ones also equal
 * json_names. Brings the first `count` sources into another order.
 */
static int judge_json_names(struct at_pool_adding *a, struct table *t, size_t count)
{
    if (t->type->proto2) {
        return 0;
    }
    qsort(t->sources, count, sizeof(*t->sources), by_camel);
    for (size_t i = 1; i < count; i++) {
        struct atoll_str one = t->sources[i - 1].proto->name;
        struct atoll_str two = t->sources[i].proto->name;

        if (order_camel(&t->sources[i - 1], &t->sources[i]) == 0) {
            return AT_POOL_REFUSE(a, "%s has fields %.*s and %.*s, which are one name in JSON",
                                  t->type->desc.full_name, (int)one.len, one.at, (int)two.len,
                                  two.at);
        }
    }
    return 0;
}

static struct atoll_str name_of(const struct at_pool_field *source)
{
    return source->extension == NULL
               ? source->proto->name
               : (struct atoll_str){source->extension, strlen(source->extension)};
}

/* Room for both names of a field: the JSON name may be made of the other, or be it in brackets. */
static size_t room_of(const struct at_pool_field *source)
{
    size_t name = name_of(source).len;
    size_t json = source->proto->json_name.len;

    return name + 1 + (json > name + 2 ? json : name + 2) + 1;
}

static void add_names(struct table *t, size_t i)
{
    const struct at_pool_field *source = &t->sources[i];
    struct atoll_str name = name_of(source);
    struct atoll_str json = source->proto->json_name;
    char *out = t->text + t->text_len + name.len + 1;
    size_t len = json.len;

    memcpy(t->text + t->text_len, name.at, name.len);
    if (source->extension != NULL) {
        len = name.len + 2;
        out[0] = '[';
        memcpy(out + 1, name.at, name.len);
        out[len - 1] = ']';
    } else if (json.len > 0) {
        memcpy(out, json.at, json.len);
    } else {
        len = lower_camel(name, out);
    }
    t->names[i] = (struct atoll_field_name){
        .name_at = (uint32_t)t->text_len,
        .json_at = (uint32_t)(t->text_len + name.len + 1),
        .name_len = (uint16_t)name.len,
        .json_len = (uint16_t)len,
    };
    t->text_len += name.len + 1 + len + 1;
}

static int fill_field(struct at_pool_adding *a, struct table *t, size_t i)
{
    const struct at_pool_field *source = &t->sources[i];
    struct atoll_field_desc *f = &t->fields[i];
    /* In entries of maps presence means nothing: without a key the key is zero. */
    bool entry = (t->type->desc.flags & ATOLL_MESSAGE_MAP_ENTRY) != 0;
    uint8_t form = at_proto_form(source->proto, source->proto2 && !entry);
    int r;

    f->tag = at_proto_tag(source->proto, form);
    f->kind = (uint8_t)(form << 5 | source->proto->type);
    f->flags = at_proto_flags(source->proto, source->proto2);
    add_names(t, i);
    r = resolve_type(a, t, source->proto, f);
    if (at_pb_is_map(f)) {
        t->type->desc.flags |= ATOLL_MESSAGE_HAS_MAPS;
    }
    if ((f->flags & ATOLL_FIELD_REQUIRED) != 0) {
        t->type->desc.flags |= ATOLL_MESSAGE_HAS_REQUIRED;
    }
    return r;
}

static uint32_t take_room(struct atoll_message_desc *desc, size_t size, size_t align)
{
    uint32_t offset = (uint32_t)((desc->struct_size + align - 1) & ~(align - 1));

    desc->struct_size = offset + (uint32_t)size;
    return offset;
}

/* Places in the struct. A oneof has one place for all its members and one for its number. */
static int lay_out(struct at_pool_adding *a, const struct table *t)
{
    struct place {
        uint32_t value; /* 0: none yet; offset 0 is the unknown fields' */
        uint32_t number;
    } *oneofs = at_arena_zalloc(&a->pool->arena, t->type->proto->oneofs.count, sizeof(*oneofs));
    struct atoll_message_desc *desc = &t->type->desc;

    if (oneofs == NULL) {
        return -ENOMEM;
    }
    desc->struct_size = 0;
    desc->unknown_offset = take_room(desc, sizeof(struct atoll_unknown *), 8);
    for (size_t i = 0; i < t->count; i++) {
        struct atoll_field_desc *f = &t->fields[i];
        size_t size = at_pb_scalar_size(at_pb_type(f));

        if (at_pb_is_repeated(f)) {
            f->offset = (uint16_t)take_room(desc, sizeof(struct at_pb_array), 8);
        } else if (at_pb_form(f) == ATOLL_FORM_ONEOF) {
            struct place *o = &oneofs[t->sources[i].proto->oneof_index];

            if (o->value == 0) {
                o->value = take_room(desc, sizeof(struct atoll_str), 8);
                o->number = take_room(desc, sizeof(uint32_t), 4);
            }
            f->offset = (uint16_t)o->value;
            f->presence = (uint16_t)o->number;
        } else {
            f->offset = (uint16_t)take_room(desc, size, size < 8 ? size : 8);
            if (at_pb_form(f) == ATOLL_FORM_OPTIONAL) {
                f->presence = (uint16_t)take_room(desc, sizeof(bool), 1);
            }
        }
    }
    (void)take_room(desc, 0, 8);
    if (desc->struct_size > AT_POOL_STRUCT_MAX) {
        return AT_POOL_REFUSE(a, "%s has so many fields that its struct is over %d bytes",
                              desc->full_name, AT_POOL_STRUCT_MAX);
    }
    return 0;
}

static int by_number(const void *a, const void *b)
{
    int32_t x = ((const struct at_pool_field *)a)->proto->number;
    int32_t y = ((const struct at_pool_field *)b)->proto->number;

    return (x > y) - (x < y);
}

/* The type's own fields and its extensions, judged, by ascending number. */
static int collect(struct at_pool_adding *a, struct table *t)
{
    const struct at_proto_fields *own = &t->type->proto->fields;
    size_t n = 0;
    int r = 0;

    for (size_t i = 0; i < own->count; i++) {
        t->sources[n++] = (struct at_pool_field){.proto = &own->at[i], .proto2 = t->type->proto2};
    }
    for (const struct at_pool_extension *e = t->type->extensions; e != NULL; e = e->next) {
        t->sources[n++] = e->field;
    }
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = judge_field(a, t->type, &t->sources[i]);
    }
    /* The table of a type that is extended later is made again; its names are taken already. */
    for (size_t i = 0; r == 0 && t->type->desc.fields == NULL && i < own->count; i++) {
        r = claim_name(a, t->type, &own->at[i]);
    }
    r = r == 0 ? judge_json_names(a, t, own->count) : r;
    if (r < 0) {
        return r;
    }
    qsort(t->sources, n, sizeof(*t->sources), by_number);
    for (size_t i = 1; i < n; i++) {
        if (t->sources[i].proto->number == t->sources[i - 1].proto->number) {
            return AT_POOL_REFUSE(a, "%s has two fields with number %" PRId32,
                                  t->type->desc.full_name, t->sources[i].proto->number);
        }
    }
    return 0;
}

static int begin(struct at_pool_adding *a, struct at_pool_type *type, struct table *ret)
{
    struct at_arena *arena = &a->pool->arena;
    size_t n = type->proto->fields.count + type->extension_count;

    if (n > AT_POOL_FIELDS_MAX) {
        return AT_POOL_REFUSE(a, "%s has more than %d fields", type->desc.full_name,
                              AT_POOL_FIELDS_MAX);
    }
    if ((type->desc.flags & ATOLL_MESSAGE_SET) != 0 && type->proto->fields.count > 0) {
        return AT_POOL_REFUSE(a, "%s is a set of messages, but has fields of its own",
                              type->desc.full_name);
    }
    *ret = (struct table){
        .type = type,
        .count = n,
        .sources = at_arena_zalloc(arena, n, sizeof(*ret->sources)),
        .fields = at_arena_zalloc(arena, n, sizeof(*ret->fields)),
        .names = at_arena_zalloc(arena, n, sizeof(*ret->names)),
        .types = at_arena_zalloc(arena, n, sizeof(*ret->types)),
    };
    return ret->sources == NULL || ret->fields == NULL || ret->names == NULL || ret->types == NULL
               ? -ENOMEM
               : 0;
}

static void finish(const struct table *t)
{
    struct atoll_message_desc *desc = &t->type->desc;

    desc->fields = t->fields;
    desc->types = t->types;
    desc->names = t->names;
    desc->text = t->text;
    desc->field_count = (uint32_t)t->count;
    desc->dense_count = 0;
    while (desc->dense_count < t->count &&
           at_pb_number(&t->fields[desc->dense_count]) == desc->dense_count + 1) {
        desc->dense_count++;
    }
}

int at_pool_make_table(struct at_pool_adding *a, struct at_pool_type *type)
{
    struct table t;
    size_t text = 0;
    int r = begin(a, type, &t);

    r = r == 0 ? collect(a, &t) : r;
    for (size_t i = 0; r == 0 && i < t.count; i++) {
        text += room_of(&t.sources[i]);
    }
    if (r == 0) {
        t.text = at_arena_zalloc(&a->pool->arena, 1, text);
        r = t.text == NULL ? -ENOMEM : 0;
    }
    for (size_t i = 0; r == 0 && i < t.count; i++) {
        r = fill_field(a, &t, i);
    }
    r = r == 0 ? lay_out(a, &t) : r;
    if (r != 0) {
        return r;
    }
    finish(&t);
    return at_pool_make_initial(a, type, t.sources);
}

static bool is_key_type(uint8_t type)
{
    return type != ATOLL_TYPE_MESSAGE && type != ATOLL_TYPE_GROUP && type != ATOLL_TYPE_DOUBLE &&
           type != ATOLL_TYPE_FLOAT && type != ATOLL_TYPE_BYTES && type != ATOLL_TYPE_ENUM;
}

/* An entry whose value did not come has the first one of the enum, which must be the zero. */
static bool begins_with_zero(const struct at_pool *pool, const struct atoll_enum_desc *desc)
{
    return desc == NULL ||
           at_pool_symbol(pool, at_bytes_of(desc->full_name))->enumeration->first == 0;
}

int at_pool_judge_map_entry(struct at_pool_adding *a, const struct at_pool_type *type)
{
    const struct atoll_message_desc *desc = &type->desc;
    bool ok = desc->field_count == 2 && desc->dense_count == 2;

    if ((desc->flags & ATOLL_MESSAGE_MAP_ENTRY) == 0) {
        return 0;
    }
    for (size_t i = 0; ok && i < 2; i++) {
        enum atoll_form form = at_pb_form(&desc->fields[i]);

        ok = (form == ATOLL_FORM_IMPLICIT || form == ATOLL_FORM_OPTIONAL) &&
             (desc->fields[i].flags & ATOLL_FIELD_REQUIRED) == 0 &&
             at_pb_type(&desc->fields[i]) != ATOLL_TYPE_GROUP;
    }
    ok = ok && is_key_type(at_pb_type(&desc->fields[0]));
    if (ok && !begins_with_zero(a->pool, at_pb_enum_of(desc, &desc->fields[1]))) {
        return AT_POOL_REFUSE(a, "the values of the map %s are an enum that does not begin with 0",
                              desc->full_name);
    }
    return ok ? 0
              : AT_POOL_REFUSE(a, "%s is no map entry: it needs a key and a value",
                               desc->full_name);
}
