/* Promises of roles/supervisor/vault.h: what the anchor says while it restores. */
#include "roles/supervisor/vault.h"

#include <stdint.h>
#include <stdlib.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/fd.h"
#include "base/socket.h"
#include "control/anchor.h"
#include "control/message.h"
#include "roles/supervisor/system.h"

struct scene {
    struct at_system *system;
    int anchor;
};

static void begin(struct scene *s)
{
    int pair[2];

    s->system = calloc(1, sizeof(*s->system));
    CHECK(s->system != NULL);
    s->system->message = calloc(1, sizeof(*s->system->message));
    CHECK(s->system->message != NULL);
    CHECK_INT(at_socket_pair(pair), 0);
    CHECK_INT(at_fd_set_nonblocking(pair[0], 1), 0);
    s->system->anchor_sock = pair[0];
    s->anchor = pair[1];
}

static void finish(struct scene *s)
{
    at_close(&s->anchor);
    at_close(&s->system->anchor_sock);
    free(s->system->message);
    free(s->system);
}

static void say_exited(const struct scene *s, uint32_t pid, uint32_t status)
{
    const struct at_anchor_exited exited = {.pid = pid, .status = status};

    CHECK_INT(at_message_send(s->anchor, &at_anchor_exited_kind, &exited, NULL, 0), 0);
}

TEST(ends_that_nobody_heard_of_come_before_restored_and_are_kept)
{
    const struct at_anchor_entry entry = {.name = AT_LIT("plan"), .record = AT_LIT("x")};
    const struct at_anchor_restored restored = {.supervisors = 2, .anchor_pid = 7};
    struct at_kept_list kept;
    struct scene s;

    begin(&s);
    CHECK_INT(at_message_send(s.anchor, &at_anchor_entry_kind, &entry, NULL, 0), 0);
    say_exited(&s, 41, 9);
    say_exited(&s, 42, 0);
    CHECK_INT(at_message_send(s.anchor, &at_anchor_restored_kind, &restored, NULL, 0), 0);
    CHECK_INT(at_vault_restore(s.system, &kept), 0);
    CHECK_INT((long)kept.count, 1);
    CHECK_INT((long)kept.exit_count, 2);
    CHECK_INT((long)kept.exits[0].pid, 41);
    CHECK_INT((long)kept.exits[0].status, 9);
    CHECK_INT((long)kept.exits[1].pid, 42);
    at_vault_kept_deinit(&kept);
    CHECK_INT((long)kept.exit_count, 0);
    finish(&s);
}

TEST_MAIN("supervisor/vault")
