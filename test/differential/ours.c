#include "ours.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/pbtext.h"
#include "pb/pool.h"

enum { ARENA_MAX = 256 << 20 };

struct ours {
    struct at_pool *pool;
    struct at_arena arena;
    struct at_text text;
    uint8_t *input; /* a copy of exactly the input's size, so that ASan sees a byte too far */
    char why[640];
};

static const struct atoll_message_desc *desc_of(const struct ours_type *type)
{
    return (const struct atoll_message_desc *)(const void *)type;
}

struct ours *ours_open(const void *set, size_t len, char *why, size_t cap)
{
    struct ours *o = calloc(1, sizeof(*o));
    struct at_diag diag = {0};
    int r;

    if (o == NULL) {
        abort();
    }
    o->pool = at_pool_new();
    at_arena_init(&o->arena, 1 << 16, ARENA_MAX);
    at_text_init(&o->text);
    r = o->pool == NULL ? -1 : at_pool_add(o->pool, at_bytes_over(set, len), &diag);
    if (r != 0) {
        (void)snprintf(why, cap, "%d: %s", r, diag.what);
        ours_close(o);
        return NULL;
    }
    return o;
}

void ours_close(struct ours *o)
{
    at_pool_free(o->pool);
    at_arena_deinit(&o->arena);
    at_text_deinit(&o->text);
    free(o->input);
    free(o);
}

const struct ours_type *ours_find(const struct ours *o, const char *full_name)
{
    return (const struct ours_type *)(const void *)at_pool_message(o->pool, at_bytes_of(full_name));
}

const char *ours_why(const struct ours *o)
{
    return o->why;
}

static struct at_bytes take_input(struct ours *o, const void *at, size_t len)
{
    free(o->input);
    o->input = malloc(len > 0 ? len : 1);
    if (o->input == NULL) {
        abort();
    }
    if (len > 0) {
        memcpy(o->input, at, len);
    }
    at_arena_reset(&o->arena);
    o->why[0] = '\0';
    return at_bytes_over(o->input, len);
}

static enum ours_result broken(struct ours *o, const char *promise)
{
    (void)snprintf(o->why, sizeof(o->why), "promise broken: %s", promise);
    return OURS_BROKEN;
}

static enum ours_result refused(struct ours *o, int r, const struct at_pb_fault *fault)
{
    (void)snprintf(o->why, sizeof(o->why), "result %d: %s", r, fault->what);
    if (fault->what[0] == '\0') {
        return broken(o, "a refusal has a text");
    }
    switch (r) {
    case AT_PB_TOO_DEEP: return OURS_DEEP;
    case AT_PB_MISSING: return OURS_MISSING;
    default:
        return r < 0 ? broken(o, "nothing here needs more memory than the arena has")
                     : OURS_REFUSED;
    }
}

static void *new_message(struct ours *o, const struct atoll_message_desc *desc)
{
    void *message = at_arena_alloc(&o->arena, desc->struct_size, 16);

    if (message == NULL) {
        abort();
    }
    memset(message, 0xA5, desc->struct_size); /* decoding must not rely on zeros */
    return message;
}

static enum ours_result encode(struct ours *o, const struct atoll_message_desc *desc,
                               const void *message, struct at_bytes *ret)
{
    struct at_pb_fault fault = {.what = "encoding"};
    uint8_t *room;
    size_t size;
    struct at_bytes small;
    int r = at_pb_size(desc, message, &size);

    if (r != AT_PB_OK) {
        return refused(o, r, &fault);
    }
    room = at_arena_alloc(&o->arena, size + 1, 1);
    if (room == NULL) {
        abort();
    }
    r = at_pb_encode(desc, message, room, size, ret);
    if (r == AT_PB_NO_ROOM) {
        return broken(o, "at_pb_size() says how much at_pb_encode() needs");
    }
    if (r != AT_PB_OK) {
        return refused(o, r, &fault);
    }
    if (ret->len != size || ret->at != room) {
        return broken(o, "at_pb_size() says the exact size");
    }
    if (size > 0) {
        uint8_t *less = at_arena_alloc(&o->arena, size, 1);

        if (less == NULL || at_pb_encode(desc, message, less, size - 1, &small) != AT_PB_NO_ROOM) {
            return broken(o, "a buffer one byte too small is AT_PB_NO_ROOM");
        }
    }
    return OURS_OK;
}

static enum ours_result again(struct ours *o, const struct atoll_message_desc *desc,
                              struct at_bytes wire)
{
    void *message = new_message(o, desc);
    struct at_pb_fault fault = {0};
    struct at_bytes second;
    enum ours_result result;

    if (at_pb_decode(desc, wire, &o->arena, message, &fault) != AT_PB_OK) {
        (void)snprintf(o->why, sizeof(o->why), "our own encoding is refused: %s", fault.what);
        return OURS_BROKEN;
    }
    result = encode(o, desc, message, &second);
    if (result != OURS_OK || !at_bytes_equal(wire, second)) {
        return broken(o, "encoding what was decoded from an encoding changes nothing");
    }
    return OURS_OK;
}

static enum ours_result finish(struct ours *o, const struct atoll_message_desc *desc,
                               const void *message, struct ours_bytes *ret)
{
    struct at_bytes wire;
    enum ours_result result = encode(o, desc, message, &wire);

    if (result == OURS_OK) {
        result = again(o, desc, wire);
        *ret = (struct ours_bytes){wire.at, wire.len};
    }
    return result;
}

