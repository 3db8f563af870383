#include "sandbox/cage_world.h"

#include <check.h>
#include <fcntl.h>
#include <stdarg.h>
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
#include "sandbox/cgroup.h"
#include "sandbox/sandbox.h"

enum { START_TIMEOUT_MS = 20000 };

static const char *const world_envp[] = {"PATH=/usr/bin:/bin", "HOME=/state", "MARK=here", NULL};

static void copy_program(const char *from, const char *to)
{
    char buffer[16384];
    at_auto_close
    int in = open(from, O_RDONLY | O_CLOEXEC);
    at_auto_close
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    ssize_t n;

    CHECK(in >= 0 && out >= 0);
    while ((n = read(in, buffer, sizeof(buffer))) > 0) {
        CHECK(at_fd_write_all(out, buffer, (size_t)n) == 0);
    }
    CHECK(fchmod(out, 0755) == 0);
}

void world_write(const char *path, const char *content, mode_t mode)
{
    CHECK(at_fd_write_file(AT_FDCWD, path, at_bytes_of(content), mode) == 0);
    CHECK(chmod(path, mode) == 0);
}

void world_open(struct world *w, const char *forced)
{
    static const char *const dirs[] = {"", "/project", "/project/.atoll", "/project/.atoll/state",
                                       "/project/.atoll/state/probe"};
    char path[160];

    *w = (struct world){.uid = geteuid() == 0 ? WORLD_UID : geteuid()};
    (void)snprintf(w->top, sizeof(w->top), "/tmp/atoll-cage-XXXXXX");
    CHECK(mkdtemp(w->top) != NULL);
    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", w->top, dirs[i]);
        CHECK(i == 0 || mkdir(path, 0755) == 0);
        CHECK(chmod(path, 0755) == 0);
    }
    (void)snprintf(w->project, sizeof(w->project), "%s/project", w->top);
    (void)snprintf(w->state, sizeof(w->state), "%s/project/.atoll/state/probe", w->top);
    (void)snprintf(w->reaper, sizeof(w->reaper), "%s/atoll-reaper", w->top);
    (void)snprintf(w->system, sizeof(w->system), "test-%d", (int)getpid());
    copy_program(REAPER_PATH, w->reaper);
    (void)snprintf(path, sizeof(path), "%s/probe", w->project);
    copy_program(PROBE_PATH, path);
    if (geteuid() == 0) {
        CHECK(chown(w->state, WORLD_UID, WORLD_UID) == 0);
    }
    ck_assert_msg(at_sandbox_new(w->system, w->reaper, forced, &w->sandbox, &w->diag) == 0,
                  "%s | %s", w->diag.what, w->diag.hint);
    w->spec = (struct at_cage_spec){.service = "probe",
                                    .instance = "probe.1",
                                    .argv = w->argv,
                                    .envp = world_envp,
                                    .project_dir = w->project,
                                    .state_dir = w->state,
                                    .uid = WORLD_UID,
                                    .gid = WORLD_UID,
                                    .out_fd = -1,
                                    .err_fd = -1};
}

static void remove_tree(const char *path)
{
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        (void)execl("/bin/rm", "rm", "-rf", "--", path, (char *)NULL);
        _exit(127);
    }
    CHECK(waitpid(pid, NULL, 0) == pid);
}

void world_close(struct world *w)
{
    at_sandbox_sweep(w->sandbox);
    CHECK(world_groups_are_gone(w));
    (void)at_sandbox_free(w->sandbox);
    remove_tree(w->top);
}

void world_args(struct world *w, const char *verb, ...)
{
    size_t n = 0;
    va_list args;
    const char *word = verb;

    w->argv[n++] = "./probe";
    va_start(args, verb);
    while (word != NULL) {
        CHECK(n + 1 < sizeof(w->argv) / sizeof(w->argv[0]));
        w->argv[n++] = word;
        word = va_arg(args, const char *);
    }
    va_end(args);
    w->argv[n] = NULL;
}

static int start(struct world *w, struct at_cage *cage, int *ret_out)
{
    int out[2];
    int r;

    CHECK(pipe2(out, O_CLOEXEC) == 0);
    w->spec.out_fd = out[1];
    w->diag = (struct at_diag){0};
    r = at_cage_start(w->sandbox, &w->spec, START_TIMEOUT_MS, cage, &w->diag);
    at_close(&out[1]);
    if (r != 0) {
        at_close(&out[0]);
    }
    *ret_out = out[0];
    return r;
}

bool world_start(struct world *w, struct at_cage *cage, int *ret_out)
{
    return start(w, cage, ret_out) == 0;
}

void world_end(struct at_cage *cage, struct outcome *o)
{
    int status = -1;
    int tries = 0;
    int r;

    CHECK(waitpid(cage->reaper_pid, &status, 0) == cage->reaper_pid);
    at_cage_ended(cage, status, &o->end);
    o->has_usage = at_cage_usage(cage, &o->usage) == 0;
    while ((r = at_cage_destroy(cage)) == AT_CGROUP_BUSY && tries++ < 5000) {
        (void)usleep(1000);
    }
    ck_assert_int_eq(r, 0);
}

bool world_read_until(int fd, const char *text, char *out, size_t cap)
{
    size_t len = 0;

    out[0] = '\0';
    while (len + 1 < cap && (text == NULL || strstr(out, text) == NULL)) {
        ssize_t n = read(fd, out + len, cap - 1 - len);

        if (n <= 0) {
            break;
        }
        len += (size_t)n;
        out[len] = '\0';
    }
    return text != NULL && strstr(out, text) != NULL;
}

void world_run(struct world *w, struct outcome *o)
{
    struct at_cage cage;
    at_auto_close
    int out = -1;

    *o = (struct outcome){0};
    o->r = start(w, &cage, &out);
    if (o->r != 0) {
        return;
    }
    (void)world_read_until(out, NULL, o->out, sizeof(o->out));
    world_end(&cage, o);
}

static bool find_line(const struct outcome *o, const char *line, bool whole)
{
    size_t len = strlen(line);

    for (const char *at = o->out; at != NULL && *at != '\0';) {
        const char *end = strchr(at, '\n');

        if (strncmp(at, line, len) == 0 && (!whole || at[len] == '\n' || at[len] == '\0')) {
            return true;
        }
        at = end == NULL ? NULL : end + 1;
    }
    return false;
}

bool says(const struct outcome *o, const char *line)
{
    return find_line(o, line, true);
}

bool says_start(const struct outcome *o, const char *start_of_line)
{
    return find_line(o, start_of_line, false);
}

bool world_groups_are_gone(const struct world *w)
{
    const struct at_cgroup_host *host = &at_sandbox_facts(w->sandbox)->cgroup;

    for (int i = 0; i < AT_TREES; i++) {
        char path[AT_CGROUP_PATH_MAX + 128];

        (void)snprintf(path, sizeof(path), "%s/atoll/%s", host->base[i], w->system);
        if (host->base[i][0] != '\0' && access(path, F_OK) == 0) {
            return false;
        }
    }
    return true;
}
