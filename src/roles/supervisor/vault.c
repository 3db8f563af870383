#include "roles/supervisor/vault.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "control/anchor.h"
#include "control/limits.h"
#include "control/message.h"
#include "control/operator.h"
#include "loop/loop.h"
#include "roles/supervisor/instance.h"
#include "roles/supervisor/life.h"
#include "roles/supervisor/system.h"
#include "sandbox/sandbox.h"

enum { ANCHOR_PATIENCE_MS = 5000, NAME_ROOM = AT_CONTROL_NAME_MAX * 2, UID_BYTES = 4 };

/* The anchor reads at once; one that is stopped is waited for a little. */
static int say(struct at_system *s, const struct at_message_kind *kind, const void *message,
               const int *fds, size_t n)
{
    uint64_t deadline = at_now_ns() + ANCHOR_PATIENCE_MS * AT_MILLISECOND_NS;

    if (s->anchor_sock < 0) {
        return -EPIPE;
    }
    for (;;) {
        struct pollfd p = {.fd = s->anchor_sock, .events = POLLOUT};
        int r = at_message_send(s->anchor_sock, kind, message, fds, n);

        if (r != -EAGAIN || at_now_ns() >= deadline) {
            return r;
        }
        (void)poll(&p, 1, at_until_ms(deadline, at_now_ns()));
    }
}

void at_vault_store(struct at_system *s, const char *name, struct at_bytes record, const int *fds,
                    size_t n)
{
    struct at_anchor_entry entry = {.name = at_bytes_of(name), .record = record};
    int r = say(s, &at_anchor_store_kind, &entry, fds, n);

    if (r < 0 && r != -EPIPE && r != -ECONNRESET) {
        at_log(AT_LOG_ERROR,
               "name=%s error=%s | the anchor does not keep it; the next supervisor "
               "will not know it",
               name, strerrordesc_np(-r));
    }
}

void at_vault_drop(struct at_system *s, const char *name)
{
    struct at_anchor_drop drop = {.name = at_bytes_of(name)};

    (void)say(s, &at_anchor_drop_kind, &drop, NULL, 0);
}

void at_vault_finished(struct at_system *s, int code)
{
    struct at_anchor_finished finished = {.code = (uint32_t)code};

    (void)say(s, &at_anchor_finished_kind, &finished, NULL, 0);
}

static struct at_bytes pack_uids(const struct at_system *s, uint8_t *room, size_t cap)
{
    struct at_writer w = at_writer_over(room, cap);

    for (size_t i = 0; s->uids != NULL && i < s->plan.service_count; i++) {
        at_write_le(&w, s->uids[i], UID_BYTES);
    }
    return w.failed ? (struct at_bytes){0} : at_writer_bytes(&w);
}

int at_vault_unpack_uids(struct at_system *s, struct at_bytes packed)
{
    struct at_reader r = at_reader_over(packed.at, packed.len);

    if (packed.len != s->plan.service_count * UID_BYTES) {
        return -EPROTO;
    }
    for (size_t i = 0; i < s->plan.service_count; i++) {
        s->uids[i] = (uid_t)at_read_le(&r, UID_BYTES);
    }
    return 0;
}

static void store_record(struct at_system *s, const char *name, const int *fds, size_t n)
{
    uint8_t uids[AT_CONTROL_UIDS_MAX];
    struct at_anchor_system record = {
        .next_generation = s->next_generation,
        .started_wall_ns = s->started_wall_ns,
        .flags = s->start_flags,
        .start_request = s->start_request,
        .start_answered = s->start_answered ? 1 : 0,
        .grace_ns = s->grace_ns,
        .state = s->state,
        .run_dir = at_bytes_of(s->run_dir),
        .uids = pack_uids(s, uids, sizeof(uids)),
    };
    uint8_t room[PATH_MAX + AT_CONTROL_UIDS_MAX + 256];
    struct at_writer w = at_writer_over(room, sizeof(room));

    if (at_message_pack(&at_anchor_system_kind, &record, &w) == 0) {
        at_vault_store(s, name, at_writer_bytes(&w), fds, n);
    }
}

