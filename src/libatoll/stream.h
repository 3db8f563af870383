/*
 * One end of a stream as the user has it. For the files of this room only.
 *
 * What a function of the user's begins (to send, to receive, …) is an operation: one of each kind
 * at a time, blocking or asynchronous. at_streaming_progress() moves all of them on whenever the
 * engine says that something has happened; who blocks is woken, else the end is told (complete.c).
 * Then, in the user's thread and without the lock, it is concluded: messages are decoded there.
 *
 * The lock of the process guards everything but what belongs to the thread that sends (`sending`)
 * and the one that receives (`receiving`).
 */
#ifndef AT_LIBATOLL_STREAM_H
#define AT_LIBATOLL_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/atoll.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/list.h"
#include "call/deadlines.h"
#include "call/engine.h"
#include "call/stream.h"
#include "libatoll/process.h"

enum at_streaming_op_kind { AT_OP_SEND, AT_OP_RECV, AT_OP_FINISH, AT_OP_GONE, AT_OP_KINDS };
enum at_streaming_op_state {
    AT_OP_IDLE,
    AT_OP_UNDER_WAY,
    AT_OP_ENDED, /* and not told yet */
};

struct at_streaming_op {
    struct at_completion completion;
    struct at_waiter waiter; /* of the thread that waits for it */
    struct atoll_stream *stream;
    atoll_stream_done *on_done; /* NULL: it is waited for, or told by an event */
    uint8_t kind;               /* enum at_streaming_op_kind */
    uint8_t state;              /* enum at_streaming_op_state */
    bool is_async;
    bool given;   /* send: the engine has the message */
    bool missing; /* finish: it ended well without the reply that there must be */
    int status;
    void *message;         /* receive, finish: where it is decoded to; NULL: nowhere */
    struct at_bytes bytes; /* send: encoded; receive, finish: as it came */
};

struct atoll_stream {
    struct at_process *process;
    struct atoll_call *call;  /* its context; NULL: a client's that was finished */
    struct at_stream *engine; /* own, or in->stream; NULL: the engine has forgotten it */
    struct at_incoming *in;   /* server */
    const char *method;       /* for reasons */
    const struct atoll_method_desc *desc; /* NULL: of bytes */
    struct at_deadline alarm; /* server: the deadline. Client: while no instance has taken it */
    struct at_streaming_op ops[AT_OP_KINDS];
    uint32_t sends;
    uint32_t refs; /* the owner, and each operation that is not told */
    bool serves;
    bool closed;         /* client: close_send() was called */
    uint32_t concluding; /* threads that read what the engine holds, without the lock */
    bool holds;          /* the oldest message in the engine was received and is in use */
    bool ended;          /* with `status`: nothing more is sent */
    bool failed;         /* ended from this side: nothing more is received */
    bool owned;          /* the user has not finished or ended it */
    int status;
    const char *misuse; /* why the last function refused to begin; NULL: it did not */
    char *reason;       /* malloc; NULL while there is none. Never changes once it is there */
    uint8_t *trailers;  /* malloc, client: packed */
    size_t trailers_len;
    uint8_t *initial; /* malloc, client */
    size_t initial_len;
    struct at_arena sending;
    struct at_arena receiving;
    /* client */
    struct at_stream own;
    struct at_pending pending;
    uint8_t *opening;             /* malloc: metadata and first message */
    char peer[AT_CALL_NAME_ROOM]; /* who answered */
    /* server */
    struct at_method *served_method; /* only until its handler has returned */
    struct at_list entry;            /* in serve->kept */
    bool started;                    /* its handler has been called */
    bool in_handler;
    bool kept;
    bool deserted;   /* its caller has cancelled or died, or the deadline has passed */
    bool end_wanted; /* somebody has said the end … */
    bool end_ready;  /* … and prepared it */
    int end_status;
    struct at_bytes end_reply; /* in the context's memory */
    void *in_message;          /* in the context's memory */
    void *out_message;
};

/* ---- stream.c ---- */

void at_streaming_init(struct atoll_stream *s, struct at_process *p);
/* Operations that can end do. Lock held. */
void at_streaming_progress(struct atoll_stream *s);
/* Ends it from this side, once; the text is copied. Lock held. Returns the status it has ended with. */
int at_streaming_fail(struct atoll_stream *s, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* It has ended with this status. Lock held. */
void at_streaming_ended(struct atoll_stream *s, int status, struct at_bytes reason);
/* Client: keeps what the server said ahead, when it has come. Lock held. */
void at_streaming_take_initial(struct atoll_stream *s);
/* Gives one reference back; the last frees it. Lock held. */
void at_streaming_unref(struct atoll_stream *s);
/* ATOLL_OK or the status that is given to a function that cannot begin. */
int at_streaming_check(const struct atoll_stream *s);
/* A function refuses to begin: says why until another does. Without the lock. Returns the status. */
int at_streaming_misused(struct atoll_stream *s, int status, const char *why);
/* Begins an operation and waits for its end, or, with how, returns. Without the lock. A status. */
struct at_streaming_how {
    bool is_async;
    atoll_stream_done *done;
    void *user;
};
int at_streaming_operate(struct atoll_stream *s, enum at_streaming_op_kind kind, void *message,
                         struct at_bytes bytes, const struct at_streaming_how *how);

extern const struct at_stream_ops at_streaming_engine_ops;

/* ---- stream_client.c ---- */

/* The alarm of a client's stream rang. */
void at_streaming_client_alarm(struct atoll_stream *s);
/* The end of finish(): reply, reason and trailers go to the context; the stream is the user's no
 * more. Without the lock. */
int at_streaming_conclude_finish(struct atoll_stream *s, struct at_streaming_op *op);

/* ---- stream_server.c ---- */

/* The alarm of a server's stream rang. */
void at_streaming_server_alarm(struct atoll_stream *s);
/* Ends it when that was asked for and nobody uses what it holds; a kept one whose caller is gone
 * leaves its channel. Lock held. */
void at_streaming_may_end(struct atoll_stream *s);
/* Something came: perhaps the one request that the handler waits for. Lock held. */
void at_streaming_server_readable(struct atoll_stream *s);

#endif
