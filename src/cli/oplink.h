/*
 * The conversation of control/operator.h, from the operator's side. Blocking, with deadlines; a
 * supervisor that lies ends the conversation and nothing else.
 */
#ifndef AT_CLI_OPLINK_H
#define AT_CLI_OPLINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "cli/cli.h"
#include "cli/place.h"
#include "control/message.h"
#include "control/operator.h"

struct at_oplink {
    int sock; /* owned; -1: closed */
    uint64_t last_request;
    struct at_operator_welcome welcome; /* bytes live in the arena, each with a NUL behind it */
    struct at_arena arena;
    struct at_message *in; /* the message that at_oplink_receive() got */
};

/* What ends the answer to a request. */
struct at_answer {
    uint32_t code;   /* enum at_operator_code */
    char text[1025]; /* a sentence; empty when the code is 0 */
};

typedef void at_oplink_message(void *user, struct at_message *message);

/* Takes sock over (also on failure), says HELLO and hears WELCOME. 0, or -errno with *diag. */
int at_oplink_open(struct at_oplink *link, int sock, uint64_t deadline_ns, struct at_diag *diag);
/*
 * To the running system of that place. 0, or an exit code that was said on stderr
 * (AT_EXIT_NOT_RUNNING when it does not run).
 */
int at_oplink_connect(struct at_cli *cli, const struct at_place *place, struct at_oplink *ret);
/*
 * The folder that the system runs from when that is not the place's, which was found without -p: a
 * copy of the project has the name of a stranger's system. NULL: it is ours, or was named. A folder
 * that is no more (the project was moved) is nobody's.
 */
const char *at_oplink_stranger(const struct at_cli *cli, const struct at_oplink *link,
                               const struct at_place *place);
/* Says so on stderr. */
void at_oplink_warn_stranger(struct at_cli *cli, const struct at_oplink *link,
                             const struct at_place *place);
void at_oplink_close(struct at_oplink *link);

/* A fresh number for a request. */
uint64_t at_oplink_request(struct at_oplink *link);
int at_oplink_send(struct at_oplink *link, const struct at_message_kind *kind, const void *message,
                   const int *fds, size_t n);
/* 0 and link->in; AT_MESSAGE_CLOSED, AT_MESSAGE_MALFORMED, -ETIMEDOUT, -errno. Deadline 0: none. */
int at_oplink_receive(struct at_oplink *link, uint64_t deadline_ns);
/*
 * Receives until the RESULT of that request; every other message goes to on (may be NULL). 0 and
 * *ret, or as at_oplink_receive().
 */
int at_oplink_finish(struct at_oplink *link, uint64_t request, uint64_t deadline_ns,
                     at_oplink_message *on, void *user, struct at_answer *ret);
/* Reads link->in as RESULT of that request: true and *ret. */
bool at_oplink_is_result(const struct at_oplink *link, uint64_t request, struct at_answer *ret);

/* When to give up: --timeout from now, else default_ns from now (0: never). */
uint64_t at_oplink_deadline(const struct at_cli *cli, uint64_t default_ns);
/* What at_oplink_finish() gave as an exit code, said on stderr when it is not 0. */
int at_oplink_verdict(struct at_cli *cli, int r, const struct at_answer *answer);

#endif
