/*
 * google.protobuf.Any from JSON: {"@type": URL, members of that message}, or for a type with a JSON
 * form of its own {"@type": URL, "value": that form}. The content is read into a message of its
 * type, as any other, and encoded into the Any when it ends.
 *
 * "@type" may come last. Then the object is read twice, and one in another again for each level:
 * AT_JSON_ANY_DEPTH_MAX bounds that.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/json_parser.h"
#include "pb/json_value.h"
#include "pb/json_wkt.h"
#include "pb/limits.h"

static struct at_arena *arena_of(const struct at_json_parser *p)
{
    return p->source.names.arena;
}

/*
 * The value of "@type", wherever it stands in the object whose '{' was read, without moving on.
 * *ret_empty: there are no members at all. ret->at is NULL: there is no "@type".
 */
static int look_for_type(struct at_json_parser *p, struct atoll_str *ret, bool *ret_empty)
{
    struct at_json_reader begin = p->reader;
    struct at_json_token token;
    struct atoll_str name;
    int r;

    *ret = (struct atoll_str){0};
    *ret_empty = true;
    for (;;) {
        if (at_json_next(&p->reader, &token) == AT_JSON_ERROR) {
            return AT_JSON_BAD_TEXT;
        }
        if (token.kind == AT_JSON_OBJECT_END) {
            break;
        }
        *ret_empty = false;
        r = at_json_token_string(&token, arena_of(p), &name);
        if (r != 0) {
            return r;
        }
        if (at_json_next(&p->reader, &token) == AT_JSON_ERROR) {
            return AT_JSON_BAD_TEXT;
        }
        if (at_bytes_equal(at_bytes_over(name.at, name.len), AT_LIT("@type"))) {
            if (token.kind != AT_JSON_STRING) {
                return at_json_refuse(&p->source, "\"@type\" must be a string");
            }
            r = at_json_token_string(&token, arena_of(p), ret);
            break;
        }
        if (!at_json_skip(&p->reader, &token)) {
            return AT_JSON_BAD_TEXT;
        }
        r = 0;
    }
    p->reader = begin;
    return *ret_empty ? 0 : r;
}

/* The type that a URL names; NULL: AT_JSON_BAD_VALUE, and the reason is noted. */
static const struct atoll_message_desc *find_type(struct at_json_parser *p, struct atoll_str url)
{
    const char *slash = url.len == 0 ? NULL : memrchr(url.at, '/', url.len);
    const struct atoll_message_desc *of;
    struct at_bytes name;

    if (slash == NULL) {
        (void)at_json_refuse_text(&p->source, at_bytes_over(url.at, url.len),
                                  "is no type URL like type.googleapis.com/shop.v1.Item");
        return NULL;
    }
    name = at_bytes_over(slash + 1, url.len - (size_t)(slash + 1 - url.at));
    of = p->types == NULL ? NULL : p->types->find(p->types->ctx, name);
    if (of == NULL) {
        (void)at_json_refuse_text(&p->source, name,
                                  "is a type that is not known here: the contract must contain it");
    }
    return of;
}

/* Reads the '}' of an Any without members. */
static int end_empty(struct at_json_parser *p)
{
    struct at_json_token token;

    return at_json_next(&p->reader, &token) == AT_JSON_OBJECT_END ? 0 : AT_JSON_BAD_TEXT;
}

/* A message of this type to read the content into. NULL: no memory. */
static struct at_json_any *new_any(struct at_json_parser *p, const struct atoll_message_desc *of,
                                   void **ret_content)
{
    struct at_json_any *any = at_arena_zalloc(arena_of(p), 1, sizeof(*any));

    *ret_content = any == NULL ? NULL : at_arena_alloc(arena_of(p), of->struct_size, 16);
    if (*ret_content == NULL) {
        return NULL;
    }
    at_pb_init(of, *ret_content);
    return any;
}

