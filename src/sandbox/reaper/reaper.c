/*
 * atoll-reaper: pid 1 of a cage. Starts the service process, forwards signals to it, reaps
 * orphans, and ends when the service process ends, whereupon the kernel kills the rest of the
 * pid namespace.
 *
 * There is one of these per instance, so it is made to cost almost nothing: no libc, static, no
 * heap, a few pages. It runs with the service's uid, without capabilities, under the service's
 * seccomp filter, and undumpable, so that the service can neither trace it nor look at its
 * descriptors. A pid 1 is immune to signals of its own namespace unless it asks for them; SIGKILL
 * from inside never arrives.
 *
 * Why not let the service be pid 1: sh, python3 and node ignore SIGTERM there.
 */
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/time.h>
#include <linux/wait.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/reaper/syscall.h"
#include "sandbox/record.h"

enum {
    SIGNALS = 64,
    EXIT_BY_SIGNAL = 128, /* as a shell says it; the record tells it from exit(128 + n) */
    EXIT_OURS = 125,
    KERNEL_SIGSET_BYTES = 8,
    EINTR_ERROR = 4,
};

struct reaper {
    int status_fd;
    int record_fd;
    int exec_fd;
    const char *path; /* "" = execute exec_fd */
    char **argv;
    char **envp;
    long service;
};

/* The layout of the kernel; libc's differs. */
struct kernel_sigaction {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

void at_reaper_main(long *stack) __attribute__((noreturn, used));

static void end(int code) __attribute__((noreturn));

static void end(int code)
{
    for (;;) {
        (void)call1(__NR_exit_group, code);
    }
}

static void report(const struct reaper *r, enum at_step step, long error)
{
    struct at_step_report report = {.step = (uint32_t)step, .error = (int32_t)error};

    (void)call3(__NR_write, r->status_fd, (long)&report, sizeof(report));
}

static int read_number(const char **at)
{
    int n = 0;

    while (**at >= '0' && **at <= '9' && n < 100000) {
        n = n * 10 + (**at - '0');
        (*at)++;
    }
    if (**at == ':') {
        (*at)++;
    }
    return n;
}

static void set_cloexec(int fd)
{
    (void)call3(__NR_fcntl, fd, F_SETFD, FD_CLOEXEC);
}

/* Ignored signals and masks survive exec; the service gets a clean slate of both. */
static void reset_signals(void)
{
    struct kernel_sigaction standard = {0};
    uint64_t none = 0;

    for (long s = 1; s <= SIGNALS; s++) {
        (void)call4(__NR_rt_sigaction, s, (long)&standard, 0, KERNEL_SIGSET_BYTES);
    }
    (void)call4(__NR_rt_sigprocmask, SIG_SETMASK, (long)&none, 0, KERNEL_SIGSET_BYTES);
}

static void become_service(const struct reaper *r) __attribute__((noreturn));

static void become_service(const struct reaper *r)
{
    long error;

    (void)call0(__NR_setsid);
    reset_signals();
    /* The kernel adds our pid, translated for the reader. */
    report(r, AT_STEP_ABOUT_TO_EXEC, 0);
    if (r->path[0] != '\0') {
        error = call5(__NR_execveat, AT_FDCWD, (long)r->path, (long)r->argv, (long)r->envp, 0);
    } else {
        error =
            call5(__NR_execveat, r->exec_fd, (long)"", (long)r->argv, (long)r->envp, AT_EMPTY_PATH);
    }
    report(r, AT_STEP_EXEC, -error);
    end(EXIT_OURS);
}

static void write_record(const struct reaper *r, int status)
{
    struct at_reaper_record record = {
        .magic = AT_REAPER_MAGIC, .version = AT_REAPER_VERSION, .wait_status = status};
    struct __kernel_timespec now = {0};

    (void)call2(__NR_clock_gettime, CLOCK_MONOTONIC, (long)&now);
    record.ended_ns = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
    (void)call4(__NR_pwrite64, r->record_fd, (long)&record, sizeof(record), 0);
}

static int exit_code_of(int status)
{
    int signal = status & 0x7f;

    return signal != 0 ? EXIT_BY_SIGNAL + signal : (status >> 8) & 0xff;
}

/* Reaps all there is; does not return once the service process is among them. */
static void reap(const struct reaper *r)
{
    for (;;) {
        int status = 0;
        long pid = call4(__NR_wait4, -1, (long)&status, WNOHANG, 0);

        if (pid <= 0) {
            return;
        }
        if (pid == r->service) {
            write_record(r, status);
            end(exit_code_of(status));
        }
    }
}

static void serve(const struct reaper *r) __attribute__((noreturn));

static void serve(const struct reaper *r)
{
    uint64_t all = ~(uint64_t)0;

    for (;;) {
        long s = call4(__NR_rt_sigtimedwait, (long)&all, 0, 0, KERNEL_SIGSET_BYTES);

        if (s > 0 && s != SIGCHLD) {
            (void)call2(__NR_kill, r->service, s);
        }
        reap(r); /* SIGCHLD coalesces with others: look every time */
    }
}

/* The descriptors of the service are the service's alone: peers must see them close with it. */
static void drop_descriptors(struct reaper *r)
{
    if (r->record_fd > 0) {
        (void)call3(__NR_close_range, 0, r->record_fd - 1, 0);
    }
    (void)call3(__NR_close_range, r->record_fd + 1, ~0U, 0);
}

void at_reaper_main(long *stack)
{
    long argc = stack[0];
    char **args = (char **)(stack + 1);
    struct reaper r = {.envp = args + argc + 1};
    uint64_t all = ~(uint64_t)0;
    const char *numbers;

    if (argc < 5) {
        static const char usage[] = "atoll-reaper is started by atolld, not by hand\n";

        (void)call3(__NR_write, 2, (long)usage, sizeof(usage) - 1);
        end(EXIT_OURS);
    }
    (void)call5(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)call4(__NR_rt_sigprocmask, SIG_SETMASK, (long)&all, 0, KERNEL_SIGSET_BYTES);
    numbers = args[2];
    r.status_fd = read_number(&numbers);
    r.record_fd = read_number(&numbers);
    r.exec_fd = read_number(&numbers);
    r.path = args[3];
    r.argv = args + 4;
    set_cloexec(r.status_fd);
    set_cloexec(r.record_fd);
    set_cloexec(r.exec_fd);
    r.service = call5(__NR_clone, SIGCHLD, 0, 0, 0, 0); /* fork; the few pages copy quickly */
    if (r.service == 0) {
        become_service(&r);
    }
    if (r.service < 0) {
        report(&r, AT_STEP_FORK, -r.service);
        end(EXIT_OURS);
    }
    drop_descriptors(&r);
    serve(&r);
}
