/*
 * SIGSTOP of a server or a caller, in real processes: calls end at their deadlines, nobody's memory
 * grows meanwhile, others go on, and after SIGCONT everything does.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "at_test.h"
#include "proof_stage.h"

/* A deadline is missed by a time slice or two; sanitizers and a loaded machine take longer. */
enum { LIMIT_MS = 60, LATE_MS = 1000, GROWTH_KIB = 24 << 10 };

static uint32_t latest(const struct stage *s)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < s->book->next && i < BOOK_CALLS; i++) {
        most = s->book->calls[i].late_ms > most ? s->book->calls[i].late_ms : most;
    }
    return most;
}

static void judge(struct stage *s)
{
    ck_assert_msg(stage_finish(s), "a call did not end: %s", s->book->last_reason);
    for (uint32_t i = 0; i < s->book->next && i < BOOK_CALLS; i++) {
        const struct book_call *c = &s->book->calls[i];

        ck_assert_msg(c->told != TOLD_WRONG, "call %u: %s", i, s->book->last_reason);
        ck_assert_msg(c->told != TOLD_OK || c->ran > 0, "call %u never ran", i);
        ck_assert_msg(c->ran <= 1, "call %u ran %u times", i, c->ran);
    }
    ck_assert_msg(latest(s) < LATE_MS, "a call ended %u ms behind its deadline", latest(s));
}

/* Waits for one more call to end well. */
static bool goes_on(struct stage *s)
{
    uint32_t before = s->book->answered;

    for (int i = 0; i < 500 && s->book->answered == before; i++) {
        stage_run(s, 10000);
    }
    return s->book->answered != before;
}

TEST(while_a_server_is_stopped_calls_end_at_their_deadlines_and_then_go_on)
{
    struct stage s;
    struct holdings early;
    struct holdings late;
    uint32_t failed;

    stage_open(&s, 7);
    s.book->limit_ms = LIMIT_MS;
    stage_add_client(&s);
    stage_add_server(&s);
    CHECK(goes_on(&s));
    CHECK_INT(kill(s.server, SIGSTOP), 0);
    stage_run(&s, 3 * LIMIT_MS * 1000);
    early = stage_holdings(s.client);
    failed = s.book->failed;
    stage_run(&s, 8 * LIMIT_MS * 1000);
    late = stage_holdings(s.client);
    CHECK(s.book->failed >= failed + STAGE_THREADS);
    CHECK(late.rss_kib < early.rss_kib + GROWTH_KIB);
    CHECK_INT(kill(s.server, SIGCONT), 0);
    CHECK(goes_on(&s));
    CHECK(goes_on(&s));
    judge(&s);
    CHECK(!s.died);
    stage_close(&s);
}

TEST(while_a_caller_is_stopped_others_are_served_and_then_it_goes_on)
{
    struct stage s;
    struct holdings early;
    struct holdings late;
    pid_t stopped;

    stage_open(&s, 8);
    stage_add_client(&s);
    stage_add_server(&s);
    CHECK(goes_on(&s));
    CHECK_INT(kill(s.client, SIGSTOP), 0);
    stopped = s.client;
    stage_add_client(&s);
    CHECK(goes_on(&s));
    early = stage_holdings(s.server);
    for (int i = 0; i < 10; i++) {
        stage_run(&s, 30000);
        CHECK(goes_on(&s));
    }
    late = stage_holdings(s.server);
    CHECK(late.rss_kib < early.rss_kib + GROWTH_KIB);
    CHECK(late.threads <= 16);
    judge(&s);
    s.client = stopped;
    CHECK_INT(kill(s.client, SIGCONT), 0);
    CHECK(goes_on(&s));
    CHECK(stage_finish(&s));
    CHECK(!s.died);
    stage_close(&s);
}

TEST_MAIN("proof/stops")
