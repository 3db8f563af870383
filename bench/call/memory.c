/*
 * What an idle channel costs in memory, both sides, by the difference between FEW and MANY of them.
 *
 *   memory clients FEW MANY    one service, MANY client processes
 *   memory servers FEW MANY    MANY instances of a service, one client
 *
 * In each the process in the middle is looked at: its heap (anonymous memory) and its share of the
 * regions (PSS of shared memory), so that what a process costs once stays out. Each channel is used
 * once, then all is quiet for a while. One line: "memory heap_kib=… shared_kib=… kernel_kib=…", per
 * channel. kernel_kib is what /proc/meminfo says of the whole machine, so it needs a quiet one, and
 * counts both sides; only "clients" tells it, because there all processes exist before the first
 * look.
 */
#include "crowd.h"
#include "echo.h"
#include "tiny_supervisor.h"

enum { BYTES = 64, TURN_MS = 20, QUIET_MS = 1500, SETUP_MS = 60000, CALLS_EACH = 4 };

struct gate {
    _Atomic uint32_t open;  /* a futex: so many may call */
    _Atomic uint32_t ready; /* so many channels are open and were used */
    _Atomic uint32_t failed;
};

struct stage {
    struct tiny_supervisor *t;
    struct gate *gate;
    struct echo_shared *shared;
    bool tells_kernel;
    uint32_t few;
    uint32_t many;
    pid_t middle;
    pid_t *others; /* `many` of them */
};

struct part {
    struct stage *stage;
    uint32_t index;
};

/* KiB. */
struct look {
    uint64_t heap;
    uint64_t shared;
    uint64_t kernel;
};

/* ---- looking ---- */

/* The number behind a line's name; 0: there is no such line. */
static uint64_t number_of(const char *path, const char *name)
{
    FILE *f = fopen(path, "re");
    size_t len = strlen(name);
    uint64_t found = 0;
    char line[256];

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, name, len) == 0 && (line[len] == ':' || line[len] == ' ')) {
            found = strtoull(line + len + 1, NULL, 10);
            break;
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return found;
}

static uint64_t kernel_kib(void)
{
    static const char *const lines[] = {"Slab", "PageTables", "KernelStack", "Percpu"};
    uint64_t sum = 0;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        sum += number_of("/proc/meminfo", lines[i]);
    }
    return sum;
}

static struct look look(const struct stage *stage)
{
    struct look l = {0};
    char path[256];

    (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)stage->middle);
    l.heap = number_of(path, "Anonymous");
    l.shared = number_of(path, "Pss_Shmem");
    l.kernel = kernel_kib();
    return l;
}

/* ---- the processes ---- */

static int fail(struct stage *stage)
{
    atomic_fetch_add(&stage->gate->failed, 1);
    return 1;
}

static int server(void *user)
{
    struct part *part = user;

    bench_name("server");
    bench_bound_child(SETUP_MS);
    return echo_serve(part->stage->shared, false);
}

static void sleep_until_killed(void)
{
    for (;;) {
        (void)pause();
    }
}

/* Of a crowd: its first call waits for the gate. */
static int client(void *user)
{
    struct part *part = user;
    struct gate *gate = part->stage->gate;
    struct echo_caller caller;
    char payload[BYTES];
    uint32_t open;

    bench_bound_child(SETUP_MS);
    memset(payload, 'x', sizeof(payload));
    if (!echo_caller_init(&caller, payload, sizeof(payload))) {
        return fail(part->stage);
    }
    while ((open = atomic_load(&gate->open)) <= part->index) {
        crowd_futex(&gate->open, FUTEX_WAIT, open);
    }
    if (!echo_caller_call(&caller)) {
        return fail(part->stage);
    }
    atomic_fetch_add(&gate->ready, 1);
    sleep_until_killed();
    return 0;
}

/* In the middle of many servers: calls, some times each, whenever the gate opens wider. */
static int middle_client(void *user)
{
    struct part *part = user;
    struct gate *gate = part->stage->gate;
    struct echo_caller caller;
    char payload[BYTES];
    uint32_t open = 0;

    bench_bound_child(SETUP_MS);
    memset(payload, 'x', sizeof(payload));
    if (!echo_caller_init(&caller, payload, sizeof(payload)) || !echo_caller_call(&caller)) {
        return fail(part->stage);
    }
    for (;;) {
        uint32_t now = atomic_load(&gate->open);

        for (uint32_t i = 0; now != open && i < CALLS_EACH * now; i++) {
            if (!echo_caller_call(&caller)) {
                return fail(part->stage);
            }
        }
        open = now;
        atomic_store(&gate->ready, now);
        (void)atoll_poll(TURN_MS); /* new channels come in here */
    }
}

