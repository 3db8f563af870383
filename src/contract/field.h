/*
 * Questions about one field of a descriptor. For what is written about contracts; codecs have
 * tables (pb/).
 */
#ifndef AT_CONTRACT_FIELD_H
#define AT_CONTRACT_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "contract/set.h"
#include "descriptor.atoll.h"

/* Field numbers in descriptor.proto: the steps of a path in source info. */
enum {
    AT_FIELD_IN_MESSAGE = 2,
    AT_FIELD_IN_ENUM = 2,    /* a value */
    AT_FIELD_IN_SERVICE = 2, /* a method */
    AT_FIELD_IN_ONEOFS = 8,
};

/* google.api.field_behavior, by its numbers. */
enum at_field_behavior {
    AT_FIELD_REQUIRED = 2,
    AT_FIELD_OUTPUT_ONLY = 3,
    AT_FIELD_INPUT_ONLY = 4,
};

bool at_field_is_repeated(const struct google_protobuf_FieldDescriptorProto *f);
/* In a oneof that the .proto has: not in the one that protoc makes for proto3 optional. */
bool at_field_is_in_oneof(const struct google_protobuf_FieldDescriptorProto *f);
/* proto2's `required`, or google.api.field_behavior says REQUIRED. */
bool at_field_is_required(const struct google_protobuf_FieldDescriptorProto *f);
bool at_field_behaves(const struct google_protobuf_FieldDescriptorProto *f,
                      enum at_field_behavior behavior);
/* "itemId": as the descriptor says; else made of the name, into the arena (empty: no memory). */
struct at_bytes at_field_json_name(const struct google_protobuf_FieldDescriptorProto *f,
                                   struct at_arena *arena);
/* By lowerCamel or original name; NULL: the message has none. */
const struct google_protobuf_FieldDescriptorProto *
at_field_find(const struct at_set_symbol *message, struct at_bytes name);
/* Appends its comment. owner: the message that has it, or the extension itself. */
void at_field_add_comment(const struct at_set_symbol *owner,
                          const struct google_protobuf_FieldDescriptorProto *f,
                          struct at_text *out);
/* Is it a number, true or false as JSON writes them? */
bool at_field_is_json_scalar(struct at_bytes text);

#endif
