/*
 * atoll up: check the files, start atolld with the plan, show what becomes ready; in the foreground
 * follow the logs until Ctrl-C.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "cli/culprits.h"
#include "cli/guard.h"
#include "cli/launch.h"
#include "cli/load.h"
#include "cli/logprint.h"
#include "cli/logset.h"
#include "cli/oplink.h"
#include "cli/place.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "control/message.h"
#include "control/operator.h"
#include "plan/limits.h"
#include "plan/plan.h"

enum {
    FIRST_LINES = 2000,
    GONE_TRIES = 500,
    STOPPING_PATIENCE_MS = 100, /* for a reader that does not read, once we are to stop */
    EARLY_ENDS_MAX = 3,         /* so often in a row an instance may end before it is ready */
};

/* FAILING: it has failed, but telemetry must first be there to hear what the failed one wrote. */
enum phase { STARTING, RUNNING, FAILING, STOPPING, OVER };

#define LAST_WORDS_NS (2 * AT_SECOND_NS)

struct up {
    struct at_cli *cli;
    struct at_load load;
    struct at_launch launch;
    struct at_oplink link;
    struct at_progress progress;
    struct at_logset *logs;
    struct at_logprint print;
    int signals;
    struct at_guard out; /* a reader that stopped reading must not keep Ctrl-C from us */
    struct at_guard err;
    enum phase phase;
    int code; /* what main gets in the end */
    bool detach;
    bool interrupted; /* Ctrl-C was pressed */
    bool is_left;     /* it runs on without us: detached and ready, or Ctrl-C was pressed twice */
    uint64_t start_request;
    uint64_t down_request;
    uint64_t begin_ns;
    uint64_t begin_wall_ns;
    uint64_t stop_ns;     /* when DOWN was said */
    uint64_t deadline_ns; /* of STARTING and FAILING; 0: none */
    size_t problems;
    char verdict[1025]; /* what START ended with, when not well */
    int ended;          /* the wait status of atolld; -1: not known */
};

/* ---- what is shown ---- */

static void show_addresses(struct up *up)
{
    const struct at_plan *plan = at_config_plan_view(up->load.config);

    for (size_t i = 0; i < plan->listener_count; i++) {
        const struct at_plan_listener *l = &plan->listeners[i];
        bool v6 = strchr(l->address, ':') != NULL;
        struct at_text names;

        at_text_init(&names);
        for (size_t s = 0; s < l->services.count; s++) {
            at_text_addf(&names, "%s%s", s == 0 ? "" : " ", plan->services[l->services.at[s]].name);
        }
        at_cli_say(up->cli, "Gateway  http://%s%s%s:%u  %s", v6 ? "[" : "", l->address,
                   v6 ? "]" : "", l->port, at_text_str(&names));
        at_text_deinit(&names);
    }
}

/* ---- the conversation ---- */

static void begin_down(struct up *up, int code)
{
    struct at_operator_down down = {.request = at_oplink_request(&up->link)};

    if (up->phase == STOPPING) {
        return;
    }
    at_progress_settle(&up->progress);
    up->phase = STOPPING;
    up->stop_ns = at_now_ns();
    up->deadline_ns = 0;
    up->code = code;
    up->down_request = down.request;
    if (at_oplink_send(&up->link, &at_operator_down_kind, &down, NULL, 0) < 0) {
        up->phase = OVER;
    }
}

static int open_logs(struct up *up)
{
    char dir[AT_PLAN_PATH_MAX + 32];
    /* The tail spares reading what earlier runs left; nobody writes more than that until ready. */
    struct at_logset_conf conf = {.dir = dir,
                                  .since_ns = up->begin_wall_ns,
                                  .has_tail = true,
                                  .tail = FIRST_LINES,
                                  .follow = true};
    int r = at_place_logs(&up->load.place, dir, sizeof(dir));

    if (r == 0) {
        r = at_logset_open(&conf, &up->logs);
    }
    if (r == 0) {
        up->print = (struct at_logprint){
            .cli = up->cli, .prefix = true, .width = at_logset_width(up->logs)};
        r = at_logprint_all(&up->print, up->logs);
    }
    return r;
}

