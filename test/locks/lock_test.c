/*
 * Locks over real processes: this one, lockers (TEST_LOCKER) and a keeper (TEST_KEEPER) whose grace is
 * 400 ms; a thread plays the supervisor.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atoll/atoll.h>

#include "at_test.h"
#include "base/clock.h"
#include "base/text.h"
#include "libatoll/locks.h"
#include "libatoll/process.h"
#include "libatoll/test_stage.h"
#include "plan/locks.h"
#include "plan/plan.h"
#include "tiny_supervisor.h"

enum { LOCKERS_MAX = 4 };

struct locker {
    pid_t pid;
    FILE *in;
    FILE *out;
    int status;
    unsigned long long token;
    unsigned flags;
    char reason[512];
};

struct locking {
    struct stage stage;
    struct at_text config;
    pid_t keeper;
    uint32_t starts;
    struct locker lockers[LOCKERS_MAX];
    int count;
};

static void start_keeper(struct locking *l)
{
    static uint32_t users[] = {0, 1};
    static struct at_plan_service services[] = {
        {.name = "asker", .file = "atoll.yaml", .line = 3},
        {.name = "locker", .file = "atoll.yaml", .line = 5},
    };
    static struct at_plan_lock locks[] = {
        {.name = "one", .services = {users, 2}, .file = ""},
        {.name = "two-*", .services = {users, 2}, .file = ""},
        {.name = "short", .lease_ns = 200 * AT_MILLISECOND_NS, .services = {users, 2}, .file = ""},
        {.name = "three", .permits = 3, .services = {users, 2}, .file = ""},
        {.name = "hers", .services = {users + 1, 1}, .file = ""},
    };
    struct at_plan plan = {.system = "test",
                           .services = services,
                           .service_count = 2,
                           .locks = locks,
                           .lock_count = sizeof(locks) / sizeof(locks[0])};
    const char *argv[] = {TEST_KEEPER, NULL};
    int fd = -1;
    int i;

    (void)pthread_mutex_lock(&l->stage.lock);
    at_text_clear(&l->config);
    CHECK_INT(at_locks_config_pack(&plan, l->starts++, &l->config), 0);
    i = tiny_add(l->stage.tiny, "keeper", "keeper.1", &fd);
    l->stage.tiny->instances[i].config = at_text_bytes(&l->config);
    (void)pthread_mutex_unlock(&l->stage.lock);
    l->keeper = tiny_exec(fd, TEST_KEEPER, argv);
    CHECK(l->keeper > 0);
}

static void kill_keeper(struct locking *l, int signal)
{
    (void)kill(l->keeper, signal);
    (void)waitpid(l->keeper, NULL, 0);
}

/* A process with pipes as stdin and stdout. */
static int start_locker(struct locking *l)
{
    struct locker *k = &l->lockers[l->count];
    char name[32];
    int in[2];
    int out[2];
    int fd = -1;

    (void)snprintf(name, sizeof(name), "locker.%d", l->count + 1);
    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    (void)pthread_mutex_lock(&l->stage.lock);
    CHECK(tiny_add(l->stage.tiny, "locker", name, &fd) >= 0);
    (void)pthread_mutex_unlock(&l->stage.lock);
    k->pid = fork();
    CHECK(k->pid >= 0);
    if (k->pid == 0) {
        char number[16];

        (void)snprintf(number, sizeof(number), "%d", fd);
        (void)setenv("ATOLL_CONTROL_FD", number, 1);
        (void)fcntl(fd, F_SETFD, 0);
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)execl(TEST_LOCKER, TEST_LOCKER, NULL);
        _exit(127);
    }
    (void)close(fd);
    (void)close(in[0]);
    (void)close(out[1]);
    k->in = fdopen(in[1], "w");
    k->out = fdopen(out[0], "r");
    return l->count++;
}

static void say(struct locking *l, int i, const char *line)
{
    CHECK(fprintf(l->lockers[i].in, "%s\n", line) > 0);
    CHECK(fflush(l->lockers[i].in) == 0);
}

