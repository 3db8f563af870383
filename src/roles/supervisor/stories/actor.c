/*
 * An instance that speaks control/service.h by hand, for the stories: what it hears it writes, a
 * line each, to /state/<instance>.log; what it plays is argv[1].
 *
 *   serve [CONTRACT]   hello, ready, keeps what it is given until STOP
 *   want SERVICE       the same, and wants a service
 *   slow SERVICE       the same, half a second after it was welcomed
 *   twin               .1 is never ready, the others die
 *   late | die N | flood | garbage | deaf SERVICE | stubborn | greedy CONTRACT | mute | future |
 *   hermit
 */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "control/message.h"
#include "control/service.h"

enum { CONTROL = 3, CHANNELS_MAX = 64 };

struct actor {
    int log;
    const char *contracts;
    const char *wants;
    uint64_t generation;
    uint64_t channels[CHANNELS_MAX];
    int lifelines[CHANNELS_MAX];
    size_t channel_count;
    uint32_t version_max;
    struct at_message message;
};

static void note(struct actor *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct actor *a, const char *format, ...)
{
    char line[512];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line, sizeof(line) - 1, format, args);
    va_end(args);
    n = n < (int)sizeof(line) - 1 ? n : (int)sizeof(line) - 2;
    line[n] = '\n';
    (void)!write(a->log, line, (size_t)n + 1);
}

static void say_hello(struct actor *a)
{
    struct at_service_hello hello = {.version_min = 1,
                                     .version_max = a->version_max,
                                     .library = AT_LIT("actor"),
                                     .contracts = at_bytes_of(a->contracts),
                                     .generation = a->generation};

    (void)at_message_send(CONTROL, &at_service_hello_kind, &hello, NULL, 0);
}

static void say_ready(struct actor *a)
{
    struct at_service_ready ready = {.status = AT_LIT("acting")};

    (void)at_message_send(CONTROL, &at_service_ready_kind, &ready, NULL, 0);
}

static void say_want(struct actor *a)
{
    char have[CHANNELS_MAX * 24] = "";
    struct at_service_want want = {.request = 1, .service = at_bytes_of(a->wants)};
    size_t len = 0;

    if (a->wants == NULL) {
        return;
    }
    for (size_t i = 0; i < a->channel_count; i++) {
        len += (size_t)snprintf(have + len, sizeof(have) - len, "%" PRIu64 "\n", a->channels[i]);
    }
    want.have = at_bytes_of(have);
    (void)at_message_send(CONTROL, &at_service_want_kind, &want, NULL, 0);
}

static void on_open(struct actor *a)
{
    struct at_service_open open;

    if (at_message_read(&at_service_open_kind, &a->message, &open) != 0) {
        return;
    }
    note(a, "open %s %.*s", open.side == AT_SIDE_CLIENT ? "client" : "server",
         (int)open.peer_instance.len, (const char *)open.peer_instance.at);
    if (a->channel_count < CHANNELS_MAX) {
        a->lifelines[a->channel_count] = at_message_take_fd(&a->message, 0);
        a->channels[a->channel_count++] = open.channel;
    }
}

static void on_gone(struct actor *a)
{
    struct at_service_gone gone;

    if (at_message_read(&at_service_gone_kind, &a->message, &gone) != 0) {
        return;
    }
    note(a, "gone %.*s", (int)gone.reason.len, (const char *)gone.reason.at);
    for (size_t i = 0; i < a->channel_count; i++) {
        if (a->channels[i] == gone.channel) {
            at_close(&a->lifelines[i]);
            a->channel_count--;
            a->channels[i] = a->channels[a->channel_count];
            a->lifelines[i] = a->lifelines[a->channel_count];
            return;
        }
    }
}

static void on_edge(struct actor *a)
{
    struct at_service_edge edge;

    if (at_message_read(&at_service_edge_kind, &a->message, &edge) == 0) {
        note(a, "edge %u %.*s", edge.state, (int)edge.reason.len, (const char *)edge.reason.at);
    }
}

static void on_welcome(struct actor *a)
{
    struct at_service_welcome w;

    if (at_message_read(&at_service_welcome_kind, &a->message, &w) == 0) {
        a->generation = w.generation;
        note(a, "welcome %u %.*s", w.version, (int)w.instance.len, (const char *)w.instance.at);
    }
}

