/* The server of the tests: alpha or beta, as argv[1] says; argv[2]: threads at most. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <atoll/atoll.h>

#include "test.atoll.h"
#include "test_elder.h"

static _Atomic int cancelled; /* handlers that noticed */
static _Atomic int handled;

static void take_time(int32_t ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    if (ms > 0) {
        (void)nanosleep(&t, NULL);
    }
}

static void die_once(struct atoll_call *call, struct atoll_str path)
{
    const char *name = path.len == 0 ? NULL : atoll_copy(call, path.at, path.len).at;
    int fd = name == NULL ? -1 : open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

    if (fd >= 0) {
        (void)kill(getpid(), SIGKILL);
    }
}

/* What the caller sent as "back-t…" and "back-i…" goes back in trailers and initial metadata. */
static void send_back(struct atoll_call *call)
{
    struct atoll_metadata_pair pair = {0};

    while (atoll_call_next_value(call, ATOLL_METADATA, &pair)) {
        if (pair.key.len >= 6 && memcmp(pair.key.at, "back-", 5) == 0) {
            (void)atoll_call_add_value(call, pair.key.at[5] == 't' ? ATOLL_TRAILER : ATOLL_INITIAL,
                                       atoll_copy(call, pair.key.at, pair.key.len).at, pair.value);
        }
    }
}

static int echo(struct atoll_call *call, const struct test_call_v1_Request *in,
                struct test_call_v1_Reply *out)
{
    const char *metadata = atoll_call_metadata(call, "colour");

    out->handled = ++handled;
    send_back(call);
    die_once(call, in->exit_first);
    for (int32_t i = 0; i < in->sleep_ms && !atoll_call_cancelled(call); i++) {
        take_time(1);
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

static int watch(struct atoll_call *call, const struct test_call_v1_Request *in,
                 struct atoll_stream *out)
{
    struct test_call_v1_Reply reply = {.payload = in->payload};

    return test_call_v1_Alpha_watch_server_send(out, &reply);
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
    struct test_call_v1_Alpha alpha = {.echo = echo,
                                       .repeat = echo,
                                       .bounce = bounce_alpha,
                                       .quick = echo,
                                       .small = echo,
                                       .watch = watch};
    struct test_call_v1_Beta beta = {.bounce = bounce_beta};
    struct atoll_service service = argc > 1 && strcmp(argv[1], "beta") == 0
                                       ? test_call_v1_Beta_with(&beta)
                                       : test_call_v1_Alpha_with(&alpha);
    struct atoll_serve_options options = {.size = sizeof(options),
                                          .threads_max =
                                              argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0};

    return atoll_serve(&service, 1, &options);
}
