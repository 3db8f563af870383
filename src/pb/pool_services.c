/* The pool's third pass: services, their methods, and the google.api.http rules of these. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "pb/descriptor.h"
#include "pb/limits.h"
#include "pb/pool.h"
#include "pb/pool_inner.h"

static int fill_http(struct at_pool_adding *a, const struct at_proto_http_rule *rule,
                     struct at_pool_http *ret)
{
    enum { GET = 2, PUT = 3, POST = 4, DELETE = 5, PATCH = 6, CUSTOM = 8 };
    const struct {
        uint32_t number;
        struct atoll_str verb;
        struct atoll_str path;
    } patterns[] = {
        {GET, {"GET", 3}, rule->get},
        {PUT, {"PUT", 3}, rule->put},
        {POST, {"POST", 4}, rule->post},
        {DELETE, {"DELETE", 6}, rule->delete_},
        {PATCH, {"PATCH", 5}, rule->patch},
        {CUSTOM, rule->custom == NULL ? (struct atoll_str){0} : rule->custom->kind,
         rule->custom == NULL ? (struct atoll_str){0} : rule->custom->path},
    };
    struct at_arena *arena = &a->pool->arena;

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        if (patterns[i].number == rule->pattern) {
            *ret = (struct at_pool_http){
                .verb = at_arena_copy(arena, at_pool_bytes(patterns[i].verb)),
                .path = at_arena_copy(arena, at_pool_bytes(patterns[i].path)),
                .body = at_arena_copy(arena, at_pool_bytes(rule->body)),
                .response_body = at_arena_copy(arena, at_pool_bytes(rule->response_body)),
            };
            return ret->verb == NULL || ret->path == NULL || ret->body == NULL ||
                           ret->response_body == NULL
                       ? -ENOMEM
                       : 0;
        }
    }
    return AT_POOL_REFUSE(a, "a google.api.http rule has no path");
}

static int fill_rules(struct at_pool_adding *a, const struct at_proto_http_rule *rule,
                      struct at_pool_method *m)
{
    size_t n = 1 + rule->additional.count;
    struct at_pool_http *http = at_arena_zalloc(&a->pool->arena, n, sizeof(*http));
    int r;

    if (n > AT_POOL_HTTP_RULES_MAX) {
        return AT_POOL_REFUSE(a, "%s has more than %d HTTP rules", m->full_name,
                              AT_POOL_HTTP_RULES_MAX);
    }
    if (http == NULL) {
        return -ENOMEM;
    }
    r = fill_http(a, rule, &http[0]);
    for (size_t i = 1; r == 0 && i < n; i++) {
        r = fill_http(a, &rule->additional.at[i - 1], &http[i]);
    }
    m->http = http;
    m->http_count = n;
    return r;
}

static int fill_method(struct at_pool_adding *a, const struct at_pool_service *service,
                       const struct at_proto_method *proto, struct at_pool_method *m)
{
    const struct at_pool_symbol *input = at_pool_symbol_of_type(a->pool, proto->input);
    const struct at_pool_symbol *output = at_pool_symbol_of_type(a->pool, proto->output);
    const char *symbol;
    int r = at_pool_full_name(a, "", proto->name, &m->name);

    r = r == 0 ? at_pool_full_name(a, service->full_name, proto->name, &symbol) : r;
    r = r == 0 ? at_pool_add_symbol(a, symbol, (struct at_pool_symbol){0}) : r;
    if (r < 0) {
        return r;
    }
    m->full_name = at_arena_printf(&a->pool->arena, "%s/%s", service->full_name, m->name);
    if (m->full_name == NULL) {
        return -ENOMEM;
    }
    if (input == NULL || input->type == NULL || output == NULL || output->type == NULL) {
        return AT_POOL_REFUSE(a, "a message of method %s is not part of the contract",
                              m->full_name);
    }
    m->service = service;
    m->input = &input->type->desc;
    m->output = &output->type->desc;
    m->client_streams = proto->client_streams;
    m->server_streams = proto->server_streams;
    if (!at_proto_timeout(proto, &m->timeout_ns)) {
        struct atoll_str text = proto->options->atoll->timeout;

        return AT_POOL_REFUSE(a, "(atoll.method).timeout of %s is \"%.*s\", which is no duration",
                              m->full_name, (int)(text.len > 64 ? 64 : text.len), text.at);
    }
    m->max_request_bytes = at_proto_max_request_bytes(proto);
    if (proto->options == NULL) {
        return 0;
    }
    m->deprecated = proto->options->deprecated;
    if (proto->options->idempotency == ATOLL_NO_SIDE_EFFECTS ||
        proto->options->idempotency == ATOLL_IDEMPOTENT) {
        m->idempotency = (uint32_t)proto->options->idempotency;
    }
    return proto->options->http == NULL ? 0 : fill_rules(a, proto->options->http, m);
}

static int add_service(struct at_pool_adding *a, const struct at_pool_file *file,
                       const struct at_proto_service *proto)
{
    struct at_arena *arena = &a->pool->arena;
    struct at_pool_service_node *node = at_arena_zalloc(arena, 1, sizeof(*node));
    struct at_pool_method *methods = at_arena_zalloc(arena, proto->methods.count, sizeof(*methods));
    int r;

    if (node == NULL || methods == NULL) {
        return -ENOMEM;
    }
    if (a->pool->service_count == AT_POOL_SERVICES_MAX) {
        return AT_POOL_REFUSE(a, "the contract has more than %d services", AT_POOL_SERVICES_MAX);
    }
    a->pool->service_count++;
    node->service.file = file->name;
    node->service.pool = a->pool;
    node->service.methods = methods;
    node->service.method_count = proto->methods.count;
    r = at_pool_full_name(a, file->package, proto->name, &node->service.full_name);
    for (size_t i = 0; r == 0 && i < proto->methods.count; i++) {
        r = fill_method(a, &node->service, &proto->methods.at[i], &methods[i]);
    }
    r = r == 0 ? at_pool_add_symbol(a, node->service.full_name,
                                    (struct at_pool_symbol){.service = &node->service})
               : r;
    if (r == 0) {
        *a->pool->services_end = node;
        a->pool->services_end = &node->next;
    }
    return r;
}

int at_pool_add_services(struct at_pool_adding *a, const struct at_pool_file *file)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < file->proto->services.count; i++) {
        r = add_service(a, file, &file->proto->services.at[i]);
    }
    return r;
}
