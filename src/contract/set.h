/*
 * A FileDescriptorSet with an index: every type and service by its full name, and where each thing
 * stands in its .proto.
 *
 * The bytes are input. at_set_load() judges them, so that all other code of this room may rely on
 * this: names are identifiers and unique, type names resolve to a type of the right kind, numbers,
 * labels and oneof indexes are in range, map entries have a key and a value. Everything is in the
 * arena; strings borrow the bytes. A loaded set is only read and may be shared by threads.
 */
#ifndef AT_CONTRACT_SET_H
#define AT_CONTRACT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "descriptor.atoll.h"

enum at_set_result {
    AT_SET_MALFORMED = 1, /* no descriptor set, or one that contradicts itself */
};

enum at_set_kind {
    AT_SET_MESSAGE,
    AT_SET_ENUM,
    AT_SET_SERVICE,
    AT_SET_EXTENSION, /* a field declared with `extend` */
};

/* Where something is declared: the path of SourceCodeInfo.Location. */
enum { AT_SET_PATH_MAX = 2 * 34 + 4 };

struct at_set_path {
    int32_t at[AT_SET_PATH_MAX];
    size_t len;
};

struct at_set_location {
    const int32_t *path;
    size_t path_len;
    const struct google_protobuf_SourceCodeInfo_Location *proto;
};

struct at_set_symbol;

struct at_set_file {
    const struct google_protobuf_FileDescriptorProto *proto;
    struct at_bytes bytes;                   /* of the FileDescriptorProto as it came */
    const struct at_set_location *locations; /* by path; none without source info */
    size_t location_count;
    const struct at_set_file *const *imports; /* by index of import; NULL where the set has none */
    const struct at_set_symbol *symbols;      /* declared in it; a part of the set's */
    size_t symbol_count;
    size_t index; /* among the files of the set */
    bool proto3;
};

/* A message, an enum, a service or an extension. Map entries are messages too. */
struct at_set_symbol {
    enum at_set_kind kind;
    const char *full_name; /* "shop.stock.v1.Item": no dot in front */
    const struct at_set_file *file;
    const struct at_set_symbol *parent; /* the message around it; NULL: none */
    union {
        const struct google_protobuf_DescriptorProto *message;
        const struct google_protobuf_EnumDescriptorProto *enumeration;
        const struct google_protobuf_ServiceDescriptorProto *service;
        const struct google_protobuf_FieldDescriptorProto *extension;
    } of;
    int32_t index; /* in the list of its parent or file */
};

struct at_set {
    const struct at_set_file *files; /* as they came; a file that came twice stands once */
    size_t file_count;
    const struct at_set_symbol *symbols; /* file after file; outer types before inner ones */
    size_t symbol_count;
    const struct at_set_symbol *const *by_name; /* sorted */
    const struct at_set_file *const *by_path;   /* the files, sorted by name */
};

/*
 * Sets may be concatenated; a file that comes twice with equal bytes is taken once. 0;
 * AT_SET_MALFORMED (diag says what and where); -ENOMEM (the arena is full). `bytes` must outlive
 * the set.
 */
int at_set_load(struct at_arena *arena, struct at_bytes bytes, struct at_set *ret,
                struct at_diag *diag);

/* By full name, with or without a dot in front. NULL when there is none. */
const struct at_set_symbol *at_set_find(const struct at_set *set, struct at_bytes name);
/* By the name it is imported by. NULL when there is none. */
const struct at_set_file *at_set_find_file(const struct at_set *set, struct at_bytes name);

/* A file that comes with protobuf, its APIs, gRPC or atoll: in a set, nobody's own contract. */
bool at_set_is_standard(const struct at_set_file *file);

/* "Item" of shop.stock.v1.Item. */
struct at_bytes at_set_name_of(const struct at_set_symbol *symbol);
/* The path of a symbol: {4, 0, 3, 1} is the second type declared in the first message. */
void at_set_path_of(const struct at_set_symbol *symbol, struct at_set_path *ret);
/* Goes one step down: the field number in the descriptor, and the index in that list. */
void at_set_path_add(struct at_set_path *path, int32_t field, int32_t index);
/* NULL when the file has no source info, or none there. */
const struct google_protobuf_SourceCodeInfo_Location *
at_set_location_of(const struct at_set_file *file, const struct at_set_path *path);

/* Options of a map entry message say so. */
bool at_set_is_map_entry(const struct at_set_symbol *message);
/* The type of a message, group or enum field; NULL for scalars. */
const struct at_set_symbol *at_set_type_of(const struct at_set *set,
                                           const struct google_protobuf_FieldDescriptorProto *f);

static inline struct at_bytes at_set_bytes(struct atoll_str s)
{
    return at_bytes_over(s.at, s.len);
}

#endif
