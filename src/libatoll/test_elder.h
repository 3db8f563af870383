/*
 * For tests: a service as the first generator would have made it, whose tables end before what was
 * added since. The struct repeats the ABI on purpose: when atoll_method_desc changes anywhere but at
 * its end, this no longer fits, and services built earlier no longer run.
 */
#ifndef AT_LIBATOLL_TEST_ELDER_H
#define AT_LIBATOLL_TEST_ELDER_H

#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "test.atoll.h"

struct elder_method {
    size_t size;
    const char *name;
    const struct atoll_message_desc *input;
    const struct atoll_message_desc *output;
    uint32_t flags;
    uint32_t idempotency;
    int (*invoke)(const void *handlers, struct atoll_call *call, const void *in, void *out);
};

_Static_assert(sizeof(struct elder_method) == offsetof(struct atoll_method_desc, stream),
               "what was added to atoll_method_desc stands behind what was there");

#define ELDER_METHOD(text, function)                                                               \
    {.size = sizeof(struct elder_method),                                                          \
     .name = (text),                                                                               \
     .input = &test_call_v1_Request_desc,                                                          \
     .output = &test_call_v1_Reply_desc,                                                           \
     .invoke = (function)}

#define ELDER_SERVICE(table)                                                                       \
    {.size = sizeof(struct atoll_service_desc),                                                    \
     .full_name = "test.call.v1.Alpha",                                                            \
     .methods = (const struct atoll_method_desc *)(const void *)(table),                           \
     .method_count = sizeof(table) / sizeof((table)[0])}

#endif
