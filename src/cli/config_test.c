/* What a right file comes to: Compose's meanings, variables, several files, the plan. */
#include "cli/config.h"

#include <errno.h>
#include <signal.h>

#include "cli/config_fixture.h"
#include "plan/limits.h"
#include "plan/sealed.h"

#define SECONDS(n) (UINT64_C(1000000000) * (n))

static const char *env_of(const struct at_plan_service *s, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < s->env.count; i++) {
        if (strncmp(s->env.at[i], name, len) == 0 && s->env.at[i][len] == '=') {
            return s->env.at[i] + len + 1;
        }
    }
    return "(none)";
}

TEST(defaults_are_those_of_compose_but_for_restart)
{
    struct project p;

    new_project(&p);
    CHECK_INT(load_text(&p, "services: {a: {command: /bin/true}}\n"), 0);
    const struct at_plan_service *a = service(&p, "a");
    CHECK_INT(a->kind, AT_PLAN_SERVICE);
    CHECK_INT(a->replicas, 1);
    CHECK_INT(a->restart, AT_PLAN_RESTART_ALWAYS);
    CHECK_INT(a->stop_signal, SIGTERM);
    CHECK(a->stop_grace_ns == SECONDS(10));
    CHECK(a->start_timeout_ns == SECONDS(30));
    CHECK_INT(a->backoff_exits, 10);
    CHECK(a->backoff_window_ns == SECONDS(30));
    CHECK_INT(a->memory_bytes, 0);
    CHECK_STR(a->cwd, at_config_project_dir(p.config));
    CHECK_STR(a->executable, "/bin/true");
    CHECK_INT(a->line, 1);
    CHECK(at_config_plan_view(p.config)->deadline_ns == SECONDS(30));
    end_project(&p);
}

TEST(every_key_reaches_the_plan)
{
    struct project p;

    new_project(&p);
    CHECK_INT(load_text(&p, "name: shop\n"
                            "x-mine: {anything: [goes]}\n"
                            "services:\n"
                            "  cart:\n"
                            "    command: /bin/true --name 'two words' \"a\\\"b\" c\\ d ''\n"
                            "    working_dir: sub/../dir\n"
                            "    uses: [stock, price]\n"
                            "    depends_on: {stock: , price: {condition: service_started}}\n"
                            "    environment: {B: 22:22, A: no, C: }\n"
                            "    restart: on-failure:3\n"
                            "    backoff: {min: 50ms, max: 5s, exits: 4, window: 1m}\n"
                            "    start_timeout: 5s\n"
                            "    stop_signal: INT\n"
                            "    stop_grace_period: 1m30s\n"
                            "    deploy:\n"
                            "      replicas: 2\n"
                            "      resources: {limits: {cpus: \"0.50\", memory: 32M, pids: 16}}\n"
                            "    ulimits: {nofile: 99}\n"
                            "    isolate: process\n"
                            "  stock: {command: [/bin/true, \"two words\"], restart: no}\n"
                            "  price: {command: [/bin/true], restart: unless-stopped}\n"
                            "gateway:\n"
                            "  listen:\n"
                            "    - {address: \"[::1]:8080\", services: [price, cart]}\n"
                            "    - {address: 9090, services: [stock]}\n"
                            "policies: {defaults: {deadline: 2s}}\n"),
              0);
    const struct at_plan *plan = at_config_plan_view(p.config);
    const struct at_plan_service *cart = service(&p, "cart");
    CHECK_STR(plan->system, "shop");
    CHECK(plan->deadline_ns == SECONDS(2));
    CHECK_INT(cart->argv.count, 6);
    CHECK_STR(cart->argv.at[2], "two words");
    CHECK_STR(cart->argv.at[3], "a\"b");
    CHECK_STR(cart->argv.at[4], "c d");
    CHECK_STR(cart->argv.at[5], "");
    CHECK(strcmp(cart->cwd + strlen(plan->project_dir), "/dir") == 0);
    CHECK_INT(cart->uses.count, 2);
    CHECK_INT(cart->uses_line, 7);
    CHECK_INT(cart->depends_on.at[0].condition, AT_PLAN_HEALTHY);
    CHECK_INT(cart->depends_on.at[1].condition, AT_PLAN_STARTED);
    CHECK_INT(cart->env.count, 2);
    CHECK_STR(env_of(cart, "A"), "no");
    CHECK_STR(env_of(cart, "B"), "22:22");
    CHECK_INT(cart->restart, AT_PLAN_RESTART_ON_FAILURE);
    CHECK_INT(cart->restart_max, 3);
    CHECK_INT(cart->backoff_exits, 4);
    CHECK(cart->backoff_window_ns == SECONDS(60));
    CHECK_INT(cart->stop_signal, SIGINT);
    CHECK(cart->stop_grace_ns == SECONDS(90));
    CHECK_INT(cart->replicas, 2);
    CHECK_INT(cart->cpu_milli, 500);
    CHECK_INT(cart->memory_bytes, 32 << 20);
    CHECK_INT(cart->pids, 16);
    CHECK_INT(cart->nofile, 99);
    CHECK_INT(service(&p, "stock")->restart, AT_PLAN_RESTART_NO);
    CHECK_STR(service(&p, "stock")->argv.at[1], "two words");
    CHECK_INT(plan->listener_count, 2);
    CHECK_STR(plan->listeners[0].address, "::1");
    CHECK_INT(plan->listeners[0].services.at[0], 0); /* sorted */
    CHECK_STR(plan->listeners[1].address, "127.0.0.1");
    CHECK_INT(plan->listeners[1].port, 9090);
    end_project(&p);
}