static bool has_answered(struct locking *l, int i, int ms)
{
    struct pollfd p = {.fd = fileno(l->lockers[i].out), .events = POLLIN};

    return poll(&p, 1, ms) == 1;
}

static struct locker *hear(struct locking *l, int i)
{
    struct locker *k = &l->lockers[i];
    char line[1024];

    CHECK(has_answered(l, i, 8000));
    CHECK(fgets(line, sizeof(line), k->out) != NULL);
    k->reason[0] = '\0';
    CHECK(sscanf(line, "%d %llu %u %511[^\n]", &k->status, &k->token, &k->flags, k->reason) >= 3);
    return k;
}

static struct locker *tell(struct locking *l, int i, const char *line)
{
    say(l, i, line);
    return hear(l, i);
}

static void kill_locker(struct locking *l, int i)
{
    struct locker *k = &l->lockers[i];

    if (k->pid > 0) {
        (void)kill(k->pid, SIGKILL);
        (void)waitpid(k->pid, NULL, 0);
        (void)fclose(k->in);
        (void)fclose(k->out);
        k->pid = 0;
    }
}

static void begin_locking(struct locking *l)
{
    memset(l, 0, sizeof(*l));
    at_text_init(&l->config);
    begin(&l->stage);
    start_keeper(l);
}

static void end_locking(struct locking *l)
{
    for (int i = 0; i < l->count; i++) {
        kill_locker(l, i);
    }
    kill_keeper(l, SIGTERM);
    end(&l->stage);
    at_text_deinit(&l->config);
}

/* Long enough for what has been sent to be taken. */
static void settle(void)
{
    (void)usleep(60000);
}

TEST(a_lock_goes_round_and_its_tokens_rise)
{
    struct locking l;
    struct atoll_call *call;
    struct atoll_lock lock;
    uint64_t first;

    begin_locking(&l);
    call = l.stage.call;
    CHECK_INT(atoll_lock(call, "one", &lock), ATOLL_OK);
    CHECK_INT(lock.flags, 0);
    first = lock.token;
    start_locker(&l);
    CHECK_INT(tell(&l, 0, "try one")->status, ATOLL_ABORTED);
    CHECK(strstr(l.lockers[0].reason, "one is held by asker.1 for") != NULL);
    CHECK_INT(tell(&l, 0, "lock one 200")->status, ATOLL_DEADLINE_EXCEEDED);
    CHECK(strstr(l.lockers[0].reason, "held by asker.1 for") != NULL);
    say(&l, 0, "lock one 5000");
    CHECK(!has_answered(&l, 0, 60));
    CHECK_INT(atoll_unlock(call, &lock), ATOLL_OK);
    CHECK_INT(hear(&l, 0)->status, ATOLL_OK);
    CHECK(l.lockers[0].token > first);
    CHECK_INT(tell(&l, 0, "unlock")->status, ATOLL_OK);
    CHECK_INT(atoll_unlock(call, &lock), ATOLL_FAILED_PRECONDITION);
    CHECK(strstr(atoll_call_reason(call), "given back before") != NULL);
    CHECK_INT(tell(&l, 0, "twice")->status, ATOLL_FAILED_PRECONDITION);
    end_locking(&l);
}

TEST(who_may_not_have_a_lock_hears_what_to_add)
{
    struct locking l;
    struct atoll_call *call;
    struct atoll_lock lock;

    begin_locking(&l);
    call = l.stage.call;
    CHECK_INT(atoll_lock(call, "other", &lock), ATOLL_PERMISSION_DENIED);
    CHECK(strstr(atoll_call_reason(call), "add `other: {}` to `locks`") != NULL);
    CHECK_INT(atoll_lock(call, "hers", &lock), ATOLL_PERMISSION_DENIED);
    CHECK(strstr(atoll_call_reason(call), "\"lock:hers\" to `uses` of service asker") != NULL);
    CHECK_INT(atoll_lock(call, "", &lock), ATOLL_INVALID_ARGUMENT);
    CHECK_INT(atoll_lock(call, NULL, &lock), ATOLL_INVALID_ARGUMENT);
    CHECK_INT(atoll_lock(call, "one", NULL), ATOLL_INVALID_ARGUMENT);
    CHECK_INT(atoll_unlock(call, &lock), ATOLL_FAILED_PRECONDITION);
    end_locking(&l);
}

