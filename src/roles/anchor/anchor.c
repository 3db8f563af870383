/*
 * The loop of the anchor: messages of the supervisor, deaths of children, and the decision when the
 * supervisor is started again.
 */
#include "roles/anchor/anchor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "base/socket.h"
#include "control/anchor.h"
#include "control/message.h"
#include "loop/loop.h"
#include "roles/anchor/limits.h"
#include "roles/anchor/shelf.h"

enum { SUPERVISOR_FD = 3, GAVE_UP_CODE = 70, SEND_PATIENCE_MS = 5000 };

struct anchor {
    struct at_loop *loop;
    struct at_timer *rest_timer;
    struct at_io *io; /* of sock */
    int sock;         /* to the supervisor; -1: none runs */
    pid_t supervisor;
    uint64_t born_ns; /* of the supervisor */
    uint32_t supervisors;
    uint32_t rest_ms;
    uint64_t deaths_ns[AT_ANCHOR_DEATHS_MAX]; /* ring */
    uint32_t deaths;
    bool finished; /* FINISHED came: its exit is the end */
    int code;
    char last_end[64];
    struct at_shelf shelf;
    struct at_anchor_exited exits[AT_ANCHOR_EXITS_MAX];
    size_t exit_count;
    struct at_message *message;
};

/* ---- sending ---- */

/* The supervisor reads while it restores; one that is stopped for seconds is given up on. */
static int send_patiently(struct anchor *a, const struct at_message_kind *kind, const void *message,
                          const int *fds, size_t n)
{
    uint64_t deadline = at_now_ns() + SEND_PATIENCE_MS * AT_MILLISECOND_NS;

    for (;;) {
        struct pollfd p = {.fd = a->sock, .events = POLLOUT};
        int r = at_message_send(a->sock, kind, message, fds, n);

        if (r != -EAGAIN) {
            return r;
        }
        if (at_now_ns() >= deadline) {
            return -ETIMEDOUT;
        }
        (void)poll(&p, 1, at_until_ms(deadline, at_now_ns()));
    }
}

/* What cannot be sent now is kept: the supervisor hears it at the next turn or after RESTORE. */
static void send_exits(struct anchor *a)
{
    size_t sent = 0;

    while (sent < a->exit_count && a->sock >= 0 &&
           at_message_send(a->sock, &at_anchor_exited_kind, &a->exits[sent], NULL, 0) == 0) {
        sent++;
    }
    a->exit_count -= sent;
    memmove(a->exits, a->exits + sent, a->exit_count * sizeof(a->exits[0]));
}

static void kill_supervisor(struct anchor *a, const char *why)
{
    at_log(AT_LOG_ERROR, "supervisor=%d | %s; killing it, another one takes over",
           (int)a->supervisor, why);
    (void)kill(a->supervisor, SIGKILL);
}

/* ---- what the supervisor says ---- */

static int on_store(struct anchor *a, struct at_message *m)
{
    struct at_anchor_entry e;
    int r = at_message_read(&at_anchor_store_kind, m, &e);

    if (r != 0) {
        return -EPROTO;
    }
    r = at_shelf_put(&a->shelf, e.name, e.record, m->fds, m->fd_count);
    if (r == 0) {
        m->fd_count = 0; /* the shelf has them */
    } else {
        at_log(AT_LOG_ERROR, "error=%s | could not keep what the supervisor stored",
               strerrordesc_np(-r));
    }
    return 0;
}

static int on_drop(struct anchor *a, struct at_message *m)
{
    struct at_anchor_drop drop;

    if (at_message_read(&at_anchor_drop_kind, m, &drop) != 0) {
        return -EPROTO;
    }
    at_shelf_drop(&a->shelf, drop.name);
    return 0;
}

static int on_restore(struct anchor *a, struct at_message *m)
{
    struct at_anchor_restored restored = {.supervisors = a->supervisors,
                                          .anchor_pid = (uint32_t)getpid(),
                                          .last_end = at_bytes_of(a->last_end)};

    at_list_foreach (it, &a->shelf.entries) {
        struct at_shelf_entry *e = at_container_of(it, struct at_shelf_entry, link);
        struct at_anchor_entry entry = {.name = e->name, .record = e->record};
        int r = send_patiently(a, &at_anchor_entry_kind, &entry, e->fds, e->fd_count);

        if (r < 0) {
            return r;
        }
    }
    send_exits(a);
    return send_patiently(a, &at_anchor_restored_kind, &restored, NULL, 0);
}