TEST(the_door_may_call_what_listeners_name_and_telemetry_is_always_there)
{
    struct project p;

    new_project(&p);
    CHECK_INT(load_text(&p, "services: {a: {command: /bin/true}, b: {command: /bin/true}}\n"
                            "gateway: {listen: [{address: \":80\", services: [b]}]}\n"),
              0);
    const struct at_plan *plan = at_config_plan_view(p.config);
    int door = at_plan_role(plan, AT_PLAN_GATEWAY);
    CHECK(door >= 0);
    CHECK_INT(plan->services[door].memory_bytes, 512 << 20); /* strangers decide what it takes */
    CHECK(plan->services[at_plan_role(plan, AT_PLAN_TELEMETRY)].memory_bytes == 128 << 20);
    CHECK(at_plan_may_call(plan, (uint32_t)door, (uint32_t)at_plan_find(plan, AT_LIT("b"))));
    CHECK(!at_plan_may_call(plan, (uint32_t)door, (uint32_t)at_plan_find(plan, AT_LIT("a"))));
    CHECK(at_plan_role(plan, AT_PLAN_TELEMETRY) >= 0);
    CHECK_INT(load_text(&p, "services: {a: {command: /bin/true}}\n"), 0);
    CHECK_INT(at_plan_role(at_config_plan_view(p.config), AT_PLAN_GATEWAY), -1);
    end_project(&p);
}

TEST(anchors_and_merge_keys_write_themselves_out)
{
    struct project p;

    new_project(&p);
    CHECK_INT(load_text(&p, "x-base: &base\n"
                            "  restart: on-failure\n"
                            "  environment: &env {A: base, B: base}\n"
                            "services:\n"
                            "  a: {<<: *base, command: /bin/true}\n"
                            "  b:\n"
                            "    <<: [{restart: no}, *base]\n"
                            "    command: /bin/true\n"
                            "    environment: {<<: *env, A: own}\n"),
              0);
    CHECK_INT(service(&p, "a")->restart, AT_PLAN_RESTART_ON_FAILURE);
    CHECK_INT(service(&p, "b")->restart, AT_PLAN_RESTART_NO);
    CHECK_STR(env_of(service(&p, "b"), "A"), "own");
    CHECK_STR(env_of(service(&p, "b"), "B"), "base");
    end_project(&p);
}

struct filled {
    const char *in;
    const char *out;
};

TEST(variables_are_filled_in_as_compose_does)
{
    static const char *const environ_[] = {"SET=value", "EMPTY=", "PATH=/bin", NULL};
    static const struct filled cases[] = {
        {"plain", "plain"},
        {"$SET", "value"},
        {"${SET}", "value"},
        {"a${SET}b$SET.", "avaluebvalue."},
        {"$$SET", "$SET"},
        {"$${SET}", "${SET}"},
        {"${SET:-other}", "value"},
        {"${SET-other}", "value"},
        {"${EMPTY:-other}", "other"},
        {"x${EMPTY-other}", "x"},
        {"${NONE:-other}", "other"},
        {"${NONE-other}", "other"},
        {"${NONE:-a b}", "a b"},
        {"${NONE:-${SET}}", "value"},
        {"${NONE:-${ALSO:-deep}}!", "deep!"},
        {"${SET:-${NONE:?not said}}", "value"},
        {"${SET:?must}", "value"},
        {"x${EMPTY?must}", "x"},
        {"${SET:+other}", "other"},
        {"x${NONE:+other}", "x"},
        {"x${EMPTY:+other}", "x"},
        {"${EMPTY+other}", "other"},
        {"${FROM_FILE}", "of .env"},
        {"${NONE:-$$}", "$"},
        {"}", "}"},
        {"x${NONE}", "x"},
    };
    struct project p;

    new_project(&p);
    p.options.environ = environ_;
    write_text(&p, ".env", "FROM_FILE='of .env'\nSET=loses\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct at_text t;

        at_text_init(&t);
        at_text_addf(&t, "services: {a: {command: /bin/true, environment: {V: '%s'}}}\n",
                     cases[i].in);
        load_text(&p, at_text_str(&t));
        ck_assert_msg(strcmp(env_of(service(&p, "a"), "V"), cases[i].out) == 0,
                      "%s gave %s, not %s", cases[i].in, env_of(service(&p, "a"), "V"),
                      cases[i].out);
        at_text_deinit(&t);
    }
    CHECK_INT(p.errors.count, 1); /* the last one: NONE is not set */
    CHECK(p.errors.at[0].warning);
    CHECK(strstr(p.errors.at[0].message, "NONE is not set") != NULL);
    end_project(&p);
}

