/*
 * The life of one cage, seen from outside: begin, finish, signal, kill, how it ended, destroy.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/checks.h"
#include "base/error.h"
#include "base/fd.h"
#include "sandbox/build.h"
#include "sandbox/cgroup.h"
#include "sandbox/limits.h"
#include "sandbox/pidfd.h"
#include "sandbox/record.h"
#include "sandbox/room.h"
#include "sandbox/sandbox.h"

/* What at_cage_begin() holds until the child has its copies. */
struct start {
    struct at_program program;
    int status_ours;
    int status_theirs;
    struct at_arena arena;
    struct at_build build;
};

static void cage_init(struct at_cage *cage, const char *instance)
{
    *cage = (struct at_cage){.pidfd = -1, .record_fd = -1, .start_fd = -1};
    for (int i = 0; i < AT_TREES; i++) {
        cage->group.dir[i] = -1;
    }
    (void)snprintf(cage->instance, sizeof(cage->instance), "%s", instance);
}

static int make_record(int *ret)
{
    at_auto_close
    int fd = memfd_create("atoll-record", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || ftruncate(fd, AT_REAPER_RECORD_BYTES) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return -errno;
    }
    *ret = at_take_fd(&fd);
    return 0;
}

/* The socket on which the child reports. SO_PASSCRED makes the kernel add the sender's pid. */
static int make_status(struct start *st)
{
    int on = 1;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return -errno;
    }
    st->status_ours = pair[0];
    st->status_theirs = pair[1];
    if (setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) {
        return -errno;
    }
    return at_fd_set_nonblocking(pair[0], 1);
}

static int open_joins(const struct at_cgroup *g, int *join, bool life_too)
{
    for (int i = 0; i < AT_TREES; i++) {
        if (g->dir[i] < 0 || (i == AT_TREE_LIFE && !life_too) || join[i] >= 0) {
            continue;
        }
        join[i] = openat(g->dir[i], "cgroup.procs", O_WRONLY | O_CLOEXEC);
        if (join[i] < 0) {
            return -errno;
        }
    }
    return 0;
}

static void close_joins(int *join)
{
    for (int i = 0; i < AT_TREES; i++) {
        at_close(&join[i]);
    }
}

static long clone_into(struct at_build *b, int group_dir, int *ret_pidfd)
{
    struct clone_args args = {
        .flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID |
                 CLONE_NEWIPC | CLONE_NEWUTS,
        .pidfd = (uintptr_t)ret_pidfd,
        .exit_signal = SIGCHLD,
    };

    if (b->own_user_namespace) {
        args.flags |= CLONE_NEWUSER;
    }
    if (group_dir >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)group_dir;
    }
    return syscall(SYS_clone3, &args, sizeof(args));
}

static int say_clone_error(const struct at_sandbox *s, const struct at_cage *cage, int error,
                           struct at_diag *d)
{
    at_diag_set(d, "%s: its sandbox cannot be made: new namespaces: %s", cage->instance,
                strerrordesc_np(error));
    if (error == ENOSPC || error == EUSERS) {
        at_diag_hint(d, "a limit in /proc/sys/user/max_*_namespaces is reached");
    } else if (error == EPERM) {
        at_diag_hint(d, "%s", s->facts.is_root ? "CAP_SYS_ADMIN is missing" : "see `atoll doctor`");
    } else if (error == EAGAIN) {
        at_diag_hint(d, "the limit of processes of this user or machine is reached");
    }
    return -error;
}

/* clone3 straight into the v2 group; where that is not allowed the child joins by itself. */
static int clone_cage(const struct at_sandbox *s, struct at_build *b, struct at_cage *cage,
                      struct at_diag *d)
{
    int life = cage->group.dir[AT_TREE_LIFE];
    int pidfd = -1;
    long pid = clone_into(b, life, &pidfd);

    if (pid < 0 && life >= 0 &&
        (errno == EACCES || errno == EBUSY || errno == EOPNOTSUPP || errno == EINVAL ||
         errno == EBADF)) {
        int r = open_joins(&cage->group, b->join, true);

        if (r != 0) {
            return say_clone_error(s, cage, -r, d);
        }
        pid = clone_into(b, -1, &pidfd);
    }
    if (pid == 0) {
        at_build_run(b);
    }
    if (pid < 0) {
        return say_clone_error(s, cage, errno, d);
    }
    cage->pidfd = pidfd;
    cage->reaper_pid = (pid_t)pid;
    return 0;
}

