/*
 * libatoll: serve methods of a contract and call those of other services.
 *
 * A service:
 *
 *   static int get_item(struct atoll_call *call, const struct shop_stock_v1_GetItemRequest *in,
 *                       struct shop_stock_v1_GetItemResponse *out) { … return ATOLL_OK; }
 *   int main(void)
 *   {
 *       return shop_stock_v1_StockService_serve(&(struct shop_stock_v1_StockService){
 *           .get_item = get_item});
 *   }
 *
 * A caller, inside a handler or with a context of its own:
 *
 *   int status = shop_stock_v1_StockService_get_item(call, &request, &reply);
 *
 * The functions never abort the process and never write to its stdout or stderr, with one exception:
 * atoll_serve() says on stderr why it cannot serve, or why it did not end cleanly. They never touch
 * its signal handlers except where said. Times are nanoseconds, deadlines absolute CLOCK_MONOTONIC.
 */
#ifndef ATOLL_ATOLL_H
#define ATOLL_ATOLL_H

#include <atoll/message.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ATOLL_EXPORT __attribute__((visibility("default")))
#define ATOLL_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define ATOLL_EXPORT
#define ATOLL_PRINTF(f, a)
#endif

/* Status codes: gRPC's 0 to 16 everywhere. */
enum atoll_status {
    ATOLL_OK = 0,
    ATOLL_CANCELLED = 1,
    ATOLL_UNKNOWN = 2,
    ATOLL_INVALID_ARGUMENT = 3,
    ATOLL_DEADLINE_EXCEEDED = 4,
    ATOLL_NOT_FOUND = 5,
    ATOLL_ALREADY_EXISTS = 6,
    ATOLL_PERMISSION_DENIED = 7,
    ATOLL_RESOURCE_EXHAUSTED = 8,
    ATOLL_FAILED_PRECONDITION = 9,
    ATOLL_ABORTED = 10,
    ATOLL_OUT_OF_RANGE = 11,
    ATOLL_UNIMPLEMENTED = 12,
    ATOLL_INTERNAL = 13,
    ATOLL_UNAVAILABLE = 14,
    ATOLL_DATA_LOSS = 15,
    ATOLL_UNAUTHENTICATED = 16,
};

/* "NOT_FOUND" …; "STATUS_n" for others (static buffer per code, never NULL). Any thread. */
ATOLL_EXPORT const char *atoll_status_name(int status);
ATOLL_EXPORT const char *atoll_version(void);

/*
 * Serves until SIGTERM or SIGINT (or the supervisor) asks to stop, then drains: no new request is
 * taken, handlers that run are waited for. Says ready to the supervisor once everything is set up.
 * Returns an exit code for main: 0 after a drained stop, 1 with the reason on stderr when the
 * process was not started by atoll or the supervisor refused it.
 */
struct atoll_serve_options {
    size_t size; /* sizeof(struct atoll_serve_options) */
    /*
     * Handlers that may run at once; 0: 16. Further requests wait for their turn, at most until
     * their deadline. A request that comes back to a chain of calls which has a handler waiting here
     * (A calls B calls A) goes first, and may run beyond threads_max, up to 4 times as many in all,
     * so that the chain ends; beyond that it is refused, RESOURCE_EXHAUSTED. Requests that wait
     * while nothing but nested calls has been waited for during a second are refused, too. With 1
     * no handler ever runs while another waits.
     */
    uint32_t threads_max;
    /*
     * Not 0: handlers may block, all of them. Each runs while another thread reads
     * requests. For some methods alone: (atoll.method).pooled in the contract; those then cost one
     * more change of threads per call.
     */
    uint32_t pooled;
};
ATOLL_EXPORT int atoll_serve(const struct atoll_service *services, size_t count,
                             const struct atoll_serve_options *options);

/*
 * The context of one call: being served, or about to be made. A handler gets one and must not keep
 * it after it returned. A context belongs to one thread at a time. A forked child that has not
 * executed a program gets no new context, and calls with an inherited one end UNAVAILABLE.
 */
/* A root context: no deadline yet (calls then get the default of 10 s), a new trace id. NULL: out
 * of memory (errno is ENOMEM) or not inside an atoll system (ENOTCONN, EACCES: refused, ECHILD: a
 * fork). The caller frees it. */
