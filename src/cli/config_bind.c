/*
 * From the tree to the model, by the key table. A work list of tables still to be read stands in
 * for recursion; each value is judged by the function of its type, and everything wrong is said.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/config_error.h"
#include "cli/config_keys.h"
#include "cli/config_model.h"
#include "cli/config_yaml.h"
#include "plan/limits.h"
#include "plan/plan.h"

struct job {
    const struct at_config_table *table;
    const struct at_yaml_node *map;
    void *target;
    const char *path;             /* "" for the root */
    struct at_config_place place; /* of the key that holds the map: where something is missing */
};

struct binder {
    struct at_config *config;
    struct job *jobs;
    size_t count;
    size_t cap;
    bool failed; /* out of memory */
};

/* One value to bind. */
struct value {
    const struct at_config_key *key;
    const struct at_yaml_node *key_node;
    struct at_yaml_node *node;
    void *field; /* in the target */
    const char *path;
};

static const char *path_of(struct binder *b, const char *parent, struct at_bytes name)
{
    struct at_config_quoted room;
    const char *path = at_arena_printf(&b->config->arena, "%s%s%s", parent,
                                       parent[0] == '\0' ? "" : ".", at_config_quote(name, &room));

    if (path == NULL) {
        b->failed = true;
    }
    return path == NULL ? "" : path;
}

static void push(struct binder *b, struct job job)
{
    if (b->count == b->cap) {
        size_t cap = b->cap == 0 ? 16 : b->cap * 2;
        struct job *bigger = realloc(b->jobs, cap * sizeof(*bigger));

        if (bigger == NULL) {
            b->failed = true;
            return;
        }
        b->jobs = bigger;
        b->cap = cap;
    }
    b->jobs[b->count++] = job;
}

static struct at_config_error *wrong_type(struct binder *b, const struct value *v)
{
    return at_config_say(b->config->errors, AT_CONFIG_TYPE, v->node->place, v->path,
                         "%s must be %s, not %s", v->path, at_config_type_words(v->key->type),
                         at_yaml_kind_name(v->node));
}

static struct at_config_error *wrong_value(struct binder *b, const struct value *v,
                                           const char *hint)
{
    struct at_config_quoted room;
    struct at_config_error *e = at_config_say(
        b->config->errors, AT_CONFIG_VALUE, v->node->place, v->path, "%s must be %s, not “%s”",
        v->path, at_config_type_words(v->key->type), at_config_quote(v->node->text, &room));

    if (hint != NULL) {
        at_config_hint(b->config->errors, e, "%s", hint);
    }
    return e;
}

static bool want_scalar(struct binder *b, const struct value *v)
{
    if (v->node->kind == AT_YAML_SCALAR) {
        return true;
    }
    wrong_type(b, v);
    return false;
}

static void keep_node(const struct value *v)
{
    *(const struct at_yaml_node **)v->field = v->node;
}

static void bind_text(struct binder *b, const struct value *v)
{
    if (!want_scalar(b, v)) {
        return;
    }
    if (v->node->text.len == 0) {
        (void)at_config_say(b->config->errors, AT_CONFIG_VALUE, v->node->place, v->path,
                            "%s is empty", v->path);
        return;
    }
    keep_node(v);
}

/* Items must be texts; each one that is not is said. */
static bool judge_items(struct binder *b, const struct value *v)
{
    bool good = true;

    for (size_t i = 0; i < v->node->count; i++) {
        const struct at_yaml_node *item = v->node->items[i];

        if (item->kind != AT_YAML_SCALAR || (at_yaml_is_null(item) && !item->wrong)) {
            (void)at_config_say(b->config->errors, AT_CONFIG_TYPE, item->place, v->path,
                                "%s[%zu] must be text, not %s", v->path, i,
                                at_yaml_kind_name(item));
            good = false;
        }
    }
    return good;
}

static void bind_words(struct binder *b, const struct value *v)
{
    if (v->node->kind == AT_YAML_LIST) {
        if (judge_items(b, v)) {
            keep_node(v);
        }
        return;
    }
    struct at_config_error *e = wrong_type(b, v);
    if (v->node->kind == AT_YAML_SCALAR) {
        struct at_config_quoted room;

        at_config_hint(b->config->errors, e, "perhaps: %s: [%s]", v->key->name,
                       at_config_quote(v->node->text, &room));
    }
}

