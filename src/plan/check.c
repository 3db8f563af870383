/* The rules of a plan: whoever gets one from at_plan_unpack() need not check anything again. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "plan/limits.h"
#include "plan/plan.h"

static bool is_lower_or_digit(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool at_plan_is_name(struct at_bytes name)
{
    if (name.len == 0 || name.len > AT_PLAN_NAME_MAX || name.at[0] < 'a' || name.at[0] > 'z' ||
        name.at[name.len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_lower_or_digit(name.at[i]) && name.at[i] != '-') {
            return false;
        }
    }
    return true;
}

static bool is_identifier(struct at_bytes b)
{
    if (b.len == 0 || (b.at[0] >= '0' && b.at[0] <= '9')) {
        return false;
    }
    for (size_t i = 0; i < b.len; i++) {
        uint8_t lower = b.at[i] | 0x20;

        if (!(lower >= 'a' && lower <= 'z') && !(b.at[i] >= '0' && b.at[i] <= '9') &&
            b.at[i] != '_') {
            return false;
        }
    }
    return true;
}

bool at_plan_is_contract(struct at_bytes name)
{
    struct at_bytes piece;

    if (name.len == 0 || name.len > AT_PLAN_CONTRACT_NAME_MAX || name.at[name.len - 1] == '.') {
        return false;
    }
    while (at_bytes_cut(&name, '.', &piece)) {
        if (!is_identifier(piece)) {
            return false;
        }
    }
    return true;
}

static bool is_one_of(struct at_bytes name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (at_bytes_equal(name, at_bytes_of(names[i]))) {
            return true;
        }
    }
    return false;
}

bool at_plan_is_reserved_variable(struct at_bytes name)
{
    static const char *const names[] = {"ATOLL_CONTROL_FD", "ATOLL_SYSTEM", "ATOLL_SERVICE",
                                        "ATOLL_INSTANCE", "STATE_DIRECTORY"};

    return is_one_of(name, names, sizeof(names) / sizeof(names[0]));
}

bool at_plan_is_reserved_name(struct at_bytes name)
{
    static const char *const names[] = {"door", "telemetry", "keeper", "operator"};

    return is_one_of(name, names, sizeof(names) / sizeof(names[0]));
}

/* The numeric address as 16 bytes (IPv4 mapped); all zero: every address of both families. */
static bool parse_address(const char *text, struct in6_addr *ret)
{
    struct in_addr v4;

    if (inet_pton(AF_INET6, text, ret) == 1) {
        return true;
    }
    if (inet_pton(AF_INET, text, &v4) != 1) {
        return false;
    }
    *ret = (struct in6_addr){0};
    if (v4.s_addr != INADDR_ANY) {
        ret->s6_addr[10] = 0xFF;
        ret->s6_addr[11] = 0xFF;
        memcpy(&ret->s6_addr[12], &v4.s_addr, 4);
    }
    return true;
}

bool at_plan_listeners_clash(const struct at_plan_listener *a, const struct at_plan_listener *b)
{
    struct in6_addr left;
    struct in6_addr right;

    if (a->port != b->port || a->port == 0 || !parse_address(a->address, &left) ||
        !parse_address(b->address, &right)) {
        return false;
    }
    return IN6_IS_ADDR_UNSPECIFIED(&left) || IN6_IS_ADDR_UNSPECIFIED(&right) ||
           IN6_ARE_ADDR_EQUAL(&left, &right);
}

static bool is_duration(uint64_t ns)
{
    return ns <= AT_PLAN_DURATION_MAX_NS;
}

static bool is_path(const char *path)
{
    return path[0] == '/' && strlen(path) <= AT_PLAN_PATH_MAX;
}

/* One rule over one service: NULL when it holds, else what is wrong. */
typedef const char *rule(const struct at_plan *plan, const struct at_plan_service *s,
                         uint64_t contracts_bytes);

static const char *name_rule(const struct at_plan *plan, const struct at_plan_service *s,
                             uint64_t contracts_bytes)
{
    struct at_bytes name = at_bytes_of(s->name);

    if (!at_plan_is_name(name)) {
        return "its name is not a name";
    }
    switch (s->kind) {
    case AT_PLAN_SERVICE: return at_plan_is_reserved_name(name) ? "its name is reserved" : NULL;
    case AT_PLAN_GATEWAY:
        return at_bytes_equal(name, AT_LIT("door")) ? NULL : "a gateway is named door";
    case AT_PLAN_TELEMETRY:
        return at_bytes_equal(name, AT_LIT("telemetry")) ? NULL : "its kind asks for another name";
    case AT_PLAN_KEEPER:
        return at_bytes_equal(name, AT_LIT("keeper")) ? NULL : "a keeper is named keeper";
    default: return "its kind is unknown";
    }
}

