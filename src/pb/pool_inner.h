/*
 * What the parts of the pool share. Inner header of pb.
 *
 * at_pool_add() goes through what is new in passes: every type, extension and service gets a name
 * and, where it has one, an empty table at an address that stays, so that they may refer to each
 * other in any order; then tables are filled; then services. Types within types are walked as a
 * list that grows, not by recursion.
 */
#ifndef AT_PB_POOL_INNER_H
#define AT_PB_POOL_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/map.h"
#include "pb/descriptor.h"
#include "pb/pool.h"

struct at_pool_type;

/* A field on its way into a table: declared in its message, or an extension of it. */
struct at_pool_field {
    const struct at_proto_field *proto;
    const char *extension; /* its full name; NULL: it is none */
    bool proto2;           /* of the file that declares it */
};

struct at_pool_extension {
    struct at_pool_extension *next; /* of the same message */
    struct at_pool_field field;
    struct at_pool_type *extendee;
};

struct at_pool_type {
    struct atoll_message_desc desc; /* first: from it we get back to the type */
    struct at_pool_type *next;      /* of those whose tables are to be made */
    struct at_pool_type *next_of_all;
    const struct at_proto_message *proto;
    struct at_pool_extension *extensions;
    size_t extension_count;
    size_t depth;
    bool proto2;
    bool queued; /* its table is to be made, or made again, by the at_pool_add() that runs */
};

struct at_pool_enum {
    struct atoll_enum_desc desc;
    int32_t first; /* the value that is declared first: what a field of proto2 has by default */
};

/* A name in the pool. Of a field that is no extension, and of a method, there is only the name. */
struct at_pool_symbol {
    struct at_pool_type *type;
    struct at_pool_enum *enumeration; /* of a value its type */
    struct at_pool_service *service;
    struct at_pool_extension *extension;
    const void *user; /* the table that has it at `place` among its types */
    uint16_t place;
    bool is_value;  /* of enumeration … */
    int32_t number; /* … which has this number */
};

struct at_pool_service_node {
    struct at_pool_service_node *next;
    struct at_pool_service service;
};

struct at_pool {
    struct at_arena arena;
    struct at_map symbols; /* full name to struct at_pool_symbol */
    struct at_map files;   /* file name to struct at_bytes of its descriptor */
    size_t type_count;
    struct at_pool_type *types; /* all of them */
    struct at_pool_type **types_end;
    size_t service_count;
    struct at_pool_service_node *services;
    struct at_pool_service_node **services_end;
};

struct at_pool_list {
    struct at_pool_type *first;
    struct at_pool_type **end;
};

/* One at_pool_add(). */
struct at_pool_adding {
    struct at_pool *pool;
    struct at_diag *diag;
    struct at_pool_list declared; /* types that are new */
    struct at_pool_list extended; /* types that were there and got more fields */
};

struct at_pool_file {
    const struct at_proto_file *proto; /* NULL: the pool had it already */
    const char *name;
    const char *package;
};

/* -EBADMSG, with the reason in the diag of struct at_pool_adding *a. */
#define AT_POOL_REFUSE(a, ...) (at_diag_set((a)->diag, __VA_ARGS__), -EBADMSG)

static inline struct at_bytes at_pool_bytes(struct atoll_str s)
{
    return at_bytes_over(s.at, s.len);
}

/* An identifier, or with_dots identifiers with dots between them. */
bool at_pool_is_name(struct at_bytes b, bool with_dots);
/* "scope.name" in the arena; name is judged. 0, -EBADMSG, -ENOMEM. */
int at_pool_full_name(struct at_pool_adding *a, const char *scope, struct atoll_str name,
                      const char **ret);
/* 0; -EBADMSG: the name is taken; -ENOMEM. */
int at_pool_add_symbol(struct at_pool_adding *a, const char *name, struct at_pool_symbol symbol);
struct at_pool_symbol *at_pool_symbol(const struct at_pool *pool, struct at_bytes name);
/* A type as descriptors name it, with a dot in front. NULL: there is none. */
struct at_pool_symbol *at_pool_symbol_of_type(const struct at_pool *pool, struct atoll_str name);

/* First pass: the types of a file, nested ones too, and then the extensions of all files. */
int at_pool_declare_types(struct at_pool_adding *a, const struct at_pool_file *file);
int at_pool_declare_extensions(struct at_pool_adding *a, const struct at_pool_file *files,
                               size_t count);
/* Second pass: the table of a type. */
int at_pool_make_table(struct at_pool_adding *a, struct at_pool_type *type);
/* When its fields have their places: what an empty message holds where that is not zero. */
int at_pool_make_initial(struct at_pool_adding *a, struct at_pool_type *type,
                         const struct at_pool_field *sources);
/* When all tables are made. Map entries are read by position: key is field 1 and value field 2. */
int at_pool_judge_map_entry(struct at_pool_adding *a, const struct at_pool_type *type);
/* Third pass: the services of a file. */
int at_pool_add_services(struct at_pool_adding *a, const struct at_pool_file *file);

#endif
