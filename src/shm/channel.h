/*
 * Channel: two single-writer shared memory regions between two processes that do not trust each
 * other, and a doorbell each way.
 *
 * Each side makes its own region (a memfd sealed against shrinking, growing and every future
 * writable mapping) and maps the peer's read-only. So nothing here is written by two processes:
 * there is no lock, no compare-and-swap and nothing to repair when a side dies; a liar can only
 * spoil its own region.
 *
 * The rule that is easy to break: a word of the peer's region is loaded once into a local, and a
 * header or payload is copied out before it is judged. The peer may change its memory at any time.
 *
 * Waiting: `waiting` holds sleep count << 2 | what I wait for. The producer stores tail and then
 * loads the peer's `waiting`; the consumer stores `waiting` and then loads the peer's tail; both
 * sequentially consistent, so at least one of them sees the other. A producer rings once per
 * sleep: it remembers the value for which it rang.
 *
 * The doorbell is an eventfd that holds 1 from the start (at_service_make_bell()) and is never read;
 * to ring is to write 0. Both sides share one open file description, so a liar may fill the counter
 * and take O_NONBLOCK away: a write of 1 would then sleep for ever, a write of 0 always fits and
 * still wakes who waits in epoll, edge-triggered. (Only the kernel's own signals, of asynchronous
 * I/O, could fill the last place; the cage refuses io_setup.) Reading it empty silences only the
 * reader's own rings.
 *
 * A channel belongs to one thread at a time.
 */
#ifndef AT_SHM_CHANNEL_H
#define AT_SHM_CHANNEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "shm/limits.h"
#include "shm/window.h"

/*
 * What follows is layout 2. The control conversation agrees on a channel's layout. Layout 1 has the
 * same places and lacks what is marked with (2): those words stay 0, those kinds and flags are not
 * sent. So one struct serves both.
 */
#define AT_REGION_MAGIC UINT32_C(0x4c4f5441)

/* Written once, before the region is sealed and handed over. */
struct at_region_head {
    uint32_t magic;
    uint16_t layout_version; /* the agreed one */
    uint16_t header_bytes;   /* sizeof(struct at_record) */
    uint32_t region_bytes;
    uint32_t ring_offset;
    uint32_t ring_bytes; /* a power of two */
    uint32_t reserved;
    uint64_t epoch; /* the channel's id */
};

struct at_region {
    struct at_region_head head;
    uint8_t gap0[256 - sizeof(struct at_region_head)];
    _Atomic uint32_t tail; /* bytes I have published, free running */
    uint8_t gap1[252];
    _Atomic uint32_t taken;   /* bytes of the peer's ring I have consumed, free running */
    _Atomic uint32_t waiting; /* see above */
    _Atomic uint32_t cpu;     /* where I ran last: a hint for spinning */
    _Atomic uint32_t credit;  /* server: how many calls the client may have started, absolute */
    _Atomic uint32_t window_taken; /* (2) chunks of the peer's window I have consumed */
    _Atomic uint32_t window_seen;  /* (2) number of the peer's window that I have mapped; 0: none */
    uint8_t gap2[232];
    /* (2) client: the generation of the call in that slot that was cancelled; 0: it was not */
    _Atomic uint16_t cancelled[AT_CHANNEL_SLOTS];
    uint8_t gap3[4096 - 1280];
    uint8_t ring[];
};

_Static_assert(sizeof(struct at_region_head) == 32, "layout");
_Static_assert(offsetof(struct at_region, tail) == 256, "layout");
_Static_assert(offsetof(struct at_region, taken) == 512, "layout");
_Static_assert(offsetof(struct at_region, waiting) == 516, "layout");
_Static_assert(offsetof(struct at_region, cpu) == 520, "layout");
_Static_assert(offsetof(struct at_region, credit) == 524, "layout");
_Static_assert(offsetof(struct at_region, window_taken) == 528, "layout");
_Static_assert(offsetof(struct at_region, window_seen) == 532, "layout");
_Static_assert(offsetof(struct at_region, cancelled) == 768, "layout");
_Static_assert(offsetof(struct at_region, gap3) == 1280, "layout");
_Static_assert(sizeof(_Atomic uint16_t) == 2 && sizeof(_Atomic uint32_t) == 4, "layout");
_Static_assert(offsetof(struct at_region, ring) == 4096, "layout");

