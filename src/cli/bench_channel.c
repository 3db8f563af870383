/* Calls of a bench over libatoll's channels. */
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/clock.h"
#include "cli/bench_load.h"
#include "cli/bench_way.h"
#include "cli/callee.h"
#include "cli/cli.h"
#include "pb/pool.h"

struct slot {
    struct channel *channel;
    struct atoll_call *call;
    void *out;
    uint32_t number;
};

struct channel {
    const struct at_bench_target *target;
    struct atoll_method_desc method;
    struct atoll_service_desc service;
    struct slot *slots;
    uint32_t slot_count;
    struct at_bench_run *run;
    uint32_t ready; /* the only slot's call, to be made in turn(): 1 */
    int poll_fd;    /* -1 until exact times matter */
};

static void on_done(void *user, struct atoll_call *call, int status)
{
    struct slot *s = user;

    at_bench_ended(s->channel->run, s->number, status,
                   status == ATOLL_OK ? NULL : atoll_call_reason(call));
}

static void start(void *user, struct at_bench_run *run, uint32_t slot)
{
    struct channel *c = user;
    struct slot *s = &c->slots[slot];
    int status;

    c->run = run;
    atoll_call_reset(s->call);
    atoll_call_set_timeout(s->call, c->target->timeout_ns);
    if (c->slot_count == 1 && c->poll_fd < 0) {
        c->ready = 1;
        return;
    }
    status = atoll_invoke_async(s->call, &c->service, 0, c->target->message, s->out, on_done, s);
    if (status != ATOLL_OK) {
        at_bench_ended(run, slot, status, atoll_call_reason(s->call));
    }
}

/* Milliseconds are too coarse for calls that are due: sleeps on the library's descriptor. */
static bool sleep_exactly(struct channel *c, uint64_t until_ns)
{
    struct pollfd wait = {.events = POLLIN};
    uint64_t now = at_now_ns();
    struct timespec left = {0};

    if (c->poll_fd < 0) {
        c->poll_fd = atoll_poll_fd();
    }
    if (c->poll_fd < 0) {
        return false;
    }
    wait.fd = c->poll_fd;
    if (until_ns > now) {
        left.tv_sec = (time_t)((until_ns - now) / AT_SECOND_NS);
        left.tv_nsec = (long)((until_ns - now) % AT_SECOND_NS);
        (void)ppoll(&wait, 1, &left, NULL);
    }
    (void)atoll_poll(0);
    return true;
}

static bool turn(void *user, struct at_bench_run *run, uint64_t until_ns, bool exact)
{
    struct channel *c = user;
    struct slot *s = &c->slots[0];

    c->run = run;
    if (exact) {
        return sleep_exactly(c, until_ns);
    }
    if (c->ready != 0) {
        int status;

        c->ready = 0;
        status = atoll_invoke(s->call, &c->service, 0, c->target->message, s->out);
        on_done(s, s->call, status);
        return true;
    }
    (void)atoll_poll(at_until_ms(until_ns, at_now_ns()));
    return true;
}

void at_bench_channel_close(struct at_bench_way *way)
{
    struct channel *c = way->user;

    for (uint32_t i = 0; c != NULL && i < c->slot_count; i++) {
        atoll_call_free(c->slots[i].call);
        free(c->slots[i].out);
    }
    if (c != NULL) {
        free(c->slots);
        free(c);
    }
    way->user = NULL;
}

static void describe(struct channel *c, const struct at_pool_method *m)
{
    c->method = (struct atoll_method_desc){.size = sizeof(c->method),
                                           .name = m->name,
                                           .input = m->input,
                                           .output = m->output,
                                           .idempotency = m->idempotency,
                                           .timeout_ns = m->timeout_ns,
                                           .max_request_bytes = m->max_request_bytes};
    c->service = (struct atoll_service_desc){.size = sizeof(c->service),
                                             .full_name = m->service->full_name,
                                             .methods = &c->method,
                                             .method_count = 1};
}

int at_bench_channel_open(const struct at_bench_target *t, uint32_t slots, struct at_bench_way *ret)
{
    struct channel *c = calloc(1, sizeof(*c));
    bool whole = c != NULL;

    if (whole) {
        c->target = t;
        c->poll_fd = -1;
        describe(c, t->method);
        c->slots = calloc(slots, sizeof(*c->slots));
        whole = c->slots != NULL;
        c->slot_count = whole ? slots : 0;
    }
    for (uint32_t i = 0; whole && i < slots; i++) {
        struct slot *s = &c->slots[i];

        s->channel = c;
        s->number = i;
        s->call = atoll_call_new();
        s->out = calloc(1, t->method->output->struct_size);
        whole = s->call != NULL && s->out != NULL;
    }
    *ret = (struct at_bench_way){.name = "channel", .user = c, .start = start, .turn = turn};
    if (!whole) {
        at_bench_channel_close(ret);
        return at_cli_fail(t->callee->cli, AT_EXIT_FAILURE,
                           "no room for %u calls at once: out of memory", slots);
    }
    return 0;
}
