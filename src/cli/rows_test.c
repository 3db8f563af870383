#include "cli/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/socket.h"
#include "cli/cli.h"
#include "cli/oplink.h"
#include "cli/progress.h"
#include "control/message.h"
#include "control/operator.h"

/* A supervisor that says one thing after another, whatever it hears. */
struct pair {
    int ours;
    struct at_oplink link;
    struct at_cli cli;
    char *err;
    size_t err_len;
    char *out;
    size_t out_len;
};

static void begin(struct pair *p)
{
    int fds[2];
    struct at_diag diag;
    struct at_operator_welcome welcome = {
        .version = 1, .system = AT_LIT("shop"), .walls_missing = AT_LIT("no cgroup\n")};

    *p = (struct pair){.cli = {.output = AT_OUTPUT_TABLE}};
    p->cli.err = open_memstream(&p->err, &p->err_len);
    p->cli.out = open_memstream(&p->out, &p->out_len);
    CHECK_INT(at_socket_pair(fds), 0);
    p->ours = fds[0];
    CHECK_INT(at_message_send(p->ours, &at_operator_welcome_kind, &welcome, NULL, 0), 0);
    CHECK_INT(at_oplink_open(&p->link, fds[1], at_now_ns() + AT_SECOND_NS, &diag), 0);
}

static void end(struct pair *p)
{
    at_oplink_close(&p->link);
    close(p->ours);
    fclose(p->cli.err);
    fclose(p->cli.out);
    free(p->err);
    free(p->out);
}

static void say_row(struct pair *p, const char *service, const char *instance, uint32_t state)
{
    struct at_operator_row row = {.request = 1,
                                  .service = at_bytes_of(service),
                                  .instance = at_bytes_of(instance),
                                  .kind = 1,
                                  .state = state,
                                  .pid = 812,
                                  .memory_bytes = 3250585};

    CHECK_INT(at_message_send(p->ours, &at_operator_row_kind, &row, NULL, 0), 0);
}

static void say_result(struct pair *p, uint32_t code, const char *text)
{
    struct at_operator_result result = {.request = 1, .code = code, .text = at_bytes_of(text)};

    CHECK_INT(at_message_send(p->ours, &at_operator_result_kind, &result, NULL, 0), 0);
}

TEST(rows_come_until_the_result_and_are_printed)
{
    struct pair p;
    struct at_rows rows;

    begin(&p);
    at_rows_init(&rows);
    say_row(&p, "cart", "cart.1", AT_LIFE_READY);
    say_row(&p, "stock", "stock.1", AT_LIFE_FAILED);
    say_result(&p, AT_OPERATOR_OK, "");
    CHECK_INT(at_rows_ask(&p.cli, &p.link, &rows), AT_EXIT_OK);
    CHECK(rows.count == 2);
    p.cli.output = AT_OUTPUT_JSONL;
    CHECK_INT(at_rows_print(&p.cli, &rows), AT_EXIT_OK);
    fflush(p.cli.out);
    CHECK(
        strstr(p.out,
               "{\"service\":\"cart\",\"instance\":\"cart.1\",\"state\":\"ready\",\"pid\":812,") ==
        p.out);
    CHECK(strstr(p.out, "\"memory_bytes\":3250585") != NULL);
    CHECK(strstr(p.out, "\"memory_limit_bytes\":null") != NULL);
    at_rows_deinit(&rows);
    end(&p);
}

TEST(a_name_that_is_neither_service_nor_instance_is_unknown)
{
    struct pair p;
    struct at_rows rows;

    begin(&p);
    at_rows_init(&rows);
    say_row(&p, "cart", "cart.1", AT_LIFE_READY);
    say_result(&p, AT_OPERATOR_OK, "");
    CHECK_INT(at_rows_ask(&p.cli, &p.link, &rows), AT_EXIT_OK);
    p.cli.words[0] = "cart.1";
    p.cli.word_count = 1;
    CHECK_INT(at_rows_check_words(&p.cli, &rows), 0);
    p.cli.words[0] = "carr";
    CHECK_INT(at_rows_check_words(&p.cli, &rows), AT_EXIT_UNKNOWN);
    fflush(p.cli.err);
    CHECK(strstr(p.err, "did you mean \"cart\"?") != NULL);
    at_rows_deinit(&rows);
    end(&p);
}

static int verdict_of(uint32_t code)
{
    struct pair p;
    struct at_rows rows;

    begin(&p);
    at_rows_init(&rows);
    say_result(&p, code, "because");
    int exit = at_rows_ask(&p.cli, &p.link, &rows);

    fflush(p.cli.err);
    CHECK(code == AT_OPERATOR_OK || strstr(p.err, "because") != NULL);
    at_rows_deinit(&rows);
    end(&p);
    return exit;
}

