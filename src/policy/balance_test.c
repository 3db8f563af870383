#include "policy/balance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "at_test.h"
#include "base/clock.h"

enum { SEATS_MAX = 1000 };

struct table {
    struct at_balance b;
    struct at_balance_seat room[SEATS_MAX];
    struct at_balance_seat *seats[SEATS_MAX];
    size_t count;
    uint64_t now_ns;
    uint64_t chance;
    uint32_t hits[SEATS_MAX];
};

static struct table w; /* one test, one process */

static uint64_t next_random(void)
{
    uint64_t x = w.chance += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t identity(size_t i)
{
    char name[32];

    (void)snprintf(name, sizeof(name), "stock.%zu", i + 1);
    return at_balance_hash(at_bytes_of(name));
}

static void sit(size_t count, struct at_balance_policy policy)
{
    memset(&w, 0, sizeof(w));
    w.count = count;
    w.now_ns = 1000 * AT_SECOND_NS;
    w.chance = 42;
    for (size_t i = 0; i < count; i++) {
        w.room[i].identity = identity(i);
        w.seats[i] = &w.room[i];
    }
    at_balance_set(&w.b, &policy);
}

static bool full[SEATS_MAX];

static bool has_room(const struct at_balance_seat *s)
{
    return !full[s - w.room];
}

static int choose_with(bool has_hash, uint64_t hash)
{
    struct at_balance_ask ask = {.seats = w.seats,
                                 .count = w.count,
                                 .has_room = has_room,
                                 .now_ns = w.now_ns,
                                 .random = next_random(),
                                 .hash = hash,
                                 .has_hash = has_hash};

    return at_balance_choose(&w.b, &ask);
}

static int choose(void)
{
    return choose_with(false, 0);
}

static int choose_key(uint64_t key)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(key >> (8 * i));
    }
    return choose_with(true, at_balance_hash(at_bytes_over(bytes, sizeof(bytes))));
}

/* Calls one after another; who got how many is in w.hits. */
static void run(size_t calls)
{
    memset(w.hits, 0, sizeof(w.hits));
    for (size_t i = 0; i < calls; i++) {
        w.hits[w.seats[choose()] - w.room]++;
    }
}

static const struct at_balance_policy least = {.kind = AT_BALANCE_LEAST_REQUESTS};
static const struct at_balance_policy turns = {.kind = AT_BALANCE_ROUND_ROBIN};
static const struct at_balance_policy two = {.kind = AT_BALANCE_P2C};
static const struct at_balance_policy keyed = {.kind = AT_BALANCE_HASH};

TEST(nobody_is_chosen_among_none_and_the_only_one_always)
{
    for (uint32_t kind = 0; kind < AT_BALANCE_KINDS + 2; kind++) {
        struct at_balance_policy p = {.kind = kind, .slow_start_ns = AT_SECOND_NS};

        sit(0, p);
        CHECK_INT(choose(), -1);
        CHECK_INT(choose_key(7), -1);
        sit(1, p);
        w.room[0].ready_ns = w.now_ns;
        CHECK_INT(choose(), 0);
        w.room[0].load = 200;
        CHECK_INT(choose_key(7), 0);
        full[0] = true;
        CHECK_INT(choose(), -1);
        CHECK_INT(choose_key(7), -1);
        full[0] = false;
    }
}

TEST(who_has_no_room_is_passed_by_under_each_policy)
{
    for (uint32_t kind = 0; kind < AT_BALANCE_KINDS; kind++) {
        for (size_t free_one = 0; free_one < 5; free_one++) {
            sit(5, (struct at_balance_policy){.kind = kind});
            for (size_t i = 0; i < 5; i++) {
                full[i] = i != free_one;
                w.room[i].weight = kind == 1 ? 1 : (uint32_t)i + 1;
            }
            for (int n = 0; n < 50; n++) {
                CHECK_INT(choose(), (int)free_one);
                CHECK_INT(choose_key((uint64_t)n), (int)free_one);
            }
            memset(full, 0, sizeof(full));
        }
    }
}

TEST(least_requests_takes_the_idlest_and_turns_among_equals)
{
    sit(3, least);
    CHECK_INT(choose(), 0);
    CHECK_INT(choose(), 1);
    CHECK_INT(choose(), 2);
    CHECK_INT(choose(), 0);
    w.room[0].load = 2;
    w.room[1].load = 1;
    w.room[2].load = 2;
    CHECK_INT(choose(), 1);
    CHECK_INT(choose(), 1);
}