void at_vault_store_system(struct at_system *s)
{
    store_record(s, "system", NULL, 0);
}

void at_vault_store_starting(struct at_system *s)
{
    const int fds[] = {s->plan_fd, s->contracts_fd};

    store_record(s, "starting", fds, 2);
}

/* The descriptors of an instance in the order of enum at_anchor_instance_fd; the mask of them. */
static uint32_t gather_fds(const struct at_instance *i, int *fds, size_t *ret_n)
{
    const int all[] = {
        [AT_ANCHOR_FD_PIDFD] = i->cage.state == AT_CAGE_EMPTY ? -1 : i->cage.pidfd,
        [AT_ANCHOR_FD_CONTROL] = i->control,
        [AT_ANCHOR_FD_STDOUT] = i->pipes.out,
        [AT_ANCHOR_FD_STDERR] = i->pipes.err,
        [AT_ANCHOR_FD_CAGE] = i->cage.state == AT_CAGE_EMPTY ? -1 : i->cage.record_fd,
    };
    uint32_t mask = 0;
    size_t n = 0;

    for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
        if (all[k] >= 0) {
            mask |= 1U << k;
            fds[n++] = all[k];
        }
    }
    *ret_n = n;
    return mask;
}

void at_vault_store_instance(const struct at_instance *i)
{
    int fds[AT_FDS_PER_MESSAGE];
    size_t n;
    uint8_t exits[AT_CONTROL_EXITS_MAX];
    uint8_t room[4096];
    char name[NAME_ROOM];
    struct at_writer w = at_writer_over(room, sizeof(room));
    struct at_anchor_instance record = {
        .name = at_bytes_of(i->name),
        .generation = i->generation,
        .fd_mask = gather_fds(i, fds, &n),
        .state = i->state,
        .pid = i->cage.state == AT_CAGE_EMPTY ? 0 : (uint32_t)i->cage.service_pid,
        .reaper_pid = i->cage.state == AT_CAGE_EMPTY ? 0 : (uint32_t)i->cage.reaper_pid,
        .started_ns = i->started_ns,
        .ready_ns = i->was_ready ? i->ready_ns : 0,
        .restarts = i->history.restarts,
        .early_exits = i->history.bad_exits,
        .exits = at_life_pack_exits(&i->history, exits, sizeof(exits)),
        .last_exit = at_bytes_of(i->state == AT_LIFE_FAILED ? i->failed_why : i->last_exit),
        .next_start_ns = i->next_start_ns,
    };

    (void)snprintf(name, sizeof(name), "instance/%s", i->name);
    if (at_message_pack(&at_anchor_instance_kind, &record, &w) == 0) {
        at_vault_store(i->system, name, at_writer_bytes(&w), fds, n);
    }
}

/* ---- restoring ---- */

static int keep(struct at_kept_list *list, struct at_message *m)
{
    struct at_anchor_entry e;
    struct at_kept *bigger;
    struct at_kept k = {0};

    if (at_message_read(&at_anchor_entry_kind, m, &e) != 0) {
        return -EPROTO;
    }
    bigger = realloc(list->at, (list->count + 1) * sizeof(*bigger));
    if (bigger == NULL) {
        return -ENOMEM;
    }
    list->at = bigger;
    k.room = malloc(m->body.len + 1);
    k.fds = malloc((m->fd_count + 1) * sizeof(int));
    if (k.room == NULL || k.fds == NULL) {
        free(k.room);
        free(k.fds);
        return -ENOMEM;
    }
    memcpy(k.room, m->body.at, m->body.len);
    k.name = at_bytes_over(k.room + (e.name.at - m->body.at), e.name.len);
    k.record = at_bytes_over(k.room + (e.record.at - m->body.at), e.record.len);
    for (size_t i = 0; i < m->fd_count; i++) {
        k.fds[i] = at_message_take_fd(m, i);
    }
    k.fd_count = m->fd_count;
    list->at[list->count++] = k;
    return 0;
}

