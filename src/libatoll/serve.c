/* atoll_serve(): sets the table of methods up, says ready, serves, drains. */
#include "libatoll/serve.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/text.h"
#include "call/call.h"
#include "call/engine.h"
#include "control/message.h"
#include "control/service.h"
#include "libatoll/limits.h"
#include "libatoll/method.h"
#include "libatoll/process.h"

enum { TAG_SIGNAL = 7 };

/* A signal handler has no other way to know where to write. */
static volatile sig_atomic_t signal_fd = -1;

static void on_signal(int number)
{
    int saved = errno;
    uint64_t one = 1;

    if (at_process_is_forked()) { /* it was meant for the child, whose descriptor is its parent's */
        struct sigaction standard = {.sa_handler = SIG_DFL};

        (void)sigaction(number, &standard, NULL);
        (void)raise(number); /* delivered when this handler returns */
    } else {
        (void)!write((int)signal_fd, &one, sizeof(one));
    }
    errno = saved;
}

void at_serve_request(struct at_process *p, struct at_incoming *in)
{
    if (p->serve == NULL) {
        at_engine_answer(p->engine, in, AT_STATUS_UNIMPLEMENTED,
                         AT_LIT("the process does not serve"), (struct at_bytes){0}, 0);
        return;
    }
    at_workers_queue(p, in);
}

void at_serve_cancelled(struct at_process *p, struct at_incoming *in)
{
    if (in->stream != NULL) {
        at_streaming_cancelled(p, in);
    } /* else it is still queued, and dropped when its turn comes */
}

void at_serve_kick(struct at_process *p)
{
    struct at_serve *s = p->serve;

    if (at_workers_kick(p)) {
        return;
    }
    if (!p->watched && s->running > 0) {
        at_workers_standby(p);
    } else if (!p->watched) {
        at_list_foreach (it, &s->idle) {
            struct at_worker *w = at_container_of(it, struct at_worker, entry);

            w->wanted = true;
            at_park_wake(&w->park);
            return;
        }
    }
}

uint32_t at_serve_busy(const struct at_process *p)
{
    return p->serve == NULL ? 0 : p->serve->running - p->serve->nested;
}

uint64_t at_serve_watch_limit(const struct at_process *p, uint64_t limit_ns)
{
    const struct at_serve *s = p->serve;
    uint64_t look_again;

    if (s == NULL || !at_workers_queued(s) || s->nested < s->running) {
        return limit_ns;
    }
    look_again = at_now_ns();
    if (!at_workers_held_by_streams(s)) {
        look_again += AT_LIB_STALL_NS / 4;
    } else if (s->look_ns == 0) {
        return limit_ns; /* nothing that waits has a deadline */
    } else {             /* who was woken to judge needs a moment */
        look_again = s->look_ns > look_again ? s->look_ns : look_again + AT_LIB_TICK_NS;
    }
    return limit_ns != 0 && limit_ns < look_again ? limit_ns : look_again;
}

static void waits(struct at_process *p, bool begins)
{
    struct at_serve *s = p->serve;

    s->signs++;
    if (begins) {
        s->nested++;
        /* Perhaps that was the last free one: what waits is judged anew, and who watches without
         * a limit must look again and again from now on. */
        if (at_workers_kick(p) && s->running >= s->threads_max && p->watched) {
            at_process_ring(p);
        }
    } else {
        s->nested--;
        if (!p->watched) {
            at_workers_standby(p);
        }
    }
}

void at_serve_nested(struct at_process *p, struct at_worker *w, bool begins)
{
    w->nested += begins ? 1U : -1U;
    waits(p, begins);
}

void at_serve_streaming(struct at_process *p, bool begins)
{
    p->serve->in_streams += begins ? 1U : -1U;
    waits(p, begins);
}

