/*
 * JSON to message: one loop over tokens, one stack of frames. A frame is a message that is being
 * filled; inside of it we may be in the list or the map of one of its fields. Messages with a JSON
 * form of their own are read here when they nest (Struct, Value, ListValue), else in json_wkt.c and
 * json_any.c.
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
#include "pb/json_names.h"
#include "pb/json_parser.h"
#include "pb/json_value.h"
#include "pb/json_wkt.h"
#include "pb/map.h"
#include "pb/table.h"

static int refuse(struct at_json_parser *p, const char *why)
{
    return at_json_refuse(&p->source, why);
}

static struct at_arena *arena_of(const struct at_json_parser *p)
{
    return p->source.names.arena;
}

/* A value of the field's own type (of an element's, when repeated) goes to value. */
static int read_value(struct at_json_parser *p, const struct atoll_message_desc *desc,
                      const struct atoll_field_desc *f, const struct at_json_token *token,
                      void *value)
{
    const struct atoll_message_desc *of;
    void *message = value;

    if (!at_pb_is_message(f)) {
        if (token->kind == AT_JSON_NULL && at_json_is_null_value(desc, f)) {
            *(int32_t *)value = 0;
            return 0;
        }
        return at_json_read_scalar(desc, f, token, &p->source, value);
    }
    of = at_pb_sub(desc, f);
    if (!at_pb_is_repeated(f)) {
        message = at_arena_alloc(arena_of(p), of->struct_size, 16);
        if (message == NULL) {
            return -ENOMEM;
        }
        *(void **)value = message;
    }
    return at_json_begin(p, of, token, message, at_json_level_below(p));
}

/* A name that an enum does not have is as good as no value when the caller says so. */
static bool may_skip(const struct at_json_parser *p, int r)
{
    return r == AT_JSON_UNKNOWN_VALUE && (p->flags & AT_JSON_IGNORE_UNKNOWN) != 0;
}

static bool mark_seen(struct at_json_frame *frame, const struct atoll_field_desc *f)
{
    size_t i = at_pb_index(frame->desc, f);
    uint64_t *word = frame->seen == NULL ? &frame->seen_few : &frame->seen[i / 64];
    uint64_t bit = 1ULL << (i % 64);
    bool was = (*word & bit) != 0;

    *word |= bit;
    return was;
}

/* Is another member of the oneof there? */
static int check_oneof(struct at_json_parser *p, const struct at_json_frame *frame,
                       const struct atoll_field_desc *f)
{
    uint32_t which = *(const uint32_t *)(const void *)(frame->message + f->presence);
    const struct atoll_field_desc *other = which == 0 ? NULL : at_pb_find(frame->desc, which);

    if (which == 0) {
        return 0;
    }
    (void)snprintf(
        p->source.why, sizeof(p->source.why), "%s is there already, only one of them may be",
        other == NULL ? "another" : (const char *)at_pb_json_name(frame->desc, other).at);
    return AT_JSON_BAD_VALUE;
}

static int read_singular(struct at_json_parser *p, struct at_json_frame *frame,
                         const struct atoll_field_desc *f, const struct at_json_token *token)
{
    uint8_t *message = frame->message; /* the frame may not be the top one any more */
    int r = at_pb_form(f) == ATOLL_FORM_ONEOF ? check_oneof(p, frame, f) : 0;

    if (r != 0) {
        return r;
    }
    r = read_value(p, frame->desc, f, token, message + f->offset);
    if (r == 0) {
        at_json_set_present(f, message);
    } else if (may_skip(p, r)) {
        r = 0;
    }
    return r;
}

