/* policies → the plan's: how calls are spread, from everybody or over one edge. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/config_error.h"
#include "cli/config_model.h"
#include "cli/config_yaml.h"
#include "plan/limits.h"
#include "plan/plan.h"

static const char *const balance_names[] = {"least-requests", "round-robin", "p2c", "hash"};
static const char balance_forms[] = "least-requests, round-robin, p2c or {hash: FIELD}";

/* What others call it. */
static const struct {
    const char *theirs;
    const char *ours;
} balance_aliases[] = {
    {"least_conn", "least-requests"},
    {"leastconn", "least-requests"},
    {"least_request", "least-requests"},
    {"weighted", "round-robin, with deploy.weights"},
    {"random", "p2c"},
    {"power-of-two", "p2c"},
    {"ring_hash", "{hash: FIELD}"},
    {"maglev", "{hash: FIELD}"},
    {"consistent-hash", "{hash: FIELD}"},
};

static void say_unknown_balance(struct at_config *c, const struct at_yaml_node *node,
                                const char *path)
{
    struct at_config_quoted room;
    const char *near = at_text_nearest(node->text, balance_names,
                                       sizeof(balance_names) / sizeof(balance_names[0]));
    struct at_config_error *e =
        at_config_say(c->errors, AT_CONFIG_VALUE, node->place, path, "%s must be %s, not “%s”",
                      path, balance_forms, at_config_quote(node->text, &room));

    for (size_t i = 0; i < sizeof(balance_aliases) / sizeof(balance_aliases[0]); i++) {
        if (at_bytes_equal(node->text, at_bytes_of(balance_aliases[i].theirs))) {
            near = balance_aliases[i].ours;
        }
    }
    if (near != NULL) {
        at_config_hint(c->errors, e, "did you mean %s?", near);
    }
}

static void read_word(struct at_config *c, const struct at_yaml_node *node, const char *path,
                      struct at_config_balance *ret)
{
    static const uint32_t kinds[] = {AT_PLAN_LEAST_REQUESTS, AT_PLAN_ROUND_ROBIN, AT_PLAN_P2C};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (at_bytes_equal(node->text, at_bytes_of(balance_names[i]))) {
            ret->kind = kinds[i];
            return;
        }
    }
    if (at_bytes_equal(node->text, AT_LIT("hash"))) {
        at_config_hint(c->errors,
                       at_config_say(c->errors, AT_CONFIG_VALUE, node->place, path,
                                     "%s: hash needs the field of the request that it goes by",
                                     path),
                       "for example: {hash: cart_id}");
        return;
    }
    say_unknown_balance(c, node, path);
}

static bool read_field(struct at_config *c, const struct at_yaml_node *node, const char *path,
                       struct at_config_balance *ret)
{
    struct at_config_quoted room;

    if (node->kind != AT_YAML_SCALAR || !at_plan_is_key(node->text)) {
        at_config_hint(
            c->errors,
            at_config_say(c->errors, AT_CONFIG_VALUE, node->place, path,
                          "%s.hash must be the path of a field, not “%s”", path,
                          node->kind == AT_YAML_SCALAR ? at_config_quote(node->text, &room)
                                                       : at_yaml_kind_name(node)),
            "names with dots between, %d at most: cart_id, cart.id", AT_PLAN_KEY_DEPTH_MAX);
        return false;
    }
    ret->key = node;
    return true;
}

/* "150", "150%" */
static bool read_bound(struct at_config *c, const struct at_yaml_node *node, const char *path,
                       struct at_config_balance *ret)
{
    struct at_bytes text = node->text;
    struct at_config_quoted room;
    uint64_t n = 0;

    if (text.len > 0 && text.at[text.len - 1] == '%') {
        text = at_bytes_before(text, text.len - 1);
    }
    if (node->kind != AT_YAML_SCALAR || !at_bytes_to_u64(text, &n) || n < AT_PLAN_BOUND_MIN ||
        n > AT_PLAN_BOUND_MAX) {
        at_config_hint(c->errors,
                       at_config_say(c->errors, AT_CONFIG_VALUE, node->place, path,
                                     "%s.bound must be a percentage between %d and %d, not “%s”",
                                     path, AT_PLAN_BOUND_MIN, AT_PLAN_BOUND_MAX,
                                     node->kind == AT_YAML_SCALAR
                                         ? at_config_quote(node->text, &room)
                                         : at_yaml_kind_name(node)),
                       "125%% is the default: a quarter above its share");
        return false;
    }
    ret->bound = (uint32_t)n;
    return true;
}

static void read_map(struct at_config *c, const struct at_yaml_node *node, const char *path,
                     struct at_config_balance *ret)
{
    struct at_config_balance found = {.kind = AT_PLAN_HASH};
    bool good = true;

