/*
 * A unary call, all of it: generated client, protobuf both ways, deadline, trace id, caller, and
 * atoll_serve() in another process that sleeps between calls.
 *
 *   call BYTES CPU-A CPU-B MILLISECONDS
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "echo.atoll.h"
#include "measure.h"
#include "tiny_supervisor.h"

struct plan {
    size_t bytes;
    int cpu;
    uint64_t ms;
};

static int echo(struct atoll_call *call, const struct bench_echo_v1_EchoRequest *in,
                struct bench_echo_v1_EchoResponse *out)
{
    (void)call;
    out->payload = in->payload;
    return ATOLL_OK;
}

static int server(void *user)
{
    const struct plan *plan = user;

    bench_pin(plan->cpu);
    return bench_echo_v1_EchoService_serve(&(struct bench_echo_v1_EchoService){.echo = echo});
}

static int client(void *user)
{
    const struct plan *plan = user;
    uint64_t *samples = malloc(BENCH_SAMPLES * sizeof(*samples));
    char *payload = malloc(plan->bytes);
    struct bench_echo_v1_EchoRequest in;
    struct bench_echo_v1_EchoResponse out;
    struct atoll_call *call = atoll_call_new();
    uint64_t begin;
    uint64_t end;
    size_t n = 0;

    if (samples == NULL || payload == NULL || call == NULL) {
        return 1;
    }
    bench_pin(plan->cpu);
    memset(payload, 'x', plan->bytes);
    memset(&in, 0, sizeof(in));
    in.payload = (struct atoll_str){.at = payload, .len = plan->bytes};
    begin = bench_now();
    end = begin + plan->ms * 1000000U;
    for (uint64_t a = begin, b; a < end && n < BENCH_SAMPLES; a = b) {
        atoll_call_reset(call);
        atoll_call_set_timeout(call, 1000000000U);
        if (bench_echo_v1_EchoService_echo(call, &in, &out) != ATOLL_OK ||
            out.payload.len != plan->bytes) {
            (void)fprintf(stderr, "call: %s\n", atoll_call_reason(call));
            return 1;
        }
        b = bench_now();
        if (a - begin > (end - begin) / 5) {
            samples[n++] = b - a;
        }
    }
    bench_report("call", samples, n);
    atoll_call_free(call);
    return 0;
}

int main(int argc, char **argv)
{
    struct tiny_supervisor *t = tiny_new();
    struct plan client_plan;
    struct plan server_plan;
    int server_fd;
    int client_fd;
    int status = 0;
    pid_t client_pid;
    pid_t server_pid;

    if (argc < 5) {
        (void)fprintf(stderr, "call BYTES CPU-A CPU-B MILLISECONDS\n");
        return 2;
    }
    client_plan = (struct plan){.bytes = strtoul(argv[1], NULL, 10),
                                .cpu = (int)strtol(argv[2], NULL, 10),
                                .ms = strtoul(argv[4], NULL, 10)};
    server_plan = client_plan;
    server_plan.cpu = (int)strtol(argv[3], NULL, 10);
    if (t == NULL || tiny_add(t, "echo", "echo.1", &server_fd) < 0 ||
        tiny_add(t, "asker", "asker.1", &client_fd) < 0) {
        return 1;
    }
    server_pid = tiny_spawn(server_fd, server, &server_plan);
    client_pid = tiny_spawn(client_fd, client, &client_plan);
    while (waitpid(client_pid, &status, WNOHANG) == 0) {
        tiny_turn(t, 20);
    }
    tiny_stop(t, 0, 1000000000U);
    (void)waitpid(server_pid, NULL, 0);
    tiny_free(t);
    return status == 0 ? 0 : 1;
}
