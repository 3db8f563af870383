#include "loop/loop.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "at_test.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/fd.h"

/* A world whose clock only moves when the test says so. */
struct fake {
    struct at_env env;
    uint64_t now_ns;
};

static uint64_t fake_now(struct at_env *env)
{
    return ((struct fake *)(void *)env)->now_ns;
}

static const struct at_env_ops fake_ops = {.now_ns = fake_now};

struct fired {
    int order[8];
    size_t count;
};

struct probe {
    struct fired *fired;
    int id;
};

static void note(void *user)
{
    struct probe *p = user;

    p->fired->order[p->fired->count++] = p->id;
}

TEST(timers_fire_in_the_order_of_their_deadlines_and_once)
{
    struct fake world = {.env = {.ops = &fake_ops}, .now_ns = 1000};
    struct at_loop *loop = NULL;
    struct fired fired = {0};
    struct probe probes[3] = {{&fired, 0}, {&fired, 1}, {&fired, 2}};
    struct at_timer *timers[3];

    CHECK_INT(at_loop_new(&world.env, &loop), 0);
    for (size_t i = 0; i < 3; i++) {
        CHECK_INT(at_loop_add_timer(loop, note, &probes[i], &timers[i]), 0);
    }
    at_timer_set(timers[0], 3000);
    at_timer_set(timers[1], 2000);
    at_timer_set(timers[2], 5000);
    CHECK_INT(at_loop_next_deadline(loop), 2000);
    world.now_ns = 4000;
    CHECK_INT(at_loop_turn(loop, 0), 0);
    CHECK_INT(fired.count, 2);
    CHECK_INT(fired.order[0], 1);
    CHECK_INT(fired.order[1], 0);
    world.now_ns = 6000;
    at_timer_set(timers[2], 0); /* disarmed in time */
    CHECK_INT(at_loop_turn(loop, 0), 0);
    CHECK_INT(fired.count, 2);
    for (size_t i = 0; i < 3; i++) {
        (void)at_timer_remove(timers[i]);
    }
    (void)at_loop_free(loop);
}

TEST(many_timers_keep_the_heap_in_order)
{
    struct fake world = {.env = {.ops = &fake_ops}, .now_ns = 1};
    struct at_loop *loop = NULL;
    struct at_timer *timers[257];
    struct fired fired = {0};
    struct probe probe = {&fired, 0};
    uint64_t last = 0;

    CHECK_INT(at_loop_new(&world.env, &loop), 0);
    for (size_t i = 0; i < 257; i++) {
        CHECK_INT(at_loop_add_timer(loop, note, &probe, &timers[i]), 0);
        at_timer_set(timers[i], 10 + (i * 7919) % 257);
    }
    for (size_t i = 0; i < 257; i += 2) {
        at_timer_set(timers[i], 1000 + i); /* moved back */
    }
    for (size_t i = 0; i < 257; i++) {
        uint64_t next = at_loop_next_deadline(loop);

        CHECK(next >= last && next != 0);
        last = next;
        for (size_t k = 0; k < 257; k++) { /* take one timer with that deadline away */
            if (timers[k] != NULL && next == (k % 2 == 0 ? 1000 + k : 10 + (k * 7919) % 257)) {
                timers[k] = at_timer_remove(timers[k]);
                break;
            }
        }
    }
    CHECK_INT(at_loop_next_deadline(loop), 0);
    (void)at_loop_free(loop);
}

struct victim {
    struct at_io *other;
    int calls;
};

static void remove_other(void *user, int fd, uint32_t events)
{
    struct victim *v = user;

    v->calls++;
    v->other = at_io_remove(v->other);
}

TEST(a_source_removed_by_another_in_the_same_turn_never_fires)
{
    struct at_loop *loop = NULL;
    struct at_io *a = NULL;
    struct at_io *b = NULL;
    struct victim va = {0};
    struct victim vb = {0};
    int pipes[2];

    CHECK_INT(pipe2(pipes, O_CLOEXEC), 0);
    int dup_end = fcntl(pipes[0], F_DUPFD_CLOEXEC, 0);
    CHECK_INT(at_loop_new(at_env_real(), &loop), 0);
    CHECK_INT(at_loop_add_io(loop, pipes[0], EPOLLIN, remove_other, &va, &a), 0);
    CHECK_INT(at_loop_add_io(loop, dup_end, EPOLLIN, remove_other, &vb, &b), 0);
    va.other = b;
    vb.other = a;
    CHECK_INT(write(pipes[1], "x", 1), 1);
    CHECK_INT(at_loop_turn(loop, 1000), 0);
    CHECK_INT(va.calls + vb.calls, 1);
    (void)at_io_remove(va.calls == 1 ? a : b);
    (void)at_loop_free(loop);
    at_close(&dup_end);
    at_fd_close_all(pipes, 2);
}

static void stop_with_signal(void *user, int signal)
{
    at_loop_stop(user, signal);
}

TEST(a_signal_arrives_as_an_event)
{
    struct at_loop *loop = NULL;

    CHECK_INT(at_loop_new(at_env_real(), &loop), 0);
    CHECK_INT(at_loop_add_signal(loop, SIGUSR1, stop_with_signal, loop), 0);
    CHECK_INT(at_loop_add_signal(loop, SIGUSR2, stop_with_signal, loop), 0);
    CHECK_INT(kill(getpid(), SIGUSR2), 0);
    CHECK_INT(at_loop_run(loop), SIGUSR2);
    (void)at_loop_free(loop);
}

TEST(a_wake_from_elsewhere_ends_the_wait)
{
    struct at_loop *loop = NULL;

    CHECK_INT(at_loop_new(at_env_real(), &loop), 0);
    at_loop_wake(loop);
    CHECK_INT(at_loop_turn(loop, -1), 0);
    (void)at_loop_free(loop);
}

TEST(running_out_of_memory_is_reported_and_leaks_nothing)
{
    WITH_EACH_ALLOCATION_FAILING({
        struct at_loop *loop = NULL;
        struct at_timer *timer = NULL;

        if (at_loop_new(at_env_real(), &loop) == 0) {
            (void)at_loop_add_timer(loop, note, NULL, &timer);
            (void)at_timer_remove(timer);
            (void)at_loop_free(loop);
        }
    });
}

TEST_MAIN("loop/loop")
