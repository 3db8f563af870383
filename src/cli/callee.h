/*
 * A method of the running system, for the verbs that call one: which method a word means, its
 * request as JSON, and how this process becomes the pseudo-instance "operator" that may call every
 * service. The contracts come from the same files as the plan.
 *
 * Functions that return a code have said on stderr what is wrong; 0 is none.
 */
#ifndef AT_CLI_CALLEE_H
#define AT_CLI_CALLEE_H

#include <stdbool.h>
#include <stddef.h>

#include <atoll/atoll.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/oplink.h"
#include "pb/pool.h"

struct at_callee {
    struct at_cli *cli;
    struct at_load load;
    struct at_pool **pools; /* one for each service of the plan: two of them may know different
                               versions of a contract, and the one that serves it counts */
    size_t pool_count;
    struct at_oplink link;
    struct at_arena arena;
    struct at_text request; /* JSON */
    int caller;             /* the control socket of the operator */
};

/* Then at_callee_close(), whatever the others return. */
void at_callee_init(struct at_callee *c, struct at_cli *cli);
void at_callee_close(struct at_callee *c);
/* The configuration and the contracts in it. A code. */
int at_callee_read_contracts(struct at_callee *c);
/* The contracts that the i-th service of the plan knows; NULL: it has none. */
struct at_pool *at_callee_pool(const struct at_callee *c, size_t i);
/* Does the i-th service of the plan serve it? Its binary knows what it calls as well. */
bool at_callee_serves(const struct at_callee *c, size_t i, const char *contract);
/*
 * The method that a full or short name means; ret_service (may be NULL): which service of the plan
 * serves it. NULL: said on stderr why not; exit code AT_EXIT_UNKNOWN.
 */
const struct at_pool_method *at_callee_find(struct at_callee *c, const char *name,
                                            size_t *ret_service);
/* JSON, @FILE, or - for stdin, into c->request. A code. */
int at_callee_read_request(struct at_callee *c, const char *word);
/* c->request as a message in c->arena. A code. */
int at_callee_parse(struct at_callee *c, const struct at_pool_method *method, void **ret);
/* The same as protobuf bytes. A code. */
int at_callee_encode(struct at_callee *c, const struct at_pool_method *method,
                     struct at_bytes *ret);
/* What -H says. A code. */
int at_callee_add_headers(struct at_callee *c, struct atoll_call *call);
/* Connects to the running system; c->link is open then. A code. */
int at_callee_connect(struct at_callee *c);
/*
 * From now on libatoll in this process calls as the operator. After at_callee_connect(), whose
 * connection it ends: there are few of them, and calls may be long. A code.
 */
int at_callee_become(struct at_callee *c);

#endif