TEST(least_requests_measures_load_by_weight)
{
    sit(2, least);
    w.room[0].weight = 3;
    w.room[1].weight = 1;
    for (int i = 0; i < 400; i++) {
        w.room[choose()].load++; /* none ends */
    }
    CHECK(w.room[0].load >= 299 && w.room[0].load <= 301);
    w.room[0].load = w.room[1].load = 0;
    run(400); /* each ends at once: ties, by weight */
    CHECK_INT(w.hits[0], 300);
}

TEST(turns_are_exact_for_all_weights_and_evenly_spread)
{
    static const uint32_t weights[][4] = {
        {1, 1, 1, 1}, {5, 1, 1, 1}, {3, 1, 1, 2}, {1000, 1, 1, 1}, {7, 3, 2, 1}};

    for (size_t k = 0; k < sizeof(weights) / sizeof(weights[0]); k++) {
        uint32_t sum = 0;

        sit(4, turns);
        for (size_t i = 0; i < 4; i++) {
            w.room[i].weight = weights[k][i];
            sum += weights[k][i];
        }
        for (int round = 0; round < 3; round++) {
            run(sum);
            for (size_t i = 0; i < 4; i++) {
                CHECK_INT(w.hits[i], weights[k][i]);
            }
        }
    }
    sit(3, turns);
    w.room[0].weight = 5;
    CHECK_INT(choose(), 0); /* 5, 1, 1: a a b a c a a, never five in a row */
    CHECK_INT(choose(), 0);
    CHECK_INT(choose(), 1);
    CHECK_INT(choose(), 0);
    CHECK_INT(choose(), 2);
    CHECK_INT(choose(), 0);
    CHECK_INT(choose(), 0);
}

TEST(two_by_chance_give_shares_by_weight_when_all_are_idle)
{
    sit(3, two);
    run(9000);
    for (size_t i = 0; i < 3; i++) {
        CHECK(w.hits[i] > 2700 && w.hits[i] < 3300);
    }
    sit(3, two);
    w.room[0].weight = 3;
    run(10000);
    CHECK(w.hits[0] > 5700 && w.hits[0] < 6300);
    CHECK(w.hits[1] > 1800 && w.hits[1] < 2200);
}

TEST(two_by_chance_keep_loads_together_and_pass_slow_ones_by)
{
    uint32_t most = 0;
    uint32_t fewest = UINT32_MAX;

    sit(100, two);
    for (int i = 0; i < 10000; i++) {
        w.room[choose()].load++;
    }
    for (size_t i = 0; i < 100; i++) {
        most = w.room[i].load > most ? w.room[i].load : most;
        fewest = w.room[i].load < fewest ? w.room[i].load : fewest;
    }
    CHECK(most - fewest <= 8); /* one alone by chance would differ by 50 */

    sit(3, two);
    for (size_t i = 0; i < 3; i++) {
        at_balance_measured(&w.room[i], i == 0 ? 10000000 : 1000000, w.now_ns);
    }
    run(3000);
    CHECK_INT(w.hits[0], 0); /* ten times as slow: the other of the two is always better */
    w.now_ns += 60 * AT_SECOND_NS;
    run(3000); /* what nothing was heard of for so long may have recovered */
    CHECK(w.hits[0] > 700);
}

TEST(latencies_that_differ_by_chance_do_not_starve_anybody)
{
    sit(3, two);
    at_balance_measured(&w.room[0], 1000000, w.now_ns);
    at_balance_measured(&w.room[1], 1300000, w.now_ns);
    at_balance_measured(&w.room[2], 1900000, w.now_ns);
    run(9000);
    for (size_t i = 0; i < 3; i++) {
        CHECK(w.hits[i] > 2700 && w.hits[i] < 3300);
    }
}

TEST(a_key_stays_where_it_is_and_keys_spread_by_weight)
{
    sit(5, keyed);
    for (uint64_t key = 0; key < 20000; key++) {
        int i = choose_key(key);

        CHECK_INT(choose_key(key), i);
        w.hits[i]++;
    }
    for (size_t i = 0; i < 5; i++) {
        CHECK(w.hits[i] > 3700 && w.hits[i] < 4300);
    }
    sit(3, keyed);
    w.room[0].weight = 3;
    for (uint64_t key = 0; key < 20000; key++) {
        w.hits[choose_key(key)]++;
    }
    CHECK(w.hits[0] > 11700 && w.hits[0] < 12300);
    CHECK(w.hits[1] > 3700 && w.hits[1] < 4300);
}

