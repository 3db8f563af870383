/*
 * ZeroMQ over ipc://: a REP server; the client is REQ with one request outstanding, and a DEALER
 * that says the same on the wire with more.
 */
#include <zmq.h>

#include "peer.h"

static void *context;
static void *asker;
static char *reply;

static void serve(const struct peer_at *at)
{
    char address[80];
    void *mine = zmq_ctx_new();
    void *rep = zmq_socket(mine, ZMQ_REP);
    zmq_msg_t message;

    (void)snprintf(address, sizeof(address), "ipc://%s", at->path);
    if (rep == NULL || zmq_bind(rep, address) != 0) {
        return;
    }
    for (;;) {
        if (zmq_msg_init(&message) != 0 || zmq_msg_recv(&message, rep, 0) < 0 ||
            zmq_msg_send(&message, rep, 0) < 0) {
            return;
        }
    }
}

static bool open_asker(const struct peer_at *at)
{
    char address[80];

    (void)snprintf(address, sizeof(address), "ipc://%s", at->path);
    context = zmq_ctx_new();
    reply = malloc(at->plan.bytes);
    asker = zmq_socket(context, at->plan.flight == 1 ? ZMQ_REQ : ZMQ_DEALER);
    return reply != NULL && asker != NULL && zmq_connect(asker, address) == 0;
}

static bool send_one(const struct peer_at *at, const char *payload)
{
    if (at->plan.flight > 1 && zmq_send(asker, "", 0, ZMQ_SNDMORE) != 0) {
        return false;
    }
    return zmq_send(asker, payload, at->plan.bytes, 0) == (int)at->plan.bytes;
}

static bool receive(const struct peer_at *at)
{
    if (at->plan.flight > 1 && zmq_recv(asker, reply, 1, 0) != 0) {
        return false;
    }
    return zmq_recv(asker, reply, at->plan.bytes, 0) == (int)at->plan.bytes;
}

int main(int argc, char **argv)
{
    return peer_main(argc, argv,
                     &(struct peer){.name = "zeromq",
                                    .serve = serve,
                                    .open = open_asker,
                                    .send = send_one,
                                    .receive = receive});
}
