/*
 * Text format to message: one loop over tokens, one stack of frames. A frame is a message that is
 * being filled; inside of it we may be in the list of one of its fields. The frame of an expanded
 * Any fills a message of the type that it names; when it is done, its bytes go into the Any.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json_message.h"
#include "pb/limits.h"
#include "pb/map.h"
#include "pb/pbtext.h"
#include "pb/pbtext_token.h"
#include "pb/pbtext_value.h"
#include "pb/table.h"

struct frame {
    const struct atoll_message_desc *desc;
    uint8_t *message;
    const struct atoll_field_desc *field; /* in work; NULL: none */
    uint64_t *seen;                       /* a bit per field that was there; NULL: seen_few */
    uint64_t seen_few;
    struct atoll_str type_url; /* of an expanded Any: goes into the frame below; at NULL: none */
    char close;                /* ends the message; 0: the end of the text */
    bool in_list;
    bool may_separate; /* a field was read, a ';' or ',' may follow */
};

struct parser {
    struct at_pbtext_lexer lexer;
    const struct at_pbtext_how *how;
    struct at_arena *arena;
    size_t depth;
    const uint8_t *bad_at;
    char why[AT_PB_WHAT_MAX - AT_PB_FIELD_PATH_MAX];
    char bracket_name[AT_PBTEXT_NAME_MAX];
    struct frame frames[AT_PB_DEPTH_MAX];
};

static int refuse(struct parser *p, const uint8_t *at, const char *why)
{
    p->bad_at = at;
    (void)snprintf(p->why, sizeof(p->why), "%.*s", (int)sizeof(p->why) - 1, why);
    return AT_PBTEXT_BAD_VALUE;
}

/* The token is not what belongs here. */
static int unexpected(struct parser *p, const struct at_pbtext_token *token, const char *expected)
{
    char shown[AT_PBTEXT_SHOWN_MAX + 4];

    p->bad_at = token->at;
    if (token->kind != AT_PBTEXT_ERROR) {
        at_pbtext_show(token->text, shown);
        (void)snprintf(p->why, sizeof(p->why), "expected %s, found %s", expected,
                       token->kind == AT_PBTEXT_END ? "the end of the text" : shown);
    }
    return AT_PBTEXT_BAD_TEXT;
}

/* A message that begins: empty, with its defaults. */
static int push(struct parser *p, const struct atoll_message_desc *desc, void *message, char close)
{
    uint64_t *seen = NULL;

    at_pb_init(desc, message); /* the message around it has it already, whatever follows */
    if (p->depth == AT_PB_DEPTH_MAX) {
        return refuse(p, p->lexer.at, "is nested deeper than 100 messages");
    }
    if (desc->field_count > 64) {
        seen = at_arena_zalloc(p->arena, (desc->field_count + 63) / 64, sizeof(*seen));
        if (seen == NULL) {
            return -ENOMEM;
        }
    }
    p->frames[p->depth++] =
        (struct frame){.desc = desc, .message = message, .seen = seen, .close = close};
    return 0;
}

static bool mark_seen(struct frame *frame, const struct atoll_field_desc *f)
{
    size_t i = at_pb_index(frame->desc, f);
    uint64_t *word = frame->seen == NULL ? &frame->seen_few : &frame->seen[i / 64];
    uint64_t bit = 1ULL << (i % 64);
    bool was = (*word & bit) != 0;

    *word |= bit;
    return was;
}

/* A field that has room for one value gets its only one. */
static int mark_present(struct parser *p, struct frame *frame, const struct atoll_field_desc *f,
                        const uint8_t *at)
{
    uint32_t *which = (uint32_t *)(frame->message + f->presence);

    if (mark_seen(frame, f)) {
        return refuse(p, at, "is there twice");
    }
    if (at_pb_form(f) == ATOLL_FORM_OPTIONAL) {
        *(bool *)(frame->message + f->presence) = true;
    } else if (at_pb_form(f) == ATOLL_FORM_ONEOF) {
        if (*which != 0) {
            return refuse(p, at, "belongs to a oneof that has another member already");
        }
        *which = at_pb_number(f);
    }
    return 0;
}

/* ---- values ---- */

/* Where the next value of the field goes. */
static int make_room(struct parser *p, struct frame *frame, const uint8_t *at, void **ret)
{
    const struct atoll_field_desc *f = frame->field;
    size_t size;
    int r;

    *ret = frame->message + f->offset;
    if (!at_pb_is_repeated(f)) {
        return mark_present(p, frame, f, at);
    }
    size = at_pb_value_size(frame->desc, f);
    r = at_pb_array_append((struct at_pb_array *)*ret, size, 4, p->arena, ret);
    if (r > 0) {
        return refuse(p, at, "has more elements than the limit of 16777216");
    }
    if (r == 0) {
        memset(*ret, 0, size);
    }
    return r;
}

