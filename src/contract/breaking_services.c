/* A service that both contracts have: its methods, and how they are reached over HTTP. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "contract/breaking_rules.h"
#include "contract/field.h"
#include "contract/finding.h"
#include "contract/http_rule.h"
#include "contract/index.h"
#include "contract/limits.h"
#include "contract/set.h"
#include "descriptor.atoll.h"

#define S(str) (int)(str).len, (str).at
#define B(bytes) (int)(bytes).len, (const char *)(bytes).at

static const char *const levels[] = {"unknown", "no side effects", "idempotent"};

struct method_pair {
    const struct google_protobuf_MethodDescriptorProto *old;
    const struct google_protobuf_MethodDescriptorProto *now;
};

static void compare_type(struct at_breaking_run *run, enum at_breaking_rule rule,
                         const struct at_breaking_where *where, struct atoll_str was,
                         struct atoll_str is)
{
    const struct at_set_symbol *old = at_set_find(run->old, at_set_bytes(was));
    const struct at_set_symbol *now = at_set_find(run->now, at_set_bytes(is));

    if (old != NULL && now != NULL && at_breaking_twin(run, old) != now) {
        at_breaking_say(run, rule, 0, where, "the %s was %s and is now %s",
                        rule == AT_RPC_SAME_REQUEST_TYPE ? "request" : "response", old->full_name,
                        now->full_name);
    }
}

static void compare_streams(struct at_breaking_run *run, const struct method_pair *pair,
                            const struct at_breaking_where *where)
{
    if (pair->old->client_streaming != pair->now->client_streaming) {
        at_breaking_say(run, AT_RPC_SAME_CLIENT_STREAMING, 0, where, "the request is %s now",
                        pair->now->client_streaming ? "a stream" : "one message");
    }
    if (pair->old->server_streaming != pair->now->server_streaming) {
        at_breaking_say(run, AT_RPC_SAME_SERVER_STREAMING, 0, where, "the response is %s now",
                        pair->now->server_streaming ? "a stream" : "one message");
    }
}

static int32_t level_of(const struct google_protobuf_MethodDescriptorProto *m)
{
    int32_t level = m->options == NULL ? 0 : m->options->idempotency_level;

    return level < 0 || level > 2 ? 0 : level;
}

/* 0: may not be sent again, 1: may, 2: does not even change anything. */
static int strength_of(int32_t level)
{
    return level == GOOGLE_PROTOBUF_METHOD_OPTIONS_IDEMPOTENT        ? 1
           : level == GOOGLE_PROTOBUF_METHOD_OPTIONS_NO_SIDE_EFFECTS ? 2
                                                                     : 0;
}

static void compare_levels(struct at_breaking_run *run, const struct method_pair *pair,
                           const struct at_breaking_where *where)
{
    int32_t was = level_of(pair->old);
    int32_t is = level_of(pair->now);

    if (strength_of(is) < strength_of(was)) {
        at_breaking_say(run, AT_RPC_SAME_IDEMPOTENCY_LEVEL, 0, where,
                        "the idempotency level was \"%s\" and is now \"%s\"", levels[was],
                        levels[is]);
    }
}

static bool same_rule(const struct at_http_rule *a, const struct at_http_rule *b)
{
    return at_bytes_equal(a->verb, b->verb) && at_bytes_equal(a->path, b->path) &&
           at_bytes_equal(a->body, b->body) && at_bytes_equal(a->response_body, b->response_body);
}

enum fate { GONE, OTHER_BODY, AS_IT_WAS };

/* Several bindings may share verb and path and differ in what the body is. */
static enum fate fate_of(const struct at_http_rule *rules, size_t count,
                         const struct at_http_rule *rule)
{
    enum fate fate = GONE;

    for (size_t i = 0; i < count; i++) {
        if (same_rule(&rules[i], rule)) {
            return AS_IT_WAS;
        }
        if (at_bytes_equal(rules[i].verb, rule->verb) &&
            at_bytes_equal(rules[i].path, rule->path)) {
            fate = OTHER_BODY;
        }
    }
    return fate;
}

/* A way that was there must stay as it was. New ways harm nobody. */
static int compare_http(struct at_breaking_run *run, const struct method_pair *pair,
                        const struct at_breaking_where *where)
{
    struct at_http_rule *was = NULL;
    struct at_http_rule *is = NULL;
    size_t was_count = 0;
    size_t is_count = 0;
    int r = at_http_rules_of(pair->old, run->out->arena, &was, &was_count);

    r = r == 0 ? at_http_rules_of(pair->now, run->out->arena, &is, &is_count) : r;
    if (r != 0) {
        return r < 0 ? r : 0; /* a malformed option is no way; whoever routes by it says so */
    }
    is_count = is_count < AT_SET_HTTP_RULES_MAX ? is_count : AT_SET_HTTP_RULES_MAX;
    for (size_t i = 0; i < was_count && i < AT_SET_HTTP_RULES_MAX; i++) {
        enum fate fate = fate_of(is, is_count, &was[i]);

        if (fate == GONE) {
            at_breaking_say(run, AT_RPC_SAME_HTTP, 0, where,
                            "%.*s %.*s does not lead to it any more", B(was[i].verb),
                            B(was[i].path));
        } else if (fate == OTHER_BODY) {
            at_breaking_say(run, AT_RPC_SAME_HTTP, 0, where,
                            "the body of %.*s %.*s is another part of the message", B(was[i].verb),
                            B(was[i].path));
        }
    }
    return 0;
}

static int compare_method(struct at_breaking_run *run, const struct method_pair *pair,
                          const struct at_breaking_where *where)
{
    compare_type(run, AT_RPC_SAME_REQUEST_TYPE, where, pair->old->input_type,
                 pair->now->input_type);
    compare_type(run, AT_RPC_SAME_RESPONSE_TYPE, where, pair->old->output_type,
                 pair->now->output_type);
    compare_streams(run, pair, where);
    compare_levels(run, pair, where);
    return compare_http(run, pair, where);
}

static int index_methods(struct at_arena *arena,
                         const struct google_protobuf_ServiceDescriptorProto *s,
                         struct at_index *ret)
{
    struct at_index_entry *e = at_arena_zalloc(arena, s->method.count + 1, sizeof(*e));

    if (e == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < s->method.count; i++) {
        e[i] = (struct at_index_entry){0, at_set_bytes(s->method.at[i].name), i};
    }
    return at_index_make(arena, e, s->method.count, ret);
}

int at_breaking_services(struct at_breaking_run *run, const struct at_set_symbol *old,
                         const struct at_set_symbol *now)
{
    struct at_index index;
    int r = index_methods(run->out->arena, now->of.service, &index);

    for (size_t i = 0; r == 0 && i < old->of.service->method.count; i++) {
        struct method_pair pair = {.old = &old->of.service->method.at[i]};
        const struct at_index_entry *e = at_index_name(&index, at_set_bytes(pair.old->name));
        struct at_breaking_where where;

        if (e == NULL) {
            where = at_breaking_at("service", now);
            at_breaking_say(run, AT_RPC_NO_DELETE, 0, &where, "the rpc %.*s is gone",
                            S(pair.old->name));
            continue;
        }
        pair.now = &now->of.service->method.at[e->at];
        where = at_breaking_in("rpc", now, AT_FIELD_IN_SERVICE, e->at, pair.now->name);
        r = compare_method(run, &pair, &where);
    }
    return r;
}
