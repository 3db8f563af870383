/*
 * How cages start, end, keep their limits and are removed: with every back end of control groups
 * that this machine can show, and as an ordinary user.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "at_test.h"
#include "base/fd.h"
#include "sandbox/cage_world.h"
#include "sandbox/cgroup.h"
#include "sandbox/pidfd.h"
#include "sandbox/sandbox.h"

enum { NOBODY = 65534, RUN_AS_NOBODY_OK = 42, BOMB_UID = 300900, BOMB_TICKS_US = 20000 };

static struct world w;
static struct outcome o;

static const char *const back_ends[] = {"none", "hybrid", "v2"};

static bool can_force(const char *back_end)
{
    struct at_cgroup_host host;
    bool can = at_cgroup_detect(back_end, &host) == 0;

    if (!can) {
        printf("# back end %s is not on this machine\n", back_end);
    }
    return can;
}

/* ---- Endings ---- */

TEST(killed_by_a_signal_is_told_from_an_exit_code_that_looks_like_it)
{
    world_open(&w, NULL);
    world_args(&w, "exit", "137", NULL);
    world_run(&w, &o);
    CHECK(o.end.known);
    CHECK_INT(o.end.signal, 0);
    CHECK_INT(o.end.exit_code, 137);
    world_args(&w, "kill", "9", NULL);
    world_run(&w, &o);
    CHECK(o.end.known && !o.end.cage_killed && !o.end.by_memory);
    CHECK_INT(o.end.signal, SIGKILL);
    world_close(&w);
}

TEST(signals_go_through_the_reaper_to_the_service)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT};

    world_open(&w, NULL);
    world_args(&w, "wait", NULL);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct at_cage cage;
        at_auto_close
        int out = -1;

        CHECK(world_start(&w, &cage, &out));
        CHECK(world_read_until(out, "waiting=yes", o.out, sizeof(o.out)));
        CHECK_INT(at_cage_signal(&cage, signals[i]), 0);
        world_end(&cage, &o);
        CHECK_INT(o.end.signal, 0);
        CHECK_INT(o.end.exit_code, signals[i]);
    }
    world_close(&w);
}

TEST(kill_9_of_the_service_process_ends_the_instance)
{
    struct at_cage cage;
    at_auto_close
    int out = -1;

    world_open(&w, NULL);
    world_args(&w, "wait", NULL);
    CHECK(world_start(&w, &cage, &out));
    CHECK(world_read_until(out, "waiting=yes", o.out, sizeof(o.out)));
    CHECK(cage.service_pid > 0 && cage.service_pid != cage.reaper_pid);
    CHECK(kill(cage.service_pid, SIGKILL) == 0);
    world_end(&cage, &o);
    CHECK_INT(o.end.signal, SIGKILL);
    CHECK(!o.end.cage_killed && !o.end.by_memory);
    world_close(&w);
}

TEST(killing_the_cage_is_told_from_killing_the_service)
{
    struct at_cage cage;
    at_auto_close
    int out = -1;
    char text[128];

    world_open(&w, NULL);
    world_args(&w, "wait", NULL);
    CHECK(world_start(&w, &cage, &out));
    CHECK_INT(at_cage_kill(&cage), 0);
    world_end(&cage, &o);
    CHECK(o.end.cage_killed);
    at_cage_end_text(&o.end, text, sizeof(text));
    CHECK_STR(text, "was killed by signal 9 (Killed) with its whole sandbox");
    world_close(&w);
}

TEST(orphans_are_reaped)
{
    world_open(&w, NULL);
    world_args(&w, "daemon", NULL);
    world_run(&w, &o);
    CHECK(says(&o, "processes=2"));
    world_close(&w);
}