TEST(env_files_have_quotes_comments_export_and_variables)
{
    struct project p;

    new_project(&p);
    write_text(&p, "a.env",
               "\xEF\xBB\xBF# comment\n"
               "PLAIN= value with blanks  # comment\n"
               "export EXPORTED=yes\n"
               "SINGLE='$NOT filled # in'\n"
               "DOUBLE=\"line\\nline ${PLAIN} \\$x\"\r\n"
               "MANY='one\ntwo'\n"
               "EMPTY=\n"
               "HASH=a#b\n"
               "WINS=first\n");
    write_text(&p, "b.env", "WINS=second\nOWN=file");
    CHECK_INT(load_text(&p,
                        "services:\n  a:\n    command: /bin/true\n"
                        "    env_file: [a.env, {path: b.env}, {path: no.env, required: false}]\n"
                        "    environment: [OWN=own, \"URL=a=b\"]\n"),
              0);
    const struct at_plan_service *a = service(&p, "a");
    CHECK_STR(env_of(a, "PLAIN"), "value with blanks");
    CHECK_STR(env_of(a, "EXPORTED"), "yes");
    CHECK_STR(env_of(a, "SINGLE"), "$NOT filled # in");
    CHECK_STR(env_of(a, "DOUBLE"), "line\nline value with blanks $x");
    CHECK_STR(env_of(a, "MANY"), "one\ntwo");
    CHECK_STR(env_of(a, "EMPTY"), "");
    CHECK_STR(env_of(a, "HASH"), "a#b");
    CHECK_STR(env_of(a, "WINS"), "second");
    CHECK_STR(env_of(a, "OWN"), "own");
    CHECK_STR(env_of(a, "URL"), "a=b");
    end_project(&p);
}

TEST(a_variable_without_value_takes_that_of_our_environment)
{
    static const char *const environ_[] = {"INHERITED=yes", NULL};
    struct project p;

    new_project(&p);
    p.options.environ = environ_;
    CHECK_INT(load_text(&p, "services:\n"
                            "  a: {command: /bin/true, environment: {INHERITED: , OTHER: }}\n"
                            "  b: {command: /bin/true, environment: [INHERITED, OTHER]}\n"),
              0);
    CHECK_STR(env_of(service(&p, "a"), "INHERITED"), "yes");
    CHECK_STR(env_of(service(&p, "b"), "INHERITED"), "yes");
    CHECK_INT(service(&p, "a")->env.count, 1);
    CHECK_INT(service(&p, "b")->env.count, 1);
    end_project(&p);
}

TEST(the_override_file_is_laid_on_as_compose_does)
{
    struct project p;

    new_project(&p);
    write_text(&p, "atoll.override.yaml",
               "services:\n"
               "  a:\n"
               "    command: [/bin/true, over]\n"
               "    environment: [B=over, C=over]\n"
               "    depends_on: {c: {condition: service_started}}\n"
               "    uses: [b, c]\n"
               "    deploy: {resources: {limits: {memory: 64M}}}\n"
               "    env_file: b.env\n"
               "  d: {command: /bin/true}\n"
               "gateway: {listen: [{address: \"127.0.0.1:80\", services: [d]},\n"
               "                   {address: \"127.0.0.1:82\", services: [a]}]}\n");
    write_text(&p, "a.env", "D=base\nE=base\n");
    write_text(&p, "b.env", "E=over\n");
    CHECK_INT(load_text(&p, "name: base\n"
                            "services:\n"
                            "  a:\n"
                            "    command: /bin/true base\n"
                            "    environment: {A: base, B: base}\n"
                            "    depends_on: [b, c]\n"
                            "    uses: [b]\n"
                            "    deploy: {replicas: 3, resources: {limits: {pids: 9}}}\n"
                            "    env_file: a.env\n"
                            "  b: {command: /bin/true}\n"
                            "  c: {command: /bin/true}\n"
                            "gateway: {listen: [{address: \"127.0.0.1:80\", services: [a]},\n"
                            "                   {address: \"127.0.0.1:81\", services: [b]}]}\n"),
              0);
    const struct at_plan_service *a = service(&p, "a");
    CHECK_STR(at_config_name(p.config), "base");
    CHECK_STR(a->argv.at[1], "over");
    CHECK_STR(env_of(a, "A"), "base");
    CHECK_STR(env_of(a, "B"), "over");
    CHECK_STR(env_of(a, "C"), "over");
    CHECK_STR(env_of(a, "D"), "base");
    CHECK_STR(env_of(a, "E"), "over");
    CHECK_INT(a->depends_on.count, 2);
    CHECK_INT(a->depends_on.at[0].condition, AT_PLAN_HEALTHY);
    CHECK_INT(a->depends_on.at[1].condition, AT_PLAN_STARTED);
    CHECK_INT(a->uses.count, 2);
    CHECK_INT(a->replicas, 3);
    CHECK_INT(a->pids, 9);
    CHECK_INT(a->memory_bytes, 64 << 20);
    (void)service(&p, "d");
    const struct at_plan *plan = at_config_plan_view(p.config);
    CHECK_INT(plan->listener_count, 3);
    CHECK_INT(plan->listeners[0].port, 80);
    CHECK_INT(plan->listeners[0].services.at[0], 3);
    CHECK_INT(plan->listeners[2].port, 82);
    end_project(&p);
}

