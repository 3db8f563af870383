/*
 * Tables written by hand, as the generator that could make them needs them first. Each message is a
 * list of its fields, F(struct, how, type, number, member, type of its own, name in the .proto),
 * from which the parts of its table are made.
 */
#include "pb/descriptor.h"

#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

/* Types that fields have, by index. */
enum of {
    OF_FILE_OPTIONS,
    OF_ENUM_OPTIONS,
    OF_VALUE_OPTIONS,
    OF_SERVICE_OPTIONS,
    OF_ATOLL_FIELD,
    OF_ATOLL_METHOD,
    OF_FIELD_OPTIONS,
    OF_FIELD,
    OF_ONEOF,
    OF_ENUM_VALUE,
    OF_ENUMERATION,
    OF_MESSAGE_OPTIONS,
    OF_RANGE,
    OF_MESSAGE,
    OF_HTTP_CUSTOM,
    OF_HTTP_RULE,
    OF_METHOD_OPTIONS,
    OF_METHOD,
    OF_SERVICE,
    OF_LOCATION,
    OF_SOURCE_INFO,
    OF_PLUGIN_FILE,
    OF_COUNT,
    OF_NONE = 0,
};

static const union atoll_type_ref types[OF_COUNT];

#define FORM_PLAIN ATOLL_FORM_IMPLICIT
#define FORM_HAS ATOLL_FORM_OPTIONAL
#define FORM_MANY ATOLL_FORM_REPEATED
#define FORM_PACKED ATOLL_FORM_PACKED
#define FORM_PATTERN ATOLL_FORM_ONEOF

#define PRESENCE_PLAIN(s, member) 0
#define PRESENCE_HAS(s, member) offsetof(struct s, has_##member)
#define PRESENCE_MANY(s, member) 0
#define PRESENCE_PACKED(s, member) 0
#define PRESENCE_PATTERN(s, member) offsetof(struct s, pattern)

#define WIRE(how, type)                                                                            \
    (FORM_##how == ATOLL_FORM_PACKED || ATOLL_TYPE_##type == ATOLL_TYPE_STRING ||                  \
             ATOLL_TYPE_##type == ATOLL_TYPE_BYTES || ATOLL_TYPE_##type == ATOLL_TYPE_MESSAGE      \
         ? 2                                                                                       \
         : 0)