/* `atoll down` in another terminal, a signal to atolld, the death of the anchor: an end in order. */
static void on_stopped_by_others(struct up *up, struct at_bytes why)
{
    at_progress_settle(&up->progress);
    at_cli_say(up->cli, "stopping %s: %.*s", up->load.place.system, (int)why.len,
               why.len == 0 ? "" : (const char *)why.at);
    up->phase = STOPPING;
}

/* It has been tried often enough, or for as long as a start may take. */
static bool is_hopeless(const struct up *up, const struct at_progress_row *row)
{
    const struct at_plan *plan = at_config_plan_view(up->load.config);
    int service = at_plan_find(plan, at_bytes_of(row->service));

    if (row->early_ends >= EARLY_ENDS_MAX) {
        return true;
    }
    /* We hear of both ends of a start a little late. */
    return service >= 0 && row->early_ends > 0 &&
           row->longest_start_ns >= plan->services[service].start_timeout_ns / 10 * 9;
}

/* The supervisor would go on for much longer, as it should for a system that runs. */
static void give_up_on_the_hopeless(struct up *up)
{
    for (size_t i = 0; i < up->progress.count; i++) {
        const struct at_progress_row *row = &up->progress.rows[i];

        if (is_hopeless(up, row)) {
            at_progress_settle(&up->progress);
            up->code = row->early_ends >= EARLY_ENDS_MAX
                           ? at_cli_fail(up->cli, AT_EXIT_NOT_READY,
                                         "%s ended %u times before it was ready; giving up",
                                         row->instance, row->early_ends)
                           : at_cli_fail(up->cli, AT_EXIT_NOT_READY,
                                         "%s was not ready in time; giving up", row->instance);
            up->phase = FAILING;
            up->deadline_ns = at_now_ns() + LAST_WORDS_NS;
            return;
        }
    }
}

static void take_event(void *user, struct at_message *message)
{
    struct up *up = user;
    struct at_operator_event e;

    if (message->type != AT_OPERATOR_EVENT ||
        at_message_unpack(&at_operator_event_kind, message->body, &e) != 0) {
        return;
    }
    if (e.type == AT_EVENT_SYSTEM && e.state == AT_LIFE_STOPPING && up->phase == RUNNING) {
        on_stopped_by_others(up, e.reason);
    }
    if (up->phase != STOPPING || up->cli->verbose || up->cli->output == AT_OUTPUT_JSONL) {
        at_progress_event(&up->progress, &e);
    }
    if (up->phase == STARTING) {
        give_up_on_the_hopeless(up);
    }
}

/* Which walls are missing, and with -o json what `atoll ps -o json` prints. */
static void show_rows(struct up *up)
{
    struct at_rows rows;
    size_t words = up->cli->word_count;

    at_rows_init(&rows);
    rows.on_other = take_event;
    rows.user = up;
    up->code = at_rows_ask(up->cli, &up->link, &rows);
    if (up->code == AT_EXIT_OK && rows.count > 0) {
        at_rows_say_walls(up->cli, rows.at[0].walls_missing);
    }
    if (up->code == AT_EXIT_OK && up->cli->output == AT_OUTPUT_JSON) {
        up->cli->word_count = 0;
        up->code = at_rows_print(up->cli, &rows);
        up->cli->word_count = words;
    }
    at_rows_deinit(&rows);
}

