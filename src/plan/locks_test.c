/* Promises of plan/locks.h. */
#include "plan/locks.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "plan/plan.h"

static uint32_t users[] = {0};
static struct at_plan_service services[] = {
    {.name = "order", .file = "atoll.yaml", .line = 3, .uses_line = 5},
    {.name = "cart", .file = "atoll.yaml", .line = 9},
};
static struct at_plan_lock locks[] = {
    {.name = "checkout", .lease_ns = 5, .services = {users, 1}, .file = ""},
    {.name = "cart-*", .file = ""},
    {.name = "cart-vip-*", .permits = 3, .file = ""},
    {.name = "cart-1", .file = ""},
};
static const struct at_plan plan = {
    .system = "shop", .services = services, .service_count = 2, .locks = locks, .lock_count = 4};

TEST(the_keeper_gets_what_the_plan_says)
{
    struct at_locks_config c;
    struct at_text packed;
    struct at_diag diag;

    at_text_init(&packed);
    CHECK_INT(at_locks_config_pack(&plan, 2, &packed), 0);
    CHECK_INT(at_locks_config_unpack(at_text_bytes(&packed), &c, &diag), 0);
    CHECK_STR(c.system, "shop");
    CHECK_INT(c.starts, 2);
    CHECK_INT(c.lock_count, 4);
    CHECK_STR(c.services[0].file, "atoll.yaml");
    CHECK_INT(c.services[0].line, 5);
    CHECK_INT(c.services[1].line, 9);
    CHECK_INT(c.locks[0].lease_ns, 5);
    CHECK_INT(c.locks[0].services.count, 1);
    CHECK_INT(at_locks_config_service(&c, AT_LIT("cart")), 1);
    CHECK_INT(at_locks_config_service(&c, AT_LIT("car")), -1);
    at_locks_config_deinit(&c);
    at_text_deinit(&packed);
}

TEST(half_a_slice_is_refused_and_no_memory_is_no_accident)
{
    struct at_locks_config c;
    struct at_text packed;
    struct at_diag diag;

    at_text_init(&packed);
    CHECK_INT(at_locks_config_pack(&plan, 2, &packed), 0);
    for (size_t len = 0; len < packed.len; len++) {
        char *shorter = malloc(len + 1);

        memcpy(shorter, packed.at, len);
        CHECK_INT(at_locks_config_unpack(at_bytes_over(shorter, len), &c, &diag),
                  AT_PLAN_MALFORMED);
        free(shorter);
    }
    WITH_EACH_ALLOCATION_FAILING({
        if (at_locks_config_unpack(at_text_bytes(&packed), &c, &diag) == 0) {
            at_locks_config_deinit(&c);
        }
    });
    at_text_deinit(&packed);
}

TEST(the_exact_name_wins_and_then_the_longest_pattern)
{
    static const struct {
        const char *name;
        int index;
    } cases[] = {{"checkout", 0},   {"cart-7", 1}, {"cart-vip-7", 2}, {"cart-1", 3},
                 {"checkouts", -1}, {"cart-", 1},  {"cart", -1}};
    struct at_locks_config c;
    struct at_text packed;

    at_text_init(&packed);
    CHECK_INT(at_locks_config_pack(&plan, 0, &packed), 0);
    CHECK_INT(at_locks_config_unpack(at_text_bytes(&packed), &c, NULL), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_INT(at_locks_config_find(&c, at_bytes_of(cases[i].name)), cases[i].index);
    }
    at_locks_config_deinit(&c);
    at_text_deinit(&packed);
}

TEST(names_of_locks_may_end_with_a_star_and_have_it_nowhere_else)
{
    CHECK(at_plan_is_lock(AT_LIT("checkout")));
    CHECK(at_plan_is_lock(AT_LIT("cart-*")));
    CHECK(at_plan_is_lock(AT_LIT("*")));
    CHECK(!at_plan_is_lock(AT_LIT("")));
    CHECK(!at_plan_is_lock(AT_LIT("a*b")));
    CHECK(!at_plan_is_lock(AT_LIT("**")));
    CHECK(!at_plan_is_lock(AT_LIT("a b")));
}

TEST(who_may_use_locks_is_known)
{
    CHECK(at_plan_uses_locks(&plan, 0));
    CHECK(!at_plan_uses_locks(&plan, 1));
}

TEST_MAIN("plan/locks")