static int on_finished(struct anchor *a, struct at_message *m)
{
    struct at_anchor_finished finished;

    if (at_message_read(&at_anchor_finished_kind, m, &finished) != 0) {
        return -EPROTO;
    }
    a->finished = true;
    a->code = (int)(finished.code & 0xff);
    return 0;
}

static int dispatch(struct anchor *a, struct at_message *m)
{
    static const struct {
        uint16_t type;
        int (*take)(struct anchor *a, struct at_message *m);
    } takers[] = {
        {AT_ANCHOR_STORE, on_store},
        {AT_ANCHOR_DROP, on_drop},
        {AT_ANCHOR_RESTORE, on_restore},
        {AT_ANCHOR_FINISHED, on_finished},
    };

    for (size_t i = 0; i < sizeof(takers) / sizeof(takers[0]); i++) {
        if (takers[i].type == m->type) {
            return takers[i].take(a, m);
        }
    }
    return 0; /* a newer supervisor says more than we know */
}

static void close_socket(struct anchor *a)
{
    a->io = at_io_remove(a->io);
    at_close(&a->sock);
}

/* Up to limit messages. Its end closes the socket here; its exit is heard by SIGCHLD. */
static void take_messages(struct anchor *a, int limit)
{
    for (int i = 0; i < limit && a->sock >= 0; i++) {
        int r = at_message_receive(a->sock, a->message);

        if (r == -EAGAIN) {
            return;
        }
        if (r == AT_MESSAGE_CLOSED) {
            close_socket(a);
            return;
        }
        if (r == 0) {
            r = dispatch(a, a->message);
            at_message_clear(a->message);
        }
        if (r != 0 && r != -EPIPE && r != -ECONNRESET) {
            kill_supervisor(a, "it broke the rules of our conversation");
            close_socket(a);
            return;
        }
    }
}

static void on_socket(void *user, int fd, uint32_t events)
{
    take_messages(user, AT_ANCHOR_MESSAGES_PER_TURN);
}

/* ---- the supervisor's life ---- */

static _Noreturn void become_supervisor(int sock)
{
    static char *const argv[] = {(char *)(uintptr_t)"atolld", (char *)(uintptr_t)"--supervisor",
                                 NULL};
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (sock == SUPERVISOR_FD) {
        (void)fcntl(sock, F_SETFD, 0);
    } else if (dup2(sock, SUPERVISOR_FD) < 0) {
        _exit(127);
    }
    (void)execv("/proc/self/exe", argv);
    _exit(127);
}

static int start_supervisor(struct anchor *a)
{
    int pair[2];
    pid_t pid;
    int r = at_socket_pair(pair);

    if (r < 0) {
        return at_up(r);
    }
    pid = fork();
    if (pid == 0) {
        become_supervisor(pair[1]);
    }
    at_close(&pair[1]);
    if (pid < 0) {
        r = -errno;
        at_close(&pair[0]);
        return at_up(r);
    }
    a->sock = pair[0];
    a->supervisor = pid;
    a->supervisors++;
    a->born_ns = at_now_ns();
    r = at_fd_set_nonblocking(a->sock, 1);
    if (r == 0) {
        r = at_loop_add_io(a->loop, a->sock, EPOLLIN, on_socket, a, &a->io);
    }
    return r;
}

/* SIGKILL to every child that is left; as the subreaper we are the parent of each cage's pid 1. */
static void kill_children(void)
{
    char path[64];
    char *text = NULL;
    size_t len = 0;
    struct at_bytes rest;
    struct at_bytes piece;

    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    if (at_fd_read_file(-1, path, 1 << 20, &text, &len) < 0) {
        return;
    }
    rest = at_bytes_over(text, len);
    while (at_bytes_cut(&rest, ' ', &piece)) {
        uint64_t pid;

        if (at_bytes_to_u64(piece, &pid) && pid > 1 && pid <= INT32_MAX) {
            (void)kill((pid_t)pid, SIGKILL);
        }
    }
    free(text);
}

static void give_up(struct anchor *a)
{
    at_log(AT_LOG_ERROR, "deaths=%d | supervisors die again and again; ending the system",
           AT_ANCHOR_DEATHS_MAX);
    kill_children();
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
    }
    at_loop_stop(a->loop, GAVE_UP_CODE);
}

/* Was this death one too many? */
static bool count_death(struct anchor *a, uint64_t now_ns)
{
    uint32_t slot = a->deaths++ % AT_ANCHOR_DEATHS_MAX;
    uint64_t oldest = a->deaths_ns[slot];

    a->deaths_ns[slot] = now_ns;
    return a->deaths > AT_ANCHOR_DEATHS_MAX &&
           now_ns - oldest < AT_ANCHOR_DEATHS_WINDOW_S * AT_SECOND_NS;
}