/* Behind the '{' or '<' of a message field. */
static int begin_message(struct parser *p, struct frame *frame, void *value, char close)
{
    const struct atoll_message_desc *of = at_pb_sub(frame->desc, frame->field);
    void *message = value;

    if (!at_pb_is_repeated(frame->field)) {
        message = at_arena_alloc(p->arena, of->struct_size, 8);
        if (message == NULL) {
            return -ENOMEM;
        }
        *(void **)value = message;
    }
    return push(p, of, message, close);
}

static int read_value(struct parser *p, struct frame *frame)
{
    struct at_pbtext_token token = at_pbtext_peek(&p->lexer);
    struct at_pbtext_source source = {.lexer = &p->lexer, .arena = p->arena, .why = p->why};
    void *value;
    int r = make_room(p, frame, token.at, &value);

    if (r != 0) {
        return r;
    }
    if (!at_pb_is_message(frame->field)) {
        r = at_pbtext_read_scalar(&source, frame->desc, frame->field, value);
        p->bad_at = r > 0 ? source.bad_at : p->bad_at;
        return r;
    }
    (void)at_pbtext_next(&p->lexer);
    if (!at_pbtext_is(&token, '{') && !at_pbtext_is(&token, '<')) {
        return unexpected(p, &token, "{ before the fields of a message");
    }
    return begin_message(p, frame, value, token.text.at[0] == '{' ? '}' : '>');
}

/* Behind the name of a field. */
static int read_field(struct parser *p, struct frame *frame)
{
    struct at_pbtext_token token = at_pbtext_peek(&p->lexer);

    if (at_pbtext_is(&token, ':')) {
        (void)at_pbtext_next(&p->lexer);
        token = at_pbtext_peek(&p->lexer);
    } else if (!at_pb_is_message(frame->field)) {
        return unexpected(p, &token, "a colon");
    }
    frame->may_separate = true;
    if (!at_pbtext_is(&token, '[')) {
        return read_value(p, frame);
    }
    if (!at_pb_is_repeated(frame->field)) {
        return refuse(p, token.at, "is not repeated, a list cannot stand here");
    }
    (void)at_pbtext_next(&p->lexer);
    token = at_pbtext_peek(&p->lexer);
    if (at_pbtext_is(&token, ']')) {
        (void)at_pbtext_next(&p->lexer);
        return 0;
    }
    frame->in_list = true;
    return read_value(p, frame);
}

/* Behind an element of a list. */
static int step_list(struct parser *p, struct frame *frame)
{
    struct at_pbtext_token token = at_pbtext_next(&p->lexer);

    if (at_pbtext_is(&token, ']')) {
        frame->in_list = false;
        return 0;
    }
    return at_pbtext_is(&token, ',') ? read_value(p, frame) : unexpected(p, &token, "a comma or ]");
}

/* ---- Any ---- */

/* Behind [type.googleapis.com/pkg.Name]: the message that it holds begins. */
static int begin_any(struct parser *p, struct frame *frame, const uint8_t *at, struct at_bytes name)
{
    struct at_bytes type = at_pbtext_type_name(name);
    const struct atoll_field_desc *url;
    const struct atoll_field_desc *value;
    const struct atoll_message_desc *of = NULL;
    struct at_pbtext_token token = at_pbtext_next(&p->lexer);
    char *copy = at_arena_copy(p->arena, name);
    void *message;
    int r;

    if (!at_pbtext_any_fields(frame->desc, &url, &value)) {
        return refuse(p, at, "only google.protobuf.Any can hold a message of any type");
    }
    if (mark_seen(frame, url) || mark_seen(frame, value)) {
        return refuse(p, at, "this Any has a content already");
    }
    if (type.len > 0 && p->how->types != NULL) {
        of = p->how->types->find(p->how->types->ctx, type);
    }
    if (of == NULL) {
        return refuse(p, at, "the type of this Any is not known here");
    }
    token = at_pbtext_is(&token, ':') ? at_pbtext_next(&p->lexer) : token;
    if (!at_pbtext_is(&token, '{') && !at_pbtext_is(&token, '<')) {
        return unexpected(p, &token, "{ before the fields of a message");
    }
    message = at_arena_alloc(p->arena, of->struct_size, 8);
    if (message == NULL || copy == NULL) {
        return -ENOMEM;
    }
    frame->field = value;
    frame->may_separate = true;
    r = push(p, of, message, token.text.at[0] == '{' ? '}' : '>');
    if (r == 0) {
        p->frames[p->depth - 1].type_url = (struct atoll_str){copy, name.len};
    }
    return r;
}