static void start_deinit(struct start *st)
{
    at_close(&st->program.fd);
    at_close(&st->status_ours);
    at_close(&st->status_theirs);
    close_joins(st->build.join);
    at_arena_deinit(&st->arena);
}

static int say_trouble(const struct at_cage *cage, int r, struct at_diag *d)
{
    at_diag_set(d, "%s: its sandbox cannot be made: %s", cage->instance, strerrordesc_np(-r));
    if (r == -EMFILE || r == -ENFILE) {
        at_diag_hint(d, "too many open descriptors: raise `ulimit -n`");
    }
    return r;
}

/*
 * A pipe is opened again by its owner only, and programs do open /dev/stdout. The pipes are this
 * instance's alone, so they become its user's; whatever else is given stays whose it is.
 */
static void give_pipe(const struct at_build *b, int fd)
{
    struct stat st;

    if (b->own_user_namespace || fd < 0 || fstat(fd, &st) != 0 || !S_ISFIFO(st.st_mode)) {
        return;
    }
    if (fchown(fd, b->uid, b->gid) != 0) {
        return; /* it can still be written to, only not opened again */
    }
}

/* Everything before the clone. */
static int prepare(struct at_sandbox *s, const struct at_cage_spec *spec, struct start *st,
                   struct at_cage *cage, struct at_diag *d)
{
    struct at_build *b = &st->build;
    struct at_build_fds fds = {.program = &st->program, .null_fd = s->null_fd};
    int r;

    b->uid = s->facts.is_root ? spec->uid : s->uid;
    b->gid = s->facts.is_root ? spec->gid : s->gid;
    b->filter = &s->filter;
    b->reaper_fd = s->reaper_fd;
    cage->uid = b->uid;
    r = at_program_open(spec, b->uid, b->gid, &st->program, d);
    if (r == 0) {
        r = at_state_dir_check(spec, b->uid, d);
    }
    if (r != 0) {
        return r;
    }
    (void)snprintf(cage->program, sizeof(cage->program), "%s", spec->argv[0]);
    r = make_record(&cage->record_fd);
    if (r == 0) {
        r = make_status(st);
    }
    if (r != 0) {
        return say_trouble(cage, r, d);
    }
    b->status_fd = st->status_theirs;
    fds.record_fd = cage->record_fd;
    r = at_build_plan(&s->facts, spec, &fds, &st->arena, b, d);
    if (r == 0) {
        give_pipe(b, spec->out_fd);
        give_pipe(b, spec->err_fd);
        r = at_cgroup_open(&s->facts.cgroup, s->system, spec->instance, &spec->limits, &cage->group,
                           d);
    }
    if (r == 0) {
        r = open_joins(&cage->group, b->join, false);
        r = r == 0 ? 0 : say_trouble(cage, r, d);
    }
    return r;
}

int at_cage_begin(struct at_sandbox *s, const struct at_cage_spec *spec, struct at_cage *ret,
                  struct at_diag *ret_diag)
{
    struct start st = {.program = {.fd = -1},
                       .status_ours = -1,
                       .status_theirs = -1,
                       .build = {.join = {-1, -1, -1, -1}}};
    int r;

    cage_init(ret, spec->instance);
    at_arena_init(&st.arena, AT_CAGE_PLAN_FIRST_BYTES, AT_CAGE_PLAN_BYTES);
    r = prepare(s, spec, &st, ret, ret_diag);
    if (r == 0) {
        r = clone_cage(s, &st.build, ret, ret_diag);
    }
    if (r == 0) {
        ret->state = AT_CAGE_STARTING;
        ret->start_fd = at_take_fd(&st.status_ours);
    } else {
        at_close(&ret->record_fd);
        (void)at_cgroup_remove(&ret->group);
    }
    start_deinit(&st);
    return at_up(r);
}

