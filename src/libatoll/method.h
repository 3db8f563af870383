/*
 * Tables of methods as any generator since the first made them: a member that was added later is
 * looked at only when the table's size says that its generator knew it.
 */
#ifndef AT_LIBATOLL_METHOD_H
#define AT_LIBATOLL_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

/* i < service->method_count. Entries stand as far apart as their generator's struct was long. */
static inline const struct atoll_method_desc *at_method_at(const struct atoll_service_desc *service,
                                                           size_t i)
{
    return (const struct atoll_method_desc *)((const char *)service->methods +
                                              i * service->methods[0].size);
}

static inline bool at_method_streams(const struct atoll_method_desc *m)
{
    return (m->flags & (ATOLL_METHOD_CLIENT_STREAMS | ATOLL_METHOD_SERVER_STREAMS)) != 0;
}

/* Does the table have the member? */
#define AT_METHOD_HAS(m, member)                                                                   \
    ((m)->size >= offsetof(struct atoll_method_desc, member) + sizeof((m)->member))

/* 0: none. */
static inline uint64_t at_method_timeout(const struct atoll_method_desc *m)
{
    return AT_METHOD_HAS(m, timeout_ns) ? m->timeout_ns : 0;
}

/* 0: none. */
static inline uint32_t at_method_max_request(const struct atoll_method_desc *m)
{
    return AT_METHOD_HAS(m, max_request_bytes) ? m->max_request_bytes : 0;
}

#endif
