/* The tables of control/locks.h. */
#include "control/locks.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "control/message.h"
#include "control/table.h"

enum { SESSION = 1, HELD, ASK, GRANT, OF, HELD_MAX = 160 };

// clang-format off
KIND_OF(at_locks_session, SESSION, 0,
    BYTES_AT(at_locks_session, held, AT_LOCKS_HELD_BYTES_MAX));

KIND_OF(at_locks_held, HELD, 0,
    U64_AT(at_locks_held, op),
    U64_AT(at_locks_held, token),
    U64_AT(at_locks_held, context),
    U32_AT(at_locks_held, permits),
    U32_AT(at_locks_held, flags),
    BYTES_AT(at_locks_held, name, AT_LOCKS_NAME_MAX));

KIND_OF(at_locks_ask, ASK, 0,
    U64_AT(at_locks_ask, op),
    U64_AT(at_locks_ask, context),
    U32_AT(at_locks_ask, permits),
    U32_AT(at_locks_ask, flags),
    BYTES_AT(at_locks_ask, name, AT_LOCKS_NAME_MAX));

KIND_OF(at_locks_grant, GRANT, 0,
    U64_AT(at_locks_grant, token),
    U32_AT(at_locks_grant, flags));

KIND_OF(at_locks_of, OF, 0,
    U64_AT(at_locks_of, op));
// clang-format on

int at_locks_read(const struct at_message_kind *kind, struct at_bytes payload, void *ret)
{
    struct at_bytes body;
    uint16_t type;

    if (at_message_open(payload, &type, &body) != 0 || type != kind->type) {
        return AT_MESSAGE_MALFORMED;
    }
    return at_message_unpack(kind, body, ret);
}

void at_locks_add_held(struct at_writer *w, const struct at_locks_held *held)
{
    uint8_t room[HELD_MAX];
    struct at_writer one = at_writer_over(room, sizeof(room));

    if (at_message_pack(&at_locks_held_kind, held, &one) != 0) {
        w->failed = true;
        return;
    }
    at_write_sized(w, at_writer_bytes(&one));
}

bool at_locks_next_held(struct at_reader *r, struct at_locks_held *ret)
{
    struct at_bytes one;

    if (r->failed || at_reader_left(r) == 0) {
        return false;
    }
    one = at_read_sized(r, AT_LOCKS_HELD_BYTES_MAX);
    if (!r->failed && at_locks_read(&at_locks_held_kind, one, ret) != 0) {
        r->failed = true;
    }
    return !r->failed;
}

bool at_locks_is_name(struct at_bytes name)
{
    if (name.len == 0 || name.len > AT_LOCKS_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t lower = name.at[i] | 0x20;

        if (!(lower >= 'a' && lower <= 'z') && !(name.at[i] >= '0' && name.at[i] <= '9') &&
            (name.at[i] == '\0' || strchr("._-/:", name.at[i]) == NULL)) {
            return false;
        }
    }
    return true;
}
