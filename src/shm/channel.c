#include "shm/channel.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "shm/limits.h"
#include "shm/window.h"

void at_channel_init(struct at_channel *ch, struct at_region *mine, uint32_t mine_bytes,
                     const struct at_region *peer, uint32_t peer_bytes)
{
    *ch = (struct at_channel){.mine = mine,
                              .peer = peer,
                              .ring_bytes = mine_bytes - (uint32_t)sizeof(struct at_region),
                              .peer_ring_bytes = peer_bytes - (uint32_t)sizeof(struct at_region),
                              .ring_fd = -1};
}

void at_channel_deinit(struct at_channel *ch)
{
    at_window_drop(ch);
    at_window_leave(ch);
    at_region_release(ch->mine, ch->ring_bytes + (uint32_t)sizeof(struct at_region));
    at_region_release(ch->peer, ch->peer_ring_bytes + (uint32_t)sizeof(struct at_region));
    *ch = (struct at_channel){.ring_fd = -1};
}

static int broken(struct at_channel *ch, enum at_channel_rule rule)
{
    ch->rule = rule;
    return AT_CHANNEL_BROKEN;
}

/*
 * Memory orders. A store that is followed by a look at another word of the peer's (tail or taken,
 * then waiting; waiting, then tail or taken) and that look are both seq_cst: x86-64 lets a later
 * load pass a store, arm64 lets an acquire load (ldapr) pass a release store, and then both sides
 * sleep. All else is release and acquire: a record before its tail, the reading of it before taken.
 * Relaxed where a word says nothing about other memory, or is only a hint. The page on memory orders
 * in docs/decisions has the table; models/wake.pml fails for each of them made weaker.
 */

/* The peer's words are atomics in read-only memory: loading needs the const cast away. */
static uint32_t load(const _Atomic uint32_t *word, memory_order order)
{
    return atomic_load_explicit((_Atomic uint32_t *)(uintptr_t)word, order);
}

static uint32_t record_bytes(uint32_t payload)
{
    return ((uint32_t)sizeof(struct at_record) + payload + AT_RECORD_ALIGN - 1) &
           ~(uint32_t)(AT_RECORD_ALIGN - 1);
}

/* What the peer consumed must lie between what it said before and what it was shown. */
int at_channel_judge_taken(struct at_channel *ch)
{
    uint32_t taken = load(&ch->peer->taken, memory_order_acquire);

    if (taken - ch->peer_taken > ch->published - ch->peer_taken) {
        return broken(ch, AT_RULE_TAKEN_RANGE);
    }
    ch->peer_taken = taken;
    return 0;
}

/* Copies into my ring at byte position `at` (free running), around its end. */
static void ring_write(struct at_channel *ch, uint32_t at, struct at_bytes b)
{
    uint32_t offset = at & (ch->ring_bytes - 1);
    size_t first = ch->ring_bytes - offset;

    if (b.len == 0) {
        return;
    }
    if (first > b.len) {
        first = b.len;
    }
    memcpy(ch->mine->ring + offset, b.at, first);
    if (first < b.len) {
        memcpy(ch->mine->ring, b.at + first, b.len - first);
    }
}

int at_channel_look_for_room(struct at_channel *ch, uint32_t payload)
{
    uint32_t need = record_bytes(payload);
    int x;

    if (ch->tail - ch->peer_taken <= ch->ring_bytes - need) {
        return 0;
    }
    x = at_channel_judge_taken(ch);
    if (x != 0) {
        return x;
    }
    return ch->tail - ch->peer_taken > ch->ring_bytes - need ? AT_CHANNEL_FULL : 0;
}

int at_channel_put(struct at_channel *ch, const struct at_record *r, struct at_bytes a,
                   struct at_bytes b)
{
    uint32_t need = record_bytes(r->len);
    int x;

    if (a.len > AT_RECORD_PAYLOAD_MAX || b.len > AT_RECORD_PAYLOAD_MAX - a.len ||
        r->len != a.len + b.len) {
        return -EINVAL;
    }
    x = at_channel_look_for_room(ch, r->len);
    if (x != 0) {
        return x;
    }
    /* Aligned: a head never wraps. */
    memcpy(ch->mine->ring + (ch->tail & (ch->ring_bytes - 1)), r, sizeof(*r));
    ring_write(ch, ch->tail + (uint32_t)sizeof(*r), a);
    ring_write(ch, ch->tail + (uint32_t)sizeof(*r) + (uint32_t)a.len, b);
    ch->tail += need;
    ch->written += need;
    return 0;
}

