/*
 * What a service's contract says, as far as the plan needs it: the files of a FileDescriptorSet and
 * the services they declare. The set is input.
 */
#ifndef AT_CLI_CONFIG_CONTRACT_H
#define AT_CLI_CONFIG_CONTRACT_H

#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "plan/plan.h"

struct at_contract_file {
    struct at_bytes name;  /* "shop/stock/v1/stock.proto"; borrowed from the set */
    struct at_bytes bytes; /* the whole FileDescriptorProto; borrowed */
};

struct at_contract_files {
    struct at_contract_file *at;
    size_t count;
};

/*
 * The files of the set (each name once when its bytes are equal) and the full names of the services
 * in them, sorted, into the arena. 0; AT_CONFIG_WRONG and *ret_why (in the arena): no set, two
 * versions of one file, bad names, too many; -ENOMEM.
 */
int at_contract_scan(struct at_arena *arena, struct at_bytes set, struct at_contract_files *files,
                     struct at_plan_strings *services, const char **ret_why);

#endif
