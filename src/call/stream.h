/*
 * Streams: calls in which one side or both send any number of messages. All kinds are one thing
 * here: who may send how many messages is the owner's business, not the engine's.
 *
 *   client                                        server
 *   at_stream_open()   metadata, first message    ops->stream(in), in->stream
 *   at_stream_send()   … at_stream_close_send()   readable(); peek, consumed; is_drained
 *   readable(); peek, consumed                    at_stream_send() …
 *   done(result)       status, trailers, reason   at_stream_end()
 *   at_stream_release()
 *
 * As everything in engine.h: one thread at a time calls in (libatoll: with its lock held), callbacks
 * run inside at_engine_run() and at_engine_event() only, and may call anything here.
 *
 * Sending. One message at a time: at_stream_send() takes it whole into the ring (0: the memory is
 * the owner's again) or keeps it queued for want of room or credit (AT_STREAM_QUEUED: the memory is
 * borrowed until sent() has run, or the stream is over). So a slow reader stops its writer, and the
 * engine never holds copies of what waits to be sent.
 *
 * Receiving. A message that is here whole lies in the stream until the owner says that it has
 * consumed it, and only then may the peer send as much more. What a stream makes us hold is so
 * bounded by its window (shm/limits.h), by AT_STREAM_WINDOW_FAST while a channel's pool has room,
 * and a message larger than that by the message limit, as many at once as the pool has room for. In
 * memory messages lie as gRPC frames them, 5 bytes in front of each: what is held is what the credit
 * counted, however small the messages are.
 *
 * The end. A client's stream ends when pending->done has run (once, never inside at_stream_open()),
 * when at_engine_abandon() has, or at its deadline; messages that had come whole can be read after
 * that, until at_stream_release(). A server's stream ends with at_stream_end() alone: when its client
 * cancels or is lost, ops->cancelled(in) tells so, at_incoming_is_cancelled() is true, nothing more
 * comes or can be sent, and the owner still has to end it.
 */
#ifndef AT_CALL_STREAM_H
#define AT_CALL_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/list.h"
#include "call/engine.h"

struct at_stream_block;

/* All may be NULL: then the owner looks by itself. */
struct at_stream_ops {
    /*
     * There is something new: whole messages, the server's first metadata, or the client has closed.
     * Once for all that is new since it ran last; not after done, which tells the rest.
     */
    void (*readable)(void *user, struct at_stream *s);
    /* The message that was queued is written, its memory the owner's. The next one may be sent. */
    void (*sent)(void *user, struct at_stream *s);
};

/* One end of a stream. A client's lives in the caller, zeroed before use; a server's in the engine. */
struct at_stream {
    const struct at_stream_ops *ops; /* the owner's, with user */
    void *user;

    /* The engine's. */
    struct at_link *link;       /* NULL: on no channel (any more) */
    struct at_pending *pending; /* client */
    struct at_incoming *in;     /* server */
    bool *freed;                /* set when this is freed; NULL: nobody asks */
    uint32_t call_id;
    bool over;         /* nothing more can be sent, nothing more will come */
    bool opened;       /* client: the opening has been shown to the server */
    bool committed;    /* something came or was given back as sent: it goes to no other instance */
    bool close_wanted; /* client: close_send() was called */
    bool close_said;   /* … and written */
    bool peer_closed;  /* the client has said END */
    bool expelled;     /* server: at_engine_end_streams() or at_stream_leave() ended it first */
    struct at_list news; /* in engine->news while callbacks are due */
    uint8_t news_bits;   /* enum at_stream_news */
    /* sending */
    struct at_outgoing out;  /* what is being written; linked while it can be */
    uint8_t writing;         /* enum at_stream_writing, what out holds */
    uint8_t open_flags;      /* enum at_stream_flags */
    bool has_message;        /* one is queued: */
    bool at_once;            /* at_stream_send() is writing it: no sent() is due */
    struct at_bytes message; /* the owner's, or … */
    uint8_t *copy;           /* … malloc: the stream was ended before it was written */
    uint8_t *first;          /* malloc: metadata that go, or came, before the first message */
    uint32_t first_len;
    bool first_now;         /* server: they do not wait for a message */
    bool first_done;        /* they went, or came, or it is too late for them */
    uint64_t credit;        /* bytes that may still be sent */
    struct at_list starved; /* in streams->starved: waits for the channel's credit */
    uint64_t first_start;   /* client: position (channel.written) of the opening */
    /* the end */
    bool end_wanted; /* server: at_stream_end() was called */
    uint8_t end_flags;
    uint16_t end_status;
    struct at_bytes end_meta; /* of the RESPONSE */
    struct at_bytes end_body;
    uint8_t *end_copy; /* malloc: both; client: the RESPONSE as it comes */
    /* receiving */
    struct at_stream_block *first_block; /* whole messages, then the one that comes */
    struct at_stream_block *last_block;
    uint32_t whole;       /* messages that can be read */
    bool coming;          /* a message has begun and is not whole */
    bool coming_last;     /* END is meant behind it */
    uint32_t coming_left; /* bytes of it */
    uint32_t coming_offset;
    uint32_t window;       /* credit that the peer has left */
    uint32_t held;         /* framed bytes that are here and not consumed */
    uint32_t whole_held;   /* of those: of whole messages */
    uint32_t share;        /* of the pool */
    struct at_list hungry; /* in streams->hungry: its message waits for the pool */
    struct at_list owing;  /* in streams->owing: WINDOW did not fit */
    uint32_t owed_window;
};