enum at_wait_for {
    AT_WAIT_RECORDS = 1, /* ring when your tail moves */
    AT_WAIT_ROOM = 2,    /* ring when you have consumed */
};

enum at_record_kind {
    AT_RECORD_REQUEST = 1,
    AT_RECORD_RESPONSE = 2,
    AT_RECORD_DATA = 3,       /* more of the message or stream, from `offset` on */
    AT_RECORD_END = 4,        /* (2) client: no more messages of this stream from me */
    AT_RECORD_WINDOW = 5,     /* (2) total_len bytes more credit for a stream, or for the channel */
    AT_RECORD_CANCEL = 6,     /* the caller has lost interest in call_id */
    AT_RECORD_EXT_RETURN = 7, /* (2) I have taken my window away; call_id is its number */
    AT_RECORD_GOAWAY = 8,     /* no new calls, please: I am draining */
    AT_RECORD_PING = 9,       /* ignored */
    AT_RECORD_MESSAGE = 10,   /* (2) a further message of a stream begins */
    AT_RECORD_KINDS = 11,
};

enum at_record_flags {
    AT_RECORD_NOT_EXECUTED = 1, /* RESPONSE: the handler never ran; safe to send elsewhere */
    AT_RECORD_STREAM = 2,       /* (2) REQUEST: opens a stream */
    AT_RECORD_BODY = 4,         /* (2) REQUEST of a stream, MESSAGE: behind the metadata there is a
                                 * message, perhaps an empty one */
    AT_RECORD_LAST = 8,         /* (2) the same, of a client: END is meant behind this message */
};

#define AT_CALL_ID_CHANNEL UINT32_MAX /* WINDOW's call_id: credit for the whole channel */

/*
 * Head of every record; 64 bytes, payload behind it, the whole rounded up to 64. A message is
 * meta_len bytes of metadata (in a failed response: the reason) and then the body; total_len
 * counts both. What does not fit in the first record follows in DATA records.
 *
 * A stream (2): REQUEST with AT_RECORD_STREAM, then MESSAGEs of both sides in any order, DATA behind
 * each as needed, one message of a stream and direction at a time; those of other streams and calls
 * may come in between. The first MESSAGE of the server may bring metadata. END: the client has said
 * all; RESPONSE: status and trailers, the stream is over. RESPONSE of a stream, and every failed
 * one: total_len - meta_len bytes of packed trailers behind the reason.
 *
 * Credit (2): each side may have sent AT_STREAM_WINDOW bytes of messages in each stream and
 * AT_STREAM_CHANNEL_WINDOW in all of them, plus what WINDOW records gave. What counts is what gRPC
 * puts into HTTP/2's DATA frames: 5 bytes a message, in the record that begins it, and its bytes as
 * they are sent. Metadata, and calls that are no streams, need no credit.
 */
struct at_record {
    uint32_t len;     /* payload of this record */
    uint32_t call_id; /* slot | generation << 16 */
    uint16_t code;    /* REQUEST: method number by the server's table; RESPONSE: status */
    uint8_t kind;     /* enum at_record_kind */
    uint8_t flags;
    uint32_t offset;      /* of this payload in its message */
    uint64_t deadline_ns; /* absolute CLOCK_MONOTONIC */
    uint8_t trace_id[16];
    uint64_t span_id;
    uint32_t total_len;
    uint32_t meta_len;
    uint32_t ext_off; /* where the payload is in the writer's window, when … */
    uint32_t ext_len; /* … this is not 0: then len is (shm/window.h) */
};