static void publish_cpu(struct at_channel *ch)
{
    /* glibc answers from rseq: about a nanosecond. */
    uint32_t cpu = (uint32_t)sched_getcpu();

    if (atomic_load_explicit(&ch->mine->cpu, memory_order_relaxed) != cpu) {
        atomic_store_explicit(&ch->mine->cpu, cpu, memory_order_relaxed);
    }
}

/* Is this the first time in this sleep of the peer that it is to be woken for `what`? */
static bool is_ring_due(struct at_channel *ch, uint32_t what)
{
    uint32_t waiting = load(&ch->peer->waiting, memory_order_seq_cst);

    if ((waiting & what) == 0 || waiting == ch->rung) {
        return false;
    }
    ch->rung = waiting;
    return true;
}

void at_channel_ring(int ring_fd)
{
    uint64_t nothing = 0;

    if (ring_fd >= 0) {
        (void)!write(ring_fd, &nothing, sizeof(nothing));
    }
}

static void ring_if_waiting(struct at_channel *ch, uint32_t what)
{
    if (is_ring_due(ch, what)) {
        at_channel_ring(ch->ring_fd);
    }
}

bool at_channel_publish_silently(struct at_channel *ch)
{
    if (ch->published == ch->tail) {
        return false;
    }
    ch->published = ch->tail;
    publish_cpu(ch);
    atomic_store_explicit(&ch->mine->tail, ch->tail, memory_order_seq_cst);
    return is_ring_due(ch, AT_WAIT_RECORDS);
}

void at_channel_publish(struct at_channel *ch)
{
    if (at_channel_publish_silently(ch)) {
        at_channel_ring(ch->ring_fd);
    }
}

/* Loads the peer's tail once and judges it. */
static int judge_tail(struct at_channel *ch)
{
    uint32_t tail = load(&ch->peer->tail, memory_order_acquire);

    if (tail - ch->head > ch->peer_ring_bytes || tail - ch->head < ch->peer_tail - ch->head) {
        return broken(ch, AT_RULE_TAIL_RANGE);
    }
    if ((tail & (AT_RECORD_ALIGN - 1)) != 0) {
        return broken(ch, AT_RULE_TAIL_ALIGN);
    }
    ch->peer_tail = tail;
    return tail == ch->head ? AT_CHANNEL_EMPTY : 0;
}

int at_channel_next(struct at_channel *ch, struct at_record *ret)
{
    if (ch->peer_tail == ch->head) {
        int r = judge_tail(ch);

        if (r != 0) {
            return r;
        }
    }
    memcpy(ret, ch->peer->ring + (ch->head & (ch->peer_ring_bytes - 1)), sizeof(*ret));
    /* Only the copy is judged from here on: the compiler may not read the source again. */
    atomic_signal_fence(memory_order_seq_cst);
    if (ret->len > AT_RECORD_PAYLOAD_MAX) {
        return broken(ch, AT_RULE_RECORD_LEN);
    }
    if (record_bytes(ret->len) > ch->peer_tail - ch->head) {
        return broken(ch, AT_RULE_RECORD_FITS);
    }
    ch->in_window = ret->ext_len != 0;
    return ch->in_window ? at_window_judge(ch, ret) : 0;
}

void at_channel_copy(const struct at_channel *ch, uint32_t from, void *to, uint32_t len)
{
    uint32_t offset =
        (ch->head + (uint32_t)sizeof(struct at_record) + from) & (ch->peer_ring_bytes - 1);
    uint32_t first = ch->peer_ring_bytes - offset;

    if (len == 0) {
        return;
    }
    if (ch->in_window) {
        memcpy(to, at_window_payload(ch) + from, len);
        atomic_signal_fence(memory_order_seq_cst);
        return;
    }
    if (first > len) {
        first = len;
    }
    memcpy(to, ch->peer->ring + offset, first);
    if (first < len) {
        memcpy((uint8_t *)to + first, ch->peer->ring, len - first);
    }
    atomic_signal_fence(memory_order_seq_cst);
}

bool at_channel_is_apart(const struct at_channel *ch)
{
    return at_channel_peer_cpu(ch) != (uint32_t)sched_getcpu();
}

