/*
 * Finding the back end from the kernel's own words, and the files of each back end, with fixtures:
 * a directory that looks like a control group takes what we write and gives what we read.
 */
#include "sandbox/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "sandbox/cgroup_files.h"

/* A machine with systemd and the unified tree alone. */
static const char v2_mounts[] =
    "24 29 0:22 / /proc rw,nosuid shared:13 - proc proc rw\n"
    "35 25 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 "
    "rw,nsdelegate,memory_recursiveprot\n";
static const char v2_own[] = "0::/user.slice/user-1000.slice/session-3.scope\n";

/* v1 for the limits, v2 beside it. */
static const char hybrid_mounts[] =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
static const char hybrid_own[] = "8:pids:/\n"
                                 "4:memory:/process_api/44c5\n"
                                 "2:cpu,cpuacct:/jobs\n"
                                 "1:name=systemd:/init\n"
                                 "0::/\n";

static struct at_cgroup_map map;

TEST(our_group_in_the_unified_tree_is_mount_point_and_own_path)
{
    at_cgroup_parse(v2_mounts, v2_own, &map);
    CHECK_STR(map.v2, "/sys/fs/cgroup/user.slice/user-1000.slice/session-3.scope");
    CHECK_STR(map.v2_root, "/sys/fs/cgroup");
    CHECK_STR(map.v1[AT_TREE_MEMORY], "");
}

TEST(a_supervisor_that_stepped_aside_finds_the_groups_where_it_left_them)
{
    at_cgroup_parse(v2_mounts, "0::/user.slice/run-r1.scope/atoll-own\n", &map);
    CHECK_STR(map.v2, "/sys/fs/cgroup/user.slice/run-r1.scope");
    at_cgroup_parse(v2_mounts, "0::/user.slice/not-atoll-own\n", &map);
    CHECK_STR(map.v2, "/sys/fs/cgroup/user.slice/not-atoll-own");
}

TEST(in_a_hybrid_each_controller_has_its_own_tree_and_path)
{
    at_cgroup_parse(hybrid_mounts, hybrid_own, &map);
    CHECK_STR(map.v1[AT_TREE_MEMORY], "/sys/fs/cgroup/memory/process_api/44c5");
    CHECK_STR(map.v1[AT_TREE_CPU], "/sys/fs/cgroup/cpu,cpuacct/jobs");
}

TEST(our_group_at_the_top_of_a_tree_is_the_mount_point)
{
    at_cgroup_parse(hybrid_mounts, hybrid_own, &map);
    CHECK_STR(map.v1[AT_TREE_PIDS], "/sys/fs/cgroup/pids");
    CHECK_STR(map.v2, "/sys/fs/cgroup/unified");
}

TEST(a_mount_that_shows_a_part_of_the_tree_is_cut_off_our_path)
{
    at_cgroup_parse("35 31 0:32 /docker/77ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
                    "4:memory:/docker/77ab/inner\n", &map);
    CHECK_STR(map.v1[AT_TREE_MEMORY], "/sys/fs/cgroup/memory/inner");
}

TEST(a_part_whose_name_only_begins_like_ours_is_not_cut)
{
    at_cgroup_parse("35 31 0:32 /docker/77 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
                    "4:memory:/docker/77ab\n", &map);
    CHECK_STR(map.v1[AT_TREE_MEMORY], "/sys/fs/cgroup/memory/docker/77ab");
}

TEST(a_group_outside_of_our_namespace_is_no_place_for_ours)
{
    at_cgroup_parse(v2_mounts, "0::/../../elsewhere\n", &map);
    CHECK_STR(map.v2, "");
    CHECK_STR(map.v2_root, "/sys/fs/cgroup");
}

TEST(nothing_mounted_is_nothing_found)
{
    at_cgroup_parse("", "", &map);
    CHECK_STR(map.v2, "");
    at_cgroup_parse(v2_mounts, "", &map);
    CHECK_STR(map.v2, "");
    at_cgroup_parse("", v2_own, &map);
    CHECK_STR(map.v2, "");
}

TEST(every_shorter_prefix_of_the_kernels_words_is_read_without_harm)
{
    char mounts[sizeof(hybrid_mounts)];
    char own[sizeof(hybrid_own)];

    for (size_t n = 0; n < sizeof(hybrid_mounts); n++) {
        memcpy(mounts, hybrid_mounts, n);
        mounts[n] = '\0';
        at_cgroup_parse(mounts, hybrid_own, &map);
        CHECK(map.v2[0] == '\0' || map.v2[0] == '/');
    }
    for (size_t n = 0; n < sizeof(hybrid_own); n++) {
        memcpy(own, hybrid_own, n);
        own[n] = '\0';
        at_cgroup_parse(hybrid_mounts, own, &map);
        CHECK(map.v2[0] == '\0' || map.v2[0] == '/');
    }
}

