#include "plan/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "plan/gateway.h"
#include "plan/limits.h"
#include "plan/sealed.h"

/* door, telemetry, cart → stock; one listener. Every test changes what it needs. */
struct fixture {
    struct at_plan plan;
    struct at_plan_service services[4];
    struct at_plan_listener listeners[2];
    const char *argv[2];
    const char *env[2];
    const char *contracts[2];
    uint32_t uses[2];
    uint32_t served[1];
    struct at_plan_dependency depends[2];
    struct at_plan_policy policies[2];
    uint32_t weights[2];
};

enum { CONTRACTS_BYTES = 1000 };

static struct at_plan_service a_service(const char *name, uint32_t kind)
{
    return (struct at_plan_service){
        .name = name,
        .kind = kind,
        .executable = "",
        .cwd = "/srv/shop",
        .restart = AT_PLAN_RESTART_ALWAYS,
        .backoff_min_ns = 100,
        .backoff_max_ns = 1000,
        .backoff_exits = 10,
        .backoff_window_ns = 30,
        .start_timeout_ns = 1,
        .stop_signal = 15,
        .replicas = 1,
        .nofile = 1024,
        .ready = AT_PLAN_READY_EXEC,
        .file = "",
    };
}

static void make(struct fixture *f)
{
    *f = (struct fixture){
        .services = {a_service("door", AT_PLAN_GATEWAY), a_service("telemetry", AT_PLAN_TELEMETRY),
                     a_service("cart", AT_PLAN_SERVICE), a_service("stock", AT_PLAN_SERVICE)},
        .argv = {"bin/cart", "--fast"},
        .env = {"A=1", "B="},
        .contracts = {"shop.cart.v1.CartService", "shop.cart.v1.Other"},
        .uses = {3},
        .served = {2},
        .depends = {{3, AT_PLAN_HEALTHY}},
        .listeners =
            {{.address = "127.0.0.1", .port = 8080, .file = "atoll.yaml", .line = 9, .col = 7}},
    };
    f->listeners[0].services = (struct at_plan_indexes){f->served, 1};
    for (size_t i = 2; i < 4; i++) {
        f->services[i].executable = "/srv/shop/bin/cart";
        f->services[i].argv = (struct at_plan_strings){f->argv, 2};
    }
    f->services[2].env = (struct at_plan_strings){f->env, 2};
    f->services[2].uses = (struct at_plan_indexes){f->uses, 1};
    f->services[2].depends_on = (struct at_plan_dependencies){f->depends, 1};
    f->services[2].contracts = (struct at_plan_strings){f->contracts, 2};
    f->services[2].contract_offset = 100;
    f->services[2].contract_bytes = 900;
    f->plan = (struct at_plan){
        .system = "shop",
        .project_dir = "/srv/shop",
        .deadline_ns = 1000,
        .services = f->services,
        .service_count = 4,
        .listeners = f->listeners,
        .listener_count = 1,
        .policies = f->policies,
        .policy_count = 2,
    };
    f->policies[0] = (struct at_plan_policy){
        .to = 3, .from = 2, .balance = AT_PLAN_HASH, .bound = 150, .key = "cart.id"};
    f->policies[1] = (struct at_plan_policy){
        .to = 3, .from = AT_PLAN_ANYBODY, .balance = AT_PLAN_P2C, .slow_start_ns = 9, .key = ""};
    f->weights[0] = 3;
    f->services[3].max_message = 16 << 20;
    f->services[3].weights = (struct at_plan_numbers){f->weights, 1};
}

static struct at_text packed(const struct at_plan *plan)
{
    struct at_text out;

    at_text_init(&out);
    CHECK_INT(at_plan_pack(plan, &out), 0);
    return out;
}