static int end_any(struct parser *p, const struct frame *done)
{
    struct frame *any = &p->frames[p->depth - 1];
    const struct atoll_field_desc *url = at_pb_find(any->desc, 1);
    const struct atoll_field_desc *value = at_pb_find(any->desc, 2);
    struct at_bytes wire;
    int r = at_pb_encode_in_arena(done->desc, done->message, p->arena, &wire);

    if (r > 0) {
        struct at_pb_fault fault;

        at_pb_explain_encode(done->desc, done->message, r, &fault);
        return refuse(p, p->lexer.at, fault.what);
    }
    if (r < 0) {
        return r;
    }
    *(struct atoll_str *)(any->message + url->offset) = done->type_url;
    *(struct atoll_str *)(any->message + value->offset) =
        (struct atoll_str){(const char *)wire.at, wire.len};
    return 0;
}

/* ---- fields and messages ---- */

/* A message is done: of equal keys the last one stays, and what is required must be there. */
static int settle(struct parser *p, struct frame *frame, const uint8_t *at)
{
    int r = 0;

    if ((frame->desc->flags & (ATOLL_MESSAGE_HAS_MAPS | ATOLL_MESSAGE_HAS_REQUIRED)) == 0) {
        return 0;
    }
    for (size_t i = 0; r == 0 && i < frame->desc->field_count; i++) {
        const struct atoll_field_desc *f = at_pb_field(frame->desc, i);

        if (at_pb_is_map(f)) {
            r = at_pb_merge_map(at_pb_sub(frame->desc, f),
                                (struct at_pb_array *)(frame->message + f->offset), p->arena);
        } else if ((f->flags & ATOLL_FIELD_REQUIRED) != 0 && !at_pb_has(f, frame->message)) {
            frame->field = f;
            r = refuse(p, at, "is required and not there");
        }
    }
    return r;
}

static int end_message(struct parser *p, struct frame *frame, const struct at_pbtext_token *token)
{
    struct frame done;
    int r;

    if (frame->close == 0 ? token->kind != AT_PBTEXT_END : !at_pbtext_is(token, frame->close)) {
        return unexpected(p, token,
                          frame->close == 0     ? "the name of a field"
                          : frame->close == '}' ? "the name of a field or }"
                                                : "the name of a field or >");
    }
    r = settle(p, frame, token->at);
    if (r != 0) {
        return r;
    }
    done = *frame;
    p->depth--;
    return done.type_url.at != NULL ? end_any(p, &done) : 0;
}

static const struct atoll_field_desc *find_field(const struct atoll_message_desc *desc,
                                                 struct at_bytes name, bool extension)
{
    const struct atoll_field_desc *group = NULL;

    for (size_t i = 0; i < desc->field_count; i++) {
        const struct atoll_field_desc *f = at_pb_field(desc, i);

        if (((f->flags & ATOLL_FIELD_EXTENSION) != 0) != extension) {
            continue;
        }
        if (at_bytes_equal(at_pb_name(desc, f), name)) {
            return f;
        }
        if (!extension && at_pb_type(f) == ATOLL_TYPE_GROUP &&
            at_bytes_equal(at_pbtext_group_name(at_pb_sub(desc, f)), name)) {
            group = f;
        }
    }
    return group;
}

/* "shop.Item has no field "prize"; did you mean "price"?" */
static int explain_name(struct parser *p, const struct frame *frame, const uint8_t *at,
                        struct at_bytes name, bool extension)
{
    enum { NAMES_MAX = 128 };
    const struct atoll_message_desc *desc = frame->desc;
    const char *names[NAMES_MAX];
    size_t n = 0;
    const char *nearest;
    char shown[AT_PBTEXT_SHOWN_MAX + 4];

    for (size_t i = 0; i < desc->field_count && n < NAMES_MAX; i++) {
        const struct atoll_field_desc *f = at_pb_field(desc, i);

        if (((f->flags & ATOLL_FIELD_EXTENSION) != 0) == extension) {
            names[n++] = (const char *)at_pb_name(desc, f).at;
        }
    }
    at_pbtext_show(name, shown);
    nearest = at_text_nearest(name, names, n);
    p->bad_at = at;
    (void)snprintf(p->why, sizeof(p->why), "%s has no field \"%s\"%s%s%s", desc->full_name, shown,
                   nearest == NULL ? "" : "; did you mean \"", nearest == NULL ? "" : nearest,
                   nearest == NULL ? "" : "\"?");
    return AT_PBTEXT_BAD_VALUE;
}

