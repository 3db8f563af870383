/* When to look at the rings instead of sleeping. */
#include "libatoll/spin.h"

#include "at_test.h"
#include "libatoll/limits.h"

TEST(nothing_is_burnt_before_sleeps_have_shown_what_a_wake_costs)
{
    struct at_spin s = {0};

    CHECK_INT(s.budget_ns, 0);
    at_spin_slept(&s, 8000);
    CHECK_INT(s.wake_ns, 8000);
    CHECK_INT(s.budget_ns, 8000);
}

TEST(a_peer_that_answers_later_than_a_wake_takes_is_slept_for)
{
    struct at_spin s = {0};

    at_spin_slept(&s, 1000000);
    for (int i = 0; i < 1000; i++) {
        at_spin_slept(&s, 1000000);
        CHECK_INT(s.budget_ns, 0);
    }
}

TEST(the_budget_never_exceeds_its_limit_whatever_sleeps_took)
{
    struct at_spin s = {0};

    for (uint64_t took = 1; took < UINT64_MAX / 2; took *= 2) {
        at_spin_slept(&s, took);
        at_spin_hit(&s);
        CHECK(s.budget_ns <= AT_LIB_SPIN_MAX_NS);
        CHECK(s.wake_ns <= AT_LIB_SPIN_MAX_NS);
    }
}

TEST(each_miss_halves_the_budget_until_it_rests_and_each_rest_is_longer)
{
    struct at_spin s = {0};
    uint64_t burnt = 0;
    uint64_t sleeps = 0;

    at_spin_slept(&s, 8000);
    for (int round = 0; round < 20; round++) {
        while (s.budget_ns > 0) {
            uint64_t before = s.budget_ns;

            burnt += before;
            at_spin_missed(&s, before);
            CHECK(s.budget_ns <= before / 2);
        }
        while (s.budget_ns == 0 && sleeps < 1000000) {
            at_spin_slept(&s, 8000);
            sleeps++;
        }
    }
    /* A peer that lies about its CPU, or a bad guess, costs next to nothing. */
    CHECK(burnt < sleeps * 8000 / 20);
}

TEST(a_hit_doubles_the_budget_up_to_the_cost_of_a_wake)
{
    struct at_spin s = {0};

    at_spin_slept(&s, 16000);
    at_spin_missed(&s, s.budget_ns);
    CHECK_INT(s.budget_ns, 8000);
    at_spin_hit(&s);
    CHECK_INT(s.budget_ns, 16000);
    at_spin_hit(&s);
    CHECK_INT(s.budget_ns, 16000);
}

TEST(a_look_during_which_others_had_the_cpu_is_the_last_for_long)
{
    struct at_spin s = {0};

    at_spin_slept(&s, 8000);
    at_spin_missed(&s, s.budget_ns + AT_LIB_SPIN_STOLEN_NS + 1);
    CHECK_INT(s.budget_ns, 0);
    for (int i = 0; i < AT_LIB_SPIN_REST_FIRST; i++) {
        at_spin_slept(&s, 8000);
        CHECK_INT(s.budget_ns, 0);
    }
    at_spin_slept(&s, 8000);
    CHECK_INT(s.budget_ns, 8000);
}

TEST_MAIN("libatoll/spin")
