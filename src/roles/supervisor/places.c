#include "roles/supervisor/places.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checks.h"
#include "base/error.h"
#include "base/fd.h"
#include "control/operator.h"
#include "plan/limits.h"
#include "plan/plan.h"
#include "roles/supervisor/cage_spec.h"
#include "roles/supervisor/limits.h"
#include "roles/supervisor/system.h"

enum { LOCK_TRIES = 8, HOLDER_TEXT_MAX = PATH_MAX + 64 };

static int open_dir(int at, const char *name, mode_t mode, int *ret_fd);

/* ---- run directory ---- */

/* A directory that is ours alone: nobody may have put a link or a directory of his there. */
static int make_own_dir(const char *path, mode_t mode)
{
    struct stat st;

    if (mkdir(path, mode) < 0 && errno != EEXIST) {
        return -errno;
    }
    if (lstat(path, &st) < 0) {
        return -errno;
    }
    return S_ISDIR(st.st_mode) && st.st_uid == geteuid() ? 0 : -EPERM;
}

/* /run/atoll is the last of a path of which at most two pieces are ours to make. */
static int make_run_dir(struct at_system *s)
{
    char root[PATH_MAX - AT_PLAN_NAME_MAX - 1];
    char parent[sizeof(root)];
    char *slash;
    int r = at_operator_run_root(root, sizeof(root));

    if (r < 0) {
        return r;
    }
    (void)snprintf(parent, sizeof(parent), "%s", root);
    slash = strrchr(parent, '/');
    if (slash != NULL && strncmp(root, "/tmp/", 5) == 0) {
        *slash = '\0';
        r = make_own_dir(parent, 0700);
    }
    if (r == 0) {
        r = make_own_dir(root, geteuid() == 0 ? 0755 : 0700);
    }
    if (r < 0) {
        return r;
    }
    (void)snprintf(s->run_dir, sizeof(s->run_dir), "%s/%s", root, s->plan.system);
    return make_own_dir(s->run_dir, 0700);
}

/* What a holder wrote: its pid and, behind a blank, the name or folder that says more. */
static void read_holder(int fd, char *text, size_t cap, const char **ret_pid, const char **ret_more)
{
    ssize_t n = pread(fd, text, cap - 1, 0);
    char *blank;

    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    blank = strchr(text, ' ');
    if (blank != NULL) {
        *blank = '\0';
    }
    *ret_pid = text[0] == '\0' ? "unknown" : text;
    *ret_more = blank == NULL ? "?" : blank + 1;
}

static int write_holder(const struct at_system *s, int fd, const char *more)
{
    char text[HOLDER_TEXT_MAX];
    int n = snprintf(text, sizeof(text), "%u %s\n", s->anchor_pid, more);

    return ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n ? -EIO : 0;
}

static void name_holder(struct at_system *s, int fd, struct at_diag *diag)
{
    char text[HOLDER_TEXT_MAX];
    const char *pid;
    const char *folder;

    read_holder(fd, text, sizeof(text), &pid, &folder);
    at_diag_set(diag, "system \"%s\" already runs (atolld pid %s) from %.600s", s->plan.system, pid,
                folder);
    at_diag_hint(diag, "stop it with `atoll -p %s down`, or give this one another name",
                 s->plan.system);
}

/* The end of a system unlinks the file that we may just have locked: then ours is not the lock. */
static bool is_still_there(int fd, const char *path)
{
    struct stat ours;
    struct stat there;

    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

static int lock_once(struct at_system *s, const char *path, struct at_diag *diag)
{
    at_auto_close
    int fd = -1;
    int r = make_run_dir(s);

    if (r < 0) {
        return r;
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return errno == ENOENT ? -EAGAIN : -errno;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK) {
            return -errno;
        }
        name_holder(s, fd, diag);
        return AT_PLACES_BUSY;
    }
    if (!is_still_there(fd, path)) {
        return -EAGAIN;
    }
    r = write_holder(s, fd, s->plan.project_dir);
    if (r == 0) {
        s->lock_fd = at_take_fd(&fd);
    }
    return r;
}

int at_places_lock(struct at_system *s, struct at_diag *diag)
{
    char path[PATH_MAX + 8];
    char root[PATH_MAX];
    int r = at_operator_run_root(root, sizeof(root));

    if (r == 0) {
        (void)snprintf(path, sizeof(path), "%.3900s/%s/lock", root, s->plan.system);
        r = -EAGAIN;
    }
    if (r == -EAGAIN && s->lock_fd >= 0) {
        return make_run_dir(s); /* the supervisor before us locked it */
    }
    for (int i = 0; i < LOCK_TRIES && r == -EAGAIN; i++) {
        r = lock_once(s, path, diag);
    }
    if (r < 0) {
        at_diag_set(diag, "cannot make the run directory %.900s/%s: %s", root, s->plan.system,
                    strerrordesc_np(-r));
        at_diag_hint(diag, "it must be a directory of uid %u", (unsigned)geteuid());
    }
    return r;
}

