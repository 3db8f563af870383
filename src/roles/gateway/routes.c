#include "roles/gateway/routes.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/map.h"
#include "base/text.h"
#include "pb/codec.h"
#include "pb/pool.h"
#include "pb/template.h"
#include "roles/gateway/limits.h"

void at_routes_init(struct at_routes *routes, uint64_t seed)
{
    *routes = (struct at_routes){.count = 0};
    at_arena_init(&routes->arena, 8192, AT_GATEWAY_ROUTES_BYTES);
    at_map_init(&routes->literals, seed);
    at_map_init(&routes->shapes, seed);
}

void at_routes_deinit(struct at_routes *routes)
{
    at_map_deinit(&routes->literals);
    at_map_deinit(&routes->shapes);
    at_arena_deinit(&routes->arena);
    free(routes->templates);
    routes->templates = NULL;
}

/* Says whose rule is in force and whose is not; they may be of two services. */
static int say_twice(const struct at_binding *first, const struct at_binding *second,
                     struct at_bytes path, struct at_diag *diag)
{
    at_diag_set(diag, "%.*s %.*s is bound to both %s and %s: the first one is served",
                (int)second->verb.len, (const char *)second->verb.at, (int)path.len,
                (const char *)path.at, first->method->full_name, second->method->full_name);
    return -EEXIST;
}

static int add_literal(struct at_routes *routes, struct at_bytes path, struct at_binding *b,
                       struct at_diag *diag)
{
    struct at_binding *first = at_map_get(&routes->literals, path);

    for (struct at_binding *it = first; it != NULL; it = it->next) {
        if (at_bytes_equal(it->verb, b->verb)) {
            return say_twice(it, b, path, diag);
        }
    }
    b->next = first;
    return at_map_put(&routes->literals, path, b);
}

/* What a template matches, without the names of its variables: equal for two that match the same. */
static char *shape_of(struct at_routes *routes, const struct at_binding *b)
{
    struct at_text text;
    char *shape;

    at_text_init(&text);
    at_text_add(&text, b->verb);
    for (size_t i = 0; i < b->path.segment_count; i++) {
        const struct at_template_segment *segment = &b->path.segments[i];

        at_text_add_str(&text, segment->kind == AT_TEMPLATE_ONE    ? "/*"
                               : segment->kind == AT_TEMPLATE_REST ? "/**"
                                                                   : "/=");
        at_text_add(&text, segment->literal);
    }
    at_text_add_str(&text, ":");
    at_text_add(&text, b->path.verb);
    shape = text.failed ? NULL : at_arena_printf(&routes->arena, "%s", at_text_str(&text));
    at_text_deinit(&text);
    return shape;
}

static int add_template(struct at_routes *routes, struct at_bytes path, struct at_binding *b,
                        struct at_diag *diag)
{
    const char *shape = shape_of(routes, b);
    const struct at_binding *first;
    int r;

    if (shape == NULL) {
        return -ENOMEM;
    }
    first = at_map_get(&routes->shapes, at_bytes_of(shape));
    if (first != NULL) {
        return say_twice(first, b, path, diag);
    }
    r = at_map_put(&routes->shapes, at_bytes_of(shape), b);
    if (r < 0) {
        return r;
    }
    b->order = routes->template_count;
    if (routes->template_count == routes->template_cap) {
        size_t cap = routes->template_cap == 0 ? 32 : routes->template_cap * 2;
        struct at_binding **bigger = realloc(routes->templates, cap * sizeof(struct at_binding *));

        if (bigger == NULL) {
            return -ENOMEM;
        }
        routes->templates = bigger;
        routes->template_cap = cap;
    }
    routes->templates[routes->template_count++] = b;
    return 0;
}

static int place(struct at_routes *routes, const struct at_binding *b, struct at_bytes path,
                 struct at_diag *diag)
{
    struct at_binding *kept;

    if (routes->count == AT_GATEWAY_ROUTES_MAX) {
        return -ENOMEM;
    }
    kept = at_arena_zalloc(&routes->arena, 1, sizeof(*kept));
    if (kept == NULL) {
        return -ENOMEM;
    }
    *kept = *b;
    routes->count++;
    return b->path.literal ? add_literal(routes, path, kept, diag)
                           : add_template(routes, path, kept, diag);
}

/* Every variable must name a field that exists, and so must body and response_body. */
static int resolve_rule(const struct at_pool_http *rule, struct at_binding *b, struct at_diag *diag)
{
    const struct atoll_message_desc *in = b->method->input;

    for (size_t i = 0; i < b->path.variable_count; i++) {
        struct at_bytes field = b->path.variables[i].field;
        struct at_bytes head = at_bytes_before(field, at_bytes_index(field, '.'));

        if (at_pb_field_by_name(in, head) == NULL) {
            at_diag_set(diag, "%s: the path %s names the field %.*s, which %s does not have",
                        b->method->full_name, rule->path, (int)field.len, (const char *)field.at,
                        in->full_name);
            return -EINVAL;
        }
    }
    if (strcmp(rule->body, "*") == 0) {
        b->body = AT_BINDING_WHOLE;
    } else if (rule->body[0] != 0) {
        b->body = AT_BINDING_FIELD;
        b->body_field = at_pb_field_by_name(in, at_bytes_of(rule->body));
        if (b->body_field == NULL) {
            at_diag_set(diag, "%s: body names the field %s, which %s does not have",
                        b->method->full_name, rule->body, in->full_name);
            return -EINVAL;
        }
    }
    if (rule->response_body[0] != 0) {
        b->response_field =
            at_pb_field_by_name(b->method->output, at_bytes_of(rule->response_body));
        if (b->response_field == NULL) {
            at_diag_set(diag, "%s: response_body names the field %s, which %s does not have",
                        b->method->full_name, rule->response_body, b->method->output->full_name);
            return -EINVAL;
        }
    }
    return 0;
}

