/* Who calls whom, who waits for whom, who runs. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/config_error.h"
#include "cli/config_model.h"
#include "cli/config_yaml.h"
#include "plan/limits.h"
#include "plan/plan.h"

struct at_config_service *at_config_find_service(const struct at_config *config,
                                                 struct at_bytes name)
{
    for (size_t i = 0; i < config->service_count; i++) {
        if (at_bytes_equal(config->services[i].key->text, name)) {
            return &config->services[i];
        }
    }
    return NULL;
}

static const char *nearest_service(const struct at_config *c, struct at_bytes word)
{
    const char *names[AT_PLAN_SERVICES_MAX];
    size_t n = 0;

    if (c->errors->overflow) {
        return NULL; /* nobody will see it */
    }
    for (size_t i = 0; i < c->service_count && n < AT_PLAN_SERVICES_MAX; i++) {
        names[n++] = c->services[i].name;
    }
    return at_text_nearest(word, names, n);
}

static const char *all_services(const struct at_config *c, struct at_text *out)
{
    for (size_t i = 0; i < c->service_count && i < 12; i++) {
        struct at_config_quoted room;

        at_text_addf(out, "%s%s", i == 0 ? "" : ", ",
                     at_config_quote(c->services[i].key->text, &room));
    }
    if (c->service_count > 12) {
        at_text_add_str(out, ", …");
    }
    return at_text_str(out);
}

/* "topic:stock-alarms", "tcp:bank.example:443": edges of later versions. */
static bool say_scheme(struct at_config *c, const struct at_yaml_node *text, const char *path)
{
    struct at_config_quoted room;
    struct at_config_error *e;

    if (at_bytes_index(text->text, ':') == text->text.len) {
        return false;
    }
    e = at_config_say(
        c->errors, AT_CONFIG_NOT_HONOURED, text->place, path,
        "%s cannot be honoured: this version of atoll has edges to services and locks only",
        at_config_quote(text->text, &room));
    at_config_hint(c->errors, e, "delete the entry; topics and outside addresses come later");
    return true;
}

struct at_config_service *at_config_service_of(struct at_config *config,
                                               const struct at_yaml_node *text, const char *path)
{
    struct at_config_service *s = at_config_find_service(config, text->text);
    struct at_config_quoted room;
    struct at_config_error *e;
    const char *near;

    if (s != NULL || text->wrong || say_scheme(config, text, path)) {
        return s;
    }
    if (at_plan_is_reserved_name(text->text)) {
        (void)at_config_say(config->errors, AT_CONFIG_UNKNOWN_NAME, text->place, path,
                            "%s is a part of atoll, not a service that can be named here",
                            at_config_quote(text->text, &room));
        return NULL;
    }
    near = nearest_service(config, text->text);
    e = at_config_say(config->errors, AT_CONFIG_UNKNOWN_NAME, text->place, path,
                      "there is no service %s", at_config_quote(text->text, &room));
    if (near != NULL) {
        at_config_hint(config->errors, e, "did you mean %s?", near);
    } else {
        struct at_text names;

        at_text_init(&names);
        at_config_hint(config->errors, e, "the services are %s", all_services(config, &names));
        at_text_deinit(&names);
    }
    return NULL;
}

/* The i-th entry of depends_on: its name, and its map or NULL. */
static const struct at_yaml_node *dependency_at(const struct at_yaml_node *n, size_t i,
                                                const struct at_yaml_node **ret_map)
{
    if (n->kind == AT_YAML_LIST) {
        *ret_map = NULL;
        return n->items[i];
    }
    *ret_map = n->pairs[i].value;
    return n->pairs[i].key;
}

/* Each option or variable may name several, with commas between; "*" is all of them. */
static bool is_profile_on(const struct at_config_options *o, struct at_bytes profile)
{
    for (size_t i = 0; i < o->profile_count; i++) {
        struct at_bytes rest = at_bytes_of(o->profiles[i]);
        struct at_bytes piece;

        while (at_bytes_cut(&rest, ',', &piece)) {
            if (at_bytes_equal(piece, AT_LIT("*")) ||
                at_bytes_equal(at_bytes_trim(piece), profile)) {
                return true;
            }
        }
    }
    return false;
}

static bool is_off(const struct at_config_service *s, const struct at_config_options *o)
{
    if (s->profiles == NULL || s->profiles->count == 0) {
        return false;
    }
    for (size_t i = 0; i < s->profiles->count; i++) {
        if (is_profile_on(o, s->profiles->items[i]->text)) {
            return false;
        }
    }
    return true;
}

static bool enable(struct at_config *c, struct at_bytes name)
{
    struct at_config_service *s = at_config_find_service(c, name);

    if (s == NULL || s->enabled || s->off) {
        return false;
    }
    s->enabled = true;
    return true;
}

