/*
 * A hostile process that has the other end of a channel and rewrites its region without a pause,
 * with sense and without, while we read. Whatever it does ends in a rule, and the bytes that it
 * must not reach stay as they are: the sanitizers see the rest.
 *
 * A million looks; AT_PROOF_READS says how many instead. AT_PROOF_SEED repeats the liar's part.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "at_test.h"
#include "base/clock.h"
#include "base/fd.h"
#include "call/limits.h"
#include "control/service.h"
#include "scribble.h"

enum { READS = 1000000, REGION = sizeof(struct at_region) + AT_RING_BYTES, GUARD = 64 };

static unsigned long number_of(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoul(text, NULL, 10);
}

struct pair {
    struct at_channel victim;
    struct scribbler liar;
    pid_t pid;
};

static void meet(struct pair *p, unsigned long seed)
{
    struct at_region *mine;
    struct at_region *forged;
    const struct at_region *seen;
    const struct at_region *shown;
    enum at_channel_rule rule;
    int fds[3];

    CHECK_INT(at_region_create(AT_RING_BYTES, 9, AT_LAYOUT_VERSION, &mine, &fds[0]), 0);
    CHECK_INT(at_region_create(AT_RING_BYTES, 9, AT_LAYOUT_VERSION, &forged, &fds[1]), 0);
    CHECK_INT(at_region_accept(fds[0], REGION, 9, AT_LAYOUT_VERSION, &shown, &rule), 0);
    CHECK_INT(at_region_accept(fds[1], REGION, 9, AT_LAYOUT_VERSION, &seen, &rule), 0);
    at_channel_init(&p->victim, mine, REGION, seen, REGION);
    p->liar = (struct scribbler){.random = seed * 2 + 1, .serves = true};
    at_channel_init(&p->liar.channel, forged, REGION, shown, REGION);
    CHECK_INT(at_window_offer(&p->liar.channel, &fds[2]), 0);
    p->liar.window = p->liar.channel.window.at;
    CHECK_INT(at_window_accept(&p->victim, fds[2], p->liar.channel.window.number), 0);
    at_fd_close_all(fds, 3);
    p->pid = fork();
    while (p->pid == 0) {
        scribble(&p->liar);
    }
    CHECK(p->pid > 0);
}

static void part(struct pair *p)
{
    (void)kill(p->pid, SIGKILL);
    (void)waitpid(p->pid, NULL, 0);
    at_channel_deinit(&p->victim);
    at_channel_deinit(&p->liar.channel);
}

/* Waits, not for ever, until the liar has heard that it may begin anew. */
static void wait_for_liar(const struct at_channel *ch, uint16_t number)
{
    _Atomic uint16_t *word = (_Atomic uint16_t *)(uintptr_t)&ch->peer->cancelled[SCRIBBLE_WORD];

    for (int i = 0; i < 100 && atomic_load(word) != number; i++) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    }
}

/* The channel would be dropped: this one is begun anew, where the liar stands. */
static void forgive(struct at_channel *ch)
{
    uint16_t number = (uint16_t)(atomic_load(&ch->mine->cancelled[SCRIBBLE_WORD]) + 1);
    uint32_t tail;
    uint32_t taken;

    atomic_store(&ch->mine->cancelled[SCRIBBLE_WORD], number);
    wait_for_liar(ch, number);
    tail = atomic_load((_Atomic uint32_t *)(uintptr_t)&ch->peer->tail);
    taken = atomic_load((_Atomic uint32_t *)(uintptr_t)&ch->peer->taken);
    ch->rule = AT_RULE_NONE;
    ch->head = tail & ~(uint32_t)(AT_RECORD_ALIGN - 1);
    ch->peer_tail = ch->head;
    ch->tail = taken & ~(uint32_t)(AT_RECORD_ALIGN - 1);
    ch->published = ch->tail;
    ch->peer_taken = ch->tail;
    ch->window = (struct at_window_mine){0};
}

