#include "shm/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "shm/channel.h"
#include "shm/limits.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL };

static int broken(struct at_channel *ch, enum at_channel_rule rule)
{
    ch->rule = rule;
    return AT_CHANNEL_BROKEN;
}

static uint32_t load(const _Atomic uint32_t *word)
{
    return atomic_load_explicit((_Atomic uint32_t *)(uintptr_t)word, memory_order_acquire);
}

/* A mapped, sealed window; its memory is ours now, so that no write can fail for want of it. */
static int create(uint8_t **ret, int *ret_fd)
{
    at_auto_close
    int fd = memfd_create("atoll-window", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    void *at;

    if (fd < 0 || ftruncate(fd, AT_WINDOW_BYTES) < 0 || fallocate(fd, 0, 0, AT_WINDOW_BYTES) < 0) {
        return -errno;
    }
    at = mmap(NULL, AT_WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED) {
        return -errno;
    }
    if (fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
        int r = -errno;

        (void)munmap(at, AT_WINDOW_BYTES);
        return r;
    }
    *ret = at;
    *ret_fd = at_take_fd(&fd);
    return 0;
}

int at_window_offer(struct at_channel *ch, int *ret_fd)
{
    struct at_window_mine *w = &ch->window;
    int r;

    if (w->at != NULL || load(&ch->peer->window_seen) != 0) {
        return -EBUSY;
    }
    r = create(&w->at, ret_fd);
    if (r < 0) {
        return r;
    }
    w->number = w->number == UINT32_MAX ? 1 : w->number + 1;
    w->written = 0;
    w->taken = 0;
    return 0;
}

bool at_window_is_open(const struct at_channel *ch)
{
    return ch->window.at != NULL && load(&ch->peer->window_seen) == ch->window.number;
}

/* What the peer consumed must lie between what it said before and what it was shown. */
static int judge_taken(struct at_channel *ch)
{
    struct at_window_mine *w = &ch->window;
    uint32_t taken = load(&ch->peer->window_taken);

    if (taken - w->taken > w->written - w->taken) {
        return broken(ch, AT_RULE_TAKEN_RANGE);
    }
    w->taken = taken;
    return 0;
}

int at_window_next(struct at_channel *ch, uint8_t **ret)
{
    struct at_window_mine *w = &ch->window;
    int x = at_channel_look_for_room(ch, 0);

    if (x != 0) {
        return x;
    }
    if (w->written - w->taken >= AT_WINDOW_CHUNKS) {
        /* The ring's count first: the peer moves it last, so that whoever sleeps until it moves
         * cannot miss a chunk. */
        x = at_channel_judge_taken(ch);
        if (x == 0) {
            x = judge_taken(ch);
        }
        if (x != 0) {
            return x;
        }
        if (w->written - w->taken >= AT_WINDOW_CHUNKS) {
            return AT_CHANNEL_FULL;
        }
    }
    *ret = w->at + (size_t)(w->written % AT_WINDOW_CHUNKS) * AT_WINDOW_CHUNK;
    return 0;
}

void at_window_put(struct at_channel *ch, const struct at_record *r, uint32_t len)
{
    struct at_window_mine *w = &ch->window;
    struct at_record out = *r;

    out.len = 0;
    out.ext_off = w->written % AT_WINDOW_CHUNKS * AT_WINDOW_CHUNK;
    out.ext_len = len;
    w->written++;
    (void)at_channel_put(ch, &out, (struct at_bytes){0}, (struct at_bytes){0}); /* there is room */
}

int at_window_is_consumed(struct at_channel *ch)
{
    struct at_window_mine *w = &ch->window;
    int x = w->taken == w->written ? 0 : judge_taken(ch);

    if (x != 0) {
        return x;
    }
    return w->taken == w->written ? 0 : AT_CHANNEL_FULL;
}

int at_window_give_back(struct at_channel *ch)
{
    struct at_record r = {.kind = AT_RECORD_EXT_RETURN, .call_id = ch->window.number};
    int x = at_channel_put(ch, &r, (struct at_bytes){0}, (struct at_bytes){0});

    if (x == 0) {
        at_window_drop(ch);
    }
    return x;
}

void at_window_drop(struct at_channel *ch)
{
    if (ch->window.at != NULL) {
        (void)munmap(ch->window.at, AT_WINDOW_BYTES);
        ch->window.at = NULL;
    }
}

static enum at_channel_rule judge_file(int fd)
{
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;

    if (seals < 0 || (seals & SEALS) != SEALS) {
        return AT_RULE_SEALS;
    }
    if (fstat(fd, &st) < 0 || st.st_size != AT_WINDOW_BYTES ||
        st.st_blocks * 512 < AT_WINDOW_BYTES) {
        return AT_RULE_SIZE;
    }
    return AT_RULE_NONE;
}

static void say_seen(struct at_channel *ch, uint32_t number)
{
    atomic_store_explicit(&ch->mine->window_seen, number, memory_order_release);
}

int at_window_accept(struct at_channel *ch, int fd, uint32_t number)
{
    struct at_window_peer *w = &ch->peer_window;
    enum at_channel_rule rule;
    void *at;

    if (number == 0 || number == w->number) {
        return broken(ch, AT_RULE_CHUNK);
    }
    if (w->returned != 0 && (int32_t)(number - w->returned) <= 0) {
        return 0; /* the ring was quicker */
    }
    rule = w->at != NULL && w->taken > 0 ? AT_RULE_CHUNK : judge_file(fd);
    if (rule != AT_RULE_NONE) {
        return broken(ch, rule);
    }
    /* One that stands unused was given back before the peer knew that it was seen. */
    at_window_leave(ch);
    at = mmap(NULL, AT_WINDOW_BYTES, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED) {
        return -errno;
    }
    *w = (struct at_window_peer){.at = at, .number = number, .returned = w->returned};
    atomic_store_explicit(&ch->mine->window_taken, 0, memory_order_relaxed);
    say_seen(ch, number);
    return 0;
}

int at_window_returned(struct at_channel *ch, uint32_t number)
{
    struct at_window_peer *w = &ch->peer_window;

    if (number == 0) {
        return broken(ch, AT_RULE_CHUNK);
    }
    w->returned = number;
    if (w->at != NULL && w->number == number) {
        at_window_leave(ch);
    }
    return 0;
}

void at_window_leave(struct at_channel *ch)
{
    struct at_window_peer *w = &ch->peer_window;

    if (w->at != NULL) {
        (void)munmap((void *)(uintptr_t)w->at, AT_WINDOW_BYTES);
        w->at = NULL;
        say_seen(ch, 0);
    }
}

int at_window_judge(struct at_channel *ch, struct at_record *r)
{
    const struct at_window_peer *w = &ch->peer_window;

    if (w->at == NULL || r->len != 0 || r->ext_len > AT_WINDOW_CHUNK ||
        r->ext_off != w->taken % AT_WINDOW_CHUNKS * AT_WINDOW_CHUNK) {
        return broken(ch, AT_RULE_CHUNK);
    }
    r->len = r->ext_len;
    return 0;
}

const uint8_t *at_window_payload(const struct at_channel *ch)
{
    const struct at_window_peer *w = &ch->peer_window;

    return w->at + (size_t)(w->taken % AT_WINDOW_CHUNKS) * AT_WINDOW_CHUNK;
}
