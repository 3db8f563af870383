/*
 * The keeper's slice of the plan: what WELCOME carries as `config` to the role `keeper`.
 */
#ifndef AT_PLAN_LOCKS_H
#define AT_PLAN_LOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "plan/plan.h"

struct at_locks_service {
    const char *name;
    const char *file; /* where its `uses` stands, or itself: for sentences */
    uint32_t line;
};

struct at_locks_lock {
    const char *name; /* "checkout", "cart-*" */
    uint32_t permits; /* 0: a lock */
    uint64_t lease_ns;
    struct at_plan_indexes services; /* into at_locks_config.services */
};

struct at_locks_config {
    struct at_arena arena; /* owns everything below */
    const char *system;
    uint32_t starts; /* of the keeper in this system's life before this one; 0: the first */
    struct at_locks_service *services;
    size_t service_count;
    struct at_locks_lock *locks;
    size_t lock_count;
};

void at_locks_config_deinit(struct at_locks_config *config);
/* Appends the slice of the plan: all services. 0; -ENOMEM; -EMSGSIZE over AT_PLAN_LOCKS_BYTES_MAX. */
int at_locks_config_pack(const struct at_plan *plan, uint32_t starts, struct at_text *out);
/*
 * Judges and unpacks. 0; AT_PLAN_MALFORMED with *diag (may be NULL); -ENOMEM. *ret is touched on
 * success only; the caller deinits it.
 */
int at_locks_config_unpack(struct at_bytes in, struct at_locks_config *ret, struct at_diag *diag);
/* Index of the service of that name, or -1. */
int at_locks_config_service(const struct at_locks_config *config, struct at_bytes name);
/* The entry that declares a lock of that name: the exact one, else the longest that ends with '*';
 * -1: there is none. */
int at_locks_config_find(const struct at_locks_config *config, struct at_bytes name);

#endif
