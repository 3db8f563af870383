/*
 * One service with many clients, each a process with a channel of its own.
 *
 *   crowd paced N RATE BYTES CPU-CLIENTS CPU-SERVER MILLISECONDS
 *       all N call, RATE calls a second together: see crowd.h. raw_crowd is its yardstick.
 *   crowd idle N 1 BYTES CPU-CLIENT CPU-SERVER MILLISECONDS
 *       N - 1 have called once and sleep; the last calls without a pause, and its times are told.
 */
#include "crowd.h"

#include "echo.h"
#include "tiny_supervisor.h"

enum { TURN_MS = 200 };

struct stage {
    struct crowd_plan plan;
    struct crowd *crowd;
    struct echo_shared *shared;
    pid_t server;
};

struct part {
    struct stage *stage;
    size_t index;
};

static int server(void *user)
{
    struct stage *stage = user;

    bench_name("server");
    bench_bound_child(stage->plan.trial.ms + CROWD_SETUP_MS);
    bench_pin(stage->plan.trial.cpu_server);
    return echo_serve(stage->shared, false);
}

static bool ask(void *user)
{
    return echo_caller_call(user);
}

/* The payload lives as long as the client's process. */
static bool open_caller(const struct stage *stage, struct echo_caller *caller)
{
    char *payload = malloc(stage->plan.trial.bytes);

    if (payload == NULL) {
        return false;
    }
    memset(payload, 'x', stage->plan.trial.bytes);
    return echo_caller_init(caller, payload, stage->plan.trial.bytes);
}

static int paced_client(void *user)
{
    struct part *part = user;
    struct stage *stage = part->stage;
    struct echo_caller caller;

    if (!open_caller(stage, &caller)) {
        atomic_fetch_add(&stage->crowd->failed, 1);
        return 1;
    }
    return crowd_ask(stage->crowd, &stage->plan, part->index, ask, &caller);
}

static bool hot(struct stage *stage, struct echo_caller *caller)
{
    struct bench_meter meter;
    uint64_t a;
    uint64_t b;

    if (!bench_meter_init(&meter)) {
        return false;
    }
    bench_meter_also(&meter, stage->server);
    bench_meter_start(&meter, stage->plan.trial.ms);
    b = bench_now();
    do {
        a = b;
        if (!echo_caller_call(caller)) {
            return false;
        }
        b = bench_now();
    } while (bench_meter_note(&meter, a, b));
    bench_meter_report("crowd", &meter);
    printf("\n");
    return fflush(stdout) == 0;
}

static int idle_client(void *user)
{
    struct part *part = user;
    struct stage *stage = part->stage;
    struct crowd *crowd = stage->crowd;
    struct echo_caller caller;
    bool good;

    bench_bound_child(stage->plan.trial.ms + CROWD_SETUP_MS);
    bench_pin(stage->plan.trial.cpu_client);
    good = open_caller(stage, &caller) && echo_caller_call(&caller);
    if (good && part->index + 1 < stage->plan.clients) {
        atomic_fetch_add(&crowd->ready, 1);
        for (;;) {
            (void)atoll_poll(-1); /* until it is killed: who rings it for nothing is noticed */
        }
    }
    if (good) {
        crowd_await_start(crowd);
        good = hot(stage, &caller);
    }
    atomic_fetch_add(good ? &crowd->done : &crowd->failed, 1);
    return good ? 0 : 1;
}

static void turn(void *user)
{
    tiny_turn(user, TURN_MS);
}

static bool spawn_all(struct tiny_supervisor *t, struct stage *stage, pid_t *clients,
                      int (*body)(void *user))
{
    int fd;

    if (tiny_add(t, "echo", "echo.1", &fd) < 0) {
        return false;
    }
    stage->server = tiny_spawn(fd, server, stage);
    for (size_t i = 0; i < stage->plan.clients; i++) {
        struct part part = {.stage = stage, .index = i};
        char name[32];

        (void)snprintf(name, sizeof(name), "asker.%zu", i + 1);
        if (tiny_add(t, "asker", name, &fd) < 0) {
            return false;
        }
        clients[i] = tiny_spawn(fd, body, &part);
        tiny_turn(t, 0);
    }
    return true;
}

static bool paced(struct tiny_supervisor *t, struct stage *stage)
{
    return crowd_wait(stage->crowd, &stage->plan, stage->server, turn, t) &&
           crowd_report("crowd", stage->crowd, &stage->plan) == 0;
}

static bool idle(struct tiny_supervisor *t, struct stage *stage)
{
    struct crowd *crowd = stage->crowd;

    if (!crowd_await(crowd, &crowd->ready, stage->plan.clients, CROWD_SETUP_MS, turn, t)) {
        return false;
    }
    atomic_store(&crowd->go, 1);
    crowd_futex(&crowd->go, FUTEX_WAKE, INT32_MAX);
    return crowd_await(crowd, &crowd->done, 1, 2 * stage->plan.trial.ms + 10000, turn, t);
}

static const struct mode {
    const char *name;
    int (*client)(void *user);
    bool (*run)(struct tiny_supervisor *t, struct stage *stage);
} modes[] = {
    {"paced", paced_client, paced},
    {"idle", idle_client, idle},
};

static bool play(const struct mode *mode, struct stage *stage)
{
    struct tiny_supervisor *t = tiny_new();
    pid_t *clients = calloc(stage->plan.clients, sizeof(*clients));
    bool good;

    stage->crowd = crowd_new(&stage->plan);
    stage->shared = echo_share();
    if (t == NULL || clients == NULL || stage->crowd == NULL || stage->shared == NULL) {
        free(t);
        free(clients);
        return false;
    }
    good = spawn_all(t, stage, clients, mode->client) && mode->run(t, stage);
    crowd_end(clients, stage->plan.clients);
    crowd_end(&stage->server, 1);
    tiny_free(t);
    free(clients);
    return good;
}

int main(int argc, char **argv)
{
    struct stage stage = {.server = 0};
    const struct mode *mode = NULL;

    for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++) {
        mode = strcmp(argv[1], modes[i].name) == 0 ? &modes[i] : mode;
    }
    if (mode == NULL) {
        (void)fprintf(stderr, "crowd paced|idle N RATE BYTES CPU-CLIENTS CPU-SERVER "
                              "MILLISECONDS\n");
        return 2;
    }
    if (!crowd_plan_read(argc - 1, argv + 1, &stage.plan)) {
        return 2;
    }
    return play(mode, &stage) ? 0 : 1;
}
