/*
 * Which back end this machine has, from what the kernel says about itself and never from the name
 * of a distribution.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "sandbox/cgroup.h"
#include "sandbox/cgroup_files.h"
#include "sandbox/limits.h"

static const char *const v1_names[AT_TREES] = {[AT_TREE_LIFE] = "",
                                               [AT_TREE_MEMORY] = "memory",
                                               [AT_TREE_CPU] = "cpu",
                                               [AT_TREE_PIDS] = "pids"};

static bool list_has(struct at_bytes list, const char *word)
{
    struct at_bytes one;

    while (at_bytes_cut(&list, ',', &one)) {
        if (at_bytes_equal(one, at_bytes_of(word))) {
            return true;
        }
    }
    return false;
}

/* The n-th word of a line, from 0; empty when there is none. */
static struct at_bytes word_of(struct at_bytes line, size_t n)
{
    struct at_bytes word = {NULL, 0};

    for (size_t i = 0; i <= n; i++) {
        if (!at_bytes_cut(&line, ' ', &word)) {
            return (struct at_bytes){NULL, 0};
        }
    }
    return word;
}

/* What follows " - " in a line of mountinfo: type, source, options. */
static struct at_bytes after_dash(struct at_bytes line)
{
    for (size_t i = 0; i + 3 <= line.len; i++) {
        if (memcmp(line.at + i, " - ", 3) == 0) {
            return at_bytes_after(line, i + 3);
        }
    }
    return (struct at_bytes){NULL, 0};
}

/* mount point + (own path less the part that the mount hides). */
static void join(struct at_bytes mount_point, struct at_bytes root, struct at_bytes own, char *out)
{
    int n;

    if (root.len > 1 && at_bytes_start_with(own, root) &&
        (own.len == root.len || own.at[root.len] == '/')) {
        own = at_bytes_after(own, root.len);
    }
    if (own.len == 1) {
        own.len = 0; /* "/" */
    }
    if (own.len >= 3 && memcmp(own.at, "/..", 3) == 0) {
        return; /* a group outside what this mount shows */
    }
    n = snprintf(out, AT_CGROUP_PATH_MAX, "%.*s%.*s", (int)mount_point.len,
                 (const char *)mount_point.at, (int)own.len,
                 own.len == 0 ? "" : (const char *)own.at);
    if (n < 0 || n >= AT_CGROUP_PATH_MAX) {
        out[0] = '\0';
    }
}

/* Our own path in the tree with this controller; "" is the v2 tree. */
static struct at_bytes own_path(const char *cgroups, const char *controller)
{
    struct at_bytes rest = at_bytes_of(cgroups);
    struct at_bytes line;

    while (at_bytes_cut(&rest, '\n', &line)) {
        struct at_bytes id;
        struct at_bytes names;

        if (!at_bytes_cut(&line, ':', &id) || !at_bytes_cut(&line, ':', &names)) {
            continue;
        }
        if (controller[0] == '\0' ? at_bytes_equal(id, AT_LIT("0")) && names.len == 0
                                  : list_has(names, controller)) {
            return line;
        }
    }
    return (struct at_bytes){NULL, 0};
}

/* An earlier supervisor of this session has made room: the groups lie beside where we are now. */
static void step_out_of_own(char *path)
{
    static const char own[] = "/" AT_CGROUP_OWN_DIR;
    size_t len = strlen(path);

    if (len >= sizeof(own) - 1 && strcmp(path + len - (sizeof(own) - 1), own) == 0) {
        path[len - (sizeof(own) - 1)] = '\0';
    }
}

static void take_mount(struct at_bytes line, const char *cgroups, struct at_cgroup_map *map)
{
    struct at_bytes tail = after_dash(line);
    struct at_bytes type = word_of(tail, 0);
    struct at_bytes options = word_of(tail, 2);
    struct at_bytes root = word_of(line, 3);
    struct at_bytes at = word_of(line, 4);

    if (at_bytes_equal(type, AT_LIT("cgroup2")) && map->v2_root[0] == '\0') {
        struct at_bytes own = own_path(cgroups, "");

        if (own.len > 0) {
            join(at, root, AT_LIT("/"), map->v2_root);
            join(at, root, own, map->v2);
            step_out_of_own(map->v2);
        }
    } else if (at_bytes_equal(type, AT_LIT("cgroup"))) {
        for (int i = AT_TREE_MEMORY; i < AT_TREES; i++) {
            struct at_bytes own = own_path(cgroups, v1_names[i]);

            if (map->v1[i][0] == '\0' && own.len > 0 && list_has(options, v1_names[i])) {
                join(at, root, own, map->v1[i]);
            }
        }
    }
}

