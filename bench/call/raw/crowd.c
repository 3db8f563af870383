/*
 * The yardstick of a crowd: one server and N client processes, each with a word and a message of its
 * own in shared memory and an eventfd each way; the server sleeps in one epoll, edge-triggered.
 *
 *   raw_crowd N RATE BYTES CPU-CLIENTS CPU-SERVER MILLISECONDS
 *
 * RATE calls a second in all, evenly over the clients and over time: see crowd.h.
 */
#include "crowd.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

enum { MESSAGE_MAX = 1024, EVENTS = 64 };

struct way {
    _Alignas(128) _Atomic uint32_t seq;
    char message[MESSAGE_MAX];
};

/* One client's own: both directions, both bells. */
struct lane {
    struct way up;
    struct way down;
    int up_bell;
    int down_bell;
};

struct client {
    struct lane *lane;
    size_t bytes;
    char message[MESSAGE_MAX];
};

struct raw {
    const struct crowd_plan *plan;
    struct lane *lanes;
};

static void ring(int bell)
{
    uint64_t one = 1;

    while (write(bell, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

static void answer(struct lane *lane, char *message, size_t bytes)
{
    uint32_t asked = atomic_load(&lane->up.seq);

    if (asked == atomic_load_explicit(&lane->down.seq, memory_order_relaxed)) {
        return;
    }
    memcpy(message, lane->up.message, bytes);
    memcpy(lane->down.message, message, bytes);
    atomic_store(&lane->down.seq, asked);
    ring(lane->down_bell);
}

static int serve(const struct raw *raw)
{
    struct epoll_event events[EVENTS];
    char message[MESSAGE_MAX];
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    bench_name("server");
    bench_bound_child(raw->plan->trial.ms + CROWD_SETUP_MS);
    bench_pin(raw->plan->trial.cpu_server);
    for (size_t i = 0; i < raw->plan->clients; i++) {
        events[0] = (struct epoll_event){.events = EPOLLIN | EPOLLET, .data.ptr = &raw->lanes[i]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, raw->lanes[i].up_bell, &events[0]) != 0) {
            return 1;
        }
    }
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            answer(events[i].data.ptr, message, raw->plan->trial.bytes);
        }
    }
}

static bool ask(void *user)
{
    struct client *c = user;
    struct lane *lane = c->lane;
    uint64_t count;
    uint32_t mine;

    memcpy(lane->up.message, c->message, c->bytes);
    mine = atomic_fetch_add(&lane->up.seq, 1) + 1;
    ring(lane->up_bell);
    while (atomic_load(&lane->down.seq) != mine) {
        if (read(lane->down_bell, &count, sizeof(count)) < 0 && errno != EINTR) {
            return false;
        }
    }
    memcpy(c->message, lane->down.message, c->bytes);
    return c->message[0] == 'x';
}

static bool make_lanes(struct raw *raw)
{
    raw->lanes = crowd_share(raw->plan->clients * sizeof(*raw->lanes));
    if (raw->lanes == NULL) {
        return false;
    }
    for (size_t i = 0; i < raw->plan->clients; i++) {
        struct lane *lane = &raw->lanes[i];

        lane->up_bell = eventfd(0, EFD_CLOEXEC);
        lane->down_bell = eventfd(0, EFD_CLOEXEC);
        if (lane->up_bell < 0 || lane->down_bell < 0) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct crowd_plan plan;
    struct crowd *crowd;
    struct raw raw = {.plan = &plan};
    pid_t *pids;
    pid_t server;
    int result;

    if (!crowd_plan_read(argc, argv, &plan) || plan.trial.bytes > MESSAGE_MAX) {
        return 2;
    }
    crowd = crowd_new(&plan);
    pids = calloc(plan.clients, sizeof(*pids));
    if (crowd == NULL || pids == NULL || !make_lanes(&raw)) {
        perror("raw_crowd");
        return 1;
    }
    server = fork();
    if (server == 0) {
        _exit(serve(&raw));
    }
    for (size_t i = 0; i < plan.clients; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            struct client client = {.lane = &raw.lanes[i], .bytes = plan.trial.bytes};

            memset(client.message, 'x', sizeof(client.message));
            _exit(crowd_ask(crowd, &plan, i, ask, &client));
        }
    }
    result =
        crowd_wait(crowd, &plan, server, NULL, NULL) ? crowd_report("raw_crowd", crowd, &plan) : 1;
    crowd_end(pids, plan.clients);
    crowd_end(&server, 1);
    return result;
}
