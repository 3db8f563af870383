#include "proof_stage.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atoll/atoll.h>

#include "base/clock.h"
#include "test.atoll.h"

uint64_t stage_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Children find it here: tiny_spawn() passes one pointer, and generated handlers none. */
static struct book *the_book;

static void doze(uint64_t us)
{
    struct timespec t = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000 * 1000)};

    (void)nanosleep(&t, NULL);
}

/* The number of the call stands at the beginning of its payload. */
static int handle(struct atoll_call *call, const struct test_call_v1_Request *in,
                  struct test_call_v1_Reply *out)
{
    uint32_t slow = atomic_load(&the_book->slow_ms);
    uint32_t number;

    if (in->payload.len < sizeof(number)) {
        return atoll_fail(call, ATOLL_INVALID_ARGUMENT, "no number");
    }
    memcpy(&number, in->payload.at, sizeof(number));
    if (number >= BOOK_CALLS) {
        return atoll_fail(call, ATOLL_INVALID_ARGUMENT, "no such number");
    }
    atomic_fetch_add(&the_book->calls[number].ran, 1);
    if (slow > 0 && number % 4 == 0) {
        doze((uint64_t)(number % 97) * slow * 10);
    }
    out->payload = in->payload;
    return ATOLL_OK;
}

static int serve(void *user)
{
    struct test_call_v1_Alpha alpha = {.echo = handle, .repeat = handle};
    struct atoll_service service = test_call_v1_Alpha_with(&alpha);
    struct atoll_serve_options options = {.size = sizeof(options), .threads_max = 8};

    (void)user;
    return atoll_serve(&service, 1, &options);
}

/* 1 in 16 has several records, 1 in 64 more than a window: those are dying halfway, too. */
static size_t some_length(uint64_t *random)
{
    uint64_t r = stage_random(random);

    return r % 64 == 0   ? 600000 + r / 64 % 600000
           : r % 16 == 0 ? 20000 + r / 64 % 60000
                         : sizeof(uint32_t) + r / 64 % 300;
}

static enum told judge(struct atoll_call *call, int status, const struct test_call_v1_Request *in,
                       const struct test_call_v1_Reply *out)
{
    const char *reason = atoll_call_reason(call);

    if (status == ATOLL_OK) {
        return out->payload.len == in->payload.len &&
                       memcmp(out->payload.at, in->payload.at, in->payload.len) == 0
                   ? TOLD_OK
                   : TOLD_WRONG;
    }
    if (!atomic_exchange(&the_book->has_reason, true)) {
        (void)snprintf(the_book->last_reason, sizeof(the_book->last_reason), "%d: %s", status,
                       reason);
    }
    if (strstr(reason, "before it took") != NULL || strstr(reason, "no instance of") != NULL ||
        strstr(reason, " did not take ") != NULL || strstr(reason, " had not taken ") != NULL ||
        strstr(reason, "nothing was sent") != NULL) {
        return TOLD_NOT_TAKEN;
    }
    if (status == ATOLL_CANCELLED) {
        return TOLD_CANCELLED;
    }
    return status == ATOLL_UNAVAILABLE || status == ATOLL_DEADLINE_EXCEEDED ? TOLD_MAYBE
                                                                            : TOLD_WRONG;
}

struct later {
    _Atomic int status;
};

static void on_done(void *user, struct atoll_call *call, int status)
{
    struct later *l = user;

    (void)call;
    atomic_store(&l->status, status);
}

/* Started without waiting, then waited for: callbacks of other threads may run here, and ours there. */
static int call_later(struct atoll_call *call, bool may_repeat, bool cancel,
                      const struct test_call_v1_Request *in, struct test_call_v1_Reply *out)
{
    struct later l = {.status = -1};
    int r = may_repeat ? test_call_v1_Alpha_repeat_async(call, in, out, on_done, &l)
                       : test_call_v1_Alpha_echo_async(call, in, out, on_done, &l);

    if (r != ATOLL_OK) {
        return r;
    }
    if (cancel) {
        atoll_call_cancel(call);
    }
    while (atomic_load(&l.status) < 0) {
        (void)atoll_poll(5);
    }
    return atomic_load(&l.status);
}

/* Every eighth call is started without waiting; mixed: the next is cancelled, the next one-way, the
 * next has no time. */
static enum told call_numbered(struct atoll_call *call, char *room, uint32_t number, size_t len)
{
    struct test_call_v1_Request in = {0};
    struct test_call_v1_Reply out = {0};
    bool may_repeat = the_book->calls[number].may_repeat;
    int status;

    memcpy(room, &number, sizeof(number));
    in.payload = (struct atoll_str){.at = room, .len = len};
    if (number % 8 == 1 || (the_book->mixed && number % 8 == 2)) {
        status = call_later(call, may_repeat, number % 8 == 2, &in, &out);
    } else if (the_book->mixed && number % 8 == 3) {
        status = test_call_v1_Alpha_echo_oneway(call, &in);
        return status == ATOLL_OK ? TOLD_ONEWAY : judge(call, status, &in, &out);
    } else {
        status = may_repeat ? test_call_v1_Alpha_repeat(call, &in, &out)
                            : test_call_v1_Alpha_echo(call, &in, &out);
    }
    return judge(call, status, &in, &out);
}

