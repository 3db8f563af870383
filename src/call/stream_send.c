/* Streams, writing: what goes next, record by record, as far as there is credit. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/list.h"
#include "call/link.h"
#include "call/outgoing.h"
#include "call/stream.h"
#include "call/streams.h"
#include "shm/channel.h"

static void put_in_line(struct at_stream *s)
{
    at_list_append(&s->link->out, &s->out.entry);
}

static void write_first(struct at_stream *s)
{
    s->writing = AT_WRITING_FIRST;
    s->out.meta = at_bytes_over(s->first, s->first_len);
    s->out.record.kind = AT_RECORD_MESSAGE;
}

static void write_message(struct at_stream *s)
{
    s->writing = AT_WRITING_MESSAGE;
    s->out.body = s->message;
    s->out.record.kind = AT_RECORD_MESSAGE;
    s->out.record.flags = AT_RECORD_BODY;
    if (s->pending != NULL) {
        s->out.record.flags |= s->close_wanted ? AT_RECORD_LAST : 0;
    } else if (!s->first_done) {
        s->out.meta = at_bytes_over(s->first, s->first_len);
    }
}

static void write_response(struct at_stream *s)
{
    s->writing = AT_WRITING_RESPONSE;
    s->out.meta = s->end_meta;
    s->out.body = s->end_body;
    s->out.record.kind = AT_RECORD_RESPONSE;
    s->out.record.flags = s->end_flags;
    s->out.record.code = s->end_status;
    s->out.record.span_id = s->in->span_id;
}

bool at_stream_next(struct at_stream *s)
{
    if (s->writing != AT_WRITING_NOTHING || s->link == NULL || (s->over && !s->end_wanted)) {
        return s->writing != AT_WRITING_NOTHING;
    }
    s->out = (struct at_outgoing){.stream = s, .record = {.call_id = s->call_id}};
    if (s->first_now && !s->first_done) {
        write_first(s);
    } else if (s->has_message) {
        write_message(s);
    } else if (s->close_wanted && !s->close_said) {
        s->writing = AT_WRITING_END;
        s->out.record.kind = AT_RECORD_END;
    } else if (s->end_wanted) {
        write_response(s);
    } else {
        return false;
    }
    s->out.record.meta_len = (uint32_t)s->out.meta.len;
    s->out.record.total_len = at_outgoing_total(&s->out);
    put_in_line(s);
    return true;
}

static bool needs_credit(const struct at_stream *s)
{
    return s->out.record.kind != AT_RECORD_RESPONSE && (s->out.record.flags & AT_RECORD_BODY) != 0;
}

/* Bytes of the message that are written when so many of all are. */
static uint32_t of_body(const struct at_stream *s, uint32_t written)
{
    return written > s->out.meta.len ? written - (uint32_t)s->out.meta.len : 0;
}

bool at_stream_may_write(struct at_stream *s, uint32_t *ret_until)
{
    struct at_streams *ss = s->link->streams;
    uint32_t frame = s->out.begun ? 0 : (uint32_t)AT_STREAM_FRAME;
    uint32_t done = of_body(s, s->out.written);
    uint32_t left = (uint32_t)s->out.body.len - done;
    uint32_t least = frame + (left < AT_STREAM_LEAST ? left : (uint32_t)AT_STREAM_LEAST);
    uint64_t room = s->credit < ss->credit ? s->credit : ss->credit;

    *ret_until = at_outgoing_total(&s->out);
    if (!needs_credit(s)) {
        return true;
    }
    if (room < least) {
        at_list_remove(&s->out.entry);
        if (s->credit >= least) {
            at_list_append(&ss->starved, &s->starved);
        }
        return false;
    }
    if (room - frame < left) {
        *ret_until = (uint32_t)(s->out.meta.len + done + (room - frame));
    }
    return true;
}

static void pay_credit(struct at_stream *s, bool begun, uint32_t before)
{
    uint32_t bytes = of_body(s, s->out.written) - of_body(s, before);

    if (needs_credit(s)) {
        bytes += begun ? 0 : (uint32_t)AT_STREAM_FRAME;
        s->credit -= bytes;
        s->link->streams->credit -= bytes;
    }
}

static void wrote_first_metadata(struct at_stream *s)
{
    if (s->in != NULL) {
        s->first_done = true;
        free(s->first);
        s->first = NULL;
        s->first_len = 0;
    }
}

/* All of it is in the ring. */
static void wrote_all(struct at_stream *s)
{
    uint8_t what = s->writing;

    at_list_remove(&s->out.entry);
    s->writing = AT_WRITING_NOTHING;
    s->close_said = s->close_said || what == AT_WRITING_END ||
                    (s->pending != NULL && (s->out.record.flags & AT_RECORD_LAST) != 0);
    if (what == AT_WRITING_FIRST) {
        wrote_first_metadata(s);
    } else if (what == AT_WRITING_MESSAGE) {
        wrote_first_metadata(s);
        s->has_message = false;
        s->committed = true;
        if (!s->at_once && s->copy == NULL) {
            at_stream_tell(s, AT_NEWS_SENT);
        }
    } else if (what == AT_WRITING_RESPONSE) {
        at_server_stream_ended(s);
        return;
    }
    (void)at_stream_next(s);
}

void at_stream_written(struct at_stream *s, bool begun, uint32_t before)
{
    if (s->writing == AT_WRITING_OPENING && !begun) {
        s->opened = true;
        s->first_start = s->out.last_start;
    }
    pay_credit(s, begun, before);
    if (s->out.written == at_outgoing_total(&s->out)) {
        wrote_all(s);
    } else { /* one record a turn: nobody waits for the end of a long message */
        at_list_remove(&s->out.entry);
        put_in_line(s);
    }
}

static void feed_starved(struct at_link *l)
{
    while (!at_list_is_empty(&l->streams->starved)) {
        struct at_stream *s = at_container_of(l->streams->starved.next, struct at_stream, starved);

        at_list_remove(&s->starved);
        put_in_line(s);
    }
    at_link_heat(l);
}

static bool add_credit(uint64_t *credit, uint32_t bytes)
{
    *credit += bytes;
    return bytes > 0 && *credit <= INT32_MAX;
}

int at_stream_take_window(struct at_link *l, const struct at_record *r)
{
    uint32_t bytes = r->total_len;
    struct at_stream *s = NULL;
    int rule = AT_RULE_NONE;

    if (l->layout < 2) {
        return AT_RULE_KIND;
    }
    if (r->len != 0) {
        return AT_RULE_MESSAGE;
    }
    if (r->call_id != AT_CALL_ID_CHANNEL) {
        rule = at_stream_find(l, r->call_id, &s);
    } else if (l->streams == NULL || !add_credit(&l->streams->credit, bytes)) {
        rule = AT_RULE_WINDOW;
    }
    if (rule != AT_RULE_NONE) {
        return rule;
    }
    at_channel_consume(&l->channel, r);
    if (r->call_id == AT_CALL_ID_CHANNEL) {
        feed_starved(l);
    } else if (s == NULL) {
        return bytes > 0 ? AT_RULE_NONE : AT_RULE_WINDOW;
    } else if (!add_credit(&s->credit, bytes)) {
        return AT_RULE_WINDOW;
    } else if (s->writing != AT_WRITING_NOTHING && !at_list_is_linked(&s->out.entry) &&
               !at_list_is_linked(&s->starved)) {
        put_in_line(s);
    }
    return AT_RULE_NONE;
}
