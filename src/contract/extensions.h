/*
 * The fields that a set declares with `extend`, by the message that they extend and their number.
 */
#ifndef AT_CONTRACT_EXTENSIONS_H
#define AT_CONTRACT_EXTENSIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "contract/set.h"

struct at_extension {
    const struct at_set_symbol *extendee; /* a message */
    int32_t number;
    const struct at_set_symbol *symbol; /* AT_SET_EXTENSION */
};

struct at_extensions {
    const struct at_extension *at; /* by extendee, then by number */
    size_t count;
};

struct at_extension_list {
    const struct at_extension *at;
    size_t count;
};

/* Into the arena. 0 or -ENOMEM. */
int at_extensions_find(const struct at_set *set, struct at_arena *arena, struct at_extensions *ret);
/* Those of one message, by number. */
struct at_extension_list at_extensions_of(const struct at_extensions *all,
                                          const struct at_set_symbol *message);

#endif
