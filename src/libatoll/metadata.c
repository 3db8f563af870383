/* Metadata of a call for the user: what goes out with requests and answers, what came in. */
#include "call/metadata.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "call/engine.h"
#include "call/stream.h"
#include "libatoll/limits.h"
#include "libatoll/process.h"

enum { PAIR_BYTES = 3, FIRST_ROOM = 256 };

static bool is_part(enum atoll_metadata_part part)
{
    return part == ATOLL_METADATA || part == ATOLL_INITIAL || part == ATOLL_TRAILER;
}

static bool is_binary(struct at_bytes key)
{
    static const char ending[4] = "-bin";

    return key.len > sizeof(ending) &&
           memcmp(key.at + key.len - sizeof(ending), ending, sizeof(ending)) == 0;
}

/* Text goes into headers of others' protocols: a control character there would end a line. */
static bool is_value(struct at_bytes key, struct at_bytes value)
{
    for (size_t i = 0; i < value.len && !is_binary(key); i++) {
        if (value.at[i] < 0x20 || value.at[i] == 0x7F) {
            return false;
        }
    }
    return true;
}

/* Takes the pairs of key out; how many bytes that are or, with `only_count`, would be. */
static size_t drop(struct at_packed *p, struct at_bytes key, bool only_count)
{
    struct at_bytes rest = at_bytes_over(p->at, p->len);
    struct at_bytes k;
    struct at_bytes v;
    size_t kept = 0;
    size_t gone;

    while (at_metadata_next(&rest, &k, &v)) {
        size_t len = k.len + v.len + PAIR_BYTES;

        if (at_bytes_equal(k, key)) {
            continue;
        }
        if (!only_count) {
            memmove(p->at + kept, k.at - 1, len);
        }
        kept += len;
    }
    gone = p->len - kept;
    p->len = only_count ? p->len : kept;
    return gone;
}

static int make_room(struct atoll_call *call, struct at_packed *p, size_t len)
{
    size_t cap = p->cap * 2 < FIRST_ROOM ? FIRST_ROOM : p->cap * 2;
    uint8_t *at;

    if (len <= p->cap) {
        return 0;
    }
    cap = cap < len ? len : cap;
    at = at_arena_alloc(&call->arena, cap, 1);
    if (at == NULL) {
        return -ENOMEM;
    }
    if (p->len > 0) {
        memcpy(at, p->at, p->len);
    }
    p->at = at;
    p->cap = cap;
    return 0;
}

/* Nothing has changed when it fails. */
static int add(struct atoll_call *call, struct at_packed *p, struct at_bytes key,
               struct at_bytes value, bool replaces)
{
    size_t gone = replaces ? drop(p, key, true) : 0;
    size_t len = p->len - gone + key.len + value.len + PAIR_BYTES;
    struct at_writer w;
    int r = len > AT_LIB_METADATA_MAX ? -E2BIG : make_room(call, p, len);

    if (r < 0) {
        return r;
    }
    if (gone > 0) {
        (void)drop(p, key, false);
    }
    w = at_writer_over(p->at + p->len, p->cap - p->len);
    at_metadata_add(&w, key, value);
    p->len = len;
    return 0;
}

/* May the user set such a pair of this part now? 0 or -errno. */
static int judge(const struct atoll_call *call, enum atoll_metadata_part part, struct at_bytes key,
                 struct at_bytes value)
{
    if (!is_part(part) || !at_metadata_is_key(key) || !is_value(key, value)) {
        return -EINVAL;
    }
    if (part != ATOLL_METADATA && call->in == NULL) {
        return -EINVAL; /* only a handler answers */
    }
    return part == ATOLL_INITIAL && call->initial_sent ? -EALREADY : 0;
}

static int put(struct atoll_call *call, enum atoll_metadata_part part, struct at_bytes key,
               struct at_bytes value, bool replaces)
{
    int r = call == NULL ? -EINVAL : judge(call, part, key, value);

    return r < 0 ? r : add(call, &call->sent[part], key, value, replaces);
}

static int set_text(struct atoll_call *call, enum atoll_metadata_part part, const char *key,
                    const char *value)
{
    if (key == NULL || value == NULL) {
        return -EINVAL;
    }
    return put(call, part, at_bytes_of(key), at_bytes_of(value), true);
}

int atoll_call_set_metadata(struct atoll_call *call, const char *key, const char *value)
{
    return set_text(call, ATOLL_METADATA, key, value);
}

int atoll_call_set_initial(struct atoll_call *call, const char *key, const char *value)
{
    return set_text(call, ATOLL_INITIAL, key, value);
}

int atoll_call_set_trailer(struct atoll_call *call, const char *key, const char *value)
{
    return set_text(call, ATOLL_TRAILER, key, value);
}