/* The value behind the name of a field. */
static int read_field(struct at_json_parser *p, struct at_json_frame *frame,
                      const struct atoll_field_desc *f, const struct at_json_token *token)
{
    bool map = at_pb_is_map(f);

    frame->field = f;
    if (token->kind == AT_JSON_NULL &&
        (at_pb_is_repeated(f) || !at_json_takes_null(frame->desc, f))) {
        return 0;
    }
    if (!at_pb_is_repeated(f)) {
        return read_singular(p, frame, f, token);
    }
    if (token->kind != (map ? AT_JSON_OBJECT : AT_JSON_ARRAY)) {
        return refuse(p, map ? "expected an object" : "expected a list");
    }
    frame->inside = map ? AT_JSON_IN_MAP : AT_JSON_IN_LIST;
    return 0;
}

/* Fields that must be there (proto2). */
static int check_required(struct at_json_parser *p, struct at_json_frame *frame)
{
    for (size_t i = 0; i < frame->desc->field_count; i++) {
        const struct atoll_field_desc *f = at_pb_field(frame->desc, i);

        if ((f->flags & ATOLL_FIELD_REQUIRED) != 0 && !at_pb_has(f, frame->message)) {
            frame->field = f;
            return refuse(p, "is required and not there");
        }
    }
    return 0;
}

static int end_message(struct at_json_parser *p, struct at_json_frame *frame)
{
    int r = 0;

    if ((frame->desc->flags & ATOLL_MESSAGE_HAS_REQUIRED) != 0) {
        r = check_required(p, frame);
    }
    if (r == 0 && frame->any != NULL) {
        r = at_json_end_any(p, frame);
    }
    p->depth -= r == 0;
    return r;
}

/* The field that is likely to come, when it does: its name and colon are taken. Else NULL. */
static const struct atoll_field_desc *take_likely(struct at_json_parser *p,
                                                  struct at_json_frame *frame)
{
    const struct atoll_field_desc *f;

    if (frame->next >= frame->desc->field_count || frame->any != NULL) {
        return NULL;
    }
    f = at_pb_field(frame->desc, frame->next);
    if (!at_json_take_key(&p->reader, at_pb_json_name(frame->desc, f))) {
        return NULL;
    }
    frame->next++;
    return f;
}

/*
 * The next name: a field of the message, or *ret is NULL: a member that is stepped over, or (*ret_done)
 * there is nothing more to do for it.
 */
static int read_name(struct at_json_parser *p, struct at_json_frame *frame,
                     const struct atoll_field_desc **ret, bool *ret_done)
{
    struct at_json_token token;
    struct atoll_str text;
    struct at_bytes name;
    int r;

    if (at_json_next(&p->reader, &token) == AT_JSON_ERROR) {
        return AT_JSON_BAD_TEXT;
    }
    if (token.kind == AT_JSON_OBJECT_END) {
        *ret_done = true;
        return end_message(p, frame);
    }
    r = at_json_token_string(&token, arena_of(p), &text);
    if (r < 0) {
        return r;
    }
    name = at_bytes_over(text.at, text.len);
    if (frame->any != NULL) {
        r = at_json_any_member(p, frame, name, ret_done);
        if (r != 0 || *ret_done) {
            return r;
        }
    }
    *ret = at_json_find_field(&p->source.names, frame->desc, &frame->next, name);
    if (*ret == NULL && (p->flags & AT_JSON_IGNORE_UNKNOWN) == 0) {
        p->bad_name = name;
        return AT_JSON_BAD_VALUE;
    }
    return 0;
}

static int step_message(struct at_json_parser *p, struct at_json_frame *frame)
{
    struct at_json_token token;
    const struct atoll_field_desc *f;
    bool done = false;
    int r = 0;

    frame->field = NULL;
    f = take_likely(p, frame);
    if (f == NULL) {
        r = read_name(p, frame, &f, &done);
    }
    if (r != 0 || done) {
        return r;
    }
    frame->field = f;
    if (f != NULL && mark_seen(frame, f)) {
        return refuse(p, "is there twice");
    }
    if (at_json_next(&p->reader, &token) == AT_JSON_ERROR) {
        return AT_JSON_BAD_TEXT;
    }
    if (f == NULL) {
        return at_json_skip(&p->reader, &token) ? 0 : AT_JSON_BAD_TEXT;
    }
    return read_field(p, frame, f, &token);
}

