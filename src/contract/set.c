#include "contract/set.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "contract/judge.h"
#include "contract/limits.h"
#include "contract/set_places.h"
#include "descriptor.atoll.h"
#include "pb/codec.h"
#include "pb/descriptor.h"
#include "pb/fault.h"

struct loading {
    struct at_arena *arena;
    struct at_diag *diag;
    struct at_set_file *files;
    size_t file_count;
    const struct at_set_file **by_bytes; /* the files, by length and then by bytes */
    struct at_set_symbol *symbols;
    size_t symbol_count;
    size_t symbol_cap;
};

static int malformed(struct loading *l, const char *what, const char *name)
{
    at_diag_set(l->diag, "%s%s%s", what, name == NULL || name[0] == '\0' ? "" : ": ",
                name == NULL ? "" : name);
    return AT_SET_MALFORMED;
}

/* ---- files ---- */

/* Short ones first: those of other lengths are told apart without a look at them. */
static int order_bytes(struct at_bytes a, struct at_bytes b)
{
    return a.len != b.len ? (a.len < b.len ? -1 : 1) : at_bytes_compare(a, b);
}

/* Is there such a file? Else where it belongs in by_bytes. */
static bool is_known(const struct loading *l, struct at_bytes bytes, size_t *ret_place)
{
    size_t low = 0;
    size_t high = l->file_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int r = order_bytes(bytes, l->by_bytes[middle]->bytes);

        if (r == 0) {
            return true;
        }
        if (r < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    *ret_place = low;
    return false;
}

static int add_file(struct loading *l, struct at_bytes bytes, size_t place)
{
    struct google_protobuf_FileDescriptorProto *proto =
        at_arena_zalloc(l->arena, 1, sizeof(*proto));
    struct at_set_file *file = &l->files[l->file_count];
    struct at_pb_fault fault = {0};
    int r;

    if (proto == NULL) {
        return -ENOMEM;
    }
    r = at_pb_decode(&google_protobuf_FileDescriptorProto_desc, bytes, l->arena, proto, &fault);
    if (r > 0) {
        return malformed(l, "a file of the descriptor set cannot be read", fault.what);
    }
    if (r < 0) {
        return r;
    }
    *file = (struct at_set_file){.proto = proto, .bytes = bytes, .index = l->file_count};
    file->proto3 = at_bytes_equal(at_set_bytes(proto->syntax), AT_LIT("proto3"));
    r = at_judge_file(file, l->diag);
    if (r != 0) {
        return r;
    }
    memmove(l->by_bytes + place + 1, l->by_bytes + place,
            (l->file_count - place) * sizeof(struct at_set_file *));
    l->by_bytes[place] = file;
    l->file_count++;
    return at_set_sort_places(file, l->arena);
}

static int add_files(struct loading *l, struct at_bytes bytes)
{
    struct at_proto_file_set set;
    struct at_pb_fault fault = {0};
    int r = at_pb_decode(&at_proto_file_set_desc, bytes, l->arena, &set, &fault);

    if (r > 0) {
        return malformed(l, "this is no FileDescriptorSet", fault.what);
    }
    if (r < 0) {
        return r;
    }
    l->files = at_arena_zalloc(l->arena, set.files.count + 1, sizeof(*l->files));
    l->by_bytes = at_arena_zalloc(l->arena, set.files.count + 1, sizeof(*l->by_bytes));
    if (l->files == NULL || l->by_bytes == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; r == 0 && i < set.files.count; i++) {
        struct at_bytes one = at_set_bytes(set.files.at[i]);
        size_t place = 0;

        if (is_known(l, one, &place)) {
            continue;
        }
        if (l->file_count == AT_SET_FILES_MAX) {
            return malformed(l, "the descriptor set has too many files", "");
        }
        r = add_file(l, one, place);
    }
    return r;
}

/* ---- symbols ---- */

static struct at_set_symbol *add_symbol(struct loading *l, enum at_set_kind kind,
                                        const struct at_set_file *file,
                                        const struct at_set_symbol *parent, struct atoll_str name)
{
    struct at_set_symbol *s = &l->symbols[l->symbol_count];
    struct atoll_str package = file->proto->package;

    *s = (struct at_set_symbol){.kind = kind, .file = file, .parent = parent};
    if (parent != NULL) {
        s->full_name =
            at_arena_printf(l->arena, "%s.%.*s", parent->full_name, (int)name.len, name.at);
    } else {
        s->full_name = at_arena_printf(l->arena, "%.*s%s%.*s", (int)package.len, package.at,
                                       package.len == 0 ? "" : ".", (int)name.len, name.at);
    }
    if (s->full_name == NULL) {
        return NULL;
    }
    l->symbol_count++;
    return s;
}

/* What stands directly in a file or in a message. */
struct scope {
    const struct at_set_file *file;
    const struct at_set_symbol *parent;
    const struct google_protobuf_DescriptorProto *messages;
    size_t message_count;
    const struct google_protobuf_EnumDescriptorProto *enums;
    size_t enum_count;
    const struct google_protobuf_FieldDescriptorProto *extensions;
    size_t extension_count;
};

static size_t count_in(const struct scope *s)
{
    return s->message_count + s->enum_count + s->extension_count;
}

static int add_scope(struct loading *l, const struct scope *s)
{
    struct at_set_symbol *made;

    if (count_in(s) > l->symbol_cap - l->symbol_count) {
        return malformed(l, "the descriptor set has too many types", "");
    }
    for (size_t i = 0; i < s->message_count; i++) {
        made = add_symbol(l, AT_SET_MESSAGE, s->file, s->parent, s->messages[i].name);
        if (made == NULL) {
            return -ENOMEM;
        }
        made->of.message = &s->messages[i];
        made->index = (int32_t)i;
    }
    for (size_t i = 0; i < s->enum_count; i++) {
        made = add_symbol(l, AT_SET_ENUM, s->file, s->parent, s->enums[i].name);
        if (made == NULL) {
            return -ENOMEM;
        }
        made->of.enumeration = &s->enums[i];
        made->index = (int32_t)i;
    }
    for (size_t i = 0; i < s->extension_count; i++) {
        made = add_symbol(l, AT_SET_EXTENSION, s->file, s->parent, s->extensions[i].name);
        if (made == NULL) {
            return -ENOMEM;
        }
        made->of.extension = &s->extensions[i];
        made->index = (int32_t)i;
    }
    return 0;
}

static int add_services(struct loading *l, const struct at_set_file *file)
{
    const struct google_protobuf_FileDescriptorProto *f = file->proto;

    if (f->service.count > l->symbol_cap - l->symbol_count) {
        return malformed(l, "the descriptor set has too many types", "");
    }
    for (size_t i = 0; i < f->service.count; i++) {
        struct at_set_symbol *made =
            add_symbol(l, AT_SET_SERVICE, file, NULL, f->service.at[i].name);

        if (made == NULL) {
            return -ENOMEM;
        }
        made->of.service = &f->service.at[i];
        made->index = (int32_t)i;
    }
    return 0;
}

/* The list of symbols grows while it is walked: what is found in a message stands behind it. */
static int add_nested(struct loading *l, size_t from)
{
    for (size_t i = from; i < l->symbol_count; i++) {
        const struct at_set_symbol *s = &l->symbols[i];
        struct scope inner = {.file = s->file, .parent = s};
        int r;

        if (strlen(s->full_name) > AT_SET_NAME_MAX || at_set_depth_of(s) > AT_SET_NEST_MAX) {
            return malformed(l, "types are nested too deep, or their names are too long", "");
        }
        if (s->kind != AT_SET_MESSAGE) {
            continue;
        }
        inner.messages = s->of.message->nested_type.at;
        inner.message_count = s->of.message->nested_type.count;
        inner.enums = s->of.message->enum_type.at;
        inner.enum_count = s->of.message->enum_type.count;
        inner.extensions = s->of.message->extension.at;
        inner.extension_count = s->of.message->extension.count;
        r = add_scope(l, &inner);
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

/*
 * Symbols point at each other, so that their array must not move: all nested types of a message
 * are counted first, by the number of bytes that could hold them at the most (a type takes at
 * least two bytes), capped by AT_SET_SYMBOLS_MAX.
 */
static int add_symbols(struct loading *l, size_t bytes)
{
    l->symbol_cap = bytes / 2 < AT_SET_SYMBOLS_MAX ? bytes / 2 : AT_SET_SYMBOLS_MAX;
    l->symbols = at_arena_zalloc(l->arena, l->symbol_cap + 1, sizeof(*l->symbols));
    if (l->symbols == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < l->file_count; i++) {
        const struct google_protobuf_FileDescriptorProto *f = l->files[i].proto;
        struct scope scope = {
            .file = &l->files[i],
            .messages = f->message_type.at,
            .message_count = f->message_type.count,
            .enums = f->enum_type.at,
            .enum_count = f->enum_type.count,
            .extensions = f->extension.at,
            .extension_count = f->extension.count,
        };
        size_t from = l->symbol_count;
        int r = add_scope(l, &scope);

        r = r == 0 ? add_services(l, &l->files[i]) : r;
        r = r == 0 ? add_nested(l, from) : r;
        if (r != 0) {
            return r;
        }
        l->files[i].symbols = l->symbols + from;
        l->files[i].symbol_count = l->symbol_count - from;
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct at_set_symbol *const *one = a;
    const struct at_set_symbol *const *two = b;

    return strcmp((*one)->full_name, (*two)->full_name);
}

static int sort_symbols(struct loading *l, struct at_set *set)
{
    const struct at_set_symbol **list =
        at_arena_zalloc(l->arena, l->symbol_count + 1, sizeof(*list));

    if (list == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < l->symbol_count; i++) {
        list[i] = &l->symbols[i];
    }
    qsort(list, l->symbol_count, sizeof(const struct at_set_symbol *), by_name);
    for (size_t i = 1; i < l->symbol_count; i++) {
        if (strcmp(list[i - 1]->full_name, list[i]->full_name) == 0) {
            return malformed(l, "declared twice", list[i]->full_name);
        }
    }
    set->by_name = list;
    return 0;
}

static int by_file_name(const void *a, const void *b)
{
    const struct at_set_file *const *one = a;
    const struct at_set_file *const *two = b;

    return at_bytes_compare(at_set_bytes((*one)->proto->name), at_set_bytes((*two)->proto->name));
}

static int sort_files(struct loading *l, struct at_set *set)
{
    const struct at_set_file **list = at_arena_zalloc(l->arena, l->file_count + 1, sizeof(*list));

    if (list == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < l->file_count; i++) {
        list[i] = &l->files[i];
    }
    qsort(list, l->file_count, sizeof(const struct at_set_file *), by_file_name);
    for (size_t i = 1; i < l->file_count; i++) {
        if (by_file_name(&list[i - 1], &list[i]) == 0) {
            (void)malformed(l, "two different versions of one file",
                            at_arena_copy(l->arena, at_set_bytes(list[i]->proto->name)));
            at_diag_hint(l->diag,
                         "build what carries them again from the same file, or name one of "
                         "them alone");
            return AT_SET_MALFORMED;
        }
    }
    set->by_path = list;
    set->file_count = l->file_count;
    return 0;
}

static int find_imports(struct loading *l, const struct at_set *set)
{
    size_t total = 0;

    for (size_t i = 0; i < l->file_count; i++) {
        const struct google_protobuf_FileDescriptorProto *f = l->files[i].proto;
        const struct at_set_file **list;

        total += f->dependency.count;
        if (total > AT_SET_IMPORTS_MAX) {
            return malformed(l, "the descriptor set has too many imports", NULL);
        }
        list = at_arena_zalloc(l->arena, f->dependency.count + 1, sizeof(*list));
        if (list == NULL) {
            return -ENOMEM;
        }
        for (size_t k = 0; k < f->dependency.count; k++) {
            list[k] = at_set_find_file(set, at_set_bytes(f->dependency.at[k]));
        }
        l->files[i].imports = list;
    }
    return 0;
}

int at_set_load(struct at_arena *arena, struct at_bytes bytes, struct at_set *ret,
                struct at_diag *diag)
{
    struct loading l = {.arena = arena, .diag = diag};
    struct at_set set = {.files = NULL};
    int r;

    if (bytes.len > AT_SET_BYTES_MAX) {
        return malformed(&l, "the descriptor set has too many bytes", "");
    }
    r = add_files(&l, bytes);
    r = r == 0 ? sort_files(&l, &set) : r;
    r = r == 0 ? find_imports(&l, &set) : r;
    r = r == 0 ? add_symbols(&l, bytes.len) : r;
    r = r == 0 ? sort_symbols(&l, &set) : r;
    if (r != 0) {
        return r;
    }
    set.files = l.files;
    set.symbols = l.symbols;
    set.symbol_count = l.symbol_count;
    r = at_judge_set(&set, arena, diag);
    if (r == 0) {
        *ret = set;
    }
    return r;
}

/* ---- asking ---- */

const struct at_set_symbol *at_set_find(const struct at_set *set, struct at_bytes name)
{
    size_t low = 0;
    size_t high = set->symbol_count;

    if (name.len > 0 && name.at[0] == '.') {
        name = at_bytes_after(name, 1);
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int r = at_bytes_compare(name, at_bytes_of(set->by_name[middle]->full_name));

        if (r == 0) {
            return set->by_name[middle];
        }
        if (r < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

const struct at_set_file *at_set_find_file(const struct at_set *set, struct at_bytes name)
{
    size_t low = 0;
    size_t high = set->file_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int r = at_bytes_compare(name, at_set_bytes(set->by_path[middle]->proto->name));

        if (r == 0) {
            return set->by_path[middle];
        }
        if (r < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

bool at_set_is_standard(const struct at_set_file *file)
{
    struct at_bytes name = at_set_bytes(file->proto->name);

    return at_bytes_start_with(name, AT_LIT("google/")) ||
           at_bytes_start_with(name, AT_LIT("grpc/")) ||
           at_bytes_equal(name, AT_LIT("atoll/options.proto"));
}

struct at_bytes at_set_name_of(const struct at_set_symbol *symbol)
{
    switch (symbol->kind) {
    case AT_SET_MESSAGE: return at_set_bytes(symbol->of.message->name);
    case AT_SET_ENUM: return at_set_bytes(symbol->of.enumeration->name);
    case AT_SET_SERVICE: return at_set_bytes(symbol->of.service->name);
    case AT_SET_EXTENSION: break;
    }
    return at_set_bytes(symbol->of.extension->name);
}

bool at_set_is_map_entry(const struct at_set_symbol *message)
{
    return message->kind == AT_SET_MESSAGE && message->of.message->options != NULL &&
           message->of.message->options->map_entry;
}

const struct at_set_symbol *at_set_type_of(const struct at_set *set,
                                           const struct google_protobuf_FieldDescriptorProto *f)
{
    return f->type_name.len == 0 ? NULL : at_set_find(set, at_set_bytes(f->type_name));
}
