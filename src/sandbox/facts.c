/*
 * What this kernel and this user may do, found by trying it where trying is cheap and leaves
 * nothing, and the sentences about what is missing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "sandbox/build.h"
#include "sandbox/cgroup.h"
#include "sandbox/pidfd.h"
#include "sandbox/sandbox.h"

enum { UID_TO_MAP = 300000 }; /* services' uids start here */

static bool has_capability(unsigned c)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};

    return syscall(SYS_capget, &head, data) == 0 && (data[c / 32].effective >> c % 32 & 1) != 0;
}

/* Cuts the next of the numbers between blanks off the line; 0 when there is none. */
static uint64_t next_number(struct at_bytes *line)
{
    struct at_bytes word = {NULL, 0};
    uint64_t value = 0;

    while (word.len == 0 && at_bytes_cut(line, ' ', &word)) {
    }
    return at_bytes_to_u64(word, &value) ? value : 0;
}

/* In a rootless container "root" has only a few ids: then no service can have one of its own. */
static bool has_ids_to_give(void)
{
    at_auto_free
    char *text = NULL;
    size_t len = 0;
    struct at_bytes rest;
    struct at_bytes line;

    if (at_fd_read_file(AT_FDCWD, "/proc/self/uid_map", 65536, &text, &len) != 0) {
        return false;
    }
    rest = at_bytes_over(text, len);
    while (at_bytes_cut(&rest, '\n', &line)) {
        uint64_t inside = next_number(&line);

        (void)next_number(&line); /* the id outside */
        if (inside <= UID_TO_MAP && next_number(&line) > UID_TO_MAP - inside) {
            return true;
        }
    }
    return false;
}

enum { CHILD_DID_IT = 7, CHILD_MAY_NOT = 8 };

/*
 * Makes the namespaces in a child, and mounts there: AppArmor lets an ordinary user make user
 * namespaces that have no rights in them.
 */
