/*
 * Descriptors: the messages of google/protobuf/descriptor.proto and compiler/plugin.proto that the
 * pool and the generator read, and google.api.HttpRule where MethodOptions carries it. Only the
 * fields we use have a place here; all others stay with the messages as unknown fields and are
 * written back, so that a file passes through unharmed.
 */
#ifndef AT_PB_DESCRIPTOR_H
#define AT_PB_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"

enum at_proto_label {
    AT_PROTO_OPTIONAL = 1,
    AT_PROTO_REQUIRED = 2,
    AT_PROTO_REPEATED = 3,
};

struct at_proto_names {
    struct atoll_str *at;
    size_t count;
};

/* Where only this one option is read: of files, enums, enum values and services. */
struct at_proto_options {
    bool deprecated;
    struct atoll_unknown *unknown;
};

/* (atoll.field) of proto/atoll/options.proto. */
struct at_proto_atoll_field {
    bool sensitive;
    struct atoll_unknown *unknown;
};

struct at_proto_field_options {
    bool has_packed;
    bool packed;
    bool deprecated;
    struct at_proto_atoll_field *atoll;
    struct atoll_unknown *unknown;
};

struct at_proto_field {
    struct atoll_str name;
    struct atoll_str extendee; /* ".shop.stock.v1.Item": the message that this extends; else "" */
    int32_t number;
    int32_t label;
    int32_t type;
    struct atoll_str type_name; /* ".shop.stock.v1.Item" */
    struct atoll_str default_value;
    bool has_default_value;
    bool has_oneof_index;
    int32_t oneof_index;
    struct atoll_str json_name;
    bool proto3_optional;
    struct at_proto_field_options *options;
    struct atoll_unknown *unknown;
};

struct at_proto_fields {
    struct at_proto_field *at;
    size_t count;
};

struct at_proto_oneof {
    struct atoll_str name;
    struct atoll_unknown *unknown;
};

struct at_proto_enum_value {
    struct atoll_str name;
    int32_t number;
    struct at_proto_options *options;
    struct atoll_unknown *unknown;
};

struct at_proto_enum {
    struct atoll_str name;
    struct {
        struct at_proto_enum_value *at;
        size_t count;
    } values;
    struct at_proto_options *options;
    struct atoll_unknown *unknown;
};

struct at_proto_message_options {
    bool message_set;
    bool deprecated;
    bool map_entry;
    struct atoll_unknown *unknown;
};

struct at_proto_range {
    int32_t start;
    int32_t end; /* not in it */
    struct atoll_unknown *unknown;
};

struct at_proto_message {
    struct atoll_str name;
    struct at_proto_fields fields;
    struct {
        struct at_proto_message *at;
        size_t count;
    } nested;
    struct {
        struct at_proto_enum *at;
        size_t count;
    } enums;
    struct {
        struct at_proto_range *at;
        size_t count;
    } extension_ranges;
    struct at_proto_fields extensions; /* declared here, of whatever message */
    struct at_proto_message_options *options;
    struct {
        struct at_proto_oneof *at;
        size_t count;
    } oneofs;
    struct atoll_unknown *unknown;
};

struct at_proto_http_custom {
    struct atoll_str kind;
    struct atoll_str path;
    struct atoll_unknown *unknown;
};

struct at_proto_http_rule {
    struct atoll_str get;
    struct atoll_str put;
    struct atoll_str post;
    struct atoll_str delete_;
    struct atoll_str patch;
    struct at_proto_http_custom *custom;
    struct atoll_str body;
    struct atoll_str response_body;
    struct {
        struct at_proto_http_rule *at;
        size_t count;
    } additional;
    uint32_t pattern; /* number of the field among get … custom that is set */
    struct atoll_unknown *unknown;
};

/* (atoll.method) of proto/atoll/options.proto. */
struct at_proto_atoll_method {
    struct atoll_str timeout; /* "2s"; "" none; see at_proto_timeout() */
    uint32_t max_request_bytes;
    bool pooled;
    struct atoll_unknown *unknown;
};

struct at_proto_method_options {
    bool deprecated;
    int32_t idempotency;
    struct at_proto_http_rule *http;
    struct at_proto_atoll_method *atoll;
    struct atoll_unknown *unknown;
};