TEST(a_mistake_in_the_override_is_said_with_its_own_file)
{
    struct project p;

    new_project(&p);
    write_text(&p, "atoll.override.yaml", "services:\n  a:\n    restart: 5\n");
    CHECK_INT(load_text(&p, "services: {a: {command: /bin/true}}\n"), AT_CONFIG_WRONG);
    CHECK(strstr(p.errors.at[0].file, "/atoll.override.yaml") != NULL);
    CHECK_INT(p.errors.at[0].line, 3);
    end_project(&p);
}

TEST(files_given_by_name_are_merged_in_order_and_the_first_gives_the_folder)
{
    struct project p;
    char one[128];
    char two[128];
    const char *files[] = {one, two};

    new_project(&p);
    snprintf(one, sizeof(one), "%s/one.yaml", p.dir);
    snprintf(two, sizeof(two), "%s/two.yaml", p.dir);
    write_text(&p, "one.yaml", "name: one\nservices: {a: {command: /bin/true}}\n");
    write_text(&p, "two.yaml", "name: two\nservices: {b: {command: /bin/true}}\n");
    p.options.files = files;
    p.options.file_count = 2;
    p.options.start_dir = "/";
    CHECK_INT(load(&p), 0);
    CHECK_STR(at_config_name(p.config), "two");
    CHECK_INT(at_config_plan_view(p.config)->service_count, 3);
    CHECK(strstr(at_config_project_dir(p.config), "at-config-") != NULL);
    end_project(&p);
}

TEST(the_file_is_found_from_a_folder_below)
{
    struct project p;
    char below[128];

    new_project(&p);
    snprintf(below, sizeof(below), "%s/below", p.dir);
    CHECK_INT(mkdir(below, 0755), 0);
    p.options.start_dir = below;
    CHECK_INT(load_text(&p, "services: {a: {command: /bin/true}}\n"), 0);
    CHECK(strstr(at_config_project_dir(p.config), "below") == NULL);
    rmdir(below);
    end_project(&p);
}

TEST(the_name_comes_from_option_then_variable_then_file_then_folder)
{
    static const char *const environ_[] = {"ATOLL_PROJECT=by-variable", NULL};
    char name[AT_PLAN_NAME_MAX + 1];
    char dir[AT_PLAN_PATH_MAX + 1];
    struct project p;

    new_project(&p);
    CHECK_INT(load_text(&p, "services: {a: {command: /bin/true}}\n"), 0);
    CHECK(strncmp(at_config_name(p.config), "at-config-", 10) == 0);
    CHECK_INT(at_config_identify(&p.options, name, dir), 0);
    CHECK_STR(name, at_config_name(p.config));
    CHECK_STR(dir, at_config_project_dir(p.config));
    CHECK_INT(load_text(&p, "name: by-file\nservices: {a: {command: /bin/true}}\n"), 0);
    CHECK_STR(at_config_name(p.config), "by-file");
    CHECK_INT(at_config_identify(&p.options, name, dir), 0);
    CHECK_STR(name, "by-file");
    p.options.environ = environ_;
    CHECK_INT(load(&p), 0);
    CHECK_STR(at_config_name(p.config), "by-variable");
    p.options.name = "by-option";
    CHECK_INT(load(&p), 0);
    CHECK_STR(at_config_name(p.config), "by-option");
    CHECK_INT(at_config_identify(&p.options, name, dir), 0);
    CHECK_STR(name, "by-option");
    end_project(&p);
}

TEST(a_broken_file_can_still_be_identified)
{
    char name[AT_PLAN_NAME_MAX + 1];
    char dir[AT_PLAN_PATH_MAX + 1];
    struct project p;

    new_project(&p);
    CHECK_INT(at_config_identify(&p.options, name, dir), AT_CONFIG_NO_FILE);
    write_text(&p, "atoll.yaml", "name: shop\nservices: {a: {image: x}}\n");
    CHECK_INT(at_config_identify(&p.options, name, dir), 0);
    CHECK_STR(name, "shop");
    end_project(&p);
}

