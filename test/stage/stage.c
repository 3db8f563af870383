/*
 * A stage for the door: plays the supervisor for one atoll-gateway and is the service behind it, so
 * that the door can be tried, measured and tortured without root and without a system.
 *
 *   stage GATEWAY DESCRIPTOR_SET [PORT]
 *
 * Serves test.door.v1.EchoService (stage.proto). Prints "port N" and lives until its stdin ends.
 * What the payload says, is done: "sleep:MS" answers later, "fail:CODE:TEXT" fails, "big:N" answers
 * with N bytes, "never" does not answer, "lie" answers with bytes that are no message; "cancels"
 * tells how many calls were cancelled, "header:NAME" what metadata came.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/socket.h"
#include "call/metadata.h"
#include "call/test_owner.h"
#include "plan/gateway.h"
#include "plan/sealed.h"

enum { SLEEPERS_MAX = 4096, REPLY_MAX = 3 << 20 };

struct sleeper {
    struct at_incoming *in;
    uint64_t at_ns;
};

static struct test_owner service;
static int door_socket;
static struct sleeper sleepers[SLEEPERS_MAX];
static size_t sleeper_count;
static char reply_room[REPLY_MAX + 16];

/* ---- the service ---- */

/* Field 1 of the message, a string shorter than 2^21. */
static struct at_bytes payload_of(struct at_bytes message)
{
    size_t at = 1;
    size_t len = 0;

    if (message.len < 2 || message.at[0] != 0x0a) {
        return (struct at_bytes){0};
    }
    for (unsigned shift = 0; at < message.len; shift += 7) {
        len |= (size_t)(message.at[at] & 0x7f) << shift;
        if ((message.at[at++] & 0x80) == 0) {
            break;
        }
    }
    return at_bytes_before(at_bytes_after(message, at), len);
}

static void answer_text(struct at_incoming *in, struct at_bytes text)
{
    size_t at = 0;
    size_t rest = text.len;

    reply_room[at++] = 0x0a;
    do {
        reply_room[at++] = (char)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
        rest >>= 7;
    } while (rest > 0);
    if (text.len > 0) {
        memmove(reply_room + at, text.at, text.len);
    }
    at_engine_answer(service.engine, in, AT_STATUS_OK, (struct at_bytes){0},
                     at_bytes_over(reply_room, at + text.len), 0);
}

static void answer_later(struct at_incoming *in, uint64_t at_ns)
{
    if (sleeper_count < SLEEPERS_MAX) {
        sleepers[sleeper_count++] = (struct sleeper){in, at_ns};
    }
}

static void answer_header(struct at_incoming *in, struct at_bytes name)
{
    struct at_bytes value = AT_LIT("(absent)");

    (void)at_metadata_get(at_incoming_meta(in), name, &value);
    answer_text(in, value);
}

static void answer_big(struct at_incoming *in, uint64_t n)
{
    static char xs[REPLY_MAX];

    memset(xs, 'x', sizeof(xs));
    answer_text(in, at_bytes_over(xs, n < REPLY_MAX ? (size_t)n : REPLY_MAX));
}

static void on_request(struct test_owner *o, struct at_incoming *in)
{
    struct at_bytes text = payload_of(at_incoming_body(in));
    struct at_bytes word;
    struct at_bytes rest = text;
    uint64_t n = 0;

    (void)at_bytes_cut(&rest, ':', &word);
    if (at_bytes_start_with(text, AT_LIT("sleep:")) && at_bytes_to_u64(rest, &n)) {
        answer_later(in, at_now_ns() + n * AT_MILLISECOND_NS);
    } else if (at_bytes_equal(text, AT_LIT("never"))) {
        answer_later(in, UINT64_MAX);
    } else if (at_bytes_start_with(text, AT_LIT("fail:")) && at_bytes_cut(&rest, ':', &word) &&
               at_bytes_to_u64(word, &n)) {
        at_engine_answer(o->engine, in, (uint32_t)n, rest, (struct at_bytes){0}, 0);
    } else if (at_bytes_start_with(text, AT_LIT("big:")) && at_bytes_to_u64(rest, &n)) {
        answer_big(in, n);
    } else if (at_bytes_equal(text, AT_LIT("lie"))) {
        at_engine_answer(o->engine, in, AT_STATUS_OK, (struct at_bytes){0}, AT_LIT("\x0a\x7f"), 0);
    } else if (at_bytes_equal(text, AT_LIT("cancels"))) {
        char count[16];

        answer_text(
            in, at_bytes_over(count, (size_t)snprintf(count, sizeof(count), "%d", o->cancelled)));
    } else if (at_bytes_start_with(text, AT_LIT("header:"))) {
        answer_header(in, rest);
    } else {
        answer_text(in, text);
    }
}

static void wake_sleepers(uint64_t now_ns)
{
    for (size_t i = 0; i < sleeper_count;) {
        struct at_incoming *in = sleepers[i].in;

        if (sleepers[i].at_ns > now_ns && !in->cancelled) {
            i++;
            continue;
        }
        sleepers[i] = sleepers[--sleeper_count];
        answer_text(in, AT_LIT("slept"));
    }
}