enum at_stream_flags {
    AT_STREAM_MESSAGE = 1, /* request.payload is the first message, perhaps an empty one */
    AT_STREAM_CLOSE = 2,   /* and the last: close_send() behind it, in the same record */
};

enum { AT_STREAM_QUEUED = 1 };

/*
 * Client: opens. p is filled in as for at_engine_start(); its bytes are borrowed until done runs,
 * reply_room() is not used. deadline_ns may be 0 here: none. done's result has no payload, and its
 * metadata are the trailers alone: for the first ones see at_stream_metadata(). 0, -ENOMEM, -EMSGSIZE,
 * -ESHUTDOWN: done will not run.
 *
 * Like any call it waits for an instance, and messages may be sent meanwhile: the first is queued.
 * When its instance dies it is opened again at another only as long as nothing was committed: no
 * message was read, and none but the opening's given back as sent. Then it ends UNAVAILABLE. An
 * instance or a caller whose library knows no streams: UNIMPLEMENTED.
 *
 * at_engine_abandon(e, p) cancels: done does not run, the peer is told, what was queued is the
 * owner's.
 */
int at_stream_open(struct at_engine *e, struct at_pending *p, struct at_stream *s, uint32_t flags,
                   uint64_t now_ns);
/* Client, after done or at_engine_abandon(): frees what is left. Fine on a zeroed one, and twice. */
void at_stream_release(struct at_engine *e, struct at_stream *s);

/*
 * Sends a message; close (client): as if at_stream_close_send() followed. 0; AT_STREAM_QUEUED: see
 * above; -EBUSY: one is queued; -EPIPE: the stream is over or closed; -EMSGSIZE: longer than
 * at_stream_message_max().
 */
int at_stream_send(struct at_engine *e, struct at_stream *s, struct at_bytes message, bool close);
/* How long a message may be; of a stream that has no channel yet: at most, its channel decides. */
uint32_t at_stream_message_max(const struct at_stream *s);
/* Is a message (or the opening) queued? at_stream_send() would answer -EBUSY. */
bool at_stream_is_sending(const struct at_stream *s);
/* Client: no more messages. What is queued goes first. More than once is fine. */
void at_stream_close_send(struct at_engine *e, struct at_stream *s);
/*
 * Server: first metadata, packed, before the first message; copied. They go out with that, or with
 * the end; now: at once. 0, -EBUSY (now, and a message is queued), -EPIPE (too late or over),
 * -EMSGSIZE, -ENOMEM.
 */
int at_stream_first_metadata(struct at_engine *e, struct at_stream *s, struct at_bytes packed,
                             bool now);

/*
 * The oldest message that was not consumed; false: there is none yet. It stays where it is until
 * consumed() or release(), so the bytes may be read (by one thread) without the owner's lock.
 */
bool at_stream_peek(const struct at_stream *s, struct at_bytes *ret);
/* Done with that message: its memory is gone, and the peer may send as much more. */
void at_stream_consumed(struct at_engine *e, struct at_stream *s);
/* Has all been read that will ever come: the client has closed, or the stream is over? */
bool at_stream_is_drained(const struct at_stream *s);
/* Client: the metadata that came before the first message; empty when there were none (yet). */
struct at_bytes at_stream_metadata(const struct at_stream *s);

/*
 * Server: the end. A message that is queued goes first when status is OK, else it is dropped.
 * trailers: packed, or empty; reason when status is not OK. All is copied as far as it must be: the
 * engine owns `in` and its stream again, and no callback comes after this. Never fails.
 */
void at_stream_end(struct at_engine *e, struct at_incoming *in, uint32_t status,
                   struct at_bytes trailers, struct at_bytes reason);
/*
 * Server: the client has cancelled, and the owner has no use for the channel: the end is said and the
 * slot free at once. The owner still has to end it, and has its metadata and the message that it
 * peeked at until then; nothing more may be read. False: it had left before, or is on no channel.
 */
bool at_stream_leave(struct at_incoming *in, uint32_t status, struct at_bytes reason);
/* Server, when the grace of a drain is over: every running stream ends UNAVAILABLE with this reason;
 * to its owner it is as if it had been cancelled, and ops->cancelled() runs in here. */
void at_engine_end_streams(struct at_engine *e, struct at_bytes reason);

#endif
