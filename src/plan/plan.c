#include "plan/plan.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "plan/limits.h"
#include "plan/record.h"

enum { MAGIC = 0x4C505441 /* "ATPL" */, HEAD_BYTES = 12, FIRST_BLOCK_BYTES = 8192 };

#define SERVICE_U32(f) AT_RECORD_U32_FIELD(struct at_plan_service, f)
#define SERVICE_U64(f) AT_RECORD_U64_FIELD(struct at_plan_service, f)
#define SERVICE_STRING(f, bytes) AT_RECORD_STRING_FIELD(struct at_plan_service, f, bytes)
#define SERVICE_LIST(f, kind, count, bytes)                                                        \
    AT_RECORD_LIST_FIELD(struct at_plan_service, f, kind, count, bytes)

/* The order is the wire's: append only. */
static const struct at_record_field system_fields[] = {
    AT_RECORD_STRING_FIELD(struct at_plan, system, AT_PLAN_NAME_MAX),
    AT_RECORD_STRING_FIELD(struct at_plan, project_dir, AT_PLAN_PATH_MAX),
    AT_RECORD_U64_FIELD(struct at_plan, deadline_ns),
};

static const struct at_record_field service_fields[] = {
    SERVICE_STRING(name, AT_PLAN_NAME_MAX),
    SERVICE_U32(kind),
    SERVICE_STRING(executable, AT_PLAN_PATH_MAX),
    SERVICE_LIST(argv, AT_RECORD_STRINGS, AT_PLAN_ARGS_MAX, AT_PLAN_STRING_MAX),
    SERVICE_LIST(env, AT_RECORD_STRINGS, AT_PLAN_ENV_MAX, AT_PLAN_STRING_MAX),
    SERVICE_STRING(cwd, AT_PLAN_PATH_MAX),
    SERVICE_LIST(uses, AT_RECORD_INDEXES, AT_PLAN_SERVICES_MAX, 0),
    SERVICE_LIST(depends_on, AT_RECORD_DEPENDENCIES, AT_PLAN_SERVICES_MAX, 0),
    SERVICE_U32(restart),
    SERVICE_U32(restart_max),
    SERVICE_U64(backoff_min_ns),
    SERVICE_U64(backoff_max_ns),
    SERVICE_U32(backoff_exits),
    SERVICE_U64(backoff_window_ns),
    SERVICE_U64(start_timeout_ns),
    SERVICE_U32(stop_signal),
    SERVICE_U64(stop_grace_ns),
    SERVICE_U32(replicas),
    SERVICE_U64(memory_bytes),
    SERVICE_U32(cpu_milli),
    SERVICE_U32(pids),
    SERVICE_U32(nofile),
    SERVICE_LIST(contracts, AT_RECORD_STRINGS, AT_PLAN_CONTRACTS_MAX, AT_PLAN_CONTRACT_NAME_MAX),
    SERVICE_U64(contract_offset),
    SERVICE_U64(contract_bytes),
    SERVICE_U32(ready),
    SERVICE_STRING(file, AT_PLAN_PATH_MAX),
    SERVICE_U32(line),
    SERVICE_U32(uses_line),
    SERVICE_U32(command_line),
    SERVICE_U32(command_col),
    SERVICE_LIST(weights, AT_RECORD_NUMBERS, AT_PLAN_REPLICAS_MAX, 0),
    SERVICE_U32(max_message),
};

static const struct at_record_field listener_fields[] = {
    AT_RECORD_STRING_FIELD(struct at_plan_listener, address, AT_PLAN_ADDRESS_MAX),
    AT_RECORD_U32_FIELD(struct at_plan_listener, port),
    AT_RECORD_LIST_FIELD(struct at_plan_listener, services, AT_RECORD_INDEXES, AT_PLAN_SERVICES_MAX,
                         0),
    AT_RECORD_STRING_FIELD(struct at_plan_listener, file, AT_PLAN_PATH_MAX),
    AT_RECORD_U32_FIELD(struct at_plan_listener, line),
    AT_RECORD_U32_FIELD(struct at_plan_listener, col),
};

static const struct at_record_field policy_fields[] = {
    AT_RECORD_U32_FIELD(struct at_plan_policy, to),
    AT_RECORD_U32_FIELD(struct at_plan_policy, from),
    AT_RECORD_U32_FIELD(struct at_plan_policy, balance),
    AT_RECORD_U32_FIELD(struct at_plan_policy, bound),
    AT_RECORD_U64_FIELD(struct at_plan_policy, slow_start_ns),
    AT_RECORD_STRING_FIELD(struct at_plan_policy, key, AT_PLAN_KEY_MAX),
};