_Static_assert(sizeof(struct at_record) == 64, "layout");
_Static_assert(offsetof(struct at_record, trace_id) == 24, "layout");
_Static_assert(offsetof(struct at_record, total_len) == 48, "layout");

/* Results. AT_CHANNEL_BROKEN: the peer broke the rule in at_channel.rule; drop it. */
enum at_channel_result { AT_CHANNEL_EMPTY = 1, AT_CHANNEL_FULL = 2, AT_CHANNEL_BROKEN = 3 };

enum at_channel_rule {
    AT_RULE_NONE,
    AT_RULE_SEALS,        /* a seal is missing */
    AT_RULE_SIZE,         /* not the agreed size, or not backed by memory */
    AT_RULE_HEAD,         /* region head: magic, version, offsets */
    AT_RULE_TAIL_RANGE,   /* tail is further from what we consumed than the ring is long */
    AT_RULE_TAIL_ALIGN,   /* tail is not a multiple of 64 */
    AT_RULE_RECORD_LEN,   /* a record's length is over the limit */
    AT_RULE_RECORD_FITS,  /* a record reaches behind tail */
    AT_RULE_TAKEN_RANGE,  /* says it consumed what we never wrote, or less than before */
    AT_RULE_KIND,         /* a kind that may not come from this side */
    AT_RULE_CALL_ID,      /* no such call is in flight (or it is already) */
    AT_RULE_MESSAGE,      /* lengths or offsets of a message contradict each other */
    AT_RULE_MESSAGE_SIZE, /* over the message limit */
    AT_RULE_ATTACH,       /* the attach message */
    AT_RULE_BELL,         /* rings again and again without having moved anything */
    AT_RULE_STREAM,       /* a stream where its table says call, or the reverse */
    AT_RULE_CLOSED,       /* sends in a stream whose end it has said */
    AT_RULE_CREDIT,       /* sends more than its credit */
    AT_RULE_WINDOW,       /* gives credit of nothing, or beyond what can be counted */
    AT_RULE_CHUNK,        /* names what is not its window's next chunk; a second window */
    AT_RULE_LAST,
};
/* A sentence part: "its tail left the ring". Never NULL. */
const char *at_channel_rule_text(enum at_channel_rule rule);

/*
 * Makes a region: populated, sealed, its head written. The descriptor is to be sent to the peer
 * and closed. ring_bytes: a power of two within the limits, else -EINVAL. layout: as agreed.
 */
int at_region_create(uint32_t ring_bytes, uint64_t epoch, uint32_t layout, struct at_region **ret,
                     int *ret_fd);
/*
 * Judges a peer's memfd and maps it read-only; the descriptor stays the caller's. 0, -errno, or
 * AT_CHANNEL_BROKEN with *ret_rule.
 */
int at_region_accept(int fd, uint32_t region_bytes, uint64_t epoch, uint32_t layout,
                     const struct at_region **ret, enum at_channel_rule *ret_rule);
/* Unmaps. region_bytes is the agreed size, never what a peer's memory says. NULL is accepted. */
void at_region_release(const struct at_region *region, uint32_t region_bytes);

struct at_channel {
    struct at_region *mine;
    const struct at_region *peer;
    uint32_t ring_bytes;      /* of mine */
    uint32_t peer_ring_bytes; /* of the peer's, as judged at accept */
    uint32_t tail;            /* written, perhaps not yet published */
    uint64_t written;         /* the same, never wrapping: the position of the next record */
    uint32_t published;       /* what mine->tail says */
    uint32_t peer_taken;      /* last judged value */
    uint32_t head;            /* consumed of the peer's ring, perhaps not yet told */
    uint32_t told;            /* what mine->taken says */
    uint32_t peer_tail;       /* last judged value */
    uint32_t sleeps;          /* counts arms */
    uint32_t armed;           /* enum at_wait_for bits that stand in mine->waiting */
    uint32_t rung;            /* the peer's waiting value for which I rang */
    bool in_window;           /* the record in work has its payload in the peer's window */
    struct at_window_mine window;
    struct at_window_peer peer_window;
    int ring_fd; /* the peer's doorbell; borrowed; -1 in tests */
    enum at_channel_rule rule;
};