static const char *program_rule(const struct at_plan *plan, const struct at_plan_service *s,
                                uint64_t contracts_bytes)
{
    if (s->kind == AT_PLAN_SERVICE) {
        if (!is_path(s->executable)) {
            return "its executable is not an absolute path";
        }
        if (s->argv.count == 0) {
            return "it has no arguments";
        }
    } else if (s->executable[0] != '\0' || s->argv.count != 0) {
        return "a role has no program of its own";
    }
    return is_path(s->cwd) ? NULL : "its working directory is not an absolute path";
}

static const char *env_rule(const struct at_plan *plan, const struct at_plan_service *s,
                            uint64_t contracts_bytes)
{
    for (size_t i = 0; i < s->env.count; i++) {
        struct at_bytes entry = at_bytes_of(s->env.at[i]);
        size_t equals = at_bytes_index(entry, '=');

        if (equals == 0 || equals == entry.len) {
            return "an environment entry is not NAME=value";
        }
        if (at_plan_is_reserved_variable(at_bytes_before(entry, equals))) {
            return "an environment entry takes a reserved name";
        }
    }
    return NULL;
}

static bool is_callable(const struct at_plan *plan, uint32_t index)
{
    return index < plan->service_count && plan->services[index].kind == AT_PLAN_SERVICE;
}

static const char *edges_rule(const struct at_plan *plan, const struct at_plan_service *s,
                              uint64_t contracts_bytes)
{
    uint32_t self = (uint32_t)(s - plan->services);

    for (size_t i = 0; i < s->uses.count; i++) {
        if (!is_callable(plan, s->uses.at[i]) || s->uses.at[i] == self ||
            (i > 0 && s->uses.at[i] <= s->uses.at[i - 1])) {
            return "its uses name no other service, or are out of order";
        }
    }
    for (size_t i = 0; i < s->depends_on.count; i++) {
        const struct at_plan_dependency *d = &s->depends_on.at[i];

        if (!is_callable(plan, d->service) || d->service == self ||
            (i > 0 && d->service <= s->depends_on.at[i - 1].service)) {
            return "its depends_on name no other service, or are out of order";
        }
        if (d->condition != AT_PLAN_STARTED && d->condition != AT_PLAN_HEALTHY) {
            return "a condition of its depends_on is unknown";
        }
    }
    return NULL;
}

static const char *life_rule(const struct at_plan *plan, const struct at_plan_service *s,
                             uint64_t contracts_bytes)
{
    if (s->restart < AT_PLAN_RESTART_NO || s->restart > AT_PLAN_RESTART_UNLESS_STOPPED) {
        return "its restart policy is unknown";
    }
    if (s->ready != AT_PLAN_READY_HELLO && s->ready != AT_PLAN_READY_EXEC) {
        return "its way to be ready is unknown";
    }
    if (!is_duration(s->backoff_max_ns) || s->backoff_min_ns > s->backoff_max_ns ||
        !is_duration(s->backoff_window_ns) || s->backoff_window_ns == 0 || s->backoff_exits == 0) {
        return "its back-off is out of range";
    }
    if (!is_duration(s->start_timeout_ns) || s->start_timeout_ns == 0) {
        return "its start timeout is out of range";
    }
    if (s->stop_signal < 1 || s->stop_signal > 64 || !is_duration(s->stop_grace_ns)) {
        return "its way to stop is out of range";
    }
    return NULL;
}

static const char *limits_rule(const struct at_plan *plan, const struct at_plan_service *s,
                               uint64_t contracts_bytes)
{
    if (s->replicas > AT_PLAN_REPLICAS_MAX || (s->kind != AT_PLAN_SERVICE && s->replicas != 1)) {
        return "its replicas are out of range";
    }
    if (s->memory_bytes > INT64_MAX || s->cpu_milli > AT_PLAN_CPU_MILLI_MAX ||
        s->pids > AT_PLAN_PIDS_MAX || s->nofile < AT_PLAN_NOFILE_MIN ||
        s->nofile > AT_PLAN_NOFILE_MAX ||
        (s->max_message != 0 &&
         (s->max_message < AT_PLAN_MESSAGE_MIN || s->max_message > AT_PLAN_MESSAGE_MAX))) {
        return "its limits are out of range";
    }
    return NULL;
}

