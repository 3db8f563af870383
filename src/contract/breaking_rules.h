/* What the files breaking*.c share: the rules by number, and the state of a run. */
#ifndef AT_CONTRACT_BREAKING_RULES_H
#define AT_CONTRACT_BREAKING_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "contract/breaking.h"
#include "contract/finding.h"
#include "contract/index.h"
#include "contract/set.h"
#include "descriptor.atoll.h"

enum at_breaking_rule {
    AT_FILE_NO_DELETE,
    AT_FILE_SAME_PACKAGE,
    AT_FILE_SAME_SYNTAX,
    AT_FILE_SAME_CC_ENABLE_ARENAS,
    AT_FILE_SAME_CC_GENERIC_SERVICES,
    AT_FILE_SAME_CSHARP_NAMESPACE,
    AT_FILE_SAME_GO_PACKAGE,
    AT_FILE_SAME_JAVA_GENERIC_SERVICES,
    AT_FILE_SAME_JAVA_MULTIPLE_FILES,
    AT_FILE_SAME_JAVA_OUTER_CLASSNAME,
    AT_FILE_SAME_JAVA_PACKAGE,
    AT_FILE_SAME_OBJC_CLASS_PREFIX,
    AT_FILE_SAME_OPTIMIZE_FOR,
    AT_FILE_SAME_PHP_CLASS_PREFIX,
    AT_FILE_SAME_PHP_METADATA_NAMESPACE,
    AT_FILE_SAME_PHP_NAMESPACE,
    AT_FILE_SAME_PY_GENERIC_SERVICES,
    AT_FILE_SAME_RUBY_PACKAGE,
    AT_FILE_SAME_SWIFT_PREFIX,
    AT_TYPE_SAME_FILE,
    AT_MESSAGE_NO_DELETE,
    AT_MESSAGE_NO_REMOVE_STANDARD_DESCRIPTOR_ACCESSOR,
    AT_MESSAGE_SAME_MESSAGE_SET_WIRE_FORMAT,
    AT_MESSAGE_SAME_REQUIRED_FIELDS,
    AT_EXTENSION_MESSAGE_NO_DELETE,
    AT_EXTENSION_NO_DELETE,
    AT_RESERVED_MESSAGE_NO_DELETE,
    AT_ONEOF_NO_DELETE,
    AT_FIELD_NO_DELETE,
    AT_FIELD_NO_DELETE_UNLESS_NAME_RESERVED,
    AT_FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED,
    AT_FIELD_SAME_NUMBER,
    AT_FIELD_NUMBER_NO_REUSE,
    AT_FIELD_SAME_NAME,
    AT_FIELD_SAME_JSON_NAME,
    AT_FIELD_SAME_TYPE,
    AT_FIELD_WIRE_JSON_COMPATIBLE_TYPE,
    AT_FIELD_WIRE_COMPATIBLE_TYPE,
    AT_FIELD_SAME_CARDINALITY,
    AT_FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY,
    AT_FIELD_WIRE_COMPATIBLE_CARDINALITY,
    AT_FIELD_SAME_ONEOF,
    AT_FIELD_SAME_DEFAULT,
    AT_FIELD_SAME_JSTYPE,
    AT_FIELD_SAME_CPP_STRING_TYPE,
    AT_ENUM_NO_DELETE,
    AT_ENUM_SAME_TYPE,
    AT_ENUM_VALUE_NO_DELETE,
    AT_ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED,
    AT_ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED,
    AT_ENUM_VALUE_SAME_NAME,
    AT_ENUM_VALUE_SAME_NUMBER,
    AT_RESERVED_ENUM_NO_DELETE,
    AT_SERVICE_NO_DELETE,
    AT_RPC_NO_DELETE,
    AT_RPC_SAME_REQUEST_TYPE,
    AT_RPC_SAME_RESPONSE_TYPE,
    AT_RPC_SAME_CLIENT_STREAMING,
    AT_RPC_SAME_SERVER_STREAMING,
    AT_RPC_SAME_IDEMPOTENCY_LEVEL,
    AT_RPC_SAME_HTTP,
    AT_BREAKING_RULES
};

