/* atoll proto encode: a message written as JSON or text to the bytes that go over the wire. */
#include <stdio.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/contracts.h"
#include "cli/proto.h"
#include "cli/proto_data.h"
#include "cli/proto_names.h"
#include "contract/set.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json_message.h"
#include "pb/pbtext.h"
#include "pb/pool.h"

enum { ARENA_FIRST = 1 << 16 };
#define ARENA_MAX ((size_t)2 << 30)

struct run {
    struct at_cli *cli;
    struct at_arena arena;
    struct at_text in;
    struct at_pool *pool;
};

static const struct atoll_message_desc *find_type(void *ctx, struct at_bytes full_name)
{
    return at_pool_message(ctx, full_name);
}

static int no_memory(struct run *run)
{
    return at_cli_fail(run->cli, AT_EXIT_FAILURE, "out of memory: %s is too big",
                       at_proto_input_name(run->cli));
}

/* The message that the input describes. */
static int read_message(struct run *run, const struct atoll_message_desc *desc, void *message)
{
    bool text = at_cli_has(run->cli, "text");
    struct at_json_types types = {.find = find_type, .ctx = run->pool};
    struct at_pb_fault fault = {.offset = 0};
    struct at_json_how json = {.types = &types, .fault = &fault};
    struct at_pbtext_how how = {.types = &types, .fault = &fault};
    struct at_bytes in = at_text_bytes(&run->in);
    int r = text ? at_pbtext_read(&how, desc, in, &run->arena, message)
                 : at_json_read_message(&json, desc, in, &run->arena, message);

    if (r < 0) {
        return no_memory(run);
    }
    if (r == AT_JSON_BAD_TEXT && !text) {
        return at_cli_fail(run->cli, AT_EXIT_FAILURE, "%s:%d:%d: this is no JSON: %s",
                           at_proto_input_name(run->cli), fault.line, fault.col, fault.what);
    }
    if (r > 0) {
        return at_cli_fail(run->cli, AT_EXIT_FAILURE, "%s:%d:%d: this is no %s: %s",
                           at_proto_input_name(run->cli), fault.line, fault.col, desc->full_name,
                           fault.what);
    }
    return 0;
}

static int encode(struct run *run, const struct atoll_message_desc *desc)
{
    void *message = at_arena_alloc(&run->arena, desc->struct_size, 8);
    struct at_bytes bytes = {NULL, 0};
    int code = at_proto_input_read(run->cli, &run->in);
    int r;

    if (code == 0) {
        code = message == NULL ? no_memory(run) : read_message(run, desc, message);
    }
    if (code != 0) {
        return code;
    }
    r = at_pb_encode_in_arena(desc, message, &run->arena, &bytes);
    if (r < 0) {
        return no_memory(run);
    }
    if (r > 0) {
        struct at_pb_fault fault;

        at_pb_explain_encode(desc, message, r, &fault);
        return at_cli_fail(run->cli, AT_EXIT_FAILURE, "%s cannot be encoded: %s",
                           at_proto_input_name(run->cli), fault.what);
    }
    return at_proto_output(run->cli, bytes);
}

static int run_with(struct run *run, const struct at_contracts *c, const char *name)
{
    int code = 0;
    const struct at_set_symbol *symbol = at_proto_find(run->cli, c, name, true, &code);

    if (symbol == NULL) {
        return code;
    }
    code = at_proto_pool(run->cli, c, &run->pool);
    return code == 0 ? encode(run, at_pool_message(run->pool, at_bytes_of(symbol->full_name)))
                     : code;
}

int at_proto_encode(struct at_cli *cli, const char *const *words, size_t count)
{
    struct run run = {.cli = cli};
    struct at_proto_words split;
    struct at_contracts c;
    int code = at_proto_split(cli, words, count, &split);

    if (code == 0 && split.name == NULL) {
        code = at_cli_fail(cli, AT_EXIT_USAGE, "which message is it? Name its type before %s",
                           split.paths[0]);
    }
    code = code == 0 ? at_contracts_read(cli, split.paths, split.path_count, &c) : code;
    if (code != 0) {
        return code;
    }
    at_arena_init(&run.arena, ARENA_FIRST, ARENA_MAX);
    at_text_init(&run.in);
    code = run_with(&run, &c, split.name);
    (void)at_pool_free(run.pool);
    at_text_deinit(&run.in);
    at_arena_deinit(&run.arena);
    at_contracts_deinit(&c);
    return code;
}
