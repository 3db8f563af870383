#include "contract/thing.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "contract/field.h"
#include "contract/set.h"
#include "descriptor.atoll.h"

/* Field numbers in descriptor.proto: the steps of a path. */
enum {
    FILE_IMPORT = 3,
    MESSAGE_FIELD = 2,
    MESSAGE_ONEOF = 8,
    ENUM_VALUE = 2,
    SERVICE_METHOD = 2,
};

static const struct {
    const char *word;
    const char *options;
    int32_t step; /* from what is around it; 0: it is a symbol itself */
} kinds[AT_THING_KINDS] = {
    [AT_THING_FILE] = {"file", "google.protobuf.FileOptions", 0},
    [AT_THING_IMPORT] = {"import", "", FILE_IMPORT},
    [AT_THING_MESSAGE] = {"message", "google.protobuf.MessageOptions", 0},
    [AT_THING_FIELD] = {"field", "google.protobuf.FieldOptions", MESSAGE_FIELD},
    [AT_THING_ONEOF] = {"oneof", "google.protobuf.OneofOptions", MESSAGE_ONEOF},
    [AT_THING_ENUM] = {"enum", "google.protobuf.EnumOptions", 0},
    [AT_THING_VALUE] = {"enum value", "google.protobuf.EnumValueOptions", ENUM_VALUE},
    [AT_THING_SERVICE] = {"service", "google.protobuf.ServiceOptions", 0},
    [AT_THING_METHOD] = {"rpc", "google.protobuf.MethodOptions", SERVICE_METHOD},
};

struct listing {
    struct at_thing *at;
    size_t count;
    bool *real; /* by index of oneof in the message at work: the .proto has it */
};

static size_t count_in(const struct at_set_symbol *s)
{
    switch (s->kind) {
    case AT_SET_MESSAGE: return 1 + s->of.message->field.count + s->of.message->oneof_decl.count;
    case AT_SET_ENUM: return 1 + s->of.enumeration->value.count;
    case AT_SET_SERVICE: return 1 + s->of.service->method.count;
    case AT_SET_EXTENSION: break;
    }
    return 1;
}

static struct at_thing *add(struct listing *list, enum at_thing_kind kind,
                            const struct at_set_symbol *symbol, size_t index)
{
    struct at_thing *t = &list->at[list->count++];

    *t = (struct at_thing){
        .kind = kind, .index = (int32_t)index, .file = symbol->file, .symbol = symbol};
    return t;
}

static void add_message(struct listing *list, const struct at_set_symbol *s)
{
    const struct google_protobuf_DescriptorProto *m = s->of.message;

    if (at_set_is_map_entry(s)) {
        return;
    }
    (void)add(list, AT_THING_MESSAGE, s, (size_t)s->index);
    memset(list->real, 0, m->oneof_decl.count * sizeof(*list->real));
    for (size_t i = 0; i < m->field.count; i++) {
        add(list, AT_THING_FIELD, s, i)->of.field = &m->field.at[i];
        if (at_field_is_in_oneof(&m->field.at[i])) {
            list->real[m->field.at[i].oneof_index] = true;
        }
    }
    for (size_t i = 0; i < m->oneof_decl.count; i++) {
        if (list->real[i]) {
            add(list, AT_THING_ONEOF, s, i)->of.oneof = &m->oneof_decl.at[i];
        }
    }
}

static void add_enum(struct listing *list, const struct at_set_symbol *s)
{
    const struct google_protobuf_EnumDescriptorProto *e = s->of.enumeration;

    (void)add(list, AT_THING_ENUM, s, (size_t)s->index);
    for (size_t i = 0; i < e->value.count; i++) {
        add(list, AT_THING_VALUE, s, i)->of.value = &e->value.at[i];
    }
}

static void add_service(struct listing *list, const struct at_set_symbol *s)
{
    const struct google_protobuf_ServiceDescriptorProto *service = s->of.service;

    (void)add(list, AT_THING_SERVICE, s, (size_t)s->index);
    for (size_t i = 0; i < service->method.count; i++) {
        add(list, AT_THING_METHOD, s, i)->of.method = &service->method.at[i];
    }
}

static void add_extension(struct listing *list, const struct at_set_symbol *s)
{
    add(list, AT_THING_FIELD, s, (size_t)s->index)->of.field = s->of.extension;
}