/* Switches on what s needs; true when that was something new. */
static bool enable_needs(struct at_config *c, const struct at_config_service *s)
{
    bool more = false;

    for (size_t i = 0; s->uses != NULL && i < s->uses->count; i++) {
        more = enable(c, s->uses->items[i]->text) || more;
    }
    for (size_t i = 0; s->depends_on != NULL && i < s->depends_on->count; i++) {
        const struct at_yaml_node *map;

        more = enable(c, dependency_at(s->depends_on, i, &map)->text) || more;
    }
    return more;
}

static void choose_named(struct at_config *c, const struct at_config_options *o)
{
    bool more = !o->no_deps;

    for (size_t i = 0; i < o->service_count; i++) {
        struct at_bytes name = at_bytes_of(o->services[i]);
        struct at_config_service *s = at_config_find_service(c, name);

        if (s != NULL) {
            s->off = false; /* naming it switches its profiles on */
            s->enabled = true;
        } else {
            struct at_config_quoted room;
            const char *near = nearest_service(c, name);
            struct at_config_error *e =
                at_config_say(c->errors, AT_CONFIG_UNKNOWN_NAME, (struct at_config_place){0}, "",
                              "there is no service %s", at_config_quote(name, &room));

            if (near != NULL) {
                at_config_hint(c->errors, e, "did you mean %s?", near);
            }
        }
    }
    while (more) {
        more = false;
        for (size_t i = 0; i < c->service_count; i++) {
            more = (c->services[i].enabled && enable_needs(c, &c->services[i])) || more;
        }
    }
}

void at_config_choose(struct at_config *config, const struct at_config_options *options)
{
    for (size_t i = 0; i < config->service_count; i++) {
        struct at_config_service *s = &config->services[i];

        s->off = is_off(s, options);
        s->enabled = options->service_count == 0 && !s->off;
    }
    if (options->service_count > 0) {
        choose_named(config, options);
    }
    uint32_t index = 0;
    for (size_t i = 0; i < config->service_count; i++) {
        if (config->services[i].enabled) {
            config->services[i].index = index++;
        }
    }
}

static int by_index(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

static bool holds(const struct at_plan_indexes *list, uint32_t index)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->at[i] == index) {
            return true;
        }
    }
    return false;
}

static bool stands_before(const struct at_yaml_node *list, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (at_bytes_equal(list->items[k]->text, list->items[i]->text)) {
            return true;
        }
    }
    return false;
}

static void resolve_use(struct at_config *c, const struct at_config_service *s, size_t i,
                        struct at_plan_indexes *uses)
{
    const struct at_yaml_node *text = s->uses->items[i];
    const char *path = at_arena_printf(&c->arena, "%s.uses[%zu]", s->path, i);
    struct at_config_service *to;
    struct at_config_error *e;

    if (at_config_resolve_lock_use(c, s, text, path == NULL ? s->path : path)) {
        return;
    }
    to = at_config_service_of(c, text, path == NULL ? s->path : path);
    if (to == NULL) {
        return;
    }
    if (to == s) {
        e = at_config_say(c->errors, AT_CONFIG_CYCLE, text->place, path, "%s uses itself", s->name);
        at_config_hint(c->errors, e, "delete the entry; a service calls its own code directly");
    } else if (s->uses->count < AT_PLAN_SERVICES_MAX && stands_before(s->uses, i)) {
        (void)at_config_say(c->errors, AT_CONFIG_DUPLICATE, text->place, path,
                            "%s stands twice in the uses of %s", to->name, s->name);
    } else if (to->off) {
        e = at_config_warn(c->errors, AT_CONFIG_UNKNOWN_NAME, text->place, path,
                           "%s uses %s, which is switched off by its profiles", s->name, to->name);
        at_config_hint(c->errors, e, "calls to it will fail; switch a profile of it on");
    } else if (to->enabled && s->enabled && !holds(uses, to->index)) {
        uses->at[uses->count++] = to->index;
    }
}

static int resolve_uses(struct at_config *c, const struct at_config_service *s,
                        struct at_plan_service *plan)
{
    if (s->uses == NULL) {
        return 0;
    }
    plan->uses_line = (uint32_t)s->uses->place.line;
    plan->uses.at = at_arena_zalloc(&c->arena, c->service_count, sizeof(*plan->uses.at));
    if (plan->uses.at == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < s->uses->count; i++) {
        resolve_use(c, s, i, &plan->uses);
    }
    if (plan->uses.count > 1) {
        qsort(plan->uses.at, plan->uses.count, sizeof(*plan->uses.at), by_index);
    }
    return 0;
}

/* Keys of a dependency's map. */
struct dependency {
    uint32_t condition;
    bool optional; /* required: false */
};

static void read_condition(struct at_config *c, const struct at_yaml_node *value, const char *path,
                           struct dependency *d)
{
    static const char *const names[] = {"service_started", "service_healthy"};
    struct at_config_quoted room;
    struct at_config_error *e;
    const char *near;

