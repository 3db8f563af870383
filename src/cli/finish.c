/* The last word of a verb for programs: what went wrong, as JSON. */
#include <stddef.h>
#include <stdint.h>

#include <atoll/atoll.h>

#include "base/bytes.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "pb/json.h"

static const char *code_name(int code)
{
    static const char *const names[] = {
        [AT_EXIT_FAILURE] = "failure",         [AT_EXIT_USAGE] = "usage",
        [AT_EXIT_NOT_RUNNING] = "not-running", [AT_EXIT_UNKNOWN] = "unknown-name",
        [AT_EXIT_TIMEOUT] = "timeout",         [AT_EXIT_NOT_READY] = "not-ready",
    };

    if (code > AT_EXIT_CALL && code < AT_EXIT_INTERRUPTED) {
        return atoll_status_name(code - AT_EXIT_CALL);
    }
    if (code > 0 && (size_t)code < sizeof(names) / sizeof(names[0])) {
        return names[code];
    }
    return code == AT_EXIT_INTERRUPTED ? "interrupted" : "failure";
}

static void add_str(struct at_json_writer *j, const char *key, const char *value)
{
    at_json_key(j, key);
    at_json_string(j, at_bytes_of(value));
}

static void add_problem(struct at_json_writer *j, const struct at_cli_problem *p)
{
    at_json_begin_object(j);
    add_str(j, "message", p->message);
    if (p->hint[0] != '\0') {
        add_str(j, "hint", p->hint);
    }
    if (p->file[0] != '\0') {
        add_str(j, "file", p->file);
        at_json_key(j, "line");
        at_json_i64(j, p->line);
        at_json_key(j, "col");
        at_json_i64(j, p->col);
    }
    at_json_end_object(j);
}

static void add_error(struct at_json_writer *j, const struct at_cli *cli, int code)
{
    at_json_begin_object(j);
    at_json_key(j, "error");
    at_json_begin_object(j);
    add_str(j, "code", code_name(code));
    at_json_key(j, "exit_code");
    at_json_i64(j, code);
    add_str(j, "message", cli->problem_count > 0 ? cli->problems[0].message : "");
    at_json_key(j, "problems");
    at_json_begin_array(j);
    for (size_t i = 0; i < cli->problem_count; i++) {
        add_problem(j, &cli->problems[i]);
    }
    at_json_end_array(j);
    at_json_end_object(j);
    at_json_end_object(j);
}

void at_cli_finish(struct at_cli *cli, int code)
{
    struct at_text text;
    struct at_json_writer j;

    if (code == AT_EXIT_OK || cli->output == AT_OUTPUT_TABLE || cli->has_data) {
        return;
    }
    at_text_init(&text);
    at_json_writer_init(&j, &text, 0);
    add_error(&j, cli, code);
    (void)at_out_line(cli, &text);
    at_text_deinit(&text);
}