TEST(what_was_packed_comes_back_and_packs_to_the_same_bytes)
{
    struct fixture f;
    struct at_plan back;
    struct at_text once;
    struct at_text twice;

    make(&f);
    once = packed(&f.plan);
    CHECK_INT(at_plan_unpack(at_text_bytes(&once), CONTRACTS_BYTES, &back, NULL), 0);
    CHECK_STR(back.system, "shop");
    CHECK_INT(back.service_count, 4);
    CHECK_STR(back.services[2].argv.at[1], "--fast");
    CHECK_STR(back.services[2].env.at[1], "B=");
    CHECK_INT(back.services[2].uses.at[0], 3);
    CHECK_INT(back.services[2].depends_on.at[0].condition, AT_PLAN_HEALTHY);
    CHECK_STR(back.services[2].contracts.at[1], "shop.cart.v1.Other");
    CHECK_INT(back.services[2].contract_bytes, 900);
    CHECK_INT(back.listeners[0].port, 8080);
    CHECK_INT(back.listeners[0].line, 9);
    CHECK_INT(back.listeners[0].col, 7);
    CHECK_INT(back.services[3].weights.at[0], 3);
    CHECK_INT(back.services[3].max_message, 16 << 20);
    CHECK_STR(at_plan_policy_of(&back, 2, 3)->key, "cart.id");
    CHECK_INT(at_plan_policy_of(&back, 2, 3)->bound, 150);
    CHECK_INT(at_plan_policy_of(&back, 0, 3)->slow_start_ns, 9);
    CHECK(at_plan_policy_of(&back, 0, 2) == NULL);
    twice = packed(&back);
    CHECK(at_bytes_equal(at_text_bytes(&once), at_text_bytes(&twice)));
    at_text_deinit(&once);
    at_text_deinit(&twice);
    at_plan_deinit(&back);
}

TEST(every_shorter_prefix_is_refused)
{
    struct fixture f;
    struct at_plan back;
    struct at_text all;

    make(&f);
    all = packed(&f.plan);
    for (size_t n = 0; n < all.len; n++) {
        char *exact = malloc(n + 1); /* so that a read behind it is seen */

        memcpy(exact, all.at, n);
        CHECK_INT(at_plan_unpack(at_bytes_over(exact, n), CONTRACTS_BYTES, &back, NULL),
                  AT_PLAN_MALFORMED);
        free(exact);
    }
    at_text_deinit(&all);
}

TEST(each_changed_byte_is_refused_or_gives_a_plan_that_packs_again)
{
    struct fixture f;
    struct at_text all;

    make(&f);
    all = packed(&f.plan);
    for (size_t i = 0; i < all.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            struct at_plan back;

            all.at[i] = (char)(all.at[i] ^ (1 << bit));
            if (at_plan_unpack(at_text_bytes(&all), CONTRACTS_BYTES, &back, NULL) == 0) {
                CHECK_INT(at_plan_check(&back, CONTRACTS_BYTES, NULL), 0);
                at_plan_deinit(&back);
            }
            all.at[i] = (char)(all.at[i] ^ (1 << bit));
        }
    }
    at_text_deinit(&all);
}

/* Grows the first service record by what a newer version would add. */
TEST(what_a_newer_version_adds_to_a_record_is_skipped)
{
    struct fixture f;
    struct at_plan back;
    struct at_text old;
    struct at_text grown;
    size_t system_bytes;
    uint32_t len;

    make(&f);
    old = packed(&f.plan);
    at_text_init(&grown);
    memcpy(&len, old.at + 12, 4);
    system_bytes = len;
    at_text_add(&grown, at_bytes_over(old.at, 16 + system_bytes));
    at_text_add_str(&grown, "new fields");
    at_text_add(&grown, at_bytes_over(old.at + 16 + system_bytes, old.len - 16 - system_bytes));
    len += 10;
    memcpy(grown.at + 12, &len, 4);
    len = (uint32_t)grown.len;
    memcpy(grown.at + 8, &len, 4);
    CHECK_INT(at_plan_unpack(at_text_bytes(&grown), CONTRACTS_BYTES, &back, NULL), 0);
    CHECK_STR(back.services[3].name, "stock");
    at_plan_deinit(&back);
    at_text_deinit(&old);
    at_text_deinit(&grown);
}

