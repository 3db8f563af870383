/*
 * How long a cage takes from at_cage_begin() to the first byte that its program writes, beside a
 * bare posix_spawn of the same program. bench/start/start REAPER PROGRAM ROUNDS
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "sandbox/cgroup.h"
#include "sandbox/sandbox.h"

enum { ROUNDS_MAX = 1000, UID = 300777, DESTROY_TRIES = 1000 };

struct figures {
    double begin[ROUNDS_MAX];
    double first_byte[ROUNDS_MAX];
    double bare[ROUNDS_MAX];
};

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

static void show(const char *name, double *values, size_t n)
{
    qsort(values, n, sizeof(*values), smaller);
    printf("%-44s least %6.0f us   median %6.0f us\n", name, values[0], values[n / 2]);
}

static int run_cage(struct at_sandbox *s, const char *program, struct figures *f, size_t round)
{
    const char *argv[] = {program, "hello", NULL};
    const char *envp[] = {"PATH=/usr/bin:/bin", NULL};
    struct at_cage_spec spec = {
        .service = "bench",
        .instance = "bench.1",
        .argv = argv,
        .envp = envp,
        .uid = UID,
        .gid = UID,
        .err_fd = -1,
        .limits = {.memory_bytes = (uint64_t)64 << 20, .pids = 100},
    };
    struct at_cage cage;
    struct at_diag diag;
    at_auto_close
    int in = -1;
    int out[2];
    char byte;
    double start = now_us();
    int r;

    if (pipe2(out, O_CLOEXEC) != 0) {
        return -errno;
    }
    in = out[0];
    spec.out_fd = out[1];
    r = at_cage_begin(s, &spec, &cage, &diag);
    f->begin[round] = now_us() - start;
    at_close(&out[1]);
    if (r != 0) {
        (void)fprintf(stderr, "%s\n", diag.what);
        return r;
    }
    r = read(in, &byte, 1) == 1 ? 0 : -EPIPE;
    f->first_byte[round] = now_us() - start;
    if (at_cage_finish(&cage, &diag) != 0) {
        (void)fprintf(stderr, "%s\n", diag.what);
    }
    (void)waitpid(cage.reaper_pid, NULL, 0);
    for (int i = 0; at_cage_destroy(&cage) != 0 && i < DESTROY_TRIES; i++) {
        (void)usleep(1000);
    }
    return r;
}

static int run_bare(char *program, struct figures *f, size_t round)
{
    int out[2];
    char byte;
    double start = now_us();
    posix_spawn_file_actions_t actions;
    char *argv[] = {program, (char[]){"hello"}, NULL};
    pid_t pid;
    int r;

    if (pipe2(out, O_CLOEXEC) != 0) {
        return -errno;
    }
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    r = -posix_spawn(&pid, program, &actions, NULL, argv, NULL);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (r != 0) {
        at_fd_close_all(out, 2);
        return r;
    }
    at_close(&out[1]);
    r = read(out[0], &byte, 1) == 1 ? 0 : -EPIPE;
    f->bare[round] = now_us() - start;
    at_close(&out[0]);
    (void)waitpid(pid, NULL, 0);
    return r;
}

int main(int argc, char **argv)
{
    static struct figures f;
    struct at_sandbox *s = NULL;
    struct at_diag diag;
    size_t rounds;

    if (argc != 4) {
        (void)fprintf(stderr, "start REAPER PROGRAM ROUNDS\n");
        return 2;
    }
    rounds = strtoul(argv[3], NULL, 10);
    rounds = rounds == 0 || rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
    if (at_sandbox_new("bench-start", argv[1], getenv("ATOLL_CGROUP"), &s, &diag) != 0) {
        (void)fprintf(stderr, "%s (%s)\n", diag.what, diag.hint);
        return 1;
    }
    for (size_t i = 0; i < rounds; i++) {
        if (run_cage(s, argv[2], &f, i) != 0 || run_bare(argv[2], &f, i) != 0) {
            return 1;
        }
    }
    printf("groups: %s; %zu rounds, caged and bare by turns\n",
           at_cgroup_name(&at_sandbox_facts(s)->cgroup), rounds);
    show("at_cage_begin returns after", f.begin, rounds);
    show("first byte of a caged program after", f.first_byte, rounds);
    show("first byte of the same, posix_spawn, after", f.bare, rounds);
    at_sandbox_sweep(s);
    (void)at_sandbox_free(s);
    return 0;
}
