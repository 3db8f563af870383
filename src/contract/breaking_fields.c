/* A field that both contracts have: what its changes mean. */
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
#include "contract/limits.h"
#include "contract/set.h"
#include "descriptor.atoll.h"

#define S(str) (int)(str).len, (str).at

/* ---- types ---- */

/*
 * Types of one wire group read each other's bytes (values that do not fit are cut, as the language
 * guide of protobuf says under "updating a message type"); types of one JSON group each other's
 * JSON: integers of 64 bits are strings there, enums names, bytes base64.
 */
static const struct {
    const char *name;
    uint8_t wire;
    uint8_t json;
} types[] = {
    [ATOLL_TYPE_DOUBLE] = {"double", 1, 1},     [ATOLL_TYPE_FLOAT] = {"float", 2, 1},
    [ATOLL_TYPE_INT64] = {"int64", 3, 2},       [ATOLL_TYPE_UINT64] = {"uint64", 3, 2},
    [ATOLL_TYPE_INT32] = {"int32", 3, 3},       [ATOLL_TYPE_FIXED64] = {"fixed64", 4, 2},
    [ATOLL_TYPE_FIXED32] = {"fixed32", 5, 3},   [ATOLL_TYPE_BOOL] = {"bool", 3, 4},
    [ATOLL_TYPE_STRING] = {"string", 6, 5},     [ATOLL_TYPE_GROUP] = {"group", 7, 6},
    [ATOLL_TYPE_MESSAGE] = {"message", 8, 6},   [ATOLL_TYPE_BYTES] = {"bytes", 9, 7},
    [ATOLL_TYPE_UINT32] = {"uint32", 3, 3},     [ATOLL_TYPE_ENUM] = {"enum", 3, 8},
    [ATOLL_TYPE_SFIXED32] = {"sfixed32", 5, 3}, [ATOLL_TYPE_SFIXED64] = {"sfixed64", 4, 2},
    [ATOLL_TYPE_SINT32] = {"sint32", 10, 3},    [ATOLL_TYPE_SINT64] = {"sint64", 10, 2},
};

enum { LOOK_AT_MAX = 16 }; /* fields of what may look like a map entry */

/* The entry of a map field; NULL: it is no map. */
static const struct at_set_symbol *entry_of(const struct at_set *set,
                                            const struct google_protobuf_FieldDescriptorProto *f)
{
    const struct at_set_symbol *type = at_field_is_repeated(f) ? at_set_type_of(set, f) : NULL;

    return type != NULL && at_set_is_map_entry(type) ? type : NULL;
}

/* Does the new enum have every value of the old one, by number and name? */
static bool has_all_values(const struct google_protobuf_EnumDescriptorProto *old,
                           const struct google_protobuf_EnumDescriptorProto *now,
                           struct at_breaking_run *run)
{
    size_t n = now->value.count;
    struct at_index_entry *entries = at_arena_zalloc(run->out->arena, n + 1, sizeof(*entries));
    struct at_index index;

    for (size_t i = 0; entries != NULL && i < n; i++) {
        entries[i] = (struct at_index_entry){now->value.at[i].number,
                                             at_set_bytes(now->value.at[i].name), i};
    }
    if (entries == NULL || at_index_make(run->out->arena, entries, n, &index) < 0) {
        run->out->failed = true;
        return false;
    }
    for (size_t i = 0; i < old->value.count; i++) {
        const struct at_index_entry *e = at_index_name(&index, at_set_bytes(old->value.at[i].name));

        if (e == NULL || e->number != old->value.at[i].number) {
            return false;
        }
    }
    return true;
}

/* Both are messages, groups or enums of the same kind, by name. */
static unsigned named_type_breaks(struct at_breaking_run *run,
                                  const struct google_protobuf_FieldDescriptorProto *old,
                                  const struct google_protobuf_FieldDescriptorProto *now)
{
    const struct at_set_symbol *was = at_set_type_of(run->old, old);
    const struct at_set_symbol *is = at_set_type_of(run->now, now);

    if (was == NULL || is == NULL || at_breaking_twin(run, was) == is) {
        return 0;
    }
    if (old->type != ATOLL_TYPE_ENUM) {
        return AT_BREAKS_ALL;
    }
    return has_all_values(was->of.enumeration, is->of.enumeration, run) ? AT_BREAKS_SOURCE
                                                                        : AT_BREAKS_ALL;
}

