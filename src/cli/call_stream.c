/*
 * atoll call of a method that streams. One thread reads requests and sends them, the verb's own
 * receives and prints: neither waits for the other, and flow control reaches through to stdin.
 */
#include "cli/call_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fd.h"
#include "base/text.h"
#include "cli/callee.h"
#include "cli/cli.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json_message.h"
#include "pb/pool.h"

enum {
    LINE_MAX_BYTES = 64 << 20, /* a line without an end: a file named by mistake */
    BLOCK = 65536,
    ARENA_FIRST = 4096,
    ARENA_MAX = 256 << 20,
};

struct talk {
    struct at_callee *c;
    const struct at_pool_method *method;
    struct atoll_stream *stream;
    int in;                /* requests, one a line; -1: those are the words */
    int over;              /* eventfd: readable when nobody wants requests any more */
    int signals;           /* signalfd */
    struct at_text lines;  /* read and not sent */
    struct at_arena arena; /* of the sending thread */
    _Atomic bool refused;  /* a request was none: said in `why` */
    unsigned count;
    uint64_t replies;
    char why[512];
};

/* ---- requests ---- */

static void refuse(struct talk *t, const char *is, const char *a, const char *b)
{
    (void)snprintf(t->why, sizeof(t->why), "request %u %s %s%s%s", t->count, is, a,
                   b[0] == '\0' ? "" : ": ", b);
    atomic_store(&t->refused, true);
}

/* One JSON text as a message, sent. False: nothing more can be. */
static bool send_one(struct talk *t, struct at_bytes json)
{
    const struct atoll_message_desc *desc = t->method->input;
    struct at_pb_fault fault = {.line = 0};
    struct at_json_types types = {at_pool_find, t->method->service->pool};
    struct at_json_how how = {.types = &types, .fault = &fault};
    struct at_bytes bytes = {0};
    void *message;
    int r;

    t->count++;
    at_arena_reset(&t->arena);
    message = at_arena_zalloc(&t->arena, 1, desc->struct_size);
    r = message == NULL ? -ENOMEM : at_json_read_message(&how, desc, json, &t->arena, message);
    if (r == 0) {
        r = at_pb_encode_in_arena(desc, message, &t->arena, &bytes);
        if (r > 0) {
            at_pb_explain_encode(desc, message, r, &fault);
        }
    }
    if (r != 0) {
        refuse(t, "is no", desc->full_name, r < 0 ? strerror(-r) : fault.what);
        atoll_stream_cancel(t->stream);
        return false;
    }
    return atoll_stream_send_bytes(t->stream, bytes.len == 0 ? "" : (const void *)bytes.at,
                                   bytes.len) == ATOLL_OK;
}

/* Sends the whole lines that are there; at the end also what no newline follows. */
static bool send_lines(struct talk *t, bool at_end)
{
    struct at_bytes rest = at_text_bytes(&t->lines);
    size_t sent = 0;
    bool good = true;

    while (good && rest.len > 0) {
        size_t len = at_bytes_index(rest, '\n');
        struct at_bytes line = at_bytes_trim(at_bytes_before(rest, len));

        if (len == rest.len && !at_end) {
            break;
        }
        if (line.len > 0 && line.at[line.len - 1] == '\r') {
            line.len--;
        }
        good = line.len == 0 || send_one(t, line);
        len += len < rest.len;
        rest = at_bytes_after(rest, len);
        sent += len;
    }
    if (sent > 0) {
        memmove(t->lines.at, t->lines.at + sent, t->lines.len - sent);
        t->lines.len -= sent;
    }
    return good;
}

/* Sleeps until fd can be read. False: the other thread says that it is over. */
static bool wait_for(const struct talk *t, int fd)
{
    struct pollfd fds[] = {{.fd = t->over, .events = POLLIN}, {.fd = fd, .events = POLLIN}};

    while (poll(fds, 2, -1) < 0 && errno == EINTR) {
    }
    return fds[0].revents == 0;
}