static pid_t spawn(struct stage *stage, const char *service, uint32_t index,
                   int (*body)(void *user))
{
    struct part part = {.stage = stage, .index = index};
    char name[32];
    pid_t pid;
    int fd;

    (void)snprintf(name, sizeof(name), "%s.%u", service, index + 1);
    if (tiny_add(stage->t, service, name, &fd) < 0) {
        return -1;
    }
    pid = tiny_spawn(fd, body, &part);
    tiny_turn(stage->t, 0);
    return pid;
}

/* ---- the play ---- */

static void turn_for(struct stage *stage, uint64_t ms)
{
    uint64_t end = bench_now() + ms * 1000000U;

    while (bench_now() < end) {
        tiny_turn(stage->t, TURN_MS);
    }
}

/* Opens the gate for n, waits until they are there and quiet. */
static bool reach(struct stage *stage, uint32_t n)
{
    uint64_t end = bench_now() + SETUP_MS / 2 * 1000000ULL;

    while ((uint32_t)stage->t->channel_count < n || atomic_load(&stage->gate->ready) < n) {
        if (atomic_load(&stage->gate->failed) > 0 || bench_now() > end) {
            (void)fprintf(stderr, "memory: %d channels, %u ready of %u\n", stage->t->channel_count,
                          atomic_load(&stage->gate->ready), n);
            return false;
        }
        atomic_store(&stage->gate->open, n);
        crowd_futex(&stage->gate->open, FUTEX_WAKE, INT32_MAX);
        tiny_turn(stage->t, TURN_MS);
    }
    turn_for(stage, QUIET_MS);
    return true;
}

static bool with_clients(struct stage *stage, struct look *few, struct look *many)
{
    stage->middle = spawn(stage, "echo", 0, server);
    for (uint32_t i = 0; i < stage->many; i++) {
        stage->others[i] = spawn(stage, "asker", i, client);
    }
    if (!reach(stage, stage->few)) {
        return false;
    }
    *few = look(stage);
    if (!reach(stage, stage->many)) {
        return false;
    }
    *many = look(stage);
    return true;
}

static bool with_servers(struct stage *stage, struct look *few, struct look *many)
{
    stage->middle = spawn(stage, "asker", 0, middle_client);
    for (uint32_t i = 0; i < stage->few; i++) {
        stage->others[i] = spawn(stage, "echo", i, server);
    }
    if (!reach(stage, stage->few)) {
        return false;
    }
    *few = look(stage);
    for (uint32_t i = stage->few; i < stage->many; i++) {
        stage->others[i] = spawn(stage, "echo", i, server);
    }
    if (!reach(stage, stage->many)) {
        return false;
    }
    *many = look(stage);
    return true;
}

static const struct mode {
    const char *name;
    bool (*run)(struct stage *stage, struct look *few, struct look *many);
} modes[] = {
    {"clients", with_clients},
    {"servers", with_servers},
};

static double each(const struct stage *stage, uint64_t few, uint64_t many)
{
    return ((double)many - (double)few) / (double)(stage->many - stage->few);
}

static bool play(const struct mode *mode, struct stage *stage)
{
    struct look few = {0};
    struct look many = {0};
    bool good = mode->run(stage, &few, &many);

    crowd_end(stage->others, stage->many);
    crowd_end(&stage->middle, 1);
    if (!good) {
        return false;
    }
    printf("memory heap_kib=%.3f shared_kib=%.3f", each(stage, few.heap, many.heap),
           each(stage, few.shared, many.shared));
    if (stage->tells_kernel) {
        printf(" kernel_kib=%.3f", each(stage, few.kernel, many.kernel));
    }
    printf("\n");
    return fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    struct stage stage = {.t = tiny_new(), .shared = echo_share()};
    const struct mode *mode = NULL;
    bool good;

    for (size_t i = 0; argc > 3 && i < sizeof(modes) / sizeof(modes[0]); i++) {
        mode = strcmp(argv[1], modes[i].name) == 0 ? &modes[i] : mode;
    }
    if (mode == NULL) {
        (void)fprintf(stderr, "memory clients|servers FEW MANY\n");
        return 2;
    }
    stage.few = (uint32_t)strtoul(argv[2], NULL, 10);
    stage.many = (uint32_t)strtoul(argv[3], NULL, 10);
    stage.tells_kernel = mode->run == with_clients;
    stage.gate = crowd_share(sizeof(*stage.gate));
    stage.others = calloc(stage.many, sizeof(*stage.others));
    if (stage.few == 0 || stage.few >= stage.many || stage.many > CROWD_MAX || stage.t == NULL ||
        stage.shared == NULL || stage.gate == NULL || stage.others == NULL) {
        return 2;
    }
    crowd_raise_files();
    bench_bound(SETUP_MS);
    good = play(mode, &stage);
    tiny_free(stage.t);
    free(stage.others);
    return good ? 0 : 1;
}
