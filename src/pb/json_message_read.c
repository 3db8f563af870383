/*
 * JSON to message: one loop over tokens, one stack of frames. A frame is a message that is being
 * filled; inside of it we may be in the list or the map of one of its fields.
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
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/json_value.h"
#include "pb/limits.h"
#include "pb/table.h"

enum inside { IN_MESSAGE, IN_LIST, IN_MAP };

struct frame {
    const struct atoll_message_desc *desc;
    uint8_t *message;
    const struct atoll_field_desc *field; /* in work; NULL: none yet */
    uint64_t *seen;                       /* a bit per field that was there; NULL: seen_few */
    uint64_t seen_few;
    uint8_t inside; /* enum inside, of field */
};

struct parser {
    struct at_json_reader reader;
    struct at_arena *arena;
    uint32_t flags;
    int result;
    size_t depth;
    bool field_only;          /* the text is the value of one field, not a message */
    struct at_bytes bad_name; /* a member that the message does not have */
    char why[AT_JSON_WHY_MAX];
    struct frame frames[AT_PB_DEPTH_MAX];
};

static int refuse(struct parser *p, const char *why)
{
    (void)snprintf(p->why, sizeof(p->why), "%s", why);
    return AT_JSON_BAD_VALUE;
}

/* Ends with a NUL. */
static const char *json_name(const struct atoll_message_desc *desc,
                             const struct atoll_field_desc *f)
{
    return (const char *)at_pb_json_name(desc, f).at;
}

