#include "libatoll/locks.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/atoll.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/list.h"
#include "call/call.h"
#include "call/engine.h"
#include "control/locks.h"
#include "control/message.h"
#include "libatoll/invoke.h"
#include "libatoll/limits.h"
#include "libatoll/process.h"

/* Of what ends only with the keeper, or with us. */
#define FOR_EVER_NS (UINT64_MAX / 4)
enum { SESSION_HEAD = 16 }; /* bytes of a Session beside its list */

static const struct at_bytes methods[AT_LOCKS_METHOD_COUNT] = {
    [AT_LOCKS_SESSION] = {(const uint8_t *)"Session", 7},
    [AT_LOCKS_LOCK] = {(const uint8_t *)"Lock", 4},
    [AT_LOCKS_UNLOCK] = {(const uint8_t *)"Unlock", 6},
    [AT_LOCKS_RENEW] = {(const uint8_t *)"Renew", 5},
    [AT_LOCKS_REPAIRED] = {(const uint8_t *)"Repaired", 8},
};

static struct at_call_request request_of(enum at_locks_method method, struct at_bytes payload,
                                         uint64_t deadline_ns)
{
    return (struct at_call_request){.contract = AT_LIT(AT_LOCKS_CONTRACT),
                                    .method = methods[method],
                                    .payload = payload,
                                    .deadline_ns = deadline_ns};
}

/* Was it shown to a keeper? Then it may have done what it was asked. */
static bool has_gone(const struct at_pending *p)
{
    return p->out.begun;
}

/* ---- the Session ---- */

static int begin_session(struct at_process *p);

/* Whoever asks for a lock would wait for a keeper that does not want us. */
static void fail_all(struct at_process *p, const struct at_call_result *result)
{
    at_list_foreach_safe (it, &p->locks->claims) {
        struct at_claim *c = at_container_of(it, struct at_claim, entry);

        if (c->doing == AT_LOCKS_LOCK && c->pending.state != AT_PENDING_IDLE) {
            at_engine_abandon(p->engine, &c->pending);
            c->pending.done(c, result);
        }
    }
}

/*
 * A keeper that had it is dead, has lost us, or stops: the next one is told what we hold. One that
 * answers otherwise refuses us; and without any keeper the next lock asks again.
 */
static void on_session_done(void *user, const struct at_call_result *result)
{
    struct at_process *p = user;

    free(p->locks->list);
    p->locks->list = NULL;
    at_warden_look(p);
    if (result->status == AT_STATUS_UNAVAILABLE) {
        if (has_gone(&p->locks->session) && p->locks->count > 0) {
            (void)begin_session(p);
        }
    } else if (result->instance.len > 0) {
        fail_all(p, result);
    }
}

static void *refusal_room(void *user, size_t len)
{
    struct at_process *p = user;

    return len <= sizeof(p->locks->refusal) ? p->locks->refusal : NULL;
}

static void add_held(struct at_writer *w, const struct at_claim *c)
{
    struct at_locks_held held = {.op = c->id,
                                 .token = c->token,
                                 .context = c->context,
                                 .permits = c->permits,
                                 .flags = c->flags,
                                 .name = at_bytes_over(c->name, c->name_len)};

    at_locks_add_held(w, &held);
}

/* What is held, packed; malloc. NULL: out of memory. */
static uint8_t *pack_session(const struct at_locks *l, size_t *ret_len)
{
    size_t cap = AT_LOCKS_HELD_BYTES_MAX + SESSION_HEAD;
    uint8_t *list = malloc(AT_LOCKS_HELD_BYTES_MAX);
    uint8_t *packed = list == NULL ? NULL : malloc(cap);
    struct at_writer held = at_writer_over(list, list == NULL ? 0 : AT_LOCKS_HELD_BYTES_MAX);
    struct at_writer w = at_writer_over(packed, packed == NULL ? 0 : cap);
    struct at_locks_session session;

    if (packed != NULL) {
        at_list_foreach (it, &l->claims) {
            const struct at_claim *c = at_container_of(it, struct at_claim, entry);

            if (c->held) {
                add_held(&held, c);
            }
        }
        session.held = at_writer_bytes(&held);
        (void)at_message_pack(&at_locks_session_kind, &session, &w);
    }
    free(list);
    *ret_len = w.len;
    return packed;
}

