/* From the bound model to the plan. Names first; then each service; then the gateway and roles. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "cli/config.h"
#include "cli/config_error.h"
#include "cli/config_model.h"
#include "cli/config_text.h"
#include "cli/config_yaml.h"
#include "plan/limits.h"
#include "plan/plan.h"

#define NAME_VARIABLE "ATOLL_PROJECT"

enum {
    ROLES_MAX = 3,
    ROLE_NOFILE = 65536,
    /* Strangers decide how much the door takes, services what telemetry takes: neither without end.
     * Half of the door's is what it holds for clients (roles/gateway/limits.h). */
    DOOR_MEMORY_BYTES = 512 << 20,
    TELEMETRY_MEMORY_BYTES = 128 << 20,
    KEEPER_MEMORY_BYTES = 256 << 20,
};

/* Lower case, what does not fit as '-', no '-' at the ends, a letter first: what people mean. */
static const char *normalise(struct at_arena *arena, struct at_bytes name)
{
    char *out = at_arena_alloc(arena, AT_PLAN_NAME_MAX + 1, 1);
    size_t len = 0;

    for (size_t i = 0; out != NULL && i < name.len && len < AT_PLAN_NAME_MAX; i++) {
        uint8_t c = name.at[i];

        if (c >= 'A' && c <= 'Z') {
            c = (uint8_t)(c + ('a' - 'A'));
        }
        if (c >= 'a' && c <= 'z') {
            out[len++] = (char)c;
        } else if (len > 0 && c >= '0' && c <= '9') {
            out[len++] = (char)c;
        } else if (len > 0 && out[len - 1] != '-') {
            out[len++] = '-';
        }
    }
    while (len > 0 && out[len - 1] == '-') {
        len--;
    }
    if (out != NULL) {
        out[len] = '\0';
    }
    return out;
}

const char *at_config_default_name(struct at_arena *arena, const char *dir)
{
    const char *slash = strrchr(dir, '/');
    const char *name = normalise(arena, at_bytes_of(slash == NULL ? dir : slash + 1));

    return name != NULL && name[0] == '\0' ? "system" : name;
}

static void judge_name(struct at_config *c, struct at_bytes name, struct at_config_place place,
                       const char *path, const char *what)
{
    struct at_config_quoted room;
    struct at_config_error *e;
    const char *good;

    if (at_plan_is_name(name)) {
        return;
    }
    e = at_config_say(c->errors, AT_CONFIG_VALUE, place, path,
                      "“%s” cannot be the name of a %s: a name has a to z, 0 to 9 and -, begins "
                      "with a letter, does not end with -, and has at most %d characters",
                      at_config_quote(name, &room), what, AT_PLAN_NAME_MAX);
    good = normalise(&c->arena, name);
    if (good != NULL && at_plan_is_name(at_bytes_of(good)) && name.len <= AT_PLAN_NAME_MAX) {
        at_config_hint(c->errors, e, "perhaps %s", good);
    }
}

static int resolve_system(struct at_config *c, const struct at_config_options *o)
{
    const struct at_config_place nowhere = {0};
    const char *given = o->name != NULL ? o->name : at_config_var(&c->vars, AT_LIT(NAME_VARIABLE));

    if (given != NULL) {
        c->name = at_arena_copy(&c->arena, at_bytes_of(given));
        judge_name(c, at_bytes_of(given), nowhere, "name", "system");
    } else if (c->name_node != NULL) {
        c->name = (const char *)c->name_node->text.at;
        judge_name(c, c->name_node->text, c->name_node->place, "name", "system");
    } else {
        c->name = at_config_default_name(&c->arena, c->project_dir);
    }
    return c->name == NULL ? -ENOMEM : 0;
}

static void judge_weights(struct at_config *c, const struct at_config_service *s)
{
    const struct at_config_weights *w = &s->weights;

    if (w->numbers.count > s->replicas) {
        at_config_hint(c->errors,
                       at_config_say(c->errors, AT_CONFIG_VALUE, w->node->place, s->path,
                                     "%s has %zu weights and %u instance%s", s->name,
                                     w->numbers.count, s->replicas, s->replicas == 1 ? "" : "s"),
                       "one weight for each of deploy.replicas; those left out are 1");
    }
}