static struct at_pb_array *array_of(const struct at_json_frame *frame)
{
    return (struct at_pb_array *)(void *)(frame->message + frame->field->offset);
}

static int append(struct at_json_parser *p, struct at_json_frame *frame, void **ret)
{
    size_t size = at_pb_value_size(frame->desc, frame->field);
    int r = at_pb_array_append(array_of(frame), size, 4, arena_of(p), ret);

    if (r > 0) {
        return refuse(p, "has more elements than the limit of 16777216");
    }
    if (r == 0) {
        memset(*ret, 0, size); /* a message is made empty when it begins */
    }
    return r;
}

/* The list or map ends; of a Struct or ListValue the message with it. */
static int end_repeated(struct at_json_parser *p, struct at_json_frame *frame)
{
    frame->inside = AT_JSON_IN_MESSAGE;
    return frame->bare ? end_message(p, frame) : 0;
}

static int step_list(struct at_json_parser *p, struct at_json_frame *frame)
{
    struct at_json_token token;
    void *slot;
    int r;

    if (at_json_next(&p->reader, &token) == AT_JSON_ERROR) {
        return AT_JSON_BAD_TEXT;
    }
    if (token.kind == AT_JSON_ARRAY_END) {
        return end_repeated(p, frame);
    }
    r = append(p, frame, &slot);
    if (r != 0) {
        return r;
    }
    if (token.kind == AT_JSON_NULL && !at_json_takes_null(frame->desc, frame->field)) {
        return refuse(p, "null cannot stand in a list");
    }
    r = read_value(p, frame->desc, frame->field, &token, slot);
    if (may_skip(p, r)) {
        array_of(frame)->count--;
        r = 0;
    }
    return r;
}

static int end_map(struct at_json_parser *p, struct at_json_frame *frame)
{
    struct at_pb_array *array = array_of(frame);
    size_t count = array->count;
    int r = 0;

    if (count > 1) {
        r = at_pb_merge_map(at_pb_sub(frame->desc, frame->field), array, arena_of(p));
    }
    if (r == 0 && array->count < count) {
        frame->inside = AT_JSON_IN_MESSAGE; /* it is the map that has it, not one of its entries */
        return refuse(p, "has a key twice");
    }
    return r != 0 ? r : end_repeated(p, frame);
}

/* An entry for the key that was read. */
static int read_key(struct at_json_parser *p, struct at_json_frame *frame,
                    const struct at_json_token *token, uint8_t **ret)
{
    const struct atoll_message_desc *entry = at_pb_sub(frame->desc, frame->field);
    const struct atoll_field_desc *key = at_pb_field(entry, 0);
    struct atoll_str name;
    void *slot;
    int r = append(p, frame, &slot);

    if (r != 0) {
        return r;
    }
    at_pb_init(entry, slot);
    at_json_set_present(key, slot);
    *ret = slot;
    r = at_json_token_string(token, arena_of(p), &name);
    return r != 0 ? r
                  : at_json_read_key(entry, key, at_bytes_over(name.at, name.len), &p->source,
                                     *ret + key->offset);
}

/* One entry: the key is text, whatever its type; the value as if it were the entry's field. */
static int step_map(struct at_json_parser *p, struct at_json_frame *frame)
{
    const struct atoll_message_desc *entry = at_pb_sub(frame->desc, frame->field);
    const struct atoll_field_desc *value = at_pb_field(entry, 1);
    struct at_json_token token;
    uint8_t *slot = NULL;
    int r;

    if (at_json_next(&p->reader, &token) == AT_JSON_ERROR) {
        return AT_JSON_BAD_TEXT;
    }
    if (token.kind == AT_JSON_OBJECT_END) {
        return end_map(p, frame);
    }
    r = read_key(p, frame, &token, &slot);
    if (r != 0) {
        return r;
    }
    if (at_json_next(&p->reader, &token) == AT_JSON_ERROR) {
        return AT_JSON_BAD_TEXT;
    }
    if (token.kind == AT_JSON_NULL && !at_json_takes_null(entry, value)) {
        return refuse(p, "null cannot stand in a map");
    }
    at_json_set_present(value, slot);
    r = read_value(p, entry, value, &token, slot + value->offset);
    if (may_skip(p, r)) {
        array_of(frame)->count--;
        r = 0;
    }
    return r;
}

