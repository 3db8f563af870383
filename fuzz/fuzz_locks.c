/*
 * What a library says to the keeper of locks: any bytes are refused or read; a list of what is held is
 * read to its end or to where it is wrong, and what was read packs to a list that reads the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "control/locks.h"

enum { HELD_MAX = 64, ROOM = 16384 };

static void expect(int holds)
{
    if (!holds) {
        abort();
    }
}

static void list_comes_back(struct at_bytes list)
{
    struct at_reader r = at_reader_over(list.at, list.len);
    struct at_locks_held held[HELD_MAX];
    struct at_locks_held again;
    uint8_t room[ROOM];
    struct at_writer w = at_writer_over(room, sizeof(room));
    size_t n = 0;

    while (n < HELD_MAX && at_locks_next_held(&r, &held[n])) {
        at_locks_add_held(&w, &held[n++]);
    }
    expect(!w.failed);
    r = at_reader_over(room, w.len);
    for (size_t i = 0; i < n; i++) {
        expect(at_locks_next_held(&r, &again));
        expect(again.op == held[i].op && again.token == held[i].token &&
               again.context == held[i].context && again.permits == held[i].permits &&
               again.flags == held[i].flags && at_bytes_equal(again.name, held[i].name));
    }
    expect(!at_locks_next_held(&r, &again) && !r.failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct at_bytes in = at_bytes_over(data, size);
    struct at_locks_session session;
    struct at_locks_ask ask;
    struct at_locks_grant grant;
    struct at_locks_of of;

    list_comes_back(in);
    if (at_locks_read(&at_locks_session_kind, in, &session) == 0) {
        list_comes_back(session.held);
    }
    if (at_locks_read(&at_locks_ask_kind, in, &ask) == 0) {
        (void)at_locks_is_name(ask.name);
    }
    (void)at_locks_read(&at_locks_grant_kind, in, &grant);
    (void)at_locks_read(&at_locks_of_kind, in, &of);
    return 0;
}