static void bind_command(struct binder *b, const struct value *v)
{
    if (v->node->kind == AT_YAML_MAP) {
        wrong_type(b, v);
    } else if (v->node->kind == AT_YAML_SCALAR || judge_items(b, v)) {
        keep_node(v);
    }
}

static void bind_variables(struct binder *b, const struct value *v)
{
    if (v->node->kind == AT_YAML_SCALAR) {
        wrong_type(b, v);
    } else if (v->node->kind == AT_YAML_MAP || judge_items(b, v)) {
        keep_node(v);
    }
}

static void bind_env_file(struct binder *b, const struct value *v)
{
    if (v->node->kind == AT_YAML_MAP) {
        wrong_type(b, v);
    } else {
        keep_node(v);
    }
}

static void bind_depends(struct binder *b, const struct value *v)
{
    if (v->node->kind == AT_YAML_SCALAR) {
        wrong_type(b, v);
    } else if (v->node->kind == AT_YAML_MAP || judge_items(b, v)) {
        keep_node(v);
    }
}

static void out_of_range(struct binder *b, const struct value *v, const char *range)
{
    struct at_config_quoted room;

    (void)at_config_say(b->config->errors, AT_CONFIG_VALUE, v->node->place, v->path,
                        "%s must be %s, not “%s”", v->path, range,
                        at_config_quote(v->node->text, &room));
}

static void bind_duration(struct binder *b, const struct value *v)
{
    uint64_t ns = 0;

    if (!want_scalar(b, v)) {
        return;
    }
    if (!at_text_parse_duration(v->node->text, &ns)) {
        uint64_t number;
        struct at_config_quoted room;
        struct at_config_error *e;

        e = wrong_value(b, v, NULL);
        if (at_bytes_to_u64(v->node->text, &number)) {
            at_config_hint(b->config->errors, e, "a unit is missing: %ss is so many seconds",
                           at_config_quote(v->node->text, &room));
        }
    } else if (ns < v->key->min) {
        out_of_range(b, v, "at least 1ms");
    } else if (ns > AT_PLAN_DURATION_MAX_NS) {
        out_of_range(b, v, "a year at most");
    } else {
        *(uint64_t *)v->field = ns;
    }
}

static void bind_size(struct binder *b, const struct value *v)
{
    uint64_t bytes = 0;

    if (!want_scalar(b, v)) {
        return;
    }
    if (!at_text_parse_size(v->node->text, &bytes)) {
        wrong_value(b, v, NULL);
    } else if (bytes < v->key->min) {
        struct at_config_quoted room;
        struct at_config_error *e =
            wrong_value(b, v,
                        v->key->max == INT64_MAX ? "4M is the least that a process can start in"
                                                 : "64K is the least that spares anything");

        if (at_bytes_to_u64(v->node->text, &bytes)) {
            at_config_hint(b->config->errors, e,
                           "without a unit these are bytes; perhaps %sM is meant",
                           at_config_quote(v->node->text, &room));
        }
    } else if (bytes > v->key->max) {
        wrong_value(b, v,
                    v->key->max == INT64_MAX
                        ? "that is more than any machine has"
                        : "64M is the most; what is longer goes as a stream of messages");
    } else {
        *(uint64_t *)v->field = bytes;
    }
}

static void bind_cpus(struct binder *b, const struct value *v)
{
    uint64_t milli = 0;

    if (!want_scalar(b, v)) {
        return;
    }
    if (!at_text_parse_milli(v->node->text, &milli)) {
        wrong_value(b, v, NULL);
    } else if (milli < v->key->min) {
        wrong_value(b, v, "0.01 is the least");
    } else if (milli > v->key->max) {
        wrong_value(b, v, "1048 is the most");
    } else {
        *(uint32_t *)v->field = (uint32_t)milli;
    }
}

static void bind_count(struct binder *b, const struct value *v)
{
    uint64_t n = 0;
    struct at_config_quoted room;

    if (!want_scalar(b, v)) {
        return;
    }
    if (!at_bytes_to_u64(v->node->text, &n)) {
        wrong_value(b, v, NULL);
    } else if (n < v->key->min || n > v->key->max) {
        (void)at_config_say(b->config->errors, AT_CONFIG_VALUE, v->node->place, v->path,
                            "%s must be between %llu and %llu, not %s", v->path,
                            (unsigned long long)v->key->min, (unsigned long long)v->key->max,
                            at_config_quote(v->node->text, &room));
    } else {
        *(uint32_t *)v->field = (uint32_t)n;
    }
}