static void judge_services(struct at_config *c)
{
    size_t instances = 0;
    const struct at_yaml_node *services = at_yaml_get(c->root, "services");

    for (size_t i = 0; i < c->service_count; i++) {
        const struct at_config_service *s = &c->services[i];

        judge_name(c, s->key->text, s->key->place, s->path, "service");
        if (at_plan_is_reserved_name(s->key->text)) {
            at_config_hint(c->errors,
                           at_config_say(c->errors, AT_CONFIG_VALUE, s->key->place, s->path,
                                         "a service cannot be named %s: it is a part of atoll",
                                         s->name),
                           "perhaps my-%s", s->name);
        }
        judge_weights(c, s);
        instances += s->enabled ? s->replicas : 0;
        if (s->backoff_min_ns > s->backoff_max_ns) {
            (void)at_config_say(c->errors, AT_CONFIG_VALUE, s->key->place, s->path,
                                "%s.backoff: min is longer than max", s->path);
        }
    }
    if (c->service_count == 0 && services != NULL && services->kind == AT_YAML_MAP) {
        at_config_hint(c->errors,
                       at_config_say(c->errors, AT_CONFIG_MISSING, services->place, "services",
                                     "services is empty: there is nothing to run"),
                       "for example: services: {hello: {command: bin/hello}}");
    }
    if (instances > AT_PLAN_INSTANCES_MAX && services != NULL) {
        (void)at_config_say(c->errors, AT_CONFIG_LIMIT, services->place, "services",
                            "%zu instances in all; %d is the most", instances,
                            AT_PLAN_INSTANCES_MAX);
    }
}

static struct at_plan_service plan_of(const struct at_config_service *s)
{
    return (struct at_plan_service){
        .name = s->name,
        .kind = AT_PLAN_SERVICE,
        .executable = "",
        .cwd = "",
        .restart = s->restart.mode,
        .restart_max = s->restart.max,
        .backoff_min_ns = s->backoff_min_ns,
        .backoff_max_ns = s->backoff_max_ns,
        .backoff_exits = s->backoff_exits,
        .backoff_window_ns = s->backoff_window_ns,
        .start_timeout_ns = s->start_timeout_ns,
        .stop_signal = s->stop_signal,
        .stop_grace_ns = s->stop_grace_ns,
        .replicas = s->replicas,
        .memory_bytes = s->memory_bytes,
        .max_message = (uint32_t)s->max_message,
        .cpu_milli = s->cpu_milli,
        .pids = s->pids,
        .nofile = s->nofile,
        .ready = AT_PLAN_READY_EXEC,
        .file = s->key->place.file,
        .line = (uint32_t)s->key->place.line,
        .command_line = s->command == NULL ? 0 : (uint32_t)s->command->place.line,
        .command_col = s->command == NULL ? 0 : (uint32_t)s->command->place.col,
        .weights = s->weights.numbers,
    };
}

/* Switched-off services are judged too; only the others come into the plan. */
static int resolve_services(struct at_config *c)
{
    struct at_plan_service *at =
        at_arena_zalloc(&c->arena, c->service_count + ROLES_MAX, sizeof(*at));
    int r = at == NULL ? -ENOMEM : 0;

    for (size_t i = 0; r == 0 && i < c->service_count; i++) {
        struct at_config_service *s = &c->services[i];
        struct at_plan_service plan = plan_of(s);

        if (s->contract != NULL) {
            s->contract_path = at_config_path(&c->arena, c->project_dir, s->contract->text);
            r = s->contract_path == NULL ? -ENOMEM : 0;
        }
        if (r == 0) {
            r = at_config_resolve_edges(c, s, &plan);
        }
        if (r == 0) {
            r = at_config_resolve_program(c, s, &plan);
        }
        if (r == 0) {
            r = at_config_resolve_environment(c, s, &plan);
        }
        if (r == 0 && s->enabled) {
            at[c->plan.service_count++] = plan;
        }
    }
    c->plan.services = at;
    return r;
}