    for (size_t i = 0; i < node->count; i++) {
        const struct at_yaml_pair *pair = &node->pairs[i];
        struct at_config_quoted room;

        if (pair->key->wrong || pair->value->wrong) {
            good = false;
        } else if (at_bytes_equal(pair->key->text, AT_LIT("hash"))) {
            good = read_field(c, pair->value, path, &found) && good;
        } else if (at_bytes_equal(pair->key->text, AT_LIT("bound"))) {
            good = read_bound(c, pair->value, path, &found) && good;
        } else {
            at_config_hint(c->errors,
                           at_config_say(c->errors, AT_CONFIG_UNKNOWN_KEY, pair->key->place, path,
                                         "there is no key %s in %s",
                                         at_config_quote(pair->key->text, &room), path),
                           "the keys are hash and bound");
            good = false;
        }
    }
    if (good && found.key == NULL) {
        at_config_hint(c->errors,
                       at_config_say(c->errors, AT_CONFIG_MISSING, node->place, path,
                                     "hash is missing in %s", path),
                       "for example: {hash: cart_id}");
        good = false;
    }
    if (good) {
        *ret = found;
    }
}

void at_config_read_balance(struct at_config *config, const struct at_yaml_node *node,
                            const char *path, struct at_config_balance *ret)
{
    if (node->kind == AT_YAML_SCALAR) {
        read_word(config, node, path, ret);
    } else if (node->kind == AT_YAML_MAP) {
        read_map(config, node, path, ret);
    } else {
        (void)at_config_say(config->errors, AT_CONFIG_TYPE, node->place, path,
                            "%s must be %s, not %s", path, balance_forms, at_yaml_kind_name(node));
    }
}

/* ---- who is meant ---- */

/* The place of "->" in the key, or its length. */
static size_t arrow_of(struct at_bytes key)
{
    for (size_t i = 0; i + 1 < key.len; i++) {
        if (key.at[i] == '-' && key.at[i + 1] == '>') {
            return i;
        }
    }
    return key.len;
}

bool at_config_refuse_method(struct at_config *config, const struct at_yaml_node *key,
                             const char *path)
{
    if (arrow_of(key->text) < key->text.len || (at_bytes_index(key->text, '.') == key->text.len &&
                                                at_bytes_index(key->text, '/') == key->text.len)) {
        return false;
    }
    at_config_hint(config->errors,
                   at_config_say(config->errors, AT_CONFIG_NOT_HONOURED, key->place, path,
                                 "%s cannot be honoured: policies of one method are not there yet",
                                 path),
                   "name a service, or an edge: \"order -> stock\"");
    return true;
}

/* The service of that name, said at the policy's key when there is none. */
static struct at_config_service *service_of(struct at_config *c, const struct at_config_policy *p,
                                            struct at_bytes name)
{
    const char *copy = at_arena_copy(&c->arena, name);
    struct at_yaml_node *text =
        copy == NULL ? NULL
                     : at_yaml_new_scalar(&c->arena, p->key->place, at_bytes_over(copy, name.len));

    return text == NULL ? NULL : at_config_service_of(c, text, p->path);
}

static bool uses(const struct at_config_service *from, struct at_bytes to)
{
    for (size_t i = 0; from->uses != NULL && i < from->uses->count; i++) {
        if (at_bytes_equal(from->uses->items[i]->text, to)) {
            return true;
        }
    }
    return false;
}

static void find_edge(struct at_config *c, struct at_config_policy *p, size_t arrow)
{
    struct at_bytes from = at_bytes_trim(at_bytes_before(p->key->text, arrow));
    struct at_bytes to = at_bytes_trim(at_bytes_after(p->key->text, arrow + 2));
    const struct at_config_service *server;

    p->from_door = at_bytes_equal(from, AT_LIT("door"));
    if (!p->from_door) {
        p->from = service_of(c, p, from);
    }
    server = service_of(c, p, to);
    if (server == NULL || (p->from == NULL && !p->from_door)) {
        return;
    }
    p->to = server;
    if (p->from != NULL && !uses(p->from, to)) {
        at_config_hint(c->errors,
                       at_config_warn(c->errors, AT_CONFIG_UNKNOWN_NAME, p->key->place, p->path,
                                      "%s does not use %s: the policy has no effect", p->from->name,
                                      server->name),
                       "name %s in the uses of %s, or delete the policy", server->name,
                       p->from->name);
    }
}

static void find_named(struct at_config *c, struct at_config_policy *p)
{
    size_t arrow = arrow_of(p->key->text);

    if (arrow < p->key->text.len) {
        find_edge(c, p, arrow);
    } else {
        p->to = service_of(c, p, p->key->text);
    }
}