void at_cgroup_parse(const char *mountinfo, const char *cgroups, struct at_cgroup_map *ret)
{
    struct at_bytes rest = at_bytes_of(mountinfo);
    struct at_bytes line;

    *ret = (struct at_cgroup_map){0};
    while (at_bytes_cut(&rest, '\n', &line)) {
        take_mount(line, cgroups, ret);
    }
}

/* A directory of that file system in which we may make groups. */
static bool is_usable(const char *path, long magic)
{
    struct statfs fs;

    return path[0] != '\0' && statfs(path, &fs) == 0 && (long)fs.f_type == magic &&
           access(path, W_OK | X_OK) == 0;
}

static bool file_lists(const char *dir, const char *file, const char *word)
{
    char path[AT_CGROUP_PATH_MAX + 64];
    at_auto_free
    char *text = NULL;
    size_t len = 0;
    struct at_bytes rest;
    struct at_bytes one;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, file);
    if (at_fd_read_file(AT_FDCWD, path, AT_CGROUP_FILE_MAX, &text, &len) != 0) {
        return false;
    }
    rest = at_bytes_over(text, len);
    while (at_bytes_cut(&rest, ' ', &one)) {
        struct at_bytes clean = at_bytes_before(one, at_bytes_index(one, '\n'));

        if (at_bytes_equal(clean, at_bytes_of(word))) {
            return true;
        }
    }
    return false;
}

/* The topmost group of the machine is the only one without a type. */
static bool is_topmost(const char *dir)
{
    char path[AT_CGROUP_PATH_MAX + 64];

    (void)snprintf(path, sizeof(path), "%s/cgroup.type", dir);
    return access(path, F_OK) != 0;
}

/*
 * v2 gives controllers to children only of a group without processes of its own (the topmost one
 * excepted). So: are they given already, or is the group empty?
 */