static int begin_session(struct at_process *p)
{
    struct at_locks *l = p->locks;
    size_t len;
    int r;

    if (l->session.state != AT_PENDING_IDLE) {
        return 0;
    }
    l->list = pack_session(l, &len);
    if (l->list == NULL) {
        return -ENOMEM;
    }
    memset(&l->session, 0, sizeof(l->session));
    l->session.request = request_of(AT_LOCKS_SESSION, at_bytes_over(l->list, len), FOR_EVER_NS);
    l->session.done = on_session_done;
    l->session.reply_room = refusal_room;
    l->session.user = p;
    r = at_engine_start(p->engine, &l->session, at_process_now(p));
    if (r < 0) {
        free(l->list);
        l->list = NULL;
    }
    return r;
}

struct at_locks *at_locks_get(struct at_process *p)
{
    if (p->locks == NULL) {
        p->locks = calloc(1, sizeof(*p->locks));
        if (p->locks == NULL) {
            return NULL;
        }
        at_list_init(&p->locks->claims);
    }
    return begin_session(p) < 0 ? NULL : p->locks;
}

/* ---- claims ---- */

size_t at_locks_asked(const struct at_process *p)
{
    size_t n = 0;

    if (p->locks != NULL && p->locks->count >= AT_LIB_LOCKS_ASKED_MAX) {
        at_list_foreach (it, &p->locks->claims) {
            n += at_container_of(it, struct at_claim, entry)->held ? 0 : 1;
        }
    }
    return n;
}

struct at_claim *at_locks_add(struct at_process *p, struct at_bytes name)
{
    struct at_claim *c = calloc(1, sizeof(*c));

    if (c != NULL) {
        c->process = p;
        c->id = ++p->locks->last_id;
        c->name_len = name.len;
        memcpy(c->name, name.at, name.len);
        at_list_append(&p->locks->claims, &c->entry);
        p->locks->count++;
    }
    return c;
}

struct at_claim *at_locks_find(const struct at_process *p, uint64_t id)
{
    if (p->locks != NULL) {
        at_list_foreach (it, &p->locks->claims) {
            struct at_claim *c = at_container_of(it, struct at_claim, entry);

            if (c->id == id && c->held && !c->leaving) {
                return c;
            }
        }
    }
    return NULL;
}

void at_locks_drop(struct at_claim *c)
{
    at_list_remove(&c->entry);
    c->process->locks->count--;
    free(c);
}

/* The keeper is told that nobody wants it; whatever it makes of that is the end. */
static void forget(struct at_claim *c)
{
    c->leaving = true;
    c->call = NULL;
    if (at_locks_begin(c, AT_LOCKS_UNLOCK, FOR_EVER_NS) < 0) {
        at_locks_drop(c); /* without memory it stays the keeper's until we end */
    }
}

/* The context hears the end of what it waits for. */
static void tell(struct at_claim *c, const struct at_call_result *result)
{
    struct atoll_call *call = c->call;
    struct at_bytes reason = result->reason;
    uint32_t status = result->status;

    c->call = NULL;
    c->ret = NULL;
    if (call == NULL) {
        return;
    }
    if (result->instance.len == 0 &&
        (status == AT_STATUS_UNIMPLEMENTED || status == AT_STATUS_PERMISSION_DENIED)) {
        size_t begins = at_bytes_index(reason, '"');

        /* Refused on the way: the system declares no locks, or the service uses none. Before the
         * sentence stands which part of atoll it comes from, which is no word of users. */
        status = AT_STATUS_PERMISSION_DENIED;
        reason = begins < reason.len ? at_bytes_after(reason, begins) : reason;
    }
    call->asking = NULL;
    call->status = (int)status;
    call->reason = "";
    if (status != AT_STATUS_OK) {
        const char *copy = at_arena_copy(&call->arena, reason);

        call->reason = copy == NULL ? "out of memory for the reason" : copy;
    }
    at_invoke_ended(call);
}

static void on_lock(struct at_claim *c, const struct at_call_result *result)
{
    struct at_locks_grant grant;
    struct at_call_result wrong = {.status = AT_STATUS_INTERNAL,
                                   .reason = AT_LIT("the keeper granted something else")};

    if (result->status != AT_STATUS_OK) {
        bool answered = result->instance.len > 0;

        tell(c, result);
        if (answered || !has_gone(&c->pending)) {
            at_locks_drop(c);
        } else {
            forget(c); /* perhaps the grant is on its way */
        }
        return;
    }
    if (at_locks_read(&at_locks_grant_kind, result->payload, &grant) != 0) {
        tell(c, &wrong);
        forget(c);
        return;
    }
    c->held = true;
    c->token = grant.token;
    c->flags |= grant.flags & AT_LOCKS_OWNER_DIED;
    if (c->ret != NULL) {
        *c->ret = (struct atoll_lock){
            .token = c->token,
            .id = c->id,
            .flags = (grant.flags & AT_LOCKS_OWNER_DIED) != 0 ? ATOLL_LOCK_OWNER_DIED : 0};
    }
    at_warden_need(c->process);
    tell(c, result);
}

