/*
 * Tables built at run time from a google.protobuf.FileDescriptorSet: messages that the codec and
 * the JSON mapping take like generated ones, services, and their google.api.http rules.
 *
 * Extensions are fields of the message that they extend, whichever set brings them; their name is
 * their full name. So adding a set may change the table of a message that was there: messages made
 * with it before must not be used with it any more.
 *
 * The set is input: every name, number and count is judged. Sets may be concatenated; a file that
 * comes twice with equal bytes is taken once. Everything found lives as long as the pool. A pool
 * that is not being added to may be read by any thread.
 */
#ifndef AT_PB_POOL_H
#define AT_PB_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "base/error.h"

struct at_pool;
struct at_pool_service;

/* One way to reach a method over HTTP. */
struct at_pool_http {
    const char *verb;          /* "GET"; of `custom` its kind */
    const char *path;          /* "/stock/{item_id}" */
    const char *body;          /* "" none, "*" the whole message, else the name of a field */
    const char *response_body; /* "" the whole message, else the name of a field */
};

struct at_pool_method {
    const char *name;      /* "GetItem" */
    const char *full_name; /* "shop.stock.v1.StockService/GetItem" */
    const struct at_pool_service *service;
    const struct atoll_message_desc *input;
    const struct atoll_message_desc *output;
    uint32_t idempotency; /* enum atoll_idempotency */
    bool client_streams;
    bool server_streams;
    bool deprecated;
    uint64_t timeout_ns;        /* of calls without a deadline: (atoll.method).timeout; 0: none */
    uint32_t max_request_bytes; /* (atoll.method).max_request_bytes; 0: none */
    const struct at_pool_http *http; /* the rule, then its additional_bindings */
    size_t http_count;
};

struct at_pool_service {
    const char *full_name; /* "shop.stock.v1.StockService" */
    const char *file;      /* "shop/stock/v1/stock.proto" */
    const struct at_pool_method *methods;
    size_t method_count;
    struct at_pool *pool; /* that it stands in; for at_pool_find() */
};

/* NULL: out of memory. */
struct at_pool *at_pool_new(void);
struct at_pool *at_pool_free(struct at_pool *pool);
/*
 * Adds a FileDescriptorSet; the bytes are copied. 0; -EBADMSG: not a set, or one that contradicts
 * itself or what the pool holds (diag says what; the pool is then only good for freeing); -ENOMEM.
 */
int at_pool_add(struct at_pool *pool, struct at_bytes set, struct at_diag *diag);

/* The same as at_pool_message(), as JSON wants to be told types: struct at_json_types. */
const struct atoll_message_desc *at_pool_find(void *pool, struct at_bytes full_name);
/* An extension by its full name: the field, and in *ret_of the message that has it; or NULL. */
const struct atoll_field_desc *at_pool_extension(const struct at_pool *pool, struct at_bytes name,
                                                 const struct atoll_message_desc **ret_of);
/* NULL when there is none of that name. Names are full and without a leading dot. */
const struct atoll_message_desc *at_pool_message(const struct at_pool *pool, struct at_bytes name);
/* All message types, nested ones and map entries too: the one behind `before`, the first for NULL. */
const struct atoll_message_desc *at_pool_next_message(const struct at_pool *pool,
                                                      const struct atoll_message_desc *before);
const struct atoll_enum_desc *at_pool_enum(const struct at_pool *pool, struct at_bytes name);
const struct at_pool_service *at_pool_find_service(const struct at_pool *pool,
                                                   struct at_bytes name);
/* "shop.stock.v1.StockService/GetItem", also with a dot before the method or a slash in front. */
const struct at_pool_method *at_pool_find_method(const struct at_pool *pool, struct at_bytes name);
/* All services, in the order they came: i from 0 until NULL. */
const struct at_pool_service *at_pool_service_at(const struct at_pool *pool, size_t i);

/*
 * Methods that a short name may mean: the last word is the method ("GetItem"), each word before it
 * is a part of the service's full name in order, with or without "Service", case ignored
 * ("stock.GetItem", "stock/getitem", "shop.stock.v1.StockService.GetItem"). Writes at most cap
 * matches and returns how many there are.
 */
size_t at_pool_resolve(const struct at_pool *pool, struct at_bytes name,
                       const struct at_pool_method **ret, size_t cap);

#endif
