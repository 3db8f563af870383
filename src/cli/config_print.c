/*
 * The resolved configuration, as YAML or JSON. What is printed is itself a configuration that makes
 * the same plan (a test holds that): defaults written out, variables filled in, paths absolute.
 */
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "cli/config_error.h"
#include "cli/config_model.h"
#include "plan/plan.h"

struct printer {
    struct at_text *out;
    bool json;
    int depth;
    bool first; /* nothing was written on this level yet */
};

static const char *const words_with_a_meaning[] = {"true", "false", "yes", "no", "on",
                                                   "off",  "null",  "y",   "n",  "~"};

static bool is_plain_char(uint8_t c)
{
    uint8_t lower = c | 0x20;

    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || strchr("_./-", c) != NULL;
}

/* May it stand in YAML without quotes and be text for every reader? */
static bool is_plain(struct at_bytes s)
{
    if (s.len == 0 || s.len > 100 || !is_plain_char(s.at[0]) || s.at[0] == '-' || s.at[0] == '.' ||
        (s.at[0] >= '0' && s.at[0] <= '9')) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (!is_plain_char(s.at[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof(words_with_a_meaning) / sizeof(words_with_a_meaning[0]); i++) {
        if (at_bytes_equal_nocase(s, at_bytes_of(words_with_a_meaning[i]))) {
            return false;
        }
    }
    return true;
}

static void put_scalar(struct printer *p, struct at_bytes s, bool is_key)
{
    struct at_text escaped;

    if (p->json || (is_key && at_bytes_index(s, '$') == s.len)) {
        if (!p->json && is_plain(s)) {
            at_text_add(p->out, s);
        } else {
            at_config_add_json(p->out, s);
        }
        return;
    }
    if (is_plain(s)) {
        at_text_add(p->out, s);
        return;
    }
    at_text_init(&escaped);
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '$' && !is_key) {
            at_text_add_char(&escaped, '$'); /* or reading it again would fill it in */
        }
        at_text_add_char(&escaped, (char)s.at[i]);
    }
    p->out->failed = p->out->failed || escaped.failed;
    at_config_add_json(p->out, at_text_bytes(&escaped));
    at_text_deinit(&escaped);
}

/* A line (YAML) or member (JSON) begins. */
static void put_key(struct printer *p, struct at_bytes key)
{
    if (p->json) {
        at_text_add_str(p->out, p->first ? "" : ",");
    }
    if (p->depth > 0 || !p->first) {
        at_text_add_char(p->out, '\n');
    }
    for (int i = 0; i < p->depth + (p->json ? 1 : 0); i++) {
        at_text_add_str(p->out, "  ");
    }
    p->first = false;
    put_scalar(p, key, true);
    at_text_add_char(p->out, ':');
}

static void open_map(struct printer *p, const char *key)
{
    put_key(p, at_bytes_of(key));
    at_text_add_str(p->out, p->json ? " {" : "");
    p->depth++;
    p->first = true;
}

static void close_map(struct printer *p)
{
    p->depth--;
    if (p->first) {
        at_text_add_str(p->out, p->json ? "}" : " {}");
    } else if (p->json) {
        at_text_add_char(p->out, '\n');
        for (int i = 0; i < p->depth + 1; i++) {
            at_text_add_str(p->out, "  ");
        }
        at_text_add_char(p->out, '}');
    }
    p->first = false;
}

static void put_text(struct printer *p, const char *key, const char *value)
{
    put_key(p, at_bytes_of(key));
    at_text_add_char(p->out, ' ');
    put_scalar(p, at_bytes_of(value), false);
}

static void put_number(struct printer *p, const char *key, uint64_t value)
{
    put_key(p, at_bytes_of(key));
    at_text_addf(p->out, " %llu", (unsigned long long)value);
}