TEST(a_supervisor_that_comes_later_learns_how_it_ended)
{
    struct at_cage cage;
    struct at_cage again;
    at_auto_close
    int out = -1;
    int pidfd;
    int record;

    world_open(&w, NULL);
    world_args(&w, "wait", NULL);
    CHECK(world_start(&w, &cage, &out));
    CHECK(world_read_until(out, "waiting=yes", o.out, sizeof(o.out)));
    pidfd = fcntl(cage.pidfd, F_DUPFD_CLOEXEC, 3);
    record = fcntl(cage.record_fd, F_DUPFD_CLOEXEC, 3);
    at_cage_let_go(&cage);
    CHECK_INT(at_cage_adopt(w.sandbox, "probe.1", pidfd, record, cage.reaper_pid, cage.service_pid,
                            &again),
              0);
    CHECK_INT(at_cage_signal(&again, SIGUSR1), 0);
    /* Somebody else reaps it. */
    CHECK(waitpid(again.reaper_pid, NULL, 0) == again.reaper_pid);
    at_cage_ended(&again, -1, &o.end);
    CHECK(o.end.known);
    CHECK_INT(o.end.exit_code, SIGUSR1);
    CHECK_INT(at_cage_signal(&again, SIGTERM), -ESRCH);
    CHECK_INT(at_cage_destroy(&again), 0);
    world_close(&w);
}

TEST(begin_does_not_wait_and_finish_says_when)
{
    struct at_cage cage;
    int r;

    world_open(&w, NULL);
    world_args(&w, "exit", "0", NULL);
    CHECK_INT(at_cage_begin(w.sandbox, &w.spec, &cage, &w.diag), 0);
    while ((r = at_cage_finish(&cage, &w.diag)) == AT_CAGE_NOT_YET) {
        struct pollfd p = {.fd = cage.start_fd, .events = POLLIN};

        CHECK(poll(&p, 1, 20000) == 1);
    }
    CHECK_INT(r, 0);
    CHECK_INT(cage.start_fd, -1);
    CHECK(cage.service_pid > 0);
    CHECK_INT(at_cage_finish(&cage, &w.diag), 0); /* asking again does no harm */
    world_end(&cage, &o);
    world_close(&w);
}

/* ---- Limits ---- */

TEST(a_service_over_its_memory_limit_is_killed_and_it_is_said)
{
    world_open(&w, NULL);
    w.spec.limits.memory_bytes = 32U << 20;
    world_args(&w, "eat", "100", NULL);
    world_run(&w, &o);
    if (at_sandbox_facts(w.sandbox)->cgroup.can_memory) {
        CHECK_INT(o.end.signal, SIGKILL);
        CHECK(o.end.by_memory);
        CHECK(o.usage.oom_kills >= 1);
        CHECK(o.usage.memory_peak_bytes <= 33U << 20);
        world_args(&w, "eat", "8", NULL);
        world_run(&w, &o);
        CHECK(says(&o, "ate=8"));
        CHECK(!o.end.by_memory);
    } else {
        CHECK(says(&o, "mmap=ENOMEM"));
    }
    world_close(&w);
}

TEST(without_groups_memory_is_held_per_process)
{
    world_open(&w, "none");
    w.spec.limits.memory_bytes = 32U << 20;
    world_args(&w, "eat", "100", NULL);
    world_run(&w, &o);
    CHECK(says(&o, "mmap=ENOMEM"));
    CHECK_INT(o.end.exit_code, 4);
    CHECK(!o.has_usage);
    world_close(&w);
}

TEST(a_service_over_its_cpu_limit_is_throttled)
{
    const char *at;

    world_open(&w, NULL);
    if (!at_sandbox_facts(w.sandbox)->cgroup.can_cpu) {
        printf("# skipped: no cpu controller for this user\n");
        world_close(&w);
        return;
    }
    w.spec.limits.cpu_milli = 200;
    world_args(&w, "burn", "1000", NULL);
    world_run(&w, &o);
    at = strstr(o.out, "used_ms=");
    CHECK(at != NULL);
    ck_assert_msg(strtol(at + 8, NULL, 10) < 400, "used %s of 1000 ms with a limit of 20 %%", at);
    CHECK(o.usage.throttled_count > 0);
    CHECK(o.usage.throttled_ns > 0);
    world_close(&w);
}

