/* atoll locks: who holds which lock, and who waits for it, as the keeper tells the operator. */
#include <stdint.h>
#include <stdio.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/callee.h"
#include "cli/cli.h"
#include "cli/oplink.h"
#include "cli/out.h"
#include "cli/place.h"
#include "control/locks.h"

/* Of a line of the keeper; see at_book_show() in roles/keeper/book.h. */
enum { NAME, STATE, INSTANCE, SINCE, TOKEN, UNITS, ALL, MARK, FIELDS };

static const struct at_column columns[] = {
    {.title = "LOCK", .field = "lock"},
    {.title = "STATE", .field = "state"},
    {.title = "INSTANCE", .field = "instance"},
    {.title = "FOR", .field = "for_ns", .right = true},
    {.title = "PERMITS", .field = "permits", .right = true},
    {.title = NULL, .field = "permits_max"},
    {.title = "TOKEN", .field = "token", .right = true},
    {.title = "OWNER DIED", .field = "owner_died"},
};

static uint64_t number(struct at_bytes field)
{
    uint64_t n = 0;

    (void)at_bytes_to_u64(field, &n);
    return n;
}

/* Was the lock asked for? Without words every one is. */
static bool is_wanted(const struct at_cli *cli, struct at_bytes name)
{
    for (size_t i = 0; i < cli->word_count; i++) {
        if (at_bytes_equal(at_bytes_of(cli->words[i]), name)) {
            return true;
        }
    }
    return cli->word_count == 0;
}

static void add_row(struct at_table *t, const struct at_bytes *field)
{
    uint64_t token = number(field[TOKEN]);
    char since[32];
    char permits[64];

    at_text_format_duration(number(field[SINCE]), since, sizeof(since));
    (void)snprintf(permits, sizeof(permits), "%llu/%llu", (unsigned long long)number(field[UNITS]),
                   (unsigned long long)number(field[ALL]));
    at_table_bytes(t, field[NAME]);
    at_table_bytes(t, field[STATE]);
    at_table_bytes(t, field[INSTANCE]);
    at_table_u64(t, number(field[SINCE]), since);
    at_table_u64(t, number(field[UNITS]), permits);
    at_table_u64(t, number(field[ALL]), NULL);
    if (token == 0) {
        at_table_null(t);
    } else {
        at_table_u64(t, token, NULL);
    }
    at_table_bool(t, field[MARK].len > 0);
}

static int print_lines(struct at_cli *cli, struct at_bytes lines)
{
    struct at_table t;
    struct at_bytes line;

    at_table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
    while (at_bytes_cut(&lines, '\n', &line)) {
        struct at_bytes field[FIELDS] = {0};
        size_t n = 0;

        while (n < FIELDS && at_bytes_cut(&line, '\t', &field[n])) {
            n++;
        }
        if (n >= MARK && is_wanted(cli, field[NAME])) {
            add_row(&t, field);
        }
    }
    int code = at_table_print(&t, cli);

    at_table_deinit(&t);
    return code;
}

static int ask(struct at_callee *c)
{
    struct atoll_call *call = atoll_call_new();
    const void *out = NULL;
    size_t len = 0;
    int status;
    int code;

    if (call == NULL) {
        return at_cli_fail(c->cli, AT_EXIT_FAILURE, "no call can be made: out of memory");
    }
    atoll_call_set_deadline(call, at_oplink_deadline(c->cli, 10 * AT_SECOND_NS));
    status = atoll_invoke_bytes(call, AT_LOCKS_CONTRACT, "Show", "", 0, &out, &len);
    if (status == ATOLL_OK) {
        code = print_lines(c->cli, at_bytes_over(out, len));
    } else {
        code = at_cli_fail(c->cli,
                           status == ATOLL_DEADLINE_EXCEEDED ? AT_EXIT_TIMEOUT : AT_EXIT_UNKNOWN,
                           "%s", atoll_call_reason(call));
    }
    atoll_call_free(call);
    return code;
}

int at_verb_locks(struct at_cli *cli)
{
    struct at_callee callee;

    at_callee_init(&callee, cli);
    int code = at_place_find(cli, &callee.load.place);

    if (code == 0) {
        code = at_callee_connect(&callee);
    }
    if (code == 0) {
        code = at_callee_become(&callee);
        if (code == 0) {
            code = ask(&callee);
        }
    }
    at_callee_close(&callee);
    return code;
}
