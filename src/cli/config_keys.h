/*
 * The table of keys: what atoll.yaml may say. The binder, the merge of override files, the JSON
 * Schema and the man page are all made from it, so that they cannot differ.
 */
#ifndef AT_CLI_CONFIG_KEYS_H
#define AT_CLI_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum at_config_type {
    AT_TYPE_TEXT,      /* const struct at_yaml_node *: a scalar */
    AT_TYPE_WORDS,     /* … a list of texts, or one text */
    AT_TYPE_COMMAND,   /* … text (split as a shell does) or a list of texts */
    AT_TYPE_VARIABLES, /* … a map, or a list of "A=b" */
    AT_TYPE_ENV_FILE,  /* … text, or a list of texts and of maps with `path` */
    AT_TYPE_DEPENDS,   /* … a list of names, or a map to conditions */
    AT_TYPE_DURATION,  /* uint64_t, nanoseconds */
    AT_TYPE_SIZE,      /* uint64_t, bytes */
    AT_TYPE_CPUS,      /* uint32_t, thousandths */
    AT_TYPE_COUNT,     /* uint32_t between min and max */
    AT_TYPE_SIGNAL,    /* uint32_t */
    AT_TYPE_RESTART,   /* struct at_config_restart */
    AT_TYPE_WEIGHTS,   /* struct at_config_weights: a list of whole numbers */
    AT_TYPE_BALANCE,   /* struct at_config_balance: a word, or a map with `hash` */
    AT_TYPE_POLICY,    /* any other name in its table is that of a service or an edge: a map of
                          `table`; target struct at_config_policy */
    AT_TYPE_ONLY,      /* the one text that `more` holds */
    AT_TYPE_TABLE,     /* a map whose keys are in `table`; same target */
    AT_TYPE_MAP_OF,    /* name → map of `table`: services */
    AT_TYPE_LIST_OF,   /* list of maps of `table`: listeners */
    AT_TYPE_LOCKS,     /* name, perhaps with a '*' at its end → map of `table` */
    AT_TYPE_IGNORED,   /* a warning: it has no effect */
    AT_TYPE_REFUSED,   /* Compose knows it, we cannot honour it: doc says why, more what to do */
    AT_TYPES
};

struct at_config_table;

struct at_config_key {
    const char *name;
    enum at_config_type type;
    size_t offset; /* of the bound value in the target */
    const struct at_config_table *table;
    const char *doc;     /* sentences for the man page and the schema; REFUSED: why */
    const char *more;    /* default value; REFUSED: what to do instead; ONLY: the text */
    const char *example; /* "stop_grace_period: 30s", or NULL */
    uint64_t min;        /* COUNT, SIZE, CPUS, DURATION */
    uint64_t max;
    bool required;
};

struct at_config_table {
    const char *name; /* "a service": for "no key … in a service" */
    const struct at_config_key *keys;
    size_t count;
    const char *others; /* why no other key is honoured here; NULL: another key is unknown */
};

const struct at_config_table *at_config_root_table(void);
/* NULL when there is none. */
const struct at_config_key *at_config_find_key(const struct at_config_table *table,
                                               struct at_bytes name);
/* The key that stands for all names that the table does not have, or NULL: they are unknown. */
const struct at_config_key *at_config_find_named(const struct at_config_table *table);
/* What people call a value of that type: "a duration such as 30s". */
const char *at_config_type_words(enum at_config_type type);
/* Keys that begin with x- are the user's own and mean nothing. */
bool at_config_is_extension(struct at_bytes name);

#endif
