/* nng over ipc://: REP server, REQ client; each request outstanding has a context of its own. */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>

#include "peer.h"

static nng_socket asker;
static nng_ctx contexts[PEER_FLIGHT_MAX];
static nng_aio *waits[PEER_FLIGHT_MAX];
static size_t sent;
static size_t received;

static void serve(const struct peer_at *at)
{
    char address[80];
    nng_socket rep;
    nng_msg *message;

    (void)snprintf(address, sizeof(address), "ipc://%s", at->path);
    if (nng_rep0_open(&rep) != 0 || nng_listen(rep, address, NULL, 0) != 0) {
        return;
    }
    while (nng_recvmsg(rep, &message, 0) == 0 && nng_sendmsg(rep, message, 0) == 0) {
    }
}

static bool open_asker(const struct peer_at *at)
{
    char address[80];

    (void)snprintf(address, sizeof(address), "ipc://%s", at->path);
    if (nng_req0_open(&asker) != 0) {
        return false;
    }
    if (nng_socket_set_size(asker, NNG_OPT_RECVMAXSZ, 4 << 20) != 0 ||
        nng_dial(asker, address, NULL, 0) != 0) {
        (void)nng_close(asker);
        return false;
    }
    for (size_t i = 0; i < at->plan.flight; i++) {
        if (nng_ctx_open(&contexts[i], asker) != 0 || nng_aio_alloc(&waits[i], NULL, NULL) != 0) {
            return false;
        }
    }
    return true;
}

static bool send_one(const struct peer_at *at, const char *payload)
{
    size_t i = sent++ % at->plan.flight;
    nng_msg *message;

    if (nng_msg_alloc(&message, 0) != 0 || nng_msg_append(message, payload, at->plan.bytes) != 0) {
        return false;
    }
    nng_aio_set_msg(waits[i], message);
    nng_ctx_send(contexts[i], waits[i]);
    nng_aio_wait(waits[i]);
    if (nng_aio_result(waits[i]) != 0) {
        return false;
    }
    nng_ctx_recv(contexts[i], waits[i]);
    return true;
}

static bool receive(const struct peer_at *at)
{
    size_t i = received++ % at->plan.flight;
    nng_msg *message;
    bool whole;

    nng_aio_wait(waits[i]);
    if (nng_aio_result(waits[i]) != 0) {
        return false;
    }
    message = nng_aio_get_msg(waits[i]);
    whole = nng_msg_len(message) == at->plan.bytes;
    nng_msg_free(message);
    return whole;
}

int main(int argc, char **argv)
{
    return peer_main(argc, argv,
                     &(struct peer){.name = "nng",
                                    .serve = serve,
                                    .open = open_asker,
                                    .send = send_one,
                                    .receive = receive});
}
