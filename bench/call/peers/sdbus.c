/*
 * sd-bus between two processes, without a bus daemon between them (which would double the way): a
 * method with an array of bytes, and the same array back.
 */
#include <systemd/sd-bus.h>

#include "peer.h"

static const uint64_t WAIT_US = 5000000;

static sd_bus *bus;
static size_t replies; /* come and not yet asked for */
static bool broken;

static int on_echo(sd_bus_message *m, void *user, sd_bus_error *error)
{
    const void *payload;
    sd_bus_message *reply = NULL;
    size_t len;
    int r;

    (void)user;
    (void)error;
    r = sd_bus_message_read_array(m, 'y', &payload, &len);
    r = r < 0 ? r : sd_bus_message_new_method_return(m, &reply);
    r = r < 0 ? r : sd_bus_message_append_array(reply, 'y', payload, len);
    r = r < 0 ? r : sd_bus_send(NULL, reply, NULL);
    (void)sd_bus_message_unref(reply);
    return r < 0 ? r : 1;
}

static const sd_bus_vtable methods[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Echo", "ay", "ay", on_echo, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static bool start(const struct peer_at *at, bool serves)
{
    sd_id128_t id = SD_ID128_NULL;

    return sd_bus_new(&bus) >= 0 && sd_bus_set_fd(bus, at->fd, at->fd) >= 0 &&
           (!serves || (sd_id128_randomize(&id) >= 0 && sd_bus_set_server(bus, 1, id) >= 0)) &&
           sd_bus_set_anonymous(bus, 1) >= 0 && sd_bus_start(bus) >= 0;
}

/* Handles what is there, or waits for it. */
static bool turn(void)
{
    int r = sd_bus_process(bus, NULL);

    return r > 0 || (r == 0 && sd_bus_wait(bus, WAIT_US) >= 0);
}

static void serve(const struct peer_at *at)
{
    if (!start(at, true) ||
        sd_bus_add_object_vtable(bus, NULL, "/bench", "bench.Echo", methods, NULL) < 0) {
        return;
    }
    while (turn()) {
    }
}

static bool open_bus(const struct peer_at *at)
{
    return start(at, false);
}

static int on_reply(sd_bus_message *m, void *user, sd_bus_error *error)
{
    const struct peer_at *at = user;
    const void *payload;
    size_t len = 0;

    (void)error;
    if (sd_bus_message_is_method_error(m, NULL) > 0 ||
        sd_bus_message_read_array(m, 'y', &payload, &len) < 0 || len != at->plan.bytes) {
        broken = true;
    }
    replies++;
    return 1;
}

static bool send_one(const struct peer_at *at, const char *payload)
{
    sd_bus_message *m = NULL;
    int r = sd_bus_message_new_method_call(bus, &m, NULL, "/bench", "bench.Echo", "Echo");

    r = r < 0 ? r : sd_bus_message_append_array(m, 'y', payload, at->plan.bytes);
    r = r < 0 ? r : sd_bus_call_async(bus, NULL, m, on_reply, (void *)(uintptr_t)at, WAIT_US);
    (void)sd_bus_message_unref(m);
    return r >= 0;
}

static bool receive(const struct peer_at *at)
{
    (void)at;
    while (replies == 0) {
        if (!turn() || broken) {
            return false;
        }
    }
    replies--;
    return !broken;
}

int main(int argc, char **argv)
{
    return peer_main(argc, argv,
                     &(struct peer){.name = "sdbus",
                                    .serve = serve,
                                    .open = open_bus,
                                    .send = send_one,
                                    .receive = receive});
}
