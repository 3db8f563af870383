/* Stories of a whole atolld with instances that speak the control protocol by hand. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/fd.h"
#include "control/message.h"
#include "control/operator.h"
#include "plan/plan.h"
#include "roles/supervisor/stories/stage.h"

#define STOCK_CONTRACT "shop.stock.v1.StockService"

/* cart.1 wants stock, stock serves. */
static void two_services(struct stage *t)
{
    uint32_t cart = stage_add(t, "cart", "want", "stock");
    uint32_t stock = stage_add(t, "stock", "serve", STOCK_CONTRACT);

    stage_serves(t, stock, STOCK_CONTRACT);
    stage_uses(t, cart, stock);
}

TEST(a_system_comes_up_and_goes_down_and_leaves_nothing)
{
    struct stage t;
    struct stage_row row;

    if (!stage_open(&t)) {
        return;
    }
    two_services(&t);
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    CHECK(stage_ps(&t, "cart.1", &row));
    CHECK_INT((long)row.state, AT_LIFE_READY);
    CHECK(row.pid != 0 && row.reaper_pid != 0 && row.pid != row.reaper_pid);
    CHECK(stage_heard(&t, "cart.1", "open client stock.1"));
    CHECK(stage_heard(&t, "stock.1", "open server cart.1"));
    CHECK_INT(stage_down(&t), 0);
    CHECK_INT(stage_count(&t, "cart.1", "stop"), 1);
    stage_close(&t);
}

