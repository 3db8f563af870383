#include "roles/keeper/keeper.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/error.h"
#include "base/list.h"
#include "base/log.h"
#include "base/text.h"
#include "call/call.h"
#include "call/engine.h"
#include "control/locks.h"
#include "control/message.h"
#include "loop/loop.h"
#include "plan/locks.h"
#include "role/role.h"
#include "roles/keeper/book.h"
#include "roles/keeper/limits.h"
#include "shm/channel.h"

/* Whoever waits is told this long before its deadline at most, so that it hears the reason. */
#define LAST_WORD_NS (20 * AT_MILLISECOND_NS)
enum { LAST_WORD_PART = 16 }; /* of a short time it is this part */

struct session {
    struct at_list entry;
    struct at_incoming *in;
    const struct at_link *link; /* compared, never looked into; NULL: it has ended */
    struct at_owner *owner;
};

static uint64_t now_of(const struct at_keeper *k)
{
    return at_loop_now_ns(at_role_loop(k->role));
}

/* When the book has something to do; at once when requests ended. Nothing runs when it is idle. */
static void set_timer(struct at_keeper *k)
{
    bool is_due = k->over > 0 || !at_list_is_empty(&k->ended);

    at_timer_set(k->timer, is_due ? 1 : at_book_next(k->book));
}

/* At our end what waits goes to the keeper after this one; Sessions are begun anew for it. */
static void answer(struct at_keeper *k, struct at_incoming *in, uint32_t status, const char *reason)
{
    uint8_t flags = k->ending && in->method != AT_LOCKS_SESSION ? AT_RECORD_NOT_EXECUTED : 0;

    at_list_remove(&in->entry);
    at_calls_answer(k->calls, in, k->ending ? AT_STATUS_UNAVAILABLE : status,
                    at_bytes_of(k->ending ? "the keeper stops" : reason), (struct at_bytes){0},
                    flags);
}

/* The book's word on a Lock. */
static void tell(void *user, void *tag, const struct at_book_answer *a)
{
    struct at_keeper *k = user;
    struct at_incoming *in = tag;
    struct at_locks_grant grant = {.token = a->token, .flags = a->flags};
    uint8_t room[64];
    struct at_writer w = at_writer_over(room, sizeof(room));

    if (a->status != AT_STATUS_OK) {
        answer(k, in, a->status, a->reason);
        return;
    }
    (void)at_message_pack(&at_locks_grant_kind, &grant, &w);
    at_list_remove(&in->entry);
    at_calls_answer(k->calls, in, AT_STATUS_OK, (struct at_bytes){0}, at_writer_bytes(&w), 0);
}

/* ---- sessions ---- */

static struct session *session_of(const struct at_keeper *k, const struct at_incoming *in)
{
    at_list_foreach (it, &k->sessions) {
        struct session *s = at_container_of(it, struct session, entry);

        if (s->link == in->link && in->link != NULL) {
            return s;
        }
    }
    return NULL;
}

static struct session *session_by(const struct at_keeper *k, const struct at_incoming *in)
{
    at_list_foreach (it, &k->sessions) {
        struct session *s = at_container_of(it, struct session, entry);

        if (s->in == in) {
            return s;
        }
    }
    return NULL;
}

static void end_session(struct at_keeper *k, struct session *s)
{
    at_book_leave(k->book, s->owner, now_of(k));
    at_list_remove(&s->entry);
    free(s);
}

static void assert_held(struct at_keeper *k, struct session *s, struct at_bytes list)
{
    struct at_reader r = at_reader_over(list.at, list.len);
    struct at_locks_held held;

    while (at_locks_next_held(&r, &held)) {
        if (!at_book_assert(k->book, s->owner, &held, now_of(k))) {
            at_log(AT_LOG_WARN, "instance=%s lock=%.*s token=%llu | says too late that it holds it",
                   s->in->caller_instance, (int)held.name.len,
                   held.name.len == 0 ? "" : (const char *)held.name.at,
                   (unsigned long long)held.token);
        }
    }
}

static void take(struct at_keeper *k, struct at_incoming *in);

/* What came before its Session, in order. */
static void take_early(struct at_keeper *k, const struct at_link *link)
{
    at_list_foreach_safe (it, &k->early) {
        struct at_incoming *in = at_container_of(it, struct at_incoming, entry);

        if (in->link == link) {
            at_list_remove(&in->entry);
            take(k, in);
        }
    }
}

