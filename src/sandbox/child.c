/*
 * What happens between clone and exec: the child turns itself into pid 1 of a cage, step by step.
 *
 * Rule: only system calls here. The child is a copy of the supervisor's memory, and every page it
 * touches is copied; nothing is allocated, formatted or locked. Each step returns 0 or -errno; the
 * first failure is reported by number over the status socket and the parent finds the words.
 *
 * The order is forced: groups while still privileged, ids before mounts in a user namespace, the
 * new root before ids are dropped, Landlock before seccomp (whose filter forbids half of this), and
 * the working directory as the service's user, so that its permissions are judged.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sandbox/build.h"
#include "sandbox/cgroup.h"
#include "sandbox/limits.h"
#include "sandbox/record.h"
#include "sandbox/sandbox.h"

/* /sys is an empty directory everywhere, and nothing of it is wanted inside. */
static const char NEW_ROOT_AT[] = "/sys";
static const char MASK_DIR[] = ".void"; /* the empty directory that masks others */

static int result_of(long r)
{
    return r < 0 ? -errno : 0;
}

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int r;

    if (fd < 0) {
        return -errno;
    }
    r = result_of(write(fd, text, strlen(text)));
    (void)close(fd);
    return r;
}

static int join_groups(struct at_build *b)
{
    for (int i = 0; i < AT_TREES; i++) {
        if (b->join[i] >= 0 && write(b->join[i], "0", 1) != 1) {
            return -errno;
        }
    }
    /* After joining, so that the group itself is the root of what the cage sees. */
    return unshare(CLONE_NEWCGROUP) == 0 || errno == EINVAL ? 0 : -errno; /* EINVAL: not built in */
}

static int map_ids(struct at_build *b)
{
    int r;

    if (!b->own_user_namespace) {
        return 0;
    }
    r = write_text("/proc/self/setgroups", "deny");
    if (r == 0) {
        r = write_text("/proc/self/uid_map", b->uid_map);
    }
    if (r == 0) {
        r = write_text("/proc/self/gid_map", b->gid_map);
    }
    return r;
}

/* Away from the operator's terminal: Ctrl-C is for us, not for the services. */
static int leave_session(struct at_build *b)
{
    (void)umask(0);
    return result_of(setsid());
}

static int raise_loopback(struct at_build *b)
{
    struct ifreq request = {.ifr_name = "lo"};
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int r;

    if (s < 0) {
        return -errno;
    }
    request.ifr_flags = IFF_UP;
    r = result_of(ioctl(s, SIOCSIFFLAGS, &request));
    (void)close(s);
    return r;
}

static int set_hostname(struct at_build *b)
{
    return result_of(sethostname(b->hostname, strlen(b->hostname)));
}

static int open_new_root(struct at_build *b)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("root", NEW_ROOT_AT, "tmpfs", MS_NOSUID, b->root_options) != 0) {
        return -errno;
    }
    return result_of(chdir(NEW_ROOT_AT));
}