static void on_unlock(struct at_claim *c, const struct at_call_result *result)
{
    bool is_late = result->status == AT_STATUS_DEADLINE_EXCEEDED && result->instance.len == 0;

    tell(c, result);
    if (is_late) {
        forget(c); /* the caller has given up, we have not */
    } else {
        at_locks_drop(c); /* answered; or its channel ended, and with it all that was held by it */
    }
}

static void on_change(struct at_claim *c, const struct at_call_result *result)
{
    if (c->doing == AT_LOCKS_REPAIRED && result->status == AT_STATUS_OK) {
        c->flags &= ~(uint32_t)AT_LOCKS_OWNER_DIED;
    }
    tell(c, result);
}

static void on_done(void *user, const struct at_call_result *result)
{
    struct at_claim *c = user;

    if (c->doing == AT_LOCKS_LOCK) {
        on_lock(c, result);
    } else if (c->doing == AT_LOCKS_UNLOCK) {
        on_unlock(c, result);
    } else {
        on_change(c, result);
    }
}

static void *reply_room(void *user, size_t len)
{
    struct at_claim *c = user;

    return len <= sizeof(c->reply) ? c->reply
           : c->call == NULL       ? NULL
                                   : at_arena_alloc(&c->call->arena, len, 16);
}

static void pack(struct at_claim *c, enum at_locks_method method)
{
    struct at_writer w = at_writer_over(c->payload, sizeof(c->payload));
    struct at_locks_of of = {.op = c->id};

    if (method != AT_LOCKS_LOCK) {
        (void)at_message_pack(&at_locks_of_kind, &of, &w);
    } else {
        struct at_locks_ask ask = {.op = c->id,
                                   .context = c->context,
                                   .permits = c->permits,
                                   .flags = c->flags,
                                   .name = at_bytes_over(c->name, c->name_len)};

        (void)at_message_pack(&at_locks_ask_kind, &ask, &w);
    }
    c->payload_len = w.len;
}

int at_locks_begin(struct at_claim *c, enum at_locks_method method, uint64_t deadline_ns)
{
    struct at_process *p = c->process;
    struct at_pending *pending = &c->pending;

    pack(c, method);
    if (method == AT_LOCKS_LOCK) {
        c->flags &= AT_LOCKS_SHARED; /* what is told to a keeper that comes after this one */
    }
    c->doing = (uint8_t)method;
    memset(pending, 0, sizeof(*pending));
    pending->request = request_of(method, at_bytes_over(c->payload, c->payload_len), deadline_ns);
    pending->request.may_repeat = true; /* by its number it is known */
    pending->done = on_done;
    pending->reply_room = reply_room;
    pending->user = c;
    if (c->call != NULL) {
        memcpy(pending->request.trace_id, c->call->trace_id, sizeof(pending->request.trace_id));
        pending->request.span_id = c->call->span_id;
    }
    return at_engine_start(p->engine, pending, at_process_now(p));
}

void at_locks_left(struct atoll_call *call)
{
    struct at_claim *c = call->asking;
    bool is_change;

    if (c == NULL) {
        return;
    }
    call->asking = NULL;
    c->call = NULL;
    c->ret = NULL;
    is_change = c->doing == AT_LOCKS_RENEW || c->doing == AT_LOCKS_REPAIRED;
    at_engine_abandon(c->process->engine, &c->pending);
    if (is_change) {
        return;
    }
    if (c->doing == AT_LOCKS_LOCK && !has_gone(&c->pending)) {
        at_locks_drop(c);
    } else {
        forget(c);
    }
}

void at_locks_free(struct at_process *p)
{
    if (p->locks == NULL) {
        return;
    }
    at_list_foreach_safe (it, &p->locks->claims) {
        free(at_container_of(it, struct at_claim, entry));
    }
    free(p->locks->list);
    free(p->locks);
    p->locks = NULL;
}