    if (at_bytes_equal(value->text, AT_LIT("service_started"))) {
        d->condition = AT_PLAN_STARTED;
    } else if (at_bytes_equal(value->text, AT_LIT("service_completed_successfully"))) {
        e = at_config_say(c->errors, AT_CONFIG_NOT_HONOURED, value->place, path,
                          "condition: service_completed_successfully cannot be honoured: atoll "
                          "runs services, not tasks that end");
        at_config_hint(c->errors, e, "run the task before `atoll up`, or at the service's start");
    } else if (!at_bytes_equal(value->text, AT_LIT("service_healthy"))) {
        near = at_text_nearest(value->text, names, 2);
        e = at_config_say(c->errors, AT_CONFIG_VALUE, value->place, path,
                          "condition must be service_started or service_healthy, not “%s”",
                          at_config_quote(value->text, &room));
        if (near != NULL) {
            at_config_hint(c->errors, e, "did you mean %s?", near);
        }
    }
}

static void read_flag(struct at_config *c, const struct at_yaml_pair *pair, const char *path,
                      struct dependency *d)
{
    bool yes = at_bytes_equal(pair->value->text, AT_LIT("true"));
    struct at_config_quoted room;
    struct at_config_error *e;

    if (!yes && !at_bytes_equal(pair->value->text, AT_LIT("false"))) {
        (void)at_config_say(
            c->errors, AT_CONFIG_VALUE, pair->value->place, path,
            "%s must be true or false, not “%s”", at_config_quote(pair->key->text, &room),
            pair->value->kind == AT_YAML_SCALAR ? (const char *)pair->value->text.at : "");
    } else if (at_bytes_equal(pair->key->text, AT_LIT("required"))) {
        d->optional = !yes;
    } else if (yes) {
        e = at_config_say(c->errors, AT_CONFIG_NOT_HONOURED, pair->key->place, path,
                          "restart: true cannot be honoured: calls find a restarted instance by "
                          "themselves");
        at_config_hint(c->errors, e, "delete the key");
    }
}

static void read_dependency(struct at_config *c, const struct at_yaml_node *map, const char *path,
                            struct dependency *d)
{
    struct at_config_quoted room;

    if (map == NULL || at_yaml_is_null(map)) {
        return;
    }
    if (map->kind != AT_YAML_MAP) {
        at_config_hint(c->errors,
                       at_config_say(c->errors, AT_CONFIG_TYPE, map->place, path,
                                     "%s must be a map, not %s", path, at_yaml_kind_name(map)),
                       "write {condition: service_healthy}");
        return;
    }
    for (size_t i = 0; i < map->count; i++) {
        const struct at_yaml_pair *pair = &map->pairs[i];

        if (at_bytes_equal(pair->key->text, AT_LIT("condition"))) {
            read_condition(c, pair->value, path, d);
        } else if (at_bytes_equal(pair->key->text, AT_LIT("required")) ||
                   at_bytes_equal(pair->key->text, AT_LIT("restart"))) {
            read_flag(c, pair, path, d);
        } else if (!pair->key->wrong) {
            at_config_hint(c->errors,
                           at_config_say(c->errors, AT_CONFIG_UNKNOWN_KEY, pair->key->place, path,
                                         "there is no key %s in depends_on",
                                         at_config_quote(pair->key->text, &room)),
                           "the keys are condition and required");
        }
    }
}

static void resolve_dependency(struct at_config *c, const struct at_config_service *s, size_t i,
                               struct at_plan_dependencies *list)
{
    const struct at_yaml_node *map;
    const struct at_yaml_node *text = dependency_at(s->depends_on, i, &map);
    const char *path =
        at_arena_printf(&c->arena, "%s.depends_on.%s", s->path, (const char *)text->text.at);
    struct dependency d = {AT_PLAN_HEALTHY, false}; /* what the order of a list means */
    struct at_config_service *to;

    path = path == NULL ? s->path : path;
    read_dependency(c, map, path, &d);
    to = at_config_find_service(c, text->text);
    if (to == NULL && d.optional) {
        return;
    }
    to = at_config_service_of(c, text, path);
    if (to == NULL) {
        return;
    }
    if (to->off && s->enabled && !d.optional) {
        at_config_hint(c->errors,
                       at_config_say(c->errors, AT_CONFIG_UNKNOWN_NAME, text->place, path,
                                     "%s depends on %s, which is switched off by its profiles",
                                     s->name, to->name),
                       "switch a profile of %s on, or write required: false", to->name);
        return;
    }
    if (to == s || !to->enabled || !s->enabled) {
        return; /* a cycle of one is said with the others */
    }
    for (size_t k = 0; k < list->count; k++) {
        if (list->at[k].service == to->index) {
            (void)at_config_say(c->errors, AT_CONFIG_DUPLICATE, text->place, path,
                                "%s stands twice in the depends_on of %s", to->name, s->name);
            return;
        }
    }
    list->at[list->count++] = (struct at_plan_dependency){to->index, d.condition};
}

