#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "at_test.h"
#include "base/fd.h"

/* stderr becomes a pipe that does not block, as the door's does. */
struct fixture {
    int pipe[2];
    int old;
};

static struct fixture set_up(void)
{
    struct fixture f;

    CHECK_INT(pipe2(f.pipe, O_CLOEXEC | O_NONBLOCK), 0);
    f.old = dup(STDERR_FILENO);
    CHECK(f.old >= 0);
    CHECK_INT(dup2(f.pipe[1], STDERR_FILENO), STDERR_FILENO);
    at_log_init("test", AT_LOG_INFO);
    return f;
}

static void tear_down(struct fixture *f)
{
    (void)dup2(f->old, STDERR_FILENO);
    at_close(&f->old);
    at_close(&f->pipe[0]);
    at_close(&f->pipe[1]);
}

static void drain(struct fixture *f)
{
    char in[4096];

    while (read(f->pipe[0], in, sizeof(in)) > 0) {
    }
}

TEST(lines_that_a_full_pipe_does_not_take_are_counted_and_told_once_it_drains)
{
    struct fixture f = set_up();
    char in[4096] = "";
    char page[4096];

    memset(page, '.', sizeof(page));
    while (write(f.pipe[1], page, sizeof(page)) > 0) {
    }
    for (int i = 0; i < 3; i++) {
        at_log(AT_LOG_WARN, "n=%d | lost", i);
    }
    at_log_catch_up(); /* still full: nothing is said and nothing forgotten */
    drain(&f);
    at_log_catch_up();
    CHECK(read(f.pipe[0], in, sizeof(in) - 1) > 0);
    CHECK(strstr(in, " level=warn role=test lines_lost=3 | ") != NULL);
    at_log_catch_up();
    CHECK(read(f.pipe[0], in, sizeof(in)) < 0);
    at_log(AT_LOG_INFO, "n=4 | heard");
    memset(in, 0, sizeof(in));
    CHECK(read(f.pipe[0], in, sizeof(in) - 1) > 0);
    CHECK(strstr(in, "lines_lost") == NULL && strstr(in, "n=4 | heard\n") != NULL);
    tear_down(&f);
}

TEST_MAIN("base/log")
