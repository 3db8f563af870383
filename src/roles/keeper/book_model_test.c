/*
 * The book against rules that need no model of it: whatever happens in whatever order, no permit has
 * two owners, nobody is overtaken, tokens rise, and everybody who waits ends.
 */
#include <stdlib.h>

#include "roles/keeper/book_fixture.h"

enum { OWNERS = 6, NAMES = 4, OPS = 1800, ROUNDS = 40 };

enum what { IDLE, ASKED, HOLDS, OVER };

struct op {
    enum what what;
    int owner;
    int name;
    uint32_t units; /* of 3 in printer; of 1000 in the others, a reader takes 1 */
    bool shared;
    uint64_t order;     /* in which it asked */
    uint64_t lease_end; /* of "leased" */
};

struct model {
    struct fixture f;
    struct at_owner *owners[OWNERS];
    struct op ops[OPS];
    int count;
    uint64_t last_token;
    uint64_t random;
    bool grace;
};

static const char *const names[NAMES] = {"checkout", "leased", "printer", "cart-1"};
static const uint32_t room[NAMES] = {1000, 1000, 3, 1000};

static uint32_t dice(struct model *m, uint32_t n)
{
    m->random = m->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(m->random >> 33) % n;
}

static bool is_lease_over(const struct model *m, const struct op *o)
{
    return o->name == 1 && o->what == HOLDS && o->lease_end <= m->f.now;
}

/* What was told since the last look becomes the state, and the state must be lawful. */
static void look(struct model *m)
{
    uint32_t used[NAMES] = {0};
    bool waits[NAMES] = {false};

    /* Grants in the order of their tokens. */
    for (;;) {
        struct op *next = NULL;
        int at = 0;

        for (int i = 0; i < m->count; i++) {
            if (m->ops[i].what == ASKED && m->f.told[i].status == AT_STATUS_OK &&
                (next == NULL || m->f.told[i].token < m->f.told[at].token)) {
                next = &m->ops[i];
                at = i;
            }
        }
        if (next == NULL) {
            break;
        }
        CHECK(m->f.told[at].token > m->last_token);
        m->last_token = m->f.told[at].token;
        for (int i = 0; i < m->count; i++) { /* nobody who asked before still waits */
            CHECK(m->ops[i].what != ASKED || m->ops[i].name != next->name ||
                  m->ops[i].order >= next->order || m->f.told[i].status != NOT_TOLD);
        }
        for (int i = 0; i < m->count; i++) { /* leases that ended are gone when it is wanted */
            if (m->ops[i].name == next->name && is_lease_over(m, &m->ops[i])) {
                m->ops[i].what = OVER;
            }
        }
        next->what = HOLDS;
        next->lease_end = m->f.now + 5 * AT_SECOND_NS;
    }
    for (int i = 0; i < m->count; i++) {
        if (m->ops[i].what == ASKED && m->f.told[i].status != NOT_TOLD) {
            m->ops[i].what = OVER;
        }
        used[m->ops[i].name] += m->ops[i].what == HOLDS ? m->ops[i].units : 0;
        waits[m->ops[i].name] = waits[m->ops[i].name] || m->ops[i].what == ASKED;
    }
    for (int n = 0; n < NAMES; n++) {
        CHECK(used[n] <= room[n]);
        /* Never idle while somebody waits; whose lease is over may still hold, unknown to us. */
        CHECK(!waits[n] || used[n] > 0 || m->grace || n == 1);
    }
}

static void ask_something(struct model *m)
{
    int i = m->count++;
    struct op *o = &m->ops[i];
    struct at_locks_ask a = {0};

    *o = (struct op){.what = ASKED,
                     .owner = (int)dice(m, OWNERS),
                     .name = (int)dice(m, NAMES),
                     .order = (uint64_t)i};
    o->shared = o->name != 2 && dice(m, 3) == 0;
    o->units = o->name == 2 ? 1 + dice(m, 3) : (o->shared ? 1 : 1000);
    a.name = at_bytes_of(names[o->name]);
    a.permits = o->name == 2 ? o->units : 1;
    a.flags = (o->shared ? AT_LOCKS_SHARED : 0) | (dice(m, 8) == 0 ? AT_LOCKS_TRY : 0);
    ask(&m->f, m->owners[o->owner], i, a,
        dice(m, 3) == 0 ? m->f.now + dice(m, 4000) * AT_MILLISECOND_NS : 0);
}

