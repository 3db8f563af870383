/*
 * A unary call, all of it, one or more outstanding. With more than one, the client's one thread
 * starts them with atoll_invoke_async() and runs what is done in atoll_poll().
 *
 *   call BYTES CPU-CLIENT CPU-SERVER MILLISECONDS [FLIGHT [pooled]]
 *
 * With count.so preloaded, the line also has allocations=, of both processes and per call.
 */
#include <sys/wait.h>

#include "echo.h"
#include "measure.h"
#include "tiny_supervisor.h"

struct bench {
    struct bench_plan plan;
    struct echo_shared *shared;
    pid_t server;
    bool pooled;
};

struct client {
    struct bench_meter meter;
    const struct bench *bench;
    uint64_t allocations; /* when measuring began */
    size_t outstanding;
    bool going;
    bool failed;
};

/* One of the calls that are outstanding. */
struct slot {
    struct echo_caller caller;
    struct client *client;
    uint64_t begun;
};

static int server(void *user)
{
    const struct bench *bench = user;

    bench_name("server");
    bench_bound_child(bench->plan.ms);
    bench_pin(bench->plan.cpu_server);
    return echo_serve(bench->shared, bench->pooled);
}

static uint64_t all_allocations(const struct client *c)
{
    return echo_allocations() + c->bench->shared->allocations;
}

/* Ends the time of one call; false when no other is to begin. */
static bool note(struct client *c, uint64_t begun, uint64_t ended)
{
    bool warming = c->meter.wall_begin == 0;
    bool more = bench_meter_note(&c->meter, begun, ended);

    if (warming && c->meter.wall_begin != 0) {
        c->allocations = all_allocations(c);
    }
    return more;
}

static bool one_by_one(struct client *c, struct slot *s)
{
    uint64_t ended = bench_now();

    do {
        s->begun = ended;
        if (!echo_caller_call(&s->caller)) {
            return false;
        }
        ended = bench_now();
    } while (note(c, s->begun, ended));
    return true;
}

static void begin_one(struct slot *s);

static void on_done(void *user, struct atoll_call *call, int status)
{
    struct slot *s = user;
    struct client *c = s->client;

    (void)call;
    c->outstanding--;
    if (!echo_caller_judge(&s->caller, status)) {
        c->failed = true;
        c->going = false;
    }
    if (c->going) {
        c->going = note(c, s->begun, bench_now());
    }
    if (c->going) {
        begin_one(s);
    }
}

static void begin_one(struct slot *s)
{
    struct client *c = s->client;
    int status;

    s->begun = bench_now();
    echo_caller_prepare(&s->caller);
    status = bench_echo_v1_EchoService_echo_async(s->caller.call, &s->caller.in, &s->caller.out,
                                                  on_done, s);
    if (status != ATOLL_OK) {
        (void)echo_caller_judge(&s->caller, status);
        c->failed = true;
        c->going = false;
        return;
    }
    c->outstanding++;
}

static bool many_at_once(struct client *c, struct slot *slots, size_t n)
{
    c->going = true;
    for (size_t i = 0; i < n && c->going; i++) {
        begin_one(&slots[i]);
    }
    while (c->outstanding > 0) {
        (void)atoll_poll(1000);
    }
    return !c->failed;
}

static bool run_client(struct client *c, struct slot *slots, const char *payload)
{
    const struct bench_plan *plan = &c->bench->plan;
    bool good;

    for (size_t i = 0; i < plan->flight; i++) {
        slots[i].client = c;
        if (!echo_caller_init(&slots[i].caller, payload, plan->bytes)) {
            return false;
        }
    }
    bench_meter_also(&c->meter, c->bench->server);
    bench_meter_start(&c->meter, plan->ms);
    good = plan->flight == 1 ? one_by_one(c, slots) : many_at_once(c, slots, plan->flight);
    for (size_t i = 0; i < plan->flight; i++) {
        echo_caller_deinit(&slots[i].caller);
    }
    return good;
}

static int client(void *user)
{
    struct client c = {.bench = user};
    const struct bench_plan *plan = &c.bench->plan;
    struct slot *slots = calloc(plan->flight, sizeof(*slots));
    char *payload = malloc(plan->bytes);
    uint64_t allocations;

    bench_bound_child(plan->ms);
    bench_pin(plan->cpu_client);
    if (slots == NULL || payload == NULL || !bench_meter_init(&c.meter)) {
        return 1; /* the process ends: nothing leaks */
    }
    memset(payload, 'x', plan->bytes);
    if (!run_client(&c, slots, payload)) {
        return 1;
    }
    allocations = all_allocations(&c) - c.allocations;
    bench_meter_report("call", &c.meter);
    if (echo_counts_allocations()) {
        printf(" allocations=%.9f", (double)allocations / (double)c.meter.calls);
    }
    printf("\n");
    free(payload);
    free(slots);
    return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct tiny_supervisor *t = tiny_new();
    struct bench bench = {.shared = echo_share()};
    int server_fd;
    int client_fd;
    int status = 0;
    pid_t client_pid;

    if (!bench_plan_read(argc, argv, &bench.plan)) {
        return 2;
    }
    if (bench.shared == NULL || t == NULL || tiny_add(t, "echo", "echo.1", &server_fd) < 0 ||
        tiny_add(t, "asker", "asker.1", &client_fd) < 0) {
        return 1;
    }
    bench.pooled = argc > 6 && strcmp(argv[6], "pooled") == 0;
    bench_bound(bench.plan.ms);
    bench.server = tiny_spawn(server_fd, server, &bench);
    client_pid = tiny_spawn(client_fd, client, &bench);
    while (waitpid(client_pid, &status, WNOHANG) == 0) {
        tiny_turn(t, 200); /* its end is heard at once: its socket closes */
    }
    tiny_stop(t, 0, 1000000000U);
    (void)waitpid(bench.server, NULL, 0);
    tiny_free(t);
    return status == 0 ? 0 : 1;
}