static uint32_t signal_number(struct at_bytes name)
{
    uint64_t n = 0;

    if (at_bytes_to_u64(name, &n)) {
        return n <= 64 ? (uint32_t)n : 0;
    }
    if (name.len > 3 && at_bytes_equal_nocase(at_bytes_before(name, 3), AT_LIT("SIG"))) {
        name = at_bytes_after(name, 3);
    }
    for (int i = 1; i < SIGRTMIN; i++) {
        const char *known = sigabbrev_np(i);

        if (known != NULL && at_bytes_equal_nocase(name, at_bytes_of(known))) {
            return (uint32_t)i;
        }
    }
    return 0;
}

static void bind_signal(struct binder *b, const struct value *v)
{
    uint32_t n;

    if (!want_scalar(b, v)) {
        return;
    }
    n = signal_number(v->node->text);
    if (n == 0) {
        wrong_value(b, v, "`kill -l` lists the names");
    } else if (n == SIGKILL || n == SIGSTOP) {
        wrong_value(b, v, "a service cannot catch it; with stop_grace_period: 0s it is killed");
    } else {
        *(uint32_t *)v->field = n;
    }
}

static void bind_restart(struct binder *b, const struct value *v)
{
    static const struct {
        const char *name;
        uint32_t mode;
    } modes[] = {
        {"no", AT_PLAN_RESTART_NO},
        {"on-failure", AT_PLAN_RESTART_ON_FAILURE},
        {"always", AT_PLAN_RESTART_ALWAYS},
        {"unless-stopped", AT_PLAN_RESTART_UNLESS_STOPPED},
    };
    static const char *const names[] = {"no", "on-failure", "always", "unless-stopped"};
    struct at_config_restart *restart = v->field;
    size_t colon;
    uint64_t max = 0;

    if (!want_scalar(b, v)) {
        return;
    }
    colon = at_bytes_index(v->node->text, ':');
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (!at_bytes_equal(at_bytes_before(v->node->text, colon), at_bytes_of(modes[i].name))) {
            continue;
        }
        if (colon == v->node->text.len ||
            (modes[i].mode == AT_PLAN_RESTART_ON_FAILURE &&
             at_bytes_to_u64(at_bytes_after(v->node->text, colon + 1), &max) && max > 0 &&
             max <= UINT32_MAX)) {
            *restart = (struct at_config_restart){modes[i].mode, (uint32_t)max};
            return;
        }
    }
    const char *near = at_text_nearest(v->node->text, names, sizeof(names) / sizeof(names[0]));
    struct at_text hint;

    at_text_init(&hint);
    if (near != NULL) {
        at_text_addf(&hint, "did you mean %s?", near);
    }
    wrong_value(b, v, near == NULL ? NULL : at_text_str(&hint));
    at_text_deinit(&hint);
}

static void bind_only(struct binder *b, const struct value *v)
{
    struct at_config_quoted room;

    if (want_scalar(b, v) && !at_bytes_equal(v->node->text, at_bytes_of(v->key->more))) {
        struct at_config_error *e =
            at_config_say(b->config->errors, AT_CONFIG_NOT_HONOURED, v->node->place, v->path,
                          "%s: %s cannot be honoured: this version of atoll has only %s", v->path,
                          at_config_quote(v->node->text, &room), v->key->more);

        at_config_hint(b->config->errors, e, "delete the key");
    }
}

static void bind_table(struct binder *b, const struct value *v)
{
    if (v->node->kind != AT_YAML_MAP) {
        wrong_type(b, v);
        return;
    }
    /* Keys of a table that is nested by name have their offsets in the same target. */
    push(b, (struct job){v->key->table, v->node, (char *)v->field - v->key->offset, v->path,
                         v->key_node->place});
}

