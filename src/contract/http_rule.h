/*
 * google.api.http: how a method is reached over HTTP, out of its options. The option is an
 * extension, so in the descriptors it stands among the unknown fields of MethodOptions.
 */
#ifndef AT_CONTRACT_HTTP_RULE_H
#define AT_CONTRACT_HTTP_RULE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "descriptor.atoll.h"

/* One way to reach a method. */
struct at_http_rule {
    struct at_bytes verb;          /* "GET"; of `custom` its kind; empty: the rule has no pattern */
    struct at_bytes path;          /* "/stock/{item_id}" */
    struct at_bytes body;          /* empty: none; "*": the message; else the name of a field */
    struct at_bytes response_body; /* empty: the message; else the name of a field */
};

enum at_http_rule_result {
    AT_HTTP_RULE_MALFORMED = 1, /* the option is no google.api.HttpRule */
};

/*
 * The rule of a method and then its additional_bindings, into the arena; none: *ret_count is 0.
 * 0, AT_HTTP_RULE_MALFORMED, -ENOMEM. Strings borrow the set.
 */
int at_http_rules_of(const struct google_protobuf_MethodDescriptorProto *method,
                     struct at_arena *arena, struct at_http_rule **ret, size_t *ret_count);

#endif
