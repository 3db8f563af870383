/*
 * One file laid on another, as Docker Compose does it: maps are merged, texts replaced; lists of
 * names are joined, commands replaced; environments merge by name in either form. A work list
 * stands in for recursion. Nodes may be shared by aliases, so nothing is changed in place.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "cli/config_keys.h"
#include "cli/config_model.h"
#include "cli/config_yaml.h"

struct job {
    const struct at_config_table *table; /* NULL: keys mean nothing to us */
    bool names;                          /* the keys are names of maps of `table` */
    struct at_yaml_node *into;
    struct at_yaml_node *over;
};

struct merging {
    struct at_arena *arena;
    struct job *jobs;
    size_t count;
    size_t cap;
    int error;
};

static void push(struct merging *m, struct job job)
{
    if (m->count == m->cap) {
        size_t cap = m->cap == 0 ? 16 : m->cap * 2;
        struct job *bigger = realloc(m->jobs, cap * sizeof(*bigger));

        if (bigger == NULL) {
            m->error = -ENOMEM;
            return;
        }
        m->jobs = bigger;
        m->cap = cap;
    }
    m->jobs[m->count++] = job;
}

static struct at_yaml_node *copy_of(struct merging *m, const struct at_yaml_node *n)
{
    struct at_yaml_node *copy = at_yaml_new(m->arena, n->kind, n->place);

    for (size_t i = 0; copy != NULL && i < n->count; i++) {
        int r = n->kind == AT_YAML_MAP
                    ? at_yaml_put(m->arena, copy, n->pairs[i].key, n->pairs[i].value)
                    : at_yaml_append(m->arena, copy, n->items[i]);

        if (r < 0) {
            copy = NULL;
        }
    }
    if (copy == NULL) {
        m->error = -ENOMEM;
    }
    return copy;
}

/* ["A=b", "C"] as {A: b, C: }; names as {name: }. Items that are no texts stay out; said later. */
static struct at_yaml_node *as_map(struct merging *m, const struct at_yaml_node *n)
{
    struct at_yaml_node *map;

    if (n->kind != AT_YAML_LIST) {
        return copy_of(m, n);
    }
    map = at_yaml_new(m->arena, AT_YAML_MAP, n->place);
    for (size_t i = 0; map != NULL && i < n->count; i++) {
        struct at_yaml_node *item = n->items[i];
        size_t equals = at_bytes_index(item->text, '=');
        struct at_yaml_node *key =
            at_yaml_new_scalar(m->arena, item->place, at_bytes_before(item->text, equals));
        struct at_yaml_node *value =
            at_yaml_new_scalar(m->arena, item->place, at_bytes_after(item->text, equals + 1));

        if (key == NULL || value == NULL) {
            map = NULL;
            break;
        }
        value->plain = equals == item->text.len; /* nothing, not the empty text */
        if (at_yaml_put(m->arena, map, key, value) < 0) {
            map = NULL;
        }
    }
    if (map == NULL) {
        m->error = -ENOMEM;
    }
    return map;
}

static bool holds_text(const struct at_yaml_node *list, const struct at_yaml_node *item)
{
    for (size_t i = 0; item->kind == AT_YAML_SCALAR && i < list->count; i++) {
        if (list->items[i]->kind == AT_YAML_SCALAR &&
            at_bytes_equal(list->items[i]->text, item->text)) {
            return true;
        }
    }
    return false;
}

/* The listener of base that listens where `item` does, or base->count. */
static size_t same_address(const struct at_yaml_node *base, const struct at_yaml_node *item)
{
    const struct at_yaml_node *address = at_yaml_get(item, "address");
    size_t i = 0;

    for (; i < base->count; i++) {
        const struct at_yaml_node *other = at_yaml_get(base->items[i], "address");

        if (address != NULL && other != NULL && address->kind == AT_YAML_SCALAR &&
            at_bytes_equal(address->text, other->text)) {
            break;
        }
    }
    return i;
}

static struct at_yaml_node *joined(struct merging *m, const struct at_yaml_node *base,
                                   const struct at_yaml_node *over)
{
    struct at_yaml_node *list = copy_of(m, base);

    for (size_t i = 0; list != NULL && i < over->count; i++) {
        size_t same = same_address(list, over->items[i]);

        if (same < list->count) {
            list->items[same] = over->items[i];
        } else if (!holds_text(list, over->items[i]) &&
                   at_yaml_append(m->arena, list, over->items[i]) < 0) {
            m->error = -ENOMEM;
        }
    }
    return list;
}

