/*
 * The words of `atoll proto describe`, `decode` and `encode`: at most one is the name of something
 * in the contracts, the others are paths. And finding what such a name means.
 */
#ifndef AT_CLI_PROTO_NAMES_H
#define AT_CLI_PROTO_NAMES_H

#include <stddef.h>

#include "cli/cli.h"
#include "cli/contracts.h"
#include "contract/set.h"

struct at_proto_words {
    const char *name; /* NULL: none was given */
    const char *paths[AT_CLI_WORDS_MAX];
    size_t path_count;
};

/*
 * A word is a path when it ends like a file of contracts or exists as a file or folder. 0, or an
 * exit code with the reason said: two names.
 */
int at_proto_split(struct at_cli *cli, const char *const *words, size_t count,
                   struct at_proto_words *ret);

/*
 * What a name means: a full name, or its last parts when only one thing of the contracts ends so
 * ("cart.v1.CartItem", "CartItem"). messages: only messages count. NULL: said why not, and
 * *ret_code is the exit code.
 */
const struct at_set_symbol *at_proto_find(struct at_cli *cli, const struct at_contracts *c,
                                          const char *name, bool messages, int *ret_code);
/* Says that there is no such thing, with the nearest names. Returns AT_EXIT_UNKNOWN. */
int at_proto_say_unknown(struct at_cli *cli, const struct at_contracts *c, const char *name,
                         bool messages);

#endif
