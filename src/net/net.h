/*
 * Streams on the loop: accepted TCP connections with bounded buffers both ways.
 *
 * Input is read into one buffer that all streams share; only what the owner leaves is kept with the
 * stream, so an idle connection costs no buffer. Output collects while a callback runs and goes out
 * in one write when it returns; outside of callbacks at_conn_flush() sends it.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef AT_NET_NET_H
#define AT_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "loop/loop.h"

struct at_net;
struct at_conn;
struct at_listener;

/* streams_max: connections at once; more are closed as they come. */
int at_net_new(struct at_loop *loop, size_t streams_max, struct at_net **ret);
/* Every stream and listener must be gone. NULL is accepted. Returns NULL. */
struct at_net *at_net_free(struct at_net *net);
size_t at_net_stream_count(const struct at_net *net);

/*
 * One budget of bytes over all streams: their buffers count by themselves, what an owner keeps for
 * a peer it counts with at_net_count(). An owner asks at_net_has_room() before it takes on more and
 * refuses otherwise; an eighth on top is spared for saying so, beyond which a stream that needs a
 * buffer is lost and at_conn_room() gives none. At first there is no bound.
 */
void at_net_set_budget(struct at_net *net, size_t most);
size_t at_net_held(const struct at_net *net);
bool at_net_has_room(const struct at_net *net, size_t n);
/* n bytes more; negative: less. */
void at_net_count(struct at_net *net, ptrdiff_t n);

/* The new connection is the callee's; make a stream of it or close it. */
typedef void at_listener_fn(void *user, int fd);
/* fd, non-blocking and listening, becomes the listener's on success. */
int at_listener_new(struct at_net *net, int fd, at_listener_fn *fn, void *user,
                    struct at_listener **ret);
/* Closes the descriptor. NULL is accepted. Returns NULL. */
struct at_listener *at_listener_free(struct at_listener *listener);

struct at_conn_ops {
    /*
     * in: all bytes that came and were not used yet. Returns how many are done with now; the rest
     * is kept and comes again with what follows, or at at_conn_resume().
     */
    size_t (*on_input)(void *user, struct at_bytes in);
    /* The peer sends no more; it may still read. */
    void (*on_eof)(void *user);
    /* All output was handed to the kernel. May be NULL. */
    void (*on_drained)(void *user);
    /* The time of at_conn_set_deadline() has come. */
    void (*on_deadline)(void *user);
    /* The connection is broken or the peer takes nothing: the stream is gone. error: errno. */
    void (*on_gone)(void *user, int error);
};

/* fd becomes the stream's on success. ops outlive the stream. */
int at_conn_new(struct at_net *net, int fd, const struct at_conn_ops *ops, void *user,
                struct at_conn **ret);
/* At once, without on_gone. NULL is accepted. Returns NULL. */
struct at_conn *at_conn_close(struct at_conn *stream);
/*
 * Takes nothing more in, sends what is pending, says end of file, and waits a moment for the peer to
 * read it before the connection is closed: a close with unread input would destroy the answer. No
 * callback runs any more; the stream is no longer the caller's. Returns NULL.
 */
struct at_conn *at_conn_finish(struct at_conn *stream);

/*
 * Room for up to n bytes of output; say how many with at_conn_wrote(). NULL: out of memory, or
 * the peer does not read and AT_NET_OUT_BYTES are pending.
 */
uint8_t *at_conn_room(struct at_conn *stream, size_t n);
void at_conn_wrote(struct at_conn *stream, size_t n);
size_t at_conn_pending(const struct at_conn *stream);
void at_conn_flush(struct at_conn *stream);

/* Offers what was kept to on_input again and goes on reading. */
void at_conn_resume(struct at_conn *stream);
/* One deadline at a time, absolute; 0: none. Cheap: made for being moved with every request. */
void at_conn_set_deadline(struct at_conn *stream, uint64_t deadline_ns);
bool at_conn_saw_eof(const struct at_conn *stream);

#endif