/* The default of every key that a file may leave out. */
static struct at_config_service new_service(struct at_yaml_node *key)
{
    return (struct at_config_service){
        .key = key,
        .name = (const char *)key->text.at,
        .restart = {AT_PLAN_RESTART_ALWAYS, 0},
        .backoff_min_ns = UINT64_C(100000000),
        .backoff_max_ns = UINT64_C(10000000000),
        .backoff_exits = 10,
        .backoff_window_ns = UINT64_C(30000000000),
        .start_timeout_ns = UINT64_C(30000000000),
        .stop_signal = SIGTERM,
        .stop_grace_ns = UINT64_C(10000000000),
        .replicas = 1,
        .nofile = 1024,
    };
}

static void bind_services(struct binder *b, const struct value *v)
{
    struct at_config *c = b->config;

    if (v->node->kind != AT_YAML_MAP) {
        wrong_type(b, v);
        return;
    }
    c->services = at_arena_zalloc(&c->arena, v->node->count, sizeof(*c->services));
    if (c->services == NULL) {
        b->failed = true;
        return;
    }
    for (size_t i = 0; i < v->node->count; i++) {
        struct at_yaml_node *key = v->node->pairs[i].key;
        struct at_yaml_node *map = v->node->pairs[i].value;
        struct at_config_service *s;

        if (at_config_is_extension(key->text)) {
            continue;
        }
        s = &c->services[c->service_count++];
        *s = new_service(key);
        s->path = path_of(b, v->path, key->text);
        if (map->kind != AT_YAML_MAP && !at_yaml_is_null(map)) {
            (void)at_config_say(c->errors, AT_CONFIG_TYPE, map->place, s->path,
                                "%s must be a map, not %s", s->path, at_yaml_kind_name(map));
        } else {
            push(b, (struct job){v->key->table, map, s, s->path, key->place});
        }
    }
}

static void bind_weights(struct binder *b, const struct value *v)
{
    struct at_config_weights *weights = v->field;

    if (v->node->kind != AT_YAML_LIST) {
        wrong_type(b, v);
        return;
    }
    weights->node = v->node;
    weights->numbers.at =
        at_arena_zalloc(&b->config->arena, v->node->count + 1, sizeof(*weights->numbers.at));
    if (weights->numbers.at == NULL) {
        b->failed = true;
        return;
    }
    for (size_t i = 0; i < v->node->count; i++) {
        const char *path = at_arena_printf(&b->config->arena, "%s[%zu]", v->path, i);
        const struct at_config_key each = {
            .type = AT_TYPE_COUNT, .min = v->key->min, .max = v->key->max};
        struct value one = {.key = &each,
                            .key_node = v->key_node,
                            .node = v->node->items[i],
                            .field = &weights->numbers.at[i],
                            .path = path == NULL ? v->path : path};

        if (!one.node->wrong) {
            bind_count(b, &one);
        }
    }
    weights->numbers.count = v->node->count;
}

static void bind_balance(struct binder *b, const struct value *v)
{
    at_config_read_balance(b->config, v->node, v->path, v->field);
}

static void bind_listeners(struct binder *b, const struct value *v)
{
    struct at_config *c = b->config;

    if (v->node->kind != AT_YAML_LIST) {
        wrong_type(b, v);
        return;
    }
    c->listeners = at_arena_zalloc(&c->arena, v->node->count, sizeof(*c->listeners));
    if (c->listeners == NULL) {
        b->failed = true;
        return;
    }
    for (size_t i = 0; i < v->node->count; i++) {
        struct at_yaml_node *map = v->node->items[i];
        struct at_config_listener *l = &c->listeners[c->listener_count++];

        l->node = map;
        l->path = at_arena_printf(&c->arena, "%s[%zu]", v->path, i);
        if (l->path == NULL) {
            b->failed = true;
            l->path = "";
        } else if (map->kind != AT_YAML_MAP) {
            struct at_config_error *e =
                at_config_say(c->errors, AT_CONFIG_TYPE, map->place, l->path,
                              "%s must be a map, not %s", l->path, at_yaml_kind_name(map));

            at_config_hint(c->errors, e, "an entry is {address: 127.0.0.1:8080, services: [name]}");
        } else {
            push(b, (struct job){v->key->table, map, l, l->path, map->place});
        }
    }
}

