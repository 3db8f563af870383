/*
 * What went wrong, for the client: RFC 9457 problem+json with the gRPC status code inside.
 */
#ifndef AT_GATEWAY_PROBLEM_H
#define AT_GATEWAY_PROBLEM_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/text.h"

struct at_problem {
    unsigned status;          /* HTTP */
    uint32_t code;            /* enum at_status */
    struct at_bytes detail;   /* a sentence for people: what happened, where and why */
    struct at_bytes reason;   /* a word for programs: "ROUTE_NOT_FOUND"; empty: the code's name */
    struct at_bytes instance; /* the request's path */
    struct at_bytes trace_id; /* hex */
    struct at_bytes field;    /* which field of the message; may be empty */
    int line;                 /* in the JSON body, from 1; 0: none */
    int col;
    unsigned retry_after_s; /* the header Retry-After; 0: none */
};

/* The canonical HTTP status of a gRPC code. */
unsigned at_problem_http_status(uint32_t code);
void at_problem_write(const struct at_problem *p, struct at_text *out);

#endif