int at_json_begin_any(struct at_json_parser *p, const struct atoll_message_desc *desc,
                      void *message)
{
    const struct atoll_message_desc *of;
    struct atoll_str url;
    struct at_json_any *any;
    enum at_json_wkt kind;
    void *content;
    bool empty;
    int r = look_for_type(p, &url, &empty);

    if (r != 0) {
        return r;
    }
    if (empty) {
        return end_empty(p);
    }
    if (url.at == NULL) {
        return at_json_refuse(&p->source, "has no \"@type\", so nobody knows what it is");
    }
    of = find_type(p, url);
    if (of == NULL) {
        return AT_JSON_BAD_VALUE;
    }
    if (p->anys == AT_JSON_ANY_DEPTH_MAX) {
        return at_json_refuse(&p->source, "is an Any within more than 20 others");
    }
    any = new_any(p, of, &content);
    if (any == NULL) {
        return -ENOMEM;
    }
    r = at_json_push(p, of, content, 1);
    if (r != 0) {
        return r;
    }
    kind = at_json_wkt_of(of);
    *any = (struct at_json_any){.desc = desc,
                                .message = message,
                                .type_url = url,
                                .as_value = kind != AT_JSON_PLAIN && kind != AT_JSON_EMPTY};
    at_json_top(p)->any = any;
    p->anys++;
    return 0;
}

/* "value": the content in its own JSON form, or {} for an Empty. */
static int read_value(struct at_json_parser *p, struct at_json_frame *frame)
{
    struct at_json_token token;

    if (frame->any->value_seen) {
        return at_json_refuse(&p->source, "\"value\" is there twice");
    }
    frame->any->value_seen = true;
    if (at_json_next(&p->reader, &token) == AT_JSON_ERROR) {
        return AT_JSON_BAD_TEXT;
    }
    return at_json_begin(p, frame->desc, &token, frame->message, 1);
}

int at_json_any_member(struct at_json_parser *p, struct at_json_frame *frame, struct at_bytes name,
                       bool *ret_done)
{
    struct at_json_any *any = frame->any;
    struct at_json_token token;

    *ret_done = true;
    if (at_bytes_equal(name, AT_LIT("@type"))) {
        if (any->type_seen) {
            return at_json_refuse(&p->source, "\"@type\" is there twice");
        }
        any->type_seen = true;
        return at_json_next(&p->reader, &token) == AT_JSON_ERROR ? AT_JSON_BAD_TEXT : 0;
    }
    if (at_bytes_equal(name, AT_LIT("value")) &&
        (any->as_value || at_json_wkt_of(frame->desc) == AT_JSON_EMPTY)) {
        return read_value(p, frame);
    }
    *ret_done = false;
    if (any->as_value && (p->flags & AT_JSON_IGNORE_UNKNOWN) == 0) {
        p->bad_name = name;
        return AT_JSON_BAD_VALUE;
    }
    if (any->as_value) {
        *ret_done = true;
        return at_json_next(&p->reader, &token) != AT_JSON_ERROR && at_json_skip(&p->reader, &token)
                   ? 0
                   : AT_JSON_BAD_TEXT;
    }
    return 0;
}

int at_json_end_any(struct at_json_parser *p, struct at_json_frame *frame)
{
    const struct at_json_any *any = frame->any;
    const struct atoll_field_desc *url = at_json_wkt_field(any->desc, 1);
    const struct atoll_field_desc *value = at_json_wkt_field(any->desc, 2);
    struct at_bytes bytes;
    int r;

    if (any->as_value && !any->value_seen) {
        return at_json_refuse(&p->source, "has no \"value\", which this type needs");
    }
    r = at_pb_encode_in_arena(frame->desc, frame->message, arena_of(p), &bytes);
    if (r > 0) {
        struct at_pb_fault fault;

        at_pb_explain_encode(frame->desc, frame->message, r, &fault);
        return at_json_refuse(&p->source, fault.what);
    }
    if (r < 0) {
        return r;
    }
    at_json_set_present(url, any->message);
    at_json_set_present(value, any->message);
    *(struct atoll_str *)(void *)(any->message + url->offset) = any->type_url;
    *(struct atoll_str *)(void *)(any->message + value->offset) =
        (struct atoll_str){(const char *)bytes.at, bytes.len};
    p->anys--;
    return 0;
}