TEST(a_path_that_is_too_long_is_left_out)
{
    char own[2 * AT_CGROUP_PATH_MAX] = "0::/";

    memset(own + 4, 'x', sizeof(own) - 6);
    own[sizeof(own) - 2] = '\n';
    at_cgroup_parse(v2_mounts, own, &map);
    CHECK_STR(map.v2, "");
}

TEST(another_word_than_the_three_is_refused_and_gives_none)
{
    static struct at_cgroup_host host;

    CHECK_INT(at_cgroup_detect("v3", &host), -EINVAL);
    CHECK_INT(host.kind, AT_CGROUP_NONE);
    CHECK_INT(at_cgroup_detect("none", &host), 0);
    CHECK_STR(at_cgroup_name(&host), "none");
    CHECK(strstr(at_cgroup_missing(&host, 0), "CPU limits") != NULL);
    CHECK(at_cgroup_missing(&host, 5) == NULL);
}

/* ---- Fixture directories ---- */

static char top[64];

static const char *path_to(const char *name)
{
    static char path[4][256];
    static int turn;

    turn = (turn + 1) % 4;
    (void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", top, name);
    return path[turn];
}

static void put(const char *name, const char *content)
{
    CHECK(at_fd_write_file(AT_FDCWD, path_to(name), at_bytes_of(content), 0644) == 0);
}

static bool holds(const char *name, const char *content)
{
    at_auto_free
    char *text = NULL;
    size_t len = 0;

    return at_fd_read_file(AT_FDCWD, path_to(name), 4096, &text, &len) == 0 &&
           strncmp(text, content, strlen(content)) == 0;
}

static void make_fixture(const char *const *files)
{
    (void)snprintf(top, sizeof(top), "/tmp/atoll-groups-XXXXXX");
    CHECK(mkdtemp(top) != NULL);
    CHECK(mkdir(path_to("atoll"), 0755) == 0);
    CHECK(mkdir(path_to("atoll/shop"), 0755) == 0);
    CHECK(mkdir(path_to("atoll/shop/cart.1"), 0755) == 0);
    for (; *files != NULL; files++) {
        char name[128];

        (void)snprintf(name, sizeof(name), "atoll/shop/cart.1/%s", *files);
        put(name, "");
    }
}

static void remove_fixture(const char *const *files)
{
    for (; *files != NULL; files++) {
        char name[128];

        (void)snprintf(name, sizeof(name), "atoll/shop/cart.1/%s", *files);
        CHECK(unlink(path_to(name)) == 0);
    }
}

static void remove_all(void)
{
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        (void)execl("/bin/rm", "rm", "-rf", "--", top, (char *)NULL);
        _exit(127);
    }
    CHECK(waitpid(pid, NULL, 0) == pid);
}

static const struct at_limits limits = {.memory_bytes = 64U << 20, .cpu_milli = 1500, .pids = 99};

static struct at_cgroup_host fixture_host(const struct at_cgroup_ops *ops, enum at_cgroup_kind kind)
{
    struct at_cgroup_host host = {
        .ops = ops, .kind = kind, .can_memory = true, .can_cpu = true, .can_pids = true};

    for (int i = 0; i < (kind == AT_CGROUP_V2 ? 1 : AT_TREES); i++) {
        (void)snprintf(host.base[i], sizeof(host.base[i]), "%s", top);
    }
    return host;
}

static const char *const v2_files[] = {"memory.max",  "memory.swap.max", "memory.current",
                                       "memory.peak", "memory.events",   "cpu.max",
                                       "cpu.stat",    "pids.max",        "pids.current",
                                       "pids.events", "cgroup.kill",     "cgroup.events",
                                       NULL};