static void take_session(struct at_keeper *k, struct at_incoming *in)
{
    int service = at_locks_config_service(&k->config, at_bytes_of(in->caller_service));
    struct at_locks_session message;
    struct session *s;

    if (service < 0) {
        answer(k, in, AT_STATUS_PERMISSION_DENIED, "only services of the system have locks");
        return;
    }
    if (session_of(k, in) != NULL ||
        at_locks_read(&at_locks_session_kind, at_incoming_body(in), &message) != 0) {
        answer(k, in, AT_STATUS_INVALID_ARGUMENT, "this is no Session; the caller is wrong");
        return;
    }
    s = calloc(1, sizeof(*s));
    if (s != NULL) {
        s->owner = at_book_join(k->book, at_bytes_of(in->caller_instance), (uint32_t)service);
    }
    if (s == NULL || s->owner == NULL) {
        free(s);
        answer(k, in, AT_STATUS_RESOURCE_EXHAUSTED, "the keeper has no room for another process");
        return;
    }
    s->in = in;
    s->link = in->link;
    at_list_append(&k->sessions, &s->entry);
    assert_held(k, s, message.held);
    take_early(k, s->link);
}

/* ---- requests ---- */

static void take_lock(struct at_keeper *k, struct session *s, struct at_incoming *in)
{
    struct at_book_ask ask = {.tag = in};
    uint64_t now = now_of(k);
    uint64_t left = in->deadline_ns > now ? in->deadline_ns - now : 0;
    uint64_t early = left / LAST_WORD_PART < LAST_WORD_NS ? left / LAST_WORD_PART : LAST_WORD_NS;

    if (at_locks_read(&at_locks_ask_kind, at_incoming_body(in), &ask.what) != 0) {
        answer(k, in, AT_STATUS_INVALID_ARGUMENT, "this is no Lock; the caller is wrong");
        return;
    }
    ask.give_up_ns = in->deadline_ns == 0 ? 0 : in->deadline_ns - early;
    at_book_ask(k->book, s->owner, &ask, now);
}

typedef uint32_t change_fn(struct at_book *book, struct at_owner *owner, uint64_t op,
                           uint64_t now_ns, struct at_text *ret);

static void change(struct at_keeper *k, struct session *s, struct at_incoming *in, change_fn *fn)
{
    struct at_locks_of of;
    struct at_text why;
    uint32_t status;

    if (at_locks_read(&at_locks_of_kind, at_incoming_body(in), &of) != 0) {
        answer(k, in, AT_STATUS_INVALID_ARGUMENT, "this names no lock; the caller is wrong");
        return;
    }
    at_text_init(&why);
    status = fn(k->book, s->owner, of.op, now_of(k), &why);
    answer(k, in, status, at_text_str(&why));
    at_text_deinit(&why);
}

static void take_unlock(struct at_keeper *k, struct session *s, struct at_incoming *in)
{
    change(k, s, in, at_book_unlock);
}

static void take_renew(struct at_keeper *k, struct session *s, struct at_incoming *in)
{
    change(k, s, in, at_book_renew);
}

static void take_repaired(struct at_keeper *k, struct session *s, struct at_incoming *in)
{
    change(k, s, in, at_book_repaired);
}

static void show(struct at_keeper *k, struct at_incoming *in)
{
    struct at_text out;

    if (strcmp(in->caller_service, "operator") != 0) {
        answer(k, in, AT_STATUS_PERMISSION_DENIED, "only an operator sees all locks");
        return;
    }
    at_text_init(&out);
    at_book_show(k->book, now_of(k), &out);
    at_calls_answer(k->calls, in, AT_STATUS_OK, (struct at_bytes){0}, at_text_bytes(&out), 0);
    at_text_deinit(&out);
}

typedef void take_fn(struct at_keeper *k, struct session *s, struct at_incoming *in);

static take_fn *const takers[AT_LOCKS_METHOD_COUNT] = {
    [AT_LOCKS_LOCK] = take_lock,
    [AT_LOCKS_UNLOCK] = take_unlock,
    [AT_LOCKS_RENEW] = take_renew,
    [AT_LOCKS_REPAIRED] = take_repaired,
};

static size_t early_count(const struct at_keeper *k, const struct at_link *link)
{
    size_t n = 0;

    at_list_foreach (it, &k->early) {
        n += at_container_of(it, struct at_incoming, entry)->link == link ? 1 : 0;
    }
    return n;
}

static void take(struct at_keeper *k, struct at_incoming *in)
{
    struct session *s = session_of(k, in);

    if (in->method >= AT_LOCKS_METHOD_COUNT || takers[in->method] == NULL) {
        answer(k, in, AT_STATUS_UNIMPLEMENTED, "the keeper has no such method");
    } else if (s != NULL) {
        takers[in->method](k, s, in);
    } else if (early_count(k, in->link) >= AT_KEEPER_PARKED_MAX) {
        answer(k, in, AT_STATUS_FAILED_PRECONDITION, "a Session goes first; the caller is wrong");
    } else {
        at_list_append(&k->early, &in->entry);
    }
}

static void on_request(void *user, struct at_incoming *in)
{
    struct at_keeper *k = user;

    at_book_tick(k->book, now_of(k));
    if (in->method == AT_LOCKS_SESSION) {
        take_session(k, in);
    } else if (in->method == AT_LOCKS_SHOW) {
        show(k, in);
    } else {
        take(k, in);
    }
    set_timer(k);
}

