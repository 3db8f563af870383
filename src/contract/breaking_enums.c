/* An enum that both contracts have. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "contract/breaking_rules.h"
#include "contract/field.h"
#include "contract/finding.h"
#include "contract/index.h"
#include "contract/set.h"
#include "descriptor.atoll.h"

#define S(str) (int)(str).len, (str).at

struct comparing {
    struct at_breaking_run *run;
    const struct at_set_symbol *now_symbol;
    const struct google_protobuf_EnumDescriptorProto *old;
    const struct google_protobuf_EnumDescriptorProto *now;
    struct at_index values;         /* of the new one */
    struct at_index reserved_names; /* the same */
    struct at_range *reserved;      /* the same, merged */
    size_t reserved_count;
};

static int prepare(struct comparing *c)
{
    struct at_arena *arena = c->run->out->arena;
    const struct google_protobuf_EnumDescriptorProto *e = c->now;
    struct at_index_entry *values = at_arena_zalloc(arena, e->value.count + 1, sizeof(*values));
    struct at_index_entry *names =
        at_arena_zalloc(arena, e->reserved_name.count + 1, sizeof(*names));

    c->reserved = at_arena_zalloc(arena, e->reserved_range.count + 1, sizeof(*c->reserved));
    if (values == NULL || names == NULL || c->reserved == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < e->value.count; i++) {
        values[i] =
            (struct at_index_entry){e->value.at[i].number, at_set_bytes(e->value.at[i].name), i};
    }
    for (size_t i = 0; i < e->reserved_name.count; i++) {
        names[i] = (struct at_index_entry){0, at_set_bytes(e->reserved_name.at[i]), i};
    }
    for (size_t i = 0; i < e->reserved_range.count; i++) { /* here the end is inclusive */
        c->reserved[i] = (struct at_range){e->reserved_range.at[i].start,
                                           (int64_t)e->reserved_range.at[i].end + 1};
    }
    c->reserved_count = e->reserved_range.count;
    at_ranges_merge(c->reserved, &c->reserved_count);
    return at_index_make(arena, values, e->value.count, &c->values) < 0 ||
                   at_index_make(arena, names, e->reserved_name.count, &c->reserved_names) < 0
               ? -ENOMEM
               : 0;
}

static struct at_breaking_where at_value(const struct comparing *c, size_t index)
{
    return at_breaking_in("enum value", c->now_symbol, AT_FIELD_IN_ENUM, index,
                          c->now->value.at[index].name);
}

static void say_deleted(const struct comparing *c,
                        const struct google_protobuf_EnumValueDescriptorProto *old)
{
    struct at_breaking_where where = at_breaking_at("enum", c->now_symbol);
    bool number = at_ranges_cover(c->reserved, c->reserved_count,
                                  (struct at_range){old->number, (int64_t)old->number + 1});
    bool name = at_index_name(&c->reserved_names, at_set_bytes(old->name)) != NULL;

    if (!number) {
        at_breaking_say(c->run, AT_ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED, 0, &where,
                        "the value %.*s = %d is gone and its number is not reserved", S(old->name),
                        old->number);
    } else if (!name) {
        at_breaking_say(c->run, AT_ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED, 0, &where,
                        "the value %.*s = %d is gone and its name is not reserved", S(old->name),
                        old->number);
    } else {
        at_breaking_say(c->run, AT_ENUM_VALUE_NO_DELETE, 0, &where, "the value %.*s = %d is gone",
                        S(old->name), old->number);
    }
}

static void compare_value(const struct comparing *c,
                          const struct google_protobuf_EnumValueDescriptorProto *old)
{
    const struct at_index_entry *named = at_index_name(&c->values, at_set_bytes(old->name));
    const struct at_index_entry *numbered = at_index_number(&c->values, old->number);
    struct at_breaking_where where;

    if (named != NULL && named->number == old->number) {
        return;
    }
    if (named != NULL) {
        where = at_value(c, named->at);
        at_breaking_say(c->run, AT_ENUM_VALUE_SAME_NUMBER, 0, &where,
                        "had the number %d and has now %d", old->number, (int)named->number);
    } else if (numbered == NULL) {
        say_deleted(c, old);
    } else {
        where = at_value(c, numbered->at);
        at_breaking_say(c->run, AT_ENUM_VALUE_SAME_NAME, 0, &where, "the value %d was called %.*s",
                        old->number, S(old->name));
    }
}

static void compare_reserved(const struct comparing *c)
{
    struct at_breaking_where where = at_breaking_at("enum", c->now_symbol);

    for (size_t i = 0; i < c->old->reserved_range.count; i++) {
        int32_t start = c->old->reserved_range.at[i].start;
        int32_t end = c->old->reserved_range.at[i].end;

        if (!at_ranges_cover(c->reserved, c->reserved_count,
                             (struct at_range){start, (int64_t)end + 1})) {
            at_breaking_say(c->run, AT_RESERVED_ENUM_NO_DELETE, 0, &where,
                            "the numbers %d to %d were reserved and not all of them are any more",
                            start, end);
        }
    }
    for (size_t i = 0; i < c->old->reserved_name.count; i++) {
        struct atoll_str name = c->old->reserved_name.at[i];

        if (at_index_name(&c->reserved_names, at_set_bytes(name)) == NULL) {
            at_breaking_say(c->run, AT_RESERVED_ENUM_NO_DELETE, AT_BREAKS_JSON | AT_BREAKS_SOURCE,
                            &where, "the name %.*s was reserved and is not any more", S(name));
        }
    }
}

int at_breaking_enums(struct at_breaking_run *run, const struct at_set_symbol *old,
                      const struct at_set_symbol *now)
{
    struct comparing c = {
        .run = run, .now_symbol = now, .old = old->of.enumeration, .now = now->of.enumeration};
    int r = prepare(&c);

    if (r < 0) {
        return r;
    }
    if (old->file->proto3 != now->file->proto3) {
        struct at_breaking_where where = at_breaking_at("enum", now);

        at_breaking_say(run, AT_ENUM_SAME_TYPE, 0, &where, "was %s and is now %s",
                        old->file->proto3 ? "open" : "closed",
                        now->file->proto3 ? "open" : "closed");
    }
    for (size_t i = 0; i < c.old->value.count; i++) {
        compare_value(&c, &c.old->value.at[i]);
    }
    compare_reserved(&c);
    return 0;
}
