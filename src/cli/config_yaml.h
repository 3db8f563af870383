/*
 * YAML as a tree with positions.
 *
 * Made from libyaml's events, so that every node knows its file, line and column and scalars stay
 * text: `no` and `22:22` never become something else. Aliases share the node of their anchor, and
 * merge keys (<<) are worked in; both are counted as if written out, so that alias bombs end in an
 * error before they cost anything. Duplicate keys, several documents and foreign tags are errors.
 */
#ifndef AT_CLI_CONFIG_YAML_H
#define AT_CLI_CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "cli/config.h"
#include "cli/config_error.h"

enum at_yaml_kind { AT_YAML_SCALAR, AT_YAML_LIST, AT_YAML_MAP };

struct at_yaml_node;

struct at_yaml_pair {
    struct at_yaml_node *key; /* a scalar */
    struct at_yaml_node *value;
};

struct at_yaml_node {
    enum at_yaml_kind kind;
    bool plain; /* a scalar without quotes */
    bool done;  /* its end was seen; only then may an alias name it */
    bool wrong; /* a mistake in it was said already: say no more about it */
    struct at_config_place place;
    struct at_bytes text; /* scalar: UTF-8, NUL-terminated, without NUL inside */
    struct at_yaml_node **items;
    struct at_yaml_pair *pairs;
    size_t count;  /* of items or pairs */
    size_t cap;    /* room in items or pairs */
    size_t weight; /* nodes below and itself, aliases expanded */
};

/* Called for every scalar that is a value, once even when aliases name it; may change its text. */
struct at_yaml_hook {
    int (*on_value)(void *user, struct at_yaml_node *scalar); /* 0, AT_CONFIG_WRONG, -ENOMEM */
    void *user;
};

/*
 * Parses one document. Nodes live in the arena. 0 and the root (an empty file gives an empty map),
 * or AT_CONFIG_WRONG with errors said, or -ENOMEM. file is borrowed by the nodes. After a syntax
 * error there is no tree; after other mistakes there is one, so that more can be found.
 */
int at_yaml_parse(struct at_arena *arena, const char *file, struct at_bytes content,
                  struct at_yaml_hook hook, struct at_config_errors *errors,
                  struct at_yaml_node **ret);

/* The value under the key, or NULL. */
struct at_yaml_node *at_yaml_get(const struct at_yaml_node *map, const char *key);
/* `~`, `null` or nothing at all, without quotes. */
bool at_yaml_is_null(const struct at_yaml_node *node);
/* New nodes at a place, for merging and normalising; NULL: no memory. */
struct at_yaml_node *at_yaml_new_scalar(struct at_arena *arena, struct at_config_place place,
                                        struct at_bytes text);
struct at_yaml_node *at_yaml_new(struct at_arena *arena, enum at_yaml_kind kind,
                                 struct at_config_place place);
/* 0 or -ENOMEM. */
int at_yaml_append(struct at_arena *arena, struct at_yaml_node *list, struct at_yaml_node *item);
int at_yaml_put(struct at_arena *arena, struct at_yaml_node *map, struct at_yaml_node *key,
                struct at_yaml_node *value);
/* "a list", "a map", "text": for messages. */
const char *at_yaml_kind_name(const struct at_yaml_node *node);

#endif