struct at_proto_method {
    struct atoll_str name;
    struct atoll_str input; /* ".shop.stock.v1.GetItemRequest" */
    struct atoll_str output;
    struct at_proto_method_options *options;
    bool client_streams;
    bool server_streams;
    struct atoll_unknown *unknown;
};

struct at_proto_service {
    struct atoll_str name;
    struct {
        struct at_proto_method *at;
        size_t count;
    } methods;
    struct at_proto_options *options;
    struct atoll_unknown *unknown;
};

struct at_proto_location {
    struct {
        int32_t *at;
        size_t count;
    } path;
    struct atoll_str leading;
    struct atoll_str trailing;
    struct at_proto_names detached; /* comments before it that belong to nothing */
    struct atoll_unknown *unknown;
};

struct at_proto_source_info {
    struct {
        struct at_proto_location *at;
        size_t count;
    } locations;
    struct atoll_unknown *unknown;
};

struct at_proto_file {
    struct atoll_str name;
    struct atoll_str package;
    struct at_proto_names dependencies;
    struct {
        struct at_proto_message *at;
        size_t count;
    } messages;
    struct {
        struct at_proto_enum *at;
        size_t count;
    } enums;
    struct {
        struct at_proto_service *at;
        size_t count;
    } services;
    struct at_proto_fields extensions;
    struct at_proto_options *options;
    struct at_proto_source_info *source_info;
    struct {
        int32_t *at; /* indices of dependencies */
        size_t count;
    } public_dependencies;
    struct atoll_str syntax; /* "" or "proto2", "proto3" */
    struct atoll_unknown *unknown;
};

/* A FileDescriptorSet whose files are still bytes, to compare and to judge one by one. */
struct at_proto_file_set {
    struct at_proto_names files;
    struct atoll_unknown *unknown;
};

struct at_proto_plugin_request {
    struct at_proto_names to_generate;
    struct atoll_str parameter;
    struct at_proto_names files; /* bytes; see struct at_proto_file_set */
    struct atoll_unknown *unknown;
};

struct at_proto_plugin_file {
    struct atoll_str name;
    struct atoll_str content;
    struct atoll_unknown *unknown;
};

struct at_proto_plugin_response {
    struct atoll_str error;
    uint64_t features; /* 1: proto3 optional */
    struct {
        struct at_proto_plugin_file *at;
        size_t count;
    } files;
    struct atoll_unknown *unknown;
};

/* What follows from a declaration, the same for generated and for dynamic tables. */

/* Declared inside of a oneof that the .proto has (not one that protoc made for proto3 optional). */
bool at_proto_is_in_oneof(const struct at_proto_field *f);
bool at_proto_is_proto2(const struct at_proto_file *file);
/* enum atoll_form; ATOLL_FORM_REPEATED for a map, which only its type can tell. */
uint8_t at_proto_form(const struct at_proto_field *f, bool proto2);
/* enum atoll_field_flags. */
uint8_t at_proto_flags(const struct at_proto_field *f, bool proto2);
/* The tag as it is sent. f->number and f->type have been judged. */
uint32_t at_proto_tag(const struct at_proto_field *f, uint8_t form);
/*
 * (atoll.method).timeout in nanoseconds; 0: none. False: it is no duration ("250ms", "2s", "1m30s")
 * or is one of 0.
 */
bool at_proto_timeout(const struct at_proto_method *m, uint64_t *ret_ns);
/* (atoll.method).max_request_bytes; 0: none. */
uint32_t at_proto_max_request_bytes(const struct at_proto_method *m);
/* (atoll.method).pooled. */
bool at_proto_is_pooled(const struct at_proto_method *m);

/*
 * What the default value of a field says, which has one and is no enum and no message; value has
 * room for the field's type. 0; -EBADMSG: it is no value of that type; -ENOMEM.
 */
int at_proto_default(const struct at_proto_field *f, struct at_arena *arena, void *value);

extern const struct atoll_message_desc at_proto_file_desc;
extern const struct atoll_message_desc at_proto_file_set_desc;
extern const struct atoll_message_desc at_proto_plugin_request_desc;
extern const struct atoll_message_desc at_proto_plugin_response_desc;

#endif