ATOLL_EXPORT struct atoll_call *atoll_call_new(void);
/* One for a call beside those of the parent, which may be a handler's: memory of its own, deadline
 * and trace id of the parent's. NULL: out of memory. The caller frees it, before or after it. */
ATOLL_EXPORT struct atoll_call *atoll_call_new_child(const struct atoll_call *parent);
/* What is under way is given up and not told; an open stream is cancelled and freed. */
ATOLL_EXPORT void atoll_call_free(struct atoll_call *call);
/* Forgets replies and reason and takes a new trace id; deadline and metadata are cleared. Does
 * nothing while a call or stream of it is under way, and for a handler's. */
ATOLL_EXPORT void atoll_call_reset(struct atoll_call *call);

/* Absolute CLOCK_MONOTONIC ns; 0: none. Nested calls inherit it; it can only be brought forward. */
ATOLL_EXPORT uint64_t atoll_call_deadline(const struct atoll_call *call);
ATOLL_EXPORT void atoll_call_set_deadline(struct atoll_call *call, uint64_t deadline_ns);
ATOLL_EXPORT void atoll_call_set_timeout(struct atoll_call *call, uint64_t timeout_ns);
/* 16 bytes; nested calls inherit it. Borrowed from the context. */
ATOLL_EXPORT const uint8_t *atoll_call_trace_id(const struct atoll_call *call);
/* Who calls: the service's name as the supervisor vouches for it ("door", "order"); "" in a root. */
ATOLL_EXPORT const char *atoll_call_caller(const struct atoll_call *call);
/* The caller's instance, "order.2". */
ATOLL_EXPORT const char *atoll_call_caller_instance(const struct atoll_call *call);
/*
 * In a handler: has the caller lost interest (cancelled, passed its deadline, died)? The answer goes
 * nowhere then; long work may stop. Any thread while the handler runs; false in a root.
 */
ATOLL_EXPORT bool atoll_call_cancelled(const struct atoll_call *call);

/* Memory that lives as long as the context (until reset): for replies. NULL: out of memory. */
ATOLL_EXPORT void *atoll_alloc(struct atoll_call *call, size_t size);
ATOLL_EXPORT struct atoll_str atoll_copy(struct atoll_call *call, const char *at, size_t len);
ATOLL_EXPORT struct atoll_str atoll_printf(struct atoll_call *call, const char *format, ...)
    ATOLL_PRINTF(2, 3);

/*
 * Metadata: pairs of a key and a value beside the messages, as in gRPC. Three parts travel:
 *   metadata   from the caller, ahead of the request
 *   initial    from the handler, ahead of its first reply
 *   trailers   from the handler, with its status; also when it fails
 * What is set goes out, what is read came in: a handler reads the metadata of its request, sets
 * initial and trailers of its answer, sets metadata for the calls that it makes with its context,
 * and reads the initial and trailers of the last of those.
 *
 * Keys are a-z 0-9 - _ . in lower case, at most 255. A key that ends in "-bin" has any bytes for a
 * value; others have text without control characters. One part may have 8 KiB. What was read is
 * borrowed: metadata lives as long as the request, initial and trailers until the next call with
 * the context.
 */
/* Sets what the key has in place of what it had. 0; -EINVAL: not such a key or value, or no handler;
 * -E2BIG; -ENOMEM; -EALREADY: the first message of the stream has taken the initial part along. */
ATOLL_EXPORT int atoll_call_set_metadata(struct atoll_call *call, const char *key,
                                         const char *value);
ATOLL_EXPORT int atoll_call_set_initial(struct atoll_call *call, const char *key,
                                        const char *value);
ATOLL_EXPORT int atoll_call_set_trailer(struct atoll_call *call, const char *key,
                                        const char *value);
/* The first value of the key as text with a NUL behind it; NULL: none, or out of memory. */
ATOLL_EXPORT const char *atoll_call_metadata(const struct atoll_call *call, const char *key);
ATOLL_EXPORT const char *atoll_call_initial(const struct atoll_call *call, const char *key);
ATOLL_EXPORT const char *atoll_call_trailer(const struct atoll_call *call, const char *key);
/* No metadata goes with the next call made with the context. */
ATOLL_EXPORT void atoll_call_clear_metadata(struct atoll_call *call);

