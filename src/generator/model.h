/*
 * What the generator knows about one .proto file: its messages and enums flattened, with the C
 * names of everything decided once, so that header and source cannot disagree.
 *
 * Names: a dot becomes '_', fields keep theirs. Where C or C++ has taken a name, or two would be
 * the same, '_' is appended; fields go before the helpers that we add (has_x, x_case), so a
 * helper never takes a field's name. Everything lives in one arena until the process ends.
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
    int32_t index;
};

struct at_gen_oneof {
    const char *name;      /* of the union */
    const char *case_name; /* of the number beside it */
};

struct at_gen_field {
    const struct at_proto_field *proto;
    const char *name;                 /* of the member */
    const char *access;               /* "item_id", or "payload.card" inside of a oneof */
    const char *presence;             /* "has_x", "payload_case"; NULL: none */
    const char *of;                   /* C name of the message or enum type; NULL: scalar */
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
    const char *unknown_name;    /* of the member for unknown fields */
    struct at_gen_field *fields; /* as declared */
    struct at_gen_oneof *oneofs;
    struct at_gen_path path;
};

struct at_gen_enum {
    struct at_gen_enum *next;
    const struct at_proto_enum *proto;
    const char *full_name;
    const char *c_name;
    const char *prefix; /* of its constants: "SHOP_CART_V1_" */
    struct at_gen_path path;
};

struct at_gen_method {
    const struct at_proto_method *proto;
    const char *name; /* get_item */
    const char *input;
    const char *output;
    struct at_gen_path path;
    bool is_unary;
};

struct at_gen_service {
    const struct at_proto_service *proto;
    const char *full_name;
    const char *c_name;
    struct at_gen_method *methods;
    struct at_gen_path path;
};

struct at_gen_input {
    const struct at_proto_file *proto;
    struct at_bytes bytes; /* the same, as it came */
    bool needed;           /* for the contract in work */
};

/* One run of the plugin. */
struct at_gen_run {
    struct at_arena *arena;
    struct at_gen_input *inputs; /* imports stand before those who need them */
    size_t input_count;
    struct at_map types; /* ".shop.v1.Item" to the struct at_gen_input that declares it */
    bool flat;           /* all output in one folder */
};

struct at_gen_file {
    struct at_gen_run *run;
    const struct at_gen_input *input;
    struct at_gen_message *messages;
    struct at_gen_enum *enums;
    struct at_gen_service *services;
    struct at_map comments; /* path as bytes to struct at_proto_location */
    const char *stem;       /* "shop/stock/v1/stock" */
};

/* 0; -EINVAL with diag: something this generator does not make; -ENOMEM. */
int at_gen_model(struct at_gen_run *run, const struct at_gen_input *input, struct at_gen_file *ret,
                 struct at_diag *diag);
/* ".shop.v1.Item" to "shop_v1_Item". NULL: out of memory. */
const char *at_gen_c_name(struct at_arena *arena, struct atoll_str full_name);
/* "shop/stock/v1/stock.proto" to "shop/stock/v1/stock", or "stock" when the run is flat. */
const char *at_gen_stem(const struct at_gen_run *run, struct atoll_str file_name);

/* The comments that the .proto has for the thing at path; NULL: none. */
const struct at_proto_location *at_gen_comments(const struct at_gen_file *file,
                                                const struct at_gen_path *path);

/* The two outputs. 0 or -ENOMEM. */
int at_gen_header(const struct at_gen_file *file, struct at_text *out);
int at_gen_source(const struct at_gen_file *file, struct at_text *out);

#endif