TEST(a_plan_that_needs_a_newer_reader_says_so)
{
    struct fixture f;
    struct at_plan back;
    struct at_diag diag;
    struct at_text all;

    make(&f);
    all = packed(&f.plan);
    all.at[4] = AT_PLAN_VERSION + 1;
    CHECK_INT(at_plan_unpack(at_text_bytes(&all), CONTRACTS_BYTES, &back, &diag),
              AT_PLAN_MALFORMED);
    CHECK(strstr(diag.what, "needs version 2") != NULL);
    at_text_deinit(&all);
}

TEST(an_empty_slot_of_memory_at_any_point_is_reported_and_leaks_nothing)
{
    struct fixture f;
    struct at_text all;

    make(&f);
    all = packed(&f.plan);
    WITH_EACH_ALLOCATION_FAILING({
        struct at_plan back;
        int r = at_plan_unpack(at_text_bytes(&all), CONTRACTS_BYTES, &back, NULL);

        if (r == 0) {
            at_plan_deinit(&back);
        } else {
            CHECK_INT(r, -ENOMEM);
        }
    });
    WITH_EACH_ALLOCATION_FAILING({
        struct at_text out;
        int r;

        at_text_init(&out);
        r = at_plan_pack(&f.plan, &out);
        CHECK(r == 0 || r == -ENOMEM);
        at_text_deinit(&out);
    });
    at_text_deinit(&all);
}

/* One wrong thing per line; what the diag must say. */
static void refused(struct fixture *f, const char *why)
{
    struct at_diag diag;

    CHECK_INT(at_plan_check(&f->plan, CONTRACTS_BYTES, &diag), AT_PLAN_MALFORMED);
    ck_assert_msg(strstr(diag.what, why) != NULL, "\"%s\" does not say \"%s\"", diag.what, why);
    make(f);
}

