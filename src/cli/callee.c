/* See callee.h. */
#include "cli/callee.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "cli/load.h"
#include "cli/names.h"
#include "cli/oplink.h"
#include "control/message.h"
#include "control/operator.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json_message.h"
#include "pb/pool.h"
#include "plan/limits.h"
#include "plan/plan.h"
#include "plan/sealed.h"

enum {
    REQUEST_MAX = 64 << 20, /* bytes of JSON: a file named by mistake */
    ARENA_FIRST = 16384,
    ARENA_MAX = 512 << 20,
    BLOCK = 65536,
    HEADERS_MAX = 64,
};

void at_callee_init(struct at_callee *c, struct at_cli *cli)
{
    *c = (struct at_callee){
        .cli = cli, .load = {.files = {.plan_fd = -1, .contracts_fd = -1}}, .caller = -1};
    at_text_init(&c->request);
    at_arena_init(&c->arena, ARENA_FIRST, ARENA_MAX);
}

void at_callee_close(struct at_callee *c)
{
    for (size_t i = 0; i < c->pool_count; i++) {
        at_pool_free(at_callee_pool(c, i));
    }
    free(c->pools);
    at_arena_deinit(&c->arena);
    at_text_deinit(&c->request);
    at_load_deinit(&c->load);
}

/* ---- contracts ---- */

static int fill_pool(struct at_callee *c, const struct at_plan_service *service,
                     struct at_bytes sets, struct at_pool **ret)
{
    struct at_bytes own =
        at_bytes_before(at_bytes_after(sets, service->contract_offset), service->contract_bytes);
    struct at_diag diag;
    struct at_pool *pool = at_pool_new();
    int r = pool == NULL ? -ENOMEM : at_pool_add(pool, own, &diag);

    *ret = pool;
    if (r == -EBADMSG) {
        return at_cli_diag(c->cli, AT_EXIT_USAGE, &diag);
    }
    if (r < 0) {
        return at_cli_fail(c->cli, AT_EXIT_FAILURE, "the contracts cannot be read: %s",
                           strerror(-r));
    }
    return 0;
}

static int fill_pools(struct at_callee *c)
{
    const struct at_plan *plan = at_config_plan_view(c->load.config);
    struct at_bytes sets;
    int code = 0;
    int r = at_sealed_map(c->load.files.contracts_fd, AT_PLAN_CONTRACTS_BYTES_MAX, &sets);

    if (r == 0 && sets.len == 0) {
        at_sealed_unmap(&sets);
        return at_cli_fail(c->cli, AT_EXIT_UNKNOWN, "no service of %s has a contract",
                           c->load.place.system);
    }
    c->pools = r == 0 ? calloc(plan->service_count + 1, sizeof(*c->pools)) : NULL;
    if (c->pools == NULL) {
        return at_cli_fail(c->cli, AT_EXIT_FAILURE, "the contracts cannot be read: %s",
                           strerror(r == 0 ? ENOMEM : -r));
    }
    c->pool_count = plan->service_count;
    for (size_t i = 0; code == 0 && i < c->pool_count; i++) {
        if (plan->services[i].contract_bytes > 0) {
            code = fill_pool(c, &plan->services[i], sets, &c->pools[i]);
        }
    }
    at_sealed_unmap(&sets);
    return code;
}

bool at_callee_serves(const struct at_callee *c, size_t i, const char *contract)
{
    const struct at_plan_strings *own = &at_config_plan_view(c->load.config)->services[i].contracts;

    for (size_t k = 0; k < own->count; k++) {
        if (strcmp(own->at[k], contract) == 0) {
            return true;
        }
    }
    return false;
}

int at_callee_read_contracts(struct at_callee *c)
{
    int code = at_load(c->cli, NULL, 0, false, &c->load);

    return code == 0 ? fill_pools(c) : code;
}

struct at_pool *at_callee_pool(const struct at_callee *c, size_t i)
{
    return c->pools == NULL ? NULL : c->pools[i];
}

/* ---- the method ---- */

struct match {
    const struct at_pool_method *method;
    size_t service; /* of the plan */
};