void at_serve_stop(struct at_process *p, uint64_t grace_ns)
{
    struct at_serve *s = p->serve;
    struct at_service_stopping stopping = {.reason = AT_LIT("asked to stop")};

    if (s == NULL || s->stopping) {
        return;
    }
    s->stopping = true;
    s->stop_by_ns = at_now_ns() + grace_ns;
    (void)at_message_send(p->control, &at_service_stopping_kind, &stopping, NULL, 0);
    at_engine_go_away(p->engine);
    at_streaming_stop(p, grace_ns);
    at_list_foreach (it, &s->idle) {
        at_park_wake(&at_container_of(it, struct at_worker, entry)->park);
    }
    at_process_ring(p);
}

/* As the engine wants it behind the name. */
static const char *how_it_streams(const struct atoll_method_desc *m)
{
    bool client = (m->flags & ATOLL_METHOD_CLIENT_STREAMS) != 0;
    bool server = (m->flags & ATOLL_METHOD_SERVER_STREAMS) != 0;

    if (client) {
        return server ? " cs" : " c";
    }
    return server ? " s" : "";
}

/* Tables of names and handlers out of the services. */
static int set_methods(struct at_serve *s, const struct atoll_service *services, size_t count)
{
    struct at_text names;
    struct at_text contracts;
    size_t n = 0;

    at_text_init(&names);
    at_text_init(&contracts);
    for (size_t i = 0; i < count; i++) {
        n += services[i].desc->method_count;
    }
    s->methods = calloc(n == 0 ? 1 : n, sizeof(*s->methods));
    s->pairs = true;
    for (size_t i = 0; i < count && s->methods != NULL; i++) {
        const struct atoll_service_desc *desc = services[i].desc;

        at_text_addf(&contracts, "%s\n", desc->full_name);
        for (size_t k = 0; k < desc->method_count; k++) {
            const struct atoll_method_desc *m = at_method_at(desc, k);

            at_text_addf(&names, "%s/%s%s\n", desc->full_name, m->name, how_it_streams(m));
            s->methods[s->method_count++] = (struct at_method){
                .desc = m,
                .service = desc,
                .handlers = services[i].handlers,
                .pooled = s->all_pooled || (m->flags & ATOLL_METHOD_POOLED) != 0};
            s->pairs = s->pairs && s->methods[s->method_count - 1].pooled;
        }
    }
    at_text_add_str(&names, "");
    at_text_add_str(&contracts, "");
    s->names = at_text_take(&names);
    s->contracts = at_text_take(&contracts);
    at_text_deinit(&names);
    at_text_deinit(&contracts);
    return s->methods == NULL || s->names == NULL || s->contracts == NULL ? -ENOMEM : 0;
}

static int explain(int r, const struct at_process *p)
{
    if (r == -ENOTCONN) {
        (void)fprintf(stderr, "atoll: this service was not started by atoll (no ATOLL_CONTROL_FD); "
                              "run it with `atoll up`\n");
    } else if (r == -ECHILD) {
        (void)fprintf(stderr, "atoll: a fork of a process that uses atoll cannot serve\n");
    } else if (r == -EACCES && p != NULL) {
        (void)fprintf(stderr, "atoll: the supervisor refused this service: %s\n", p->refusal);
    } else {
        (void)fprintf(stderr, "atoll: cannot serve: %s\n", strerrordesc_np(-r));
    }
    return 1;
}

/* Lock held. Says what we serve, then that we are ready. */
static int announce(struct at_process *p, struct at_serve *s)
{
    int r = 0;

    at_engine_serve(p->engine, at_bytes_of(s->names));
    if (p->contracts != s->contracts) { /* it called others before: HELLO did not name them */
        p->contracts = s->contracts;
        r = at_process_hello(p);
    }
    return r < 0 ? r : at_process_ready(p);
}

static void install(struct sigaction old[2])
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGTERM, &action, &old[0]);
    (void)sigaction(SIGINT, &action, &old[1]);
}