TEST(the_limit_of_processes_is_the_services_own_count)
{
    world_open(&w, NULL);
    if (!at_sandbox_facts(w.sandbox)->cgroup.can_pids) {
        printf("# skipped: no pids controller for this user\n");
        world_close(&w);
        return;
    }
    w.spec.limits.pids = 10;
    world_args(&w, "forks", "50", NULL);
    world_run(&w, &o);
    CHECK(says(&o, "fork=EAGAIN"));
    CHECK(says(&o,
               "children=9")); /* and the service itself is the tenth; the reaper is not counted */
    CHECK(o.usage.pids_refused >= 1);
    world_close(&w);
}

static bool process_with_uid_exists(uid_t uid)
{
    char command[64];
    int status;

    (void)snprintf(command, sizeof(command), "%u", (unsigned)uid);
    switch (fork()) {
    case 0: (void)execlp("pgrep", "pgrep", "-U", command, (char *)NULL); _exit(127);
    default: CHECK(wait(&status) > 0); return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
}

/* One life of a bomb; where no limit would hold it, a crowd of a fixed size instead. */
static void kill_a_bomb(const char *back_end)
{
    struct at_cage cage;
    at_auto_close
    int out = -1;
    const struct at_cgroup_host *host = &at_sandbox_facts(w.sandbox)->cgroup;

    world_args(&w, host->kind == AT_CGROUP_V2 && !host->can_pids ? "crowd" : "bomb", NULL);
    ck_assert_msg(world_start(&w, &cage, &out), "%s: %s", back_end, w.diag.what);
    (void)world_read_until(out, "armed=yes", o.out, sizeof(o.out));
    (void)usleep(BOMB_TICKS_US);
    CHECK_INT(at_cage_kill(&cage), 0);
    world_end(&cage, &o);
    CHECK(!process_with_uid_exists(BOMB_UID));
}

TEST(a_fork_bomb_is_gone_after_one_kill_with_every_back_end)
{
    int rounds = getenv("ATOLL_SOAK") != NULL ? 100 : 2;

    for (size_t i = 0; i < sizeof(back_ends) / sizeof(back_ends[0]); i++) {
        if (geteuid() != 0 || !can_force(back_ends[i])) {
            continue;
        }
        world_open(&w, back_ends[i]);
        w.spec.uid = BOMB_UID;
        w.spec.state_dir = NULL;
        w.spec.limits = (struct at_limits){.pids = 60, .cpu_milli = 500};
        for (int n = 0; n < rounds; n++) {
            kill_a_bomb(back_ends[i]);
        }
        world_close(&w);
    }
}

TEST(every_back_end_starts_measures_and_leaves_nothing)
{
    for (size_t i = 0; i < sizeof(back_ends) / sizeof(back_ends[0]); i++) {
        bool is_none = strcmp(back_ends[i], "none") == 0;

        if (!can_force(back_ends[i])) {
            continue;
        }
        world_open(&w, back_ends[i]);
        w.spec.limits = (struct at_limits){
            .memory_bytes = 64U << 20, .cpu_milli = 1500, .pids = 100, .nofile = 64};
        world_args(&w, "report", NULL);
        world_run(&w, &o);
        ck_assert_msg(o.r == 0, "%s: %s", back_ends[i], w.diag.what);
        CHECK(says(&o, "interfaces=lo "));
        CHECK_INT(o.has_usage, !is_none);
        CHECK(is_none || (o.usage.has_cpu && o.usage.cpu_ns > 0) ||
              at_sandbox_facts(w.sandbox)->cgroup.base[AT_TREE_LIFE][0] == '\0');
        CHECK(world_groups_are_gone(&w));
        CHECK(!is_none || at_cgroup_missing(&at_sandbox_facts(w.sandbox)->cgroup, 0) != NULL);
        world_close(&w);
    }
}

TEST(two_systems_that_come_and_go_do_not_take_the_shared_parent_from_each_other)
{
    struct at_cgroup_host host;
    struct at_limits none = {0};
    struct at_diag d;
    pid_t pid;
    int status;

    (void)at_cgroup_detect(NULL, &host);
    pid = fork();
    CHECK(pid >= 0);
    for (int i = 0; i < 300; i++) {
        struct at_cgroup g;
        char name[32];

        (void)snprintf(name, sizeof(name), "test-%d-%s", (int)getpid(), pid == 0 ? "b" : "a");
        ck_assert_msg(at_cgroup_open(&host, name, "x.1", &none, &g, &d) == 0, "%s", d.what);
        CHECK_INT(at_cgroup_remove(&g), 0);
    }
    if (pid == 0) {
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(left_overs_of_an_earlier_life_are_swept)
{
    struct at_cage cage;
    at_auto_close
    int out = -1;
    int status;

    world_open(&w, NULL);
    if (at_sandbox_facts(w.sandbox)->cgroup.base[AT_TREE_LIFE][0] == '\0') {
        world_close(&w);
        return;
    }
    world_args(&w, "wait", NULL);
    CHECK(world_start(&w, &cage, &out));
    at_cage_let_go(&cage); /* as a supervisor does that is killed */
    at_sandbox_sweep(w.sandbox);
    CHECK(waitpid(cage.reaper_pid, &status, 0) == cage.reaper_pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    for (int i = 0; i < 1000 && !world_groups_are_gone(&w); i++) {
        at_sandbox_sweep(w.sandbox);
        (void)usleep(1000);
    }
    world_close(&w);
}

TEST(without_a_v2_tree_left_overs_are_swept_one_by_one)
{
    static struct at_cgroup_host host;
    struct at_limits none = {0};
    struct at_cgroup g;
    struct at_diag d;
    char name[32];
    pid_t pid;
    int status;
    int r = AT_CGROUP_BUSY;

    if (geteuid() != 0 || at_cgroup_detect("hybrid", &host) != 0) {
        printf("# skipped: no v1 trees for this user\n");
        return;
    }
    host.base[AT_TREE_LIFE][0] = '\0';
    (void)snprintf(name, sizeof(name), "test-%d", (int)getpid());
    CHECK_INT(at_cgroup_open(&host, name, "left.1", &none, &g, &d), 0);
    pid = fork();
    if (pid == 0) {
        int procs = openat(g.dir[AT_TREE_MEMORY], "cgroup.procs", O_WRONLY);

        if (write(procs, "0", 1) == 1) {
            (void)raise(SIGSTOP);
        }
        _exit(0);
    }
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    CHECK_INT(at_cgroup_kill(&g), AT_CGROUP_UNSUPPORTED);
    at_cgroup_close(&g);
    (void)at_cgroup_sweep(&host, name);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
    for (int i = 0; i < 1000 && r != 0; i++) {
        r = at_cgroup_sweep(&host, name);
        (void)usleep(1000);
    }
    CHECK_INT(r, 0);
}

/* ---- Failures to start, each with its sentence ---- */

static void expect_refusal(int code, const char *what, const char *hint)
{
    world_run(&w, &o);
    ck_assert_msg(o.r == code, "got %d: %s", o.r, w.diag.what);
    ck_assert_msg(strstr(w.diag.what, what) != NULL, "\"%s\" lacks \"%s\"", w.diag.what, what);
    ck_assert_msg(strstr(w.diag.hint, hint) != NULL, "\"%s\" lacks \"%s\"", w.diag.hint, hint);
}

static const char *in_project(const char *name)
{
    static char path[192];

    (void)snprintf(path, sizeof(path), "%s/%s", w.project, name);
    return path;
}

TEST(a_program_that_cannot_be_run_is_refused_with_the_reason)
{
    world_open(&w, NULL);
    w.argv[0] = "bin/stock";
    w.argv[1] = NULL;
    expect_refusal(-ENOENT, "probe.1: bin/stock: no such file", "project/bin/stock");
    w.argv[0] = "stock";
    expect_refusal(-ENOENT, "no such program in PATH (/usr/bin:/bin)", "./stock");
    world_write(in_project("plain"), "text", 0644);
    w.argv[0] = "./plain";
    expect_refusal(-EACCES, "./plain: not executable", "chmod +x");
    w.argv[0] = "../project";
    expect_refusal(-EACCES, "is a directory", "");
    world_write(in_project("text"), "not a program", 0755);
    w.argv[0] = "./text";
    expect_refusal(-ENOEXEC, "neither a program (ELF) nor a script", "#!/bin/sh");
    world_write(in_project("lost"), "#!/no/such/interpreter\n", 0755);
    w.argv[0] = "./lost";
    expect_refusal(-ENOENT, "interpreter or loader that it names does not exist", "");
    if (geteuid() == 0) {
        world_write(in_project("private"), "#!/bin/sh\n", 0700);
        w.argv[0] = "./private";
        expect_refusal(-EACCES, "the service's user (uid 300005) may not execute it", "chmod a+rx");
    }
    w.argv[0] = "";
    expect_refusal(-EINVAL, "the command is empty", "");
    world_close(&w);
}

TEST(scripts_and_programs_of_the_path_run)
{
    world_open(&w, NULL);
    world_write(in_project("run.sh"), "#!/bin/sh\necho \"script=$1 $0\"\n", 0755);
    w.argv[0] = "./run.sh";
    w.argv[1] = "yes";
    w.argv[2] = NULL;
    world_run(&w, &o);
    ck_assert_msg(o.r == 0, "%s", w.diag.what);
    CHECK(says_start(&o, "script=yes "));
    w.argv[0] = "sh";
    w.argv[1] = "-c";
    w.argv[2] = "echo shell=$MARK";
    w.argv[3] = NULL;
    world_run(&w, &o);
    CHECK(says(&o, "shell=here"));
    world_close(&w);
}

TEST(standard_output_can_be_opened_again_by_its_name)
{
    world_open(&w, NULL);
    w.argv[0] = "sh";
    w.argv[1] = "-c";
    w.argv[2] = "echo again=yes >/dev/stdout";
    w.argv[3] = NULL;
    world_run(&w, &o);
    ck_assert_msg(o.r == 0, "%s", w.diag.what);
    CHECK(says(&o, "again=yes"));
    world_close(&w);
}

TEST(an_environment_that_is_too_large_is_said)
{
    enum { HUGE_BYTES = 256 * 1024 };
    char *huge = malloc(HUGE_BYTES);
    const char *envp[] = {huge, NULL};

    CHECK(huge != NULL);
    memset(huge, 'x', HUGE_BYTES - 1);
    huge[1] = '=';
    huge[HUGE_BYTES - 1] = '\0';
    world_open(&w, NULL);
    world_args(&w, "exit", "0", NULL);
    w.spec.envp = envp;
    expect_refusal(-E2BIG, "its arguments and environment are too large", "");
    world_close(&w);
    free(huge);
}

TEST(a_memory_limit_too_small_for_any_start_is_said)
{
    world_open(&w, NULL);
    world_args(&w, "exit", "0", NULL);
    w.spec.limits.memory_bytes = 32768;
    world_run(&w, &o);
    if (at_sandbox_facts(w.sandbox)->cgroup.can_memory) {
        CHECK(o.r < 0 || o.end.by_memory);
        ck_assert_msg(o.r == 0 || w.diag.what[0] != '\0', "no word");
    }
    world_close(&w);
}

TEST(a_state_directory_that_cannot_serve_is_refused_with_the_reason)
{
    char path[192];

    world_open(&w, NULL);
    world_args(&w, "exit", "0", NULL);
    w.spec.state_dir = "/no/such/dir";
    expect_refusal(-ENOENT, "state directory /no/such/dir: No such file", "");
    (void)snprintf(path, sizeof(path), "%s/probe", w.project);
    w.spec.state_dir = path;
    expect_refusal(-ENOTDIR, "is not a directory", "");
    CHECK(chmod(w.state, 0500) == 0);
    w.spec.state_dir = w.state;
    expect_refusal(-EACCES, "cannot be written by the service", "chmod u+rwx");
    CHECK(chmod(w.state, 0700) == 0);
    if (geteuid() == 0) {
        CHECK(chown(w.state, 0, 0) == 0);
        expect_refusal(-EACCES, "belongs to uid 0", "chown -R 300005");
    }
    world_close(&w);
}

TEST(a_state_directory_on_a_read_only_file_system_is_refused)
{
    world_open(&w, NULL);
    world_args(&w, "exit", "0", NULL);
    if (geteuid() == 0) {
        CHECK(unshare(CLONE_NEWNS) == 0); /* this test process alone */
        CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
        CHECK(mount(w.state, w.state, NULL, MS_BIND, NULL) == 0);
        CHECK(mount(NULL, w.state, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0);
        expect_refusal(-EROFS, "is on a read-only file system", "mount it writable");
        CHECK(umount2(w.state, MNT_DETACH) == 0);
    }
    world_close(&w);
}

TEST(a_working_directory_that_is_not_inside_is_refused)
{
    world_open(&w, NULL);
    world_args(&w, "exit", "0", NULL);
    w.argv[0] = in_project("probe");
    w.spec.working_dir = "/no/such/place";
    expect_refusal(-ENOENT, "working directory /no/such/place", "inside are only");
    w.spec.working_dir = "relative";
    expect_refusal(-EINVAL, "must be an absolute path", "");
    world_close(&w);
}

TEST(hostile_plans_are_refused)
{
    struct at_cage_fd fd = {.from = 1, .to = 2};

    world_open(&w, NULL);
    world_args(&w, "exit", "0", NULL);
    w.spec.instance = "../../../etc";
    expect_refusal(-EINVAL, "not a name for a control group", "");
    w.spec.instance = "probe.1";
    w.spec.service = "x:0:0\nroot2";
    expect_refusal(-EINVAL, "would break /etc/passwd", "");
    w.spec.service = "probe";
    w.spec.fds = &fd;
    w.spec.fd_count = 1;
    expect_refusal(-EINVAL, "a number that cannot be had", "");
    w.spec.fd_count = 0;
    w.spec.project_dir = "/tmp/../etc";
    w.argv[0] = in_project("probe");
    expect_refusal(-EINVAL, "without \"..\"", "");
    world_close(&w);
}

TEST(a_start_survives_the_failure_of_each_allocation)
{
    bool failed = true;

    world_open(&w, NULL);
    world_args(&w, "exit", "0", NULL);
    for (long n = 1; failed; n++) {
        struct at_cage cage;
        int r;

        fail_allocation(n);
        r = at_cage_begin(w.sandbox, &w.spec, &cage, &w.diag);
        failed = allocation_failed();
        fail_allocation(0);
        CHECK_INT(r, failed ? -ENOMEM : 0);
        if (r == 0) {
            while (at_cage_finish(&cage, &w.diag) == AT_CAGE_NOT_YET) {
                (void)usleep(200);
            }
            world_end(&cage, &o);
        }
    }
    world_close(&w);
}

/* ---- An ordinary user ---- */

static void as_nobody(void (*body)(void))
{
    pid_t pid = fork();
    int status = 0;

    CHECK(pid >= 0);
    if (pid == 0) {
        if (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0 ||
            prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) {
            _exit(1);
        }
        body();
        _exit(RUN_AS_NOBODY_OK);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == RUN_AS_NOBODY_OK,
                  "the part as an ordinary user failed: %x", (unsigned)status);
}

static void has_the_same_walls(void)
{
    world_open(&w, NULL);
    world_args(&w, "report", NULL);
    world_run(&w, &o);
    ck_assert_msg(o.r == 0, "%s | %s", w.diag.what, w.diag.hint);
    CHECK(says(&o, "interfaces=lo "));
    CHECK(says(&o, "pids=1 2 "));
    CHECK(says(&o, "fds=0 1 2 "));
    CHECK(says(&o, "status CapEff:\t0000000000000000"));
    CHECK(says(&o, "status CapBnd:\t0000000000000000"));
    CHECK(says(&o, "status NoNewPrivs:\t1"));
    CHECK(says(&o, "status Seccomp:\t2"));
    world_args(&w, "create", "/usr/new", "./new", "/state/new", "/tmp/new", NULL);
    world_run(&w, &o);
    CHECK(says_start(&o, "/usr/new=E"));
    CHECK(says_start(&o, "./new=E"));
    CHECK(says(&o, "/state/new=ok"));
    CHECK(says(&o, "/tmp/new=ok"));
    CHECK(strstr(at_sandbox_missing(at_sandbox_facts(w.sandbox), 0), "your own user") != NULL);
    world_close(&w);
}

TEST(an_ordinary_user_gets_the_same_walls_but_one_user)
{
    if (geteuid() == 0) {
        as_nobody(has_the_same_walls);
    } else {
        has_the_same_walls();
    }
}

static void is_refused_in_a_namespace_without_further_ones(void)
{
    struct at_sandbox *s = NULL;
    struct at_diag d;
    int none;

    none = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
    CHECK(none >= 0 && write(none, "0", 1) == 1);
    at_close(&none);
    CHECK_INT(at_sandbox_new("x", REAPER_PATH, NULL, &s, &d), -EPERM);
    CHECK(strstr(d.what, "sandboxes cannot be made here") != NULL);
    CHECK(strstr(d.hint, "user.max_user_namespaces") != NULL);
}

/* A user namespace of our own, whose limit of further ones is 0: the machine's stays as it is. */
static void is_refused_without_user_namespaces(void)
{
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    int status = 0;

    CHECK(pid >= 0);
    if (pid == 0) {
        is_refused_in_a_namespace_without_further_ones();
        _exit(RUN_AS_NOBODY_OK);
    }
    CHECK(waitpid((pid_t)pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == RUN_AS_NOBODY_OK);
}

TEST(where_no_user_namespace_can_be_made_an_ordinary_user_is_told_what_to_do)
{
    if (geteuid() == 0) {
        as_nobody(is_refused_without_user_namespaces);
    } else {
        is_refused_without_user_namespaces();
    }
}

TEST(a_missing_reaper_is_said)
{
    struct at_sandbox *s = NULL;
    struct at_diag d;

    CHECK_INT(at_sandbox_new("x", "/no/atoll-reaper", NULL, &s, &d), -ENOENT);
    CHECK(strstr(d.hint, "ATOLL_LIBEXEC") != NULL);
}

/* ---- The kernel's promises that this room and others build on ---- */

TEST(kernel_a_sealed_memory_file_cannot_be_cut_grown_or_written)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    at_auto_close
    int fd = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CHECK(ftruncate(fd, 4096) == 0);
    CHECK(fcntl(fd, F_ADD_SEALS, seals) == 0);
    CHECK(ftruncate(fd, 0) != 0 && errno == EPERM);
    CHECK(ftruncate(fd, 8192) != 0 && errno == EPERM);
    CHECK(pwrite(fd, "x", 1, 0) < 0 && errno == EPERM);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) != 0);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
}

TEST(kernel_cgroup_kill_takes_every_process_of_the_group)
{
    struct at_cgroup_host host;
    struct at_cgroup g;
    struct at_limits none = {0};
    char system_name[32];
    struct at_diag d;
    bool populated = true;
    pid_t pid;
    int status;

    (void)at_cgroup_detect(NULL, &host);
    if (host.base[AT_TREE_LIFE][0] == '\0') {
        printf("# skipped: no v2 tree for this user\n");
        return;
    }
    (void)snprintf(system_name, sizeof(system_name), "test-%d", (int)getpid());
    CHECK_INT(at_cgroup_open(&host, system_name, "k.1", &none, &g, &d), 0);
    pid = fork();
    if (pid == 0) {
        int procs = openat(g.dir[AT_TREE_LIFE], "cgroup.procs", O_WRONLY);

        (void)!write(procs, "0", 1);
        (void)setsid();
        (void)fork();
        (void)fork();
        (void)raise(SIGSTOP);
        for (;;) {
            (void)pause();
        }
    }
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    CHECK_INT(at_cgroup_kill(&g), 0);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
    for (int i = 0; i < 2000 && populated; i++) {
        CHECK_INT(at_cgroup_populated(&g, &populated), 0);
        (void)usleep(1000);
    }
    CHECK(!populated);
    CHECK_INT(at_cgroup_remove(&g), 0);
}

TEST(kernel_the_exit_status_is_known_to_who_is_not_the_parent_after_reaping)
{
    pid_t pid = fork();
    int status = 0;
    at_auto_close
    int pidfd = -1;

    if (pid == 0) {
        (void)raise(SIGUSR1);
        _exit(0);
    }
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    CHECK(waitpid(pid, NULL, 0) == pid);
    if (at_pidfd_exit_status(pidfd, &status) != 0) {
        printf("# skipped: kernel older than 6.15\n");
        return;
    }
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
}

/* ---- Time ---- */

static double now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int smaller(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

TEST(a_start_is_timed)
{
    enum { ROUNDS = 20 };
    double begin[ROUNDS];
    double first_byte[ROUNDS];

    world_open(&w, NULL);
    w.spec.limits = (struct at_limits){.memory_bytes = 64U << 20, .pids = 100};
    world_args(&w, "hello", NULL);
    for (int i = 0; i < ROUNDS; i++) {
        struct at_cage cage;
        at_auto_close
        int in = -1;
        int out[2];
        char byte;
        int finished;
        double start = now_us();

        CHECK(pipe2(out, O_CLOEXEC) == 0);
        in = out[0];
        w.spec.out_fd = out[1];
        CHECK_INT(at_cage_begin(w.sandbox, &w.spec, &cage, &w.diag), 0);
        begin[i] = now_us() - start;
        at_close(&out[1]);
        CHECK_INT(read(in, &byte, 1), 1);
        first_byte[i] = now_us() - start;
        for (int tries = 0;
             (finished = at_cage_finish(&cage, &w.diag)) == AT_CAGE_NOT_YET && tries < 1000;
             tries++) { /* its reaper tells it a moment later */
            struct pollfd wait = {.fd = cage.start_fd, .events = POLLIN};

            (void)poll(&wait, 1, 5);
        }
        CHECK_INT(finished, 0);
        world_end(&cage, &o);
    }
    qsort(begin, ROUNDS, sizeof(begin[0]), smaller);
    qsort(first_byte, ROUNDS, sizeof(first_byte[0]), smaller);
    printf("# begin: least %.0f us, median %.0f us; first byte of main(): least %.0f us, median "
           "%.0f us\n",
           begin[0], begin[ROUNDS / 2], first_byte[0], first_byte[ROUNDS / 2]);
    CHECK(first_byte[0] < 5e6); /* emulated machines too; the figure itself is in bench/start */
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
    return at_test_main("sandbox/cage_life");
}
