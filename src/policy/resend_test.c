#include "policy/resend.h"

#include "at_test.h"

static struct at_resend_budget full(void)
{
    struct at_resend_budget b;

    at_resend_budget_init(&b);
    return b;
}

TEST(what_was_never_taken_goes_again_whatever_its_method)
{
    struct at_resend_budget b = full();

    CHECK_INT(at_resend_judge(&b, &(struct at_resend_case){.taken = false}), AT_RESEND_YES);
    CHECK_INT(b.parts, AT_RESEND_BUDGET_MAX * AT_RESEND_PART); /* and costs nothing */
}

TEST(what_may_have_run_goes_again_only_when_its_method_may_be_repeated)
{
    struct at_resend_budget b = full();
    struct at_resend_case c = {.taken = true};

    CHECK_INT(at_resend_judge(&b, &c), AT_RESEND_MAY_HAVE_RUN);
    c.may_repeat = true;
    CHECK_INT(at_resend_judge(&b, &c), AT_RESEND_YES);
}

TEST(a_request_that_kills_whoever_takes_it_stops_at_the_third)
{
    struct at_resend_budget b = full();
    struct at_resend_case c = {.taken = true, .may_repeat = true};
    int deaths = 1;

    while (at_resend_judge(&b, &c) == AT_RESEND_YES) {
        c.taken_before++;
        deaths++;
    }
    CHECK_INT(deaths, 3);
    CHECK_INT(at_resend_judge(&b, &c), AT_RESEND_POISONOUS);
}

TEST(losing_peers_before_they_take_it_ends_too)
{
    struct at_resend_budget b = full();
    struct at_resend_case c = {.untaken_before = AT_RESEND_UNTAKEN_MAX - 1};

    CHECK_INT(at_resend_judge(&b, &c), AT_RESEND_ENDLESS);
    c.untaken_before = 255;
    CHECK_INT(at_resend_judge(&b, &c), AT_RESEND_ENDLESS);
}

TEST(the_second_wave_is_bounded_and_answers_earn_it_back)
{
    struct at_resend_budget b = full();
    struct at_resend_case c = {.taken = true, .may_repeat = true};
    int wave = 0;

    while (at_resend_judge(&b, &c) == AT_RESEND_YES) {
        wave++;
    }
    CHECK_INT(wave, AT_RESEND_BUDGET_MAX);
    CHECK_INT(at_resend_judge(&b, &c), AT_RESEND_BUDGET_IS_OUT);
    for (int i = 0; i < AT_RESEND_PART; i++) {
        at_resend_budget_earn(&b);
    }
    CHECK_INT(at_resend_judge(&b, &c), AT_RESEND_YES);
    CHECK_INT(at_resend_judge(&b, &c), AT_RESEND_BUDGET_IS_OUT);
}

TEST(every_verdict_has_its_sentence)
{
    for (int i = AT_RESEND_YES; i <= AT_RESEND_BUDGET_IS_OUT; i++) {
        CHECK(at_resend_verdict_text((enum at_resend_verdict)i) != NULL);
    }
}

TEST_MAIN("policy/resend")
