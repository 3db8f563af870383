/*
 * What an instance says on its control socket. Everything is judged as a stranger's bytes: a
 * malformed message, a flood, or a contract that was not granted ends the instance, with a reason.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "control/limits.h"
#include "control/locks.h"
#include "control/message.h"
#include "control/operator.h"
#include "control/service.h"
#include "loop/loop.h"
#include "plan/gateway.h"
#include "plan/locks.h"
#include "plan/plan.h"
#include "roles/supervisor/desk.h"
#include "roles/supervisor/edges.h"
#include "roles/supervisor/instance.h"
#include "roles/supervisor/instance_inner.h"
#include "roles/supervisor/life.h"
#include "roles/supervisor/limits.h"
#include "roles/supervisor/system.h"

static void refuse(struct at_instance *i, const char *reason)
{
    struct at_service_refused refused = {.reason = at_bytes_of(reason)};

    (void)at_message_send(i->control, &at_service_refused_kind, &refused, NULL, 0);
    at_instance_drop(i, reason);
}

static bool is_granted(const struct at_plan_service *p, struct at_bytes contract)
{
    if (p->kind == AT_PLAN_KEEPER) {
        return at_bytes_equal(contract, AT_LIT(AT_LOCKS_CONTRACT));
    }
    for (size_t i = 0; i < p->contracts.count; i++) {
        if (at_bytes_equal(at_bytes_of(p->contracts.at[i]), contract)) {
            return true;
        }
    }
    return false;
}

/* A service may serve what its configuration grants, and nothing else. */
static bool judge_contracts(struct at_instance *i, struct at_bytes contracts)
{
    const struct at_plan_service *p = at_instance_plan(i);
    struct at_bytes one;
    char reason[AT_CONTROL_REASON_MAX];

    while (at_bytes_cut(&contracts, '\n', &one)) {
        if (one.len == 0 || is_granted(p, one)) {
            continue;
        }
        (void)snprintf(reason, sizeof(reason),
                       "it wants to serve the contract %.*s, which service \"%s\" does not have in "
                       "its configuration; add `contract: FILE`, or run the program directly",
                       (int)(one.len > AT_CONTROL_CONTRACT_MAX ? AT_CONTROL_CONTRACT_MAX : one.len),
                       (const char *)one.at, p->name);
        refuse(i, reason);
        return false;
    }
    return true;
}

/* The descriptors a role gets with WELCOME: the gateway's listeners, then the contracts. */
static size_t role_fds(struct at_system *s, int *fds)
{
    size_t n = 0;

    for (size_t i = 0; i < s->plan.listener_count && n < AT_FDS_PER_MESSAGE - 1; i++) {
        fds[n++] = s->listeners[i];
    }
    fds[n++] = s->contracts_fd;
    return n;
}

static void welcome(struct at_instance *i, uint32_t version)
{
    struct at_system *s = i->system;
    const struct at_plan_service *p = at_instance_plan(i);
    struct at_service_welcome w = {
        .version = version,
        .generation = i->generation,
        .system = at_bytes_of(s->plan.system),
        .service = at_bytes_of(p->name),
        .instance = at_bytes_of(i->name),
    };
    int fds[AT_FDS_PER_MESSAGE];
    size_t n = 0;
    struct at_text config;
    int r = 0;

    at_text_init(&config);
    if (p->kind == AT_PLAN_GATEWAY) {
        r = at_gateway_config_pack(&s->plan, &config);
        n = role_fds(s, fds);
    }
    if (p->kind == AT_PLAN_KEEPER) {
        r = at_locks_config_pack(&s->plan, i->history.restarts, &config);
    }
    w.config = at_text_bytes(&config);
    if (r == 0) {
        r = at_message_send(i->control, &at_service_welcome_kind, &w, fds, n);
    }
    at_text_deinit(&config);
    if (r < 0 && r != -EPIPE && r != -ECONNRESET) {
        at_instance_drop(i, r == -EAGAIN ? "it does not read its control socket"
                                         : "the supervisor could not welcome it");
    }
}

