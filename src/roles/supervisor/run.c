/* at_supervisor_run(): from the anchor's socket to the end of the system. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/bytes.h"
#include "base/env.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "control/anchor.h"
#include "control/limits.h"
#include "control/operator.h"
#include "loop/loop.h"
#include "plan/limits.h"
#include "plan/plan.h"
#include "plan/sealed.h"
#include "roles/supervisor/desk.h"
#include "roles/supervisor/edges.h"
#include "roles/supervisor/instance.h"
#include "roles/supervisor/start.h"
#include "roles/supervisor/system.h"
#include "roles/supervisor/vault.h"
#include "sandbox/sandbox.h"

static void on_signal(void *user, int signal)
{
    at_system_down(user, "it was told to stop by a signal");
}

static void init(struct at_system *s, int anchor_fd)
{
    s->anchor_sock = anchor_fd;
    s->plan_fd = -1;
    s->contracts_fd = -1;
    s->lock_fd = -1;
    s->folder_fd = -1;
    s->listen_fd = -1;
    s->next_generation = 1;
    s->state = AT_LIFE_DOWN;
    for (size_t i = 0; i < AT_PLAN_LISTENERS_MAX; i++) {
        s->listeners[i] = -1;
    }
    at_plan_init(&s->plan);
    at_list_init(&s->operators);
    at_list_init(&s->callers);
    at_list_init(&s->edges.parties);
    at_list_init(&s->edges.pauses);
}

static int set_up_loop(struct at_system *s)
{
    int r = at_loop_new(at_env_real(), &s->loop);

    if (r == 0) {
        r = at_loop_add_timer(s->loop, at_system_advance, s, &s->advance_timer);
    }
    if (r == 0) {
        r = at_loop_add_timer(s->loop, at_system_tick_edges, s, &s->edges_timer);
    }
    if (r == 0) {
        r = at_loop_add_signal(s->loop, SIGTERM, on_signal, s);
    }
    if (r == 0) {
        r = at_loop_add_signal(s->loop, SIGINT, on_signal, s);
    }
    if (r == 0) {
        r = at_loop_add_io(s->loop, s->anchor_sock, EPOLLIN, at_vault_on_anchor, s, &s->anchor_io);
    }
    return r;
}

static bool is_kept(const struct at_kept_list *kept, struct at_bytes name)
{
    for (size_t i = 0; i < kept->count; i++) {
        if (at_bytes_equal(kept->at[i].name, name)) {
            return true;
        }
    }
    return false;
}

static int take_operator(struct at_system *s, struct at_kept_list *kept)
{
    for (size_t i = 0; i < kept->count; i++) {
        if (at_bytes_equal(kept->at[i].name, AT_LIT("operator")) && kept->at[i].fd_count == 1) {
            return at_desk_take_first(s, at_take_fd(&kept->at[i].fds[0]));
        }
    }
    return 0;
}

static void start_again(struct at_system *s, struct at_kept_list *kept)
{
    char text[AT_CONTROL_REASON_MAX] = "";

    at_desk_start_ended(s, at_start_again(s, kept, text, sizeof(text)), text);
}

/* Where the supervisor before us stopped: before START, over it, or with a system that runs. */
static int take_kept(struct at_system *s, struct at_kept_list *kept)
{
    int r;

    if (is_kept(kept, AT_LIT("system"))) {
        r = at_start_resume(s, kept);
        r = r == 0 ? take_operator(s, kept) : r;
        if (r == 0) {
            at_desk_event(s, NULL, AT_EVENT_SYSTEM, "a new supervisor took over");
        }
        return r;
    }
    r = take_operator(s, kept);
    if (r == 0 && s->operator_count == 0) {
        return -ENOTCONN;
    }
    if (r == 0 && is_kept(kept, AT_LIT("starting"))) {
        start_again(s, kept);
    }
    return r;
}

static void deinit(struct at_system *s)
{
    for (size_t i = 0; i < s->instance_count; i++) {
        (void)at_instance_free(s->instances[i]);
    }
    free(s->instances);
    at_edges_deinit(&s->edges);
    (void)at_sandbox_free(s->sandbox);
    at_sealed_unmap(&s->contracts);
    at_plan_deinit(&s->plan);
    free(s->uids);
    at_close(&s->plan_fd);
    at_close(&s->contracts_fd);
    s->anchor_io = at_io_remove(s->anchor_io);
    if (s->advance_timer != NULL) {
        s->advance_timer = at_timer_remove(s->advance_timer);
    }
    if (s->edges_timer != NULL) {
        s->edges_timer = at_timer_remove(s->edges_timer);
    }
    s->loop = at_loop_free(s->loop);
    at_close(&s->anchor_sock);
    free(s->message);
    free(s);
}

int at_supervisor_run(int anchor_fd)
{
    struct at_system *s = calloc(1, sizeof(*s));
    struct at_kept_list kept = {0};
    int r;

    if (s == NULL || fcntl(anchor_fd, F_SETFD, FD_CLOEXEC) < 0) {
        free(s);
        return 1;
    }
    init(s, anchor_fd);
    s->message = malloc(sizeof(*s->message));
    r = s->message == NULL ? -ENOMEM : at_fd_set_nonblocking(anchor_fd, 1);
    if (r == 0) {
        r = at_vault_restore(s, &kept);
    }
    if (r == 0) {
        r = set_up_loop(s);
    }
    if (r == 0) {
        r = take_kept(s, &kept);
    }
    at_vault_kept_deinit(&kept);
    if (r == 0) {
        r = at_loop_run(s->loop);
    }
    if (r < 0) {
        at_log(AT_LOG_ERROR, "error=%s | the supervisor cannot go on", strerrordesc_np(-r));
    }
    if (r == -ENOTCONN) {
        at_vault_finished(s, 1);
    }
    deinit(s);
    return r < 0 ? 1 : r;
}