/* Takes both mappings over, of region_bytes each as agreed. The doorbell stays the caller's. */
void at_channel_init(struct at_channel *ch, struct at_region *mine, uint32_t mine_bytes,
                     const struct at_region *peer, uint32_t peer_bytes);
/* Releases both mappings; fine on a zeroed channel. */
void at_channel_deinit(struct at_channel *ch);

/*
 * Writes one record: r->len == a.len + b.len ≤ AT_RECORD_PAYLOAD_MAX. Invisible until published.
 * 0, AT_CHANNEL_FULL, AT_CHANNEL_BROKEN, -EINVAL.
 */
int at_channel_put(struct at_channel *ch, const struct at_record *r, struct at_bytes a,
                   struct at_bytes b);
/*
 * Is there room for a record of so many bytes? When it seems not, the peer's count is looked at
 * anew. 0, AT_CHANNEL_FULL, AT_CHANNEL_BROKEN.
 */
int at_channel_look_for_room(struct at_channel *ch, uint32_t payload);
/* Looks at the peer's count anew. 0, AT_CHANNEL_BROKEN. */
int at_channel_judge_taken(struct at_channel *ch);
/* Does the peer run on another CPU, as far as it has said? */
bool at_channel_is_apart(const struct at_channel *ch);
/* Shows the written records to the peer and wakes it when it sleeps. */
void at_channel_publish(struct at_channel *ch);
/* The same without waking. True: it sleeps, and the caller must see to at_channel_ring(). */
bool at_channel_publish_silently(struct at_channel *ch);
/* ring_fd: of the channel. Any thread. Never blocks: see above. */
void at_channel_ring(int ring_fd);

/*
 * The next record: its head is copied out and judged; its payload, wherever it stands, has ret->len
 * bytes and is read by at_channel_copy(). It stays until at_channel_consume(). 0, AT_CHANNEL_EMPTY, AT_CHANNEL_BROKEN.
 */
int at_channel_next(struct at_channel *ch, struct at_record *ret);
/* Copies payload bytes [from, from + len) of record r out; the caller stays within r->len. */
void at_channel_copy(const struct at_channel *ch, uint32_t from, void *to, uint32_t len);
/* Steps over r. */
void at_channel_consume(struct at_channel *ch, const struct at_record *r);
/* Tells the peer what was consumed, and wakes it when it waits for room. */
void at_channel_tell(struct at_channel *ch);

/*
 * Announces that I am about to sleep. True: sleep until the doorbell rings. False: there is
 * something to do at once (records, or room when that was asked), and nothing is announced.
 */
bool at_channel_arm(struct at_channel *ch, uint32_t wait_for);
/* I am awake. */
void at_channel_disarm(struct at_channel *ch);
/* Are there records? One load; never judges. */
bool at_channel_has_records(const struct at_channel *ch);
/* Has the peer provably not consumed what I wrote when ch->written was `start`? */
bool at_channel_is_untaken(const struct at_channel *ch, uint64_t start);
/* The CPU on which the peer ran when it last published or armed. */
uint32_t at_channel_peer_cpu(const struct at_channel *ch);
/* Server: sets the absolute number of calls admitted. Client: reads it. */
void at_channel_set_credit(struct at_channel *ch, uint32_t credit);
uint32_t at_channel_peer_credit(const struct at_channel *ch);
/* Client: says that the call is cancelled; before the CANCEL record, which only wakes. Layout 2.
 * Generation 0 takes it back, when the server has finished with the call. */
void at_channel_set_cancelled(struct at_channel *ch, uint32_t call_id);
/*
 * Server: where the client says so, for one load by any thread while the peer's region is mapped:
 * cancelled when it is call_id >> 16. NULL: call_id has no such slot.
 */
const _Atomic uint16_t *at_channel_cancel_word(const struct at_channel *ch, uint32_t call_id);

#endif