static int on_hello(struct at_instance *i, struct at_message *m)
{
    struct at_service_hello hello;
    uint32_t version;
    char reason[256];

    if (at_message_read(&at_service_hello_kind, m, &hello) != 0) {
        return AT_MESSAGE_MALFORMED;
    }
    version = hello.version_max < AT_CONTROL_VERSION ? hello.version_max : AT_CONTROL_VERSION;
    if (hello.version_min > hello.version_max || version < AT_CONTROL_VERSION_MIN ||
        version < hello.version_min) {
        (void)snprintf(reason, sizeof(reason),
                       "it speaks versions %u to %u of the control protocol, this supervisor %d "
                       "to %d: bring both to the same release",
                       hello.version_min, hello.version_max, AT_CONTROL_VERSION_MIN,
                       AT_CONTROL_VERSION);
        refuse(i, reason);
        return 0;
    }
    if (!judge_contracts(i, hello.contracts)) {
        return 0;
    }
    i->said_hello = true;
    i->awaits_hello = false;
    welcome(i, version);
    return at_edges_hello(&i->system->edges, &i->party, hello.layout_min, hello.layout_max);
}

/* Without HELLO nothing may be said, but for what an adopted one said before it heard RESUME. */
static int too_early(const struct at_instance *i)
{
    return i->awaits_hello ? 0 : AT_MESSAGE_MALFORMED;
}

static int on_ready(struct at_instance *i, struct at_message *m)
{
    struct at_service_ready ready;

    if (at_message_read(&at_service_ready_kind, m, &ready) != 0) {
        return AT_MESSAGE_MALFORMED;
    }
    if (!i->said_hello || i->awaits_hello) {
        return too_early(i);
    }
    at_instance_event(i, AT_LIFE_SAID_READY, NULL);
    return 0;
}

static int on_want(struct at_instance *i, struct at_message *m)
{
    struct at_service_want want;
    int r;

    if (at_message_read(&at_service_want_kind, m, &want) != 0) {
        return AT_MESSAGE_MALFORMED;
    }
    if (!i->said_hello || i->awaits_hello) {
        return too_early(i);
    }
    r = at_edges_want(&i->system->edges, &i->party, &want);
    if (r < 0) {
        at_log(AT_LOG_ERROR, "instance=%s error=%s | its wish for a channel is lost", i->name,
               strerrordesc_np(-r));
        return 0;
    }
    return r;
}

/* One that breaks channels in a loop must not fill the log. */
static void tell_broken(struct at_instance *i, const char *other, struct at_bytes reason)
{
    uint64_t now = at_instance_now(i);
    char note[AT_CONTROL_REASON_MAX];
    char more[48] = "";

    if (i->broken_told_ns != 0 && now - i->broken_told_ns < AT_SUPER_NOTES_MS * AT_MILLISECOND_NS) {
        i->broken_untold++;
        return;
    }
    if (i->broken_untold > 0) {
        (void)snprintf(more, sizeof(more), " (and %u such before)", i->broken_untold);
    }
    i->broken_told_ns = now;
    i->broken_untold = 0;
    (void)snprintf(note, sizeof(note), "says that %s broke the rules of their channel: %.*s%s",
                   other, (int)(reason.len > 512 ? 512 : reason.len),
                   reason.len == 0 ? "" : (const char *)reason.at, more);
    at_log(AT_LOG_WARN, "instance=%s peer=%s | %s", i->name, other, note);
    at_desk_event(i->system, i, AT_EVENT_NOTE, note);
}

static int on_broken(struct at_instance *i, struct at_message *m)
{
    struct at_service_broken broken;
    const char *other;

    if (at_message_read(&at_service_broken_kind, m, &broken) != 0) {
        return AT_MESSAGE_MALFORMED;
    }
    if (!i->said_hello || i->awaits_hello) {
        return too_early(i);
    }
    other = at_edges_broken(&i->system->edges, &i->party, broken.channel, broken.reason);
    if (other == NULL) {
        return 0; /* it is gone already: both ends may say so */
    }
    tell_broken(i, other, broken.reason);
    return 0;
}

