#include "roles/supervisor/stories/stage.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/socket.h"
#include "base/text.h"
#include "control/message.h"
#include "control/operator.h"
#include "plan/plan.h"
#include "plan/sealed.h"

enum { PATIENCE_S = 10, POLL_US = 2000 };

static void copy_actor(const char *to)
{
    at_auto_free
    char *text = NULL;
    size_t len = 0;

    CHECK_INT(at_fd_read_file(AT_FDCWD, ACTOR_PATH, 64 << 20, &text, &len), 0);
    CHECK_INT(at_fd_write_file(AT_FDCWD, to, at_bytes_over(text, len), 0755), 0);
    CHECK_INT(chmod(to, 0755), 0);
}

bool stage_open(struct stage *t)
{
    if (geteuid() != 0) {
        return false;
    }
    *t = (struct stage){.operator_fd = -1, .project = "/tmp/at-story-XXXXXX"};
    CHECK(mkdtemp(t->project) != NULL);
    CHECK_INT(chmod(t->project, 0755), 0);
    (void)snprintf(t->actor, sizeof(t->actor), "%s/actor", t->project);
    (void)snprintf(t->uids, sizeof(t->uids), "%s/uids", t->project);
    (void)snprintf(t->system, sizeof(t->system), "story%d", (int)getpid());
    copy_actor(t->actor);
    t->message = calloc(1, sizeof(*t->message));
    CHECK(t->message != NULL);
    at_plan_init(&t->plan);
    t->plan.system = t->system;
    t->plan.project_dir = t->project;
    t->plan.deadline_ns = AT_SECOND_NS;
    t->plan.services = t->services;
    return true;
}

uint32_t stage_add(struct stage *t, const char *name, const char *play, const char *with)
{
    uint32_t i = (uint32_t)t->plan.service_count++;

    t->args[i][0] = t->actor;
    t->args[i][1] = play;
    t->args[i][2] = with;
    t->services[i] = (struct at_plan_service){
        .name = name,
        .kind = AT_PLAN_SERVICE,
        .executable = t->actor,
        .argv = {t->args[i], with == NULL ? 2 : 3},
        .cwd = t->project,
        .uses = {t->uses[i], 0},
        .depends_on = {t->depends[i], 0},
        .restart = AT_PLAN_RESTART_ALWAYS,
        .backoff_min_ns = 50 * AT_MILLISECOND_NS,
        .backoff_max_ns = 400 * AT_MILLISECOND_NS,
        .backoff_exits = 10,
        .backoff_window_ns = 30 * AT_SECOND_NS,
        .start_timeout_ns = 5 * AT_SECOND_NS,
        .stop_signal = 15,
        .stop_grace_ns = AT_SECOND_NS,
        .replicas = 1,
        .nofile = 256,
        .ready = AT_PLAN_READY_HELLO,
        .file = "atoll.yaml",
        .line = i + 1,
    };
    return i;
}

void stage_uses(struct stage *t, uint32_t from, uint32_t to)
{
    t->uses[from][t->services[from].uses.count++] = to;
    t->services[from].uses_line = from + 1;
}

void stage_serves(struct stage *t, uint32_t service, const char *contract)
{
    t->contracts[service][0] = contract;
    t->services[service].contracts.at = t->contracts[service];
    t->services[service].contracts.count = 1;
    t->services[service].contract_bytes = 8; /* atolld never looks into it */
}

void stage_depends(struct stage *t, uint32_t on, uint32_t from)
{
    struct at_plan_dependencies *d = &t->services[from].depends_on;

    d->at[d->count++] = (struct at_plan_dependency){.service = on, .condition = AT_PLAN_HEALTHY};
}

/* ---- atolld ---- */

static void run_daemon(const struct stage *t, int fd)
{
    char number[16];

    (void)snprintf(number, sizeof(number), "%d", fd);
    (void)fcntl(fd, F_SETFD, 0);
    (void)setenv("ATOLL_OPERATOR_FD", number, 1);
    (void)setenv("ATOLL_LIBEXEC", t->libexec == NULL ? REAPER_DIR : t->libexec, 1);
    (void)setenv("ATOLL_UIDS_FILE", t->uids, 1);
    if (getenv("STORY_LOUD") == NULL) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        if (null >= 0) {
            (void)dup2(null, STDERR_FILENO);
        }
    }
    (void)execl(t->daemon == NULL ? ATOLLD_PATH : t->daemon, "atolld", NULL);
    _exit(127);
}

static void say_hello(int sock)
{
    struct at_operator_hello hello = {
        .version_min = 1, .version_max = AT_OPERATOR_VERSION, .client = AT_LIT("story")};

    CHECK_INT(at_message_send(sock, &at_operator_hello_kind, &hello, NULL, 0), 0);
}

