#include "pb/descriptor.h"

#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#define TAG(n, t)                                                                                  \
    ((uint32_t)(n) << 3 |                                                                          \
     ((t) == ATOLL_TYPE_STRING || (t) == ATOLL_TYPE_BYTES || (t) == ATOLL_TYPE_MESSAGE ? 2 : 0))

#define NAMED(text)                                                                                \
    .name = (text), .name_len = sizeof(text) - 1, .json_name = (text),                             \
    .json_name_len = sizeof(text) - 1

#define FIELD(n, t, m, s, member)                                                                  \
    .size = sizeof(struct atoll_field_desc), .number = (n), .tag = TAG(n, t), .type = (t),         \
    .mode = (m), .offset = offsetof(struct s, member), NAMED(#member)

#define TEXT(n, s, member) {FIELD(n, ATOLL_TYPE_STRING, ATOLL_MODE_IMPLICIT, s, member)}
#define TEXTS(n, s, member) {FIELD(n, ATOLL_TYPE_STRING, ATOLL_MODE_REPEATED, s, member)}
#define NUMBER(n, s, member) {FIELD(n, ATOLL_TYPE_INT32, ATOLL_MODE_IMPLICIT, s, member)}
#define BOOL(n, s, member) {FIELD(n, ATOLL_TYPE_BOOL, ATOLL_MODE_IMPLICIT, s, member)}
#define HAS(n, t, s, member)                                                                       \
    {FIELD(n, t, ATOLL_MODE_OPTIONAL, s, member),                                                  \
     .presence_offset = offsetof(struct s, has_##member)}
#define PACKED(n, s, member)                                                                       \
    {.size = sizeof(struct atoll_field_desc),                                                      \
     .number = (n),                                                                                \
     .tag = (n) << 3 | 2,                                                                          \
     .type = ATOLL_TYPE_INT32,                                                                     \
     .mode = ATOLL_MODE_REPEATED,                                                                  \
     .flags = ATOLL_FIELD_PACKED,                                                                  \
     .offset = offsetof(struct s, member),                                                         \
     NAMED(#member)}
#define ONE(n, s, member, d)                                                                       \
    {FIELD(n, ATOLL_TYPE_MESSAGE, ATOLL_MODE_IMPLICIT, s, member), .of.message = &(d)}
#define MANY(n, s, member, d)                                                                      \
    {FIELD(n, ATOLL_TYPE_MESSAGE, ATOLL_MODE_REPEATED, s, member), .of.message = &(d)}
#define PATTERN(n, t, member, d)                                                                   \
    {FIELD(n, t, ATOLL_MODE_ONEOF, at_proto_http_rule, member),                                    \
     .presence_offset = offsetof(struct at_proto_http_rule, pattern), .of.message = (d)}

#define MESSAGE(text, s, table, dense)                                                             \
    {.size = sizeof(struct atoll_message_desc),                                                    \
     .full_name = (text),                                                                          \
     .fields = (table),                                                                            \
     .field_count = sizeof(table) / sizeof((table)[0]),                                            \
     .field_stride = sizeof(struct atoll_field_desc),                                              \
     .dense_count = (dense),                                                                       \
     .struct_size = sizeof(struct s),                                                              \
     .unknown_offset = offsetof(struct s, unknown)}

// clang-format off
static const struct atoll_field_desc field_options_fields[] = {
    HAS(2, ATOLL_TYPE_BOOL, at_proto_field_options, packed),
    BOOL(3, at_proto_field_options, deprecated),
};
static const struct atoll_message_desc field_options =
    MESSAGE("google.protobuf.FieldOptions", at_proto_field_options, field_options_fields, 0);

static const struct atoll_field_desc field_fields[] = {
    TEXT(1, at_proto_field, name),
    NUMBER(3, at_proto_field, number),
    NUMBER(4, at_proto_field, label),
    NUMBER(5, at_proto_field, type),
    TEXT(6, at_proto_field, type_name),
    HAS(7, ATOLL_TYPE_STRING, at_proto_field, default_value),
    ONE(8, at_proto_field, options, field_options),
    HAS(9, ATOLL_TYPE_INT32, at_proto_field, oneof_index),
    TEXT(10, at_proto_field, json_name),
    BOOL(17, at_proto_field, proto3_optional),
};
static const struct atoll_message_desc field =
    MESSAGE("google.protobuf.FieldDescriptorProto", at_proto_field, field_fields, 1);

static const struct atoll_field_desc oneof_fields[] = {TEXT(1, at_proto_oneof, name)};
static const struct atoll_message_desc oneof =
    MESSAGE("google.protobuf.OneofDescriptorProto", at_proto_oneof, oneof_fields, 1);

static const struct atoll_field_desc enum_value_fields[] = {
    TEXT(1, at_proto_enum_value, name),
    NUMBER(2, at_proto_enum_value, number),
};
static const struct atoll_message_desc enum_value =
    MESSAGE("google.protobuf.EnumValueDescriptorProto", at_proto_enum_value, enum_value_fields, 2);

static const struct atoll_field_desc enum_fields[] = {
    TEXT(1, at_proto_enum, name),
    MANY(2, at_proto_enum, values, enum_value),
};
static const struct atoll_message_desc enumeration =
    MESSAGE("google.protobuf.EnumDescriptorProto", at_proto_enum, enum_fields, 2);

static const struct atoll_field_desc message_options_fields[] = {
    BOOL(3, at_proto_message_options, deprecated),
    BOOL(7, at_proto_message_options, map_entry),
};
static const struct atoll_message_desc message_options = MESSAGE(
    "google.protobuf.MessageOptions", at_proto_message_options, message_options_fields, 0);

static const struct atoll_message_desc message;
static const struct atoll_field_desc message_fields[] = {
    TEXT(1, at_proto_message, name),
    MANY(2, at_proto_message, fields, field),
    MANY(3, at_proto_message, nested, message),
    MANY(4, at_proto_message, enums, enumeration),
    ONE(7, at_proto_message, options, message_options),
    MANY(8, at_proto_message, oneofs, oneof),
};
static const struct atoll_message_desc message =
    MESSAGE("google.protobuf.DescriptorProto", at_proto_message, message_fields, 4);

static const struct atoll_field_desc http_custom_fields[] = {
    TEXT(1, at_proto_http_custom, kind),
    TEXT(2, at_proto_http_custom, path),
};
static const struct atoll_message_desc http_custom =
    MESSAGE("google.api.CustomHttpPattern", at_proto_http_custom, http_custom_fields, 2);

static const struct atoll_message_desc http_rule;
static const struct atoll_field_desc http_rule_fields[] = {
    PATTERN(2, ATOLL_TYPE_STRING, get, NULL),
    PATTERN(3, ATOLL_TYPE_STRING, put, NULL),
    PATTERN(4, ATOLL_TYPE_STRING, post, NULL),
    PATTERN(5, ATOLL_TYPE_STRING, delete_, NULL),
    PATTERN(6, ATOLL_TYPE_STRING, patch, NULL),
    TEXT(7, at_proto_http_rule, body),
    PATTERN(8, ATOLL_TYPE_MESSAGE, custom, &http_custom),
    MANY(11, at_proto_http_rule, additional, http_rule),
    TEXT(12, at_proto_http_rule, response_body),
};
static const struct atoll_message_desc http_rule =
    MESSAGE("google.api.HttpRule", at_proto_http_rule, http_rule_fields, 0);

static const struct atoll_field_desc method_options_fields[] = {
    BOOL(33, at_proto_method_options, deprecated),
    NUMBER(34, at_proto_method_options, idempotency),
    ONE(72295728, at_proto_method_options, http, http_rule),
};
static const struct atoll_message_desc method_options =
    MESSAGE("google.protobuf.MethodOptions", at_proto_method_options, method_options_fields, 0);

static const struct atoll_field_desc method_fields[] = {
    TEXT(1, at_proto_method, name),
    TEXT(2, at_proto_method, input),
    TEXT(3, at_proto_method, output),
    ONE(4, at_proto_method, options, method_options),
    BOOL(5, at_proto_method, client_streams),
    BOOL(6, at_proto_method, server_streams),
};
static const struct atoll_message_desc method =
    MESSAGE("google.protobuf.MethodDescriptorProto", at_proto_method, method_fields, 6);

static const struct atoll_field_desc service_fields[] = {
    TEXT(1, at_proto_service, name),
    MANY(2, at_proto_service, methods, method),
};
static const struct atoll_message_desc service =
    MESSAGE("google.protobuf.ServiceDescriptorProto", at_proto_service, service_fields, 2);

static const struct atoll_field_desc location_fields[] = {
    PACKED(1, at_proto_location, path),
    TEXT(3, at_proto_location, leading),
    TEXT(4, at_proto_location, trailing),
};
static const struct atoll_message_desc location =
    MESSAGE("google.protobuf.SourceCodeInfo.Location", at_proto_location, location_fields, 1);

static const struct atoll_field_desc source_info_fields[] = {
    MANY(1, at_proto_source_info, locations, location),
};
static const struct atoll_message_desc source_info =
    MESSAGE("google.protobuf.SourceCodeInfo", at_proto_source_info, source_info_fields, 1);

static const struct atoll_field_desc file_fields[] = {
    TEXT(1, at_proto_file, name),
    TEXT(2, at_proto_file, package),
    TEXTS(3, at_proto_file, dependencies),
    MANY(4, at_proto_file, messages, message),
    MANY(5, at_proto_file, enums, enumeration),
    MANY(6, at_proto_file, services, service),
    ONE(9, at_proto_file, source_info, source_info),
    TEXT(12, at_proto_file, syntax),
};
const struct atoll_message_desc at_proto_file_desc =
    MESSAGE("google.protobuf.FileDescriptorProto", at_proto_file, file_fields, 6);

static const struct atoll_field_desc file_set_fields[] = {
    {FIELD(1, ATOLL_TYPE_BYTES, ATOLL_MODE_REPEATED, at_proto_file_set, files)},
};
const struct atoll_message_desc at_proto_file_set_desc =
    MESSAGE("google.protobuf.FileDescriptorSet", at_proto_file_set, file_set_fields, 1);

static const struct atoll_field_desc plugin_request_fields[] = {
    TEXTS(1, at_proto_plugin_request, to_generate),
    TEXT(2, at_proto_plugin_request, parameter),
    {FIELD(15, ATOLL_TYPE_BYTES, ATOLL_MODE_REPEATED, at_proto_plugin_request, files)},
};
const struct atoll_message_desc at_proto_plugin_request_desc =
    MESSAGE("google.protobuf.compiler.CodeGeneratorRequest", at_proto_plugin_request,
            plugin_request_fields, 2);

static const struct atoll_field_desc plugin_file_fields[] = {
    TEXT(1, at_proto_plugin_file, name),
    TEXT(15, at_proto_plugin_file, content),
};
static const struct atoll_message_desc plugin_file =
    MESSAGE("google.protobuf.compiler.CodeGeneratorResponse.File", at_proto_plugin_file,
            plugin_file_fields, 1);

static const struct atoll_field_desc plugin_response_fields[] = {
    TEXT(1, at_proto_plugin_response, error),
    {FIELD(2, ATOLL_TYPE_UINT64, ATOLL_MODE_IMPLICIT, at_proto_plugin_response, features)},
    MANY(15, at_proto_plugin_response, files, plugin_file),
};
const struct atoll_message_desc at_proto_plugin_response_desc =
    MESSAGE("google.protobuf.compiler.CodeGeneratorResponse", at_proto_plugin_response,
            plugin_response_fields, 2);
// clang-format on
