#include "cli/bench_load.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "at_test.h"
#include "base/clock.h"

/* A service without a network: each call ends after a while; one at a time, or all at once. */
struct fake {
    uint64_t takes_ns;
    uint64_t ends_ns[64]; /* 0: no call */
    uint64_t stall_from_ns;
    uint64_t stall_until_ns; /* nothing ends in between */
    uint32_t under_way;
    uint32_t most;
    uint64_t begun;
    int status;
    bool never;
};

static void start(void *user, struct at_bench_run *run, uint32_t slot)
{
    struct fake *f = user;

    CHECK(slot < 64);
    CHECK(f->ends_ns[slot] == 0);
    (void)run;
    f->ends_ns[slot] = at_now_ns() + f->takes_ns;
    f->begun++;
    if (++f->under_way > f->most) {
        f->most = f->under_way;
    }
}

static bool turn(void *user, struct at_bench_run *run, uint64_t until_ns, bool exact)
{
    struct fake *f = user;
    uint64_t now;
    bool any = false;

    (void)exact;
    do {
        now = at_now_ns();
        for (uint32_t i = 0; i < 64 && !f->never; i++) {
            bool stalled = now >= f->stall_from_ns && now < f->stall_until_ns;

            if (f->ends_ns[i] != 0 && f->ends_ns[i] <= now && !stalled) {
                f->ends_ns[i] = 0;
                f->under_way--;
                at_bench_ended(run, i, f->status, f->status == 0 ? NULL : "no");
                any = true;
            }
        }
    } while (!any && now < until_ns);
    return true;
}

static struct at_bench_result *run(struct fake *f, struct at_bench_load load, uint64_t patience_ns)
{
    struct at_bench_way way = {.name = "fake", .user = f, .start = start, .turn = turn};
    struct at_bench_result *r = calloc(1, sizeof(*r));

    CHECK(r != NULL);
    CHECK_INT(at_bench_run_load(&way, &load, patience_ns, r), 0);
    return r;
}

TEST(a_closed_loop_keeps_as_many_calls_under_way_as_asked_for)
{
    struct fake f = {.takes_ns = 100000};
    struct at_bench_result *r =
        run(&f, (struct at_bench_load){.concurrency = 8, .duration_ns = 50 * AT_MILLISECOND_NS},
            AT_SECOND_NS);

    CHECK_INT(f.most, 8);
    CHECK_INT(r->calls, f.begun);
    CHECK_INT(r->latency.count, f.begun);
    CHECK_INT(r->lost, 0);
    CHECK(r->latency.min >= 100000);
    free(r);
}

TEST(an_open_loop_begins_calls_at_its_rate_whatever_becomes_of_them)
{
    struct fake f = {.takes_ns = 1000};
    struct at_bench_load load = {
        .rate = 20000, .concurrency = 64, .duration_ns = 200 * AT_MILLISECOND_NS, .seed = 7};
    struct at_bench_result *r = run(&f, load, AT_SECOND_NS);

    /* 4,000 expected; a Poisson count is within 6 of its deviations (63). */
    CHECK(r->calls + r->unsent > 4000 - 380);
    CHECK(r->calls + r->unsent < 4000 + 380);
    free(r);
}

TEST(a_stall_is_charged_to_every_call_that_was_due_meanwhile)
{
    uint64_t now = at_now_ns();
    struct fake f = {.takes_ns = 1000,
                     .stall_from_ns = now + 50 * AT_MILLISECOND_NS,
                     .stall_until_ns = now + 150 * AT_MILLISECOND_NS};
    struct at_bench_load load = {
        .rate = 5000, .concurrency = 4, .duration_ns = 200 * AT_MILLISECOND_NS, .seed = 3};
    struct at_bench_result *r = run(&f, load, AT_SECOND_NS);

    /* Half of the time nothing ends: half of the calls wait, a quarter of them over 50 ms. A loop
     * that only times from its own sends would show 4 slow ones. */
    CHECK(at_histogram_at(&r->latency, 80000) > 30 * AT_MILLISECOND_NS);
    CHECK(at_histogram_at(&r->latency, 99000) > 80 * AT_MILLISECOND_NS);
    free(r);
}

TEST(calls_that_were_due_and_never_sent_are_counted)
{
    struct fake f = {.takes_ns = 20 * AT_MILLISECOND_NS};
    struct at_bench_load load = {
        .rate = 10000, .concurrency = 1, .duration_ns = 50 * AT_MILLISECOND_NS, .seed = 3};
    struct at_bench_result *r = run(&f, load, AT_SECOND_NS);

    CHECK(r->unsent > 400);
    CHECK(r->calls <= 4);
    free(r);
}

TEST(the_same_seed_makes_the_same_number_due_however_late_the_last_turn_ends)
{
    struct at_bench_load load = {
        .rate = 10000, .concurrency = 64, .duration_ns = 20 * AT_MILLISECOND_NS, .seed = 3};
    uint64_t due[2];

    for (int i = 0; i < 2; i++) {
        struct fake f = {.takes_ns = i == 0 ? 1000 : 15 * AT_MILLISECOND_NS};
        struct at_bench_result *r = run(&f, load, 5 * AT_SECOND_NS);

        due[i] = r->calls + r->unsent + r->lost;
        free(r);
    }
    CHECK_INT(due[0], due[1]);
    CHECK(due[0] > 100);
}

TEST(a_service_that_never_answers_ends_the_trial_when_patience_does)
{
    struct fake f = {.takes_ns = 1, .never = true};
    uint64_t begun = at_now_ns();
    struct at_bench_result *r =
        run(&f, (struct at_bench_load){.concurrency = 3, .duration_ns = 10 * AT_MILLISECOND_NS},
            20 * AT_MILLISECOND_NS);

    CHECK_INT(r->lost, 3);
    CHECK_INT(r->calls, 0);
    CHECK(at_now_ns() - begun < AT_SECOND_NS);
    free(r);
}

TEST(failures_are_counted_by_status_and_the_first_reason_is_kept)
{
    struct fake f = {.takes_ns = 1000, .status = 8};
    struct at_bench_result *r =
        run(&f, (struct at_bench_load){.concurrency = 2, .duration_ns = 10 * AT_MILLISECOND_NS},
            AT_SECOND_NS);

    CHECK(r->calls > 0);
    CHECK_INT(r->statuses[8], r->calls);
    CHECK_INT(r->latency.count, 0);
    CHECK_STR(r->reason, "no");
    free(r);
}

TEST(the_same_seed_gives_the_same_times_and_their_mean_is_the_rate)
{
    uint64_t a = 42;
    uint64_t b = 42;
    uint64_t c = 43;
    double sum = 0;
    bool differs = false;

    for (int i = 0; i < 100000; i++) {
        double gap = at_bench_gap(&a, 1000);

        CHECK(gap == at_bench_gap(&b, 1000));
        differs = differs || gap != at_bench_gap(&c, 1000);
        CHECK(gap >= 0);
        sum += gap;
    }
    CHECK(differs);
    CHECK(sum / 100000 > 985000 && sum / 100000 < 1015000);
}

TEST_MAIN("cli/bench_load")
