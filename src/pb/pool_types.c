/* The pool's first pass: what is declared gets a name. */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/map.h"
#include "pb/descriptor.h"
#include "pb/limits.h"
#include "pb/pool_inner.h"

static bool is_name_char(uint8_t c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

bool at_pool_is_name(struct at_bytes b, bool with_dots)
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

int at_pool_add_symbol(struct at_pool_adding *a, const char *name, struct at_pool_symbol symbol)
{
    struct at_pool *pool = a->pool;
    struct at_pool_symbol *kept;

    if (at_map_get(&pool->symbols, at_bytes_of(name)) != NULL) {
        return AT_POOL_REFUSE(a, "the contract declares %s twice, in two ways", name);
    }
    kept = at_arena_alloc(&pool->arena, sizeof(*kept), 8);
    if (kept == NULL) {
        return -ENOMEM;
    }
    *kept = symbol;
    return at_map_put(&pool->symbols, at_bytes_of(name), kept);
}

int at_pool_full_name(struct at_pool_adding *a, const char *scope, struct atoll_str name,
                      const char **ret)
{
    if (!at_pool_is_name(at_pool_bytes(name), false)) {
        return AT_POOL_REFUSE(a, "in %s of the contract a name is no identifier",
                              scope[0] == '\0' ? "a file" : scope);
    }
    if (strlen(scope) + name.len > AT_POOL_NAME_MAX) {
        return AT_POOL_REFUSE(a, "the contract has a full name of more than %d bytes",
                              AT_POOL_NAME_MAX);
    }
    *ret = at_arena_printf(&a->pool->arena, "%s%s%.*s", scope, scope[0] == '\0' ? "" : ".",
                           (int)name.len, name.at);
    return *ret == NULL ? -ENOMEM : 0;
}

struct at_pool_symbol *at_pool_symbol(const struct at_pool *pool, struct at_bytes name)
{
    return at_map_get(&pool->symbols, name);
}

struct at_pool_symbol *at_pool_symbol_of_type(const struct at_pool *pool, struct atoll_str name)
{
    return name.len > 1 && name.at[0] == '.'
               ? at_pool_symbol(pool, at_bytes_after(at_pool_bytes(name), 1))
               : NULL;
}

/* A value on its way to its place; qsort alone may change the order of equals. */
struct declared_value {
    struct atoll_enum_value value;
    size_t index;
};

static int by_value(const void *a, const void *b)
{
    const struct declared_value *x = a;
    const struct declared_value *y = b;

    if (x->value.number != y->value.number) {
        return x->value.number < y->value.number ? -1 : 1;
    }
    return (x->index > y->index) - (x->index < y->index);
}

/* Values are named beside their enum, not within: "pkg.KIND_ADD". */
static int add_values(struct at_pool_adding *a, const char *scope, struct at_pool_enum *e,
                      const struct at_proto_enum *proto)
{
    struct at_arena *arena = &a->pool->arena;
    size_t n = proto->values.count;
    struct declared_value *sorted = at_arena_zalloc(arena, n, sizeof(*sorted));
    struct atoll_enum_value *values = at_arena_zalloc(arena, n, sizeof(*values));

    if (sorted == NULL || values == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        const struct at_proto_enum_value *p = &proto->values.at[i];
        const char *full;
        int r = at_pool_full_name(a, "", p->name, &sorted[i].value.name);

        sorted[i].value.number = p->number;
        sorted[i].index = i;
        r = r == 0 ? at_pool_full_name(a, scope, p->name, &full) : r;
        if (r == 0) {
            r = at_pool_add_symbol(
                a, full,
                (struct at_pool_symbol){.enumeration = e, .is_value = true, .number = p->number});
        }
        if (r < 0) {
            return r;
        }
    }
    qsort(sorted, n, sizeof(*sorted), by_value);
    for (size_t i = 0; i < n; i++) {
        values[i] = sorted[i].value;
    }
    e->first = proto->values.at[0].number;
    e->desc.values = values;
    e->desc.value_count = n;
    return 0;
}

static int add_enum(struct at_pool_adding *a, const char *scope, const struct at_proto_enum *proto)
{
    struct at_pool_enum *e = at_arena_zalloc(&a->pool->arena, 1, sizeof(*e));
    int r;

    if (e == NULL) {
        return -ENOMEM;
    }
    e->desc.size = sizeof(e->desc);
    r = at_pool_full_name(a, scope, proto->name, &e->desc.full_name);
    if (r == 0 && proto->values.count == 0) {
        return AT_POOL_REFUSE(a, "the enum %s has no values", e->desc.full_name);
    }
    r = r == 0 ? add_values(a, scope, e, proto) : r;
    return r == 0
               ? at_pool_add_symbol(a, e->desc.full_name, (struct at_pool_symbol){.enumeration = e})
               : r;
}

static int judge_ranges(struct at_pool_adding *a, const struct at_pool_type *type)
{
    const struct at_proto_message *proto = type->proto;

    if (proto->extension_ranges.count > AT_POOL_RANGES_MAX) {
        return AT_POOL_REFUSE(a, "%s has more than %d ranges of extension numbers",
                              type->desc.full_name, AT_POOL_RANGES_MAX);
    }
    for (size_t i = 0; i < proto->extension_ranges.count; i++) {
        const struct at_proto_range *range = &proto->extension_ranges.at[i];

        if (range->start < 1 || range->end <= range->start) {
            return AT_POOL_REFUSE(
                a, "%s has an impossible range of extension numbers: %" PRId32 " to %" PRId32,
                type->desc.full_name, range->start, range->end);
        }
    }
    return 0;
}

static uint32_t flags_of(const struct at_proto_message_options *options)
{
    uint32_t flags = 0;

    if (options != NULL && options->map_entry) {
        flags |= ATOLL_MESSAGE_MAP_ENTRY;
    }
    if (options != NULL && options->deprecated) {
        flags |= ATOLL_MESSAGE_DEPRECATED;
    }
    if (options != NULL && options->message_set) {
        flags |= ATOLL_MESSAGE_SET;
    }
    return flags;
}

static void queue(struct at_pool_list *list, struct at_pool_type *type)
{
    type->queued = true;
    type->next = NULL;
    *list->end = type;
    list->end = &type->next;
}

static int add_message(struct at_pool_adding *a, const char *scope,
                       const struct at_proto_message *proto, size_t depth, bool proto2)
{
    struct at_pool_type *type = at_arena_zalloc(&a->pool->arena, 1, sizeof(*type));
    int r;

    if (type == NULL) {
        return -ENOMEM;
    }
    r = at_pool_full_name(a, scope, proto->name, &type->desc.full_name);
    if (r < 0) {
        return r;
    }
    if (depth > AT_POOL_NEST_MAX || a->pool->type_count == AT_POOL_MESSAGES_MAX) {
        return AT_POOL_REFUSE(a, "%s is nested deeper than %d types, or one of more than %d",
                              type->desc.full_name, AT_POOL_NEST_MAX, AT_POOL_MESSAGES_MAX);
    }
    a->pool->type_count++;
    type->desc.size = sizeof(type->desc);
    type->desc.flags = flags_of(proto->options);
    type->proto = proto;
    type->depth = depth;
    type->proto2 = proto2;
    r = judge_ranges(a, type);
    if (r < 0) {
        return r;
    }
    queue(&a->declared, type);
    *a->pool->types_end = type;
    a->pool->types_end = &type->next_of_all;
    return at_pool_add_symbol(a, type->desc.full_name, (struct at_pool_symbol){.type = type});
}

int at_pool_declare_types(struct at_pool_adding *a, const struct at_pool_file *file)
{
    const struct at_proto_file *proto = file->proto;
    struct at_pool_type **mine = a->declared.end;
    bool proto2 = at_proto_is_proto2(proto);
    int r = 0;

    for (size_t i = 0; r == 0 && i < proto->enums.count; i++) {
        r = add_enum(a, file->package, &proto->enums.at[i]);
    }
    for (size_t i = 0; r == 0 && i < proto->messages.count; i++) {
        r = add_message(a, file->package, &proto->messages.at[i], 1, proto2);
    }
    for (const struct at_pool_type *t = *mine; r == 0 && t != NULL; t = t->next) {
        for (size_t i = 0; r == 0 && i < t->proto->enums.count; i++) {
            r = add_enum(a, t->desc.full_name, &t->proto->enums.at[i]);
        }
        for (size_t i = 0; r == 0 && i < t->proto->nested.count; i++) {
            r = add_message(a, t->desc.full_name, &t->proto->nested.at[i], t->depth + 1, proto2);
        }
    }
    return r;
}

static bool is_in_range(const struct at_pool_type *type, int32_t number)
{
    for (size_t i = 0; i < type->proto->extension_ranges.count; i++) {
        const struct at_proto_range *range = &type->proto->extension_ranges.at[i];

        if (number >= range->start && number < range->end) {
            return true;
        }
    }
    return false;
}

static int judge_extension(struct at_pool_adding *a, const char *name,
                           const struct at_pool_type *extendee, const struct at_proto_field *p)
{
    if (!is_in_range(extendee, p->number)) {
        return AT_POOL_REFUSE(a,
                              "%s has the number %" PRId32 ", which %s does not give to extensions",
                              name, p->number, extendee->desc.full_name);
    }
    if (p->label == AT_PROTO_REQUIRED || p->has_oneof_index) {
        return AT_POOL_REFUSE(a, "the extension %s is required or in a oneof: no extension may be",
                              name);
    }
    if ((extendee->desc.flags & ATOLL_MESSAGE_SET) != 0 &&
        (p->type != ATOLL_TYPE_MESSAGE || p->label != AT_PROTO_OPTIONAL)) {
        return AT_POOL_REFUSE(a, "%s extends %s, a set of messages, but is no optional message",
                              name, extendee->desc.full_name);
    }
    return 0;
}

static int add_extension(struct at_pool_adding *a, const char *scope,
                         const struct at_proto_field *proto, bool proto2)
{
    const struct at_pool_symbol *of = at_pool_symbol_of_type(a->pool, proto->extendee);
    struct at_pool_extension *e = at_arena_zalloc(&a->pool->arena, 1, sizeof(*e));
    int r;

    if (e == NULL) {
        return -ENOMEM;
    }
    e->field = (struct at_pool_field){.proto = proto, .proto2 = proto2};
    r = at_pool_full_name(a, scope, proto->name, &e->field.extension);
    if (r < 0) {
        return r;
    }
    if (of == NULL || of->type == NULL) {
        return AT_POOL_REFUSE(a, "the message that %s extends is not part of the contract",
                              e->field.extension);
    }
    e->extendee = of->type;
    r = judge_extension(a, e->field.extension, e->extendee, proto);
    if (r < 0) {
        return r;
    }
    e->next = e->extendee->extensions;
    e->extendee->extensions = e;
    e->extendee->extension_count++;
    if (!e->extendee->queued) {
        queue(&a->extended, e->extendee);
    }
    return at_pool_add_symbol(a, e->field.extension, (struct at_pool_symbol){.extension = e});
}

int at_pool_declare_extensions(struct at_pool_adding *a, const struct at_pool_file *files,
                               size_t count)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        const struct at_proto_file *proto = files[i].proto;

        for (size_t j = 0; r == 0 && proto != NULL && j < proto->extensions.count; j++) {
            r = add_extension(a, files[i].package, &proto->extensions.at[j],
                              at_proto_is_proto2(proto));
        }
    }
    for (const struct at_pool_type *t = a->declared.first; r == 0 && t != NULL; t = t->next) {
        for (size_t j = 0; r == 0 && j < t->proto->extensions.count; j++) {
            r = add_extension(a, t->desc.full_name, &t->proto->extensions.at[j], t->proto2);
        }
    }
    return r;
}