void stage_launch(struct stage *t)
{
    struct at_operator_start start = {.request = 1};
    struct at_text packed;
    int pair[2];
    int fds[2];

    at_text_init(&packed);
    CHECK_INT(at_plan_pack(&t->plan, &packed), 0);
    CHECK_INT(at_sealed_make("plan", at_text_bytes(&packed), &fds[0]), 0);
    CHECK_INT(at_sealed_make("contracts", AT_LIT("contract"), &fds[1]), 0);
    at_text_deinit(&packed);
    CHECK_INT(at_socket_pair(pair), 0);
    t->anchor = fork();
    CHECK(t->anchor >= 0);
    if (t->anchor == 0) {
        run_daemon(t, pair[1]);
    }
    at_close(&pair[1]);
    t->operator_fd = pair[0];
    say_hello(t->operator_fd);
    CHECK_INT(at_message_send(t->operator_fd, &at_operator_start_kind, &start, fds, 2), 0);
    at_fd_close_all(fds, 2);
}

static void keep_text(struct stage *t, struct at_bytes text)
{
    (void)snprintf(t->last_reason, sizeof(t->last_reason), "%.*s", (int)text.len,
                   text.len == 0 ? "" : (const char *)text.at);
}

/* The next message within the patience; false: the socket was closed. */
static bool receive(int sock, struct at_message *m)
{
    struct pollfd p = {.fd = sock, .events = POLLIN};
    int r;

    CHECK_INT(poll(&p, 1, PATIENCE_S * 1000), 1);
    r = at_message_receive(sock, m);
    CHECK(r == 0 || r == AT_MESSAGE_CLOSED);
    return r == 0;
}

static void print_problem(const struct at_message *m)
{
    struct at_operator_problem problem;

    if (m->type == AT_OPERATOR_PROBLEM && getenv("STORY_LOUD") != NULL &&
        at_message_read(&at_operator_problem_kind, m, &problem) == 0) {
        (void)fprintf(stderr, "problem: %.*s\n", (int)problem.what.len,
                      (const char *)problem.what.at);
    }
}

uint32_t stage_result(struct stage *t)
{
    struct at_operator_result result;

    while (receive(t->operator_fd, t->message)) {
        print_problem(t->message);
        if (at_message_read(&at_operator_result_kind, t->message, &result) == 0) {
            keep_text(t, result.text);
            return result.code;
        }
    }
    ck_abort_msg("atolld left without a RESULT");
}

bool stage_saw(struct stage *t, const char *instance, uint32_t state)
{
    struct at_operator_event e;

    while (receive(t->operator_fd, t->message)) {
        if (at_message_read(&at_operator_event_kind, t->message, &e) == 0 && e.state == state &&
            at_bytes_equal(e.instance, at_bytes_of(instance))) {
            return true;
        }
    }
    return false;
}

uint32_t stage_up(struct stage *t)
{
    stage_launch(t);
    return stage_result(t);
}

bool stage_has_ended(struct stage *t, int *ret)
{
    int status = 0;

    if (waitpid(t->anchor, &status, WNOHANG) != t->anchor) {
        return false;
    }
    t->anchor = 0;
    *ret = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return true;
}

static bool is_supervisor(struct at_bytes pid)
{
    char path[64];
    at_auto_free
    char *text = NULL;
    size_t len = 0;

    (void)snprintf(path, sizeof(path), "/proc/%.*s/cmdline", (int)pid.len, (const char *)pid.at);
    return at_fd_read_file(AT_FDCWD, path, 4096, &text, &len) == 0 &&
           memmem(text, len, "--supervisor", 12) != NULL;
}

pid_t stage_find_supervisor(const struct stage *t)
{
    char path[64];
    at_auto_free
    char *text = NULL;
    size_t len = 0;
    struct at_bytes rest;
    struct at_bytes piece;
    uint64_t pid;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)t->anchor, (int)t->anchor);
    if (at_fd_read_file(AT_FDCWD, path, 1 << 20, &text, &len) < 0) {
        return 0;
    }
    rest = at_bytes_over(text, len);
    while (at_bytes_cut(&rest, ' ', &piece)) {
        if (is_supervisor(piece) && at_bytes_to_u64(piece, &pid)) {
            return (pid_t)pid;
        }
    }
    return 0;
}

int stage_wait(struct stage *t)
{
    int status = 0;

    CHECK_INT(waitpid(t->anchor, &status, 0), t->anchor);
    t->anchor = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int stage_down(struct stage *t)
{
    struct at_operator_down down = {.request = 9};
    int code;

    CHECK_INT(at_message_send(t->operator_fd, &at_operator_down_kind, &down, NULL, 0), 0);
    CHECK_INT((long)stage_result(t), AT_OPERATOR_OK);
    code = stage_wait(t);
    stage_check_nothing_left(t);
    return code;
}

/* The command prints what should not be there. */
static void expect_no(const char *before, const char *name, const char *after)
{
    char command[256];
    FILE *f;
    char line[256];

    (void)snprintf(command, sizeof(command), "%s%s%s 2>/dev/null", before, name, after);
    f = popen(command, "re"); /* a test may */
    CHECK(f != NULL);
    if (fgets(line, sizeof(line), f) != NULL) {
        ck_abort_msg("left behind: %s", line);
    }
    (void)pclose(f);
}

void stage_check_nothing_left(const struct stage *t)
{
    expect_no("ls -d /run/atoll/", t->system, "");
    expect_no("find /sys/fs/cgroup -type d -name ", t->system, "");
    expect_no("grep -al ATOLL_SYSTEM=", t->system, " /proc/[0-9]*/environ");
    expect_no("grep -h ", t->project, " /proc/self/mountinfo");
}

static void remove_tree(const char *path)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", path);
    CHECK_INT(system(command), 0);
}