static const char *contracts_rule(const struct at_plan *plan, const struct at_plan_service *s,
                                  uint64_t contracts_bytes)
{
    if (s->contract_bytes > contracts_bytes ||
        s->contract_offset > contracts_bytes - s->contract_bytes) {
        return "its contract lies outside of the contracts";
    }
    if (s->contracts.count > 0 && s->contract_bytes == 0) {
        return "it names contracts and has none";
    }
    for (size_t i = 0; i < s->contracts.count; i++) {
        if (!at_plan_is_contract(at_bytes_of(s->contracts.at[i])) ||
            (i > 0 && strcmp(s->contracts.at[i - 1], s->contracts.at[i]) >= 0)) {
            return "its contracts are no names, or are out of order";
        }
    }
    return NULL;
}

static const char *weights_rule(const struct at_plan *plan, const struct at_plan_service *s,
                                uint64_t contracts_bytes)
{
    if (s->weights.count > s->replicas) {
        return "it has more weights than replicas";
    }
    for (size_t i = 0; i < s->weights.count; i++) {
        if (s->weights.at[i] < 1 || s->weights.at[i] > AT_PLAN_WEIGHT_MAX) {
            return "its weights are out of range";
        }
    }
    return NULL;
}

static rule *const rules[] = {name_rule, program_rule, env_rule,       edges_rule,
                              life_rule, limits_rule,  contracts_rule, weights_rule};

static int refuse(struct at_diag *diag, const char *what, const char *name, const char *why)
{
    at_diag_set(diag, "the plan is malformed: %s%s%.*s: %s", what, name[0] == '\0' ? "" : " ",
                AT_PLAN_NAME_MAX, name, why);
    return AT_PLAN_MALFORMED;
}

/* Names and role kinds stand once; the sum of instances is bounded. */
static int check_together(const struct at_plan *plan, struct at_diag *diag)
{
    size_t instances = 0;

    for (size_t i = 0; i < plan->service_count; i++) {
        const char *name = plan->services[i].name;

        instances += plan->services[i].replicas;
        if (at_plan_find(plan, at_bytes_of(name)) != (int)i) {
            return refuse(diag, "service", name, "its name stands twice");
        }
    }
    if (instances > AT_PLAN_INSTANCES_MAX) {
        return refuse(diag, "system", plan->system, "it has too many instances");
    }
    if ((plan->listener_count > 0) != (at_plan_role(plan, AT_PLAN_GATEWAY) >= 0)) {
        return refuse(diag, "system", plan->system, "listeners and a gateway go together");
    }
    if ((plan->lock_count > 0) != (at_plan_role(plan, AT_PLAN_KEEPER) >= 0)) {
        return refuse(diag, "system", plan->system, "locks and a keeper go together");
    }
    return 0;
}

/*
 * Takes away services whose dependencies are all gone, until none is left; who stays waits for
 * itself. Quadratic in AT_PLAN_SERVICES_MAX at most, no recursion.
 */
static int check_cycles(const struct at_plan *plan, struct at_diag *diag)
{
    bool gone[AT_PLAN_SERVICES_MAX] = {false};
    size_t left = plan->service_count;
    size_t before;

    do {
        before = left;
        for (size_t i = 0; i < plan->service_count; i++) {
            const struct at_plan_dependencies *d = &plan->services[i].depends_on;
            size_t k = 0;

            while (k < d->count && gone[d->at[k].service]) {
                k++;
            }
            if (!gone[i] && k == d->count) {
                gone[i] = true;
                left--;
            }
        }
    } while (left > 0 && left < before);
    for (size_t i = 0; left > 0 && i < plan->service_count; i++) {
        if (!gone[i]) {
            return refuse(diag, "service", plan->services[i].name, "its depends_on goes round");
        }
    }
    return 0;
}

static int check_listener(const struct at_plan *plan, size_t index, struct at_diag *diag)
{
    const struct at_plan_listener *l = &plan->listeners[index];
    struct in6_addr address;

    if (!parse_address(l->address, &address) || l->port > UINT16_MAX) {
        return refuse(diag, "a listener", "", "its address is not a numeric one with a port");
    }
    if (l->services.count == 0) {
        return refuse(diag, "a listener", "", "it serves nothing");
    }
    for (size_t i = 0; i < l->services.count; i++) {
        if (!is_callable(plan, l->services.at[i]) ||
            (i > 0 && l->services.at[i] <= l->services.at[i - 1])) {
            return refuse(diag, "a listener", "", "its services are none, or are out of order");
        }
    }
    for (size_t i = 0; i < index; i++) {
        if (at_plan_listeners_clash(&plan->listeners[i], l)) {
            return refuse(diag, "a listener", "", "its port is taken by another one");
        }
    }
    return 0;
}

