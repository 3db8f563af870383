/*
 * NATS request and reply: a broker in the middle, which is what NATS is, on loopback TCP, which is
 * all it speaks. The broker runs where the server does; its CPU time counts.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <nats/nats.h>

#include "peer.h"

enum { WAIT_MS = 5000 };

static uint16_t port;
static natsConnection *connection;
static natsSubscription *inbox;
static char inbox_name[64];

/* A port that nobody has now. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 &&
                getsockname(fd, (struct sockaddr *)&address, &len) == 0;

    (void)close(fd);
    return good ? ntohs(address.sin_port) : 0;
}

static bool start_broker(struct peer_at *at)
{
    char number[8];

    port = free_port();
    (void)snprintf(number, sizeof(number), "%u", port);
    if (port == 0) {
        return false;
    }
    at->broker = fork();
    if (at->broker == 0) {
        int null = open("/dev/null", O_WRONLY);

        bench_bound_child(at->plan.ms);
        bench_pin(at->plan.cpu_server);
        (void)dup2(null, 1);
        (void)dup2(null, 2);
        (void)execlp("nats-server", "nats-server", "-a", "127.0.0.1", "-p", number, (char *)NULL);
        _exit(127);
    }
    return at->broker > 0;
}

static bool join(natsConnection **ret)
{
    char url[64];
    natsOptions *options = NULL;
    bool good;

    (void)snprintf(url, sizeof(url), "nats://127.0.0.1:%u", port);
    good = natsOptions_Create(&options) == NATS_OK && natsOptions_SetURL(options, url) == NATS_OK &&
           natsOptions_SetSendAsap(options, true) == NATS_OK &&
           natsConnection_Connect(ret, options) == NATS_OK;
    natsOptions_Destroy(options);
    return good;
}

static void serve(const struct peer_at *at)
{
    natsConnection *mine = NULL;
    natsSubscription *requests = NULL;
    natsMsg *message = NULL;

    for (int i = 0; i < PEER_OPEN_TRIES && !join(&mine); i++) {
        (void)usleep(10000);
    }
    if (mine == NULL || natsConnection_SubscribeSync(&requests, mine, "echo") != NATS_OK ||
        natsConnection_Flush(mine) != NATS_OK) {
        return;
    }
    (void)write(at->fd, "r", 1);
    for (;;) {
        natsStatus s = natsSubscription_NextMsg(&message, requests, WAIT_MS);

        if (s == NATS_TIMEOUT) {
            continue;
        }
        if (s != NATS_OK ||
            natsConnection_Publish(mine, natsMsg_GetReply(message), natsMsg_GetData(message),
                                   natsMsg_GetDataLength(message)) != NATS_OK) {
            return;
        }
        natsMsg_Destroy(message);
    }
}

/* The server says when it has subscribed: a request before that would go nowhere. */
static bool open_connection(const struct peer_at *at)
{
    natsInbox *name = NULL;
    char ready;
    bool good;

    if (!join(&connection)) {
        return false;
    }
    good = read(at->fd, &ready, 1) == 1 && natsInbox_Create(&name) == NATS_OK &&
           natsConnection_SubscribeSync(&inbox, connection, name) == NATS_OK &&
           natsConnection_Flush(connection) == NATS_OK;
    (void)snprintf(inbox_name, sizeof(inbox_name), "%s", good ? name : "");
    natsInbox_Destroy(name);
    return good;
}

static bool send_one(const struct peer_at *at, const char *payload)
{
    return natsConnection_PublishRequest(connection, "echo", inbox_name, payload,
                                         (int)at->plan.bytes) == NATS_OK;
}

static bool receive(const struct peer_at *at)
{
    natsMsg *message = NULL;
    bool whole;

    if (natsSubscription_NextMsg(&message, inbox, WAIT_MS) != NATS_OK) {
        return false;
    }
    whole = natsMsg_GetDataLength(message) == (int)at->plan.bytes;
    natsMsg_Destroy(message);
    return whole;
}

int main(int argc, char **argv)
{
    return peer_main(argc, argv,
                     &(struct peer){.name = "nats",
                                    .start_broker = start_broker,
                                    .serve = serve,
                                    .open = open_connection,
                                    .send = send_one,
                                    .receive = receive});
}
