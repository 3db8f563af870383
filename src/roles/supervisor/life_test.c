/* Promises of the life table and of the restart rule. */
#include "roles/supervisor/life.h"

#include <stdint.h>
#include <string.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "control/operator.h"
#include "plan/plan.h"

static struct at_plan_service policy(void)
{
    return (struct at_plan_service){
        .restart = AT_PLAN_RESTART_ALWAYS,
        .backoff_min_ns = 100 * AT_MILLISECOND_NS,
        .backoff_max_ns = 10 * AT_SECOND_NS,
        .backoff_exits = 10,
        .backoff_window_ns = 30 * AT_SECOND_NS,
    };
}

static struct at_life_verdict judge(const struct at_plan_service *p, struct at_life_history *h,
                                    uint64_t now_ns, bool clean, bool was_ready)
{
    struct at_life_verdict v;

    at_life_judge(
        p, h, &(struct at_life_exit){.now_ns = now_ns, .clean = clean, .was_ready = was_ready}, &v);
    return v;
}

TEST(every_state_answers_every_event_with_a_state_and_an_action)
{
    for (int s = AT_LIFE_DOWN; s < AT_LIFE_STATES; s++) {
        for (int e = 0; e < AT_LIFE_EVENTS; e++) {
            struct at_life_step step = at_life_step((enum at_life_state)s, (enum at_life_event)e);

            CHECK(step.to >= AT_LIFE_DOWN && step.to < AT_LIFE_STATES);
            CHECK(step.action <= AT_LIFE_CANNOT);
            CHECK(step.action != AT_LIFE_CANNOT || step.to == s);
            CHECK(at_life_event_name((enum at_life_event)e) != NULL);
        }
    }
}

TEST(a_process_is_made_only_on_the_way_into_starting)
{
    for (int s = AT_LIFE_DOWN; s < AT_LIFE_STATES; s++) {
        for (int e = 0; e < AT_LIFE_EVENTS; e++) {
            struct at_life_step step = at_life_step((enum at_life_state)s, (enum at_life_event)e);

            CHECK(step.action != AT_LIFE_DO_SPAWN || step.to == AT_LIFE_STARTING);
            CHECK(step.action != AT_LIFE_DO_ANNOUNCE || step.to == AT_LIFE_READY);
            CHECK(step.to != AT_LIFE_READY || s == AT_LIFE_READY ||
                  step.action == AT_LIFE_DO_ANNOUNCE);
        }
    }
}

TEST(wherever_it_is_going_down_leads_to_down)
{
    for (int s = AT_LIFE_DOWN; s < AT_LIFE_STATES; s++) {
        struct at_life_step step = at_life_step((enum at_life_state)s, AT_LIFE_WANT_DOWN);

        CHECK(step.to == AT_LIFE_DOWN || step.to == AT_LIFE_STOPPING);
    }
    for (int e = AT_LIFE_EXITED_NOW; e <= AT_LIFE_EXITED_FAILED; e++) {
        CHECK_INT(at_life_step(AT_LIFE_STOPPING, (enum at_life_event)e).to, AT_LIFE_DOWN);
    }
}

TEST(the_first_restart_is_at_once)
{
    struct at_plan_service p = policy();
    struct at_life_history h = {0};

    CHECK_INT(judge(&p, &h, 1, false, false).event, AT_LIFE_EXITED_NOW);
    CHECK_INT((long)h.restarts, 1);
    h = (struct at_life_history){0};
    CHECK_INT(judge(&p, &h, 1, false, true).event, AT_LIFE_EXITED_NOW);
}

TEST(exits_before_ready_wait_longer_each_time_and_end_in_failed)
{
    struct at_plan_service p = policy();
    struct at_life_history h = {0};
    uint64_t now = AT_SECOND_NS;
    uint64_t expected = 100 * AT_MILLISECOND_NS;
    struct at_life_verdict v = judge(&p, &h, now, false, false);

    for (;;) {
        v = judge(&p, &h, now, false, false);
        if (v.event != AT_LIFE_EXITED_LATER) {
            break;
        }
        CHECK(v.wait_ns == expected);
        expected *= 2;
        now += v.wait_ns;
    }
    CHECK_INT(v.event, AT_LIFE_EXITED_FAILED);
    CHECK(expected > p.backoff_max_ns);
    CHECK_STR(v.why, "it ended 9 times in a row before it was ready");
}

TEST(an_instance_that_was_ready_is_restarted_at_once_while_it_ends_seldom)
{
    struct at_plan_service p = policy();
    struct at_life_history h = {0};

    for (uint64_t i = 1; i < 1000; i++) {
        CHECK_INT(judge(&p, &h, i * 3 * AT_SECOND_NS, false, true).event, AT_LIFE_EXITED_NOW);
    }
}

