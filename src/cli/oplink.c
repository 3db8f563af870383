#include "cli/oplink.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/socket.h"
#include "cli/cli.h"
#include "cli/place.h"
#include "control/message.h"
#include "control/operator.h"

enum { ARENA_FIRST = 1024, ARENA_MAX = 65536, PATH_CAP = 256 };

#define DEFAULT_DEADLINE_NS (10 * AT_SECOND_NS)

static int keep(struct at_oplink *link, struct at_bytes *b)
{
    char *copy = at_arena_copy(&link->arena, *b);

    if (copy == NULL) {
        return -ENOMEM;
    }
    b->at = (const uint8_t *)copy;
    return 0;
}

static int keep_welcome(struct at_oplink *link, const struct at_message *m)
{
    struct at_operator_welcome *w = &link->welcome;

    if (at_message_unpack(&at_operator_welcome_kind, m->body, w) != 0) {
        return -EPROTO;
    }
    struct at_bytes *all[] = {&w->program, &w->system, &w->project, &w->run_dir, &w->walls_missing};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        int r = keep(link, all[i]);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int hear_welcome(struct at_oplink *link, uint64_t deadline_ns, struct at_diag *diag)
{
    struct at_answer answer;
    int r = at_oplink_receive(link, deadline_ns);

    if (r == AT_MESSAGE_CLOSED) {
        /* A reset comes ahead of what was said before it: why there is no place for us. */
        r = at_oplink_receive(link, deadline_ns);
    }
    if (r != 0) {
        at_diag_set(diag, "the supervisor does not answer: %s",
                    r == AT_MESSAGE_CLOSED ? "it closed the connection"
                    : r < 0                ? strerror(-r)
                                           : "what it says makes no sense");
        return r < 0 ? r : -EPIPE;
    }
    if (at_oplink_is_result(link, 0, &answer) || link->in->type == AT_OPERATOR_RESULT) {
        at_diag_set(diag, "the supervisor refused: %s", answer.text);
        return -EPROTO;
    }
    r = link->in->type == AT_OPERATOR_WELCOME ? keep_welcome(link, link->in) : -EPROTO;
    if (r < 0) {
        at_diag_set(diag, "the supervisor's welcome makes no sense");
    }
    return r;
}

int at_oplink_open(struct at_oplink *link, int sock, uint64_t deadline_ns, struct at_diag *diag)
{
    struct at_operator_hello hello = {.version_min = AT_OPERATOR_VERSION_MIN,
                                      .version_max = AT_OPERATOR_VERSION,
                                      .client = AT_LIT("atoll " ATOLL_VERSION)};

    *link = (struct at_oplink){.sock = sock};
    at_arena_init(&link->arena, ARENA_FIRST, ARENA_MAX);
    link->in = calloc(1, sizeof(*link->in));
    int r = link->in == NULL ? -ENOMEM : 0;

    if (r == 0) {
        r = at_oplink_send(link, &at_operator_hello_kind, &hello, NULL, 0);
    }
    if (r < 0 && r != -EPIPE && r != -ECONNRESET) { /* who turned us away has said why */
        at_diag_set(diag, "the supervisor cannot be spoken to: %s", strerror(-r));
    } else {
        r = hear_welcome(link, deadline_ns, diag);
    }
    if (r < 0) {
        at_oplink_close(link);
    }
    return r;
}

/* In /tmp anybody may have made the socket: its owner must be us or root. */
static bool owner_is_trusted(int sock)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
        return false;
    }
    return peer.uid == 0 || peer.uid == geteuid();
}

int at_oplink_connect(struct at_cli *cli, const struct at_place *place, struct at_oplink *ret)
{
    char path[PATH_CAP];
    struct at_diag diag;
    int sock = -1;
    int r = at_operator_socket_path(place->system, path, sizeof(path));

    if (r == 0) {
        r = at_socket_connect_unix(path, &sock);
    }
    if (r == -ENOENT || r == -ECONNREFUSED || r == -EINVAL) {
        return at_cli_fail(cli, AT_EXIT_NOT_RUNNING, "%s is not running; start it: atoll up",
                           place->system);
    }
    if (r < 0) {
        return at_cli_fail(cli, AT_EXIT_FAILURE, "%s cannot be reached at %s: %s", place->system,
                           path, strerror(-r));
    }
    if (!owner_is_trusted(sock)) {
        at_close(&sock);
        return at_cli_fail(cli, AT_EXIT_FAILURE, "%s belongs to another user; it is not believed",
                           path);
    }
    r = at_oplink_open(ret, sock, at_oplink_deadline(cli, DEFAULT_DEADLINE_NS), &diag);
    if (r < 0) {
        return at_cli_diag(cli, r == -ETIMEDOUT ? AT_EXIT_TIMEOUT : AT_EXIT_FAILURE, &diag);
    }
    return 0;
}

