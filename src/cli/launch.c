#include "cli/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/socket.h"
#include "cli/place.h"

enum { OPERATOR_FD = 3, REPORT_FD = 4, LOG_MODE = 0640, DIR_MODE = 0755, WORDS_MAX = 600 };

enum { LOG_BYTES_MAX = 8 << 20 }; /* a log of years: rotated when atolld starts */

#define LOG_NAME "atolld.log"

struct child {
    char program[PATH_MAX];
    int sock;   /* its end */
    int report; /* CLOEXEC pipe: an errno when exec fails */
    int log;    /* -1: stderr stays */
    int null;
};

/* .atoll, .atoll/logs and .atoll/state; the supervisor gives the latter to their owners. */
static int make_directories(const struct at_place *place, struct at_diag *diag)
{
    static const char *const names[] = {".atoll", ".atoll/logs", ".atoll/state"};
    at_auto_close
    int dir = open(place->project_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0) {
        int r = -errno;
        at_diag_set(diag, "%s: %s", place->project_dir, strerror(errno));
        return r;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (mkdirat(dir, names[i], DIR_MODE) < 0 && errno != EEXIST) {
            int r = -errno;
            at_diag_set(diag, "%s/%s cannot be made: %s", place->project_dir, names[i],
                        strerror(errno));
            at_diag_hint(diag,
                         "The project directory must be writable: state and logs live there.");
            return r;
        }
    }
    return 0;
}

