/*
 * What a service finds inside its cage, asserted from the words of a probe that runs there.
 * On the real kernel, as whoever runs the test: root, or an ordinary user with user namespaces.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "at_test.h"
#include "base/fd.h"
#include "sandbox/cage_world.h"
#include "sandbox/sandbox.h"

static struct world w;
static struct outcome o;

static void run_verb(const char *verb)
{
    world_open(&w, NULL);
    world_args(&w, verb, NULL);
    world_run(&w, &o);
    ck_assert_msg(o.r == 0, "%s | %s", w.diag.what, w.diag.hint);
}

TEST(the_network_of_a_cage_is_lo_and_nothing_else)
{
    run_verb("report");
    CHECK(says(&o, "interfaces=lo "));
    CHECK(says_start(&o, "route Iface")); /* the heading, and no route below it */
    CHECK(strstr(strstr(o.out, "route Iface") + 1, "\nroute ") == NULL);
    world_close(&w);
}

TEST(no_capability_is_left_and_none_can_come_back)
{
    static const char *const zero[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};

    run_verb("report");
    for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++) {
        char line[64];

        (void)snprintf(line, sizeof(line), "status %s:\t0000000000000000", zero[i]);
        ck_assert_msg(says(&o, line), "%s is not empty", zero[i]);
    }
    CHECK(says(&o, "status NoNewPrivs:\t1"));
    CHECK(says(&o, "status Seccomp:\t2"));
    world_close(&w);
}

TEST(the_service_has_its_own_user_and_no_other_groups)
{
    char line[64];

    run_verb("report");
    (void)snprintf(line, sizeof(line), "uid=%u gid=", (unsigned)w.uid);
    CHECK(says_start(&o, line));
    if (geteuid() == 0) {
        (void)snprintf(line, sizeof(line), "uid=%u gid=%u groups=0", (unsigned)w.uid,
                       (unsigned)w.uid);
        CHECK(says(&o, line));
    }
    world_close(&w);
}

TEST(only_the_reaper_and_the_service_are_seen)
{
    run_verb("report");
    CHECK(says(&o, "pids=1 2 "));
    CHECK(says(&o, "pid=2 ppid=1 sid=2"));
    CHECK(says(&o, "hostname=probe.1"));
    CHECK(says(&o, "cgroup 0::/") || !says_start(&o, "cgroup 0::"));
    world_close(&w);
}

TEST(signals_mask_and_environment_are_clean)
{
    sigset_t blocked;

    /* As in a supervisor with a signalfd that also ignores SIGPIPE. */
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &blocked, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    run_verb("report");
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigprocmask(SIG_UNBLOCK, &blocked, NULL);
    CHECK(says(&o, "status SigBlk:\t0000000000000000"));
    CHECK(says(&o, "status SigIgn:\t0000000000000000"));
    CHECK(says(&o, "umask=022"));
    CHECK(says(&o, "env PATH=/usr/bin:/bin"));
    CHECK(says(&o, "env MARK=here"));
    world_close(&w);
}

TEST(exactly_the_declared_descriptors_are_open)
{
    int leak = open("/dev/null", O_RDONLY); /* as a library without O_CLOEXEC would */
    int far = fcntl(leak, F_DUPFD, 500);
    at_auto_close
    int given = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct at_cage_fd fds[] = {{.from = given, .to = 3}, {.from = given, .to = 7}};

    CHECK(leak >= 0 && far >= 500 && given >= 0);
    world_open(&w, NULL);
    world_args(&w, "report", NULL);
    w.spec.fds = fds;
    w.spec.fd_count = 2;
    world_run(&w, &o);
    CHECK_INT(o.r, 0);
    CHECK(says(&o, "fds=0 1 2 3 7 "));
    w.spec.fd_count = 0;
    world_run(&w, &o);
    CHECK(says(&o, "fds=0 1 2 "));
    world_close(&w);
    (void)close(leak);
    (void)close(far);
}

TEST(descriptors_that_cross_each_other_arrive_at_their_numbers)
{
    int a[2];
    int b[2];
    char text[8] = {0};
    struct at_cage_fd fds[2];

    world_open(&w, NULL);
    CHECK(pipe2(a, O_CLOEXEC) == 0 && pipe2(b, O_CLOEXEC) == 0);
    /* Each goes to the number that the other has outside. */
    fds[0] = (struct at_cage_fd){.from = a[1], .to = b[1]};
    fds[1] = (struct at_cage_fd){.from = b[1], .to = a[1]};
    (void)snprintf(text, sizeof(text), "%d", a[1]);
    world_args(&w, "write-fd", text, NULL);
    w.spec.fds = fds;
    w.spec.fd_count = 2;
    world_run(&w, &o);
    at_close(&a[1]);
    at_close(&b[1]);
    CHECK(says(&o, "write=ok"));
    CHECK_INT(read(a[0], text, sizeof(text)), 0);
    CHECK_INT(read(b[0], text, sizeof(text)), 2);
    at_close(&a[0]);
    at_close(&b[0]);
    world_close(&w);
}

