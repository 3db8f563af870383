/* A message that both contracts have: its fields, oneofs, reserved and extension ranges. */
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
    const struct at_set_symbol *old_symbol;
    const struct at_set_symbol *now_symbol;
    const struct google_protobuf_DescriptorProto *old;
    const struct google_protobuf_DescriptorProto *now;
    struct at_index old_fields;
    struct at_index now_fields;
    struct at_index reserved_names; /* of the new one */
    struct at_range *reserved;      /* of the new one, merged */
    size_t reserved_count;
    struct at_oneofs oneofs;
};

static int index_fields(struct at_arena *arena, const struct google_protobuf_DescriptorProto *m,
                        struct at_index *ret)
{
    struct at_index_entry *e = at_arena_zalloc(arena, m->field.count + 1, sizeof(*e));

    if (e == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < m->field.count; i++) {
        e[i] = (struct at_index_entry){m->field.at[i].number, at_set_bytes(m->field.at[i].name), i};
    }
    return at_index_make(arena, e, m->field.count, ret);
}

static int prepare(struct comparing *c)
{
    struct at_arena *arena = c->run->out->arena;
    const struct google_protobuf_DescriptorProto *m = c->now;
    struct at_index_entry *names =
        at_arena_zalloc(arena, m->reserved_name.count + 1, sizeof(*names));
    int r = index_fields(arena, c->old, &c->old_fields);

    r = r == 0 ? index_fields(arena, c->now, &c->now_fields) : r;
    c->reserved = at_arena_zalloc(arena, m->reserved_range.count + 1, sizeof(*c->reserved));
    if (r < 0 || names == NULL || c->reserved == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < m->reserved_name.count; i++) {
        names[i] = (struct at_index_entry){0, at_set_bytes(m->reserved_name.at[i]), i};
    }
    for (size_t i = 0; i < m->reserved_range.count; i++) {
        c->reserved[i] =
            (struct at_range){m->reserved_range.at[i].start, m->reserved_range.at[i].end};
    }
    c->reserved_count = m->reserved_range.count;
    at_ranges_merge(c->reserved, &c->reserved_count);
    r = at_index_make(arena, names, m->reserved_name.count, &c->reserved_names);
    return r == 0 ? at_oneofs_make(arena, c->old, c->now, &c->now_fields, &c->oneofs) : r;
}

static const struct google_protobuf_FieldDescriptorProto *now_by_number(const struct comparing *c,
                                                                        int32_t number)
{
    const struct at_index_entry *e = at_index_number(&c->now_fields, number);

    return e == NULL ? NULL : &c->now->field.at[e->at];
}

static const struct google_protobuf_FieldDescriptorProto *now_by_name(const struct comparing *c,
                                                                      struct atoll_str name)
{
    const struct at_index_entry *e = at_index_name(&c->now_fields, at_set_bytes(name));

    return e == NULL ? NULL : &c->now->field.at[e->at];
}

static const struct google_protobuf_FieldDescriptorProto *old_by_number(const struct comparing *c,
                                                                        int32_t number)
{
    const struct at_index_entry *e = at_index_number(&c->old_fields, number);

    return e == NULL ? NULL : &c->old->field.at[e->at];
}

static struct at_breaking_where at_field(const struct comparing *c,
                                         const struct google_protobuf_FieldDescriptorProto *now)
{
    return at_breaking_in("field", c->now_symbol, AT_FIELD_IN_MESSAGE,
                          (size_t)(now - c->now->field.at), now->name);
}

/* ---- fields that are gone ---- */

static bool is_required(const struct google_protobuf_FieldDescriptorProto *f)
{
    return f->label == GOOGLE_PROTOBUF_FIELD_DESCRIPTOR_PROTO_LABEL_REQUIRED;
}

static void say_deleted(const struct comparing *c,
                        const struct google_protobuf_FieldDescriptorProto *old)
{
    struct at_breaking_where where = at_breaking_at("message", c->now_symbol);
    bool number = at_ranges_cover(c->reserved, c->reserved_count,
                                  (struct at_range){old->number, (int64_t)old->number + 1});
    bool name = at_index_name(&c->reserved_names, at_set_bytes(old->name)) != NULL;

    if (is_required(old)) {
        at_breaking_say(c->run, AT_MESSAGE_SAME_REQUIRED_FIELDS, 0, &where,
                        "the required field %.*s = %d is gone", S(old->name), old->number);
    } else if (!number) {
        at_breaking_say(c->run, AT_FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED, 0, &where,
                        "the field %.*s = %d is gone and its number is not reserved", S(old->name),
                        old->number);
    } else if (!name) {
        at_breaking_say(c->run, AT_FIELD_NO_DELETE_UNLESS_NAME_RESERVED, 0, &where,
                        "the field %.*s = %d is gone and its name is not reserved", S(old->name),
                        old->number);
    } else {
        at_breaking_say(c->run, AT_FIELD_NO_DELETE, 0, &where, "the field %.*s = %d is gone",
                        S(old->name), old->number);
    }
}

static void say_renumbered(const struct comparing *c,
                           const struct google_protobuf_FieldDescriptorProto *old,
                           const struct google_protobuf_FieldDescriptorProto *now)
{
    struct at_breaking_where where = at_field(c, now);

    at_breaking_say(c->run, AT_FIELD_SAME_NUMBER, 0, &where, "had the number %d and has now %d",
                    old->number, now->number);
}

/* ---- fields ---- */