bool at_plan_is_key(struct at_bytes path)
{
    struct at_bytes piece;
    size_t depth = 0;

    if (path.len == 0 || path.len > AT_PLAN_KEY_MAX || path.at[path.len - 1] == '.') {
        return false;
    }
    while (at_bytes_cut(&path, '.', &piece)) {
        if (!is_identifier(piece) || ++depth > AT_PLAN_KEY_DEPTH_MAX) {
            return false;
        }
    }
    return true;
}

/* What is wrong with the policy, or NULL. */
static const char *judge_policy(const struct at_plan *plan, size_t index)
{
    const struct at_plan_policy *p = &plan->policies[index];
    const struct at_plan_policy *before = index == 0 ? NULL : p - 1;

    if (!is_callable(plan, p->to) ||
        (p->from != AT_PLAN_ANYBODY && p->from >= plan->service_count)) {
        return "it is for a service that is none";
    }
    if (before != NULL &&
        (p->to < before->to || (p->to == before->to && p->from <= before->from))) {
        return "it is out of order";
    }
    if (p->balance < AT_PLAN_LEAST_REQUESTS || p->balance > AT_PLAN_HASH ||
        !is_duration(p->slow_start_ns) ||
        (p->bound != 0 && (p->bound < AT_PLAN_BOUND_MIN || p->bound > AT_PLAN_BOUND_MAX))) {
        return "its balance is unknown or out of range";
    }
    if (p->balance == AT_PLAN_HASH ? !at_plan_is_key(at_bytes_of(p->key))
                                   : p->key[0] != '\0' || p->bound != 0) {
        return "its key is no field";
    }
    return NULL;
}

static int check_policies(const struct at_plan *plan, struct at_diag *diag)
{
    if (plan->policy_count > AT_PLAN_POLICIES_MAX) {
        return refuse(diag, "system", plan->system, "it has too many policies");
    }
    for (size_t i = 0; i < plan->policy_count; i++) {
        const char *why = judge_policy(plan, i);

        if (why != NULL) {
            return refuse(diag, "a policy", "", why);
        }
    }
    return 0;
}

static int check_lock(const struct at_plan *plan, size_t index, struct at_diag *diag)
{
    const struct at_plan_lock *l = &plan->locks[index];

    if (!at_plan_is_lock(at_bytes_of(l->name))) {
        return refuse(diag, "a lock", "", "its name is not a name");
    }
    if (l->permits > AT_PLAN_PERMITS_MAX || !is_duration(l->lease_ns)) {
        return refuse(diag, "lock", l->name, "its permits or its lease are out of range");
    }
    for (size_t i = 0; i < l->services.count; i++) {
        if (!is_callable(plan, l->services.at[i]) ||
            (i > 0 && l->services.at[i] <= l->services.at[i - 1])) {
            return refuse(diag, "lock", l->name, "its services are none, or are out of order");
        }
    }
    for (size_t i = 0; i < index; i++) {
        if (strcmp(plan->locks[i].name, l->name) == 0) {
            return refuse(diag, "lock", l->name, "its name stands twice");
        }
    }
    return 0;
}

int at_plan_check(const struct at_plan *plan, uint64_t contracts_bytes, struct at_diag *diag)
{
    int r = 0;

    if (!at_plan_is_name(at_bytes_of(plan->system)) || !is_path(plan->project_dir) ||
        !is_duration(plan->deadline_ns) || plan->deadline_ns == 0) {
        return refuse(diag, "system", "", "bad name, project directory or deadline");
    }
    if (contracts_bytes > AT_PLAN_CONTRACTS_BYTES_MAX || plan->service_count == 0 ||
        plan->service_count > AT_PLAN_SERVICES_MAX ||
        plan->listener_count > AT_PLAN_LISTENERS_MAX || plan->lock_count > AT_PLAN_LOCKS_MAX) {
        return refuse(diag, "system", plan->system,
                      "too many services, listeners, locks or contracts");
    }
    for (size_t i = 0; i < plan->service_count; i++) {
        for (size_t k = 0; k < sizeof(rules) / sizeof(rules[0]); k++) {
            const char *why = rules[k](plan, &plan->services[i], contracts_bytes);

            if (why != NULL) {
                return refuse(diag, "service", plan->services[i].name, why);
            }
        }
    }
    r = check_together(plan, diag);
    if (r == 0) {
        r = check_cycles(plan, diag);
    }
    for (size_t i = 0; r == 0 && i < plan->listener_count; i++) {
        r = check_listener(plan, i, diag);
    }
    for (size_t i = 0; r == 0 && i < plan->lock_count; i++) {
        r = check_lock(plan, i, diag);
    }
    return r == 0 ? check_policies(plan, diag) : r;
}
