/*
 * atoll call: a method with a JSON request, as the pseudo-instance "operator" that may call every
 * service. The contracts come from the same files as the plan.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atoll/atoll.h>

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
#include "cli/out.h"
#include "cli/place.h"
#include "control/message.h"
#include "control/operator.h"
#include "libatoll/process.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json.h"
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

struct run {
    struct at_cli *cli;
    struct at_load load;
    struct at_pool **pools; /* one for each service of the plan: two of them may know different
                               versions of a contract, and the one that serves it counts */
    size_t pool_count;
    struct at_oplink link;
    struct at_arena arena;
    struct at_text request; /* JSON */
    int caller;             /* the control socket of the operator */
};

/* ---- contracts ---- */

static int fill_pool(struct run *run, const struct at_plan_service *service, struct at_bytes sets,
                     struct at_pool **ret)
{
    struct at_bytes own =
        at_bytes_before(at_bytes_after(sets, service->contract_offset), service->contract_bytes);
    struct at_diag diag;
    struct at_pool *pool = at_pool_new();
    int r = pool == NULL ? -ENOMEM : at_pool_add(pool, own, &diag);

    *ret = pool;
    if (r == -EBADMSG) {
        return at_cli_diag(run->cli, AT_EXIT_USAGE, &diag);
    }
    if (r < 0) {
        return at_cli_fail(run->cli, AT_EXIT_FAILURE, "the contracts cannot be read: %s",
                           strerror(-r));
    }
    return 0;
}

static int fill_pools(struct run *run)
{
    const struct at_plan *plan = at_config_plan_view(run->load.config);
    struct at_bytes sets;
    int code = 0;
    int r = at_sealed_map(run->load.files.contracts_fd, AT_PLAN_CONTRACTS_BYTES_MAX, &sets);

    if (r == 0 && sets.len == 0) {
        at_sealed_unmap(&sets);
        return at_cli_fail(run->cli, AT_EXIT_UNKNOWN, "no service of %s has a contract",
                           run->load.place.system);
    }
    run->pools = r == 0 ? calloc(plan->service_count + 1, sizeof(*run->pools)) : NULL;
    if (run->pools == NULL) {
        return at_cli_fail(run->cli, AT_EXIT_FAILURE, "the contracts cannot be read: %s",
                           strerror(r == 0 ? ENOMEM : -r));
    }
    run->pool_count = plan->service_count;
    for (size_t i = 0; code == 0 && i < run->pool_count; i++) {
        if (plan->services[i].contract_bytes > 0) {
            code = fill_pool(run, &plan->services[i], sets, &run->pools[i]);
        }
    }
    at_sealed_unmap(&sets);
    return code;
}

/* Does the i-th service of the plan serve it? Its binary knows what it calls as well. */
static bool serves(const struct run *run, size_t i, const char *contract)
{
    const struct at_plan_strings *own =
        &at_config_plan_view(run->load.config)->services[i].contracts;

    for (size_t c = 0; c < own->count; c++) {
        if (strcmp(own->at[c], contract) == 0) {
            return true;
        }
    }
    return false;
}

static int read_contracts(struct run *run)
{
    int code = at_load(run->cli, NULL, 0, false, &run->load);

    return code == 0 ? fill_pools(run) : code;
}

/* ---- --list ---- */

static const struct at_column list_columns[] = {
    {.title = NULL, .field = "service"},   {.title = NULL, .field = "method"},
    {.title = NULL, .field = "full_name"}, {.title = NULL, .field = "input"},
    {.title = NULL, .field = "output"},
};

static void list_service(struct run *run, struct at_table *t, const struct at_pool_service *service)
{
    for (size_t m = 0; m < service->method_count; m++) {
        const struct at_pool_method *method = &service->methods[m];

        if (run->cli->output == AT_OUTPUT_TABLE) {
            fprintf(run->cli->out, "%s\n", method->full_name);
            continue;
        }
        at_table_text(t, service->full_name);
        at_table_text(t, method->name);
        at_table_text(t, method->full_name);
        at_table_text(t, method->input->full_name);
        at_table_text(t, method->output->full_name);
    }
}

/* The contracts of the i-th service; NULL: it has none. */
static struct at_pool *pool_of(const struct run *run, size_t i)
{
    return run->pools == NULL ? NULL : run->pools[i];
}