/* The matches among the methods that the i-th service serves, behind the n there are. */
static size_t resolve_in(struct at_callee *c, size_t i, struct at_bytes name, struct match *ret,
                         size_t n)
{
    const struct at_pool_method *matches[AT_NAMES_MATCHES_MAX];
    const struct at_pool *pool = at_callee_pool(c, i);
    size_t count = pool == NULL ? 0
                                : at_names_resolve(pool, at_config_plan_view(c->load.config), name,
                                                   matches, AT_NAMES_MATCHES_MAX);

    for (size_t m = 0; m < count && m < AT_NAMES_MATCHES_MAX && n < AT_NAMES_MATCHES_MAX; m++) {
        if (at_callee_serves(c, i, matches[m]->service->full_name)) {
            ret[n++] = (struct match){matches[m], i};
        }
    }
    return n;
}

const struct at_pool_method *at_callee_find(struct at_callee *c, const char *name_text,
                                            size_t *ret_service)
{
    struct match matches[AT_NAMES_MATCHES_MAX];
    struct at_bytes name = at_bytes_of(name_text);
    const char *near = NULL;
    size_t n = 0;

    for (size_t i = 0; i < c->pool_count; i++) {
        n = resolve_in(c, i, name, matches, n);
    }
    if (n == 1) {
        if (ret_service != NULL) {
            *ret_service = matches[0].service;
        }
        return matches[0].method;
    }
    if (n == 0) {
        for (size_t i = 0; near == NULL && i < c->pool_count; i++) {
            near =
                at_callee_pool(c, i) == NULL ? NULL : at_names_nearest(at_callee_pool(c, i), name);
        }
        at_cli_fail(c->cli, AT_EXIT_UNKNOWN,
                    "no service has a method \"%s\"%s%s%s\n  See: atoll call --list", name_text,
                    near == NULL ? "" : "; did you mean ", near == NULL ? "" : near,
                    near == NULL ? "" : "?");
        return NULL;
    }
    at_cli_fail(c->cli, AT_EXIT_UNKNOWN, "\"%s\" may be any of these; say which:", name_text);
    for (size_t i = 0; i < n && i < AT_NAMES_MATCHES_MAX; i++) {
        struct at_cli_problem problem = {.line = 0};

        (void)snprintf(problem.message, sizeof(problem.message), "%s",
                       matches[i].method->full_name);
        at_cli_note(c->cli, &problem);
        fprintf(c->cli->err, "  %s\n", matches[i].method->full_name);
    }
    return NULL;
}

/* ---- the request ---- */

static int read_stream(struct at_callee *c, int fd, const char *name)
{
    for (;;) {
        char *room = at_text_claim(&c->request, BLOCK);
        ssize_t n = room == NULL ? -1 : read(fd, room, BLOCK);
        int error = room == NULL ? ENOMEM : errno;

        c->request.len -= room == NULL ? 0 : BLOCK - (size_t)(n > 0 ? n : 0);
        if (n == 0) {
            return 0;
        }
        if (n < 0 && error != EINTR) {
            return at_cli_fail(c->cli, AT_EXIT_USAGE, "%s: %s", name, strerror(error));
        }
        if (c->request.len > REQUEST_MAX) {
            return at_cli_fail(c->cli, AT_EXIT_USAGE, "%s holds more than %d MiB", name,
                               REQUEST_MAX >> 20);
        }
    }
}

int at_callee_read_request(struct at_callee *c, const char *word)
{
    if (strcmp(word, "-") == 0) {
        return read_stream(c, STDIN_FILENO, "stdin");
    }
    if (word[0] != '@') {
        at_text_add_str(&c->request, word);
        return 0;
    }
    at_auto_close
    int fd = open(word + 1, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return at_cli_fail(c->cli, AT_EXIT_USAGE, "%s: %s", word + 1, strerror(errno));
    }
    return read_stream(c, fd, word + 1);
}