/* One report and the pid of its sender. 1: one came; 0: end of file; -errno. */
static int receive_report(int fd, struct at_step_report *ret, pid_t *ret_sender)
{
    char control[CMSG_SPACE(sizeof(struct ucred))] __attribute__((aligned(8)));
    struct iovec io = {.iov_base = ret, .iov_len = sizeof(*ret)};
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    struct cmsghdr *c;
    ssize_t n;

    *ret = (struct at_step_report){0};
    *ret_sender = 0;
    do {
        n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        return n == 0 ? 0 : -errno;
    }
    ret->detail[sizeof(ret->detail) - 1] = '\0';
    for (c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
            struct ucred sender;

            memcpy(&sender, CMSG_DATA(c), sizeof(sender));
            *ret_sender = sender.pid;
        }
    }
    return 1;
}

static int start_failed(struct at_cage *cage, int r)
{
    at_close(&cage->start_fd);
    (void)at_cage_kill(cage);
    return r;
}

static int start_ended(struct at_cage *cage, struct at_diag *d)
{
    if (cage->about_to_exec) {
        at_close(&cage->start_fd);
        cage->state = AT_CAGE_RUNNING;
        return 0;
    }
    at_diag_set(d, "%s: its sandbox was killed while it was being made", cage->instance);
    at_diag_hint(d, "is its memory limit large enough? see the kernel's log");
    return start_failed(cage, -ECANCELED);
}

int at_cage_finish(struct at_cage *cage, struct at_diag *ret_diag)
{
    if (cage->state != AT_CAGE_STARTING || cage->start_fd < 0) {
        return cage->state == AT_CAGE_RUNNING ? 0 : -EINVAL;
    }
    for (;;) {
        struct at_step_report report;
        pid_t sender;
        int r = receive_report(cage->start_fd, &report, &sender);

        if (r == -EAGAIN) {
            return AT_CAGE_NOT_YET;
        }
        if (r < 0) {
            at_diag_set(ret_diag, "%s: reading from its sandbox: %s", cage->instance,
                        strerrordesc_np(-r));
            return start_failed(cage, r);
        }
        if (r == 0) {
            return start_ended(cage, ret_diag);
        }
        if (report.step != AT_STEP_ABOUT_TO_EXEC) {
            at_step_diag(cage, &report, ret_diag);
            return start_failed(cage, report.error > 0 ? -report.error : -EPROTO);
        }
        cage->about_to_exec = true;
        cage->service_pid = sender;
    }
}

/* After a failed start: the child is ours to reap, and it is dead or dying. */
static void bury(struct at_cage *cage)
{
    siginfo_t info;

    (void)at_cage_kill(cage);
    (void)waitid(P_PIDFD, (id_t)cage->pidfd, &info, WEXITED);
    if (at_cage_destroy(cage) != 0) {
        at_cage_let_go(cage);
    }
}

int at_cage_start(struct at_sandbox *s, const struct at_cage_spec *spec, int timeout_ms,
                  struct at_cage *ret, struct at_diag *ret_diag)
{
    int r = at_cage_begin(s, spec, ret, ret_diag);

    if (r != 0) {
        return r;
    }
    while ((r = at_cage_finish(ret, ret_diag)) == AT_CAGE_NOT_YET) {
        struct pollfd p = {.fd = ret->start_fd, .events = POLLIN};

        if (poll(&p, 1, timeout_ms) == 0) {
            at_diag_set(ret_diag, "%s: its sandbox was not ready within %d ms", ret->instance,
                        timeout_ms);
            r = -ETIMEDOUT;
            break;
        }
    }
    if (r < 0) {
        bury(ret);
    }
    return at_up(r);
}

int at_cage_adopt(struct at_sandbox *s, const char *instance, int pidfd, int record_fd,
                  pid_t reaper_pid, pid_t service_pid, struct at_cage *ret)
{
    int r;

    cage_init(ret, instance);
    r = at_cgroup_adopt(&s->facts.cgroup, s->system, instance, &ret->group);
    if (r != 0) {
        return at_up(r);
    }
    ret->state = AT_CAGE_RUNNING;
    ret->pidfd = pidfd;
    ret->record_fd = record_fd;
    ret->reaper_pid = reaper_pid;
    ret->service_pid = service_pid;
    return 0;
}