int at_things_of(const struct at_set *set, const struct at_set_file *file, struct at_arena *arena,
                 struct at_things *ret)
{
    static void (*const adders[])(struct listing *, const struct at_set_symbol *) = {
        [AT_SET_MESSAGE] = add_message,
        [AT_SET_ENUM] = add_enum,
        [AT_SET_SERVICE] = add_service,
        [AT_SET_EXTENSION] = add_extension,
    };
    struct listing list = {.at = NULL};
    size_t cap = 1 + file->proto->dependency.count;
    size_t oneofs = 1;

    for (size_t i = 0; i < file->symbol_count; i++) {
        const struct at_set_symbol *s = &file->symbols[i];

        cap += count_in(s);
        if (s->kind == AT_SET_MESSAGE && s->of.message->oneof_decl.count > oneofs) {
            oneofs = s->of.message->oneof_decl.count;
        }
    }
    list.at = at_arena_zalloc(arena, cap, sizeof(*list.at));
    list.real = at_arena_zalloc(arena, oneofs, sizeof(*list.real));
    if (list.at == NULL || list.real == NULL) {
        return -ENOMEM;
    }
    list.at[list.count++] = (struct at_thing){.kind = AT_THING_FILE, .file = file};
    for (size_t i = 0; i < file->proto->dependency.count; i++) {
        list.at[list.count++] =
            (struct at_thing){.kind = AT_THING_IMPORT, .index = (int32_t)i, .file = file};
    }
    for (size_t i = 0; i < file->symbol_count; i++) {
        adders[file->symbols[i].kind](&list, &file->symbols[i]);
    }
    *ret = (struct at_things){list.at, list.count};
    return 0;
}

struct at_bytes at_thing_name(const struct at_thing *thing)
{
    switch (thing->kind) {
    case AT_THING_FILE: return at_set_bytes(thing->file->proto->name);
    case AT_THING_IMPORT: return at_set_bytes(thing->file->proto->dependency.at[thing->index]);
    case AT_THING_FIELD: return at_set_bytes(thing->of.field->name);
    case AT_THING_ONEOF: return at_set_bytes(thing->of.oneof->name);
    case AT_THING_VALUE: return at_set_bytes(thing->of.value->name);
    case AT_THING_METHOD: return at_set_bytes(thing->of.method->name);
    case AT_THING_MESSAGE:
    case AT_THING_ENUM:
    case AT_THING_SERVICE:
    case AT_THING_KINDS: break;
    }
    return at_set_name_of(thing->symbol);
}

const char *at_thing_word(enum at_thing_kind kind)
{
    return kinds[kind].word;
}

const char *at_thing_options_name(enum at_thing_kind kind)
{
    return kinds[kind].options;
}

void at_thing_path(const struct at_thing *thing, struct at_set_path *ret)
{
    ret->len = 0;
    if (thing->symbol != NULL) {
        at_set_path_of(thing->symbol, ret);
    }
    if (kinds[thing->kind].step != 0 &&
        (thing->symbol == NULL || thing->symbol->kind != AT_SET_EXTENSION)) {
        at_set_path_add(ret, kinds[thing->kind].step, thing->index);
    }
}

static const struct atoll_unknown *symbol_options(const struct at_set_symbol *s)
{
    switch (s->kind) {
    case AT_SET_MESSAGE:
        return s->of.message->options == NULL ? NULL : s->of.message->options->unknown_fields;
    case AT_SET_ENUM:
        return s->of.enumeration->options == NULL ? NULL
                                                  : s->of.enumeration->options->unknown_fields;
    case AT_SET_SERVICE:
        return s->of.service->options == NULL ? NULL : s->of.service->options->unknown_fields;
    case AT_SET_EXTENSION: break;
    }
    return NULL;
}

const struct atoll_unknown *at_thing_custom_options(const struct at_thing *thing)
{
    switch (thing->kind) {
    case AT_THING_FILE:
        return thing->file->proto->options == NULL ? NULL
                                                   : thing->file->proto->options->unknown_fields;
    case AT_THING_FIELD:
        return thing->of.field->options == NULL ? NULL : thing->of.field->options->unknown_fields;
    case AT_THING_ONEOF:
        return thing->of.oneof->options == NULL ? NULL : thing->of.oneof->options->unknown_fields;
    case AT_THING_VALUE:
        return thing->of.value->options == NULL ? NULL : thing->of.value->options->unknown_fields;
    case AT_THING_METHOD:
        return thing->of.method->options == NULL ? NULL : thing->of.method->options->unknown_fields;
    case AT_THING_MESSAGE:
    case AT_THING_ENUM:
    case AT_THING_SERVICE: return symbol_options(thing->symbol);
    case AT_THING_IMPORT:
    case AT_THING_KINDS: break;
    }
    return NULL;
}
