/* The server of the tests: alpha or beta, as argv[1] says; argv[2]: threads at most. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atoll/atoll.h>

#include "test.atoll.h"
#include "test_elder.h"
#include "test_streams.h"

static _Atomic int cancelled; /* handlers that noticed */
static _Atomic int handled;

static int echo(struct atoll_call *call, const struct test_call_v1_Request *in,
                struct test_call_v1_Reply *out)
{
    const char *metadata = atoll_call_metadata(call, "colour");

    out->handled = ++handled;
    test_send_back(call);
    test_die_once(call, in->exit_first);
    for (int32_t i = 0; i < in->sleep_ms && !atoll_call_cancelled(call); i++) {
        test_take_time(1);
    }
    if (atoll_call_cancelled(call)) {
        cancelled++;
    }
    if (in->fail) {
        return atoll_fail(call, ATOLL_FAILED_PRECONDITION, "asked to fail, number %d", 42);
    }
    out->payload = in->payload;
    out->caller = atoll_printf(call, "%s", atoll_call_caller(call));
    out->caller_instance = atoll_printf(call, "%s", atoll_call_caller_instance(call));
    out->metadata = atoll_printf(call, "%s", metadata == NULL ? "" : metadata);
    out->deadline_ns = atoll_call_deadline(call);
    out->trace_id = atoll_copy(call, (const char *)atoll_call_trace_id(call), 16);
    out->pid = getpid();
    out->depth = cancelled;
    out->kept = test_kept();
    out->threads = test_threads();
    out->sent = test_sent();
    out->lost = test_lost();
    return ATOLL_OK;
}

static int bounce_alpha(struct atoll_call *call, const struct test_call_v1_Request *in,
                        struct test_call_v1_Reply *out)
{
    struct test_call_v1_Request next = *in;
    int status;

    if (in->depth == 0) {
        return echo(call, in, out);
    }
    next.depth--;
    status = test_call_v1_Beta_bounce(call, &next, out);
    out->depth++;
    return status;
}

static int bounce_beta(struct atoll_call *call, const struct test_call_v1_Request *in,
                       struct test_call_v1_Reply *out)
{
    struct test_call_v1_Request next = *in;
    int status;

    if (in->depth == 0) {
        return echo(call, in, out);
    }
    next.depth--;
    status = test_call_v1_Alpha_bounce(call, &next, out);
    out->depth++;
    return status;
}

static int elder_echo(const void *handlers, struct atoll_call *call, const void *in, void *out)
{
    (void)handlers;
    return echo(call, in, out);
}

static int elder(void)
{
    static const struct elder_method methods[] = {
        ELDER_METHOD("Echo", elder_echo),
        ELDER_METHOD("Bounce", elder_echo),
    };
    static const struct atoll_service_desc desc = ELDER_SERVICE(methods);
    struct atoll_service service = {&desc, NULL};

    return atoll_serve(&service, 1, NULL);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "elder") == 0) {
        return elder();
    }
    if (argc > 1 && strcmp(argv[1], "caller") == 0) {
        return test_call_and_wait();
    }
    struct test_call_v1_Alpha alpha = {.echo = echo,
                                       .repeat = echo,
                                       .bounce = bounce_alpha,
                                       .quick = echo,
                                       .small = echo,
                                       .watch = test_watch,
                                       .upload = test_upload,
                                       .chat = test_chat,
                                       .keep = test_keep,
                                       .collect = test_collect};
    struct test_call_v1_Beta beta = {.bounce = bounce_beta};
    struct atoll_service service = argc > 1 && strcmp(argv[1], "beta") == 0
                                       ? test_call_v1_Beta_with(&beta)
                                       : test_call_v1_Alpha_with(&alpha);
    struct atoll_serve_options options = {.size = sizeof(options),
                                          .threads_max =
                                              argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0};

    if (argc > 2 && strcmp(argv[2], "late") == 0) {
        alpha.collect = test_collect_late;
    }
    return test_end_late(atoll_serve(&service, 1, &options));
}