static void on_ready(struct up *up)
{
    char took[32];

    at_progress_settle(&up->progress);
    up->phase = RUNNING;
    up->deadline_ns = 0;
    at_text_format_duration(at_now_ns() - up->begin_ns, took, sizeof(took));
    at_cli_say(up->cli, "%s is ready in %s%s", up->load.place.system, took,
               up->detach ? "; stop it: atoll down" : "; Ctrl-C stops it");
    show_addresses(up);
    show_rows(up);
    if (up->detach) {
        up->is_left = true;
        up->phase = OVER;
        return;
    }
    if (!at_cli_has(up->cli, "no-logs") && up->cli->output == AT_OUTPUT_TABLE) {
        int r = open_logs(up);
        if (r < 0) {
            at_cli_fail(up->cli, 0, "the logs cannot be followed: %s", strerror(-r));
        }
    }
}

static void take_problem(struct up *up)
{
    struct at_operator_problem p;
    struct at_diag diag;

    if (at_message_unpack(&at_operator_problem_kind, up->link.in->body, &p) != 0) {
        return;
    }
    at_diag_set(&diag, "%.*s", (int)p.what.len, (const char *)p.what.at);
    if (p.hint.len > 0) {
        at_diag_hint(&diag, "%.*s", (int)p.hint.len, (const char *)p.hint.at);
    }
    if (p.file.len > 0) {
        char file[AT_DIAG_FILE_MAX];

        snprintf(file, sizeof(file), "%.*s", (int)p.file.len, (const char *)p.file.at);
        at_diag_place(&diag, file, (int)p.line, (int)(p.col == 0 ? 1 : p.col));
    }
    at_progress_settle(&up->progress);
    at_cli_diag(up->cli, 0, &diag);
    up->problems++;
}

static void take_result(struct up *up)
{
    struct at_answer answer;

    if (at_oplink_is_result(&up->link, up->down_request, &answer) && up->phase == STOPPING) {
        return; /* it closes now */
    }
    if (!at_oplink_is_result(&up->link, up->start_request, &answer) || up->phase != STARTING) {
        return;
    }
    if (answer.code == AT_OPERATOR_OK) {
        on_ready(up);
        return;
    }
    at_progress_settle(&up->progress);
    snprintf(up->verdict, sizeof(up->verdict), "%s", answer.text);
    int code = AT_EXIT_NOT_READY;

    if (up->problems == 0) {
        code = at_oplink_verdict(up->cli, 0, &answer);
    } else if (answer.code == AT_OPERATOR_BUSY) {
        code = AT_EXIT_FAILURE; /* the problem said who has it */
    } else if (answer.code == AT_OPERATOR_BAD_PLAN) {
        code = AT_EXIT_USAGE;
    }
    up->code = code;
    up->phase = FAILING;
    up->deadline_ns = at_now_ns() + LAST_WORDS_NS;
}

/* Is telemetry still on its way, so that waiting for it is worth something? */
static bool is_telemetry_coming(const struct up *up)
{
    for (size_t i = 0; i < up->progress.count; i++) {
        const struct at_progress_row *row = &up->progress.rows[i];

        if (row->kind == AT_PLAN_TELEMETRY && !row->was_ready) {
            return row->state == AT_LIFE_WAITING || row->state == AT_LIFE_STARTING;
        }
    }
    return false;
}

static void take_message(struct up *up)
{
    if (up->link.in->type == AT_OPERATOR_PROBLEM) {
        take_problem(up);
    } else if (up->link.in->type == AT_OPERATOR_RESULT) {
        take_result(up);
    } else {
        take_event(up, up->link.in);
    }
}

static void on_closed(struct up *up)
{
    char words[1024];

    if (up->phase != STOPPING) {
        at_progress_settle(&up->progress);
        up->code = at_cli_fail(up->cli, AT_EXIT_FAILURE, "atolld ended unexpectedly");
        at_launch_last_words(&up->load.place, &up->launch, words, sizeof(words));
        if (words[0] != '\0') {
            at_cli_fail(up->cli, 0, "its last words:\n%s", words);
        }
    }
    up->phase = OVER;
}

