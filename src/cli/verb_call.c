/*
 * atoll call: a method with JSON requests, as the pseudo-instance "operator" that may call every
 * service. Methods that stream: call_stream.c.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/call_stream.h"
#include "cli/callee.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/json_base64.h"
#include "pb/json_message.h"
#include "pb/pool.h"

/* ---- --list ---- */

static const struct at_column list_columns[] = {
    {.title = NULL, .field = "service"},   {.title = NULL, .field = "method"},
    {.title = NULL, .field = "full_name"}, {.title = NULL, .field = "input"},
    {.title = NULL, .field = "output"},
};

static void list_service(struct at_callee *c, struct at_table *t,
                         const struct at_pool_service *service)
{
    for (size_t m = 0; m < service->method_count; m++) {
        const struct at_pool_method *method = &service->methods[m];

        if (c->cli->output == AT_OUTPUT_TABLE) {
            fprintf(c->cli->out, "%s\n", method->full_name);
            continue;
        }
        at_table_text(t, service->full_name);
        at_table_text(t, method->name);
        at_table_text(t, method->full_name);
        at_table_text(t, method->input->full_name);
        at_table_text(t, method->output->full_name);
    }
}

static int list_methods(struct at_callee *c)
{
    struct at_table t;

    at_table_init(&t, list_columns, sizeof(list_columns) / sizeof(list_columns[0]));
    for (size_t i = 0; i < c->pool_count; i++) {
        const struct at_pool *pool = at_callee_pool(c, i);
        const struct at_pool_service *service;

        for (size_t s = 0; pool != NULL && (service = at_pool_service_at(pool, s)) != NULL; s++) {
            if (at_callee_serves(c, i, service->full_name)) {
                list_service(c, &t, service);
            }
        }
    }
    int code = c->cli->output == AT_OUTPUT_TABLE ? AT_EXIT_OK : at_table_print(&t, c->cli);

    at_table_deinit(&t);
    return code;
}

/* ---- the call ---- */

int at_call_print(struct at_callee *c, const struct at_pool_method *method, struct at_bytes reply,
                  struct at_arena *arena)
{
    struct at_text text;
    struct at_json_writer j;
    bool pretty = c->cli->output == AT_OUTPUT_TABLE && c->cli->out_is_tty;
    uint32_t mask = at_cli_has(c->cli, "reveal") ? 0 : AT_JSON_MASK_SENSITIVE;
    struct at_json_types types = {at_pool_find, method->service->pool};
    struct at_pb_fault fault = {.line = 0};
    struct at_json_how how = {
        .flags = AT_JSON_PRINT_DEFAULTS | mask, .types = &types, .fault = &fault};
    void *message = at_arena_zalloc(arena, 1, method->output->struct_size);
    int r = message == NULL ? -ENOMEM : at_pb_decode(method->output, reply, arena, message, &fault);

    at_text_init(&text);
    at_json_writer_init(&j, &text, pretty ? 2 : 0);
    const char *is = "is no";

    if (r == 0) {
        r = at_json_write_message(&how, method->output, message, &j);
        is = "has no JSON form as";
    }
    int code = r == 0 ? at_out_line(c->cli, &text)
                      : at_cli_fail(c->cli, AT_EXIT_FAILURE, "the answer %s %s: %s", is,
                                    method->output->full_name, r < 0 ? strerror(-r) : fault.what);

    at_text_deinit(&text);
    return code;
}

static bool has_bytes(const struct atoll_metadata_pair *pair)
{
    static const char ending[4] = "-bin";

    return pair->key.len >= sizeof(ending) &&
           memcmp(pair->key.at + pair->key.len - sizeof(ending), ending, sizeof(ending)) == 0;
}

