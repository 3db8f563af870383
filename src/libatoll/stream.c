/*
 * Streams. The API stands so that generated code and programs need not change; the calls do not
 * carry streams yet, and every function says so in the status and the reason that it promises.
 */
#include <stddef.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "libatoll/method.h"
#include "libatoll/process.h"

int at_stream_not_carried(struct atoll_call *call, const struct atoll_service_desc *service,
                          const struct atoll_method_desc *m)
{
    return at_context_fail(call, ATOLL_UNIMPLEMENTED,
                           "%s/%s streams, and this version of atoll does not carry streams yet",
                           service->full_name, m->name);
}

int atoll_stream_open(struct atoll_call *call, const struct atoll_service_desc *service,
                      size_t method, const void *in, struct atoll_stream **ret)
{
    const struct atoll_method_desc *m;

    (void)in;
    if (ret != NULL) {
        *ret = NULL;
    }
    if (call == NULL || service == NULL || ret == NULL || method >= service->method_count) {
        return ATOLL_INVALID_ARGUMENT;
    }
    if (call->busy) {
        return ATOLL_FAILED_PRECONDITION; /* the reason belongs to the call in flight */
    }
    m = at_method_at(service, method);
    if (!at_method_streams(m)) {
        return at_context_fail(call, ATOLL_INVALID_ARGUMENT,
                               "%s/%s does not stream: call it with atoll_invoke()",
                               service->full_name, m->name);
    }
    return at_stream_not_carried(call, service, m);
}

/* There is no stream that these could be given. */

int atoll_stream_send(struct atoll_stream *stream, const void *message)
{
    return ATOLL_INVALID_ARGUMENT;
}

int atoll_stream_recv(struct atoll_stream *stream, void *message)
{
    return ATOLL_INVALID_ARGUMENT;
}

int atoll_stream_close_send(struct atoll_stream *stream)
{
    return ATOLL_INVALID_ARGUMENT;
}

int atoll_stream_finish(struct atoll_stream *stream, void *out)
{
    return ATOLL_INVALID_ARGUMENT;
}

int atoll_stream_send_async(struct atoll_stream *stream, const void *message,
                            atoll_stream_done *done, void *user)
{
    return ATOLL_INVALID_ARGUMENT;
}

int atoll_stream_recv_async(struct atoll_stream *stream, void *message, atoll_stream_done *done,
                            void *user)
{
    return ATOLL_INVALID_ARGUMENT;
}

int atoll_stream_finish_async(struct atoll_stream *stream, void *out, atoll_stream_done *done,
                              void *user)
{
    return ATOLL_INVALID_ARGUMENT;
}

void atoll_stream_cancel(struct atoll_stream *stream)
{
    (void)stream;
}

int atoll_stream_keep(struct atoll_stream *stream)
{
    return ATOLL_INVALID_ARGUMENT;
}

void atoll_stream_end(struct atoll_stream *stream, int status)
{
    (void)stream;
    (void)status;
}

struct atoll_call *atoll_stream_call(const struct atoll_stream *stream)
{
    return NULL;
}