/* ---- the supervisor ---- */

static void need(int r, const char *what)
{
    if (r < 0) {
        (void)fprintf(stderr, "stage: %s: %s\n", what, strerror(-r));
        exit(1);
    }
}

/* The door's slice of a plan with one service on one listener. */
static void pack_config(size_t contract_bytes, struct at_text *out)
{
    const char *contract = "test.door.v1.EchoService";
    uint32_t zero = 0;
    const char *memory = getenv("STAGE_DOOR_MEMORY"); /* bytes; absent: no limit */
    struct at_plan_service services[] = {
        {.name = "echo",
         .kind = AT_PLAN_SERVICE,
         .executable = "/bin/true",
         .cwd = "/",
         .file = "",
         .contracts = {&contract, 1},
         .contract_bytes = contract_bytes},
        {.name = "door",
         .kind = AT_PLAN_GATEWAY,
         .executable = "",
         .cwd = "/",
         .file = "",
         .memory_bytes = memory == NULL ? 0 : strtoull(memory, NULL, 10)}};
    struct at_plan_listener listener = {.address = "127.0.0.1", .services = {&zero, 1}, .file = ""};
    struct at_plan plan = {.system = "stage",
                           .project_dir = "/",
                           .deadline_ns = 10 * AT_SECOND_NS,
                           .services = services,
                           .service_count = 2,
                           .listeners = &listener,
                           .listener_count = 1};

    at_text_init(out);
    need(at_gateway_config_pack(&plan, out), "pack");
}

static pid_t start_gateway(const char *program, int control)
{
    pid_t pid = fork();

    if (pid == 0) {
        (void)setenv("ATOLL_CONTROL_FD", "3", 1);
        (void)dup2(control, 3);
        (void)execl(program, program, (char *)NULL);
        _exit(127);
    }
    need(pid < 0 ? -errno : 0, "fork");
    return pid;
}

static void welcome(uint16_t port, const char *set_path)
{
    at_auto_close
    int listener = -1;
    at_auto_close
    int contracts = -1;
    at_auto_free
    char *set = NULL;
    size_t set_len;
    struct at_text config;
    struct at_diag diag;
    struct at_service_welcome w = {.version = AT_CONTROL_VERSION,
                                   .generation = 1,
                                   .system = AT_LIT("stage"),
                                   .service = AT_LIT("door"),
                                   .instance = AT_LIT("door.1")};

    need(at_fd_read_file(AT_FDCWD, set_path, 1 << 20, &set, &set_len), set_path);
    need(at_sealed_make("contracts", at_bytes_over(set, set_len), &contracts), "memfd");
    need(at_socket_listen_tcp("127.0.0.1", port, &listener, &port, &diag), "listen");
    pack_config(set_len, &config);
    w.config = at_text_bytes(&config);
    need(
        at_message_send(door_socket, &at_service_welcome_kind, &w, (int[]){listener, contracts}, 2),
        "welcome");
    at_text_deinit(&config);
    (void)printf("port %u\n", (unsigned)port);
    (void)fflush(stdout);
}

/* One message of the door. False: it is gone. */
static bool hear(uint16_t port, const char *set_path)
{
    static struct at_message m;
    struct test_owner door = {.supervisor = door_socket};
    struct at_service_want want;
    int r = at_message_receive(door_socket, &m);

    if (r != 0) {
        return false;
    }
    if (m.type == AT_SERVICE_HELLO) {
        welcome(port, set_path);
    } else if (m.type == AT_SERVICE_WANT &&
               at_message_unpack(&at_service_want_kind, m.body, &want) == 0) {
        need(test_introduce(&door, want.request, &service, want.request, "echo.1", NULL), "open");
    }
    at_message_clear(&m);
    return true;
}

int main(int argc, char **argv)
{
    int pair[2];
    pid_t gateway;

    if (argc < 3) {
        (void)fprintf(stderr, "usage: stage GATEWAY DESCRIPTOR_SET [PORT]\n");
        return 2;
    }
    need(test_owner_init(&service, "test.door.v1.EchoService/Echo\n"
                                   "test.door.v1.EchoService/Numbers\n"
                                   "test.door.v1.EchoService/Hasty\n"),
         "engine");
    service.on_request = on_request;
    need(at_socket_pair(pair), "socketpair");
    door_socket = pair[0];
    gateway = start_gateway(argv[1], pair[1]);
    (void)close(pair[1]);
    for (;;) {
        struct pollfd p[] = {{.fd = door_socket, .events = POLLIN},
                             {.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = service.epoll, .events = POLLIN}};

        at_engine_tell_time(service.engine, at_now_ns());
        test_turn(&service, 0);
        wake_sleepers(at_now_ns());
        test_turn(&service, 0);
        (void)poll(p, 3, sleeper_count > 0 ? 1 : 1000);
        if (p[0].revents != 0 &&
            !hear(argc > 3 ? (uint16_t)strtoul(argv[3], NULL, 10) : 0, argv[2])) {
            break;
        }
        if (p[1].revents != 0) {
            (void)kill(gateway, SIGTERM);
            break;
        }
    }
    {
        int status = 1;

        (void)waitpid(gateway, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }
}