static int open_own_dir(const struct at_place *place)
{
    at_auto_close
    int project = open(place->project_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int dir = project < 0
                  ? -1
                  : openat(project, ".atoll", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return dir < 0 ? -errno : dir;
}

/* The log is ours alone, a file, and not too long: else it is put aside, and a new one begun. */
static int open_fit_log(int dir, uint64_t *ret_size)
{
    struct stat st = {0};
    at_auto_close
    int fd = openat(dir, LOG_NAME,
                    O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, LOG_MODE);

    if (fd < 0) {
        return errno == ELOOP || errno == ENXIO ? -EAGAIN : -errno; /* a link, a pipe */
    }
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid() ||
        st.st_size > LOG_BYTES_MAX) {
        return -EAGAIN;
    }
    *ret_size = (uint64_t)st.st_size;
    return at_take_fd(&fd);
}

static int open_log(const struct at_place *place, struct at_launch *launch, struct at_diag *diag)
{
    at_auto_close
    int dir = open_own_dir(place);
    int fd = dir < 0 ? dir : open_fit_log(dir, &launch->log_start);

    if (fd == -EAGAIN) {
        fd = renameat(dir, LOG_NAME, dir, LOG_NAME ".1") < 0
                 ? -errno
                 : open_fit_log(dir, &launch->log_start);
    }
    if (fd < 0) {
        at_diag_set(diag, "%s/.atoll/" LOG_NAME " cannot be written: %s", place->project_dir,
                    strerror(-fd));
    }
    return fd;
}

/* Between fork and exec: only calls that are safe there. */
static _Noreturn void become(const struct child *c)
{
    char *const argv[] = {(char *)(uintptr_t)"atolld", NULL};
    sigset_t none;
    int error;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    setsid();
    if (dup2(c->null, STDIN_FILENO) >= 0 && dup2(c->null, STDOUT_FILENO) >= 0 &&
        (c->log < 0 || dup2(c->log, STDERR_FILENO) >= 0) && dup2(c->sock, OPERATOR_FD) >= 0 &&
        dup3(c->report, REPORT_FD, O_CLOEXEC) >= 0) {
        close_range(REPORT_FD + 1, ~0U, 0);
        execv(c->program, argv);
    }
    error = errno;
    (void)!write(REPORT_FD, &error, sizeof(error));
    _exit(127);
}

/* The parent's side: did exec succeed? */
static int hear_report(int report, const char *program, struct at_diag *diag)
{
    int error = 0;
    ssize_t n;

    do {
        n = read(report, &error, sizeof(error));
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(error)) {
        return 0;
    }
    at_diag_set(diag, "%s cannot be started: %s", program, strerror(error));
    return -error;
}

static int fork_child(struct child *c, int report, struct at_launch *ret, struct at_diag *diag)
{
    /* Numbers the child dup2s onto must not be among those it still needs. */
    int r = at_fd_move_up(&c->sock, 10);

    r = r < 0 ? r : at_fd_move_up(&c->report, 10);
    r = r < 0 ? r : at_fd_move_up(&c->null, 10);
    r = r < 0 || c->log < 0 ? r : at_fd_move_up(&c->log, 10);
    if (r >= 0) {
        (void)fflush(NULL);
        ret->pid = fork();
        r = ret->pid < 0 ? -errno : 0;
    }
    if (r < 0) {
        at_diag_set(diag, "atolld cannot be started: %s", strerror(-r));
        return r;
    }
    if (ret->pid == 0) {
        become(c);
    }
    at_close(&c->sock);
    at_close(&c->report);
    return hear_report(report, c->program, diag);
}

static int start(struct child *c, struct at_launch *ret, struct at_diag *diag)
{
    int socks[2] = {-1, -1};
    int pipes[2] = {-1, -1};
    int r = at_socket_pair(socks);

    if (r == 0 && pipe2(pipes, O_CLOEXEC) < 0) {
        r = -errno;
    }
    c->sock = socks[1];
    c->report = pipes[1];
    if (r < 0) {
        at_diag_set(diag, "atolld cannot be started: %s", strerror(-r));
    } else {
        r = fork_child(c, pipes[0], ret, diag);
    }
    at_close(&c->sock);
    at_close(&c->report);
    at_close(&pipes[0]);
    if (r < 0) {
        at_close(&socks[0]);
        return r;
    }
    ret->sock = socks[0];
    return 0;
}

/* atolld finds the other programs where we found it; its folder, because it may be a symlink. */
static void point_to_programs(const char *program)
{
    char dir[PATH_MAX];
    char absolute[PATH_MAX];
    char *slash;

    snprintf(dir, sizeof(dir), "%s", program);
    slash = strrchr(dir, '/');
    if (slash != NULL) {
        *slash = '\0';
        if (realpath(dir[0] == '\0' ? "/" : dir, absolute) != NULL) {
            setenv("ATOLL_LIBEXEC", absolute, 1);
        }
    }
}

int at_launch_start(const struct at_place *place, bool verbose, struct at_launch *ret,
                    struct at_diag *diag)
{
    struct child c = {.sock = -1, .report = -1, .log = -1, .null = -1};
    char looked[512];
    char number[16];

    *ret = (struct at_launch){.sock = -1};
    if (at_place_program("atolld", c.program, sizeof(c.program), looked, sizeof(looked)) < 0) {
        at_diag_set(diag, "the program atolld is not there; looked in %s", looked);
        at_diag_hint(diag, "Install atoll completely, or set ATOLL_LIBEXEC to where atolld is.");
        return -ENOENT;
    }
    int r = make_directories(place, diag);

    if (r == 0 && !verbose) {
        c.log = open_log(place, ret, diag);
        r = c.log < 0 ? c.log : 0;
    }
    if (r == 0) {
        c.null = open("/dev/null", O_RDWR | O_CLOEXEC);
        r = c.null < 0 ? -errno : 0;
        at_diag_set(r < 0 ? diag : NULL, "/dev/null: %s", strerror(-r));
    }
    if (r == 0) {
        snprintf(number, sizeof(number), "%d", OPERATOR_FD);
        setenv("ATOLL_OPERATOR_FD", number, 1);
        point_to_programs(c.program);
        r = start(&c, ret, diag);
    }
    at_close(&c.log);
    at_close(&c.null);
    return r;
}

void at_launch_last_words(const struct at_place *place, const struct at_launch *launch, char *out,
                          size_t cap)
{
    char words[WORDS_MAX];
    struct stat st;

    out[0] = '\0';
    at_auto_close
    int dir = open_own_dir(place);
    at_auto_close
    int fd = dir < 0 ? -1 : openat(dir, LOG_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0 || (uint64_t)st.st_size <= launch->log_start) {
        return;
    }
    uint64_t len = (uint64_t)st.st_size - launch->log_start;

    if (len > sizeof(words)) {
        len = sizeof(words);
    }
    ssize_t n = pread(fd, words, len, st.st_size - (off_t)len);

    if (n > 0) {
        snprintf(out, cap, "%.*s", (int)n, words);
    }
}
