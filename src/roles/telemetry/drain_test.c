#include "roles/telemetry/drain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/fd.h"
#include "loop/loop.h"

/* 2026-01-31T12:00:00Z */
#define WALL (UINT64_C(1769860800) * AT_SECOND_NS)
#define WHEN "2026-01-31T12:00:00.000Z "

/* Real files and pipes, a clock that stands until it is moved. */
struct world {
    struct at_env env;
    struct at_env_ops ops;
    uint64_t now;
    char path[64];
    int dir;
    struct at_loop *loop;
    struct at_drain *drain;
};

static uint64_t now_of(struct at_env *env)
{
    return ((struct world *)(void *)env)->now;
}

static uint64_t wall_of(struct at_env *env)
{
    return WALL;
}

static void begin(struct world *w)
{
    *w = (struct world){.ops = *at_env_real()->ops, .now = AT_SECOND_NS};
    w->ops.now_ns = now_of;
    w->ops.wall_ns = wall_of;
    w->env.ops = &w->ops;
    snprintf(w->path, sizeof(w->path), "/tmp/at_drain_XXXXXX");
    CHECK(mkdtemp(w->path) != NULL);
    w->dir = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_INT(at_loop_new(&w->env, &w->loop), 0);
    struct at_logfile_conf conf = {
        .env = &w->env, .dir = w->dir, .file_bytes = 64 << 20, .files = 2};
    CHECK_INT(at_drain_new(w->loop, &conf, &w->drain), 0);
}

static void end(struct world *w)
{
    w->drain = at_drain_free(w->drain);
    w->loop = at_loop_free(w->loop);
    DIR *d = opendir(w->path);
    struct dirent *e;

    while ((e = readdir(d)) != NULL) {
        unlinkat(w->dir, e->d_name, 0);
    }
    closedir(d);
    close(w->dir);
    rmdir(w->path);
}

/* The write end of a pipe whose read end the drain has. */
static int pipe_into(struct world *w, const char *instance, uint64_t generation, bool err)
{
    int fds[2];

    CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
    CHECK_INT(at_drain_add(w->drain, at_bytes_of(instance), generation, err ? -1 : fds[0],
                           err ? fds[0] : -1),
              0);
    return fds[1];
}

