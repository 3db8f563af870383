/*
 * The prisoner: run inside a cage by the tests, it says what it sees and what it can do, one
 * `name=value` a line. It knows nothing of the cage; every verb is one row of the table below.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* "ok", or the name of errno. */
static void say(const char *name, long r)
{
    printf("%s=%s\n", name, r >= 0 ? "ok" : strerrorname_np(errno));
}

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* The names in a directory, as the kernel orders them. */
static void list_dir(const char *name, const char *path, bool numbers_only)
{
    DIR *dir = opendir(path);
    struct dirent *e;

    printf("%s=", name);
    if (dir == NULL) {
        printf("%s\n", strerrorname_np(errno));
        return;
    }
    while ((e = readdir(dir)) != NULL) {
        bool is_number = e->d_name[0] >= '0' && e->d_name[0] <= '9';

        if (e->d_name[0] == '.' || (numbers_only && !is_number) ||
            (numbers_only && strcmp(path, "/proc/self/fd") == 0 &&
             strtol(e->d_name, NULL, 10) == dirfd(dir))) {
            continue;
        }
        printf("%s ", e->d_name);
    }
    printf("\n");
    (void)closedir(dir);
}

static void print_lines(const char *path, const char *prefix)
{
    char line[512];
    FILE *f = fopen(path, "re");

    if (f == NULL) {
        printf("%s=%s\n", path, strerrorname_np(errno));
        return;
    }
    while (fgets(line, sizeof(line), f) != NULL) {
        printf("%s%s", prefix, line);
    }
    (void)fclose(f);
}

static int verb_report(char **args)
{
    struct if_nameindex *all = if_nameindex();
    char text[512];

    (void)args;
    printf("interfaces=");
    for (struct if_nameindex *i = all; i != NULL && i->if_index != 0; i++) {
        printf("%s ", i->if_name);
    }
    printf("\n");
    if_freenameindex(all);
    list_dir("fds", "/proc/self/fd", true);
    list_dir("pids", "/proc", true);
    list_dir("root", "/", false);
    list_dir("dev", "/dev", false);
    printf("uid=%u gid=%u groups=%d\n", getuid(), getgid(), getgroups(0, NULL));
    printf("pid=%d ppid=%d sid=%d\n", getpid(), getppid(), getsid(0));
    printf("hostname=%s\n", gethostname(text, sizeof(text)) == 0 ? text : "?");
    printf("cwd=%s\n", getcwd(text, sizeof(text)) != NULL ? text : "?");
    printf("umask=%03o\n", umask(022));
    print_lines("/proc/self/status", "status ");
    print_lines("/proc/self/cgroup", "cgroup ");
    print_lines("/proc/net/route", "route ");
    print_lines("/proc/self/mounts", "mount ");
    for (char **e = environ; *e != NULL; e++) {
        printf("env %s\n", *e);
    }
    return 0;
}

static long try_create(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    if (fd >= 0) {
        (void)close(fd);
    }
    return fd;
}

static long try_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);

    if (fd >= 0) {
        (void)close(fd);
    }
    return fd;
}

/* args: paths. */
static int verb_create(char **args)
{
    for (; *args != NULL; args++) {
        say(*args, try_create(*args));
    }
    return 0;
}

static int verb_list(char **args)
{
    for (; *args != NULL; args++) {
        list_dir(*args, *args, false);
    }
    return 0;
}

static long try_socket(int family, int type)
{
    int s = socket(family, type | SOCK_CLOEXEC, 0);

    if (s >= 0) {
        (void)close(s);
    }
    return s;
}

