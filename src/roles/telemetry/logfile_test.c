#include "roles/telemetry/logfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/fd.h"

/* 2026-01-31T12:00:00Z */
#define WALL (UINT64_C(1769860800) * AT_SECOND_NS)
#define WHEN "2026-01-31T12:00:00.000Z "

/* The real files, with writes that can be made to fail. */
struct world {
    struct at_env env;
    struct at_env_ops ops;
    ssize_t room; /* bytes that still fit on the disk; < 0: no end */
    char path[64];
    int dir;
    struct at_logfile_conf conf;
};

static ssize_t write_with_room(struct at_env *env, int file, const void *at, size_t len,
                               uint64_t offset)
{
    struct world *w = (struct world *)(void *)env;

    if (w->room == 0) {
        return -ENOSPC;
    }
    if (w->room > 0) {
        len = len < (size_t)w->room ? len : (size_t)w->room;
        w->room -= (ssize_t)len;
    }
    return at_env_real()->ops->pwrite(at_env_real(), file, at, len, offset);
}

static void begin(struct world *w, uint64_t file_bytes, uint32_t files)
{
    *w = (struct world){.ops = *at_env_real()->ops, .room = -1};
    w->ops.pwrite = write_with_room;
    w->env.ops = &w->ops;
    snprintf(w->path, sizeof(w->path), "/tmp/at_logfile_XXXXXX");
    CHECK(mkdtemp(w->path) != NULL);
    w->dir = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    w->conf = (struct at_logfile_conf){
        .env = &w->env, .dir = w->dir, .file_bytes = file_bytes, .files = files};
}

static void end(struct world *w)
{
    DIR *d = opendir(w->path);
    struct dirent *e;

    while ((e = readdir(d)) != NULL) {
        unlinkat(w->dir, e->d_name, 0);
    }
    closedir(d);
    close(w->dir);
    rmdir(w->path);
}

static void open_log(struct world *w, struct at_logfile *l)
{
    CHECK_INT(at_logfile_init(l, &w->conf, AT_LIT("cart.1")), 0);
}

static void put(struct at_logfile *l, const char *stream, const char *text)
{
    at_logfile_add(l, WALL, 1, stream, at_bytes_of(text));
}

static void check_file(struct world *w, const char *name, const char *expected)
{
    char *at = NULL;
    size_t len;

    CHECK_INT(at_fd_read_file(w->dir, name, 1 << 20, &at, &len), 0);
    CHECK_STR(at, expected);
    free(at);
}

TEST(lines_carry_time_and_stream_and_are_safe_for_a_terminal)
{
    struct world w;
    struct at_logfile l;

    begin(&w, 1 << 20, 5);
    open_log(&w, &l);
    put(&l, "stdout", "hello");
    put(&l, "stderr+", "\033[2Jgone\xff");
    at_logfile_flush(&l, WALL, 1);
    put(&l, "stdout", "more");
    at_logfile_deinit(&l, 1);
    check_file(&w, "cart.1.log",
               WHEN "stdout hello\n" WHEN "stderr+ \\x1b[2Jgone\\xff\n" WHEN "stdout more\n");
    end(&w);
}

TEST(a_name_that_leaves_the_directory_is_refused)
{
    static const char *const bad[] = {"", ".", "..", "../cart.1", "a/b", ".hidden", "a b", "a\n"};
    struct world w;
    struct at_logfile l;

    begin(&w, 100, 2);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_INT(at_logfile_init(&l, &w.conf, at_bytes_of(bad[i])), -EINVAL);
    }
    end(&w);
}

TEST(an_earlier_log_is_continued_and_a_torn_line_is_closed)
{
    struct world w;
    struct at_logfile l;

    begin(&w, 1 << 20, 5);
    CHECK_INT(at_fd_write_file(w.dir, "cart.1.log", AT_LIT("old\ntorn"), 0600), 0);
    open_log(&w, &l);
    put(&l, "stdout", "new");
    at_logfile_deinit(&l, 1);
    check_file(&w, "cart.1.log", "old\ntorn\n" WHEN "stdout new\n");
    end(&w);
}

TEST(a_full_file_is_rotated_and_the_oldest_goes)
{
    struct world w;
    struct at_logfile l;
    char text[16];

    begin(&w, 40, 3); /* one line in each */
    open_log(&w, &l);
    for (int i = 1; i <= 5; i++) {
        snprintf(text, sizeof(text), "%d", i);
        put(&l, "stdout", text);
        at_logfile_flush(&l, WALL, 1);
    }
    at_logfile_deinit(&l, 1);
    check_file(&w, "cart.1.log", WHEN "stdout 5\n");
    check_file(&w, "cart.1.log.1", WHEN "stdout 4\n");
    check_file(&w, "cart.1.log.2", WHEN "stdout 3\n");
    CHECK(faccessat(w.dir, "cart.1.log.3", F_OK, 0) != 0);
    end(&w);
}

