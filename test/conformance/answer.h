/*
 * What our codec answers to one conformance test: a ConformanceRequest in, a ConformanceResponse
 * out (protos/conformance.proto), with tables made at run time from a descriptor set or with those
 * that protoc-gen-atoll compiled in. Behind the testee and behind the replay of recorded tests.
 */
#ifndef CONFORMANCE_ANSWER_H
#define CONFORMANCE_ANSWER_H

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/pool.h"

enum tables {
    TABLES_OF_POOL,
    TABLES_GENERATED,
    TABLES_IN_LIBRARY, /* generated, and only through <atoll/codec.h>; it has no text format */
};

struct answerer {
    struct at_pool *pool;
    enum tables tables;
};

/* Reads the descriptor set of the two test files. False: a sentence says why on stderr. */
bool answerer_init(struct answerer *a, enum tables tables, const char *set_path);
void answerer_deinit(struct answerer *a);

/* The answer lives in the arena. False: not a request, or out of memory. */
bool answer_request(struct answerer *a, struct at_bytes request, struct at_arena *arena,
                    struct at_bytes *ret);

#endif