TEST(v2_limits_go_into_the_files_that_hold_them)
{
    struct at_cgroup_host host;
    struct at_cgroup g;
    struct at_diag d;

    make_fixture(v2_files);
    host = fixture_host(&at_cgroup_v2_ops, AT_CGROUP_V2);
    CHECK_INT(at_cgroup_open(&host, "shop", "cart.1", &limits, &g, &d), 0);
    CHECK(holds("atoll/shop/cart.1/memory.max", "67108864"));
    CHECK(holds("atoll/shop/cart.1/memory.swap.max", "0"));
    CHECK(holds("atoll/shop/cart.1/cpu.max", "150000 100000"));
    CHECK(holds("atoll/shop/cart.1/pids.max", "100")); /* the reaper is one of them */
    CHECK_INT(at_cgroup_kill(&g), 0);
    CHECK(holds("atoll/shop/cart.1/cgroup.kill", "1"));
    CHECK_INT(at_cgroup_remove(&g), AT_CGROUP_BUSY); /* as long as there is something in it */
    remove_fixture(v2_files);
    CHECK_INT(at_cgroup_remove(&g), 0);
    CHECK(access(path_to("atoll"), F_OK) != 0);
    CHECK(rmdir(top) == 0);
}

TEST(v2_usage_is_read_from_its_files_and_counts_from_the_start_of_this_life)
{
    struct at_cgroup_host host;
    struct at_cgroup g;
    struct at_usage u;
    struct at_diag d;

    make_fixture(v2_files);
    put("atoll/shop/cart.1/memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 2\n");
    host = fixture_host(&at_cgroup_v2_ops, AT_CGROUP_V2);
    CHECK_INT(at_cgroup_open(&host, "shop", "cart.1", &limits, &g, &d), 0);
    put("atoll/shop/cart.1/memory.current", "1048576\n");
    put("atoll/shop/cart.1/memory.peak", "2097152\n");
    put("atoll/shop/cart.1/memory.events", "low 0\nhigh 0\nmax 9\noom 3\noom_kill 3\n");
    put("atoll/shop/cart.1/cpu.stat", "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n"
                                      "nr_periods 10\nnr_throttled 4\nthrottled_usec 77\n");
    put("atoll/shop/cart.1/pids.current", "3\n");
    put("atoll/shop/cart.1/pids.events", "max 5\n");
    CHECK_INT(at_cgroup_usage(&g, &u), 0);
    CHECK(u.has_memory && u.memory_bytes == 1048576 && u.memory_peak_bytes == 2097152);
    CHECK(u.oom_kills == 1);
    CHECK(u.has_cpu && u.cpu_ns == 1500000 && u.throttled_count == 4 && u.throttled_ns == 77000);
    CHECK(u.has_pids && u.pids == 3 && u.pids_refused == 5);
    remove_fixture(v2_files);
    CHECK_INT(at_cgroup_remove(&g), 0);
    CHECK(rmdir(top) == 0);
}

TEST(files_full_of_nonsense_are_no_usage_and_no_crash)
{
    struct at_cgroup_host host;
    struct at_cgroup g;
    struct at_usage u;
    struct at_diag d;

    make_fixture(v2_files);
    host = fixture_host(&at_cgroup_v2_ops, AT_CGROUP_V2);
    CHECK_INT(at_cgroup_open(&host, "shop", "cart.1", &limits, &g, &d), 0);
    put("atoll/shop/cart.1/memory.current", "many");
    put("atoll/shop/cart.1/memory.events", "oom_kill\noom_kill -3\n");
    put("atoll/shop/cart.1/cpu.stat", "usage_usec 99999999999999999999999\n");
    put("atoll/shop/cart.1/pids.current", "max\n");
    CHECK_INT(at_cgroup_usage(&g, &u), 0);
    CHECK(!u.has_memory && !u.has_cpu && u.oom_kills == 0);
    remove_fixture(v2_files);
    CHECK_INT(at_cgroup_remove(&g), 0);
    CHECK(rmdir(top) == 0);
}

static const char *const v1_files[] = {"memory.limit_in_bytes",
                                       "memory.memsw.limit_in_bytes",
                                       "cpu.cfs_period_us",
                                       "cpu.cfs_quota_us",
                                       "pids.max",
                                       NULL};

TEST(hybrid_limits_go_into_the_files_of_v1)
{
    struct at_cgroup_host host;
    struct at_cgroup g;
    struct at_diag d;

    make_fixture(v1_files);
    host = fixture_host(&at_cgroup_hybrid_ops, AT_CGROUP_HYBRID);
    CHECK_INT(at_cgroup_open(&host, "shop", "cart.1", &limits, &g, &d), 0);
    CHECK(holds("atoll/shop/cart.1/memory.limit_in_bytes", "67108864"));
    CHECK(holds("atoll/shop/cart.1/memory.memsw.limit_in_bytes", "67108864"));
    CHECK(holds("atoll/shop/cart.1/cpu.cfs_quota_us", "150000"));
    CHECK(holds("atoll/shop/cart.1/cpu.cfs_period_us", "100000"));
    CHECK(holds("atoll/shop/cart.1/pids.max", "100"));
    remove_fixture(v1_files);
    CHECK_INT(at_cgroup_remove(&g), 0);
    CHECK(rmdir(top) == 0);
}