TEST(more_exits_than_allowed_within_the_window_back_off_and_then_fail)
{
    struct at_plan_service p = policy();
    struct at_life_history h = {0};
    uint64_t now = AT_SECOND_NS;
    struct at_life_verdict v;

    for (int i = 0; i < 11; i++) {
        CHECK_INT(judge(&p, &h, now, false, true).event, AT_LIFE_EXITED_NOW);
    }
    v = judge(&p, &h, now, false, true);
    CHECK_INT(v.event, AT_LIFE_EXITED_LATER);
    while (v.event == AT_LIFE_EXITED_LATER) {
        now += v.wait_ns;
        v = judge(&p, &h, now, false, true);
    }
    CHECK_INT(v.event, AT_LIFE_EXITED_FAILED);
    CHECK(strstr(v.why, "within 30") != NULL);
}

TEST(a_good_exit_starts_the_back_off_over)
{
    struct at_plan_service p = policy();
    struct at_life_history h = {0};

    (void)judge(&p, &h, 1, false, false);
    CHECK_INT(judge(&p, &h, 2, false, false).event, AT_LIFE_EXITED_LATER);
    CHECK_INT(judge(&p, &h, 3, false, true).event, AT_LIFE_EXITED_NOW);
    CHECK_INT(judge(&p, &h, 4, false, false).event, AT_LIFE_EXITED_NOW);
}

/* Whatever happens, the wait never passes the limit and the machine never waits and fails at once. */
TEST(no_history_gives_a_wait_beyond_its_limit)
{
    struct at_plan_service p = policy();
    uint64_t seed = 88172645463325252U;

    for (int run = 0; run < 200; run++) {
        struct at_life_history h = {0};
        uint64_t now = 1;

        for (int i = 0; i < 200; i++) {
            struct at_life_verdict v;

            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            now += seed % (4 * AT_SECOND_NS);
            v = judge(&p, &h, now, (seed & 1) != 0, (seed & 6) != 0);
            CHECK(v.wait_ns <= p.backoff_max_ns);
            CHECK((v.wait_ns > 0) == (v.event == AT_LIFE_EXITED_LATER));
            CHECK(h.exit_count <= AT_LIFE_EXITS_KEPT);
            if (v.event == AT_LIFE_EXITED_FAILED) {
                CHECK(v.why[0] != '\0');
                break;
            }
        }
    }
}

TEST(the_four_policies_are_those_of_compose)
{
    struct at_plan_service p = policy();
    struct at_life_history h = {0};

    p.restart = AT_PLAN_RESTART_NO;
    CHECK_INT(judge(&p, &h, 1, true, true).event, AT_LIFE_EXITED_DONE);
    CHECK_INT(judge(&p, &h, 1, false, true).event, AT_LIFE_EXITED_FAILED);
    p.restart = AT_PLAN_RESTART_ON_FAILURE;
    CHECK_INT(judge(&p, &h, 1, true, true).event, AT_LIFE_EXITED_DONE);
    CHECK_INT(judge(&p, &h, 1, false, true).event, AT_LIFE_EXITED_NOW);
    p.restart = AT_PLAN_RESTART_ALWAYS;
    CHECK_INT(judge(&p, &h, 1, true, true).event, AT_LIFE_EXITED_NOW);
    p.restart = AT_PLAN_RESTART_UNLESS_STOPPED;
    CHECK_INT(judge(&p, &h, 1, true, true).event, AT_LIFE_EXITED_NOW);
}

TEST(on_failure_with_a_count_gives_up_after_that_many_restarts)
{
    struct at_plan_service p = policy();
    struct at_life_history h = {0};
    struct at_life_verdict v;

    p.restart = AT_PLAN_RESTART_ON_FAILURE;
    p.restart_max = 2;
    CHECK_INT(judge(&p, &h, 1, false, true).event, AT_LIFE_EXITED_NOW);
    CHECK_INT(judge(&p, &h, 2, false, true).event, AT_LIFE_EXITED_NOW);
    v = judge(&p, &h, 3, false, true);
    CHECK_INT(v.event, AT_LIFE_EXITED_FAILED);
    CHECK(strstr(v.why, "on-failure:2") != NULL);
}

TEST(the_history_survives_a_change_of_supervisors)
{
    struct at_plan_service p = policy();
    struct at_life_history h = {0};
    struct at_life_history again = {0};
    uint8_t room[AT_LIFE_EXITS_KEPT * 8];

    for (uint64_t i = 1; i <= AT_LIFE_EXITS_KEPT + 6; i++) {
        (void)judge(&p, &h, i * 40 * AT_SECOND_NS, false, true);
    }
    at_life_unpack_exits(&again, at_life_pack_exits(&h, room, sizeof(room)));
    CHECK_INT((long)again.exit_count, AT_LIFE_EXITS_KEPT);
    CHECK(memcmp(again.exits_ns, h.exits_ns, sizeof(h.exits_ns)) == 0);
    at_life_unpack_exits(&again, AT_LIT("1234567"));
    CHECK_INT((long)again.exit_count, 0);
}

TEST_MAIN("supervisor/life")
