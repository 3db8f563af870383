/* What an empty message of proto2 holds: the default values that its .proto declares. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/descriptor.h"
#include "pb/pool_inner.h"

/* The value that the default names stands beside the enum, so its name has the enum's scope. */
static int enum_default(struct at_pool_adding *a, const struct atoll_enum_desc *desc,
                        const struct at_pool_field *source, int32_t *ret)
{
    const struct at_pool_symbol *e = at_pool_symbol(a->pool, at_bytes_of(desc->full_name));
    const struct at_pool_symbol *value;
    const char *dot = strrchr(desc->full_name, '.');
    struct atoll_str text = source->proto->default_value;
    const char *name;

    if (!source->proto->has_default_value) {
        *ret = e->enumeration->first;
        return 0;
    }
    name = at_arena_printf(&a->pool->arena, "%.*s%.*s",
                           dot == NULL ? 0 : (int)(dot + 1 - desc->full_name), desc->full_name,
                           (int)text.len, text.at);
    if (name == NULL) {
        return -ENOMEM;
    }
    value = at_pool_symbol(a->pool, at_bytes_of(name));
    if (value == NULL || !value->is_value || value->enumeration != e->enumeration) {
        return AT_POOL_REFUSE(a, "%.*s is the default value of %.*s, but no value of %s",
                              (int)text.len, text.at, (int)source->proto->name.len,
                              source->proto->name.at, desc->full_name);
    }
    *ret = value->number;
    return 0;
}

static int put_default(struct at_pool_adding *a, const struct at_pool_type *type,
                       const struct at_pool_field *source, const struct atoll_field_desc *f,
                       void *value)
{
    int r;

    if (at_pb_type(f) == ATOLL_TYPE_ENUM) {
        return enum_default(a, at_pb_enum_of(&type->desc, f), source, value);
    }
    r = at_proto_default(source->proto, &a->pool->arena, value);
    return r == -EBADMSG ? AT_POOL_REFUSE(a, "the default value of %s.%.*s is no value of its type",
                                          type->desc.full_name, (int)source->proto->name.len,
                                          source->proto->name.at)
                         : r;
}

/* Members of a oneof share their place, so that none can hold its default there. */
static bool has_initial(const struct at_pool_field *source, const struct atoll_field_desc *f)
{
    return at_pb_form(f) == ATOLL_FORM_OPTIONAL &&
           (source->proto->has_default_value || at_pb_type(f) == ATOLL_TYPE_ENUM);
}

/* A value that nobody sees is judged all the same. */
static int judge_default(struct at_pool_adding *a, const struct at_pool_type *type,
                         const struct at_pool_field *source, const struct atoll_field_desc *f)
{
    union {
        uint64_t number;
        struct atoll_str text;
    } unseen;

    return source->proto->has_default_value ? put_default(a, type, source, f, &unseen) : 0;
}

int at_pool_make_initial(struct at_pool_adding *a, struct at_pool_type *type,
                         const struct at_pool_field *sources)
{
    uint8_t *image = NULL;
    int r = 0;

    for (size_t i = 0; r == 0 && i < type->desc.field_count; i++) {
        const struct atoll_field_desc *f = &type->desc.fields[i];

        if (!has_initial(&sources[i], f)) {
            r = judge_default(a, type, &sources[i], f);
            continue;
        }
        if (image == NULL) {
            image = at_arena_zalloc(&a->pool->arena, 1, type->desc.struct_size);
        }
        r = image == NULL ? -ENOMEM : put_default(a, type, &sources[i], f, image + f->offset);
    }
    type->desc.initial = image;
    return r;
}
