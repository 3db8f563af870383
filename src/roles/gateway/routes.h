/*
 * Which method a request means: the bindings of one listener's services.
 *
 * Made from the contracts once, at start. A path of literals alone is found by hash, the others by
 * trying templates from the most exact to the least.
 */
#ifndef AT_GATEWAY_ROUTES_H
#define AT_GATEWAY_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/map.h"
#include "base/text.h"
#include "pb/limits.h"
#include "pb/pool.h"
#include "pb/template.h"

/* What of the request's body is the message. */
enum at_binding_body { AT_BINDING_NO_BODY, AT_BINDING_WHOLE, AT_BINDING_FIELD };

struct at_binding {
    struct at_bytes verb; /* "GET"; "*": any */
    struct at_template path;
    const struct at_pool_method *method;
    struct at_bytes contract; /* the method's service */
    struct at_bytes name;     /* the method */
    enum at_binding_body body;
    const struct atoll_field_desc *body_field;     /* AT_BINDING_FIELD */
    const struct atoll_field_desc *response_field; /* NULL: the whole answer */
    size_t order;                                  /* of templates: as they were added */
    bool plain;              /* POST /package.Service/Method: takes protobuf too */
    struct at_binding *next; /* of the same literal path */
};

struct at_routes {
    struct at_arena arena;         /* owns the bindings */
    struct at_map literals;        /* path to the first struct at_binding of it */
    struct at_map shapes;          /* what a template and its verb match, to the first of them */
    struct at_binding **templates; /* most exact first */
    size_t template_count;
    size_t template_cap;
    size_t count;
};

void at_routes_init(struct at_routes *routes, uint64_t seed);
void at_routes_deinit(struct at_routes *routes);
/*
 * Adds the methods of a service. Its pool must outlive the routes. 0, -ENOMEM, or -EINVAL with
 * *diag for a rule that cannot be honoured (its other rules are kept); of two bindings with equal
 * verb and path (or templates that match the same, whatever their variables are called) the first
 * stays and -EEXIST with *diag tells of the second.
 */
int at_routes_add(struct at_routes *routes, const struct at_pool_service *service,
                  struct at_diag *diag);
/* After the last at_routes_add(): orders the templates. */
void at_routes_seal(struct at_routes *routes);

enum at_routes_result {
    AT_ROUTES_FOUND = 0,
    AT_ROUTES_NO_PATH = 1,
    AT_ROUTES_NO_VERB = 2, /* the path exists for the verbs in `allow` */
};

struct at_match {
    const struct at_binding *binding;
    struct at_bytes values[AT_TEMPLATE_VARIABLES_MAX]; /* of binding->path.variables */
    struct at_template_path split;
};

/* HEAD finds what GET finds. allow is filled on AT_ROUTES_NO_VERB: "GET, HEAD, POST". */
int at_routes_find(const struct at_routes *routes, struct at_bytes verb, struct at_bytes path,
                   struct at_match *ret, struct at_text *allow);

#endif