static int on_stopping(struct at_instance *i, struct at_message *m)
{
    struct at_service_stopping stopping;

    if (at_message_read(&at_service_stopping_kind, m, &stopping) != 0) {
        return AT_MESSAGE_MALFORMED;
    }
    i->party.is_ready = false; /* no new channels to it */
    return 0;
}

/* 0; AT_MESSAGE_MALFORMED: the instance broke the rules. */
static int dispatch(struct at_instance *i, struct at_message *m)
{
    static const struct {
        uint16_t type;
        int (*take)(struct at_instance *i, struct at_message *m);
    } takers[] = {
        {AT_SERVICE_HELLO, on_hello},       {AT_SERVICE_READY, on_ready},
        {AT_SERVICE_WANT, on_want},         {AT_SERVICE_BROKEN, on_broken},
        {AT_SERVICE_STOPPING, on_stopping},
    };

    for (size_t k = 0; k < sizeof(takers) / sizeof(takers[0]); k++) {
        if (takers[k].type == m->type) {
            return takers[k].take(i, m);
        }
    }
    return 0; /* a newer library says more than we know */
}

static bool floods(struct at_instance *i)
{
    uint64_t now = at_loop_now_ns(i->system->loop);

    if (now - i->message_window_ns >= AT_SECOND_NS) {
        i->message_window_ns = now;
        i->messages = 0;
    }
    return ++i->messages > AT_SUPER_MESSAGES_PER_SECOND;
}

void at_instance_close_control(struct at_instance *i)
{
    i->control_io = at_io_remove(i->control_io);
    i->party.sock = -1;
    at_close(&i->control);
}

void at_instance_end_control(struct at_instance *i)
{
    char byte;
    int fds[AT_FDS_PER_MESSAGE];
    size_t n = 0;
    size_t len = 1;
    int r = i->control < 0 ? -EBADF : shutdown(i->control, SHUT_RDWR) < 0 ? -errno : 0;

    /* Unread descriptors are closed with the last end of the socket, and might linger there. */
    while (r == 0 || r == -EMSGSIZE) {
        r = at_fd_receive(i->control, &byte, sizeof(byte), &len, fds, &n);
        if (r == 0) {
            at_fd_discard_all(fds, n);
            r = len == 0 ? -EPIPE : 0;
        }
    }
    at_instance_close_control(i);
}

/*
 * A program that knows nothing of atoll may close it. One that said HELLO needs it; mostly this is
 * the first we hear of its death, so its end gets a moment to come before it is ended for this.
 */
static void on_closed(struct at_instance *i)
{
    at_instance_end_control(i);
    if (i->said_hello && i->state == AT_LIFE_READY) {
        i->party.is_ready = false;
        at_timer_set(i->timer,
                     at_loop_now_ns(i->system->loop) + AT_SUPER_LAST_BREATH_MS * AT_MILLISECOND_NS);
    }
}

void at_instance_want_room(struct at_instance *i)
{
    if (i->control_io != NULL) {
        (void)at_io_change(i->control_io, EPOLLIN | EPOLLOUT);
    }
}

void at_instance_on_control(void *user, int fd, uint32_t events)
{
    struct at_instance *i = user;
    struct at_message *m = i->system->message;

    if ((events & EPOLLOUT) != 0 && at_edges_flush(&i->system->edges, &i->party) &&
        i->control_io != NULL) {
        (void)at_io_change(i->control_io, EPOLLIN);
    }
    for (int n = 0; n < AT_SUPER_MESSAGES_PER_TURN && i->control_io != NULL; n++) {
        int r = at_message_receive(fd, m);

        if (r == -EAGAIN) {
            return;
        }
        if (r == AT_MESSAGE_CLOSED) {
            on_closed(i);
            return;
        }
        if (r == 0) {
            r = dispatch(i, m);
            at_message_clear(m);
        }
        if (r != 0) {
            at_instance_drop(i, r < 0 ? strerrordesc_np(-r)
                                      : "it sent a malformed message on its control socket");
            return;
        }
        if (floods(i)) {
            at_instance_drop(i, "it floods its control socket with messages");
            return;
        }
    }
}
