/*
 * What a call must not do on its way: take memory, burn a CPU that others could use, run where it
 * would hold others up. A child of this program serves.
 */
#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "libatoll/test_stage.h"

enum { WARM = 200, ROUNDS = 1000 };

struct house {
    struct stage stage;
    pid_t server;
};

/* `handled` says how many allocations there have been in the server. */
static int echo_counting(struct atoll_call *call, const struct test_call_v1_Request *in,
                         struct test_call_v1_Reply *out)
{
    (void)call;
    out->payload = in->payload;
    out->handled = (int32_t)count_allocations();
    return ATOLL_OK;
}

static int sleep_if_asked(struct atoll_call *call, const struct test_call_v1_Request *in,
                          struct test_call_v1_Reply *out)
{
    struct timespec t = {.tv_nsec = in->sleep_ms * 1000000L};

    (void)call;
    out->pid = (int32_t)gettid();
    if (in->sleep_ms > 0) {
        (void)nanosleep(&t, NULL);
    }
    return ATOLL_OK;
}

static int serve_counting(void *user)
{
    (void)user;
    return test_call_v1_Alpha_serve(&(struct test_call_v1_Alpha){.echo = echo_counting});
}

static int serve_pooled(void *user)
{
    const struct test_call_v1_Alpha handlers = {.echo = sleep_if_asked};
    const struct atoll_service service = {.desc = &test_call_v1_Alpha_desc, .handlers = &handlers};
    const struct atoll_serve_options options = {
        .size = sizeof(options), .threads_max = *(const uint32_t *)user, .pooled = 1};

    return atoll_serve(&service, 1, &options);
}

/* The child is made before this process has a library to inherit. */
static void open_house(struct house *h, int (*body)(void *user), void *user)
{
    struct stage *s = &h->stage;
    char number[16];
    int fd = -1;

    *s = (struct stage){.tiny = tiny_new()};
    (void)pthread_mutex_init(&s->lock, NULL);
    CHECK(tiny_add(s->tiny, "alpha", "alpha.1", &fd) >= 0);
    h->server = tiny_spawn(fd, body, user);
    CHECK(tiny_add(s->tiny, "asker", "asker.1", &s->client_fd) >= 0);
    (void)snprintf(number, sizeof(number), "%d", s->client_fd);
    (void)setenv("ATOLL_CONTROL_FD", number, 1);
    CHECK(pthread_create(&s->thread, NULL, supervise, s) == 0);
    s->call = atoll_call_new();
    CHECK(s->call != NULL);
}

static void close_house(struct house *h)
{
    (void)kill(h->server, SIGKILL);
    (void)waitpid(h->server, NULL, 0);
    end(&h->stage);
}

/* Now and then something grows or a thread is made; what each call does would be seen. */
static bool is_next_to_none(long allocations)
{
    return allocations < ROUNDS / 20;
}

TEST(a_call_in_steady_state_allocates_nothing_at_either_end)
{
    struct house h;
    struct test_call_v1_Reply out;
    long here = 0;
    long there = 0;

    open_house(&h, serve_counting, NULL);
    for (int i = 0; i < WARM + ROUNDS; i++) {
        atoll_call_reset(h.stage.call);
        atoll_call_set_timeout(h.stage.call, 5 * AT_SECOND_NS);
        CHECK_INT(echo(h.stage.call, "sixty-four bytes or so", &out), ATOLL_OK);
        if (i == WARM) {
            here = count_allocations();
            there = out.handled;
        }
    }
    CHECK(is_next_to_none(count_allocations() - here));
    CHECK(is_next_to_none(out.handled - there));
    close_house(&h);
}

struct flight {
    struct atoll_call *call;
    struct test_call_v1_Reply out;
    int *left;
    int *there; /* allocations in the server, as first told */
};

static void take_off(struct flight *f);

static void landed(void *user, struct atoll_call *call, int status)
{
    struct flight *f = user;

    CHECK_STR(atoll_call_reason(call), "");
    CHECK_INT(status, ATOLL_OK);
    *f->there = *f->there == 0 ? f->out.handled : *f->there;
    if (--*f->left > 0) {
        take_off(f);
    }
}

static void take_off(struct flight *f)
{
    struct test_call_v1_Request in = {0};

    in.payload = (struct atoll_str){.at = "many at once", .len = 12};
    atoll_call_reset(f->call);
    CHECK_INT(test_call_v1_Alpha_echo_async(f->call, &in, &f->out, landed, f), 0);
}

