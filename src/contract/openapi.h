/*
 * An OpenAPI 3.1 document of services as the door serves them: HTTP and JSON by google.api.http
 * rules, and POST /package.Service/Method.
 *
 * What the door does not carry is not in `paths`: methods that stream, verbs that OpenAPI has no
 * place for, bindings that another one of the same path takes. `x-atoll-left-out` lists them with
 * the reason. Descriptions are the comments of the .proto, as far as a set has them.
 */
#ifndef AT_CONTRACT_OPENAPI_H
#define AT_CONTRACT_OPENAPI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "contract/set.h"
#include "pb/json.h"

struct at_openapi_service {
    const struct at_set *set;            /* of its program: two may know two versions of a type,
                                              and the first one that is met is described */
    const struct at_set_symbol *service; /* AT_SET_SERVICE of that set */
    const char *const *servers;          /* base URLs, "http://127.0.0.1:8080"; may be none */
    size_t server_count;
};

struct at_openapi {
    const struct at_openapi_service *services;
    size_t service_count;
    const char *title;
    const char *version; /* of the API; NULL: from the packages ("v1"), else "0" */
    bool rules_only;     /* without POST /package.Service/Method */
};

/*
 * Appends the document. *ret_left_out is how many bindings are not in it. 0; -ENOMEM (the arena is
 * full, or out->out has failed).
 */
int at_openapi_write(const struct at_openapi *in, struct at_arena *arena,
                     struct at_json_writer *out, size_t *ret_left_out);

#endif
