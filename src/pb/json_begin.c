/*
 * Where a message begins: which JSON form its type has, and who reads it. Struct, Value and ListValue
 * nest, so they become frames of the loop in json_message_read.c, as ordinary messages do.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "pb/codec.h"
#include "pb/json.h"
#include "pb/json_parser.h"
#include "pb/json_value.h"
#include "pb/json_wkt.h"
#include "pb/limits.h"
#include "pb/table.h"

static int refuse(struct at_json_parser *p, const char *why)
{
    return at_json_refuse(&p->source, why);
}

static struct at_arena *arena_of(const struct at_json_parser *p)
{
    return p->source.names.arena;
}

int at_json_push(struct at_json_parser *p, const struct atoll_message_desc *desc, void *message,
                 unsigned level)
{
    struct at_json_frame *frame;
    uint64_t *seen = NULL;

    if (p->depth == AT_PB_DEPTH_MAX || level > AT_PB_DEPTH_MAX) {
        return refuse(p, "is nested deeper than 100 messages");
    }
    if (desc->field_count > 64) {
        seen = at_arena_zalloc(arena_of(p), (desc->field_count + 63) / 64, sizeof(*seen));
        if (seen == NULL) {
            return -ENOMEM;
        }
    }
    /* Member by member: copying a struct that was put together elsewhere costs a stall. */
    frame = &p->frames[p->depth++];
    frame->desc = desc;
    frame->message = message;
    frame->field = NULL;
    frame->seen = seen;
    frame->seen_few = 0;
    frame->any = NULL;
    frame->next = 0;
    frame->inside = AT_JSON_IN_MESSAGE;
    frame->bare = false;
    frame->level = (uint8_t)level;
    return 0;
}

/* A message that is nothing but its one list or map: Struct and ListValue. */
static int push_bare(struct at_json_parser *p, const struct atoll_message_desc *desc, void *message,
                     unsigned level, enum at_json_inside inside)
{
    int r = at_json_push(p, desc, message, level);

    if (r == 0) {
        struct at_json_frame *frame = at_json_top(p);

        frame->field = at_json_wkt_field(desc, 1);
        frame->inside = (uint8_t)inside;
        frame->bare = true;
    }
    return r;
}

/* The field of a google.protobuf.Value that a token goes to; 0: none. */
static uint32_t value_field(const struct at_json_token *token)
{
    static const uint8_t fields[] = {
        [AT_JSON_NULL] = AT_JSON_VALUE_NULL,     [AT_JSON_NUMBER] = AT_JSON_VALUE_NUMBER,
        [AT_JSON_STRING] = AT_JSON_VALUE_STRING, [AT_JSON_TRUE] = AT_JSON_VALUE_BOOL,
        [AT_JSON_FALSE] = AT_JSON_VALUE_BOOL,    [AT_JSON_OBJECT] = AT_JSON_VALUE_STRUCT,
        [AT_JSON_ARRAY] = AT_JSON_VALUE_LIST,
    };

    return (size_t)token->kind < sizeof(fields) ? fields[token->kind] : 0;
}

/* A Value: a scalar into it, or the Struct or ListValue that it holds. */
static int begin_value(struct at_json_parser *p, const struct atoll_message_desc *desc,
                       const struct at_json_token *token, uint8_t *message, unsigned level)
{
    const struct atoll_field_desc *f = at_pb_find(desc, value_field(token));
    const struct atoll_message_desc *of;
    bool object = token->kind == AT_JSON_OBJECT;
    void *inner;

    if (f == NULL) {
        return refuse(p, "expected a value");
    }
    at_json_set_present(f, message);
    if (token->kind == AT_JSON_NULL) {
        *(int32_t *)(void *)(message + f->offset) = 0;
        return 0;
    }
    of = at_pb_message_of(desc, f);
    if (of == NULL) {
        return at_json_read_scalar(desc, f, token, &p->source, message + f->offset);
    }
    if (at_json_wkt_of(of) != (object ? AT_JSON_STRUCT : AT_JSON_LIST_VALUE)) {
        return refuse(p, "is of another type than in google/protobuf/struct.proto");
    }
    inner = at_arena_alloc(arena_of(p), of->struct_size, 16);
    if (inner == NULL) {
        return -ENOMEM;
    }
    at_pb_init(of, inner);
    *(void **)(void *)(message + f->offset) = inner;
    return push_bare(p, of, inner, level + 1, object ? AT_JSON_IN_MAP : AT_JSON_IN_LIST);
}

int at_json_begin(struct at_json_parser *p, const struct atoll_message_desc *desc,
                  const struct at_json_token *token, void *message, unsigned level)
{
    enum at_json_wkt kind = at_json_wkt_of(desc);

    at_pb_init(desc, message);
    if (level > AT_PB_DEPTH_MAX) {
        return refuse(p, "is nested deeper than 100 messages");
    }
    switch (kind) {
    case AT_JSON_VALUE: return begin_value(p, desc, token, message, level);
    case AT_JSON_LIST_VALUE:
        return token->kind == AT_JSON_ARRAY ? push_bare(p, desc, message, level, AT_JSON_IN_LIST)
                                            : refuse(p, "expected a list");
    case AT_JSON_TIMESTAMP:
    case AT_JSON_DURATION:
    case AT_JSON_FIELD_MASK:
    case AT_JSON_WRAPPER: return at_json_read_wkt(kind, desc, token, &p->source, message);
    case AT_JSON_PLAIN:
    case AT_JSON_EMPTY:
    case AT_JSON_STRUCT:
    case AT_JSON_ANY: break;
    }
    if (token->kind != AT_JSON_OBJECT) {
        return refuse(p, "expected an object");
    }
    if (kind == AT_JSON_STRUCT) {
        return push_bare(p, desc, message, level, AT_JSON_IN_MAP);
    }
    return kind == AT_JSON_ANY ? at_json_begin_any(p, desc, message)
                               : at_json_push(p, desc, message, level);
}