int atoll_call_add_value(struct atoll_call *call, enum atoll_metadata_part part, const char *key,
                         struct atoll_str value)
{
    if (key == NULL || (value.at == NULL && value.len > 0)) {
        return -EINVAL;
    }
    return put(call, part, at_bytes_of(key), at_bytes_over(value.at, value.len), false);
}

void atoll_call_clear_metadata(struct atoll_call *call)
{
    call->sent[ATOLL_METADATA].len = 0;
}

struct at_bytes at_metadata_sent(const struct atoll_call *call, enum atoll_metadata_part part)
{
    return at_bytes_over(call->sent[part].at, call->sent[part].len);
}

struct at_bytes at_metadata_of_answer(struct atoll_call *call)
{
    struct at_bytes initial = at_metadata_sent(call, ATOLL_INITIAL);
    struct at_bytes trailers = at_metadata_sent(call, ATOLL_TRAILER);
    size_t cap = initial.len + AT_METADATA_TRAILERS.len + PAIR_BYTES + trailers.len;
    struct at_writer w;
    void *at;

    if (trailers.len == 0) {
        return initial;
    }
    at = at_arena_alloc(&call->arena, cap, 1);
    w = at_writer_over(at, at == NULL ? 0 : cap);
    at_write_bytes(&w, initial);
    at_metadata_add(&w, AT_METADATA_TRAILERS, (struct at_bytes){0});
    at_write_bytes(&w, trailers);
    return w.failed ? initial : at_writer_bytes(&w);
}

void at_metadata_send_initial(struct atoll_call *call, struct at_stream *stream)
{
    struct at_bytes initial = at_metadata_sent(call, ATOLL_INITIAL);

    if (!call->initial_sent) {
        call->initial_sent = true;
        if (initial.len > 0) {
            (void)at_stream_first_metadata(call->process->engine, stream, initial, false);
        }
    }
}

void at_metadata_got(struct atoll_call *call, struct at_bytes packed)
{
    call->got_initial = (struct at_bytes){0};
    call->got_trailers = (struct at_bytes){0};
    if (packed.len > 0) {
        at_metadata_split(packed, &call->got_initial, &call->got_trailers);
    }
}

static struct at_bytes got(const struct atoll_call *call, enum atoll_metadata_part part)
{
    if (part == ATOLL_METADATA) {
        return call->in == NULL ? (struct at_bytes){0} : at_incoming_meta(call->in);
    }
    return part == ATOLL_INITIAL ? call->got_initial : call->got_trailers;
}

static bool find(const struct atoll_call *call, enum atoll_metadata_part part, const char *key,
                 struct at_bytes *ret)
{
    return call != NULL && key != NULL && key[0] != ':' && is_part(part) &&
           at_metadata_get(got(call, part), at_bytes_of(key), ret);
}

static const char *text_of(const struct atoll_call *call, enum atoll_metadata_part part,
                           const char *key)
{
    struct at_bytes value;

    if (!find(call, part, key, &value)) {
        return NULL;
    }
    /* Only the memory of the context changes, which a reader cannot tell. */
    return at_arena_copy((struct at_arena *)(uintptr_t)&call->arena, value);
}

const char *atoll_call_metadata(const struct atoll_call *call, const char *key)
{
    return text_of(call, ATOLL_METADATA, key);
}

const char *atoll_call_initial(const struct atoll_call *call, const char *key)
{
    return text_of(call, ATOLL_INITIAL, key);
}

const char *atoll_call_trailer(const struct atoll_call *call, const char *key)
{
    return text_of(call, ATOLL_TRAILER, key);
}

bool atoll_call_value(const struct atoll_call *call, enum atoll_metadata_part part, const char *key,
                      struct atoll_str *ret)
{
    struct at_bytes value;

    if (ret == NULL || !find(call, part, key, &value)) {
        return false;
    }
    *ret = (struct atoll_str){.at = (const char *)value.at, .len = value.len};
    return true;
}

bool atoll_call_next_value(const struct atoll_call *call, enum atoll_metadata_part part,
                           struct atoll_metadata_pair *pair)
{
    struct at_bytes block;
    struct at_bytes rest;
    struct at_bytes key;
    struct at_bytes value;

    if (call == NULL || pair == NULL || !is_part(part)) {
        return false;
    }
    block = got(call, part);
    rest = at_bytes_after(block, pair->position);
    do {
        if (!at_metadata_next(&rest, &key, &value)) {
            return false;
        }
    } while (key.at[0] == ':');
    pair->position = block.len - rest.len;
    pair->key = (struct atoll_str){.at = (const char *)key.at, .len = key.len};
    pair->value = (struct atoll_str){.at = (const char *)value.at, .len = value.len};
    return true;
}