TEST(a_killed_owner_frees_its_lock_at_once_and_the_next_one_is_told)
{
    struct locking l;
    uint64_t killed;

    begin_locking(&l);
    start_locker(&l);
    start_locker(&l);
    CHECK_INT(tell(&l, 0, "lock one 5000")->status, ATOLL_OK);
    say(&l, 1, "lock one 5000");
    settle();
    killed = at_now_ns();
    kill_locker(&l, 0);
    CHECK_INT(hear(&l, 1)->status, ATOLL_OK);
    CHECK(at_now_ns() - killed < 2 * AT_SECOND_NS);
    CHECK_INT(l.lockers[1].flags, ATOLL_LOCK_OWNER_DIED);
    CHECK_INT(tell(&l, 1, "repaired")->status, ATOLL_OK);
    CHECK_INT(tell(&l, 1, "unlock")->status, ATOLL_OK);
    CHECK_INT(tell(&l, 1, "lock one 5000")->flags, 0);
    end_locking(&l);
}

TEST(a_stopped_owner_loses_a_lock_with_a_lease_and_hears_so)
{
    struct locking l;
    unsigned long long late;

    begin_locking(&l);
    start_locker(&l);
    start_locker(&l);
    late = tell(&l, 0, "lock short 5000")->token;
    CHECK_INT(tell(&l, 0, "renew")->status, ATOLL_OK);
    CHECK_INT(kill(l.lockers[0].pid, SIGSTOP), 0);
    CHECK_INT(tell(&l, 1, "lock short 5000")->status, ATOLL_OK);
    CHECK(l.lockers[1].token > late);
    CHECK_INT(l.lockers[1].flags, ATOLL_LOCK_OWNER_DIED);
    CHECK_INT(kill(l.lockers[0].pid, SIGCONT), 0);
    CHECK_INT(tell(&l, 0, "renew")->status, ATOLL_FAILED_PRECONDITION);
    CHECK_INT(tell(&l, 0, "unlock")->status, ATOLL_FAILED_PRECONDITION);
    CHECK(strstr(l.lockers[0].reason, "its lease ended") != NULL);
    CHECK_INT(tell(&l, 1, "unlock")->status, ATOLL_OK);
    end_locking(&l);
}

/* The owner sleeps in a read of its own, and is no server: nobody but its warden hears of it. */
static void survive(int signal)
{
    struct locking l;
    unsigned long long token;

    begin_locking(&l);
    start_locker(&l);
    start_locker(&l);
    start_locker(&l);
    token = tell(&l, 0, "lock one 5000")->token;
    CHECK_INT(tell(&l, 2, "lock two-1 5000")->status, ATOLL_OK);
    say(&l, 1, "lock one 7000");
    settle();
    kill_keeper(&l, signal);
    kill_locker(&l, 2); /* it dies as well: its lock is free after the grace */
    start_keeper(&l);
    CHECK(!has_answered(&l, 1, 550)); /* it still is locker.1's */
    CHECK_INT(tell(&l, 0, "lock two-1 5000")->status, ATOLL_OK);
    CHECK_INT(l.lockers[0].flags, ATOLL_LOCK_OWNER_DIED);
    CHECK(l.lockers[0].token > token);
    CHECK_INT(tell(&l, 0, "unlock")->status, ATOLL_OK);
    CHECK(!has_answered(&l, 1, 50));
    kill_locker(&l, 0);
    CHECK_INT(hear(&l, 1)->status, ATOLL_OK);
    CHECK(l.lockers[1].token > token);
    CHECK_INT(l.lockers[1].flags, ATOLL_LOCK_OWNER_DIED);
    end_locking(&l);
}

TEST(what_is_held_and_who_waits_survive_a_keeper_that_is_killed)
{
    survive(SIGKILL);
}