TEST(lines_lost_to_a_full_disk_are_counted_and_owned_up_to)
{
    struct world w;
    struct at_logfile l;

    begin(&w, 1 << 20, 5);
    open_log(&w, &l);
    put(&l, "stdout", "before");
    at_logfile_flush(&l, WALL, 1);
    w.room = 0;
    put(&l, "stdout", "one");
    at_logfile_flush(&l, WALL, 1);
    put(&l, "stdout", "two"); /* too early for another attempt, also with room */
    w.room = -1;
    at_logfile_flush(&l, WALL, AT_LOG_RETRY_NS);
    CHECK(at_logfile_owes(&l));
    put(&l, "stdout", "after");
    at_logfile_flush(&l, WALL, AT_LOG_RETRY_NS + 1);
    CHECK(!at_logfile_owes(&l));
    at_logfile_deinit(&l, AT_LOG_RETRY_NS + 1);
    check_file(&w, "cart.1.log",
               WHEN "stdout before\n" WHEN
                    "atoll 2 lines (72 bytes) were lost: No space left on device\n" WHEN
                    "stdout after\n");
    end(&w);
}

TEST(a_line_torn_by_a_full_disk_is_not_continued_by_another)
{
    struct world w;
    struct at_logfile l;

    begin(&w, 1 << 20, 5);
    open_log(&w, &l);
    put(&l, "stdout", "whole"); /* 38 bytes */
    put(&l, "stdout", "torn apart");
    put(&l, "stdout", "never");
    w.room = 38 + 36;
    at_logfile_flush(&l, WALL, 1);
    w.room = -1;
    put(&l, "stdout", "after");
    at_logfile_flush(&l, WALL, AT_LOG_RETRY_NS + 1);
    at_logfile_deinit(&l, 1);
    check_file(&w, "cart.1.log",
               WHEN "stdout whole\n" WHEN "stdout torn\n" WHEN
                    "atoll 2 lines (45 bytes) were lost: No space left on device\n" WHEN
                    "stdout after\n");
    end(&w);
}

TEST(a_flood_is_owned_up_to_with_its_own_reason)
{
    struct world w;
    struct at_logfile l;

    begin(&w, 1 << 20, 5);
    open_log(&w, &l);
    at_logfile_drop(&l, 100);
    at_logfile_drop(&l, 50);
    at_logfile_flush(&l, WALL, 1);
    at_logfile_deinit(&l, 1);
    check_file(&w, "cart.1.log",
               WHEN "atoll 2 lines (150 bytes) were dropped: written faster than 4 MiB/s\n");
    end(&w);
}

TEST(a_directory_that_is_gone_loses_lines_and_nothing_else)
{
    struct world w;
    struct at_logfile l;
    int dir;

    begin(&w, 1 << 20, 5);
    dir = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* no file can be made there */
    w.conf.dir = dir;
    open_log(&w, &l);
    put(&l, "stdout", "x");
    at_logfile_flush(&l, WALL, 1);
    CHECK(at_logfile_owes(&l));
    at_logfile_deinit(&l, 1);
    close(dir);
    w.conf.dir = w.dir;
    end(&w);
}

TEST(no_memory_loses_lines_and_nothing_else)
{
    struct world w;

    begin(&w, 1 << 20, 5);
    WITH_EACH_ALLOCATION_FAILING({
        struct at_logfile l;

        CHECK_INT(at_logfile_init(&l, &w.conf, AT_LIT("cart.1")), 0);
        at_logfile_add(&l, WALL, 1, "stdout", AT_LIT("some text"));
        at_logfile_flush(&l, WALL, 1);
        at_logfile_deinit(&l, 1);
    });
    end(&w);
}

/* In a mount namespace of its own, so that the machine's mounts stay as they are. */
static int write_on_a_small_disk(const char *path)
{
    struct at_logfile_conf conf = {.env = at_env_real(), .file_bytes = 64 << 10, .files = 5};
    struct at_logfile l;
    uint64_t now = 1;

    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", path, "tmpfs", 0, "size=128k") != 0) {
        return 77; /* not root */
    }
    conf.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at_logfile_init(&l, &conf, AT_LIT("cart.1")) != 0) {
        return 1;
    }
    for (int i = 0; i < 4000; i++) {
        at_logfile_add(&l, WALL, now, "stdout", AT_LIT("a line of a service that fills the disk"));
        at_logfile_flush(&l, WALL, now);
        now += AT_MILLISECOND_NS;
    }
    bool lost = at_logfile_owes(&l);

    /* Room comes back: the loss is owned up to, and new lines are kept. */
    unlinkat(conf.dir, "cart.1.log.1", 0);
    now += 2 * AT_LOG_RETRY_NS;
    at_logfile_add(&l, WALL, now, "stdout", AT_LIT("after"));
    at_logfile_flush(&l, WALL, now);
    bool owns = at_logfile_owes(&l);

    at_logfile_deinit(&l, now);
    return lost && !owns ? 0 : 2;
}

TEST(a_disk_that_is_really_full_stops_nothing)
{
    struct world w;
    int status;

    begin(&w, 1, 1);
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        _exit(write_on_a_small_disk(w.path));
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
    end(&w);
}

TEST_MAIN("roles/telemetry/logfile")