static int list_methods(struct run *run)
{
    struct at_table t;

    at_table_init(&t, list_columns, sizeof(list_columns) / sizeof(list_columns[0]));
    for (size_t i = 0; i < run->pool_count; i++) {
        const struct at_pool *pool = pool_of(run, i);
        const struct at_pool_service *service;

        for (size_t s = 0; pool != NULL && (service = at_pool_service_at(pool, s)) != NULL; s++) {
            if (serves(run, i, service->full_name)) {
                list_service(run, &t, service);
            }
        }
    }
    int code = run->cli->output == AT_OUTPUT_TABLE ? AT_EXIT_OK : at_table_print(&t, run->cli);

    at_table_deinit(&t);
    return code;
}

/* ---- the method ---- */

/* The matches among the methods that the i-th service serves, behind the n there are. */
static size_t resolve_in(struct run *run, size_t i, struct at_bytes name,
                         const struct at_pool_method **ret, size_t n)
{
    const struct at_pool_method *matches[AT_NAMES_MATCHES_MAX];
    const struct at_pool *pool = pool_of(run, i);
    size_t count = pool == NULL ? 0
                                : at_names_resolve(pool, at_config_plan_view(run->load.config),
                                                   name, matches, AT_NAMES_MATCHES_MAX);

    for (size_t m = 0; m < count && m < AT_NAMES_MATCHES_MAX && n < AT_NAMES_MATCHES_MAX; m++) {
        if (serves(run, i, matches[m]->service->full_name)) {
            ret[n++] = matches[m];
        }
    }
    return n;
}

/* NULL: said on stderr why not; exit code 4. */
static const struct at_pool_method *find_method(struct run *run)
{
    const struct at_pool_method *matches[AT_NAMES_MATCHES_MAX];
    struct at_bytes name = at_bytes_of(run->cli->words[0]);
    const char *near = NULL;
    size_t n = 0;

    for (size_t i = 0; i < run->pool_count; i++) {
        n = resolve_in(run, i, name, matches, n);
    }
    if (n == 1) {
        return matches[0];
    }
    if (n == 0) {
        for (size_t i = 0; near == NULL && i < run->pool_count; i++) {
            near = pool_of(run, i) == NULL ? NULL : at_names_nearest(pool_of(run, i), name);
        }
        at_cli_fail(run->cli, AT_EXIT_UNKNOWN,
                    "no service has a method \"%s\"%s%s%s\n  See: atoll call --list",
                    run->cli->words[0], near == NULL ? "" : "; did you mean ",
                    near == NULL ? "" : near, near == NULL ? "" : "?");
        return NULL;
    }
    at_cli_fail(run->cli, AT_EXIT_UNKNOWN,
                "\"%s\" may be any of these; say which:", run->cli->words[0]);
    for (size_t i = 0; i < n && i < AT_NAMES_MATCHES_MAX; i++) {
        struct at_cli_problem problem = {.line = 0};

        (void)snprintf(problem.message, sizeof(problem.message), "%s", matches[i]->full_name);
        at_cli_note(run->cli, &problem);
        fprintf(run->cli->err, "  %s\n", matches[i]->full_name);
    }
    return NULL;
}

/* ---- the request ---- */

static int read_stream(struct run *run, int fd, const char *name)
{
    for (;;) {
        char *room = at_text_claim(&run->request, BLOCK);
        ssize_t n = room == NULL ? -1 : read(fd, room, BLOCK);
        int error = room == NULL ? ENOMEM : errno;

        run->request.len -= room == NULL ? 0 : BLOCK - (size_t)(n > 0 ? n : 0);
        if (n == 0) {
            return 0;
        }
        if (n < 0 && error != EINTR) {
            return at_cli_fail(run->cli, AT_EXIT_USAGE, "%s: %s", name, strerror(error));
        }
        if (run->request.len > REQUEST_MAX) {
            return at_cli_fail(run->cli, AT_EXIT_USAGE, "%s holds more than %d MiB", name,
                               REQUEST_MAX >> 20);
        }
    }
}