TEST(every_rule_refuses_what_breaks_it)
{
    static uint32_t one_two[2] = {3, 3};
    static uint32_t far[1] = {9};
    static uint32_t door[1] = {0};
    static struct at_plan_dependency back_to_cart[1] = {{2, AT_PLAN_STARTED}};
    static const char *control[1] = {"ATOLL_CONTROL_FD=7"};
    static const char *bare[1] = {"A"};
    struct fixture f;
    struct at_plan_service *cart = &f.services[2];

    make(&f);
    CHECK_INT(at_plan_check(&f.plan, CONTRACTS_BYTES, NULL), 0);
    refused((f.plan.system = "Shop", &f), "bad name");
    refused((f.plan.project_dir = "srv", &f), "bad name");
    refused((f.plan.deadline_ns = 0, &f), "deadline");
    refused((f.plan.service_count = 0, &f), "too many services");
    refused((cart->name = "-cart", &f), "not a name");
    refused((cart->name = "operator", &f), "reserved");
    refused((cart->name = "stock", &f), "stands twice");
    refused((f.services[0].name = "gate", &f), "named door");
    refused((cart->kind = 9, &f), "kind is unknown");
    refused((cart->executable = "bin/cart", &f), "absolute");
    refused((cart->argv.count = 0, &f), "no arguments");
    refused((cart->cwd = "", &f), "working directory");
    refused((f.services[1].executable = "/bin/sh", &f), "no program of its own");
    refused((cart->env = (struct at_plan_strings){control, 1}, &f), "reserved name");
    refused((cart->env = (struct at_plan_strings){bare, 1}, &f), "not NAME=value");
    refused((cart->uses = (struct at_plan_indexes){one_two, 2}, &f), "its uses");
    refused((cart->uses = (struct at_plan_indexes){far, 1}, &f), "its uses");
    refused((cart->uses = (struct at_plan_indexes){door, 1}, &f), "its uses");
    refused((f.uses[0] = 2, &f), "its uses");
    refused((f.depends[0].service = 2, &f), "its depends_on name no other");
    refused((f.depends[0].condition = 3, &f), "condition");
    refused((f.services[3].depends_on = (struct at_plan_dependencies){back_to_cart, 1}, &f),
            "goes round");
    refused((cart->restart = 0, &f), "restart policy");
    refused((cart->ready = 3, &f), "to be ready");
    refused((cart->backoff_exits = 0, &f), "back-off");
    refused((cart->backoff_min_ns = 5000, &f), "back-off");
    refused((cart->start_timeout_ns = UINT64_MAX, &f), "start timeout");
    refused((cart->stop_signal = 65, &f), "way to stop");
    refused((cart->replicas = AT_PLAN_REPLICAS_MAX + 1, &f), "replicas");
    refused((f.services[0].replicas = 2, &f), "replicas");
    refused((cart->memory_bytes = UINT64_MAX, &f), "limits");
    refused((cart->nofile = 0, &f), "limits");
    refused((cart->contract_bytes = 901, &f), "outside");
    refused((cart->contract_offset = UINT64_MAX, &f), "outside");
    refused((cart->contract_bytes = 0, &f), "has none");
    refused((f.contracts[0] = "a..b", &f), "contracts are no names");
    refused((f.contracts[1] = "a.b", &f), "out of order");
    refused((f.plan.listener_count = 0, &f), "go together");
    refused((f.listeners[0].address = "localhost", &f), "numeric");
    refused((f.services[3].max_message = AT_PLAN_MESSAGE_MIN - 1, &f), "limits are out of range");
    refused((f.services[3].max_message = AT_PLAN_MESSAGE_MAX + 1, &f), "limits are out of range");
    refused((f.listeners[0].port = 65536, &f), "numeric");
    refused((f.listeners[0].services.count = 0, &f), "serves nothing");
    refused((f.served[0] = 0, &f), "services are none");
    refused((f.services[3].weights.count = 2, &f), "more weights");
    refused((f.weights[0] = 0, &f), "weights are out of range");
    refused((f.weights[0] = AT_PLAN_WEIGHT_MAX + 1, &f), "weights are out of range");
    refused((f.plan.policy_count = AT_PLAN_POLICIES_MAX + 1, &f), "too many policies");
    refused((f.policies[0].to = 0, &f), "a service that is none");
    refused((f.policies[0].from = 4, &f), "a service that is none");
    refused((f.policies[0].from = AT_PLAN_ANYBODY, &f), "out of order");
    refused((f.policies[0].balance = 0, &f), "balance is unknown");
    refused((f.policies[1].balance = AT_PLAN_HASH + 1, &f), "balance is unknown");
    refused((f.policies[0].bound = AT_PLAN_BOUND_MIN - 1, &f), "out of range");
    refused((f.policies[0].bound = AT_PLAN_BOUND_MAX + 1, &f), "out of range");
    refused((f.policies[1].slow_start_ns = UINT64_MAX, &f), "out of range");
    refused((f.policies[0].key = "", &f), "key is no field");
    refused((f.policies[0].key = "cart..id", &f), "key is no field");
    refused((f.policies[0].key = "a.b.c.d.e.f.g.h.i", &f), "key is no field");
    refused((f.policies[1].key = "id", &f), "key is no field");
}

TEST(listeners_on_one_port_clash_when_an_address_is_shared)
{
    struct at_plan_listener a = {.address = "127.0.0.1", .port = 80};
    struct at_plan_listener b = {.address = "127.0.0.1", .port = 80};

    CHECK(at_plan_listeners_clash(&a, &b));
    b.address = "127.0.0.2";
    CHECK(!at_plan_listeners_clash(&a, &b));
    b.address = "0.0.0.0";
    CHECK(at_plan_listeners_clash(&a, &b));
    b.address = "::";
    CHECK(at_plan_listeners_clash(&a, &b));
    b.address = "::1";
    CHECK(!at_plan_listeners_clash(&a, &b));
    a.port = b.port = 0;
    b.address = "127.0.0.1";
    CHECK(!at_plan_listeners_clash(&a, &b));
}