/* The same of any part, for bytes and for keys that have several values. */
enum atoll_metadata_part { ATOLL_METADATA = 0, ATOLL_INITIAL = 1, ATOLL_TRAILER = 2 };
/* One more value of the key. Results as above. */
ATOLL_EXPORT int atoll_call_add_value(struct atoll_call *call, enum atoll_metadata_part part,
                                      const char *key, struct atoll_str value);
/* The first value of the key; false: there is none. */
ATOLL_EXPORT bool atoll_call_value(const struct atoll_call *call, enum atoll_metadata_part part,
                                   const char *key, struct atoll_str *ret);
/* All pairs, one after the other; zeroed before the first. Never changes. */
struct atoll_metadata_pair {
    struct atoll_str key;
    struct atoll_str value;
    size_t position;
};
ATOLL_EXPORT bool atoll_call_next_value(const struct atoll_call *call,
                                        enum atoll_metadata_part part,
                                        struct atoll_metadata_pair *pair);

/* In a handler: `return atoll_fail(call, ATOLL_NOT_FOUND, "no item %d", id);`. Returns status. */
ATOLL_EXPORT int atoll_fail(struct atoll_call *call, int status, const char *format, ...)
    ATOLL_PRINTF(3, 4);
/* For generated code: the method has no handler. */
ATOLL_EXPORT int atoll_unimplemented(struct atoll_call *call);
/* Why the last call made with (or failed in) this context failed; "" when it did not. Borrowed. */
ATOLL_EXPORT const char *atoll_call_reason(const struct atoll_call *call);

/*
 * Calls a method and waits for the reply, from any thread. Generated client functions are one line
 * around it. `in` is encoded, `out` is decoded into the context's memory. Returns the status;
 * atoll_call_reason() tells why. Waits no longer than the deadline of the context. A request or
 * reply may have 4 MiB, or what max_message of the called service says in atoll.yaml; a longer one
 * ends the call with RESOURCE_EXHAUSTED. Long texts and bytes are read from where `in` has them
 * until the call has ended.
 */
ATOLL_EXPORT int atoll_invoke(struct atoll_call *call, const struct atoll_service_desc *service,
                              size_t method, const void *in, void *out);
/*
 * The same without waiting. With a callback, `done` runs inside atoll_poll() or atoll_next(), in the
 * thread that calls it; without (NULL), atoll_next() returns an event whose tag is `user`. Until
 * then call, out and in's memory belong to the library. ATOLL_OK: the end will be told exactly
 * once; otherwise a status and it is not told.
 */
typedef void atoll_done(void *user, struct atoll_call *call, int status);
ATOLL_EXPORT int atoll_invoke_async(struct atoll_call *call,
                                    const struct atoll_service_desc *service, size_t method,
                                    const void *in, void *out, atoll_done *done, void *user);
/*
 * Sends a request and does not wait for what becomes of it: no reply, no status, no reason. ATOLL_OK:
 * it is on its way, behind the calls made before, and `in` may be changed; otherwise the status that
 * kept it from going, such as RESOURCE_EXHAUSTED when too many are on their way. The context may be
 * used at once for the next call. Deadline, trace id and metadata go along as with any call.
 */
ATOLL_EXPORT int atoll_invoke_oneway(struct atoll_call *call,
                                     const struct atoll_service_desc *service, size_t method,
                                     const void *in);
/*
 * Gives up on what is under way with this context, waiting in another thread or asynchronous: it
 * ends ATOLL_CANCELLED, unless it has ended already. Any thread; the context must not be freed
 * meanwhile. Nothing under way: does nothing.
 */
ATOLL_EXPORT void atoll_call_cancel(struct atoll_call *call);

/*
 * How the end of what is asynchronous is told. A program takes callbacks, events, or both; any
 * number of threads may ask at the same time, and each end is told once, to one of them. The
 * context or stream that an event names then belongs to the thread that got it.
 */
/* Readable: call atoll_poll() or atoll_next() until there is nothing more. For a foreign event
 * loop; one per process, the library's. -errno on failure. */
ATOLL_EXPORT int atoll_poll_fd(void);
/* Runs the callbacks that are due, waiting at most timeout_ms for one (-1: no limit). How many
 * ran. Events stay for atoll_next(). */
ATOLL_EXPORT int atoll_poll(int timeout_ms);

