/*
 * Groups as directories: made, found again, killed, removed. What differs between the back ends
 * (which files hold which limit) is in cgroup_files.c, behind struct at_cgroup_ops.
 */
#include "sandbox/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "sandbox/cgroup_files.h"
#include "sandbox/limits.h"

static const char OUR_DIR[] = "atoll";

/* A name that becomes one word of a path. */
static bool name_is_plain(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > AT_CGROUP_NAME_MAX || name[0] == '.') {
        return false;
    }
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

static void group_init(const struct at_cgroup_host *host, const char *system, const char *instance,
                       struct at_cgroup *g)
{
    *g = (struct at_cgroup){.host = host};
    (void)snprintf(g->system, sizeof(g->system), "%s", system);
    (void)snprintf(g->instance, sizeof(g->instance), "%s", instance);
    for (int i = 0; i < AT_TREES; i++) {
        g->dir[i] = -1;
    }
}

static bool wants_tree(const struct at_cgroup_host *host, const struct at_limits *limits,
                       enum at_cgroup_tree tree)
{
    if (host->base[tree][0] == '\0') {
        return false;
    }
    if (tree == AT_TREE_CPU) {
        return limits->cpu_milli != 0; /* joining a v1 tree costs ≈ 80 µs: only when needed */
    }
    return tree != AT_TREE_PIDS || limits->pids != 0;
}

static int open_dir(int dir, const char *name, int *ret)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) {
        return -errno;
    }
    *ret = fd;
    return 0;
}

/* Makes `name` below *dir when missing, lets limits through to it, and steps into it. */
static int step_into(const struct at_cgroup_host *host, int *dir, const char *name, bool make)
{
    int next = -1;
    int r;

    if (make) {
        host->ops->enable(host, *dir);
        if (mkdirat(*dir, name, 0755) != 0 && errno != EEXIST) {
            return -errno;
        }
    }
    r = open_dir(*dir, name, &next);
    if (r == 0) {
        at_close(dir);
        *dir = next;
    }
    return r;
}

static int try_tree_dir(struct at_cgroup *g, enum at_cgroup_tree tree, bool make)
{
    at_auto_close
    int dir = -1;
    int r = open_dir(AT_FDCWD, g->host->base[tree], &dir);

    if (r == 0) {
        r = step_into(g->host, &dir, OUR_DIR, make);
    }
    if (r == 0) {
        r = step_into(g->host, &dir, g->system, make);
    }
    if (r == 0) {
        r = step_into(g->host, &dir, g->instance, make);
    }
    if (r == 0) {
        g->dir[tree] = at_take_fd(&dir);
    }
    return r;
}

/* Another system may end and remove the shared parent between our two steps: then once more. */
static int open_tree_dir(struct at_cgroup *g, enum at_cgroup_tree tree, bool make)
{
    int r = -ENOENT;

    for (int tries = 0; r == -ENOENT && tries < (make ? 8 : 1); tries++) {
        r = try_tree_dir(g, tree, make);
    }
    return r;
}

static int make_own(int dir, int *ret)
{
    if (mkdirat(dir, AT_CGROUP_OWN_DIR, 0755) != 0 && errno != EEXIST) {
        return -errno;
    }
    return open_dir(dir, AT_CGROUP_OWN_DIR, ret);
}

/* Moves what is in the directory's cgroup.procs into its child. A process that ended is skipped. */
static void move_processes(int dir, int child)
{
    at_auto_free
    char *text = NULL;
    size_t len = 0;
    struct at_bytes rest;
    struct at_bytes pid;

    if (at_fd_read_file(dir, "cgroup.procs", AT_CGROUP_FILE_MAX, &text, &len) != 0) {
        return;
    }
    rest = at_bytes_over(text, len);
    while (at_bytes_cut(&rest, '\n', &pid)) {
        char number[32];

        (void)snprintf(number, sizeof(number), "%.*s", (int)pid.len, (const char *)pid.at);
        (void)at_cgroup_write(child, "cgroup.procs", number);
    }
}

