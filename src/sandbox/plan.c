/*
 * The parent's half of building a cage: what the new root holds, which descriptor goes where, the
 * reaper's arguments. Everything the child needs is laid out here, before the clone.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "sandbox/build.h"
#include "sandbox/cgroup.h"
#include "sandbox/limits.h"
#include "sandbox/sandbox.h"

struct plan {
    const struct at_sandbox_facts *facts;
    const struct at_cage_spec *spec;
    struct at_arena *arena;
    struct at_build *b;
    const char **writable;
    bool failed; /* out of room */
};

static void add(struct plan *p, struct at_entry e)
{
    if (p->b->entry_count == AT_CAGE_ENTRIES_MAX) {
        p->failed = true;
        return;
    }
    p->b->entries[p->b->entry_count++] = e;
}

static void add_dir(struct plan *p, const char *to, mode_t mode)
{
    add(p, (struct at_entry){.kind = AT_ENTRY_DIR, .to = to, .mode = mode});
}

static void add_link(struct plan *p, const char *to, const char *text)
{
    add(p, (struct at_entry){.kind = AT_ENTRY_LINK, .to = to, .from = text});
}

static void add_file(struct plan *p, const char *to, const char *content)
{
    p->failed = p->failed || content == NULL;
    add(p, (struct at_entry){.kind = AT_ENTRY_FILE, .to = to, .from = content, .mode = 0444});
}

/* A read-only bind of what exists; from and to are the same path. */
static void add_system(struct plan *p, const char *path, bool is_file)
{
    add(p, (struct at_entry){.kind = AT_ENTRY_BIND,
                             .to = path + 1,
                             .from = path,
                             .optional = true,
                             .is_file = is_file});
}

static void add_writable(struct plan *p, const char *inside)
{
    p->writable[p->b->writable_count++] = inside;
}

/* /lib and its like: the link or the directory that it is outside. */
static void add_library_dir(struct plan *p, const char *path)
{
    char text[PATH_MAX];
    ssize_t n = readlink(path, text, sizeof(text) - 1);

    if (n > 0) {
        const char *copy = at_arena_copy(p->arena, at_bytes_over(text, (size_t)n));

        p->failed = p->failed || copy == NULL;
        add_link(p, path + 1, copy);
    } else if (errno == EINVAL) {
        add_system(p, path, false);
    }
}

static void add_device(struct plan *p, const char *path, unsigned minor)
{
    add(p, (struct at_entry){
               .kind = AT_ENTRY_DEVICE, .to = path + 1, .from = path, .major = 1, .minor = minor});
}

static void add_base(struct plan *p)
{
    add_dir(p, ".void", 0555);
    add_dir(p, "proc", 0555);
    add_dir(p, "dev", 0755);
    add_dir(p, "etc", 0755);
    add_dir(p, "tmp", 01777);
    add(p, (struct at_entry){.kind = AT_ENTRY_SELF, .to = "tmp"});
    add_writable(p, "/tmp");
    add_system(p, "/usr", false);
    add_library_dir(p, "/bin");
    add_library_dir(p, "/sbin");
    add_library_dir(p, "/lib");
    add_library_dir(p, "/lib32");
    add_library_dir(p, "/lib64");
    add_system(p, "/etc/ld.so.cache", true);
    add_device(p, "/dev/null", 3);
    add_device(p, "/dev/zero", 5);
    add_device(p, "/dev/full", 7);
    add_device(p, "/dev/random", 8);
    add_device(p, "/dev/urandom", 9);
    add_link(p, "dev/fd", "/proc/self/fd");
    add_link(p, "dev/stdin", "/proc/self/fd/0");
    add_link(p, "dev/stdout", "/proc/self/fd/1");
    add_link(p, "dev/stderr", "/proc/self/fd/2");
    add_link(p, "dev/shm", "/tmp"); /* shm_open() and sem_open() */
    add_writable(p, "/dev");
    add_writable(
        p, "/proc"); /* /proc/self/… such as thread names; the rest is the kernel's to guard */
}