enum ours_result ours_rewrite(struct ours *o, const struct ours_type *type, const void *wire,
                              size_t len, struct ours_bytes *ret)
{
    const struct atoll_message_desc *desc = desc_of(type);
    struct at_bytes in = take_input(o, wire, len);
    void *message = new_message(o, desc);
    struct at_pb_fault fault = {0};
    int r = at_pb_decode(desc, in, &o->arena, message, &fault);

    return r == AT_PB_OK ? finish(o, desc, message, ret) : refused(o, r, &fault);
}

enum ours_result ours_sorted(struct ours *o, const struct ours_type *type, const void *wire,
                             size_t len, struct ours_bytes *ret)
{
    const struct atoll_message_desc *desc = desc_of(type);
    struct at_bytes in = take_input(o, wire, len);
    void *message = new_message(o, desc);
    struct at_pb_fault fault = {.what = "encoding"};
    struct at_bytes out;
    int r = at_pb_decode(desc, in, &o->arena, message, &fault);

    r = r == AT_PB_OK ? at_pb_encode_sorted(desc, message, &o->arena, &out) : r;
    if (r != AT_PB_OK) {
        return refused(o, r, &fault);
    }
    *ret = (struct ours_bytes){out.at, out.len};
    return OURS_OK;
}

enum ours_result ours_merge(struct ours *o, const struct ours_type *type, const void *wire,
                            size_t len, size_t cut, struct ours_bytes *ret)
{
    const struct atoll_message_desc *desc = desc_of(type);
    struct at_bytes in = take_input(o, wire, len);
    void *message = new_message(o, desc);
    struct at_pb_fault fault = {0};
    int r = at_pb_decode(desc, at_bytes_before(in, cut), &o->arena, message, &fault);

    r = r == AT_PB_OK ? at_pb_merge(desc, at_bytes_after(in, cut), &o->arena, message, &fault) : r;
    return r == AT_PB_OK ? finish(o, desc, message, ret) : refused(o, r, &fault);
}

static const struct atoll_message_desc *find_type(void *ctx, struct at_bytes full_name)
{
    return at_pool_message(ctx, full_name);
}

static enum ours_result json_refused(struct ours *o, int r, const struct at_pb_fault *fault)
{
    (void)snprintf(o->why, sizeof(o->why), "result %d: %s", r, fault->what);
    return r > 0 ? OURS_REFUSED : broken(o, "memory is there for JSON");
}

enum ours_result ours_to_json(struct ours *o, const struct ours_type *type, const void *wire,
                              size_t len, uint32_t flags, struct ours_bytes *ret)
{
    const struct atoll_message_desc *desc = desc_of(type);
    struct at_bytes in = take_input(o, wire, len);
    void *message = new_message(o, desc);
    struct at_pb_fault fault = {0};
    struct at_json_types types = {find_type, o->pool};
    struct at_json_how how = {.flags = flags, .types = &types, .fault = &fault};
    struct at_json_writer w;
    int r = at_pb_decode(desc, in, &o->arena, message, &fault);

    if (r != AT_PB_OK) {
        return refused(o, r, &fault);
    }
    at_text_clear(&o->text);
    at_json_writer_init(&w, &o->text, 0);
    r = at_json_write_message(&how, desc, message, &w);
    if (r != 0) {
        return json_refused(o, r, &fault);
    }
    *ret = (struct ours_bytes){(const uint8_t *)at_text_str(&o->text), o->text.len};
    return OURS_OK;
}

enum ours_result ours_from_json(struct ours *o, const struct ours_type *type, const char *json,
                                size_t len, struct ours_bytes *ret)
{
    const struct atoll_message_desc *desc = desc_of(type);
    struct at_bytes in = take_input(o, json, len);
    void *message = new_message(o, desc);
    struct at_pb_fault fault = {0};
    struct at_json_types types = {find_type, o->pool};
    struct at_json_how how = {.types = &types, .fault = &fault};
    int r = at_json_read_message(&how, desc, in, &o->arena, message);

    if (r != AT_JSON_OK) {
        return json_refused(o, r, &fault);
    }
    return finish(o, desc, message, ret);
}

enum ours_result ours_to_text(struct ours *o, const struct ours_type *type, const void *wire,
                              size_t len, uint32_t flags, struct ours_bytes *ret)
{
    const struct atoll_message_desc *desc = desc_of(type);
    struct at_bytes in = take_input(o, wire, len);
    void *message = new_message(o, desc);
    struct at_pb_fault fault = {0};
    struct at_pbtext_how how = {.flags = flags, .fault = &fault};
    int r = at_pb_decode(desc, in, &o->arena, message, &fault);

    if (r != AT_PB_OK) {
        return refused(o, r, &fault);
    }
    at_text_clear(&o->text);
    r = at_pbtext_write(&how, desc, message, &o->text);
    if (r != 0) {
        return json_refused(o, r, &fault);
    }
    *ret = (struct ours_bytes){(const uint8_t *)at_text_str(&o->text), o->text.len};
    return OURS_OK;
}

enum ours_result ours_from_text(struct ours *o, const struct ours_type *type, const char *text,
                                size_t len, struct ours_bytes *ret)
{
    const struct atoll_message_desc *desc = desc_of(type);
    struct at_bytes in = take_input(o, text, len);
    void *message = new_message(o, desc);
    struct at_pb_fault fault = {0};
    struct at_pbtext_how how = {.fault = &fault};
    int r = at_pbtext_read(&how, desc, in, &o->arena, message);

    if (r != AT_PBTEXT_OK) {
        return json_refused(o, r, &fault);
    }
    return finish(o, desc, message, ret);
}