void at_cgroup_make_room(struct at_cgroup_host *host)
{
    at_auto_close
    int dir = -1;
    at_auto_close
    int child = -1;
    struct stat st;

    if (host->kind != AT_CGROUP_V2 || host->can_memory ||
        open_dir(AT_FDCWD, host->base[AT_TREE_LIFE], &dir) != 0) {
        return;
    }
    /* Delegated means: it belongs to this user, who is not root, and the limits are there. */
    if (geteuid() == 0 || fstat(dir, &st) != 0 || st.st_uid != geteuid() ||
        make_own(dir, &child) != 0) {
        return;
    }
    move_processes(dir, child);
    at_cgroup_v2_look(host);
    if (host->can_memory && host->can_cpu && host->can_pids) {
        host->why[0] = '\0';
    }
}

static void kill_left_over(struct at_cgroup *g)
{
    bool populated = false;

    if (at_cgroup_populated(g, &populated) == 0 && populated) {
        (void)at_cgroup_kill(g);
    }
}

int at_cgroup_open(const struct at_cgroup_host *host, const char *system, const char *instance,
                   const struct at_limits *limits, struct at_cgroup *ret, struct at_diag *ret_diag)
{
    struct at_usage before;
    int r = 0;

    group_init(host, system, instance, ret);
    if (!name_is_plain(system) || !name_is_plain(instance)) {
        at_diag_set(ret_diag, "%s/%s: not a name for a control group", system, instance);
        return -EINVAL;
    }
    for (int i = 0; i < AT_TREES && r == 0; i++) {
        if (wants_tree(host, limits, (enum at_cgroup_tree)i)) {
            r = open_tree_dir(ret, (enum at_cgroup_tree)i, true);
        }
        if (r != 0) {
            at_diag_set(ret_diag, "%s: control group %s/%s/%s/%s: %s", instance, host->base[i],
                        OUR_DIR, system, instance, strerrordesc_np(-r));
            at_diag_hint(ret_diag, "ATOLL_CGROUP=none runs without control groups");
        }
    }
    if (r == 0) {
        kill_left_over(ret);
        r = host->ops->set_limits(ret, limits, ret_diag);
    }
    if (r != 0) {
        (void)at_cgroup_remove(ret);
        return at_up(r);
    }
    if (at_cgroup_usage(ret, &before) == 0) {
        ret->oom_kills_before = before.oom_kills;
    }
    return 0;
}

int at_cgroup_adopt(const struct at_cgroup_host *host, const char *system, const char *instance,
                    struct at_cgroup *ret)
{
    group_init(host, system, instance, ret);
    if (!name_is_plain(system) || !name_is_plain(instance)) {
        return -EINVAL;
    }
    for (int i = 0; i < AT_TREES; i++) {
        /* Which limits it had is not known here; a tree in which it has no group stays -1. */
        if (host->base[i][0] != '\0') {
            (void)open_tree_dir(ret, (enum at_cgroup_tree)i, false);
        }
    }
    return 0;
}

int at_cgroup_kill(struct at_cgroup *g)
{
    int dir = g->dir[AT_TREE_LIFE];

    if (dir < 0) {
        return AT_CGROUP_UNSUPPORTED;
    }
    return at_cgroup_write(dir, "cgroup.kill", "1");
}

int at_cgroup_populated(const struct at_cgroup *g, bool *ret)
{
    uint64_t value = 0;
    int r;

    if (g->host == NULL || g->dir[AT_TREE_LIFE] < 0) {
        return AT_CGROUP_UNSUPPORTED;
    }
    r = at_cgroup_read_key(g->dir[AT_TREE_LIFE], "cgroup.events", "populated", &value);
    if (r == 0) {
        *ret = value != 0;
    }
    return r;
}

int at_cgroup_usage(const struct at_cgroup *g, struct at_usage *ret)
{
    *ret = (struct at_usage){0};
    if (g->host == NULL || g->host->kind == AT_CGROUP_NONE) {
        return AT_CGROUP_UNSUPPORTED;
    }
    g->host->ops->usage(g, ret);
    ret->oom_kills -= ret->oom_kills > g->oom_kills_before ? g->oom_kills_before : ret->oom_kills;
    return 0;
}

void at_cgroup_close(struct at_cgroup *g)
{
    for (int i = 0; i < AT_TREES; i++) {
        at_close(&g->dir[i]);
    }
}