int at_cage_signal(struct at_cage *cage, int signal)
{
    if (cage->pidfd < 0 || signal == SIGSTOP) {
        return -EINVAL; /* the reaper itself would stop */
    }
    if (signal == SIGKILL) {
        return at_cage_kill(cage);
    }
    return syscall(SYS_pidfd_send_signal, cage->pidfd, signal, NULL, 0) == 0 ? 0 : -errno;
}

int at_cage_kill(struct at_cage *cage)
{
    int group = at_cgroup_kill(&cage->group);

    /* The death of pid 1 kills its namespace; the group alone would do, but is not always there. */
    if (cage->pidfd >= 0 && syscall(SYS_pidfd_send_signal, cage->pidfd, SIGKILL, NULL, 0) != 0 &&
        errno != ESRCH) {
        return -errno;
    }
    return group < 0 && cage->pidfd < 0 ? group : 0;
}

int at_cage_usage(const struct at_cage *cage, struct at_usage *ret)
{
    return at_cgroup_usage(&cage->group, ret);
}

static bool read_record(const struct at_cage *cage, struct at_reaper_record *ret)
{
    return cage->record_fd >= 0 &&
           pread(cage->record_fd, ret, sizeof(*ret), 0) == (ssize_t)sizeof(*ret) &&
           ret->magic == AT_REAPER_MAGIC;
}

static void explain(int status, struct at_cage_end *ret)
{
    ret->known = true;
    if (WIFSIGNALED(status)) {
        ret->signal = WTERMSIG(status);
        ret->core = WCOREDUMP(status);
    } else {
        ret->exit_code = WEXITSTATUS(status);
    }
}

void at_cage_ended(const struct at_cage *cage, int wait_status, struct at_cage_end *ret)
{
    struct at_reaper_record record;
    struct at_usage usage;
    int status = wait_status;

    *ret = (struct at_cage_end){0};
    if (read_record(cage, &record)) {
        explain(record.wait_status, ret);
    } else if (status >= 0 || at_pidfd_exit_status(cage->pidfd, &status) == 0) {
        /* No record: the reaper itself was killed, and everything with it. */
        explain(status, ret);
        ret->cage_killed = WIFSIGNALED(status);
    }
    if (ret->signal == SIGKILL && at_cage_usage(cage, &usage) == 0) {
        ret->by_memory = usage.oom_kills > 0;
    }
}

void at_cage_end_text(const struct at_cage_end *end, char *out, size_t cap)
{
    const char *name = strsignal(end->signal);

    if (!end->known) {
        (void)snprintf(out, cap, "ended, nobody saw how");
    } else if (end->signal == 0) {
        (void)snprintf(out, cap, "exited with code %d", end->exit_code);
    } else if (end->by_memory) {
        (void)snprintf(out, cap, "was killed by the kernel: it reached its memory limit");
    } else {
        (void)snprintf(out, cap, "was killed by signal %d (%s)%s%s", end->signal,
                       name == NULL ? "?" : name, end->core ? ", core dumped" : "",
                       end->cage_killed ? " with its whole sandbox" : "");
    }
}

static void close_all(struct at_cage *cage)
{
    at_close(&cage->start_fd);
    at_close(&cage->pidfd);
    at_close(&cage->record_fd);
    cage->state = AT_CAGE_EMPTY;
}

int at_cage_destroy(struct at_cage *cage)
{
    int r = at_cgroup_remove(&cage->group);

    if (r != 0) {
        return r;
    }
    close_all(cage);
    return 0;
}

void at_cage_let_go(struct at_cage *cage)
{
    at_cgroup_close(&cage->group);
    close_all(cage);
}

int at_cage_socket(const struct at_cage *cage, int domain, int type, int *ret_fd)
{
    at_auto_close
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    at_auto_close
    int fd = -1;
    int error;

    if (home < 0 || setns(cage->pidfd, CLONE_NEWNET) != 0) {
        return -errno;
    }
    fd = socket(domain, type | SOCK_CLOEXEC, 0);
    error = errno;
    at_check(setns(home, CLONE_NEWNET) == 0); /* else everything later would be in the cage */
    if (fd < 0) {
        return -error;
    }
    *ret_fd = at_take_fd(&fd);
    return 0;
}