TEST(each_result_has_its_exit_code)
{
    CHECK_INT(verdict_of(AT_OPERATOR_OK), AT_EXIT_OK);
    CHECK_INT(verdict_of(AT_OPERATOR_REFUSED), AT_EXIT_FAILURE);
    CHECK_INT(verdict_of(AT_OPERATOR_BUSY), AT_EXIT_FAILURE);
    CHECK_INT(verdict_of(AT_OPERATOR_BAD_PLAN), AT_EXIT_USAGE);
    CHECK_INT(verdict_of(AT_OPERATOR_CANNOT), AT_EXIT_NOT_READY);
    CHECK_INT(verdict_of(AT_OPERATOR_NOT_READY), AT_EXIT_NOT_READY);
    CHECK_INT(verdict_of(AT_OPERATOR_UNKNOWN), AT_EXIT_UNKNOWN);
    CHECK_INT(verdict_of(AT_OPERATOR_STOPPED), AT_EXIT_NOT_RUNNING);
    CHECK_INT(verdict_of(99), AT_EXIT_FAILURE);
}

TEST(a_supervisor_that_is_silent_closes_or_lies_ends_the_verb_with_its_code)
{
    struct pair p;
    struct at_rows rows;

    begin(&p);
    at_rows_init(&rows);
    p.cli.timeout_ns = 10 * AT_MILLISECOND_NS;
    CHECK_INT(at_rows_ask(&p.cli, &p.link, &rows), AT_EXIT_TIMEOUT);
    CHECK(send(p.ours, "x", 1, 0) == 1);
    CHECK_INT(at_rows_ask(&p.cli, &p.link, &rows), AT_EXIT_FAILURE);
    close(p.ours);
    p.ours = -1;
    int code = at_rows_ask(&p.cli, &p.link, &rows);
    CHECK(code == AT_EXIT_NOT_RUNNING || code == AT_EXIT_FAILURE);
    at_rows_deinit(&rows);
    end(&p);
}

TEST(a_welcome_that_is_none_is_refused)
{
    int fds[2];
    struct at_oplink link;
    struct at_diag diag;
    struct at_operator_result refused = {.code = AT_OPERATOR_REFUSED, .text = AT_LIT("too old")};

    CHECK_INT(at_socket_pair(fds), 0);
    CHECK_INT(at_message_send(fds[0], &at_operator_result_kind, &refused, NULL, 0), 0);
    CHECK(at_oplink_open(&link, fds[1], at_now_ns() + AT_SECOND_NS, &diag) < 0);
    CHECK(strstr(diag.what, "too old") != NULL);
    close(fds[0]);
}

static void show(struct at_progress *p, const char *instance, uint32_t state, const char *reason)
{
    struct at_operator_event e = {.type = AT_EVENT_STATE,
                                  .service = AT_LIT("cart"),
                                  .instance = at_bytes_of(instance),
                                  .state = state,
                                  .took_ns = 41 * AT_MILLISECOND_NS,
                                  .reason = at_bytes_of(reason)};

    at_progress_event(p, &e);
}

TEST(in_a_pipe_progress_is_plain_lines)
{
    struct at_cli cli = {.output = AT_OUTPUT_TABLE};
    struct at_progress p;
    char *err = NULL;
    size_t len;

    cli.err = open_memstream(&err, &len);
    at_progress_init(&p, &cli);
    show(&p, "cart.1", AT_LIFE_WAITING, "");
    show(&p, "cart.1", AT_LIFE_STARTING, "");
    show(&p, "cart.1", AT_LIFE_READY, "");
    show(&p, "cart.2", AT_LIFE_BACKING_OFF, "cart.2 exited with code 1\033[2J");
    show(&p, "cart.1", AT_LIFE_STARTING, "cart.1 was killed by signal 9");
    CHECK_INT(p.rows[0].early_ends, 0);
    for (int i = 0; i < 3; i++) {
        show(&p, "cart.2", AT_LIFE_STARTING, "");
        show(&p, "cart.2", AT_LIFE_BACKING_OFF, "cart.2 exited with code 1\033[2J");
    }
    CHECK_INT(p.rows[1].early_ends, 3);
    fclose(cli.err);
    CHECK_STR(err, "cart.1    ready  41 ms\n"
                   "cart.2    backing off: exited with code 1\\x1b[2J\n"
                   "cart.1    starting again: was killed by signal 9\n");
    CHECK(p.rows[1].is_culprit && !p.rows[0].is_culprit);
    CHECK(at_progress_ready(&p) == 0);
    at_progress_deinit(&p);
    free(err);
}

TEST(on_a_terminal_progress_is_drawn_over_itself)
{
    struct at_cli cli = {.output = AT_OUTPUT_TABLE, .err_is_tty = true, .err_colour = true};
    struct at_progress p;
    char *err = NULL;
    size_t len;

    cli.err = open_memstream(&err, &len);
    at_progress_init(&p, &cli);
    show(&p, "cart.1", AT_LIFE_STARTING, "");
    show(&p, "cart.1", AT_LIFE_READY, "");
    fflush(cli.err);
    CHECK(strstr(err, "\033[1A") != NULL);
    CHECK(strstr(err, "\033[32m") != NULL);
    at_progress_settle(&p);
    fclose(cli.err);
    at_progress_deinit(&p);
    free(err);
}

TEST_MAIN("cli/rows")
