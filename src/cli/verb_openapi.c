/* atoll openapi: what the door serves, as an OpenAPI 3.1 document. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/openapi_sources.h"
#include "contract/limits.h"
#include "contract/openapi.h"
#include "pb/json.h"

enum { INDENT = 2, SERVERS_MAX = 64 };

/* --server instead of what atoll.yaml says. */
static int set_servers(struct at_cli *cli, struct at_openapi_sources *s, const char **urls)
{
    size_t count = 0;

    while (at_cli_value_at(cli, "server", count) != NULL) {
        if (count == SERVERS_MAX) {
            return at_cli_fail(cli, AT_EXIT_USAGE, "more than %d servers", SERVERS_MAX);
        }
        urls[count] = at_cli_value_at(cli, "server", count);
        count++;
    }
    for (size_t i = 0; count > 0 && i < s->count; i++) {
        s->services[i].servers = urls;
        s->services[i].server_count = count;
    }
    return 0;
}

static void say_notes(struct at_cli *cli, const struct at_openapi_sources *s, size_t left_out)
{
    bool comments = false;

    for (size_t i = 0; i < s->count; i++) {
        comments = comments || s->services[i].service->file->location_count > 0;
    }
    if (!comments) {
        at_cli_say(cli, "Note: these contracts carry no comments (those in programs never do), so "
                        "nothing is described in words; name the .proto files to have them.");
    }
    if (s->behind_nothing > 0) {
        at_cli_say(cli,
                   "Note: %zu service%s behind no listener of the gateway, and so not in the "
                   "document.",
                   s->behind_nothing, s->behind_nothing == 1 ? " is" : "s are");
    }
    if (left_out > 0) {
        at_cli_say(cli,
                   "Note: %zu way%s to call a method %s not in the document; it says which and "
                   "why in x-atoll-left-out.",
                   left_out, left_out == 1 ? "" : "s", left_out == 1 ? "is" : "are");
    }
}

static int print(struct at_cli *cli, const struct at_openapi_sources *s)
{
    struct at_openapi doc = {
        .services = s->services,
        .service_count = s->count,
        .title = at_cli_has(cli, "title") ? at_cli_value(cli, "title") : s->title,
        .version = at_cli_value(cli, "api-version"),
        .rules_only = at_cli_has(cli, "rules-only"),
    };
    struct at_json_writer w;
    struct at_arena arena;
    struct at_text text;
    size_t left_out = 0;
    int code = AT_EXIT_OK;
    int r;

    at_arena_init(&arena, 1 << 16, AT_SET_MEMORY_MAX);
    at_text_init(&text);
    at_json_writer_init(&w, &text, cli->output == AT_OUTPUT_JSONL ? 0 : INDENT);
    r = at_openapi_write(&doc, &arena, &w, &left_out);
    at_text_add_char(&text, '\n');
    if (r < 0 || text.failed) {
        code = at_cli_fail(cli, AT_EXIT_FAILURE, "out of memory: the contracts are too big");
    } else if (fputs(at_text_str(&text), cli->out) < 0) {
        code = at_cli_fail(cli, AT_EXIT_FAILURE, "the document could not be written");
    } else {
        cli->has_data = true;
        say_notes(cli, s, left_out);
    }
    at_text_deinit(&text);
    at_arena_deinit(&arena);
    return code;
}

int at_verb_openapi(struct at_cli *cli)
{
    const char *urls[SERVERS_MAX];
    struct at_openapi_sources sources;
    int code = at_openapi_sources_read(cli, &sources);

    if (code != 0) {
        return code;
    }
    code = set_servers(cli, &sources, urls);
    code = code == 0 ? print(cli, &sources) : code;
    at_openapi_sources_deinit(&sources);
    return code;
}
