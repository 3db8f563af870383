#include "plan/gateway.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "plan/limits.h"
#include "plan/plan.h"
#include "plan/record.h"

enum { FIRST_BLOCK_BYTES = 4096, SLICE_MEMORY_MAX = 1 << 20 };

/* The order is the wire's: append only. */
static const struct at_record_field head_fields[] = {
    AT_RECORD_STRING_FIELD(struct at_gateway_config, system, AT_PLAN_NAME_MAX),
    AT_RECORD_U64_FIELD(struct at_gateway_config, deadline_ns),
    AT_RECORD_U64_FIELD(struct at_gateway_config, memory_bytes),
};

static const struct at_record_field service_fields[] = {
    AT_RECORD_STRING_FIELD(struct at_gateway_service, name, AT_PLAN_NAME_MAX),
    AT_RECORD_LIST_FIELD(struct at_gateway_service, contracts, AT_RECORD_STRINGS,
                         AT_PLAN_CONTRACTS_MAX, AT_PLAN_CONTRACT_NAME_MAX),
    AT_RECORD_U64_FIELD(struct at_gateway_service, contract_offset),
    AT_RECORD_U64_FIELD(struct at_gateway_service, contract_bytes),
};

static const struct at_record_field listener_fields[] = {
    AT_RECORD_STRING_FIELD(struct at_gateway_listener, address, AT_PLAN_ADDRESS_MAX),
    AT_RECORD_U32_FIELD(struct at_gateway_listener, port),
    AT_RECORD_LIST_FIELD(struct at_gateway_listener, services, AT_RECORD_INDEXES,
                         AT_PLAN_SERVICES_MAX, 0),
};

#define TABLE(name, fields) {name, fields, sizeof(fields) / sizeof((fields)[0])}

static const struct at_record_table head_table = TABLE("gateway", head_fields);
static const struct at_record_table service_table = TABLE("gateway service", service_fields);
static const struct at_record_table listener_table = TABLE("gateway listener", listener_fields);

void at_gateway_config_deinit(struct at_gateway_config *config)
{
    at_arena_deinit(&config->arena);
    *config = (struct at_gateway_config){.system = ""};
}

/* Which services the listeners name: their index in the slice + 1, or 0. Returns how many. */
static uint32_t choose_services(const struct at_plan *plan, uint32_t *slots)
{
    uint32_t n = 0;

    for (size_t i = 0; i < plan->listener_count; i++) {
        const struct at_plan_indexes *named = &plan->listeners[i].services;

        for (size_t k = 0; k < named->count; k++) {
            slots[named->at[k]] = 1;
        }
    }
    for (size_t i = 0; i < plan->service_count; i++) {
        if (slots[i] != 0) {
            slots[i] = ++n;
        }
    }
    return n;
}

static void pack_service(const struct at_plan_service *s, struct at_text *out)
{
    struct at_gateway_service slice = {
        .name = s->name,
        .contracts = s->contracts,
        .contract_offset = s->contract_offset,
        .contract_bytes = s->contract_bytes,
    };

    at_record_pack(&service_table, &slice, out);
}

static void pack_listener(const struct at_plan_listener *l, const uint32_t *slots,
                          struct at_text *out)
{
    uint32_t indexes[AT_PLAN_SERVICES_MAX];
    struct at_gateway_listener slice = {
        .address = l->address,
        .port = l->port,
        .services = {indexes, l->services.count},
    };

    for (size_t i = 0; i < l->services.count; i++) {
        indexes[i] = slots[l->services.at[i]] - 1;
    }
    at_record_pack(&listener_table, &slice, out);
}

int at_gateway_config_pack(const struct at_plan *plan, struct at_text *out)
{
    size_t start = out->len;
    uint32_t slots[AT_PLAN_SERVICES_MAX] = {0};
    struct at_gateway_config head = {.system = plan->system, .deadline_ns = plan->deadline_ns};

    for (size_t i = 0; i < plan->service_count; i++) {
        if (plan->services[i].kind == AT_PLAN_GATEWAY) {
            head.memory_bytes = plan->services[i].memory_bytes;
        }
    }
    at_record_pack(&head_table, &head, out);
    at_record_put_u32(out, choose_services(plan, slots));
    for (size_t i = 0; i < plan->service_count; i++) {
        if (slots[i] != 0) {
            pack_service(&plan->services[i], out);
        }
    }
    at_record_put_u32(out, (uint32_t)plan->listener_count);
    for (size_t i = 0; i < plan->listener_count; i++) {
        pack_listener(&plan->listeners[i], slots, out);
    }
    if (out->failed) {
        return -ENOMEM;
    }
    return out->len - start > AT_PLAN_GATEWAY_BYTES_MAX ? -EMSGSIZE : 0;
}

