/*
 * What streams do to a link. For the files of this room only; what owners see is stream.h.
 *
 *   stream.c          opening, sending; callbacks; on a link and off it
 *   stream_end.c      the end of a server's
 *   stream_send.c     records in turn, and the credit that they need
 *   stream_recv.c     records that come
 *   stream_blocks.c   messages that are held
 *   stream_credit.c   credit that is given back
 *
 * Credit, as the reader counts it. A stream's window plus what it holds is its window at the start
 * and its share of the pool; the channel's window plus all that its streams hold plus what is on its
 * way back is AT_STREAM_CHANNEL_WINDOW and what is taken of the pool. As the first is the sum of what
 * every slot is promised and more than may be on its way back, a channel's window never ends before
 * those of its streams.
 */
#ifndef AT_CALL_STREAMS_H
#define AT_CALL_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/list.h"
#include "call/stream.h"
#include "shm/channel.h"

enum at_stream_writing {
    AT_WRITING_NOTHING,
    AT_WRITING_OPENING,
    AT_WRITING_FIRST, /* metadata alone */
    AT_WRITING_MESSAGE,
    AT_WRITING_END,
    AT_WRITING_RESPONSE,
};

enum at_stream_news { AT_NEWS_READABLE = 1, AT_NEWS_SENT = 2 };

enum {
    AT_STREAM_FRAME = 5, /* bytes in front of a message, as gRPC frames it */
    /* A record of less is not worth it: the sender waits for more credit or the end of its message. */
    AT_STREAM_LEAST = 4096,
    /* Credit of the channel is given back in pieces of this size. */
    AT_STREAM_CHANNEL_STEP = 512 << 10,
};

/* A link's, made with its first stream. */
struct at_streams {
    uint64_t credit;        /* of the channel, for us to send */
    struct at_list starved; /* streams that wait for it, in turn */
    uint32_t window;        /* of the channel, for the peer */
    uint32_t held;          /* what its streams hold */
    uint32_t pool_used;     /* sum of their shares */
    struct at_list hungry;  /* streams whose message waits for the pool, in turn */
    struct at_list owing;   /* streams with a WINDOW that did not fit */
    uint32_t owed_window;   /* the same for the channel */
};

/* NULL: out of memory. */
struct at_streams *at_streams_of(struct at_link *l);
/* Runs callbacks that are due; true when any. */
bool at_streams_run(struct at_engine *e);

/* stream.c */
/* The method's number on this link, or -1; -ENOMEM. */
int at_stream_number(struct at_link *l, const struct at_pending *p);
/* Client: the pending got a slot of l: writes the opening. */
void at_stream_begin(struct at_link *l, struct at_stream *s, int number);
/* Client: puts a stream that left its link back to where it can be opened again. */
void at_stream_rewind(struct at_stream *s);
/* Off its link, for good or to be opened again: nothing is written or counted there any more. */
void at_stream_detach(struct at_stream *s);
/* Detached, and nothing more can be sent; what came whole can still be read. */
void at_stream_retire(struct at_stream *s);
/* What was to be written is not any more. */
void at_stream_stop_sending(struct at_stream *s);
/* Lets what is new to be written go as far as it can. s may be gone after that. */
void at_stream_push(struct at_stream *s);

/* Server: frees the stream of an incoming. */
void at_stream_free(struct at_engine *e, struct at_stream *s);
void at_stream_tell(struct at_stream *s, uint8_t news);
/* Client: memory for a RESPONSE of len bytes, kept by the stream; NULL: there is none. */
uint8_t *at_stream_response_room(struct at_stream *s, uint32_t len);
/* Client: the metadata of a RESPONSE: keeps the first ones, returns the trailers. */
struct at_bytes at_stream_trailers(struct at_stream *s, struct at_bytes packed);

/* stream_end.c */
/* Server: the client has lost interest, and the link is still there for the RESPONSE. */
void at_stream_cancelled(struct at_stream *s);
/* Server: the same, of a stream that was ended: what was to go before the end does not any more, for
 * which there would be no more credit. s may be gone. */
void at_stream_cut(struct at_stream *s);
/* at_stream_end() with flags for the RESPONSE. */
void at_stream_end_with(struct at_engine *e, struct at_incoming *in, uint32_t status,
                        struct at_bytes trailers, struct at_bytes reason, uint8_t flags);

/* stream_send.c */
/* Puts the next thing that there is to write into link->out. True: there is something. */
bool at_stream_next(struct at_stream *s);
/* May its next record be written, and up to which byte? False: it is out of link->out. */
bool at_stream_may_write(struct at_stream *s, uint32_t *ret_until);
/* A record was, from byte `before` on (begun: it was not the first). s may be gone. */
void at_stream_written(struct at_stream *s, bool begun, uint32_t before);
int at_stream_take_window(struct at_link *l, const struct at_record *r);

/* stream_recv.c */
int at_stream_take_message(struct at_link *l, const struct at_record *r);
int at_stream_take_data(struct at_link *l, const struct at_record *r);
int at_stream_take_end(struct at_link *l, const struct at_record *r);
/* The lengths and flags of a REQUEST that opens a stream, or of a MESSAGE. A rule. */
int at_stream_judge(const struct at_link *l, const struct at_record *r);
/* The message that begins in r, behind the metadata: judges its credit, takes it. A rule. */
int at_stream_take_first(struct at_stream *s, const struct at_record *r);
/* Client: may a RESPONSE of this shape come now? A rule. */
int at_stream_judge_response(const struct at_stream *s, const struct at_record *r);
/*
 * The stream that call_id names. 0 with *ret; 0 with NULL: what came for it is to be dropped, its
 * end is on its way or its client has gone; or a rule.
 */
int at_stream_find(struct at_link *l, uint32_t call_id, struct at_stream **ret);

/* stream_blocks.c */
/* The frame of a message of len bytes, where there is room for all of it or for nothing else. 0,
 * -ENOMEM. */
int at_stream_begin_message(struct at_stream *s, uint32_t len);
/* Its next bytes: payload bytes [from, from + len) of the record in work. 0, -ENOMEM. */
int at_stream_add_bytes(struct at_stream *s, uint32_t from, uint32_t len);
/* Frees all that can be read. */
void at_stream_drop_blocks(struct at_stream *s);
/* Frees what stands behind the block with the oldest message, of a stream that is on no link. */
void at_stream_drop_later(struct at_stream *s);
/* Forgets the part of a message that has come. */
void at_stream_drop_coming(struct at_stream *s);

/* stream_credit.c */
/* Some WINDOW did not fit. */
bool at_streams_owe(const struct at_link *l);
void at_streams_pay(struct at_link *l);
/* Gives the stream what it should have, and the channel; consumed: its owner has just read. */
void at_stream_settle(struct at_stream *s, bool consumed);
/* Gives credit of the channel back when enough has come together. */
void at_streams_settle(struct at_link *l);
/* It is over: nothing that comes for it is kept any more, so it needs none of the pool. */
void at_stream_stop_waiting(struct at_stream *s);
/* What a stream held or was given beyond its window counts no more. */
void at_stream_uncount(struct at_stream *s);

#endif