/* Behind a '[': an extension or the type in an Any. */
static int step_bracket(struct parser *p, struct frame *frame, const uint8_t *at)
{
    struct at_bytes name = {.at = (const uint8_t *)p->bracket_name};

    name.len = at_pbtext_bracket_name(&p->lexer, p->bracket_name, sizeof(p->bracket_name));
    if (name.len == 0) {
        p->bad_at = p->lexer.at;
        return AT_PBTEXT_BAD_TEXT;
    }
    if (at_bytes_index(name, '/') < name.len) {
        return begin_any(p, frame, at, name);
    }
    frame->field = find_field(frame->desc, name, true);
    return frame->field == NULL ? explain_name(p, frame, at, name, true) : read_field(p, frame);
}

static int step_message(struct parser *p, struct frame *frame)
{
    struct at_pbtext_token token = at_pbtext_next(&p->lexer);

    frame->field = NULL;
    if (frame->may_separate && (at_pbtext_is(&token, ',') || at_pbtext_is(&token, ';'))) {
        token = at_pbtext_next(&p->lexer);
    }
    frame->may_separate = false;
    if (at_pbtext_is(&token, '[')) {
        return step_bracket(p, frame, token.at);
    }
    if (token.kind != AT_PBTEXT_NAME) {
        return end_message(p, frame, &token);
    }
    frame->field = find_field(frame->desc, token.text, false);
    return frame->field == NULL ? explain_name(p, frame, token.at, token.text, false)
                                : read_field(p, frame);
}

/* ---- the whole ---- */

static size_t add_step(char *out, size_t len, const struct frame *frame)
{
    const struct at_pb_array *array;
    int n;

    if (frame->field == NULL || len >= AT_PB_FIELD_PATH_MAX - 1) {
        return len;
    }
    n = snprintf(out + len, AT_PB_FIELD_PATH_MAX - len, "%s%s", len == 0 ? "" : ".",
                 (const char *)at_pb_name(frame->desc, frame->field).at);
    len += n < 0 ? 0 : (size_t)n;
    if (at_pb_is_repeated(frame->field) && len < AT_PB_FIELD_PATH_MAX - 1) {
        array = (const struct at_pb_array *)(frame->message + frame->field->offset);
        n = snprintf(out + len, AT_PB_FIELD_PATH_MAX - len, "[%zu]",
                     array->count > 0 ? array->count - 1 : 0);
        len += n < 0 ? 0 : (size_t)n;
    }
    return len < AT_PB_FIELD_PATH_MAX ? len : AT_PB_FIELD_PATH_MAX - 1;
}

static void explain(const struct parser *p, struct at_pb_fault *fault)
{
    const uint8_t *at = p->bad_at == NULL ? p->lexer.at : p->bad_at;
    size_t len = 0;

    *fault = (struct at_pb_fault){.offset = (size_t)(at - p->lexer.start)};
    at_pbtext_place(&p->lexer, at, &fault->line, &fault->col);
    for (size_t i = 0; i < p->depth; i++) {
        len = add_step(fault->field, len, &p->frames[i]);
    }
    (void)snprintf(fault->what, sizeof(fault->what), "line %d, column %d: %s%s%s%s", fault->line,
                   fault->col, len == 0 ? "" : "field ", fault->field, len == 0 ? "" : ": ",
                   p->lexer.wrong != NULL ? p->lexer.wrong : p->why);
}

int at_pbtext_read(const struct at_pbtext_how *how, const struct atoll_message_desc *desc,
                   struct at_bytes text, struct at_arena *arena, void *message)
{
    __attribute__((uninitialized)) struct parser p;
    int r;

    p.lexer = at_pbtext_lexer_over(text);
    p.how = how;
    p.arena = arena;
    p.depth = 0;
    p.bad_at = NULL;
    p.why[0] = '\0';
    r = push(&p, desc, message, 0);
    while (r == 0 && p.depth > 0) {
        struct frame *frame = &p.frames[p.depth - 1];

        r = frame->in_list ? step_list(&p, frame) : step_message(&p, frame);
    }
    if (r > 0 && how->fault != NULL) {
        explain(&p, how->fault);
    }
    return r;
}