static void compare_field(const struct comparing *c,
                          const struct google_protobuf_FieldDescriptorProto *old)
{
    const struct google_protobuf_FieldDescriptorProto *now = now_by_number(c, old->number);
    const struct google_protobuf_FieldDescriptorProto *named = now_by_name(c, old->name);
    struct at_field_pair pair = {
        .old = old, .now = now, .old_file = c->old_symbol->file, .now_file = c->now_symbol->file};
    struct at_breaking_where where;

    if (named != NULL && named != now) {
        say_renumbered(c, old, named);
        return;
    }
    if (now == NULL) {
        say_deleted(c, old);
        return;
    }
    where = at_field(c, now);
    if (named == NULL && at_breaking_type(c->run, &pair) != 0) {
        at_breaking_say(c->run, AT_FIELD_NUMBER_NO_REUSE, 0, &where,
                        "has the number %d, which was %s %.*s", now->number,
                        at_breaking_type_text(c->run, c->run->old, old), S(old->name));
        return;
    }
    pair.moved = at_oneofs_field(c->run, &c->oneofs, &pair, &where);
    at_breaking_field(c->run, &pair, &where);
}

static void compare_required(const struct comparing *c)
{
    for (size_t i = 0; i < c->now->field.count; i++) {
        const struct google_protobuf_FieldDescriptorProto *now = &c->now->field.at[i];
        const struct google_protobuf_FieldDescriptorProto *old = old_by_number(c, now->number);
        bool was = old != NULL && is_required(old);

        if (was != is_required(now)) {
            struct at_breaking_where where = at_field(c, now);

            at_breaking_say(c->run, AT_MESSAGE_SAME_REQUIRED_FIELDS, 0, &where,
                            old == NULL ? "is new and required"
                            : was       ? "was required and is not any more"
                                        : "is required now");
        }
    }
}

/* ---- reserved and extension ranges, options ---- */

static void compare_reserved(const struct comparing *c)
{
    struct at_breaking_where where = at_breaking_at("message", c->now_symbol);

    for (size_t i = 0; i < c->old->reserved_range.count; i++) {
        int32_t start = c->old->reserved_range.at[i].start;
        int32_t end = c->old->reserved_range.at[i].end;

        if (!at_ranges_cover(c->reserved, c->reserved_count, (struct at_range){start, end})) {
            at_breaking_say(c->run, AT_RESERVED_MESSAGE_NO_DELETE, 0, &where,
                            "the numbers %d to %d were reserved and not all of them are any more",
                            start, end - 1);
        }
    }
    for (size_t i = 0; i < c->old->reserved_name.count; i++) {
        struct atoll_str name = c->old->reserved_name.at[i];

        if (at_index_name(&c->reserved_names, at_set_bytes(name)) == NULL) {
            at_breaking_say(c->run, AT_RESERVED_MESSAGE_NO_DELETE,
                            AT_BREAKS_JSON | AT_BREAKS_SOURCE, &where,
                            "the name %.*s was reserved and is not any more", S(name));
        }
    }
}

static int compare_extension_ranges(const struct comparing *c)
{
    struct at_breaking_where where = at_breaking_at("message", c->now_symbol);
    size_t count = c->now->extension_range.count;
    struct at_range *now = at_arena_zalloc(c->run->out->arena, count + 1, sizeof(*now));

    if (now == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        now[i] = (struct at_range){c->now->extension_range.at[i].start,
                                   c->now->extension_range.at[i].end};
    }
    at_ranges_merge(now, &count);
    for (size_t i = 0; i < c->old->extension_range.count; i++) {
        int32_t start = c->old->extension_range.at[i].start;
        int32_t end = c->old->extension_range.at[i].end;

        if (!at_ranges_cover(now, count, (struct at_range){start, end})) {
            at_breaking_say(c->run, AT_EXTENSION_MESSAGE_NO_DELETE, 0, &where,
                            "the numbers %d to %d were open for extensions and not all of them are "
                            "any more",
                            start, end - 1);
        }
    }
    return 0;
}

static void compare_options(const struct comparing *c)
{
    const struct google_protobuf_MessageOptions none = {.map_entry = false};
    const struct google_protobuf_MessageOptions *was = c->old->options;
    const struct google_protobuf_MessageOptions *is = c->now->options;
    struct at_breaking_where where = at_breaking_at("message", c->now_symbol);

    was = was == NULL ? &none : was;
    is = is == NULL ? &none : is;
    if (was->message_set_wire_format != is->message_set_wire_format) {
        at_breaking_say(c->run, AT_MESSAGE_SAME_MESSAGE_SET_WIRE_FORMAT, 0, &where, "%s",
                        is->message_set_wire_format ? "is a message set now"
                                                    : "is no message set any more");
    }
    if (!was->no_standard_descriptor_accessor && is->no_standard_descriptor_accessor) {
        at_breaking_say(c->run, AT_MESSAGE_NO_REMOVE_STANDARD_DESCRIPTOR_ACCESSOR, 0, &where,
                        "it has no standard descriptor accessor any more");
    }
}

int at_breaking_messages(struct at_breaking_run *run, const struct at_set_symbol *old,
                         const struct at_set_symbol *now)
{
    struct comparing c = {.run = run,
                          .old_symbol = old,
                          .now_symbol = now,
                          .old = old->of.message,
                          .now = now->of.message};
    int r = prepare(&c);

    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < c.old->field.count; i++) {
        compare_field(&c, &c.old->field.at[i]);
    }
    compare_required(&c);
    at_oneofs_gone(run, &c.oneofs, now);
    compare_reserved(&c);
    compare_options(&c);
    return compare_extension_ranges(&c);
}
