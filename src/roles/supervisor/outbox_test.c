/* Promises of the outbox: order, a limit, descriptors that go along. */
#include "roles/supervisor/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/fd.h"
#include "base/socket.h"
#include "control/message.h"
#include "control/operator.h"

struct scene {
    int fds[2];
    struct at_outbox outbox;
    struct at_message *message;
};

static void begin(struct scene *s)
{
    s->message = calloc(1, sizeof(*s->message));
    CHECK(s->message != NULL);
    CHECK_INT(at_socket_pair(s->fds), 0);
    CHECK_INT(at_fd_set_nonblocking(s->fds[0], 1), 0);
    CHECK_INT(at_fd_set_nonblocking(s->fds[1], 1), 0);
    at_outbox_init(&s->outbox);
}

static void end(struct scene *s)
{
    at_outbox_deinit(&s->outbox);
    at_close(&s->fds[0]);
    at_close(&s->fds[1]);
    free(s->message);
}

static int put(struct scene *s, uint64_t request, int fd)
{
    struct at_operator_caller caller = {.request = request};

    return at_outbox_put(&s->outbox, s->fds[0],
                         &(struct at_letter){.kind = &at_operator_caller_kind,
                                             .message = &caller,
                                             .fds = &fd,
                                             .fd_count = fd < 0 ? 0 : 1},
                         4096);
}

/* Fills the socket and the outbox; how many letters went in. */
static uint64_t fill(struct scene *s)
{
    uint64_t n = 0;

    while (put(s, n + 1, -1) == 0) {
        n++;
        CHECK(n < 1000000);
    }
    return n;
}

static uint64_t take(struct scene *s)
{
    struct at_operator_caller caller = {0};

    if (at_message_receive(s->fds[1], s->message) != 0) {
        return 0;
    }
    CHECK_INT(at_message_read(&at_operator_caller_kind, s->message, &caller), 0);
    at_message_clear(s->message);
    return caller.request;
}

TEST(what_fits_the_socket_is_sent_at_once)
{
    struct scene s;

    begin(&s);
    CHECK_INT(put(&s, 7, -1), 0);
    CHECK(at_outbox_is_empty(&s.outbox));
    CHECK_INT((long)take(&s), 7);
    end(&s);
}

TEST(what_does_not_fit_waits_in_order_up_to_the_limit)
{
    struct scene s;
    uint64_t sent;
    uint64_t got = 0;
    uint64_t request;

    begin(&s);
    sent = fill(&s);
    CHECK_INT(put(&s, 0, -1), -ENOBUFS);
    CHECK(s.outbox.bytes <= 4096);
    CHECK_INT(at_outbox_flush(&s.outbox, s.fds[0]), -EAGAIN);
    while ((request = take(&s)) != 0) {
        CHECK(request == ++got);
        (void)at_outbox_flush(&s.outbox, s.fds[0]);
    }
    CHECK(got == sent);
    CHECK(at_outbox_is_empty(&s.outbox));
    end(&s);
}

TEST(a_descriptor_that_waits_is_a_copy)
{
    struct scene s;
    int fd;

    begin(&s);
    while (at_outbox_is_empty(&s.outbox)) {
        fd = dup(STDIN_FILENO);
        CHECK_INT(put(&s, 1, fd), 0);
        at_close(&fd);
    }
    CHECK(take(&s) != 0);
    end(&s); /* the fixture counts what is left open */
}

TEST(a_closed_socket_is_told)
{
    struct scene s;

    begin(&s);
    at_close(&s.fds[1]);
    CHECK_INT(put(&s, 1, -1), -EPIPE);
    end(&s);
}

static void fill_and_drop(struct scene *s)
{
    (void)fill(s);
}

TEST(no_failed_allocation_loses_a_letter_silently)
{
    struct scene s;

    begin(&s);
    (void)fill(&s);
    at_outbox_deinit(&s.outbox);
    WITH_EACH_ALLOCATION_FAILING({
        at_outbox_init(&s.outbox);
        fill_and_drop(&s);
        at_outbox_deinit(&s.outbox);
    });
    at_outbox_init(&s.outbox);
    end(&s);
}

TEST_MAIN("supervisor/outbox")