static void put_list(struct printer *p, const char *key, const struct at_plan_strings *list)
{
    put_key(p, at_bytes_of(key));
    at_text_add_str(p->out, " [");
    for (size_t i = 0; i < list->count; i++) {
        at_text_add_str(p->out, i == 0 ? "" : ", ");
        put_scalar(p, at_bytes_of(list->at[i]), false);
    }
    at_text_add_char(p->out, ']');
}

static void add_names(struct printer *p, const struct at_plan *plan,
                      const struct at_plan_indexes *list)
{
    at_text_add_char(p->out, '[');
    for (size_t i = 0; i < list->count; i++) {
        at_text_add_str(p->out, i == 0 ? "" : ", ");
        put_scalar(p, at_bytes_of(plan->services[list->at[i]].name), false);
    }
    at_text_add_char(p->out, ']');
}

static void put_duration(struct printer *p, const char *key, uint64_t ns)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {{"h", UINT64_C(3600000000000)},
                 {"m", UINT64_C(60000000000)},
                 {"s", 1000000000},
                 {"ms", 1000000},
                 {"us", 1000}};
    size_t i = ns == 0 ? 2 : 0;
    struct at_text text;

    while (ns % units[i].ns != 0 && i + 1 < sizeof(units) / sizeof(units[0])) {
        i++;
    }
    at_text_init(&text);
    at_text_addf(&text, "%llu%s", (unsigned long long)(ns / units[i].ns), units[i].unit);
    p->out->failed = p->out->failed || text.failed;
    put_text(p, key, at_text_str(&text));
    at_text_deinit(&text);
}

static void put_size(struct printer *p, const char *key, uint64_t bytes)
{
    static const char units[] = "\0KMG";
    size_t unit = 0;
    struct at_text text;

    while (bytes > 0 && bytes % 1024 == 0 && unit < 3) {
        bytes /= 1024;
        unit++;
    }
    at_text_init(&text);
    at_text_addf(&text, "%llu", (unsigned long long)bytes);
    if (unit > 0) {
        at_text_add_char(&text, units[unit]);
    }
    p->out->failed = p->out->failed || text.failed;
    put_text(p, key, at_text_str(&text));
    at_text_deinit(&text);
}

static void put_signal(struct printer *p, const char *key, uint32_t number)
{
    const char *name = sigabbrev_np((int)number);
    struct at_text text;

    if (name == NULL) {
        put_number(p, key, number);
        return;
    }
    at_text_init(&text);
    at_text_addf(&text, "SIG%s", name);
    put_text(p, key, at_text_str(&text));
    at_text_deinit(&text);
}

static void put_environment(struct printer *p, const struct at_plan_strings *env)
{
    open_map(p, "environment");
    for (size_t i = 0; i < env->count; i++) {
        struct at_bytes entry = at_bytes_of(env->at[i]);
        size_t equals = at_bytes_index(entry, '=');

        put_key(p, at_bytes_before(entry, equals));
        at_text_add_char(p->out, ' ');
        put_scalar(p, at_bytes_after(entry, equals + 1), false);
    }
    close_map(p);
}

static void put_dependencies(struct printer *p, const struct at_plan *plan,
                             const struct at_plan_dependencies *list)
{
    open_map(p, "depends_on");
    for (size_t i = 0; i < list->count; i++) {
        open_map(p, plan->services[list->at[i].service].name);
        put_text(p, "condition",
                 list->at[i].condition == AT_PLAN_HEALTHY ? "service_healthy" : "service_started");
        close_map(p);
    }
    close_map(p);
}

static void put_restart(struct printer *p, const struct at_plan_service *s)
{
    static const char *const names[] = {
        [AT_PLAN_RESTART_NO] = "no",
        [AT_PLAN_RESTART_ON_FAILURE] = "on-failure",
        [AT_PLAN_RESTART_ALWAYS] = "always",
        [AT_PLAN_RESTART_UNLESS_STOPPED] = "unless-stopped",
    };
    struct at_text text;

    at_text_init(&text);
    at_text_add_str(&text, names[s->restart]);
    if (s->restart_max > 0) {
        at_text_addf(&text, ":%u", s->restart_max);
    }
    p->out->failed = p->out->failed || text.failed;
    put_text(p, "restart", at_text_str(&text));
    at_text_deinit(&text);
}