TEST(a_killed_instance_is_back_at_once_and_its_peer_gets_a_new_channel)
{
    struct stage t;
    struct stage_row before;
    struct stage_row cart;
    struct stage_row after;

    if (!stage_open(&t)) {
        return;
    }
    two_services(&t);
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    CHECK(stage_heard(&t, "cart.1", "open client stock.1"));
    before = stage_wait_for(&t, "stock.1", AT_LIFE_READY);
    cart = stage_wait_for(&t, "cart.1", AT_LIFE_READY);
    CHECK_INT(kill((pid_t)before.pid, SIGKILL), 0);
    after = stage_wait_for_other(&t, "stock.1", before.pid);
    CHECK_INT((long)after.restarts, 1);
    CHECK(strstr(after.last_exit, "signal 9") != NULL);
    CHECK(stage_heard(&t, "cart.1", "gone stock.1 was killed by signal 9"));
    CHECK(stage_heard(&t, "stock.1", "open server cart.1"));
    CHECK_INT((long)stage_wait_for(&t, "cart.1", AT_LIFE_READY).pid, (long)cart.pid);
    for (int i = 0; i < 2000 && stage_count(&t, "cart.1", "open client") < 2; i++) {
        (void)usleep(1000);
    }
    CHECK_INT(stage_count(&t, "cart.1", "open client"), 2);
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

TEST(instances_start_in_the_order_of_readiness)
{
    struct stage t;
    uint32_t first;
    uint32_t second;

    if (!stage_open(&t)) {
        return;
    }
    second = stage_add(&t, "second", "serve", NULL);
    first = stage_add(&t, "first", "late", NULL);
    stage_depends(&t, first, second);
    t.services[first].start_timeout_ns = 300 * AT_MILLISECOND_NS;
    t.services[first].restart = AT_PLAN_RESTART_NO;
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_NOT_READY);
    CHECK(strstr(t.last_reason, "not ready within 0.3 s") != NULL);
    CHECK_INT((long)stage_wait_for(&t, "second.1", AT_LIFE_WAITING).pid, 0);
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

TEST(a_job_that_ends_well_lets_go_on_what_waits_for_it)
{
    struct stage t;
    uint32_t job;
    uint32_t after;

    if (!stage_open(&t)) {
        return;
    }
    after = stage_add(&t, "after", "serve", NULL);
    job = stage_add(&t, "job", "die", "0");
    t.services[job].restart = AT_PLAN_RESTART_NO;
    t.services[job].ready = AT_PLAN_READY_EXEC;
    stage_depends(&t, job, after);
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    CHECK_INT((long)stage_wait_for(&t, "job.1", AT_LIFE_DOWN).restarts, 0);
    (void)stage_wait_for(&t, "after.1", AT_LIFE_READY);
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

TEST(a_plain_program_that_ends_at_once_was_never_ready)
{
    struct stage t;

    if (!stage_open(&t)) {
        return;
    }
    t.services[stage_add(&t, "sick", "die", "3")].ready = AT_PLAN_READY_EXEC;
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_NOT_READY);
    CHECK(strstr(t.last_reason, "exited with code 3") != NULL);
    CHECK(strstr(t.last_reason, "times in a row before it was ready") != NULL);
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

TEST(an_instance_that_ends_before_ready_backs_off_and_fails_with_its_reason)
{
    struct stage t;
    struct stage_row row;

    if (!stage_open(&t)) {
        return;
    }
    (void)stage_add(&t, "sick", "die", "3");
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_NOT_READY);
    CHECK(strstr(t.last_reason, "exited with code 3") != NULL);
    CHECK(strstr(t.last_reason, "times in a row before it was ready") != NULL);
    row = stage_wait_for(&t, "sick.1", AT_LIFE_FAILED);
    CHECK(row.restarts >= 3);
    CHECK_INT(stage_count(&t, "sick.1", "born"), (int)row.restarts + 1);
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

TEST(a_kill_of_the_supervisor_is_seen_by_nobody)
{
    struct stage t;
    struct stage_row cart;
    struct stage_row stock;
    pid_t anchor;
    pid_t supervisor;
    pid_t next;

    if (!stage_open(&t)) {
        return;
    }
    two_services(&t);
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    CHECK(stage_heard(&t, "cart.1", "open client stock.1"));
    cart = stage_wait_for(&t, "cart.1", AT_LIFE_READY);
    stock = stage_wait_for(&t, "stock.1", AT_LIFE_READY);
    for (int round = 1; round <= 3; round++) {
        stage_pids(&t, &anchor, &supervisor);
        CHECK_INT(anchor, t.anchor);
        CHECK_INT(kill(supervisor, SIGKILL), 0);
        for (int i = 0; i < 5000 && stage_count(&t, "cart.1", "resume") < round; i++) {
            (void)usleep(1000);
        }
        CHECK_INT(stage_count(&t, "cart.1", "resume"), round);
        stage_pids(&t, &anchor, &next);
        CHECK(next != supervisor);
    }
    CHECK_INT((long)stage_wait_for(&t, "cart.1", AT_LIFE_READY).pid, (long)cart.pid);
    CHECK_INT((long)stage_wait_for(&t, "stock.1", AT_LIFE_READY).pid, (long)stock.pid);
    CHECK_INT(stage_count(&t, "cart.1", "open client"), 1);
    CHECK_INT(stage_count(&t, "cart.1", "gone"), 0);
    /* The new one holds the reins: it restarts what dies, connects it, and says so. */
    CHECK_INT(kill((pid_t)stock.pid, SIGKILL), 0);
    CHECK(stage_saw(&t, "stock.1", AT_LIFE_STARTING));
    CHECK(stage_saw(&t, "stock.1", AT_LIFE_READY));
    (void)stage_wait_for_other(&t, "stock.1", stock.pid);
    CHECK(stage_heard(&t, "cart.1", "gone stock.1 was killed by signal 9"));
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

/* Kills the supervisor; returns when the next one has said RESUME to the instance. */
static void replace_supervisor(struct stage *t, pid_t supervisor, const char *instance)
{
    int before = stage_count(t, instance, "resume");

    CHECK_INT(kill(supervisor, SIGKILL), 0);
    for (int i = 0; i < 5000 && stage_count(t, instance, "resume") == before; i++) {
        (void)usleep(1000);
    }
    CHECK_INT(stage_count(t, instance, "resume"), before + 1);
}

TEST(a_program_that_only_calls_keeps_its_channels_over_the_death_of_the_supervisor)
{
    struct stage t;
    struct stage_row cart;
    struct stage_row stock;
    pid_t anchor;
    pid_t supervisor;

    if (!stage_open(&t)) {
        return;
    }
    two_services(&t);
    t.services[0].ready = AT_PLAN_READY_EXEC;
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    CHECK(stage_heard(&t, "cart.1", "open client stock.1"));
    cart = stage_wait_for(&t, "cart.1", AT_LIFE_READY);
    stock = stage_wait_for(&t, "stock.1", AT_LIFE_READY);
    stage_pids(&t, &anchor, &supervisor);
    replace_supervisor(&t, supervisor, "cart.1");
    CHECK_INT((long)stage_wait_for(&t, "cart.1", AT_LIFE_READY).pid, (long)cart.pid);
    CHECK_INT(stage_count(&t, "cart.1", "open client"), 1);
    CHECK_INT(kill((pid_t)stock.pid, SIGKILL), 0);
    (void)stage_wait_for_other(&t, "stock.1", stock.pid);
    CHECK(stage_heard(&t, "cart.1", "gone stock.1 was killed by signal 9"));
    for (int i = 0; i < 5000 && stage_count(&t, "cart.1", "open client") < 2; i++) {
        (void)usleep(1000);
    }
    CHECK_INT(stage_count(&t, "cart.1", "open client"), 2);
    CHECK_INT((long)stage_wait_for(&t, "cart.1", AT_LIFE_READY).pid, (long)cart.pid);
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

TEST(files_that_moved_since_the_start_do_not_matter_to_the_next_supervisor)
{
    struct stage t;
    struct stage_row cart;
    struct stage_row stock;
    pid_t anchor;
    pid_t supervisor;
    char libexec[128];
    char elsewhere[160];
    at_auto_free
    char *reaper = NULL;
    size_t len = 0;

    if (!stage_open(&t)) {
        return;
    }
    two_services(&t);
    (void)snprintf(libexec, sizeof(libexec), "%s/libexec", t.project);
    (void)snprintf(elsewhere, sizeof(elsewhere), "%s/atoll-reaper", libexec);
    CHECK_INT(mkdir(libexec, 0755), 0);
    CHECK_INT(at_fd_read_file(AT_FDCWD, REAPER_DIR "/atoll-reaper", 64 << 20, &reaper, &len), 0);
    CHECK_INT(at_fd_write_file(AT_FDCWD, elsewhere, at_bytes_over(reaper, len), 0755), 0);
    CHECK_INT(chmod(elsewhere, 0755), 0);
    t.libexec = libexec;
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    CHECK(stage_heard(&t, "cart.1", "open client stock.1"));
    cart = stage_wait_for(&t, "cart.1", AT_LIFE_READY);
    stock = stage_wait_for(&t, "stock.1", AT_LIFE_READY);
    (void)snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", t.project);
    CHECK_INT(rename(libexec, elsewhere), 0);
    CHECK_INT(unlink(t.uids), 0);
    CHECK_INT(mkdir(t.uids, 0755), 0); /* nothing can be allotted any more */
    stage_pids(&t, &anchor, &supervisor);
    replace_supervisor(&t, supervisor, "cart.1");
    CHECK_INT((long)stage_wait_for(&t, "cart.1", AT_LIFE_READY).pid, (long)cart.pid);
    CHECK_INT(kill((pid_t)stock.pid, SIGKILL), 0);
    (void)stage_wait_for_other(&t, "stock.1", stock.pid); /* with the reaper that was kept */
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

TEST(what_a_starting_instance_says_while_no_supervisor_listens_is_not_held_against_it)
{
    struct stage t;
    struct stage_row cart;
    pid_t anchor;
    pid_t supervisor;

    if (!stage_open(&t)) {
        return;
    }
    two_services(&t);
    t.args[0][1] = "slow";
    stage_launch(&t);
    CHECK(stage_heard(&t, "cart.1", "welcome"));
    cart = stage_wait_for(&t, "cart.1", AT_LIFE_STARTING);
    stage_pids(&t, &anchor, &supervisor);
    CHECK_INT(kill(supervisor, SIGSTOP), 0);
    CHECK(stage_heard(&t, "cart.1", "said"));
    replace_supervisor(&t, supervisor, "cart.1");
    CHECK_INT((long)stage_wait_for(&t, "cart.1", AT_LIFE_READY).pid, (long)cart.pid);
    CHECK(stage_heard(&t, "cart.1", "open client stock.1"));
    CHECK_INT((long)stage_wait_for(&t, "cart.1", AT_LIFE_READY).restarts, 0);
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

TEST(a_service_has_not_failed_while_one_of_its_replicas_may_still_come)
{
    struct stage t;
    uint32_t cart;
    uint32_t stock;
    pid_t anchor;
    pid_t supervisor;

    if (!stage_open(&t)) {
        return;
    }
    cart = stage_add(&t, "cart", "want", "stock");
    stock = stage_add(&t, "stock", "twin", NULL);
    stage_serves(&t, stock, STOCK_CONTRACT);
    stage_uses(&t, cart, stock);
    t.services[stock].replicas = 2;
    t.services[stock].start_timeout_ns = 60 * AT_SECOND_NS;
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_NOT_READY);
    (void)stage_wait_for(&t, "stock.2", AT_LIFE_FAILED);
    (void)stage_wait_for(&t, "stock.1", AT_LIFE_STARTING);
    CHECK(stage_heard(&t, "cart.1", "edge 1"));
    stage_pids(&t, &anchor, &supervisor);
    replace_supervisor(&t, supervisor, "cart.1");
    for (int i = 0; i < 5000 && stage_count(&t, "cart.1", "edge 1") < 2; i++) {
        (void)usleep(1000);
    }
    CHECK_INT(stage_count(&t, "cart.1", "edge 1"), 2);
    CHECK_INT(stage_count(&t, "cart.1", "edge 4"), 0);
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

TEST(an_instance_that_dies_together_with_the_supervisor_is_started_again)
{
    struct stage t;
    struct stage_row stock;
    struct stage_row after;
    pid_t anchor;
    pid_t supervisor;

    if (!stage_open(&t)) {
        return;
    }
    two_services(&t);
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    CHECK(stage_heard(&t, "cart.1", "open client stock.1"));
    stock = stage_wait_for(&t, "stock.1", AT_LIFE_READY);
    stage_pids(&t, &anchor, &supervisor);
    CHECK_INT(kill(supervisor, SIGSTOP), 0);
    CHECK_INT(kill((pid_t)stock.pid, SIGKILL), 0);
    CHECK_INT(kill(supervisor, SIGKILL), 0);
    (void)usleep(50000);
    after = stage_wait_for_other(&t, "stock.1", stock.pid);
    CHECK(strstr(after.last_exit, "signal 9") != NULL);
    CHECK(stage_heard(&t, "cart.1", "gone"));
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

TEST(the_death_of_the_anchor_ends_the_system_cleanly)
{
    struct stage t;

    if (!stage_open(&t)) {
        return;
    }
    two_services(&t);
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    CHECK(stage_heard(&t, "cart.1", "open client stock.1"));
    CHECK_INT(kill(t.anchor, SIGKILL), 0);
    CHECK_INT(stage_wait(&t), -SIGKILL);
    while (at_message_receive(t.operator_fd, t.message) == 0) {
    }
    stage_check_nothing_left(&t);
    CHECK_INT(stage_count(&t, "cart.1", "stop"), 1);
    stage_close(&t);
}

TEST(supervisors_that_all_die_young_end_the_system_and_the_next_start_sweeps)
{
    struct stage t;
    int code = 0;
    uint64_t deadline;

    if (!stage_open(&t)) {
        return;
    }
    two_services(&t);
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    deadline = at_now_ns() + 25 * AT_SECOND_NS;
    while (!stage_has_ended(&t, &code)) {
        pid_t supervisor = stage_find_supervisor(&t);

        CHECK(at_now_ns() < deadline);
        if (supervisor > 0) {
            CHECK(kill(supervisor, SIGKILL) == 0 || errno == ESRCH);
        }
        (void)usleep(5000);
    }
    CHECK_INT(code, 70);
    at_close(&t.operator_fd);
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

TEST(the_end_of_the_terminal_is_the_end_of_the_system)
{
    struct stage t;

    if (!stage_open(&t)) {
        return;
    }
    two_services(&t);
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    at_close(&t.operator_fd);
    CHECK_INT(stage_wait(&t), 0);
    stage_check_nothing_left(&t);
    stage_close(&t);
}

TEST(a_second_system_of_the_same_name_is_refused_with_the_pid_of_the_first)
{
    struct stage t;
    struct stage second;
    char pid[32];

    if (!stage_open(&t) || !stage_open(&second)) {
        return;
    }
    two_services(&t);
    two_services(&second);
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    CHECK_INT((long)stage_up(&second), AT_OPERATOR_BUSY);
    (void)snprintf(pid, sizeof(pid), "pid %d)", (int)t.anchor);
    CHECK(strstr(second.last_reason, pid) != NULL);
    CHECK_INT(stage_wait(&second), 1);
    (void)stage_wait_for(&t, "cart.1", AT_LIFE_READY);
    CHECK_INT(stage_down(&t), 0);
    stage_close(&second);
    stage_close(&t);
}

TEST(everything_that_stands_in_the_way_is_told_and_nothing_is_started)
{
    struct stage t;
    uint32_t a;
    uint32_t b;
    char blocker[96];

    if (!stage_open(&t)) {
        return;
    }
    a = stage_add(&t, "absent", "serve", NULL);
    b = stage_add(&t, "plain", "serve", NULL);
    t.services[a].executable = "/nowhere/absent";
    (void)snprintf(blocker, sizeof(blocker), "%s/uids2", t.project);
    CHECK_INT(at_fd_write_file(AT_FDCWD, blocker, AT_LIT("x"), 0644), 0);
    t.services[b].executable = blocker;
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_CANNOT);
    CHECK(strstr(t.last_reason, "/nowhere/absent") != NULL);
    CHECK(strstr(t.last_reason, "and 1 more") != NULL);
    CHECK_INT(stage_wait(&t), 1);
    stage_check_nothing_left(&t);
    stage_close(&t);
}

static void one_liar(const char *play, const char *with, const char *reason)
{
    struct stage t;
    uint32_t liar;
    uint32_t stock;
    struct stage_row row;

    if (!stage_open(&t)) {
        return;
    }
    liar = stage_add(&t, "liar", play, with);
    stock = stage_add(&t, "stock", "serve", STOCK_CONTRACT);
    stage_serves(&t, stock, STOCK_CONTRACT);
    stage_uses(&t, liar, stock);
    t.services[liar].restart = AT_PLAN_RESTART_NO;
    stage_launch(&t);
    (void)stage_result(&t);
    row = stage_wait_for(&t, "liar.1", AT_LIFE_FAILED);
    if (strstr(row.last_exit, reason) == NULL) {
        ck_abort_msg("\"%s\" lacks \"%s\"", row.last_exit, reason);
    }
    CHECK_INT((long)stage_wait_for(&t, "stock.1", AT_LIFE_READY).restarts, 0);
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

TEST(who_floods_its_control_socket_is_ended_with_that_reason)
{
    one_liar("flood", NULL, "floods its control socket");
}

TEST(who_sends_garbage_is_ended_with_that_reason)
{
    one_liar("garbage", NULL, "malformed message");
}

TEST(who_never_reads_is_ended_with_that_reason)
{
    one_liar("deaf", "stock", "control socket");
}

TEST(who_serves_what_was_not_granted_is_refused_with_that_reason)
{
    one_liar("greedy", "shop.bank.v1.Vault", "wants to serve the contract shop.bank.v1.Vault");
}

TEST(who_closes_its_control_socket_and_lives_on_is_ended_with_that_reason)
{
    one_liar("hermit", NULL, "closed its control socket and lives on");
}

TEST(who_does_not_stop_is_killed_after_its_grace)
{
    struct stage t;
    uint64_t before;

    if (!stage_open(&t)) {
        return;
    }
    (void)stage_add(&t, "stubborn", "stubborn", NULL);
    t.services[0].stop_grace_ns = 200 * AT_MILLISECOND_NS;
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    before = at_now_ns();
    CHECK_INT(stage_down(&t), 0);
    CHECK(at_now_ns() - before >= 200 * AT_MILLISECOND_NS);
    CHECK(at_now_ns() - before < 5 * AT_SECOND_NS);
    stage_close(&t);
}

TEST(an_undeclared_peer_is_denied_and_a_missing_one_is_waited_for)
{
    struct stage t;
    uint32_t stock;

    if (!stage_open(&t)) {
        return;
    }
    (void)stage_add(&t, "spy", "want", "stock");
    stock = stage_add(&t, "stock", "serve", STOCK_CONTRACT);
    stage_serves(&t, stock, STOCK_CONTRACT);
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    CHECK(stage_heard(&t, "spy.1", "edge 2 \"spy\" may not call \"stock\""));
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

TEST(an_instance_of_a_later_version_is_welcomed_with_ours)
{
    struct stage t;

    if (!stage_open(&t)) {
        return;
    }
    (void)stage_add(&t, "newer", "future", NULL);
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    CHECK(stage_heard(&t, "newer.1", "welcome 1 newer.1"));
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

TEST(a_supervisor_of_a_later_version_welcomes_todays_instance)
{
    struct stage t;
    struct stage_row cart;
    pid_t anchor;
    pid_t supervisor;

    if (!stage_open(&t)) {
        return;
    }
    t.daemon = ATOLLD_NEXT_PATH;
    two_services(&t);
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    CHECK(stage_heard(&t, "cart.1", "welcome 1 cart.1"));
    CHECK(stage_heard(&t, "cart.1", "open client stock.1"));
    cart = stage_wait_for(&t, "cart.1", AT_LIFE_READY);
    stage_pids(&t, &anchor, &supervisor);
    CHECK_INT(kill(supervisor, SIGKILL), 0);
    CHECK(stage_heard(&t, "cart.1", "resume"));
    CHECK_INT((long)stage_wait_for(&t, "cart.1", AT_LIFE_READY).pid, (long)cart.pid);
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

static void make_owned(const struct stage *t, const char *name, uid_t uid, mode_t type)
{
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/.atoll%s", t->project, name);
    CHECK_INT(type == S_IFDIR ? mkdir(path, 0755)
                              : at_fd_write_file(AT_FDCWD, path, AT_LIT("x"), 0600),
              0);
    CHECK_INT(chown(path, uid, uid), 0);
}

static uid_t owner(const struct stage *t, const char *name)
{
    char path[160];
    struct stat st;

    (void)snprintf(path, sizeof(path), "%s/.atoll%s", t->project, name);
    CHECK_INT(lstat(path, &st), 0);
    return st.st_uid;
}

TEST(the_state_of_a_project_that_was_moved_belongs_to_its_service_again)
{
    struct stage t;

    if (!stage_open(&t)) {
        return;
    }
    (void)stage_add(&t, "stock", "serve", NULL);
    make_owned(&t, "", 0, S_IFDIR);
    make_owned(&t, "/state", 0, S_IFDIR);
    make_owned(&t, "/state/stock", 300777, S_IFDIR);
    make_owned(&t, "/state/stock/mine", 300777, S_IFREG);
    make_owned(&t, "/state/stock/another's", 300778, S_IFREG);
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    CHECK_INT((long)owner(&t, "/state/stock"), 300000);
    CHECK_INT((long)owner(&t, "/state/stock/mine"), 300000);
    CHECK_INT((long)owner(&t, "/state/stock/another's"), 300778);
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

TEST(an_operator_that_sends_garbage_or_never_reads_hurts_nobody)
{
    struct stage t;
    struct at_operator_ps ps = {.request = 1};
    int rude;
    int deaf;

    if (!stage_open(&t)) {
        return;
    }
    two_services(&t);
    CHECK_INT((long)stage_up(&t), AT_OPERATOR_OK);
    rude = stage_connect(&t);
    CHECK(send(rude, "rubbish", 7, MSG_NOSIGNAL) == 7);
    deaf = stage_connect(&t);
    CHECK_INT(at_fd_set_nonblocking(deaf, 1), 0);
    for (int i = 0; i < 20000; i++) {
        if (at_message_send(deaf, &at_operator_ps_kind, &ps, NULL, 0) == -EPIPE) {
            break;
        }
    }
    (void)stage_wait_for(&t, "cart.1", AT_LIFE_READY);
    at_close(&rude);
    at_close(&deaf);
    CHECK_INT(stage_down(&t), 0);
    stage_close(&t);
}

TEST_MAIN("supervisor/stories")
