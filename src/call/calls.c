/* The engine on one event loop: what call.h promises. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/list.h"
#include "call/call.h"
#include "call/engine.h"
#include "call/metadata.h"
#include "control/message.h"
#include "loop/loop.h"

enum { ROUNDS_PER_TURN = 8 }; /* a peer that never stops talking cannot keep the loop */

struct at_calls {
    struct at_loop *loop;
    struct at_timer *timer;
    struct at_engine *engine;
    at_calls_other *other;
    struct at_calls_serving serving;
    void *user;
    struct at_list ios; /* struct watched */
    bool running;
    bool due; /* the timer fires at the end of this turn */
};

struct watched {
    struct at_list entry;
    struct at_calls *calls;
    struct at_io *io;
    uint64_t tag;
};

struct at_call_pending {
    struct at_pending p;
    struct at_calls *calls;
    at_call_done *done;
    void *user;
    uint8_t *reply;
    uint8_t copy[];
};

/* Runs what is there; then the loop may sleep, or is told to come back at once. */
static void settle(struct at_calls *c)
{
    int rounds = 0;

    if (c->running) {
        return;
    }
    c->running = true;
    do {
        while (rounds < ROUNDS_PER_TURN && at_engine_run(c->engine, at_loop_now_ns(c->loop))) {
            rounds++;
        }
    } while (!at_engine_arm(c->engine) && rounds++ < ROUNDS_PER_TURN);
    c->running = false;
    c->due = rounds >= ROUNDS_PER_TURN;
    at_timer_set(c->timer, rounds >= ROUNDS_PER_TURN ? 1 : at_engine_next_deadline(c->engine));
}

/* After a change from outside: the loop's timers run at the end of its turn, when all the calls of
 * the turn are in. */
static void settle_later(struct at_calls *c)
{
    if (!c->running && !c->due) {
        c->due = true;
        at_timer_set(c->timer, 1);
    }
}

static void on_timer(void *user)
{
    settle(user);
}

static void on_io(void *user, int fd, uint32_t events)
{
    const struct watched *w = user;
    struct at_calls *c = w->calls;

    (void)fd;
    at_engine_tell_time(c->engine, at_loop_now_ns(c->loop));
    at_engine_event(c->engine, w->tag, events); /* w may be gone now */
    settle(c);
}

static int watch(void *user, int fd, uint32_t events, uint64_t tag, void **ret_handle)
{
    struct at_calls *c = user;
    struct watched *w = calloc(1, sizeof(*w));
    int r;

    if (w == NULL) {
        return -ENOMEM;
    }
    w->calls = c;
    w->tag = tag;
    r = at_loop_add_io(c->loop, fd, events, on_io, w, &w->io);
    if (r < 0) {
        free(w);
        return r;
    }
    at_list_append(&c->ios, &w->entry);
    *ret_handle = w;
    return 0;
}

static void unwatch(void *user, int fd, void *handle)
{
    struct watched *w = handle;

    (void)user;
    (void)fd;
    (void)at_io_remove(w->io);
    at_list_remove(&w->entry);
    free(w);
}

static void on_other(void *user, struct at_message *m)
{
    struct at_calls *c = user;

    if (c->other != NULL) {
        c->other(c->user, m);
    }
}

static void on_request(void *user, struct at_incoming *in)
{
    struct at_calls *c = user;

    if (c->serving.request == NULL) {
        at_engine_answer(c->engine, in, AT_STATUS_UNIMPLEMENTED,
                         AT_LIT("the process does not serve"), (struct at_bytes){0}, 0);
        return;
    }
    c->serving.request(c->user, in);
}

static void on_cancelled(void *user, struct at_incoming *in)
{
    struct at_calls *c = user;

    if (c->serving.cancelled != NULL) {
        c->serving.cancelled(c->user, in);
    }
}

static const struct at_engine_ops ops = {.watch = watch,
                                         .unwatch = unwatch,
                                         .request = on_request,
                                         .cancelled = on_cancelled,
                                         .other = on_other};

int at_calls_new(struct at_loop *loop, int control_fd, at_calls_other *on_other_message, void *user,
                 struct at_calls **ret)
{
    struct at_calls *c = calloc(1, sizeof(*c));
    int r;