static void start_again(void *user)
{
    struct anchor *a = user;
    int r = start_supervisor(a);

    if (r < 0) {
        at_log(AT_LOG_ERROR, "error=%s | could not start a supervisor; trying again",
               strerrordesc_np(-r));
        at_timer_set(a->rest_timer, at_now_ns() + AT_ANCHOR_REST_MAX_MS * AT_MILLISECOND_NS);
    }
}

static void describe_end(struct anchor *a, int status)
{
    if (WIFSIGNALED(status)) {
        (void)snprintf(a->last_end, sizeof(a->last_end), "was killed by signal %d",
                       WTERMSIG(status));
    } else {
        (void)snprintf(a->last_end, sizeof(a->last_end), "exited with code %d",
                       WEXITSTATUS(status));
    }
}

static void on_supervisor_death(struct anchor *a, int status)
{
    uint64_t now = at_now_ns();

    /* What it stored last still waits in the socket: a cage it made must not be forgotten. */
    take_messages(a, INT32_MAX);
    close_socket(a);
    a->supervisor = 0;
    if (a->finished) {
        at_loop_stop(a->loop, a->code);
        return;
    }
    describe_end(a, status);
    at_log(AT_LOG_WARN, "end=\"%s\" | the supervisor died; starting another one", a->last_end);
    if (now - a->born_ns >= AT_ANCHOR_LIVED_MS * AT_MILLISECOND_NS) {
        a->rest_ms = 0; /* it worked: somebody killed it, and may do so as often as he likes */
        start_again(a);
        return;
    }
    if (count_death(a, now)) {
        give_up(a);
        return;
    }
    if (a->rest_ms == 0) {
        a->rest_ms = AT_ANCHOR_REST_MIN_MS;
        start_again(a);
        return;
    }
    at_timer_set(a->rest_timer, now + a->rest_ms * AT_MILLISECOND_NS);
    a->rest_ms = a->rest_ms * 2 > AT_ANCHOR_REST_MAX_MS ? AT_ANCHOR_REST_MAX_MS : a->rest_ms * 2;
}

/* ---- signals ---- */

static void on_child(void *user, int signal)
{
    struct anchor *a = user;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == a->supervisor) {
            on_supervisor_death(a, status);
        } else if (a->exit_count < AT_ANCHOR_EXITS_MAX) {
            a->exits[a->exit_count++] =
                (struct at_anchor_exited){.pid = (uint32_t)pid, .status = (uint32_t)status};
        }
    }
    send_exits(a);
}

/* The supervisor decides what a signal means: it stops the system. */
static void pass_on(void *user, int signal)
{
    struct anchor *a = user;

    if (a->supervisor > 0) {
        (void)kill(a->supervisor, SIGTERM);
    }
}

static int set_up(struct anchor *a, int operator_fd)
{
    static const int ends[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    int r = at_loop_new(at_env_real(), &a->loop);

    if (r == 0) {
        r = at_loop_add_timer(a->loop, start_again, a, &a->rest_timer);
    }
    if (r == 0) {
        r = at_loop_add_signal(a->loop, SIGCHLD, on_child, a);
    }
    for (size_t i = 0; r == 0 && i < sizeof(ends) / sizeof(ends[0]); i++) {
        r = at_loop_add_signal(a->loop, ends[i], pass_on, a);
    }
    if (r == 0 && operator_fd >= 0) {
        r = at_shelf_put(&a->shelf, AT_LIT("operator"), AT_LIT(""), &operator_fd, 1);
    }
    return r;
}

int at_anchor_run(int operator_fd)
{
    struct anchor *a = calloc(1, sizeof(*a));
    int code = 1;
    int r;

    if (a == NULL) {
        return 1;
    }
    a->sock = -1;
    at_shelf_init(&a->shelf);
    a->message = malloc(sizeof(*a->message));
    r = a->message == NULL ? -ENOMEM : prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -errno : 0;
    if (r == 0) {
        r = set_up(a, operator_fd);
    }
    if (r == 0) {
        r = start_supervisor(a);
    }
    if (r == 0) {
        r = at_loop_run(a->loop);
        code = r;
    }
    if (r < 0) {
        at_log(AT_LOG_ERROR, "error=%s | the anchor cannot run", strerrordesc_np(-r));
        code = 1;
    }
    close_socket(a);
    if (a->loop != NULL) {
        a->rest_timer = at_timer_remove(a->rest_timer);
        a->loop = at_loop_free(a->loop);
    }
    at_shelf_deinit(&a->shelf);
    free(a->message);
    free(a);
    return code;
}