TEST(a_limit_that_is_refused_names_its_file)
{
    static const char *const no_files[] = {NULL};
    struct at_cgroup_host host;
    struct at_cgroup g;
    struct at_diag d;

    make_fixture(no_files);
    host = fixture_host(&at_cgroup_v2_ops, AT_CGROUP_V2);
    CHECK_INT(at_cgroup_open(&host, "shop", "cart.1", &limits, &g, &d), -ENOENT);
    CHECK_STR(d.what, "cart.1: control group file memory.max: No such file or directory");
    CHECK(rmdir(top) == 0); /* nothing was left below it */
}

TEST(v2_gives_limits_only_below_a_group_without_processes)
{
    static struct at_cgroup_host host;
    static const char *const files[] = {NULL};

    make_fixture(files);
    host = fixture_host(&at_cgroup_v2_ops, AT_CGROUP_V2);
    put("cgroup.controllers", "cpu memory pids\n");
    put("cgroup.subtree_control", "cpu\n");
    put("cgroup.procs", "12\n13\n");
    put("cgroup.type", "domain\n");
    at_cgroup_v2_look(&host);
    CHECK(!host.can_memory && host.can_cpu && !host.can_pids); /* cpu is given already */
    put("cgroup.procs", "");
    at_cgroup_v2_look(&host);
    CHECK(host.can_memory && host.can_cpu && host.can_pids);
    put("cgroup.controllers", "cpu pids\n");
    at_cgroup_v2_look(&host);
    CHECK(!host.can_memory && host.can_pids);
    put("cgroup.procs", "12\n");
    CHECK(unlink(path_to("cgroup.type")) == 0); /* the topmost group has none, and may have both */
    at_cgroup_v2_look(&host);
    CHECK(host.can_pids);
    remove_all();
}

TEST(in_a_delegated_group_our_processes_make_room_one_level_down)
{
    static struct at_cgroup_host host;
    static const char *const files[] = {NULL};

    make_fixture(files);
    host = fixture_host(&at_cgroup_v2_ops, AT_CGROUP_V2);
    host.can_memory = false;
    put("cgroup.controllers", "cpu memory pids\n");
    put("cgroup.subtree_control", "\n");
    put("cgroup.procs", "12\n13\n");
    put("cgroup.type", "domain\n");
    CHECK(mkdir(path_to("atoll-own"), 0777) == 0);
    put("atoll-own/cgroup.procs", "");
    CHECK(geteuid() != 0 || chown(top, 65534, 65534) == 0);
    CHECK(geteuid() != 0 || chown(path_to("atoll-own/cgroup.procs"), 65534, 65534) == 0);
    at_cgroup_make_room(&host);
    CHECK(geteuid() != 0 || holds("atoll-own/cgroup.procs", "")); /* root has no need to */
    if (geteuid() == 0) {
        CHECK(seteuid(65534) == 0);
        at_cgroup_make_room(&host);
        CHECK(seteuid(0) == 0);
    }
    CHECK(holds("atoll-own/cgroup.procs", "13")); /* the last one written */
    remove_all();
}

TEST(names_that_would_leave_the_directory_are_refused)
{
    static const char *const names[] = {"..", "../x", "", "a/b", ".hidden", "a\nb", "a b"};
    static struct at_cgroup_host host;
    struct at_cgroup g;
    struct at_diag d;
    char longer[128];

    (void)at_cgroup_detect("none", &host);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK_INT(at_cgroup_open(&host, "shop", names[i], &limits, &g, &d), -EINVAL);
        CHECK_INT(at_cgroup_open(&host, names[i], "cart.1", &limits, &g, &d), -EINVAL);
        CHECK_INT(at_cgroup_adopt(&host, "shop", names[i], &g), -EINVAL);
        CHECK_INT(at_cgroup_sweep(&host, names[i]), -EINVAL);
    }
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    CHECK_INT(at_cgroup_open(&host, "shop", longer, &limits, &g, &d), -EINVAL);
}

TEST_MAIN("sandbox/cgroup")