static void on_signal(struct up *up)
{
    struct signalfd_siginfo info;

    while (read(up->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (up->phase == STOPPING && up->interrupted) {
            up->code = AT_EXIT_INTERRUPTED; /* the second one: it stops without us */
            up->is_left = true;
            up->phase = OVER;
            return;
        }
        up->interrupted = true;
        up->out.patience_ms = up->err.patience_ms = STOPPING_PATIENCE_MS;
        if (up->phase != STOPPING) {
            at_progress_settle(&up->progress);
            at_cli_say(up->cli, "\nstopping %s; Ctrl-C again does not wait for it",
                       up->load.place.system);
            begin_down(up, up->phase == RUNNING ? AT_EXIT_OK : AT_EXIT_INTERRUPTED);
        }
    }
}

static void on_timeout(struct up *up)
{
    for (size_t i = 0; i < up->progress.count; i++) {
        struct at_progress_row *row = &up->progress.rows[i];

        row->is_culprit = row->is_culprit || row->state == AT_LIFE_STARTING;
    }
    at_progress_settle(&up->progress);
    begin_down(up, at_cli_fail(up->cli, AT_EXIT_TIMEOUT, "not everything was ready in time"));
}

static void on_logs(struct up *up)
{
    int r = at_logset_again(up->logs);

    up->print.width = at_logset_width(up->logs);
    if (r == 0) {
        r = at_logprint_all(&up->print, up->logs);
    }
    if (r < 0) {
        up->logs = at_logset_close(up->logs);
    }
}

static void turn(struct up *up)
{
    struct pollfd fds[] = {
        {.fd = up->link.sock, .events = POLLIN},
        {.fd = up->signals, .events = POLLIN},
        {.fd = up->logs == NULL ? -1 : at_logset_fd(up->logs), .events = POLLIN},
    };
    int ms = up->deadline_ns == 0 ? -1 : at_until_ms(up->deadline_ns, at_now_ns());

    if (poll(fds, 3, ms) < 0) {
        return;
    }
    if (fds[1].revents != 0) {
        on_signal(up);
    }
    if (fds[2].revents != 0) {
        on_logs(up);
    }
    if (fds[0].revents != 0 && up->phase != OVER) {
        int r = at_oplink_receive(&up->link, 0);
        if (r == 0) {
            take_message(up);
        } else {
            on_closed(up);
        }
    }
    bool is_late = up->deadline_ns != 0 && at_now_ns() >= up->deadline_ns;

    if (up->phase == STARTING && is_late) {
        on_timeout(up);
    } else if (up->phase == FAILING && (is_late || !is_telemetry_coming(up))) {
        begin_down(up, up->code);
    }
}

static int send_start(struct up *up)
{
    struct at_operator_start start = {.request = at_oplink_request(&up->link),
                                      .flags = up->detach ? AT_START_DETACHED : 0};
    int fds[] = {up->load.files.plan_fd, up->load.files.contracts_fd};

    up->start_request = start.request;
    return at_oplink_send(&up->link, &at_operator_start_kind, &start, fds, 2);
}

/* After the socket closed nothing of it may be left when we return. */
static void wait_for_atolld(struct up *up)
{
    for (int i = 0; i < GONE_TRIES; i++) {
        int status = 0;
        pid_t pid = waitpid(up->launch.pid, &status, WNOHANG);

        if (pid != 0) {
            up->ended = pid > 0 ? status : -1;
            return;
        }
        (void)poll(NULL, 0, 10);
    }
    at_cli_say(up->cli, "atolld (pid %d) is still ending", (int)up->launch.pid);
}

static void say_stopped(struct up *up)
{
    char took[32];

    if (up->ended != -1 && WIFSIGNALED(up->ended) && up->code == AT_EXIT_OK) {
        up->code = at_cli_fail(up->cli, AT_EXIT_FAILURE,
                               "atolld was killed by signal %d; %s was stopped with it",
                               WTERMSIG(up->ended), up->load.place.system);
    }

    if (up->interrupted) {
        at_text_format_duration(at_now_ns() - up->stop_ns, took, sizeof(took));
        at_cli_say(up->cli, "%s stopped in %s; state and logs stay in .atoll",
                   up->load.place.system, took);
    }
}

static int run(struct up *up)
{
    struct at_diag diag;
    int r = at_launch_start(&up->load.place, up->cli->verbose, &up->launch, &diag);

    if (r < 0) {
        return at_cli_diag(up->cli, AT_EXIT_FAILURE, &diag);
    }
    up->deadline_ns = at_oplink_deadline(up->cli, 0);
    r = at_oplink_open(&up->link, up->launch.sock, at_now_ns() + 10 * AT_SECOND_NS, &diag);
    if (r == 0) {
        r = send_start(up);
        at_diag_set(r < 0 ? &diag : NULL, "the plan cannot be sent: %s", strerror(-r));
    }
    if (r < 0) {
        char words[1024];

        at_cli_diag(up->cli, 0, &diag);
        at_launch_last_words(&up->load.place, &up->launch, words, sizeof(words));
        return at_cli_fail(up->cli, AT_EXIT_FAILURE, "atolld did not start%s%s",
                           words[0] == '\0' ? "" : ":\n", words);
    }
    while (up->phase != OVER) {
        turn(up);
    }
    at_oplink_close(&up->link);
    if (!up->is_left) {
        wait_for_atolld(up);
        say_stopped(up);
    }
    if (up->code == AT_EXIT_NOT_READY || up->code == AT_EXIT_TIMEOUT) {
        at_culprits_show(&(struct at_culprits){.cli = up->cli,
                                               .place = &up->load.place,
                                               .progress = &up->progress,
                                               .since_ns = up->begin_wall_ns,
                                               .verdict = up->verdict});
    }
    return up->code;
}

static int catch_signals(struct up *up)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    up->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return up->signals < 0 ? -errno : 0;
}

