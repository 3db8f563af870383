#include "call/outgoing.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/list.h"
#include "call/link.h"
#include "control/service.h"
#include "shm/channel.h"
#include "shm/limits.h"

/* Writes the next record of o. 0, AT_CHANNEL_FULL, … */
static int write_record(struct at_link *l, struct at_outgoing *o)
{
    struct at_record r = o->record;
    uint32_t len = at_outgoing_total(o) - o->written;
    struct at_bytes a = at_bytes_after(o->meta, o->written);
    struct at_bytes b;
    uint32_t start = l->channel.tail;
    int x;

    if (len > AT_RECORD_PAYLOAD_MAX) {
        len = AT_RECORD_PAYLOAD_MAX;
    }
    a = at_bytes_before(a, len);
    b = o->written > o->meta.len ? at_bytes_after(o->body, o->written - o->meta.len) : o->body;
    b = at_bytes_before(b, len - a.len);
    r.len = len;
    if (o->begun) {
        r.kind = AT_RECORD_DATA;
        r.offset = o->written;
    }
    x = at_channel_put(&l->channel, &r, a, b);
    if (x == 0) {
        o->begun = true;
        o->written += len;
        o->last_start = start;
    }
    return x;
}

/*
 * Between two records of a large message a message of one record may go. Only such a one: a peer
 * bounds how many it gets by halves.
 */
static void let_small_pass(struct at_link *l)
{
    at_list_foreach (it, &l->out) {
        if (at_outgoing_total(at_container_of(it, struct at_outgoing, entry)) <=
            AT_RECORD_PAYLOAD_MAX) {
            at_list_remove(it);
            at_list_insert_after(&l->out, it);
            return;
        }
    }
}

void at_outgoing_write(struct at_link *l)
{
    while (!at_list_is_empty(&l->out)) {
        struct at_outgoing *o = at_container_of(l->out.next, struct at_outgoing, entry);
        int x = write_record(l, o);

        if (x != 0) {
            if (x != AT_CHANNEL_FULL) {
                l->rule = (uint8_t)l->channel.rule;
            }
            at_link_heat(l); /* so that the next sleep waits for room, or the drain acts on rule */
            break;
        }
        if (o->written < at_outgoing_total(o)) {
            let_small_pass(l);
            continue;
        }
        at_list_remove(&o->entry);
        if (l->side == AT_SIDE_SERVER) {
            at_server_written(l, o);
        }
    }
}