static int verb_syscalls(char **args)
{
    struct iovec io = {.iov_base = args, .iov_len = 1};
    char parameters[128] = {0};
    char filler[256] = {0};

    say("mount", mount("x", "/tmp", "tmpfs", 0, NULL));
    say("umount", umount2("/proc", MNT_DETACH));
    say("unshare_user", unshare(CLONE_NEWUSER));
    say("setns", setns(0, 0));
    say("clone_newuser", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
    say("clone3", syscall(SYS_clone3, filler, 64));
    say("chroot", chroot("/tmp"));
    say("ptrace", ptrace(PTRACE_ATTACH, 1, NULL, NULL));
    say("process_vm_readv", process_vm_readv(1, &io, 1, &io, 1, 0));
    say("bpf", syscall(SYS_bpf, 0, parameters, sizeof(parameters)));
    say("perf_event_open", syscall(SYS_perf_event_open, parameters, 0, -1, -1, 0));
    say("userfaultfd", syscall(SYS_userfaultfd, 1));
    say("io_setup", syscall(SYS_io_setup, 1, parameters));
    say("io_uring_setup", syscall(SYS_io_uring_setup, 1, parameters));
    say("keyctl", syscall(SYS_keyctl, 0, -3, 0));
    say("add_key", syscall(SYS_add_key, "user", "x", "y", 1, -3));
    say("open_by_handle_at", syscall(SYS_open_by_handle_at, 0, filler, 0));
    say("sethostname", sethostname("x", 1));
    say("mknod", mknod("/tmp/disk", S_IFBLK | 0600, makedev(254, 0)));
    say("setuid_root", setuid(0));
    say("raise_ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0));
    say("socket_packet", try_socket(AF_PACKET, SOCK_RAW));
    say("socket_raw", try_socket(AF_INET, SOCK_RAW));
    say("socket_vsock", try_socket(40 /* AF_VSOCK */, SOCK_STREAM));
    say("socket_alg", try_socket(38 /* AF_ALG */, SOCK_SEQPACKET));
    say("socket_tcp", try_socket(AF_INET, SOCK_STREAM));
    say("socket_unix", try_socket(AF_UNIX, SOCK_STREAM));
    say("reaper_mem", try_open("/proc/1/mem", O_RDWR));
    say("reaper_exe", try_open("/proc/1/exe", O_RDONLY));
    say("reaper_fds", try_open("/proc/1/fd/0", O_RDONLY));
    say("reaper_environ", try_open("/proc/1/environ", O_RDONLY));
    say("own_exe_write", try_open("/proc/self/exe", O_WRONLY));
    say("proc_sys", try_open("/proc/sys/kernel/hostname", O_WRONLY));
    say("sysrq", try_open("/proc/sysrq-trigger", O_WRONLY));
    return 0;
}

/* The filter kills for this one. */
static int verb_reboot(char **args)
{
    (void)args;
    say("reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
    return 0;
}

static int connect_inet(const char *address, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r;

    if (s < 0) {
        say(address, -1);
        return -1;
    }
    (void)inet_pton(AF_INET, address, &to.sin_addr);
    r = connect(s, (struct sockaddr *)&to, sizeof(to));
    say(address, r);
    (void)close(s);
    return r;
}

/* args: a port of the host's loopback, the name of an abstract socket of the host. */
static int verb_reach(char **args)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t len = strlen(args[1]);

    (void)connect_inet("127.0.0.1", (int)strtol(args[0], NULL, 10));
    (void)connect_inet("192.0.2.1", 80);
    memcpy(to.sun_path + 1, args[1], len);
    if (s < 0) {
        return 1;
    }
    say("abstract", connect(s, (struct sockaddr *)&to,
                            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)));
    (void)close(s);
    return 0;
}

/* args: MiB to touch, then wait. */
static int verb_eat(char **args)
{
    size_t bytes = (size_t)strtoul(args[0], NULL, 10) << 20;
    char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED) {
        say("mmap", -1);
        return 4;
    }
    for (size_t i = 0; i < bytes; i += 4096) {
        at[i] = 1;
    }
    printf("ate=%zu\n", bytes >> 20);
    return 0;
}

/* args: milliseconds of wall time to burn one processor; says how much of it we got. */
static int verb_burn(char **args)
{
    uint64_t wall = (uint64_t)strtoul(args[0], NULL, 10) * 1000000U;
    uint64_t start = now_ns();
    struct timespec used;

    while (now_ns() - start < wall) {
    }
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    printf("used_ms=%ld\n", used.tv_sec * 1000 + used.tv_nsec / 1000000);
    return 0;
}

/* args: how many children to try to have at once. */
static int verb_forks(char **args)
{
    long wanted = strtol(args[0], NULL, 10);
    long made = 0;

    for (long i = 0; i < wanted; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            (void)pause();
            _exit(0);
        }
        if (pid < 0) {
            say("fork", -1);
            break;
        }
        made++;
    }
    printf("children=%ld\n", made);
    return 0;
}

