/*
 * What the peers have in common, C and C++: a server in a process of its own, and a client that has
 * some requests outstanding and gets the replies in their order.
 *
 * A peer fills in a struct and its main is peer_main(). Bytes go there and back; where a peer has
 * an encoding of its own (Thrift, gRPC), it encodes and decodes on both sides, the others do not.
 */
#ifndef AT_BENCH_PEER_H
#define AT_BENCH_PEER_H

#include <sys/socket.h>
#include <sys/wait.h>

#include "measure.h"

enum { PEER_FLIGHT_MAX = 256, PEER_OPEN_TRIES = 1000 };

struct peer_at {
    struct bench_plan plan;
    char path[64]; /* a name below /tmp that is ours, for a socket */
    int fd;        /* one end of a socket pair */
    int other_fd;
    pid_t broker; /* 0: there is none */
};

struct peer {
    const char *name;
    /* Starts what stands between the two, if anything, and sets at->broker. May be NULL. */
    bool (*start_broker)(struct peer_at *at);
    /* In the child, until it is killed. */
    void (*serve)(const struct peer_at *at);
    /* Client: one attempt to connect; is asked again until it succeeds. */
    bool (*open)(const struct peer_at *at);
    bool (*send)(const struct peer_at *at, const char *payload);
    /* The next reply, whole. */
    bool (*receive)(const struct peer_at *at);
};

static inline bool peer_open(const struct peer *peer, const struct peer_at *at)
{
    for (int i = 0; i < PEER_OPEN_TRIES; i++) {
        if (peer->open(at)) {
            return true;
        }
        (void)usleep(10000);
    }
    (void)fprintf(stderr, "%s: no connection\n", peer->name);
    return false;
}

static inline bool peer_take_turns(const struct peer *peer, const struct peer_at *at,
                                   const char *payload, struct bench_meter *meter)
{
    uint64_t begun[PEER_FLIGHT_MAX];
    size_t flight = at->plan.flight;
    bool going = true;

    for (size_t i = 0; i < flight; i++) {
        begun[i] = bench_now();
        if (!peer->send(at, payload)) {
            return false;
        }
    }
    for (size_t i = 0; flight > 0; i = (i + 1) % at->plan.flight) {
        if (!peer->receive(at)) {
            return false;
        }
        going = bench_meter_note(meter, begun[i], bench_now()) && going;
        if (!going) {
            flight--;
            continue;
        }
        begun[i] = bench_now();
        if (!peer->send(at, payload)) {
            return false;
        }
    }
    return true;
}

static inline bool peer_ask(const struct peer *peer, const struct peer_at *at, pid_t server)
{
    char *payload = (char *)malloc(at->plan.bytes);
    struct bench_meter meter;

    if (payload == NULL || !bench_meter_init(&meter) || !peer_open(peer, at)) {
        return false;
    }
    memset(payload, 'x', at->plan.bytes);
    bench_meter_also(&meter, server);
    bench_meter_also(&meter, at->broker);
    bench_meter_start(&meter, at->plan.ms);
    if (!peer_take_turns(peer, at, payload, &meter)) {
        (void)fprintf(stderr, "%s: a call failed\n", peer->name);
        return false;
    }
    bench_meter_report(peer->name, &meter);
    printf("\n");
    return fflush(stdout) == 0;
}

static inline void peer_end(pid_t pid)
{
    if (pid > 0) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
}

static inline int peer_main(int argc, char **argv, const struct peer *peer)
{
    struct peer_at at;
    int pair[2];
    bool good;
    pid_t pid;

    memset(&at, 0, sizeof(at));
    if (!bench_plan_read(argc, argv, &at.plan) || at.plan.flight > PEER_FLIGHT_MAX) {
        return 2;
    }
    (void)snprintf(at.path, sizeof(at.path), "/tmp/atoll-bench-%s-%d", peer->name, (int)getpid());
    bench_bound(at.plan.ms);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 ||
        (peer->start_broker != NULL && !peer->start_broker(&at))) {
        peer_end(at.broker);
        return 1;
    }
    pid = fork();
    at.fd = pair[pid == 0];
    at.other_fd = pair[pid != 0];
    (void)close(at.other_fd);
    if (pid == 0) {
        bench_bound_child(at.plan.ms);
        bench_pin(at.plan.cpu_server);
        peer->serve(&at);
        (void)fprintf(stderr, "%s: the server failed\n", peer->name);
        _exit(1);
    }
    bench_pin(at.plan.cpu_client);
    good = pid > 0 && peer_ask(peer, &at, pid);
    peer_end(pid);
    peer_end(at.broker);
    (void)unlink(at.path);
    _exit(good ? 0 : 1); /* libraries' threads are not waited for */
}

#endif