/* It is answered in on_timer(): its channel is in the middle of being taken apart. */
static void on_cancelled(void *user, struct at_incoming *in)
{
    struct at_keeper *k = user;
    struct session *s = session_by(k, in);

    if (s != NULL) {
        s->link = NULL; /* another channel may soon lie where this one lay */
        k->over++;
    } else {
        at_list_remove(&in->entry); /* of early */
        at_list_append(&k->ended, &in->entry);
    }
    set_timer(k);
}

/* Sessions first: whoever ended with its process waits for nothing any more. */
static void end_ended(struct at_keeper *k)
{
    k->over = 0;
    at_list_foreach_safe (it, &k->sessions) {
        struct session *s = at_container_of(it, struct session, entry);
        struct at_incoming *in = s->in;

        if (s->link == NULL) {
            end_session(k, s); /* may answer others of the list below */
            answer(k, in, AT_STATUS_CANCELLED, "its process ended");
        }
    }
    while (!at_list_is_empty(&k->ended)) {
        struct at_incoming *in = at_container_of(k->ended.next, struct at_incoming, entry);

        if (!at_book_cancel(k->book, in, now_of(k))) {
            answer(k, in, AT_STATUS_CANCELLED, "cancelled by its caller");
        }
    }
}

static void on_timer(void *user)
{
    struct at_keeper *k = user;

    end_ended(k);
    at_book_tick(k->book, now_of(k));
    set_timer(k);
}

/* ---- the role ---- */

static void on_other(void *user, struct at_message *message)
{
    struct at_keeper *k = user;

    at_role_message(k->role, message);
}

static int read_config(struct at_keeper *k)
{
    struct at_diag diag;
    int r = at_locks_config_unpack(at_role_config(k->role), &k->config, &diag);

    if (r > 0) {
        at_log(AT_LOG_ERROR, "| %s", diag.what);
        return -EINVAL;
    }
    return r;
}

int at_keeper_start(void *user, struct at_role *role)
{
    static const struct at_calls_serving serving = {
        .methods = {(const uint8_t *)AT_LOCKS_METHODS, sizeof(AT_LOCKS_METHODS) - 1},
        .request = on_request,
        .cancelled = on_cancelled};
    struct at_keeper *k = user;
    int r;

    k->role = role;
    at_list_init(&k->sessions);
    at_list_init(&k->early);
    at_list_init(&k->ended);
    r = read_config(k);
    if (r < 0) {
        return r;
    }
    k->book = at_book_new(&k->config, now_of(k), at_env_wall_ns(at_env_real()), tell, k);
    if (k->book == NULL) {
        return -ENOMEM;
    }
    r = at_loop_add_timer(at_role_loop(role), on_timer, k, &k->timer);
    if (r == 0) {
        at_role_gave_control(role); /* first: one loop watches a descriptor once */
        r = at_calls_new(at_role_loop(role), at_role_control_fd(role), on_other, k, &k->calls);
    }
    if (r < 0) {
        return r;
    }
    at_calls_serve(k->calls, &serving);
    set_timer(k);
    if (k->config.starts > 0) {
        at_log(AT_LOG_INFO,
               "starts=%u | the keeper before this one died; granting nothing for %llu ms while "
               "those who hold locks say so",
               k->config.starts, (unsigned long long)(AT_KEEPER_GRACE_NS / AT_MILLISECOND_NS));
    }
    return at_role_ready(role, "keeping");
}

void at_keeper_stop(void *user, uint64_t grace_ns)
{
    struct at_keeper *k = user;

    (void)grace_ns; /* services stop first; whoever still holds something ends with the system */
    at_role_stopped(k->role, 0);
}

/* Sessions and waiters are answered: the engine wants its requests back. */
static void answer_all(struct at_keeper *k)
{
    static const char stops[] = "the keeper stops";

    k->ending = true;
    at_list_foreach_safe (it, &k->sessions) {
        struct session *s = at_container_of(it, struct session, entry);
        struct at_incoming *in = s->in;

        end_session(k, s);
        answer(k, in, AT_STATUS_UNAVAILABLE, stops);
    }
    at_list_foreach_safe (it, &k->early) {
        answer(k, at_container_of(it, struct at_incoming, entry), AT_STATUS_UNAVAILABLE, stops);
    }
    at_list_foreach_safe (it, &k->ended) {
        answer(k, at_container_of(it, struct at_incoming, entry), AT_STATUS_UNAVAILABLE, stops);
    }
}

void at_keeper_end(void *user)
{
    struct at_keeper *k = user;

    if (k->calls != NULL) {
        answer_all(k);
    }
    k->calls = at_calls_free(k->calls);
    k->timer = at_timer_remove(k->timer);
    k->book = at_book_free(k->book);
    at_locks_config_deinit(&k->config);
}
