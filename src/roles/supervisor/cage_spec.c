#include "roles/supervisor/cage_spec.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "plan/plan.h"
#include "roles/supervisor/instance.h"
#include "roles/supervisor/system.h"
#include "sandbox/sandbox.h"

enum { OWN_VARIABLES = 12, CONTROL_FD = 3 };

const char *at_cage_spec_role(const struct at_system *s, enum at_plan_kind kind, char *out,
                              size_t cap)
{
    const char *name = kind == AT_PLAN_GATEWAY     ? "atoll-gateway"
                       : kind == AT_PLAN_TELEMETRY ? "atoll-telemetry"
                       : kind == AT_PLAN_KEEPER    ? "atoll-keeper"
                                                   : NULL;

    if (name == NULL) {
        return NULL;
    }
    if ((size_t)snprintf(out, cap, "%s/%s", s->role_dir, name) >= cap) {
        return NULL;
    }
    return out;
}

void at_cage_spec_state_dir(const struct at_system *s, uint32_t service, char *out, size_t cap)
{
    const struct at_plan_service *p = &s->plan.services[service];

    if (p->kind == AT_PLAN_TELEMETRY) {
        (void)snprintf(out, cap, "%s/.atoll/logs", s->plan.project_dir);
    } else {
        (void)snprintf(out, cap, "%s/.atoll/state/%s", s->plan.project_dir, p->name);
    }
}

/* Does the service's own environment set the variable of "NAME=…"? */
static bool is_set(const struct at_plan_service *p, const char *variable)
{
    size_t len = (size_t)(strchr(variable, '=') - variable) + 1;

    for (size_t i = 0; i < p->env.count; i++) {
        if (strncmp(p->env.at[i], variable, len) == 0) {
            return true;
        }
    }
    return false;
}

struct env {
    const char **at;
    size_t count;
    bool failed;
};

static void add(struct env *env, const char *text)
{
    env->failed = env->failed || text == NULL;
    if (!env->failed) {
        env->at[env->count++] = text;
    }
}

/* Defaults that the service may set otherwise, its own, then what only we can know. */
static const char *const *make_env(const struct at_instance *i, struct at_arena *a)
{
    static const char *const defaults[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/state",
        "LANG=C.UTF-8"};
    const struct at_plan_service *p = at_instance_plan(i);
    struct env env = {.at = at_arena_zalloc(a, p->env.count + OWN_VARIABLES, sizeof(char *))};

    if (env.at == NULL) {
        return NULL;
    }
    for (size_t k = 0; k < sizeof(defaults) / sizeof(defaults[0]); k++) {
        if (!is_set(p, defaults[k])) {
            add(&env, defaults[k]);
        }
    }
    for (size_t k = 0; k < p->env.count; k++) {
        if (strncmp(p->env.at[k], "ATOLL_", 6) != 0 ||
            strncmp(p->env.at[k], "ATOLL_DEBUG=", 12) == 0) {
            add(&env, p->env.at[k]);
        }
    }
    add(&env, "STATE_DIRECTORY=/state");
    add(&env, at_arena_printf(a, "ATOLL_CONTROL_FD=%d", CONTROL_FD));
    add(&env, at_arena_printf(a, "ATOLL_SYSTEM=%s", i->system->plan.system));
    add(&env, at_arena_printf(a, "ATOLL_SERVICE=%s", p->name));
    add(&env, at_arena_printf(a, "ATOLL_INSTANCE=%s", i->name));
    if (p->kind != AT_PLAN_SERVICE && getenv("ATOLL_DEBUG") != NULL) {
        add(&env, "ATOLL_DEBUG=1");
    }
    return env.failed ? NULL : env.at;
}

static const char *const *make_argv(const struct at_instance *i, struct at_arena *a,
                                    const char *program)
{
    const struct at_plan_service *p = at_instance_plan(i);
    size_t count = p->argv.count > 0 ? p->argv.count : 1;
    const char **argv = at_arena_zalloc(a, count + 1, sizeof(char *));

    if (argv == NULL) {
        return NULL;
    }
    for (size_t k = 1; k < p->argv.count; k++) {
        argv[k] = p->argv.at[k];
    }
    argv[0] = program;
    return argv;
}

static int add_paths(const struct at_instance *i, struct at_arena *a, struct at_cage_spec *spec)
{
    const struct at_plan_service *p = at_instance_plan(i);
    char path[PATH_MAX + 64];
    const char *program = p->executable;
    struct at_cage_bind *bind;

    at_cage_spec_state_dir(i->system, i->service, path, sizeof(path));
    spec->state_dir = at_arena_copy(a, at_bytes_of(path));
    if (p->kind != AT_PLAN_SERVICE) {
        program = at_arena_copy(a, at_bytes_of(at_cage_spec_role(
                                       i->system, (enum at_plan_kind)p->kind, path, sizeof(path))));
        bind = at_arena_zalloc(a, 1, sizeof(*bind));
        if (bind == NULL || program == NULL) {
            return -ENOMEM;
        }
        *bind = (struct at_cage_bind){.from = program, .to = program};
        spec->binds = bind;
        spec->bind_count = 1;
        spec->is_role = true;
        if (p->kind == AT_PLAN_GATEWAY || p->kind == AT_PLAN_KEEPER) {
            spec->state_dir = NULL;
        }
    } else {
        spec->project_dir = i->system->plan.project_dir;
        spec->working_dir = p->cwd;
    }
    spec->argv = make_argv(i, a, program);
    return spec->argv == NULL ? -ENOMEM : 0;
}

int at_cage_spec_make(const struct at_instance *i, int control, int out, int err,
                      struct at_arena *arena, struct at_cage_spec *ret)
{
    const struct at_plan_service *p = at_instance_plan(i);
    struct at_cage_fd *fd = at_arena_zalloc(arena, 1, sizeof(*fd));
    uid_t uid = i->system->uids[i->service];
    int r;

    *ret = (struct at_cage_spec){
        .service = p->name,
        .instance = i->name,
        .envp = make_env(i, arena),
        .uid = uid,
        .gid = (gid_t)uid,
        .fds = fd,
        .fd_count = 1,
        .out_fd = out,
        .err_fd = err,
        .limits = {.memory_bytes = p->memory_bytes,
                   .cpu_milli = p->cpu_milli,
                   .pids = p->pids,
                   .nofile = p->nofile},
    };
    if (fd == NULL || ret->envp == NULL) {
        return -ENOMEM;
    }
    *fd = (struct at_cage_fd){.from = control, .to = CONTROL_FD};
    r = add_paths(i, arena, ret);
    return r;
}