static const struct at_record_field lock_fields[] = {
    AT_RECORD_STRING_FIELD(struct at_plan_lock, name, AT_PLAN_LOCK_NAME_MAX),
    AT_RECORD_U32_FIELD(struct at_plan_lock, permits),
    AT_RECORD_U64_FIELD(struct at_plan_lock, lease_ns),
    AT_RECORD_LIST_FIELD(struct at_plan_lock, services, AT_RECORD_INDEXES, AT_PLAN_SERVICES_MAX, 0),
    AT_RECORD_STRING_FIELD(struct at_plan_lock, file, AT_PLAN_PATH_MAX),
    AT_RECORD_U32_FIELD(struct at_plan_lock, line),
    AT_RECORD_U32_FIELD(struct at_plan_lock, col),
};

#define TABLE(name, fields) {name, fields, sizeof(fields) / sizeof((fields)[0])}

static const struct at_record_table system_table = TABLE("system", system_fields);
static const struct at_record_table service_table = TABLE("service", service_fields);
static const struct at_record_table listener_table = TABLE("listener", listener_fields);
static const struct at_record_table policy_table = TABLE("policy", policy_fields);
static const struct at_record_table lock_table = TABLE("lock", lock_fields);

void at_plan_init(struct at_plan *plan)
{
    *plan = (struct at_plan){.system = "", .project_dir = ""};
    at_arena_init(&plan->arena, FIRST_BLOCK_BYTES, AT_PLAN_MEMORY_MAX);
}

void at_plan_deinit(struct at_plan *plan)
{
    at_arena_deinit(&plan->arena);
    *plan = (struct at_plan){.system = "", .project_dir = ""};
}

int at_plan_pack(const struct at_plan *plan, struct at_text *out)
{
    size_t start = out->len;

    at_record_put_u32(out, MAGIC);
    at_record_put_u32(out, AT_PLAN_VERSION); /* the oldest reader that understands this */
    at_record_put_u32(out, 0);               /* length of all, filled in below */
    at_record_pack(&system_table, plan, out);
    at_record_put_u32(out, (uint32_t)plan->service_count);
    for (size_t i = 0; i < plan->service_count; i++) {
        at_record_pack(&service_table, &plan->services[i], out);
    }
    at_record_put_u32(out, (uint32_t)plan->listener_count);
    for (size_t i = 0; i < plan->listener_count; i++) {
        at_record_pack(&listener_table, &plan->listeners[i], out);
    }
    at_record_put_u32(out, (uint32_t)plan->policy_count);
    for (size_t i = 0; i < plan->policy_count; i++) {
        at_record_pack(&policy_table, &plan->policies[i], out);
    }
    at_record_put_u32(out, (uint32_t)plan->lock_count);
    for (size_t i = 0; i < plan->lock_count; i++) {
        at_record_pack(&lock_table, &plan->locks[i], out);
    }
    if (out->failed) {
        return -ENOMEM;
    }
    if (out->len - start > AT_PLAN_BYTES_MAX) {
        return -EMSGSIZE;
    }
    struct at_writer w = at_writer_over(out->at + start + 8, 4);
    at_write_le(&w, out->len - start, 4);
    return 0;
}

static int refuse(struct at_diag *diag, const char *why)
{
    at_diag_set(diag, "the plan is malformed: %s", why);
    return AT_PLAN_MALFORMED;
}

static int unpack_head(struct at_bytes in, struct at_reader *r, struct at_diag *diag)
{
    uint64_t magic = at_read_le(r, 4);
    uint64_t version = at_read_le(r, 4);
    uint64_t len = at_read_le(r, 4);

    if (in.len > AT_PLAN_BYTES_MAX) {
        return refuse(diag, "it is too big");
    }
    if (r->failed || magic != MAGIC) {
        return refuse(diag, "it does not begin like one");
    }
    if (version == 0 || version > AT_PLAN_VERSION) {
        at_diag_set(diag, "the plan needs version %llu; this program reads up to %d",
                    (unsigned long long)version, AT_PLAN_VERSION);
        at_diag_hint(diag, "atoll and atolld should come from the same installation");
        return AT_PLAN_MALFORMED;
    }
    return len == in.len ? 0 : refuse(diag, "its length is not what it says");
}

struct unpacking {
    struct at_reader r;
    struct at_arena *arena;
    struct at_diag *diag;
};