enum atoll_event_kind {
    ATOLL_EVENT_CALL = 1,   /* atoll_invoke_async() */
    ATOLL_EVENT_SEND = 2,   /* atoll_stream_send_async() */
    ATOLL_EVENT_RECV = 3,   /* atoll_stream_recv_async() */
    ATOLL_EVENT_FINISH = 4, /* atoll_stream_finish_async(); the stream is gone */
    ATOLL_EVENT_GONE = 5,   /* atoll_stream_gone_async() */
    ATOLL_EVENT_POSTED = 6, /* atoll_post() */
};
/* Never changes. */
struct atoll_event {
    void *tag;                   /* what was given as `user` */
    struct atoll_call *call;     /* the context; NULL when posted */
    struct atoll_stream *stream; /* NULL: not of a stream, or finished */
    int32_t status;              /* what the function that waits would have returned */
    uint32_t kind;               /* enum atoll_event_kind */
};
/*
 * The next event, in the order in which they came, waiting at most timeout_ms (-1: no limit);
 * callbacks that are due run meanwhile. 1: *event is filled; 0: none came; -errno: the library
 * cannot be used, or event is NULL.
 */
ATOLL_EXPORT int atoll_next(struct atoll_event *event, int timeout_ms);
/* Puts an event of the program's own behind the others, so that a thread in atoll_next() gets work
 * or ends. 0, -ENOMEM, -errno as atoll_next(). Any thread. */
ATOLL_EXPORT int atoll_post(void *tag, int status);

/*
 * Streams: methods whose request or reply is a sequence of messages. Generated code has typed
 * functions for each method that streams, one line around these; S_watch stands for
 * Service_method:
 *
 *   the server streams      rpc Watch(Query) returns (stream Event)
 *       status = S_watch_open(call, &query, &stream);
 *       while ((status = S_watch_recv(stream, &event)) == ATOLL_OK) { … }
 *       status = S_watch_finish(stream);
 *   the client streams      rpc Upload(stream Part) returns (Receipt)
 *       status = S_upload_open(call, &stream);
 *       S_upload_send(stream, &part); …
 *       status = S_upload_finish(stream, &receipt);
 *   both                    rpc Chat(stream Line) returns (stream Line)
 *       _open, then _send, _recv and _close_send in any order, then _finish
 *
 * In a service the handler gets the other end:
 *
 *   static int watch(struct atoll_call *call, const struct Query *in, struct atoll_stream *out);
 *   static int upload(struct atoll_call *call, struct atoll_stream *in, struct Receipt *out);
 *   static int chat(struct atoll_call *call, struct atoll_stream *both);
 *
 * with S_watch_server_send(out, &event), S_upload_server_recv(in, &part). What it returns ends the
 * stream, with atoll_fail() as everywhere; ATOLL_STREAM_END counts as ATOLL_OK:
 *
 *   while ((status = S_chat_server_recv(both, &line)) == ATOLL_OK) {
 *       status = S_chat_server_send(both, &answer);
 *       if (status != ATOLL_OK) { break; }
 *   }
 *   return status;
 *
 * A stream belongs to the context it was opened with: deadline, trace id and metadata are the
 * call's, and one context has one stream at a time. Without a deadline of the context or its
 * contract a stream may live for ever; it then waits 10 seconds for an instance to take it.
 * Meanwhile unary calls may be made with the context.
 *
 * A process has one channel to each instance it calls, which carries 256 calls and streams at once.
 * When all are full, a stream that is opened waits like any call, and its reason says how many
 * streams are open.
 *
 * Threads: one may send while another receives, and any may cancel; the context belongs to one of
 * them. Sending waits while the receiver does not keep up (flow control), receiving until a message
 * comes; neither waits beyond the deadline, nor when the other end is gone. A handler that waits
 * holds one of the threads_max handlers, and when streams hold all of them, new requests and
 * streams wait until one ends or their deadline passes, whose reason says so: a service of many
 * long streams keeps them, see atoll_stream_keep(), or raises threads_max.
 */
enum {
    ATOLL_STREAM_END = 100, /* the other end sends no more, or wants no more. Not a status */
};
/*
 * Begins a call to a method that streams; does not wait for the service. `in` is the one request
 * where only the server streams, else NULL. ATOLL_OK, then *ret must go through
 * atoll_stream_finish(); otherwise a status, *ret is NULL and atoll_call_reason() says why.
 */
ATOLL_EXPORT int atoll_stream_open(struct atoll_call *call,
                                   const struct atoll_service_desc *service, size_t method,
                                   const void *in, struct atoll_stream **ret);