TEST(a_change_of_the_set_moves_only_the_keys_that_must_move)
{
    enum { KEYS = 20000 };
    static uint16_t at[KEYS];
    uint32_t moved = 0;
    uint32_t strayed = 0;

    sit(10, keyed);
    for (uint64_t key = 0; key < KEYS; key++) {
        at[key] = (uint16_t)(w.seats[choose_key(key)] - w.room);
    }
    w.seats[3] = w.seats[9]; /* stock.4 goes, and the places of others change */
    w.count = 9;
    at_balance_changed(&w.b);
    for (uint64_t key = 0; key < KEYS; key++) {
        size_t now = (size_t)(w.seats[choose_key(key)] - w.room);

        moved += now != at[key];
        strayed += now != at[key] && at[key] != 3;
    }
    CHECK_INT(strayed, 0);
    CHECK(moved > KEYS / 10 - 200 && moved < KEYS / 10 + 200);
    w.seats[9] = &w.room[3]; /* and comes back, in another place */
    w.count = 10;
    at_balance_changed(&w.b);
    for (uint64_t key = 0; key < KEYS; key++) {
        CHECK_INT(w.seats[choose_key(key)] - w.room, at[key]);
    }
    w.room[3].weight = 2; /* more weight takes keys, and moves none between the others */
    at_balance_changed(&w.b);
    for (uint64_t key = 0; key < KEYS; key++) {
        size_t now = (size_t)(w.seats[choose_key(key)] - w.room);

        CHECK(now == at[key] || now == 3);
    }
}

TEST(one_hot_key_cannot_drown_an_instance)
{
    uint32_t most = 0;
    int home;

    sit(4, keyed);
    home = choose_key(7);
    for (int i = 0; i < AT_BALANCE_BOUND_FLOOR; i++) {
        CHECK_INT(choose_key(7), home); /* a short burst stays together */
        w.room[home].load++;
    }
    for (int i = AT_BALANCE_BOUND_FLOOR; i < 400; i++) {
        w.room[choose_key(7)].load++;
    }
    for (size_t i = 0; i < 4; i++) {
        most = w.room[i].load > most ? w.room[i].load : most;
    }
    CHECK_INT(w.room[home].load, most);
    CHECK(most <= 126); /* 400 / 4 × 1.25 */
    sit(4, (struct at_balance_policy){.kind = AT_BALANCE_HASH, .bound = 200});
    for (int i = 0; i < 400; i++) {
        w.room[choose_key(7)].load++;
    }
    CHECK(w.room[home].load >= 195 && w.room[home].load <= 201);
}

TEST(without_a_key_hash_is_least_requests)
{
    sit(3, keyed);
    w.room[0].load = w.room[2].load = 1;
    CHECK_INT(choose(), 1);
}

TEST(a_new_instance_is_given_little_first_and_its_part_in_the_end)
{
    static const uint32_t kinds[] = {AT_BALANCE_LEAST_REQUESTS, AT_BALANCE_ROUND_ROBIN,
                                     AT_BALANCE_P2C};

    for (size_t k = 0; k < 3; k++) {
        uint32_t before = 0;

        sit(4, (struct at_balance_policy){.kind = kinds[k], .slow_start_ns = 10 * AT_SECOND_NS});
        w.room[2].ready_ns = w.now_ns;
        run(3100);
        CHECK(w.hits[2] > 60 && w.hits[2] < 160); /* a tenth of a part: 100 */
        for (int second = 2; second <= 10; second += 2) {
            w.now_ns = w.room[2].ready_ns + (uint64_t)second * AT_SECOND_NS;
            run(3100);
            CHECK(w.hits[2] > before);
            before = w.hits[2];
        }
        CHECK(before > 700 && before < 850); /* a quarter */
        CHECK(w.b.even && w.b.settle_again_ns == 0);
    }
}

TEST(slow_start_gives_a_new_instance_its_keys_one_after_another_and_no_others)
{
    enum { KEYS = 5000 };
    static uint16_t at[KEYS];

    sit(4, (struct at_balance_policy){.kind = AT_BALANCE_HASH, .slow_start_ns = 10 * AT_SECOND_NS});
    w.room[2].ready_ns = w.now_ns;
    for (int second = 0; second <= 10; second++) {
        w.now_ns = w.room[2].ready_ns + (uint64_t)second * AT_SECOND_NS;
        for (uint64_t key = 0; key < KEYS; key++) {
            int now = choose_key(key);

            CHECK(second == 0 || now == at[key] || now == 2);
            at[key] = (uint16_t)now;
        }
    }
}

