/*
 * Path templates of google.api.http, like "/v1/{shelf}/books/{id=big.STAR}:move" (STAR is written *).
 *
 *   template = "/" segments [ ":" verb ]      segments = segment { "/" segment }
 *   segment  = STAR | STAR STAR | literal | variable
 *   variable = "{" field { "." field } [ "=" segments ] "}"
 *
 * STAR is one segment that is not empty, STAR STAR any number of them and the last one. Matching
 * happens on the normalised, decoded path (wire/http1_path.h), so there is one reading of it.
 */
#ifndef AT_PB_TEMPLATE_H
#define AT_PB_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "pb/limits.h"

/* In the order of how exactly they match. */
enum at_template_kind { AT_TEMPLATE_LITERAL, AT_TEMPLATE_ONE, AT_TEMPLATE_REST };

struct at_template_segment {
    enum at_template_kind kind;
    struct at_bytes literal;
};

struct at_template_variable {
    struct at_bytes field; /* "item.id" */
    size_t first;          /* segments [first, end) are its value */
    size_t end;
};

struct at_template {
    struct at_template_segment segments[AT_TEMPLATE_SEGMENTS_MAX];
    size_t segment_count;
    struct at_template_variable variables[AT_TEMPLATE_VARIABLES_MAX];
    size_t variable_count;
    struct at_bytes verb; /* empty: none */
    bool literal;         /* only literals: the path is the template */
};

/* Borrows text. 0 or -EINVAL with *diag. */
int at_template_compile(struct at_bytes text, struct at_template *ret, struct at_diag *diag);

/* A path cut into its segments; borrows it. */
struct at_template_path {
    struct at_bytes segments[AT_TEMPLATE_SEGMENTS_MAX];
    size_t count;
};

/* False: more segments than AT_TEMPLATE_SEGMENTS_MAX; nothing matches such a path. */
bool at_template_split(struct at_bytes path, struct at_template_path *ret);
/* True and the variables' values (borrowed from the path) in template order. */
bool at_template_match(const struct at_template *t, const struct at_template_path *path,
                       struct at_bytes values[AT_TEMPLATE_VARIABLES_MAX]);
/* Which of two templates that match the same path is meant: negative when a is more exact. */
int at_template_compare(const struct at_template *a, const struct at_template *b);

#endif