TEST(profiles_switch_services_on)
{
    static const char *const profiles[] = {"other, debug"};
    static const char *const names[] = {"tool"};
    struct project p;

    new_project(&p);
    write_text(&p, "atoll.yaml",
               "services:\n"
               "  a: {command: /bin/true, uses: [tool]}\n"
               "  tool: {command: /bin/true, profiles: [debug, dev]}\n");
    CHECK_INT(load(&p), 0);
    CHECK_INT(at_plan_find(at_config_plan_view(p.config), AT_LIT("tool")), -1);
    CHECK_INT(p.errors.count, 1);
    CHECK(strstr(p.errors.at[0].message, "switched off") != NULL);
    p.options.profiles = profiles;
    p.options.profile_count = 1;
    CHECK_INT(load(&p), 0);
    CHECK_INT(service(&p, "a")->uses.count, 1);
    p.options.profile_count = 0;
    p.options.services = names;
    p.options.service_count = 1;
    CHECK_INT(load(&p), 0);
    (void)service(&p, "tool");
    CHECK_INT(at_plan_find(at_config_plan_view(p.config), AT_LIT("a")), -1);
    end_project(&p);
}

TEST(named_services_bring_what_they_use_and_depend_on)
{
    static const char *const names[] = {"a"};
    static const char *const wrong[] = {"aa"};
    struct project p;

    new_project(&p);
    write_text(&p, "atoll.yaml",
               "services:\n"
               "  a: {command: /bin/true, uses: [b]}\n"
               "  b: {command: /bin/true, depends_on: [c]}\n"
               "  c: {command: /bin/true}\n"
               "  d: {command: /bin/true, uses: [a]}\n"
               "gateway: {listen: [{address: \":80\", services: [a, d]},\n"
               "                   {address: \":81\", services: [d]}]}\n");
    p.options.services = names;
    p.options.service_count = 1;
    CHECK_INT(load(&p), 0);
    const struct at_plan *plan = at_config_plan_view(p.config);
    (void)service(&p, "c");
    CHECK_INT(at_plan_find(plan, AT_LIT("d")), -1);
    CHECK_INT(plan->listener_count, 1);
    CHECK_INT(plan->listeners[0].services.count, 1);
    p.options.no_deps = true;
    CHECK_INT(load(&p), 0);
    CHECK_INT(at_plan_find(at_config_plan_view(p.config), AT_LIT("b")), -1);
    p.options.services = wrong;
    CHECK_INT(load(&p), AT_CONFIG_WRONG);
    CHECK_INT(p.errors.at[0].code, AT_CONFIG_UNKNOWN_NAME);
    end_project(&p);
}

static const char full[] =
    "name: shop\n"
    "services:\n"
    "  cart:\n"
    "    command: [/bin/true, \"$$HOME\", \"#\", \"no\", \"1.5\", \"\", \"a: b\", "
    "\"\\u0085\\u00e4\\e\"]\n"
    "    uses: [stock, \"lock:cart-*\", lock:checkout]\n"
    "    depends_on: {stock: {condition: service_healthy}}\n"
    "    environment: {A_B: x, Q: \"a\\\"b\\\\\\n$$\", <<: {M: m}, true: y}\n"
    "    restart: on-failure:5\n"
    "    stop_signal: 34\n"
    "    stop_grace_period: 1500ms\n"
    "    max_message: 16M\n"
    "    deploy: {replicas: 0, resources: {limits: {cpus: 1.25, memory: 5000001, pids: 7}}}\n"
    "  stock: {command: /bin/true, deploy: {replicas: 3, weights: [3, 1]}}\n"
    "policies:\n"
    "  defaults: {slow-start: 5s}\n"
    "  \"cart -> stock\": {balance: {hash: cart.id, bound: 150%}}\n"
    "  stock: {balance: p2c, slow-start: 0s}\n"
    "gateway: {listen: [{address: \"[::1]:0\", services: [cart]}]}\n"
    "locks: {checkout: {}, \"cart-*\": {lease: 1500ms}, printer: {permits: 3}}\n";

static struct at_text packed(const struct project *p)
{
    struct at_text t;

    at_text_init(&t);
    CHECK_INT(at_plan_pack(at_config_plan_view(p->config), &t), 0);
    return t;
}