static int pick(struct model *m, enum what what)
{
    uint32_t from = m->count == 0 ? 0 : dice(m, (uint32_t)m->count);

    for (int i = 0; i < m->count; i++) {
        int k = (int)((from + (uint32_t)i) % (uint32_t)m->count);

        if (m->ops[k].what == what) {
            return k;
        }
    }
    return -1;
}

static void give_back(struct model *m)
{
    int i = pick(m, HOLDS);

    if (i >= 0) {
        bool over = is_lease_over(m, &m->ops[i]);
        uint32_t status = unlock(&m->f, m->owners[m->ops[i].owner], i);

        CHECK(status == AT_STATUS_OK || over);
        m->ops[i].what = OVER;
    }
}

static void die(struct model *m)
{
    int o = (int)dice(m, OWNERS);

    at_book_leave(m->f.book, m->owners[o], m->f.now);
    for (int i = 0; i < m->count; i++) {
        if (m->ops[i].owner == o) {
            CHECK(m->ops[i].what != ASKED || m->f.told[i].status != NOT_TOLD);
            m->ops[i].what = OVER;
        }
    }
    m->owners[o] = at_book_join(m->f.book, AT_LIT("order.9"), 0);
}

static void pass_time(struct model *m)
{
    m->f.now += dice(m, 2500) * AT_MILLISECOND_NS;
    at_book_tick(m->f.book, m->f.now);
}

/* The keeper dies; some processes come back and say what they hold, others died too. */
static void restart(struct model *m)
{
    bool lives[OWNERS];

    at_book_free(m->f.book);
    m->f.now += dice(m, 50) * AT_MILLISECOND_NS + AT_MILLISECOND_NS;
    begin_book(&m->f, m->f.config.starts + 1);
    for (int o = 0; o < OWNERS; o++) {
        m->owners[o] = at_book_join(m->f.book, AT_LIT("order.9"), 0);
        lives[o] = dice(m, 4) != 0;
    }
    for (int i = 0; i < m->count; i++) {
        struct op *op = &m->ops[i];
        struct at_locks_held h = {.op = (uint64_t)i,
                                  .token = m->f.told[i].token,
                                  .permits = op->name == 2 ? op->units : 1,
                                  .flags = op->shared ? AT_LOCKS_SHARED : 0,
                                  .name = at_bytes_of(names[op->name])};

        if (op->what == HOLDS && lives[op->owner]) {
            CHECK(at_book_assert(m->f.book, m->owners[op->owner], &h, m->f.now));
            op->lease_end = m->f.now + 5 * AT_SECOND_NS;
        } else if (op->what != OVER) {
            op->what = OVER;
        }
    }
    m->grace = true;
    look(m);
    for (int n = 0; n < 20; n++) { /* whoever asks now waits */
        ask_something(m);
        CHECK(m->f.told[m->count - 1].status != AT_STATUS_OK);
    }
    m->f.now += AT_KEEPER_GRACE_NS;
    at_book_tick(m->f.book, m->f.now);
    m->grace = false;
}

static void play(struct model *m, uint64_t seed)
{
    begin(&m->f);
    m->random = seed;
    m->count = 0;
    m->last_token = 0;
    m->grace = false;
    for (int o = 0; o < OWNERS; o++) {
        m->owners[o] = at_book_join(m->f.book, AT_LIT("order.9"), 0);
    }
    while (m->count < OPS - 40) {
        uint32_t n = dice(m, 100);

        if (n < 45) {
            ask_something(m);
        } else if (n < 85) {
            give_back(m);
        } else if (n < 88) {
            int i = pick(m, ASKED);

            CHECK(i < 0 || at_book_cancel(m->f.book, &m->f.told[i], m->f.now));
        } else if (n < 91) {
            die(m);
        } else if (n == 99 && dice(m, 4) == 0) {
            restart(m);
        } else {
            pass_time(m);
        }
        look(m);
    }
    for (int o = 0; o < OWNERS; o++) {
        at_book_leave(m->f.book, m->owners[o], m->f.now);
    }
    for (int i = 0; i < m->count; i++) {
        CHECK(m->f.told[i].status != NOT_TOLD || m->ops[i].what == OVER);
    }
    CHECK_INT(at_book_next(m->f.book), 0);
    end(&m->f);
}

TEST(no_order_of_events_gives_a_permit_twice_overtakes_or_forgets_anybody)
{
    static struct model m;
    const char *rounds = getenv("ATOLL_SOAK");
    uint64_t n = rounds == NULL ? ROUNDS : ROUNDS * UINT64_C(50);

    for (uint64_t seed = 1; seed <= n; seed++) {
        play(&m, seed);
    }
}

TEST_MAIN("roles/keeper/book_model")