void at_channel_consume(struct at_channel *ch, const struct at_record *r)
{
    if (r->ext_len == 0) {
        ch->head += record_bytes(r->len);
        return;
    }
    ch->head += record_bytes(0);
    ch->peer_window.taken++;
    /* A writer that runs beside us fills what is free again while we read on. One that shares our
     * CPU could only take it from us: it hears at the end of the turn. */
    if (ch->peer_window.taken - ch->peer_window.told >= AT_WINDOW_CHUNKS / 4 &&
        at_channel_is_apart(ch)) {
        at_channel_tell(ch);
    }
}

void at_channel_tell(struct at_channel *ch)
{
    if (ch->told == ch->head) {
        return;
    }
    ch->told = ch->head;
    /* Before taken: who waits for a chunk waits for that. */
    if (ch->peer_window.told != ch->peer_window.taken) {
        ch->peer_window.told = ch->peer_window.taken;
        atomic_store_explicit(&ch->mine->window_taken, ch->peer_window.taken, memory_order_release);
    }
    atomic_store_explicit(&ch->mine->taken, ch->head, memory_order_seq_cst);
    ring_if_waiting(ch, AT_WAIT_ROOM);
}

bool at_channel_has_records(const struct at_channel *ch)
{
    return ch->peer_tail != ch->head || load(&ch->peer->tail, memory_order_acquire) != ch->head;
}

bool at_channel_arm(struct at_channel *ch, uint32_t wait_for)
{
    uint32_t taken_before = ch->peer_taken;

    bool for_records = (wait_for & AT_WAIT_RECORDS) != 0;

    if (for_records && ch->peer_tail != ch->head) {
        return false;
    }
    if (ch->armed != wait_for) {
        ch->sleeps++;
        ch->armed = wait_for;
        publish_cpu(ch);
        atomic_store_explicit(&ch->mine->waiting, ch->sleeps << 2 | wait_for, memory_order_seq_cst);
    }
    if ((for_records && load(&ch->peer->tail, memory_order_seq_cst) != ch->head) ||
        ((wait_for & AT_WAIT_ROOM) != 0 &&
         load(&ch->peer->taken, memory_order_seq_cst) != taken_before)) {
        at_channel_disarm(ch);
        return false;
    }
    return true;
}

void at_channel_disarm(struct at_channel *ch)
{
    if (ch->armed != 0) {
        ch->armed = 0;
        /* Relaxed: seen late, it costs one ring for nothing. */
        atomic_store_explicit(&ch->mine->waiting, 0, memory_order_relaxed);
    }
}

bool at_channel_is_untaken(const struct at_channel *ch, uint64_t start)
{
    uint32_t taken = load(&ch->peer->taken, memory_order_acquire);

    /* A dead liar can only make us believe in its own favour: the caller asked it to do the work.
     * Outside what it was shown, nothing is proven. */
    if (taken - ch->peer_taken > ch->published - ch->peer_taken) {
        return false;
    }
    /* By the position that never wraps: a call may be in work while gigabytes pass it. */
    return start >= ch->written - (ch->tail - taken);
}

uint32_t at_channel_peer_cpu(const struct at_channel *ch)
{
    return load(&ch->peer->cpu, memory_order_relaxed);
}

void at_channel_set_credit(struct at_channel *ch, uint32_t credit)
{
    atomic_store_explicit(&ch->mine->credit, credit, memory_order_release);
}

uint32_t at_channel_peer_credit(const struct at_channel *ch)
{
    return load(&ch->peer->credit, memory_order_acquire);
}

void at_channel_set_cancelled(struct at_channel *ch, uint32_t call_id)
{
    uint32_t slot = call_id & UINT16_MAX;

    /* Relaxed: the word says nothing about other memory; who reads it only stops working. */
    if (slot < AT_CHANNEL_SLOTS) {
        atomic_store_explicit(&ch->mine->cancelled[slot], (uint16_t)(call_id >> 16),
                              memory_order_relaxed);
    }
}

const _Atomic uint16_t *at_channel_cancel_word(const struct at_channel *ch, uint32_t call_id)
{
    uint32_t slot = call_id & UINT16_MAX;

    return slot < AT_CHANNEL_SLOTS ? &ch->peer->cancelled[slot] : NULL;
}