static void send_from_file(struct talk *t)
{
    bool more = true;

    while (more && wait_for(t, t->in)) {
        char *room = at_text_claim(&t->lines, BLOCK);
        ssize_t n = room == NULL ? -1 : read(t->in, room, BLOCK);

        t->lines.len -= room == NULL ? 0 : BLOCK - (size_t)(n > 0 ? n : 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        more = n > 0 && send_lines(t, false);
        if (t->lines.len > LINE_MAX_BYTES) {
            t->count++;
            refuse(t, "is longer than", "64 MiB", "");
            atoll_stream_cancel(t->stream);
            more = false;
        }
        if (n == 0) {
            (void)send_lines(t, true);
        }
    }
}

static void *send_all(void *user)
{
    struct talk *t = user;
    const struct at_cli *cli = t->c->cli;
    bool good = true;

    if (t->in >= 0) {
        send_from_file(t);
    }
    for (size_t i = 1; t->in < 0 && good && i < cli->word_count; i++) {
        good = send_one(t, at_bytes_of(cli->words[i]));
    }
    (void)atoll_stream_close_send(t->stream);
    return NULL;
}

static void *cancel_on_signal(void *user)
{
    struct talk *t = user;

    if (wait_for(t, t->signals)) {
        atoll_stream_cancel(t->stream);
    }
    return NULL;
}

/* ---- replies ---- */

/* Replies of a stream are one JSON array with -o json: what stands before each, and at the end. */
static void put_bracket(struct talk *t, const char *text)
{
    if (t->method->server_streams && t->c->cli->output == AT_OUTPUT_JSON) {
        (void)fputs(text, t->c->cli->out);
    }
}

static int receive_all(struct talk *t, struct atoll_call *call)
{
    struct at_arena arena;
    const void *at;
    size_t len;
    int code = 0;

    at_arena_init(&arena, ARENA_FIRST, ARENA_MAX);
    while (code == 0 && atoll_stream_recv_bytes(t->stream, &at, &len) == ATOLL_OK) {
        if (t->replies == 0) {
            at_call_show_metadata(t->c, call, ATOLL_INITIAL);
        }
        put_bracket(t, t->replies++ == 0 ? "[" : ",");
        at_arena_reset(&arena);
        code = at_call_print(t->c, t->method, at_bytes_over(at, len), &arena);
        (void)fflush(t->c->cli->out);
    }
    at_arena_deinit(&arena);
    if (code != 0) {
        atoll_stream_cancel(t->stream);
    }
    return code;
}

static int finish(struct talk *t, struct atoll_call *call, int code)
{
    int status = atoll_stream_finish(t->stream, NULL);

    if (t->replies == 0) {
        at_call_show_metadata(t->c, call, ATOLL_INITIAL);
    }
    if (t->replies > 0 || status == ATOLL_OK) {
        put_bracket(t, t->replies == 0 ? "[]\n" : "]\n");
    }
    at_call_show_metadata(t->c, call, ATOLL_TRAILER);
    if (atomic_load(&t->refused)) {
        return at_cli_fail(t->c->cli, AT_EXIT_USAGE, "%s", t->why);
    }
    if (code != 0 || status == ATOLL_OK) {
        return code;
    }
    return at_cli_fail(t->c->cli, AT_EXIT_CALL + status, "%s: %s", atoll_status_name(status),
                       atoll_call_reason(call));
}

/* The stream is open: both directions, until it ends. */
static int talk(struct talk *t, struct atoll_call *call)
{
    bool sends = t->method->client_streams;
    pthread_t sender;
    pthread_t canceller;
    uint64_t one = 1;
    int code;

    if (pthread_create(&canceller, NULL, cancel_on_signal, t) != 0) {
        atoll_stream_cancel(t->stream);
        return finish(t, call, 0);
    }
    if (sends && pthread_create(&sender, NULL, send_all, t) != 0) {
        atoll_stream_cancel(t->stream);
        sends = false;
    }
    code = receive_all(t, call);
    (void)!write(t->over, &one, sizeof(one));
    if (sends) {
        (void)pthread_join(sender, NULL);
    }
    (void)pthread_join(canceller, NULL);
    return finish(t, call, code);
}

/* Where requests come from. A code. */
static int open_requests(struct talk *t)
{
    struct at_cli *cli = t->c->cli;
    const char *word = cli->word_count > 1 ? cli->words[1] : "-";

    t->in = -1;
    if (word[0] != '@' && strcmp(word, "-") != 0) {
        return 0;
    }
    if (cli->word_count > 2) {
        return at_cli_fail(cli, AT_EXIT_USAGE, "%s is all the requests there are, not %s", word,
                           cli->words[2]);
    }
    t->in = word[0] == '@' ? open(word + 1, O_RDONLY | O_CLOEXEC)
                           : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    return t->in >= 0 ? 0
                      : at_cli_fail(cli, AT_EXIT_USAGE, "%s: %s",
                                    word[0] == '@' ? word + 1 : "stdin", strerror(errno));
}

static int set_up(struct talk *t)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    t->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    t->over = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->signals < 0 || t->over < 0) {
        return at_cli_fail(t->c->cli, AT_EXIT_FAILURE, "no call can be made: %s", strerror(errno));
    }
    return t->method->client_streams ? open_requests(t) : 0;
}

int at_call_stream(struct at_callee *c, const struct at_pool_method *method, struct at_bytes in)
{
    struct talk t = {.c = c, .method = method, .in = -1, .over = -1, .signals = -1};
    struct atoll_call *call = atoll_call_new();
    uint64_t timeout_ns = c->cli->timeout_ns != 0 ? c->cli->timeout_ns : method->timeout_ns;
    const void *first = method->client_streams ? NULL : in.len == 0 ? (const void *)"" : in.at;
    int code;

    if (call == NULL) {
        return at_cli_fail(c->cli, AT_EXIT_FAILURE, "no call can be made: %s", strerror(errno));
    }
    if (timeout_ns != 0) {
        atoll_call_set_timeout(call, timeout_ns);
    }
    at_text_init(&t.lines);
    at_arena_init(&t.arena, ARENA_FIRST, ARENA_MAX);
    code = at_callee_add_headers(c, call);
    code = code == 0 ? set_up(&t) : code;
    if (code == 0) {
        int status = atoll_stream_open_bytes(call, method->service->full_name, method->name, first,
                                             in.len, &t.stream);

        code = status == ATOLL_OK ? talk(&t, call)
                                  : at_cli_fail(c->cli, AT_EXIT_CALL + status, "%s: %s",
                                                atoll_status_name(status), atoll_call_reason(call));
    }
    at_close(&t.in);
    at_close(&t.over);
    at_close(&t.signals);
    at_arena_deinit(&t.arena);
    at_text_deinit(&t.lines);
    atoll_call_free(call);
    return code;
}