static unsigned scalar_breaks(struct at_breaking_run *run,
                              const struct google_protobuf_FieldDescriptorProto *old,
                              const struct google_protobuf_FieldDescriptorProto *now)
{
    if (old->type == now->type) {
        return named_type_breaks(run, old, now);
    }
    if (old->type == ATOLL_TYPE_STRING && now->type == ATOLL_TYPE_BYTES) {
        return AT_BREAKS_JSON | AT_BREAKS_SOURCE; /* text is bytes; bytes need not be text */
    }
    if (types[old->type].wire != types[now->type].wire) {
        return AT_BREAKS_ALL;
    }
    return types[old->type].json != types[now->type].json ? AT_BREAKS_JSON | AT_BREAKS_SOURCE
                                                          : AT_BREAKS_SOURCE;
}

static const struct google_protobuf_FieldDescriptorProto *
field_of(const struct at_set_symbol *message, int32_t number)
{
    const struct google_protobuf_DescriptorProto *m = message->of.message;

    for (size_t i = 0; i < m->field.count && i < LOOK_AT_MAX; i++) {
        if (m->field.at[i].number == number) {
            return &m->field.at[i];
        }
    }
    return NULL;
}

/* Keys and values of two map entries, or of a message that looks like one. */
static unsigned entry_breaks(struct at_breaking_run *run, const struct at_set_symbol *old,
                             const struct at_set_symbol *now)
{
    unsigned breaks = 0;

    for (int32_t number = 1; number <= 2; number++) {
        const struct google_protobuf_FieldDescriptorProto *was = field_of(old, number);
        const struct google_protobuf_FieldDescriptorProto *is = field_of(now, number);

        if (was == NULL || is == NULL) {
            return AT_BREAKS_ALL;
        }
        breaks |= scalar_breaks(run, was, is);
    }
    return breaks;
}

unsigned at_breaking_type(struct at_breaking_run *run, const struct at_field_pair *pair)
{
    const struct at_set_symbol *was = entry_of(run->old, pair->old);
    const struct at_set_symbol *is = entry_of(run->now, pair->now);

    if (was != NULL && is != NULL) {
        return entry_breaks(run, was, is);
    }
    if (was != NULL || is != NULL) {
        return 0; /* a map and something else: a matter of cardinality */
    }
    return scalar_breaks(run, pair->old, pair->now);
}

static const char *plain_type_text(struct at_breaking_run *run,
                                   const struct google_protobuf_FieldDescriptorProto *f)
{
    return f->type_name.len > 1
               ? at_findings_text(run->out, "%.*s", (int)f->type_name.len - 1, f->type_name.at + 1)
               : types[f->type].name;
}

const char *at_breaking_type_text(struct at_breaking_run *run, const struct at_set *set,
                                  const struct google_protobuf_FieldDescriptorProto *f)
{
    const struct at_set_symbol *entry = entry_of(set, f);

    if (entry != NULL) {
        const struct google_protobuf_FieldDescriptorProto *parts = entry->of.message->field.at;

        return at_findings_text(run->out, "map<%s, %s>", plain_type_text(run, &parts[0]),
                                plain_type_text(run, &parts[1]));
    }
    return at_findings_text(run->out, "%s%s", at_field_is_repeated(f) ? "repeated " : "",
                            plain_type_text(run, f));
}