static int keep_exit(struct at_kept_list *list, const struct at_message *m)
{
    struct at_anchor_exited exited;
    struct at_anchor_exited *bigger;

    if (at_message_read(&at_anchor_exited_kind, m, &exited) != 0) {
        return -EPROTO;
    }
    bigger = realloc(list->exits, (list->exit_count + 1) * sizeof(*bigger));
    if (bigger == NULL) {
        return -ENOMEM;
    }
    list->exits = bigger;
    list->exits[list->exit_count++] = exited;
    return 0;
}

/* -EAGAIN until RESTORED came. */
static int take_restored(struct at_system *s, struct at_kept_list *list)
{
    struct at_message *m = s->message;
    struct at_anchor_restored restored;

    if (m->type == AT_ANCHOR_ENTRY) {
        int r = keep(list, m);

        return r < 0 ? r : -EAGAIN;
    }
    if (m->type == AT_ANCHOR_EXITED) {
        int r = keep_exit(list, m);

        return r < 0 ? r : -EAGAIN;
    }
    if (m->type != AT_ANCHOR_RESTORED) {
        return -EAGAIN;
    }
    if (at_message_read(&at_anchor_restored_kind, m, &restored) != 0) {
        return -EPROTO;
    }
    s->supervisors = restored.supervisors;
    s->anchor_pid = restored.anchor_pid;
    return 0;
}

int at_vault_restore(struct at_system *s, struct at_kept_list *ret)
{
    struct at_anchor_restore restore = {.pid = (uint32_t)getpid()};
    struct pollfd p = {.fd = s->anchor_sock, .events = POLLIN};
    int r = say(s, &at_anchor_restore_kind, &restore, NULL, 0);

    *ret = (struct at_kept_list){0};
    if (r < 0) {
        return at_up(r);
    }
    for (;;) {
        r = at_message_receive(s->anchor_sock, s->message);
        if (r == -EAGAIN) {
            if (poll(&p, 1, ANCHOR_PATIENCE_MS) == 0) {
                return -ETIMEDOUT;
            }
            continue;
        }
        if (r != 0) {
            return r < 0 ? at_up(r) : -EPIPE;
        }
        r = take_restored(s, ret);
        at_message_clear(s->message);
        if (r != -EAGAIN) {
            return r;
        }
    }
}

void at_vault_kept_deinit(struct at_kept_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        at_fd_close_all(list->at[i].fds, list->at[i].fd_count);
        free(list->at[i].fds);
        free(list->at[i].room);
    }
    free(list->at);
    free(list->exits);
    *list = (struct at_kept_list){0};
}

/* ---- while we run ---- */

void at_vault_tell_exit(struct at_system *s, const struct at_anchor_exited *exited)
{
    for (size_t i = 0; i < s->instance_count; i++) {
        at_instance_reaped(s->instances[i], exited->pid, (int)exited->status);
    }
}

static void on_exited(struct at_system *s)
{
    struct at_anchor_exited exited;

    if (at_message_read(&at_anchor_exited_kind, s->message, &exited) != 0) {
        return;
    }
    at_vault_tell_exit(s, &exited);
}

void at_vault_on_anchor(void *user, int fd, uint32_t events)
{
    struct at_system *s = user;
    int r = at_message_receive(fd, s->message);

    if (r == -EAGAIN) {
        return;
    }
    if (r == 0) {
        if (s->message->type == AT_ANCHOR_EXITED) {
            on_exited(s);
        }
        at_message_clear(s->message);
        return;
    }
    at_log(AT_LOG_ERROR,
           "anchor=%u | the anchor is gone, so nothing could be handed on; stopping "
           "the system",
           s->anchor_pid);
    s->anchor_io = at_io_remove(s->anchor_io);
    at_close(&s->anchor_sock);
    at_system_down(s, "the anchor (atolld's parent process) was killed");
}