static void bind_locks(struct binder *b, const struct value *v)
{
    struct at_config *c = b->config;

    if (v->node->kind != AT_YAML_MAP) {
        wrong_type(b, v);
        return;
    }
    c->locks = at_arena_zalloc(&c->arena, v->node->count, sizeof(*c->locks));
    if (c->locks == NULL) {
        b->failed = true;
        return;
    }
    for (size_t i = 0; i < v->node->count; i++) {
        struct at_yaml_node *key = v->node->pairs[i].key;
        struct at_yaml_node *map = v->node->pairs[i].value;
        struct at_config_lock *l;

        if (at_config_is_extension(key->text)) {
            continue;
        }
        l = &c->locks[c->lock_count++];
        *l = (struct at_config_lock){.key = key, .path = path_of(b, v->path, key->text)};
        if (map->kind != AT_YAML_MAP && !at_yaml_is_null(map)) {
            struct at_config_error *e =
                at_config_say(c->errors, AT_CONFIG_TYPE, map->place, l->path,
                              "%s must be a map, not %s", l->path, at_yaml_kind_name(map));

            at_config_hint(c->errors, e, "a plain lock is {}");
        } else {
            push(b, (struct job){v->key->table, map, l, l->path, key->place});
        }
    }
}

static void bind_ignored(struct binder *b, const struct value *v)
{
    (void)at_config_warn(b->config->errors, AT_CONFIG_NOT_HONOURED, v->key_node->place, v->path,
                         "%s has no effect: %s", v->path, v->key->doc);
}

static void bind_refused(struct binder *b, const struct value *v)
{
    struct at_config_error *e =
        at_config_say(b->config->errors, AT_CONFIG_NOT_HONOURED, v->key_node->place, v->path,
                      "%s cannot be honoured: %s", v->path, v->key->doc);

    at_config_hint(b->config->errors, e, "%s", v->key->more);
}

static void (*const binders[AT_TYPES])(struct binder *b, const struct value *v) = {
    [AT_TYPE_TEXT] = bind_text,         [AT_TYPE_WORDS] = bind_words,
    [AT_TYPE_COMMAND] = bind_command,   [AT_TYPE_VARIABLES] = bind_variables,
    [AT_TYPE_ENV_FILE] = bind_env_file, [AT_TYPE_DEPENDS] = bind_depends,
    [AT_TYPE_DURATION] = bind_duration, [AT_TYPE_SIZE] = bind_size,
    [AT_TYPE_CPUS] = bind_cpus,         [AT_TYPE_COUNT] = bind_count,
    [AT_TYPE_SIGNAL] = bind_signal,     [AT_TYPE_RESTART] = bind_restart,
    [AT_TYPE_ONLY] = bind_only,         [AT_TYPE_TABLE] = bind_table,
    [AT_TYPE_MAP_OF] = bind_services,   [AT_TYPE_LIST_OF] = bind_listeners,
    [AT_TYPE_WEIGHTS] = bind_weights,   [AT_TYPE_BALANCE] = bind_balance,
    [AT_TYPE_LOCKS] = bind_locks,       [AT_TYPE_IGNORED] = bind_ignored,
    [AT_TYPE_REFUSED] = bind_refused,
};

enum { TABLE_KEYS_MAX = 160 }; /* of our own table */

static const char *nearest_key(const struct at_config_table *table, struct at_bytes word)
{
    const char *names[TABLE_KEYS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < table->count && n < TABLE_KEYS_MAX; i++) {
        if (table->keys[i].type != AT_TYPE_REFUSED && table->keys[i].type != AT_TYPE_POLICY) {
            names[n++] = table->keys[i].name;
        }
    }
    return at_text_nearest(word, names, n);
}

static void unknown_key(struct binder *b, const struct job *job, const struct at_yaml_node *key,
                        const char *path)
{
    struct at_config_errors *errors = b->config->errors;
    const char *near = nearest_key(job->table, key->text);
    struct at_config_quoted room;
    struct at_config_error *e;

    if (job->table->others != NULL && near == NULL) {
        e = at_config_say(errors, AT_CONFIG_NOT_HONOURED, key->place, path,
                          "%s cannot be honoured: %s", path, job->table->others);
        at_config_hint(errors, e, "delete the key");
        return;
    }
    e = at_config_say(errors, AT_CONFIG_UNKNOWN_KEY, key->place, path, "there is no key %s in %s",
                      at_config_quote(key->text, &room), job->table->name);
    if (near != NULL) {
        at_config_hint(errors, e, "did you mean %s?", near);
    } else {
        at_config_hint(errors, e,
                       "`atoll schema` and atoll.yaml(5) list the keys; one of your own "
                       "begins with x-");
    }
}