static int by_service(const void *left, const void *right)
{
    uint32_t a = ((const struct at_plan_dependency *)left)->service;
    uint32_t b = ((const struct at_plan_dependency *)right)->service;

    return (a > b) - (a < b);
}

int at_config_resolve_edges(struct at_config *config, const struct at_config_service *s,
                            struct at_plan_service *plan)
{
    struct at_plan_dependencies *list = &plan->depends_on;
    int r = resolve_uses(config, s, plan);

    if (r < 0 || s->depends_on == NULL) {
        return r;
    }
    list->at = at_arena_zalloc(&config->arena, config->service_count, sizeof(*list->at));
    if (list->at == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < s->depends_on->count; i++) {
        resolve_dependency(config, s, i, list);
    }
    if (list->count > 1) {
        qsort(list->at, list->count, sizeof(*list->at), by_service);
    }
    return 0;
}

/* The first service that s waits for and that is not gone yet, with its place; NULL: none. */
static struct at_config_service *waits_for(struct at_config *c, const struct at_config_service *s,
                                           const bool *gone, const struct at_yaml_node **ret_text)
{
    for (size_t i = 0; s->depends_on != NULL && i < s->depends_on->count; i++) {
        const struct at_yaml_node *map;
        const struct at_yaml_node *text = dependency_at(s->depends_on, i, &map);
        struct at_config_service *to = at_config_find_service(c, text->text);

        if (to != NULL && !gone[to - c->services]) {
            *ret_text = text;
            return to;
        }
    }
    return NULL;
}

/* Where s names `to`. */
static struct at_config_place place_of_edge(const struct at_config_service *s,
                                            const struct at_config_service *to)
{
    for (size_t i = 0; i < s->depends_on->count; i++) {
        const struct at_yaml_node *map;
        const struct at_yaml_node *text = dependency_at(s->depends_on, i, &map);

        if (at_bytes_equal(text->text, to->key->text)) {
            return text->place;
        }
    }
    return s->depends_on->place;
}

static void say_round(struct at_config *c, struct at_config_service *const *way, size_t n)
{
    struct at_config_place place = place_of_edge(way[0], n == 1 ? way[0] : way[1]);
    const char *path = at_arena_printf(&c->arena, "%s.depends_on", way[0]->path);
    struct at_config_error *e;
    struct at_text round;

    path = path == NULL ? "" : path;
    if (n == 1) {
        e = at_config_say(c->errors, AT_CONFIG_CYCLE, place, path, "%s depends on itself",
                          way[0]->name);
        at_config_hint(c->errors, e, "delete the entry");
        return;
    }
    at_text_init(&round);
    for (size_t i = 0; i < n; i++) {
        at_text_addf(&round, "%s → ", way[i]->name);
    }
    at_text_add_str(&round, way[0]->name);
    e = at_config_say(c->errors, AT_CONFIG_CYCLE, place, path, "depends_on goes round: %s",
                      at_text_str(&round));
    at_config_hint(c->errors, e,
                   "none of them could start; a call waits for a service that is "
                   "not ready yet, so one depends_on can go");
    at_text_deinit(&round);
}

/* Follows the dependencies from s until a service comes again; says that round, takes it away. */
static void find_round(struct at_config *c, struct at_config_service *s, bool *gone)
{
    struct at_config_service *way[AT_PLAN_SERVICES_MAX + 1];
    const struct at_yaml_node *text;
    size_t n = 0;
    size_t first = 0;

    do {
        way[n++] = s;
        s = waits_for(c, s, gone, &text);
        first = 0;
        while (first < n && way[first] != s) {
            first++;
        }
    } while (s != NULL && first == n);
    if (s == NULL) {
        gone[way[0] - c->services] = true; /* cannot be: who is left waits for one that is left */
        return;
    }
    say_round(c, way + first, n - first);
    for (size_t i = first; i < n; i++) {
        gone[way[i] - c->services] = true;
    }
}

void at_config_find_cycles(struct at_config *config)
{
    bool gone[AT_PLAN_SERVICES_MAX] = {false};
    const struct at_yaml_node *text;
    bool more = true;

    while (more) {
        more = false;
        for (size_t i = 0; i < config->service_count; i++) {
            if (!gone[i] && waits_for(config, &config->services[i], gone, &text) == NULL) {
                gone[i] = true;
                more = true;
            }
        }
        for (size_t i = 0; !more && i < config->service_count; i++) {
            if (!gone[i]) {
                find_round(config, &config->services[i], gone);
                more = true;
            }
        }
    }
}
