/*
 * Fields that move between oneofs. Members of a oneof exclude each other: where two fields come to
 * do so, or stop to, a message of the other version loses one of them. A move that changes this
 * for nobody only changes the code that is generated.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "contract/breaking_rules.h"
#include "contract/field.h"
#include "contract/finding.h"
#include "contract/index.h"
#include "contract/set.h"
#include "descriptor.atoll.h"

enum { NOWHERE = -1, UNKNOWN = -2 };

/* The oneof of the .proto that it is in, or NOWHERE. */
static int32_t oneof_of(const struct google_protobuf_FieldDescriptorProto *f)
{
    return at_field_is_in_oneof(f) ? f->oneof_index : NOWHERE;
}

static void mark_real(const struct google_protobuf_DescriptorProto *m, struct at_oneof_fate *fates)
{
    for (size_t i = 0; i < m->field.count; i++) {
        int32_t oneof = oneof_of(&m->field.at[i]);

        if (oneof != NOWHERE) {
            fates[oneof].real = true;
        }
    }
}

static void follow(struct at_oneofs *o, const struct at_index *now_fields)
{
    for (size_t i = 0; i < o->old->oneof_decl.count; i++) {
        o->old_fates[i].image = UNKNOWN;
    }
    for (size_t i = 0; i < o->old->field.count; i++) {
        const struct google_protobuf_FieldDescriptorProto *old = &o->old->field.at[i];
        const struct at_index_entry *e = at_index_number(now_fields, old->number);
        int32_t was = oneof_of(old);
        int32_t is = e == NULL ? NOWHERE : oneof_of(&o->now->field.at[e->at]);

        if (e == NULL) {
            continue;
        }
        if (is != NOWHERE) {
            o->now_fates[is].shared++;
        }
        if (was != NOWHERE) {
            struct at_oneof_fate *fate = &o->old_fates[was];

            fate->shared++;
            fate->image = fate->image == UNKNOWN || fate->image == is ? is : NOWHERE;
        }
    }
}

int at_oneofs_make(struct at_arena *arena, const struct google_protobuf_DescriptorProto *old,
                   const struct google_protobuf_DescriptorProto *now,
                   const struct at_index *now_fields, struct at_oneofs *ret)
{
    size_t n = now->oneof_decl.count;
    struct at_index_entry *names = at_arena_zalloc(arena, n + 1, sizeof(*names));

    *ret = (struct at_oneofs){.old = old, .now = now};
    ret->old_fates = at_arena_zalloc(arena, old->oneof_decl.count + 1, sizeof(*ret->old_fates));
    ret->now_fates = at_arena_zalloc(arena, n + 1, sizeof(*ret->now_fates));
    if (names == NULL || ret->old_fates == NULL || ret->now_fates == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        names[i] = (struct at_index_entry){0, at_set_bytes(now->oneof_decl.at[i].name), i};
    }
    mark_real(old, ret->old_fates);
    mark_real(now, ret->now_fates);
    follow(ret, now_fields);
    return at_index_make(arena, names, n, &ret->now_names);
}

/* Does it change who excludes whom, among the fields that both versions have? */
static bool is_lossy(const struct at_oneofs *o, int32_t was, int32_t is)
{
    if (was == NOWHERE) {
        return o->now_fates[is].shared > 1;
    }
    if (is == NOWHERE) {
        return o->old_fates[was].shared > 1;
    }
    return o->old_fates[was].image != is || o->old_fates[was].shared != o->now_fates[is].shared;
}

static struct at_bytes name_of(const struct google_protobuf_DescriptorProto *m, int32_t oneof)
{
    return oneof == NOWHERE ? AT_LIT("") : at_set_bytes(m->oneof_decl.at[oneof].name);
}

bool at_oneofs_field(struct at_breaking_run *run, const struct at_oneofs *oneofs,
                     const struct at_field_pair *pair, const struct at_breaking_where *where)
{
    int32_t was = oneof_of(pair->old);
    int32_t is = oneof_of(pair->now);
    struct at_bytes old_name = name_of(oneofs->old, was);
    struct at_bytes now_name = name_of(oneofs->now, is);
    bool lossy;

    if (was == NOWHERE && is == NOWHERE) {
        return false;
    }
    lossy = is_lossy(oneofs, was, is);
    if (was != NOWHERE && is != NOWHERE && !lossy) {
        return false; /* the same oneof; when it is called otherwise, the old one is gone */
    }
    if (at_bytes_equal(old_name, now_name)) {
        return false; /* others moved, and it is said of them */
    }
    if (is == NOWHERE) {
        at_breaking_say(run, AT_FIELD_SAME_ONEOF, lossy ? 0 : AT_BREAKS_SOURCE, where,
                        "moved out of the oneof %.*s", (int)old_name.len,
                        (const char *)old_name.at);
    } else {
        at_breaking_say(run, AT_FIELD_SAME_ONEOF, lossy ? 0 : AT_BREAKS_SOURCE, where,
                        "moved into the oneof %.*s", (int)now_name.len, (const char *)now_name.at);
    }
    return true;
}

void at_oneofs_gone(struct at_breaking_run *run, const struct at_oneofs *oneofs,
                    const struct at_set_symbol *now)
{
    struct at_breaking_where where = at_breaking_at("message", now);

    for (size_t i = 0; i < oneofs->old->oneof_decl.count; i++) {
        struct atoll_str name = oneofs->old->oneof_decl.at[i].name;
        const struct at_index_entry *e = at_index_name(&oneofs->now_names, at_set_bytes(name));

        if (oneofs->old_fates[i].real && (e == NULL || !oneofs->now_fates[e->at].real)) {
            at_breaking_say(run, AT_ONEOF_NO_DELETE, 0, &where, "the oneof %.*s is gone",
                            (int)name.len, name.at);
        }
    }
}