/* Bytes as base64, as gRPC has them on the wire. */
static void show_pair(struct at_callee *c, const char *part, const struct atoll_metadata_pair *pair)
{
    struct at_bytes value = at_bytes_over(pair->value.at, pair->value.len);
    struct at_text line;

    at_text_init(&line);
    at_text_addf(&line, "%s %.*s: ", part, (int)pair->key.len, pair->key.at);
    if (has_bytes(pair)) {
        char *room = at_text_claim(&line, at_json_base64_len(value.len));

        if (room != NULL) {
            at_json_write_base64(value, room);
        }
    } else {
        at_text_add(&line, value);
    }
    if (!line.failed) {
        at_cli_say(c->cli, "%s", at_text_str(&line));
    }
    at_text_deinit(&line);
}

void at_call_show_metadata(struct at_callee *c, const struct atoll_call *call,
                           enum atoll_metadata_part part)
{
    struct atoll_metadata_pair pair = {.position = 0};

    while (c->cli->verbose && atoll_call_next_value(call, part, &pair)) {
        show_pair(c, part == ATOLL_INITIAL ? "initial" : "trailer", &pair);
    }
}

static int invoke(struct at_callee *c, const struct at_pool_method *method, struct at_bytes in)
{
    struct atoll_call *call = atoll_call_new();
    const void *out = NULL;
    size_t out_len = 0;
    uint64_t timeout_ns = 10 * AT_SECOND_NS;

    if (call == NULL) {
        return at_cli_fail(c->cli, AT_EXIT_FAILURE, "no call can be made: out of memory");
    }
    if (c->cli->timeout_ns != 0) {
        timeout_ns = c->cli->timeout_ns;
    } else if (method->timeout_ns != 0) {
        timeout_ns = method->timeout_ns;
    }
    atoll_call_set_timeout(call, timeout_ns);
    int code = at_callee_add_headers(c, call);

    if (code == 0) {
        int status = atoll_invoke_bytes(call, method->service->full_name, method->name, in.at,
                                        in.len, &out, &out_len);
        at_call_show_metadata(c, call, ATOLL_INITIAL);
        if (status == ATOLL_OK) {
            code = at_call_print(c, method, at_bytes_over(out, out_len), &c->arena);
        }
        at_call_show_metadata(c, call, ATOLL_TRAILER);
        if (status != ATOLL_OK) {
            code = at_cli_fail(c->cli, AT_EXIT_CALL + status, "%s: %s", atoll_status_name(status),
                               atoll_call_reason(call));
        }
    }
    atoll_call_free(call);
    return code;
}

static int call_method(struct at_callee *c)
{
    const struct at_pool_method *method = at_callee_find(c, c->cli->words[0], NULL);
    struct at_bytes in = {.len = 0};
    int code = 0;

    if (method == NULL) {
        return AT_EXIT_UNKNOWN;
    }
    if (!method->client_streams) {
        if (c->cli->word_count > 2) {
            return at_cli_fail(c->cli, AT_EXIT_USAGE, "%s takes one request, not also %s",
                               method->full_name, c->cli->words[2]);
        }
        code = at_callee_read_request(c, c->cli->word_count > 1 ? c->cli->words[1] : "{}");
        code = code == 0 ? at_callee_encode(c, method, &in) : code;
    }
    if (code == 0) {
        code = at_callee_connect(c);
    }
    if (code != 0) {
        return code;
    }
    code = at_callee_become(c);
    if (code == 0) {
        code = method->client_streams || method->server_streams ? at_call_stream(c, method, in)
                                                                : invoke(c, method, in);
    }
    return code;
}

int at_verb_call(struct at_cli *cli)
{
    struct at_callee callee;

    if (cli->word_count == 0 && !at_cli_has(cli, "list")) {
        return at_cli_fail(cli, AT_EXIT_USAGE, "which method? See: atoll call --list");
    }
    at_callee_init(&callee, cli);
    int code = at_callee_read_contracts(&callee);

    if (code == 0) {
        code = at_cli_has(cli, "list") ? list_methods(&callee) : call_method(&callee);
    }
    at_callee_close(&callee);
    return code;
}