TEST(names_are_like_dns_labels)
{
    static const char *const good[] = {"a", "cart", "cart-2", "a1"};
    static const char *const bad[] = {"",
                                      "Cart",
                                      "2cart",
                                      "cart_2",
                                      "-a",
                                      "a-",
                                      "a.b",
                                      "a b",
                                      "ä",
                                      "a/b",
                                      "abcdefghijklmnopqrstuvwxyzabcdefghijklmnop"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK(at_plan_is_name(at_bytes_of(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(!at_plan_is_name(at_bytes_of(bad[i])) || strlen(bad[i]) == AT_PLAN_NAME_MAX,
                      "%s", bad[i]);
    }
    CHECK(at_plan_is_contract(AT_LIT("shop.cart.v1.CartService")));
    CHECK(!at_plan_is_contract(AT_LIT("shop..CartService")));
    CHECK(!at_plan_is_contract(AT_LIT("shop.")));
    CHECK(!at_plan_is_contract(AT_LIT("1a.B")));
}

TEST(look_ups_find_services_contracts_roles_and_edges)
{
    struct fixture f;

    make(&f);
    CHECK_INT(at_plan_find(&f.plan, AT_LIT("stock")), 3);
    CHECK_INT(at_plan_find(&f.plan, AT_LIT("stoc")), -1);
    CHECK_INT(at_plan_provider(&f.plan, AT_LIT("shop.cart.v1.Other")), 2);
    CHECK_INT(at_plan_provider(&f.plan, AT_LIT("shop.cart.v1.None")), -1);
    CHECK_INT(at_plan_role(&f.plan, AT_PLAN_TELEMETRY), 1);
    CHECK(at_plan_may_call(&f.plan, 2, 3));
    CHECK(!at_plan_may_call(&f.plan, 3, 2));
    CHECK(!at_plan_may_call(&f.plan, 99, 2));
}

TEST(the_gateway_gets_its_listeners_and_only_the_services_they_name)
{
    struct fixture f;
    struct at_text out;
    struct at_gateway_config slice;

    make(&f);
    f.services[0].memory_bytes = 77;
    at_text_init(&out);
    CHECK_INT(at_gateway_config_pack(&f.plan, &out), 0);
    CHECK_INT(at_gateway_config_unpack(at_text_bytes(&out), CONTRACTS_BYTES, &slice, NULL), 0);
    CHECK_INT(slice.memory_bytes, 77);
    CHECK_STR(slice.system, "shop");
    CHECK_INT(slice.deadline_ns, 1000);
    CHECK_INT(slice.service_count, 1);
    CHECK_STR(slice.services[0].name, "cart");
    CHECK_INT(slice.services[0].contracts.count, 2);
    CHECK_INT(slice.services[0].contract_offset, 100);
    CHECK_INT(slice.listener_count, 1);
    CHECK_INT(slice.listeners[0].port, 8080);
    CHECK_INT(slice.listeners[0].services.at[0], 0);
    at_gateway_config_deinit(&slice);
    CHECK_INT(at_gateway_config_unpack(at_text_bytes(&out), 999, &slice, NULL), AT_PLAN_MALFORMED);
    for (size_t n = 0; n < out.len; n++) {
        CHECK_INT(at_gateway_config_unpack(at_bytes_over(out.at, n), CONTRACTS_BYTES, &slice, NULL),
                  AT_PLAN_MALFORMED);
    }
    WITH_EACH_ALLOCATION_FAILING({
        int r = at_gateway_config_unpack(at_text_bytes(&out), CONTRACTS_BYTES, &slice, NULL);

        if (r == 0) {
            at_gateway_config_deinit(&slice);
        } else {
            CHECK_INT(r, -ENOMEM);
        }
    });
    at_text_deinit(&out);
}

TEST_MAIN("plan/plan")