static void compare_types(struct at_breaking_run *run, const struct at_field_pair *pair,
                          const struct at_breaking_where *where)
{
    unsigned breaks = at_breaking_type(run, pair);
    enum at_breaking_rule rule = AT_FIELD_SAME_TYPE;

    if (breaks == 0) {
        return;
    }
    if ((breaks & AT_BREAKS_WIRE) != 0) {
        rule = AT_FIELD_WIRE_COMPATIBLE_TYPE;
    } else if ((breaks & AT_BREAKS_JSON) != 0) {
        rule = AT_FIELD_WIRE_JSON_COMPATIBLE_TYPE;
    }
    at_breaking_say(run, rule, 0, where, "was %s and is now %s",
                    at_breaking_type_text(run, run->old, pair->old),
                    at_breaking_type_text(run, run->now, pair->now));
}

/* ---- cardinality ---- */

enum cardinality { IMPLICIT, EXPLICIT, REQUIRED, REPEATED, MAP };

static const struct {
    const char *text;
    uint8_t wire; /* those of one group read each other's bytes */
    uint8_t json;
} cardinalities[] = {
    [IMPLICIT] = {"without presence", 1, 1},
    [EXPLICIT] = {"optional", 1, 1},
    [REQUIRED] = {"required", 2, 2},
    [REPEATED] = {"repeated", 3, 3},
    [MAP] = {"a map", 3, 4},
};

static enum cardinality cardinality_of(const struct at_set *set, const struct at_set_file *file,
                                       const struct google_protobuf_FieldDescriptorProto *f)
{
    if (at_field_is_repeated(f)) {
        return entry_of(set, f) != NULL ? MAP : REPEATED;
    }
    if (f->label == GOOGLE_PROTOBUF_FIELD_DESCRIPTOR_PROTO_LABEL_REQUIRED) {
        return REQUIRED;
    }
    return !file->proto3 || f->has_oneof_index || f->type == ATOLL_TYPE_MESSAGE ||
                   f->type == ATOLL_TYPE_GROUP || f->extendee.len > 0
               ? EXPLICIT
               : IMPLICIT;
}

/* A map is a list of messages with a key and a value: does the other side's message look so? */
static bool look_alike(struct at_breaking_run *run, const struct at_field_pair *pair)
{
    const struct at_set_symbol *was = at_set_type_of(run->old, pair->old);
    const struct at_set_symbol *is = at_set_type_of(run->now, pair->now);

    return was != NULL && is != NULL && was->kind == AT_SET_MESSAGE && is->kind == AT_SET_MESSAGE &&
           entry_breaks(run, was, is) == 0;
}

static void compare_cardinality(struct at_breaking_run *run, const struct at_field_pair *pair,
                                const struct at_breaking_where *where)
{
    enum cardinality was = cardinality_of(run->old, pair->old_file, pair->old);
    enum cardinality is = cardinality_of(run->now, pair->now_file, pair->now);
    enum at_breaking_rule rule = AT_FIELD_SAME_CARDINALITY;

    if (was == is || was == REQUIRED || is == REQUIRED) { /* see MESSAGE_SAME_REQUIRED_FIELDS */
        return;
    }
    if (cardinalities[was].wire != cardinalities[is].wire ||
        ((was == MAP || is == MAP) && !look_alike(run, pair))) {
        rule = AT_FIELD_WIRE_COMPATIBLE_CARDINALITY;
    } else if (cardinalities[was].json != cardinalities[is].json) {
        rule = AT_FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY;
    } else if (pair->moved) {
        return; /* said already */
    }
    at_breaking_say(run, rule, 0, where, "was %s and is now %s", cardinalities[was].text,
                    cardinalities[is].text);
}

/* ---- names, defaults, options ---- */

static void compare_names(struct at_breaking_run *run, const struct at_field_pair *pair,
                          const struct at_breaking_where *where)
{
    struct at_bytes was = at_field_json_name(pair->old, run->out->arena);
    struct at_bytes is = at_field_json_name(pair->now, run->out->arena);

    if (!at_bytes_equal(at_set_bytes(pair->old->name), at_set_bytes(pair->now->name))) {
        at_breaking_say(run, AT_FIELD_SAME_NAME, 0, where, "was called %.*s", S(pair->old->name));
    } else if (!at_bytes_equal(was, is)) {
        at_breaking_say(run, AT_FIELD_SAME_JSON_NAME, 0, where,
                        "was called %.*s in JSON and is now %.*s", (int)was.len,
                        (const char *)was.at, (int)is.len, (const char *)is.at);
    }
}

