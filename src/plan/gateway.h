/*
 * The gateway's slice of the plan: what WELCOME carries as `config` to the role `door`.
 *
 * With it go the descriptors: the listeners in the order of this slice, then the contracts memfd
 * (sealed). Offsets and lengths point into that memfd and are checked against its size.
 */
#ifndef AT_PLAN_GATEWAY_H
#define AT_PLAN_GATEWAY_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "plan/plan.h"

struct at_gateway_service {
    const char *name;
    struct at_plan_strings contracts; /* full names it serves */
    uint64_t contract_offset;         /* its FileDescriptorSet in the contracts memfd */
    uint64_t contract_bytes;          /* 0: it has none */
};

struct at_gateway_listener {
    const char *address;
    uint32_t port;                   /* as configured; 0: the kernel chose, ask the descriptor */
    struct at_plan_indexes services; /* into at_gateway_config.services */
};

struct at_gateway_config {
    struct at_arena arena; /* owns everything below */
    const char *system;
    uint64_t deadline_ns;  /* for requests that state none; > 0 */
    uint64_t memory_bytes; /* the door's own limit; 0: none */
    struct at_gateway_service *services;
    size_t service_count;
    struct at_gateway_listener *listeners;
    size_t listener_count;
};

void at_gateway_config_deinit(struct at_gateway_config *config);
/*
 * Appends the slice of the plan: its listeners and the services they name. 0; -ENOMEM; -EMSGSIZE
 * over AT_PLAN_GATEWAY_BYTES_MAX.
 */
int at_gateway_config_pack(const struct at_plan *plan, struct at_text *out);
/*
 * Judges and unpacks. 0; AT_PLAN_MALFORMED with *diag (may be NULL); -ENOMEM. *ret is touched on
 * success only; the caller deinits it.
 */
int at_gateway_config_unpack(struct at_bytes in, uint64_t contracts_bytes,
                             struct at_gateway_config *ret, struct at_diag *diag);

#endif
