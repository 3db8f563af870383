#include "call/outgoing.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/list.h"
#include "call/link.h"
#include "call/streams.h"
#include "call/upkeep.h"
#include "control/service.h"
#include "shm/channel.h"
#include "shm/limits.h"
#include "shm/window.h"

/* Payload behind the last record that is not worth a chunk of a window. */
enum { TAIL_BYTES = 4096 };

/* The record that continues o, or begins it. */
static struct at_record head_of(const struct at_outgoing *o)
{
    struct at_record r = o->record;

    if (o->begun) {
        r.kind = AT_RECORD_DATA;
        r.offset = o->written;
    }
    return r;
}

static void went(struct at_outgoing *o, uint32_t len, uint64_t start)
{
    o->begun = true;
    o->written += len;
    o->last_start = start;
}

/* The piece of the body that has the byte `at`, from there on. at < o->body.len. */
static struct at_bytes piece_from(struct at_outgoing *o, size_t at)
{
    if (at < o->piece_at) { /* a record that found no room is tried again */
        o->piece = 0;
        o->piece_at = 0;
    }
    while (at - o->piece_at >= o->pieces[o->piece].len) {
        o->piece_at += o->pieces[o->piece].len;
        o->piece++;
    }
    return at_bytes_after(o->pieces[o->piece], at - o->piece_at);
}

/* What stands in one place of the message from its byte `at` on; no more than max. */
static struct at_bytes bytes_from(struct at_outgoing *o, size_t at, size_t max)
{
    struct at_bytes b;

    if (at < o->meta.len) {
        b = at_bytes_after(o->meta, at);
    } else if (o->pieces == NULL) {
        b = at_bytes_after(o->body, at - o->meta.len);
    } else if (at - o->meta.len < o->body.len) {
        b = piece_from(o, at - o->meta.len);
    } else {
        b = (struct at_bytes){0};
    }
    return at_bytes_before(b, max);
}

/*
 * Writes the next record of o, which holds what stands in two places at most, and nothing from byte
 * `until` on. 0, AT_CHANNEL_FULL, …
 */
static int write_record(struct at_link *l, struct at_outgoing *o, uint32_t until)
{
    struct at_record r = head_of(o);
    uint32_t left = until - o->written;
    uint32_t most = left < AT_RECORD_PAYLOAD_MAX ? left : (uint32_t)AT_RECORD_PAYLOAD_MAX;
    struct at_bytes a = bytes_from(o, o->written, most);
    struct at_bytes b = bytes_from(o, o->written + a.len, most - a.len);
    uint64_t start = l->channel.written;
    int x;

    r.len = (uint32_t)(a.len + b.len);
    x = at_channel_put(&l->channel, &r, a, b);
    if (x == 0) {
        went(o, r.len, start);
    }
    return x;
}

/* Copies the next len bytes of o; so many are left. */
static void copy_out(struct at_outgoing *o, uint8_t *to, uint32_t len)
{
    for (size_t done = 0; done < len;) {
        struct at_bytes b = bytes_from(o, o->written + done, len - done);

        memcpy(to + done, b.at, b.len);
        done += b.len;
    }
}

/* The same by way of the window. */
static int write_chunk(struct at_link *l, struct at_outgoing *o, uint32_t until)
{
    struct at_record r = head_of(o);
    uint32_t len = until - o->written;
    uint64_t start = l->channel.written;
    uint8_t *to;
    int x = at_window_next(&l->channel, &to);

    if (x != 0) {
        return x;
    }
    if (len > AT_WINDOW_CHUNK) {
        len = AT_WINDOW_CHUNK;
    }
    copy_out(o, to, len);
    at_window_put(&l->channel, &r, len);
    went(o, len, start);
    l->window_used = true;
    /* A reader that runs beside us begins while we write on. One that shares our CPU could only take
     * it from us: it hears when there is no room left, or nothing to write. */
    if (at_channel_is_apart(&l->channel)) {
        at_channel_publish(&l->channel);
    }
    return 0;
}

static int write_next(struct at_link *l, struct at_outgoing *o, uint32_t until)
{
    if (until - o->written <= TAIL_BYTES || at_outgoing_total(o) <= AT_RECORD_PAYLOAD_MAX) {
        return write_record(l, o, until);
    }
    if (!o->begun) {
        at_upkeep_want_window(l);
    }
    return at_window_is_open(&l->channel) ? write_chunk(l, o, until) : write_record(l, o, until);
}

/*
 * Between two records of a large message a message of one record may go, or a record of a stream.
 * Only such ones: of others a peer bounds how many it gets by halves.
 */
static void let_small_pass(struct at_link *l)
{
    at_list_foreach (it, &l->out) {
        const struct at_outgoing *o = at_container_of(it, struct at_outgoing, entry);

        if (o->stream != NULL || at_outgoing_total(o) <= AT_RECORD_PAYLOAD_MAX) {
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
        bool begun = o->begun;
        uint32_t before = o->written;
        uint32_t until = at_outgoing_total(o);
        int x;

        if (o->stream != NULL && !at_stream_may_write(o->stream, &until)) {
            continue;
        }
        x = write_next(l, o, until);
        if (x != 0) {
            if (x != AT_CHANNEL_FULL) {
                l->rule = (uint8_t)l->channel.rule;
            }
            at_link_heat(l); /* so that the next sleep waits for room, or the drain acts on rule */
            break;
        }
        if (o->stream != NULL) {
            at_stream_written(o->stream, begun, before);
            continue;
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