/*
 * The number of the value that an absent enum field has; none: it is not among those that are
 * looked at, which is a bound on what a hostile set costs.
 */
static int64_t default_number(const struct at_set *set,
                              const struct google_protobuf_FieldDescriptorProto *f)
{
    const struct at_set_symbol *type = at_set_type_of(set, f);
    const struct google_protobuf_EnumDescriptorProto *e;

    if (type == NULL || type->kind != AT_SET_ENUM) {
        return 0;
    }
    e = type->of.enumeration;
    for (size_t i = 0; f->has_default_value && i < e->value.count && i < AT_SET_VALUES_MAX; i++) {
        if (at_bytes_equal(at_set_bytes(e->value.at[i].name), at_set_bytes(f->default_value))) {
            return e->value.at[i].number;
        }
    }
    return f->has_default_value ? INT64_MAX : e->value.at[0].number;
}

static struct at_bytes default_text(const struct google_protobuf_FieldDescriptorProto *f)
{
    if (f->has_default_value) {
        return at_set_bytes(f->default_value);
    }
    if (f->type == ATOLL_TYPE_STRING || f->type == ATOLL_TYPE_BYTES) {
        return AT_LIT("");
    }
    return f->type == ATOLL_TYPE_BOOL ? AT_LIT("false") : AT_LIT("0");
}

static bool has_default(const struct google_protobuf_FieldDescriptorProto *f)
{
    return !at_field_is_repeated(f) && f->type != ATOLL_TYPE_MESSAGE && f->type != ATOLL_TYPE_GROUP;
}

static void compare_defaults(struct at_breaking_run *run, const struct at_field_pair *pair,
                             const struct at_breaking_where *where)
{
    struct at_bytes was = default_text(pair->old);
    struct at_bytes is = default_text(pair->now);

    if (!has_default(pair->old) || !has_default(pair->now)) {
        return;
    }
    if (pair->old->type == ATOLL_TYPE_ENUM && pair->now->type == ATOLL_TYPE_ENUM) {
        bool named = pair->old->has_default_value && pair->now->has_default_value;

        if (named && at_bytes_equal(was, is)) {
            return; /* when its number has changed, that is said of the enum */
        }
        if (default_number(run->old, pair->old) != default_number(run->now, pair->now)) {
            at_breaking_say(run, AT_FIELD_SAME_DEFAULT, 0, where,
                            "an absent field does not mean the same value any more");
        }
        return;
    }
    if (pair->old->type == pair->now->type && !at_bytes_equal(was, is)) {
        at_breaking_say(run, AT_FIELD_SAME_DEFAULT, 0, where,
                        "the default was \"%.*s\" and is now \"%.*s\"", (int)was.len,
                        (const char *)was.at, (int)is.len, (const char *)is.at);
    }
}

static void compare_options(struct at_breaking_run *run, const struct at_field_pair *pair,
                            const struct at_breaking_where *where)
{
    const struct google_protobuf_FieldOptions none = {.has_ctype = false};
    const struct google_protobuf_FieldOptions *was = pair->old->options;
    const struct google_protobuf_FieldOptions *is = pair->now->options;

    was = was == NULL ? &none : was;
    is = is == NULL ? &none : is;
    if (was->jstype != is->jstype) {
        at_breaking_say(run, AT_FIELD_SAME_JSTYPE, 0, where, "its option jstype has changed");
    }
    if (was->ctype != is->ctype) {
        at_breaking_say(run, AT_FIELD_SAME_CPP_STRING_TYPE, 0, where,
                        "its option ctype has changed");
    }
}

void at_breaking_field(struct at_breaking_run *run, const struct at_field_pair *pair,
                       const struct at_breaking_where *where)
{
    compare_names(run, pair, where);
    compare_types(run, pair, where);
    compare_cardinality(run, pair, where);
    compare_defaults(run, pair, where);
    compare_options(run, pair, where);
}