TEST(the_system_and_the_project_are_read_only)
{
    static const char *const paths[] = {"/usr/new", "/etc/new",    "/new",
                                        "/dev/new", "./new",       "/proc/new",
                                        "/lib/new", "/etc/passwd", "/etc/hosts"};

    world_open(&w, NULL);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char line[128];

        world_args(&w, "create", paths[i], NULL);
        world_run(&w, &o);
        CHECK_INT(o.r, 0);
        (void)snprintf(line, sizeof(line), "%s=ok", paths[i]);
        ck_assert_msg(!says(&o, line), "%s could be created", paths[i]);
        (void)snprintf(line, sizeof(line), "%s=E", paths[i]);
        ck_assert_msg(says_start(&o, line), "%s", o.out);
    }
    world_close(&w);
}

TEST(state_and_tmp_can_be_written_and_state_lies_in_the_project)
{
    char path[192];
    struct stat st;

    world_open(&w, NULL);
    world_args(&w, "create", "/state/new", "/tmp/new", "/dev/shm/new", NULL);
    world_run(&w, &o);
    CHECK(says(&o, "/state/new=ok"));
    CHECK(says(&o, "/tmp/new=ok"));
    CHECK(says(&o, "/dev/shm/new=ok"));
    (void)snprintf(path, sizeof(path), "%s/new", w.state);
    CHECK(stat(path, &st) == 0);
    CHECK_INT(st.st_uid, w.uid);
    CHECK(access("/tmp/new", F_OK) != 0);
    world_close(&w);
}

TEST(the_runtimes_own_directory_in_the_project_is_masked)
{
    char path[128];
    char line[160];

    world_open(&w, NULL);
    (void)snprintf(path, sizeof(path), "%s/.atoll", w.project);
    world_args(&w, "list", path, w.project, NULL);
    world_run(&w, &o);
    (void)snprintf(line, sizeof(line), "%s=", path);
    CHECK(says(&o, line));
    (void)snprintf(line, sizeof(line), "%s=probe ", w.project);
    CHECK(says(&o, line));
    world_close(&w);
}

TEST(a_role_sees_no_project_and_almost_no_etc)
{
    world_open(&w, NULL);
    w.spec.is_role = true;
    w.spec.state_dir = NULL;
    w.spec.working_dir = NULL;
    w.argv[0] = "./probe";
    world_args(&w, "list", "/", "/etc", "/tmp", NULL);
    world_run(&w, &o);
    ck_assert_msg(o.r == 0, "%s | %s", w.diag.what, w.diag.hint);
    CHECK(says(&o, "/etc=ld.so.cache ") || says(&o, "/etc="));
    CHECK(says(&o, "/tmp="));
    CHECK(strstr(o.out, "state") == NULL);
    world_close(&w);
}

TEST(system_calls_that_no_service_needs_are_refused)
{
    static const char *const refused[] = {
        "mount",       "umount",         "unshare_user",     "setns",         "clone_newuser",
        "clone3",      "chroot",         "process_vm_readv", "bpf",           "perf_event_open",
        "userfaultfd", "io_uring_setup", "keyctl",           "add_key",       "open_by_handle_at",
        "sethostname", "mknod",          "setuid_root",      "raise_ambient", "socket_packet",
        "socket_raw",  "socket_vsock",   "socket_alg",       "own_exe_write", "proc_sys",
        "sysrq"};

    run_verb("syscalls");
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        char line[64];

        (void)snprintf(line, sizeof(line), "%s=E", refused[i]);
        ck_assert_msg(says_start(&o, line), "%s was not refused:\n%s", refused[i], o.out);
    }
    CHECK(says(&o, "socket_tcp=ok"));
    CHECK(says(&o, "socket_unix=ok"));
    CHECK(says(&o, "clone3=ENOSYS")); /* so that libc falls back to clone */
    CHECK(says(&o, "io_setup=ENOSYS"));
    world_close(&w);
}

TEST(a_call_that_nobody_makes_by_accident_kills)
{
    run_verb("reboot");
    CHECK_INT(o.end.signal, SIGSYS);
    world_close(&w);
}