static int try_namespaces(bool with_user, bool *ret_pidfd_info)
{
    at_auto_close
    int pidfd = -1;
    struct clone_args args = {
        .flags = CLONE_PIDFD | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
                 CLONE_NEWUTS | (with_user ? CLONE_NEWUSER : 0),
        .pidfd = (uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
    };
    long pid = syscall(SYS_clone3, &args, sizeof(args));
    int status = 0;

    if (pid == 0) {
        _exit(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 ? CHILD_DID_IT
                                                                     : CHILD_MAY_NOT);
    }
    if (pid < 0) {
        return -errno;
    }
    while (waitpid((pid_t)pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != CHILD_DID_IT) {
        return -EPERM;
    }
    *ret_pidfd_info = at_pidfd_exit_status(pidfd, &status) == 0 && WIFEXITED(status) &&
                      WEXITSTATUS(status) == CHILD_DID_IT;
    return 0;
}

static void look_at_namespaces(struct at_sandbox_facts *f)
{
    bool ignored;
    int r = try_namespaces(!f->is_root, &f->has_pidfd_info);

    f->has_namespaces = r == 0;
    f->has_user_namespaces = f->is_root ? try_namespaces(true, &ignored) == 0 : r == 0;
    if (r == 0) {
        return;
    }
    if (f->is_root) {
        (void)snprintf(f->namespaces_why, sizeof(f->namespaces_why),
                       "making namespaces as root: %s", strerrordesc_np(-r));
    } else if (r == -ENOSPC || r == -EUSERS) {
        (void)snprintf(f->namespaces_why, sizeof(f->namespaces_why),
                       "this machine allows no (more) user namespaces");
    } else {
        (void)snprintf(f->namespaces_why, sizeof(f->namespaces_why),
                       "an ordinary user may not make user namespaces here: %s",
                       strerrordesc_np(-r));
    }
}

static bool has_seals(void)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    at_auto_close
    int fd = memfd_create("atoll-look", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    return fd >= 0 && fcntl(fd, F_ADD_SEALS, seals) == 0 && fcntl(fd, F_GET_SEALS) == seals;
}

static bool has_group_kill(const struct at_cgroup_host *host)
{
    char path[AT_CGROUP_PATH_MAX + 32];
    const char *base = host->base[AT_TREE_LIFE];

    /* The file exists in every group but the topmost; a kernel that has it (5.14) also has
     * cgroup.stat's neighbour memory.reclaim etc., so the version decides at the top. */
    if (base[0] == '\0') {
        return false;
    }
    (void)snprintf(path, sizeof(path), "%s/cgroup.kill", base);
    return access(path, F_OK) == 0;
}

/* "6.18.44-x" → 6018. */
static uint64_t kernel_number(const char *release)
{
    struct at_bytes rest = at_bytes_of(release);
    struct at_bytes word;
    uint64_t major = 0;
    uint64_t minor = 0;

    if (!at_bytes_cut(&rest, '.', &word) || !at_bytes_to_u64(word, &major) ||
        !at_bytes_cut(&rest, '.', &word) || !at_bytes_to_u64(word, &minor)) {
        return 0;
    }
    return major * 1000 + minor;
}

void at_sandbox_look(const char *cgroup_forced, struct at_sandbox_facts *ret)
{
    struct utsname name;

    *ret = (struct at_sandbox_facts){0};
    if (uname(&name) == 0) {
        (void)snprintf(ret->kernel, sizeof(ret->kernel), "%s", name.release);
    }
    ret->is_root = geteuid() == 0 && has_capability(CAP_SYS_ADMIN) && has_capability(CAP_SETUID) &&
                   has_ids_to_give();
    look_at_namespaces(ret);
    ret->has_seccomp = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
    ret->has_memfd_seals = has_seals();
    ret->landlock_abi = at_landlock_abi();
    (void)at_cgroup_detect(cgroup_forced, &ret->cgroup);
    ret->has_cgroup_kill =
        has_group_kill(&ret->cgroup) ||
        (ret->cgroup.base[AT_TREE_LIFE][0] != '\0' && kernel_number(ret->kernel) >= 5014);
}

static bool one_user(const struct at_sandbox_facts *f)
{
    return f->has_namespaces && !f->is_root;
}

static bool no_namespaces(const struct at_sandbox_facts *f)
{
    return !f->has_namespaces;
}

static bool no_landlock(const struct at_sandbox_facts *f)
{
    return f->landlock_abi == 0;
}

static bool old_landlock(const struct at_sandbox_facts *f)
{
    return f->landlock_abi > 0 && f->landlock_abi < 6;
}

static bool no_seccomp(const struct at_sandbox_facts *f)
{
    return !f->has_seccomp;
}

static bool no_seals(const struct at_sandbox_facts *f)
{
    return !f->has_memfd_seals;
}

static bool no_pidfd_info(const struct at_sandbox_facts *f)
{
    return !f->has_pidfd_info;
}

static const struct {
    bool (*is_missing)(const struct at_sandbox_facts *f);
    const char *sentence;
} walls[] = {
    {no_namespaces, "Namespaces cannot be made: no service can be started."},
    {one_user,
     "All services run under your own user: no wall of user ids stands between them, or between "
     "them and your files outside their sandboxes. Run as root to give each a uid of its own."},
    {no_seccomp, "The kernel has no seccomp: system calls are not filtered."},
    {no_landlock,
     "The kernel has no Landlock: the read-only mounts are the only wall around files."},
    {old_landlock,
     "Landlock is older than version 6: abstract Unix sockets and signals are fenced by "
     "namespaces only."},
    {no_seals, "memfd seals are missing: shared memory cannot be trusted, calls will not work."},
    {no_pidfd_info,
     "The kernel is older than 6.15: how a sandbox ended is lost when the supervisor is killed "
     "in the same moment."},
};

const char *at_sandbox_missing(const struct at_sandbox_facts *f, size_t i)
{
    for (size_t w = 0; w < sizeof(walls) / sizeof(walls[0]); w++) {
        if (walls[w].is_missing(f)) {
            if (i == 0) {
                return walls[w].sentence;
            }
            i--;
        }
    }
    return at_cgroup_missing(&f->cgroup, i);
}
