/*
 * A unary call, all of it: generated client, protobuf both ways, deadline, trace id, caller, and
 * atoll_serve() in another process. With more than one call outstanding, the client's one thread
 * starts them with atoll_invoke_async() and runs what is done in atoll_poll().
 *
 *   call BYTES CPU-CLIENT CPU-SERVER MILLISECONDS [FLIGHT]
 *
 * With count.so preloaded, the line also has allocations=, of both processes and per call.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include "../codec/count.h"
#include "echo.atoll.h"
#include "measure.h"
#include "tiny_supervisor.h"

static const uint64_t TIMEOUT_NS = 5000000000U;

/* What the server tells the client of itself; both have it mapped. */
struct shared {
    _Atomic uint64_t server_allocations;
};

struct bench {
    struct bench_plan plan;
    struct shared *shared;
    pid_t server;
};

struct client {
    struct bench_meter meter;
    const struct bench *bench;
    struct bench_echo_v1_EchoRequest in;
    uint64_t allocations; /* when measuring began */
    size_t outstanding;
    bool going;
    bool failed;
};

/* One of the calls that are outstanding. */
struct slot {
    struct client *client;
    struct atoll_call *call;
    struct bench_echo_v1_EchoResponse out;
    uint64_t begun;
};

/* Handlers have no user pointer; the page is mapped before the server is forked. */
static struct shared *server_shared;

static uint64_t own_allocations(void)
{
    return bench_allocations == NULL ? 0 : bench_allocations();
}

/* A call that lacks something is none that we may show. */
static int echo(struct atoll_call *call, const struct bench_echo_v1_EchoRequest *in,
                struct bench_echo_v1_EchoResponse *out)
{
    if (atoll_call_caller(call)[0] == '\0' || atoll_call_deadline(call) == 0 ||
        atoll_call_trace_id(call) == NULL) {
        return atoll_fail(call, ATOLL_INTERNAL, "no caller, deadline or trace");
    }
    if (bench_allocations != NULL) {
        server_shared->server_allocations = own_allocations();
    }
    out->payload = in->payload;
    return ATOLL_OK;
}

static int server(void *user)
{
    const struct bench *bench = user;

    bench_bound_child(bench->plan.ms);
    bench_pin(bench->plan.cpu_server);
    return bench_echo_v1_EchoService_serve(&(struct bench_echo_v1_EchoService){.echo = echo});
}

static uint64_t all_allocations(const struct client *c)
{
    return own_allocations() + c->bench->shared->server_allocations;
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

static bool is_good(const struct client *c, const struct slot *s, int status)
{
    if (status == ATOLL_OK && s->out.payload.len == c->in.payload.len) {
        return true;
    }
    (void)fprintf(stderr, "call: status %d: %s\n", status, atoll_call_reason(s->call));
    return false;
}

static void prepare(struct slot *s)
{
    atoll_call_reset(s->call);
    atoll_call_set_timeout(s->call, TIMEOUT_NS);
}

static bool one_by_one(struct client *c, struct slot *s)
{
    uint64_t ended = bench_now();

    do {
        s->begun = ended;
        prepare(s);
        if (!is_good(c, s, bench_echo_v1_EchoService_echo(s->call, &c->in, &s->out))) {
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
    if (!is_good(c, s, status)) {
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
    prepare(s);
    status = bench_echo_v1_EchoService_echo_async(s->call, &c->in, &s->out, on_done, s);
    if (status != ATOLL_OK) {
        (void)is_good(c, s, status);
        c->failed = true;
        c->going = false;
        return;
    }
    c->outstanding++;
}

static bool many_at_once(struct client *c, struct slot *slots, size_t n)
{
    c->going = atoll_poll_fd() >= 0;
    for (size_t i = 0; i < n && c->going; i++) {
        begin_one(&slots[i]);
    }
    while (c->outstanding > 0) {
        (void)atoll_poll(1000);
    }
    return !c->failed;
}

static bool run_client(struct client *c, struct slot *slots, size_t flight)
{
    bool good;

    for (size_t i = 0; i < flight; i++) {
        slots[i] = (struct slot){.client = c, .call = atoll_call_new()};
        if (slots[i].call == NULL) {
            return false;
        }
    }
    bench_meter_also(&c->meter, c->bench->server);
    bench_meter_start(&c->meter, c->bench->plan.ms);
    good = flight == 1 ? one_by_one(c, slots) : many_at_once(c, slots, flight);
    for (size_t i = 0; i < flight; i++) {
        atoll_call_free(slots[i].call);
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
        return 1;
    }
    memset(payload, 'x', plan->bytes);
    c.in.payload = (struct atoll_str){.at = payload, .len = plan->bytes};
    if (!run_client(&c, slots, plan->flight)) {
        return 1;
    }
    allocations = all_allocations(&c) - c.allocations;
    bench_meter_report("call", &c.meter);
    if (bench_allocations != NULL) {
        printf(" allocations=%.4f", (double)allocations / (double)c.meter.calls);
    }
    printf("\n");
    free(payload);
    free(slots);
    return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct tiny_supervisor *t = tiny_new();
    struct bench bench = {0};
    int server_fd;
    int client_fd;
    int status = 0;
    pid_t client_pid;

    if (!bench_plan_read(argc, argv, &bench.plan)) {
        return 2;
    }
    bench.shared = mmap(NULL, sizeof(*bench.shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (bench.shared == MAP_FAILED || t == NULL || tiny_add(t, "echo", "echo.1", &server_fd) < 0 ||
        tiny_add(t, "asker", "asker.1", &client_fd) < 0) {
        return 1;
    }
    server_shared = bench.shared;
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