static struct at_plan_service role(const struct at_config *c, const char *name, uint32_t kind,
                                   uint64_t memory_bytes)
{
    return (struct at_plan_service){
        .name = name,
        .kind = kind,
        .executable = "",
        .cwd = c->project_dir,
        .restart = AT_PLAN_RESTART_ALWAYS,
        .backoff_min_ns = UINT64_C(100000000),
        .backoff_max_ns = UINT64_C(10000000000),
        .backoff_exits = 10,
        .backoff_window_ns = UINT64_C(30000000000),
        .start_timeout_ns = UINT64_C(30000000000),
        .stop_signal = 15,
        .stop_grace_ns = UINT64_C(10000000000),
        .replicas = 1,
        .nofile = ROLE_NOFILE,
        .memory_bytes = memory_bytes,
        .ready = AT_PLAN_READY_HELLO,
        .file = "",
    };
}

/* The door may call whatever a listener names. */
static int add_door(struct at_config *c)
{
    struct at_plan_service door = role(c, "door", AT_PLAN_GATEWAY, DOOR_MEMORY_BYTES);
    bool named[AT_PLAN_SERVICES_MAX] = {false};

    door.uses.at = at_arena_zalloc(&c->arena, c->plan.service_count, sizeof(*door.uses.at));
    if (door.uses.at == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < c->plan.listener_count; i++) {
        const struct at_plan_indexes *services = &c->plan.listeners[i].services;

        for (size_t k = 0; k < services->count; k++) {
            named[services->at[k]] = true;
        }
    }
    for (uint32_t i = 0; i < c->plan.service_count; i++) {
        if (named[i]) {
            door.uses.at[door.uses.count++] = i;
        }
    }
    c->plan.services[c->plan.service_count++] = door;
    return 0;
}

static int add_roles(struct at_config *c)
{
    int r = c->plan.listener_count > 0 ? add_door(c) : 0;

    c->plan.services[c->plan.service_count++] =
        role(c, "telemetry", AT_PLAN_TELEMETRY, TELEMETRY_MEMORY_BYTES);
    if (c->plan.lock_count > 0) {
        c->plan.services[c->plan.service_count++] =
            role(c, "keeper", AT_PLAN_KEEPER, KEEPER_MEMORY_BYTES);
    }
    return r;
}

static void judge_plan(struct at_config *c)
{
    struct at_diag diag;

    if (c->errors->wrong == 0 && at_plan_check(&c->plan, 0, &diag) != 0) {
        /* A rule that the plan has and this reader does not know: say it rather than start. */
        (void)at_config_say(c->errors, AT_CONFIG_VALUE, c->root->place, "", "%s", diag.what);
    }
}

static int resolve_rest(struct at_config *c)
{
    int r = at_config_resolve_locks(c);

    if (r == 0) {
        r = resolve_services(c);
    }
    if (r == 0) {
        r = at_config_resolve_gateway(c);
    }
    if (r == 0) {
        r = add_roles(c);
    }
    if (r == 0) {
        r = at_config_resolve_policies(c);
    }
    return r;
}

int at_config_resolve(struct at_config *config, const struct at_config_options *options)
{
    int r = resolve_system(config, options);

    if (r < 0) {
        return r;
    }
    if (config->service_count > AT_PLAN_SERVICES_MAX - ROLES_MAX) {
        (void)at_config_say(config->errors, AT_CONFIG_LIMIT, config->services[0].key->place,
                            "services", "%zu services; %d is the most", config->service_count,
                            AT_PLAN_SERVICES_MAX - ROLES_MAX);
        return 0;
    }
    at_config_choose(config, options);
    judge_services(config);
    at_config_find_cycles(config);
    config->plan.system = config->name;
    config->plan.project_dir = config->project_dir;
    config->plan.deadline_ns = config->deadline_ns;
    r = resolve_rest(config);
    if (r == 0) {
        judge_plan(config);
    }
    return r;
}