TEST(the_reaper_cannot_be_looked_into_traced_or_killed_by_its_service)
{
    static const char *const refused[] = {"reaper_mem", "reaper_exe", "reaper_fds",
                                          "reaper_environ", "ptrace"};

    run_verb("syscalls");
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        char line[64];

        (void)snprintf(line, sizeof(line), "%s=E", refused[i]);
        ck_assert_msg(says_start(&o, line), "%s was not refused", refused[i]);
    }
    world_args(&w, "kill-reaper", NULL);
    world_run(&w, &o);
    CHECK(says(&o, "alive=ok"));
    CHECK_INT(o.end.exit_code, 0);
    world_close(&w);
}

static int listen_inet(int *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(s >= 0 && bind(s, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(s, 4) == 0);
    CHECK(getsockname(s, (struct sockaddr *)&at, &len) == 0);
    *ret_port = ntohs(at.sin_port);
    return s;
}

static int listen_abstract(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(at.sun_path + 1, name, len);
    CHECK(s >= 0 && bind(s, (struct sockaddr *)&at,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)) == 0);
    CHECK(listen(s, 4) == 0);
    return s;
}

TEST(nothing_that_listens_on_the_host_can_be_reached)
{
    int port = 0;
    at_auto_close
    int inet = listen_inet(&port);
    at_auto_close
    int local = -1;
    char text[16];

    world_open(&w, NULL);
    local = listen_abstract(w.system);
    CHECK(inet >= 0 && local >= 0);
    (void)snprintf(text, sizeof(text), "%d", port);
    world_args(&w, "reach", text, w.system, NULL);
    world_run(&w, &o);
    CHECK(says(&o, "127.0.0.1=ECONNREFUSED"));
    CHECK(says(&o, "192.0.2.1=ENETUNREACH"));
    CHECK(says(&o, "abstract=ECONNREFUSED") || says(&o, "abstract=EPERM"));
    world_close(&w);
}

TEST(a_socket_made_in_the_cage_from_outside_belongs_to_its_network)
{
    struct at_cage cage;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    at_auto_close
    int out = -1;
    at_auto_close
    int listener = -1;
    at_auto_close
    int inside = -1;
    at_auto_close
    int outside = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    world_open(&w, NULL);
    world_args(&w, "wait", NULL);
    CHECK(world_start(&w, &cage, &out));
    CHECK(outside >= 0);
    if (geteuid() == 0) {
        CHECK_INT(at_cage_socket(&cage, AF_INET, SOCK_STREAM, &listener), 0);
        CHECK_INT(at_cage_socket(&cage, AF_INET, SOCK_STREAM, &inside), 0);
        CHECK(bind(listener, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(listener, 4) == 0);
        CHECK(getsockname(listener, (struct sockaddr *)&at, &len) == 0);
        CHECK(connect(inside, (struct sockaddr *)&at, sizeof(at)) == 0);
        CHECK(connect(outside, (struct sockaddr *)&at, sizeof(at)) != 0);
    }
    CHECK_INT(at_cage_kill(&cage), 0);
    world_end(&cage, &o);
    world_close(&w);
}

TEST(files_and_directories_can_be_added_read_only_or_writable)
{
    char more[128];
    struct at_cage_bind binds[4];

    world_open(&w, NULL);
    (void)snprintf(more, sizeof(more), "%s/more", w.top);
    CHECK(mkdir(more, 0777) == 0 && chmod(more, 0777) == 0);
    binds[0] = (struct at_cage_bind){.from = more, .to = "/data/ro"};
    binds[1] = (struct at_cage_bind){.from = more, .to = "/data/rw", .writable = true};
    binds[2] = (struct at_cage_bind){.from = "/etc/passwd", .to = "/data/file"};
    binds[3] = (struct at_cage_bind){.from = "/does/not/exist", .to = "/data/no", .optional = true};
    w.spec.binds = binds;
    w.spec.bind_count = 4;
    world_args(&w, "create", "/data/ro/x", "/data/rw/x", "/data/file", NULL);
    world_run(&w, &o);
    ck_assert_msg(o.r == 0, "%s", w.diag.what);
    CHECK(says_start(&o, "/data/ro/x=E"));
    CHECK(says(&o, "/data/rw/x=ok"));
    CHECK(says_start(&o, "/data/file=E"));
    binds[3].optional = false;
    world_run(&w, &o);
    CHECK_INT(o.r, -ENOENT);
    CHECK(strstr(w.diag.what, "data/no") != NULL);
    binds[3] = (struct at_cage_bind){.from = more, .to = "/state/sub"};
    world_run(&w, &o);
    CHECK_INT(o.r, -EINVAL);
    world_close(&w);
}

int main(void)
{
    struct at_sandbox_facts facts;

    at_sandbox_look(NULL, &facts);
    if (!facts.has_namespaces) {
        printf("1..0 # SKIP %s\n", facts.namespaces_why);
        return 0;
    }
    return at_test_main("sandbox/cage");
}
