/*
 * Messages, services and their tables: what generated code (protoc-gen-atoll) and libatoll share.
 *
 * ABI: tables only grow. Each table struct begins with its own size as the generator knew it, so
 * that a service built last year runs with a library of today. Fields are added at the end.
 */
#ifndef ATOLL_MESSAGE_H
#define ATOLL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A string or bytes field: borrowed, not NUL-terminated. printf with "%.*s", (int)s.len, s.at. */
struct atoll_str {
    const char *at;
    size_t len;
};

#define ATOLL_STR(literal) ((struct atoll_str){("" literal), sizeof(literal) - 1})

struct atoll_call;
struct atoll_message_desc;
struct atoll_field_desc;

enum atoll_idempotency {
    ATOLL_IDEMPOTENCY_UNKNOWN = 0, /* at most once */
    ATOLL_NO_SIDE_EFFECTS = 1,     /* may be sent again; numbers as google.protobuf.MethodOptions */
    ATOLL_IDEMPOTENT = 2,
};

enum atoll_method_flags {
    ATOLL_METHOD_CLIENT_STREAMS = 1,
    ATOLL_METHOD_SERVER_STREAMS = 2,
};

struct atoll_method_desc {
    size_t size;      /* of this struct, as the generator knew it */
    const char *name; /* "GetItem" */
    const struct atoll_message_desc *input;
    const struct atoll_message_desc *output;
    uint32_t flags;       /* enum atoll_method_flags */
    uint32_t idempotency; /* enum atoll_idempotency */
    /* Calls the handler in the generated vtable; NULL handler: returns atoll_unimplemented(call). */
    int (*invoke)(const void *handlers, struct atoll_call *call, const void *in, void *out);
};

struct atoll_service_desc {
    size_t size;
    const char *full_name; /* "shop.stock.v1.StockService" */
    const struct atoll_method_desc *methods;
    size_t method_count;
};

/* A service contract and who serves it. */
struct atoll_service {
    const struct atoll_service_desc *desc;
    const void *handlers; /* the generated vtable; borrowed while serving */
};

#ifdef __cplusplus
}
#endif

#endif