/*
 * ATOLL_OK: taken, the message may be changed; ATOLL_STREAM_END: the service has ended the stream
 * well and wants no more; ATOLL_FAILED_PRECONDITION: sending was closed, or another is under way;
 * else the status that the stream has ended with. A message that cannot be sent ends it.
 */
ATOLL_EXPORT int atoll_stream_send(struct atoll_stream *stream, const void *message);
/*
 * The next message. ATOLL_OK; ATOLL_STREAM_END; or the status that the stream has ended with, once
 * all that came before has been received. What the message points to lives until the next one is
 * received or the stream is finished. NULL: the message is skipped.
 */
ATOLL_EXPORT int atoll_stream_recv(struct atoll_stream *stream, void *message);
/* Caller's end: half-close, no more is sent from here. Receiving goes on. ATOLL_OK, or the status
 * that the stream has ended with. */
ATOLL_EXPORT int atoll_stream_close_send(struct atoll_stream *stream);
/*
 * Caller's end: closes sending, skips what was not received, waits for the status, and frees the
 * stream: who does not want to wait cancels before. `out`: the one reply where only the client
 * streams; NULL: not wanted. Reply, trailers and reason are the context's then. While something is
 * under way in another thread or asynchronously: ATOLL_FAILED_PRECONDITION, nothing is freed.
 */
ATOLL_EXPORT int atoll_stream_finish(struct atoll_stream *stream, void *out);
/* Why the stream has ended, or why a function has just refused to begin; "" while it has not, or
 * well. Both threads may ask; lives as long as the stream. atoll_call_reason() of its context says
 * the same. */
ATOLL_EXPORT const char *atoll_stream_reason(const struct atoll_stream *stream);
/*
 * The same without waiting: 0, and the end is told once, by `done` or, when that is NULL, as an
 * event (see atoll_next()), with what the function would have returned; otherwise a status, and it
 * is not told. Until then the place of a received message belongs to the library; a message to send
 * may be changed at once. One sending and one receiving may be under way at a time. `stream` is NULL
 * when it is gone: finished, or ended with atoll_stream_end().
 */
typedef void atoll_stream_done(void *user, struct atoll_stream *stream, int status);
ATOLL_EXPORT int atoll_stream_send_async(struct atoll_stream *stream, const void *message,
                                         atoll_stream_done *done, void *user);
ATOLL_EXPORT int atoll_stream_recv_async(struct atoll_stream *stream, void *message,
                                         atoll_stream_done *done, void *user);
ATOLL_EXPORT int atoll_stream_finish_async(struct atoll_stream *stream, void *out,
                                           atoll_stream_done *done, void *user);
/* Ends it with ATOLL_CANCELLED at both ends. Any thread; the caller must still finish it, a handler
 * return or end it. */
ATOLL_EXPORT void atoll_stream_cancel(struct atoll_stream *stream);
/*
 * In a handler: `return atoll_stream_keep(stream);` gives the thread back and keeps the stream, its
 * context, its request and the place of its reply alive, so that one thread can feed many streams,
 * until atoll_stream_end() ends it with a status, from any thread, once. A kept stream costs memory
 * and no thread. Its asynchronous ends are told to threads of the program's own that call
 * atoll_next() or atoll_poll(). Ask atoll_stream_gone_async() for each, and end what nobody listens
 * to. When its caller is gone and nothing of it is under way, a kept stream leaves its channel by
 * itself: what is asked of it then tells the status, and it costs memory until it is ended.
 */
ATOLL_EXPORT int atoll_stream_keep(struct atoll_stream *stream);
/* What is under way is told, with this status or its own, and the stream is gone. */
ATOLL_EXPORT void atoll_stream_end(struct atoll_stream *stream, int status);
/*
 * In a service: is told when nobody listens any more: ATOLL_CANCELLED (the caller has cancelled, or
 * is gone), ATOLL_DEADLINE_EXCEEDED; or ATOLL_UNAVAILABLE: the service was asked to stop, and the
 * stream has three quarters of the grace for last words. When it is ended first: how it was.
 */
ATOLL_EXPORT int atoll_stream_gone_async(struct atoll_stream *stream, atoll_stream_done *done,
                                         void *user);
/* The context that the stream belongs to; NULL for NULL. */
ATOLL_EXPORT struct atoll_call *atoll_stream_call(const struct atoll_stream *stream);