static bool gives(const char *dir, const char *controller)
{
    char path[AT_CGROUP_PATH_MAX + 64];
    at_auto_free
    char *procs = NULL;
    size_t len = 0;

    if (!file_lists(dir, "cgroup.controllers", controller)) {
        return false;
    }
    if (is_topmost(dir) || file_lists(dir, "cgroup.subtree_control", controller)) {
        return true;
    }
    (void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
    return at_fd_read_file(AT_FDCWD, path, AT_MOUNTINFO_MAX, &procs, &len) == 0 && len == 0;
}

void at_cgroup_v2_look(struct at_cgroup_host *h)
{
    const char *base = h->base[AT_TREE_LIFE];

    h->can_memory = gives(base, "memory");
    h->can_cpu = gives(base, "cpu");
    h->can_pids = gives(base, "pids");
}

static bool try_v2(const char *base, struct at_cgroup_host *h)
{
    if (!is_usable(base, CGROUP2_SUPER_MAGIC)) {
        return false;
    }
    *h = (struct at_cgroup_host){.ops = &at_cgroup_v2_ops, .kind = AT_CGROUP_V2};
    (void)snprintf(h->base[AT_TREE_LIFE], AT_CGROUP_PATH_MAX, "%s", base);
    at_cgroup_v2_look(h);
    return true;
}

/* Under our own group; as root, when processes beside us stand in the way there, at the top. */
static bool take_v2(const struct at_cgroup_map *map, struct at_cgroup_host *h)
{
    bool found = try_v2(map->v2, h);

    if (!found || !h->can_memory) {
        struct at_cgroup_host top;

        if (try_v2(map->v2_root, &top) && (!found || top.can_memory)) {
            *h = top;
            found = true;
        }
    }
    return found;
}

static bool take_hybrid(const struct at_cgroup_map *map, struct at_cgroup_host *h)
{
    bool any = false;

    *h = (struct at_cgroup_host){.ops = &at_cgroup_hybrid_ops, .kind = AT_CGROUP_HYBRID};
    for (int i = AT_TREE_MEMORY; i < AT_TREES; i++) {
        if (is_usable(map->v1[i], CGROUP_SUPER_MAGIC)) {
            (void)snprintf(h->base[i], AT_CGROUP_PATH_MAX, "%s", map->v1[i]);
            any = true;
        }
    }
    if (is_usable(map->v2, CGROUP2_SUPER_MAGIC)) {
        (void)snprintf(h->base[AT_TREE_LIFE], AT_CGROUP_PATH_MAX, "%s", map->v2);
    }
    h->can_memory = h->base[AT_TREE_MEMORY][0] != '\0';
    h->can_cpu = h->base[AT_TREE_CPU][0] != '\0';
    h->can_pids = h->base[AT_TREE_PIDS][0] != '\0';
    return any;
}

static void take_none(struct at_cgroup_host *h)
{
    *h = (struct at_cgroup_host){.ops = &at_cgroup_none_ops, .kind = AT_CGROUP_NONE};
}

static void say_why(const struct at_cgroup_map *map, const char *forced, struct at_cgroup_host *h)
{
    if (h->can_memory && h->can_cpu && h->can_pids) {
        return;
    }
    if (forced != NULL) {
        (void)snprintf(h->why, sizeof(h->why), "ATOLL_CGROUP=%s asked for it", forced);
    } else if (h->kind == AT_CGROUP_V2) {
        (void)snprintf(h->why, sizeof(h->why),
                       "the control group of this session gives no controllers to its children; "
                       "run as root, or with systemd-run --user --scope -p Delegate=yes");
    } else if (map->v2[0] == '\0' && map->v1[AT_TREE_MEMORY][0] == '\0') {
        (void)snprintf(h->why, sizeof(h->why), "no control groups are mounted");
    } else {
        (void)snprintf(h->why, sizeof(h->why), "this user may not make control groups");
    }
}

static int choose(const struct at_cgroup_map *map, const char *forced, struct at_cgroup_host *h)
{
    bool found = false;

    if (forced == NULL || forced[0] == '\0') {
        /* v2 with a controller, else v1, else v2 for the life cycle alone, else nothing. */
        if ((take_v2(map, h) && h->can_memory) || take_hybrid(map, h) || take_v2(map, h)) {
            return 0;
        }
        take_none(h);
        return 0;
    }
    if (strcmp(forced, "v2") == 0) {
        found = take_v2(map, h);
    } else if (strcmp(forced, "hybrid") == 0) {
        found = take_hybrid(map, h);
    } else if (strcmp(forced, "none") != 0) {
        take_none(h);
        return -EINVAL;
    }
    if (!found) {
        take_none(h);
    }
    return found || strcmp(forced, "none") == 0 ? 0 : -ENOENT;
}

int at_cgroup_detect(const char *forced, struct at_cgroup_host *ret)
{
    struct at_cgroup_map map = {0};
    at_auto_free
    char *mounts = NULL;
    at_auto_free
    char *cgroups = NULL;
    size_t len = 0;
    int r;

    if (at_fd_read_file(AT_FDCWD, "/proc/self/mountinfo", AT_MOUNTINFO_MAX, &mounts, &len) == 0 &&
        at_fd_read_file(AT_FDCWD, "/proc/self/cgroup", AT_CGROUP_FILE_MAX, &cgroups, &len) == 0) {
        at_cgroup_parse(mounts, cgroups, &map);
    }
    r = choose(&map, forced, ret);
    say_why(&map, forced == NULL || forced[0] == '\0' ? NULL : forced, ret);
    return r;
}

const char *at_cgroup_name(const struct at_cgroup_host *host)
{
    return host->ops->name;
}

const char *at_cgroup_missing(const struct at_cgroup_host *host, size_t i)
{
    const char *sentences[6];
    size_t n = 0;

    if (host->kind == AT_CGROUP_NONE) {
        sentences[n++] = "CPU limits are not enforced: there are no control groups to hold them.";
        sentences[n++] = "Memory limits hold per process only (RLIMIT_DATA), not for the whole "
                         "instance.";
        sentences[n++] = "Process limits count all instances of a service together (RLIMIT_NPROC).";
        sentences[n++] = "What an instance uses (memory, CPU) is not measured.";
    } else {
        if (!host->can_memory) {
            sentences[n++] = "Memory limits are not enforced.";
        }
        if (!host->can_cpu) {
            sentences[n++] = "CPU limits are not enforced.";
        }
        if (!host->can_pids) {
            sentences[n++] = "Process limits are not enforced.";
        }
    }
    if (n > 0 && host->why[0] != '\0') {
        sentences[n++] = host->why;
    }
    return i < n ? sentences[i] : NULL;
}