static bool is_same(const struct at_config_policy *a, const struct at_config_policy *b)
{
    return a->to != NULL && a->to == b->to && a->from == b->from && a->from_door == b->from_door;
}

static void find_all(struct at_config *c)
{
    for (size_t i = 0; i < c->policy_count; i++) {
        struct at_config_policy *p = &c->policies[i];

        find_named(c, p);
        for (size_t k = 0; k < i; k++) {
            if (is_same(&c->policies[k], p)) {
                (void)at_config_say(c->errors, AT_CONFIG_DUPLICATE, p->key->place, p->path,
                                    "%s says again what stands in line %d", p->path,
                                    (int)c->policies[k].key->place.line);
                p->to = NULL;
            }
        }
    }
}

/* ---- the plan's ---- */

static bool is_of_all(const struct at_config_policy *p, const struct at_config_service *to)
{
    return p->to == to && p->from == NULL && !p->from_door;
}

static const struct at_config_policy *of_all(const struct at_config *c,
                                             const struct at_config_service *to)
{
    for (size_t i = 0; i < c->policy_count; i++) {
        if (is_of_all(&c->policies[i], to)) {
            return &c->policies[i];
        }
    }
    return NULL;
}

/* Key by key: what the first says that says anything. */
static struct at_plan_policy merged(const struct at_config *c, const struct at_config_policy *edge,
                                    const struct at_config_service *to)
{
    const struct at_config_policy *levels[] = {edge, of_all(c, to), &c->defaults};
    struct at_plan_policy ret = {.to = to->index, .from = AT_PLAN_ANYBODY, .key = ""};
    bool slow = false;

    for (size_t i = 0; i < 3; i++) {
        const struct at_config_policy *p = levels[i];

        if (p != NULL && ret.balance == 0 && p->balance.kind != 0) {
            ret.balance = p->balance.kind;
            ret.bound = p->balance.bound;
            ret.key = p->balance.key == NULL ? "" : (const char *)p->balance.key->text.at;
        }
        if (p != NULL && !slow && p->slow_start_ns != AT_CONFIG_NO_SLOW_START) {
            ret.slow_start_ns = p->slow_start_ns;
            slow = true;
        }
    }
    if (ret.balance == 0) {
        ret.balance = AT_PLAN_LEAST_REQUESTS;
    }
    return ret;
}

static int by_edge(const void *left, const void *right)
{
    const struct at_plan_policy *a = left;
    const struct at_plan_policy *b = right;

    if (a->to != b->to) {
        return a->to < b->to ? -1 : 1;
    }
    return (a->from > b->from) - (a->from < b->from);
}

static void add_edge(struct at_config *c, const struct at_config_policy *p)
{
    int door = at_plan_role(&c->plan, AT_PLAN_GATEWAY);
    struct at_plan_policy plan;

    if (p->to == NULL || !p->to->enabled || (p->from == NULL && !p->from_door) ||
        (p->from != NULL && !p->from->enabled) || (p->from_door && door < 0)) {
        return;
    }
    plan = merged(c, p, p->to);
    plan.from = p->from_door ? (uint32_t)door : p->from->index;
    c->plan.policies[c->plan.policy_count++] = plan;
}

int at_config_resolve_policies(struct at_config *config)
{
    size_t most = config->policy_count + config->service_count;

    find_all(config);
    if (config->policy_count > AT_PLAN_POLICIES_MAX - AT_PLAN_SERVICES_MAX) {
        (void)at_config_say(config->errors, AT_CONFIG_LIMIT, config->policies[0].key->place,
                            "policies", "%zu policies; %d is the most", config->policy_count,
                            AT_PLAN_POLICIES_MAX - AT_PLAN_SERVICES_MAX);
        return 0;
    }
    config->plan.policies =
        at_arena_zalloc(&config->arena, most + 1, sizeof(*config->plan.policies));
    if (config->plan.policies == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < config->service_count; i++) {
        const struct at_config_service *s = &config->services[i];
        struct at_plan_policy plan = merged(config, NULL, s);

        if (s->enabled && (plan.balance != AT_PLAN_LEAST_REQUESTS || plan.slow_start_ns != 0)) {
            config->plan.policies[config->plan.policy_count++] = plan;
        }
    }
    for (size_t i = 0; i < config->policy_count; i++) {
        add_edge(config, &config->policies[i]);
    }
    if (config->plan.policy_count > 1) {
        qsort(config->plan.policies, config->plan.policy_count, sizeof(*config->plan.policies),
              by_edge);
    }
    return 0;
}