static void put_backoff(struct printer *p, const struct at_plan_service *s)
{
    open_map(p, "backoff");
    put_duration(p, "min", s->backoff_min_ns);
    put_duration(p, "max", s->backoff_max_ns);
    put_number(p, "exits", s->backoff_exits);
    put_duration(p, "window", s->backoff_window_ns);
    close_map(p);
}

static void put_weights(struct printer *p, const struct at_plan_numbers *weights)
{
    put_key(p, AT_LIT("weights"));
    at_text_add_str(p->out, " [");
    for (size_t i = 0; i < weights->count; i++) {
        at_text_addf(p->out, "%s%u", i == 0 ? "" : ", ", weights->at[i]);
    }
    at_text_add_char(p->out, ']');
}

static void put_deploy(struct printer *p, const struct at_plan_service *s)
{
    open_map(p, "deploy");
    put_number(p, "replicas", s->replicas);
    if (s->weights.count > 0) {
        put_weights(p, &s->weights);
    }
    if (s->cpu_milli > 0 || s->memory_bytes > 0 || s->pids > 0) {
        open_map(p, "resources");
        open_map(p, "limits");
        if (s->cpu_milli > 0) {
            struct at_text cpus;

            at_text_init(&cpus);
            at_text_addf(&cpus, "%u.%03u", s->cpu_milli / 1000, s->cpu_milli % 1000);
            put_text(p, "cpus", at_text_str(&cpus));
            at_text_deinit(&cpus);
        }
        if (s->memory_bytes > 0) {
            put_size(p, "memory", s->memory_bytes);
        }
        if (s->pids > 0) {
            put_number(p, "pids", s->pids);
        }
        close_map(p);
        close_map(p);
    }
    close_map(p);
}

static bool uses_lock(const struct at_plan_lock *l, uint32_t service)
{
    for (size_t i = 0; i < l->services.count; i++) {
        if (l->services.at[i] == service) {
            return true;
        }
    }
    return false;
}

/* Services, then locks. */
static void put_uses(struct printer *p, const struct at_plan *plan, uint32_t service)
{
    const struct at_plan_indexes *uses = &plan->services[service].uses;
    size_t n = uses->count;

    put_key(p, AT_LIT("uses"));
    at_text_add_char(p->out, ' ');
    add_names(p, plan, uses);
    p->out->len--; /* its bracket */
    for (size_t i = 0; i < plan->lock_count; i++) {
        struct at_text use;

        if (!uses_lock(&plan->locks[i], service)) {
            continue;
        }
        at_text_init(&use);
        at_text_addf(&use, "lock:%s", plan->locks[i].name);
        at_text_add_str(p->out, n++ == 0 ? "" : ", ");
        put_scalar(p, at_text_bytes(&use), false);
        at_text_deinit(&use);
    }
    at_text_add_char(p->out, ']');
}

static void put_locks(struct printer *p, const struct at_plan *plan)
{
    open_map(p, "locks");
    for (size_t i = 0; i < plan->lock_count; i++) {
        const struct at_plan_lock *l = &plan->locks[i];

        open_map(p, l->name);
        if (l->permits > 0) {
            put_number(p, "permits", l->permits);
        }
        if (l->lease_ns > 0) {
            put_duration(p, "lease", l->lease_ns);
        }
        close_map(p);
    }
    close_map(p);
}