/*
 * One request to all instances of a service: to ask each for its part, to tell each something, or to
 * take the first answer. Generated S_m_to_many() is one line around it.
 *
 *   struct atoll_many how = {.size = sizeof(how), .rule = ATOLL_MANY_QUORUM};
 *   int status = S_get_to_many(call, &request, &how);
 *   const struct atoll_answers *answers = atoll_call_answers(call);
 *   for (size_t i = 0; answers != NULL && i < answers->count; i++) {
 *       const struct GetReply *reply = answers->at[i]->reply;  // NULL when not OK
 *   }
 *
 * Who is asked: the instances that take calls when the call begins; while there is none, it waits for
 * the first, within its deadline. Instances that come later are not asked. Each instance gets the
 * request once: one that dies with it, or before it took it, has failed for this call, UNAVAILABLE
 * with the reason, and neither another instance nor the restarted one is asked in its place, also
 * when the method may be repeated. How calls are balanced makes no difference.
 *
 * A call that is decided cancels what is still out; a handler may have run all the same, or run on
 * until it looks (atoll_call_cancelled()). So ATOLL_MANY_FIRST is for methods without side effects.
 */
enum atoll_many_rule {
    ATOLL_MANY_ALL = 1,    /* waits for every instance; OK when all answered OK */
    ATOLL_MANY_FIRST = 2,  /* until the first that is OK; fails when all have failed */
    ATOLL_MANY_QUORUM = 3, /* until so many are OK, or cannot be any more */
};
struct atoll_many {
    size_t size;     /* sizeof(struct atoll_many) */
    uint32_t rule;   /* enum atoll_many_rule */
    uint32_t quorum; /* ATOLL_MANY_QUORUM: how many; 0: more than half of the instances that the
                        configuration has, whether they run or not */
};
/* What one instance answered. */
struct atoll_answer {
    const char *instance; /* "stock.2" */
    int status;           /* enum atoll_status; ATOLL_CANCELLED: decided without it */
    const char *reason;   /* "" when OK */
    const void *reply;    /* the reply's struct; NULL when not OK */
};
/* By name of the instance. In the context's memory, like the replies: until it is reset. */
struct atoll_answers {
    const struct atoll_answer *const *at;
    size_t count; /* instances that were asked */
    size_t ok;
    size_t replicas; /* that the configuration has; at least count */
};
/*
 * how: NULL for ATOLL_MANY_ALL. ATOLL_OK when the rule is met; UNAVAILABLE when fewer instances are
 * ready than are needed; else the status of the first instance that failed, with all of it in
 * atoll_call_reason().
 */
ATOLL_EXPORT int atoll_invoke_many(struct atoll_call *call,
                                   const struct atoll_service_desc *service, size_t method,
                                   const void *in, const struct atoll_many *how);
/*
 * The same without waiting, told like atoll_invoke_async(): by `done`, or where that is NULL by an
 * event. Until then call and in's memory belong to the library; of `how` nothing is kept.
 */
ATOLL_EXPORT int atoll_invoke_many_async(struct atoll_call *call,
                                         const struct atoll_service_desc *service, size_t method,
                                         const void *in, const struct atoll_many *how,
                                         atoll_done *done, void *user);
/* Of the last call to many that was made with the context and has ended, OK or not; NULL when nobody
 * was asked. In its memory: until it is reset. */
ATOLL_EXPORT const struct atoll_answers *atoll_call_answers(const struct atoll_call *call);

/*
 * Named locks and semaphores, of the whole system. The configuration declares them under `locks`, and
 * a service names those that it may use as "lock:NAME" in `uses`.
 *
 *   struct atoll_lock lock;
 *   int status = atoll_lock(call, "checkout", &lock);
 *   if (status != ATOLL_OK) { return status; }
 *   if ((lock.flags & ATOLL_LOCK_OWNER_DIED) != 0) {
 *       repair what the lock protects;
 *       atoll_lock_repaired(call, &lock);
 *   }
 *   write what it protects, with lock.token;
 *   status = atoll_unlock(call, &lock);
 *
 * Who asks first is served first. A lock belongs to the process, not to the context or thread that
 * asked, until it is given back; when the process ends, however it ends, the next one gets it at
 * once, with ATOLL_LOCK_OWNER_DIED, until one of its owners has said atoll_lock_repaired(). A forked
 * child has none of its parent's locks.
 *
 * A lock cannot stop a process that lost it (its lease ended while it was stopped) from going on.
 * Its token can: each grant's is larger than all before, over restarts of everything. Whoever keeps
 * the data keeps the largest token seen beside it, and refuses to write with a smaller one.
 */