static int serve(struct at_process *p, struct at_serve *s)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.u64 = TAG_SIGNAL};
    struct sigaction old[2];
    struct at_worker *self = calloc(1, sizeof(*self));
    int r = self == NULL ? -ENOMEM : 0;

    if (r == 0 && epoll_ctl(p->epoll, EPOLL_CTL_ADD, s->signal_fd, &ev) < 0) {
        r = -errno;
    }
    if (r < 0) {
        free(self);
        return r;
    }
    self->process = p;
    at_context_init(&self->call, p);
    self->call.worker = self;
    self->thread = pthread_self();
    s->self = self;
    signal_fd = s->signal_fd;
    install(old);
    at_process_lock(p);
    p->serve = s;
    at_process_hand_over(p);
    r = announce(p, s);
    if (r == 0) {
        at_workers_run(p, self);
    }
    s->over = true;
    at_streaming_forget(p);
    if (s->running == 0) {
        at_workers_end(p);
        at_engine_serve(p->engine, (struct at_bytes){0});
        p->serve = NULL;
        at_process_hand_over(p);
        p->contracts = "";
    } else {
        r = -ETIMEDOUT; /* a handler never ended: its thread goes with the process */
    }
    at_process_unlock(p);
    (void)sigaction(SIGTERM, &old[0], NULL);
    (void)sigaction(SIGINT, &old[1], NULL);
    (void)epoll_ctl(p->epoll, EPOLL_CTL_DEL, s->signal_fd, NULL);
    if (r != -ETIMEDOUT) {
        at_context_deinit(&self->call);
        free(self);
    }
    return r;
}

static int check(const struct atoll_service *services, size_t count)
{
    if (services == NULL || count == 0) {
        return -EINVAL;
    }
    for (size_t i = 0; i < count; i++) {
        if (services[i].desc == NULL) {
            return -EINVAL;
        }
    }
    return 0;
}

static void free_serve(struct at_serve *s)
{
    at_close(&s->signal_fd);
    free(s->methods);
    free(s->names);
    free(s->contracts);
    free(s);
}

static struct at_serve *new_serve(const struct atoll_serve_options *options)
{
    struct at_serve *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return NULL;
    }
    at_list_init(&s->queue);
    at_list_init(&s->pooled);
    at_list_init(&s->back);
    at_list_init(&s->idle);
    at_list_init(&s->workers);
    at_list_init(&s->kept);
    s->threads = 1;
    s->threads_max = AT_LIB_THREADS_DEFAULT;
    /* By the member, not by the whole: programs of today must not lose it when the struct grows. */
    if (options != NULL &&
        options->size >= offsetof(struct atoll_serve_options, threads_max) + sizeof(uint32_t) &&
        options->threads_max != 0) {
        s->threads_max =
            options->threads_max > AT_LIB_THREADS_MAX ? AT_LIB_THREADS_MAX : options->threads_max;
    }
    /* Who allows one handler alone means it: it may share what it has with no other. */
    s->chain_max = s->threads_max == 1 ? 1 : s->threads_max * AT_LIB_CHAIN_FACTOR;
    s->all_pooled =
        options != NULL &&
        options->size >= offsetof(struct atoll_serve_options, pooled) + sizeof(uint32_t) &&
        options->pooled != 0;
    s->signal_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return s;
}

int atoll_serve(const struct atoll_service *services, size_t count,
                const struct atoll_serve_options *options)
{
    struct at_process *p = NULL;
    struct at_serve *s;
    int r = check(services, count);

    if (r < 0) {
        return explain(r, NULL);
    }
    s = new_serve(options);
    if (s == NULL) {
        return explain(-ENOMEM, NULL);
    }
    r = s->signal_fd < 0 ? -errno : set_methods(s, services, count);
    if (r == 0) {
        r = at_process_get(s->contracts, &p);
    }
    if (r == 0) {
        r = serve(p, s);
    }
    if (r == -ETIMEDOUT && p != NULL && p->serve != NULL) {
        (void)fprintf(stderr, "atoll: a handler did not end within the grace period\n");
        return 1; /* its thread still uses what s holds */
    }
    if (p != NULL && p->contracts == s->contracts) {
        p->contracts = "";
    }
    free_serve(s);
    return r < 0 ? explain(r, p) : 0;
}