static void put_service(struct printer *p, const struct at_config *c,
                        const struct at_config_service *bound)
{
    const struct at_plan_service *s = &c->plan.services[bound->index];

    open_map(p, s->name);
    put_list(p, "command", &s->argv);
    put_text(p, "working_dir", s->cwd);
    put_environment(p, &s->env);
    put_uses(p, &c->plan, bound->index);
    put_dependencies(p, &c->plan, &s->depends_on);
    if (bound->contract != NULL) {
        put_text(p, "contract", bound->contract_path);
    }
    put_restart(p, s);
    put_backoff(p, s);
    put_duration(p, "start_timeout", s->start_timeout_ns);
    put_signal(p, "stop_signal", s->stop_signal);
    put_duration(p, "stop_grace_period", s->stop_grace_ns);
    if (s->max_message > 0) {
        put_size(p, "max_message", s->max_message);
    }
    put_deploy(p, s);
    open_map(p, "ulimits");
    put_number(p, "nofile", s->nofile);
    close_map(p);
    close_map(p);
}

static void put_balance(struct printer *p, const struct at_plan_policy *policy)
{
    static const char *const names[] = {[AT_PLAN_LEAST_REQUESTS] = "least-requests",
                                        [AT_PLAN_ROUND_ROBIN] = "round-robin",
                                        [AT_PLAN_P2C] = "p2c"};

    if (policy->balance != AT_PLAN_HASH) {
        put_text(p, "balance", names[policy->balance]);
        return;
    }
    open_map(p, "balance");
    put_text(p, "hash", policy->key);
    if (policy->bound != 0) {
        put_number(p, "bound", policy->bound);
    }
    close_map(p);
}

/* As the plan has them: what the defaults gave stands with each service. */
static void put_policies(struct printer *p, const struct at_plan *plan)
{
    for (size_t i = 0; i < plan->policy_count; i++) {
        const struct at_plan_policy *policy = &plan->policies[i];
        struct at_text name;

        at_text_init(&name);
        if (policy->from != AT_PLAN_ANYBODY) {
            at_text_addf(&name, "%s -> ", plan->services[policy->from].name);
        }
        at_text_add_str(&name, plan->services[policy->to].name);
        open_map(p, at_text_str(&name));
        put_balance(p, policy);
        put_duration(p, "slow-start", policy->slow_start_ns);
        close_map(p);
        at_text_deinit(&name);
    }
}

/* Listeners are flow maps in both forms: a short list reads best on lines. */
static void put_listeners(struct printer *p, const struct at_plan *plan)
{
    open_map(p, "gateway");
    put_key(p, AT_LIT("listen"));
    at_text_add_str(p->out, " [");
    for (size_t i = 0; i < plan->listener_count; i++) {
        const struct at_plan_listener *l = &plan->listeners[i];
        bool v6 = strchr(l->address, ':') != NULL;

        at_text_addf(p->out,
                     "%s\n      {\"address\": \"%s%s%s:%u\", \"services\": ", i == 0 ? "" : ",",
                     v6 ? "[" : "", l->address, v6 ? "]" : "", l->port);
        add_names(p, plan, &l->services);
        at_text_add_char(p->out, '}');
    }
    at_text_add_str(p->out, "\n    ]");
    close_map(p);
}

static void print(const struct at_config *c, struct at_text *out, bool json)
{
    struct printer p = {.out = out, .json = json, .first = true};

    at_text_add_str(out, json ? "{" : "");
    put_text(&p, "name", c->name);
    open_map(&p, "services");
    for (size_t i = 0; i < c->service_count; i++) {
        if (c->services[i].enabled) {
            put_service(&p, c, &c->services[i]);
        }
    }
    close_map(&p);
    if (c->plan.listener_count > 0) {
        put_listeners(&p, &c->plan);
    }
    if (c->plan.lock_count > 0) {
        put_locks(&p, &c->plan);
    }
    open_map(&p, "policies");
    open_map(&p, "defaults");
    put_duration(&p, "deadline", c->deadline_ns);
    close_map(&p);
    put_policies(&p, &c->plan);
    close_map(&p);
    at_text_add_str(out, json ? "\n}\n" : "\n");
}

void at_config_print_yaml(const struct at_config *config, struct at_text *out)
{
    print(config, out, false);
}

void at_config_print_json(const struct at_config *config, struct at_text *out)
{
    print(config, out, true);
}