TEST(many_calls_at_once_allocate_nothing_either)
{
    enum { FLIGHTS = 64 };
    struct house h;
    struct flight flights[FLIGHTS];
    int left = ROUNDS + 50 * FLIGHTS;
    int there = 0;
    long here;

    open_house(&h, serve_counting, NULL);
    for (int i = 0; i < FLIGHTS; i++) {
        flights[i] = (struct flight){.call = atoll_call_new(), .left = &left, .there = &there};
        take_off(&flights[i]);
    }
    while (left > ROUNDS) {
        (void)atoll_poll(-1);
    }
    here = count_allocations();
    there = 0;
    while (left > 0) {
        (void)atoll_poll(-1);
    }
    CHECK(is_next_to_none(count_allocations() - here));
    CHECK(is_next_to_none(flights[0].out.handled - there));
    for (int i = 0; i < FLIGHTS; i++) {
        atoll_call_free(flights[i].call);
    }
    close_house(&h);
}

static void test_flag_done(void *user, struct atoll_call *call, int status)
{
    (void)call;
    CHECK_INT(status, ATOLL_OK);
    --*(int *)user;
}

TEST(on_one_cpu_nobody_looks_around_before_sleeping)
{
    cpu_set_t all;
    cpu_set_t one;
    struct house h;
    struct test_call_v1_Reply out;

    CHECK_INT(sched_getaffinity(0, sizeof(all), &all), 0);
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    CHECK_INT(sched_setaffinity(0, sizeof(one), &one), 0);
    open_house(&h, serve_counting, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_INT(echo(h.stage.call, "hello", &out), ATOLL_OK);
        atoll_call_reset(h.stage.call);
    }
    CHECK_INT(h.stage.call->process->spin.budget_ns, 0);
    CHECK_INT(h.stage.call->process->spin.wake_ns, 0); /* not even measured */
    close_house(&h);
    CHECK_INT(sched_setaffinity(0, sizeof(all), &all), 0);
}

TEST(while_a_pooled_handler_runs_others_are_read_at_once)
{
    struct house h;
    struct atoll_call *slow;
    struct test_call_v1_Request sleeps = {.sleep_ms = 400};
    struct test_call_v1_Request quick = {0};
    struct test_call_v1_Reply slow_out;
    struct test_call_v1_Reply out;
    uint32_t threads = 4;
    int32_t beside[20]; /* the threads that ran the quick ones */
    int left = 1;
    uint64_t begun;

    open_house(&h, serve_pooled, &threads);
    slow = atoll_call_new();
    CHECK_INT(test_call_v1_Alpha_echo(h.stage.call, &quick, &out), ATOLL_OK);
    CHECK_INT(test_call_v1_Alpha_echo_async(slow, &sleeps, &slow_out, test_flag_done, &left), 0);
    begun = at_now_ns();
    for (int i = 0; i < 20; i++) {
        CHECK_INT(test_call_v1_Alpha_echo(h.stage.call, &quick, &out), ATOLL_OK);
        beside[i] = out.pid;
    }
    CHECK(at_now_ns() - begun < 300 * AT_MILLISECOND_NS);
    while (left > 0) {
        (void)atoll_poll(-1);
    }
    for (int i = 0; i < 20; i++) {
        CHECK(beside[i] != slow_out.pid);
    }
    atoll_call_free(slow);
    close_house(&h);
}

TEST(pooled_handlers_beyond_threads_max_take_turns)
{
    enum { CALLS = 12 };
    struct house h;
    struct atoll_call *calls[CALLS];
    struct test_call_v1_Reply out[CALLS];
    struct test_call_v1_Request in = {.sleep_ms = 5};
    uint32_t threads = 2;
    int ran_on = 0;
    int left = CALLS;

    open_house(&h, serve_pooled, &threads);
    for (int i = 0; i < CALLS; i++) {
        calls[i] = atoll_call_new();
        CHECK_INT(test_call_v1_Alpha_echo_async(calls[i], &in, &out[i], test_flag_done, &left), 0);
    }
    while (left > 0) {
        (void)atoll_poll(-1);
    }
    for (int i = 0; i < CALLS; i++) {
        bool seen = false;

        for (int k = 0; k < i; k++) {
            seen = seen || out[k].pid == out[i].pid;
        }
        ran_on += !seen;
        atoll_call_free(calls[i]);
    }
    CHECK(ran_on >= 1 && ran_on <= (int)threads + 1); /* one more than handlers: who reads */
    close_house(&h);
}

TEST_MAIN("libatoll/speed")