TEST(when_all_are_new_nobody_is_slow)
{
    sit(3, (struct at_balance_policy){.kind = AT_BALANCE_ROUND_ROBIN,
                                      .slow_start_ns = 10 * AT_SECOND_NS});
    for (size_t i = 0; i < 3; i++) {
        w.room[i].ready_ns = w.now_ns;
    }
    run(300);
    CHECK_INT(w.hits[0], 100);
    w.now_ns += AT_SECOND_NS;
    run(300);
    CHECK_INT(w.hits[1], 100);
    w.room[0].ready_ns = w.now_ns; /* one is restarted a second later */
    at_balance_changed(&w.b);
    run(210);
    CHECK(w.hits[0] <= 12);
    w.now_ns += 9 * AT_SECOND_NS; /* 9 of 10 */
    run(2900);
    CHECK(w.hits[0] > 880 && w.hits[0] < 920);
}

/* Instances come, go, fill up and finish at random; loads are kept as a caller would. */
TEST(any_churn_keeps_the_choice_among_those_with_room)
{
    for (uint32_t kind = 0; kind < AT_BALANCE_KINDS; kind++) {
        sit(40, (struct at_balance_policy){.kind = kind, .slow_start_ns = AT_SECOND_NS});
        w.count = 0;
        for (int step = 0; step < 20000; step++) {
            uint64_t r = next_random();
            int i;

            w.now_ns += r % 5000000;
            if (r % 16 == 0 && w.count < 40) {
                struct at_balance_seat *s = w.seats[w.count];

                s->ready_ns = w.now_ns;
                s->load = 0;
                s->weight = 1 + (uint32_t)(r >> 8) % 4;
                w.count++;
                at_balance_changed(&w.b);
            } else if (r % 16 == 1 && w.count > 0) {
                size_t gone = (size_t)(r >> 8) % w.count;
                struct at_balance_seat *s = w.seats[gone];

                w.seats[gone] = w.seats[--w.count];
                w.seats[w.count] = s;
                at_balance_changed(&w.b);
            }
            for (size_t k = 0; k < w.count; k++) {
                full[w.seats[k] - w.room] = w.seats[k]->load >= 16;
            }
            i = choose_with(r % 3 == 0, r);
            if (i < 0) {
                for (size_t k = 0; k < w.count; k++) {
                    CHECK(w.seats[k]->load >= 16);
                    w.seats[k]->load = 0;
                }
                continue;
            }
            CHECK((size_t)i < w.count && w.seats[i]->load < 16);
            w.seats[i]->load++;
        }
        memset(full, 0, sizeof(full));
    }
}

static uint64_t cpu_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * AT_SECOND_NS + (uint64_t)ts.tv_nsec;
}

TEST(a_thousand_instances_are_chosen_from_in_little_time)
{
    static const char *const names[] = {"default", "least-requests", "round-robin", "p2c", "hash"};
    static const size_t counts[] = {2, 3, 64, 1000};

    for (uint32_t kind = 1; kind < AT_BALANCE_KINDS; kind++) {
        for (int weighted = 0; weighted < 2; weighted++) {
            for (size_t c = 0; c < 4; c++) {
                size_t rounds = 200000 / counts[c] + 200;
                uint64_t begun;
                uint64_t each;

                sit(counts[c], (struct at_balance_policy){.kind = kind});
                for (size_t i = 0; weighted && i < counts[c]; i++) {
                    w.room[i].weight = 1 + (uint32_t)i % 5;
                }
                (void)choose();
                begun = cpu_ns();
                for (size_t i = 0; i < rounds; i++) {
                    CHECK(choose_with(true, i) >= 0);
                }
                each = (cpu_ns() - begun) / rounds;
                if (getenv("AT_BALANCE_COST") != NULL) {
                    printf("# %-15s %s %4zu instances: %6llu ns\n", names[kind],
                           weighted ? "weighted" : "even    ", counts[c], (unsigned long long)each);
                }
                CHECK(each < 200000); /* with sanitizers, on a busy machine */
            }
        }
    }
}

TEST_MAIN("policy/balance")
