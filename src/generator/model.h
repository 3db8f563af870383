/*
 * What the generator knows about one .proto file: its messages and enums flattened, with the C
 * names of everything decided once, so that header and source cannot disagree.
 *
 * Names: those of types follow from their full names alone (names.h), and their tables are called
 * as they, with _desc behind. Everything else that a header declares begins with the name of a type
 * of its own file, so files cannot clash; within a file, where C or C++ has taken a name or two
 * would be the same, the later one gets '_' appended, in this order: constants, helpers of messages,
 * functions of services. Fields keep their names, and go before the members that we add (has_x,
 * x_case). Constants of enums have the name of their scope in capitals in front, which two scopes
 * can share (the value BAR_X of a package foo, and X of an enum in its message Bar): where such
 * stand in two files, only one of the headers can be included.
 * Everything lives in one arena until the process ends.
 */
#ifndef AT_GENERATOR_MODEL_H
#define AT_GENERATOR_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/map.h"
#include "base/text.h"
#include "pb/descriptor.h"

/* Where something stands in a file, as SourceCodeInfo counts: field number, index, … */
struct at_gen_path {
    const struct at_gen_path *up;
    int32_t field;
    int32_t index; /* -1: the field is not repeated */
};

struct at_gen_oneof {
    const char *name;      /* of the union; NULL: made by protoc around a proto3 optional field */
    const char *case_name; /* of the number beside it */
    const char *tag;       /* of the enum of its members' numbers */
    const char *none;      /* the constant of that enum for no member */
};

struct at_gen_field {
    const struct at_proto_field *proto;
    const char *name;                 /* of the member */
    const char *access;               /* "item_id", or "payload.card" inside of a oneof */
    const char *presence;             /* "has_x", "payload_case"; NULL: none */
    const char *of;                   /* C name of the message or enum type; NULL: scalar */
    const char *number_name;          /* constant, of members of a oneof; else NULL */
    const char *setter;               /* function that sets value and presence; NULL: none */
    const char *maker;                /* of messages and lists: the function that makes one */
    const struct at_gen_oneof *oneof; /* NULL: in none */
    struct at_gen_path path;
    uint8_t form;  /* enum atoll_form */
    uint8_t flags; /* enum atoll_field_flags */
};

struct at_gen_message {
    struct at_gen_message *next;
    const struct at_proto_message *proto;
    const char *full_name;
    const char *c_name;
    const char *init_name;
    const char *unknown_name;    /* of the member for unknown fields */
    struct at_gen_field *fields; /* as declared */
    struct at_gen_oneof *oneofs;
    struct at_gen_path path;
    bool is_deprecated;
    bool is_entry;                      /* of a map */
    struct at_gen_extension *extension; /* whose holder it is; else NULL */
};

/* What is declared with `extend`: its holder is a message like others, and has the comments. */
struct at_gen_extension {
    struct atoll_str extendee_type; /* ".shop.v1.Item" */
    const char *extendee;           /* C name */
    const char *desc_name;
    const char *has_name;
    const char *get_name;
    const char *set_name;
    const char *clear_name;
};

struct at_gen_enum {
    struct at_gen_enum *next;
    const struct at_proto_enum *proto;
    const char *full_name;
    const char *c_name;
    const char *scope;  /* full name of what it stands in */
    const char **names; /* of its constants, as declared: "SHOP_CART_V1_KIND_GIFT" */
    struct at_gen_path path;
    bool is_deprecated;
};

struct at_gen_method {
    const struct at_proto_method *proto;
    const char *name; /* get_item */
    const char *thunk_name;
    const char *input;
    const char *output;
    struct at_gen_path path;
    bool client_streams;
    bool server_streams;
    bool is_deprecated;
    uint64_t timeout_ns; /* 0: none */
};

struct at_gen_service {
    const struct at_proto_service *proto;
    const char *full_name;
    const char *c_name;
    const char *with_name;
    const char *serve_name;
    struct at_gen_method *methods;
    struct at_gen_path path;
    bool is_deprecated;
};

struct at_gen_input {
    const struct at_proto_file *proto;
    struct at_bytes bytes; /* the same, as it came */
    bool needed;           /* for the contract in work */
    bool has_deprecated;   /* something in it is */
};

/* One run of the plugin. */
struct at_gen_run {
    struct at_arena *arena;
    struct at_gen_input *inputs; /* imports stand before those who need them */
    size_t input_count;
    struct at_map types; /* ".shop.v1.Item" to the struct at_gen_input that declares it */
    struct at_map enums; /* ".shop.v1.Kind" to its struct at_proto_enum */
    bool flat;           /* all output in one folder */
};

struct at_gen_file {
    struct at_gen_run *run;
    const struct at_gen_input *input;
    struct at_gen_message *messages;
    struct at_gen_enum *enums;
    struct at_gen_service *services;
    struct at_map comments; /* path as bytes to struct at_proto_location */
    struct at_map names;    /* functions, constants and variables, for at_gen_claim() */
    struct at_map tags;     /* of structs and enums */
    const char *stem;       /* "shop/stock/v1/stock" */
    bool is_deprecated;
    bool names_deprecated; /* it, or what it imports, has something that is deprecated */
};

/* 0; -EINVAL with diag: something this generator does not make; -ENOMEM. */
int at_gen_model(struct at_gen_run *run, const struct at_gen_input *input, struct at_gen_file *ret,
                 struct at_diag *diag);
/* Of a model, or of a half-built one; not the arena. */
void at_gen_model_deinit(struct at_gen_file *file);
/* "shop/stock/v1/stock.proto" to "shop/stock/v1/stock", or "stock" when the run is flat. */
const char *at_gen_stem(const struct at_gen_run *run, struct atoll_str file_name);
/* model_names.c: what belongs to a type whose name stands. 0, -EINVAL with diag, -ENOMEM. */
int at_gen_name_enum(struct at_gen_file *file, struct at_gen_enum *e);
int at_gen_name_message(struct at_gen_file *file, struct at_gen_message *m, struct at_diag *diag);
int at_gen_name_service(struct at_gen_file *file, struct at_gen_service *s, struct at_diag *diag);
/* Marks the input and everything it imports as needed, all others as not. */
void at_gen_mark_needed(struct at_gen_run *run, const struct at_gen_input *wanted);
/* NULL when the run has no file of that name. */
struct at_gen_input *at_gen_find_input(const struct at_gen_run *run, struct atoll_str name);
/* Is it a message, or a group, which is one too? */
bool at_gen_is_message(const struct at_proto_field *f);

/* The comments that the .proto has for the thing at path; NULL: none. */
const struct at_proto_location *at_gen_comments(const struct at_gen_file *file,
                                                const struct at_gen_path *path);

/* The two outputs. 0 or -ENOMEM. */
int at_gen_header(const struct at_gen_file *file, struct at_text *out);
int at_gen_source(const struct at_gen_file *file, struct at_text *out);

#endif