TEST(what_is_held_and_who_waits_survive_a_keeper_that_is_stopped)
{
    survive(SIGTERM);
}

static int ask_server(struct locking *l, int depth)
{
    struct test_call_v1_Request in = {.depth = depth};
    struct test_call_v1_Reply out;

    atoll_call_reset(l->stage.call);
    atoll_call_set_timeout(l->stage.call, 4 * AT_SECOND_NS);
    return test_call_v1_Alpha_echo(l->stage.call, &in, &out);
}

TEST(a_service_that_holds_a_lock_serves_on_when_the_keeper_dies)
{
    struct locking l;
    const char *argv[] = {TEST_LOCK_SERVER, NULL};
    int fd = -1;
    pid_t server;

    begin_locking(&l);
    (void)pthread_mutex_lock(&l.stage.lock);
    CHECK(tiny_add(l.stage.tiny, "locker", "locker.9", &fd) >= 0);
    (void)pthread_mutex_unlock(&l.stage.lock);
    server = tiny_exec(fd, TEST_LOCK_SERVER, argv);
    CHECK_INT(ask_server(&l, 1), ATOLL_OK);
    for (int i = 0; i < 2; i++) {
        kill_keeper(&l, SIGKILL);
        start_keeper(&l);
        (void)usleep(250000);
        CHECK_INT(ask_server(&l, 0), ATOLL_OK);
    }
    CHECK_INT(ask_server(&l, 2), ATOLL_OK);
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    end_locking(&l);
}

TEST(a_grant_that_crosses_with_giving_up_is_given_back)
{
    struct locking l;
    struct atoll_lock lock;

    begin_locking(&l);
    start_locker(&l);
    CHECK_INT(tell(&l, 0, "lock one 5000")->status, ATOLL_OK);
    CHECK_INT(kill(l.keeper, SIGSTOP), 0);
    say(&l, 0, "unlock");
    atoll_call_set_timeout(l.stage.call, 150 * AT_MILLISECOND_NS);
    CHECK_INT(atoll_lock(l.stage.call, "one", &lock), ATOLL_DEADLINE_EXCEEDED);
    CHECK_INT(kill(l.keeper, SIGCONT), 0);
    CHECK_INT(hear(&l, 0)->status, ATOLL_OK);
    CHECK_INT(tell(&l, 0, "lock one 5000")->status, ATOLL_OK);
    CHECK_INT(l.lockers[0].flags, 0);
    at_process_lock(l.stage.call->process);
    at_process_unlock(l.stage.call->process);
    end_locking(&l);
}

static void count(void *user, struct atoll_call *call, int status)
{
    (void)call;
    *(int *)user = status;
}

TEST(asking_without_waiting_tells_by_callback_or_event_and_can_be_cancelled)
{
    struct locking l;
    struct atoll_call *call;
    struct atoll_lock mine;
    struct atoll_lock other;
    struct atoll_event event;
    int status = -1;

    begin_locking(&l);
    call = atoll_call_new();
    CHECK_INT(atoll_lock_async(call, "one", NULL, &mine, count, &status), ATOLL_OK);
    CHECK_INT(atoll_lock(call, "one", &other), ATOLL_FAILED_PRECONDITION); /* it is busy */
    while (status < 0) {
        (void)atoll_poll(1000);
    }
    CHECK_INT(status, ATOLL_OK);
    CHECK(mine.token != 0);
    CHECK_INT(atoll_lock_async(call, "one", NULL, &other, NULL, &l), ATOLL_OK);
    CHECK_INT(atoll_next(&event, 50), 0);
    CHECK_INT(atoll_unlock(l.stage.call, &mine), ATOLL_OK);
    CHECK_INT(atoll_next(&event, 2000), 1);
    CHECK(event.tag == &l && event.status == ATOLL_OK && event.call == call);
    CHECK_INT(atoll_lock_async(call, "one", NULL, &mine, NULL, &l), ATOLL_OK);
    atoll_call_cancel(call);
    CHECK_INT(atoll_next(&event, 2000), 1);
    CHECK_INT(event.status, ATOLL_CANCELLED);
    CHECK_INT(atoll_lock_async(call, "one", NULL, &mine, NULL, &l), ATOLL_OK);
    atoll_call_free(call); /* gives up */
    CHECK_INT(atoll_unlock(l.stage.call, &other), ATOLL_OK);
    CHECK_INT(atoll_lock(l.stage.call, "one", &mine), ATOLL_OK);
    CHECK_INT(mine.flags, 0);
    end_locking(&l);
}