static int read_request(struct run *run)
{
    const char *word = run->cli->word_count > 1 ? run->cli->words[1] : "{}";

    if (strcmp(word, "-") == 0) {
        return read_stream(run, STDIN_FILENO, "stdin");
    }
    if (word[0] != '@') {
        at_text_add_str(&run->request, word);
        return 0;
    }
    at_auto_close
    int fd = open(word + 1, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return at_cli_fail(run->cli, AT_EXIT_USAGE, "%s: %s", word + 1, strerror(errno));
    }
    return read_stream(run, fd, word + 1);
}

/* JSON to protobuf. */
static int encode(struct run *run, const struct at_pool_method *method, struct at_bytes *ret)
{
    struct at_pb_fault fault = {.line = 0};
    struct at_json_types types = {at_pool_find, method->service->pool};
    struct at_json_how how = {.types = &types, .fault = &fault};
    void *message = at_arena_zalloc(&run->arena, 1, method->input->struct_size);
    int r = message == NULL
                ? -ENOMEM
                : at_json_read_message(&how, method->input, at_text_bytes(&run->request),
                                       &run->arena, message);

    if (r == AT_JSON_BAD_TEXT) {
        return at_cli_fail(run->cli, AT_EXIT_USAGE, "the request is no JSON: %s", fault.what);
    }
    if (r > 0) {
        return at_cli_fail(run->cli, AT_EXIT_USAGE, "the request is no %s: %s (line %d, column %d)",
                           method->input->full_name, fault.what, fault.line, fault.col);
    }
    if (r == 0) {
        r = at_pb_encode_in_arena(method->input, message, &run->arena, ret);
    }
    if (r > 0) {
        at_pb_explain_encode(method->input, message, r, &fault);
        return at_cli_fail(run->cli, AT_EXIT_USAGE, "the request cannot be sent: %s", fault.what);
    }
    if (r < 0) {
        return at_cli_fail(run->cli, AT_EXIT_FAILURE, "the request cannot be encoded: %s",
                           strerror(-r));
    }
    return 0;
}

static int add_headers(struct run *run, struct atoll_call *call)
{
    const char *header;

    for (size_t i = 0; (header = at_cli_value_at(run->cli, "header", i)) != NULL; i++) {
        struct at_bytes value = at_bytes_of(header);
        struct at_bytes key;

        if (i == HEADERS_MAX || strchr(header, ':') == NULL || !at_bytes_cut(&value, ':', &key)) {
            return at_cli_fail(run->cli, AT_EXIT_USAGE, "-H takes KEY:VALUE, not \"%s\"", header);
        }
        char *k = at_arena_copy(&run->arena, at_bytes_trim(key));
        char *v = at_arena_copy(&run->arena, at_bytes_trim(value));
        int r = k == NULL || v == NULL ? -ENOMEM : atoll_call_set_metadata(call, k, v);

        if (r < 0) {
            return at_cli_fail(run->cli, AT_EXIT_USAGE, "-H \"%s\": %s", header,
                               r == -EINVAL ? "no valid key (a-z 0-9 - _ .)" : strerror(-r));
        }
    }
    return 0;
}

/* ---- the call ---- */

static void take_caller(void *user, struct at_message *m)
{
    struct run *run = user;

    if (m->type == AT_OPERATOR_CALLER && run->caller < 0) {
        run->caller = at_message_take_fd(m, 0);
    }
}

static int become_caller(struct run *run)
{
    struct at_operator_call call = {.request = at_oplink_request(&run->link)};
    struct at_answer answer;
    char number[16];
    int r = at_oplink_send(&run->link, &at_operator_call_kind, &call, NULL, 0);

    if (r == 0) {
        r = at_oplink_finish(&run->link, call.request,
                             at_oplink_deadline(run->cli, 10 * AT_SECOND_NS), take_caller, run,
                             &answer);
    }
    int code = at_oplink_verdict(run->cli, r, &answer);

    if (code == 0 && run->caller < 0) {
        code = at_cli_fail(run->cli, AT_EXIT_FAILURE, "the supervisor gave no socket to call with");
    }
    snprintf(number, sizeof(number), "%d", run->caller);
    setenv("ATOLL_CONTROL_FD", number, 1);
    return code;
}