static int add_rule(struct at_routes *routes, const struct at_binding *base,
                    const struct at_pool_http *rule, struct at_diag *diag)
{
    struct at_binding b = *base;
    struct at_diag why;
    int r = at_template_compile(at_bytes_of(rule->path), &b.path, &why);

    if (r < 0) {
        at_diag_set(diag, "%s: %s", base->method->full_name, why.what);
        return r;
    }
    b.verb = at_bytes_of(rule->verb);
    r = resolve_rule(rule, &b, diag);
    return r < 0 ? r : place(routes, &b, at_bytes_of(rule->path), diag);
}

static int add_plain(struct at_routes *routes, const struct at_binding *base, struct at_diag *diag)
{
    struct at_binding b = *base;
    char *path = at_arena_printf(&routes->arena, "/%s/%s", base->method->service->full_name,
                                 base->method->name);

    if (path == NULL) {
        return -ENOMEM;
    }
    b.verb = AT_LIT("POST");
    b.body = AT_BINDING_WHOLE;
    b.plain = true;
    b.path.literal = true;
    return place(routes, &b, at_bytes_of(path), diag);
}

int at_routes_add(struct at_routes *routes, const struct at_pool_service *service,
                  struct at_diag *diag)
{
    int worst = 0;

    for (size_t i = 0; i < service->method_count; i++) {
        const struct at_pool_method *m = &service->methods[i];
        struct at_binding base = {
            .method = m, .contract = at_bytes_of(service->full_name), .name = at_bytes_of(m->name)};
        int r;

        r = add_plain(routes, &base, diag);
        for (size_t j = 0; j < m->http_count && r != -ENOMEM; j++) {
            int one = add_rule(routes, &base, &m->http[j], diag);

            r = one < 0 ? one : r;
        }
        if (r == -ENOMEM) {
            return r;
        }
        worst = r < 0 ? r : worst;
    }
    return worst;
}

static int compare(const void *a, const void *b)
{
    const struct at_binding *one = *(struct at_binding *const *)a;
    const struct at_binding *other = *(struct at_binding *const *)b;
    int r = at_template_compare(&one->path, &other->path);

    return r != 0 ? r : one->order < other->order ? -1 : one->order > other->order; /* stable */
}

void at_routes_seal(struct at_routes *routes)
{
    if (routes->template_count > 1) {
        qsort(routes->templates, routes->template_count, sizeof(struct at_binding *), compare);
    }
}

static bool verb_fits(struct at_bytes bound, struct at_bytes verb)
{
    return at_bytes_equal(bound, verb) ||
           (at_bytes_equal(verb, AT_LIT("HEAD")) && at_bytes_equal(bound, AT_LIT("GET"))) ||
           at_bytes_equal(bound, AT_LIT("*"));
}

static void allow_verb(struct at_text *allow, struct at_bytes verb)
{
    if (strstr(at_text_str(allow), (const char *)verb.at) != NULL) {
        return;
    }
    if (allow->len > 0) {
        at_text_add_str(allow, ", ");
    }
    at_text_add(allow, verb);
    if (at_bytes_equal(verb, AT_LIT("GET"))) {
        at_text_add_str(allow, ", HEAD");
    }
}

int at_routes_find(const struct at_routes *routes, struct at_bytes verb, struct at_bytes path,
                   struct at_match *ret, struct at_text *allow)
{
    const struct at_binding *first = at_map_get(&routes->literals, path);
    const struct at_binding *any = first;

    for (const struct at_binding *b = first; b != NULL; b = b->next) {
        if (verb_fits(b->verb, verb)) {
            ret->binding = b;
            return AT_ROUTES_FOUND;
        }
    }
    if (routes->template_count > 0 && at_template_split(path, &ret->split)) {
        for (size_t i = 0; i < routes->template_count; i++) {
            const struct at_binding *b = routes->templates[i];

            if (!at_template_match(&b->path, &ret->split, ret->values)) {
                continue;
            }
            if (verb_fits(b->verb, verb)) {
                ret->binding = b;
                return AT_ROUTES_FOUND;
            }
            any = b;
            allow_verb(allow, b->verb);
        }
    }
    for (const struct at_binding *b = first; b != NULL; b = b->next) {
        allow_verb(allow, b->verb);
    }
    return any != NULL ? AT_ROUTES_NO_VERB : AT_ROUTES_NO_PATH;
}
