/* The set of testdata/rich.proto, for tests of what is said about contracts. */
#ifndef AT_CONTRACT_RICH_FIXTURE_H
#define AT_CONTRACT_RICH_FIXTURE_H

#include <stdio.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "contract/limits.h"
#include "contract/set.h"
#include "rich_set.h"

struct rich {
    struct at_arena arena;
    struct at_set set;
};

static inline struct at_bytes rich_bytes(void)
{
    return at_bytes_over(rich_set, rich_set_len);
}

/* The caller deinits the arena. */
static inline void rich_load(struct rich *rich)
{
    struct at_diag diag = {.line = 0};

    at_arena_init(&rich->arena, 1 << 16, AT_SET_MEMORY_MAX);
    if (at_set_load(&rich->arena, rich_bytes(), &rich->set, &diag) != 0) {
        at_test_fail(__FILE__, __LINE__, "the set does not load: %s", diag.what);
    }
}

static inline const struct at_set_symbol *rich_symbol(const struct rich *rich, const char *name)
{
    const struct at_set_symbol *s = at_set_find(&rich->set, at_bytes_of(name));

    CHECK(s != NULL);
    return s;
}

#endif