static void call_once(struct atoll_call *call, char *room, uint64_t *random)
{
    uint32_t number = atomic_fetch_add(&the_book->next, 1);
    uint64_t end = at_now_ns() + (uint64_t)atomic_load(&the_book->limit_ms) * 1000000;
    struct book_call *entry;
    enum told told;
    uint64_t now;

    if (number >= BOOK_CALLS) {
        doze(1000);
        return;
    }
    entry = &the_book->calls[number];
    entry->may_repeat = number % 3 == 0;
    atoll_call_reset(call);
    if (the_book->mixed && number % 8 == 4) {
        end = at_now_ns() + 200000;
    }
    atoll_call_set_deadline(call, end);
    told = call_numbered(call, room, number, some_length(random));
    now = at_now_ns();
    entry->late_ms = now > end ? (uint32_t)((now - end) / 1000000) : 0;
    atomic_store(&entry->told, (uint8_t)told);
    atomic_fetch_add(
        told == TOLD_OK || told == TOLD_ONEWAY ? &the_book->answered : &the_book->failed, 1);
}

static void *call_on(void *user)
{
    struct atoll_call *call = atoll_call_new();
    char *room = calloc(1, 2 << 20);
    uint64_t random = (uint64_t)(uintptr_t)user;

    while (call != NULL && room != NULL && !atomic_load(&the_book->over)) {
        call_once(call, room, &random);
        doze(stage_random(&random) % 300);
    }
    free(room);
    atoll_call_free(call);
    return NULL;
}

static int call_out(void *user)
{
    pthread_t threads[STAGE_THREADS_MAX];
    uint32_t count = the_book->threads;
    uint64_t random = (uint64_t)getpid() * 977 + 1;

    (void)user;
    for (uint32_t i = 0; i < count; i++) {
        (void)pthread_create(&threads[i], NULL, call_on,
                             (void *)(uintptr_t)(stage_random(&random) | 1));
    }
    for (uint32_t i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return 0;
}

void stage_open(struct stage *s, uint64_t seed)
{
    *s = (struct stage){.tiny = tiny_new(), .random = seed * 2 + 1};
    s->book =
        mmap(NULL, sizeof(*s->book), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s->tiny == NULL || s->book == MAP_FAILED) {
        abort();
    }
    s->book->limit_ms = 3000;
    s->book->threads = STAGE_THREADS;
    the_book = s->book;
}

void stage_kill(struct stage *s, pid_t *pid)
{
    if (*pid > 0) {
        s->died = waitpid(*pid, NULL, WNOHANG) != 0 || s->died;
        (void)kill(*pid, SIGKILL);
        (void)waitpid(*pid, NULL, 0);
        *pid = 0;
    }
}

void stage_close(struct stage *s)
{
    stage_kill(s, &s->client);
    stage_kill(s, &s->server);
    tiny_free(s->tiny);
    (void)munmap(s->book, sizeof(*s->book));
}

int stage_spawn(struct stage *s, const char *service, int (*body)(void *user), pid_t *ret)
{
    char name[32];
    int fd;
    int index;

    (void)snprintf(name, sizeof(name), "%s.%d", service, s->tiny->instance_count);
    index = tiny_add(s->tiny, service, name, &fd);
    *ret = index < 0 ? 0 : tiny_spawn(fd, body, NULL);
    return index;
}

void stage_add_server(struct stage *s)
{
    s->server_index = stage_spawn(s, "alpha", serve, &s->server);
}

void stage_add_client(struct stage *s)
{
    s->client_index = stage_spawn(s, "asker", call_out, &s->client);
}

void stage_run(struct stage *s, uint64_t us)
{
    uint64_t end = at_now_ns() + us * 1000;

    do {
        tiny_turn(s->tiny, 0);
        doze(us < 200 ? us : 200);
    } while (at_now_ns() < end);
}

void stage_look(struct stage *s, pid_t *pid)
{
    int status;

    if (*pid > 0 && waitpid(*pid, &status, WNOHANG) == *pid) {
        *pid = 0;
        s->died = status != 0 || s->died;
    }
}

bool stage_finish(struct stage *s)
{
    atomic_store(&s->book->over, true);
    for (int i = 0; i < 1500 && s->client > 0; i++) {
        stage_run(s, 10000);
        stage_look(s, &s->client);
    }
    atomic_store(&s->book->over, false);
    return s->client == 0;
}

static int count_entries(const char *what, pid_t pid)
{
    char path[64];
    DIR *dir;
    int n = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
    dir = opendir(path);
    if (dir == NULL) {
        return -1;
    }
    while (readdir(dir) != NULL) {
        n++;
    }
    (void)closedir(dir);
    return n - 2;
}

static int count_lines(const char *what, pid_t pid, const char *with)
{
    char path[64];
    char line[512];
    FILE *f;
    int n = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
    f = fopen(path, "re");
    if (f == NULL) {
        return -1;
    }
    while (fgets(line, sizeof(line), f) != NULL) {
        n += strstr(line, with) != NULL;
    }
    (void)fclose(f);
    return n;
}

static long resident(pid_t pid)
{
    char path[64];
    long pages[2] = {0};
    FILE *f;

    (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    f = fopen(path, "re");
    if (f == NULL) {
        return -1;
    }
    if (fscanf(f, "%ld %ld", &pages[0], &pages[1]) != 2) {
        pages[1] = -1;
    }
    (void)fclose(f);
    return pages[1] * 4;
}

struct holdings stage_holdings(pid_t pid)
{
    return (struct holdings){.fds = count_entries("fd", pid),
                             .memfds = count_lines("maps", pid, "/memfd:atoll"),
                             .threads = count_entries("task", pid),
                             .rss_kib = resident(pid)};
}

bool stage_holds_no_channel(struct stage *s, pid_t pid)
{
    for (int i = 0; i < 300; i++) {
        if (stage_holdings(pid).memfds == 0) {
            return true;
        }
        stage_run(s, 10000);
    }
    return false;
}