    if (c == NULL) {
        return -ENOMEM;
    }
    c->loop = loop;
    c->other = on_other_message;
    c->user = user;
    at_list_init(&c->ios);
    r = at_loop_add_timer(loop, on_timer, c, &c->timer);
    if (r < 0) {
        free(c);
        return r;
    }
    r = at_engine_new(&ops, c, control_fd, (struct at_bytes){0}, &c->engine);
    if (r < 0) {
        (void)at_timer_remove(c->timer);
        free(c);
        return r;
    }
    at_engine_cork(c->engine);
    *ret = c;
    return 0;
}

struct at_calls *at_calls_free(struct at_calls *c)
{
    if (c == NULL) {
        return NULL;
    }
    c->running = true;
    (void)at_engine_free(c->engine); /* ends every call */
    (void)at_timer_remove(c->timer);
    free(c);
    return NULL;
}

void at_calls_serve(struct at_calls *calls, const struct at_calls_serving *serving)
{
    calls->serving = *serving;
    at_engine_serve(calls->engine, serving->methods);
}

void at_calls_answer(struct at_calls *calls, struct at_incoming *in, uint32_t status,
                     struct at_bytes meta, struct at_bytes body, uint8_t flags)
{
    at_engine_answer(calls->engine, in, status, meta, body, flags);
    settle_later(calls);
}

int at_calls_want(struct at_calls *calls, struct at_bytes contract)
{
    at_engine_tell_time(calls->engine, at_loop_now_ns(calls->loop));
    return at_engine_want(calls->engine, contract);
}

bool at_calls_can_call(const struct at_calls *calls, struct at_bytes contract)
{
    return at_engine_can_call(calls->engine, contract);
}

static void end(struct at_call_pending *call, const struct at_call_result *result)
{
    call->done(call->user, result);
    free(call->reply);
    free(call);
}

static void on_done(void *user, const struct at_call_result *result)
{
    end(user, result);
}

static void *reply_room(void *user, size_t len)
{
    struct at_call_pending *call = user;

    free(call->reply);
    call->reply = malloc(len);
    return call->reply;
}

static struct at_bytes copy_in(struct at_writer *w, struct at_bytes b)
{
    const uint8_t *at = w->at + w->len;

    at_write_bytes(w, b);
    return at_bytes_over(at, b.len);
}

int at_call_start(struct at_calls *calls, const struct at_call_request *request, at_call_done *done,
                  void *user, struct at_call_pending **ret)
{
    size_t caller_room = request->caller.len == 0 ? 0 : request->caller.len + 16;
    size_t room = request->contract.len + request->method.len + request->payload.len +
                  request->metadata.len + caller_room;
    struct at_call_pending *call;
    struct at_writer w;
    size_t meta_start;
    int r;

    if (request->payload.len > SIZE_MAX / 4) {
        return -EMSGSIZE;
    }
    call = malloc(sizeof(*call) + room);
    if (call == NULL) {
        return -ENOMEM;
    }
    *call = (struct at_call_pending){.calls = calls, .done = done, .user = user};
    w = at_writer_over(call->copy, room);
    call->p.request = *request;
    call->p.request.contract = copy_in(&w, request->contract);
    call->p.request.method = copy_in(&w, request->method);
    call->p.request.payload = copy_in(&w, request->payload);
    meta_start = w.len;
    if (request->caller.len > 0) {
        at_metadata_add(&w, AT_METADATA_CALLER, request->caller);
    }
    at_write_bytes(&w, request->metadata);
    call->p.request.metadata = at_bytes_after(at_writer_bytes(&w), meta_start);
    call->p.done = on_done;
    call->p.user = call;
    call->p.reply_room = reply_room;
    r = w.failed ? -EMSGSIZE
                 : at_engine_start(calls->engine, &call->p, at_loop_now_ns(calls->loop));
    if (r < 0) {
        free(call);
        return r;
    }
    settle_later(calls);
    if (ret != NULL) {
        *ret = call;
    }
    return 0;
}

void at_call_cancel(struct at_call_pending *call)
{
    struct at_calls *calls = call->calls;
    struct at_call_result result = {.status = AT_STATUS_CANCELLED};
    char reason[AT_ENGINE_SENTENCE];

    at_engine_cancel(calls->engine, &call->p, "cancelled by its caller", reason);
    result.reason = at_bytes_of(reason);
    end(call, &result);
    settle_later(calls);
}