enum {
    ATOLL_LOCK_OWNER_DIED = 1, /* flag of a lock: an owner did not give it back, see above; also
                                  when that cannot be ruled out */
    ATOLL_LOCK_SHARED = 2, /* of options: beside others who ask so, not beside one who does not */
    ATOLL_LOCK_TRY = 4,    /* of options: ABORTED, with who has it, rather than wait */
};
struct atoll_lock {
    uint64_t token; /* of this grant; below 2^53 until the year 2255 */
    uint64_t id;    /* the library's */
    uint32_t flags; /* ATOLL_LOCK_OWNER_DIED */
    uint32_t reserved;
};
struct atoll_lock_options {
    size_t size;      /* sizeof(struct atoll_lock_options) */
    uint32_t flags;   /* ATOLL_LOCK_SHARED, ATOLL_LOCK_TRY */
    uint32_t permits; /* of a semaphore; 0: 1 */
};
/*
 * Waits for the lock within the deadline of the context. ATOLL_OK: it is held. DEADLINE_EXCEEDED: the
 * reason says who holds it and for how long. PERMISSION_DENIED: it is not declared or not used; the
 * reason is the line to add. ABORTED: waiting would never end, for this context or, over others, one
 * that waits for it holds the lock; the reason names the circle. RESOURCE_EXHAUSTED: a process has
 * at most 256, of which it may wait for 192, and at most 1024 wait for one. Waiting survives the keeper of the locks.
 */
#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* g++: it hides the constructor of the struct */
#endif
ATOLL_EXPORT int atoll_lock(struct atoll_call *call, const char *name, struct atoll_lock *ret);
#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
/* options may be NULL. */
ATOLL_EXPORT int atoll_lock_with(struct atoll_call *call, const char *name,
                                 const struct atoll_lock_options *options, struct atoll_lock *ret);
/* Without waiting; the end is told as that of atoll_invoke_async(). Until then *ret and the context
 * belong to the library, and atoll_call_cancel() gives up. */
ATOLL_EXPORT int atoll_lock_async(struct atoll_call *call, const char *name,
                                  const struct atoll_lock_options *options, struct atoll_lock *ret,
                                  atoll_done *done, void *user);
/*
 * Gives it back, with any context; the lock is not to be used after that, whatever is returned.
 * FAILED_PRECONDITION: it was not held any more, for the lease had ended (what it protects may have
 * been written by another meanwhile), or it was given back before.
 */
ATOLL_EXPORT int atoll_unlock(struct atoll_call *call, const struct atoll_lock *lock);
/* The lease begins again. FAILED_PRECONDITION: it is too late. */
ATOLL_EXPORT int atoll_lock_renew(struct atoll_call *call, const struct atoll_lock *lock);
/* What the dead owner left is in order: the next owner is not told any more. */
ATOLL_EXPORT int atoll_lock_repaired(struct atoll_call *call, const struct atoll_lock *lock);

/* Bytes in, bytes out: for tools that know methods by name. Reply lives in the context. */
ATOLL_EXPORT int atoll_invoke_bytes(struct atoll_call *call, const char *service,
                                    const char *method, const void *in, size_t in_len,
                                    const void **ret_out, size_t *ret_len);
/*
 * The same for streams; in: NULL, or the one request, and nothing else is sent then. Names and
 * sent bytes are borrowed: names until the stream is finished, bytes until the function returns.
 * What was received lives until the next one is. Also the one reply where only the client streams
 * is received; then atoll_stream_finish(stream, NULL).
 */
ATOLL_EXPORT int atoll_stream_open_bytes(struct atoll_call *call, const char *service,
                                         const char *method, const void *in, size_t in_len,
                                         struct atoll_stream **ret);
ATOLL_EXPORT int atoll_stream_send_bytes(struct atoll_stream *stream, const void *in,
                                         size_t in_len);
ATOLL_EXPORT int atoll_stream_recv_bytes(struct atoll_stream *stream, const void **ret_out,
                                         size_t *ret_len);

#ifdef __cplusplus
}
#endif

#endif