TEST(a_policy_is_taken_from_the_edge_else_the_service_else_the_defaults_key_by_key)
{
    struct project p;
    const struct at_plan *plan;
    const struct at_plan_policy *edge;

    new_project(&p);
    ck_assert_msg(load_text(&p, "services:\n"
                                "  a: {command: /bin/true, uses: [c]}\n"
                                "  b: {command: /bin/true, uses: [c]}\n"
                                "  c: {command: /bin/true, deploy: {replicas: 2, weights: [2]}}\n"
                                "  d: {command: /bin/true}\n"
                                "policies:\n"
                                "  defaults: {balance: round-robin, slow-start: 5s}\n"
                                "  c: {balance: p2c}\n"
                                "  \"a->c\": {slow-start: 1s}\n"
                                "  \"b -> c\": {balance: {hash: id}}\n"
                                "  \"door -> c\": {balance: least-requests}\n"
                                "gateway: {listen: [{address: 8080, services: [c]}]}\n") == 0,
                  "%s", all_errors(&p));
    plan = at_config_plan_view(p.config);
    edge = at_plan_policy_of(plan, 0, 2);
    CHECK(edge->balance == AT_PLAN_P2C && edge->slow_start_ns == SECONDS(1));
    edge = at_plan_policy_of(plan, 1, 2);
    CHECK(edge->balance == AT_PLAN_HASH && edge->slow_start_ns == SECONDS(5));
    CHECK_STR(edge->key, "id");
    edge = at_plan_policy_of(plan, (uint32_t)at_plan_role(plan, AT_PLAN_GATEWAY), 2);
    CHECK(edge->balance == AT_PLAN_LEAST_REQUESTS && edge->slow_start_ns == SECONDS(5));
    edge = at_plan_policy_of(plan, AT_PLAN_ANYBODY, 2);
    CHECK(edge->balance == AT_PLAN_P2C && edge->slow_start_ns == SECONDS(5));
    edge = at_plan_policy_of(plan, 0, 3);
    CHECK(edge->balance == AT_PLAN_ROUND_ROBIN && edge->from == AT_PLAN_ANYBODY);
    CHECK_INT(plan->services[2].weights.count, 1);
    CHECK_INT(plan->services[2].weights.at[0], 2);
    end_project(&p);
}

TEST(locks_bring_a_keeper_and_only_locks_do)
{
    struct project p;
    const struct at_plan *plan;

    new_project(&p);
    ck_assert_msg(
        load_text(&p, "locks: {\"cart-*\": {lease: 2s}, printer: {permits: 3}, x-mine: 1}\n"
                      "services:\n"
                      "  a: {command: /bin/true, uses: [lock:printer]}\n"
                      "  b: {command: /bin/true, uses: [lock:printer, \"lock:cart-*\"]}\n"
                      "  c: {command: /bin/true, uses: [lock:printer], profiles: [x]}\n") == 0,
        "%s", all_errors(&p));
    plan = at_config_plan_view(p.config);
    CHECK(at_plan_role(plan, AT_PLAN_KEEPER) >= 0);
    CHECK_INT(plan->lock_count, 2);
    CHECK_STR(plan->locks[0].name, "cart-*");
    CHECK(plan->locks[0].lease_ns == SECONDS(2) && plan->locks[0].permits == 0);
    CHECK_INT(plan->locks[1].permits, 3);
    CHECK_INT(plan->locks[1].services.count, 2);
    CHECK(at_plan_uses_locks(plan, 0) && at_plan_uses_locks(plan, 1));
    CHECK_INT(plan->services[0].uses.count, 0);
    end_project(&p);
    new_project(&p);
    CHECK_INT(load_text(&p, "services: {a: {command: /bin/true}}\nlocks: {}\n"), 0);
    CHECK_INT(at_plan_role(at_config_plan_view(p.config), AT_PLAN_KEEPER), -1);
    end_project(&p);
}

TEST(a_policy_over_an_edge_that_is_not_used_is_warned_of)
{
    struct project p;

    new_project(&p);
    CHECK_INT(load_text(&p, "services: {a: {command: /bin/true}, c: {command: /bin/true}}\n"
                            "policies: {\"a -> c\": {balance: p2c}}\n"),
              0);
    CHECK(strstr(all_errors(&p), "a does not use c: the policy has no effect") != NULL);
    end_project(&p);
}

TEST(what_is_printed_is_a_configuration_that_prints_the_same)
{
    struct project p;
    struct at_text once;
    struct at_text twice;

    new_project(&p);
    at_text_init(&once);
    at_text_init(&twice);
    ck_assert_msg(load_text(&p, full) == 0, "%s", all_errors(&p));
    at_config_print_yaml(p.config, &once);
    write_bytes(&p, "atoll.yaml", at_text_bytes(&once));
    ck_assert_msg(load(&p) == 0, "%s\n%s", at_text_str(&once), all_errors(&p));
    CHECK_STR(service(&p, "cart")->argv.at[1], "$HOME");
    CHECK_STR(env_of(service(&p, "cart"), "Q"), "a\"b\\\n$");
    CHECK_STR(env_of(service(&p, "cart"), "M"), "m");
    CHECK_INT(service(&p, "cart")->stop_signal, 34);
    at_config_print_yaml(p.config, &twice);
    CHECK_STR(at_text_str(&once), at_text_str(&twice));
    at_text_deinit(&once);
    at_text_deinit(&twice);
    end_project(&p);
}