static void say(int fd, const char *text)
{
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void turns(struct world *w, int n)
{
    for (int i = 0; i < n; i++) {
        CHECK_INT(at_loop_turn(w->loop, 0), 0);
    }
}

static char *read_log(struct world *w, const char *name)
{
    char *at = NULL;
    size_t len;

    CHECK_INT(at_fd_read_file(w->dir, name, 64 << 20, &at, &len), 0);
    return at;
}

static void check_log(struct world *w, const char *name, const char *expected)
{
    char *at = read_log(w, name);

    CHECK_STR(at, expected);
    free(at);
}

TEST(both_streams_of_an_instance_go_into_its_log)
{
    struct world w;

    begin(&w);
    int out = pipe_into(&w, "cart.1", 1, false);
    int err = pipe_into(&w, "cart.1", 1, true);
    int other = pipe_into(&w, "stock.1", 2, false);

    say(out, "one\n");
    turns(&w, 2);
    say(err, "two\n");
    say(other, "three\n");
    turns(&w, 2);
    check_log(&w, "cart.1.log", WHEN "stdout one\n" WHEN "stderr two\n");
    check_log(&w, "stock.1.log", WHEN "stdout three\n");
    close(out);
    close(err);
    close(other);
    turns(&w, 2);
    CHECK(at_drain_streams(w.drain) == 0);
    end(&w);
}

TEST(the_last_words_of_a_dead_service_are_kept)
{
    struct world w;

    begin(&w);
    int out = pipe_into(&w, "cart.1", 1, false);
    say(out, "assertion failed"); /* no line end, then death */
    close(out);
    turns(&w, 3);
    check_log(&w, "cart.1.log", WHEN "stdout assertion failed\n");
    out = pipe_into(&w, "cart.1", 2, false); /* started again */
    say(out, "hello\n");
    turns(&w, 2);
    check_log(&w, "cart.1.log", WHEN "stdout assertion failed\n" WHEN "stdout hello\n");
    close(out);
    end(&w);
}

TEST(a_prompt_appears_after_a_second_without_line_end)
{
    struct world w;

    begin(&w);
    int out = pipe_into(&w, "cart.1", 1, false);
    say(out, "loading...");
    turns(&w, 2);
    w.now += AT_LOG_PARTIAL_NS;
    turns(&w, 2);
    check_log(&w, "cart.1.log", WHEN "stdout+ loading...\n");
    say(out, "done\n");
    turns(&w, 2);
    check_log(&w, "cart.1.log", WHEN "stdout+ loading...\n" WHEN "stdout done\n");
    close(out);
    end(&w);
}

TEST(pipes_that_are_told_again_are_not_read_twice)
{
    struct world w;
    int fds[2];

    begin(&w);
    CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
    int again = dup(fds[0]);
    CHECK_INT(at_drain_add(w.drain, AT_LIT("cart.1"), 7, fds[0], -1), 0);
    CHECK_INT(at_drain_add(w.drain, AT_LIT("cart.1"), 7, again, -1), 0);
    CHECK(at_drain_streams(w.drain) == 1);
    say(fds[1], "once\n");
    turns(&w, 2);
    check_log(&w, "cart.1.log", WHEN "stdout once\n");
    close(fds[1]);
    end(&w);
}

TEST(a_name_that_is_no_file_is_refused_and_its_pipes_closed)
{
    struct world w;
    int fds[2];

    begin(&w);
    CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
    CHECK_INT(at_drain_add(w.drain, AT_LIT("../x"), 7, fds[0], -1), -EINVAL);
    close(fds[1]);
    end(&w);
}

TEST(a_flood_is_read_to_the_end_but_dropped_beyond_its_rate_and_others_are_heard)
{
    static char block[65536];
    struct world w;

    begin(&w);
    memset(block, 'x', sizeof(block));
    for (size_t i = 99; i < sizeof(block); i += 100) {
        block[i] = '\n';
    }
    int out = pipe_into(&w, "flood.1", 1, false);
    int quiet = pipe_into(&w, "quiet.1", 2, false);
    CHECK_INT(at_fd_set_nonblocking(out, 1), 0);
    for (int i = 0; i < 256; i++) { /* 16 MiB at one moment */
        CHECK(write(out, block, sizeof(block)) == (ssize_t)sizeof(block));
        if (i == 200) {
            say(quiet, "heard\n");
        }
        turns(&w, 1);
    }
    check_log(&w, "quiet.1.log", WHEN "stdout heard\n");
    w.now += AT_LOG_NOTE_NS;
    turns(&w, 2);
    char *log = read_log(&w, "flood.1.log");
    CHECK(strlen(log) < 2 * (size_t)AT_LOG_BURST_BYTES);
    CHECK(strstr(log, "were dropped: written faster than 4 MiB/s\n") != NULL);
    free(log);
    w.now += 10 * AT_SECOND_NS;
    say(out, "\nafter\n");
    turns(&w, 2);
    log = read_log(&w, "flood.1.log");
    CHECK(strstr(log, "stdout after\n") != NULL);
    free(log);
    close(out);
    close(quiet);
    end(&w);
}

TEST(a_sweep_reads_what_is_there_before_the_end)
{
    struct world w;

    begin(&w);
    int out = pipe_into(&w, "cart.1", 1, false);
    say(out, "goodbye\n");
    at_drain_sweep(w.drain);
    check_log(&w, "cart.1.log", WHEN "stdout goodbye\n");
    close(out);
    end(&w);
}

TEST(no_memory_refuses_a_stream_and_leaks_nothing)
{
    struct world w;

    begin(&w);
    WITH_EACH_ALLOCATION_FAILING({
        int fds[2];

        CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
        (void)at_drain_add(w.drain, AT_LIT("cart.1"), 1, fds[0], -1);
        close(fds[1]);
        CHECK_INT(at_loop_turn(w.loop, 0), 0);
        CHECK(at_drain_streams(w.drain) == 0);
    });
    end(&w);
}

TEST_MAIN("roles/telemetry/drain")