int at_callee_parse(struct at_callee *c, const struct at_pool_method *method, void **ret)
{
    struct at_pb_fault fault = {.line = 0};
    struct at_json_types types = {at_pool_find, method->service->pool};
    struct at_json_how how = {.types = &types, .fault = &fault};
    int r;

    *ret = at_arena_zalloc(&c->arena, 1, method->input->struct_size);
    r = *ret == NULL ? -ENOMEM
                     : at_json_read_message(&how, method->input, at_text_bytes(&c->request),
                                            &c->arena, *ret);
    if (r == AT_JSON_BAD_TEXT) {
        return at_cli_fail(c->cli, AT_EXIT_USAGE, "the request is no JSON: %s", fault.what);
    }
    if (r > 0) {
        return at_cli_fail(c->cli, AT_EXIT_USAGE, "the request is no %s: %s (line %d, column %d)",
                           method->input->full_name, fault.what, fault.line, fault.col);
    }
    if (r < 0) {
        return at_cli_fail(c->cli, AT_EXIT_FAILURE, "the request cannot be read: %s", strerror(-r));
    }
    return 0;
}

int at_callee_encode(struct at_callee *c, const struct at_pool_method *method, struct at_bytes *ret)
{
    struct at_pb_fault fault = {.line = 0};
    void *message;
    int r = at_callee_parse(c, method, &message);

    if (r != 0) {
        return r;
    }
    r = at_pb_encode_in_arena(method->input, message, &c->arena, ret);
    if (r > 0) {
        at_pb_explain_encode(method->input, message, r, &fault);
        return at_cli_fail(c->cli, AT_EXIT_USAGE, "the request cannot be sent: %s", fault.what);
    }
    if (r < 0) {
        return at_cli_fail(c->cli, AT_EXIT_FAILURE, "the request cannot be encoded: %s",
                           strerror(-r));
    }
    return 0;
}

int at_callee_add_headers(struct at_callee *c, struct atoll_call *call)
{
    const char *header;

    for (size_t i = 0; (header = at_cli_value_at(c->cli, "header", i)) != NULL; i++) {
        struct at_bytes value = at_bytes_of(header);
        struct at_bytes key;

        if (i == HEADERS_MAX || strchr(header, ':') == NULL || !at_bytes_cut(&value, ':', &key)) {
            return at_cli_fail(c->cli, AT_EXIT_USAGE, "-H takes KEY:VALUE, not \"%s\"", header);
        }
        char *k = at_arena_copy(&c->arena, at_bytes_trim(key));
        char *v = at_arena_copy(&c->arena, at_bytes_trim(value));
        int r = k == NULL || v == NULL ? -ENOMEM : atoll_call_set_metadata(call, k, v);

        if (r < 0) {
            return at_cli_fail(c->cli, AT_EXIT_USAGE, "-H \"%s\": %s", header,
                               r == -EINVAL ? "no valid key (a-z 0-9 - _ .)" : strerror(-r));
        }
    }
    return 0;
}

/* ---- calling ---- */

int at_callee_connect(struct at_callee *c)
{
    int code = at_oplink_connect(c->cli, &c->load.place, &c->link);

    if (code == 0) {
        at_oplink_warn_stranger(c->cli, &c->link, &c->load.place);
    }
    return code;
}

static void take_caller(void *user, struct at_message *m)
{
    struct at_callee *c = user;

    if (m->type == AT_OPERATOR_CALLER && c->caller < 0) {
        c->caller = at_message_take_fd(m, 0);
    }
}

int at_callee_become(struct at_callee *c)
{
    struct at_operator_call call = {.request = at_oplink_request(&c->link)};
    struct at_answer answer;
    char number[16];
    int r = at_oplink_send(&c->link, &at_operator_call_kind, &call, NULL, 0);

    if (r == 0) {
        r = at_oplink_finish(&c->link, call.request, at_oplink_deadline(c->cli, 10 * AT_SECOND_NS),
                             take_caller, c, &answer);
    }
    int code = at_oplink_verdict(c->cli, r, &answer);

    at_oplink_close(&c->link); /* its place is for others: the caller's socket is all we need */
    if (code == 0 && c->caller < 0) {
        code = at_cli_fail(c->cli, AT_EXIT_FAILURE, "the supervisor gave no socket to call with");
    }
    snprintf(number, sizeof(number), "%d", c->caller);
    setenv("ATOLL_CONTROL_FD", number, 1);
    return code;
}