const char *at_oplink_stranger(const struct at_cli *cli, const struct at_oplink *link,
                               const struct at_place *place)
{
    const char *project = (const char *)link->welcome.project.at; /* with a NUL, see keep() */
    struct stat here;
    struct stat there;

    if (cli->project != NULL || link->welcome.project.len == 0 ||
        strcmp(project, place->project_dir) == 0) {
        return NULL;
    }
    if (stat(project, &there) < 0 || stat(place->project_dir, &here) < 0) {
        return NULL;
    }
    return there.st_ino == here.st_ino && there.st_dev == here.st_dev ? NULL : project;
}

void at_oplink_warn_stranger(struct at_cli *cli, const struct at_oplink *link,
                             const struct at_place *place)
{
    const char *stranger = at_oplink_stranger(cli, link, place);

    if (stranger != NULL) {
        at_cli_say(cli, "warning: this %s runs from %s, not from %s", place->system, stranger,
                   place->project_dir);
    }
}

void at_oplink_close(struct at_oplink *link)
{
    at_close(&link->sock);
    if (link->in != NULL) {
        at_message_clear(link->in);
        free(link->in);
        link->in = NULL;
    }
    at_arena_deinit(&link->arena);
}

uint64_t at_oplink_request(struct at_oplink *link)
{
    return ++link->last_request;
}

int at_oplink_send(struct at_oplink *link, const struct at_message_kind *kind, const void *message,
                   const int *fds, size_t n)
{
    return at_message_send(link->sock, kind, message, fds, n);
}

int at_oplink_receive(struct at_oplink *link, uint64_t deadline_ns)
{
    struct pollfd p = {.fd = link->sock, .events = POLLIN};

    at_message_clear(link->in);
    for (;;) {
        uint64_t now = at_now_ns();
        int ms = deadline_ns == 0 ? -1 : at_until_ms(deadline_ns, now);
        int n = poll(&p, 1, ms);

        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n > 0) {
            int r = at_message_receive(link->sock, link->in);
            if (r != -EAGAIN && r != -EINTR) {
                return r;
            }
        }
        if (n == 0 && deadline_ns != 0 && at_now_ns() >= deadline_ns) {
            return -ETIMEDOUT;
        }
    }
}

bool at_oplink_is_result(const struct at_oplink *link, uint64_t request, struct at_answer *ret)
{
    struct at_operator_result result;

    *ret = (struct at_answer){.code = AT_OPERATOR_REFUSED};
    if (link->in->type != AT_OPERATOR_RESULT ||
        at_message_unpack(&at_operator_result_kind, link->in->body, &result) != 0) {
        return false;
    }
    ret->code = result.code;
    snprintf(ret->text, sizeof(ret->text), "%.*s", (int)result.text.len,
             result.text.len == 0 ? "" : (const char *)result.text.at);
    return result.request == request;
}

int at_oplink_finish(struct at_oplink *link, uint64_t request, uint64_t deadline_ns,
                     at_oplink_message *on, void *user, struct at_answer *ret)
{
    for (;;) {
        int r = at_oplink_receive(link, deadline_ns);

        if (r != 0) {
            return r;
        }
        if (at_oplink_is_result(link, request, ret)) {
            return 0;
        }
        if (on != NULL) {
            on(user, link->in);
        }
    }
}

uint64_t at_oplink_deadline(const struct at_cli *cli, uint64_t default_ns)
{
    uint64_t wait = cli->timeout_ns != 0 ? cli->timeout_ns : default_ns;

    return wait == 0 ? 0 : at_now_ns() + wait;
}

static int exit_of(uint32_t code)
{
    static const int exits[] = {
        [AT_OPERATOR_OK] = AT_EXIT_OK,
        [AT_OPERATOR_REFUSED] = AT_EXIT_FAILURE,
        [AT_OPERATOR_BUSY] = AT_EXIT_FAILURE,
        [AT_OPERATOR_BAD_PLAN] = AT_EXIT_USAGE,
        [AT_OPERATOR_CANNOT] = AT_EXIT_NOT_READY,
        [AT_OPERATOR_NOT_READY] = AT_EXIT_NOT_READY,
        [AT_OPERATOR_UNKNOWN] = AT_EXIT_UNKNOWN,
        [AT_OPERATOR_STOPPED] = AT_EXIT_NOT_RUNNING,
    };

    return code < sizeof(exits) / sizeof(exits[0]) ? exits[code] : AT_EXIT_FAILURE;
}

int at_oplink_verdict(struct at_cli *cli, int r, const struct at_answer *answer)
{
    if (r == 0 && answer->code == AT_OPERATOR_OK) {
        return AT_EXIT_OK;
    }
    if (r == 0) {
        return at_cli_fail(cli, exit_of(answer->code), "%s",
                           answer->text[0] == '\0' ? "the supervisor refused" : answer->text);
    }
    if (r == -ETIMEDOUT) {
        return at_cli_fail(cli, AT_EXIT_TIMEOUT, "no answer in time");
    }
    if (r == AT_MESSAGE_CLOSED) {
        return at_cli_fail(cli, AT_EXIT_NOT_RUNNING, "the system ended meanwhile");
    }
    return at_cli_fail(cli, AT_EXIT_FAILURE, "the supervisor cannot be understood: %s",
                       r < 0 ? strerror(-r) : "malformed message");
}