/* A name that stands for itself: "stock" or "order -> stock" in policies. */
static void bind_named(struct binder *b, const struct job *job, const struct at_config_key *named,
                       const struct at_yaml_pair *pair, const char *path)
{
    struct at_config *c = b->config;
    struct at_config_policy *p;

    if (at_config_refuse_method(c, pair->key, path)) {
        return;
    }
    if (c->policies == NULL) {
        c->policies = at_arena_zalloc(&c->arena, job->map->count, sizeof(*c->policies));
    }
    if (c->policies == NULL) {
        b->failed = true;
        return;
    }
    p = &c->policies[c->policy_count++];
    *p = (struct at_config_policy){
        .key = pair->key, .path = path, .slow_start_ns = AT_CONFIG_NO_SLOW_START};
    if (pair->value->kind == AT_YAML_MAP) {
        push(b, (struct job){named->table, pair->value, p, path, pair->key->place});
    } else if (!at_yaml_is_null(pair->value)) {
        at_config_hint(c->errors,
                       at_config_say(c->errors, AT_CONFIG_TYPE, pair->value->place, path,
                                     "%s must be a map, not %s", path,
                                     at_yaml_kind_name(pair->value)),
                       "for example: {balance: round-robin}");
    }
}

static void bind_pair(struct binder *b, const struct job *job, const struct at_yaml_pair *pair)
{
    const struct at_config_key *key = at_config_find_key(job->table, pair->key->text);
    struct value v = {.key = key, .key_node = pair->key, .node = pair->value};

    if (pair->key->wrong || pair->value->wrong || at_config_is_extension(pair->key->text)) {
        return;
    }
    v.path = path_of(b, job->path, pair->key->text);
    if (key == NULL && at_config_find_named(job->table) != NULL) {
        bind_named(b, job, at_config_find_named(job->table), pair, v.path);
        return;
    }
    if (key == NULL) {
        unknown_key(b, job, pair->key, v.path);
        return;
    }
    if (at_yaml_is_null(pair->value) && key->type != AT_TYPE_REFUSED) {
        return; /* as if it were not there */
    }
    v.field = (char *)job->target + key->offset;
    binders[key->type](b, &v);
}

static void find_missing(struct binder *b, const struct job *job)
{
    for (size_t i = 0; i < job->table->count; i++) {
        const struct at_config_key *key = &job->table->keys[i];
        const struct at_yaml_node *value = at_yaml_get(job->map, key->name);
        struct at_config_error *e;
        const char *path;

        if (!key->required || (value != NULL && !at_yaml_is_null(value)) ||
            (value != NULL && value->wrong)) {
            continue;
        }
        path = path_of(b, job->path, at_bytes_of(key->name));
        e = at_config_say(b->config->errors, AT_CONFIG_MISSING, job->place, path,
                          "%s is missing%s%s", key->name, job->path[0] == '\0' ? "" : " in ",
                          job->path);
        if (key->example != NULL) {
            at_config_hint(b->config->errors, e, "for example: %s", key->example);
        }
    }
}

static void bind_map(struct binder *b, const struct job *job)
{
    for (size_t i = 0; job->map->kind == AT_YAML_MAP && i < job->map->count && !b->failed; i++) {
        bind_pair(b, job, &job->map->pairs[i]);
    }
    find_missing(b, job);
}

int at_config_bind(struct at_config *config)
{
    struct binder b = {.config = config};
    const struct at_yaml_node *root = config->root;

    config->deadline_ns = UINT64_C(30000000000);
    config->defaults = (struct at_config_policy){.path = "policies.defaults"};
    if (root->kind != AT_YAML_MAP) {
        (void)at_config_say(config->errors, AT_CONFIG_TYPE, root->place, "",
                            "the file must be a map with the key services, not %s",
                            at_yaml_kind_name(root));
        return 0;
    }
    push(&b, (struct job){at_config_root_table(), root, config, "", root->place});
    while (b.count > 0 && !b.failed) {
        struct job job = b.jobs[--b.count];

        bind_map(&b, &job);
    }
    free(b.jobs);
    return b.failed ? -ENOMEM : 0;
}
