/*
 * What can be known about a program and a state directory before any process is made, judged as
 * the service's user would be, and said in the operator's words.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "sandbox/build.h"
#include "sandbox/sandbox.h"

static const char standard_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* May this user do what `bit` (4 read, 2 write, 1 execute) says, by the mode alone? */
static bool may(const struct stat *st, uid_t uid, gid_t gid, unsigned bit)
{
    unsigned shift = 0;

    if (st->st_uid == uid) {
        shift = 6;
    } else if (st->st_gid == gid) {
        shift = 3;
    }
    return ((unsigned)st->st_mode >> shift & bit) != 0;
}

static const char *path_of(const struct at_cage_spec *spec)
{
    for (size_t i = 0; spec->envp[i] != NULL; i++) {
        if (strncmp(spec->envp[i], "PATH=", 5) == 0) {
            return spec->envp[i] + 5;
        }
    }
    return standard_path;
}

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int find_in_path(const struct at_cage_spec *spec, struct at_program *p, struct at_diag *d)
{
    struct at_bytes rest = at_bytes_of(path_of(spec));
    struct at_bytes dir;

    while (at_bytes_cut(&rest, ':', &dir)) {
        int n = snprintf(p->path, sizeof(p->path), "%.*s/%s", (int)dir.len, (const char *)dir.at,
                         spec->argv[0]);

        if (dir.len > 0 && dir.at[0] == '/' && n > 0 && (size_t)n < sizeof(p->path) &&
            is_program(p->path)) {
            return 0;
        }
    }
    at_diag_set(d, "%s: %s: no such program in PATH (%s)", spec->instance, spec->argv[0],
                path_of(spec));
    at_diag_hint(d, "a program in the project directory is named with a slash: ./%s",
                 spec->argv[0]);
    return -ENOENT;
}

static int find(const struct at_cage_spec *spec, struct at_program *p, struct at_diag *d)
{
    const char *name = spec->argv[0];
    const char *dir = spec->working_dir != NULL ? spec->working_dir : spec->project_dir;
    int n;

    if (name == NULL || name[0] == '\0') {
        at_diag_set(d, "%s: the command is empty", spec->instance);
        return -EINVAL;
    }
    if (strchr(name, '/') == NULL) {
        return find_in_path(spec, p, d);
    }
    if (name[0] == '/') {
        n = snprintf(p->path, sizeof(p->path), "%s", name);
    } else {
        n = snprintf(p->path, sizeof(p->path), "%s/%s", dir == NULL ? "" : dir, name);
    }
    if (n < 0 || (size_t)n >= sizeof(p->path)) {
        at_diag_set(d, "%s: the path of the program is too long", spec->instance);
        return -ENAMETOOLONG;
    }
    return 0;
}

static int say_open_error(const struct at_cage_spec *spec, const struct at_program *p, int error,
                          struct at_diag *d)
{
    if (error == ENOENT || error == ENOTDIR) {
        at_diag_set(d, "%s: %s: no such file", spec->instance, spec->argv[0]);
        at_diag_hint(d, "looked for %s; build it, or correct `command`", p->path);
    } else {
        at_diag_set(d, "%s: %s: %s", spec->instance, p->path, strerrordesc_np(error));
    }
    return -error;
}

static int check_mode(const struct at_cage_spec *spec, const struct at_program *p, uid_t uid,
                      gid_t gid, struct at_diag *d)
{
    struct stat st;

    if (fstat(p->fd, &st) != 0) {
        return say_open_error(spec, p, errno, d);
    }
    if (!S_ISREG(st.st_mode)) {
        at_diag_set(d, "%s: %s: %s, not a program", spec->instance, spec->argv[0],
                    S_ISDIR(st.st_mode) ? "is a directory" : "is not a file");
        return -EACCES;
    }
    if ((st.st_mode & 0111) == 0) {
        at_diag_set(d, "%s: %s: not executable", spec->instance, spec->argv[0]);
        at_diag_hint(d, "chmod +x %s", p->path);
        return -EACCES;
    }
    if (!may(&st, uid, gid, 1) || (p->is_script && !may(&st, uid, gid, 4))) {
        at_diag_set(d, "%s: %s: the service's user (uid %u) may not execute it (mode %04o)",
                    spec->instance, spec->argv[0], (unsigned)uid, (unsigned)st.st_mode & 07777);
        at_diag_hint(d, "chmod a+rx %s", p->path);
        return -EACCES;
    }
    return 0;
}

int at_program_open(const struct at_cage_spec *spec, uid_t uid, gid_t gid, struct at_program *ret,
                    struct at_diag *ret_diag)
{
    at_auto_close
    int look = -1;
    char first[2] = {0};
    int r;

    ret->fd = -1;
    ret->is_script = false;
    r = find(spec, ret, ret_diag);
    if (r != 0) {
        return r;
    }
    ret->fd = open(ret->path, O_PATH | O_CLOEXEC);
    if (ret->fd < 0) {
        return say_open_error(spec, ret, errno, ret_diag);
    }
    /* Not readable for us (an ordinary user's execute-only file): then it is no script either. */
    look = open(ret->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (look >= 0 && pread(look, first, sizeof(first), 0) == 2) {
        ret->is_script = memcmp(first, "#!", 2) == 0;
    }
    r = check_mode(spec, ret, uid, gid, ret_diag);
    if (r != 0) {
        at_close(&ret->fd);
    }
    return r;
}

int at_state_dir_check(const struct at_cage_spec *spec, uid_t uid, struct at_diag *ret_diag)
{
    const char *dir = spec->state_dir;
    struct statvfs fs;
    struct stat st;

    if (dir == NULL) {
        return 0;
    }
    if (lstat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        int error = errno;
        bool exists = lstat(dir, &st) == 0;

        at_diag_set(ret_diag, "%s: state directory %s: %s", spec->instance, dir,
                    exists ? "is not a directory" : strerrordesc_np(error));
        return exists ? -ENOTDIR : -error;
    }
    if (statvfs(dir, &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0) {
        at_diag_set(ret_diag, "%s: state directory %s is on a read-only file system",
                    spec->instance, dir);
        at_diag_hint(ret_diag, "mount it writable, or move the project to a writable disk");
        return -EROFS;
    }
    if (st.st_uid != uid || (st.st_mode & 0700) != 0700) {
        at_diag_set(ret_diag,
                    "%s: state directory %s cannot be written by the service: it belongs to uid "
                    "%u with mode %04o, the service runs as uid %u",
                    spec->instance, dir, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777,
                    (unsigned)uid);
        at_diag_hint(ret_diag, "chown -R %u %s && chmod u+rwx %s", (unsigned)uid, dir, dir);
        return -EACCES;
    }
    return 0;
}