TEST(as_json_it_is_data_and_not_a_template)
{
    struct project p;
    struct at_text data;

    new_project(&p);
    at_text_init(&data);
    CHECK_INT(load_text(&p, full), 0);
    at_config_print_json(p.config, &data);
    CHECK(strstr(at_text_str(&data), "\"$HOME\"") != NULL);
    CHECK(strstr(at_text_str(&data), "\"\\u0085\u00e4\\u001b\"") != NULL);
    at_text_deinit(&data);
    end_project(&p);
}

/* A descriptor set: one file with a package and a service. */
static void add_file(struct at_text *set, const char *name, const char *package,
                     const char *service_name)
{
    struct at_text file;
    size_t inner = strlen(service_name) + 2;

    at_text_init(&file);
    at_text_addf(&file, "\x0A%c%s\x12%c%s\x32%c\x0A%c%s", (char)strlen(name), name,
                 (char)strlen(package), package, (char)inner, (char)strlen(service_name),
                 service_name);
    at_text_addf(set, "\x0A%c", (char)file.len);
    at_text_add(set, at_text_bytes(&file));
    at_text_deinit(&file);
}

/* Packs and seals, and reads back what the supervisor would. */
static int plan_of(struct project *p, struct at_plan *ret, struct at_bytes *ret_contracts)
{
    struct at_config_files files = {-1, -1};
    struct at_bytes map;
    int r = at_config_plan(p->config, &files, &p->errors);

    if (r != 0) {
        return r;
    }
    CHECK_INT(at_sealed_map(files.plan_fd, AT_PLAN_BYTES_MAX, &map), 0);
    CHECK_INT(at_sealed_map(files.contracts_fd, AT_PLAN_CONTRACTS_BYTES_MAX, ret_contracts), 0);
    CHECK_INT(at_plan_unpack(map, ret_contracts->len, ret, NULL), 0);
    at_sealed_unmap(&map);
    at_close(&files.plan_fd);
    at_close(&files.contracts_fd);
    return 0;
}

TEST(a_contract_file_says_what_its_service_serves)
{
    struct project p;
    struct at_plan plan;
    struct at_bytes contracts;
    struct at_text set;

    new_project(&p);
    at_text_init(&set);
    add_file(&set, "stock.proto", "shop.stock.v1", "StockService");
    add_file(&set, "bare.proto", "", "Bare");
    add_file(&set, "bare.proto", "", "Bare"); /* twice the same: taken once */
    write_bytes(&p, "stock.binpb", at_text_bytes(&set));
    CHECK_INT(load_text(&p, "services:\n"
                            "  cart: {command: /bin/true, uses: [stock]}\n"
                            "  stock: {command: /bin/true, contract: stock.binpb}\n"),
              0);
    CHECK_INT(plan_of(&p, &plan, &contracts), 0);
    int stock = at_plan_find(&plan, AT_LIT("stock"));
    CHECK_INT(plan.services[stock].contracts.count, 2);
    CHECK_STR(plan.services[stock].contracts.at[0], "Bare");
    CHECK_STR(plan.services[stock].contracts.at[1], "shop.stock.v1.StockService");
    CHECK_INT(plan.services[stock].ready, AT_PLAN_READY_HELLO);
    CHECK_INT(plan.services[0].ready, AT_PLAN_READY_EXEC);
    CHECK(at_bytes_equal(at_bytes_over(contracts.at + plan.services[stock].contract_offset,
                                       plan.services[stock].contract_bytes),
                         at_text_bytes(&set)));
    at_sealed_unmap(&contracts);
    at_plan_deinit(&plan);
    at_text_deinit(&set);
    end_project(&p);
}

TEST(contracts_that_cannot_be_used_are_said_at_their_key)
{
    struct project p;
    struct at_config_files files = {-1, -1};
    struct at_text two;

    new_project(&p);
    at_text_init(&two);
    add_file(&two, "a.proto", "a", "One");
    add_file(&two, "a.proto", "a", "Two");
    write_bytes(&p, "two.binpb", at_text_bytes(&two));
    write_text(&p, "bad.binpb", "\x0A\x7F");
    at_text_clear(&two);
    add_file(&two, "good.proto", "a", "Twice");
    write_bytes(&p, "good.binpb", at_text_bytes(&two));
    CHECK_INT(load_text(&p, "services:\n"
                            "  a: {command: /bin/true, contract: none.binpb}\n"
                            "  b: {command: /bin/true, contract: bad.binpb}\n"
                            "  c: {command: /bin/true, contract: two.binpb}\n"
                            "  d: {command: /bin/true, contract: good.binpb}\n"
                            "  e: {command: /bin/true, contract: good.binpb}\n"),
              0);
    CHECK_INT(at_config_plan(p.config, &files, &p.errors), AT_CONFIG_WRONG);
    CHECK_INT(p.errors.wrong, 4);
    for (size_t i = 0; i < 4; i++) {
        static const char *const words[] = {"No such file", "no FileDescriptorSet",
                                            "two versions of a.proto", "served by d and by e"};
        const struct at_config_error *e = &p.errors.at[i];

        CHECK_INT(e->code, AT_CONFIG_CONTRACT);
        CHECK_INT(e->line, i < 3 ? (int)i + 2 : 6);
        CHECK_INT(e->col, 37);
        ck_assert_msg(strstr(e->message, words[i]) != NULL, "%s", e->message);
    }
    at_text_deinit(&two);
    end_project(&p);
}