TEST(who_waits_for_many_locks_can_still_give_back_what_he_has)
{
    enum { WAITS = 192 };
    struct locking l;
    struct atoll_call *calls[WAITS + 1];
    struct atoll_lock locks[WAITS + 1];
    struct atoll_lock mine;
    struct atoll_event event;

    begin_locking(&l);
    CHECK_INT(atoll_lock(l.stage.call, "one", &mine), ATOLL_OK);
    for (int i = 0; i < WAITS; i++) {
        calls[i] = atoll_call_new();
        CHECK_INT(atoll_lock_async(calls[i], "one", NULL, &locks[i], NULL, &l), ATOLL_OK);
    }
    calls[WAITS] = atoll_call_new();
    CHECK_INT(atoll_lock(calls[WAITS], "one", &locks[WAITS]), ATOLL_RESOURCE_EXHAUSTED);
    CHECK(strstr(atoll_call_reason(calls[WAITS]), "waits for 192 locks") != NULL);
    CHECK_INT(atoll_unlock(l.stage.call, &mine), ATOLL_OK);
    CHECK_INT(atoll_next(&event, 2000), 1);
    CHECK(event.status == ATOLL_OK && event.call == calls[0]); /* first come, first served */
    for (int i = 0; i <= WAITS; i++) {
        atoll_call_free(calls[i]); /* gives up; the first has left its lock with the process */
    }
    CHECK_INT(atoll_unlock(l.stage.call, &locks[0]), ATOLL_OK);
    CHECK_INT(atoll_lock(l.stage.call, "one", &mine), ATOLL_OK);
    CHECK_INT(mine.flags, 0);
    end_locking(&l);
}

TEST(readers_share_and_a_semaphore_has_its_permits)
{
    struct locking l;
    struct atoll_lock first;
    struct atoll_lock_options share = {.size = sizeof(share), .flags = ATOLL_LOCK_SHARED};
    struct atoll_lock_options two = {.size = sizeof(two), .permits = 2};

    begin_locking(&l);
    start_locker(&l);
    CHECK_INT(atoll_lock_with(l.stage.call, "one", &share, &first), ATOLL_OK);
    CHECK_INT(tell(&l, 0, "share one 2000")->status, ATOLL_OK);
    CHECK_INT(tell(&l, 0, "try one")->status, ATOLL_ABORTED);
    CHECK_INT(atoll_lock_with(l.stage.call, "three", &two, &first), ATOLL_OK);
    CHECK_INT(tell(&l, 0, "permits 2 three 100")->status, ATOLL_DEADLINE_EXCEEDED);
    CHECK_INT(tell(&l, 0, "permits 1 three 2000")->status, ATOLL_OK);
    CHECK_INT(tell(&l, 0, "permits 4 three 100")->status, ATOLL_INVALID_ARGUMENT);
    end_locking(&l);
}

TEST(a_context_that_waits_for_itself_is_refused)
{
    struct locking l;
    struct atoll_lock lock;
    struct atoll_lock again;

    begin_locking(&l);
    CHECK_INT(atoll_lock(l.stage.call, "one", &lock), ATOLL_OK);
    CHECK_INT(atoll_lock(l.stage.call, "one", &again), ATOLL_ABORTED);
    CHECK_STR(atoll_call_reason(l.stage.call),
              "waiting for one would never end: one is held by asker.1, which asks");
    end_locking(&l);
}