static void on_refused(struct actor *a)
{
    struct at_service_refused r;

    if (at_message_read(&at_service_refused_kind, &a->message, &r) == 0) {
        note(a, "refused %.*s", (int)r.reason.len, (const char *)r.reason.at);
    }
}

static bool take(struct actor *a)
{
    switch (a->message.type) {
    case AT_SERVICE_WELCOME: on_welcome(a); break;
    case AT_SERVICE_REFUSED: on_refused(a); break;
    case AT_SERVICE_OPEN: on_open(a); break;
    case AT_SERVICE_GONE: on_gone(a); break;
    case AT_SERVICE_EDGE: on_edge(a); break;
    case AT_SERVICE_RESUME:
        note(a, "resume");
        say_hello(a);
        say_ready(a);
        say_want(a);
        break;
    case AT_SERVICE_STOP: note(a, "stop"); return false;
    default: break;
    }
    at_message_clear(&a->message);
    return true;
}

static int listen_on(struct actor *a)
{
    for (;;) {
        int r = at_message_receive(CONTROL, &a->message);

        if (r != 0) {
            note(a, "closed");
            return 0;
        }
        if (!take(a)) {
            return 0;
        }
    }
}

static int act(struct actor *a)
{
    say_hello(a);
    say_ready(a);
    say_want(a);
    return listen_on(a);
}

static _Noreturn void flood(struct actor *a)
{
    say_hello(a);
    say_ready(a);
    for (;;) {
        say_ready(a);
    }
}

static _Noreturn void be_deaf(struct actor *a)
{
    say_hello(a);
    say_ready(a);
    for (;;) {
        say_want(a); /* each is answered, nothing is read */
    }
}

/* HELLO and its answer, then silence for a while, then the rest, whoever listens. */
static int be_slow(struct actor *a)
{
    say_hello(a);
    if (at_message_receive(CONTROL, &a->message) != 0 || !take(a)) {
        return 1;
    }
    (void)usleep(500000);
    say_ready(a);
    say_want(a);
    note(a, "said");
    return listen_on(a);
}

static bool is_first_instance(void)
{
    const char *instance = getenv("ATOLL_INSTANCE");

    return instance != NULL && strstr(instance, ".1") != NULL;
}

int main(int argc, char **argv)
{
    static struct actor a = {.contracts = "", .version_max = AT_CONTROL_VERSION};
    const char *play = argc > 1 ? argv[1] : "serve";
    const char *with = argc > 2 ? argv[2] : "";
    char path[128];

    (void)snprintf(path, sizeof(path), "/state/%s.log", getenv("ATOLL_INSTANCE"));
    a.log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    note(&a, "born");
    (void)signal(SIGTERM, SIG_IGN); /* STOP says the same, and is noted */
    (void)printf("%s lives\n", getenv("ATOLL_INSTANCE"));
    (void)fflush(stdout);
    if (strcmp(play, "serve") == 0 || strcmp(play, "greedy") == 0) {
        a.contracts = with;
    } else if (strcmp(play, "want") == 0) {
        a.wants = with;
    } else if (strcmp(play, "deaf") == 0) {
        a.wants = with;
        be_deaf(&a);
    } else if (strcmp(play, "flood") == 0) {
        flood(&a);
    } else if (strcmp(play, "die") == 0) {
        return with[0] - '0';
    } else if (strcmp(play, "garbage") == 0) {
        (void)!send(CONTROL, "garbage", 7, MSG_NOSIGNAL);
    } else if (strcmp(play, "stubborn") == 0) {
        say_hello(&a);
        say_ready(&a);
        for (;;) {
            (void)pause();
        }
    } else if (strcmp(play, "hermit") == 0) {
        say_hello(&a);
        say_ready(&a);
        (void)usleep(100000);
        (void)close(CONTROL);
        (void)pause();
    } else if (strcmp(play, "slow") == 0) {
        a.wants = with;
        return be_slow(&a);
    } else if (strcmp(play, "twin") == 0 && !is_first_instance()) {
        return 1;
    } else if (strcmp(play, "twin") == 0 || strcmp(play, "late") == 0 ||
               strcmp(play, "mute") == 0) {
        (void)pause();
    } else if (strcmp(play, "future") == 0) {
        a.version_max = AT_CONTROL_VERSION + 1;
    }
    return act(&a);
}
