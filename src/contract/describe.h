/*
 * Declarations as a .proto writes them: with comments, options, ranges and nested types. For
 * people: what a set says, not the bytes of the file that it was made from.
 */
#ifndef AT_CONTRACT_DESCRIBE_H
#define AT_CONTRACT_DESCRIBE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/text.h"
#include "contract/set.h"
#include "pb/pool.h"

struct at_describer {
    const struct at_set *set;
    const struct at_pool *pool; /* of the same set: names custom options; NULL: by number */
    struct at_arena *arena;     /* what options hold while they are printed */
};

/* Appends a message, enum, service or extension and all in it. 0 or -ENOMEM. */
int at_describe(const struct at_describer *d, const struct at_set_symbol *symbol,
                struct at_text *out);
/* Appends the index-th method of a service alone. 0 or -ENOMEM. */
int at_describe_method(const struct at_describer *d, const struct at_set_symbol *service,
                       size_t index, struct at_text *out);

#endif
