/* One connection of an operator; for desk.c, requests.c and rows.c only. */
#ifndef AT_SUPERVISOR_OPERATOR_CONN_H
#define AT_SUPERVISOR_OPERATOR_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "control/message.h"
#include "control/operator.h"
#include "loop/loop.h"
#include "roles/supervisor/outbox.h"

struct at_system;

struct at_operator_conn {
    struct at_list link;
    struct at_system *system;
    int sock;
    struct at_io *io;
    struct at_timer *doom; /* frees it at the end of the turn */
    struct at_outbox outbox;
    bool is_first; /* carried START */
    bool said_hello;
    bool doomed;
    uint64_t watch_request; /* 0: does not hear events */
    uint64_t down_request;
};

/* Sends or queues one answer, with at most one descriptor (which stays the caller's). */
void at_desk_say(struct at_operator_conn *c, const struct at_message_kind *kind,
                 const void *message, int fd);

/* Ends the answer to a request. */
void at_desk_answer(struct at_operator_conn *c, uint64_t request, enum at_operator_code code,
                    const char *text);
/* requests.c: follows one message. 0; not 0: the connection is to be closed. */
int at_requests_take(struct at_operator_conn *c, struct at_message *m);

#endif