void stage_close(struct stage *t)
{
    at_close(&t->operator_fd);
    if (t->anchor != 0) {
        (void)stage_wait(t);
    }
    t->plan.services = NULL;
    at_plan_deinit(&t->plan);
    free(t->message);
    remove_tree(t->project);
}

/* ---- looking ---- */

int stage_connect(struct stage *t)
{
    char path[256];
    int sock = -1;

    CHECK_INT(at_operator_socket_path(t->system, path, sizeof(path)), 0);
    CHECK_INT(at_socket_connect_unix(path, &sock), 0);
    say_hello(sock);
    return sock;
}

static void take_row(const struct at_message *m, const char *instance, struct stage_row *ret,
                     bool *found)
{
    struct at_operator_row row;

    if (m->type != AT_OPERATOR_ROW || at_message_read(&at_operator_row_kind, m, &row) != 0 ||
        !at_bytes_equal(row.instance, at_bytes_of(instance))) {
        return;
    }
    *found = true;
    *ret = (struct stage_row){
        .state = row.state, .pid = row.pid, .reaper_pid = row.reaper_pid, .restarts = row.restarts};
    (void)snprintf(ret->last_exit, sizeof(ret->last_exit), "%.*s", (int)row.last_exit.len,
                   row.last_exit.len == 0 ? "" : (const char *)row.last_exit.at);
}

bool stage_ps(struct stage *t, const char *instance, struct stage_row *ret)
{
    struct at_operator_ps ps = {.request = 5};
    int sock = stage_connect(t);
    bool found = false;
    bool more = at_message_send(sock, &at_operator_ps_kind, &ps, NULL, 0) == 0;

    *ret = (struct stage_row){0};
    while (more && receive(sock, t->message)) {
        take_row(t->message, instance, ret, &found);
        more = t->message->type != AT_OPERATOR_RESULT;
    }
    at_close(&sock);
    return found;
}

struct stage_row stage_wait_for(struct stage *t, const char *instance, uint32_t state)
{
    uint64_t deadline = at_now_ns() + PATIENCE_S * AT_SECOND_NS;
    struct stage_row row = {0};

    while (at_now_ns() < deadline) {
        if (stage_ps(t, instance, &row) && row.state == state) {
            return row;
        }
        (void)usleep(POLL_US);
    }
    ck_abort_msg("%s is %s (%s), not %s", instance, at_life_state_name(row.state), row.last_exit,
                 at_life_state_name(state));
}

struct stage_row stage_wait_for_other(struct stage *t, const char *instance, uint32_t pid)
{
    uint64_t deadline = at_now_ns() + PATIENCE_S * AT_SECOND_NS;
    struct stage_row row = {0};

    while (at_now_ns() < deadline) {
        if (stage_ps(t, instance, &row) && row.state == AT_LIFE_READY && row.pid != pid) {
            return row;
        }
        (void)usleep(POLL_US);
    }
    ck_abort_msg("%s is %s with pid %u: %s", instance, at_life_state_name(row.state), row.pid,
                 row.last_exit);
}

int stage_count(struct stage *t, const char *instance, const char *text)
{
    char path[256];
    at_auto_free
    char *log = NULL;
    size_t len = 0;
    struct at_bytes rest;
    struct at_bytes line;
    int n = 0;

    (void)snprintf(path, sizeof(path), "%s/.atoll/state/%.*s/%s.log", t->project,
                   (int)strcspn(instance, "."), instance, instance);
    if (at_fd_read_file(AT_FDCWD, path, 16 << 20, &log, &len) < 0) {
        return 0;
    }
    rest = at_bytes_over(log, len);
    while (at_bytes_cut(&rest, '\n', &line)) {
        n += memmem(line.at, line.len, text, strlen(text)) != NULL ? 1 : 0;
    }
    return n;
}

bool stage_heard(struct stage *t, const char *instance, const char *text)
{
    uint64_t deadline = at_now_ns() + PATIENCE_S * AT_SECOND_NS;

    while (at_now_ns() < deadline) {
        if (stage_count(t, instance, text) > 0) {
            return true;
        }
        (void)usleep(POLL_US);
    }
    return false;
}

void stage_pids(struct stage *t, pid_t *ret_anchor, pid_t *ret_supervisor)
{
    struct at_operator_welcome w;
    int sock = stage_connect(t);

    CHECK(receive(sock, t->message));
    CHECK_INT(at_message_read(&at_operator_welcome_kind, t->message, &w), 0);
    *ret_anchor = (pid_t)w.anchor_pid;
    *ret_supervisor = (pid_t)w.supervisor_pid;
    at_close(&sock);
}