static int print_answer(struct run *run, const struct at_pool_method *method, struct at_bytes out)
{
    struct at_text text;
    struct at_json_writer j;
    bool pretty = run->cli->output == AT_OUTPUT_TABLE && run->cli->out_is_tty;
    uint32_t mask = at_cli_has(run->cli, "reveal") ? 0 : AT_JSON_MASK_SENSITIVE;
    struct at_json_types types = {at_pool_find, method->service->pool};
    struct at_pb_fault fault = {.line = 0};
    struct at_json_how how = {
        .flags = AT_JSON_PRINT_DEFAULTS | mask, .types = &types, .fault = &fault};
    void *message = at_arena_zalloc(&run->arena, 1, method->output->struct_size);
    int r =
        message == NULL ? -ENOMEM : at_pb_decode(method->output, out, &run->arena, message, &fault);

    at_text_init(&text);
    at_json_writer_init(&j, &text, pretty ? 2 : 0);
    const char *is = "is no";

    if (r == 0) {
        r = at_json_write_message(&how, method->output, message, &j);
        is = "has no JSON form as";
    }
    int code = r == 0 ? at_out_line(run->cli, &text)
                      : at_cli_fail(run->cli, AT_EXIT_FAILURE, "the answer %s %s: %s", is,
                                    method->output->full_name, r < 0 ? strerror(-r) : fault.what);

    at_text_deinit(&text);
    return code;
}

static int invoke(struct run *run, const struct at_pool_method *method, struct at_bytes in)
{
    struct atoll_call *call = atoll_call_new();
    const void *out = NULL;
    size_t out_len = 0;
    uint64_t timeout_ns = 10 * AT_SECOND_NS;

    if (call == NULL) {
        return at_cli_fail(run->cli, AT_EXIT_FAILURE, "no call can be made: out of memory");
    }
    if (run->cli->timeout_ns != 0) {
        timeout_ns = run->cli->timeout_ns;
    } else if (method->timeout_ns != 0) {
        timeout_ns = method->timeout_ns;
    }
    atoll_call_set_timeout(call, timeout_ns);
    int code = add_headers(run, call);

    if (code == 0) {
        int status = atoll_invoke_bytes(call, method->service->full_name, method->name, in.at,
                                        in.len, &out, &out_len);
        if (status == ATOLL_OK) {
            code = print_answer(run, method, at_bytes_over(out, out_len));
        } else {
            code = at_cli_fail(run->cli, AT_EXIT_CALL + status, "%s: %s", atoll_status_name(status),
                               atoll_call_reason(call));
        }
    }
    atoll_call_free(call);
    return code;
}

static int call_method(struct run *run)
{
    const struct at_pool_method *method = find_method(run);
    struct at_bytes in = {.len = 0};
    int code = 0;

    if (method == NULL) {
        return AT_EXIT_UNKNOWN;
    }
    if (method->client_streams || method->server_streams) {
        code = at_cli_fail(run->cli, (int)AT_EXIT_CALL + (int)ATOLL_UNIMPLEMENTED,
                           "%s is a stream; only unary methods can be called", method->full_name);
    }
    if (code == 0) {
        code = read_request(run);
    }
    if (code == 0) {
        code = encode(run, method, &in);
    }
    if (code == 0) {
        code = at_oplink_connect(run->cli, &run->load.place, &run->link);
    }
    if (code != 0) {
        return code;
    }
    at_oplink_warn_stranger(run->cli, &run->link, &run->load.place);
    code = become_caller(run);
    if (code == 0) {
        code = invoke(run, method, in);
    }
    at_oplink_close(&run->link);
    return code;
}

int at_verb_call(struct at_cli *cli)
{
    struct run run = {
        .cli = cli, .load = {.files = {.plan_fd = -1, .contracts_fd = -1}}, .caller = -1};

    if (cli->word_count == 0 && !at_cli_has(cli, "list")) {
        return at_cli_fail(cli, AT_EXIT_USAGE, "which method? See: atoll call --list");
    }
    at_text_init(&run.request);
    at_arena_init(&run.arena, ARENA_FIRST, ARENA_MAX);
    int code = read_contracts(&run);

    if (code == 0) {
        code = at_cli_has(cli, "list") ? list_methods(&run) : call_method(&run);
    }
    for (size_t i = 0; i < run.pool_count; i++) {
        at_pool_free(pool_of(&run, i));
    }
    free(run.pools);
    at_arena_deinit(&run.arena);
    at_text_deinit(&run.request);
    at_load_deinit(&run.load);
    return code;
}