/* Until the frames are done: all of them, or with field_only the value of the field. */
static int run(struct at_json_parser *p)
{
    struct at_json_token token;
    int r = 0;

    while (r == 0 && p->depth > 0) {
        struct at_json_frame *frame = at_json_top(p);

        if (p->field_only && p->depth == 1 && frame->inside == AT_JSON_IN_MESSAGE) {
            break;
        }
        if (frame->inside == AT_JSON_IN_LIST) {
            r = step_list(p, frame);
        } else if (frame->inside == AT_JSON_IN_MAP) {
            r = step_map(p, frame);
        } else {
            r = step_message(p, frame);
        }
    }
    if (r == 0 && at_json_next(&p->reader, &token) != AT_JSON_END) {
        r = AT_JSON_BAD_TEXT;
    }
    return r;
}

static void init(struct at_json_parser *p, const struct at_json_how *how, struct at_bytes json,
                 struct at_arena *arena)
{
    at_json_reader_init(&p->reader, json);
    p->source.names = (struct at_json_names){.arena = arena};
    p->source.why[0] = '\0';
    p->types = how->types;
    p->flags = how->flags;
    p->depth = 0;
    p->anys = 0;
    p->field_only = false;
    p->bad_name = (struct at_bytes){0};
}

static int finish(const struct at_json_parser *p, const struct at_json_how *how, int r)
{
    r = r == AT_JSON_UNKNOWN_VALUE ? AT_JSON_BAD_VALUE : r;
    if (r > 0 && how->fault != NULL) {
        at_json_explain(p, r, how->fault);
    }
    return r;
}

int at_json_read_message(const struct at_json_how *how, const struct atoll_message_desc *desc,
                         struct at_bytes json, struct at_arena *arena, void *message)
{
    __attribute__((uninitialized)) struct at_json_parser p;
    struct at_json_token token;
    int r;

    init(&p, how, json, arena);
    if (at_json_next(&p.reader, &token) == AT_JSON_ERROR) {
        at_pb_init(desc, message);
        r = AT_JSON_BAD_TEXT;
    } else {
        r = at_json_begin(&p, desc, &token, message, 1);
        r = r == 0 ? run(&p) : r;
    }
    return finish(&p, how, r);
}

int at_json_read_field(const struct at_json_how *how, const struct atoll_message_desc *desc,
                       const struct atoll_field_desc *field, struct at_bytes json,
                       struct at_arena *arena, void *message)
{
    __attribute__((uninitialized)) struct at_json_parser p;
    struct at_json_token token;
    int r;

    init(&p, how, json, arena);
    p.field_only = true;
    r = at_json_push(&p, desc, message, 1);
    if (r == 0) {
        p.frames[0].field = field;
        r = at_json_next(&p.reader, &token) == AT_JSON_ERROR
                ? AT_JSON_BAD_TEXT
                : read_field(&p, &p.frames[0], field, &token);
    }
    r = r == 0 ? run(&p) : r;
    return finish(&p, how, r);
}

int at_json_to_message(const struct atoll_message_desc *desc, struct at_bytes json, uint32_t flags,
                       struct at_arena *arena, void *message, struct at_pb_fault *fault)
{
    return at_json_read_message(&(struct at_json_how){.flags = flags, .fault = fault}, desc, json,
                                arena, message);
}

int at_json_to_field(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                     struct at_bytes json, uint32_t flags, struct at_arena *arena, void *message,
                     struct at_pb_fault *fault)
{
    return at_json_read_field(&(struct at_json_how){.flags = flags, .fault = fault}, desc, field,
                              json, arena, message);
}