/* A single text of env_file as a list of one. */
static struct at_yaml_node *as_list(struct merging *m, struct at_yaml_node *n)
{
    struct at_yaml_node *list;

    if (n->kind != AT_YAML_SCALAR) {
        return n;
    }
    list = at_yaml_new(m->arena, AT_YAML_LIST, n->place);
    if (list == NULL || at_yaml_append(m->arena, list, n) < 0) {
        m->error = -ENOMEM;
        return NULL;
    }
    return list;
}

static struct at_yaml_node *merged_maps(struct merging *m, const struct at_config_key *key,
                                        const struct at_yaml_node *base, struct at_yaml_node *over)
{
    struct at_yaml_node *into = copy_of(m, base);

    if (into != NULL) {
        push(m, (struct job){.table = key == NULL ? NULL : key->table,
                             .names = key != NULL &&
                                      (key->type == AT_TYPE_MAP_OF || key->type == AT_TYPE_LOCKS),
                             .into = into,
                             .over = over});
    }
    return into;
}

/* What stands under a key that both have. */
static struct at_yaml_node *combine(struct merging *m, const struct at_config_key *key,
                                    struct at_yaml_node *base, struct at_yaml_node *over)
{
    enum at_config_type type = key == NULL ? AT_TYPE_TEXT : key->type;

    if (at_yaml_is_null(over) || at_yaml_is_null(base)) {
        return at_yaml_is_null(over) ? base : over;
    }
    if (type == AT_TYPE_VARIABLES || type == AT_TYPE_DEPENDS) {
        if (base->kind == AT_YAML_SCALAR || over->kind == AT_YAML_SCALAR) {
            return over;
        }
        over = as_map(m, over);
        base = as_map(m, base);
        return base == NULL || over == NULL ? over : merged_maps(m, NULL, base, over);
    }
    if (type == AT_TYPE_ENV_FILE) {
        base = as_list(m, base);
        over = as_list(m, over);
    }
    if (base == NULL || over == NULL || base->kind != over->kind || type == AT_TYPE_COMMAND ||
        type == AT_TYPE_WEIGHTS) {
        return over;
    }
    if (base->kind == AT_YAML_MAP) {
        return merged_maps(m, key, base, over);
    }
    return base->kind == AT_YAML_LIST ? joined(m, base, over) : over;
}

static void merge_pair(struct merging *m, const struct job *job, const struct at_yaml_pair *pair)
{
    const struct at_config_key map_of = {.type = AT_TYPE_TABLE, .table = job->table};
    const struct at_config_key *key = NULL;

    if (job->table != NULL) {
        key = job->names ? &map_of : at_config_find_key(job->table, pair->key->text);
    }
    for (size_t i = 0; i < job->into->count; i++) {
        if (at_bytes_equal(job->into->pairs[i].key->text, pair->key->text)) {
            job->into->pairs[i].value = combine(m, key, job->into->pairs[i].value, pair->value);
            return;
        }
    }
    if (at_yaml_put(m->arena, job->into, pair->key, pair->value) < 0) {
        m->error = -ENOMEM;
    }
}

int at_config_merge(struct at_arena *arena, struct at_yaml_node *base, struct at_yaml_node *over,
                    struct at_yaml_node **ret)
{
    struct merging m = {.arena = arena};

    if (base->kind != AT_YAML_MAP || over->kind != AT_YAML_MAP) {
        *ret = over->kind != AT_YAML_MAP ? over : base; /* the binder says what is wrong with it */
        return 0;
    }
    base = copy_of(&m, base);
    if (base != NULL) {
        push(&m, (struct job){at_config_root_table(), false, base, over});
    }
    while (m.error == 0 && m.count > 0) {
        struct job job = m.jobs[--m.count];

        for (size_t i = 0; m.error == 0 && i < job.over->count; i++) {
            merge_pair(&m, &job, &job.over->pairs[i]);
        }
    }
    free(m.jobs);
    *ret = base;
    return m.error;
}
