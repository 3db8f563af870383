#include "contract/http_rule.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "contract/options.h"
#include "descriptor.atoll.h"
#include "http.atoll.h"
#include "pb/codec.h"

enum { HTTP_OPTION = 72295728 }; /* google/api/annotations.proto */

static struct at_bytes bytes(struct atoll_str s)
{
    return at_bytes_over(s.at, s.len);
}

static struct at_http_rule rule_of(const struct google_api_HttpRule *p)
{
    struct at_http_rule rule = {.body = bytes(p->body), .response_body = bytes(p->response_body)};

    switch (p->pattern_case) {
    case google_api_HttpRule_get_number:
        rule.verb = AT_LIT("GET");
        rule.path = bytes(p->pattern.get);
        break;
    case google_api_HttpRule_put_number:
        rule.verb = AT_LIT("PUT");
        rule.path = bytes(p->pattern.put);
        break;
    case google_api_HttpRule_post_number:
        rule.verb = AT_LIT("POST");
        rule.path = bytes(p->pattern.post);
        break;
    case google_api_HttpRule_delete__number:
        rule.verb = AT_LIT("DELETE");
        rule.path = bytes(p->pattern.delete_);
        break;
    case google_api_HttpRule_patch_number:
        rule.verb = AT_LIT("PATCH");
        rule.path = bytes(p->pattern.patch);
        break;
    case google_api_HttpRule_custom_number:
        rule.verb = bytes(p->pattern.custom->kind);
        rule.path = bytes(p->pattern.custom->path);
        break;
    default: break;
    }
    return rule;
}

int at_http_rules_of(const struct google_protobuf_MethodDescriptorProto *method,
                     struct at_arena *arena, struct at_http_rule **ret, size_t *ret_count)
{
    struct google_api_HttpRule *proto = at_arena_zalloc(arena, 1, sizeof(*proto));
    const struct atoll_unknown *options =
        method->options == NULL ? NULL : method->options->unknown_fields;
    struct at_http_rule *rules;
    struct at_bytes value;
    size_t found = 0;
    struct at_option_reader reader = at_options_over(options);

    if (proto == NULL) {
        return -ENOMEM;
    }
    while (at_options_next(&reader, HTTP_OPTION, &value)) {
        int r = at_pb_merge(&google_api_HttpRule_desc, value, arena, proto, NULL);

        if (r != 0) {
            return r < 0 ? r : AT_HTTP_RULE_MALFORMED;
        }
        found++;
    }
    *ret_count = 0;
    if (found == 0) {
        return 0;
    }
    rules = at_arena_zalloc(arena, 1 + proto->additional_bindings.count, sizeof(*rules));
    if (rules == NULL) {
        return -ENOMEM;
    }
    rules[0] = rule_of(proto);
    for (size_t i = 0; i < proto->additional_bindings.count; i++) {
        rules[i + 1] = rule_of(&proto->additional_bindings.at[i]);
    }
    *ret = rules;
    *ret_count = 1 + proto->additional_bindings.count;
    return 0;
}
