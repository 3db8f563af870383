/*
 * The access log: one logfmt line per request on stderr, written in batches at the end of a turn.
 *
 * A reader that does not keep up costs lines, never time: what does not fit is counted and told in
 * the next line that does.
 */
#ifndef AT_GATEWAY_ACCESS_H
#define AT_GATEWAY_ACCESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "roles/gateway/limits.h"

struct at_access {
    int fd;
    uint64_t dropped;
    size_t len;
    uint64_t stamp_ms; /* of the text below */
    char stamp[32];
    char lines[AT_GATEWAY_LOG_BYTES];
};

struct at_access_entry {
    struct at_bytes method;
    struct at_bytes path;
    struct at_bytes rpc; /* "shop.cart.v1.CartService/AddItem"; empty: none was found */
    struct at_bytes trace_id;
    struct at_bytes request_id;
    struct at_bytes client; /* ADDRESS:PORT of who asked; empty: not known */
    struct at_bytes why;    /* of failures */
    unsigned status;
    const char *code; /* "OK", "NOT_FOUND" … */
    uint64_t wall_ns;
    uint64_t took_ns;
    uint64_t bytes_in;
    uint64_t bytes_out;
};

/* fd stays the caller's; a pipe is made non-blocking. */
void at_access_init(struct at_access *a, int fd);
void at_access_add(struct at_access *a, const struct at_access_entry *e);
void at_access_flush(struct at_access *a);

#endif
