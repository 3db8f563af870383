/* atoll proto decode: bytes of a message to JSON or text; without a type, what the bytes say. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/contracts.h"
#include "cli/out.h"
#include "cli/proto.h"
#include "cli/proto_data.h"
#include "cli/proto_names.h"
#include "contract/set.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/pbtext.h"
#include "pb/pool.h"
#include "pb/walk.h"

enum { ARENA_FIRST = 1 << 16, INDENT = 2 };
#define ARENA_MAX ((size_t)2 << 30)

struct run {
    struct at_cli *cli;
    struct at_arena arena;
    struct at_text in;
    struct at_text out;
    struct at_pool *pool; /* NULL: no type is known */
    bool text;            /* text format instead of JSON */
};

/* A message that knows no field: all of them are unknown, and shown by number. */
struct nothing {
    struct atoll_unknown *unknown;
};
static const struct atoll_message_desc nothing_desc = {
    .size = sizeof(nothing_desc),
    .struct_size = sizeof(struct nothing),
    .unknown_offset = offsetof(struct nothing, unknown),
    .full_name = "of unknown type", /* "the message of unknown type ends …" */
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

/* NULL: said why, and *ret_code is the exit code. */
static void *decode(struct run *run, const struct atoll_message_desc *desc, int *ret_code)
{
    struct at_pb_fault fault = {.offset = 0};
    void *message = at_arena_alloc(&run->arena, desc->struct_size, 8);
    int r = message == NULL
                ? -ENOMEM
                : at_pb_decode(desc, at_text_bytes(&run->in), &run->arena, message, &fault);

    if (r < 0) {
        *ret_code = no_memory(run);
        return NULL;
    }
    if (r > 0) {
        *ret_code = at_cli_fail(run->cli, AT_EXIT_FAILURE, "%s (%zu bytes) is no %s: %s",
                                at_proto_input_name(run->cli), run->in.len,
                                desc == &nothing_desc ? "message" : desc->full_name, fault.what);
        return NULL;
    }
    return message;
}

static int write_text(struct run *run, const struct atoll_message_desc *desc, const void *message)
{
    struct at_pb_fault fault = {.offset = 0};
    struct at_json_types types = {.find = find_type, .ctx = run->pool};
    struct at_pbtext_how how = {
        .flags = AT_PBTEXT_UNKNOWN, .types = run->pool == NULL ? NULL : &types, .fault = &fault};
    int r;

    if (at_cli_has(run->cli, "mask")) {
        how.flags |= AT_PBTEXT_MASK_SENSITIVE;
    }
    r = at_pbtext_write(&how, desc, message, &run->out);
    if (r > 0) {
        return at_cli_fail(run->cli, AT_EXIT_FAILURE, "%s has no text form: %s",
                           at_proto_input_name(run->cli), fault.what);
    }
    return r < 0 || run->out.failed ? no_memory(run) : 0;
}

static int write_json(struct run *run, const struct atoll_message_desc *desc, const void *message)
{
    struct at_pb_fault fault = {.offset = 0};
    struct at_json_types types = {.find = find_type, .ctx = run->pool};
    struct at_json_how how = {.types = &types, .fault = &fault};
    struct at_json_writer w;
    int r;

    how.flags = (at_cli_has(run->cli, "defaults") ? AT_JSON_PRINT_DEFAULTS : 0) |
                (at_cli_has(run->cli, "mask") ? AT_JSON_MASK_SENSITIVE : 0);
    at_json_writer_init(&w, &run->out, run->cli->output == AT_OUTPUT_JSONL ? 0 : INDENT);
    r = at_json_write_message(&how, desc, message, &w);
    at_text_add_char(&run->out, '\n');
    if (r > 0) {
        return at_cli_fail(run->cli, AT_EXIT_FAILURE,
                           "%s has no JSON form: %s; --text shows it all the same",
                           at_proto_input_name(run->cli), fault.what);
    }
    return r < 0 || run->out.failed ? no_memory(run) : 0;
}

/* JSON has no place for what the types do not know. */
static void say_unknown(struct run *run, const struct atoll_message_desc *desc, const void *message)
{
    struct at_pb_fault where;

    if (run->text || !at_pb_find_unknown(desc, message, &where)) {
        return;
    }
    if (where.field[0] == '\0') {
        at_cli_say(run->cli,
                   "Note: the message has fields that %s does not know; --text shows them.",
                   desc->full_name);
    } else {
        at_cli_say(run->cli, "Note: %s has fields that its type does not know; --text shows them.",
                   where.field);
    }
}

static int print(struct run *run)
{
    if (run->text && run->cli->output != AT_OUTPUT_TABLE) {
        return at_out_page(run->cli, &run->out);
    }
    run->cli->has_data = true;
    return fwrite(at_text_str(&run->out), 1, run->out.len, run->cli->out) == run->out.len
               ? AT_EXIT_OK
               : at_cli_fail(run->cli, AT_EXIT_FAILURE, "the message could not be written");
}

static int decode_as(struct run *run, const struct atoll_message_desc *desc)
{
    int code = at_proto_input_read(run->cli, &run->in);
    const void *message;

    code = code == 0 ? at_proto_input_unpack(run->cli, &run->in) : code;
    if (code != 0) {
        return code;
    }
    message = decode(run, desc, &code);
    if (message == NULL) {
        return code;
    }
    code = run->text ? write_text(run, desc, message) : write_json(run, desc, message);
    if (code == 0) {
        code = print(run);
        say_unknown(run, desc, message);
    }
    return code;
}

static int decode_typed(struct run *run, const struct at_proto_words *words)
{
    struct at_contracts c;
    const struct at_set_symbol *symbol;
    int code = at_contracts_read(run->cli, words->paths, words->path_count, &c);

    if (code != 0) {
        return code;
    }
    symbol = at_proto_find(run->cli, &c, words->name, true, &code);
    if (symbol != NULL) {
        code = at_proto_pool(run->cli, &c, &run->pool);
    }
    if (symbol != NULL && code == 0) {
        code = decode_as(run, at_pool_message(run->pool, at_bytes_of(symbol->full_name)));
    }
    at_contracts_deinit(&c);
    return code;
}

int at_proto_decode(struct at_cli *cli, const char *const *words, size_t count)
{
    struct run run = {.cli = cli, .text = at_cli_has(cli, "text")};
    struct at_proto_words split;
    int code = at_proto_split(cli, words, count, &split);

    if (code == 0 && split.name == NULL && split.path_count > 0) {
        code = at_cli_fail(cli, AT_EXIT_USAGE,
                           "which message of %s is it? Name its type, or nothing to see its fields "
                           "by number (the bytes come from stdin or --input)",
                           split.paths[0]);
    }
    if (code != 0) {
        return code;
    }
    at_arena_init(&run.arena, ARENA_FIRST, ARENA_MAX);
    at_text_init(&run.in);
    at_text_init(&run.out);
    if (split.name == NULL) {
        run.text = true;
        code = decode_as(&run, &nothing_desc);
    } else {
        code = decode_typed(&run, &split);
    }
    (void)at_pool_free(run.pool);
    at_text_deinit(&run.out);
    at_text_deinit(&run.in);
    at_arena_deinit(&run.arena);
    return code;
}