/* `path` below the new root, links inside resolved as if it were "/" already. */
static int open_inside(const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

/* The directories above the last word of `path`. Those that exist are left alone. */
static int make_parents(const char *path)
{
    char part[PATH_MAX];

    for (size_t i = 0; path[i] != '\0'; i++) {
        if (i + 1 >= sizeof(part)) {
            return -ENAMETOOLONG;
        }
        if (path[i] == '/' && i > 0) {
            part[i] = '\0';
            if (mkdir(part, 0755) != 0 && errno != EEXIST) {
                return -errno;
            }
        }
        part[i] = path[i];
    }
    return 0;
}

static int make_dir(const struct at_build *b, const struct at_entry *e)
{
    int r = make_parents(e->to);

    if (r == 0 && mkdir(e->to, e->mode) != 0 && errno != EEXIST) {
        r = -errno;
    }
    return r;
}

static int make_link(const struct at_build *b, const struct at_entry *e)
{
    int r = make_parents(e->to);

    return r != 0 ? r : result_of(symlink(e->from, e->to));
}

static int make_file(const struct at_build *b, const struct at_entry *e)
{
    int r = make_parents(e->to);
    int fd;

    if (r != 0) {
        return r;
    }
    fd = open(e->to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, e->mode);
    if (fd < 0) {
        return -errno;
    }
    if (e->from != NULL) {
        r = result_of(write(fd, e->from, strlen(e->from)));
    }
    (void)close(fd);
    return r;
}

/* A mount point: what is there, or a fresh file or directory on our own tmpfs. */
static int open_mount_point(const struct at_build *b, const struct at_entry *e)
{
    int fd = open_inside(e->to);
    int r;

    if (fd >= 0 || errno != ENOENT) {
        return fd >= 0 ? fd : -errno;
    }
    if (e->is_file) {
        struct at_entry empty = {.to = e->to, .mode = 0644};

        r = make_file(b, &empty);
    } else {
        struct at_entry dir = {.to = e->to, .mode = 0755};

        r = make_dir(b, &dir);
    }
    if (r != 0) {
        return r;
    }
    fd = open_inside(e->to);
    return fd >= 0 ? fd : -errno;
}

/*
 * Clones the tree at `from`, narrows it and hangs it onto point. mount_setattr only ever adds
 * flags here: inside a user namespace inherited flags are locked and a remount would be refused.
 */
static int bind_tree(const char *from, int point, uint64_t attributes)
{
    struct mount_attr attr = {.attr_set = attributes};
    int tree = open_tree(AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    int r = 0;

    if (tree < 0) {
        return -errno;
    }
    if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) != 0 ||
        move_mount(tree, "", point, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
        r = -errno;
    }
    (void)close(tree);
    return r;
}

static int bind_entry(const struct at_build *b, const struct at_entry *e)
{
    uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    struct stat st;
    int point;
    int r;

    if (e->optional && stat(e->from, &st) != 0) {
        return 0;
    }
    point = open_mount_point(b, e);
    if (point < 0) {
        return point;
    }
    r = bind_tree(e->from, point, e->writable ? attributes : attributes | MOUNT_ATTR_RDONLY);
    (void)close(point);
    return r;
}

static int make_device(const struct at_build *b, const struct at_entry *e)
{
    int point;
    int r;

    if (mknod(e->to, S_IFCHR | 0666, makedev(e->major, e->minor)) == 0) {
        return 0;
    }
    if (errno != EPERM) {
        return -errno;
    }
    point = open_mount_point(b, &(struct at_entry){.to = e->to, .is_file = true});
    if (point < 0) {
        return point;
    }
    r = bind_tree(e->from, point, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    (void)close(point);
    return r;
}

static int mask_dir(const struct at_build *b, const struct at_entry *e)
{
    int point = open_inside(e->to);
    int r;

    if (point < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    r = bind_tree(MASK_DIR, point, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    (void)close(point);
    return r;
}

static int bind_self(const struct at_build *b, const struct at_entry *e)
{
    int point = open_inside(e->to);
    int r;

    if (point < 0) {
        return -errno;
    }
    r = bind_tree(e->to, point, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    (void)close(point);
    return r;
}

static int make_entries(struct at_build *b)
{
    static int (*const makers[AT_ENTRY_KINDS])(const struct at_build *, const struct at_entry *) = {
        [AT_ENTRY_DIR] = make_dir,       [AT_ENTRY_LINK] = make_link,  [AT_ENTRY_FILE] = make_file,
        [AT_ENTRY_DEVICE] = make_device, [AT_ENTRY_BIND] = bind_entry, [AT_ENTRY_MASK] = mask_dir,
        [AT_ENTRY_SELF] = bind_self,
    };

    for (size_t i = 0; i < b->entry_count; i++) {
        int r = makers[b->entries[i].kind](b, &b->entries[i]);

        if (r != 0) {
            b->detail = b->entries[i].to;
            return r;
        }
    }
    return 0;
}

static int mount_proc(struct at_build *b)
{
    return result_of(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
}

/* pivot_root(".", ".") stacks the old root under the new one; detaching "." drops the old. */
static int pivot(struct at_build *b)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID};

    if (syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 ||
        chdir("/") != 0) {
        return -errno;
    }
    /* The root's own mount alone: the binds below it have their own. */
    return result_of(mount_setattr(AT_FDCWD, "/", 0, &attr, sizeof(attr)));
}

static int set_rlimit(int resource, uint64_t value)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0) {
        return -errno;
    }
    if (limit.rlim_max > value) {
        limit.rlim_max = value;
    }
    limit.rlim_cur = limit.rlim_max;
    return result_of(setrlimit(resource, &limit));
}

static int set_rlimits(struct at_build *b)
{
    int r = set_rlimit(RLIMIT_CORE, 0);

    if (r == 0 && b->limits.nofile != 0) {
        b->detail = "nofile";
        r = set_rlimit(RLIMIT_NOFILE, b->limits.nofile);
    }
    if (!b->limits_by_rlimit || r != 0) {
        return r;
    }
    /* DATA counts private writable memory. AS would also count rings and reserved ranges. */
    if (b->limits.memory_bytes != 0) {
        b->detail = "memory";
        r = set_rlimit(RLIMIT_DATA, b->limits.memory_bytes);
    }
    if (r == 0 && b->limits.pids != 0) {
        b->detail = "pids";
        r = set_rlimit(RLIMIT_NPROC, b->limits.pids + 1);
    }
    return r;
}

/* First out of the way of every target number, then to the numbers, then all others are closed. */
static int place_fds(struct at_build *b)
{
    int high[AT_CAGE_FDS_MAX + 8] = {0};
    bool wanted[AT_CAGE_FD_HIGH] = {false};

    for (size_t i = 0; i < b->move_count; i++) {
        high[i] = fcntl(b->moves[i].from, F_DUPFD_CLOEXEC, AT_CAGE_FD_HIGH);
        if (high[i] < 0) {
            return -errno;
        }
    }
    b->status_fd = high[b->status_move]; /* its old number may be about to become another's */
    for (size_t i = 0; i < b->move_count; i++) {
        if (dup2(high[i], b->moves[i].to) < 0) {
            return -errno;
        }
        wanted[b->moves[i].to] = true;
    }
    b->status_fd = b->moves[b->status_move].to;
    b->reaper_fd = b->moves[b->reaper_move].to;
    for (int fd = 0; fd < b->fd_end; fd++) {
        if (!wanted[fd]) {
            (void)close(fd);
        }
    }
    if (syscall(SYS_close_range, b->fd_end, ~0U, 0) != 0) {
        return -errno;
    }
    return result_of(fcntl(b->reaper_fd, F_SETFD, FD_CLOEXEC));
}

static int drop_ids(struct at_build *b)
{
    if (b->own_user_namespace) {
        return 0; /* the map has one id */
    }
    if (setgroups(0, NULL) != 0 || syscall(SYS_setresgid, b->gid, b->gid, b->gid) != 0) {
        return -errno;
    }
    /* The bounding set can only be emptied with CAP_SETPCAP, which goes with the uid. */
    for (int c = 0; c <= CAP_LAST_CAP + 8; c++) {
        if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0 && errno != EINVAL) {
            return -errno;
        }
    }
    return result_of(syscall(SYS_setresuid, b->uid, b->uid, b->uid));
}

static int drop_capabilities(struct at_build *b)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};

    if (b->own_user_namespace) {
        for (int c = 0; c <= CAP_LAST_CAP + 8; c++) {
            if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0 && errno != EINVAL) {
                return -errno;
            }
        }
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &head, none) != 0) {
        return -errno;
    }
    return result_of(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static int apply_landlock(struct at_build *b)
{
    return at_landlock_apply(b->landlock_abi, b->writable, b->writable_count);
}

static int enter_working_dir(struct at_build *b)
{
    (void)umask(022);
    b->detail = b->working_dir;
    return result_of(chdir(b->working_dir));
}

static int apply_filter(struct at_build *b)
{
    return result_of(prctl(PR_SET_SECCOMP, 2 /* SECCOMP_MODE_FILTER */, b->filter, 0, 0));
}

static int execute_reaper(struct at_build *b)
{
    return result_of(
        syscall(SYS_execveat, b->reaper_fd, "", b->reaper_argv, b->envp, AT_EMPTY_PATH));
}

static const struct {
    enum at_step step;
    int (*run)(struct at_build *b);
} steps[] = {
    {AT_STEP_CGROUP, join_groups},
    {AT_STEP_USER_MAP, map_ids},
    {AT_STEP_SESSION, leave_session},
    {AT_STEP_LOOPBACK, raise_loopback},
    {AT_STEP_HOSTNAME, set_hostname},
    {AT_STEP_NEW_ROOT, open_new_root},
    {AT_STEP_ENTRY, make_entries},
    {AT_STEP_PROC, mount_proc},
    {AT_STEP_PIVOT, pivot},
    {AT_STEP_FDS, place_fds},
    {AT_STEP_RLIMIT, set_rlimits},
    {AT_STEP_IDS, drop_ids},
    {AT_STEP_CAPS, drop_capabilities},
    {AT_STEP_LANDLOCK, apply_landlock},
    {AT_STEP_WORKING_DIR, enter_working_dir},
    {AT_STEP_SECCOMP, apply_filter},
    {AT_STEP_REAPER, execute_reaper},
};

static void report_failure(const struct at_build *b, enum at_step step, int error)
{
    struct at_step_report report = {.step = (uint32_t)step, .error = error};

    if (b->detail != NULL) {
        (void)strncpy(report.detail, b->detail, sizeof(report.detail) - 1);
    }
    (void)send(b->status_fd, &report, sizeof(report), MSG_NOSIGNAL);
}

void at_build_run(struct at_build *b)
{
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        int r;

        b->detail = NULL;
        r = steps[i].run(b);
        if (r != 0) {
            report_failure(b, steps[i].step, -r);
            break;
        }
    }
    _exit(125);
}
