/*
 * kill -9 of a server or a caller at random moments, in real processes: every call that was under
 * way ends, what callers are told is true, and the one who lives keeps nothing of the channel.
 *
 * 40 kills; AT_PROOF_KILLS says how many instead. AT_PROOF_SEED repeats a run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "at_test.h"
#include "base/clock.h"
#include "proof_stage.h"

enum { KILLS = 40, KILLS_A_STAGE = 20 /* a tiny supervisor knows 32 instances */ };

static unsigned long number_of(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoul(text, NULL, 10);
}

struct sums {
    unsigned long calls;
    unsigned long told[TOLD_WRONG + 1];
    unsigned long repeated;
    uint32_t latest_ms;
};

/* Holds what callers were told against what ran. */
static void balance(const struct stage *s, struct sums *sums)
{
    uint32_t n = s->book->next < BOOK_CALLS ? s->book->next : BOOK_CALLS;

    for (uint32_t i = 0; i < n; i++) {
        const struct book_call *c = &s->book->calls[i];

        sums->calls++;
        sums->told[c->told]++;
        sums->repeated += c->ran > 1;
        sums->latest_ms = c->late_ms > sums->latest_ms ? c->late_ms : sums->latest_ms;
        ck_assert_msg(c->told != TOLD_WRONG, "call %u: wrong, %s", i, s->book->last_reason);
        ck_assert_msg(c->told != TOLD_OK || c->ran > 0, "call %u was answered and never ran", i);
        ck_assert_msg(c->told != TOLD_NOT_TAKEN || c->ran == 0 || c->may_repeat,
                      "call %u ran %u times, and its caller was told that nobody had taken it", i,
                      c->ran);
        ck_assert_msg(c->may_repeat || c->ran <= 1, "call %u must not be repeated: ran %u times", i,
                      c->ran);
        ck_assert_msg(c->ran <= 4, "call %u ran %u times", i, c->ran);
    }
}

/* What is left in the one who lives: looked at while nobody is there to talk to. */
static void look_for_remains(struct stage *s, pid_t survivor, int fds_at_most)
{
    struct holdings h;

    ck_assert_msg(stage_holds_no_channel(s, survivor), "mappings of a dead peer's channel stay");
    h = stage_holdings(survivor);
    ck_assert_msg(h.fds <= fds_at_most, "%d descriptors, %d without channels", h.fds, fds_at_most);
    ck_assert_msg(h.threads <= 16, "%d threads", h.threads);
}

static void kill_many(struct stage *s, unsigned long kills, struct sums *sums)
{
    int client_fds;
    int server_fds;

    stage_add_client(s);
    stage_run(s, 50000);
    client_fds = stage_holdings(s->client).fds; /* it has no channel yet */
    stage_add_server(s);
    stage_run(s, 50000);
    server_fds = client_fds;
    atomic_store(&s->book->slow_ms, 1);
    for (unsigned long i = 0; i < kills; i++) {
        bool server = stage_random(&s->random) % 2 == 0;

        stage_run(s, stage_random(&s->random) % 12000);
        stage_kill(s, server ? &s->server : &s->client);
        if (i % 8 < 2) {
            look_for_remains(s, server ? s->client : s->server,
                             (server ? client_fds : server_fds) + 4);
        }
        if (server) {
            stage_add_server(s);
        } else {
            stage_add_client(s);
        }
        stage_run(s, 20000 + stage_random(&s->random) % 20000);
    }
    ck_assert_msg(stage_finish(s), "a call did not end: %s", s->book->last_reason);
    balance(s, sums);
}

TEST(whoever_is_killed_at_whatever_moment_calls_end_truthfully_and_nothing_is_left)
{
    unsigned long kills = number_of("AT_PROOF_KILLS", KILLS);
    unsigned long seed = number_of("AT_PROOF_SEED", (unsigned long)(at_now_ns() % 1000000));
    struct sums sums = {0};

    for (unsigned long done = 0; done < kills; done += KILLS_A_STAGE) {
        struct stage s;

        stage_open(&s, seed + done);
        kill_many(&s, kills - done < KILLS_A_STAGE ? kills - done : KILLS_A_STAGE, &sums);
        CHECK(!s.died); /* but by our hand */
        stage_close(&s);
    }
    (void)printf("# seed %lu: %lu kills, %lu calls: %lu answered, %lu not taken, %lu perhaps run, "
                 "%lu of killed callers; %lu run again; latest %u ms behind its deadline\n",
                 seed, kills, sums.calls, sums.told[TOLD_OK], sums.told[TOLD_NOT_TAKEN],
                 sums.told[TOLD_MAYBE], sums.told[TOLD_NOTHING], sums.repeated, sums.latest_ms);
    CHECK(sums.told[TOLD_OK] > kills); /* it worked in between */
}

TEST_MAIN("proof/deaths")