static int refuse(struct at_diag *diag, const char *why)
{
    at_diag_set(diag, "the gateway's configuration is malformed: %s", why);
    return AT_PLAN_MALFORMED;
}

static int check_service(const struct at_gateway_service *s, uint64_t contracts_bytes,
                         struct at_diag *diag)
{
    if (!at_plan_is_name(at_bytes_of(s->name))) {
        return refuse(diag, "a service's name is not a name");
    }
    if (s->contract_bytes > contracts_bytes ||
        s->contract_offset > contracts_bytes - s->contract_bytes) {
        return refuse(diag, "a contract lies outside of the contracts");
    }
    for (size_t i = 0; i < s->contracts.count; i++) {
        if (!at_plan_is_contract(at_bytes_of(s->contracts.at[i]))) {
            return refuse(diag, "a contract's name is not a name");
        }
    }
    return 0;
}

static int check_listener(const struct at_gateway_listener *l, size_t service_count,
                          struct at_diag *diag)
{
    if (l->port > UINT16_MAX) {
        return refuse(diag, "a listener's port is not a port");
    }
    for (size_t i = 0; i < l->services.count; i++) {
        if (l->services.at[i] >= service_count) {
            return refuse(diag, "a listener names a service that is not there");
        }
    }
    return 0;
}

static int unpack_services(struct at_reader *r, uint64_t contracts_bytes,
                           struct at_gateway_config *c, struct at_diag *diag)
{
    size_t n = (size_t)at_read_le(r, 4);

    if (r->failed || n > AT_PLAN_SERVICES_MAX) {
        return refuse(diag, "bad number of services");
    }
    c->services = at_arena_zalloc(&c->arena, n, sizeof(*c->services));
    if (c->services == NULL) {
        return -ENOMEM;
    }
    c->service_count = n;
    for (size_t i = 0; i < n; i++) {
        int err = at_record_unpack(&service_table, r, &c->arena, &c->services[i], diag);

        if (err == 0) {
            err = check_service(&c->services[i], contracts_bytes, diag);
        }
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static int unpack_listeners(struct at_reader *r, struct at_gateway_config *c, struct at_diag *diag)
{
    size_t n = (size_t)at_read_le(r, 4);

    if (r->failed || n > AT_PLAN_LISTENERS_MAX) {
        return refuse(diag, "bad number of listeners");
    }
    c->listeners = at_arena_zalloc(&c->arena, n, sizeof(*c->listeners));
    if (c->listeners == NULL) {
        return -ENOMEM;
    }
    c->listener_count = n;
    for (size_t i = 0; i < n; i++) {
        int err = at_record_unpack(&listener_table, r, &c->arena, &c->listeners[i], diag);

        if (err == 0) {
            err = check_listener(&c->listeners[i], c->service_count, diag);
        }
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

int at_gateway_config_unpack(struct at_bytes in, uint64_t contracts_bytes,
                             struct at_gateway_config *ret, struct at_diag *diag)
{
    struct at_reader r = at_reader_over(in.at, in.len);
    struct at_gateway_config config = {.system = ""};
    int err;

    if (in.len > AT_PLAN_GATEWAY_BYTES_MAX) {
        return refuse(diag, "it is too big");
    }
    at_arena_init(&config.arena, FIRST_BLOCK_BYTES, SLICE_MEMORY_MAX);
    err = at_record_unpack(&head_table, &r, &config.arena, &config, diag);
    if (err == 0 && (!at_plan_is_name(at_bytes_of(config.system)) || config.deadline_ns == 0 ||
                     config.deadline_ns > AT_PLAN_DURATION_MAX_NS)) {
        err = refuse(diag, "bad name or deadline");
    }
    if (err == 0) {
        err = unpack_services(&r, contracts_bytes, &config, diag);
    }
    if (err == 0) {
        err = unpack_listeners(&r, &config, diag);
    }
    if (err != 0) {
        at_gateway_config_deinit(&config);
        return err;
    }
    *ret = config;
    return 0;
}
