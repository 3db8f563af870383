/*
 * Our side of every bench of this folder: an echo service and a client of it, with all that a call
 * has: generated code, protobuf both ways, deadline, trace id, caller.
 */
#ifndef AT_BENCH_ECHO_H
#define AT_BENCH_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/atoll.h>

#include "echo.atoll.h"

/* What the server tells others of itself; mapped by all before it is forked. */
struct echo_shared {
    _Atomic uint64_t allocations; /* with count.so preloaded, as of its last handler */
};

/* MAP_SHARED, so before any fork. NULL: out of memory. */
struct echo_shared *echo_share(void);
/* Serves until it is asked to stop; main's exit code. Pooled: every handler in another thread. */
int echo_serve(struct echo_shared *shared, bool pooled);

/* A caller with one context. The payload is shared by all calls of it. */
struct echo_caller {
    struct atoll_call *call;
    struct bench_echo_v1_EchoRequest in;
    struct bench_echo_v1_EchoResponse out;
};

/* False: out of memory, or not inside a system. `payload` is borrowed. */
bool echo_caller_init(struct echo_caller *c, const char *payload, size_t bytes);
void echo_caller_deinit(struct echo_caller *c);
/* A new call on the same context: trace id, deadline. */
void echo_caller_prepare(struct echo_caller *c);
/* Was it answered with what was sent? Says on stderr if it was not. */
bool echo_caller_judge(const struct echo_caller *c, int status);
/* One call, whole: prepared, made, judged. */
bool echo_caller_call(struct echo_caller *c);

/* How often this process has asked for memory; 0 without count.so. */
uint64_t echo_allocations(void);
bool echo_counts_allocations(void);

#endif