struct guarded {
    uint8_t before[GUARD];
    uint8_t room[AT_WINDOW_CHUNK > AT_RECORD_PAYLOAD_MAX ? AT_WINDOW_CHUNK : AT_RECORD_PAYLOAD_MAX];
    uint8_t behind[GUARD];
};

static bool is_whole(const struct guarded *g)
{
    for (int i = 0; i < GUARD; i++) {
        if (g->before[i] != 0xa5 || g->behind[i] != 0xa5) {
            return false;
        }
    }
    return true;
}

/* One look at the liar's region, as the engine does it. 0, EMPTY or BROKEN. */
static int look(struct at_channel *ch, struct guarded *g, uint64_t *sum)
{
    struct at_record r;
    int x = at_channel_next(ch, &r);

    if (x != 0) {
        return x;
    }
    CHECK(r.len <= sizeof(g->room)); /* what was judged is what is copied */
    at_channel_copy(ch, 0, g->room, r.len);
    at_channel_consume(ch, &r);
    *sum += r.len + r.kind + g->room[0];
    return 0;
}

/* And the words that are looked at when one writes and sleeps. */
static int answer(struct at_channel *ch, uint64_t *random)
{
    static const uint8_t bytes[300];
    struct at_record r = {.kind = AT_RECORD_PING,
                          .len = (uint32_t)(scribble_random(random) % sizeof(bytes))};
    int x = at_channel_put(ch, &r, at_bytes_over(bytes, r.len), (struct at_bytes){0});

    at_channel_publish(ch);
    (void)at_channel_peer_credit(ch);
    (void)at_channel_is_untaken(ch, ch->written - r.len);
    if (at_channel_arm(ch, AT_WAIT_RECORDS | AT_WAIT_ROOM)) {
        at_channel_disarm(ch);
    }
    return x == AT_CHANNEL_BROKEN ? x : 0;
}

TEST(a_region_that_changes_while_it_is_read_breaks_rules_and_nothing_else)
{
    unsigned long reads = number_of("AT_PROOF_READS", READS);
    unsigned long seed = number_of("AT_PROOF_SEED", (unsigned long)(at_now_ns() % 1000000));
    unsigned long broken[AT_RULE_LAST] = {0};
    unsigned long kinds = 0;
    unsigned long records = 0;
    uint64_t random = seed + 3;
    uint64_t sum = 0;
    struct guarded *g = malloc(sizeof(*g));
    struct pair p;

    CHECK(g != NULL);
    memset(g, 0xa5, sizeof(*g));
    meet(&p, seed);
    for (unsigned long i = 0; i < reads;) {
        int x = look(&p.victim, g, &sum);

        i += x != AT_CHANNEL_EMPTY; /* what finds nothing shows nothing */
        records += x == 0;
        if (x == AT_CHANNEL_EMPTY) {
            (void)nanosleep(&(struct timespec){.tv_nsec = 20000},
                            NULL); /* the liar may need this CPU */
        }
        if (x == AT_CHANNEL_EMPTY || i % 64 == 0) {
            at_channel_tell(&p.victim);
            x = answer(&p.victim, &random);
        }
        if (x == AT_CHANNEL_BROKEN) {
            CHECK(p.victim.rule > AT_RULE_NONE && p.victim.rule < AT_RULE_LAST);
            broken[p.victim.rule]++;
            forgive(&p.victim);
        }
        if (i % 4096 == 0) {
            CHECK(is_whole(g));
        }
    }
    CHECK(is_whole(g));
    part(&p);
    for (int i = 0; i < AT_RULE_LAST; i++) {
        kinds += broken[i] > 0;
        if (broken[i] > 0) {
            (void)printf("# %lu times: %s\n", broken[i],
                         at_channel_rule_text((enum at_channel_rule)i));
        }
    }
    (void)printf("# seed %lu: %lu looks, %lu records (%lu)\n", seed, reads, records,
                 (unsigned long)(sum & 1));
    (void)fflush(stdout);
    free(g);
    CHECK(kinds >= 3 && records > reads / 1000); /* it was listened to, and caught */
}

TEST_MAIN("proof/hostile")