/* Opens base/atoll, and base/atoll/system when system is not NULL. */
static int open_parent(const char *base, const char *system, int *ret)
{
    at_auto_close
    int dir = -1;
    at_auto_close
    int below = -1;
    int r = open_dir(AT_FDCWD, base, &dir);

    if (r == 0) {
        r = open_dir(dir, OUR_DIR, &below);
    }
    if (r == 0 && system != NULL) {
        at_close(&dir);
        dir = at_take_fd(&below);
        r = open_dir(dir, system, &below);
    }
    if (r == 0) {
        *ret = at_take_fd(&below);
    }
    return r;
}

static int remove_below(const char *base, const char *system, const char *name)
{
    at_auto_close
    int parent = -1;
    int r = open_parent(base, system, &parent);

    if (r != 0) {
        return r == -ENOENT ? 0 : r;
    }
    if (unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT) {
        return errno == EBUSY || errno == ENOTEMPTY ? AT_CGROUP_BUSY : -errno;
    }
    return 0;
}

/* The parents go when they are empty; that they are not is no news. */
static void remove_parents(const char *base, const char *system)
{
    at_auto_close
    int dir = -1;

    (void)remove_below(base, NULL, system);
    if (open_dir(AT_FDCWD, base, &dir) == 0) {
        (void)unlinkat(dir, OUR_DIR, AT_REMOVEDIR);
    }
}

int at_cgroup_remove(struct at_cgroup *g)
{
    if (g->host == NULL) {
        return 0;
    }
    for (int i = 0; i < AT_TREES; i++) {
        int r;

        if (g->dir[i] < 0) {
            continue;
        }
        r = remove_below(g->host->base[i], g->system, g->instance);
        if (r != 0) {
            return r;
        }
        at_close(&g->dir[i]);
        remove_parents(g->host->base[i], g->system);
    }
    return 0;
}

/* v1 has no file for it. A process that forks meanwhile is met by the next sweep. */
static void kill_listed(int dir)
{
    at_auto_free
    char *text = NULL;
    size_t len = 0;
    struct at_bytes rest;
    struct at_bytes line;

    if (at_fd_read_file(dir, "cgroup.procs", AT_CGROUP_FILE_MAX, &text, &len) != 0) {
        return;
    }
    rest = at_bytes_over(text, len);
    while (at_bytes_cut(&rest, '\n', &line)) {
        uint64_t pid = 0;

        if (at_bytes_to_u64(line, &pid) && pid > 1 && pid < INT32_MAX) {
            (void)kill((pid_t)pid, SIGKILL);
        }
    }
}

static int kill_and_remove(int parent, const char *name)
{
    at_auto_close
    int dir = -1;

    if (open_dir(parent, name, &dir) == 0 && at_cgroup_write(dir, "cgroup.kill", "1") != 0) {
        kill_listed(dir);
    }
    if (unlinkat(parent, name, AT_REMOVEDIR) != 0) {
        return errno == EBUSY ? AT_CGROUP_BUSY : -errno;
    }
    return 0;
}

static int sweep_tree(const char *base, const char *system)
{
    at_auto_close
    int parent = -1;
    int result = 0;
    int seen = 0;
    struct dirent *e;
    DIR *dir;
    int copy;
    int r = open_parent(base, system, &parent);

    if (r != 0) {
        return r == -ENOENT ? 0 : r;
    }
    copy = fcntl(parent, F_DUPFD_CLOEXEC, 3);
    dir = copy >= 0 ? fdopendir(copy) : NULL;
    if (dir == NULL) {
        at_close(&copy);
        return -ENOMEM;
    }
    while ((e = readdir(dir)) != NULL && seen < AT_CGROUP_SWEEP_MAX) {
        if (e->d_type == DT_DIR && e->d_name[0] != '.') {
            seen++;
            r = kill_and_remove(parent, e->d_name);
            result = r != 0 ? r : result;
        }
    }
    (void)closedir(dir);
    remove_parents(base, system);
    return result;
}

int at_cgroup_sweep(const struct at_cgroup_host *host, const char *system)
{
    int result = 0;

    if (!name_is_plain(system)) {
        return -EINVAL;
    }
    for (int i = 0; i < AT_TREES; i++) {
        if (host->base[i][0] != '\0') {
            int r = sweep_tree(host->base[i], system);

            result = r != 0 ? r : result;
        }
    }
    return result;
}