/* run() with streams that a signal interrupts. */
static int run_guarded(struct up *up)
{
    struct at_cli *cli = up->cli;
    FILE *streams[] = {cli->out, cli->err};
    FILE *guarded[2];
    int code;

    (void)fflush(NULL);
    up->out = (struct at_guard){.fd = STDOUT_FILENO, .alarm_fd = up->signals, .patience_ms = -1};
    up->err = (struct at_guard){.fd = STDERR_FILENO, .alarm_fd = up->signals, .patience_ms = -1};
    guarded[0] = at_guard_open(&up->out);
    guarded[1] = at_guard_open(&up->err);
    if (guarded[0] != NULL && guarded[1] != NULL) {
        cli->out = guarded[0];
        cli->err = guarded[1];
    }
    code = run(up);
    cli->out = streams[0];
    cli->err = streams[1];
    for (size_t i = 0; i < 2; i++) {
        if (guarded[i] != NULL) {
            (void)fclose(guarded[i]);
        }
    }
    return code;
}

int at_verb_up(struct at_cli *cli)
{
    struct up up = {.cli = cli,
                    .load = {.files = {.plan_fd = -1, .contracts_fd = -1}},
                    .signals = -1,
                    .ended = -1,
                    .detach = at_cli_has(cli, "detach"),
                    .begin_ns = at_now_ns(),
                    .begin_wall_ns = at_env_wall_ns(at_env_real())};

    at_progress_init(&up.progress, cli);
    int code = at_load(cli, cli->words, cli->word_count, true, &up.load);

    if (code == 0 && catch_signals(&up) < 0) {
        code = at_cli_fail(cli, AT_EXIT_FAILURE, "signals cannot be caught: %s", strerror(errno));
    }
    if (code == 0) {
        code = run_guarded(&up);
    }
    at_logset_close(up.logs);
    at_progress_deinit(&up.progress);
    at_load_deinit(&up.load);
    at_close(&up.signals);
    return code;
}