TEST(services_built_from_different_versions_of_a_file_are_named)
{
    struct project p;
    struct at_plan plan;
    struct at_bytes contracts;
    struct at_text set;

    new_project(&p);
    at_text_init(&set);
    add_file(&set, "common.proto", "a", "One");
    write_bytes(&p, "one.binpb", at_text_bytes(&set));
    at_text_clear(&set);
    add_file(&set, "common.proto", "a", "Two");
    write_bytes(&p, "two.binpb", at_text_bytes(&set));
    CHECK_INT(load_text(&p, "services:\n"
                            "  a: {command: /bin/true, contract: one.binpb}\n"
                            "  b: {command: /bin/true, contract: two.binpb}\n"),
              0);
    CHECK_INT(plan_of(&p, &plan, &contracts), 0);
    CHECK_INT(p.errors.count, 1);
    CHECK(p.errors.at[0].warning);
    CHECK(strstr(p.errors.at[0].message,
                 "a and b were built from different versions of common.proto") != NULL);
    at_sealed_unmap(&contracts);
    at_plan_deinit(&plan);
    at_text_deinit(&set);
    end_project(&p);
}

static void load_and_plan(struct project *p)
{
    struct at_config *config = NULL;
    struct at_config_errors errors;
    struct at_config_files files = {-1, -1};
    int r;

    at_config_errors_init(&errors);
    r = at_config_load(&p->options, &config, &errors);
    if (r == 0) {
        r = at_config_plan(config, &files, &errors);
    }
    if (r != 0 && r != -ENOMEM) {
        fail_allocation(0); /* a check that fails allocates */
        ck_abort_msg("%d with %zu mistakes: %s", r, errors.count,
                     errors.count > 0 ? errors.at[errors.count - 1].message : "");
    }
    config = at_config_free(config);
    at_config_errors_deinit(&errors);
    at_close(&files.plan_fd);
    at_close(&files.contracts_fd);
}

TEST(memory_that_runs_out_anywhere_is_reported_and_nothing_leaks)
{
    struct project p;
    struct at_text set;

    new_project(&p);
    at_text_init(&set);
    add_file(&set, "stock.proto", "shop.stock.v1", "StockService");
    write_bytes(&p, "stock.binpb", at_text_bytes(&set));
    write_text(&p, ".env", "WHO=me\n");
    write_text(&p, "atoll.override.yaml", "services: {cart: {environment: {B: over}}}\n");
    write_text(
        &p, "atoll.yaml",
        "x-a: &a {restart: no}\n"
        "services:\n"
        "  cart: {<<: *a, command: \"/bin/true ${WHO}\", uses: [stock], environment: [A=b]}\n"
        "  stock: {command: [/bin/true], contract: stock.binpb}\n"
        "gateway: {listen: [{address: \":80\", services: [stock]}]}\n");
    WITH_EACH_ALLOCATION_FAILING(load_and_plan(&p));
    at_text_deinit(&set);
    end_project(&p);
}

TEST(an_unchanged_configuration_packs_to_the_same_bytes)
{
    struct project p;
    struct at_text one;
    struct at_text two;

    new_project(&p);
    CHECK_INT(
        load_text(&p, "services: {a: {command: /bin/true, environment: {C: 1, A: 2, B: 3}}}\n"), 0);
    one = packed(&p);
    CHECK_INT(load(&p), 0);
    two = packed(&p);
    CHECK(at_bytes_equal(at_text_bytes(&one), at_text_bytes(&two)));
    at_text_deinit(&one);
    at_text_deinit(&two);
    end_project(&p);
}

TEST(the_manual_names_every_key_and_every_refusal)
{
    struct at_text man;

    at_text_init(&man);
    at_config_man(&man);
    CHECK(!man.failed);
    CHECK(strstr(at_text_str(&man), ".B stop_grace_period\n") != NULL);
    CHECK(strstr(at_text_str(&man), ".SS services.NAME.deploy.resources.limits\n") != NULL);
    CHECK(strstr(at_text_str(&man), ".B services.NAME.image\n") != NULL);
    CHECK(strstr(at_text_str(&man), ".SS gateway.listen[]\n") != NULL);
    at_text_deinit(&man);
}

TEST_MAIN("cli/config")