/* A link, or a second name of somebody's file, would be written through. */
static int open_folder_lock(const struct at_system *s, int *ret_fd)
{
    at_auto_close
    int project = open(s->plan.project_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    at_auto_close
    int atoll = -1;
    struct stat st;
    int r = project < 0 ? -errno : open_dir(project, ".atoll", 0755, &atoll);

    if (r < 0) {
        return r;
    }
    at_check(atoll >= 0);
    *ret_fd = openat(atoll, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (*ret_fd < 0 || fstat(*ret_fd, &st) < 0) {
        return -errno;
    }
    return S_ISREG(st.st_mode) && st.st_nlink == 1 ? 0 : -EPERM;
}

static void name_folder_holder(int fd, struct at_diag *diag)
{
    char text[HOLDER_TEXT_MAX];
    const char *pid;
    const char *name;

    read_holder(fd, text, sizeof(text), &pid, &name);
    at_diag_set(diag,
                "system \"%.64s\" (atolld pid %.16s) already uses this folder's .atoll; one folder "
                "runs one system at a time",
                name, pid);
    at_diag_hint(diag, "stop it with `atoll -p %.64s down`, or copy the project", name);
}

int at_places_lock_folder(struct at_system *s, struct at_diag *diag)
{
    at_auto_close
    int fd = -1;
    int r;

    if (s->folder_fd >= 0) {
        return 0; /* the supervisor before us locked it */
    }
    r = open_folder_lock(s, &fd);
    if (r == 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        r = -errno;
    }
    if (r == -EWOULDBLOCK) {
        name_folder_holder(fd, diag);
        return AT_PLACES_BUSY;
    }
    if (r == 0) {
        r = write_holder(s, fd, s->plan.system);
    }
    if (r < 0) {
        at_diag_set(diag, "%.900s/.atoll/lock cannot be made or written: %s", s->plan.project_dir,
                    strerrordesc_np(-r));
        at_diag_hint(diag, "the project directory must be writable for who runs atoll");
        return r;
    }
    s->folder_fd = at_take_fd(&fd);
    return 0;
}

void at_places_unlock_folder(struct at_system *s)
{
    /* Of every copy at once: the anchor's may live a moment longer than the answer to `down`. */
    if (s->folder_fd >= 0) {
        (void)flock(s->folder_fd, LOCK_UN);
    }
    at_close(&s->folder_fd);
}

/* ---- programs ---- */

static bool holds_roles(const char *dir)
{
    char path[PATH_MAX + 16];

    (void)snprintf(path, sizeof(path), "%s/atoll-reaper", dir);
    return access(path, X_OK) == 0;
}

int at_places_find_roles(struct at_system *s, struct at_diag *diag)
{
    const char *given = getenv("ATOLL_LIBEXEC");
    ssize_t n;
    char *slash;

    if (given != NULL) {
        if (realpath(given, s->role_dir) != NULL && holds_roles(s->role_dir)) {
            return 0;
        }
        at_diag_set(diag, "there is no atoll-reaper in %.900s (ATOLL_LIBEXEC)", given);
        return -ENOENT;
    }
    n = readlink("/proc/self/exe", s->role_dir, sizeof(s->role_dir) - 1);
    s->role_dir[n > 0 ? n : 0] = '\0';
    slash = strrchr(s->role_dir, '/');
    if (slash != NULL) {
        *slash = '\0';
        if (holds_roles(s->role_dir)) {
            return 0;
        }
    }
    (void)snprintf(s->role_dir, sizeof(s->role_dir), "%s", AT_ROLE_DIR);
    if (holds_roles(s->role_dir)) {
        return 0;
    }
    at_diag_set(diag,
                "the programs of atoll's roles (atoll-reaper …) are neither beside atolld nor "
                "in " AT_ROLE_DIR);
    at_diag_hint(diag, "install atoll, or point ATOLL_LIBEXEC at them");
    return -ENOENT;
}

int at_places_check_program(struct at_system *s, uint32_t service, struct at_diag *diag)
{
    const struct at_plan_service *p = &s->plan.services[service];
    char role[PATH_MAX + 32];
    const char *path = at_cage_spec_role(s, (enum at_plan_kind)p->kind, role, sizeof(role));
    struct stat st;
    const char *fault = NULL;

    path = path == NULL ? p->executable : path;
    if (stat(path, &st) < 0) {
        fault = strerrordesc_np(errno);
    } else if (S_ISDIR(st.st_mode)) {
        fault = "it is a directory";
    } else if (!S_ISREG(st.st_mode)) {
        fault = "it is not a file";
    } else if ((st.st_mode & 0111) == 0 || access(path, X_OK) < 0) {
        fault = "it is not executable";
    }
    if (fault == NULL) {
        return 0;
    }
    at_diag_set(diag, "service \"%s\": cannot run %.800s: %s", p->name, path, fault);
    if (p->command_line != 0) {
        at_diag_place(diag, p->file, (int)p->command_line, (int)p->command_col);
    } else {
        at_diag_place(diag, p->file, (int)p->line, 0);
    }
    at_diag_hint(diag, "build it first, or correct `command` of service %s", p->name);
    return -ENOENT;
}

/* ---- state ---- */

static int open_dir(int at, const char *name, mode_t mode, int *ret_fd)
{
    int fd;

    if (at < 0) {
        return -EBADF;
    }
    if (mkdirat(at, name, mode) < 0 && errno != EEXIST) {
        return -errno;
    }
    fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    *ret_fd = fd;
    return 0;
}

/* `.atoll` may be of another user who ran it before, but must let ours in. */
static int open_state_parent(const struct at_system *s, const char *kind, int *ret_fd)
{
    at_auto_close
    int project = open(s->plan.project_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    at_auto_close
    int atoll = -1;
    int r = project < 0 ? -errno : open_dir(project, ".atoll", 0755, &atoll);

    if (r < 0) {
        return r;
    }
    return open_dir(atoll, kind, 0755, ret_fd);
}

/*
 * Only what belonged to the old owner of the directory: a link to somebody else's file that lies in
 * it stays what it was. Nobody writes there now: its services do not run.
 */
static int hand_over(const char *path, uid_t from, uid_t to)
{
    char *const paths[] = {(char *)(uintptr_t)path, NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
    FTSENT *e;
    int r = 0;

    if (tree == NULL) {
        return -errno;
    }
    while ((e = fts_read(tree)) != NULL) {
        bool twice = e->fts_info == FTS_DP;

        if (!twice && e->fts_info != FTS_NS && e->fts_statp->st_uid == from &&
            lchown(e->fts_path, to, (gid_t)to) < 0 && r == 0) {
            r = -errno;
        }
    }
    (void)fts_close(tree);
    return r;
}

static int give_to(int fd, const char *path, uid_t uid, mode_t mode)
{
    struct stat st;

    if (faccessat(fd, ".", W_OK, 0) < 0 || fstat(fd, &st) < 0) {
        return -errno;
    }
    if (geteuid() != 0) {
        return st.st_uid == geteuid() ? 0 : -EPERM;
    }
    if (st.st_uid >= AT_SUPER_UID_FIRST && st.st_uid <= AT_SUPER_UID_LAST && st.st_uid != uid) {
        int r = hand_over(path, st.st_uid, uid);

        if (r < 0) {
            return r;
        }
    }
    if (st.st_uid != uid && fchown(fd, uid, (gid_t)uid) < 0) {
        return -errno;
    }
    return (st.st_mode & 07777) != mode && fchmod(fd, mode) < 0 ? -errno : 0;
}

int at_places_make_state(struct at_system *s, uint32_t service, struct at_diag *diag)
{
    const struct at_plan_service *p = &s->plan.services[service];
    bool is_logs = p->kind == AT_PLAN_TELEMETRY;
    at_auto_close
    int parent = -1;
    at_auto_close
    int dir = -1;
    char path[PATH_MAX + 64];
    int r;

    if (p->kind == AT_PLAN_GATEWAY || p->kind == AT_PLAN_KEEPER) {
        return 0; /* it keeps nothing */
    }
    at_cage_spec_state_dir(s, service, path, sizeof(path));
    r = open_state_parent(s, is_logs ? "logs" : "state", &parent);
    if (r == 0 && is_logs) {
        dir = at_take_fd(&parent);
    } else if (r == 0 && parent >= 0) {
        r = open_dir(parent, p->name, 0700, &dir);
    }
    if (r == 0) {
        r = give_to(dir, path, s->uids[service], is_logs ? 0755 : 0700);
    }
    if (r < 0) {
        at_diag_set(diag, "service \"%s\": its directory %.800s cannot be made or written: %s",
                    p->name, path, strerrordesc_np(-r));
        at_diag_place(diag, p->file, (int)p->line, 0);
        at_diag_hint(diag, r == -EROFS
                               ? "the project lies on a read-only file system: move it, or "
                                 "mount it for writing"
                               : "the project directory must be writable for who runs atoll");
    }
    return r;
}