static int push(struct parser *p, const struct atoll_message_desc *desc, void *message)
{
    struct frame *frame;
    uint64_t *seen = NULL;

    if (p->depth == AT_PB_DEPTH_MAX) {
        return refuse(p, "is nested deeper than 100 messages");
    }
    if (desc->field_count > 64) {
        seen = at_arena_zalloc(p->arena, (desc->field_count + 63) / 64, sizeof(*seen));
        if (seen == NULL) {
            return -ENOMEM;
        }
    }
    frame = &p->frames[p->depth++];
    *frame = (struct frame){.desc = desc, .message = message, .seen = seen};
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

static struct at_pb_array *array_of(const struct frame *frame)
{
    return (struct at_pb_array *)(frame->message + frame->field->offset);
}

static int append(struct parser *p, struct frame *frame, void **ret)
{
    size_t size = at_pb_value_size(frame->desc, frame->field);
    int r = at_pb_array_append(array_of(frame), size, 4, p->arena, ret);

    if (r > 0) {
        return refuse(p, "has more elements than the limit of 16777216");
    }
    if (r == 0) {
        memset(*ret, 0, size);
    }
    return r;
}

/* A value of the field's own type (of an element's, when repeated) goes to value. */
static int read_value(struct parser *p, const struct atoll_message_desc *desc,
                      const struct atoll_field_desc *f, const struct at_json_token *token,
                      void *value)
{
    const struct atoll_message_desc *of;
    void *message = value;

    if (!at_pb_is_message(f)) {
        return at_json_read_scalar(desc, f, token, p->arena, value, p->why);
    }
    if (token->kind != AT_JSON_OBJECT) {
        return refuse(p, "expected an object");
    }
    of = at_pb_sub(desc, f);
    if (!at_pb_is_repeated(f)) {
        message = at_arena_alloc(p->arena, of->struct_size, 8);
        if (message == NULL) {
            return -ENOMEM;
        }
        *(void **)value = message;
    }
    at_pb_init(of, message);
    return push(p, of, message);
}

static int mark_present(struct parser *p, struct frame *frame, const struct atoll_field_desc *f)
{
    uint32_t *which = (uint32_t *)(frame->message + f->presence);

    if (at_pb_form(f) == ATOLL_FORM_OPTIONAL) {
        *(bool *)(frame->message + f->presence) = true;
    } else if (at_pb_form(f) == ATOLL_FORM_ONEOF) {
        const struct atoll_field_desc *other = at_pb_find(frame->desc, *which);

        if (*which != 0 && *which != at_pb_number(f)) {
            (void)snprintf(p->why, sizeof(p->why), "%s is there already, only one of them may be",
                           other == NULL ? "another" : json_name(frame->desc, other));
            return AT_JSON_BAD_VALUE;
        }
        *which = at_pb_number(f);
    }
    return 0;
}

/* The value behind the name of a field. */
static int read_field(struct parser *p, struct frame *frame, const struct atoll_field_desc *f,
                      const struct at_json_token *token)
{
    int r;

    frame->field = f;
    if (token->kind == AT_JSON_NULL) {
        return 0;
    }
    if (at_pb_is_repeated(f)) {
        bool map = at_pb_is_map(f);

        if (token->kind != (map ? AT_JSON_OBJECT : AT_JSON_ARRAY)) {
            return refuse(p, map ? "expected an object" : "expected a list");
        }
        frame->inside = map ? IN_MAP : IN_LIST;
        return 0;
    }
    r = mark_present(p, frame, f);
    return r != 0 ? r : read_value(p, frame->desc, f, token, frame->message + f->offset);
}

static int step_message(struct parser *p, struct frame *frame)
{
    struct at_json_token token;
    const struct atoll_field_desc *f;
    struct atoll_str name;
    int r;

    frame->field = NULL;
    if (at_json_next(&p->reader, &token) == AT_JSON_ERROR) {
        return AT_JSON_BAD_TEXT;
    }
    if (token.kind == AT_JSON_OBJECT_END) {
        p->depth--;
        return 0;
    }
    r = at_json_token_string(&token, p->arena, &name);
    if (r < 0) {
        return r;
    }
    f = at_pb_field_by_name(frame->desc, at_bytes_over(name.at, name.len));
    if (f == NULL && (p->flags & AT_JSON_IGNORE_UNKNOWN) == 0) {
        p->bad_name = at_bytes_over(name.at, name.len);
        return AT_JSON_BAD_VALUE;
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

static int step_list(struct parser *p, struct frame *frame)
{
    struct at_json_token token;
    void *slot;
    int r;

    if (at_json_next(&p->reader, &token) == AT_JSON_ERROR) {
        return AT_JSON_BAD_TEXT;
    }
    if (token.kind == AT_JSON_ARRAY_END) {
        frame->inside = IN_MESSAGE;
        return 0;
    }
    r = append(p, frame, &slot);
    return r != 0 ? r : read_value(p, frame->desc, frame->field, &token, slot);
}

/* In proto2 key and value have presence. */
static void mark_entry(const struct atoll_field_desc *f, uint8_t *entry)
{
    if (at_pb_form(f) == ATOLL_FORM_OPTIONAL) {
        *(bool *)(entry + f->presence) = true;
    }
}

/* One entry: the key is text, whatever its type; the value as if it were the entry's field. */
static int step_map(struct parser *p, struct frame *frame)
{
    const struct atoll_message_desc *entry = at_pb_sub(frame->desc, frame->field);
    const struct atoll_field_desc *key = at_pb_field(entry, 0);
    const struct atoll_field_desc *value = at_pb_field(entry, 1);
    struct at_json_token token;
    struct atoll_str name;
    void *slot;
    int r;

    if (at_json_next(&p->reader, &token) == AT_JSON_ERROR) {
        return AT_JSON_BAD_TEXT;
    }
    if (token.kind == AT_JSON_OBJECT_END) {
        frame->inside = IN_MESSAGE;
        return 0;
    }
    r = append(p, frame, &slot);
    if (r == 0) {
        mark_entry(key, slot);
        mark_entry(value, slot);
        r = at_json_token_string(&token, p->arena, &name);
    }
    if (r == 0) {
        r = at_json_read_text(entry, key, at_bytes_over(name.at, name.len), p->arena,
                              (uint8_t *)slot + key->offset, p->why);
    }
    if (r != 0) {
        return r;
    }
    if (at_json_next(&p->reader, &token) == AT_JSON_ERROR) {
        return AT_JSON_BAD_TEXT;
    }
    return token.kind == AT_JSON_NULL
               ? refuse(p, "null cannot stand in a map")
               : read_value(p, entry, value, &token, (uint8_t *)slot + value->offset);
}

/* Until the frames are done: all of them, or with field_only the value of the field. */
static int run(struct parser *p)
{
    struct at_json_token token;
    int r = 0;

    while (r == 0 && p->depth > 0) {
        struct frame *frame = &p->frames[p->depth - 1];

        if (p->field_only && p->depth == 1 && frame->inside == IN_MESSAGE) {
            break;
        }
        if (frame->inside == IN_LIST) {
            r = step_list(p, frame);
        } else if (frame->inside == IN_MAP) {
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

enum { NAME_SHOWN_MAX = 64 };

/* A member's name as the client wrote it, cut and without what a terminal would obey. */
static void show_name(struct at_bytes name, char shown[NAME_SHOWN_MAX + 1])
{
    size_t len = 0;

    for (size_t i = 0; i < name.len && len < NAME_SHOWN_MAX; i++) {
        shown[len++] = (char)(name.at[i] >= 0x20 && name.at[i] < 0x7F ? name.at[i] : '?');
    }
    shown[len] = '\0';
}

static size_t add_name(char *out, size_t len, const char *name)
{
    int n;

    if (len >= AT_PB_FIELD_PATH_MAX - 1) {
        return len;
    }
    n = snprintf(out + len, AT_PB_FIELD_PATH_MAX - len, "%s%s", len == 0 ? "" : ".", name);
    len += n < 0 ? 0 : (size_t)n;
    return len < AT_PB_FIELD_PATH_MAX ? len : AT_PB_FIELD_PATH_MAX - 1;
}

/* nameless: the text is the field's value, so its name was not written. */
static size_t add_step(char *out, size_t len, const struct frame *frame, bool nameless)
{
    int n;

    if (frame->field == NULL) {
        return len;
    }
    len = nameless ? len : add_name(out, len, json_name(frame->desc, frame->field));
    if (frame->inside != IN_MESSAGE && len < AT_PB_FIELD_PATH_MAX - 1) {
        size_t count = array_of(frame)->count;

        n = snprintf(out + len, AT_PB_FIELD_PATH_MAX - len, "[%zu]", count > 0 ? count - 1 : 0);
        len += n < 0 ? 0 : (size_t)n;
    }
    return len < AT_PB_FIELD_PATH_MAX ? len : AT_PB_FIELD_PATH_MAX - 1;
}

/* "the message has no field itemid; did you mean itemId?" */
static void explain_name(const struct atoll_message_desc *desc, struct at_bytes name,
                         char out[AT_PB_WHAT_MAX])
{
    enum { NAMES_MAX = 128 };
    const char *names[NAMES_MAX];
    size_t n = desc->field_count < NAMES_MAX ? desc->field_count : NAMES_MAX;
    const char *nearest;
    char shown[NAME_SHOWN_MAX + 1];

    for (size_t i = 0; i < n; i++) {
        names[i] = json_name(desc, at_pb_field(desc, i));
    }
    show_name(name, shown);
    nearest = at_text_nearest(name, names, n);
    (void)snprintf(out, AT_PB_WHAT_MAX, "%s has no field \"%s\"%s%s%s", desc->full_name, shown,
                   nearest == NULL ? "" : "; did you mean \"", nearest == NULL ? "" : nearest,
                   nearest == NULL ? "" : "\"?");
}

static void explain(const struct parser *p, int result, struct at_pb_fault *fault)
{
    size_t len = 0;

    *fault = (struct at_pb_fault){.offset = (size_t)(p->reader.token_at - p->reader.start)};
    at_json_place(&p->reader, &fault->line, &fault->col);
    for (size_t i = 0; i < p->depth; i++) {
        len = add_step(fault->field, len, &p->frames[i], p->field_only && i == 0);
    }
    if (p->bad_name.at != NULL) {
        char shown[NAME_SHOWN_MAX + 1];

        show_name(p->bad_name, shown);
        (void)add_name(fault->field, len, shown);
        explain_name(p->frames[p->depth - 1].desc, p->bad_name, fault->what);
        return;
    }
    if (result == AT_JSON_BAD_TEXT) {
        (void)snprintf(fault->what, sizeof(fault->what), "line %d, column %d: %s", fault->line,
                       fault->col, p->reader.wrong == NULL ? "not JSON" : p->reader.wrong);
        return;
    }
    (void)snprintf(fault->what, sizeof(fault->what), "%s%s%s%s", len == 0 ? "" : "field ",
                   fault->field, len == 0 ? "" : ": ", p->why);
}

static void init(struct parser *p, struct at_bytes json, uint32_t flags, struct at_arena *arena)
{
    at_json_reader_init(&p->reader, json);
    p->arena = arena;
    p->flags = flags;
    p->depth = 0;
    p->field_only = false;
    p->bad_name = (struct at_bytes){0};
    p->why[0] = '\0';
}

int at_json_to_message(const struct atoll_message_desc *desc, struct at_bytes json, uint32_t flags,
                       struct at_arena *arena, void *message, struct at_pb_fault *fault)
{
    __attribute__((uninitialized)) struct parser p;
    struct at_json_token token;
    int r;

    init(&p, json, flags, arena);
    at_pb_init(desc, message);
    if (at_json_next(&p.reader, &token) == AT_JSON_ERROR) {
        r = AT_JSON_BAD_TEXT;
    } else if (token.kind != AT_JSON_OBJECT) {
        r = refuse(&p, "expected an object");
    } else {
        r = push(&p, desc, message);
        r = r == 0 ? run(&p) : r;
    }
    if (r > 0 && fault != NULL) {
        explain(&p, r, fault);
    }
    return r;
}

int at_json_to_field(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                     struct at_bytes json, uint32_t flags, struct at_arena *arena, void *message,
                     struct at_pb_fault *fault)
{
    __attribute__((uninitialized)) struct parser p;
    struct at_json_token token;
    int r;

    init(&p, json, flags, arena);
    p.field_only = true;
    r = push(&p, desc, message);
    if (r == 0) {
        p.frames[0].field = field;
        r = at_json_next(&p.reader, &token) == AT_JSON_ERROR
                ? AT_JSON_BAD_TEXT
                : read_field(&p, &p.frames[0], field, &token);
    }
    r = r == 0 ? run(&p) : r;
    if (r > 0 && fault != NULL) {
        explain(&p, r, fault);
    }
    return r;
}

/* Steps into the sub-message that a part of a path names, making it when it is absent. */
static int descend(const struct atoll_message_desc *of, const struct atoll_field_desc *f,
                   struct at_arena *arena, uint8_t **message)
{
    uint8_t *value = *message + f->offset;

    if (at_pb_form(f) == ATOLL_FORM_ONEOF) {
        uint32_t *which = (uint32_t *)(*message + f->presence);

        if (*which != at_pb_number(f)) {
            *which = at_pb_number(f);
            *(void **)value = NULL;
        }
    }
    if (*(void **)value == NULL) {
        void *made = at_arena_alloc(arena, of->struct_size, 8);

        if (made == NULL) {
            return -ENOMEM;
        }
        at_pb_init(of, made);
        *(void **)value = made;
    }
    *message = *(uint8_t **)value;
    return 0;
}

static int set_text(const struct atoll_message_desc *desc, const struct atoll_field_desc *f,
                    struct at_bytes text, struct at_arena *arena, uint8_t *message,
                    char why[AT_JSON_WHY_MAX])
{
    void *value = message + f->offset;
    int r;

    if (at_pb_is_message(f)) {
        (void)snprintf(why, AT_JSON_WHY_MAX, "is a message and has no plain text form");
        return AT_JSON_BAD_VALUE;
    }
    if (at_pb_is_repeated(f)) {
        size_t size = at_pb_value_size(desc, f);

        r = at_pb_array_append((struct at_pb_array *)value, size, 4, arena, &value);
        if (r != 0) {
            (void)snprintf(why, AT_JSON_WHY_MAX, "has too many values");
            return r < 0 ? r : AT_JSON_BAD_VALUE;
        }
        memset(value, 0, size);
    } else if (at_pb_form(f) == ATOLL_FORM_OPTIONAL) {
        *(bool *)(message + f->presence) = true;
    } else if (at_pb_form(f) == ATOLL_FORM_ONEOF) {
        *(uint32_t *)(message + f->presence) = at_pb_number(f);
    }
    return at_json_read_text(desc, f, text, arena, value, why);
}

int at_json_set_from_text(const struct atoll_message_desc *desc, struct at_bytes path,
                          struct at_bytes text, struct at_arena *arena, void *message,
                          struct at_pb_fault *fault)
{
    char why[AT_JSON_WHY_MAX] = "";
    struct at_bytes rest = path;
    struct at_bytes name;
    uint8_t *here = message;
    int r = AT_JSON_BAD_VALUE;
    struct at_pb_fault local;

    fault = fault == NULL ? &local : fault;
    *fault = (struct at_pb_fault){0};
    while (at_bytes_cut(&rest, '.', &name)) {
        const struct atoll_field_desc *f = at_pb_field_by_name(desc, name);

        if (f == NULL) {
            explain_name(desc, name, fault->what);
            return AT_JSON_BAD_VALUE;
        }
        if (rest.len == 0) {
            r = set_text(desc, f, text, arena, here, why);
            break;
        }
        if (!at_pb_is_message(f) || at_pb_is_repeated(f)) {
            (void)snprintf(why, sizeof(why), "has no fields of its own");
            r = AT_JSON_BAD_VALUE;
            break;
        }
        desc = at_pb_sub(desc, f);
        r = descend(desc, f, arena, &here);
        if (r < 0) {
            return r;
        }
    }
    if (r > 0) {
        (void)snprintf(fault->field, sizeof(fault->field), "%.*s",
                       (int)(path.len < 100 ? path.len : 100), (const char *)path.at);
        (void)snprintf(fault->what, sizeof(fault->what), "field %s: %s", fault->field, why);
    }
    return r;
}