TEST(a_process_that_only_locks_is_stopped_at_its_limit)
{
    struct locking l;
    struct atoll_lock lock;
    char name[32];
    int n = 0;

    begin_locking(&l);
    do {
        (void)snprintf(name, sizeof(name), "two-%d", n++);
    } while (atoll_lock(l.stage.call, name, &lock) == ATOLL_OK && n < 10000);
    CHECK_INT(n, AT_LOCKS_CLAIMS_MAX + 1);
    CHECK(strstr(atoll_call_reason(l.stage.call), "that is the most") != NULL);
    CHECK_INT(l.stage.call->status, ATOLL_RESOURCE_EXHAUSTED);
    /* All of them are told to the next keeper. */
    kill_keeper(&l, SIGKILL);
    start_keeper(&l);
    (void)usleep(500000);
    start_locker(&l);
    CHECK_INT(tell(&l, 0, "try two-0")->status, ATOLL_ABORTED);
    CHECK_INT(tell(&l, 0, "try two-255")->status, ATOLL_ABORTED);
    CHECK_INT(tell(&l, 0, "try two-256")->status, ATOLL_OK);
    end_locking(&l);
}

TEST(without_memory_a_lock_is_refused_and_not_lost)
{
    struct locking l;
    struct atoll_lock lock;

    begin_locking(&l);
    CHECK_INT(atoll_lock(l.stage.call, "one", &lock), ATOLL_OK);
    CHECK_INT(atoll_unlock(l.stage.call, &lock), ATOLL_OK);
    WITH_EACH_ALLOCATION_FAILING({
        if (atoll_lock(l.stage.call, "one", &lock) == ATOLL_OK) {
            (void)atoll_unlock(l.stage.call, &lock);
        }
    });
    CHECK_INT(atoll_lock(l.stage.call, "one", &lock), ATOLL_OK);
    end_locking(&l);
}

TEST(a_fork_has_none_of_its_parents_locks)
{
    struct locking l;
    struct atoll_lock lock;
    pid_t child;
    int status;

    begin_locking(&l);
    CHECK_INT(atoll_lock(l.stage.call, "one", &lock), ATOLL_OK);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        _exit(atoll_unlock(l.stage.call, &lock) == ATOLL_UNAVAILABLE ? 0 : 1);
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(status, 0);
    CHECK_INT(atoll_unlock(l.stage.call, &lock), ATOLL_OK);
    end_locking(&l);
}

/* With AT_LOCK_COST=1: what an uncontended lock and unlock cost beside two calls. All on one core,
 * interleaved, the least of twelve. */
TEST(a_lock_and_its_unlock_cost_about_two_calls)
{
    enum { PAIRS = 3000, ROUNDS = 12 };
    struct locking l;
    struct atoll_lock lock;
    struct test_call_v1_Reply out;
    uint64_t least[2] = {UINT64_MAX, UINT64_MAX};
    cpu_set_t one;

    if (getenv("AT_LOCK_COST") == NULL) {
        return;
    }
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    CHECK_INT(sched_setaffinity(0, sizeof(one), &one), 0);
    begin_locking(&l);
    add_server(&l.stage, "alpha", NULL);
    for (int round = 0; round < 2 * ROUNDS; round++) {
        uint64_t begun = at_now_ns();

        for (int i = 0; i < PAIRS; i++) {
            atoll_call_reset(l.stage.call);
            if (round % 2 == 0) {
                CHECK_INT(atoll_lock(l.stage.call, "one", &lock), ATOLL_OK);
                CHECK_INT(atoll_unlock(l.stage.call, &lock), ATOLL_OK);
            } else {
                CHECK_INT(echo(l.stage.call, "x", &out), ATOLL_OK);
                CHECK_INT(echo(l.stage.call, "x", &out), ATOLL_OK);
            }
        }
        begun = (at_now_ns() - begun) / PAIRS;
        least[round % 2] = begun < least[round % 2] ? begun : least[round % 2];
    }
    fprintf(stderr, "lock and unlock %llu ns, two calls %llu ns\n", (unsigned long long)least[0],
            (unsigned long long)least[1]);
    end_locking(&l);
}

TEST_MAIN("libatoll/lock")