/* A count and that many records of `size` bytes each into a fresh array. */
static int unpack_array(struct unpacking *u, const struct at_record_table *table, size_t size,
                        size_t limit, void **ret, size_t *ret_count)
{
    size_t n = (size_t)at_read_le(&u->r, 4);
    char *at;

    if (u->r.failed || n > limit || n > at_reader_left(&u->r) / 4) {
        at_diag_set(u->diag, "the plan is malformed: bad number of %s records", table->name);
        return AT_PLAN_MALFORMED;
    }
    at = at_arena_zalloc(u->arena, n, size);
    if (at == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        int err = at_record_unpack(table, &u->r, u->arena, at + i * size, u->diag);

        if (err != 0) {
            return err;
        }
    }
    *ret = at;
    *ret_count = n;
    return 0;
}

static int unpack_body(struct unpacking *u, struct at_plan *plan)
{
    void *services = NULL;
    void *listeners = NULL;
    void *policies = NULL;
    void *locks = NULL;
    int err = at_record_unpack(&system_table, &u->r, u->arena, plan, u->diag);

    if (err == 0) {
        err = unpack_array(u, &service_table, sizeof(*plan->services), AT_PLAN_SERVICES_MAX,
                           &services, &plan->service_count);
    }
    if (err == 0) {
        err = unpack_array(u, &listener_table, sizeof(*plan->listeners), AT_PLAN_LISTENERS_MAX,
                           &listeners, &plan->listener_count);
    }
    if (err == 0) {
        err = unpack_array(u, &policy_table, sizeof(*plan->policies), AT_PLAN_POLICIES_MAX,
                           &policies, &plan->policy_count);
    }
    if (err == 0 && at_reader_left(&u->r) > 0) { /* an older writer knew none */
        err = unpack_array(u, &lock_table, sizeof(*plan->locks), AT_PLAN_LOCKS_MAX, &locks,
                           &plan->lock_count);
    }
    plan->services = services;
    plan->listeners = listeners;
    plan->policies = policies;
    plan->locks = locks;
    return err;
}

int at_plan_unpack(struct at_bytes in, uint64_t contracts_bytes, struct at_plan *ret,
                   struct at_diag *diag)
{
    struct at_plan plan;
    struct unpacking u = {at_reader_over(in.at, in.len), &plan.arena, diag};
    int err;

    at_plan_init(&plan);
    err = unpack_head(in, &u.r, diag);
    if (err == 0) {
        err = unpack_body(&u, &plan);
    }
    if (err == 0) {
        err = at_plan_check(&plan, contracts_bytes, diag);
    }
    if (err != 0) {
        at_plan_deinit(&plan);
        return err;
    }
    *ret = plan;
    return 0;
}

int at_plan_find(const struct at_plan *plan, struct at_bytes name)
{
    for (size_t i = 0; i < plan->service_count; i++) {
        if (at_bytes_equal(at_bytes_of(plan->services[i].name), name)) {
            return (int)i;
        }
    }
    return -1;
}

int at_plan_provider(const struct at_plan *plan, struct at_bytes contract)
{
    for (size_t i = 0; i < plan->service_count; i++) {
        const struct at_plan_strings *names = &plan->services[i].contracts;

        for (size_t k = 0; k < names->count; k++) {
            if (at_bytes_equal(at_bytes_of(names->at[k]), contract)) {
                return (int)i;
            }
        }
    }
    return -1;
}

bool at_plan_may_call(const struct at_plan *plan, uint32_t from, uint32_t to)
{
    if (from >= plan->service_count) {
        return false;
    }
    const struct at_plan_indexes *uses = &plan->services[from].uses;

    for (size_t i = 0; i < uses->count; i++) {
        if (uses->at[i] == to) {
            return true;
        }
    }
    return false;
}

const struct at_plan_policy *at_plan_policy_of(const struct at_plan *plan, uint32_t from,
                                               uint32_t to)
{
    const struct at_plan_policy *of_all = NULL;

    for (size_t i = 0; i < plan->policy_count; i++) {
        const struct at_plan_policy *p = &plan->policies[i];

        if (p->to == to && p->from == from) {
            return p;
        }
        of_all = p->to == to && p->from == AT_PLAN_ANYBODY ? p : of_all;
    }
    return of_all;
}

int at_plan_role(const struct at_plan *plan, enum at_plan_kind kind)
{
    for (size_t i = 0; i < plan->service_count; i++) {
        if (plan->services[i].kind == (uint32_t)kind) {
            return (int)i;
        }
    }
    return -1;
}