static void add_etc(struct plan *p)
{
    const struct at_cage_spec *spec = p->spec;
    unsigned uid = (unsigned)p->b->uid;
    unsigned gid = (unsigned)p->b->gid;

    add_system(p, "/etc/ssl", false);
    add_system(p, "/etc/pki", false); /* certificates where /etc/ssl is a link to it */
    add_system(p, "/etc/alternatives", false);
    add_system(p, "/etc/localtime", true);
    add_file(p, "etc/hosts",
             at_arena_printf(p->arena, "127.0.0.1 localhost %s\n::1 localhost\n%s", spec->instance,
                             spec->hosts == NULL ? "" : spec->hosts));
    add_file(p, "etc/hostname", at_arena_printf(p->arena, "%s\n", spec->instance));
    add_file(p, "etc/resolv.conf", "# no network but lo\n");
    add_file(p, "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
    add_file(p, "etc/passwd",
             at_arena_printf(p->arena, "%sservice:x:%u:%u:%s:/state:/usr/sbin/nologin\n",
                             uid == 0 ? "" : "root:x:0:0:root:/:/usr/sbin/nologin\n", uid, gid,
                             spec->service));
    add_file(p, "etc/group",
             at_arena_printf(p->arena, "%sservice:x:%u:\n", gid == 0 ? "" : "root:x:0:\n", gid));
}

static void add_project(struct plan *p)
{
    const char *dir = p->spec->project_dir;

    if (dir == NULL || p->spec->is_role) {
        return;
    }
    add(p, (struct at_entry){.kind = AT_ENTRY_BIND, .to = dir + 1, .from = dir});
    add(p, (struct at_entry){.kind = AT_ENTRY_MASK,
                             .to = at_arena_printf(p->arena, "%s/.atoll", dir + 1)});
}

static void add_own(struct plan *p)
{
    const struct at_cage_spec *spec = p->spec;

    for (size_t i = 0; i < spec->bind_count; i++) {
        const struct at_cage_bind *bind = &spec->binds[i];
        struct stat st;

        add(p, (struct at_entry){.kind = AT_ENTRY_BIND,
                                 .to = bind->to + 1,
                                 .from = bind->from,
                                 .writable = bind->writable,
                                 .optional = bind->optional,
                                 .is_file = stat(bind->from, &st) == 0 && !S_ISDIR(st.st_mode)});
        if (bind->writable) {
            add_writable(p, bind->to);
        }
    }
    if (spec->state_dir != NULL) {
        add(p,
            (struct at_entry){
                .kind = AT_ENTRY_BIND, .to = "state", .from = spec->state_dir, .writable = true});
        add_writable(p, "/state");
    }
}

/* Absolute, not "/", without "..": the child walks it before the new root is the root. */
static bool path_is_plain(const char *path)
{
    struct at_bytes rest = at_bytes_of(path);
    struct at_bytes word;

    if (path[0] != '/' || path[1] == '\0' || rest.len >= PATH_MAX - 64) {
        return false;
    }
    while (at_bytes_cut(&rest, '/', &word)) {
        if (at_bytes_equal(word, AT_LIT(".."))) {
            return false;
        }
    }
    return true;
}

static bool is_inside(const char *path, const char *dir)
{
    size_t len = strlen(dir);

    return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static int refuse(struct at_diag *d, const struct at_cage_spec *spec, const char *what,
                  const char *value)
{
    at_diag_set(d, "%s: %s: %s", spec->instance, value, what);
    return -EINVAL;
}

static int check_paths(const struct at_cage_spec *spec, struct at_diag *d)
{
    static const char plain[] = "must be an absolute path without \"..\", and not \"/\"";

    if (spec->project_dir != NULL && !path_is_plain(spec->project_dir)) {
        return refuse(d, spec, plain, spec->project_dir);
    }
    if (spec->state_dir != NULL && !path_is_plain(spec->state_dir)) {
        return refuse(d, spec, plain, spec->state_dir);
    }
    if (spec->working_dir != NULL && spec->working_dir[0] != '/') {
        return refuse(d, spec, "the working directory must be an absolute path", spec->working_dir);
    }
    for (size_t i = 0; i < spec->bind_count; i++) {
        const char *to = spec->binds[i].to;

        if (!path_is_plain(spec->binds[i].from) || !path_is_plain(to)) {
            return refuse(d, spec, plain, to);
        }
        /* The service owns what is in these and could put a link where we are about to mount. */
        if (is_inside(to, "/state") || is_inside(to, "/proc") || is_inside(to, "/dev")) {
            return refuse(d, spec, "nothing may be mounted below /state, /proc or /dev", to);
        }
    }
    return 0;
}

static int check_counts(const struct at_cage_spec *spec, struct at_diag *d)
{
    size_t words = 0;

    if (strpbrk(spec->service, ":\n") != NULL || strpbrk(spec->instance, ":\n") != NULL) {
        return refuse(d, spec, "a name that would break /etc/passwd", spec->service);
    }
    if (spec->fd_count > AT_CAGE_FDS_MAX || spec->bind_count > AT_CAGE_BINDS_MAX) {
        return refuse(d, spec, "too many descriptors or binds", spec->service);
    }
    while (spec->argv[words] != NULL) {
        words++;
    }
    if (words > AT_CAGE_ARGS_MAX) {
        return refuse(d, spec, "the command has too many words", spec->argv[0]);
    }
    for (size_t i = 0; i < spec->fd_count; i++) {
        if (spec->fds[i].to < 3 || spec->fds[i].to > AT_CAGE_FD_NUMBER_MAX ||
            spec->fds[i].from < 0) {
            return refuse(d, spec, "a descriptor has a number that cannot be had", spec->service);
        }
    }
    return 0;
}

static void move_fd(struct at_build *b, int from, int to)
{
    b->moves[b->move_count++] = (struct at_cage_fd){.from = from, .to = to};
}

/* Where everything goes; the reaper's four come behind the service's highest number. */
static int place_descriptors(struct plan *p, const struct at_program *program, int null_fd,
                             int record_fd)
{
    struct at_build *b = p->b;
    const struct at_cage_spec *spec = p->spec;
    int end = 3;

    move_fd(b, null_fd, 0);
    move_fd(b, spec->out_fd >= 0 ? spec->out_fd : null_fd, 1);
    move_fd(b, spec->err_fd >= 0 ? spec->err_fd : null_fd, 2);
    for (size_t i = 0; i < spec->fd_count; i++) {
        move_fd(b, spec->fds[i].from, spec->fds[i].to);
        end = spec->fds[i].to >= end ? spec->fds[i].to + 1 : end;
    }
    b->status_move = b->move_count;
    move_fd(b, b->status_fd, end);
    move_fd(b, record_fd, end + 1);
    move_fd(b, program->fd, end + 2);
    b->reaper_move = b->move_count;
    move_fd(b, b->reaper_fd, end + 3);
    b->fd_end = end + 4;
    return end;
}

static int make_reaper_args(struct plan *p, const struct at_program *program, int first_fd)
{
    const struct at_cage_spec *spec = p->spec;
    size_t words = 0;
    char **out;

    while (spec->argv[words] != NULL) {
        words++;
    }
    out = at_arena_zalloc(p->arena, words + 5, sizeof(*out));
    if (out == NULL) {
        return -ENOMEM;
    }
    out[0] = at_arena_copy(p->arena, AT_LIT("atoll-reaper"));
    out[1] = at_arena_copy(p->arena, at_bytes_of(spec->instance));
    out[2] = at_arena_printf(p->arena, "%d:%d:%d", first_fd, first_fd + 1, first_fd + 2);
    out[3] = at_arena_copy(p->arena, at_bytes_of(program->is_script ? program->path : ""));
    for (size_t i = 0; i < words; i++) {
        out[4 + i] = at_arena_copy(p->arena, at_bytes_of(spec->argv[i]));
    }
    for (size_t i = 0; i < words + 4; i++) {
        if (out[i] == NULL) {
            return -ENOMEM;
        }
    }
    p->b->reaper_argv = out;
    p->b->envp = (char **)(uintptr_t)spec->envp; /* execve(2) does not write to it */
    return 0;
}

static int lay_out(struct plan *p)
{
    struct at_build *b = p->b;
    const struct at_cage_spec *spec = p->spec;

    b->entries = at_arena_zalloc(p->arena, AT_CAGE_ENTRIES_MAX, sizeof(*b->entries));
    p->writable = at_arena_zalloc(p->arena, AT_CAGE_BINDS_MAX + 4, sizeof(*p->writable));
    b->root_options = at_arena_printf(p->arena, "mode=755,size=%dm,nr_inodes=%d",
                                      AT_CAGE_ROOT_BYTES_MIB, AT_CAGE_ROOT_INODES);
    if (b->own_user_namespace) {
        b->uid_map = at_arena_printf(p->arena, "%u %u 1", (unsigned)b->uid, (unsigned)b->uid);
        b->gid_map = at_arena_printf(p->arena, "%u %u 1", (unsigned)b->gid, (unsigned)b->gid);
        p->failed = p->failed || b->uid_map == NULL || b->gid_map == NULL;
    }
    if (b->entries == NULL || p->writable == NULL || b->root_options == NULL) {
        return -ENOMEM;
    }
    add_base(p);
    if (!spec->is_role) {
        add_etc(p);
    }
    add_project(p);
    add_own(p);
    b->writable = p->writable;
    return p->failed ? -ENOMEM : 0;
}

int at_build_plan(const struct at_sandbox_facts *facts, const struct at_cage_spec *spec,
                  const struct at_build_fds *fds, struct at_arena *arena, struct at_build *b,
                  struct at_diag *ret_diag)
{
    struct plan p = {.facts = facts, .spec = spec, .arena = arena, .b = b};
    int r = check_counts(spec, ret_diag);

    if (r == 0) {
        r = check_paths(spec, ret_diag);
    }
    if (r != 0) {
        return r;
    }
    b->own_user_namespace = !facts->is_root;
    b->limits_by_rlimit = facts->cgroup.kind == AT_CGROUP_NONE;
    b->limits = spec->limits;
    b->hostname = spec->instance;
    b->landlock_abi = facts->landlock_abi;
    b->working_dir = spec->working_dir;
    if (b->working_dir == NULL) {
        b->working_dir = spec->project_dir == NULL || spec->is_role ? "/" : spec->project_dir;
    }
    r = lay_out(&p);
    if (r == 0) {
        r = make_reaper_args(&p, fds->program,
                             place_descriptors(&p, fds->program, fds->null_fd, fds->record_fd));
    }
    if (r != 0) {
        at_diag_set(ret_diag, "%s: out of memory or room for the plan of its sandbox",
                    spec->instance);
    }
    return r;
}