struct at_breaking_run {
    const struct at_set *old;
    const struct at_set *now;
    const struct at_breaking_options *options;
    struct at_findings *out;
    const struct at_set_symbol **twins; /* by index of old symbol: what it became; NULL: gone */
    bool all_gone;                      /* the file at work, with all its types */
};

/* What a finding is about and where it points. */
struct at_breaking_where {
    const struct at_set_file *file;
    bool in_old;
    struct at_set_path path;
    const char *word;      /* "field" */
    struct at_bytes owner; /* "shop.cart.v1.Cart" */
    struct atoll_str name; /* "count"; empty: the owner itself is meant */
};

/*
 * A finding, unless the options leave it out. breaks: whom, when that is not what the rule says;
 * 0: as the rule says.
 */
void at_breaking_say(struct at_breaking_run *run, enum at_breaking_rule rule, unsigned breaks,
                     const struct at_breaking_where *where, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* What an old type or service became; NULL: it is gone, or of another kind now. */
const struct at_set_symbol *at_breaking_twin(const struct at_breaking_run *run,
                                             const struct at_set_symbol *old);
/* "message shop.cart.v1.Cart", at its new place. */
struct at_breaking_where at_breaking_at(const char *word, const struct at_set_symbol *now);
/* The index-th entry of a list in it: "field shop.cart.v1.Cart.count". */
struct at_breaking_where at_breaking_in(const char *word, const struct at_set_symbol *now,
                                        int32_t list, size_t index, struct atoll_str name);

/* ---- the comparisons: each 0 or -ENOMEM ---- */

int at_breaking_messages(struct at_breaking_run *run, const struct at_set_symbol *old,
                         const struct at_set_symbol *now);
int at_breaking_enums(struct at_breaking_run *run, const struct at_set_symbol *old,
                      const struct at_set_symbol *now);
int at_breaking_services(struct at_breaking_run *run, const struct at_set_symbol *old,
                         const struct at_set_symbol *now);
void at_breaking_files(struct at_breaking_run *run, const struct at_set_file *old);

/* A field that both have: of a message, or an extension. */
struct at_field_pair {
    const struct google_protobuf_FieldDescriptorProto *old;
    const struct google_protobuf_FieldDescriptorProto *now;
    const struct at_set_file *old_file;
    const struct at_set_file *now_file;
    bool moved; /* in or out of a oneof: whether absence can be seen follows from that */
};

/* ---- oneofs of a message that both have (breaking_oneofs.c) ---- */

/* How many of a oneof's fields both versions of the message have, and where they went. */
struct at_oneof_fate {
    bool real;     /* not made by protoc for proto3 optional */
    size_t shared; /* fields that both versions have */
    int32_t image; /* of old ones: the oneof that all of those are in now; -1: several, or none */
};

struct at_oneofs {
    const struct google_protobuf_DescriptorProto *old;
    const struct google_protobuf_DescriptorProto *now;
    struct at_oneof_fate *old_fates; /* by index of oneof */
    struct at_oneof_fate *now_fates;
    struct at_index now_names;
};

/* 0, -ENOMEM. */
int at_oneofs_make(struct at_arena *arena, const struct google_protobuf_DescriptorProto *old,
                   const struct google_protobuf_DescriptorProto *now,
                   const struct at_index *now_fields, struct at_oneofs *ret);
/* Says what it means that the field moved. Did it? */
bool at_oneofs_field(struct at_breaking_run *run, const struct at_oneofs *oneofs,
                     const struct at_field_pair *pair, const struct at_breaking_where *where);
/* Says which oneofs are gone from the message. */
void at_oneofs_gone(struct at_breaking_run *run, const struct at_oneofs *oneofs,
                    const struct at_set_symbol *now);

/* Whom a change of the type alone breaks: enum at_breaks; 0: it is the same. */
unsigned at_breaking_type(struct at_breaking_run *run, const struct at_field_pair *pair);
/* Name, type, cardinality, default, …; not whether it moved between oneofs. */
void at_breaking_field(struct at_breaking_run *run, const struct at_field_pair *pair,
                       const struct at_breaking_where *where);
/* "repeated int32", "shop.cart.v1.Item": for people; into the arena. */
const char *at_breaking_type_text(struct at_breaking_run *run, const struct at_set *set,
                                  const struct google_protobuf_FieldDescriptorProto *f);

#endif