#define FIELD(s, how, type, n, member, sub, name)                                                  \
    {.tag = (n) << 3 | WIRE(how, type),                                                            \
     .offset = offsetof(struct s, member),                                                         \
     .presence = PRESENCE_##how(s, member),                                                        \
     .of = OF_##sub,                                                                               \
     .kind = FORM_##how << 5 | ATOLL_TYPE_##type},

#define TEXT_MEMBER(s, how, type, n, member, sub, name) char member[sizeof(name)];
#define TEXT(s, how, type, n, member, sub, name) .member = {name},
#define NAME(s, how, type, n, member, sub, name)                                                   \
    {offsetof(struct s##_text, member), offsetof(struct s##_text, member), sizeof(name) - 1,       \
     sizeof(name) - 1},

#define PARTS(id, s, LIST)                                                                         \
    static const struct atoll_field_desc id##_fields[] = {LIST(FIELD, s)};                         \
    struct s##_text {                                                                              \
        LIST(TEXT_MEMBER, s)                                                                       \
    };                                                                                             \
    static const struct s##_text id##_text = {LIST(TEXT, s)};                                      \
    static const struct atoll_field_name id##_names[] = {LIST(NAME, s)}

#define MESSAGE(id, s, full, dense)                                                                \
    {.size = sizeof(struct atoll_message_desc),                                                    \
     .struct_size = sizeof(struct s),                                                              \
     .field_count = sizeof(id##_fields) / sizeof(id##_fields[0]),                                  \
     .dense_count = (dense),                                                                       \
     .unknown_offset = offsetof(struct s, unknown),                                                \
     .fields = id##_fields,                                                                        \
     .types = types,                                                                               \
     .names = id##_names,                                                                          \
     .text = (const char *)&id##_text,                                                             \
     .full_name = (full)}

// clang-format off
#define ONLY_DEPRECATED(id, full, n) \
    static const struct atoll_field_desc id##_fields[] = { \
        FIELD(at_proto_options, PLAIN, BOOL, n, deprecated, NONE, "deprecated")}; \
    static const struct atoll_message_desc id = { \
        .size = sizeof(struct atoll_message_desc), \
        .struct_size = sizeof(struct at_proto_options), \
        .field_count = 1, \
        .dense_count = (n) == 1 ? 1 : 0, \
        .unknown_offset = offsetof(struct at_proto_options, unknown), \
        .fields = id##_fields, \
        .names = deprecated_names, \
        .text = "deprecated", \
        .full_name = (full)}
static const struct atoll_field_name deprecated_names[] = {
    {0, 0, sizeof("deprecated") - 1, sizeof("deprecated") - 1}};
ONLY_DEPRECATED(file_options, "google.protobuf.FileOptions", 23);
ONLY_DEPRECATED(enum_options, "google.protobuf.EnumOptions", 3);
ONLY_DEPRECATED(value_options, "google.protobuf.EnumValueOptions", 1);
ONLY_DEPRECATED(service_options, "google.protobuf.ServiceOptions", 33);

#define ATOLL_FIELD_FIELDS(F, S) \
    F(S, PLAIN, BOOL, 1, sensitive, NONE, "sensitive")
PARTS(atoll_field, at_proto_atoll_field, ATOLL_FIELD_FIELDS);
static const struct atoll_message_desc atoll_field =
    MESSAGE(atoll_field, at_proto_atoll_field, "atoll.FieldOptions", 1);

#define ATOLL_METHOD_FIELDS(F, S) \
    F(S, PLAIN, STRING, 1, timeout, NONE, "timeout") \
    F(S, PLAIN, UINT32, 2, max_request_bytes, NONE, "max_request_bytes") \
    F(S, PLAIN, BOOL, 3, pooled, NONE, "pooled")
PARTS(atoll_method, at_proto_atoll_method, ATOLL_METHOD_FIELDS);
static const struct atoll_message_desc atoll_method =
    MESSAGE(atoll_method, at_proto_atoll_method, "atoll.MethodOptions", 3);

#define FIELD_OPTIONS_FIELDS(F, S) \
    F(S, HAS, BOOL, 2, packed, NONE, "packed") \
    F(S, PLAIN, BOOL, 3, deprecated, NONE, "deprecated") \
    F(S, PLAIN, MESSAGE, 61405, atoll, ATOLL_FIELD, "(atoll.field)")
PARTS(field_options, at_proto_field_options, FIELD_OPTIONS_FIELDS);
static const struct atoll_message_desc field_options =
    MESSAGE(field_options, at_proto_field_options, "google.protobuf.FieldOptions", 0);

#define FIELD_FIELDS(F, S) \
    F(S, PLAIN, STRING, 1, name, NONE, "name") \
    F(S, PLAIN, STRING, 2, extendee, NONE, "extendee") \
    F(S, PLAIN, INT32, 3, number, NONE, "number") \
    F(S, PLAIN, INT32, 4, label, NONE, "label") \
    F(S, PLAIN, INT32, 5, type, NONE, "type") \
    F(S, PLAIN, STRING, 6, type_name, NONE, "type_name") \
    F(S, HAS, STRING, 7, default_value, NONE, "default_value") \
    F(S, PLAIN, MESSAGE, 8, options, FIELD_OPTIONS, "options") \
    F(S, HAS, INT32, 9, oneof_index, NONE, "oneof_index") \
    F(S, PLAIN, STRING, 10, json_name, NONE, "json_name") \
    F(S, PLAIN, BOOL, 17, proto3_optional, NONE, "proto3_optional")
PARTS(field, at_proto_field, FIELD_FIELDS);
static const struct atoll_message_desc field =
    MESSAGE(field, at_proto_field, "google.protobuf.FieldDescriptorProto", 10);

#define ONEOF_FIELDS(F, S) \
    F(S, PLAIN, STRING, 1, name, NONE, "name")
PARTS(oneof, at_proto_oneof, ONEOF_FIELDS);
static const struct atoll_message_desc oneof =
    MESSAGE(oneof, at_proto_oneof, "google.protobuf.OneofDescriptorProto", 1);

#define ENUM_VALUE_FIELDS(F, S) \
    F(S, PLAIN, STRING, 1, name, NONE, "name") \
    F(S, PLAIN, INT32, 2, number, NONE, "number") \
    F(S, PLAIN, MESSAGE, 3, options, VALUE_OPTIONS, "options")
PARTS(enum_value, at_proto_enum_value, ENUM_VALUE_FIELDS);
static const struct atoll_message_desc enum_value =
    MESSAGE(enum_value, at_proto_enum_value, "google.protobuf.EnumValueDescriptorProto", 3);

#define ENUMERATION_FIELDS(F, S) \
    F(S, PLAIN, STRING, 1, name, NONE, "name") \
    F(S, MANY, MESSAGE, 2, values, ENUM_VALUE, "value") \
    F(S, PLAIN, MESSAGE, 3, options, ENUM_OPTIONS, "options")
PARTS(enumeration, at_proto_enum, ENUMERATION_FIELDS);
static const struct atoll_message_desc enumeration =
    MESSAGE(enumeration, at_proto_enum, "google.protobuf.EnumDescriptorProto", 3);

#define MESSAGE_OPTIONS_FIELDS(F, S) \
    F(S, PLAIN, BOOL, 1, message_set, NONE, "message_set_wire_format") \
    F(S, PLAIN, BOOL, 3, deprecated, NONE, "deprecated") \
    F(S, PLAIN, BOOL, 7, map_entry, NONE, "map_entry")
PARTS(message_options, at_proto_message_options, MESSAGE_OPTIONS_FIELDS);
static const struct atoll_message_desc message_options =
    MESSAGE(message_options, at_proto_message_options, "google.protobuf.MessageOptions", 1);

#define RANGE_FIELDS(F, S) \
    F(S, PLAIN, INT32, 1, start, NONE, "start") \
    F(S, PLAIN, INT32, 2, end, NONE, "end")
PARTS(range, at_proto_range, RANGE_FIELDS);
static const struct atoll_message_desc range =
    MESSAGE(range, at_proto_range, "google.protobuf.DescriptorProto.ExtensionRange", 2);

#define MESSAGE_FIELDS(F, S) \
    F(S, PLAIN, STRING, 1, name, NONE, "name") \
    F(S, MANY, MESSAGE, 2, fields, FIELD, "field") \
    F(S, MANY, MESSAGE, 3, nested, MESSAGE, "nested_type") \
    F(S, MANY, MESSAGE, 4, enums, ENUMERATION, "enum_type") \
    F(S, MANY, MESSAGE, 5, extension_ranges, RANGE, "extension_range") \
    F(S, MANY, MESSAGE, 6, extensions, FIELD, "extension") \
    F(S, PLAIN, MESSAGE, 7, options, MESSAGE_OPTIONS, "options") \
    F(S, MANY, MESSAGE, 8, oneofs, ONEOF, "oneof_decl")
PARTS(message, at_proto_message, MESSAGE_FIELDS);
static const struct atoll_message_desc message =
    MESSAGE(message, at_proto_message, "google.protobuf.DescriptorProto", 8);

#define HTTP_CUSTOM_FIELDS(F, S) \
    F(S, PLAIN, STRING, 1, kind, NONE, "kind") \
    F(S, PLAIN, STRING, 2, path, NONE, "path")
PARTS(http_custom, at_proto_http_custom, HTTP_CUSTOM_FIELDS);
static const struct atoll_message_desc http_custom =
    MESSAGE(http_custom, at_proto_http_custom, "google.api.CustomHttpPattern", 2);

#define HTTP_RULE_FIELDS(F, S) \
    F(S, PATTERN, STRING, 2, get, NONE, "get") \
    F(S, PATTERN, STRING, 3, put, NONE, "put") \
    F(S, PATTERN, STRING, 4, post, NONE, "post") \
    F(S, PATTERN, STRING, 5, delete_, NONE, "delete") \
    F(S, PATTERN, STRING, 6, patch, NONE, "patch") \
    F(S, PLAIN, STRING, 7, body, NONE, "body") \
    F(S, PATTERN, MESSAGE, 8, custom, HTTP_CUSTOM, "custom") \
    F(S, MANY, MESSAGE, 11, additional, HTTP_RULE, "additional_bindings") \
    F(S, PLAIN, STRING, 12, response_body, NONE, "response_body")
PARTS(http_rule, at_proto_http_rule, HTTP_RULE_FIELDS);
static const struct atoll_message_desc http_rule =
    MESSAGE(http_rule, at_proto_http_rule, "google.api.HttpRule", 0);

#define METHOD_OPTIONS_FIELDS(F, S) \
    F(S, PLAIN, BOOL, 33, deprecated, NONE, "deprecated") \
    F(S, PLAIN, INT32, 34, idempotency, NONE, "idempotency_level") \
    F(S, PLAIN, MESSAGE, 61405, atoll, ATOLL_METHOD, "(atoll.method)") \
    F(S, PLAIN, MESSAGE, 72295728, http, HTTP_RULE, "(google.api.http)")
PARTS(method_options, at_proto_method_options, METHOD_OPTIONS_FIELDS);
static const struct atoll_message_desc method_options =
    MESSAGE(method_options, at_proto_method_options, "google.protobuf.MethodOptions", 0);

#define METHOD_FIELDS(F, S) \
    F(S, PLAIN, STRING, 1, name, NONE, "name") \
    F(S, PLAIN, STRING, 2, input, NONE, "input_type") \
    F(S, PLAIN, STRING, 3, output, NONE, "output_type") \
    F(S, PLAIN, MESSAGE, 4, options, METHOD_OPTIONS, "options") \
    F(S, PLAIN, BOOL, 5, client_streams, NONE, "client_streaming") \
    F(S, PLAIN, BOOL, 6, server_streams, NONE, "server_streaming")
PARTS(method, at_proto_method, METHOD_FIELDS);
static const struct atoll_message_desc method =
    MESSAGE(method, at_proto_method, "google.protobuf.MethodDescriptorProto", 6);

#define SERVICE_FIELDS(F, S) \
    F(S, PLAIN, STRING, 1, name, NONE, "name") \
    F(S, MANY, MESSAGE, 2, methods, METHOD, "method") \
    F(S, PLAIN, MESSAGE, 3, options, SERVICE_OPTIONS, "options")
PARTS(service, at_proto_service, SERVICE_FIELDS);
static const struct atoll_message_desc service =
    MESSAGE(service, at_proto_service, "google.protobuf.ServiceDescriptorProto", 3);

#define LOCATION_FIELDS(F, S) \
    F(S, PACKED, INT32, 1, path, NONE, "path") \
    F(S, PLAIN, STRING, 3, leading, NONE, "leading_comments") \
    F(S, PLAIN, STRING, 4, trailing, NONE, "trailing_comments") \
    F(S, MANY, STRING, 6, detached, NONE, "leading_detached_comments")
PARTS(location, at_proto_location, LOCATION_FIELDS);
static const struct atoll_message_desc location =
    MESSAGE(location, at_proto_location, "google.protobuf.SourceCodeInfo.Location", 1);

#define SOURCE_INFO_FIELDS(F, S) \
    F(S, MANY, MESSAGE, 1, locations, LOCATION, "location")
PARTS(source_info, at_proto_source_info, SOURCE_INFO_FIELDS);
static const struct atoll_message_desc source_info =
    MESSAGE(source_info, at_proto_source_info, "google.protobuf.SourceCodeInfo", 1);

#define PLUGIN_FILE_FIELDS(F, S) \
    F(S, PLAIN, STRING, 1, name, NONE, "name") \
    F(S, PLAIN, STRING, 15, content, NONE, "content")
PARTS(plugin_file, at_proto_plugin_file, PLUGIN_FILE_FIELDS);
static const struct atoll_message_desc plugin_file =
    MESSAGE(plugin_file, at_proto_plugin_file, "google.protobuf.compiler.CodeGeneratorResponse.File", 1);

#define FILE_FIELDS(F, S) \
    F(S, PLAIN, STRING, 1, name, NONE, "name") \
    F(S, PLAIN, STRING, 2, package, NONE, "package") \
    F(S, MANY, STRING, 3, dependencies, NONE, "dependency") \
    F(S, MANY, MESSAGE, 4, messages, MESSAGE, "message_type") \
    F(S, MANY, MESSAGE, 5, enums, ENUMERATION, "enum_type") \
    F(S, MANY, MESSAGE, 6, services, SERVICE, "service") \
    F(S, MANY, MESSAGE, 7, extensions, FIELD, "extension") \
    F(S, PLAIN, MESSAGE, 8, options, FILE_OPTIONS, "options") \
    F(S, PLAIN, MESSAGE, 9, source_info, SOURCE_INFO, "source_code_info") \
    F(S, MANY, INT32, 10, public_dependencies, NONE, "public_dependency") \
    F(S, PLAIN, STRING, 12, syntax, NONE, "syntax")
PARTS(file, at_proto_file, FILE_FIELDS);
const struct atoll_message_desc at_proto_file_desc =
    MESSAGE(file, at_proto_file, "google.protobuf.FileDescriptorProto", 10);

#define FILE_SET_FIELDS(F, S) \
    F(S, MANY, BYTES, 1, files, NONE, "file")
PARTS(file_set, at_proto_file_set, FILE_SET_FIELDS);
const struct atoll_message_desc at_proto_file_set_desc =
    MESSAGE(file_set, at_proto_file_set, "google.protobuf.FileDescriptorSet", 1);

#define PLUGIN_REQUEST_FIELDS(F, S) \
    F(S, MANY, STRING, 1, to_generate, NONE, "file_to_generate") \
    F(S, PLAIN, STRING, 2, parameter, NONE, "parameter") \
    F(S, MANY, BYTES, 15, files, NONE, "proto_file")
PARTS(plugin_request, at_proto_plugin_request, PLUGIN_REQUEST_FIELDS);
const struct atoll_message_desc at_proto_plugin_request_desc =
    MESSAGE(plugin_request, at_proto_plugin_request, "google.protobuf.compiler.CodeGeneratorRequest", 2);

#define PLUGIN_RESPONSE_FIELDS(F, S) \
    F(S, PLAIN, STRING, 1, error, NONE, "error") \
    F(S, PLAIN, UINT64, 2, features, NONE, "supported_features") \
    F(S, MANY, MESSAGE, 15, files, PLUGIN_FILE, "file")
PARTS(plugin_response, at_proto_plugin_response, PLUGIN_RESPONSE_FIELDS);
const struct atoll_message_desc at_proto_plugin_response_desc =
    MESSAGE(plugin_response, at_proto_plugin_response, "google.protobuf.compiler.CodeGeneratorResponse", 2);

static const union atoll_type_ref types[OF_COUNT] = {
    [OF_FILE_OPTIONS] = {.message = &file_options},
    [OF_ENUM_OPTIONS] = {.message = &enum_options},
    [OF_VALUE_OPTIONS] = {.message = &value_options},
    [OF_SERVICE_OPTIONS] = {.message = &service_options},
    [OF_ATOLL_FIELD] = {.message = &atoll_field},
    [OF_ATOLL_METHOD] = {.message = &atoll_method},
    [OF_FIELD_OPTIONS] = {.message = &field_options},
    [OF_FIELD] = {.message = &field},
    [OF_ONEOF] = {.message = &oneof},
    [OF_ENUM_VALUE] = {.message = &enum_value},
    [OF_ENUMERATION] = {.message = &enumeration},
    [OF_MESSAGE_OPTIONS] = {.message = &message_options},
    [OF_RANGE] = {.message = &range},
    [OF_MESSAGE] = {.message = &message},
    [OF_HTTP_CUSTOM] = {.message = &http_custom},
    [OF_HTTP_RULE] = {.message = &http_rule},
    [OF_METHOD_OPTIONS] = {.message = &method_options},
    [OF_METHOD] = {.message = &method},
    [OF_SERVICE] = {.message = &service},
    [OF_LOCATION] = {.message = &location},
    [OF_SOURCE_INFO] = {.message = &source_info},
    [OF_PLUGIN_FILE] = {.message = &plugin_file},
};
// clang-format on
