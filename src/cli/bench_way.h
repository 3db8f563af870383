/* The ways a bench's calls can travel. */
#ifndef AT_CLI_BENCH_WAY_H
#define AT_CLI_BENCH_WAY_H

#include <stdint.h>

#include "base/bytes.h"
#include "cli/bench_load.h"
#include "cli/callee.h"
#include "pb/pool.h"

/* What is called, the same for every slot. Borrowed by the ways. */
struct at_bench_target {
    struct at_callee *callee;
    const struct at_pool_method *method;
    size_t service;      /* of the plan */
    struct at_bytes pb;  /* the request, protobuf */
    const void *message; /* the request, decoded */
    uint64_t timeout_ns; /* deadline of each call */
};

/*
 * libatoll's channels: what a service in C gets; encodes and decodes each message. One call at a
 * time is made blocking, more asynchronously. 0 and *ret, or a code that was said on stderr.
 */
int at_bench_channel_open(const struct at_bench_target *t, uint32_t slots,
                          struct at_bench_way *ret);
void at_bench_channel_close(struct at_bench_way *way);

/*
 * The gateway: POST /package.Service/Method with JSON, a connection for each slot. 0 and *ret, or
 * a code that was said on stderr (the gateway does not serve the method).
 */
int at_bench_http_open(const struct at_bench_target *t, uint32_t slots, struct at_bench_way *ret);
void at_bench_http_close(struct at_bench_way *way);

#endif