/* Forks until killed, in sessions of their own, ignoring what can be ignored. */
static int verb_bomb(char **args)
{
    (void)args;
    printf("armed=yes\n");
    (void)fflush(stdout);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    while (getpid() != 0) {
        if (fork() == 0) {
            (void)setsid();
        }
    }
    return 0;
}

/* Thirty children in sessions of their own that ignore what can be ignored. */
static int verb_crowd(char **args)
{
    (void)args;
    (void)signal(SIGTERM, SIG_IGN);
    for (int i = 0; i < 30; i++) {
        if (fork() == 0) {
            (void)setsid();
            for (;;) {
                (void)pause();
            }
        }
    }
    printf("armed=yes\n");
    (void)fflush(stdout);
    (void)pause();
    return 0;
}

static int verb_exit(char **args)
{
    return (int)strtol(args[0], NULL, 10);
}

static int verb_kill(char **args)
{
    (void)kill(getpid(), (int)strtol(args[0], NULL, 10));
    return 0;
}

static volatile sig_atomic_t last_signal;

static void take_signal(int s)
{
    last_signal = s;
}

/* Says `waiting`, then the number of the first signal that comes, and exits with it. */
static int verb_wait(char **args)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT};

    (void)args;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        (void)signal(signals[i], take_signal);
    }
    printf("waiting=yes\n");
    (void)fflush(stdout);
    while (last_signal == 0) {
        (void)usleep(1000);
    }
    printf("signal=%d\n", (int)last_signal);
    return (int)last_signal;
}

/* SIGKILL to pid 1 of the cage must do nothing. */
static int verb_kill_reaper(char **args)
{
    (void)args;
    say("kill_1", kill(1, SIGKILL));
    (void)usleep(20000);
    say("alive", 0);
    return 0;
}

/* A daemon that outlives its parent; its orphan must be reaped, and it must die with the cage. */
static int verb_daemon(char **args)
{
    pid_t middle = fork();
    int waited = 0;

    (void)args;
    if (middle == 0) {
        pid_t orphan = fork();

        if (orphan == 0) {
            (void)setsid();
            _exit(0);
        }
        _exit(0);
    }
    (void)waitpid(middle, NULL, 0);
    while (waited++ < 2000) {
        DIR *dir = opendir("/proc");
        struct dirent *e;
        int n = 0;

        if (dir == NULL) {
            return 1;
        }
        while ((e = readdir(dir)) != NULL) {
            n += e->d_name[0] >= '0' && e->d_name[0] <= '9';
        }
        (void)closedir(dir);
        if (n == 2) { /* the reaper and we */
            printf("processes=%d\n", n);
            return 0;
        }
        (void)usleep(1000);
    }
    printf("processes=more\n");
    return 1;
}

/* args: a descriptor number; writes "hi" to it. */
static int verb_write_fd(char **args)
{
    say("write", write((int)strtol(args[0], NULL, 10), "hi", 2));
    return 0;
}

static int verb_hello(char **args)
{
    (void)args;
    return write(1, "x", 1) == 1 ? 0 : 1;
}

static const struct {
    const char *name;
    int (*run)(char **args);
    int args;
} verbs[] = {
    {"report", verb_report, 0}, {"create", verb_create, 1},
    {"list", verb_list, 1},     {"syscalls", verb_syscalls, 0},
    {"reboot", verb_reboot, 0}, {"reach", verb_reach, 2},
    {"eat", verb_eat, 1},       {"burn", verb_burn, 1},
    {"forks", verb_forks, 1},   {"bomb", verb_bomb, 0},
    {"crowd", verb_crowd, 0},   {"exit", verb_exit, 1},
    {"kill", verb_kill, 1},     {"wait", verb_wait, 0},
    {"hello", verb_hello, 0},   {"kill-reaper", verb_kill_reaper, 0},
    {"daemon", verb_daemon, 0}, {"write-fd", verb_write_fd, 1},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(argv[1], verbs[i].name) == 0 && argc - 2 >= verbs[i].args) {
            return verbs[i].run(argv + 2);
        }
    }
    (void)fprintf(stderr, "probe: unknown verb\n");
    return 2;
}
