/*
 * 1 to 64 threads that call at once, in every way: waiting, later, cancelled at once, one-way, with no
 * time left; handlers that block; servers that drain while they are called. Under ThreadSanitizer the
 * library of both processes is watched. 0.1 s for each number of threads; AT_PROOF_THREADS_MS.
 */
#include <stdio.h>
#include <stdlib.h>

#include "at_test.h"
#include "proof_stage.h"

enum { RUN_MS = 100, GRACE_MS = 1000 };

static void judge(const struct stage *s, unsigned threads)
{
    unsigned told[TOLD_WRONG + 1] = {0};

    for (uint32_t i = 0; i < s->book->next && i < BOOK_CALLS; i++) {
        const struct book_call *c = &s->book->calls[i];

        told[c->told]++;
        ck_assert_msg(c->told != TOLD_WRONG && c->told != TOLD_NOTHING, "call %u: %s", i,
                      s->book->last_reason);
        ck_assert_msg(c->told != TOLD_OK || c->ran > 0, "call %u never ran", i);
        ck_assert_msg(c->told != TOLD_NOT_TAKEN || c->ran == 0, "call %u ran", i);
        ck_assert_msg(c->may_repeat || c->ran <= 1, "call %u ran %u times", i, c->ran);
    }
    (void)printf("# %u threads: %u answered, %u one-way, %u cancelled, %u too late\n", threads,
                 told[TOLD_OK], told[TOLD_ONEWAY], told[TOLD_CANCELLED],
                 told[TOLD_MAYBE] + told[TOLD_NOT_TAKEN]);
    (void)fflush(stdout); /* before the next fork */
    CHECK(told[TOLD_OK] >= threads);
}

/* The server drains while it is called, and another takes over. */
static void change_server(struct stage *s)
{
    pid_t old = s->server;
    int index = s->server_index;

    stage_add_server(s);
    stage_run(s, 20000);
    tiny_stop(s->tiny, index, GRACE_MS * UINT64_C(1000000));
    for (int i = 0; i < 500 && old > 0; i++) {
        stage_run(s, 10000);
        stage_look(s, &old);
    }
    CHECK(old == 0);
}

static unsigned answered(const struct stage *s)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < s->book->next && i < BOOK_CALLS; i++) {
        n += s->book->calls[i].told == TOLD_OK;
    }
    return n;
}

static void call_with(unsigned threads, unsigned long ms)
{
    struct stage s;

    stage_open(&s, threads);
    s.book->mixed = true;
    s.book->threads = threads;
    s.book->slow_ms = 1;
    s.book->limit_ms = 20000;
    stage_add_server(&s);
    stage_add_client(&s);
    stage_run(&s, ms * 500);
    change_server(&s);
    stage_run(&s, ms * 500);
    for (int i = 0; i < 200 && answered(&s) < threads; i++) { /* a slow machine has its time */
        stage_run(&s, 20000);
    }
    CHECK(stage_finish(&s));
    CHECK(!s.died);
    judge(&s, threads);
    stage_close(&s);
}

TEST(any_number_of_threads_calls_at_once_and_every_call_ends_as_it_should)
{
    static const unsigned threads[] = {1, 2, 5, 16, 64};
    const char *text = getenv("AT_PROOF_THREADS_MS");

    for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
        call_with(threads[i], text == NULL ? RUN_MS : strtoul(text, NULL, 10));
    }
}

TEST_MAIN("proof/threads")
